"""Figures of complaints: how many per month, how long they wait, how many are open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cam.language import date_text, period_text, sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, INK, PALETTE, SOFT, describe, figure, spread_labels, value_grid

_COLOURS = {"answer": PALETTE[1], "resolution": ACCENT}
_ROW_POINTS = 13


@figure
def complaint_months(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw complaints per month with their intervals, and the trend where it is beyond chance.

    Parameters
    ----------
    table : DataFrame
        ``start`` (first day), ``n``, ``rate``, ``low``, ``high``, ``line``; the same in all rows: ``active``
        (``bought`` or ``contract``: the rate is per 1,000 customers of whom that makes active ones; empty: it is the
        number), ``trend`` with ``trend_low`` and ``trend_high`` (share per year; missing: too few months).
    ax : Axes
        Where to draw.
    period : str
        Ready to print; by default that of the months.

    Returns
    -------
    Axes
    """
    start = pd.to_datetime(table["start"])
    day, rate, low, high = (
        start.to_numpy("M8[D]"),
        *(table[name].to_numpy(float) for name in ("rate", "low", "high")),
    )
    ax.vlines(day, low, high, color=ACCENT, linewidth=2, alpha=0.35)
    ax.scatter(day, rate, s=26, color=ACCENT, zorder=3)
    trend, trend_low, trend_high = (
        float(table[name].iloc[0]) for name in ("trend", "trend_low", "trend_high")
    )
    is_clear = not np.isnan(trend) and (trend_low > 0 or trend_high < 0)
    if is_clear:
        ax.plot(day, table["line"].to_numpy(float), color=INK, linewidth=1.4, zorder=2)
    ax.set_ylim(0, 1.08 * float(high.max()))
    places = np.unique(np.linspace(0, len(table) - 1, min(len(table), 6)).round().astype(int))
    ax.set_xticks(day[places], [f"{one:%Y-%m}" for one in start.iloc[places]])
    value_grid(ax, "y")
    active = str(table["active"].iloc[0])
    is_rate = active != ""
    ax.set_ylabel(_("Per 1,000 active customers") if is_rate else _("Complaints per month"))
    last = pd.Timestamp(start.iloc[-1]) + pd.offsets.MonthEnd(1)
    period = period or period_text(start.iloc[0].date(), last.date())
    words = {
        "bought": "Per month and 1,000 customers who bought in it or the two months before (bar: 95 % interval); n = "
        "{n} complaints, {period}",
        "contract": "Per month and 1,000 customers under contract (bar: 95 % interval); n = {n} complaints, {period}",
        "": "Complaints per month (bar: 95 % interval); n = {n} complaints, {period}",
    }[active]
    told = _("too few months for a trend")
    if not np.isnan(trend):
        values = {
            name: value_text(value, "share")
            for name, value in (("trend", trend), ("low", trend_low), ("high", trend_high))
        }
        verdict = "line: {trend} a year ({low} to {high})" if is_clear else "no trend beyond chance"
        told = sentence(verdict, **values)
    unit = "ratio" if is_rate else "count"
    return describe(
        ax,
        title=_("Do complaints become more?"),
        subtitle=sentence(
            "{words}; {told}", words=sentence(words, n=int(table["n"].sum()), period=period), told=told
        ),
        alt=sentence(
            "Dots by month. The first stands at {first}, the last at {last}; the highest, {most}, is that of {month}; "
            "{told}.",
            first=value_text(float(rate[0]), unit),
            last=value_text(float(rate[-1]), unit),
            most=value_text(float(rate.max()), unit),
            month=f"{start.iloc[int(rate.argmax())]:%Y-%m}",
            told=told,
        ),
    )


