"""Exports whose lines carry facts of their order: filled down, and the order's money shared out, once.

Some systems write what belongs to an order on its first line only, others again on each. A sum over such lines would
miss or double it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import duckdb

from cam.data.engine import identifier, literal
from cam.data.files.sources import ASIDE, COPY, Raw, find_column
from cam.data.notes import Note
from cam.data.orders.amounts import EXACT, WIDE, written, written_kind
from cam.data.orders.columns import column_of, needed_column
from cam.data.orders.states import known_states, plain_state
from cam.data.people.identity import one_form
from cam.data.types.dates import date_reader
from cam.data.types.expressions import blank, number, text
from cam.errors import DataError
from cam.params import Source
from cam.params.sources import States

#: Why a line is left out whose order's money stands on another.
FURTHER_LINE = "further line of an order"
#: Facts of an order, whichever of its lines has them; beside the column of states.
_FACTS = ("customer_id", "order_date", "channel", "currency")
#: Facts of a line: unknown of an order that is left with one line.
_ARTICLES = ("product", "category")
_WEIGHT = "DECIMAL(24, 6)"
_CENT = "CAST(0.01 AS DECIMAL(2, 2))"


@dataclass(frozen=True, slots=True)
class _Money:
    """A column of amounts: revenue first, then those beside it."""

    origin: str
    given: str
    kind: str
    amount: str
    #: Whether it is a fact of the order, rather than of each line.
    of_order: bool = True


def order_lines(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str
) -> tuple[Raw, Source]:
    """Give each line its order's facts and its part of the order's money, where revenue is an order's.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read, with ``_cam_aside`` and ``_cam_copy``.
    source : Source
        Its entry in the parameter file.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of Raw and Source
        With ``line_value`` every line has its part of revenue, to the cent; else the first line has all of it and the
        others are set aside.

    Raises
    ------
    DataError
        If lines of one order carry different revenues, or a column is not there.
    """
    options = source.options
    if options.revenue_per != "order":
        if options.line_value:
            raise DataError(
                f"{raw.table}: line_value shares out the revenue of an order, but revenue is that of a line.\n"
                f"    Set data.{raw.table}.options.revenue_per: order in {place}, or take line_value out."
            )
        return raw, source
    order_of, revenue_of = column_of(raw, source, "order_id"), column_of(raw, source, "revenue")
    if raw.table != "transactions" or order_of is None:
        raise DataError(
            f"{raw.table}: revenue_per: order needs an order_id, by which lines belong together.\n"
            f"    Map it in data.{raw.table}.columns, or take revenue_per out of {place}."
        )
    if revenue_of is None:
        return raw, source  # the reading of columns says what is missing
    monies = _monies(raw, source, revenue_of, place)
    lines = _lines(connection, raw, source, order_of, monies, place)
    _refuse_differing(connection, raw, lines, revenue_of, place)
    if options.states and not options.line_value:
        _refuse_mixed_states(connection, raw, lines, options.states, place)
    monies, notes = _of_order(connection, lines, monies)
    made, told = _share(connection, raw, source, lines, monies, place)
    return replace(made, notes=(*made.notes, *notes, *told)), source


def _monies(raw: Raw, source: Source, revenue_of: str, place: str) -> list[_Money]:
    options = source.options
    names = [revenue_of]
    if options.refund_column:
        names.append(needed_column(raw, options.refund_column, "refund_column", place))
    names += [name for key in ("discount", "cost") if (name := column_of(raw, source, key))]
    return [
        _Money(
            name,
            identifier(name),
            raw.columns[name],
            number(identifier(name), raw.columns[name], decimal=options.decimal),
        )
        for name in dict.fromkeys(names)
    ]


def fill_down(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str
) -> tuple[Raw, Source]:
    """Give each line the facts that stand on another line of its order only, where revenue is an order's.

    Each column by itself, before one is chosen of several: a line without a day of payment has that of its order, not
    its own day of creation.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read, with ``_cam_aside``.
    source : Source
        Its entry in the parameter file.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of Raw and Source
    """
    present = raw.own_columns

    def named(name: str) -> list[str]:
        asked = source.columns.get(name, name)
        found = [find_column(origin, present) for origin in ([asked] if isinstance(asked, str) else asked)]
        return [origin for origin in found if origin]

    ids = named("order_id")
    if source.options.revenue_per != "order" or not ids:
        return raw, source
    facts = [origin for name in _FACTS for origin in named(name)]
    if states := source.options.states:
        facts.append(needed_column(raw, states.column, "states.column", place))
    order = ", ".join(text(identifier(origin), raw.columns[origin], is_id=True) for origin in ids)
    # Rows without an order stand alone.
    marked = (
        f"SELECT *, CASE WHEN {ASIDE} IS NULL THEN coalesce({order}) END AS _cam_order "
        f"FROM (SELECT *, row_number() OVER () AS _cam_row FROM {raw.relation})"
    )
    people, days = named("customer_id"), named("order_date")
    alone = "CASE WHEN _cam_order IS NULL THEN _cam_row END"
    facts = [name for name in dict.fromkeys(facts) if name not in ids]
    # An order_id that two customers share does not say whose a line is; nor does one customer's line tell another's.
    owned = _filled(raw, [name for name in facts if name in people], f"PARTITION BY _cam_order, {alone}", ())
    who = ", ".join(text(identifier(name), raw.columns[name], is_id=True) for name in facts if name in people)
    part = f"PARTITION BY _cam_order, _cam_who, {alone}"
    told = _filled(raw, [name for name in facts if name not in people], part, days)

    def listed(values: dict[str, str]) -> str:
        return ", ".join(
            f"{values[name]} AS {identifier(name)}" if name in values else identifier(name)
            for name in raw.columns
        )

    marked = f"SELECT {listed(owned)}, _cam_order, _cam_row FROM ({marked})"
    marked = (
        f"SELECT *, CAST({f'coalesce({who})' if who else 'NULL'} AS VARCHAR) AS _cam_customer FROM ({marked})"
    )
    marked = f"SELECT *, {one_form('_cam_customer')} AS _cam_who FROM ({marked})"
    table = identifier(f"{raw.table}_filled")
    connection.execute(f"CREATE TABLE {table} AS SELECT {listed(told)} FROM ({marked}) ORDER BY _cam_row")
    return replace(raw, relation=table), source


def _filled(raw: Raw, names: list[str], part: str, days: Iterable[str]) -> dict[str, str]:
    """What each column is with its blanks filled by the one value that the other lines of *part* have.

    Of several there is none to choose, but of days any will do: the first of the order's counts.
    """
    filled = dict[str, str]()
    for name in names:
        given, kind = identifier(name), raw.columns[name]
        value = f"CASE WHEN NOT {blank(given, kind)} THEN {given} END"
        plain = f"lower(CASE WHEN NOT {blank(given, kind)} THEN {text(given, kind, is_id=True)} END)"
        alike = "true" if name in days else f"min({plain}) OVER ({part}) = max({plain}) OVER ({part})"
        filled[name] = f"coalesce({value}, CASE WHEN {alike} THEN min({value}) OVER ({part}) END, {given})"
    return filled


def _lines(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    source: Source,
    order_of: str,
    monies: list[_Money],
    place: str,
) -> str:
    """Make a table of the lines: their order, the part of it that they belong to, their amounts and their worth."""
    options = source.options
    factors = [needed_column(raw, name, "line_value", place) for name in options.line_value]
    worth = " * ".join(
        f"CAST({number(identifier(name), raw.columns[name], decimal=options.decimal)} AS {WIDE})"
        for name in factors
    )
    order = text(identifier(order_of), raw.columns[order_of], is_id=True)
    # An exact copy that is to go must not take a part of the order's money with it.
    copy = (
        f"row_number() OVER (PARTITION BY {COPY} ORDER BY _cam_row) > 1"
        if options.drop_duplicates
        else "false"
    )
    listed = [f"{money.amount} AS _cam_amount_{index}" for index, money in enumerate(monies)]
    listed.append(f"{f'TRY_CAST({worth} AS {_WEIGHT})' if worth else 'NULL'} AS _cam_worth")
    customer_of = column_of(raw, source, "customer_id")
    customer = text(identifier(customer_of), raw.columns[customer_of], is_id=True) if customer_of else "NULL"
    listed.append(f"CAST({customer} AS VARCHAR) AS _cam_customer")
    table = (
        f"(SELECT *, CASE WHEN {ASIDE} IS NULL THEN {order} END AS _cam_order, "
        f"{ASIDE} IS NULL AND {order} IS NOT NULL AND {copy} AS _cam_is_copy, {', '.join(listed)} "
        f"FROM (SELECT *, row_number() OVER () AS _cam_row FROM {raw.relation}))"
    )
    # Ids are made alike later, with those of the other tables; A@x.com and a@x.com must be one here already.
    who = one_form("_cam_customer")
    date_of = column_of(raw, source, "order_date")
    day = f"CAST({identifier(date_of)} AS VARCHAR)" if date_of else "NULL"
    # A refund in the order is a document of its own: its lines are those of its day and its amount.
    own = f"CASE WHEN _cam_amount_0 < 0 THEN concat({day}, ' ', _cam_amount_0) END"
    revenue = monies[0]
    readable = f"(_cam_amount_0 IS NOT NULL OR {blank(revenue.given, revenue.kind)})"
    is_line = f"_cam_order IS NOT NULL AND NOT _cam_is_copy AND {readable}"
    window = "(PARTITION BY _cam_order, _cam_who, _cam_line)"
    made = identifier(f"{raw.table}_lines")
    connection.execute(
        f"""
        CREATE TABLE {made} AS
        SELECT *, CASE WHEN _cam_line THEN
            CASE WHEN _cam_amount_0 >= 0 OR (_cam_amount_0 IS NULL AND _cam_bought) THEN ''
                 ELSE coalesce(_cam_refund_of, _cam_any_refund) END END AS _cam_part
        FROM (
            SELECT *, coalesce(bool_or(_cam_amount_0 >= 0) OVER {window}, false) AS _cam_bought,
                   max(_cam_refund_of) OVER {window} AS _cam_any_refund
            FROM (SELECT *, {who} AS _cam_who, {own} AS _cam_refund_of, {is_line} AS _cam_line FROM {table})
        )
        """
    )
    return made


def _refuse_differing(
    connection: duckdb.DuckDBPyConnection, raw: Raw, lines: str, revenue_of: str, place: str
) -> None:
    found = connection.execute(
        f"""
        SELECT _cam_order, min(_cam_amount_0), max(_cam_amount_0), count(*) OVER () FROM {lines}
        WHERE _cam_part = '' GROUP BY _cam_order, _cam_who
        HAVING min(_cam_amount_0) <> max(_cam_amount_0) ORDER BY min(_cam_row) LIMIT 3
        """
    ).fetchall()
    if found:
        first = ", ".join(f"{row[0]}: {_money(row[1])} and {_money(row[2])}" for row in found)
        raise DataError(
            f"{raw.table}: lines of {found[0][3]:,} orders have different amounts in '{revenue_of}' "
            f"(first: {first}), so they are not the order's.\n"
            f"    If they are those of the lines: data.{raw.table}.options.revenue_per: line in {place}. If two orders "
            "share an id, map order_id to another column."
        )


def _refuse_mixed_states(
    connection: duckdb.DuckDBPyConnection, raw: Raw, lines: str, states: States, place: str
) -> None:
    """Where one line has an order's money, its state decides; lines that count beside lines that do not are a doubt."""
    origin = needed_column(raw, states.column, "states.column", place)
    given = text(identifier(origin), raw.columns[origin], is_id=False)
    met = connection.execute(
        f"SELECT states, count(*), first(_cam_order ORDER BY line) FROM (SELECT _cam_order, min(_cam_row) AS line, "
        f"list(DISTINCT coalesce({given}, '')) AS states FROM {lines} WHERE _cam_part IS NOT NULL "
        f"GROUP BY _cam_order, _cam_who, _cam_part HAVING min({given}) <> max({given})) "
        "GROUP BY 1 ORDER BY min(line)"
    ).fetchall()
    known = known_states(raw, states, place)
    mixed = [row for row in met if len({known.get(plain_state(state)) for state in row[0]}) > 1]
    if mixed:
        raise DataError(
            f"{raw.table}: {sum(row[1] for row in mixed):,} orders have lines that count and lines that do not, by "
            f"'{origin}' (first: {mixed[0][2]}: {', '.join(sorted(mixed[0][0]))}).\n"
            f"    Name what a line is worth, so that each has its part: data.{raw.table}.options.line_value in {place}."
        )


