"""A notebook without what differs between two runs: times, counters, ids, numbers of processes."""

from __future__ import annotations

import copy

from nbformat.v4 import new_notebook, new_output
from report.test_render import a_notebook, code

from cam.report.normalise import normalise


def test_normalise_takes_out_what_differs_between_runs() -> None:
    first, second = a_notebook(), a_notebook()
    second.metadata["papermill"] = {"start_time": "later"}
    for cell in second.cells:
        cell.id = "x" + cell.id
        cell.metadata["execution"] = {"iopub.execute_input": "2026-11-21T10:00:00"}
        if cell.cell_type == "code":
            cell.execution_count = 9
            for output in cell.outputs:
                if "text/plain" in output.get("data", {}):
                    output.data["text/plain"] = "<Axes: at 0x9999>"
    assert normalise(first) == normalise(second)
    assert normalise(first).metadata.kernelspec.name == "python3"
    assert normalise(first).cells[1].metadata.tags == ["parameters"]


def test_normalise_is_idempotent_and_leaves_its_input_alone() -> None:
    notebook = a_notebook()
    before = copy.deepcopy(notebook)
    once = normalise(notebook)
    assert notebook == before
    assert normalise(once) == once


def test_normalise_keeps_descriptions_and_warnings() -> None:
    cell = normalise(a_notebook()).cells[10]
    about = cell.outputs[0].metadata["image/svg+xml"]
    assert about == {"alt": 'A line "falls"', "caption": "Source: orders"}
    assert cell.outputs[1].text == "SECRET_WARNING"


def test_normalise_takes_the_number_of_the_kernels_process_from_a_warning() -> None:
    text = (
        "/tmp/ipykernel_4711/226543.py:3: UserWarning: few\n  warn()\n/usr/lib/x.py:9: FutureWarning: old\n"
    )
    cell = normalise(new_notebook(cells=[code("f()", new_output("stream", name="stderr", text=text))])).cells[
        0
    ]
    assert cell.outputs[0].text == "cell:3: UserWarning: few\n  warn()\n/usr/lib/x.py:9: FutureWarning: old\n"


def test_normalise_joins_what_the_kernel_cut_into_pieces() -> None:
    pieces = [new_output("stream", name="stdout", text=text) for text in ("a", "b\n")]
    cell = normalise(new_notebook(cells=[code("print()", *pieces)])).cells[0]
    assert [output.text for output in cell.outputs] == ["ab\n"]
