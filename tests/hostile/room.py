"""A folder for one hostile client, and how `cam` is run on it: with a clock, and its peak of memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.house import House

SECONDS = 30.0
BYTES = 1_000_000_000
HEADER = "customer_id,order_date,revenue\n"
ROWS = "a,2024-01-05,10.00\na,2024-03-05,20.50\nb,2024-02-01,5.00\n"
GOOD = HEADER + ROWS


@dataclass(frozen=True, slots=True)
class Outcome:
    """How `cam` ended."""

    code: int
    out: str
    err: str
    seconds: float
    peak: int
    is_late: bool

    @property
    def told(self) -> str:
        return self.out + self.err


class Server:
    """The process that runs the cases."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("server.py"))],
            env=house.environment(),
            cwd=house.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin
        self._process.stdin.write(json.dumps(self._used()) + "\n")

    def _used(self) -> list[str]:
        """The modules that `cam check` of a sound file ends up with: they are the same for every case."""
        path = self.house.client("first")
        script = (
            "import json, sys; sys.argv = ['cam', 'check', sys.argv[1]]\n"
            "from cam.cli import main\n"
            "try: main()\n"
            "except SystemExit: pass\n"
            "print(json.dumps(sorted(sys.modules)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)],
            env=self.house.environment(),
            cwd=self.house.root,
            capture_output=True,
            text=True,
            check=True,
        )
        return [name for name in json.loads(done.stdout.splitlines()[-1]) if name != "__main__"]

    def run(self, **task: Any) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate(timeout=60)


class Room:
    """A client's folder: what is written here is gone when the case is over."""

    def __init__(self, folder: Path, server: Server, record: Callable[[str, object], None]) -> None:
        self.folder, self._server, self._record = folder, server, record

    def write(self, content: bytes | str, name: str = "orders.csv") -> str:
        """Write a file; return its whole path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lone surrogate is what some systems write as three bytes.
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        return str(path)

    def sparse(self, size: int, name: str = "orders.csv", head: bytes = GOOD.encode()) -> str:
        """Write a file of *size* bytes that takes no room: its end is zeros."""
        path = self.write(head, name)
        with Path(path).open("r+b") as stream:
            stream.truncate(size)
        return path

    def params(self, content: Any) -> Path:
        """Write the parameter file: sections, or text as it is."""
        path = self.folder / "acme.yaml"
        if isinstance(content, dict):
            content = json.dumps(content, ensure_ascii=False, indent=1)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def cam(
        self, *args: object, without_rights: bool = False, grows: str = "", limit: float = SECONDS
    ) -> Outcome:
        """Run `cam`; whatever it was given, it ends in time, in little memory and without a traceback."""
        out, err = self.folder / ".out", self.folder / ".err"
        told = self._server.run(
            args=[str(arg) for arg in args],
            cwd=str(self.folder),
            out=str(out),
            err=str(err),
            limit=limit,
            without_rights=without_rights,
            grows=grows,
        )
        outcome = Outcome(
            out=out.read_text(encoding="utf-8", errors="replace"),
            err=err.read_text(encoding="utf-8", errors="replace"),
            **told,
        )
        # `pytest --junitxml` lists them.
        self._record("seconds", round(outcome.seconds, 2))
        self._record("peak_mb", outcome.peak >> 20)
        assert not outcome.is_late, f"still at work after {limit} s\n{outcome.told[-500:]}"
        assert "Traceback" not in outcome.told, outcome.told[-3000:]
        assert outcome.code >= 0, f"killed by signal {-outcome.code}\n{outcome.told[-500:]}"
        assert outcome.peak < BYTES, f"{outcome.peak:,} bytes\n{outcome.told[-500:]}"
        # What a client's data hold must not reach the terminal's own commands, turn its text round, or flood it.
        odd = re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", outcome.told)
        assert not odd, f"sign {odd.group()!r} in {outcome.told[:2000]!r}" if odd else ""
        assert len(outcome.told) < 6_000, f"{len(outcome.told)} characters: {outcome.told[:500]}"
        return outcome

    def left_behind(self) -> list[str]:
        """What runs left in the cache besides finished tables."""
        home = self._server.house.root / ".cache" / "clients" / "acme"
        return [path.name for path in home.glob(".*")]


def source(
    path: str | list[str], *, columns: Any = None, client: Any = None, **options: Any
) -> dict[str, Any]:
    """Sections that read one file of transactions."""
    table = {"path": path, "columns": columns, "options": options}
    sections = {
        "client": client,
        "data": {"transactions": {key: value for key, value in table.items() if value}},
    }
    return {key: value for key, value in sections.items() if value}


def ends(room: Room, content: Any, code: int, *words: str, **how: Any) -> Outcome:
    """`cam check` ends with this code, and says all of these (regular expressions)."""
    outcome = room.cam("check", room.params(content), **how)
    assert outcome.code == code, outcome.told
    for word in words:
        assert re.search(word, outcome.told, re.DOTALL), f"no {word!r} in:\n{outcome.told}"
    assert not room.left_behind(), f"left in the cache: {room.left_behind()}"
    return outcome
