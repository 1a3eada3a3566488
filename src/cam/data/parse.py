"""Text -> types, column by column, with every value that cannot be read counted and found again.

The expressions are DuckDB's: this happens in the embedded engine, before any reduction.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

from cam.data.engine import identifier, literal
from cam.data.sources import Raw
from cam.errors import DataError
from cam.params import Source
from cam.schema import MAY_BE_EMPTY, TABLES, Column

Fault = Literal["missing", "unreadable", "outside"]

_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M:%S", "T%H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
#: Ways to write a day, by the order of their parts. One order is chosen for a whole column.
_DATES = {
    "year first": ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d"),
    "day first": ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y"),
    "month first": ("%m/%d/%Y", "%m.%d.%Y", "%m-%d-%Y", "%b %d, %Y", "%B %d, %Y"),
}
_BLANKS = "('', '-', '--', '—', 'NA', 'N/A', '#N/A', 'NULL', 'null', 'None', 'nan', 'NaN', '空', '无')"
_FULL_WIDTH = "０１２３４５６７８９．，－−（）￥＄"
_HALF_WIDTH = "0123456789.,--()¥$"
_EARLIEST = "TIMESTAMP '1900-01-01'"


@dataclass(frozen=True, slots=True)
class Check:
    """How many rows fail one check of one column.

    Attributes
    ----------
    column : str
        Canonical name.
    fault : str
        ``missing``, ``unreadable`` or ``outside`` (its range).
    flag : str
        Boolean column of the parsed table that marks the rows.
    n : int
        Rows that fail.
    rows : tuple of int
        The first of them, counted from 1 below the header.
    example : str or None
        The first value that fails, as the source has it.
    """

    column: str
    fault: Fault
    flag: str
    n: int
    rows: tuple[int, ...]
    example: str | None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A canonical table in the engine, every source row still in it.

    Attributes
    ----------
    table : str
        Canonical name.
    relation : str
        Its quoted name in the engine; columns as the schema names them, flags, and ``_copy``.
    columns : tuple of str
        Canonical columns and kept attributes.
    unused : tuple of str
        Source columns that nothing reads.
    n_rows : int
        Rows of the source.
    checks : tuple of Check
        Those that failed for at least one row.
    notes : tuple of str
        Decisions that a reader should know, such as the order of day and month.
    """

    table: str
    relation: str
    columns: tuple[str, ...]
    unused: tuple[str, ...]
    n_rows: int
    checks: tuple[Check, ...]
    notes: tuple[str, ...]


