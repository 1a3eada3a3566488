"""Transactions -> who bought again in which month: activity by cohort and age, and each customer's cohort."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

from cam.reduce.states import month_number, month_of


def cohort_activity(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """Count the customers of each cohort who bought in each calendar month of their age.

    Turns *customer_id, order_date, kind* into *cohort, age, n_active, n_customers*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions: ``customer_id`` (text), ``order_date`` (timestamp), ``kind`` (``purchase`` or a
        refund, which is never a purchase).
    as_of : date
        Last day seen, to its end. Later rows change nothing.

    Returns
    -------
    ibis.Table
        One row per cohort and age in which anybody bought, in no order:

        - ``cohort`` : integer, month of the first purchase as year x 12 + month - 1
        - ``age`` : integer, calendar months from that month; 0 is the month itself
        - ``n_active`` : integer, customers of the cohort with a purchase in that month
        - ``n_customers`` : integer, customers in the cohort

    Notes
    -----
    Months are counted by year x 12 + month, because engines do not agree on the difference of two dates in
    months.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({
    ...     "customer_id": ["a", "a", "b"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-31", "2026-02-01", "2026-01-05"])})
    >>> cohort_activity(ibis.memtable(log), as_of=date(2026, 2, 28)).order_by("age").execute().values.tolist()
    [[24312, 0, 2, 2], [24312, 1, 1, 2]]
    """
    day = transactions.order_date.date()
    bought = transactions.filter((transactions.kind == "purchase") & (day <= ibis.date(as_of)))
    months = bought.select("customer_id", month=month_number(bought.order_date)).distinct()
    active = months.mutate(cohort=months.month.min().over(group_by="customer_id"))
    active = active.mutate(age=active.month - active.cohort)
    table = active.group_by(["cohort", "age"]).aggregate(n_active=active.count())
    # Everybody bought in the month of the first purchase, so no age has more customers than age 0.
    return table.mutate(n_customers=table.n_active.max().over(group_by="cohort"))


def customer_cohorts(customers: ir.Table, *, as_of: date) -> ir.Table:
    """Name each customer's cohort and count the months since.

    Turns *customer_id, first_date* into *customer_id, cohort, months_since_first*.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer: ``customer_id``, ``first_date`` (date of the first purchase).
    as_of : date
        Last day seen.

    Returns
    -------
    ibis.Table
        ``customer_id``, ``cohort`` (text, ``YYYY-MM``), ``months_since_first`` (integer, calendar months from
        the month of the first purchase to that of *as_of*); in no order.

    Examples
    --------
    >>> people = ibis.memtable({"customer_id": ["a"], "first_date": [date(2025, 11, 30)]})
    >>> customer_cohorts(people, as_of=date(2026, 1, 1)).execute().values.tolist()
    [['a', '2025-11', 2]]
    """
    first = customers.first_date
    month = first.month().cast("string").lpad(2, "0")
    return customers.select(
        "customer_id",
        cohort=first.year().cast("string") + "-" + month,
        months_since_first=month_of(as_of) - month_number(first),
    )
