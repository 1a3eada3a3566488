"""NBD: buying at a steady rate for ever. Nobody leaves, which makes it the baseline to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cam.measures.value import cells
from cam.measures.value.cells import LogLikelihood, Part, Terms
from cam.measures.value.newton import Floats, Optimum, maximise

_START = np.log([0.5, 10.0])


@dataclass(frozen=True, slots=True)
class NbdFit:
    """An NBD.

    Attributes
    ----------
    r : float
        Shape of the gamma of buying rates.
    alpha : float
        Rate of that gamma, weeks.
    optimum : Optimum or None
        Where the parameters come from; None where they were given.
    """

    r: float
    alpha: float
    optimum: Optimum | None = None

    @property
    def model(self) -> str:
        """Name in ``key_figures.csv``."""
        return "nbd"

    @property
    def theta(self) -> Floats:
        """Logarithms of r and alpha."""
        return np.log([self.r, self.alpha])

    def at(self, theta: Floats) -> NbdFit:
        """Return the same model with other parameters, given as :attr:`theta`."""
        r, alpha = (float(value) for value in np.exp(theta))
        return NbdFit(r, alpha)

    def likelihood(self, table: pd.DataFrame) -> LogLikelihood:
        """Return the model's log-likelihood of a table, as from :func:`nbd_derivatives`."""
        return nbd_derivatives(table)

    def p_alive(self, x: Floats, t: Floats, T: Floats, z: Floats | None = None) -> Floats:
        """Return 1 for every customer; n values."""
        return np.ones_like(T)

    def ahead(self, x: Floats, T: Floats, z: Floats | None = None) -> PoissonGammaAhead:
        """Return what lies ahead of customers: their rates, given what they did."""
        return PoissonGammaAhead(self.r + x, self.alpha + T)

    def of_new(self) -> tuple[float, PoissonGammaAhead]:
        """Return 1, as nobody leaves, and what lies ahead of new customers."""
        none = np.zeros(1)
        return 1.0, self.ahead(none, none)


@dataclass(frozen=True, slots=True)
class PoissonGammaAhead:
    """What lies ahead of customers who never leave: lambda is gamma(shape, rate).

    Attributes
    ----------
    shape, rate : array, n
        Of the gamma of the buying rate; rate in weeks.
    """

    shape: Floats
    rate: Floats

    def mean(self, t: Any) -> Floats:
        """Return the expected purchases in the next t weeks; t broadcasts against the customers."""
        found: Floats = self.shape / self.rate * t
        return found

    def rate_at(self, t: Any) -> Floats:
        """Return the expected purchases per week, the same at all times."""
        found: Floats = self.shape / self.rate + 0 * t
        return found

    def probability(self, n: int, t: float) -> Floats:
        """Return the probability of exactly n purchases in the next t weeks."""
        from scipy.stats import nbinom  # here, because it makes every start slower

        found: Floats = nbinom.pmf(n, self.shape, self.rate / (self.rate + t))
        return found

    def survival(self, t: float) -> Floats:
        """Return 1: nobody leaves."""
        return np.ones_like(self.rate)

    def stretched(self, factor: float) -> PoissonGammaAhead:
        """Return the same: where nobody leaves there is nothing to stretch."""
        return self

    def draw(self, t: float, rng: np.random.Generator) -> Floats:
        """Draw how often each customer buys in the next t weeks."""
        return rng.poisson(rng.gamma(self.shape) / self.rate * t).astype(float)


def fit_nbd(table: pd.DataFrame, *, start: NbdFit | None = None) -> NbdFit:
    """Fit an NBD by maximum likelihood.

    Parameters
    ----------
    table : DataFrame
        Customers or cells: ``frequency``, ``recency`` and ``T`` (weeks) [``n_customers``].
    start : NbdFit, optional
        Where to begin.

    Returns
    -------
    NbdFit

    Raises
    ------
    ValueError
        If there are no rows, or a row breaks 0 <= recency <= T.

    References
    ----------
    Ehrenberg, A. S. C. (1959). The pattern of consumer purchases. Applied Statistics 8, 26-41.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0, 1, 4], "recency": [0, 3, 10.0], "T": [30.0] * 3,
    ...     "n_customers": [50, 9, 6]})
    >>> fit = fit_nbd(table)
    >>> round(fit.r / fit.alpha * 30, 4)  # the mean number of repeat purchases, as all were seen for 30 weeks
    0.5077
    """
    evaluate = nbd_derivatives(table)
    begin = _START if start is None else start.theta
    n = int(cells.counts_of(table).sum())
    optimum = maximise(evaluate, begin, names=("r", "alpha"), n_logs=2, n=n)
    r, alpha = (float(value) for value in optimum.values)
    return NbdFit(r, alpha, optimum)


def nbd_derivatives(table: pd.DataFrame) -> LogLikelihood:
    """Return the log-likelihood of theta = (ln r, ln alpha) with its derivatives.

    It is that of the very purchase times, like the other models', so that all can be compared.

    Parameters
    ----------
    table : DataFrame
        As for :func:`fit_nbd`.

    Returns
    -------
    callable
        theta -> log-likelihood, gradient, Hessian.

    Raises
    ------
    ValueError
        As :func:`fit_nbd`.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [30.0]})
    >>> value, _, _ = nbd_derivatives(table)(np.log([1.0, 10.0]))
    >>> round(float(np.exp(value)), 6)  # alpha / (alpha + T)
    0.25
    """
    x, _, T, w = cells.history(table)
    (once,), place = cells.distinct(x)
    (pair_x, pair_T), pair = cells.distinct(x, T)
    parts = [
        Part(lambda r, alpha: _count_terms(once, r, alpha), place=place),
        Part(lambda r, alpha: _time_terms(pair_x, pair_T, r, alpha), place=pair),
    ]
    return LogLikelihood(parts, w, n_parameters=2)


def _count_terms(x: Floats, r: Floats, alpha: Floats) -> Terms:
    """Logarithm: ln [Gamma(r + x) / Gamma(r)] + r ln alpha."""
    from scipy.special import gammaln

    (d_rx, dd_rx), (d_r, dd_r) = cells.polygammas(r + x), cells.polygammas(r)
    slope_r = r * (d_rx - d_r + np.log(alpha))
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    return value, [slope_r, r + 0 * x], [slope_r + r**2 * (dd_rx - dd_r), r + 0 * x, 0.0]


def _time_terms(x: Floats, T: Floats, r: Floats, alpha: Floats) -> Terms:
    """Logarithm: -(r + x) ln(alpha + T)."""
    n, span = r + x, alpha + T
    share, log_span = alpha / span, np.log(span)
    first = [-r * log_span, -n * share]
    return -n * log_span, first, [first[0], -r * share, -n * share * (1 - share)]
