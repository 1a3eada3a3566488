"""Figures of stages and cohort revenue: they draw what they are given, and say it in words, in both languages."""

from __future__ import annotations

import re
from itertools import pairwise

import pandas as pd
import pytest

from cam.estimate import CannotSay
from cam.language import use
from cam.measures.lifecycle.stages import STAGES
from cam.show.canvas import svg
from cam.show.figures import stages as figures

FLOW = pd.DataFrame(
    [(month, stage, 10 * (n + 1), 280) for month in ("2026-01", "2026-02") for n, stage in enumerate(STAGES)],
    columns=["month", "stage", "n_customers", "n_acquired"],
)
MOVES = pd.DataFrame(
    {
        "from": ["loyal", "loyal", "at_risk", "at_risk"],
        "to": ["loyal", "at_risk", "loyal", "at_risk"],
        "n_moved": [90, 10, 3, 7],
        "n_from": [100, 100, 10, 10],
        "n_customers": [60, 60, 9, 9],
        "rate": [0.9, 0.1, 0.3, 0.7],
        "low": [0.85, 0.06, float("nan"), float("nan")],
        "high": [0.94, 0.15, float("nan"), float("nan")],
    }
)
COHORTS = pd.DataFrame(
    {
        "cohort": ["2026-01", "2026-01", "2026-02", "2026-02"],
        "age": [0, 1, 0, 1],
        "n_customers": [50, 50, 9, 9],
        "revenue_retention": [1.0, 0.4, 1.0, 1.2],
        "value": [10.0, 14.0, 9.0, 20.0],
    }
)
POOLED = pd.DataFrame(
    {
        "age": [0, 1],
        "n_customers": [59, 59],
        "value": [9.8, 15.0],
        "value_low": [9.0, 14.0],
        "value_high": [10.6, 16.0],
    }
)
FIGURES = {
    "flow": (figures.stage_flow, FLOW, {}),
    "grid": (figures.transition_grid, MOVES, {}),
    "heat": (figures.revenue_heat_map, COHORTS, {}),
    "value": (figures.value_curves, POOLED, {"cohorts": COHORTS, "currency": "EUR"}),
}


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


@pytest.mark.parametrize("name", FIGURES)
def test_says_what_it_shows(name, language):
    # A missing glyph is a warning, and the tests turn it into an error.
    draw, table, options = FIGURES[name]
    before = table.copy()
    ax = draw(table, period="2026", **options)
    words = ax.figure.get_gid()
    assert re.search(r"\d", words) and "nan" not in words.lower()
    drawing = svg(ax.figure)
    assert "2026" in drawing and drawing == svg(draw(table, period="2026", **options).figure)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize("name", FIGURES)
def test_what_cannot_be_said_is_passed_on(name):
    draw, _table, options = FIGURES[name]
    assert draw(CannotSay("No orders."), **options).reason == "No orders."


def test_labels_of_the_flow_do_not_lie_on_each_other():
    flat = FLOW.assign(n_customers=[1 if stage != "lost" else 994 for stage in FLOW["stage"]])
    ax = figures.stage_flow(flat)
    heights = sorted(text.get_position()[1] for text in ax.texts)
    assert len(heights) == len(STAGES)
    assert min(after - before for before, after in pairwise(heights)) > 50


def test_small_stages_have_their_rate_but_no_interval():
    texts = [text.get_text() for text in figures.transition_grid(MOVES).texts]
    assert "85–94" in texts and "70" in texts and sum("–" in text for text in texts) == 2


def test_small_cohorts_have_numbers_but_no_colour():
    ax = figures.revenue_heat_map(COHORTS)
    shown = ax.images[0].get_array()
    assert shown.mask.tolist() == [[False], [True]] if hasattr(shown, "mask") else False
    assert [text.get_text() for text in ax.texts] == ["40", "120"]
