"""Figures of the funnel: how soon leads become customers, and whether those of later months do better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cam.estimate import Estimate
from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, SOFT, describe, figure, spread_labels, value_grid

#: One per channel; the seventh of Okabe and Ito's colours is their black.
_COLOURS = (*PALETTE, INK)
#: Of the height: the least distance between two labels.
_LABEL = 0.06
#: Months that an axis names.
_MOST_NAMED = 9


@figure
def conversion_curves(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw which share of leads have become customers by each day, all together and by channel.

    Parameters
    ----------
    table : DataFrame
        ``group`` (empty: all leads), ``time`` (days), ``share``, ``low``, ``high``, ``n_at_risk``, ``n_leads``,
        ``until`` (the last day drawn).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    groups = list(dict.fromkeys(table["group"]))
    has_channels = len(groups) > 1
    colours = dict(zip([name for name in groups if name], _COLOURS, strict=False)) | {"": GREY}
    if not has_channels:
        colours = {"": ACCENT}
    top = float(table["until"].iloc[0])
    ends, shares = {}, {}
    for name in groups:
        curve = table[table["group"] == name]
        at = np.append(curve["time"].to_numpy(float), max(top, float(curve["time"].iloc[-1])))
        share, low, high = (
            100 * curve[column].to_numpy(float)[[*range(len(curve)), -1]]
            for column in ("share", "low", "high")
        )
        is_back = has_channels and not name
        ax.fill_between(at, low, high, step="post", color=colours[name], alpha=0.16, linewidth=0)
        ax.step(
            at,
            share,
            where="post",
            color=colours[name],
            linewidth=3.5 if is_back else 1.8,
            alpha=0.7 if is_back else 1,
            zorder=2 if is_back else 3,
        )
        ends[name] = float(share[-1])
        shares[name] = value_text(float(share[-1]) / 100, "share")
    ceiling = max(1.12 * float(100 * table["high"].max()), 1.0)
    for name, height in spread_labels(ends, _LABEL * ceiling, ceiling).items():
        ax.annotate(
            f"{_(name) if name else _('All')} {shares[name]}",
            (top, ends[name]),
            xytext=(top * 1.02, height),
            color=SOFT if not name and has_channels else colours[name],
            fontsize=9.5,
            va="center",
            annotation_clip=False,
        )
    ax.set_xlim(0, top)
    ax.set_ylim(0, ceiling)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    ax.set_xlabel(_("Days after the lead came in"))
    ax.set_ylabel(_("Became customers, %"))
    value_grid(ax, "y")
    everybody = table[table["group"] == ""]
    n, still = int(everybody["n_leads"].iloc[0]), int(everybody["n_at_risk"].iloc[-1])
    days = value_text(top, "days")
    parts = [
        sentence("{group}: {share}", group=_(name) if name else _("All leads"), share=share)
        for name, share in shares.items()
    ]
    return describe(
        ax,
        title=_("How soon do leads become customers?"),
        subtitle=sentence(
            "Kaplan-Meier (band: 95 % interval; numbers: after {days}); n = {n} leads, {still} of them still open and "
            "seen for so long; {period}",
            days=days,
            n=n,
            still=still,
            period=period,
        ),
        alt=sentence("Rising curves. After {time}: {parts}.", time=days, parts=_("; ").join(parts)),
    )


@figure
def month_dots(
    table: pd.DataFrame, *, ax: Axes, days: int, change: Estimate | None = None, period: str = ""
) -> Axes:
    """Draw which share of each month's leads became customers within some days; hollow where that is not over yet.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.lifecycle.funnel.monthly_conversion`.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    days : int
        Within which.
    change : Estimate, optional
        From the first to the last complete month, in points.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    place = np.arange(len(table))
    share, low, high = (100 * table[name].to_numpy(float) for name in ("share", "low", "high"))
    full = table["is_complete"].to_numpy(bool)
    ax.vlines(place[full], low[full], high[full], color=ACCENT, linewidth=1.6, alpha=0.55)
    ax.scatter(place[full], share[full], s=26, color=ACCENT, zorder=3)
    ax.vlines(place[~full], low[~full], high[~full], color=GREY, linewidth=1.6)
    ax.scatter(place[~full], share[~full], s=26, facecolor="white", edgecolor=SOFT, zorder=3)
    ceiling = max(1.18 * float(high.max()), 1.0)
    named = np.flatnonzero(full)[[0, -1]]
    # Below the marks there is room, unless they lie on the axis.
    is_low = low.min() < 0.2 * ceiling
    for at in dict.fromkeys(named.tolist()):
        ax.annotate(
            value_text(share[at] / 100, "share"),
            (at, high[at] if is_low else low[at]),
            xytext=(0, 4 if is_low else -4),
            textcoords="offset points",
            ha="left" if at < len(table) / 2 else "right",
            va="bottom" if is_low else "top",
            color=ACCENT,
            fontsize=9.5,
        )
    if not full.all():
        ax.annotate(
            _("not over yet"),
            (place[-1], high[~full].max() if is_low else low[~full].min()),
            xytext=(0, 18 if is_low else -18),
            textcoords="offset points",
            ha="right" if len(table) > 1 else "center",
            va="bottom" if is_low else "top",
            color=SOFT,
            fontsize=9,
        )
    ax.set_ylim(0, ceiling)
    ax.set_xlim(-0.6, len(table) - 0.4)
    every = -(-len(table) // _MOST_NAMED)
    months = [f"{month:%Y-%m}" for month in table["month"]]
    ax.set_xticks(place[::every], months[::every])
    ax.set_xlabel(_("Month in which the lead came in"))
    ax.set_ylabel(sentence("Became customers within {n} days, %", n=days))
    value_grid(ax, "y")
    first, last = (table.iloc[at] for at in named)
    words: dict[str, Any] = {"n": int(table.loc[full, "n_leads"].sum()), "period": period}
    subtitle = sentence(
        "Share by month (line: 95 % interval); n = {n} leads of complete months; {period}", **words
    )
    if change is not None and change.low is not None and change.high is not None:
        limits = (value_text(each, "points") for each in (change.value, change.low, change.high))
        value, least, most = limits
        subtitle += _("; ") + sentence(
            "from first to last, along a line: {value} points ({low} to {high})",
            value=value,
            low=least,
            high=most,
        )
    return describe(
        ax,
        title=_("Do later leads convert better?"),
        subtitle=subtitle,
        alt=sentence(
            "Dot chart by month. Of the leads of {first}, {a} became customers within {n} days; of those of {last}, "
            "{b}.",
            first=f"{first['month']:%Y-%m}",
            a=value_text(first["share"], "share"),
            n=days,
            last=f"{last['month']:%Y-%m}",
            b=value_text(last["share"], "share"),
        ),
    )
