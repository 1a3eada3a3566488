"""Processes of a run: one per study, forked from a server that has imported the heavy libraries once."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from cam.errors import StudyError
from cam.report.execute import Job, Result, begin_worker, execute

#: Called with (study, what happens, code cells done, all code cells); what concerns no study has no name.
Progress = Callable[[str, str, int, int], None]
#: In place of a study's name: the words are a sentence that stays on the screen.
NOTE = "!"


def _context() -> Any:
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def warm_up() -> None:
    """Let a server process import the heavy libraries once, while the data are read; notebooks fork from it."""
    context = _context()
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        context.set_forkserver_preload(["papermill", "nbconvert", "cam.report.execute", "cam.report.render"])
        with _out_of_sight():
            forkserver.ensure_running()


@contextmanager
def _out_of_sight() -> Iterator[None]:
    """Let the server, and all that fork from it, ignore Ctrl-C from their first moment and write to nobody.

    A kernel that is told to end complains on the error stream, and a server that still imports would hold a pipe
    open to which this process writes no more. What goes wrong comes back as a Result.
    """
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if is_main else None
    nowhere, kept = os.open(os.devnull, os.O_WRONLY), [os.dup(1), os.dup(2)]
    try:
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        yield
    finally:
        for stream, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, stream)
        for left in (nowhere, *kept):
            os.close(left)
        if is_main:
            signal.signal(signal.SIGINT, handler)


def at_once() -> int:
    """How many studies run at the same time: one per core."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(
    jobs: Sequence[Job], *, timeout: float, progress: Progress, most: int | None = None
) -> list[Result]:
    """Run every job in a process of its own, as many at once as there are cores, or at *most*, or connections."""
    context = _context()
    put_off = set[str]()
    waiting = list(jobs)
    running: dict[Connection, tuple[Job, Any, float]] = {}
    results: list[Result] = []
    cores = min(at_once(), most or at_once())
    for job in jobs:
        if job.parameters is not None:
            progress(job.name, "waiting", 0, 0)
    # A socket's path may hold about 100 characters; the system's temporary folder is short.
    sockets = tempfile.TemporaryDirectory(prefix="cam-", ignore_cleanup_errors=True)
    try:
        while waiting or running:
            while waiting and len(running) < cores:
                job = waiting.pop(0)
                job.folder.mkdir(parents=True, exist_ok=True)
                here, there = context.Pipe(duplex=False)
                args = (job, there, Path(sockets.name))
                process = context.Process(target=execute, args=args, name=job.name, daemon=True)
                process.start()
                there.close()
                running[here] = (job, process, time.monotonic())
                if job.parameters is not None:
                    progress(job.name, "running", 0, 0)
            for channel in wait(list(running), timeout=0.2):
                assert isinstance(channel, Connection)
                job = running[channel][0]
                result = _hear(channel, *running[channel], progress)
                if not result:
                    continue
                del running[channel]
                if result.status == "not reached" and (running or job.name not in put_off):
                    if not put_off:
                        progress(
                            NOTE, f"{result.message} It is tried again once another study has ended.", 0, 0
                        )
                    put_off.add(job.name)
                    cores = max(1, min(cores, len(running)))
                    shutil.rmtree(job.folder, ignore_errors=True)
                    waiting.append(job)
                    progress(job.name, "waiting", 0, 0)
                    continue
                if result.status == "not reached":
                    result = replace(result, status="no engine")
                if (
                    result.status == "no engine"
                ):  # nor would the others find it; the same command goes on from here
                    waiting.clear()
                results.append(result)
                is_kept = job.parameters is None and result.status == "done"
                progress(job.name, "unchanged" if is_kept else result.status, 0, 0)
            for channel, (job, process, began) in list(running.items()):
                if time.monotonic() - began > timeout:
                    _end([process])
                    message = f"ran longer than {timeout:g} s and was stopped (--timeout)"
                    results.append(Result(job.name, "timeout", message, time.monotonic() - began))
                    progress(job.name, "timeout", 0, 0)
                    del running[channel]
    finally:
        _end([process for _job, process, _began in running.values()])
        if running or any(result.status == "timeout" for result in results):
            _end_kernels(sockets.name)
        sockets.cleanup()
    order = {job.name: place for place, job in enumerate(jobs)}
    return sorted(results, key=lambda result: order[result.name])


def _hear(channel: Connection, job: Job, process: Any, began: float, progress: Progress) -> Result | None:
    """What a process says: of a cell, or its last word."""
    try:
        said = channel.recv()
    except (EOFError, OSError):
        said = Result(job.name, "failed", _last_word(process), time.monotonic() - began)
    if isinstance(said, Result):
        process.join(timeout=10)
        return said
    progress(job.name, "running", *said)
    return None


def _last_word(process: Any) -> str:
    process.join()
    if process.exitcode == -9:
        return "its process was killed (signal 9); often that is a lack of memory"
    return f"its process ended without a word (exit {process.exitcode})"


def _end(processes: Sequence[Any]) -> None:
    """End processes together; each ends its kernel first."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(timeout=5)
        if process.is_alive():
            process.kill()
            process.join()


def _end_kernels(sockets: str) -> None:
    """End kernels that outlived their processes, as one that still starts does: it would make its folder anew."""
    import psutil  # here, because a run that ends by itself leaves none

    left = [process for process in psutil.process_iter(["cmdline"]) if sockets in " ".join(_words(process))]
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def _words(process: Any) -> list[str]:
    return process.info["cmdline"] or []  # None where it is not ours to look at


class Aside:
    """A function at work in a process of its own, beside the block that opens it, which waits for its end.

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

    def __enter__(self) -> Aside:
        """Leave it at work."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the end, and raise what it raised; where the block failed, end it."""
        if kind:
            _end([self._process])
            return
        try:
            error = self._here.recv()
        except (EOFError, OSError):
            error = StudyError(f"the pages could not be written: {_last_word(self._process)}")
        self._process.join()
        if error:
            raise error


def _call(channel: Connection, function: Callable[..., None], args: tuple[Any, ...]) -> None:
    begin_worker()
    try:
        function(*args)
    except Exception as error:
        channel.send(error)
    else:
        channel.send(None)
