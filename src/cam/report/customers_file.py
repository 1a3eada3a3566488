"""What the studies say of each customer -> ``customers.parquet``, one row for each, however many there are."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb

from cam.data.engine import MEMORY_ALONE, identifier, literal, workspace

#: Customers of one join: more are joined some after others, in the order of their ids, so that no join must spill.
AT_ONCE = 2_000_000


def write_customers(
    scores: Sequence[Path], others: Sequence[Path], target: Path, *, at_once: int = AT_ONCE
) -> None:
    """Join tables of customers side by side.

    Parameters
    ----------
    scores : sequence of Path
        Parquet files with one row per ``customer_id`` (text), and columns of which no two files share one.
    others : sequence of Path
        Parquet files whose customers have a row too, empty where no score knows them; a row without an id counts for
        nobody.
    target : Path
        The Parquet file to write: all columns of *scores*, in the order of ``customer_id``.
    at_once : int
        Customers of one join.
    """
    with tempfile.TemporaryDirectory(prefix="cam-") as spill, workspace(Path(spill)) as connection:
        # No study runs any more, so there is room.
        connection.execute(f"SET memory_limit = '{MEMORY_ALONE}'")
        _gather(connection, [*scores, *others])
        firsts = connection.execute(
            f"SELECT customer_id FROM everyone WHERE rowid % {at_once} = 0 ORDER BY customer_id"
        ).fetchall()
        if len(firsts) <= 1:
            _copy(connection, _joined(connection, scores), target)
            return
        parts = []
        for number, (first,) in enumerate(firsts):
            within = f"customer_id >= {literal(first)}"
            if number + 1 < len(firsts):
                within += f" AND customer_id < {literal(firsts[number + 1][0])}"
            parts.append(Path(spill) / f"customers_{number}.parquet")
            _copy(connection, _joined(connection, scores, within), parts[-1])
        files = ", ".join(literal(str(path)) for path in parts)
        _copy(connection, f"SELECT * FROM read_parquet([{files}])", target)


def _gather(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> None:
    """Make the table of everyone, in order: file after file those who are not there yet, as few as can be at once."""
    connection.execute("CREATE TABLE met (customer_id VARCHAR)")
    for path in paths:
        connection.execute(
            f"INSERT INTO met SELECT DISTINCT customer_id FROM {_rows(path)} ANTI JOIN met USING (customer_id) "
            "WHERE customer_id IS NOT NULL"
        )
    connection.execute("CREATE TABLE everyone AS SELECT customer_id FROM met ORDER BY customer_id")
    connection.execute("DROP TABLE met")


def _joined(connection: duckdb.DuckDBPyConnection, scores: Sequence[Path], within: str = "true") -> str:
    joins, columns = "", ["everyone.customer_id"]
    for index, path in enumerate(scores):
        source = f"(SELECT * FROM {_rows(path)} WHERE {within})"
        joins += f" LEFT JOIN {source} AS s{index} ON s{index}.customer_id = everyone.customer_id"
        described = connection.execute(f"DESCRIBE SELECT * FROM {_rows(path)}").fetchall()
        columns += [f"s{index}.{identifier(row[0])}" for row in described if row[0] != "customer_id"]
    everyone = f"(SELECT * FROM everyone WHERE {within}) AS everyone"
    return f"SELECT {', '.join(columns)} FROM {everyone}{joins} ORDER BY everyone.customer_id"


def _rows(path: Path) -> str:
    return f"read_parquet({literal(str(path))})"


def _copy(connection: duckdb.DuckDBPyConnection, query: str, to: Path) -> None:
    connection.execute(f"COPY ({query}) TO {literal(str(to))} (FORMAT parquet, COMPRESSION zstd)")
