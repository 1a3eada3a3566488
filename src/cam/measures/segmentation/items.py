"""Attitude items in numbers: their correlations, and whether there is anything in them to factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cam.measures.segmentation.extraction import Floats, draw_correlations

#: Items that are as alike as this are one.
SAME_FROM = 1 - 1e-9
#: Unrelated items would look related to Bartlett's test this often.
SIGNIFICANT = 0.01
#: Percentile of eigenvalues of unrelated items that a factor must surpass.
_PERCENTILE = 95
_DRAWS = 500
#: Below this eigenvalue one item is a sum of others.
_SINGULAR = 1e-9


@dataclass(frozen=True, slots=True)
class ItemsFit:
    """What factor analysis takes from the customers who answered all items.

    Attributes
    ----------
    items : tuple of str
        Names.
    n : int
        Customers.
    mean, sd : array, items
        Of the answers, on each item's own scale; sd above 0.
    correlation : array, items x items
        Of the answers (R).
    """

    items: tuple[str, ...]
    n: int
    mean: Floats
    sd: Floats
    correlation: Floats

    @property
    def covariance(self) -> Floats:
        """Of the answers, on their own scales."""
        return self.correlation * np.outer(self.sd, self.sd)

    def only(self, items: Sequence[str]) -> ItemsFit:
        """Return the same of some of the items."""
        at = [self.items.index(item) for item in items]
        return ItemsFit(tuple(items), self.n, self.mean[at], self.sd[at], self.correlation[np.ix_(at, at)])


@dataclass(frozen=True, slots=True)
class FactorChecks:
    """Whether there is anything to factor, and how many factors there may be.

    Attributes
    ----------
    n, n_items : int
        Customers and items.
    kmo : float
        Kaiser's measure of sampling adequacy, 0 to 1.
    chi2, p : float
        Bartlett's test of sphericity; p is the chance of such correlations among unrelated items.
    eigenvalues : array, items
        Of the correlations, falling.
    chance : array, items
        The 95th percentile of those of as many unrelated items and customers.
    """

    n: int
    n_items: int
    kmo: float
    chi2: float
    p: float
    eigenvalues: Floats
    chance: Floats

    @property
    def n_suggested(self) -> int:
        """Factors by parallel analysis; 0 where Bartlett's test finds the items unrelated."""
        if self.p >= SIGNIFICANT:
            return 0
        is_more = self.eigenvalues > self.chance
        return min(len(is_more) if is_more.all() else int(is_more.argmin()), most_factors(self.n_items))


def most_factors(n_items: int) -> int:
    """Return how many factors so many items can hold, so that no fewer correlations than loadings are free.

    Parameters
    ----------
    n_items : int
        At least 1.

    Returns
    -------
    int
        0 below three items.

    References
    ----------
    Ledermann, W. (1937). On the rank of the reduced correlational matrix in multiple-factor analysis. Psychometrika
    2, 85-93.

    Examples
    --------
    >>> [most_factors(n) for n in (2, 3, 4, 5, 6, 9)]
    [0, 1, 1, 2, 3, 5]
    """
    return max(k for k in range(n_items) if (n_items - k) ** 2 >= n_items + k)


def measure_items(sums: Mapping[str, Any], items: Sequence[str], *, unit: int = 1) -> ItemsFit:
    """Turn exact sums and cross-products into means, standard deviations and correlations.

    Parameters
    ----------
    sums : mapping of str to whole number
        ``n`` (at least 2), ``sum_i`` and ``product_i_j`` (i <= j), as from
        :func:`cam.reduce.attitudes.item_sums`.
    items : sequence of str
        Names, in the order of the places.
    unit : int
        Units of the sums in one of the answers.

    Returns
    -------
    ItemsFit

    Raises
    ------
    ValueError
        If there are fewer than two customers, or an item that does not vary.

    Examples
    --------
    >>> sums = {"n": 3, "sum_0": 6, "sum_1": 9, "product_0_0": 14, "product_0_1": 19, "product_1_1": 29}
    >>> fit = measure_items(sums, ["x", "y"])
    >>> fit.mean.tolist(), round(float(fit.correlation[0, 1]), 4)
    ([2.0, 3.0], 0.5)
    """
    n, size = int(sums["n"]), len(items)
    if n < 2:
        raise ValueError(f"correlations need two customers; got {n}")
    totals = [int(sums[f"sum_{i}"]) for i in range(size)]
    # Whole numbers to the end: n times products less products of sums loses no digit.
    spread = np.array(
        [
            [
                float(n * int(sums[f"product_{min(i, j)}_{max(i, j)}"]) - totals[i] * totals[j])
                for j in range(size)
            ]
            for i in range(size)
        ]
    )
    variance = np.diag(spread)
    if (variance <= 0).any():
        still = [item for item, own in zip(items, variance, strict=True) if own <= 0]
        raise ValueError(f"{', '.join(still)}: the same answer from everybody")
    root = np.sqrt(variance)
    correlation = spread / np.outer(root, root)
    np.fill_diagonal(correlation, 1.0)
    mean = np.array(totals) / n / unit
    return ItemsFit(tuple(items), n, mean, root / np.sqrt(float(n) * (n - 1)) / unit, correlation)


