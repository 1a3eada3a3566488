"""What customers have brought, discounted, and spend here per year: the same as by hand, on both engines."""

from __future__ import annotations

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.reduce.current_value import discounted_fees, discounted_orders, yearly_fees, yearly_revenue
from cam.reduce.earnings import contract_earnings, customer_earnings
from cam.reduce.serving import customer_profit, refunded_orders, tickets_opened

AS_OF = date(2026, 6, 30)
COSTS = {"order": 2.0, "refund": 5.0, "ticket": 8.0}


def orders(n=400, *, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 40, n).astype(str),
            "order_id": np.arange(n).astype(str),
            "order_date": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 950, n), unit="D"),
            "revenue": rng.gamma(1, 30, n).round(2) + 1,
            "kind": "purchase",
        }
    )
    back = frame.iloc[:40].assign(revenue=-1.0, kind="netted refund")
    back["order_date"] += pd.Timedelta(days=9)
    frame = pd.concat([frame, back, back.iloc[:5]], ignore_index=True)
    return frame.assign(cost=(frame["revenue"] * 0.6).round(2))


def tickets(seed=4):
    rng = np.random.default_rng(seed)
    opened = pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 950, 60), unit="D")
    return pd.DataFrame({"customer_id": rng.integers(0, 50, 60).astype(str), "opened": opened})


def values(table):
    found = table.execute().set_index("customer_id").sort_index()
    return found["current_value"].astype(float)


# --- correct ------------------------------------------------------------------------------------


def test_margins_less_serving_are_discounted_each_from_its_own_day(place):
    log, cases = orders(), tickets()
    found = values(
        discounted_orders(
            place("log", log), as_of=AS_OF, annual_rate=0.1, costs=COSTS, tickets=place("cases", cases)
        )
    )
    log, cases = (
        part[part[column] < pd.Timestamp(AS_OF) + pd.Timedelta(days=1)]
        for part, column in ((log, "order_date"), (cases, "opened"))
    )
    bought = log[log["kind"] == "purchase"]
    refunds = log[log["kind"] != "purchase"].groupby(["customer_id", "order_id"])["order_date"].min()
    events = pd.concat(
        [
            log.assign(day=log["order_date"], amount=log["revenue"] - log["cost"]),
            bought.assign(day=bought["order_date"], amount=-COSTS["order"]),
            refunds.reset_index().assign(day=refunds.to_numpy(), amount=-COSTS["refund"]),
            cases.assign(day=cases["opened"], amount=-COSTS["ticket"]),
        ]
    )
    first = bought.groupby("customer_id")["order_date"].min()
    events = events[events["customer_id"].isin(first.index)]
    days = (events["day"] - events["customer_id"].map(first)).dt.days.clip(lower=0)
    by_hand = (events["amount"] * 1.1 ** -(days / 365.25)).groupby(events["customer_id"]).sum().sort_index()
    assert found.index.tolist() == by_hand.index.tolist()
    # Each amount is rounded to a ten-thousandth, the sum to a cent.
    assert np.abs(found - by_hand).max() <= 0.0051


def test_fees_are_discounted_day_by_day(place):
    fees = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b"],
            "start_date": pd.to_datetime(["2024-01-01", "2025-01-01", "2026-06-30"]),
            "end_date": pd.to_datetime(["2024-03-31", None, None]),
            "monthly_fee": [10.0, 20.0, 30.0],
        }
    )
    found = values(discounted_fees(place("fees", fees), as_of=AS_OF, annual_rate=0.2, margin_rate=0.5))
    first, total = pd.Timestamp("2024-01-01"), 0.0
    for start, end, fee in (("2024-01-01", "2024-03-31", 10.0), ("2025-01-01", "2026-06-30", 20.0)):
        days = (pd.date_range(start, end) - first).days.to_numpy()
        total += fee * 0.5 / 30.4375 * (1.2 ** -(days / 365.25)).sum()
    assert found["a"] == pytest.approx(total, abs=0.0051)
    assert found["b"] == pytest.approx(30 * 0.5 / 30.4375, abs=0.0051)


def test_the_last_year_counts_and_younger_customers_are_scaled_to_one(place):
    log = pd.DataFrame(
        {
            "customer_id": ["old", "old", "old", "young", "new", "lapsed"],
            "order_date": pd.to_datetime(
                ["2024-01-05", "2025-06-30", "2025-07-01", "2026-01-01", "2026-06-30", "2024-05-01"]
            ),
            "revenue": [9.0, 7.0, 5.0, 40.0, 10.0, 6.0],
            "kind": "purchase",
        }
    )
    found = yearly_revenue(place("log", log), as_of=AS_OF, min_days=91).execute().set_index("customer_id")
    spent, error = found["yearly_revenue"].astype(float), found["yearly_error"].astype(float)
    assert spent.round(2).to_dict() == {  # 1 July 2025 is the first of 365 days; 181 days since New Year
        "old": 5.0, "young": round(40 * 365 / 181, 2), "new": round(10 * 365 / 91, 2), "lapsed": 0.0,
    }  # fmt: skip
    assert error["old"] == pytest.approx(np.hypot(5, 7))
    assert error["lapsed"] == pytest.approx(6.0)


