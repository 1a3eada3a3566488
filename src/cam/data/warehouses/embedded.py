"""The embedded engine: what its memory does not hold with all threads is done again with one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import duckdb
from ibis.backends.duckdb import Backend

from cam.errors import StudyError

#: What makes a table, or brings one to Python as a whole.
_ASKED = ("create_table", "insert", "execute", "to_pyarrow")


class Embedded(Backend):
    """Ibis on DuckDB, in this process.

    Each thread holds parts of its own of what is joined or grouped; how much of it can go to disk at a moment is a
    matter of chance where memory is nearly full. One thread needs the least.
    """


def _again_with_one(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def asked(engine: Embedded, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(engine, *args, **kwargs)
        except duckdb.OutOfMemoryException:
            pass
        if method.__name__ == "create_table":
            kwargs["overwrite"] = True  # its empty table stands there already
        (threads,) = engine.raw_sql("SELECT current_setting('threads')").fetchone()
        engine.raw_sql("SET threads = 1")
        try:
            return method(engine, *args, **kwargs)
        except duckdb.OutOfMemoryException as error:
            (held,) = engine.raw_sql("SELECT current_setting('memory_limit')").fetchone()
            raise StudyError(
                f"The embedded engine has no room for this step in {held}, whatever it writes to disk. A server as "
                "data.engine may have."
            ) from error
        finally:
            engine.raw_sql(f"SET threads = {threads}")

    return asked


for _name in _ASKED:
    setattr(Embedded, _name, _again_with_one(getattr(Backend, _name)))
