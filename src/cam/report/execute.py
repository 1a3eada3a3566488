"""One notebook in one process: papermill runs it, and what it leaves is the same bytes every time."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

from cam.errors import EngineError, NotReachedError
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
        ``done``, ``failed``, ``timeout``, ``no room`` (the disk is full or not writable), ``no engine`` (that of
        the client's data was lost) or ``not reached`` (it gave no connection).
    message : str
        What went wrong, in one line; empty where nothing did.
    seconds : float
        Wall-clock time.
    warnings : tuple of str, optional
        What its cells wrote to the error stream, which no page shows; one text per cell.
    findings : int, optional
        How many findings it left.
    cells : tuple of float, optional
        When each code cell was done, in seconds from the start: what the next run tells the time left by.
    """

    name: str
    status: Literal["done", "failed", "timeout", "no room", "no engine", "not reached"]
    message: str
    seconds: float
    warnings: tuple[str, ...] = ()
    findings: int = 0
    cells: tuple[float, ...] = ()


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
    # What a kernel leaves in the temporary folder, even one that is killed while its engine spills, goes with the run.
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"), MPLBACKEND="agg", TMPDIR=str(sockets))
    began = time.monotonic()
    status: Literal["done", "failed", "no room", "no engine", "not reached"] = "done"
    message, cells = "", list[float]()

    def told(total: int) -> None:
        cells.append(round(time.monotonic() - began, 2))
        channel.send((len(cells), total))

    try:
        if job.parameters is not None:
            _papermill(job, job.parameters, told, sockets)
        write_page(job)
    except Exception as error:  # whatever ends a notebook is told, never thrown at the user
        message = _message(error)
        status = "no room" if is_no_room(error) else "failed"
        name = getattr(error, "ename", "")
        if name in {EngineError.__name__, NotReachedError.__name__}:
            status = "no engine" if name == EngineError.__name__ else "not reached"
            message = message.removeprefix(f"{name}: ")
    seconds, said = time.monotonic() - began, _left(job)
    channel.send(Result(job.name, status, message, seconds, *said, cells=tuple(cells)))
    channel.close()


def _left(job: Job) -> tuple[tuple[str, ...], int]:
    """The warnings of an executed notebook and the number of its findings; none where it did not come to them."""
    warnings, findings = tuple[str, ...](), 0
    with suppress(OSError, ValueError):
        cells = json.loads((job.folder / f"{job.name}.ipynb").read_text(encoding="utf-8"))["cells"]
        written = [output for cell in cells for output in cell.get("outputs", ())]
        warnings = tuple("".join(each["text"]).strip() for each in written if each.get("name") == "stderr")
        findings = len(json.loads((job.folder / f"{job.name}.findings.json").read_text("utf-8"))["findings"])
    return warnings, findings


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


def _papermill(job: Job, parameters: Mapping[str, Any], told: Callable[[int], None], sockets: Path) -> None:
    import logging

    import nbformat
    import papermill
    from traitlets.config import Config

    from cam.report.normalise import normalise

    logging.getLogger("papermill").setLevel(logging.ERROR)
    target = job.folder / f"{job.name}.ipynb"
    cells = nbformat.read(job.notebook, as_version=4).cells
    total = 1 + sum(
        cell.cell_type == "code" and bool(cell.source.strip()) for cell in cells
    )  # 1: what is injected

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
            on_cell_executed=lambda **_: told(total),  # "complete" comes when a cell has been sent
        )
    finally:
        if target.is_file():
            executed = nbformat.read(target, as_version=4)
            for cell in executed.cells:
                if "injected-parameters" in cell.metadata.get("tags", ()):
                    # The runner's own folder is of this run and this machine.
                    cell.source = re.sub(r"(?m)^run = .*$", "run = {}", cell.source)
            text = nbformat.writes(normalise(executed)) + "\n"
            target.write_text(text, encoding="utf-8", newline="\n")


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
