"""The account of the data that every page shares: what was read, what was kept, what was dropped and why."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd

from cam.data import Prepared
from cam.language import active, sentence
from cam.language import translate as _
from cam.params import Params
from cam.show.tables import Col, ShownTable, show_table

_COLUMNS = {
    "read": "Rows read",
    "dropped": "dropped",
    "kept": "kept",
    "revenue_read": "Revenue read",
    "revenue_dropped": "dropped",
    "revenue_kept": "kept",
}
#: Money that leaves revenue without a row being dropped.
_ADJUSTMENTS = (
    ("of which: refunds in a column of the order", "refunded_in_column", 1),
    ("of which: rounding to the cent", "rounding", -1),
)


#: A silence of more days than this before the last day seen is no chance.
_GAP_DAYS = 30


def _told(words: str, values: dict[str, Any]) -> str:
    """A note in the language in use; that of a preset brings its own Chinese, so that a preset stays one file."""
    return str(values["zh"]) if active() == "zh" and "zh" in values else sentence(words, **values)


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
        *line* (text), *read*, *dropped*, *kept* (rows), *revenue_read*, *revenue_dropped*, *revenue_kept* (float,
        missing where the table has no money): a line per table, and below it one per reason for a drop.
    """
    lines: list[dict[str, Any]] = []
    for name, table in prepared.review["tables"].items():
        dropped = table["dropped"]
        lost = sum((Decimal(row["revenue"]) for row in dropped), Decimal(0))
        has_money = "revenue_in" in table
        lines.append(
            {
                "line": name,
                "read": table["rows_in"],
                "dropped": sum(row["rows"] for row in dropped),
                "kept": table["rows_kept"],
                "revenue_read": float(table["revenue_in"]) if has_money else None,
                "revenue_dropped": float(lost) if has_money else None,
                "revenue_kept": float(table["revenue_kept"]) if has_money else None,
            }
        )
        lines += [
            {
                "line": sentence("of which: {reason}", reason=_(row["reason"])),
                "dropped": row["rows"],
                "revenue_dropped": float(row["revenue"]) if has_money else None,
            }
            for row in dropped
        ]
        lines += [
            {"line": _(words), "revenue_dropped": sign * float(table[amount])}
            for words, amount, sign in _ADJUSTMENTS
            if has_money and Decimal(table[amount])
        ]
    return pd.DataFrame(lines, columns=["line", *_COLUMNS])


def show_reconciliation(params: Params, prepared: Prepared) -> ShownTable:
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
    money = params.client.currency
    columns = [Col("line", "Table")] + [
        Col(name, label, money if name.startswith("revenue") else "count", may_be_empty=True)
        for name, label in _COLUMNS.items()
    ]
    table = reconcile(params, prepared)
    if table["revenue_read"].isna().all():
        columns = columns[:4]
    shown = show_table(
        table, columns, caption="Every row is accounted for", notes=notes(prepared), max_rows=60
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
    said = gaps(prepared)
    for name, table in prepared.review["tables"].items():
        if table["exact_copies"]:
            # What stands twice counts twice; a key would have been refused.
            words = (
                "{n} rows are exact copies of another; they are kept."
                if name == "transactions"
                else "{table}: {n} rows are exact copies of another; they are kept and count twice. If they are "
                "mistakes, {option} leaves them out."
            )
            option = f"data.{name}.options.drop_duplicates: true"
            said.append(sentence(words, n=table["exact_copies"], table=_(name), option=option))
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
        said += [f"{_(name)}: {_told(words, values)}." for words, values in table["notes_in_parts"]]
    return said + matches(prepared)


def matches(prepared: Prepared) -> list[str]:
    """Say how many customers of each table are found in the first that names them.

    Parameters
    ----------
    prepared : Prepared
        The client's checked tables.

    Returns
    -------
    list of str
        Sentences; :func:`notes` ends with them.
    """
    return [
        sentence(
            "{matched} of {ids} customers in {table} are found in {base}.",
            matched=match["matched"],
            ids=match["ids"],
            table=_(match["table"]),
            base=_(match["base"]),
        )
        for match in prepared.review["match"]
    ]


def gaps(prepared: Prepared) -> list[str]:
    """Notice a last day that no other supports: every recency and churn rate would rest on it.

    Parameters
    ----------
    prepared : Prepared
        The client's checked tables.

    Returns
    -------
    list of str
        Sentences; :func:`notes` begins with them.
    """
    table = prepared.review["tables"].get("transactions")
    if not table:
        return []
    last, said = date.fromisoformat(table["last_date"]), []
    if (prepared.as_of - last).days > _GAP_DAYS:
        words = (
            "Take care: the last order is {n} days before the last day seen. "
            "Set client.as_of to the end of the data."
        )
        said.append(sentence(words, n=(prepared.as_of - last).days))
    before = table["day_before_last"]
    if before and (last - date.fromisoformat(before)).days > _GAP_DAYS:
        words = "Take care: the last day with an order stands alone, {n} days after the one before. Is its date right?"
        said.append(sentence(words, n=(last - date.fromisoformat(before)).days))
    return said
