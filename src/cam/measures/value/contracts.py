"""Contracts that are renewed period by period: constant churn, shifted beta-geometric, beta-discrete-Weibull.

A contract has made its first payment when it begins; at the end of each period it is renewed or not. In the sBG each
contract has its own probability of not being renewed, the same at each renewal, beta(alpha, beta) over contracts; so
retention rises with age because the unsteady leave first. The BdW lets that probability change with age too: the odds
of having survived count t^c periods instead of t. At c = 1 it is the sBG.
All that the data say of these models is how many were at risk in each period and how many of them were not renewed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd

from cam.measures.value import cells
from cam.measures.value.cells import LogLikelihood, Part, Terms
from cam.measures.value.life_table import renewals_due
from cam.measures.value.newton import Floats, Optimum, maximise

#: From here on Stirling's series is exact to the last digit.
_LARGE = 30.0


class Contracts(Protocol):
    """A fitted model of renewals."""

    @property
    def model(self) -> str:
        """Name in ``key_figures.csv``."""

    @property
    def optimum(self) -> Optimum | None:
        """Where the parameters come from."""

    def at(self, theta: Floats) -> Self:
        """Return the same model with other parameters."""

    def log_survival(self, t: Floats) -> Floats:
        """Return ln S(t): of still being there after t periods, so after t renewals."""

    def log_retention(self, t: Floats) -> Floats:
        """Return ln r(t), t >= 1: of those who were there after t - 1 periods, the share still there after t."""


@dataclass(frozen=True, slots=True)
class ConstantFit:
    """The same probability of not being renewed for all contracts at all ages: the baseline.

    Attributes
    ----------
    churn : float
        That probability, per period.
    optimum : Optimum or None
        Where it comes from; None where it was given.
    """

    churn: float
    optimum: Optimum | None = None

    @property
    def model(self) -> str:
        """Name in ``key_figures.csv``."""
        return "constant_churn"

    @property
    def theta(self) -> Floats:
        """Logarithm of the churn rate."""
        return np.log([self.churn])

    def at(self, theta: Floats) -> ConstantFit:
        """Return the same model with another rate, given as :attr:`theta`."""
        return ConstantFit(float(np.exp(theta[0])))

    def log_survival(self, t: Floats) -> Floats:
        """Return ln S(t) = t ln(1 - churn)."""
        found: Floats = t * np.log1p(-self.churn)
        return found

    def log_retention(self, t: Floats) -> Floats:
        """Return ln(1 - churn), the same at every age."""
        found: Floats = np.log1p(-self.churn) + 0 * t
        return found


@dataclass(frozen=True, slots=True)
class SbgFit:
    """A shifted beta-geometric.

    Attributes
    ----------
    alpha, beta : float
        Of the beta of the probability of not being renewed, per period; its mean is alpha / (alpha + beta).
    optimum : Optimum or None
        Where the parameters come from; None where they were given.
    """

    alpha: float
    beta: float
    optimum: Optimum | None = None

    @property
    def model(self) -> str:
        """Name in ``key_figures.csv``."""
        return "sbg"

    @property
    def theta(self) -> Floats:
        """Logarithms of alpha and beta."""
        return np.log([self.alpha, self.beta])

    def at(self, theta: Floats) -> SbgFit:
        """Return the same model with other parameters, given as :attr:`theta`."""
        alpha, beta = (float(value) for value in np.exp(theta))
        return SbgFit(alpha, beta)

    def likelihood(self, table: pd.DataFrame) -> LogLikelihood:
        """Return the model's log-likelihood of a table, as from :func:`sbg_derivatives`."""
        return sbg_derivatives(table)

    @property
    def mean_churn(self) -> float:
        """Mean probability of not being renewed, of new contracts."""
        return self.alpha / (self.alpha + self.beta)

    def log_survival(self, t: Floats) -> Floats:
        """Return ln S(t) = ln [B(alpha, beta + t) / B(alpha, beta)]; Fader, Hardie (2007), equation 6."""
        return _log_beta_ratio(self.beta + 0 * t, t, self.alpha)

    def log_retention(self, t: Floats) -> Floats:
        """Return ln [(beta + t - 1) / (alpha + beta + t - 1)]; Fader, Hardie (2007), equation 8."""
        found: Floats = np.log1p(-self.alpha / (self.alpha + self.beta + t - 1))
        return found


