"""How many clusters, whether they are groups, and whether they come again in other customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.measures.segmentation.clusters import (
    Floats,
    Labels,
    ScalingFit,
    adjusted_rand,
    fit_centres,
    jaccard,
    nearest,
    value_groups,
)
from cam.measures.segmentation.structure import ALPHA, spread_ties, weakest_valley

#: Numbers of clusters that are tried.
TRIED = range(2, 9)
#: Customers that the indices, the silhouettes, and the gap and bootstraps by k are taken of, at equal steps.
_INDEXED, _SILHOUETTES, _RESAMPLED = 4_000, 1_000, 1_000
#: Reference samples of the gap, bootstraps for each k, and for the k that is chosen (of 1,000 customers).
_REFERENCES, _BOOTSTRAPS, _FINAL_BOOTSTRAPS, _FINAL_RESAMPLED = 20, 20, 100, 1_000
#: The indices that vote, and whether the largest is best.
INDICES = {
    "silhouette": True,
    "calinski_harabasz": True,
    "davies_bouldin": False,
    "gap": True,
    "stability": True,
}


@dataclass(frozen=True, slots=True)
class ClustersFit:
    """Clusters of a sample of customers, and what speaks for them.

    Attributes
    ----------
    scaling : ScalingFit
        How features became columns.
    centres : ndarray
        Clusters by columns, the largest cluster first.
    indices : DataFrame
        As from :func:`index_table`, with ``apart`` (whether there is a valley between every two clusters) and
        ``valley_p``.
    has_structure : bool
        Whether the clusters are groups; if not, they are cuts through a continuum.
    votes : mapping of str to int
        The number of clusters that each index is for.
    stability : DataFrame
        *cluster, jaccard, low, high*, by bootstrap.
    n_sample : int
        Customers that all this was learnt from.
    """

    scaling: ScalingFit
    centres: Floats
    indices: pd.DataFrame
    has_structure: bool
    votes: Mapping[str, int]
    stability: pd.DataFrame
    n_sample: int

    @property
    def n_clusters(self) -> int:
        """How many."""
        return len(self.centres)

    def labels(self, points: Floats) -> Labels:
        """Return the cluster of each point, from 1."""
        return nearest(points, self.centres)[0].astype(np.int64) + 1


def fit_clusters(
    sample: pd.DataFrame, *, scaling: ScalingFit, n_clusters: int | None = None, seed: int
) -> ClustersFit:
    """Choose a number of clusters, find them by k-means, and say whether they are groups.

    Parameters
    ----------
    sample : DataFrame
        One row per customer, with the features of *scaling*.
    scaling : ScalingFit
        As from :func:`cam.measures.segmentation.clusters.fit_scaling`.
    n_clusters : int, optional
        Fixed by the reader; by default 2 to 8 are tried.
    seed : int
        Of starts, halves and resamples.

    Returns
    -------
    ClustersFit
        Half of the customers make clusters, the others show whether valleys lie between them
        (:func:`cam.measures.segmentation.structure.weakest_valley`), and the other way round, at 5 % over all
        numbers tried. Of the numbers whose clusters are all apart the largest is chosen: the indices rather join two
        groups that are near each other. If there is none, the verdict is that there is no clear structure, and the
        most votes of the indices win, the smaller of equals.

    Raises
    ------
    ValueError
        If there are fewer distinct customers than clusters.

    References
    ----------
    Dolnicar, S., Leisch, F. (2010). Evaluation of structure and reproducibility of cluster solutions using the
    bootstrap. Marketing Letters 21, 83-101. (Natural, reproducible and constructive segments.)

    Examples
    --------
    >>> from cam.measures.segmentation.clusters import fit_scaling
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame(rng.normal(0, 1, (600, 2)), columns=["a", "b"]) + 9 * rng.integers(0, 2, (600, 1))
    >>> fit = fit_clusters(people, scaling=fit_scaling(people), seed=1)
    >>> fit.n_clusters, fit.has_structure
    (2, True)
    """
    points = scaling.points(sample)
    distinct = len(np.unique(points, axis=0))
    if distinct < (n_clusters or 2):
        raise ValueError(f"{distinct} distinct customers make no {n_clusters or 2} clusters")
    most = max(min(TRIED[-1], distinct - 1, len(points) // 10), 2)
    tried = [n_clusters] if n_clusters else list(range(TRIED[0], most + 1))
    indices = index_table(points, tried, seed=seed).merge(
        _valleys(points, scaling, tried, seed=seed), on="n_clusters"
    )
    votes = cast_votes(indices)
    apart = indices[indices["apart"]]
    chosen = int(apart["n_clusters"].max()) if len(apart) else elected(votes)
    centres = fit_centres(points, n_clusters or chosen, seed=seed)
    few = every(points, _FINAL_RESAMPLED)
    agreed = bootstrap_agreement(few, centres, n_bootstrap=_FINAL_BOOTSTRAPS, seed=seed)[1]
    low, high = np.quantile(agreed, [0.025, 0.975], axis=0)
    stability = pd.DataFrame(
        {"cluster": np.arange(1, len(centres) + 1), "jaccard": agreed.mean(axis=0), "low": low, "high": high}
    )
    return ClustersFit(scaling, centres, indices, bool(len(apart)), votes, stability, len(points))


def every(points: Floats, most: int) -> Floats:
    """Return at most so many rows, at equal steps.

    Parameters
    ----------
    points : ndarray
        Rows in an order that is stated.
    most : int
        Rows.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> every(np.arange(5.0), 3).tolist()
    [0.0, 2.0, 4.0]
    """
    return points[:: -(-len(points) // most)]


def index_table(points: Floats, tried: Sequence[int], *, seed: int) -> pd.DataFrame:
    """Work out the indices for each number of clusters.

    Parameters
    ----------
    points : ndarray
        Customers by columns.
    tried : sequence of int
        Numbers of clusters, rising, from 2.
    seed : int
        Of starts, references and resamples.

    Returns
    -------
    DataFrame
        *n_clusters, silhouette, calinski_harabasz, davies_bouldin, gap, gap_error, stability, stability_low,
        stability_high*. Silhouettes rest on at most 1,000 customers, the gap (20 references, uniform in the box along
        the principal components) and the stability (mean adjusted Rand of 20 bootstraps, with its 2.5 and 97.5 %
        points) on 1,000, the others on 4,000.

    References
    ----------
    Rousseeuw, P. J. (1987). Silhouettes. Journal of Computational and Applied Mathematics 20, 53-65.
    Calinski, T., Harabasz, J. (1974). A dendrite method for cluster analysis. Communications in Statistics 3, 1-27.
    Davies, D. L., Bouldin, D. W. (1979). A cluster separation measure. IEEE PAMI 1, 224-227.
    Tibshirani, R., Walther, G., Hastie, T. (2001). Estimating the number of clusters in a data set via the gap
    statistic. Journal of the Royal Statistical Society B 63, 411-423. (Section 3, reference b.)

    Examples
    --------
    >>> two = np.concatenate([np.linspace(0, 1, 50), np.linspace(9, 10, 50)])[:, None]
    >>> index_table(two, [2, 3], seed=1)["silhouette"].idxmax()
    0
    """
    indexed, few = every(points, _INDEXED), every(points, _RESAMPLED)
    shown = every(indexed, _SILHOUETTES)
    distances = _distances(shown)
    rows = []
    gaps = _gaps(few, tried, seed=seed)
    for k in tried:
        centres = fit_centres(indexed, k, seed=seed, n_starts=5)
        label, far = nearest(indexed, centres)
        agreed = bootstrap_agreement(
            few, fit_centres(few, k, seed=seed, n_starts=5), n_bootstrap=_BOOTSTRAPS, seed=seed
        )[0]
        low, high = np.quantile(agreed, [0.025, 0.975])
        rows.append(
            {
                "n_clusters": k,
                "silhouette": _silhouette(distances, nearest(shown, centres)[0]),
                "calinski_harabasz": _calinski_harabasz(indexed, far, k),
                "davies_bouldin": _davies_bouldin(centres, label, far),
                "gap": gaps[k][0],
                "gap_error": gaps[k][1],
                "stability": float(agreed.mean()),
                "stability_low": float(low),
                "stability_high": float(high),
            }
        )
    return pd.DataFrame(rows)


def silhouette(points: Floats, labels: Labels) -> float:
    """Return the mean silhouette: how much nearer customers are to their own cluster than to the next.

    Parameters
    ----------
    points : ndarray
        Customers by columns; all distances between them are taken, so a few thousand at most.
    labels : ndarray
        The cluster of each.

    Returns
    -------
    float
        -1 to 1. A customer who is a cluster alone counts 0.

    References
    ----------
    Rousseeuw, P. J. (1987). Silhouettes. Journal of Computational and Applied Mathematics 20, 53-65. (Section 2.)

    Examples
    --------
    >>> round(silhouette(np.array([[0.0], [1.0], [9.0], [10.0]]), np.array([1, 1, 2, 2])), 4)
    0.8885
    """
    return _silhouette(_distances(points), labels)


def _distances(points: Floats) -> Floats:
    from scipy.spatial.distance import cdist  # here, because it makes every start slower

    found: Floats = cdist(points, points)
    return found


def _silhouette(distances: Floats, labels: Labels) -> float:
    known, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if known.size < 2:
        return 0.0
    order = np.argsort(place, kind="stable")
    sums = np.add.reduceat(distances[:, order], np.concatenate([[0], np.cumsum(sizes)[:-1]]), axis=1)
    rows = np.arange(len(distances))
    own = sums[rows, place] / np.maximum(sizes[place] - 1, 1)
    others = sums / sizes
    others[rows, place] = np.inf
    other = others.min(axis=1)
    wide = np.maximum(own, other)
    width = np.where((sizes[place] > 1) & (wide > 0), (other - own) / np.where(wide > 0, wide, 1), 0.0)
    return float(width.mean())


def _calinski_harabasz(points: Floats, far: Floats, k: int) -> float:
    total, within = float(((points - points.mean(axis=0)) ** 2).sum()), float(far.sum())
    return (total - within) / (k - 1) / max(within / max(len(points) - k, 1), 1e-12)


def _davies_bouldin(centres: Floats, label: Labels, far: Floats) -> float:
    k = len(centres)
    sizes = np.maximum(np.bincount(label, minlength=k), 1)
    spread = np.bincount(label, weights=np.sqrt(far), minlength=k) / sizes
    apart = np.sqrt(((centres[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2))
    ratio = (spread[:, None] + spread[None, :]) / np.where(apart > 0, apart, np.inf)
    return float(ratio.max(axis=1).mean())


def _gaps(points: Floats, tried: Sequence[int], *, seed: int) -> dict[int, tuple[float, float]]:
    """Gap and its standard error by number of clusters."""
    rng = np.random.default_rng(seed)
    middle = points.mean(axis=0)
    _, turn = np.linalg.eigh(np.einsum("ni,nj->ij", points - middle, points - middle))
    turned = np.einsum("ni,ij->nj", points - middle, turn)
    low, high = turned.min(axis=0), turned.max(axis=0)

    def scatter(of: Floats) -> Floats:
        within = [float(nearest(of, fit_centres(of, k, seed=seed, n_starts=2))[1].sum()) for k in tried]
        return np.log(np.maximum(within, 1e-12))

    own = scatter(turned)
    drawn = np.array([scatter(rng.uniform(low, high, turned.shape)) for _ in range(_REFERENCES)])
    error = drawn.std(axis=0) * np.sqrt(1 + 1 / _REFERENCES)
    gaps = drawn.mean(axis=0) - own
    return {k: (float(gaps[place]), float(error[place])) for place, k in enumerate(tried)}


def bootstrap_agreement(
    points: Floats, centres: Floats, *, n_bootstrap: int, seed: int
) -> tuple[Floats, Floats]:
    """Cluster resampled customers again and again, and compare on the customers as they are.

    Parameters
    ----------
    points : ndarray
        Customers by columns.
    centres : ndarray
        Clusters by columns: what is compared with.
    n_bootstrap : int
        Resamples.
    seed : int
        Of resamples and starts.

    Returns
    -------
    tuple of ndarray
        The adjusted Rand index of each resample, and by resample and cluster the Jaccard coefficient with the most
        similar cluster.

    References
    ----------
    Hennig, C. (2007). Cluster-wise assessment of cluster stability. Computational Statistics & Data Analysis 52,
    258-271. (Section 3; here every customer goes to the nearest new centre, as in Dolnicar and Leisch 2010.)

    Examples
    --------
    >>> two = np.concatenate([np.linspace(0, 1, 50), np.linspace(9, 10, 50)])[:, None]
    >>> rand, jaccards = bootstrap_agreement(two, np.array([[0.5], [9.5]]), n_bootstrap=5, seed=1)
    >>> float(rand.min()), jaccards.shape
    (1.0, (5, 2))
    """
    rng = np.random.default_rng(seed)
    k = len(centres)
    label = nearest(points, centres)[0]
    present = np.unique(label)
    rand, shares = [], []
    for _ in range(n_bootstrap):
        drawn = points[rng.integers(0, len(points), len(points))]
        try:
            again = fit_centres(drawn, k, seed=int(rng.integers(2**31)), n_starts=3)
        except ValueError:  # so few distinct customers that a resample has not enough of them
            continue
        other = nearest(points, again)[0]
        rand.append(adjusted_rand(label, other))
        share = np.zeros(k)
        share[present] = jaccard(label, other)
        shares.append(share)
    if not rand:
        return np.zeros(1), np.zeros((1, k))
    return np.array(rand), np.array(shares)


def rule_stability(values: Floats, n_groups: int, *, seed: int) -> float:
    """Return how well a cut of one value at its quantiles comes again: the mean adjusted Rand of 20 bootstraps.

    Parameters
    ----------
    values : ndarray
        One number per customer.
    n_groups : int
        Groups.
    seed : int
        Of the resamples.

    Returns
    -------
    float

    Examples
    --------
    >>> rule_stability(np.repeat([1.0, 9.0], [140, 60]), 2, seed=1)
    1.0
    """
    rng = np.random.default_rng(seed)
    own = value_groups(values, n_groups)
    found = []
    for _ in range(_BOOTSTRAPS):
        drawn = values[rng.integers(0, len(values), len(values))]
        limits = np.unique(np.quantile(drawn, np.arange(1, n_groups) / n_groups, method="inverted_cdf"))
        found.append(adjusted_rand(own, np.searchsorted(limits, values, side="left")))
    return float(np.mean(found))


def _valleys(points: Floats, scaling: ScalingFit, tried: Sequence[int], *, seed: int) -> pd.DataFrame:
    """Whether the clusters that half of the customers make are apart in the other half, for either half."""
    rng = np.random.default_rng(seed)
    # Either half may show it, for any number of clusters.
    n_numeric, level = len(scaling.numeric), ALPHA / len(tried) / 2
    order = rng.permutation(len(points))
    spread = points
    if n_numeric:
        spread = np.column_stack([spread_ties(points[:, :n_numeric], seed=seed), points[:, n_numeric:]])
    halves = spread[order[: len(order) // 2]], spread[order[len(order) // 2 :]]
    rows = []
    for k in tried:
        found = [1.0]
        for one, other in (halves, halves[::-1]):
            if min(found) <= level:
                break
            try:
                centres = fit_centres(every(one, _INDEXED), k, seed=seed, n_starts=5)
            except ValueError:  # so many ties that half of the customers are fewer kinds than clusters
                continue
            found.append(
                weakest_valley(
                    centres, other, n_numeric=n_numeric, blocks=scaling.blocks, level=level, seed=seed
                )
            )
        p = min(1.0, 2 * len(tried) * min(found))
        rows.append({"n_clusters": k, "valley_p": p, "apart": p <= ALPHA})
    return pd.DataFrame(rows)


def cast_votes(indices: pd.DataFrame) -> dict[str, int]:
    """Return the number of clusters that each index is for.

    Parameters
    ----------
    indices : DataFrame
        As from :func:`index_table`.

    Returns
    -------
    dict of str to int
        By index: the best; for the gap the least number that the next one does not beat by more than its error; for
        the stability the largest number within 0.02 of the best, for a few clusters are always easier to find again.

    Examples
    --------
    >>> cast_votes(pd.DataFrame({"n_clusters": [2, 3], "silhouette": [0.4, 0.5], "calinski_harabasz": [1, 2],
    ...     "davies_bouldin": [1, 2], "gap": [0.1, 0.5], "gap_error": [0.1, 0.1], "stability": [0.9, 0.89]}))
    {'silhouette': 3, 'calinski_harabasz': 3, 'davies_bouldin': 2, 'gap': 3, 'stability': 3}
    """
    table = indices.set_index("n_clusters")
    votes = {
        name: int(table[name].idxmax() if largest else table[name].idxmin())
        for name, largest in INDICES.items()
    }
    beaten = table["gap"] < (table["gap"] - table["gap_error"]).shift(-1)
    votes["gap"] = int(table.index[~beaten][0])
    votes["stability"] = int(table.index[table["stability"] >= table["stability"].max() - 0.02].max())
    return votes


def elected(votes: Mapping[str, int]) -> int:
    """Return the number with the most votes, the smaller of equals.

    Parameters
    ----------
    votes : mapping of str to int
        As from :func:`cast_votes`.

    Returns
    -------
    int

    Examples
    --------
    >>> elected({"a": 3, "b": 3, "c": 2}), elected({"a": 3, "b": 2})
    (3, 2)
    """
    cast = list(votes.values())
    return max(set(cast), key=lambda k: (cast.count(k), -k))
