"""Time a whole report beside its floor, step by step, and what a changed parameter costs; in a copy of the project."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import nbformat
import yaml

from cam.studies.client import STUDIES

ROOT = Path(__file__).parent.parent
#: What a study's kernel imports, and nothing else: the floor under any report made of notebooks.
IMPORTS = "import duckdb, ibis, matplotlib.figure, pandas, pydantic, yaml, IPython"
FLOOR = """
import sys, multiprocessing
def one(paths):
    import papermill
    papermill.execute_notebook(*paths, progress_bar=False, kernel_name="python3")
if __name__ == "__main__":
    source, n, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    jobs = [(source, f"{source}.{i}.ipynb") for i in range(n)]
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=1) as pool:
        pool.map(one, jobs, chunksize=1)
"""
#: A parameter of each section, and a value that moves with the round: a study is never found in the cache.
CHANGES: dict[str, Callable[[int], dict[str, object]]] = {
    "lifecycle": lambda number: {"n_months": 6 + number},
    "satisfaction": lambda number: {"recent_days": 60 + number},
    "churn": lambda number: {"horizon_days": 60 + number},
    "segmentation": lambda number: {"min_group": 20 + number},
    "value": lambda number: {"annual_discount_rate": 0.11 + number / 1000},
}
STEPS = {
    "data": "data found prepared, forkserver started beside it",
    "studies": "five studies: kernels, imports, cells, pages",
    "report": "overview, workbook, customers, key figures",
    "keep": "results kept, digests of all files",
}
PARTS = ("process, kernel", "imports, tables", "cells", "page")


class Project:
    """A copy of the project with caches of its own, so that nothing is found that an earlier session made."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", ".ipynb_checkpoints")
        for part in ("src", "notebooks", "params"):
            shutil.copytree(ROOT / part, self.root / part, ignore=ignore)
        shutil.copy(ROOT / "GLOSSARY.md", self.root)
        self.params = self.root / "params" / "demo.yaml"
        self.given = yaml.safe_load(self.params.read_text(encoding="utf-8"))

    def report(self, *words: str) -> float:
        """Make the demo report and return the seconds of the whole process."""
        return self.timed(sys.executable, "-m", "cam.cli", "report", "demo", *words)

    def timed(self, *command: str) -> float:
        """Run a command with this copy's code and return its seconds; stop if it fails."""
        code = os.environ | {"PYTHONPATH": str(self.root / "src"), "PYTHONDONTWRITEBYTECODE": ""}
        began = time.perf_counter()
        done = subprocess.run(command, cwd=self.root, env=code, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
        if done.returncode:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        # It takes minutes: what is known already is not lost if somebody ends it.
        said = f"{seconds:8.2f} s, load {os.getloadavg()[0]:.1f}  {' '.join(command[1:])}"
        print(said.splitlines()[0][:110], file=sys.stderr, flush=True)
        return seconds

    def record(self) -> dict:
        """The record of the last run."""
        return json.loads((self.root / "reports" / "demo" / "run.json").read_text(encoding="utf-8"))

    def change(self, section: str, values: dict[str, object]) -> None:
        """Write the parameters anew, with other values in one section."""
        changed = self.given | {section: self.given.get(section, {}) | values}
        self.params.write_text(yaml.safe_dump(changed, allow_unicode=True), encoding="utf-8")


def measure(folder: Path, *, rounds: int) -> str:
    """Return the tables: the whole report, its studies, and one changed parameter in each section."""
    project = Project(folder)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(IMPORTS)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    empty, script = folder / "empty.ipynb", folder / "floor.py"
    nbformat.write(notebook, empty)
    script.write_text(FLOOR)
    cores = str(len(os.sched_getaffinity(0)))
    loads = [os.getloadavg()[0]]
    project.timed(sys.executable, "-m", "compileall", "-q", "src")
    cold = project.report()
    cold_steps = project.record()["seconds"]
    whole, floor, second, imports, records = [], [], [], [], []
    for _ in range(rounds):
        floor.append(project.timed(sys.executable, str(script), str(empty), "5", cores))
        whole.append(project.report("--force"))
        records.append(project.record())
        second.append(project.report())
        imports.append(project.timed(sys.executable, "-c", IMPORTS))
        loads.append(os.getloadavg()[0])
    touched = measure_changes(project, whole, rounds=rounds)
    loads.append(os.getloadavg()[0])
    steps = [
        (f"- {told}", [record["seconds"][step] for record in records], cold_steps[step])
        for step, told in STEPS.items()
    ]
    around = [
        seconds - sum(record["seconds"].values()) for seconds, record in zip(whole, records, strict=True)
    ]
    rows = [
        ("`cam report demo --force`, whole process", whole, cold),
        *steps,
        ("- start of the process, its imports, its end", around, cold - sum(cold_steps.values())),
        ("floor: five empty notebooks with the same imports, papermill in a process each", floor, None),
        ("one process that only makes these imports", imports, None),
        ("`cam report demo`, nothing changed", second, None),
    ]
    lines = [
        f"Load before and after each round (1 minute, {cores} cores): {', '.join(f'{load:.1f}' for load in loads)}.",
        "",
        "| what | seconds | share | of the floor | the first report ever, s |",
        "|---|---:|---:|---:|---:|",
    ]
    for told, seconds, first in rows:
        ratio = statistics.median(one / other for one, other in zip(seconds, floor, strict=True))
        share = statistics.median(one / other for one, other in zip(seconds, whole, strict=True))
        part = f"{share:.1%}" if told[0] in "-`" and "nothing" not in told else ""
        told_first = "" if first is None else f"{first:.2f}"
        lines.append(f"| {told} | {statistics.median(seconds):.2f} | {part} | {ratio:.2f} | {told_first} |")
    return "\n".join(["### The whole report", "", *lines, "", *study_lines(records), "", *touched, ""])


def study_lines(records: Sequence[dict]) -> list[str]:
    """Return the table of the studies: where the seconds of each go."""
    parts: dict[str, list[list[float]]] = {name: [] for name in STUDIES}
    for record in records:
        for result in record["results"]:
            # The first two cells hold parameters, the third imports the study and opens its tables.
            _, started, ready, *_, last = cells = result["cells"]
            assert len(cells) > 3
            ends = (0.0, started, ready, last, result["seconds"])
            parts[result["name"]].append([after - before for before, after in pairwise(ends)])
    lines = [
        "### Each study, two at a time",
        "",
        f"| study | seconds | {' | '.join(PARTS)} |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, rounds in parts.items():
        each = [statistics.median(column) for column in zip(*rounds, strict=True)]
        shares = " | ".join(f"{part:.2f} ({part / sum(each):.0%})" for part in each)
        lines.append(f"| {name} | {sum(each):.2f} | {shares} |")
    return lines


def measure_changes(project: Project, whole: Sequence[float], *, rounds: int) -> list[str]:
    """Return the table of what one changed parameter in each section makes run again, and its cost."""
    lines = [
        "### One parameter changed, all else as it was",
        "",
        "| section | studies that ran again | seconds | of the whole report | the studies alone, s |",
        "|---|---|---:|---:|---:|",
    ]
    project.report()
    for section, change in CHANGES.items():
        seconds, alone = [], []
        # Two at most: the cache keeps three results of a study, and the next section needs the first again.
        for number in range(min(rounds, 2)):
            project.change(section, change(number))
            seconds.append(project.report())
            record = project.record()
            ran = [name for name in STUDIES if name not in record["kept"]]
            expected = [name for name, sections in STUDIES.items() if section in sections]
            assert ran == expected, (section, ran)
            alone.append(sum(result["seconds"] for result in record["results"] if result["name"] in ran))
        ratio = statistics.median(seconds) / statistics.median(whole)
        (key,) = change(0)
        told = ", ".join(name[:2] for name in ran)
        middle = f"{statistics.median(seconds):.2f} | {ratio:.2f} | {statistics.median(alone):.2f}"
        lines.append(f"| `{section}.{key}` | {told} | {middle} |")
    return lines
