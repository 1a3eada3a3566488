"""A notebook without what differs between two runs of the same study."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable

from nbformat import NotebookNode


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Copy a notebook without anything that differs between two runs of the same study.

    Parameters
    ----------
    notebook
        An executed notebook (format 4); it is left as it is.

    Returns
    -------
    NotebookNode
        Its kernel, cells, tags and outputs. Times, counters, random ids, memory addresses and the metadata of
        papermill are gone; of the metadata of outputs, ``alt`` and ``caption`` stay.

    Examples
    --------
    >>> from nbformat.v4 import new_code_cell, new_notebook
    >>> cell = normalise(new_notebook(cells=[new_code_cell("1 + 1", execution_count=7)])).cells[0]
    >>> cell.id, cell.execution_count
    ('cell-000', None)
    """
    result = copy.deepcopy(notebook)
    result.metadata = NotebookNode({k: v for k, v in result.metadata.items() if k == "kernelspec"})
    for number, cell in enumerate(result.cells):
        tags = cell.metadata.get("tags")
        cell.metadata = NotebookNode({"tags": list(tags)} if tags else {})
        cell.id = f"cell-{number:03d}"
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = _merge_streams(_normalise_output(output) for output in cell.outputs)
    return result


def _without_addresses(text: str) -> str:
    # A warning names the file that a kernel keeps its cell in, by the number of its process.
    return re.sub(r" at 0x[0-9a-fA-F]+", "", re.sub(r"\S*ipykernel_\d+/\d+\.py:", "cell:", text))


def _normalise_output(output: NotebookNode) -> NotebookNode:
    if output.output_type == "stream":
        output.text = _without_addresses(output.text)
    elif output.output_type == "error":
        output.traceback = [_without_addresses(line) for line in output.traceback]
        output.evalue = _without_addresses(output.evalue)
    else:
        if "execution_count" in output:
            output.execution_count = None
        if "text/plain" in output.data:
            output.data["text/plain"] = _without_addresses(output.data["text/plain"])
        output.metadata = NotebookNode(
            {
                kind: NotebookNode({key: values[key] for key in ("alt", "caption") if key in values})
                for kind, values in output.metadata.items()
                if isinstance(values, dict) and not {"alt", "caption"}.isdisjoint(values)
            }
        )
    return output


def _merge_streams(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    # A kernel cuts what is printed into pieces wherever its timer falls.
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if (
            last is not None
            and output.output_type == last.output_type == "stream"
            and output.name == last.name
        ):
            last.text += output.text
        else:
            merged.append(output)
    return merged
