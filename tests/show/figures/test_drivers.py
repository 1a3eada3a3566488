"""The map of importance and performance: crosses where they belong, advice in words, and no name on another."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Annotation, Text

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import svg
from cam.show.figures.drivers import importance_performance

TABLE = pd.DataFrame(
    [
        ("product", 0.18, 3.9, "keep_up"),
        ("客服", 0.14, 3.5, "concentrate_here"),
        ("delivery", 0.09, 3.7, "between"),
        ("price", 0.085, 3.71, "other_way"),
        ("opening hours", 0.02, 3.5, "low_priority"),
        ("packaging", 0.018, 3.9, "possible_overkill"),
    ],
    columns=["name", "share", "mean", "advice"],
).assign(
    line=0.0888,
    mean_line=3.702,
    line_low=lambda rows: rows["share"] - 0.01,
    line_high=lambda rows: rows["share"] + 0.01,
    mean_line_low=lambda rows: rows["mean"] - 0.05,
    mean_line_high=lambda rows: rows["mean"] + 0.05,
    outcome="NPS",
    scale="1 to 5",
    n=4347,
    n_customers=3879,
)


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def draw(table=TABLE):
    return importance_performance(table, period="2026")


def names(ax, table=TABLE):
    return [
        text for text in ax.texts if isinstance(text, Annotation) and text.get_text() in set(table["name"])
    ]


def test_described_with_a_glyph_for_every_sign_and_the_same_twice(language):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = draw()
        drawn = svg(ax.figure)
    said = ax.figure.get_gid() + " ".join(text.get_text() for text in ax.figure.findobj(Text))
    assert "{" not in said and "4,347" in said
    assert drawn == svg(draw().figure)


def test_crosses_stand_at_their_items_and_a_mark_near_a_line_is_hollow():
    ax = draw()
    bars = [part.get_segments()[0] for part in ax.collections if hasattr(part, "get_segments")]
    marks = [part for part in ax.collections if not hasattr(part, "get_segments")]
    for place, row in enumerate(TABLE.to_dict("records")):
        across, along = bars[2 * place : 2 * place + 2]
        assert across[:, 0] == pytest.approx([row["mean_line_low"], row["mean_line_high"]])
        assert along[:, 1] == pytest.approx([100 * row["line_low"], 100 * row["line_high"]])
        assert np.asarray(marks[place].get_offsets())[0] == pytest.approx([row["mean"], 100 * row["share"]])
        is_hollow = marks[place].get_facecolor()[0] == pytest.approx([1, 1, 1, 1])
        assert is_hollow == (row["advice"] in {"between", "other_way"})
    low, high = ax.get_ylim()
    assert low < 0 < high and all(0 <= tick <= high for tick in ax.get_yticks())


@pytest.mark.parametrize("n", [6, 30])
def test_no_name_lies_on_another_or_leaves_the_figure(n):
    rng = np.random.default_rng(1)
    share = np.sort(rng.uniform(0.0, 0.06, n))[::-1]
    table = TABLE.iloc[np.arange(n) % 6].reset_index(drop=True)
    table = table.assign(
        name=[f"a rather long name {k}" for k in range(n)],
        share=share,
        line_low=share - 0.01,
        line_high=share + 0.01,
        mean=3.7,
        mean_line_low=3.6,
        mean_line_high=3.8,
    )
    ax = draw(table)
    shown = names(ax, table)
    assert len(shown) == min(n, 12)
    ax.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in shown]
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place])
        assert box.x1 <= ax.figure.bbox.x1


def test_scales_that_differ_are_drawn_as_parts_and_what_cannot_be_said_is_passed_on():
    ax = draw(TABLE.assign(part_of_scale=0.5, mean_line_low=0.4, mean_line_high=0.6, mean_line=0.5, scale=""))
    assert "part of its scale" in ax.get_xlabel()
    assert draw(CannotSay("No scores.")).reason == "No scores."
