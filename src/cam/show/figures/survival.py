"""Figures of survival: who has bought again or is still there after how long, and what goes with leaving."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter
from numpy.typing import NDArray

from cam.estimate import CannotSay
from cam.language import named, sentence, value_text
from cam.language import translate as _
from cam.show.canvas import (
    ACCENT,
    GREY,
    INK,
    PALETTE,
    SOFT,
    broken_name,
    describe,
    figure,
    spread_labels,
    value_grid,
)

#: One per group; the seventh of Okabe and Ito's colours is their black.
#: Percentage points below which two steps of a curve look the same.
_FINEST = 0.25
_COLOURS = (*PALETTE, INK)
#: Of the height: the least distance between two labels.
_LABEL = 0.055
_ROW_POINTS = 13
#: Ratios that an axis may name.
_TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10)


def survival_curves(
    table: pd.DataFrame | CannotSay | None,
    *,
    at_risk: Any,
    ax: Axes | None = None,
    period: str = "",
) -> Axes | CannotSay | None:
    """Draw who has bought again, or is still there, after how long, with the numbers at risk below.

    Parameters
    ----------
    table : DataFrame, CannotSay or None
        ``group`` (empty: all customers), ``told`` (time), ``survival``, ``low``, ``high``; ``by`` (what the groups
        are made of); ``basis``: ``second`` draws who has bought again, rising, and ``contract``, ``purchases`` or
        ``snapshot`` who is still there, falling. None draws nothing.
    at_risk : DataFrame
        ``group``, ``told``, ``n_at_risk``: the numbers under the figure; its last time ends the axis.
    ax : Axes, optional
        Where to draw.
    period : str
        Ready to print.

    Returns
    -------
    Axes, CannotSay or None
    """
    drawn: Any = None
    if table is not None:
        drawn = _survival_curves(table, at_risk=at_risk, ax=ax, period=period)
    return drawn


def hazard_ratios(
    table: pd.DataFrame | CannotSay | None, *, ax: Axes | None = None, period: str = ""
) -> Axes | CannotSay | None:
    """Draw how much faster than the reference each level leaves, with intervals, on a scale of ratios.

    Parameters
    ----------
    table : DataFrame, CannotSay or None
        ``attribute``, ``level``, ``reference``, ``n_customers``, ``hazard_ratio``, ``low``, ``high``, ``early``,
        ``late``, ``is_steady``. None draws nothing.
    ax : Axes, optional
        Where to draw.
    period : str
        Ready to print.

    Returns
    -------
    Axes, CannotSay or None
    """
    drawn: Any = None if table is None else _hazard_ratios(table, ax=ax, period=period)
    return drawn


@figure
def _survival_curves(table: pd.DataFrame, *, ax: Axes, at_risk: pd.DataFrame, period: str) -> Axes:
    basis, by = (str(table[name].iloc[0]) for name in ("basis", "by"))
    is_rising = basis == "second"
    groups = list(dict.fromkeys(table["group"]))
    colours = dict(zip([name for name in groups if name], _COLOURS, strict=False)) | {"": GREY}
    if len(groups) == 1:
        colours = {"": ACCENT}
    ticks = list(dict.fromkeys(at_risk["told"]))
    # A time that nobody has been watched for has no number and no tick.
    everybody = at_risk[at_risk["group"] == ""].set_index("told")["n_at_risk"]
    ticks = [at for at in ticks if everybody[at] > 0]
    curves = {
        name: table[(table["group"] == name) & (table["told"] <= at_risk["told"].max())] for name in groups
    }
    # Shares are told at a time that every group has reached; elsewhere they would be those of different times.
    reached = float(table.groupby("group")["told"].max().min())
    common = max([at for at in ticks if 0 < at <= reached], default=reached)
    ends, shares = {}, {}
    for name, curve in curves.items():
        share, low, high = (100 * curve[column].to_numpy(float) for column in ("survival", "low", "high"))
        if is_rising:
            share, low, high = 100 - share, 100 - high, 100 - low
        at = curve["told"].to_numpy(float)
        # All is background where there are groups.
        is_back = name == "" and len(groups) > 1
        depth = 0.22 if len(groups) == 1 else 0.1
        seen = _visible(share)
        ax.fill_between(
            at[seen], low[seen], high[seen], step="post", color=colours[name], alpha=depth, linewidth=0
        )
        ax.step(
            at[seen],
            share[seen],
            where="post",
            color=colours[name],
            linewidth=3.5 if is_back else 1.8,
            alpha=0.7 if is_back else 1,
            zorder=2 if is_back else 3,
        )
        ends[name] = (float(at[-1]), float(share[-1]))
        told = share[np.searchsorted(at, common, side="right") - 1] / 100
        shares[name] = value_text(float(told), "share")
    top = max(x for x, _y in ends.values())
    ceiling = 100.0 if not is_rising else min(100.0, 1.12 * max(y for _x, y in ends.values()))
    if len(groups) == 1:
        curve = curves[groups[0]]
        place = np.searchsorted(curve["told"].to_numpy(float), common, side="right") - 1
        stayed = 100 * float(curve["survival"].iloc[place])
        spot = (common, 100 - stayed if is_rising else stayed)
        ax.scatter(*spot, s=42, color=ACCENT, zorder=4, clip_on=False)
        down = -16 if is_rising else 12
        ax.annotate(
            shares[groups[0]],
            spot,
            xytext=(0, down),
            textcoords="offset points",
            ha="center",
            va="center",
            color=ACCENT,
            fontsize=10.5,
        )
        ends = {}
    for name, height in spread_labels(
        {key: y for key, (_x, y) in ends.items()}, _LABEL * ceiling, ceiling
    ).items():
        ax.annotate(
            f"{named(name) if name else _('All')} {shares[name]}",
            ends[name],
            xytext=(top * 1.02, height),
            color=colours[name] if name else SOFT,
            fontsize=9.5,
            va="center",
            annotation_clip=False,
        )
    ax.set_xlim(0, top)
    ax.set_ylim(0, ceiling)
    ax.set_xticks(ticks, [f"{at:g}" for at in ticks])
    value_grid(ax, "y")
    _numbers_below(ax, at_risk, ticks, groups, colours)
    n = int(everybody.iloc[0])
    ax.set_xlabel(_("Days after the first purchase") if is_rising else _starts(basis), labelpad=4)
    ax.set_ylabel(_("Bought again, %") if is_rising else _("Still there, %"))
    time = value_text(common, "days" if is_rising else "months")
    words = (
        "Kaplan-Meier by {column} (band: 95 % interval; numbers: after {time}); n = {n}, {period}"
        if len(groups) > 1
        else "Kaplan-Meier (band: 95 % interval; number: after {time}); n = {n}, {period}"
    )
    parts = [
        sentence("{group}: {share}", group=named(name) if name else _("All customers"), share=share)
        for name, share in shares.items()
    ]
    alt = "Rising curves. After {time}: {parts}." if is_rising else "Falling curves. After {time}: {parts}."
    return describe(
        ax,
        title=_("How soon comes the second purchase?") if is_rising else _("How long do customers stay?"),
        subtitle=sentence(words, column=named(by).lower(), time=time, n=n, period=period),
        alt=sentence(alt, time=time, parts=_("; ").join(parts)),
    )


@figure
def _hazard_ratios(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    rows = table.to_dict("records")
    places, heads, place = [], [], 0.0
    for before, row in pairwise([None, *rows]):
        if before is None or before["attribute"] != row["attribute"]:
            heads.append((place, row))
            place += 1
        places.append(place)
        place += 1
    ax.figure.set_figheight(1.7 + 0.25 * place)  # type: ignore[union-attr]
    for height, row in zip(places, rows, strict=True):
        is_clear = row["low"] > 1 or row["high"] < 1
        colour = ACCENT if is_clear else "#8A8A8A"
        ax.hlines(height, row["low"], row["high"], color=colour, linewidth=2)
        ax.scatter([row["hazard_ratio"]], [height], s=42, color=colour, zorder=3)
        text = f"{row['hazard_ratio']:.2f}"
        if not row["is_steady"]:
            # A hollow mark for each: the mean of the two holds for no time.
            ax.scatter([row["early"]], [height], s=46, facecolor="white", edgecolor=INK, marker="<", zorder=4)
            ax.scatter([row["late"]], [height], s=46, facecolor="white", edgecolor=INK, marker=">", zorder=4)
            text = sentence(
                "early {early}, late {late}", early=f"{row['early']:.2f}", late=f"{row['late']:.2f}"
            )
        right = max([row["high"], *([] if row["is_steady"] else [row["early"], row["late"]])])
        ax.annotate(
            text,
            (right, height),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=colour if is_clear else SOFT,
            fontsize=9,
        )
    for height, row in heads:
        ax.annotate(
            sentence(
                "{attribute}, against {reference}",
                attribute=named(row["attribute"]),
                reference=named(row["reference"]),
            ),
            (0, height),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=9.5,
        )
    ax.axvline(1, color=INK, linewidth=0.8, zorder=1)
    moving = table.loc[~table["is_steady"].astype(bool), ["early", "late"]]
    marks = pd.concat([table["low"], table["high"], moving["early"], moving["late"]]).replace(np.inf, np.nan)
    low, high = min(float(marks.min()), 0.9), max(float(marks.max()), 1.1)
    ax.set_xscale("log")
    # The words behind the marks need room.
    ax.set_xlim(low / 1.06, high * (high / low) ** (0.22 if moving.empty else 0.5))
    ax.xaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if low / 1.06 <= tick <= high * 1.1]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.minorticks_off()
    ax.set_yticks(places, [broken_name(named(str(row["level"])), 20) for row in rows])
    ax.set_ylim(place - 0.4, -0.6)
    ax.set_xlabel(_("Hazard ratio: below 1 leaves later, above 1 leaves sooner"))
    value_grid(ax, "x")
    steep = table.loc[(np.log(table["hazard_ratio"])).abs().idxmax()]
    is_clear = (table["low"] > 1) | (table["high"] < 1)
    return describe(
        ax,
        title=_("What goes with leaving?"),
        subtitle=sentence(
            "Hazard ratios of one Cox model (line: 95 % interval), blue: more than chance; {period}",
            period=period,
        ),
        alt=sentence(
            "Dot chart. The ratio farthest from 1 is that of {level} against {reference}: {ratio}, {low} to {high}; "
            "{n} of {all} differ by more than chance.",
            level=named(str(steep["level"])),
            reference=named(str(steep["reference"])),
            ratio=f"{steep['hazard_ratio']:.2f}",
            low=f"{steep['low']:.2f}",
            high=f"{steep['high']:.2f}",
            n=int(is_clear.sum()),
            all=len(table),
        ),
    )


def _numbers_below(
    ax: Axes, at_risk: pd.DataFrame, ticks: list[float], groups: list[str], colours: dict[str, str]
) -> None:
    """Write who is at risk under the ticks, one row per group."""
    ax.get_figure(root=True).set_figheight(3.9 + (len(groups) + 1) * _ROW_POINTS / 72)  # type: ignore[union-attr]
    start = -42
    ax.annotate(
        _("Number at risk"),
        (0, 0),
        xycoords="axes fraction",
        xytext=(-22, start),
        textcoords="offset points",
        ha="right",
        va="center",
        color=SOFT,
        fontsize=8.5,
    )
    for place, name in enumerate(groups, start=1 if len(groups) > 1 else 0):
        known = at_risk[at_risk["group"] == name].set_index("told")["n_at_risk"]
        colour = SOFT if name == "" else colours[name]
        down = start - _ROW_POINTS * place
        if len(groups) > 1:
            ax.annotate(
                named(name) if name else _("All"),
                (0, 0),
                xycoords="axes fraction",
                xytext=(-22, down),
                textcoords="offset points",
                ha="right",
                va="center",
                color=colour,
                fontsize=8.5,
            )
        for at in ticks:
            ax.annotate(
                f"{int(known[at]):,}",
                (at, 0),
                xycoords=("data", "axes fraction"),
                xytext=(0, down),
                textcoords="offset points",
                ha="center",
                va="center",
                color=colour,
                fontsize=8.5,
                annotation_clip=False,
            )


def _starts(basis: str) -> str:
    words = {
        "contract": _("Months after the contract began"),
        "snapshot": _("Months since the customer was won"),
        "purchases": _("Months after the second purchase"),
    }
    return words[basis]


def _visible(share: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places at which a curve has moved far enough to be seen, the last one among them: a page carries no more."""
    moved = np.flatnonzero(np.diff(np.floor(share / _FINEST), prepend=np.inf))
    return np.union1d(moved, [len(share) - 1])
