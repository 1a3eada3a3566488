"""What the prepared tables look like: gaps, ranges, amounts out of line, days without orders, ids that do not join."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import duckdb

from cam.data.engine import identifier, literal
from cam.data.one_pass import few_values
from cam.data.orders.refunds import PURCHASE
from cam.data.outliers import MoneyProfile, money_profile
from cam.data.people.joins import Join, in_memory, joined
from cam.data.prepare import Prepared, Review
from cam.schema import TABLES

#: More orders than this of one customer on one day are worth a look: a till, a reseller, a test account.
BUSY_DAY = 10
#: Rows up to which everything is counted; beyond, what would take seconds is said as "about", or of large parts only.
COUNTED = 2_000_000
#: What the largest customer of a large table must have, of rows or of money, to be looked for.
LARGE_PART = 0.01

_BUCKETS = 65_536
_KINDS = {
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "number",
    "FLOAT": "number",
    "BIGINT": "integer",
    "INTEGER": "integer",
}


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column of a prepared table.

    Attributes
    ----------
    name : str
        Canonical name, or the source's own.
    kind : str
        ``text``, ``date``, ``datetime``, ``money``, ``number``, ``integer`` or ``boolean``.
    n_missing : int
        Rows without a value.
    n_distinct : int or None
        Different values of a text or a whole number.
    is_about : bool
        Whether *n_distinct* is an estimate.
    low, high : date, datetime, Decimal, float, int or None
        Smallest and largest value; of texts none.
    """

    name: str
    kind: str
    n_missing: int
    n_distinct: int | None
    is_about: bool
    low: Any
    high: Any


@dataclass(frozen=True, slots=True)
class Days:
    """When the purchases were.

    Attributes
    ----------
    months : tuple of (date, int)
        First day of each month from the first purchase to the last, and its purchase rows.
    n_days : int
        Days from the first purchase to the last.
    n_without : int
        Those of them without a purchase.
    gap : tuple of two dates, or None
        The last day before, and the first after, the longest time without one.
    has_hours : bool
        Whether any purchase has a time of day.
    """

    months: tuple[tuple[date, int], ...]
    n_days: int
    n_without: int
    gap: tuple[date, date] | None
    has_hours: bool


@dataclass(frozen=True, slots=True)
class Crowd:
    """Customers who stand out by what one id has.

    Attributes
    ----------
    largest : str or None
        The id with the most revenue; None if the table is large and none has :data:`LARGE_PART` of it.
    share : float
        Of all revenue; where *largest* is None no customer has more.
    n_busy : int or None
        Customers with more than :data:`BUSY_DAY` orders on one day; None where that was not counted.
    busiest : tuple of (str, date, int), or None
        The id with most orders on one day, the day and the orders.
    """

    largest: str | None
    share: float
    n_busy: int | None
    busiest: tuple[str, date, int] | None


@dataclass(frozen=True, slots=True)
class TableProfile:
    """One prepared table.

    Attributes
    ----------
    table : str
        Canonical name.
    n_rows : int
        Rows that were kept.
    columns : tuple of ColumnProfile
        In their order.
    money : tuple of MoneyProfile
        Of its columns of money.
    period : tuple of two dates, or None
        First and last day of what happened.
    days : Days or None
        Of transactions.
    crowd : Crowd or None
        Of transactions.
    """

    table: str
    n_rows: int
    columns: tuple[ColumnProfile, ...]
    money: tuple[MoneyProfile, ...]
    period: tuple[date, date] | None
    days: Days | None
    crowd: Crowd | None


@dataclass(frozen=True, slots=True)
class Profile:
    """All prepared tables.

    Attributes
    ----------
    tables : mapping of str to TableProfile
        By canonical name, in the order of the schema.
    joins : tuple of Join
        One per further table that names customers.
    """

    tables: Mapping[str, TableProfile]
    joins: tuple[Join, ...]


def profile(prepared: Prepared) -> Profile:
    """Look at the prepared tables: one pass per question, inside the engine, no row in memory.

    Parameters
    ----------
    prepared : Prepared
        A client's checked tables.

    Returns
    -------
    Profile
    """
    with in_memory() as connection:
        tables = {name: _table(connection, prepared, name) for name in prepared.tables}
        joins = tuple(
            joined(connection, prepared, match, n_base=_n_ids(prepared, tables[match["base"]]))
            for match in prepared.review["match"]
        )
    return Profile(tables, joins)


def _n_ids(prepared: Prepared, base: TableProfile) -> int:
    counted = next(column for column in base.columns if column.name == "customer_id").n_distinct
    return int(prepared.review["tables"][base.table].get("n_customers") or counted or 0)


def _source(prepared: Prepared, table: str) -> str:
    return f"read_parquet({literal(str(prepared.path(table)))})"


# --- one table ----------------------------------------------------------------------------------


def _table(connection: duckdb.DuckDBPyConnection, prepared: Prepared, table: str) -> TableProfile:
    source, review = _source(prepared, table), prepared.review["tables"][table]
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    kinds = {
        name: _kind(table, name, stored)
        for name, stored, *_ in described
        if (table, name) != ("transactions", "kind")  # ours: purchase or refund
    }
    # Counts, least and greatest values are answered from the statistics of the file.
    asked = ["count(*)"]
    for name, kind in kinds.items():
        quoted = identifier(name)
        asked += [f"count({quoted})"] + ([f"min({quoted})", f"max({quoted})"] if kind != "text" else [])
    found = list(connection.execute(f"SELECT {', '.join(asked)} FROM {source}").fetchone() or ())
    n_rows = int(found.pop(0))
    distinct = _distinct(connection, prepared, table, kinds, n_rows)
    columns = []
    for name, kind in kinds.items():
        n_known = int(found.pop(0))
        low, high = (None, None) if kind == "text" else (_sound(found.pop(0)), _sound(found.pop(0)))
        n, is_about = distinct.get(name, (None, False))
        columns.append(ColumnProfile(name, kind, n_rows - n_known, n, is_about, low, high))
    money = tuple(
        money_profile(connection, table, source, column, list(kinds))
        for column, kind in kinds.items()
        if kind == "money"
    )
    times = [column for column in columns if column.name in TABLES[table].time and column.low is not None]
    period = (min(_day(one.low) for one in times), max(_day(one.high) for one in times)) if times else None
    is_log = table == "transactions"
    return TableProfile(
        table,
        n_rows,
        tuple(columns),
        money,
        period,
        _days(connection, source) if is_log else None,
        _crowd(connection, source, review, n_rows) if is_log else None,
    )


