"""Files as they come -> one table of the engine: CSV in any encoding, Excel, Parquet, patterns of these."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from cam.data.engine import identifier, literal, whole_numbers
from cam.data.files.databases import fetch
from cam.data.files.delimited import TextTable, has_rows, line_fault, select_texts, text_table
from cam.data.files.kinds import kind_of
from cam.data.files.workbooks import read_sheet
from cam.data.notes import Note
from cam.errors import DataError, EmptyTableError
from cam.params import Source

#: Our own columns: the file that a row is from, why a row does not count, and what it is a copy of.
FILE, ASIDE, COPY = "_cam_file", "_cam_aside", "_cam_copy"
_ZONED = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class Raw:
    """A table as its source has it, standing in the engine.

    Attributes
    ----------
    table : str
        Canonical name that it will be read as.
    relation : str
        Its quoted name in the engine.
    columns : dict of str to str
        Source column to engine type; text columns are ``VARCHAR``.
    files : tuple of str
        Names of the files, or of the database's table, to show.
    notes : tuple of str
        What a reader should know of how it was read, such as its encoding.
    texts : tuple of TextTable
        Its text files, which may not have been read to their ends.
    from_1904 : tuple of str
        Those of its files that count days from 1904.
    zoned : frozenset of str
        Columns whose moments came with a time zone, and are of UTC here.
    lacking : dict of str to tuple of str
        Column to the files that do not have it, where others do.
    """

    table: str
    relation: str
    columns: dict[str, str]
    files: tuple[str, ...]
    notes: tuple[str, ...]
    texts: tuple[TextTable, ...] = ()
    from_1904: tuple[str, ...] = ()
    zoned: frozenset[str] = frozenset()
    lacking: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def own_columns(self) -> list[str]:
        """Names of the source's columns, without those that are ours."""
        return [name for name in self.columns if not name.startswith("_cam_")]


