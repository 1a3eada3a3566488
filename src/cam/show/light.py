"""How light a colour is, which says what can be read on it; apart from drawing, because it costs nothing to import."""

from __future__ import annotations

from collections.abc import Sequence

#: Of red, green and blue in a colour's light.
WEIGHTS = (0.2126, 0.7152, 0.0722)


def light(color: Sequence[float]) -> list[float]:
    """Return what red, green and blue give to a colour's light, from 0 to 1 in sum.

    Parameters
    ----------
    color : sequence of float
        Red, green and blue of sRGB, each from 0 to 1.

    Returns
    -------
    list of float

    References
    ----------
    W3C, Web Content Accessibility Guidelines (WCAG) 2.2, "relative luminance".

    Examples
    --------
    >>> round(sum(light((1, 1, 1))), 6), light((0, 0, 0))
    (1.0, [0.0, 0.0, 0.0])
    """
    return [
        weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
        for part, weight in zip(color, WEIGHTS, strict=True)
    ]
