"""Maximisation and its certificate: correct, consistent, refusing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measures.value import cdnow
from measures.value.proofs import twice_the_fall
from measures.value.simulate import CDNOW, as_cells, customers
from scipy.optimize import brentq, minimize

from cam.estimate import Z
from cam.measures.value.bg_nbd import bg_nbd_derivatives, fit_bg_nbd
from cam.measures.value.nbd import fit_nbd
from cam.measures.value.newton import maximise, profile_interval
from cam.measures.value.pareto_nbd import fit_pareto_nbd, pareto_nbd_derivatives


def normal(values):
    """The log-likelihood of (ln sigma, mu)."""
    n, mean, variance = len(values), np.mean(values), np.var(values)

    def evaluate(theta):
        log_sigma, mu = theta
        precision, off = np.exp(-2 * log_sigma), mean - mu
        spread = variance + off**2
        value = -n * log_sigma - n * precision * spread / 2
        gradient = np.array([-n + n * precision * spread, n * precision * off])
        hessian = np.array(
            [[-2 * n * precision * spread, -2 * n * precision * off], [0.0, -n * precision]],
        )
        return float(value), gradient, np.triu(hessian) + np.triu(hessian, 1).T

    return evaluate


def climb(evaluate, start, *, n_logs=None):
    start = np.asarray(start, dtype=float)
    names = tuple("abcdef"[: start.size])
    return maximise(evaluate, start, names=names, n_logs=start.size if n_logs is None else n_logs, n=10)


SAMPLE = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


# --- correct ------------------------------------------------------------------------------------


def test_the_normal_has_the_maximum_and_the_errors_of_the_textbook():
    # Mean 2.33, sigma^2 = sum of squares / n; errors sigma / sqrt(n) and, by Fisher information, sigma / sqrt(2n).
    top = climb(normal(SAMPLE), [3.0, -20.0], n_logs=1)
    sigma = SAMPLE.std()
    assert top.values == pytest.approx(
        [sigma, 2.33], rel=1e-6
    )  # it stops within 1e-9 of the maximum's height
    assert top.standard_errors == pytest.approx([sigma / 20**0.5, sigma / 10**0.5], rel=1e-6)
    assert top.is_converged and top.is_peak and not top.weak and not top.runaways
    assert 0 <= top.rest <= 1e-9


def test_a_bent_valley_is_followed_to_its_end():
    # Rosenbrock (1960), from his own start (-1.2, 1), where the surface is not concave; the maximum 0 is at (1, 1).
    def evaluate(theta):
        x, y = theta
        value = -(100 * (y - x**2) ** 2 + (1 - x) ** 2)
        gradient = np.array([400 * x * (y - x**2) + 2 * (1 - x), -200 * (y - x**2)])
        hessian = np.array([[400 * (y - 3 * x**2) - 2, 400 * x], [400 * x, -200.0]])
        return value, gradient, hessian

    top = climb(evaluate, [-1.2, 1.0], n_logs=0)
    assert top.values == pytest.approx([1, 1], abs=1e-5)
    assert top.is_converged and top.n_evaluations < 60


def test_a_parabola_takes_one_step():
    # Newton's method is exact there: start, maximum, nothing more.
    top = climb(lambda at: (-float(at @ at) / 2, -at, -np.eye(2)), [1.5, -1.0], n_logs=0)
    assert top.n_evaluations == 2
    assert top.values.tolist() == [0.0, 0.0]


def test_the_profile_of_a_mean_is_that_of_the_textbook():
    # With sigma unknown, twice the fall is n ln(1 + (mu - mean)^2 / s^2): solved for mu; DiCiccio and Efron (1996),
    # Statistical Science 11, section 5 treat the same profile.
    evaluate = normal(SAMPLE)
    top = climb(evaluate, [0.0, 0.0], n_logs=1)
    half = SAMPLE.std() * np.sqrt(np.expm1(Z**2 / 10))
    assert profile_interval(evaluate, top, "b") == pytest.approx((2.33 - half, 2.33 + half), abs=1e-5)


def test_the_profile_of_a_rate_is_the_root_of_its_own_equation():
    # n exponential waits: twice the fall is 2n (rate / best - 1 - ln(rate / best)); skew, which plus-minus misses.
    def evaluate(theta):
        rate = float(np.exp(theta[0]))
        return 8 * theta[0] - 16 * rate, np.array([8 - 16 * rate]), np.array([[-16 * rate]])

    def fall(ratio):
        return 16 * (ratio - 1 - np.log(ratio)) - Z**2

    expected = 0.5 * brentq(fall, 0.01, 1), 0.5 * brentq(fall, 1, 10)
    top = climb(evaluate, [2.0])
    assert profile_interval(evaluate, top, "a") == pytest.approx(expected, rel=1e-5)
    assert expected[1] - 0.5 > 1.3 * (0.5 - expected[0])


def test_a_side_without_a_limit_is_none():
    # -theta^2 e^-theta: to the right it falls by 0.54 at most, 4 / e^2 at theta 2; to the left to -1.92 at -1 or so.
    def evaluate(theta):
        at, decay = float(theta[0]), float(np.exp(-theta[0]))
        value, slope, bend = -(at**2), at**2 - 2 * at, -(at**2) + 4 * at - 2
        return value * decay, np.array([slope * decay]), np.array([[bend * decay]])

    top = climb(evaluate, [-0.5])
    low, high = profile_interval(evaluate, top, "a")
    left = brentq(lambda at: 2 * at**2 * np.exp(-at) - Z**2, -3, 0)
    assert low == pytest.approx(np.exp(left), rel=1e-5)
    assert high is None


def slow_profile(evaluate, top, place, side):
    """The same limit by library code: an inner maximisation without second derivatives, and Brent's root."""
    free = np.arange(top.theta.size) != place

    def fall(at):
        def loss(others):
            theta = np.empty(top.theta.size)
            theta[free], theta[place] = others, at
            value, gradient, _ = evaluate(theta)
            return -value, -gradient[free]

        found = minimize(loss, top.theta[free], jac=True, method="BFGS", options={"gtol": 1e-6})
        return 2 * (top.log_likelihood + found.fun) - Z**2

    middle = top.theta[place]
    error = float(np.sqrt(top.covariance[place, place]))
    return float(np.exp(brentq(fall, middle, middle + side * 6 * error, xtol=1e-7)))


