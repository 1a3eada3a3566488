"""Transactions -> one row per customer: RFM and buy-till-you-die columns; and the distinct cells of these."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

#: Days in a week, so that fits compare with the published ones; model time is exact, not rounded to weeks.
DAYS_PER_WEEK = 7.0


def customer_summary(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """Reduce transactions to one row per customer.

    Turns *customer_id, order_date, revenue, kind* into *customer_id, frequency, recency, T, monetary_value,
    days_since_last, n_orders, revenue, first_date, last_date*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions: ``customer_id`` (text), ``order_date`` (timestamp), ``revenue`` (decimal),
        ``kind`` (``purchase``, ``netted refund`` or ``loose refund``) [``order_id``, ``cost``].
    as_of : date
        Last day seen, to its end. Later rows change nothing.

    Returns
    -------
    ibis.Table
        One row per customer who bought, in no order:

        - ``customer_id`` : text
        - ``first_date``, ``last_date`` : date of the first and last purchase
        - ``frequency`` : integer, purchase days after the first one
        - ``recency`` : float, weeks from first to last purchase
        - ``T`` : float, weeks from first purchase to *as_of*
        - ``monetary_value`` : float, mean revenue of a repeat purchase day, net of the refunds of its orders;
          missing where there is no repeat
        - ``days_since_last`` : integer, days from last purchase to *as_of*
        - ``n_orders`` : integer
        - ``revenue`` : decimal, all of it, net of every refund
        - ``cost`` : decimal, where transactions have it

    References
    ----------
    Fader, P. S., Hardie, B. G. S., Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer base
    analysis. Journal of Marketing Research 42, 415-430. (x, t_x and T.)

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({
    ...     "customer_id": ["a", "a", "a", "b"],
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-01", "2026-01-15", "2026-01-08"]),
    ...     "revenue": [10.0, 5.0, 20.0, 7.0], "kind": "purchase"})
    >>> table = customer_summary(ibis.memtable(log), as_of=date(2026, 1, 29)).order_by("customer_id").execute()
    >>> table[["customer_id", "frequency", "recency", "T", "monetary_value"]].values.tolist()
    [['a', 1, 2.0, 4.0, 20.0], ['b', 0, 0.0, 3.0, nan]]
    """
    seen = transactions.mutate(day=transactions.order_date.date())
    seen = seen.filter(seen.day <= ibis.date(as_of))
    bought = seen.kind == "purchase"
    has_cost = "cost" in transactions.columns

    # A day of purchases is the unit: several orders on one day are one occasion.
    sums = {
        "day_value": seen.revenue.sum(where=seen.kind != "loose refund"),
        "day_revenue": seen.revenue.sum(),
        "day_orders": _count_orders(seen, bought),
        "day_rows": bought.sum(),
    }
    if has_cost:
        sums["day_cost"] = seen.cost.sum()
    days = seen.group_by(["customer_id", "day"]).aggregate(**sums)

    on_purchase_day = days.day_rows > 0
    totals = {
        "first_date": days.day.min(where=on_purchase_day),
        "last_date": days.day.max(where=on_purchase_day),
        "n_days": on_purchase_day.sum(),
        "n_orders": days.day_orders.sum().cast("int64"),
        "revenue": days.day_revenue.sum(),
        "value": days.day_value.sum(where=on_purchase_day),
        "first_value": days.day_value.argmin(days.day, where=on_purchase_day),
    }
    if has_cost:
        totals["cost"] = days.day_cost.sum()
    people = days.group_by("customer_id").aggregate(**totals)
    people = people.filter(people.n_days > 0)

    end = ibis.date(as_of)
    frequency = (people.n_days - 1).cast("int64")
    repeat_value = (people.value - people.first_value).cast("float64")
    columns = {
        "customer_id": people.customer_id,
        "first_date": people.first_date,
        "last_date": people.last_date,
        "frequency": frequency,
        "recency": people.last_date.delta(people.first_date, unit="day") / DAYS_PER_WEEK,
        "T": end.delta(people.first_date, unit="day") / DAYS_PER_WEEK,
        "monetary_value": repeat_value / frequency.nullif(0),
        "days_since_last": end.delta(people.last_date, unit="day").cast("int64"),
        "n_orders": people.n_orders,
        "revenue": people.revenue,
    }
    if has_cost:
        columns["cost"] = people.cost
    return people.select(**columns)


def _count_orders(seen: ir.Table, bought: ir.BooleanColumn) -> ir.IntegerScalar:
    """Orders of one customer on one day; a row without an order_id is an order of its own."""
    if "order_id" not in seen.columns:
        return bought.sum()
    return seen.order_id.nunique(where=bought) + (bought & seen.order_id.isnull()).sum()


def cells(summary: ir.Table, *columns: str) -> ir.Table:
    """Count the customers that share the same values: a fit costs by cells, not by customers.

    Turns *frequency, recency, T* into *frequency, recency, T, n_customers*.

    Parameters
    ----------
    summary : ibis.Table
        One row per customer.
    *columns : str
        What makes a cell; by default ``frequency``, ``recency`` and ``T``.

    Returns
    -------
    ibis.Table
        One row per distinct combination, with ``n_customers`` (integer); in no order.

    Examples
    --------
    >>> import pandas as pd
    >>> people = ibis.memtable(pd.DataFrame({"frequency": [0, 0, 1]}))
    >>> cells(people, "frequency").order_by("frequency").execute().values.tolist()
    [[0, 2], [1, 1]]
    """
    names = list(columns) or ["frequency", "recency", "T"]
    return summary.group_by(names).aggregate(n_customers=lambda table: table.count())
