"""Orders or contracts -> what each customer has brought, discounted to the first purchase, and spends here per year."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from cam.reduce.earnings import DAYS_PER_MONTH, rounded_money

#: Days of a year, on average, as residual CLV is discounted by; and those that a wallet is set against.
DAYS_PER_YEAR, WINDOW_DAYS = 365.25, 365
#: A discounted amount is summed in ten-thousandths, as whole numbers: a float sum would depend on the threads.
_PARTS = 10_000


def discounted_orders(
    transactions: ir.Table,
    *,
    as_of: date,
    annual_rate: float,
    margin_rate: float | None = None,
    costs: Mapping[str, float] | None = None,
    tickets: ir.Table | None = None,
) -> ir.Table:
    """Sum the margin that each customer has brought, less serving, discounted to the day of the first purchase.

    Turns *customer_id, order_date, revenue, kind* [*cost, order_id*] into *customer_id, current_value*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions.
    as_of : date
        Last day seen, to its end. Later rows change nothing.
    annual_rate : float
        Discount per year, >= 0: an amount a year after the first purchase counts for 1 / (1 + rate).
    margin_rate : float, optional
        Gross margin (0 to 1) of the rows that have no cost. Without costs and with 1 the sum is of revenue.
    costs : mapping of str to float, optional
        Money per ``order``, ``refund`` and ``ticket``; each falls due on its own day.
    tickets : ibis.Table, optional
        ``customer_id`` and ``opened``; needed where a ticket costs something.

    Returns
    -------
    ibis.Table
        One row per customer who bought, in no order: ``customer_id`` and ``current_value`` (decimal).

    Raises
    ------
    ValueError
        If rows have no cost and there is no margin rate, or a ticket costs something and there are no tickets.

    Notes
    -----
    It is the part of a customer's lifetime value that has come in: residual CLV is the part still to come. What
    happened before the first purchase is not discounted.

    References
    ----------
    Blattberg, R. C., Kim, B.-D., Neslin, S. A. (2008). Database Marketing, section 5.2. Springer.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "order_date": pd.to_datetime(["2024-01-01", "2026-01-01"]),
    ...     "revenue": [10.0, 12.1], "kind": "purchase"})
    >>> rest = {"as_of": date(2026, 1, 31), "annual_rate": 0.1, "margin_rate": 0.5}
    >>> str(discounted_orders(ibis.memtable(log), **rest).execute().current_value[0])
    '10.00'
    """
    costs = costs or {}
    if "cost" not in transactions.columns and margin_rate is None:
        raise ValueError("the margin of rows without a cost needs margin_rate")
    if costs.get("ticket") and tickets is None:
        raise ValueError("a cost per ticket needs the tickets")
    rows = transactions.mutate(day=transactions.order_date.date())
    rows = rows.filter(rows.day <= ibis.date(as_of))
    bought = rows.filter(rows.kind == "purchase")
    revenue = rows.revenue.cast("float64")
    margin = revenue * (1.0 if margin_rate is None else margin_rate)
    if "cost" in rows.columns:
        margin = ibis.coalesce(revenue - rows.cost.cast("float64"), margin)
    events = [rows.select("customer_id", "day", amount=margin)]
    has_ids = "order_id" in rows.columns
    if costs.get("order"):
        events.append(_charged(_orders(bought, has_ids, "day"), costs["order"]))
    if costs.get("refund"):
        # The refund rows of one order are one refund, on the day of the first.
        events.append(_charged(_orders(rows.filter(rows.kind != "purchase"), has_ids), costs["refund"]))
    if costs.get("ticket") and tickets is not None:
        events.append(_charged(_opened(tickets, as_of), costs["ticket"]))
    first = bought.group_by("customer_id").aggregate(first=bought.day.min())
    return _discounted(events, first, annual_rate)


def discounted_fees(
    contracts: ir.Table,
    *,
    as_of: date,
    annual_rate: float,
    margin_rate: float = 1.0,
    ticket_cost: float = 0.0,
    tickets: ir.Table | None = None,
) -> ir.Table:
    """Sum the margin of each customer's fees so far, discounted to the first day of the first contract.

    Turns *customer_id, start_date, end_date, monthly_fee* into *customer_id, current_value*.

    Parameters
    ----------
    contracts : ibis.Table
        Canonical contracts with ``monthly_fee``; one without a fee is left out.
    as_of : date
        Last day seen, to its end: a running contract counts up to here.
    annual_rate : float
        Discount per year, >= 0.
    margin_rate : float
        Gross margin of a fee; 1 sums the fees themselves.
    ticket_cost : float
        Money per ticket.
    tickets : ibis.Table, optional
        ``customer_id`` and ``opened``.

    Returns
    -------
    ibis.Table
        One row per customer, in no order: ``customer_id`` and ``current_value`` (decimal). A fee is earned day by
        day, first and last day included; a month is 30.4375 days.

    Raises
    ------
    ValueError
        If a ticket costs something and there are no tickets.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a"], "start_date": [date(2026, 1, 1)], "end_date": [date(2026, 12, 31)],
    ...     "monthly_fee": [10.0]})
    >>> rest = {"as_of": date(2027, 6, 30), "annual_rate": 0.0}
    >>> str(discounted_fees(ibis.memtable(table), **rest).execute().current_value[0])
    '119.92'
    """
    if ticket_cost and tickets is None:
        raise ValueError("a cost per ticket needs the tickets")
    rows = _spans(contracts, as_of)
    a_day = (1 + annual_rate) ** (-1 / DAYS_PER_YEAR)
    # The days of one contract are a geometric series.
    faded = (1 - ibis.literal(a_day) ** rows.n_days) / (1 - a_day) if annual_rate else rows.n_days
    amount = rows.fee * (margin_rate / DAYS_PER_MONTH) * faded
    events = [rows.select("customer_id", "day", amount=amount)]
    if ticket_cost and tickets is not None:
        events.append(_charged(_opened(tickets, as_of), ticket_cost))
    first = rows.group_by("customer_id").aggregate(first=rows.day.min())
    return _discounted(events, first, annual_rate)


def yearly_revenue(transactions: ir.Table, *, as_of: date, min_days: int) -> ir.Table:
    """Reduce the last 365 days to what each customer spends here per year, and how far chance could move it.

    Turns *customer_id, order_date, revenue, kind* into *customer_id, yearly_revenue, yearly_error*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions.
    as_of : date
        Last day seen, to its end.
    min_days : int
        The revenue of a customer younger than 365 days is scaled to a year, as if he or she had been here for this
        many days at least.

    Returns
    -------
    ibis.Table
        One row per customer who bought, in no order: ``yearly_revenue`` (decimal, net of refunds) and
        ``yearly_error`` (float, its standard error).

    Notes
    -----
    Purchase days are taken to come at random (Poisson) and to differ in size as they did: the variance of their sum is
    the sum of their squares. One more day of the customer's own mean is added to it, or those who did not buy within
    the year would count as certain to spend nothing.

    References
    ----------
    Feller, W. (1968). An Introduction to Probability Theory and Its Applications, vol. 1, 3rd ed., section XII.2 (the
    compound Poisson distribution). Wiley.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a"] * 3, "order_date": pd.to_datetime(["2024-01-01", "2026-01-01",
    ...     "2026-01-20"]), "revenue": [20.0, 30.0, 40.0], "kind": "purchase"})
    >>> found = yearly_revenue(ibis.memtable(log), as_of=date(2026, 1, 31), min_days=91).execute()
    >>> float(found.yearly_revenue[0]), round(float(found.yearly_error[0]), 2)
    (70.0, 58.31)
    """
    rows = transactions.mutate(day=transactions.order_date.date())
    rows = rows.filter(rows.day <= ibis.date(as_of))
    days = rows.group_by(["customer_id", "day"]).aggregate(
        revenue=rows.revenue.sum(), bought=(rows.kind == "purchase").ifelse(1, 0).max()
    )
    cents = (days.revenue.cast("decimal(18,2)") * 100).cast("decimal(19,0)")
    begin = as_of - timedelta(days=WINDOW_DAYS)
    days = days.select("customer_id", "day", "bought", cents=cents, late=(days.day > ibis.date(begin)))
    late = days.late.ifelse(days.cents, 0).cast("decimal(19,0)")
    people = days.group_by("customer_id").aggregate(
        first=days.day.min(where=days.bought == 1),
        n_days=days.bought.sum(),
        whole=days.cents.sum().cast("decimal(38,0)"),
        late=late.sum().cast("decimal(38,0)"),
        squares=(late * late).sum().cast("decimal(38,0)"),
    )
    people = people.filter(people.n_days > 0)
    scale = _to_a_year(people.first, as_of, min_days)
    one_more = people.whole.cast("float64") / people.n_days.cast("float64")
    return people.select(
        "customer_id",
        yearly_revenue=rounded_money(people.late.cast("float64") / 100 * scale),
        yearly_error=(people.squares.cast("float64") + one_more * one_more).sqrt() / 100 * scale,
    )


def yearly_fees(contracts: ir.Table, *, as_of: date, min_days: int) -> ir.Table:
    """Reduce contracts to what each customer paid here over the last 365 days, scaled to a year where younger.

    Turns *customer_id, start_date, end_date, monthly_fee* into *customer_id, yearly_revenue, yearly_error*.

    Parameters
    ----------
    contracts : ibis.Table
        Canonical contracts with ``monthly_fee``.
    as_of : date
        Last day seen, to its end.
    min_days : int
        As for :func:`yearly_revenue`.

    Returns
    -------
    ibis.Table
        As from :func:`yearly_revenue`; fees are fixed, so the error is 0.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a"], "start_date": [date(2026, 1, 1)], "end_date": [date(2027, 12, 31)],
    ...     "monthly_fee": [30.4375]})
    >>> found = yearly_fees(ibis.memtable(table), as_of=date(2026, 12, 31), min_days=91).execute()
    >>> str(found.yearly_revenue[0])
    '365.00'
    """
    rows = _spans(contracts, as_of)
    begin = ibis.date(as_of - timedelta(days=WINDOW_DAYS - 1))
    before = ibis.greatest(begin.delta(rows.day, unit="day").cast("float64"), 0.0)
    paid = rows.fee / DAYS_PER_MONTH * ibis.greatest(rows.n_days - before, 0.0)
    parts = rows.select("customer_id", "day", units=_units(paid))
    people = parts.group_by("customer_id").aggregate(first=parts.day.min(), units=parts.units.sum())
    scale = _to_a_year(people.first, as_of, min_days)
    return people.select(
        "customer_id",
        yearly_revenue=rounded_money(people.units.cast("float64") / _PARTS * scale),
        yearly_error=ibis.literal(0.0),
    )


def _orders(rows: ir.Table, has_ids: bool, *by: str) -> ir.Table:
    """Customer, day and number of orders; a row without an order_id is an order of its own."""
    if not has_ids:
        return rows.group_by(["customer_id", "day"]).aggregate(n=rows.count().cast("int64"))
    named = rows.filter(rows.order_id.notnull()).select("customer_id", "order_id", "day")
    keys = ["customer_id", "order_id", *by]
    once = named.distinct() if by else named.group_by(keys).aggregate(day=named.day.min())
    once = once.select("customer_id", "day", n=ibis.literal(1).cast("int64"))
    single = rows.filter(rows.order_id.isnull())
    return once.union(single.select("customer_id", "day", n=ibis.literal(1).cast("int64")))


def _opened(tickets: ir.Table, as_of: date) -> ir.Table:
    rows = tickets.select("customer_id", day=tickets.opened.date(), n=ibis.literal(1).cast("int64"))
    return rows.filter(rows.day <= ibis.date(as_of))


def _charged(counts: ir.Table, cost: float) -> ir.Table:
    return counts.select("customer_id", "day", amount=counts.n.cast("float64") * -cost)


def _discounted(events: list[ir.Table], first: ir.Table, annual_rate: float) -> ir.Table:
    """Sum amounts per customer of *first*, each discounted from its day to the first one."""
    together = ibis.union(*events) if len(events) > 1 else events[0]
    rows = together.inner_join(first, "customer_id")
    days = ibis.greatest(rows.day.delta(rows["first"], unit="day").cast("float64"), 0.0)
    fade = ibis.literal(1 + annual_rate) ** (days * (-1 / DAYS_PER_YEAR))
    rows = rows.select("customer_id", units=_units(rows.amount * fade))
    people = rows.group_by("customer_id").aggregate(units=rows.units.sum())
    return people.select("customer_id", current_value=rounded_money(people.units.cast("float64") / _PARTS))


def _spans(contracts: ir.Table, as_of: date) -> ir.Table:
    """First day and days of each contract that has a fee and has begun, up to *as_of*."""
    rows = contracts.filter(
        contracts.monthly_fee.notnull(), contracts.start_date.cast("date") <= ibis.date(as_of)
    )
    day = rows.start_date.cast("date")
    end = ibis.least(ibis.coalesce(rows.end_date.cast("date"), ibis.date(as_of)), ibis.date(as_of))
    n_days = ibis.greatest(end.delta(day, unit="day") + 1, 0).cast("float64")
    return rows.select("customer_id", day=day, n_days=n_days, fee=rows.monthly_fee.cast("float64"))


def _to_a_year(first: ir.DateColumn, as_of: date, min_days: int) -> ir.FloatingColumn:
    days = ibis.date(as_of).delta(first, unit="day").cast("float64") + 1
    return WINDOW_DAYS / ibis.least(ibis.greatest(days, float(min_days)), float(WINDOW_DAYS))


def _units(amount: ir.FloatingColumn) -> ir.DecimalColumn:
    return (amount * _PARTS + 0.5).floor().cast("decimal(19,0)")
