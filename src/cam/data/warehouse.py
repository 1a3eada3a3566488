"""Where the prepared tables are reduced: in the embedded engine, or by the same expressions in a PostgreSQL or Spark.

Reading and cleaning are always the embedded engine's work. What stands elsewhere is temporary: a study leaves nothing
in a client's database.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from cam.data import Prepared
from cam.data.engine import MEMORY, ROWS_AT_ONCE
from cam.data.files.servers import is_full
from cam.data.files.urls import connection_cure, expand_url, shown_url, told_by
from cam.errors import EngineError, NotReachedError
from cam.params.hints import scheme_meant

#: URLs of files: the embedded engine has read them, and reduces faster than they could.
_FILES = {"duckdb", "sqlite"}
_POSTGRES = {"postgres", "postgresql"}


def open_engine(url: str = "duckdb", *, memory: str = MEMORY) -> Any:
    """Open the engine that reduces a client's tables.

    Parameters
    ----------
    url : str
        As in ``data.engine``: ``duckdb``, ``spark``, the URL of a PostgreSQL, or any other that Ibis knows. Files
        of DuckDB and SQLite are read, not worked in: what comes from them is reduced by the embedded engine.
    memory : str
        What the embedded engine may hold before it spills.

    Returns
    -------
    ibis backend
        The embedded engine is in memory and spills to the system's temporary folder, never into the project. It also
        stands in for a PostgreSQL that grants no temporary tables. Every table made in any other is temporary.

    Raises
    ------
    EngineError
        If it cannot be reached, or its driver is missing.

    Examples
    --------
    >>> open_engine().name
    'duckdb'
    """
    scheme = _scheme(url)
    if scheme in _FILES:
        return _embedded(memory)
    try:
        if scheme in _POSTGRES:
            from cam.data.warehouses.postgres import open_postgres

            opened = open_postgres(expand_url(url), named=url)
            return _embedded(memory, stands_in=opened) if isinstance(opened, str) else opened
        if scheme == "spark":
            from cam.data.warehouses.spark import open_spark

            return open_spark()
        if meant := scheme_meant(expand_url(url)):  # one that the environment holds is seen here first
            raise EngineError(
                f"data.engine: {shown_url(url)} begins with {scheme}://, which is no engine{meant}"
            )
        from cam.data.warehouses.others import open_other

        return open_other(expand_url(url), named=url)
    except EngineError:
        raise
    except ImportError as error:
        raise _lacks(scheme, error.name) from None
    except Exception as error:  # each engine has its own family of errors
        said = told_by(str(error), url)
        cure = "One that is free is enough." if is_full(error) else connection_cure(said, url)
        raise NotReachedError(
            f"data.engine: cannot connect to {shown_url(url)}: {said} {cure}".rstrip()
        ) from None


def ask_engine(url: str) -> str:
    """Ask once, before any study opens it, whether an engine is there; starting a Spark to see it is left to them.

    Parameters
    ----------
    url : str
        As for :func:`open_engine`.

    Returns
    -------
    str
        Why the embedded engine will reduce in its place, as from :func:`stands_in`.

    Raises
    ------
    EngineError
        As :func:`open_engine` would for each study.

    Examples
    --------
    >>> ask_engine("duckdb")
    ''
    """
    scheme = _scheme(url)
    if scheme == "spark":
        if find_spec("pyspark") is None:
            raise _lacks(scheme, "pyspark")
        from cam.data.warehouses.spark_start import why_not

        if fault := why_not():
            raise EngineError(f"data.engine: {fault}")
    if scheme == "spark" or scheme in _FILES:
        return ""
    engine = open_engine(url)
    engine.disconnect()
    return stands_in(engine)


def put_tables(engine: Any, prepared: Prepared) -> dict[str, ir.Table]:
    """Make a client's prepared tables stand in an engine, for as long as it is open.

    Parameters
    ----------
    engine : ibis backend
        From :func:`open_engine`.
    prepared : Prepared
        The client's checked tables.

    Returns
    -------
    dict of str to ibis.Table
        By canonical name.
    """
    return {name: engine.read_parquet(prepared.path(name), table_name=name) for name in prepared.tables}


def create_in_parts(
    engine: Any,
    name: str,
    rows: ir.Table,
    reduce: Callable[[ir.Table], ir.Table],
    *,
    n: int,
    at_once: int = ROWS_AT_ONCE,
) -> ir.Table:
    """Make a table of what rows are reduced to, some customers after others: the groups of each part fit in memory.

    A part costs one more look at all rows, which is much less than groups that spill to disk.

    Parameters
    ----------
    engine : ibis backend
        The embedded one works in parts; another has its own ways.
    name : str
        Of the table to make, in place of one of that name.
    rows : ibis.Table
        With ``customer_id``.
    reduce : callable
        From rows to a table in which no row is made of two customers.
    n : int
        How many rows there are.
    at_once : int
        Rows of a part.

    Returns
    -------
    ibis.Table

    Examples
    --------
    >>> engine = open_engine()
    >>> rows = engine.create_table("rows", {"customer_id": ["a", "b", "b", "c", "d"]})
    >>> counted = create_in_parts(engine, "counted", rows, lambda table: table.group_by("customer_id").agg(
    ...     n=table.count()), n=5, at_once=2)
    >>> counted.order_by("customer_id").execute().values.tolist()
    [['a', 1], ['b', 2], ['c', 1], ['d', 1]]
    """
    if n <= at_once or engine.name != "duckdb":
        made: ir.Table = engine.create_table(name, reduce(rows), overwrite=True)
        return made
    n_parts = ceil(n / at_once)
    parts = [
        reduce(rows.filter(_engines_hash(rows.customer_id) % n_parts == part)) for part in range(n_parts)
    ]
    made = engine.create_table(name, schema=parts[0].schema(), overwrite=True)
    for part in parts:
        engine.insert(name, part)
    return made


@ibis.udf.scalar.builtin(name="hash")
def _engines_hash(value: str) -> dt.uint64:
    """The embedded engine's own: Ibis takes its hash by way of texts of bits, which costs ten times as much."""


