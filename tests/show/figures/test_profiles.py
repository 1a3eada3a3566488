"""Figures of profiles: intervals drawn, what stands out framed, what is too small marked and not rated."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from cam.estimate import CannotSay
from cam.language import use
from cam.measures.segmentation.profiles import differences, effects
from cam.show.canvas import ACCENT, svg
from cam.show.figures import profiles as figures

NOTHING = pd.DataFrame(columns=["attribute", "segment", "n", "sum", "squared"])


def counts(table, *, attribute="income", other=None):
    segments = ["champions", "needs_attention", "new"]
    rows = [
        [attribute, "other" if level == other else "level", f"from {level}0K", segments[segment], int(n)]
        for (segment, level), n in np.ndenumerate(np.array(table))
    ]
    return pd.DataFrame(rows, columns=["attribute", "kind", "level", "segment", "n_customers"])


TABLE = [[400, 200, 40, 4], [300, 300, 60, 4], [8, 9, 2, 0]]
CELLS = differences(counts(TABLE, other=2), NOTHING, min_group=30)
EFFECTS = effects(
    pd.concat([counts(TABLE), counts([[200, 200], [210, 190], [20, 20]], attribute="gender")]),
    NOTHING,
    min_group=30,
)
FIGURES = {"effects": (figures.attribute_effects, EFFECTS), "levels": (figures.level_differences, CELLS)}


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def head(ax):
    return " ".join(text.get_text() for text in ax.figure.texts).replace("\n", " ")


@pytest.mark.parametrize("name", FIGURES)
def test_says_what_it_shows(name, language):
    draw, table = FIGURES[name]
    before = table.copy()
    ax = draw(table, period="2026")
    assert re.search(r"\d", ax.figure.get_gid()) and "2026" in head(ax)
    assert "nan" not in ax.figure.get_gid()
    assert svg(draw(table, period="2026").figure) == svg(ax.figure)
    pd.testing.assert_frame_equal(table, before)
    assert draw(CannotSay("No customers.")) == CannotSay("No customers.")


def test_effects_have_their_intervals_and_words():
    ax = figures.attribute_effects(EFFECTS)
    lines = [each for each in ax.collections if isinstance(each, LineCollection)]
    drawn = [each.get_segments()[0][:, 0].tolist() for each in lines]
    for row in EFFECTS.to_dict("records"):
        assert [row["low"], row["high"]] in drawn
        assert f"{row['effect']:.2f} {row['size']}" in [text.get_text() for text in ax.texts]
    colors = [to_hex(each.get_color()[0]).upper() for each in lines]
    # Only what is more than chance is blue.
    assert [color == ACCENT for color in colors] == (EFFECTS["p_adjusted"] < 0.05).tolist() == [True, False]


def test_cells_carry_their_numbers_and_what_is_too_small_is_hatched():
    ax = figures.level_differences(CELLS)
    rated = CELLS[CELLS["verdict"] != "suppressed"]
    assert len(ax.texts) == len(rated)
    hatched = [patch for patch in ax.patches if patch.get_hatch()]
    assert len(hatched) == (CELLS["verdict"] == "suppressed").sum() > 0
    framed = [patch for patch in ax.patches if patch.get_linewidth() == pytest.approx(1.4)]
    assert len(framed) == CELLS["verdict"].isin(["more", "less"]).sum() > 0
    row = rated[(rated["segment"] == "champions") & (rated["level"] == "from 00K")].iloc[0]
    assert f"{row['difference']:+.1f}" in [text.get_text() for text in ax.texts]
    # The largest level first, all the smaller ones last; the largest segment to the left.
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "from 00K",
        "from 10K",
        "from 30K",
        "all others",
    ]
    names = [label.get_text().replace("\n", " ") for label in ax.get_xticklabels()]
    assert names == ["Needs attention", "Champions", "New"]


def test_what_chance_could_do_stays_white():
    table = differences(counts([[200, 210], [210, 200], [50, 55]]), NOTHING, min_group=30)
    ax = figures.level_differences(table)
    assert {to_hex(patch.get_facecolor()) for patch in ax.patches} == {"#ffffff"}
    assert "stands out in any segment" in ax.figure.get_gid()
