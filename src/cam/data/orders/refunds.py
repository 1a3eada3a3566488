"""Refunds: netted to their order where they can be linked, else a series of their own; once and only once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import duckdb

from cam.data.engine import whole_numbers
from cam.data.notes import Note
from cam.errors import DataError
from cam.params import Options

#: What a row of the canonical transactions is. A refund is never a purchase day.
PURCHASE, NETTED_REFUND, LOOSE_REFUND = "purchase", "netted refund", "loose refund"

#: One in so many orders of several lines that look so is worth a word.
_SHARE = 3

#: Days between two records of one refund, at most.
_NEAR = 60
_NTH = "row_number() OVER (PARTITION BY customer_id, back ORDER BY day) AS nth"
_TWINS = (
    "{n} of {all} refunds, {money} in all, seem to stand twice: in {way}, and as rows of their own that name no order "
    "of theirs; both are subtracted"
)
_TABLE = "the table of refunds"
_IF_OTHERS = " If they are other refunds, give the rows the order_id of what was bought."

#: Where so many of all orders stand on several lines, these are hardly an accident of an export.
_MANY = 0.1

#: From so many orders of several lines with one revenue on each, that revenue may be the order's.
_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Netting:
    """What was done to refunds and to orders whose lines stand on several days.

    Attributes
    ----------
    query : str
        SELECT of the kept rows that stay what they are, with ``kind``.
    changed : str or None
        SELECT of the others: lines of an order with refunds to net, or with several dates, with the order's own date.
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
    changed: str | None
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
        "min(order_id) FILTER (twice), count(*) - count(DISTINCT hash(order_id)), count(*) FILTER (changed) FROM orders"
    ).fetchone()
    assert totals is not None
    if totals[3]:
        raise DataError(_twice(f"{totals[3]:,} orders are refunded", options, f" (first: {totals[4]})"))
    # Rows without an order_id are orders of their own.
    single = connection.execute(
        f"SELECT count(*) FROM {kept} WHERE order_id IS NULL AND revenue >= 0"
    ).fetchone()
    n_orders = totals[0] + (single[0] if single else 0)
    query, changed = _as_they_are(columns, revenue, kept), None
    if totals[6]:
        changed = _change_rows(connection, columns, revenue, kept)
        query += " WHERE get_bit(getvariable('cam_changed'), CAST(kept._cam_line AS INTEGER)) = 0"
    return Netting(query, changed, n_orders, totals[1], totals[2], totals[5], in_column)


def _change_rows(
    connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...], revenue: str, kept: str
) -> str:
    """Bring the rows of orders with refunds, or of several days, to the day of the purchase; return a query of them.

    The others are told by a bit for each row in ``cam_changed``: a join would hand them over in any order, and so they
    need not be sorted again.
    """
    connection.execute(
        f"""
        CREATE TABLE rows_changed AS
        SELECT kept._cam_line, kept.customer_id, changed.bought AS order_date,
               CAST({revenue} AS DECIMAL(18, 2)) AS revenue{_others(columns)},
               CASE WHEN revenue >= 0 THEN '{PURCHASE}' ELSE '{NETTED_REFUND}' END AS kind
        FROM {kept} AS kept JOIN (SELECT customer_id, order_id, bought FROM orders WHERE changed) AS changed
        ON kept.order_id = changed.order_id AND kept.customer_id = changed.customer_id
        """
    )
    last = whole_numbers(connection, f"SELECT max(_cam_line) FROM {kept}")[0]
    connection.execute(
        f"SET VARIABLE cam_changed = (SELECT bitstring_agg(_cam_line, 0, {last}) FROM rows_changed)"
    )
    return "SELECT * EXCLUDE (_cam_line) FROM rows_changed ORDER BY _cam_line"


def _rows_alone(
    connection: duckdb.DuckDBPyConnection,
    kept: str,
    columns: tuple[str, ...],
    revenue: str,
    in_column: Decimal,
) -> Netting:
    query = _as_they_are(columns, revenue, kept)
    counted = connection.execute(
        f"SELECT count(*), count(*) FILTER ({revenue} < 0) FROM {kept} WHERE revenue >= 0"
    ).fetchone()
    assert counted is not None
    return Netting(query, None, counted[0], 0, counted[1], 0, in_column)


