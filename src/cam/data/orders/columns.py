"""The columns of a raw table: found by what the parameters call them, and replaced by others."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import duckdb

from cam.data.engine import identifier
from cam.data.files.sources import Raw, find_column
from cam.errors import DataError
from cam.params import Source


def column_of(raw: Raw, source: Source, name: str) -> str | None:
    """The source's column that a canonical one is read from, or None."""
    return find_column(source.named.get(name, name), raw.own_columns)


def needed_column(raw: Raw, name: str, option: str, place: str) -> str:
    """The column that an option names.

    Parameters
    ----------
    raw : Raw
        As read.
    name : str
        As the parameter file writes it.
    option : str
        The key under ``options``.
    place : str
        The parameter file, for messages.

    Returns
    -------
    str

    Raises
    ------
    DataError
        If it is not there.
    """
    present = raw.own_columns
    if found := find_column(name, present):
        return found
    near = difflib.get_close_matches(name.lower(), [column.lower() for column in present], n=1, cutoff=0.6)
    meant = next((column for column in present if [column.lower()] == near), None)
    shown = ", ".join(present[:20]) + (f" and {len(present) - 20} more" if len(present) > 20 else "")
    raise DataError(
        f"{raw.table}: column '{name}' not found. Columns present: {shown}.\n"
        + (f"    Did you mean {meant!r}? " if meant else "    ")
        + f"data.{raw.table}.options.{option} in {place} names it."
    )


def reshaped(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    step: str,
    values: Mapping[str, str],
    notes: Sequence[str] = (),
    *,
    without: Iterable[str] = (),
) -> Raw:
    """The same rows with some columns replaced, as a view.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        Its ``columns`` say which there are afterwards, and their types.
    step : str
        A word for the view's name.
    values : mapping of str to str
        Column to expression; a column that is not there yet is added.
    notes : sequence of str
        What is to be told.
    without : iterable of str
        Columns to leave out.

    Returns
    -------
    Raw
    """
    left_out = set(without)
    columns = {name: kind for name, kind in raw.columns.items() if name not in left_out}
    listed = ", ".join(
        f"{values[name]} AS {identifier(name)}" if name in values else identifier(name) for name in columns
    )
    view = identifier(f"{raw.table}_{step}")
    connection.execute(f"CREATE VIEW {view} AS SELECT {listed} FROM {raw.relation}")
    return replace(raw, relation=view, columns=columns, notes=(*raw.notes, *notes))
