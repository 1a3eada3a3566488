"""Figures of study 01: how often customers come back, what each segment holds, where customers stand."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from cam.language import named, sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, SOFT, describe, figure, value_grid


@figure
def repeat_purchases(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw how many customers bought on how many days.

    Parameters
    ----------
    table : DataFrame
        *n_days* (text: ``1``, ``2``, … ``10+``), *n_customers*, *share*, *low*, *high* (0-1), in order.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    places = range(len(table))
    colors = [ACCENT, *[GREY] * (len(table) - 1)]
    ax.bar(places, 100 * table["share"], color=colors, width=0.75)
    ax.vlines(places, 100 * table["low"], 100 * table["high"], color=INK, linewidth=1.2)
    ax.set_xticks(list(places), list(table["n_days"]))
    ax.set_xlabel(_("Days with a purchase"))
    ax.set_ylabel(_("Share of customers, %"))
    value_grid(ax, "y")
    first = table.iloc[0]
    ax.annotate(
        value_text(first["share"], "share"),
        (0, 100 * first["high"]),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        color=ACCENT,
        fontsize=11,
    )
    n = int(table["n_customers"].sum())
    return describe(
        ax,
        title=_("Do customers come back?"),
        subtitle=sentence("Customers by days with a purchase; n = {n}, {period}", n=n, period=period),
        alt=sentence(
            "Bar chart. {share} of {n} customers bought on one day only.",
            share=value_text(first["share"], "share"),
            n=n,
        ),
    )


@figure
def segment_shares(table: pd.DataFrame, *, ax: Axes, value: str = "", period: str = "") -> Axes:
    """Draw each segment's share of customers beside its share of value.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.segmentation.shares.segment_shares`, most engaged segment first.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    value : str
        What the value is, ready to print; by default revenue.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    value = value or _("revenue")
    places = list(range(len(table)))
    customers, shares = 100 * table["customer_share"], 100 * table["value_share"]
    ax.hlines(places, customers, shares, color=GREY, linewidth=2, zorder=1)
    ax.scatter(customers, places, s=55, color="#8A8A8A", zorder=3)
    ax.hlines(
        places,
        100 * table["value_share_low"],
        100 * table["value_share_high"],
        color=ACCENT,
        linewidth=5,
        alpha=0.3,
        zorder=2,
    )
    ax.scatter(shares, places, s=55, color=ACCENT, zorder=3)
    ax.set_yticks(places, [named(name) for name in table["segment"]])
    ax.invert_yaxis()
    ax.set_xlim(left=0)
    ax.set_xlabel(_("Share of all, %"))
    value_grid(ax, "x")
    _label_ends(ax, customers.iloc[0], shares.iloc[0], value)
    n = int(table["n_customers"].sum())
    top = table.loc[table["value_share"].idxmax()]
    return describe(
        ax,
        title=sentence("Which segments carry the {value}?", value=value),
        subtitle=sentence(
            "Share of customers (grey) and of {value} (blue, band: 95 % interval); n = {n}, {period}",
            value=value,
            n=n,
            period=period,
        ),
        alt=sentence(
            "Dot chart. {segment} holds {customers} of customers and {share} of {value}.",
            segment=named(top["segment"]),
            customers=value_text(top["customer_share"], "share"),
            value=value,
            share=value_text(top["value_share"], "share"),
        ),
    )


@figure
def recency_frequency_grid(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw how many customers stand at each pair of recency and frequency scores.

    Parameters
    ----------
    table : DataFrame
        *r_score*, *f_score* (integers from 1), *n_customers*.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    counts = table.pivot_table(
        index="r_score", columns="f_score", values="n_customers", aggfunc="sum", fill_value=0
    )
    shares = counts.to_numpy(float) / counts.to_numpy().sum()
    ax.imshow(shares, cmap="Blues", aspect="auto", origin="lower", vmin=0, vmax=shares.max() * 1.15)
    for row in range(shares.shape[0]):
        for column in range(shares.shape[1]):
            ax.text(
                column,
                row,
                f"{100 * shares[row, column]:.1f}",
                ha="center",
                va="center",
                color=INK,
            )
    ax.set_xticks(range(shares.shape[1]), [str(score) for score in counts.columns])
    ax.set_yticks(range(shares.shape[0]), [str(score) for score in counts.index])
    ax.set_xlabel(_("Frequency score (best is right)"))
    ax.set_ylabel(_("Recency score (best is top)"))
    n = int(counts.to_numpy().sum())
    row, column = divmod(int(shares.argmax()), shares.shape[1])
    return describe(
        ax,
        title=_("Where do customers stand?"),
        subtitle=sentence(
            "Share of customers in each pair of scores, %; n = {n}, {period}", n=n, period=period
        ),
        alt=sentence(
            "Grid. The fullest cell, recency {r} and frequency {f}, holds {share} of customers.",
            r=int(counts.index[row]),
            f=int(counts.columns[column]),
            share=value_text(float(shares.max()), "share"),
        ),
    )


def _label_ends(ax: Axes, customers: float, share: float, word: str) -> None:
    for value, called, color in ((customers, _("customers"), SOFT), (share, word, ACCENT)):
        side = "right" if value <= max(customers, share) - 1e-9 else "left"
        ax.annotate(
            called,
            (value, 0),
            xytext=(-8 if side == "right" else 8, 0),
            textcoords="offset points",
            va="center",
            ha=side,
            color=color,
            fontsize=9,
        )