def _money(amount: object) -> str:
    return f"{amount:,.2f}"


def _of_order(
    connection: duckdb.DuckDBPyConnection, lines: str, monies: list[_Money]
) -> tuple[list[_Money], list[str]]:
    """Whether each further amount is the order's too: it is unless two lines of one order differ in it."""
    notes, settled = list[str](), monies[:1]
    for index, money in enumerate(monies[1:], 1):
        value = f"_cam_amount_{index}"
        found = connection.execute(
            f"SELECT count(*) FILTER (n > 1), count(*) FILTER (low <> high) FROM (SELECT count({value}) AS n, "
            f"min({value}) AS low, max({value}) AS high FROM {lines} WHERE _cam_part IS NOT NULL "
            "GROUP BY _cam_order, _cam_who, _cam_part)"
        ).fetchone()
        assert found is not None
        of_order = not found[1]
        settled.append(replace(money, of_order=of_order))
        if found[0]:
            words = (
                "{column} is the same on all lines of each order, and counts once per order, as revenue does"
                if of_order
                else "{column} differs between the lines of {n} orders, so it is that of a line"
            )
            values: dict[str, int | str] = {"column": money.origin} | ({} if of_order else {"n": found[1]})
            notes.append(Note(words, **values))
    return settled, notes


def _share(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    source: Source,
    lines: str,
    monies: list[_Money],
    place: str,
) -> tuple[Raw, list[str]]:
    """The lines with their money, in the order of the source."""
    shares = bool(source.options.line_value)
    part = "(PARTITION BY _cam_order, _cam_who, _cam_part)"
    # By content, so that the order of the lines in the file does not move a cent; equal lines are alike.
    running = (
        f"(PARTITION BY _cam_order, _cam_who, _cam_part ORDER BY {COPY}, _cam_row ROWS UNBOUNDED PRECEDING)"
    )
    worked = [
        f"count(*) OVER {part} AS _cam_n",
        f"sum(_cam_worth) OVER {part} AS _cam_whole",
        f"sum(_cam_worth) OVER {running} AS _cam_upto",
        f"count(*) OVER {running} = count(*) OVER {part} AS _cam_last",
        f"bool_or(_cam_worth IS NULL OR _cam_worth < 0) OVER {part} AS _cam_unclear",
    ]
    for index, money in enumerate(monies):
        total = "max" if money.of_order else "sum"
        worked.append(f"{total}(_cam_amount_{index}) OVER {part} AS _cam_total_{index}")
    places = {name: column_of(raw, source, name) for name in (*_ARTICLES, "quantity")}
    articles = {name: origin for name, origin in places.items() if origin and name != "quantity"}
    for name, origin in articles.items():
        given = f"nullif(CAST({identifier(origin)} AS VARCHAR), '')"
        worked.append(
            f"min({given}) OVER {part} IS DISTINCT FROM max({given}) OVER {part} AS _cam_mixed_{name}"
        )
    date_of = column_of(raw, source, "order_date")
    day, moved = _day(connection, raw, source, lines, date_of, place) if date_of else ("NULL", 0)
    if date_of:
        given = identifier(date_of)
        ordered = f"({part[1:-1]} ORDER BY {day} NULLS LAST, CAST({given} AS VARCHAR))"
        worked.append(f"first_value({given}) OVER {ordered} AS _cam_earliest")
    # By content, again: the line that has an amount to write another like it, of the first day.
    told = [f"CAST({identifier(origin)} AS VARCHAR)" for origin in articles.values()]
    ranks = ", ".join(f"{rank} NULLS LAST" for rank in (day, *told, COPY, "_cam_row") if rank != "NULL")
    ordered = f"({part[1:-1]} ORDER BY _cam_amount_0 IS NULL, {ranks})"
    worked.append(f"row_number() OVER {ordered} = 1 AS _cam_first")
    quantity = places["quantity"]
    if quantity:
        units = number(identifier(quantity), raw.columns[quantity], decimal=source.options.decimal)
        worked.append(f"sum({units}) OVER {part} AS _cam_units")
    is_one = "(_cam_part IS NULL OR _cam_n = 1)"
    shared = f"({'_cam_whole > 0 AND NOT _cam_unclear' if shares else 'false'})"
    values, columns = dict[str, str](), dict(raw.columns)
    for index, money in enumerate(monies):
        made = written(_shared(index, shared), money.given, money.kind, decimal=source.options.decimal)
        lone = written("0", money.given, money.kind, decimal=source.options.decimal) if index == 0 else "NULL"
        keeps = is_one if money.of_order or not shares else "true"
        values[money.origin] = (
            f"CASE WHEN _cam_is_copy THEN {lone} WHEN {keeps} THEN {_typed(money)} "
            f"WHEN {shared} OR _cam_first THEN {made} ELSE {lone} END"
        )
        columns[money.origin] = written_kind(money.kind)
    if not shares:
        for name, origin in articles.items():
            values[origin] = f"CASE WHEN {is_one} OR NOT _cam_mixed_{name} THEN {identifier(origin)} END"
        if date_of:
            values[date_of] = (
                f"CASE WHEN {is_one} OR NOT _cam_first THEN {identifier(date_of)} ELSE _cam_earliest END"
            )
        if quantity:
            given, kind = identifier(quantity), raw.columns[quantity]
            units = written("_cam_units", given, kind, decimal=source.options.decimal)
            values[quantity] = f"CASE WHEN {is_one} OR NOT _cam_first THEN {given} ELSE {units} END"
            columns[quantity] = written_kind(kind)
    further = f"WHEN NOT {is_one} AND NOT _cam_first THEN {literal(FURTHER_LINE)} " * (not shares)
    values[ASIDE] = f"coalesce({ASIDE}, CASE WHEN _cam_is_copy THEN 'exact copy' {further}END)"
    listed = ", ".join(
        f"{values[name]} AS {identifier(name)}" if name in values else identifier(name) for name in columns
    )
    table = identifier(f"{raw.table}_shared")
    connection.execute(
        f"CREATE TABLE {table} AS SELECT {listed} FROM (SELECT *, {', '.join(worked)} FROM {lines}) ORDER BY _cam_row"
    )
    notes = _told(connection, lines, shares=shares)
    if moved and not shares:  # else they are counted where the lines stand together again
        notes.append(Note("{n} orders have lines on several days; each counts on the first", n=moved))
    connection.execute(f"DROP TABLE {lines}")
    return replace(raw, relation=table, columns=columns), notes


