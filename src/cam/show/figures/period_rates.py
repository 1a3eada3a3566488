"""Figures of the four rates: what became of one period's customers and revenue in the next, and the rates over time."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from cam.language import named, sentence, together, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, INK, PALETTE, RULE, SOFT, describe, figure, spread_labels, value_grid

_LOSS, _GAIN = PALETTE[5], PALETTE[2]
_COLOURS = (ACCENT, PALETTE[2], PALETTE[5], PALETTE[3])
#: Of a bar's row; the rest is white.
_BAR = 0.62


def step_text(step: str) -> str:
    """Write a step of the bridge for a reader.

    Parameters
    ----------
    step : str
        As from :func:`cam.measures.lifecycle.period_rates.bridge_table`.

    Returns
    -------
    str
    """
    words = {
        "earlier": _("Earlier period"),
        "lost": _("Left"),
        "contraction": _("Stayed, brought less"),
        "expansion": _("Stayed, brought more"),
        "reactivated": _("Came back"),
        "new": _("Came new"),
        "later": _("Later period"),
    }
    return words[step]


@figure
def rate_bridge(table: pd.DataFrame, *, ax: Axes, currency: str, period: str = "") -> Axes:
    """Draw how the customers of one period become those of the next, and likewise revenue.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.lifecycle.period_rates.bridge_table`. Each block is drawn in percent of its first
        bar, so that both can be compared.
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
    shown = table.copy()
    base = shown.groupby("block")["amount"].transform("first")
    for name in ("amount", "begin", "end"):
        shown[f"{name}_share"] = (shown[name] / base).astype(float)
    # A row of its own above each block for its name.
    shown["y"] = [
        place + 1 + list(dict.fromkeys(shown["block"])).index(block)
        for place, block in enumerate(shown["block"])
    ]
    own = ax.get_figure(root=True)
    if own is not None and len(own.axes) == 1:
        own.set_figheight(1.3 + 0.34 * (shown["y"].max() + 1))
    top = float(shown[["begin_share", "end_share"]].max().max())
    bottom = min(0.0, float(shown[["begin_share", "end_share"]].min().min()))
    for _block, rows in shown.groupby("block", sort=False):
        _draw_block(ax, rows, currency)
    ax.set_yticks(shown["y"], [step_text(step) for step in shown["step"]], fontsize=11)
    ax.set_ylim(shown["y"].max() + 0.7, -0.6)
    ax.set_xlim(100 * bottom, 100 * (top + 0.46 * (top - bottom)))
    ax.set_xticks([tick for tick in ax.get_xticks() if 100 * bottom <= tick <= 100 * top + 1])
    ax.set_xlabel(_("Percent of the earlier period"))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.0f}"))
    value_grid(ax, "x")
    ends = shown[shown["step"].isin(["earlier", "later"])]
    people = ends[ends["block"] == "customers"]["amount"].tolist()
    words = [
        sentence(
            "Bar chart in steps. {n} customers in the earlier period, {m} in the later; {left} left, {back} came back, "
            "{new} came new.",
            n=int(people[0]),
            m=int(people[1]),
            left=-_amount(table, "customers", "lost"),
            back=_amount(table, "customers", "reactivated"),
            new=_amount(table, "customers", "new"),
        )
    ]
    if (table["block"] == "revenue").any():
        words.append(
            sentence(
                "Revenue went from {a} to {b}.",
                a=value_text(_amount(table, "revenue", "earlier") / 100, currency),
                b=value_text(_amount(table, "revenue", "later") / 100, currency),
            )
        )
    return describe(
        ax,
        title=_("What became of the last period's customers and their revenue?"),
        subtitle=sentence(
            "From one period to the next, in percent of the first; n = {n} customers, {period}",
            n=int(people[0]),
            period=period,
        ),
        alt=together(*words),
    )


@figure
def rate_lines(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw rates from each period to the next, with their intervals.

    Parameters
    ----------
    table : DataFrame
        ``series`` (words for a reader), ``label`` (of the later period), ``value``, ``low``, ``high`` (0-1),
        ``bottom`` (customers); rising in time, complete periods only.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.

    Returns
    -------
    Axes
    """
    labels = sorted(table["label"].unique())
    ends: dict[str, float] = {}
    names = list(dict.fromkeys(table["series"]))
    for colour, name in zip(_COLOURS, names, strict=False):
        rows = table[table["series"] == name]
        x = [labels.index(label) for label in rows["label"]]
        ax.fill_between(x, 100 * rows["low"], 100 * rows["high"], color=colour, alpha=0.2, linewidth=0)
        ax.plot(x, 100 * rows["value"], color=colour, linewidth=2, marker="o", markersize=4)
        ends[name] = 100 * float(rows["value"].iloc[-1])
    top = 1.12 * 100 * float(table["high"].max())
    places = spread_labels(ends, 0.11 * top, top)
    last = len(labels) - 1
    for colour, name in zip(_COLOURS, names, strict=False):
        ax.annotate(
            f"{name}\n{value_text(ends[name] / 100, 'share')}",
            (last, ends[name]),
            xytext=(last + 0.04 * max(last, 1), places[name]),
            color=colour,
            fontsize=10,
            va="center",
            annotation_clip=False,
        )
    ax.set_xlim(-0.1, last + 0.02)
    ax.set_ylim(0, max(top, 1.0))
    step = max(1, -(-len(labels) // 5))
    ticks = list(range(last, -1, -step))[::-1]
    ax.set_xticks(ticks, [labels[place] for place in ticks], fontsize=10)
    ax.set_xlabel(_("Last month of the later period"))
    ax.set_ylabel(_("Share, %"))
    value_grid(ax, "y")
    said = _("; ").join(
        sentence(
            "{name}: {first} at first, {last} at last",
            name=name,
            first=value_text(float(table.loc[table["series"] == name, "value"].iloc[0]), "share"),
            last=value_text(ends[name] / 100, "share"),
        )
        for name in names
    )
    return describe(
        ax,
        title=_("Do more customers stay than before?"),
        subtitle=sentence(
            "Share of customers from each period to the next (band: 95 % interval); n = {n} in the last retention "
            "rate; periods that end in {first} to {last}",
            n=int(table.loc[table["series"] == names[0], "bottom"].iloc[-1]),
            first=labels[0],
            last=labels[-1],
        ),
        alt=sentence("Line chart over {n} periods. {said}.", n=len(labels), said=said),
    )


def _draw_block(ax: Axes, rows: pd.DataFrame, currency: str) -> None:
    """Bars that begin where the one before ended, each with its amount beside it."""
    block = rows["block"].iloc[0]
    unit, scale = ("count", 1) if block == "customers" else (currency, 100)
    title = named("n_customers") if block == "customers" else named("revenue")
    ax.text(0, rows["y"].iloc[0] - 0.95, title, fontsize=12, color=INK, va="center")
    before = None
    for row in rows.to_dict("records"):
        is_level = row["step"] in ("earlier", "later")
        colour = ACCENT if is_level else _LOSS if row["amount"] < 0 else _GAIN
        left, right = sorted((100 * row["begin_share"], 100 * row["end_share"]))
        ax.barh(row["y"], right - left, left=left, height=_BAR, color=colour, zorder=2)
        if before is not None:
            ax.plot([before] * 2, [row["y"] - 1 + _BAR / 2, row["y"] - _BAR / 2], color=SOFT, linewidth=0.8)
        before = 100 * row["end_share"]
        sign = "+" if not is_level and row["amount"] > 0 else ""
        text = f"{sign}{value_text(row['amount'] / scale, unit)}"
        if row["step"] != "earlier":
            text += f"  ({sign}{value_text(row['amount_share'], 'share')})"
        ax.annotate(
            text,
            (max(right, 0.0), row["y"]),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=10.5,
            color=INK,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.5},
        )
    ax.axhline(rows["y"].iloc[0] - 0.55, color=RULE, linewidth=0.6)


def _amount(table: pd.DataFrame, block: str, step: str) -> int:
    return int(table.loc[(table["block"] == block) & (table["step"] == step), "amount"].iloc[0])
