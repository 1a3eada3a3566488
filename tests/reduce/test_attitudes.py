"""Attitude items in the engine: exact sums and scores, the same as in memory, on every engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.reduce.attitudes import ANSWER_UNIT, factor_scores, item_sums, review_items

ITEMS = ["attitude_a", "attitude_b", "attitude_c"]


def people(n: int = 300) -> pd.DataFrame:
    """Answers from 1 to 7 as text, some left out, some in words; and one item with halves."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"customer_id": [f"c{i:04d}" for i in range(n)]})
    for item in ITEMS:
        frame[item] = rng.integers(1, 8, n).astype(str)
    frame["attitude_c"] = (rng.integers(2, 15, n) / 2).astype(str)
    frame.loc[:9, "attitude_a"] = None
    frame.loc[5:14, "attitude_b"] = "don't know"
    frame.loc[0:4, ["attitude_b", "attitude_c"]] = ""
    return frame


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[ITEMS].apply(pd.to_numeric, errors="coerce")


def test_sums_are_those_in_memory_to_the_last_digit(place):
    frame = people()
    row = item_sums(place("people", frame), ITEMS).execute().iloc[0].map(int)
    read = numbers(frame)
    whole = read.dropna()
    given = read.notna().sum(axis=1)
    assert row["n"] == len(whole)
    assert row["n_some"] == ((given > 0) & (given < 3)).sum() and row["n_none"] == (given == 0).sum()
    assert row["n"] + row["n_some"] + row["n_none"] == len(frame)
    units = (whole * ANSWER_UNIT).astype("int64").to_numpy()
    for i in range(3):
        assert row[f"sum_{i}"] == sum(units[:, i].tolist())
        for j in range(i, 3):
            products = [
                one * other for one, other in zip(units[:, i].tolist(), units[:, j].tolist(), strict=True)
            ]
            assert row[f"product_{i}_{j}"] == sum(products)


def test_the_order_of_rows_is_irrelevant(place):
    frame = people()
    turned = place("turned", frame.iloc[::-1].reset_index(drop=True))
    pd.testing.assert_frame_equal(
        item_sums(place("people", frame), ITEMS).execute(), item_sums(turned, ITEMS).execute()
    )


def test_the_review_counts_every_answer_once(place):
    frame = people()
    found = review_items(place("people", frame), ITEMS).execute().set_index("item")
    assert ((found["n"] + found["n_missing"] + found["n_unreadable"]) == len(frame)).all()
    assert found.loc["attitude_a"].tolist() == [290, 10, 0, 1.0, 7.0]
    assert found.loc["attitude_b", ["n_missing", "n_unreadable"]].tolist() == [5, 10]
    assert found.loc["attitude_c", ["low", "high"]].tolist() == [1.0, 7.0]


def test_numbers_are_read_as_text_is(place):
    frame = people().drop(range(15))
    numeric = frame.assign(**numbers(frame))
    text, number = place("text", frame), place("number", numeric)
    pd.testing.assert_frame_equal(item_sums(text, ITEMS).execute(), item_sums(number, ITEMS).execute())


def test_amounts_and_words_are_no_answers(place):
    odd = pd.DataFrame({"customer_id": list("abcdef"), "x": ["1e3", "123456", "3,5", "-2", " 4 ", "TRUE"]})
    row = review_items(place("odd", odd), ["x"]).execute().iloc[0]
    assert row[["n", "n_unreadable", "low", "high"]].tolist() == [2, 4, -2.0, 4.0]


def test_scores_are_the_weighted_sums_and_missing_where_an_answer_is(place):
    frame = people()
    weights = {
        "factor_1": {"": -1.5, **dict(zip(ITEMS, (0.3, -0.2, 0.1), strict=True))},
        "factor_2": {"": 0.25, **dict(zip(ITEMS, (0.0, 1.0, 1.0), strict=True))},
    }
    scored = factor_scores(place("people", frame), weights).execute().set_index("customer_id")
    read = numbers(frame).set_index(frame["customer_id"])
    for name, of_items in weights.items():
        expected = of_items[""] + sum(read[item] * of_items[item] for item in ITEMS)
        # Sums of four floats, each below 10: nothing but the last bit may differ.
        pd.testing.assert_series_equal(
            scored[name].astype(float).loc[expected.index],
            expected,
            check_names=False,
            rtol=1e-12,
            atol=1e-12,
        )
    assert scored["factor_1"].isna().sum() == numbers(frame).isna().any(axis=1).sum() == pytest.approx(15)
