"""Figure of study 05: what contacting earns, by the share of customers contacted."""

from __future__ import annotations

from matplotlib.axes import Axes

from cam.language import sentence, unit_text, value_text
from cam.language import translate as _
from cam.measures.churn.own_worth import OwnWorthFit
from cam.show.canvas import ACCENT, INK, SOFT, describe, figure, value_grid

#: The words of the list's share stand left of it from here on.
_RIGHT = 0.55


@figure
def profit_by_share(earned: OwnWorthFit, *, ax: Axes, currency: str, period: str = "") -> Axes:
    """Draw the profit per customer against the share contacted: by expected gain, and by risk alone.

    Parameters
    ----------
    earned : OwnWorthFit
        With its curves.
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
    best = earned.profit
    gain, risk = (earned.curve[earned.curve["order"] == name] for name in ("gain", "risk"))
    ax.plot(100 * risk["share_contacted"], risk["profit"], color=SOFT, linewidth=2)
    share = 100 * gain["share_contacted"]
    ax.fill_between(share, gain["low"], gain["high"], color=ACCENT, alpha=0.2, linewidth=0)
    ax.plot(share, gain["profit"], color=ACCENT, linewidth=2)
    ax.axhline(0, color=INK, linewidth=1)
    place = 100 * earned.share.value
    ax.plot([place], [best.value], "o", color=INK, markersize=7, zorder=5)
    is_right = earned.share.value > _RIGHT
    words = (
        sentence(
            "the list: contact {share}\n{profit} per customer",
            share=value_text(earned.share.value, "share"),
            profit=value_text(best.value, currency),
        )
        if earned.share.value > 0
        else _("the list: contact nobody")
    )
    top = max(float(gain["high"].max()), float(risk["profit"].max()), best.value, 0.0)
    bottom = min(float(gain["low"].min()), float(risk["profit"].min()), 0.0)
    room = top - bottom or 1.0
    ax.annotate(
        words,
        (place, best.value),
        xytext=(100 if is_right else 2, top + 0.32 * room),
        textcoords="data",
        ha="right" if is_right else "left",
        va="top",
        color=INK,
        fontsize=11,
        arrowprops={"arrowstyle": "-", "color": SOFT, "linewidth": 0.8},
    )
    # Each line is named where it stands farthest from the other, on its own side.
    apart = (gain["profit"].to_numpy() - risk["profit"].to_numpy())[45:71]
    row = 45 + int(apart.argmax())
    for line, side, color, name in (
        (gain, 1, ACCENT, _("by expected gain")),
        (risk, -1, INK, _("by risk alone")),
    ):
        ax.annotate(
            name,
            (100 * line["share_contacted"].iloc[row], line["profit"].iloc[row]),
            xytext=(4 * side, 7 * side),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="bottom" if side > 0 else "top",
            color=color,
            fontsize=11,
        )
    ax.annotate(
        sentence("all: {profit}", profit=value_text(earned.every.value, currency)),
        (100, earned.every.value),
        xytext=(-4, -8 if earned.every.value < best.value else 8),
        textcoords="offset points",
        ha="right",
        va="top" if earned.every.value < best.value else "bottom",
        color=INK,
        fontsize=11,
    )
    ax.set_xlim(0, 100)
    ax.set_ylim(bottom - 0.12 * room, top + 0.35 * room)
    ax.set_xlabel(_("Share of customers contacted, %"))
    ax.set_ylabel(sentence("Profit per customer, {unit}", unit=unit_text(currency)))
    value_grid(ax, "y")
    return describe(
        ax,
        title=_("How many should be contacted?"),
        subtitle=sentence(
            "Profit per customer of the base at the assumed save rate, each with their own worth; band: 95 % interval "
            "over customers and save rates; n = {n}, {period}",
            n=f"{earned.n:,}",
            period=period,
        )
        if period
        else sentence(
            "Profit per customer of the base at the assumed save rate, each with their own worth; band: 95 % interval "
            "over customers and save rates; n = {n}",
            n=f"{earned.n:,}",
        ),
        alt=sentence(
            "Line chart of profit by share contacted. Calling by expected gain, as far as one is expected, reaches "
            "{share} of customers and brings {best} per customer, as many by risk alone {by_risk}; contacting all "
            "brings {every}.",
            share=value_text(earned.share.value, "share"),
            best=value_text(best.value, currency),
            by_risk=value_text(earned.by_risk.value, currency),
            every=value_text(earned.every.value, currency),
        ),
    )
