"""``workbook.xlsx``: the tables that people take further, typed, and the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from cam.key_figures import COLUMNS, Row
from cam.language import translate as _

#: More rows than people scroll through; the rest is in customers.parquet, and the sheet says so.
MAX_CUSTOMERS = 100_000


def write_workbook(
    path: Path,
    *,
    as_of: date,
    figures: Sequence[Row],
    findings: Sequence[tuple[str, str]],
    reconciliation: tuple[Sequence[str], Sequence[Sequence[Any]]],
    customers: tuple[Sequence[str], Iterable[Sequence[Any]], int],
    sheets: Sequence[tuple[str, Sequence[str], Sequence[Sequence[Any]]]] = (),
) -> None:
    """Write the workbook.

    Parameters
    ----------
    path : Path
        The file.
    as_of : date
        Last day seen; the workbook's own date, so that no clock shows.
    figures : sequence of dict
        Rows of ``key_figures.csv``.
    findings : sequence of (study, text)
        In the order of the studies.
    reconciliation : (columns, rows)
        As on every page.
    customers : (names, rows, number of rows)
        ``customers.parquet``, at most :data:`MAX_CUSTOMERS` of its rows.
    sheets : sequence of (title, columns, rows)
        What the studies left for it, such as the action table; they stand after the findings.
    """
    # Text that looks like a formula, a number or a link stays text: it comes from the client's data.
    options = {
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
        "default_date_format": "yyyy-mm-dd",
        "constant_memory": True,  # rows leave memory as they are written
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"created": datetime(as_of.year, as_of.month, as_of.day)})
        head = book.add_format({"bold": True, "bottom": 1})
        _sheet(book, head, _("Findings"), (_("Study"), _("Finding")), findings, widths=(24, 120))
        for title, columns, lines in sheets:
            _sheet(book, head, title, columns, lines, widths=_widths(columns, lines))
        numbers = [
            [
                row[name] if name not in {"value", "low", "high", "n"} else _number(row[name])
                for name in COLUMNS
            ]
            for row in figures
        ]
        _sheet(book, head, _("Key figures"), COLUMNS, numbers, widths=(12, 11, 20, 28, 28, 14, 14, 14, 10, 8))
        columns, lines = reconciliation
        _sheet(book, head, _("What was read"), columns, lines, widths=[40, *[14] * (len(columns) - 1)])
        names, rows, n = customers
        words = _("The first {shown} of {all} customers; all are in customers.parquet.")
        note = words.format(shown=f"{MAX_CUSTOMERS:,}", all=f"{n:,}") if n > MAX_CUSTOMERS else ""
        _sheet(book, head, _("Customers"), names, rows, widths=[16] * len(names), note=note)


def _sheet(
    book: Any,
    head: Any,
    name: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    widths: Sequence[int],
    note: str = "",
) -> None:
    sheet = book.add_worksheet(name[:31])
    sheet.freeze_panes(1, 1)
    sheet.write_row(0, 0, columns, head)
    for index, width in enumerate(widths):
        sheet.set_column(index, index, width)
    if note:
        sheet.write_comment(0, 0, note)  # before the rows: a row that was written is out of memory
    last = 0
    for last, row in enumerate(rows, start=1):
        sheet.write_row(last, 0, row)
    if last and columns:
        sheet.autofilter(0, 0, last, len(columns) - 1)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[int]:
    """As wide as the longest text of a column, within reason."""
    texts = zip(columns, *rows, strict=True)
    return [min(max(len(str(text)) for text in column) + 2, 60) for column in texts]


def _number(text: str) -> float | None:
    return float(text) if text else None
