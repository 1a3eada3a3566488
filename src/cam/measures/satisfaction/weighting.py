"""Weights that make those who answered look like the customers they stand for, and scores that use them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.estimate import Estimate, Z, wilson_interval

Floats = NDArray[np.float64]
#: No answer weighs more than so many times the mean (DeBell and Krosnick 2009).
CAP = 5.0
#: Largest gap between a weighted share and its margin at which both are the same.
SAME = 1e-9
_MOST_CYCLES = 2_000
_MOST_TRIMS = 100


@dataclass(frozen=True, slots=True)
class RakeFit:
    """Weights by cell, and the proof that they do what they should.

    Attributes
    ----------
    weights : tuple of float
        One per cell, in the order given; their mean over answers is 1.
    gaps : Mapping[str, float]
        Largest difference between a weighted share and its margin, of each variable.
    n_cycles : int
        Passes over all variables, of the last raking.
    is_met : bool
        Whether every margin is met. If not, it was the cap that stood in the way, or margins that contradict each
        other.
    n_capped : int
        Answers whose weight was cut at the cap.
    design_effect : float
        By how much unequal weights alone widen an interval's square (Kish): n times the sum of squared weights over
        the square of their sum.
    """

    weights: tuple[float, ...]
    gaps: Mapping[str, float]
    n_cycles: int
    is_met: bool
    n_capped: int
    design_effect: float


def merge_levels(levels: pd.DataFrame, *, fewest: int, is_ordered: bool) -> dict[str, tuple[str, ...]]:
    """Merge levels with too few answers to carry a weight.

    Parameters
    ----------
    levels : DataFrame
        One row per level, in their order: *level* (text), *n* (answers).
    fewest : int
        Answers that a level needs.
    is_ordered : bool
        Whether levels have an order: then a small one joins its smaller neighbour, the smallest first. If not, the
        small ones are put together, with the next smallest until they are enough.

    Returns
    -------
    dict of str to tuple of str
        Each level, and all levels of the group that it is in now.

    References
    ----------
    Battaglia, M. P., Hoaglin, D. C., Frankel, M. R. (2009). Practical considerations in raking survey data. Survey
    Practice 2 (5). (Levels with few respondents are collapsed before raking, with a neighbour where there is one.)

    Examples
    --------
    >>> levels = pd.DataFrame({"level": ["1", "2", "3"], "n": [50, 4, 20]})
    >>> merge_levels(levels, fewest=20, is_ordered=True)["2"]
    ('2', '3')
    """
    groups: list[tuple[tuple[str, ...], int]] = [
        ((str(name),), int(n)) for name, n in zip(levels["level"], levels["n"], strict=True)
    ]
    if is_ordered:
        while len(groups) > 1 and min(n for _, n in groups) < fewest:
            place = min(range(len(groups)), key=lambda k: (groups[k][1], k))
            sides = [k for k in (place - 1, place + 1) if 0 <= k < len(groups)]
            other = min(sides, key=lambda k: (groups[k][1], k))
            first, second = min(place, other), max(place, other)
            joined = (groups[first][0] + groups[second][0], groups[first][1] + groups[second][1])
            groups[first : second + 1] = [joined]
    else:
        by_size = sorted(range(len(groups)), key=lambda k: (groups[k][1], groups[k][0]))
        pooled: list[int] = []
        for k in by_size:
            if groups[k][1] >= fewest and (not pooled or sum(groups[i][1] for i in pooled) >= fewest):
                break
            pooled.append(k)
        if len(pooled) > 1:
            names = tuple(groups[k][0][0] for k in sorted(pooled))
            joined = (names, sum(groups[k][1] for k in pooled))
            groups = [group for k, group in enumerate(groups) if k not in pooled] + [joined]
    return {name: names for names, _ in groups for name in names}


def rake(cells: pd.DataFrame, margins: Mapping[str, Mapping[str, float]], *, cap: float = CAP) -> RakeFit:
    """Weight cells so that their shares meet known margins: iterative proportional fitting.

    Turns *n* and one column per variable into a weight per cell.

    Parameters
    ----------
    cells : DataFrame
        One row per cell: *n* (answers, > 0) and for each variable the level, as text.
    margins : mapping
        For each variable the known count or share of each level, all above 0.
    cap : float
        No answer weighs more than so many times the mean; raking and cutting take turns until both hold.

    Returns
    -------
    RakeFit

    Raises
    ------
    ValueError
        If there is no answer, or a level of the margins has none, or a level has no margin. Merge levels first
        (:func:`merge_levels`).

    Notes
    -----
    Each pass multiplies the weights of a level by its margin over its weighted share, one variable after the other.
    Odds ratios between variables stay those of the answers; only the margins move. Weights correct for who answered
    only as far as, within each combination of levels, those who answered are like those who did not.

    References
    ----------
    Deming, W. E., Stephan, F. F. (1940). On a least squares adjustment of a sampled frequency table when the expected
    marginal totals are known. Annals of Mathematical Statistics 11, 427-444.
    DeBell, M., Krosnick, J. A. (2009). Computing Weights for American National Election Study Survey Data. ANES
    Technical Report nes012427. (Weights are capped at 5 within the raking.)
    Kish, L. (1965). Survey Sampling, section 11.7. Wiley.

    Examples
    --------
    >>> cells = pd.DataFrame({"tier": ["1", "2"], "n": [30, 10]})
    >>> [round(weight, 3) for weight in rake(cells, {"tier": {"1": 500, "2": 500}}).weights]
    [0.667, 2.0]
    """
    n = cells["n"].to_numpy(float)
    if not len(n) or (n <= 0).any():
        raise ValueError("raking needs cells with answers, and no empty one")
    coded = {name: _coded(cells[name], shares, name) for name, shares in margins.items()}
    weights = np.ones(len(n))
    capped = np.zeros(len(n), dtype=bool)
    for _ in range(_MOST_TRIMS):
        weights, n_cycles = _raked(weights, n, coded)
        over = weights > cap * (1 + SAME)
        if not over.any():
            break
        capped |= over
        weights = _cut(weights, n, cap)
    mass = weights * n / _total(weights * n)
    gaps = {
        name: float(np.abs(np.bincount(codes, mass, len(shares)) - shares).max())
        for name, (codes, shares) in coded.items()
    }
    effect = float(n.sum() * _total(weights**2 * n) / _total(weights * n) ** 2)
    at_cap = capped & (weights >= cap * 0.999)
    return RakeFit(
        tuple(weights.tolist()),
        gaps,
        n_cycles,
        max(gaps.values(), default=0.0) < math.sqrt(SAME),
        int(n[at_cap].sum()),
        max(1.0, effect),
    )


def weighted_score(
    figure: str, answers: pd.DataFrame, *, by: Sequence[str] = (), weighted: bool = True
) -> Estimate:
    """Return a mean score of weighted answers, with an interval that knows the weights.

    Turns *n, up, down, weight* and the variables into a score.

    Parameters
    ----------
    figure : str
        Name of the key figure. One with ``nps`` in it is 100 (share up - share down), in points; any other is the
        share up.
    answers : DataFrame
        One row per cell: *n* answers (one of each customer), of which *up* and *down*; *weight* of each of them.
    by : sequence of str
        Variables whose margins the weights meet: what they explain of the score is no longer left to chance. None
        where a margin is not met.
    weighted : bool
        Whether to use the weights.

    Returns
    -------
    Estimate
        n is the number of answers.

    Raises
    ------
    ValueError
        If there is no answer.

    Notes
    -----
    The variance is that of residuals from an additive fit on the margins, each times its weight (Deville and
    Sarndal). Over that of as many equal answers it gives a design effect, by which counts are divided before the
    adjusted-Wald (NPS) or Wilson interval. Where all answers are alike, Kish's design effect stands in.

    References
    ----------
    Deville, J.-C., Sarndal, C.-E. (1992). Calibration estimators in survey sampling. Journal of the American
    Statistical Association 87, 376-382. (Section 3: the variance of any calibration estimator, raking included.)
    Kish, L. (1965). Survey Sampling, section 11.7. Wiley.
    Rocks, B. (2016). Interval estimation for the "net promoter score". The American Statistician 70, 365-372.

    Examples
    --------
    >>> answers = pd.DataFrame({"n": [40, 10], "up": [20, 2], "down": [4, 5], "weight": [0.5, 3.0]})
    >>> score = weighted_score("nps_weighted", answers)
    >>> round(score.value, 1), round(weighted_score("nps_last", answers, weighted=False).value, 1)
    (-2.0, 26.0)
    """
    rows = _by_answer(answers, weighted)
    n = float(rows.n.sum())
    if n <= 0:
        raise ValueError(f"{figure} needs answers")
    up, down = (_total(rows.mass * (rows.y == sign)) for sign in (1.0, -1.0))
    alone = (up + down - (up - down) ** 2) / n
    spread = _total((rows.mass / rows.n.clip(1)) ** 2 * rows.n * _residuals(rows, answers, by) ** 2)
    spread *= n / max(n - _n_fitted(answers, by), 1.0)
    kish = n * _total((rows.mass / rows.n.clip(1)) ** 2 * rows.n)
    effect = max(1.0, spread / alone if alone > 1e-12 else kish)
    if "nps" not in figure:
        low, high = wilson_interval(min(up, 1.0) * n / effect, n / effect)
        return Estimate(figure, min(up, 1.0), "share", int(n), min(low, up), max(high, min(up, 1.0)))
    size = n / effect + 3
    high_share, low_share = ((share * n / effect + 0.75) / size for share in (up, down))
    centre = high_share - low_share
    half = Z * math.sqrt((high_share + low_share - centre**2) / size)
    value = 100 * (up - down)
    low, high = max(-100.0, 100 * (centre - half)), min(100.0, 100 * (centre + half))
    return Estimate(figure, value, "points", int(n), min(low, value), max(high, value))


def weighting_shift(figure: str, answers: pd.DataFrame, *, by: Sequence[str] = ()) -> Estimate:
    """Return by how much weighting moves a net promoter score, with the interval of the move itself.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    answers : DataFrame
        As for :func:`weighted_score`.
    by : sequence of str
        Likewise.

    Returns
    -------
    Estimate
        Weighted less unweighted, points. Both rest on the same answers, so the move is far surer than either score.

    Raises
    ------
    ValueError
        If there is no answer.

    Examples
    --------
    >>> answers = pd.DataFrame({"n": [400, 100], "up": [200, 20], "down": [40, 50], "weight": [0.5, 3.0]})
    >>> shift = weighting_shift("nps_weighting_shift", answers)
    >>> [round(number, 1) for number in (shift.value, shift.low, shift.high)]
    [-28.0, -34.8, -21.2]
    """
    rows = _by_answer(answers, True)
    n = float(rows.n.sum())
    if n <= 0:
        raise ValueError(f"{figure} needs answers")
    plain = rows.y - _total(rows.y * rows.n) / n
    each = rows.mass / rows.n.clip(1) * _residuals(rows, answers, by) - plain / n
    value = 100 * (_total(rows.mass * rows.y) - _total(rows.y * rows.n) / n)
    half = 100 * Z * math.sqrt(_total(rows.n * each**2) * n / max(n - 1, 1.0))
    return Estimate(figure, value, "points", int(n), value - half, value + half)


def if_silent_differ(score: Estimate, *, answered: float, points: float) -> Estimate:
    """Return the net promoter score of all, if those who did not answer differ from those who did.

    Parameters
    ----------
    score : Estimate
        Of those who answered: weighted where the silent differ by so much; their own, unweighted, for the bounds at
        which all the silent are detractors or promoters.
    answered : float
        Share of all who answered, above 0 to 1.
    points : float
        By how much the silent differ; their score stays within -100 and 100.

    Returns
    -------
    Estimate
        ``nps_if_silent_differ``: the interval is only that of the answers, and narrower by their share where the
        silent stand at -100 or 100 whatever the answers are. How the silent differ is assumed.

    Raises
    ------
    ValueError
        If *answered* is no share above 0.

    References
    ----------
    Manski, C. F. (2016). Credible interval estimates for official statistics with survey nonresponse. Journal of
    Econometrics 191, 293-301. (Without an assumption on the silent, the data hold only bounds.)

    Examples
    --------
    >>> if_silent_differ(Estimate("nps", 20.0, "points", 100, 4.0, 36.0), answered=0.25, points=-40).value
    -10.0
    """
    if not 0 < answered <= 1:
        raise ValueError(f"a share who answered is above 0 and at most 1; got {answered}")

    def of_all(own: float) -> float:
        return answered * own + (1 - answered) * min(100.0, max(-100.0, own + points))

    # It never falls as the score of the answers rises, so its limits are those of the answers.
    value = of_all(score.value)
    low, high = (value if limit is None else of_all(limit) for limit in (score.low, score.high))
    return Estimate(
        "nps_if_silent_differ",
        value,
        "points",
        score.n,
        min(low, value),
        max(high, value),
        {"points": f"{points:g}"},
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Cells split by answer: a score of 1, 0 or -1, how many gave it, and their share of all weight."""

    y: Floats
    n: Floats
    mass: Floats
    cell: NDArray[np.intp]


