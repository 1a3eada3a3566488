"""One sheet of the workbook: a header that stays in sight, typed cells, formats by unit, and nothing that runs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain, islice
from typing import Any, NamedTuple

from cam.language import translate as _
from cam.show.lines import display_width

#: What a sheet can hold.
MOST_COLUMNS, MOST_CHARACTERS, MOST_IN_TITLE = 16_384, 32_767, 31
#: Characters of a column: of a short text, of one that is wrapped, of one that is not; of a page that is printed.
_LEAST, _WRAPPED, _WHOLE, _PRINTED = 9, 84, 120, 240
#: Of a line, and of the highest row that a sheet can have, in points.
_LINE, _HIGHEST = 15, 409
#: Rows by whose texts the width of a column is chosen.
_MEASURED = 10_000
_FORMATS = {
    "share": "0.0%",
    "count": "#,##0",
    "points": "0.0",
    "days": "#,##0.0",
    "weeks": "#,##0.0",
    "months": "#,##0.0",
    "hours": "#,##0.0",
    "ratio": "#,##0.000",
    "date": "yyyy-mm-dd",
}
_MONEY = "#,##0.00"


class In(NamedTuple):
    """A number whose unit is its own, not that of its column."""

    value: float | None
    unit: str


class _Digits(float):
    """A number with the 15 digits that Excel knows: the library's 16 would make 91.48999999999999 of 91.49."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return float.__format__(self, ".15G")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a sheet.

    Attributes
    ----------
    label : str
        Header, ready to read.
    unit : str
        As in :class:`cam.estimate.Estimate`, or ``date``; ``text`` is written as it is.
    note : str
        What the header's note says; may be empty.
    """

    label: str
    unit: str = "text"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet.

    Attributes
    ----------
    title : str
        The tab; what a tab cannot hold is replaced.
    columns : tuple of Column
        In order.
    rows : iterable of sequence
        Numbers, texts, dates, booleans, None or :class:`In`.
    holds : str
        A sentence for the list of sheets.
    remark : str
        What must be read before the table, above its header; usually empty.
    n_rows : int
        Rows of the table.
    wraps : bool
        Whether long texts stand on several lines.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Any]]
    holds: str
    remark: str = ""
    n_rows: int = 0
    wraps: bool = True


class Styles:
    """The formats of a workbook, each made once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[str, bool], Any] = {}
        head = {"bold": True, "bottom": 1, "bg_color": "#EEF2F5", "text_wrap": True, "valign": "top"}
        self.number_head = book.add_format(head | {"align": "right"})
        self.text_head = book.add_format(head | {"align": "left", "indent": 1})
        self.remark = book.add_format({"bold": True, "font_color": "#9C3D00"})
        self.title = book.add_format({"bold": True, "font_size": 16, "align": "left", "indent": 1})
        self.name = book.add_format({"bold": True, "align": "left", "valign": "top", "indent": 1})
        # A little way from a number that stands before it.
        self.wrap = book.add_format({"text_wrap": True, "align": "left", "valign": "top", "indent": 1})
        self.top = book.add_format({"align": "left", "valign": "top", "indent": 1})

    def of(self, unit: str, *, whole: bool = False) -> Any:
        """Return the format of a unit; a whole number of days or months has no decimals."""
        text = _MONEY if is_money(unit) else _FORMATS.get(unit)
        if whole and unit in {"days", "weeks", "months", "hours"}:
            text = _FORMATS["count"]
        if text is None:
            return self.top
        if (text, whole) not in self._made:
            self._made[text, whole] = self._book.add_format({"num_format": text, "valign": "top"})
        return self._made[text, whole]


def is_money(unit: str) -> bool:
    """Return whether a unit is a currency."""
    return len(unit) == 3 and unit.isupper()


def tab_title(title: str, taken: Iterable[str] = ()) -> str:
    """Return a title that a tab can hold, and that no other tab has.

    Parameters
    ----------
    title : str
        Any text.
    taken : iterable of str
        The other tabs.

    Returns
    -------
    str

    Examples
    --------
    >>> tab_title("[Actions]: now/then?"), tab_title("actions", ["Actions"])
    ('(Actions)  now-then', 'actions (2)')
    """
    plain = title.translate(str.maketrans("[]/\\:*?", "()--   "))
    plain = re.sub(r"[\x00-\x1f]", " ", plain).strip(" '")[:MOST_IN_TITLE].strip(" '") or "-"
    others = {one.casefold() for one in taken}
    made, number = plain, 1
    # Excel keeps the word History for itself.
    while made.casefold() in {*others, "history"}:
        number += 1
        made = f"{plain[: MOST_IN_TITLE - 5]} ({number})"
    return made


