"""Figures of study 03: what a new customer costs, when it has paid for itself, and what the next one costs."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cam.estimate import CannotSay, Estimate
from cam.language import sentence, unit_text, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, PALETTE, SOFT, describe, figure, value_grid

#: Channels in one figure; the table holds them all.
_MOST_CHANNELS = 15
#: Periods that are named below a line; of more, some are left out.
_MOST_LABELS = 8
#: Months that a payback figure shows at least.
_FEWEST_DRAWN = 6


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
    _dots(ax, rated, "cac", [value_text(value, currency) for value in rated["cac"]])
    ax.set_xlim(0, 1.15 * float(rated["high"].max()))
    ax.set_xlabel(sentence("Cost per new customer, {unit}", unit=unit_text(currency)))
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


@figure
def cac_trend(
    table: pd.DataFrame,
    *,
    ax: Axes,
    lagged: pd.DataFrame | CannotSay | None = None,
    currency: str,
    period: str = "",
) -> Axes:
    """Draw the cost of a new customer by month, quarter or year.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.value.acquisition.cac_by_period`, all channels together; a period without a cost
        leaves a gap.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    lagged : DataFrame, optional
        The same with spend set against later customers, drawn as a broken line.
    currency : str
        ISO code.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    places = pd.Series(range(len(table)), index=table["period"])
    ax.fill_between(places, table["low"], table["high"], color=ACCENT, alpha=0.25, linewidth=0)
    ax.plot(places, table["cac"], color=ACCENT, linewidth=2, marker="o", markersize=4, label=_("same window"))
    tops = [float(table["high"].max())]
    if isinstance(lagged, pd.DataFrame):
        own = lagged.set_index("period")["cac"].reindex(table["period"])
        ax.plot(
            places,
            own,
            color=PALETTE[1],
            linewidth=1.6,
            linestyle=(0, (4, 2)),
            label=_("lagged by the sales cycle"),
        )
        ax.legend(frameon=False, fontsize=9, loc="best")
        tops += [float(own.max())] if own.notna().any() else []
    step = -(-len(places) // _MOST_LABELS)
    ax.set_xticks(places.iloc[::step], [str(name) for name in places.index[::step]])
    ax.set_ylim(0, 1.1 * max(tops))
    ax.set_xlabel(_("Period"))
    ax.set_ylabel(sentence("Cost per new customer, {unit}", unit=unit_text(currency)))
    value_grid(ax, "y")
    rated = table[table["cac"].notna()]
    first, last = rated.iloc[0], rated.iloc[-1]
    return describe(
        ax,
        title=_("Does a new customer cost more than before?"),
        subtitle=sentence(
            "Spend per new customer by period (band: 95 % interval); n = {n} new customers, {period}",
            n=int(table["n_new"].sum()),
            period=period,
        ),
        alt=sentence(
            "Line. A new customer cost {first} in {one} and {last} in {other}.",
            first=value_text(float(first["cac"]), currency),
            one=str(first["period"]),
            last=value_text(float(last["cac"]), currency),
            other=str(last["period"]),
        ),
    )


@figure
def payback_curves(
    table: pd.DataFrame, *, ax: Axes, curves: pd.DataFrame, currency: str, period: str = ""
) -> Axes:
    """Draw which share of its cost a new customer has brought back by months since acquisition.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.value.payback.payback`: cost and payback of each cohort; the cohort ``all``, where
        it is there, stands out, else the first.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    curves : DataFrame
        As from :func:`cam.measures.value.payback.margin_curves`, of the same cohorts.
    currency : str
        ISO code.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    rows = table.set_index("cohort")
    has_all = "all" in rows.index
    names = [str(name) for name in rows.index if name != "all"]
    for name in names:
        own = curves[curves["cohort"] == name]
        ax.plot(own["age"], 100 * own["margin"] / rows.at[name, "cac"], color=GREY, linewidth=0.9)
    main = rows.loc["all" if has_all else names[0]]
    own = curves[curves["cohort"] == main.name]
    shares = 100 * own[["margin", "low", "high"]].div(float(main["cac"]))
    ax.fill_between(own["age"], shares["low"], shares["high"], color=ACCENT, alpha=0.25, linewidth=0)
    ax.plot(own["age"], shares["margin"], color=ACCENT, linewidth=2)
    # The cost has an interval of its own: as a band around what is to be reached.
    band = [100 * float(main[name] / main["cac"]) for name in ("cac_low", "cac_high")]
    ax.axhspan(*band, color=PALETTE[1], alpha=0.2, linewidth=0)
    ax.axhline(100, color=SOFT, linewidth=1, linestyle=(0, (3, 3)))
    paid = main["payback_months"]
    if pd.notna(paid):
        ends = [main["low"], main["high"] if pd.notna(main["high"]) else main["months_seen"]]
        ax.plot(ends, [100, 100], color=ACCENT, linewidth=4, solid_capstyle="butt", zorder=3)
        ax.scatter([paid], [100], s=45, color=ACCENT, zorder=4)
    words = (
        sentence("paid back after {paid}", paid=value_text(float(paid), "months"))
        if pd.notna(paid)
        else sentence("not paid back within {n} months", n=int(main["months_seen"]))
    )
    ax.annotate(
        words,
        (float(paid) if pd.notna(paid) else float(main["months_seen"]), 100),
        xytext=(8, -8),
        textcoords="offset points",
        va="top",
        color=ACCENT,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
    )
    # Far beyond the payback nothing is decided: the picture stops at twice its upper limit.
    far = float(main["high"] if pd.notna(main["high"]) else main["months_seen"])
    end = min(max(2 * far, _FEWEST_DRAWN), max(1.0, float(curves["age"].max())))
    near = curves[curves["age"] <= end]
    top = max(float((near["margin"] / near["cohort"].map(rows["cac"])).max()), band[1] / 100)
    ax.set_xlim(0, end)
    ax.set_ylim(min(0.0, 1.05 * float(shares["low"].min())), 110 * top)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(_("Months since acquisition"))
    ax.set_ylabel(_("Cost of acquisition brought back, %"))
    value_grid(ax, "y")
    return describe(
        ax,
        title=_("When has a new customer paid for itself?"),
        subtitle=sentence(
            "Blue: {which} (bands: 95 % intervals of margin and cost); grey: the customers of each quarter; "
            "n = {n}, {period}",
            which=_("all cohorts old enough") if has_all else str(main.name),
            n=int(main["n_customers"]),
            period=period,
        ),
        alt=sentence(
            "Rising curves. The cost of a new customer is {cac}: {words}.",
            cac=value_text(float(main["cac"]), currency),
            words=words,
        ),
    )


