"""The check of proportional odds: equal to separate logits by statsmodels, right as often as it says, and it sees."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from cam.measures.satisfaction.slopes import check_slopes

ITEMS = ["price", "app"]


def survey(seed=1, n=600, *, bend=0.0):
    """Answers with a slope of 0.8 of price; with a bend, price moves only the upper half of the scores."""
    rng = np.random.default_rng(seed)
    price, app = rng.integers(1, 6, n), rng.integers(1, 6, n)
    chance = rng.logistic(size=n)
    pull = 0.8 * (price - 3) + 0.3 * (app - 3)
    score = np.digitize(pull + chance, [-1.5, -0.5, 0.5, 1.5])
    if bend:
        low = np.digitize((0.8 - bend) * (price - 3) + 0.3 * (app - 3) + chance, [-1.5, -0.5])
        score = np.where(score < 2, np.minimum(low, 1), score)
    return pd.DataFrame(
        {"price": price, "app": app, "score": score, "customer_id": rng.integers(0, n // 2, n)}
    )


def check(table, **more):
    return check_slopes(table, outcome="score", items=ITEMS, **more)


def test_slopes_and_walds_test_equal_those_of_separate_logits():
    table = survey(n=300)
    table["score"] = np.digitize(table["score"], [1, 3])  # two cuts
    found = check(table)
    x = sm.add_constant(table[ITEMS].to_numpy(float))
    fits, scores = [], []
    for cut in (1, 2):
        fit = sm.Logit((table["score"] >= cut).to_numpy(float), x).fit(disp=0)
        fits.append(fit.params)
        scores.append(fit.model.score_obs(fit.params) @ fit.cov_params())
    slopes = np.log(found.slopes.pivot(index="cut", columns="item", values="odds_ratio")[ITEMS].to_numpy())
    assert slopes == pytest.approx(np.array(fits)[:, 1:], abs=1e-6)
    n = len(table)
    moved = scores[1][:, 1] - scores[0][:, 1]  # each answer's pull on the difference of price's slopes
    variance = (moved**2).sum() * n / (n - 1)
    statistic = (fits[1][1] - fits[0][1]) ** 2 / variance
    own = found.tests.set_index("item").loc["price"]
    assert own["statistic"] == pytest.approx(statistic, rel=1e-5)
    assert own["p_value"] == pytest.approx(stats.f.sf(statistic, 1, n - 1), rel=1e-5)


def test_an_item_that_moves_only_high_scores_is_seen_and_named():
    found = check(survey(n=3000, bend=0.7), cluster="customer_id")
    tests = found.tests.set_index("item")
    assert found.p_value < 1e-6
    assert tests.loc["price", "p_holm"] < 1e-6 and tests.loc["app", "p_holm"] > 0.01
    assert tests.loc["price", "spread"] > 1.25


def test_cuts_leave_enough_answers_on_both_sides_and_are_four_at_most():
    table = survey(n=2000)
    eleven = table.assign(score=np.arange(2000) % 11)
    assert check(eleven).slopes["cut"].unique().tolist() == [2, 4, 7, 9]
    rare = table.assign(score=np.r_[[0] * 29, [1] * 500, [2] * 700, [3] * 771])
    assert check(rare).slopes["cut"].unique().tolist() == [2, 3]
    with pytest.raises(ValueError, match="30 answers on both sides of two cuts of score"):
        check(table.assign(score=np.arange(2000) % 2))


@pytest.mark.slow
def test_it_calls_even_slopes_uneven_no_more_often_than_it_says():
    """1,000 surveys whose odds are proportional, 250 answers each."""
    found = [check(survey(seed, 250), cluster="customer_id") for seed in range(1000)]
    # 5 %, and three standard errors of a share of 1,000; Wald's tests of few answers say no a little too often.
    assert np.mean([one.p_value < 0.05 for one in found]) < 0.085
    assert np.mean([(one.tests["p_holm"] < 0.05).any() for one in found]) < 0.085
