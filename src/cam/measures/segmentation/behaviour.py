"""How customers buy: shares of orders, ratios and the time to the next purchase, where one customer has many orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cam.estimate import CONFIDENCE, Estimate, Z, wilson_interval

Floats = npt.NDArray[np.float64]

#: Levels that a page shows by name; the others are one row.
MOST_LEVELS = 10


def rank_levels(counts: pd.DataFrame, *, most: int = MOST_LEVELS) -> pd.DataFrame:
    """Rank levels by their orders, and put those that a page cannot hold into one row.

    Parameters
    ----------
    counts : DataFrame
        *level* (none missing, no two alike), *n_orders*.
    most : int
        Levels to show by name.

    Returns
    -------
    DataFrame
        *level*, *n_orders*, *place* (integer from 1, the most common level first; equal ones in the order of their
        code points, which is the same everywhere), *shown* (integer: the place, or *most* + 1 for the rest). A rest of
        one level would be no shorter than its name, so then all are shown.

    Examples
    --------
    >>> counts = pd.DataFrame({"level": ["b", "a", "c"], "n_orders": [5, 5, 9]})
    >>> rank_levels(counts)[["level", "place"]].values.tolist()
    [['c', 1], ['a', 2], ['b', 3]]
    """
    ranked = counts.sort_values("level").sort_values("n_orders", ascending=False, kind="stable")
    place = np.arange(1, len(ranked) + 1)
    shown = place if len(place) <= most + 1 else np.minimum(place, most + 1)
    return ranked.assign(place=place, shown=shown).reset_index(drop=True)


def level_shares(sums: pd.DataFrame) -> pd.DataFrame:
    """Turn sums per level into shares of orders with 95 % intervals that know that a customer's orders are alike.

    Parameters
    ----------
    sums : DataFrame
        As from :func:`cam.reduce.behaviour.mix_sums`: one row per level.

    Returns
    -------
    DataFrame
        *level*, *n_orders*, *n_customers*, *all_orders*, *all_customers*, *share*, *low*, *high* (0-1, of all orders
        with a known level), *revenue*, *revenue_share* (0-1; missing where revenue is not above zero in total).

    Notes
    -----
    The share is a ratio of two totals over customers, so its variance is that of the linearised ratio. It says how
    many independent orders would tell as much, and Wilson's interval is taken with that number: never more than there
    are orders; less where few customers make the variance itself uncertain. Where all or none of the orders are at a
    level, its variance cannot be seen; then a customer's orders count as if they were all alike.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.11. Wiley.
    Korn, E. L., Graubard, B. I. (1998). Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data. Survey Methodology 24, 193-201.

    Examples
    --------
    >>> sums = pd.DataFrame({"level": ["app", "web"], "n_orders": [60, 40], "n_customers": [30, 20],
    ...     "revenue": [600.0, 200.0], "squared": [120, 80], "crossed": [120, 80], "all_orders": 100,
    ...     "all_customers": 50, "all_squared": 200})
    >>> level_shares(sums)[["share", "low", "high", "revenue_share"]].round(3).values.tolist()
    [[0.6, 0.457, 0.728, 0.75], [0.4, 0.272, 0.543, 0.25]]
    """
    whole = ("n_orders", "squared", "crossed", "all_orders", "all_customers", "all_squared")
    x, squared, crossed, n, people, n_squared = (sums[name].to_numpy(float) for name in whole)
    limits = [_limits(*row) for row in zip(x, squared, crossed, n, people, n_squared, strict=True)]
    low, high = np.array(limits).reshape(-1, 2).T
    revenue = sums["revenue"].to_numpy(float)
    total = revenue.sum()
    return pd.DataFrame(
        {
            **{name: sums[name].to_numpy() for name in ("level", "n_orders", "n_customers")},
            **{name: sums[name].to_numpy() for name in ("all_orders", "all_customers")},
            "share": x / n,
            "low": low,
            "high": high,
            "revenue": revenue,
            "revenue_share": revenue / total if total > 0 else np.full(len(sums), np.nan),
        }
    )


def share_of(figure: str, row: Mapping[str, Any], *, segment: Mapping[str, str] | None = None) -> Estimate:
    """Return one row of :func:`level_shares` as a key figure.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    row : mapping
        With *share*, *low*, *high* and *all_orders*.
    segment : Mapping[str, str], optional
        What part of the orders it speaks of.

    Returns
    -------
    Estimate
        In unit ``share``; ``n`` is the number of orders.

    Examples
    --------
    >>> share_of("weekend_share", {"share": 0.3, "low": 0.2, "high": 0.4, "all_orders": 9}).n
    9
    """
    value, low, high = (float(row[name]) for name in ("share", "low", "high"))
    return Estimate(figure, value, "share", int(row["all_orders"]), low, high, segment or {})


def customer_ratio(figure: str, sums: pd.Series, *, unit: str) -> Estimate:
    """Return the ratio of two totals, with the interval of a sample of customers.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    sums : Series
        A row of :func:`cam.reduce.behaviour.ratio_sums`, with ``bottom`` above zero.
    unit : str
        Of the ratio, as in :class:`cam.estimate.Estimate`.

    Returns
    -------
    Estimate
        Linearised ratio, Student's t; without limits where there is one customer. A ``share`` stays within 0 and 1.

    Raises
    ------
    ValueError
        If ``bottom`` is not above zero.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.11. Wiley.

    Examples
    --------
    >>> sums = pd.Series({"n_rows": 30, "n_customers": 20, "top": 40, "bottom": 400, "top_squared": 120,
    ...     "crossed": 900, "bottom_squared": 9000})
    >>> ratio = customer_ratio("discount_share", sums, unit="share")
    >>> round(ratio.value, 3), round(ratio.low, 3), round(ratio.high, 3)
    (0.1, 0.071, 0.129)
    """
    top, bottom, n = (float(sums[name]) for name in ("top", "bottom", "n_customers"))
    if bottom <= 0:
        raise ValueError(f"{figure}: the total to divide by is {bottom:g}; it must be above zero")
    value = top / bottom
    squares = float(sums["top_squared"]) - 2 * value * float(sums["crossed"])
    squares += value**2 * float(sums["bottom_squared"])
    if n < 2:
        return Estimate(figure, value, unit, int(sums["n_rows"]))
    half = _t(n - 1) * float(np.sqrt(n / (n - 1) * max(squares, 0.0))) / bottom
    low, high = value - half, value + half
    if unit == "share":
        low, high = min(max(low, 0.0), value), max(min(high, 1.0), value)
    return Estimate(figure, value, unit, int(sums["n_rows"]), low, high)


def mean_count(figure: str, counts: pd.DataFrame, column: str) -> Estimate:
    """Return the mean of a whole number over customers, from how many have each value of it.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    counts : DataFrame
        *column* and *n_customers*, at least one.
    column : str
        The number.

    Returns
    -------
    Estimate
        In unit ``ratio``, Student's t; without limits where there is one customer.

    Examples
    --------
    >>> mean = mean_count("mean_categories", pd.DataFrame({"n": [1, 3], "n_customers": [50, 50]}), "n")
    >>> mean.value, round(mean.low, 2), round(mean.high, 2)
    (2.0, 1.8, 2.2)
    """
    value, w = counts[column].to_numpy(float), counts["n_customers"].to_numpy(float)
    n = w.sum()
    mean = float((w * value).sum() / n)
    if n < 2:
        return Estimate(figure, mean, "ratio", int(n))
    half = _t(n - 1) * float(np.sqrt((w * (value - mean) ** 2).sum() / (n - 1) / n))
    return Estimate(figure, mean, "ratio", int(n), mean - half, mean + half)


def month_rates(sums: pd.DataFrame, *, first: date, last: date) -> pd.DataFrame:
    """Turn sums per calendar month into orders per day, so that months of 28 and 31 days compare.

    Parameters
    ----------
    sums : DataFrame
        As from :func:`cam.reduce.behaviour.mix_sums`, with ``level`` a month (year x 12 + month - 1).
    first, last : date
        First and last day seen. A month that is not wholly between them is left out.

    Returns
    -------
    DataFrame
        *year*, *month* (1-12), *n_orders*, *rate* (orders per day), *low*, *high*; one row per whole month in rising
        order, those without an order among them.

    Notes
    -----
    Both the number of customers and what each does are left to chance (a compound Poisson count), so the variance of
    a month's orders is the sum over customers of their squares.

    Examples
    --------
    >>> sums = pd.DataFrame({"level": [24312], "n_orders": [62], "squared": [100]})
    >>> month_rates(sums, first=date(2026, 1, 1), last=date(2026, 2, 27)).round(2).values.tolist()
    [[2026.0, 1.0, 62.0, 2.0, 1.37, 2.63]]
    """
    begins = first if first.day == 1 else _next_month(first)
    # The day after the last one opens the first month that is not whole, or stands in it.
    ends = (last + timedelta(days=1)).replace(day=1)
    found = sums.set_index("level")[["n_orders", "squared"]]
    rows = []
    while begins < ends:
        month = 12 * begins.year + begins.month - 1
        days = (_next_month(begins) - begins).days
        n, squared = (float(number) for number in found.loc[month]) if month in found.index else (0.0, 0.0)
        half = Z * np.sqrt(squared)
        low = max(n - half, 0.0) / days
        rows.append((begins.year, begins.month, int(n), n / days, low, (n + half) / days))
        begins = _next_month(begins)
    return pd.DataFrame(rows, columns=["year", "month", "n_orders", "rate", "low", "high"])


def value_limits(low: float, high: float) -> list[float]:
    """Return the limits 1, 2, 5, 10, 20, 50, … that cut amounts of any size into bins that a reader knows.

    Parameters
    ----------
    low, high : float
        Amounts above zero; what is smaller or larger may stand in the bins at the ends.

    Returns
    -------
    list of float
        Rising, 0 first, so that the first bin holds what is zero or less; the others from *low* to *high*, at least
        one. A value equal to a limit is below it.

    Raises
    ------
    ValueError
        If not 0 < *low* <= *high*.

    Examples
    --------
    >>> value_limits(3.5, 60)
    [0.0, 5.0, 10.0, 20.0, 50.0]
    """
    if not 0 < low <= high:
        raise ValueError(f"limits need 0 < low <= high; got {low:g} and {high:g}")
    powers = range(int(np.floor(np.log10(low))) - 1, int(np.ceil(np.log10(high))) + 2)
    # Read from text, or 5 x 0.01 would be 0.05000000000000001.
    grid = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    first = next(place for place, limit in enumerate(grid) if limit >= low)
    last = max(place for place, limit in enumerate(grid) if limit <= high)
    return [0.0, *grid[first : max(last, first) + 1]]


def gap_curve(cells: pd.DataFrame) -> pd.DataFrame:
    """Say after how many days a purchase has been followed by another, with the gaps that are still open.

    Parameters
    ----------
    cells : DataFrame
        As from :func:`cam.reduce.behaviour.gap_cells`: *part*, *days*, *is_closed* (0 or 1), *n*; at least one gap
        that is closed.

    Returns
    -------
    DataFrame
        One row per day on which a gap ended, after day 0: *days*, *n_at_risk* (gaps not closed before that day and
        open at least as long), *n_closed* (on it), *share* (0-1: of all purchases, followed by another by then),
        *low*, *high*.

    Raises
    ------
    ValueError
        If no gap is closed, or all customers are in one part.

    Notes
    -----
    Long gaps have had less time to close, so the closed ones alone are too short; Kaplan and Meier's estimator counts
    an open gap for as long as it has been seen. Gaps of one customer are alike, so Greenwood's error would be too
    small: the error here is the jackknife over parts of the customers, taken to the scale of ln(-ln S). The curve
    speaks of purchases: who buys often counts often. Where the buyers of later days are of another kind than those of
    earlier ones, it is a blend of both.

    References
    ----------
    Kaplan, E. L., Meier, P. (1958). Nonparametric estimation from incomplete observations. Journal of the American
    Statistical Association 53, 457-481.
    Wolter, K. M. (2007). Introduction to Variance Estimation, 2nd ed., section 4.2 (delete-a-group). Springer.
    Kalbfleisch, J. D., Prentice, R. L. (2002). The Statistical Analysis of Failure Time Data, 2nd ed., section 1.4.
    Wiley.

    Examples
    --------
    >>> cells = pd.DataFrame({"part": [0, 1, 0, 1], "days": [7, 7, 9, 9], "is_closed": [1, 1, 0, 1], "n": [5, 4, 6, 5]})
    >>> gap_curve(cells)[["days", "n_at_risk", "share"]].round(2).values.tolist()
    [[0.0, 20.0, 0.0], [7.0, 20.0, 0.45], [9.0, 11.0, 0.7]]
    """
    if not (cells["is_closed"] == 1).any():
        raise ValueError("no gap is closed: when customers buy again cannot be told")
    if cells["part"].nunique() < 2:
        raise ValueError("all customers are in one part: how far the curve could move cannot be told")
    parts, part = np.unique(cells["part"].to_numpy(), return_inverse=True)
    days, place = np.unique(cells["days"].to_numpy(), return_inverse=True)
    n = cells["n"].to_numpy(float)
    is_closed = cells["is_closed"].to_numpy() == 1
    all_gaps, closed = np.zeros((2, len(parts), len(days)))
    np.add.at(all_gaps, (part, place), n)
    np.add.at(closed, (part[is_closed], place[is_closed]), n[is_closed])
    at_risk = np.cumsum(all_gaps[:, ::-1], axis=1)[:, ::-1]
    total, ended = at_risk.sum(axis=0), closed.sum(axis=0)
    survival = _survival(ended, total)
    without = _survival(ended - closed, total - at_risk)
    g = len(parts)
    error = np.sqrt((g - 1) / g * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        half = _t(g - 1) * error / (survival * -np.log(survival))
        upper, lower = (survival ** np.exp(side * half) for side in (-1, 1))
    # Where no gap or every gap has ended, the scale has no end; Wilson's limits of one share have.
    edge = ~((survival > 0) & (survival < 1))
    ends = np.array([wilson_interval(s * m, m) for s, m in zip(np.round(survival), total, strict=True)])
    lower, upper = np.where(edge, ends[:, 0], lower), np.where(edge, ends[:, 1], upper)
    found = pd.DataFrame(
        {
            "days": days,
            "n_at_risk": total.astype(np.int64),
            "n_closed": ended.astype(np.int64),
            "share": 1 - survival,
            "low": 1 - upper,
            "high": 1 - lower,
        }
    )
    found = found[found["n_closed"] > 0]
    start = pd.DataFrame(
        {
            "days": [0],
            "n_at_risk": [int(total[0])],
            "n_closed": [0],
            "share": [0.0],
            "low": [0.0],
            "high": [0.0],
        }
    )
    return pd.concat([start, found], ignore_index=True)


def gap_quantile(figure: str, curve: pd.DataFrame, share: float) -> Estimate | None:
    """Return the days by which a share of purchases has been followed by another.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    curve : DataFrame
        As from :func:`gap_curve`.
    share : float
        0.5 for the median.

    Returns
    -------
    Estimate or None
        In days: the first day on which the curve reaches the share; its limits are the days on which the limits of
        the curve do. None where the curve never reaches it. Without limits where the curve's lower limit does not.

    References
    ----------
    Brookmeyer, R., Crowley, J. (1982). A confidence interval for the median survival time. Biometrics 38, 29-41.

    Examples
    --------
    >>> curve = pd.DataFrame({"days": [0, 7, 9], "n_at_risk": [20, 20, 11], "share": [0, 0.45, 0.7],
    ...     "low": [0, 0.3, 0.5], "high": [0, 0.6, 0.8]})
    >>> median = gap_quantile("median_interpurchase_days", curve, 0.5)
    >>> median.value, median.low, median.high
    (9.0, 7.0, 9.0)
    >>> gap_quantile("third_quartile", curve, 0.75) is None
    True
    """
    days = curve["days"].to_numpy(float)
    # A share of exactly one half may come out a hair below it.
    reached = {name: days[curve[name].to_numpy(float) >= share - 1e-12] for name in ("share", "high", "low")}
    if not len(reached["share"]):
        return None
    value = float(reached["share"][0])
    n = int(curve["n_at_risk"].iloc[0])
    if not len(reached["low"]):
        return Estimate(figure, value, "days", n)
    return Estimate(figure, value, "days", n, float(reached["high"][0]), float(reached["low"][0]))


def closed_quantile(cells: pd.DataFrame, share: float) -> float:
    """Return a quantile of the closed gaps alone, which is too short: to be set against :func:`gap_quantile`.

    Parameters
    ----------
    cells : DataFrame
        As for :func:`gap_curve`.
    share : float
        0.5 for the median.

    Returns
    -------
    float
        Days.

    Examples
    --------
    >>> closed_quantile(pd.DataFrame({"days": [7, 9, 30], "is_closed": [1, 1, 0], "n": [5, 4, 6]}), 0.5)
    7.0
    """
    counts = cells[cells["is_closed"] == 1].groupby("days")["n"].sum()
    reached = counts.cumsum() >= share * counts.sum()
    return float(counts.index[int(np.argmax(reached.to_numpy()))])


def _limits(
    x: float, squared: float, crossed: float, n: float, people: float, n_squared: float
) -> tuple[float, float]:
    share = x / n
    if 0 < x < n and people > 1:
        squares = max(squared - 2 * share * crossed + share**2 * n_squared, 0.0)
        variance = people / (people - 1) * squares / n**2
        worth = min(share * (1 - share) / variance, n) if variance > 0 else n
    else:
        worth = n**2 / n_squared
    # With few customers the variance is uncertain too.
    worth = worth * (Z / _t(people - 1)) ** 2 if people > 1 else min(worth, 1.0)
    return wilson_interval(share * worth, worth)


def _survival(closed: Floats, at_risk: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.where(at_risk > 0, 1 - closed / np.maximum(at_risk, 1.0), 1.0)
    result: Floats = np.cumprod(left, axis=-1, dtype=np.float64)
    return result


def _t(df: float) -> float:
    from scipy.stats import t  # here, because it makes every start slower

    return float(t.ppf(0.5 + CONFIDENCE / 2, df))


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