@pytest.mark.parametrize("model", ["bg_nbd", "pareto_nbd"])
def test_the_profile_on_cdnow_is_that_of_a_slow_search(model):
    if model == "bg_nbd":
        top, evaluate = fit_bg_nbd(cdnow.summary()).optimum, bg_nbd_derivatives(cdnow.summary())
    else:
        cells = as_cells(cdnow.summary())
        top, evaluate = fit_pareto_nbd(cells).optimum, pareto_nbd_derivatives(cells)
    for place, name in enumerate(top.names):
        low, high = profile_interval(evaluate, top, name)
        assert low == pytest.approx(slow_profile(evaluate, top, place, -1), rel=1e-4)
        assert high == pytest.approx(slow_profile(evaluate, top, place, 1), rel=1e-4)
        assert low < top.values[place] < high


# --- consistent ---------------------------------------------------------------------------------


def test_the_start_is_not_changed_and_hardly_matters():
    evaluate = bg_nbd_derivatives(cdnow.summary())
    tops = []
    for start in (np.zeros(4), np.array([1.0, 3.0, -1.0, -1.0]), np.array([-3.0, -2.0, 3.0, 4.0])):
        kept = start.copy()
        tops.append(climb(evaluate, start))
        assert (start == kept).all()
    for top in tops:
        assert top.is_converged
        assert top.theta == pytest.approx(tops[0].theta, abs=1e-4)


def test_the_order_of_parameters_does_not_matter():
    def turned(theta):
        value, gradient, hessian = normal(SAMPLE)(theta[::-1])
        return value, gradient[::-1], hessian[::-1, ::-1]

    one = climb(normal(SAMPLE), [0.0, 0.0], n_logs=0)
    other = climb(turned, [0.0, 0.0], n_logs=0)
    assert other.theta[::-1] == pytest.approx(one.theta, abs=1e-9)
    assert other.covariance[::-1, ::-1] == pytest.approx(one.covariance, abs=1e-9)


def test_an_interval_holds_a_value_where_the_fall_there_is_small():
    # What the coverage proofs rest on: one inner climb at a value says whether the interval holds it.
    rng = np.random.default_rng(5)
    n_held = n_open = 0
    truth = np.log(CDNOW["bg_nbd"])
    for _ in range(50):
        table = as_cells(customers("bg_nbd", CDNOW, 500, rng))
        top, evaluate = fit_bg_nbd(table).optimum, bg_nbd_derivatives(table)
        if not top.is_peak:
            continue
        lost = twice_the_fall(evaluate, top, truth)
        for place, name in enumerate(top.names):
            low, high = profile_interval(evaluate, top, name)
            held = (low is None or low <= np.exp(truth[place])) and (
                high is None or np.exp(truth[place]) <= high
            )
            assert held == (lost[place] < Z**2)
            n_held += held
            n_open += low is None or high is None
    assert 0.85 * 200 < n_held < 200  # some hold it and some do not, or nothing was compared
    assert n_open > 0


