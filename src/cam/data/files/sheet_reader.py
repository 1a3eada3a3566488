"""Reads one sheet of a workbook in a process of its own, with little memory; run as a program by ``workbooks``.

A workbook of a few kilobytes can ask for more memory than there is. Here that ends this process, and nothing else.
It must import nothing of ``cam``: every library that it loads takes from the memory that is left for the workbook.
"""

from __future__ import annotations

import contextlib
import csv
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

#: Bytes of memory, and of a workbook once it is unpacked.
MAX_MEMORY, MAX_UNPACKED = 900 << 20, 1 << 30
_CHUNK = 1 << 20
#: Errors that are kept as the text they show; a sheet with more of them is no table.
_MAX_ERRORS = 100_000
_ERROR = re.compile(
    rb'<c r="([A-Z]{1,3})([0-9]{1,7})"[^>]*\bt="e"[^>]*>.{0,4000}?<v>([^<]{1,20})</v>', re.DOTALL
)
_NOT_COMPUTED = re.compile(
    rb'<c r="([A-Z]{1,3}[0-9]{1,7})"(?![^>]*\bt="str")[^>]*><f[^>]*(?:/>|>[^<]{0,8192}</f>)(?:<v ?/>|<v></v>)?</c>'
)
_OFFICE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"


class Refused(Exception):
    """A fault, as its name and what belongs in its sentence."""


