"""The matrix of current value and potential: how far its lines are known, what its quadrants hold, and at stake."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Estimate, Z, wilson_interval

#: In the order in which they are shown.
QUADRANTS = ("stars", "high_consumption", "potential", "low_value", "negative_value")


def median_ranks(n: int) -> tuple[int, int]:
    """Return the two ranks between which the median of the population lies, at 95 %.

    Parameters
    ----------
    n : int
        Customers, > 0.

    Returns
    -------
    tuple of int
        From 1; whatever the distribution. Below 6 customers all of them are not enough for 95 %, and the ends are
        returned.

    Raises
    ------
    ValueError
        If there is nobody.

    References
    ----------
    David, H. A., Nagaraja, H. N. (2003). Order Statistics, 3rd ed., section 7.1. Wiley.

    Examples
    --------
    >>> median_ranks(100)
    (40, 61)
    """
    from scipy.special import bdtr  # here, because it makes every start slower

    if n < 1:
        raise ValueError("a median needs at least one customer")
    tail = (1 - CONFIDENCE) / 2
    low = max(int(n / 2 - Z * np.sqrt(n) / 2) - 1, 0)
    # The largest rank below which the median lies by chance at most as often as promised.
    while bdtr(low, n, 0.5) <= tail:
        low += 1
    return (low, n + 1 - low) if low else (1, n)


def value_matrix(sums: pd.DataFrame) -> pd.DataFrame:
    """Turn the sums per quadrant into shares with their intervals.

    Turns *value_quadrant, n_customers, sum_, squared_, n_near_…* into *quadrant, share, value_share, potential_share…*.

    Parameters
    ----------
    sums : DataFrame
        As from :func:`cam.reduce.value_potential.value_quadrant_sums`.

    Returns
    -------
    DataFrame
        Five rows in the order of :data:`QUADRANTS`, also for one that is empty: *quadrant*, *n_customers*, *share* of
        the customers placed with *low* and *high* (Wilson); *value* and *potential* (in the unit of the sums over
        100), *value_share* and *potential_share* with their limits (missing where the total is not above zero by more
        than chance); *n_near*, *near_share* with *near_low* and *near_high* (Wilson; missing where it is empty),
        *n_near_value*, *n_near_potential*.

    Raises
    ------
    ValueError
        If nobody was placed.

    Notes
    -----
    The customers are taken as a sample of those whom the business could have had, and the lines as given. A share of
    value is a ratio of sums over customers, so its variance is that of the linearised ratio.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.11. Wiley.

    Examples
    --------
    >>> sums = pd.DataFrame({"value_quadrant": ["low_value", "stars"], "n_customers": [70, 30],
    ...     "sum_value": [3000, 70000], "squared_value": [400000, 300000000], "sum_potential": [1000, 9000],
    ...     "squared_potential": [20000, 4000000], "n_near": [7, 3], "n_near_value": [7, 0],
    ...     "n_near_potential": [0, 3]})
    >>> value_matrix(sums)[["quadrant", "share", "near_share"]].values.tolist()[0]
    ['stars', 0.3, 0.1]
    """
    frame = sums.set_index("value_quadrant").astype(float).reindex(list(QUADRANTS), fill_value=0.0)
    n, total = frame["n_customers"].to_numpy(float), float(frame["n_customers"].sum())
    if total < 1:
        raise ValueError("value_matrix needs at least one customer who can be placed")
    limits = np.array([wilson_interval(count, total) for count in n])
    near = frame["n_near"].to_numpy(float)
    around = [
        wilson_interval(few, count) if count else (np.nan, np.nan) for few, count in zip(near, n, strict=True)
    ]
    found = pd.DataFrame(
        {
            "quadrant": list(QUADRANTS),
            "n_customers": n.astype(int),
            "share": n / total,
            "low": limits[:, 0],
            "high": limits[:, 1],
        }
    )
    for name in ("value", "potential"):
        held = frame[f"sum_{name}"].to_numpy(float) / 100
        squared = frame[f"squared_{name}"].to_numpy(float) / 10_000
        found[name] = held
        share, low, high = _shares(total, held, squared)
        found[f"{name}_share"] = share
        found[f"{name}_share_low"], found[f"{name}_share_high"] = low, high
    found["n_near"] = near.astype(int)
    found["near_share"] = near / np.where(n > 0, n, np.nan)
    found["near_low"], found["near_high"] = np.array(around).T
    for name in ("n_near_value", "n_near_potential"):
        found[name] = frame[name].to_numpy(int)
    return found


def rank_correlation(sums: pd.DataFrame) -> Estimate | None:
    """Return Spearman's correlation of value and potential, with its interval.

    Parameters
    ----------
    sums : DataFrame
        As from :func:`cam.reduce.value_potential.rank_sums`.

    Returns
    -------
    Estimate or None
        -1 to 1; None where fewer than four customers, or no spread, leave it unknown.

    References
    ----------
    Bonett, D. G., Wright, T. A. (2000). Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations. Psychometrika 65, 23-28, equation 3 (the standard error).

    Examples
    --------
    >>> sums = pd.DataFrame({"n": [4], "x": [20], "y": [20], "xx": [120], "yy": [120], "xy": [80]})
    >>> rank_correlation(sums).value
    -1.0
    """
    row = {str(name): int(value) if pd.notna(value) else 0 for name, value in sums.iloc[0].items()}
    n = row["n"]
    # Whole numbers: products of a million ranks leave nothing over in a float.
    spread = (n * row["xx"] - row["x"] ** 2) * (n * row["yy"] - row["y"] ** 2)
    if n < 4 or spread <= 0:
        return None
    r = max(-1.0, min(1.0, (n * row["xy"] - row["x"] * row["y"]) / spread**0.5))
    if abs(r) == 1.0:
        return Estimate("value_potential_correlation", r, "ratio", n, r, r)
    half = Z * np.sqrt((1 + r**2 / 2) / (n - 3))
    low, high = (float(np.tanh(np.arctanh(r) + side * half)) for side in (-1, 1))
    return Estimate("value_potential_correlation", r, "ratio", n, low, high)


def sums_of_draws(
    centre: np.ndarray, up: np.ndarray, down: np.ndarray, *, coordinates: np.ndarray
) -> np.ndarray:
    """Say what sums would be under each draw of a model's parameters, from a few of them worked out in full.

    The logarithm of each sum is taken as a parabola along each axis of the draws. So five groups or fifty cost two
    evaluations of the model per parameter, not one per draw.

    Parameters
    ----------
    centre : array, m
        Sums under the fit, >= 0.
    up, down : array, k x m
        The same with the parameters moved along each axis by one standard deviation of the draws.
    coordinates : array, n_draws x k
        Where each draw lies, in standard deviations along the axes.

    Returns
    -------
    array, n_draws x m
        A sum of 0 stays 0.

    Raises
    ------
    ValueError
        If a sum is negative.

    Examples
    --------
    >>> centre, step = np.array([10.0]), np.array([[0.1]])
    >>> found = sums_of_draws(centre, centre * np.exp(step), centre * np.exp(-step), coordinates=np.array([[2.0]]))
    >>> round(float(found[0, 0]), 6), round(10 * float(np.exp(0.2)), 6)
    (12.214028, 12.214028)
    """
    if min(centre.min(initial=0.0), up.min(initial=0.0), down.min(initial=0.0)) < 0:
        raise ValueError("sums_of_draws takes sums that are not negative")
    known = (centre > 0) & (up > 0).all(axis=0) & (down > 0).all(axis=0)
    log_centre, log_up, log_down = (np.log(np.where(known, each, 1.0)) for each in (centre, up, down))
    slope, bend = (log_up - log_down) / 2, log_up + log_down - 2 * log_centre
    moved = np.einsum("dk,km->dm", coordinates, slope) + np.einsum("dk,km->dm", coordinates**2, bend) / 2
    found: np.ndarray = np.where(known, centre * np.exp(moved), centre)
    return found


def _shares(n: float, held: np.ndarray, squared: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of a total with their limits; missing where the total may be nothing."""
    total, nothing = held.sum(), np.full(len(held), np.nan)
    spread = squared.sum() - total**2 / n if n > 1 else np.nan
    if not (n > 1 and total > Z * np.sqrt(max(n / (n - 1) * spread, 0.0))):
        return nothing, nothing, nothing
    share = held / total
    residual = np.maximum((1 - 2 * share) * squared + share**2 * squared.sum(), 0.0)
    half = Z * np.sqrt(n / (n - 1) * residual) / total
    # Within a quadrant all values have one sign, so its share has it too; and no part is more than a whole of gains.
    low = np.where(held >= 0, np.maximum(share - half, 0.0), share - half)
    high = np.where(held >= 0, share + half, np.minimum(share + half, 0.0))
    return share, low, np.minimum(high, 1.0) if (held >= 0).all() else high
