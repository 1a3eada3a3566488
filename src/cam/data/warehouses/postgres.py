"""PostgreSQL: the prepared tables as temporary tables of one connection; nothing else is ever written there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.schema as sch
import ibis.expr.types as ir
import psycopg
import pyarrow as pa
from ibis.backends.postgres import Backend
from ibis.backends.sql.compilers.postgres import PostgresCompiler

from cam.data.engine import identifier, literal
from cam.data.files.servers import connect_postgres
from cam.data.files.urls import shown_url, told_by, without_secrets
from cam.data.warehouses.arrow import ByArrow
from cam.data.warehouses.literals import FloatLiterals
from cam.data.warehouses.lost import telling, told_batches

#: Types of prepared tables; what is not listed becomes text, as the client's other columns may be.
_TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric(20, 0)",
    "HUGEINT": "numeric(38, 0)",
}
#: Texts are ordered by their bytes, as in the embedded engine, not by the customs of the server's country.
_TEXT = 'pg_catalog.text COLLATE "C"'

_DIGITS = Context(prec=60)


def open_postgres(url: str, *, named: str) -> Any:
    """Connect to a PostgreSQL.

    Parameters
    ----------
    url : str
        With its secrets.
    named : str
        As in ``data.engine``, for messages.

    Returns
    -------
    ibis backend or str
        Why it grants no temporary tables, and the cure, where it grants none.
    """
    connection = connect_postgres(url, autocommit=True)
    refused = _refusal(connection, named)
    if refused:
        connection.close()
        return refused
    engine = Postgres.from_connection(connection)
    # A role's own path may name a schema before the temporary one: the client's tables would then stand in for ours.
    connection.execute("SET search_path TO pg_temp")
    engine.named = named
    return engine


def _refusal(connection: psycopg.Connection[Any], named: str) -> str:
    asked = """
        SELECT quote_ident(current_database()), quote_ident(current_user), pg_is_in_recovery(),
        current_setting('transaction_read_only')::boolean,
        has_database_privilege(current_database(), 'TEMPORARY')
    """
    row = connection.execute(asked).fetchone()
    assert row is not None
    database, role, is_copy, is_read_only, may = row
    if is_copy:
        why, cure = (
            "is a copy that is only read from",
            "To have a server reduce, name the one that is copied.",
        )
    elif is_read_only:
        why = "has read-only transactions (default_transaction_read_only)"
        cure = (
            f"ALTER ROLE {role} SET default_transaction_read_only = off; the next run then uses the server."
        )
    elif not may:
        why = "lets this role make no temporary tables"
        cure = (
            f"Its owner gives that right: GRANT TEMPORARY ON DATABASE {database} TO {role}; "
            "the next run then uses the server."
        )
    else:
        return ""
    words = f"{why}, so DuckDB on this machine reduces in its place, with the same key figures. {cure}"
    return f"data.engine: {shown_url(named)} {without_secrets(words, named)}"


class _Compiler(FloatLiterals, PostgresCompiler):
    """What the embedded engine means, where PostgreSQL means something else by the same words."""

    __slots__ = ()


@telling
class Postgres(ByArrow, Backend):
    """Ibis on PostgreSQL, in temporary tables that no table of the client's can stand in for, or be dropped with."""

    compiler = _Compiler()
    #: As in ``data.engine``.
    named = ""

    def lost(self, error: Exception) -> str | None:
        """Say that the server is gone, or cannot go on."""
        if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return None
        # The server's first sentence alone: what follows may quote a row of the client's.
        told = error.diag.message_primary or str(error)
        said = told_by(told, self.named)
        if self.con.closed:
            return f"{shown_url(self.named)} was lost while a study ran: {said}"
        return f"{shown_url(self.named)} cannot finish a study: {said}"

    def list_tables(self, **_: Any) -> list[str]:
        """List what this connection has made."""
        asked = "SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'"
        return [name for (name,) in self.con.execute(asked)]

    def get_schema(self, name: str, *, catalog: str | None = None, database: str | None = None) -> sch.Schema:
        """Return the schema of a table that this connection has made: the client may have one of that name."""
        return super().get_schema(name, database=database or self._session_temp_db)

    def read_parquet(self, path: Path, /, *, table_name: str, **_: Any) -> ir.Table:
        """Copy a Parquet file into a temporary table."""
        with tempfile.TemporaryDirectory() as folder, duckdb.connect() as embedded:
            rows = f"read_parquet({literal(str(path))})"
            found = {
                name: kind for name, kind, *_ in embedded.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
            }
            kinds = {name: _type(kind) for name, kind in found.items()}
            chosen = ", ".join(
                f"CAST({identifier(name)} AS VARCHAR) AS {identifier(name)}"
                if kind == _TEXT
                else identifier(name)
                for name, kind in kinds.items()
            )
            texts = [identifier(name) for name, kind in kinds.items() if kind == _TEXT]
            quoted = f", FORCE_QUOTE ({', '.join(texts)})" if texts else ""
            text = Path(folder) / "rows.csv"
            embedded.execute(
                f"COPY (SELECT {chosen} FROM {rows}) TO {literal(str(text))} "
                f"(FORMAT csv, HEADER false, NULLSTR '\\N'{quoted})"
            )
            self._make(table_name, kinds)
            listed = f"COPY pg_temp.{identifier(table_name)} FROM STDIN (FORMAT csv, NULL '\\N')"
            with self.con.cursor() as cursor, cursor.copy(listed) as copy, text.open("rb") as stream:
                while block := stream.read(1 << 20):
                    copy.write(block)
        self.con.execute(f"ANALYZE pg_temp.{identifier(table_name)}")
        return self.table(table_name)

    def create_table(self, name: str, /, obj: Any = None, *, overwrite: bool = False, **_: Any) -> ir.Table:
        """Make a temporary table of a table expression, or of what fits in memory."""
        table = obj if isinstance(obj, ir.Expr) else ibis.memtable(obj)
        self._run_pre_execute_hooks(table)
        aside = ibis.util.gen_name("cam")
        with self.con.transaction():
            self._make(aside, {column: self._written(kind) for column, kind in table.schema().items()})
            self.con.execute(f"INSERT INTO pg_temp.{identifier(aside)} {self.compile(table)}")
            if overwrite:
                self.con.execute(f"DROP TABLE IF EXISTS pg_temp.{identifier(name)}")
            self.con.execute(f"ALTER TABLE pg_temp.{identifier(aside)} RENAME TO {identifier(name)}")
        self.con.execute(f"ANALYZE pg_temp.{identifier(name)}")
        return self.table(name)

    def to_pyarrow_batches(
        self,
        expr: ir.Expr,
        /,
        *,
        params: Any = None,
        limit: Any = None,
        chunk_size: int = 1_000_000,
        **_: Any,
    ) -> pa.RecordBatchReader:
        """Bring rows in batches; a server's cursor holds the others."""
        self._run_pre_execute_hooks(expr)
        arrow = expr.as_table().schema().to_pyarrow()
        query = self.compile(expr, params=params, limit=limit)

        def batches() -> Iterator[pa.RecordBatch]:
            with self.con.transaction(), self.con.cursor(name=ibis.util.gen_name("cam")) as cursor:
                cursor.execute(query)
                while rows := cursor.fetchmany(chunk_size):
                    columns = zip(*rows, strict=True)
                    arrays = [
                        _array(values, field.type) for values, field in zip(columns, arrow, strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays(arrays, schema=arrow)

        return pa.RecordBatchReader.from_batches(arrow, told_batches(self, batches()))

    def _make(self, name: str, kinds: dict[str, str]) -> None:
        columns = ", ".join(f"{identifier(column)} {kind}" for column, kind in kinds.items())
        self.con.execute(f"CREATE TEMPORARY TABLE {identifier(name)} ({columns})")

    def _register_in_memory_table(self, op: Any) -> None:
        kinds = {column: self._written(kind) for column, kind in op.schema.items()}
        self._make(op.name, kinds)
        rows = op.data.to_pyarrow(op.schema).to_pylist()
        listed = f"COPY pg_temp.{identifier(op.name)} FROM STDIN"
        with self.con.cursor() as cursor, cursor.copy(listed) as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
        self.con.execute(f"ANALYZE pg_temp.{identifier(op.name)}")

    def _written(self, kind: dt.DataType) -> str:
        return _TEXT if kind.is_string() or kind.is_null() else self.compiler.type_mapper.to_string(kind)


def _type(kind: str) -> str:
    if kind.startswith("DECIMAL"):
        return kind.replace("DECIMAL", "numeric")
    return _TYPES.get(kind, "timestamp" if kind.startswith("TIMESTAMP_") else _TEXT)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A column in the type that Ibis expects: the server's decimals come with as many digits as they need."""
    try:
        return pa.array(values, type=kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        if pa.types.is_decimal(kind):
            step = Decimal(1).scaleb(-kind.scale)
            return pa.array(
                [None if value is None else value.quantize(step, ROUND_HALF_UP, _DIGITS) for value in values],
                type=kind,
            )
        known = float if pa.types.is_floating(kind) else int
        return pa.array([None if value is None else known(value) for value in values], type=kind)
