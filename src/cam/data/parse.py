"""Text -> types, column by column, with every value that cannot be read counted and found again.

The expressions are DuckDB's: this happens in the embedded engine, before any reduction.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from cam.data.checks import Check, failed_checks
from cam.data.engine import identifier
from cam.data.files.sources import COPY, Raw, find_column
from cam.data.first_rows import digits_form, has_lines
from cam.data.notes import Note
from cam.data.one_pass import (
    CUSTOMERS,
    Candidate,
    Reading,
    date_readers,
    type_table,
    with_dates,
)
from cam.data.people.privacy import personal_columns
from cam.data.types.evidence import ids_without_zeros, order_notes
from cam.data.types.expressions import (
    as_number,
    blank,
    boolean,
    currency_sign,
    is_dressed,
    is_numeric,
    is_rounded,
    number,
    number_tests,
    plain_id,
    plain_number,
    text,
)
from cam.data.types.scores import Score, read_scores
from cam.data.types.surveys import set_aside
from cam.errors import DataError
from cam.params import Source
from cam.schema import TABLES, Column

#: What the sign in an amount says of its currency; others name themselves. ¥ and $ fit several.
#: Types of Parquet that hold several values, or bytes.
_NESTED = re.compile(r"\]$|^(STRUCT|MAP|UNION|BLOB)\b")
_SIGNS = {"RMB": "CNY", "元": "CNY", "CN¥": "CNY", "€": "EUR", "£": "GBP", "US$": "USD", "HK$": "HKD"}
_FITS = {"¥": {"CNY", "JPY"}, "$": {"USD", "HKD", "AUD", "CAD", "SGD", "TWD", "NZD", "MXN"}}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A canonical table in the engine, every source row still in it.

    Attributes
    ----------
    table : str
        Canonical name.
    relation : str
        Its quoted name in the engine; columns as the schema names them, and our own, which begin with ``_cam``.
    columns : tuple of str
        Canonical columns and kept attributes.
    unused : tuple of str
        Source columns that nothing reads.
    personal : tuple of (str, str)
        Source columns left out because they seem to name a person, each with what it looks like.
    n_rows : int
        Rows of the source.
    checks : tuple of Check
        Those that failed for at least one row.
    notes : tuple of str
        Decisions that a reader should know, such as the order of day and month.
    signs : tuple of str
        Currencies that the amounts themselves name: their ISO code, or the sign where it fits several.
    candidate : Candidate or None
        A file of the rows that may be the prepared table already.
    copies : str
        SELECT of what tells exact copies of a row of the source, for all of them in their order.
    without_zeros : dict or None
        Ids that stand with zeros in front and without, as from :func:`cam.data.types.evidence.ids_without_zeros`.
    """

    table: str
    relation: str
    columns: tuple[str, ...]
    unused: tuple[str, ...]
    personal: tuple[tuple[str, str], ...]
    n_rows: int
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    signs: tuple[str, ...]
    candidate: Candidate | None
    copies: str
    without_zeros: dict[str, Any] | None = None


def parse(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str, to: Path | None = None
) -> Parsed:
    """Turn a raw table into the canonical one: names mapped, values typed, faults flagged, no row lost.

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
    to : Path, optional
        A file for the rows of transactions: it may turn out to be the prepared table, and is removed by the caller.

    Returns
    -------
    Parsed

    Raises
    ------
    DataError
        If a needed column is not there, an id was rounded by a spreadsheet, a date can be read two ways, or words
        stand for numbers that nobody has said.
    """
    if COPY not in raw.columns:  # else it is done already
        raw = set_aside(connection, raw, source)
    mapping, personal = _mapping(connection, raw, source, place)
    if source.options.refund_column:
        mapping["_cam_refund"] = _refund_column(raw, source.options.refund_column, place)
    scores, told = read_scores(connection, raw, source, mapping, place=place)
    readings = _readings(connection, raw, source, mapping, scores, place=place)
    dates, presumed = date_readers(connection, raw, source, readings, place=place, by_all=False)
    late = to if raw.table == "transactions" else None
    # Digests are in the way of a file that may be the prepared table; one with the lines of orders will not be.
    is_written_anew = source.options.drop_duplicates or has_lines(connection, raw, mapping.get("order_id"))
    with_copies = late is None or is_written_anew
    typed = type_table(connection, raw, with_dates(readings, dates), to=late, with_copies=with_copies)
    doubtful = {name for name, fault in typed.faults if fault in {"unreadable", "outside"}} & presumed
    if doubtful:
        # The first rows may not have spoken for all.
        asked = {name: readings[name] for name in doubtful}
        decided = dates | date_readers(connection, raw, source, asked, place=place, by_all=True)[0]
        if decided != dates:
            dates = decided
            typed = type_table(connection, raw, with_dates(readings, dates), to=late, with_copies=with_copies)
    signs: set[str] = set()
    for name, fault in typed.faults:
        if fault == "rounded":
            _refuse_rounded_ids(connection, raw, mapping[name])
        elif fault == "dressed":
            signs |= _signs(connection, raw, identifier(mapping[name]))
    as_read = dict(zip(readings, with_dates(readings, dates), strict=True))
    failed = failed_checks(connection, raw, source, as_read, typed, scores)
    notes = [*raw.notes, *told]
    for name, (_, said) in dates.items():
        notes += [Note(note.words, **(note.values | {"column": name})) for note in said]
    people = CUSTOMERS if typed.candidate and typed.candidate.is_final else typed.relation
    notes += order_notes(connection, raw, source, typed.relation, mapping.get("revenue"))
    own = ", ".join(map(identifier, raw.own_columns))
    options = source.options
    named = [*options.line_value, options.multiply_by, options.states.column if options.states else None]
    return Parsed(
        table=raw.table,
        relation=typed.relation,
        columns=tuple(name for name in mapping if name != "_cam_refund"),
        unused=tuple(name for name in raw.own_columns if name not in {*mapping.values(), *personal, *named}),
        personal=tuple(personal.items()),
        n_rows=typed.n_rows,
        checks=failed,
        notes=tuple(notes),
        signs=tuple(sorted(signs)),
        candidate=typed.candidate,
        without_zeros=ids_without_zeros(connection, raw, people),
        copies=f"SELECT {COPY if COPY in raw.columns else f'hash({own})'} AS {COPY} FROM {raw.relation}",
    )


