"""Control chart of a score over time: which points chance in who answered does not explain."""

from __future__ import annotations

import numpy as np
import pandas as pd

#: Points that a chart needs before its limits are more than provisional, and on one side before they are a signal.
ENOUGH_POINTS = RUN_LENGTH = 8
#: Standard errors from the centre to each limit.
SIGMAS = 3.0


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


def _runs(side: np.ndarray) -> np.ndarray:
    """How many points in a row, up to this one, lie on its side; 0 on the centre."""
    lengths, length = [], 0
    for place, here in enumerate(side):
        same = place > 0 and here == side[place - 1]
        length = 0 if here == 0 else (length + 1 if same else 1)
        lengths.append(length)
    return np.array(lengths)
