"""The matrix of value and potential: lines that are known so far, shares that add up, sums read off a few."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.segmentation.value_matrix import (
    QUADRANTS,
    median_ranks,
    rank_correlation,
    sums_of_draws,
    value_matrix,
)


def sums(seed=1, *, n=400, quadrants=QUADRANTS):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "value_quadrant": rng.choice(quadrants, n),
            "value": rng.integers(100, 9000, n),
            "potential": rng.integers(0, 5000, n),
            "near": rng.integers(0, 2, n),
        }
    )
    frame.loc[frame["value_quadrant"] == "negative_value", "value"] *= -1
    return (
        frame.assign(squared_value=frame["value"] ** 2, squared_potential=frame["potential"] ** 2)
        .groupby("value_quadrant", as_index=False)
        .agg(
            n_customers=("value", "size"),
            sum_value=("value", "sum"),
            squared_value=("squared_value", "sum"),
            sum_potential=("potential", "sum"),
            squared_potential=("squared_potential", "sum"),
            n_near=("near", "sum"),
            n_near_value=("near", "sum"),
            n_near_potential=("near", "sum"),
        )
    )


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "low"), [(6, 1), (8, 1), (9, 2), (20, 6), (25, 8), (50, 18), (100, 40)])
def test_ranks_of_the_median_are_those_of_the_tables(n, low):
    """David and Nagaraja (2003), section 7.1: the exact binomial ranks, as printed in tables of the sign test."""
    assert median_ranks(n) == (low, n + 1 - low)


def test_ranks_hold_the_median_as_often_as_promised_and_no_narrower_would():
    from scipy.stats import binom

    for n in (6, 17, 101, 5000, 1_000_000):
        low, high = median_ranks(n)
        assert binom.cdf(low - 1, n, 0.5) <= 0.025 < binom.cdf(low, n, 0.5)
        assert high == n + 1 - low


def test_rank_correlation_is_spearman_s():
    from scipy.stats import rankdata, spearmanr

    rng = np.random.default_rng(2)
    x = rng.normal(size=300).round(1)
    y = (x + rng.normal(size=300)).round(1)
    a, b = (2 * rankdata(each) for each in (x, y))
    table = pd.DataFrame(
        {"n": [300], "x": a.sum(), "y": b.sum(), "xx": a @ a, "yy": b @ b, "xy": a @ b}
    ).astype(int)
    found = rank_correlation(table)
    assert found.value == pytest.approx(spearmanr(x, y)[0], abs=1e-12)
    assert found.low < found.value < found.high


def test_shares_are_sums_over_all():
    table = value_matrix(sums())
    raw = sums().set_index("value_quadrant").loc[list(QUADRANTS)]
    assert table["value"].tolist() == (raw["sum_value"] / 100).tolist()
    share = raw["sum_value"] / raw["sum_value"].sum()
    np.testing.assert_allclose(table["value_share"], share, rtol=1e-12)
    assert table.set_index("quadrant").at["negative_value", "value_share"] < 0


def test_sums_of_draws_are_exact_where_the_logarithm_is_a_parabola():
    rng = np.random.default_rng(3)
    slope, bend = rng.normal(0, 0.1, (3, 4)), rng.normal(0, 0.02, (3, 4))
    centre = np.array([1.0, 20.0, 300.0, 0.0])
    up, down = (centre * np.exp(side * slope + bend / 2) for side in (1, -1))
    moves = rng.normal(size=(50, 3))
    found = sums_of_draws(centre, up, down, coordinates=moves)
    np.testing.assert_allclose(found, centre * np.exp(moves @ slope + moves**2 @ bend / 2), rtol=1e-12)


# --- consistent ---------------------------------------------------------------------------------


def test_quadrants_partition_those_placed():
    table = value_matrix(sums())
    assert table["quadrant"].tolist() == list(QUADRANTS)
    assert table["n_customers"].sum() == 400
    for name in ("share", "value_share", "potential_share"):
        assert table[name].sum() == pytest.approx(1.0, abs=1e-12)


def test_an_empty_quadrant_is_there_and_has_no_share_near_a_line():
    table = value_matrix(sums(quadrants=("stars", "low_value"))).set_index("quadrant")
    assert table.at["potential", "n_customers"] == 0 and table.at["potential", "share"] == 0
    assert np.isnan(table.at["potential", "near_share"])
    assert table["near_share"].notna().sum() == 2


# --- refuses ------------------------------------------------------------------------------------


def test_nobody_makes_no_matrix_and_no_median():
    with pytest.raises(ValueError, match="at least one customer"):
        value_matrix(sums().iloc[:0])
    with pytest.raises(ValueError, match="at least one customer"):
        median_ranks(0)
    with pytest.raises(ValueError, match="not negative"):
        sums_of_draws(np.array([-1.0]), np.ones((1, 1)), np.ones((1, 1)), coordinates=np.ones((1, 1)))


def test_no_share_of_a_total_that_may_be_nothing():
    raw = sums(quadrants=("negative_value",))
    table = value_matrix(raw)
    assert table["value_share"].isna().all() and table["potential_share"].notna().all()


@pytest.mark.parametrize("x", [(1, 1, 1, 1, 1, 1), (3, 12, 12, 56, 56, 56)])
def test_no_correlation_without_a_spread_or_of_three(x):
    assert rank_correlation(pd.DataFrame([x], columns=["n", "x", "y", "xx", "yy", "xy"])) is None


# --- honest -------------------------------------------------------------------------------------


def test_the_line_s_interval_holds_the_median_of_skewed_values():
    """2,000 samples of 61 lognormal values each: at least 95 % hold the median, which is 1; less chance of 0.015."""
    rng = np.random.default_rng(4)
    low, high = median_ranks(61)
    ranked = np.sort(np.exp(rng.normal(0, 1.5, (2000, 61))), axis=1)
    holds = (ranked[:, low - 1] <= 1) & (ranked[:, high - 1] >= 1)
    assert 0.935 <= holds.mean() <= 0.985


def test_the_interval_of_a_quadrant_s_share_of_value_holds_the_true_one():
    """1,000 samples of 500 customers: a fifth of them hold half of the value. Three standard errors of 95 %: 0.021."""
    rng = np.random.default_rng(6)
    held = []
    for _ in range(1000):
        rich = rng.random(500) < 0.2
        cents = np.where(rich, 8000, 2000) * rng.gamma(4, 0.25, 500)
        rows = []
        for name, part in (("stars", cents[rich]), ("low_value", cents[~rich])):
            rows.append((name, len(part), part.sum(), (part**2).sum(), part.sum(), (part**2).sum(), 0, 0, 0))
        table = value_matrix(pd.DataFrame(rows, columns=sums().columns)).set_index("quadrant").loc["stars"]
        held.append(table["value_share_low"] <= 0.5 <= table["value_share_high"])
    assert np.mean(held) >= 0.95 - 0.021
