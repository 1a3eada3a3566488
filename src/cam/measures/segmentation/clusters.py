"""Clusters of customers: features on one scale, k-means, and which customer belongs to which cluster."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

#: From this skewness on a feature without negative values is taken by its logarithm.
SKEWED = 1.0
#: k-means ends when no customer changes the cluster, or after so many rounds.
_ROUNDS = 100
#: Customers that the starts of k-means are tried on; the best goes on to all of them.
_START_SAMPLE = 4_000


@dataclass(frozen=True, slots=True)
class ScaledFeature:
    """How one feature enters the distances between customers.

    Attributes
    ----------
    name : str
        Its column.
    transform : str
        ``log1p``, ``none`` or ``categories``.
    mean, sd : float
        Of the sample, after the transform; 0 and the root of the total variance of the 0/1 columns for categories.
    levels : tuple of str
        The categories, in the order of their columns; empty for a number.
    shares : tuple of float
        Of each category in the sample, the mean of its 0/1 column.
    """

    name: str
    transform: str
    mean: float
    sd: float
    levels: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ScalingFit:
    """All features on one scale.

    Attributes
    ----------
    features : tuple of ScaledFeature
        Numbers first, then categories.
    """

    features: tuple[ScaledFeature, ...]

    @property
    def numeric(self) -> list[ScaledFeature]:
        """The features that are numbers."""
        return [feature for feature in self.features if not feature.levels]

    @property
    def blocks(self) -> list[slice]:
        """The columns of each categorical feature."""
        ends = np.cumsum([len(self.numeric), *(len(each.levels) for each in self.features if each.levels)])
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(ends)]

    def points(self, sample: pd.DataFrame) -> Floats:
        """Return customers by columns: every feature with variance one in the sample."""
        columns = []
        for feature in self.features:
            if feature.levels:
                text = sample[feature.name].astype(str).to_numpy()
                columns += [
                    ((text == level) - share) / feature.sd
                    for level, share in zip(feature.levels, feature.shares, strict=True)
                ]
            else:
                value = sample[feature.name].to_numpy(float)
                value = np.log1p(value) if feature.transform == "log1p" else value
                columns.append((value - feature.mean) / feature.sd)
        return np.column_stack(columns)


def linear_scores(
    scaling: ScalingFit, centres: Floats
) -> tuple[Floats, dict[str, Floats], dict[str, dict[str, Floats]]]:
    """Return the squared distances to the centres, less what all centres share: linear in the features.

    Parameters
    ----------
    scaling : ScalingFit
        How features become columns.
    centres : ndarray
        Clusters by columns.

    Returns
    -------
    tuple
        Offsets by cluster; slopes by numeric feature and cluster; parts by categorical feature, level and cluster:
        as :func:`cam.reduce.clustering.assign_clusters` takes them.

    Examples
    --------
    >>> scaling = ScalingFit((ScaledFeature("orders", "none", 0.0, 1.0),))
    >>> offsets, slopes, levels = linear_scores(scaling, np.array([[0.0], [10.0]]))
    >>> offsets.tolist(), slopes["orders"].tolist()
    ([0.0, 100.0], [-0.0, -20.0])
    """
    offsets = (centres**2).sum(axis=1)
    slopes: dict[str, Floats] = {}
    levels: dict[str, dict[str, Floats]] = {}
    place = 0
    for feature in scaling.features:
        for level, mean in zip(feature.levels or ("",), feature.shares or (feature.mean,), strict=True):
            slope = -2 * centres[:, place] / feature.sd
            offsets = offsets - slope * mean
            if feature.levels:
                levels.setdefault(feature.name, {})[level] = slope
            else:
                slopes[feature.name] = slope
            place += 1
    return offsets, slopes, levels


def fit_scaling(
    sample: pd.DataFrame, *, categories: tuple[str, ...] = (), signed: tuple[str, ...] = ()
) -> ScalingFit:
    """Put features on one scale: the logarithm of skewed amounts and counts, then variance one for each feature.

    Parameters
    ----------
    sample : DataFrame
        One row per customer, one column per feature, nothing missing.
    categories : tuple of str
        Columns that are categories; all others are numbers.
    signed : tuple of str
        Numbers of which a customer outside the sample has less than zero: their logarithm is never taken.

    Returns
    -------
    ScalingFit
        A number without negative values and with skewness above 1 is taken as ``log(1 + x)`` if that is less skewed.
        A categorical feature has a 0/1 column per level, all divided by one number, so that the feature as a whole
        has variance one like a numeric one, however many levels it has.

    Raises
    ------
    ValueError
        If a feature is constant in the sample.

    References
    ----------
    Suarez-Alvarez, M. M., Pham, D.-T., Prostov, M. Y., Prostov, Y. I. (2012). Statistical approach to normalization
    of feature vectors and clustering of mixed datasets. Proceedings of the Royal Society A 468, 2630-2651. (Numeric
    and categorical features that contribute alike.)

    Examples
    --------
    >>> people = pd.DataFrame({"revenue": [1.0, 2, 3, 400], "channel": ["web", "shop", "web", "web"]})
    >>> fit = fit_scaling(people, categories=("channel",))
    >>> [feature.transform for feature in fit.features]
    ['log1p', 'categories']
    >>> points = fit.points(people)
    >>> [round(float(v), 6) for v in (points[:, 0].var(), points[:, 1:].var(axis=0).sum())]
    [1.0, 1.0]
    """
    numbers, texts = [], []
    for name in sample.columns:
        if name in categories:
            shares = sample[name].astype(str).value_counts(normalize=True).sort_index()
            total = 1 - float((shares**2).sum())
            if total <= 0:
                raise ValueError(f"{name} is constant")
            levels = tuple(map(str, shares.index))
            texts.append(
                ScaledFeature(str(name), "categories", 0.0, total**0.5, levels, tuple(map(float, shares)))
            )
            continue
        value = sample[name].to_numpy(float)
        transform = "none"
        if (
            name not in signed
            and value.min() >= 0
            and skewness(value) > max(SKEWED, abs(skewness(np.log1p(value))))
        ):
            transform, value = "log1p", np.log1p(value)
        sd = float(value.std())
        # Equal floats may differ from their own mean in the last digit.
        if sd <= 1e-12 * max(1.0, abs(float(value.mean()))):
            raise ValueError(f"{name} is constant")
        numbers.append(ScaledFeature(str(name), transform, float(value.mean()), sd))
    return ScalingFit((*numbers, *texts))


def skewness(values: Floats) -> float:
    """Return the skewness of a sample, 0 where all are equal.

    Parameters
    ----------
    values : ndarray
        At least one number.

    Returns
    -------
    float

    Examples
    --------
    >>> skewness(np.array([0.0, 0.0, 0.0, 1.0])) > 1
    True
    """
    away = values - values.mean()
    sd = float(np.sqrt((away**2).mean()))
    return float((away**3).mean()) / sd**3 if sd > 1e-12 * max(1.0, float(np.abs(values).max())) else 0.0


def nearest(points: Floats, centres: Floats) -> tuple[Labels, Floats]:
    """Return for each point the nearest centre, the first of equals, and the squared distance to it.

    Parameters
    ----------
    points, centres : ndarray
        By the same columns.

    Returns
    -------
    tuple of ndarray
        Places of the centres, and squared distances.

    Examples
    --------
    >>> nearest(np.array([[1.0]]), np.array([[0.0], [1.5]]))[0].tolist()
    [1]
    """
    # Without BLAS, whose order of adding depends on the number of threads.
    far = (centres**2).sum(axis=1) - 2 * np.einsum("nd,kd->nk", points, centres)
    label = far.argmin(axis=1)
    return label, np.maximum(far[np.arange(len(points)), label] + (points**2).sum(axis=1), 0.0)


def fit_centres(points: Floats, n_clusters: int, *, seed: int, n_starts: int = 10) -> Floats:
    """Find the centres of k-means: the least sum of squared distances over several starts.

    Parameters
    ----------
    points : ndarray
        Customers by columns.
    n_clusters : int
        At most the number of distinct points.
    seed : int
        Of the starts.
    n_starts : int
        Starts by k-means++, on at most 4,000 customers taken at equal steps; the best goes on with all of them.

    Returns
    -------
    ndarray
        Clusters by columns, the largest cluster first.

    Raises
    ------
    ValueError
        If there are fewer distinct points than clusters.

    References
    ----------
    Lloyd, S. P. (1982). Least squares quantization in PCM. IEEE Transactions on Information Theory 28, 129-137.
    Arthur, D., Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding. Proceedings of SODA, 1027-1035.

    Examples
    --------
    >>> fit_centres(np.array([[0.0], [0.0], [1.0], [9.0], [10.0]]), 2, seed=1).round(3).ravel().tolist()
    [0.333, 9.5]
    """
    rng = np.random.default_rng(seed)
    few = points[:: -(-len(points) // _START_SAMPLE)]
    best, least = None, np.inf
    for _ in range(n_starts):
        centres = _lloyd(few, _first_centres(few, n_clusters, rng))
        within = float(nearest(few, centres)[1].sum())
        if within < least * (1 - 1e-9):
            best, least = centres, within
    if best is None:
        best = _first_centres(points, n_clusters, rng)
    centres = _lloyd(points, best) if len(few) < len(points) or not np.isfinite(least) else best
    sizes = np.bincount(nearest(points, centres)[0], minlength=n_clusters)
    return centres[np.lexsort((*centres.T[::-1], -sizes))]


def _first_centres(points: Floats, n_clusters: int, rng: np.random.Generator) -> Floats:
    """k-means++: each next centre drawn with odds by the squared distance to those before."""
    centres = points[[rng.integers(len(points))]]
    far = ((points - centres[0]) ** 2).sum(axis=1)
    for _ in range(n_clusters - 1):
        reach = np.cumsum(far)
        if reach[-1] <= 0:
            raise ValueError(f"there are fewer than {n_clusters} distinct points")
        new = points[
            min(int(np.searchsorted(reach, rng.random() * reach[-1], side="right")), len(points) - 1)
        ]
        centres = np.vstack([centres, new])
        far = np.minimum(far, ((points - new) ** 2).sum(axis=1))
    return centres


def _lloyd(points: Floats, centres: Floats) -> Floats:
    """Assign and average by turns until nothing changes; a centre that loses all customers goes to the furthest."""
    k, before = len(centres), None
    for _ in range(_ROUNDS):
        label, far = nearest(points, centres)
        if before is not None and (label == before).all():
            break
        sizes = np.bincount(label, minlength=k)
        sums = np.column_stack([np.bincount(label, weights=column, minlength=k) for column in points.T])
        centres = sums / np.maximum(sizes, 1)[:, None]
        for empty in np.flatnonzero(sizes == 0):
            furthest = int(far.argmax())
            centres[empty], far[furthest] = points[furthest], 0.0
        before = label
    return centres


def adjusted_rand(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    """Return how far two groupings of the same customers agree beyond chance.

    Parameters
    ----------
    one, other : ndarray
        The group of each customer.

    Returns
    -------
    float
        1 if they are the same, 0 on average if they have nothing to do with each other.

    References
    ----------
    Hubert, L., Arabie, P. (1985). Comparing partitions. Journal of Classification 2, 193-218. (Equation 5.)

    Examples
    --------
    >>> adjusted_rand(np.array([1, 1, 2, 2]), np.array(["b", "b", "a", "a"]))
    1.0
    """
    both = _crossed(one, other)
    cells, rows, columns = (
        float((count * (count - 1) / 2).sum()) for count in (both, both.sum(axis=1), both.sum(axis=0))
    )
    n = float(both.sum())
    chance = rows * columns / (n * (n - 1) / 2) if n > 1 else 0.0
    most = (rows + columns) / 2
    return 1.0 if most == chance else (cells - chance) / (most - chance)


def jaccard(one: NDArray[np.generic], other: NDArray[np.generic]) -> Floats:
    """Return for each group of one grouping how much of it the most similar group of the other shares.

    Parameters
    ----------
    one, other : ndarray
        The group of each customer.

    Returns
    -------
    ndarray
        By the sorted groups of *one*: customers in both groups over customers in either, at the best.

    References
    ----------
    Hennig, C. (2007). Cluster-wise assessment of cluster stability. Computational Statistics & Data Analysis 52,
    258-271. (Section 2.)

    Examples
    --------
    >>> jaccard(np.array([1, 1, 2, 2]), np.array([7, 7, 7, 8])).round(3).tolist()
    [0.667, 0.5]
    """
    both = _crossed(one, other)
    either = both.sum(axis=1)[:, None] + both.sum(axis=0)[None, :] - both
    return (both / either).max(axis=1)


def _crossed(one: NDArray[np.generic], other: NDArray[np.generic]) -> Floats:
    rows, row = np.unique(one, return_inverse=True)
    columns, column = np.unique(other, return_inverse=True)
    counts = np.bincount(row * columns.size + column, minlength=rows.size * columns.size)
    return counts.reshape(rows.size, columns.size).astype(float)


def explained(groups: NDArray[np.generic], values: Floats) -> float:
    """Return the share of the values' variance that lies between the groups.

    Parameters
    ----------
    groups : ndarray
        The group of each customer.
    values : ndarray
        Customers by columns, or one number per customer.

    Returns
    -------
    float
        0 to 1; 0 where the values do not vary.

    Examples
    --------
    >>> explained(np.array(["a", "a", "b", "b"]), np.array([1.0, 1.0, 3.0, 3.0]))
    1.0
    """
    table = values.reshape(len(values), -1)
    away = table - table.mean(axis=0)
    total = float((away**2).sum())
    if total <= 0:
        return 0.0
    _, place = np.unique(groups, return_inverse=True)
    sizes = np.bincount(place)
    sums = np.column_stack([np.bincount(place, weights=column) for column in away.T])
    return min(1.0, float((sums**2 / sizes[:, None]).sum()) / total)


def value_groups(values: Floats, n_groups: int) -> Labels:
    """Cut customers into groups of about the same number by one value: the plain rule.

    Parameters
    ----------
    values : ndarray
        One number per customer.
    n_groups : int
        Groups; equal values stay together, so that there can be fewer.

    Returns
    -------
    ndarray
        1 for the least.

    Examples
    --------
    >>> value_groups(np.array([5.0, 1.0, 1.0, 9.0]), 2).tolist()
    [2, 1, 1, 2]
    """
    limits = np.unique(np.quantile(values, np.arange(1, n_groups) / n_groups, method="inverted_cdf"))
    return np.searchsorted(limits, values, side="left").astype(np.int64) + 1


def describe_clusters(points: Floats, labels: Labels, names: Mapping[str, int]) -> pd.DataFrame:
    """Return how far each cluster's mean stands from all customers' in each column, in standard deviations.

    Parameters
    ----------
    points : ndarray
        As from :meth:`ScalingFit.points`.
    labels : ndarray
        The cluster of each customer, from 1.
    names : mapping of str to int
        What is called how: its column.

    Returns
    -------
    DataFrame
        *cluster*, then one column per name.

    Examples
    --------
    >>> where = describe_clusters(np.array([[1.0], [-1.0]]), np.array([1, 2]), {"revenue": 0})
    >>> where.values.tolist()
    [[1.0, 1.0], [2.0, -1.0]]
    """
    spread = np.maximum(points.std(axis=0), 1e-12)
    away = (points - points.mean(axis=0)) / spread
    rows = [
        {"cluster": int(cluster)}
        | {name: float(away[labels == cluster, at].mean()) for name, at in names.items()}
        for cluster in np.unique(labels)
    ]
    return pd.DataFrame(rows)
