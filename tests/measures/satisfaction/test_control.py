"""The control chart of a score: correct, consistent, refusing, honest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.satisfaction.control import RUN_LENGTH, control_chart, score_trend


def points(counts, design_effect=1.0):
    up, passive, down = np.array(counts).T
    return pd.DataFrame({"n": up + passive + down, "up": up, "down": down, "design_effect": design_effect})


# --- correct ------------------------------------------------------------------------------------


def test_the_limits_of_a_share_are_those_of_a_p_chart():
    # Montgomery (2009), Introduction to Statistical Quality Control, 6th ed., section 7.2: p-bar +- 3 sqrt(p-bar (1 -
    # p-bar) / n). Shares alike, so that the variance within points is that of all; the answers that are added are worth
    # 3 in 3,000.
    found = control_chart(points([(60, 140, 0)] * 15), is_share=True)
    half = 100 * 3 * (0.3 * 0.7 / 200) ** 0.5
    assert found["centre"].tolist() == pytest.approx([30.0] * 15)
    assert found["upper"].tolist() == pytest.approx([30 + half] * 15, rel=0.003)
    assert found["lower"].tolist() == pytest.approx([30 - half] * 15, rel=0.01)


def test_each_point_has_limits_of_its_own_size_and_design():
    found = control_chart(points([(50, 30, 20), (200, 120, 80)]))
    half = found["upper"] - found["centre"]
    assert half[0] == pytest.approx(2 * half[1])
    wider = control_chart(points([(50, 30, 20), (200, 120, 80)], design_effect=4.0))
    assert (wider["upper"] - wider["centre"])[0] == pytest.approx(2 * half[0])


def test_a_point_far_off_and_the_eighth_on_one_side_are_signals():
    steady = [(50, 30, 20), (48, 30, 22)]
    found = control_chart(points([*steady * 5, (10, 30, 60)]))
    assert found["outside"].tolist() == [False] * 10 + [True]
    # From the ninth point on the level is a little higher: inside the limits, all on one side.
    found = control_chart(points([(44, 30, 26)] * 8 + [(52, 30, 18)] * 9))
    assert not found["outside"].any()
    assert found.index[found["run"]].tolist() == [7, 15, 16] and RUN_LENGTH == 8


# --- consistent ---------------------------------------------------------------------------------


def test_swapped_promoters_and_detractors_turn_the_chart_over():
    counts = [(50, 30, 20), (20, 60, 20), (80, 10, 30)]
    found, turned = control_chart(points(counts)), control_chart(points([row[::-1] for row in counts]))
    for one, other in (("value", "value"), ("lower", "upper"), ("centre", "centre")):
        assert found[one].tolist() == pytest.approx((-turned[other]).tolist())
    assert found["outside"].tolist() == turned["outside"].tolist()


def test_all_the_same_answer_leaves_limits_with_a_width_and_no_signal():
    found = control_chart(points([(40, 0, 0)] * 9))
    assert (found["value"] == 100).all() and (found["lower"] < 100).all() and (found["upper"] == 100).all()
    assert not found["outside"].any() and not found["run"].any()


# --- refuses ------------------------------------------------------------------------------------


def test_refuses_no_points_and_points_without_answers():
    with pytest.raises(ValueError, match="needs points with answers"):
        control_chart(points([(5, 5, 5)]).head(0))
    with pytest.raises(ValueError, match="needs points with answers"):
        control_chart(points([(5, 5, 5), (0, 0, 0)]))


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.05, 0.25, 0.7)])
def test_a_steady_score_is_seldom_called_a_signal(shares):
    # Three sigma are 0.27 % of points where all is normal; small skewed points may double it.
    rng = np.random.default_rng(9)
    outside = [control_chart(points(rng.multinomial(40, shares, 12)))["outside"].mean() for _ in range(1000)]
    assert np.mean(outside) <= 0.0054


def test_a_fall_of_four_errors_is_seen():
    rng = np.random.default_rng(10)
    seen = 0
    for _ in range(300):
        counts = rng.multinomial(200, (0.5, 0.3, 0.2), 12)
        counts[-1] = rng.multinomial(200, (0.37, 0.32, 0.31))  # 24 points lower: 4.4 errors
        seen += bool(control_chart(points(counts))["outside"].iloc[-1])
    assert seen / 300 > 0.8


# --- trend --------------------------------------------------------------------------------------


def sums(counts, design_effect=1.0):
    up, passive, down = np.array(counts).T
    numbers = {"n": up + passive + down, "total": up - down, "squared": up + down}
    return pd.DataFrame(numbers | {"design_effect": design_effect})


def test_the_trend_of_points_on_a_line_is_its_slope_and_turns_over_with_the_answers():
    counts = [(40 + 2 * place, 40 - 2 * place, 20) for place in range(6)]
    found, turned = score_trend(sums(counts)), score_trend(sums([row[::-1] for row in counts]))
    assert found.value == pytest.approx(2) and found.n == 600
    assert (turned.value, turned.low, turned.high) == pytest.approx((-found.value, -found.high, -found.low))
    wide = score_trend(sums(counts, design_effect=4.0))
    assert wide.high - wide.low == pytest.approx(2 * (found.high - found.low), rel=0.1)


def test_shared_customers_who_say_the_same_again_make_the_trend_surer():
    same = {
        (one, two): {"tt": 70, "tm": 30, "mt": 30, "mm": 100} for one in range(4) for two in range(one + 1, 4)
    }
    points_ = sums([(50, 30, 20)] * 4)
    apart, panel = score_trend(points_), score_trend(points_, same)
    assert apart.value == panel.value == 0 and panel.high < apart.high / 3
    assert apart.p_value == 1 and apart.equal_p == 1


def test_all_the_same_answer_has_no_trend_and_an_interval():
    found = score_trend(sums([(40, 0, 0)] * 5))
    assert found.low < found.value == 0 < found.high and found.p_value == found.equal_p == 1


def test_a_trend_needs_three_points():
    with pytest.raises(ValueError, match="three points"):
        score_trend(sums([(5, 5, 5)] * 2))


@pytest.mark.slow
@pytest.mark.parametrize("n", [40, 200])
def test_the_interval_of_the_trend_covers_and_its_tests_keep_their_level(n):
    rng = np.random.default_rng(12)
    covered, trending, unequal = [], [], []
    for _ in range(1000):
        climbing = [rng.multinomial(n, (0.45 + 0.01 * place, 0.35, 0.2 - 0.01 * place)) for place in range(6)]
        one, still = score_trend(sums(climbing)), score_trend(sums(rng.multinomial(n, (0.5, 0.3, 0.2), 6)))
        covered.append(one.low <= 2 <= one.high)
        trending.append(still.p_value < 0.05)
        unequal.append(still.equal_p < 0.05)
    assert 0.93 <= np.mean(covered) <= 0.975
    assert np.mean(trending) <= 0.07 and np.mean(unequal) <= 0.07
