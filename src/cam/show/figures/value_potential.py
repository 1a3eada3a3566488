"""The figure of value x potential: where customers stand, as a density, with the two lines and what each side holds."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap

from cam.estimate import Estimate
from cam.language import interval_text, named, sentence, unit_text, value_text
from cam.language import translate as _
from cam.reduce.value_potential import GRID_STEP
from cam.show.canvas import ACCENT, INK, PALETTE, describe, figure

#: Room that the words of a quadrant need, of the whole; and between them and an edge, on the logarithm.
_WIDE, _HIGH, _PAD = 0.36, 0.2, 0.1
#: Ticks on one side of nought.
_MOST_TICKS = 4


@figure
def value_potential(
    table: pd.DataFrame, *, ax: Axes, lines: list[Estimate], matrix: pd.DataFrame, period: str = ""
) -> Axes:
    """Draw how many customers stand where between current value and potential.

    Parameters
    ----------
    table : DataFrame
        Counts on a grid, as from :func:`cam.reduce.value_potential.density_grid`, with the scales of the two axes
        (``value_scale``, ``potential_scale``).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    lines : list of Estimate
        ``value_line`` and ``potential_line``.
    matrix : DataFrame
        As from :func:`cam.measures.segmentation.value_matrix.value_matrix`.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    ax.figure.set_figheight(5.4)  # type: ignore[union-attr]
    scales = {
        "value": float(table["value_scale"].iloc[0]),
        "potential": float(table["potential_scale"].iloc[0]),
    }
    at = {name: _moved(line.value, scales[name]) for name, line in zip(scales, lines, strict=True)}
    x, y = (table[f"{name}_bin"].to_numpy(float) * GRID_STEP for name in ("potential", "value"))
    corners = [(0, 0), (GRID_STEP, 0), (GRID_STEP, GRID_STEP), (0, GRID_STEP)]
    cells = [[(left + dx, low + dy) for dx, dy in corners] for left, low in zip(x, y, strict=True)]
    # The eye reads areas of ink: the root of a count lets thin parts be seen beside thick ones.
    depth = (table["n_customers"] / table["n_customers"].max()) ** 0.5
    shades = LinearSegmentedColormap.from_list("density", ["#E8F1F8", ACCENT])
    ax.add_collection(PolyCollection(cells, facecolors=shades(depth), edgecolors="none"))
    has_negative = bool(matrix.set_index("quadrant").at["negative_value", "n_customers"] > 0)
    left, right = _ends(float(x.min()), float(x.max()) + GRID_STEP, at["potential"], room=_WIDE)
    low, top = _ends(float(y.min()), float(y.max()) + GRID_STEP, at["value"], room=_HIGH)
    if has_negative:  # its words stand below all of its customers
        low -= _HIGH * (top - low)
    top += _HIGH * (top - low) / 2
    ax.set_xlim(left, right)
    ax.set_ylim(low, top)
    floor = 0.0 if has_negative else low
    ax.axhline(at["value"], color=INK, linewidth=1.2)
    ax.vlines(at["potential"], floor, top, color=INK, linewidth=1.2)
    if has_negative:
        ax.axhline(0, color=PALETTE[5], linewidth=1.2)
    places = {
        "stars": (right - _PAD, top - _PAD, "right", "top"),
        "high_consumption": (left + _PAD, top - _PAD, "left", "top"),
        "potential": (right - _PAD, floor + _PAD, "right", "bottom"),
        "low_value": (left + _PAD, floor + _PAD, "left", "bottom"),
        "negative_value": (left + _PAD, low + _PAD, "left", "bottom"),
    }
    told = []
    for row in matrix.to_dict("records"):
        name = str(row["quadrant"])
        if name == "negative_value" and not has_negative:
            continue
        share = Estimate("share", row["share"], "share", None, row["low"], row["high"])
        _label(ax, name, share, *places[name])
        told.append(
            sentence("{quadrant}: {share}", quadrant=named(name), share=value_text(share.value, "share"))
        )
    for axis, name in ((ax.yaxis, "value"), (ax.xaxis, "potential")):
        seen, ends = (y, (low, top)) if name == "value" else (x, (left, right))
        marks = _ticks(scales[name], min(float(seen.min()), 0.0), float(seen.max()) + GRID_STEP)
        # A tick outside of the ends would move them.
        marks = [mark for mark in marks if ends[0] <= _moved(mark, scales[name]) <= ends[1]]
        axis.set_ticks([_moved(mark, scales[name]) for mark in marks])
        axis.set_ticklabels([_short(mark) for mark in marks])
    ax.set_xlabel(_axis(_("Potential"), lines[1].unit))
    ax.set_ylabel(_axis(_("Current value"), lines[0].unit))
    n = int(matrix["n_customers"].sum())
    return describe(
        ax,
        title=_("Who has brought much, and with whom is there more to win?"),
        subtitle=sentence(
            "Customers by current value and potential; the darker, the more; in brackets: 95 % interval; n = {n} "
            "placed, {period}",
            n=n,
            period=period,
        ),
        alt=sentence(
            "Density of customers, cut by a line of value at {value} and one of potential at {potential}. {parts}.",
            value=value_text(lines[0].value, lines[0].unit),
            potential=value_text(lines[1].value, lines[1].unit),
            parts=_("; ").join(told),
        ),
    )


def _label(ax: Axes, name: str, share: Estimate, x: float, y: float, across: str, along: str) -> None:
    words = sentence("{share} of customers", share=value_text(share.value, "share"))
    around = _("({range})").format(range=interval_text(share))
    color = PALETTE[5] if name == "negative_value" else INK
    ax.text(
        x,
        y,
        f"{named(name)}\n{words}\n{around}",
        ha=across,
        va=along,
        fontsize=10,
        color=color,
        linespacing=1.3,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 2},
    )


def _ends(low: float, high: float, at: float, *, room: float) -> tuple[float, float]:
    """Ends of an axis that holds all customers, with a line that leaves room for words on both of its sides."""
    low, high = min(low, at), max(high, at)
    left = min(low, (at - room * high) / (1 - room))
    return left, max(high, (at - room * left) / (1 - room))


def _moved(value: float, scale: float) -> float:
    """As the grid is even."""
    return math.copysign(math.log1p(abs(value) / scale), value) if value else 0.0


def _ticks(scale: float, low: float, high: float) -> list[float]:
    """Powers of ten that lie on the axis beyond its even part, a few on each side, and nought."""

    def side(end: float) -> list[float]:
        largest = scale * math.expm1(abs(end))
        first, last = math.ceil(math.log10(scale)), math.floor(math.log10(max(largest, scale)))
        powers = list(range(first, last + 1))
        step = max(1, math.ceil(len(powers) / _MOST_TICKS))
        return [10.0**power for power in powers[::-1][::step]]

    above = side(high) if high > 0 else []
    below = [-mark for mark in side(low)] if low < 0 else []
    return sorted([*below, *([0.0] if low <= 0 <= high else []), *above])


def _short(value: float) -> str:
    """A round number: no cents, the unit stands at the axis."""
    digits = 0 if abs(value) >= 1 or value == 0 else math.ceil(-math.log10(abs(value)))
    return f"{value:,.{digits}f}".replace("-", "−")


def _axis(label: str, unit: str) -> str:
    return label if unit == "count" else f"{label}, {unit_text(unit)}"
