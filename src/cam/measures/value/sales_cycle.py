"""From spend to new customer: how long it takes, and spend set against the customers whom it could have won."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Estimate


def sales_cycle(delays: pd.DataFrame) -> Estimate:
    """Return the median number of days from a lead to the customer's acquisition.

    Parameters
    ----------
    delays : DataFrame
        ``days`` (integer) and ``n_customers``, as from :func:`cam.reduce.acquisition.lead_delays`; negative days, of
        leads that came after the customer, are left out.

    Returns
    -------
    Estimate
        ``sales_cycle_days``, with the exact limits that the binomial distribution gives to a median by order
        statistics; n is the number of customers.

    Raises
    ------
    ValueError
        If nobody is left.

    Notes
    -----
    Leads that have not converted yet are not in it. Where many are young, the median is too short.

    References
    ----------
    Conover, W. J. (1999). Practical Nonparametric Statistics, 3rd ed., section 3.2. Wiley.

    Examples
    --------
    >>> cycle = sales_cycle(pd.DataFrame({"days": [1, 5, 40], "n_customers": [10, 20, 10]}))
    >>> cycle.value, cycle.low, cycle.high, cycle.n
    (5.0, 5.0, 5.0, 40)
    """
    kept = delays[delays["days"] >= 0].sort_values("days")
    reached = kept["n_customers"].cumsum().to_numpy()
    n = int(reached[-1]) if len(reached) else 0
    if not n:
        raise ValueError("a sales cycle needs customers who were leads before")
    from scipy.stats import binom  # here, because it makes every start slower

    below = int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))
    ranks = [max(below, 1), (n + 1) // 2, n // 2 + 1, min(n + 1 - below, n)]
    low, left, right, high = kept["days"].to_numpy()[np.searchsorted(reached, ranks)].astype(float)
    return Estimate("sales_cycle_days", float(left + right) / 2, "days", n, float(low), float(high))


def is_monthly(spend: pd.DataFrame) -> bool:
    """Say whether spend is dated once a month.

    Parameters
    ----------
    spend : DataFrame
        ``month``, ``first_day``, ``last_day``, as from :func:`cam.reduce.acquisition.spend_by_month`.

    Returns
    -------
    bool

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-01", "2026-02-01"])
    >>> is_monthly(pd.DataFrame({"month": days, "first_day": days, "last_day": days}))
    True
    """
    days = spend.groupby("month").agg(first=("first_day", "min"), last=("last_day", "max"))
    return bool((days["first"] == days["last"]).all())


def shift_spend(spend: pd.DataFrame, *, lag_days: int) -> pd.DataFrame:
    """Move spend that is dated once a month some days later, as if it had been spent evenly over its month.

    Parameters
    ----------
    spend : DataFrame
        ``month`` (first days), ``cents`` and what else there is.
    lag_days : int
        At least 0.

    Returns
    -------
    DataFrame
        The same columns; a row becomes one per month that its days fall into, and ``cents`` may have a fraction.

    Raises
    ------
    ValueError
        If *lag_days* is negative.

    Examples
    --------
    >>> spend = pd.DataFrame({"month": pd.to_datetime(["2026-01-01"]), "cents": [3100]})
    >>> shift_spend(spend, lag_days=10)["cents"].tolist()
    [2100.0, 1000.0]
    """
    if lag_days < 0:
        raise ValueError(f"lag_days is at least 0; got {lag_days}")
    months = pd.Series(spend["month"].drop_duplicates().sort_values())
    parts = []
    for month in months:
        days = pd.Series(pd.date_range(month, month + pd.offsets.MonthEnd(0)) + pd.Timedelta(days=lag_days))
        shares = days.dt.to_period("M").dt.to_timestamp().value_counts(normalize=True).sort_index()
        parts += [{"month": month, "later": later, "part": part} for later, part in shares.items()]
    moved = spend.merge(pd.DataFrame(parts, columns=["month", "later", "part"]), on="month")
    moved = moved.assign(
        month=moved["later"].astype(spend["month"].dtype), cents=moved["cents"] * moved["part"]
    )
    return moved[list(spend.columns)]


def lagged_window(
    first: pd.Timestamp, last: pd.Timestamp, *, lag_days: int, as_of: date
) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Find the whole months of new customers whose spend, so many days earlier, is known throughout.

    Parameters
    ----------
    first, last : Timestamp
        First days of the first and last whole month of spend.
    lag_days : int
        Days from spend to new customer.
    as_of : date
        Last day seen.

    Returns
    -------
    tuple of Timestamp or None
        First days of the first and the last month; None where no month is left.

    Examples
    --------
    >>> first, last = pd.Timestamp("2026-01-01"), pd.Timestamp("2026-06-01")
    >>> [str(day.date()) for day in lagged_window(first, last, lag_days=40, as_of=date(2026, 9, 30))]
    ['2026-03-01', '2026-07-01']
    """
    lag = pd.Timedelta(days=lag_days)
    begins = first + lag
    start = begins.to_period("M").to_timestamp()
    start = start if start == begins else start + pd.DateOffset(months=1)
    ends = min(last + pd.offsets.MonthEnd(0) + lag, pd.Timestamp(as_of))
    end = (ends + pd.Timedelta(days=1)).to_period("M").to_timestamp() - pd.DateOffset(months=1)
    return (start, end) if start <= end else None
