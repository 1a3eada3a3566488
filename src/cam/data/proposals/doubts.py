"""What must be said of a table beside its columns: options that its file shows, and questions to a person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import duckdb

from cam.data.engine import identifier, literal, whole_numbers
from cam.data.files.sources import find_column
from cam.data.notes import Note
from cam.data.one_pass import why_aside
from cam.data.presets.apply import Recognised, load_preset
from cam.data.proposals.asked import Columns, Doubt, Settled
from cam.data.proposals.edges import CONTROL
from cam.data.proposals.heads import Head
from cam.data.proposals.money import currencies_asked, decimals, of_kind, units
from cam.data.proposals.questions import score_columns
from cam.data.proposals.synonyms import bare, synonyms
from cam.data.proposals.who import nobodies
from cam.data.types.expressions import blank, number, trimmed
from cam.schema import MAY_BE_EMPTY, TABLES

#: A column of states has few.
_STATES = 30
_DAY = re.compile(
    r"(\d{1,2})([/.\- ])(\d{1,2})\2(\d{4}|\d{2})(?:([ T])(\d{1,2}:\d{2})(:\d{2})?)?(\s?[AaPp][Mm])?"
)


def doubts(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    heads: tuple[Head, ...],
    mapped: Columns,
    preset: Recognised | None,
) -> tuple[tuple[Settled, ...], tuple[Doubt, ...]]:
    """Find what must be said of a table beside its columns.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    table : str
        Canonical name.
    heads : tuple of Head
        Its files.
    mapped : mapping of str to tuple of str
        Canonical name to the source's columns.
    preset : Recognised or None
        The export that they are.

    Returns
    -------
    tuple of tuple of Settled and tuple of Doubt
    """
    head = heads[0]
    known: dict[str, Any] = {}
    if preset:
        export = load_preset(preset.preset).exports[preset.export]
        known = dict(export.options)
    settled = [_settled(key, value, head) for key, value in _file_options(table, head).items()]
    settled = [one for one in settled if known.get(one.key) != one.value]
    open_: list[Doubt] = []
    if head.may_be_rows:
        words = "leave these last lines out, or are they rows that lack something? {lines}"
        open_ += [
            Doubt(one.key, one.value, Note(words, lines=" / ".join(head.footer)))
            for one in settled
            if one.key == "skip_last_rows"
        ]
        settled = [one for one in settled if one.key != "skip_last_rows"]
    if not head.has_header:
        open_.append(
            Doubt(None, None, Note("the file has no header; its columns are numbered, so say what they are"))
        )
    if table in {"transactions", "refunds"} or "states" in known:
        states, asked = _states(connection, heads, mapped, preset)
        settled, open_ = settled + states, open_ + asked
    if table == "transactions":
        open_ += _refund_column(heads, mapped, preset)
        if "revenue_per" not in known:
            open_ += _grain(connection, head, mapped)
        open_ += _unit_price(mapped, known)
    if "date_format" not in known:
        open_ += _dates(table, head, mapped)
    open_ += [*decimals(connection, table, head, mapped), *units(connection, table, head, mapped)]
    open_ += currencies_asked(heads, mapped)
    open_ += nobodies(connection, table, head, mapped, known)
    if not preset:  # an export may leave a cell blank by its nature, and its preset knows
        open_ += _unfilled(connection, table, head, mapped, settled)
    if table != "responses":
        open_ += [*_also_asked(head, mapped), *_words_for_none(heads, preset)]
    if table == "responses":
        open_ += [*_scales(head, mapped), *_no_answers(head, mapped)]
    return tuple(settled), tuple(open_)


# --- the file ---------------------------------------------------------------------------------


def _file_options(table: str, head: Head) -> dict[str, Any]:
    """The options of the file; the reader numbers the questions of a survey by itself."""
    options = dict(head.options)
    numbered = {name.lower() for name in head.columns}
    is_twice = all(f"{name} (2)".lower() in numbered for name in head.doubled)
    if table == "responses" and head.doubled and head.has_header and is_twice:
        del options["names"]
        options["skip_rows"] -= 1
    return {key: value for key, value in options.items() if value}


def _settled(key: str, value: Any, head: Head) -> Settled:
    if key == "skip_rows" and head.above and not head.doubled:
        return Settled(key, value, Note("lines above the header: {lines}", lines=" / ".join(head.above)))
    if key == "skip_rows":
        words = "lines above the header"
        if head.doubled:
            words = "lines above the first row, the header among them"
        return Settled(key, value, Note(words))
    if key == "skip_last_rows" and head.footer:
        words = "lines below the last row, left out: {lines}"
        return Settled(key, value, Note(words, lines=" / ".join(head.footer)))
    if key == "skip_last_rows":
        return Settled(key, value, Note("lines below the last row"))
    if key == "names" and head.has_header:
        return Settled(
            key,
            value,
            Note(
                "{names}: these names stand twice or hold strange signs, and are made anew here",
                names=", ".join(head.doubled),
            ),
        )
    if key == "names":
        return Settled(key, value, Note("the file has no header"))
    if key == "sheet":
        return Settled(key, value, Note("not the first sheet of the workbook"))
    return Settled(key, value, Note("as the rows show"))


def _unfilled(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    head: Head,
    mapped: Columns,
    settled: Iterable[Settled],
) -> list[Doubt]:
    """Rows without what every row must have: every run stops at them until it is told what to do."""
    needed = [
        columns[0]
        for name in TABLES[table].required
        if (table, name) not in MAY_BE_EMPTY
        and not name.endswith("_id")  # a blank customer is asked for apart
        and len(columns := mapped.get(name, ())) == 1
        and columns[0] in head.raw.columns
    ]
    states: dict[str, Any] = next((one.value for one in settled if one.key == "states"), {})
    counted = [why_aside(head.raw) + " IS NULL"]
    if states.get("drop"):
        state = trimmed(f"CAST({identifier(states['column'])} AS VARCHAR)")
        counted.append(f"coalesce({state} NOT IN ({', '.join(map(literal, states['drop']))}), true)")
    for column in mapped.get("customer_id", ())[:1]:
        if column in head.raw.columns:
            counted.append(f"NOT {blank(identifier(column), head.raw.columns[column])}")
    empty = [f"count(*) FILTER ({blank(identifier(name), head.raw.columns[name])})" for name in needed]
    rows, *found = whole_numbers(
        connection,
        f"SELECT {', '.join(['count(*)', *empty])} FROM {head.raw.relation} WHERE {' AND '.join(counted)}",
    )
    lacking = {name: n for name, n in zip(needed, found, strict=True) if 0 < n < rows}
    if not lacking:
        return []
    words = "rows have nothing in {columns}: leave them out? What cannot be read is then left out, too"
    shown = ", ".join(f"{name} ({n:,})" for name, n in lacking.items())
    return [Doubt("drop_unreadable", True, Note(words, columns=shown))]


# --- states and refunds -----------------------------------------------------------------------


def _states(
    connection: duckdb.DuckDBPyConnection, heads: tuple[Head, ...], mapped: Columns, preset: Recognised | None
) -> tuple[list[Settled], list[Doubt]]:
    column, known, unsure = _state_column(heads[0], mapped, preset)
    if column is None:
        return [], []
    met = _met(connection, heads, column)
    if not met or len(met) > _STATES:
        return [], []
    sorted_: dict[str, list[str]] = {"keep": [], "drop": [], "refunded": []}
    strange = []
    for state in met:
        kind = unsure.get(state) or synonyms().states.get(bare(state))
        if state in known:
            continue
        if kind and not CONTROL.search(state):
            sorted_[kind].append(state)
        else:
            strange.append(state)
    value = {"column": column} | {kind: states for kind, states in sorted_.items() if states}
    shown = ", ".join(f"{state} ({n:,})" for state, n in list(met.items())[:8]) + (
        ", …" if len(met) > 8 else ""
    )
    doubts: list[Doubt] = []
    if strange:
        words = "states of {column} that no list knows: {states}; keep, drop or refunded?"
        named = ", ".join(f"{state} ({met[state]:,})" for state in strange[:8])
        doubts.append(Doubt(None, None, Note(words, column=column, states=named), (column,)))
    if len(value) == 1:
        if preset or not strange:
            return [], doubts
        empty: dict[str, Any] = {"column": column, "keep": [], "drop": [], "refunded": []}
        words = "no list knows these states: put each into keep, drop or refunded. Met: {states}"
        return [], [Doubt("states", empty, Note(words, states=shown), (column,))]
    if preset and known.keys() | unsure.keys():
        words = "nobody has verified these states, which add to the list of the preset; met: {states}"
        return [], [Doubt("states", value, Note(words, states=shown), (column,)), *doubts]
    return [
        Settled(
            "states", value, Note("by their words, so look at them; met: {states}", states=shown), (column,)
        )
    ], doubts


def _state_column(
    head: Head, mapped: Columns, preset: Recognised | None
) -> tuple[str | None, dict[str, str], dict[str, str]]:
    """The column of states, and what the preset knows of its states, surely and not."""
    names = list(head.columns)
    if preset:
        export = load_preset(preset.preset).exports[preset.export]
        states = export.options.get("states")
        if states:
            asked = states["column"] if isinstance(states["column"], list) else [states["column"]]
            column = next((found for name in asked if (found := find_column(name, names))), None)
            if column:
                return column, _by_state(states), _by_state(export.unsure_states)
    taken = {column for columns in mapped.values() for column in columns}
    for wanted in synonyms().state_columns:
        for name in names:
            if bare(name) != wanted or name in taken or not head.columns[name].n_filled:
                continue
            words = {bare(value) for value in head.columns[name].values}
            if wanted != "state" or words & synonyms().states.keys():
                return name, {}, {}
    return None, {}, {}


def _by_state(states: Mapping[str, Any]) -> dict[str, str]:
    return {state: kind for kind in ("keep", "drop", "refunded") for state in states.get(kind) or []}


def _met(connection: duckdb.DuckDBPyConnection, heads: Iterable[Head], column: str) -> dict[str, int]:
    met: Counter[str] = Counter()
    given = identifier(column)
    for head in heads:
        value = trimmed(f"CAST({given} AS VARCHAR)")
        rows = connection.execute(
            f"SELECT {value}, count(*) FROM {head.raw.relation} "
            f"WHERE NOT {blank(given, head.raw.columns[column])} GROUP BY 1 LIMIT {_STATES + 1}"
        ).fetchall()
        met.update({str(state): n for state, n in rows})
    return dict(sorted(met.items(), key=lambda pair: (-pair[1], pair[0])))


def _refund_column(heads: tuple[Head, ...], mapped: Columns, preset: Recognised | None) -> list[Doubt]:
    head = heads[0]
    taken = {column for columns in mapped.values() for column in columns}
    if preset:
        export = load_preset(preset.preset).exports[preset.export]
        if "refund_column" in export.options:
            return []
        asked = export.unsure_options.get("refund_column", [])
        known = {bare(name) for name in ([asked] if isinstance(asked, str) else asked)}
    else:
        known = set()
    for name, facts in head.columns.items():
        named = bare(name) in synonyms().refund_columns or bare(name) in known
        if (
            named
            and name not in taken
            and facts.amounts >= 0.9
            and any(re.search("[1-9]", v) for v in facts.values)
            and not {v.strip() for v in facts.values} <= {"0", "1"}  # it says whether, not how much
        ):
            why = Note("was this paid back on the order, and is it still in the revenue?")
            return [Doubt("refund_column", name, why, (name,))]
    return []


def _words_for_none(heads: tuple[Head, ...], preset: Recognised | None) -> list[Doubt]:
    """Words of the file that may say that there is none, where nobody has verified what the preset knows of them."""
    if preset is None:
        return []
    offered = load_preset(preset.preset).exports[preset.export].unsure_options.get("blanks", [])
    met = {value.strip() for head in heads for facts in head.columns.values() for value in facts.values}
    found = [word for word in offered if word in met]
    if not found:
        return []
    words = "nobody has verified that these words stand for none, as a blank cell does: {words}"
    return [Doubt("blanks", found, Note(words, words=", ".join(found)))]


# --- amounts and dates ------------------------------------------------------------------------


def _grain(connection: duckdb.DuckDBPyConnection, head: Head, mapped: Columns) -> list[Doubt]:
    """Whether the lines of an order repeat its total, which a sum would count several times."""
    if not ({"order_id", "revenue"} <= mapped.keys()) or len(mapped["revenue"]) > 1:
        return []
    order, revenue = identifier(mapped["order_id"][0]), identifier(mapped["revenue"][0])
    kind = head.raw.columns[mapped["revenue"][0]]
    is_comma = head.columns[mapped["revenue"][0]].is_comma
    amount = number(revenue, kind, decimal="," if is_comma else ".")
    found = connection.execute(
        f"SELECT count(*) FILTER (n > 1), count(*) FILTER (n > 1 AND amounts = 1 AND largest <> 0) FROM "
        f"(SELECT count(*) AS n, count(DISTINCT {amount}) AS amounts, max({amount}) AS largest "
        f"FROM {head.raw.relation} WHERE NOT {blank(order, head.raw.columns[mapped['order_id'][0]])} GROUP BY {order})"
    ).fetchone()
    several, one_amount = found or (0, 0)
    if several < 2 or 2 * one_amount < several:
        return []
    words = "{n} of {several} orders with several lines repeat one amount: is it the order's total?"
    return [Doubt("revenue_per", "order", Note(words, n=one_amount, several=several))]


def _unit_price(mapped: Columns, known: Mapping[str, Any]) -> list[Doubt]:
    price, units = mapped.get("revenue", ("",))[0], mapped.get("quantity", ("",))[0]
    if bare(price) not in synonyms().unit_prices or not units or "multiply_by" in known:
        return []
    return [Doubt("multiply_by", units, Note("is {column} the price of one unit?", column=price))]


def _dates(table: str, head: Head, mapped: Columns) -> list[Doubt]:
    for column, facts in of_kind(table, head, mapped, {"date", "datetime"}):
        parts = _DAY.match((facts.doubtful_date or "").strip())
        if parts is None:
            continue
        first, sign, second, year, gap, _, seconds, half = parts.groups()
        clock = (
            f"{gap}{'%I' if half else '%H'}:%M{':%S' if seconds else ''}{' %p' if half else ''}"
            if gap
            else ""
        )
        day_first = f"%d{sign}%m{sign}{'%Y' if len(year) == 4 else '%y'}{clock}"
        month_first = day_first.replace("%d", "%").replace("%m", "%d").replace("%" + sign, "%m" + sign, 1)
        words = "{column}: is {value} day {a} of month {b}, or day {b} of month {a}? The latter is {other}"
        why = Note(
            words,
            column=column,
            value=facts.doubtful_date or "",
            a=int(first),
            b=int(second),
            other=month_first,
        )
        return [Doubt("date_format", day_first, why)]
    return []


# --- scores -----------------------------------------------------------------------------------


def _scales(head: Head, mapped: Columns) -> list[Doubt]:
    samples = {name: facts.values for name, facts in head.columns.items()}
    asked = [
        found
        for found in score_columns(head.columns, samples)
        if found.scale and mapped.get(found.canonical) == (found.column,)
    ]
    if not asked:
        return []
    value = {found.canonical: list(found.scale) for found in asked if found.scale}
    return [Doubt("scales", value, Note("the scale that it was asked on, if that is so"))]


def _also_asked(head: Head, mapped: Columns) -> list[Doubt]:
    """A score among rows that are no answers, such as satisfaction with how a ticket was handled."""
    taken = {column for columns in mapped.values() for column in columns}
    left = [name for name in head.columns if name not in taken]
    found = score_columns(left, {name: head.columns[name].values for name in left})
    words = "{column} seems to be a score ({score}); to use it, read this file as responses too"
    return [
        Doubt(None, None, Note(words, column=one.column, score=one.canonical))
        for one in found
        if not one.must_ask
    ]


def _no_answers(head: Head, mapped: Columns) -> list[Doubt]:
    """Numbers below zero, by which tools say that a question was not shown."""
    met = Counter(
        value.strip()
        for score in ("nps", "csat", "ces")
        for column in mapped.get(score, ())
        if column in head.columns
        for value in head.columns[column].values
        if re.fullmatch(r"-\d+(\.0+)?", value.strip())
    )
    if not met:
        return []
    shown = ", ".join(f"{value} ({n:,})" for value, n in met.most_common(5))
    return [
        Doubt("blanks", sorted(met), Note("do these numbers stand for no answer? {values}", values=shown))
    ]
