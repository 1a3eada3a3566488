"""Figures of study 01, how customers buy: where and what, when, for how much, and how soon again."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cam.estimate import CannotSay, Estimate
from cam.language import interval_text, named, sentence, together, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, SOFT, describe, figure, value_grid

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Lines that can be told apart when they lie over each other.
_MAX_YEARS = 4
#: Below this number of gaps the curve is drawn no further: chance rules its end.
_MIN_AT_RISK = 30
_MAX_DAYS = 365
#: Nor further than to this part of its last value: what follows is flat.
_NEARLY = 0.98


@figure
def mix_bars(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw the shares of all sections of the mix below each other.

    Parameters
    ----------
    table : DataFrame
        *section* (``channel``, ``category``, ``discount`` or ``n_categories``), *label*, *is_rest*, *share*, *low*,
        *high* (0-1), *all_orders* (missing for ``n_categories``), *all_customers*; in order.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    headings = {
        "channel": _("Channel, % of orders"),
        "category": _("Category, % of orders that hold it"),
        "discount": _("Discount, % of orders"),
        "n_categories": _("Categories bought from so far, % of customers"),
    }
    place, places, labels, words = 0.0, [], [], []
    for section, rows in table.groupby("section", sort=False):
        ax.text(0, place, headings[str(section)], color=SOFT, va="center")
        own = [place + 1 + step for step in range(len(rows))]
        # What is put together is not the largest of anything.
        alone = rows["share"].where(~rows["is_rest"].astype(bool))
        top = rows.loc[alone.idxmax()]
        _bars(ax, own, rows, accent=list(rows.index).index(alone.idxmax()))
        share = value_text(float(top["share"]), "share")
        words.append(
            sentence("{what}: {level} {share}", what=headings[str(section)], level=top["label"], share=share)
        )
        places += own
        labels += list(rows["label"])
        place = own[-1] + 1.4
    ax.set_yticks(places, labels)
    ax.set_ylim(place - 0.7, -0.7)
    _finish_bars(ax, table, _("Share, %"))
    _fit_height(ax, 1.2 + 0.25 * place)
    known = table["all_orders"].dropna()
    n_orders = int(known.max()) if len(known) else 0
    n = int(table["all_customers"].max())
    return describe(
        ax,
        title=_("Where, what and at which price do customers buy?"),
        subtitle=sentence(
            "Shares with 95 % intervals (thin lines); {orders} orders of n = {n} customers, {period}",
            orders=n_orders,
            n=n,
            period=period,
        ),
        alt=sentence("Bar chart. The largest of each: {levels}.", levels=_("; ").join(words)),
    )


@figure
def week_map(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    """Draw the orders at each hour of the week.

    Parameters
    ----------
    table : DataFrame
        *weekday* (0: Monday), *hour* (0-23), *n_orders*; an hour without an order may be absent.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    counts = table.pivot_table(
        index="weekday", columns="hour", values="n_orders", aggfunc="sum", fill_value=0
    )
    counts = counts.reindex(index=range(7), columns=range(24), fill_value=0)
    n = int(counts.to_numpy().sum())
    shares = counts.to_numpy(float) / n
    ax.imshow(shares, cmap="Blues", aspect="auto", vmin=0, vmax=shares.max())
    day, hour = divmod(int(shares.argmax()), 24)
    top = value_text(float(shares.max()), "share")
    ax.text(hour, day, f"{100 * shares.max():.1f}", ha="center", va="center", color=INK, fontsize=8)
    ax.set_xticks(range(0, 24, 3), [f"{begin:02d}:00" for begin in range(0, 24, 3)])
    by_day = shares.sum(axis=1)
    ax.set_yticks(
        range(7), [f"{named(name)}  {100 * share:.1f}" for name, share in zip(WEEKDAYS, by_day, strict=True)]
    )
    ax.set_xlabel(_("Hour, by the clock of the source"))
    ax.set_ylabel(_("Weekday, with its share of orders, %"))
    ax.spines["bottom"].set_visible(False)
    return describe(
        ax,
        title=_("When in the week do customers buy?"),
        subtitle=sentence(
            "Share of orders in each hour of the week, darker is more; the busiest hour holds {top}; "
            "n = {n} orders, {period}",
            top=top,
            n=n,
            period=period,
        ),
        alt=sentence(
            "Grid of weekdays and hours. The busiest hour is {day} {hour}:00 with {top} of orders; {weekend} fall on "
            "Saturday and Sunday.",
            day=named(WEEKDAYS[day]),
            hour=f"{hour:02d}",
            top=top,
            weekend=value_text(float(by_day[5:].sum()), "share"),
        ),
    )


