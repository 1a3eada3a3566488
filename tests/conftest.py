"""What many tests need: a small client on disk, and both engines that reductions must agree on."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest
from needs import skip_or_fail


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the session, on a free port of this machine."""
    programs = (
        sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []
    )
    found = programs[-1] if programs else Path(shutil.which("initdb") or "").parent
    if not (found / "initdb").exists():
        skip_or_fail("no PostgreSQL server here; apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="cam-pg-", dir="/tmp"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The server refuses to run as root.
    other = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    if other:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "check": True, "cwd": folder, **other}
    subprocess.run(
        [
            str(found / "initdb"),
            "-D",
            str(data),
            "-U",
            "cam",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ],
        **quiet,
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    pg_ctl = [str(found / "pg_ctl"), "-D", str(data)]
    subprocess.run([*pg_ctl, "-o", options, "-l", str(folder / "log"), "-w", "start"], **quiet)
    try:
        yield f"postgres://cam@127.0.0.1:{port}/postgres"
    finally:
        # As the server's own user: it answers nobody else.
        subprocess.run([*pg_ctl, "-m", "immediate", "-w", "stop"], **{**quiet, "check": False})
        shutil.rmtree(folder, ignore_errors=True)


Place = Callable[[str, pd.DataFrame], Any]


@pytest.fixture(params=["duckdb", "postgres"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Put a frame into an engine as a table and return it as an Ibis table; once per engine.

    Money columns (``revenue``, ``cost``) become DECIMAL(18, 2), as in the canonical tables.
    """
    if request.param == "duckdb":
        engine = ibis.duckdb.connect()
    else:
        engine = ibis.connect(request.getfixturevalue("postgres_url"))
    made: list[str] = []

    def put(name: str, frame: pd.DataFrame) -> Any:
        table = engine.create_table(name, frame, overwrite=True)
        made.append(name)
        money = {c: table[c].cast("decimal(18, 2)") for c in ("revenue", "cost") if c in table.columns}
        dates = {c: table[c].cast("timestamp") for c in ("order_date",) if c in table.columns}
        return table.mutate(**money, **dates)

    yield put
    for name in made:
        engine.drop_table(name, force=True)
    engine.disconnect()
