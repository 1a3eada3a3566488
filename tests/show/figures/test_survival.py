"""Figures of survival: bands and numbers at risk drawn, shares told at one time, changing ratios marked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from cam.estimate import CannotSay
from cam.language import use
from cam.measures.lifecycle.survival import kaplan_meier, numbers_at_risk
from cam.show.canvas import ACCENT, svg
from cam.show.figures import survival as figures


def cells(rate, n=400, last=24):
    gone = np.round(n * rate * (1 - rate) ** np.arange(last)).astype(int)
    rows = [(t + 1, True, count) for t, count in enumerate(gone)] + [(last, False, n - gone.sum())]
    return pd.DataFrame(rows, columns=["duration", "event_observed", "n_customers"])


PARTS = {"": cells(0.05, 800), "search": cells(0.03), "referral": cells(0.08, last=20)}
CURVES = pd.concat(
    [kaplan_meier(part).assign(group=name, told=lambda curve: curve["time"]) for name, part in PARTS.items()]
)
AT_RISK = pd.DataFrame(
    [
        (name, at, n)
        for name, part in PARTS.items()
        for at, n in zip([0, 3, 12, 24, 36], numbers_at_risk(part, times=[0, 3, 12, 24, 36]), strict=True)
    ],
    columns=["group", "told", "n_at_risk"],
)
RATIOS = pd.DataFrame(
    [
        ("acquisition_channel", "referral", "search", 781, 0.69, 0.60, 0.79, 0.7, 0.68, True),
        ("acquisition_channel", "social", "search", 900, 1.10, 0.99, 1.21, 1.9, 0.6, False),
        ("gender", "male", "female", 500, 1.04, 0.97, 1.12, 1.0, 1.1, True),
    ],
    columns=[
        *("attribute", "level", "reference", "n_customers", "hazard_ratio", "low", "high", "early", "late"),
        "is_steady",
    ],
)


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def words(ax):
    return (
        " ".join(text.get_text() for text in ax.figure.findobj(Text)).replace("\n", " ").replace("\xa0", " ")
    )


def curves(basis="purchases", table=CURVES, at_risk=AT_RISK):
    if isinstance(table, pd.DataFrame):
        table = table.assign(basis=basis, by="acquisition_channel")
    return figures.survival_curves(table, at_risk=at_risk, period="1 Jul 2023 to 30 Jun 2026")


@pytest.mark.parametrize("basis", ["second", "contract", "snapshot", "purchases"])
def test_every_figure_is_described_in_both_languages(language, basis):
    for draw in (lambda: curves(basis), lambda: figures.hazard_ratios(RATIOS, period="2026")):
        ax = draw()
        assert ax.figure.get_gid() and "{" not in ax.figure.get_gid() + words(ax)
        assert svg(ax.figure) == svg(draw().figure)


def test_shares_are_told_at_a_time_that_every_group_has_reached():
    said = words(curves())
    # Referral ends at month 20, so month 12 it is, where its curve stands at 0.92 ** 12, rounded to customers.
    assert "numbers: after 12 months" in said
    for name, part in PARTS.items():
        curve = kaplan_meier(part).set_index("time")["survival"]
        assert f"{name or 'All'} {100 * curve.loc[12]:.1f} %" in said


def test_numbers_at_risk_stand_below_and_empty_times_are_left_out():
    ax = curves()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "3", "12", "24"]
    said = words(ax)
    for n in AT_RISK.loc[AT_RISK["told"] <= 12, "n_at_risk"]:
        assert f" {n:,} " in f" {said} "


def test_returning_rises_and_staying_falls():
    for basis, sign in (("second", 1), ("purchases", -1)):
        for line in curves(basis).lines:
            steps = np.diff(line.get_ydata())
            assert (sign * steps >= 0).all() and (sign * steps > 0).any()


def test_bands_lie_about_their_lines():
    ax = curves("second")
    for line, band in zip(ax.lines, ax.collections, strict=True):
        inside = band.get_paths()[0].vertices[:, 1]
        assert inside.min() <= line.get_ydata().min() and inside.max() >= line.get_ydata().max() - 1e-9


def test_one_curve_needs_no_names():
    ax = curves(table=CURVES[CURVES["group"] == ""], at_risk=AT_RISK[AT_RISK["group"] == ""])
    said = words(ax)
    assert "All" not in said and ax.lines[0].get_color() == ACCENT and "number: after 24 months" in said


def test_ratios_beyond_chance_are_blue_and_changing_ones_are_told_early_and_late():
    ax = figures.hazard_ratios(RATIOS, period="2026")
    said = words(ax)
    assert "early 1.90, late 0.60" in said and "1.10" not in said.split("Hazard ratio:")[0].replace(
        "1.10,", ""
    )
    assert "Acquisition channel, against search" in said and "Gender, against female" in said
    blue = [
        mark for mark in ax.collections if len(mark.get_edgecolor()) and _is(mark.get_edgecolor()[0], ACCENT)
    ]
    assert len(blue) == 2  # line and dot of referral
    assert ax.get_xscale() == "log"
    low, high = ax.get_xlim()
    assert low < 0.6 and high > 1.9  # where the ratio of social begins and ends


def test_nothing_draws_nothing():
    assert curves(table=None) is None and figures.hazard_ratios(None) is None
    assert curves(table=CannotSay("No.")).reason == figures.hazard_ratios(CannotSay("No.")).reason == "No."


def _is(colour, name):
    from matplotlib.colors import to_hex

    return to_hex(colour).upper() == name


def test_a_long_curve_is_thinned_to_what_can_be_seen():
    share = 100 * np.exp(-np.arange(3000) / 900)
    seen = figures._visible(share)
    assert seen[0] == 0 and seen[-1] == 2999 and len(seen) < 450
    # Between two places that are drawn the curve moves by less than the finest step.
    assert np.abs(np.diff(share[seen])).max() <= 2 * figures._FINEST
