"""What to look at in a client's data before a study is believed, the gravest first."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from cam.data import Prepared
from cam.data.outliers import MoneyProfile
from cam.data.people.identity import FILL_UP
from cam.data.people.joins import Join
from cam.data.profile import Profile, TableProfile
from cam.language import active, date_text, listed, sentence, span_text, together, value_text
from cam.language import translate as _
from cam.params import Params
from cam.schema import TABLES
from cam.studies.gates import nobody_bought
from cam.studies.reconciliation import beyond, gaps, note_text, reason_text, unsaid_units, without_zeros

#: From these shares on, something is worth a word.
_DROPPED, _UNJOINED, _COPIED, _OUT_OF_LINE = 0.01, 0.05, 0.001, 0.01
_ONE_CUSTOMER, _ZERO, _LOOSE, _EMPTY = 0.10, 0.05, 0.05, 0.5
#: Fewer copies, or fewer customers of whom none is known, than these are chance.
_FEWEST_COPIES, _FEWEST_STRANGERS = 10, 5
#: A month with less than this of a usual one, over so many months, may be there in part only.
_SLACK, _USUAL_MONTHS, _FEWEST_MONTHS = 0.5, 12, 4
#: Where orders come on most days, a week without any is a hole.
_MOST_DAYS, _HOLE_DAYS = 0.95, 7
#: So many orders of one customer on one day are no person's.
_CROWDED_DAY = 50
#: Tables whose columns every study reads; in others many are empty by their nature.
_FILLED = ("transactions", "customers")


def cautions(params: Params, prepared: Prepared, seen: Profile) -> list[str]:
    """Say what to look at first.

    Parameters
    ----------
    params : Params
        The client's parameters.
    prepared : Prepared
        The client's checked tables.
    seen : Profile
        What they look like.

    Returns
    -------
    list of str
        Sentences, the gravest first.
    """
    said = [*_nobody(seen), *unsaid_units(prepared), *_strangers(prepared, seen)]
    said += [*gaps(prepared), *without_zeros(prepared), *_holes(prepared, seen)]
    said += [*_dropped(params, prepared), *_unjoined(prepared, seen)]
    log = seen.tables.get("transactions")
    if log is not None:
        said += [*_amounts(params, prepared, log), *_crowd(log)]
    return [*said, *_copies(prepared, seen), *_refunds(prepared), *_empty(seen)]


def n_grave(prepared: Prepared, seen: Profile) -> int:
    """Count the cautions that have to be settled before anything is believed: so many of :func:`cautions`, the first.

    Parameters
    ----------
    prepared : Prepared
        The client's checked tables.
    seen : Profile
        What they look like.

    Returns
    -------
    int
    """
    return len([*_nobody(seen), *unsaid_units(prepared), *_strangers(prepared, seen), *beyond(prepared)])


def _nobody(seen: Profile) -> list[str]:
    """No purchase at all: most often the sign of revenue."""
    none = nobody_bought(seen)
    return [together(none.reason, none.cure)] if none else []


def _share(value: float) -> str:
    return value_text(value, "share")


def _holes(prepared: Prepared, seen: Profile) -> list[str]:
    """Months and days that look as if a part of the export were missing."""
    log = seen.tables.get("transactions")
    if log is None or log.days is None:
        return []
    days, said = log.days, []
    table = prepared.review["tables"]["transactions"]
    told = [{far["near"], far["other"]} for far in (table["days_ahead"], table["days_beyond"]) if far]
    if days.gap and {day.isoformat() for day in days.gap} not in told:
        hole = (days.gap[1] - days.gap[0]).days - 1
        if hole >= _HOLE_DAYS and days.n_without - hole <= (1 - _MOST_DAYS) * days.n_days:
            words = (
                "No order from {first} to {last}, though nearly every other day has some. Is a file missing?"
            )
            first, last = days.gap[0] + timedelta(days=1), days.gap[1] - timedelta(days=1)
            said.append(sentence(words, first=date_text(first), last=date_text(last)))
    whole = [
        (first, n) for first, n in days.months[1:] if _end(first) <= prepared.as_of
    ]  # the first month may begin in its middle
    if len(whole) >= _FEWEST_MONTHS:
        last, n = whole[-1]
        usual = median(n for _first, n in whole[-_USUAL_MONTHS - 1 : -1])
        if n < _SLACK * usual:
            words = "The last complete month, {month}, has {n} rows; a usual one has {usual}. Are the data complete?"
            said.append(sentence(words, month=span_text(f"{last:%Y-%m}"), n=n, usual=round(usual)))
    return said


def _end(first: date) -> date:
    if (first.year, first.month) == (9999, 12):  # the calendar ends
        return date.max
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return after - timedelta(days=1)


def _dropped(params: Params, prepared: Prepared) -> list[str]:
    said = []
    for name, table in prepared.review["tables"].items():
        n = sum(row["rows"] for row in table["dropped"])
        lost = sum((abs(Decimal(row["revenue"])) for row in table["dropped"]), Decimal(0))
        read = abs(Decimal(table.get("revenue_in", "0")))
        if n > _DROPPED * table["rows_in"] or lost > Decimal(str(_DROPPED)) * read:
            words = "{table}: {n} of {all} rows were dropped, {share} ({reasons})."
            reasons = [_reason(params, row, read) for row in table["dropped"]]
            share = _share(n / table["rows_in"])
            said.append(
                sentence(
                    words, table=_(name), n=n, all=table["rows_in"], share=share, reasons=_in_a_row(reasons)
                )
            )
    return said


def _reason(params: Params, row: dict[str, Any], read: Decimal) -> str:
    """Why rows were dropped, with the money that went with them and its share of what was read."""
    why, lost = reason_text(row["reason"]), abs(Decimal(row["revenue"]))
    if not lost or not read:
        return sentence("{reason}: {n}", reason=why, n=row["rows"])
    # To the cent: it stands so in the account below.
    return sentence(
        "{reason}: {n} rows, {amount} of revenue, {share} of what was read",
        reason=why,
        n=row["rows"],
        amount=f"{lost:,.2f} {params.client.currency}",
        share=_share(float(lost / read)),
    )


def _in_a_row(said: list[str]) -> str:
    return ("；" if active() == "zh" else "; ").join(said)


def _is_strange(join: Join) -> bool:
    return not join.n_matched and join.n_ids >= _FEWEST_STRANGERS


def _strangers(prepared: Prepared, seen: Profile) -> list[str]:
    """Tables none of whose customers are known: their ids are hardly of the same kind."""
    words = (
        "None of the {n} customers in {table} is in {base}: what is known of them there joins nothing. Are the ids "
        "of the same kind, and written alike? First: {ids}."
    )
    return [
        together(
            sentence(
                words, n=join.n_ids, table=_(join.table), base=_(join.base), ids=listed(join.unmatched[:3])
            ),
            *_filled_up(prepared, join),
        )
        for join in seen.joins
        if _is_strange(join)
    ]


def _filled_up(prepared: Prepared, join: Join) -> list[str]:
    """The cure where leading zeros are lost: on either side, by what reading them found."""
    return [
        sentence("{said}.", said=note_text(words, values))
        for name, other in ((join.table, join.base), (join.base, join.table))
        for words, values in prepared.review["tables"][name]["notes_in_parts"]
        if words == FILL_UP and values["other"] == f"data.{other}"
    ]


def _unjoined(prepared: Prepared, seen: Profile) -> list[str]:
    said = []
    for join in seen.joins:
        if _is_strange(join):
            continue
        n = join.n_ids - join.n_matched
        if n > _UNJOINED * join.n_ids:
            words = (
                "{n} of {all} customers in {table} ({share}) are not in {base}: what is known of them there joins "
                "nothing. Are the ids written alike? First: {ids}."
            )
            told_of = sentence(
                words,
                n=n,
                all=join.n_ids,
                table=_(join.table),
                share=_share(n / join.n_ids),
                base=_(join.base),
                ids=listed(join.unmatched[:3]),
            )
            said.append(together(told_of, *_filled_up(prepared, join)))
        if join.table == "customers" and join.n_base - join.n_matched > _EMPTY * join.n_base:
            words = (
                "The table customers knows {n} of the {all} customers in {base} ({share}); of the others only what "
                "they did is known."
            )
            said.append(
                sentence(
                    words,
                    n=join.n_matched,
                    all=join.n_base,
                    base=_(join.base),
                    share=_share(join.n_matched / join.n_base),
                )
            )
    return said


def _amounts(params: Params, prepared: Prepared, log: TableProfile) -> list[str]:
    money = next((each for each in log.money if each.column == "revenue"), None)
    if money is None or not money.n_positive:
        return []
    said = []
    if money.total_high > _OUT_OF_LINE * float(money.total):
        words = (
            "{n} amounts out of line, above {limit}, hold {share} of what was bought; the largest is {amount} "
            "({row}). Are they right?"
        )
        said.append(_out_of_line(params, money, words))
    made = prepared.review["tables"]["transactions"]
    n_zero = made["zero_value_rows"]  # as bought: what was paid back in full is no gift
    if n_zero > _ZERO * made["rows_kept"]:
        words = (
            "{n} rows have a value of zero, {share}: gifts and samples, or is the amount in another column?"
        )
        said.append(sentence(words, n=n_zero, share=_share(n_zero / made["rows_kept"])))
    return said


def _out_of_line(params: Params, money: MoneyProfile, words: str) -> str:
    largest, limits = money.largest[0], money.limits or (0.0, 0.0)
    return sentence(
        words,
        n=money.n_high,
        limit=value_text(limits[1], params.client.currency),
        share=_share(float(money.total_high / money.total)),
        amount=value_text(float(largest.value), params.client.currency),
        row=listed(f"{key} {value}" for key, value in largest.where.items()),
    )


def _crowd(log: TableProfile) -> list[str]:
    crowd = log.crowd
    if crowd is None or crowd.largest is None:
        return []
    if crowd.share > _ONE_CUSTOMER:
        words = (
            "One customer, {customer}, has {share} of all revenue. Is it a person, or a till, a reseller, a shared "
            "account?"
        )
        return [sentence(words, customer=crowd.largest, share=_share(crowd.share))]
    if crowd.busiest and crowd.busiest[2] > _CROWDED_DAY:
        words = "Customer {customer} has {n} orders on {day}. Is it a person, or a till, a reseller, a shared account?"
        return [
            sentence(words, customer=crowd.busiest[0], n=crowd.busiest[2], day=date_text(crowd.busiest[1]))
        ]
    return []


def _copies(prepared: Prepared, seen: Profile) -> list[str]:
    said = []
    for name, made in prepared.review["tables"].items():
        if made["exact_copies"] < max(_COPIED * made["rows_kept"], _FEWEST_COPIES):
            continue
        words = (
            "{table}: {n} rows ({share}) are exact copies of another, and count. If they were exported twice, set "
            "data.{name}.options.drop_duplicates: true."
        )
        if name == "transactions" and _has_lines(made):
            words = (
                "{table}: {n} rows ({share}) are exact copies of another line of the same order, and count: an order "
                "may well hold the same article on two lines. Only where files overlap, or lines were exported "
                "twice, are they mistakes."
            )
        share = _share(made["exact_copies"] / made["rows_kept"])
        said.append(sentence(words, table=_(name), n=made["exact_copies"], share=share, name=name))
    return said


def _has_lines(made: dict[str, Any]) -> bool:
    """Whether orders have several lines, copies and refunds apart."""
    refunds = made["refunds_netted"]["rows"] + made["refunds_loose"]["rows"]
    own = refunds - made.get("refunds_in_table", {"rows": 0})["rows"]
    n_lines = int(made["rows_kept"]) - int(made["exact_copies"]) - own
    return "order_id" in made["columns"] and n_lines > int(made["n_orders"])


def _refunds(prepared: Prepared) -> list[str]:
    made = prepared.review["tables"].get("transactions")
    if not made:
        return []
    loose, kept = -float(made["refunds_loose"]["revenue"]), float(made["revenue_kept"])
    if kept <= 0 or loose <= _LOOSE * kept:
        return []
    words = (
        "{n} refunds, {share} of revenue, match no order: they lower revenue, but no order. Is the order_id of refunds "
        "mapped?"
    )
    return [sentence(words, n=made["refunds_loose"]["rows"], share=_share(loose / kept))]


def _empty(seen: Profile) -> list[str]:
    said = []
    for name in _FILLED:
        table = seen.tables.get(name)
        if table is None:
            continue
        empty = [
            sentence("{column} ({share})", column=column.name, share=_share(column.n_missing / table.n_rows))
            for column in table.columns
            if TABLES[name].column(column.name) and column.n_missing > _EMPTY * table.n_rows
        ]
        if empty:
            words = "{table}: mostly empty: {columns}. Is another column of the source meant?"
            said.append(sentence(words, table=_(name), columns=listed(empty)))
    return said
