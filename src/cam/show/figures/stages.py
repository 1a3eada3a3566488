"""Figures of stages and of cohort revenue: where customers stand over time, where they go, and what cohorts bring."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cam.language import sentence, unit_text, value_text
from cam.language import translate as _
from cam.measures.lifecycle.retention import MIN_COHORT
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, SOFT, describe, figure, spread_labels, value_grid
from cam.show.words import stage_text

#: From the bottom: who is active in blues, who is slipping in orange, who is gone in grey.
_COLOURS = {
    "loyal": "#004C78",
    "repeat": ACCENT,
    "first_time": "#8CC6EA",
    "reactivated": PALETTE[2],
    "at_risk": PALETTE[1],
    "dormant": PALETTE[5],
    "lost": GREY,
}
#: Of the height: the least distance between two labels.
_LABEL = 0.062
#: What a page can hold legibly; the key figures have the rest.
_MAX_COHORTS, _MAX_WIDE_AGES = 18, 14


@figure
def stage_flow(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw how many customers stand in each stage at each month's end, one above the other.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.lifecycle.stages.count_stages`.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    wide = table.pivot(index="month", columns="stage", values="n_customers")[list(_COLOURS)]
    places = np.arange(len(wide))
    tops = wide.cumsum(axis=1)
    n = int(tops.iloc[-1, -1])
    middles = {}
    for stage, colour in _COLOURS.items():
        top = tops[stage].to_numpy()
        bottom = top - wide[stage].to_numpy()
        ax.fill_between(places, bottom, top, color=colour, linewidth=0.6, edgecolor="white")
        if wide[stage].iloc[-1] > 0:
            middles[stage] = float(bottom[-1] + top[-1]) / 2
    last = len(wide) - 1
    for stage, height in spread_labels(middles, _LABEL * n, n).items():
        share = value_text(wide[stage].iloc[-1] / n, "share")
        ax.annotate(
            f"{stage_text(stage)} {share}",
            (last, middles[stage]),
            xytext=(last + 0.02 * max(last, 1), height),
            color=INK,
            fontsize=10,
            va="center",
            annotation_clip=False,
        )
        ax.plot(
            [last + 0.004 * max(last, 1)] * 2,
            [middles[stage] - wide[stage].iloc[-1] / 2, middles[stage] + wide[stage].iloc[-1] / 2],
            color=_COLOURS[stage],
            linewidth=4,
            solid_capstyle="butt",
            clip_on=False,
        )
    ax.set_xlim(0, max(last, 1))
    ax.set_ylim(0, max(float(tops.iloc[:, -1].max()), 1.0))
    step = max(1, -(-len(wide) // 7))
    ticks = places[::-1][::step][::-1]
    ax.set_xticks(ticks, [wide.index[place] for place in ticks], fontsize=9)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.0f}"))
    ax.set_ylabel(_("Customers"))
    value_grid(ax, "y")
    ends = _("; ").join(
        sentence(
            "{stage}: {share}", stage=stage_text(stage), share=value_text(wide[stage].iloc[-1] / n, "share")
        )
        for stage in _COLOURS
    )
    return describe(
        ax,
        title=_("In which stage do customers stand?"),
        subtitle=sentence(
            "All who have bought so far, by stage at each month's end; n = {n} at the end, {period}",
            n=n,
            period=period,
        ),
        alt=sentence("Stacked areas over {months} months. At the end {ends}.", months=len(wide), ends=ends),
    )


@figure
def transition_grid(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw which share of each stage moves to which within a month.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.lifecycle.transitions.transition_table`. Intervals stand below the rates; stages
        below 30 customers have no colour.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    befores = list(dict.fromkeys(table["from"]))
    afters = [
        name for name in dict.fromkeys(table["to"]) if table.loc[table["to"] == name, "n_moved"].sum() > 0
    ]
    kept = table[table["to"].isin(afters)]
    rates = kept.pivot(index="from", columns="to", values="rate").loc[befores, afters]
    firm = rates.where(kept.pivot(index="from", columns="to", values="low").loc[befores, afters].notna())
    own = ax.get_figure(root=True)
    if own is not None and len(own.axes) == 1:
        own.set_figheight(1.9 + 0.48 * len(befores))
    ax.imshow(firm.to_numpy(float), cmap="Blues", aspect="auto", vmin=0, vmax=1.1)
    for row in kept[kept["n_moved"] > 0].to_dict("records"):
        x, y = afters.index(row["to"]), befores.index(row["from"])
        is_firm = row["low"] == row["low"]
        colour = INK if is_firm else SOFT
        ax.text(
            x, y - 0.13 * is_firm, _percent(row["rate"]), ha="center", va="center", color=colour, fontsize=10
        )
        if is_firm:
            limits = f"{_percent(row['low'])}–{_percent(row['high'])}"
            ax.text(x, y + 0.25, limits, ha="center", va="center", color=colour, fontsize=7.5)
        if row["from"] == row["to"]:
            ax.add_patch(
                Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor="none", edgecolor=INK, linewidth=1)
            )
    n_from = kept.groupby("from")["n_customers"].first()
    ax.set_yticks(range(len(befores)), [f"{stage_text(name)} ({int(n_from[name]):,})" for name in befores])
    ax.set_xticks(range(len(afters)), [stage_text(name) for name in afters], rotation=30, ha="right")
    ax.set_xlabel(_("Stage a month later"))
    ax.set_ylabel(_("Stage (customers ever in it)"))
    ax.spines["bottom"].set_visible(False)
    stays = kept[(kept["from"] == kept["to"])]
    parts = _("; ").join(
        sentence("{stage}: {share}", stage=stage_text(str(name)), share=value_text(float(rate), "share"))
        for name, rate in zip(stays["from"], stays["rate"], strict=True)
    )
    n = int(table.drop_duplicates("from")["n_from"].sum())
    return describe(
        ax,
        title=_("Where do customers go within a month?"),
        subtitle=sentence(
            "Share of each row, %, with 95 % interval (framed: stayed); n = {n} customer-months, {period}",
            n=n,
            period=period,
        ),
        alt=sentence("Grid of moves between stages. Customers who stayed: {parts}.", parts=parts),
    )


@figure
def revenue_heat_map(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw which share of its first month's revenue each cohort brought in each month of its age.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.lifecycle.revenue_cohorts.revenue_retention`, by cohort; age 0 is not drawn. At
        most 18 cohorts, the latest; cohorts of fewer than 30 customers have no colour.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    aged = table[table["age"] > 0].dropna(subset=["revenue_retention"])
    cohorts = sorted(aged["cohort"].unique())
    drawn = aged[aged["cohort"].isin(cohorts[-_MAX_COHORTS:])]
    rates = drawn.pivot(index="cohort", columns="age", values="revenue_retention")
    sizes = drawn.groupby("cohort")["n_customers"].first()
    firm = rates.where(sizes >= MIN_COHORT)
    top = max(float(np.nanmax(firm.to_numpy(float))) if firm.notna().any(axis=None) else 1.0, 0.01)
    own = ax.get_figure(root=True)
    if own is not None and len(own.axes) == 1:
        own.set_figheight(1.7 + max(0.27 * len(rates), min(0.55 * len(rates), 2.2)))
    ax.imshow(firm.to_numpy(float), cmap="Blues", aspect="auto", vmin=0, vmax=1.15 * top)
    is_wide = len(rates.columns) <= _MAX_WIDE_AGES
    for row in drawn.to_dict("records"):
        is_firm = row["n_customers"] >= MIN_COHORT
        colour = INK if is_firm else SOFT
        ax.text(
            list(rates.columns).index(row["age"]),
            list(rates.index).index(row["cohort"]),
            value_text(100 * row["revenue_retention"], "count"),
            ha="center",
            va="center",
            color=colour,
            fontsize=8 if is_wide else 7,
        )
    ax.set_xticks(range(len(rates.columns)), [str(age) for age in rates.columns])
    if not is_wide:
        ax.tick_params(axis="x", labelsize=7)
    ax.set_yticks(range(len(rates)), [f"{cohort}  ({sizes[cohort]:,})" for cohort in rates.index])
    ax.set_xticks(np.arange(0.5, len(rates.columns) - 1), minor=True)
    ax.set_yticks(np.arange(0.5, len(rates) - 1), minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="minor", length=0)
    ax.spines["bottom"].set_visible(False)
    ax.set_xlabel(_("Months after the month of the first purchase"))
    ax.set_ylabel(_("First purchase (customers)"))
    words = [
        sentence(
            "Revenue of the month, % of the cohort's revenue in its first month; n = {n}, {period}",
            n=int(sizes.sum()),
            period=period,
        )
    ]
    if len(cohorts) > _MAX_COHORTS:
        words.append(
            sentence("the latest {shown} of {all} cohorts are drawn", shown=_MAX_COHORTS, all=len(cohorts))
        )
    if (sizes < MIN_COHORT).any():
        words.append(sentence("cohorts below {n} customers are grey, chance rules them", n=MIN_COHORT))
    first, last = drawn.iloc[0], drawn[drawn["cohort"] == rates.index[-1]].iloc[0]
    return describe(
        ax,
        title=_("How much of a cohort's revenue is still there?"),
        subtitle=_("; ").join(words),
        alt=sentence(
            "Grid of {n} cohorts by month of age. The customers of {first} brought {a} of their first month's revenue "
            "in the next month; those of {last} {b}.",
            n=len(rates),
            first=first["cohort"],
            a=value_text(first["revenue_retention"], "share"),
            last=last["cohort"],
            b=value_text(last["revenue_retention"], "share"),
        ),
    )


@figure
def value_curves(
    pooled: pd.DataFrame, *, ax: Axes, cohorts: pd.DataFrame, currency: str, period: str = ""
) -> Axes:
    """Draw what a customer has brought by each month of age: all cohorts together, and each alone.

    Parameters
    ----------
    pooled : DataFrame
        As from :func:`cam.measures.lifecycle.revenue_cohorts.revenue_retention`, of the same cohorts at every age.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    cohorts : DataFrame
        Likewise, by cohort; those of at least 30 customers are drawn in grey.
    currency : str
        ISO code.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    large = cohorts[cohorts["n_customers"] >= MIN_COHORT]
    for _cohort, rows in large.groupby("cohort"):
        ax.plot(rows["age"], rows["value"], color=GREY, linewidth=0.7, alpha=0.6, zorder=1)
    age = pooled["age"]
    ax.fill_between(age, pooled["value_low"], pooled["value_high"], color=ACCENT, alpha=0.25, linewidth=0)
    ax.plot(age, pooled["value"], color=ACCENT, linewidth=2, zorder=3)
    for place in sorted({0, len(pooled) - 1}):
        row = pooled.iloc[place]
        ax.annotate(
            value_text(row["value"], currency),
            (row["age"], row["value"]),
            xytext=(0, 9),
            textcoords="offset points",
            ha="left" if place == 0 else "right",
            color=ACCENT,
            fontsize=11,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
        )
    tallest = max(float(pooled["value"].max()), float(large["value"].max()) if len(large) else 0.0, 0.01)
    ax.set_ylim(min(0.0, float(pooled["value"].min())), 1.12 * tallest)
    ax.set_xlim(0, max(int(max(age.max(), large["age"].max() if len(large) else 0)), 1))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.0f}"))
    ax.set_xlabel(_("Months after the month of the first purchase"))
    ax.set_ylabel(sentence("Revenue so far per customer won, {unit}", unit=unit_text(currency)))
    value_grid(ax, "y")
    start, end = pooled.iloc[0], pooled.iloc[-1]
    return describe(
        ax,
        title=_("What has a new customer brought by when?"),
        subtitle=sentence(
            "Cohorts seen for {age} months together (blue, band: 95 % interval; n = {n}) and all alone (grey), "
            "{period}",
            age=int(end["age"]),
            n=int(end["n_customers"]),
            period=period,
        ),
        alt=sentence(
            "Line chart. A customer has brought {a} in the month of the first purchase and {b} by month {age}.",
            a=value_text(start["value"], currency),
            b=value_text(end["value"], currency),
            age=int(end["age"]),
        ),
    )


def _percent(rate: float) -> str:
    return f"{100 * rate:.0f}" if rate >= 0.0995 or rate == 0 else f"{100 * rate:.1f}"
