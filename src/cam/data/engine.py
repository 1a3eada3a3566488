"""The embedded engine, and how a table of another database comes to it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from cam.errors import DataError, ParamsError


def workspace(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB database in *folder* that may spill to disk there.

    Parameters
    ----------
    folder : Path
        An existing folder, removed by the caller when done.

    Returns
    -------
    duckdb.DuckDBPyConnection

    Examples
    --------
    >>> import tempfile
    >>> workspace(Path(tempfile.mkdtemp())).sql("SELECT 1").fetchone()
    (1,)
    """
    return duckdb.connect(
        str(folder / "work.duckdb"),
        # No extension is ever fetched: a report must not depend on the network.
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
    )


def identifier(name: str) -> str:
    """Quote a name for SQL.

    Examples
    --------
    >>> identifier('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def expand_url(url: str) -> str:
    """Replace each ``${NAME}`` in *url* by the environment's value.

    Parameters
    ----------
    url : str
        As in ``data.engine``.

    Returns
    -------
    str
        Holds a secret: never print it.

    Raises
    ------
    ParamsError
        If a name is not set.

    Examples
    --------
    >>> expand_url("sqlite:///a.db")
    'sqlite:///a.db'
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise ParamsError(
                f"data.engine: the environment variable {name} is not set. Set it and run again."
            )
        return os.environ[name]

    return re.sub(r"\$\{(\w+)\}", value, url)


def fetch_table(engine: str, table: str, *, to: Path) -> Sequence[str]:
    """Copy a table of a database to a Parquet file, in batches, so that it never stands in memory whole.

    Parameters
    ----------
    engine : str
        An Ibis URL, with ``${NAME}`` for what must stay secret.
    table : str
        ``name`` or ``schema.name``.
    to : Path
        The file to write.

    Returns
    -------
    sequence of str
        Its column names.

    Raises
    ------
    DataError
        If the database cannot be reached or has no such table; the message never holds the URL.
    """
    import ibis  # here, because files never need it
    import pyarrow as pa
    import pyarrow.parquet as pq

    url = expand_url(engine)
    schema, _, name = table.rpartition(".")
    try:
        connection = ibis.connect(url)
    except Exception as error:  # every backend has its own family of errors
        raise DataError(f"data.engine: cannot connect to {_shown(engine)}: {_reason(error, url)}") from None
    try:
        if name not in connection.list_tables(database=schema or None):
            known = ", ".join(sorted(connection.list_tables(database=schema or None))[:10]) or "none"
            raise DataError(f"data.engine: {_shown(engine)} has no table {table}. Tables there: {known}.")
        source = connection.table(name, database=schema or None)
        batches = source.to_pyarrow_batches(chunk_size=200_000)
        with batches, pq.ParquetWriter(to, batches.schema) as writer:
            for batch in batches:
                writer.write_table(pa.Table.from_batches([batch], schema=batches.schema))
        return list(source.columns)
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"data.engine: cannot read {table} from {_shown(engine)}: {_reason(error, url)}"
        ) from None
    finally:
        _close(connection)


def _shown(engine: str) -> str:
    """The URL without user and password."""
    return re.sub(r"//[^/@]*@", "//", engine).split("?")[0]


def _reason(error: Exception, url: str) -> str:
    text = " ".join(str(error).split())
    for secret in {url, *re.findall(r"//[^/@:]*:([^/@]+)@", url)}:
        text = text.replace(secret, "…")
    return text[:300]


def _close(connection: Any) -> None:
    disconnect = getattr(connection, "disconnect", None)
    if disconnect:
        disconnect()
