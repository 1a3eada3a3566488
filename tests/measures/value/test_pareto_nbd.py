"""Pareto/NBD: correct, consistent, honest; what it refuses is in test_cells.py."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from measures.value import cdnow
from measures.value.proofs import assert_derivatives, assert_foretold, assert_sane, coverage, fair
from measures.value.simulate import CDNOW, COFFEE, as_cells, customers
from scipy.integrate import quad
from scipy.special import gammaln
from scipy.stats import gamma as gamma_law

from cam.measures.value import future
from cam.measures.value.newton import profile_interval
from cam.measures.value.pareto_nbd import ParetoNbdFit, fit_pareto_nbd, pareto_nbd_derivatives

#: The fit that BTYD prints, in the order r, alpha, s, beta, to all the digits of its walkthrough.
BTYD = ParetoNbdFit(0.553, 10.580, 0.606, 11.656)


def row(x, t, T):
    return pd.DataFrame({"frequency": np.atleast_1d(x) * 1.0, "recency": t, "T": T})


@pytest.fixture(scope="module")
def fit():
    return fit_pareto_nbd(cdnow.summary())


# --- correct ------------------------------------------------------------------------------------


def test_the_fit_of_cdnow_is_the_published_one(fit):
    # Fader, Hardie, Lee (2005), table 2: 0.553, 10.578, 0.606, 11.669, LL -9595.0; CLVTools,
    # test_correctness_pnbd_nocovstaticcov.R: 0.55315, 10.57633, 0.60625, 11.67150, LL -9594.976, errors 0.0476,
    # 0.8427, 0.1873, 6.2105. Shipped times are rounded and beta lies on a flat ridge: 1e-3, and 2e-3 for beta.
    top = fit.optimum
    assert top.values[:3] == pytest.approx([0.553, 10.578, 0.606], rel=1e-3)
    assert top.values[:3] == pytest.approx([0.55315, 10.57633, 0.60625], rel=1e-3)
    assert top.values[3] == pytest.approx(11.669, rel=2e-3) == 11.67150
    assert top.log_likelihood == pytest.approx(-9594.976, abs=0.01)
    assert top.standard_errors == pytest.approx([0.0476, 0.8427, 0.1873, 6.2105], rel=1e-3)
    # An independent refit of the rounded file, to the digits that agreed.
    assert top.values == pytest.approx([0.553276, 10.577613, 0.606213, 11.667908], rel=2e-6)
    assert top.log_likelihood == pytest.approx(-9594.9739, abs=5e-5)
    assert top.is_converged and top.n == 2357 and fit.model == "pareto_nbd" and not top.weak


def test_the_fit_of_cdnow_in_whole_days(fit):
    # BTYD walkthrough: LL -9594.976; an independent refit -9594.9762.
    assert fit_pareto_nbd(cdnow.exact()).optimum.log_likelihood == pytest.approx(-9594.9762, abs=5e-5)


def test_the_purchases_of_a_new_customer_in_a_year_are_those_of_btyd(fit):
    # BTYD walkthrough: 1.473434; independently 1.473441 at the fit of the rounded file.
    assert future.expected_purchases_of_new(fit, horizon=52) == pytest.approx(1.473434, abs=1e-5)
    assert future.expected_purchases_of_new(fit, horizon=52) == pytest.approx(1.473441, abs=1e-6)


def test_customer_1516_of_btyd(fit):
    # BTYD walkthrough: 25.45647 and 0.997874; independently 25.45541 at the maximum, and 0.9978733 at its parameters.
    table = row(26, 30.85714, 31)
    assert future.expected_purchases(BTYD, table, horizon=52)[0] == pytest.approx(25.45647, rel=1e-4)
    assert future.p_alive(BTYD, table)[0] == pytest.approx(0.997874, abs=1e-6)
    assert future.p_alive(BTYD, table)[0] == pytest.approx(0.9978733, abs=5e-7)
    assert future.expected_purchases(fit, table, horizon=52)[0] == pytest.approx(25.45541, abs=1e-5)


def test_who_never_came_back(fit):
    # BTYD, man/pnbd.PAlive.Rd: 0.2941633 at its fit; independently 0.294278 at the maximum.
    found = future.p_alive(fit, row(0, 0.0, 39.0))[0]
    assert found == pytest.approx(0.2941633, rel=5e-4)
    assert found == pytest.approx(0.294278, abs=6e-7)


def test_the_increasing_frequency_paradox(fit):
    # BTYD walkthrough, at digits that it does not print: 1e-3.
    found = future.expected_purchases(fit, row([10, 15, 20, 25], 20.0, 39.0), horizon=52)
    assert found == pytest.approx([0.7062289, 0.1442396, 0.02250658, 0.00309267], rel=1e-3)


def test_many_purchases_are_as_stable_as_few():
    # lifetimes, estimation.py: with the hypergeometric formula 133 purchases overflowed where 132 did not.
    fit = ParetoNbdFit(0.55, 10.58, 0.61, 11.67)
    found = future.expected_purchases(fit, row([132, 133], 200.0, 200.0), horizon=10)
    assert found == pytest.approx([6.2060517889632418, 6.2528722475748113], rel=1e-9)


def test_the_cases_that_broke_clvtools():
    # CLVTools, tests of PAlive: its hypergeometric function was NaN for these.
    fit = ParetoNbdFit(0.5143, 2.8845, 0.2856, 14.1087)
    table = row(
        [221, 254, 161, 204],
        [103.42857, 97.14286, 94.71429, 98.57143],
        [103.57143, 97.28571, 98.0, 99.42857],
    )
    found = future.p_alive(fit, table)
    assert ((found > 0.1) & (found < 1)).all()
    by_hand = [by_tau(fit, *history)[1] for history in table.itertuples(index=False)]
    assert found == pytest.approx(by_hand, abs=1e-9)


def test_the_purchases_by_week_are_those_of_the_maximum(fit):
    # lifetimes' test expects 0.05077821 and 0.09916088 after one and two weeks, within 0.01: these belong to other
    # parameters. At the maximum: 0.051007, 0.099627, by an independent computation.
    found = [future.expected_purchases_of_new(fit, horizon=weeks) for weeks in (0.0, 1.0, 2.0)]
    assert found == pytest.approx([0.0, 0.051007, 0.099627], abs=6e-7)
    assert abs(found[1] - 0.05077821) > 2e-4


DERT = ParetoNbdFit(0.5629966, 12.5590370, 0.4081095, 10.5148048)


def test_dert_of_the_example_of_btyd():
    # Inputs of BTYD man/pnbd.DERT.Rd, continuous discount of 15 % a year, 0.0027 a week; its output is not printed.
    # Values by Tricomi's function and by integration with 30 digits, which agree to nine.
    found = future.discounted_purchases(DERT, row(7, 35.0, 77.86), discount=0.0027)
    assert found[0] == pytest.approx(1.86418333, abs=6e-9)
    found = future.discounted_purchases(DERT, row(np.arange(1, 11), 30.0, 77.86), discount=0.0027)
    expected = [
        2.199155,
        2.843534,
        2.867128,
        2.445410,
        1.840502,
        1.262416,
        0.809618,
        0.494804,
        0.292025,
        0.167928,
    ]
    assert found == pytest.approx(expected, abs=6e-7)


def test_dert_of_the_first_customer_of_cdnow(fit):
    # An independent computation at the maximum; one route only.
    found = future.discounted_purchases(fit, row(2, 30.43, 38.86), discount=0.0027)[0]
    assert found == pytest.approx(6.482250, abs=1e-5)


def test_dert_is_the_closed_form_where_the_library_has_its_digits():
    # Fader, Hardie, Lee (2005), equation 9, given that the customer is alive: Tricomi's function U(s, s; z) =
    # e^z Gamma(1 - s, z), and for s below 1 the incomplete gamma function is accurate everywhere.
    from scipy.special import gamma, gammaincc, hyperu

    for s, beta, discount in itertools.product((0.2, 0.4081, 0.9), (0.5, 10.5, 200.0), (0.001, 0.0027, 0.05)):
        fit = ParetoNbdFit(0.563, 12.559, s, beta)
        table = row([0, 7], [0.0, 35.0], 77.86)
        z = discount * (beta + 77.86)
        tricomi = np.exp(z) * gamma(1 - s) * gammaincc(1 - s, z)
        if z > 1:
            assert tricomi == pytest.approx(hyperu(s, s, z), rel=1e-6)
        rates = (0.563 + table["frequency"].to_numpy()) / (12.559 + 77.86)
        by_hand = future.p_alive(fit, table) * rates * (beta + 77.86) * z ** (s - 1) * tricomi
        assert future.discounted_purchases(fit, table, discount=discount) == pytest.approx(by_hand, rel=1e-8)


def by_tau(fit, x, t, T):
    """The likelihood, and the share of it that is alive, by brute force over when the customer left.

    1,440 nodes in 120 spans, each longer than the one before, so that no scale is missed; in logarithms.
    """
    r, alpha, s, beta = np.exp(fit.theta)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    ends = np.append(0.0, np.geomspace(1e-14, 1, 120)) * (T - t)
    spans = np.diff(ends)[:, None]
    tau = (t + ends[:-1, None] + spans * (nodes + 1) / 2).ravel()
    scale = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    alive = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
    with np.errstate(divide="ignore"):  # no span at all where t is T
        logs = np.log((spans * weights / 2).ravel() * s)
    gone = np.logaddexp.reduce(logs - (r + x) * np.log(alpha + tau) - (s + 1) * np.log(beta + tau))
    whole = np.logaddexp(alive, gone)
    return whole + scale, np.exp(alive - whole)


def draws(n, seed):
    """Parameters and histories from all over the place."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        parameters = np.exp(rng.uniform([-1.5, -0.5, -2, -1], [1.5, 3.5, 1.5, 4]))
        T = rng.uniform(1, 150)
        x = float(rng.choice([0, 1, 2, 5, 15, 60]))
        yield ParetoNbdFit(*parameters), (x, T * rng.beta(max(x, 1), rng.choice([0.1, 2])) if x else 0.0, T)


