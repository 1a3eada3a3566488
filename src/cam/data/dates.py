"""How a column of dates is written: one order of day, month and year, decided from all of its rows."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from cam.data.engine import identifier, literal
from cam.data.sources import Raw
from cam.data.values import blank, trimmed
from cam.errors import DataError
from cam.params import Source

_TIMES = (
    *("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S.%f"),
    *(" %I:%M %p", " %I:%M:%S %p"),
)
#: Ways to write a day, by the order of their parts. Two-digit years come first: %Y would read 24 as the year 24.
_DATES = {
    "year first": ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d"),
    "day first": (
        *("%d/%m/%y", "%d.%m.%y", "%d-%m-%y", "%d-%b-%y", "%d %b %y"),
        *("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y"),
    ),
    "month first": (
        *("%m/%d/%y", "%m.%d.%y", "%m-%d-%y"),
        *("%m/%d/%Y", "%m.%d.%Y", "%m-%d-%Y", "%b %d, %Y", "%B %d, %Y"),
    ),
}
_OFFSET = (
    r"(:[0-9]{2}(?:[.][0-9]+)?(?: ?[AaPp][Mm])?) ?"
    r"(?:Z|(?:UTC|GMT)?[+-][0-9]{1,2}(?::?[0-9]{2})?|[A-Z]{3,4})$"
)
#: Morning and afternoon in front of the hour, as Chinese forms write it.
_HALF_DAY = r" ?(上午|下午) ?([0-9:]+)$"

#: Order of the parts -> rows that it reads, the expression that reads them.
Readings = dict[str, tuple[int, str]]


def date_reader(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, source: Source, *, place: str
) -> tuple[str, str | None]:
    """Return the expression that reads a column of dates, and the decision to tell.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    origin : str
        The source's column.
    source : Source
        Its entry in the parameter file.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of str and (str or None)
        A timestamp, NULL where a value is no date.

    Raises
    ------
    DataError
        If all rows can be read in two orders and mean different days.
    """
    given, kind = identifier(origin), raw.columns[origin]
    if kind.startswith(("DATE", "TIMESTAMP")):
        return f"CAST({given} AS TIMESTAMP)", None
    text = trimmed(f"CAST({given} AS VARCHAR)")
    asked = source.options.date_format
    if asked:
        _check_format(connection, raw.table, asked)
        return f"try_strptime({text}, {literal(asked)})", None
    rows = f"FROM {raw.relation} WHERE NOT {blank(given, kind)}"
    (complete, readings), told = _readings(connection, text, rows), ""
    if not complete:
        readings, told = _rarer(connection, text, rows, readings)
    if not readings:
        return f"try_strptime({text}, '%Y-%m-%d')", None  # nothing fits: every value counts as unreadable
    best = max(n for n, _ in readings.values())
    likely = {order: reader for order, (n, reader) in readings.items() if n == best}
    if len(likely) > 1:
        first, second = list(likely.values())[:2]
        example = connection.execute(f"SELECT {given} {rows} AND {first} <> {second} LIMIT 1").fetchone()
        if example:
            raise DataError(
                f"{raw.table}: column '{origin}' can be read {' or '.join(likely)} in every row "
                f"(such as {example[0]!r}).\n"
                f'    Say which: data.{raw.table}.options.date_format: "%d/%m/%Y" or "%m/%d/%Y" in {place}.'
            )
    order, reader = next(iter(likely.items()))
    said = [f"dates read {order}"] if order != "year first" else []
    return reader, "".join([*said, told]) or None


def _check_format(connection: duckdb.DuckDBPyConnection, table: str, asked: str) -> None:
    try:
        connection.execute(f"SELECT try_strptime('', {literal(asked)})")
    except duckdb.Error:
        raise DataError(
            f"{table}: data.{table}.options.date_format {asked!r} is no form of a date.\n"
            '    Write it as in "%d/%m/%Y %H:%M": %d day, %m month, %Y year, %y its last two digits.'
        ) from None


def _rarer(
    connection: duckdb.DuckDBPyConnection, text: str, rows: str, plain: Readings
) -> tuple[Readings, str]:
    """Moments with an offset, and dates as numbers, where the plain forms leave rows unread."""
    # The clock of the place where it happened tells the shop's day; the offset would move it to another.
    local = f"regexp_replace({text}, {literal(_OFFSET)}, '\\1')"
    halves = f"regexp_replace({text}, {literal(_HALF_DAY)}, ' \\2 \\1')"
    halves = f"replace(replace({halves}, '上午', 'AM'), '下午', 'PM')"
    number = f"TRY_CAST({text} AS DOUBLE)"
    counted = (
        f"CASE WHEN regexp_full_match({text}, '[0-9]{{13}}') THEN make_timestamp(CAST({number} * 1e3 AS BIGINT)) "
        f"WHEN regexp_full_match({text}, '[0-9]{{10}}') THEN make_timestamp(CAST({number} * 1e6 AS BIGINT)) "
        f"WHEN regexp_full_match({text}, '[2-7][0-9]{{4}}([.][0-9]+)?') "
        f"THEN TIMESTAMP '1899-12-30' + to_seconds(CAST(round({number} * 86400) AS BIGINT)) END"
    )
    n_counted = _first(connection, f"SELECT count({counted}) {rows}")[0]
    choices = [
        (plain, ""),
        (_readings(connection, halves, rows)[1], ""),
        (_readings(connection, local, rows)[1], "the clock as it is written, without its offset from UTC"),
        (
            {"from numbers: days of a spreadsheet, or seconds since 1970": (n_counted, counted)},
            "",
        ),
    ]
    return max(choices, key=lambda choice: max((n for n, _ in choice[0].values()), default=0))


def _readings(connection: duckdb.DuckDBPyConnection, text: str, rows: str) -> tuple[bool, Readings]:
    """Whether one order of the parts reads all rows; for each order how many, and how.

    A sample names the likely formats, all rows decide; all formats are tried only where these leave a row.
    """
    every = {order: [day + time for day in days for time in _TIMES] for order, days in _DATES.items()}
    formats = [form for group in every.values() for form in group]
    queries = ", ".join(f"count(try_strptime({text}, {literal(form)}))" for form in formats)
    sampled = _first(connection, f"SELECT {queries} FROM (SELECT * {rows} LIMIT 200)")
    counts = dict(zip(formats, sampled, strict=True))
    likely = {order: [form for form in group if counts[form]] for order, group in every.items()}
    for choice in (likely, every):
        readers = {order: _reader(text, group) for order, group in choice.items() if group}
        if not readers:
            continue
        # A year below 1000 is a misreading of two digits, never evidence for an order.
        queries = ", ".join(
            f"count(*) FILTER ({reader} >= TIMESTAMP '1000-01-01')" for reader in readers.values()
        )
        total, *read = _first(connection, f"SELECT count(*), {queries} {rows}")
        if max(read) == total or choice is every:
            found = {order: (n, readers[order]) for order, n in zip(readers, read, strict=True) if n}
            return max(read) == total, found
    return False, {}


def _reader(text: str, formats: Sequence[str]) -> str:
    return f"try_strptime({text}, [{', '.join(map(literal, formats))}])"


def _first(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return tuple(int(n) for n in row)
