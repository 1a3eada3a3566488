"""The figure of what satisfaction is worth: the lead of the content, as it is and among customers alike before."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, INK, SOFT, describe, figure, value_grid

_FAINT = "#8A8A8A"


@figure
def lead_of_the_content(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw for each outcome how much more the best group has than the worst, in per cent.

    Parameters
    ----------
    table : DataFrame
        ``label``, ``best``, ``worst`` (ready to print), ``n``, ``days``, ``is_clear`` (beyond chance), and ``plain``
        and ``alike`` with their ``_low`` and ``_high`` (per cent above the worst group).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    rows = table.to_dict("records")
    ax.figure.set_figheight(1.9 + 0.62 * len(rows))  # type: ignore[union-attr]
    for place, row in enumerate(rows):
        is_clear = row["is_clear"]
        colour = ACCENT if is_clear else _FAINT
        ax.hlines(place - 0.16, row["plain_low"], row["plain_high"], color=_FAINT, linewidth=1.2, zorder=2)
        ax.scatter(
            [row["plain"]], [place - 0.16], s=46, facecolor="white", edgecolor=INK, linewidth=1.3, zorder=3
        )
        ax.hlines(place + 0.16, row["alike_low"], row["alike_high"], color=colour, linewidth=3, zorder=2)
        ax.scatter([row["alike"]], [place + 0.16], s=52, color=colour, zorder=4)
        ax.annotate(
            sentence("{gap} ({low} to {high})", **_signs(row, "alike")),
            (row["alike_high"], place + 0.16),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            color=colour if is_clear else SOFT,
            fontsize=9.5,
        )
    ends = [
        float(row[f"{kind}{end}"]) for row in rows for kind in ("plain", "alike") for end in ("_low", "_high")
    ]
    low, high = min(*ends, 0.0), max(*ends, 0.0)
    span = max(high - low, 5.0)
    ax.axvline(0, color=INK, linewidth=1, zorder=1)
    # The words behind the marks need room.
    most = max(float(row["alike_high"]) for row in rows)
    ax.set_xlim(low - 0.06 * span, max(high + 0.06 * span, most + 0.42 * span))
    ax.set_xticks([tick for tick in ax.get_xticks() if low - 0.06 * span <= tick <= high + 0.1 * span])
    ax.set_yticks(range(len(rows)), [row["label"] for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.55)
    best, worst = table["best"].iloc[0], table["worst"].iloc[0]
    ax.set_xlabel(sentence("{best}: % above {worst}", best=best, worst=worst))
    value_grid(ax, "x")
    parts = [
        sentence(
            "{label}: {gap} per cent ({low} to {high}); as they are {plain}",
            label=row["label"],
            plain=_signed(row["plain"]),
            **_signs(row, "alike"),
        )
        for row in rows
    ]
    return describe(
        ax,
        title=_("Are content customers worth more, or were they before?"),
        subtitle=sentence(
            "{best} above {worst} within {days} days of the answer; hollow: as they are, filled: among customers alike "
            "before (95 % intervals), blue: more than chance; n = {least} to {most} answers by row, {period}",
            best=best,
            worst=worst,
            days=int(table["days"].iloc[0]),
            least=int(table["n"].min()),
            most=int(table["n"].max()),
            period=period,
        ),
        alt=sentence(
            "Dot chart of how much more {best} have than {worst}, among customers alike before. {parts}.",
            best=best,
            worst=worst,
            parts=_("; ").join(parts),
        ),
    )


def _signs(row: dict[object, object], kind: str) -> dict[str, str]:
    names = {"gap": kind, "low": f"{kind}_low", "high": f"{kind}_high"}
    return {name: _signed(float(row[column])) for name, column in names.items()}  # type: ignore[arg-type]


def _signed(per_cent: float) -> str:
    text = value_text(per_cent, "count")
    return f"+{text}" if round(per_cent) > 0 else text
