"""Columns of one name: where two of money or of dates differ, a person says which is meant."""

from __future__ import annotations

import re

import duckdb

from cam.data.engine import identifier
from cam.data.notes import Note
from cam.data.proposals.heads import Head
from cam.data.types.expressions import number
from cam.schema import TABLES

#: Share of the values that must be of the kind for a column to be meant at all.
_MOST = 0.9


def which_of_doubled(
    connection: duckdb.DuckDBPyConnection, table: str, head: Head, name: str, column: str
) -> tuple[tuple[str, ...], Note] | None:
    """Return the other columns of one name that a role may mean, and the question.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    table, name : str
        Canonical.
    head : Head
        The file.
    column : str
        The one that was taken.

    Returns
    -------
    tuple of tuple of str and Note, or None
        None where the name stands once, or the columns hold the same.
    """
    role = TABLES[table].column(name)
    if role is None or role.kind not in {"money", "date", "datetime"}:
        return None
    is_money = role.kind == "money"
    others = {
        other: row
        for other in _of_one_name(head, column)
        if (head.columns[other].amounts if is_money else head.columns[other].dates) >= _MOST
        and (row := _row_that_differs(connection, head, column, other))
    }
    if not others:
        return None
    if is_money:
        shown = ", ".join(f"{one} {_total(connection, head, one):,.2f}" for one in (column, *others))
        words = (
            "several columns have this name; in the rows looked at they sum to {values}: which of them is it?"
        )
    else:
        other, row = next(iter(others.items()))
        shown = ", ".join(f"{one} {value}" for one, value in zip((column, other), row, strict=True))
        words = "several columns have this name; one row has {values}: which of them is it?"
    return tuple(others), Note(words, values=shown)


def _of_one_name(head: Head, column: str) -> list[str]:
    """The other columns that the file calls the same; the parameter file numbers them."""
    doubled = {name.lower() for name in head.doubled}

    def given(name: str) -> str:
        bare = re.sub(r" \(\d+\)$", "", name).lower()
        return bare if bare in doubled else name.lower()

    if given(column) not in doubled:
        return []
    return [other for other in head.columns if other != column and given(other) == given(column)]


def _row_that_differs(
    connection: duckdb.DuckDBPyConnection, head: Head, column: str, other: str
) -> tuple[str, ...]:
    """The values of the first row with something in both, and not the same; empty where there is none."""
    a, b = (f"trim(CAST({identifier(name)} AS VARCHAR))" for name in (column, other))
    found = connection.execute(
        f"SELECT {a}, {b} FROM {head.raw.relation} WHERE {a} <> {b} AND {a} <> '' AND {b} <> '' LIMIT 1"
    ).fetchone()
    return tuple(map(str, found)) if found else ()


def _total(connection: duckdb.DuckDBPyConnection, head: Head, column: str) -> float:
    decimal = "," if head.columns[column].is_comma else "."
    amount = number(identifier(column), head.raw.columns[column], decimal=decimal)
    found = connection.execute(f"SELECT sum({amount}) FROM {head.raw.relation}").fetchone()
    return float(found[0] or 0) if found else 0.0
