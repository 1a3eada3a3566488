"""Which columns a role may have by their values alone, the likeliest first: candidates of a question, no answer."""

from __future__ import annotations

import re

from cam.data.proposals.facts import Facts
from cam.data.proposals.heads import Head
from cam.data.proposals.roles import FEW
from cam.schema import TABLES

#: Rows of one customer, on average, from which on a column repeats as customers do; below it, it tells orders.
_REPEATS = 1.5


#: A number with a zero before it is a code.
_ZERO = re.compile(r"0\d")


def by_values(head: Head, table: str, name: str, used: set[str]) -> tuple[str, ...]:
    """Return the columns that a role may have by their values.

    Parameters
    ----------
    head : Head
        The file.
    table, name : str
        Canonical.
    used : set of str
        Columns that have a role already.

    Returns
    -------
    tuple of str
        The likeliest first.
    """
    role = TABLES[table].column(name)
    assert role is not None
    left = {column: facts for column, facts in head.columns.items() if column not in used and facts.n_filled}
    if role.kind in {"date", "datetime"}:
        fits = [column for column, facts in left.items() if facts.dates >= 0.9]
    elif role.kind in {"money", "number"}:
        fits = [
            column
            for column, facts in left.items()
            if facts.amounts >= 0.9 and facts.dates < 0.9 and not all(map(_ZERO.match, facts.values))
        ]
        fits.sort(key=lambda column: (left[column].wholes >= 1, -left[column].n_distinct))
    elif role.kind == "boolean":
        fits = [column for column, facts in left.items() if facts.truths >= 0.99 and facts.n_distinct == 2]
    elif name == TABLES[table].key:
        fits = [column for column, facts in left.items() if facts.is_key and facts.dates < 0.9]
    elif name.endswith("_id"):
        fits = [column for column, facts in left.items() if _may_be_ids(facts)]
        likely = {column: left[column] for column in fits}
        fits.sort(key=lambda column: _unlike_customers(column, likely))
    elif name in FEW:
        fits = [
            column for column, facts in left.items() if 2 <= facts.n_distinct <= 30 and facts.amounts < 0.5
        ]
    else:
        fits = []
    return tuple(fits)


def orders_by_values(head: Head, customer: str, used: set[str]) -> tuple[str, ...]:
    """Return the columns that may number the orders: nearly one value a row, and never two customers in one.

    Parameters
    ----------
    head : Head
        The file.
    customer : str
        The column of customers.
    used : set of str
        Columns that have a role already.

    Returns
    -------
    tuple of str
        The likeliest first.
    """
    who = head.columns[customer]
    fits = [
        column
        for column, facts in head.columns.items()
        if column not in used
        and _may_be_ids(facts)
        and _have_digits(facts)
        and facts.n_filled == facts.n == who.n_filled
        and facts.n_distinct > max(who.n_distinct, 0.3 * facts.n)
        and len(set(zip(facts.values, who.values, strict=False))) == len(set(facts.values))
    ]
    # A number of orders has lines; what differs in every row may number the lines.
    return tuple(sorted(fits, key=lambda column: head.columns[column].is_key))


def _may_be_ids(facts: Facts) -> bool:
    many = facts.n_distinct > max(0.01 * facts.n_filled, 1)
    is_money = facts.is_comma or facts.signs or (facts.amounts >= 0.9 and facts.wholes < 1)
    return many and facts.dates < 0.9 and facts.wholes in {0.0, 1.0} and not is_money


def _have_digits(facts: Facts) -> bool:
    """Whether values look like numbers that a system gave: digits in each, and no text of several words."""
    return all(any(map(str.isdigit, value)) and len(value.split()) == 1 for value in facts.values)


def _unlike_customers(column: str, likely: dict[str, Facts]) -> tuple[bool, bool, bool, int]:
    """Customers buy several times, and an order has one: what is least like that goes last."""
    facts = likely[column]
    has_orders = any(
        other.n_filled == facts.n_filled == other.n
        and other.n_distinct > 1.2 * facts.n_distinct
        and len(set(zip(other.values, facts.values, strict=False))) == len(set(other.values))
        for other in likely.values()
    )
    repeats = facts.n_filled >= _REPEATS * facts.n_distinct
    return not repeats, not has_orders, not _have_digits(facts), -facts.n_distinct
