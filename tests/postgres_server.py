"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from needs import skip_or_fail


@dataclass(frozen=True)
class Server:
    """A server on a free port of this machine, in a folder of its own."""

    folder: Path
    programs: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgres://cam@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        words = ["-D", str(self.folder / "data"), "-U", "cam", "-A", "trust", "-E", "UTF8", "--no-sync"]
        self._run("initdb", *words)

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-o", options, "-l", log, "-w", "start")

    def stop(self, *, check: bool = True) -> None:
        words = ["-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop"]
        self._run("pg_ctl", *words, check=check)

    def _run(self, program: str, *words: str, check: bool = True) -> None:
        # The server refuses to run as root, and answers only the user that it runs as.
        other: dict[str, Any] = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        )
        quiet = {"stdout": subprocess.DEVNULL, "check": check, "cwd": self.folder}
        subprocess.run([str(self.programs / program), *words], **quiet, **other)


@contextmanager
def postgres_server() -> Iterator[Server]:
    """A server that lives as long as the block; skips, or fails in CI, where none is installed."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []
    programs = places[-1] if places else Path(shutil.which("initdb") or "").parent
    if not (programs / "initdb").exists():
        skip_or_fail("no PostgreSQL server here; apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="cam-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Server(folder, programs, free.getsockname()[1])
    server.make()
    server.start()
    try:
        yield server
    finally:
        server.stop(check=False)
        shutil.rmtree(folder, ignore_errors=True)
