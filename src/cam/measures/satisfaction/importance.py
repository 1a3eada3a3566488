"""How much of the differences in a score each item accounts for: the shares of R squared, and their uncertainty.

Items go together, so that no single order of taking them in is right: LMG averages over all orders (Shapley's value).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Items up to which all 2^p sets of them are gone through; beyond, Johnson's weights take their place.
MOST_FOR_LMG = 12
#: A variance that is left of an item after others, as a share of its own, which is nothing but rounding.
_NOTHING_LEFT = 1e-9
#: Resamples draw customers; more of them than this are first put into so many parts by lot, and the parts drawn.
_MOST_PARTS = 4_000
#: Numbers in memory at once.
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True)
class ImportanceFit:
    """Shares of R squared, with the resamples that say how sure they are.

    Attributes
    ----------
    items : tuple of str
        Names, p.
    method : str
        ``lmg`` or ``johnson``.
    shares : array, p
        Of the variance of the outcome, 0 to 1; they sum to *r_squared*.
    r_squared : float
        Share of the variance that all items together account for, in a linear model.
    means : array, p
        Of the answers.
    share_draws, mean_draws : array, resamples x p
        The same in resamples of the customers.
    n, n_clusters : int
        Answers, and the customers who gave them.
    """

    items: tuple[str, ...]
    method: str
    shares: Floats
    r_squared: float
    means: Floats
    share_draws: Floats
    mean_draws: Floats
    n: int
    n_clusters: int

    @property
    def table(self) -> pd.DataFrame:
        """One row per item: *item*, *share*, *low*, *high*, *mean*, *mean_low*, *mean_high* (95 %)."""
        low, high = limits(self.shares, self.share_draws)
        mean_low, mean_high = np.percentile(self.mean_draws, [2.5, 97.5], axis=0)
        return pd.DataFrame(
            {
                "item": self.items,
                "share": self.shares,
                "low": np.clip(low, 0.0, 1.0),
                "high": np.clip(high, 0.0, 1.0),
                "mean": self.means,
                "mean_low": mean_low,
                "mean_high": mean_high,
            }
        )

    @property
    def r_squared_limits(self) -> tuple[float, float]:
        """The 95 % interval of R squared."""
        low, high = limits(np.array([self.r_squared]), self.share_draws.sum(axis=1, keepdims=True))
        return max(0.0, float(low[0])), min(1.0, float(high[0]))


def limits(values: Floats, draws: Floats) -> tuple[Floats, Floats]:
    """Return 95 % limits of values from resamples, put right for what resampling adds.

    Parameters
    ----------
    values : array, p
        From the customers as they are.
    draws : array, resamples x p
        The same from resamples of them.

    Returns
    -------
    tuple of array
        Lower and upper limits.

    Notes
    -----
    A share of R squared cannot be negative, so that chance adds to it: about (1 - R squared) / n per item, and the same
    once more in each resample. Percentiles moved down by twice the mean that resampling adds (one time for the
    resample, one for the value itself) are right for items that have effects, and too low for one that only goes with
    others. So the limits span both, the percentiles as they are and as moved; over 1,000 surveys of 150 customers they
    held the truth of every item in 94 to 96 %.

    References
    ----------
    Efron, B., Tibshirani, R. J. (1993). An Introduction to the Bootstrap, sections 10.4 and 13.3. Chapman & Hall.

    Examples
    --------
    >>> limits(np.array([1.0]), np.array([[0.9], [1.0], [1.1]]))
    (array([0.905]), array([1.095]))
    """
    added = 2 * (draws.mean(axis=0) - values)
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return low - np.maximum(added, 0), high - np.minimum(added, 0)


def lmg_shares(covariance: Floats) -> Floats:
    """Share R squared among items by LMG: what each adds, averaged over all orders of taking them in.

    Parameters
    ----------
    covariance : array, ... x (p + 1) x (p + 1)
        Of the items and, last, the outcome; any number of such at once. p is at most 12.

    Returns
    -------
    array, ... x p
        They sum to R squared. An item that others tell in full, or that does not vary, adds nothing after them.

    Raises
    ------
    ValueError
        If there are more than 12 items, or none.

    Notes
    -----
    Each item in turn is either swept out of the matrix (it is in the set) or struck out (it is not); what is left at
    the end is the outcome's variance given each of the 2^p sets. An item that has no effect itself but goes with others
    that have has a share above 0: part of what it tells is theirs.

    References
    ----------
    Lindeman, R. H., Merenda, P. F., Gold, R. Z. (1980). Introduction to Bivariate and Multivariate Analysis, p. 119 ff.
    Scott, Foresman. Grömping, U. (2006). Relative importance for linear regression in R: the package relaimpo. Journal
    of Statistical Software 17 (1), section 3.1.

    Examples
    --------
    >>> lmg_shares(np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.3], [0.5, 0.3, 1.0]])).round(2).tolist()
    [0.25, 0.09]
    """
    p = covariance.shape[-1] - 1
    if not 1 <= p <= MOST_FOR_LMG:
        raise ValueError(f"LMG needs 1 to {MOST_FOR_LMG} items; got {p}")
    explained = _of_all_sets(covariance)
    sets = np.arange(2**p)
    sizes = np.array([int(number).bit_count() for number in sets])
    weight = np.array([math.factorial(k) * math.factorial(p - 1 - k) for k in range(p)]) / math.factorial(p)
    found = np.empty((*covariance.shape[:-2], p))
    for place in range(p):
        without = sets[(sets >> place) & 1 == 0]
        gain = explained[without | (1 << place)] - explained[without]
        found[..., place] = np.einsum("s,s...->...", weight[sizes[without]], gain)
    return found


def johnson_shares(covariance: Floats) -> Floats:
    """Share R squared among items by Johnson's relative weights, for more of them than LMG can take.

    Parameters
    ----------
    covariance : array, ... x (p + 1) x (p + 1)
        As for :func:`lmg_shares`, any p.

    Returns
    -------
    array, ... x p
        They sum to R squared.

    Notes
    -----
    The items are turned into the uncorrelated variables nearest to them; the outcome's dependence on these is handed
    back by the squared correlations of both. It comes close to LMG, in a moment.

    References
    ----------
    Johnson, J. W. (2000). A heuristic method for estimating the relative weight of predictor variables in multiple
    regression. Multivariate Behavioral Research 35, 1-19.

    Examples
    --------
    >>> johnson_shares(np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.3], [0.5, 0.3, 1.0]])).round(2).tolist()
    [0.25, 0.09]
    """
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    scale = np.sqrt(np.maximum(variance, np.finfo(float).tiny))
    correlation = covariance / (scale[..., :, None] * scale[..., None, :])
    sizes, turns = np.linalg.eigh(correlation[..., :-1, :-1])
    sizes = np.where(sizes > _NOTHING_LEFT, sizes, 0.0)
    # R = T T, T its root; the slopes of the outcome on the uncorrelated variables are T^-1 r.
    root = np.einsum("...ik,...k,...jk->...ij", turns, np.sqrt(sizes), turns)
    inverse = np.divide(1.0, np.sqrt(sizes), out=np.zeros_like(sizes), where=sizes > 0)
    slopes = np.einsum(
        "...ik,...k,...k->...i",
        turns,
        inverse,
        np.einsum("...ik,...i->...k", turns, correlation[..., :-1, -1]),
    )
    found: Floats = np.einsum("...ij,...j->...i", root**2, slopes**2)
    return found


def relative_importance(
    table: pd.DataFrame,
    *,
    outcome: str,
    items: Sequence[str],
    cluster: str | None = None,
    n_resamples: int = 1000,
    seed: int,
) -> ImportanceFit:
    """Share the explained variance of an outcome among items, with resamples of the customers.

    Parameters
    ----------
    table : DataFrame
        One row per answer, numbers, nothing missing in *outcome* and *items*.
    outcome : str
        The score; its steps count as equal.
    items : sequence of str
        Columns: up to 12 by :func:`lmg_shares`, more by :func:`johnson_shares`.
    cluster : str, optional
        Who answered; resamples draw customers with all their answers. A row without one is a customer of its own.
    n_resamples : int
        How many.
    seed : int
        Of the resamples.

    Returns
    -------
    ImportanceFit

    Raises
    ------
    ValueError
        If a value is missing, there is no item, or the outcome or an item does not vary.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [1, 2, 3, 4, 5, 4], "price": [1, 2, 2, 4, 5, 3], "app": [2, 1, 2, 1, 2, 2]})
    >>> fit = relative_importance(table, outcome="score", items=["price", "app"], n_resamples=50, seed=1)
    >>> fit.shares.round(3).tolist(), round(fit.r_squared, 3)
    ([0.891, 0.018], 0.91)
    """
    names = tuple(items)
    if not names:
        raise ValueError("importance needs at least one item")
    given = table.loc[:, [*names, outcome]].to_numpy(float)
    if not np.isfinite(given).all():
        raise ValueError("importance needs answers without a missing value")
    still = [name for name, width in zip((*names, outcome), np.ptp(given, axis=0), strict=True) if width == 0]
    if still:
        raise ValueError(f"{', '.join(still)}: all answers are the same")
    rng = np.random.default_rng(seed)
    parts, n_clusters = _parts(table, cluster, given, rng)
    whole = parts.sum(axis=0, keepdims=True)
    share = lmg_shares if len(names) <= MOST_FOR_LMG else johnson_shares
    covariance, mean = _moments(whole, given.shape[1])
    shares = share(covariance)[0]
    # A resample of a resample's moments at a time: matrices of all sets of items are many.
    together = max(1, _CHUNK // (2 ** min(len(names), MOST_FOR_LMG) * 4))
    draws, means = [], []
    for first in range(0, n_resamples, together):
        drawn = _resample(parts, min(together, n_resamples - first), rng)
        covariance, drawn_mean = _moments(drawn, given.shape[1])
        draws.append(share(covariance))
        means.append(drawn_mean[:, :-1])
    return ImportanceFit(
        names,
        "lmg" if share is lmg_shares else "johnson",
        shares,
        float(shares.sum()),
        mean[0, :-1],
        np.concatenate(draws),
        np.concatenate(means),
        len(table),
        n_clusters,
    )


def _of_all_sets(covariance: Floats) -> Floats:
    """R squared of every set of items, sets x ...; bit i of a set's number stands for item i."""
    p = covariance.shape[-1] - 1
    left = covariance[None]
    own = np.diagonal(covariance, axis1=-2, axis2=-1)
    for place in range(p):
        pivot, row = left[..., 0, 0], left[..., 0, 1:]
        rest = left[..., 1:, 1:]
        is_some = pivot > _NOTHING_LEFT * own[..., place]
        scale = np.divide(1.0, pivot, out=np.zeros_like(pivot), where=is_some)
        swept = rest - row[..., :, None] * row[..., None, :] * scale[..., None, None]
        # Sets without the item first, then the same sets with it.
        left = np.concatenate([rest, swept])
    total = own[..., -1]
    return 1 - np.divide(left[..., 0, 0], total, out=np.ones_like(left[..., 0, 0]), where=total > 0)


