"""One column from several: row by row the first that is filled."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from cam.data.engine import identifier
from cam.data.files.sources import ASIDE, Raw, find_column
from cam.data.notes import Note
from cam.data.orders.columns import reshaped
from cam.data.types.expressions import blank, nobody, text
from cam.errors import DataError
from cam.params import Source


def first_filled(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str
) -> tuple[Raw, Source]:
    """Make one column of each canonical one that has several names; of an id, one that names nobody is not filled.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read, with ``_cam_aside``.
    source : Source
        Its entry in the parameter file.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of Raw and Source
        The source with one name for each column.

    Raises
    ------
    DataError
        If one of the names is not there.
    """
    several = {name: origin for name, origin in source.columns.items() if not isinstance(origin, str)}
    if not several:
        return raw, source
    present = raw.own_columns
    lost = [name for names in several.values() for name in names if not find_column(name, present)]
    if lost:
        shown = ", ".join(present[:20]) + (f" and {len(present) - 20} more" if len(present) > 20 else "")
        noun = "column" if len(lost) == 1 else "columns"
        raise DataError(
            f"{raw.table}: {noun} {', '.join(map(repr, lost))} not found. Columns present: {shown}.\n"
            f"    Of several names each must be there: data.{raw.table}.columns in {place}."
        )
    columns: dict[str, str | list[str]] = dict(source.columns)
    values, kinds, used, notes = dict[str, str](), dict[str, str](), set[str](), list[str]()
    for name, origins in several.items():
        found = list(dict.fromkeys(find_column(origin, present) or origin for origin in origins))
        if len(found) == 1:
            columns[name] = found[0]
            continue
        made = _unused(" / ".join(found), {*present, *values})
        values[made], kinds[made], note = _choice(connection, raw, source, name, found)
        columns[name] = made
        used |= set(found)
        notes.append(note)
    options = source.options
    others: list[str | None] = [origin for origin in columns.values() if isinstance(origin, str)]
    others += [options.refund_column, options.multiply_by, *options.line_value]
    others += [options.states.column] if options.states else []
    # What another column is read from stays; the rest has been used up and is no attribute of its own.
    keep = {find_column(origin, present) for origin in others if origin}
    raw = replace(raw, columns=raw.columns | kinds)
    raw = reshaped(connection, raw, "chosen", values, notes, without=used - keep)
    return raw, source.model_copy(update={"columns": columns})


def _unused(name: str, taken: set[str]) -> str:
    lower = {other.lower() for other in taken}
    while name.lower() in lower:
        name += " (2)"
    return name


def _choice(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, name: str, origins: list[str]
) -> tuple[str, str, str]:
    """The expression, its type, and how many rows took each."""
    kinds = {raw.columns[origin] for origin in origins}
    kind = kinds.pop() if len(kinds) == 1 else "VARCHAR"
    fills, fallbacks = [], []
    for origin in origins:
        given, own = identifier(origin), raw.columns[origin]
        value = given if own == kind else text(given, own, is_id=False)
        filled = f"NOT {blank(given, own)}"
        if name.endswith("_id"):
            read = text(given, own, is_id=True)
            someone = f"({read} IS NOT NULL AND NOT {nobody(read, source.options.guests)})"
            fallbacks.append(f"WHEN {filled} THEN {value}")
            filled = someone
        fills.append((filled, value))
    # An id that names nobody is still better than none: it is reported as what it is.
    whens = [f"WHEN {filled} THEN {value}" for filled, value in fills] + fallbacks
    which = " ".join(f"WHEN {filled} THEN {index}" for index, (filled, _) in enumerate(fills))
    counted = dict(
        connection.execute(
            f"SELECT CASE {which} ELSE -1 END, count(*) FROM {raw.relation} WHERE {ASIDE} IS NULL GROUP BY 1"
        ).fetchall()
    )
    shown = [f"{origin} {counted.get(index, 0):,}" for index, origin in enumerate(origins)]
    note = Note(
        "{column} is the first filled of several columns, in rows: {shown}; in none: {n}",
        column=name,
        shown=", ".join(shown),
        n=counted.get(-1, 0),
    )
    return f"CASE {' '.join(whens)} END", kind, note
