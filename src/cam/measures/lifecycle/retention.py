"""Retention by cohort and age: which months count, what share bought in them, and the curve over all cohorts."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

import pandas as pd

from cam.estimate import wilson_interval

#: Cohorts with fewer customers are counted and listed, but no rate of theirs is drawn as if it were firm: one
#: customer moves it by more than three points.
MIN_COHORT = 30


def retention_table(activity: pd.DataFrame, *, as_of: date, n_months: int) -> pd.DataFrame:
    """Turn activity by cohort and age into retention rates with their 95 % intervals.

    Turns *cohort, age, n_active, n_customers* into *cohort, age, n_active, n_customers, retention_rate, low,
    high*.

    Parameters
    ----------
    activity : DataFrame
        ``cohort`` (integer, year x 12 + month - 1), ``age`` (calendar months), ``n_active``, ``n_customers``; a
        month in which nobody bought may be absent.
    as_of : date
        Last day seen. Its month counts if this is the month's last day; an incomplete month is left out.
    n_months : int
        The highest age.

    Returns
    -------
    DataFrame
        One row per cohort and complete month of age 1 to *n_months*, oldest cohort first: ``cohort`` (text,
        ``YYYY-MM``), ``age`` (integer), ``n_active``, ``n_customers`` (the cohort's size, the denominator),
        ``retention_rate``, ``low``, ``high`` (0-1, Wilson).

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. Journal of the
    American Statistical Association 22, 209-212.

    Examples
    --------
    >>> activity = pd.DataFrame({"cohort": [24312, 24312], "age": [0, 2], "n_active": [40, 10],
    ...     "n_customers": [40, 40]})
    >>> table = retention_table(activity, as_of=date(2026, 3, 31), n_months=12)
    >>> table[["cohort", "age", "n_active", "retention_rate"]].values.tolist()
    [['2026-01', 1, 0, 0.0], ['2026-01', 2, 10, 0.25]]
    """
    last = _last_complete_month(as_of)
    sizes = activity.groupby("cohort")["n_customers"].max()
    active = activity.set_index(["cohort", "age"])["n_active"]
    rows = [
        (cohort, age, int(active.get((cohort, age), 0)), int(size))
        for cohort, size in sizes.items()
        for age in range(1, min(n_months, last - int(cohort)) + 1)
    ]
    table = pd.DataFrame(rows, columns=["cohort", "age", "n_active", "n_customers"])
    table["cohort"] = [f"{month // 12}-{month % 12 + 1:02d}" for month in table["cohort"]]
    return _with_rate(table)


def pooled_retention(table: pd.DataFrame) -> pd.DataFrame:
    """Add up the cohorts at each age: of all customers whose month is complete, how many bought in it?

    Turns *cohort, age, n_active, n_customers* into *age, n_cohorts, n_active, n_customers, retention_rate, low,
    high*.

    Parameters
    ----------
    table : DataFrame
        As from :func:`retention_table`.

    Returns
    -------
    DataFrame
        One row per age: ``n_cohorts``, sums of ``n_active`` and ``n_customers``, ``retention_rate``, ``low`` and
        ``high`` (0-1, Wilson). High ages rest on old cohorts alone; :func:`cohorts_of_age` keeps to those.

    Notes
    -----
    Where cohorts differ in their rates, the sum of their customers varies less than one binomial with the mean
    rate, so the interval is a little too wide, never too narrow.

    Examples
    --------
    >>> table = pd.DataFrame({"cohort": ["2026-01", "2026-02"], "age": [1, 1], "n_active": [10, 20],
    ...     "n_customers": [40, 60]})
    >>> pooled_retention(table)[["n_cohorts", "retention_rate"]].values.tolist()
    [[2.0, 0.3]]
    """
    pooled = table.groupby("age", as_index=False).agg(
        n_cohorts=("cohort", "nunique"), n_active=("n_active", "sum"), n_customers=("n_customers", "sum")
    )
    return _with_rate(pooled)


def cohorts_of_age(table: pd.DataFrame, age: int) -> pd.DataFrame:
    """Keep the cohorts that have reached an age, so that two ages are compared over the same customers.

    Parameters
    ----------
    table : DataFrame
        As from :func:`retention_table`.
    age : int
        Months.

    Returns
    -------
    DataFrame
        The rows of these cohorts up to that age.

    Examples
    --------
    >>> table = pd.DataFrame({"cohort": ["2026-01", "2026-01", "2026-02"], "age": [1, 2, 1]})
    >>> cohorts_of_age(table, 2).values.tolist()
    [['2026-01', 1], ['2026-01', 2]]
    """
    reached = table.loc[table["age"] == age, "cohort"]
    return table[table["cohort"].isin(reached) & (table["age"] <= age)].reset_index(drop=True)


def _last_complete_month(as_of: date) -> int:
    month = 12 * as_of.year + as_of.month - 1
    return month if as_of.day == monthrange(as_of.year, as_of.month)[1] else month - 1


def _with_rate(table: pd.DataFrame) -> pd.DataFrame:
    limits = [
        wilson_interval(active, n) for active, n in zip(table["n_active"], table["n_customers"], strict=True)
    ]
    return table.assign(
        retention_rate=table["n_active"] / table["n_customers"],
        low=[low for low, _ in limits],
        high=[high for _, high in limits],
    )
