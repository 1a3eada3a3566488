"""Figures: the same bytes every time, text as text, words for a screen reader, and no missing glyph."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import describe, figure, new_axes, svg
from cam.show.figures.segmentation import recency_frequency_grid, repeat_purchases, segment_shares
from cam.show.notebook import install_formatters

DAYS = pd.DataFrame(
    {
        "n_days": ["1", "2", "10+"],
        "n_customers": [5, 3, 2],
        "share": [0.5, 0.3, 0.2],
        "low": [0.2, 0.1, 0.05],
        "high": [0.8, 0.6, 0.5],
    }
)
SEGMENTS = pd.DataFrame(
    {
        "segment": ["champions", "hibernating"],
        "n_customers": [2, 8],
        "customer_share": [0.2, 0.8],
        "value_share": [0.7, 0.3],
        "value_share_low": [0.6, 0.2],
        "value_share_high": [0.8, 0.4],
    }
)
GRID = pd.DataFrame({"r_score": [1, 5], "f_score": [1, 5], "n_customers": [3, 7]})
FIGURES = [(repeat_purchases, DAYS), (segment_shares, SEGMENTS), (recency_frequency_grid, GRID)]


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


@pytest.mark.parametrize(("draw", "table"), FIGURES)
def test_says_what_it_shows(draw, table, language):
    # A missing glyph is a warning, and the tests turn it into an error.
    ax = draw(table, period="2026")
    words = ax.figure.get_gid()
    assert re.search(r"\d", words), "the words for a screen reader hold no number"
    picture = svg(ax.figure)
    assert "<text" in picture and "<dc:date>" not in picture
    assert ax.get_xlabel()
    assert svg(draw(table, period="2026").figure) == picture


def test_does_not_change_its_table():
    for draw, table in FIGURES:
        before = table.copy()
        draw(table)
        pd.testing.assert_frame_equal(table, before)


def test_draws_into_axes_that_it_is_given():
    ax = new_axes()
    assert repeat_purchases(DAYS, ax=ax) is ax


def test_passes_on_what_cannot_be_said():
    said = CannotSay("No orders.")
    assert figure(lambda table, *, ax: ax)(said) is said


def test_a_long_subtitle_is_broken_and_numbers_are_not():
    ax = describe(new_axes(), title="Q?", subtitle="a" * 80 + "; n = 20,000, 1 Jan to 2 Feb", alt="x")
    assert "20,000" in svg(ax.figure)


def test_a_notebook_shows_axes_as_one_picture_with_words():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    install_formatters(shell)
    data, metadata = shell.display_formatter.format(repeat_purchases(DAYS))
    assert data["image/svg+xml"].startswith("<svg")
    assert metadata["image/svg+xml"]["alt"] == data["text/plain"]
    data, _ = shell.display_formatter.format(CannotSay("<no>", "Cure."))
    assert "&lt;no&gt;" in data["text/html"]
    InteractiveShell.clear_instance()


def test_dollars_in_a_clients_words_are_no_formula():
    words = ["$x^2$ \\frac{$", "$5 to $10", "\\alpha_{1}", "_hidden"]
    table = SEGMENTS.iloc[[0, 1, 0, 1]].assign(segment=words)
    table["customer_share"] = table["value_share"] = 0.25

    @figure
    def drawn(table, *, ax):
        ax.barh(range(4), table["customer_share"])
        ax.set_yticks(range(4), list(table["segment"]))
        ax.set_xlabel(words[0])
        ax.annotate(words[0], (0, 0))
        return describe(ax, title=words[0], subtitle=words[1], alt=words[0])

    picture = svg(drawn(table).figure)
    for word, times in zip(words, (4, 2, 1, 1), strict=True):
        assert picture.count(f">{word}</text>") == times, word
