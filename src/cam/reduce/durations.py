"""Contracts, purchases or a snapshot -> how long customers stay; and the cells of it that survival is worked out on.

Who has left is seen only afterwards, where a rule of silence says it: a customer is known to have left on a day when
the whole silence lies within the data. So each of these looks back from a *last day that can be judged*, the same for
all: until then every leaver is known, and whoever is still there then is censored then, whatever came later. To
censor at a customer's last purchase instead would count days on which nobody could have been seen to leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from cam.reduce.tenures import DAYS_TO_FOLLOW


def contract_durations(
    contracts: ir.Table, *, as_of: date, data_start: date | None = None, gap_days: int = DAYS_TO_FOLLOW
) -> ir.Table:
    """Put each customer's contracts together into spells, and count the days of each.

    Turns *customer_id, start_date, end_date* into *customer_id, spell, entry, duration, event_observed*.

    Parameters
    ----------
    contracts : ibis.Table
        Canonical contracts; none ends before it starts.
    as_of : date
        Last day seen, to its end.
    data_start : date, optional
        The first day from which ends were recorded, where contracts that ended before it are not in the data.
    gap_days : int
        A contract that begins at most so many days after the end of all before it goes on with them; 1: only from
        the next day, or before.

    Returns
    -------
    ibis.Table
        One row per customer and spell, in no order: ``spell`` (integer, 1 is the first; those after it are of
        customers who came back), ``duration`` (integer: days, first and last among them), ``event_observed``;
        ``entry`` (integer: days that had passed when *data_start* came; 0 from then on). Spells that ended before
        *data_start* are left out, and so are those that began after the last day that can be judged.

    Notes
    -----
    Whether an end is one is known *gap_days* later, so the last day that can be judged is that long before *as_of*;
    spells that run on after it are censored there.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a", "a", "b"], "start_date": [date(2025, 1, 1), date(2025, 1, 21),
    ...     date(2025, 3, 1)], "end_date": [date(2025, 1, 31), date(2025, 2, 9), None]})
    >>> found = contract_durations(ibis.memtable(table), as_of=date(2025, 4, 10)).order_by("customer_id").execute()
    >>> found[["entry", "duration", "event_observed"]].values.tolist()
    [[0, 40, True], [0, 10, False]]
    """
    judged = as_of - timedelta(days=gap_days)
    began = contracts.filter(contracts.start_date.cast("date") <= ibis.date(as_of))
    rows = began.select(
        "customer_id",
        start=began.start_date.cast("date"),
        end=ibis.coalesce(began.end_date.cast("date"), ibis.date(date.max)),
    )
    before = ibis.window(group_by="customer_id", order_by=["start", "end"], rows=(None, -1))
    rows = rows.mutate(ended=rows.end.max().over(before))
    is_new = rows.ended.isnull() | (rows.start.delta(rows.ended, unit="day") > gap_days)
    rows = rows.mutate(is_new=is_new.ifelse(1, 0))
    so_far = ibis.window(group_by="customer_id", order_by=["start", "end"], rows=(None, 0))
    rows = rows.mutate(spell=rows.is_new.sum().over(so_far).cast("int64"))
    spells = rows.group_by("customer_id", "spell").aggregate(start=rows.start.min(), end=rows.end.max())
    first_day = ibis.date(data_start or date.min)
    last = ibis.least(spells.end, ibis.date(judged))
    spells = spells.filter((spells.start <= ibis.date(judged)) & (last >= first_day))
    last = ibis.least(spells.end, ibis.date(judged))
    passed = first_day.delta(spells.start, unit="day") if data_start else ibis.literal(0)
    return spells.select(
        "customer_id",
        "spell",
        entry=ibis.greatest(passed, 0).cast("int64"),
        duration=(last.delta(spells.start, unit="day") + 1).cast("int64"),
        event_observed=spells.end <= ibis.date(judged),
    )


def second_purchase_durations(
    transactions: ir.Table, *, as_of: date, first_from: date | None = None
) -> ir.Table:
    """Count the days from each customer's first purchase day to the second.

    Turns *customer_id, order_date, kind* into *customer_id, duration, event_observed*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions; refunds are no purchases.
    as_of : date
        Last day seen, to its end. Later rows change nothing.
    first_from : date, optional
        Only customers whose first purchase in the data is on this day or later, where the history is cut: those
        before it may have bought before the data begin.

    Returns
    -------
    ibis.Table
        One row per customer, in no order: ``duration`` (integer, days to the second purchase day, else to *as_of*),
        ``event_observed`` (whether there was one).

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a", "b"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-15", "2026-01-08"])})
    >>> found = second_purchase_durations(ibis.memtable(log), as_of=date(2026, 1, 29)).order_by("customer_id")
    >>> found.execute().values.tolist()
    [['a', 14, True], ['b', 21, False]]
    """
    days = _purchase_days(transactions, as_of=as_of)
    starts = days.group_by("customer_id").aggregate(first=days.day.min())
    if first_from:
        starts = starts.filter(starts["first"] >= ibis.date(first_from))
    # A join with the first days is cheaper than putting all days in order.
    pairs = days.inner_join(starts, "customer_id")
    people = pairs.group_by("customer_id", "first").aggregate(
        second=pairs.day.min(where=pairs.day > pairs["first"])
    )
    until = ibis.coalesce(people.second, ibis.date(as_of))
    return people.select(
        "customer_id",
        duration=until.delta(people["first"], unit="day").cast("int64"),
        event_observed=people.second.notnull(),
    )


def silence_durations(
    transactions: ir.Table,
    *,
    as_of: date,
    lost_days: int,
    from_purchase: int = 1,
    first_from: date | None = None,
) -> ir.Table:
    """Count the days that customers went on buying, where those who fall silent for long count as lost.

    Turns *customer_id, order_date, kind* into *customer_id, duration, event_observed, has_returned*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions; refunds are no purchases.
    as_of : date
        Last day seen, to its end. Later rows change nothing.
    lost_days : int
        A customer is lost on the day of a purchase after which more than so many days pass without another.
    from_purchase : int
        The clock starts at this purchase day of a customer: 2 for those who have bought again.
    first_from : date, optional
        Only customers whose first purchase in the data is on this day or later.

    Returns
    -------
    ibis.Table
        One row per customer with so many purchase days, in no order: ``duration`` (integer, days from the start of
        the clock to the purchase before the first such silence; 0 for those who never bought again),
        ``event_observed`` (whether there was such a silence), ``has_returned`` (whether it ended: how often the rule
        was wrong).

    Notes
    -----
    Last judged is the day *lost_days* + 1 before *as_of*: a silence that began later cannot have been seen to its
    end. Customers who are not lost by then are censored then, also if they have bought since, and those whose clock
    starts later are left out. The *first* long silence counts, also where the customer came back: if only those
    who are silent now counted, old silences would have had time to end and recent ones not, and the last months
    would look worse than they are.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a", "b", "b"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-15", "2026-01-08", "2026-03-25"])})
    >>> found = silence_durations(ibis.memtable(log), as_of=date(2026, 3, 31), lost_days=30).order_by("customer_id")
    >>> found.execute().values.tolist()
    [['a', 14, True, False], ['b', 0, True, True]]
    """
    judged = as_of - timedelta(days=lost_days + 1)
    days = _purchase_days(transactions, as_of=as_of).distinct()
    own = ibis.window(group_by="customer_id", order_by="day")
    days = days.mutate(following=days.day.lead().over(own))
    if first_from:
        days = days.mutate(first=days.day.min().over(group_by="customer_id"))
        days = days.filter(days["first"] >= ibis.date(first_from))
    if from_purchase > 1:
        days = days.mutate(place=ibis.row_number().over(own) + 1)
        days = days.filter(days.place >= from_purchase)
    gap = ibis.coalesce(days.following, ibis.date(as_of)).delta(days.day, unit="day")
    # Silent for more than so many days: also where no purchase has followed at all.
    is_long = gap > lost_days
    people = days.group_by("customer_id").aggregate(
        start=days.day.min(),
        silent=days.day.min(where=is_long),
        final=days.day.max(),
    )
    people = people.filter(people.start <= ibis.date(judged))
    lost = people.silent.notnull() & (people.silent <= ibis.date(judged))
    until = ibis.ifelse(lost, people.silent, ibis.date(judged))
    return people.select(
        "customer_id",
        duration=until.delta(people.start, unit="day").cast("int64"),
        event_observed=lost,
        has_returned=lost & (people.final > people.silent),
    )


def snapshot_durations(snapshot: ir.Table, *, window_months: int | None = None) -> ir.Table:
    """Read tenures and who has left from a table without dates.

    Turns *customer_id, tenure_months, churned* into *customer_id, entry, duration, event_observed*.

    Parameters
    ----------
    snapshot : ibis.Table
        Canonical snapshot.
    window_months : int, optional
        The months before the snapshot in which leaving was looked for, where the file holds only those who were there
        when these began, as with "left last month". None: it holds all who ever left.

    Returns
    -------
    ibis.Table
        One row per customer with a tenure, in no order: ``duration`` (integer, completed months), ``event_observed``;
        ``entry`` (integer, months that had passed when the window began; nobody was seen to leave before).

    Notes
    -----
    Without a window, a file that holds only recent leavers makes early leavers look rare: those who left long ago are
    not in it, while all who stayed are.

    Examples
    --------
    >>> table = ibis.memtable({"customer_id": ["a", "b"], "tenure_months": [12.5, 3.0], "churned": [True, False]})
    >>> snapshot_durations(table, window_months=6).order_by("customer_id").execute().values.tolist()
    [['a', 6, 12, True], ['b', 0, 3, False]]
    """
    known = snapshot.filter(snapshot.tenure_months.notnull() & snapshot.churned.notnull())
    months = known.tenure_months.floor().cast("int64")
    entry = ibis.greatest(months - window_months, 0) if window_months else ibis.literal(0)
    return known.select(
        "customer_id",
        entry=entry.cast("int64"),
        duration=months,
        event_observed=known.churned.cast("boolean"),
    )


def duration_cells(
    durations: ir.Table, *, attributes: ir.Table | None = None, columns: Sequence[str] = ()
) -> ir.Table:
    """Count the customers that look the same to a survival curve or a Cox model.

    Turns *duration, event_observed* [*entry*] and some columns into these and *n_customers*.

    Parameters
    ----------
    durations : ibis.Table
        As from the other functions of this module.
    attributes : ibis.Table, optional
        One row per customer: ``customer_id`` and the columns. A customer who is not in it has none of them.
    columns : sequence of str
        Of *attributes* or of *durations*: what makes groups.

    Returns
    -------
    ibis.Table
        ``entry`` (0 where durations have none), ``duration``, ``event_observed``, the columns (missing where they are
        not known), ``n_customers``; in order.

    Examples
    --------
    >>> people = ibis.memtable({"customer_id": ["a", "b", "c"], "duration": [3, 3, 3], "event_observed": [True] * 3})
    >>> channels = ibis.memtable({"customer_id": ["a", "b", "c"], "channel": ["web", "web", "shop"]})
    >>> duration_cells(people, attributes=channels, columns=["channel"]).execute().values.tolist()
    [[0, 3, True, 'shop', 1], [0, 3, True, 'web', 2]]
    """
    table = (
        durations if "entry" in durations.columns else durations.mutate(entry=ibis.literal(0).cast("int64"))
    )
    if attributes is not None:
        wanted = [name for name in columns if name in attributes.columns]
        table = table.drop(*[name for name in wanted if name in table.columns])
        table = table.left_join(attributes.select("customer_id", *wanted), "customer_id")
    keys = ["entry", "duration", "event_observed", *columns]
    cells = table.group_by(keys).aggregate(n_customers=table.count().cast("int64"))
    return cells.order_by(keys)


def _purchase_days(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """List customer and day of every purchase up to the last day seen."""
    day = transactions.order_date.date()
    bought = transactions.filter((transactions.kind == "purchase") & (day <= ibis.date(as_of)))
    return bought.select("customer_id", day=bought.order_date.date())