# --- refuses ------------------------------------------------------------------------------------


def test_a_flat_direction_is_no_maximum():
    def evaluate(theta):
        total = float(theta.sum()) - 1
        return -(total**2), np.full(2, -2 * total), np.full((2, 2), -2.0)

    top = climb(evaluate, [3.0, 5.0])
    assert top.theta.sum() == pytest.approx(1, abs=1e-4)
    assert not top.is_peak and not top.is_converged
    assert top.rest == float("inf")
    assert top.weak == ("a", "b")
    with pytest.raises(ValueError, match="no covariance: the log-likelihood has no peak here"):
        _ = top.covariance
    with pytest.raises(ValueError, match="no peak"):
        profile_interval(evaluate, top, "a")


@pytest.mark.parametrize(("slope", "weak"), [(0.01, ("a", "b")), (1.0, ())])
def test_a_ridge_is_a_maximum_whose_parameters_are_hardly_known(slope, weak):
    # Along the ridge the standard error is 1 / sqrt(4 slope) of each: 5, or one half.
    def evaluate(theta):
        matrix = 100 * np.ones((2, 2)) + slope * 2 * np.array([[1, -1], [-1, 1]])
        return -float(theta @ matrix @ theta) / 2, -matrix @ theta, -matrix

    top = climb(evaluate, [1.0, -1.5])
    assert top.is_converged
    assert top.weak == weak


@pytest.mark.parametrize(("speed", "start"), [(1.0, 0.0), (-1.0, 0.0), (0.5, 3.0), (1.3, 0.0)])
def test_a_parameter_that_runs_away_is_named(speed, start):
    # -e^(-speed theta) climbs for ever, ever less.
    def evaluate(theta):
        left = float(np.exp(-speed * theta[0]))
        other = float(theta[1])
        hessian = np.diag([-(speed**2) * left, -2.0])
        return -left - other**2, np.array([speed * left, -2 * other]), hessian

    top = climb(evaluate, [start, 1.0])
    assert top.runaways == ("a",)
    assert not top.is_converged
    assert top.n_evaluations < 40


def test_a_climb_that_ends_before_the_bound_is_still_flagged():
    # The same, so fast that nothing is left to climb before the bound is reached: then its error tells.
    def evaluate(theta):
        left = float(np.exp(-2 * theta[0]))
        return -left, np.array([2 * left]), np.array([[-4 * left]])

    assert climb(evaluate, [0.0]).weak == ("a",)


@pytest.mark.parametrize("shape", [(1.5, 4.0), (0.4, 12.0)])
def test_customers_who_never_leave_do_not_hold_a_pareto_nbd(shape):
    # 3,000 customers of an NBD, all of whom go on buying: the hazard is nought, so beta and s have no value.
    rng = np.random.default_rng(8)
    table = customers("nbd", {"nbd": shape, "weeks": (30.0, 60.0)}, 3_000, rng)
    top = fit_pareto_nbd(table).optimum
    assert {"s", "beta"} <= {*top.runaways, *top.weak}
    assert top.n_evaluations < 60
    # It holds the NBD as a limit, so it may fit as well, and no worse.
    assert top.log_likelihood > fit_nbd(table).optimum.log_likelihood - 1e-3
    assert np.isfinite(top.values).all()


def test_the_corner_of_a_bg_nbd_is_flagged():
    # From far away one can also climb into the corner where a and b vanish together: everyone stays, or is gone.
    start = np.array([2.0, 4.0, -3.0, -3.0])
    top = climb(bg_nbd_derivatives(cdnow.summary()), start)
    assert "c" in top.runaways and not top.is_converged


def test_one_customer_gives_a_flag_and_no_error():
    for x, t in ((0.0, 0.0), (3.0, 20.0)):
        table = pd.DataFrame({"frequency": [x], "recency": [t], "T": [30.0]})
        for top in (fit_bg_nbd(table).optimum, fit_pareto_nbd(table).optimum):
            assert top.weak or top.runaways or not top.is_converged
