"""Figures of study 03: how far revenue hangs on few, and what a new customer costs by channel."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from cam.estimate import CannotSay, Estimate
from cam.language import interval_text, sentence, unit_text, value_text
from cam.language import translate as _
from cam.measures.value.profitability import top_share
from cam.show.canvas import ACCENT, GREY, SOFT, describe, figure, value_grid

#: Channels in one figure; the table holds them all.
_MOST_CHANNELS = 15


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


@figure
def cac_by_channel(
    table: pd.DataFrame,
    *,
    ax: Axes,
    total: Estimate | CannotSay | None = None,
    currency: str,
    period: str = "",
) -> Axes:
    """Draw the cost of a new customer by channel, with its interval.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.value.acquisition.cac_by_channel`: the channels that have a cost, at least
        one, the cheapest first.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    total : Estimate, optional
        The cost over all channels, drawn as a line.
    currency : str
        ISO code.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    rated = table.head(_MOST_CHANNELS)
    places = list(range(len(rated)))
    ax.figure.set_figheight(max(2.6, 1.6 + 0.38 * len(rated)))  # type: ignore[union-attr]
    ax.hlines(places, rated["low"], rated["high"], color=ACCENT, linewidth=2)
    ax.scatter(rated["cac"], places, s=45, color=ACCENT, zorder=3)
    for place, row in zip(places, rated.to_dict("records"), strict=True):
        ax.annotate(
            value_text(row["cac"], currency),
            (row["high"], place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    ax.set_yticks(places, [_(str(name)) for name in rated["channel"]])
    ax.set_ylim(len(rated) - 0.4, -0.9)
    ax.set_xlim(0, 1.15 * float(rated["high"].max()))
    ax.set_xlabel(sentence("Cost per new customer, {unit}", unit=unit_text(currency)))
    value_grid(ax, "x")
    if isinstance(total, Estimate):
        ax.axvline(total.value, color=SOFT, linewidth=1, linestyle=(0, (3, 3)), zorder=1)
        ax.annotate(
            sentence("all: {cost}", cost=value_text(total.value, currency)),
            (total.value, -0.85),
            xytext=(5, 0),
            textcoords="offset points",
            va="top",
            color=SOFT,
            fontsize=9,
        )
    cheap, dear = rated.iloc[0], rated.iloc[-1]
    return describe(
        ax,
        title=_("What does a new customer cost?"),
        subtitle=sentence(
            "Spend per new customer by channel (line: 95 % interval); n = {n} new customers, {period}",
            n=int(rated["n_new"].sum()),
            period=period,
        ),
        alt=sentence(
            "Dot chart. The cheapest channel is {cheap} with {cheap_cost}, the dearest {dear} with {dear_cost}.",
            cheap=_(str(cheap["channel"])),
            cheap_cost=value_text(float(cheap["cac"]), currency),
            dear=_(str(dear["channel"])),
            dear_cost=value_text(float(dear["cac"]), currency),
        ),
    )
