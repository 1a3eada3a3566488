"""Leads and first purchases -> one row per lead with what became of it and how long it took; and counts of these.

A lead is followed to the customer's first purchase. Two kinds of leads are no way to a first purchase and are set
apart: those of people who had bought before, and a second lead of somebody who already is one.
"""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

#: What became of a lead. ``open``: nobody is named; ``bought``: first purchase on its day or later; ``unbought``: a
#: customer is named who has not bought; ``earlier``: who had bought before; ``again``: not this customer's first lead;
#: ``before``: from before the purchases are in the data.
STATUSES = ("open", "bought", "unbought", "earlier", "again", "before")
#: A channel that is not among the largest.
SMALL = ""


def first_days(table: ir.Table, *, as_of: date) -> ir.Table:
    """Find each customer's first purchase day, or the first day of the first contract.

    Turns *customer_id, order_date, kind* or *customer_id, start_date* into *customer_id, first_day*.

    Parameters
    ----------
    table : ibis.Table
        Canonical transactions (refunds are no purchases), or canonical contracts.
    as_of : date
        Last day seen, to its end. Later rows change nothing.

    Returns
    -------
    ibis.Table
        One row per customer, in no order.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-15", "2026-01-02"])})
    >>> str(first_days(ibis.memtable(log), as_of=date(2026, 1, 31)).first_day.execute().iloc[0])[:10]
    '2026-01-02'
    """
    if "order_date" in table.columns:
        rows = table.filter(table.kind == "purchase").select("customer_id", day=table.order_date.date())
    else:
        rows = table.select("customer_id", day=table.start_date.cast("date"))
    rows = rows.filter(rows.day <= ibis.date(as_of))
    return rows.group_by("customer_id").aggregate(first_day=rows.day.min())


def follow_leads(
    leads: ir.Table, firsts: ir.Table | None, *, as_of: date, since: date | None = None
) -> ir.Table:
    """Follow each lead to its customer's first purchase, or to the last day seen.

    Turns *lead_id, created_date* [*channel, stage, customer_id*] and *customer_id, first_day* into *lead_id, created,
    month, channel, stage, status, duration, event_observed*.

    Parameters
    ----------
    leads : ibis.Table
        Canonical leads.
    firsts : ibis.Table or None
        As from :func:`first_days`; None: who bought is not known, and every lead is open.
    as_of : date
        Last day seen, to its end. Later leads change nothing.
    since : date, optional
        Leads created before it are set apart: purchases of their time are not in the data.

    Returns
    -------
    ibis.Table
        One row per lead, in no order: ``created`` (date), ``month`` (its first day), ``channel`` and ``stage``
        (missing where not known), ``status`` (one of :data:`STATUSES`), ``duration`` (integer, days to the first
        purchase, else to *as_of*), ``event_observed`` (whether there was one).

    Notes
    -----
    Of several leads of one customer the first counts; of one day, that with the first ``lead_id``.

    Examples
    --------
    >>> import pandas as pd
    >>> leads = pd.DataFrame({"lead_id": ["1", "2"], "created_date": pd.to_datetime(["2026-01-01", "2026-01-21"]),
    ...     "customer_id": ["a", None]})
    >>> firsts = ibis.memtable({"customer_id": ["a"], "first_day": [date(2026, 1, 8)]})
    >>> found = follow_leads(ibis.memtable(leads), firsts, as_of=date(2026, 1, 31)).order_by("lead_id").execute()
    >>> found[["status", "duration", "event_observed"]].values.tolist()
    [['bought', 7, True], ['open', 10, False]]
    """
    known = {name: leads[name] if name in leads.columns else _nothing() for name in ("channel", "stage")}
    who = leads.customer_id if firsts is not None and "customer_id" in leads.columns else _nothing()
    rows = leads.select("lead_id", customer_id=who, created=leads.created_date.cast("date"), **known)
    rows = rows.filter(rows.created <= ibis.date(as_of))
    if firsts is None:
        rows = rows.mutate(place=ibis.literal(0).cast("int64"), first_day=ibis.null("date"))
    else:
        own = ibis.window(group_by="customer_id", order_by=["created", "lead_id"])
        rows = rows.mutate(place=ibis.row_number().over(own).cast("int64"))
        joined = rows.left_join(
            firsts.select(buyer="customer_id", first_day="first_day"), [("customer_id", "buyer")]
        )
        rows = joined.select(*rows.columns, "first_day")
    status = ibis.cases(
        (rows.created < ibis.date(since or date.min), "before"),
        (rows.customer_id.isnull(), "open"),
        (rows.place > 0, "again"),
        (rows.first_day.isnull(), "unbought"),
        (rows.first_day < rows.created, "earlier"),
        else_="bought",
    )
    rows = rows.mutate(status=status)
    bought = rows.status == "bought"
    until = ibis.ifelse(bought, rows.first_day, ibis.date(as_of))
    return rows.select(
        "lead_id",
        "created",
        "channel",
        "stage",
        "status",
        month=rows.created.truncate("M"),
        duration=until.delta(rows.created, unit="day").cast("int64"),
        event_observed=bought,
    )


