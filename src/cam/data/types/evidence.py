"""What the values of a column say beside their form: file by file, by the years they become, by how often they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from cam.data.engine import identifier, literal
from cam.data.files.sources import FILE, Raw
from cam.data.notes import Note
from cam.data.types.expressions import blank
from cam.errors import DataError
from cam.params import Source

_FOUR_DIGITS = "'(^|[^0-9])[0-9]{4}([^0-9]|$)'"
#: Years without a date, between two that have some, after which the later one is a century off.
_GAP = 20
#: Ids that may be somebody's, and are nobody's where they have many orders.
_NO_IDS = ", ".join(
    literal(word)
    for word in (
        *("0", "00", "000", "0000", "00000", "000000", "00000000", "-1", "99", "999", "9999", "99999"),
        *("999999", "9999999", "99999999", "999999999", "9999999999", "12345", "123456", "123456789"),
        *("test", "Test", "TEST", "dummy", "Dummy", "DUMMY", "default", "Default", "cash", "Cash", "CASH"),
        *("POS", "admin", "Admin", "other", "Other", "测试"),
    )
)
_AS_OTHER_FILES = {
    "day first": "{column}: dates of {files} could be read month first too; read day first as those of {other}",
    "month first": "{column}: dates of {files} could be read day first too; read month first as those of {other}",
}


def judge_files(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, order: str, readers: Mapping[str, str]
) -> list[Note]:
    """Say which files show the order of day and month only through the others.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    origin : str
        The source's column.
    order : str
        What all rows together say.
    readers : mapping of str to str
        Order to the expression that reads it.

    Returns
    -------
    list of Note
        Empty where there is one file, or each file says it itself.

    Raises
    ------
    DataError
        If two files can only be read in different orders.
    """
    others = _AS_OTHER_FILES.keys() & readers.keys() - {order}
    if FILE not in raw.columns or order not in _AS_OTHER_FILES or not others:
        return []
    other = others.pop()
    given, kind = identifier(origin), raw.columns[origin]
    found = connection.execute(
        f"SELECT {FILE}, count(a), count(b), count(*) FILTER (a <> b) FROM (SELECT {FILE}, {readers[order]} AS a, "
        f"{readers[other]} AS b FROM {raw.relation} WHERE NOT {blank(given, kind)}) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    for_it = [name for name, n_it, n_other, _ in found if n_it > n_other]
    against = [name for name, n_it, n_other, _ in found if n_it < n_other]
    if for_it and against:
        raise DataError(
            f"{raw.table}: column '{origin}' of {for_it[0]} can only be read {order}, that of {against[0]} only "
            f"{other}.\n    Export them again in one way, or with the year first, as in 2024-01-31."
        )
    open_files = [str(name) for name, n_it, n_other, differ in found if n_it == n_other and differ]
    if not (for_it and open_files):
        return []
    shown = ", ".join(open_files[:3]) + (" …" if len(open_files) > 3 else "")
    return [Note(_AS_OTHER_FILES[order], column=origin, files=shown, other=str(for_it[0]))]


def refuse_two_orders(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, readers: Mapping[str, str]
) -> None:
    """Stop where some rows can only be read in one order of day and month, and as many others only in the other.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    origin : str
        The source's column.
    readers : mapping of str to str
        Two orders, each with the expression that reads it.

    Raises
    ------
    DataError
        With a value of each kind.
    """
    given = identifier(origin)
    (first, a), (second, b) = list(readers.items())[:2]
    found = connection.execute(
        f"SELECT min({given}) FILTER (a IS NOT NULL AND b IS NULL), min({given}) FILTER (b IS NOT NULL AND a IS NULL) "
        f"FROM (SELECT {given}, {a} AS a, {b} AS b FROM {raw.relation})"
    ).fetchone()
    assert found is not None
    if None not in found:
        raise DataError(
            f"{raw.table}: column '{origin}' has dates that can only be read {first}, such as {found[0]!r}, and "
            f"others only {second}, such as {found[1]!r}.\n"
            "    No option can tell which the others are. Export them again in one way, or with the year first, as in "
            "2024-01-31."
        )


def order_notes(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    source: Source,
    relation: str,
    origin: str | None,
) -> list[Note]:
    """Say what the values leave open: whose an id is, what a decimal sign parts.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    source : Source
        Its entry in the parameter file.
    relation : str
        Quoted name of their typed table.
    origin : str or None
        The source's column of revenue.

    Returns
    -------
    list of Note
        Empty for other tables than transactions.
    """
    if raw.table != "transactions":
        return []
    cut = f"SELECT 1 FROM {relation} WHERE _cam_exact <> revenue LIMIT 1"
    # Only an amount of more than two decimals may have been one of thousands.
    is_asked = FILE in raw.columns and origin is not None and raw.columns[origin] == "VARCHAR"
    is_open = is_asked and connection.execute(cut).fetchone() is not None
    files = _decimals_by_file(connection, raw, str(origin), decimal=source.options.decimal) if is_open else []
    return [*_shared_ids(connection, relation), *files]


def ids_without_zeros(connection: duckdb.DuckDBPyConnection, raw: Raw, people: str) -> dict[str, Any] | None:
    """Find ids of digits that stand with zeros in front and without, as where one file of several has lost them.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    people : str
        Quoted relation that has every *customer_id*, once or often.

    Returns
    -------
    dict or None
        ``n`` ids, the ``width`` of the longest that has zeros, and one of them, ``long`` and ``short``; or None.
    """
    if raw.table != "transactions":
        return None
    if not connection.execute(
        f"SELECT 1 FROM {people} WHERE starts_with(customer_id, '0') LIMIT 1"
    ).fetchone():
        return None
    found = connection.execute(
        "SELECT count(*) OVER (), max(customer_id), min(customer_id), max(max(length(customer_id))) OVER () "
        f"FROM (SELECT DISTINCT customer_id FROM {people} "
        "WHERE regexp_full_match(customer_id, '[0-9]+')) GROUP BY ltrim(customer_id, '0') HAVING count(*) > 1 "
        "ORDER BY 2 LIMIT 1"
    ).fetchone()
    if not found:
        return None
    return {"n": int(found[0]), "width": int(found[3]), "long": str(found[2]), "short": str(found[1])}


def _decimals_by_file(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, *, decimal: str
) -> list[Note]:
    """The files in which each sign may part thousands, where others show that it does not."""
    given, sign = identifier(origin), literal(decimal)
    grouped = f"regexp_full_match(trim({given}), '[^0-9]*[1-9][0-9]{{0,2}}([{decimal}][0-9]{{3}})+[^0-9]*')"
    found = connection.execute(
        f"SELECT {FILE}, bool_and({grouped}) FROM {raw.relation} WHERE contains({given}, {sign}) "
        "GROUP BY 1 ORDER BY 1"
    ).fetchall()
    open_files = [str(name) for name, is_open in found if is_open]
    if not open_files or len(open_files) == len(found):
        return []
    shown = ", ".join(open_files[:3]) + (" …" if len(open_files) > 3 else "")
    words = (
        "{column}: each {sign} in {files} may part thousands too; read as the decimal sign, as in {other}. "
        "If it does, export these files again"
    )
    other = next(str(name) for name, is_open in found if not is_open)
    return [Note(words, column=origin, sign=decimal, files=shown, other=other)]


def _shared_ids(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Note]:
    """Ids that look like none and have more than 1 % of the rows."""
    words = (
        "customer_id {id} has {n} of {total} rows and may stand for many people; "
        "options.guests says that it names nobody"
    )
    found = connection.execute(
        f"SELECT customer_id, count(*) AS n, (SELECT count(*) FROM {relation}) AS total FROM {relation} "
        f"WHERE customer_id IN ({_NO_IDS}) GROUP BY 1 HAVING n > greatest(1, total * 0.01) "
        "ORDER BY n DESC, 1 LIMIT 5"
    ).fetchall()
    return [Note(words, id=str(name), n=int(n), total=int(total)) for name, n, total in found]


def year_span(connection: duckdb.DuckDBPyConnection, raw: Raw, reader: str) -> int:
    """Return the years between the first and the last date of a column.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    reader : str
        Expression of the dates.

    Returns
    -------
    int
    """
    row = connection.execute(
        f"SELECT max(year({reader})) - min(year({reader})) FROM {raw.relation}"
    ).fetchone()
    return int(row[0] or 0) if row else 0


def within_years(connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, reader: str) -> str:
    """Return the expression of dates without those whose two digits became a year far after all others.

    A birthday of 68 would be in 2068.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    origin : str
        The source's column.
    reader : str
        Expression of the dates.

    Returns
    -------
    str
        *reader* itself where no year stands apart.
    """
    if "%y" not in reader:
        return reader
    given, kind = identifier(origin), raw.columns[origin]
    full = f"regexp_matches(CAST({given} AS VARCHAR), {_FOUR_DIGITS})"
    found = connection.execute(
        f"SELECT year(day), count(*), count(*) FILTER (is_full) FROM (SELECT {reader} AS day, {full} AS is_full "
        f"FROM {raw.relation} WHERE NOT {blank(given, kind)}) WHERE day IS NOT NULL GROUP BY 1 ORDER BY 1"
    ).fetchall()
    if not found:
        return reader
    told = [year for year, _, n_full in found if n_full]
    if told:  # years of four digits are what they say
        last, gap = max(told), 1
    else:
        last, gap = _median([(year, n) for year, n, _ in found]), _GAP
    for year, _, _ in found:
        if last < year <= last + gap:
            last = year
    return reader if found[-1][0] <= last else f"CASE WHEN year({reader}) <= {last} THEN {reader} END"


def _median(counts: list[tuple[int, int]]) -> int:
    half, seen = sum(n for _, n in counts) / 2, 0
    for year, n in counts:
        seen += n
        if seen >= half:
            return year
    return counts[-1][0]
