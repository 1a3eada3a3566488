"""Survey answers -> counts per group, with what is needed to see that one customer answered several times."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir


def answer_sums(answers: ir.Table, *, by: str | None = None, each: str | None = None) -> ir.Table:
    """Sum scores per group, and per customer within it and beside it.

    Turns *score* [*customer_id*, *day*] into *n, total, squared, n_customers, first_day*, three sums over customers
    within the group and four that set them beside all their answers.

    Parameters
    ----------
    answers : ibis.Table
        One row per answer (or invitation): ``score`` (a whole number), ``day`` (date), ``customer_id`` (an answer
        without one is a customer of its own).
    by : str, optional
        Column that names the group; rows without one are left out. None: all rows are one group.
    each : str, optional
        Column whose values are summed apart, as if each were a table of its own, such as which score it is.

    Returns
    -------
    ibis.Table
        ``group`` (text, empty without *by*), *each* where asked, ``n``, ``total`` and ``squared`` (sums of the score
        and its square), ``n_customers``, ``first_day``; with t and m the total and number of one customer's answers in
        the group, the sums over customers ``tt`` (of t x t), ``tm`` (t x m) and ``mm`` (m x m); and with T and M
        those of the same customer in all groups, ``tt_all`` (t x T), ``tm_all`` (t x M), ``mt_all`` (m x T) and
        ``mm_all`` (m x M). Ordered by *each* and group.

    Examples
    --------
    >>> import pandas as pd
    >>> table = ibis.memtable(pd.DataFrame({"customer_id": ["a", "a", None], "score": [1, 1, -1],
    ...     "day": pd.to_datetime(["2026-01-01"] * 3)}))
    >>> answer_sums(table).execute()[["n", "total", "squared", "n_customers", "tt", "tm", "mm"]].values.tolist()
    [[3, 1, 3, 2, 5, 3, 5]]
    """
    group = answers[by].cast("string") if by else ibis.literal("")
    apart = [each] if each else []
    rows = answers.select(*apart, group=group, customer_id="customer_id", score="score", day="day")
    rows = rows.filter(rows.group.notnull())
    people = rows.group_by(*apart, "group", "customer_id").aggregate(
        m=rows.count(),
        t=rows.score.sum(),
        q=(rows.score * rows.score).sum(),
        day=rows.day.min(),
    )
    own = ibis.window(group_by=[*apart, "customer_id"])
    people = people.mutate(
        t=people.t.cast("int64"),
        q=people.q.cast("int64"),
        all_t=people.t.sum().over(own).cast("int64"),
        all_m=people.m.sum().over(own).cast("int64"),
    )
    unnamed = people.customer_id.isnull()

    def over_customers(one: ir.IntegerColumn, other: ir.IntegerColumn, alone: ir.IntegerColumn) -> ir.Scalar:
        return unnamed.ifelse(alone, one * other).sum().cast("int64")

    t, m, q, all_t, all_m = people.t, people.m, people.q, people.all_t, people.all_m
    return (
        people.group_by(*apart, "group")
        .aggregate(
            n=m.sum().cast("int64"),
            total=t.sum().cast("int64"),
            squared=q.sum().cast("int64"),
            n_customers=unnamed.ifelse(m, 1).sum().cast("int64"),
            first_day=people.day.min(),
            tt=over_customers(t, t, q),
            tm=over_customers(t, m, t),
            mm=over_customers(m, m, m),
            tt_all=over_customers(t, all_t, q),
            tm_all=over_customers(t, all_m, t),
            mt_all=over_customers(m, all_t, t),
            mm_all=over_customers(m, all_m, m),
        )
        .order_by(*apart, "group")
    )


def shared_sums(answers: ir.Table, *, by: str, order: Sequence[str]) -> ir.Table:
    """Sum over the customers who answered both in a group and in the one after it.

    Turns *score*, *customer_id* and a group into *before, group, n_customers, tt, tm, mt, mm*.

    Parameters
    ----------
    answers : ibis.Table
        As in :func:`answer_sums`.
    by : str
        Column that names the group, such as the wave.
    order : sequence of str
        The groups one after the other; others are left out.

    Returns
    -------
    ibis.Table
        One row per pair of neighbours with customers in both: ``before``, ``group``, ``n_customers``, and with t
        and m the total and number of a customer's answers before, u and v after, the sums over customers ``tt`` (of
        t x u), ``tm`` (t x v), ``mt`` (m x u) and ``mm`` (m x v). In the order of the groups.

    Examples
    --------
    >>> table = ibis.memtable({"customer_id": ["a", "a", "b"], "score": [1, -1, 1], "wave": ["x", "y", "y"]})
    >>> shared_sums(table, by="wave", order=["x", "y"]).execute().values.tolist()
    [['x', 'y', 1, -1, 1, -1, 1]]
    """
    rows = answers.select(group=answers[by].cast("string"), customer_id="customer_id", score="score")
    rows = rows.filter(rows.customer_id.notnull() & rows.group.isin(list(order)))
    place = ibis.cases(*[(rows.group == name, number) for number, name in enumerate(order)], else_=-1)
    people = rows.group_by("group", "customer_id", place=place.cast("int64")).aggregate(
        m=rows.count(), t=rows.score.sum().cast("int64")
    )
    after = people.select(
        customer_id="customer_id", next_place=people.place - 1, next_group="group", v="m", u="t"
    )
    both = people.inner_join(
        after, [people.customer_id == after.customer_id, people.place == after.next_place]
    )
    return (
        both.group_by("place", before=both.group, group_after=both.next_group)
        .aggregate(
            n_customers=both.count(),
            tt=(both.t * both.u).sum().cast("int64"),
            tm=(both.t * both.v).sum().cast("int64"),
            mt=(both.m * both.u).sum().cast("int64"),
            mm=(both.m * both.v).sum().cast("int64"),
        )
        .order_by("place")
        .select("before", "n_customers", "tt", "tm", "mt", "mm", group="group_after")
        .select("before", "group", "n_customers", "tt", "tm", "mt", "mm")
    )


def count_repeats(answers: ir.Table, *, by: str) -> ir.Table:
    """Count the customers who answered more than once in one group.

    Turns *customer_id* and a group into *n_customers, n*.

    Parameters
    ----------
    answers : ibis.Table
        One row per answer, with ``customer_id``; answers without one are left out.
    by : str
        Column that names the group, such as the wave; rows without one are left out.

    Returns
    -------
    ibis.Table
        One row: ``n_customers`` (a customer counts once per group) and ``n``, their answers.

    Examples
    --------
    >>> table = ibis.memtable({"customer_id": ["a", "a", "b", "b"], "wave": ["x", "x", "x", "y"]})
    >>> count_repeats(table, by="wave").execute().values.tolist()
    [[1, 2]]
    """
    rows = answers.filter(answers.customer_id.notnull() & answers[by].notnull())
    people = rows.group_by("customer_id", group=rows[by]).aggregate(m=rows.count())
    again = people.filter(people.m > 1)
    return again.aggregate(n_customers=again.count(), n=again.m.sum().fill_null(0).cast("int64"))


def count_scores(answers: ir.Table, column: str) -> ir.Table:
    """Count the answers at each score.

    Turns *nps* into *score, n*.

    Parameters
    ----------
    answers : ibis.Table
        One row per answer.
    column : str
        A whole number; rows without one are left out.

    Returns
    -------
    ibis.Table
        ``score``, ``n``, one row per score that was given, in rising order.

    Examples
    --------
    >>> count_scores(ibis.memtable({"nps": [9, 10, 9]}), "nps").execute().values.tolist()
    [[9, 2], [10, 1]]
    """
    given = answers.filter(answers[column].notnull())
    return given.group_by(score=given[column].cast("int64")).aggregate(n=given.count()).order_by("score")
