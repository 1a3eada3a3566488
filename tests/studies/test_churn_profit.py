"""Does calling pay? Worth of those who stay, by model and by simulation; profit of calling; what cannot be said."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from studies import shop
from studies.test_valued import contracts, gifts

from cam.estimate import CannotSay, Estimate
from cam.measures.churn.own_worth import OwnWorthFit
from cam.measures.churn.profit import ProfitFit, expected_gains
from cam.measures.value.contracts import SbgFit
from cam.measures.value.survivors import periodic_discount
from cam.studies import churn_profit, valued

AS_OF = date(2026, 6, 30)
OFFER = {"offer_cost": 2.0, "contact_cost": 0.1}


def worth_of(study):
    found = churn_profit.worth_if_stays(study)
    assert not isinstance(found, CannotSay), found
    return found.execute().astype({"clv_if_stays": float}).set_index("customer_id").sort_index()


#: Of 200 silent one came back: most of this shop's customers have gone for good.
BACK = Estimate("churn_return_rate", 0.005, "share", 200, 0.001, 0.03)


def then(study, models, back=BACK):
    return churn_profit.tested_worth(study, models, back)


def known(n=50, *, worth=20.0, seed=4):
    rng = np.random.default_rng(seed)
    frame = judged([str(each) for each in range(n)]).tested
    frame = frame.assign(p_lost=0.5 * frame["p_churn"], p_alive=1.0, worth_basis="purchases")
    return frame.assign(residual_clv=worth * rng.uniform(0.9, 1.1, n))


def judged(ids, *, seed=3, cut_off=AS_OF, basis="purchases"):
    """As the models leave it: risks that are right, and who left by them."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1.0, 1.0, len(ids))
    table = pd.DataFrame(
        {"customer_id": ids, "p_churn": p, "churned": (rng.random(len(ids)) < p).astype(int)}
    )
    return SimpleNamespace(tested=table, rows=SimpleNamespace(cut_offs=(cut_off,), basis=basis))


@pytest.fixture
def study(client):
    return client({"transactions": shop.orders()}, value={"n_bootstrap": 50}, churn={"offer": OFFER})


# --- correct ------------------------------------------------------------------------------------


def test_worth_of_who_buys_is_residual_clv_of_who_is_still_there(study):
    found = worth_of(study)
    each = valued.look_ahead(study).each.execute().astype({"residual_clv": float}).set_index("customer_id")
    assert set(found["worth_basis"]) == {"purchases"} and len(found) == len(each)
    joined = found.join(each[["residual_clv"]])
    gone = joined["p_alive"] < 1e-3
    there = joined[~gone]
    assert gone.any() and (joined.loc[gone, "clv_if_stays"] == 0).all()
    # Both are rounded to cents.
    off = (there["clv_if_stays"] * there["p_alive"] - there["residual_clv"]).abs()
    assert off.max() <= 0.0101 and (there["clv_if_stays"] > there["residual_clv"]).any()


def test_worth_of_a_contract_is_what_those_bring_who_outlast_the_churn_horizon():
    """2,000,000 contracts drawn from an sBG, at age 4, of which those count that outlast three months more."""
    a, b, age, months = 0.7, 2.0, 4, 12
    params = SimpleNamespace(
        value=SimpleNamespace(horizon_months=months, annual_discount_rate=0.1),
        churn=SimpleNamespace(gap_days=0, horizon_days=90),
    )
    found = churn_profit.renewed(
        SimpleNamespace(params=params), SimpleNamespace(chosen=SbgFit(a, b)), np.array([float(age)])
    )
    rng = np.random.default_rng(20260630)
    life = rng.geometric(np.maximum(rng.beta(a, b, 2_000_000), 1e-12))
    # Renewals made of the months ahead; a lifetime of k ends at the k-th renewal, which is not made.
    ahead = life[life > age + 3] - 1 - age
    fade = 1 / (1 + periodic_discount(0.1))
    paid = np.concatenate([[0.0], np.cumsum(fade ** (0.5 + np.arange(months)))])
    brought = paid[np.minimum(ahead, months)]
    assert found[0] == pytest.approx(brought.mean(), abs=4 * brought.std() / brought.size**0.5)


def test_contracts_are_worth_more_to_who_stays_and_ended_ones_are_left_out(client):
    study = client({"contracts": contracts()}, value={"margin_rate": 0.4}, churn={"offer": OFFER})
    found = worth_of(study)
    each = valued.look_ahead(study).each.execute().astype({"residual_clv": float}).set_index("customer_id")
    running = each[each["n_running"] > 0]
    assert sorted(found.index) == sorted(running.index) and set(found["worth_basis"]) == {"contract"}
    more = found["clv_if_stays"] / running["residual_clv"].reindex(found.index)
    assert (more >= 1).all() and more.max() < 2
    tested = then(study, judged(list(each.index), basis="contract"))
    assert set(tested.loc[tested["p_lost"].notna(), "p_alive"]) == {1.0}
    assert (tested["p_lost"] - tested["p_churn"]).abs().max() == 0
    average = churn_profit.mean_worth(study, tested)
    assert isinstance(average, Estimate) and average.low < average.value < average.high


# --- consistent ---------------------------------------------------------------------------------


