"""The five notebooks: the same order in all, thin cells, no outputs, and they run with nothing injected."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from cam.params import SECTIONS
from cam.project import project_root
from cam.studies.client import STUDIES

ROOT = project_root()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def tagged(notebook, tag):
    return [index for index, cell in enumerate(notebook.cells) if tag in cell.metadata.get("tags", ())]


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def test_the_five_studies_are_there():
    assert [path.stem for path in NOTEBOOKS] == list(STUDIES)


def test_committed_without_outputs(notebook):
    assert all(not cell.outputs and cell.execution_count is None for cell in code(notebook))


def test_opens_with_a_question_and_what_the_report_decides(notebook):
    lines = notebook.cells[0].source.splitlines()
    assert lines[0].startswith("# ") and lines[0].endswith("?")
    assert 3 <= sum(line.startswith("- ") for line in lines) <= 5


def test_order(notebook):
    places = [
        *tagged(notebook, "parameters"),
        *tagged(notebook, "setup"),
        *tagged(notebook, "findings"),
        *tagged(notebook, "key-figures"),
        *tagged(notebook, "provenance"),
        tagged(notebook, "exercise")[0],
        tagged(notebook, "solution")[0],
    ]
    assert len(places) == 7 and places == sorted(places)
    headings = [
        line for cell in prose(notebook) for line in cell.source.splitlines() if line.startswith("## ")
    ]
    wanted = [
        "## The data",
        "## Findings",
        "## What this does not tell you",
        "## Key figures",
        "## Provenance",
    ]
    found = [heading for heading in headings if heading in wanted]
    assert found == wanted
    assert headings[-1] == "## References"


def test_the_parameters_cell_names_every_section_and_nothing_else(notebook):
    (place,) = tagged(notebook, "parameters")
    tree = ast.parse(notebook.cells[place].source)
    names = [node.target.id for node in tree.body]
    assert names == [*SECTIONS, "run"]
    assert all(
        ast.unparse(node.value) == "{}" and ast.unparse(node.annotation) == "dict" for node in tree.body
    )


def test_setup_starts_the_study_of_its_own_name(notebook, request):
    (place,) = tagged(notebook, "setup")
    name = request.node.callspec.id
    assert f'study = start("{name}", globals())' in notebook.cells[place].source


def test_cells_are_thin(notebook):
    for cell in code(notebook):
        tree = ast.parse(cell.source)
        imports = sum(
            (node.end_lineno or 0) - node.lineno + 1
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
        )
        assert len(cell.source.splitlines()) - imports <= 10, cell.source
        forbidden = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.With, ast.Lambda)
        assert not [node for node in ast.walk(tree) if isinstance(node, forbidden)], cell.source
        assert not re.search(r"print\(|\.merge\(|filterwarnings|open\(|Path\(|/home|\\\\", cell.source), (
            cell.source
        )


def test_no_number_from_the_data_is_typed_into_prose(notebook):
    """Years of references, formulas, and 0 to 10 of a scale may stand; a per cent or an amount may not."""
    # An exercise invents its numbers, and a reference has a year.
    body = [
        cell.source
        for cell in prose(notebook)
        if not cell.source.startswith("## References")
        and not {"exercise", "solution"} & {*cell.metadata.get("tags", ())}
    ]
    for text in body:
        text = re.sub(r"\$.*?\$|`.*?`", "", text, flags=re.DOTALL).replace("95 %", "")
        assert not re.search(r"\d[\d,.]*\s?%|[¥$€]\s?\d|\d{1,3},\d{3}", text), text


def test_ids_are_unique(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_top_to_bottom_with_nothing_injected(path, tmp_path):
    """As in JupyterLab: from ``notebooks/``, cell by cell, showing the demo client. nbval fails on any error."""
    copy = tmp_path / path.name
    shutil.copyfile(path, copy)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--nbval-lax",
            "--nbval-current-env",
            str(copy),
        ],
        cwd=ROOT / "notebooks",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def papermill(folder: Path, notebook: Path, params: Path) -> list[str]:
    out = folder / "out.ipynb"
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(notebook),
        str(out),
        "-f",
        str(params),
        "--no-progress-bar",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return [str(done.returncode), done.stdout + done.stderr]


def test_plain_papermill_works_from_anywhere(tmp_path):
    code_, text = papermill(tmp_path, NOTEBOOKS[0], ROOT / "params" / "cdnow.yaml")
    assert code_ == "0", text
    figures = (ROOT / "reports" / "plain" / "cdnow" / "01_segmentation.csv").read_text()
    assert "cdnow,1998-06-30,01_segmentation,n_customers,,23570,,,23570,count" in figures
    assert "cdnow,1998-06-30,01_segmentation,revenue,,2500315.63,,,69659,USD" in figures


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("segmentaton: {n_bins: 4}\n", "segmentaton: no such section"),
        ("client: {id: x}\n", "data is missing"),
        ("data: {transactions: {path: a.csv}}\nsegmentation: {n_bin: 3}\n", "did you mean n_bins?"),
    ],
)
def test_plain_papermill_stops_on_what_is_no_parameter(tmp_path, text, said):
    params = tmp_path / "wrong.yaml"
    params.write_text(text)
    code_, output = papermill(tmp_path, NOTEBOOKS[0], params)
    assert code_ == "1" and said in output


def test_a_notebook_may_be_the_first_to_read_the_data(tmp_path):
    code = (
        f"from pathlib import Path; from cam.data.engine import workspace; workspace(Path({str(tmp_path)!r}))"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3").execute()  # raises what the cell raises
