"""Sums over survival: against closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from cam.measures.value.contracts import BdwFit, SbgFit
from cam.measures.value.survivors import periodic_discount, survivors_ahead

AGES = np.array([0.0, 1, 7, 60])


@pytest.mark.parametrize("discount", [0.1, 0.008, 1e-4])
def test_the_sum_is_the_integral_over_churn(discount):
    """Of one contract with churn theta the sum is geometric; its mean over the beta, by SciPy's quadrature."""
    from scipy.integrate import quad
    from scipy.special import beta as beta_function

    alpha, fade = 0.668, 1 / (1 + discount)
    mean, _ = survivors_ahead(SbgFit(alpha, 3.806).log_survival, AGES, discount=discount)

    def direct(age: float) -> float:
        b = 3.806 + age

        def at(s: float) -> float:  # theta = e^-s: the peak near 0 is spread out
            stays = -np.expm1(-s)
            return stays / (1 - fade * stays) * np.exp(-alpha * s) * stays ** (b - 1)

        whole = sum(
            quad(at, low, high, epsabs=0, epsrel=1e-12, limit=500)[0] for low, high in ((0, 8), (8, 90))
        )
        return whole / beta_function(alpha, b)

    # Beyond s = 90 lies exp(-60) of it; quadrature is good to 1e-11 here.
    assert mean == pytest.approx([direct(age) for age in AGES], rel=1e-10)


def test_residual_lifetimes_that_are_published():
    # README of jdmaturen/shifted_beta_geometric_py: 7.530 after 7 renewals (n = 8) at 10 %; own, n = 1 to 5 and 7.
    mean, _ = survivors_ahead(SbgFit(0.668, 3.806).log_survival, np.arange(8.0), discount=0.1)
    assert mean[7] == pytest.approx(7.530, abs=5e-4)
    assert mean[[0, 1, 2, 3, 4, 6]] == pytest.approx(
        [5.4149, 5.9018, 6.2943, 6.6203, 6.8971, 7.3451], abs=1e-4
    )


@pytest.mark.parametrize("horizon", [None, 12])
def test_mean_and_variance_are_those_of_lives(horizon):
    fit, discount, n = BdwFit(1.2, 6.0, 1.2), 0.02, 200_000
    rng = np.random.default_rng(3)
    theta = rng.beta(fit.alpha, fit.beta, n)
    lasts = np.ceil((rng.exponential(size=n) / -np.log1p(-theta)) ** (1 / fit.c))
    survived = lasts[lasts > 5] - 6  # further periods of those alive after 5
    counted = survived if horizon is None else np.minimum(survived, horizon)
    worth = (1 - 1.02**-counted) / (1 - 1 / 1.02)
    mean, variance = survivors_ahead(fit.log_survival, np.array([5.0]), discount=discount, horizon=horizon)
    assert mean[0] == pytest.approx(worth.mean(), abs=4 * worth.std() / np.sqrt(worth.size))
    # The error of a variance of these flat distributions is below 1 % of it at 100,000 lives.
    assert variance[0] == pytest.approx(worth.var(), rel=0.02)


def test_for_ever_is_a_long_horizon():
    fit = BdwFit(0.3, 2.0, 0.8)
    for_ever = survivors_ahead(fit.log_survival, AGES, discount=0.02)
    long = survivors_ahead(fit.log_survival, AGES, discount=0.02, horizon=2500)
    assert for_ever[0] == pytest.approx(long[0], rel=1e-10)
    assert for_ever[1] == pytest.approx(long[1], rel=1e-8)


def test_sums_without_an_end_are_refused():
    fit = SbgFit(0.5, 2)
    with pytest.raises(ValueError, match="without a horizon a discount above 0 is needed"):
        survivors_ahead(fit.log_survival, AGES, discount=0.0)
    with pytest.raises(ValueError, match="too small to add up for ever; give a horizon"):
        survivors_ahead(fit.log_survival, AGES, discount=1e-8)
    with pytest.raises(ValueError, match=r"a discount rate per year is in \[0, 1\)"):
        periodic_discount(1.2)


def test_a_year_of_months_is_a_year():
    assert (1 + periodic_discount(0.1)) ** 12 == pytest.approx(1.1, rel=1e-12)
