"""Sums per group and places between profit and loyalty: the same as by hand, on both engines."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.reduce.earnings import ranked_groups
from cam.reduce.segment_value import column_levels, group_sums, median_rate, place_customers, quadrant_sums


def people(seed=1, *, n=300):
    rng = np.random.default_rng(seed)
    region = rng.choice(["a", "b", "c", "d", "e", None], n, p=[0.4, 0.25, 0.15, 0.1, 0.05, 0.05])
    clv = np.where(rng.random(n) < 0.1, np.nan, rng.gamma(1, 50, n))
    return pd.DataFrame(
        {
            "customer_id": [str(i) for i in range(n)],
            "region": region,
            "revenue": (rng.gamma(1, 40, n) - 10).round(2),
            "residual_clv": clv,
            "n_orders": rng.integers(1, 9, n),
            "frequency": rng.integers(0, 5, n),
            "recency": rng.uniform(1, 20, n),
            "T": rng.uniform(21, 100, n),
            "p_alive": rng.random(n),
        }
    )


# --- correct ------------------------------------------------------------------------------------


def test_sums_per_group_are_those_of_pandas(place):
    frame = people()
    found = group_sums(place("people", frame), "region", ["revenue", "residual_clv"], n_levels=3).execute()
    assert found["kind"].tolist() == ["level"] * 3 + ["other", "missing"]
    sizes = frame["region"].value_counts()
    assert found["level"].tolist()[:3] == sizes.index[:3].tolist()
    frame["group"] = frame["region"].where(
        frame["region"].isin(sizes.index[:3]) | frame["region"].isna(), "other"
    )
    frame["group"] = frame["group"].fillna("missing")
    frame["cents"] = (frame["revenue"] * 100).round()
    frame["clv"] = np.floor(frame["residual_clv"] * 100 + 0.5)
    for row in found.to_dict("records"):
        group = frame[frame["group"] == (row["level"] if row["kind"] == "level" else row["kind"])]
        assert int(row["n_customers"]) == len(group)
        assert int(row["n_residual_clv"]) == group["clv"].notna().sum()
        assert int(row["sum_revenue"]) == int(group["cents"].sum())
        assert int(row["squared_revenue"]) == int((group["cents"] ** 2).sum())
        assert int(row["sum_residual_clv"]) == int(group["clv"].sum())


def test_a_level_called_other_is_not_the_others(place):
    frame = pd.DataFrame({"region": ["other"] * 3 + ["a", "b", "missing", None], "revenue": 1.0})
    found = group_sums(place("people", frame), "region", ["revenue"], n_levels=1).execute()
    assert found["kind"].tolist() == ["level", "other", "missing"]
    assert found["level"].tolist()[0] == "other"
    assert found["n_customers"].astype(int).tolist() == [3, 3, 1]


def test_levels_are_counted(place):
    frame = pd.DataFrame(
        {
            "age": ["31", "42.5", "31", None],
            "day": ["2026-01-05", "2026-01-06", "2026-01-07", "x"],
            "kids": [0, 1, 2, 2],
        }
    )
    found = column_levels(place("people", frame), ["age", "day", "kids"]).execute().set_index("column")
    assert found.loc["age"].tolist() == [3, 2, 2, 0]
    assert found.loc["day"].tolist() == [4, 4, 0, 3]
    assert found.loc["kids"].tolist() == [4, 3, 3, 0]


def test_places_and_quadrants_are_those_of_pandas(place):
    frame = people()
    frame.loc[:5, "p_alive"] = 1.0
    frame.loc[6:9, "p_alive"] = np.nan
    table = place("people", frame).rename(profit="revenue")
    placed = place_customers(table, min_days=200, has_alive=True)
    line = float(median_rate(placed).execute()["median"][0])
    days = frame["T"] * 7
    known = frame[
        (days >= 200) & frame["p_alive"].notna() & ~((frame["frequency"] == 0) & (frame["p_alive"] >= 1))
    ]
    rate = known["revenue"] * 365.25 / (known["T"] * 7)
    assert line == pytest.approx(rate.median(), rel=1e-12)
    found = quadrant_sums(placed, line=line, loyal_from=0.5, unsure=(0.25, 0.75), z=1.96).execute()
    near = (rate - line).abs() <= 1.96 * rate.abs() / np.sqrt(known["n_orders"])
    guess = known["p_alive"].between(0.25, 0.75, inclusive="neither")
    for row in found.to_dict("records"):
        here = ((rate > line) == bool(row["is_profitable"])) & (
            (known["p_alive"] >= 0.5) == bool(row["is_loyal"])
        )
        assert int(row["n_customers"]) == here.sum()
        assert int(row["n_near_profit"]) == (here & near).sum()
        assert int(row["n_near_loyalty"]) == (here & guess).sum()
        assert int(row["n_near"]) == (here & (near | guess)).sum()
        assert int(row["n_negative"]) == (here & (known["revenue"] < 0)).sum()
        assert int(row["sum_profit"]) == round(100 * known["revenue"][here].sum())


def test_loyalty_without_a_model_is_that_of_the_published_example(place):
    # Reinartz & Kumar (2002), HBR 80(7): bought until month 8 of 12; the more often, the more the silence says.
    frame = pd.DataFrame(
        {"customer_id": ["jones", "smith"], "n_orders": [3, 5], "frequency": [2, 4], "recency": [8.0, 8.0],
         "T": [12.0, 12.0], "revenue": [1.0, 1.0]}
    )  # fmt: skip
    table = place("people", frame).rename(profit="revenue")
    found = place_customers(table, min_days=1, has_alive=False).order_by("customer_id").execute()
    assert found["loyalty"].tolist() == pytest.approx([(8 / 12) ** 2, (8 / 12) ** 4])
    assert found["loyalty"].round(2).tolist() == [0.44, 0.20]


# --- consistent ---------------------------------------------------------------------------------


def test_groups_cut_at_zero_hold_the_same_customers(place):
    table = place("people", people())
    whole = ranked_groups(table, "revenue").execute().astype(float)
    cut = ranked_groups(table, "revenue", cut_at_zero=True).execute().astype(float)
    assert len(cut) in {len(whole), len(whole) + 1}
    pd.testing.assert_series_equal(
        cut[["n_customers", "total", "squared"]].sum(), whole[["n_customers", "total", "squared"]].sum()
    )
    losing = people()["revenue"] < 0
    assert cut.loc[cut["lowest"] < 0, "n_customers"].sum() == losing.sum()
    assert cut.loc[cut["lowest"] < 0, "total"].sum() == round(100 * people()["revenue"][losing].sum())


def test_who_bought_once_or_lately_is_not_placed(place):
    frame = pd.DataFrame(
        {"customer_id": ["young", "once", "null"], "n_orders": 1, "frequency": [1, 0, 1], "recency": [1.0, 0.0, 1.0],
         "T": [2.0, 60.0, 60.0], "revenue": 1.0, "p_alive": [0.9, 1.0, None]}
    )  # fmt: skip
    table = place("people", frame).rename(profit="revenue")
    found = place_customers(table, min_days=91, has_alive=True).execute().set_index("customer_id")
    assert found["unplaced"].to_dict() == {"young": "young", "once": "once", "null": "unknown"}


def test_what_a_model_could_not_say_is_missing_not_a_number(place):
    frame = people(n=40)
    table = place("people", frame).rename(profit="revenue")
    odd = {
        "p_alive": ibis.literal("NaN").cast("float64"),
        "residual_clv": ibis.literal("NaN").cast("float64"),
    }
    table = table.mutate(**odd)
    assert group_sums(table, "region", ["residual_clv"]).execute()["n_residual_clv"].astype(int).sum() == 0
    placed = place_customers(table, min_days=1, has_alive=True).execute()
    assert (placed["unplaced"] == "unknown").all()
