"""Whether clusters are groups at all: a valley between every two of them, in customers that did not make them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Error that the verdict "there are groups" may have, over all numbers of groups that are tried.
ALPHA = 0.05
#: Points that one dip is taken of, at most; and at least, for there is no valley to be seen in fewer.
_MOST_POINTS, _FEWEST_POINTS = 2_000, 20
#: A feature has few values if those that this share of customers have, each, together hold that share of them.
_STEP_SHARE, _FEW_SHARE = 0.02, 0.2
#: Share of two clusters' customers that the tube between their centres is wide enough for.
_TUBE = 0.9
#: How often the places within the steps are drawn anew, each time given all other features.
_SWEEPS = 4
#: Shuffles of the categories; none of them may show as deep a valley.
_SHUFFLES = 199


def dip(values: Floats) -> float:
    """Return how far a sample is from having one mode: the dip of Hartigan and Hartigan.

    Parameters
    ----------
    values : ndarray
        At least one number, in any order.

    Returns
    -------
    float
        The largest distance between the empirical distribution and the nearest unimodal one; ``1 / (2 n)``, the
        least that it can be, where nothing speaks against one mode.

    Raises
    ------
    ValueError
        If there are no values, or one is missing.

    References
    ----------
    Hartigan, J. A., Hartigan, P. M. (1985). The dip test of unimodality. Annals of Statistics 13, 70-84.
    Hartigan, P. M. (1985). Algorithm AS 217: computation of the dip statistic to test for unimodality. Applied
    Statistics 34, 320-325.

    Examples
    --------
    >>> dip(np.array([1.0, 1.0, 2.0, 2.0]))
    0.25
    >>> dip(np.arange(10.0))
    0.05
    """
    x = np.sort(np.asarray(values, dtype=float))
    n = x.size
    if n == 0 or not np.isfinite(x).all():
        raise ValueError("a dip needs at least one value, and none missing")
    if n < 4 or x[0] == x[-1]:
        return 1 / (2 * n)
    # The majorant is the minorant of the mirrored sample.
    below = _tangents(x.tolist())
    above = [n - 1 - place for place in reversed(_tangents((-x[::-1]).tolist()))]
    low, high, most = 0, n - 1, 1.0
    while True:
        minorant = _chain(below, high, low)[::-1]
        majorant = _chain(above, low, high)
        gap, left, right = _widest_gap(x, minorant, majorant)
        if gap < most:
            break
        most = max(
            most,
            _deepest(x, [place for place in minorant if place <= left], under=True),
            _deepest(x, [place for place in majorant if place >= right], under=False),
        )
        if (low, high) == (left, right):
            break
        low, high = left, right
    return most / (2 * n)


def _tangents(x: list[float]) -> list[int]:
    """For each point, the one before it on the greatest convex minorant of all points up to it."""
    tangent = [0] * len(x)
    for j in range(1, len(x)):
        i = j - 1
        while i > 0:
            before = tangent[i]
            if (x[j] - x[i]) * (i - before) < (x[i] - x[before]) * (j - i):
                break
            i = before
        tangent[j] = i
    return tangent


def _chain(pointers: Sequence[int], start: int, end: int) -> list[int]:
    places = [start]
    while places[-1] != end:
        places.append(pointers[places[-1]])
    return places


def _widest_gap(x: Floats, minorant: list[int], majorant: list[int]) -> tuple[float, int, int]:
    """Where minorant and majorant are furthest apart (in points), and the ends of the modal interval there."""
    if len(minorant) == 2 and len(majorant) == 2:
        return 1.0, minorant[0], majorant[-1]
    # Both curves are straight between their corners, so that the widest gap is at a corner of one of them.
    under, over = np.array(minorant), np.array(majorant)
    at_over = over + 1 - np.interp(x[over], x[under], under)
    at_under = np.interp(x[under], x[over], over) - under + 1
    one, other = int(at_over[1:-1].argmax()) + 1 if over.size > 2 else -1, -1
    if under.size > 2:
        other = int(at_under[1:-1].argmax()) + 1
    if other < 0 or (one >= 0 and at_over[one] >= at_under[other]):
        corner = over[one]
        return float(at_over[one]), int(under[under <= corner].max()), int(corner)
    corner = under[other]
    return float(at_under[other]), int(corner), int(over[over >= corner].min())


def _deepest(x: Floats, corners: list[int], *, under: bool) -> float:
    """The furthest that the steps of the distribution reach beyond the straight pieces between the corners."""
    most = 1.0 if len(corners) > 1 else 0.0
    for begin, end in pairwise(corners):
        if end - begin > 1 and x[end] != x[begin]:
            line = (x[begin : end + 1] - x[begin]) * ((end - begin) / (x[end] - x[begin]))
            steps = np.arange(end - begin + 1)
            most = max(most, float((steps + 1 - line).max() if under else (line - steps + 1).max()))
    return most


def dip_p_value(value: float, n: int) -> float:
    """Return how often a sample from a uniform distribution has as large a dip: the p-value of one mode.

    Parameters
    ----------
    value : float
        As from :func:`dip`.
    n : int
        Values that it was taken of.

    Returns
    -------
    float
        Between 0.0005, below which nothing is told apart, and 1. Too large rather than too small: among all
        distributions with one mode the uniform is the one with the largest dips.

    Notes
    -----
    From the quantiles of ``sqrt(n) dip`` over 100,000 or more uniform samples of each tabled size, simulated once;
    between sizes straight in ``1 / sqrt(n)``, between quantiles straight in the logarithm of p.

    References
    ----------
    Hartigan, J. A., Hartigan, P. M. (1985), section 5 and table 1.

    Examples
    --------
    >>> round(dip_p_value(0.059, 63), 2), round(dip_p_value(0.2, 63), 4)
    (0.09, 0.0005)
    """
    sizes = 1 / np.sqrt(np.array(list(_QUANTILES), dtype=float))
    table = np.array(list(_QUANTILES.values()))
    at = 1 / math.sqrt(max(n, 1))
    limits = [float(np.interp(at, sizes[::-1], column[::-1])) for column in table.T]
    return float(np.exp(np.interp(math.sqrt(n) * value, [0.0, *limits], np.log([1.0, *_TAILS]))))


def spread_ties(values: Floats, *, seed: int) -> Floats:
    """Spread values that many customers share, so that no gap between whole numbers is taken for a valley.

    Parameters
    ----------
    values : ndarray
        Customers by features.
    seed : int
        Of the places within the steps.

    Returns
    -------
    ndarray
        A feature of a few values (those that one customer in fifty has hold a fifth of all customers) keeps its order
        alone: it becomes normal scores with its mean and standard deviation. In other features with ties each value
        moves at most half way to the next one. Where in its step a customer comes to stand follows from the other
        features, as in a Gaussian copula with the same rank correlations: were it drawn apart, rows of correlated
        whole numbers would look like strings of beads.

    Notes
    -----
    A ratio of two small counts beside its own denominator (orders at a discount of two orders: none, half or all)
    leaves gaps that no spreading closes: such a pair of features can look like groups. Shares of money do not.

    References
    ----------
    Hoff, P. D. (2007). Extending the rank likelihood for semiparametric copula estimation. Annals of Applied
    Statistics 1, 265-283. (The sampler of section 3, with the correlations of the last draw in place of draws.)

    Examples
    --------
    >>> whole = np.repeat([[0.0], [1.0], [2.0]], 100, axis=0)
    >>> spread = spread_ties(whole, seed=1)
    >>> np.unique(spread).size, bool(spread[:100].max() < spread[100:200].min())
    (300, True)
    """
    from scipy.special import ndtr, ndtri  # here, because it makes every start slower

    n, n_features = values.shape
    rng = np.random.default_rng(seed)
    tied = {j: steps for j, column in enumerate(values.T) if (steps := _steps(column)) is not None}
    if not tied:
        return values
    latent = np.empty_like(values)
    for j in range(n_features):
        if j in tied:
            _, _, low, high, _ = tied[j]
            latent[:, j] = ndtri(low + (high - low) * rng.uniform(1e-6, 1 - 1e-6, n))
        else:
            latent[np.argsort(values[:, j], kind="stable"), j] = ndtri((np.arange(n) + 0.5) / n)
    for _ in range(_SWEEPS if n_features > 1 else 0):
        shared = np.einsum("ni,nj->ij", latent, latent)
        size = np.sqrt(np.diag(shared))
        # A little of the unit matrix, for features that repeat each other.
        precision = np.linalg.inv(0.99 * shared / np.outer(size, size) + 0.01 * np.eye(n_features))
        for j, (_, _, low, high, _) in tied.items():
            pull = np.einsum("nk,k->n", latent, precision[j]) - precision[j, j] * latent[:, j]
            mean, sd = -pull / precision[j, j], 1 / math.sqrt(precision[j, j])
            least, most = ndtr((ndtri(low) - mean) / sd), ndtr((ndtri(high) - mean) / sd)
            drawn = mean + sd * ndtri(least + (most - least) * rng.uniform(1e-6, 1 - 1e-6, n))
            latent[:, j] = np.clip(drawn, ndtri(low + 1e-3 / n), ndtri(high - 1e-3 / n))
    spread = values.copy()
    for j, (begin, end, low, high, few) in tied.items():
        if few:
            spread[:, j] = values[:, j].mean() + values[:, j].std() * latent[:, j]
        else:
            spread[:, j] = begin + (end - begin) * (ndtr(latent[:, j]) - low) / (high - low)
    return spread


def _steps(column: Floats) -> tuple[Floats, Floats, Floats, Floats, bool] | None:
    """Each value's step, half way to its neighbours; the shares of customers below and up to it; whether few."""
    known, place, counts = np.unique(column, return_inverse=True, return_counts=True)
    n = column.size
    few = bool(counts[counts >= _STEP_SHARE * n].sum() >= _FEW_SHARE * n) and known.size < n
    if known.size < 2 or (known.size > 0.9 * n and not few):
        return None
    # The outermost values reach as far outwards as inwards.
    half = np.diff(known) / 2
    begin = known - np.concatenate([half[:1], half])
    end = known + np.concatenate([half, half[-1:]])
    upto = np.cumsum(counts) / n
    return begin[place], end[place], (upto - counts / n)[place], upto[place], few


