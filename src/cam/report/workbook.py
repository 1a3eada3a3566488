"""``workbook.xlsx``: the tables that people take further, typed, and the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from cam.key_figures import COLUMNS, Row
from cam.language import active, date_text, sentence, unit_text
from cam.language import translate as _
from cam.report.figure_words import figure_text, segment_words
from cam.report.glossary import Term, read_glossary
from cam.report.pages import label
from cam.report.sheet import Column, In, Sheet, Styles, give_room, tab_title, write_sheet

__all__ = [
    "About",
    "figures_sheet",
    "findings_sheet",
    "glossary_sheet",
    "reconciliation_sheet",
    "study_sheet",
    "unit_words",
    "write_workbook",
]


@dataclass(frozen=True, slots=True)
class About:
    """What stands on the first sheet.

    Attributes
    ----------
    client : str
        As the pages call it.
    period : str
        First to last day of the data, ready to read.
    as_of : date
        Last day seen; the workbook's own date, too, so that no clock shows.
    currency : str
        ISO code of all amounts.
    """

    client: str
    period: str
    as_of: date
    currency: str


def write_workbook(path: Path, *, about: About, sheets: Iterable[Sheet]) -> None:
    """Write the workbook: a sheet about it, then the others in their order.

    Parameters
    ----------
    path : Path
        The file.
    about : About
        Whose it is, and of when.
    sheets : iterable of Sheet
        Titles that a tab cannot hold, or that are taken, are changed.
    """
    first = tab_title(_("About this workbook"))
    titles, kept = [first], []
    for sheet in sheets:
        titles.append(tab_title(sheet.title, titles))
        kept.append(replace(sheet, title=titles[-1]))
    # Text that looks like a formula, a number or a link stays text: it comes from the client's data.
    options: dict[str, Any] = {
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
        "default_date_format": "yyyy-mm-dd",
        "constant_memory": True,  # rows leave memory as they are written
    }
    if active() == "zh":
        options["default_format_properties"] = {"font_name": "Microsoft YaHei", "font_size": 10}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"created": datetime(about.as_of.year, about.as_of.month, about.as_of.day)})
        styles = Styles(book)
        _write_about(book, styles, first, about, kept)
        for sheet in kept:
            write_sheet(book, styles, sheet)


def findings_sheet(findings: Sequence[tuple[str, str]]) -> Sheet:
    """Put the findings in a sheet.

    Parameters
    ----------
    findings : sequence of (study, text)
        In the order of the studies, ready to read.
    """
    return Sheet(
        _("Findings"),
        (Column(_("Study")), Column(_("Finding"))),
        findings,
        _("What each study found, in sentences, with intervals."),
        n_rows=len(findings),
    )


def study_sheet(left: Mapping[str, Any], *, study: str) -> Sheet:
    """Take over a sheet that a study left.

    Parameters
    ----------
    left : mapping
        ``title``, ``columns``, ``rows``; ``units`` by column and what it ``holds`` where the study says so, else what
        the overview says ``about`` it.
    study : str
        Its name.
    """
    units = left.get("units", {})
    columns = tuple(Column(name, units.get(name, "text")) for name in left["columns"])
    dates = [place for place, column in enumerate(columns) if column.unit == "date"]
    rows = [
        [
            date.fromisoformat(value[:10]) if place in dates and value else value
            for place, value in enumerate(row)
        ]
        if dates
        else row
        for row in left["rows"]
    ]
    holds = (
        left.get("holds")
        or left.get("about", {}).get("about")
        or sentence("From the study: {study}.", study=label(study))
    )
    return Sheet(left["title"], columns, rows, holds, n_rows=len(rows))


def figures_sheet(figures: Sequence[Row]) -> Sheet:
    """Put the key figures in a sheet: in words and with the format of their unit, raw names at the right.

    Parameters
    ----------
    figures : sequence of dict
        Rows of ``key_figures.csv``.
    """
    rows = [
        (
            label(row["study"]),
            figure_text(row["figure"]),
            segment_words(row["segment"], figure=row["figure"]),
            *(In(_number(row[name]), row["unit"]) for name in ("value", "low", "high")),
            In(_number(row["n"]), "count"),
            unit_words(row["unit"]),
            *(row[name] for name in _RAW),
        )
        for row in figures
    ]
    limits = _("Limit of the 95 % interval; empty where the figure was counted, not estimated.")
    raw = _("As in key_figures.csv, to look figures up by.")
    columns = (
        Column(_("Study")),
        Column(_("Key figure")),
        Column(_("For whom")),
        Column(_("Value"), "share"),
        Column(_("Lower limit"), "share", limits),
        Column(_("Upper limit"), "share", limits),
        Column(_("n"), "count", _("How many customers, orders or answers the figure rests on.")),
        Column(_("Unit")),
        *(Column(name, note=raw) for name in _RAW),
    )
    return Sheet(
        _("Key figures"),
        columns,
        rows,
        _("Every figure of every study with its interval; the last columns are those of key_figures.csv."),
        n_rows=len(rows),
        wraps=False,
    )


#: Columns of ``key_figures.csv`` that stand once more as they are.
_RAW = tuple(name for name in COLUMNS if name not in {"value", "low", "high", "n"})


def reconciliation_sheet(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, currency: str) -> Sheet:
    """Put what was read, kept and dropped in a sheet.

    Parameters
    ----------
    columns, rows : sequence
        As from :func:`cam.studies.reconciliation.reconcile`; a column without a number is left out.
    currency : str
        ISO code of all amounts.
    """
    filled = [place for place in range(len(columns)) if any(row[place] is not None for row in rows)]
    made = []
    for name in (columns[place] for place in filled):
        words = _(_ACCOUNT.get(name, name))
        is_amount = name.startswith("revenue")
        words = sentence("{label}, {unit}", label=words, unit=currency) if is_amount else words
        made.append(Column(words, "text" if name == "line" else currency if is_amount else "count"))
    lines = [
        [_(row[place]) if isinstance(row[place], str) else row[place] for place in filled] for row in rows
    ]
    holds = _("Rows and money that came in, that were kept, and that were dropped, with the reason.")
    return Sheet(_("What was read"), tuple(made), lines, holds, n_rows=len(lines))


#: What the columns of the account are called.
_ACCOUNT = {
    "line": "Table",
    "read": "Rows read",
    "dropped": "Rows dropped",
    "kept": "Rows kept",
    "revenue_read": "Revenue read",
    "revenue_dropped": "Revenue dropped",
    "revenue_kept": "Revenue kept",
}


def glossary_sheet() -> Sheet:
    """Put the glossary in a sheet, the reader's own language first."""
    terms = [Term(*(text.replace("`", "") for text in one)) for one in read_glossary()]
    is_chinese = active() == "zh"
    rows = [(one.chinese, one.english, one.meaning) if is_chinese else one for one in terms]
    head = [_("Term"), _("In English") if is_chinese else _("In Chinese"), _("Meaning, unit")]
    return Sheet(
        _("Glossary"),
        tuple(map(Column, head)),
        rows,
        _("What the words in this report mean, in English and Chinese."),
        n_rows=len(rows),
    )