def parse(connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str) -> Parsed:
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

    Returns
    -------
    Parsed

    Raises
    ------
    DataError
        If a needed column is not there, an id was rounded by a spreadsheet, or a date can be read two ways.
    """
    mapping = _mapping(raw, source, place)
    if source.options.refund_column:
        mapping["_refund"] = _refund_column(raw, source.options.refund_column, place)
    notes = list(raw.notes)
    selects, checks = [], []
    for name, origin in mapping.items():
        column = TABLES[raw.table].column(name) or Column(
            name, "money" if name == "_refund" else "text", False, ""
        )
        given = identifier(origin)
        kind = raw.columns[origin]
        if column.kind == "text":
            if name.endswith("_id"):
                _refuse_rounded_ids(connection, raw, origin)
            value = _text(given, kind, is_id=name.endswith("_id"))
            if not TABLES[raw.table].column(name) and kind != "VARCHAR":
                value = given  # an attribute keeps the type that its source gave it
        elif column.kind in {"date", "datetime"}:
            value, note = _date(connection, raw, origin, source, place)
            notes += [f"{name}: {note}"] if note else []
            if column.kind == "date":
                value = f"CAST({value} AS DATE)"
        elif column.kind == "boolean":
            value = _boolean(given, kind)
        else:
            value = _number(given, kind, decimal=source.options.decimal)
            if column.kind == "integer":
                value = f"CASE WHEN {value} = floor({value}) THEN CAST({value} AS BIGINT) END"
        selects.append((column, value, _is_blank(given, kind)))
    relation = identifier(raw.table)
    others = ", ".join(identifier(name) for name in raw.columns if name != "_file")
    # Each value is worked out once, in the inner query; the outer one stores and judges it.
    inner = [f"hash({others}) AS _copy", *(["_file"] if "_file" in raw.columns else [])]
    outer = ["_copy", *inner[1:]]
    for index, (column, value, blank) in enumerate(selects):
        inner += [f"{value} AS _value_{index}", f"{blank} AS _blank_{index}"]
        if column.name == "revenue":
            outer.append(f"_value_{index} AS _exact")
        outer.append(f"{_stored(column, f'_value_{index}')} AS {identifier(column.name)}")
        for fault, condition in _conditions(raw.table, column, f"_value_{index}", f"_blank_{index}"):
            flag = f"_{fault}_{index}"
            outer.append(f"coalesce({condition}, false) AS {flag}")
            checks.append((column.name, fault, flag))
    connection.execute(
        f"CREATE TABLE {relation} AS SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {raw.relation})"
    )
    failed = _count(connection, raw, mapping, checks)
    unused = tuple(name for name in raw.columns if name not in mapping.values() and name != "_file")
    n_rows = _scalar(connection, f"SELECT count(*) FROM {relation}")
    columns = tuple(name for name in mapping if name != "_refund")
    return Parsed(raw.table, relation, columns, unused, n_rows, failed, tuple(notes))


def _scalar(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0] or 0)


def _mapping(raw: Raw, source: Source, place: str) -> dict[str, str]:
    """Canonical name -> source column, for all that are there."""
    schema = TABLES[raw.table]
    present = [name for name in raw.columns if name != "_file"]
    mapping: dict[str, str] = {}
    lost: list[tuple[str, str]] = []
    for column in schema.columns:
        origin = source.columns.get(column.name, column.name)
        if origin in present:
            mapping[column.name] = origin
        elif column.required or column.name in source.columns:
            lost.append((column.name, origin))
    for name, origin in source.columns.items():
        if not schema.column(name):
            if origin in present:
                mapping[name] = origin
            else:
                lost.append((name, origin))
    if lost:
        raise DataError(_lost_columns(raw, lost, present, place))
    if schema.keeps_others:
        taken = set(mapping.values())
        mapping.update({name: name for name in present if name not in taken and name not in mapping})
    return mapping


def _lost_columns(raw: Raw, lost: list[tuple[str, str]], present: list[str], place: str) -> str:
    shown = ", ".join(present[:20]) + (f" and {len(present) - 20} more" if len(present) > 20 else "")
    names = ", ".join(f"'{origin}'" for _, origin in lost)
    noun, verb = ("column", "map it") if len(lost) == 1 else ("columns", "map them")
    hints = []
    for name, origin in lost:
        near = difflib.get_close_matches(origin, present, n=1, cutoff=0.5) or [
            column for column in present if name in column or column in name
        ]
        hints += [f"{name}: {near[0]}"] if near else []
    lines = [f"{raw.table}: {noun} {names} not found. Columns present: {shown}."]
    if hints:
        lines.append(f"    Did you mean {', '.join(hint.split(': ')[1] for hint in hints)}?")
    lines.append(f"    To {verb}: data.{raw.table}.columns in {place}, as canonical name: source's name.")
    return "\n".join(lines)


def _refund_column(raw: Raw, name: str, place: str) -> str:
    if raw.table != "transactions" or name not in raw.columns:
        raise DataError(
            f"{raw.table}: column '{name}' not found. Columns present: {', '.join(raw.columns)}.\n"
            f"    data.{raw.table}.options.refund_column in {place} names it."
        )
    return name


# --- expressions --------------------------------------------------------------------------------


def _is_blank(given: str, kind: str) -> str:
    if kind == "VARCHAR":
        return f"({given} IS NULL OR trim({given}) IN {_BLANKS})"
    if kind in {"DOUBLE", "FLOAT"}:
        return f"({given} IS NULL OR isnan({given}))"
    return f"({given} IS NULL)"


def _text(given: str, kind: str, *, is_id: bool) -> str:
    if kind in {"DOUBLE", "FLOAT"}:
        whole = f"CAST(CAST({given} AS HUGEINT) AS VARCHAR)"
        return (
            f"CASE WHEN isnan({given}) THEN NULL WHEN {given} = floor({given}) AND abs({given}) < 1e15 "
            f"THEN {whole} ELSE CAST({given} AS VARCHAR) END"
        )
    if kind != "VARCHAR":
        return f"CAST({given} AS VARCHAR)"
    value = f"trim({given}, ' \t\r\n')"
    if is_id:
        value = (
            f"CASE WHEN starts_with({value}, '=\"') THEN trim({value}, '=\"') "
            f"WHEN starts_with({value}, '''') THEN substr({value}, 2) "
            f"WHEN regexp_full_match({value}, '[0-9]+[.]0') THEN substr({value}, 1, length({value}) - 2) "
            f"ELSE {value} END"
        )
    return f"nullif({value}, '')"


def _number(given: str, kind: str, *, decimal: str) -> str:
    if kind != "VARCHAR":
        return f"TRY_CAST({given} AS DECIMAL(18, 6))"
    text = f"translate(trim({given}), {literal(_FULL_WIDTH)}, {literal(_HALF_WIDTH)})"
    bare = f"regexp_replace({text}, '(?i)(CNY|RMB|USD|EUR|GBP|HKD|JPY|元|[¥$€£ ()])', '', 'g')"
    if decimal == ",":
        bare = f"replace(replace({bare}, '.', ''), ',', '.')"
    sign = f"CASE WHEN {text} LIKE '(%)' OR {bare} LIKE '%-' OR {bare} LIKE '-%' THEN -1 ELSE 1 END"
    scale = f"CASE WHEN {bare} LIKE '%万%' THEN 10000 WHEN {bare} LIKE '%亿%' THEN 100000000 ELSE 1 END"
    digits = f"regexp_replace({bare}, '[-+万亿]', '', 'g')"
    number = (
        f"CASE WHEN regexp_full_match({digits}, '([0-9]{{1,3}}(,[0-9]{{3}})+|[0-9]+)([.][0-9]*)?|[.][0-9]+') "
        f"THEN TRY_CAST(replace({digits}, ',', '') AS DECIMAL(18, 6)) * {scale} * {sign} END"
    )
    slow = f"CASE WHEN trim({given}) IN {_BLANKS} THEN NULL ELSE TRY_CAST({number} AS DECIMAL(18, 6)) END"
    # Most exports hold plain numbers; the long way is walked only for what is not one.
    return slow if decimal == "," else f"coalesce(TRY_CAST({given} AS DECIMAL(18, 6)), {slow})"


def _boolean(given: str, kind: str) -> str:
    if kind == "BOOLEAN":
        return given
    value = f"lower(trim(CAST({given} AS VARCHAR)))"
    return (
        f"CASE WHEN {value} IN ('1', '1.0', 'true', 'yes', 'y', 't', '是', '已流失') THEN true "
        f"WHEN {value} IN ('0', '0.0', 'false', 'no', 'n', 'f', '否', '未流失') THEN false END"
    )


def _date(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, source: Source, place: str
) -> tuple[str, str | None]:
    """The expression that reads a date column, and the decision to tell."""
    given, kind = identifier(origin), raw.columns[origin]
    if kind in {"DATE", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"}:
        return f"CAST({given} AS TIMESTAMP)", None
    text = f"trim(CAST({given} AS VARCHAR))"
    asked = source.options.date_format
    if asked:
        return f"try_strptime({text}, {literal(asked)})", None
    rows = f"FROM {raw.relation} WHERE NOT {_is_blank(given, kind)}"
    found = _date_formats(connection, text, rows)
    if not found:
        return f"try_strptime({text}, '%Y-%m-%d')", None  # nothing fits: every value counts as unreadable
    best = max(n for n, _ in found.values())
    likely = {order: _reader(text, formats) for order, (n, formats) in found.items() if n == best}
    if len(likely) > 1:
        first, second = list(likely.values())[:2]
        example = connection.execute(f"SELECT {given} {rows} AND {first} <> {second} LIMIT 1").fetchone()
        if example:
            raise DataError(
                f"{raw.table}: column '{origin}' can be read {' or '.join(likely)} in every row "
                f"(such as {example[0]!r}).\n"
                f'    Say which: data.{raw.table}.options.date_format: "%d/%m/%Y" or "%m/%d/%Y" in {place}.'
            )
    order, reader = next(iter(likely.items()))
    return reader, None if order == "year first" else f"dates read {order}"


def _reader(text: str, formats: Sequence[str]) -> str:
    return f"try_strptime({text}, [{', '.join(map(literal, formats))}])"


def _date_formats(
    connection: duckdb.DuckDBPyConnection, text: str, rows: str
) -> dict[str, tuple[int, list[str]]]:
    """For each order of the parts: how many rows it reads, and the formats that it needs for them.

    A sample names the likely formats, all rows decide; all formats are tried only where these leave a row.
    """
    every = {order: [day + time for day in days for time in _TIMES] for order, days in _DATES.items()}
    counts = _readable(
        connection, text, [f for group in every.values() for f in group], f"FROM (SELECT * {rows} LIMIT 200)"
    )
    likely = {order: [f for f in formats if counts[f]] for order, formats in every.items()}
    total = _scalar(connection, f"SELECT count(*) {rows}")
    for choice in (likely, every):
        choice = {order: formats for order, formats in choice.items() if formats}
        if not choice:
            continue
        queries = ", ".join(f"count({_reader(text, formats)})" for formats in choice.values())
        read = connection.execute(f"SELECT {queries} {rows}").fetchone()
        assert read is not None
        if max(read) == total or choice == every:
            return {o: (n, f) for (o, f), n in zip(choice.items(), read, strict=True) if n}
    return {}


def _readable(
    connection: duckdb.DuckDBPyConnection, text: str, formats: Sequence[str], rows: str
) -> dict[str, int]:
    queries = ", ".join(f"count(try_strptime({text}, {literal(f)}))" for f in formats)
    counts = connection.execute(f"SELECT {queries} {rows}").fetchone()
    assert counts is not None
    return dict(zip(formats, counts, strict=True))


def _stored(column: Column, value: str) -> str:
    types = {"money": "DECIMAL(18, 2)", "number": "DOUBLE"}
    return f"CAST({value} AS {types[column.kind]})" if column.kind in types else value


# --- checks -------------------------------------------------------------------------------------


def _conditions(table: str, column: Column, value: str, blank: str) -> list[tuple[Fault, str]]:
    found: list[tuple[Fault, str]] = []
    if column.required and (table, column.name) not in MAY_BE_EMPTY:
        found.append(
            ("missing", f"({value} IS NULL) AND {blank}" if column.kind != "text" else f"{value} IS NULL")
        )
    if column.kind != "text":
        found.append(("unreadable", f"({value} IS NULL) AND NOT {blank}"))
    if column.kind in {"date", "datetime"}:
        found.append(("outside", f"{value} < {_EARLIEST}"))
    limits = [f"{value} < {column.low}"] if column.low is not None else []
    limits += [f"{value} > {column.high}"] if column.high is not None else []
    if limits:
        found.append(("outside", " OR ".join(limits)))
    return found


def _count(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    mapping: dict[str, str],
    checks: list[tuple[str, Fault, str]],
) -> tuple[Check, ...]:
    """One aggregate over all flags; the rows are looked up only where something failed."""
    if not checks:
        return ()
    relation = identifier(raw.table)
    counted = connection.execute(
        f"SELECT {', '.join(f'count(*) FILTER ({flag})' for *_, flag in checks)} FROM {relation}"
    ).fetchone()
    assert counted is not None
    failed = []
    for (name, fault, flag), n in zip(checks, counted, strict=True):
        if n:
            ids = [
                int(row[0])
                for row in connection.execute(
                    f"SELECT rowid FROM {relation} WHERE {flag} ORDER BY rowid LIMIT 3"
                ).fetchall()
            ]
            failed.append(
                Check(
                    name,
                    fault,
                    flag,
                    n,
                    tuple(row + 1 for row in ids),
                    _example(connection, raw, mapping[name], ids[0]),
                )
            )
    return tuple(failed)


def _example(connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, row: int) -> str | None:
    found = connection.execute(
        f"SELECT CAST({identifier(origin)} AS VARCHAR) FROM {raw.relation} LIMIT 1 OFFSET {row}"
    ).fetchone()
    return found[0] if found else None


def _refuse_rounded_ids(connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str) -> None:
    if raw.columns[origin] != "VARCHAR":
        return
    found = connection.execute(
        f"SELECT {identifier(origin)}, count(*) OVER () FROM {raw.relation} "
        f"WHERE regexp_full_match({identifier(origin)}, '[0-9][.][0-9]+[eE][+]?[0-9]+') LIMIT 1"
    ).fetchone()
    if found:
        raise DataError(
            f"{raw.table}: {found[1]:,} values of '{origin}' were rounded by a spreadsheet "
            f"(such as {found[0]}), so different ids have become one.\n    Export again with that column as text."
        )
