"""The ordinal logit: equal to what is published and to statsmodels; its laws, refusals and coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.miscmodels.ordinal_model import OrderedModel

from cam.measures.satisfaction.ordinal import NoFiniteFitError, fit_ordinal, merge_levels

ITEMS = ["delivery", "price", "app"]
WEIGHTS = np.array([0.8, 0.3, 0.0])


def survey(seed=1, n_customers=200, *, again=2):
    """Answers of 1 to 5 that drive a score in the very way of the model; up to so many per customer."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(n_customers), rng.integers(1, again + 1, n_customers))
    shared = rng.normal(size=(n_customers, 1))[who] * 0.6
    trait = rng.normal(size=(n_customers, 3))[who]
    felt = shared + 0.6 * trait + 0.5 * rng.normal(size=(who.size, 3))
    answers = 1 + np.digitize(felt, [-1.5, -0.7, 0.2, 1.0])
    score = np.digitize(answers @ WEIGHTS + rng.logistic(size=who.size), [1, 2, 3, 4, 5])
    return pd.DataFrame(answers, columns=ITEMS).assign(score=score, customer_id=[f"C{k:04d}" for k in who])


def fitted(table, **more):
    return fit_ordinal(table, outcome="score", items=ITEMS, **more)


# --- correct ------------------------------------------------------------------------------------

# Agresti, A. (2002), Categorical Data Analysis, table 7.5: mental impairment (1 well to 4 impaired), socioeconomic
# status (1 high) and life events of 40 people.
WELL = [(1, 1), (1, 9), (1, 4), (1, 3), (0, 2), (1, 0), (0, 1), (1, 3), (1, 3), (1, 7), (0, 1), (0, 2)]
MILD = [(1, 5), (0, 6), (1, 3), (0, 1), (1, 8), (1, 2), (0, 5), (1, 5), (1, 9), (0, 3), (1, 3), (1, 1)]
MODERATE = [(0, 0), (1, 4), (0, 3), (0, 9), (1, 6), (0, 4), (0, 3)]
IMPAIRED = [(1, 8), (1, 2), (1, 7), (0, 5), (0, 4), (0, 4), (1, 8), (0, 8), (0, 9)]


def test_it_gives_what_agresti_prints():
    rows = [(level, *row) for level, group in enumerate((WELL, MILD, MODERATE, IMPAIRED), 1) for row in group]
    fit = fit_ordinal(
        pd.DataFrame(rows, columns=["impairment", "status", "events"]),
        outcome="impairment",
        items=["status", "events"],
    )
    # Section 7.2.4; his slopes are those of standing lower, ours of standing higher.
    assert fit.coefficients == pytest.approx([-1.111, 0.319], abs=5e-4)
    assert np.sqrt(np.diag(fit.model_covariance)) == pytest.approx([0.614, 0.119], abs=4e-3)
    assert fit.thresholds == pytest.approx([-0.282, 1.213, 2.209], abs=5e-4)


def test_it_equals_statsmodels():
    table = survey()
    fit = fitted(table, cluster="customer_id")
    x, y = table[ITEMS].to_numpy(float), table["score"].to_numpy()
    other = OrderedModel(y, x, distr="logit").fit(method="bfgs", disp=0, gtol=1e-9, maxiter=2000)
    # statsmodels stops climbing, and takes the second derivatives by differences, at about 1e-7.
    assert fit.coefficients == pytest.approx(other.params[:3], abs=1e-6)
    assert fit.thresholds == pytest.approx(
        other.model.transform_threshold_params(other.params)[1:-1], abs=1e-6
    )
    assert np.sqrt(np.diag(fit.model_covariance)) == pytest.approx(other.bse[:3], abs=1e-6)
    assert fit.log_likelihood == pytest.approx(other.llf, abs=1e-8)
    groups = pd.factorize(table["customer_id"])[0]
    clustered = OrderedModel(y, x, distr="logit").fit(
        method="bfgs", disp=0, gtol=1e-9, maxiter=2000, cov_type="cluster", cov_kwds={"groups": groups}
    )
    # statsmodels also multiplies by (n - 1) / (n - number of parameters).
    factor = np.sqrt((len(table) - 1) / (len(table) - len(other.params)))
    assert fit.odds_ratios["standard_error"].to_numpy() * factor == pytest.approx(clustered.bse[:3], abs=1e-6)


