"""Spend and new customers by month: what the cost of a new customer is made from."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir


def spend_by_month(spend: ir.Table, *, lag_days: int = 0) -> ir.Table:
    """Sum spending by month, channel and cost type, to the cent.

    Turns *date, channel, cost* [*cost_type*] into *month, channel, cost_type, cents, first_day, last_day*.

    Parameters
    ----------
    spend : ibis.Table
        Canonical spend.
    lag_days : int
        Days by which each row is moved on first: the month is then that of the customers whom it could have won.

    Returns
    -------
    ibis.Table
        ``month`` (its first day), ``channel``, ``cost_type`` (missing where the table does not say),
        ``cents`` (integer), ``first_day`` and ``last_day`` (dates with spending); ordered.

    Examples
    --------
    >>> import ibis, pandas as pd
    >>> table = pd.DataFrame({"date": pd.to_datetime(["2026-01-01", "2026-01-31"]), "channel": "search",
    ...     "cost": [1.5, 2.0]})
    >>> spend_by_month(ibis.memtable(table)).execute().cents.tolist()
    [350]
    """
    day = spend.date.cast("date")
    if lag_days:
        day = (day + ibis.interval(days=lag_days)).cast("date")
    cost_type = spend.cost_type if "cost_type" in spend.columns else _nothing()
    rows = spend.select(
        month=day.truncate("M"), channel=spend.channel, cost_type=cost_type, day=day, cost=spend.cost
    )
    keys = ["month", "channel", "cost_type"]
    return (
        rows.group_by(keys)
        .aggregate(
            cents=(rows.cost.cast("decimal(18,2)").sum() * 100).cast("int64"),
            first_day=rows.day.min(),
            last_day=rows.day.max(),
        )
        .order_by(keys)
    )


def acquired_by_month(customers: ir.Table) -> ir.Table:
    """Count new customers by month and acquisition channel.

    Turns *acquired_date* [*acquisition_channel*] into *month, channel, n_new, first_day*.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer. One without ``acquired_date`` is not counted.

    Returns
    -------
    ibis.Table
        ``month`` (its first day), ``channel`` (missing where it is not known), ``n_new`` (integer),
        ``first_day`` (date of the first of them); ordered.

    Examples
    --------
    >>> import ibis, pandas as pd
    >>> table = pd.DataFrame({"acquired_date": pd.to_datetime(["2026-01-05", "2026-01-31", None])})
    >>> acquired_by_month(ibis.memtable(table)).execute().n_new.tolist()
    [2]
    """
    dated = customers.filter(customers.acquired_date.notnull())
    day = dated.acquired_date.cast("date")
    channel = dated.acquisition_channel if "acquisition_channel" in dated.columns else _nothing()
    rows = dated.select(month=day.truncate("M"), channel=channel, day=day)
    keys = ["month", "channel"]
    return rows.group_by(keys).aggregate(n_new=rows.count(), first_day=rows.day.min()).order_by(keys)


def lead_delays(leads: ir.Table, acquired: ir.Table, *, as_of: date) -> ir.Table:
    """Count converted leads by the days from the first lead to the customer's acquisition.

    Turns *customer_id, created_date* and *customer_id, acquired_date* into *days, n_customers*.

    Parameters
    ----------
    leads : ibis.Table
        Canonical leads, with ``customer_id`` once converted. Of several leads of one customer the first counts.
    acquired : ibis.Table
        One row per customer: ``customer_id``, ``acquired_date``.
    as_of : date
        Last day seen. Later leads and customers change nothing.

    Returns
    -------
    ibis.Table
        ``days`` (integer; negative where the customer came before the lead), ``n_customers``; ordered.

    Examples
    --------
    >>> import pandas as pd
    >>> leads = pd.DataFrame({"customer_id": ["a", None], "created_date": pd.to_datetime(["2026-01-01"] * 2)})
    >>> new = pd.DataFrame({"customer_id": ["a"], "acquired_date": pd.to_datetime(["2026-01-08"])})
    >>> lead_delays(ibis.memtable(leads), ibis.memtable(new), as_of=date(2026, 1, 31)).execute().values.tolist()
    [[7, 1]]
    """
    created = leads.created_date.cast("date")
    known = leads.filter(leads.customer_id.notnull(), created <= ibis.date(as_of))
    first = known.group_by("customer_id").aggregate(created=known.created_date.cast("date").min())
    won = acquired.select("customer_id", won=acquired.acquired_date.cast("date"))
    joined = first.inner_join(won.filter(won.won <= ibis.date(as_of)), "customer_id")
    rows = joined.select(days=joined.won.delta(joined.created, unit="day").cast("int64"))
    return rows.group_by("days").aggregate(n_customers=rows.count()).order_by("days")


def _nothing() -> ir.StringScalar:
    return ibis.null("string")
