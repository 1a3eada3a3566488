"""The embedded engine, and how a table of another database comes to it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb

from cam.errors import DataError, ParamsError

_NAME = re.compile(r"\$\{(\w+)\}")


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
        As in ``data.engine``. A value that stands for a password needs no escapes.

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
        # A password is written as it is; signs that end that part of a URL are made safe here.
        is_password = match.start() and re.search(r"://[^/@]*:$", url[: match.start()])
        return _quoted(os.environ[name]) if is_password else os.environ[name]

    return _NAME.sub(value, url)


def fetch_table(engine: str, table: str, *, to: Path, root: Path) -> Sequence[str]:
    """Copy a table of a database to a Parquet file, in batches, so that it never stands in memory whole.

    Parameters
    ----------
    engine : str
        An Ibis URL, with ``${NAME}`` for what must stay secret.
    table : str
        ``name`` or ``schema.name``.
    to : Path
        The file to write.
    root : Path
        Where the path of a database that is a file starts.

    Returns
    -------
    sequence of str
        Its column names.

    Raises
    ------
    DataError
        If the database cannot be reached or has no such table; the message never holds the URL.
    """
    import pyarrow as pa  # here, because files never need it
    import pyarrow.parquet as pq

    schema, _, name = table.rpartition(".")
    connection = _connect(engine, root)
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
            f"data.engine: cannot read {table} from {_shown(engine)}: {_reason(error, engine)}"
        ) from None
    finally:
        _close(connection)


def _connect(engine: str, root: Path) -> Any:
    import ibis

    url = expand_url(engine)
    scheme, _, rest = url.partition("://")
    try:
        if scheme not in {"duckdb", "sqlite"}:
            return ibis.connect(url)
        path = root / Path(rest.split("?")[0]).expanduser()
        if not path.is_file():  # both would make an empty database there
            raise DataError(
                f"data.engine: no database at {path}. A relative path starts at data.root; "
                f"an absolute one has three slashes, as in {scheme}:///home/me/shop.db."
            )
        return ibis.sqlite.connect(path) if scheme == "sqlite" else ibis.duckdb.connect(path, read_only=True)
    except DataError:
        raise
    except Exception as error:  # every backend has its own family of errors
        raise DataError(
            f"data.engine: cannot connect to {_shown(engine)}: {_reason(error, engine)}"
        ) from None


def _shown(engine: str) -> str:
    """The URL without user and password."""
    return re.sub(r"//[^/]*@", "//", engine).split("?")[0]


def _reason(error: Exception, engine: str) -> str:
    """What the database says, without the secrets that it may repeat."""
    text = " ".join(str(error).split())
    secrets = [os.environ[name] for name in _NAME.findall(engine) if os.environ.get(name)]
    for secret in sorted([*secrets, expand_url(engine), *map(_quoted, secrets)], key=len, reverse=True):
        text = text.replace(secret, "…")
    return text[:300]


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _close(connection: Any) -> None:
    disconnect = getattr(connection, "disconnect", None)
    if disconnect:
        disconnect()
