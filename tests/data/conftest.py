"""One way to hand a client's tables to `prepare`, and to read back what it made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cam.data import Prepared, prepare
from cam.errors import DataError
from cam.params import params_from_sections

Tables = dict[str, Any]


class Client:
    """A client in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def prepare(self, tables: Tables, *, engine: str = "duckdb", **client: Any) -> Prepared:
        sections = {"client": {"id": "acme", **client}, "data": {"engine": engine, **tables}}
        params = params_from_sections(sections)
        return prepare(params, root=self.folder, cache=self.folder / "cache", place="params/acme.yaml")

    def orders(
        self, content: bytes | str, *, name: str = "orders.csv", client: Tables | None = None, **options: Any
    ):
        """Prepare one file of transactions; return (its review, its rows)."""
        self.write(name, content)
        columns = options.pop("columns", {})
        source = {"path": name, "columns": columns, "options": options}
        prepared = self.prepare({"transactions": source}, **(client or {}))
        return prepared.review["tables"]["transactions"], rows(prepared)

    def refused(self, call: Callable[[], object]) -> str:
        with pytest.raises(DataError) as caught:
            call()
        assert caught.value.exit_code == 3
        return str(caught.value)


def rows(prepared: Prepared, table: str = "transactions") -> list[tuple]:
    return duckdb.sql(f"SELECT * FROM '{prepared.path(table)}' ORDER BY ALL").fetchall()


@pytest.fixture
def client(tmp_path) -> Client:
    return Client(tmp_path)


@pytest.fixture
def rows_of():
    return rows
