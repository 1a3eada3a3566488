"""The figure of themes: how many comments speak of each, and the score of those who wrote them."""

from __future__ import annotations

import functools
import re
from typing import Any

import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes

from cam.estimate import CannotSay
from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, FONT, GREY, INK, SOFT, describe, figure, value_grid

_UNITS = {"nps": "points", "csat": "share", "ces": "share"}
#: Letters in a line of a label; a Han character is two wide.
_LINE = 22


def theme_bars(
    table: pd.DataFrame | CannotSay, *, ax: Axes | None = None, period: str | CannotSay = ""
) -> Axes | CannotSay:
    """Draw each theme's share of comments as a bar with its interval, and write the score of its writers beside it.

    Parameters
    ----------
    table : DataFrame or CannotSay
        ``name`` (ready to print), ``share``, ``low``, ``high``, ``n``, ``n_said``; ``outcome`` (nps, csat, ces or
        empty), ``score``, ``score_low``, ``score_high`` (missing: not rated), ``gap`` and ``differs``.
    ax : Axes, optional
        Where to draw.
    period : str
        Ready to print.

    Returns
    -------
    Axes or CannotSay
    """
    drawn: Any = _theme_bars(table, ax=ax, period=period if isinstance(period, str) else "")
    return drawn


@figure
def _theme_bars(table: pd.DataFrame, *, ax: Axes, period: str) -> Axes:
    rows = table.to_dict("records")
    ax.figure.set_figheight(1.8 + 0.52 * len(rows))  # type: ignore[union-attr]
    most = 100 * max(row["high"] for row in rows)
    # Drawn with 0: where a bar begins.
    for place, row in enumerate(rows):
        ends = [100 * row["low"], 100 * row["high"]]
        is_low = bool(row["differs"]) and row["gap"] < 0
        ax.barh(place, 100 * row["share"], height=0.62, color=ACCENT if is_low else GREY, zorder=2)
        ax.hlines(place, *ends, color=INK, linewidth=1.4, zorder=3)
        words, colour = _score_words(row), ACCENT if is_low else INK if row["differs"] else SOFT
        ax.annotate(
            f"{value_text(row['share'], 'share')}\n{words}" if words else value_text(row["share"], "share"),
            (ends[1], place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=9.5,
            linespacing=1.25,
        )
    ax.set_xlim(0, most * 1.75 + 1)
    ax.set_xticks([tick for tick in ax.get_xticks() if 0 <= tick <= min(most * 1.1, 100)])
    ax.set_yticks(range(len(rows)), [label_of(row["name"], place) for place, row in enumerate(rows)])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel(_("Share of comments that speak of it, %"))
    value_grid(ax, "x")
    parts = [
        sentence(
            "{theme}: {share}{score}",
            theme=label_of(row["name"], place).replace("\n", " "),
            share=value_text(row["share"], "share"),
            score=f", {_score_words(row)}" if _score_words(row) else "",
        )
        for place, row in enumerate(rows)
    ]
    has_score = any(not pd.isna(row["score"]) for row in rows)
    subtitle = (
        "Bars: share of comments (lines: 95 % intervals); beside them the score of their writers, blue: lower than of "
        "all others by more than chance; n = {n}, {period}"
        if has_score
        else "Bars: share of comments (lines: 95 % intervals); n = {n}, {period}"
    )
    return describe(
        ax,
        title=_("What do they write about?"),
        subtitle=sentence(subtitle, n=int(rows[0]["n_said"]), period=period).rstrip(", ，"),
        alt=sentence("Bar chart of the themes of comments. {parts}.", parts=_("; ").join(parts)),
    )


def label_of(name: str, place: int) -> str:
    """Return a theme's name as a label: in lines that fit, without words that the figure's fonts cannot draw.

    Parameters
    ----------
    name : str
        Words of the theme.
    place : int
        Of the theme, from 0: its number stands where no word can be drawn.

    Returns
    -------
    str
    """
    lines: list[str] = []
    for word in re.split(r"(?<=[,、])\s?", name):
        if not all(ord(sign) in _drawable() for sign in word):
            continue
        gap = " " if lines and lines[-1].endswith(",") else ""
        if lines and _width(f"{lines[-1]}{gap}{word}") <= _LINE:
            lines[-1] += f"{gap}{word}"
            continue
        rest = word
        while _width(rest) > _LINE:
            cut = next(at for at in range(len(rest), 0, -1) if _width(rest[:at]) <= _LINE)
            lines.append(rest[:cut])
            rest = rest[cut:]
        lines.append(rest)
    if lines:
        lines[-1] = lines[-1].rstrip(",、")
    return "\n".join(lines) if "".join(lines) else sentence("Theme {n}", n=place + 1)


def _score_words(row: dict[Any, Any]) -> str:
    if not row["outcome"] or pd.isna(row["score"]):
        return ""
    unit = _UNITS[row["outcome"]]
    return sentence(
        "{outcome} {score} ({low} to {high})",
        outcome=row["outcome"].upper(),
        score=value_text(row["score"], unit),
        low=value_text(row["score_low"], unit),
        high=value_text(row["score_high"], unit),
    )


def _width(text: str) -> int:
    return sum(2 if sign > "\u2e7f" else 1 for sign in text)


@functools.cache
def _drawable() -> frozenset[int]:
    """Every sign that the figures' own font has; the report carries no other."""
    return frozenset(font_manager.get_font(font_manager.findfont(FONT)).get_charmap())
