"""Refunds: netted to their order where they can be linked, else a series of their own; once and only once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import duckdb

from cam.data.notes import Note
from cam.errors import DataError
from cam.params import Options

#: What a row of the canonical transactions is. A refund is never a purchase day.
PURCHASE, NETTED_REFUND, LOOSE_REFUND = "purchase", "netted refund", "loose refund"

#: From so many orders of several lines with one revenue on each, that revenue may be the order's.
_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Netting:
    """What was done to refunds and to orders whose lines stand on several days.

    Attributes
    ----------
    query : str
        SELECT of the kept rows, with ``kind`` and the order's own date.
    n_orders : int
        Orders with at least one purchase row.
    n_moved : int
        Orders whose lines stood on several days; all lines now carry the first.
    n_below_zero : int
        Orders refunded beyond what they brought in.
    n_shared : int
        Orders whose id another customer uses too; each customer's lines are an order of their own.
    netted_in_column : Decimal
        Money paid back that came in a column of the order's own row.
    """

    query: str
    n_orders: int
    n_moved: int
    n_below_zero: int
    n_shared: int
    netted_in_column: Decimal


def net_refunds(
    connection: duckdb.DuckDBPyConnection,
    kept: str,
    columns: tuple[str, ...],
    *,
    options: Options,
    has_lines: bool,
) -> Netting:
    """Decide for every kept row what it is and which day it belongs to.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    kept : str
        Relation of the kept rows, columns by canonical name, with ``_cam_refund`` where there is one.
    columns : tuple of str
        The canonical columns that it has.
    options : Options
        Of the transactions: the column of amounts paid back among them.
    has_lines : bool
        Whether an order_id may stand in several rows; then a table ``orders`` is made.

    Returns
    -------
    Netting

    Raises
    ------
    DataError
        If an order's refund comes both as a row and in the column: it would be subtracted twice.
    """
    refund_column = options.refund_column
    revenue = "revenue - coalesce(abs(_cam_refund), 0)" if refund_column else "revenue"
    in_column = Decimal(0)
    if refund_column:
        found = connection.execute(
            f"SELECT sum(abs(_cam_refund)), count(*) FILTER (revenue < 0 AND _cam_refund <> 0) FROM {kept}"
        ).fetchone()
        assert found is not None
        in_column = found[0] or in_column
        if found[1]:
            raise DataError(_twice(f"{found[1]:,} rows are refunds", options, ""))
    if not has_lines:
        return _rows_alone(connection, kept, columns, revenue, in_column)
    _group_orders(connection, kept, revenue, with_column=bool(refund_column))
    totals = connection.execute(
        "SELECT count(*) FILTER (bought IS NOT NULL), count(*) FILTER (moved), "
        "count(*) FILTER (total < 0 AND bought IS NOT NULL), count(*) FILTER (twice), "
        "min(order_id) FILTER (twice), count(*) - count(DISTINCT hash(order_id)) FROM orders"
    ).fetchone()
    assert totals is not None
    if totals[3]:
        raise DataError(_twice(f"{totals[3]:,} orders are refunded", options, f" (first: {totals[4]})"))
    # Rows without an order_id are orders of their own.
    single = connection.execute(
        f"SELECT count(*) FROM {kept} WHERE order_id IS NULL AND revenue >= 0"
    ).fetchone()
    query = (
        "SELECT kept.customer_id, coalesce(orders.bought, kept.order_date) AS order_date, "
        f"CAST({revenue} AS DECIMAL(18, 2)) AS revenue{_others(columns)}, "
        f"CASE WHEN revenue >= 0 THEN '{PURCHASE}' WHEN orders.bought IS NOT NULL THEN '{NETTED_REFUND}' "
        f"ELSE '{LOOSE_REFUND}' END AS kind "
        f"FROM {kept} AS kept LEFT JOIN (SELECT * FROM orders WHERE n > 1) AS orders "
        "ON kept.order_id = orders.order_id AND kept.customer_id = orders.customer_id"
    )
    n_orders = totals[0] + (single[0] if single else 0)
    return Netting(query, n_orders, totals[1], totals[2], totals[5], in_column)


def _rows_alone(
    connection: duckdb.DuckDBPyConnection,
    kept: str,
    columns: tuple[str, ...],
    revenue: str,
    in_column: Decimal,
) -> Netting:
    query = (
        f"SELECT customer_id, order_date, CAST({revenue} AS DECIMAL(18, 2)) AS revenue{_others(columns)}, "
        f"CASE WHEN revenue < 0 THEN '{LOOSE_REFUND}' ELSE '{PURCHASE}' END AS kind FROM {kept} AS kept"
    )
    counted = connection.execute(
        f"SELECT count(*), count(*) FILTER ({revenue} < 0) FROM {kept} WHERE revenue >= 0"
    ).fetchone()
    assert counted is not None
    return Netting(query, counted[0], 0, counted[1], 0, in_column)


def _others(columns: tuple[str, ...]) -> str:
    return "".join(
        f", kept.{name}" for name in columns if name not in {"customer_id", "order_date", "revenue"}
    )


def _twice(what: str, options: Options, first: str) -> str:
    head = f"transactions: {what} twice, as a negative row and in '{options.refund_column}'{first}.\n    "
    cure = "Leave data.transactions.options.refund_column out, or remove the negative rows at the source."
    if options.states and options.states.refunded:
        cure = (
            "What data.transactions.options.states calls refunded is paid back in full: put it under keep, "
            "or remove the negative rows at the source."
        )
    return head + cure


def _group_orders(
    connection: duckdb.DuckDBPyConnection, kept: str, revenue: str, *, with_column: bool
) -> None:
    twice = "bool_or(revenue < 0) AND bool_or(coalesce(_cam_refund, 0) <> 0)" if with_column else "false"
    connection.execute(
        f"""
        CREATE TABLE orders AS
        SELECT customer_id, order_id, count(*) AS n,
               min(order_date) FILTER (revenue >= 0) AS bought,
               CAST(min(order_date) FILTER (revenue >= 0) AS DATE)
                   <> CAST(max(order_date) FILTER (revenue >= 0) AS DATE) AS moved,
               sum({revenue}) AS total, {twice} AS twice,
               count(*) FILTER (revenue >= 0) AS n_bought,
               min(revenue) FILTER (revenue >= 0) AS least, max(revenue) FILTER (revenue >= 0) AS most
        FROM {kept} WHERE order_id IS NOT NULL GROUP BY customer_id, order_id
        """
    )


def ask_about_lines(connection: duckdb.DuckDBPyConnection, *, copies: str, place: str) -> tuple[Note, ...]:
    """Stop where revenue may be that of the order, written on each of its lines: a sum would count it several times.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace, with the table ``orders`` of :func:`net_refunds`.
    copies : str
        SELECT of a digest of every row of the source, as ``_cam_copy``: an export that has rows twice looks the same.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of Note
        A word where most orders look so, and not all.

    Raises
    ------
    DataError
        If every order of several lines has one revenue on all of them.
    """
    found = connection.execute(
        "SELECT count(*), count(*) FILTER (least = most), sum(most * (n_bought - 1)) FILTER (least = most) "
        "FROM orders WHERE n_bought > 1 AND most > 0"
    ).fetchone()
    assert found is not None
    several, alike, more = found
    if alike < _ENOUGH or 2 * alike <= several:
        return ()
    # A copy can make no more than one such order.
    counted = connection.execute(f"SELECT count(*) - count(DISTINCT _cam_copy) FROM ({copies})").fetchone()
    if alike - (counted[0] if counted else 0) < _ENOUGH:
        return ()
    first = connection.execute(
        "SELECT order_id, n_bought, most FROM orders WHERE n_bought > 1 AND most > 0 AND least = most "
        "ORDER BY bought, order_id LIMIT 3"
    ).fetchall()
    shown = ", ".join(f"{order}: {n} times {amount:,.2f}" for order, n, amount in first)
    if alike < several:
        words = (
            "{alike} of {n} orders of several lines have one revenue on all of them, as if it was the order's "
            "({shown}); it counts on each line, and options.revenue_per settles it"
        )
        return (Note(words, alike=alike, n=several, shown=shown),)
    raise DataError(
        f"transactions: each of the {several:,} orders of several lines has one revenue on all of its lines "
        f"(first: {shown}). Is it the order's, or each line's?\n"
        f"    Say which: data.transactions.options.revenue_per: order or line in {place}. "
        f"As the order's, revenue is {more:,.2f} less."
    )