def test_the_likelihood_is_the_integral_over_when_they_left():
    errors = []
    for fit, history in draws(400, 1):
        by_hand, alive = by_tau(fit, *history)
        value, _, _ = pareto_nbd_derivatives(row(*history))(fit.theta)
        assert value == pytest.approx(by_hand, abs=1e-6)
        assert future.p_alive(fit, row(*history))[0] == pytest.approx(alive, abs=1e-6)
        errors.append(abs(value - by_hand))
    # The nodes are dealt out for speed: to a millionth everywhere, and far better nearly everywhere.
    assert np.quantile(errors, 0.9) < 1e-9


@pytest.mark.parametrize(("x", "t", "T"), [(0, 0.0, 20.0), (3, 11.0, 20.0), (6, 2.0, 50.0)])
def test_the_likelihood_is_the_double_integral_over_rates(x, t, T):
    # Schmittlein, Morrison, Colombo (1987): lambda^x / (lambda + mu) (mu e^-both t + lambda e^-both T),
    # over both gammas; whole shapes, so that the integrand is smooth.
    r, alpha, s, beta = 2.0, 6.0, 2.0, 9.0
    nodes, weights = np.polynomial.legendre.leggauss(120)
    rate, hazard = np.meshgrid(3.5 * (nodes + 1), 2.5 * (nodes + 1))
    both = rate + hazard
    density = rate**x / both * (hazard * np.exp(-both * t) + rate * np.exp(-both * T))
    density *= gamma_law.pdf(rate, r, scale=1 / alpha) * gamma_law.pdf(hazard, s, scale=1 / beta)
    by_grid = float(weights @ density @ weights) * 3.5 * 2.5
    value, _, _ = pareto_nbd_derivatives(row(x, t, T))(np.log([r, alpha, s, beta]))
    assert value == pytest.approx(np.log(by_grid), abs=1e-7)


