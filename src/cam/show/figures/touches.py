"""The figure of touches: what customers did after one, beside what comparable others did."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from cam.estimate import CannotSay
from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, INK, SOFT, describe, figure, value_grid


def touch_effects(
    table: pd.DataFrame | CannotSay | None, *, ax: Axes | None = None, period: str = ""
) -> Axes | CannotSay | None:
    """Draw for each touch the share who bought again, the share of comparable others, and the interval between.

    Parameters
    ----------
    table : DataFrame, CannotSay or None
        ``label`` and ``against`` (ready to print), ``n_exposed``, ``exposed``, ``others``, ``difference``, ``low``,
        ``high`` (shares, 0 to 1), ``days`` (after the touch, in which a purchase is looked for). None draws nothing.
    ax : Axes, optional
        Where to draw.
    period : str
        Ready to print.

    Returns
    -------
    Axes, CannotSay or None
    """
    drawn: Any = None if table is None else _touch_effects(table, ax=ax, period=period)
    return drawn


@figure
def _touch_effects(table: pd.DataFrame, *, ax: Axes, period: str) -> Axes:
    days = int(table["days"].iloc[0])
    rows = table.to_dict("records")
    ax.figure.set_figheight(1.9 + 0.56 * len(rows))  # type: ignore[union-attr]
    for place, row in enumerate(rows):
        is_clear = row["low"] > 0 or row["high"] < 0
        colour = ACCENT if is_clear else "#8A8A8A"
        others = 100 * row["others"]
        ends = [others + 100 * row[name] for name in ("low", "high")]
        # The interval is that of the difference, so it is laid from the others' mark.
        ax.hlines(place, *ends, color=colour, linewidth=3, zorder=2)
        ax.scatter([100 * row["exposed"]], [place], s=52, color=colour, zorder=4)
        ax.scatter([others], [place], s=52, facecolor="white", edgecolor=INK, linewidth=1.3, zorder=3)
        text = sentence(
            "{gap} ({low} to {high})",
            **{
                name: _signed(100 * row[column])
                for name, column in (("gap", "difference"), ("low", "low"), ("high", "high"))
            },
        )
        ax.annotate(
            text,
            (max(*ends, others, 100 * row["exposed"]), place),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            color=colour if is_clear else SOFT,
            fontsize=9.5,
        )
    marks = [100 * (row["others"] + row[name]) for row in rows for name in ("low", "high")]
    marks += [100 * row[name] for row in rows for name in ("exposed", "others")]
    low, high = max(min(marks), 0.0), min(max(marks), 100.0)
    span = max(high - low, 5.0)
    # The words behind the marks need room.
    ax.set_xlim(low - 0.06 * span, high + 0.62 * span)
    ax.set_xticks(
        [tick for tick in ax.get_xticks() if low - 0.06 * span <= tick <= min(high + 0.1 * span, 100)]
    )
    ax.set_yticks(
        range(len(rows)),
        ["\n".join([row["label"], sentence("against {others}", others=row["against"])]) for row in rows],
    )
    ax.set_ylim(len(rows) - 0.45, -0.6)
    ax.set_xlabel(sentence("Bought again within {days} days, %", days=days))
    value_grid(ax, "x")
    parts = [
        sentence(
            "{label}, against {others}: {share} and {other}",
            label=row["label"],
            others=row["against"],
            share=value_text(row["exposed"], "share"),
            other=value_text(row["others"], "share"),
        )
        for row in rows
    ]
    return describe(
        ax,
        title=_("What goes with a complaint?"),
        subtitle=sentence(
            "Filled: after the touch; hollow: comparable others; number and bar: difference in percentage points (95 % "
            "interval), blue: more than chance; n = {least} to {most} by row, {period}",
            least=int(table["n_exposed"].min()),
            most=int(table["n_exposed"].max()),
            period=period,
        ),
        alt=sentence(
            "Dot chart of the shares who bought again within {days} days. {parts}.",
            days=days,
            parts=_("; ").join(parts),
        ),
    )


def _signed(points: float) -> str:
    text = value_text(points, "points")
    return f"+{text}" if points > 0 and text[0] != "−" and float(text) > 0 else text