def read_source(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    source: Source,
    *,
    files: list[Path],
    folder: Path,
    in_place: bool = False,
    one_thread: bool = False,
) -> Raw:
    """Bring one source into the engine as it is: text stays text, types stay types.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    table : str
        Canonical name.
    source : Source
        Its entry in the parameter file.
    files : list of Path
        From :func:`cam.data.files.paths.find_files`, or the one file that a database's table was copied to.
    folder : Path
        For files that must be rewritten first; removed by the caller.
    in_place : bool
        Whether rows of text stay in their file until they are asked for, as those of Parquet do. Then a line that
        cannot be read is found only by whoever reads it, and :func:`refuse_lines` tells of it.
    one_thread : bool
        Whether texts are read from their first line to their last, as :func:`needs_one_thread` asks. What does not
        stay in its file is read so where it has to be.

    Returns
    -------
    Raw

    Raises
    ------
    DataError
        If a file is empty, is not what its name says, or cannot be read.
    """
    texts: list[TextTable] = []
    notes: list[str] = []
    headers: list[list[str]] = []
    from_1904: list[str] = []
    zoned: set[str] = set()
    empty: list[str] = []
    parts: list[
        str | list[tuple[TextTable, str]]
    ] = []  # a list: text files that are alike, to be read by one reader
    run: list[tuple[TextTable, str]] = []
    kinds = [kind_of(table, path, source.options.encoding) for path in files]
    shown = _labels(files)
    for index, (path, kind) in enumerate(zip(files, kinds, strict=True)):
        if kind == "parquet":
            columns = _parquet_columns(connection, table, path)
            headers.append(list(columns))
            empty += [] if _parquet_rows(connection, path) else [shown[index]]
            zoned |= {name for name, kind in columns.items() if kind == _ZONED}
            # Beside a text, a number becomes one: as a text of the source would be written.
            decimal = source.options.decimal if set(kinds) != {"parquet"} else "."
            select = _parquet(
                path, columns, moments_as_text=bool(source.options.time_zone), marked=decimal == ","
            )
        elif kind == "excel":
            name = f"{table}_sheet_{index}"
            sheet = read_sheet(table, path, source, to=folder / f"{name}.csv")
            connection.register(name, sheet.columns)
            select = f"SELECT * FROM {identifier(name)}"
            headers.append(sheet.columns.column_names)
            from_1904 += [shown[index]] if sheet.from_1904 else []
            notes += sheet.notes
            empty += [] if sheet.columns.num_rows else [shown[index]]
        else:
            texts.append(text_table(table, path, source, to=folder / f"{table}_{index}.txt"))
            headers.append(list(texts[-1].names))
            empty += [] if has_rows(texts[-1]) else [shown[index]]
            if run and run[0][0].is_like(texts[-1]):
                run.append((texts[-1], shown[index]))
            else:
                run = [(texts[-1], shown[index])]
                parts.append(run)
            continue
        run = []
        parts.append(
            select if len(files) == 1 else f"SELECT *, {literal(shown[index])} AS {FILE} FROM ({select})"
        )
    for path, header in zip(files, headers, strict=True):
        ours = next((name for name in header if name.lower().startswith("_cam_")), None)
        if ours:
            raise DataError(
                f"{table}: {path.name} has a column {ours}: names that begin with _cam_ are cam's own while it reads.\n"
                "    Rename the column at the source."
            )
    relation = identifier(f"{table}_raw")
    made = "VIEW" if set(kinds) == {"parquet"} or (in_place and "excel" not in kinds) else "TABLE"
    notes += [note for text in texts for note in text.notes]
    if empty:
        some = ", ".join(empty[:3]) + (" …" if len(empty) > 3 else "")
        notes.append(Note("{files}: 0 rows below the header", files=some))
    raw = Raw(
        table,
        relation,
        {},
        shown,
        tuple(notes),
        tuple(texts),
        from_1904=tuple(from_1904),
        zoned=frozenset(zoned),
        lacking=_lacking(shown, headers),
    )
    try:
        try:
            connection.execute(f"CREATE {made} {relation} AS {_all_rows(parts, one_thread=one_thread)}")
        except duckdb.Error as error:
            if not needs_one_thread(error) or one_thread:
                raise
            connection.execute(f"CREATE {made} {relation} AS {_all_rows(parts, one_thread=True)}")
        described = connection.execute(f"DESCRIBE {relation}").fetchall()
        first = connection.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone()
    except duckdb.Error as error:
        raise _unreadable(raw, error) from None
    if not first:
        raise EmptyTableError(f"{table}: {_names(files)} has no rows below its header. Export it again.")
    return replace(raw, columns={str(row[0]): str(row[1]) for row in described})


