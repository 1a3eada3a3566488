"""Numbers, dates and periods as a reader of the language writes them."""

from __future__ import annotations

import re
from datetime import date

from cam.estimate import Estimate
from cam.language.catalogue import active, translate

_SYMBOLS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "JP¥", "HKD": "HK$"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def value_text(value: float, unit: str, *, of: float | None = None) -> str:
    r"""Write a value with its unit, rounded to what a reader can use.

    Parameters
    ----------
    value : float
        In *unit*.
    unit : str
        As in :class:`cam.estimate.Estimate`.
    of : float, optional
        The value that this one is a limit of: amounts are then written on one scale, to as many digits.

    Returns
    -------
    str

    Examples
    --------
    >>> value_text(0.1234, "share"), value_text(2500315.63, "USD"), value_text(23570, "count")
    ('12.3\xa0%', '$2,500,316', '23,570')
    >>> value_text(35.9, "CNY"), value_text(-1.26, "points")
    ('¥35.90', '−1.3')
    """
    value += 0.0  # a zero has no sign
    if len(unit) == 3 and unit.isupper():
        return _money(value, unit, value if of is None else of)
    if unit == "share":
        text = f"{100 * value:.1f}"
        return _minus(text + ("%" if active() == "zh" else "\u00a0%"))
    if unit == "count":
        return _minus(f"{value:,.0f}")
    if unit == "points":
        return _minus(f"{value:.1f}")
    if unit in {"days", "weeks", "months"}:
        # A whole number of months is counted, not measured: 2, not 2.0.
        digits = 0 if abs(value) >= 100 or value == round(value) else 1
        if active() == "en" and abs(value) == 1:
            unit = unit.removesuffix("s")
        gap = "" if active() == "zh" else " "
        return _minus(f"{value:,.{digits}f}{gap}{translate(unit)}")
    return _minus(f"{value:,.2f}")


def interval_text(estimate: Estimate) -> str:
    r"""Write the interval of an estimate, or nothing where it has none.

    Parameters
    ----------
    estimate : Estimate
        With limits in its own unit.

    Returns
    -------
    str

    Examples
    --------
    >>> interval_text(Estimate("repeat_rate", 0.3, "share", 100, 0.219, 0.396))
    '21.9\xa0% to 39.6\xa0%'
    """
    if estimate.low is None or estimate.high is None:
        return ""
    return translate("{low} to {high}").format(
        low=value_text(estimate.low, estimate.unit, of=estimate.value),
        high=value_text(estimate.high, estimate.unit, of=estimate.value),
    )


def unit_text(unit: str) -> str:
    """Write a unit for a table's header or an axis.

    Parameters
    ----------
    unit : str
        As in :class:`cam.estimate.Estimate`.

    Returns
    -------
    str

    Examples
    --------
    >>> unit_text("share"), unit_text("CNY")
    ('%', '¥')
    """
    if unit == "share":
        return "%"
    return _SYMBOLS.get(unit, unit) if len(unit) == 3 and unit.isupper() else translate(unit)


def date_text(day: date) -> str:
    """Write a date.

    Parameters
    ----------
    day : date
        A day of the calendar.

    Returns
    -------
    str

    Examples
    --------
    >>> date_text(date(2026, 6, 30))
    '30 Jun 2026'
    """
    if active() == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def period_text(first: date, last: date) -> str:
    """Write a period from its first day to its last.

    Parameters
    ----------
    first : date
        First day.
    last : date
        Last day.

    Returns
    -------
    str

    Examples
    --------
    >>> period_text(date(1997, 1, 1), date(1998, 6, 30))
    '1 Jan 1997 to 30 Jun 1998'
    """
    return translate("{low} to {high}").format(low=date_text(first), high=date_text(last))


def span_text(span: str) -> str:
    """Write a month, a quarter, a year or a span of months, as key figures name them.

    Parameters
    ----------
    span : str
        ``2026-06``, ``2026-Q2``, ``2026`` or ``2026-01/2026-06``; anything else, such as a client's own name of a
        survey wave, stays as it is.

    Returns
    -------
    str

    Examples
    --------
    >>> span_text("2026-01/2026-06"), span_text("2025-10/2026-03"), span_text("2026-Q2"), span_text("spring")
    ('Jan\u2013Jun 2026', 'Oct 2025\u2013Mar 2026', 'Q2 2026', 'spring')
    """
    quarter = re.fullmatch(r"(\d{4})-Q([1-4])", span)
    if quarter:
        year, number = quarter.groups()
        return f"{year}年Q{number}" if active() == "zh" else f"Q{number} {year}"
    months = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])(?:/(\d{4})-(0[1-9]|1[0-2]))?", span)
    if not months:
        return span
    year, month, last_year, last_month = months.groups()
    if active() == "zh":
        first = f"{year}年{int(month)}月"
        if last_year is None:
            return first
        return f"{first}至" + ("" if last_year == year else f"{last_year}年") + f"{int(last_month)}月"
    name = _MONTHS[int(month) - 1]
    if last_year is None:
        return f"{name} {year}"
    return (
        name if last_year == year else f"{name} {year}"
    ) + f"\u2013{_MONTHS[int(last_month) - 1]} {last_year}"


def _money(value: float, currency: str, scale: float) -> str:
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    if active() == "zh" and abs(scale) >= 100_000:
        return _minus(
            f"{symbol}{value / 10_000:,.1f}万" if value >= 0 else f"-{symbol}{-value / 10_000:,.1f}万"
        )
    digits = 0 if abs(scale) >= 1_000 else 2
    return _minus(f"{symbol}{value:,.{digits}f}" if value >= 0 else f"-{symbol}{-value:,.{digits}f}")


def _minus(text: str) -> str:
    """With a minus sign for a hyphen, and none before what was rounded to zero."""
    is_zero = text.startswith("-") and not re.search("[1-9]", text)
    return text[1:] if is_zero else text.replace("-", "−")
