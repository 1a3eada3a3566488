"""How long customers stay: survival without a model, medians, restricted means, and tests between groups.

All of it works on cells: rows that stand for ``n_customers`` customers each, as from :mod:`cam.reduce.durations`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z, wilson_interval
from cam.measures.lifecycle.spans import Floats, at_risk, distinct, refuse_missing, spans

#: A survival of exactly one half may come out a hair above it.
_HAIR = 1e-12


@dataclass(frozen=True, slots=True)
class ChiSquared:
    """A test whose statistic is chi-squared where there is no difference.

    Attributes
    ----------
    statistic : float
        At least 0.
    df : int
        Degrees of freedom.
    p_value : float
        0 to 1: how often chance alone gives as much.
    """

    statistic: float
    df: int
    p_value: float


def kaplan_meier(
    table: pd.DataFrame, *, by: str | None = None, since: float = 0.0, until: float | None = None
) -> pd.DataFrame:
    """Return the share of customers who stay longer than each time, with its 95 % band.

    Turns *duration, event_observed* [*entry, n_customers*] into *time, n_at_risk, n_events, n_censored, survival,
    low, high*.

    Parameters
    ----------
    table : DataFrame
        Cells or customers, as for :func:`spans`. A row counts from after its entry up to its duration (left
        truncation); those who are last seen at a time at which others leave were at risk there.
    by : str, optional
        A column of groups: one curve for each, in order of the groups, with that column before the others.
    since : float
        The curve speaks of those who have stayed so long; for data that hardly watch anybody before.
    until : float, optional
        The curve ends there; for data that hardly watch anybody after.

    Returns
    -------
    DataFrame
        One row for *since* and one for each time at which anybody left or was last seen. ``n_at_risk`` (just before
        it), ``n_events``, ``n_censored``; ``survival`` (0-1, after it) with ``low`` and ``high`` for each time alone:
        Greenwood's error on the scale of ln(-ln S). Where nobody has left yet, *low* is Wilson's limit of nobody
        among the fewest at risk so far; where all have, *high* is that of the time before.

    Raises
    ------
    ValueError
        As :func:`spans`; or if all at risk leave at a time after which others enter, for then the curve is nought
        for ever, though they are there.

    References
    ----------
    Kaplan, E. L., Meier, P. (1958). Nonparametric estimation from incomplete observations. Journal of the American
    Statistical Association 53, 457-481. Greenwood, M. (1926). The Natural Duration of Cancer. Reports on Public Health
    and Medical Subjects 33, 1-26. Kalbfleisch, J. D., Prentice, R. L. (2002). The Statistical Analysis of Failure Time
    Data, 2nd ed., section 1.4 (the band) and 1.3 (left truncation). Wiley.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 2], "event_observed": [True, True, False],
    ...     "n_customers": [20, 16, 64]})
    >>> kaplan_meier(table)[["time", "n_at_risk", "survival"]].round(3).values.tolist()
    [[0.0, 100.0, 1.0], [1.0, 100.0, 0.8], [2.0, 80.0, 0.64]]
    """
    if by is not None:
        spans(table)
        refuse_missing(table, [by])
        parts = [
            (group, kaplan_meier(part, since=since, until=until))
            for group, part in table.groupby(by, sort=True)
            if len(part)
        ]
        curves = [part.assign(**{by: group})[[by, *part.columns]] for group, part in parts]
        return pd.concat(curves, ignore_index=True)
    entry, duration, event, count = spans(table)
    if until is not None:
        if until <= since:
            raise ValueError(f"a curve from {since:g} until {until:g} has no time in it")
        event, duration = event & (duration <= until), np.minimum(duration, until)
        count = np.where(entry < duration, count, 0.0)
    if since > 0:
        kept = (duration > since) & (count > 0)
        if not kept.any():
            raise ValueError(f"nobody is seen after {since:g}: there is no curve from there")
        entry, duration, event, count = (
            np.maximum(entry, since)[kept],
            duration[kept],
            event[kept],
            count[kept],
        )
    times, place = distinct(np.append(duration, since))
    place = place[:-1]
    n_times = len(times)
    left, gone = (np.bincount(place, weights, n_times) for weights in (count * event, count))
    # All who are seen so late, less those who enter later still.
    due = np.cumsum(gone[::-1])[::-1] + at_risk(entry, np.full(len(entry), -1.0), count, times)
    if since > 0:
        due[0] = count[entry <= since].sum()
    emptied = (left == due) & (left > 0)
    if emptied.any():
        first = int(np.argmax(emptied))
        if due[first + 1 :].any():
            raise ValueError(
                f"all {due[first]:.0f} at risk at {times[first]:g} leave, and others enter later: too few are watched "
                f"there; begin the curve later, with since={times[first]:g} or more, or end it before, with until "
                f"below {times[first]:g}"
            )
    survival, low, high = _band(left, due)
    columns = {"n_at_risk": due, "n_events": left, "n_censored": gone - left}
    counts = {name: values.astype(np.int64) for name, values in columns.items()}
    return pd.DataFrame({"time": times, **counts, "survival": survival, "low": low, "high": high})


def numbers_at_risk(table: pd.DataFrame, *, times: Sequence[float]) -> list[int]:
    """Count who is at risk at each of some times: the numbers under a survival curve.

    Parameters
    ----------
    table : DataFrame
        Cells or customers, as for :func:`spans`.
    times : sequence of float
        In any order.

    Returns
    -------
    list of int
        Customers with entry before and duration not before each time.

    Raises
    ------
    ValueError
        As :func:`spans`.

    Examples
    --------
    >>> table = pd.DataFrame({"entry": [0, 3], "duration": [4, 9], "event_observed": [True, True]})
    >>> numbers_at_risk(table, times=[0, 4, 5])
    [1, 2, 1]
    """
    entry, duration, _, count = spans(table)
    wanted, place = np.unique(np.asarray(times, float), return_inverse=True)
    return [int(n) for n in at_risk(entry, duration, count, wanted)[place]]


def quantile_limits(
    curve: pd.DataFrame, *, share: float = 0.5
) -> tuple[float | None, float | None, float | None]:
    """Return the time by which a share has left, with its limits.

    Parameters
    ----------
    curve : DataFrame
        As from :func:`kaplan_meier`, of one group.
    share : float
        0.5 for the median.

    Returns
    -------
    tuple of float or None
        The time, its lower and its upper limit: the first times at which the curve, the band's lower and its upper
        limit are no longer above *1 - share*. None for what lies beyond the time that was seen.

    References
    ----------
    Brookmeyer, R., Crowley, J. (1982). A confidence interval for the median survival time. Biometrics 38, 29-41.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [3, 5, 9], "event_observed": [True, True, False],
    ...     "n_customers": [20, 35, 45]})
    >>> quantile_limits(kaplan_meier(table))
    (5.0, 5.0, None)
    """
    times = curve["time"].to_numpy(float)
    found: list[float | None] = []
    for name in ("survival", "low", "high"):
        reached = times[curve[name].to_numpy(float) <= 1 - share + _HAIR]
        found.append(float(reached[0]) if len(reached) else None)
    return found[0], found[1], found[2]


def median_duration(
    figure: str,
    curve: pd.DataFrame,
    *,
    unit: str = "days",
    share: float = 0.5,
    segment: Mapping[str, str] | None = None,
) -> Estimate | None:
    """Return the time by which half of the customers, or another share, have left.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    curve : DataFrame
        As from :func:`kaplan_meier`, of one group.
    unit : str
        Of its times.
    share : float
        0.5 for the median.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate or None
        None where fewer have left within the time that was seen. Without limits where the upper one lies beyond it;
        :func:`quantile_limits` has the lower one then too.

    References
    ----------
    Brookmeyer, R., Crowley, J. (1982). A confidence interval for the median survival time. Biometrics 38, 29-41.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [3, 5, 9], "event_observed": True, "n_customers": [20, 60, 20]})
    >>> median = median_duration("median_tenure", kaplan_meier(table))
    >>> median.value, median.low, median.high, median.n
    (5.0, 5.0, 5.0, 100)
    """
    value, low, high = quantile_limits(curve, share=share)
    if value is None:
        return None
    if low is None or high is None:
        return Estimate(figure, value, unit, _watched(curve), segment=segment or {})
    return Estimate(figure, value, unit, _watched(curve), low, high, segment or {})


def survival_at(
    figure: str, curve: pd.DataFrame, *, time: float, segment: Mapping[str, str] | None = None
) -> Estimate | None:
    """Return the share of customers who stay longer than a time.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    curve : DataFrame
        As from :func:`kaplan_meier`, of one group.
    time : float
        In the unit of the curve.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate or None
        0 to 1, with the band's limits there. None before the curve begins and, where some are left, after it ends.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [3, 9], "event_observed": [True, False], "n_customers": [20, 80]})
    >>> survival_at("survival", kaplan_meier(table), time=5).value
    0.8
    >>> survival_at("survival", kaplan_meier(table), time=10) is None
    True
    """
    times = curve["time"].to_numpy(float)
    row = int(np.searchsorted(times, time, side="right")) - 1
    if row < 0 or (time > times[-1] and curve["survival"].iloc[-1] > 0):
        return None
    value, low, high = (float(curve[name].iloc[row]) for name in ("survival", "low", "high"))
    return Estimate(figure, value, "share", _watched(curve), low, high, segment or {})


def restricted_mean(
    figure: str,
    curve: pd.DataFrame,
    *,
    until: float,
    unit: str = "days",
    segment: Mapping[str, str] | None = None,
) -> Estimate | None:
    """Return how long customers stay on average within a time: the area under the curve up to it.

    Unlike the mean it does not hang on those whose end nobody has seen, and unlike the median it is always reached.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    curve : DataFrame
        As from :func:`kaplan_meier`, of one group.
    until : float
        The time, in the unit of the curve.
    unit : str
        Of its times.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate or None
        With value plus or minus 1.96 standard errors, kept within what is possible; counted from the curve's beginning.
        None where the curve ends before, with customers left, or begins after.

    References
    ----------
    Klein, J. P., Moeschberger, M. L. (2003). Survival Analysis, 2nd ed., section 4.5, formulas 4.5.1 and 4.5.2.
    Springer. Royston, P., Parmar, M. K. B. (2013). Restricted mean survival time. BMC Medical Research
    Methodology 13, 152.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [2, 10], "event_observed": [True, False], "n_customers": [50, 50]})
    >>> mean = restricted_mean("restricted_mean", kaplan_meier(table), until=10)
    >>> mean.value, round(mean.low, 2), round(mean.high, 2)
    (6.0, 5.22, 6.78)
    """
    times = curve["time"].to_numpy(float)
    if until <= times[0] or (until > times[-1] and curve["survival"].iloc[-1] > 0):
        return None
    inside = times < until
    edges = np.append(times[inside], until)
    areas = np.diff(edges) * curve["survival"].to_numpy(float)[inside]
    ahead = np.cumsum(areas[::-1])[::-1]
    left, due = (curve[name].to_numpy(float)[inside] for name in ("n_events", "n_at_risk"))
    # Where all leave nothing lies ahead, so that the error of that step does not matter.
    stays = due > left
    terms = ahead[stays] ** 2 * left[stays] / (due[stays] * (due[stays] - left[stays]))
    half, value = Z * float(np.sqrt(terms.sum())), float(areas.sum())
    low, high = max(0.0, value - half), min(float(until - times[0]), value + half)
    return Estimate(figure, value, unit, _watched(curve), min(low, value), max(high, value), segment or {})


def log_rank(table: pd.DataFrame, *, by: str) -> ChiSquared:
    """Test whether groups leave at the same pace.

    Parameters
    ----------
    table : DataFrame
        Cells or customers, as for :func:`spans`.
    by : str
        The column of groups.

    Returns
    -------
    ChiSquared
        One degree of freedom fewer than there are groups that stood beside another when anybody left.

    Raises
    ------
    ValueError
        As :func:`spans`; or if a group is missing, nobody leaves, or no two groups were ever at risk together.

    Notes
    -----
    It sees best a difference that has the same direction all the time; curves that cross can hide from it.

    References
    ----------
    Kalbfleisch, J. D., Prentice, R. L. (2002). The Statistical Analysis of Failure Time Data, 2nd ed., section 1.5.
    Wiley. Klein, J. P., Moeschberger, M. L. (2003). Survival Analysis, 2nd ed., section 7.3. Springer.

    Examples
    --------
    >>> table = pd.DataFrame({"plan": ["a", "a", "b", "b"], "duration": [1, 3, 1, 3],
    ...     "event_observed": [True, False, True, False], "n_customers": [30, 70, 50, 50]})
    >>> test = log_rank(table, by="plan")
    >>> round(test.statistic, 3), test.df, round(test.p_value, 4)
    (8.292, 1, 0.004)
    """
    entry, duration, event, count = spans(table)
    refuse_missing(table, [by])
    group, names = pd.factorize(table[by], sort=True)
    happens = event & (count > 0)
    if not happens.any():
        raise ValueError("nobody has left: groups cannot be told apart")
    times = np.unique(duration[happens])
    place = np.searchsorted(times, duration)
    left = np.array(
        [
            np.bincount(place[mask], count[mask], len(times))
            for mask in (happens & (group == g) for g in range(len(names)))
        ]
    )
    due = np.array(
        [
            at_risk(entry[group == g], duration[group == g], count[group == g], times)
            for g in range(len(names))
        ]
    )
    d, n = left.sum(axis=0), due.sum(axis=0)
    share = due / n
    gap = (left - d * share).sum(axis=1)
    spread = d * (n - d) / np.maximum(n - 1, 1)
    covariance = np.diag((spread * share).sum(axis=1)) - np.einsum("t,gt,ht->gh", spread, share, share)
    values, axes = np.linalg.eigh(covariance)
    firm = values > 1e-10 * max(values[-1], 1e-300)
    if values[-1] <= 0 or not firm.any():
        raise ValueError(f"no two groups of {by!r} were at risk together when anybody left")
    along = np.einsum("gh,g->h", axes, gap)[firm]
    return chi_squared(float((along**2 / values[firm]).sum()), int(firm.sum()))


def chi_squared(statistic: float, df: int) -> ChiSquared:
    """Return a test by its statistic.

    Parameters
    ----------
    statistic : float
        At least 0.
    df : int
        Degrees of freedom.

    Returns
    -------
    ChiSquared

    Examples
    --------
    >>> round(chi_squared(3.841459, 1).p_value, 4)
    0.05
    """
    from scipy.stats import chi2  # here, because it makes every start slower

    return ChiSquared(statistic, df, float(chi2.sf(statistic, df)))


def _band(left: Floats, due: Floats) -> tuple[Floats, Floats, Floats]:
    """Return survival and its limits by those who left and those at risk at each time."""
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(np.where(due > 0, 1 - left / due, 1.0))
        spread = np.cumsum(np.where(left > 0, left / (due * (due - left)), 0.0))
        half = Z * np.sqrt(spread) / -np.log(survival)
        low, high = survival ** np.exp(half), survival ** np.exp(-half)
    fewest = np.minimum.accumulate(np.where(due > 0, due, np.inf))
    if len(fewest) > 1:
        fewest[0] = min(fewest[0], fewest[1] if due[0] == 0 else fewest[0])
    nobody = np.cumsum(left) == 0
    low[nobody], high[nobody] = (fewest / (fewest + Z**2))[nobody], 1.0
    gone = survival == 0
    if gone.any():
        first = int(np.argmax(gone))
        at_once = first == 0 or nobody[first - 1]
        low[gone], high[gone] = 0.0, wilson_interval(0, due[first])[1] if at_once else high[first - 1]
    return survival, low, high


def _watched(curve: pd.DataFrame) -> int:
    return int(curve["n_events"].sum() + curve["n_censored"].sum())
