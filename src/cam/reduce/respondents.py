"""Survey answers -> each customer's last one, who was asked for it, and how answers spread over known margins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir


def last_answers(responses: ir.Table, *, score: str, bands: tuple[int, int]) -> ir.Table:
    """Keep each customer's last answer.

    Turns *customer_id, response_date, the score* [*invited_date, csat*] into *customer_id, day, up, down* [*delay,
    satisfied*].

    Parameters
    ----------
    responses : ibis.Table
        One row per answer or invitation.
    score : str
        The column that an answer must have.
    bands : tuple of int
        A score from the second on counts as up, one to the first as down; the rest is neither.

    Returns
    -------
    ibis.Table
        One row per customer who gave that score, in no order: ``day`` (date), ``up`` and ``down`` (0 or 1), ``delay``
        (days from invitation to answer; missing where not known, or where the answer is dated before the
        invitation), ``csat`` (of the same row; missing where not given). Of two answers on one day the one to the
        later invitation counts, then the lower.

    Examples
    --------
    >>> import pandas as pd
    >>> table = ibis.memtable(pd.DataFrame({"customer_id": ["a", "a", None], "nps": [3, 9, 10],
    ...     "response_date": pd.to_datetime(["2026-01-05", "2026-02-05", "2026-02-05"])}))
    >>> last_answers(table, score="nps", bands=(6, 9)).execute()[["customer_id", "up", "down"]].values.tolist()
    [['a', 1, 0]]
    """
    rows = responses.filter(
        responses.customer_id.notnull() & responses.response_date.notnull() & responses[score].notnull()
    )
    day = rows.response_date.cast("date")
    invited = rows.invited_date.cast("date") if "invited_date" in rows.columns else ibis.null("date")
    csat = rows.csat.cast("int64") if "csat" in rows.columns else ibis.null("int64")
    given = rows.select(
        customer_id="customer_id", day=day, invited=invited, score=rows[score].cast("int64"), csat=csat
    )
    # Engines disagree on where a missing value sorts.
    order = [
        given.day.desc(),
        ibis.coalesce(given.invited, given.day).desc(),
        given.score.asc(),
        ibis.coalesce(given.csat, -1).asc(),
    ]
    ranked = given.mutate(place=ibis.row_number().over(group_by="customer_id", order_by=order))
    last = ranked.filter(ranked.place == 0)
    delay = last.day.delta(last.invited, unit="day").cast("int64")
    return last.select(
        "customer_id",
        "day",
        "csat",
        up=(last.score >= bands[1]).ifelse(1, 0).cast("int64"),
        down=(last.score <= bands[0]).ifelse(1, 0).cast("int64"),
        delay=(delay >= 0).ifelse(delay, ibis.null("int64")),
    )


def asked(responses: ir.Table, *, score: str) -> ir.Table:
    """List the invitations to give a score, and whether they were answered.

    Turns *customer_id, invited_date, response_date* [*touchpoint*] and the score into *customer_id, day, score*.

    Parameters
    ----------
    responses : ibis.Table
        One row per answer or invitation.
    score : str
        Where there are touchpoints, only those count at which somebody gave this score: others did not ask for it.

    Returns
    -------
    ibis.Table
        One row per invitation of a known customer: ``day`` (date) of the invitation, ``score`` 1 if answered, else
        0, as :func:`cam.reduce.responses.answer_sums` takes it.

    Examples
    --------
    >>> import pandas as pd
    >>> table = ibis.memtable(pd.DataFrame({"customer_id": ["a", "b", "b"], "nps": [3, None, None],
    ...     "invited_date": pd.to_datetime(["2026-01-05"] * 3), "touchpoint": ["wave", "wave", "shop"],
    ...     "response_date": pd.to_datetime(["2026-01-06", None, "2026-01-07"])}))
    >>> asked(table, score="nps").order_by("customer_id").execute()[["customer_id", "score"]].values.tolist()
    [['a', 1], ['b', 0]]
    """
    rows = responses.filter(responses.customer_id.notnull() & responses.invited_date.notnull())
    if "touchpoint" in rows.columns:
        rows = rows.mutate(place=ibis.coalesce(rows.touchpoint, ""))
        given = responses.filter(responses.response_date.notnull() & responses[score].notnull())
        asks = given.select(place=ibis.coalesce(given.touchpoint, "")).distinct()
        rows = rows.semi_join(asks, "place")
    return rows.select(
        customer_id="customer_id",
        day=rows.invited_date.cast("date"),
        score=rows.response_date.notnull().ifelse(1, 0).cast("int64"),
    )


def years_since(first: ir.DateColumn, as_of: date, *, most: int) -> ir.IntegerColumn:
    """Count whole years since a day.

    Parameters
    ----------
    first : ibis date column
        The day; missing stays missing.
    as_of : date
        Until when. A later day counts as 0 years.
    most : int
        So many years or more are one.

    Returns
    -------
    ibis integer column

    Examples
    --------
    >>> import pandas as pd
    >>> table = ibis.memtable(pd.DataFrame({"day": pd.to_datetime(["2026-01-01", "2024-06-29", "2001-01-01"])}))
    >>> years_since(table.day.date(), date(2026, 6, 30), most=5).execute().tolist()
    [0, 2, 5]
    """
    days = ibis.date(as_of).delta(first, unit="day").cast("int64")
    # 365.25 days, in whole numbers: 1,461 in four years.
    return ibis.greatest(ibis.least((days * 4).floordiv(1461), most), 0).cast("int64")


def largest_levels(people: ir.Table, column: str, *, most: int) -> ir.Table:
    """Name the levels of a column that most customers have.

    Parameters
    ----------
    people : ibis.Table
        One row per customer.
    column : str
        Text, number or boolean; missing values are no level.
    most : int
        So many levels at most.

    Returns
    -------
    ibis.Table
        ``level`` (text) and ``n``, the largest first; equal sizes by name.

    Examples
    --------
    >>> largest_levels(ibis.memtable({"city": ["a", "b", "b", "c"]}), "city", most=2).execute().values.tolist()
    [['b', 2], ['a', 1]]
    """
    rows = people.filter(people[column].notnull()).select(level=people[column].cast("string"))
    counted = rows.group_by("level").aggregate(n=rows.count())
    return counted.order_by([counted.n.desc(), counted.level.asc()]).limit(most)


def answer_cells(people: ir.Table, columns: Sequence[str]) -> ir.Table:
    """Count customers and their answers in each combination of levels.

    Turns the columns and *answered, up, down, csat* into *n_base, n, up, down, n_csat, satisfied*.

    Parameters
    ----------
    people : ibis.Table
        One row per customer, of whom ``answered`` is 1 or 0; ``up`` and ``down`` 0 or 1, and ``satisfied`` 0 or 1 or
        missing, of those who answered.
    columns : sequence of str
        Levels, as text, none missing.

    Returns
    -------
    ibis.Table
        One row per combination that somebody has, in their order.

    Examples
    --------
    >>> people = ibis.memtable({"tier": ["1", "1", "2"], "answered": [1, 0, 1], "up": [1, 0, 0],
    ...     "down": [0, 0, 1], "satisfied": [1, None, None]})
    >>> answer_cells(people, ["tier"]).execute().values.tolist()
    [['1', 2, 1, 1, 0, 1, 1], ['2', 1, 1, 0, 1, 0, 0]]
    """
    sums = {
        "n_base": people.count(),
        "n": people.answered.sum(),
        "up": people.up.sum(),
        "down": people.down.sum(),
        "n_csat": people.satisfied.count(),
        "satisfied": ibis.coalesce(people.satisfied.sum(), 0),
    }
    sums = {name: value.cast("int64") for name, value in sums.items()}
    counted = people.group_by(list(columns)).aggregate(**sums) if columns else people.aggregate(**sums)
    return counted.order_by(list(columns)) if columns else counted


def delay_counts(people: ir.Table, *, most: int) -> ir.Table:
    """Count answers by the days that customers took for them.

    Turns *delay, up, down* into *delay, n, up, down*.

    Parameters
    ----------
    people : ibis.Table
        One row per customer; those without a delay are left out.
    most : int
        So many days or more are one.

    Returns
    -------
    ibis.Table
        One row per number of days, in rising order.

    Examples
    --------
    >>> people = ibis.memtable({"delay": [0, 0, 40, None], "up": [1, 0, 0, 1], "down": [0, 0, 1, 0]})
    >>> delay_counts(people, most=30).execute().values.tolist()
    [[0, 2, 1, 0], [30, 1, 0, 1]]
    """
    rows = people.filter(people.delay.notnull())
    rows = rows.select("up", "down", delay=ibis.least(rows.delay.cast("int64"), most))
    counted = rows.group_by("delay").aggregate(
        n=rows.count(), up=rows.up.sum().cast("int64"), down=rows.down.sum().cast("int64")
    )
    return counted.order_by("delay")
