"""Transactions -> the distinct patterns of months with a purchase: states and cohorts cost by these, not by orders."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

#: Months in one word of a pattern: a power of two up to here is exact as a float, in every engine.
WORD_MONTHS = 50


def customer_patterns(transactions: ir.Table, *, first: date, as_of: date) -> ir.Table:
    """Keep for each customer the months with a purchase, as the bits of whole numbers.

    Turns *customer_id, order_date, kind* into *customer_id, pattern_0, …*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions: ``customer_id`` (text), ``order_date`` (timestamp), ``kind``.
    first : date
        Month 0 is the month of this day. Earlier rows are an error of the caller and are left out.
    as_of : date
        Last day seen, to its end. Later rows change nothing.

    Returns
    -------
    ibis.Table
        One row per customer who bought, in no order: ``pattern_0``, ``pattern_1``, … (integers; bit *k* of word *w*
        says that there was a purchase in month ``50 w + k``). Worth keeping as a table of the engine.

    Notes
    -----
    All that is asked of calendar months (cohorts, states, moves between them, time in a state) follows from the
    pattern. One pass over the orders makes it, without a row per customer and month in between. A power of two
    stands in for a shift of bits, which engines write in different ways.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a", "b"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-31", "2026-03-01", "2026-02-05"])})
    >>> table = customer_patterns(ibis.memtable(log), first=date(2026, 1, 1), as_of=date(2026, 3, 31))
    >>> table.order_by("customer_id").execute().values.tolist()
    [['a', 5], ['b', 2]]
    """
    day = transactions.order_date.date()
    bought = transactions.filter(
        (transactions.kind == "purchase")
        & (day >= ibis.date(first.replace(day=1)))
        & (day <= ibis.date(as_of))
    )
    month = month_number(bought.order_date) - month_of(first)
    n_words = (month_of(as_of) - month_of(first)) // WORD_MONTHS + 1
    words = {f"pattern_{word}": _bit(month, word, n_words) for word in range(n_words)}
    marked = bought.select("customer_id", **words)
    return marked.group_by("customer_id").aggregate(**{name: marked[name].bit_or() for name in words})


def activity_patterns(customers: ir.Table) -> ir.Table:
    """Count the customers that bought in the same months.

    Turns *customer_id, pattern_0, …* into *pattern_0, …, n_customers*.

    Parameters
    ----------
    customers : ibis.Table
        As from :func:`customer_patterns`.

    Returns
    -------
    ibis.Table
        One row per distinct pattern, in order: ``pattern_0``, ``pattern_1``, …, ``n_customers``.

    Examples
    --------
    >>> customers = ibis.memtable({"customer_id": ["a", "b", "c"], "pattern_0": [5, 2, 2]})
    >>> activity_patterns(customers).execute().values.tolist()
    [[2, 2], [5, 1]]
    """
    words = [name for name in customers.columns if name != "customer_id"]
    return customers.group_by(words).aggregate(n_customers=customers.count()).order_by(words)


def month_number(day: ir.DateValue | ir.TimestampValue) -> ir.IntegerValue:
    """Return year x 12 + month - 1: engines do not agree on the difference of two dates in months.

    Parameters
    ----------
    day : ibis date or timestamp
        Any.

    Returns
    -------
    ibis integer

    Examples
    --------
    >>> month_number(ibis.date("2026-01-31")).as_scalar().execute()
    24312
    """
    return (day.year() * 12 + day.month() - 1).cast("int64")


def month_of(day: date) -> int:
    """Return :func:`month_number` of a known day.

    Parameters
    ----------
    day : date
        Any.

    Returns
    -------
    int

    Examples
    --------
    >>> month_of(date(2026, 1, 31))
    24312
    """
    return 12 * day.year + day.month - 1


def _bit(month: ir.IntegerValue, word: int, n_words: int) -> ir.IntegerValue:
    place = month - WORD_MONTHS * word
    bit = (ibis.literal(2.0) ** place.cast("float64")).cast("int64")
    if n_words == 1:
        return bit
    # Outside its word a month has no bit; the power is not taken there, or it would not fit.
    inside = (place >= 0) & (place < WORD_MONTHS)
    held = ibis.ifelse(inside, place, 0)
    return ibis.ifelse(inside, (ibis.literal(2.0) ** held.cast("float64")).cast("int64"), 0).cast("int64")