def write_sheet(book: Any, styles: Styles, sheet: Sheet) -> None:
    """Write a table: header, notes, filter, frozen header and first column.

    Parameters
    ----------
    book : xlsxwriter.Workbook
        With constant memory: rows leave it as they are written.
    styles : Styles
        Of that workbook.
    sheet : Sheet
        Its title must be one that a tab can hold.
    """
    page = book.add_worksheet(sheet.title)
    columns, remark = sheet.columns[:MOST_COLUMNS], sheet.remark
    if len(columns) < len(sheet.columns):
        said = _("Only the first {shown} of {all} columns: a sheet holds no more.")
        said = said.format(shown=f"{len(columns):,}", all=f"{len(sheet.columns):,}")
        remark = f"{remark} {said}".strip()
    top = 1 if remark else 0
    rows = iter(sheet.rows)
    first = list(islice(rows, _MEASURED))
    widths = [_width(column, [row[place] for row in first], sheet) for place, column in enumerate(columns)]
    for place, (column, width) in enumerate(zip(columns, widths, strict=True)):
        page.set_column(place, place, width, _column_format(styles, column, first, place, sheet))
    if remark:
        page.write_string(0, 0, remark, styles.remark)
    lines = max(
        (
            math.ceil(display_width(column.label) / width)
            for column, width in zip(columns, widths, strict=True)
        ),
        default=1,
    )
    # Words break earlier than letters would: where there are lines, one more.
    page.set_row(top, 16 * (lines + (lines > 1)) + 3)
    for place, column in enumerate(columns):
        is_text = column.unit == "text"
        page.write_string(
            top, place, _text(column.label), styles.text_head if is_text else styles.number_head
        )
        if column.note:
            size = {"width": 300, "height": 22 + 18 * math.ceil(display_width(column.note) / 42)}
            page.write_comment(top, place, column.note, size)
    page.freeze_panes(top + 1, 1)
    last = top
    for row in chain(first, rows):
        last += 1
        if sheet.wraps:
            give_room(page, last, row, widths)
        _write_row(page, styles, last, row)
    if last > top and columns:
        page.autofilter(top, 0, last, len(columns) - 1)
    if sum(widths) < _PRINTED:
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1, 0)
    page.repeat_rows(top)


def give_room(page: Any, place: int, row: Sequence[Any], widths: Sequence[float]) -> None:
    """Make a row as high as its longest wrapped text needs: LibreOffice and WPS do not when they open a file.

    Parameters
    ----------
    page : xlsxwriter.Worksheet
        The sheet.
    place : int
        The row, from 0; nothing is written in it yet.
    row : sequence
        Its cells.
    widths : sequence of float
        Of the columns, in characters.
    """
    lines = 1
    for value, width in zip(row, widths, strict=False):
        if type(value) is str and (len(value) * 2 > width or "\n" in value):
            room = max(width - 2, 1)  # the indent takes some, and words break before the edge
            parts = (max(1, math.ceil(display_width(part) / room)) for part in value.split("\n"))
            lines = max(lines, sum(parts))
    if lines > 1:
        page.set_row(place, min(_LINE * lines, _HIGHEST))


def _write_row(page: Any, styles: Styles, place: int, row: Sequence[Any]) -> None:
    """Write a row, each cell by its type: asking the library to find it out takes a third longer."""
    for at, value in enumerate(row[:MOST_COLUMNS]):
        if value is None:
            continue
        kind = type(value)
        if kind is float:
            if math.isfinite(value):
                page.write_number(place, at, _Digits(value))
        elif kind is int:
            page.write_number(place, at, value)
        elif kind is str:
            _write_text(page, styles, place, at, _text(value))
        elif kind is In:
            if value.value is not None:
                whole = float(value.value).is_integer()
                page.write_number(place, at, _Digits(value.value), styles.of(value.unit, whole=whole))
        elif kind is bool:
            page.write_string(place, at, _("yes") if value else _("no"))
        elif kind is Decimal:
            page.write_number(place, at, _Digits(value))
        elif isinstance(value, date):
            page.write_datetime(place, at, value)
        else:
            _write_text(page, styles, place, at, _text(str(value)))


def _write_text(page: Any, styles: Styles, place: int, at: int, text: str) -> None:
    # The library takes such a text for markup of its own, and would write it into the file as it is; in two parts it
    # stays a text, and the same one.
    if text.startswith("<r>") and text.endswith("</r>"):
        page.write_rich_string(place, at, text[:3], styles.top, text[3:])
    else:
        page.write_string(place, at, text)


def _column_format(
    styles: Styles, column: Column, first: Sequence[Sequence[Any]], place: int, sheet: Sheet
) -> Any:
    if column.unit == "text":
        return styles.wrap if sheet.wraps else styles.top
    found = [row[place] for row in first if row[place] is not None]
    return styles.of(column.unit, whole=all(type(value) is int for value in found))


def _width(column: Column, values: Sequence[Any], sheet: Sheet) -> float:
    """As wide as its longest text, or as a word of its header; a long text is wrapped, or gets all its room."""
    texts = {value for value in values if isinstance(value, str)}
    longest = max((display_width(line) for text in texts for line in text.split("\n")), default=0)
    plain = (value.value if isinstance(value, In) else value for value in values)
    numbers = [value for value in plain if isinstance(value, float | int) and math.isfinite(value)]
    if numbers:
        digits = 2 if is_money(column.unit) or isinstance(values[0], In) else 1
        longest = max(longest, *(len(f"{value:,.{digits}f}") for value in (min(numbers), max(numbers))))
    elif len(texts) < len(values):
        longest = max(longest, len("2026-06-30"))
    head = min(display_width(column.label), max(16, longest))
    return min(max(longest, head, _LEAST), _WRAPPED if sheet.wraps else _WHOLE) + 3


def _text(text: str) -> str:
    """A text that a cell can hold; what does not fit is said, never lost in silence."""
    if len(text) > MOST_CHARACTERS // 2 and len(text.encode("utf-16-le")) > 2 * MOST_CHARACTERS:
        mark = _(" … (cut: a cell holds no more than {n} characters)").format(n=f"{MOST_CHARACTERS:,}")
        room = 2 * (MOST_CHARACTERS - len(mark))
        return text.encode("utf-16-le")[:room].decode("utf-16-le", errors="ignore") + mark
    return text
