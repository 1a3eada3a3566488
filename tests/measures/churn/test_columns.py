"""Features of all kinds become columns, by what the training rows say and nothing else."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from measures.churn.scores import people

from cam.measures.churn.columns import as_numbers, fit_columns, is_number


def test_columns_are_standardised_and_blanks_have_their_own():
    table = people(500, seed=1).drop(columns="truth")
    fit = fit_columns(table)
    design = fit.design(table)
    np.testing.assert_allclose(design.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(design.std(axis=0), 1, rtol=1e-12)
    parts = set(zip(fit.names["feature"], fit.names["part"], strict=True))
    assert ("spend", "missing") in parts and ("days", "missing") not in parts and ("app", "missing") in parts
    assert sorted(fit.levels["plan"]) == ["basic", "plus", "pro"]


def test_rare_levels_stand_together_and_new_ones_join_them():
    table = people(500, seed=1)[["customer_id", "churned"]].assign(
        city=np.where(np.arange(500) % 5 > 0, "A", [f"town {one}" for one in range(500)])
    )
    fit = fit_columns(table)
    assert fit.levels["city"] == ("A",) and fit.names["part"].tolist() == ["level", "other"]
    new = table.head(2).assign(city=["A", "a place never seen"])
    assert (fit.design(new)[1] == fit.design(table)[0]).all() and fit.codes(new).tolist() == [[0.0], [1.0]]


def test_a_value_beyond_all_seen_goes_no_further_than_the_edge():
    table = people(500, seed=1)[["customer_id", "churned", "days"]]
    fit = fit_columns(table)
    far = fit.design(table.head(1).assign(days=1e9))[0, 0]
    assert far == pytest.approx((table["days"].quantile(0.995) - fit.means[0]) / fit.sds[0])
    rare = fit_columns(table.assign(rare=(np.arange(500) == 7).astype(int)))
    assert "rare" in rare.numeric  # a single yes among 500 is no tail to cut


def test_kinds():
    assert is_number(pd.Series([True, False])) and is_number(pd.Series([Decimal("1.5"), None], dtype=object))
    assert is_number(pd.Series([None, None], dtype=object)) and not is_number(
        pd.Series(["a"], dtype="category")
    )
    assert as_numbers(pd.Series([Decimal("1.5"), None], dtype=object))[0] == 1.5
    assert as_numbers(pd.Series([1, None], dtype="Int64")).tolist()[0] == 1.0


def test_what_is_no_feature():
    table = people(50, seed=1)[["customer_id", "churned"]]
    with pytest.raises(ValueError, match="no feature varies: there is nothing to tell customers apart by"):
        fit_columns(table.assign(a=1, b="x", c=None))
    with pytest.raises(ValueError, match="no feature varies"):
        fit_columns(table)
    with pytest.raises(ValueError, match="feature 'd' is a date; give the days from it to the cut-off"):
        fit_columns(table.assign(d=pd.Timestamp("2026-01-01")))
    with pytest.raises(ValueError, match="feature 'x' holds an infinite value"):
        fit_columns(table.assign(x=np.inf))
