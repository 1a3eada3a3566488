"""Evaluation of scores: peers, laws, refusals, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measures.churn.scores import scored
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score, roc_curve

from cam.measures.churn.evaluation import auc, auc_difference, auc_parts, evaluate, mean_over_customers


def tied(n=400, seed=1):
    return scored(n, seed=seed).assign(p_churn=lambda table: table["p_churn"].round(1))


def delong(y, *scores):
    """Covariance of AUCs, straight from equations 3 to 7 of the paper: all pairs."""
    v10, v01 = [], []
    for score in scores:
        x, z = score[y == 1][:, None], score[y == 0][None, :]
        psi = (x > z) + 0.5 * (x == z)
        v10.append(psi.mean(axis=1))
        v01.append(psi.mean(axis=0))
    return np.cov(v10) / (y == 1).sum() + np.cov(v01) / (y == 0).sum()


# Correct


@pytest.mark.parametrize("table", [scored(400, seed=1), tied()], ids=["distinct", "tied"])
def test_figures_are_those_of_scikit_learn(table):
    fit, y, p = evaluate(table, seed=1), table["churned"], table["p_churn"]
    assert fit.auc.value == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert fit.average_precision.value == pytest.approx(average_precision_score(y, p), abs=1e-12)
    assert fit.brier.value == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert fit.log_loss.value == pytest.approx(log_loss(y, np.clip(p, 1e-6, 1 - 1e-6)), abs=1e-12)


def test_the_roc_goes_through_the_points_of_scikit_learn():
    table = scored(400, seed=1)
    across, up, _ = roc_curve(table["churned"], table["p_churn"], drop_intermediate=False)
    roc = evaluate(table, seed=1).roc
    # Where a step goes straight up, any height within it is the curve.
    for x, value in zip(roc["false_positive_rate"], roc["true_positive_rate"], strict=True):
        lowest = up[across <= x + 1e-12].max()
        highest = up[across >= x - 1e-12].min()
        assert min(lowest, highest) - 1e-12 <= value <= max(lowest, highest) + 1e-12


@pytest.mark.parametrize("table", [scored(150, seed=3), tied(150, 3)], ids=["distinct", "tied"])
def test_the_errors_are_delongs(table):
    y, p = table["churned"].to_numpy(float), table["p_churn"].to_numpy()
    other = np.round(p + np.random.default_rng(1).normal(0, 0.2, p.size), 1)
    covariance = delong(y, p, other)
    (_, one), (_, two) = auc_parts(y, p), auc_parts(y, other)
    assert (one**2).sum() == pytest.approx(covariance[0, 0], rel=1e-12)
    assert (one * two).sum() == pytest.approx(covariance[0, 1], rel=1e-10)
    gap = auc_difference(table.assign(other=other), one="p_churn", other="other")
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert gap.high - gap.value == pytest.approx(1.959964 * error, rel=1e-6)


def test_a_perfect_score_of_few_customers_is_not_certain():
    """Hanley and McNeil's variance at the limit gives back Newcombe's equation."""
    few = pd.DataFrame({"customer_id": range(20), "churned": [0, 1] * 10, "p_churn": [0.2, 0.7] * 10})
    a = auc(few).low
    variance = a * (1 - a) / 100 * (1 + 9 * (1 - a) / (2 - a) + 9 * a / (1 + a))
    assert auc(few).value == 1 and (1 - a) ** 2 == pytest.approx(1.959964**2 * variance, rel=1e-5)
    turned = auc(few.assign(p_churn=1 - few["p_churn"]))
    assert turned.value == 0 and turned.high == pytest.approx(1 - a)


# Consistent


def test_deciles_hold_all_customers_and_all_who_left():
    table = tied(437)
    fit = evaluate(table, seed=1)
    assert fit.deciles["n_customers"].sum() == pytest.approx(437)
    assert fit.deciles["n_churned"].sum() == pytest.approx(table["churned"].sum())
    assert fit.deciles["gain"].iloc[-1] == pytest.approx(1) and fit.deciles["gain"].is_monotonic_increasing
    assert fit.lift_top_decile.value == pytest.approx(fit.deciles["lift"].iloc[0])
    for low, value, high in (("low", "lift", "high"), ("gain_low", "gain", "gain_high")):
        assert (fit.deciles[low] <= fit.deciles[value] + 1e-9).all()
        assert (fit.deciles[value] <= fit.deciles[high] + 1e-9).all()


def test_the_order_of_rows_changes_no_value():
    table = tied()
    one, other = evaluate(table, seed=1), evaluate(table.sample(frac=1, random_state=2), seed=1)
    assert one.auc == other.auc
    np.testing.assert_allclose(one.deciles["lift"], other.deciles["lift"], rtol=1e-12)
    np.testing.assert_allclose(
        one.precision_recall["precision"], other.precision_recall["precision"], rtol=1e-12
    )


def test_scores_that_are_all_the_same_say_nothing():
    fit = evaluate(scored(200, seed=1).assign(p_churn=0.3), seed=1)
    assert fit.auc.value == 0.5 and not fit.has_signal
    assert fit.deciles["lift"].tolist() == pytest.approx([1] * 10)
    assert fit.average_precision.value == pytest.approx(fit.n_churned / fit.n)


def test_rows_of_one_customer_are_one_customer():
    """Each customer four times: the interval is that of the customers, but for n - 1 in place of n."""
    table = scored(200, seed=4)
    many = pd.concat([table] * 4, ignore_index=True)
    one, four = evaluate(table, seed=1), evaluate(many, seed=1)
    assert four.auc.value == pytest.approx(one.auc.value) and four.brier.value == pytest.approx(
        one.brier.value
    )
    for figure in ("auc", "brier"):
        single, repeated = getattr(one, figure), getattr(four, figure)
        assert repeated.high - repeated.low == pytest.approx(single.high - single.low, rel=0.02)
    width = four.lift_top_decile.high - four.lift_top_decile.low
    assert width == pytest.approx(one.lift_top_decile.high - one.lift_top_decile.low, rel=0.02)


# Refuses


def test_what_cannot_be_evaluated():
    table = scored(50, seed=1)
    with pytest.raises(ValueError, match="all 50 rows have churned = 0: nothing to tell apart"):
        evaluate(table.assign(churned=0), seed=1)
    with pytest.raises(ValueError, match="churned must be 0 or 1 in every row"):
        evaluate(table.assign(churned=2), seed=1)
    with pytest.raises(ValueError, match="p_churn must be a probability, 0 to 1, in every row"):
        evaluate(table.assign(p_churn=1.2), seed=1)
    with pytest.raises(ValueError, match="p_churn must be a number in every row"):
        auc(table.assign(p_churn=np.nan))


# Honest


def coverage(covered, sets):
    share = np.mean(covered)
    assert abs(share - 0.95) < 3 * np.sqrt(0.95 * 0.05 / sets) + 0.01, share


@pytest.mark.slow
def test_no_signal_where_the_label_is_shuffled():
    """The interval of 95 % lies above 0.5 once in 40; 1,000 shuffles, three standard errors."""
    table = scored(300, seed=1)
    rng = np.random.default_rng(20260630)
    found = [auc(table.assign(churned=rng.permutation(table["churned"]))).low > 0.5 for _ in range(1000)]
    assert np.mean(found) < 0.025 + 3 * np.sqrt(0.025 * 0.975 / 1000)


@pytest.mark.slow
def test_the_intervals_of_auc_and_brier_cover():
    """1,000 tests of 400 customers each; a point is allowed for the approximation at this size."""
    large = scored(400_000, seed=9)
    truth = auc(large).value
    true_brier = ((large["churned"] - large["p_churn"]) ** 2).mean()
    covered, brier = [], []
    for seed in range(1000):
        table = scored(400, seed=seed)
        found = auc(table)
        covered.append(found.low <= truth <= found.high)
        errors = ((table["churned"] - table["p_churn"]) ** 2).to_numpy()
        mean = mean_over_customers("churn_brier", errors, np.arange(400))
        brier.append(mean.low <= true_brier <= mean.high)
    coverage(covered, 1000)
    coverage(brier, 1000)


@pytest.mark.slow
def test_the_intervals_of_lift_and_average_precision_cover():
    """400 tests of 1,000 customers. A bootstrap of ranks is a little short; two points are allowed for that."""
    truth = evaluate(scored(400_000, seed=9), seed=1)
    lift, precision = [], []
    for seed in range(400):
        fit = evaluate(scored(1000, seed=seed), seed=seed)
        lift.append(fit.lift_top_decile.low <= truth.lift_top_decile.value <= fit.lift_top_decile.high)
        one = fit.average_precision
        precision.append(one.low <= truth.average_precision.value <= one.high)
    for covered in (lift, precision):
        assert abs(np.mean(covered) - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 400) + 0.02, np.mean(covered)
