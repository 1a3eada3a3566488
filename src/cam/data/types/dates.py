"""How a column of dates is written: one order of day, month and year, decided from all of its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from cam.data.engine import identifier, literal, whole_numbers
from cam.data.files.sources import FILE, Raw
from cam.data.notes import Note
from cam.data.types.clocks import in_zone
from cam.data.types.evidence import judge_files, refuse_two_orders, within_years, year_span
from cam.data.types.expressions import blank, trimmed
from cam.errors import DataError
from cam.params import Source
from cam.schema import IN_MONTHS

_TIMES = (
    *("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S.%f"),
    *(" %I:%M %p", " %I:%M:%S %p"),
)
#: The order that is asked about, where two digits may be a year or a day.
_SHORT = "year first, in two digits"
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
    _SHORT: ("%y-%m-%d", "%y/%m/%d", "%y.%m.%d"),
}
_OFFSET = (
    r"(:[0-9]{2}(?:[.][0-9]+)?(?: ?[AaPp][Mm])?) ?"
    r"(?:Z|(?:UTC|GMT)?[+-][0-9]{1,2}(?::?[0-9]{2})?|[A-Z]{3,4})$"
)
#: Morning and afternoon in front of the hour, as Chinese forms write it.
_HALF_DAY = r" ?(上午|下午) ?([0-9:]+)$"

_EVERY = {order: [day + time for day in days for time in _TIMES] for order, days in _DATES.items()}

#: Ways to write a month, and what such a text looks like: 1/24 and Jan 24 are rather days, 2024.1 may be an October.
_MONTHS = ("%Y-%m", "%Y/%m", "%Y年%m月", "%m/%Y", "%m-%Y", "%m.%Y", "%b %Y", "%b-%Y", "%B %Y", "%B-%Y")
_MONTH = "[0-9]{4}[-/年][0-9]{1,2}月?|([0-9]{1,2}[-/.]|[A-Za-z]{3,9}[ -])[0-9]{4}"

#: A year before this one is a misreading of two digits, never evidence for an order.
_FIRST = "TIMESTAMP '1000-01-01'"

#: Order of the parts -> rows that it reads, the expression that reads them.
Readings = dict[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows that are still to be asked how their dates are written.

    Attributes
    ----------
    query : str
        FROM clause.
    weight : str
        How many rows of the source one of these stands for.
    settled : dict of str to int
        Order of the parts -> rows beside these that it reads, and that no other form reads in another way.
    n_settled : int
        Rows beside these.
    """

    query: str
    weight: str = "1"
    settled: dict[str, int] = field(default_factory=dict)
    n_settled: int = 0


#: What to tell of how dates are written.
_AS_ANOTHER = {
    "day first": "{column}: dates read day first, as those of {other} can only be read",
    "month first": "{column}: dates read month first, as those of {other} can only be read",
}
_ORDERS = {
    "day first": "{column}: dates read day first",
    "month first": "{column}: dates read month first",
    _SHORT: "{column}: dates read with the year first, in two digits",
    "from numbers": "{column}: dates read from numbers: days of a spreadsheet, or seconds since 1970",
}
_SINCE_1904 = "{column}: numbers read as days since 1904, as the workbook counts them"
_OF_UTC = "{column}: moments with a time zone count on the days of UTC; options.time_zone counts those of another place"
_BY_MONTH = "{column}: months without a day, each read as its first day"
_LOCAL = "{column}: the clock as it is written, without its offset from UTC"


def date_reader(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, source: Source, *, place: str
) -> tuple[str, list[Note]]:
    """Return the expression that reads a column of dates, and the decisions to tell.

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
    tuple of str and list of Note
        A timestamp, NULL where a value is no date; the notes leave the column's name as ``{column}`` to the caller.

    Raises
    ------
    DataError
        If all rows can be read in two orders and mean different days, and no other column of dates tells which.
    """
    reader, told = _clock_reader(connection, raw, origin, source, place=place)
    reader, moved = in_zone(connection, raw, origin, source, reader, place=place)
    if source.options.time_zone:
        told = [note for note in told if note.words != _LOCAL]
    elif origin in raw.zoned:
        told = [*told, Note(_OF_UTC, column=origin)]
    return reader, [*told, *moved]


