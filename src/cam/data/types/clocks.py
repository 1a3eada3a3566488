"""Moments of one place counted in the days of another: by the offset they carry, or by what the parameters say."""

from __future__ import annotations

import duckdb

from cam.data.engine import identifier, literal
from cam.data.files.sources import Raw
from cam.data.notes import Note
from cam.data.types.expressions import blank, trimmed
from cam.errors import DataError
from cam.params import Source

#: An offset from UTC behind a time of day: its name, its sign and hours, its minutes.
_OFFSET = (
    r":[0-9]{2}(?:[.][0-9]+)?(?: ?[AaPp][Mm])? ?"
    r"(?:(Z|UTC|GMT)|(?:UTC|GMT)?([+-])([0-9]{1,2})(?::?([0-9]{2}))?|([A-Z]{3,4}))$"
)


def in_zone(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, source: Source, reader: str, *, place: str
) -> tuple[str, list[Note]]:
    """Move the moments of a column to the zone whose days count.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    origin : str
        The source's column.
    source : Source
        Its entry in the parameter file.
    reader : str
        Expression of the clock as it is written, without offset.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of str and list of Note
        The expression, and what is to be told, with the column's name left as ``{column}``. A day without a time of
        day is that day everywhere.

    Raises
    ------
    DataError
        If a zone is abbreviated in a way that several share, such as CST.
    """
    options = source.options
    if options.time_zone is None:
        if options.times_in is None:
            return reader, []
        words = "{column}: days are those of {zone}; options.time_zone counts those of another place"
        return reader, [Note(words, column="", zone=options.times_in)]
    given, kind = identifier(origin), raw.columns[origin]
    text = trimmed(given if kind == "VARCHAR" else f"CAST({given} AS VARCHAR)")
    rows = f"(SELECT {reader} AS local, {text} AS text FROM {raw.relation} WHERE NOT {blank(given, kind)})"
    offset = f"regexp_matches(text, {literal(_OFFSET)})"
    named = f"nullif(regexp_extract(text, {literal(_OFFSET)}, 5), '')"
    has_clock = "local <> date_trunc('day', local)"
    found = connection.execute(
        f"SELECT count(*) FILTER ({has_clock}), count(*) FILTER ({offset}), count({named}), min({named}), "
        f"count(*) FILTER (NOT {offset} AND NOT {_is_epoch('text')} AND contains(text, ':')) FROM {rows}"
    ).fetchone()
    assert found is not None
    clocks, with_offset, n_named, example, plain = found
    if not clocks:
        return reader, []  # days without a time of day
    if n_named:
        raise DataError(
            f"{raw.table}: {n_named:,} values of '{origin}' name their zone {example!r}, which several may be.\n"
            "    Export it again with offsets such as +08:00, or in UTC; or take "
            f"data.{raw.table}.options.time_zone out of {place} to count days by the clock as it is written."
        )
    utc, zone = literal("UTC"), literal(options.time_zone)
    part = [f"regexp_extract({text}, {literal(_OFFSET)}, {group})" for group in (2, 3, 4)]
    hours, minutes = (f"coalesce(TRY_CAST({name} AS INTEGER), 0)" for name in part[1:])
    ahead = f"to_minutes(CASE {part[0]} WHEN '-' THEN -1 ELSE 1 END * ({hours} * 60 + {minutes}))"
    written = f"regexp_matches({text}, {literal(_OFFSET)})"
    whens = [f"WHEN {_is_epoch(text)} THEN timezone({zone}, timezone({utc}, {reader}))"]
    if with_offset:
        whens.append(f"WHEN {written} THEN timezone({zone}, timezone({utc}, {reader} - {ahead}))")
    if options.times_in:
        is_moment = f"contains({text}, ':') OR {reader} <> date_trunc('day', {reader})"
        whens.append(
            f"WHEN {is_moment} THEN timezone({zone}, timezone({literal(options.times_in)}, {reader}))"
        )
    value = f"CASE {' '.join(whens)} ELSE {reader} END"
    notes = [Note("{column}: moments count on the days of {zone}", column="", zone=options.time_zone)]
    if plain and not options.times_in:
        words = (
            "{column}: {n} moments have no offset of their own, and count by the clock as it is written; "
            "options.times_in says which zone that is"
        )
        notes.append(Note(words, column="", n=plain))
    return value, notes


def _is_epoch(text: str) -> str:
    """Whether a text is seconds or thousandths of them since 1970, which are always of UTC."""
    return f"regexp_full_match({text}, '[0-9]{{10}}|[0-9]{{13}}')"
