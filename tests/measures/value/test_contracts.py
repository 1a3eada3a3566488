"""sBG and beta-discrete-Weibull: published cohorts, the mixtures themselves, and what they cannot hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.contracts import (
    BdwFit,
    ConstantFit,
    SbgFit,
    bdw_derivatives,
    fit_bdw,
    fit_constant,
    fit_sbg,
    likelihood_ratio,
    sbg_derivatives,
)
from cam.measures.value.newton import profile_interval

#: Fader, Hardie (2007): % still there after 0 to 12 years; the models see the first 7.
HIGH_END = (100, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1, 46.8, 44.5, 42.7, 40.9, 39.4)
REGULAR = (100, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1, 22.3, 20.7, 19.4, 18.3, 17.3)


def cohort(survivors, *, n=1000, n_periods=7):
    """Cells of one cohort of 1,000, of which the table says how many are left each year."""
    left = np.round(np.array(survivors[: n_periods + 1]) * n / 100)
    return pd.DataFrame(
        {
            "duration": [*range(1, n_periods + 1), n_periods],
            "event_observed": [True] * n_periods + [False],
            "n_customers": [*(-np.diff(left)), left[-1]],
        }
    )


def draw(truth, n, rng, *, longest):
    """Contracts of the model's own story, begun at any time in the last periods, as cells."""
    c = getattr(truth, "c", 1.0)
    theta = np.maximum(rng.beta(truth.alpha, truth.beta, n), 1e-300)
    # S(t | theta) = (1 - theta)^(t^c), so t^c is exponential at rate -ln(1 - theta).
    lasts = np.maximum(np.ceil((rng.exponential(size=n) / -np.log1p(-theta)) ** (1 / c)), 1)
    seen = rng.integers(1, longest + 1, n)
    frame = pd.DataFrame({"duration": np.minimum(lasts, seen), "event_observed": lasts <= seen})
    return frame.value_counts().reset_index(name="n_customers")


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "survivors, alpha, beta, likelihood, mean, end",
    [(HIGH_END, 0.668, 3.806, -1611.158, 0.149, 0.378), (REGULAR, 0.704, 1.182, -1680.265, 0.373, 0.170)],
)
def test_the_published_cohorts(survivors, alpha, beta, likelihood, mean, end):
    # Fader, Hardie (2007), three digits. Own fits: 0.6681, 3.8061; 0.7041, 1.1820.
    fit = fit_sbg(cohort(survivors))
    assert (fit.alpha, fit.beta) == pytest.approx((alpha, beta), abs=5e-4)
    assert fit.optimum.log_likelihood == pytest.approx(likelihood, abs=5e-4)
    assert fit.mean_churn == pytest.approx(mean, abs=5e-4)
    assert np.exp(fit.log_survival(np.array([12.0]))) == pytest.approx(end, abs=5e-4)
    assert fit.optimum.is_converged and not fit.optimum.weak and fit.optimum.n == 1000


def test_the_projection_of_high_end():
    # README of jdmaturen/shifted_beta_geometric_py: 0.460, 0.436, 0.414, 0.395, 0.378; own to four digits.
    projected = np.exp(fit_sbg(cohort(HIGH_END)).log_survival(np.arange(8, 13.0)))
    assert projected == pytest.approx([0.4604, 0.4358, 0.4142, 0.3951, 0.3780], abs=5e-5)


def test_the_maximum_of_regular_is_not_where_a_peer_s_test_has_it():
    """A known trap: 0.688, from a preprint's text, stands in PyMC-Marketing's tests beside Regular's beta."""
    fit = fit_sbg(cohort(REGULAR))
    there = sbg_derivatives(cohort(REGULAR))(np.log([0.688, 1.182]))[0]
    assert fit.optimum.log_likelihood > there + 0.1
    assert abs(fit.alpha - 0.688) > 0.015


@pytest.mark.parametrize("seed", range(6))
def test_the_bdw_is_the_mixture(seed):
    """Survival against integrating (1 - theta)^(t^c) over the beta, by Gauss and Jacobi's rule."""
    from scipy.special import roots_jacobi

    rng = np.random.default_rng(seed)
    alpha, beta, c = (*rng.uniform(0.5, 4, 2).tolist(), rng.uniform(0.5, 1.8))
    nodes, weights = roots_jacobi(400, beta - 1, alpha - 1)
    theta = (nodes + 1) / 2
    t = np.array([1.0, 2, 5, 12])
    direct = (weights * (1 - theta) ** (t[:, None] ** c)).sum(axis=1) / weights.sum()
    # The integrand is no polynomial where t^c is no whole number: the rule errs by up to 1e-6 at theta near 1.
    assert np.exp(BdwFit(alpha, beta, c).log_survival(t)) == pytest.approx(direct, rel=2e-5)


