"""How many comments speak of a theme, and how those who wrote them scored, against those who did not."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.estimate import Estimate, wilson_interval
from cam.measures.satisfaction.scores import (
    DETRACTOR_TO,
    PROMOTER_FROM,
    SATISFIED_FROM,
    csat,
    design_effect,
    nps,
)

#: On a scale of 1 to 7: who found it easy.
EASY_FROM = 5


def signs(score: pd.Series, *, outcome: str) -> pd.Series:
    """Turn answers into what a score averages: promoter 1, detractor -1; top boxes 1, all others 0.

    Parameters
    ----------
    score : Series
        Answers; a missing one stays missing.
    outcome : str
        ``nps`` (0 to 10), ``csat`` (1 to 5) or ``ces`` (1 to 7).

    Returns
    -------
    Series of float

    Raises
    ------
    ValueError
        For any other outcome.

    Examples
    --------
    >>> signs(pd.Series([10, 7, 0, None]), outcome="nps").tolist()
    [1.0, 0.0, -1.0, nan]
    """
    score = score.astype(float)
    if outcome == "nps":
        found = (score >= PROMOTER_FROM).astype(float) - (score <= DETRACTOR_TO).astype(float)
    elif outcome in ("csat", "ces"):
        found = (score >= (SATISFIED_FROM if outcome == "csat" else EASY_FROM)).astype(float)
    else:
        raise ValueError(f"outcome must be nps, csat or ces; got {outcome!r}")
    return found.where(score.notna())


def share_of(
    figure: str, mentions: pd.Series, customer: pd.Series, *, segment: Mapping[str, str]
) -> Estimate:
    """Return the share of comments that speak of something, with an interval for customers who wrote several.

    Parameters
    ----------
    figure : str
        Name of the figure.
    mentions : Series of bool
        Of each comment; at least one comment.
    customer : Series
        Who wrote it.
    segment : mapping of str to str
        What it speaks of.

    Returns
    -------
    Estimate
        Share, with Wilson's interval on the effective number of comments.

    References
    ----------
    Rao, J. N. K., Scott, A. J. (1992). A simple method for the analysis of clustered binary data. Biometrics 48,
    577-585.

    Examples
    --------
    >>> found = share_of("theme_share", pd.Series([True, False] * 50), pd.Series(range(100)), segment={})
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (0.5, 0.404, 0.596)
    """
    value, n = mentions.astype(float), len(mentions)
    effect = design_effect(_sums(value, customer))
    low, high = wilson_interval(float(value.sum()) / effect, n / effect)
    return Estimate(figure, float(value.mean()), "share", n, low, high, dict(segment))


def score_of(sign: pd.Series, customer: pd.Series, *, outcome: str, segment: Mapping[str, str]) -> Estimate:
    """Return the score of those who wrote some comments.

    Parameters
    ----------
    sign : Series of float
        From :func:`signs`, without missing ones; at least one.
    customer : Series
        Who answered.
    outcome : str
        As in :func:`signs`.
    segment : mapping of str to str
        What part it speaks of.

    Returns
    -------
    Estimate
        NPS in points, or the share in the top boxes; called after the outcome.

    Examples
    --------
    >>> score_of(pd.Series([1.0, 0.0, -1.0, 1.0]), pd.Series(range(4)), outcome="nps", segment={}).value
    25.0
    """
    effect = design_effect(_sums(sign, customer))
    up, down = int((sign == 1).sum()), int((sign == -1).sum())
    if outcome == "nps":
        return nps(up, len(sign) - up - down, down, design_effect=effect, segment=dict(segment))
    found = csat(up, len(sign), design_effect=effect, segment=dict(segment))
    return Estimate(outcome, found.value, found.unit, found.n, found.low, found.high, found.segment)


def against_the_rest(
    sign: NDArray[np.float64], inside: NDArray[np.bool_], customer: NDArray[np.object_]
) -> tuple[float, float, float, float]:
    """Compare the score of those who speak of a theme with the score of those who do not.

    Parameters
    ----------
    sign : ndarray of float
        From :func:`signs`, without missing ones.
    inside : ndarray of bool
        Who speaks of it: two at least, and two who do not.
    customer : ndarray
        Who answered: answers of one customer are alike, on both sides.

    Returns
    -------
    tuple of float
        Difference in points, low and high of its 95 % interval, and the p-value of no difference.

    Raises
    ------
    ValueError
        If a side has fewer than two customers, or all answers are the same.

    References
    ----------
    Liang, K.-Y., Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models. Biometrika 73, 13-22
    (the sandwich over customers). Welch, B. L. (1947). The generalization of "Student's" problem when several different
    population variances are involved. Biometrika 34, 28-35 (degrees of freedom).

    Examples
    --------
    >>> sign = np.array([1.0] * 30 + [-1.0] * 30 + [1.0] * 10)
    >>> found = against_the_rest(sign, np.arange(70) < 35, np.arange(70))
    >>> [round(number, 1) for number in found[:3]]
    [114.3, 75.1, 153.4]
    """
    from scipy.stats import t as student  # here, because it makes every start slower

    names, owner = np.unique(customer, return_inverse=True)
    sides = []
    for side in (inside, ~inside):
        n, people = int(side.sum()), len(np.unique(owner[side]))
        if people < 2:
            raise ValueError(f"a comparison needs two customers on each side; got {people}")
        sides.append((n, people, float(sign[side].mean())))
    spread = float(np.var(sign))
    if spread == 0:
        raise ValueError("all answers are the same")
    (n, people, mean), (n_rest, people_rest, mean_rest) = sides
    influence = np.where(inside, (sign - mean) / n, -(sign - mean_rest) / n_rest)
    by_customer = np.bincount(owner, influence, minlength=len(names))
    # Each side's own part; where all of a side agree, the spread of all answers stands in for its own.
    parts, own = [], 0.0
    for side, (n_side, people_side, _) in zip((inside, ~inside), sides, strict=True):
        squares = float((np.bincount(owner[side], influence[side], minlength=len(names)) ** 2).sum())
        is_one = np.ptp(sign[side]) == 0
        parts.append(spread / n_side if is_one else squares * people_side / (people_side - 1))
        own += squares
    # What the sides share, through customers who answered on both.
    shared = float((by_customer**2).sum()) - own
    variance = max(sum(parts) + shared, min(parts))
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (people - 1) + parts[1] ** 2 / (people_rest - 1))
    gap, error = mean - mean_rest, math.sqrt(variance)
    half = float(student.ppf(0.975, freedom)) * error
    p = 2 * float(student.sf(abs(gap) / error, freedom))
    return 100 * gap, 100 * (gap - half), 100 * (gap + half), p


def _sums(value: pd.Series, customer: pd.Series) -> dict[str, int]:
    """What a design effect needs, as from the engine."""
    whole = value.astype(int)
    people = whole.groupby(customer.to_numpy(), sort=False).agg(["sum", "count"])
    t, m = people["sum"].to_numpy(), people["count"].to_numpy()
    return {
        "n": len(whole),
        "total": int(whole.sum()),
        "squared": int((whole**2).sum()),
        "tt": int((t * t).sum()),
        "tm": int((t * m).sum()),
        "mm": int((m * m).sum()),
    }