@figure
def clv_to_cac_by_channel(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw what a new customer is worth per unit of its cost, by channel.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.studies.payback.ratio_by_channel`: ``channel``, ``ratio``, ``low``, ``high``, ``n``; the
        best first.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    rated = table.head(_MOST_CHANNELS)
    texts = [value_text(value, "ratio") for value in rated["ratio"]]
    _dots(ax, rated, "ratio", texts)
    ax.set_xlim(min(0.0, 1.1 * float(rated["low"].min())), 1.15 * max(1.2, float(rated["high"].max())))
    ax.axvline(1, color=SOFT, linewidth=1, linestyle=(0, (3, 3)), zorder=1)
    ax.annotate(
        _("worth what it costs"),
        (1, -0.85),
        xytext=(5, 0),
        textcoords="offset points",
        va="top",
        color=SOFT,
        fontsize=9,
    )
    ax.set_xlabel(_("CLV to CAC"))
    best, worst = rated.iloc[0], rated.iloc[-1]
    return describe(
        ax,
        title=_("Is a new customer worth its cost?"),
        subtitle=sentence(
            "Discounted margin of a new customer per unit of its cost (line: 95 % interval); n = {n}, {period}",
            n=int(rated["n"].sum()),
            period=period,
        ),
        alt=sentence(
            "Dot chart. The best channel is {best} with {high}, the worst {worst} with {low}.",
            best=_(str(best["channel"])),
            high=value_text(float(best["ratio"]), "ratio"),
            worst=_(str(worst["channel"])),
            low=value_text(float(worst["ratio"]), "ratio"),
        ),
    )


@figure
def marginal_cac_by_channel(table: pd.DataFrame, *, ax: Axes, currency: str, period: str = "") -> Axes:
    """Draw the cost of the next customer beside the average, by channel.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.studies.marginal.next_costs`: ``channel``, ``average``, ``marginal`` with ``marginal_low``
        and ``marginal_high``, ``n_new``; at least one, the cheapest first.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    currency : str
        ISO code.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    rated = table.head(_MOST_CHANNELS)
    rated = rated.rename(columns={"marginal_low": "low", "marginal_high": "high"})
    _dots(ax, rated, "marginal", [value_text(value, currency) for value in rated["marginal"]])
    ax.scatter(rated["average"], range(len(rated)), s=40, color="white", edgecolor=SOFT, zorder=3)
    ax.set_xlim(0, 1.15 * float(rated["high"].max()))
    ax.set_xlabel(sentence("Cost per new customer, {unit}", unit=unit_text(currency)))
    cheap, dear = rated.iloc[0], rated.iloc[-1]
    return describe(
        ax,
        title=_("What does the next customer cost?"),
        subtitle=sentence(
            "Filled: the next customer (line: 95 % interval); hollow: the average; n = {n} new customers of the "
            "last months, fitted on {period}",
            n=int(rated["n_new"].sum()),
            period=period,
        ),
        alt=sentence(
            "Dot chart. The next customer is cheapest in {cheap} with {cheap_cost} and dearest in {dear} with "
            "{dear_cost}.",
            cheap=_(str(cheap["channel"])),
            cheap_cost=value_text(float(cheap["marginal"]), currency),
            dear=_(str(dear["channel"])),
            dear_cost=value_text(float(dear["marginal"]), currency),
        ),
    )


def _dots(ax: Axes, rated: pd.DataFrame, column: str, texts: list[str]) -> None:
    """One line per channel: the value, its interval, and the value in words behind it."""
    places = list(range(len(rated)))
    ax.figure.set_figheight(max(2.6, 1.6 + 0.38 * len(rated)))  # type: ignore[union-attr]
    ax.hlines(places, rated["low"], rated["high"], color=ACCENT, linewidth=2)
    ax.scatter(rated[column], places, s=45, color=ACCENT, zorder=3)
    for place, end, text in zip(places, rated["high"], texts, strict=True):
        ax.annotate(
            text,
            (end, place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    ax.set_yticks(places, [_(str(name)) for name in rated["channel"]])
    ax.set_ylim(len(rated) - 0.4, -0.9)
    value_grid(ax, "x")
