"""The canonical tables as they stood at the end of a day: what came later is gone, or not yet written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ibis
import ibis.expr.types as ir

#: Columns of an invitation; all others of the table are answers.
_INVITED = ("customer_id", "invited_date", "wave", "touchpoint")


def known_at(tables: Mapping[str, ir.Table], moments: ir.Table) -> dict[str, ir.Table]:
    """Put each customer's rows back to the end of a day, so that nothing made of them can know what came after.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables by name.
    moments : ibis.Table
        ``customer_id`` and ``cut_off`` (date): of whom, and to the end of which day. Each pair once; a customer may
        have several days.

    Returns
    -------
    dict of str to ibis.Table
        The tables of which something was known, each with ``cut_off``: a row stands once for every moment at which
        it was there, and what was written into it later is empty:

        - ``transactions``: by their day. A refund that was netted to its order carries the order's day; when it was
          paid back is not kept, so it is gone. What a refund column took off an order's own revenue is not known
          apart and stays, and so do lines added to an order later, which carry its first day.
        - ``customers``: who was won later is gone. All other columns have no date and stay as they stand today.
        - ``contracts``: by their start; a later ``end_date`` is empty. Fees have no date and stay as they stand today.
        - ``tickets``: by their opening; a later ``first_reply`` or ``closed`` is empty. ``status`` is gone, as it is
          of the day of the export.
        - ``responses``: by answer or invitation; where only the invitation had gone out, all answers are empty.

        Tables without a date or a customer are not there; nor are leads, as nothing says since when a lead is a
        customer.

    Examples
    --------
    >>> from datetime import date
    >>> contracts = ibis.memtable({"customer_id": ["a", "a"], "start_date": [date(2026, 1, 1), date(2026, 3, 1)],
    ...     "end_date": [date(2026, 2, 10), None]})
    >>> moments = ibis.memtable({"customer_id": ["a"], "cut_off": [date(2026, 1, 31)]})
    >>> known = known_at({"contracts": contracts}, moments)["contracts"].execute()
    >>> len(known), bool(known.end_date.isna().all())
    (1, True)
    """
    return {
        name: build(tables[name], moments)
        for name, build in _KNOWN.items()
        if name in tables and "customer_id" in tables[name].columns
    }


def _transactions(table: ir.Table, moments: ir.Table) -> ir.Table:
    return _joined(table.filter(table.kind != "netted refund"), moments, "order_date")


def _customers(table: ir.Table, moments: ir.Table) -> ir.Table:
    if "acquired_date" not in table.columns:
        return table.inner_join(moments, "customer_id").select(*table.columns, "cut_off")
    known = table.mutate(known_since=ibis.coalesce(_day(table.acquired_date), ibis.date("0001-01-01")))
    return _joined(known, moments, "known_since").drop("known_since")


def _contracts(table: ir.Table, moments: ir.Table) -> ir.Table:
    return _until(_joined(table, moments, "start_date"), "end_date")


def _tickets(table: ir.Table, moments: ir.Table) -> ir.Table:
    kept = table.drop(*(name for name in ("status",) if name in table.columns))
    return _until(_joined(kept, moments, "opened"), "first_reply", "closed")


def _responses(table: ir.Table, moments: ir.Table) -> ir.Table:
    answered, invited = _day(table.response_date), _day(table.response_date)
    if "invited_date" in table.columns:
        # An answer by the day was invited by the day, too, whatever the source says.
        invited = ibis.coalesce(
            ibis.least(_day(table.invited_date), answered), _day(table.invited_date), answered
        )
    dated = table.mutate(known_since=invited, answered_on=answered)
    there = _joined(dated, moments, "known_since")
    is_answered = there.answered_on.notnull() & (there.answered_on <= there.cut_off)
    answers = [name for name in table.columns if name not in _INVITED]
    masked = {name: _where(is_answered, there[name]) for name in answers}
    return there.mutate(**masked).drop("known_since", "answered_on")


_KNOWN: dict[str, Callable[[ir.Table, ir.Table], ir.Table]] = {
    "transactions": _transactions,
    "contracts": _contracts,
    "tickets": _tickets,
    "responses": _responses,
    "customers": _customers,
}


def _joined(table: ir.Table, moments: ir.Table, column: str) -> ir.Table:
    """Each row once for every moment at or after its day."""
    is_known = _day(table[column]) <= moments.cut_off
    pairs = table.inner_join(moments, [table.customer_id == moments.customer_id, is_known])
    return pairs.select(*table.columns, "cut_off")


def _until(table: ir.Table, *columns: str) -> ir.Table:
    """Empty the dates that were still to come."""
    there = [name for name in columns if name in table.columns]
    return table.mutate(**{name: _where(_day(table[name]) <= table.cut_off, table[name]) for name in there})


def _where(known: ir.BooleanValue, column: ir.Value) -> ir.Value:
    return known.ifelse(column, ibis.null(column.type()))


def _day(column: ir.Value) -> ir.DateValue:
    return column.cast("date")
