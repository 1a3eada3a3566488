"""Files as they come -> one table of the engine: CSV in any encoding, Excel, Parquet, patterns of these."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import duckdb

from cam.data.engine import identifier, literal
from cam.data.files.databases import fetch
from cam.data.files.delimited import TextTable, line_fault, text_table
from cam.data.files.guards import (
    is_no_text,
    refuse_long_lines,
    refuse_special,
    refuse_unreadable,
    refuse_wide_pattern,
)
from cam.data.files.workbooks import read_sheet
from cam.data.notes import Note
from cam.errors import DataError
from cam.params import Source

#: Our own columns: the file that a row is from, why a row does not count, and what it is a copy of.
FILE, ASIDE, COPY = "_cam_file", "_cam_aside", "_cam_copy"
_MAGIC = (
    (b"PAR1", "parquet"),
    (b"PK\x03\x04", "excel"),
    (b"\xd0\xcf\x11\xe0", "excel"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\xfd7zXZ", "an XZ archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"ARROW1", "an Arrow file"),
)
_WEB_PAGE = re.compile(rb"\s*<(!doctype|!--|html|head|meta|body|style|div|table|\?xml)", re.IGNORECASE)
_JSON = re.compile(rb'\s*(\[\s*[\[{]|\{\s*")')
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SUFFIXES = {"parquet": {".parquet", ".pq"}, "excel": {".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"}}
_HOLDS = {"csv": "text", "excel": "an Excel (or ZIP) file", "parquet": "a Parquet file"}
_RENAME = {
    "csv": "Rename it to .csv.",
    "excel": "If it is a workbook, rename it to .xlsx; if it is a ZIP archive, unpack it.",
    "parquet": "Rename it to .parquet.",
}


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
    """

    table: str
    relation: str
    columns: dict[str, str]
    files: tuple[str, ...]
    notes: tuple[str, ...]
    texts: tuple[TextTable, ...] = ()


def find_files(table: str, source: Source, root: Path) -> list[Path]:
    """Return the files that a source names, in a fixed order.

    Parameters
    ----------
    table : str
        Canonical name, for the message.
    source : Source
        With ``path``.
    root : Path
        Where relative paths start.

    Returns
    -------
    list of Path
        At least one.

    Raises
    ------
    DataError
        If a path or pattern finds nothing.
    """
    found: list[Path] = []
    for pattern in source.paths:
        if pattern.startswith("package:"):
            found.append(_package_file(table, pattern))
            continue
        try:
            place = root / Path(pattern).expanduser()
            # A file may have brackets in its own name.
            if place.is_file():
                files = [place]
            elif _is_glob(pattern):
                refuse_wide_pattern(table, pattern, place)
                files = _matches(place)
            else:
                refuse_special(table, place)
                files = []
        except (OSError, ValueError, RuntimeError) as error:  # a name that no file can have
            said = error.strerror if isinstance(error, OSError) else error
            raise DataError(
                f"{table}: {pattern[:200]!r} is no path: {said}. Mend data.{table}.path."
            ) from None
        for file in files:
            refuse_unreadable(table, file)
        if not files:
            raise DataError(_missing(table, pattern, place))
        found += files
    doubled = next((path for path in found if found.count(path) > 1), None)
    if doubled:
        raise DataError(
            f"{table}: {doubled.name} is named twice by data.{table}.path, so its rows would count twice.\n"
            "    Leave one of the patterns out."
        )
    return found


def _matches(place: Path) -> list[Path]:
    fixed = next(parent for parent in place.parents if not _is_glob(str(parent)) or parent.is_dir())
    # Hidden files and the locks that Excel lays beside an open workbook are no data.
    return sorted(
        path
        for path in fixed.glob(str(place.relative_to(fixed)))
        if path.is_file() and not path.name.startswith((".", "~$"))
    )


def _is_glob(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")


def _package_file(table: str, pattern: str) -> Path:
    package, _, inner = pattern.removeprefix("package:").partition("/")
    try:
        spec = find_spec(package) if re.fullmatch(r"\w+", package) else None
    except ValueError:  # a module that runs, such as __main__, may have none
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"{table}: the package {package} is not installed ({pattern}). Install it, or run `make setup`."
        )
    base = Path(next(iter(spec.submodule_search_locations))).resolve()
    path = (base / inner).resolve()
    if base not in path.parents or not path.is_file():
        raise DataError(f"{table}: the package {package} ships no file {inner}.")
    return path


def _missing(table: str, pattern: str, place: Path) -> str:
    what = (
        "no file matches"
        if _is_glob(pattern)
        else "a folder, not a file, stands at"
        if place.is_dir()
        else "no file at"
    )
    folder = place.parent
    near = ""
    if place.is_dir():
        near = " Name its files, as in *.csv."
    elif folder.is_dir() and not _is_glob(pattern):
        names = difflib.get_close_matches(
            place.name, [path.name for path in folder.iterdir()], n=1, cutoff=0.6
        )
        near = f" Did you mean {names[0]}?" if names else ""
    elif not folder.is_dir():
        near = f" The folder {folder} does not exist."
    return (
        f"{table}: {what} {pattern}.{near}\n"
        f"    Looked for {place}. Relative paths start at data.root, by default the project's folder."
    )


