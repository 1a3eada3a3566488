"""Transactions -> what a model may see up to a cut-off, beside what happened after it."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

from cam.reduce.summary import customer_summary


def holdout_cells(
    transactions: ir.Table, *, calibration_end: date, as_of: date, known: ir.Table | None = None
) -> ir.Table:
    """Count customers by what they did up to a cut-off and how often they bought after it.

    Turns *customer_id, order_date, …* into *frequency, recency, T, holdout_frequency, n_customers*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions, as for :func:`cam.reduce.summary.customer_summary`.
    calibration_end : date
        Last day of the calibration period, to its end: nothing after it reaches ``frequency``, ``recency`` or ``T``.
    as_of : date
        Last day of the holdout period.
    known : ibis.Table, optional
        What :func:`cam.reduce.summary.customer_summary` makes of them at *calibration_end*, where it is kept as a
        table.

    Returns
    -------
    ibis.Table
        One row per distinct combination, in no order; only customers who first bought by the cut-off.
        ``holdout_frequency`` (integer) counts purchase days after the cut-off.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a", "a", "b"], "revenue": 1.0, "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-08", "2026-02-08", "2026-02-09"])})
    >>> table = holdout_cells(ibis.memtable(log), calibration_end=date(2026, 1, 29), as_of=date(2026, 2, 28))
    >>> table.execute().values.tolist()
    [[1.0, 1.0, 4.0, 1.0, 1.0]]
    """
    if known is None:
        known = customer_summary(transactions, as_of=calibration_end)
    bought = _purchase_days(transactions, as_of=as_of)
    later = bought.filter(bought.day > ibis.date(calibration_end))
    counted = later.group_by("customer_id").aggregate(bought=later.count())
    joined = known.left_join(counted, "customer_id")
    joined = joined.select(
        "frequency", "recency", "T", holdout_frequency=ibis.coalesce(joined.bought, 0).cast("int64")
    )
    return joined.group_by(["frequency", "recency", "T", "holdout_frequency"]).aggregate(
        n_customers=joined.count()
    )


def purchases_by_day(
    transactions: ir.Table, *, calibration_end: date, as_of: date, known: ir.Table | None = None
) -> ir.Table:
    """Count first and repeat purchase days of the customers of the calibration period, day by day.

    Turns *customer_id, order_date, …* into *day, n_new, n_repeat*.

    Parameters
    ----------
    transactions : ibis.Table
        As for :func:`holdout_cells`.
    calibration_end : date
        Customers who first bought after it are left out.
    as_of : date
        Last day counted.
    known : ibis.Table, optional
        As for :func:`holdout_cells`.

    Returns
    -------
    ibis.Table
        One row per day with a purchase, in order: ``n_new`` customers who bought for the first time, ``n_repeat``
        customers who bought again (integers).

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a", "b"], "revenue": 1.0, "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-08", "2026-01-08"])})
    >>> table = purchases_by_day(ibis.memtable(log), calibration_end=date(2026, 1, 29), as_of=date(2026, 1, 31))
    >>> table.drop("day").execute().values.tolist()
    [[1, 0], [1, 1]]
    """
    if known is None:
        known = customer_summary(transactions, as_of=calibration_end)
    days = _purchase_days(transactions, as_of=as_of)
    joined = days.inner_join(known.select("customer_id", "first_date"), "customer_id")
    is_first = (joined.day == joined.first_date).ifelse(1, 0)
    marked = joined.select("day", is_first=is_first)
    return (
        marked.group_by("day")
        .aggregate(n_new=marked.is_first.sum(), n_repeat=(1 - marked.is_first).sum())
        .order_by("day")
    )


def _purchase_days(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """One row per customer and day with a purchase."""
    bought = transactions.mutate(day=transactions.order_date.date()).filter(
        lambda table: (table.kind == "purchase") & (table.day <= ibis.date(as_of))
    )
    return bought.select("customer_id", "day").distinct()
