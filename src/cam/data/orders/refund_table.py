"""Refunds that a system lists apart from its orders: each a negative row of its order, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from cam.data.orders.refunds import LOOSE_REFUND, NETTED_REFUND
from cam.errors import DataError
from cam.params import Options

#: Why a refund does not count.
UNKNOWN = "refund of an unknown order"
LEFT_OUT = "refund of an order that is left out"
SHARED = "refund of an order_id that several customers use"
#: Table with one row for each refund that its own table keeps.
SETTLED = "refunds_settled"


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the refunds that are listed apart.

    Attributes
    ----------
    n_rows : int
        Refunds that count.
    revenue : Decimal
        What they take off revenue, below 0.
    n_netted : int
        Those of a known order; the others stand on their own day.
    n_below_zero : int
        Orders that are refunded beyond what they brought in by these refunds alone.
    n_late : int
        Those that count and came after the last day seen.
    """

    n_rows: int
    revenue: Decimal
    n_netted: int
    n_below_zero: int
    n_late: int

    def query(self, columns: tuple[str, ...]) -> str:
        """SELECT of the refunds as rows of transactions, by name."""
        order = ", order_id" if "order_id" in columns else ""
        return f"SELECT customer_id, order_date, revenue{order}, kind FROM {SETTLED} WHERE reason IS NULL"


def settle_refunds(
    connection: duckdb.DuckDBPyConnection,
    transactions: str,
    refunds: str,
    *,
    columns: tuple[str, ...],
    refund_columns: tuple[str, ...],
    options: Options,
    as_of: date,
) -> Settled:
    """Find the order of each refund, and make it a row of it: the order's customer, on the order's day.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    transactions : str
        Relation of all rows, with ``_cam_reason`` where one is left out.
    refunds : str
        Likewise of refunds, with ``_cam_line``, the number of the row.
    columns, refund_columns : tuple of str
        The canonical columns that the two have.
    options : Options
        Of the transactions: whether they have a column of amounts paid back.
    as_of : date
        Last day seen: a refund on its own day, without an order, may not be later.

    Returns
    -------
    Settled
        A table ``refunds_settled`` says of each refund what it is, or why it does not count. A refund of an unknown
        order stands on its own day where it has a customer and a date.

    Raises
    ------
    DataError
        If an order has refunds here and in the transactions too: they would be subtracted twice.
    """
    customer = "customer_id" if "customer_id" in refund_columns else "CAST(NULL AS VARCHAR)"
    day = "refund_date" if "refund_date" in refund_columns else "CAST(NULL AS TIMESTAMP)"
    connection.execute(
        f"CREATE TABLE refunds_asked AS SELECT _cam_line AS line, order_id, {customer} AS customer_id, "
        f"{day} AS refund_date, abs(refund) AS refund FROM {refunds} WHERE _cam_reason IS NULL"
    )
    in_column = "coalesce(abs(_cam_refund), 0)" if options.refund_column else "0"
    order_id = "order_id" if "order_id" in columns else "CAST(NULL AS VARCHAR)"
    kept = "_cam_reason IS NULL"
    connection.execute(
        f"""
        CREATE TABLE refunds_orders AS
        SELECT order_id, customer_id, bool_or({kept}) AS is_kept,
               min(order_date) FILTER ({kept} AND revenue >= 0) AS bought,
               sum(revenue - {in_column}) FILTER ({kept}) AS total,
               coalesce(bool_or(revenue < 0 OR {in_column} <> 0) FILTER ({kept}), false) AS is_refunded
        FROM (SELECT * REPLACE ({order_id} AS order_id) FROM {transactions})
        WHERE order_id IN (SELECT order_id FROM refunds_asked)
        GROUP BY order_id, customer_id
        """
        if "order_id" in columns
        else "CREATE TABLE refunds_orders AS SELECT '' AS order_id, '' AS customer_id, false AS is_kept, "
        "TIMESTAMP '1900-01-01' AS bought, 0.0 AS total, false AS is_refunded WHERE false"
    )
    # One customer of the order decides; where several use its id, the refund's own customer does.
    connection.execute(
        f"""
        CREATE TABLE {SETTLED} AS
        WITH owners AS (
            SELECT order_id, count(*) AS n, count(*) FILTER (is_kept) AS n_kept FROM refunds_orders GROUP BY order_id
        ), met AS (
            SELECT asked.*, owners.n, owners.n_kept, found.customer_id AS owner, found.bought, found.is_refunded
            FROM refunds_asked AS asked LEFT JOIN owners ON asked.order_id = owners.order_id
            LEFT JOIN refunds_orders AS found ON asked.order_id = found.order_id AND found.is_kept
                AND (owners.n_kept = 1 OR found.customer_id = asked.customer_id)
        )
        SELECT line, order_id, coalesce(owner, customer_id) AS customer_id,
               CASE WHEN owner IS NULL THEN refund_date ELSE coalesce(bought, refund_date) END AS order_date,
               coalesce(refund_date, bought) AS day, CAST(-refund AS DECIMAL(18, 2)) AS revenue,
               CASE WHEN bought IS NULL THEN '{LOOSE_REFUND}' ELSE '{NETTED_REFUND}' END AS kind,
               CASE WHEN owner IS NOT NULL THEN NULL
                    WHEN n_kept > 1 THEN '{SHARED}' WHEN n > 0 AND n_kept = 0 THEN '{LEFT_OUT}'
                    WHEN customer_id IS NULL OR refund_date IS NULL THEN '{UNKNOWN}'
                    WHEN CAST(refund_date AS DATE) > DATE '{as_of}' THEN 'after as_of' END AS reason,
               CAST(refund_date AS DATE) > DATE '{as_of}' AS is_late,
               coalesce(is_refunded, false) AS twice
        FROM met
        """
    )
    found = connection.execute(
        f"SELECT count(*) FILTER (reason IS NULL), sum(revenue) FILTER (reason IS NULL), "
        f"count(*) FILTER (reason IS NULL AND kind = '{NETTED_REFUND}'), "
        f"count(DISTINCT order_id) FILTER (twice), min(order_id) FILTER (twice), "
        f"count(*) FILTER (reason IS NULL AND is_late) FROM {SETTLED}"
    ).fetchone()
    assert found is not None
    if found[3]:
        way = f"in '{options.refund_column}'" if options.refund_column else "as a negative row"
        raise DataError(
            f"transactions: {found[3]:,} orders are refunded twice, {way} and in the table of refunds "
            f"(first: {found[4]}).\n"
            "    Leave data.refunds out, or data.transactions.options.refund_column, or the negative rows."
        )
    below = connection.execute(
        f"SELECT count(*) FROM (SELECT order_id, customer_id, sum(revenue) AS back FROM {SETTLED} "
        f"WHERE kind = '{NETTED_REFUND}' AND reason IS NULL GROUP BY ALL) AS back JOIN refunds_orders AS orders "
        "USING (order_id, customer_id) WHERE orders.total >= 0 AND orders.total + back < 0"
    ).fetchone()
    return Settled(found[0], found[1] or Decimal(0), found[2], below[0] if below else 0, found[5])
