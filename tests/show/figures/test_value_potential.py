"""The figure of value x potential: words on the right side of the lines, whatever the data look like."""

from __future__ import annotations

import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.language import named, use
from cam.measures.segmentation.value_matrix import QUADRANTS
from cam.show.canvas import svg
from cam.show.figures.value_potential import value_potential

LINES = [
    Estimate("value_line", 100.0, "EUR", 90, 90.0, 110.0),
    Estimate("potential_line", 40.0, "EUR", 90, 35.0, 45.0),
]


def matrix(negative=5):
    sizes = [30, 20, 25, 20, negative]
    return pd.DataFrame({"quadrant": list(QUADRANTS), "n_customers": sizes}).assign(
        share=lambda t: t["n_customers"] / t["n_customers"].sum(),
        low=lambda t: t["share"] * 0.8,
        high=lambda t: t["share"] * 1.2,
    )


def grid(values=(-5, 3, 12, 30), potentials=(0, 9, 14, 25), *, value_scale=10.0, potential_scale=4.0):
    rows = [(value, potential, 1 + value % 3) for value in values for potential in potentials]
    frame = pd.DataFrame(rows, columns=["value_bin", "potential_bin", "n_customers"])
    return frame.assign(value_scale=value_scale, potential_scale=potential_scale)


def words(ax):
    return {text.get_text().split("\n")[0]: text for text in ax.texts}


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def test_each_quadrant_is_named_on_its_own_side_of_the_lines(language):
    ax = value_potential(grid(), lines=LINES, matrix=matrix(), period="2026")
    found = words(ax)
    assert set(found) == {named(name) for name in QUADRANTS}
    line_y = ax.lines[0].get_ydata()[0]
    line_x = ax.collections[1].get_segments()[0][0][0]
    for name in ("stars", "high_consumption"):
        assert found[named(name)].get_position()[1] > line_y
    for name in ("potential", "low_value"):
        assert 0 < found[named(name)].get_position()[1] < line_y
    assert found[named("negative_value")].get_position()[1] < 0
    for name in ("stars", "potential"):
        assert found[named(name)].get_position()[0] > line_x
    for name in ("high_consumption", "low_value"):
        assert found[named(name)].get_position()[0] < line_x


@pytest.mark.parametrize(("values", "potentials"), [((1, 2), (9, 10)), ((25,), (0,)), ((-30, 40), (0, 60))])
def test_words_do_not_run_into_each_other_wherever_the_lines_are(values, potentials):
    ax = value_potential(grid(values, potentials), lines=LINES, matrix=matrix(5 * (values[0] < 0)))
    svg(ax.figure)
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 4 + (values[0] < 0)
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])


def test_without_negative_customers_nothing_is_said_of_them():
    ax = value_potential(grid((0, 3, 30)), lines=LINES, matrix=matrix(0))
    assert named("negative_value") not in words(ax) and len(ax.lines) == 1


def test_it_says_what_it_shows(language):
    ax = value_potential(grid(), lines=LINES, matrix=matrix(), period="2026")
    alt = ax.figure.get_gid().replace("\xa0", " ")
    assert "100.00" in alt and "40.00" in alt and "30.0" in alt and named("stars") in alt
    assert "100" in " ".join(text.get_text() for text in ax.figure.texts)


def test_ticks_are_round_amounts_where_they_belong():
    ax = value_potential(grid(), lines=LINES, matrix=matrix())
    marks = {label.get_text(): label.get_position()[1] for label in ax.get_yticklabels()}
    assert {"0", "100", "1,000"} <= set(marks)
    assert marks["0"] == 0 and marks["100"] == pytest.approx(ax.lines[0].get_ydata()[0])


def test_a_count_has_no_currency_and_the_same_figure_is_the_same_bytes():
    lines = [Estimate("value_line", 100.0, "count", 90, 90.0, 110.0), LINES[1]]
    drawn = [svg(value_potential(grid(), lines=lines, matrix=matrix()).figure) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert value_potential(grid(), lines=lines, matrix=matrix()).get_ylabel() == "Current value"


def test_what_cannot_be_said_is_passed_on():
    said = CannotSay("No wallet.")
    assert value_potential(said, lines=LINES, matrix=matrix()) is said
