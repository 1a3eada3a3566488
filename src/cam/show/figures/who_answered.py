"""Figure of study 04, who answered: which customers answer more, and which less."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, INK, SOFT, broken_name, describe, figure, value_grid

_PALE = "#8A8A8A"
#: Groups in one figure; the table holds what stands out of them all.
_MOST = 40


@figure
def who_answers(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw the share of each group among those who answered over its share of the customers.

    Parameters
    ----------
    table : DataFrame
        *variable*, *level* (ready to print), *value*, *low*, *high*, *n*, *verdict* (``more``, ``less`` or
        ``chance``).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    table = table.head(_MOST)
    places, names, heads = [], [], []
    here = 0.0
    before = None
    for row in table.to_dict("records"):
        if row["variable"] != before:
            # A line of its own for the name of the variable.
            heads.append((here, str(row["variable"])))
            before, here = row["variable"], here + 1
        places.append(here)
        names.append(broken_name(str(row["level"]), 26))
        here += 1
    ax.figure.set_figheight(1.7 + 0.29 * here)  # type: ignore[union-attr]
    top = float(table["high"].max())
    for place, row in zip(places, table.to_dict("records"), strict=True):
        color = _PALE if row["verdict"] == "chance" else ACCENT
        ax.hlines(place, row["low"], row["high"], color=color, linewidth=2)
        ax.scatter([row["value"]], [place], s=38, color=color, zorder=3)
        ax.annotate(
            _text(row),
            (row["high"], place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=SOFT if color == _PALE else color,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    ax.axvline(1.0, color=INK, linewidth=1, zorder=1)
    ax.set_yticks([*(place for place, _name in heads), *places], [*(name for _place, name in heads), *names])
    for label in ax.get_yticklabels()[: len(heads)]:
        label.set_color(SOFT)
    ax.set_ylim(here - 0.4, -0.6)
    bottom = float(table["low"].min())
    span = max(top - bottom, 0.02)
    # The number behind the interval needs room.
    ax.set_xlim(max(0.0, bottom - 0.12 * span), top + 0.22 * span)
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel(_("Share of the answers over share of the customers; 1: as they are"))
    value_grid(ax, "x")
    telling = table[table["verdict"] != "chance"]
    shown = table if telling.empty else telling
    most, least = (shown.loc[place] for place in (shown["value"].idxmax(), shown["value"].idxmin()))
    n = int(table.loc[table["variable"] == table["variable"].iloc[0], "n"].sum())
    subtitle = (
        "Share of answers over share of customers (line: 95 % interval), blue: beyond chance; n = {n} customers "
        "who answered, {period}"
    )
    return describe(
        ax,
        title=_("Who answers, and who does not?"),
        subtitle=sentence(subtitle, n=n, period=period),
        alt=sentence(
            "Dot chart of {groups} groups, {telling} of them beyond chance. Highest: {variable}, {level}, {value}; "
            "lowest: {other_variable}, {other}, {other_value}.",
            groups=len(table),
            telling=len(telling),
            variable=str(most["variable"]),
            level=str(most["level"]),
            value=_text(most.to_dict()),
            other_variable=str(least["variable"]),
            other=str(least["level"]),
            other_value=_text(least.to_dict()),
        ),
    )


def _text(row: dict[str, object]) -> str:
    return value_text(float(row["value"]), "ratio")  # type: ignore[arg-type]
