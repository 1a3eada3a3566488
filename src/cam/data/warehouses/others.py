"""Any other engine that Ibis knows: the same way, which nobody has tested there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from cam.data.files.urls import shown_url, told_by
from cam.data.warehouses.lost import telling


def open_other(url: str, *, named: str) -> Any:
    """Connect to an engine by its URL.

    Parameters
    ----------
    url : str
        With its secrets.
    named : str
        As in ``data.engine``, for messages.

    Returns
    -------
    ibis backend
        It makes temporary tables only, under names of their own, so that no table of the client's is ever replaced.
    """
    plain = ibis.connect(url)
    plain.disconnect()
    kind: Any = telling(type("Other", (_Other, type(plain)), {}))
    engine = kind(*plain._con_args, **plain._con_kwargs)
    engine.reconnect()
    engine.named = named
    engine.made = {}
    return engine


class _Other:
    named: str
    #: What stands under which name; in the engine itself the names are random.
    made: dict[str, ir.Table]

    def lost(self, error: Exception) -> str | None:
        """Say that the connection is gone, or that the engine grants no temporary tables."""
        if isinstance(error, OSError):
            return f"{shown_url(self.named)} was lost while a study ran: {told_by(str(error), self.named)}"
        return None

    def list_tables(self, **_: Any) -> list[str]:
        """List what this connection has made."""
        return list(self.made)

    def table(self, name: str, /, **kwargs: Any) -> ir.Table:
        """Find a table that this connection has made."""
        return self.made[name] if name in self.made else super().table(name, **kwargs)  # type: ignore[misc]

    def create_table(self, name: str, /, obj: Any = None, *, overwrite: bool = False, **_: Any) -> ir.Table:
        """Make a temporary table."""
        if name in self.made and not overwrite:
            raise ValueError(f"{name} is there already")
        aside = ibis.util.gen_name("cam")
        self.made[name] = super().create_table(aside, obj, temp=True)  # type: ignore[misc]
        return self.made[name]

    def read_parquet(self, path: Path, /, *, table_name: str, **_: Any) -> ir.Table:
        """Copy a Parquet file into a temporary table."""
        import pyarrow.parquet as pq

        return self.create_table(table_name, pq.read_table(path))
