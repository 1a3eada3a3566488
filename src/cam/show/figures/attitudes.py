"""Figures of study 01, psychographics: how many factors rise above chance, and what each item tells of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from cam.language import sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, SOFT, describe, figure, value_grid

#: Loadings below this size are drawn grey.
COUNTS_FROM = 0.3


def _if_any(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Draw nothing where there is nothing: the client has no attitude items."""

    @functools.wraps(draw)
    def drawn(table: Any, **options: Any) -> Any:
        return None if table is None else draw(table, **options)

    return drawn


@_if_any
@figure
def scree(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw the eigenvalues of the items' correlations beside those of unrelated items.

    Parameters
    ----------
    table : DataFrame
        *place* (from 1), *eigenvalue*, *chance* (95th percentile of unrelated items), *counts* (whether it rises above
        chance), *n*. None: nothing is drawn.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.

    Returns
    -------
    Axes
    """
    places, n_factors = table["place"], int(table["counts"].sum())
    ax.plot(places, table["chance"], color=GREY, linewidth=2)
    ax.plot(places, table["eigenvalue"], color=ACCENT, linewidth=1.2, zorder=2)
    ax.scatter(
        places,
        table["eigenvalue"],
        s=48,
        color=[ACCENT if counts else "white" for counts in table["counts"]],
        edgecolor=ACCENT,
        zorder=3,
    )
    last = table.iloc[-1]
    ax.annotate(
        _("unrelated items,\n95 of 100 below"),
        (last["place"], last["chance"]),
        xytext=(0, 8),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=SOFT,
        fontsize=10,
    )
    if n_factors:
        row = table.iloc[n_factors - 1]
        ax.annotate(
            sentence("above chance: {n}", n=n_factors),
            (row["place"], row["eigenvalue"]),
            xytext=(10, 10),
            textcoords="offset points",
            color=ACCENT,
            fontsize=11,
        )
    step = max(1, len(table) // 12)
    ax.set_xticks(list(places)[::step])
    ax.set_ylim(0, 1.12 * float(table[["eigenvalue", "chance"]].max(axis=None)))
    ax.set_xlabel(_("Possible factors, the strongest first"))
    ax.set_ylabel(_("Items' worth of variance"))
    value_grid(ax, "y")
    n = int(table["n"].iloc[0])
    return describe(
        ax,
        title=_("How many attitudes stand behind the answers?"),
        subtitle=sentence(
            "Eigenvalues of {items} items (blue) and of unrelated ones (grey); n = {n} customers",
            items=len(table),
            n=n,
        ),
        alt=sentence(
            "Line chart. {factors} of {items} eigenvalues are above those of unrelated items; the first is {first}.",
            factors=n_factors,
            items=len(table),
            first=value_text(float(table["eigenvalue"].iloc[0]), "ratio"),
        ),
    )


@_if_any
@figure
def loadings(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw each item's loading on its own factor, with its interval, and on the others in grey.

    Parameters
    ----------
    table : DataFrame
        One row per item and factor, items of one factor together: *item*, *words*, *factor* (from 1), *loading*,
        *low*, *high*, *home* (the item's own factor, 0: none), *name* (of that factor, ready to print), *n*. None:
        nothing is drawn.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.

    Returns
    -------
    Axes
    """
    homes, items = table["home"].drop_duplicates().tolist(), table["item"].drop_duplicates().tolist()
    ax.figure.set_figheight(1.7 + 0.30 * (len(items) + 1.2 * len(homes)))  # type: ignore[union-attr]
    left, right = min(-0.5, float(table["low"].min())), max(1.0, float(table["high"].max()))
    ax.axvspan(-COUNTS_FROM, COUNTS_FROM, color="#F3F3F3", zorder=0, linewidth=0)
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=1)
    ticks, labels, at = [], [], 0.0
    for home, group in table.groupby("home", sort=False):
        ax.annotate(
            str(group["name"].iloc[0]),
            (left, at),
            xytext=(2, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=10.5,
        )
        at += 1.0
        for _item, rows in group.groupby("item", sort=False):
            for row in rows.to_dict("records"):
                counts = abs(row["loading"]) >= COUNTS_FROM
                shade = PALETTE[(row["factor"] - 1) % len(PALETTE)] if counts else GREY
                is_own = row["factor"] == home
                # What an item tells of other factors stands a little lower, its number on the other side.
                place = at if is_own else at + 0.28
                ax.hlines(
                    place, row["low"], row["high"], color=shade, linewidth=2 if counts else 1.2, zorder=2
                )
                ax.scatter(
                    [row["loading"]],
                    [place],
                    s=(42 if is_own else 24) if counts else 14,
                    color=shade,
                    zorder=3,
                )
                if is_own or counts:
                    mark = value_text(row["loading"], "ratio")
                    ax.annotate(
                        mark
                        if is_own
                        else sentence("factor {number}: {loading}", number=row["factor"], loading=mark),
                        (row["high"] if is_own else row["low"], place),
                        xytext=(6 if is_own else -6, 0),
                        textcoords="offset points",
                        ha="left" if is_own else "right",
                        va="center",
                        fontsize=9.5 if is_own else 8.5,
                        color=shade,
                    )
            ticks.append(at)
            labels.append(str(rows["words"].iloc[0]))
            at += 1.0
        at += 0.2
    ax.set_yticks(ticks, labels)
    ax.set_ylim(at - 0.4, -0.8)
    ax.set_xlim(left, right + 0.12 * (right - left))
    ax.set_xlabel(_("Loading: standard deviations of the answer per standard deviation of the factor"))
    value_grid(ax, "x")
    strongest = table.loc[table["loading"].abs().idxmax()]
    return describe(
        ax,
        title=_("Which answers go together?"),
        subtitle=sentence(
            "Loadings (line: 95 % interval; grey: below {least} in size); n = {n} customers",
            least=value_text(COUNTS_FROM, "ratio"),
            n=int(table["n"].iloc[0]),
        ),
        alt=sentence(
            "Dot chart of {items} items on {factors} factors. The strongest loading is that of {item}: {loading} "
            "({low} to {high}).",
            items=len(items),
            factors=int(table["factor"].max()),
            item=strongest["words"],
            loading=value_text(float(strongest["loading"]), "ratio"),
            low=value_text(float(strongest["low"]), "ratio"),
            high=value_text(float(strongest["high"]), "ratio"),
        ),
    )
