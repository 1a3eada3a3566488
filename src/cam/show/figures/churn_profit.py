"""Figure of study 05: what contacting earns, by the share of customers contacted."""

from __future__ import annotations

from matplotlib.axes import Axes

from cam.language import sentence, unit_text, value_text
from cam.language import translate as _
from cam.measures.churn.profit import ProfitFit
from cam.show.canvas import ACCENT, INK, SOFT, describe, figure, value_grid

#: The best share's words stand left of it from here on.
_RIGHT = 0.55


@figure
def profit_by_share(earned: ProfitFit, *, ax: Axes, currency: str, period: str = "") -> Axes:
    """Draw the profit per customer against the share contacted, those at most risk first.

    Parameters
    ----------
    earned : ProfitFit
        With its curve.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    currency : str
        ISO code of the money.
    period : str
        When those who were tested left or stayed, ready to print.

    Returns
    -------
    Axes
    """
    curve, best = earned.curve, earned.mpc
    share = 100 * curve["share_contacted"]
    ax.fill_between(share, curve["low"], curve["high"], color=ACCENT, alpha=0.2, linewidth=0)
    ax.plot(share, curve["profit"], color=ACCENT, linewidth=2)
    ax.axhline(0, color=INK, linewidth=1)
    place = 100 * earned.best_share.value
    ax.plot([place], [best.value], "o", color=INK, markersize=7, zorder=5)
    is_right = earned.best_share.value > _RIGHT
    words = (
        sentence(
            "best: contact {share}\n{profit} per customer",
            share=value_text(earned.best_share.value, "share"),
            profit=value_text(best.value, currency),
        )
        if best.value > 0
        else _("best: contact nobody")
    )
    top = float(curve["high"].max())
    bottom = min(float(curve["low"].min()), 0.0)
    room = max(top, best.value, 0.0) - bottom or 1.0
    ax.annotate(
        words,
        (place, best.value),
        xytext=(100 if is_right else 2, max(top, best.value, 0.0) + 0.22 * room),
        textcoords="data",
        ha="right" if is_right else "left",
        va="top",
        color=INK,
        fontsize=11,
        arrowprops={"arrowstyle": "-", "color": SOFT, "linewidth": 0.8},
    )
    end = curve.iloc[-1]
    ax.annotate(
        sentence("all: {profit}", profit=value_text(float(end["profit"]), currency)),
        (100, float(end["profit"])),
        xytext=(-4, -8 if end["profit"] < best.value else 8),
        textcoords="offset points",
        ha="right",
        va="top" if end["profit"] < best.value else "bottom",
        color=ACCENT,
        fontsize=11,
    )
    ax.set_xlim(0, 100)
    ax.set_ylim(bottom - 0.08 * room, max(top, best.value, 0.0) + 0.25 * room)
    ax.set_xlabel(_("Share of customers contacted, those at most risk first, %"))
    ax.set_ylabel(sentence("Profit per customer, {unit}", unit=unit_text(currency)))
    value_grid(ax, "y")
    return describe(
        ax,
        title=_("How many should be contacted?"),
        subtitle=sentence(
            "Profit per customer of the base at the assumed save rate; band: 95 % interval over customers and save "
            "rates; n = {n}, {period}",
            n=f"{earned.n:,}",
            period=period,
        )
        if period
        else sentence(
            "Profit per customer of the base at the assumed save rate; band: 95 % interval over customers and save "
            "rates; n = {n}",
            n=f"{earned.n:,}",
        ),
        alt=sentence(
            "Line chart of profit by share contacted. It is highest at {share} of customers, {best} per customer; "
            "contacting all brings {every}.",
            share=value_text(earned.best_share.value, "share"),
            best=value_text(best.value, currency),
            every=value_text(float(end["profit"]), currency),
        ),
    )
