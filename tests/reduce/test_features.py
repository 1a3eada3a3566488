"""Customers at a cut-off: equal to plain Python, features before it and labels after it, on every engine."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from cam.reduce.features import churn_counts, contracts_at, customers_at

CUT_OFF, AS_OF = date(2025, 6, 30), date(2025, 12, 31)
WINDOWS = {"cut_off": CUT_OFF, "observation_days": 120, "horizon_days": 60, "as_of": AS_OF}
COLUMNS = ["customer_id", "last_date", "days_since_last", "n_purchase_days", "churned", "came_back"]


def simulate_log(seed: int, n_customers: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = rng.geometric(0.15, n_customers)
    days = rng.integers(0, 400, n.sum())  # to a month after AS_OF
    return pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in np.repeat(np.arange(n_customers), n)],
            "order_date": pd.Timestamp("2024-12-27")
            + pd.to_timedelta(days, "D")
            + pd.to_timedelta(rng.integers(0, 86_400, n.sum()), "s"),
            "kind": rng.choice(["purchase", "netted refund"], n.sum(), p=[0.9, 0.1]),
        }
    )


def by_hand(log: pd.DataFrame) -> list[tuple]:
    rows = []
    for customer, mine in log[log["kind"] == "purchase"].groupby("customer_id"):
        days = {moment.date() for moment in mine["order_date"] if moment.date() <= AS_OF}
        before = {day for day in days if CUT_OFF - timedelta(days=120) < day <= CUT_OFF}
        within = {day for day in days if CUT_OFF < day <= CUT_OFF + timedelta(days=60)}
        after = {day for day in days if day > CUT_OFF + timedelta(days=60)}
        if before:
            last = max(before)
            rows.append(
                (customer, last, (CUT_OFF - last).days, len(before), not within, not within and bool(after))
            )
    return sorted(rows)


def reduced(table) -> list[tuple]:
    frame = customers_at(table, **WINDOWS).order_by("customer_id").execute()
    assert list(frame.columns) == COLUMNS
    frame["last_date"] = pd.to_datetime(frame["last_date"]).dt.date
    return sorted(frame.itertuples(index=False, name=None))


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_plain_python_in_every_row(place, seed):
    log = simulate_log(seed)
    found = reduced(place("log", log))
    assert found == by_hand(log)
    assert {row[4] for row in found} == {row[5] for row in found} == {True, False}


def test_windows_open_and_close_on_the_right_days(place):
    first, last = CUT_OFF - timedelta(days=119), CUT_OFF + timedelta(days=60)
    days = {
        "too early": [first - timedelta(days=1)],
        "just seen": [first],
        "on the cut-off": [CUT_OFF],
        "stays on the last day": [CUT_OFF, last],
        "a day late": [CUT_OFF, last + timedelta(days=1)],
        "new after it": [CUT_OFF + timedelta(days=1)],
    }
    log = pd.DataFrame(
        [
            {
                "customer_id": name,
                "order_date": pd.Timestamp(day) + pd.Timedelta("23:59:59"),
                "kind": "purchase",
            }
            for name, mine in days.items()
            for day in mine
        ]
    )
    found = {row[0]: row[2:] for row in reduced(place("log", log))}
    assert found == {
        "just seen": (119, 1, True, False),
        "on the cut-off": (0, 1, True, False),
        "stays on the last day": (0, 1, False, False),
        "a day late": (0, 1, True, True),
    }


def test_nothing_after_the_cut_off_reaches_a_feature(place):
    log = simulate_log(3)
    known = log[log["order_date"].dt.date <= CUT_OFF]
    assert [row[:4] for row in reduced(place("log", log))] == [
        row[:4] for row in reduced(place("known", known))
    ]


def test_row_order_and_what_comes_after_as_of_change_nothing(place):
    log = simulate_log(4)
    later = log.assign(order_date=pd.Timestamp(AS_OF + timedelta(days=1)))
    more = pd.concat([log.sample(frac=1, random_state=1), later], ignore_index=True)
    assert reduced(place("more", more)) == reduced(place("log", log))


def test_counts_conserve_customers_in_every_cut(place):
    people = customers_at(place("log", simulate_log(5)), **WINDOWS)
    whole = churn_counts(people).execute()
    parts = churn_counts(people, limits=[10, 30, 60]).order_by("recency_bin").execute()
    names = ["n_customers", "n_churned", "n_came_back"]
    assert parts[names].sum().tolist() == whole[names].iloc[0].tolist()
    assert (parts["n_came_back"] <= parts["n_churned"]).all() and (
        parts["n_churned"] <= parts["n_customers"]
    ).all()
    frame = people.execute()
    assert whole["n_customers"].iloc[0] == len(frame)
    bins = np.searchsorted([10, 30, 60], frame["days_since_last"]) + 1
    assert parts["n_customers"].tolist() == pd.Series(bins).value_counts().sort_index().tolist()


def test_counts_of_nobody_are_zero(place):
    log = simulate_log(6, n_customers=3)
    people = customers_at(place("log", log), **(WINDOWS | {"cut_off": date(2020, 1, 1)}))
    assert churn_counts(people).execute().values.tolist() == [[0, 0, 0]]


def test_a_contract_runs_on_its_first_and_last_day(place):
    end = CUT_OFF + timedelta(days=60)
    day = timedelta(days=1)
    contracts = pd.DataFrame(
        [
            ("running", CUT_OFF, None),
            ("not begun", CUT_OFF + day, None),
            ("ended before", date(2024, 1, 1), CUT_OFF - day),
            ("last day is the cut-off", date(2024, 1, 1), CUT_OFF),
            ("last day is that of the horizon", date(2024, 1, 1), end),
            ("ended a day before", date(2024, 1, 1), end - day),
            ("renewed", date(2024, 1, 1), CUT_OFF + 9 * day),
            ("renewed", CUT_OFF + 10 * day, None),
            ("ends after as_of", date(2024, 1, 1), date(2030, 1, 1)),
        ],
        columns=["customer_id", "start_date", "end_date"],
    )
    found = contracts_at(place("contracts", contracts), cut_off=CUT_OFF, horizon_days=60).execute()
    assert dict(zip(found["customer_id"], found["churned"], strict=True)) == {
        "running": False,
        "last day is the cut-off": True,
        "last day is that of the horizon": False,
        "ended a day before": True,
        "renewed": False,
        "ends after as_of": False,
    }


def test_purchases_within_the_gap_say_nothing(place):
    gap = timedelta(days=10)
    days = {
        "in the gap only": [CUT_OFF, CUT_OFF + gap],
        "on the first day after it": [CUT_OFF, CUT_OFF + gap + timedelta(days=1)],
        "on the last day": [CUT_OFF, CUT_OFF + gap + timedelta(days=60)],
        "a day late": [CUT_OFF, CUT_OFF + gap + timedelta(days=61)],
    }
    log = pd.DataFrame(
        [
            {"customer_id": name, "order_date": pd.Timestamp(day), "kind": "purchase"}
            for name, mine in days.items()
            for day in mine
        ]
    )
    found = customers_at(place("log", log), gap_days=10, **WINDOWS).execute().set_index("customer_id")
    assert found["churned"].to_dict() == {
        "in the gap only": True,
        "on the first day after it": False,
        "on the last day": False,
        "a day late": True,
    }
    assert found["came_back"].to_dict() == {name: name == "a day late" for name in days}
    assert set(found["n_purchase_days"]) == {1}


def test_a_contract_that_ends_within_the_gap_is_out_of_reach(place):
    day = timedelta(days=1)
    reached, end = CUT_OFF + 10 * day, CUT_OFF + 70 * day
    contracts = pd.DataFrame(
        [
            ("ends in the gap", CUT_OFF, reached - day),
            ("ends with the gap", CUT_OFF, reached),
            ("ends with the horizon", CUT_OFF, end),
            ("renews in the gap", CUT_OFF, reached - 2 * day),
            ("renews in the gap", reached, None),
            ("begins in the gap", CUT_OFF + day, None),
        ],
        columns=["customer_id", "start_date", "end_date"],
    )
    table = place("contracts", contracts)
    found = contracts_at(table, cut_off=CUT_OFF, horizon_days=60, gap_days=10).execute()
    assert dict(zip(found["customer_id"], found["churned"], strict=True)) == {
        "ends with the gap": True,
        "ends with the horizon": False,
        "renews in the gap": False,
    }
