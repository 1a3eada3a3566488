"""Figures of psychographics: they draw what they are given, the same bytes every time, in words too."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import ACCENT, GREY, svg
from cam.show.figures import attitudes as figures

SCREE = pd.DataFrame(
    {
        "place": [1, 2, 3, 4],
        "eigenvalue": [1.9, 1.2, 0.6, 0.3],
        "chance": [1.2, 1.1, 1.0, 0.9],
        "counts": [True, True, False, False],
        "n": 300,
    }
)
LOADINGS = pd.DataFrame(
    [
        ("attitude_a", "save time", 1, 0.8, 1, "factor 1 (save time, budget)"),
        ("attitude_a", "save time", 2, 0.1, 1, "factor 1 (save time, budget)"),
        ("attitude_b", "budget", 1, -0.6, 1, "factor 1 (save time, budget)"),
        ("attitude_b", "budget", 2, 0.4, 1, "factor 1 (save time, budget)"),
        ("attitude_c", "trust", 1, 0.05, 2, "factor 2 (trust)"),
        ("attitude_c", "trust", 2, 0.7, 2, "factor 2 (trust)"),
    ],
    columns=["item", "words", "factor", "loading", "home", "name"],
).assign(low=lambda t: t["loading"] - 0.1, high=lambda t: t["loading"] + 0.1, n=300)
FIGURES = {"scree": (figures.scree, SCREE), "loadings": (figures.loadings, LOADINGS)}


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


@pytest.mark.parametrize("name", FIGURES)
def test_says_what_it_shows(name, language):
    # A missing glyph is a warning, and the tests turn it into an error.
    draw, table = FIGURES[name]
    before = table.copy()
    ax = draw(table)
    assert re.search(r"\d", ax.figure.get_gid()) and ax.get_xlabel() and "nan" not in ax.figure.get_gid()
    assert svg(draw(table).figure) == svg(ax.figure)
    pd.testing.assert_frame_equal(table, before)
    assert draw(CannotSay("No items.")) == CannotSay("No items.") and draw(None) is None


def test_the_scree_counts_what_rises_above_chance():
    ax = figures.scree(SCREE)
    assert "2 of 4 eigenvalues" in ax.figure.get_gid()
    assert "above chance: 2" in [text.get_text() for text in ax.texts]
    none = figures.scree(SCREE.assign(counts=False))
    assert not any("above chance" in text.get_text() for text in none.texts)


def test_what_counts_is_coloured_and_numbered_and_the_rest_is_grey():
    ax = figures.loadings(LOADINGS)
    texts = [text.get_text() for text in ax.texts]
    assert "0.80" in texts and "−0.60" in texts and "factor 2: 0.40" in texts and "0.10" not in texts
    dots = {round(float(c.get_offsets()[0][0]), 2): c for c in ax.collections if len(c.get_offsets()) == 1}
    from matplotlib.colors import to_hex

    assert to_hex(dots[0.8].get_facecolor()[0]).upper() == ACCENT.upper()
    assert to_hex(dots[0.1].get_facecolor()[0]).upper() == GREY.upper()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["save time", "budget", "trust"]


def test_intervals_are_inside_the_frame():
    ax = figures.loadings(LOADINGS)
    left, right = ax.get_xlim()
    assert left <= LOADINGS["low"].min() and right >= LOADINGS["high"].max()
