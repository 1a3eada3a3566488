"""Figures of study 05: what share left, cut-off by cut-off, and by how long the last purchase lay back."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from cam.language import date_text, named, period_text, sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, SOFT, describe, figure, value_grid


@figure
def churn_by_recency(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw the share that left, by days since the last purchase at the cut-off.

    Parameters
    ----------
    table : DataFrame
        *recency* (text, such as ``31-90``, most recent first), *n_customers*, *n_churned*, *churn_rate*, *low*,
        *high* (0-1).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        From the cut-off to the end of the horizon, ready to print.

    Returns
    -------
    Axes
    """
    places = list(range(len(table)))
    worst = int(table["churn_rate"].to_numpy().argmax())
    colors = [ACCENT if place == worst else GREY for place in places]
    ax.bar(places, 100 * table["churn_rate"], color=colors, width=0.62)
    ax.vlines(places, 100 * table["low"], 100 * table["high"], color=INK, linewidth=1.2)
    for place, row in zip(places, table.itertuples(), strict=True):
        ax.annotate(
            value_text(row.churn_rate, "share"),
            (place, 100 * row.high),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            color=ACCENT if place == worst else INK,
            fontsize=11,
        )
    labels = [f"{str(row.recency).replace('-', '–')}\nn = {row.n_customers:,}" for row in table.itertuples()]
    ax.set_xticks(places, labels)
    ax.set_ylim(0, max(112 * table["high"].max(), 0.1))
    ax.set_xlabel(_("Days since the last purchase, at the cut-off"))
    ax.set_ylabel(_("Share that left, %"))
    value_grid(ax, "y")
    n = int(table["n_customers"].sum())
    return describe(
        ax,
        title=_("Does a long silence tell who leaves?"),
        subtitle=sentence(
            "Share without a purchase in the horizon (line: 95 % interval); n = {n}, {period}",
            n=n,
            period=period,
        ),
        alt=sentence(
            "Bar chart. Of customers whose last purchase lay {recency} days back, {rate} left.",
            recency=str(table["recency"].iloc[worst]),
            rate=value_text(float(table["churn_rate"].iloc[worst]), "share"),
        ),
    )


@figure
def churn_over_time(table: pd.DataFrame, *, ax: Axes, horizon_days: int) -> Axes:
    """Draw the share that left within the horizon, by cut-off.

    Parameters
    ----------
    table : DataFrame
        *basis* (``purchases`` or ``contract``), *cut_off* (date), *n_customers*, *churn_rate*, *low*, *high*
        (0-1), rising by cut-off within a basis.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    horizon_days : int
        Of the label.

    Returns
    -------
    Axes
    """
    bases = list(dict.fromkeys(table["basis"]))
    days = sorted(set(table["cut_off"]))
    place = {day: number for number, day in enumerate(days)}
    for basis, color in zip(bases, (ACCENT, PALETTE[5]), strict=False):
        rows = table[table["basis"] == basis]
        at = [place[day] for day in rows["cut_off"]]
        ax.fill_between(at, 100 * rows["low"], 100 * rows["high"], color=color, alpha=0.25, linewidth=0)
        ax.plot(at, 100 * rows["churn_rate"], color=color, linewidth=2, marker="o", markersize=4)
        last = rows.iloc[-1]
        words = [
            *([named(basis)] if len(bases) > 1 else []),
            value_text(float(last["churn_rate"]), "share"),
            f"n = {int(last['n_customers']):,}",
        ]
        ax.annotate(
            "\n".join(words),
            (at[-1], 100 * last["churn_rate"]),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            color=color,
            annotation_clip=False,
        )
    ax.set_xticks(range(len(days)), [f"{day:%Y-%m}" for day in days])
    if len(days) > 8:
        ax.tick_params(axis="x", labelsize=8)
    ax.set_xlim(-0.3, (len(days) - 1) * 1.14 + 0.3)
    ax.set_ylim(0, max(115 * table["high"].max(), 0.1))
    ax.set_xlabel(_("Cut-off, end of month"))
    ax.set_ylabel(sentence("Share that left within {days} days, %", days=horizon_days))
    ax.yaxis.label.set_color(SOFT)
    value_grid(ax, "y")
    first = table[table["basis"] == bases[0]]
    return describe(
        ax,
        title=_("Do more customers leave than before?"),
        subtitle=sentence(
            "Share that left, band: 95 % interval; n of the last cut-off; {period}",
            period=period_text(days[0], days[-1]),
        ),
        alt=sentence(
            "Line chart. {a} left after {first}, {b} after {last}.",
            a=value_text(float(first["churn_rate"].iloc[0]), "share"),
            first=date_text(first["cut_off"].iloc[0]),
            b=value_text(float(first["churn_rate"].iloc[-1]), "share"),
            last=date_text(first["cut_off"].iloc[-1]),
        ),
    )
