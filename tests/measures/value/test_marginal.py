"""What the next customer costs: correct, consistent, refusing, honest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.marginal import (
    ElasticityFit,
    elasticity_obstacle,
    fit_elasticity,
    marginal_cac,
    shift_effect,
    spend_spread,
)


def months(n=24, *, e=0.6, level=100.0, noise=0.35, trend=0.0, dispersion=1.0, rng=None):
    """Months of a channel whose expected new customers are level x (spend / 1000) ** e, and a trend."""
    rng = rng or np.random.default_rng(1)
    spend = 1000 * np.exp(noise * rng.normal(size=n))
    mean = level * (spend / 1000) ** e * np.exp(trend * np.arange(n) / 12)
    # A negative binomial count with variance dispersion x mean; Poisson where that is 1.
    if dispersion > 1:
        mean = rng.gamma(mean / (dispersion - 1), dispersion - 1)
    month = pd.date_range("2023-01-01", periods=n, freq="MS")
    return pd.DataFrame({"month": month, "spend": spend, "n_new": rng.poisson(mean)})


def fit(e, low, high):
    return ElasticityFit(e, 0.05, low, high, 24, 21, 1.0, True, False)


# --- correct ------------------------------------------------------------------------------------


def test_two_levels_of_spend_give_the_ratio_of_their_means():
    """With two levels and no other term the maximum of the likelihood is known: log of the ratio of means."""
    table = months(12).assign(spend=[100.0, 200.0] * 6, n_new=[10, 18, 14, 20, 12, 22] * 2)
    means = table.groupby("spend")["n_new"].mean()
    assert fit_elasticity(table).elasticity == pytest.approx(
        np.log(means[200] / means[100]) / np.log(2), rel=1e-9
    )
    # Its variance too: Poisson, 1 / sum of counts at either level.
    sums = table.groupby("spend")["n_new"].sum()
    found = fit_elasticity(table)
    assert found.se**2 / found.dispersion == pytest.approx((1 / sums).sum() / np.log(2) ** 2, rel=1e-6)


def test_the_next_customer_costs_the_average_by_the_elasticity():
    cost = marginal_cac(fit(0.5, 0.4, 0.6), spend=10_000, n_new=100, currency="USD", per_customer=7)
    assert cost.value == pytest.approx(100 / 0.5 + 7)
    # The derivative of the response, numerically: one more unit of money brings this many customers.
    per_unit = 100 * ((10_001 / 10_000) ** 0.5 - 1)
    assert cost.value - 7 == pytest.approx(1 / per_unit, rel=1e-3)


def test_a_small_move_gains_by_the_marginal_costs():
    """To first order, money moved brings 1 / marginal cost there and loses 1 / marginal cost here."""
    here, there = (fit(0.3, 0.2, 0.4), 10_000.0, 100), (fit(0.8, 0.7, 0.9), 5_000.0, 100)
    moved = shift_effect(here, there, share=1e-4)
    costs = [marginal_cac(one, spend=spend, n_new=n, currency="USD").value for one, spend, n in (here, there)]
    assert moved.value == pytest.approx(1.0 / costs[1] - 1.0 / costs[0], rel=1e-3)


# --- consistent ---------------------------------------------------------------------------------


def test_units_of_money_and_the_order_of_rows_do_not_matter():
    table = months()
    one = fit_elasticity(table)
    other = fit_elasticity(table.assign(spend=7.3 * table["spend"]).sample(frac=1, random_state=1))
    assert (one.elasticity, one.low, one.high) == pytest.approx(
        (other.elasticity, other.low, other.high), rel=1e-6
    )


def test_a_trend_is_taken_out_from_two_years_and_a_wave_from_three():
    fits = [fit_elasticity(months(n)) for n in (12, 24, 36)]
    assert [(one.has_trend, one.has_season) for one in fits] == [(False, False), (True, False), (True, True)]
    assert [one.df for one in fits] == [10, 21, 31]


def test_less_noise_than_poisson_is_no_merit():
    table = months(24)
    exact = table.assign(n_new=np.round(100 * (table["spend"] / 1000) ** 0.6))
    assert fit_elasticity(exact).dispersion == 1.0


def test_equal_channels_gain_nothing_to_first_order():
    side = (fit(0.5, 0.4, 0.6), 1000.0, 100)
    moved = shift_effect(side, side, share=0.01)
    assert abs(moved.value) < 0.01 and moved.low < 0 < moved.high


def test_more_moves_looked_at_make_a_wider_interval():
    sides = (fit(0.5, 0.4, 0.6), 1000.0, 100), (fit(0.8, 0.7, 0.9), 1000.0, 100)
    one, many = shift_effect(*sides, share=0.1), shift_effect(*sides, share=0.1, n_comparisons=20)
    assert one.value == many.value and many.low < one.low < one.high < many.high


# --- refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "obstacle"),
    [
        (months(11), "few_months"),
        (months(24).assign(spend=lambda t: t["spend"].where(t.index < 11, 0)), "few_months"),
        (months(24, level=2), "few_customers"),
        (months(24, noise=0.02), "steady_spend"),
        # Spend that only grows moves with the trend, and nothing beyond it can be told from the trend.
        (months(24).assign(spend=np.geomspace(100, 1000, 24)), "steady_spend"),
        (months(24), ""),
    ],
)
def test_says_what_is_in_the_way(table, obstacle):
    assert elasticity_obstacle(table) == obstacle
    if obstacle:
        with pytest.raises(ValueError, match=f"cannot be fitted: {obstacle}"):
            fit_elasticity(table)


def test_no_marginal_cost_where_nothing_is_shown_and_no_move_of_nothing():
    with pytest.raises(ValueError, match="elasticity above 0"):
        marginal_cac(fit(0.1, -0.1, 0.3), spend=100.0, n_new=10, currency="USD")
    side = (fit(0.5, 0.4, 0.6), 1000.0, 100)
    with pytest.raises(ValueError, match="between 0 and 1"):
        shift_effect(side, side, share=1.0)


def test_the_spread_is_that_of_the_logarithm():
    assert spend_spread(months(2000, noise=0.3)) == pytest.approx(0.3, abs=0.02)  # se 0.005


# --- honest -------------------------------------------------------------------------------------

N = 1000
#: 95 % less three binomial errors of 1,000 data sets.
LEAST = 0.95 - 3 * (0.95 * 0.05 / N) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "level", "trend", "dispersion"),
    [
        (12, 100, 0.0, 1),
        (12, 6, 0.0, 1),
        (24, 100, 0.4, 1),
        (36, 100, 0.4, 1),
        (36, 20, 0.2, 3),
        (24, 50, 0.0, 4),
    ],
)
def test_the_interval_of_the_elasticity_covers(n, level, trend, dispersion):
    rng = np.random.default_rng(31)
    covered = count = 0
    while count < N:
        table = months(n, level=level, trend=trend, dispersion=dispersion, rng=rng)
        if elasticity_obstacle(table):
            continue
        found = fit_elasticity(table)
        covered += found.low <= 0.6 <= found.high
        count += 1
    assert covered / N >= LEAST


@pytest.mark.slow
def test_the_interval_of_the_marginal_cost_and_of_a_move_cover():
    """The truth is at the expected customers of the last twelve months, as the study takes them."""
    rng = np.random.default_rng(32)
    truths = (0.4, 0.8)
    hits = np.zeros(2)
    for _ in range(N):
        tables = [months(36, e=e, rng=rng) for e in truths]
        fits = [fit_elasticity(table) for table in tables]
        sides = []
        expected = []
        for table, found, e in zip(tables, fits, truths, strict=True):
            last = table.tail(12)
            sides.append((found, float(last["spend"].sum()), int(last["n_new"].sum())))
            expected.append(float((100 * (last["spend"] / 1000) ** e).sum()))
        cost = marginal_cac(fits[1], spend=sides[1][1], n_new=sides[1][2], currency="USD")
        hits[0] += cost.low <= sides[1][1] / expected[1] / truths[1] <= cost.high
        gain = expected[1] * ((1 + 0.1 * sides[0][1] / sides[1][1]) ** 0.8 - 1) + expected[0] * (0.9**0.4 - 1)
        found_gain = shift_effect(*sides, share=0.1)
        hits[1] += found_gain.low <= gain <= found_gain.high
    assert (hits / N >= LEAST).all(), hits / N