def test_expected_purchases_are_the_integral_over_the_hazard():
    # The mean of (1 - e^(-mu t)) / mu over a gamma of mu is the integral of ((beta / (beta + u))^s) over u up to t.
    for fit, (x, t, T) in draws(30, 2):
        table = row(x, t, T)
        for weeks in (0.5, 39.0, 500.0):

            def staying(u, fit=fit, T=T):
                return ((fit.beta + T) / (fit.beta + T + u)) ** fit.s

            active = quad(staying, 0, weeks, epsabs=0, epsrel=1e-12)[0]
            by_hand = future.p_alive(fit, table)[0] * (fit.r + x) / (fit.alpha + T) * active
            assert future.expected_purchases(fit, table, horizon=weeks)[0] == pytest.approx(
                by_hand, rel=1e-10
            )


@pytest.mark.parametrize("off", [0.0, 1e-15, 1e-12, -1e-9, 1e-6, -1e-3])
def test_the_gap_at_s_equal_to_one_is_stepped_over(off):
    fit = ParetoNbdFit(0.6, 4.0, 1 + off, 9.0)
    by_hand = 0.6 / 4.0 * quad(lambda u: (9 / (9 + u)) ** (1 + off), 0, 52, epsabs=0, epsrel=1e-13)[0]
    assert future.expected_purchases_of_new(fit, horizon=52) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("covariates", [(), ("young", "income")])