def _parts(
    table: pd.DataFrame, cluster: str | None, given: Floats, rng: np.random.Generator
) -> tuple[Floats, int]:
    """Sums and products of the answers by customer, or by part of the customers; number of customers."""
    order = np.lexsort(given.T)  # customers without a name are told by their answers, not by their place
    who = np.arange(len(table))
    if cluster is not None:
        named, _ = pd.factorize(table[cluster], sort=True)
        alone = np.flatnonzero(named[order] < 0)
        who = named[order]
        who[alone] = named.max() + 1 + np.arange(alone.size)
    n_clusters = int(who.max()) + 1
    n_parts = min(n_clusters, _MOST_PARTS)
    part = who if n_parts == n_clusters else (rng.permutation(n_clusters) % n_parts)[who]
    ones = np.column_stack([given[order], np.ones(len(table))])
    first, second = np.triu_indices(ones.shape[1])
    found: Floats = np.column_stack(
        [np.bincount(part, ones[:, i] * ones[:, j], n_parts) for i, j in zip(first, second, strict=True)]
    )
    return found, n_clusters


def _resample(parts: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Moments of n resamples of the parts, n x moments."""
    size = len(parts)
    found = np.empty((n, parts.shape[1]))
    step = max(1, _CHUNK // size)
    for first in range(0, n, step):
        here = min(step, n - first)
        drawn = rng.integers(0, size, (here, size)) + size * np.arange(here)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=here * size).reshape(here, size)
        # No BLAS: its order of adding depends on the number of threads, and reports are the same bytes.
        found[first : first + here] = np.einsum("rp,pm->rm", counts.astype(float), parts)
    return found


def _moments(sums: Floats, n_columns: int) -> tuple[Floats, Floats]:
    """Covariances and means from sums and products, of many samples at once."""
    size = n_columns + 1
    full = np.empty((len(sums), size, size))
    first, second = np.triu_indices(size)
    full[:, first, second] = full[:, second, first] = sums
    mean = full[:, :-1, -1] / full[:, -1:, -1]
    covariance = full[:, :-1, :-1] / full[:, -1:, -1:] - mean[:, :, None] * mean[:, None, :]
    return covariance, mean
