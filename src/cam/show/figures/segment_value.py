"""Figures of study 03: who earns the profit, what segments hold, and the matrix of profit and loyalty."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from cam.estimate import Estimate
from cam.language import interval_text, named, sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, SOFT, describe, figure, value_grid

#: Groups in one figure; the table holds them all.
_MOST_GROUPS = 15
#: Columns of a table of groups, with their marks; the first is what the others are read against.
_MEASURES = {
    "revenue_share": ("of revenue so far", PALETTE[1], "s"),
    "profit_share": ("of profit so far", PALETTE[2], "^"),
    "residual_clv_share": ("of residual CLV", ACCENT, "o"),
}
#: Where each quadrant stands: loyal to the right, profitable above.
_PLACES = {"true_friends": (1, 1), "butterflies": (0, 1), "barnacles": (1, 0), "strangers": (0, 0)}


@figure
def whale_curve(table: pd.DataFrame, *, ax: Axes, figures: list[Estimate], period: str = "") -> Axes:
    """Draw which share of the profit each share of customers brings, the most profitable first.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.value.profitability.concentration`, of profit cut at zero.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    figures : list of Estimate
        ``unprofitable_share`` and, where it is known, ``whale_peak``.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    known = {estimate.figure: estimate for estimate in figures}
    losing, peak = known["unprofitable_share"], known.get("whale_peak")
    start = pd.DataFrame({"customer_share": [0.0], "share": [0.0], "low": [0.0], "high": [0.0]})
    curve = 100 * pd.concat([start, table[list(start)]], ignore_index=True)
    ax.axhline(100, color=GREY, linewidth=1.2)
    ax.fill_between(
        curve["customer_share"], curve["low"], curve["high"], color=ACCENT, alpha=0.25, linewidth=0
    )
    ax.plot(curve["customer_share"], curve["share"], color=ACCENT, linewidth=2)
    top = max(100.0, float(curve["high"].max()))
    at = 100 * (1 - losing.value)
    if losing.value > 0:
        height = float(curve["share"].max())
        ax.axvspan(at, 100, color=PALETTE[5], alpha=0.12, linewidth=0)
        ax.scatter([at], [height], s=45, color=ACCENT, zorder=3)
        words = sentence("{share} of customers lost money", share=value_text(losing.value, "share"))
        if peak is not None:
            earned = sentence("the others earned {peak}", peak=value_text(peak.value, "share"))
            words = f"{words}\n{earned}"
        ax.annotate(
            words,
            (at, height),
            xytext=(-10, -26),
            textcoords="offset points",
            ha="right",
            va="top",
            color=ACCENT,
            fontsize=11,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    ax.annotate(
        _("profit that is left"),
        (1, 100),
        xytext=(2, 4),
        textcoords="offset points",
        color=SOFT,
        fontsize=9,
    )
    ax.set_xlim(0, 100)
    ax.set_ylim(0, 1.06 * top)
    ax.set_xlabel(_("Share of customers, the most profitable first, %"))
    ax.set_ylabel(_("Share of profit, %"))
    value_grid(ax, "y")
    return describe(
        ax,
        title=_("Who earns the profit, and who takes it away?"),
        subtitle=sentence(
            "Profit added up over customers (band: 95 % interval); n = {n}, {period}",
            n=losing.n or 0,
            period=period,
        ),
        alt=sentence(
            "Curve. It peaks at {peak} of the profit; {share} of customers ({range}) lost money.",
            peak=value_text(float(table["share"].max()), "share"),
            share=value_text(losing.value, "share"),
            range=interval_text(losing),
        ),
    )


@figure
def group_shares(table: pd.DataFrame, *, ax: Axes, title: str = "", period: str = "") -> Axes:
    """Draw for each group its share of customers beside its shares of revenue, profit and residual CLV.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.value.segment_value.group_values`, of one way of grouping.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    title : str
        The question, ready to print; by default that of the segments.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    shown = table.head(_MOST_GROUPS)
    measures = {name: look for name, look in _MEASURES.items() if name in shown and shown[name].notna().any()}
    ax.figure.set_figheight(max(3.0, 1.9 + 0.46 * len(shown)))  # type: ignore[union-attr]
    places = list(range(len(shown)))
    ax.barh(
        places, 100 * shown["customer_share"], height=0.78, color="#EDEDED", label=_("of customers"), zorder=1
    )
    step = 0.24
    for index, (name, (label, color, marker)) in enumerate(measures.items()):
        at = [place + step * (index - (len(measures) - 1) / 2) for place in places]
        ax.hlines(at, 100 * shown[f"{name}_low"], 100 * shown[f"{name}_high"], color=color, linewidth=2)
        ax.scatter(100 * shown[name], at, s=32, color=color, marker=marker, zorder=3, label=_(label))
    names = {"other": _("all others"), "missing": _("not known")}
    ax.set_yticks(
        places, [names.get(row["kind"]) or named(str(row["level"])) for row in shown.to_dict("records")]
    )
    ax.set_ylim(len(shown) - 0.45, -0.55)
    lows = [100 * float(shown[f"{name}_low"].min()) for name in measures]
    ax.set_xlim(min([0.0, *lows]), None)
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_xlabel(_("Share, %"))
    ax.legend(frameon=False, fontsize=9, loc="lower right")
    value_grid(ax, "x")
    first = shown.iloc[0]
    last = list(measures)[-1] if measures else "customer_share"
    most = shown.loc[shown[last].idxmax()]
    return describe(
        ax,
        title=title or _("Which segments hold the value?"),
        subtitle=sentence(
            "Each group's shares of the whole (line: 95 % interval); n = {n}, {period}",
            n=int(table["n_customers"].sum()),
            period=period,
        ),
        alt=sentence(
            "Dot chart. The largest group, {first}, is {share} of customers; {most} holds most: {held} {measure}.",
            first=names.get(first["kind"]) or named(str(first["level"])),
            share=value_text(float(first["customer_share"]), "share"),
            most=names.get(most["kind"]) or named(str(most["level"])),
            held=value_text(float(most[last]), "share"),
            measure=_(_MEASURES[last][0]) if last in _MEASURES else _("of customers"),
        ),
    )


