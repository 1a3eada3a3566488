"""Feature tables: what each feature holds, a sample in a stated order, and every customer's nearest cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir


def review_features(table: ir.Table, features: Sequence[str]) -> ir.Table:
    """Count what each feature holds, in one pass.

    Turns the features into *n*, and for the feature at place i *known_i, kinds_i, least_i, most_i*.

    Parameters
    ----------
    table : ibis.Table
        One row per customer.
    features : sequence of str
        Columns with numbers or text.

    Returns
    -------
    ibis.Table
        One row: customers, and for each feature customers with a value, distinct values, and for a number the least
        and the most (float; missing for text).

    Examples
    --------
    >>> people = ibis.memtable({"customer_id": ["a", "b", "c"], "orders": [1.0, 2.0, None]})
    >>> review_features(people, ["orders"]).execute().values.tolist()
    [[3.0, 2.0, 2.0, 1.0, 2.0]]
    """
    columns: dict[str, ir.Value] = {"n": table.count()}
    for place, name in enumerate(features):
        value = _usable(table[name])
        columns[f"known_{place}"] = value.count()
        columns[f"kinds_{place}"] = value.nunique()
        numeric = table[name].type().is_numeric()
        for word in ("least", "most"):
            end = value.min() if word == "least" else value.max()
            columns[f"{word}_{place}"] = end if numeric else ibis.null("float64")
    return table.aggregate(**columns)


def complete_customers(table: ir.Table, features: Sequence[str]) -> ir.Table:
    """Keep the customers of whom every feature is known; numbers become floats.

    Turns *customer_id*, the features and all other columns into the same, of fewer customers.

    Parameters
    ----------
    table : ibis.Table
        One row per customer.
    features : sequence of str
        Columns with numbers or text.

    Returns
    -------
    ibis.Table
        In no order. A float that is no number counts as missing.

    Examples
    --------
    >>> people = ibis.memtable({"customer_id": ["a", "b"], "orders": [1, None]})
    >>> complete_customers(people, ["orders"]).execute().customer_id.tolist()
    ['a']
    """
    usable = table.mutate(**{name: _usable(table[name]) for name in features})
    return usable.filter(*(usable[name].notnull() for name in features))


def _usable(column: ir.Value) -> ir.Value:
    if not column.type().is_numeric():
        return column
    value = column.cast("float64")
    if column.type().is_floating():
        return (value.isnan() | value.isinf()).ifelse(ibis.null("float64"), value)
    return value


def systematic_sample(table: ir.Table, *, n: int, most: int) -> ir.Table:
    """Take customers at equal steps of their ids: the same ones every time, from the whole range.

    Turns any columns with *customer_id* into the same, of at most *most* customers.

    Parameters
    ----------
    table : ibis.Table
        One row per customer.
    n : int
        Its rows.
    most : int
        Rows that are wanted, at most.

    Returns
    -------
    ibis.Table
        In the order of ``customer_id``.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., Wiley. (Chapter 8.)

    Examples
    --------
    >>> people = ibis.memtable({"customer_id": ["d", "a", "c", "b"]})
    >>> systematic_sample(people, n=4, most=2).execute().customer_id.tolist()
    ['a', 'c']
    """
    step = -(-n // most)
    if step > 1:
        placed = table.mutate(sample_place=ibis.row_number().over(order_by=table.customer_id))
        table = placed.filter(placed.sample_place % step == 0).drop("sample_place")
    return table.order_by("customer_id")


def assign_clusters(
    table: ir.Table,
    *,
    offsets: Sequence[float],
    slopes: Mapping[str, Sequence[float]],
    logged: Sequence[str] = (),
    levels: Mapping[str, Mapping[str, Sequence[float]]],
    label: str = "cluster",
) -> ir.Table:
    """Give every customer the nearest cluster, by one expression.

    Turns *customer_id* and the features into *customer_id* and *label*.

    Parameters
    ----------
    table : ibis.Table
        One row per customer.
    offsets : sequence of float
        Of each cluster; the distances are linear once what all clusters share is left out:
        ``offset + sum of slope x feature + sum over categories``.
    slopes : mapping of str to sequence of float
        By numeric feature, for each cluster.
    logged : sequence of str
        Numeric features that enter as ``log(1 + x)``; below zero they count as zero.
    levels : mapping of str to mapping of str to sequence of float
        By categorical feature and level, for each cluster; a level that is not named adds nothing.
    label : str
        What the new column is called.

    Returns
    -------
    ibis.Table
        All customers, in no order: ``customer_id`` and the cluster (integer from 1, the first of equally near ones;
        missing where a feature is missing).

    Examples
    --------
    >>> people = ibis.memtable({"customer_id": ["a", "b"], "orders": [1.0, 9.0]})
    >>> found = assign_clusters(people, offsets=[0.0, 100.0], slopes={"orders": [0.0, -20.0]}, levels={})
    >>> found.order_by("customer_id").execute().cluster.tolist()
    [1, 2]
    """
    names = [*slopes, *levels]
    table = table.mutate(**{name: _usable(table[name]) for name in names})
    ready = {f"x_{place}": _taken(table[name], name in logged) for place, name in enumerate(slopes)}
    known = ibis.and_(*(table[name].notnull() for name in names))
    table = table.select("customer_id", *levels, is_known=known, **ready)
    scores = {}
    for cluster, offset in enumerate(offsets):
        score = ibis.literal(float(offset))
        for place, name in enumerate(slopes):
            score = score + table[f"x_{place}"] * float(slopes[name][cluster])
        for name, by_level in levels.items():
            cases = [(table[name] == level, float(parts[cluster])) for level, parts in by_level.items()]
            score = score + ibis.cases(*cases, else_=0.0)
        scores[f"s_{cluster}"] = score
    scored = table.select("customer_id", "is_known", **scores)
    least = ibis.least(*(scored[name] for name in scores))
    nearest = ibis.cases(
        *((scored[name] <= least, cluster) for cluster, name in enumerate(scores, start=1)), else_=None
    )
    nothing = ibis.null("int64")
    return scored.select("customer_id", **{label: scored.is_known.ifelse(nearest.cast("int64"), nothing)})


def _taken(column: ir.NumericColumn, is_logged: bool) -> ir.NumericColumn:
    return (ibis.greatest(column, 0.0) + 1.0).ln() if is_logged else column


def count_clusters(members: ir.Table, label: str = "cluster") -> ir.Table:
    """Count the customers of each cluster.

    Turns *label* into *cluster, n_customers*.

    Parameters
    ----------
    members : ibis.Table
        As from :func:`assign_clusters`.
    label : str
        The column with the cluster.

    Returns
    -------
    ibis.Table
        In the order of the clusters; the last row, with a missing cluster, counts those who are in none.

    Examples
    --------
    >>> members = ibis.memtable({"customer_id": ["a", "b", "c"], "cluster": [2, 1, 2]})
    >>> count_clusters(members).execute().values.tolist()
    [[1, 1], [2, 2]]
    """
    counted = members.group_by(cluster=members[label]).aggregate(n_customers=members.count().cast("int64"))
    return counted.order_by(counted.cluster.asc(nulls_first=False))
