"""Figures of study 03: what models of repeat buying foretold, and who is still a customer."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cam.estimate import CannotSay
from cam.language import listed, named, sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, SOFT, describe, figure, value_grid

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
            places + step,
            table[name],
            s=40,
            color=color,
            marker="D" if name == "actual" else "o",
            zorder=3,
            linewidth=0,
        )
    ax.figure.set_figheight(4.3)  # type: ignore[union-attr]
    ax.set_xlim(-0.5, len(table) - 0.6)
    last = {name: float(table[name].iloc[-1]) for name in names}
    _label_ends(ax, last, picked, at=float(places[-1] + steps[-1]), numbers=False)
    ax.set_xticks(
        places,
        [
            f"{row.frequency}\n({row.n_customers:,})"
            for row in table[["frequency", "n_customers"]].itertuples()
        ],
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
            color=INK,
        )
    ax.set_xticks(np.arange(-0.5, counts.shape[1]), minor=True)
    ax.set_yticks(np.arange(-0.5, counts.shape[0]), minor=True)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="minor", length=0)
    weeks = [f"{start}–{end}" for start, end in itertools.pairwise(_WEEKS)] + [f"{_WEEKS[-1]}+"]
    days = [str(a) if b == a + 1 else f"{a}–{b - 1}" for a, b in itertools.pairwise(_DAYS)]
    ax.set_xticks(range(counts.shape[1]), weeks[: counts.shape[1]])
    ax.set_yticks(range(counts.shape[0]), [*days, f"{_DAYS[-1]}+"][: counts.shape[0]])
    ax.set_xlabel(_("Weeks since the last purchase"))
    ax.set_ylabel(_("Purchase days after the first"))
    n = int(counts.sum())
    words = [sentence("Mean probability of being active, %; n = {n}, {period}", n=n, period=period)]
    if np.isnan(means).any():
        words.append(sentence("blank: fewer than {n} customers", n=_FEWEST))
    return describe(
        ax, title=_("Who is still a customer?"), subtitle=_("; ").join(words), alt=_extremes(means, ax)
    )


def _extremes(means: Any, ax: Axes) -> str:
    """The map in words: its highest and its lowest cell."""
    if np.isnan(means).all():
        return sentence("Grid. No cell holds {n} customers.", n=_FEWEST)
    weeks, days = (
        [each.get_text() for each in labels] for labels in (ax.get_xticklabels(), ax.get_yticklabels())
    )
    high, low = (np.unravel_index(pick(means), means.shape) for pick in (np.nanargmax, np.nanargmin))
    return sentence(
        "Grid. Highest, {high}, after {high_weeks} weeks of silence and {high_days} purchase days after the "
        "first; lowest, {low}, after {low_weeks} weeks and {low_days} purchase days.",
        high=value_text(float(means[high]), "share"),
        high_weeks=weeks[high[1]],
        high_days=days[high[0]],
        low=value_text(float(means[low]), "share"),
        low_weeks=weeks[low[1]],
        low_days=days[low[0]],
    )


def _drawn(table: pd.DataFrame, picked: str) -> list[str]:
    """Columns in the order of drawing: what happened last, above the others."""
    return [name for name in dict.fromkeys(("nbd", picked, "actual")) if name in table]


def _color(name: str, picked: str) -> str:
    return {"actual": INK, picked: ACCENT}.get(name, GREY)


def _called(name: str) -> str:
    return _("actual") if name == "actual" else named(name)


def _look(picked: str) -> str:
    """What the colours stand for, beyond what the labels say."""
    if picked == "nbd":
        return sentence("blue: {model}", model=named(picked))
    return sentence("blue: {model}; grey: {other}", model=named(picked), other=named("nbd"))


def _guesses(values: dict[str, float], unit: str = "count") -> str:
    """What the models expected, in words."""
    parts = [
        sentence("{value} by the {model}", value=value_text(value, unit), model=named(name))
        for name, value in reversed(values.items())
        if name != "actual"
    ]
    return listed(parts)


def _lines(ax: Axes, table: pd.DataFrame, picked: str, *, numbers: bool) -> dict[str, float]:
    """One line per column against the last day of each week, named at its end; returns where each ends."""
    names = _drawn(table, picked)
    days = pd.to_datetime(table["end"])
    top = float(table[names].max(axis=None))
    ax.set_ylim(0, 1.18 * top or 1)
    for name in names:
        width = 1.4 if name == "actual" else 2
        ax.plot(days, table[name], color=_color(name, picked), linewidth=width)
    ends = {name: float(table[name].iloc[-1]) for name in names}
    _label_ends(ax, ends, picked, at=days.iloc[-1], numbers=numbers)
    ax.set_xlim(days.iloc[0], days.iloc[-1])
    months = pd.date_range(days.iloc[0], days.iloc[-1], freq="MS")
    step = next((step for step in (1, 2, 3, 6, 12) if len(months) <= step * _MOST_MONTHS), 24)
    months = months[(months.month - 1) % min(step, 12) == 0][:: max(1, step // 12)]
    ax.set_xticks(list(months), [f"{month:%Y-%m}" for month in months])
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    marks = [mark for mark in ax.get_yticks() if 0 <= mark <= ax.get_ylim()[1]]
    ax.set_yticks(marks, [value_text(mark, "count") for mark in marks])
    value_grid(ax, "y")
    return ends


def _label_ends(ax: Axes, ends: dict[str, float], picked: str, *, at: Any, numbers: bool) -> None:
    """Name each series to the right of its last value, at a height where no other name stands."""
    height = ax.get_ylim()[1]
    order = sorted(ends, key=lambda name: ends[name])
    places = np.array([ends[name] for name in order]) / height
    # Spread evenly around the middle of those that stand too close, and stay above the axis.
    for _round in range(len(order)):
        for low, high in itertools.pairwise(range(len(order))):
            lack = _LABEL_GAP - (places[high] - places[low])
            if lack > 0:
                places[low], places[high] = places[low] - lack / 2, places[high] + lack / 2
    places += max(0.0, 0.02 - places[0])
    for name, place in zip(order, places, strict=True):
        text = _("if nobody left") if name == "nbd" != picked else _called(name)
        if numbers:
            text = sentence("{name}: {value}", name=text, value=value_text(ends[name], "count"))
        ax.annotate(
            text,
            (at, place * height),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            color=_FAINT if name == "nbd" != picked else _color(name, picked),
            annotation_clip=False,
        )


def _cut_line(ax: Axes, table: pd.DataFrame, cut: date) -> None:
    """Mark the last day that the models saw."""
    days = pd.to_datetime(table["end"])
    day = pd.Timestamp(cut)
    is_late = (day - days.iloc[0]) > 0.7 * (days.iloc[-1] - days.iloc[0])
    ax.axvline(day, color=SOFT, linewidth=1, linestyle=(0, (3, 3)))
    ax.annotate(
        _("foretold from here on →"),
        (day, ax.get_ylim()[1]),
        xytext=(-5 if is_late else 5, -2),
        textcoords="offset points",
        ha="right" if is_late else "left",
        va="top",
        color=SOFT,
    )


def _certain(share: float) -> str:
    """A probability in per cent; only what is certain is called 0 or 100."""
    text = f"{100 * share:.0f}"
    if text == "100" and share < 1:
        return ">99"
    return "<1" if text == "0" and share > 0 else text
