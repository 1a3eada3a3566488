"""A small house to run `cam` in: a copy of the project, with notebooks that take a second and do as they are told.

The copy keeps the project's own cache and reports out of the tests, and lets a test break a notebook or a module.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from cam.params import SECTIONS
from cam.project import project_root
from cam.studies.client import STUDIES

ORDERS = """customer_id,order_date,revenue
a,2024-01-05,10.00
a,2024-03-05,20.50
b,2024-02-01,5.00
=1+1,2024-02-11,7.25
0012,2024-04-30,0.00
"""

#: What a notebook of a study leaves behind, without the study: key figures and findings that show what it was given.
WORK = """import json
from pathlib import Path
folder = Path(run["folder"])
columns = "client,as_of,study,figure,segment,value,low,high,n,unit"
given = {own}
numbers = sum(value for value in given.values() if isinstance(value, int) and not isinstance(value, bool))
row = f"{{client['id']}},2024-04-30,{name},given_{name},,{{numbers}},,,4,count"
(folder / "{name}.csv").write_text(columns + "\\n" + row + "\\n")
(folder / "{name}.findings.json").write_text(json.dumps({{"findings": ["{name} was run."], "cannot_say": []}}))"""


@dataclass(frozen=True, slots=True)
class House:
    """A project's tree and how to call `cam` in it."""

    root: Path

    def client(self, name: str = "acme", text: str = "", orders: str | None = ORDERS) -> Path:
        """Write a parameter file in `params/` and its orders; `text` comes after `data.transactions.path`."""
        if orders is not None:
            (self.root / f"{name}.csv").write_text(orders)
        path = self.root / "params" / f"{name}.yaml"
        path.write_text(f"data: {{transactions: {{path: {name}.csv}}}}\n{text}")
        return path

    def notebook(self, name: str, work: str = "", *, title: str = "Does it run?") -> Path:
        """Write a study's notebook; `work` is a cell before the one that leaves its results."""
        own = " | ".join(STUDIES[name])
        cells = [
            new_markdown_cell(f"# {title}"),
            new_code_cell("\n".join(f"{section}: dict = {{}}" for section in (*SECTIONS, "run"))),
            *([new_code_cell(work)] if work else []),
            new_code_cell(WORK.format(name=name, own=own)),
        ]
        cells[1].metadata["tags"] = ["parameters"]
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = new_notebook(cells=cells, metadata={"kernelspec": spec})
        path = self.root / "notebooks" / f"{name}.ipynb"
        path.write_text(nbformat.writes(notebook), encoding="utf-8")
        return path

    def command(self, *args: object) -> list[str]:
        return [sys.executable, "-m", "cam.cli", *(str(arg) for arg in args)]

    def environment(self, **more: str) -> dict[str, str]:
        # The copy's byte code may be written, so that only its first run compiles it.
        ours = {"PYTHONPATH": str(self.root / "src"), "PYTHONDONTWRITEBYTECODE": ""}
        return {**os.environ, **ours, **more}

    def cam(
        self, *args: object, cwd: Path | None = None, timeout: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `cam` to its end; no test may see a traceback."""
        done = subprocess.run(
            self.command(*args),
            env=self.environment(**environment),
            cwd=cwd or self.root,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    def start(self, *args: object, **environment: str) -> Running:
        """Start `cam` as a terminal does: at the head of a process group of its own."""
        mark = uuid.uuid4().hex
        process = subprocess.Popen(
            self.command(*args),
            env=self.environment(CAM_TEST_MARK=mark, **environment),
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return Running(process, mark)


@dataclass(frozen=True, slots=True)
class Running:
    """A run under way."""

    process: subprocess.Popen[str]
    mark: str

    def alive(self) -> list[str]:
        """Command lines of all processes that came from this run, whatever group or parent they have now."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:80])
            except OSError:  # it has ended meanwhile, or is not ours to look at
                continue
        return found

    def wait_for(self, words: str, timeout: float = 60) -> None:
        """Read the error stream up to a line with *words*."""
        assert self.process.stderr
        end = time.monotonic() + timeout
        for line in self.process.stderr:
            if words in line:
                return
            assert time.monotonic() < end, f"no {words!r}"
        raise AssertionError(f"ended before {words!r}")

    def end(self) -> tuple[int, str]:
        """Wait for its end; return the exit code and the rest of the error stream."""
        _, error = self.process.communicate(timeout=60)
        return self.process.returncode, error

    def gone(self, within: float = 8) -> bool:
        """Whether every process of the run has ended, within some seconds."""
        end = time.monotonic() + within
        while self.alive():
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True


def build(root: Path, *, real: bool = False) -> House:
    """Copy the project to *root*, with its own notebooks or with quick ones."""
    here = project_root()
    shutil.copytree(here / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copyfile(here / "GLOSSARY.md", root / "GLOSSARY.md")
    (root / "params").mkdir()
    house = House(root)
    if real:
        shutil.copytree(here / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns(".*"))
    else:
        (root / "notebooks").mkdir()
        for name in STUDIES:
            house.notebook(name)
    return house


def files(folder: Path) -> dict[str, bytes]:
    """All files of a folder, by their names in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