def _readings(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    source: Source,
    mapping: dict[str, str],
    scores: dict[str, Score],
    *,
    place: str,
) -> dict[str, Reading]:
    """How each column is read; a date, whose form is yet to be found, has no value."""
    attributes = {name: origin for name, origin in mapping.items() if not TABLES[raw.table].column(name)}
    attributes.pop("_cam_refund", None)
    numeric = _numeric_attributes(connection, raw, attributes.values())
    readings = {}
    for name, origin in mapping.items():
        column = TABLES[raw.table].column(name) or Column(
            name, "money" if name == "_cam_refund" else "text", False, ""
        )
        if TABLES[raw.table].column(name):
            _refuse_nested(raw, column, origin, place)
        given, kind = identifier(origin), raw.columns[origin]
        is_blank, odd, quick, is_bare = blank(given, kind), None, None, False
        if name in scores:
            column, is_blank = scores[name].column, scores[name].blank
        if name in scores and (read := scores[name].value):
            value = read
        elif column.kind == "text":
            value = text(given, kind, is_id=name.endswith("_id"))
            is_bare = kind == "VARCHAR" and not name.endswith("_id")
            if name.endswith("_id"):
                odd = is_rounded(given, kind)
            if name in attributes and origin in numeric:
                value = as_number(given, kind, numeric[origin])
            elif name.endswith("_id") and kind == "VARCHAR":
                form = digits_form(connection, raw, origin)
                quick = plain_id(given, is_somebody=name == "customer_id", form=form)
            elif name in attributes and kind != "VARCHAR":
                value = given  # an attribute keeps the type that its source gave it
        elif column.kind in {"date", "datetime"}:
            value = ""
        elif column.kind == "boolean":
            value = boolean(given, kind, source.options.words.get(name))
        else:
            _refuse_other_types(raw, column, origin, place)
            value = number(given, kind, decimal=source.options.decimal)
            if column.kind == "integer":
                value = f"CASE WHEN {value} = floor({value}) THEN CAST({value} AS BIGINT) END"
            elif column.kind == "money" and kind == "VARCHAR":
                odd = is_dressed(given)
                quick = plain_number(given) if source.options.decimal != "," else None
        guests = tuple(source.options.guests)
        readings[name] = Reading(
            column, value, is_blank, origin, is_bare=is_bare, odd=odd, quick=quick, guests=guests
        )
    return readings


