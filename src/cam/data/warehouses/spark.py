"""Spark: the prepared tables as views of one session, which its own configuration places; local where there is none."""

from __future__ import annotations

import atexit
import os
import shutil
import string
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.pyspark import Backend
from ibis.backends.pyspark.datatypes import PySparkType
from ibis.backends.sql.compilers.base import NULL
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from py4j.protocol import Py4JNetworkError
from pyspark.sql import DataFrame, SparkSession

from cam.data.warehouses.arrow import ByArrow
from cam.data.warehouses.literals import FloatLiterals
from cam.data.warehouses.lost import telling, told_batches
from cam.data.warehouses.spark_start import what_it_said, why_not
from cam.errors import EngineError

#: Any of these says where Spark runs and how; then nothing is added but what results depend on.
_CONFIGURED = ("SPARK_CONF_DIR", "SPARK_HOME", "SPARK_REMOTE", "PYSPARK_SUBMIT_ARGS")
#: A session of this machine alone: nothing listens on the network, and nothing is left in the folder.
_LOCAL = {
    "spark.master": "local[*]",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "16",
}
#: What results depend on, wherever it runs: the clock, and arithmetic that answers with nothing, not with an error.
_ALIKE = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
}


def open_spark() -> Any:
    """Start a session of Spark, or join the one that its configuration names.

    Returns
    -------
    ibis backend

    Raises
    ------
    EngineError
        If it does not start.
    """
    if fault := why_not():
        raise EngineError(f"data.engine: {fault}")
    with tempfile.TemporaryFile() as written:
        try:
            with _stderr_to(written):
                session = _session()
        except ImportError as error:
            raise EngineError(
                f"data.engine: SPARK_REMOTE needs more Python packages ({what_it_said('', str(error))}). "
                "Install them with pip install 'pyspark[connect]>=4.0,<4.1'."
            ) from None
        except Exception as error:  # what Java says stands in what was written
            written.seek(0)
            said = what_it_said(written.read().decode(errors="replace"), str(error))
            named = [name for name in _CONFIGURED if os.environ.get(name)]
            cure = f"See {' and '.join(named)}." if named else "See its Java (JAVA_HOME)."
            raise EngineError(f"data.engine: Spark does not start: {said}. {cure}") from None
    assert ibis.pyspark  # to name it registers its options
    engine = Spark()
    engine.do_connect(session)
    for key, value in _ALIKE.items():
        session.conf.set(key, value)
    return engine


