"""A table of another database, or what a query answers there -> one Parquet file; nothing can be changed there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from cam.data.engine import identifier, literal
from cam.data.files.servers import connect_postgres
from cam.data.files.urls import connection_cure, expand_url, shown_url, told_by
from cam.errors import DataError
from cam.params import Source
from cam.params.hints import did_you_mean, scheme_meant

_COMMENT_OR_TEXT = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/""", re.DOTALL
)
#: A server stops what takes longer; a table that is being changed is waited for this long.
_MINUTES = 30
_SESSION = {
    "statement_timeout": f"{_MINUTES}min",
    "lock_timeout": "1min",
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "bytea_output": "hex",
}
#: PostgreSQL's numbers of its types, which never change (pg_type.dat).
_MONEY, _NUMERIC = 790, 1700
_POSTGRES_TYPES = {
    16: "BOOLEAN",
    20: "BIGINT",
    21: "BIGINT",
    23: "BIGINT",
    26: "BIGINT",
    700: "FLOAT",
    701: "DOUBLE",
    1082: "DATE",
    1114: "TIMESTAMP",
    1184: "TIMESTAMP WITH TIME ZONE",
}
_POSTGRES_TABLES = """
    SELECT n.nspname, c.relname, pg_table_is_visible(c.oid) FROM pg_class AS c JOIN pg_namespace AS n
    ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2
"""
_DUCKDB_TABLES = """
    SELECT table_schema, table_name, table_schema = 'main' FROM information_schema.tables
    WHERE table_catalog = current_database() ORDER BY 1, 2
"""
_PLAIN_TYPES = {
    *("BOOLEAN", "VARCHAR", "FLOAT", "DOUBLE", "TINYINT", "SMALLINT", "INTEGER", "BIGINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
}


def fetch(name: str, source: Source, *, engine: str, to: Path, root: Path) -> Sequence[str]:
    """Copy a table of a database, or what a query answers, to a Parquet file; nothing can be changed there.

    Parameters
    ----------
    name : str
        Canonical name of the table that it becomes, for messages.
    source : Source
        With ``table`` (``name`` or ``schema.name``) or ``query`` (one SELECT).
    engine : str
        URL of a PostgreSQL, DuckDB or SQLite database, with ``${NAME}`` for what must stay secret.
    to : Path
        The file to write; a temporary file stands beside it meanwhile.
    root : Path
        Where the path of a database that is a file starts.

    Returns
    -------
    sequence of str
        Its column names.

    Raises
    ------
    DataError
        If the database cannot be reached, has no such table or refuses the query, or if no row or no usable columns
        come; the message never holds the URL.
    """
    url = expand_url(engine)
    scheme, found, rest = url.partition("://")
    if not found or scheme not in _READERS:
        raise DataError(
            f"data.engine: cannot connect to {shown_url(engine)}: it is no URL of a PostgreSQL, DuckDB or SQLite "
            f"database{scheme_meant(url) or '.'}\n    "
            "Write it as postgres://user:${NAME}@host/shop, duckdb://shop.duckdb or sqlite://shop.db."
        )
    if source.query:
        _check_query(name, source.query)
    asked = _Asked(name, source, engine)
    place = url
    if scheme in {"duckdb", "sqlite"}:
        path = root / Path(rest.split("?")[0]).expanduser()
        if not path.is_file():  # both would make an empty database there
            written = engine.partition("://")[2]
            # The path as the parameters have it: a variable's value may be a secret here, too.
            shown = root / Path(written.split("?")[0]).expanduser() if written else engine
            raise DataError(
                f"data.engine: no database at {shown}. A relative path starts at data.root; "
                f"an absolute one has three slashes, as in {scheme}:///home/me/shop.db."
            )
        place = str(path)
    try:
        columns, n_rows = _READERS[scheme](place, asked, to)
    except DataError:
        raise
    except Exception as error:  # each database has its own family of errors
        raise DataError(asked.told(error)) from None
    if not n_rows:
        raise DataError(f"{name}: {asked.what} of {shown_url(engine)} has no rows. {asked.cure}")
    return columns


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of a database, and how its answers are told."""

    name: str
    source: Source
    engine: str

    @property
    def what(self) -> str:
        return f"the table {self.source.table}" if self.source.table else "the result of the query"

    @property
    def cure(self) -> str:
        return f"See data.{self.name}.{'table' if self.source.table else 'query'}."

    def told(self, error: Exception) -> str:
        """An error of the database, without the secrets that it may repeat."""
        diagnosis = getattr(error, "diag", None)
        primary = getattr(diagnosis, "message_primary", None)
        hints = [part for part in (primary, getattr(diagnosis, "message_hint", None)) if part]
        said = told_by("\n".join(hints or [str(error)]), self.engine)
        shown = shown_url(self.engine)
        if type(error).__name__ == "QueryCanceled":
            return (
                f"{self.name}: {self.what} of {shown} took longer than {_MINUTES} minutes ({said.rstrip('.')}).\n"
                f"    Ask for fewer rows or columns: data.{self.name}.query."
            )
        if isinstance(error, _Unreached):
            cure = connection_cure(said, self.engine)
            return f"data.engine: cannot connect to {shown}: {said} {cure}".rstrip()
        if self.source.query:
            return f"{self.name}: data.{self.name}.query: {shown} refuses it: {said}"
        return f"data.engine: cannot read {self.source.table} from {shown}: {said}"

    def select(self, known: Sequence[tuple[str, str, bool]]) -> str:
        """The SELECT to wrap: of the query, or of the table among those *known* (schema, name, found unasked)."""
        if self.source.query:
            return _bare_query(self.source.query)
        table = str(self.source.table)
        unquoted = ".".join(
            quoted.replace('""', '"') or plain
            for quoted, plain in re.findall(r'"((?:[^"]|"")+)"|([^".]+)', table)
        )
        # A name may hold dots itself, so it is compared whole.
        for wanted in dict.fromkeys((table, unquoted)):
            for schema, name, unasked in sorted(known, key=lambda entry: not entry[2]):
                if (unasked and name == wanted) or f"{schema}.{name}" == wanted:
                    return f"SELECT * FROM {identifier(schema)}.{identifier(name)}"
        inside = [name for schema, name, _ in known if table.startswith(f"{schema}.")]
        names = sorted(inside or [name if unasked else f"{schema}.{name}" for schema, name, unasked in known])
        shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        near = did_you_mean(table, names) or "."
        raise DataError(
            f"data.engine: {shown_url(self.engine)} has no table {table}{near} Tables there: {shown or 'none'}."
        )

    def check_columns(self, names: Sequence[str]) -> None:
        """Refuse columns without a name of their own: nothing could be mapped to them."""
        unnamed = sum(name in {"", "?column?"} for name in names)
        if unnamed:
            raise DataError(
                f"{self.name}: {self.what} has {unnamed} {'column' if unnamed == 1 else 'columns'} without a name.\n"
                f"    Name each: data.{self.name}.query: SELECT … AS name."
            )
        lower = [name.lower() for name in names]
        twice = [name for index, name in enumerate(names) if name.lower() in lower[:index]]
        if twice:
            raise DataError(
                f"{self.name}: {self.what} has several columns called {twice[0]}.\n"
                f"    Name each by a name of its own: data.{self.name}.query: SELECT … AS name."
            )


class _Unreached(Exception):
    """No connection could be made."""


def _check_query(name: str, query: str) -> None:
    bare = _COMMENT_OR_TEXT.sub(
        lambda part: " " if part[0].startswith(("-", "/")) else "''", _bare_query(query)
    )
    if not re.match(r"[\s(]*(select|with|values)\b", bare, re.IGNORECASE) or ";" in bare:
        what = "holds more than one statement" if ";" in bare else "is no SELECT"
        raise DataError(f"{name}: data.{name}.query {what}.\n    Write one SELECT; nothing else is asked.")


def _bare_query(query: str) -> str:
    return query.strip().rstrip("; \t\r\n")


# --- PostgreSQL ---------------------------------------------------------------------------------


def _from_postgres(url: str, asked: _Asked, to: Path) -> tuple[list[str], int]:
    """Through COPY to a file of text, and from there by the engine: no value becomes an object of Python."""
    import psycopg  # here, because files never need it

    try:
        connection = connect_postgres(url)
    except psycopg.Error as error:
        raise _Unreached(str(error)) from None
    with contextlib.closing(connection):
        connection.read_only = True
        for key, value in _SESSION.items():
            connection.execute("SELECT set_config(%s, %s, true)", (key, value))
        select = asked.select(connection.execute(_POSTGRES_TABLES).fetchall() if asked.source.table else [])
        wrapped = f"(\n{select}\n) AS asked"
        # A prepared statement is one statement: what follows can hold no second one.
        described = connection.execute(f"SELECT * FROM {wrapped} LIMIT 0", prepare=True).description or []
        names = [column.name for column in described]
        asked.check_columns(names)
        kinds = {column.name: _postgres_type(column) for column in described}
        listed = ", ".join(
            identifier(column.name) + ("::numeric" if column.type_code == _MONEY else "")
            for column in described
        )
        text = to.with_suffix(".copied")
        try:
            with text.open("wb") as stream, connection.cursor() as cursor:
                copied = f"COPY (SELECT {listed} FROM {wrapped}) TO STDOUT (FORMAT csv, NULL '\\N')"
                with cursor.copy(copied) as rows:
                    for row in rows:
                        stream.write(row)
            return names, _from_text(text, kinds, to)
        finally:
            text.unlink(missing_ok=True)


def _postgres_type(column: Any) -> str:
    if column.type_code in {_MONEY, _NUMERIC}:
        fits = column.precision and column.precision <= 38 and 0 <= column.scale <= column.precision
        return f"DECIMAL({column.precision}, {column.scale})" if fits else "DECIMAL"
    return _POSTGRES_TYPES.get(column.type_code, "VARCHAR")


def _from_text(text: Path, kinds: dict[str, str], to: Path) -> int:
    """Rows that PostgreSQL has copied -> Parquet."""
    if text.stat().st_size == 0:
        return 0

    def source(types: dict[str, str]) -> str:
        columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items())
        return (
            f"read_csv({literal(str(text))}, columns={{{columns}}}, auto_detect=false, header=false, delim=',', "
            "quote='\"', escape='\"', nullstr='\\N', allow_quoted_nulls=false, new_line='\\n', "
            "max_line_size=134217728)"
        )

    as_text = {name: "VARCHAR" if kind.startswith("DECIMAL") else kind for name, kind in kinds.items()}
    with duckdb.connect() as engine:
        try:
            chosen = ", ".join(
                _finite(name, kind) for name, kind in _decimals(engine, source(as_text), kinds).items()
            )
            return _to_parquet(engine, f"SELECT {chosen} FROM {source(as_text)}", to)
        except duckdb.ConversionException:  # such as a date before Christ: told as unreadable, row by row
            return _to_parquet(engine, f"SELECT * FROM {source(dict.fromkeys(kinds, 'VARCHAR'))}", to)


def _decimals(engine: duckdb.DuckDBPyConnection, source: str, kinds: dict[str, str]) -> dict[str, str]:
    """A numeric column without a scale takes the digits that its values need."""
    free = [name for name, kind in kinds.items() if kind == "DECIMAL"]
    if not free:
        return kinds
    parts = []
    for name in map(identifier, free):
        known = f"FILTER ({name} <> 'NaN')"
        parts.append(f"coalesce(max(length(ltrim(split_part({name}, '.', 1), '-'))) {known}, 1)")
        parts.append(f"coalesce(max(length(rtrim(split_part({name}, '.', 2), '0'))) {known}, 0)")
        parts.append(f"coalesce(bool_or(contains({name}, 'I')), false)")
    row = engine.execute(f"SELECT {', '.join(parts)} FROM {source}").fetchone() or ()
    fitted = dict(kinds)
    for name, whole, after, endless in zip(free, row[::3], row[1::3], row[2::3], strict=True):
        # Numbers of up to 18 digits are much faster, and six decimals are all that is read of an amount.
        after = min(after, max(6, 18 - whole))
        small = whole + after <= 38 and not endless
        fitted[name] = f"DECIMAL({whole + after}, {after})" if small else "VARCHAR"
    return fitted


def _finite(name: str, kind: str) -> str:
    """A column in its type; the end of time is none, as for a contract that still runs."""
    given = identifier(name)
    if kind.startswith("DECIMAL"):
        return f"CAST(nullif({given}, 'NaN') AS {kind}) AS {given}"
    if kind.startswith(("DATE", "TIMESTAMP")):
        return f"CASE WHEN isfinite({given}) THEN {given} END AS {given}"
    return given


# --- DuckDB -------------------------------------------------------------------------------------


def _from_duckdb(path: str, asked: _Asked, to: Path) -> tuple[list[str], int]:
    try:
        connection = duckdb.connect(path, read_only=True)
    except duckdb.Error as error:
        raise _Unreached(str(error)) from None
    with connection:
        for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
            connection.execute(f"SET {setting} = false")
        tables = connection.execute(_DUCKDB_TABLES).fetchall() if asked.source.table else []
        select = asked.select(tables)
        if asked.source.query:
            asked.check_columns([column[0] for column in connection.execute(select).description or []])
        wrapped = f"(\n{select}\n) AS asked"
        described = connection.execute(f"DESCRIBE SELECT * FROM {wrapped}").fetchall()
        chosen = ", ".join(_as_parquet_has_it(name, kind) for name, kind, *_ in described)
        n_rows = _to_parquet(connection, f"SELECT {chosen} FROM {wrapped}", to)
        return [row[0] for row in described], n_rows


def _as_parquet_has_it(name: str, kind: str) -> str:
    given = identifier(name)
    if kind in {"HUGEINT", "UHUGEINT"}:  # Parquet has no such whole numbers: they would be rounded
        return f"CAST({given} AS VARCHAR) AS {given}"
    if kind.startswith("TIMESTAMP_"):
        return f"CASE WHEN isfinite({given}) THEN CAST({given} AS TIMESTAMP) END AS {given}"
    if kind.startswith(("DATE", "TIMESTAMP")) and not kind.endswith("]"):
        return _finite(name, kind)
    plain = kind in _PLAIN_TYPES or re.fullmatch(r"DECIMAL\(\d+,\d+\)", kind)
    return given if plain else f"CAST({given} AS VARCHAR) AS {given}"


def _to_parquet(engine: duckdb.DuckDBPyConnection, select: str, to: Path) -> int:
    row = engine.execute(f"COPY ({select}) TO {literal(str(to))} (FORMAT parquet)").fetchone()
    return int(row[0]) if row else 0


# --- SQLite -------------------------------------------------------------------------------------


def _from_sqlite(path: str, asked: _Asked, to: Path) -> tuple[list[str], int]:
    """Each column in the type that all its values have; as text, where they differ."""
    import sqlite3  # here, because files never need it

    import pyarrow as pa
    import pyarrow.parquet as pq

    with contextlib.closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True, timeout=30)) as base:
        known = base.execute(
            "SELECT 'main', name, 1 FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite~_%' "
            "ESCAPE '~'"
        ).fetchall()
        select = asked.select(known)
        names = [column[0] for column in base.execute(select).description or []]
        asked.check_columns(names)
        wrapped = f"(\n{select}\n)"
        found = base.execute(
            "SELECT count(*), "
            + ", ".join(
                f"group_concat(DISTINCT typeof({name})), max(CASE typeof({name}) WHEN 'integer' THEN abs({name}) END)"
                for name in map(identifier, names)
            )
            + f" FROM {wrapped}"
        ).fetchone()
        types = [_sqlite_type(held, largest) for held, largest in zip(found[1::2], found[2::2], strict=True)]
        listed = ", ".join(
            _sqlite_value(identifier(name), kind) for name, kind in zip(names, types, strict=True)
        )
        arrow = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string()}
        schema = pa.schema([(name, arrow[kind]) for name, kind in zip(names, types, strict=True)])
        rows = base.execute(f"SELECT {listed} FROM {wrapped}")
        with pq.ParquetWriter(to, schema) as writer:
            while batch := rows.fetchmany(100_000):
                arrays = [
                    pa.array(values, field.type)
                    for values, field in zip(zip(*batch, strict=True), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        return names, int(found[0])


def _sqlite_type(held: str | None, largest: int | None) -> str:
    kinds = set((held or "null").split(",")) - {"null"}
    if kinds == {"integer"}:
        return "INTEGER"
    # A whole number beside others stays exact up to 2 to the power of 53.
    return "REAL" if kinds in ({"real"}, {"integer", "real"}) and (largest or 0) < 2**53 else "TEXT"


def _sqlite_value(given: str, kind: str) -> str:
    if kind != "TEXT":
        return f"CAST({given} AS {kind})"
    return f"CASE typeof({given}) WHEN 'blob' THEN hex({given}) ELSE CAST({given} AS TEXT) END"


_READERS: dict[str, Callable[[str, _Asked, Path], tuple[list[str], int]]] = {
    "postgres": _from_postgres,
    "postgresql": _from_postgres,
    "duckdb": _from_duckdb,
    "sqlite": _from_sqlite,
}
