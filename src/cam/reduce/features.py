"""Orders or contracts at a cut-off -> what was known of each customer then, and whether the customer left after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from cam.reduce.scores import score_by_limits


def customers_at(
    transactions: ir.Table,
    *,
    cut_off: date,
    observation_days: int,
    horizon_days: int,
    as_of: date,
    gap_days: int = 0,
) -> ir.Table:
    """Look at each customer from a cut-off: features strictly up to it, the label strictly after it.

    Turns *customer_id, order_date, kind* into *customer_id, last_date, days_since_last, n_purchase_days,
    churned, came_back*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions: ``customer_id`` (text), ``order_date`` (timestamp), ``kind``.
    cut_off : date
        To its end.
    observation_days : int
        Days up to the cut-off, the cut-off among them, in which a customer must have bought to be counted.
    horizon_days : int
        Days after the cut-off and the gap in which a purchase says that the customer has stayed.
    as_of : date
        Last day seen. Later rows change nothing.
    gap_days : int
        Days after the cut-off that say nothing: the time it takes to act.

    Returns
    -------
    ibis.Table
        One row per customer with a purchase in the observation window, in no order:

        - ``customer_id`` : text
        - ``last_date`` : date of the last purchase up to the cut-off
        - ``days_since_last`` : integer, days from it to the cut-off
        - ``n_purchase_days`` : integer, days with a purchase in the window
        - ``churned`` : boolean, nothing bought in the horizon
        - ``came_back`` : boolean, churned, but bought between the end of the horizon and *as_of*

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({
    ...     "customer_id": ["a", "a", "b"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-20", "2026-02-10", "2026-01-31"])})
    >>> people = customers_at(ibis.memtable(log), cut_off=date(2026, 1, 31), observation_days=31,
    ...     horizon_days=28, as_of=date(2026, 2, 28)).order_by("customer_id").execute()
    >>> people[["customer_id", "days_since_last", "churned"]].values.tolist()
    [['a', 11, False], ['b', 0, True]]
    """
    bought = transactions.filter(transactions.kind == "purchase")
    bought = bought.select("customer_id", day=bought.order_date.date())
    # The window opens on the day after this one.
    before = cut_off - timedelta(days=observation_days)
    bought = bought.filter((bought.day > ibis.date(before)) & (bought.day <= ibis.date(as_of)))
    known = bought.day <= ibis.date(cut_off)
    opens = cut_off + timedelta(days=gap_days)
    closed = bought.day <= ibis.date(opens)
    later = bought.day > ibis.date(opens + timedelta(days=horizon_days))
    people = bought.group_by("customer_id").aggregate(
        last_date=bought.day.max(where=known),
        n_purchase_days=bought.day.nunique(where=known),
        n_in_horizon=(~closed & ~later).sum(),
        n_later=later.sum(),
    )
    # Not by their number of days: whoever does not ask for it, as counts do not, need not have it counted.
    people = people.filter(people.last_date.notnull())
    churned = people.n_in_horizon == 0
    return people.select(
        "customer_id",
        "last_date",
        days_since_last=ibis.date(cut_off).delta(people.last_date, unit="day").cast("int64"),
        n_purchase_days=people.n_purchase_days.cast("int64"),
        churned=churned,
        came_back=churned & (people.n_later > 0),
    )


def contracts_at(contracts: ir.Table, *, cut_off: date, horizon_days: int, gap_days: int = 0) -> ir.Table:
    """Look at each customer with a contract on the cut-off: does one still run at the end of the horizon?

    Turns *customer_id, start_date, end_date* into *customer_id, churned*.

    Parameters
    ----------
    contracts : ibis.Table
        Canonical contracts. A contract runs from ``start_date`` to ``end_date``, both days among them; an empty
        ``end_date`` is one that still runs.
    cut_off : date
        The day on which a contract must run for its customer to be counted.
    horizon_days : int
        Days from the cut-off and the gap to the day on which it is looked at again.
    gap_days : int
        Days after the cut-off that it takes to act. Whoever has no contract on the last of them left before anybody
        could act, and is not counted.

    Returns
    -------
    ibis.Table
        One row per customer with a contract on the cut-off and on the last day of the gap, in no order:
        ``customer_id`` and ``churned`` (boolean, no contract on the last day of the horizon). Whoever holds a new
        contract by then has renewed, not left.

    Examples
    --------
    >>> table = ibis.memtable({"customer_id": ["a", "b"], "start_date": [date(2026, 1, 1)] * 2,
    ...     "end_date": [date(2026, 2, 10), None]})
    >>> people = contracts_at(table, cut_off=date(2026, 1, 31), horizon_days=28).order_by("customer_id")
    >>> people.execute().values.tolist()
    [['a', True], ['b', False]]
    """
    reached = cut_off + timedelta(days=gap_days)
    people = contracts.group_by("customer_id").aggregate(
        n_then=_runs_on(contracts, cut_off).sum(),
        n_reached=_runs_on(contracts, reached).sum(),
        n_after=_runs_on(contracts, reached + timedelta(days=horizon_days)).sum(),
    )
    people = people.filter((people.n_then > 0) & (people.n_reached > 0))
    return people.select("customer_id", churned=people.n_after == 0)


def churn_counts(people: ir.Table, *, limits: Sequence[float] = ()) -> ir.Table:
    """Count who was there and who left, by days since the last purchase where limits are given.

    Turns *churned* [*days_since_last, came_back*] into [*recency_bin*] *n_customers, n_churned* [*n_came_back*].

    Parameters
    ----------
    people : ibis.Table
        As from :func:`customers_at` or :func:`contracts_at`.
    limits : sequence of float
        Rising limits of ``days_since_last``; a value equal to a limit is below it.

    Returns
    -------
    ibis.Table
        One row, or one per bin that holds a customer, in no order: ``recency_bin`` (integer from 1, the most
        recent first; with limits only), ``n_customers``, ``n_churned``, ``n_came_back`` (integers, the last where
        it is known).

    Examples
    --------
    >>> people = ibis.memtable({"days_since_last": [3, 40], "churned": [False, True], "came_back": [False, True]})
    >>> churn_counts(people, limits=[30]).order_by("recency_bin").execute().values.tolist()
    [[1, 1, 0, 0], [2, 1, 1, 1]]
    """
    bins = {"recency_bin": score_by_limits(people.days_since_last, limits)} if limits else {}
    counts = {"n_customers": people.count(), "n_churned": _count(people.churned)}
    if "came_back" in people.columns:
        counts["n_came_back"] = _count(people.came_back)
    return people.group_by(**bins).aggregate(**counts) if bins else people.aggregate(**counts)


def _count(flags: ir.BooleanColumn) -> ir.IntegerScalar:
    # A sum over no rows is missing, not 0.
    return flags.sum().fill_null(0).cast("int64")


def _runs_on(contracts: ir.Table, day: date) -> ir.BooleanValue:
    ends = contracts.end_date.isnull() | (contracts.end_date >= ibis.date(day))
    return (contracts.start_date <= ibis.date(day)) & ends
