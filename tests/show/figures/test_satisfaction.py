"""Figures of study 04's scores: drawn where they belong, described, the same twice, in both languages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import ACCENT, svg
from cam.show.figures.satisfaction import control_chart, differences

GROUPS = pd.DataFrame(
    [
        ("RFM segment", "At risk", "nps", 533, -13.3, -20.4, -6.3, True),
        ("RFM segment", "Loyal", "nps", 887, 7.2, 1.4, 12.8, False),
        ("Acquisition channel", "search", "nps", 1051, -6.8, -12.3, -1.4, False),
    ],
    columns=["by", "label", "figure", "n", "difference", "low", "high", "differs"],
)


def points(n=6, *, signal=None, figure="nps"):
    value = 30 + 3.0 * np.sin(np.arange(n))
    return pd.DataFrame(
        {
            "label": [f"w{number}" for number in range(n)],
            "by": "wave",
            "figure": figure,
            "n": 400,
            "value": value,
            "low": value - 7,
            "high": value + 7,
            "centre": 30.0,
            "lower": 19.0,
            "upper": 41.0,
            "outside": [place == signal for place in range(n)],
            "run": False,
        }
    )


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def words(ax):
    return " ".join(text.get_text() for text in ax.figure.findobj(Text)).replace("\xa0", " ")


def marks(ax):
    return [tuple(one.get_offsets()[0]) for one in ax.collections if isinstance(one, PathCollection)]


def test_described_and_the_same_twice(language):
    for draw in (lambda: differences(GROUPS, period="2026"), lambda: control_chart(points(), period="2026")):
        assert svg(draw().figure) == svg(draw().figure)
        assert "2026" in words(draw()) and draw().figure.get_gid()


def test_each_group_stands_under_its_heading_and_blue_is_beyond_chance():
    ax = differences(GROUPS)
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert labels == [
        "RFM segment",
        "At risk (n = 533)",
        "Loyal (n = 887)",
        "Acquisition channel",
        "search (n = 1,051)",
    ]
    assert [round(x, 1) for x, _ in marks(ax)] == [-13.3, 7.2, -6.8]
    colors = [to_hex(one.get_facecolor()[0]) for one in ax.collections if isinstance(one, PathCollection)]
    assert colors[0] == ACCENT.lower() and ACCENT.lower() not in colors[1:]
    assert ax.figure.get_gid().partition("? ")[2].startswith("Dot chart of 3 groups, 1 of them beyond")


def test_signals_are_ringed_and_limits_stay_in_sight():
    still, struck = control_chart(points()), control_chart(points(signal=2))
    assert len(marks(struck)) == len(marks(still)) + 1
    assert "1 of them signals" in struck.figure.get_gid() and "0 of them signals" in still.figure.get_gid()
    low, high = still.get_ylim()
    assert low < 19 and high > 41
    assert "upper limit" in words(still) and "all answers" in words(still)


def test_many_points_keep_their_names_apart():
    ax = control_chart(points(60))
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert len(ticks) <= 8 and ticks[-1].startswith("w59")
    shares = control_chart(points(figure="csat"))
    assert "%" in shares.get_ylabel()


def test_what_cannot_be_said_is_passed_on():
    assert differences(CannotSay("No group.")).reason == "No group."
    assert control_chart(CannotSay("No wave.")).reason == "No wave."
