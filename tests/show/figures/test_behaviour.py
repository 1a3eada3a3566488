"""Figures of how customers buy: what they draw is what they are given, and they say it in words."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.language import use
from cam.show.canvas import svg
from cam.show.figures import behaviour as figures

MIX = pd.DataFrame(
    {
        "section": ["channel", "channel", "discount", "n_categories"],
        "label": ["$app$", "all others", "no discount", "1"],
        "is_rest": [False, True, False, False],
        "share": [0.3, 0.7, 0.9, 0.4],
        "low": [0.25, 0.65, 0.85, 0.35],
        "high": [0.35, 0.75, 0.95, 0.45],
        "all_orders": [900.0, 900.0, 880.0, float("nan")],
        "all_customers": [100, 100, 100, 100],
    }
)
WEEK = pd.DataFrame({"weekday": [0, 4, 6], "hour": [9, 21, 0], "n_orders": [30, 60, 10]})
MONTHS = pd.DataFrame(
    {
        "year": [2024] * 12 + [2025, 2025],
        "month": [*range(1, 13), 1, 2],
        "n_orders": range(100, 114),
        "rate": [number / 30 for number in range(100, 114)],
        "low": [number / 30 - 0.5 for number in range(100, 114)],
        "high": [number / 30 + 0.5 for number in range(100, 114)],
    }
)
VALUES = pd.DataFrame(
    {
        "label": ["zero or less", "$0.00 to $10.00", "more than $10.00"],
        "share": [0.1, 0.6, 0.3],
        "low": [0.05, 0.5, 0.2],
        "high": [0.15, 0.7, 0.4],
        "all_orders": [900] * 3,
    }
)
CURVE = pd.DataFrame(
    {
        "days": [0, 7, 30, 400],
        "n_at_risk": [500, 480, 200, 40],
        "n_closed": [0, 200, 100, 2],
        "share": [0.0, 0.4, 0.7, 0.75],
        "low": [0.0, 0.35, 0.65, 0.7],
        "high": [0.0, 0.45, 0.75, 0.8],
    }
)
MEAN = Estimate("mean_order_value", 12.5, "USD", 900, 11.5, 13.5)
MEDIAN = Estimate("median_interpurchase_days", 30, "days", 500, 28, 33)
FIGURES = {
    "mix": (figures.mix_bars, MIX, {}),
    "week": (figures.week_map, WEEK, {}),
    "months": (figures.month_lines, MONTHS, {"note": "a note"}),
    "values": (figures.order_values, VALUES, {"mean": MEAN}),
    "gaps": (figures.gap_curve, CURVE, {"median": MEDIAN}),
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
    assert draw(CannotSay("No orders."), **options) == CannotSay("No orders.")


def test_the_bars_are_the_shares_and_the_rest_is_never_the_largest():
    ax = figures.mix_bars(MIX)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([30, 70, 90, 40])
    colors = [bar.get_facecolor() for bar in ax.patches]
    assert colors[0] == colors[2] == colors[3] != colors[1]
    assert "$app$ 30.0" in ax.figure.get_gid() and "all others" not in ax.figure.get_gid()
    intervals = [line.get_segments()[0][:, 0].tolist() for line in ax.collections]
    assert intervals[0] == pytest.approx([25, 35])


def test_dollars_are_no_formula():
    for ax in (figures.mix_bars(MIX), figures.order_values(VALUES, mean=MEAN)):
        drawn = svg(ax.figure)
        assert "$app$" in drawn or "$0.00 to $10.00" in drawn
    assert "$11.50 to $13.50" in drawn


def test_the_week_has_every_hour_and_each_days_share():
    ax = figures.week_map(WEEK)
    grid = ax.images[0].get_array()
    assert grid.shape == (7, 24) and grid.sum() == pytest.approx(1)
    assert grid[4, 21] == pytest.approx(0.6)
    assert [tick.get_text() for tick in ax.get_yticklabels()][4] == "Friday  60.0"
    assert "Friday 21:00" in ax.figure.get_gid() and "10.0" in ax.figure.get_gid()


def test_each_year_is_a_line_of_its_own():
    ax = figures.month_lines(MONTHS)
    assert [len(line.get_xdata()) for line in ax.lines] == [12, 2]
    assert [text.get_text() for text in ax.texts] == ["2024", "2025"]
    assert "2024-01" in ax.figure.get_gid() and "2025-02" in ax.figure.get_gid()


def test_the_curve_ends_after_a_year_and_marks_the_median_where_there_is_one():
    ax = figures.gap_curve(CURVE, median=MEDIAN)
    assert max(ax.lines[0].get_xdata()) == 30
    assert any("half within 30" in text.get_text() for text in ax.texts)
    for none in (None, CannotSay("Too few.")):
        assert not any(
            "half within" in text.get_text() for text in figures.gap_curve(CURVE, median=none).texts
        )
