"""What exports call the canonical tables and columns: the dictionary ``synonyms.yaml``, and how a name is looked up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cam.data.types.units import without_unit

#: How much a name says: it means the column, it may mean it, it ends as one that does, as one that may.
SURE, MAYBE = 1.0, 0.6
_ENDS_SURE, _ENDS_MAYBE = 0.4, 0.25
_RANK = 0.002
_UNITS = re.compile(r"[(\[{<（【].*?[)\]}>）】]")


@dataclass(frozen=True, slots=True)
class Synonyms:
    """The dictionary, its names as :func:`bare` makes them.

    Attributes
    ----------
    tables : mapping of str to tuple of str
        Canonical table to words in names of files and sheets.
    columns : mapping of str to mapping
        Canonical table to canonical column to (name, how much it says).
    unit_prices : tuple of str
        Names of what one unit costs.
    state_columns, refund_columns : tuple of str
        Names of columns of states, and of amounts paid back, which are what a table of refunds calls them surely.
    states : mapping of str to str
        A state to ``keep``, ``drop`` or ``refunded``.
    nobody : frozenset of str
        Values of an id that name nobody.
    """

    tables: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, Mapping[str, Mapping[str, float]]]
    unit_prices: tuple[str, ...]
    state_columns: tuple[str, ...]
    refund_columns: tuple[str, ...]
    states: Mapping[str, str]
    nobody: frozenset[str]


def bare(name: str) -> str:
    """A name without what does not matter: case, width, blanks, hyphens, units in brackets.

    Parameters
    ----------
    name : str
        Of a column, a sheet or a file.

    Returns
    -------
    str

    Examples
    --------
    >>> bare("Customer_ID "), bare("销售订单金额（元）"), bare("Created (UTC)"), bare("(删除)")
    ('customerid', '销售订单金额', 'created', '删除')
    """
    plain = unicodedata.normalize("NFKC", without_unit(name)).casefold()
    return _letters(_UNITS.sub("", plain)) or _letters(plain)


def _letters(text: str) -> str:
    return "".join(sign for sign in text if sign.isalnum())


@cache
def synonyms() -> Synonyms:
    """Return the dictionary."""
    read: dict[str, Any] = yaml.safe_load(
        Path(__file__).with_name("synonyms.yaml").read_text(encoding="utf-8")
    )
    read["columns"]["transactions"]["revenue"]["maybe"] += read["unit_prices"]
    columns: dict[str, dict[str, dict[str, float]]] = {}
    for table, of_table in read["columns"].items():
        for column, names in of_table.items():
            known: dict[str, float] = {bare(column.replace("_", " ")): SURE}
            for worth, words in ((SURE, names["sure"]), (MAYBE, names.get("maybe", []))):
                for rank, word in enumerate(words):
                    known.setdefault(bare(word), worth - _RANK * rank)
            columns.setdefault(table, {})[column] = known
    states = {bare(word): kind for kind in ("keep", "drop", "refunded") for word in read["states"][kind]}
    return Synonyms(
        {table: tuple(map(bare, words)) for table, words in read["tables"].items()},
        columns,
        tuple(map(bare, read["unit_prices"])),
        tuple(map(bare, read["states"]["columns"])),
        tuple(map(bare, read["columns"]["refunds"]["refund"]["sure"])),
        states,
        frozenset(word.casefold() for word in read["nobody"]),
    )


def strength(table: str, column: str, name: str) -> float:
    """How much the name of a source's column says that it is *column*, from 0 to 1.

    Parameters
    ----------
    table, column : str
        Canonical.
    name : str
        The source's.

    Returns
    -------
    float

    Examples
    --------
    >>> strength("transactions", "revenue", "实付金额(元)") > strength("transactions", "revenue", "单价") > 0
    True
    >>> strength("transactions", "revenue", "colour")
    0.0
    """
    known = synonyms().columns[table].get(column, {})
    plain = bare(name)
    if plain in known:
        return known[plain]
    ends = [worth for word, worth in known.items() if _is_end(word, plain)]
    if not ends:
        return 0.0
    return _ENDS_SURE if max(ends) > (SURE + MAYBE) / 2 else _ENDS_MAYBE


def is_common(name: str) -> bool:
    """Whether any system may call a column so: some table has it as a sure name.

    Examples
    --------
    >>> is_common("工单编号"), is_common("最后成交时间")
    (True, False)
    """
    plain = bare(name)
    return any(
        of_column.get(plain, 0.0) > (SURE + MAYBE) / 2
        for of_table in synonyms().columns.values()
        for of_column in of_table.values()
    )


def _is_end(word: str, name: str) -> bool:
    """Whether a name ends as a word does that is long enough to say something."""
    return len(word) >= (2 if not word.isascii() else 6) and name.endswith(word)


def table_in(name: str) -> Iterable[str]:
    """Return the canonical tables that the name of a file or sheet speaks of; the longest word goes first.

    Parameters
    ----------
    name : str
        Without its suffix.

    Returns
    -------
    iterable of str

    Examples
    --------
    >>> next(iter(table_in("shop_orders_2024"))), list(table_in("ab"))
    ('transactions', [])
    """
    words = {_letters(part) for part in re.split(r"[\W_\d]+", unicodedata.normalize("NFKC", name).casefold())}
    whole = bare(name)
    found = [
        (len(word), table)
        for table, known in synonyms().tables.items()
        for word in known
        if word in words or (not word.isascii() and word in whole)
    ]
    return list(dict.fromkeys(table for _, table in sorted(found, key=lambda pair: -pair[0])))
