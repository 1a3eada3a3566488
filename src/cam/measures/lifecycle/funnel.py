"""How many leads become customers, stage by stage; how soon; and whether later months do better."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Estimate, wilson_interval
from cam.measures.lifecycle.spans import refuse_missing
from cam.measures.lifecycle.survival import survival_at

#: Words by which customer systems call the stages, first to last; of one rank they are the same stage.
KNOWN_STAGES = (
    (
        "new",
        "lead",
        "open",
        "subscriber",
        "not contacted",
        "open not contacted",
        "新线索",
        "新建",
        "未联系",
        "待跟进",
    ),
    ("contacted", "working", "working contacted", "attempted", "nurturing", "已联系", "跟进中", "已跟进"),
    ("mql", "marketing qualified", "marketing qualified lead", "marketingqualifiedlead"),
    ("qualified", "有效", "有效线索", "合格"),
    ("sql", "sales qualified", "sales qualified lead", "salesqualifiedlead"),
    ("opportunity", "demo", "商机", "意向"),
    ("proposal", "quote", "quoted", "报价", "已报价", "方案"),
    ("negotiation", "谈判", "商务谈判"),
    (
        "won",
        "closed won",
        "closed converted",
        "converted",
        "customer",
        "成交",
        "已成交",
        "已转化",
        "签约",
        "赢单",
        "客户",
    ),
)
#: Who is here was given up; how far such a lead had come, the word does not say.
LOST_STAGES = (
    "lost", "closed lost", "closed not converted", "not converted", "disqualified", "unqualified", "rejected",
    "invalid", "junk", "dead", "无效", "无效线索", "流失", "已流失", "丢单", "输单", "战败", "已放弃",
)  # fmt: skip
#: A share of exactly one half may come out a hair below it.
_HAIR = 1e-12
#: Fewer months make no trend.
LEAST_MONTHS = 6


def order_stages(stages: Sequence[str], *, given: Sequence[str] = ()) -> pd.DataFrame:
    """Put the stages of leads in order, by a given order or by known words.

    Parameters
    ----------
    stages : sequence of str
        Those that stand in the data.
    given : sequence of str, optional
        The client's own stages, first to last; none: known words decide.

    Returns
    -------
    DataFrame
        ``stage`` as in the data, ``kind`` (``stage``; ``won``: the last one, if its word says that a customer is won;
        ``lost``: the word does not say how far the lead had come; ``unknown``) and ``place`` (0 is the first; missing
        for lost and unknown). After those of the data come given stages in which nobody stands. Upper case, blanks,
        hyphens and underscores make no difference; known words of one rank have the same place.

    Examples
    --------
    >>> order_stages(["Contacted", "NEW", "closed-lost", "hot"]).values.tolist()
    [['Contacted', 'stage', 1.0], ['NEW', 'stage', 0.0], ['closed-lost', 'lost', nan], ['hot', 'unknown', nan]]
    >>> order_stages(["hot", "cold"], given=["cold", "warm", "hot"]).values.tolist()
    [['hot', 'stage', 2.0], ['cold', 'stage', 0.0], ['warm', 'stage', 1.0]]
    """
    won, lost = ({_plain(word) for word in words} for words in (KNOWN_STAGES[-1], LOST_STAGES))
    seen = {_plain(stage) for stage in stages}
    if given:
        named = [name for name in given if _plain(name) not in lost]
        order = [{_plain(name)} for name in dict.fromkeys(named)]
        everything = [*stages, *(name for name in named if _plain(name) not in seen)]
    else:
        order = [
            words for words in ({_plain(word) for word in words} for words in KNOWN_STAGES) if words & seen
        ]
        everything = list(stages)
    places = {word: place for place, words in enumerate(order) for word in words}
    rows = []
    for stage in everything:
        word = _plain(stage)
        if word in lost or word not in places:
            rows.append((stage, "lost" if word in lost else "unknown", np.nan))
            continue
        is_won = word in won and places[word] == len(order) - 1
        rows.append((stage, "won" if is_won else "stage", float(places[word])))
    return pd.DataFrame(rows, columns=["stage", "kind", "place"])


def funnel_steps(cells: pd.DataFrame, *, n_places: int, is_end_known: bool = True) -> pd.DataFrame:
    """Count who reached each stage of a funnel, as a share of all leads and of those who reached the stage before.

    Turns *place, n_leads* into *place, n_reached, share, low, high, step, step_low, step_high*.

    Parameters
    ----------
    cells : DataFrame
        ``place`` (the furthest stage reached, 0 is the first; missing: not known), ``n_leads``.
    n_places : int
        Stages that there are, the first among them, at least 2.
    is_end_known : bool
        Whether of every lead it is known that it reached the last stage or did not, as with a purchase.

    Returns
    -------
    DataFrame
        One row per place: ``n_reached`` (a lead without a known stage counts at place 0 only), ``share`` (of all
        leads), ``step`` (of those who reached the place before; missing at place 0, and where nobody did), with 95 %
        limits.

    Raises
    ------
    ValueError
        If there are no leads, a place is not among the stages, or there are fewer than two stages.

    Notes
    -----
    Limits are Wilson's. Where leads have no known stage, the limits hold whatever stage these had reached: the lower
    one that they had gone no further, and for a step that they had all come to the stage before it; the upper one
    that they had gone on (Horowitz and Manski 2000, worst-case bounds with the sampling error outside).

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. Journal of the
    American Statistical Association 22, 209-212. Horowitz, J. L., Manski, C. F. (2000). Nonparametric analysis of
    randomized experiments with missing covariate and outcome data. Journal of the American Statistical Association
    95, 77-84.

    Examples
    --------
    >>> cells = pd.DataFrame({"place": [0, 1, 2], "n_leads": [20, 50, 30]})
    >>> funnel_steps(cells, n_places=3)[["n_reached", "share", "step"]].values.tolist()
    [[100.0, 1.0, nan], [80.0, 0.8, 0.8], [30.0, 0.3, 0.375]]
    """
    refuse_missing(cells, ["n_leads"])
    place, count = cells["place"].to_numpy(float), cells["n_leads"].to_numpy(float)
    n, unknown = float(count.sum()), float(count[np.isnan(place)].sum())
    if n_places < 2 or n <= 0:
        raise ValueError(
            f"a funnel needs two stages and a lead; there are {n_places} stages and {n:.0f} leads"
        )
    outside = ~np.isnan(place) & ~np.isin(place, np.arange(n_places))
    if outside.any():
        raise ValueError(f"place {place[outside][0]:g} is no place among {n_places} stages")
    reached = np.array([count[place >= k].sum() for k in range(n_places)])
    reached[0] = n
    rows = [(0, int(n), 1.0, 1.0, 1.0, np.nan, np.nan, np.nan)]
    for k in range(1, n_places):
        further = 0.0 if k == n_places - 1 and is_end_known else unknown
        low, high = wilson_interval(reached[k], n)[0], wilson_interval(reached[k] + further, n)[1]
        step = step_low = step_high = np.nan
        come = 0.0 if k == 1 else unknown
        if reached[k - 1] > 0:
            step = reached[k] / reached[k - 1]
            step_low = wilson_interval(reached[k], reached[k - 1] + come)[0]
            # With them in both numbers the share is greatest.
            above = come if further else 0.0
            top = reached[k] + (further if k == 1 else above)
            step_high = wilson_interval(top, reached[k - 1] + above)[1]
        rows.append((k, int(reached[k]), reached[k] / n, low, high, step, step_low, step_high))
    names = ["place", "n_reached", "share", "low", "high", "step", "step_low", "step_high"]
    return pd.DataFrame(rows, columns=names)


def converted_by(
    figure: str, curve: pd.DataFrame, *, time: float, segment: Mapping[str, str] | None = None
) -> Estimate | None:
    """Return the share of leads who have become customers by some time after they came in.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    curve : DataFrame
        As from :func:`cam.measures.lifecycle.survival.kaplan_meier`, of one group.
    time : float
        In the unit of the curve.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate or None
        One minus the curve, with the limits of its band. None where no lead has been seen for so long.

    Examples
    --------
    >>> from cam.measures.lifecycle.survival import kaplan_meier
    >>> leads = pd.DataFrame({"duration": [3, 40], "event_observed": [True, False], "n_customers": [20, 80]})
    >>> round(converted_by("converted_30_days", kaplan_meier(leads), time=30).value, 3)
    0.2
    """
    found = survival_at(figure, curve, time=time, segment=segment)
    if found is None or found.low is None or found.high is None:
        return None
    return replace(found, value=1 - found.value, low=1 - found.high, high=1 - found.low)


def is_settled(curve: pd.DataFrame, *, until: float, share: float = 0.05) -> bool:
    """Say whether a curve has come to rest, so that who has not converted by its end hardly ever will.

    Parameters
    ----------
    curve : DataFrame
        As from :func:`cam.measures.lifecycle.survival.kaplan_meier`, of one group.
    until : float
        The time up to which enough leads are seen.
    share : float
        At rest is a curve on which less than this share of all conversions by *until* came in its second half.

    Returns
    -------
    bool
        False where nobody converted.

    Notes
    -----
    A rule, not a test: it asks, as Maller and Zhou do, whether the time seen goes on long after the last conversions,
    but a single late one does not overturn it.

    References
    ----------
    Maller, R. A., Zhou, X. (1996). Survival Analysis with Long-Term Survivors, chapter 4. Wiley.

    Examples
    --------
    >>> from cam.measures.lifecycle.survival import kaplan_meier
    >>> leads = pd.DataFrame({"duration": [3, 90], "event_observed": [True, False], "n_customers": [20, 80]})
    >>> is_settled(kaplan_meier(leads), until=90), is_settled(kaplan_meier(leads), until=5)
    (True, False)
    """
    half, end = (_still_open(curve, at) for at in (until / 2, until))
    return end < 1 and half - end < share * (1 - end)


def conversion_time(
    figure: str,
    curve: pd.DataFrame,
    *,
    until: float,
    share: float = 0.5,
    segment: Mapping[str, str] | None = None,
) -> Estimate | None:
    """Return the time by which a share of those who convert at all, within a time, have done so.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    curve : DataFrame
        As from :func:`cam.measures.lifecycle.survival.kaplan_meier`, of one group, times in days.
    until : float
        The time within which they convert; where the curve :func:`is_settled`, these are all who ever will.
    share : float
        0.5 for the median, between 0 and 1.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate or None
        In days; ``n`` counts the conversions by then. None where there are too few of them for any limit. Where the
        upper limit lies beyond the last conversions, it is *until*.

    Notes
    -----
    With F = 1 - S the share converted, it is the first time t at which G(t) = F(t) / F(H) reaches the share *q*, H
    the end. Were nobody censored, the limits would be Thompson's: the conversions whose ranks hold a binomial count of
    *q* in 95 % of cases. Censored leads count for less, so ranks are those of as many conversions as would give G the
    variance that it has: by the delta method from Greenwood's variances of ln S up to t and between t and H, which
    are independent.

    References
    ----------
    Thompson, W. R. (1936). On confidence ranges for the median and other expectation distributions for populations of
    unknown distribution form. Annals of Mathematical Statistics 7, 122-128. Klein, J. P., Moeschberger, M. L. (2003).
    Survival Analysis, 2nd ed., section 4.2 (Greenwood's variance). Springer.

    Examples
    --------
    >>> from cam.measures.lifecycle.survival import kaplan_meier
    >>> leads = pd.DataFrame({"duration": [1, 2, 9, 60], "event_observed": [True, True, True, False],
    ...     "n_customers": [200, 600, 200, 3000]})
    >>> found = conversion_time("median_days_to_convert", kaplan_meier(leads), until=60)
    >>> found.value, found.low, found.high, found.n
    (2.0, 2.0, 2.0, 1000)
    """
    from scipy.stats import binom  # here, because it makes every start slower

    inside = curve[curve["time"] <= until]
    times, left, due, survival = (
        inside[name].to_numpy(float) for name in ("time", "n_events", "n_at_risk", "survival")
    )
    n = int(left.sum())
    if not n:
        return None
    end = survival[-1]
    part = (1 - survival) / (1 - end)
    at = int(np.argmax(part >= share - _HAIR))
    done = part[at]
    worth = float(n)
    if done < 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(left > 0, left / (due * (due - left)), 0.0)
        early = (done * end - survival[at]) ** 2 * terms[: at + 1].sum()
        # Where all convert the spread of ln S is infinite, and that of S nought.
        late = (done * end) ** 2 * terms[at + 1 :].sum() if end > 0 else 0.0
        worth = min(worth, done * (1 - done) * (1 - end) ** 2 / (early + late))
    # Without censoring it is n but for rounding.
    worth = int(worth + 1e-6)
    least, most = (
        int(rank) for rank in binom.ppf([0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2], worth, share)
    )
    if least == 0 and most + 1 > worth:
        return None
    ranked = worth * part + _HAIR * worth
    low = float(times[np.argmax(ranked >= least)])
    high = float(times[np.argmax(ranked >= most + 1)]) if most + 1 <= worth else float(until)
    value = float(times[at])
    return Estimate(figure, value, "days", n, min(low, value), max(high, value), segment or {})


def monthly_conversion(cells: pd.DataFrame, *, as_of: date, days: int = 30) -> pd.DataFrame:
    """Return for each month of creation the share of leads who converted within some days.

    Turns *month, duration, event_observed, n_customers* into *month, n_leads, n_converted, share, low, high,
    is_complete*.

    Parameters
    ----------
    cells : DataFrame
        Leads by ``month`` (its first day), ``duration`` in days, ``event_observed``, ``n_customers`` (leads).
    as_of : date
        Last day seen.
    days : int
        Within which.

    Returns
    -------
    DataFrame
        In order of the months; Wilson's limits. ``is_complete``: every lead of the month has been seen for so long;
        elsewhere the share is a floor.

    Raises
    ------
    ValueError
        If a value is missing.

    Examples
    --------
    >>> cells = pd.DataFrame({"month": pd.to_datetime(["2026-01-01"] * 2), "duration": [9, 60],
    ...     "event_observed": [True, False], "n_customers": [20, 80]})
    >>> monthly_conversion(cells, as_of=date(2026, 3, 31))[["n_leads", "share", "is_complete"]].values.tolist()
    [[100, 0.2, True]]
    """
    refuse_missing(cells, ["month", "duration", "event_observed", "n_customers"])
    is_in = cells["event_observed"].astype(bool) & (cells["duration"] <= days)
    rows = cells.assign(month=pd.to_datetime(cells["month"]), converted=cells["n_customers"].where(is_in, 0))
    table = (
        rows.groupby("month", sort=True)[["n_customers", "converted"]].sum().astype(np.int64).reset_index()
    )
    table.columns = ["month", "n_leads", "n_converted"]
    limits = [wilson_interval(x, n) for x, n in zip(table["n_converted"], table["n_leads"], strict=True)]
    last_day = table["month"] + pd.offsets.MonthEnd(1)
    return table.assign(
        share=table["n_converted"] / table["n_leads"],
        low=[low for low, _ in limits],
        high=[high for _, high in limits],
        is_complete=last_day <= pd.Timestamp(as_of - timedelta(days=days)),
    )


def conversion_trend(figure: str, table: pd.DataFrame) -> Estimate | None:
    """Return by how many points the share converted changed from the first to the last complete month.

    Parameters
    ----------
    figure : str
        Name of the figure.
    table : DataFrame
        As from :func:`monthly_conversion`; only its complete months count.

    Returns
    -------
    Estimate or None
        In unit ``points``: along a straight line, weighted by the leads of each month; ``n`` counts the leads. None
        with fewer than :data:`LEAST_MONTHS` complete months, or where all leads or none of them converted.

    Notes
    -----
    Months differ by more than chance among leads: campaigns, seasons. The error is therefore taken from how far the
    months lie from the line, with Student's t on two degrees of freedom fewer than months; it takes the months to be
    independent of each other. In less than two years a season can look like a trend.

    References
    ----------
    McCullagh, P., Nelder, J. A. (1989). Generalized Linear Models, 2nd ed., section 4.5. Chapman and Hall.

    Examples
    --------
    >>> months = pd.date_range("2026-01-01", periods=6, freq="MS")
    >>> table = pd.DataFrame({"month": months, "n_leads": 400, "n_converted": [80, 86, 85, 93, 96, 99],
    ...     "is_complete": True})
    >>> trend = conversion_trend("lead_conversion_trend", table)
    >>> [round(number, 1) for number in (trend.value, trend.low, trend.high)]
    [4.8, 3.2, 6.3]
    """
    from scipy.stats import t as student  # here, because it makes every start slower

    seen = table[table["is_complete"].astype(bool)]
    n, won = seen["n_leads"].to_numpy(float), seen["n_converted"].to_numpy(float)
    if len(seen) < LEAST_MONTHS or won.sum() in (0, n.sum()):
        return None
    months = pd.to_datetime(seen["month"])
    at = (12 * months.dt.year + months.dt.month).to_numpy(float)
    away = at - np.average(at, weights=n)
    share = won / n
    square = float((n * away**2).sum())
    slope = float((n * away * share).sum()) / square
    rest = share - np.average(share, weights=n) - slope * away
    error = np.sqrt(float((n * rest**2).sum()) / (len(n) - 2) / square)
    span = 100 * float(at.max() - at.min())
    value = slope * span
    half = float(student.ppf(0.5 + CONFIDENCE / 2, len(n) - 2) * error * span)
    return Estimate(figure, value, "points", int(n.sum()), value - half, value + half)


def _still_open(curve: pd.DataFrame, at: float) -> float:
    row = int(np.searchsorted(curve["time"].to_numpy(float), at, side="right")) - 1
    return 1.0 if row < 0 else float(curve["survival"].iloc[row])


def _plain(word: str) -> str:
    """Write a stage without what systems differ in: case, width, blanks, hyphens."""
    text = unicodedata.normalize("NFKC", word).casefold()
    return " ".join(text.replace("_", " ").replace("-", " ").split())
