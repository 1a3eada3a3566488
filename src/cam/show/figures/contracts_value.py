"""Figures of study 03 for contracts: how long they last, and how a model has it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from cam.estimate import CannotSay
from cam.language import named, sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, SOFT, describe, figure, value_grid


def contract_survival(
    table: pd.DataFrame | CannotSay | None, *, ax: Axes | None = None, period: str = ""
) -> Axes | CannotSay | None:
    """Draw which share of contracts is still there after each month: seen, and as the model has it.

    Parameters
    ----------
    table : DataFrame, CannotSay or None
        ``period``; ``survival`` with ``survival_low`` and ``survival_high`` by the ``model``; ``observed`` with
        ``observed_low`` and ``observed_high``, missing where too few were seen; ``constant`` survival at one churn
        rate; ``n`` contracts. None, where there are no contracts to speak of, draws nothing.
    ax : Axes, optional
        Where to draw.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    drawn: Any = None if table is None else _contract_survival(table, ax=ax, period=period)
    return drawn


@figure
def _contract_survival(table: pd.DataFrame, *, ax: Axes, period: str = "") -> Axes:
    start = pd.DataFrame({name: [1.0] for name in ("survival", "survival_low", "survival_high", "constant")})
    curve = 100 * pd.concat([start, table[list(start)]], ignore_index=True)
    months = [0, *table["period"]]
    ax.plot(months, curve["constant"], color=GREY, linewidth=1.2)
    ax.fill_between(
        months, curve["survival_low"], curve["survival_high"], color=ACCENT, alpha=0.25, linewidth=0
    )
    ax.plot(months, curve["survival"], color=ACCENT, linewidth=2)
    seen = table[table["observed"].notna()]
    ax.errorbar(
        seen["period"],
        100 * seen["observed"],
        yerr=100
        * pd.DataFrame(
            {
                "down": seen["observed"] - seen["observed_low"],
                "up": seen["observed_high"] - seen["observed"],
            }
        ).T,
        fmt="o",
        markersize=4,
        color=INK,
        ecolor=GREY,
        elinewidth=1,
        zorder=3,
    )
    last = table.iloc[-1]
    ax.annotate(
        value_text(last["survival"], "share"),
        (last["period"], 100 * last["survival"]),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        color=ACCENT,
        fontsize=11,
    )
    middle = table.iloc[len(table) // 2]
    ax.annotate(
        _("at one churn rate for all"),
        (middle["period"], 100 * middle["constant"]),
        xytext=(-4, -6),
        textcoords="offset points",
        ha="right",
        va="top",
        color=SOFT,
        fontsize=9,
    )
    ax.set_xlim(0, 1.08 * float(last["period"]))
    ax.set_ylim(0, 105)
    ax.set_xlabel(_("Months since the start of the contract"))
    ax.set_ylabel(_("Share of contracts still running, %"))
    value_grid(ax, "y")
    latest = seen.iloc[-1]
    return describe(
        ax,
        title=_("How long do contracts last?"),
        subtitle=sentence(
            "Seen (dots, with 95 % intervals) and by the model {model} (blue, band: 95 % interval); "
            "n = {n} contracts; {period}",
            model=named(str(last["model"])),
            n=int(last["n"]),
            period=period,
        ),
        alt=sentence(
            "Falling curve. After {a} months {seen} of contracts still ran, by the model {model}; after {b} months it "
            "expects {end}.",
            a=int(latest["period"]),
            seen=value_text(latest["observed"], "share"),
            model=value_text(latest["survival"], "share"),
            b=int(last["period"]),
            end=value_text(last["survival"], "share"),
        ),
    )
