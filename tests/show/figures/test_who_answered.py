"""The figure of who answers: what it says, what it marks, in both languages."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import ACCENT, svg
from cam.show.figures.who_answered import who_answers


def table():
    return pd.DataFrame(
        {
            "variable": ["Segment", "Segment", "City tier"],
            "level": ["Champions", "Hibernating", "all others"],
            "value": [1.3, 0.7, 1.0],
            "low": [1.2, 0.6, 0.9],
            "high": [1.4, 0.8, 1.1],
            "n": [400, 500, 900],
            "verdict": ["more", "less", "chance"],
        }
    )


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def test_says_what_it_shows(language):
    given = table()
    before = given.copy()
    ax = who_answers(given, period="2026")
    head = " ".join(text.get_text() for text in ax.figure.texts)
    assert "2026" in head and "900" in head
    assert re.search("Champions.*Hibernating", ax.figure.get_gid(), re.DOTALL)
    assert svg(who_answers(given, period="2026").figure) == svg(ax.figure)
    pd.testing.assert_frame_equal(given, before)


def test_what_is_beyond_chance_is_blue_and_every_interval_is_drawn():
    ax = who_answers(table())
    lines = [each for each in ax.collections if isinstance(each, LineCollection)]
    assert [to_hex(line.get_color()[0]).upper() == ACCENT for line in lines] == [True, True, False]
    ends = [tuple(line.get_segments()[0][:, 0].round(6)) for line in lines]
    assert ends == [(1.2, 1.4), (0.6, 0.8), (0.9, 1.1)]
    low, high = ax.get_xlim()
    assert low < 0.6 and high > 1.4


def test_where_nothing_is_beyond_chance_it_still_speaks():
    ax = who_answers(table().assign(verdict="chance"))
    assert "0 of them beyond chance" in ax.figure.get_gid()


def test_what_cannot_be_said_is_passed_on():
    assert who_answers(CannotSay("No answers.")) == CannotSay("No answers.")
