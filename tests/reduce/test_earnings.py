"""What customers have brought: correct, consistent, refusing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.reduce.earnings import contract_earnings, customer_earnings, earnings_sums, ranked_groups

AS_OF = date(2026, 3, 31)


def log(seed=1, *, n=400):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 60, n).astype(str),
            "order_date": pd.Timestamp("2026-01-01")
            + pd.to_timedelta(rng.integers(0, 120 * 24, n), unit="h"),
            "order_id": rng.integers(0, 250, n).astype(str),
            "revenue": rng.gamma(1, 30, n).round(2),
            "kind": "purchase",
        }
    )
    refund = rng.random(n) < 0.1
    frame.loc[refund, "revenue"] *= -1
    frame.loc[refund, "kind"] = rng.choice(["netted refund", "loose refund"], refund.sum())
    frame["cost"] = (frame["revenue"] * rng.uniform(0.4, 0.8, n)).round(2)
    return frame


def by_id(expression):
    return expression.execute().set_index("customer_id").sort_index()


def brute(frame):
    seen = frame[frame["order_date"] < pd.Timestamp(AS_OF) + pd.Timedelta(days=1)]
    bought = seen[seen["kind"] == "purchase"]
    people = pd.DataFrame(
        {
            # One order counts on each day that it stands on: preparing the table has brought it to one day.
            "n_orders": bought.groupby(["customer_id", bought["order_date"].dt.date])["order_id"]
            .nunique()
            .groupby("customer_id")
            .sum(),
            "revenue": seen.groupby("customer_id")["revenue"].sum().round(2),
            "cost": seen.groupby("customer_id")["cost"].sum().round(2),
        }
    )
    return people.dropna().sort_index()


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_customers_are_those_of_plain_pandas(place, seed):
    frame = log(seed)
    found, expected = (
        by_id(customer_earnings(place("log", frame), as_of=AS_OF, has_margin=True)),
        brute(frame),
    )
    assert found.index.tolist() == expected.index.tolist()
    assert found["n_orders"].tolist() == expected["n_orders"].tolist()
    assert found["revenue"].astype(float).tolist() == pytest.approx(expected["revenue"].tolist())
    margin = expected["revenue"] - expected["cost"]
    assert found["margin"].astype(float).tolist() == pytest.approx(margin.tolist())


def test_a_rate_stands_for_the_rows_without_a_cost_only(place):
    frame = log()
    frame.loc[::3, "cost"] = np.nan
    made = place("log", frame)
    found = by_id(customer_earnings(made, as_of=AS_OF, margin_rate=0.3, has_margin=True))
    filled = frame.assign(cost=frame["cost"].fillna(frame["revenue"] * 0.7))
    seen = filled[filled["order_date"] < pd.Timestamp("2026-04-01")]
    margin = (seen["revenue"] - seen["cost"]).groupby(seen["customer_id"]).sum()
    # Each customer is rounded to the cent, once.
    assert found["margin"].astype(float).tolist() == pytest.approx(margin[found.index].tolist(), abs=0.0051)


def test_a_contract_brings_its_fee_for_every_day_it_ran(place):
    contracts = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "c", "d"],
            "start_date": pd.to_datetime(
                ["2025-01-01", "2026-03-31", "2026-03-01", "2026-05-01", "2026-01-01"]
            ),
            "end_date": pd.to_datetime(["2025-12-31", None, None, None, "2026-12-31"]),
            "monthly_fee": [30.4375, 30.4375, 10.0, 10.0, np.nan],
        }
    )
    made = place("rows", contracts)
    found = by_id(contract_earnings(made, as_of=AS_OF, margin_rate=0.5))
    # A fee of 30.4375 is 1 a day; b has run 31 days; c has not begun; d has no fee.
    assert found["revenue"].tolist() == [Decimal("366.00"), Decimal("10.18")]
    assert found["margin"].tolist() == [Decimal("183.00"), Decimal("5.09")]


def test_sums_and_products_are_exact(place):
    frame = log()
    people = customer_earnings(place("log", frame), as_of=AS_OF, has_margin=True)
    row = earnings_sums(people, ["n_orders", "revenue", "margin"]).execute().iloc[0]
    listed = people.execute()
    cents = {name: [int(value * 100) for value in listed[name]] for name in ("revenue", "margin")}
    cents["n_orders"] = listed["n_orders"].tolist()
    assert int(row["n_customers"]) == len(listed)
    for one, other in (("n_orders", "revenue"), ("revenue", "margin"), ("revenue", "revenue")):
        assert int(row[f"{one}_{other}"]) == sum(a * b for a, b in zip(cents[one], cents[other], strict=True))
        assert int(row[one]) == sum(cents[one])


@pytest.mark.parametrize("n", [3, 99, 100, 101, 250])
def test_groups_hold_each_hundredth_from_the_top(place, n):
    values = np.random.default_rng(n).integers(0, 50, n)  # many are equal
    people = place("rows", pd.DataFrame({"customer_id": [f"{i:03d}" for i in range(n)], "revenue": values}))
    found = ranked_groups(people, "revenue").execute().astype("int64")
    ordered = 100 * np.sort(values)[::-1]  # in cents
    by = pd.DataFrame({"place": np.arange(n) * 100 // n, "value": ordered, "squared": ordered**2}).groupby(
        "place"
    )
    assert found["place"].tolist() == by.size().index.tolist()
    assert found["n_customers"].tolist() == by.size().tolist()
    assert found["total"].tolist() == by["value"].sum().tolist()
    assert found["squared"].tolist() == by["squared"].sum().tolist()
    assert found["lowest"].tolist() == by["value"].min().tolist()


# --- consistent ---------------------------------------------------------------------------------


def test_rows_in_another_order_and_after_as_of_change_nothing(place):
    frame = log()
    late = frame.head(5).assign(order_date=pd.Timestamp("2026-04-01"), customer_id="late")
    one = by_id(customer_earnings(place("log", frame), as_of=AS_OF, has_margin=True))
    other = by_id(
        customer_earnings(
            place("log", pd.concat([frame, late]).sample(frac=1, random_state=2)),
            as_of=AS_OF,
            has_margin=True,
        )
    )
    pd.testing.assert_frame_equal(one, other)


def test_a_full_column_of_costs_leaves_the_rate_without_effect(place):
    made = place("log", log())
    one = by_id(customer_earnings(made, as_of=AS_OF, has_margin=True))
    other = by_id(customer_earnings(made, as_of=AS_OF, margin_rate=0.9, has_margin=True))
    assert one["margin"].tolist() == other["margin"].tolist()


def test_without_a_wish_for_margin_there_is_none(place):
    assert customer_earnings(place("log", log()), as_of=AS_OF).columns == (
        "customer_id",
        "n_orders",
        "revenue",
    )


def test_groups_keep_every_customer_and_cent(place):
    people = customer_earnings(place("log", log()), as_of=AS_OF)
    found = ranked_groups(people, "revenue").execute()
    listed = people.execute()
    assert found["n_customers"].sum() == len(listed)
    assert int(found["total"].sum()) == int(sum(listed["revenue"]) * 100)


def test_large_money_is_squared_without_loss(place):
    people = place("rows", pd.DataFrame({"customer_id": ["a", "b"], "revenue": [1.0, 2.0]})).mutate(
        revenue=ibis.literal("9000000000.01").cast("decimal(18,2)")
    )
    sums = earnings_sums(people, ["revenue"])
    # As text: the way from PostgreSQL into pandas makes floats of decimals, and this asks what the engine adds up.
    text = sums.select(squares=sums.revenue_revenue.cast("string")).execute()["squares"].iloc[0]
    assert int(text.split(".")[0]) == 2 * 900000000001**2


# --- refuses ------------------------------------------------------------------------------------


def test_margin_without_cost_needs_a_rate(place):
    frame = log().drop(columns="cost")
    with pytest.raises(ValueError, match="needs margin_rate"):
        customer_earnings(place("log", frame), as_of=AS_OF, has_margin=True)
