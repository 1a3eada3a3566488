"""Customers at two dates: the orders of a window, what each window brought, and where everybody stood and stands."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

_SCORES = ("r_score", "f_score", "m_score")


def window_orders(transactions: ir.Table, *, end: date, days: int) -> ir.Table:
    """Keep the rows of the days up to a date.

    Turns *order_date* into fewer rows.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions.
    end : date
        Last day of the window, to its end.
    days : int
        Its length, with its last day.

    Returns
    -------
    ibis.Table
        The same columns.

    Examples
    --------
    >>> import pandas as pd
    >>> log = ibis.memtable(pd.DataFrame({"order_date": pd.date_range("2026-01-01", periods=9)}))
    >>> window_orders(log, end=date(2026, 1, 5), days=2).order_by("order_date").execute().order_date.dt.day.tolist()
    [4, 5]
    """
    return transactions.filter(_within(transactions.order_date.date(), end=end, days=days))


def window_revenue(transactions: ir.Table, *, earlier: date, as_of: date, days: int) -> ir.Table:
    """Sum the revenue of each customer in the windows before two dates.

    Turns *customer_id, order_date, revenue* into *customer_id, revenue_before, revenue_after*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions, refunds among them.
    earlier, as_of : date
        Last days of the two windows.
    days : int
        Length of each.

    Returns
    -------
    ibis.Table
        One row per customer with a row in either window; amounts are decimal, net of refunds, 0 where a window
        has none.

    Examples
    --------
    >>> import pandas as pd
    >>> log = ibis.memtable(pd.DataFrame({"customer_id": ["a", "a"], "revenue": [5.0, 7.0],
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-04"])}))
    >>> window_revenue(log, earlier=date(2026, 1, 2), as_of=date(2026, 1, 4), days=2).execute().values.tolist()
    [['a', 5.0, 7.0]]
    """
    day = transactions.order_date.date()
    is_before, is_after = (_within(day, end=end, days=days) for end in (earlier, as_of))
    rows = transactions.filter(is_before | is_after)
    return rows.group_by("customer_id").aggregate(
        revenue_before=rows.revenue.sum(where=is_before).fill_null(0),
        revenue_after=rows.revenue.sum(where=is_after).fill_null(0),
    )


def join_states(
    customers: ir.Table, revenue: ir.Table, before: ir.Table, after: ir.Table, *, earlier: date
) -> ir.Table:
    """Say for every customer where they stood at the earlier date and where they stand now.

    Turns *customer_id, first_date* and the segments of two windows into *segment_before, segment_after*.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer who has bought: ``customer_id``, ``first_date``.
    revenue : ibis.Table
        As from :func:`window_revenue`.
    before, after : ibis.Table
        Who bought in each window: ``customer_id``, ``rfm_segment``, ``r_score``, ``f_score``, ``m_score``.
    earlier : date
        Last day of the first window.

    Returns
    -------
    ibis.Table
        One row per customer: ``customer_id``; ``segment_before`` (a segment, ``lapsed``: bought before the window
        only, or ``not_yet``: first bought after *earlier*); ``segment_after`` (a segment or ``lapsed``);
        ``revenue_before`` and ``revenue_after`` (decimal); ``near`` (1 where no score differs by more than one bin
        between the dates, 0 where one does or is missing).

    Examples
    --------
    >>> people = ibis.memtable({"customer_id": ["a", "b"], "first_date": [date(2025, 1, 1), date(2026, 1, 1)]})
    >>> money = ibis.memtable({"customer_id": ["a", "b"], "revenue_before": [5.0, 0.0], "revenue_after": [0.0, 7.0]})
    >>> scores = {"r_score": [5], "f_score": [5], "m_score": [5]}
    >>> before = ibis.memtable({"customer_id": ["a"], "rfm_segment": ["champions"], **scores})
    >>> after = ibis.memtable({"customer_id": ["b"], "rfm_segment": ["new"], **scores})
    >>> table = join_states(people, money, before, after, earlier=date(2025, 6, 30)).order_by("customer_id")
    >>> table.execute()[["segment_before", "segment_after"]].values.tolist()
    [['champions', 'lapsed'], ['not_yet', 'new']]
    """
    people = customers.select("customer_id", "first_date").left_join(revenue, "customer_id")
    people = people.drop("customer_id_right")
    for name, scored in (("before", before), ("after", after)):
        columns = {f"{score}_{name}": scored[score] for score in _SCORES}
        known = scored.select("customer_id", **{f"segment_{name}": scored.rfm_segment}, **columns)
        people = people.left_join(known, "customer_id").drop("customer_id_right")
    steps = [(people[f"{score}_after"] - people[f"{score}_before"]).abs() <= 1 for score in _SCORES]
    stood = people.segment_before.fill_null("lapsed")
    return people.select(
        "customer_id",
        segment_before=(people.first_date > ibis.date(earlier)).ifelse("not_yet", stood),
        segment_after=people.segment_after.fill_null("lapsed"),
        revenue_before=people.revenue_before.fill_null(0),
        revenue_after=people.revenue_after.fill_null(0),
        near=(steps[0] & steps[1] & steps[2]).fill_null(False).ifelse(1, 0),
    )


def count_flows(moved: ir.Table) -> ir.Table:
    """Count the customers that went from each segment to each, and sum what they brought, exactly.

    Turns *segment_before, segment_after, revenue_before, revenue_after, near* into one row per pair.

    Parameters
    ----------
    moved : ibis.Table
        As from :func:`join_states`.

    Returns
    -------
    ibis.Table
        ``segment_before``, ``segment_after``, ``n_customers``, ``n_near``, and the sums ``revenue_before``,
        ``revenue_after`` and ``change_squared`` (of each customer's change of revenue); in the order of the names.

    Examples
    --------
    >>> moved = ibis.memtable({"segment_before": ["loyal", "loyal"], "segment_after": ["lapsed", "lapsed"],
    ...     "revenue_before": [3.0, 4.0], "revenue_after": [0.0, 0.0], "near": [0, 0]})
    >>> count_flows(moved).execute().astype({"change_squared": float}).iloc[0, 2:].tolist()
    [2.0, 0.0, 7.0, 0.0, 25.0]
    """
    change = moved.revenue_after - moved.revenue_before
    pair = ["segment_before", "segment_after"]
    return (
        moved.group_by(pair)
        .aggregate(
            n_customers=moved.count(),
            n_near=moved.near.sum(),
            revenue_before=moved.revenue_before.sum(),
            revenue_after=moved.revenue_after.sum(),
            # Named, or the product of two amounts would be rounded to the cent like the amounts.
            change_squared=(change * change).cast("decimal(38, 4)").sum(),
        )
        .order_by(pair)
    )


def _within(day: ir.DateColumn, *, end: date, days: int) -> ir.BooleanColumn:
    return (day > ibis.date(end - timedelta(days=days))) & (day <= ibis.date(end))
