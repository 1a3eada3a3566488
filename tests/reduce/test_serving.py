"""Cost to serve and profit: exact to the cent on both engines, and nothing is lost on the way."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.reduce.serving import count_strangers, customer_profit, refunded_orders, tickets_opened

AS_OF = date(2026, 3, 31)


def log(seed=1, *, n=500):
    rng = np.random.default_rng(seed)
    order = rng.integers(0, 150, n)
    return pd.DataFrame(
        {
            "customer_id": (order % 40).astype(str),
            "order_id": np.where(rng.random(n) < 0.1, None, order.astype(str)),
            "order_date": pd.Timestamp("2026-01-01")
            + pd.to_timedelta(rng.integers(0, 120 * 24, n), unit="h"),
            "revenue": 1.0,
            "kind": rng.choice(["purchase", "netted refund", "loose refund"], n, p=[0.6, 0.3, 0.1]),
        }
    )


def counted(frame):
    """The same by hand: distinct orders, and each row without one."""
    seen = frame[(frame["kind"] != "purchase") & (frame["order_date"] < pd.Timestamp("2026-04-01"))].copy()
    seen["key"] = [o if isinstance(o, str) else f"row {i}" for i, o in seen["order_id"].items()]
    loose = seen[seen["kind"] == "loose refund"]
    both = pd.DataFrame(
        {
            "n_refunded": seen.groupby("customer_id")["key"].nunique(),
            "n_loose": loose.groupby("customer_id")["key"].nunique(),
        }
    )
    return both.fillna(0).astype(int).sort_index()


# --- correct ------------------------------------------------------------------------------------


def test_refunds_are_counted_by_order(place):
    frame = log()
    found = refunded_orders(place("log", frame), as_of=AS_OF).execute().set_index("customer_id").sort_index()
    expected = counted(frame)
    assert (found == expected).all(axis=None) and len(found) == len(expected)
    assert expected["n_loose"].sum() > 5


def test_without_order_ids_every_refund_row_is_one(place):
    frame = log().drop(columns="order_id")
    found = refunded_orders(place("log", frame), as_of=AS_OF).execute()
    seen = frame[(frame["kind"] != "purchase") & (frame["order_date"] < pd.Timestamp("2026-04-01"))]
    assert found["n_refunded"].sum() == len(seen)
    assert found["n_loose"].sum() == (seen["kind"] == "loose refund").sum()


def test_profit_is_margin_less_cost_rounded_once_halves_up(place):
    rng = np.random.default_rng(2)
    people = pd.DataFrame(
        {
            "customer_id": [str(i) for i in range(60)],
            "n_orders": rng.integers(1, 30, 60),
            "revenue": rng.gamma(1, 40, 60).round(2) - 5,
        }
    )
    refunds = pd.DataFrame({"customer_id": [str(i) for i in range(20)], "n_refunded": rng.integers(1, 5, 20)})
    tickets = pd.DataFrame(
        {"customer_id": [str(i) for i in range(10, 30)], "n_tickets": rng.integers(1, 5, 20)}
    )
    table = place("people", people).rename(margin="revenue")
    rates = {"order": 0.125, "refund": 7.335, "ticket": 12.0}
    found = (
        customer_profit(
            table, rates=rates, refunds=place("refunds", refunds), tickets=place("tickets", tickets)
        )
        .execute()
        .set_index("customer_id")
    )
    n_refunded = refunds.set_index("customer_id")["n_refunded"]
    n_tickets = tickets.set_index("customer_id")["n_tickets"]
    for row in people.to_dict("records"):
        who = row["customer_id"]
        cost = (
            Decimal("0.125") * int(row["n_orders"])
            + Decimal("7.335") * int(n_refunded.get(who, 0))
            + Decimal(12) * int(n_tickets.get(who, 0))
        ).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert found.cost_to_serve[who] == cost
        assert found.profit[who] == Decimal(f"{row['revenue']:.2f}") - cost
    assert len(found) == 60


# --- consistent ---------------------------------------------------------------------------------


def test_without_rates_profit_is_the_margin(place):
    people = pd.DataFrame({"customer_id": ["a", "b"], "revenue": [3.25, -1.0]})
    found = customer_profit(place("people", people).rename(margin="revenue"), rates={}).execute()
    assert (found["profit"] == found["margin"]).all() and (found["cost_to_serve"] == 0).all()


def test_tickets_are_charged_or_named(place):
    opened = pd.to_datetime(
        ["2026-01-05", "2026-03-31 22:00", "2026-04-01", "2026-02-01", "2026-02-01"], format="ISO8601"
    )
    tickets = pd.DataFrame({"customer_id": ["a", "a", "a", "x", None], "opened": opened})
    people = place("people", pd.DataFrame({"customer_id": ["a", "b"]}))
    counts = tickets_opened(place("tickets", tickets), as_of=AS_OF)
    assert int(counts.filter(counts.customer_id == "a").execute().n_tickets[0]) == 2
    assert int(count_strangers(counts, people, "n_tickets").execute().n[0]) == 2
    assert int(count_strangers(counts.filter(ibis.literal(False)), people, "n_tickets").execute().n[0]) == 0


# --- refuses ------------------------------------------------------------------------------------


def test_a_cost_without_a_count_is_refused():
    people = ibis.memtable({"customer_id": ["a"], "margin": [1.0]})
    with pytest.raises(ValueError, match="a cost per ticket needs n_tickets"):
        customer_profit(people, rates={"ticket": 5.0})
