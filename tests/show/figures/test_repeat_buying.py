"""Figures of repeat buying: they draw what they are given, the same bytes every time, in words too."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb

from cam.estimate import CannotSay
from cam.language import use
from cam.measures.value.holdout import conditional_means
from cam.show.canvas import ACCENT, GREY, INK, svg
from cam.show.figures import repeat_buying as figures

WEEKS = pd.DataFrame(
    {
        "week": range(1, 21),
        "end": pd.date_range("2026-01-07", periods=20, freq="7D"),
        "actual": [4, 6] * 10,
        "pareto_nbd": [5.0] * 20,
        "bg_nbd": [40.0] * 20,
        "nbd": [7.0] * 20,
    }
)
CUT = date(2026, 3, 18)
HELD = pd.DataFrame(
    {"frequency": [0, 0, 1, 9], "holdout_frequency": [0, 2, 3, 8], "n_customers": [30, 10, 4, 1]}
)
MEANS = conditional_means(
    pd.DataFrame({"pareto_nbd": [0.5, 0.5, 2.5, 7.0], "nbd": [0.8, 0.8, 3.0, 12.0]}), HELD
)
CELLS = pd.DataFrame(
    {
        "frequency": [0, 0, 1, 4, 25, 2],
        "recency": [0.0, 0.0, 6.0, 20.0, 29.0, 30 - 4.0],
        "T": [30.0, 30.0, 30.0, 30.0, 30.0, 30.0],
        "n_customers": [30, 10, 9, 12, 20, 10],
        "p_alive": [0.1, 0.3, 0.7, 0.5, 1.0, 0.998],
    }
)

FIGURES = {
    "cumulative": (figures.cumulative_tracking, WEEKS, {"picked": "pareto_nbd", "cut": CUT}),
    "weekly": (figures.weekly_tracking, WEEKS, {"picked": "pareto_nbd", "cut": CUT}),
    "frequency": (figures.purchases_by_frequency, MEANS, {"picked": "pareto_nbd"}),
    "alive": (figures.alive_map, CELLS, {}),
}


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def words(ax):
    return " ".join(text.get_text() for text in ax.texts)


def head(ax):
    return " ".join(text.get_text() for text in ax.figure.texts).replace("\n", " ")


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.parametrize("name", FIGURES)
def test_says_what_it_shows(name, language):
    # A missing glyph is a warning, and the tests turn it into an error.
    draw, table, options = FIGURES[name]
    before = table.copy()
    ax = draw(table, period="2026", **options)
    assert re.search(r"\d", ax.figure.get_gid()) and ax.get_ylabel() and "2026" in head(ax)
    assert "nan" not in ax.figure.get_gid() + words(ax) + head(ax)
    assert svg(draw(table, period="2026", **options).figure) == svg(ax.figure)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize("name", FIGURES)
def test_what_cannot_be_said_is_passed_on(name):
    draw, table, options = FIGURES[name]
    assert draw(CannotSay("No orders."), **options) == CannotSay("No orders.")
    if "picked" in options:
        unknown = options | {"picked": CannotSay("No model.")}
        assert draw(table, **unknown) == CannotSay("No model.")
        assert draw(CannotSay("No orders."), **unknown) == CannotSay("No orders.")


def test_the_weeks_are_added_up_and_only_the_picked_model_is_drawn():
    ax = figures.cumulative_tracking(WEEKS, picked="pareto_nbd", cut=CUT)
    series = {line.get_color(): list(line.get_ydata()) for line in ax.lines if len(line.get_ydata()) == 20}
    assert series.keys() == {INK, ACCENT, GREY}
    assert series[INK][:3] == [4, 10, 14] and series[INK][-1] == 100
    assert series[ACCENT][-1] == 100 and series[GREY][-1] == 140
    for text in ("actual: 100", "Pareto/NBD: 100", "if nobody left: 140"):
        assert text in words(ax)
    assert "100 by the Pareto/NBD, 140 by the NBD" in ax.figure.get_gid() and "n = 100" in head(ax)


def test_the_last_day_that_the_models_saw_is_marked():
    for draw in (figures.cumulative_tracking, figures.weekly_tracking):
        ax = draw(WEEKS, picked="pareto_nbd", cut=CUT)
        marks = [line for line in ax.lines if len(line.get_xdata()) == 2]
        assert [pd.Timestamp(mark.get_xdata()[0]).date() for mark in marks] == [CUT]
        assert "foretold from here on" in words(ax)


def test_weeks_stay_weeks_and_the_words_speak_of_those_after_the_cut_off():
    table = WEEKS.assign(actual=np.where(WEEKS["end"] > pd.Timestamp(CUT), 90, 10))
    ax = figures.weekly_tracking(table, picked="pareto_nbd", cut=CUT)
    assert [list(line.get_ydata()) for line in ax.lines if line.get_color() == INK] == [list(table["actual"])]
    said = ax.figure.get_gid()
    assert f"In the {sum(table['actual'] == 90)} weeks after the cut-off" in said and "made 90 " in said
    # A week that the models saw in part is none that was foretold.
    later = figures.weekly_tracking(table, picked="pareto_nbd", cut=date(2026, 3, 19)).figure.get_gid()
    assert f"In the {sum(table['actual'] == 90) - 1} weeks" in later


@pytest.mark.parametrize("name", ["cumulative", "weekly", "frequency"])
def test_where_no_model_beat_it_the_nbd_is_drawn_once(name):
    draw, table, options = FIGURES[name]
    ax = draw(table, **(options | {"picked": "nbd"}))
    assert "if nobody left" not in words(ax) and "grey" not in head(ax) and "blue: NBD" in head(ax)
    assert (
        words(ax).count("NBD") == 1 == ax.figure.get_gid().count("by the NBD") / (1 + (name == "frequency"))
    )


def test_names_at_the_ends_keep_apart():
    near = WEEKS.assign(actual=100, pareto_nbd=100.1, nbd=100.2)
    for table in (near, near.assign(actual=[90] + [0] * 19, pareto_nbd=0.1, nbd=0.2)):
        ax = figures.weekly_tracking(table, picked="pareto_nbd", cut=CUT)
        ends = ("actual", "Pareto/NBD", "if nobody left")
        heights = [
            text.xy[1] / ax.get_ylim()[1] for end in ends for text in ax.texts if text.get_text() == end
        ]
        assert len(heights) == 3 and heights == sorted(heights) and heights[0] >= 0
        assert min(np.diff(heights)) > 0.07


def test_actual_means_carry_their_intervals():
    ax = figures.purchases_by_frequency(MEANS, picked="pareto_nbd")
    lines = next(each for each in ax.collections if hasattr(each, "get_segments"))
    dots = {
        to_hex(each.get_facecolor()[0]).upper(): each.get_offsets()
        for each in ax.collections
        if each is not lines
    }
    assert list(dots[INK.upper()][:, 1]) == pytest.approx(list(MEANS["actual"]))
    assert list(dots[ACCENT.upper()][:, 1]) == pytest.approx(list(MEANS["pareto_nbd"]))
    assert list(dots[GREY.upper()][:, 1]) == pytest.approx(list(MEANS["nbd"]))
    drawn = [sorted(segment[:, 1]) for segment in lines.get_segments() if len(segment)]
    limits = MEANS.loc[MEANS["low"].notna(), ["low", "high"]].to_numpy()
    assert [pair for pair in drawn if not np.isnan(pair).any()] == [
        pytest.approx(list(row)) for row in limits
    ]
    assert labels(ax.xaxis) == ["0\n(40)", "1\n(4)", "7+\n(1)"] and ax.get_ylim()[0] == 0


def test_cells_hold_the_mean_over_customers_and_few_customers_nothing():
    ax = figures.alive_map(CELLS)
    cells = {tuple(text.get_position()): text.get_text() for text in ax.texts}
    # 40 customers bought once, 30 weeks ago: (30 x 0.1 + 10 x 0.3) / 40; four weeks of silence are not below four.
    assert cells == {(4, 0): "15", (2, 3): "50", (0, 6): "100", (1, 2): ">99"}
    assert labels(ax.xaxis) == ["0–4", "4–8", "8–13", "13–26", "26–52"]
    assert labels(ax.yaxis) == ["0", "1", "2", "3–4", "5–9", "10–19", "20+"]
    assert "blank: fewer than 10 customers" in head(ax) and "n = 91" in head(ax)
    assert "Highest, 100.0" in ax.figure.get_gid() and "lowest, 15.0" in ax.figure.get_gid()


def test_a_map_goes_as_far_as_the_data():
    ax = figures.alive_map(CELLS.iloc[[0]].assign(T=3.0))
    assert labels(ax.xaxis) == ["0–4"] and labels(ax.yaxis) == ["0"] and "blank" not in head(ax)
    none = figures.alive_map(CELLS.assign(n_customers=1))
    assert not none.texts and none.figure.get_gid().endswith("Grid. No cell holds 10 customers.")


def test_numbers_in_cells_can_be_read():
    def light(color):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    for share in np.linspace(0.005, 0.995, 100):
        ax = figures.alive_map(CELLS.iloc[[0]].assign(p_alive=share))
        word, ground = sorted([light(ax.texts[0].get_color()), light(colormaps["Blues"](share)[:3])])
        # W3C's level AA for text of this size.
        assert (ground + 0.05) / (word + 0.05) >= 4.5
