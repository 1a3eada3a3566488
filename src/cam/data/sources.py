"""Files as they come -> one table of the engine: CSV in any encoding, Excel, Parquet, patterns of these."""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb

from cam.data.engine import fetch_table, identifier, literal
from cam.errors import DataError
from cam.params import Source

_CHUNK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAGIC = (
    (b"PAR1", "parquet"),
    (b"PK\x03\x04", "excel"),
    (b"\xd0\xcf\x11\xe0", "excel"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
)
_SUFFIXES = {"parquet": {".parquet", ".pq"}, "excel": {".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"}}


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
    """

    table: str
    relation: str
    columns: dict[str, str]
    files: tuple[str, ...]
    notes: tuple[str, ...]


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
        place = root / Path(pattern).expanduser()
        matches = _matches(place) if _is_glob(pattern) else [place]
        files = [path for path in matches if path.is_file()]
        if not files:
            raise DataError(_missing(table, pattern, place))
        found += files
    return found


def _matches(place: Path) -> list[Path]:
    fixed = next(parent for parent in place.parents if not _is_glob(str(parent)))
    return sorted(fixed.glob(str(place.relative_to(fixed))))


def _is_glob(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")


def _package_file(table: str, pattern: str) -> Path:
    package, _, inner = pattern.removeprefix("package:").partition("/")
    spec = find_spec(package) if re.fullmatch(r"\w+", package) else None
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"{table}: the package {package} is not installed ({pattern}). Install it, or run `make setup`."
        )
    base = Path(next(iter(spec.submodule_search_locations))).resolve()
    path = (base / inner).resolve()
    if not path.is_file() or base not in path.parents:
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
    if folder.is_dir() and not _is_glob(pattern):
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
    connection: duckdb.DuckDBPyConnection, table: str, source: Source, *, files: list[Path], folder: Path
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

    Returns
    -------
    Raw

    Raises
    ------
    DataError
        If a file is empty, is not what its name says, or cannot be read.
    """
    parts, notes = [], []
    for index, path in enumerate(files):
        kind = _kind(table, path)
        if kind == "parquet":
            select = _parquet(connection, table, path)
        elif kind == "excel":
            select = _excel(connection, table, path, source, name=f"{table}_sheet_{index}")
        else:
            select, encoding = _csv(connection, table, path, source, to=folder / f"{table}_{index}.txt")
            if encoding != "utf-8":
                notes.append(f"{path.name}: {encoding}")
        parts.append(
            select if len(files) == 1 else f"SELECT *, {literal(path.name)} AS _file FROM ({select})"
        )
    relation = identifier(f"{table}_raw")
    made = "TABLE" if any(_kind(table, path) != "parquet" for path in files) else "VIEW"
    try:
        connection.execute(f"CREATE {made} {relation} AS {' UNION ALL BY NAME '.join(parts)}")
    except duckdb.Error as error:
        raise DataError(f"{table}: {_names(files)} cannot be read: {_first_lines(error)}") from None
    described = connection.execute(f"DESCRIBE {relation}").fetchall()
    columns = {str(row[0]): str(row[1]) for row in described}
    if not columns or connection.execute(f"SELECT count(*) FROM {relation}").fetchone() == (0,):
        raise DataError(f"{table}: {_names(files)} has no rows below its header. Export it again.")
    return Raw(table, relation, columns, tuple(path.name for path in files), tuple(notes))


def copy_database_table(table: str, source: Source, *, engine: str, folder: Path) -> Path:
    """Copy a database's table to a Parquet file in *folder*.

    Parameters
    ----------
    table : str
        Canonical name.
    source : Source
        With ``table``.
    engine : str
        The URL in ``data.engine``.
    folder : Path
        Where the copy goes.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        As :func:`cam.data.engine.fetch_table`.
    """
    assert source.table is not None
    path = folder / f"{table}.parquet"
    fetch_table(engine, source.table, to=path)
    return path


def _names(files: Iterable[Path]) -> str:
    names = [path.name for path in files]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _first_lines(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300]


def _kind(table: str, path: Path) -> str:
    """What a file is by its bytes; an error if its name says something else."""
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise DataError(f"{table}: {path.name} cannot be opened: {error.strerror}.") from None
    if not head.strip():
        raise DataError(f"{table}: {path.name} is empty. Export it again.")
    found = next((kind for magic, kind in _MAGIC if head.startswith(magic)), "csv")
    if found == "csv" and re.match(rb"\s*(<!doctype html|<html|<table|<\?xml)", head, re.IGNORECASE):
        found = "a web page"
    named = next((kind for kind, suffixes in _SUFFIXES.items() if path.suffix.lower() in suffixes), "csv")
    if found != named:
        what = {"csv": "text", "excel": "an Excel (or ZIP) file", "parquet": "a Parquet file"}
        cure = {
            "csv": "Rename it to .csv.",
            "excel": "If it is a workbook, rename it to .xlsx; if it is a ZIP archive, unpack it.",
            "parquet": "Rename it to .parquet.",
        }
        raise DataError(
            f"{table}: {path.name} is not what its name says: it holds {what.get(found, found)}, not "
            f"{what[named]}. {cure.get(found, 'Export it again as CSV, Excel or Parquet.')}"
        )
    return found


def _parquet(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> str:
    try:
        columns = connection.sql(f"DESCRIBE SELECT * FROM read_parquet({literal(str(path))})").fetchall()
    except duckdb.Error as error:
        raise DataError(f"{table}: {path.name} cannot be read: {_first_lines(error)}") from None
    # A moment with a time zone is read as UTC, whatever zone this machine is in.
    kept = ", ".join(
        f"make_timestamp(epoch_us({identifier(name)})) AS {identifier(name)}"
        if kind == "TIMESTAMP WITH TIME ZONE"
        else identifier(name)
        for name, kind, *_ in columns
    )
    return f"SELECT {kept} FROM read_parquet({literal(str(path))})"


def _excel(
    connection: duckdb.DuckDBPyConnection, table: str, path: Path, source: Source, *, name: str
) -> str:
    import pyarrow as pa  # here, because CSV and Parquet never need it
    from python_calamine import CalamineWorkbook

    options = source.options
    try:
        workbook = CalamineWorkbook.from_path(path)
    except Exception as error:  # calamine raises plain exceptions of several kinds
        raise DataError(f"{table}: {path.name} cannot be read as a workbook: {_first_lines(error)}") from None
    sheet = options.sheet or workbook.sheet_names[0]
    if sheet not in workbook.sheet_names:
        raise DataError(
            f"{table}: {path.name} has no sheet {sheet!r}. Sheets: {', '.join(workbook.sheet_names)}. "
            f"Set data.{table}.options.sheet."
        )
    rows = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=True)[options.skip_rows :]
    rows = [row for row in rows if any(cell != "" for cell in row)]
    if not rows:
        raise DataError(f"{table}: sheet {sheet!r} of {path.name} is empty.")
    header = options.names or [_cell(cell) or "" for cell in rows.pop(0)]
    names = _unique_names(table, path, header)
    columns = {
        column: pa.array([_cell(row[index]) if index < len(row) else None for row in rows], pa.string())
        for index, column in enumerate(names)
        if column
    }
    connection.register(name, pa.table(columns))
    return f"SELECT * FROM {identifier(name)}"


def _cell(value: Any) -> str | None:
    if value == "" or value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)


