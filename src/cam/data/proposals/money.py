"""What must be asked of amounts: their decimal sign and their currency."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import duckdb

from cam.data.notes import Note
from cam.data.orders.amounts import ask_about_decimals, said_units
from cam.data.parse import fits
from cam.data.proposals.asked import Columns, Doubt
from cam.data.proposals.facts import DECIMAL_COMMA, Facts
from cam.data.proposals.heads import Head
from cam.data.types.units import first_unit, said_unit
from cam.errors import DataError
from cam.params import Source
from cam.schema import TABLES

#: How a currency is also written.
_SAID = {
    **dict.fromkeys(("人民币", "RMB", "元", "CN¥"), "CNY"),
    "€": "EUR",
    "£": "GBP",
    "US$": "USD",
    "HK$": "HKD",
}

#: Words for a currency in the name of a column or in a title, those of letters alone.
_WORDS = {
    "EUR": "eur|euros?",
    "USD": "usd|us[- ]?dollars?",
    "GBP": "gbp|sterling",
    "CNY": "cny|rmb|yuan|renminbi",
    "CHF": "chf|swiss francs?|schweizer franken",
    "JPY": "jpy|yen",
    **{code: code.lower() for code in ("HKD", "AUD", "CAD", "SGD", "TWD", "NZD", "KRW", "SEK", "NOK", "DKK")},
    **{code: code.lower() for code in ("PLN", "CZK", "INR", "BRL", "MXN", "ZAR")},
}
#: Signs and Chinese words. 元 ends a word: 元旦 is a day.
_SIGNS = {
    "EUR": "€|欧元",
    "USD": r"(?<![a-z])us\$|美元|美金",
    "GBP": "£|英镑",
    "CNY": r"人民币|cn[¥￥]|(?<!单)元(?![^\W_])",
    "CHF": "瑞士法郎|瑞郎",
    "JPY": "日元|日圆",
    "HKD": r"(?<![a-z])hk\$|港元|港币",
    "AUD": r"(?<![a-z])a\$|澳元",
    "CAD": r"(?<![a-z])c\$|加元",
    "SGD": r"(?<![a-z])s\$|新加坡元|新元",
    "TWD": r"(?<![a-z])nt\$|台币",
    "KRW": "韩元",
    "$": r"(?<![a-z])[kmt]?\$",
    "¥": "[¥￥]",
}
#: A letter of thousands or millions may stand at a word: TEUR, kUSD, EURm.
_NAMED = [(code, rf"(?<![a-z])[kmt]?(?:{words})[km]?(?![a-z])") for code, words in _WORDS.items()]
_NAMED += _SIGNS.items()
_NAME = re.compile("|".join(f"({words})" for _, words in _NAMED), re.IGNORECASE)


def of_kind(table: str, head: Head, mapped: Columns, kinds: set[str]) -> Iterable[tuple[str, Facts]]:
    """Return the mapped columns of some kinds, with their facts."""
    for name, columns in mapped.items():
        role = TABLES[table].column(name)
        if role and role.kind in kinds:
            yield from ((column, head.columns[column]) for column in columns if column in head.columns)


def decimals(connection: duckdb.DuckDBPyConnection, table: str, head: Head, mapped: Columns) -> list[Doubt]:
    """Ask which sign parts the decimals, where the amounts do not tell it or a comma does."""
    for column, facts in of_kind(table, head, mapped, {"money", "number"}):
        if facts.is_comma:
            example = next((value for value in facts.values if re.search(DECIMAL_COMMA, value)), "")
            why = Note(
                "{column}: is the comma of {value} a decimal sign?", column=column, value=example.strip()
            )
            return [Doubt("decimal", ",", why)]
    columns = {name: list(origins) for name, origins in mapped.items()}
    source = Source.model_validate({"path": "-", "columns": columns})
    try:
        ask_about_decimals(connection, replace(head.raw, table=table), source, place="")
    except DataError as error:  # what every run would stop at
        found = re.search(r"column '(.*?)' has .*\(such as '(.*?)'\)", str(error))
        column, value = found.groups() if found else ("revenue", "1.234")
        is_comma = "," in value or "，" in value
        if (said := said_unit(column)) and said[1] >= 1000:
            words = "{column}: the point of {value} parts decimals, as in amounts of {unit}? If thousands, write ','"
            sign = "."
            if is_comma:
                sign = ","
                words = "{column}: is the comma of {value} decimal, as in amounts of {unit}? If thousands, write '.'"
            return [Doubt("decimal", sign, Note(words, column=column, value=value, unit=said[0]))]
        if is_comma:
            words = "{column}: does the comma of {value} part thousands? If it parts decimals, write ','"
            return [Doubt("decimal", ".", Note(words, column=column, value=value))]
        words = (
            "{column}: does the point of {value} part thousands? Then the comma is the decimal sign; "
            "if it parts decimals, write '.'"
        )
        return [Doubt("decimal", ",", Note(words, column=column, value=value))]
    return []


def units(connection: duckdb.DuckDBPyConnection, table: str, head: Head, mapped: Columns) -> list[Doubt]:
    """Ask what amounts are worth where the names of their columns, or lines above or below the header, say a unit."""
    columns = [column for column, _facts in of_kind(table, head, mapped, {"money"})]
    above = first_unit(head.above)
    said = said_units(connection, head.raw, columns, above=above)
    if not said:
        return []
    worth = {column: found[1] for column, (_where, found) in said.items()}
    shown = "; ".join(f"{column} {value:,.10g}" for column, value in worth.items())
    where = {where for where, _found in said.values()}
    words = (
        "is one of these amounts worth so much, as the name of its column says? {columns}. If not, write 1"
        if "name" in where
        else "is one of these amounts worth so much, as a line below the header says? {columns}. If not, write 1"
        if "below" in where
        else "a line above the header says {unit}: is one of these amounts worth so much? {columns}. If not, write 1"
    )
    return [Doubt("units", worth, Note(words, columns=shown, unit=above[0] if above else ""))]


def currencies(heads: Iterable[Head], mapped: Columns) -> Counter[str]:
    """Return the currencies that a table names, by a column or by signs in its amounts, with their rows."""
    heads = list(heads)
    column = mapped.get("currency", ("",))[0]
    found = Counter(
        value.strip().upper()
        for head in heads
        if column in head.columns
        for value in head.columns[column].values
    )
    for name in ("revenue", "refund", "cost", "monthly_fee"):
        for origin in mapped.get(name, ()):
            for head in heads:
                if origin in head.columns:
                    facts = head.columns[origin]
                    for sign in facts.signs:
                        found[sign] += sum(_has(sign, value, facts.signs) for value in facts.values)
    told: Counter[str] = Counter()
    for name, n in found.items():
        told[_SAID.get(name, name)] += n
    # As the check has it: ¥ and $ say nothing new beside the one currency that they fit.
    for sign in [name for name in told if not name.isalpha()]:
        meant = [name for name in told if name != sign and fits(sign, name)]
        if len(meant) == 1:
            told[meant[0]] += told.pop(sign)
    return told


def named_currencies(text: str) -> list[str]:
    """Return the currencies that the name of a column, or a title, says: ISO codes, and signs that several have.

    Parameters
    ----------
    text : str
        As the source has it.

    Returns
    -------
    list of str
        Each once, in their order.

    Examples
    --------
    >>> named_currencies("Umsatz (TEUR)"), named_currencies("amount_usd"), named_currencies("销售额（万元）")
    (['EUR'], ['USD'], ['CNY'])
    >>> named_currencies("European orders"), named_currencies("元旦单元"), named_currencies("priceGBP or $")
    ([], [], ['GBP', '$'])
    """
    apart = re.sub("(?<=[a-z])(?=[A-Z]{2})", " ", text)
    return list(dict.fromkeys(_NAMED[(found.lastindex or 1) - 1][0] for found in _NAME.finditer(apart)))


def _has(sign: str, value: str, signs: Iterable[str]) -> bool:
    """Whether an amount has this sign, and not a longer one that ends so, such as US$ for $."""
    plain = unicodedata.normalize("NFKC", value).upper()
    given = unicodedata.normalize("NFKC", sign).upper()
    return given in plain and not any(
        len(other) > len(sign) and sign in other and other.upper() in plain for other in signs
    )


def counted(found: Counter[str]) -> str:
    """Currencies with their rows, the most frequent first."""
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{code} ({n:,})" for code, n in ordered[:6])


def currencies_asked(heads: tuple[Head, ...], mapped: Columns) -> list[Doubt]:
    """Ask what is to be done about a table with several currencies."""
    found = currencies(heads, mapped)
    if len(found) < 2:
        return []
    words = "several currencies: {currencies}; a table has one, so split the file, or convert it"
    return [Doubt(None, None, Note(words, currencies=counted(found)))]
