"""What survivors still bring: discounted sums over a survival function, and how sure a function of a fit is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cam.measures.value.newton import Floats, Optimum

#: What is left out of a sum without an end, as a share of it.
_REST = 1e-13
#: Terms beyond which a discount is too small to add up without an end.
_MOST_TERMS = 20_000_000
#: Step of a derivative, in standard errors.
_STEP = 1e-3


def periodic_discount(annual_discount_rate: float, *, periods_per_year: float = 12.0) -> float:
    """Turn a discount rate per year into one per period: 1 / (1 + result) is what a period leaves of a payment.

    Parameters
    ----------
    annual_discount_rate : float
        0 to 1, per year: 1 money a year from now is worth 1 / (1 + rate).
    periods_per_year : float
        12 for months.

    Returns
    -------
    float
        Per period, >= 0.

    Raises
    ------
    ValueError
        If the rate is not in [0, 1).

    Examples
    --------
    >>> round(periodic_discount(0.10), 6)
    0.007974
    """
    if not 0 <= annual_discount_rate < 1:
        raise ValueError(f"a discount rate per year is in [0, 1); got {annual_discount_rate}")
    return float(np.expm1(np.log1p(annual_discount_rate) / periods_per_year))


def survivors_ahead(
    log_survival: Callable[[Floats], Floats], ages: Floats, *, discount: float, horizon: int | None = None
) -> tuple[Floats, Floats]:
    """Return how many periods those alive at an age will survive, each discounted: mean and variance.

    Parameters
    ----------
    log_survival : callable
        Whole ages (array) -> ln S.
    ages : array, n
        Whole; all of them are reached.
    discount : float
        Per period: survival of the k-th period from now counts for 1 / (1 + discount)^(k - 1), so the next one
        in full. Above 0 where there is no horizon.
    horizon : int, optional
        Periods ahead; without it, for ever.

    Returns
    -------
    tuple of array, n
        Mean and variance, of one survivor.

    Raises
    ------
    ValueError
        If there is neither a horizon nor a discount, or the discount is too small to add up: heavy tails of
        survival may have no finite sum.

    Notes
    -----
    Without a horizon terms are added until what is left out, which survival that falls bounds by a geometric series,
    is below 1e-13 of the sum.

    Examples
    --------
    >>> mean, variance = survivors_ahead(lambda t: t * np.log(0.8), np.array([0.0, 5.0]), discount=0.1)
    >>> mean.round(6).tolist()  # 0.8 / (1 - 0.8 / 1.1), at any age
    [2.933333, 2.933333]
    """
    whole, fade = np.asarray(ages, dtype=float), 1 / (1 + discount)
    if horizon is not None:
        steps = np.arange(horizon, dtype=float)
        alive = np.exp(log_survival(whole[:, None] + 1 + steps) - log_survival(whole)[:, None])
        weights = fade**steps
        # E[X^2]: each pair of periods is survived if the later one is.
        before = np.concatenate([[0.0], np.cumsum(weights)[:-1]])
        mean = (alive * weights).sum(axis=1)
        squared = (alive * weights * (weights + 2 * before)).sum(axis=1)
        return mean, np.maximum(squared - mean**2, 0.0)
    if discount <= 0:
        raise ValueError("without a horizon a discount above 0 is needed; the sum might have no end")
    n_terms = int(np.ceil(np.log(_REST * (1 - fade)) / np.log(fade)))
    if n_terms > _MOST_TERMS:
        raise ValueError(
            f"a discount of {discount:.1e} per period is too small to add up for ever; give a horizon"
        )
    first = float(whole.min()) if whole.size else 0.0
    last = float(whole.max()) if whole.size else 0.0
    steps = np.arange(n_terms + int(last - first), dtype=float)
    logs = log_survival(first + 1 + steps)
    at, here = (whole - first).astype(int), log_survival(whole)

    def tail(power: float) -> Floats:
        # Scaled at each age to the power that discounts from there: sums from the far end, small terms first.
        terms = np.exp(logs - logs[0] + power * steps * np.log(fade))
        sums = np.cumsum(terms[::-1])[::-1]
        found: Floats = sums[at] * np.exp(logs[0] - here - power * at * np.log(fade))
        return found

    mean, doubled = tail(1.0), tail(2.0)
    squared = (2 * mean - (1 + fade) * doubled) / (1 - fade)
    return mean, np.maximum(squared - mean**2, 0.0)


def delta_covariance(optimum: Optimum, function: Callable[[Floats], Floats]) -> Floats:
    """Return the covariance of what is computed from parameters, by the delta method.

    Parameters
    ----------
    optimum : Optimum
        Where the parameters come from.
    function : callable
        theta -> m values, smooth.

    Returns
    -------
    array, m x m

    Raises
    ------
    ValueError
        Where the optimum is no peak.

    Examples
    --------
    >>> top = Optimum(("a",), 1, np.log([2.0]), 0.0, np.zeros(1), np.array([[-4.0]]), 1, 9)
    >>> delta_covariance(top, lambda theta: 3 * theta).round(6).tolist()
    [[2.25]]
    """
    covariance = optimum.covariance
    errors = np.sqrt(np.diag(covariance))
    slopes = []
    for place, error in enumerate(errors):
        step = np.zeros_like(optimum.theta)
        step[place] = _STEP * error
        up, down = function(optimum.theta + step), function(optimum.theta - step)
        slopes.append((np.asarray(up) - np.asarray(down)) / (2 * step[place]))
    gradient = np.array(slopes)
    found: Floats = np.einsum("ki,kl,lj->ij", gradient, covariance, gradient)
    return found
