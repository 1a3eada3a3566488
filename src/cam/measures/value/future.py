"""What customers will do, under any fitted model of repeat buying: p_alive, purchases, discounted purchases.

Each model says how likely a customer is still active, and what lies ahead of one who is. The second depends on
frequency and T alone, not on recency, and on T smoothly; so it is worked out once per distinct pair, or, where there
are many, at a few values of T per frequency, and read off between them by a polynomial.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from cam.measures.value import cells
from cam.measures.value.newton import Floats
from cam.measures.value.quadrature import chebyshev, legendre, read_off

#: Days of a year, so that an annual rate becomes a weekly one.
WEEKS_PER_YEAR = 365.25 / 7
#: Weeks of a month of 30.4375 days.
WEEKS_PER_MONTH = 30.4375 / 7
#: Values of T per frequency from which the others are read off; the polynomial errs by less than 1e-11.
_POINTS = 28
#: A payment that far ahead (in units of 1 / discount) is worth exp(-45) of itself.
_FOR_EVER = 45.0


class Ahead(Protocol):
    """What lies ahead of customers who are alive now."""

    def mean(self, t: Any) -> Floats:
        """Return the expected purchases in the next t weeks."""

    def rate_at(self, t: Any) -> Floats:
        """Return the expected purchases per week, t weeks from now."""

    def probability(self, n: int, t: float) -> Floats:
        """Return the probability of exactly n purchases in the next t weeks."""

    def draw(self, t: float, rng: np.random.Generator) -> Floats:
        """Draw how often each customer buys in the next t weeks."""


class RepeatBuying(Protocol):
    """A fitted model of repeat buying."""

    @property
    def model(self) -> str:
        """Name in ``key_figures.csv``."""

    def p_alive(self, x: Floats, t: Floats, T: Floats, z: Floats | None = None) -> Floats:
        """Return the probability of being active at T."""

    def ahead(self, x: Floats, T: Floats, z: Floats | None = None) -> Any:
        """Return what lies ahead of customers who are alive at T."""

    def of_new(self) -> tuple[float, Any]:
        """Return the share of new customers who outlast their first purchase, and what lies ahead of them."""


def weekly_discount(annual_discount_rate: float) -> float:
    """Turn a discount rate per year into a continuous one per week: exp(-result) is what a week takes off.

    Parameters
    ----------
    annual_discount_rate : float
        0 to 1, per year: 1 money a year from now is worth 1 / (1 + rate).

    Returns
    -------
    float
        Per week, >= 0.

    Raises
    ------
    ValueError
        If the rate is not in [0, 1).

    Examples
    --------
    >>> round(weekly_discount(0.15), 5)
    0.00268
    """
    if not 0 <= annual_discount_rate < 1:
        raise ValueError(f"a discount rate per year is in [0, 1); got {annual_discount_rate}")
    return float(np.log1p(annual_discount_rate)) / WEEKS_PER_YEAR


def p_alive(fit: RepeatBuying, table: pd.DataFrame) -> Floats:
    """Return the probability that a customer is still active.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    table : DataFrame
        Customers or cells: ``frequency``, ``recency``, ``T`` [covariates of the fit].

    Returns
    -------
    array, n
        0 to 1. Under the BG/NBD a customer without a repeat purchase is active for sure.

    Examples
    --------
    >>> from cam.measures.value.bg_nbd import BgNbdFit
    >>> table = pd.DataFrame({"frequency": [2], "recency": [30.43], "T": [38.86]})
    >>> p_alive(BgNbdFit(0.243, 4.414, 0.793, 2.426), table).round(4).tolist()
    [0.7266]
    """
    x, t, T, _ = cells.history(table)
    return fit.p_alive(x, t, T, _covariates(fit, table))


def expected_purchases(fit: RepeatBuying, table: pd.DataFrame, *, horizon: float) -> Floats:
    """Return the expected number of purchases in the weeks after T.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    table : DataFrame
        As for :func:`p_alive`.
    horizon : float
        Weeks.

    Returns
    -------
    array, n

    Examples
    --------
    >>> from cam.measures.value.bg_nbd import BgNbdFit
    >>> table = pd.DataFrame({"frequency": [2], "recency": [30.43], "T": [38.86]})
    >>> expected_purchases(BgNbdFit(0.243, 4.414, 0.793, 2.426), table, horizon=39).round(2).tolist()
    [1.23]
    """
    return _times_alive(fit, table, lambda ahead: ahead.mean(horizon))


def stepwise_purchases(
    fit: RepeatBuying, table: pd.DataFrame, *, times: Sequence[float], factors: Sequence[float]
) -> Floats:
    """Return the expected purchases of each step ahead, weighted and added up.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    table : DataFrame
        As for :func:`p_alive`.
    times : sequence of float, k
        Where the steps end, weeks, rising.
    factors : sequence of float, k
        What a purchase in each step counts for, such as its discount.

    Returns
    -------
    array, n

    Examples
    --------
    >>> from cam.measures.value.nbd import NbdFit
    >>> table = pd.DataFrame({"frequency": [1], "recency": [3.0], "T": [9.0]})
    >>> stepwise_purchases(NbdFit(1.0, 1.0), table, times=[5, 10], factors=[1, 0.5]).tolist()
    [1.5]
    """
    ends, weights = np.asarray(times, dtype=float), np.asarray(factors, dtype=float)
    weights = weights - np.append(weights[1:], 0.0)

    def counted(ahead: Ahead) -> Floats:
        total: Floats = sum(weight * ahead.mean(end) for end, weight in zip(ends, weights, strict=True))
        return total

    return _times_alive(fit, table, counted)


def discounted_purchases(
    fit: RepeatBuying, table: pd.DataFrame, *, discount: float, horizon: float | None = None
) -> Floats:
    """Return the discounted expected purchases in the weeks after T: over a horizon, or for ever (DERT).

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    table : DataFrame
        As for :func:`p_alive`.
    discount : float
        Continuous, per week, as from :func:`weekly_discount`; above 0 where there is no horizon.
    horizon : float, optional
        Weeks; without it, for ever.

    Returns
    -------
    array, n

    Raises
    ------
    ValueError
        If there is neither a horizon nor a discount: the sum might have no end.

    Notes
    -----
    DERT = P(alive) x integral of e^(-discount u) x expected purchases per week at u, for u from 0 on. The Pareto/NBD
    has it in closed form (Tricomi's function), which library code works out with few digits where the discount is
    small; the integral is taken by Gauss and Legendre's rule instead, on a logarithmic scale of time, to 1e-10.

    References
    ----------
    Fader, P. S., Hardie, B. G. S., Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer base
    analysis. Journal of Marketing Research 42, 415-430, equation 9 and appendix.

    Examples
    --------
    >>> from cam.measures.value.pareto_nbd import ParetoNbdFit
    >>> fit = ParetoNbdFit(0.5629966, 12.5590370, 0.4081095, 10.5148048)
    >>> table = pd.DataFrame({"frequency": [7], "recency": [35.0], "T": [77.86]})
    >>> discounted_purchases(fit, table, discount=0.0027).round(6).tolist()
    [1.864183]
    """
    if horizon is None and discount <= 0:
        raise ValueError("without a horizon a discount above 0 is needed; the sum might have no end")
    return _times_alive(fit, table, lambda ahead: _discounted(ahead, discount, horizon))


def outlook(
    fit: RepeatBuying, table: pd.DataFrame, *, horizon: float, discount: float, is_rough: bool = False
) -> Floats:
    """Return, in one go, what is asked of every customer: alive or not, purchases ahead, and whether there is one.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    table : DataFrame
        As for :func:`p_alive`.
    horizon : float
        Weeks.
    discount : float
        Continuous, per week, above 0.
    is_rough : bool
        Whether six digits are enough, as for a resample.

    Returns
    -------
    array, 5 x n
        P(alive); expected purchases over the horizon; the same discounted; discounted for ever (DERT); probability
        of at least one purchase over the horizon.

    Raises
    ------
    ValueError
        If the discount is not above 0.

    Examples
    --------
    >>> from cam.measures.value.nbd import NbdFit
    >>> table = pd.DataFrame({"frequency": [1], "recency": [3.0], "T": [9.0]})
    >>> outlook(NbdFit(1.0, 1.0), table, horizon=10, discount=0.1)[:, 0].round(3).tolist()
    [1.0, 2.0, 1.264, 2.0, 0.75]
    """
    if discount <= 0:
        raise ValueError("a discount above 0 is needed; the sum for ever might have no end")
    sizes = (12, 28) if is_rough else (24, 64)

    def integrals(ahead: Ahead) -> Floats:
        spans = ((0.0, horizon, sizes[0]), (horizon, horizon + _FOR_EVER / discount, sizes[1]))
        (plain, near), (_, far) = (_integrate(ahead, discount, *span) for span in spans)
        return np.stack([plain, near, near + far, 1 - ahead.probability(0, horizon)])

    alive, expected = _by_pair(fit, table, integrals, n_points=14 if is_rough else _POINTS)
    return np.vstack([alive, alive * expected])


def expected_purchases_of_new(fit: RepeatBuying, *, horizon: float) -> float:
    """Return the expected number of repeat purchases of a new customer.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    horizon : float
        Weeks since the first purchase.

    Returns
    -------
    float

    Examples
    --------
    >>> from cam.measures.value.bg_nbd import BgNbdFit
    >>> round(expected_purchases_of_new(BgNbdFit(0.243, 4.414, 0.793, 2.426), horizon=52), 3)
    1.446
    """
    stay, ahead = fit.of_new()
    return stay * float(ahead.mean(horizon)[0])


def discounted_purchases_of_new(fit: RepeatBuying, *, discount: float, horizon: float | None = None) -> float:
    """Return the discounted expected repeat purchases of a new customer, over a horizon or for ever (DET).

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    discount : float
        Continuous, per week.
    horizon : float, optional
        Weeks; without it, for ever.

    Returns
    -------
    float
        The first purchase is not counted.

    Raises
    ------
    ValueError
        As :func:`discounted_purchases`.

    Examples
    --------
    >>> from cam.measures.value.nbd import NbdFit
    >>> round(discounted_purchases_of_new(NbdFit(1.0, 2.0), discount=0.5), 6)
    1.0
    """
    if horizon is None and discount <= 0:
        raise ValueError("without a horizon a discount above 0 is needed; the sum might have no end")
    stay, ahead = fit.of_new()
    return stay * float(_discounted(ahead, discount, horizon)[0])


def purchase_probability(fit: RepeatBuying, *, n: int, horizon: float) -> float:
    """Return the probability that a new customer makes exactly n repeat purchases.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    n : int
        Repeat purchases.
    horizon : float
        Weeks since the first purchase, above 0.

    Returns
    -------
    float

    Examples
    --------
    >>> from cam.measures.value.bg_nbd import BgNbdFit
    >>> round(purchase_probability(BgNbdFit(0.243, 4.414, 0.793, 2.426), n=0, horizon=39), 5)
    0.57379
    """
    stay, ahead = fit.of_new()
    return stay * float(ahead.probability(n, horizon)[0]) + (1 - stay) * (n == 0)


def conditional_probability(fit: RepeatBuying, table: pd.DataFrame, *, n: int, horizon: float) -> Floats:
    """Return the probability that a customer makes exactly n purchases in the weeks after T.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    table : DataFrame
        As for :func:`p_alive`.
    n : int
        Purchases.
    horizon : float
        Weeks, above 0.

    Returns
    -------
    array, n

    Examples
    --------
    >>> from cam.measures.value.nbd import NbdFit
    >>> table = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [9.0]})
    >>> conditional_probability(NbdFit(1.0, 1.0), table, n=0, horizon=10).round(6).tolist()
    [0.5]
    """
    x, t, T, _ = cells.history(table)
    z = _covariates(fit, table)
    alive = fit.p_alive(x, t, T, z)
    probability: Floats = alive * fit.ahead(x, T, z).probability(n, horizon) + (1 - alive) * (n == 0)
    return probability


def draw_purchases(
    fit: RepeatBuying, table: pd.DataFrame, *, horizon: float, rng: np.random.Generator
) -> Floats:
    """Draw how often each customer of a table will buy in the weeks after T, given what he or she did.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    table : DataFrame
        One row per customer, as for :func:`p_alive`.
    horizon : float
        Weeks.
    rng : Generator
        The stream to draw from.

    Returns
    -------
    array, n
        Whole numbers.

    Examples
    --------
    >>> from cam.measures.value.nbd import NbdFit
    >>> table = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [9.0]})
    >>> draw_purchases(NbdFit(1.0, 1.0), table, horizon=0.0, rng=np.random.default_rng(1)).tolist()
    [0.0]
    """
    x, t, T, _ = cells.history(table)
    z = _covariates(fit, table)
    alive = rng.random(x.size) < fit.p_alive(x, t, T, z)
    drawn: Floats = np.where(alive, fit.ahead(x, T, z).draw(horizon, rng), 0.0)
    return drawn


def _covariates(fit: RepeatBuying, table: pd.DataFrame) -> Floats | None:
    names = list(getattr(fit, "covariates", ()))
    return table[names].to_numpy(float) if names else None


def _times_alive(fit: RepeatBuying, table: pd.DataFrame, value: Callable[[Ahead], Floats]) -> Floats:
    """P(alive) times what is expected of the living."""
    alive, expected = _by_pair(fit, table, value)
    return alive * expected


def _by_pair(
    fit: RepeatBuying, table: pd.DataFrame, value: Callable[[Ahead], Floats], *, n_points: int = _POINTS
) -> tuple[Floats, Floats]:
    """P(alive), and what is expected of the living, worked out per distinct pair of x and T; ... x n."""
    x, t, T, _ = cells.history(table)
    z = _covariates(fit, table)
    alive = fit.p_alive(x, t, T, z)
    if z is not None:
        (once_x, once_T, *levels), place = cells.distinct(x, T, *z.T)
        return alive, value(fit.ahead(once_x, once_T, np.column_stack(levels)))[..., place]
    (counts,), place_x = cells.distinct(x)
    (ages,), place_T = cells.distinct(T)
    (pair,), place = cells.distinct(place_x * ages.size + place_T)
    at_x, at_T = pair // ages.size, pair % ages.size
    if counts.size * n_points < pair.size and ages.size > n_points:
        return alive, _smooth(fit, counts, ages, value, n_points)[..., at_x, at_T][..., place]
    return alive, value(fit.ahead(counts[at_x], ages[at_T]))[..., place]


def _smooth(
    fit: RepeatBuying, counts: Floats, ages: Floats, value: Callable[[Ahead], Floats], n_points: int
) -> Floats:
    """Work a value out at Chebyshev's points of a logarithmic T, and read it off at all others; … x counts x ages."""
    low, high = np.log1p(ages.min()), np.log1p(ages.max())
    at = np.expm1(low + (high - low) * (chebyshev(n_points) + 1) / 2)
    known = value(fit.ahead(np.repeat(counts, n_points), np.tile(at, counts.size)))
    grid = known.reshape(*known.shape[:-1], counts.size, n_points)
    return read_off(grid, 2 * (np.log1p(ages) - low) / (high - low) - 1)


def _discounted(ahead: Ahead, discount: float, horizon: float | None) -> Floats:
    """Integrate e^(-discount u) x the rate at u, from 0 to the horizon or for ever."""
    end, n_nodes = (_FOR_EVER / discount, 64) if horizon is None else (horizon, 24)
    return _integrate(ahead, discount, 0.0, end, n_nodes)[1]


def _integrate(
    ahead: Ahead, discount: float, begin: float, end: float, n_nodes: int
) -> tuple[Floats, Floats]:
    """Integrate the rate over time, plain and discounted, with u = scale (e^w - 1)."""
    scale = 4.0  # weeks: where a rate begins to fall
    first, last = np.log1p(begin / scale), np.log1p(end / scale)
    plain: Any = 0.0
    discounted: Any = 0.0
    for node, weight in zip(*legendre(n_nodes), strict=True):
        u = scale * float(np.expm1(first + (last - first) * node))
        rate = weight * (last - first) * (u + scale) * ahead.rate_at(u)
        plain = plain + rate
        discounted = discounted + float(np.exp(-discount * u)) * rate
    return plain, discounted
