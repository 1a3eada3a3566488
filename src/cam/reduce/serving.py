"""Refunded orders and tickets -> what serving each customer has cost, and the profit that is left, to the cent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import ibis
import ibis.expr.types as ir

#: Columns of counts, by the name of their rate in the parameter file.
COUNTED = {"order": "n_orders", "refund": "n_refunded", "ticket": "n_tickets"}
#: Rates are taken to a ten-thousandth of the currency unit, so that a cost is a whole number of them.
_PARTS = 10_000


def refunded_orders(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """Count the refunded orders of each customer.

    Turns *customer_id, order_date, kind* [*order_id*] into *customer_id, n_refunded, n_loose*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions.
    as_of : date
        Last day seen, to its end. Later rows change nothing.

    Returns
    -------
    ibis.Table
        One row per customer with a refund, in no order: ``n_refunded`` (integer; the refund rows of one order
        count once, one that belongs to no order counts as an order of its own) and, among them, ``n_loose``:
        those that belong to no order that is known.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a"] * 4, "order_id": ["1", "1", "1", None], "order_date":
    ...     pd.to_datetime(["2026-01-01"] * 4), "kind": ["purchase"] + ["netted refund"] * 2 + ["loose refund"]})
    >>> refunded_orders(ibis.memtable(log), as_of=date(2026, 1, 31)).execute().values.tolist()
    [['a', 2, 1]]
    """
    refunds = transactions.filter(
        transactions.kind != "purchase", transactions.order_date.date() <= ibis.date(as_of)
    )
    loose = refunds.kind == "loose refund"
    if "order_id" in refunds.columns:
        single = refunds.order_id.isnull()
        n_refunded = refunds.order_id.nunique() + single.ifelse(1, 0).sum()
        n_loose = refunds.order_id.nunique(where=loose) + (single & loose).ifelse(1, 0).sum()
    else:
        n_refunded, n_loose = refunds.count(), loose.ifelse(1, 0).sum()
    return refunds.group_by("customer_id").aggregate(
        n_refunded=n_refunded.cast("int64"), n_loose=n_loose.cast("int64")
    )


def tickets_opened(tickets: ir.Table, *, as_of: date) -> ir.Table:
    """Count the tickets of each customer.

    Turns *opened, customer_id* into *customer_id, n_tickets*.

    Parameters
    ----------
    tickets : ibis.Table
        Canonical tickets with ``customer_id``.
    as_of : date
        Last day seen, to its end. Later tickets are not counted.

    Returns
    -------
    ibis.Table
        ``customer_id`` (missing for the tickets that name nobody) and ``n_tickets`` (integer), in no order.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a", "a"], "opened": pd.to_datetime(["2026-01-01", "2026-03-01"])})
    >>> tickets_opened(ibis.memtable(table), as_of=date(2026, 1, 31)).execute().values.tolist()
    [['a', 1]]
    """
    seen = tickets.filter(tickets.opened.date() <= ibis.date(as_of))
    return seen.group_by("customer_id").aggregate(n_tickets=seen.count().cast("int64"))


def count_strangers(counts: ir.Table, customers: ir.Table, column: str) -> ir.Table:
    """Count what belongs to nobody among the customers, so that it can be named.

    Turns *customer_id* and a column of counts into *n*.

    Parameters
    ----------
    counts : ibis.Table
        As from :func:`refunded_orders` or :func:`tickets_opened`.
    customers : ibis.Table
        One row per customer: ``customer_id``.
    column : str
        The column of counts.

    Returns
    -------
    ibis.Table
        One row: ``n`` (integer), of those whose customer is missing or unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> counts = pd.DataFrame({"customer_id": ["a", "x", None], "n_tickets": [1, 2, 4]})
    >>> people = ibis.memtable({"customer_id": ["a"]})
    >>> count_strangers(ibis.memtable(counts), people, "n_tickets").execute().n.tolist()
    [6]
    """
    others = counts.anti_join(customers, "customer_id")
    return others.aggregate(n=ibis.coalesce(others[column].sum(), 0).cast("int64"))


def customer_profit(
    customers: ir.Table,
    *,
    rates: Mapping[str, float],
    refunds: ir.Table | None = None,
    tickets: ir.Table | None = None,
) -> ir.Table:
    """Take the cost of serving each customer off the margin.

    Turns *customer_id, margin* [*n_orders*] into the same with *n_refunded, n_tickets, cost_to_serve, profit*.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer: ``customer_id``, ``margin`` (decimal) [``n_orders``].
    rates : mapping of str to float
        Money per ``order``, per refunded order (``refund``) and per ``ticket``, >= 0; one that is left out is 0.
    refunds, tickets : ibis.Table, optional
        As from :func:`refunded_orders` and :func:`tickets_opened`; a customer who is not in them has none.

    Returns
    -------
    ibis.Table
        All columns of *customers*, ``n_refunded`` and ``n_tickets`` where their table is given,
        ``cost_to_serve`` and ``profit`` (decimal). Each customer's cost is rounded once, to the cent.

    Raises
    ------
    ValueError
        If a rate above 0 has nothing that it could be counted by.

    References
    ----------
    Kaplan, R. S., Narayanan, V. G. (2001). Measuring and managing customer profitability. Journal of Cost
    Management 15(5), 5-15.

    Examples
    --------
    >>> ten = ibis.literal(10).cast("decimal(18,2)")
    >>> people = ibis.memtable({"customer_id": ["a"], "n_orders": [3]}).mutate(margin=ten)
    >>> str(customer_profit(people, rates={"order": 1.255}).execute().profit[0])
    '6.23'
    """
    people = customers
    for counts, column in ((refunds, "n_refunded"), (tickets, "n_tickets")):
        if counts is None:
            continue
        joined = people.left_join(counts.select("customer_id", column), "customer_id")
        people = joined.select(*people.columns, **{column: ibis.coalesce(joined[column], 0)})
    missing = [name for name, column in COUNTED.items() if rates.get(name) and column not in people.columns]
    if missing:
        raise ValueError(f"a cost per {missing[0]} needs {COUNTED[missing[0]]}")
    charged = {name: round(rates[name] * _PARTS) for name in COUNTED if rates.get(name)}
    # Whole numbers up to the last step, halves upwards: engines differ in how they round a half.
    parts = sum(
        (people[COUNTED[name]].cast("int64") * rate for name, rate in charged.items()), start=ibis.literal(0)
    )
    cents = ((parts + 50) / 100.0).floor()
    people = people.mutate(cost_to_serve=(cents / 100.0).cast("decimal(18,2)"))
    return people.mutate(profit=(people.margin - people.cost_to_serve).cast("decimal(18,2)"))
