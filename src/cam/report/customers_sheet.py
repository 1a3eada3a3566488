"""The customers in the workbook: every score with what it means, as many customers as people scroll through."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cam.data.engine import identifier, literal, workspace
from cam.language import sentence, together
from cam.language import translate as _
from cam.report.pages import label
from cam.report.sheet import Column, Sheet
from cam.report.workbook import unit_words
from cam.studies.columns import ScoreColumn, score_column

#: More rows than people scroll through; the rest is in customers.parquet, and the sheet says so.
MAX_CUSTOMERS = 100_000
#: Digits that the sheet keeps; the Parquet file has them all.
_DIGITS = {"share": 4, "money": 2, "ratio": 4}
_CHUNK = 5_000


def customer_sheets(path: Path, *, currency: str) -> tuple[Sheet, Sheet]:
    """Return the sheet of the customers, and that which explains its columns.

    Parameters
    ----------
    path : Path
        ``customers.parquet``.
    currency : str
        ISO code of all amounts.

    Returns
    -------
    tuple of Sheet
        Rows of the first are read as it is written.
    """
    source = f"read_parquet({literal(str(path))})"
    with tempfile.TemporaryDirectory(prefix="cam-") as spill, workspace(Path(spill)) as connection:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        found = connection.execute(f"SELECT count(*) FROM {source}").fetchone()
    n = int(found[0]) if found else 0
    kinds = {str(name): str(kind) for name, kind, *_rest in described}
    known = [score_column(name) or _unknown(name, kind) for name, kind in kinds.items()]
    remark = ""
    if n > MAX_CUSTOMERS:
        remark = sentence(
            "The first {shown} of {all} customers, in the order of their ids; all are in customers.parquet.",
            shown=MAX_CUSTOMERS,
            all=n,
        )
    customers = Sheet(
        _("Customers and scores"),
        tuple(_header(column, currency) for column in known),
        _rows(source, known, kinds),
        _("One row per customer with every score of every study."),
        remark=remark,
        n_rows=min(n, MAX_CUSTOMERS),
        wraps=False,
    )
    return customers, _explained(known, currency)


def _unknown(name: str, kind: str) -> ScoreColumn:
    """A column that nobody has described keeps its name; its type says how it is written."""
    units = {"DATE": "date", "BIGINT": "count", "INTEGER": "count", "DOUBLE": "ratio", "BOOLEAN": "flag"}
    return ScoreColumn(name, name, "money" if kind.startswith("DECIMAL") else units.get(kind, "text"), "")


def _header(column: ScoreColumn, currency: str) -> Column:
    words = column.label
    if column.unit == "money":
        words = sentence("{label}, {unit}", label=words, unit=currency)
    unit = _unit(column, currency)
    note = f"{column.meaning}\n{unit_words(unit)}\n{column.name}" if column.meaning else ""
    return Column(words, "text" if unit == "flag" else unit, note)


def _unit(column: ScoreColumn, currency: str) -> str:
    return currency if column.unit == "money" else column.unit


def _explained(known: Sequence[ScoreColumn], currency: str) -> Sheet:
    rows = [
        (
            column.label,
            column.meaning,
            unit_words(_unit(column, currency)),
            label(column.study) if column.study else "",
            column.name,
        )
        for column in known
    ]
    head = (_("Column of the customers"), _("Meaning"), _("Unit"), _("Study"), _("In customers.parquet"))
    return Sheet(
        _("Columns explained"),
        tuple(map(Column, head)),
        rows,
        together(
            _("What each column of the customers means, its unit and the study that it comes from."),
            _(
                "Shares and numbers of the customers are rounded to four decimals; customers.parquet has them all."
            ),
        ),
        n_rows=len(rows),
    )


def _rows(source: str, known: Sequence[ScoreColumn], kinds: dict[str, str]) -> Iterator[Sequence[Any]]:
    """Read the customers chunk by chunk, rounded inside the engine, codes in words."""
    selected = ", ".join(_expression(column, kinds[column.name]) for column in known)
    worded: list[tuple[int, Callable[[str], str]]] = [
        (place, cache(column.words)) for place, column in enumerate(known) if column.words
    ]
    with tempfile.TemporaryDirectory(prefix="cam-") as spill, workspace(Path(spill)) as connection:
        cursor = connection.execute(
            f"SELECT {selected} FROM {source} ORDER BY customer_id LIMIT {MAX_CUSTOMERS}"
        )
        while chunk := cursor.fetchmany(_CHUNK):
            for row in chunk:
                values = list(row)
                for place, words in worded:
                    if values[place] is not None:
                        values[place] = words(values[place])
                yield values


def _expression(column: ScoreColumn, kind: str) -> str:
    name = identifier(column.name)
    if kind in {"DOUBLE", "FLOAT"} or kind.startswith("DECIMAL"):
        # + 0 turns -0.0 into 0.0.
        return f"round(CAST({name} AS DOUBLE), {_DIGITS.get(column.unit, 2)}) + 0"
    if kind.startswith("TIMESTAMP"):
        return f"CAST({name} AS DATE)"
    return name