def copies(measured: ItemsFit) -> dict[str, str]:
    """Name the items that only repeat another, before them or upside down.

    Parameters
    ----------
    measured : ItemsFit
        All items.

    Returns
    -------
    dict of str to str
        The copy: what it repeats.

    Examples
    --------
    >>> same = ItemsFit(("x", "y"), 9, np.zeros(2), np.ones(2), np.ones((2, 2)))
    >>> copies(same)
    {'y': 'x'}
    """
    found: dict[str, str] = {}
    for j, item in enumerate(measured.items):
        for i in range(j):
            if abs(measured.correlation[i, j]) >= SAME_FROM and measured.items[i] not in found:
                found[item] = measured.items[i]
                break
    return found


def singular_items(measured: ItemsFit) -> list[str]:
    """Name the items of which one is a weighted sum of the others; none where the correlations are regular.

    Parameters
    ----------
    measured : ItemsFit
        All items.

    Returns
    -------
    list of str

    Examples
    --------
    >>> r = np.array([[1, 0, 0.6, 0], [0, 1, 0.8, 0], [0.6, 0.8, 1, 0], [0, 0, 0, 1]])
    >>> singular_items(ItemsFit(tuple("abcd"), 9, np.zeros(4), np.ones(4), r))
    ['a', 'b', 'c']
    """
    roots, vectors = np.linalg.eigh(measured.correlation)
    weight = np.abs(vectors[:, roots < _SINGULAR]).max(axis=1, initial=0.0)
    return [item for item, part in zip(measured.items, weight, strict=True) if part > 1e-6]


def check_items(measured: ItemsFit, *, seed: int) -> FactorChecks:
    """Measure whether items share anything, and compare their eigenvalues with those of unrelated items.

    Parameters
    ----------
    measured : ItemsFit
        At least three items whose correlations are not singular.
    seed : int
        Of the random numbers.

    Returns
    -------
    FactorChecks

    Raises
    ------
    ValueError
        If the correlations are singular, or the customers no more than the items.

    References
    ----------
    Kaiser, H. F., Rice, J. (1974). Little jiffy, mark IV. Educational and Psychological Measurement 34, 111-117.
    Bartlett, M. S. (1951). The effect of standardization on a chi-square approximation in factor analysis.
    Biometrika 38, 337-344. Horn, J. L. (1965). A rationale and test for the number of factors in factor analysis.
    Psychometrika 30, 179-185; with the 95th percentile in place of the mean: Glorfeld, L. W. (1995). An improvement
    on Horn's parallel analysis methodology. Educational and Psychological Measurement 55, 377-393.

    Examples
    --------
    >>> r = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    >>> checks = check_items(ItemsFit(tuple("abcd"), 200, np.zeros(4), np.ones(4), r), seed=1)
    >>> round(checks.kmo, 3), checks.n_suggested
    (0.8, 1)
    """
    from scipy.stats import chi2  # here, because it makes every start slower

    r, n, size = measured.correlation, measured.n, len(measured.items)
    eigenvalues: Floats = np.asarray(np.linalg.eigvalsh(r)[::-1], dtype=np.float64)
    if eigenvalues[-1] < _SINGULAR:
        raise ValueError("one item is a sum of others, so the correlations are singular")
    inverse = np.linalg.inv(r)
    scale = np.sqrt(np.diag(inverse))
    off = ~np.eye(size, dtype=bool)
    partial = ((inverse / np.outer(scale, scale))[off] ** 2).sum()
    whole = (r[off] ** 2).sum()
    statistic = -(n - 1 - (2 * size + 5) / 6) * float(np.log(eigenvalues).sum())
    draws = draw_correlations(np.eye(size), n=n, n_draws=_DRAWS, seed=seed)
    by_chance: Floats = np.asarray(
        np.percentile(np.linalg.eigvalsh(draws)[:, ::-1], _PERCENTILE, axis=0), dtype=np.float64
    )
    # Without any correlation both sums are nought, and there is as little to share as can be.
    kmo = float(whole / (whole + partial)) if whole > 0 else 0.0
    p = float(chi2.sf(statistic, size * (size - 1) / 2))
    return FactorChecks(n, size, kmo, statistic, p, eigenvalues, by_chance)