@dataclass(frozen=True, slots=True)
class BdwFit:
    """A beta-discrete-Weibull.

    Attributes
    ----------
    alpha, beta : float
        Of the beta of the probability of not being renewed the first time.
    c : float
        Above 1 a contract is the less likely renewed the older it is, below 1 the more.
    optimum : Optimum or None
        Where the parameters come from; None where they were given.
    """

    alpha: float
    beta: float
    c: float
    optimum: Optimum | None = None

    @property
    def model(self) -> str:
        """Name in ``key_figures.csv``."""
        return "bdw"

    @property
    def theta(self) -> Floats:
        """Logarithms of alpha, beta and c."""
        return np.log([self.alpha, self.beta, self.c])

    def at(self, theta: Floats) -> BdwFit:
        """Return the same model with other parameters, given as :attr:`theta`."""
        alpha, beta, c = (float(value) for value in np.exp(theta))
        return BdwFit(alpha, beta, c)

    def likelihood(self, table: pd.DataFrame) -> LogLikelihood:
        """Return the model's log-likelihood of a table, as from :func:`bdw_derivatives`."""
        return bdw_derivatives(table)

    @property
    def mean_churn(self) -> float:
        """Mean probability of not being renewed the first time."""
        return self.alpha / (self.alpha + self.beta)

    def log_survival(self, t: Floats) -> Floats:
        """Return ln S(t) = ln [B(alpha, beta + t^c) / B(alpha, beta)]."""
        return _log_beta_ratio(self.beta + 0 * t, t**self.c, self.alpha)

    def log_retention(self, t: Floats) -> Floats:
        """Return ln [S(t) / S(t - 1)]."""
        before = (t - 1) ** self.c
        return _log_beta_ratio(self.beta + before, t**self.c - before, self.alpha)


def fit_constant(table: pd.DataFrame) -> ConstantFit:
    """Fit one churn rate for all contracts and ages: contracts not renewed, over renewals due.

    Parameters
    ----------
    table : DataFrame
        As for :func:`cam.measures.value.life_table.life_table`.

    Returns
    -------
    ConstantFit

    Raises
    ------
    ValueError
        If no contract was renewed, or none ended: there is no rate to tell.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 2], "event_observed": [True, True, False],
    ...     "n_customers": [131, 126, 743]})
    >>> round(fit_constant(table).churn, 4)  # 257 of 1,869
    0.1375
    """
    _, due, left = renewals_due(table)
    n_left, n_kept = float(left.sum()), float((due - left).sum())
    churn = n_left / (n_left + n_kept)
    value = n_left * np.log(churn) + n_kept * np.log1p(-churn)
    bend = -n_kept * churn / (1 - churn) ** 2
    n = int(cells.counts_of(table).sum())
    optimum = Optimum(("churn",), 1, np.log([churn]), float(value), np.zeros(1), np.array([[bend]]), 1, n)
    return ConstantFit(churn, optimum)


def fit_sbg(table: pd.DataFrame, *, start: SbgFit | None = None) -> SbgFit:
    """Fit a shifted beta-geometric by maximum likelihood.

    Parameters
    ----------
    table : DataFrame
        As for :func:`cam.measures.value.life_table.life_table`.
    start : SbgFit, optional
        Where to begin.

    Returns
    -------
    SbgFit
        Look at ``optimum.is_converged`` first: where retention does not rise with age, alpha and beta run away
        together, and constant churn says the same in one number.

    Raises
    ------
    ValueError
        If there are no rows, a row is no contract, none ended, none was renewed, or no second period was seen.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. (2007). How to project customer retention. Journal of Interactive Marketing 21(1),
    76-90, equations 5 to 8. Several cohorts: Fader, P. S., Hardie, B. G. S. (2007). Fitting the sBG model to
    multi-cohort data.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 3], "event_observed": [True, True, True, False],
    ...     "n_customers": [369, 163, 86, 382]})
    >>> fit = fit_sbg(table)
    >>> round(fit.alpha, 2), round(fit.beta, 2), fit.optimum.is_converged
    (0.78, 1.33, True)
    """
    if len(renewals_due(table)[0]) < 2:
        raise ValueError("one period tells a churn rate, but not how it differs between contracts")
    evaluate = sbg_derivatives(table)
    begin = _start(table) if start is None else start.theta
    n = int(cells.counts_of(table).sum())
    optimum = maximise(evaluate, begin, names=("alpha", "beta"), n_logs=2, n=n)
    alpha, beta = (float(value) for value in optimum.values)
    return SbgFit(alpha, beta, optimum)


