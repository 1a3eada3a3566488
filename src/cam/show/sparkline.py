"""The history of one key figure as a small drawing beside its number: a line with its interval, or bars of totals."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from cam.errors import StudyError
from cam.estimate import Estimate

#: Size of the drawing in its own units; a page stretches it to the width that it has.
WIDTH, HEIGHT = 200, 40
_EDGE = 5


def sparkline(history: Sequence[Estimate], *, alt: str, places: Sequence[int] | None = None) -> str:
    """Draw how a figure moved, without axes: a page prints the first and the last value beneath.

    Parameters
    ----------
    history : sequence of Estimate
        At least two, the oldest first, in one unit. Where all have an interval, it is a faint band behind a line that
        uses the height from the smallest limit to the largest (months count from nought); else they are totals, and
        bars that stand on nought.
    alt : str
        What it shows, with its numbers, for a screen reader.
    places : sequence of int, optional
        The number of each one's period, rising: where one is left out, the line is broken. By default none is.

    Returns
    -------
    str
        An ``<svg>`` in the colour of the text around it.

    Raises
    ------
    StudyError
        If there are fewer than two.

    Examples
    --------
    >>> nps = [Estimate("nps", value, "points", 400, value - 5, value + 5) for value in (20, 26)]
    >>> sparkline(nps, alt="NPS: 20, then 26").count("<polygon")
    1
    """
    if len(history) < 2:
        raise StudyError(f"A history needs two values; it has {len(history)}.")
    places = list(places or range(len(history)))
    values = [each.value for each in history]
    limits = [(each.low, each.high) for each in history if each.low is not None and each.high is not None]
    ends = [limit for pair in limits for limit in pair] + [0.0] * (history[0].unit == "months")
    drawn = _line(values, limits, places, ends) if len(limits) == len(values) else _bars(values, places)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{escape(alt)}">'
        f"{drawn}</svg>"
    )


def _line(
    values: Sequence[float],
    limits: Sequence[tuple[float, float]],
    places: Sequence[int],
    ends: Sequence[float],
) -> str:
    height = _scale(min(*values, *ends), max(*values, *ends))
    across = [
        _EDGE + (WIDTH - 2 * _EDGE) * (place - places[0]) / (places[-1] - places[0]) for place in places
    ]
    points = [f"{x:.1f},{height(value):.1f}" for x, value in zip(across, values, strict=True)]
    low, high = (
        [f"{x:.1f},{height(pair[end]):.1f}" for x, pair in zip(across, limits, strict=True)] for end in (0, 1)
    )
    breaks = [0, *(at for at in range(1, len(places)) if places[at] > places[at - 1] + 1), len(places)]
    drawn = []
    for start, end in pairwise(breaks):
        if end - start == 1:
            drawn.append(f'<path d="M{low[start]}L{high[start]}" {_stroke(5)} stroke-opacity=".17"/>')
            drawn.append(_dot(points[start], 4))
            continue
        band = " ".join([*high[start:end], *low[start:end][::-1]])
        drawn.append(f'<polygon points="{band}" fill="currentColor" fill-opacity=".17"/>')
        drawn.append(f'<polyline points="{" ".join(points[start:end])}" fill="none" {_stroke(1.75)}/>')
    return "".join(drawn) + _dot(points[-1], 7)


def _bars(values: Sequence[float], places: Sequence[int]) -> str:
    height = _scale(min(0.0, *values), max(0.0, *values))
    span = places[-1] - places[0]
    wide = min(0.72 * WIDTH / (span + 1), WIDTH / 6)
    drawn = []
    for place, value in zip(places, values, strict=True):
        left = (WIDTH - wide) * (place - places[0]) / span
        top, foot = sorted((height(value), height(0.0)))
        faint = "" if place == places[-1] else ' fill-opacity=".4"'
        drawn.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{max(foot - top, 0.5):.1f}" '
            f'fill="currentColor"{faint}/>'
        )
    return "".join(drawn)


def _dot(point: str, width: float) -> str:
    # A line without length has a round end, which stays round however the drawing is stretched.
    return f'<path d="M{point}h0" {_stroke(width)} stroke-linecap="round"/>'


class _scale:
    """From a value to its height in the drawing."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._span = low, high - low

    def __call__(self, value: float) -> float:
        inside = HEIGHT - 2 * _EDGE
        return HEIGHT / 2 if not self._span else HEIGHT - _EDGE - inside * (value - self._low) / self._span


def _stroke(width: float) -> str:
    return f'stroke="currentColor" stroke-width="{width}" vector-effect="non-scaling-stroke"'
