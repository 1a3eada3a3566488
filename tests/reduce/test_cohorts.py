"""Activity by cohort and age: equal to plain Python in every cell, on every engine."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from cam.reduce.cohorts import cohort_activity, customer_cohorts

AS_OF = date(2025, 3, 14)


def simulate_log(seed: int, n_customers: int = 200) -> pd.DataFrame:
    """Orders up to a month after AS_OF, at all hours; some rows are refunds, and some customers only have those."""
    rng = np.random.default_rng(seed)
    n = rng.geometric(0.2, n_customers)
    days = rng.integers(0, (AS_OF - date(2023, 11, 20)).days + 31, n.sum())
    return pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in np.repeat(np.arange(n_customers), n)],
            "order_date": pd.Timestamp("2023-11-20")
            + pd.to_timedelta(days, "D")
            + pd.to_timedelta(rng.integers(0, 86_400, n.sum()), "s"),
            "kind": rng.choice(["purchase", "netted refund", "loose refund"], n.sum(), p=[0.8, 0.1, 0.1]),
        }
    )


def by_hand(log: pd.DataFrame, as_of: date) -> list[tuple[int, int, int, int]]:
    """The definition, written out a second time: sets of months."""
    months: dict[str, set[int]] = defaultdict(set)
    for customer, moment, kind in log.itertuples(index=False):
        if kind == "purchase" and moment.date() <= as_of:
            months[customer].add(12 * moment.year + moment.month - 1)
    cells: dict[tuple[int, int], int] = defaultdict(int)
    for mine in months.values():
        for month in mine:
            cells[min(mine), month - min(mine)] += 1
    return sorted((cohort, age, n, cells[cohort, 0]) for (cohort, age), n in cells.items())


def reduced(table, as_of: date = AS_OF) -> list[tuple[int, ...]]:
    frame = cohort_activity(table, as_of=as_of).order_by(["cohort", "age"]).execute()
    assert list(frame.columns) == ["cohort", "age", "n_active", "n_customers"]
    return [tuple(map(int, row)) for row in frame.itertuples(index=False)]


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_plain_python_in_every_cell(place, seed):
    log = simulate_log(seed)
    assert reduced(place("log", log)) == by_hand(log, AS_OF)


def test_the_last_second_of_as_of_counts_and_the_next_does_not(place):
    log = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a"],
            "order_date": pd.to_datetime(
                ["2025-01-31 08:00:00", "2025-03-14 23:59:59", "2025-03-15 00:00:00"]
            ),
            "kind": "purchase",
        }
    )
    january = 12 * 2025
    assert reduced(place("log", log)) == [(january, 0, 1, 1), (january, 2, 1, 1)]


def test_row_order_and_what_comes_after_as_of_change_nothing(place):
    log = simulate_log(3)
    later = log.assign(order_date=pd.Timestamp(AS_OF + timedelta(days=1)) + pd.Timedelta(hours=1))
    more = pd.concat([log.sample(frac=1, random_state=1), later], ignore_index=True)
    assert reduced(place("more", more)) == reduced(place("log", log))


def test_customers_are_conserved(place):
    log = simulate_log(4)
    cells = pd.DataFrame(reduced(place("log", log)), columns=["cohort", "age", "n_active", "n_customers"])
    bought = log[(log["kind"] == "purchase") & (log["order_date"].dt.date <= AS_OF)]
    at_start = cells[cells["age"] == 0]
    assert at_start["n_active"].sum() == bought["customer_id"].nunique()
    assert (at_start["n_active"] == at_start["n_customers"]).all()
    assert (cells["n_active"] <= cells["n_customers"]).all()
    customer_months = bought.groupby("customer_id")["order_date"].apply(
        lambda days: days.dt.to_period("M").nunique()
    )
    assert cells["n_active"].sum() == customer_months.sum()


def test_each_customer_has_the_cohort_of_the_first_purchase(place):
    people = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "first_date": [date(2024, 12, 31), date(2025, 1, 1), date(2025, 3, 14)],
        }
    )
    found = customer_cohorts(place("people", people), as_of=AS_OF).order_by("customer_id").execute()
    assert found.values.tolist() == [["a", "2024-12", 3], ["b", "2025-01", 2], ["c", "2025-03", 0]]
