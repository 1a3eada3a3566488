"""Tables for a page: numbers with their unit in the header, the interval small beside the value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from cam.estimate import CannotSay
from cam.language import active, sentence, together, unit_text, value_text
from cam.language import translate as _

#: Rows on a page; the rest is for the workbook.
MAX_ROWS = 15


#: A table of more rows can be sorted by a reader, unless the order of its rows means something.
_SORTED_FROM = 9

#: A text of more characters gets room, or it would stand in a column of single words.
_LONG = 24


@dataclass(frozen=True, slots=True)
class Col:
    """One column of a shown table.

    Attributes
    ----------
    name : str
        Column of the frame.
    label : str
        English header, looked up in the catalogue.
    unit : str or None
        As in :class:`cam.estimate.Estimate`; None for text, which is looked up in the catalogue too.
    low, high : str or None
        Columns with the limits of its interval.
    may_be_empty : bool
        Whether a missing value means that none belongs there, so that the cell stays blank.
    unit_column : str or None
        Column with the unit of each row, where they differ; the cell then shows it. Takes the place of *unit*.
    ordered : bool
        Whether the rows follow this column as months or steps do, so that no other order makes sense.
    whole : str or None
        What this column says, ready to print, in the row that stands for all others and stays last.
    """

    name: str
    label: str
    unit: str | None = None
    low: str | None = None
    high: str | None = None
    may_be_empty: bool = False
    unit_column: str | None = None
    ordered: bool = False
    whole: str | None = None


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table as HTML; a notebook's cell ends with it.

    Attributes
    ----------
    html : str
        One ``<table class="cam">``, every value escaped.
    """

    html: str

    def _repr_html_(self) -> str:
        return self.html


def show_table(
    frame: pd.DataFrame | CannotSay,
    columns: Sequence[Col],
    *,
    caption: str,
    note: str = "",
    notes: Sequence[str] = (),
    max_rows: int = MAX_ROWS,
) -> ShownTable | CannotSay:
    """Turn a frame into a table for the page.

    Parameters
    ----------
    frame : DataFrame or CannotSay
        What to show, in the order that it has; what cannot be said is passed on.
    columns : sequence of Col
        Which columns, how they are called, and their units.
    caption : str
        English; looked up in the catalogue.
    note : str
        Ready to print, below the caption.
    notes : sequence of str
        Ready to print, as a list below the table.
    max_rows : int
        Rows on the page; how many more there are is said.

    Returns
    -------
    ShownTable or CannotSay

    Raises
    ------
    KeyError
        If a column is not in the frame.

    Examples
    --------
    >>> frame = pd.DataFrame({"segment": ["<b>"], "share": [0.25]})
    >>> table = show_table(frame, [Col("segment", "Segment"), Col("share", "Share", "share")], caption="Who")
    >>> "&lt;b&gt;" in table.html and "25.0" in table.html
    True
    """
    if isinstance(frame, CannotSay):
        return frame
    head = "".join(f'<th scope="col"{_class(column)}>{_header(column)}</th>' for column in columns)
    shown = frame.head(max_rows).to_dict("records")
    is_sortable = (
        len(shown) >= _SORTED_FROM
        and not any(column.ordered for column in columns)
        and all(row[columns[0].name] != "" for row in shown)  # rows under a shared name belong together
    )
    body = "".join(_row(row, columns, is_sortable=is_sortable) for row in shown)
    name = "cam sortable" if is_sortable else "cam"
    more = len(frame) - max_rows
    said = [note] if note else []
    if more > 0:
        words = (
            "The first {shown} of {all} rows; sorting and searching reach these alone."
            if is_sortable
            else "The first {shown} of {all} rows."
        )
        said.append(_(words).format(shown=max_rows, all=f"{len(frame):,}"))
    small = f"<small>{escape(together(*said))}</small>" if said else ""
    below = "".join(f"<li>{escape(word)}</li>" for word in notes)
    return ShownTable(
        f'<table class="{name}">\n<caption>{escape(_(caption))}{small}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>"
        + (f'\n<ul class="note">{below}</ul>' if below else "")
    )