@figure
def loyalty_matrix(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw the four quadrants of profit and loyalty, with what each holds.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.value.segment_value.matrix`.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    for row in table.to_dict("records"):
        x, y = _PLACES[row["quadrant"]]
        ax.add_patch(
            Rectangle(
                (x, y), 1, 1, facecolor=ACCENT, alpha=0.06 + 0.3 * float(row["share"]), edgecolor="none"
            )
        )
        ax.add_patch(Rectangle((x, y), 1, 1, facecolor="none", edgecolor="white", linewidth=3))
        ax.text(x + 0.05, y + 0.86, named(row["quadrant"]), fontsize=12, color=INK, va="center")
        share = Estimate("share", row["share"], "share", None, row["low"], row["high"])
        ax.text(
            x + 0.05,
            y + 0.62,
            sentence("{share} of customers", share=value_text(share.value, "share")),
            fontsize=11,
            va="center",
        )
        ax.text(x + 0.05, y + 0.47, interval_text(share), fontsize=9, color=SOFT, va="center")
        if pd.notna(row["profit_share"]):
            held = Estimate(
                "share", row["profit_share"], "share", None, row["profit_share_low"], row["profit_share_high"]
            )
            ax.text(
                x + 0.05,
                y + 0.29,
                sentence("{share} of their profit", share=value_text(held.value, "share")),
                fontsize=11,
                va="center",
            )
            ax.text(x + 0.05, y + 0.14, interval_text(held), fontsize=9, color=SOFT, va="center")
    ax.set_xlim(0, 2)
    ax.set_ylim(0, 2)
    ax.set_xticks([0.5, 1.5], [_("probably gone"), _("probably still a customer")])
    ax.set_yticks([0.5, 1.5], [_("below the median"), _("above it")])
    ax.set_xlabel(_("Loyalty"))
    ax.set_ylabel(_("Profit per year"))
    n = int(table["n_customers"].sum())
    parts = [
        sentence(
            "{quadrant}: {share}", quadrant=named(row["quadrant"]), share=value_text(row["share"], "share")
        )
        for row in table.to_dict("records")
    ]
    return describe(
        ax,
        title=_("Which customers are worth what effort?"),
        subtitle=sentence(
            "Customers by profit per year and loyalty (below: 95 % interval); n = {n} placed, {period}",
            n=n,
            period=period,
        ),
        alt=sentence("Matrix of profit and loyalty. {parts}.", parts=_("; ").join(parts)),
    )