def test_fees_of_the_last_year(place):
    fees = pd.DataFrame(
        {
            "customer_id": ["whole", "half", "gone"],
            "start_date": pd.to_datetime(["2024-01-01", "2025-12-30", "2024-01-01"]),
            "end_date": pd.to_datetime([None, None, "2025-06-30"]),
            "monthly_fee": 30.4375,
        }
    )
    found = yearly_fees(place("fees", fees), as_of=AS_OF, min_days=91).execute().set_index("customer_id")
    spent = found["yearly_revenue"].astype(float).to_dict()
    assert spent == {"whole": 365.0, "half": 365.0, "gone": 0.0}
    assert (found["yearly_error"] == 0).all()


# --- consistent ---------------------------------------------------------------------------------


def test_without_a_discount_it_is_the_profit_of_study_03(place):
    log, cases = place("log", orders()), place("cases", tickets())
    found = values(discounted_orders(log, as_of=AS_OF, annual_rate=0.0, costs=COSTS, tickets=cases))
    served = customer_profit(
        customer_earnings(log, as_of=AS_OF, has_margin=True),
        rates=COSTS,
        refunds=refunded_orders(log, as_of=AS_OF),
        tickets=tickets_opened(cases, as_of=AS_OF),
    )
    profit = served.execute().set_index("customer_id").sort_index()["profit"].astype(float)
    assert found.to_dict() == profit.to_dict()


def test_without_a_discount_fees_are_those_of_study_03(place):
    fees = pd.DataFrame(
        {
            "customer_id": [str(i % 30) for i in range(60)],
            "start_date": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(60) * 11, unit="D"),
            "end_date": [pd.Timestamp("2025-09-30") if i % 3 else pd.NaT for i in range(60)],
            "monthly_fee": np.arange(60) / 3,
        }
    )
    table = place("fees", fees)
    found = values(discounted_fees(table, as_of=AS_OF, annual_rate=0.0))
    earned = contract_earnings(table, as_of=AS_OF).execute().set_index("customer_id").sort_index()["revenue"]
    # There each contract is rounded to the cent, here each customer.
    assert np.abs(found - earned.astype(float)).max() <= 0.0151


def test_order_of_rows_does_not_matter(place):
    log = orders()
    one = values(discounted_orders(place("one", log), as_of=AS_OF, annual_rate=0.1))
    other = values(
        discounted_orders(place("other", log.sample(frac=1, random_state=1)), as_of=AS_OF, annual_rate=0.1)
    )
    assert one.to_dict() == other.to_dict()


def test_a_higher_discount_never_adds_to_what_only_comes_in():
    log = orders()
    log = ibis.memtable(log[log["kind"] == "purchase"])
    low, high = (values(discounted_orders(log, as_of=AS_OF, annual_rate=rate)) for rate in (0.05, 0.3))
    assert (high <= low).all() and (high < low).any()


# --- refuses ------------------------------------------------------------------------------------


def test_what_it_rests_on_must_be_there():
    log = ibis.memtable(orders().drop(columns="cost"))
    with pytest.raises(ValueError, match="needs margin_rate"):
        discounted_orders(log, as_of=AS_OF, annual_rate=0.1)
    with pytest.raises(ValueError, match="needs the tickets"):
        discounted_orders(log, as_of=AS_OF, annual_rate=0.1, margin_rate=0.5, costs={"ticket": 1.0})
    with pytest.raises(ValueError, match="needs the tickets"):
        discounted_fees(log, as_of=AS_OF, annual_rate=0.1, ticket_cost=1.0)


# --- honest -------------------------------------------------------------------------------------


def test_the_interval_of_yearly_spend_holds_the_expected_one():
    """4,000 customers at each rate, seen for two years: purchase days at random, sizes from a gamma.

    Where a year brings three purchases or fewer, or sizes differ much, a symmetric interval falls somewhat short of
    95 %; it must never fall short of 85 %.
    """
    rng = np.random.default_rng(5)
    begin = pd.Timestamp(AS_OF) - pd.Timedelta(days=730)
    for rate, shape, least in ((0.5, 3, 0.9), (2, 3, 0.85), (6, 3, 0.88), (20, 3, 0.92), (6, 1, 0.85)):
        n = rng.poisson(2 * rate, 4000)
        who = np.repeat(np.arange(4000), n)
        day = begin + pd.to_timedelta(rng.integers(0, 730, len(who)) + 1, unit="D")
        size = rng.gamma(shape, 30 / shape, len(who)).round(2) + 0.01
        log = pd.DataFrame({"customer_id": who, "order_date": day, "revenue": size, "kind": "purchase"})
        # Everybody began before the first day seen, so nobody's own first purchase is in the year by design.
        old = pd.DataFrame(
            {"customer_id": np.arange(4000), "order_date": begin, "revenue": 30.0, "kind": "purchase"}
        )
        table = ibis.memtable(pd.concat([old, log], ignore_index=True))
        found = yearly_revenue(table, as_of=AS_OF, min_days=91).execute().astype(float)
        holds = (found["yearly_revenue"] - 30 * rate).abs() <= 1.96 * found["yearly_error"]
        assert holds.mean() >= least, (rate, shape, holds.mean())
