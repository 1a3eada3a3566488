"""Two groups compared within strata: the core that comparisons of customers of the same standing share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StratifiedFit:
    """Two groups over their common strata, and what each cluster adds to the errors.

    Attributes
    ----------
    value, other : float
        Means of the one group and of the other over the same strata, in the unit of the outcome; both 0 where no
        stratum has rows of both.
    is_used : array of bool
        By row: whether its stratum has rows of both.
    by_cluster, log_by_cluster : array
        By cluster, in their order: what it adds to ``value - other``, and to the log of ``value / other`` (0 where a
        mean is not above 0). The root of the sum of squares is the standard error.
    """

    value: float
    other: float
    is_used: NDArray[np.bool_]
    by_cluster: Floats
    log_by_cluster: Floats


def compare_within(
    outcome: Floats,
    is_one: NDArray[np.bool_],
    *,
    stratum: NDArray[np.int64],
    cluster: NDArray[np.int64],
    weight: Floats,
    count: Floats,
) -> StratifiedFit:
    r"""Compare two groups within strata by the difference and the ratio of Mantel and Haenszel, of any number.

    Parameters
    ----------
    outcome : array
        By row.
    is_one : array of bool
        Whether a row is of the one group, or of the other.
    stratum, cluster : array of int
        Numbers from 0 without gaps; errors are summed over clusters.
    weight, count : array
        What a row weighs, and how many observations it is. Of counted cells both are the count.

    Returns
    -------
    StratifiedFit

    Notes
    -----
    With means :math:`\bar y_1` of :math:`n_1` rows of the one group and :math:`\bar y_0` of :math:`n_0` of the other in
    a stratum of :math:`N = n_1 + n_0` (by weight), the difference is

    .. math:: \hat\Delta = \frac{\sum w (\bar y_1 - \bar y_0)}{\sum w}, \quad w = \frac{n_1 n_0}{N}

    Residuals are from the stratum's own level, which both groups share once the difference (or the ratio) is taken
    off; N / (N - 1), of observations, gives back what that level took from them.

    References
    ----------
    Greenland, S., Robins, J. M. (1985). Estimation of a common effect parameter from sparse follow-up data. Biometrics
    41, 55-68. (Section 2.)

    Examples
    --------
    >>> import numpy as np
    >>> ones, rows = np.ones(8), np.arange(8)
    >>> found = compare_within(np.array([3.0, 5, 2, 2] * 2), rows % 4 < 2, stratum=rows // 4, cluster=rows, weight=ones,
    ...     count=ones)
    >>> found.value, found.other
    (4.0, 2.0)
    """
    import numpy as np  # here, because an unchanged report must answer before it is loaded

    n_strata = int(stratum.max(initial=-1)) + 1

    def over_strata(values: Floats) -> Floats:
        return np.bincount(stratum, values, minlength=n_strata).astype(np.float64)

    n_clusters = int(cluster.max(initial=-1)) + 1
    one, other = over_strata(weight * is_one), over_strata(weight * ~is_one)
    a, c = over_strata(weight * outcome * is_one), over_strata(weight * outcome * ~is_one)
    has_both = (one > 0) & (other > 0)
    whole = np.where(has_both, one + other, 1.0)
    total = float(np.sum(np.where(has_both, one * other / whole, 0.0)))
    is_used = has_both[stratum]
    if total == 0:
        nothing = np.zeros(n_clusters)
        return StratifiedFit(0.0, 0.0, is_used, nothing, nothing)
    value = float(np.sum(np.where(has_both, a * other / whole, 0.0))) / total
    against = float(np.sum(np.where(has_both, c * one / whole, 0.0))) / total
    size = over_strata(count)
    widen = np.sqrt(size / np.maximum(size - 1, 1))[stratum]
    side = np.where(is_one, other[stratum], -one[stratum]) / whole[stratum] * is_used * weight * widen
    level = (a + c - (value - against) * one) / whole
    residual = outcome - (value - against) * is_one - level[stratum]
    by_cluster = np.bincount(cluster, side * residual) / total
    log_by_cluster = np.zeros(n_clusters)
    if value > 0 and against > 0:
        ratio = value / against
        base = (a + c) / np.where(has_both, one * ratio + other, 1.0)
        expected = np.where(is_one, ratio, 1.0) * base[stratum]
        scale = np.where(is_one, 1.0, ratio) / (value * total)
        log_by_cluster = np.bincount(cluster, side * scale * (outcome - expected)).astype(np.float64)
    few = np.sqrt(n_clusters / max(n_clusters - 1, 1))
    return StratifiedFit(value, against, is_used, few * by_cluster, few * log_by_cluster)