def weakest_valley(
    centres: Floats, points: Floats, *, n_numeric: int, blocks: Sequence[slice], level: float, seed: int
) -> float:
    """Return the largest p-value among all pairs of clusters for "there is no valley between them".

    Parameters
    ----------
    centres : ndarray
        Clusters by columns, found in other customers than *points*.
    points : ndarray
        Customers by columns, in an order that tells nothing: numeric columns first, with :func:`spread_ties` behind
        them, then the scaled 0/1 columns of the categories.
    n_numeric : int
        Numeric columns.
    blocks : sequence of slice
        The columns of each categorical feature.
    level : float
        The search ends at the first pair above it.
    seed : int
        Of the shuffles.

    Returns
    -------
    float
        Clusters are apart if it is at most *level*: as every pair must show its valley, no correction for the number
        of pairs is due (Berger's intersection-union test).

    Notes
    -----
    The dip is that of all customers in a tube about the line from centre to centre: half as long again as the line on
    either side, and as wide as nine in ten of the two clusters' own customers need. Where the density is log-concave
    (normal, uniform, exponential, ...), so is its part in the tube, and so is that part's projection (Prékopa 1973):
    one mode. Without the tube, two neighbouring cells of a plain uniform square already have a waist between them.

    A categorical feature makes gaps by itself. So either the numeric columns alone show the valley, or all columns do
    and more so than with the categories shuffled among the customers; each at half the level.

    References
    ----------
    Berger, R. L. (1982). Multiparameter hypothesis testing and acceptance sampling. Technometrics 24, 295-300.
    Prékopa, A. (1973). On logarithmic concave measures and functions. Acta Scientiarum Mathematicarum 34, 335-343.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> groups = rng.permutation(np.concatenate([rng.normal(0, 1, (200, 2)), rng.normal(8, 1, (200, 2))]))
    >>> two = np.array([[0.0, 0.0], [8.0, 8.0]])
    >>> round(weakest_valley(two, groups, n_numeric=2, blocks=(), level=0.01, seed=1), 4)
    0.0005
    """
    rng = np.random.default_rng(seed)
    spread = points
    if blocks:
        spread = points.copy()
        for block in blocks:
            step = points[:, block].max() - points[:, block].min()
            spread[:, block] += step * (rng.random(spread[:, block].shape) - 0.5)
    pairs = sorted(
        combinations(range(len(centres)), 2),
        key=lambda pair: float(((centres[pair[0]] - centres[pair[1]]) ** 2).sum()),
    )
    worst = 0.0
    for i, j in pairs:
        p = _valley(spread[:, :n_numeric], centres[:, :n_numeric], (i, j))[0] if n_numeric else 1.0
        if blocks:
            if 2 * p > level:
                p = min(p, _beyond_categories(spread, centres, (i, j), blocks, level / 2, rng))
            p = min(1.0, 2 * p)
        worst = max(worst, p)
        if worst > level:
            break
    return worst