def read_source(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    source: Source,
    *,
    files: list[Path],
    folder: Path,
    in_place: bool = False,
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
        From :func:`find_files`, or the one file that a database's table was copied to.
    folder : Path
        For files that must be rewritten first; removed by the caller.
    in_place : bool
        Whether rows of text stay in their file until they are asked for, as those of Parquet do. Then a line that
        cannot be read is found only by whoever reads it, and :func:`refuse_lines` tells of it.

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
    parts: list[str] = []
    kinds = [_kind(table, path, source.options.encoding) for path in files]
    shown = _labels(files)
    for index, (path, kind) in enumerate(zip(files, kinds, strict=True)):
        if kind == "parquet":
            select = _parquet(connection, table, path, moments_as_text=bool(source.options.time_zone))
        elif kind == "excel":
            name = f"{table}_sheet_{index}"
            select, said = _excel(connection, table, path, source, name=name, to=folder / f"{name}.csv")
            notes += said
        else:
            texts.append(text_table(table, path, source, to=folder / f"{table}_{index}.txt"))
            select = texts[-1].query
        parts.append(
            select if len(files) == 1 else f"SELECT *, {literal(shown[index])} AS {FILE} FROM ({select})"
        )
    relation = identifier(f"{table}_raw")
    made = "VIEW" if set(kinds) == {"parquet"} or (in_place and "excel" not in kinds) else "TABLE"
    notes += [note for text in texts for note in text.notes]
    raw = Raw(table, relation, {}, shown, tuple(notes), tuple(texts))
    try:
        connection.execute(f"CREATE {made} {relation} AS {' UNION ALL BY NAME '.join(parts)}")
        described = connection.execute(f"DESCRIBE {relation}").fetchall()
        has_rows = connection.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone()
    except duckdb.Error as error:
        raise _unreadable(raw, error) from None
    if not has_rows:
        raise DataError(f"{table}: {_names(files)} has no rows below its header. Export it again.")
    return replace(raw, columns={str(row[0]): str(row[1]) for row in described})


def refuse_lines(connection: duckdb.DuckDBPyConnection, raw: Raw) -> None:
    """Stop if a file that was not read as a whole has a line that cannot be read.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.

    Raises
    ------
    DataError
        With the first such line of each file.
    """
    if raw.texts:
        try:
            connection.execute(f"SELECT count(COLUMNS(*)) FROM {raw.relation}").fetchall()
        except duckdb.Error as error:
            raise _unreadable(raw, error) from None


def _unreadable(raw: Raw, error: Exception) -> DataError:
    faults = [fault for text in raw.texts if (fault := line_fault(raw.table, text))]
    names = [Path(name) for name in raw.files]
    return DataError(
        "\n".join(faults)
        or f"{raw.table}: {_names(names)} cannot be read: {_first_lines(error)}. Export it again."
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


def _kind(table: str, path: Path, encoding: str | None) -> str:
    """What a file is by its bytes; an error if its name says something else, or it would fill memory."""
    refuse_unreadable(table, path)
    with path.open("rb") as stream:
        head = stream.read(512)
    text = head.removeprefix(b"\xef\xbb\xbf")
    if not text.strip() and len(head) < 512:
        raise DataError(f"{table}: {path.name} is empty. Export it again.")
    found = next((kind for magic, kind in _MAGIC if head.startswith(magic)), "csv")
    if found == "csv" and (page := _WEB_PAGE.match(text)):
        found = "an XML document" if page.group(1) == b"?xml" else "a web page"
    elif found == "csv" and _JSON.match(text):
        found = "JSON"
    elif found == "csv" and not encoding and not head.startswith(_UTF_16) and is_no_text(head):
        found = "bytes that are no text"
    named = next((kind for kind, suffixes in _SUFFIXES.items() if path.suffix.lower() in suffixes), "csv")
    if found != named:
        cure = _RENAME.get(
            found, "Unpack it." if "archive" in found else "Export it again as CSV, Excel or Parquet."
        )
        raise DataError(
            f"{table}: {path.name} is not what its name says: it holds {_HOLDS.get(found, found)}, not "
            f"{_HOLDS[named]}. {cure}"
        )
    if found == "csv":
        refuse_long_lines(table, path)
    return found


def _parquet(connection: duckdb.DuckDBPyConnection, table: str, path: Path, *, moments_as_text: bool) -> str:
    try:
        columns = connection.sql(
            f"DESCRIBE SELECT * FROM read_parquet({literal(str(path))}, hive_partitioning=false)"
        ).fetchall()
    except duckdb.Error as error:
        raise DataError(
            f"{table}: {path.name} cannot be read: {_first_lines(error)}. Export it again."
        ) from None
    # A moment with a time zone is read as UTC, whatever zone this machine is in; as a text it keeps saying so.
    shape = "strftime({}, '%Y-%m-%d %H:%M:%S.%fZ')" if moments_as_text else "{}"
    kept = ", ".join(
        shape.format(f"make_timestamp(epoch_us({identifier(name)}))") + f" AS {identifier(name)}"
        if kind == "TIMESTAMP WITH TIME ZONE"
        else identifier(name)
        for name, kind, *_ in columns
    )
    return f"SELECT {kept} FROM read_parquet({literal(str(path))}, hive_partitioning=false)"


def _excel(
    connection: duckdb.DuckDBPyConnection, table: str, path: Path, source: Source, *, name: str, to: Path
) -> tuple[str, tuple[Note, ...]]:
    sheet = read_sheet(table, path, source, to=to)
    connection.register(name, sheet.columns)
    return f"SELECT * FROM {identifier(name)}", sheet.notes
