"""Orders of each quarter's new customers -> discounted margin by months since acquisition, in sums."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

#: A month of 30.4375 days, in ten-thousandths of a day: whole numbers divide alike on every engine.
_MONTH, _PARTS = 304_375, 10_000


def quarter_cohorts(acquired: ir.Table, *, first: date, last: date) -> ir.Table:
    """Put each customer won between two days into the cohort of the quarter.

    Turns *customer_id, acquired_date* into *customer_id, acquired_date, cohort*.

    Parameters
    ----------
    acquired : ibis.Table
        One row per customer.
    first, last : date
        First and last day, both in.

    Returns
    -------
    ibis.Table
        ``customer_id``, ``acquired_date`` (date), ``cohort`` (text, such as ``2026-Q1``); in no order.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.to_datetime(["2026-05-31", "2026-07-01"])
    >>> people = pd.DataFrame({"customer_id": ["a", "b"], "acquired_date": days})
    >>> found = quarter_cohorts(ibis.memtable(people), first=date(2026, 1, 1), last=date(2026, 6, 30)).execute()
    >>> found["cohort"].tolist()
    ['2026-Q2']
    """
    day = acquired.acquired_date.cast("date")
    inside = acquired.filter(day >= ibis.date(first), day <= ibis.date(last))
    day = inside.acquired_date.cast("date")
    cohort = day.year().cast("string") + "-Q" + day.quarter().cast("string")
    return inside.select("customer_id", acquired_date=day, cohort=cohort)


def cohort_sizes(cohorts: ir.Table) -> ir.Table:
    """Count the customers of each cohort and find the day on which its last was won.

    Turns *customer_id, acquired_date, cohort* into *cohort, n_customers, last_day*.

    Parameters
    ----------
    cohorts : ibis.Table
        As from :func:`quarter_cohorts`.

    Returns
    -------
    ibis.Table
        In order of ``cohort``.

    Examples
    --------
    >>> days = [date(2026, 1, 2), date(2026, 2, 3)]
    >>> people = {"customer_id": ["a", "b"], "acquired_date": days, "cohort": ["2026-Q1"] * 2}
    >>> [str(cell) for cell in cohort_sizes(ibis.memtable(people)).execute().values[0]][:2]
    ['2026-Q1', '2']
    """
    return (
        cohorts.group_by("cohort")
        .aggregate(n_customers=cohorts.count(), last_day=cohorts.acquired_date.max())
        .order_by("cohort")
    )


def margin_by_age(
    transactions: ir.Table,
    cohorts: ir.Table,
    *,
    as_of: date,
    daily_discount: float,
    margin_rate: float | None = None,
) -> ir.Table:
    """Sum the discounted margin of each cohort by months since acquisition, and the squares that its spread needs.

    Turns *customer_id, order_date, revenue* [*cost*] and *customer_id, acquired_date, cohort* into *cohort, age,
    n_rows, margin, squares*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions; refunds count on their own day.
    cohorts : ibis.Table
        As from :func:`quarter_cohorts`.
    as_of : date
        Last day seen, to its end.
    daily_discount : float
        Force of interest per day: a payment d days after acquisition counts exp(-daily_discount d) of itself.
    margin_rate : float, optional
        Gross margin (0 to 1) of rows without a cost.

    Returns
    -------
    ibis.Table
        ``cohort``; ``age`` (integer): 0 is the day of acquisition, a is from the day after a - 1 months to that of a
        months of 30.4375 days, -1 is before the acquisition; ``n_rows``; ``margin`` (whole cents, discounted row by
        row); ``squares``: by how much the sum over customers of the squared margin so far rises in this month of age.
        So running sums over ages, from 0 on, are the sums of the cumulative margin and of its square. In order of
        cohort and age.

    Raises
    ------
    ValueError
        If rows have no cost to go by and *margin_rate* is not given.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": "a", "order_date": pd.to_datetime(["2026-01-02", "2026-01-20"]),
    ...     "revenue": [10.0, 4.0]})
    >>> people = {"customer_id": ["a"], "acquired_date": [date(2026, 1, 2)], "cohort": ["2026-Q1"]}
    >>> margin_by_age(ibis.memtable(log), ibis.memtable(people), as_of=date(2026, 3, 31), daily_discount=0.0,
    ...     margin_rate=0.5).execute()[["age", "margin", "squares"]].astype(int).values.tolist()
    [[0, 500, 250000], [1, 200, 240000]]
    """
    day = transactions.order_date.date()
    seen = transactions.mutate(day=day).filter(day <= ibis.date(as_of))
    rows = seen.inner_join(cohorts, "customer_id")
    days = rows.day.delta(rows.acquired_date, unit="day").cast("int64")
    months = (days * _PARTS + (_MONTH - 1)) // _MONTH
    # One row's own arithmetic may be in floats; the sums are of whole cents.
    worth = _margin(rows, margin_rate).cast("float64") * (days.cast("float64") * -daily_discount).exp()
    priced = rows.select(
        "customer_id",
        "cohort",
        age=ibis.ifelse(days < 0, -1, months).cast("int64"),
        cents=(worth * 100 + 0.5).floor().cast("decimal(19,0)"),
    )
    steps = priced.group_by(["customer_id", "cohort", "age"]).aggregate(
        n_rows=priced.count(), margin=priced.cents.sum().cast("decimal(19,0)")
    )
    # What came before the acquisition is kept apart: it may not carry over into what came after.
    steps = steps.mutate(is_after=ibis.ifelse(steps.age < 0, 0, 1))
    running = ibis.window(
        group_by=[steps.customer_id, steps.is_after], order_by=steps.age, preceding=None, following=0
    )
    steps = steps.mutate(so_far=steps.margin.sum().over(running).cast("decimal(19,0)"))
    before = (steps.so_far - steps.margin).cast("decimal(19,0)")
    steps = steps.mutate(rise=(steps.so_far * steps.so_far - before * before).cast("decimal(38,0)"))
    return (
        steps.group_by(["cohort", "age"])
        .aggregate(n_rows=steps.n_rows.sum(), margin=steps.margin.sum(), squares=steps.rise.sum())
        .order_by(["cohort", "age"])
    )


def _margin(rows: ir.Table, margin_rate: float | None) -> ir.NumericValue:
    has_cost = "cost" in rows.columns
    if margin_rate is None:
        if not has_cost:
            raise ValueError("the margin of rows without a cost needs margin_rate")
        return rows.revenue.cast("float64") - rows.cost.cast("float64")
    assumed = rows.revenue.cast("float64") * margin_rate
    if not has_cost:
        return assumed
    return ibis.coalesce(rows.revenue.cast("float64") - rows.cost.cast("float64"), assumed)