def _unique_names(table: str, path: Path, header: list[str]) -> list[str]:
    names = [name.strip() for name in header]
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise DataError(
            f"{table}: {path.name} has columns of the same name: {', '.join(doubled)}. "
            "Rename one at the source."
        )
    return names


def _csv(
    connection: duckdb.DuckDBPyConnection, table: str, path: Path, source: Source, *, to: Path
) -> tuple[str, str]:
    options = source.options
    encoding, bom = _encoding(table, path, options.encoding)
    whitespace = options.delimiter == "whitespace"
    if encoding != "utf-8" or whitespace:
        _rewrite(table, path, to, encoding=encoding, bom=bom, whitespace=whitespace)
        path_to_read = to
    else:
        path_to_read = path
    header = _first_line(path_to_read, options.skip_rows)
    delimiter = "\t" if whitespace else options.delimiter or _delimiter(header)
    arguments = [
        f"delim={literal(delimiter)}",
        "quote='\"', escape='\"', all_varchar=true, null_padding=false, max_line_size=16777216",
        f"skip={options.skip_rows}",
        f"header={'false' if options.names else 'true'}, auto_detect=false",
    ]
    names = _csv_names(connection, table, path, source, header, delimiter)
    arguments.append("columns={" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names) + "}")
    return f"SELECT * FROM read_csv({literal(str(path_to_read))}, {', '.join(arguments)})", encoding


def _csv_names(
    connection: duckdb.DuckDBPyConnection, table: str, path: Path, source: Source, header: str, delimiter: str
) -> list[str]:
    import csv

    fields = next(csv.reader([header], delimiter=delimiter), [])
    given = source.options.names
    if given:
        if len(given) != len(fields):
            raise DataError(
                f"{table}: {path.name} has {len(fields)} columns, but data.{table}.options.names gives {len(given)}."
            )
        return given
    names = _unique_names(table, path, fields)
    return [name or f"column{index + 1}" for index, name in enumerate(names)]


def _encoding(table: str, path: Path, asked: str | None) -> tuple[str, int]:
    """Find the encoding from all bytes, as (its name, the length of its byte-order mark)."""
    with path.open("rb") as stream:
        head = stream.read(4)
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name, len(bom)
    if asked:
        try:
            codecs.lookup(asked)
        except LookupError:
            raise DataError(
                f"{table}: unknown encoding {asked!r} in data.{table}.options.encoding."
            ) from None
        if not _decodes(path, asked):
            raise DataError(f"{table}: {path.name} is not {asked}. Leave data.{table}.options.encoding out.")
        return asked, 0
    # GB18030 holds GBK and GB2312; Latin-1 reads anything, so it comes last and is said.
    return next((name for name in ("utf-8", "gb18030") if _decodes(path, name)), "latin-1"), 0


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _rewrite(table: str, path: Path, to: Path, *, encoding: str, bom: int, whitespace: bool) -> None:
    """Write the file again as UTF-8, with tabs where it had runs of blanks, a chunk at a time."""
    try:
        with path.open("rb") as source, to.open("w", encoding="utf-8", newline="") as target:
            source.seek(bom)
            text = _decoded(source, encoding)
            if whitespace:
                for line in _lines(text):
                    if line.strip():
                        target.write("\t".join(line.split()) + "\n")
            else:
                target.writelines(text)
    except UnicodeDecodeError as error:
        raise DataError(f"{table}: {path.name} is not {encoding} text: {error.reason}.") from None


def _decoded(stream: Any, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    while chunk := stream.read(_CHUNK):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split("\n")
        yield from whole
    yield rest


def _first_line(path: Path, skip: int) -> str:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for _ in range(skip):
            stream.readline(_CHUNK)
        return stream.readline(_CHUNK).rstrip("\r\n")


def _delimiter(header: str) -> str:
    counts = {sign: header.count(sign) for sign in (",", ";", "\t", "|")}
    return max(counts, key=lambda sign: counts[sign])
