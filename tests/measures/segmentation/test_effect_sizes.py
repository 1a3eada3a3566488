"""Effect sizes: published values, laws, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats.contingency import association

from cam.estimate import holm
from cam.measures.segmentation.effect_sizes import (
    compare,
    correlation_ratio,
    cramers_v,
    mean_square_contingency,
    with_others,
)

#: Agresti (2013), Table 3.2: education by belief in God (GSS 2008); X2 = 76.1 with df 10 on p. 80.
GOD = np.array([[9, 8, 27, 8, 47, 236], [23, 39, 88, 49, 179, 706], [28, 48, 89, 19, 104, 293]])


def sums_of(groups, *, attribute="age"):
    rows = [
        [attribute, str(i), len(g), int(sum(g)), int((np.asarray(g, object) ** 2).sum())]
        for i, g in enumerate(groups)
    ]
    return pd.DataFrame(rows, columns=["attribute", "segment", "n", "sum", "squared"])


def strength(shape, amount, seed=0):
    """Shares of a table whose rows and columns go together by some amount."""
    rng = np.random.default_rng(seed)
    rows, columns = (rng.dirichlet(np.full(k, 4.0)) for k in shape)
    tie = np.zeros(shape)
    np.fill_diagonal(tie, np.minimum(rows[: min(shape)], columns[: min(shape)]))
    return (1 - amount) * np.outer(rows, columns) + amount * tie / tie.sum()


# --- correct ------------------------------------------------------------------------------------


def test_chi_square_of_the_published_table():
    phi, _ = mean_square_contingency(GOD)
    assert GOD.sum() * phi == pytest.approx(76.1, abs=0.05)  # printed to one digit
    plain = np.sqrt(phi / 2)
    assert plain == pytest.approx(association(GOD, method="cramer"), rel=1e-12)
    # Bergsma's formulas by hand: phi2 - 10/1999, over min(3 - 4/1999, 6 - 25/1999) - 1.
    n = GOD.sum()
    by_hand = np.sqrt((phi - 10 / (n - 1)) / (2 - 4 / (n - 1)))
    assert cramers_v(GOD).value == pytest.approx(by_hand, rel=1e-12)


def test_the_interval_is_that_of_the_noncentral_chi_square():
    # Weakly tied and even: nothing is widened, so the limits put the statistic at the 2.5 % tails.
    table = np.array([[260, 240], [240, 260]])
    v = cramers_v(table)
    statistic = stats.chi2_contingency(table, correction=False).statistic
    assert stats.ncx2.cdf(statistic, 1, 1000 * v.high**2) == pytest.approx(0.025, abs=1e-6)


def test_eta_is_that_of_an_analysis_of_variance():
    rng = np.random.default_rng(1)
    groups = [rng.integers(0, 50, 40), rng.integers(5, 60, 70), rng.integers(0, 70, 30)]
    f = stats.f_oneway(*groups).statistic
    plain = 2 * f / (2 * f + 137)
    found = correlation_ratio(sums_of(groups))
    assert found.value == pytest.approx(np.sqrt(1 - (1 - plain) * 139 / 137), rel=1e-9)
    tail = stats.ncf.cdf(f, 2, 137, 140 * found.high**2 / (1 - found.high**2))
    assert tail == pytest.approx(0.025, abs=1e-6)


def test_two_means_are_compared_as_by_welch():
    rng = np.random.default_rng(2)
    one, other = rng.integers(0, 50, 40), rng.integers(5, 90, 70)
    found = compare(with_others(sums_of([one, other]))).iloc[0]
    assert found["p_value"] == pytest.approx(stats.ttest_ind(one, other, equal_var=False).pvalue, rel=1e-9)
    pooled = np.sqrt((39 * one.var(ddof=1) + 69 * other.var(ddof=1)) / 108)
    assert found["difference"] == pytest.approx((one.mean() - other.mean()) / pooled, rel=1e-12)
    low, high = stats.t.interval(0.95, 39, one.mean(), stats.sem(one))
    assert (found["value_low"], found["value_high"]) == pytest.approx((low, high))


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(3).random(30) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


# --- consistent ---------------------------------------------------------------------------------


def test_order_and_empty_levels_do_not_matter():
    v = cramers_v(GOD)
    assert cramers_v(GOD[::-1, [3, 1, 0, 5, 2, 4]]).value == pytest.approx(v.value, rel=1e-12)
    wider = np.pad(GOD, ((0, 2), (1, 0)))
    assert cramers_v(wider) == v and cramers_v(GOD.T).high == pytest.approx(v.high, rel=1e-12)


def test_eta_of_two_classes_is_v():
    # A number of two values: its variance between segments is chi-square over n.
    counts = np.array([[30, 70], [55, 45], [80, 20]])
    groups = [[0] * a + [1] * b for a, b in counts]
    plain = association(counts, method="cramer")
    n, k = counts.sum(), 3
    assert correlation_ratio(sums_of(groups)).value == pytest.approx(
        np.sqrt(1 - (1 - plain**2) * (n - 1) / (n - k))
    )


def test_whole_numbers_do_not_overflow():
    groups = [np.arange(10**8 - 50, 10**8).astype(object), np.arange(10**8, 10**8 + 50).astype(object)]
    one = correlation_ratio(sums_of(groups)).value
    assert one == pytest.approx(
        correlation_ratio(sums_of([g - 10**8 + 100 for g in groups])).value, rel=1e-12
    )
    assert compare(with_others(sums_of(groups)))["difference"][0] < -1


def test_a_missing_p_is_no_look():
    assert holm(np.array([0.02, np.nan, 0.04]))[[0, 2]].tolist() == [0.04, 0.04]
    assert len(holm(np.array([]))) == 0


# --- refuses ------------------------------------------------------------------------------------


def test_one_row_is_no_table():
    with pytest.raises(ValueError, match="two rows and two columns with somebody"):
        cramers_v(np.array([[3, 4], [0, 0]]))
    with pytest.raises(ValueError, match="two segments of two customers, and numbers that differ"):
        correlation_ratio(sums_of([[5, 5], [5, 5, 5]]))


def test_what_cannot_be_compared_is_missing():
    found = compare(with_others(sums_of([[5], [6, 7, 8]])))
    assert found["difference"].isna().all() and found["p_value"].isna().all()
    assert found["value"].tolist() == [5, 7]
    assert compare(with_others(sums_of([[5, 5], [5, 5]])))["difference"].isna().all()


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("amount", [0.0, 0.1, 0.4])
@pytest.mark.parametrize(("shape", "n"), [((2, 3), 300), ((4, 8), 800), ((6, 6), 2000)])
def test_the_interval_of_v_holds_the_truth(shape, n, amount):
    shares = strength(shape, amount)
    phi, _ = mean_square_contingency(shares)
    truth = np.sqrt(phi / (min(shape) - 1))
    rng = np.random.default_rng(7)
    found = [cramers_v(rng.multinomial(n, shares.ravel()).reshape(shape)) for _ in range(1000)]
    held = np.mean([v.low <= truth + 1e-12 and truth <= v.high for v in found])
    # 1,000 data sets: 0.95 less three binomial errors. Wider than asked is allowed: no tie can be below 0.
    assert held >= 0.93
    # Corrected for chance: over all data sets the value is near the truth, not above it.
    assert np.mean([v.value for v in found]) == pytest.approx(truth, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.0, 0.3, 1.0])
def test_the_intervals_of_means_hold_the_truth(apart):
    rng = np.random.default_rng(8)
    sizes, means = [40, 150, 60], np.array([0.0, apart, 2 * apart])
    weights = np.array(sizes) / sum(sizes)
    spread = (weights * (means - (weights * means).sum()) ** 2).sum()
    truth = np.sqrt(spread / (spread + 1))
    rest = (means[1] * 150 + means[2] * 60) / 210
    # The others are two groups of unlike means: their own spread belongs to the standard deviation.
    between = 150 * (means[1] - rest) ** 2 + 60 * (means[2] - rest) ** 2
    within = np.sqrt(1 + between / 248)
    etas, gaps = 0, 0
    for _ in range(1000):
        groups = [
            np.rint(10_000 * rng.normal(m, 1, k)).astype(int) for m, k in zip(means, sizes, strict=True)
        ]
        sums = sums_of(groups)
        eta = correlation_ratio(sums)
        etas += eta.low <= truth + 1e-12 and truth <= eta.high
        row = compare(with_others(sums)).iloc[0]
        gaps += row["low"] <= (means[0] - rest) / within <= row["high"]
    assert etas >= 930 and gaps >= 930