def _kind(table: str, name: str, stored: str) -> str:
    """The kind by the contract; of the source's own columns by how they are stored."""
    known = TABLES[table].column(name)
    if known:
        return known.kind
    if stored.startswith("TIMESTAMP"):
        return "datetime"
    return "number" if stored.startswith("DECIMAL") else _KINDS.get(stored, "text")


def _sound(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _distinct(
    connection: duckdb.DuckDBPyConnection,
    prepared: Prepared,
    table: str,
    kinds: Mapping[str, str],
    n_rows: int,
) -> dict[str, tuple[int, bool]]:
    """Different values by column: counted where that is quick or known, else about."""
    source = _source(prepared, table)
    names = [name for name, kind in kinds.items() if kind in {"text", "integer"}]
    known: dict[str, tuple[int, bool]] = {}
    counts: dict[str, bool] = dict.fromkeys(names, False)
    if n_rows > COUNTED:
        review = prepared.review["tables"][table]
        known = {
            name: (int(review[key]), is_about)
            for name, key, is_about in (("customer_id", "n_customers", False), ("order_id", "n_orders", True))
            if key in review and name in names
        }
        # A column with few values is stored by a dictionary, and then counting is quick.
        few = few_values(connection, literal(str(prepared.path(table))))
        counts = {name: name not in few for name in names if name not in known}
    if counts:
        asked = ", ".join(
            f"approx_count_distinct({identifier(name)})"
            if is_about
            else f"(SELECT count(*) FROM (SELECT DISTINCT {identifier(name)} AS v FROM {source}) WHERE v IS NOT NULL)"
            for name, is_about in counts.items()
        )
        over = f" FROM {source}" if any(counts.values()) else ""
        found = connection.execute(f"SELECT {asked}{over}").fetchone() or ()
        known |= {name: (int(n), is_about) for (name, is_about), n in zip(counts.items(), found, strict=True)}
    return known


def _days(connection: duckdb.DuckDBPyConnection, source: str) -> Days | None:
    rows = connection.execute(
        f"SELECT CAST(order_date AS DATE) AS day, count(*), "
        "bool_or(order_date <> date_trunc('day', order_date)) "
        f"FROM {source} WHERE kind = '{PURCHASE}' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    if not rows:
        return None
    days = [row[0] for row in rows]
    first, last = days[0], days[-1]
    months = {
        date(place // 12, place % 12 + 1, 1): 0
        for place in range(12 * first.year + first.month - 1, 12 * last.year + last.month)
    }
    for day, n, _ in rows:
        months[day.replace(day=1)] += n
    longest = max(pairwise(days), key=lambda pair: pair[1] - pair[0], default=None)
    n_days = (last - first).days + 1
    has_gap = longest is not None and (longest[1] - longest[0]).days > 1
    return Days(
        tuple(months.items()),
        n_days,
        n_days - len(days),
        longest if has_gap else None,
        any(row[2] for row in rows),
    )


def _crowd(connection: duckdb.DuckDBPyConnection, source: str, review: Review, n_rows: int) -> Crowd | None:
    total = Decimal(review["revenue_kept"])
    where = f"WHERE kind = '{PURCHASE}'"
    if n_rows > COUNTED:
        # Customers in buckets by a hash: who is large makes a large bucket, and only these are looked into.
        bucket = f"hash(customer_id) & {_BUCKETS - 1}"
        found = connection.execute(
            f"SELECT {bucket}, count(*), sum(revenue) FROM {source} {where} GROUP BY 1 "
            f"HAVING count(*) >= {LARGE_PART * n_rows} OR sum(revenue) >= {LARGE_PART} * {max(total, 1)}"
        ).fetchall()
        if not found:
            return Crowd(None, LARGE_PART, None, None)
        where += f" AND {bucket} IN ({', '.join(str(row[0]) for row in found)})"
    richest = connection.execute(
        f"SELECT customer_id, sum(revenue) FROM {source} {where} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    ).fetchone()
    if richest is None or total <= 0:
        return None
    per_day = "count(DISTINCT order_id) + count(*) FILTER (order_id IS NULL)"
    if "order_id" not in review["columns"]:
        per_day = "count(*)"
    busiest = connection.execute(
        f"""
        WITH busy AS (SELECT customer_id, CAST(order_date AS DATE) AS day, {per_day} AS n
                      FROM {source} {where} GROUP BY 1, 2 HAVING n > {BUSY_DAY})
        SELECT (SELECT count(DISTINCT customer_id) FROM busy), customer_id, day, n
        FROM busy ORDER BY n DESC, day, customer_id LIMIT 1
        """
    ).fetchone()
    n_busy, most = (busiest[0], (str(busiest[1]), busiest[2], int(busiest[3]))) if busiest else (0, None)
    return Crowd(str(richest[0]), float(richest[1] / total), int(n_busy), most)