def _by_answer(answers: pd.DataFrame, weighted: bool) -> _Rows:
    n, up, down = (answers[name].to_numpy(float) for name in ("n", "up", "down"))
    weight = answers["weight"].to_numpy(float) if weighted else np.ones(len(n))
    counts = np.concatenate([up, n - up - down, down])
    mass = counts * np.tile(weight, 3)
    total = _total(mass)
    return _Rows(
        np.repeat([1.0, 0.0, -1.0], len(n)),
        counts,
        mass / total if total > 0 else mass,
        np.tile(np.arange(len(n)), 3),
    )


def _residuals(rows: _Rows, answers: pd.DataFrame, by: Sequence[str]) -> Floats:
    """What an additive fit on the margins leaves; level means are taken out in turn, as raking puts them in."""
    left = rows.y - _total(rows.mass * rows.y)
    codes = [pd.factorize(answers[name], sort=True)[0][rows.cell] for name in by]
    weights = [np.bincount(code, rows.mass) for code in codes]
    for _ in range(_MOST_CYCLES):
        moved = 0.0
        for code, weight in zip(codes, weights, strict=True):
            means = np.bincount(code, rows.mass * left) / np.where(weight > 0, weight, 1.0)
            left = left - means[code]
            moved = max(moved, float(np.abs(means).max()))
        if moved < SAME:
            break
    return left


