"""Figures of study 04: how answers spread from 0 to 10, which groups differ, and how the score moved."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from cam.language import named, sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, SOFT, describe, figure, value_grid

_COLORS = {"detractor": PALETTE[5], "passive": GREY, "promoter": ACCENT}
#: Points in one chart, the latest, and up to how many have all their values written.
_MOST_POINTS, _FEW_POINTS = 36, 8
#: Groups in one figure; the table holds them all.
_MOST_GROUPS = 24


@figure
def score_distribution(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw the share of answers at each score, detractors, passives and promoters apart.

    Parameters
    ----------
    table : DataFrame
        *score* (0 to 10, in order), *kind* (``detractor``, ``passive``, ``promoter``), *n*, *share*, *low*, *high*
        (0-1).
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    ax.bar(table["score"], 100 * table["share"], color=[_COLORS[kind] for kind in table["kind"]], width=0.75)
    ax.vlines(table["score"], 100 * table["low"], 100 * table["high"], color=INK, linewidth=1.2)
    top = 100 * float(table["high"].max())
    ax.set_ylim(0, 1.3 * top)
    ax.set_xticks(list(table["score"]))
    ax.set_xlabel(_("Would you recommend us? 0 (not at all) to 10 (by all means)"))
    ax.set_ylabel(_("Share of answers, %"))
    value_grid(ax, "y")
    n = int(table["n"].sum())
    shares = table.groupby("kind")["n"].sum() / n
    words = {
        "detractor": "Detractors\n{share}",
        "passive": "Passives\n{share}",
        "promoter": "Promoters\n{share}",
    }
    for kind, group in table.groupby("kind", sort=False):
        first, last = group["score"].iloc[0] - 0.375, group["score"].iloc[-1] + 0.375
        color = SOFT if kind == "passive" else _COLORS[str(kind)]
        ax.plot([first, last], [1.08 * top] * 2, color=color, linewidth=2)
        ax.annotate(
            sentence(words[str(kind)], share=value_text(float(shares[kind]), "share")),
            ((first + last) / 2, 1.08 * top),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            color=color,
        )
    return describe(
        ax,
        title=_("Would customers recommend us?"),
        subtitle=sentence(
            "Answers by score (thin line: 95 % interval); n = {n} answers, {period}", n=n, period=period
        ),
        alt=sentence(
            "Bar chart. {promoters} of {n} answers are promoters, {detractors} detractors.",
            promoters=value_text(float(shares["promoter"]), "share"),
            detractors=value_text(float(shares["detractor"]), "share"),
            n=n,
        ),
    )


@figure
def control_chart(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw a score over time beside the limits within which chance in who answered keeps it.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.studies.satisfaction_waves.chart`: one row per wave or month in the order of time, with
        *label*, *by*, *figure*, *n*, *value*, *low*, *high*, *centre*, *lower*, *upper*, *outside*, *run*.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    shown = table.tail(_MOST_POINTS).reset_index(drop=True)
    places = shown.index.to_numpy(dtype=float)
    rows = shown.to_dict("records")
    signal = (shown["outside"] | shown["run"]).to_numpy()
    for place, row in zip(places, rows, strict=True):
        ax.fill_between([place - 0.5, place + 0.5], row["lower"], row["upper"], color="#EEF2F5", linewidth=0)
        ax.hlines([row["lower"], row["upper"]], place - 0.5, place + 0.5, color=SOFT, linewidth=1)
    ax.hlines(rows[0]["centre"], -0.5, places[-1] + 0.5, color=SOFT, linewidth=1, linestyle="--")
    ax.plot(places, shown["value"], color=ACCENT, linewidth=1.2, zorder=2)
    ax.vlines(places, shown["low"], shown["high"], color=ACCENT, linewidth=1.5, zorder=2)
    ax.scatter(places, shown["value"], s=40, color=ACCENT, zorder=3)
    if signal.any():
        ax.scatter(
            places[signal],
            shown["value"][signal],
            s=150,
            facecolor="none",
            edgecolor=PALETTE[5],
            linewidth=2,
            zorder=4,
        )
    # Few points have room for all their values; of many, the last and the signals say what matters.
    few = len(shown) <= _FEW_POINTS
    for place, row, struck in zip(places, rows, signal, strict=True):
        if few or struck or place == places[-1]:
            beside = few or struck
            ax.annotate(
                value_text(row["value"], "points"),
                (place, row["value"] if beside else row["high"]),
                xytext=(9, 0) if beside else (0, 4),
                textcoords="offset points",
                ha="left" if beside else "center",
                va="center" if beside else "bottom",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
                zorder=5,
            )
    for name, words in (("upper", "upper limit"), ("centre", "all answers"), ("lower", "lower limit")):
        ax.annotate(
            _(words),
            (places[-1] + 0.5, rows[-1][name]),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=SOFT,
            annotation_clip=False,
        )
    step = -(-len(shown) // _FEW_POINTS)
    ticks = [place for place in places if (len(shown) - 1 - int(place)) % step == 0]
    ax.set_xticks(ticks, [f"{rows[int(place)]['label']}\nn = {rows[int(place)]['n']:,}" for place in ticks])
    ax.set_xlim(-0.6, places[-1] + 0.55)
    is_net = shown["figure"].iloc[0] == "nps"
    ax.set_xlabel(_("Wave") if shown["by"].iloc[0] == "wave" else _("Month"))
    ax.set_ylabel(
        _("Net promoter score, points")
        if is_net
        else sentence("{score}, %", score=named(str(shown["figure"].iloc[0])))
    )
    value_grid(ax, "y")
    last = rows[-1]
    return describe(
        ax,
        title=_("Has the score moved by more than chance?"),
        subtitle=sentence(
            "Line: 95 % interval; band: three standard errors about all answers; circle: signal; n = {n} answers, "
            "{period}",
            n=int(shown["n"].sum()),
            period=period,
        ),
        alt=sentence(
            "Control chart of {points} points, {signals} of them signals. The last, {label}, stands at {value} ({low} "
            "to {high}); its limits are {lower} and {upper}.",
            points=len(shown),
            signals=int(signal.sum()),
            label=last["label"],
            **{name: value_text(last[name], "points") for name in ("value", "low", "high", "lower", "upper")},
        ),
    )


@figure
def differences(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw by how much each group's score differs from that of all others, with intervals.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.studies.satisfaction_groups.drawn`: *label*, *by*, *figure*, *n*, *difference*, *low*,
        *high*, *differs*.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    shown = table.head(_MOST_GROUPS)
    places: list[float] = []
    heights: dict[str, float] = {}
    place = -1.0
    for by in shown["by"]:
        # A new grouping begins with its heading.
        place += 1.0 if by in heights else 2.0
        heights.setdefault(by, place - 1.0)
        places.append(place)
    ax.figure.set_figheight(1.7 + 0.3 * (place + 2))  # type: ignore[union-attr]
    for height, row in zip(places, shown.to_dict("records"), strict=True):
        color = ACCENT if row["differs"] else "#8A8A8A"
        ax.hlines(height, row["low"], row["high"], color=color, linewidth=2)
        ax.scatter([row["difference"]], [height], s=40, color=color, zorder=3)
        ax.annotate(
            value_text(row["difference"], "points"),
            (row["high"], height),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=color if row["differs"] else SOFT,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )
    labels = [
        (height, sentence("{group} (n = {n})", group=row["label"], n=row["n"]))
        for height, row in zip(places, shown.to_dict("records"), strict=True)
    ]
    ticks = sorted([*labels, *((height, by) for by, height in heights.items())])
    ax.set_yticks([height for height, _text in ticks], [text for _height, text in ticks])
    for tick, (height, _text) in zip(ax.get_yticklabels(), ticks, strict=True):
        if height in heights.values():
            tick.set_color(SOFT)
    ax.set_ylim(place + 0.7, -0.7)
    ax.axvline(0, color=INK, linewidth=1)
    low, high = float(shown["low"].min()), float(shown["high"].max())
    ax.set_xlim(min(low, 0) - 0.03 * (high - low), max(high, 0) + 0.16 * (high - low))
    score = named(str(shown["figure"].iloc[0]))
    ax.set_xlabel(sentence("{score}: points above or below all others", score=score))
    value_grid(ax, "x")
    first = max(shown.to_dict("records"), key=lambda row: abs(row["difference"]))
    return describe(
        ax,
        title=_("Which groups differ by more than chance?"),
        subtitle=sentence(
            "Line: 95 % interval; blue: beyond chance after Holm's correction; {period}", period=period
        ),
        alt=sentence(
            "Dot chart of {groups} groups, {beyond} of them beyond chance. The widest difference is that of {group}: "
            "{value} ({low} to {high}).",
            groups=len(shown),
            beyond=int(shown["differs"].sum()),
            group=first["label"],
            value=value_text(first["difference"], "points"),
            low=value_text(first["low"], "points"),
            high=value_text(first["high"], "points"),
        ),
    )
