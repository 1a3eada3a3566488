"""Figures of study 05, why: which columns a model of churn leans on, and which way each one pushes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, SOFT, broken_name, describe, figure, value_grid

#: Drivers in one figure; the table holds them all.
_MOST = 10
#: Inches of one row of panels, and of what stands above them all.
_ROW, _HEAD = 2.4, 0.75
#: Levels of a name that can be told apart below a panel, and numbers so few that each has its mark.
_MOST_LEVELS, _FEW = 6, 7
#: Depth of the strip below zero that shows where the customers are, of the height above.
_STRIP = 0.16


@figure
def importance_dots(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw what the model's AUC loses without each driver, with intervals; the ten largest.

    Parameters
    ----------
    table : DataFrame
        The largest first: *name* (ready to print), *auc_drop, low, high* (in AUC, 0-1), *n, n_left* (customers).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        In which leaving was looked for, ready to print; empty where there are no dates.

    Returns
    -------
    Axes
    """
    shown = table.head(_MOST).reset_index(drop=True)
    labels = [_lines(name, 34) for name in shown["name"]]
    n_lines = sum(1 + label.count("\n") for label in labels)
    ax.get_figure(root=True).set_figheight(1.5 + 0.16 * len(shown) + 0.2 * n_lines)  # type: ignore[union-attr]
    for place, row in enumerate(shown.to_dict("records")):
        is_clear = row["low"] > 0
        color = ACCENT if is_clear else "#8A8A8A"
        ax.hlines(place, 100 * row["low"], 100 * row["high"], color=color, linewidth=2)
        ax.scatter([100 * row["auc_drop"]], [place], s=45, color=color, zorder=3)
        ax.annotate(
            value_text(100 * row["auc_drop"], "points"),
            (100 * row["high"], place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=color if is_clear else SOFT,
            fontsize=9,
        )
    ax.axvline(0, color=INK, linewidth=0.8, zorder=1)
    ax.set_yticks(range(len(shown)), labels)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    least, most = min(100 * float(shown["low"].min()), 0.0), max(100 * float(shown["high"].max()), 0.1)
    # The numbers behind the intervals need room.
    ax.set_xlim(least - 0.03 * (most - least), most + 0.16 * (most - least))
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_xlabel(_("Of 100 points of AUC, lost when its values are dealt out anew"))
    value_grid(ax, "x")
    first = shown.iloc[0]
    return describe(
        ax,
        title=_("What does the model lean on?"),
        subtitle=sentence(
            "Loss of AUC (line: 95 % interval), blue: more than chance; n = {n} customers, {left} left; {period}",
            n=int(first["n"]),
            left=int(first["n_left"]),
            period=period or _("no dates: customers that the model had not seen"),
        ),
        alt=sentence(
            "Dot chart. The model loses most without {name}: {drop} of 100 points of AUC, {low} to {high}; {n} of "
            "{all} drivers count for more than chance.",
            name=first["name"],
            **{
                word: value_text(100 * first[name], "points")
                for word, name in (("drop", "auc_drop"), ("low", "low"), ("high", "high"))
            },
            n=int((table["low"] > 0).sum()),
            all=len(table),
        ),
    )


@figure
def dependence_panels(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw how the predicted probability moves with each main driver, one panel each.

    Parameters
    ----------
    table : DataFrame
        By driver, in order: *name* (ready to print, with its unit), *unit* (as in :class:`cam.estimate.Estimate`; None
        for names), *value* (a number, or a level ready to print), *p_churn, low, high* (0-1), *share* (of customers,
        0-1), *n* (customers).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        In which leaving was looked for, ready to print; empty where there are no dates.

    Returns
    -------
    Axes
        An empty one that holds the panels.
    """
    parts = [part for _name, part in table.groupby("name", sort=False)]
    n_columns = 1 if len(parts) == 1 else 2
    n_rows = -(-len(parts) // n_columns)
    ax.get_figure(root=True).set_figheight(_HEAD + _ROW * n_rows)  # type: ignore[union-attr]
    ax.set_axis_off()
    top = 112 * float(table["high"].max())
    alts = []
    for place, part in enumerate(parts):
        row, column = divmod(place, n_columns)
        height = 1 / n_rows
        panel = ax.inset_axes(
            (
                0.075 + column * 0.525,
                1 - (row + 1) * height + 0.24 * height,
                0.925 if n_columns == 1 else 0.4,
                0.62 * height,
            )
        )
        draw = _levels if part["unit"].isna().all() else _numbers
        draw(panel, part.reset_index(drop=True), -_STRIP * top)
        panel.set_ylim(-1.1 * _STRIP * top, top)
        panel.set_yticks([tick for tick in MaxNLocator(4).tick_values(0, top) if 0 <= tick <= top])
        panel.axhline(0, color=SOFT, linewidth=0.8)
        panel.spines["bottom"].set_visible(False)
        panel.set_title(_lines(str(part["name"].iloc[0]), 40), loc="left", fontsize=10, color=INK)
        if column == 0:
            panel.set_ylabel(_("Predicted, %"))
        value_grid(panel, "y")
        least, most = (part.loc[part["p_churn"].agg(which)] for which in ("idxmin", "idxmax"))
        alts.append(
            sentence(
                "{name}: from {low} at {at_low} to {high} at {at_high}",
                name=part["name"].iloc[0],
                low=value_text(float(least["p_churn"]), "share"),
                high=value_text(float(most["p_churn"]), "share"),
                at_low=_value(least["value"]),
                at_high=_value(most["value"]),
            )
        )
    return describe(
        ax,
        title=_("Which way do the main drivers push?"),
        subtitle=sentence(
            "Predicted probability of leaving, mean (line) and 10 to 90 % of the customers (band); grey: where the "
            "customers are; n = {n}, {period}",
            n=int(table["n"].iloc[0]),
            period=period or _("no dates"),
        ),
        alt=sentence("Small charts. {drivers}.", drivers=_("; ").join(alts)),
    )


def _numbers(ax: Axes, part: pd.DataFrame, depth: float) -> None:
    """A line with its band; below zero, how the customers spread over the values."""
    x, p = part["value"].to_numpy(float), 100 * part["p_churn"].to_numpy(float)
    few = len(part) <= _FEW
    ax.fill_between(x, 100 * part["low"], 100 * part["high"], color=ACCENT, alpha=0.22, linewidth=0)
    ax.plot(x, p, color=ACCENT, linewidth=2, marker="o" if few else None, markersize=5)
    shares = part["share"].to_numpy(float)
    if few:
        width = 0.4 * (np.diff(x).min() if len(x) > 1 else 1.0)
        ax.bar(x, depth * shares / shares.max(), width=width, color=GREY)
        ax.set_xlim(x.min() - width, x.max() + width)
        ax.set_xticks(x, [_value(value) for value in x])
        return
    # A share is spread between its value and the one before, so its density is what is seen; of whole numbers the first
    # share is that of one number, which may be most of all.
    is_whole = bool((x == x.round()).all())
    widths = np.diff(x, prepend=x[0] - 1 if is_whole else 2 * x[0] - x[1])
    density = shares / widths
    ax.bar(x - widths, depth * density / density.max(), width=widths, align="edge", color=GREY)
    ax.set_xlim(x[0] - 1 if is_whole else x[0], x[-1])
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=is_whole))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: _value(value)))


def _levels(ax: Axes, part: pd.DataFrame, depth: float) -> None:
    """A mark with its band for each level; below zero a bar of its share."""
    shown = part.head(_MOST_LEVELS)
    places = np.arange(len(shown))
    ax.vlines(places, 100 * shown["low"], 100 * shown["high"], color=ACCENT, alpha=0.3, linewidth=7)
    ax.scatter(places, 100 * shown["p_churn"], s=36, color=ACCENT, zorder=3)
    shares = shown["share"].to_numpy(float)
    ax.bar(places, depth * shares / shares.max(), width=0.5, color=GREY)
    ax.set_xticks(places, [_lines(str(value), 9) for value in shown["value"]], fontsize=8.5)
    ax.set_xlim(-0.6, len(shown) - 0.4)


def _value(value: object) -> str:
    if not isinstance(value, int | float | np.number):
        return str(value)
    number = float(value)
    return (f"{number:,.0f}" if abs(number) >= 100 or number.is_integer() else f"{number:.3g}").replace(
        "-", "−"
    )


def _lines(text: str, width: int) -> str:
    """Break a name; a Chinese bracket is a good place, too."""
    return broken_name(text.replace("（", " （"), width).replace(" （", "（")
