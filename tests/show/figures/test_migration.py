"""Figures of migration: bands as high as customers are many, the same ends on both sides, and words for it all."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch, Rectangle

from cam.estimate import CannotSay
from cam.language import use
from cam.measures.segmentation.migration import MOVES, NOT_YET, STATES, transition_table
from cam.show.canvas import ACCENT, svg
from cam.show.figures import migration as figures
from cam.show.words import move_text, state_text

FLOWS = pd.DataFrame(
    [
        ("champions", "champions", 60),
        ("champions", "hibernating", 25),
        ("loyal", "lapsed", 15),
        ("promising", "loyal", 20),
        ("hibernating", "lapsed", 70),
        ("lapsed", "new", 4),
        ("not_yet", "new", 30),
    ],
    columns=["segment_before", "segment_after", "n_customers"],
).assign(revenue_before=1.0, revenue_after=1.0, change_squared=0.0)
TABLE = transition_table(FLOWS, min_group=10)
DATES = ("30 Jun 2025", "30 Jun 2026")
DRAWN = {"flows": figures.customer_flows, "grid": figures.transition_grid}


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def words(ax):
    return [text.get_text().replace("\xa0", " ") for text in ax.texts]


def bands(ax):
    """Colour, height on the left and height on the right of every band."""
    found = []
    for patch in ax.patches:
        if isinstance(patch, PathPatch):
            points = patch.get_path().vertices
            ends = [points[points[:, 0] == side, 1] for side in (0.0, 1.0)]
            found.append((to_hex(patch.get_facecolor()).upper(), *(float(np.ptp(end)) for end in ends)))
    return found


@pytest.mark.parametrize("name", DRAWN)
def test_says_what_it_shows(name, language):
    before = TABLE.copy()
    ax = DRAWN[name](TABLE, dates=DATES)
    said = ax.figure.get_gid()
    assert re.search(r"\d", said) and "nan" not in said.lower()
    head = " ".join(text.get_text() for text in ax.figure.texts)
    assert "224" in head
    assert svg(DRAWN[name](TABLE, dates=DATES).figure) == svg(ax.figure)
    pd.testing.assert_frame_equal(TABLE, before)
    assert DRAWN[name](CannotSay("No orders.")) == CannotSay("No orders.")


def test_a_band_is_as_high_as_its_customers_are_many():
    drawn = bands(figures.customer_flows(TABLE, dates=DATES))
    assert sorted(round(224 * left) for _, left, _ in drawn) == [4, 15, 20, 25, 30, 60, 70]
    assert all(left == pytest.approx(right) for _, left, right in drawn)
    # Out of the best and down is what is coloured: 25 to hibernating, 15 lapsed.
    assert sorted(round(224 * left) for color, left, _ in drawn if color == ACCENT) == [15, 25]


def test_bands_stand_on_each_other_and_never_overlap():
    paths = [
        p.get_path().vertices
        for p in figures.customer_flows(TABLE, dates=DATES).patches
        if isinstance(p, PathPatch)
    ]
    for side in (0.0, 1.0):
        ends = sorted(
            (points[points[:, 0] == side, 1].min(), points[points[:, 0] == side, 1].max()) for points in paths
        )
        assert all(above[0] >= below[1] - 1e-9 for below, above in pairwise(ends))


def test_both_sides_hold_all_customers_and_say_so():
    ax = figures.customer_flows(TABLE, dates=DATES)
    ends = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    for side in (True, False):
        heights = [end.get_height() for end in ends if (end.get_x() < 0.5) == side]
        assert sum(heights) == pytest.approx(1)
    said = words(ax)
    for label in (
        "Champions, loyal\n100",
        "Champions, loyal\n80",
        "Lapsed\n4",
        "Lapsed\n85",
        "25",
        "15",
        *DATES,
    ):
        assert label in said
    assert "Of 100 champions and loyal customers 40 slipped or lapsed" in ax.figure.get_gid()


def test_labels_do_not_lie_on_each_other():
    tiny = FLOWS.assign(n_customers=[1000, 1, 1, 1, 1, 1, 1])
    ax = figures.customer_flows(transition_table(tiny, min_group=10), dates=DATES)
    for align in ("left", "right"):
        heights = [
            text.get_position()[1] for text in ax.texts if "\n" in text.get_text() and text.get_ha() == align
        ]
        assert len(heights) > 2 and min(-np.diff(heights)) > 0.1


def test_the_grid_rates_large_rows_and_counts_small_ones():
    ax = figures.transition_grid(TABLE, dates=DATES)
    said = words(ax)
    assert "71" in said and "29" in said  # 60 and 25 of the 85 champions
    assert [word for word in said if word.startswith("(")] == ["(4)"]
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows[0] == "Champions (85)" and rows[-1] == "Not yet customers (30)"
    # Of five segments with a column of their own the one row too small has no customer who stayed, so no frame.
    framed = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert [frame.get_y() + 0.5 for frame in framed] == [0, 1, 2, 3]


def test_a_grid_of_small_rows_alone():
    ax = figures.transition_grid(transition_table(FLOWS, min_group=500), dates=DATES)
    assert all(word.startswith("(") for word in words(ax))
    assert "no row is large enough" in ax.figure.get_gid()


def test_every_state_and_move_has_words(language):
    states = [state_text(state) for state in (*STATES, NOT_YET)]
    moves = [move_text(move) for move in MOVES]
    assert len(set(states)) == len(states) and len(set(moves)) == len(moves)
    assert not any("_" in word for word in states + moves)
