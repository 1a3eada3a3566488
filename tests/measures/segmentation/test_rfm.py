"""RFM limits and scores: ties, laws, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cam.measures.segmentation.rfm import bin_table, fit_rfm, fixed_rfm, score_values


def table(values) -> pd.DataFrame:
    counted = pd.Series(values, dtype=float).value_counts().sort_index()
    return pd.DataFrame({"value": counted.index, "n_customers": counted.to_numpy()})


def fit(values, n_bins=5):
    one = table(values)
    return fit_rfm({"recency": one, "frequency": one, "monetary": one}, n_bins=n_bins)


def test_distinct_values_fall_into_equal_bins():
    limits = fit(range(100)).monetary
    assert limits == (19, 39, 59, 79)
    assert score_values(pd.Series(range(100)), limits).value_counts().tolist() == [20] * 5


def test_half_of_the_customers_at_zero_share_one_bin():
    # As in CDNOW, where about half bought once: the first two limits fall on 0 and equal customers stay together.
    values = [0] * 51 + [1] * 20 + [2] * 10 + list(range(3, 22))
    fitted = fit(values)
    assert fitted.frequency[:2] == (0, 0)
    bins = bin_table(dict.fromkeys(("recency", "frequency", "monetary"), table(values)), fitted)
    frequency = bins[bins["measure"] == "frequency"].set_index("score")
    assert frequency.loc[1, "n_customers"] == 51
    assert frequency.loc[2, "n_customers"] == 0 and pd.isna(frequency.loc[2, "low"])
    assert frequency["n_customers"].sum() == len(values)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(2, 10))
def test_equal_values_score_alike_and_more_never_scores_less(values, n_bins):
    limits = fit(values, n_bins).frequency
    series = pd.Series(sorted(values), dtype=float)
    scores = score_values(series, limits)
    assert scores.between(1, n_bins).all()
    assert scores.is_monotonic_increasing
    assert scores.groupby(series).nunique().max() == 1
    reverse = score_values(series, limits, less_is_better=True)
    assert (scores + reverse == n_bins + 1).all()


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=100))
def test_ten_times_the_money_changes_no_score(cents):
    values = pd.Series(cents, dtype=float)
    before = score_values(values, fit(values).monetary)
    after = score_values(values * 10, fit(values * 10).monetary)
    assert before.tolist() == after.tolist()


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_a_limit_is_the_smallest_value_that_enough_customers_do_not_exceed(values):
    for step, limit in enumerate(fit(values).recency, start=1):
        at_most = np.mean(np.asarray(values) <= limit)
        below = np.mean(np.asarray(values) < limit)
        assert at_most >= step / 5 - 1e-12 and below < step / 5 + 1e-12


def test_fixed_limits_are_taken_as_they_are():
    fitted = fixed_rfm([30, 90], [0, 3], [50, 200])
    assert fitted.is_fixed and fitted.n_bins("recency") == 3
    assert score_values(pd.Series([30, 31, 90, 91]), fitted.recency, less_is_better=True).tolist() == [
        3,
        2,
        2,
        1,
    ]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fit([1, 2], n_bins=1), "n_bins must be at least 2; got 1"),
        (lambda: fit([]), "there are no values to cut"),
        (
            lambda: fixed_rfm([1], [], [1]),
            "recency, frequency and monetary need a limit each",
        ),
        (lambda: score_values(pd.Series([1.0, None]), [1]), "1 values to score are missing"),
    ],
)
def test_refuses(call, said):
    with pytest.raises(ValueError, match=said):
        call()
