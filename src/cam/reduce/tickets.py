"""Tickets -> how long each waited for its answer and its closing, and where its dates or its status contradict.

A ticket waits until it is closed, or until the last day seen: one that is still open is no gap in the data, it says
that its wait is longer. Times are counted in hours, and from 90 days on in days, so that cells stay few however many
tickets there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta

import ibis
import ibis.expr.types as ir

from cam.reduce.durations import duration_cells
from cam.reduce.ticket_effects import MISSING

_HOUR, _DAY = 3600, 24
#: Hours up to which times are told apart by the hour; from there on by the day.
_FINE = 90 * _DAY
#: Outcome and the column that says when it came.
_MOMENTS = {"resolution": "closed", "answer": "first_reply"}


def ticket_checks(tickets: ir.Table, *, as_of: date, by_day: Collection[str] = ()) -> ir.Table:
    """Count what a reader must know of the tickets before believing anything of them.

    Turns *opened* [*customer_id, first_reply, closed*] into one row of counts.

    Parameters
    ----------
    tickets : ibis.Table
        Canonical tickets.
    as_of : date
        Last day seen, to its end. Tickets opened later change nothing.
    by_day : collection of str
        Columns among ``closed`` and ``first_reply`` that are compared with ``opened`` by the day, as from
        :func:`hours_known`.

    Returns
    -------
    ibis.Table
        ``n``, ``n_nobody`` (no customer is named), ``first`` and ``last`` (days of opening), ``n_closed`` (seen to be
        closed), ``n_closed_later`` (closed after the last day seen), ``n_backwards`` (closed before opened),
        ``n_answered``, ``n_early_answer`` (answered before opened), ``n_late_answer`` (answered after closed),
        ``n_unanswered`` (closed, and never answered). A column that is missing counts nothing.

    Examples
    --------
    >>> import pandas as pd
    >>> table = ibis.memtable(pd.DataFrame({"opened": pd.to_datetime(["2026-01-05 10:00", "2026-01-06 10:00"]),
    ...     "closed": pd.to_datetime(["2026-01-04 09:00", "2026-02-01 09:00"])}))
    >>> found = ticket_checks(table, as_of=date(2026, 1, 31)).execute().iloc[0]
    >>> int(found["n"]), int(found["n_backwards"]), int(found["n_closed_later"]), int(found["n_closed"])
    (2, 1, 1, 0)
    """
    seen = _seen(tickets, as_of)
    absent = {"customer_id": "string", "first_reply": "timestamp", "closed": "timestamp"}
    seen = seen.mutate(**{name: ibis.null(kind) for name, kind in absent.items() if name not in seen.columns})
    end = _end(as_of)

    def before(name: str) -> ir.BooleanValue:
        if name in by_day:
            return seen[name].date() < seen.opened.date()
        return seen[name] < seen.opened

    late = (
        seen.first_reply.date() > seen.closed.date()
        if set(by_day) & {"closed", "first_reply"}
        else seen.first_reply > seen.closed
    )
    is_closed = (seen.closed < end) & ~before("closed")
    return seen.aggregate(
        n=seen.count().cast("int64"),
        n_nobody=_number(seen.customer_id.isnull()),
        first=seen.opened.min().date(),
        last=seen.opened.max().date(),
        n_closed=_number(is_closed),
        n_closed_later=_number(seen.closed >= end),
        n_backwards=_number(before("closed")),
        n_answered=_number((seen.first_reply < end) & ~before("first_reply")),
        n_early_answer=_number(before("first_reply")),
        n_late_answer=_number(late & (seen.first_reply < end) & ~before("closed")),
        n_unanswered=_number(is_closed & seen.first_reply.isnull()),
    )


def hours_known(tickets: ir.Table) -> ir.Table:
    """Count in each column of moments how many there are, and how many bear an hour.

    Turns *opened* [*first_reply, closed*] into *column, n, n_hours*.

    Parameters
    ----------
    tickets : ibis.Table
        Canonical tickets.

    Returns
    -------
    ibis.Table
        One row per column that is there. Where nobody's moment bears an hour, the column holds days: a ticket of three
        in the afternoon that was closed "at midnight" of the same day was closed that day, not before it was opened.

    Examples
    --------
    >>> import pandas as pd
    >>> table = ibis.memtable(pd.DataFrame({"opened": pd.to_datetime(["2026-01-05 10:00"]),
    ...     "closed": pd.to_datetime(["2026-01-06"])}))
    >>> hours_known(table).order_by("column").execute().values.tolist()
    [['closed', 1, 0], ['opened', 1, 1]]
    """
    parts = [
        tickets.aggregate(
            n=tickets[name].count().cast("int64"),
            n_hours=_number(tickets[name] != tickets[name].date().cast("timestamp")),
        ).select("n", "n_hours", column=ibis.literal(name))
        for name in ("opened", "first_reply", "closed")
        if name in tickets.columns
    ]
    return (
        ibis.union(*parts).select("column", "n", "n_hours")
        if len(parts) > 1
        else parts[0].select("column", "n", "n_hours")
    )


def ticket_times(
    tickets: ir.Table, *, as_of: date, by_day: Collection[str] = (), keep: Sequence[str] = ()
) -> ir.Table:
    """Say of each ticket how long it waited for its answer and its closing, and whether these have come.

    Turns *opened* [*customer_id, first_reply, closed*] into *customer_id, opened* [*answer, answer_hours, resolution,
    resolution_hours, closed*].

    Parameters
    ----------
    tickets : ibis.Table
        Canonical tickets; a column that is missing gives no outcome.
    as_of : date
        Last day seen, to its end. Later rows, answers and closings change nothing.
    by_day : collection of str
        Columns among ``closed`` and ``first_reply`` that hold days without hours, or stand beside an ``opened``
        without hours: times are then whole days.
    keep : sequence of str
        Columns that stay; where one is missing in a row, it says ``unknown``.

    Returns
    -------
    ibis.Table
        One row per ticket, in no order: ``customer_id`` (may be missing), ``opened`` and ``closed`` (days; the latter
        missing while open); ``answer`` and ``resolution`` are ``done``, ``waiting`` (not by the last day seen) or
        ``backwards`` (before the ticket was opened: when it really came is not known). Hours are rounded up where it is
        done, and down where it waits; from 90 days on to whole days.

    Notes
    -----
    A ticket closed without an answer waits for one until the last day seen, like any other without: who is closed
    unanswered never gets one, and to stop watching at the closing would count it as if it might have come soon (the
    subdistribution of Fine and Gray 1999, whose censoring here is known for all).

    References
    ----------
    Fine, J. P., Gray, R. J. (1999). A proportional hazards model for the subdistribution of a competing risk. Journal
    of the American Statistical Association 94, 496-509. (Section 2.)

    Examples
    --------
    >>> import pandas as pd
    >>> table = ibis.memtable(pd.DataFrame({"opened": pd.to_datetime(["2026-01-05 10:00", "2026-01-30 10:00"]),
    ...     "closed": pd.to_datetime(["2026-01-05 12:30", None])}))
    >>> found = ticket_times(table, as_of=date(2026, 1, 31)).order_by("opened").execute()
    >>> found["resolution"].tolist(), found["resolution_hours"].tolist()
    (['done', 'waiting'], [3, 38])
    """
    seen = _seen(tickets, as_of)
    columns: dict[str, ir.Value] = {}
    for outcome, name in _MOMENTS.items():
        if name not in seen.columns:
            continue
        begin, moment, end = seen.opened, seen[name], _end(as_of)
        if name in by_day:
            # The last day itself: whether it is closed on the next is not known.
            begin, moment = begin.date().cast("timestamp"), moment.date().cast("timestamp")
            end = ibis.timestamp(datetime.combine(as_of, time()))
        is_done = (moment <= end) if name in by_day else (moment < end)
        state = ibis.cases((moment < begin, "backwards"), (is_done, "done"), else_="waiting")
        until = ibis.ifelse(ibis.coalesce(is_done, False), moment, end)
        seconds = ibis.greatest(until.epoch_seconds() - begin.epoch_seconds(), 0).cast("int64")
        up = (seconds + (_HOUR - 1)) // _HOUR
        up = ibis.ifelse(up <= _FINE, up, (up + (_DAY - 1)) // _DAY * _DAY)
        down = seconds // _HOUR
        down = ibis.ifelse(down <= _FINE, down, down // _DAY * _DAY)
        columns[outcome] = state
        columns[f"{outcome}_hours"] = ibis.ifelse(state == "done", up, down).cast("int64")
        if name == "closed":
            columns["closed"] = ibis.ifelse(state == "done", moment.date(), ibis.null("date"))
    customer = seen.customer_id if "customer_id" in seen.columns else ibis.null("string")
    kept = {name: ibis.coalesce(seen[name].cast("string"), MISSING) for name in keep}
    return seen.select(customer_id=customer, opened=seen.opened.date(), **columns, **kept)


def time_cells(times: ir.Table, *, outcome: str, by: str | None = None) -> ir.Table:
    """Count tickets by how long they waited, and whether they still wait.

    Turns what :func:`ticket_times` found into *entry, duration, event_observed, group, n_customers*.

    Parameters
    ----------
    times : ibis.Table
        From :func:`ticket_times`.
    outcome : str
        ``answer`` or ``resolution``.
    by : str, optional
        Column that names the group. None: all are one.

    Returns
    -------
    ibis.Table
        As from :func:`cam.reduce.durations.duration_cells`: ``duration`` in hours, ``event_observed`` 0 for those that
        still wait, ``group`` (empty without *by*), ``n_customers`` (here: tickets). Those that ended before they began
        are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> times = pd.DataFrame({"resolution": ["done", "done", "backwards"], "resolution_hours": [3, 3, 0]})
    >>> time_cells(ibis.memtable(times), outcome="resolution").execute().values.tolist()
    [[0, 3, 1, '', 2]]
    """
    sound = times.filter(times[outcome] != "backwards")
    rows = sound.select(
        group=sound[by] if by else ibis.literal(""),
        duration=sound[f"{outcome}_hours"],
        event_observed=ibis.ifelse(sound[outcome] == "done", 1, 0).cast("int64"),
    )
    return duration_cells(rows, columns=["group"])


def status_counts(tickets: ir.Table, *, as_of: date, words: Collection[str]) -> ir.Table:
    """Count tickets by the status that the source gives them, and by whether they are seen to be closed.

    Turns *status, opened* [*closed*] into *status, n, n_closed*.

    Parameters
    ----------
    tickets : ibis.Table
        Canonical tickets with ``status``.
    as_of : date
        Last day seen, to its end.
    words : collection of str
        Known ones, in lower case, blanks for hyphens and underscores.

    Returns
    -------
    ibis.Table
        In order: ``status`` (one of *words*; empty: none is given; ``other``: all other words together), ``n``,
        ``n_closed`` (those with a date of closing by the last day seen).

    Examples
    --------
    >>> import pandas as pd
    >>> table = ibis.memtable(pd.DataFrame({"status": ["In-Progress", "hot"],
    ...     "opened": pd.to_datetime(["2026-01-05"] * 2)}))
    >>> status_counts(table, as_of=date(2026, 1, 31), words=["in progress"]).execute().values.tolist()
    [['in progress', 1, 0], ['other', 1, 0]]
    """
    seen = _seen(tickets, as_of)
    plain = seen.status.lower().replace("-", " ").replace("_", " ").strip()
    status = ibis.cases(
        (seen.status.isnull() | (plain == ""), ""), (plain.isin(sorted(words)), plain), else_="other"
    )
    is_closed = seen.closed < _end(as_of) if "closed" in seen.columns else ibis.literal(False)
    rows = seen.select(status=status, closed=ibis.ifelse(ibis.coalesce(is_closed, False), 1, 0))
    return (
        rows.group_by("status")
        .aggregate(n=rows.count().cast("int64"), n_closed=rows.closed.sum().cast("int64"))
        .order_by("status")
    )


def _seen(tickets: ir.Table, as_of: date) -> ir.Table:
    return tickets.filter(tickets.opened < _end(as_of))


def _end(as_of: date) -> ir.TimestampScalar:
    """The first moment after the last day seen."""
    return ibis.timestamp(datetime.combine(as_of + timedelta(days=1), time()))


def _number(condition: ir.BooleanValue) -> ir.IntegerScalar:
    return ibis.ifelse(ibis.coalesce(condition, False), 1, 0).sum().cast("int64")
