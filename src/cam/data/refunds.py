"""Refunds: netted to their order where they can be linked, else a series of their own; once and only once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import duckdb

from cam.errors import DataError

#: What a row of the canonical transactions is. A refund is never a purchase day.
PURCHASE, NETTED_REFUND, LOOSE_REFUND = "purchase", "netted refund", "loose refund"


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
    connection: duckdb.DuckDBPyConnection, kept: str, columns: tuple[str, ...], *, refund_column: str | None
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
    refund_column : str or None
        The source's column of amounts paid back, if the parameter file names one.

    Returns
    -------
    Netting

    Raises
    ------
    DataError
        If an order's refund comes both as a row and in the column: it would be subtracted twice.
    """
    revenue = "revenue - coalesce(abs(_cam_refund), 0)" if refund_column else "revenue"
    others = ", ".join(
        f"kept.{name}" for name in columns if name not in {"customer_id", "order_date", "revenue"}
    )
    in_column = Decimal(0)
    if refund_column:
        found = connection.execute(
            f"SELECT sum(abs(_cam_refund)), count(*) FILTER (revenue < 0 AND _cam_refund <> 0) FROM {kept}"
        ).fetchone()
        assert found is not None
        in_column = found[0] or in_column
        if found[1]:
            raise DataError(_twice(f"{found[1]:,} rows are refunds", refund_column, ""))
    if "order_id" not in columns:
        query = (
            f"SELECT customer_id, order_date, CAST({revenue} AS DECIMAL(18, 2)) AS revenue{_listed(others)}, "
            f"CASE WHEN revenue < 0 THEN '{LOOSE_REFUND}' ELSE '{PURCHASE}' END AS kind FROM {kept} AS kept"
        )
        counted = connection.execute(
            f"SELECT count(*), count(*) FILTER ({revenue} < 0) FROM {kept} WHERE revenue >= 0"
        ).fetchone()
        assert counted is not None
        return Netting(query, counted[0], 0, counted[1], 0, in_column)
    _group_orders(connection, kept, revenue, with_column=bool(refund_column))
    totals = connection.execute(
        "SELECT count(*) FILTER (bought IS NOT NULL), count(*) FILTER (moved), "
        "count(*) FILTER (total < 0 AND bought IS NOT NULL), count(*) FILTER (twice), "
        "min(order_id) FILTER (twice), count(*) - count(DISTINCT order_id) FROM orders"
    ).fetchone()
    assert totals is not None
    if totals[3]:
        raise DataError(
            _twice(f"{totals[3]:,} orders are refunded", refund_column or "", f" (first: {totals[4]})")
        )
    # Rows without an order_id are orders of their own.
    single = connection.execute(
        f"SELECT count(*) FROM {kept} WHERE order_id IS NULL AND revenue >= 0"
    ).fetchone()
    query = (
        "SELECT kept.customer_id, coalesce(orders.bought, kept.order_date) AS order_date, "
        f"CAST({revenue} AS DECIMAL(18, 2)) AS revenue{_listed(others)}, "
        f"CASE WHEN revenue >= 0 THEN '{PURCHASE}' WHEN orders.bought IS NOT NULL THEN '{NETTED_REFUND}' "
        f"ELSE '{LOOSE_REFUND}' END AS kind "
        f"FROM {kept} AS kept LEFT JOIN (SELECT * FROM orders WHERE n > 1) AS orders "
        "ON kept.order_id = orders.order_id AND kept.customer_id = orders.customer_id"
    )
    n_orders = totals[0] + (single[0] if single else 0)
    return Netting(query, n_orders, totals[1], totals[2], totals[5], in_column)


def _twice(what: str, column: str, first: str) -> str:
    return (
        f"transactions: {what} twice, as a negative row and in '{column}'{first}.\n"
        "    Leave data.transactions.options.refund_column out, or remove the negative rows at the source."
    )


def _listed(names: str) -> str:
    return f", {names}" if names else ""


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
               sum({revenue}) AS total, {twice} AS twice
        FROM {kept} WHERE order_id IS NOT NULL GROUP BY customer_id, order_id
        """
    )
