"""What stands above the header and below the last row of a file: left out where the parameters say so, and told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from cam.data.notes import Note
from cam.data.types.expressions import TOTAL
from cam.data.types.units import first_unit
from cam.errors import DataError
from cam.params import Source
from cam.schema import TABLES

#: Signs of a line that are told.
_SHOWN = 60
_CHUNK = 1 << 20
LEFT_OUT = "{file}: {n} line(s) below the last row left out, first {line}"
UNIT_ABOVE = "{file}: a line above the header says {unit}"


def unit_above(path: Path, lines: Iterable[str]) -> list[Note]:
    """Tell the unit of amounts that a line above the header says, such as 单位：万元.

    Parameters
    ----------
    path : Path
        The client's file.
    lines : iterable of str
        What stands above the header.

    Returns
    -------
    list of Note
        One or none; nothing is quoted but the unit.
    """
    found = first_unit(lines)
    return [Note(UNIT_ABOVE, file=path.name, unit=found[0])] if found else []


def cut_end(path: Path, n: int) -> list[str]:
    r"""Take the last lines off a file, blank ones counted.

    Parameters
    ----------
    path : Path
        UTF-8.
    n : int
        How many.

    Returns
    -------
    list of str
        These lines.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = path.write_text("a,b\n1,2\n,2\n")
    >>> cut_end(path, 1), path.read_text()
    ([',2'], 'a,b\n1,2')
    """
    with path.open("rb+") as stream:
        end = stream.seek(0, 2)
        if not n or not end:
            return []
        stream.seek(end - 1)
        end -= stream.read(1) == b"\n"  # the end of the last line begins no other
        last = end
        for _ in range(n):
            end = _line_start(stream, end)
            if end == 0:
                break
            end -= 1
        stream.seek(end)
        cut = stream.read(last - end).decode().splitlines()
        stream.truncate(end)
    return [line for line in cut if line]


def left_out(
    table: str, path: Path, rows: Iterable[Sequence[str]], names: Sequence[str], source: Source
) -> list[Note]:
    """Tell what was cut off below the last row, and stop where it is a row like those above.

    Parameters
    ----------
    table : str
        Canonical name.
    path : Path
        The client's file.
    rows : iterable of sequence of str
        The values of each line that is left out.
    names : sequence of str
        The file's columns.
    source : Source
        The entry of the table in the parameter file.

    Returns
    -------
    list of Note

    Raises
    ------
    DataError
        If a line has all that a row must have, and is not called a sum.
    """
    cut = [list(row) for row in rows]
    lines = [" ".join(cell for cell in row if cell) for row in cut]
    if not any(lines) or table not in TABLES:  # a file that is only looked at is no table yet
        return []
    columns = TABLES[table].columns
    needed = [source.named.get(column.name, column.name) for column in columns if column.required]
    places = [names.index(name) for name in needed if name in names]
    for row, line in zip(cut, lines, strict=True):
        is_row = len(row) == len(names) and bool(places) and all(row[place].strip() for place in places)
        if is_row and not any(re.fullmatch(TOTAL, cell.strip(), re.IGNORECASE) for cell in row):
            raise DataError(
                f"{table}: a line that data.{table}.options.skip_last_rows leaves out of {path.name} is a row like "
                f"those above: {_shown(line)!r}.\n"
                "    Give the number of lines below the last row. It holds for every file of the table: where only "
                "some have such lines, take them off at the source and leave skip_last_rows away."
            )
    return [Note(LEFT_OUT, file=path.name, n=len(lines), line=_shown(next(filter(None, lines))))]


def _shown(line: str) -> str:
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]} …"


def _line_start(stream: IO[bytes], end: int) -> int:
    """Where the line begins that ends before *end*."""
    while end:
        start = max(0, end - _CHUNK)
        stream.seek(start)
        found = stream.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