def unit_words(unit: str) -> str:
    """Write a unit for a cell.

    Parameters
    ----------
    unit : str
        As in :class:`cam.estimate.Estimate`, or ``text``, ``date``, ``flag``.

    Examples
    --------
    >>> unit_words("share"), unit_words("CNY"), unit_words("flag")
    ('%', 'CNY', 'yes or no')
    """
    words = {
        "text": "text",
        "date": "date",
        "flag": "yes or no",
        "ratio": "number",
        "hours": "hours",
        "points": "percentage points or points",
    }
    if unit in words:
        return _(words[unit])
    return unit_text(unit) if unit.islower() else unit


def _write_about(book: Any, styles: Styles, title: str, about: About, sheets: Sequence[Sheet]) -> None:
    """Say whose workbook it is, what each sheet holds, and how to read it."""
    page = book.add_worksheet(title)
    page.set_column(0, 0, 26)
    page.set_column(1, 1, 96)
    page.set_column(2, 2, 12)
    page.hide_gridlines(2)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.write_string(0, 0, about.client, styles.title)
    facts = (
        (_("Period"), about.period),
        (_("Last day seen"), date_text(about.as_of)),
        (_("Currency"), about.currency),
    )
    at = 2
    for name, text in facts:
        page.write_string(at, 0, name, styles.name)
        page.write_string(at, 1, text, styles.wrap)
        at += 1
    at += 1
    for place, words in enumerate((_("Sheet"), _("What it holds"), _("Rows"))):
        page.write_string(at, place, words, styles.number_head if place == 2 else styles.text_head)
    for sheet in sheets:
        at += 1
        row = (sheet.title, f"{sheet.holds} {sheet.remark}".strip())
        give_room(page, at, row, (26, 96))
        page.write_string(at, 0, row[0], styles.wrap)
        page.write_string(at, 1, row[1], styles.wrap)
        page.write_number(at, 2, sheet.n_rows, styles.of("count"))
    at += 2
    page.write_string(at, 0, _("How to read it"), styles.text_head)
    page.write_string(at, 1, "", styles.text_head)
    for text in (
        _(
            "A lower and an upper limit are those of the 95 % interval: chance alone would rarely put the truth "
            "outside it. A number without limits was counted, not estimated."
        ),
        _("n is how many customers, orders or answers a number rests on: the fewer, the wider its interval."),
        _("A share is stored as a number from 0 to 1 and shown in per cent: 12.3 % is 0.123."),
        _("An empty cell means that the value is not known, or that there is none."),
        _("Point at a header with a small red corner to read what its column means."),
        _("Every header has a filter; the first column and the header stay in sight."),
    ):
        at += 1
        give_room(page, at, ("", text), (26, 96))
        page.write_string(at, 1, text, styles.wrap)


def _number(text: str) -> float | None:
    return float(text) if text else None