def _n_fitted(answers: pd.DataFrame, by: Sequence[str]) -> int:
    return 1 + sum(answers[name].nunique() - 1 for name in by)


def _coded(
    column: pd.Series, shares: Mapping[str, float], name: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    levels = sorted(shares)
    place = {level: k for k, level in enumerate(levels)}
    strays = sorted(set(column) - set(levels))
    if strays:
        raise ValueError(f"{name}: no margin for {', '.join(map(str, strays))}")
    codes = column.map(place).to_numpy(np.int64)
    empty = [
        level
        for level, count in zip(levels, np.bincount(codes, minlength=len(levels)), strict=True)
        if not count
    ]
    if empty:
        raise ValueError(f"{name}: nobody answered of {', '.join(empty)}; merge it with another level")
    known = np.array([float(shares[level]) for level in levels])
    if (known <= 0).any() or not np.isfinite(known).all():
        raise ValueError(f"{name}: every margin must be above 0")
    return codes, known / known.sum()


def _raked(
    weights: Floats, n: Floats, coded: Mapping[str, tuple[NDArray[np.int64], Floats]]
) -> tuple[Floats, int]:
    n_cycles, gap = 0, math.inf
    while gap >= SAME / 10 and n_cycles < _MOST_CYCLES:
        n_cycles, gap = n_cycles + 1, 0.0
        for codes, shares in coded.values():
            mass = np.bincount(codes, weights * n, len(shares))
            mass = mass / mass.sum()
            gap = max(gap, float(np.abs(mass - shares).max()))
            weights = weights * (shares / mass)[codes]
    return weights * (n.sum() / _total(weights * n)), n_cycles


def _cut(weights: Floats, n: Floats, cap: float) -> Floats:
    """Cut weights at the cap, and give what is cut to the others, so that their mean stays 1."""
    at_cap = np.zeros(len(n), dtype=bool)
    while (over := ~at_cap & (weights > cap)).any():
        at_cap |= over
        left = n.sum() - cap * n[at_cap].sum()
        rest = _total(weights[~at_cap] * n[~at_cap])
        weights = np.where(at_cap, cap, weights * (left / rest))
    return weights


def _total(values: Floats) -> float:
    """A sum whose last bits do not hang on the order of cells."""
    return math.fsum(values.tolist())