def test_the_likelihood_is_that_of_the_durations():
    """By the life table, and by the probability of each duration."""
    from scipy.special import betaln

    table, alpha, beta = cohort(REGULAR), 0.7, 1.2
    t, n = table["duration"].to_numpy(float), table["n_customers"].to_numpy(float)
    ended = betaln(alpha + 1, beta + t - 1) - betaln(alpha, beta)
    still = betaln(alpha, beta + t) - betaln(alpha, beta)
    direct = (n * np.where(table["event_observed"], ended, still)).sum()
    assert sbg_derivatives(table)(np.log([alpha, beta]))[0] == pytest.approx(direct, rel=1e-12)
    assert bdw_derivatives(table)(np.log([alpha, beta, 1]))[0] == pytest.approx(direct, rel=1e-12)


def test_constant_churn_is_those_who_left_over_renewals_due():
    table = cohort(HIGH_END)
    fit = fit_constant(table)
    due = 10 * sum(HIGH_END[:7])
    assert fit.churn == pytest.approx(10 * (100 - 49.1) / due, rel=1e-12)
    # Binomial: standard error of the share.
    assert fit.optimum.standard_errors[0] == pytest.approx(
        np.sqrt(fit.churn * (1 - fit.churn) / due), rel=1e-9
    )


# --- consistent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "derivatives, at", [(sbg_derivatives, [1.5, 0.6]), (bdw_derivatives, [0.9, 3.5, 1.4])]
)
def test_derivatives_are_those_of_the_value(derivatives, at):
    evaluate, theta, step = derivatives(cohort(HIGH_END, n_periods=12)), np.log(at), 1e-5
    _, gradient, hessian = evaluate(theta)
    for place in range(theta.size):
        up, down = (evaluate(theta + side * step * np.eye(theta.size)[place]) for side in (1, -1))
        assert gradient[place] == pytest.approx((up[0] - down[0]) / (2 * step), rel=1e-5)
        assert hessian[place] == pytest.approx((up[1] - down[1]) / (2 * step), rel=1e-5, abs=1e-4)


def test_the_bdw_holds_the_sbg():
    t = np.arange(1, 400.0)
    sbg, bdw = SbgFit(0.7, 3.8), BdwFit(0.7, 3.8, 1.0)
    assert bdw.log_survival(t) == pytest.approx(sbg.log_survival(t), rel=1e-12)
    assert bdw.log_retention(t) == pytest.approx(sbg.log_retention(t), rel=1e-9)
    for survivors in (HIGH_END, REGULAR):
        one, other = fit_sbg(cohort(survivors)), fit_bdw(cohort(survivors))
        assert other.optimum.log_likelihood >= one.optimum.log_likelihood
        assert other.optimum.is_converged


@pytest.mark.parametrize(
    "fit", [ConstantFit(0.1), SbgFit(0.7, 3.8), BdwFit(0.7, 3.8, 1.6), BdwFit(0.3, 9, 0.5)]
)
def test_survival_is_the_product_of_retention(fit):
    t = np.arange(1, 300.0)
    assert np.cumsum(fit.log_retention(t)) == pytest.approx(fit.log_survival(t), rel=1e-9)
    assert fit.log_survival(np.zeros(1)) == 0.0
    again = fit.at(fit.theta)
    assert again.log_survival(t) == pytest.approx(fit.log_survival(t), rel=1e-12)


def test_digits_are_kept_where_contracts_are_alike():
    """Mixtures of nearly the same churn are constant churn, to the digits that doubles have."""
    t = np.arange(1, 200.0)
    alike = BdwFit(1e6, 9e6, 1.0)
    # By hand: r(t) = 1 - alpha / (alpha + beta + t - 1).
    assert alike.log_retention(t) == pytest.approx(np.log1p(-1e6 / (1e7 + t - 1)), rel=1e-9)
    far = BdwFit(0.5, 0.5, 3.0).log_survival(np.array([1e4]))
    assert far == pytest.approx(-0.5 * np.log(1e12) - np.log(np.pi) / 2, rel=1e-9)  # Gamma(1/2)^2 = pi


