"""Scores of those who write of a theme: equal to hand-made sums, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, ttest_ind

from cam.estimate import proportion
from cam.measures.satisfaction.scores import nps
from cam.measures.satisfaction.theme_scores import against_the_rest, score_of, share_of, signs


def test_one_comment_per_customer_is_the_plain_interval():
    mentions = pd.Series([True] * 30 + [False] * 70)
    found = share_of("theme_share", mentions, pd.Series(range(100)), segment={})
    plain = proportion("theme_share", 30, 100)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high))
    # Two comments each, alike: as if there were half as many.
    twice = share_of("theme_share", mentions, pd.Series(range(100)) // 2, segment={})
    assert twice.high - twice.low > 1.3 * (found.high - found.low)


def test_scores_are_those_of_the_survey():
    sign = signs(pd.Series([10] * 5 + [7] * 3 + [2] * 2), outcome="nps")
    assert score_of(sign, pd.Series(range(10)), outcome="nps", segment={}) == nps(5, 3, 2)
    assert signs(pd.Series([5, 4, 3]), outcome="csat").tolist() == [1, 1, 0]
    assert signs(pd.Series([5, 4]), outcome="ces").tolist() == [1, 0]
    with pytest.raises(ValueError, match="outcome must be nps, csat or ces"):
        signs(pd.Series([1]), outcome="stars")


def test_without_customers_in_common_it_is_welchs_test():
    rng = np.random.default_rng(2)
    sign, inside = rng.choice([-1.0, 0.0, 1.0], 90), np.arange(90) < 30
    gap, low, high, p = against_the_rest(sign, inside, np.arange(90))
    welch = ttest_ind(sign[inside], sign[~inside], equal_var=False)
    limits = welch.confidence_interval(0.95)
    assert (gap, low, high, p) == pytest.approx(
        (
            100 * (sign[inside].mean() - sign[~inside].mean()),
            100 * limits.low,
            100 * limits.high,
            welch.pvalue,
        )
    )


def test_turned_round_only_the_sign_changes():
    rng = np.random.default_rng(3)
    sign, inside, who = rng.choice([-1.0, 1.0], 80), rng.random(80) < 0.4, rng.integers(0, 50, 80)
    one, other = (against_the_rest(sign, side, who) for side in (inside, ~inside))
    assert one == pytest.approx((-other[0], -other[2], -other[1], other[3]))


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="two customers on each side; got 1"):
        against_the_rest(np.array([1.0, 0.0, 1.0]), np.array([True, False, False]), np.arange(3))
    with pytest.raises(ValueError, match="all answers are the same"):
        against_the_rest(np.ones(9), np.arange(9) < 4, np.arange(9))


def test_a_side_that_is_of_one_mind_is_not_certain():
    sign = np.array([1.0] * 20 + [1.0, -1.0] * 30)
    _, low, high, _ = against_the_rest(sign, np.arange(80) < 20, np.arange(80))
    assert high - low > 100 * 2 * 1.96 * np.std(sign) / np.sqrt(20) * 0.99


def test_coverage_where_customers_answer_several_times():
    """1,000 surveys: 0.95 within four standard errors of the simulation (0.0069 each)."""
    rng = np.random.default_rng(3)
    below = lambda cut, mean: norm.cdf((cut - mean) / np.sqrt(2))  # noqa: E731
    truth = [1 - below(1.0, mean) - below(-0.2, mean) for mean in (0.0, 0.6)]
    held = 0
    for _ in range(1000):
        who = rng.integers(0, 80, 120)
        inside = rng.random(120) < 0.3
        felt = rng.normal(size=80)[who] + rng.normal(size=120) + 0.6 * inside
        _, low, high, _ = against_the_rest(
            np.where(felt > 1, 1.0, np.where(felt < -0.2, -1.0, 0.0)), inside, who
        )
        held += low <= 100 * (truth[1] - truth[0]) <= high
    assert 0.95 - 4 * 0.0069 < held / 1000 < 0.95 + 4 * 0.0069
