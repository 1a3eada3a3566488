"""Groups of features that say the same: twins are found by value and by blank, strangers are left apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from cam.measures.churn.related import _Column, related_features

N = 2000


def table(seed=1):
    rng = np.random.default_rng(seed)
    days, city = rng.gamma(2, 30, N), rng.integers(0, 12, N)
    answered = rng.random(N) < 0.3
    return pd.DataFrame(
        {
            "customer_id": np.arange(N),
            "churned": rng.integers(0, 2, N),
            "days": days,
            "weeks": np.floor(days / 7),
            "minus": -(days**3) + rng.normal(size=N),
            "city": [f"city {one}" for one in city],
            "tier": city // 3,
            "province": [f"province {one // 2}" for one in city],
            "score": np.where(answered, rng.integers(0, 11, N), np.nan),
            "days_since_score": np.where(answered, rng.integers(0, 300, N), np.nan),
            "noise": rng.normal(size=N),
            "plan": rng.choice(["a", "b"], N),
        }
    )


def groups(found):
    return {frozenset(part) for _, part in found.groupby("group")["feature"]}


def test_what_says_the_same_stands_together_and_the_rest_alone():
    for seed in range(5):
        assert groups(related_features(table(seed))) == {
            frozenset({"days", "weeks", "minus"}),
            frozenset({"city", "tier", "province"}),
            frozenset({"score", "days_since_score"}),
            frozenset({"noise"}),
            frozenset({"plan"}),
        }


def test_of_numbers_it_is_spearmans_correlation():
    rng = np.random.default_rng(2)
    one = rng.normal(size=N)
    other = np.round(one + rng.normal(size=N), 1)
    found = _Column(pd.Series(one)).association(_Column(pd.Series(other)))
    assert found == pytest.approx(spearmanr(one, other)[0], abs=1e-12)


def test_many_levels_are_no_association_by_themselves():
    """Forty levels of chance would have a plain correlation ratio of 0.14."""
    rng = np.random.default_rng(3)
    levels, other = (pd.Series(rng.integers(0, 40, N).astype(str)) for _ in range(2))
    number = pd.Series(rng.normal(size=N))
    for pair in (number, other):
        assert _Column(levels).association(_Column(pair)) < 0.08


def test_neither_the_order_of_rows_nor_of_columns_matters():
    one = table()
    other = one.sample(frac=1, random_state=1)[one.columns[::-1]]
    pd.testing.assert_frame_equal(related_features(one), related_features(other))


def test_constant_and_empty_features_stand_alone():
    found = related_features(table().assign(same=1, empty=np.nan, one_name="x"))
    assert {frozenset({"same"}), frozenset({"empty"}), frozenset({"one_name"})} <= groups(found)
    assert related_features(pd.DataFrame({"days": [1.0, 2.0]})).values.tolist() == [["days", 1]]
