"""The bootstrap over cells: the same model fitted to resampled customers, at the price of a few sums each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, Self, TypeVar

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Estimate, Z
from cam.measures.value import cells
from cam.measures.value.cells import LogLikelihood
from cam.measures.value.newton import Floats, Optimum, maximise

#: Customers that are drawn one by one, at most: of more, refits lie as the likelihood's normal distribution has it.
_ONE_BY_ONE = 200_000
#: Log-likelihood that a refit may leave, before its last step takes nearly all of it: far below chance.
_REST = 1e-3


class Refittable(Protocol):
    """A fit that knows its log-likelihood, and can be had at other parameters."""

    @property
    def optimum(self) -> Optimum | None:
        """Where it was found."""

    @property
    def theta(self) -> Floats:
        """Its parameters, on the scale on which it was fitted."""

    def at(self, theta: Floats) -> Self:
        """Return the same model at other parameters."""

    def likelihood(self, table: pd.DataFrame) -> LogLikelihood:
        """Return the log-likelihood of a table."""


F = TypeVar("F", bound=Refittable)


def bootstrap(fit: F, table: pd.DataFrame, *, n_draws: int, seed: int) -> Iterator[F]:
    """Fit a model again to resamples of its customers, drawn with replacement.

    Each resample is a new set of counts of the same cells; each refit begins at the fit, where what depends on
    parameters alone is known already. Of more than 200,000 customers none are drawn: parameters are then so well known
    that refits lie about the fit as its Hessian says, and they are drawn from that.

    Parameters
    ----------
    fit : fit
        A fit with its ``optimum``.
    table : DataFrame
        Customers or cells that it was fitted to.
    n_draws : int
        Resamples.
    seed : int
        Of the random numbers.

    Yields
    ------
    fit
        Of the same kind, without ``optimum``. A parameter that a resample does not hold comes back at a bound,
        far out.

    Raises
    ------
    ValueError
        If the fit was not fitted.

    References
    ----------
    Efron, B., Tibshirani, R. J. (1993). An Introduction to the Bootstrap, chapters 6 and 13. Chapman & Hall.

    Examples
    --------
    >>> from cam.measures.value.nbd import fit_nbd
    >>> table = pd.DataFrame({"frequency": [0, 1, 4], "recency": [0, 3, 10.0], "T": [30.0] * 3,
    ...     "n_customers": [50, 9, 6]})
    >>> draws = list(bootstrap(fit_nbd(table), table, n_draws=50, seed=1))
    >>> len(draws), len({draw.r for draw in draws}) > 9
    (50, True)
    """
    optimum = fit.optimum
    if optimum is None:
        raise ValueError("only a model that was fitted can be fitted again")
    rng = np.random.default_rng(seed)
    counts = cells.counts_of(table).astype(np.int64)
    n = int(counts.sum())
    if n > _ONE_BY_ONE and optimum.is_peak:
        root = np.linalg.cholesky(optimum.covariance)
        for _ in range(n_draws):
            yield fit.at(optimum.theta + root @ rng.standard_normal(len(root)))
        return
    owner = np.repeat(np.arange(counts.size), counts)
    likelihood = fit.likelihood(table)
    likelihood.keep(optimum.theta)
    for _ in range(n_draws):
        drawn = np.bincount(owner[rng.integers(n, size=n)], minlength=counts.size)
        found = maximise(
            likelihood.reweighted(drawn.astype(float)),
            optimum.theta,
            names=optimum.names,
            n_logs=optimum.n_logs,
            n=optimum.n,
            rest=_REST,
        )
        last = found.rest
        step = np.linalg.solve(-found.hessian, found.gradient) if last < _REST else 0.0
        yield fit.at(found.theta + step)


def interval_of_draws(draws: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % percentile interval of each column of draws.

    Parameters
    ----------
    draws : array, n_draws x n
        Finite numbers.

    Returns
    -------
    tuple of arrays, n
        Lower and upper limits.

    Examples
    --------
    >>> low, high = interval_of_draws(np.linspace(0, 1, 201)[:, None])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.02], [0.98])
    """
    tail = 100 * (1 - CONFIDENCE) / 2
    # Weibull's plotting position: so many draws, and the next one falls outside as often as promised.
    low, high = np.percentile(draws, [tail, 100 - tail], axis=0, method="weibull")
    return low, high


def total_of_draws(
    figure: str, draws: Floats, *, chance: float = 0.0, bias: float = 0.0, unit: str, n: int
) -> Estimate:
    """Return a total over customers with an interval for what will happen: parameters, chance and the model's miss.

    The draws say how far the expected total may be off, as the parameters are known from a sample only; to that comes
    what customers with given histories do by chance, and how far the model was off when it had to predict the
    past. Draws and chance are independent, so their distances from the value add up by their squares, on each
    side for itself. A miss is no luck that may even out: it is added whole, on the side on which what happened lay.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    draws : array, n_draws + 1
        The expected total under the fit, which is the value, then under each refit.
    chance : float
        Standard deviation of the total at given parameters.
    bias : float
        Predicted over actual total of a holdout, less 1; 0 where there was none.
    unit : str
        As in :class:`cam.estimate.Estimate`.
    n : int
        Customers.

    Returns
    -------
    Estimate
        Where all draws are of one sign, neither limit has the other: chance does not take purchases back.

    References
    ----------
    Zou, G. Y., Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
    Statistics in Medicine 27, 1693-1702. (Adding distances by their squares.)

    Examples
    --------
    >>> draws = np.append(10.0, np.linspace(7, 13, 201))
    >>> total = total_of_draws("purchases", draws, bias=0.25, unit="count", n=5)  # a quarter too many
    >>> round(total.low, 2), round(total.high, 2)
    (5.12, 12.88)
    """
    value = float(draws[0])
    low, high = interval_of_draws(draws[1:, None])
    missed = value * (1 / (1 + bias) - 1)
    below = np.hypot(min(float(low[0]) - value, 0.0), Z * chance) - min(missed, 0.0)
    above = np.hypot(max(float(high[0]) - value, 0.0), Z * chance) + max(missed, 0.0)
    low_end = value - float(below)
    high_end = value + float(above)
    # What can only add up stays above nought, and a sum of losses below.
    low_end = max(low_end, 0.0) if (draws >= 0).all() else low_end
    high_end = min(high_end, 0.0) if (draws <= 0).all() else high_end
    return Estimate(figure, value, unit, n, low_end, high_end)


def scaled_bias(bias: float, times: float) -> float:
    """Return the bias of a prediction that misses by so many times as much as one that was tested.

    A model that has too few customers leave in one year is off by more in the years after it; and -1 times turns
    the miss round.

    Parameters
    ----------
    bias : float
        Predicted over actual total, less 1.
    times : float
        How much larger the miss is, relative to the value.

    Returns
    -------
    float

    Examples
    --------
    >>> round(scaled_bias(0.25, 2.0), 3), round(scaled_bias(0.25, -1.0), 3)  # misses of -40 % and of 20 %
    (0.667, -0.167)
    """
    missed = max(times * (1 / (1 + bias) - 1), -0.999)
    return 1 / (1 + missed) - 1