def _day(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, lines: str, date_of: str, place: str
) -> tuple[str, int]:
    """The day of a line, which need not be read where all lines of each order have the same; and of how many not."""
    given = identifier(date_of)
    groups = f"FROM {lines} WHERE _cam_part IS NOT NULL GROUP BY _cam_order, _cam_who, _cam_part"
    if not connection.execute(f"SELECT 1 {groups} HAVING min({given}) <> max({given}) LIMIT 1").fetchone():
        return "NULL", 0
    day, _ = date_reader(connection, raw, date_of, source, place=place)
    found = connection.execute(
        f"SELECT count(*) FILTER (low <> high) FROM "
        f"(SELECT CAST(min({day}) AS DATE) AS low, CAST(max({day}) AS DATE) AS high {groups})"
    ).fetchone()
    return day, found[0] if found else 0


def _typed(money: _Money) -> str:
    return money.given if money.kind == "VARCHAR" else f"TRY_CAST({money.given} AS {EXACT})"


def _shared(index: int, shared: str) -> str:
    """A line's part of the order's total in whole cents, which add up; the last has what is smaller than a cent."""
    total = f"_cam_total_{index}"
    cents = f"CAST(trunc(CAST({total} AS {WIDE}) * 100) AS BIGINT)"
    upto = f"round({cents} * (CAST(_cam_upto AS DOUBLE) / CAST(_cam_whole AS DOUBLE)))"
    before = f"round({cents} * (CAST(_cam_upto - _cam_worth AS DOUBLE) / CAST(_cam_whole AS DOUBLE)))"
    own = f"CAST({upto} - {before} AS DECIMAL(18, 0)) * {_CENT}"
    exact = f"{own} + CASE WHEN _cam_last THEN {total} - CAST({cents} AS DECIMAL(18, 0)) * {_CENT} ELSE 0 END"
    return f"CASE WHEN {shared} THEN {exact} ELSE {total} END"


