"""How the customers of one table meet those of another, and which do not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cam.data.engine import literal
from cam.data.prepare import Prepared, Review

#: Ids that do not join, as the page lists them.
MOST_IDS = 10
#: Signs at the start of a cell that a spreadsheet takes for a formula; the reader of ids takes the quote off again.
_FORMULA = "^[=+@\\t\\r-]"


@dataclass(frozen=True, slots=True)
class Join:
    """How the customers of one table meet those of the first table that names them.

    Attributes
    ----------
    table, base : str
        Canonical names.
    n_ids, n_matched : int
        Different ids of *table*, and those of them that *base* has.
    n_base : int
        Different ids of *base*.
    unmatched : tuple of str
        The first ids that it does not have, in order.
    """

    table: str
    base: str
    n_ids: int
    n_matched: int
    n_base: int
    unmatched: tuple[str, ...]


def joined(connection: duckdb.DuckDBPyConnection, prepared: Prepared, match: Review, *, n_base: int) -> Join:
    """Take a match of the review, and look up the first ids that do not join.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The engine.
    prepared : Prepared
        A client's checked tables.
    match : dict
        One entry of ``review["match"]``.
    n_base : int
        Different ids of the base.

    Returns
    -------
    Join
    """
    first: tuple[str, ...] = ()
    if match["matched"] < match["ids"]:
        query = f"{_unmatched(prepared, match)} ORDER BY 1 LIMIT {MOST_IDS}"
        first = tuple(str(row[0]) for row in connection.execute(query).fetchall())
    return Join(match["table"], match["base"], int(match["ids"]), int(match["matched"]), n_base, first)


def write_unmatched(prepared: Prepared, to: Path) -> int:
    """Write the ids that do not join as a CSV file: table, customer_id. Nothing is written where all join.

    Parameters
    ----------
    prepared : Prepared
        A client's checked tables.
    to : Path
        The file.

    Returns
    -------
    int
        Ids written. One that a spreadsheet would take for a formula has a leading quote, as an export would.
    """
    open_ones = [match for match in prepared.review["match"] if match["matched"] < match["ids"]]
    if not open_ones:
        return 0
    parts = " UNION ALL BY NAME ".join(
        f'SELECT {literal(match["table"])} AS "table", customer_id FROM ({_unmatched(prepared, match)})'
        for match in open_ones
    )
    safe = (
        f"CASE WHEN regexp_matches(customer_id, '{_FORMULA}') THEN '''' || customer_id ELSE customer_id END"
    )
    with in_memory() as connection:
        query = f'SELECT "table", {safe} AS customer_id FROM ({parts}) ORDER BY ALL'
        connection.execute(f"COPY ({query}) TO {literal(str(to))} (FORMAT csv, HEADER)")
    return sum(match["ids"] - match["matched"] for match in open_ones)


@contextmanager
def in_memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend an engine that keeps nothing, for questions to prepared tables.

    Yields
    ------
    duckdb.DuckDBPyConnection
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": tempfile.gettempdir(),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(config=config) as connection:
        yield connection


def _unmatched(prepared: Prepared, match: Review) -> str:
    table, base = (f"read_parquet({literal(str(prepared.path(match[key])))})" for key in ("table", "base"))
    return (
        f"SELECT DISTINCT customer_id FROM {table} AS other WHERE customer_id IS NOT NULL "
        f"AND NOT EXISTS (SELECT 1 FROM {base} AS base WHERE base.customer_id = other.customer_id)"
    )
