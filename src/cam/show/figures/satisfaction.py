"""Figures of study 04: how answers spread from 0 to 10, and how the net promoter score moved."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, SOFT, describe, figure, value_grid

_COLORS = {"detractor": PALETTE[5], "passive": GREY, "promoter": ACCENT}
#: Waves in one figure, the latest; the table holds them all.
_MOST_WAVES = 12


@figure
def score_distribution(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw the share of answers at each score, detractors, passives and promoters apart.

    Parameters
    ----------
    table : DataFrame
        *score* (0 to 10, in order), *kind* (``detractor``, ``passive``, ``promoter``), *n*, *share*, *low*, *high*
        (0-1).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    ax.bar(table["score"], 100 * table["share"], color=[_COLORS[kind] for kind in table["kind"]], width=0.75)
    ax.vlines(table["score"], 100 * table["low"], 100 * table["high"], color=INK, linewidth=1.2)
    top = 100 * float(table["high"].max())
    ax.set_ylim(0, 1.3 * top)
    ax.set_xticks(list(table["score"]))
    ax.set_xlabel(_("Would you recommend us? 0 (not at all) to 10 (by all means)"))
    ax.set_ylabel(_("Share of answers, %"))
    value_grid(ax, "y")
    n = int(table["n"].sum())
    shares = table.groupby("kind")["n"].sum() / n
    words = {
        "detractor": "Detractors\n{share}",
        "passive": "Passives\n{share}",
        "promoter": "Promoters\n{share}",
    }
    for kind, group in table.groupby("kind", sort=False):
        first, last = group["score"].iloc[0] - 0.375, group["score"].iloc[-1] + 0.375
        color = SOFT if kind == "passive" else _COLORS[str(kind)]
        ax.plot([first, last], [1.08 * top] * 2, color=color, linewidth=2)
        ax.annotate(
            sentence(words[str(kind)], share=value_text(float(shares[kind]), "share")),
            ((first + last) / 2, 1.08 * top),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            color=color,
        )
    return describe(
        ax,
        title=_("Would customers recommend us?"),
        subtitle=sentence(
            "Answers by score (thin line: 95 % interval); n = {n} answers, {period}", n=n, period=period
        ),
        alt=sentence(
            "Bar chart. {promoters} of {n} answers are promoters, {detractors} detractors.",
            promoters=value_text(float(shares["promoter"]), "share"),
            detractors=value_text(float(shares["detractor"]), "share"),
            n=n,
        ),
    )


@figure
def nps_by_wave(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw the net promoter score of each wave with its interval.

    Parameters
    ----------
    table : DataFrame
        *wave* (text, in the order of time), *n*, *value*, *low*, *high* (points).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    shown = table.tail(_MOST_WAVES)
    places = list(range(len(shown)))
    ax.plot(places, shown["value"], color=GREY, linewidth=1.2, zorder=1)
    ax.vlines(places, shown["low"], shown["high"], color=ACCENT, linewidth=2)
    ax.scatter(places, shown["value"], s=45, color=ACCENT, zorder=3)
    for place, row in zip(places, shown.to_dict("records"), strict=True):
        ax.annotate(
            value_text(row["value"], "points"),
            (place, row["value"]),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    ax.set_xticks(places, [f"{row['wave']}\nn = {row['n']:,}" for row in shown.to_dict("records")])
    ax.set_xlim(-0.5, len(shown) - 0.3)
    low, high = min(0.0, float(shown["low"].min())), max(0.0, float(shown["high"].max()))
    room = 0.08 * (high - low)
    ax.set_ylim(low - room * (low < 0), high + room * (high > 0))
    if low < 0 < high:
        ax.axhline(0, color=SOFT, linewidth=1)
    ax.set_xlabel(_("Wave"))
    ax.set_ylabel(_("Net promoter score, points"))
    value_grid(ax, "y")
    last = shown.iloc[-1]
    return describe(
        ax,
        title=_("Are customers more willing to recommend us than before?"),
        subtitle=sentence(
            "NPS by wave (line: 95 % interval); n = {n} answers, {period}",
            n=int(shown["n"].sum()),
            period=period,
        ),
        alt=sentence(
            "Dot chart of {waves} waves. The last, {wave}, stands at {value} ({low} to {high}).",
            waves=len(shown),
            wave=last["wave"],
            value=value_text(float(last["value"]), "points"),
            low=value_text(float(last["low"]), "points"),
            high=value_text(float(last["high"]), "points"),
        ),
    )