def _told(connection: duckdb.DuckDBPyConnection, lines: str, *, shares: bool) -> list[str]:
    found = connection.execute(
        f"""
        SELECT count(*), coalesce(sum(n), 0), coalesce(sum(again), 0), count(*) FILTER (unclear) FROM (
            SELECT count(*) AS n, sum(_cam_amount_0) - max(_cam_amount_0) AS again,
                   coalesce(sum(_cam_worth), 0) <= 0 OR bool_or(_cam_worth IS NULL OR _cam_worth < 0) AS unclear
            FROM {lines} WHERE _cam_part IS NOT NULL GROUP BY _cam_order, _cam_who, _cam_part HAVING count(*) > 1)
        """
    ).fetchone()
    assert found is not None
    orders, rows, again, unclear = found
    if not orders:
        return []
    notes: list[str] = []
    if again:
        words = (
            "the revenue of {n} orders of several lines stands on each line again; it counts once, without {money} "
            "that the repeats would have added"
        )
        notes.append(Note(words, n=orders, money=_money(again)))
    if not shares:
        words = (
            "{n} orders have {lines} lines; the first of each has the order's money, and what the others sold is "
            "not known"
        )
        notes.append(Note(words, n=orders, lines=int(rows)))
        return notes
    notes.append(
        Note(
            "the revenue of {n} orders was shared out over their {lines} lines",
            n=orders - unclear,
            lines=int(rows),
        )
    )
    if unclear:
        words = "{n} orders have lines of no known worth; the first line has all of their revenue"
        notes.append(Note(words, n=unclear))
    return notes
