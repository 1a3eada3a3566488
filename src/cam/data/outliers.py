"""Amounts of a prepared table: how large they are, and which are out of line with the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import duckdb

from cam.data.engine import identifier
from cam.data.orders.refunds import PURCHASE
from cam.schema import TABLES

#: An amount is out of line if its logarithm is more than so many robust standard deviations from the median's.
OUT_OF_LINE = 5.0
#: Amounts out of line that the page has room for.
MOST_SHOWN = 5

_PER_UNIT = 50  # bins per unit of the natural logarithm: amounts in one bin differ by 2 %
_MAD_TO_SD = 1.4826


@dataclass(frozen=True, slots=True)
class Amount:
    """One amount out of line, and where it stands.

    Attributes
    ----------
    value : Decimal
        In the client's currency.
    where : mapping of str to str
        Column and value of what names its row.
    """

    value: Decimal
    where: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MoneyProfile:
    """The amounts of one column; of orders, those of purchases.

    Attributes
    ----------
    column : str
        Its name.
    n_negative, n_zero, n_positive : int
        Rows.
    quantiles : tuple of three floats, or None
        Below which 5, 50 and 95 % of the positive amounts are, to 1 %.
    limits : tuple of two floats, or None
        Outside of which a positive amount is out of line; None where more than half of all are the same.
    n_low, n_high : int
        Positive amounts outside.
    total, total_high : Decimal
        Sum of the positive amounts, and of those above the upper limit.
    total_negative : Decimal
        Sum of the negative amounts.
    largest : tuple of Amount
        The largest above it.
    """

    column: str
    n_negative: int
    n_zero: int
    n_positive: int
    quantiles: tuple[float, float, float] | None
    limits: tuple[float, float] | None
    n_low: int
    n_high: int
    total: Decimal
    total_high: Decimal
    total_negative: Decimal
    largest: tuple[Amount, ...]


def money_profile(
    connection: duckdb.DuckDBPyConnection, table: str, source: str, column: str, names: list[str]
) -> MoneyProfile:
    """Sort a column's amounts by size in bins of 2 %, and tell which are far from the median of their logarithms.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The engine.
    table : str
        Canonical name; of transactions only purchases count.
    source : str
        Its rows, as SQL.
    column : str
        The column of money.
    names : list of str
        All columns of the table.

    Returns
    -------
    MoneyProfile
    """
    amount = identifier(column)
    where = f" AND kind = '{PURCHASE}'" if table == "transactions" else ""
    counted = connection.execute(
        f"""
        SELECT CASE WHEN {amount} > 0 THEN CAST(floor(ln(CAST({amount} AS DOUBLE)) * {_PER_UNIT}) AS INTEGER) END,
               {amount} < 0, count(*), sum({amount})
        FROM {source} WHERE {amount} IS NOT NULL{where} GROUP BY 1, 2
        """
    ).fetchall()
    bins = sorted((row[0], row[2], row[3]) for row in counted if row[0] is not None)
    n_negative, n_zero = (
        sum(row[2] for row in counted if row[0] is None and row[1] == sign) for sign in (True, False)
    )
    sizes = [(place, n) for place, n, _ in bins]
    found = MoneyProfile(
        column=column,
        n_negative=n_negative,
        n_zero=n_zero,
        n_positive=sum(n for _, n in sizes),
        quantiles=None,
        limits=None,
        n_low=0,
        n_high=0,
        total=sum((summed for *_, summed in bins), Decimal(0)),
        total_high=Decimal(0),
        total_negative=sum((row[3] for row in counted if row[1]), Decimal(0)),
        largest=(),
    )
    if not sizes:
        return found
    fifth, middle, last = (_level(sizes, share) for share in (0.05, 0.5, 0.95))
    found = replace(found, quantiles=(_centre(fifth), _centre(middle), _centre(last)))
    spread = _level(sorted((abs(place - middle), n) for place, n in sizes), 0.5)
    if not spread:
        return found
    reach = math.ceil(OUT_OF_LINE * _MAD_TO_SD * spread)
    low, high = middle - reach, middle + reach + 1
    above = [(n, summed) for place, n, summed in bins if place >= high]
    limits = (math.exp(low / _PER_UNIT), math.exp(high / _PER_UNIT))
    return replace(
        found,
        limits=limits,
        n_low=sum(n for place, n in sizes if place < low),
        n_high=sum(n for n, _ in above),
        total_high=sum((summed for _, summed in above), Decimal(0)),
        largest=_largest(connection, table, source, column, names, limits[1]) if above else (),
    )


def _centre(place: int) -> float:
    return math.exp((place + 0.5) / _PER_UNIT)


def _level(sizes: list[tuple[int, int]], share: float) -> int:
    """The value up to which that share of the counts lies."""
    wanted, so_far = share * sum(n for _, n in sizes), 0
    for value, n in sizes:
        so_far += n
        if so_far >= wanted:
            return value
    return sizes[-1][0]


def _largest(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    source: str,
    column: str,
    names: list[str],
    limit: float,
) -> tuple[Amount, ...]:
    schema = TABLES[table]
    keys = [
        name
        for name in dict.fromkeys((schema.key or "", "customer_id", "order_id", *schema.time, "channel"))
        if name in names
    ][:3]
    where = f" AND kind = '{PURCHASE}'" if table == "transactions" else ""
    listed = ", ".join(f"CAST({identifier(name)} AS VARCHAR)" for name in keys)
    amount = identifier(column)
    rows = connection.execute(
        f"SELECT {amount}, {listed or 'NULL'} FROM {source} WHERE {amount} >= {limit * 0.99}{where} "
        f"ORDER BY {amount} DESC, {listed or '1'} LIMIT {MOST_SHOWN}"
    ).fetchall()
    return tuple(
        Amount(row[0], {name: value for name, value in zip(keys, row[1:], strict=False) if value is not None})
        for row in rows
        if float(row[0]) >= limit
    )
