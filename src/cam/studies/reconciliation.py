"""The account of the data that every page shares: what was read, what was kept, what was dropped and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd

from cam.data import Prepared
from cam.language import active, date_text, listed, period_text, sentence
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
#: A silence of more days than this before the last day seen is no chance.
_GAP_DAYS = 30


def data_period(prepared: Prepared) -> str:
    """Write the first to the last day of the transactions; the last day seen where there are none.

    Parameters
    ----------
    prepared : Prepared
        The client's checked tables.

    Returns
    -------
    str
    """
    review = prepared.review["tables"].get("transactions")
    if not review:
        return date_text(prepared.as_of)
    return period_text(date.fromisoformat(review["first_date"]), prepared.as_of)


def reason_text(reason: str) -> str:
    """Say why rows were dropped, in the language in use.

    Parameters
    ----------
    reason : str
        As the review has it; a state stands behind its column.

    Returns
    -------
    str

    Examples
    --------
    >>> reason_text("no customer_id"), reason_text("Status: void")
    ('no customer_id', 'Status: void')
    """
    said = _(reason)
    return said.replace(": ", "：", 1) if active() == "zh" and said == reason else said


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
        *line* (text), *read*, *dropped*, *kept* (rows), *revenue_read*, *revenue_dropped*, *revenue_kept* (float, in
        whole cents; missing where the table has no money): a line per table, and below it one per reason for a drop.
        Money that leaves revenue without a row being dropped follows as lines of its own, below 0, and the sum of the
        last column down to there is the revenue that every study sees. All adds up to the cent.
    """
    lines = [line for name in prepared.review["tables"] for line in _account(prepared, name)]
    return pd.DataFrame(lines, columns=["line", *_COLUMNS])


def _account(prepared: Prepared, name: str) -> Iterator[dict[str, Any]]:
    """One table: its rows and money, the reasons for drops, and what else changes its money."""
    table = prepared.review["tables"][name]
    has_money = "revenue_in" in table
    dropped = [(row, _cents(row["revenue"])) for row in table["dropped"]]
    read = _cents(table["revenue_in"]) if has_money else Decimal(0)
    lost = sum((money for _row, money in dropped), Decimal(0))
    label = name
    if has_money and name == "refunds":  # or a reader would subtract them once more
        label = sentence("{table} (subtracted above)", table=_(name))
    yield {
        "line": label,
        "read": table["rows_in"],
        "dropped": sum(row["rows"] for row, _money in dropped),
        "kept": table["rows_kept"],
        "revenue_read": float(read) if has_money else None,
        "revenue_dropped": float(lost) if has_money else None,
        "revenue_kept": float(read - lost) if has_money else None,
    }
    for row, money in dropped:
        yield {
            "line": sentence("of which: {reason}", reason=reason_text(row["reason"])),
            "dropped": row["rows"],
            "revenue_dropped": float(money) if has_money else None,
        }
    if not has_money:
        return
    listed_apart = table.get("refunds_in_table", {"revenue": "0"})["revenue"]
    changes = {
        "less: refunds that the orders themselves state": -_cents(table.get("refunded_in_column", "0")),
        "less: refunds in a table": _cents(listed_apart),
    }
    kept = _cents(table["revenue_kept"])
    # Each line is rounded by itself: what that leaves open is part of the rounding.
    changes["rounding to the cent"] = kept - (read - lost) - sum(changes.values(), Decimal(0))
    if not any(changes.values()):
        return
    yield from ({"line": _(words), "revenue_kept": float(money)} for words, money in changes.items() if money)
    yield {"line": sentence("revenue of {table}", table=_(name)), "revenue_kept": float(kept)}


def _cents(amount: str) -> Decimal:
    return Decimal(amount).quantize(Decimal("0.01"))


