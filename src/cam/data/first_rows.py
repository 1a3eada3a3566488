"""What the first rows of a file show of all: which way most rows take, not what any of them means."""

from __future__ import annotations

import re

import duckdb

from cam.data.engine import identifier, whole_numbers
from cam.data.files.sources import Raw

#: Rows that show the form of ids, and whether a file has the lines of orders.
_FORM_ROWS, _LINE_ROWS = 1_000, 20_000


def digits_form(connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str) -> str | None:
    """The form that most ids of the first rows have, as a pattern of GLOB, where it is letters and then digits.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    origin : str
        Its column with the ids, as text.

    Returns
    -------
    str or None
        Such as ``C[0-9][0-9][0-9][0-9]``.
    """
    name = identifier(origin)
    rows = f"(SELECT {name} FROM {raw.relation} LIMIT {_FORM_ROWS})"
    found = connection.execute(
        f"SELECT mode(regexp_replace({name}, '[0-9]', '0', 'g')) FROM {rows}"
    ).fetchone()
    form = found[0] if found else None
    return form.replace("0", "[0-9]") if form and re.fullmatch("[A-Za-z]{0,8}[-_]?0+", form) else None


def has_lines(connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str | None) -> bool:
    """Whether an order's id stands in several of the first rows.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    origin : str or None
        Its column with the orders' ids.

    Returns
    -------
    bool
    """
    if origin is None:
        return False
    name = identifier(origin)
    named, different = whole_numbers(
        connection,
        f"SELECT count({name}), count(DISTINCT {name}) FROM (SELECT {name} FROM {raw.relation} LIMIT {_LINE_ROWS})",
    )
    return named > different
