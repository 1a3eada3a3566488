"""Study 04, drivers: the demo's truth is found; small surveys of every kind are modelled, or it is said why not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.studies import drivers as steps
from cam.studies.driver_items import words

ITEMS = ["item_service", "item_price", "item_opening_hours"]


def answers(n=600, *, seed=1, weights=(0.9, 0.4, 0.0), shift=(0.0, 0.0, 0.0), again=1, **columns):
    """Answers of 1 to 5 with a halo, and an NPS that service drives most, price less, opening hours not at all."""
    rng = np.random.default_rng(seed)
    felt = np.sqrt(0.3) * rng.normal(size=(n, 1)) + np.sqrt(0.7) * rng.normal(size=(n, 3)) + np.array(shift)
    given = 1 + np.digitize(felt, [-1.5, -0.8, 0.0, 0.9])
    nps = np.clip(np.round(6.5 + 1.3 * ((given - 3) @ np.array(weights)) + 1.5 * rng.normal(size=n)), 0, 10)
    return pd.DataFrame(given, columns=ITEMS).assign(
        response_date="2026-05-05",
        customer_id=[f"C{k:04d}" for k in rng.permutation(n) // again],
        nps=nps.astype(int),
        **columns,
    )


def run(study):
    """All steps, as the notebook calls them."""
    found = steps.weigh(study, steps.surveys(study))
    shown = steps.show_drivers(study, found)
    slopes = steps.show_slopes(study, found)
    said = steps.findings(study, found)
    known = {
        (one.figure, one.segment.get("item", "")): one
        for one in steps.key_figures(study, found)
        if isinstance(one, Estimate)
    }
    return found, shown, slopes, said, known


def reason(found):
    assert isinstance(found, CannotSay), found
    return f"{found.reason} {found.cure}"


# --- correct ------------------------------------------------------------------------------------


def test_the_item_that_drives_most_comes_first_and_the_one_that_does_nothing_is_named(client):
    found, shown, _slopes, said, known = run(client({"responses": answers()}))
    assert found[0].table["item"].tolist() == ITEMS
    assert known["driver_odds_ratio", "item_service"].low > 1
    idle = known["driver_odds_ratio", "item_opening_hours"]
    assert idle.low < 1 < idle.high
    assert known["driver_importance", "item_opening_hours"].value > 0  # the halo's
    assert said[0].startswith("What matters most for NPS is service: it accounts for ")
    assert said[1].startswith("No effect of its own can be seen of opening hours: with all else equal")
    assert "600 of 600 answers are whole, from 600 customers" in shown.html
    shares = [one.value for (figure, _item), one in known.items() if figure == "driver_importance"]
    assert sum(shares) == pytest.approx(known["r_squared", ""].value)
    assert known["r_squared", ""].segment == {"outcome": "nps"}


def test_what_matters_more_and_is_rated_lower_is_where_to_begin(client):
    weak = answers(900, shift=(-0.9, 0.3, 0.0))
    found, shown, _slopes, said, _known = run(client({"responses": weak}))
    placed = found[0].table.set_index("item")["advice"]
    assert placed["item_service"] == "concentrate_here"
    assert said[0].startswith("Begin with service: it accounts for ") and "Concentrate here" in shown.html
    # Where it is rated higher it is to be kept up, where alike it lies between.
    strong = run(client({"responses": answers(900, shift=(0.9, 0.3, 0.0))}))[0][0].table.set_index("item")
    assert strong.loc["item_service", "advice"] == "keep_up"
    alike = run(client({"responses": answers(300, weights=(0.5, 0.5, 0.5))}))[0][0].table
    assert set(alike["advice"]) == {"between"}


def test_an_item_on_a_turned_scale_is_named(client):
    turned = answers()
    turned["item_service"] = 6 - turned["item_service"]
    found, _shown, _slopes, said, _known = run(client({"responses": turned}))
    assert found[0].table.set_index("item").loc["item_service", "advice"] == "other_way"
    assert any(text.startswith("Higher answers to service go with a lower NPS") for text in said)
    assert not said[0].startswith("What matters most for NPS is service")


def test_an_item_that_moves_only_high_scores_is_shown_cut_by_cut(client):
    bent = answers(3000)
    low = bent["nps"] <= 6
    bent.loc[low, "item_price"] = np.random.default_rng(3).integers(1, 6, int(low.sum()))
    _found, shown, slopes, _said, _known = run(client({"responses": bent}))
    assert "One odds ratio does not hold for low and high scores alike: " in shown.html
    assert "price" in slopes.html and "NPS of 8 or more" in slopes.html
    assert run(client({"responses": answers()}))[2] is None


@pytest.mark.slow
def test_the_demo_s_drivers_are_found_in_their_order():
    """Truth: product > service > delivery > price > app, and packaging, which only goes with them."""
    from cam.studies.study import start

    known = run(start("04_satisfaction_nps", {}))[4]
    order = ["product", "service", "delivery", "price", "app", "packaging"]
    for figure in ("driver_importance", "driver_odds_ratio"):
        values = [known[figure, f"item_{name}"].value for name in order]
        assert values == sorted(values, reverse=True), figure
    packaging = known["driver_odds_ratio", "item_packaging"]
    assert packaging.low < 1 < packaging.high
    assert all(known["driver_odds_ratio", f"item_{name}"].low > 1 for name in order[:-1])


# --- choosing -----------------------------------------------------------------------------------


def test_items_are_found_and_others_left_out_by_name(client):
    frame = answers(item_age=[20 + k % 50 for k in range(600)], item_empty=None, item_same=4).assign(
        item_copy=lambda rows: rows["item_price"],
        item_rare=[k % 5 + 1 if k < 100 else None for k in range(600)],
        item_half=[1.5, 3.0] * 300,
        nps_again=lambda rows: rows["nps"],
    )
    found, shown, *_rest = run(client({"responses": frame}))
    assert set(found[0].survey.items) == set(ITEMS)
    for said in (
        "Left out, as not all answers are whole numbers: half.",
        "Left out, as nobody answered: empty.",
        "Left out, as everybody gave the same answer: same.",
        "Left out, as other items tell it in full: copy.",
        "Left out, as fewer than half of those who gave the score answered: rare.",
        "Left out, as their scale is another: age.",
    ):
        assert said in shown.html, said


def test_columns_named_in_the_parameters_are_taken_whatever_their_scale(client):
    frame = answers().rename(columns={"item_price": "fair", "item_service": "polite"})
    frame["polite"] *= 2
    study = client(
        {"responses": frame}, satisfaction={"drivers": ["polite", "fair", "nps"], "outcome": "nps"}
    )
    found, shown, _slopes, said, _known = run(study)
    assert found[0].survey.items == ("polite", "fair") and found[0].survey.scale is None
    assert "scales differ" in shown.html and "part_of_scale" in steps.placed(study, found)
    assert "polite" in said[0]


def test_the_score_itself_in_other_words_is_no_driver(client):
    frame = answers().assign(item_again=lambda rows: rows["nps"] * 2 + 1, item_other=3)
    study = client({"responses": frame}, satisfaction={"drivers": [*ITEMS, "item_again"]})
    found, shown, *_rest = run(study)
    assert set(found[0].survey.items) == set(ITEMS)
    assert "Left out, as it is the score itself: again." in shown.html


def test_each_touchpoint_s_questions_explain_its_own_score(client):
    delivery = answers(400, seed=2).drop(columns=["nps", "item_opening_hours"])
    delivery = delivery.rename(columns={"item_service": "item_driver", "item_price": "item_parcel"})
    delivery["csat"] = np.clip(delivery["item_parcel"] + np.tile([-1, 0, 1, 0], 100), 1, 5)
    frame = pd.concat(
        [
            answers().assign(touchpoint="relationship"),
            delivery.assign(touchpoint="delivery"),
            answers(40, seed=3).assign(touchpoint="store"),
        ]
    )
    for name in [*ITEMS, "nps", "csat", "item_driver", "item_parcel"]:
        frame[name] = frame[name].astype("Int64")
    found, shown, *_rest = run(client({"responses": frame}))
    assert [(one.survey.touchpoint, one.survey.outcome) for one in found] == [
        ("relationship", "nps"),
        ("delivery", "csat"),
    ]
    assert found[1].table["item"].tolist() == ["item_parcel", "item_driver"]
    assert "Too few whole answers for a model of their own: store (40)." in shown.html
    assert "delivery · CSAT" in shown.html


def test_touchpoints_too_small_for_a_model_stand_together(client):
    frame = answers(600).assign(touchpoint=[f"shop {k % 12}" for k in range(600)])
    found = steps.weigh(study := client({"responses": frame}), steps.surveys(study))
    assert [one.survey.touchpoint for one in found] == [""] and found[0].importance.n == 600


def test_answers_without_customers_count_one_by_one(client):
    frame = answers(300)
    one, other = (
        run(client({"responses": rows}))[4]["driver_odds_ratio", "item_service"]
        for rows in (frame.drop(columns="customer_id"), frame)
    )
    assert (one.low, one.high) == pytest.approx((other.low, other.high))  # here each customer answers once


def test_the_order_of_rows_does_not_matter(client):
    frame = answers(300, again=2)
    one, other = (
        run(client({"responses": rows}))[4] for rows in (frame, frame.sample(frac=1, random_state=1))
    )
    assert one == other


# --- refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (answers().drop(columns=ITEMS), "No questions stand beside the score that could say what drives it."),
        (answers().drop(columns=ITEMS[1:]), "No questions stand beside the score"),
        (answers().drop(columns="nps"), "the table responses has no score (nps, csat or ces)."),
        (answers(60), "60 whole answers from 60 customers are too few to tell 3 drivers apart; it takes 100"),
        (answers(300, again=10), "300 whole answers from 30 customers are too few"),
        (answers().assign(nps=7), "600 answers are whole, and all give NPS the same value"),
        (answers().assign(item_price=3, item_service=2), "1 question can be used beside the score"),
        (
            answers().assign(nps=pd.array([None] * 600, dtype="Int64")),
            "questions can be used beside the score",
        ),
        (answers().assign(response_date=""), ""),
    ],
)
def test_what_cannot_be_modelled_is_said(client, frame, said):
    found, shown, slopes, findings, known = run(client({"responses": frame}))
    assert said in reason(found)
    assert reason(found).strip()[-1] == "."
    assert shown == slopes == findings[0] == found and not known


def test_a_name_that_is_no_column_and_words_for_numbers_are_refused(client):
    study = client({"responses": answers()}, satisfaction={"drivers": ["item_servise"]})
    assert "item_servise" in reason(steps.surveys(study))
    study = client(
        {"responses": answers(mood=["blue", "green"] * 300)},
        satisfaction={"drivers": ["mood", "item_price"]},
    )
    assert reason(steps.surveys(study)).startswith("Not all answers are numbers in mood.")
    assert "satisfaction.drivers" in reason(steps.surveys(study))


def test_items_that_tell_the_score_without_fail_are_named(client):
    frame = answers()
    frame["nps"] = frame["item_service"].map({1: 0, 2: 0, 3: 5, 4: 9, 5: 9})
    found = run(client({"responses": frame}))[0]
    assert reason(found).startswith("What drives NPS cannot be said: service tell it without fail.")


def test_a_client_without_answers_is_told_so_once(client):
    days = pd.DataFrame({"customer_id": ["a", "b"], "order_date": "2026-01-01", "revenue": [1.0, 2.0]})
    found, shown, slopes, said, _known = run(client({"transactions": days}))
    assert found == shown == slopes == said[0] and "responses" in reason(found)


def test_words_of_an_item():
    assert (
        words("item_opening_hours") == "opening hours"
        and words("fair") == "fair"
        and words("item_") == "item_"
    )
