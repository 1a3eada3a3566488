"""Discounted margin by months since acquisition: correct, consistent, refusing."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.reduce.payback import cohort_sizes, margin_by_age, quarter_cohorts

AS_OF = date(2026, 12, 31)
DAILY = math.log(1.1) / 365.25


def people(n=60, seed=1):
    rng = np.random.default_rng(seed)
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 200, n), unit="D")
    return pd.DataFrame({"customer_id": [f"c{i}" for i in range(n)], "acquired_date": days})


def orders(n=400, seed=2):
    rng = np.random.default_rng(seed)
    revenue = rng.normal(40, 40, n).round(2)  # refunds among them
    return pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in rng.integers(0, 60, n)],
            "order_date": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 500, n), unit="D"),
            "revenue": revenue,
            "cost": np.where(rng.random(n) < 0.8, (0.6 * revenue).round(2), np.nan),
        }
    )


def plain(log, who, rate):
    """The same in plain pandas, customer by customer."""
    rows = log.merge(who, on="customer_id")
    rows = rows[(rows["order_date"] < "2027-01-01") & (rows["acquired_date"] <= "2026-06-30")]
    days = (rows["order_date"] - rows["acquired_date"]).dt.days
    margin = (rows["revenue"] - rows["cost"]).fillna(rows["revenue"] * rate)
    cents = np.floor(100 * margin * np.exp(-DAILY * days) + 0.5)
    age = np.where(days < 0, -1, np.ceil(days / 30.4375)).astype(int)
    cohort = rows["acquired_date"].dt.to_period("Q").astype(str).str.replace("Q", "-Q")
    table = pd.DataFrame({"id": rows["customer_id"], "cohort": cohort, "age": age, "cents": cents})
    after = table[table["age"] >= 0].pivot_table(
        index=["cohort", "id"], columns="age", values="cents", aggfunc="sum", fill_value=0
    )
    running = after.cumsum(axis=1)
    return table, running.groupby("cohort").sum(), (running**2).groupby("cohort").sum()


def reduced(place, log, who, **options):
    cohorts = quarter_cohorts(place("people", who), first=date(2026, 1, 1), last=date(2026, 6, 30))
    return margin_by_age(place("log", log), cohorts, as_of=AS_OF, daily_discount=DAILY, **options).execute()


# --- correct ------------------------------------------------------------------------------------


def test_running_sums_are_those_of_plain_pandas(place):
    log, who = orders(), people()
    found = reduced(place, log, who, margin_rate=0.35).astype({"margin": float, "squares": float})
    table, sums, squares = plain(log, who, 0.35)
    assert found["n_rows"].sum() == len(table)
    for cohort in sums.index:
        own = found[(found["cohort"] == cohort) & (found["age"] >= 0)].set_index("age")
        ages = range(int(own.index.max()) + 1)
        running = own[["margin", "squares"]].reindex(ages, fill_value=0).cumsum()
        expected = (
            sums.loc[cohort].reindex(ages).ffill().fillna(0),
            squares.loc[cohort].reindex(ages).ffill().fillna(0),
        )
        # An engine may round a half of a cent the other way, at most once in a while.
        assert running["margin"].tolist() == pytest.approx(expected[0].tolist(), abs=2)
        assert running["squares"].tolist() == pytest.approx(expected[1].tolist(), rel=1e-4)
    before = found[found["age"] == -1]
    assert before["n_rows"].sum() == (table["age"] == -1).sum() > 0


def test_the_first_day_is_age_nothing_and_a_month_is_30_4375_days(place):
    who = pd.DataFrame({"customer_id": ["a"], "acquired_date": pd.to_datetime(["2026-01-01"])})
    days = [0, 1, 30, 31, 60, 61]
    log = pd.DataFrame(
        {
            "customer_id": "a",
            "order_date": pd.Timestamp("2026-01-01 23:00") + pd.to_timedelta(days, unit="D"),
            "revenue": 1.0,
            "cost": 0.0,
        }
    )
    found = reduced(place, log, who)
    assert found[["age", "n_rows"]].astype(int).values.tolist() == [[0, 1], [1, 2], [2, 2], [3, 1]]


def test_cohorts_are_quarters_within_the_window(place):
    who = people()
    cohorts = quarter_cohorts(place("people", who), first=date(2026, 1, 1), last=date(2026, 6, 30))
    found = cohort_sizes(cohorts).execute()
    expected = who[who["acquired_date"] <= "2026-06-30"].groupby(who["acquired_date"].dt.quarter)[
        "acquired_date"
    ]
    assert found["cohort"].tolist() == ["2026-Q1", "2026-Q2"]
    assert found["n_customers"].tolist() == expected.size().tolist()
    assert pd.to_datetime(found["last_day"]).tolist() == expected.max().tolist()


# --- consistent ---------------------------------------------------------------------------------


def test_order_of_rows_and_later_orders_change_nothing(place):
    log, who = orders(), people()
    one = reduced(place, log, who, margin_rate=0.35)
    later = log[log["order_date"] < "2027-01-01"].sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(one, reduced(place, later, who, margin_rate=0.35))


def test_without_cost_the_rate_is_all_and_with_it_only_what_lacks_one(place):
    log, who = orders(), people()
    none = reduced(place, log.drop(columns="cost"), who, margin_rate=0.4)
    same = reduced(place, log.assign(cost=(0.6 * log["revenue"]).round(6)), who, margin_rate=0.1)
    assert none["n_rows"].tolist() == same["n_rows"].tolist()
    # The cost is to the cent, so each row may differ by half a cent and its own rounding.
    assert (none["margin"].astype(float) - same["margin"].astype(float)).abs().max() <= none[
        "n_rows"
    ].max() * 1.5


# --- refuses ------------------------------------------------------------------------------------


def test_refuses_a_margin_from_nothing(place):
    with pytest.raises(ValueError, match="needs margin_rate"):
        reduced(place, orders().drop(columns="cost"), people())