@figure
def waiting_curves(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw the share of complaints that is answered, and closed, after how many days, with the numbers at risk below.

    Parameters
    ----------
    table : DataFrame
        ``outcome`` (``answer`` or ``resolution``), ``days``, ``share``, ``low``, ``high``, ``n``; and ``risk_`` with
        a number of days: who still waits then.
    ax : Axes
        Where to draw.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    ticks = sorted(int(name.removeprefix("risk_")) for name in table.columns if str(name).startswith("risk_"))
    # The time seen may be shorter than the last tick.
    end = min(float(ticks[-1]), max(float(table["days"].max()), 1.0))
    ticks = [tick for tick in ticks if tick <= end]
    ends, told = {}, {}
    parts = {str(name): part for name, part in table.groupby("outcome", sort=True)}
    for name, part in parts.items():
        seen = part[part["days"] <= end]
        days, share, low, high = (
            seen["days"].to_numpy(float),
            *(100 * seen[column].to_numpy(float) for column in ("share", "low", "high")),
        )
        colour = _COLOURS[name]
        ax.fill_between(days, low, high, step="post", color=colour, alpha=0.18, linewidth=0)
        ax.step(days, share, where="post", color=colour, linewidth=2)
        at = max([tick for tick in ticks if tick <= 7], default=0)
        value = float(share[np.searchsorted(days, at, side="right") - 1])
        ax.scatter([at], [value], s=42, color=colour, zorder=4)
        told[name] = (at, value / 100)
        ends[name] = float(share[-1])
        ax.annotate(
            value_text(value / 100, "share"),
            (at, value),
            xytext=(6, -13),
            textcoords="offset points",
            color=colour,
            fontsize=10.5,
        )
    labels = {"answer": _("first answer"), "resolution": _("closed")}
    for name, height in spread_labels(ends, 6.0, 103.0).items():
        ax.annotate(
            labels[name],
            (end, height),
            xytext=(6, 0),
            textcoords="offset points",
            color=_COLOURS[name],
            va="center",
        )
    ax.set_xlim(0, end)
    ax.set_ylim(0, 103)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    value_grid(ax, "y")
    ax.set_xlabel(_("Days since the complaint came in"), labelpad=4)
    ax.set_ylabel(_("Share of complaints, %"))
    _numbers_below(ax, parts, ticks, labels)
    n = int(table["n"].max())
    return describe(
        ax,
        title=_("How long do complaints wait?"),
        subtitle=sentence(
            "Kaplan-Meier: those that still wait count as far as they were seen (band: 95 % interval); n = {n}, "
            "{period}",
            n=n,
            period=period,
        ),
        alt=sentence(
            "Rising curves. {parts}.",
            parts=_("; ").join(
                sentence(
                    "{outcome} after {days}: {share}",
                    outcome=labels[name],
                    days=value_text(at, "days"),
                    share=value_text(value, "share"),
                )
                for name, (at, value) in told.items()
            ),
        ),
    )


@figure
def backlog_lines(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw how many complaints were open, and overdue, at the end of each month and on the last day seen.

    Parameters
    ----------
    table : DataFrame
        ``day``, ``n_open``, ``n_overdue``; the same in all rows: ``overdue_days``.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
    """
    days = pd.to_datetime(table["day"])
    x, limit = days.to_numpy("M8[D]"), int(table["overdue_days"].iloc[0])
    lines = {"n_open": (ACCENT, _("open")), "n_overdue": (PALETTE[5], _("overdue"))}
    top = max(float(table["n_open"].max()), 1.0)
    ends = {name: float(table[name].iloc[-1]) for name in lines}
    heights = spread_labels(ends, 0.07 * top, 1.1 * top)
    for name, (colour, label) in lines.items():
        ax.plot(x, table[name].to_numpy(float), color=colour, linewidth=2, marker="o", markersize=3)
        ax.annotate(
            f"{label} {ends[name]:,.0f}",
            (x[-1], heights[name]),
            xytext=(8, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )
    ax.set_ylim(0, 1.1 * top)
    places = np.unique(np.linspace(0, len(table) - 1, min(len(table), 5)).round().astype(int))
    ax.set_xticks(x[places], [f"{one:%Y-%m}" for one in days.iloc[places]])
    value_grid(ax, "y")
    ax.set_ylabel(_("Open complaints"))
    values: dict[str, Any] = {"n": int(ends["n_open"]), "overdue": int(ends["n_overdue"]), "days": limit}
    day = date_text(days.iloc[-1].date())
    first = int(table["n_open"].iloc[0])
    return describe(
        ax,
        title=_("Does the backlog grow?"),
        subtitle=sentence(
            "Open complaints at the end of each month, overdue: open for {days} days or longer; n = {n} on {day}",
            day=day,
            **values,
        ),
        alt=sentence(
            "Two lines. {first} complaints were open on {begin}, {n} on {day}, {overdue} of these overdue.",
            first=first,
            begin=date_text(days.iloc[0].date()),
            day=day,
            **values,
        ),
    )


def _numbers_below(
    ax: Axes, parts: dict[str, pd.DataFrame], ticks: list[int], labels: dict[str, str]
) -> None:
    """Write who still waits under the ticks, one row per outcome."""
    ax.get_figure(root=True).set_figheight(3.9 + (len(parts) + 1) * _ROW_POINTS / 72)  # type: ignore[union-attr]
    start = -42
    rows = [("", _("Still waiting"), SOFT), *((name, labels[name], _COLOURS[name]) for name in parts)]
    for place, (name, label, colour) in enumerate(rows):
        down = start - _ROW_POINTS * place
        style: dict[str, Any] = {
            "textcoords": "offset points",
            "va": "center",
            "color": colour,
            "fontsize": 8.5,
            "annotation_clip": False,
        }
        ax.annotate(label, (0, 0), xycoords="axes fraction", xytext=(-22, down), ha="right", **style)
        for tick in ticks if name else []:
            n = int(parts[name][f"risk_{tick}"].iloc[0])
            ax.annotate(
                f"{n:,}",
                (tick, 0),
                xycoords=("data", "axes fraction"),
                xytext=(0, down),
                ha="center",
                **style,
            )
