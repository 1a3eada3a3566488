"""One server for all hostile cases of a session, and an empty room for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from hostile.room import Room, Server
from report.house import build


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(build(tmp_path_factory.mktemp("hostile") / "project", real=True))
    yield made
    made.close()


@pytest.fixture
def room(
    server: Server, tmp_path_factory: pytest.TempPathFactory, record_property: Callable[[str, object], None]
) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("client")
    yield Room(folder, server, record_property)
    shutil.rmtree(server.house.root / ".cache" / "clients" / "acme", ignore_errors=True)
    # At once: some of these files are large, and some are no files.
    shutil.rmtree(folder, ignore_errors=True)