def sheet_table(frame: pd.DataFrame, columns: Sequence[Col]) -> pd.DataFrame:
    """Turn a frame into a table for the workbook: labels for names, the limits of an interval beside the value.

    Parameters
    ----------
    frame : DataFrame
        In the order that it has.
    columns : sequence of Col
        Which columns, how they are called, and their units.

    Returns
    -------
    DataFrame
        ``attrs["units"]`` holds the unit of every column that is no text.

    Raises
    ------
    KeyError
        If a column is not in the frame.

    Examples
    --------
    >>> frame = pd.DataFrame({"segment": ["loyal"], "share": [0.25], "low": [0.2], "high": [0.3]})
    >>> table = sheet_table(frame, [Col("segment", "Segment"), Col("share", "Share", "share", "low", "high")])
    >>> list(table.columns), table.attrs["units"]["Share"]
    (['Segment', 'Share', 'Share: lower limit', 'Share: upper limit'], 'share')
    """
    made, units = pd.DataFrame(index=frame.index), {}
    for column in columns:
        label = _(column.label)
        if frame[column.name].isna().all():
            continue  # not known of this client: said on the page
        parts = {label: column.name}
        if column.low and column.high:
            parts[sentence("{name}: lower limit", name=label)] = column.low
            parts[sentence("{name}: upper limit", name=label)] = column.high
        for words, name in parts.items():
            made[words] = frame[name]
            if column.unit:
                units[words] = column.unit
    made.attrs["units"] = units
    return made


def show_pairs(pairs: Mapping[str, str], *, caption: str) -> ShownTable:
    """Show labels and values side by side, such as a provenance.

    Parameters
    ----------
    pairs : mapping of str to str
        English label, looked up in the catalogue, to a text that is shown as it is.
    caption : str
        English; looked up in the catalogue.

    Returns
    -------
    ShownTable

    Examples
    --------
    >>> "<td>a &amp; b</td>" in show_pairs({"Client": "a & b"}, caption="Provenance").html
    True
    """
    body = "".join(
        f'<tr><th scope="row">{escape(_(label))}</th><td>{escape(value)}</td></tr>\n'
        for label, value in pairs.items()
    )
    return ShownTable(
        f'<table class="cam">\n<caption>{escape(_(caption))}</caption>\n<tbody>\n{body}</tbody>\n</table>'
    )


def _header(column: Col) -> str:
    unit = unit_text(column.unit) if column.unit and column.unit not in {"count", "ratio"} else ""
    return escape(_(column.label)) + (f'<span class="unit">{escape(unit)}</span>' if unit else "")


def _class(column: Col) -> str:
    return ' class="num"' if column.unit or column.unit_column else ""


def _row(row: Mapping[Any, Any], columns: Sequence[Col], *, is_sortable: bool) -> str:
    is_whole = any(column.whole is not None and column.whole == row[column.name] for column in columns)
    cells = (_cell(row, column, first=not index, keyed=is_sortable) for index, column in enumerate(columns))
    mark = ' class="total"' if is_whole else ""
    return f"<tr{mark}>{''.join(cells)}</tr>\n"


def _cell(row: Mapping[Any, Any], column: Col, *, first: bool, keyed: bool) -> str:
    value = row[column.name]
    unit = str(row[column.unit_column]) if column.unit_column else column.unit
    if unit is None:
        text = escape(_(value) if isinstance(value, str) else "" if pd.isna(value) else str(value))
        long = ' class="long"' if _width(text) > _LONG else ""
        mark = long + _foreign(text)
        return f'<th scope="row"{mark}>{text}</th>' if first else f"<td{mark}>{text}</td>"
    if pd.isna(value):
        return '<td class="num na"></td>' if column.may_be_empty else '<td class="num na">–</td>'
    number = _with_unit if column.unit_column else _number
    text = escape(number(float(value), unit, float(value)))
    # An interval has two ends: where one is not known, it is none.
    if column.low and column.high and not (pd.isna(row[column.low]) or pd.isna(row[column.high])):
        low, high = (number(float(row[name]), unit, float(value)) for name in (column.low, column.high))
        # A dash beside a minus cannot be read.
        between = (
            f"{low}–{high}"
            if float(row[column.low]) >= 0
            else _("{low} to {high}").format(low=low, high=high)
        )
        text += f' <span class="ci">{escape(between)}</span>'
    key = f' data-sort="{float(value):.6g}"' if keyed else ""
    return f'<td class="num"{key}>{text}</td>'


def _foreign(text: str) -> str:
    """Mark what is said in the other language, such as a client's comment, so that it is read aloud in its own."""
    han, words = len(re.findall(r"[\u2e80-\u9fff]", text)), len(re.findall(r"[A-Za-z]{2,}", text))
    if active() == "zh":
        return ' lang="en"' if words > 2 and not han else ""
    return ' lang="zh"' if han > words else ""


def _width(text: str) -> int:
    """Characters, those of Chinese as two."""
    return sum(2 if character > "\u2e7f" else 1 for character in text)


def _with_unit(value: float, unit: str, of: float) -> str:
    return value_text(value, unit, of=of)


def _number(value: float, unit: str, of: float) -> str:
    """The value without its unit, which stands in the header; a limit on the scale of the value that it is *of*."""
    text = value_text(value, unit, of=of)
    marks = {unit_text(unit), "%", " %"} if unit not in {"count", "points", "ratio"} else set()
    for mark in sorted(marks, key=len, reverse=True):
        text = text.replace(mark, "")
    return text.strip()
