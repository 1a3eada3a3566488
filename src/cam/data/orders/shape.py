"""Rows as a system exports them -> rows that count, each with its own facts and its own money."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from cam.data.engine import identifier
from cam.data.files.sources import ASIDE, COPY, Raw
from cam.data.notes import Note
from cam.data.one_pass import why_aside
from cam.data.orders.amounts import ask_about_decimals, in_units, refund_signs, unit_prices
from cam.data.orders.choices import first_filled
from cam.data.orders.columns import column_of, reshaped
from cam.data.orders.order_lines import fill_down, order_lines
from cam.data.orders.states import keep_states
from cam.data.types.expressions import nobody, text
from cam.data.types.surveys import set_aside
from cam.errors import DataError
from cam.params import Source
from cam.schema import TABLES


def shape(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str
) -> tuple[Raw, Source]:
    """Return the raw table as one row per order or line, and the source with one name per column.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    source : Source
        Its entry in the parameter file, with all that its preset adds.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of Raw and Source
        No row lost, and their order kept: ``_cam_aside`` says why a row does not count. Both are what was given where
        nothing is to be done.

    Raises
    ------
    DataError
        If an amount can be read two ways, a state is in no list, lines of an order contradict each other, or an
        option names a column that is not there.
    """
    told = ask_about_decimals(connection, raw, source, place=place)
    raw = replace(raw, notes=(*raw.notes, *told))
    if not (_asked(source) or _shares_ids(connection, raw, source)):
        return raw, source
    raw = _told_apart(connection, raw, source)
    # Each step works on what the one before it made: an order's lines need ids and amounts, its state its lines.
    for step in (
        in_units,
        fill_down,
        first_filled,
        settled_ids,
        unit_prices,
        refund_signs,
        order_lines,
        keep_states,
    ):
        raw, source = step(connection, raw, source, place=place)
    return raw, source


def _asked(source: Source) -> bool:
    options = source.options
    return bool(
        any(not isinstance(origin, str) for origin in source.columns.values())
        or options.states
        or options.id_width
        or options.revenue_per == "order"
        or options.line_value
        or options.multiply_by
        or set(options.units.values()) - {1}
        or options.refund_prefix
    )


def _shares_ids(connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source) -> bool:
    """Whether a table that can do without customers has some that name nobody."""
    column = TABLES[raw.table].column("customer_id")
    origin = column_of(raw, source, "customer_id")
    if column is None or column.required or origin is None:
        return False
    test = _names_nobody(raw, source, origin)
    return connection.execute(f"SELECT 1 FROM {raw.relation} WHERE {test} LIMIT 1").fetchone() is not None


def _names_nobody(raw: Raw, source: Source, origin: str) -> str:
    return nobody(text(identifier(origin), raw.columns[origin], is_id=True), source.options.guests)


def _told_apart(connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source) -> Raw:
    """Say of each row, before anything is changed, what it is a copy of and whether it counts."""
    raw = set_aside(connection, raw, source)
    digest = f"hash({', '.join(map(identifier, raw.own_columns))})"
    values = {COPY: digest, ASIDE: f"CAST({why_aside(raw)} AS VARCHAR)"}
    columns = raw.columns | {COPY: "UBIGINT", ASIDE: "VARCHAR"}
    return reshaped(connection, replace(raw, columns=columns), "whole", values)


def settled_ids(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str
) -> tuple[Raw, Source]:
    """Fill up ids that lost their leading zeros, and empty those that name nobody where a row can do without.

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
        Where the table needs its customers, an id that names nobody is left for the checks to find.

    Raises
    ------
    DataError
        If ``id_width`` has no column to work on.
    """
    width, origin = source.options.id_width, column_of(raw, source, "customer_id")
    column = TABLES[raw.table].column("customer_id")
    if origin is None or column is None:
        if width:
            raise DataError(
                f"{raw.table}: id_width fills up a customer_id, which is not there.\n"
                f"    Map it in data.{raw.table}.columns, or take id_width out of {place}."
            )
        return raw, source
    given, kind = identifier(origin), raw.columns[origin]
    read = text(given, kind, is_id=True)
    is_nobody = _names_nobody(raw, source, origin)
    short = f"(regexp_full_match({read}, '[0-9]+') AND length({read}) < {width or 0})"
    counted = connection.execute(
        f"SELECT count(*) FILTER ({is_nobody}), count(*) FILTER ({short} AND NOT {is_nobody}) "
        f"FROM {raw.relation} WHERE {ASIDE} IS NULL"
    ).fetchone()
    assert counted is not None
    whens, notes = [], list[str]()
    if counted[0] and not column.required:
        whens.append(f"WHEN {is_nobody} THEN NULL")
        words = "customer_id names nobody in {n} rows (masked, or a guest); they count without a customer"
        notes.append(Note(words, n=counted[0]))
    if width:
        filled = f"lpad({read}, {width}, '0')"
        whens.append(f"WHEN {is_nobody} THEN {read} WHEN {short} THEN {filled}")
        words = "customer_id was filled up with leading zeros to {width} digits in {n} rows"
        notes.append(Note(words, width=width, n=counted[1]))
    if not whens:
        return raw, source
    value = f"CASE {' '.join(whens)} ELSE {read if width else given} END"
    raw = replace(raw, columns=raw.columns | {origin: "VARCHAR" if width else kind})
    return reshaped(connection, raw, "filled", {origin: value}, notes), source
