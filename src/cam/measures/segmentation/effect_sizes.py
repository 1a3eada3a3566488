"""Effect sizes with their intervals: how strongly classes go together, how far apart means lie; Holm's correction."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Estimate

_SUMS = ("n", "sum", "squared")


def cramers_v(table: np.ndarray, *, attribute: str = "") -> Estimate:
    """Return how strongly two classifications go together, from 0 to 1, corrected for chance.

    Parameters
    ----------
    table : ndarray
        Counts; empty rows and columns do not matter.
    attribute : str
        What the figure speaks of.

    Returns
    -------
    Estimate
        ``profile_effect`` in unit ``ratio``.

    Raises
    ------
    ValueError
        If fewer than two rows or columns hold anybody.

    Notes
    -----
    The plain V is above zero by chance alone; Bergsma's is not. The interval is that of the noncentral chi-square
    distribution, which is right where the two are nearly independent. Where the spread of the statistic by the delta
    method is wider than that, the interval is widened alike: strong ties in uneven tables need it.

    References
    ----------
    Bergsma, W. (2013). A bias-correction for Cramér's V and Tschuprow's T. Journal of the Korean Statistical Society
    42, 323-328. (Section 2.)
    Smithson, M. (2003). Confidence Intervals, chapter 4 (noncentral intervals). Sage.
    Agresti, A. (2013). Categorical Data Analysis, 3rd ed., section 16.1 (delta method). Wiley.

    Examples
    --------
    >>> v = cramers_v(np.array([[30, 10], [10, 30]]))
    >>> round(v.value, 3), round(v.low, 3), round(v.high, 3)
    (0.49, 0.281, 0.719)
    """
    from scipy.special import chndtrinc  # here, because it makes every start slower

    counts = occupied(np.asarray(table, float))
    rows, columns = counts.shape
    if rows < 2 or columns < 2:
        raise ValueError("cramers_v needs two rows and two columns with somebody in them")
    n = counts.sum()
    df = (rows - 1) * (columns - 1)
    phi, variance = mean_square_contingency(counts)
    # Below what chance gives on average the upper limit stays, or it would promise independence.
    low = chndtrinc(n * phi, df, 0.5 + CONFIDENCE / 2) if n * phi > 0 else 0.0
    high = chndtrinc(max(n * phi, df), df, 0.5 - CONFIDENCE / 2)
    # Nothing is left below 0, where the search ends at a tiny number.
    low = 0.0 if not low > 1e-9 else low
    centre = max(n * phi - df, 0.0)
    wider = max(1.0, math.sqrt(variance / (4 * phi))) if phi > 0 else 1.0
    low, high = centre - wider * max(centre - low, 0.0), centre + wider * max(high - centre, 0.0)
    corrected = max(0.0, phi - df / (n - 1))
    fewer = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    value = min(1.0, math.sqrt(corrected / fewer)) if corrected > 0 else 0.0
    most = n * (min(rows, columns) - 1)
    limits = [min(1.0, math.sqrt(max(limit, 0.0) / most)) for limit in (low, high)]
    segment = {"attribute": attribute} if attribute else {}
    return Estimate(
        "profile_effect", value, "ratio", round(n), min(limits[0], value), max(limits[1], value), segment
    )


def correlation_ratio(sums: pd.DataFrame, *, attribute: str = "") -> Estimate:
    """Return how much of the spread of a number lies between segments, from 0 to 1, corrected for chance.

    Parameters
    ----------
    sums : DataFrame
        One row per segment: *n*, *sum*, *squared*, whole numbers.
    attribute : str
        What the figure speaks of.

    Returns
    -------
    Estimate
        ``profile_effect`` in unit ``ratio``: eta, the square root of the share of the variance between segments. For an
        attribute of two levels it is Cramér's V, so the two can be set side by side.

    Raises
    ------
    ValueError
        If fewer than two segments have two customers, or all numbers are equal.

    Notes
    -----
    Corrected by Kelley's epsilon squared; the interval is that of the noncentral F distribution, for spreads that are
    alike in all segments.

    References
    ----------
    Kelley, T. L. (1935). An unbiased correlation ratio measure. PNAS 21, 554-559.
    Smithson, M. (2003). Confidence Intervals, chapter 4. Sage.

    Examples
    --------
    >>> sums = pd.DataFrame({"n": [50, 50], "sum": [100, 150], "squared": [250, 500]})
    >>> eta = correlation_ratio(sums)
    >>> round(eta.value, 3), round(eta.low, 3), round(eta.high, 3)
    (0.438, 0.275, 0.574)
    """
    from scipy.special import ncfdtrinc  # here, because it makes every start slower

    # Python's whole numbers, which do not overflow.
    rows = [tuple(map(int, row)) for row in zip(*(sums[name] for name in _SUMS), strict=True)]
    rows = [row for row in rows if row[0] >= 2]
    k, total, held, squared = len(rows), *(sum(row[place] for row in rows) for place in range(3))
    whole = total * squared - held**2
    if k < 2 or whole <= 0:
        raise ValueError("correlation_ratio needs two segments of two customers, and numbers that differ")
    between = 1 - sum((n * c - b * b) / n for n, b, c in rows) / (whole / total)
    first, second = k - 1, total - k
    # Where nothing is left within segments, a share of one has no noncentral F: the largest that has one is close.
    between = min(max(between, 0.0), 1 - 1e-9)
    statistic = between / first / ((1 - between) / second)
    low = ncfdtrinc(first, second, 0.5 + CONFIDENCE / 2, statistic)
    high = ncfdtrinc(first, second, 0.5 - CONFIDENCE / 2, max(statistic, 1.0))
    value = math.sqrt(max(0.0, 1 - (1 - between) * (total - 1) / second))
    limits = [math.sqrt(limit / (limit + total)) if limit > 1e-9 else 0.0 for limit in (low, high)]
    segment = {"attribute": attribute} if attribute else {}
    return Estimate(
        "profile_effect", value, "ratio", total, min(limits[0], value), max(limits[1], value), segment
    )


def with_others(sums: pd.DataFrame) -> pd.DataFrame:
    """Set beside the sums of each group those of all other groups of its attribute.

    Turns *attribute, n, sum, squared* into the same with *n_others, sum_others, squared_others*.

    Parameters
    ----------
    sums : DataFrame
        Whole numbers, all groups of an attribute.

    Returns
    -------
    DataFrame

    Raises
    ------
    KeyError
        If a column is missing.

    Examples
    --------
    >>> sums = pd.DataFrame({"attribute": "age", "n": [2, 3], "sum": [5, 9], "squared": [13, 29]})
    >>> with_others(sums)[["n_others", "sum_others", "squared_others"]].values.tolist()
    [[3, 9, 29], [2, 5, 13]]
    """
    found = sums.copy()
    for name in _SUMS:
        # Python's whole numbers, which do not overflow.
        own = [int(value) for value in sums[name]]
        totals: dict[object, int] = {}
        for attribute, value in zip(sums["attribute"], own, strict=True):
            totals[attribute] = totals.get(attribute, 0) + value
        found[name] = pd.Series(own, index=sums.index, dtype=object)
        others = [totals[attribute] - value for attribute, value in zip(sums["attribute"], own, strict=True)]
        found[f"{name}_others"] = pd.Series(others, index=sums.index, dtype=object)
    return found


def compare(sums: pd.DataFrame) -> pd.DataFrame:
    """Compare the mean of a group with that of all others, in standard deviations.

    Turns *n, sum, squared* and *n_others, sum_others, squared_others* into *value, others, difference, p_value*.

    Parameters
    ----------
    sums : DataFrame
        As from :func:`with_others`; the sums are whole numbers of *unit*, by default 1.

    Returns
    -------
    DataFrame
        The other columns, *n* and *n_others*, *value* (the mean) with *value_low* and *value_high*, *others* (their
        mean), *difference* (of the means, over the standard deviation within both) with *low* and *high*, and *p_value*
        (Welch's t). What one customer, or equal ones, cannot give is missing.

    Raises
    ------
    KeyError
        If a column is missing.

    Notes
    -----
    The limits take the spread of each group for its own, as Welch's test does.

    References
    ----------
    Hedges, L. V., Olkin, I. (1985). Statistical Methods for Meta-Analysis, section 5.B. Academic Press.
    Welch, B. L. (1947). The generalization of Student's problem when several different population variances are
    involved. Biometrika 34, 28-35.

    Examples
    --------
    >>> sums = pd.DataFrame({"attribute": "age", "n": [50, 50], "sum": [100, 150], "squared": [250, 500]})
    >>> compare(with_others(sums))[["value", "difference", "low", "high"]].round(3).values.tolist()[1]
    [3.0, 0.99, 0.569, 1.41]
    """
    from scipy.special import stdtr, stdtrit  # here, because it makes every start slower

    names = [*_SUMS, *(f"{name}_others" for name in _SUMS)]
    unit = sums["unit"].to_numpy(float) if "unit" in sums else np.ones(len(sums))
    moments = {end: _moments(sums, end, unit) for end in ("", "_others")}
    (n, mean, variance), (m, other_mean, other_variance) = moments[""], moments["_others"]
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = variance / n, other_variance / m
        error = parts[0] + parts[1]
        df = error**2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))
        pooled = ((n - 1) * variance + (m - 1) * other_variance) / (n + m - 2)
        known = (error > 0) & np.isfinite(df)
        gap = np.where(known, (mean - other_mean) / np.sqrt(pooled), np.nan)
        spread = np.sqrt(error / pooled + gap**2 / (2 * (n + m)))
        half = stdtrit(df, 0.5 + CONFIDENCE / 2) * spread
        p_value = 2 * stdtr(df, -np.abs(mean - other_mean) / np.sqrt(error))
        own = stdtrit(n - 1, 0.5 + CONFIDENCE / 2) * np.sqrt(parts[0])
    found = sums.drop(columns=[name for name in names if name in sums]).copy()
    found["n"], found["n_others"] = n.astype(int), m.astype(int)
    found["value"], found["value_low"], found["value_high"] = mean, mean - own, mean + own
    found["others"] = other_mean
    found["difference"], found["low"], found["high"] = gap, gap - half, gap + half
    found["p_value"] = np.where(known, p_value, np.nan)
    return found


def mean_square_contingency(table: np.ndarray) -> tuple[float, float]:
    """Return Pearson's chi-square per customer, and how much it varies from sample to sample.

    Parameters
    ----------
    table : ndarray
        Counts or shares, without an empty row or column.

    Returns
    -------
    tuple of float
        Phi squared, and its variance by the delta method, times the number of customers.

    References
    ----------
    Agresti, A. (2013). Categorical Data Analysis, 3rd ed., section 16.1. Wiley.

    Examples
    --------
    >>> [round(number, 3) for number in mean_square_contingency(np.array([[30, 10], [10, 30]]))]
    [0.25, 0.75]
    """
    share = table / table.sum()
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    expected = np.outer(rows, columns)
    phi = float(((share - expected) ** 2 / expected).sum())
    ratio = share**2 / expected
    slope = (
        2 * share / expected - (ratio.sum(axis=1) / rows)[:, None] - (ratio.sum(axis=0) / columns)[None, :]
    )
    centre = float((share * slope).sum())
    return phi, max(float((share * slope**2).sum()) - centre**2, 0.0)


def occupied(table: np.ndarray) -> np.ndarray:
    """Return a table without its empty rows and columns.

    Parameters
    ----------
    table : ndarray
        Counts.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> occupied(np.array([[3, 0, 1], [0, 0, 0]])).tolist()
    [[3, 1]]
    """
    kept = table[table.sum(axis=1) > 0]
    return kept[:, kept.sum(axis=0) > 0]


def _moments(sums: pd.DataFrame, end: str, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of customers, means and variances, worked out in whole numbers until the last step."""
    n, held, squared = ([int(value) for value in sums[f"{name}{end}"]] for name in _SUMS)
    mean = [b / a if a else math.nan for a, b in zip(n, held, strict=True)]
    lack = [a * c - b * b for a, b, c in zip(n, held, squared, strict=True)]
    variance = [d / (a * (a - 1)) if a > 1 else math.nan for a, d in zip(n, lack, strict=True)]
    return np.array(n, float), np.array(mean) * unit, np.array(variance) * unit**2
