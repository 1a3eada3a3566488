"""Figures: the same bytes every time, text as text, words for a screen reader, and no missing glyph."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import GREY, INK, PALETTE, describe, figure, new_axes, svg
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


#: What is left of red, green and blue (linear) where an eye has no green or no red cones (Machado and others, 2009).
DEUTERANOPIA = [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
]
PROTANOPIA = [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
]


def linear(color):
    parts = np.array(to_rgb(color))
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(color, eye):
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(np.array(eye) @ linear(color), 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eye", [np.eye(3), DEUTERANOPIA, PROTANOPIA], ids=["all", "no green", "no red"])
def test_colours_can_be_told_apart_by_every_eye(eye):
    for one, other in combinations([*PALETTE, GREY, INK], 2):
        assert np.linalg.norm(lab(one, eye) - lab(other, eye)) > 12, (one, other)
    # The check can fail: a red and a green of the same light.
    assert np.linalg.norm(lab("#b8501f", DEUTERANOPIA) - lab("#7a7a1f", DEUTERANOPIA)) < 12


def contrast(one, other):
    light = sorted((np.dot(linear(color), [0.2126, 0.7152, 0.0722]) for color in (one, other)), reverse=True)
    return (light[0] + 0.05) / (light[1] + 0.05)


def test_words_are_dark_enough_and_keep_their_hue():
    @figure
    def drawn(colors, *, ax):
        for color in colors:
            ax.text(0, 0, color, color=color)
        return ax

    words = drawn([*PALETTE, GREY, "white", INK]).texts
    for word in words[:-2]:
        assert contrast(word.get_color(), "white") >= 4.5, word
        hue, was = (rgb_to_hsv(to_rgb(color))[0] for color in (word.get_color(), word.get_text()))
        assert hue == pytest.approx(was, abs=0.02)
    assert [word.get_color() for word in words[-2:]] == ["white", INK]


def test_numbers_stand_out_in_every_cell():
    @figure
    def drawn(shares, *, ax):
        image = ax.imshow([shares], cmap="Blues", vmin=0, vmax=1)
        for place in range(len(shares)):
            ax.text(place, 0, "1", color=INK)
        ax.shades = image.to_rgba(np.array(shares))
        return ax

    ax = drawn(np.linspace(0, 1, 41))
    for word, shade in zip(ax.texts, ax.shades, strict=True):
        assert contrast(word.get_color(), shade[:3]) >= 4.5


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
