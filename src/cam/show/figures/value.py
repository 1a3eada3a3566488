"""Figures of study 03: how far revenue hangs on few customers."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from cam.language import interval_text, sentence, value_text
from cam.language import translate as _
from cam.measures.value.profitability import top_share
from cam.show.canvas import ACCENT, GREY, SOFT, describe, figure, value_grid


@figure
def revenue_concentration(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw which share of revenue each share of customers brings, the most valuable first.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.value.profitability.concentration`.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    start = pd.DataFrame({"customer_share": [0.0], "share": [0.0], "low": [0.0], "high": [0.0]})
    curve = 100 * pd.concat([start, table[list(start)]], ignore_index=True)
    ax.plot([0, 100], [0, 100], color=GREY, linewidth=1.2)
    ax.fill_between(
        curve["customer_share"], curve["low"], curve["high"], color=ACCENT, alpha=0.25, linewidth=0
    )
    ax.plot(curve["customer_share"], curve["share"], color=ACCENT, linewidth=2)
    top = top_share(table)
    at = 100 * float(table.loc[table["share"] == top.value, "customer_share"].iloc[0])
    ax.plot([at, at], [0, 100 * top.value], color=SOFT, linewidth=0.8, linestyle=(0, (3, 3)))
    ax.scatter([at], [100 * top.value], s=45, color=ACCENT, zorder=3)
    ax.annotate(
        sentence("the top fifth bring {share}", share=value_text(top.value, "share")),
        (at, 100 * top.value),
        xytext=(10, -4),
        textcoords="offset points",
        va="top",
        color=ACCENT,
        fontsize=11,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )
    ax.annotate(
        _("if all brought the same"),
        (66, 66),
        xytext=(6, -4),
        textcoords="offset points",
        va="top",
        color=SOFT,
        fontsize=9,
    )
    ax.set_xlim(0, 100)
    ax.set_ylim(0, max(100.0, float(curve["high"].max())) * 1.02)
    ax.set_xlabel(_("Share of customers, the most valuable first, %"))
    ax.set_ylabel(_("Share of revenue, %"))
    value_grid(ax, "y")
    return describe(
        ax,
        title=_("How far does revenue hang on few customers?"),
        subtitle=sentence(
            "Revenue brought by each share of customers (band: 95 % interval); n = {n}, {period}",
            n=top.n or 0,
            period=period,
        ),
        alt=sentence(
            "Curve. The top fifth of customers bring {share} of revenue ({range}).",
            share=value_text(top.value, "share"),
            range=interval_text(top),
        ),
    )