def account_columns(params: Params, account: pd.DataFrame) -> list[Col]:
    """Say how the account is shown: money to the cent, so that a reader can add it up.

    Parameters
    ----------
    params : Params
        The client's parameters.
    account : DataFrame
        From :func:`reconcile`.

    Returns
    -------
    list of Col
    """
    has_money = bool(account["revenue_read"].notna().any())
    columns = [Col("line", "Table")]
    for name, words in _COLUMNS.items():
        if not name.startswith("revenue"):
            columns.append(Col(name, words, "count", may_be_empty=True))
        elif has_money:
            label = f"{_(words)} {params.client.currency}" if name == "revenue_read" else words
            # A currency's own unit would round, and in Chinese count in ten thousands.
            columns.append(Col(name, label, "ratio", may_be_empty=True))
    return columns


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
    table = reconcile(params, prepared)
    shown = show_table(
        table,
        account_columns(params, table),
        caption="Every row is accounted for",
        notes=notes(prepared),
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
    said = [*unsaid_units(prepared), *gaps(prepared), *without_zeros(prepared)]
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
    return [*said, *_as_read(prepared), *matches(prepared)]


def _as_read(prepared: Prepared) -> list[str]:
    """How the tables were read; notes of one kind stand together, at the place of the first."""
    kinds: dict[str, dict[str, list[str]]] = {}
    for name, table in prepared.review["tables"].items():
        for words, values in table["notes_in_parts"]:
            said = note_text(words, values)
            tables = kinds.setdefault(said if words == "{said}" else words, {}).setdefault(said, [])
            if name not in tables:
                tables.append(name)
    lines = []
    for found in kinds.values():
        # Notes of several parts would run into one another.
        apart = any(mark in said for said in found for mark in ("; ", "；"))
        by_tables: dict[tuple[str, ...], list[str]] = {}
        for said, tables in found.items():
            by_tables.setdefault(tuple(tables), []).append(said)
        told = [
            sentence("{table}: {said}", table=listed(map(_, tables)), said=text)
            for tables, texts in by_tables.items()
            for text in (texts if apart else [_in_a_row(texts)])
        ]
        lines += [sentence("{said}.", said=text) for text in (told if apart else [_in_a_row(told)])]
    return lines


def _in_a_row(said: list[str]) -> str:
    return ("；" if active() == "zh" else "; ").join(said)


def note_text(words: str, values: dict[str, Any]) -> str:
    """Say a note in the language in use; that of a preset brings its own Chinese, so that a preset stays one file.

    Parameters
    ----------
    words : str
        A sentence with places for values.
    values : dict
        What stands there.

    Returns
    -------
    str
        Without a full stop.
    """
    if active() != "zh":
        return sentence(words, **values)
    if "zh" in values:
        return str(values["zh"])
    # What a note lists and quotes, it does with English signs; a file's name stays what it is.
    shown = {
        name: re.sub("'([^']*)'", "“\\1”", value).replace(", ", "、")
        if isinstance(value, str) and name not in {"file", "said"}
        else value
        for name, value in values.items()
    }
    return sentence(words, **shown)


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


def unsaid_units(prepared: Prepared) -> list[str]:
    """Notice columns of amounts of which a unit is said, while nobody has said what one of it is worth.

    Parameters
    ----------
    prepared : Prepared
        The client's checked tables.

    Returns
    -------
    list of str
        Sentences; :func:`notes` begins with them.
    """
    words = {
        "name": "{table}: the column {column} says {unit} by its name, and its amounts count as they stand. If one is "
        "worth {worth}, set {option}; if they are in whole units of the currency, write 1 there.",
        "below": "{table}: a line below the header says {unit} of the column {column}, and its amounts count as they "
        "stand. If one is worth {worth}, set {option}; if they are in whole units of the currency, write 1 there.",
        "above": "{table}: a line above the header says {unit}, and the amounts of {column} count as they stand. If "
        "one is worth {worth}, set {option}; if they are in whole units of the currency, write 1 there.",
    }
    return [
        sentence(
            words[each["where"]],
            table=_(name),
            column=each["column"],
            unit=each["unit"],
            worth=f"{each['worth']:,.10g}",
            option=f"data.{name}.options.units: {{{each['column']}: {each['worth']:.10g}}}",
        )
        for name, table in prepared.review["tables"].items()
        for each in table["units"]
    ]


def without_zeros(prepared: Prepared) -> list[str]:
    """Notice ids that stand with zeros in front and without, and so count as different customers.

    Parameters
    ----------
    prepared : Prepared
        The client's checked tables.

    Returns
    -------
    list of str
        Sentences; :func:`notes` has them near its beginning.
    """
    said = []
    for name, table in prepared.review["tables"].items():
        if found := table["without_zeros"]:
            words = (
                "{table}: {n} customer ids stand with zeros in front and without, such as {long} and {short}, and "
                "count as different customers. If a spreadsheet took the zeros off, data.{name}.options.id_width: "
                "{width} fills them up."
                if "long" in found
                else "{table}: {n} customer ids stand with zeros in front and without, and count as different "
                "customers. If a spreadsheet took the zeros off, data.{name}.options.id_width: {width} fills them up."
            )
            said.append(sentence(words, table=_(name), name=name, **found))
    return said


def gaps(prepared: Prepared) -> list[str]:
    """Notice a last day seen that the data do not support: every recency and churn rate would rest on it.

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
        return _ends_later(prepared)
    last, said = date.fromisoformat(table["last_date"]), beyond(prepared)
    if (prepared.as_of - last).days > _GAP_DAYS:
        words = (
            "Take care: the last order is {n} days before the last day seen. "
            "Set client.as_of to the end of the data."
        )
        said.append(sentence(words, n=(prepared.as_of - last).days))
    before = table["day_before_last"]
    if before and not table["days_beyond"] and (last - date.fromisoformat(before)).days > _GAP_DAYS:
        words = "Take care: the last day with an order stands alone, {n} days after the one before. Is its date right?"
        said.append(sentence(words, n=(last - date.fromisoformat(before)).days))
    return said


def beyond(prepared: Prepared) -> list[str]:
    """Notice orders so far before or behind all others that their dates are hardly right.

    Parameters
    ----------
    prepared : Prepared
        The client's checked tables.

    Returns
    -------
    list of str
        One sentence for each end, or none; :func:`gaps` begins with them.
    """
    table = prepared.review["tables"].get("transactions")
    if not table:
        return []
    said = []
    if found := table["days_ahead"]:
        words = (
            "Take care: {n} of {all} rows are dated {first} or before, and then comes no order for {days} days, up to "
            "{next}. Are those dates right? How long customers are known counts from them. If they stand for no date, "
            "name them in data.transactions.options.blanks, as the file writes them, and leave the rows out; else "
            "correct the file."
        )
        first, after = (date_text(date.fromisoformat(found[end])) for end in ("other", "near"))
        said.append(
            sentence(
                words, n=found["rows"], all=table["rows_kept"], first=first, days=found["days"], next=after
            )
        )
    if found := table["days_beyond"]:
        words = (
            "Take care: after {before} comes no order for {days} days, and then {n} of {all} rows, up to {last}. Are "
            "those dates right? The last day seen is {day}: recency and churn count from it. If the dates are wrong, "
            "correct the file, or set client.as_of, such as to {before}: later rows are then left out."
        )
        said.append(
            sentence(
                words,
                before=date_text(date.fromisoformat(found["near"])),
                days=found["days"],
                n=found["rows"],
                all=table["rows_kept"],
                last=date_text(date.fromisoformat(table["last_date"])),
                day=date_text(prepared.as_of),
            )
        )
    return said


def _ends_later(prepared: Prepared) -> list[str]:
    """Contracts alone end the data with the last start: who has left since then would count as running."""
    table = prepared.review["tables"].get("contracts", {})
    if not table.get("ends_later"):
        return []
    words = (
        "Take care: {n} of {all} contracts end after the last day seen, {day}, and count as running. Set "
        "client.as_of if they have ended."
    )
    return [sentence(words, n=table["ends_later"], all=table["rows_kept"], day=date_text(prepared.as_of))]
