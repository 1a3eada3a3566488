"""The telecom client through the studies: survival from tenure beside its truth, and a leak that is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.measures.lifecycle.cox import fit_cox, proportional_hazards
from cam.samples import simulate_telecom
from cam.studies import hazards as cox
from cam.studies import survival as steps

MADE = simulate_telecom()
TRUTH = MADE.truth["customers"].set_index("customer_id")


def still_there(months, ids=None):
    """Expected share still there, of all or of some."""
    ratio = TRUTH["hazard_ratio"] if ids is None else TRUTH["hazard_ratio"].loc[ids]
    return float(np.exp(-ratio * (months / 190.0) ** 0.8).mean())


@pytest.fixture
def telecom(client):
    return client({"snapshot": MADE.tables["snapshot"]}, lifecycle={"compare_by": "contract_type"})


def test_survival_from_tenure_is_the_truth(telecom):
    ways = steps.stays(telecom)
    figures = {
        tuple(each.segment.values()): each
        for each in steps.key_figures(telecom, CannotSay(""), ways)
        if isinstance(each, Estimate) and each.figure == "survival_rate"
    }
    for months in (3, 6, 12, 24):
        rate = figures["snapshot", str(months)]
        assert rate.low < still_there(months) < rate.high and rate.n == 7000
    snapshot = MADE.tables["snapshot"]
    for kind in ("month_to_month", "one_year", "two_years"):
        own = snapshot.loc[snapshot["contract_type"] == kind, "customer_id"]
        rate = figures["snapshot", kind, "24"]
        assert rate.low < still_there(24, own) < rate.high
    assert telecom.period == "30 Jun 2026"  # one moment
    # What the tenure of those who left means, and what it is taken to hold, stands beside the curve.
    assert (
        "completed months" in ways["snapshot"].notes[0] and "all who ever left" in ways["snapshot"].notes[0]
    )


def test_what_goes_with_leaving_has_the_order_of_the_truth(telecom):
    found = cox.hazards(telecom, steps.main_stay(telecom, steps.stays(telecom)))
    ratios = {
        each.segment["level"]: each
        for each in cox.key_figures(telecom, found)
        if isinstance(each, Estimate) and each.segment["attribute"] == "contract_type"
    }
    # The reference is the largest group, month to month; it leaves fastest, fibre or not.
    assert ratios["two_years"].high < ratios["one_year"].low < ratios["one_year"].high < 1


def test_hazards_are_proportional_where_all_is_known():
    """Cox on the true log hazard ratio: a coefficient of 1 that does not change with tenure."""
    snapshot = MADE.tables["snapshot"]
    lives = pd.DataFrame(
        {
            "duration": snapshot["tenure_months"],
            "event_observed": snapshot["churned"] == "yes",
            "entry": 0,
            "n_customers": 1,
            "log_ratio": np.log(TRUTH["hazard_ratio"].to_numpy()).round(2),
        }
    )
    fit = fit_cox(lives, covariates=["log_ratio"])
    error = float(np.sqrt(fit.covariance[0, 0]))
    # Months are whole: those of one month count as ties, which draws the coefficient to 0 by some hundredths.
    assert fit.coefficients[0] == pytest.approx(1, abs=3 * error + 0.03)
    assert proportional_hazards(fit)["p_value"].iloc[0] > 0.01


@pytest.mark.slow
def test_the_leak_is_named_and_left_out_with_nothing_but_a_parameter_file(client):
    from cam.studies import churn, churn_leaks, churn_models, churn_rows

    study = client(dict(MADE.tables), churn={"test": {"outcome": "left"}})
    rates = churn.churn_rates(study, CannotSay(""), CannotSay(""))
    rows = churn_rows.learn_from(study, rates, CannotSay(""))
    leaks = churn_leaks.find(study, rows)
    assert leaks["feature"].tolist() == ["closing_bill_status"]
    clean = churn_leaks.without(study, rows, leaks)
    assert "closing_bill_status" not in clean.features and len(clean.features) == 32
    models = churn_models.usable(study, churn_models.fit(study, clean))
    auc = models.evaluations["p_churn"].auc
    # The truth itself has 0.824.
    assert 0.79 < auc.value < 0.824