def test_only_those_who_left_say_what_is_to_be_kept_and_as_it_was_known_then(study):
    models = judged(list(worth_of(study).index), cut_off=date(2026, 3, 1))
    average = churn_profit.mean_worth(study, then(study, models))
    earlier = study.tables["transactions"].execute().query("order_date < '2026-03-02'")
    left = set(models.tested.query("churned == 1")["customer_id"])
    assert average.n == len(left & set(earlier["customer_id"].astype(str)))
    assert average.segment == {"basis": "purchases"}
    today = churn_profit.mean_worth(study, then(study, judged(list(worth_of(study).index))))
    assert average.value != today.value and average.low < average.value < average.high


def test_profit_is_shown_with_its_assumption_and_goes_to_the_key_figures(study):
    models = judged(list(worth_of(study).index))
    tested = then(study, models)
    average = churn_profit.mean_worth(study, tested)
    earned = churn_profit.profit(study, tested, average)
    assert isinstance(earned.own, OwnWorthFit) and isinstance(earned.same, ProfitFit)
    # The list of that day, and the share that the test speaks of, are one.
    listed = expected_gains(tested, offer=churn_profit.offer(study))
    assert earned.own.share.value == pytest.approx(listed["is_worth_it"].mean())
    assert churn_profit.curve(study, earned) is earned.own
    shown = churn_profit.show_profit(study, earned, average).html
    assert "churn.offer.save_rate" in shown and "is an assumption" in shown and "nan" not in shown.lower()
    figures = {each.figure: each for each in churn_profit.key_figures(study, earned, average)}
    assert set(figures) == {
        "clv_if_stays",
        "churn_empc",
        "churn_empc_share",
        "churn_max_profit",
        "churn_best_share",
        "calling_share",
        "calling_profit",
        "calling_profit_by_risk",
    }
    assert all(each.low <= each.value <= each.high and each.n for each in figures.values())
    (said,) = churn_profit.findings(study, earned)
    assert "as many by risk alone" in said and "assumed" in said


# --- refuses ------------------------------------------------------------------------------------


def test_costs_that_are_missing_are_named(client):
    study = client({"transactions": shop.orders()}, churn={"offer": {"contact_cost": 1.0}})
    said = churn_profit.offer(study)
    assert isinstance(said, CannotSay) and "churn.offer.offer_cost" in said.cure
    assert "contact_cost" not in said.cure and "EUR" in said.cure


def test_an_offer_dearer_than_a_customer_is_said_to_be_so(client):
    study = client({"transactions": shop.orders()}, churn={"offer": {"offer_cost": 1e6, "contact_cost": 1.0}})
    average = Estimate("clv_if_stays", 20.0, "EUR", 90, 18.0, 22.0, {"basis": "purchases"})
    earned = churn_profit.profit(study, known(), average)
    said = earned.same
    assert isinstance(said, CannotSay) and "€20.00" in said.reason and "€1,000,000" in said.reason
    assert said.reason.replace("\xa0", " ") in churn_profit.show_profit(study, earned, average).html.replace(
        "\xa0", " "
    )
    assert "the list would have been empty" in churn_profit.findings(study, earned)[0]


def test_where_nothing_can_be_earned_nobody_is_best(client):
    study = client(
        {"transactions": shop.orders()}, churn={"offer": {"offer_cost": 19.0, "contact_cost": 5.0}}
    )
    average = Estimate("clv_if_stays", 20.0, "EUR", 90, 18.0, 22.0, {"basis": "purchases"})
    earned = churn_profit.profit(study, known(300), average)
    assert earned.own.profit.value == earned.own.share.value == earned.own.best.value == 0
    assert "the list would have been empty" in churn_profit.findings(study, earned)[0]


def test_a_snapshot_cannot_tell_what_calling_would_have_earned(study):
    models = judged(["1", "2"], basis="snapshot")
    models.rows.cut_offs = ()
    said = then(study, models)
    assert isinstance(said, CannotSay) and "no dates" in said.reason and "dated" in said.cure
    assert churn_profit.profit(study, said, said) is said
    assert churn_profit.findings(study, said) == [said] == churn_profit.key_figures(study, said, said)


def test_without_a_clv_an_assumed_worth_serves_all_and_is_called_so(client):
    snapshot = pd.DataFrame({"customer_id": range(60), "churned": [0, 1] * 30, "tenure_months": 5})
    said = churn_profit.worth_if_stays(client({"snapshot": snapshot}))
    assert isinstance(said, CannotSay) and "churn.offer.customer_value" in said.cure and said.reason
    study = client({"snapshot": snapshot}, churn={"offer": OFFER | {"customer_value": 80.0}})
    found = worth_of(study)
    assert (
        len(found) == 60 and set(found["clv_if_stays"]) == {80.0} and set(found["worth_basis"]) == {"assumed"}
    )


@pytest.mark.parametrize(
    ("frames", "sections", "words"),
    [
        ({"transactions": shop.orders().drop(columns="cost")}, {}, "margin"),
        ({"transactions": gifts()}, {"value": {"margin_rate": 0.4}}, "occasions"),
        ({"transactions": shop.orders(12)}, {}, "repeat"),
        ({"transactions": shop.orders()}, {"churn": {"label": "contract"}}, "value.setting"),
    ],
    ids=["no margin", "occasions", "few", "two ways of leaving"],
)
def test_what_worth_cannot_be_told_of(client, frames, sections, words):
    said = churn_profit.worth_if_stays(client(frames, **sections))
    assert isinstance(said, CannotSay) and words in f"{said.reason} {said.cure}"
    assert "churn.offer.customer_value" in said.cure
