"""What the user sees of a run: how far it is and the time left, and at the end a summary of it."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cam.report.execute import Result
    from cam.report.processes import Progress
    from cam.report.run import Outcome

#: Seconds without a line, where lines are all there is, after which the next cell gets one.
_SILENCE = 60
_STEPS = {
    "data": "data",
    "studies": "studies",
    "report": "overview and files",
    "keep": "keeping",
    "pdf": "PDF",
}
#: Characters of a name that a narrow terminal keeps, and those between two columns.
_LEAST, _GAP = 6, 3
_ENDS = {"done": "done", "failed": "failed", "timeout": "out of time"}
#: What a reader opens first comes first; a report need not hold all of it.
_FILES = ("index.html", "*.pdf", "workbook.xlsx", "customers.parquet", "key_figures.csv")


@contextmanager
def show_progress(client: str) -> Iterator[Progress]:
    """Show how far a run is: bars on a terminal, elsewhere a line for each study's begin and end.

    Parameters
    ----------
    client : str
        The client's id; how long its studies took last time tells the time left.

    Yields
    ------
    callable
        To be told what happens, as :data:`cam.report.processes.Progress`.
    """
    watch = _Watch(client)
    if sys.stderr.isatty():
        with _bars(watch) as told:
            yield told
    else:
        yield _lines(watch)


class _Study:
    """What has been told of one study."""

    def __init__(self) -> None:
        self.state = "waiting"
        self.began = self.at = self.seconds = 0.0
        self.done = self.total = 0


class _Watch:
    """What has been told of a run, and the time left by how long its studies took last time."""

    def __init__(self, client: str) -> None:
        from cam.report.pace import read_paces

        self.began = self.ended = time.monotonic()
        self.studies: dict[str, _Study] = {}
        self.paces, self.report = read_paces(client)

    def told(self, name: str, state: str, done: int, total: int) -> None:
        """Take in what happened."""
        now = time.monotonic()
        study = self.studies.setdefault(name, _Study())
        if state == "running" and not total:
            study.began = study.at = now
        elif total:
            study.done, study.total, study.at = done, total, now
        elif state != "waiting":
            self.ended = now
            study.seconds = now - study.began
        study.state = state

    def of(self, *states: str) -> list[str]:
        """The studies of which one of these was told last."""
        return [name for name, study in self.studies.items() if study.state in states]

    def left(self, name: str) -> float | None:
        """Seconds that a running study still needs, where it is known."""
        study, pace = self.studies[name], self.paces.get(name)
        if pace is None or study.state != "running":
            return None
        at, elapsed = study.at - study.began, time.monotonic() - study.began
        return pace.left(study.done, study.total, at=at, elapsed=elapsed)

    def all_left(self) -> float | None:
        """Seconds until the report is there, where it is known."""
        from cam.report.pace import all_left
        from cam.report.processes import at_once

        known = {name: study for name, study in self.studies.items() if name in self.paces}
        ended = {name: study.seconds for name, study in known.items() if study.state == "done"}
        # The machine is as fast as it was in what has ended, but the first seconds alone do not say that.
        slack = sum(self.paces[name].seconds for name in known) / 10 or 1.0
        slower = (sum(ended.values()) + slack) / (sum(self.paces[name].seconds for name in ended) + slack)
        waiting = [
            self.paces[name].seconds * slower if name in self.paces else None for name in self.of("waiting")
        ]
        left = all_left([self.left(name) for name in self.of("running")], waiting, at_once=at_once())
        if left is None or self.report is None:
            return None
        left += self.report * slower
        return left if self.of("waiting", "running") else max(left - (time.monotonic() - self.ended), 0.0)


def _lines(watch: _Watch) -> Progress:
    from cam.report.processes import NOTE

    last = watch.began

    def told(study: str, state: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if study == NOTE:
            print(state, file=sys.stderr, flush=True)
            return
        if study:
            watch.told(study, state, done, total)
        if state == "waiting" or (total and now - last < _SILENCE):
            return
        last = now
        said = f"{study}: {state}" if study else state
        if total:
            said += f", {done} of {total} cells"
        left = watch.all_left() if study else None
        if left:
            said += f"; about {_rounded(left)} left"
        print(f"{now - watch.began:6.1f} s  {said}", file=sys.stderr, flush=True)

    return told


def _rounded(seconds: float) -> str:
    """Seconds as one says them when they are a guess.

    Examples
    --------
    >>> [_rounded(seconds) for seconds in (3, 41, 200, 5000)]
    ['10 s', '50 s', '3 min', '1.4 h']
    """
    if seconds <= 90:
        return f"{math.ceil(seconds / 10) * 10} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


@contextmanager
def _bars(watch: _Watch) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
    from rich.text import Text

    from cam.report.processes import NOTE

    class Left(ProgressColumn):
        def render(self, task: Task) -> Text:
            name = task.fields["study"]
            left = watch.left(name) if name else watch.all_left() if watch.studies else None
            return Text(f"about {_rounded(left)} left" if left and not task.finished else "")

    columns = (
        TextColumn("{task.description:<20}"),
        BarColumn(20),
        TextColumn("{task.fields[state]:<10}"),
        TimeElapsedColumn(),
        Left(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        whole = bars.add_task("", total=None, state="", study="")
        tasks: dict[str, Any] = {}

        def told(study: str, state: str, done: int, total: int) -> None:
            if study == NOTE:
                bars.console.print(state, markup=False, highlight=False, soft_wrap=True)
                return
            if not study:
                bars.update(whole, description=state, state="")
                return
            watch.told(study, state, done, total)
            if study not in tasks and state != "waiting":
                tasks[study] = bars.add_task(study, total=None, state="", study=study)
            if total:
                pace = watch.paces.get(study)
                if pace and len(pace.cells) == total:  # a bar of seconds, where they are known
                    bars.update(tasks[study], total=pace.seconds, completed=pace.cells[done - 1])
                else:
                    bars.update(tasks[study], total=total, completed=done)
                bars.update(tasks[study], state=f"{done} of {total}")
            elif state == "running":
                bars.update(tasks[study], state=state)
            elif state == "waiting" and study in tasks:  # it has begun, and will again
                bars.update(tasks[study], total=None, completed=0, state=state)
            elif study in tasks:
                bars.update(tasks[study], total=1, completed=1, state=state)
            n, over = len(watch.studies), len(watch.studies) - len(watch.of("waiting", "running"))
            # One more, for the report is not there yet when the last study is.
            bars.update(whole, description="studies", total=n + 1, completed=over, state=f"{over} of {n}")

        yield told


def show_outcome(outcome: Outcome, shown: Callable[[Path], str]) -> None:
    """Print how a run ended: a table of its studies, what they warned of, the time it took, and the files.

    Parameters
    ----------
    outcome : Outcome
        From :func:`cam.report.run.run_report`.
    shown : callable
        How a path is written.
    """
    place = outcome.folder
    if outcome.is_unchanged:
        print(f"Nothing has changed since the report in {shown(place)} was made: ", end="")
        print("data, parameters and code are the same.\n  --force runs every study again.")
        return
    _print_table(
        ("Study", "Result", "Seconds", "Findings", "Warnings"),
        [_row(result, is_kept=result.name in outcome.kept) for result in outcome.results],
    )
    for result in outcome.results:
        if result.status != "done":
            said = "\n      ".join(result.message.splitlines()[:3])
            print(f"{result.name} {_ENDS[result.status]}: {said}", file=sys.stderr, flush=True)
        if result.warnings:
            print(f"{result.name} warned: {_first_words(result.warnings[0])}")
            print(f"  in full in {shown(place / 'notebooks')}/{result.name}.ipynb, and in run.json")
    whole = sum(outcome.seconds.values())
    shares = (f"{_STEPS[step]} {seconds / whole:.0%}" for step, seconds in outcome.seconds.items())
    print(f"Time: {whole:.1f} s ({', '.join(shares)})")
    for path in (path for pattern in _FILES for path in sorted(place.glob(pattern))):
        print(f"{'Report:' if path.name == 'index.html' else '':<8}{shown(path)}")
    if outcome.gone:
        words = "no longer in the report: what they were made from has changed, and they were not asked for."
        print(f"{', '.join(outcome.gone)}: {words}\n  Without --study they are made again.")
    if any(result.status != "done" for result in outcome.results):
        print("The other studies are in the report; the page of one that failed says why.", file=sys.stderr)


def _row(result: Result, *, is_kept: bool) -> tuple[str, ...]:
    is_done = result.status == "done"
    return (
        result.name,
        "unchanged, kept" if is_done and is_kept else _ENDS[result.status],
        f"{result.seconds:.1f}",
        str(result.findings) if is_done else "",
        str(len(result.warnings)),
    )


def _first_words(warning: str) -> str:
    r"""The first line of a warning, without the place in the code, as far as a line holds it.

    Examples
    --------
    >>> _first_words("/usr/x.py:12: UserWarning: too few\n  fit()")
    'UserWarning: too few'
    """
    line = re.sub(r"^(\S+\.py|cell):\d+: ", "", warning.split("\n", 1)[0])
    return line if len(line) <= 52 else line[:51] + "…"


def show_clients(ends: Sequence[tuple[str, str, float]]) -> None:
    """Print how each client's report ended.

    Parameters
    ----------
    ends : sequence of (client, how it ended, seconds)
        In order.
    """
    _print_table(
        ("Client", "Result", "Seconds"),
        [(client, end, f"{seconds:.1f}") for client, end, seconds in ends],
    )


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table whose columns from the third on are numbers."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    if sys.stdout.isatty():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table

        console = Console(markup=False, highlight=False)
        # A narrow terminal has the names cut first, then the last numbers left out; how it ended goes over two lines.
        while (room := console.width - _GAP * len(widths) - sum(widths[1:])) < _LEAST and len(widths) > 3:
            widths.pop()
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for number, name in enumerate(head[: len(widths)]):
            table.add_column(
                name,
                justify="left" if number < 2 else "right",
                width=min(widths[0], max(room, _LEAST)) if number == 0 else None,
                no_wrap=number != 1,
                overflow="fold" if number == 1 else "ellipsis",
            )
        for row in rows:
            table.add_row(*row[: len(widths)])
        console.print(table)
        return
    for row in (head, *rows):
        cells = (
            f"{text:<{width}}" if number < 2 else f"{text:>{width}}"
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip())
