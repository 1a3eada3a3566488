"""Figures of study 03: what customer equity is made of, and what moves it."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cam.estimate import Estimate
from cam.language import interval_text, named, sentence, unit_text, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, SOFT, describe, figure, value_grid

#: Grey that can be read as a word.
_FAINT = "#767676"
#: Sign and colour of what customer equity is made of, in the order in which it is added up.
_PARTS = {
    "current_base": (1, PALETTE[4]),
    "future_customers": (1, PALETTE[4]),
    "acquisition_cost": (-1, PALETTE[5]),
    "customer_equity": (1, ACCENT),
}


@figure
def equity_tornado(table: pd.DataFrame, *, ax: Axes, currency: str, period: str = "") -> Axes:
    """Draw by how much customer equity changes when each lever is 1 % lower or higher.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.value.equity.sensitivity`: ``lever``, ``low``, ``high`` and ``equity`` (money).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    currency : str
        ISO code.
    period : str
        Ready to print.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If equity is 0: no change is a share of it.
    """
    equity = float(table["equity"].iloc[0])
    if equity == 0:
        raise ValueError("customer equity is 0, so no change can be a share of it")
    # Of the amount: what is better stays better where equity is below zero.
    changes = table.assign(**{side: (table[side] - equity) / abs(equity) for side in ("low", "high")})
    order = changes[["low", "high"]].abs().max(axis=1).sort_values(ascending=False, kind="stable").index
    changes = changes.loc[order]
    ax.figure.set_figheight(1.7 + 0.5 * len(changes))  # type: ignore[union-attr]
    for place, row in enumerate(changes.to_dict("records")):
        for side, color in (("low", GREY), ("high", ACCENT)):
            value = 100 * row[side]
            right = row[side] > row["low" if side == "high" else "high"] or (
                row["low"] == row["high"] and side == "high"
            )
            ax.barh(place, value, height=0.6, color=color)
            ax.annotate(
                _signed(row[side], "share"),
                (value, place),
                xytext=(5 if right else -5, 0),
                textcoords="offset points",
                ha="left" if right else "right",
                va="center",
                color=ACCENT if side == "high" else _FAINT,
            )
    far = 100 * float(changes[["low", "high"]].abs().max(axis=None)) or 1.0
    ax.set_xlim(-1.3 * far, 1.3 * far)
    ax.set_ylim(len(changes) - 0.5, -0.5)
    ax.axvline(0, color=SOFT, linewidth=1)
    ax.set_yticks(range(len(changes)), [named(str(lever)) for lever in changes["lever"]])
    ax.set_xlabel(_("Change of customer equity, %"))
    value_grid(ax, "x")
    parts = [
        sentence(
            "{lever}: {low} and {high}",
            lever=named(str(row["lever"])),
            low=_signed(row["low"], "share"),
            high=_signed(row["high"], "share"),
        )
        for row in changes.to_dict("records")
    ]
    return describe(
        ax,
        title=_("What moves customer equity most?"),
        subtitle=sentence(
            "Each lever 1 % lower than it is (grey) or 1 % higher (blue); customer equity now: {equity}, {period}",
            equity=value_text(equity, currency),
            period=period,
        ),
        alt=sentence(
            "Bars. Change of customer equity with each lever 1 % lower and 1 % higher. {parts}.",
            parts=_("; ").join(parts),
        ),
    )


@figure
def equity_parts(table: pd.DataFrame, *, ax: Axes, currency: str, period: str = "") -> Axes:
    """Draw what customer equity is made of, as bars of which each begins where the one before ends.

    Parameters
    ----------
    table : DataFrame
        ``part`` (``current_base``, ``future_customers``, ``acquisition_cost``, and ``customer_equity`` if its limits
        are known) and ``value`` [``low``, ``high``: 95 % limits], money; costs are above zero.
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
    rows = table.set_index("part")
    total = float(rows.at["current_base", "value"] + rows.at["future_customers", "value"])
    total -= float(rows.at["acquisition_cost", "value"])
    is_limited = "low" in rows and bool(rows["low"].notna().any())
    ax.figure.set_figheight(3.2)  # type: ignore[union-attr]
    start, reach, parts = 0.0, [0.0], []
    for place, (part, (sign, color)) in enumerate(_PARTS.items()):
        value = total if part == "customer_equity" else float(rows.at[part, "value"])
        start = 0.0 if part == "customer_equity" else start
        end = start + sign * value
        known = _limits(rows, part, value, currency)
        ax.barh(place, end - start, left=start, height=0.62, color=color)
        edges = [start, end]
        if known.low is not None and known.high is not None:
            edges += [start + sign * known.low, start + sign * known.high]
            ax.hlines(place, edges[2], edges[3], color=INK, linewidth=1.6, zorder=3)
        if part != "customer_equity":
            ax.vlines(end, place - 0.31, place + 1.31, color=SOFT, linewidth=0.8, zorder=1)
        text = value_text(value, currency) if part == "customer_equity" else _signed(sign * value, currency)
        ax.annotate(
            text,
            (max(edges), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
        parts.append(_part_text(part, text, known))
        reach += edges
        start = end
    width = max(reach) - min(reach) or 1.0
    ax.set_xlim(min(reach) - (0.04 * width if min(reach) < 0 else 0), max(reach) + 0.2 * width)
    ax.axvline(0, color=SOFT, linewidth=1)
    ax.set_ylim(len(_PARTS) - 0.5, -0.5)
    ax.set_yticks(range(len(_PARTS)), [named(part) for part in _PARTS])
    marks = [mark for mark in MaxNLocator(4).tick_values(*ax.get_xlim()) if mark <= ax.get_xlim()[1]]
    ax.set_xticks(marks, [value_text(mark, "count" if width >= 10 else "ratio") for mark in marks])
    ax.set_xlim(min(reach) - (0.04 * width if min(reach) < 0 else 0), max(reach) + 0.2 * width)
    ax.set_xlabel(sentence("Value today, {unit}", unit=unit_text(currency)))
    value_grid(ax, "x")
    words = [_("What customers of today and those to come bring, less what it costs to win them")]
    words += [_("line: 95 % interval")] if is_limited else []
    return describe(
        ax,
        title=_("What are all customers worth?"),
        subtitle=_("; ").join([*words, *([period] if period else [])]),
        alt=sentence("Bars. {parts}.", parts=_("; ").join(parts)),
    )


def _signed(value: float, unit: str) -> str:
    """A change with its sign; none before what is rounded to zero."""
    text = value_text(value, unit)
    is_zero = not any(sign in "123456789" for sign in text)
    return text if is_zero or value < 0 else f"+{text}"


def _limits(rows: pd.DataFrame, part: str, value: float, currency: str) -> Estimate:
    """A part of customer equity with its limits, where the table has them."""
    if part not in rows.index or "low" not in rows or pd.isna(rows.at[part, "low"]):
        return Estimate(part, value, currency)
    return Estimate(part, value, currency, None, float(rows.at[part, "low"]), float(rows.at[part, "high"]))


def _part_text(part: str, text: str, known: Estimate) -> str:
    if known.low is None:
        return sentence("{part}: {value}", part=named(part), value=text)
    return sentence("{part}: {value} ({range})", part=named(part), value=text, range=interval_text(known))
