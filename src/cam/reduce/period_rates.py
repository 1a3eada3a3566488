"""Transactions or contracts -> who was there in which period, and what the last two brought: the rates' sums."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from cam.reduce.cohort_revenue import is_seen

_CENTS, _SQUARE = "decimal(19, 0)", "decimal(38, 0)"


def purchase_cells(transactions: ir.Table, *, starts: Sequence[date], end: date) -> ir.Table:
    """Count customers by the periods in which they bought, and sum what they brought in the last two.

    Turns *customer_id, order_date, revenue, kind* into *pattern, n_customers, n_again, before, after, kept* and the
    sums of their squares and products.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions: ``customer_id`` (text), ``order_date`` (timestamp), ``revenue`` (decimal), ``kind``.
    starts : sequence of date
        First days of neighbouring periods, rising; each ends on the day before the next. At least two.
    end : date
        Last day of the last period, to its end. Later rows change nothing.

    Returns
    -------
    ibis.Table
        One row per distinct pattern, in no order; all numbers are whole, money is in cents:

        - ``pattern`` : bit 0 for a purchase before the first period, bit *j* for one in period *j*, from 1
        - ``n_customers``; ``n_again``: those of them whose last purchase was on a later day than their first
        - ``before``, ``after`` : revenue of the last period but one and of the last, net of the refunds in it
        - ``kept`` : the lesser of the two, by customer
        - ``before_2``, ``after_2``, ``kept_2``, ``before_after``, ``before_kept`` : squares and products, summed over
          customers

        Customers who were only ever paid back have pattern 0, so that all revenue of both periods is in the table.

    Notes
    -----
    One pass over the orders: what happened in all periods is one number per customer. Only the last two periods have
    their money, because each further sum would cost as much as the pattern does.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a", "b"], "kind": "purchase", "revenue": [5.0, 7.0, 9.0],
    ...     "order_date": pd.to_datetime(["2026-01-31", "2026-04-01", "2026-05-31"])})
    >>> table = purchase_cells(ibis.memtable(log), starts=[date(2026, 1, 1), date(2026, 4, 1)], end=date(2026, 6, 30))
    >>> columns = ["pattern", "n_customers", "n_again", "before", "after", "kept"]
    >>> table.order_by("pattern").execute()[columns].astype(int).values.tolist()
    [[4, 1, 0, 0, 900, 0], [6, 1, 1, 500, 700, 500]]
    """
    seen = transactions.filter(is_seen(transactions, end))
    moments = [ibis.timestamp(day.isoformat()) for day in starts]
    # From the last period back: most engines stop at the first condition that holds.
    latest_first = [(seen.order_date >= moment, 2**place) for place, moment in enumerate(moments, 1)][::-1]
    bought = seen.kind == "purchase"
    bit = ibis.ifelse(bought, ibis.cases(*latest_first, else_=1), 0).cast("int64")
    is_last = seen.order_date >= moments[-1]
    rows = seen.select(
        "customer_id",
        bit=bit,
        bought=ibis.ifelse(bought, seen.order_date, ibis.null()),
        before=ibis.ifelse(~is_last & (seen.order_date >= moments[-2]), seen.revenue, ibis.null()),
        after=ibis.ifelse(is_last, seen.revenue, ibis.null()),
    )
    people = rows.group_by("customer_id").aggregate(
        pattern=rows.bit.bit_or(),
        first=rows.bought.min(),
        last=rows.bought.max(),
        before=rows.before.sum(),
        after=rows.after.sum(),
    )
    is_again = ibis.coalesce(people["last"].date() > people["first"].date(), False)
    people = people.select(
        "pattern",
        again=is_again.ifelse(1, 0).cast("int64"),
        before=_cents(people.before),
        after=_cents(people.after),
    )
    return _summed(people, ["pattern"], n_again=people.again.sum().cast("int64"))


def contract_cells(contracts: ir.Table, *, days: Sequence[date]) -> ir.Table:
    """Count customers by the days on which a contract of theirs ran, and sum their fees on the last two.

    Turns *customer_id, start_date, end_date* [*monthly_fee*] into *pattern, since, n_customers, n_unpriced, before,
    after, kept* and the sums of their squares and products.

    Parameters
    ----------
    contracts : ibis.Table
        Canonical contracts. A contract runs from ``start_date`` to ``end_date``, both days among them; an empty
        ``end_date`` is one that still runs. Contracts side by side are one customer, and their fees add up.
    days : sequence of date
        Last days of neighbouring periods, rising. At least two.

    Returns
    -------
    ibis.Table
        One row per distinct pattern and start, in no order: ``pattern`` (bit *j* for a contract that ran on day *j*,
        from 0), ``since`` (the first of the days on or before which a contract had started), ``n_customers``,
        ``n_unpriced`` (those with a contract without a fee on one of the last two days; their money counts as
        nought), and the other columns as from :func:`purchase_cells`, with the fees of a month as money. Who started
        after the last day is not in it.

    Examples
    --------
    >>> table = {"customer_id": ["a", "b"], "start_date": [date(2025, 1, 1)] * 2, "end_date": [date(2026, 4, 1), None],
    ...     "monthly_fee": [10.0, 20.0]}
    >>> cells = contract_cells(ibis.memtable(table), days=[date(2026, 3, 31), date(2026, 6, 30)]).order_by("pattern")
    >>> cells.execute()[["pattern", "since", "n_customers", "before", "after"]].astype(int).values.tolist()
    [[1, 0, 1, 1000, 0], [3, 0, 1, 2000, 2000]]
    """
    begin, finish = contracts.start_date.cast("date"), contracts.end_date.cast("date")
    points = [ibis.date(day) for day in days]
    runs = [(begin <= point) & (finish.isnull() | (finish >= point)) for point in points]
    bits = [running.ifelse(2**place, 0) for place, running in enumerate(runs)]
    since = ibis.cases(*[(begin <= point, place) for place, point in enumerate(points)], else_=len(days))
    fee = (
        contracts.monthly_fee if "monthly_fee" in contracts.columns else ibis.literal(None, "decimal(18, 2)")
    )
    rows = contracts.select(
        "customer_id",
        bit=sum(bits[1:], bits[0]).cast("int64"),
        since=since.cast("int64"),
        unpriced=((runs[-2] | runs[-1]) & fee.isnull()).ifelse(1, 0),
        before=runs[-2].ifelse(fee, ibis.null()),
        after=runs[-1].ifelse(fee, ibis.null()),
    )
    people = rows.group_by("customer_id").aggregate(
        pattern=rows.bit.bit_or(),
        since=rows.since.min(),
        unpriced=rows.unpriced.max().cast("int64"),
        before=rows.before.sum(),
        after=rows.after.sum(),
    )
    people = people.filter(people.since < len(days))
    priced = people.unpriced == 0
    people = people.select(
        "pattern",
        "since",
        "unpriced",
        before=priced.ifelse(_cents(people.before), 0).cast(_CENTS),
        after=priced.ifelse(_cents(people.after), 0).cast(_CENTS),
    )
    return _summed(people, ["pattern", "since"], n_unpriced=people.unpriced.sum().cast("int64"))


def _cents(money: ir.DecimalValue) -> ir.DecimalValue:
    # Of 18 digits, for a product of 38 is slow.
    return (ibis.coalesce(money, 0).cast("decimal(18, 2)") * 100).cast(_CENTS)


def _summed(people: ir.Table, by: list[str], **counts: ir.IntegerScalar) -> ir.Table:
    """Sums of money by customer, of its squares and of its products, in whole cents."""
    people = people.mutate(kept=ibis.least(people.before, people.after))
    pairs = {
        "before_2": ("before", "before"),
        "after_2": ("after", "after"),
        "kept_2": ("kept", "kept"),
        "before_after": ("before", "after"),
        "before_kept": ("before", "kept"),
    }
    people = people.mutate(
        **{name: (people[one] * people[other]).cast(_SQUARE) for name, (one, other) in pairs.items()}
    )
    sums = {name: people[name].sum().cast(_SQUARE) for name in ("before", "after", "kept", *pairs)}
    return people.group_by(by).aggregate(n_customers=people.count(), **counts, **sums)