def _valley(points: Floats, centres: Floats, pair: tuple[int, int]) -> tuple[float, float]:
    """The p-value of one mode along the line between two centres, and ``sqrt(n) dip`` there."""
    line = centres[pair[1]] - centres[pair[0]]
    length = float((line**2).sum())
    if length == 0:
        return 1.0, 0.0
    away = points - centres[pair[0]]
    along = np.einsum("nd,d->n", away, line) / length
    aside = (away**2).sum(axis=1) - along**2 * length
    inside = (along > -0.5) & (along < 1.5)
    far = (centres**2).sum(axis=1) - 2 * np.einsum("nd,kd->nk", points, centres)
    theirs = inside & (np.minimum(far[:, pair[0]], far[:, pair[1]]) <= far.min(axis=1))
    if not theirs.any():
        return 1.0, 0.0
    # One column has nothing aside of the line but what rounding leaves.
    taken = along[inside & (aside <= np.quantile(aside[theirs], _TUBE) + 1e-9 * length)][:_MOST_POINTS]
    if taken.size < _FEWEST_POINTS:
        return 1.0, 0.0
    deep = dip(taken)
    return dip_p_value(deep, taken.size), math.sqrt(taken.size) * deep


def _beyond_categories(
    points: Floats,
    centres: Floats,
    pair: tuple[int, int],
    blocks: Sequence[slice],
    level: float,
    rng: np.random.Generator,
) -> float:
    """The p-value of a valley in all columns that is deeper than with the categories shuffled."""
    p, deep = _valley(points, centres, pair)
    if p > level:
        return p
    shuffled = points.copy()
    for _ in range(_SHUFFLES):
        for block in blocks:
            shuffled[:, block] = points[rng.permutation(len(points))][:, block]
        if _valley(shuffled, centres, pair)[1] >= deep:
            return 1.0
    return p


