"""Workbooks -> columns of text: one sheet, read where its size can harm nobody."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cam.data.files.delimited import unique_names
from cam.data.files.guards import refuse_columns
from cam.data.files.margins import left_out, unit_above
from cam.data.notes import Note
from cam.errors import DataError
from cam.params import Source

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 50_000
_READER = Path(__file__).with_name("sheet_reader.py")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet as text.

    Attributes
    ----------
    columns : pyarrow.Table
        Every column as text; an empty cell is null.
    notes : tuple of Note
        What a reader should know of how it was read.
    from_1904 : bool
        Whether its numbers of days begin in 1904.
    """

    columns: pa.Table
    notes: tuple[Note, ...]
    from_1904: bool


def read_sheet(table: str, path: Path, source: Source, *, to: Path) -> Sheet:
    """Read one sheet of a workbook.

    Parameters
    ----------
    table : str
        Canonical name, for messages.
    path : Path
        ``.xlsx``, ``.xls``, ``.xlsm``, ``.xlsb`` or ``.ods``.
    source : Source
        Its entry in the parameter file.
    to : Path
        Where the sheet's text may stand meanwhile.

    Returns
    -------
    Sheet

    Raises
    ------
    DataError
        If it cannot be read, is protected, would take too much memory, has no such sheet or nothing in it,
        formulas that were never worked out, or cells merged over several rows.
    """
    import pyarrow as pa  # here, because CSV and Parquet never need it

    options = source.options
    told = unpack(
        table, path, options.sheet, to=to, marked=options.decimal == ",", moments=bool(options.time_zone)
    )
    sheet = f"sheet {told['sheet']!r} of {path.name}"
    below: deque[list[str]] = deque()
    above: list[str] = []
    rows = _all_but(_filled(to, options.skip_rows, above), options.skip_last_rows, below)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{table}: {sheet} is empty.")
    width = len(first)
    if options.names and len(options.names) != width:
        raise DataError(
            f"{table}: {path.name} has {width} columns, but data.{table}.options.names gives {len(options.names)}."
        )
    refuse_columns(table, path, width)
    _refuse_merged(table, sheet, told, options.skip_rows)
    names = unique_names(table, path, options.names or first)
    given = [first] if options.names else []
    batches = []
    used: set[int] = set()
    while batch := [*given, *islice(rows, _ROWS)]:
        given = []
        values = [[value or None for value in column] for column in zip(*batch, strict=True)]
        used |= {index for index, column in enumerate(values) if any(column)}
        batches.append([pa.array(column, pa.string()) for column in values])
    # A column without a name is one all the same if something stands in it.
    names = [name or (f"column{index + 1}" if index in used else "") for index, name in enumerate(names)]
    columns = {
        name: pa.chunked_array([batch[index] for batch in batches], pa.string())
        for index, name in enumerate(names)
        if name
    }
    notes = (
        *_notes(path, told),
        *unit_above(path, above),
        *left_out(table, path, below, names, source),
    )
    return Sheet(pa.table(columns), notes, bool(told["from_1904"]))


def _all_but(rows: Iterable[list[str]], last: int, held: deque[list[str]]) -> Iterator[list[str]]:
    """The rows without the last ones, which are left in *held*."""
    for row in rows:
        held.append(row)
        if len(held) > last:
            yield held.popleft()


def unpack(
    table: str, path: Path, sheet: str | None, *, to: Path, marked: bool = False, moments: bool = False
) -> dict[str, Any]:
    """Write the rows of a sheet to a CSV file, by a process that may only use little memory.

    Parameters
    ----------
    table : str
        Canonical name, for messages.
    path : Path
        The workbook.
    sheet : str or None
        By default the first that can be seen.
    to : Path
        The CSV file.
    marked : bool
        Whether a number that is not whole has seven decimals at least, which no text with its thousands apart has.
    moments : bool
        Whether a day is midnight in a column of which a cell has a time of day.

    Returns
    -------
    dict
        The sheet's name, the other ones and the hidden ones, its rows, its merged areas.

    Raises
    ------
    DataError
        As :func:`read_sheet`.
    """
    asked = json.dumps({"sheet": sheet, "marked": marked, "moments": moments})
    command = [sys.executable, "-P", str(_READER), str(path), str(to), asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:  # the system stopped it
        told = {"fault": "memory"}
    if "fault" in told:
        raise DataError(f"{table}: {_fault(table, path, sheet, told)}")
    return told


def _fault(table: str, path: Path, sheet: str | None, told: dict[str, Any]) -> str:
    name, as_csv = path.name, "Open it and save the sheet as CSV."
    kind = told["fault"]
    if kind == "no sheet" and not told["sheets"]:
        return f"{name} has no sheet that can be read. Export it again, or save the sheet as CSV."
    if kind == "no sheet":
        return (
            f"{name} has no sheet {sheet!r}. Sheets: {', '.join(told['sheets']) or 'none'}. "
            f"Set data.{table}.options.sheet."
        )
    if kind == "no workbook":
        return f"{name} is a ZIP archive (with {told['inside']!r} in it), not a workbook. Unpack it."
    if kind == "bomb":
        return f"{name} would take {told['size'] / 1e9:.1f} GB once unpacked, more than is read. {as_csv}"
    if kind == "memory":
        return (
            f"{name} would take more memory than a workbook may: its cells reach too far, or there are too many.\n"
            f"    {as_csv}"
        )
    if kind == "not computed":
        return (
            f"{told['n']:,} cells of sheet {told['sheet']!r} of {name} hold formulas that were never worked out "
            f"(first: {told['cell']}).\n    Open it in Excel, save it, and run again."
        )
    if kind == "errors":
        return f"sheet {told['sheet']!r} of {name} is full of errors such as #REF!. Mend its formulas and save it."
    said = " ".join(str(told["said"]).split())[:300]
    if "assword" in said or "ncrypt" in said:
        return f"{name} is protected with a password. Save it without one."
    return f"{name} cannot be read as a workbook: {said}. Export it again, or save the sheet as CSV."


def _filled(path: Path, skip: int, above: list[str]) -> Iterator[list[str]]:
    """Rows with something in them, below those that the parameters skip, which are left in *above*."""
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        above += [" ".join(filter(None, row)) for row in islice(reader, skip)]
        for row in reader:
            if any(row):
                yield row


def _refuse_merged(table: str, sheet: str, told: dict[str, Any], skip: int) -> None:
    """Cells merged over several rows of data: all but the first row have lost the value."""
    below = told["start"][0] + skip
    areas = [_area(area) for area in told["merged"] if area[0][0] > below]
    if areas:
        raise DataError(
            f"{table}: {sheet} has cells merged over several rows (first: {areas[0]}), so all but the first row "
            "have lost their value.\n    Unmerge them, fill the value into every row, and save; or export as CSV."
        )


def _area(area: list[list[int]]) -> str:
    (top, left), (bottom, right) = area
    return f"{_letters(left)}{top + 1}:{_letters(right)}{bottom + 1}"


def _letters(column: int) -> str:
    text = ""
    while column >= 0:
        column, text = column // 26 - 1, chr(65 + column % 26) + text
    return text


def _notes(path: Path, told: dict[str, Any]) -> tuple[Note, ...]:
    notes = []
    if told["others"]:
        words = "of {file}, sheet {sheet} was read; it also has {others}"
        others = ", ".join(told["others"][:5])
        notes.append(Note(words, file=path.name, sheet=told["sheet"], others=others))
    if told["errors"]:
        notes.append(
            Note("{file} has cells that show an error, such as #REF!: {n}", file=path.name, n=told["errors"])
        )
    return tuple(notes)
