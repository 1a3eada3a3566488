"""Tickets and other touches -> who met one, who of the same standing had not, and what happened within some days after.

A customer who opens a ticket is set beside customers who stood as this one did on that day and had opened none: the
same month, silent for as long, with as many purchases, for as long a customer. These numbers are all that a model of
repeat buying asks of a history. They are taken on the day itself: what comes later is what is compared.
"""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from cam.reduce.tenures import DAYS_TO_FOLLOW

#: Days between the days on which those who met nothing yet are looked at.
EVERY_DAYS = 30
#: Of these, the most: five years.
MOST_PERIODS = 60
#: Parts that customers are dealt into, so that intervals count customers.
N_PARTS = 61
#: A kind that nobody has named.
MISSING = "unknown"
#: Where the classes of a standing begin. A day matters after two days, not after two hundred; but the end of a
#: contract of a year comes near month by month.
_SILENCE = (2, 4, 8, 16, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 512, 730)
_NUMBER = (2, 3, 4, 6, 8, 11, 16, 23, 32, 64)
_AGE = (16, 32, 64, 128, 182, 256, 365, 512, 730, 1024)
#: No fewer than the classes of any of the three.
_CLASSES = 20


def purchase_spans(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """Cut each customer's history at every purchase day.

    Turns *customer_id, order_date, kind* into *customer_id, person, began, day, until, number, event*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions; refunds are no purchases.
    as_of : date
        Last day seen, to its end. Later rows change nothing.

    Returns
    -------
    ibis.Table
        One row per customer and purchase day, in no order: ``person`` (integer from 1, by customer), ``began`` (first
        purchase day), ``day`` and ``until`` (this purchase day and the day before the next; missing where there is
        none), ``number`` (purchase days so far), ``event`` (the next purchase day; missing where there is none).

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-15"])})
    >>> found = purchase_spans(ibis.memtable(log), as_of=date(2026, 1, 31)).order_by("day").execute()
    >>> found["number"].tolist(), found["until"].notna().tolist()
    ([1, 2], [True, False])
    """
    day = transactions.order_date.date()
    bought = transactions.filter((transactions.kind == "purchase") & (day <= ibis.date(as_of)))
    days = bought.select("customer_id", day=bought.order_date.date()).distinct()
    own = ibis.window(group_by="customer_id", order_by="day")
    following = days.day.lead().over(own)
    spans = days.mutate(
        began=days.day.min().over(group_by="customer_id"),
        until=following - ibis.interval(days=1),
        number=(ibis.row_number().over(own) + 1).cast("int64"),
        event=following,
    )
    return _numbered(spans.mutate(until=spans.until.cast("date")))


def contract_spans(contracts: ir.Table, *, as_of: date, gap_days: int = DAYS_TO_FOLLOW) -> ir.Table:
    """Cut each customer's time under contract at every contract's first day.

    Turns *customer_id, start_date, end_date* into *customer_id, person, began, day, until, number, event*.

    Parameters
    ----------
    contracts : ibis.Table
        Canonical contracts; none ends before it starts.
    as_of : date
        Last day seen, to its end.
    gap_days : int
        A contract that begins at most so many days after the end of all before it goes on with them.

    Returns
    -------
    ibis.Table
        As from :func:`purchase_spans`: ``began`` (first day under contract without a longer gap), ``day`` (first day
        of this contract), ``until`` (last day before the next contract, or of this one), ``number`` (contracts so far,
        one after the other), ``event`` (last day under contract; missing where it runs on).

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a", "a"], "start_date": [date(2025, 1, 1), date(2025, 2, 1)],
    ...     "end_date": [date(2025, 1, 31), None]})
    >>> found = contract_spans(ibis.memtable(table), as_of=date(2025, 4, 10)).order_by("day").execute()
    >>> found["number"].tolist(), found["event"].notna().tolist()
    ([1, 2], [False, False])
    """
    start = contracts.start_date.cast("date")
    begun = contracts.filter(start <= ibis.date(as_of))
    rows = begun.select(
        "customer_id",
        day=begun.start_date.cast("date"),
        end=ibis.coalesce(begun.end_date.cast("date"), ibis.date(date.max)),
    )
    rows = rows.group_by("customer_id", "day").aggregate(end=rows.end.max())
    before = ibis.window(group_by="customer_id", order_by="day", rows=(None, -1))
    rows = rows.mutate(ended=rows.end.max().over(before))
    is_new = rows.ended.isnull() | (rows.day.delta(rows.ended, unit="day") > gap_days)
    rows = rows.mutate(is_new=is_new.ifelse(1, 0))
    so_far = ibis.window(group_by="customer_id", order_by="day", rows=(None, 0))
    rows = rows.mutate(spell=rows.is_new.sum().over(so_far).cast("int64"))
    own = ibis.window(group_by=["customer_id", "spell"], order_by="day")
    rows = rows.mutate(
        began=rows.day.min().over(group_by=["customer_id", "spell"]),
        last=rows.end.max().over(group_by=["customer_id", "spell"]),
        following=rows.day.lead().over(own),
        number=(ibis.row_number().over(own) + 1).cast("int64"),
    )
    until = ibis.coalesce((rows.following - ibis.interval(days=1)).cast("date"), rows["last"])
    # An end is one only when nothing has followed for so long.
    judged = ibis.date(as_of - timedelta(days=gap_days))
    return _numbered(
        rows.select(
            "customer_id",
            "began",
            "day",
            until=until,
            number=rows.number,
            event=ibis.ifelse(rows["last"] <= judged, rows["last"], ibis.null("date")),
        )
    )


def standings(spans: ir.Table, *, last: date, n_periods: int, follow_days: int) -> ir.Table:
    """Say how every customer stood on one day of each period, and whether the event came within some days after.

    Turns *customer_id, person, began, day, until, number, event* into *person, looked, stratum, happened*.

    Parameters
    ----------
    spans : ibis.Table
        As from :func:`purchase_spans` or :func:`contract_spans`.
    last : date
        The last day on which a touch can be followed, to its end.
    n_periods : int
        Periods of 30 days that end with it; customers are looked at in the middle of each.
    follow_days : int
        Days after, in which the event is looked for.

    Returns
    -------
    ibis.Table
        One row per customer and period in which there was a span, in no order: ``looked`` (the day), ``stratum``
        (integer: period and class of silence, number and age together), ``happened`` (1: the event came on one of the
        *follow_days* days after; else 0).

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-03-15"])})
    >>> spans = purchase_spans(ibis.memtable(log), as_of=date(2026, 4, 30))
    >>> found = standings(spans, last=date(2026, 3, 31), n_periods=3, follow_days=30).order_by("looked").execute()
    >>> found["looked"].dt.strftime("%m-%d").tolist(), found["happened"].tolist()
    (['01-15', '02-14', '03-16'], [0, 1, 0])
    """
    # Touches of a period lie about its middle, as many before as after: the season is the same on average.
    days = [last - timedelta(days=EVERY_DAYS * back + EVERY_DAYS // 2) for back in range(n_periods)]
    looked = ibis.memtable({"looked": days}, schema={"looked": "date"})
    inside = (spans.day <= looked.looked) & (spans.until.isnull() | (looked.looked <= spans.until))
    rows = spans.inner_join(looked, inside)
    stood = _standing(rows, rows.looked, last=last, follow_days=follow_days, keep=("looked",))
    return stood.drop("customer_id")


def place_touches(
    spans: ir.Table, touches: ir.Table, *, last: date, n_periods: int, follow_days: int
) -> ir.Table:
    """Say which touches can be followed, why the others cannot, and how the customers stood on that day.

    Turns *customer_id, day, kind* and spans into *kind, place, person, looked, stratum, happened*.

    Parameters
    ----------
    spans : ibis.Table
        As from :func:`purchase_spans` or :func:`contract_spans`.
    touches : ibis.Table
        ``customer_id`` (may be missing), ``day`` (date), ``kind`` (text).
    last, n_periods, follow_days : date, int, int
        As for :func:`standings`.

    Returns
    -------
    ibis.Table
        One row per touch, in no order: ``place`` is ``followed`` or ``nobody`` (no customer is named), ``unknown`` (not
        in the spans), ``outside`` (before the first purchase, or not under contract), ``repeated`` (not the first
        within them; of several on one day, the first of the alphabet counts), ``old`` (before the periods) or
        ``recent`` (later than *last*). The other columns are as from :func:`standings`, ``looked`` being the day of
        the touch; those followed alone have a ``stratum`` that counts.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a"], "kind": "purchase", "order_date": pd.to_datetime(["2026-01-01"])})
    >>> met = ibis.memtable({"customer_id": ["a", "a", "b", None], "kind": ["ticket"] * 4,
    ...     "day": [date(2026, 1, 5)] * 4},
    ...     schema={"customer_id": "string", "kind": "string", "day": "date"})
    >>> spans = purchase_spans(ibis.memtable(log), as_of=date(2026, 4, 30))
    >>> found = place_touches(spans, met, last=date(2026, 3, 31), n_periods=3, follow_days=30)
    >>> sorted(found.execute()["place"])
    ['followed', 'nobody', 'repeated', 'unknown']
    """
    own = touches.mutate(row=ibis.row_number().over(order_by=["customer_id", "day", "kind"]))
    known = spans.select("customer_id").distinct().select(known="customer_id")
    own = own.left_join(known, own.customer_id == known.known)
    within = own.inner_join(
        spans,
        [
            own.customer_id == spans.customer_id,
            own.day >= spans.day,
            spans.until.isnull() | (own.day <= spans.until),
        ],
        rname="span_{name}",
    ).mutate(looked=lambda rows: rows.day)
    rank = ibis.row_number().over(group_by="customer_id", order_by="row")
    within = within.mutate(day=within.span_day, rank=rank)
    stood = _standing(within, within.looked, last=last, follow_days=follow_days, keep=("row", "rank"))
    rows = own.left_join(stood.drop("customer_id"), "row")
    begin = last - timedelta(days=EVERY_DAYS * n_periods)
    place = ibis.cases(
        (rows.customer_id.isnull(), "nobody"),
        (rows.known.isnull(), "unknown"),
        (rows.rank.isnull(), "outside"),
        (rows["rank"] > 0, "repeated"),
        (rows.day > ibis.date(last), "recent"),
        (rows.day <= ibis.date(begin), "old"),
        else_="followed",
    )
    return rows.select("customer_id", "kind", "person", "stratum", "happened", place=place, looked=rows.day)


def touch_cells(placed: ir.Table, stood: ir.Table) -> ir.Table:
    """Count those who met a touch and those of the same standing who had met none yet.

    Turns what :func:`place_touches` and :func:`standings` found into *stratum, part, kind, happened, n*.

    Parameters
    ----------
    placed : ibis.Table
        From :func:`place_touches`.
    stood : ibis.Table
        From :func:`standings`, over the same spans and periods.

    Returns
    -------
    ibis.Table
        In order, for the strata in which somebody met a touch: ``stratum`` (integer), ``part`` (0 to 60: which part
        the customers were dealt into), ``kind`` (empty: had met none), ``happened`` (0 or 1), ``n`` (customers).

    Notes
    -----
    Who meets one later counts among the others until then: to leave these out would look into the future. So the
    comparison is with those who met none *yet*: where many meet one soon after, it shows less than there is. A customer
    stands among the others once in each period, so intervals are made by part.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "b"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-01"])})
    >>> met = ibis.memtable({"customer_id": ["a"], "kind": ["ticket"], "day": [date(2026, 1, 14)]},
    ...     schema={"customer_id": "string", "kind": "string", "day": "date"})
    >>> spans, last = purchase_spans(ibis.memtable(log), as_of=date(2026, 4, 30)), date(2026, 1, 30)
    >>> placed = place_touches(spans, met, last=last, n_periods=1, follow_days=30)
    >>> found = touch_cells(placed, standings(spans, last=last, n_periods=1, follow_days=30)).execute()
    >>> found[["part", "kind", "happened", "n"]].values.tolist()
    [[1, 'ticket', 0, 1], [2, '', 0, 1]]
    """
    columns = ["stratum", "person", "kind", "happened"]
    exposed = placed.filter(placed.place == "followed")
    # In a stratum without one there is nobody to be compared with.
    others = stood.semi_join(exposed.select("stratum").distinct(), "stratum")
    first = placed.filter(placed.place.isin(["followed", "recent", "old"]))
    first = first.select(who="person", since="looked")
    joined = others.left_join(first, others.person == first.who)
    others = joined.filter(joined.since.isnull() | (joined.since > joined.looked))
    others = others.mutate(kind=ibis.literal(""))
    rows = exposed.select(columns).union(others.select(columns))
    rows = rows.mutate(part=(rows.person % N_PARTS).cast("int64"))
    keys = ["stratum", "part", "kind", "happened"]
    return rows.group_by(keys).aggregate(n=rows.count().cast("int64")).order_by(keys)


def ticket_touches(tickets: ir.Table, *, kind: str) -> ir.Table:
    """Take tickets as touches, on the day that they were opened.

    Turns *customer_id, opened* into *customer_id, day, kind*.

    Parameters
    ----------
    tickets : ibis.Table
        Canonical tickets with ``customer_id``.
    kind : str
        A column of *tickets* whose values are the kinds, or else the one kind of all of them.

    Returns
    -------
    ibis.Table
        One row per ticket; ``unknown`` is the kind where the column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> table = ibis.memtable(pd.DataFrame({"customer_id": ["a"], "opened": pd.to_datetime(["2026-01-05 10:00"])}))
    >>> ticket_touches(table, kind="ticket").execute()["kind"].tolist()
    ['ticket']
    """
    named = ibis.coalesce(tickets[kind], MISSING) if kind in tickets.columns else ibis.literal(kind)
    return tickets.select("customer_id", day=tickets.opened.date(), kind=named)


def handling_touches(tickets: ir.Table, *, slow_days: int, as_of: date) -> ir.Table:
    """Take tickets as touches on the day on which it is known whether they were handled slowly.

    Turns *customer_id, opened, closed* into *customer_id, day, kind*.

    Parameters
    ----------
    tickets : ibis.Table
        Canonical tickets with ``customer_id`` and ``closed``.
    slow_days : int
        Closed within so many days of 24 hours: fast. Else, or still open then: slow.
    as_of : date
        Last day seen, to its end.

    Returns
    -------
    ibis.Table
        One row per ticket: ``day`` (opened plus *slow_days* days, for both: a clock that began at the opening would
        credit slow tickets with days in which nobody knew), ``kind`` (``fast``, ``slow``, ``open``: too young to tell,
        or ``backwards``: closed before it was opened).

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a", "b"], "opened": pd.to_datetime(["2026-01-05", "2026-01-06"]),
    ...     "closed": pd.to_datetime(["2026-01-08", None])})
    >>> found = handling_touches(ibis.memtable(table), slow_days=7, as_of=date(2026, 1, 31)).order_by("day").execute()
    >>> found["kind"].tolist(), found["day"].dt.day.tolist()
    (['fast', 'slow'], [12, 13])
    """
    due = tickets.opened + ibis.interval(days=slow_days)
    kind = ibis.cases(
        (tickets.closed < tickets.opened, "backwards"),
        (tickets.closed <= due, "fast"),
        (due.date() > ibis.date(as_of), "open"),
        else_="slow",
    )
    return tickets.select("customer_id", day=due.date(), kind=kind)


def refund_touches(transactions: ir.Table) -> ir.Table:
    """Take refunds as touches, on the day that they bear.

    Turns *customer_id, order_date, kind* into *customer_id, day, kind*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions. A refund that was netted to its order bears the day of the order.

    Returns
    -------
    ibis.Table
        One row per refund, its kind ``refund``.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "kind": ["purchase", "loose refund"],
    ...     "order_date": pd.to_datetime(["2026-01-31", "2026-02-01"])})
    >>> refund_touches(ibis.memtable(log)).execute()["kind"].tolist()
    ['refund']
    """
    back = transactions.filter(transactions.kind != "purchase")
    return back.select("customer_id", day=back.order_date.date(), kind=ibis.literal("refund"))


def survey_touches(responses: ir.Table, *, low_nps: int, low_csat: int) -> tuple[ir.Table, ir.Table]:
    """Take invitations to surveys as touches, and answers.

    Turns *customer_id, invited_date, response_date, nps, csat* into two tables of *customer_id, day, kind*.

    Parameters
    ----------
    responses : ibis.Table
        Canonical responses with ``customer_id``; what it lacks of the other columns counts as missing.
    low_nps, low_csat : int
        Answers up to these are low.

    Returns
    -------
    tuple of ibis.Table
        Invitations (kind ``invited``), and answers with a score (kind ``low`` or ``other``).

    Examples
    --------
    >>> table = ibis.memtable({"customer_id": ["a", "b"], "response_date": [date(2026, 1, 5)] * 2, "nps": [6, 9]})
    >>> survey_touches(table, low_nps=6, low_csat=2)[1].order_by("customer_id").execute()["kind"].tolist()
    ['low', 'other']
    """
    missing = {"invited_date": "date", "nps": "int64", "csat": "int64"}
    table = responses.mutate(
        **{name: ibis.null(kind) for name, kind in missing.items() if name not in responses.columns}
    )
    invited = table.filter(table.invited_date.notnull())
    answered = table.filter(table.response_date.notnull() & (table.nps.notnull() | table.csat.notnull()))
    is_low = ibis.coalesce(answered.nps <= low_nps, False) | ibis.coalesce(answered.csat <= low_csat, False)
    return (
        invited.select("customer_id", day=invited.invited_date.cast("date"), kind=ibis.literal("invited")),
        answered.select(
            "customer_id", day=answered.response_date.cast("date"), kind=ibis.ifelse(is_low, "low", "other")
        ),
    )


def _numbered(spans: ir.Table) -> ir.Table:
    """Number the customers: a number is smaller than an id, and deals them into parts on every engine."""
    people = spans.select("customer_id").distinct()
    people = people.mutate(person=(ibis.row_number().over(order_by="customer_id") + 1).cast("int64"))
    return spans.inner_join(people, "customer_id").select(
        "customer_id", "person", "began", "day", "until", "number", "event"
    )


def _standing(
    rows: ir.Table, looked: ir.DateValue, *, last: date, follow_days: int, keep: tuple[str, ...]
) -> ir.Table:
    """Class the standing on a day, and look whether the event followed."""
    period = ibis.date(last).delta(looked, unit="day") // EVERY_DAYS
    stratum = period.cast("int64")
    for value, limits in (
        (looked.delta(rows.day, unit="day"), _SILENCE),
        (rows.number, _NUMBER),
        (looked.delta(rows.began, unit="day"), _AGE),
    ):
        place = ibis.literal(0, "int64")
        for limit in limits:
            place = place + ibis.ifelse(value >= limit, 1, 0)
        stratum = stratum * _CLASSES + place
    within = rows.event.notnull() & (rows.event.delta(looked, unit="day") <= follow_days)
    return rows.select(
        *keep, "customer_id", "person", stratum=stratum.cast("int64"), happened=ibis.ifelse(within, 1, 0)
    )
