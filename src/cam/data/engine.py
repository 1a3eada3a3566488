"""The embedded engine: where client data are read and reduced, and how names and texts are written for it."""

from __future__ import annotations

from pathlib import Path

import duckdb

#: The most values whose digests are sorted in memory, 8 bytes each; the engine counts more.
_SORTED = 20_000_000
#: What the engine may hold in memory; with Python and its libraries a process stays below 2 GB.
MEMORY = "1200MB"
#: More orders than this take an engine with more memory, so their studies run one by one: a grouping by customer and
#: day of 100 million orders ends for lack of memory at 1,200 MB, whatever it spills, and does not at 1,600.
VERY_MANY_ROWS = 30_000_000
MEMORY_ALONE = "2000MB"
#: Orders whose groups by customer and day fit into that memory: more are reduced in parts, customers by customers.
ROWS_AT_ONCE = 40_000_000


def workspace(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB database in memory that spills to disk in *folder* where it grows large.

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
    connection = duckdb.connect(
        config={
            # No extension is ever fetched: a report must not depend on the network.
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": str(folder),
            "memory_limit": MEMORY,
        }
    )
    # Nothing in this package prints. In a notebook the bar is off already, and to say so there takes ipywidgets.
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchone() == (True,):
        connection.execute("SET enable_progress_bar = false")
    # With one thread Parquet is cut into other groups of rows: the same rows would not be the same bytes.
    threads = connection.execute("SELECT current_setting('threads')").fetchone()
    if threads and threads[0] < 2:
        connection.execute("SET threads = 2")
    return connection


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


def whole_numbers(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    """Return the one row of a query as whole numbers; a sum of nothing is 0.

    Examples
    --------
    >>> whole_numbers(duckdb.connect(), "SELECT count(*), sum(range) FROM range(0)")
    (0, 0)
    """
    row = connection.execute(query).fetchone()
    assert row is not None
    return tuple(int(n or 0) for n in row)


def all_differ(connection: duckdb.DuckDBPyConnection, rows: str, value: str, n: int) -> bool:
    """Whether no value stands in two rows. May say no where two digests of 64 bits happen to be the same.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    rows : str
        A relation.
    value : str
        Expression, never NULL.
    n : int
        Rows.

    Returns
    -------
    bool

    Examples
    --------
    >>> connection = duckdb.connect()
    >>> all_differ(connection, "range(5)", "range", 5), all_differ(connection, "range(5)", "range % 4", 5)
    (True, False)
    """
    return n_different(connection, rows, f"hash({value})", n) == n


def n_different(connection: duckdb.DuckDBPyConnection, rows: str, digest: str, n: int) -> int:
    """Count the different digests of rows; sorted where they fit in memory, which is faster than a hash table.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    rows : str
        A relation.
    digest : str
        Expression of 64 bits, never NULL.
    n : int
        Rows.

    Returns
    -------
    int

    Examples
    --------
    >>> n_different(duckdb.connect(), "range(5)", "hash(range % 4)", 5)
    4
    """
    if n > _SORTED:
        return whole_numbers(connection, f"SELECT count(DISTINCT {digest}) FROM {rows}")[0]
    digests = connection.execute(f"SELECT {digest} AS digest FROM {rows}").fetchnumpy()["digest"]
    digests.sort()
    return int((digests[1:] != digests[:-1]).sum()) + bool(len(digests))
