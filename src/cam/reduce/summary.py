"""Transactions -> one row per customer: RFM and buy-till-you-die columns; and the distinct cells of these."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from cam.errors import DataError

#: Days in a week, so that fits compare with the published ones; model time is exact, not rounded to weeks.
DAYS_PER_WEEK = 7.0
#: A day's number times this, plus what was paid on it in cents, is least on the first day and holds what was paid then:
#: one whole number in place of "the value at the least day", for which engines sort. What a customer pays on one day
#: has 14 digits, below half of it, and days are counted from 2000: 1874 to 2125 have room. Amounts that do not fit are
#: refused as they are prepared; here they are an error, but on Spark, which has none for numbers.
_CENTS_PER_DAY = 200_000_000_000_000
_LAST_YEAR = 2125
_FIRST_DAY = "2000-01-01"
_DAY_CENTS = "decimal(14, 0)"
_MONEY, _TOTAL = "decimal(18, 2)", "decimal(38, 2)"
_CENT = ibis.literal("0.01").cast(_MONEY)


def customer_summary(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """Reduce transactions to one row per customer.

    Turns *customer_id, order_date, revenue, kind* into *customer_id, frequency, recency, T, monetary_value,
    days_since_last, n_orders, revenue, first_date, last_date*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions: ``customer_id`` (text), ``order_date`` (timestamp), ``revenue`` (decimal),
        ``kind`` (``purchase``, ``netted refund`` or ``loose refund``) [``order_id``, ``cost``]. One customer's revenue
        is below 1e12 on each day, and below 9e13 in all.
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

    Raises
    ------
    DataError
        If *as_of* lies after 2125.

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
    if as_of.year > _LAST_YEAR:
        raise DataError(
            f"The last day seen is {as_of}; days after {_LAST_YEAR} have no room. Correct the file, or set "
            "client.as_of to the last day of the data: later rows are then left out."
        )
    days = _customer_days(transactions, as_of=as_of)
    has_cost = "cost" in days.columns

    # What is rare is summed in place of what is common: an empty value costs next to nothing.
    has_bought = days.n_rows > 0
    n_orders = days.n_orders if "n_orders" in days.columns else days.n_rows
    placed = _day_number(days.day) * _CENTS_PER_DAY + days.cents.cast(_DAY_CENTS).cast("int64")
    days = days.mutate(
        bought_on=has_bought.ifelse(days.day, ibis.null("date")),
        more_orders=(n_orders > 1).ifelse((n_orders - 1).cast("float64"), ibis.null("float64")),
        not_bought=has_bought.ifelse(ibis.null("float64"), days.cents),
        placed=has_bought.ifelse(placed, ibis.null("int64")),
    )
    totals = {
        "first_date": days.bought_on.min(),
        "last_date": days.bought_on.max(),
        "n_days": days.bought_on.count(),
        "more_orders": days.more_orders.sum(),
        "cents": days.cents.sum(),
        "not_bought": days.not_bought.sum(),
        "placed": days.placed.min(),
    }
    if has_cost:
        totals["cost"] = days.cost.sum()
    people = days.group_by("customer_id").aggregate(**totals)
    people = people.filter(people.n_days > 0)

    end = ibis.date(as_of)
    frequency = (people.n_days - 1).cast("int64")
    first_cents = people.placed - _day_number(people.first_date) * _CENTS_PER_DAY
    cents = people.cents.cast("int64")
    repeat_cents = cents - ibis.coalesce(people.not_bought, 0.0).cast("int64") - first_cents
    columns = {
        "customer_id": people.customer_id,
        "first_date": people.first_date,
        "last_date": people.last_date,
        "frequency": frequency,
        "recency": people.last_date.delta(people.first_date, unit="day") / DAYS_PER_WEEK,
        "T": end.delta(people.first_date, unit="day") / DAYS_PER_WEEK,
        "monetary_value": repeat_cents.cast("float64") / 100.0 / frequency.nullif(0),
        "days_since_last": end.delta(people.last_date, unit="day").cast("int64"),
        "n_orders": (people.n_days + ibis.coalesce(people.more_orders, 0.0).cast("int64")).cast("int64"),
        "revenue": (cents.cast(_MONEY) * _CENT).cast(_TOTAL),
    }
    if has_cost:
        columns["cost"] = people.cost
    return people.select(**columns)


def _customer_days(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """One row per customer and day, and one without a day for all refunds that belong to no order."""
    # A day's end as a moment, so that the filter looks at what is stored.
    after = as_of + timedelta(days=1)
    seen = transactions.filter(transactions.order_date < ibis.timestamp(after.isoformat()))
    seen = seen.mutate(day=(seen.kind == "loose refund").ifelse(ibis.null("date"), seen.order_date.date()))
    bought = seen.kind == "purchase"

    # A day of purchases is the unit: several orders on one day are one occasion. There are nearly as many such days
    # as orders, so each holds as little as can be: refunds that belong to no order stand apart, not in a second sum;
    # and a float sums whole cents exactly, in any order, and in half the room that engines keep for sums of decimals.
    cents = (seen.revenue.cast(_MONEY) * 100).cast("int64")
    sums = {
        "cents": cents.cast("float64").sum(),
        "n_rows": seen.count(where=bought),
    }
    if "order_id" in seen.columns:
        sums["n_orders"] = _count_orders(seen, bought)
    if "cost" in seen.columns:
        sums["cost"] = seen.cost.sum()
    return seen.group_by(["customer_id", "day"]).aggregate(**sums)


def _day_number(day: ir.DateValue) -> ir.IntegerValue:
    return day.delta(ibis.date(_FIRST_DAY), unit="day").cast("int64")


def _count_orders(seen: ir.Table, bought: ir.BooleanColumn) -> ir.IntegerScalar:
    """Orders of one customer on one day; a row without an order_id is an order of its own."""
    return seen.order_id.nunique(where=bought) + seen.count(where=bought & seen.order_id.isnull())


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
