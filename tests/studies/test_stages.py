"""Stages on small clients: everybody is somewhere, the engine agrees with the patterns, a refusal has its cure."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest
from studies.shop import assert_presentable, orders, reasons

from cam.estimate import CannotSay, Estimate
from cam.measures.lifecycle.stages import STAGES, StageRules
from cam.studies import cohort_revenue
from cam.studies import stages as steps
from cam.studies import stages_findings as said


def walk(study) -> SimpleNamespace:
    """All steps, as the notebook calls them."""
    found = SimpleNamespace(study=study)
    found.months = steps.months(study)
    found.gaps = steps.gaps(study, found.months)
    found.rules = steps.rules(study, found.gaps)
    found.codes = steps.stages(study, found.months, found.rules)
    found.counts = steps.counts(study, found.months, found.codes)
    found.shares = steps.shares(study, found.months, found.codes, found.rules)
    found.moved = steps.transitions(study, found.months, found.codes, found.rules)
    found.stays = steps.stays(study, found.months, found.codes)
    found.customers = steps.customer_table(study, found.months, found.codes)
    found.now = steps.worth_now(study, found.months, found.customers)
    found.after = steps.worth_after(study, found.months, found.codes)
    found.costs = steps.costs(study, found.months, found.moved, found.after)
    found.scores = steps.scores(study, study.summary(study.as_of), found.customers)
    found.shown = {
        "rules": steps.show_rules(study, found.rules, found.gaps),
        "stages": steps.show_stages(study, found.shares),
        "moves": steps.show_moves(study, found.moved),
        "stays": steps.show_stays(study, found.stays),
        "worth": steps.show_worth(study, found.months, found.now, found.after),
        "costs": steps.show_costs(study, found.months, found.costs),
    }
    found.findings = said.findings(study, found.months, found.codes, found.rules, found.costs)
    found.figures = said.key_figures(study, found.rules, found.shares, found.moved, found.stays)
    assert_presentable(found)
    return found


@pytest.fixture
def shop(client):
    log = orders(500, weeks=182, first_days=900)
    return walk(client({"transactions": log}))


def few(rows: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "order_date"]).assign(revenue=5.0)


GIVEN = {"at_risk_months": 2, "dormant_months": 4, "lost_months": 8}


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (date(2026, 6, 30), date(2026, 6, 30)),
        (date(2026, 6, 29), date(2026, 5, 31)),
        (date(2024, 2, 29), date(2024, 2, 29)),
        (date(2024, 2, 28), date(2024, 1, 31)),
        (date(2026, 1, 1), date(2025, 12, 31)),
    ],
)
def test_only_complete_months_count(day, end):
    assert steps.complete_until(day) == end


def test_parameters_stand_in_place_of_the_gaps(client):
    found = walk(client({"transactions": orders(300)}, lifecycle=GIVEN | {"loyal_months": 3}))
    assert found.rules == StageRules(3, 2, 4, 8)
    assert "the parameter file" in found.shown["rules"].html
    assert {
        each.figure: each.value for each in found.figures if "months" in each.figure and not each.segment
    } == {
        "at_risk_months": 2,
        "dormant_months": 4,
        "lost_months": 8,
    }


def test_who_was_won_since_the_last_complete_month_is_first_time(client):
    log = few([("a", "2026-01-05"), ("a", "2026-04-05"), ("b", "2026-06-10")])
    found = walk(
        client(
            {"transactions": log},
            client={"id": "s", "currency": "EUR", "as_of": "2026-06-15"},
            lifecycle=GIVEN,
        )
    )
    rows = found.scores.order_by("customer_id").execute().values.tolist()
    assert rows == [["a", "repeat", 1], ["b", "first_time", 0]]


# --- consistent ---------------------------------------------------------------------------------


def test_the_engine_agrees_with_the_patterns_and_everybody_has_a_stage(shop):
    scored = shop.scores.execute()
    assert len(scored) == scored["customer_id"].nunique() == int(shop.months.n_customers.sum())
    last = shop.counts[shop.counts["month"] == shop.counts["month"].max()].set_index("stage")["n_customers"]
    counted = scored["lifecycle_stage"].value_counts().reindex(STAGES, fill_value=0)
    assert counted.to_dict() == last.to_dict() == shop.shares.set_index("stage")["n_customers"].to_dict()
    assert shop.now.set_index("stage")["n_customers"].to_dict() == {s: n for s, n in counted.items() if n}


def test_revenue_by_stage_adds_up_to_that_of_the_year(shop):
    log = shop.study.tables["transactions"].execute()
    year = log[(log["order_date"] >= "2025-07-01") & (log["order_date"] < "2026-07-01")]
    assert shop.now["revenue"].sum() == pytest.approx(float(year["revenue"].astype(float).sum()), abs=0.005)


def test_findings_carry_intervals_and_what_to_do(shop):
    words = [one for one in shop.findings if isinstance(one, str)]
    assert len(words) == 2 and all("% to" in one or "€" in one for one in words)
    assert "a year before" in words[0] and "percentage points" in words[0]
    figure = next(
        each for each in shop.figures if isinstance(each, Estimate) and each.figure == "transition_rate"
    )
    assert set(figure.segment) == {"from", "to"}


def test_two_walks_give_the_same_numbers(client):
    log = orders(200, weeks=182)
    one, other = (walk(client({"transactions": log.sample(frac=1, random_state=seed)})) for seed in (0, 1))
    assert one.findings == other.findings
    assert one.figures == other.figures


# --- refuses ------------------------------------------------------------------------------------


def test_ten_customers_have_no_rule_of_their_own(client):
    found = walk(client({"transactions": few([(f"c{n}", "2026-03-05") for n in range(10)])}))
    assert isinstance(found.rules, CannotSay)
    assert reasons(found.findings) == [
        "From when on a silence means something cannot be said: fewer than 30 gaps between purchases have been seen "
        "for 3 months. Set lifecycle.at_risk_months, dormant_months and lost_months, or add older orders."
    ]


def test_limits_without_room_say_so(client):
    found = walk(client({"transactions": orders(300)}, lifecycle={"dormant_months": 1}))
    assert reasons(found.rules) == [
        "The limits between stages in the parameter file leave no room for those that are not given. Set "
        "lifecycle.at_risk_months, dormant_months and lost_months together."
    ]


def test_a_month_that_is_not_over_holds_no_stage(client):
    study = client(
        {"transactions": few([("a", "2026-06-05")])},
        client={"id": "s", "currency": "EUR", "as_of": "2026-06-15"},
    )
    assert reasons(steps.months(study)) == [
        "There is no complete calendar month with a purchase. Run the report again at the end of the month."
    ]


def test_refunds_alone_may_have_the_wrong_sign(client):
    log = few([("a", "2026-03-05"), ("b", "2026-04-05")]).assign(revenue=-5.0)
    said = [
        "Nobody has bought: every row of the transactions is a refund. If they are no refunds, the sign of revenue is "
        "the wrong way round: turn it at the source."
    ]
    study = client({"transactions": log})
    assert reasons(steps.months(study), cohort_revenue.cells(study)) == said * 2


def test_one_month_shows_no_move(client):
    found = walk(client({"transactions": few([("a", "2026-06-05")])}, lifecycle=GIVEN))
    assert isinstance(found.moved, CannotSay) and isinstance(found.after, CannotSay)
    assert found.shares["n_customers"].sum() == 1


def test_a_short_history_is_not_held_against_a_year_ago(client):
    found = walk(client({"transactions": orders(300, weeks=70, first_days=200)}, lifecycle=GIVEN))
    assert "change" not in found.shares and "change" not in found.moved
    assert any("too short to hold this against a year ago" in str(one) for one in found.findings)
