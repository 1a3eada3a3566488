"""A table typed in one pass: each value worked out once, every fault a bit of a number, no row stored twice.

A large table of transactions is read from its file and written to Parquet in the same breath. Where nothing is wrong
with it, that is the prepared table; else the file says for each odd row, in its column ``kind``, what is odd.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import duckdb

from cam.data.engine import all_differ, identifier, literal, whole_numbers
from cam.data.files.sources import ASIDE, COPY, FILE, Raw
from cam.data.notes import Note
from cam.data.orders.refunds import LOOSE_REFUND, PURCHASE
from cam.data.types.dates import date_reader, presumed_reader
from cam.data.types.expressions import has_edges, is_guest, is_half_cent, is_total, nobody, number, trimmed
from cam.params import Source
from cam.schema import MAY_BE_EMPTY, Column

Fault = Literal["missing", "nobody", "unreadable", "outside", "rounded", "dressed"]

#: Why a row of nothing is left out.
BLANK_ROW = "blank row"
#: How Parquet is written; the rows stand as they came, so the same rows make the same bytes. At the lowest level
#: a table comes out no larger, in a quarter less time; nor with fewer dictionaries, which for ids are begun in vain.
PARQUET = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 4096)"
#: The different customers of a candidate that is final, fewer to look at than its rows.
CUSTOMERS = identifier("_cam_customers")
_EARLIEST = "TIMESTAMP '1900-01-01'"
#: The faults in the order of their bits, and how many columns share a number.
_FAULTS: tuple[Fault, ...] = ("missing", "nobody", "unreadable", "outside", "rounded", "dressed")
_COLUMNS = 60 // len(_FAULTS)


@dataclass(frozen=True, slots=True)
class Reading:
    """How one column is read.

    Attributes
    ----------
    column : Column
        What it becomes.
    value : str
        The expression of its value.
    is_blank : str
        Whether the source has none.
    origin : str
        The source's column.
    is_bare : bool
        Whether the value is the source's text with blanks taken off its ends, and nothing else.
    odd : str or None
        Whether an id was rounded by a spreadsheet, or an amount is more than a plain number.
    quick : str or None
        The value of most rows, and quick to work out: nothing about it is odd, and an id is somebody's. NULL for the
        rows that must be asked more.
    guests : tuple of str
        Ids that name nobody, beside those that always do.
    """

    column: Column
    value: str
    is_blank: str
    origin: str
    is_bare: bool = False
    odd: str | None = None
    quick: str | None = None
    guests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be the prepared table already.

    Attributes
    ----------
    path : Path
        Parquet, with the columns of the prepared table.
    view : str
        The statement that made the relation over it; another relation means that somebody changed the rows.
    is_sound : bool
        Whether no row of it is odd in any way.
    is_final : bool
        Whether, beside that, its columns are those of the prepared table.
    has_copies : bool
        Whether it has a digest of each row of the source.
    orders_differ : bool
        Whether it is known that no order's id stands in two rows.
    of_sums : tuple of str
        Columns with few values, of which one is what rows of sums are called.
    """

    path: Path
    view: str | None
    is_sound: bool
    is_final: bool
    has_copies: bool
    orders_differ: bool
    of_sums: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed table in the engine.

    Attributes
    ----------
    relation : str
        Its quoted name: the columns, ``rowid``, ``_cam_why``, for revenue ``_cam_exact``, and the faults' bits.
    n_rows : int
        Rows of the source.
    faults : dict of (column, fault) to (flag, rows)
        Those that were found, each with the expression that marks its rows.
    candidate : Candidate or None
        Where the table stands in a file.
    """

    relation: str
    n_rows: int
    faults: dict[tuple[str, Fault], tuple[str, int]]
    candidate: Candidate | None


def type_table(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    readings: Sequence[Reading],
    *,
    to: Path | None,
    with_copies: bool,
) -> Typed:
    """Work out every value of a table, and what is wrong with it.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    readings : sequence of Reading
        The columns.
    to : Path or None
        The Parquet file that may become the prepared transactions; None makes a table of the engine.
    with_copies : bool
        Whether each row keeps a digest of its source, to tell exact copies.

    Returns
    -------
    Typed
    """
    relation = identifier(raw.table)
    own = raw.own_columns
    first = [
        f"{reading.quick} AS _cam_quick_{index}" for index, reading in enumerate(readings) if reading.quick
    ]
    inner = [f"{why_aside(raw)} AS _cam_why"]
    if with_copies and COPY not in raw.columns:
        inner.append(f"hash({', '.join(map(identifier, own))}) AS {COPY}")
    kept = [*([COPY] if with_copies else []), *([FILE] if FILE in raw.columns else [])]
    outer = [*kept, "_cam_why"]
    masks: list[list[str]] = [["0"] for _ in range(-(-len(readings) // _COLUMNS))]
    flags: dict[tuple[str, Fault], str] = {}
    types = {"money": "DECIMAL(18, 2)", "number": "DOUBLE"}
    for index, reading in enumerate(readings):
        # Each value is worked out once, in the inner query; the outer one stores and judges it.
        column, value = reading.column, f"_cam_value_{index}"
        bare = to is not None and reading.is_bare  # few columns need what takes long: see _late
        read, odd = identifier(reading.origin) if bare else reading.value, reading.odd
        # What the quick way rounds to half a cent is set right for revenue in a file alone: see _write.
        is_revenue = column.name == "revenue"
        if reading.quick and (column.kind != "money" or (is_revenue and to)):
            read = f"coalesce(_cam_quick_{index}, {read})"
        if reading.quick:
            odd = f"CASE WHEN _cam_quick_{index} IS NULL THEN {odd} ELSE false END" if odd else None
        inner.append(f"{read} AS {value}")
        if odd:
            inner.append(f"{odd} AS _cam_odd_{index}")
        if is_revenue:
            outer.append(f"{value} AS _cam_exact")
            outer += [f"{identifier(reading.origin)} AS _cam_written"] if to else []
        stored = f"CAST({value} AS {types[column.kind]})" if column.kind in types else value
        outer.append(f"{stored} AS {identifier(column.name)}")
        place, position = divmod(index, _COLUMNS)
        bits = {fault: 1 << (position * len(_FAULTS) + n) for n, fault in enumerate(_FAULTS)}
        mask, found = _mask(raw.table, reading, index, bits)
        masks[place] += mask
        flags |= {(column.name, fault): f"(_cam_faults_{place} & {bits[fault]}) <> 0" for fault in found}
    outer += [f"{' + '.join(mask)} AS _cam_faults_{place}" for place, mask in enumerate(masks)]
    rows = f"(SELECT {', '.join(['*', *first])} FROM {raw.relation})"
    chosen = f"SELECT {', '.join(outer)} FROM (SELECT *, {', '.join(inner)} FROM {rows})"
    candidate = None
    if to is None:
        n_rows = _run(connection, f"CREATE OR REPLACE TABLE {relation} AS {chosen}")
    else:
        n_rows, candidate = _write(connection, relation, chosen, readings, [*kept], len(masks), to)
    found_faults = {}
    if flags and not (candidate and candidate.is_sound):
        queries = ", ".join(f"count(*) FILTER ({flag})" for flag in flags.values())
        n_rows_of = whole_numbers(connection, f"SELECT {queries} FROM {relation}")
        found_faults = {key: (flag, n) for (key, flag), n in zip(flags.items(), n_rows_of, strict=True) if n}
    return Typed(relation, n_rows, found_faults, candidate)


# --- dates, whose form the rows themselves tell -------------------------------------------------


def date_readers(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    source: Source,
    readings: dict[str, Reading],
    *,
    place: str,
    by_all: bool,
) -> tuple[dict[str, tuple[str, list[Note]]], set[str]]:
    """Return how each column of dates is read and what to tell, and which of them the first rows alone have decided."""
    found: dict[str, tuple[str, list[Note]]] = {}
    presumed = set()
    for name, reading in readings.items():
        if reading.column.kind not in {"date", "datetime"} or reading.value:
            continue
        first = None if by_all else presumed_reader(connection, raw, reading.origin, source)
        if first:
            presumed.add(name)
        found[name] = (
            (first, []) if first else date_reader(connection, raw, reading.origin, source, place=place)
        )
    return found, presumed


def with_dates(readings: dict[str, Reading], dates: dict[str, tuple[str, list[Note]]]) -> list[Reading]:
    """Return the columns with those of :func:`date_readers` in their places."""
    made = []
    for name, reading in readings.items():
        if name in dates:
            value = dates[name][0]
            value = f"CAST({value} AS DATE)" if reading.column.kind == "date" else value
            reading = replace(reading, value=value)
        made.append(reading)
    return made


# --- the pass -----------------------------------------------------------------------------------


def _run(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    """Run the one pass, and return how many rows it has written.

    Long ways round stand behind the short one that most values take, and several times. What stands twice, and what
    is looked up in a list, the engine works out beforehand, for every row: here that would be nearly all of the work.
    """
    connection.execute("SET disabled_optimizers = 'common_subexpressions,in_clause'")
    try:
        return whole_numbers(connection, statement)[0]
    finally:
        connection.execute("RESET disabled_optimizers")


def why_aside(raw: Raw) -> str:
    """Why a row does not count: what its source says of it, or that it is a line of nothing but delimiters."""
    own = raw.own_columns
    filled = ", ".join(f"nullif({trimmed(identifier(name))}, '')" for name in own)
    # A line of nothing but delimiters is the end of a spreadsheet, not a row.
    empty = f"coalesce({filled}) IS NULL" if {raw.columns[name] for name in own} == {"VARCHAR"} else "false"
    # Most rows have something plain in their first column, which is quick to see.
    first = identifier(own[0])
    quick = f"WHEN {first} >= '!' AND {first} < '~' THEN NULL " if raw.columns[own[0]] == "VARCHAR" else ""
    aside = f"CASE {quick}WHEN {empty} THEN {literal(BLANK_ROW)} END"
    return f"coalesce({ASIDE}, {aside})" if ASIDE in raw.columns else aside


def _mask(table: str, reading: Reading, index: int, bits: dict[Fault, int]) -> tuple[list[str], list[Fault]]:
    """The sum of a row's faults in one column, as expressions of their bits, and which faults it can have."""
    column, value = reading.column, f"_cam_value_{index}"
    found: list[Fault] = []
    empty = 0
    if column.required and (table, column.name) not in MAY_BE_EMPTY:
        found.append("missing")
        empty = bits["missing"]
    if column.kind == "text":
        whens = [f"WHEN {value} IS NULL THEN {empty}"]
    else:
        found.append("unreadable")
        # Only where there is no value it matters whether the source has one.
        known = (
            f"CASE {reading.is_blank} WHEN true THEN {empty} WHEN false THEN {bits['unreadable']} ELSE 0 END"
        )
        whens = [f"WHEN {value} IS NULL THEN {known}"]
    if column.required and column.name == "customer_id":
        found.append("nobody")
        asked = nobody(value, reading.guests)
        if reading.quick:
            asked = f"CASE WHEN _cam_quick_{index} IS NULL THEN {asked} ELSE {is_guest(value, reading.guests)} END"
        whens.append(f"WHEN {asked} THEN {bits['nobody']}")
    limits = [f"{value} < {_EARLIEST}"] if column.kind in {"date", "datetime"} else []
    limits += [f"{value} < {column.low}"] if column.low is not None else []
    limits += [f"{value} > {column.high}"] if column.high is not None else []
    if limits:
        found.append("outside")
        whens.append(f"WHEN {' OR '.join(limits)} THEN {bits['outside']}")
    parts = []
    if found:
        parts.append(f"CASE WHEN _cam_why IS NOT NULL THEN 0 {' '.join(whens)} ELSE 0 END")
    if reading.odd:
        # Whatever becomes of the row: one such value tells of the whole column.
        own: Fault = "rounded" if column.kind == "text" else "dressed"
        found.append(own)
        parts.append(f"CASE WHEN _cam_odd_{index} THEN {bits[own]} ELSE 0 END")
    return parts, sorted(found, key=_FAULTS.index)


