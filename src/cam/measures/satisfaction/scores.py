"""Scores of a survey with their intervals: net promoter score, satisfaction, effort, response rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cam.estimate import Estimate, Z, wilson_interval

#: On a scale of 0 to 10: promoters give at least the first, detractors at most the second.
PROMOTER_FROM, DETRACTOR_TO = 9, 6
#: On a scale of 1 to 5: who counts as satisfied.
SATISFIED_FROM = 4
#: On a scale of 1 (strongly disagree that it was made easy) to 7: who counts as eased.
EASED_FROM = 5
#: Least and most of that scale.
EASE_SCALE = (1, 7)


@dataclass(frozen=True, slots=True)
class Added:
    """Answers of nobody that are added to a group, so that its interval stays honest where answers are few or alike.

    Attributes
    ----------
    n, total, squared : float
        How many, the sum of their scores and of its squares.
    reach : float
        The farthest that two means can lie apart.
    """

    n: float
    total: float
    squared: float
    reach: float


#: To promoters (1), passives (0) and detractors (-1): 3/4 promoter, 3/4 detractor, 3 in all (Rocks 2016).
NET = Added(3.0, 0.0, 1.5, 2.0)
#: To a share that is compared with another: one yes and one no (Agresti and Caffo 2000).
SHARE = Added(2.0, 1.0, 1.0, 1.0)


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
    centre, error = _points(promoters, passives, detractors, design_effect)
    value = 100 * (promoters - detractors) / n
    # The adjusted centre lies towards 0; a single answer would stand outside its own interval.
    low, high = max(-100.0, min(centre - Z * error, value)), min(100.0, max(centre + Z * error, value))
    return Estimate("nps", value, "points", n, low, high, segment or {})


def nps_change(
    before: tuple[int, int, int],
    after: tuple[int, int, int],
    *,
    design_effects: tuple[float, float] = (1.0, 1.0),
    covariance: float = 0.0,
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
    covariance : float
        Of the two mean scores (-1 to 1), as from
        :func:`cam.measures.satisfaction.comparisons.shared_covariance`: what customers who answered both times have in
        common. 0 where nobody did, or where nobody can tell.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate
        ``nps_change``, points; n is the number of answers of both.

    Notes
    -----
    The squared error is the sum of both squared errors less twice the covariance, adjusted as in
    :func:`mean_difference`.

    Examples
    --------
    >>> change = nps_change((50, 30, 20), (36, 42, 22))
    >>> change.value, round(change.low, 1), round(change.high, 1)
    (-16.0, -36.4, 5.3)
    """
    sums = [
        {"n": sum(counts), "total": counts[0] - counts[2], "squared": counts[0] + counts[2]}
        for counts in (after, before)
    ]
    value, low, high, _ = mean_difference(
        sums[0], sums[1], design_effects=design_effects[::-1], covariance=covariance
    )
    n = sums[0]["n"] + sums[1]["n"]
    return Estimate("nps_change", 100 * value, "points", n, 100 * low, 100 * high, segment or {})


def mean_difference(
    one: Mapping[str, Any],
    other: Mapping[str, Any],
    *,
    design_effects: tuple[float, float] = (1.0, 1.0),
    covariance: float = 0.0,
    added: Added = NET,
) -> tuple[float, float, float, float]:
    """Return the mean score of one group less that of another, with its interval and p-value.

    Parameters
    ----------
    one, other : mapping
        ``n`` (> 0), ``total`` and ``squared``: number, sum and sum of squares of the scores.
    design_effects : tuple of float
        Of the two, as from :func:`design_effect`.
    covariance : float
        Of both means, as from :func:`cam.measures.satisfaction.comparisons.shared_covariance`.
    added : Added
        The answers that are added to each side: ``NET`` for promoters less detractors, ``SHARE`` for shares.

    Returns
    -------
    tuple of float
        The difference as observed, the limits of its interval, and the p-value (two-sided) of no difference, from the
        same adjusted centre and error.

    Raises
    ------
    ValueError
        If a group has no answer.

    Notes
    -----
    Adjusted as :func:`nps` for scores (Rocks 2016), with one yes and one no more on each side for shares (Agresti and
    Caffo 2000). The answers that are added belong to nobody, so they have no part in the covariance: customers who say
    the same twice make the error small, and never zero.

    References
    ----------
    Agresti, A., Caffo, B. (2000). Simple and effective confidence intervals for proportions and differences of
    proportions result from adding two successes and two failures. The American Statistician 54, 280-288.

    Rocks, B. (2016). Interval estimation for the "net promoter score". The American Statistician 70, 365-372.

    Examples
    --------
    >>> one, other = {"n": 100, "total": 30, "squared": 70}, {"n": 100, "total": 14, "squared": 58}
    >>> [round(number, 3) for number in mean_difference(one, other)]
    [0.16, -0.053, 0.364, 0.145]
    """
    if min(int(one["n"]), int(other["n"])) < 1:
        raise ValueError("a difference needs answers on both sides")
    centres, variance, kept = [], 0.0, 1.0
    for sums, effect in zip((one, other), design_effects, strict=True):
        n = int(sums["n"])
        centre, error = adjusted_mean(
            n, int(sums["total"]), int(sums["squared"]), design_effect=effect, added=added
        )
        centres.append(centre)
        variance += error**2
        kept *= n / (n + added.n * effect)
    error = math.sqrt(variance - 2 * kept * covariance)
    centre = centres[0] - centres[1]
    sizes = int(one["n"]), int(other["n"])
    value = (int(one["total"]) * sizes[1] - int(other["total"]) * sizes[0]) / (sizes[0] * sizes[1])
    # Where answers are few and customers the same, the adjusted centre may leave the observed value outside.
    most = added.reach
    low, high = max(-most, min(centre - Z * error, value)), min(most, max(centre + Z * error, value))
    return value, low, high, math.erfc(abs(centre) / error / math.sqrt(2))


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