def fit_bdw(table: pd.DataFrame, *, start: BdwFit | None = None) -> BdwFit:
    """Fit a beta-discrete-Weibull by maximum likelihood.

    Parameters
    ----------
    table : DataFrame
        As for :func:`cam.measures.value.life_table.life_table`.
    start : BdwFit, optional
        Where to begin; by default at the sBG that fits best, or on the way to it.

    Returns
    -------
    BdwFit
        Look at ``optimum.is_converged`` and ``optimum.weak``: three parameters ask much of a few periods.

    Raises
    ------
    ValueError
        As :func:`fit_sbg`.

    References
    ----------
    Fader, P. S., Hardie, B. G. S., Liu, Y., Davin, J., Steenburgh, T. (2018). "How to project customer retention"
    revisited: the role of duration dependence. Journal of Interactive Marketing 43, 1-16.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 4, 4], "event_observed": [True] * 4 + [False],
    ...     "n_customers": [131, 126, 90, 60, 593]})
    >>> fit = fit_bdw(table)
    >>> round(fit.c, 2), fit.optimum.is_converged
    (1.58, True)
    """
    evaluate = bdw_derivatives(table)
    begin = start.theta if start else np.append(np.clip(fit_sbg(table).theta, -4.0, 4.0), 0.0)
    n = int(cells.counts_of(table).sum())
    optimum = maximise(evaluate, begin, names=("alpha", "beta", "c"), n_logs=3, n=n)
    alpha, beta, c = (float(value) for value in optimum.values)
    return BdwFit(alpha, beta, c, optimum)


def likelihood_ratio(sbg: SbgFit, bdw: BdwFit) -> tuple[float, float]:
    """Test whether the BdW fits better than the sBG by more than chance: whether c is 1.

    Parameters
    ----------
    sbg, bdw : SbgFit, BdwFit
        Fitted to the same contracts.

    Returns
    -------
    tuple of float
        Twice the gain in log-likelihood, and its p-value: chi-squared with 1 degree of freedom.

    Raises
    ------
    ValueError
        If one was given, not fitted.

    References
    ----------
    Wilks, S. S. (1938). The large-sample distribution of the likelihood ratio for testing composite hypotheses.
    Annals of Mathematical Statistics 9, 60-62.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 4, 4], "event_observed": [True] * 4 + [False],
    ...     "n_customers": [131, 126, 90, 60, 593]})
    >>> [round(number, 3) for number in likelihood_ratio(fit_sbg(table), fit_bdw(table))]
    [4.771, 0.029]
    """
    from scipy.special import chdtrc  # here, because it makes every start slower

    if sbg.optimum is None or bdw.optimum is None:
        raise ValueError("a likelihood ratio needs two fits with their optima; one was given")
    gain = max(2 * (bdw.optimum.log_likelihood - sbg.optimum.log_likelihood), 0.0)
    return gain, float(chdtrc(1.0, gain))


def sbg_derivatives(table: pd.DataFrame) -> LogLikelihood:
    """Return the log-likelihood of theta = (ln alpha, ln beta) with its derivatives.

    Parameters
    ----------
    table : DataFrame
        As for :func:`cam.measures.value.life_table.life_table`.

    Returns
    -------
    callable
        theta -> log-likelihood, gradient, Hessian.

    Raises
    ------
    ValueError
        As :func:`fit_sbg`.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 1], "event_observed": [True, False], "n_customers": [1, 2]})
    >>> value, _, _ = sbg_derivatives(table)(np.log([1.0, 2.0]))
    >>> round(float(np.exp(value)), 6)  # 1/3 x 2/3 x 2/3
    0.148148
    """
    periods, due, left = renewals_due(table)
    share, age = left / due, periods - 1
    part = Part(lambda alpha, beta: _sbg_terms(age, share, alpha, beta))
    return LogLikelihood([part], due, n_parameters=2)


def bdw_derivatives(table: pd.DataFrame) -> LogLikelihood:
    """Return the log-likelihood of theta = (ln alpha, ln beta, ln c) with its derivatives.

    Parameters
    ----------
    table : DataFrame
        As for :func:`cam.measures.value.life_table.life_table`.

    Returns
    -------
    callable
        theta -> log-likelihood, gradient, Hessian.

    Raises
    ------
    ValueError
        As :func:`fit_sbg`.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [2, 2], "event_observed": [True, False]})
    >>> both = [model(table)(np.log(at))[0] for model, at in ((sbg_derivatives, [1, 2]), (bdw_derivatives, [1, 2, 1]))]
    >>> abs(both[0] - both[1]) < 1e-12
    True
    """
    periods, due, left = renewals_due(table)
    share = left / due
    part = Part(lambda alpha, beta, c: _bdw_terms(periods, share, alpha, beta, c))
    return LogLikelihood([part], due, n_parameters=3)


