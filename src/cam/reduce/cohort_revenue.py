"""Transactions -> revenue by cohort, calendar month and random part: revenue retention and value over time."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from cam.reduce.states import month_number, month_of

#: Parts of the customers; a prime, so that digits of an id spread over all of them.
N_PARTS = 61
#: Of these powers modulo 61, one for each sign at the start and at the end of an id.
_HEAD, _TAIL = (1, 7, 49, 38), (31, 46, 23, 41)


def cohort_members(transactions: ir.Table, *, as_of: date, groups: ir.Table | None = None) -> ir.Table:
    """Name each customer's cohort, group and random part.

    Turns *customer_id, order_date, kind* into *customer_id, cohort, part* [*group*].

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions: ``customer_id`` (text), ``order_date`` (timestamp), ``kind``.
    as_of : date
        Last day seen, to its end. Later rows change nothing.
    groups : ibis.Table, optional
        ``customer_id`` and ``group`` (text); a customer who is not in it has no group.

    Returns
    -------
    ibis.Table
        One row per customer with a purchase, in no order: ``customer_id``, ``cohort`` (month of the first purchase as
        year x 12 + month - 1), ``part`` (0 to 60, from the id alone, so that it is the same on every engine and
        does not change when customers are added), ``group`` where asked for.

    Notes
    -----
    Sums by part give intervals to every number that is made of them, however it is made, without a square or a row
    per customer and month. What it needs is that a part has nothing to do with how its customers buy.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a1", "b2"], "kind": ["purchase", "loose refund"],
    ...     "order_date": pd.to_datetime(["2026-01-31", "2026-02-01"])})
    >>> cohort_members(ibis.memtable(log), as_of=date(2026, 2, 28)).execute()[["customer_id", "cohort"]].values.tolist()
    [['a1', 24312]]
    """
    bought = transactions.filter((transactions.kind == "purchase") & is_seen(transactions, as_of))
    people = bought.group_by("customer_id").aggregate(first=bought.order_date.min())
    people = people.select(
        "customer_id", cohort=month_number(people["first"]), part=_part(people.customer_id)
    )
    if groups is None:
        return people
    named = groups.select("customer_id", "group")
    return people.left_join(named, "customer_id").select(*people.columns, "group")


def cohort_sizes(members: ir.Table) -> ir.Table:
    """Count the customers of each cohort, part and group.

    Parameters
    ----------
    members : ibis.Table
        As from :func:`cohort_members`.

    Returns
    -------
    ibis.Table
        ``cohort``, ``part``, [``group``,] ``n_customers``, in no order.

    Examples
    --------
    >>> members = {"customer_id": ["a", "b"], "cohort": [24312, 24312], "part": [7, 7]}
    >>> cohort_sizes(ibis.memtable(members)).execute().values.tolist()
    [[24312, 7, 2]]
    """
    by = [name for name in members.columns if name != "customer_id"]
    return members.group_by(by).aggregate(n_customers=members.count())


def cohort_revenue(transactions: ir.Table, members: ir.Table, *, as_of: date) -> ir.Table:
    """Sum revenue by cohort and calendar month of age.

    Turns *customer_id, order_date, revenue* and *customer_id, cohort, part* [*group*] into *cohort, part,* [*group,*]
    *age, n_rows, revenue*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions; refunds count in their own month.
    members : ibis.Table
        As from :func:`cohort_members`.
    as_of : date
        Last day seen, to its end. Later rows change nothing.

    Returns
    -------
    ibis.Table
        One row per cohort, part (, group) and month in which there was a row, in no order: ``age`` (calendar months
        from that of the first purchase; below 0 for a refund of what was bought before the data start), ``n_rows``,
        ``revenue`` (decimal, net of refunds). Rows of customers who never bought are not in it.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "revenue": [5.0, 7.0],
    ...     "order_date": pd.to_datetime(["2026-01-31", "2026-02-01"])})
    >>> members = ibis.memtable({"customer_id": ["a"], "cohort": [24312], "part": [7]})
    >>> table = cohort_revenue(ibis.memtable(log), members, as_of=date(2026, 2, 28)).order_by("age")
    >>> table.execute().values.tolist()
    [[24312.0, 7.0, 0.0, 1.0, 5.0], [24312.0, 7.0, 1.0, 1.0, 7.0]]
    """
    seen = transactions.filter(is_seen(transactions, as_of))
    # The first day of a month is quickly found, its number is not: that is left to the few rows of the result.
    rows = seen.select("customer_id", "revenue", month=seen.order_date.truncate("M"))
    rows = rows.inner_join(members, "customer_id")
    by = [name for name in members.columns if name != "customer_id"]
    sums = rows.group_by([*by, "month"]).aggregate(n_rows=rows.count(), revenue=rows.revenue.sum())
    age = (month_number(sums.month) - sums.cohort).cast("int64")
    return sums.select(*by, "n_rows", "revenue", age=age).relocate("age", after=by[-1])


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


def is_seen(transactions: ir.Table, as_of: date) -> ir.BooleanValue:
    """Say which rows are not after a day's end; a comparison of moments, because dates would have to be made first.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions.
    as_of : date
        Last day seen.

    Returns
    -------
    ibis expression
        True or false.

    Examples
    --------
    >>> import pandas as pd
    >>> log = ibis.memtable({"order_date": [pd.Timestamp("2026-01-31 23:59:59"), pd.Timestamp("2026-02-01")]})
    >>> log.select(seen=is_seen(log, date(2026, 1, 31))).execute()["seen"].tolist()
    [True, False]
    """
    return transactions.order_date < ibis.timestamp((as_of + timedelta(days=1)).isoformat())


def _part(customer_id: ir.StringColumn) -> ir.IntegerValue:
    """A remainder of the first and last signs of an id: engines share no hash."""
    n = customer_id.length()
    total = ibis.literal(0, "int64")
    for place, (head, tail) in enumerate(zip(_HEAD, _TAIL, strict=True)):
        back = ibis.greatest(n - 1 - place, 0)
        total = total + customer_id.substr(place, 1).ascii_str().cast("int64") * head
        total = total + customer_id.substr(back, 1).ascii_str().cast("int64") * tail
    return (total % N_PARTS).cast("int64")
