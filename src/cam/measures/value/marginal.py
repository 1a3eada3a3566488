"""What the next customer of a channel costs, and what happens when spend moves: from months that differed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.estimate import CONFIDENCE, Estimate, Z
from cam.measures.value.acquisition import cac, poisson_limits
from cam.measures.value.payback import ratio_limits

#: Months with spend that an elasticity needs; a trend is taken out from twice, a yearly wave from three times as many.
FEWEST_MONTHS = 12
#: Standard deviation of the logarithm of spend, beyond trend and season, below which spend hardly moves.
LEAST_SPREAD = 0.10
#: New customers per month, on average, below which the limits are not those that were tested.
FEWEST_PER_MONTH = 5
#: Months over which the present cost is taken.
PRESENT = 12


@dataclass(frozen=True, slots=True)
class ElasticityFit:
    """By how many per cent new customers rose where spend was one per cent higher.

    Attributes
    ----------
    elasticity : float
        e of log E(new) = c + e log(spend) [+ trend] [+ yearly wave]; no unit.
    se : float
        Its standard error, with the dispersion in it.
    low, high : float
        95 % limits by Student's t with *df* degrees of freedom.
    n_months : int
        Months with spend.
    df : int
        Months less coefficients.
    dispersion : float
        Pearson's chi-squared by *df*, not below 1: 1 for a Poisson count.
    has_trend, has_season : bool
        Whether a straight trend and a yearly wave (one sine, one cosine) are taken out.
    """

    elasticity: float
    se: float
    low: float
    high: float
    n_months: int
    df: int
    dispersion: float
    has_trend: bool
    has_season: bool


def elasticity_obstacle(months: pd.DataFrame) -> str:
    """Say what keeps an elasticity from being fitted.

    Parameters
    ----------
    months : DataFrame
        One row per month of one channel, in order: ``month`` (first days), ``spend`` (money), ``n_new``.

    Returns
    -------
    str
        ``few_months``, ``few_customers`` or ``steady_spend``; empty where nothing does.

    Examples
    --------
    >>> months = pd.DataFrame({"month": pd.date_range("2025-01-01", periods=12, freq="MS"), "spend": 100.0, "n_new": 9})
    >>> elasticity_obstacle(months), elasticity_obstacle(months.head(5))
    ('steady_spend', 'few_months')
    """
    spent = months[months["spend"] > 0]
    if len(spent) < FEWEST_MONTHS:
        return "few_months"
    if spent["n_new"].mean() < FEWEST_PER_MONTH:
        return "few_customers"
    return "steady_spend" if spend_spread(months) < LEAST_SPREAD else ""


def spend_spread(months: pd.DataFrame) -> float:
    """Return how far the logarithm of spend moves from month to month, beyond trend and season.

    Parameters
    ----------
    months : DataFrame
        As for :func:`elasticity_obstacle`, with at least 12 months with spend.

    Returns
    -------
    float
        Standard deviation: 0.10 is about 10 % up or down.

    Examples
    --------
    >>> months = pd.DataFrame({"month": pd.date_range("2025-01-01", periods=12, freq="MS"), "spend": [80.0, 125.0] * 6})
    >>> round(spend_spread(months), 2)
    0.23
    """
    spent = months[months["spend"] > 0]
    others, _trend, _season = _other_terms(spent["month"])
    log_spend = np.log(spent["spend"].to_numpy(dtype=float))
    left = log_spend - others @ np.linalg.lstsq(others, log_spend, rcond=None)[0]
    return math.sqrt(float(left @ left) / (len(left) - others.shape[1]))


def fit_elasticity(months: pd.DataFrame) -> ElasticityFit:
    """Fit how new customers followed spend from month to month, by quasi-Poisson regression.

    Parameters
    ----------
    months : DataFrame
        As for :func:`elasticity_obstacle`. Months without spend have no logarithm and are left out.

    Returns
    -------
    ElasticityFit

    Raises
    ------
    ValueError
        If :func:`elasticity_obstacle` names one.

    Notes
    -----
    An association. Spend that is raised where demand is expected to rise looks more effective than it is; the trend
    and the yearly wave take out what they can of that, and no more.

    References
    ----------
    McCullagh, P., Nelder, J. A. (1989). Generalized Linear Models, 2nd ed., sections 6.2 and 9.2. Chapman and Hall.
    (Log-linear counts; dispersion by Pearson's statistic.)

    Examples
    --------
    >>> spend = np.array([80.0, 125.0] * 6)
    >>> months = pd.DataFrame({"month": pd.date_range("2025-01-01", periods=12, freq="MS"), "spend": spend,
    ...     "n_new": [80, 121, 91, 109, 93, 110] * 2})
    >>> round(fit_elasticity(months).elasticity, 2)
    0.57
    """
    obstacle = elasticity_obstacle(months)
    if obstacle:
        raise ValueError(f"an elasticity cannot be fitted: {obstacle}")
    # Here, because they make every start slower.
    from scipy.special import stdtrit
    from statsmodels.genmod.families import Poisson  # type: ignore[import-untyped]
    from statsmodels.genmod.generalized_linear_model import GLM  # type: ignore[import-untyped]

    spent = months[months["spend"] > 0]
    others, has_trend, has_season = _other_terms(spent["month"])
    log_spend = np.log(spent["spend"].to_numpy(dtype=float))
    design = np.column_stack([log_spend - log_spend.mean(), others])
    fit = GLM(spent["n_new"].to_numpy(dtype=float), design, family=Poisson()).fit(tol=1e-10)
    df = len(spent) - design.shape[1]
    # Less noise than a Poisson count has is luck, and is not counted in.
    dispersion = max(1.0, float(fit.pearson_chi2) / df)
    slope = float(fit.params[0])
    se = math.sqrt(float(fit.normalized_cov_params[0, 0]) * dispersion)
    half = float(stdtrit(df, 0.5 + CONFIDENCE / 2)) * se
    return ElasticityFit(
        slope, se, slope - half, slope + half, len(spent), df, dispersion, has_trend, has_season
    )


def marginal_cac(
    fit: ElasticityFit, *, spend: float, n_new: int, currency: str, per_customer: float = 0.0
) -> Estimate:
    """Return what one more customer costs at the present spend: average cost / elasticity.

    With E(new) proportional to spend ** e, one more customer takes spend / (e new) more money.

    Parameters
    ----------
    fit : ElasticityFit
        With limits above 0.
    spend : float
        Present spend of the kind that was fitted, > 0, in *currency*.
    n_new : int
        New customers of the same months, > 0.
    currency : str
        ISO code.
    per_customer : float
        What each customer costs beside it, such as a commission.

    Returns
    -------
    Estimate
        ``marginal_cac``, money per further customer; n is *n_new*. Its limits combine those of the average cost and
        of the elasticity.

    Raises
    ------
    ValueError
        If the elasticity is not shown to be positive.

    References
    ----------
    Zou, G. Y., Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
    Statistics in Medicine 27, 1693-1702. (Ratios by way of the logarithm.)

    Examples
    --------
    >>> fit = ElasticityFit(0.5, 0.05, 0.4, 0.6, 24, 21, 1.0, True, False)
    >>> marginal_cac(fit, spend=10000.0, n_new=200, currency="USD").value
    100.0
    """
    if not fit.low > 0:
        raise ValueError(f"marginal_cac needs an elasticity above 0; its lower limit is {fit.low:.3g}")
    average = cac(spend, n_new, currency=currency)
    slope = Estimate("elasticity", fit.elasticity, "ratio", fit.n_months, fit.low, fit.high)
    low, high = (limit + per_customer for limit in ratio_limits(average, slope))
    return Estimate("marginal_cac", average.value / fit.elasticity + per_customer, currency, n_new, low, high)


def shift_effect(
    taken: tuple[ElasticityFit, float, int],
    given: tuple[ElasticityFit, float, int],
    *,
    share: float,
    n_comparisons: int = 1,
) -> Estimate:
    """Return how many more customers come if a share of one channel's spend moves to another.

    new_given ((1 + share spend_taken / spend_given) ** e_given - 1) - new_taken (1 - (1 - share) ** e_taken)

    Parameters
    ----------
    taken, given : tuple of ElasticityFit, float and int
        Of the channel that loses and of that which gains: the fit, spend and new customers of the same months.
    share : float
        Of the first one's spend, 0 to 1.
    n_comparisons : int
        Moves among which this one was picked (Bonferroni).

    Returns
    -------
    Estimate
        ``customers_gained``, a count in the months of the spend; n is the new customers of both channels.

    Raises
    ------
    ValueError
        If *share* is not between 0 and 1.

    Notes
    -----
    Each side's limits come from those of its elasticity and of its count; the difference combines them (MOVER).
    All else is taken to stay: prices, competitors, and the other channels.

    References
    ----------
    Zou, G. Y., Donner, A. (2008), as for :func:`marginal_cac`.

    Examples
    --------
    >>> weak = ElasticityFit(0.3, 0.05, 0.2, 0.4, 24, 21, 1.0, True, False)
    >>> strong = ElasticityFit(0.8, 0.05, 0.7, 0.9, 24, 21, 1.0, True, False)
    >>> gain = shift_effect((weak, 1000.0, 100), (strong, 1000.0, 100), share=0.1)
    >>> round(gain.value, 2), gain.low > 0
    (4.81, True)
    """
    if not 0 < share < 1:
        raise ValueError(f"share is between 0 and 1; got {share}")
    wide = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2 / n_comparisons) / Z
    more, more_down, more_up = _change(given, 1 + share * taken[1] / given[1])
    less, less_down, less_up = _change(taken, 1 - share)
    gain = more + less
    down, up = wide * math.hypot(more_down, less_down), wide * math.hypot(more_up, less_up)
    return Estimate("customers_gained", gain, "count", taken[2] + given[2], gain - down, gain + up)


def _change(channel: tuple[ElasticityFit, float, int], factor: float) -> tuple[float, float, float]:
    """The change of a channel's customers where spend is multiplied, and how far it may lie below and above."""
    fit, _spend, n_new = channel
    value, *ends = (n_new * (factor**slope - 1) for slope in (fit.elasticity, fit.low, fit.high))
    counts = [limit * (factor**fit.elasticity - 1) for limit in poisson_limits(n_new)]
    down = math.hypot(value - min(ends), value - min(counts))
    return value, down, math.hypot(max(ends) - value, max(counts) - value)


def _other_terms(month: pd.Series) -> tuple[NDArray[np.float64], bool, bool]:
    """Constant, trend and yearly wave: as many as so many months can bear."""
    number = (12 * month.dt.year + month.dt.month).to_numpy(dtype=float)
    terms = [np.ones_like(number)]
    has_trend, has_season = len(number) >= 2 * FEWEST_MONTHS, len(number) >= 3 * FEWEST_MONTHS
    if has_trend:
        terms.append((number - number.mean()) / 12)
    if has_season:
        terms += [np.sin(2 * math.pi * number / 12), np.cos(2 * math.pi * number / 12)]
    return np.column_stack(terms), has_trend, has_season