@figure
def month_lines(table: pd.DataFrame, *, ax: Axes, note: str = "", period: str = "") -> Axes:
    """Draw the orders per day by calendar month, one line per year, so that a season would lie above itself.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.segmentation.behaviour.month_rates`. The latest four years are drawn.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    note : str
        Whether season and growth can be told apart, ready to print.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    years = sorted(table["year"].unique())[-_MAX_YEARS:]
    colors = dict(zip(years, [GREY, "#8A8A8A", INK, ACCENT][-len(years) :], strict=True))
    for year in years:
        rows = table[table["year"] == year]
        color = colors[year]
        ax.fill_between(rows["month"], rows["low"], rows["high"], color=color, alpha=0.2, linewidth=0)
        ax.plot(rows["month"], rows["rate"], color=color, linewidth=2, marker="o", markersize=4)
        last = rows.iloc[-1]
        ax.annotate(
            str(year),
            (last["month"], last["rate"]),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=color,
        )
    ax.set_xlim(0.5, 13.2)
    ax.set_xticks(range(1, 13), [str(month) for month in range(1, 13)])
    ax.set_ylim(0, 1.1 * max(float(table["high"].max()), 1e-9))
    ax.set_xlabel(_("Calendar month"))
    ax.set_ylabel(_("Orders per day"))
    value_grid(ax, "y")
    top, bottom = table.loc[table["rate"].idxmax()], table.loc[table["rate"].idxmin()]
    drawn = table[table["year"].isin(years)]
    words = [
        sentence(
            "Orders per day in each whole month, band: 95 % interval; n = {n} orders, {period}",
            n=int(drawn["n_orders"].sum()),
            period=period,
        ),
        note,
    ]
    return describe(
        ax,
        title=_("Is there a season?"),
        subtitle=_("; ").join(word for word in words if word),
        alt=sentence(
            "Line chart, one line per year. Most orders per day: {high} in {high_month}; fewest: {low} in {low_month}.",
            high=value_text(float(top["rate"]), "ratio"),
            high_month=_month(top),
            low=value_text(float(bottom["rate"]), "ratio"),
            low_month=_month(bottom),
        ),
    )


@figure
def order_values(table: pd.DataFrame, *, ax: Axes, mean: Estimate, period: str = "") -> Axes:
    """Draw how large orders are, in bins of round limits.

    Parameters
    ----------
    table : DataFrame
        *label* (of the bin), *share*, *low*, *high* (0-1), *all_orders*; in rising order of the bins.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    mean : Estimate
        Revenue per order.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    _bars(ax, list(range(len(table))), table, accent=int(table["share"].to_numpy().argmax()))
    ax.set_yticks(range(len(table)), list(table["label"]))
    ax.invert_yaxis()
    _finish_bars(ax, table, _("Share of orders, %"))
    ax.set_ylabel(_("Revenue of the order"))
    _fit_height(ax, 1.5 + 0.25 * len(table))
    n = int(table["all_orders"].iloc[0])
    top = table.loc[table["share"].idxmax()]
    average = value_text(mean.value, mean.unit)
    limits = interval_text(mean)
    return describe(
        ax,
        title=_("How large are orders?"),
        subtitle=sentence(
            "Orders by revenue, refunds taken off, with 95 % intervals; mean {mean}; n = {n} orders, {period}",
            mean=_("{value} ({notes})").format(value=average, notes=limits) if limits else average,
            n=n,
            period=period,
        ),
        alt=sentence(
            "Bar chart. The fullest bin, {label}, holds {share} of {n} orders; the mean is {mean}.",
            label=top["label"],
            share=value_text(float(top["share"]), "share"),
            n=n,
            mean=average,
        ),
    )


