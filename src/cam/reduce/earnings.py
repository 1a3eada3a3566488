"""Orders or contracts -> what each customer has brought so far; and sums of it that are exact to the cent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from cam.reduce.summary import customer_summary

#: A month, so that a fee per month can be multiplied by days.
DAYS_PER_MONTH = 30.4375


def customer_earnings(
    transactions: ir.Table,
    *,
    as_of: date,
    margin_rate: float | None = None,
    has_margin: bool = False,
    people: ir.Table | None = None,
) -> ir.Table:
    """Reduce transactions to what each customer has brought.

    Turns *customer_id, order_date, revenue, kind* [*cost*] into *customer_id, n_orders, revenue* [*margin*].

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions, as for :func:`cam.reduce.summary.customer_summary`.
    as_of : date
        Last day seen, to its end. Later rows change nothing.
    margin_rate : float, optional
        Gross margin (0 to 1) of the rows that have no cost.
    has_margin : bool
        Whether the margin is wanted; then every row needs a cost, or *margin_rate* is given.
    people : ibis.Table, optional
        What :func:`cam.reduce.summary.customer_summary` makes of them at *as_of*, where it is kept as a table.

    Returns
    -------
    ibis.Table
        One row per customer who bought, in no order: ``customer_id``, ``n_orders`` (integer), ``revenue``
        (decimal, net of every refund) and, if wanted, ``margin`` (decimal: revenue less cost, to the cent).

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a", "b"], "order_date": pd.to_datetime(["2026-01-01"] * 3),
    ...     "revenue": [10.0, -4.0, 7.0], "kind": ["purchase", "netted refund", "purchase"]})
    >>> table = customer_earnings(ibis.memtable(log), as_of=date(2026, 1, 31), margin_rate=0.5, has_margin=True)
    >>> [[str(cell) for cell in row] for row in table.order_by("customer_id").execute().values]
    [['a', '1', '6.00', '3.00'], ['b', '1', '7.00', '3.50']]
    """
    if people is None:
        people = customer_summary(transactions, as_of=as_of)
    people = people.select("customer_id", "n_orders", "revenue")
    people = people.mutate(revenue=_money(people.revenue))
    if not has_margin:
        return people
    seen = transactions.filter(transactions.order_date.date() <= ibis.date(as_of))
    if "cost" not in seen.columns:
        return _with_margin(people, people.revenue, margin_rate)
    costs = seen.group_by("customer_id").aggregate(
        cost=ibis.coalesce(seen.cost.sum(), 0),
        uncosted=ibis.coalesce(seen.revenue.sum(where=seen.cost.isnull()), 0),
    )
    joined = people.inner_join(costs, "customer_id")
    if margin_rate is None:
        return joined.select(*people.columns, margin=joined.revenue - _money(joined.cost))
    joined = _with_margin(joined, _money(joined.uncosted), margin_rate)
    known = joined.revenue - _money(joined.uncosted) - _money(joined.cost)
    return joined.select(*people.columns, margin=joined.margin + known)


def contract_earnings(contracts: ir.Table, *, as_of: date, margin_rate: float | None = None) -> ir.Table:
    """Reduce contracts to what each customer has brought: fee x active months.

    Turns *customer_id, start_date, end_date, monthly_fee* into *customer_id, revenue* [*margin*].

    Parameters
    ----------
    contracts : ibis.Table
        Canonical contracts with ``monthly_fee``; one without a fee is left out.
    as_of : date
        Last day seen, to its end: a running contract counts up to here.
    margin_rate : float, optional
        Gross margin, 0 to 1.

    Returns
    -------
    ibis.Table
        One row per customer, in no order: ``customer_id``, ``revenue`` (decimal) and, with *margin_rate*,
        ``margin`` (decimal). First and last day both count; a month is 30.4375 days.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a"], "start_date": [date(2026, 1, 1)], "end_date": [date(2026, 12, 31)],
    ...     "monthly_fee": [10.0]})
    >>> str(contract_earnings(ibis.memtable(table), as_of=date(2027, 6, 30)).execute().revenue[0])
    '119.92'
    """
    started = contracts.filter(
        contracts.monthly_fee.notnull(), contracts.start_date.cast("date") <= ibis.date(as_of)
    )
    end = ibis.coalesce(started.end_date.cast("date"), ibis.date(as_of))
    last = ibis.least(end, ibis.date(as_of))
    days = ibis.greatest(last.delta(started.start_date.cast("date"), unit="day") + 1, 0)
    # One row's own arithmetic may be in floats: only sums depend on the order of threads.
    fee = rounded_money(started.monthly_fee.cast("float64") * days.cast("float64") / DAYS_PER_MONTH)
    priced = started.select("customer_id", fee=fee)
    people = priced.group_by("customer_id").aggregate(revenue=priced.fee.sum())
    people = people.mutate(revenue=_money(people.revenue))
    return people if margin_rate is None else _with_margin(people, people.revenue, margin_rate)


def earnings_sums(customers: ir.Table, columns: Sequence[str]) -> ir.Table:
    """Sum columns over customers, and the product of each pair of them, exactly.

    Turns *n_orders, revenue, …* into *n_customers, n_orders, revenue, n_orders_n_orders, n_orders_revenue, …*.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer.
    columns : sequence of str
        Counts (integer) or money (decimal); money is summed in cents.

    Returns
    -------
    ibis.Table
        One row of whole numbers: ``n_customers``, one sum per column, one per pair of columns.

    Examples
    --------
    >>> people = ibis.memtable({"n_orders": [1, 2]}).mutate(revenue=ibis.literal("1.50").cast("decimal(18,2)"))
    >>> {name: int(cell[0]) for name, cell in earnings_sums(people, ["n_orders", "revenue"]).execute().items()}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'n_customers': 2, 'n_orders': 3, 'revenue': 300, 'n_orders_n_orders': 5, 'n_orders_revenue': 450,
     'revenue_revenue': 45000}
    """
    whole = {name: whole_units(customers[name]) for name in columns}
    sums = {"n_customers": customers.count()} | {name: column.sum() for name, column in whole.items()}
    for place, first in enumerate(columns):
        for second in columns[place:]:
            sums[f"{first}_{second}"] = (whole[first] * whole[second]).sum()
    return customers.aggregate(**sums)


def ranked_groups(
    customers: ir.Table, column: str, *, n_groups: int = 100, cut_at_zero: bool = False
) -> ir.Table:
    """Rank customers from the most valuable down and sum each hundredth of them, exactly.

    Turns *customer_id, revenue* into *place, n_customers, total, squared, lowest*.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer: ``customer_id`` and the column.
    column : str
        Money (decimal); it is summed in cents.
    n_groups : int
        Groups that hold the same number of customers, as nearly as can be.
    cut_at_zero : bool
        Whether the group in which values fall below zero is cut in two there, so that no group holds both.

    Returns
    -------
    ibis.Table
        ``place`` (0 holds the most valuable), ``n_customers``, and in cents ``total``, ``squared`` (sum of
        squares) and ``lowest``; the most valuable first. Equal customers are told apart by their id.

    Examples
    --------
    >>> import pandas as pd
    >>> people = ibis.memtable(pd.DataFrame({"customer_id": ["a", "b", "c"], "revenue": [1, 5, 2]}))
    >>> ranked_groups(people, "revenue", n_groups=3).execute()[["place", "lowest"]].astype(int).values.tolist()
    [[0, 5], [1, 2], [2, 1]]
    """
    valued = customers.select("customer_id", value=whole_units(customers[column]))
    rank = ibis.row_number().over(order_by=[valued.value.desc(), valued.customer_id.asc()])
    ranked = valued.mutate(place=(rank * n_groups) // valued.count().over())
    below = (ranked.value < 0).ifelse(1, 0) if cut_at_zero else ibis.literal(0)
    groups = ranked.group_by("place", below=below).aggregate(
        n_customers=ranked.count(),
        total=ranked.value.sum(),
        squared=(ranked.value * ranked.value).sum(),
        lowest=ranked.value.min(),
    )
    return groups.order_by("place", "below").drop("below")


def _with_margin(people: ir.Table, uncosted: ir.DecimalColumn, margin_rate: float | None) -> ir.Table:
    if margin_rate is None:
        raise ValueError("the margin of a row without a cost needs margin_rate")
    return people.mutate(margin=rounded_money(uncosted.cast("float64") * margin_rate))


def rounded_money(amount: ir.FloatingColumn) -> ir.DecimalColumn:
    """Round money to the cent, halves upwards: engines differ in how they round a half.

    Parameters
    ----------
    amount : ibis floating column
        Money.

    Returns
    -------
    ibis decimal column

    Examples
    --------
    >>> str(rounded_money(ibis.literal(0.125)).execute())
    '0.13'
    """
    return ((amount * 100 + 0.5).floor() / 100).cast("decimal(18,2)")


def _money(amount: ir.NumericColumn) -> ir.DecimalColumn:
    return amount.cast("decimal(18,2)")


def whole_units(column: ir.NumericColumn) -> ir.DecimalColumn:
    """Return cents or counts without a fraction: a product of two has none either, so no engine rounds it.

    Parameters
    ----------
    column : ibis numeric column
        Money (decimal) or a count.

    Returns
    -------
    ibis decimal column

    Examples
    --------
    >>> int(whole_units(ibis.literal("1.50").cast("decimal(18, 2)")).execute())
    150
    """
    return ((column * 100) if column.type().is_decimal() else column).cast("decimal(19,0)")
