"""Gamma-Gamma: correct, consistent, refusing, honest."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from measures.value import cdnow
from measures.value.proofs import assert_derivatives, coverage, fair
from measures.value.simulate import CDNOW, COFFEE, customers
from scipy.integrate import quad
from scipy.stats import gamma as gamma_law

from cam.measures.value.gamma_gamma import (
    GammaGammaFit,
    fit_gamma_gamma,
    gamma_gamma_derivatives,
    spend_frequency_correlation,
    usable,
)
from cam.measures.value.newton import profile_interval


@pytest.fixture(scope="module")
def fit():
    return fit_gamma_gamma(cdnow.spend())


def spent(x, m):
    return pd.DataFrame(
        {"frequency": np.asarray(x, dtype=float), "monetary_value": np.asarray(m, dtype=float)}
    )


# --- correct ------------------------------------------------------------------------------------


def test_the_fit_of_cdnow_is_the_published_one(fit):
    # Fader and Hardie (2013): p 6.25, q 3.74, gamma 15.44, LL -4055.92, as CLVTools' test_correctness_gg.R quotes it
    # (-4055.9177 from spend that was not rounded); lifetimes' test has the same parameters. An independent refit of
    # the shipped file, in cents: 6.248803, 3.744588, 15.447747, LL -4055.9232.
    top = fit.optimum
    assert top.values == pytest.approx([6.25, 3.74, 15.44], rel=1.3e-3)
    assert top.log_likelihood == pytest.approx(-4055.9177, abs=0.01)
    assert top.values == pytest.approx([6.248803, 3.744588, 15.447747], abs=2e-6)
    assert top.log_likelihood == pytest.approx(-4055.9232, abs=5e-5)
    assert top.is_converged and top.n == 946 and not top.weak


def test_what_is_expected_of_a_customer(fit):
    # lifetimes' documentation for its first customer, at the same maximum: 24.658619; the others by an independent
    # computation. Who never came back is expected to spend what all do, 35.1710.
    found = fit.expected(np.array([2, 1, 3, 2, 0]), np.array([22.35, 11.77, 35.0, 40.0, 0.0]))
    assert found[0] == pytest.approx(24.658619, abs=1e-5)
    assert found == pytest.approx([24.6586, 18.9115, 35.0218, 39.1305, 35.1710], abs=6e-5)
    assert fit.mean_spend == pytest.approx(35.1710, abs=6e-5)
    kept = cdnow.spend()[usable(cdnow.spend())]
    mean = fit.expected(kept["frequency"].to_numpy(), kept["monetary_value"].to_numpy()).mean()
    assert mean == pytest.approx(35.3752, abs=6e-5)


def test_the_illustration_of_fader_and_hardie():
    # p 6, q 4, gamma 16: 6 (16 + 3 x 35) / (6 x 3 + 4 - 1) = 726 / 21.
    assert GammaGammaFit(6, 4, 16).expected(np.array([3]), np.array([35.0]))[0] == pytest.approx(
        34.5714, abs=5e-5
    )


def test_spend_and_frequency_of_cdnow_are_hardly_related():
    # lifetimes' documentation: 0.113884; of 946 customers. The interval by arctanh(0.1139) -+ 1.96 / sqrt(943).
    found = spend_frequency_correlation(cdnow.spend())
    assert found.value == pytest.approx(0.1139, abs=5e-5)
    assert found.n == 946
    half = 1.959964 / 943**0.5
    assert found.low == pytest.approx(np.tanh(np.arctanh(found.value) - half), abs=1e-7)
    assert found.high == pytest.approx(np.tanh(np.arctanh(found.value) + half), abs=1e-7)


def test_the_likelihood_is_the_integral_over_the_rate_of_spend():
    # The mean of x gammas of shape p and rate nu is gamma(p x, nu x); nu is gamma(q, gamma).
    rng = np.random.default_rng(1)
    for _ in range(30):
        p, q, gamma = np.exp(rng.uniform([0.2, 0.2, 0], [2.2, 2, 3.5]))
        x, m = float(rng.choice([1, 2, 7, 30])), float(rng.gamma(2, 20))
        other = 12.0

        def density(log_nu, x, m, p=p, q=q, gamma=gamma):
            nu = np.exp(log_nu)
            return gamma_law.pdf(m, p * x, scale=1 / (nu * x)) * gamma_law.pdf(nu, q, scale=1 / gamma) * nu

        def whole(x, m, p=p, q=q, gamma=gamma):
            middle = np.log((p * x + q) / (x * m + gamma))
            reach = 12 / (p * x + q) ** 0.5 + 20 / (p * x + q)
            return quad(
                density, middle - reach, middle + reach, args=(x, m), epsabs=0, epsrel=1e-11, limit=300
            )[0]

        value, _, _ = gamma_gamma_derivatives(spent([x, 1], [m, other]))(np.log([p, q, gamma]))
        assert value == pytest.approx(np.log(whole(x, m)) + np.log(whole(1.0, other)), abs=1e-7)


def test_gradient_and_hessian_are_those_of_the_value():
    rng = np.random.default_rng(3)
    table = customers("gamma_gamma", COFFEE, 60, rng)
    table = table.assign(n_customers=rng.integers(1, 9, len(table)))
    for _ in range(5):
        assert_derivatives(gamma_gamma_derivatives(table), rng.uniform([0, 0, 0], [2, 2, 3]))


# --- consistent ---------------------------------------------------------------------------------


def test_a_customer_is_drawn_towards_all_the_less_the_better_known(fit):
    x = np.array([0, 1, 2, 5, 20, 500])
    found = fit.expected(x, np.full(6, 100.0))
    assert (np.diff(found) > 0).all()
    assert found[0] == pytest.approx(fit.mean_spend)
    assert found[-1] == pytest.approx(100, rel=0.02)
    # A weighted mean of what was spent and of the mean of all, the weight of the first p x / (p x + q - 1).
    weight = fit.p * x / (fit.p * x + fit.q - 1)
    assert found == pytest.approx(weight * 100 + (1 - weight) * fit.mean_spend)


def test_another_currency_changes_gamma_alone(fit):
    table = cdnow.spend()
    other = fit_gamma_gamma(table.assign(monetary_value=table["monetary_value"] * 7.8))
    assert other.optimum.values == pytest.approx(fit.optimum.values * [1, 1, 7.8], rel=1e-5)
    x, m = np.array([0, 2]), np.array([0.0, 22.35])
    assert other.expected(x, m * 7.8) == pytest.approx(7.8 * fit.expected(x, m), rel=1e-6)


def test_who_tells_nothing_of_spend_changes_nothing(fit):
    table = cdnow.spend()
    more = pd.DataFrame({"frequency": [0, 3, 2, 0], "monetary_value": [np.nan, 0.0, -5.0, 12.0]})
    other = fit_gamma_gamma(pd.concat([table[["frequency", "monetary_value"]], more]))
    assert other.optimum.n == 946
    assert other.optimum.values == pytest.approx(fit.optimum.values, rel=1e-9)
    assert usable(more).tolist() == [False] * 4


def test_what_was_spent_by_those_who_never_came_back_counts_for_nothing(fit):
    assert fit.expected(np.array([0, 0]), np.array([np.nan, 1e6])) == pytest.approx([fit.mean_spend] * 2)


@pytest.mark.filterwarnings("error")
def test_nothing_breaks_at_the_edges():
    table = spent([1, 1, 500, 500], [0.01, 1e6, 0.01, 1e6])
    for parameters in itertools.product((1e-2, 1.0, 1e3), (1e-2, 1.0, 1 + 1e-9, 1e3), (1e-3, 1.0, 1e6)):
        for part in gamma_gamma_derivatives(table)(np.log(parameters)):
            assert np.isfinite(part).all()
        if parameters[1] > 1:
            found = GammaGammaFit(*parameters).expected(np.array([0, 1, 500]), np.array([np.nan, 0.01, 1e6]))
            assert np.isfinite(found).all() and (found > 0).all()


def test_the_correlation_of_a_straight_line_is_one():
    found = spend_frequency_correlation(spent([1, 2, 3, 4, 5], [10, 20, 30, 40, 50]))
    assert found.value == pytest.approx(1)
    assert -1 <= found.low <= found.value <= found.high <= 1
    counts = spent([1, 2, 3], [30, 10, 25]).assign(n_customers=[4, 2, 3])
    plain = counts.loc[counts.index.repeat(counts["n_customers"]), ["frequency", "monetary_value"]]
    one, other = spend_frequency_correlation(counts), spend_frequency_correlation(plain)
    assert (one.value, one.low, one.n) == pytest.approx((other.value, other.low, other.n))
    assert one.value == pytest.approx(np.corrcoef(plain["frequency"], plain["monetary_value"])[0, 1])


# --- refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [
        spent([], []),
        spent([2], [30.0]),
        spent([0, 0, 2], [np.nan, 4.0, 30.0]),
        spent([1, 2, 3], [30.0, 0.0, -4.0]),
        spent([2, 3], [30.0, 40.0]).assign(n_customers=[1, 0]),
    ],
)
def test_fewer_than_two_customers_who_tell_of_spend_are_refused(table):
    words = "the Gamma-Gamma needs two customers or more with a repeat purchase and positive spend"
    with pytest.raises(ValueError, match=words):
        fit_gamma_gamma(table)


@pytest.mark.parametrize("q", [0.4, 0.999, 1.0])
def test_a_mean_that_does_not_exist_is_refused(q):
    fit = GammaGammaFit(2.0, q, 15.0)
    assert fit.mean_spend == float("inf")
    with pytest.raises(ValueError, match=f"the mean spend does not exist: q is {q:.3g}, and must be above 1"):
        fit.expected(np.array([0, 2]), np.array([0.0, 22.0]))
    # What customers bought again holds their own mean, if enough of it is known.
    assert np.isfinite(fit.expected(np.array([2]), np.array([22.0]))).all()
    with pytest.raises(ValueError, match="does not exist"):
        GammaGammaFit(0.5, 0.4, 15.0).expected(np.array([2]), np.array([22.0]))


def test_a_correlation_needs_four_customers_and_something_that_varies():
    with pytest.raises(ValueError, match="four customers or more with repeat spend; got 3"):
        spend_frequency_correlation(spent([1, 2, 3, 0], [10, 20, 30, 40]))
    with pytest.raises(ValueError, match="both spend and frequency to vary"):
        spend_frequency_correlation(spent([2, 2, 2, 2], [10, 20, 30, 40]))


def test_customers_who_all_spend_the_same_are_flagged():
    top = fit_gamma_gamma(spent([1, 2, 3, 4, 5], [20.0] * 5)).optimum
    assert top.weak or top.runaways or not top.is_converged
    assert np.isfinite(top.values).all()


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shop", [CDNOW, COFFEE])
def test_parameters_are_recovered_and_spend_is_foretold(shop):
    rng = np.random.default_rng(7)
    table = customers("gamma_gamma", shop, 60_000, rng)
    truth = np.array(shop["gamma_gamma"])
    top = fit_gamma_gamma(table).optimum
    assert (np.abs(top.values - truth) < 4 * top.standard_errors).all()
    assert top.values == pytest.approx(truth, rel=0.1)
    # The true mean of customers, in ten groups by what is expected of them, is what was said; drawn totals too.
    fit = GammaGammaFit(*truth)
    x, m = table["frequency"].to_numpy(), table["monetary_value"].to_numpy()
    said = fit.expected(x, m)
    n = rng.integers(0, 4, len(table))
    drawn = fit.draw_total(x, m, n, rng)
    assert (drawn[n == 0] == 0).all() and (drawn[n > 0] > 0).all()
    groups = pd.qcut(said, 10, labels=False)
    for off in (table["mean"] - said, pd.Series(drawn - n * said)):
        by = off.reset_index(drop=True).groupby(groups)
        assert (by.mean().abs() < 4 * by.std() / by.size() ** 0.5).all()


@pytest.mark.slow
@pytest.mark.parametrize(("shop", "n"), [(CDNOW, 500), (CDNOW, 5_000), (COFFEE, 500), (COFFEE, 5_000)])
def test_the_interval_of_each_parameter_holds_the_truth_95_times_in_100(shop, n):
    found = coverage("gamma_gamma", shop, n=n, n_sets=1_000, seed=1)
    low, high = fair(1_000)
    assert found["held"].between(low, high).all(), found
    assert (found["bias"].abs() < (0.06 if n == 500 else 0.03)).all(), found


def test_an_interval_without_a_limit_says_so():
    # 500 customers like CDNOW's are some 200 who came back; about one sample in eight sets p no upper limit.
    rng = np.random.default_rng(1)
    n_open = 0
    for _ in range(40):
        table = customers("gamma_gamma", CDNOW, 500, rng)
        top = fit_gamma_gamma(table).optimum
        if top.is_peak:
            n_open += profile_interval(gamma_gamma_derivatives(table), top, "p")[1] is None
    assert 1 <= n_open <= 15