def test_gradient_and_hessian_are_those_of_the_value(covariates):
    rng = np.random.default_rng(3)
    table = customers("pareto_nbd", COFFEE, 60, rng)
    table = table.assign(
        young=rng.integers(0, 2, 60), income=rng.normal(size=60), n_customers=rng.integers(1, 9, 60)
    )
    evaluate = pareto_nbd_derivatives(table, covariates=covariates)
    for _ in range(5):
        theta = rng.uniform([-1.5, 0, -1, 0], [1, 3, 1, 4])
        assert_derivatives(evaluate, np.concatenate([theta, rng.normal(0, 0.3, 2 * len(covariates))]))


# --- consistent ---------------------------------------------------------------------------------

FITS = [
    ParetoNbdFit(*CDNOW["pareto_nbd"]),
    ParetoNbdFit(*COFFEE["pareto_nbd"]),
    ParetoNbdFit(2.0, 3.0, 1.0, 5.0),
]


@pytest.mark.parametrize("fit", FITS)
def test_the_probabilities_of_all_counts_add_up_to_one_and_to_the_mean(fit):
    # Counting follows the moment of leaving by another rule of quadrature than the mean, so 1e-8.
    table = row([0, 4], [0.0, 9.0], 30.0)
    each = np.array([future.conditional_probability(fit, table, n=n, horizon=20) for n in range(400)])
    of_new = np.array([future.purchase_probability(fit, n=n, horizon=3) for n in range(400)])
    assert (each >= 0).all() and (of_new >= 0).all()
    assert each.sum(axis=0) == pytest.approx([1, 1], abs=1e-8)
    assert of_new.sum() == pytest.approx(1, abs=1e-8)
    n = np.arange(400)
    assert n @ each == pytest.approx(future.expected_purchases(fit, table, horizon=20), rel=1e-7)
    assert n @ of_new == pytest.approx(future.expected_purchases_of_new(fit, horizon=3), rel=1e-7)


@pytest.mark.parametrize("fit", FITS)
def test_who_stays_silent_longer_is_less_likely_alive(fit):
    T = np.linspace(20, 400, 40)
    for x, t in ((0, 0.0), (1, 3.0), (4, 20.0), (30, 19.0)):
        assert (np.diff(future.p_alive(fit, row(np.full(40, x), t, T))) < 0).all()
    table = row(np.full(40, 5), np.linspace(1, 20, 40), 20.0)
    found = future.p_alive(fit, table)
    assert (np.diff(found) > 0).all()
    assert found[-1] == pytest.approx(1, abs=1e-12)  # seen on the last day


def test_another_unit_of_time_changes_alpha_and_beta_alone(fit):
    table = cdnow.summary()
    days = table.assign(recency=table["recency"] * 7, T=table["T"] * 7)
    other = fit_pareto_nbd(days)
    assert other.optimum.values == pytest.approx(fit.optimum.values * [1, 7, 1, 7], rel=1e-4)
    repeat = float(table["frequency"].sum())
    assert other.optimum.log_likelihood == pytest.approx(
        fit.optimum.log_likelihood - repeat * np.log(7), abs=1e-6
    )


