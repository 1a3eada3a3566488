"""Sums behind the four rates: equal to plain Python in every cell on both engines, and all revenue is in them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.reduce.period_rates import contract_cells, purchase_cells

STARTS = [date(2024, 7, 1), date(2024, 10, 1), date(2025, 1, 1)]
END = date(2025, 3, 31)
MONEY = ["before", "after", "kept", "before_2", "after_2", "kept_2", "before_after", "before_kept"]


def simulate_log(seed: int = 1, n: int = 3_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    seconds = rng.integers(0, 550 * 86_400, n)
    # Twice on one day is once.
    seconds[:2] = 450 * 86_400 + np.array([3_600, 7_200])
    log = pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in rng.integers(0, 500, n)],
            "order_date": pd.Timestamp("2023-11-20") + pd.to_timedelta(seconds, "s"),
            # So large that squares of cents do not fit into 64 bits.
            "revenue": rng.integers(-500, 9_000_000_000, n) / 100,
            "kind": rng.choice(["purchase", "netted refund", "loose refund"], n, p=[0.6, 0.2, 0.2]),
        }
    )
    return log.assign(
        customer_id=np.where(log.index < 2, "twice", log["customer_id"]),
        kind=np.where(log.index < 2, "purchase", log["kind"]),
    )


def summed(people: dict) -> dict:
    """By key: customers, a count, and money with its squares and products."""
    found: dict = defaultdict(lambda: [0] * 10)
    for key, extra, before, after in people.values():
        kept = min(before, after)
        squares = [before**2, after**2, kept**2, before * after, before * kept]
        row = [1, extra, before, after, kept, *squares]
        found[key] = [one + other for one, other in zip(found[key], row, strict=True)]
    return dict(found)


def by_hand(log: pd.DataFrame) -> dict:
    people = {}
    for customer, rows in log[log["order_date"].dt.date <= END].groupby("customer_id"):
        pattern, days, money = 0, set(), [0, 0]
        for row in rows.itertuples():
            day = row.order_date.date()
            place = sum(day >= start for start in STARTS)
            if row.kind == "purchase":
                pattern |= 1 << place
                days.add(day)
            if place >= 2:
                money[place - 2] += round(100 * row.revenue)
        people[customer] = (pattern, int(len(days) > 1), *money)
    return summed(people)


def as_dict(table: pd.DataFrame, by: list[str], extra: str) -> dict:
    rows = {}
    for row in table.to_dict("records"):
        key = tuple(int(row[name]) for name in by)
        rows[key if len(by) > 1 else key[0]] = [int(row[name]) for name in ("n_customers", extra, *MONEY)]
    return rows


def assert_same(found: dict, expected: dict) -> None:
    """Counts and cents to the last digit; squares to the 16 digits that PostgreSQL's driver hands over."""
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key][:5] == row[:5]
        assert found[key][5:] == pytest.approx(row[5:], rel=1e-15)


# --- correct ------------------------------------------------------------------------------------


def test_purchases_equal_plain_python_in_every_cell(place):
    log = simulate_log()
    table = purchase_cells(place("log", log), starts=STARTS, end=END).execute()
    assert_same(as_dict(table, ["pattern"], "n_again"), by_hand(log))


def test_contracts_equal_plain_python_in_every_cell(place):
    rng = np.random.default_rng(3)
    n, days = 600, [date(2024, 9, 30), date(2024, 12, 31), date(2025, 3, 31)]
    start = pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 420, n), "D")
    end = start + pd.to_timedelta(rng.integers(0, 300, n), "D")
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in rng.integers(0, 250, n)],
            "start_date": start.date,
            "end_date": pd.Series(end.date).where(rng.random(n) < 0.7, None),
            "monthly_fee": pd.Series(rng.integers(1, 9_000, n) / 100).where(rng.random(n) < 0.9),
        }
    )
    people = {}
    for customer, rows in frame.groupby("customer_id"):
        runs = [
            rows[(rows["start_date"] <= day) & (rows["end_date"].isna() | (rows["end_date"] >= day))]
            for day in days
        ]
        since = next((i for i, day in enumerate(days) if rows["start_date"].min() <= day), None)
        if since is None:
            continue
        pattern = sum(1 << i for i, row in enumerate(runs) if len(row))
        unpriced = int(any(row["monthly_fee"].isna().any() for row in runs[-2:]))
        money = [0 if unpriced else round(100 * row["monthly_fee"].sum()) for row in runs[-2:]]
        people[customer] = ((pattern, since), unpriced, *money)
    table = contract_cells(place("terms", frame), days=days).execute()
    assert_same(as_dict(table, ["pattern", "since"], "n_unpriced"), summed(people))


# --- consistent ---------------------------------------------------------------------------------


def test_all_revenue_of_both_periods_is_in_the_cells_that_of_mere_refunds_too(place):
    log = simulate_log(5)
    log.loc[log["customer_id"] == "c7", "kind"] = "loose refund"
    table = purchase_cells(place("log", log), starts=STARTS, end=END).execute()
    day = log["order_date"].dt.date
    for name, inside in (
        ("before", (day >= STARTS[1]) & (day < STARTS[2])),
        ("after", (day >= STARTS[2]) & (day <= END)),
    ):
        assert (
            sum(int(value) for value in table[name])
            == (100 * log.loc[inside, "revenue"]).round().astype(int).sum()
        )
    assert 0 in set(table["pattern"])


def test_what_comes_after_the_end_changes_nothing(place):
    log = simulate_log(6)
    early = log[log["order_date"] < pd.Timestamp(END) + pd.Timedelta(days=1)]
    assert len(early) < len(log)
    one, other = (
        purchase_cells(place(name, frame), starts=STARTS, end=END).order_by("pattern").execute()
        for name, frame in (("log", log), ("early", early))
    )
    pd.testing.assert_frame_equal(one, other)


def test_contracts_without_fees_bring_nought(place):
    frame = pd.DataFrame({"customer_id": ["a"], "start_date": [date(2024, 1, 1)], "end_date": [None]})
    frame["end_date"] = pd.to_datetime(frame["end_date"])
    table = contract_cells(place("terms", frame), days=[date(2024, 9, 30), date(2024, 12, 31)]).execute()
    assert table[["pattern", "n_customers", "n_unpriced"]].astype(int).values.tolist() == [[3, 1, 1]]
    assert table[MONEY].astype(int).to_numpy().sum() == 0
