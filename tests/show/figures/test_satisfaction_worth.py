"""The figure of leads: both marks of each row where they belong, blue only beyond chance, in both languages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import ACCENT, svg
from cam.show.figures.satisfaction_worth import lead_of_the_content

TABLE = pd.DataFrame(
    [
        ("Bought again", 2192, True, 12.8, 5.5, 20.5, 9.4, 3.4, 15.9),
        ("Margin", 2192, False, 25.5, 4.9, 50.1, 15.8, 0.3, 33.8),
        ("Residual CLV today", 2621, False, -3.0, -9.0, 4.0, -1.0, -8.0, 6.0),
    ],
    columns=[
        "label",
        "n",
        "is_clear",
        "plain",
        "plain_low",
        "plain_high",
        "alike",
        "alike_low",
        "alike_high",
    ],
).assign(best="Promoters", worst="Detractors", days=180)


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def draw(table=TABLE):
    return lead_of_the_content(table, period="1 Jul 2023 to 30 Jun 2026")


def test_described_and_the_same_twice(language):
    ax = draw()
    words = " ".join(text.get_text() for text in ax.figure.findobj(Text))
    assert ax.figure.get_gid() and "{" not in ax.figure.get_gid() + words
    assert svg(ax.figure) == svg(draw().figure)


def test_marks_and_intervals_are_the_tables():
    ax = draw()
    bars = [line.get_segments()[0][:, 0] for line in ax.collections if hasattr(line, "get_segments")]
    marks = [
        np.asarray(dots.get_offsets())[0, 0] for dots in ax.collections if not hasattr(dots, "get_segments")
    ]
    kinds = [(row, kind) for row in TABLE.to_dict("records") for kind in ("plain", "alike")]
    assert marks == [row[kind] for row, kind in kinds]
    assert [tuple(bar) for bar in bars] == [(row[f"{kind}_low"], row[f"{kind}_high"]) for row, kind in kinds]
    low, high = ax.get_xlim()
    assert low < -9 and high > 50.1


def test_only_what_is_beyond_chance_is_blue_and_signs_are_written():
    said = {text.get_text(): text.get_color() for text in draw().texts}
    assert said["+9 (+3 to +16)"] == ACCENT and said["+16 (0 to +34)"] != ACCENT
    assert "−1 (−8 to +6)" in said


def test_what_cannot_be_said_is_passed_on():
    unsaid = CannotSay("No answers.")
    assert lead_of_the_content(unsaid) is unsaid
