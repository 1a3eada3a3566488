"""What the values of a column are, by the expressions that read them in every run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import duckdb

from cam.data.engine import identifier
from cam.data.files.sources import Raw
from cam.data.types.dates import date_reader, month_reader
from cam.data.types.expressions import blank, boolean, currency_sign, is_numeric, number
from cam.errors import DataError
from cam.params import Source

#: A comma that parts no thousands, for the engine and for Python alike.
DECIMAL_COMMA = ",([0-9]{1,2}|[0-9]{4,6})[^0-9]*$"
#: Rows that columns are judged by.
_JUDGED = 2_000
#: Columns of which the dates are read; a table of more is judged by fewer rows.
_DATED = 60
#: Columns of one query: one over hundreds takes longer than its parts.
_PART = 40
#: How a value of dates begins.
DAY = re.compile(
    r"\d{1,4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,4}|\d{8}$|\d{1,2}[ -][A-Za-z]{3}|[A-Za-z]{3,9} \d{1,2}, "
)
_SERIAL = re.compile(r"[2-7]\d{4}([.]\d+)?|1\d{9}|1\d{12}")
#: A name that says a date, without which plain numbers are none.
_DATE_NAME = re.compile(r"date|time|day|created|日期|时间|日$|_at$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the values of one column are.

    Attributes
    ----------
    n, n_filled, n_distinct : int
        Rows judged, those that are filled, and how many values differ.
    is_key : bool
        Whether every row that was read has a value of its own.
    dates, months, amounts, wholes, truths : float
        Shares of the filled values that can be read as each.
    doubtful_date : str or None
        A value that is two different days, if the rows do not tell day from month.
    is_comma : bool
        Whether the amounts are written with a decimal comma.
    signs : tuple of str
        Signs of currencies in the amounts.
    values : tuple of str
        Filled values in the order of the rows.
    """

    n: int
    n_filled: int
    n_distinct: int
    is_key: bool
    dates: float
    months: float
    amounts: float
    wholes: float
    truths: float
    doubtful_date: str | None
    is_comma: bool
    signs: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def is_constant(self) -> bool:
        """Whether all filled values are one."""
        return self.n_distinct < 2


def judge(connection: duckdb.DuckDBPyConnection, raw: Raw) -> dict[str, Facts]:
    """Find out what the values of every column are, by the expressions that read them in every run.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        Rows of a file.

    Returns
    -------
    dict of str to Facts
    """
    names = raw.own_columns
    # Reading dates tries hundreds of formats, so a table of hundreds of columns has only the likely ones read.
    by_name = sorted(names, key=lambda name: not _DATE_NAME.search(name))
    dated = set(by_name[:_DATED])
    few = f"(SELECT * FROM {raw.relation} LIMIT {_JUDGED if len(names) <= _DATED else _JUDGED // 5})"
    facts: dict[str, Facts] = {}
    counted = _counted(connection, {name: raw.columns[name] for name in names}, few)
    for start in range(0, len(names), _PART):
        part = names[start : start + _PART]
        keys = connection.execute(
            "SELECT "
            + ", ".join(f"count(DISTINCT {identifier(n)}) = count(*)" for n in part)
            + f" FROM {raw.relation}"
        ).fetchone()
        listed = ", ".join(map(identifier, part))
        rows = connection.execute(f"SELECT {listed} FROM {few}").fetchall()
        assert keys is not None
        for index, name in enumerate(part):
            values = tuple(
                str(row[index]) for row in rows if row[index] is not None and str(row[index]).strip()
            )
            facts[name] = _facts(
                connection,
                raw,
                name,
                values,
                bool(keys[index]),
                counted[name],
                is_read=name in dated,
            )
    return facts


