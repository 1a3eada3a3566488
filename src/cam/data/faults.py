"""What is wrong with a parsed table, in words: rows, example and cure, all faults at once."""

from __future__ import annotations

import json
from math import prod

import duckdb

from cam.data.checks import Check
from cam.data.engine import identifier, literal, whole_numbers
from cam.data.one_pass import CUSTOMERS
from cam.data.orders.amounts import TOO_LARGE
from cam.data.parse import Parsed, fits
from cam.data.types.expressions import is_total, summed_id
from cam.errors import DataError
from cam.params import Params, Source
from cam.schema import TABLES

#: Where a drop for want of an id would leave no more than this share of the rows, it is no cure.
_HARDLY_ANY = 0.1
#: From so many rows on, ids that end in a digit are not asked whether they begin with a name of sums.
_MANY_ROWS = 1_000_000
#: So many ids are named in a cure.
_FEW = 3
#: The share of rows named as sums that must add up to be some.
_MOSTLY = 0.5


def find_faults(
    connection: duckdb.DuckDBPyConnection, parsed: Parsed, source: Source, params: Params, place: str
) -> list[str]:
    """Return every fault for which the run must stop, each with its rows and its cure.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    parsed : Parsed
        The table.
    source : Source
        The table's entry with all that its preset adds; its options may let a fault pass as a drop.
    params : Params
        The client's parameters.
    place : str
        The parameter file, for messages.

    Returns
    -------
    list of str
        Empty where nothing is wrong.
    """
    return [
        *_value_faults(connection, source, parsed, place),
        *_currency_faults(connection, parsed, params, place),
        *_order_faults(connection, parsed, params, place),
        *_total_faults(connection, parsed),
        *_sums_of_customers(connection, parsed, params, place),
    ]


def _value_faults(
    connection: duckdb.DuckDBPyConnection, source: Source, parsed: Parsed, place: str
) -> list[str]:
    asked = [
        check for check in parsed.checks if not check.must_settle and getattr(source.options, _option(check))
    ]
    # A row that is left out for one fault is not asked about for another.
    left_out = " OR ".join(check.flag for check in asked) or "false"
    return [
        _fault_text(source, parsed, check, _only_way(connection, parsed, check, place) or "", place)
        for check in parsed.checks
        if check not in asked
        and (
            check.must_settle
            or _is_any(connection, f"{parsed.relation} WHERE {check.flag} AND NOT ({left_out})")
        )
    ]