def _as_they_are(columns: tuple[str, ...], revenue: str, kept: str) -> str:
    return (
        f"SELECT kept.customer_id, kept.order_date, CAST({revenue} AS DECIMAL(18, 2)) AS revenue{_others(columns)}, "
        f"CASE WHEN revenue < 0 THEN '{LOOSE_REFUND}' ELSE '{PURCHASE}' END AS kind FROM {kept} AS kept"
    )


def _others(columns: tuple[str, ...]) -> str:
    return "".join(
        f", kept.{name}" for name in columns if name not in {"customer_id", "order_date", "revenue"}
    )


def _twice(what: str, options: Options, first: str, way: str = "") -> str:
    way = way or f"'{options.refund_column}'"
    head = f"transactions: {what} twice, as a negative row and in {way}{first}.\n    "
    if way == _TABLE:
        return f"{head}Leave data.refunds out, or remove the negative rows at the source."
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
    back = "abs(coalesce(_cam_refund, 0))" if with_column else "0"
    connection.execute(
        f"""
        CREATE TABLE orders AS
        SELECT customer_id, order_id, count(*) AS n,
               min(order_date) FILTER (revenue >= 0) AS bought,
               CAST(min(order_date) FILTER (revenue >= 0) AS DATE)
                   <> CAST(max(order_date) FILTER (revenue >= 0) AS DATE) AS moved,
               min(order_date) FILTER (revenue >= 0) IS NOT NULL
                   AND (bool_or(revenue < 0) OR min(order_date) <> max(order_date)) AS changed,
               sum({revenue}) AS total, {twice} AS twice,
               count(*) FILTER (revenue >= 0) AS n_bought,
               min(revenue) FILTER (revenue >= 0) AS least, max(revenue) FILTER (revenue >= 0) AS most,
               min({back}) FILTER (revenue >= 0) AS least_back, max({back}) FILTER (revenue >= 0) AS most_back,
               bool_and({back} = revenue) FILTER (revenue >= 0) AS is_whole
        FROM {kept} WHERE order_id IS NOT NULL GROUP BY customer_id, order_id
        """
    )


def ask_about_lines(
    connection: duckdb.DuckDBPyConnection, *, copies: str, options: Options, place: str
) -> tuple[Note, ...]:
    """Stop where an amount may be that of the order, written on each of its lines: a sum would count it several times.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace, with the table ``orders`` of :func:`net_refunds`.
    copies : str
        SELECT of a digest of every row of the source, as ``_cam_copy``: an export that has rows twice looks the same.
    options : Options
        Of the transactions. What ``revenue_per`` says settles it.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of Note
        A word where many orders look so, and not all, or where it is settled and still looks so.

    Raises
    ------
    DataError
        If every order of several lines has one revenue on all of them, or what was paid back of it.
    """
    if options.revenue_per == "order":
        return ()
    by_refund = _refunds_alike(connection, options, place) if options.refund_column else ()
    if options.revenue_per is not None:
        return by_refund
    found = connection.execute(
        "SELECT count(*) FILTER (several), count(*) FILTER (alike), sum(most * (n_bought - 1)) FILTER (alike), "
        "count(*) FROM (SELECT *, n_bought > 1 AND most > 0 AS several, "
        "n_bought > 1 AND most > 0 AND least = most AS alike FROM orders)"
    ).fetchone()
    assert found is not None
    several, alike, more, n = found
    if alike < _ENOUGH or _SHARE * alike < several:
        return by_refund
    # A copy can make no more than one such order. A few copies are that; where many orders have nothing else, the
    # order's amount may stand on lines that say nothing of what was bought.
    counted = connection.execute(f"SELECT count(*) - count(DISTINCT _cam_copy) FROM ({copies})").fetchone()
    may_be_copies = alike - (counted[0] if counted else 0) < _ENOUGH
    if may_be_copies and (options.drop_duplicates or alike < several or several < _MANY * n):
        return by_refund
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
        return (*by_refund, Note(words, alike=alike, n=several, shown=shown))
    copied = " If the file has its rows twice: drop_duplicates: true." if may_be_copies else ""
    raise DataError(
        f"transactions: each of the {several:,} orders of several lines has one revenue on all of its lines "
        f"(first: {shown}). Is it the order's, or each line's?\n"
        f"    Say which: data.transactions.options.revenue_per: order or line in {place}. "
        f"As the order's, revenue is {more:,.2f} less.{copied}"
    )


