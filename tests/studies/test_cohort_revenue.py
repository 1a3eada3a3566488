"""Cohort revenue on small clients: it reconciles with retention and with all revenue; a refusal has its cure."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from studies.shop import assert_presentable, orders, reasons

from cam.estimate import CannotSay
from cam.studies import cohort_revenue as steps
from cam.studies import lifecycle, stages


def walk(study) -> SimpleNamespace:
    """All steps, as the notebook calls them."""
    found = SimpleNamespace(study=study)
    found.retained = lifecycle.retention_by_age(study, lifecycle.retention(study, stages.months(study)))
    found.cells = steps.cells(study)
    found.cohorts = steps.by_cohort(study, found.cells)
    found.pooled = steps.by_age(study, found.cells)
    found.value = steps.value_over_time(study, found.cells)
    found.groups = steps.compare(study, steps.group_cells(study))
    found.shown = {
        "retention": steps.show_retention(study, found.pooled, found.retained),
        "value": steps.show_value(study, found.value),
        "groups": steps.show_compare(study, found.groups),
    }
    found.findings = steps.findings(study, found.value, found.groups)
    found.figures = steps.key_figures(study, found.pooled, found.value)
    assert_presentable(found)
    return found


def people(log: pd.DataFrame, **columns) -> pd.DataFrame:
    ids = sorted(set(log["customer_id"]))
    return pd.DataFrame({"customer_id": ids, **{name: make(np.array(ids)) for name, make in columns.items()}})


@pytest.fixture
def log():
    return orders(600)


# --- consistent ---------------------------------------------------------------------------------


def test_revenue_retention_is_retention_times_spend_by_definition(client, log):
    found = walk(client({"transactions": log}))
    joined = found.pooled.merge(found.retained, on="age")
    assert (joined["n_customers_x"] == joined["n_customers_y"]).all()
    spend = (joined["revenue"] / joined["n_active"]) / (joined["base"] / joined["n_customers_x"])
    assert np.allclose(joined["revenue_retention"], joined["retention_rate"] * spend, rtol=1e-12)


def test_all_revenue_is_in_the_cells_when_every_age_is_asked_for(client, log):
    found = walk(client({"transactions": log}, lifecycle={"n_months": 36}))
    assert found.cells["revenue"].sum() == pytest.approx(log["revenue"].sum(), abs=0.005)


def test_the_group_that_spends_twice_as_much_is_named(client, log):
    is_rich = log["customer_id"] % 2 == 0
    rich = log.assign(revenue=np.where(is_rich, 4 * log["revenue"], log["revenue"]))
    table = people(rich, acquisition_channel=lambda ids: np.where(ids % 2 == 0, "shop", "search"))
    found = walk(client({"transactions": rich, "customers": table}))
    assert found.groups["group"].tolist() == ["shop", "search"]
    assert "customers of shop have brought most" in found.findings[-1]


def test_another_column_may_be_compared(client, log):
    table = people(log, city=lambda ids: np.where(ids % 3 == 0, "north", "south"))
    found = walk(client({"transactions": log, "customers": table}, lifecycle={"compare_by": "city"}))
    assert set(found.groups["group"]) == {"north", "south"}
    assert "By city" in found.findings[-1]


def test_a_month_that_is_not_over_is_left_out(client, log):
    small = {"id": "s", "currency": "EUR", "as_of": "2026-06-15"}
    cut = log[log["order_date"] < "2026-06-16"]
    one = walk(client({"transactions": cut}, client=small))
    other = walk(
        client(
            {"transactions": log[log["order_date"] < "2026-06-01"]}, client=small | {"as_of": "2026-05-31"}
        )
    )
    pd.testing.assert_frame_equal(one.pooled, other.pooled)


def test_old_customers_who_look_new_are_no_measure_of_new_ones(client):
    old = orders(400, weeks=110, first_days=0, leaving=0)
    new = orders(120, weeks=100, first_days=500, seed=9)
    log = pd.concat([old, new.assign(customer_id=new["customer_id"] + 1_000)])
    found = walk(client({"transactions": log}))
    assert found.value["n_customers"].max() <= 120 < found.pooled["n_customers"].max()


# --- refuses ------------------------------------------------------------------------------------


def test_one_month_of_customers_has_no_month_after(client):
    log = pd.DataFrame({"customer_id": ["a"], "order_date": ["2026-06-05"], "revenue": [5.0]})
    assert reasons(steps.cells(client({"transactions": log}))) == [
        "No month of new customers has a complete calendar month after it yet. Run the report again at the end of "
        "next month."
    ]


def test_without_any_revenue_there_is_no_share_of_it(client, log):
    said = reasons(steps.cells(client({"transactions": log.assign(revenue=0.0)})))
    assert said[0].startswith("No cohort brought revenue in its first month")


def test_a_column_that_is_not_there_says_what_is_missing(client, log):
    table = people(log, city=lambda ids: np.where(ids % 3 == 0, "north", "south"))
    found = walk(client({"transactions": log, "customers": table}))
    assert isinstance(found.groups, CannotSay) and "acquisition_channel" in found.groups.reason


def test_groups_of_one_cannot_be_compared(client, log):
    table = people(log, acquisition_channel=lambda ids: np.full(len(ids), "shop"))
    found = walk(client({"transactions": log, "customers": table}))
    assert "fewer than two groups have 30 customers" in found.groups.reason


def test_ten_customers_have_a_table_but_no_finding(client):
    found = walk(client({"transactions": orders(10)}))
    assert "fewer than 30 customers have been seen long enough" in reasons(found.findings)[0]