@figure
def gap_curve(
    table: pd.DataFrame, *, ax: Axes, median: Estimate | CannotSay | None = None, period: str = ""
) -> Axes:
    """Draw the share of purchases that have been followed by another, by the days since.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.segmentation.behaviour.gap_curve`. It is drawn for a year at most, as long as 30
        gaps are left, and until it is nearly flat.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    median : Estimate or CannotSay, optional
        In days; marked where it is known.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    drawn = table[(table["n_at_risk"] >= _MIN_AT_RISK) & (table["days"] <= _MAX_DAYS)]
    drawn = drawn if len(drawn) > 1 else table
    drawn = drawn.iloc[: 1 + int((drawn["share"] >= _NEARLY * drawn["share"].iloc[-1]).to_numpy().argmax())]
    days, share = drawn["days"], 100 * drawn["share"]
    ax.fill_between(
        days, 100 * drawn["low"], 100 * drawn["high"], step="post", color=ACCENT, alpha=0.25, linewidth=0
    )
    ax.step(days, share, where="post", color=ACCENT, linewidth=2)
    end = drawn.iloc[-1]
    ax.annotate(
        value_text(float(end["share"]), "share"),
        (end["days"], 100 * end["share"]),
        xytext=(0, 7),
        textcoords="offset points",
        ha="right",
        color=ACCENT,
        fontsize=11,
    )
    if isinstance(median, Estimate) and median.value <= end["days"]:
        ax.hlines(50, 0, median.value, color=SOFT, linewidth=1, linestyle="--")
        ax.vlines(median.value, 0, 50, color=SOFT, linewidth=1, linestyle="--")
        text = sentence("half within {days}", days=value_text(median.value, "days"))
        ax.annotate(text, (median.value, 50), xytext=(8, -14), textcoords="offset points", color=SOFT)
    ax.set_ylim(0, max(60, 1.12 * float(100 * drawn["high"].max())))
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(_("Days since the purchase"))
    ax.set_ylabel(_("Followed by another, %"))
    value_grid(ax, "y")
    n = int(table["n_at_risk"].iloc[0])
    words = sentence(
        "Line chart. {share} of purchases are followed by another within {days}.",
        share=value_text(float(end["share"]), "share"),
        days=value_text(float(end["days"]), "days"),
    )
    if isinstance(median, Estimate):
        words = together(words, sentence("Half are within {days}.", days=value_text(median.value, "days")))
    return describe(
        ax,
        title=_("How soon do customers buy again?"),
        subtitle=sentence(
            "Purchases that have been followed by another (Kaplan-Meier: gaps still open are counted), "
            "band: 95 % interval; n = {n} gaps, {period}",
            n=n,
            period=period,
        ),
        alt=words,
    )


def _bars(ax: Axes, places: list[float] | list[int], rows: pd.DataFrame, *, accent: int) -> None:
    colors = [ACCENT if step == accent else GREY for step in range(len(rows))]
    ax.barh(places, 100 * rows["share"], color=colors, height=0.7)
    ax.hlines(places, 100 * rows["low"], 100 * rows["high"], color=INK, linewidth=1.2)
    for place, row in zip(places, rows.to_dict("records"), strict=True):
        ax.annotate(
            f"{100 * row['share']:.1f}",
            (100 * row["high"], place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=9,
        )


def _finish_bars(ax: Axes, table: pd.DataFrame, label: str) -> None:
    ax.set_xlim(0, 1.12 * float(100 * table["high"].max()))
    ax.set_xlabel(label)
    value_grid(ax, "x")


def _month(row: pd.Series) -> str:
    return f"{int(row['year'])}-{int(row['month']):02d}"


def _fit_height(ax: Axes, inches: float) -> None:
    """Give a figure of its own the height that its rows need."""
    own = ax.get_figure(root=True)
    if own is not None and len(own.axes) == 1:
        own.set_figheight(inches)