def _lacking(shown: Sequence[str], headers: Sequence[Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The columns that not every file has, each with the files without it."""
    lower = [{name.lower() for name in header} for header in headers]
    lacking = {}
    for column in dict.fromkeys(name for header in headers for name in header):
        without = tuple(name for name, known in zip(shown, lower, strict=True) if column.lower() not in known)
        if without:
            lacking[column] = without
    return lacking


def refuse_lacking(raw: Raw, source: Source, *, place: str) -> None:
    """Stop if a column that the parameters use is in some of the files alone.

    Parameters
    ----------
    raw : Raw
        As read.
    source : Source
        Its entry in the parameter file, with the options of its preset.
    place : str
        The parameter file, for messages.

    Raises
    ------
    DataError
        With the files, the column, and what may be meant.
    """
    options = source.options
    states = options.states.column if options.states else None
    single = {
        "options.refund_column": options.refund_column,
        "options.multiply_by": options.multiply_by,
        "options.states.column": states,
        **{f"options.line_value: {name}": name for name in options.line_value},
        **{f"options.units: {name}": name for name in options.units},
    }
    asked = {key: [name] for key, name in single.items() if name}
    for canonical, origin in source.columns.items():
        asked[f"columns.{canonical}"] = [origin] if isinstance(origin, str) else list(origin)
    present = raw.own_columns
    faults = []
    for key, names in asked.items():
        known = [found for name in names if (found := find_column(name, present))]
        # Of several columns each row takes the first that is filled.
        without = [set(raw.lacking.get(name, ())) for name in known]
        files = [name for name in raw.files if without and all(name in lost for lost in without)]
        if files:
            others = [
                name for name in present if name not in known and files[0] not in raw.lacking.get(name, ())
            ]
            lower = {name.lower(): name for name in others}
            near = difflib.get_close_matches(names[0].lower(), list(lower), n=1, cutoff=0.6)
            faults.append(
                f"{raw.table}: column '{known[0]}' is not in {_names(map(Path, files))}, but in other files of "
                f"data.{raw.table}.path."
                + (f" Did you mean '{lower[near[0]]}' there?" if near else "")
                + "\n"
                f"    Name it alike in every file, or take it out of data.{raw.table}.{key} in {place}."
            )
    if faults:
        raise DataError("\n".join(faults))


def _all_rows(parts: list[str | list[tuple[TextTable, str]]], *, one_thread: bool) -> str:
    """SELECT of all files; where there are several, with the name of each row's file."""
    if len(parts) == 1 and not isinstance(parts[0], str) and len(parts[0]) == 1:
        return select_texts([parts[0][0][0]], one_thread=one_thread)
    selects = [part if isinstance(part, str) else _alike(part, one_thread=one_thread) for part in parts]
    return " UNION ALL BY NAME ".join(selects)


def _alike(run: list[tuple[TextTable, str]], *, one_thread: bool) -> str:
    """SELECT of text files that stand next to each other and are alike, with the name of each row's file."""
    names = ", ".join(literal(name) for _, name in run)
    label = (
        literal(run[0][1]) if len(run) == 1 else f"list_extract([{names}], CAST(file_index AS BIGINT) + 1)"
    )
    return select_texts([text for text, _ in run], f", {label} AS {FILE}", one_thread=one_thread)


def needs_one_thread(error: Exception) -> bool:
    """Whether the engine gave up a text because it began to read in the middle of a value that looks like rows.

    Examples
    --------
    >>> needs_one_thread(duckdb.InvalidInputException("CSV Error on Line: 3"))
    False
    """
    # So the engine says it; tests/data/files holds it to that.
    return isinstance(error, duckdb.NotImplementedException) and "parallel = false" in str(error)


def refuse_lines(connection: duckdb.DuckDBPyConnection, raw: Raw, *, one_thread: bool) -> None:
    """Stop if a file that was not read as a whole has a line that cannot be read.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    one_thread : bool
        As it was read.

    Raises
    ------
    DataError
        With the first such line of each file.
    duckdb.NotImplementedException
        If they can be read in one thread alone, and were not: see :func:`needs_one_thread`.
    """
    if raw.texts:
        try:
            connection.execute(f"SELECT count(COLUMNS(*)) FROM {raw.relation}").fetchall()
        except duckdb.Error as error:
            if needs_one_thread(error) and not one_thread:
                raise
            raise _unreadable(raw, error) from None


def _unreadable(raw: Raw, error: Exception) -> DataError:
    faults = [fault for text in raw.texts if (fault := line_fault(raw.table, text))]
    names = [Path(name) for name in raw.files]
    return DataError(
        "\n".join(faults)
        or f"{raw.table}: {_names(names)} cannot be read: {_first_lines(error)}.\n"
        "    Export it again, as Parquet or without line breaks within its texts."
    )


def find_column(name: str, present: list[str]) -> str | None:
    """Return the column that *name* means: itself, or the one that differs in blanks and width of signs alone.

    Parameters
    ----------
    name : str
        As a parameter file writes it.
    present : list of str
        The source's columns.

    Returns
    -------
    str or None
        None also where several could be meant.

    Examples
    --------
    >>> find_column("5、满意度:物流", ["5、满意度： 物流", "nps"])
    '5、满意度： 物流'
    """
    if name in present:
        return name
    alike = [column for column in present if _bare(column) == _bare(name)]
    return alike[0] if len(alike) == 1 else None


def _bare(name: str) -> str:
    return re.sub("[\\s\ufeff\u200b]+", "", unicodedata.normalize("NFKC", name))


def copy_database_table(table: str, source: Source, *, engine: str, folder: Path, root: Path) -> Path:
    """Copy a database's table, or what a query of it answers, to a Parquet file in *folder*.

    Parameters
    ----------
    table : str
        Canonical name.
    source : Source
        With ``table`` or ``query``.
    engine : str
        The URL in ``data.engine``.
    folder : Path
        Where the copy goes.
    root : Path
        Where the path of a database that is a file starts.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        As :func:`cam.data.files.databases.fetch`.
    """
    path = folder / f"{table}.parquet"
    fetch(table, source, engine=engine, to=path, root=root)
    return path


def _labels(files: list[Path]) -> tuple[str, ...]:
    """The names of the files, with their folder where two share a name."""
    names = [path.name for path in files]
    return tuple(
        name if names.count(name) == 1 else "/".join(path.parts[-2:])
        for name, path in zip(names, files, strict=True)
    )


def _names(files: Iterable[Path]) -> str:
    names = [path.name for path in files]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _first_lines(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300]


def _parquet_columns(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> dict[str, str]:
    try:
        columns = connection.sql(
            f"DESCRIBE SELECT * FROM read_parquet({literal(str(path))}, hive_partitioning=false)"
        ).fetchall()
    except duckdb.Error as error:
        raise DataError(
            f"{table}: {path.name} cannot be read: {_first_lines(error)}. Export it again."
        ) from None
    return {str(name): str(kind) for name, kind, *_ in columns}


def _parquet_rows(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    return whole_numbers(
        connection, f"SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata({literal(str(path))})"
    )[0]


def _parquet(path: Path, columns: Mapping[str, str], *, moments_as_text: bool, marked: bool) -> str:
    # A moment with a time zone is read as UTC, whatever zone this machine is in; as a text it keeps saying so.
    shape = "strftime({}, '%Y-%m-%d %H:%M:%S.%fZ')" if moments_as_text else "{}"
    kept = ", ".join(
        shape.format(f"make_timestamp(epoch_us({identifier(name)}))") + f" AS {identifier(name)}"
        if kind == _ZONED
        else f"{_as_marked(identifier(name), kind) if marked else identifier(name)} AS {identifier(name)}"
        for name, kind in columns.items()
    )
    return f"SELECT {kept} FROM read_parquet({literal(str(path))}, hive_partitioning=false)"


def _as_marked(given: str, kind: str) -> str:
    """A number as the text that no sign between thousands makes another: whole, or with seven decimals at least."""
    if kind in {"DOUBLE", "FLOAT"}:
        # A FLOAT is taken at its shortest text, or 1.1 would be 1.1000000238.
        value = given if kind == "DOUBLE" else f"CAST(CAST({given} AS VARCHAR) AS DOUBLE)"
        return (
            f"CASE WHEN NOT isfinite({given}) OR abs({given}) >= 1e15 THEN CAST({given} AS VARCHAR) "
            f"WHEN {given} = floor({given}) THEN CAST(CAST({given} AS BIGINT) AS VARCHAR) "
            f"ELSE printf('%.10f', {value}) END"
        )
    if (found := re.fullmatch(r"DECIMAL\([0-9]+,\s*([0-9]+)\)", kind)) and int(found.group(1)):
        return f"CAST({given} AS VARCHAR) || '{'0' * max(0, 7 - int(found.group(1)))}'"
    return given
