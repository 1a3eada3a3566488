"""NBD, the baseline: correct, consistent, honest; what it refuses is in test_cells.py."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from measures.value import cdnow
from measures.value.proofs import assert_derivatives, assert_foretold, assert_sane, coverage, fair
from measures.value.simulate import CDNOW, COFFEE, customers
from scipy.integrate import quad
from scipy.special import gammaln
from scipy.stats import gamma as gamma_law
from scipy.stats import nbinom

from cam.measures.value import future
from cam.measures.value.nbd import NbdFit, fit_nbd, nbd_derivatives


def row(x, t, T):
    return pd.DataFrame({"frequency": np.atleast_1d(x) * 1.0, "recency": t, "T": T})


# --- correct ------------------------------------------------------------------------------------


def test_the_fit_of_cdnow():
    # BTYDplus fits it and prints nothing; an independent refit: r 0.384768, alpha 12.072085, LL -9763.6602.
    top = fit_nbd(cdnow.summary()).optimum
    assert top.values == pytest.approx([0.384768, 12.072085], abs=6e-7)
    assert top.log_likelihood == pytest.approx(-9763.6602, abs=5e-5)
    assert top.is_converged and top.n == 2357


def test_where_all_are_seen_equally_long_the_mean_is_that_of_the_data():
    # Ehrenberg (1959): for one length of time the maximum has r / alpha x T equal to the mean.
    table = cdnow.summary().assign(T=38.86)
    fit = fit_nbd(table)
    assert fit.r / fit.alpha * 38.86 == pytest.approx(table["frequency"].mean(), rel=1e-6)


def test_the_likelihood_is_that_of_counts_and_of_the_times_between_them():
    # Given how many came, their moments are spread evenly over T: density x! / T^x; so the likelihood of the very
    # purchase times is the negative binomial's times that.
    rng = np.random.default_rng(2)
    for _ in range(20):
        r, alpha = np.exp(rng.uniform(-1.5, 2.5, 2))
        T, x = rng.uniform(1, 60), int(rng.choice([0, 1, 4, 30]))
        value, _, _ = nbd_derivatives(row(x, T / 2 if x else 0.0, T))(np.log([r, alpha]))
        expected = nbinom.logpmf(x, r, alpha / (alpha + T)) + gammaln(x + 1) - x * np.log(T)
        assert value == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("x", "T"), [(0, 20.0), (3, 20.0), (12, 50.0)])
def test_the_likelihood_is_the_integral_over_rates(x, T):
    law = gamma_law(2.5, scale=1 / 6.0)
    by_hand = quad(lambda k: k**x * np.exp(-k * T) * law.pdf(k), 0, 20, points=[0.1, 0.5], epsabs=0)[0]
    value, _, _ = nbd_derivatives(row(x, 1.0 if x else 0.0, T))(np.log([2.5, 6.0]))
    assert value == pytest.approx(np.log(by_hand), abs=1e-8)


def test_gradient_and_hessian_are_those_of_the_value():
    rng = np.random.default_rng(3)
    table = customers("nbd", COFFEE, 60, rng).assign(n_customers=rng.integers(1, 9, 60))
    for _ in range(5):
        assert_derivatives(nbd_derivatives(table), rng.uniform([-1.5, 0], [1, 3]))


def test_what_is_expected_is_the_mean_of_what_was_and_what_all_do():
    # The posterior mean rate (r + x) / (alpha + T), for ever: Schmittlein, Morrison, Colombo (1987), section 2.
    fit = NbdFit(0.4, 12.0)
    table = row([0, 5], [0.0, 20.0], [38.0, 30.0])
    assert future.expected_purchases(fit, table, horizon=39) == pytest.approx([39 * 0.4 / 50, 39 * 5.4 / 42])
    assert (future.p_alive(fit, table) == 1).all()


# --- consistent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", [NbdFit(*CDNOW["nbd"]), NbdFit(*COFFEE["nbd"])])
def test_the_probabilities_of_all_counts_add_up_to_one_and_to_the_mean(fit):
    table = row([0, 4], [0.0, 9.0], 30.0)
    n = np.arange(500)
    each = np.array([future.conditional_probability(fit, table, n=k, horizon=20) for k in n])
    assert each.sum(axis=0) == pytest.approx([1, 1], abs=1e-9)
    assert n @ each == pytest.approx(future.expected_purchases(fit, table, horizon=20), rel=1e-8)


def test_another_unit_of_time_changes_alpha_alone():
    table = cdnow.summary()
    one, other = fit_nbd(table), fit_nbd(table.assign(recency=table["recency"] * 7, T=table["T"] * 7))
    assert other.optimum.values == pytest.approx(one.optimum.values * [1, 7], rel=1e-5)


@pytest.mark.filterwarnings("error")
def test_nothing_breaks_at_the_edges():
    table = row([0, 0, 1, 1, 500, 500, 500], [0, 0, 1e-3, 50, 50, 50, 0.5], [0, 300, 300, 50, 50, 300, 300.0])
    for r, alpha in itertools.product((1e-3, 1.0, 1e3), (1e-3, 1.0, 1e3, 8e6)):
        assert_sane(NbdFit(r, alpha), table, nbd_derivatives(table))


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shop", [CDNOW, COFFEE])
def test_parameters_are_recovered_and_what_comes_is_foretold(shop):
    table = customers("nbd", shop, 40_000, np.random.default_rng(7))
    top = fit_nbd(table).optimum
    assert (np.abs(top.values - shop["nbd"]) < 4 * top.standard_errors).all()
    assert top.values == pytest.approx(shop["nbd"], rel=0.05)
    assert_foretold(NbdFit(*shop["nbd"]), table)


@pytest.mark.slow
@pytest.mark.parametrize(("shop", "n"), [(CDNOW, 500), (CDNOW, 5_000), (COFFEE, 500), (COFFEE, 5_000)])
def test_the_interval_of_each_parameter_holds_the_truth_95_times_in_100(shop, n):
    found = coverage("nbd", shop, n=n, n_sets=1_000, seed=1)
    low, high = fair(1_000)
    assert found["held"].between(low, high).all(), found
    assert (found["bias"].abs() < (0.05 if n == 500 else 0.02)).all(), found
