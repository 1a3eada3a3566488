"""Amounts in a source's own clothes: asked about where they can be read two ways, multiplied, and written back.

The expressions are DuckDB's: this happens in the embedded engine, before any reduction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import duckdb

from cam.data.engine import identifier, literal
from cam.data.files.margins import UNIT_ABOVE
from cam.data.files.sources import ASIDE, Raw, find_column
from cam.data.notes import Note
from cam.data.orders.columns import column_of, needed_column, reshaped
from cam.data.types.expressions import blank, currency_sign, number, text
from cam.data.types.units import first_unit, said_unit
from cam.errors import DataError
from cam.params import Source
from cam.schema import TABLES

#: Marks of digits, of both decimal signs, and of tens of thousands, in both widths.
_MARKS = ("０１２３４５６７８９．，", "0123456789.,")
EXACT = "DECIMAL(18, 6)"
#: From here on a number of that type has no room.
TOO_LARGE = 10**12
#: A factor of a product: the engine multiplies numbers of 18 digits within 18 digits, and stops where they are too few.
WIDE = "DECIMAL(19, 6)"
#: Rows below the header that may say a unit.
_BELOW = 3


def written(value: str, given: str, kind: str, *, decimal: str) -> str:
    """The expression of an amount as its column writes amounts, with the currency of *given*.

    Parameters
    ----------
    value : str
        Expression of an exact number.
    given : str
        Expression of what the source has in that row.
    kind : str
        The column's type in the engine.
    decimal : str
        The column's decimal sign.

    Returns
    -------
    str
        A text where the column holds texts, else a number; NULL where *value* is.

    Examples
    --------
    >>> written("a * 2", "a", "DOUBLE", decimal=".")
    'CAST(a * 2 AS DECIMAL(18, 6))'
    """
    exact = f"CAST({value} AS {EXACT})"
    if kind != "VARCHAR":
        return exact
    digits = f"rtrim(rtrim(CAST({exact} AS VARCHAR), '0'), '.')"
    if decimal == ",":
        digits = f"replace({digits}, '.', ',')"
    return f"(coalesce({currency_sign(given)}, '') || {digits})"


def written_kind(kind: str) -> str:
    """Type of what :func:`written` makes."""
    return "VARCHAR" if kind == "VARCHAR" else EXACT


def ask_about_decimals(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str
) -> tuple[Note, ...]:
    """Stop where each point of an amount may as well part thousands, and nobody has said which it is.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    source : Source
        Its entry in the parameter file.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of Note
        Columns in which each comma is read as parting thousands, though it may be a decimal one.

    Raises
    ------
    DataError
        If every value with a decimal sign has three digits behind it and one to three before it; or every value with
        a comma has, where semicolons part the columns, another value has a decimal comma, or no amount has none.
    """
    if "decimal" in source.options.model_fields_set:
        return ()
    notes = []
    for origin in _amounts(raw, source):
        given = identifier(origin)
        plain = f"translate({given}, {literal(_MARKS[0])}, {literal(_MARKS[1])})"
        core = f"regexp_replace({plain}, '[^0-9.,万亿]', '', 'g')"
        by_point = f"regexp_full_match({core}, '[1-9][0-9]{{0,2}}([.][0-9]{{3}})+')"
        by_comma = f"regexp_full_match({core}, '[1-9][0-9]{{0,2}},[0-9]{{3}}')"
        counts = f"FROM {raw.relation} WHERE {f'{ASIDE} IS NULL' if ASIDE in raw.columns else 'true'}"
        # What is no amount says nothing of how amounts are written.
        as_point, as_comma = (f"{number(given, 'VARCHAR', decimal=sign)} IS NOT NULL" for sign in ".,")
        has_point, has_comma = (
            f"(contains({given}, '{half}') OR contains({given}, '{full}'))" for half, full in (".．", ",，")
        )
        # Most columns settle it in their first rows, so this one stops early.
        settled = f"SELECT 1 {counts} AND {has_point} AND NOT {by_point} AND {as_point} LIMIT 1"
        if connection.execute(settled).fetchone():
            continue
        found = connection.execute(
            f"""
            SELECT count(*) FILTER (point), min({given}) FILTER (point), count(*) FILTER (comma),
                   min({given}) FILTER (comma), min({given}) FILTER (as_comma AND NOT as_point AND has_comma),
                   count(*) FILTER (as_point AND has_comma AND NOT comma)
            FROM (SELECT {given}, {has_comma} AS has_comma, {as_point} AS as_point, {as_comma} AS as_comma,
                         {by_point} AND ({as_point} OR {as_comma}) AS point, {by_comma} AND {as_point} AS comma
                  {counts} AND ({has_point} OR {has_comma}))
            """
        ).fetchone()
        assert found is not None
        points, point, commas, comma, decimal_comma, thousands = found
        is_open = decimal_comma or any(text.delimiter == ";" for text in raw.texts)
        if commas and not thousands and not is_open:
            # Amounts below a thousand have no comma that parts thousands: where all have one, it may be a decimal one.
            bare = f"SELECT 1 {counts} AND NOT {has_comma} AND {number(given, 'VARCHAR', decimal='.')} <> 0 LIMIT 1"
            is_open = connection.execute(bare).fetchone() is None
        if points or (commas and not thousands and is_open):
            n, sign, shown = (points, "point", point) if points else (commas, "comma", comma)
            only = f", and {decimal_comma!r} has a decimal comma" if decimal_comma else ""
            raise DataError(
                f"{raw.table}: column '{origin}' has {n:,} values with a {sign}, each with three digits behind it "
                f"(such as {shown!r}){only}: thousands, or decimals?\n"
                f'    Say which sign is the decimal one: data.{raw.table}.options.decimal: "," or "." in {place}.'
            )
        if commas and not thousands:
            read = "".join(digit for digit in comma if digit not in ",，")
            notes.append(Note(_THOUSANDS, column=origin, n=commas, shown=comma, read=read))
    return tuple(notes)


_THOUSANDS = (
    "{column}: the comma in {n} values is read as parting thousands, {shown} as {read}; "
    "options.decimal says otherwise"
)


def _amounts(raw: Raw, source: Source) -> list[str]:
    """Every column of texts that amounts are read from, and what they are multiplied by or shared out by."""
    options, present = source.options, raw.own_columns
    others = [name for name in (options.multiply_by, *options.line_value) if name]
    found = [*_money(raw, source), *(find_column(name, present) for name in others)]
    return [name for name in dict.fromkeys(found) if name and raw.columns[name] == "VARCHAR"]


def _money(raw: Raw, source: Source) -> list[str]:
    """Every column that amounts are read from, each of several."""
    names = list[str]()
    for column in TABLES[raw.table].columns:
        if column.kind == "money":
            asked = source.columns.get(column.name, column.name)
            names += [asked] if isinstance(asked, str) else asked
    names += [source.options.refund_column] if source.options.refund_column else []
    found = (find_column(name, raw.own_columns) for name in names)
    return list(dict.fromkeys(name for name in found if name))


def unsaid_units(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source
) -> tuple[dict[str, Any], ...]:
    """Find the columns of amounts of which a unit is said, as long as nobody has said what one is worth.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    source : Source
        Its entry in the parameter file.

    Returns
    -------
    tuple of dict
        ``column``; ``unit`` as it is said, and ``worth``; ``where``: ``name`` of the column, ``below`` the header, or
        ``above`` it, which says it of all columns.
    """
    known = {find_column(name, raw.own_columns) for name in source.options.units}
    lines = [
        str(note.values["unit"]) for note in raw.notes if isinstance(note, Note) and note.words == UNIT_ABOVE
    ]
    above = first_unit(lines) if not known else None
    columns = [name for name in _money(raw, source) if name not in known]
    return tuple(
        {"column": name, "unit": unit, "worth": worth, "where": where}
        for name, (where, (unit, worth)) in said_units(connection, raw, columns, above=above).items()
    )


def said_units(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    columns: Iterable[str],
    *,
    above: tuple[str, float] | None,
) -> dict[str, tuple[str, tuple[str, float]]]:
    """Find the units that columns of amounts say, by their names or in a line under the header, as ``（万元）``.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    columns : iterable of str
        As the source calls them.
    above : tuple of str and float, or None
        What a line above the header says: of all columns, where none of them says its own.

    Returns
    -------
    dict of str to tuple
        Of the columns with a unit: ``name``, ``below`` or ``above``, and what
        :func:`cam.data.types.units.said_unit` says.
    """
    columns, found = list(columns), {}
    for name in columns:
        if unit := said_unit(name):
            found[name] = ("name", unit)
        elif unit := _unit_below(connection, raw, name):
            found[name] = ("below", unit)
    return found or (dict.fromkeys(columns, ("above", above)) if above else {})


def _unit_below(connection: duckdb.DuckDBPyConnection, raw: Raw, column: str) -> tuple[str, float] | None:
    """The unit in place of an amount in one of the first rows."""
    if raw.columns[column] != "VARCHAR":
        return None
    cells = connection.execute(f"SELECT {identifier(column)} FROM {raw.relation} LIMIT {_BELOW}").fetchall()
    return first_unit(text for (text,) in cells if text and not any(map(str.isdigit, text)))


def in_units(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str
) -> tuple[Raw, Source]:
    """Turn amounts that are thousands, or hundredths, into the currency's own units.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    source : Source
        Its entry in the parameter file.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of Raw and Source
        A value that cannot be read stays as it is, so that it is found.

    Raises
    ------
    DataError
        If a column is not there, holds no amounts, or some that say a unit of their own.
    """
    decimal, amounts = source.options.decimal, _money(raw, source)
    values, kinds, notes = dict[str, str](), dict[str, str](), list[str]()
    for asked, unit in source.options.units.items():
        name = needed_column(raw, asked, "units", place)
        if name not in amounts:
            raise DataError(
                f"{raw.table}: options.units names '{name}', and no amount is read from it.\n"
                f"    Take it out of data.{raw.table}.options.units in {place}."
            )
        if unit == 1:
            continue
        if round(unit, 3) != unit:  # more would be cut, and every amount wrong in silence
            raise DataError(
                f"{raw.table}: options.units says {unit:.10g} for '{name}': give at most three decimals.\n"
                f"    Convert currencies at the source, not by data.{raw.table}.options.units in {place}."
            )
        given, kind = identifier(name), raw.columns[name]
        if kind == "VARCHAR":
            # Beside a number: alone it is the unit of all, in a line below the header.
            is_own = f"regexp_matches({given}, '[万萬亿]') AND regexp_matches({given}, '[0-9０-９]')"
            said = f"SELECT {given}, count(*) OVER () FROM {raw.relation} WHERE {is_own}"
            if own := connection.execute(f"{said} LIMIT 1").fetchone():
                raise DataError(
                    f"{raw.table}: column '{name}' has {own[1]:,} amounts with a unit of their own, such as "
                    f"{own[0]!r}, and options.units would multiply them again.\n"
                    f"    Take it out of data.{raw.table}.options.units in {place}, or export all in one unit."
                )
        made = written(number(given, kind, decimal=decimal, unit=unit), given, kind, decimal=decimal)
        # What is too large for an amount once it is multiplied must be found, and not stand as it is.
        if kind == "VARCHAR":
            beyond = f"{given} || ' x {unit:.10g}'"
            values[name] = (
                f"CASE WHEN {number(given, kind, decimal=decimal)} IS NULL THEN {given} "
                f"ELSE coalesce({made}, {beyond}) END"
            )
        else:
            values[name] = f"coalesce({made}, CAST({given} AS DOUBLE) * {unit})"
        kinds[name] = "VARCHAR" if kind == "VARCHAR" else "DOUBLE"
        notes.append(Note("{column}: amounts are multiplied by {unit}", column=name, unit=f"{unit:,.10g}"))
    if not values:
        return raw, source
    return reshaped(connection, replace(raw, columns=raw.columns | kinds), "in_units", values, notes), source


def unit_prices(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str
) -> tuple[Raw, Source]:
    """Multiply revenue by the column of units, where it is the price of one.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    source : Source
        Its entry in the parameter file.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of Raw and Source
        A value that cannot be read stays as it is, so that it is found; without units there is no revenue.

    Raises
    ------
    DataError
        If the table has no revenue, the column is not there, or a product is too large.
    """
    options = source.options
    if options.multiply_by is None:
        return raw, source
    units_of = needed_column(raw, options.multiply_by, "multiply_by", place)
    price_of = column_of(raw, source, "revenue")
    if raw.table != "transactions" or price_of is None:
        return raw, source  # the reading of columns says what is missing
    if options.revenue_per == "order":
        raise DataError(
            f"{raw.table}: multiply_by makes revenue that of a line, and revenue_per says that it is an order's.\n"
            f"    Take one of the two out of data.{raw.table}.options in {place}."
        )
    price, units = identifier(price_of), identifier(units_of)
    kind, units_kind = raw.columns[price_of], raw.columns[units_of]
    unit_price = number(price, kind, decimal=options.decimal)
    count = number(units, units_kind, decimal=options.decimal)
    # Less than nothing at less than nothing apiece is given back all the same: it is no purchase.
    both_below = "_cam_price < 0 AND _cam_units < 0"
    factor = f"CASE WHEN {both_below} THEN abs(_cam_units) ELSE _cam_units END"
    product = f"TRY_CAST(CAST(_cam_price AS {WIDE}) * {factor} AS {EXACT})"
    made = written(product, price, kind, decimal=options.decimal)
    # What cannot be read must stay to be found; a text that is no amount may stand in the other column.
    other = f"CAST({units} AS VARCHAR)" if kind == "VARCHAR" else "NULL"
    value = (
        f"CASE WHEN _cam_price IS NULL THEN {price} WHEN _cam_units IS NULL THEN "
        f"CASE WHEN {blank(units, units_kind)} THEN NULL ELSE {other} END ELSE {made} END"
    )
    inner = f"(SELECT *, {unit_price} AS _cam_price, {count} AS _cam_units FROM {raw.relation})"
    columns = raw.columns | {price_of: written_kind(kind)}
    notes = [Note("revenue is {price} times {units}", price=price_of, units=units_of)]
    no_room = f"_cam_price IS NOT NULL AND _cam_units IS NOT NULL AND {product} IS NULL"
    turned, large, example = connection.execute(
        f"SELECT count(*) FILTER ({both_below}), count(*) FILTER ({no_room}), "
        f"first({price} || ' x ' || {units}) FILTER ({no_room}) FROM {inner} WHERE {ASIDE} IS NULL"
    ).fetchone() or (0, 0, "")
    if large:
        rows = "1 row has" if large == 1 else f"{large:,} rows have"
        raise DataError(
            f"{raw.table}: {rows} a product of '{price_of}' and '{units_of}' that is too large, such as "
            f"{example!r}.\n    Numbers of {TOO_LARGE:,} and more have no room: give amounts in thousands or millions "
            "in the files."
        )
    if turned:
        notes.append(Note(_BOTH_BELOW, n=turned, price=price_of, units=units_of))
    made_raw = replace(raw, relation=inner, columns=columns)
    return reshaped(connection, made_raw, "priced", {price_of: value}, notes), source


_BOTH_BELOW = "{price} and {units} are both below 0 in {n} rows; these count as refunds, not as purchases"


def refund_signs(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str
) -> tuple[Raw, Source]:
    """Make the revenue of an order negative whose id says that it is a refund.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    source : Source
        Its entry in the parameter file.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of Raw and Source

    Raises
    ------
    DataError
        If the table has no order_id to see it by.
    """
    options = source.options
    if options.refund_prefix is None:
        return raw, source
    order_of, revenue_of = column_of(raw, source, "order_id"), column_of(raw, source, "revenue")
    if order_of is None or raw.table != "transactions":
        raise DataError(
            f"{raw.table}: refund_prefix tells refunds by their order_id, which is not there.\n"
            f"    Map order_id in data.{raw.table}.columns, or take refund_prefix out of {place}."
        )
    if revenue_of is None:
        return raw, source
    given, kind = identifier(revenue_of), raw.columns[revenue_of]
    order = text(identifier(order_of), raw.columns[order_of], is_id=True)
    is_refund = f"coalesce(starts_with({order}, {literal(options.refund_prefix)}), false)"
    amount = number(given, kind, decimal=options.decimal)
    counted = connection.execute(
        f"SELECT count(*), count(*) FILTER ({amount} > 0) FROM {raw.relation} WHERE {is_refund}"
    ).fetchone()
    assert counted is not None
    note = Note(
        "order_id begins with {prefix} in {n} rows, which are refunds; {turned} of them had no minus sign",
        prefix=options.refund_prefix,
        n=counted[0],
        turned=counted[1],
    )
    made = written("-_cam_amount", given, kind, decimal=options.decimal)
    value = f"CASE WHEN {is_refund} AND _cam_amount > 0 THEN {made} ELSE {given} END"
    inner = f"(SELECT *, {amount} AS _cam_amount FROM {raw.relation})"
    columns = raw.columns | {revenue_of: written_kind(kind)}
    made_raw = replace(raw, relation=inner, columns=columns)
    return reshaped(connection, made_raw, "signed", {revenue_of: value}, [note]), source
