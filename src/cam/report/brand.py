"""Whose report it is, as a page shows it: colours that can be read, and the line that signs it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from cam.show.light import light

_DEFAULTS = {"color": "#16324f", "accent": "#0072b2"}
#: Contrast of text with white that WCAG 2 asks for (level AA).
_READABLE = 4.5


def colours(brand: Mapping[str, str]) -> dict[str, str]:
    """Return the colours of a page.

    Parameters
    ----------
    brand : mapping of str to str
        ``client.brand``; what is no colour is left out.

    Returns
    -------
    dict of str to str
        ``brand`` for lines, as it was given; ``accent`` for links and ``brand-text`` for words, as they can be read.

    Examples
    --------
    >>> colours({"color": "#ffcc00"})
    {'brand': '#ffcc00', 'accent': '#0072b2', 'brand-text': '#907300'}
    """
    given = {
        name: brand[name] if re.fullmatch(r"#[0-9a-fA-F]{6}", brand.get(name, "")) else default
        for name, default in _DEFAULTS.items()
    }
    shades = {"accent": readable(given["accent"]), "brand-text": readable(given["color"])}
    return {"brand": given["color"]} | shades


def readable(colour: str) -> str:
    """Return a colour, or the lightest shade of it that can be read on white.

    Parameters
    ----------
    colour : str
        As ``#rrggbb``.

    Returns
    -------
    str

    Examples
    --------
    >>> readable("#0072b2"), readable("#ffffff")
    ('#0072b2', '#767676')
    """
    channels = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    for strength in range(255, -1, -1):
        shade = [round(channel * strength / 255) for channel in channels]
        if 1.05 / (sum(light([channel / 255 for channel in shade])) + 0.05) >= _READABLE:
            break
    return colour if shade == channels else "#" + "".join(f"{channel:02x}" for channel in shade)


def signature(brand: Mapping[str, str], *, translate: Callable[[str], str]) -> str:
    """Return the line at the foot of every page: who made it, and what else it is to say.

    Parameters
    ----------
    brand : mapping of str to str
        ``client.brand``.
    translate : callable
        Called with the words that are ours.

    Returns
    -------
    str
        Empty where nothing is set.

    Examples
    --------
    >>> signature({"name": "Ito & Wu", "footer": "Confidential"}, translate=str)
    'Prepared by Ito & Wu · Confidential'
    """
    name, footer = brand.get("name"), brand.get("footer")
    signed = translate("Prepared by {name}").replace("{name}", name) if name else ""
    return " · ".join(part for part in (signed, footer) if part)
