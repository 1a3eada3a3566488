"""The data section that every notebook shares: what was read, what was kept, what was dropped and why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd

from cam.data import Prepared
from cam.language import sentence
from cam.language import translate as _
from cam.params import Params
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study


def reconcile(params: Params, prepared: Prepared) -> pd.DataFrame:
    """Account for every row and all money: in = kept + dropped, by reason.

    Parameters
    ----------
    params : Params
        The client's parameters.
    prepared : Prepared
        The client's checked tables.

    Returns
    -------
    DataFrame
        *line* (text), *rows* (integer), *revenue* (float, missing where the table has no money): what came
        in, each reason for a drop, and what was kept.
    """
    lines: list[dict[str, Any]] = []
    for name, table in prepared.review["tables"].items():
        lines.append(_line(sentence("{table}: read", table=name), table["rows_in"], table.get("revenue_in")))
        for dropped in table["dropped"]:
            words = sentence("{table}: dropped, {reason}", table=name, reason=_(dropped["reason"]))
            money = dropped["revenue"] if name == "transactions" else None
            lines.append(_line(words, dropped["rows"], money, sign=-1))
        lines += _adjustments(table)
        lines.append(
            _line(sentence("{table}: kept", table=name), table["rows_kept"], table.get("revenue_kept"))
        )
    return pd.DataFrame(lines, columns=["line", "rows", "revenue"])


def show_reconciliation(study: Study) -> ShownTable:
    """Show :func:`reconcile` as a table.

    Parameters
    ----------
    study : Study
        Any study.

    Returns
    -------
    ShownTable
    """
    return show_review(study.params, study.prepared)


def show_review(params: Params, prepared: Prepared) -> ShownTable:
    """Show :func:`reconcile` as a table.

    Parameters
    ----------
    params : Params
        The client's parameters.
    prepared : Prepared
        The client's checked tables.

    Returns
    -------
    ShownTable
    """
    columns = [
        Col("line", "Table"),
        Col("rows", "Rows", "count"),
        Col("revenue", "Revenue", params.client.currency),
    ]
    shown = show_table(
        reconcile(params, prepared),
        columns,
        caption="Every row is accounted for",
        note=" ".join(notes(prepared)),
        max_rows=60,
    )
    assert isinstance(shown, ShownTable)
    return shown


def notes(prepared: Prepared) -> list[str]:
    """Say what a reader must know of the rows that were kept, in sentences.

    Parameters
    ----------
    prepared : Prepared
        The client's checked tables.

    Returns
    -------
    list of str
    """
    said: list[str] = []
    for name, table in prepared.review["tables"].items():
        if table["exact_copies"] and name == "transactions":
            said.append(
                sentence("{n} rows are exact copies of another; they are kept.", n=table["exact_copies"])
            )
        if table.get("zero_value_rows"):
            said.append(
                sentence(
                    "{n} rows have a value of zero; they count as purchases.", n=table["zero_value_rows"]
                )
            )
        for kind, words in (
            ("refunds_netted", "{n} refunds were netted to their orders."),
            (
                "refunds_loose",
                "{n} refunds match no order; they are subtracted from revenue, as a series of their own.",
            ),
        ):
            if table.get(kind, {}).get("rows"):
                said.append(sentence(words, n=table[kind]["rows"]))
        if table.get("orders_on_several_days"):
            said.append(
                sentence(
                    "{n} orders had lines on several days; the first day counts.",
                    n=table["orders_on_several_days"],
                )
            )
        if table.get("orders_below_zero"):
            said.append(
                sentence("{n} orders were refunded beyond their value.", n=table["orders_below_zero"])
            )
        said += [f"{name}: {note}." for note in table["notes"]]
    for match in prepared.review["match"]:
        said.append(
            sentence(
                "{matched} of {ids} customers in {table} are found in {base}.",
                matched=match["matched"],
                ids=match["ids"],
                table=match["table"],
                base=match["base"],
            )
        )
    return said


def _adjustments(table: dict[str, Any]) -> list[dict[str, Any]]:
    lines = []
    if Decimal(table.get("refunded_in_column", "0")):
        lines.append(
            _line(
                _("transactions: refunds in a column of the order"),
                None,
                table["refunded_in_column"],
                sign=-1,
            )
        )
    if Decimal(table.get("rounding", "0")):
        lines.append(_line(_("transactions: rounding to the cent"), None, table["rounding"]))
    return lines


def _line(words: str, rows: int | None, revenue: str | None, *, sign: int = 1) -> dict[str, Any]:
    return {
        "line": words,
        "rows": None if rows is None else sign * rows,
        "revenue": None if revenue is None else sign * float(revenue),
    }
