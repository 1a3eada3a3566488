"""Models of churn: a peer, laws, and what they find in customers whose risk is known."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from measures.churn.scores import people

from cam.measures.churn.calibration import fit_calibration
from cam.measures.churn.evaluation import auc, auc_parts
from cam.measures.churn.folds import cross_validated
from cam.measures.churn.models import fit_baseline, fit_boosting, fit_logistic, odds_ratios

TRAIN, TEST = people(4000, seed=1), people(20_000, seed=2)
FEATURES = TRAIN.drop(columns="truth")


@pytest.fixture(scope="module")
def logistic():
    return fit_logistic(FEATURES, seed=1)


@pytest.fixture(scope="module")
def boosting():
    return fit_boosting(FEATURES, seed=1)


def test_the_logistic_model_solves_its_equations(logistic):
    """At the maximum the slope of the penalised likelihood is 0; scikit-learn stops at 1e-8 per row."""
    x, y = logistic.columns.design(FEATURES), FEATURES["churned"].to_numpy(float)
    miss = y - logistic.probability(FEATURES)
    slope = np.einsum("i,ij->j", miss, x) - logistic.penalty * logistic.coefficients
    assert np.abs(slope).max() < 1e-4 and abs(miss.sum()) < 1e-4


def test_odds_ratios_are_those_that_made_the_customers(logistic):
    """With their 95 % intervals; days: 0.025 a day. Of five known numbers all, with this seed."""
    table = odds_ratios(logistic, FEATURES, seed=1).set_index(["feature", "part"])
    days = table.loc[("days", "value")]
    assert days["low"] < np.exp(0.025 * days["sd"]) < days["high"]
    blank = table.loc[("spend", "missing")]
    assert blank["low"] < np.exp(0.9 * blank["sd"]) < blank["high"]
    noise = table.loc[("noise", "value")]
    assert noise["low"] < 1 < noise["high"]


def test_bootstrap_intervals_are_as_wide_as_the_fisher_information_says(logistic):
    table = odds_ratios(logistic, FEATURES, seed=1)
    x, p = logistic.columns.design(FEATURES), logistic.probability(FEATURES)
    x = np.column_stack([np.ones(len(x)), x])
    bend = np.einsum("i,ij,ik->jk", p * (1 - p), x, x) + np.diag(
        [0.0] + [logistic.penalty] * (x.shape[1] - 1)
    )
    place = logistic.columns.names.query("feature == 'days' and part == 'value'").index[0] + 1
    error = np.sqrt(np.linalg.inv(bend)[place, place])
    days = table.query("feature == 'days' and part == 'value'").iloc[0]
    # 200 resamples know a width within about a tenth; the ridge makes the bootstrap a little narrower.
    assert np.log(days["high"] / days["low"]) == pytest.approx(2 * 1.96 * error, rel=0.2)


def test_one_step_per_resample_is_as_good_as_a_refit_where_rows_are_many(logistic, monkeypatch):
    from cam.measures.churn import models

    slow = odds_ratios(logistic, FEATURES, seed=1)
    monkeypatch.setattr(models, "_MOST_REFITTED", 0)
    quick = odds_ratios(logistic, FEATURES, seed=1)
    # The same resamples, so that only the step differs: of the order of one over the rows.
    for side in ("low", "high"):
        np.testing.assert_allclose(np.log(quick[side]), np.log(slow[side]), atol=0.02)


def test_a_penalty_or_a_number_of_trees_that_is_given_is_not_chosen_again(logistic, boosting):
    again = fit_logistic(FEATURES, seed=2, penalty=logistic.penalty)
    assert again.coefficients.tobytes() == logistic.coefficients.tobytes()
    assert fit_boosting(FEATURES, seed=1, n_trees=7).n_trees == 7


def test_both_models_come_near_the_truth_and_are_calibrated(logistic, boosting):
    truth = auc(TEST, score="truth").value
    for fit, near in ((logistic, 0.01), (boosting, 0.02)):
        scores = TEST.assign(p_churn=fit.probability(TEST))
        assert truth - auc(scores).value < near
        assert 0.9 < fit_calibration(scores).slope.value < 1.1


def test_a_baseline_is_the_column_and_nothing_else():
    fit = fit_baseline(TRAIN, column="days")
    scores = TEST.assign(p_churn=fit.probability(TEST))
    assert auc(scores).value == pytest.approx(
        auc_parts(TEST["churned"].to_numpy(), TEST["days"].to_numpy())[0], abs=0.01
    )
    falling = fit_baseline(TRAIN.assign(p_alive=1 / (1 + TRAIN["days"])), column="p_alive")
    np.testing.assert_allclose(
        falling.probability(TRAIN.assign(p_alive=1 / (1 + TRAIN["days"]))), fit.probability(TRAIN)
    )
    spend = fit_baseline(TRAIN, column="spend")
    blank = TRAIN["spend"].isna()
    assert spend.probability(TRAIN)[blank.to_numpy()][0] == pytest.approx(TRAIN.loc[blank, "churned"].mean())
    with pytest.raises(ValueError, match="column 'spend' holds no number"):
        fit_baseline(TRAIN.assign(spend=np.nan), column="spend")


def test_the_order_of_rows_and_columns_changes_no_byte(logistic, boosting):
    mixed = FEATURES.sample(frac=1, random_state=1)[FEATURES.columns[::-1]]
    for fit, again in ((logistic, fit_logistic(mixed, seed=1)), (boosting, fit_boosting(mixed, seed=1))):
        assert fit.probability(TEST).tobytes() == again.probability(TEST).tobytes()


def test_threads_change_no_byte():
    code = (
        "import hashlib; from measures.churn.scores import people;"
        "from cam.measures.churn.models import fit_boosting, fit_logistic, odds_ratios;"
        "t = people(1500, seed=1).drop(columns='truth'); a, b = fit_logistic(t, seed=1), fit_boosting(t, seed=1);"
        "o = odds_ratios(a, t, seed=1).low.to_numpy();"
        "print(hashlib.sha256(a.probability(t).tobytes() + b.probability(t).tobytes() + o.tobytes()).hexdigest())"
    )
    found = set()
    for threads in ("1", "3"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        env = {**os.environ, **dict.fromkeys(names, threads), "PYTHONPATH": os.pathsep.join(sys.path)}
        ran = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        found.add(ran.stdout)
    assert len(found) == 1


@pytest.mark.slow
def test_shuffled_labels_have_no_signal():
    """Of 100 shuffles at least 95 say so, by cross-validation of the model that could find the most."""
    table = people(400, seed=1).drop(columns="truth")
    rng, quiet = np.random.default_rng(1), 0
    for _ in range(100):
        shuffled = table.assign(churned=rng.permutation(table["churned"]))
        scores = cross_validated(shuffled, fit=lambda rows: fit_boosting(rows, seed=1, n_trees=30), seed=1)
        quiet += auc(scores).low <= 0.5
    assert quiet >= 95


def test_one_class_and_ten_customers():
    for fit in (fit_logistic, fit_boosting):
        with pytest.raises(ValueError, match="4,000 stayed; a model needs at least 20 of each"):
            fit(FEATURES.assign(churned=0), seed=1)
        with pytest.raises(ValueError, match="a model needs at least 20 of each"):
            fit(FEATURES.head(10), seed=1)
        with pytest.raises(ValueError, match="no feature varies"):
            fit(FEATURES[["customer_id", "churned"]].assign(same=1), seed=1)
