"""A score over time: which points chance in who answered does not explain, and whether it climbs or falls slowly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from cam.measures.satisfaction.comparisons import shared_covariance
from cam.measures.satisfaction.scores import NET, SHARE, Z, adjusted_mean

#: Points that a chart needs before its limits are more than provisional, and on one side before they are a signal.
ENOUGH_POINTS = RUN_LENGTH = 8
#: Standard errors from the centre to each limit.
SIGMAS = 3.0
#: Points that a trend needs; of two, it is the change.
FEWEST_POINTS = 3


@dataclass(frozen=True, slots=True)
class Trend:
    """Change of a score per point in time, and whether all points could be the same.

    Attributes
    ----------
    value, low, high : float
        Points per step from one point in time to the next.
    p_value : float
        Two-sided, that there is no trend.
    equal_p : float
        That the score is the same at all points.
    n : int
        Answers.
    """

    value: float
    low: float
    high: float
    p_value: float
    equal_p: float
    n: int


def control_chart(points: pd.DataFrame, *, is_share: bool = False) -> pd.DataFrame:
    """Set each point's score beside the centre of all and its own limits.

    Parameters
    ----------
    points : DataFrame
        One row per wave or month, in the order of time: *n*, *up* and *down* (promoters and detractors; for a share,
        yes and none) and *design_effect*; at least one.
    is_share : bool
        Whether the score is a share, 0 to 100, and not a net promoter score, -100 to 100.

    Returns
    -------
    DataFrame
        The same rows with *value* (points), *centre*, *lower*, *upper* (points), *outside* (beyond a
        limit) and *run* (the eighth or a later one of a run on one side of the centre).

    Raises
    ------
    ValueError
        If there is no point, or one without answers.

    Notes
    -----
    The centre is the score of all answers together. Limits stand three standard errors away: the variance of an
    answer within its point, pooled over the points, by the point's n less its design effect. It is what a chart
    of proportions does for two kinds of answer, with three. So the limits hold what chance in *who answered*
    explains; with very many answers per point hardly any point keeps within them, and size is the better question.

    As in :func:`cam.measures.satisfaction.scores.nps`, 3/4 of a promoter and of a detractor are added to the pooled
    answers, so that limits do not shrink to nothing where all answer alike.

    References
    ----------
    Western Electric (1956). Statistical Quality Control Handbook, pages 25-28. (One point beyond three sigma; eight
    in a row on one side.)

    Nelson, L. S. (1984). The Shewhart control chart: tests for special causes. Journal of Quality Technology 16,
    237-239.

    Examples
    --------
    >>> steady = pd.DataFrame({"n": [100, 100], "up": [50, 50], "down": [20, 20], "design_effect": [1.0, 1.0]})
    >>> control_chart(steady)[["value", "centre", "lower", "outside", "run"]].round(1).values.tolist()
    [[30.0, 30.0, 6.5, False, False], [30.0, 30.0, 6.5, False, False]]
    """
    n, up, down = (points[name].to_numpy(dtype=float) for name in ("n", "up", "down"))
    if not len(points) or n.min() < 1:
        raise ValueError("a control chart needs points with answers")
    value = (up - down) / n
    centre = (up - down).sum() / n.sum()
    # Numbers are whole, so a sum of them is exact in any order.
    within = (up + down).sum() - ((up - down) ** 2 / n).sum()
    variance = (within + 1.5) / (n.sum() - len(n) + 3)
    half = SIGMAS * np.sqrt(variance * points["design_effect"].to_numpy(dtype=float) / n)
    return points.assign(
        value=100 * value,
        centre=100 * centre,
        lower=np.maximum(0.0 if is_share else -100.0, 100 * (centre - half)),
        upper=np.minimum(100.0, 100 * (centre + half)),
        outside=np.abs(value - centre) > half,
        run=_runs(np.sign(value - centre)) >= RUN_LENGTH,
    )


def score_trend(
    points: pd.DataFrame,
    shared: Mapping[tuple[int, int], Mapping[str, Any]] | None = None,
    *,
    is_share: bool = False,
) -> Trend:
    """Fit a straight line through the scores of points in time.

    Parameters
    ----------
    points : DataFrame
        One row per wave or month, in the order of time: *n*, *total*, *squared* (number, sum and sum of squares of the
        scores) and *design_effect*; at least three.
    shared : mapping, optional
        By the places of two points (from 0, the earlier first), the sums over customers who answered at both, as from
        :func:`cam.reduce.responses.shared_sums`; a pair that is not in it shares no customer.
    is_share : bool
        Whether scores are 0 and 1, and not -1, 0 and 1.

    Returns
    -------
    Trend
        Points per step, with a 95 % interval.

    Raises
    ------
    ValueError
        If there are fewer than three points, or one without answers.

    Notes
    -----
    Least squares, weighted by each point's answers less its design effect. The error is that of the same weighted sum
    of the scores: centres and variances adjusted as in :func:`cam.measures.satisfaction.scores.mean_difference`, and
    the covariance of points that share customers. It is of chance in who answered, not of how well a line fits.
    Equality of all points is Wald's test with the same covariances and, as it would be true, one variance of an answer
    at all points.

    References
    ----------
    Cochran, W. G. (1954). Some methods for strengthening the common chi-square tests. Biometrics 10, 417-451. (A
    trend finds what a test of all differences, or single steps, cannot see.)

    Examples
    --------
    >>> sums = {"n": [100] * 4, "total": [10, 16, 22, 28], "squared": [70] * 4, "design_effect": [1.0] * 4}
    >>> found = score_trend(pd.DataFrame(sums))
    >>> [round(number, 2) for number in (found.value, found.low, found.high, found.p_value)]
    [6.0, -1.15, 12.81, 0.1]
    """
    if len(points) < FEWEST_POINTS or points["n"].min() < 1:
        raise ValueError("a trend needs three points with answers")
    added = SHARE if is_share else NET
    rows = points.to_dict("records")
    n, total, effect = (points[name].to_numpy(dtype=float) for name in ("n", "total", "design_effect"))
    covariance, centre = np.zeros((len(rows), len(rows))), np.zeros(len(rows))
    for place, row in enumerate(rows):
        centre[place], error = adjusted_mean(
            row["n"], row["total"], row["squared"], design_effect=row["design_effect"], added=added
        )
        covariance[place, place] = error**2
    # Answers that are added belong to nobody, so they share nothing.
    kept = n / (n + added.n * effect)
    for (one, other), sums in (shared or {}).items():
        both = kept[one] * kept[other] * shared_covariance(rows[one], rows[other], sums)
        covariance[one, other] = covariance[other, one] = both
    mean, weight = total / n, n / effect
    away = np.arange(len(rows)) - np.average(np.arange(len(rows)), weights=weight)
    share = weight * away / (weight * away**2).sum()
    value, middle = math.fsum(share * mean), math.fsum(share * centre)
    error = math.sqrt(max(0.0, share @ covariance @ share))
    within = points["squared"].sum() - (total**2 / n).sum()
    np.fill_diagonal(covariance, (within + added.squared) / (n.sum() - len(n) + added.n) * effect / n)
    steps = np.diff(np.eye(len(rows)), axis=0)
    change = steps @ mean
    apart = float(change @ np.linalg.pinv(steps @ covariance @ steps.T, hermitian=True) @ change)
    return Trend(
        value=100 * value,
        low=100 * min(middle - Z * error, value),
        high=100 * max(middle + Z * error, value),
        p_value=math.erfc(abs(middle) / error / math.sqrt(2)) if error else 1.0,
        equal_p=float(chi2.sf(apart, len(rows) - 1)),
        n=int(n.sum()),
    )


def _runs(side: np.ndarray) -> np.ndarray:
    """How many points in a row, up to this one, lie on its side; 0 on the centre."""
    lengths, length = [], 0
    for place, here in enumerate(side):
        same = place > 0 and here == side[place - 1]
        length = 0 if here == 0 else (length + 1 if same else 1)
        lengths.append(length)
    return np.array(lengths)
