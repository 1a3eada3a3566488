"""Figures of study 03: what models of repeat buying foretold, who is still a customer, and customer equity."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from cam.estimate import CannotSay, Estimate
from cam.language import interval_text, named, sentence, unit_text, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, RULE, SOFT, describe, figure, value_grid

#: Months that are named below a line.
_MOST_MONTHS = 6
#: Least distance of two labels, as a share of the height of the axes.
_LABEL_GAP = 0.085
#: Where the groups of the map begin: weeks since the last purchase, and purchase days after the first.
_WEEKS = (0, 4, 8, 13, 26, 52)
_DAYS = (0, 1, 2, 3, 5, 10, 20)
#: Cells of the map with fewer customers stay blank.
_FEWEST = 10
#: Grey that can be read as a word.
_FAINT = "#767676"


def _with_pick(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Pass on that no model could be picked, as a figure passes on that its table cannot be had."""

    @functools.wraps(draw)
    def drawn(table: Any, *, picked: Any, **options: Any) -> Any:
        if isinstance(picked, CannotSay) and not isinstance(table, CannotSay):
            return picked
        return draw(table, picked=picked, **options)

    return drawn


@_with_pick
@figure
def cumulative_tracking(table: pd.DataFrame, *, ax: Axes, picked: str, cut: date, period: str = "") -> Axes:
    """Draw repeat purchases added up: made, and expected by the picked model and by the NBD.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.value.holdout.tracking`, with a column ``nbd``.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    picked : str
        Column of the picked model; ``nbd`` is drawn once.
    cut : date
        Last day that the models saw.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    sums = table.assign(**table[_drawn(table, picked)].cumsum())
    ends = _lines(ax, sums, picked, numbers=True)
    ax.set_ylabel(_("Repeat purchases so far"))
    _cut_line(ax, table, cut)
    return describe(
        ax,
        title=_("Would the model have foretold what was bought?"),
        subtitle=sentence(
            "Repeat purchases of all customers, added up; {look}; n = {n} purchases, {period}",
            look=_look(picked),
            n=int(ends["actual"]),
            period=period,
        ),
        alt=sentence(
            "Rising lines. By the end customers had made {actual} repeat purchases; expected were {guesses}.",
            actual=value_text(ends["actual"], "count"),
            guesses=_guesses(ends),
        ),
    )


@_with_pick
@figure
def weekly_tracking(table: pd.DataFrame, *, ax: Axes, picked: str, cut: date, period: str = "") -> Axes:
    """Draw repeat purchases week by week: made, and expected by the picked model and by the NBD.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.value.holdout.tracking`, with a column ``nbd``.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    picked : str
        Column of the picked model; ``nbd`` is drawn once.
    cut : date
        Last day that the models saw.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    _lines(ax, table, picked, numbers=False)
    ax.set_ylabel(_("Repeat purchases per week"))
    _cut_line(ax, table, cut)
    # Weeks that were foretold as a whole; before them the models saw what they describe.
    ahead = table[pd.to_datetime(table["end"]) > pd.Timestamp(cut) + pd.Timedelta(days=6)]
    means = {name: float(ahead[name].mean()) for name in _drawn(table, picked)} if len(ahead) else {}
    return describe(
        ax,
        title=_("In which weeks was the model wrong?"),
        subtitle=sentence(
            "Repeat purchases of all customers in each week; {look}; n = {n} purchases, {period}",
            look=_look(picked),
            n=int(table["actual"].sum()),
            period=period,
        ),
        alt=sentence(
            "Lines. In the {n} weeks after the cut-off customers made {actual} repeat purchases a week on average; "
            "expected were {guesses}.",
            n=len(ahead),
            actual=value_text(means["actual"], "count"),
            guesses=_guesses(means),
        )
        if means
        else sentence("Lines of {n} weeks, all before the cut-off.", n=len(table)),
    )


@_with_pick
@figure
def purchases_by_frequency(table: pd.DataFrame, *, ax: Axes, picked: str, period: str = "") -> Axes:
    """Draw purchases after the cut-off by how often customers had bought before: made and predicted.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.value.holdout.conditional_means`, with a column ``nbd``.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    picked : str
        Column of the picked model; ``nbd`` is drawn once.
    period : str
        Of the holdout, ready to print.

    Returns
    -------
    Axes
    """
    names = _drawn(table, picked)
    places = np.arange(len(table))
    # Side by side, so that a dot never hides the one that it should be compared with.
    steps = 0.2 * (np.arange(len(names)) - (len(names) - 1) / 2)
    top = float(np.nanmax(table[[*names, "high"]].to_numpy(float)))
    ax.set_ylim(0, 1.08 * top or 1)
    for name, step in zip(names, steps, strict=True):
        color = _color(name, picked)
        if name == "actual":
            ax.vlines(places + step, table["low"], table["high"], color=color, linewidth=2)
        ax.scatter(
            places + step, table[name], s=40, color=color, marker=_MARKS[name == "actual"], zorder=3, linewidth=0
        )
    last = {name: float(table[name].iloc[-1]) for name in names}
    _label_ends(ax, last, picked, at=float(places[-1] + steps[-1]), numbers=False)
    ax.set_xticks(
        places,
        [f"{row.frequency}\n({row.n_customers:,})" for row in table[["frequency", "n_customers"]].itertuples()],
    )
    ax.set_xlabel(_("Purchase days after the first, up to the cut-off (customers)"))
    ax.set_ylabel(_("Mean purchase days after the cut-off"))
    value_grid(ax, "y")
    first = {name: float(table[name].iloc[0]) for name in names}
    return describe(
        ax,
        title=_("Are frequent and rare buyers foretold alike?"),
        subtitle=sentence(
            "Purchase days per customer after the cut-off (line: 95 % interval); {look}; n = {n}, {period}",
            look=_look(picked),
            n=int(table["n_customers"].sum()),
            period=period,
        ),
        alt=sentence(
            "Dot chart. Customers with {few} purchase days after the first made {low} more on average, expected "
            "were {low_guesses}; those with {many} made {high}, expected were {high_guesses}.",
            few=str(table["frequency"].iloc[0]),
            low=value_text(first["actual"], "ratio"),
            low_guesses=_guesses(first, "ratio"),
            many=str(table["frequency"].iloc[-1]),
            high=value_text(last["actual"], "ratio"),
            high_guesses=_guesses(last, "ratio"),
        ),
    )


@figure
def alive_map(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw the mean probability of being active by weeks since the last purchase and by frequency.

    Parameters
    ----------
    table : DataFrame
        Cells: ``frequency``, ``recency``, ``T``, ``n_customers``, ``p_alive``; at least one group holds ten customers.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    # Model time is in days divided by 7: half an hour keeps 4.0 weeks from falling below 4.
    silent = (table["T"] - table["recency"]).to_numpy(float) + 0.5 / 24 / 7
    column = np.searchsorted(_WEEKS, silent, side="right") - 1
    row = np.searchsorted(_DAYS, table["frequency"].to_numpy(float), side="right") - 1
    counts = np.zeros((row.max() + 1, column.max() + 1))
    sums = np.zeros_like(counts)
    np.add.at(counts, (row, column), table["n_customers"])
    np.add.at(sums, (row, column), table["n_customers"] * table["p_alive"])
    means = np.full_like(counts, np.nan)
    np.divide(sums, counts, out=means, where=counts >= _FEWEST)
    ax.figure.set_figheight(max(3.0, 1.6 + 0.4 * len(counts)))  # type: ignore[union-attr]
    ax.imshow(means, cmap="Blues", aspect="auto", origin="lower", vmin=0, vmax=1)
    for place in np.argwhere(~np.isnan(means)):
        value = float(means[tuple(place)])
        ax.text(
            place[1],
            place[0],
            _certain(value),
            ha="center",
            va="center",
            color=_readable(colormaps["Blues"](value)),
        )
    ax.set_xticks(np.arange(-0.5, counts.shape[1]), minor=True)
    ax.set_yticks(np.arange(-0.5, counts.shape[0]), minor=True)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="minor", length=0)
    weeks = [f"{start}–{end}" for start, end in zip(_WEEKS, _WEEKS[1:], strict=False)] + [f"{_WEEKS[-1]}+"]
    days = [str(a) if b == a + 1 else f"{a}–{b - 1}" for a, b in zip(_DAYS, _DAYS[1:], strict=False)]
    ax.set_xticks(range(counts.shape[1]), weeks[: counts.shape[1]])
    ax.set_yticks(range(counts.shape[0]), [*days, f"{_DAYS[-1]}+"][: counts.shape[0]])
    ax.set_xlabel(_("Weeks since the last purchase"))
    ax.set_ylabel(_("Purchase days after the first"))
    n = int(counts.sum())
    words = [sentence("Mean probability of being active, %; n = {n}, {period}", n=n, period=period)]
    if np.isnan(means).any():
        words.append(sentence("blank: fewer than {n} customers", n=_FEWEST))
    high, low = (np.unravel_index(pick(means), means.shape) for pick in (np.nanargmax, np.nanargmin))
    return describe(
        ax,
        title=_("Who is still a customer?"),
        subtitle=_("; ").join(words),
        alt=sentence(
            "Grid. Highest, {high}, after {high_weeks} weeks of silence and {high_days} purchase days after the "
            "first; lowest, {low}, after {low_weeks} weeks and {low_days} purchase days.",
            high=value_text(float(means[high]), "share"),
            high_weeks=weeks[high[1]],
            high_days=[*days, f"{_DAYS[-1]}+"][high[0]],
            low=value_text(float(means[low]), "share"),
            low_weeks=weeks[low[1]],
            low_days=[*days, f"{_DAYS[-1]}+"][low[0]],
        ),
    )


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
    ax.set_xlim(-1.25 * far, 1.25 * far)
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
    marks, scale = _money_marks(ax, currency)
    ax.set_xticks(marks, scale)
    ax.set_xlabel(sentence("Value today, {unit}", unit=unit_text(currency)))
    value_grid(ax, "x")
    drawn = "What customers of today and those to come bring, less what it costs to win them"
    return describe(
        ax,
        title=_("What are all customers worth?"),
        subtitle=sentence(f"{drawn} (line: 95 % interval); {{period}}" if is_limited else f"{drawn}; {{period}}", period=period),
        alt=sentence("Bars. {parts}.", parts=_("; ").join(parts)),
    )
