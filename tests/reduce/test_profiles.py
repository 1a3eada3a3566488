"""Levels, numbers and gaps by segment: the same as by hand, on both engines."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.reduce.profiles import attribute_columns, known_sums, level_counts, number_reach, number_sums


def people(seed=1, *, n=400):
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, n).astype(str)
    age[:3] = ["forty", "4,5", "1e3"]
    return pd.DataFrame(
        {
            "customer_id": [str(i) for i in range(n)],
            "segment": rng.choice(["x", "y", "z", None], n, p=[0.5, 0.3, 0.1, 0.1]),
            "city": rng.choice(["a", "b", "c", "d", "e", None], n, p=[0.4, 0.2, 0.17, 0.08, 0.05, 0.1]),
            "age": np.where(rng.random(n) < 0.1, None, age),
            "income": np.where(rng.random(n) < 0.2, np.nan, rng.gamma(2, 1000, n)),
            "revenue": rng.gamma(1, 40, n).round(2),
            "n_orders": rng.integers(1, 9, n),
        }
    )


# --- correct ------------------------------------------------------------------------------------


def test_levels_are_counted_as_pandas_counts(place):
    frame = people()
    found = level_counts(place("people", frame), "city", by="segment", n_levels=3).execute()
    placed = frame[frame["segment"].notna()]
    sizes = placed["city"].value_counts()
    assert found["kind"].drop_duplicates().tolist() == ["level", "other", "missing"]
    assert found.loc[found["kind"] == "level", "level"].drop_duplicates().tolist() == sizes.index[:3].tolist()
    group = placed["city"].where(placed["city"].isin(sizes.index[:3]) | placed["city"].isna(), "other")
    for row in found.to_dict("records"):
        name = row["level"] if row["kind"] == "level" else row["kind"]
        here = (group.fillna("missing") == name) & (placed["segment"] == row["segment"])
        assert row["n_customers"] == here.sum()
    assert found["n_customers"].sum() == len(placed)


def test_numbers_are_summed_as_pandas_sums(place):
    frame = people()
    table = place("people", frame)
    reach = number_reach(table, ["age", "income"]).execute().iloc[0]
    # A word and a comma are no number that one could be sure of; 1e3 is one.
    assert reach["reach_0"] == 1000 and reach["unread_0"] == frame["age"].isin(["forty", "4,5"]).sum()
    assert reach["reach_1"] == pytest.approx(frame["income"].max(), rel=1e-15)
    found = number_sums(table, {"age": 1.0, "income": 0.01}, by="segment").execute().set_index("segment")
    age = pd.to_numeric(frame["age"], errors="coerce")
    cents = np.floor(frame["income"] / 0.01 + 0.5)
    for name, rows in frame.groupby("segment"):
        row = found.loc[name].astype(float)
        assert row["n_customers"] == len(rows)
        assert (row["n_0"], row["sum_0"]) == (age[rows.index].count(), age[rows.index].sum())
        assert row["squared_0"] == (age[rows.index] ** 2).sum()
        assert (row["n_1"], row["sum_1"]) == (cents[rows.index].count(), cents[rows.index].sum())


def test_who_is_known_is_counted_and_summed(place):
    frame = people()
    table = place("people", frame)
    found = (
        known_sums(table, ["city", "age"], ["revenue", "n_orders"], by="segment")
        .execute()
        .set_index("segment")
    )
    for name, rows in frame.groupby("segment"):
        row = found.loc[name].astype(float)
        flags = {"0": rows["city"].notna(), "1": rows["age"].notna()}
        flags["any"] = flags["0"] | flags["1"]
        for flag, is_known in flags.items():
            assert row[f"known_{flag}"] == is_known.sum()
            assert row[f"n_n_orders_{flag}"] == is_known.sum()
            assert row[f"sum_n_orders_{flag}"] == rows["n_orders"][is_known].sum()
            assert row[f"sum_revenue_{flag}"] == (rows["revenue"][is_known] * 100).round().sum()
        assert row["squared_n_orders_all"] == (rows["n_orders"] ** 2).sum()


# --- consistent ---------------------------------------------------------------------------------


def test_the_order_of_rows_does_not_matter(place):
    frame = people()
    first = level_counts(place("people", frame), "city", by="segment", n_levels=3).execute()
    again = level_counts(
        place("mixed", frame.sample(frac=1, random_state=3)), "city", by="segment", n_levels=3
    )
    pd.testing.assert_frame_equal(first, again.execute())


def test_blanks_are_not_known_but_none_is_a_word(place):
    frame = pd.DataFrame(
        {
            "customer_id": list("abcdefg"),
            "revenue_class": [" low", "", "NaN", "None", "—", "  ", "NA"],
            "score": [1.5, np.nan, np.inf, 0.0, 1.0, 2.0, 3.0],
            "kids": [0, 1, 2, 0, 0, 0, 0],
        }
    )
    found = attribute_columns(place("customers", frame), prefix="of_").order_by("customer_id").execute()
    assert found["of_revenue_class"].fillna("?").tolist() == ["low", "?", "?", "None", "?", "?", "NA"]
    assert found["of_score"].isna().tolist() == [False, True, True, False, False, False, False]
    assert found["in_customers"].tolist() == [1] * 7


def test_an_attribute_that_nobody_has_is_counted_as_missing():
    frame = pd.DataFrame({"segment": ["x", "x", "y"], "city": pd.Series([None] * 3, dtype="object")})
    table = ibis.memtable(frame, schema={"segment": "string", "city": "string"})
    found = level_counts(table, "city", by="segment", n_levels=3).execute()
    assert found[["kind", "segment", "n_customers"]].values.tolist() == [
        ["missing", "x", 2],
        ["missing", "y", 1],
    ]
    reach = number_reach(table, ["city"]).execute().iloc[0]
    assert pd.isna(reach["reach_0"]) and reach["unread_0"] == 0