def _mapping(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, place: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Canonical name -> source column, for all that are there; and those that nobody asked for and name a person."""
    schema = TABLES[raw.table]
    present = raw.own_columns
    mapping: dict[str, str] = {}
    personal: dict[str, str] = {}
    lost: list[tuple[str, str]] = []
    for column in schema.columns:
        origin = source.named.get(column.name, column.name)
        if found := find_column(origin, present):
            mapping[column.name] = found
        elif column.required or column.name in source.named:
            lost.append((column.name, origin))
    for name, origin in source.named.items():
        if not schema.column(name):
            if found := find_column(origin, present):
                mapping[name] = found
            else:
                lost.append((name, origin))
    if lost:
        raise DataError(_lost_columns(raw, lost, present, place))
    _refuse_shared_amounts(raw, mapping, place)
    if schema.keeps_others:
        # To the engine, Age and age are one name.
        taken, used = set(mapping.values()), {name.lower() for name in mapping}
        others = [name for name in present if name not in taken and name.lower() not in used]
        personal = personal_columns(connection, raw, others)
        mapping.update({name: name for name in others if name not in personal})
    return mapping, personal


def _refuse_shared_amounts(raw: Raw, mapping: dict[str, str], place: str) -> None:
    """An amount is no id, no day and no other amount."""
    known = [(name, found) for name in mapping if (found := TABLES[raw.table].column(name))]
    for name, column in known:
        others = [other for other, _ in known if other != name and mapping[other] == mapping[name]]
        if others and column.kind == "money":
            raise DataError(
                f"{raw.table}: column '{mapping[name]}' is read twice, as {name} and as {others[0]}.\n"
                f"    Map one of them to another column: data.{raw.table}.columns in {place}."
            )


def _lost_columns(raw: Raw, lost: list[tuple[str, str]], present: list[str], place: str) -> str:
    shown = ", ".join(present[:20]) + (f" and {len(present) - 20} more" if len(present) > 20 else "")
    names = ", ".join(f"'{origin}'" for _, origin in lost)
    noun, verb = ("column", "map it") if len(lost) == 1 else ("columns", "map them")
    near = list(dict.fromkeys(found for name, origin in lost if (found := _nearest(name, origin, present))))
    lines = [f"{raw.table}: {noun} {names} not found. Columns present: {shown}."]
    if len(present) == 1:
        lines.append(
            f"    Is the sign between the values another one? data.{raw.table}.options.delimiter names it."
        )
    if near:
        lines.append(f"    Did you mean {', '.join(repr(name) for name in near)}?")
    lines.append(f"    To {verb}: data.{raw.table}.columns in {place}, as canonical name: source's name.")
    return "\n".join(lines)


def _nearest(name: str, origin: str, present: list[str]) -> str | None:
    lower = {column.lower(): column for column in present}
    found = difflib.get_close_matches(origin.lower(), list(lower), n=1, cutoff=0.6)
    # A name of one or two letters is part of too many others.
    parts = [key for key in lower if len(key) > 2 and (name in key or key in name)]
    return next((lower[key] for key in [*found, *parts]), None)


def _numeric_attributes(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origins: Iterable[str]
) -> dict[str, str]:
    """Type of each attribute whose every value is a plain number: a file of text cannot say so itself."""
    asked = [
        name
        for name in origins
        if raw.columns[name] in {"VARCHAR", "DOUBLE", "FLOAT"} and not name.endswith("_id")
    ]
    if not asked:
        return {}
    parts = [part for name in asked for part in number_tests(identifier(name), raw.columns[name])]
    row = connection.execute(f"SELECT {', '.join(parts)} FROM {raw.relation}").fetchone()
    assert row is not None
    found = zip(asked, row[::2], row[1::2], strict=True)
    return {name: "BIGINT" if whole else "DECIMAL(18, 6)" for name, plain, whole in found if plain}


def _refund_column(raw: Raw, name: str, place: str) -> str:
    if raw.table != "transactions":
        raise DataError(
            f"{raw.table}: only transactions can have a refund_column.\n"
            f"    Take data.{raw.table}.options.refund_column out of {place}."
        )
    present = raw.own_columns
    if name not in present:
        near = _nearest(name, name, present)
        raise DataError(
            f"{raw.table}: column '{name}' not found. Columns present: {', '.join(present)}.\n"
            + (f"    Did you mean {near!r}? " if near else "    ")
            + f"data.{raw.table}.options.refund_column in {place} names it."
        )
    return name


def _refuse_other_types(raw: Raw, column: Column, origin: str, place: str) -> None:
    kind = raw.columns[origin]
    if kind != "VARCHAR" and not is_numeric(kind):
        _refuse_type(raw, column, origin, place, wanted="numbers")


def _refuse_nested(raw: Raw, column: Column, origin: str, place: str) -> None:
    if _NESTED.search(raw.columns[origin]):
        _refuse_type(raw, column, origin, place, wanted="single values")


def _refuse_type(raw: Raw, column: Column, origin: str, place: str, *, wanted: str) -> None:
    raise DataError(
        f"{raw.table}: column '{origin}' holds values of type {raw.columns[origin]}, not {wanted}.\n"
        f"    Map {column.name} to another column: data.{raw.table}.columns in {place}."
    )


def _signs(connection: duckdb.DuckDBPyConnection, raw: Raw, given: str) -> set[str]:
    found = connection.execute(f"SELECT DISTINCT {currency_sign(given)} FROM {raw.relation}").fetchall()
    return {_SIGNS.get(row[0], row[0]) for row in found if row[0]}


def fits(sign: str, currency: str) -> bool:
    """Whether an amount with *sign* can be one in *currency*.

    Examples
    --------
    >>> fits("¥", "CNY"), fits("EUR", "USD")
    (True, False)
    """
    return currency in _FITS.get(sign, {sign})


def _refuse_rounded_ids(connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str) -> None:
    name = identifier(origin)
    found = connection.execute(
        f"SELECT {name}, count(*) OVER () FROM {raw.relation} WHERE {is_rounded(name, raw.columns[origin])} LIMIT 1"
    ).fetchone()
    assert found is not None
    raise DataError(
        f"{raw.table}: {found[1]:,} values of '{origin}' were rounded by a spreadsheet "
        f"(such as {found[0]}), so different ids have become one.\n    Export again with that column as text."
    )