def test_rare_levels_join_their_rarer_neighbour():
    scores = pd.Series([0] * 3 + [1] * 40 + [2] * 4 + [3] * 30 + [4] * 50)
    merged = merge_levels(scores, fewest=10)
    assert merged.value_counts(sort=False).to_dict() == {0: 43, 2: 34, 4: 50}
    assert merge_levels(scores, fewest=1000).nunique() == 1
    assert scores.tolist()[0] == 0


# --- consistent ---------------------------------------------------------------------------------


def test_the_order_of_rows_does_not_matter_to_the_last_bit():
    table = survey()
    table.loc[:20, "customer_id"] = None
    one, other = (
        fitted(rows, cluster="customer_id") for rows in (table, table.sample(frac=1, random_state=3))
    )
    assert one.coefficients.tobytes() == other.coefficients.tobytes()
    assert one.covariance.tobytes() == other.covariance.tobytes()


def test_only_the_order_of_the_scores_counts_and_turning_it_round_turns_the_sign():
    table = survey()
    fit = fitted(table)
    assert fitted(table.assign(score=table["score"] ** 3 + 7)).coefficients == pytest.approx(fit.coefficients)
    assert fitted(table.assign(score=-table["score"])).coefficients == pytest.approx(-fit.coefficients)


def test_what_a_customer_says_twice_tells_no_more():
    table = survey(again=1)
    twice = pd.concat([table, table])
    one, other = (fitted(rows, cluster="customer_id") for rows in (table, twice))
    assert other.coefficients == pytest.approx(one.coefficients)
    assert other.covariance == pytest.approx(one.covariance)
    assert fitted(twice).covariance == pytest.approx(one.covariance / 2, rel=0.01)  # (G - 1) / G apart


def test_a_level_less_hardly_moves_the_slopes():
    table = survey(n_customers=2000)
    merged = table.assign(score=merge_levels(table["score"], fewest=600))
    assert merged["score"].nunique() < table["score"].nunique()
    # Both estimate the same; the difference is a part of one standard error, 0.04 here.
    assert fitted(merged).coefficients == pytest.approx(fitted(table).coefficients, abs=0.04)


# --- refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda table: table.assign(price=3), ("price",)),
        (lambda table: table.assign(app=table["price"] * 2 + 1), ("price", "app")),
        (lambda table: table.assign(app=table["score"]), ("app",)),
    ],
)
def test_items_without_a_finite_slope_are_named(change, named):
    with pytest.raises(NoFiniteFitError) as error:
        fitted(change(survey()))
    assert error.value.items == named


def test_missing_answers_and_scores_without_differences_are_refused():
    table = survey()
    with pytest.raises(ValueError, match="missing values in price"):
        fitted(table.assign(price=table["price"].where(table["price"] > 1)))
    with pytest.raises(ValueError, match="'score' has one level only"):
        fitted(table.assign(score=4))
    with pytest.raises(ValueError, match="at least one item"):
        fit_ordinal(table, outcome="score", items=[])


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_intervals_hold_the_truth_and_that_of_no_effect_holds_none():
    """1,000 surveys of 150 customers who answer once or twice."""
    held = np.zeros(3)
    for seed in range(1000):
        found = fitted(survey(seed, 150), cluster="customer_id").odds_ratios
        held += (np.log(found["low"]) <= WEIGHTS) & (np.log(found["high"]) >= WEIGHTS)
    # 0.95, less or more by three standard errors of a share of 1,000 (0.7 points each).
    assert (np.abs(held / 1000 - 0.95) < 0.021).all(), held