def component_map(
    points: Floats, centres: Floats, *, n_bins: int = 40
) -> tuple[pd.DataFrame, pd.DataFrame, Floats]:
    """Count customers on the plane of the first two principal components.

    Parameters
    ----------
    points, centres : ndarray
        By the same two or more columns.
    n_bins : int
        Cells along each side, between the 0.5 and 99.5 % points; what lies outside counts in the outermost cells.

    Returns
    -------
    tuple
        Cells (*x*, *y*: their middles, *n_customers*; empty ones left out), centres (*cluster*, *x*, *y*), and by
        component (two rows) the share of variance that it holds and the loading of each column.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [4.0, 0.0], [4.0, 1.0]])
    >>> cells, middles, parts = component_map(square, square[:1], n_bins=2)
    >>> int(cells["n_customers"].sum()), round(float(parts[0, 0]), 3)
    (4, 0.941)
    """
    middle = points.mean(axis=0)
    away = points - middle
    sizes, turn = np.linalg.eigh(np.einsum("ni,nj->ij", away, away))
    axes = turn[:, ::-1][:, :2].T
    # Which way an axis points is anybody's choice: its largest loading is positive.
    axes = axes * np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]
    plane, marks = (np.einsum("nd,cd->nc", of - middle, axes) for of in (points, centres))
    low, high = np.quantile(plane, [0.005, 0.995], axis=0)
    width = np.maximum(high - low, 1e-9) / n_bins
    cell = np.clip(((plane - low) / width).astype(np.int64), 0, n_bins - 1)
    known, counts = np.unique(cell, axis=0, return_counts=True)
    at = low + (known + 0.5) * width
    cells = pd.DataFrame({"x": at[:, 0], "y": at[:, 1], "n_customers": counts})
    middles = pd.DataFrame({"cluster": np.arange(1, len(marks) + 1), "x": marks[:, 0], "y": marks[:, 1]})
    held = sizes[::-1][:2] / sizes.sum()
    return cells, middles, np.column_stack([held, axes])


#: Shares of uniform samples with a larger ``sqrt(n) dip`` than the quantiles of each size below.
_TAILS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005)
_QUANTILES: dict[int, tuple[float, ...]] = {
    20: (0.328, 0.3951, 0.4348, 0.4698, 0.5102, 0.539, 0.564, 0.5947, 0.6163, 0.6397),
    50: (0.3457, 0.4156, 0.4583, 0.4961, 0.5416, 0.5728, 0.6022, 0.6372, 0.6638, 0.6889),
    100: (0.3545, 0.4271, 0.4713, 0.5115, 0.5579, 0.5912, 0.6222, 0.6627, 0.689, 0.7102),
    200: (0.3618, 0.4353, 0.4808, 0.5218, 0.569, 0.6023, 0.6343, 0.6707, 0.6963, 0.7219),
    500: (0.3683, 0.4432, 0.4892, 0.5299, 0.5788, 0.6127, 0.6458, 0.6853, 0.7129, 0.7445),
    1000: (0.3711, 0.447, 0.4939, 0.536, 0.5859, 0.6217, 0.6555, 0.6925, 0.7213, 0.7489),
    2000: (0.3738, 0.45, 0.497, 0.5392, 0.5897, 0.626, 0.6593, 0.6989, 0.727, 0.7556),
}