# --- the file that may be the prepared table -----------------------------------------------------


def _write(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    chosen: str,
    readings: Sequence[Reading],
    kept: list[str],
    n_masks: int,
    to: Path,
) -> tuple[int, Candidate]:
    """Write the rows to Parquet with ``kind``, and make a view over it that has what the engine's table would have."""
    masks = [f"_cam_faults_{place}" for place in range(n_masks)]
    exact = "_cam_exact"
    if any(reading.column.name == "revenue" and reading.quick for reading in readings):
        # Asked only of rows that have more than two decimals.
        again = number("_cam_written", "VARCHAR", decimal=".")
        exact = f"CASE WHEN {is_half_cent(exact)} THEN {again} ELSE {exact} END"
    sound = " AND ".join([*(f"{mask} = 0" for mask in masks), "_cam_why IS NULL", "_cam_exact = revenue"])
    written = [*masks, f"coalesce(CAST({exact} AS VARCHAR), '')", "coalesce(_cam_why, '')"]
    bar = " || '|' || "
    kind = (
        f"CASE WHEN {sound} THEN CASE WHEN revenue >= 0 THEN '{PURCHASE}' ELSE '{LOOSE_REFUND}' END "
        f"ELSE {bar.join(written)} END"
    )
    first = ("customer_id", "order_date", "revenue")  # the others follow in their order
    names = [*first, *(name for reading in readings if (name := reading.column.name) not in first)]
    listed = ", ".join([*map(identifier, names), *kept, f"{kind} AS kind"])
    place = literal(str(to))
    n_rows = _run(connection, f"COPY (SELECT {listed} FROM ({chosen})) TO {place} {PARQUET}")
    is_odd = f"kind NOT IN ('{PURCHASE}', '{LOOSE_REFUND}')"
    n_odd = whole_numbers(connection, f"SELECT count(*) FROM read_parquet({place}) WHERE {is_odd}")[0]
    bare = [reading.column.name for reading in readings if reading.is_bare]
    late, of_sums = _looked_at(connection, place, bare)
    shown = [
        f"nullif({trimmed(identifier(name))}, '') AS {identifier(name)}" if name in late else identifier(name)
        for name in names
        if name != "revenue"
    ]

    def told(part: int, kind: str) -> str:
        return f"CAST(nullif(split_part(kind, '|', {part}), '') AS {kind})"

    if n_odd:
        shown += [
            f"CASE WHEN {is_odd} THEN {told(number + 1, 'BIGINT')} ELSE 0 END AS {mask}"
            for number, mask in enumerate(masks)
        ]
        exact = f"CASE WHEN {is_odd} THEN {told(n_masks + 1, 'DECIMAL(18, 6)')} ELSE revenue END"
        revenue = f"CAST({exact} AS DECIMAL(18, 2))"
        # The reason is the client's own word, and may hold a bar itself.
        why = f"regexp_extract(kind, '^(?:[^|]*[|]){{{n_masks + 1}}}((?s:.*))$', 1)"
        why = f"CASE WHEN {is_odd} THEN nullif({why}, '') END"
    else:
        shown += [f"0 AS {mask}" for mask in masks]
        exact, why, revenue = "CAST(revenue AS DECIMAL(18, 6))", "CAST(NULL AS VARCHAR)", "revenue"
    shown.insert(names.index("revenue"), f"{revenue} AS revenue")
    shown += [*kept, f"{exact} AS _cam_exact", f"{why} AS _cam_why"]
    query = f"SELECT file_row_number AS rowid, {', '.join(shown)} FROM read_parquet({place}, file_row_number=true)"
    connection.execute(f"CREATE OR REPLACE VIEW {relation} AS {query}")
    is_whole = "_cam_refund" not in names and not kept and not late
    view = _definition(connection, relation)
    is_final = not n_odd and is_whole
    orders_differ = is_final and _look_at_keys(connection, relation, n_rows, has_orders="order_id" in names)
    return n_rows, Candidate(to, view, not n_odd, is_final, COPY in kept, orders_differ, of_sums)