def _clock_reader(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, source: Source, *, place: str
) -> tuple[str, list[Note]]:
    """The clock as it is written."""
    given, kind = identifier(origin), raw.columns[origin]
    if kind.startswith(("DATE", "TIMESTAMP")):
        return f"CAST({given} AS TIMESTAMP)", []
    text = _text(given, kind)
    asked = source.options.date_format
    if asked:
        _check_format(connection, raw.table, asked)
        if "%z" in asked:  # else the engine would count the day in the zone of this machine
            local = f"regexp_replace({text}, {literal(_OFFSET)}, '\\1')"
            return _reader(local, [asked.replace("%z", "").strip()]), [Note(_LOCAL, column=origin)]
        return _reader(text, [asked]), []
    rows = f"FROM {raw.relation} WHERE NOT {blank(given, kind)}"
    readings, told = _by_all_rows(connection, raw, origin)
    connection.execute("DROP TABLE IF EXISTS _cam_dates")
    if raw.table in IN_MONTHS and (month := _first(connection, raw, origin, month_reader(given, kind))):
        if readings:
            day = _first(connection, raw, origin, next(reader for _, reader in readings.values()))
            raise DataError(
                f"{raw.table}: column '{origin}' has months, such as {month!r}, and days, such as {day!r}.\n"
                "    Write all as months, or all as days: a month counts on its first day."
            )
        return month_reader(given, kind), [Note(_BY_MONTH, column=origin)]
    if not readings:
        return f"try_strptime({text}, '%Y-%m-%d')", []  # nothing fits: every value counts as unreadable
    _ask_about_short_years(connection, raw, origin, readings, place=place)
    best = max(n for n, _ in readings.values())
    likely = {order: reader for order, (n, reader) in readings.items() if n == best}
    if len(likely) > 1:
        first, second = list(likely.values())[:2]
        example = connection.execute(f"SELECT {given} {rows} AND {first} <> {second} LIMIT 1").fetchone()
        decided = _decided_elsewhere(connection, raw, origin, example[0]) if example else None
        if decided and decided[0] in likely:
            return likely[decided[0]], [Note(_AS_ANOTHER[decided[0]], column=origin, other=decided[1])]
        if example:
            judge_files(connection, raw, origin, next(iter(likely)), likely)
            refuse_two_orders(connection, raw, origin, likely)
            raise DataError(
                f"{raw.table}: column '{origin}' can be read {' or '.join(likely)} in every row "
                f"(such as {example[0]!r}).\n"
                f'    Say which: data.{raw.table}.options.date_format: "%d/%m/%Y" or "%m/%d/%Y" in {place}.'
                + (
                    "\n    If the files differ in this, export them again with the year first, as in 2024-01-31."
                    if FILE in raw.columns
                    else ""
                )
            )
    order, reader = next(iter(likely.items()))
    every = {order: reader for order, (_, reader) in readings.items()}
    by_file = judge_files(connection, raw, origin, order, every)
    if order == "from numbers" and raw.from_1904:
        if set(raw.from_1904) != set(raw.files):
            raise DataError(
                f"{raw.table}: column '{origin}' has days as numbers, which {raw.from_1904[0]} counts from 1904 "
                "and other files from 1900.\n    Show that column as dates in every workbook, and save it again."
            )
        told = _SINCE_1904
    reader = within_years(connection, raw, origin, reader)
    said = [_ORDERS[order]] if order in _ORDERS else []
    told_of = [Note(words, column=origin) for words in [*said, *([told] if told else [])]]
    return reader, [*told_of, *by_file]


def month_reader(given: str, kind: str) -> str:
    """Return the expression that reads a month without a day, such as 2024-01, as its first day.

    Parameters
    ----------
    given, kind : str
        The column, quoted, and its type in the engine.

    Returns
    -------
    str
        A timestamp; NULL where a value is no month.
    """
    text = _text(given, kind)
    forms = ", ".join(map(literal, _MONTHS))
    return f"CASE WHEN regexp_full_match({text}, {literal(_MONTH)}) THEN try_strptime({text}, [{forms}]) END"


def _first(connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, reader: str) -> str | None:
    """The first value that an expression reads."""
    rows = f"FROM {raw.relation} WHERE ({reader}) >= {_FIRST}"
    found = connection.execute(f"SELECT {identifier(origin)} {rows} LIMIT 1").fetchone()
    return str(found[0]) if found else None


