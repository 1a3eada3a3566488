"""The embedded engine where its memory is nearly full: the same tables by one thread, or one sentence."""

from __future__ import annotations

import duckdb
import pytest
from ibis.backends.duckdb import Backend

from cam.data.warehouse import open_engine
from cam.data.warehouses import embedded
from cam.errors import StudyError


def joined(engine):
    """A join and a grouping that hold much at once."""
    rows = "SELECT CAST(hash(range) AS VARCHAR) AS customer_id, range AS x FROM range(400000)"
    engine.raw_sql(f"CREATE OR REPLACE TABLE log AS {rows}")
    log = engine.table("log")
    both = log.left_join(log.select("customer_id", z="x"), "customer_id")
    return both.group_by("customer_id").aggregate(n=both.count(), last=both.z.max()).order_by("customer_id")


def settings(engine) -> tuple:
    asked = "SELECT current_setting('threads'), current_setting('memory_limit')"
    return engine.raw_sql(asked).fetchone()


def test_what_two_threads_have_no_room_for_one_makes():
    engine = open_engine()
    engine.raw_sql("SET threads = 2")
    before, tried = settings(engine), []

    def create_table(engine, name, obj, *, overwrite=False):
        """As DuckDB does: the empty table stands there before its rows find no room."""
        made = Backend.create_table(engine, name, obj.limit(0), overwrite=overwrite)
        tried.append(settings(engine)[0])
        if tried[-1] > 1:
            raise duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate")
        engine.insert(name, obj)
        return made

    made = embedded._again_with_one(create_table)(engine, "made", joined(engine))
    assert tried == [2, 1] and settings(engine) == before
    assert made.order_by("customer_id").to_pyarrow().equals(joined(open_engine()).to_pyarrow())


def test_what_has_no_room_at_all_is_told_in_one_sentence():
    small = open_engine(memory="10MB")
    with pytest.raises(
        StudyError, match=r"no room for this step in 9\.5 MiB, whatever it writes to disk\. A server as"
    ) as told:
        small.create_table("made", joined(small))
    assert isinstance(told.value.__cause__, duckdb.OutOfMemoryException)
    assert small.raw_sql("SELECT 1").fetchone() == (1,)
