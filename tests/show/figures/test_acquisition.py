"""Figures of the cost of a new customer: they draw what they are given, the same bytes every time, in words too."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import svg
from cam.show.figures import acquisition as figures

CHANNELS = pd.DataFrame(
    {
        "channel": ["search", "store"],
        "cac": [50.0, 90.0],
        "low": [40.0, 60.0],
        "high": [60.0, 130.0],
        "n_new": [80, 20],
    }
)
PERIODS = pd.DataFrame(
    {
        "period": ["2026-Q1", "2026-Q2", "2026-Q3"],
        "cac": [50.0, float("nan"), 60.0],
        "low": [40.0, float("nan"), 50.0],
        "high": [60.0, float("nan"), 72.0],
        "n_new": [30, 0, 40],
    }
)
CURVES = pd.DataFrame(
    {
        "cohort": ["2026-Q1"] * 4,
        "age": range(4),
        "margin": [20.0, 40, 60, 80],
        "low": [18.0, 35, 52, 70],
        "high": [22.0, 45, 68, 90],
    }
)
PAID = pd.DataFrame(
    {
        "cohort": ["2026-Q1"],
        "n_customers": [300],
        "cac": [55.0],
        "cac_low": [50.0],
        "cac_high": [60.0],
        "payback_months": [2.0],
        "low": [1.0],
        "high": [3.0],
        "months_seen": [3],
    }
)
RATIOS = CHANNELS.rename(columns={"cac": "ratio", "n_new": "n"})
NEXT = CHANNELS.assign(average=[40.0, 50.0]).rename(
    columns={"cac": "marginal", "low": "marginal_low", "high": "marginal_high"}
)

FIGURES = {
    "channels": (figures.cac_by_channel, CHANNELS, {"currency": "EUR"}),
    "trend": (figures.cac_trend, PERIODS, {"currency": "EUR", "lagged": PERIODS.tail(2)}),
    "payback": (figures.payback_curves, PAID, {"currency": "EUR", "curves": CURVES}),
    "ratio": (figures.clv_to_cac_by_channel, RATIOS, {}),
    "marginal": (figures.marginal_cac_by_channel, NEXT, {"currency": "EUR"}),
}


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


@pytest.mark.parametrize("name", FIGURES)
def test_says_what_it_shows(name, language):
    # A missing glyph is a warning, and the tests turn it into an error.
    draw, table, options = FIGURES[name]
    before = table.copy()
    ax = draw(table, period="2026", **options)
    assert re.search(r"\d", ax.figure.get_gid()) and ax.get_xlabel()
    assert "nan" not in ax.figure.get_gid()
    assert svg(draw(table, period="2026", **options).figure) == svg(ax.figure)
    pd.testing.assert_frame_equal(table, before)
    assert draw(CannotSay("No spend."), **options) == CannotSay("No spend.")


def test_a_period_without_a_cost_is_a_gap():
    ax = figures.cac_trend(PERIODS, currency="EUR", lagged=CannotSay("No leads."))
    assert pd.isna(ax.lines[0].get_ydata()[1]) and len(ax.lines) == 1
    assert "2026-Q1" in ax.figure.get_gid() and "2026-Q3" in ax.figure.get_gid()


def test_a_cohort_that_has_not_paid_back_says_so_and_marks_nothing():
    late = PAID.assign(payback_months=float("nan"), low=float("nan"), high=float("nan"), cac=550.0)
    ax = figures.payback_curves(late, curves=CURVES, currency="EUR")
    assert "not paid back within 3 months" in ax.figure.get_gid()
    assert len(figures.payback_curves(PAID, curves=CURVES, currency="EUR").collections) > len(ax.collections)


def test_what_is_open_above_ends_with_what_was_seen():
    ax = figures.payback_curves(PAID.assign(high=float("nan")), curves=CURVES, currency="EUR")
    assert any(list(line.get_xdata()) == [1.0, 3.0] for line in ax.lines)