@pytest.mark.filterwarnings("error")
def test_nothing_breaks_at_the_edges():
    sizes = (1e-3, 1.0, 1.0 + 1e-9, 1e3)
    table = row([0, 0, 1, 1, 500, 500, 500], [0, 0, 1e-3, 50, 50, 50, 0.5], [0, 300, 300, 50, 50, 300, 300.0])
    for parameters in itertools.product((1e-2, 50.0), (1e-3, 1e3), sizes, (1e-3, 1.0, 1e3, 8e6)):
        fit = ParetoNbdFit(*parameters)
        assert_sane(fit, table, pareto_nbd_derivatives(table))


def test_the_likelihood_keeps_its_digits_at_the_edges():
    # Where the integrand falls by hundreds of e-folds between t and T, where it hardly falls, and where one of its two
    # scales is a million times the other; up to 2e-5 of a logarithm at the very corners.
    grid = itertools.product((0.05, 20.0), (1e-3, 1.0, 1e3), (1e-3, 1.0, 5.0), (1e-7, 1e-3, 1.0, 1e3))
    for parameters in grid:
        fit = ParetoNbdFit(*parameters)
        for history in (
            (0, 0.0, 300.0),
            (1, 1e-2, 300.0),
            (500, 50.0, 300.0),
            (500, 299.9, 300.0),
            (3, 50.0, 50.0),
        ):
            value, _, _ = pareto_nbd_derivatives(row(*history))(fit.theta)
            by_hand, alive = by_tau(fit, *history)
            assert value == pytest.approx(by_hand, abs=2e-5), (fit, history)
            assert future.p_alive(fit, row(*history))[0] == pytest.approx(alive, abs=2e-6), (fit, history)


def test_all_who_leave_at_once_leave_the_others_as_they_are():
    # beta is a millionth of alpha. Cut off by the sum of both powers the integral would miss a quarter of itself.
    fit = ParetoNbdFit(20.0, 1000.0, 1e-3, 1e-3)
    value, _, _ = pareto_nbd_derivatives(row(0, 0.0, 300.0))(fit.theta)
    by_hand, alive = by_tau(fit, 0, 0.0, 300.0)
    assert value == pytest.approx(by_hand, abs=1e-4)
    assert future.p_alive(fit, row(0, 0.0, 300.0))[0] == pytest.approx(alive, abs=1e-4)


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shop", [CDNOW, COFFEE])
def test_parameters_are_recovered_and_what_comes_is_foretold(shop):
    rng = np.random.default_rng(7)
    table = customers("pareto_nbd", shop, 40_000, rng)
    fit = fit_pareto_nbd(as_cells(table))
    truth = np.array(shop["pareto_nbd"])
    assert (np.abs(fit.optimum.values - truth) < 4 * fit.optimum.standard_errors).all()
    assert fit.optimum.values == pytest.approx(truth, rel=0.3)
    assert_foretold(ParetoNbdFit(*shop["pareto_nbd"]), table)


@pytest.mark.slow
@pytest.mark.parametrize(("shop", "n"), [(CDNOW, 500), (CDNOW, 5_000), (COFFEE, 500)])
def test_the_interval_of_each_parameter_holds_the_truth_95_times_in_100(shop, n):
    found = coverage("pareto_nbd", shop, n=n, n_sets=1_000, seed=1)
    low, high = fair(1_000)
    assert found["held"].between(low, high).all(), found
    assert (found["bias"].abs() < (0.12 if n == 500 else 0.03)).all(), found


def test_500_customers_hardly_tell_when_they_leave():
    # With 500 customers like CDNOW's nine samples in ten are flagged, and the limits of s and beta are often open.
    rng = np.random.default_rng(1)
    n_flagged = n_open = 0
    for _ in range(20):
        table = as_cells(customers("pareto_nbd", CDNOW, 500, rng))
        top = fit_pareto_nbd(table).optimum
        n_flagged += bool(top.weak)
        if top.is_peak:
            n_open += profile_interval(pareto_nbd_derivatives(table), top, "beta")[1] is None
    assert 14 <= n_flagged <= 20
    assert n_open >= 5