def _look_at_keys(
    connection: duckdb.DuckDBPyConnection, relation: str, n_rows: int, *, has_orders: bool
) -> bool:
    """Tell the customers apart, and say whether the ids of orders differ; that is Python's work, and done beside."""
    with ThreadPoolExecutor(1) as beside, connection.cursor() as cursor:
        differ = beside.submit(all_differ, cursor, relation, "order_id", n_rows) if has_orders else None
        connection.execute(
            f"CREATE OR REPLACE TABLE {CUSTOMERS} AS SELECT DISTINCT customer_id FROM {relation}"
        )
        return differ is not None and differ.result()


def _looked_at(
    connection: duckdb.DuckDBPyConnection, place: str, names: list[str]
) -> tuple[set[str], tuple[str, ...]]:
    """The columns of texts that were written as they stand and have blanks around them, or are empty; few do.

    And those of few values with a name of sums, which is seen on the way.
    """
    few = few_values(connection, place)
    found, of_sums = set(), list[str]()
    for name in names:
        given, rows = identifier(name), f"read_parquet({place})"
        edged = f"{given} = '' OR {has_edges(given)}"
        # Not by WHERE: the engine would ask every row before it tells them apart.
        values = f"(SELECT DISTINCT {given} FROM {rows})"
        asked = f"SELECT bool_or({edged})::INT, bool_or({is_total(given)})::INT FROM {values}"
        if name not in few:
            asked = f"SELECT count(*), 0 FROM (SELECT 1 FROM {rows} WHERE {edged} LIMIT 1)"
        has_blanks, has_sums = whole_numbers(connection, asked)
        if has_blanks:
            found.add(name)
        if has_sums:
            of_sums.append(name)
    return found, tuple(of_sums)


