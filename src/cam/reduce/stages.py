"""Transactions -> each customer's lifecycle stage at a month's end, and what the customers of each stage brought."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir


def customer_stages(customers: ir.Table, stages: ir.Table) -> ir.Table:
    """Say in which stage each customer is, by the months with a purchase.

    Turns *customer_id, pattern_0, …* and *pattern_0, …, lifecycle_stage, months_silent* into *customer_id,
    lifecycle_stage, months_silent*.

    Parameters
    ----------
    customers : ibis.Table
        As from :func:`cam.reduce.states.customer_patterns`.
    stages : ibis.Table
        As from :func:`cam.measures.lifecycle.stages.pattern_stages`: one row per pattern that had bought by then.

    Returns
    -------
    ibis.Table
        One row per customer with one of these patterns, in no order.

    Examples
    --------
    >>> customers = ibis.memtable({"customer_id": ["a", "b"], "pattern_0": [5, 4]})
    >>> stages = ibis.memtable({"pattern_0": [5], "lifecycle_stage": ["repeat"], "months_silent": [0]})
    >>> customer_stages(customers, stages).execute().values.tolist()
    [['a', 'repeat', 0]]
    """
    words = [name for name in customers.columns if name != "customer_id"]
    return customers.inner_join(stages, words).select("customer_id", "lifecycle_stage", "months_silent")


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
