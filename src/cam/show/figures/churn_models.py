"""Figures of how good a model of churn is: what it tells apart, whether it is right, and what its list is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, RULE, SOFT, describe, figure, value_grid

#: Share of leavers above which there is room for names below the line of guessing.
_ROOM = 0.25


@figure
def roc(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw, for every length of the list, the share of leavers on it against the share of stayers.

    Parameters
    ----------
    table : DataFrame
        ``curve`` (rows of ``roc`` are drawn), ``score`` (its name), ``is_naive``, ``x``, ``y``, ``low``, ``high``
        (0-1), ``area``, ``n``, ``churn_rate``.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        What it was tested on, ready to print.

    Returns
    -------
    Axes
    """
    rows = table[table["curve"] == "roc"]
    ax.plot([0, 100], [0, 100], color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    ax.annotate(_("Guessing"), (36, 33), color=SOFT, fontsize=9.5, va="top")
    # Below the diagonal is room, whatever the curves.
    _curves(ax, rows, corner=(0.97, 0.16), side="right")
    ax.set_xlabel(_("Of those who stayed, on the list, %"))
    ax.set_ylabel(_("Of those who left, on the list, %"))
    return describe(
        ax,
        title=_("Does the model tell who leaves?"),
        subtitle=sentence(
            "ROC curves (number: AUC, band: 95 % interval of each point); n = {n}, {period}",
            n=int(rows["n"].iloc[0]),
            period=period,
        ),
        alt=sentence("Two rising curves. AUC: {parts}.", parts=_areas(rows)),
    )


@figure
def precision(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw, for every length of the list, how pure it is against how much of all leaving it holds.

    Parameters
    ----------
    table : DataFrame
        As for :func:`roc`; rows of ``precision`` are drawn.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        What it was tested on, ready to print.

    Returns
    -------
    Axes
    """
    rows = table[table["curve"] == "precision"]
    rate = float(rows["churn_rate"].iloc[0])
    ax.axhline(100 * rate, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    ax.annotate(
        sentence("Guessing {rate}", rate=value_text(rate, "share")),
        (2, 100 * rate),
        xytext=(0, -4),
        textcoords="offset points",
        color=SOFT,
        fontsize=9.5,
        va="top",
    )
    # Where few leave the curves lie low, and the room is above them.
    corner, side = ((0.02, 0.16), "left") if rate > _ROOM else ((0.97, 0.97), "right")
    _curves(ax, rows, corner=corner, side=side)
    ax.set_xlabel(_("Of all who left, on the list, %"))
    ax.set_ylabel(_("Of the list, left, %"))
    return describe(
        ax,
        title=_("How many on the list do leave?"),
        subtitle=sentence(
            "Precision by share of leavers reached (number: average, band: 95 % interval of each point); n = {n}, "
            "{period}",
            n=int(rows["n"].iloc[0]),
            period=period,
        ),
        alt=sentence("Two falling curves. Average precision: {parts}.", parts=_areas(rows)),
    )


@figure
def calibration(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw what happened against what was predicted, in groups of as many customers.

    Parameters
    ----------
    table : DataFrame
        ``n_customers``, ``predicted``, ``observed``, ``low``, ``high`` (0-1), ``slope``, ``intercept``; by rising risk.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        What it was tested on, ready to print.

    Returns
    -------
    Axes
    """
    top = 100 * min(1.0, 1.08 * float(max(table["high"].max(), table["predicted"].max())))
    ax.plot([0, top], [0, top], color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    ax.annotate(
        _("As predicted"),
        (0.8 * top, 0.8 * top),
        xytext=(6, -12),
        textcoords="offset points",
        color=SOFT,
        fontsize=9.5,
    )
    at, seen = 100 * table["predicted"], 100 * table["observed"]
    ax.vlines(at, 100 * table["low"], 100 * table["high"], color=ACCENT, linewidth=1.6)
    ax.plot(at, seen, color=ACCENT, linewidth=1, alpha=0.5)
    ax.scatter(at, seen, color=ACCENT, s=34, zorder=3, clip_on=False)
    for place, shift, side in ((0, (2, 18), "left"), (len(table) - 1, (-10, 4), "right")):
        row = table.iloc[place]
        ax.annotate(
            value_text(float(row["observed"]), "share"),
            (100 * row["predicted"], 100 * row["observed"]),
            xytext=shift,
            textcoords="offset points",
            ha=side,
            va="center",
            color=ACCENT,
            fontsize=10,
        )
    ax.set_xlim(0, top)
    ax.set_ylim(0, top)
    ax.set_xlabel(_("Predicted to leave, %"))
    ax.set_ylabel(_("Left, %"))
    ax.grid(color=RULE, linewidth=0.8)
    ax.set_axisbelow(True)
    slope, intercept = (float(table[name].iloc[0]) for name in ("slope", "intercept"))
    far = table.loc[(table["observed"] - table["predicted"]).abs().idxmax()]
    return describe(
        ax,
        title=_("Are the probabilities right?"),
        subtitle=sentence(
            "Groups by predicted risk (line: 95 % interval); slope {slope}, intercept {intercept} (right: 1 and 0); "
            "n = {n}, {period}",
            slope=value_text(slope, "ratio"),
            intercept=value_text(intercept, "ratio"),
            n=int(table["n_customers"].sum()),
            period=period,
        ),
        alt=sentence(
            "Dot chart. Farthest from the prediction is the group predicted to leave in {predicted} of cases: "
            "{observed} left.",
            predicted=value_text(float(far["predicted"]), "share"),
            observed=value_text(float(far["observed"]), "share"),
        ),
    )


@figure
def lift(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw how many times the average leaves in each tenth of the list, and how many of all leavers it has reached.

    Parameters
    ----------
    table : DataFrame
        ``decile`` (1: highest risk), ``n_customers``, ``lift``, ``low``, ``high``, ``gain`` (0-1), ``naive_lift``,
        ``naive_name``, ``mean_rate`` (0-1).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        What it was tested on, ready to print.

    Returns
    -------
    Axes
    """
    places = table["decile"].to_numpy(int)
    is_more = table["low"].to_numpy(float) > 1
    ax.bar(places, table["lift"], color=np.where(is_more, ACCENT, GREY), width=0.66)
    ax.vlines(places, table["low"], table["high"], color=INK, linewidth=1.2)
    # Beside its bar, or it would hide under the number.
    marks = places + 0.41
    ax.scatter(marks, table["naive_lift"], marker="D", s=22, facecolor="white", edgecolor=INK, zorder=4)
    height = 1.16 * float(max(table["high"].max(), table["naive_lift"].max()))
    for row in table.itertuples():
        ax.annotate(
            f"{row.lift:.2f}",
            (row.decile, row.high),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            color=ACCENT if row.low > 1 else INK,
            fontsize=9,
        )
    ax.axhline(1, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=3)
    rate = value_text(float(table["mean_rate"].iloc[0]), "share")
    ax.annotate(
        sentence("Average {rate}", rate=rate),
        (10.75, 1),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=SOFT,
        fontsize=9.5,
    )
    ax.set_xticks(places, [f"{row.decile}\n{100 * row.gain:.0f}%" for row in table.itertuples()])
    ax.set_xlim(0.4, 10.8)
    ax.set_ylim(0, height)
    ax.set_xlabel(_("Tenth of the list, highest risk first; below: of all who left, reached so far"))
    ax.set_ylabel(_("Lift: churn rate over the average"))
    value_grid(ax, "y")
    first = table.iloc[0]
    return describe(
        ax,
        title=_("How much better than chance is the list?"),
        subtitle=sentence(
            "Lift by tenth (line: 95 % interval), blue: above average beyond chance, diamond: {naive}; n = {n}, "
            "{period}",
            naive=str(first["naive_name"]),
            n=round(float(table["n_customers"].sum())),
            period=period,
        ),
        alt=sentence(
            "Bar chart. In the first tenth {lift} times as many leave as on average; the first three tenths hold "
            "{gain} of all who left.",
            lift=f"{first['lift']:.2f}",
            gain=value_text(float(table["gain"].iloc[2]), "share"),
        ),
    )


def _curves(ax: Axes, rows: pd.DataFrame, *, corner: tuple[float, float], side: str) -> None:
    """Draw the naive curve in grey and the model's in blue, each with its band; names and areas stand in a corner."""
    drawn = ((False, ACCENT, ACCENT), (True, "#8A8A8A", SOFT))
    for place, (is_naive, colour, words) in enumerate(drawn):
        curve = rows[rows["is_naive"] == is_naive]
        x = 100 * curve["x"].to_numpy(float)
        ax.fill_between(x, 100 * curve["low"], 100 * curve["high"], color=colour, alpha=0.18, linewidth=0)
        ax.plot(x, 100 * curve["y"].to_numpy(float), color=colour, linewidth=2, zorder=4 - place)
        ax.annotate(
            f"{curve['score'].iloc[0]} {value_text(float(curve['area'].iloc[0]), 'ratio')}",
            corner,
            xycoords="axes fraction",
            xytext=(0, -16 * place),
            textcoords="offset points",
            ha=side,
            va="top",
            color=words,
            fontsize=10,
        )
    ax.set_xlim(0, 100)
    ax.set_ylim(0, 103)
    ax.grid(color=RULE, linewidth=0.8)
    ax.set_axisbelow(True)


def _areas(rows: pd.DataFrame) -> str:
    named = rows.drop_duplicates("score")
    return _("; ").join(
        sentence("{score} {area}", score=str(row.score), area=value_text(float(row.area), "ratio"))
        for row in named.itertuples()
    )