def _start(table: pd.DataFrame) -> Floats:
    """Where alpha is 1 and the mean is the churn of all periods."""
    _, due, left = renewals_due(table)
    churn = float(np.clip(left.sum() / due.sum(), 1e-4, 0.99))
    return np.log([1.0, 1 / churn - 1])


def _sbg_terms(age: Floats, share: Floats, alpha: Any, beta: Any) -> Terms:
    """Logarithm: share x ln(alpha / whole) + (1 - share) x ln((beta + age) / whole), whole = alpha + beta + age."""
    whole, kept = alpha + beta + age, beta + age
    a, b, k = alpha / whole, beta / whole, beta / kept
    value = share * np.log(alpha / whole) + (1 - share) * np.log(kept / whole)
    first = [share - a, (1 - share) * k - b]
    return value, first, [-a * (1 - a), a * b, (1 - share) * k * (1 - k) - b * (1 - b)]


def _bdw_terms(t: Floats, share: Floats, alpha: Any, beta: Any, c: Any) -> Terms:
    """Logarithm: share x ln(1 - r) + (1 - share) x ln r, ln r = F(t^c) - F((t - 1)^c), F(u) = ln B(alpha, beta + u)."""
    ends: list[list[Floats]] = []
    for time in (t - 1, t):
        v = c * np.log(np.maximum(time, 1.0))
        u = np.where(time > 0, np.exp(v), 0.0)
        du, ddu = u * v, u * v * (1 + v)
        (d_kept, dd_kept), (d_whole, dd_whole) = (
            cells.polygammas(beta + u), cells.polygammas(alpha + beta + u),
        )  # fmt: skip
        slope, bend = d_kept - d_whole, dd_kept - dd_whole
        ends.append(
            [
                -alpha * d_whole, beta * slope, slope * du,
                -alpha * d_whole - alpha**2 * dd_whole, -alpha * beta * dd_whole, -alpha * dd_whole * du,
                beta * slope + beta**2 * bend, beta * bend * du,
                bend * du**2 + slope * ddu,
            ]
        )  # fmt: skip
    moved = [after - before for before, after in zip(*ends, strict=True)]
    first, second = moved[:3], moved[3:]
    before = (t - 1) ** c
    log_r = _log_beta_ratio(beta + before, t**c - before, alpha)
    left = np.maximum(-np.expm1(log_r), 1e-300)
    # By ln r: of ln(1 - r) the slope is -r / (1 - r).
    odds = np.exp(log_r) / left
    pull = (1 - share) - share * odds
    curve = share * odds * (1 + odds)
    value = share * np.log(left) + (1 - share) * log_r
    pairs = ((one, other) for one in range(3) for other in range(one, 3))
    bends = [
        pull * both - curve * first[one] * first[other]
        for (one, other), both in zip(pairs, second, strict=True)
    ]
    return value, [pull * slope for slope in first], bends


def _log_beta_ratio(x: Floats, step: Floats, alpha: Any) -> Floats:
    """Logarithm of B(alpha, x + step) / B(alpha, x), to many digits where step or alpha is small beside the rest.

    It is the same with step and alpha exchanged, so the smaller of them is what is stepped by.
    """
    small, large = np.minimum(step, alpha), np.maximum(step, alpha)
    found: Floats = _log_gamma_ratio(x, small) - _log_gamma_ratio(x + large, small)
    return found


def _log_gamma_ratio(x: Floats, step: Floats) -> Floats:
    """Logarithm of Gamma(x + step) / Gamma(x), without the loss of digits that a difference has where x is large."""
    from scipy.special import gammaln  # here, because it makes every start slower

    safe = np.maximum(x, _LARGE)
    far = safe + step

    def rest(z: Floats) -> Floats:
        w = 1 / z**2
        found: Floats = (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w / 1680))) / z
        return found

    stirling = (safe - 0.5) * np.log1p(step / safe) + step * (np.log(far) - 1) + rest(far) - rest(safe)
    found: Floats = np.where(x >= _LARGE, stirling, gammaln(x + step) - gammaln(x))
    return found
