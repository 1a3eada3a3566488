"""Figures of why customers leave: intervals drawn, chance in grey, panels in the drivers' own units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from matplotlib.text import Text

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import ACCENT, svg
from cam.show.figures import churn_reasons as figures

DRIVERS = pd.DataFrame(
    [
        ("days since the last purchase, and what goes with it", 0.213, 0.201, 0.225),
        ("acquisition channel", 0.004, 0.001, 0.007),
        ("age", 0.0001, -0.002, 0.002),
        *((f"noise {place}", 0.0, -0.001, 0.001) for place in range(9)),
    ],
    columns=["name", "auc_drop", "low", "high"],
).assign(n=3000, n_left=1500)


def panel(name, values, unit, p):
    p = np.asarray(p)
    table = pd.DataFrame(
        {"name": name, "unit": unit, "value": values, "p_churn": p, "share": 1 / len(p), "n": 900}
    )
    return table.assign(low=p / 2, high=np.minimum(1.2 * p, 1), value=table["value"].astype(object))


PUSHED = pd.concat(
    [
        panel("days since the last purchase", np.linspace(1, 335, 20), "days", np.linspace(0.35, 0.75, 20)),
        panel(
            "last satisfaction score (known of 29 %)",
            [1.0, 2.0, 3.0, 4.0, 5.0],
            "number",
            [0.6, 0.5, 0.45, 0.4, 0.3],
        ),
        panel("acquisition channel", ["search", "affiliate"], None, [0.5, 0.6]),
    ],
    ignore_index=True,
)


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def words(ax):
    texts = ax.figure.findobj(Text)
    return " ".join(text.get_text() for text in texts).replace("\n", " ").replace("\xa0", " ")


def draws():
    return [
        lambda period: figures.importance_dots(DRIVERS, period=period),
        lambda period: figures.dependence_panels(PUSHED, period=period),
    ]


@pytest.mark.parametrize("period", ["1 Apr 2026 to 29 Jun 2026", ""])
def test_every_figure_is_described_in_both_languages(language, period):
    for draw in draws():
        ax = draw(period)
        assert ax.figure.get_gid() and "{" not in ax.figure.get_gid() + words(ax)
        assert svg(ax.figure) == svg(draw(period).figure)
        assert period in words(ax)


def test_the_ten_largest_are_drawn_and_what_chance_may_explain_is_grey():
    ax = figures.importance_dots(DRIVERS)
    assert len(ax.get_yticklabels()) == 10
    bars = [mark for mark in ax.collections if hasattr(mark, "get_segments")]
    for bar, row in zip(bars, DRIVERS.to_dict("records"), strict=False):
        (begin, _), (end, _) = bar.get_segments()[0]
        assert (begin, end) == pytest.approx((100 * row["low"], 100 * row["high"]))
        assert same_color(bar.get_color(), ACCENT) == (row["low"] > 0)
    said = words(ax)
    assert "21.3" in said and "n = 3,000 customers, 1,500 left" in said
    assert (
        "2 of 12 drivers" in ax.figure.get_gid()
        and "21.3 of 100 points of AUC, 20.1 to 22.5" in ax.figure.get_gid()
    )


def test_every_driver_has_its_panel_in_its_own_units():
    ax = figures.dependence_panels(PUSHED)
    days, score, channel = ax.child_axes
    np.testing.assert_allclose(days.lines[0].get_ydata(), np.linspace(35, 75, 20))
    assert (
        days.get_xlim() == (1, 335)
        and len(days.patches) == 20
        and days.get_title(loc="left") == "days since the last purchase"
    )
    assert [label.get_text() for label in score.get_xticklabels()] == ["1", "2", "3", "4", "5"]
    assert [label.get_text() for label in channel.get_xticklabels()] == ["search", "affiliate"]
    assert len({panel.get_ylim() for panel in ax.child_axes}) == 1
    # The strip below zero shows where customers are; the probability itself is never below it.
    assert all(bar.get_height() < 0 for bar in (*score.patches, *channel.patches))
    assert "from 35.0 % at 1 to 75.0 % at 335" in ax.figure.get_gid().replace("\xa0", " ")


def test_one_driver_has_the_whole_width():
    alone = figures.dependence_panels(PUSHED[PUSHED["unit"] == "days"])
    assert len(alone.child_axes) == 1
    widths = [ax.child_axes[0].get_position().width for ax in (alone, figures.dependence_panels(PUSHED))]
    assert widths[0] > 2 * widths[1]


def test_what_cannot_be_said_is_passed_on():
    said = CannotSay("There is no signal.")
    assert figures.importance_dots(said) is said and figures.dependence_panels(said, period="x") is said


def test_the_strip_shows_the_share_of_a_first_number_that_most_have():
    counts = panel("refunds", np.arange(12.0), "number", np.linspace(0.3, 0.5, 12))
    ax = figures.dependence_panels(counts.assign(share=[0.8, *[0.2 / 11] * 11]))
    heights = [bar.get_height() for bar in ax.child_axes[0].patches]
    assert heights[0] == min(heights) and heights[1] == pytest.approx(heights[0] * 0.2 / 11 / 0.8)