def _session() -> SparkSession:
    """A session whose Java keeps what is temporary in a folder that goes with this process, however it ends."""
    folder = tempfile.mkdtemp(prefix="cam-spark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    options = f"{os.environ.get('SPARK_SUBMIT_OPTS', '')} -Djava.io.tmpdir={folder}".strip()
    builder = SparkSession.builder.appName("cam")
    if not any(os.environ.get(name) for name in _CONFIGURED):
        for key, value in {**_LOCAL, "spark.sql.warehouse.dir": folder}.items():
            builder = builder.config(key, value)
    os.environ["SPARK_SUBMIT_OPTS"] = options
    return builder.getOrCreate()


@contextmanager
def _stderr_to(file: Any) -> Iterator[None]:
    """What Java says while it starts, and ever after, goes to a file: in a notebook it would stand on the page."""
    kept = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class _Compiler(FloatLiterals, PySparkCompiler):
    """What the embedded engine means, where Spark means something else by the same words."""

    __slots__ = ()

    def visit_Strip(self, op: Any, *, arg: Any) -> Any:
        """Blanks by their bytes: Spark reads the signs for two of them as the letters f and v."""
        blanks = self.f.anon.decode(self.f.anon.unhex(string.whitespace.encode().hex()), "UTF-8")
        return self.f.anon.btrim(arg, blanks)

    def visit_BitOr(self, op: Any, *, arg: Any, where: Any) -> Any:
        """Ibis does not know that Spark has it."""
        return self.f.anon.bit_or(arg if where is None else self.if_(where, arg, NULL))


@telling
class Spark(ByArrow, Backend):
    """Ibis on Spark, in views of the session; nothing is written to a catalogue."""

    compiler = _Compiler()

    @property
    def is_local(self) -> bool:
        """Whether its workers see the files of this machine."""
        return bool(self._session.conf.get("spark.master", "").startswith("local"))

    def lost(self, error: Exception) -> str | None:
        """Say that the session is gone, or that a job of it was given up."""
        text = " ".join(str(error).split())
        if self._is_dead() or isinstance(error, Py4JNetworkError | ConnectionError | EOFError):
            return "Spark was lost while a study ran."
        if "stopped SparkContext" in text or "SparkContext was shut down" in text:
            return "Spark was stopped while a study ran."
        if "Job aborted" in text or "All masters are unresponsive" in text:
            return f"Spark gave a study up: {text[:300].rstrip('.')}."
        return None

    def _is_dead(self) -> bool:
        """Whether the Java that this session talks to has ended; whatever it is asked then fails in its own way."""
        with suppress(Exception):  # a session of another kind has no Java of its own here
            return self._session.sparkContext._gateway.proc.poll() is not None
        return False

    def list_tables(self, **_: Any) -> list[str]:
        """List the views of this session."""
        return [view.name for view in self._session.catalog.listTables() if view.isTemporary]

    def read_parquet(self, path: Path, /, *, table_name: str, **_: Any) -> ir.Table:
        """Make a view of a Parquet file: read where it stands by a session of this machine, else sent."""
        if self.is_local:
            frame = self._session.read.parquet(Path(path).resolve().as_uri())
        else:
            frame = self._session.createDataFrame(_signed(pq.read_table(path)))
        frame.createOrReplaceTempView(table_name)
        return self.table(table_name)

    def create_table(self, name: str, /, obj: Any = None, *, overwrite: bool = False, **_: Any) -> ir.Table:
        """Work a table expression out once, and make a view of what came."""
        table = obj if isinstance(obj, ir.Expr) else ibis.memtable(obj)
        self._run_pre_execute_hooks(table)
        frame = _typed(self._session.sql(self.compile(table)), table.schema()).localCheckpoint()
        (frame.createOrReplaceTempView if overwrite else frame.createTempView)(name)
        return self.table(name)

    def _register_in_memory_table(self, op: Any) -> None:
        """By Arrow: a gap stays one, and does not become a float that is no number."""
        frame = self._session.createDataFrame(op.data.to_pyarrow(op.schema))
        frame.createOrReplaceTempView(op.name)

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
        """Bring rows in batches, in their order; a session of this machine lays them down, so that memory holds one."""
        schema = expr.as_table().schema()
        if not self.is_local or any(kind.is_null() or kind.is_nested() for kind in schema.types):
            rows = self.to_pyarrow(expr, params=params, limit=limit)
            batches = iter(rows.to_batches(max_chunksize=chunk_size))
        else:
            batches = self._laid_down(self._asked(expr, params, limit), schema, chunk_size)
        return pa.RecordBatchReader.from_batches(schema.to_pyarrow(), told_batches(self, batches))

    def to_pyarrow(self, expr: ir.Expr, /, *, params: Any = None, limit: Any = None, **_: Any) -> Any:
        """Bring rows to memory, in their order, without a file between."""
        rows = self._asked(expr, params, limit).toArrow().cast(expr.as_table().schema().to_pyarrow())
        return expr.__pyarrow_result__(rows)

    def _asked(self, expr: ir.Expr, params: Any, limit: Any) -> DataFrame:
        self._run_pre_execute_hooks(expr)
        return self._session.sql(self.compile(expr, params=params, limit=limit))

    def _laid_down(self, frame: DataFrame, schema: sch.Schema, n: int) -> Iterator[pa.RecordBatch]:
        """Let Spark write rows to files, one per partition and in their order, and read these one after another."""
        arrow = schema.to_pyarrow()
        with tempfile.TemporaryDirectory(prefix="cam-rows-") as place:
            files = Path(place) / "rows"
            # Plain names: those of a client's columns may differ by capitals alone, which Spark does not write.
            numbered = frame.toDF(*(f"c{number}" for number in range(len(schema))))
            numbered.write.parquet(files.as_uri())
            for path in sorted(files.glob("part-*")):
                with pq.ParquetFile(path) as rows:
                    for batch in rows.iter_batches(n):
                        yield from pa.table(batch.columns, arrow.names).cast(arrow).to_batches()


def _typed(frame: DataFrame, schema: sch.Schema) -> DataFrame:
    """Whole numbers and decimals as wide as Ibis says: Spark finds widths of its own."""
    chosen = []
    for column, (name, kind) in zip(frame.columns, schema.items(), strict=True):
        is_wide = kind.is_integer() or (kind.is_decimal() and kind.precision is not None)
        chosen.append(
            frame[_quoted(column)].cast(PySparkType.from_ibis(kind)).alias(name)
            if is_wide
            else frame[_quoted(column)]
        )
    return frame.select(chosen)


def _signed(rows: pa.Table) -> pa.Table:
    """Spark has no whole numbers without a sign, and reads them from a file as the next wider ones."""
    wider = {
        pa.uint8(): pa.int16(),
        pa.uint16(): pa.int32(),
        pa.uint32(): pa.int64(),
        pa.uint64(): pa.decimal128(20),
    }
    return rows.cast(pa.schema([field.with_type(wider.get(field.type, field.type)) for field in rows.schema]))


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