def few_values(connection: duckdb.DuckDBPyConnection, place: str) -> set[str]:
    """The columns with so few values that Parquet stores them by a dictionary, which are quick to tell apart.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The engine.
    place : str
        Quoted path of a Parquet file.

    Returns
    -------
    set of str
    """
    stored = connection.execute(
        f"SELECT path_in_schema FROM parquet_metadata({place}) GROUP BY 1 "
        "HAVING count(stats_distinct_count) = count(*)"
    ).fetchall()
    return {str(row[0]) for row in stored}


def _definition(connection: duckdb.DuckDBPyConnection, relation: str) -> str | None:
    # Not by a parameter: the engine would load pandas to see what it is.
    name = literal(relation.strip('"'))
    found = connection.execute(f"SELECT sql FROM duckdb_views() WHERE view_name = {name}").fetchone()
    return str(found[0]) if found else None


def is_untouched(connection: duckdb.DuckDBPyConnection, relation: str, candidate: Candidate) -> bool:
    """Whether a relation still is the view over the candidate that :func:`type_table` made.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    relation : str
        Quoted name.
    candidate : Candidate
        Of that table.

    Returns
    -------
    bool
    """
    return _definition(connection, relation) == candidate.view


def drop(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Forget a relation of the workspace, be it a table or a view.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    relation : str
        Quoted name.
    """
    kind = "VIEW" if _definition(connection, relation) else "TABLE"
    connection.execute(f"DROP {kind} {relation}")
