"""Figures of customer equity: the largest lever first, and bars that add up."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import ACCENT, GREY, svg
from cam.show.figures import equity as figures

LEVERS = pd.DataFrame(
    {
        "lever": ["cac", "retention", "margin", "discount_rate"],
        "low": [1004.0, 940.0, 985.0, 1012.0],
        "high": [996.0, 1065.0, 1015.0, 989.0],
        "equity": [1000.0] * 4,
    }
)
PARTS = pd.DataFrame(
    {"part": ["current_base", "future_customers", "acquisition_cost"], "value": [1200.0, 2400.0, 900.0]}
)
LIMITED = pd.concat(
    [PARTS, pd.DataFrame({"part": ["customer_equity"], "value": [2700.0]})], ignore_index=True
).assign(low=[1100.0, 2000.0, 800.0, 2200.0], high=[1300.0, 2900.0, 1000.0, 3300.0])

FIGURES = {
    "tornado": (figures.equity_tornado, LEVERS),
    "parts": (figures.equity_parts, PARTS),
    "limited": (figures.equity_parts, LIMITED),
}


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def words(ax):
    return [text.get_text().replace("\xa0", " ") for text in ax.texts]


def head(ax):
    return " ".join(text.get_text() for text in ax.figure.texts).replace("\n", " ")


@pytest.mark.parametrize("name", FIGURES)
def test_says_what_it_shows(name, language):
    draw, table = FIGURES[name]
    before = table.copy()
    ax = draw(table, currency="EUR", period="2026")
    assert re.search(r"\d", ax.figure.get_gid()) and ax.get_xlabel() and "2026" in head(ax)
    assert "nan" not in ax.figure.get_gid()
    assert svg(draw(table, currency="EUR", period="2026").figure) == svg(ax.figure)
    pd.testing.assert_frame_equal(table, before)
    assert draw(CannotSay("No margin."), currency="EUR") == CannotSay("No margin.")


def test_levers_stand_in_the_order_of_what_they_move():
    ax = figures.equity_tornado(LEVERS, currency="EUR")
    names = [label.get_text().split()[0] for label in ax.get_yticklabels()]
    assert names == ["Retention", "Margin", "Discount", "Acquisition"] and ax.yaxis_inverted()
    widths = {color: [] for color in (GREY, ACCENT)}
    for bar in ax.patches:
        widths[to_hex(bar.get_facecolor()).upper()].append(bar.get_width())
    assert widths[GREY] == pytest.approx([-6, -1.5, 1.2, 0.4])
    assert widths[ACCENT] == pytest.approx([6.5, 1.5, -1.1, -0.4])
    assert words(ax)[:2] == ["−6.0 %", "+6.5 %"]
    assert "€1,000" in head(ax) and "Retention: −6.0" in ax.figure.get_gid()


def test_a_lever_that_moves_nothing_has_its_two_words_apart():
    still = LEVERS[LEVERS["lever"] == "cac"].assign(low=1000.0, high=1000.0)
    ax = figures.equity_tornado(still, currency="EUR")
    assert words(ax) == ["0.0 %", "0.0 %"]
    assert [text.get_ha() for text in ax.texts] == ["right", "left"]


def test_what_is_better_stays_better_below_zero():
    low = LEVERS[["low", "high", "equity"]] - 2000
    ax = figures.equity_tornado(LEVERS.assign(**low), currency="EUR")
    assert words(ax)[:2] == ["−6.0 %", "+6.5 %"]


def test_no_change_is_a_share_of_nothing():
    with pytest.raises(ValueError, match="customer equity is 0"):
        figures.equity_tornado(LEVERS.assign(equity=0.0), currency="EUR")


def test_each_bar_begins_where_the_one_before_ends():
    ax = figures.equity_parts(PARTS, currency="EUR")
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert ends == [(0, 1200), (1200, 3600), (3600, 2700), (0, 2700)]
    assert words(ax) == ["+€1,200", "+€2,400", "−€900.00", "€2,700"]
    assert "Customer equity: €2,700" in ax.figure.get_gid() and "interval" not in head(ax)


def test_costs_above_all_that_is_brought_end_below_zero():
    ax = figures.equity_parts(PARTS.assign(value=[100.0, 200.0, 1000.0]), currency="EUR")
    assert ax.patches[-1].get_width() == -700 and ax.get_xlim()[0] < -700
    assert words(ax)[-1] == "−€700.00"


def test_limits_are_drawn_where_they_are_known():
    ax = figures.equity_parts(LIMITED, currency="EUR")
    drawn = [sorted(segment[:, 0]) for each in ax.collections for segment in each.get_segments()]
    for limits in ([1100, 1300], [3200, 4100], [2600, 2800], [2200, 3300]):
        assert limits in drawn
    assert "95 % interval" in head(ax).replace("\xa0", " ")
    assert "Customer equity: €2,700 (€2,200 to €3,300)" in ax.figure.get_gid()
