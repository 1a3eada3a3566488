"""The data review: what was read, what to take care of, and what each study will be able to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd

from cam.data import Prepared
from cam.data.outliers import OUT_OF_LINE, Amount, MoneyProfile
from cam.data.profile import BUSY_DAY, ColumnProfile, Profile, TableProfile, profile
from cam.estimate import CannotSay
from cam.language import date_text, listed, sentence, together, value_text
from cam.language import translate as _
from cam.params import Params
from cam.schema import TABLES
from cam.show.canvas import new_axes
from cam.show.figures.data_review import month_bars
from cam.studies.data_cautions import cautions, n_grave
from cam.studies.readiness import Answer, answers, answers_of
from cam.studies.reconciliation import gaps, matches, notes, reconcile, unsaid_units, without_zeros
from cam.studies.study import Study

_TIMES = {column for table in TABLES.values() for column in table.time}
_KINDS = {
    "text": "text",
    "date": "date",
    "datetime": "date and time",
    "money": "money",
    "number": "number",
    "integer": "whole number",
    "boolean": "yes or no",
}


@dataclass(frozen=True, slots=True)
class Missing:
    """Parts of a study that want the same.

    Attributes
    ----------
    parts : tuple of str
        Their names, ready to print.
    is_partly : bool
        Whether something of them can be said all the same.
    reason, cure : str
        Ready to print.
    """

    parts: tuple[str, ...]
    is_partly: bool
    reason: str
    cure: str


@dataclass(frozen=True, slots=True)
class StudySays:
    """What one study will be able to say.

    Attributes
    ----------
    study : str
        The notebook's name.
    state : {"ready", "partly", "not"}
        Whether all its parts can be said, some, or none.
    n_ready, n_parts : int
        Parts.
    ready : tuple of str
        Names of the parts that can be said, ready to print.
    missing : tuple of Missing
        The others, by what they want.
    """

    study: str
    state: str
    n_ready: int
    n_parts: int
    ready: tuple[str, ...]
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class DataReview:
    """All that the data review says, for a page and for a terminal.

    Attributes
    ----------
    verdict : str
        Whether the data can be used.
    summary : tuple of str
        Sentences on what there is.
    cautions : tuple of str
        What to look at before a study is believed, the gravest first.
    tables : DataFrame
        One row per table: *table, read, dropped, kept, first, last, customers, found, covered*.
    account : DataFrame
        As from :func:`cam.studies.reconciliation.reconcile`.
    all_kept : str
        That nothing was dropped, to the cent; empty where something was.
    joins : tuple of (str, str)
        The tables whose customers are not all known, and the first ids of each, ready to print.
    amounts : DataFrame
        Amounts out of line: *where, table, column, amount*.
    amounts_note : str
        What counts as out of line.
    columns : mapping of str to DataFrame
        By table: *column, kind, missing, distinct, low, high*.
    left_out : tuple of str
        Columns that were left out, and why.
    remarks : tuple of str
        How the tables were read.
    studies : tuple of StudySays
        In order.
    months : Axes or None
        The picture of purchases by month.
    """

    verdict: str
    summary: tuple[str, ...]
    cautions: tuple[str, ...]
    tables: pd.DataFrame
    account: pd.DataFrame
    all_kept: str
    joins: tuple[tuple[str, str], ...]
    amounts: pd.DataFrame
    amounts_note: str
    columns: dict[str, pd.DataFrame]
    left_out: tuple[str, ...]
    remarks: tuple[str, ...]
    studies: tuple[StudySays, ...]
    months: Any


def review(params: Params, prepared: Prepared, seen: Profile, *, others: Sequence[str] = ()) -> DataReview:
    """Put together what the data review says.

    Parameters
    ----------
    params : Params
        The client's parameters.
    prepared : Prepared
        The client's checked tables.
    seen : Profile
        What they look like.
    others : sequence of str, optional
        What to take care of beside the data, such as the engine that a report would use.

    Returns
    -------
    DataReview
    """
    care, grave = cautions(params, prepared, seen), n_grave(prepared, seen)
    care[grave:grave] = others  # after what is to be settled in the data, if anything is
    verdict = (
        sentence("Not yet: the first {n} points here have to be settled before the data are used.", n=grave)
        if grave > 1
        else _("Not yet: what comes first here has to be settled before the data are used.")
        if grave
        else sentence("Yes: the data can be used. {n} points to look at first:", n=len(care))
        if len(care) > 1
        else _("Yes: the data can be used. One point to look at first:")
        if care
        else _("Yes: the data can be used. Nothing stands out that would have to be looked at first.")
    )
    told = {*unsaid_units(prepared), *gaps(prepared), *without_zeros(prepared), *matches(prepared)}
    account = reconcile(params, prepared)
    return DataReview(
        verdict=verdict,
        summary=_summary(params, prepared, seen),
        cautions=tuple(care),
        tables=_tables(prepared, seen),
        account=account,
        all_kept=_all_kept(params, prepared, account),
        joins=_joins(seen),
        amounts=_amounts(params, seen),
        amounts_note=_amounts_note(params, seen),
        columns={name: _columns(table) for name, table in seen.tables.items()},
        left_out=_left_out(prepared),
        remarks=tuple(
            [said for said in notes(prepared) if said not in told] + _more_remarks(params, prepared, seen)
        ),
        studies=_studies(answers(params, prepared, seen)),
        months=_months(prepared, seen),
    )


def what_is_missing(study: Study) -> tuple[Missing, ...]:
    """Say what a study that found nothing to say lacks, as the data review would have said before.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    tuple of Missing
        Empty where the data are there, and something else is wrong.
    """
    found = _studies(answers_of(study, study.name, profile(study.prepared)))
    return found[0].missing if found else ()


# --- what there is ------------------------------------------------------------------------------


def _summary(params: Params, prepared: Prepared, seen: Profile) -> tuple[str, ...]:
    said = []
    orders = prepared.review["tables"].get("transactions")
    if orders:
        said.append(
            sentence(
                "{orders} orders of {customers} customers from {first} to {last}, {revenue} in all.",
                orders=int(orders["n_orders"]),
                customers=int(orders["n_customers"]),
                first=date_text(date.fromisoformat(orders["first_date"])),
                last=date_text(date.fromisoformat(orders["last_date"])),
                revenue=value_text(float(orders["revenue_kept"]), params.client.currency),
            )
        )
    said.append(sentence("Last day seen: {day}.", day=date_text(prepared.as_of)))
    # What is not among the orders' money, and would show nowhere if it were in another unit.
    for name, table in seen.tables.items():
        if name not in {"transactions", "refunds"}:
            said += [
                sentence(
                    "{table}, {column}: {total} in all.",
                    table=_(name),
                    column=money.column,
                    total=value_text(float(money.total + money.total_negative), params.client.currency),
                )
                for money in table.money
                if money.n_positive or money.n_negative
            ]
    return tuple(said)


def _all_kept(params: Params, prepared: Prepared, account: pd.DataFrame) -> str:
    orders = prepared.review["tables"].get("transactions")
    if account["read"].isna().any():  # a line below a table: something was dropped or changed
        return ""
    if not orders:
        return _("Every row that was read is kept.")
    # To the cent: this is the sum to set beside the client's own books.
    total = f"{Decimal(orders['revenue_kept']):,.2f} {params.client.currency}"
    return sentence("Every row that was read is kept; revenue is {total}, read and kept.", total=total)


def _tables(prepared: Prepared, seen: Profile) -> pd.DataFrame:
    joins = {join.table: join for join in seen.joins}
    rows = []
    for name, table in seen.tables.items():
        made = prepared.review["tables"][name]
        join = joins.get(name)
        ids = next((column.n_distinct for column in table.columns if column.name == "customer_id"), None)
        rows.append(
            {
                "table": name,
                "read": made["rows_in"],
                "dropped": sum(row["rows"] for row in made["dropped"]),
                "kept": made["rows_kept"],
                "first": table.period[0].isoformat() if table.period else "",
                "last": table.period[1].isoformat() if table.period else "",
                "customers": join.n_ids if join else ids,
                "found": join.n_matched / join.n_ids if join and join.n_ids else None,
                "covered": join.n_matched / join.n_base if join and join.n_base else None,
                "base": join.base if join else "",
            }
        )
    kinds = {"customers": "float64", "found": "float64", "covered": "float64"}
    return pd.DataFrame(rows).astype(kinds)


def _joins(seen: Profile) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            sentence(
                "{n} of {all} customers in {table} are not in {base}:",
                n=join.n_ids - join.n_matched,
                all=join.n_ids,
                table=_(join.table),
                base=_(join.base),
            ),
            listed(join.unmatched) + (" …" if join.n_ids - join.n_matched > len(join.unmatched) else ""),
        )
        for join in seen.joins
        if join.n_matched < join.n_ids
    )


def _moneys(seen: Profile) -> list[tuple[str, MoneyProfile]]:
    """The first column of money of each table: what its rows are about."""
    return [(name, table.money[0]) for name, table in seen.tables.items() if table.money]


def _amounts(params: Params, seen: Profile) -> pd.DataFrame:
    rows = [
        {
            "where": row_text(amount),
            "table": name,
            "column": money.column,
            "amount": float(amount.value),
        }
        for name, money in _moneys(seen)
        for amount in money.largest
    ]
    return pd.DataFrame(rows, columns=["where", "table", "column", "amount"])


def row_text(amount: Amount) -> str:
    """Name the row of an amount out of line.

    Parameters
    ----------
    amount : Amount
        From the profile.

    Returns
    -------
    str
    """
    # Of a moment the day is enough to find the row.
    return listed(f"{key} {value[:10] if key in _TIMES else value}" for key, value in amount.where.items())


def _amounts_note(params: Params, seen: Profile) -> str:
    told = [
        sentence(
            "{table}, {column}: {n} amounts above {limit} are out of line.",
            table=_(name),
            column=money.column,
            n=money.n_high,
            limit=value_text(money.limits[1], params.client.currency),
        )
        for name, money in _moneys(seen)
        if money.n_high and money.limits
    ]
    rule = sentence(
        "Out of line: the logarithm is more than {n} robust standard deviations (median absolute deviation) from the "
        "median's. Nothing was dropped for it.",
        n=f"{OUT_OF_LINE:g}",
    )
    return together(*told, rule) if told else ""


def _columns(table: TableProfile) -> pd.DataFrame:
    rows = [
        {
            "column": column.name,
            "kind": _KINDS[column.kind],
            "missing": column.n_missing / table.n_rows if table.n_rows else 0.0,
            "distinct": _distinct(column),
            "low": _value(column.low),
            "high": _value(column.high),
        }
        for column in table.columns
    ]
    return pd.DataFrame(rows)


def _distinct(column: ColumnProfile) -> str:
    if column.n_distinct is None:
        return ""
    if not column.is_about:
        return f"{column.n_distinct:,}"
    # An estimate is off by some per cent: two digits are all that it holds.
    size = 10 ** max(len(str(column.n_distinct)) - 2, 0)
    return sentence("about {n}", n=round(column.n_distinct / size) * size)


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    return value_text(float(value), "count" if float(value).is_integer() else "ratio")


def _left_out(prepared: Prepared) -> tuple[str, ...]:
    said = []
    for name, table in prepared.review["tables"].items():
        personal = [
            sentence("{column} ({kind})", column=column, kind=_(str(kind)))
            for column, kind in table.get("columns_personal", {}).items()
        ]
        if personal:
            words = (
                "{table}: columns that look personal were left out: {columns}. If a study needs one, name it under "
                "data.{name}.columns."
            )
            said.append(sentence(words, table=_(name), columns=listed(personal), name=name))
        unused = [
            column for column in table["columns_unused"] if column not in table.get("columns_personal", {})
        ]
        if unused:
            shown = listed(unused[:20]) + (" …" if len(unused) > 20 else "")
            said.append(
                sentence("{table}: columns that no study reads: {columns}.", table=_(name), columns=shown)
            )
    return tuple(said)


def _more_remarks(params: Params, prepared: Prepared, seen: Profile) -> list[str]:
    log, said = seen.tables.get("transactions"), list[str]()
    if log is None:
        return said
    if not any(column.name == "currency" for column in log.columns):
        said.append(
            sentence(
                "No column of the transactions names a currency: amounts are taken to be in {currency} "
                "(client.currency).",
                currency=params.client.currency,
            )
        )
    if log.crowd and log.crowd.busiest:
        customer, day, n = log.crowd.busiest
        said.append(
            sentence(
                "{n} customers have more than {busy} orders on one day; most has {customer}, with {orders} on {day}.",
                n=log.crowd.n_busy or 0,
                busy=BUSY_DAY,
                customer=customer,
                orders=n,
                day=date_text(day),
            )
        )
    return said


#: A figure of more months than these takes minutes, and shows one mistyped date.
_MOST_MONTHS = 600


def _months(prepared: Prepared, seen: Profile) -> Any:
    log = seen.tables.get("transactions")
    if log is None or log.days is None or log.period is None:
        return None
    if not 2 <= len(log.days.months) <= _MOST_MONTHS:  # a mistyped year: ten thousand bars say nothing
        return None
    first = log.period[0]
    # The first month is whole only if it is seen from its first days on; the last, if its end is seen.
    whole = [True] * len(log.days.months)
    whole[0] = first.day <= 3
    whole[-1] = _next_month(log.days.months[-1][0]).toordinal() - 1 <= prepared.as_of.toordinal()
    orders = int(prepared.review["tables"]["transactions"]["n_orders"])
    n_rows = sum(n for _first, n in log.days.months)
    axes = new_axes(height=2.6)
    return month_bars(log.days.months, ax=axes, whole=whole, by_line=n_rows > orders)


def _next_month(first: date) -> date:
    if (first.year, first.month) == (9999, 12):  # the calendar ends
        return date.max
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


# --- what can be said -------------------------------------------------------------------------------


def _studies(found: list[Answer]) -> tuple[StudySays, ...]:
    said = []
    for study in dict.fromkeys(answer.study for answer in found):
        own = [answer for answer in found if answer.study == study]
        wanting: dict[tuple[CannotSay, bool], list[str]] = {}
        for answer in own:
            if answer.said:
                wanting.setdefault((answer.said, answer.state == "partly"), []).append(_(answer.part))
        ready = tuple(_(answer.part) for answer in own if answer.state == "ready")
        state = "ready" if len(ready) == len(own) else "partly"
        if all(answer.state == "not" for answer in own):
            state = "not"
        missing = tuple(
            Missing(tuple(parts), is_partly, said.reason, said.cure)
            for (said, is_partly), parts in wanting.items()
        )
        said.append(StudySays(study, state, len(ready), len(own), ready, missing))
    return tuple(said)
