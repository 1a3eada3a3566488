"""Figures of customer segment value: what they draw is what they are given, and they say it in words."""

from __future__ import annotations

import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.measures.value.profitability import concentration
from cam.measures.value.segment_value import group_values, matrix
from cam.show.canvas import svg
from cam.show.figures import segment_value as figures

CURVE = concentration(
    pd.DataFrame(
        {
            "n_customers": [50, 30, 20],
            "total": [900, 300, -100],
            "squared": [20000, 3500, 600],
            "lowest": [12, 3, -9],
        }
    )
)
LOSING = Estimate("unprofitable_share", 0.2, "share", 100, 0.13, 0.29)
PEAK = Estimate("whale_peak", 12 / 11, "share", 100, 1.05, 1.2)
SUMS = pd.DataFrame(
    {"kind": ["level", "other", "missing"], "level": ["champions", None, None], "n_customers": [50, 30, 20],
     "n_revenue": [50, 30, 20], "sum_revenue": [90000, 9000, 3000],
     "squared_revenue": [200_000_000, 3_000_000, 500_000]}
)  # fmt: skip
QUADRANTS = matrix(
    pd.DataFrame(
        {"is_profitable": [1, 0], "is_loyal": [1, 0], "n_customers": [60, 40], "sum_profit": [60000, 400],
         "squared_profit": [70_000_000, 5_000], "n_negative": [0, 3], "n_near_profit": [6, 4],
         "n_near_loyalty": [0, 1], "n_near": [6, 4]}
    )
)  # fmt: skip


def words(ax):
    return " ".join(text.get_text() for text in ax.texts).replace("\xa0", " ")


def test_the_whale_curve_marks_its_peak():
    ax = figures.whale_curve(CURVE, figures=[LOSING, PEAK], period="2026")
    line = max(ax.get_lines(), key=lambda one: len(one.get_xdata()))
    assert list(line.get_xdata()) == pytest.approx([0, 50, 80, 100])
    assert list(line.get_ydata()) == pytest.approx([0, 100 * 900 / 1100, 100 * 1200 / 1100, 100])
    dot = ax.collections[-1].get_offsets()[0]
    assert list(dot) == pytest.approx([80, 100 * 1200 / 1100])
    assert "20.0 % of customers lost money" in words(ax) and "109.1 %" in words(ax)
    assert "20.0" in ax.figure.get_gid()


def test_without_losers_nothing_is_marked():
    none = Estimate("unprofitable_share", 0.0, "share", 100, 0.0, 0.04)
    ax = figures.whale_curve(CURVE.iloc[:2], figures=[none])
    assert "lost money" not in words(ax)


def test_groups_show_each_share_with_its_limits():
    table = group_values(SUMS, ("revenue",))
    ax = figures.group_shares(table, period="2026")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Champions", "all others", "not known"]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([50, 30, 20])
    dots = next(one for one in ax.collections if one.get_label() == "of revenue so far").get_offsets()
    assert list(dots[:, 0]) == pytest.approx(list(100 * table["revenue_share"]))


def test_the_matrix_holds_four_cells_with_numbers():
    ax = figures.loyalty_matrix(QUADRANTS, period="2026")
    said = words(ax)
    for part in (
        "True friends",
        "Butterflies",
        "Barnacles",
        "Strangers",
        "60.0 % of customers",
        "0.0 % of customers",
    ):
        assert part in said
    assert "True friends: 60.0" in ax.figure.get_gid()


def test_what_cannot_be_said_is_passed_on_and_a_drawing_is_the_same_twice():
    assert figures.loyalty_matrix(CannotSay("No profit.")).reason == "No profit."
    assert svg(figures.loyalty_matrix(QUADRANTS).figure) == svg(figures.loyalty_matrix(QUADRANTS).figure)
