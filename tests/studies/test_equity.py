"""Study 03's customer equity on small shops: what it adds up, what moves it, and when it is not said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from studies.shop import known, marketing, orders, reasons, walk, walk_once

from cam.estimate import CannotSay, Estimate
from cam.measures.value.equity import customer_equity
from cam.params import params_from_sections
from cam.studies import equity

QUICK = {"n_bootstrap": 50}


def asking(found, **what_if):
    """The same study and shop, with other questions in its parameter file."""
    sections = {"client": {"id": "small", "currency": "EUR"}, "data": {"transactions": {"path": "x.csv"}}}
    params = params_from_sections(sections | {"value": QUICK | {"what_if": what_if}})
    return equity.what_if(replace(found.study, params=params), found.worth, found.equity)


# --- correct ------------------------------------------------------------------------------------


def test_equity_is_the_sum_of_its_parts(client):
    found = walk_once(client)
    parts = found.parts.set_index("part")["value"]
    total = known(found)["customer_equity"]
    assert total.value == pytest.approx(
        parts["current_base"] + parts["future_customers"] - parts["acquisition_cost"]
    )
    for_ever = next(each for each in found.totals if each.figure == "residual_clv_total" and each.segment)
    # The same by draws, of which cells are worked out by polynomials.
    assert parts["current_base"] == pytest.approx(for_ever.value, rel=1e-6)
    assert total.low < total.value < total.high and total.n == 200


def test_its_terms_are_those_of_the_last_year(client):
    found = walk_once(client)
    terms = found.equity.terms
    first = found.log.groupby("customer_id")["order_date"].min()
    assert terms.n_per_year == (first > "2025-06-30").sum() > 0
    assert terms.cac == found.cac.value and terms.years == 5 and terms.annual_discount_rate == 0.10
    assert terms.margin_rate == found.margin.value
    assert found.equity.retention == known(found)["expected_annual_retention"].value
    assert 0 < found.equity.retention < 1


def test_a_what_if_says_what_each_change_does(client):
    found = walk_once(client)
    table = found.what_if.set_index("lever")
    assert list(table.index) == ["retention", "margin", "cac", "all"]
    now, parts, terms = found.equity.total.value, found.equity.parts, found.equity.terms
    # Equity is linear in margin and cost.
    gross = parts["current_base"] + parts["future_customers"]
    assert table.at["margin", "gain"] == pytest.approx(0.05 * gross, rel=1e-9)
    assert table.at["cac", "gain"] == pytest.approx(0.1 * parts["acquisition_cost"], rel=1e-9)
    assert table.at["retention", "gain"] > 0
    assert (table["equity"] - now - table["gain"]).abs().max() < 1e-6 * abs(now)
    # Together they do more than apart, as more retention at a better margin is worth more.
    assert table.at["all", "gain"] > table["gain"].drop("all").sum()
    moved = customer_equity(
        found.worth.fits[0], found.worth.spend[0], found.worth.cells, replace(terms, cac=terms.cac * 0.9)
    )
    assert table.at["cac", "equity"] == pytest.approx(moved["customer_equity"], rel=1e-12)


# --- consistent ---------------------------------------------------------------------------------


def test_every_lever_has_an_elasticity(client):
    found = walk_once(client)
    levers = {each.segment["lever"]: each for each in found.figures if each.figure == "equity_elasticity"}
    assert set(levers) == {"retention", "margin", "cac", "discount_rate"}
    assert levers["margin"].value + levers["cac"].value == pytest.approx(1, rel=1e-9)
    assert found.findings[-1].startswith("All customers, those of today and those to come, are worth")


def test_one_change_has_no_row_for_all_together(client):
    table = asking(walk_once(client), cac_change=-0.1)
    assert list(table["lever"]) == ["cac"]


def test_years_in_which_nobody_is_won_leave_todays_customers(client):
    study = client(
        {"transactions": orders(), "spend": marketing()},
        value=QUICK | {"acquisition_years": 0, "model": "pareto_nbd"},
    )
    found = walk(study)
    parts = found.parts.set_index("part")["value"]
    assert parts["future_customers"] == parts["acquisition_cost"] == 0
    assert found.equity.total.value == parts["current_base"]
    assert found.equity.total.low >= 0


def test_a_cost_that_is_less_known_widens_the_interval(client):
    found = walk_once(client)
    sure = Estimate("cac", found.cac.value, "EUR", 18)
    unsure = Estimate("cac", found.cac.value, "EUR", 18, found.cac.value * 0.2, found.cac.value * 3)
    one, other = (equity.equity(found.study, found.worth, cost).total for cost in (sure, unsure))
    assert one.value == other.value and other.low < one.low and other.high > one.high
    # A dearer customer takes off, a cheaper one adds: the long side of the cost is the low side of equity.
    assert one.low - other.low > other.high - one.high


# --- refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what_if", "words"),
    [
        ({"retention_points": 60}, "The what-if would bring Retention to 1"),
        ({"retention_points": -99}, "The what-if would bring Retention to −"),
        ({"discount_rate_points": -11}, "The what-if would bring Discount rate to −1.0"),
        ({"discount_rate_points": 95}, "The what-if would bring Discount rate to 105.0"),
    ],
)
def test_an_impossible_what_if_is_refused(client, what_if, words):
    said = asking(walk_once(client), **what_if)
    assert said.reason.startswith(words)
    assert said.cure == "Choose a smaller change under value.what_if."


def test_a_retention_that_no_change_of_lifetimes_brings_is_refused(client, monkeypatch):
    def fails(*given, lever, to):
        raise ValueError("no change of how readily customers leave brings retention to 0.2")

    found = walk_once(client)
    monkeypatch.setattr(equity, "moved", fails)
    said = asking(found, retention_points=-20)
    assert said.reason.startswith("The what-if would bring Retention to")


def test_no_what_if_is_no_table(client):
    said = asking(walk_once(client))
    assert said.reason == "The parameter file asks for no what-if."
    assert isinstance(equity.show_what_if(walk_once(client).study, said), CannotSay)


def test_without_spend_there_is_no_equity(client):
    found = walk_once(client)
    study = replace(
        found.study, tables={name: each for name, each in found.study.tables.items() if name != "spend"}
    )
    from cam.studies import acquisition

    cost = acquisition.overall_cac(study, acquisition.match_months(study))
    assert reasons(equity.equity(study, found.worth, cost)) == [
        "This needs the table spend, which this client's parameter file does not name. Add it under data.spend; "
        "params/template.yaml shows its columns."
    ]


def test_without_a_margin_there_is_no_equity(client):
    found = walk_once(client)
    worth = replace(found.worth, margin=CannotSay("Margin is not known.", "Set value.margin_rate."))
    assert reasons(equity.equity(found.study, worth, found.cac)) == [
        "Margin is not known. Set value.margin_rate."
    ]


def test_where_nobody_leaves_there_is_no_equity(client):
    found = walk_once(client, "loyal")
    said = equity.equity(found.study, found.worth, found.cac)
    assert "when these customers leave cannot be read from the data" in said.reason
    assert said.cure == "A longer history may show it."
    assert reasons(*equity.findings(found.study, said, said)) == reasons(said)
    assert equity.key_figures(found.study, said, said) == [said]


def test_nobody_won_in_the_last_year(client):
    found = walk_once(client)
    people = pd.DataFrame({"customer_id": range(200), "acquired_date": "2025-06-30"})
    study = client({"transactions": orders(), "customers": people}, value=QUICK)
    said = equity.equity(study, found.worth, found.cac)
    assert said.reason.startswith("Nobody was won in the last twelve months")
    # One day later is within it, and data of half a year count for a year.
    study = client(
        {"transactions": orders(), "customers": people.assign(acquired_date="2026-01-01")}, value=QUICK
    )
    said = equity.equity(study, found.worth, found.cac)
    assert said.terms.n_per_year == pytest.approx(200 * 365 / 181)


# --- honest -------------------------------------------------------------------------------------


def test_what_is_assumed_is_said(client):
    page = walk_once(client).shown["equity"].html
    assert "It is assumed that as many are won in each of the next 5 years" in page
    assert "will still be active a year from now" in page and "not that customers to come may differ" in page


def test_no_limit_is_missing(client):
    found = walk_once(client)
    assert np.isfinite([found.equity.total.low, found.equity.total.high]).all()
    assert np.isfinite(found.tornado.select_dtypes("number").to_numpy()).all()