def read(path: Path, to: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Write the rows of a sheet as CSV and return what is to be known of it."""
    sheet = asked.get("sheet")
    is_zip = zipfile.is_zipfile(path)
    if is_zip:
        _look_inside(path)
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    workbook = CalamineWorkbook.from_path(path)
    tables = [found for found in workbook.sheets_metadata if found.typ == SheetTypeEnum.WorkSheet]
    seen = [found.name for found in tables if found.visible == SheetVisibleEnum.Visible]
    names = [found.name for found in tables]
    if not names or (sheet is not None and sheet not in names):
        raise Refused("no sheet", {"sheets": names})
    chosen = sheet or (seen or names)[0]
    errors: dict[tuple[int, int], str] = {}
    if is_zip:
        errors = _errors(path, chosen)
    found = workbook.get_sheet_by_name(chosen)
    left = found.start or (0, 0)
    marked = bool(asked.get("marked"))
    clocks = _with_clock(found) if asked.get("moments") else set()
    merged = [area for area in found.merged_cell_ranges or [] if area[1][0] > area[0][0] >= left[0]]
    with to.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        n_rows = 0
        for index, row in enumerate(_rows(found)):
            if errors:
                row = [
                    cell if cell != "" else errors.get((left[0] + index, left[1] + column), "")
                    for column, cell in enumerate(row)
                ]
            if clocks:
                row = [_moment(cell) if column in clocks else cell for column, cell in enumerate(row)]
            writer.writerow([_cell(cell, marked=marked) for cell in row])
            n_rows += 1
    return {
        "sheet": chosen,
        "others": [name for name in seen if name != chosen],
        "hidden": [name for name in names if name not in {*seen, chosen}],
        "rows": n_rows,
        "start": left,
        "errors": len(errors),
        "merged": merged[:1000],
        "from_1904": is_zip and _counts_from_1904(path),
    }


def _rows(sheet: Any) -> Iterator[list[Any]]:
    """Rows from the first filled cell on."""
    if sheet.start is None:
        return
    # iter_rows begins at the sheet's corner, where to_python may begin at the first filled cell.
    top, left = sheet.start
    for index, row in enumerate(sheet.iter_rows()):
        if len(row) == sheet.width:
            yield row
        elif index >= top:
            yield row[left:]


def _with_clock(sheet: Any) -> set[int]:
    """Columns of which a cell has a time of day."""
    return {column for row in _rows(sheet) for column, cell in enumerate(row) if isinstance(cell, datetime)}


def _moment(cell: Any) -> Any:
    # The reader takes midnight for a day, whatever the cell shows.
    is_day = isinstance(cell, date) and not isinstance(cell, datetime)
    return datetime.combine(cell, time()) if is_day else cell


def _look_inside(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        names = {entry.filename for entry in entries}
        if not names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
            inside = next((entry.filename for entry in entries if not entry.is_dir()), "")
            raise Refused("no workbook", {"inside": inside})
        size = sum(entry.file_size for entry in entries)
        if size > MAX_UNPACKED:
            raise Refused("bomb", {"size": size})


def _errors(path: Path, sheet: str) -> dict[tuple[int, int], str]:
    """Cells that show an error; the reader takes them for empty. Refuses formulas that were never worked out."""
    with zipfile.ZipFile(path) as archive:
        part = _part(archive, sheet)
        if part is None:
            return {}
        errors: dict[tuple[int, int], str] = {}
        empty: list[str] = []
        n_empty = 0
        for piece in _unpacked(archive, part):
            for letters, number, text in _ERROR.findall(piece):
                errors[int(number) - 1, _column(letters)] = text.decode()
            found = _NOT_COMPUTED.findall(piece)
            n_empty += len(found)
            empty += [] if empty else [cell.decode() for cell in found[:1]]
            if len(errors) > _MAX_ERRORS:
                raise Refused("errors", {"sheet": sheet})
        if empty:
            raise Refused("not computed", {"sheet": sheet, "n": n_empty, "cell": empty[0]})
        return errors


def _unpacked(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """The bytes of a part, in pieces that end where a cell does."""
    entry = archive.getinfo(part)
    # What the directory says of its size may be a lie: the part is read to its true end.
    entry.file_size = 1 << 50
    size, rest = 0, b""
    with archive.open(entry) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > MAX_UNPACKED:
                raise Refused("bomb", {"size": size})
            piece = rest + chunk
            end = piece.rfind(b"<c ")
            if end <= 0:
                end = len(piece)
            yield piece[:end]
            rest = piece[end:]
    yield rest


def _part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The file of a sheet inside the workbook."""
    with contextlib.suppress(KeyError, ElementTree.ParseError):
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
        targets = {link.get("Id"): str(link.get("Target")) for link in links}
        for element in book.iter():
            if element.tag.endswith("}sheet") and element.get("name") == sheet:
                target = targets[element.get(f"{_OFFICE}id")]
                part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
                return part if part.endswith(".xml") and part in archive.namelist() else None
    return None


def _counts_from_1904(path: Path) -> bool:
    """Whether the numbers of days of a workbook begin in 1904, as those of old Macs do."""
    with zipfile.ZipFile(path) as archive, contextlib.suppress(KeyError, ElementTree.ParseError):
        for element in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():
            if element.tag.endswith("}workbookPr"):
                return element.get("date1904") in {"1", "true", "on"}
    return False


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _cell(value: Any, *, marked: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # Excel keeps 15 digits: a longer number has lost its last ones, and must not look like an id.
        if value.is_integer():
            return str(int(value)) if abs(value) < 1e15 else f"{value:.15e}"
        if not marked:
            return repr(value)
        # Seven decimals or more say that the point is a decimal sign, where texts have it between thousands.
        whole, _, part = f"{Decimal(repr(value)):f}".partition(".")
        return f"{whole}.{part:0<7}"
    if isinstance(value, datetime | date | time):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)


def main() -> None:
    """Read ``PATH TO ASKED`` and print what was found, or what is wrong, as JSON."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    path, to, asked = sys.argv[1:]
    try:
        told = read(Path(path), Path(to), json.loads(asked))
    except Refused as error:
        told = {"fault": error.args[0], **error.args[1]}
    except MemoryError:
        told = {"fault": "memory"}
    except BaseException as error:  # calamine raises many kinds, a panic of its Rust among them
        told = {"fault": "unreadable", "said": f"{error}"}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