def with_groups(rows: ir.Table, *, n_channels: int) -> ir.Table:
    """Name the group of each lead: its channel, if that is among the largest.

    Turns *channel* into *group*, beside all other columns.

    Parameters
    ----------
    rows : ibis.Table
        As from :func:`follow_leads`.
    n_channels : int
        Channels that stay; equally large ones in order of their names.

    Returns
    -------
    ibis.Table
        ``group``: the channel, :data:`SMALL` for smaller ones, missing where it is not known.

    Examples
    --------
    >>> rows = ibis.memtable({"channel": ["web", "web", "fair", None]})
    >>> sorted(map(str, with_groups(rows, n_channels=1).group.execute().fillna("unknown")))
    ['', 'unknown', 'web', 'web']
    """
    sizes = rows.filter(rows.channel.notnull()).group_by("channel")
    sizes = sizes.aggregate(n=lambda table: table.count()).order_by([ibis.desc("n"), "channel"])
    large = sizes.limit(n_channels).select(large="channel")
    joined = rows.left_join(large, rows.channel == large.large)
    group = ibis.ifelse(joined.channel.isnull() | joined.large.notnull(), joined.channel, SMALL)
    return joined.select(*rows.columns, group=group)


def stage_cells(rows: ir.Table) -> ir.Table:
    """Count leads by group, stage and what became of them.

    Turns *group, stage, status* into these and *n_leads*.

    Parameters
    ----------
    rows : ibis.Table
        As from :func:`with_groups`.

    Returns
    -------
    ibis.Table
        In order.

    Examples
    --------
    >>> rows = ibis.memtable({"group": ["web"] * 2, "stage": ["new"] * 2, "status": ["open"] * 2})
    >>> stage_cells(rows).execute().values.tolist()
    [['web', 'new', 'open', 2]]
    """
    keys = ["group", "stage", "status"]
    return rows.group_by(keys).aggregate(n_leads=rows.count().cast("int64")).order_by(keys)


def standing_cells(rows: ir.Table, *, prospect_days: int) -> ir.Table:
    """Count leads by stage, by what became of them, and by whether they are still young.

    Turns *stage, status, duration* into *stage, status, is_young, n_leads*.

    Parameters
    ----------
    rows : ibis.Table
        As from :func:`follow_leads`.
    prospect_days : int
        A lead of at most so many days is young.

    Returns
    -------
    ibis.Table
        In order.

    Examples
    --------
    >>> rows = ibis.memtable({"stage": ["new"] * 3, "status": ["open"] * 3, "duration": [3, 14, 15]})
    >>> standing_cells(rows, prospect_days=14).order_by("is_young").execute().n_leads.tolist()
    [1, 2]
    """
    aged = rows.mutate(is_young=rows.duration <= prospect_days)
    keys = ["stage", "status", "is_young"]
    return aged.group_by(keys).aggregate(n_leads=aged.count().cast("int64")).order_by(keys)


def _nothing() -> ir.StringScalar:
    return ibis.null("string")