def ces(
    eased: int, n: int, *, design_effect: float = 1.0, segment: Mapping[str, str] | None = None
) -> Estimate:
    """Return the share of answers that say it was made easy, with its Wilson interval.

    Parameters
    ----------
    eased : int
        Answers of 5, 6 or 7 on a scale of 1 to 7: those who at least somewhat agree that it was made easy.
    n : int
        All answers, at least one.
    design_effect : float
        As in :func:`nps`.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate
        ``ces``, 0 to 1.

    Raises
    ------
    ValueError
        As :func:`cam.estimate.wilson_interval`.

    References
    ----------
    Dixon, M., Toman, N., DeLisi, R. (2013). The Effortless Experience. Portfolio. (Chapter 6: the customer effort
    score, version 2: "made it easy for me to handle my issue", 1 to 7.) Its authors report the share of those who at
    least somewhat agree; others report the mean, which :func:`ces_mean` gives.

    Examples
    --------
    >>> ces(80, 100).value
    0.8
    """
    return _share("ces", eased, n, design_effect, segment)


def ces_mean(
    sums: Mapping[str, Any], *, design_effect: float = 1.0, segment: Mapping[str, str] | None = None
) -> Estimate:
    """Return the mean of the answers to "it was made easy", with its interval.

    Parameters
    ----------
    sums : mapping
        ``n`` (> 0), ``total`` and ``squared``: number, sum and sum of squares of the answers, 1 to 7.
    design_effect : float
        As in :func:`nps`.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate
        ``ces_mean``, points from 1 to 7.

    Raises
    ------
    ValueError
        If there is no answer.

    Notes
    -----
    Adjusted as the net promoter score: 3/4 of an answer at either end of the scale, 3 in all, the rest in its middle.
    So the interval has a width where all answer alike; the coverage is measured in the tests.

    Examples
    --------
    >>> mean = ces_mean({"n": 100, "total": 550, "squared": 3200})
    >>> mean.value, round(mean.low, 2), round(mean.high, 2)
    (5.5, 5.19, 5.72)
    """
    n, total, squared = int(sums["n"]), int(sums["total"]), int(sums["squared"])
    if n < 1:
        raise ValueError(f"a mean needs answers; got {n}")
    least, most = EASE_SCALE
    middle = (least + most) / 2
    added = Added(3.0, 3 * middle, 0.75 * (least**2 + most**2) + 1.5 * middle**2, most - least)
    centre, error = adjusted_mean(n, total, squared, design_effect=design_effect, added=added)
    # An adjusted centre lies towards the middle: where all answer alike the mean itself may be outside.
    low = max(float(least), min(centre - Z * error, total / n))
    high = min(float(most), max(centre + Z * error, total / n))
    return Estimate("ces_mean", total / n, "points", n, low, high, segment or {})


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


def adjusted_mean(
    n: float, total: float, squared: float, *, design_effect: float = 1.0, added: Added = NET
) -> tuple[float, float]:
    """Return the mean of scores with some added, and its standard error.

    Parameters
    ----------
    n, total, squared : float
        Number (> 0), sum and sum of squares of the scores.
    design_effect : float
        By which all three are divided first.
    added : Added
        Answers of nobody.

    Returns
    -------
    tuple of float
        Centre of an interval and its standard error, in the unit of the score.

    Examples
    --------
    >>> [round(number, 4) for number in adjusted_mean(100, 30, 70)]
    [0.2913, 0.0769]
    """
    size = n / design_effect + added.n
    mean = (total / design_effect + added.total) / size
    return mean, math.sqrt(max(0.0, (squared / design_effect + added.squared) / size - mean**2) / size)


def _points(promoters: int, passives: int, detractors: int, design_effect: float) -> tuple[float, float]:
    """Centre and standard error of the adjusted score, in points."""
    centre, error = adjusted_mean(
        promoters + passives + detractors,
        promoters - detractors,
        promoters + detractors,
        design_effect=design_effect,
    )
    return 100 * centre, 100 * error


def _share(
    figure: str, successes: int, n: int, design_effect: float, segment: Mapping[str, str] | None
) -> Estimate:
    low, high = wilson_interval(successes / design_effect, n / design_effect)
    return Estimate(figure, successes / n, "share", n, low, high, segment or {})
