"""One notebook in one process: papermill runs it, and what it leaves is the same bytes every time."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

from cam.report.page import Page
from cam.report.publish import is_no_room

#: Libraries that spread one sum over threads give other last bits on other machines.
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclass(frozen=True, slots=True)
class Job:
    """One study: its notebook to run, and its page to render.

    Attributes
    ----------
    name : str
        The notebook's name.
    notebook : Path
        The source, never written to.
    parameters : Mapping or None
        Sections to inject, plain JSON; None where the executed notebook is there already.
    folder : Path
        Where the executed notebook, the page and what the study leaves go.
    tables : Path
        The client's prepared tables.
    page : Page
        What surrounds the text of its page.
    """

    name: str
    notebook: Path
    parameters: Mapping[str, Any] | None
    folder: Path
    tables: Path
    page: Page


@dataclass(frozen=True, slots=True)
class Result:
    """How a study ended.

    Attributes
    ----------
    name : str
        The notebook's name.
    status : str
        ``done``, ``failed``, ``timeout`` or ``no room`` (the disk is full or not writable).
    message : str
        What went wrong, in one line; empty where nothing did.
    seconds : float
        Wall-clock time.
    warnings : int
        Cells that wrote to the error stream, which no page shows.
    """

    name: str
    status: Literal["done", "failed", "timeout", "no room"]
    message: str
    seconds: float
    warnings: int


def execute(job: Job, channel: Connection, sockets: Path) -> None:
    """Run a notebook and render its page; tell *channel* ``(done cells, all cells)``, and a Result at the end.

    Parameters
    ----------
    job : Job
        What to run.
    channel : Connection
        To the process that waits.
    sockets : Path
        A folder of this run alone, with a short name.
    """
    begin_worker()
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"), MPLBACKEND="agg")
    began = time.monotonic()
    status: Literal["done", "failed", "timeout", "no room"] = "done"
    message, warnings = "", 0
    try:
        if job.parameters is not None:
            warnings = _papermill(job, job.parameters, channel, sockets)
        write_page(job)
    except Exception as error:  # whatever ends a notebook is told, never thrown at the user
        message = _message(error)
        status = "no room" if is_no_room(error) else "failed"
    channel.send(Result(job.name, status, message, time.monotonic() - began, warnings))
    channel.close()


def write_page(job: Job) -> None:
    """Render the page of an executed notebook.

    Parameters
    ----------
    job : Job
        Its folder holds the executed notebook.

    Raises
    ------
    StudyError
        If the notebook holds what a page cannot show.
    """
    import nbformat

    from cam.language import translate, use
    from cam.report.render import render_page

    use(job.page.language)
    notebook = nbformat.read(job.folder / f"{job.name}.ipynb", as_version=4)
    html = render_page(notebook, job.page, translate=translate)
    (job.folder / f"{job.name}.html").write_text(html, encoding="utf-8", newline="\n")


def _papermill(job: Job, parameters: Mapping[str, Any], channel: Connection, sockets: Path) -> int:
    import logging

    import nbformat
    import papermill
    from traitlets.config import Config

    from cam.report.render import normalise

    logging.getLogger("papermill").setLevel(logging.ERROR)
    target = job.folder / f"{job.name}.ipynb"
    total = len(nbformat.read(job.notebook, as_version=4).cells)

    def told(cell: Any, cell_index: int, **_: Any) -> None:
        channel.send((cell_index + 1, total))

    config = Config()
    config.KernelManager.connection_file = str(sockets / f"{job.name[:2]}.json")
    if os.name == "posix":
        # No ports: parallel kernels cannot clash, and nothing listens on the network.
        config.KernelManager.transport = "ipc"
        config.KernelManager.ip = str(sockets / job.name[:2])
    try:
        papermill.execute_notebook(
            str(job.notebook),
            str(target),
            parameters={**parameters, "run": {"folder": str(job.folder), "tables": str(job.tables)}},
            kernel_name="python3",
            progress_bar=False,
            config=config,
            on_cell_complete=told,
        )
    finally:
        if target.is_file():
            executed = nbformat.read(target, as_version=4)
            for cell in executed.cells:
                if "injected-parameters" in cell.metadata.get("tags", ()):
                    # The runner's own folder is of this run and this machine.
                    cell.source = re.sub(r"(?m)^run = .*$", "run = {}", cell.source)
            warnings = sum(
                output.get("name") == "stderr"
                for cell in executed.cells
                for output in cell.get("outputs", ())
            )
            text = nbformat.writes(normalise(executed)) + "\n"
            target.write_text(text, encoding="utf-8", newline="\n")
    return warnings


def _message(error: Exception) -> str:
    if type(error).__name__ == "DeadKernelError":
        return "the process of its notebook died while a cell ran; often that is a lack of memory"
    name, value = getattr(error, "ename", ""), getattr(error, "evalue", "")
    text = f"{name}: {value}" if name else f"{type(error).__name__}: {error}"
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return text.strip()[:2000]


def begin_worker() -> None:
    """Leave Ctrl-C to the main process, and end, kernel and all, when that is killed and cannot say so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
