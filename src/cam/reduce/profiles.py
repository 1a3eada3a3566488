"""Customers and what is known of them -> how levels, numbers and gaps spread over segments; exact sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir

from cam.reduce.earnings import whole_units
from cam.reduce.segment_value import LEVEL, MISSING, OTHER

#: What machines write where nothing is known. "None" and "NA" are not among them: no children, North America.
BLANKS = ("", "nan", "NaN", "NULL", "null", "N/A", "#N/A", "<NA>", "-", "--", "—", "空")
#: A number with a point, or none; with a comma it could be a thousand or a fraction.
_NUMBER = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$"


def attribute_columns(customers: ir.Table, *, prefix: str) -> ir.Table:
    """Take what is known of customers out of their table, under names that nothing else has.

    Turns *customer_id* and any columns into *customer_id, in_customers* and the columns with a prefix.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer.
    prefix : str
        Goes before the name of each attribute, so that a column called ``revenue`` meets no other.

    Returns
    -------
    ibis.Table
        Texts without blanks around them, and missing where they are one of :data:`BLANKS`; a number that is none is
        missing too. ``in_customers`` is 1.

    Examples
    --------
    >>> customers = ibis.memtable({"customer_id": ["a", "b", "c"], "city": [" x", "None", "NaN"]})
    >>> attribute_columns(customers, prefix="of_").order_by("customer_id").execute().of_city.fillna("?").tolist()
    ['x', 'None', '?']
    """
    own = {f"{prefix}{name}": _known(customers[name]) for name in customers.columns if name != "customer_id"}
    return customers.select("customer_id", in_customers=ibis.literal(1), **own)


def level_counts(people: ir.Table, attribute: str, *, by: str, n_levels: int) -> ir.Table:
    """Count the customers of each level of an attribute in each segment.

    Turns the attribute and the segment into *kind, level, segment, n_customers*.

    Parameters
    ----------
    people : ibis.Table
        One row per customer.
    attribute : str
        Text, whole number or boolean, as from :func:`attribute_columns`.
    by : str
        Column with the segment; a customer without one is left out.
    n_levels : int
        So many levels by size, the rest together.

    Returns
    -------
    ibis.Table
        ``kind`` (:data:`cam.reduce.segment_value.LEVEL`, ``OTHER`` or ``MISSING``), ``level`` (text; missing unless
        *kind* is ``level``), ``segment`` (text) and ``n_customers``, where there are any. The largest level first,
        then all the smaller ones together, then those not known.

    Examples
    --------
    >>> people = ibis.memtable({"city": ["a", "a", "b", None], "segment": ["x", "y", "x", "x"]})
    >>> table = level_counts(people, "city", by="segment", n_levels=1).execute()
    >>> table[["kind", "segment", "n_customers"]].values.tolist()
    [['level', 'x', 1], ['level', 'y', 1], ['other', 'x', 1], ['missing', 'x', 1]]
    """
    rows = people.select(level=people[attribute].cast("string"), segment=people[by].cast("string"))
    rows = rows.filter(rows.segment.notnull())
    counted = rows.group_by(["level", "segment"]).aggregate(n_customers=rows.count())
    total = counted.n_customers.sum().over(ibis.window(group_by="level"))
    sized = counted.mutate(total=total)
    # Equal sizes are told apart by name, so that the same levels come together every time.
    place = ibis.dense_rank().over(
        order_by=[sized.level.isnull().ifelse(1, 0), sized.total.desc(), sized.level.asc()]
    )
    ranked = sized.mutate(place=place)
    kind = ibis.cases((ranked.level.isnull(), MISSING), (ranked.place < n_levels, LEVEL), else_=OTHER)
    ranked = ranked.mutate(kind=kind)
    ranked = ranked.mutate(level=(ranked.kind == LEVEL).ifelse(ranked.level, ibis.null("string")))
    joined = ranked.group_by(["kind", "level", "segment"]).aggregate(
        n_customers=ranked.n_customers.sum().cast("int64"), place=ranked.place.min()
    )
    first = ibis.cases((joined.kind == LEVEL, 0), (joined.kind == OTHER, 1), else_=2)
    # All the smaller ones are one level, whatever was the first of them in a segment.
    place = (joined.kind == LEVEL).ifelse(joined.place, 0)
    return joined.order_by([first, place, joined.segment]).drop("place")


def number_reach(people: ir.Table, attributes: Sequence[str]) -> ir.Table:
    """Say how far numbers reach, and how many values are none.

    Turns each attribute into *reach_…, unread_…*, numbered in the order given.

    Parameters
    ----------
    people : ibis.Table
        One row per customer.
    attributes : sequence of str
        Numbers, or text that holds them.

    Returns
    -------
    ibis.Table
        One row: ``reach_0`` the largest absolute value of the first attribute (float; missing where it has none)
        and ``unread_0`` the customers whose value is no number, and so on.

    Examples
    --------
    >>> people = ibis.memtable({"age": ["31", "forty", None], "income": [10.5, -20.0, None]})
    >>> number_reach(people, ["age", "income"]).execute().values.tolist()
    [[31.0, 1.0, 20.0, 0.0]]
    """
    found: dict[str, ir.Value] = {}
    for index, name in enumerate(attributes):
        number = _number(people[name])
        unread = (people[name].notnull() & number.isnull()).ifelse(1, 0)
        found[f"reach_{index}"] = number.abs().max()
        found[f"unread_{index}"] = ibis.coalesce(unread.sum(), 0).cast("int64")
    return people.aggregate(**found)


def number_sums(people: ir.Table, units: Mapping[str, float], *, by: str) -> ir.Table:
    """Sum numbers and their squares over the customers of each segment, exactly.

    Turns each attribute into *n_…, sum_…, squared_…*, numbered in the order given.

    Parameters
    ----------
    people : ibis.Table
        One row per customer.
    units : mapping of str to float
        Attributes, and for each the step that it is rounded to: sums are whole numbers of it.
    by : str
        Column with the segment; a customer without one is left out.

    Returns
    -------
    ibis.Table
        ``segment`` (text), ``n_customers``, and per attribute whole numbers without a fraction; in the order of the
        segments. Who has no number is left out of that attribute's sums.

    Notes
    -----
    A sum of floats depends on the order of adding, which two threads do not keep. Whole numbers do not.

    Examples
    --------
    >>> people = ibis.memtable({"age": ["31", "40", None], "segment": ["x", "x", "y"]})
    >>> table = number_sums(people, {"age": 1.0}, by="segment").execute()
    >>> table[["n_0", "sum_0", "squared_0"]].astype(int).values.tolist()
    [[2, 71, 2561], [0, 0, 0]]
    """
    whole = {f"x_{index}": _steps(_number(people[name]), units[name]) for index, name in enumerate(units)}
    rows = people.select(segment=people[by].cast("string"), **whole)
    rows = rows.filter(rows.segment.notnull())
    sums = {"n_customers": rows.count()}
    for index in range(len(units)):
        sums |= _sums(rows[f"x_{index}"], str(index))
    return rows.group_by("segment").aggregate(**sums).order_by("segment")


def known_sums(people: ir.Table, attributes: Sequence[str], measures: Sequence[str], *, by: str) -> ir.Table:
    """Count the customers whose attributes are known, and sum what they do beside what all do, exactly.

    Turns attributes and measures into *known_…* and *n_…, sum_…, squared_…* per segment.

    Parameters
    ----------
    people : ibis.Table
        One row per customer.
    attributes : sequence of str
        What may be known of a customer.
    measures : sequence of str
        What customers do: money (decimal, in cents then) or counts (integer).
    by : str
        Column with the segment; a customer without one is left out.

    Returns
    -------
    ibis.Table
        ``segment``, ``n_customers``; ``known_any`` (customers of whom any attribute is known), ``known_0`` (the
        first) and so on. For each measure ``m`` the sums over all customers in ``n_m_all``, ``sum_m_all`` and
        ``squared_m_all``, and over those known in ``n_m_any``, ``n_m_0`` and so on; in the order of the segments.

    Examples
    --------
    >>> people = ibis.memtable({"age": ["31", None], "n_orders": [3, 5], "segment": ["x", "x"]})
    >>> table = known_sums(people, ["age"], ["n_orders"], by="segment").execute()
    >>> table[["n_customers", "known_any", "sum_n_orders_all", "sum_n_orders_0"]].astype(int).values.tolist()
    [[2, 1, 8, 3]]
    """
    known = {f"is_{index}": people[name].notnull().ifelse(1, 0) for index, name in enumerate(attributes)}
    whole = {f"x_{name}": whole_units(people[name]) for name in measures}
    rows = people.select(segment=people[by].cast("string"), **known, **whole)
    rows = rows.filter(rows.segment.notnull())
    rows = rows.mutate(is_any=ibis.greatest(*(rows[name] for name in known)))
    sums = {"n_customers": rows.count()}
    for name in measures:
        sums |= _sums(rows[f"x_{name}"], f"{name}_all")
    for flag in ("any", *map(str, range(len(attributes)))):
        sums[f"known_{flag}"] = rows[f"is_{flag}"].sum().cast("int64")
        for name in measures:
            sums |= _sums(rows[f"x_{name}"], f"{name}_{flag}", where=rows[f"is_{flag}"] == 1)
    return rows.group_by("segment").aggregate(**sums).order_by("segment")


def _known(column: ir.Column) -> ir.Column:
    """The value; missing where it says that there is none. Engines sort NaN above all numbers."""
    if column.type().is_string():
        text = column.strip()
        return text.isin(BLANKS).ifelse(ibis.null("string"), text)
    if column.type().is_floating():
        return (column.isnan() | column.isinf()).ifelse(ibis.null(column.type()), column)
    return column


def _number(column: ir.Column) -> ir.FloatingColumn:
    """The number; missing where there is none."""
    if column.type().is_string():
        column = column.re_search(_NUMBER).ifelse(column, ibis.null("string"))
    return column.cast("float64")


def _steps(number: ir.FloatingColumn, unit: float) -> ir.DecimalColumn:
    return (number / unit + 0.5).floor().cast("decimal(19,0)")


def _sums(column: ir.NumericColumn, end: str, *, where: ir.BooleanValue | None = None) -> dict[str, ir.Value]:
    """Count, sum and sum of squares, without a fraction, so that no engine rounds them."""
    return {
        f"n_{end}": column.count(where=where),
        f"sum_{end}": ibis.coalesce(column.sum(where=where), 0).cast("decimal(38,0)"),
        f"squared_{end}": ibis.coalesce((column * column).sum(where=where), 0).cast("decimal(38,0)"),
    }