def _ask_about_short_years(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, readings: Readings, *, place: str
) -> None:
    """Keep the reading with two digits of the year first only where it alone reads most; ask where it may be right.

    24-01-02 is a day of 2024 or of 2002: of the two, the dates of one shop lie in fewer years.
    """
    n_short, short = readings.get(_SHORT, (0, ""))
    others = {order: reader for order, (n, reader) in readings.items() if order != _SHORT and n >= n_short}
    if not short or not others:
        return
    del readings[_SHORT]
    best = max(n for n, _ in readings.values())
    rivals = {order: reader for order, reader in others.items() if readings[order][0] == best}
    if n_short < best:
        return
    span = year_span(connection, raw, short)
    if all(span < year_span(connection, raw, reader) for reader in rivals.values()):
        given, kind = identifier(origin), raw.columns[origin]
        example = connection.execute(
            f"SELECT {given} FROM {raw.relation} WHERE NOT {blank(given, kind)} LIMIT 1"
        ).fetchone()
        assert example is not None
        raise DataError(
            f"{raw.table}: column '{origin}' can be read {_SHORT}, or {' or '.join(rivals)}, in every row "
            f"(such as {example[0]!r}).\n"
            f'    Say which: data.{raw.table}.options.date_format: "%y-%m-%d" or "%d-%m-%y" in {place}.'
        )


def _decided_elsewhere(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, example: str
) -> tuple[str, str] | None:
    """The order of day and month that other columns of the table show, if they agree, and the first such column.

    Only columns with the same separator tell: one system writes the dates of one file alike.
    """
    separator = next((sign for sign in "/.-" if sign in str(example)), None)
    others = [
        name
        for name, kind in raw.columns.items()
        if kind == "VARCHAR" and name != origin and not name.startswith("_cam_")
    ]
    found: dict[str, str] = {}
    for name in others if separator else ():
        given = identifier(name)
        text = _text(given, "VARCHAR")
        rows = f"FROM {raw.relation} WHERE NOT {blank(given, 'VARCHAR')}"
        sample = connection.execute(f"SELECT {text} {rows} LIMIT 20").fetchall()
        alike = re.compile(rf"[0-9]{{1,2}}[{separator}][0-9]{{1,2}}[{separator}][0-9]{{2,4}}\b")
        if not sample or not all(alike.match(row[0]) for row in sample):
            continue
        complete, readings = _readings(connection, text, _Rows(rows))
        best = max((n for n, _ in readings.values()), default=0)
        likely = [order for order, (n, _) in readings.items() if n == best and order != _SHORT]
        if complete and len(likely) == 1 and likely[0] != "year first":
            found.setdefault(likely[0], name)
    return next(iter(found.items())) if len(found) == 1 else None


def presumed_reader(
    connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, source: Source
) -> str | None:
    """Return the expression of :func:`date_reader` by the first rows alone, where these begin with the year.

    It is what all rows would say if it reads every one of them: a year in front leaves no second reading. So whoever
    uses it counts what it does not read, and asks :func:`date_reader` if there is any.

    Parameters
    ----------
    connection, raw, origin, source
        As in :func:`date_reader`.

    Returns
    -------
    str or None
        None where all rows must be asked.
    """
    given, kind = identifier(origin), raw.columns[origin]
    options = source.options
    if kind.startswith(("DATE", "TIMESTAMP")) or options.date_format or options.time_zone or options.times_in:
        return None
    text = _text(given, kind)
    likely = _likely(connection, text, f"FROM {raw.relation} WHERE NOT {blank(given, kind)}")
    found = [order for order, formats in likely.items() if formats]
    if found != ["year first"]:
        return None
    return _quick(given, kind, likely["year first"])


def _quick(given: str, kind: str, formats: Sequence[str]) -> str:
    # Blanks around a date do not matter to the engine, but for those that only Chinese has.
    bare = given if kind == "VARCHAR" else f"CAST({given} AS VARCHAR)"
    slow = _reader(_text(given, kind), formats)
    # A digit in front, as there is but for blanks, is quicker to see than one anywhere: see _reader.
    plain = f"CASE WHEN {bare} >= '0' AND {bare} < ':' THEN {_read_as(bare, formats)} END"
    return f"coalesce({plain}, CASE WHEN NOT {blank(given, kind)} THEN {slow} END)"


def _text(given: str, kind: str) -> str:
    return trimmed(given if kind == "VARCHAR" else f"CAST({given} AS VARCHAR)")


def _check_format(connection: duckdb.DuckDBPyConnection, table: str, asked: str) -> None:
    try:
        connection.execute(f"SELECT try_strptime('', {literal(asked)})")
    except duckdb.Error:
        raise DataError(
            f"{table}: data.{table}.options.date_format {asked!r} is no form of a date.\n"
            '    Write it as in "%d/%m/%Y %H:%M": %d day, %m month, %Y year, %y its last two digits.'
        ) from None