def _refunds_alike(connection: duckdb.DuckDBPyConnection, options: Options, place: str) -> tuple[Note, ...]:
    """Ask whether what was paid back is the order's, where all lines of each order say the same of it.

    Lines that were paid back whole are asked about by their revenue.
    """
    found = connection.execute(
        "SELECT count(*), count(*) FILTER (least_back = most_back), "
        "sum(most_back * (n_bought - 1)) FILTER (least_back = most_back), "
        "first(order_id ORDER BY bought, order_id), first(n_bought ORDER BY bought, order_id), "
        "first(most_back ORDER BY bought, order_id) FROM orders WHERE n_bought > 1 AND most_back > 0 AND NOT is_whole"
    ).fetchone()
    assert found is not None
    several, alike, more, order, lines, amount = found
    if alike < _ENOUGH or _SHARE * alike < several:
        return ()
    if options.revenue_per is not None or alike < several:
        words = (
            "{column} is the same on all lines of {alike} of {n} orders of several lines, and is taken off on each; "
            "if it is the order's, revenue is {money} too low"
        )
        column = str(options.refund_column)
        return (Note(words, column=column, alike=alike, n=several, money=f"{more:,.2f}"),)
    raise DataError(
        f"transactions: each of the {several:,} orders of several lines with something in '{options.refund_column}' "
        f"has the same on all of its lines (first: {order}: {lines} times {amount:,.2f}). Is it the order's, or each "
        f"line's?\n"
        f"    If it is each line's: data.transactions.options.revenue_per: line in {place}. If it is the order's, as "
        f"its revenue is: revenue_per: order; with a revenue for each line, leave it on one line at the source. As "
        f"the order's, {more:,.2f} less is paid back."
    )


def ask_about_twins(
    connection: duckdb.DuckDBPyConnection,
    kept: str,
    *,
    options: Options,
    settled: str | None,
    has_lines: bool,
) -> tuple[Note, ...]:
    """Stop where each refund stands as a row of its own, too, that names another order or none: it would count twice.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace, with the table ``orders`` of :func:`net_refunds` where there are lines.
    kept : str
        Relation of the kept rows, as in :func:`net_refunds`.
    options : Options
        Of the transactions.
    settled : str or None
        Table of the refunds that are listed apart.
    has_lines : bool
        As in :func:`net_refunds`.

    Returns
    -------
    tuple of Note
        How many stand twice, where not all do.

    Raises
    ------
    DataError
        If all of them do: a row of the same customer has the same amount, at most 60 days away.
    """
    ways = []
    if options.refund_column:
        column = f"SELECT customer_id, abs(_cam_refund) AS back, order_date AS day FROM {kept} WHERE _cam_refund <> 0"
        ways.append((f"'{options.refund_column}'", column))
    if settled:
        table = (
            f"SELECT customer_id, -revenue AS back, day FROM {settled} WHERE reason IS NULL AND revenue < 0"
        )
        ways.append((_TABLE, table))
    if not ways or not connection.execute(f"SELECT 1 FROM {kept} WHERE revenue < 0 LIMIT 1").fetchone():
        return ()
    without_order = (
        "ANTI JOIN (SELECT customer_id, order_id FROM orders WHERE bought IS NOT NULL) USING (customer_id, order_id)"
        if has_lines
        else ""
    )
    loose = f"SELECT customer_id, -revenue AS back, order_date AS day FROM {kept} {without_order} WHERE revenue < 0"
    notes = []
    for way, paid_back in ways:
        # The first of one amount meets the first row of it, the second the second.
        found = connection.execute(
            f"""
            SELECT count(*), count(loose.nth), sum(paid.back) FILTER (loose.nth IS NOT NULL),
                   min(CAST(paid.day AS DATE)) FILTER (loose.nth IS NOT NULL)
            FROM (SELECT *, {_NTH} FROM ({paid_back})) AS paid LEFT JOIN (SELECT *, {_NTH} FROM ({loose})) AS loose
            ON paid.customer_id = loose.customer_id AND paid.back = loose.back AND paid.nth = loose.nth
               AND abs(date_diff('day', paid.day, loose.day)) <= {_NEAR}
            """
        ).fetchone()
        assert found is not None
        n, twins, money, first = found
        if twins and twins == n:
            what = f"{n:,} refunds of {money:,.2f} in all seem to stand"
            told = (
                f" (first: of {first}): the rows name no order of theirs, but the same customers and amounts"
            )
            raise DataError(_twice(what, options, told, way) + _IF_OTHERS)
        if twins:
            notes.append(Note(_TWINS, n=twins, all=n, money=f"{money:,.2f}", way=way))
    return tuple(notes)