def _is_any(connection: duckdb.DuckDBPyConnection, rows: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {rows} LIMIT 1").fetchone() is not None


def _only_way(connection: duckdb.DuckDBPyConnection, parsed: Parsed, check: Check, place: str) -> str | None:
    """The cure where ids are masked or missing throughout: to drop the rows would leave nothing to study."""
    if _option(check) != "drop_missing_ids":
        return None
    counted = connection.execute(
        f"SELECT count(*), count(*) FILTER (NOT {check.flag}) FROM {parsed.relation} WHERE _cam_why IS NULL"
    ).fetchone()
    n_rows, n_left = counted or (0, 0)
    if n_left > _HARDLY_ANY * n_rows:
        return None
    ids = "ids that are not masked" if check.fault == "nobody" else f"their {check.column}"
    left = f"no more than {n_left:,} of {n_rows:,}" if n_left else "none"
    return (
        f"    To drop them would leave {left}. Export them with {ids}, or map another column that says it:\n"
        f"    data.{parsed.table}.columns.{check.column} in {place}."
    )


def _option(check: Check) -> str:
    is_key = check.fault in {"missing", "nobody"} and check.column.endswith("_id")
    return "drop_missing_ids" if is_key else "drop_unreadable"


def _fault_text(source: Source, parsed: Parsed, check: Check, only_way: str, place: str) -> str:
    column = TABLES[parsed.table].column(check.column)
    name = (
        f"amount paid back ('{source.options.refund_column}')"
        if check.column == "_cam_refund"
        else check.column
    )
    what = {
        "missing": f"no {name}",
        "nobody": f"a {name} that names nobody: masked, a placeholder, a total, an unfilled template or a guest's",
        "unreadable": f"{_article(name)} {name} that cannot be read",
        "outside": f"{_article(name)} {name} outside "
        + (
            check.asked
            if check.asked
            else f"{column.low or 0:g} to {column.high:g}"
            if column and column.high is not None
            else "what is possible (before 1900)"
            if column and column.kind in {"date", "datetime"}
            else "what is possible (below 0)"
        ),
    }[check.fault]
    rows = ", ".join(check.rows)
    example = f"; such as {check.example!r}" if check.fault != "missing" and check.example else ""
    cure = only_way or (
        f"    Drop them with data.{parsed.table}.options.{_option(check)}: true in {place}, "
        "or fix them at the source."
    )
    if check.called and not only_way:
        cure = (
            f"    They are called '{check.called}', as sums of other rows are. Leave them out at the source, or with "
            f"data.{parsed.table}.options.{_option(check)}: true in {place}."
        )
    options = source.options
    if check.for_none:
        shown = " and ".join(f"'{word}'" for word in check.for_none)
        verb = "says" if len(check.for_none) == 1 else "say"
        listed = json.dumps([*options.blanks, *check.for_none], ensure_ascii=False)
        cure = (
            f"    If {shown} {verb} that there is none: data.{parsed.table}.options.blanks: {listed} in {place}.\n"
            f"{_if_not(cure)}"
        )
    if column and check.fault == "unreadable" and column.kind in {"money", "number", "integer"}:
        other = "," if options.decimal == "." else "."
        if _is_too_large(check.example, options.decimal):
            # To drop them would leave out the largest amounts.
            room = f"    Numbers of {TOO_LARGE:,} and more have no room: give them in thousands or millions"
            cure = f"{room} in the files.\n{_if_not(cure)}"
        elif other in (check.example or ""):
            noun = "comma" if other == "," else "point"
            sign = f'    If the {noun} is a decimal sign: data.{parsed.table}.options.decimal: "{other}".'
            cure = f"{sign}\n{_if_not(cure)}"
    elif column and check.fault == "unreadable" and column.kind in {"date", "datetime"} and check.hint:
        # To drop a file, or the days that one order alone can read, would leave wrong numbers behind.
        cure = f"    {check.hint}" + ("" if check.must_settle else f"\n{cure}")
    elif column and check.fault == "unreadable" and column.kind in {"date", "datetime"}:
        cure += f'\n    If the dates have a form of their own: data.{parsed.table}.options.date_format: "%d.%m.%y".'
    elif check.hint and column and column.kind == "boolean":
        # To leave the rows out would leave out all who left, or all who stayed.
        cure = f"    {check.hint}" + ("" if check.must_settle else f"\n{cure}")
    elif check.hint:
        cure += f"\n    {check.hint}"
    verb = "has" if check.n == 1 else "have"
    head = f"{parsed.table}: {check.n:,} of {parsed.n_rows:,} rows {verb} {what}"
    return f"{head} (first rows: {rows}{example}).\n{cure}"


def _if_not(cure: str) -> str:
    """A cure as the second choice."""
    return f"    If not: {cure.strip()[0].lower()}{cure.strip()[1:]}"


def _is_too_large(example: str | None, decimal: str) -> bool:
    """Whether a number, or the product of two ("12 x 3"), is one without room."""
    plain = (example or "").replace("," if decimal == "." else ".", "").replace(",", ".")
    try:
        return abs(prod(float(factor) for factor in plain.split(" x "))) >= TOO_LARGE
    except ValueError:
        return False


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _currency_faults(
    connection: duckdb.DuckDBPyConnection, parsed: Parsed, params: Params, place: str
) -> list[str]:
    """Amounts in more than one currency, or in another than the parameters say, by column or by sign."""
    wanted = params.client.currency
    found: dict[str, str] = {}
    if "currency" in parsed.columns:
        code = "CASE upper(currency) WHEN 'RMB' THEN 'CNY' WHEN '人民币' THEN 'CNY' ELSE upper(currency) END"
        counted = connection.execute(
            f"SELECT {code}, count(*) FROM {parsed.relation} WHERE currency IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
        found = {str(name): f"{name} in {n:,} rows" for name, n in counted}
    # Signs that name one currency first: ¥ and $ say nothing new beside a currency that they fit. What the parameters
    # say is no reason to pass over a sign: beside another it is one of two.
    for sign in sorted(parsed.signs, key=len, reverse=True):
        if not any(fits(sign, name) for name in found):
            found[wanted if fits(sign, wanted) else sign] = sign
    if len(found) > 1:
        return [
            f"{parsed.table}: amounts in {len(found)} currencies ({', '.join(found.values())}).\n"
            "    Convert them to one at the source, or make one client per currency."
        ]
    if found and wanted not in found:
        return [
            f"{parsed.table}: amounts are in {next(iter(found))}, but client.currency is {wanted}.\n"
            f"    Set client.currency in {place}, or convert them at the source."
        ]
    return []


def _order_faults(
    connection: duckdb.DuckDBPyConnection, parsed: Parsed, params: Params, place: str
) -> list[str]:
    """Contracts that end before they start: no rate could count them."""
    if parsed.table != "contracts":
        return []
    rows = [
        int(row[0])
        for row in connection.execute(
            f"SELECT rowid FROM {parsed.relation} WHERE end_date < start_date ORDER BY rowid"
        ).fetchmany(1_000_000)
    ]
    if not rows:
        return []
    first = ", ".join(f"{row + 1:,}" for row in rows[:3])
    return [
        f"contracts: {len(rows):,} of {parsed.n_rows:,} rows end before they start (first rows: {first}).\n"
        f"    Fix them at the source, or see whether data.contracts.columns in {place} has the two dates exchanged."
    ]


def _total_faults(connection: duckdb.DuckDBPyConnection, parsed: Parsed) -> list[str]:
    """Sums among what they sum up, which would count twice: of all channels, or of what a customer bought in a day."""
    if parsed.table == "spend":
        among = "date, cost_type" if "cost_type" in parsed.columns else "date"
        return _sums(connection, parsed, "channel", "cost", among, "other channels of the same date")
    faults = []
    for column in parsed.candidate.of_sums if parsed.candidate else ():
        other = "other rows of the same customer and day, and their sum"
        faults += _sums(
            connection, parsed, column, "_cam_exact", "customer_id, CAST(order_date AS DATE)", other
        )
    return faults


def _sums(
    connection: duckdb.DuckDBPyConnection, parsed: Parsed, column: str, amount: str, among: str, other: str
) -> list[str]:
    given = identifier(column)
    found = connection.execute(
        f"""
        SELECT {given}, rowid + 1, count(*) OVER (), avg(CAST(abs(amount - others) <= 0.01 AS INT)) OVER ()
        FROM (SELECT {given}, rowid, {is_total(given)} AS is_sum, {amount} AS amount,
                     sum({amount}) FILTER (NOT {is_total(given)}) OVER (PARTITION BY {among}) AS others
              FROM {parsed.relation} WHERE _cam_why IS NULL)
        WHERE is_sum AND others IS NOT NULL ORDER BY rowid LIMIT 3
        """
    ).fetchall()
    # A brand may be named Total: only what adds up is a sum.
    if not found or not found[0][3] or found[0][3] < _MOSTLY:
        return []
    first = ", ".join(f"{row:,}" for _, row, *_ in found)
    verb, noun = ("has", "Such a row") if found[0][2] == 1 else ("have", "Such rows")
    return [
        f"{parsed.table}: {found[0][2]:,} of {parsed.n_rows:,} rows {verb} the {column} {found[0][0]!r} beside {other} "
        f"(first rows: {first}).\n"
        f"    {noun} would count everything twice. Leave rows of sums out at the source."
    ]


def _sums_of_customers(
    connection: duckdb.DuckDBPyConnection, parsed: Parsed, params: Params, place: str
) -> list[str]:
    """Rows of sums whose id is that of the customer with a name of sums, so that customers and revenue double."""
    if parsed.table != "transactions":
        return []
    is_so, whose = summed_id("customer_id")
    if parsed.n_rows > _MANY_ROWS:  # most ids end in a digit, which is quick to see
        is_so = f"CASE WHEN customer_id GLOB '*[0-9]' THEN false ELSE {is_so} END"
    # Where the customers are not told apart, every row is asked.
    people = CUSTOMERS if parsed.candidate and parsed.candidate.is_final else parsed.relation
    connection.execute(
        f"CREATE OR REPLACE TABLE _cam_sums AS SELECT DISTINCT customer_id AS id, {whose} AS whose "
        f"FROM {people} WHERE {is_so}"
    )
    if not whole_numbers(connection, "SELECT count(*) FROM _cam_sums")[0]:
        connection.execute("DROP TABLE _cam_sums")
        return []
    left_out = " OR ".join(["_cam_why IS NOT NULL", *(check.flag for check in parsed.checks)])
    sound = f"(SELECT rowid, customer_id, _cam_exact FROM {parsed.relation} WHERE NOT ({left_out}))"
    found = connection.execute(
        f"""
        WITH totals AS (
            SELECT customer_id, sum(_cam_exact) AS total FROM {sound}
            WHERE customer_id IN (SELECT id FROM _cam_sums UNION ALL SELECT whose FROM _cam_sums) GROUP BY 1
        ), judged AS (
            SELECT id, own.total <> 0 AND abs(own.total - other.total) <= 0.01 AS is_sum
            FROM _cam_sums JOIN totals AS own ON own.customer_id = id JOIN totals AS other ON other.customer_id = whose
        )
        SELECT rowid + 1, customer_id, count(*) OVER () FROM {sound}
        WHERE customer_id IN (SELECT id FROM judged WHERE is_sum)
            AND (SELECT avg(CAST(is_sum AS INT)) FROM judged) >= {_MOSTLY} ORDER BY rowid LIMIT {_FEW}
        """
    ).fetchall()
    connection.execute("DROP TABLE _cam_sums")
    if not found:
        return []
    n, first = found[0][2], ", ".join(f"{row:,}" for row, *_ in found)
    is_plain = params.client.customer_ids == "plain"
    such = f", such as {found[0][1]!r}," if is_plain else ""
    cure = "Leave rows of sums out at the source"
    if is_plain and n <= _FEW:
        ids = json.dumps(list(dict.fromkeys(row[1] for row in found)), ensure_ascii=False)
        options = f"data.{parsed.table}.options"
        cure += f", or with {options}.guests: {ids} and {options}.drop_missing_ids: true in {place}"
    verb, rows = ("has", "Such a row") if n == 1 else ("have", "Such rows")
    return [
        f"{parsed.table}: {n:,} of {parsed.n_rows:,} rows {verb} a customer_id that is another one with a name of sums"
        f"{such} and the sum of that customer's rows (first rows: {first}).\n"
        f"    {rows} would count the customers and all they bought twice. {cure}."
    ]


def refuse_doubled_keys(
    connection: duckdb.DuckDBPyConnection,
    parsed: Parsed,
    name: str | None,
    kept: str,
    place: str,
    *,
    by_row: bool,
) -> None:
    """Stop if two rows that are kept have one key.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    parsed : Parsed
        The table.
    name : str or None
        Its key, if it has one.
    kept : str
        Quoted relation of the rows that are kept.
    place : str
        The parameter file, for messages.
    by_row : bool
        Whether rows are named, and no ids.

    Raises
    ------
    DataError
        With the first keys, and the cure.
    """
    if not name:
        return
    key = identifier(name)
    doubled = connection.execute(
        f"SELECT {key}, count(*) OVER () FROM {kept} GROUP BY {key} HAVING count(*) > 1 ORDER BY 1 LIMIT 3"
    ).fetchall()
    if doubled:
        first = ", ".join(str(row[0]) for row in doubled)
        if by_row:  # a hash would tell the reader of the message nothing
            listed = ", ".join(literal(str(row[0])) for row in doubled)
            rows = connection.execute(
                f"SELECT rowid FROM {parsed.relation} WHERE {key} IN ({listed}) ORDER BY 1 LIMIT 4"
            ).fetchall()
            first = "rows " + ", ".join(f"{row[0] + 1:,}" for row in rows)
        raise DataError(
            f"{parsed.table}: {doubled[0][1]:,} values of {name} stand in more than one row (first: {first}).\n"
            f"    Keep one row for each at the source; exact copies go with "
            f"data.{parsed.table}.options.drop_duplicates: true in {place}."
        )
