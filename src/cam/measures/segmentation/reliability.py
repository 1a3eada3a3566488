"""How far the items of one factor measure the same thing: Cronbach's alpha and McDonald's omega."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Estimate
from cam.measures.segmentation.extraction import Floats
from cam.measures.segmentation.factors import LEAST_ITEMS, FactorFit, half_width
from cam.measures.segmentation.items import ItemsFit

#: Below the first, a scale is too unreliable to judge single customers by; below the second, it is low.
POOR, LOW = 0.6, 0.7


def cronbach_alpha(covariance: Floats, *, n: int, factor: int = 1) -> Estimate:
    """Return Cronbach's alpha with Feldt's interval.

    Parameters
    ----------
    covariance : array, items x items
        Of at least two items that all point the same way; of their correlations, it is alpha of standardised items.
    n : int
        Customers, at least 2.
    factor : int
        Which factor's items they are.

    Returns
    -------
    Estimate
        ``attitude_alpha``, at most 1; below 0 where items run against each other.

    Raises
    ------
    ValueError
        If there are fewer than two items or customers, or the sum of the items does not vary.

    References
    ----------
    Cronbach, L. J. (1951). Coefficient alpha and the internal structure of tests. Psychometrika 16, 297-334. Feldt,
    L. S. (1965). The approximate sampling distribution of Kuder-Richardson reliability coefficient twenty.
    Psychometrika 30, 357-370.

    Examples
    --------
    >>> alpha = cronbach_alpha(np.full((4, 4), 0.5) + 0.5 * np.eye(4), n=200)
    >>> round(alpha.value, 3), round(alpha.low, 3), round(alpha.high, 3)
    (0.8, 0.751, 0.842)
    """
    from scipy.stats import f  # here, because it makes every start slower

    size = len(covariance)
    if size < LEAST_ITEMS or n < 2:
        raise ValueError(f"alpha needs two items and two customers; got {size} and {n}")
    whole = float(covariance.sum())
    if whole <= 0:
        raise ValueError("the sum of the items does not vary")
    value = size / (size - 1) * (1 - float(np.trace(covariance)) / whole)
    degrees = n - 1, (n - 1) * (size - 1)
    low, high = (1 - (1 - value) * float(f.ppf(at, *degrees)) for at in (_UPPER, 1 - _UPPER))
    return Estimate("attitude_alpha", value, "ratio", n, low, high, {"factor": str(factor)})


def mcdonald_omega(fit: FactorFit, *, factor: int) -> Estimate:
    """Return McDonald's omega of the sum of one factor's items, with its interval from the refits.

    Parameters
    ----------
    fit : FactorFit
        With its draws.
    factor : int
        From 1; it has at least two items.

    Returns
    -------
    Estimate
        ``attitude_omega``, 0 to 1: the share of the sum's variance that the items share with others.

    Raises
    ------
    ValueError
        If the factor has fewer than two items.

    References
    ----------
    McDonald, R. P. (1999). Test Theory: A Unified Treatment, chapter 6. Lawrence Erlbaum.

    Examples
    --------
    >>> from cam.measures.segmentation.factors import fit_factors, refit_draws
    >>> r = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    >>> fit = fit_factors(ItemsFit(tuple("abcd"), 200, np.zeros(4), np.ones(4), r), n_factors=1, seed=1)
    >>> round(mcdonald_omega(refit_draws(fit, n_draws=50, seed=1), factor=1).value, 3)
    0.8
    """
    at = fit.members()[factor - 1]
    if len(at) < LEAST_ITEMS:
        raise ValueError(f"factor {factor} has fewer than two items")
    sign = np.sign(fit.loadings[at, factor - 1])

    def omega(loadings: Floats, correlation: Floats, own: Floats) -> Floats:
        total = (sign[:, None] * loadings[..., at, :]).sum(axis=-2)
        shared = ((total[..., None, :] @ correlation)[..., 0, :] * total).sum(axis=-1)
        share: Floats = shared / (shared + own[..., at].sum(axis=-1))
        return share

    value = float(omega(fit.loadings, fit.correlation, fit.own))
    draws = omega(fit.loading_draws, fit.correlation_draws, fit.own_draws)
    half = float(half_width(draws, np.asarray(value)))
    segment = {"factor": str(factor)}
    return Estimate(
        "attitude_omega", value, "ratio", fit.n, max(0.0, value - half), min(1.0, value + half), segment
    )


def reliability_table(fit: FactorFit, measured: ItemsFit, *, same_scale: bool) -> pd.DataFrame:
    """Rate each factor's items, each item taken by its largest loading and turned where that is negative.

    Parameters
    ----------
    fit : FactorFit
        With its draws.
    measured : ItemsFit
        Of the same items.
    same_scale : bool
        Whether all items have one scale; else alpha is that of standardised items.

    Returns
    -------
    DataFrame
        *factor* (from 1), *n_items*, *alpha* and *omega* with *_low* and *_high* (missing below two items),
        *verdict* (``poor``, ``low``, ``good`` or ``single``).

    Examples
    --------
    >>> from cam.measures.segmentation.factors import fit_factors, refit_draws
    >>> r = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    >>> measured = ItemsFit(tuple("abcd"), 200, np.zeros(4), np.ones(4), r)
    >>> fit = refit_draws(fit_factors(measured, n_factors=1, seed=1), n_draws=50, seed=1)
    >>> reliability_table(fit, measured, same_scale=True)[["n_items", "verdict"]].values.tolist()
    [[4, 'good']]
    """
    matrix = measured.covariance if same_scale else measured.correlation
    rows = []
    for factor, at in enumerate(fit.members(), start=1):
        row: dict[str, object] = {"factor": factor, "n_items": len(at)}
        if len(at) < LEAST_ITEMS:
            rows.append(row | dict.fromkeys(_NUMBERS, np.nan) | {"verdict": "single"})
            continue
        sign = np.sign(fit.loadings[at, factor - 1])
        alpha = cronbach_alpha(matrix[np.ix_(at, at)] * np.outer(sign, sign), n=fit.n, factor=factor)
        omega = mcdonald_omega(fit, factor=factor)
        verdict = "poor" if alpha.value < POOR else "low" if alpha.value < LOW else "good"
        values = (alpha.value, alpha.low, alpha.high, omega.value, omega.low, omega.high)
        rows.append(row | dict(zip(_NUMBERS, values, strict=True)) | {"verdict": verdict})
    return pd.DataFrame(rows)


_UPPER = 0.5 + CONFIDENCE / 2
_NUMBERS = ("alpha", "alpha_low", "alpha_high", "omega", "omega_low", "omega_high")
