"""The figure of the data review: how many orders each month has, to see where data are missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cam.language import sentence, span_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, describe, figure, value_grid

#: Up to so many months each has a label of its own; of more, each January.
_MOST_LABELS = 14


@figure
def month_bars(months: Sequence[tuple[date, int]], *, ax: Axes, whole: Sequence[bool], by_line: bool) -> Axes:
    """Draw the purchases of each month; months that the data hold in part are grey.

    Parameters
    ----------
    months : sequence of (date, int)
        First day of each month, and its purchases.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    whole : sequence of bool
        Whether the data hold the whole of each month.
    by_line : bool
        Whether a row is a line of an order.

    Returns
    -------
    Axes
    """
    counts = [n for _first, n in months]
    ax.bar(range(len(months)), counts, color=[ACCENT if is_whole else GREY for is_whole in whole], width=0.8)
    few = len(months) <= _MOST_LABELS
    places = [place for place, (first, _n) in enumerate(months) if few or first.month == 1]
    labels = [f"{months[place][0]:%Y-%m}" if few else f"{months[place][0]:%Y}" for place in places]
    ax.set_xticks(places, labels, rotation=45 if few and len(months) > 8 else 0)
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.0f}"))
    value_grid(ax, "y")
    most, least = (months[counts.index(pick(counts))] for pick in (max, min))
    return describe(
        ax,
        title=_("Order lines per month") if by_line else _("Orders per month"),
        subtitle=sentence(
            "n = {n}, {period}; grey: months that the data hold in part",
            n=sum(counts),
            period=span_text(f"{months[0][0]:%Y-%m}/{months[-1][0]:%Y-%m}"),
        )
        if not all(whole)
        else sentence("n = {n}", n=sum(counts)),
        alt=sentence(
            "Bar chart by month. Most: {high} in {high_month}; fewest: {low} in {low_month}.",
            high=most[1],
            high_month=span_text(f"{most[0]:%Y-%m}"),
            low=least[1],
            low_month=span_text(f"{least[0]:%Y-%m}"),
        ),
    )
