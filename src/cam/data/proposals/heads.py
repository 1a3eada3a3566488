"""The beginning of a client's file, looked at before anybody has said what it is: its header, rows and columns."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from cam.data.engine import identifier
from cam.data.files.delimited import text_table
from cam.data.files.guards import MAX_LINE, refuse_special
from cam.data.files.kinds import kind_of
from cam.data.files.sources import Raw, read_source
from cam.data.files.workbooks import unpack
from cam.data.notes import Note
from cam.data.proposals.edges import (
    CONTROL,
    Grid,
    footer_of,
    header_of,
    may_be_rows,
    names_of,
    quoted,
    usual_width,
)
from cam.data.proposals.facts import Facts, judge
from cam.errors import DataError, EmptyTableError
from cam.params import Source

#: Bytes of a text file that are looked at, and rows of any file.
_HEAD, _ROWS = 4 << 20, 20_000
#: Rows of a sheet that are looked at, at either end; all that is asked of them lies within.
_LINES = 1_000
_TAIL = 1 << 16
_SIGNS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of one file, or of one sheet, standing in the engine.

    Attributes
    ----------
    path : Path
        The client's file.
    sheet : str or None
        Of a workbook, where it is not the first.
    columns : dict of str to Facts
        By the name that the reader will give them.
    options : dict
        What ``options`` must say for the file to be read, such as ``skip_rows``.
    raw : Raw
        Its rows, as far as they were read.
    n_rows : int
        Rows of the whole file; a guess where not ``is_counted``.
    is_counted : bool
        Whether the whole file was read.
    has_header : bool
        Whether it names its columns.
    doubled : tuple of str
        Names that stand over several columns, or held signs that no text has, and so are made anew.
    notes : tuple of str
        How the file is written, such as its encoding.
    footer : tuple of str
        The beginnings of the lines below its last row.
    may_be_rows : bool
        Whether one of these may be a row that lacks something.
    above : tuple of str
        The beginnings of the lines above its header.
    """

    path: Path
    sheet: str | None
    columns: dict[str, Facts]
    options: dict[str, Any]
    raw: Raw
    n_rows: int
    is_counted: bool
    has_header: bool
    doubled: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())
    footer: tuple[str, ...] = field(default=())
    may_be_rows: bool = False
    above: tuple[str, ...] = field(default=())

    @property
    def shown(self) -> str:
        """Name of the file, and of its sheet."""
        return f"{self.path.name} / {self.sheet}" if self.sheet else self.path.name


def open_heads(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], *, folder: Path
) -> tuple[list[Head], list[Note]]:
    """Read the beginning of every file, and of every sheet of a workbook.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    paths : sequence of Path
        Absolute.
    folder : Path
        For copies; removed by the caller.

    Returns
    -------
    tuple of list of Head and list of Note
        What can be a table; and what cannot, with the reason.

    Raises
    ------
    DataError
        With every file that is not there or cannot be read.
    """
    heads: list[Head] = []
    passed: list[Note] = []
    faults: list[str] = []
    for index, path in enumerate(dict.fromkeys(paths)):
        own = folder / f"look{index}"
        own.mkdir()
        try:
            refuse_special(own.name, path)
            _refuse_missing(path)
            kind = kind_of(own.name, path, None)
            if kind == "excel":
                found, left = _sheets(connection, path, own)
                heads, passed = heads + found, passed + left
            elif kind == "parquet":
                heads.append(_typed(connection, path, own))
            else:
                heads.append(_text(connection, path, own))
        except DataError as error:
            if isinstance(error, EmptyTableError) and len(paths) > 1:
                passed.append(Note("{file}: no rows below its header", file=path.name))
            else:  # the table is not known yet
                faults.append(_without_table(str(error)))
        except (OSError, duckdb.Error) as error:
            faults.append(f"{path.name}: cannot be read: {' '.join(str(error).split())[:200]}")
    if faults:
        raise DataError("\n".join(faults))
    return heads, passed


def _without_table(text: str) -> str:
    bare = re.sub(r"^(look[\d_]+|responses): ", "", text, flags=re.MULTILINE)
    return re.sub(r"data\.(look[\d_]+|responses)", "data.TABLE", bare)


