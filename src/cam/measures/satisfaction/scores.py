"""Scores of a survey with their intervals: net promoter score, satisfaction, response rate."""

from __future__ import annotations

import math
from collections.abc import Mapping

from cam.estimate import Estimate, Z, wilson_interval

#: On a scale of 0 to 10: promoters give at least the first, detractors at most the second.
PROMOTER_FROM, DETRACTOR_TO = 9, 6
#: On a scale of 1 to 5: who counts as satisfied.
SATISFIED_FROM = 4


def nps(
    promoters: int,
    passives: int,
    detractors: int,
    *,
    design_effect: float = 1.0,
    segment: Mapping[str, str] | None = None,
) -> Estimate:
    """Return the net promoter score with its adjusted-Wald interval.

    Parameters
    ----------
    promoters, passives, detractors : int
        Answers of 9 or 10, of 7 or 8, and of 6 or less; together at least one.
    design_effect : float
        How much less the answers tell than as many independent ones, as from :func:`design_effect`.
    segment : mapping of str to str, optional
        What part it speaks of, such as ``{"wave": "2026H1"}``.

    Returns
    -------
    Estimate
        ``nps``, points from -100 to 100; n is the number of answers.

    Raises
    ------
    ValueError
        If a count is negative or all are 0.

    References
    ----------
    Rocks, B. (2016). Interval estimation for the "net promoter score". The American Statistician 70, 365-372.
    (Adjusted Wald: 3/4 is added to promoters and to detractors, 3 to all.)

    Examples
    --------
    >>> score = nps(50, 30, 20)
    >>> score.value, round(score.low, 2), round(score.high, 2)
    (30.0, 14.05, 44.2)
    """
    n = promoters + passives + detractors
    if min(promoters, passives, detractors) < 0 or n < 1:
        raise ValueError(f"nps needs answers; got {promoters}, {passives} and {detractors}")
    centre, error = _adjusted(promoters, passives, detractors, design_effect)
    low, high = max(-100.0, centre - Z * error), min(100.0, centre + Z * error)
    return Estimate("nps", 100 * (promoters - detractors) / n, "points", n, low, high, segment or {})


def nps_change(
    before: tuple[int, int, int],
    after: tuple[int, int, int],
    *,
    design_effects: tuple[float, float] = (1.0, 1.0),
    segment: Mapping[str, str] | None = None,
) -> Estimate:
    """Return the change of the net promoter score between two groups of answers, with its own interval.

    Whether two intervals overlap is not the question: the error of a difference is smaller than the sum of both.

    Parameters
    ----------
    before, after : tuple of int
        Promoters, passives and detractors.
    design_effects : tuple of float
        Of the two, as in :func:`nps`.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate
        ``nps_change``, points; n is the number of answers of both.

    Notes
    -----
    The error is the root of the sum of both squared errors (adjusted as in :func:`nps`). Customers who answered
    both times make the true error smaller still.

    Examples
    --------
    >>> change = nps_change((50, 30, 20), (36, 42, 22))
    >>> change.value, round(change.low, 1), round(change.high, 1)
    (-16.0, -36.4, 5.3)
    """
    scores = nps(*before), nps(*after)
    centres, errors = zip(
        *(_adjusted(*counts, effect) for counts, effect in zip((before, after), design_effects, strict=True)),
        strict=True,
    )
    half = Z * math.hypot(*errors)
    centre = centres[1] - centres[0]
    n = sum(before) + sum(after)
    value = scores[1].value - scores[0].value
    return Estimate(
        "nps_change", value, "points", n, max(-200.0, centre - half), min(200.0, centre + half), segment or {}
    )


def csat(
    satisfied: int, n: int, *, design_effect: float = 1.0, segment: Mapping[str, str] | None = None
) -> Estimate:
    """Return the share of answers in the top two boxes, with its Wilson interval.

    Parameters
    ----------
    satisfied : int
        Answers of 4 or 5 on a scale of 1 to 5.
    n : int
        All answers, at least one.
    design_effect : float
        As in :func:`nps`.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate
        ``csat``, 0 to 1.

    Raises
    ------
    ValueError
        As :func:`cam.estimate.wilson_interval`.

    Examples
    --------
    >>> csat(80, 100).value
    0.8
    """
    return _share("csat", satisfied, n, design_effect, segment)


def response_rate(
    answered: int, invited: int, *, design_effect: float = 1.0, segment: Mapping[str, str] | None = None
) -> Estimate:
    """Return the share of invitations that were answered, with its Wilson interval.

    Parameters
    ----------
    answered, invited : int
        Invitations with an answer, and all; at least one.
    design_effect : float
        As in :func:`nps`.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate
        ``response_rate``, 0 to 1.

    Raises
    ------
    ValueError
        As :func:`cam.estimate.wilson_interval`.

    Examples
    --------
    >>> response_rate(30, 100).value
    0.3
    """
    return _share("response_rate", answered, invited, design_effect, segment)


def design_effect(sums: Mapping[str, int]) -> float:
    """Return how much less answers tell because some customers gave several.

    Parameters
    ----------
    sums : mapping of str to int
        As from :func:`cam.reduce.responses.answer_sums`: ``n`` (> 0), ``total``, ``squared``, ``tt``, ``tm``,
        ``mm``.

    Returns
    -------
    float
        Variance of the mean score over customers, against that of independent answers. 1 where every customer
        answered once; never below 1, so that a lucky draw cannot shorten an interval.

    References
    ----------
    Rao, J. N. K., Scott, A. J. (1992). A simple method for the analysis of clustered binary data. Biometrics 48,
    577-585. (Counts are divided by the design effect, then treated as independent.)

    Examples
    --------
    >>> design_effect({"n": 4, "total": 0, "squared": 4, "tt": 8, "tm": 0, "mm": 8})  # each twice, alike
    2.0
    """
    n, total = int(sums["n"]), int(sums["total"])
    # All times n squared, in whole numbers: customers who answered once give exactly 1.
    alone = n * (n * int(sums["squared"]) - total**2)
    together = n**2 * int(sums["tt"]) - 2 * n * total * int(sums["tm"]) + total**2 * int(sums["mm"])
    if alone:
        return max(1.0, together / alone)
    # All answers are the same: nothing tells how alike one customer's are, so they are taken as one.
    return max(1.0, int(sums["mm"]) / n)


def _adjusted(
    promoters: float, passives: float, detractors: float, design_effect: float
) -> tuple[float, float]:
    """Centre and standard error of the adjusted score, in points."""
    n = (promoters + passives + detractors) / design_effect + 3
    up, down = ((count / design_effect + 0.75) / n for count in (promoters, detractors))
    return 100 * (up - down), 100 * math.sqrt((up + down - (up - down) ** 2) / n)


def _share(
    figure: str, successes: int, n: int, design_effect: float, segment: Mapping[str, str] | None
) -> Estimate:
    low, high = wilson_interval(successes / design_effect, n / design_effect)
    return Estimate(figure, successes / n, "share", n, low, high, segment or {})