def _by_all_rows(connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str) -> tuple[Readings, str | None]:
    """For each order of the parts how many rows it reads, and how; and what to tell of it.

    The forms that read the first rows are tried on all of them, the others on those alone that these leave: a text
    has one form, but for the order of day and month.
    """
    given, kind = identifier(origin), raw.columns[origin]
    text = _text(given, kind)
    rows = _Rows(f"FROM {raw.relation} WHERE NOT {blank(given, kind)}")
    likely = _with_mirrors(_likely(connection, text, rows.query))
    if likely:
        readers = _readers(text, likely)
        if "year first" in likely:
            readers["year first"] = _quick(given, kind, likely["year first"])
        rows, total = _left_by(connection, given, text, readers, rows)
        if total in rows.settled.values():
            return {order: (n, readers[order]) for order, n in rows.settled.items() if n}, None
    complete, plain = _readings(connection, text, rows)
    if likely:
        # Where the other forms read nothing more, what read the first rows is all that is needed.
        for order in likely.keys() & plain.keys():
            n, reader = plain[order]
            differs = f"({reader}) IS DISTINCT FROM ({readers[order]})"
            if not whole_numbers(connection, f"SELECT count(*) {rows.query} AND ({differs})")[0]:
                plain[order] = (n, readers[order])
    return (plain, None) if complete else _rarer(connection, raw, text, rows, plain)


def _left_by(
    connection: duckdb.DuckDBPyConnection, given: str, text: str, readers: Mapping[str, str], rows: _Rows
) -> tuple[_Rows, int]:
    """The rows that no reader reads, each text once, and the number of all."""
    names = {order: f"_cam_read_{index}" for index, order in enumerate(readers)}
    read = ", ".join(
        f"coalesce({readers[order]} >= {_FIRST}, false) AS {name}" for order, name in names.items()
    )
    is_read = " OR ".join(names.values())
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _cam_dates AS SELECT CASE WHEN NOT ({is_read}) THEN {text} END AS {given}, "
        f"{', '.join(names.values())}, count(*) AS _cam_n FROM (SELECT {given}, {read} {rows.query}) GROUP BY ALL"
    )
    counts = ", ".join(f"coalesce(sum(_cam_n) FILTER ({name}), 0)" for name in names.values())
    total, settled, *each = whole_numbers(
        connection,
        f"SELECT sum(_cam_n), coalesce(sum(_cam_n) FILTER ({is_read}), 0), {counts} FROM _cam_dates",
    )
    left = f"FROM _cam_dates WHERE NOT ({is_read})"
    return _Rows(left, "_cam_n", dict(zip(names, each, strict=True)), settled), total


def _rarer(
    connection: duckdb.DuckDBPyConnection, raw: Raw, text: str, rows: _Rows, plain: Readings
) -> tuple[Readings, str | None]:
    """Moments with an offset, and dates as numbers, where the plain forms leave rows unread."""
    # The clock of the place where it happened tells the shop's day; the offset would move it to another.
    local = f"regexp_replace({text}, {literal(_OFFSET)}, '\\1')"
    halves = f"regexp_replace({text}, {literal(_HALF_DAY)}, ' \\2 \\1')"
    halves = f"replace(replace({halves}, '上午', 'AM'), '下午', 'PM')"
    number = f"TRY_CAST({text} AS DOUBLE)"
    day_0 = "1904-01-01" if raw.from_1904 else "1899-12-30"
    counted = (
        f"CASE WHEN regexp_full_match({text}, '[0-9]{{13}}') THEN make_timestamp(CAST({number} * 1e3 AS BIGINT)) "
        f"WHEN regexp_full_match({text}, '[0-9]{{10}}') THEN make_timestamp(CAST({number} * 1e6 AS BIGINT)) "
        f"WHEN regexp_full_match({text}, '[2-7][0-9]{{4}}([.][0-9]+)?') "
        f"THEN TIMESTAMP '{day_0}' + to_seconds(CAST(round({number} * 86400) AS BIGINT)) END"
    )
    n_counted = whole_numbers(
        connection, f"SELECT coalesce(sum({rows.weight}) FILTER ({counted} IS NOT NULL), 0) {rows.query}"
    )[0]
    choices: list[tuple[Readings, str | None]] = [
        (plain, None),
        (_readings(connection, halves, rows)[1], None),
        (_readings(connection, local, rows)[1], _LOCAL),
        ({"from numbers": (n_counted, counted)}, None),
    ]
    return max(choices, key=lambda choice: max((n for n, _ in choice[0].values()), default=0))


