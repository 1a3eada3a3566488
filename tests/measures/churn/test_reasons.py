"""Reasons: known drivers come first, noise last, and contributions add up where they must."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measures.churn.scores import people

from cam.measures.churn.models import expit, fit_boosting, fit_logistic
from cam.measures.churn.reasons import (
    believable,
    contributions,
    partial_dependence,
    permutation_importance,
    top_reasons,
    typical_values,
)

TRAIN, TEST = (people(n, seed=n).drop(columns="truth") for n in (3000, 2001))
FITS = [fit_logistic(TRAIN, seed=1), fit_boosting(TRAIN, seed=1, n_trees=60)]
TYPICAL = typical_values(TRAIN, FITS[0].columns.features)
both = pytest.mark.parametrize("fit", FITS, ids=["logistic", "boosting"])


@both
def test_known_drivers_rank_above_noise(fit):
    table = permutation_importance(fit, TEST, seed=1).set_index("feature")
    assert table.index[0] == "days" and set(table.index[:4]) == {"days", "plan", "app", "spend"}
    assert (table["low"].iloc[:3] > 0).all() and table.loc["noise", "low"] < 0.002
    assert ((table["low"] < table["auc_drop"]) & (table["auc_drop"] < table["high"])).all()


def test_a_group_is_dealt_out_together():
    """Two copies share the work: together they are worth more than either."""
    twins = [table.assign(copy=table["days"]) for table in (TRAIN, TEST)]
    fit = fit_logistic(twins[0], seed=1)
    alone = permutation_importance(fit, twins[1], seed=1).set_index("feature")["auc_drop"]
    joined = permutation_importance(fit, twins[1], groups={"both": ["days", "copy"]}, seed=1)["auc_drop"][0]
    assert joined > 1.5 * alone["days"]


@both
def test_dependence_rises_with_days_and_stays_within_its_spread(fit):
    curve = partial_dependence(fit, TEST, feature="days")
    assert len(curve) == 20 and curve["p_churn"].iloc[-1] > curve["p_churn"].iloc[0] + 0.2
    assert ((curve["low"] <= curve["p_churn"]) & (curve["p_churn"] <= curve["high"])).all()
    plan = partial_dependence(fit, TEST, feature="plan").set_index("value")
    assert plan["p_churn"].idxmax() == "basic" and plan["share"].sum() == pytest.approx(1)


def test_contributions_of_the_logistic_model_add_up():
    fit = FITS[0]
    moved = contributions(fit, TEST, typical=TYPICAL)
    typical = TEST.head(1).assign(**TYPICAL.to_dict())
    np.testing.assert_allclose(moved.sum(axis=1), fit.log_odds(TEST) - fit.log_odds(typical)[0], atol=1e-9)


def test_contributions_of_boosting_are_what_changes_with_the_feature():
    fit = FITS[1]
    moved = contributions(fit, TEST, typical=TYPICAL)
    here, there = fit.log_odds(TEST), fit.log_odds(TEST.assign(days=TYPICAL["days"]))
    np.testing.assert_allclose(moved["days"], here - there, atol=1e-12)
    assert moved.loc[TEST["plan"] == TYPICAL["plan"], "plan"].abs().max() < 1e-12


@both
def test_reasons_raise_the_risk_and_say_how(fit):
    moved = contributions(fit, TEST, typical=TYPICAL)
    reasons = top_reasons(moved, TEST, typical=TYPICAL)
    assert (reasons["contribution"] >= 0.05).all() and reasons["rank"].between(1, 3).all()
    assert not reasons.duplicated(["customer_id", "rank"]).any() and len(reasons) > 1000
    days = reasons[reasons["feature"] == "days"]
    # Trees may rise a little on the way down; few do so by as much as makes a reason.
    assert (days["direction"] == "high").mean() > 0.9
    assert ((days["value"] > days["typical"]) == (days["direction"] == "high")).all()
    spend = reasons[(reasons["feature"] == "spend") & (reasons["contribution"] > 0.5)]
    assert len(spend) > 100 and (spend["direction"] == "missing").mean() > 0.8
    # Half of those who stay have the basic plan too: it is nobody's reason.
    assert "basic" not in set(reasons.loc[reasons["feature"] == "plan", "value"])
    strong = TEST[expit(fit.log_odds(TEST)) > 0.8]
    first = reasons[reasons["rank"] == 1].set_index("customer_id")["feature"]
    assert (first[strong["customer_id"]] == "days").mean() > 0.8


def test_nobody_has_a_reason_who_is_as_all_who_stay():
    same = TEST.head(3).assign(**TYPICAL.to_dict())
    moved = contributions(FITS[0], same, typical=TYPICAL)
    assert top_reasons(moved, same, typical=TYPICAL).empty


def test_a_feature_that_is_none():
    with pytest.raises(ValueError, match="the model has no feature 'age'"):
        partial_dependence(FITS[0], TEST, feature="age")
    with pytest.raises(ValueError, match="the model has no feature 'age'"):
        permutation_importance(FITS[0], TEST, groups={"both": ["age", "days"]}, seed=1)


@both
def test_a_group_is_made_typical_together(fit):
    """Alone it is what the feature moves; of the logistic model a group moves the sum of its members."""
    alone = contributions(fit, TEST, typical=TYPICAL)
    joined = contributions(fit, TEST, typical=TYPICAL, groups={"both": ["days", "plan"], "days": ["days"]})
    np.testing.assert_allclose(joined["days"], alone["days"], atol=1e-12)
    changed = TEST.assign(days=TYPICAL["days"], plan=TYPICAL["plan"])
    there = fit.log_odds(TEST) - fit.log_odds(changed)
    np.testing.assert_allclose(joined["both"], there, atol=1e-9)


def test_only_what_a_feature_alone_bears_out_can_be_believed():
    """Orders lower the risk; in a model beside another feature they may raise it, and that is no reason."""
    moved = contributions(FITS[0], TEST, typical=TYPICAL)
    kept = believable(moved, TEST, typical=TYPICAL, train=TRAIN)
    long, short = TEST["days"] > TYPICAL["days"] + 1, TEST["days"] < TYPICAL["days"] - 1
    pd.testing.assert_series_equal(kept.loc[long, "days"], moved.loc[long, "days"])
    assert not kept.loc[short, "days"].any() and moved.loc[short, "days"].any()
    basic, pro = TEST["plan"] == "basic", TEST["plan"] == "pro"
    np.testing.assert_array_equal(kept.loc[basic, "plan"], moved.loc[basic, "plan"])
    assert not kept.loc[pro, "plan"].any()
    blank = TEST["spend"].isna()
    np.testing.assert_array_equal(kept.loc[blank, "spend"], moved.loc[blank, "spend"])


def test_what_readers_are_given_is_recalibrated():
    plain = partial_dependence(FITS[0], TEST, feature="days")
    half = partial_dependence(FITS[0], TEST, feature="days", recalibrate=lambda p: p / 2)
    np.testing.assert_allclose(half["p_churn"], plain["p_churn"] / 2)
    assert plain["n"].nunique() == 1 and plain["n"].iloc[0] <= 1000
