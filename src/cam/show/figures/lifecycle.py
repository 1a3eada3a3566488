"""Figures of study 02: which cohorts keep coming, and how fast customers drift away."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cam.language import sentence, value_text
from cam.language import translate as _
from cam.measures.lifecycle.retention import MIN_COHORT
from cam.show.canvas import ACCENT, GREY, INK, SOFT, describe, figure, value_grid

#: What a page can hold legibly; the key figures have the rest.
_MAX_COHORTS, _MAX_WIDE_AGES, _MAX_COHORTS_WITH_LIMITS = 18, 14, 4


@figure
def cohort_heat_map(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw the share of each cohort that bought in each month of its age.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.lifecycle.retention.retention_table`. At most 18 cohorts are drawn, the
        latest; cells have a decimal up to 14 months, and intervals up to 4 cohorts; cohorts of fewer than 30 customers
        have no colour.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    cohorts = sorted(table["cohort"].unique())
    drawn = table[table["cohort"].isin(cohorts[-_MAX_COHORTS:])]
    rates = drawn.pivot_table(index="cohort", columns="age", values="retention_rate")
    sizes = drawn.groupby("cohort")["n_customers"].first()
    firm = rates.where(sizes >= MIN_COHORT)
    top = float(firm.max().max()) if firm.notna().any(axis=None) else 1.0
    _fit_height(ax, len(rates))
    ax.imshow(firm, cmap="Blues", aspect="auto", vmin=0, vmax=max(1.15 * top, 0.01))
    _number_cells(ax, drawn, list(rates.index), top)
    _rule_cells(ax, rates)
    ax.set_xticks(range(len(rates.columns)), [str(age) for age in rates.columns])
    if len(rates.columns) > _MAX_WIDE_AGES:
        ax.tick_params(axis="x", labelsize=7)
    ax.set_yticks(range(len(rates)), [f"{cohort}  ({sizes[cohort]:,})" for cohort in rates.index])
    ax.set_xlabel(_("Months after the month of the first purchase"))
    ax.set_ylabel(_("First purchase (customers)"))
    n = int(sizes.sum())
    words = [
        sentence("Share of each cohort that bought in the month, %; n = {n}, {period}", n=n, period=period)
    ]
    if len(cohorts) > _MAX_COHORTS:
        words.append(
            sentence("the latest {shown} of {all} cohorts are drawn", shown=_MAX_COHORTS, all=len(cohorts))
        )
    if (sizes < MIN_COHORT).any():
        words.append(sentence("cohorts below {n} customers are grey, chance rules them", n=MIN_COHORT))
    first, last = drawn.iloc[0], drawn[drawn["cohort"] == cohorts[-1]].iloc[0]
    return describe(
        ax,
        title=_("Do each month's new customers keep coming?"),
        subtitle=_("; ").join(words),
        alt=sentence(
            "Grid of {n} cohorts by month of age. Of the customers of {first}, {a} bought in the next month; of "
            "those of {last}, {b}.",
            n=len(rates),
            first=first["cohort"],
            a=value_text(first["retention_rate"], "share"),
            last=last["cohort"],
            b=value_text(last["retention_rate"], "share"),
        ),
    )


@figure
def retention_curve(pooled: pd.DataFrame, *, ax: Axes, cohorts: pd.DataFrame, period: str = "") -> Axes:
    """Draw the share of all customers who bought in each month of age, over the single cohorts.

    Parameters
    ----------
    pooled : DataFrame
        As from :func:`cam.measures.lifecycle.retention.pooled_retention`.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    cohorts : DataFrame
        As from :func:`cam.measures.lifecycle.retention.retention_table`; those of at least 30 customers are drawn
        in grey.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    large = cohorts[cohorts["n_customers"] >= MIN_COHORT]
    for _cohort, rows in large.groupby("cohort"):
        ax.plot(rows["age"], 100 * rows["retention_rate"], color=GREY, linewidth=0.7, alpha=0.6, zorder=1)
    age, rate = pooled["age"], 100 * pooled["retention_rate"]
    ax.fill_between(age, 100 * pooled["low"], 100 * pooled["high"], color=ACCENT, alpha=0.25, linewidth=0)
    ax.plot(age, rate, color=ACCENT, linewidth=2, marker="o", markersize=4, zorder=3)
    for place in {0, len(pooled) - 1}:
        row = pooled.iloc[place]
        ax.annotate(
            value_text(row["retention_rate"], "share"),
            (row["age"], 100 * row["high"]),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            color=ACCENT,
            fontsize=11,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
        )
    ax.set_ylim(0, 1.15 * 100 * max(pooled["high"].max(), large["retention_rate"].max(), 0.01))
    ax.set_xlim(0.5, max(age.max(), 2) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(_("Months after the month of the first purchase"))
    ax.set_ylabel(_("Share of customers who bought, %"))
    value_grid(ax, "y")
    start, end = pooled.iloc[0], pooled.iloc[-1]
    return describe(
        ax,
        title=_("How fast do customers drift away?"),
        subtitle=sentence(
            "All cohorts together (blue, band: 95 % interval) and each alone (grey); "
            "n = {n} customers after {a} month, {m} after {b}; {period}",
            n=int(start["n_customers"]),
            a=int(start["age"]),
            m=int(end["n_customers"]),
            b=int(end["age"]),
            period=period,
        ),
        alt=sentence(
            "Line chart. {a} of customers bought in month {first} of age, {b} in month {last}.",
            a=value_text(start["retention_rate"], "share"),
            first=int(start["age"]),
            b=value_text(end["retention_rate"], "share"),
            last=int(end["age"]),
        ),
    )


def _number_cells(ax: Axes, drawn: pd.DataFrame, cohorts: list[str], top: float) -> None:
    """Write the rates into the cells, with their intervals where there is room."""
    is_wide = drawn["age"].nunique() <= _MAX_WIDE_AGES
    has_room = is_wide and len(cohorts) <= _MAX_COHORTS_WITH_LIMITS
    size = (9 if len(cohorts) <= 2 * _MAX_COHORTS_WITH_LIMITS else 8) if is_wide else 7
    digits = 1 if is_wide and top < 0.995 else 0
    first = int(drawn["age"].min())
    for row in drawn.itertuples():
        x, y = row.age - first, cohorts.index(row.cohort)
        is_firm = row.n_customers >= MIN_COHORT
        color = INK if is_firm else SOFT
        rate = f"{100 * row.retention_rate:.{digits}f}"
        ax.text(x, y - 0.12 * has_room, rate, ha="center", va="center", color=color, fontsize=size)
        if has_room:
            narrow = 1 if 100 * (row.high - row.low) < 2 else 0
            limits = f"{100 * row.low:.{narrow}f}–{100 * row.high:.{narrow}f}"
            ax.text(x, y + 0.2, limits, ha="center", va="center", color=color, fontsize=7)


def _rule_cells(ax: Axes, rates: pd.DataFrame) -> None:
    """Part the cells by white lines, lighter to read than a box around each."""
    ax.set_xticks([place - 0.5 for place in range(1, len(rates.columns))], minor=True)
    ax.set_yticks([place - 0.5 for place in range(1, len(rates))], minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="minor", length=0)
    ax.spines["bottom"].set_visible(False)


def _fit_height(ax: Axes, n_rows: int) -> None:
    """Give a figure of its own the height that its rows need."""
    own = ax.get_figure(root=True)
    if own is not None and len(own.axes) == 1:
        own.set_figheight(1.6 + max(0.27 * n_rows, min(0.55 * n_rows, 2.2)))
