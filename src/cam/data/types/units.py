"""The unit of amounts that a name, a title or a line below the header says: thousands, millions, hundredths."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

#: What stands in the name of a column of amounts that are thousands, millions or hundredths.
_UNIT = re.compile(
    r"[百千十]?[万萬亿]元|[百千]元|[(（\[_ ]([百千十]?[万萬亿]|[百千分])[)）\]]?$|"
    r"(?<![a-zA-Z])(TEUR|TUSD|TCHF|[kKMT] ?(€|\$|£|EUR|USD|CNY|RMB|CHF)|(€|\$|£|EUR|USD|CNY|RMB|CHF) ?[kKM]|Tsd|Mio|"
    r"Mrd|thousands?|millions?|cents?|pence|minor units?)(?![a-zA-Z])|(?<![0-9])['’]?000s?(?![0-9])|(?<=\bin )[kKM]$",
    re.IGNORECASE,
)
_NUMERALS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "分": 0.01, "元": 1}


def said_unit(column: str) -> tuple[str, float] | None:
    """Find the unit that the name of a column of amounts says, where it is not the currency's own.

    Parameters
    ----------
    column : str
        As the source calls it.

    Returns
    -------
    tuple of str and float, or None
        What stands in the name, and what it is worth.

    Examples
    --------
    >>> said_unit("金额(万元)"), said_unit("Umsatz in TEUR"), said_unit("amount")
    (('万元', 10000), ('TEUR', 1000), None)
    """
    found = _UNIT.search(column)
    if not found:
        return None
    shown = found.group().strip(" ()（）[]_")
    if set(shown) <= _NUMERALS.keys():
        return shown, math.prod(_NUMERALS[sign] for sign in shown)
    plain = shown.lower().lstrip("€$£ ")
    for worth, begins in (
        (10**9, "mrd"),
        (10**6, "m(?!inor)|(eur|usd|cny|rmb|chf) ?m"),
        (0.01, "cent|pence|minor"),
    ):
        if re.match(begins, plain):
            return shown, worth
    return shown, 1000


def first_unit(texts: Iterable[str]) -> tuple[str, float] | None:
    """Return what the first of some texts says that says a unit, as :func:`said_unit` does.

    Examples
    --------
    >>> first_unit(["Umsatz 2024", "Angaben in TEUR "])
    ('TEUR', 1000)
    """
    return next((unit for text in texts if (unit := said_unit(text.strip()))), None)


def without_unit(column: str) -> str:
    """Return the name of a column without the unit that it says.

    Parameters
    ----------
    column : str
        As the source calls it.

    Returns
    -------
    str

    Examples
    --------
    >>> without_unit("Umsatz in TEUR"), without_unit("unit_price_cents"), without_unit("金额（万元）")
    ('Umsatz', 'unit_price', '金额')
    """
    if not _UNIT.search(column):
        return column
    left = re.sub(r"\bin *$", "", _UNIT.sub("", column).rstrip(" ()（）[]_")).rstrip(" ()（）[]_")
    return left or column
