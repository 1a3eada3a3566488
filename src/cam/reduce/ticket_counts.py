"""Tickets and customers -> counts: by day, by kind, by customer and by place; and who might have complained.

Everything here counts what :func:`cam.reduce.tickets.ticket_times` found; nothing of one row per ticket comes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from cam.reduce.durations import duration_cells
from cam.reduce.states import month_number, month_of


def daily_flow(times: ir.Table, *, overdue_days: int, as_of: date) -> ir.Table:
    """Count the tickets opened and closed on each day, and those that became overdue and were closed after that.

    Turns *opened* [*closed, resolution*] into *day, n_opened, n_in, n_closed, n_overdue, n_overdue_closed*.

    Parameters
    ----------
    times : ibis.Table
        From :func:`cam.reduce.tickets.ticket_times`.
    overdue_days : int
        A ticket is overdue from so many days after that of its opening.
    as_of : date
        Last day seen: what becomes overdue later is not.

    Returns
    -------
    ibis.Table
        In order of the days on which anything happened: ``n_opened`` counts all tickets, ``n_in`` leaves out those that
        were closed before they were opened, so that the sums up to a day of ``n_in`` less ``n_closed`` are the tickets
        open at its end, and of ``n_overdue`` less ``n_overdue_closed`` those overdue.

    Examples
    --------
    >>> times = ibis.memtable({"opened": [date(2026, 1, 5)], "closed": [date(2026, 1, 9)], "resolution": ["done"]})
    >>> daily_flow(times, overdue_days=3, as_of=date(2026, 1, 31)).drop("day").execute().values.tolist()
    [[1, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 1, 0, 1]]
    """
    if "closed" not in times.columns:
        return _daily({"n_opened": (times, times.opened)})
    due = (times.opened + ibis.interval(days=overdue_days)).cast("date")
    sound = times.filter(times.resolution != "backwards").mutate(due=due)
    gone = sound.filter(sound.closed.notnull())
    late = sound.filter(
        (sound.due <= ibis.date(as_of)) & (sound.closed.isnull() | (sound.closed >= sound.due))
    )
    late_gone = gone.filter(gone.closed >= gone.due)
    return _daily(
        {
            "n_opened": (times, times.opened),
            "n_in": (sound, sound.opened),
            "n_closed": (gone, gone.closed),
            "n_overdue": (late, late.due),
            "n_overdue_closed": (late_gone, late_gone.closed),
        }
    )


def active_by_month(transactions: ir.Table, *, starts: Sequence[date], n_months: int) -> ir.Table:
    """Count for each month the customers who bought in it or in the months before it.

    Turns *customer_id, order_date, kind* into *start, n_active*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions; refunds are no purchases.
    starts : sequence of date
        First days of neighbouring months, rising, and the first day after the last of them.
    n_months : int
        Months that count, the month itself among them.

    Returns
    -------
    ibis.Table
        One row per month in which anybody was active, in order.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a"], "kind": "purchase", "order_date": pd.to_datetime(["2026-01-05"])})
    >>> starts = [date(2026, month, 1) for month in (1, 2, 3, 4)]
    >>> active_by_month(ibis.memtable(log), starts=starts, n_months=2).execute()["n_active"].tolist()
    [1, 1]
    """
    bought = transactions.filter(transactions.kind == "purchase")
    months = bought.select("customer_id", month=month_number(bought.order_date)).distinct()
    asked = ibis.memtable(
        {"start": list(starts[:-1]), "number": [month_of(start) for start in starts[:-1]]},
        schema={"start": "date", "number": "int64"},
    )
    inside = (months.month <= asked.number) & (months.month > asked.number - n_months)
    pairs = months.inner_join(asked, inside).select("start", "customer_id")
    return (
        pairs.group_by("start")
        .aggregate(n_active=pairs.customer_id.nunique().cast("int64"))
        .order_by("start")
    )


def contracts_by_month(contracts: ir.Table, *, starts: Sequence[date]) -> ir.Table:
    """Count for each month the customers with a contract on any of its days.

    Turns *customer_id, start_date, end_date* into *start, n_active*.

    Parameters
    ----------
    contracts : ibis.Table
        Canonical contracts; an empty ``end_date`` is one that runs.
    starts : sequence of date
        First days of neighbouring months, rising, and the first day after the last of them.

    Returns
    -------
    ibis.Table
        One row per month in which a contract ran, in order.

    Examples
    --------
    >>> table = {"customer_id": ["a"], "start_date": [date(2026, 1, 31)], "end_date": [date(2026, 2, 1)]}
    >>> starts = [date(2026, month, 1) for month in (1, 2, 3, 4)]
    >>> contracts_by_month(ibis.memtable(table), starts=starts).execute()["n_active"].tolist()
    [1, 1]
    """
    asked = ibis.memtable(
        {"start": list(starts[:-1]), "after": list(starts[1:])}, schema={"start": "date", "after": "date"}
    )
    begin, finish = contracts.start_date.cast("date"), contracts.end_date.cast("date")
    rows = contracts.select("customer_id", begin=begin, finish=ibis.coalesce(finish, ibis.date(date.max)))
    pairs = rows.inner_join(asked, (rows.begin < asked.after) & (rows.finish >= asked.start))
    return (
        pairs.group_by("start")
        .aggregate(n_active=pairs.customer_id.nunique().cast("int64"))
        .order_by("start")
    )


def kind_sums(times: ir.Table, *, by: str) -> ir.Table:
    """Count tickets of each kind, with what is needed to see that one customer opened several.

    Turns *customer_id* and the column *by* into *kind, n, tt, tm, n_all, mm*.

    Parameters
    ----------
    times : ibis.Table
        From :func:`cam.reduce.tickets.ticket_times`; a ticket without a customer is of a customer of its own.
    by : str
        Column that names the kind.

    Returns
    -------
    ibis.Table
        The most frequent first: ``n`` tickets; with *t* one customer's tickets of the kind and *m* all of this
        customer's, ``tt`` (sum of t x t) and ``tm`` (of t x m); the same in every row: ``n_all`` and ``mm``.

    Examples
    --------
    >>> times = ibis.memtable({"customer_id": ["a", "a", None], "category": ["app", "bill", "app"]},
    ...     schema={"customer_id": "string", "category": "string"})
    >>> kind_sums(times, by="category").execute().values.tolist()
    [['app', 2, 2, 3, 3, 5], ['bill', 1, 1, 2, 3, 5]]
    """
    cells = times.group_by("customer_id", kind=times[by]).aggregate(t=times.count().cast("int64"))
    people = times.group_by("customer_id").aggregate(m=times.count().cast("int64"))
    unnamed = people.customer_id.isnull()
    whole = people.aggregate(
        n_all=people.m.sum().cast("int64"),
        mm=ibis.ifelse(unnamed, people.m, people.m * people.m).sum().cast("int64"),
    )
    joined = cells.left_join(people, "customer_id")
    m = ibis.coalesce(joined.m, 1)
    nobody = joined.customer_id.isnull()
    kinds = joined.group_by("kind").aggregate(
        n=joined.t.sum().cast("int64"),
        tt=ibis.ifelse(nobody, joined.t, joined.t * joined.t).sum().cast("int64"),
        tm=ibis.ifelse(nobody, joined.t, joined.t * m).sum().cast("int64"),
    )
    return kinds.cross_join(whole).order_by([ibis.desc("n"), "kind"])


def recurrence_cells(times: ir.Table, *, as_of: date) -> ir.Table:
    """Count customers by the days from their first ticket to the next on a later day, or to the last day seen.

    Turns *customer_id, opened* into *entry, duration, event_observed, n_customers*.

    Parameters
    ----------
    times : ibis.Table
        From :func:`cam.reduce.tickets.ticket_times`; tickets without a customer are left out.
    as_of : date
        Last day seen.

    Returns
    -------
    ibis.Table
        In order. Tickets of one day are one complaint: a customer who writes and then calls has one.

    Examples
    --------
    >>> times = ibis.memtable({"customer_id": ["a", "a", "b"],
    ...     "opened": [date(2026, 1, 1), date(2026, 1, 9), date(2026, 1, 1)]})
    >>> recurrence_cells(times, as_of=date(2026, 1, 31)).execute().values.tolist()
    [[0, 8, 1, 1], [0, 30, 0, 1]]
    """
    days = times.filter(times.customer_id.notnull()).select("customer_id", "opened").distinct()
    own = ibis.window(group_by="customer_id", order_by="opened")
    ranked = days.mutate(rank=ibis.row_number().over(own), following=days.opened.lead().over(own))
    first = ranked.filter(ranked["rank"] == 0)
    rows = first.select(
        duration=ibis.coalesce(first.following, ibis.date(as_of))
        .delta(first.opened, unit="day")
        .cast("int64"),
        event_observed=ibis.ifelse(first.following.notnull(), 1, 0).cast("int64"),
    )
    return duration_cells(rows)


def tickets_each(times: ir.Table) -> ir.Table:
    """Count customers by how many tickets they opened.

    Turns *customer_id* into *n_tickets, n_customers*.

    Parameters
    ----------
    times : ibis.Table
        From :func:`cam.reduce.tickets.ticket_times`; tickets without a customer are left out.

    Returns
    -------
    ibis.Table
        In order.

    Examples
    --------
    >>> tickets_each(ibis.memtable({"customer_id": ["a", "a", "b"]})).execute().values.tolist()
    [[1, 1], [2, 1]]
    """
    named = times.filter(times.customer_id.notnull())
    people = named.group_by("customer_id").aggregate(n_tickets=named.count().cast("int64"))
    return (
        people.group_by("n_tickets").aggregate(n_customers=people.count().cast("int64")).order_by("n_tickets")
    )


def place_sums(people: ir.Table, times: ir.Table, *, place: str, since: date) -> ir.Table:
    """Sum the tickets of the customers of each place.

    Turns *customer_id* and the column *place*, and tickets, into *level, n, sum, squared*.

    Parameters
    ----------
    people : ibis.Table
        One row per customer (key) who might have complained.
    times : ibis.Table
        From :func:`cam.reduce.tickets.ticket_times`.
    place : str
        Column of *people*; who has none is left out.
    since : date
        First day on which a ticket counts.

    Returns
    -------
    ibis.Table
        The largest first: ``n`` (customers), ``sum`` (their tickets), ``squared`` (sum of the squares of tickets by
        customer).

    Examples
    --------
    >>> people = ibis.memtable({"customer_id": ["a", "b"], "region": ["north", "north"]})
    >>> times = ibis.memtable({"customer_id": ["a", "a"], "opened": [date(2026, 1, 1), date(2026, 1, 9)]})
    >>> place_sums(people, times, place="region", since=date(2026, 1, 1)).execute().values.tolist()
    [['north', 2, 2, 4]]
    """
    late = times.filter(times.opened >= ibis.date(since))
    counts = late.group_by("customer_id").aggregate(t=late.count().cast("int64"))
    own = people.select("customer_id", level=people[place].cast("string"))
    joined = own.filter(own.level.notnull()).left_join(counts, "customer_id")
    rows = joined.select("level", t=ibis.coalesce(joined.t, 0))
    return (
        rows.group_by("level")
        .aggregate(
            n=rows.count().cast("int64"),
            sum=rows.t.sum().cast("int64"),
            squared=(rows.t * rows.t).sum().cast("int64"),
        )
        .order_by([ibis.desc("n"), "level"])
    )


def _daily(kinds: Mapping[str, tuple[ir.Table, ir.DateValue]]) -> ir.Table:
    """Count the rows of several tables by day, side by side."""
    parts = [
        table.select(day=day, **{other: ibis.literal(int(other == name)) for other in kinds})
        for name, (table, day) in kinds.items()
    ]
    rows = ibis.union(*parts) if len(parts) > 1 else parts[0]
    return (
        rows.group_by("day")
        .aggregate(**{name: rows[name].sum().cast("int64") for name in kinds})
        .order_by("day")
    )
