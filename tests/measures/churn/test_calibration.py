"""Calibration: peers, laws, refusals, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measures.churn.scores import scored

from cam.measures.churn.calibration import calibration_curve, fit_calibration, fit_recalibration


def log_odds(p):
    return np.log(p / (1 - p))


# Correct


def test_slope_and_intercept_are_those_of_statsmodels():
    import statsmodels.api as sm

    table = scored(800, seed=1, slope=0.7, shift=0.3)
    z = log_odds(table["p_churn"].to_numpy())
    free = sm.Logit(table["churned"], sm.add_constant(z)).fit(disp=0, tol=1e-12, cov_type="HC0")
    held = sm.GLM(table["churned"], np.ones(800), offset=z, family=sm.families.Binomial()).fit(tol=1e-12)
    fit = fit_calibration(table)
    assert [fit.intercept.value, fit.slope.value] == pytest.approx(free.params.tolist(), abs=1e-8)
    half = 1.959964 * free.bse.to_numpy()
    assert fit.intercept.high - fit.intercept.value == pytest.approx(half[0], rel=1e-5)
    assert fit.slope.high - fit.slope.value == pytest.approx(half[1], rel=1e-5)
    assert fit.in_the_large.value == pytest.approx(held.params.iloc[0], abs=1e-8)


def test_isotonic_is_that_of_scikit_learn_within_its_edges():
    from sklearn.isotonic import IsotonicRegression

    table = scored(3000, seed=2)
    peer = IsotonicRegression(y_min=0.5 / 3000, y_max=1 - 0.5 / 3000).fit(table["p_churn"], table["churned"])
    fit = fit_recalibration(table, method="isotonic")
    np.testing.assert_allclose(
        fit.probability(table["p_churn"].to_numpy()), peer.predict(table["p_churn"]), atol=1e-12
    )
    assert fit.rates.min() > 0 and fit.rates.max() < 1


# Consistent


def test_a_curve_holds_all_customers_and_equal_scores_stay_together():
    table = scored(503, seed=1)
    curve = calibration_curve(table)
    assert len(curve) == 10 and curve["n_customers"].sum() == 503
    assert curve["n_customers"].between(50, 51).all()
    assert curve["n_churned"].sum() == table["churned"].sum() and curve["predicted"].is_monotonic_increasing
    assert ((curve["low"] <= curve["observed"]) & (curve["observed"] <= curve["high"])).all()
    rounded = table.assign(p_churn=table["p_churn"].round(1))
    tied = calibration_curve(rounded)
    mixed = (tied["n_customers"] * tied["predicted"]).sum()
    assert len(tied) <= rounded["p_churn"].nunique() and mixed == pytest.approx(rounded["p_churn"].sum())
    pd.testing.assert_frame_equal(tied, calibration_curve(rounded.sample(frac=1, random_state=1)))


def test_recalibrated_scores_are_calibrated_and_keep_their_ranks():
    table = scored(2000, seed=3, slope=0.5, shift=0.8)
    assert not fit_calibration(table).is_calibrated
    better = table.assign(p_churn=fit_recalibration(table).probability(table["p_churn"].to_numpy()))
    after = fit_calibration(better)
    assert after.slope.value == pytest.approx(1, abs=1e-6) and after.in_the_large.value == pytest.approx(
        0, abs=1e-6
    )
    assert (better["p_churn"].rank() == table["p_churn"].rank()).all()


def test_the_method_follows_the_number_of_customers():
    assert fit_recalibration(scored(500, seed=1)).method == "platt"
    assert fit_recalibration(scored(5000, seed=1)).method == "isotonic"


# Refuses


def test_what_cannot_be_calibrated():
    table = scored(100, seed=1)
    with pytest.raises(ValueError, match="all 100 rows have churned = 1: nothing to tell apart"):
        fit_calibration(table.assign(churned=1))
    with pytest.raises(ValueError, match="all customers have the same score: a line needs two"):
        fit_calibration(table.assign(p_churn=0.4))
    with pytest.raises(ValueError, match="part those who left from those who stayed wholly"):
        fit_calibration(table.assign(p_churn=np.where(table["churned"] == 1, 0.9, 0.1)))
    with pytest.raises(ValueError, match="higher scores do not mean more leavers"):
        fit_recalibration(table.assign(p_churn=1 - table["p_churn"]))
    with pytest.raises(ValueError, match="method 'spline' is unknown; give 'platt' or 'isotonic'"):
        fit_recalibration(table, method="spline")


# Honest


@pytest.mark.slow
def test_the_intervals_cover_slope_and_level():
    """1,000 tests of 500 customers with slope 0.8 and shift 0.4; one point for the approximation."""
    slope, level, cases = [], [], 1000
    for seed in range(cases):
        fit = fit_calibration(scored(500, seed=seed, slope=0.8, shift=0.4))
        slope.append(fit.slope.low <= 0.8 <= fit.slope.high)
        level.append(fit.intercept.low <= 0.4 <= fit.intercept.high)
    for covered in (slope, level):
        assert abs(np.mean(covered) - 0.95) < 3 * np.sqrt(0.95 * 0.05 / cases) + 0.01, np.mean(covered)


@pytest.mark.slow
def test_a_right_model_is_called_calibrated():
    """Two intervals of 95 %, nearly independent: at least 0.95 squared, within three standard errors of 400."""
    right = np.mean([fit_calibration(scored(500, seed=seed)).is_calibrated for seed in range(400)])
    assert right > 0.9025 - 3 * np.sqrt(0.9025 * 0.0975 / 400)
