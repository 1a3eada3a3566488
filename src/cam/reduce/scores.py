"""Scores and names joined to every customer inside the engine, and sums per group of them."""

from __future__ import annotations

from collections.abc import Sequence

import ibis.expr.types as ir


def score_by_limits(
    column: ir.NumericColumn, limits: Sequence[float], *, less_is_better: bool = False
) -> ir.IntegerColumn:
    """Score a column by rising limits, as :func:`cam.measures.segmentation.rfm.score_values` does in memory.

    Parameters
    ----------
    column : ibis numeric column
        None missing.
    limits : sequence of float
        Rising; a value equal to a limit is below it.
    less_is_better : bool
        Whether small values score high.

    Returns
    -------
    ibis integer column
        1 to ``len(limits) + 1``.

    Examples
    --------
    >>> import ibis
    >>> table = ibis.memtable({"value": [0.0, 1.0, 5.0]})
    >>> score_by_limits(table.value, [0, 0, 1]).execute().tolist()
    [1, 3, 4]
    """
    value = column.cast("float64")
    # PostgreSQL casts no boolean to a bigint.
    above = sum((value > float(limit)).ifelse(1, 0) for limit in limits)
    return (len(limits) + 1 - above if less_is_better else above + 1).cast("int64")


def distinct_values(table: ir.Table, column: str) -> ir.Table:
    """Count the customers that share each value of a column.

    Turns *column* into *value, n_customers*.

    Parameters
    ----------
    table : ibis.Table
        One row per customer.
    column : str
        A numeric column.

    Returns
    -------
    ibis.Table
        ``value`` (float), ``n_customers`` (integer), one row per distinct value, in rising order.

    Examples
    --------
    >>> import ibis
    >>> distinct_values(ibis.memtable({"x": [2, 1, 2]}), "x").execute().values.tolist()
    [[1.0, 1.0], [2.0, 2.0]]
    """
    value = table[column].cast("float64")
    return table.group_by(value=value).aggregate(n_customers=table.count()).order_by("value")


def segment_sums(customers: ir.Table, by: str) -> ir.Table:
    """Sum what the customers of each group hold, exactly: money stays decimal, so that no thread order shows.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer: ``value`` (decimal), ``frequency``, ``days_since_last`` and the group.
    by : str
        Column that names the group.

    Returns
    -------
    ibis.Table
        The group, ``n_customers``, and the sums ``value``, ``value_squared``, ``frequency``,
        ``days_since_last``; in the order of the group.

    Examples
    --------
    >>> import ibis
    >>> people = ibis.memtable({"segment": ["a", "a"], "value": [1.0, 3.0], "frequency": [0, 1],
    ...     "days_since_last": [5, 6]})
    >>> segment_sums(people, "segment").execute().value_squared.astype(float).tolist()
    [10.0]
    """
    # Wide enough for its square; a product of narrower amounts overflows at ten million.
    wide = customers.value.cast("decimal(19, 2)")
    return (
        customers.group_by(by)
        .aggregate(
            n_customers=customers.count(),
            value=customers.value.sum(),
            # Named, or the product of two amounts would be rounded to the cent like the amounts.
            value_squared=(wide * wide).cast("decimal(38, 4)").sum(),
            frequency=customers.frequency.sum(),
            days_since_last=customers.days_since_last.sum(),
        )
        .order_by(by)
    )