def _refuse_missing(path: Path) -> None:
    from cam.params.hints import did_you_mean

    if path.is_dir():
        raise DataError(f"{path}: a folder, not a file. Name its files, as in {path.name}/*.csv.")
    if not path.is_file():
        near = [found.name for found in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file{did_you_mean(path.name, near) or '.'}")


def _read(
    connection: duckdb.DuckDBPyConnection, path: Path, options: dict[str, Any], folder: Path
) -> tuple[Raw, str]:
    """Read a file by the reader of every run; a name of its own keeps its tables apart from those of the others."""
    name = folder.name
    source = Source.model_validate({"path": str(path), "options": options})
    raw = read_source(connection, name, source, files=[path], folder=folder)
    relation = identifier(f"{name}_rows")
    connection.execute(f"CREATE TABLE {relation} AS SELECT * FROM {raw.relation} LIMIT {_ROWS}")
    return raw, relation


# --- text ---------------------------------------------------------------------------------------


def _text(connection: duckdb.DuckDBPyConnection, path: Path, folder: Path) -> Head:
    head, is_whole = _beginning(path, folder / path.name)
    plain = Source.model_validate({"path": str(head)})
    text = text_table("responses", head, plain, to=folder / "plain.txt")  # where a name may stand twice
    with text.readable.open(encoding="utf-8", newline="") as stream:
        content = stream.read(_HEAD)
    delimiter, grid, ends = _grid(content)
    if delimiter == "whitespace" and header_of(grid) == 0:
        delimiter, grid, ends = ",", [[line.strip()] for line in _lines(content)], []  # one column of text
    options: dict[str, Any] = {}
    above = header_of(grid)
    if above:
        options["skip_rows"] = text.above + ends[above - 1]
    end = grid if is_whole else _grid(_end(path), delimiter)[1]
    below = footer_of(end, grid, above)
    if below:
        options["skip_last_rows"] = below
    own = delimiter == "whitespace" or (above is not None and not _is_found(content, ends, above, delimiter))
    if own:
        options["delimiter"] = delimiter
    names, doubled = names_of(grid, above)
    if above is None or doubled:
        options["names"] = names
    if above is not None and doubled:
        options["skip_rows"] = text.above + ends[above]
    looked = (
        options if is_whole else {key: value for key, value in options.items() if key != "skip_last_rows"}
    )
    raw, relation = _read(connection, head, looked, folder)
    n_rows = _count(connection, raw.relation)
    if not is_whole:
        n_rows = round(n_rows * path.stat().st_size / head.stat().st_size)
    return _head(
        connection,
        raw,
        relation,
        path=path,
        options=options,
        n_rows=n_rows,
        is_counted=is_whole,
        has_header=above is not None,
        doubled=doubled,
        footer=quoted(end, below),
        may_be_rows=may_be_rows(end, below),
        above=quoted(grid[: above or 0], above or 0),
    )


def _beginning(path: Path, to: Path) -> tuple[Path, bool]:
    """The file itself, or a copy of its first megabytes that ends with a whole row."""
    if path.stat().st_size <= _HEAD:
        return path, True
    with path.open("rb") as stream:
        data = stream.read(_HEAD)
        if b"\n" not in data and b"\r" not in data:  # a header without an end would lose its last columns
            data += stream.readline(MAX_LINE)
    wide = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(data[:2])
    if wide:
        data = data[2:].decode(wide, "ignore").encode()
    end = total = quotes = last = 0
    for line in data.splitlines(keepends=True):
        total += len(line)
        quotes += line.count(b'"')
        if line.endswith((b"\n", b"\r")):
            last = total
            end = total if quotes % 2 == 0 else end
    end = end if 2 * end > total else last or total
    to.write_bytes(data[:end])
    return to, False


def _end(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as stream:
        wide = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(stream.read(2))
        stream.seek(max(0, size - _TAIL) // 2 * 2)
        data = stream.read()
    text = ""
    for encoding in (wide,) if wide else ("utf-8", "gb18030", "latin-1"):
        try:
            text = (
                data[data.find(b"\n") + 1 :].decode(encoding) if not wide else data.decode(encoding, "ignore")
            )
            break
        except UnicodeDecodeError:
            continue
    return text.partition("\n")[2] if wide else text


def _grid(content: str, delimiter: str | None = None) -> tuple[str, Grid, list[int]]:
    """Cells by the delimiter that gives most lines one width, and the line that each row ends with."""
    every = _lines(content)
    lines = [line for line in every[:200] if line.strip()]
    if delimiter is None:
        delimiter = max(_SIGNS, key=lambda sign: _evenness(_rows(lines, sign)[0]))
        blanks = [line.split() for line in lines]
        if _evenness(_rows(lines, delimiter)[0]) == 0 and _evenness(blanks) == len(lines):
            delimiter = "whitespace"
    if delimiter == "whitespace":
        return delimiter, [line.split() for line in every], list(range(1, len(every) + 1))
    grid, ends = _rows(every, delimiter)
    return delimiter, grid, ends


def _lines(content: str) -> list[str]:
    """Lines as the reader of every run counts them; Python's own splitlines knows more ends of lines."""
    return io.StringIO(content, newline="").readlines()


def _rows(lines: Iterable[str], delimiter: str) -> tuple[Grid, list[int]]:
    reader = csv.reader(lines, delimiter=delimiter)
    grid: Grid = []
    ends: list[int] = []
    try:
        for row in reader:
            grid.append([cell.strip() for cell in row])
            ends.append(reader.line_num)
    except csv.Error:
        pass  # a field longer than any of a table; the reader of every run says it
    return grid, ends


def _evenness(grid: Grid) -> int:
    """Rows of the commonest width, if that is more than one column."""
    widths = Counter(len(row) for row in grid if len(row) > 1)
    return widths.most_common(1)[0][1] if widths else 0


def _is_found(content: str, ends: list[int], above: int, delimiter: str) -> bool:
    """Whether the reader of every run finds this delimiter by itself, from the header alone."""
    lines = _lines(content)
    header = re.sub(r'"[^"]*"', "", lines[ends[above - 1] if above else 0] if lines else "")
    counts = {sign: header.count(sign) for sign in _SIGNS}
    return max(counts, key=lambda sign: counts[sign]) == delimiter


# --- workbooks and Parquet ----------------------------------------------------------------------


def _sheets(connection: duckdb.DuckDBPyConnection, path: Path, folder: Path) -> tuple[list[Head], list[Note]]:
    cells = folder / "cells.csv"
    told = unpack(folder.name, path, None, to=cells)
    grids = {str(told["sheet"]): _ends_of(cells)}
    for name in (*told["others"], *told["hidden"]):
        unpack(folder.name, path, name, to=cells)
        grids[name] = _ends_of(cells)
    heads: list[Head] = []
    passed: list[Note] = []
    for index, (name, (grid, end)) in enumerate(grids.items()):
        above = header_of(grid)
        if usual_width(grid) < 2 or len(grid) < 2:
            if len(grids) == 1:
                raise DataError(f"{path.name} has no table: no two columns stand side by side.")
            passed.append(Note("sheet {sheet} of {file}: no table", sheet=name, file=path.name))
            continue
        options: dict[str, Any] = {"sheet": name} if index else {}
        if above:
            options["skip_rows"] = above
        if below := footer_of(end, grid, above):
            options["skip_last_rows"] = below
        names, doubled = names_of(grid, above)
        if above is None or doubled:
            options["names"] = names
        if above is not None and doubled:
            options["skip_rows"] = above + 1
        own = folder / f"{folder.name}_{index}"
        own.mkdir()
        raw, relation = _read(connection, path, options, own)
        heads.append(
            _head(
                connection,
                raw,
                relation,
                path=path,
                options=options,
                n_rows=_count(connection, raw.relation),
                is_counted=True,
                has_header=above is not None,
                doubled=doubled,
                sheet=name if len(grids) > 1 else None,
                footer=quoted(end, below),
                may_be_rows=may_be_rows(end, below),
                above=quoted(grid[: above or 0], above or 0),
            )
        )
    return heads, passed


def _ends_of(cells: Path) -> tuple[Grid, Grid]:
    """The first rows of a sheet, and its last ones; the same list where these are all of them."""
    with cells.open(encoding="utf-8", newline="") as stream:
        rows = ([cell.strip() for cell in row] for row in csv.reader(stream))
        grid = list(islice(rows, _LINES))
        end = deque(grid, maxlen=_LINES)
        end.extend(rows)
    return grid, grid if not grid or end[0] is grid[0] else list(end)


def _typed(connection: duckdb.DuckDBPyConnection, path: Path, folder: Path) -> Head:
    raw, relation = _read(connection, path, {}, folder)
    n_rows = _count(connection, raw.relation)
    # A column whose name no parameter file can hold cannot be asked for.
    raw = replace(raw, columns={name: kind for name, kind in raw.columns.items() if not CONTROL.search(name)})
    return _head(connection, raw, relation, path=path, options={}, n_rows=n_rows, is_counted=True)


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0


def _head(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    relation: str,
    *,
    path: Path,
    options: dict[str, Any],
    n_rows: int,
    is_counted: bool,
    has_header: bool = True,
    doubled: tuple[str, ...] = (),
    sheet: str | None = None,
    footer: tuple[str, ...] = (),
    may_be_rows: bool = False,
    above: tuple[str, ...] = (),
) -> Head:
    rows = Raw(raw.table, relation, raw.columns, (path.name,), raw.notes)
    facts = judge(connection, rows)
    notes, last = tuple(raw.notes), (footer, may_be_rows, above)
    return Head(path, sheet, facts, options, rows, n_rows, is_counted, has_header, doubled, notes, *last)
