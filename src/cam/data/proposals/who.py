"""What must be asked of the column that says who bought: rows without a customer, masked names, one name for many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import duckdb

from cam.data.engine import identifier, whole_numbers
from cam.data.notes import Note
from cam.data.proposals.asked import Columns, Doubt
from cam.data.proposals.edges import CONTROL
from cam.data.proposals.heads import Head
from cam.data.proposals.synonyms import strength, synonyms
from cam.data.types.expressions import blank, called_sum, nobody, number, trimmed

#: Columns in which a row of sums may be called so.
_MOST_TEXTS = 50
#: Rows that share an id above which it may name nobody.
_SHARED = 0.05
#: From this share on, ids are masked by whoever exported them; below it some customers are called so.
_MASKED = 0.02
#: Customers with several rows that it takes to see whether a column says who they are, the share of them that must
#: have one value throughout, and the different values for each customer: a plan or a region has fewer.
_SEVERAL, _ALIKE, _OWN = 5, 0.98, 0.5

#: What is asked of rows without a customer, by whether their revenue is known and whether another column may name one.
_GUESTS = {
    (False, False): "{n} of {rows} rows have no {column}: leave them out? "
    "Or name a second column for them, as a list in columns.customer_id",
    (False, True): "{n} of {rows} rows have no {column}: leave them out? "
    "Or name a second column for them: columns.customer_id: [{first}, {other}]",
    (True, False): "{n} of {rows} rows have no {column}, their revenue is {revenue}: leave them out? "
    "Or name a second column for them, as a list in columns.customer_id",
    (True, True): "{n} of {rows} rows have no {column}, their revenue is {revenue}: leave them out? "
    "Or name a second column for them: columns.customer_id: [{first}, {other}]",
}


def nobodies(
    connection: duckdb.DuckDBPyConnection, table: str, head: Head, mapped: Columns, known: Mapping[str, Any]
) -> list[Doubt]:
    """Ask about rows whose customer cannot be told.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    table : str
        Canonical name.
    head : Head
        The file.
    mapped : mapping of str to tuple of str
        Canonical name to the source's columns.
    known : mapping of str to object
        Options that the preset says.

    Returns
    -------
    list of Doubt
    """
    return [
        *_masked(connection, table, head, mapped),
        *_blank(connection, table, head, mapped, known),
        *_guests(head, mapped),
    ]


def _masked(connection: duckdb.DuckDBPyConnection, table: str, head: Head, mapped: Columns) -> list[Doubt]:
    """Names that the export hides in part: many customers would become one."""
    # A refund finds its customer by its order.
    for column in mapped.get("customer_id", ()) if table != "refunds" else ():
        given = trimmed(f"CAST({identifier(column)} AS VARCHAR)")
        filled = f"FROM {head.raw.relation} WHERE NOT {blank(identifier(column), head.raw.columns[column])}"
        told = f"{nobody(given)} AND regexp_matches({given}, '[*＊•●]|[xX]{{3}}')"
        found = connection.execute(
            f"SELECT count(*), count(*) FILTER ({told}), any_value({given}) FILTER ({told}) {filled}"
        ).fetchone()
        rows, n, example = found or (0, 0, None)
        if not n or n < _MASKED * rows:
            continue
        words = (
            "{n} of {rows} values of {column} are masked (such as {value}): no customer can be told by them; "
            "export them unmasked, or map another column"
        )
        why = Note(words, n=n, rows=rows, column=column, value=str(example))
        return [Doubt(None, None, why, (column,))]
    return []


def _blank(
    connection: duckdb.DuckDBPyConnection, table: str, head: Head, mapped: Columns, known: Mapping[str, Any]
) -> list[Doubt]:
    """Rows without a customer, such as those of guests: every run stops at them until it is told what to do."""
    who = [column for column in mapped.get("customer_id", ()) if column in head.raw.columns]
    if not who or table in {"responses", "refunds"} or known.get("drop_missing_ids"):
        return []  # a survey may be anonymous
    nobody_there = " AND ".join(
        f"({blank(identifier(name), head.raw.columns[name])} "
        f"OR {nobody(trimmed(f'CAST({identifier(name)} AS VARCHAR)'), known.get('guests', ()))}"
        f" AND NOT regexp_matches(CAST({identifier(name)} AS VARCHAR), '[*＊•●]'))"
        for name in who
    )
    amounts = mapped.get("revenue", ())
    total = "NULL"
    if amounts and amounts[0] in head.raw.columns:
        sign = "," if head.columns[amounts[0]].is_comma else "."
        total = f"sum({number(identifier(amounts[0]), head.raw.columns[amounts[0]], decimal=sign)})"
    texts = [identifier(name) for name, kind in head.raw.columns.items() if kind == "VARCHAR"][:_MOST_TEXTS]
    found = connection.execute(
        f"SELECT count(*), {total}, (SELECT count(*) FROM {head.raw.relation}), count(name), any_value(name) "
        f"FROM (SELECT *, {called_sum(texts)} AS name FROM {head.raw.relation}) WHERE {nobody_there}"
    ).fetchone()
    n, revenue, rows, n_sums, name = found or (0, None, 0, 0, None)
    if not n or n == rows:
        return []
    if n_sums == n:
        words = "{n} of {rows} rows have no {column} and are called {name}, as sums of other rows are: leave them out?"
        why = Note(words, n=n, rows=rows, column=", ".join(who), name=str(name))
        return [Doubt("drop_missing_ids", True, why)]
    said: dict[str, int | str] = {"n": n, "rows": rows, "column": ", ".join(who)}
    if revenue is not None:
        said["revenue"] = f"{revenue:,.2f}"
    other = _fallback(connection, table, head, mapped, nobody_there)
    if other:
        said |= {"first": who[0], "other": other}
    words = _GUESTS[revenue is not None, other is not None]
    return [Doubt("drop_missing_ids", True, Note(words, **said))]


def _fallback(
    connection: duckdb.DuckDBPyConnection, table: str, head: Head, mapped: Columns, where: str
) -> str | None:
    """Another column that may name the customer, filled in most of the rows that have none."""
    taken = {column for columns in mapped.values() for column in columns}
    likely = [name for name in head.columns if name not in taken and strength(table, "customer_id", name)]
    for name in sorted(likely, key=lambda name: -strength(table, "customer_id", name)):
        given = identifier(name)
        found = connection.execute(
            f"SELECT count(*), count(*) FILTER (NOT {blank(given, head.raw.columns[name])}), "
            f"count(DISTINCT {given}) FROM {head.raw.relation} WHERE {where}"
        ).fetchone()
        # One word in all of them names nobody.
        if found and 2 * found[1] > found[0] and found[2] > 1:
            return name
    return None


def _guests(head: Head, mapped: Columns) -> list[Doubt]:
    column = mapped.get("customer_id", ("",))[0]
    facts = head.columns.get(column)
    if facts is None or facts.n_filled < 20:
        return []
    (value, n), *_ = Counter(value.strip() for value in facts.values).most_common(1)
    shared = n > _SHARED * facts.n_filled and not CONTROL.search(value)
    if not shared or not (
        value.casefold() in synonyms().nobody or (n > 0.2 * facts.n_filled and facts.n_distinct > 20)
    ):
        return []
    words = "{n} of {rows} rows have the customer {value}: is that nobody?"
    return [Doubt("guests", [value], Note(words, n=n, rows=facts.n_filled, value=value))]


def names_customers(connection: duckdb.DuckDBPyConnection, head: Head, customer: str, column: str) -> bool:
    """Whether a column says who the customer is: one value for each who has several rows, and another for most.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    head : Head
        The file.
    customer, column : str
        The source's columns.

    Returns
    -------
    bool
    """
    who, given = identifier(customer), identifier(column)
    filled = " AND ".join(
        f"NOT {blank(identifier(one), head.raw.columns[one])}" for one in (customer, column)
    )
    several, alike, customers, different = whole_numbers(
        connection,
        "SELECT count(*) FILTER (n > 1), count(*) FILTER (n > 1 AND own = 1), count(*), count(DISTINCT one) FROM "
        f"(SELECT count(*) AS n, count(DISTINCT {given}) AS own, min({given}) AS one "
        f"FROM {head.raw.relation} WHERE {filled} GROUP BY {who})",
    )
    return several >= _SEVERAL and alike >= _ALIKE * several and different >= _OWN * customers
