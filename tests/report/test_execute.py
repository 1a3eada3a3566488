"""One notebook in one process: what it leaves, and what is told of its end."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from papermill.exceptions import PapermillExecutionError
from report.house import build

from cam.errors import StudyError
from cam.report.execute import Job, _message
from cam.report.page import Page
from cam.report.processes import Aside, run_jobs

PAGE = Page("Acme", "en", "2024", "2024-04-30", (("index.html", "Overview"),), "01_segmentation.html")
GIVEN = {"client": {"id": "acme"}, "data": {}, "segmentation": {"n_bins": 4}}


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    house = build(tmp_path / "project")
    return house.notebook(
        "01_segmentation", "import sys, time; time.sleep(0.5); print('careful', file=sys.stderr); 1 + 1"
    )


def job(notebook: Path, folder: Path) -> Job:
    return Job("01_segmentation", notebook, GIVEN, folder, folder / "tables", PAGE)


def test_it_leaves_the_notebook_without_a_trace_of_the_run(notebook: Path, tmp_path: Path) -> None:
    told: list[tuple[str, str, int, int]] = []
    texts = []
    for number in (1, 2):
        folder = tmp_path / f"run {number}"
        (result,) = run_jobs([job(notebook, folder)], timeout=60, progress=lambda *said: told.append(said))
        assert (result.status, result.message, result.warnings) == ("done", "", ("careful",))
        assert result.findings == 1
        # The cells of its code and what was injected; each ends after the one before it.
        assert len(result.cells) == 4 and sorted(result.cells) == list(result.cells)
        assert result.cells[2] - result.cells[1] > 0.5 and result.cells[-1] < result.seconds
        texts.append(
            (folder / "01_segmentation.ipynb").read_text() + (folder / "01_segmentation.html").read_text()
        )
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]
    executed = nbformat.read(tmp_path / "run 1" / "01_segmentation.ipynb", as_version=4)
    (injected,) = [cell for cell in executed.cells if "injected-parameters" in cell.metadata.get("tags", ())]
    assert "run = {}" in injected.source and 'segmentation = {"n_bins": 4}' in injected.source
    assert told[:2] == [("01_segmentation", "waiting", 0, 0), ("01_segmentation", "running", 0, 0)]
    assert told[-1] == ("01_segmentation", "done", 0, 0)
    assert ("01_segmentation", "running", 4, 4) in told  # code cells, of all of them


def test_a_page_that_cannot_be_rendered_is_a_study_that_failed(notebook: Path, tmp_path: Path) -> None:
    (result,) = run_jobs(
        [Job("01_segmentation", notebook, None, tmp_path / "empty", tmp_path, PAGE)],
        timeout=60,
        progress=lambda *_: None,
    )
    assert result.status == "failed" and "01_segmentation.ipynb" in result.message


def test_the_message_is_the_notebooks_own() -> None:
    error = PapermillExecutionError(
        cell_index=2,
        exec_count=3,
        source="x",
        ename="DataError",
        evalue="\x1b[31mtransactions\x1b[0m: none",
        traceback=["…"],
    )
    assert _message(error) == "DataError: transactions: none"
    assert _message(ValueError("y")) == "ValueError: y"


def write_text(path: Path, text: str) -> None:
    path.write_text(text)


def test_work_beside_is_waited_for_and_its_fault_comes_back(tmp_path: Path) -> None:
    with Aside(write_text, tmp_path / "a", "done"):
        pass
    assert (tmp_path / "a").read_text() == "done"
    with pytest.raises(IsADirectoryError), Aside(write_text, tmp_path, "x"):
        pass


def end_at_once() -> None:
    import os

    os._exit(7)


def test_work_beside_that_dies_is_told() -> None:
    with (
        pytest.raises(StudyError, match=r"the pages could not be written: .* \(exit 7\)"),
        Aside(end_at_once),
    ):
        pass


def wait_long() -> None:
    import time

    time.sleep(600)


def test_work_beside_ends_with_the_block_that_failed() -> None:
    aside = Aside(wait_long)
    with pytest.raises(KeyboardInterrupt), aside:
        raise KeyboardInterrupt
    assert not aside._process.is_alive()
