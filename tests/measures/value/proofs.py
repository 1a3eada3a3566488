"""Proofs that several models share: their derivatives, and whether their intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from measures.value.simulate import as_cells, customers
from scipy.stats import binom

from cam.estimate import Z
from cam.measures.value import future, newton
from cam.measures.value.bg_nbd import bg_nbd_derivatives, fit_bg_nbd
from cam.measures.value.gamma_gamma import fit_gamma_gamma, gamma_gamma_derivatives
from cam.measures.value.nbd import fit_nbd, nbd_derivatives
from cam.measures.value.pareto_nbd import fit_pareto_nbd, pareto_nbd_derivatives

#: Fit and derivatives by model.
MODELS = {
    "bg_nbd": (fit_bg_nbd, bg_nbd_derivatives),
    "mbg_nbd": (
        lambda table, **given: fit_bg_nbd(table, first_can_be_last=True, **given),
        lambda table, **given: bg_nbd_derivatives(table, first_can_be_last=True, **given),
    ),
    "pareto_nbd": (fit_pareto_nbd, pareto_nbd_derivatives),
    "nbd": (fit_nbd, nbd_derivatives),
    "gamma_gamma": (fit_gamma_gamma, gamma_gamma_derivatives),
}


def assert_derivatives(evaluate: newton.Derivatives, theta: np.ndarray) -> None:
    """Gradient and Hessian are those of the value: central differences of fourth order agree.

    With steps of 1e-3 the formula errs by about 1e-12 of the fifth derivative, and by rounding (1e-16 of the value
    over the step), so 1e-7 of the size of what is compared is safe, and far below any slip of a formula.
    """
    value, gradient, hessian = evaluate(theta)
    steps = 1e-3 * np.eye(theta.size)
    weights = ((1, 8 / 12), (2, -1 / 12))

    def differences(place: int, what: int) -> np.ndarray:
        total = 0.0
        for times, weight in weights:
            ahead, behind = (evaluate(theta + sign * times * steps[place])[what] for sign in (1, -1))
            total = total + weight * (np.asarray(ahead) - np.asarray(behind)) / 1e-3
        return np.asarray(total)

    slopes = np.array([differences(place, 0) for place in range(theta.size)])
    bends = np.array([differences(place, 1) for place in range(theta.size)])
    size = abs(value) + np.abs(gradient).max()
    np.testing.assert_allclose(gradient, slopes, rtol=1e-7, atol=1e-9 * size)
    np.testing.assert_allclose(hessian, bends, rtol=1e-7, atol=1e-9 * (np.abs(hessian).max() + size))
    np.testing.assert_array_equal(hessian, hessian.T)


def assert_sane(fit, table: pd.DataFrame, evaluate: newton.Derivatives) -> None:
    """Neither NaN nor infinity, probabilities are probabilities, and nothing is bought back."""
    value, gradient, hessian = evaluate(fit.theta)
    assert np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(hessian).all(), fit
    alive = future.p_alive(fit, table)
    assert ((alive >= 0) & (alive <= 1)).all(), fit
    soon, later = (future.expected_purchases(fit, table, horizon=weeks) for weeks in (1, 100))
    assert np.isfinite(later).all() and (soon >= 0).all() and (later >= soon * (1 - 1e-9)).all(), fit
    dert = future.discounted_purchases(fit, table, discount=0.003)
    assert np.isfinite(dert).all() and (dert >= 0).all(), fit
    at_once = future.outlook(fit, table, horizon=100, discount=0.003)
    assert np.isfinite(at_once).all() and (at_once >= 0).all(), fit
    for n in (0, 1, 30):
        chance = future.conditional_probability(fit, table, n=n, horizon=100)
        assert ((chance >= 0) & (chance <= 1 + 1e-9)).all(), fit


def assert_foretold(fit, table: pd.DataFrame) -> None:
    """Of customers in ten groups by what is expected of them, as many live, and buy as much, as was said."""
    alive, ahead = future.p_alive(fit, table), future.expected_purchases(fit, table, horizon=39)
    drawn = future.draw_purchases(fit, table, horizon=39, rng=np.random.default_rng(11))
    for said, came in ((alive, table["alive"]), (ahead, table["later"]), (ahead, pd.Series(drawn))):
        groups = pd.qcut(pd.Series(said).rank(method="first"), 10, labels=False)
        off = pd.Series(came.to_numpy(float) - said).groupby(groups)
        # A group of whom next to nobody lives has no spread to judge by.
        enough = pd.Series(alive).groupby(groups).sum() > 20
        assert enough.sum() >= 8
        assert (off.mean().abs() <= 4 * off.std() / off.size() ** 0.5 + 1e-12)[enough].all()
    for n in (0, 1, 2):
        said = future.conditional_probability(fit, table, n=n, horizon=39)
        off = (table["later"].to_numpy() == n) - said
        assert abs(off.mean()) < 4 * off.std() / len(off) ** 0.5


def twice_the_fall(evaluate: newton.Derivatives, top: newton.Optimum, truth: np.ndarray) -> np.ndarray:
    """Twice the log-likelihood lost by holding each parameter at the truth in turn.

    The 95 % profile interval holds the truth if and only if this is below Z**2; one inner climb instead of a search.
    """
    lost = []
    for place in range(truth.size):
        guess = truth.copy()
        if top.is_peak:
            covariance = top.covariance
            along = covariance[:, place] / covariance[place, place]
            guess = top.theta + along * (truth[place] - top.theta[place])
        guess = np.clip(guess, -15, 15)
        guess[place] = truth[place]
        lost.append(2 * (top.log_likelihood - newton._held(evaluate, guess, place, top.n_logs)[1]))
    return np.array(lost)


def coverage(model: str, shop: dict, *, n: int, n_sets: int, seed: int) -> pd.DataFrame:
    """How often the profile interval of each parameter holds the truth, and how far the estimates lie from it."""
    rng = np.random.default_rng(seed)
    fit, derivatives = MODELS[model]
    truth = np.log(shop[model])
    held, found = np.zeros(truth.size), np.empty((n_sets, truth.size))
    for number in range(n_sets):
        table = as_cells(customers(model, shop, n, rng))
        top = fit(table).optimum
        held += twice_the_fall(derivatives(table), top, truth) < Z**2
        found[number] = top.theta - truth
    return pd.DataFrame({"held": held, "bias": np.median(found, axis=0)}, index=list(top.names))


def fair(n_sets: int, probability: float = 0.95) -> tuple[float, float]:
    """Exact binomial limits: so many of n_sets intervals hold the truth with 99.9 % if each does with 95 %."""
    low, high = binom.interval(0.999, n_sets, probability)
    return float(low), float(high)
