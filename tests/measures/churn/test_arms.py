"""Several arms against one control, and the share that an offer keeps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from cam.estimate import proportion
from cam.measures.churn.arms import compare_arms, save_rate, score_balance
from cam.measures.churn.experiment import analyse, newcombe_limits


def trial(**arms: tuple[int, int]) -> pd.DataFrame:
    """Arms with so many who left of so many."""
    parts = [
        pd.DataFrame({"arm": arm, "outcome": [1] * left + [0] * (n - left)})
        for arm, (left, n) in arms.items()
    ]
    return pd.concat(parts, ignore_index=True).rename_axis("customer_id").reset_index()


def saved(x, m, y, n):
    return save_rate(proportion("left", x, m), control=proportion("left", y, n))


def test_koopmans_own_example():
    """36 of 40 against 16 of 80: a ratio of 4.5 with limits 2.94 and 7.15 (Koopman 1984, section 4)."""
    rate = saved(36, 40, 16, 80)
    assert [round(1 - limit, 2) for limit in (rate.value, rate.high, rate.low)] == [4.5, 2.94, 7.15]


@pytest.mark.parametrize(
    "counts", [(16, 80, 36, 40), (174, 1969, 236, 2031), (3, 50, 40, 60), (59, 60, 30, 60)]
)
def test_limits_are_those_of_statsmodels(counts):
    low, high = confint_proportions_2indep(*counts, compare="ratio", method="score", correction=False)
    rate = saved(*counts)
    assert (1 - rate.high, 1 - rate.low) == pytest.approx((low, high), rel=1e-5)


def test_nobody_left_with_the_offer():
    rate = saved(0, 50, 10, 50)
    assert rate.value == rate.high == 1 and 0 < rate.low < 1


def test_everybody_left_either_way():
    rate = saved(40, 40, 40, 40)
    assert rate.value == 0 and rate.low < 0 < rate.high


def test_one_arm_has_its_own_limits_and_of_three_each_has_wider_ones():
    one = compare_arms(trial(control=(60, 400), mail=(40, 400)), control="control")
    effect = analyse(trial(control=(60, 400), mail=(40, 400)), treated="mail", control="control").effect
    assert one.arms["mail"].effect == effect
    assert one.limits["mail"] == pytest.approx((effect.low, effect.high), abs=1e-12)
    three = compare_arms(
        trial(control=(60, 400), mail=(40, 400), call=(38, 400), both=(60, 400)), control="control"
    )
    assert list(three.arms) == ["both", "call", "mail"]
    assert three.limits["mail"][0] < one.limits["mail"][0] and three.limits["mail"][1] > one.limits["mail"][1]
    assert one.is_shown("mail") and not three.is_shown("mail")


def test_limits_at_once_are_bonferronis():
    """Three arms: each limit at 1 - 0.05 / 3, which is 2.394 standard errors."""
    three = compare_arms(trial(c=(60, 400), a=(40, 400), b=(38, 400), d=(60, 400)), control="c")
    assert three.limits["a"] == pytest.approx(newcombe_limits((40, 400), control=(60, 400), z=2.3939798))


def test_scores_of_arms_made_by_chance_do_not_differ():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"arm": rng.choice(["a", "b"], 2000), "p_churn": rng.random(2000)})
    assert score_balance(table, treated="a", control="b") > 0.001
    moved = table.assign(p_churn=table["p_churn"] - 0.1 * (table["arm"] == "a"))
    assert score_balance(moved, treated="a", control="b") < 0.001
    mixed = table.sample(frac=1, random_state=2)
    assert score_balance(mixed, treated="a", control="b") == score_balance(table, treated="a", control="b")


def test_refusals():
    with pytest.raises(ValueError, match="nobody of the control arm left"):
        saved(1, 50, 0, 50)
    with pytest.raises(ValueError, match="no arm beside 'control'"):
        compare_arms(trial(control=(5, 50)), control="control")


@pytest.mark.slow
@pytest.mark.parametrize(("with_it", "without", "n"), [(0.09, 0.12, 400), (0.3, 0.3, 60), (0.02, 0.1, 150)])
def test_limits_hold_the_truth(with_it, without, n):
    """2,000 tests each: 95 % within 1.5 points; the score interval is known to be near its level even so small."""
    rng = np.random.default_rng(3)
    truth, held, asked = 1 - with_it / without, 0, 0
    for x, y in zip(rng.binomial(n, with_it, 2000), rng.binomial(n, without, 2000), strict=True):
        if y:
            rate = saved(int(x), n, int(y), n)
            held, asked = held + (rate.low <= truth <= rate.high), asked + 1
    assert 0.935 < held / asked < 0.975


@pytest.mark.slow
def test_three_arms_without_effect_rarely_show_one():
    """2,000 tests of three useless offers: plain limits show some effect in one of eight, these in one of twenty."""
    rng = np.random.default_rng(4)
    n, wrong = 500, 0
    for left in rng.binomial(n, 0.12, (2000, 4)):
        limits = [newcombe_limits((int(k), n), control=(int(left[0]), n), z=2.3939798) for k in left[1:]]
        wrong += any(low > 0 or high < 0 for low, high in limits)
    assert wrong / 2000 < 0.06