def test_cohorts_of_different_age_stand_together():
    """A cohort seen for three years adds to the first three periods, and to nothing else."""
    old, young = cohort(HIGH_END), cohort(REGULAR, n_periods=3)
    theta = np.log([0.8, 2.0])
    both = sbg_derivatives(pd.concat([old, young]))(theta)
    apart = [sbg_derivatives(table)(theta) for table in (old, young)]
    for place in range(3):
        assert both[place] == pytest.approx(apart[0][place] + apart[1][place], rel=1e-10)
    weights = cohort(HIGH_END).assign(n_customers=lambda table: 3 * table["n_customers"])
    assert fit_sbg(weights).alpha == pytest.approx(fit_sbg(cohort(HIGH_END)).alpha, rel=1e-6)


# --- refuses ------------------------------------------------------------------------------------


def test_what_tells_nothing_is_refused():
    running = pd.DataFrame({"duration": [3, 5], "event_observed": False})
    gone = pd.DataFrame({"duration": [1, 1], "event_observed": True})
    for fitter in (fit_constant, fit_sbg, fit_bdw):
        with pytest.raises(ValueError, match="no contract has ended"):
            fitter(running)
        with pytest.raises(ValueError, match="no contract was ever renewed"):
            fitter(gone)
    with pytest.raises(ValueError, match="a likelihood ratio needs two fits with their optima"):
        likelihood_ratio(SbgFit(1, 1), BdwFit(1, 1, 1))


def test_one_period_does_not_hold_two_parameters():
    for fitter in (fit_sbg, fit_bdw):
        with pytest.raises(ValueError, match="one period tells a churn rate"):
            fitter(cohort(REGULAR, n_periods=1))
    # Three parameters pass through two rates in many ways: a ridge, which rounding may take for a peak.
    optimum = fit_bdw(cohort(REGULAR, n_periods=2)).optimum
    assert optimum.weak or not optimum.is_converged


def test_constant_churn_makes_the_sbg_run_away():
    """Retention that falls with age: no mixture does that, so alpha and beta run off, and it is said."""
    falling = cohort((100, 95, 88, 79, 68, 55, 41, 27))
    fit = fit_sbg(falling)
    assert not fit.optimum.is_converged and fit.optimum.runaways
    assert fit.mean_churn == pytest.approx(fit_constant(falling).churn, rel=1e-3)
    # The BdW can follow it, with a c above 1.
    assert fit_bdw(falling).c > 1.3


# --- honest -------------------------------------------------------------------------------------


def test_the_ratio_test_is_right_on_its_own_story():
    """500 data sets of the sBG: the BdW is preferred in 5 % of them, three binomial errors either way."""
    rng, truth = np.random.default_rng(11), SbgFit(1.1, 12.0)
    p = []
    for _ in range(500):
        table = draw(truth, 2000, rng, longest=30)
        p.append(likelihood_ratio(fit_sbg(table), fit_bdw(table))[1])
    assert 0.021 <= np.mean(np.array(p) < 0.05) <= 0.079


@pytest.mark.slow
@pytest.mark.parametrize("n", [500, 5000])
@pytest.mark.parametrize(
    "truth, fitter, longest",
    [
        (SbgFit(0.668, 3.806), fit_sbg, 7),
        (SbgFit(1.1, 12), fit_sbg, 36),
        (BdwFit(0.668, 3.806, 1.3), fit_bdw, 24),
    ],
)
def test_profiles_cover_the_parameters(truth, fitter, longest, n):
    """1,000 data sets each; limits of three binomial errors, 0.0207."""
    rng = np.random.default_rng(n + longest)
    # A profile of the BdW is dear; c is what one asks it for.
    names = ("c",) if fitter is fit_bdw else ("alpha", "beta")
    hits, n_lost = dict.fromkeys(names, 0), 0
    for _ in range(1000):
        table = draw(truth, n, rng, longest=longest)
        fit = fitter(table)
        if not fit.optimum.is_converged:
            n_lost += 1
            continue
        evaluate = fit.likelihood(table)
        for name in names:
            low, high = profile_interval(evaluate, fit.optimum, name)
            hits[name] += (low or 0.0) <= getattr(truth, name) <= (high or np.inf)
    assert n_lost <= 30
    assert all(0.929 <= hit / (1000 - n_lost) <= 0.971 for hit in hits.values()), hits
