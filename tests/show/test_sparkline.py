"""The small drawing of a figure's history: to scale, with its interval, and nothing of a client's in the markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from cam.errors import StudyError
from cam.estimate import Estimate
from cam.show.sparkline import HEIGHT, sparkline


def rates(*values: float, half: float = 5.0, unit: str = "points") -> list[Estimate]:
    return [Estimate("nps", value, unit, 400, value - half, value + half) for value in values]


def totals(*values: float) -> list[Estimate]:
    return [Estimate("revenue", value, "USD") for value in values]


def parts(svg: str, name: str) -> list[ElementTree.Element]:
    return [part for part in ElementTree.fromstring(svg).iter() if part.tag == name]


def heights(points: str) -> list[float]:
    return [float(point.split(",")[1]) for point in points.split()]


def test_the_line_runs_inside_its_band_and_up_is_up():
    svg = sparkline(rates(20, 30, 26), alt="x")
    (line,), (band,) = parts(svg, "polyline"), parts(svg, "polygon")
    first, second, third = heights(line.attrib["points"])
    assert first > third > second  # in a drawing, down is more
    edge = heights(band.attrib["points"])
    assert all(
        high < value < low
        for high, value, low in zip(edge[:3], (first, second, third), edge[:2:-1], strict=True)
    )
    assert min(edge) >= 0 and max(edge) <= HEIGHT


def test_bars_stand_on_nought_and_hang_from_it():
    bars = parts(sparkline(totals(100, 50, -50), alt="x"), "rect")
    tall, half, below = (float(bar.attrib["height"]) for bar in bars)
    assert tall == pytest.approx(2 * half, abs=0.2) and half == pytest.approx(below, abs=0.2)
    foot = float(bars[0].attrib["y"]) + tall
    assert float(bars[2].attrib["y"]) == pytest.approx(foot, abs=0.2)


def test_a_period_left_out_breaks_the_line():
    whole = sparkline(rates(1, 2, 3, 4), alt="x")
    broken = sparkline(rates(1, 2, 3, 4), alt="x", places=[1, 2, 4, 5])
    assert (len(parts(whole, "polyline")), len(parts(broken, "polyline"))) == (1, 2)
    alone = sparkline(rates(1, 2, 3), alt="x", places=[1, 2, 9])
    assert len(parts(alone, "polyline")) == 1 and alone.count('stroke-opacity=".17"') == 1


@pytest.mark.parametrize("history", [rates(5, 5, half=0), totals(0, 0), rates(2, 2, half=0, unit="months")])
def test_what_never_moves_is_drawn_without_a_missing_number(history):
    svg = sparkline(history, alt="x")
    assert not re.search("nan|inf", svg)
    ElementTree.fromstring(svg)


def test_words_for_a_screen_reader_are_inert():
    svg = sparkline(rates(1, 2), alt='"><script>alert(1)</script>')
    assert "<script" not in svg and ElementTree.fromstring(svg).attrib["aria-label"].endswith("</script>")


def test_one_value_is_no_history():
    with pytest.raises(StudyError, match="needs two values; it has 1"):
        sparkline(rates(1), alt="x")
