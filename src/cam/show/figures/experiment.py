"""Figures of a finished test: what each offer did, and at which risk."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes

from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, SOFT, describe, figure, value_grid

_LONG_NAME = 18


@figure
def effect_by_arm(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw by how many points each arm differs from the control.

    Parameters
    ----------
    table : DataFrame
        *arm, effect, low, high* (percentage points; the limits hold for all arms at once), *n_treated, n_control*;
        *control*, the name of the arm without an offer; *says_left*, whether the shares are of those who left, else
        nobody knows what an outcome of 1 says.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.

    Returns
    -------
    Axes
    """
    shown = table.sort_values(["effect", "arm"], ascending=False, ignore_index=True)
    control, says_left = str(table["control"].iloc[0]), bool(table["says_left"].iloc[0])
    _dots(ax, shown)
    names = ["\n".join(textwrap.wrap(str(arm), _LONG_NAME) or [""]) for arm in shown["arm"]]
    labels = [f"{name}\nn = {n:,}" for name, n in zip(names, shown["n_treated"], strict=True)]
    ax.set_yticks(range(len(shown)), labels)
    ax.set_ylim(-0.7, len(shown) - 0.3)
    ax.figure.set_figheight(1.9 + 0.62 * len(shown))  # type: ignore[union-attr]
    words = "fewer left than with {control} ← points → more left" if says_left else None
    ax.set_xlabel(
        sentence(words or "Share with an outcome of 1, compared with {control}, points", control=control)
    )
    n = int(shown["n_control"].iloc[0])
    best = shown.iloc[-1]
    several = len(shown) > 1
    subtitle = (
        "Difference of each arm (line: 95 % interval, for all arms at once); n = {n} with {control}"
        if several
        else "Difference between the arms (line: 95 % interval); n = {n} with {control}"
    )
    return describe(
        ax,
        title=_("Does the offer keep anybody?") if says_left else _("Do the arms differ?"),
        subtitle=sentence(subtitle, n=n, control=control),
        alt=sentence(
            "Dot chart. {arm} compared with {control}: {effect} points, 95 % interval {low} to {high}.",
            arm=str(best["arm"]),
            control=control,
            **{name: value_text(float(best[name]), "points") for name in ("effect", "low", "high")},
        ),
    )


@figure
def effect_by_risk(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the effect of an offer by the risk that customers had before the test.

    Parameters
    ----------
    table : DataFrame
        By falling risk: *mean_score* (0-1), *effect, low_all, high_all* (percentage points; the limits hold for all
        at once), *n_treated, n_control*; *arm*, its name; *overall*, the effect of all; *says_left*, as in
        :func:`effect_by_arm`.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.

    Returns
    -------
    Axes
    """
    arm, overall, says_left = (table[name].iloc[0] for name in ("arm", "overall", "says_left"))
    shown = table.iloc[::-1].reset_index(drop=True).assign(low=lambda rows: rows["low_all"])
    shown = shown.assign(high=shown["high_all"])
    _dots(ax, shown)
    ax.axvline(overall, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    ax.annotate(
        sentence("all: {effect}", effect=value_text(overall, "points")),
        (overall, len(shown) - 0.42),
        xytext=(-4 if overall < 0 else 4, 0),
        textcoords="offset points",
        ha="right" if overall < 0 else "left",
        va="center",
        color=SOFT,
        fontsize=9,
    )
    labels = [
        sentence("risk {risk}", risk=value_text(float(row.mean_score), "share"))
        + f"\nn = {int(row.n_treated + row.n_control):,}"
        for row in shown.itertuples()
    ]
    ax.set_yticks(range(len(shown)), labels)
    ax.set_ylim(-0.7, len(shown) - 0.2)
    words = "fewer left with {arm} ← points → more left" if says_left else None
    ax.set_xlabel(sentence(words or "Share with an outcome of 1, with {arm} less without, points", arm=arm))
    n = int((shown["n_treated"] + shown["n_control"]).sum())
    first, last = table.iloc[0], table.iloc[-1]
    return describe(
        ax,
        title=_("Does it work where the risk is?"),
        subtitle=sentence(
            "Effect by risk before the test, highest first (line: 95 % interval, for all at once); n = {n}",
            n=n,
        ),
        alt=sentence(
            "Dot chart. {first} points where the risk is highest, {last} where it is lowest.",
            first=value_text(float(first["effect"]), "points"),
            last=value_text(float(last["effect"]), "points"),
        ),
    )


def _dots(ax: Axes, shown: pd.DataFrame) -> None:
    """One dot per row with its interval and number; those that leave out 0 in the accent."""
    for place, row in enumerate(shown.itertuples()):
        clear = row.low > 0 or row.high < 0
        ax.hlines(place, row.low, row.high, color=ACCENT if clear else GREY, linewidth=2.4, zorder=2)
        ax.plot(row.effect, place, "o", color=ACCENT if clear else INK, markersize=7, zorder=3)
        ax.annotate(
            value_text(float(row.effect), "points"),
            (row.effect, place),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            color=ACCENT if clear else INK,
            fontsize=11,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
        )
    ax.axvline(0, color=INK, linewidth=1, zorder=1)
    low, high = min(0.0, float(shown["low"].min())), max(0.0, float(shown["high"].max()))
    room = 0.06 * max(high - low, 0.1)
    ax.set_xlim(low - room, high + room)
    value_grid(ax, "x")
