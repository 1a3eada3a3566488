"""Figure of study 04, drivers: the map of importance and performance, and what it advises."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, SOFT, describe, figure, spread_labels, value_grid

#: Items in one map, the most important; the table holds them all.
_MOST = 12
#: Height of a label, of the map's height; and the room that the quadrants' names take above and below.
_LABEL, _ROOM = 0.062, 0.13
#: Name of each quadrant, its corner (right, top), and its colour.
_QUADRANTS = {
    "concentrate_here": ("Concentrate here", 0, 1, PALETTE[5]),
    "keep_up": ("Keep up the good work", 1, 1, ACCENT),
    "low_priority": ("Low priority", 0, 0, SOFT),
    "possible_overkill": ("Possible overkill", 1, 0, SOFT),
}


@figure
def importance_performance(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw importance against performance with the means of all items as lines, and name the quadrants.

    Parameters
    ----------
    table : DataFrame
        One row per item, the most important first: *name* (ready to print), *share* (importance, 0-1), *mean* (of the
        answers), *line* and *mean_line* (where the lines stand), each with *_low* and *_high* (limits of the item's
        distance to the line, put at the item), *advice* (a quadrant, ``between`` or ``other_way``), *outcome*,
        *scale*, *n* (answers), *n_customers*. Where *part_of_scale* is there, it is drawn for *mean*.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    shown = table.head(_MOST).reset_index(drop=True)
    across = "part_of_scale" if "part_of_scale" in shown else "mean"
    ax.figure.set_figheight(5.0)  # type: ignore[union-attr]
    line, mean_line = 100 * float(shown["line"].iloc[0]), float(shown["mean_line"].iloc[0])
    low, high = 100 * min(0.0, float(shown["line_low"].min())), 100 * float(shown["line_high"].max())
    tall = (high - low) / (1 - 2 * _ROOM)
    low, high = low - _ROOM * tall, high + _ROOM * tall
    left, right = float(shown["mean_line_low"].min()), float(shown["mean_line_high"].max())
    wide = max(right - left, 1e-9)
    # Names stand on the right of their crosses.
    left, right = left - 0.06 * wide, right + (0.06 + _label_share(shown["name"])) * wide
    ax.axhline(line, color=GREY, linewidth=1.2, zorder=1)
    ax.axvline(mean_line, color=GREY, linewidth=1.2, zorder=1)
    heights = spread_labels(
        {str(place): 100 * share for place, share in enumerate(shown["share"])},
        _LABEL * (high - low),
        high - _ROOM * tall,
    )
    for place, row in enumerate(shown.to_dict("records")):
        color = _QUADRANTS[row["advice"]][3] if row["advice"] in _QUADRANTS else INK
        x, y = row[across], 100 * row["share"]
        ax.hlines(y, row["mean_line_low"], row["mean_line_high"], color=color, linewidth=1.6, zorder=2)
        ax.vlines(x, 100 * row["line_low"], 100 * row["line_high"], color=color, linewidth=1.6, zorder=2)
        # A hollow mark lies too near a line to be told.
        ax.scatter(
            [x],
            [y],
            s=46,
            color=color if row["advice"] in _QUADRANTS else "white",
            edgecolor=color,
            zorder=3,
        )
        ax.annotate(
            row["name"],
            (row["mean_line_high"], y),
            xytext=(row["mean_line_high"] + 0.03 * wide, heights[str(place)]),
            textcoords="data",
            va="center",
            fontsize=11,
            color=color,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
            if abs(heights[str(place)] - y) > 1e-9
            else None,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
            zorder=4,
        )
    for words, at_right, at_top, color in _QUADRANTS.values():
        ax.annotate(
            _(words),
            (at_right, at_top),
            xycoords="axes fraction",
            xytext=(-6 if at_right else 6, -6 if at_top else 6),
            textcoords="offset points",
            ha="right" if at_right else "left",
            va="top" if at_top else "bottom",
            fontsize=11,
            color=color,
        )
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
    ticks = [tick for tick in ax.get_yticks() if 0 <= tick <= high]
    ax.set_yticks(ticks)
    ax.set_ylim(low, high)
    first = shown.iloc[0]
    label = (
        _("Performance: mean answer")
        if across == "mean"
        else _("Performance: mean answer, as a part of its scale")
    )
    scale = sentence("{label} ({scale})", label=label, scale=first["scale"]) if first["scale"] else label
    ax.set_xlabel(scale)
    ax.set_ylabel(sentence("Importance: % of the differences in {score}", score=first["outcome"]))
    value_grid(ax, "y")
    return describe(
        ax,
        title=_("Where should we begin?"),
        subtitle=sentence(
            "Items against their mean (grey lines; cross: 95 % interval, hollow: within chance of a line); "
            "n = {n} answers, {period}",
            n=int(first["n"]),
            period=period,
        ),
        alt=sentence(
            "Map of importance and performance. {items}.",
            items=_("; ").join(
                sentence(
                    "{item}: {share} of the differences, mean {mean}, {advice}",
                    item=row["name"],
                    share=value_text(float(row["share"]), "share"),
                    mean=value_text(float(row["mean"]), "ratio"),
                    advice=_(_QUADRANTS[row["advice"]][0])
                    if row["advice"] in _QUADRANTS
                    else _("between" if row["advice"] == "between" else "goes the other way"),
                )
                for row in shown.to_dict("records")
            ),
        ),
    )


def _label_share(names: pd.Series) -> float:
    """Room that the longest name takes, of the width of the crosses; a Han character is two letters wide."""
    longest = max(sum(2 if ord(sign) > 0x2E7F else 1 for sign in name) for name in names)
    return min(1.2, 0.022 * longest + 0.03)
