"""One small client in each engine, put there once per process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engines.between import Client
from engines.small_client import prepared

from cam.data import Prepared
from cam.data.warehouse import open_engine, put_tables


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepared(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def client_in(request: pytest.FixtureRequest, small: Prepared) -> Iterator[Callable[[str], Client]]:
    """The client in the engine of that name, which is opened when it is first asked for."""
    opened: dict[str, Client] = {}
    asked: dict[str, Callable[[], Any]] = {
        "duckdb": lambda: "duckdb",
        "postgres": lambda: request.getfixturevalue("postgres_url"),
        "spark": lambda: request.getfixturevalue("spark"),
    }

    def get(name: str) -> Client:
        if name not in opened:
            engine = open_engine(asked[name]())
            opened[name] = Client(engine, put_tables(engine, small))
        return opened[name]

    yield get
    for client in opened.values():
        client.engine.disconnect()
