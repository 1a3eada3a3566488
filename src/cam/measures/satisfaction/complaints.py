"""Complaints: how many per month and whether they become more, what they are about, how many wait, and who comes again.

How long tickets wait is survival, with those still open censored; the curves are those of study 02, and here they
learn that one customer's tickets resemble each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.estimate import CONFIDENCE, Estimate, Z, wilson_interval
from cam.measures.satisfaction.scores import design_effect

Floats = NDArray[np.float64]

#: Fewer months show no trend.
LEAST_MONTHS = 6
#: The level is that of so many months: one of each season.
LEVEL_MONTHS = 12
#: Words by which sources call the state of a ticket, in lower case, blanks for hyphens and underscores.
CLOSED_WORDS = frozenset(
    ("closed", "close", "resolved", "solved", "done", "completed", "complete", "finished", "fixed", "archived",
     "关闭", "已关闭", "解决", "已解决", "完成", "已完成", "已处理", "处理完成", "结案", "已结案", "已办结", "已归档")
)  # fmt: skip
OPEN_WORDS = frozenset(
    ("open", "opened", "new", "pending", "in progress", "processing", "working", "waiting", "waiting for customer",
     "on hold", "hold", "reopened", "assigned", "escalated", "active", "to do", "todo", "打开", "新建", "待处理",
     "处理中", "进行中", "未处理", "待回复", "待跟进", "跟进中", "已受理", "受理中", "挂起", "等待中", "重新打开",
     "未关闭", "未完成", "未结案")
)  # fmt: skip
UNSOLVED_WORDS = frozenset(
    ("unresolved", "not resolved", "unsolved", "closed unresolved", "won't fix", "rejected", "未解决", "无法解决",
     "已驳回", "已拒绝")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VolumeFit:
    """Complaints per month, with what chance and its excess leave open.

    Attributes
    ----------
    months : DataFrame
        ``start``, ``n``, ``exposure``; ``rate`` (per exposure) with ``low`` and ``high``; ``line`` (the trend's rate).
    dispersion : float
        By how much the months scatter more than a steady rate would let them; never below 1.
    level : Estimate
        The rate of the last :data:`LEVEL_MONTHS` months, or of all, per exposure and month.
    trend : Estimate or None
        By which share the rate changes per year; None below :data:`LEAST_MONTHS` months.
    """

    months: pd.DataFrame
    dispersion: float
    level: Estimate
    trend: Estimate | None


def complete_months(first: date, last: date) -> list[date]:
    """List the first days of the months that lie wholly between two days, and the first day after them.

    Parameters
    ----------
    first, last : date
        Both belong to what was seen.

    Returns
    -------
    list of date
        Rising; n + 1 days for n months. One day, or fewer than two, where no month is complete.

    Examples
    --------
    >>> [day.isoformat() for day in complete_months(date(2026, 1, 2), date(2026, 3, 31))]
    ['2026-02-01', '2026-03-01', '2026-04-01']
    """
    begin = 12 * first.year + first.month - (first.day == 1)
    after = pd.Timestamp(last) + pd.Timedelta(days=1)
    end = 12 * after.year + after.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(begin, end + 1)]


def fit_volume(months: pd.DataFrame, *, figure: str, unit: str = "ratio", per: float = 1.0) -> VolumeFit:
    """Estimate complaints per month, and by how much they change per year.

    Turns *start, n, exposure* into rates with intervals, their level and their trend.

    Parameters
    ----------
    months : DataFrame
        One row per complete month, rising and without a gap: ``n`` (complaints), ``exposure`` (who might have
        complained; 1 throughout: the rate is the number).
    figure : str
        Name of the level.
    unit : str
        Of the level.
    per : float
        Rates are told for so much exposure.

    Returns
    -------
    VolumeFit

    Raises
    ------
    ValueError
        If there is no month, no complaint, or a month without exposure.

    Notes
    -----
    Counts are Poisson with a rate that moves by a constant share per month, and scatter more than Poisson counts do:
    the variance is the mean times Pearson's chi-square over its degrees of freedom, never below 1. A rate's limits are
    Garwood's for the count divided by this dispersion, which Student's t of these degrees widens. Months are taken as
    independent given the trend; seasons within less than two years can pass for one.

    References
    ----------
    McCullagh, P., Nelder, J. A. (1989). Generalized Linear Models, 2nd ed., sections 6.2 and 4.5 (over-dispersion).
    Chapman and Hall. Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika 28, 437-442.

    Examples
    --------
    >>> months = pd.DataFrame({"start": pd.date_range("2025-01-01", periods=12, freq="MS"), "n": [20, 24] * 6,
    ...     "exposure": 1000.0})
    >>> fit = fit_volume(months, figure="complaints_per_1000", per=1000)
    >>> fit.level.value, round(fit.level.low, 1), round(fit.level.high, 1), fit.dispersion
    (22.0, 19.1, 25.2, 1.0)
    """
    n, exposure = months["n"].to_numpy(float), months["exposure"].to_numpy(float)
    if not len(months) or not n.sum() or (exposure <= 0).any():
        raise ValueError(
            f"complaints per month need a month, a complaint, and exposure in every month; there are {len(months)} "
            f"months and {n.sum():.0f} complaints, and the least exposure is {exposure.min(initial=np.inf):g}"
        )
    has_trend = len(n) >= LEAST_MONTHS
    time = np.arange(len(n), dtype=float)
    time -= (n.sum() * time).sum() / (n.sum() * len(n))
    slope, line, spread = (
        _poisson_line(n, exposure, time) if has_trend else (0.0, exposure * n.sum() / exposure.sum(), 0.0)
    )
    df = len(n) - (2 if has_trend else 1)
    dispersion = max(1.0, float(((n - line) ** 2 / line).sum()) / df) if df > 0 else 1.0
    reach = _student(df) if df > 0 else Z
    wide = dispersion * (reach / Z) ** 2
    limits = [_poisson_limits(float(count), wide) for count in n]
    rows = months.assign(
        rate=per * n / exposure,
        low=[per * low / each for (low, _high), each in zip(limits, exposure, strict=True)],
        high=[per * high / each for (_low, high), each in zip(limits, exposure, strict=True)],
        line=per * line / exposure,
    )
    recent = slice(-LEVEL_MONTHS, None)
    total, watched = float(n[recent].sum()), float(exposure[recent].sum())
    low, high = _poisson_limits(total, wide)
    level = Estimate(
        figure, per * total / watched, unit, int(total), per * low / watched, per * high / watched
    )
    trend = None
    if has_trend:
        half = reach * math.sqrt(dispersion * spread)
        ends = [math.expm1(12 * min(slope + side * half, 50.0)) for side in (0, -1, 1)]
        trend = Estimate("complaint_trend", ends[0], "share", int(n.sum()), ends[1], ends[2])
    return VolumeFit(rows, dispersion, level, trend)


def kind_shares(kinds: pd.DataFrame, *, unknown: str, most: int = 12) -> pd.DataFrame:
    """Return the share of tickets of each kind, and of this kind and all larger ones together.

    Turns *kind, n, tt, tm, n_all, mm* into *kind, n, share, low, high, cumulative*.

    Parameters
    ----------
    kinds : DataFrame
        As from :func:`cam.reduce.ticket_counts.kind_sums`, the most frequent first.
    unknown : str
        The kind of tickets that have none.
    most : int
        Kinds with a row of their own; the others are one row without a name.

    Returns
    -------
    DataFrame
        The most frequent first, then the others together (``kind`` empty), then the unknown one. Limits are Wilson's
        with the counts divided by the design effect of customers with several tickets; the others together have none.
        ``cumulative`` is missing for the unknown kind.

    References
    ----------
    Rao, J. N. K., Scott, A. J. (1992). A simple method for the analysis of clustered binary data. Biometrics 48,
    577-585.

    Examples
    --------
    >>> kinds = pd.DataFrame({"kind": ["app", "bill"], "n": [60, 40], "tt": [60, 40], "tm": [60, 40], "n_all": 100,
    ...     "mm": 100})
    >>> kind_shares(kinds, unknown="unknown")[["kind", "share", "cumulative"]].values.tolist()
    [['app', 0.6, 0.6], ['bill', 0.4, 1.0]]
    """
    known = kinds[kinds["kind"] != unknown]
    rows = [_kind_row(row) for row in known.head(most).to_dict("records")]
    rest = known.iloc[most:]
    n_all = int(kinds["n"].sum())
    if len(rest):
        n = int(rest["n"].sum())
        rows.append({"kind": "", "n": n, "share": n / n_all, "low": np.nan, "high": np.nan})
    table = pd.DataFrame(rows, columns=["kind", "n", "share", "low", "high"])
    table["cumulative"] = table["n"].cumsum() / n_all
    unnamed = [_kind_row(row) for row in kinds[kinds["kind"] == unknown].to_dict("records")]
    if not unnamed:
        return table
    return pd.concat([table, pd.DataFrame(unnamed).assign(cumulative=np.nan)], ignore_index=True)


def open_at(flow: pd.DataFrame, *, days: Sequence[date]) -> pd.DataFrame:
    """Count the tickets that were open, and overdue, at the end of some days.

    Turns *day, n_in, n_closed, n_overdue, n_overdue_closed* into *day, n_open, n_overdue*.

    Parameters
    ----------
    flow : DataFrame
        As from :func:`cam.reduce.ticket_counts.daily_flow`.
    days : sequence of date
        Rising.

    Returns
    -------
    DataFrame
        One row per day.

    Examples
    --------
    >>> flow = pd.DataFrame({"day": [date(2026, 1, 5), date(2026, 1, 12)], "n_in": [3, 1], "n_closed": [1, 0],
    ...     "n_overdue": [0, 2], "n_overdue_closed": 0})
    >>> open_at(flow, days=[date(2026, 1, 5), date(2026, 1, 31)])[["n_open", "n_overdue"]].values.tolist()
    [[2, 0], [3, 2]]
    """
    flow = flow.sort_values("day")
    at = np.searchsorted(pd.to_datetime(flow["day"]).to_numpy("M8[D]"), np.array(days, "M8[D]"), side="right")
    columns = {}
    for name, came, went in (
        ("n_open", "n_in", "n_closed"),
        ("n_overdue", "n_overdue", "n_overdue_closed"),
    ):
        change = (flow[came] - flow[went]).to_numpy(np.int64)
        columns[name] = np.append(0, np.cumsum(change))[at]
    return pd.DataFrame({"day": list(days), **columns})


def ages_of_open(cells: pd.DataFrame, *, edges: Sequence[int]) -> pd.DataFrame:
    """Count the tickets that still wait, by how long they have.

    Turns *duration, event_observed, n_customers* into *since, until, n, share*.

    Parameters
    ----------
    cells : DataFrame
        As from :func:`cam.reduce.tickets.time_cells`, in hours.
    edges : sequence of int
        Days at which a class ends and the next begins, rising.

    Returns
    -------
    DataFrame
        One row per class, the youngest first: ``since`` and ``until`` (days; missing for the last), ``n``, ``share``
        (missing where nothing waits).

    Examples
    --------
    >>> cells = pd.DataFrame({"duration": [5, 30, 400], "event_observed": [0, 0, 1], "n_customers": [3, 1, 9]})
    >>> ages_of_open(cells, edges=[1, 7])[["since", "n", "share"]].values.tolist()
    [[0.0, 3.0, 0.75], [1.0, 1.0, 0.25], [7.0, 0.0, 0.0]]
    """
    waiting = cells[cells["event_observed"].to_numpy(float) == 0]
    place = np.searchsorted(24 * np.asarray(edges), waiting["duration"].to_numpy(float), side="right")
    n = np.bincount(place, waiting["n_customers"].to_numpy(float), len(edges) + 1)
    share = n / n.sum() if n.sum() else np.full(len(n), np.nan)
    return pd.DataFrame(
        {"since": [0, *edges], "until": [*edges, np.nan], "n": n.astype(np.int64), "share": share}
    )


def widen_band(curve: pd.DataFrame, *, effect: float) -> pd.DataFrame:
    """Widen the band of a survival curve, because one customer's tickets resemble each other.

    Parameters
    ----------
    curve : DataFrame
        With ``survival``, ``low`` and ``high``, made on the scale of ln(-ln S).
    effect : float
        Design effect, at least 1: by which the variance is larger than that of as many independent tickets.

    Returns
    -------
    DataFrame
        The same with wider limits; where nobody has left yet, or all have, *effect* is that of their number.

    References
    ----------
    Williams, R. L. (1995). Product-limit survival functions with correlated survival times. Lifetime Data Analysis 1,
    171-186.

    Examples
    --------
    >>> curve = pd.DataFrame({"survival": [0.5], "low": [0.4], "high": [0.59]})
    >>> widen_band(curve, effect=4.0).round(3).values.tolist()
    [[0.5, 0.298, 0.669]]
    """
    survival, low, high = (curve[name].to_numpy(float) for name in ("survival", "low", "high"))
    root = math.sqrt(effect)
    inside = (survival > 0) & (survival < 1) & (low > 0) & (high < 1)
    wider_low, wider_high = low.copy(), high.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        at, down, up = (np.log(-np.log(each)) for each in (survival, low, high))
        wider_low[inside] = np.exp(-np.exp(at + root * (down - at)))[inside]
        wider_high[inside] = np.exp(-np.exp(at + root * (up - at)))[inside]
        # Wilson's limit of nobody among n is n / (n + z2).
        none = survival == 1
        wider_low[none] = (low / (low + effect * (1 - low)))[none]
    return curve.assign(low=np.minimum(wider_low, survival), high=np.maximum(wider_high, survival))


def mean_of_closed(cells: pd.DataFrame) -> float | None:
    """Return the mean time of the tickets that are done, as a careless reader would take it.

    It leaves out those that still wait, which are the long ones: set beside the median of all it shows by how much.

    Parameters
    ----------
    cells : DataFrame
        ``duration``, ``event_observed``, ``n_customers``.

    Returns
    -------
    float or None
        In the unit of the durations; None where nothing is done.

    Examples
    --------
    >>> mean_of_closed(pd.DataFrame({"duration": [2, 4, 99], "event_observed": [1, 1, 0], "n_customers": 1}))
    3.0
    """
    done = cells[cells["event_observed"].to_numpy(float) == 1]
    n = float(done["n_customers"].sum())
    return float((done["duration"] * done["n_customers"]).sum()) / n if n else None


def place_rates(sums: pd.DataFrame, *, per: float = 1000.0) -> pd.DataFrame:
    """Return complaints per customer by place, and whether a place has more of them than all others together.

    Turns *level, n, sum, squared* into *level, n, sum, rate, low, high, p_value*.

    Parameters
    ----------
    sums : DataFrame
        As from :func:`cam.reduce.ticket_counts.place_sums`.
    per : float
        Rates are told for so many customers.

    Returns
    -------
    DataFrame
        In the order given. The limits are those of a mean over customers, on the scale of the logarithm; of a place
        without a complaint those of no event. ``p_value`` (Welch's) is missing where either side has fewer than two
        customers or no complaint at all.

    References
    ----------
    Welch, B. L. (1947). The generalization of "Student's" problem when several different population variances are
    involved. Biometrika 34, 28-35.

    Examples
    --------
    >>> sums = pd.DataFrame({"level": ["north", "south"], "n": [1000, 1000], "sum": [100, 40], "squared": [120, 44]})
    >>> rates = place_rates(sums)
    >>> rates["rate"].tolist(), (rates["p_value"] < 0.001).tolist()
    ([100.0, 40.0], [True, True])
    """
    from scipy.special import stdtr  # here, because it makes every start slower

    n, total, squared = (sums[name].to_numpy(float) for name in ("n", "sum", "squared"))
    mean = total / n
    variance = np.maximum(squared - n * mean**2, 0) / np.maximum(n - 1, 1) / n
    low, high, p_value = np.zeros(len(n)), np.zeros(len(n)), np.full(len(n), np.nan)
    for k in range(len(n)):
        if total[k] == 0:
            high[k] = _poisson_limits(0.0, 1.0)[1] / n[k]
        else:
            # One who complained among few is no less uncertain than a Poisson count.
            error = math.sqrt(max(variance[k], mean[k] / n[k] if total[k] < 2 else 0.0)) / mean[k]
            low[k], high[k] = mean[k] * math.exp(-Z * error), mean[k] * math.exp(Z * error)
        m, other, square = n.sum() - n[k], total.sum() - total[k], squared.sum() - squared[k]
        if min(n[k], m) < 2 or min(total[k], other) <= 0:
            continue
        spread = max(square - other**2 / m, 0.0) / (m - 1) / m
        if variance[k] + spread <= 0:
            continue
        df = (variance[k] + spread) ** 2 / (variance[k] ** 2 / (n[k] - 1) + spread**2 / (m - 1))
        p_value[k] = 2 * float(stdtr(df, -abs(mean[k] - other / m) / math.sqrt(variance[k] + spread)))
    return sums[["level", "n", "sum"]].assign(
        rate=per * mean, low=per * low, high=per * high, p_value=p_value
    )


def status_conflicts(statuses: pd.DataFrame) -> dict[str, int]:
    """Count where the word of a source contradicts its own dates.

    Parameters
    ----------
    statuses : DataFrame
        As from :func:`cam.reduce.tickets.status_counts`.

    Returns
    -------
    dict of str to int
        ``closed_without_date``, ``open_with_date``, ``closed_unsolved`` (no contradiction: closed, and by its word not
        solved), ``other`` (words that are not known), ``known`` (tickets with a known word).

    Examples
    --------
    >>> words = pd.DataFrame({"status": ["已解决", "open", "unresolved"], "n": [9, 4, 3], "n_closed": [7, 1, 2]})
    >>> status_conflicts(words)
    {'closed_without_date': 2, 'open_with_date': 1, 'closed_unsolved': 2, 'other': 0, 'known': 16}
    """
    n = statuses.set_index("status")["n"].astype(int)
    closed = statuses.set_index("status")["n_closed"].astype(int)

    def total(counts: pd.Series, words: frozenset[str]) -> int:
        return int(counts[counts.index.isin(list(words))].sum())

    return {
        "closed_without_date": total(n - closed, CLOSED_WORDS),
        "open_with_date": total(closed, OPEN_WORDS),
        "closed_unsolved": total(closed, UNSOLVED_WORDS),
        "other": int(n.get("other", 0)),
        "known": total(n, CLOSED_WORDS | OPEN_WORDS | UNSOLVED_WORDS),
    }


def _poisson_line(n: Floats, exposure: Floats, time: Floats) -> tuple[float, Floats, float]:
    """Fit ln(rate) = a + b x time; return b, the expected counts, and the variance of b for Poisson counts."""
    a, b = math.log(n.sum() / exposure.sum()), 0.0
    for _step in range(100):
        line = exposure * np.exp(np.clip(a + b * time, -60, 60))
        score = np.array([(n - line).sum(), ((n - line) * time).sum()])
        information = np.array(
            [[line.sum(), (line * time).sum()], [(line * time).sum(), (line * time**2).sum()]]
        )
        step = np.linalg.solve(information, score)
        # A month of hundreds beside months of none may throw the first steps far.
        step *= min(1.0, 1.0 / max(float(np.abs(step * [1.0, np.abs(time).max()]).max()), 1e-12))
        a, b = a + float(step[0]), b + float(step[1])
        if float(np.abs(step).max()) < 1e-12:
            break
    line = exposure * np.exp(np.clip(a + b * time, -60, 60))
    information = np.array([[line.sum(), (line * time).sum()], [(line * time).sum(), (line * time**2).sum()]])
    return b, line, float(np.linalg.inv(information)[1, 1])


def _poisson_limits(count: float, dispersion: float) -> tuple[float, float]:
    """Garwood's limits of a count that tells as much as *count / dispersion* independent events."""
    from scipy.special import gammaincinv  # here, because it makes every start slower

    tail, told = (1 - CONFIDENCE) / 2, count / dispersion
    low = dispersion * float(gammaincinv(told, tail)) if count else 0.0
    return low, dispersion * float(gammaincinv(told + 1, 1 - tail))


def _student(df: int) -> float:
    from scipy.special import stdtrit  # here, because it makes every start slower

    return float(stdtrit(df, 0.5 + CONFIDENCE / 2))


def _kind_row(row: dict[str, int]) -> dict[str, object]:
    n, n_all = int(row["n"]), int(row["n_all"])
    sums = {"n": n_all, "total": n, "squared": n, "tt": row["tt"], "tm": row["tm"], "mm": row["mm"]}
    effect = design_effect(sums)
    low, high = wilson_interval(n / effect, n_all / effect)
    return {"kind": str(row["kind"]), "n": n, "share": n / n_all, "low": low, "high": high}
