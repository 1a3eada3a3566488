"""Survey answers -> counts per group, with what is needed to see that one customer answered several times."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir


def answer_sums(answers: ir.Table, *, by: str | None = None) -> ir.Table:
    """Sum scores per group, and per customer within it.

    Turns *score* [*customer_id*, *day*] into *n, total, squared, n_customers, first_day* and three sums over
    customers.

    Parameters
    ----------
    answers : ibis.Table
        One row per answer (or invitation): ``score`` (-1, 0 or 1), ``day`` (date), ``customer_id`` (an answer
        without one is a customer of its own).
    by : str, optional
        Column that names the group; rows without one are left out. None: all rows are one group.

    Returns
    -------
    ibis.Table
        ``group`` (text, empty without *by*), ``n``, ``total`` and ``squared`` (sums of the score and its
        square), ``n_customers``, ``first_day``; and with t and m the total and number of one customer's
        answers, the sums over customers ``tt`` (of t x t), ``tm`` (t x m) and ``mm`` (m x m). Ordered by group.

    Examples
    --------
    >>> import pandas as pd
    >>> table = ibis.memtable(pd.DataFrame({"customer_id": ["a", "a", None], "score": [1, 1, -1],
    ...     "day": pd.to_datetime(["2026-01-01"] * 3)}))
    >>> answer_sums(table).execute()[["n", "total", "squared", "n_customers", "tt", "tm", "mm"]].values.tolist()
    [[3, 1, 3, 2, 5, 3, 5]]
    """
    group = answers[by] if by else ibis.literal("")
    rows = answers.select(group=group, customer_id="customer_id", score="score", day="day")
    rows = rows.filter(rows.group.notnull())
    people = rows.group_by("group", "customer_id").aggregate(
        m=rows.count(),
        t=rows.score.sum(),
        q=(rows.score * rows.score).sum(),
        day=rows.day.min(),
    )
    unnamed = people.customer_id.isnull()
    return (
        people.group_by("group")
        .aggregate(
            n=people.m.sum().cast("int64"),
            total=people.t.sum().cast("int64"),
            squared=people.q.sum().cast("int64"),
            n_customers=unnamed.ifelse(people.m, 1).sum().cast("int64"),
            first_day=people.day.min(),
            tt=unnamed.ifelse(people.q, people.t * people.t).sum().cast("int64"),
            tm=unnamed.ifelse(people.t, people.t * people.m).sum().cast("int64"),
            mm=unnamed.ifelse(people.m, people.m * people.m).sum().cast("int64"),
        )
        .order_by("group")
    )


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
