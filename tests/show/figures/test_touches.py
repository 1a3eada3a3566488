"""The figure of touches: both marks and the interval of each row drawn where they belong, in both languages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import ACCENT, svg
from cam.show.figures.touches import touch_effects

TABLE = pd.DataFrame(
    [
        ("A ticket", "those with none yet", 3531, 0.596, 0.550, 0.046, 0.032, 0.061),
        ("A ticket handled slowly", "tickets closed in time", 1077, 0.569, 0.592, -0.023, -0.056, 0.010),
        ("A refunded order", "those with none yet", 44, 0.99, 0.97, 0.02, -0.03, 0.07),
    ],
    columns=["label", "against", "n_exposed", "exposed", "others", "difference", "low", "high"],
).assign(days=90)


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def draw(table=TABLE):
    return touch_effects(table, period="1 Jul 2023 to 30 Jun 2026")


def words(ax):
    return " ".join(text.get_text() for text in ax.figure.findobj(Text)).replace("\xa0", " ")


def test_described_and_the_same_twice(language):
    ax = draw()
    assert ax.figure.get_gid() and "{" not in ax.figure.get_gid() + words(ax)
    assert svg(ax.figure) == svg(draw().figure)


def test_the_interval_is_laid_from_the_mark_of_the_others():
    ax = draw()
    bars = [line.get_segments()[0] for line in ax.collections if hasattr(line, "get_segments")]
    for place, (bar, row) in enumerate(zip(bars, TABLE.to_dict("records"), strict=True)):
        ends = [100 * (row["others"] + row[name]) for name in ("low", "high")]
        assert bar[:, 0] == pytest.approx(ends) and set(bar[:, 1]) == {place}
    marks = [
        np.asarray(dots.get_offsets())[0, 0] for dots in ax.collections if not hasattr(dots, "get_segments")
    ]
    expected = [100 * row[name] for row in TABLE.to_dict("records") for name in ("exposed", "others")]
    assert marks == pytest.approx(expected)
    low, high = ax.get_xlim()
    assert low < min(marks) and high > max(marks)
    # A share axis does not name what cannot be.
    assert max(ax.get_xticks()) <= 100


def test_only_what_is_beyond_chance_is_blue_and_signs_are_written():
    ax = draw()
    said = {text.get_text(): text.get_color() for text in ax.texts}
    assert said["+4.6 (+3.2 to +6.1)"] == ACCENT
    assert said["−2.3 (−5.6 to +1.0)"] != ACCENT


def test_what_cannot_be_said_is_passed_on():
    assert touch_effects(None) is None
    unsaid = CannotSay("No tickets.")
    assert touch_effects(unsaid) is unsaid
