"""Since last time: the key figures that a report is compared with; light, for an unchanged report asks it, too."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from cam import key_figures
from cam.changes import estimate_of
from cam.errors import DataError, ParamsError

#: The figures that a report was compared with, kept beside its own.
EARLIER = "key_figures_before.csv"


def read_figures(where: str | Path, *, reports: Path, client: str = "") -> list[key_figures.Row]:
    """Read the key figures of a report.

    Parameters
    ----------
    where : str or Path
        A ``key_figures.csv``, a folder that holds one, or a client whose report stands in *reports*.
    reports : Path
        Folder of all reports.
    client : str, optional
        The id of the client that they must be of; by default they may be any client's.

    Returns
    -------
    list of dict

    Raises
    ------
    ParamsError
        If there is none, the file is no ``key_figures.csv``, holds what is no figure, or another client's.
    """
    path = Path(where)
    places = [path, path / "key_figures.csv", reports / str(where) / "key_figures.csv"]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ParamsError(
            f"{where}: no key figures there. Name a key_figures.csv, a report's folder, or a client with a report."
        )
    try:
        text = found.read_bytes().decode("utf-8-sig")  # a spreadsheet begins it with a mark of its own
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except (UnicodeDecodeError, OSError, csv.Error) as error:
        raise ParamsError(f"{found}: cannot be read: {error}.") from None
    if not _are_figures(rows) or any(None in row or None in row.values() for row in rows):
        raise ParamsError(
            f"{found}: no key figures. Such a file has the columns {', '.join(key_figures.COLUMNS)}."
        )
    others = sorted({row["client"] for row in rows} - {client})
    if client and others:
        raise ParamsError(
            f"{found}: key figures of {others[0] or 'no client'}, not of {client}. Name an earlier report of {client}."
        )
    for row in rows:
        try:
            estimate_of(row)
        except DataError as error:
            raise ParamsError(f"{found}: {error}") from None
    return rows


def earlier_figures(place: Path, asked: Sequence[key_figures.Row], *, as_of: date) -> list[key_figures.Row]:
    """Find the key figures to compare a new report with.

    Parameters
    ----------
    place : Path
        Where the new report will stand, and the last one stands.
    asked : sequence of dict
        What the user named; goes first.
    as_of : date
        Last day that the new report sees.

    Returns
    -------
    list of dict
        Of the report in place where it ends on an earlier day, else of the one that it was compared with itself: a run
        that is repeated compares with the same, and gives the same bytes. Empty where there is none.
    """
    if asked:
        return list(asked)
    for name in ("key_figures.csv", EARLIER):
        try:
            rows = key_figures.read(place / name)
        except (OSError, ValueError):
            continue
        if _are_figures(rows) and max(row["as_of"] for row in rows) < as_of.isoformat():
            return rows
    return []


def _are_figures(rows: list[key_figures.Row]) -> bool:
    return bool(rows) and set(rows[0]) == set(key_figures.COLUMNS)
