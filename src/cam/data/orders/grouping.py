"""The transactions that are kept: exact copies counted, refunds settled, written once, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import duckdb

from cam.data.engine import all_differ, identifier, literal, n_different
from cam.data.files.sources import COPY
from cam.data.notes import Note
from cam.data.one_pass import CUSTOMERS, PARQUET, is_untouched
from cam.data.orders.refund_table import SETTLED, Settled
from cam.data.orders.refunds import (
    LOOSE_REFUND,
    NETTED_REFUND,
    ask_about_lines,
    ask_about_twins,
    net_refunds,
)
from cam.data.parse import Parsed
from cam.errors import DataError
from cam.params import Options

#: Last days, up to so many or one in a hundred, behind so long a gap may be mistyped; first days, too, before a longer
#: one: a trial order may come months before the others.
_FEW_DAYS, _FAR_DAYS, _LONG_AGO = 5, 30, 365
#: What one customer may turn over on a day, and in all: reductions sum cents in floats, which are exact to 2 ** 53.
_DAY_ROOM, _ROOM = 10**12, 9 * 10**13


@dataclass(frozen=True, slots=True)
class Orders:
    """What was written.

    Attributes
    ----------
    review : dict
        The entries of the table's review that only transactions have, and the exact copies.
    notes : tuple of Note
        What a reader should know of the orders.
    """

    review: dict[str, Any]
    notes: tuple[Note, ...]


def write_orders(
    connection: duckdb.DuckDBPyConnection,
    parsed: Parsed,
    options: Options,
    *,
    n_kept: int,
    settled: Settled | None,
    to: Path,
    place: str,
) -> Orders:
    """Write the rows of transactions that are kept to Parquet, and sum them up.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace, with the views ``transactions_judged`` and ``transactions_kept``.
    parsed : Parsed
        All rows.
    options : Options
        How they are read and cleaned.
    n_kept : int
        Rows that are kept.
    settled : Settled or None
        Refunds that stand in a table of their own, and become rows here.
    to : Path
        The Parquet file.
    place : str
        The parameter file, for messages.

    Returns
    -------
    Orders

    Raises
    ------
    DataError
        As :func:`net_refunds`, :func:`ask_about_lines` and :func:`ask_about_twins` of ``cam.data.orders.refunds``, or
        if a customer's amounts come to more than can be summed to the cent.
    """
    kept = identifier("transactions_kept")
    has_lines, all_their_own = _look_at_orders(connection, parsed, kept, n_kept)
    netting = net_refunds(connection, kept, parsed.columns, options=options, has_lines=has_lines)
    notes: tuple[Note, ...] = ()
    if has_lines:
        notes = ask_about_lines(connection, copies=parsed.copies, options=options, place=place)
    apart = SETTLED if settled else None
    notes += ask_about_twins(connection, kept, options=options, settled=apart, has_lines=has_lines)
    if has_lines:
        connection.execute("DROP TABLE orders")
    copies = 0 if all_their_own else _count_copies(connection, parsed, kept, n_kept)
    free = connection.execute(f"SELECT count(*) FROM {kept} WHERE revenue = 0").fetchone()
    made = parsed.candidate
    is_whole = n_kept == parsed.n_rows and not has_lines and settled is None
    as_read = made and made.is_final and is_whole and is_untouched(connection, parsed.relation, made)
    if made and as_read:
        made.path.replace(to)  # it was written as it was read
    else:
        # Joins and windows hand rows over in any order: the same rows must be the same bytes.
        is_mixed = options.drop_duplicates or settled is not None
        query = f"SELECT * FROM ({netting.query} ORDER BY kept._cam_line)" if is_mixed else netting.query
        if netting.changed:
            query += f" UNION ALL BY NAME SELECT * FROM ({netting.changed})"
        query += (
            f" UNION ALL BY NAME SELECT * FROM ({settled.query(parsed.columns)} ORDER BY line)"
            if settled
            else ""
        )
        connection.execute(f"COPY ({query}) TO {literal(str(to))} {PARQUET}")
    n_customers = f"(SELECT count(*) FROM {CUSTOMERS})" if as_read else "count(DISTINCT customer_id)"
    totals = connection.execute(
        f"""
        SELECT sum(revenue), {n_customers},
               CAST(min(order_date) AS DATE), CAST(max(order_date) AS DATE),
               count(*) FILTER (kind = '{NETTED_REFUND}'), sum(revenue) FILTER (kind = '{NETTED_REFUND}'),
               count(*) FILTER (kind = '{LOOSE_REFUND}'), sum(revenue) FILTER (kind = '{LOOSE_REFUND}'),
               sum(abs(revenue))
        FROM read_parquet({literal(str(to))})
        """
    ).fetchone()
    assert totals is not None and free is not None
    if totals[8] >= _DAY_ROOM:
        _refuse_what_has_no_room(connection, to, options, place)
    review = {
        "exact_copies": copies,
        "revenue_kept": amount(totals[0]),
        "zero_value_rows": free[0],
        "n_customers": totals[1],
        "n_orders": netting.n_orders,
        "first_date": totals[2].isoformat(),
        "last_date": totals[3].isoformat(),
        **_days_apart(connection, to),
        "refunds_netted": {"rows": totals[4], "revenue": amount(totals[5])},
        "refunds_loose": {"rows": totals[6], "revenue": amount(totals[7])},
        "refunded_in_column": amount(netting.netted_in_column),
        "orders_on_several_days": netting.n_moved,
        "orders_below_zero": netting.n_below_zero + (settled.n_below_zero if settled else 0),
    }
    if settled:
        review["refunds_in_table"] = {"rows": settled.n_rows, "revenue": amount(settled.revenue)}
    words = "{n} orders carry an id that another customer uses too; each counts as an order of its own"
    shared = (Note(words, n=netting.n_shared),) if netting.n_shared else ()
    return Orders(review, (*notes, *shared))


def _refuse_what_has_no_room(
    connection: duckdb.DuckDBPyConnection, path: Path, options: Options, place: str
) -> None:
    """Stop where what one customer turned over cannot be summed to the cent; few are looked at by day."""
    orders = f"read_parquet({literal(str(path))})"
    large = f"SELECT customer_id FROM {orders} GROUP BY customer_id HAVING sum(abs(revenue)) >= {_DAY_ROOM}"
    found = connection.execute(
        f"""
        SELECT customer_id, day, money, total FROM (
            SELECT customer_id, CAST(order_date AS DATE) AS day, sum(abs(revenue)) AS money,
                   sum(sum(abs(revenue))) OVER (PARTITION BY customer_id) AS total
            FROM {orders} WHERE customer_id IN ({large}) GROUP BY customer_id, day
        ) WHERE money >= {_DAY_ROOM} OR total >= {_ROOM} ORDER BY money DESC, customer_id, day LIMIT 1
        """
    ).fetchone()
    if not found:
        return
    customer, day, money, total = found
    told, said, room = (f"on {day} ", money, _DAY_ROOM) if money >= _DAY_ROOM else ("", total, _ROOM)
    units = ""
    if any(unit > 1 for unit in options.units.values()):
        units = ", or take a smaller one of data.transactions.options.units"
    raise DataError(
        f"transactions: the amounts of customer {customer!r} {told}come to {said:,.0f}, refunds added and not "
        f"subtracted. {room:,} and more have no room: give amounts in thousands or millions in the files{units}.\n"
        "    If it is no customer, name its id, as the files have it, in data.transactions.options.guests, and leave "
        f"its rows out\n    with drop_missing_ids: true beside it, in {place}."
    )


def amount(value: Decimal | None) -> str:
    """An amount as the review writes it: no zeros behind it, and 0 where there is none.

    Examples
    --------
    >>> amount(Decimal("12.50")), amount(None)
    ('12.5', '0')
    """
    return f"{value.normalize() + 0:f}" if value else "0"


def _look_at_orders(
    connection: duckdb.DuckDBPyConnection, parsed: Parsed, kept: str, n_kept: int
) -> tuple[bool, bool]:
    """Whether an order_id stands in several rows, which must then be brought together; and whether none does."""
    if "order_id" not in parsed.columns:
        return False, False
    made = parsed.candidate
    known = made and made.orders_differ and is_untouched(connection, parsed.relation, made)
    if known or all_differ(connection, kept, "order_id", n_kept):
        return False, True
    counted = connection.execute(f"SELECT count(order_id) FROM {kept}").fetchone()
    n_named = int(counted[0]) if counted else 0
    named = f"(SELECT order_id FROM {kept} WHERE order_id IS NOT NULL)"
    return n_named == n_kept or not all_differ(connection, named, "order_id", n_named), False


def _count_copies(connection: duckdb.DuckDBPyConnection, parsed: Parsed, kept: str, n_kept: int) -> int:
    """How many of the rows that are kept are exact copies of another, as their source has them."""
    if parsed.candidate and not parsed.candidate.has_copies:
        # Rows that differ as they were read differ in their source. Without ids many are alike, and nothing is won.
        row = f"({', '.join(identifier(name) for name in parsed.columns)})"
        if "order_id" in parsed.columns and all_differ(connection, kept, row, n_kept):
            return 0
        rows = f"({parsed.copies})"
        if n_kept < parsed.n_rows:
            dropped = "SELECT rowid FROM transactions_judged WHERE _cam_reason IS NOT NULL"
            numbered = f"SELECT *, row_number() OVER () - 1 AS _cam_row FROM {rows}"
            rows = f"({numbered}) WHERE _cam_row NOT IN ({dropped})"
        return n_kept - n_different(connection, rows, COPY, n_kept)
    return n_kept - n_different(connection, kept, COPY, n_kept)


def _days_apart(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, Any]:
    """The last day but one with a row, and what lies far away from all others: it shows mistyped dates."""
    days = connection.execute(
        f"SELECT CAST(order_date AS DATE) AS day, count(*) FROM read_parquet({literal(str(path))}) "
        "GROUP BY day ORDER BY day"
    ).fetchall()
    return {
        "day_before_last": days[-2][0].isoformat() if len(days) > 1 else None,
        "days_beyond": _beyond(days, _FAR_DAYS),
        "days_ahead": _beyond(days[::-1], _LONG_AGO),
    }


def _beyond(days: Sequence[tuple[date, int]], far: int) -> dict[str, Any] | None:
    """The few days at the end behind a gap, longer than *far*, that all gaps before it do not explain."""
    gaps = [abs((after - before).days) for (before, _), (after, _) in pairwise(days)]
    longest = list(accumulate(gaps, max, initial=0))  # of the gaps before each
    for n in range(min(max(_FEW_DAYS, len(days) // 100), len(gaps)), 0, -1):
        at = len(gaps) - n
        # In a handful of days any may stand alone; few are few only beside many.
        if gaps[at] > max(far, 2 * longest[at]) and at + 1 >= 10 * n:
            rows = sum(n_rows for _, n_rows in days[at + 1 :])
            near, other = days[at][0].isoformat(), days[at + 1][0].isoformat()
            return {"rows": rows, "near": near, "other": other, "days": gaps[at] - 1}
    return None