def write_table(engine: Any, table: ir.Table, path: Path) -> None:
    """Write a table to a Parquet file, in its order, whatever its size.

    Parameters
    ----------
    engine : ibis backend
        Where the table stands.
    table : ibis.Table
        Ordered.
    path : Path
        The file to write.
    """
    if engine.name == "duckdb":
        engine.to_parquet(table, str(path))
        return
    import pyarrow.parquet as pq

    with (
        engine.to_pyarrow_batches(table, chunk_size=100_000) as batches,
        pq.ParquetWriter(path, batches.schema) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)


def stands_in(engine: Any) -> str:
    """Say why the embedded engine reduces what another was named for, and the cure; empty where it does not.

    Examples
    --------
    >>> stands_in(open_engine())
    ''
    """
    return str(getattr(engine, "cam_stands_in", ""))


def _embedded(memory: str, *, stands_in: str = "") -> Any:
    from cam.data.warehouses.embedded import Embedded

    # A folder of its own, which the engine makes when it spills and removes at its end: two engines that share one
    # write files of the same names into it, and the first to end removes those of the other.
    spill = Path(tempfile.gettempdir()) / f"cam-engine-{uuid.uuid4().hex}"
    engine = Embedded().connect(
        temp_directory=str(spill),
        memory_limit=memory,
        autoinstall_known_extensions="false",
        autoload_known_extensions="false",
    )
    engine.cam_stands_in = stands_in
    return engine


def _scheme(url: str) -> str:
    return expand_url(url).partition("://")[0]


def _lacks(scheme: str, package: str | None) -> EngineError:
    needed = f"the Python package {package}" if package else "a Python package that is not here"
    extra = {"spark": "pyspark>=4.0,<4.1"}.get(scheme, f"ibis-framework[{scheme}]")
    return EngineError(
        f"data.engine: {scheme} needs {needed}. Install it with pip install '{extra}', or leave data.engine away: "
        "the embedded engine does the same."
    )
