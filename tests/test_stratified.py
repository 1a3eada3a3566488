"""Comparison within strata: equal to a regression with an effect of each stratum, in rows and in counted cells."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from cam.stratified import compare_within

RNG = np.random.default_rng(20260630)
N = 400
STRATUM = RNG.integers(0, 12, N)
CLUSTER = RNG.integers(0, 90, N)
CLUSTER = np.unique(CLUSTER, return_inverse=True)[1]
IS_ONE = RNG.random(N) < 0.4
OUTCOME = (RNG.random(N) < 0.3 + 0.2 * IS_ONE + 0.02 * STRATUM).astype(float)
ONES = np.ones(N)


def found(**changed):
    return compare_within(
        OUTCOME, IS_ONE, **{"stratum": STRATUM, "cluster": CLUSTER, "weight": ONES, "count": ONES} | changed
    )


def test_the_difference_is_that_of_a_regression_with_an_effect_of_each_stratum():
    design = np.column_stack([IS_ONE, np.eye(12)[STRATUM]]).astype(float)
    fit = found()
    assert fit.value - fit.other == pytest.approx(sm.OLS(OUTCOME, design).fit().params[0], abs=1e-12)
    weight = RNG.uniform(0.5, 2.0, N)
    weighted = found(weight=weight)
    expected = sm.WLS(OUTCOME, design, weights=weight).fit().params[0]
    assert weighted.value - weighted.other == pytest.approx(expected, abs=1e-12)


def test_a_counted_cell_is_as_many_rows():
    keys = np.column_stack([STRATUM, CLUSTER, IS_ONE, OUTCOME])
    cells, count = np.unique(keys, axis=0, return_counts=True)
    few = compare_within(
        cells[:, 3],
        cells[:, 2] == 1,
        stratum=cells[:, 0].astype(int),
        cluster=cells[:, 1].astype(int),
        weight=count.astype(float),
        count=count.astype(float),
    )
    many = found()
    assert (few.value, few.other) == pytest.approx((many.value, many.other), abs=1e-14)
    np.testing.assert_allclose(few.by_cluster, many.by_cluster, atol=1e-14)
    np.testing.assert_allclose(few.log_by_cluster, many.log_by_cluster, atol=1e-14)


def test_strata_without_both_groups_count_for_nothing():
    alone = STRATUM == 3
    fit = found(stratum=np.where(alone & ~IS_ONE, 4, STRATUM))
    assert not fit.is_used[alone & IS_ONE].any() and fit.is_used[~alone].all()
    nobody = compare_within(
        OUTCOME, np.ones(N, dtype=bool), stratum=STRATUM, cluster=CLUSTER, weight=ONES, count=ONES
    )
    assert (nobody.value, nobody.other) == (0.0, 0.0) and not nobody.by_cluster.any()