def _counted(
    connection: duckdb.DuckDBPyConnection, columns: dict[str, str], few: str
) -> dict[str, tuple[Any, ...]]:
    """The answers for each column; texts stand below each other, so that thousands of them are one question."""
    texts = [name for name, kind in columns.items() if kind == "VARCHAR"]
    others = [name for name in columns if columns[name] != "VARCHAR"]
    answers: dict[str, tuple[Any, ...]] = {}
    if texts:
        stacked = (
            f"unnest([{', '.join(map(identifier, texts))}]) AS value, unnest(range({len(texts)})) AS place"
        )
        query = ", ".join(_questions("value", "VARCHAR"))
        rows = connection.execute(f"SELECT place, {query} FROM (SELECT {stacked} FROM {few}) GROUP BY place")
        answers = {texts[place]: tuple(found) for place, *found in rows.fetchall()}
    for start in range(0, len(others), _PART):
        part = others[start : start + _PART]
        wanted = [query for name in part for query in _questions(identifier(name), columns[name])]
        found = connection.execute(f"SELECT {', '.join(wanted)} FROM {few}").fetchone()
        assert found is not None
        width = len(wanted) // len(part)
        answers |= {name: found[at * width : (at + 1) * width] for at, name in enumerate(part)}
    return answers


def _questions(given: str, kind: str) -> list[str]:
    known = f"NOT {blank(given, kind)}"
    amount = number(given, kind, decimal=".") if is_numeric(kind) or kind == "VARCHAR" else "NULL"
    comma = number(given, kind, decimal=",") if kind == "VARCHAR" else "NULL"
    is_comma = f"regexp_matches({given}, '{DECIMAL_COMMA}')" if kind == "VARCHAR" else "false"
    month = month_reader(given, kind) if kind == "VARCHAR" else "NULL"
    sign = f"list(DISTINCT {currency_sign(given)})" if kind == "VARCHAR" else "['']"
    return [
        "count(*)",
        f"count(*) FILTER ({known})",
        f"count(DISTINCT {given}) FILTER ({known})",
        f"count({amount}) FILTER ({known})",
        f"count(*) FILTER ({known} AND {amount} = floor({amount}))",
        f"count({boolean(given, kind)}) FILTER ({known})",
        f"count({comma}) FILTER ({known} AND {is_comma})",
        f"count({month})",
        sign,
    ]


def _facts(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    name: str,
    values: tuple[str, ...],
    is_key: bool,
    counted: tuple[Any, ...],
    *,
    is_read: bool,
) -> Facts:
    n, filled, distinct, amounts, wholes, truths, commas, months, signs = counted
    dates, doubtful = _dates(connection, raw, name, values, is_read=is_read) if filled else (0.0, None)
    most = max(filled, 1)
    is_comma = commas * 10 > filled * 3 and commas > 0
    return Facts(
        n=n,
        n_filled=filled,
        n_distinct=distinct,
        is_key=is_key and filled > 1,
        dates=dates,
        months=months / most,
        amounts=1.0 if is_comma and amounts + commas >= filled else amounts / most,
        wholes=wholes / most,
        truths=truths / most,
        doubtful_date=doubtful,
        is_comma=is_comma,
        signs=tuple(sorted(sign for sign in signs or [] if sign)),
        values=values,
    )


def _dates(
    connection: duckdb.DuckDBPyConnection, raw: Raw, name: str, values: tuple[str, ...], *, is_read: bool
) -> tuple[float, str | None]:
    """The share of values that are dates, and one that is two days."""
    kind = raw.columns[name]
    if kind.startswith(("DATE", "TIMESTAMP")):
        return 1.0, None
    some = values[:100]
    likely = sum(bool(DAY.match(value.strip())) for value in some)
    if _DATE_NAME.search(name):
        likely = max(likely, sum(bool(_SERIAL.fullmatch(value.strip())) for value in some))
    if not some or 2 * likely < len(some):
        return 0.0, None
    if not is_read:
        return likely / len(some), None
    relation = f"(SELECT {identifier(name)} FROM {raw.relation} LIMIT {_JUDGED})"
    few = Raw(raw.table, relation, {name: kind}, raw.files, ())
    source = Source.model_validate({"path": "-"})
    try:
        reader, _ = date_reader(connection, few, name, source, place="")
    except DataError as error:
        # The rows do not tell day from month; a value that is two days stands in the message.
        shown = re.search(r"\(such as '(.*?)'", str(error))
        return 1.0, shown.group(1) if shown else values[0]
    known = f"NOT {blank(identifier(name), kind)}"
    counted = connection.execute(
        f"SELECT count({reader}) FILTER ({known}), count(*) FILTER ({known}) FROM {few.relation}"
    ).fetchone()
    assert counted is not None
    return counted[0] / max(counted[1], 1), None
