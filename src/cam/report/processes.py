"""Processes of a run: one per study, forked from a server that has imported the heavy libraries once."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from cam.report.execute import Job, Result, execute

#: Called with (study, what happens, cells done, all cells).
Progress = Callable[[str, str, int, int], None]


def _context() -> Any:
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def warm_up() -> None:
    """Let a server process import the heavy libraries once, while the data are read; notebooks fork from it."""
    context = _context()
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        context.set_forkserver_preload(["papermill", "nbconvert", "cam.report.execute", "cam.report.render"])
        forkserver.ensure_running()


def run_jobs(jobs: Sequence[Job], *, timeout: float, progress: Progress) -> list[Result]:
    """Run every job in a process of its own, as many at once as there are cores."""
    context = _context()
    waiting = list(jobs)
    running: dict[Connection, tuple[Job, Any, float]] = {}
    results: list[Result] = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        while waiting or running:
            while waiting and len(running) < cores:
                job = waiting.pop(0)
                job.folder.mkdir(parents=True, exist_ok=True)
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=execute, args=(job, there), name=job.name, daemon=True)
                process.start()
                there.close()
                running[here] = (job, process, time.monotonic())
                progress(job.name, "running", 0, 0)
            for channel in wait(list(running), timeout=0.2):
                assert isinstance(channel, Connection)
                job, process, _ = running[channel]
                result = _hear(channel, job, process, progress)
                if result:
                    results.append(result)
                    del running[channel]
            for channel, (job, process, began) in list(running.items()):
                if time.monotonic() - began > timeout:
                    _end(process)
                    message = f"ran longer than {timeout:g} s and was stopped (--timeout)"
                    results.append(Result(job.name, "timeout", message, time.monotonic() - began, 0))
                    progress(job.name, "timeout", 0, 0)
                    del running[channel]
    finally:
        for _job, process, _began in running.values():
            _end(process)
    order = {job.name: place for place, job in enumerate(jobs)}
    return sorted(results, key=lambda result: order[result.name])


def _hear(channel: Connection, job: Job, process: Any, progress: Progress) -> Result | None:
    try:
        said = channel.recv()
    except EOFError:
        process.join()
        said = Result(
            job.name, "failed", f"its process ended without a word (exit {process.exitcode})", 0.0, 0
        )
    if isinstance(said, Result):
        process.join(timeout=10)
        progress(job.name, said.status, 0, 0)
        return said
    progress(job.name, "running", *said)
    return None


def _end(process: Any) -> None:
    process.terminate()
    process.join(timeout=5)
    if process.is_alive():
        process.kill()
        process.join()


class Aside:
    """A function at work in a process of its own, beside this one.

    Parameters
    ----------
    function : callable
        At the top level of a module.
    *args
        What it is given; both must be picklable.
    """

    def __init__(self, function: Callable[..., None], *args: Any) -> None:
        self._here, there = _context().Pipe(duplex=False)
        self._process = _context().Process(target=_call, args=(there, function, args), daemon=True)
        self._process.start()
        there.close()

    def finish(self) -> None:
        """Wait for the end; what it raised is raised here."""
        try:
            error = self._here.recv()
        except EOFError:
            error = RuntimeError(
                f"a process of this run ended without a word (exit {self._process.exitcode})"
            )
        self._process.join()
        if error:
            raise error


def _call(channel: Connection, function: Callable[..., None], args: tuple[Any, ...]) -> None:
    try:
        function(*args)
    except Exception as error:
        channel.send(error)
    else:
        channel.send(None)
