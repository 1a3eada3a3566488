"""Customers at two dates, in the engine: what the same thing in pandas gives, and nobody and nothing lost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from cam.reduce.migration import count_flows, join_states, window_orders, window_revenue
from cam.reduce.summary import customer_summary

EARLIER, AS_OF, DAYS = date(2025, 6, 30), date(2026, 6, 30), 200


def log(seed: int, n: int = 900) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 150, n).astype(str),
            "order_date": pd.Timestamp("2024-06-01") + pd.to_timedelta(rng.integers(0, 800, n), unit="D"),
            "revenue": np.round(rng.gamma(1, 30, n), 2),
            "kind": rng.choice(["purchase", "loose refund"], n, p=[0.95, 0.05]),
        }
    )
    frame["revenue"] = frame["revenue"].where(frame["kind"] == "purchase", -frame["revenue"])
    return frame


def in_window(frame: pd.DataFrame, end: date) -> pd.Series:
    last = pd.Timestamp(end)
    return frame["order_date"].between(last - pd.Timedelta(days=DAYS - 1), last)


def scored(frame: pd.DataFrame, end: date) -> pd.DataFrame:
    """Who bought in the window, with scores that are a rule of their own: that of the study is not at stake."""
    bought = frame[in_window(frame, end) & (frame["kind"] == "purchase")]
    people = bought.groupby("customer_id").agg(n=("revenue", "size"), sum=("revenue", "sum")).reset_index()
    score = np.minimum(people["n"], 5).astype("int64")
    segment = np.where(people["n"] > 2, "champions", "new")
    return pd.DataFrame(
        {
            "customer_id": people["customer_id"],
            "rfm_segment": segment,
            "r_score": 3,
            "f_score": score,
            "m_score": (people["sum"] // 40).clip(1, 5).astype("int64"),
        }
    )


def moved(place, frame: pd.DataFrame, name: str = "") -> pd.DataFrame:
    table = place(f"log{name}", frame)
    people = customer_summary(table, as_of=AS_OF)
    revenue = window_revenue(table, earlier=EARLIER, as_of=AS_OF, days=DAYS)
    before, after = (
        place(f"scored_{end.year}{name}", scored(frame, end)).mutate() for end in (EARLIER, AS_OF)
    )
    return join_states(people, revenue, before, after, earlier=EARLIER)


def pairs(table) -> list[tuple]:
    return [tuple(row) for row in count_flows(table).execute().to_numpy().tolist()]


def test_a_window_ends_on_its_last_day_and_is_as_long_as_asked(place):
    times = ["2026-06-26 23:59", "2026-06-27 00:00", "2026-06-30 23:59", "2026-07-01 00:00"]
    days = pd.to_datetime(times)
    table = place("days", pd.DataFrame({"order_date": days, "customer_id": list("abcd")}))
    kept = window_orders(table, end=AS_OF, days=4).execute()
    assert sorted(kept["customer_id"]) == ["b", "c"]


@pytest.mark.parametrize("seed", range(3))
def test_what_pandas_finds(place, seed):
    frame = log(seed)
    found = moved(place, frame).execute().set_index("customer_id").sort_index()
    seen = frame[frame["order_date"] <= pd.Timestamp(AS_OF)]
    first = seen[seen["kind"] == "purchase"].groupby("customer_id")["order_date"].min()
    assert found.index.tolist() == sorted(first.index)
    for when, end in (("before", EARLIER), ("after", AS_OF)):
        money = seen[in_window(seen, end)].groupby("customer_id")["revenue"].sum()
        expected = money.reindex(found.index, fill_value=0.0)
        np.testing.assert_allclose(found[f"revenue_{when}"].astype(float), expected, atol=1e-9)
        segment = scored(frame, end).set_index("customer_id")["rfm_segment"].reindex(found.index)
        if when == "before":
            segment = segment.fillna("lapsed").where(first[found.index] <= pd.Timestamp(end), "not_yet")
        assert found[f"segment_{when}"].tolist() == segment.fillna("lapsed").tolist()
    scores = [
        scored(frame, end).set_index("customer_id")[["f_score", "m_score"]].reindex(found.index)
        for end in (EARLIER, AS_OF)
    ]
    near = ((scores[1] - scores[0]).abs() <= 1).all(axis=1)
    assert found["near"].tolist() == near.astype(int).tolist()
    assert {"lapsed", "not_yet"} <= set(found["segment_before"]) and found["near"].nunique() == 2


def test_customers_and_revenue_are_conserved_to_the_cent(place):
    frame = log(5)
    flows = count_flows(moved(place, frame)).execute()
    seen = frame[frame["order_date"] <= pd.Timestamp(AS_OF)]
    bought = set(seen["customer_id"][seen["kind"] == "purchase"])
    assert flows["n_customers"].sum() == len(bought)
    assert not flows.duplicated(["segment_before", "segment_after"]).any()
    for when, end in (("before", EARLIER), ("after", AS_OF)):
        rows = seen[in_window(seen, end) & seen["customer_id"].isin(bought)]
        exact = sum((Decimal(str(amount)) for amount in rows["revenue"]), Decimal(0))
        assert sum(flows[f"revenue_{when}"], Decimal(0)) == exact


def test_squares_keep_their_four_places(place):
    frame = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "order_date": pd.to_datetime(["2025-06-30", "2025-06-30"]),
            "revenue": [0.03, 1234.57],
            "kind": "purchase",
        }
    )
    (row,) = count_flows(moved(place, frame)).execute().to_dict("records")
    assert (row["segment_before"], row["segment_after"], row["n_customers"]) == ("new", "lapsed", 2)
    assert Decimal(row["change_squared"]) == Decimal("0.0009") + Decimal("1234.57") ** 2


def test_the_order_of_rows_and_what_comes_later_change_nothing(place):
    frame = log(7)
    before = pairs(moved(place, frame))
    assert pairs(moved(place, frame.sample(frac=1, random_state=1), "_shuffled")) == before
    later = frame[frame["order_date"] > pd.Timestamp(AS_OF)]
    more = pd.concat([frame, later.assign(customer_id="0", revenue=1e6), later.assign(customer_id="nobody")])
    assert len(later) and pairs(moved(place, more, "_later")) == before
