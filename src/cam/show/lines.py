"""Tables for a terminal: columns that stand under each other in Chinese, too."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_GAP = "  "


def display_width(text: str) -> int:
    """Columns of a terminal that a text takes: signs of Chinese take two, marks over a letter none.

    Parameters
    ----------
    text : str
        On one line.

    Returns
    -------
    int

    Examples
    --------
    >>> display_width("NPS"), display_width("净推荐值")
    (3, 8)
    """
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )


def padded(text: str, width: int, *, to_right: bool = False) -> str:
    """Fill a text up with blanks to so many columns of a terminal.

    Parameters
    ----------
    text : str
        On one line.
    width : int
        Columns of the terminal.
    to_right : bool
        Whether the blanks stand before it.

    Returns
    -------
    str

    Examples
    --------
    >>> padded("客户", 6), padded("12", 4, to_right=True)
    ('客户  ', '  12')
    """
    blanks = " " * (width - display_width(text))
    return blanks + text if to_right else text + blanks


def text_lines(
    rows: Sequence[Sequence[str]], *, header: Sequence[str], right: Sequence[int] = (), widest: int = 60
) -> list[str]:
    """Put rows of text into columns.

    Parameters
    ----------
    rows : sequence of sequence of str
        As many cells as the header has.
    header : sequence of str
        Names of the columns.
    right : sequence of int
        Columns that hold numbers, and end under each other.
    widest : int
        Columns of the terminal after which a text is cut, with a sign that it is.

    Returns
    -------
    list of str
        The header, a line, the rows; nothing at all where there are no rows.

    Examples
    --------
    >>> for line in text_lines([["客户", "12"], ["orders", "7"]], header=["table", "rows"], right=[1]):
    ...     print(line)
    table   rows
    ------  ----
    客户      12
    orders     7
    """
    if not rows:
        return []
    shown = [[_cut(" ".join(cell.split()), widest) for cell in row] for row in (header, *rows)]
    widths = [max(display_width(row[index]) for row in shown) for index in range(len(header))]
    lines = [
        _GAP.join(
            padded(cell, width, to_right=index in right)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in shown
    ]
    return [lines[0], _GAP.join("-" * width for width in widths), *lines[1:]]


def _cut(text: str, widest: int) -> str:
    if display_width(text) <= widest:
        return text
    while display_width(text) > widest - 1:
        text = text[:-1]
    return text + "…"
