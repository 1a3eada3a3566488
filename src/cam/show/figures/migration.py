"""Figures of migration: where customers went between two dates, as flows and as a grid of shares."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, SOFT, describe, figure
from cam.show.words import state_text

#: Segments that stand together in the picture of flows, from the top; the grid holds each by itself.
_GROUPS = {
    "best": ("champions", "loyal"),
    "growing": ("promising", "new"),
    "slipping": ("needs_attention", "at_risk", "cannot_lose", "hibernating"),
    "lapsed": ("lapsed",),
    "not_yet": ("not_yet",),
}
_GROUP_OF = {state: group for group, states in _GROUPS.items() for state in states}
#: Out of the best segments, and down: the flows that matter.
_MATTERS = {("best", "slipping"), ("best", "lapsed")}
#: Of all customers: between two groups, and the least height of a label.
_GAP = 0.05
_LABEL = 0.105


@figure
def customer_flows(table: pd.DataFrame, *, ax: Axes, dates: tuple[str, str] = ("", "")) -> Axes:
    """Draw where customers went between two dates, as bands as high as they are many.

    Parameters
    ----------
    table : DataFrame
        *segment_before, segment_after, n_customers*.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    dates : tuple of str
        The two dates, ready to print.

    Returns
    -------
    Axes
    """
    sides = [table[column].map(_GROUP_OF).rename(column) for column in ("segment_before", "segment_after")]
    bands = table["n_customers"].groupby(sides).sum()
    ordered = [
        (before, after) for before in _GROUPS for after in _GROUPS if bands.get((before, after), 0) > 0
    ]
    bands = bands.reindex(pd.MultiIndex.from_tuples(ordered))
    n = int(bands.sum())
    tops = [_stack(bands, side, n) for side in (0, 1)]
    used = [dict(top) for top in tops]
    for before, after in ordered:
        height = float(bands[before, after]) / n
        left, right = used[0][before], used[1][after]
        used[0][before] -= height
        used[1][after] -= height
        matters = (before, after) in _MATTERS
        ax.add_patch(
            PathPatch(
                _band(left, right, height),
                facecolor=ACCENT if matters else GREY,
                alpha=0.75 if matters else 0.35,
                edgecolor="none",
                zorder=2 if matters else 1,
            )
        )
        if matters:
            ax.text(
                0.975,
                right - height / 2,
                f"{int(bands[before, after]):,}",
                ha="right",
                va="center",
                fontsize=10,
                color=ACCENT,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
                zorder=4,
            )
    for side, (x, align) in enumerate(((-0.02, "right"), (1.02, "left"))):
        counts = bands.groupby(level=side).sum()
        for group, place in _places(tops[side], counts, n).items():
            top, height = tops[side][group], float(counts[group]) / n
            start = -0.012 if side == 0 else 1.0
            ax.add_patch(
                Rectangle((start, top - height), 0.012, height, facecolor=INK, edgecolor="none", zorder=3)
            )
            words = f"{_broken(_group_text(group))}\n{int(counts[group]):,}"
            ax.text(x, place, words, ha=align, va="center", fontsize=11, color=INK, linespacing=1.15)
        ax.text(0.0 if side == 0 else 1.0, 1.03, dates[side], ha="left" if side == 0 else "right", color=SOFT)
    ax.set_xlim(-0.36, 1.36)
    low = min(
        min(top[group] - float(bands.groupby(level=side).sum()[group]) / n for group in top)
        for side, top in enumerate(tops)
    )
    ax.set_ylim(low - 0.03, 1.08)
    ax.set_axis_off()
    ax.figure.set_figheight(5.2)  # type: ignore[union-attr]
    best = bands[bands.index.get_level_values(0) == "best"]
    lost = best[[pair in _MATTERS for pair in best.index]]
    return describe(
        ax,
        title=_("Where did customers go?"),
        subtitle=sentence(
            "Customers by segment at two dates (blue: away from champions and loyal); n = {n}; slipping: needs "
            "attention, at risk, must not lose, hibernating",
            n=n,
        ),
        alt=sentence(
            "Flows. Of {best} champions and loyal customers {lost} slipped or lapsed. {parts}.",
            best=int(best.sum()),
            lost=int(lost.sum()),
            parts=_("; ").join(
                sentence(
                    "{before} to {after}: {n}",
                    before=_group_text(str(pair[0])),
                    after=_group_text(str(pair[1])),
                    n=int(count),
                )
                for pair, count in bands.items()
            ),
        ),
    )


@figure
def transition_grid(table: pd.DataFrame, *, ax: Axes, dates: tuple[str, str] = ("", "")) -> Axes:
    """Draw which share of each segment went where; of small segments the counts, without a colour.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.segmentation.migration.transition_table`.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    dates : tuple of str
        The two dates, ready to print.

    Returns
    -------
    Axes
    """
    befores, afters = (list(dict.fromkeys(table[f"segment_{when}"])) for when in ("before", "after"))
    wide = table.set_index(["segment_before", "segment_after"])
    shares = wide["share"].unstack().loc[befores, afters].to_numpy(float)
    counts = wide["n_customers"].unstack().loc[befores, afters].to_numpy()
    ax.imshow(shares, cmap="Blues", aspect="auto", vmin=0, vmax=1.0)
    for row in range(len(befores)):
        for column in range(len(afters)):
            share = shares[row, column]
            is_rated = share == share
            if not is_rated and counts[row, column] == 0:
                continue
            ax.text(
                column,
                row,
                f"{100 * share:.0f}" if is_rated else f"({int(counts[row, column]):,})",
                ha="center",
                va="center",
                fontsize=11,
                color=INK if is_rated else SOFT,
            )
            if befores[row] == afters[column]:
                ax.add_patch(
                    Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="none", edgecolor=INK, linewidth=1.2)
                )
    totals = counts.sum(axis=1)
    ax.set_yticks(
        range(len(befores)),
        [f"{state_text(name)} ({int(total):,})" for name, total in zip(befores, totals, strict=True)],
    )
    ax.set_xticks(range(len(afters)), [state_text(name) for name in afters], rotation=40, ha="right")
    ax.set_xlabel(sentence("Segment at {date}", date=dates[1]))
    ax.set_ylabel(sentence("Segment at {date}", date=dates[0]))
    ax.figure.set_figheight(5.4)  # type: ignore[union-attr]
    rated = table[table["share"].notna()]
    kept = rated[rated["segment_before"] == rated["segment_after"]]
    parts = [
        sentence("{segment}: {share}", segment=state_text(str(name)), share=value_text(float(share), "share"))
        for name, share in zip(kept["segment_before"], kept["share"], strict=True)
    ]
    return describe(
        ax,
        title=_("Which segment leads where?"),
        subtitle=sentence(
            "Share of each row's customers, % (framed: stayed; in brackets: number of customers); n = {n}",
            n=int(totals.sum()),
        ),
        alt=sentence("Grid. Customers who stayed in their segment: {parts}.", parts=_("; ").join(parts))
        if parts
        else sentence("Grid of {n} customers; no row is large enough to rate.", n=int(totals.sum())),
    )


def _group_text(group: str) -> str:
    words = {
        "best": _("Champions, loyal"),
        "growing": _("Promising, new or seldom"),
        "slipping": _("Slipping"),
    }
    return words.get(group) or state_text(group)


def _broken(text: str, *, widest: int = 18) -> str:
    """In two lines where it is too long for the margin; a Han character is two letters wide."""
    width = sum(2 if ord(sign) > 0x2E7F else 1 for sign in text)
    return text.replace(", ", ",\n", 1).replace("、", "、\n", 1) if width > widest else text


def _stack(bands: pd.Series, side: int, n: int) -> dict[str, float]:
    """The upper end of each group on one side, as a share of all customers, from 1 downwards."""
    heights = bands.groupby(level=side).sum() / n
    tops, at = {}, 1.0
    for group in _GROUPS:
        if group in heights.index:
            tops[group] = at
            at -= float(heights[group]) + _GAP
    return tops


def _places(tops: dict[str, float], counts: pd.Series, n: int) -> dict[str, float]:
    """The middle of each group, moved down where its label would lie on the one above."""
    places, above = {}, 2.0
    for group, top in tops.items():
        places[group] = min(top - float(counts[group]) / n / 2, above - _LABEL)
        above = places[group]
    return places


def _band(left: float, right: float, height: float) -> Path:
    """A band from the left edge to the right, level at both ends."""
    upper = [(0.0, left), (0.5, left), (0.5, right), (1.0, right)]
    lower = [(1.0, right - height), (0.5, right - height), (0.5, left - height), (0.0, left - height)]
    curve = [Path.CURVE4] * 3
    return Path([*upper, *lower, (0.0, left)], [Path.MOVETO, *curve, Path.LINETO, *curve, Path.CLOSEPOLY])
