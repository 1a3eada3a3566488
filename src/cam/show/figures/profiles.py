"""Figures of study 01, profiles: in which attributes segments differ, and at which levels."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from cam.language import named, sentence
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, RULE, SOFT, broken_name, describe, figure, value_grid

#: Attributes in one figure; the table holds them all.
_MOST_ATTRIBUTES = 15
#: Less to more, through white; safe for colour-blind readers.
_SHADES = LinearSegmentedColormap.from_list("less_more", [PALETTE[1], "white", PALETTE[4]])
#: Points at which the shade is full.
_FULL = 15.0


@figure
def attribute_effects(table: pd.DataFrame, *, ax: Axes, significant: float = 0.05, period: str = "") -> Axes:
    """Draw how much segments differ in each attribute, with intervals.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.segmentation.profiles.effects`.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    significant : float
        Attributes whose *p_adjusted* is below it are blue.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    shown = table.head(_MOST_ATTRIBUTES).reset_index(drop=True)
    ax.figure.set_figheight(1.9 + 0.36 * len(shown))  # type: ignore[union-attr]
    top = float(shown["high"].max())
    for place, row in enumerate(shown.to_dict("records")):
        color = ACCENT if row["p_adjusted"] < significant else "#8A8A8A"
        ax.hlines(place, row["low"], row["high"], color=color, linewidth=2)
        ax.scatter([row["effect"]], [place], s=45, color=color, zorder=3)
        ax.annotate(
            f"{row['effect']:.2f} {_(row['size'])}",
            (row["high"], place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=color if color == ACCENT else SOFT,
            fontsize=9,
        )
    ax.set_yticks(range(len(shown)), [broken_name(named(name), 22) for name in shown["attribute"]])
    ax.set_ylim(len(shown) - 0.5, -0.5)
    # The words behind the interval need room.
    ax.set_xlim(0, 1.4 * top if top > 0 else 1)
    ax.set_xlabel(_("Effect: 0 no difference, 1 each segment by itself"))
    value_grid(ax, "x")
    first = shown.iloc[0]
    return describe(
        ax,
        title=_("In which attributes do segments differ?"),
        subtitle=sentence(
            "Cramér's V or eta (line: 95 % interval), blue: more than chance; n = {n}, {period}",
            n=int(shown["n_customers"].max()),
            period=period,
        ),
        alt=sentence(
            "Dot chart. The effect is largest for {attribute}: {effect}, {low} to {high}; {n} of {looked} attributes "
            "differ by more than chance.",
            attribute=named(str(first["attribute"])),
            effect=f"{first['effect']:.2f}",
            low=f"{first['low']:.2f}",
            high=f"{first['high']:.2f}",
            n=int((table["p_adjusted"] < significant).sum()),
            looked=len(table),
        ),
    )


@figure
def level_differences(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw for one attribute how each segment differs from all other customers, level by level.

    Parameters
    ----------
    table : DataFrame
        Rows of one attribute, as from :func:`cam.measures.segmentation.profiles.differences`.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    attribute = named(str(table["attribute"].iloc[0]))
    cells = table.assign(text=[_level(row) for row in table.to_dict("records")])
    # The largest level first, all the smaller ones last; segments by size.
    sizes = cells.assign(last=cells["kind"] == "other").groupby("text", sort=False)
    order = sizes.agg(last=("last", "first"), n=("n_customers", "sum")).reset_index()
    order = order.sort_values(["last", "n", "text"], ascending=[True, False, True])
    levels = {name: place for place, name in enumerate(order["text"])}
    groups = (
        cells.groupby("segment")["n"]
        .first()
        .reset_index()
        .sort_values(["n", "segment"], ascending=[False, True])
    )
    segments = {name: place for place, name in enumerate(groups["segment"])}
    ax.figure.set_figheight(2.4 + 0.42 * len(levels))  # type: ignore[union-attr]
    for row in cells.to_dict("records"):
        _draw_cell(ax, row, segments[row["segment"]], levels[row["text"]])
    ax.set_xlim(-0.5, len(segments) - 0.5)
    ax.set_ylim(len(levels) - 0.5, -0.5)
    ax.set_xticks(
        range(len(segments)), [broken_name(named(str(name)), 12) for name in segments], fontsize=8.5
    )
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(levels)), [broken_name(name, 20) for name in levels])
    ax.spines["bottom"].set_visible(False)
    telling = cells[cells["verdict"].isin(["more", "less"])]
    if telling.empty:
        alt = sentence("Grid. No level of {attribute} stands out in any segment.", attribute=attribute)
    else:
        row = telling.loc[telling["difference"].abs().idxmax()]
        alt = sentence(
            "Grid of {attribute}. {n} cells stand out, most {level} in {segment}: {gap} points against all others.",
            attribute=attribute,
            n=len(telling),
            level=row["text"],
            segment=named(str(row["segment"])),
            gap=_signed(row["difference"]),
        )
    return describe(
        ax,
        title=sentence("{attribute}: which segments differ?", attribute=attribute),
        subtitle=sentence(
            "Share in the segment less share of all others, points; shaded: beyond chance, framed: and large enough, "
            "hatched: too few to rate; n = {n}, {period}",
            n=int(groups["n"].sum()),
            period=period,
        ),
        alt=alt,
    )


def _draw_cell(ax: Axes, row: dict[str, object], x: int, y: int) -> None:
    corner = (x - 0.5, y - 0.5)
    if row["verdict"] == "suppressed":
        ax.add_patch(Rectangle(corner, 1, 1, facecolor="white", edgecolor=GREY, hatch="///", linewidth=0))
        ax.add_patch(Rectangle(corner, 1, 1, facecolor="none", edgecolor="white", linewidth=2))
        return
    gap = float(row["difference"])  # type: ignore[arg-type]
    # What chance could do stays white.
    shade = "white" if row["verdict"] == "chance" else _SHADES(min(max(0.5 + gap / (2 * _FULL), 0.0), 1.0))
    ax.add_patch(Rectangle(corner, 1, 1, facecolor=shade, edgecolor=RULE, linewidth=0.8))
    stands_out = row["verdict"] in ("more", "less")
    ax.text(
        x,
        y,
        _signed(gap),
        ha="center",
        va="center",
        fontsize=10.5 if stands_out else 9,
        color=INK if stands_out else SOFT,
    )
    if stands_out:
        # Not bold: the font of Chinese has none.
        frame = (x - 0.44, y - 0.42)
        ax.add_patch(Rectangle(frame, 0.88, 0.84, facecolor="none", edgecolor=INK, linewidth=1.4))


def _signed(gap: float) -> str:
    text = f"{gap:+.1f}".replace("-", "−")
    return "0.0" if text.strip("+−") == "0.0" else text


def _level(row: dict[str, object]) -> str:
    return _("all others") if row["kind"] == "other" else named(str(row["level"]))