def _readings(connection: duckdb.DuckDBPyConnection, text: str, rows: _Rows) -> tuple[bool, Readings]:
    """Whether one order of the parts reads all rows; for each order how many, and how.

    A sample names the likely formats, all rows decide; all formats are tried only where these leave a row.
    """
    likely = {} if rows.n_settled else _likely(connection, text, rows.query)
    for choice in (likely, _EVERY):
        readers = _readers(text, choice)
        if not readers:
            continue
        queries = ", ".join(
            f"coalesce(sum({rows.weight}) FILTER ({reader} >= {_FIRST}), 0)" for reader in readers.values()
        )
        total, *read = whole_numbers(
            connection, f"SELECT coalesce(sum({rows.weight}), 0), {queries} {rows.query}"
        )
        read = [n + rows.settled.get(order, 0) for order, n in zip(readers, read, strict=True)]
        complete = max(read) == total + rows.n_settled
        if complete or choice is _EVERY:
            return complete, {order: (n, readers[order]) for order, n in zip(readers, read, strict=True) if n}
    return False, {}


def _readers(text: str, choice: Mapping[str, Sequence[str]]) -> dict[str, str]:
    readers = {order: _reader(text, group) for order, group in choice.items() if group}
    # No day, month or name begins with three digits, and to try forms that do not fit is slow.
    return {
        order: reader
        if order == "year first"
        else f"CASE WHEN NOT regexp_matches({text}, '^[0-9]{{3}}') THEN {reader} END"
        for order, reader in readers.items()
    }


def _likely(connection: duckdb.DuckDBPyConnection, text: str, rows: str) -> dict[str, list[str]]:
    """For each order of the parts the formats that read one of the first rows."""
    formats = [form for group in _EVERY.values() for form in group]
    queries = ", ".join(f"count(try_strptime({text}, {literal(form)}))" for form in formats)
    sampled = whole_numbers(connection, f"SELECT {queries} FROM (SELECT * {rows} LIMIT 200)")
    counts = dict(zip(formats, sampled, strict=True))
    return {order: [form for form in group if counts[form]] for order, group in _EVERY.items()}


def _with_mirrors(likely: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The same formats, with day and month changed about beside each that can be read so too; only orders with any."""
    known = {form for group in likely.values() for form in group}
    known |= {form.replace("%d", "%-").replace("%m", "%d").replace("%-", "%m") for form in known}
    chosen = {order: [form for form in group if form in known] for order, group in _EVERY.items()}
    return {order: group for order, group in chosen.items() if group}


def _reader(text: str, formats: Sequence[str]) -> str:
    # To the engine, the words infinity and epoch fit every format, and are the first day of 1900.
    return f"CASE WHEN regexp_matches({text}, '[0-9]') THEN {_read_as(text, formats)} END"


def _read_as(text: str, formats: Sequence[str]) -> str:
    compact = [form for form in formats if form.startswith("%Y%m%d")]
    if compact:
        # To the engine, 2024111 is a day of November.
        others = [form for form in formats if form not in compact]
        rest = f"ELSE {_read_as(text, others)} " if others else ""
        read = f"try_strptime({text}, [{', '.join(map(literal, compact))}])"
        return f"CASE WHEN regexp_matches({text}, '^[0-9]{{8}}([^0-9]|$)') THEN {read} {rest}END"
    if len(formats) == 1:
        return f"try_strptime({text}, {literal(formats[0])})"
    every = f"try_strptime({text}, [{', '.join(map(literal, formats))}])"
    # A format that does not fit costs six times one that does: the shape of a text says which to try first.
    tries = "".join(
        f"WHEN {text} LIKE {literal(shape)} THEN try_strptime({text}, {literal(form)}) "
        for form in formats
        if (shape := _shape(form))
    )
    return f"coalesce(CASE {tries}END, {every})" if tries else every


def _shape(form: str) -> str | None:
    """What a text of a format looks like, if that begins with the year and has digits alone."""
    bare = form.replace("%Y", "____", 1)
    for part in ("%m", "%d", "%H", "%M", "%S"):
        bare = bare.replace(part, "__", 1)
    return bare if form.startswith("%Y") and "%" not in bare else None
