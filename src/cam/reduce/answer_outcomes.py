"""Survey answers -> how each customer stood on the day of the answer, and what came within some days after it."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from cam.reduce.earnings import DAYS_PER_MONTH, rounded_money
from cam.reduce.tenures import DAYS_TO_FOLLOW
from cam.reduce.ticket_effects import contract_spans

#: Days before an answer whose revenue says how much a customer bought until then.
DAYS_BEFORE = 365


def answer_days(responses: ir.Table, *, score: str) -> ir.Table:
    """Take the answers with a score that name a customer, one per customer and day.

    Turns *customer_id, response_date, nps* into *customer_id, day, score*.

    Parameters
    ----------
    responses : ibis.Table
        Canonical responses with ``customer_id``.
    score : str
        Column of the score, such as ``nps``.

    Returns
    -------
    ibis.Table
        In no order. Of several answers on one day the lowest counts: it is the one that wants an answer.

    Examples
    --------
    >>> days = [date(2026, 1, 5)] * 3
    >>> table = ibis.memtable({"customer_id": ["a", "a", None], "response_date": days, "nps": [9, 6, 3]})
    >>> answer_days(table, score="nps").execute()[["customer_id", "score"]].values.tolist()
    [['a', 6]]
    """
    given = responses.filter(
        responses.customer_id.notnull(), responses.response_date.notnull(), responses[score].notnull()
    )
    rows = given.select("customer_id", day=given.response_date.cast("date"), score=given[score].cast("int64"))
    return rows.group_by("customer_id", "day").aggregate(score=rows.score.min())


def last_answers(answers: ir.Table) -> ir.Table:
    """Keep each customer's last answer.

    Turns *customer_id, day, score* into the same.

    Parameters
    ----------
    answers : ibis.Table
        As from :func:`answer_days`; other columns are kept.

    Returns
    -------
    ibis.Table
        One row per customer, in no order.

    Examples
    --------
    >>> days = [date(2026, 1, 5), date(2026, 3, 5)]
    >>> answers = ibis.memtable({"customer_id": ["a", "a"], "day": days, "score": [9, 6]})
    >>> last_answers(answers).execute()["score"].tolist()
    [6]
    """
    latest = answers.mutate(latest=answers.day.max().over(group_by="customer_id"))
    return latest.filter(latest.day == latest.latest).drop("latest")


def purchase_outcomes(
    answers: ir.Table,
    transactions: ir.Table,
    *,
    as_of: date,
    follow_days: int,
    has_margin: bool = False,
    margin_rate: float | None = None,
) -> ir.Table:
    """Say how each customer had bought up to the day of an answer, and what he or she bought after it.

    Turns *customer_id, day, score* and transactions into *place, silence, number, spent, stayed, n_purchases, …*.

    Parameters
    ----------
    answers : ibis.Table
        As from :func:`answer_days`.
    transactions : ibis.Table
        Canonical transactions.
    as_of : date
        Last day seen, to its end. Later rows change nothing.
    follow_days : int
        Days after the answer that are looked at. The day of the answer itself counts to what was before.
    has_margin : bool
        Whether the margin is wanted; then every row needs a cost, or *margin_rate* is given.
    margin_rate : float, optional
        Gross margin (0 to 1) of the rows that have no cost.

    Returns
    -------
    ibis.Table
        One row per answer, in no order: ``place`` is ``followed``, ``unknown`` (never bought), ``outside`` (before the
        first purchase) or ``recent`` (too late to be followed); ``silence`` (days since the last purchase), ``number``
        (purchase days so far), ``spent`` (revenue of the 365 days up to it); ``stayed`` (1: bought within the days
        after, else 0), ``n_purchases`` (days with a purchase among them), ``revenue`` (net of refunds that fall into
        them) and, if wanted, ``margin``.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a"] * 3, "kind": "purchase", "revenue": [5.0, 7.0, 9.0],
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-15", "2026-06-01"])})
    >>> answers = ibis.memtable({"customer_id": ["a"], "day": [date(2026, 1, 5)], "score": [9]})
    >>> found = purchase_outcomes(answers, ibis.memtable(log), as_of=date(2026, 6, 30), follow_days=90).execute()
    >>> [str(found[name][0]) for name in ("place", "silence", "number", "spent", "stayed", "n_purchases", "revenue")]
    ['followed', '4', '1', '5.0', '1', '1', '7.0']
    """
    seen = transactions.filter(transactions.order_date.date() <= ibis.date(as_of))
    zero = ibis.literal("0").cast("decimal(18,2)")
    has_cost = has_margin and "cost" in seen.columns
    is_known = seen.cost.notnull() if has_cost else ibis.literal(value=False)
    rows = seen.select(
        who="customer_id",
        on=seen.order_date.date(),
        bought=(seen.kind == "purchase").ifelse(1, 0),
        revenue=seen.revenue.cast("decimal(18,2)"),
        costed=is_known.ifelse(seen.revenue.cast("decimal(18,2)"), zero),
        cost=ibis.coalesce(seen.cost.cast("decimal(18,2)"), zero) if has_cost else zero,
    )
    daily = rows.group_by("who", "on").aggregate(
        bought=rows.bought.max(), revenue=rows.revenue.sum(), costed=rows.costed.sum(), cost=rows.cost.sum()
    )
    joined = answers.left_join(daily, answers.customer_id == daily.who)
    after = joined.on.delta(joined.day, unit="day")
    joined = joined.mutate(after=after, is_purchase=ibis.coalesce(joined.bought == 1, False))
    is_before = joined.is_purchase & (joined.after <= 0)
    is_after = (joined.after >= 1) & (joined.after <= follow_days)
    is_recently = (joined.after <= 0) & (joined.after > -DAYS_BEFORE)
    sums = joined.group_by("customer_id", "day", "score").aggregate(
        n_ever=joined.is_purchase.ifelse(1, 0).sum(),
        silence=-joined.after.max(where=is_before),
        number=is_before.ifelse(1, 0).sum(),
        spent=ibis.coalesce(joined.revenue.sum(where=is_recently), zero),
        n_purchases=(joined.is_purchase & ibis.coalesce(is_after, False)).ifelse(1, 0).sum(),
        revenue=ibis.coalesce(joined.revenue.sum(where=is_after), zero),
        costed=ibis.coalesce(joined.costed.sum(where=is_after), zero),
        cost=ibis.coalesce(joined.cost.sum(where=is_after), zero),
    )
    last = as_of - timedelta(days=follow_days)
    place = ibis.cases(
        (sums.n_ever == 0, "unknown"),
        (sums.number == 0, "outside"),
        (sums.day > ibis.date(last), "recent"),
        else_="followed",
    )
    # One row's own arithmetic may be in floats: only sums depend on the order of threads.
    revenue, costed, cost = (sums[name].cast("float64") for name in ("revenue", "costed", "cost"))
    margin = {"margin": costed - cost + (revenue - costed) * (margin_rate or 0.0)} if has_margin else {}
    return sums.select(
        "customer_id",
        "day",
        "score",
        place=place,
        silence=sums.silence.cast("int64"),
        number=sums.number.cast("int64"),
        spent=sums.spent.cast("float64"),
        stayed=(sums.n_purchases > 0).ifelse(1, 0),
        n_purchases=sums.n_purchases.cast("int64"),
        revenue=revenue,
        **margin,
    )


def contract_outcomes(
    answers: ir.Table,
    contracts: ir.Table,
    *,
    as_of: date,
    follow_days: int,
    margin_rate: float | None = None,
) -> ir.Table:
    """Say under what contract each customer was on the day of an answer, and what came of it.

    Turns *customer_id, day, score* and contracts into *place, number, age, stayed* [*spent, revenue, margin*].

    Parameters
    ----------
    answers : ibis.Table
        As from :func:`answer_days`.
    contracts : ibis.Table
        Canonical contracts; with ``monthly_fee`` money is counted too.
    as_of : date
        Last day seen, to its end.
    follow_days : int
        Days after the answer that are looked at.
    margin_rate : float, optional
        Gross margin, 0 to 1.

    Returns
    -------
    ibis.Table
        One row per answer, in no order: ``place`` is ``followed``, ``unknown`` (never under contract), ``outside`` (not
        under contract that day) or ``recent`` (whether it ended is not known yet); ``age`` (days under contract so
        far), ``number`` (contracts so far), ``stayed`` (0: the last day under contract came within the days after, else
        1); with fees ``spent`` (fee per month that day), ``revenue`` (fees of the days after) and ``margin``.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a"], "start_date": [date(2025, 1, 1)], "end_date": [date(2025, 7, 31)]})
    >>> days = [date(2025, 3, 1), date(2025, 6, 1)]
    >>> answers = ibis.memtable({"customer_id": ["a"] * 2, "day": days, "score": [9, 2]})
    >>> found = contract_outcomes(answers, ibis.memtable(table), as_of=date(2026, 6, 30), follow_days=90)
    >>> found.order_by("day").execute()[["place", "age", "stayed"]].values.tolist()
    [['followed', 59, 1], ['followed', 151, 0]]
    """
    spans = contract_spans(contracts, as_of=as_of).drop("person")
    spans = spans.rename(who="customer_id", begun="began", first="day", ends="event")
    last = as_of - timedelta(days=follow_days + DAYS_TO_FOLLOW)
    known = spans.select(whoever="who").distinct()
    rows = answers.left_join(known, answers.customer_id == known.whoever)
    inside = rows.inner_join(
        spans,
        [
            rows.customer_id == spans.who,
            rows.day >= spans["first"],
            spans.until.isnull() | (rows.day <= spans.until),
        ],
    )
    left = inside.ends.notnull() & (inside.ends.delta(inside.day, unit="day") <= follow_days)
    inside = inside.select(
        "customer_id",
        "day",
        age=inside.day.delta(inside.begun, unit="day").cast("int64"),
        number="number",
        stayed=ibis.coalesce(left, False).ifelse(0, 1),
    )
    table = rows.left_join(inside, ["customer_id", "day"])
    place = ibis.cases(
        (table.whoever.isnull(), "unknown"),
        (table.age.isnull(), "outside"),
        (table.day > ibis.date(last), "recent"),
        else_="followed",
    )
    found = table.select("customer_id", "day", "score", "age", "number", "stayed", place=place)
    if "monthly_fee" not in contracts.columns:
        return found
    fees = _fees(answers, contracts, follow_days=follow_days)
    priced = found.left_join(fees, ["customer_id", "day"])
    revenue = ibis.coalesce(priced.revenue.cast("float64"), 0.0)
    margin = {"margin": revenue * margin_rate} if margin_rate is not None else {}
    return priced.select(
        *found.columns, spent=ibis.coalesce(priced.spent.cast("float64"), 0.0), revenue=revenue, **margin
    )


def low_answers(
    latest: ir.Table,
    *,
    low: int,
    since: date,
    worth: ir.Table | None = None,
    tickets: ir.Table | None = None,
) -> ir.Table:
    """List the customers whose last answer was low and is not old, by what is at stake.

    Turns *customer_id, day, score* into the same with *value, has_ticket, rank*.

    Parameters
    ----------
    latest : ibis.Table
        As from :func:`last_answers`.
    low : int
        Scores up to this are low.
    since : date
        First day of an answer that is not old.
    worth : ibis.Table, optional
        ``customer_id``, ``value`` (number).
    tickets : ibis.Table, optional
        Canonical tickets with ``customer_id`` and ``closed``.

    Returns
    -------
    ibis.Table
        In no order: ``value`` (missing where it is not known), ``has_ticket`` (1: one is open; missing without
        *tickets*), ``rank`` from 1: the highest value first, who has none last; equals by the later answer, then by
        customer.

    Examples
    --------
    >>> days = [date(2026, 1, 5)] * 3
    >>> latest = ibis.memtable({"customer_id": ["a", "b", "c"], "day": days, "score": [3, 6, 7]})
    >>> worth = ibis.memtable({"customer_id": ["b"], "value": [50.0]})
    >>> found = low_answers(latest, low=6, since=date(2026, 1, 1), worth=worth).order_by("rank").execute()
    >>> found[["customer_id", "score"]].values.tolist()
    [['b', 6], ['a', 3]]
    """
    rows = latest.filter(latest.score <= low, latest.day >= ibis.date(since))
    rows = rows.select("customer_id", "day", "score")
    if worth is None:
        rows = rows.mutate(value=ibis.null("float64"))
    else:
        joined = rows.left_join(
            worth.select(who="customer_id", value="value"), rows.customer_id == worth.customer_id
        )
        rows = joined.select(*rows.columns, value=joined.value.cast("float64"))
    if tickets is None:
        rows = rows.mutate(has_ticket=ibis.null("int64"))
    else:
        owners = tickets.filter(tickets.closed.isnull()).select(owner="customer_id").distinct()
        joined = rows.left_join(owners, rows.customer_id == owners.owner)
        rows = joined.select(*rows.columns, has_ticket=joined.owner.notnull().ifelse(1, 0).cast("int64"))
    # Engines differ in where they put a missing value.
    order = [rows.value.isnull().ifelse(1, 0), rows.value.desc(), rows.day.desc(), rows.customer_id]
    return rows.mutate(rank=(ibis.row_number().over(order_by=order) + 1).cast("int64"))


def _fees(answers: ir.Table, contracts: ir.Table, *, follow_days: int) -> ir.Table:
    """Fees per month on the day of the answer, and those of the days after it, by customer and day."""
    priced = contracts.filter(contracts.monthly_fee.notnull())
    priced = priced.select(
        who="customer_id",
        start=priced.start_date.cast("date"),
        end=ibis.coalesce(priced.end_date.cast("date"), ibis.date(date.max)),
        fee=priced.monthly_fee.cast("decimal(18,2)"),
    )
    pairs = answers.select("customer_id", "day").inner_join(priced, [answers.customer_id == priced.who])
    # Days are counted from the answer: the first of the window is 1.
    first = ibis.greatest(pairs.start.delta(pairs.day, unit="day"), 1)
    final = ibis.least(pairs.end.delta(pairs.day, unit="day"), follow_days)
    days = ibis.greatest(final - first + 1, 0)
    is_running = (pairs.start <= pairs.day) & (pairs.end >= pairs.day)
    zero = ibis.literal("0").cast("decimal(18,2)")
    pairs = pairs.mutate(
        part=rounded_money(pairs.fee.cast("float64") * days.cast("float64") / DAYS_PER_MONTH),
        running=is_running.ifelse(pairs.fee, zero),
    )
    return pairs.group_by("customer_id", "day").aggregate(spent=pairs.running.sum(), revenue=pairs.part.sum())


def recent_revenue(transactions: ir.Table, *, as_of: date, days: int = DAYS_BEFORE) -> ir.Table:
    """Sum what each customer has brought lately.

    Turns *customer_id, order_date, revenue, kind* into *customer_id, value*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions.
    as_of : date
        Last day seen, to its end.
    days : int
        Days up to it.

    Returns
    -------
    ibis.Table
        One row per customer with a purchase on one of these days, in no order; ``value`` is net of their refunds.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "kind": "purchase", "revenue": [5.0, 7.0],
    ...     "order_date": pd.to_datetime(["2025-01-01", "2026-01-15"])})
    >>> float(recent_revenue(ibis.memtable(log), as_of=date(2026, 1, 31)).execute()["value"][0])
    7.0
    """
    day = transactions.order_date.date()
    seen = transactions.filter(day <= ibis.date(as_of), day > ibis.date(as_of - timedelta(days=days)))
    people = seen.group_by("customer_id").aggregate(
        value=seen.revenue.cast("decimal(18,2)").sum(),
        n=(seen.kind == "purchase").ifelse(1, 0).sum(),
    )
    return people.filter(people.n > 0).drop("n")
