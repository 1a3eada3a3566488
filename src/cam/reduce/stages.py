"""Transactions -> each customer's lifecycle stage at a month's end, and what the customers of each stage brought."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

from cam.reduce.cohort_revenue import is_seen
from cam.reduce.states import month_number, month_of


def customer_months(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """Keep the months in which each customer bought; several purchases in one month count once.

    Turns *customer_id, order_date, kind* into *customer_id, month*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions: ``customer_id`` (text), ``order_date`` (timestamp), ``kind``.
    as_of : date
        Last day seen, to its end. Later rows change nothing.

    Returns
    -------
    ibis.Table
        One row per customer and month with a purchase, in no order: ``month`` as year x 12 + month - 1. Worth keeping
        as a table of the engine: stages at several dates start from it.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-31"])})
    >>> customer_months(ibis.memtable(log), as_of=date(2026, 6, 30)).execute().values.tolist()
    [['a', 24312]]
    """
    bought = transactions.filter((transactions.kind == "purchase") & is_seen(transactions, as_of))
    months = bought.select("customer_id", month=bought.order_date.truncate("M")).distinct()
    return months.mutate(month=month_number(months.month))


def customer_stages(
    months: ir.Table,
    *,
    month_end: date,
    loyal_months: int,
    at_risk_months: int,
    dormant_months: int,
    lost_months: int,
) -> ir.Table:
    """Say in which stage each customer is at a month's end.

    Turns *customer_id, month* into *customer_id, lifecycle_stage, months_silent*.

    Parameters
    ----------
    months : ibis.Table
        As from :func:`customer_months`.
    month_end : date
        A day of the month at whose end customers are looked at; later months change nothing.
    loyal_months, at_risk_months, dormant_months, lost_months : int
        As in :class:`cam.measures.lifecycle.stages.StageRules`; the rules are the same, written for an engine.

    Returns
    -------
    ibis.Table
        One row per customer who had bought by then, in no order: ``customer_id``, ``lifecycle_stage`` (text),
        ``months_silent`` (integer: calendar months since the last one with a purchase).

    Examples
    --------
    >>> months = ibis.memtable({"customer_id": ["a", "a", "b"], "month": [24312, 24317, 24313]})
    >>> rules = {"loyal_months": 4, "at_risk_months": 2, "dormant_months": 4, "lost_months": 9}
    >>> table = customer_stages(months, month_end=date(2026, 6, 30), **rules)
    >>> table.order_by("customer_id").execute().values.tolist()
    [['a', 'reactivated', 0], ['b', 'dormant', 4]]
    """
    seen = months.filter(months.month <= month_of(month_end))
    people = seen.group_by("customer_id").aggregate(last=seen.month.max(), n_months=seen.count())
    # The month before the last one tells who came back; a second pass is cheaper than a window over all months.
    joined = seen.inner_join(people, "customer_id")
    each = joined.group_by("customer_id").aggregate(
        last=joined["last"].max(),
        n_months=joined.n_months.max(),
        previous=joined.month.max(where=joined.month < joined["last"]),
    )
    silent = (month_of(month_end) - each["last"]).cast("int64")
    is_back = (each["last"] - each.previous - 1 >= dormant_months).fill_null(False)
    stage = ibis.cases(
        (silent >= lost_months, "lost"),
        (silent >= dormant_months, "dormant"),
        (silent >= at_risk_months, "at_risk"),
        (is_back, "reactivated"),
        (each.n_months == 1, "first_time"),
        (each.n_months >= loyal_months, "loyal"),
        else_="repeat",
    )
    return each.select("customer_id", lifecycle_stage=stage, months_silent=silent)


def stage_revenue(stages: ir.Table, transactions: ir.Table, *, first: date, last: date) -> ir.Table:
    """Sum what the customers of each stage brought between two days, and its squares.

    Turns *customer_id, lifecycle_stage* and *customer_id, order_date, revenue* into *stage, n_customers, revenue,
    squares*.

    Parameters
    ----------
    stages : ibis.Table
        As from :func:`customer_stages`.
    transactions : ibis.Table
        Canonical transactions; refunds count on their own day.
    first, last : date
        Both in.

    Returns
    -------
    ibis.Table
        One row per stage that anybody is in, in no order: ``stage``, ``n_customers`` (those who brought nothing among
        them), ``revenue`` (cents, a whole number) and ``squares`` (its square, summed over customers).

    Examples
    --------
    >>> import pandas as pd
    >>> stages = ibis.memtable({"customer_id": ["a", "b"], "lifecycle_stage": ["loyal", "loyal"]})
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "order_date": pd.to_datetime(["2026-01-31", "2026-06-01"]),
    ...     "revenue": [5.0, 7.0]})
    >>> table = stage_revenue(stages, ibis.memtable(log), first=date(2026, 1, 1), last=date(2026, 6, 30))
    >>> table.execute()[["n_customers", "revenue", "squares"]].astype(int).values.tolist()
    [[2, 1200, 1440000]]
    """
    day = transactions.order_date.date()
    inside = transactions.filter(day >= ibis.date(first), day <= ibis.date(last))
    cents = (inside.revenue.cast("decimal(18, 2)") * 100).cast("decimal(19, 0)")
    each = inside.select("customer_id", cents=cents)
    each = each.group_by("customer_id").aggregate(cents=each.cents.sum().cast("decimal(19, 0)"))
    people = stages.left_join(each, "customer_id")
    people = people.select(
        stage=people.lifecycle_stage, cents=people.cents.fill_null(0).cast("decimal(19, 0)")
    )
    people = people.mutate(square=(people.cents * people.cents).cast("decimal(38, 0)"))
    return people.group_by("stage").aggregate(
        n_customers=people.count(), revenue=people.cents.sum(), squares=people.square.sum()
    )
