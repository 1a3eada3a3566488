"""Factors of attitude items: recovered, in order and sign, whatever the order and scale of the items; coverage."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from statsmodels.multivariate.factor import Factor

from cam.measures.segmentation.extraction import draw_correlations
from cam.measures.segmentation.factors import (
    FactorFit,
    factor_correlations,
    fit_factors,
    loading_table,
    refit_draws,
    score_weights,
    variance_explained,
)
from cam.measures.segmentation.items import ItemsFit

LOADINGS = np.zeros((9, 3))
LOADINGS[:3, 0], LOADINGS[3:6, 1], LOADINGS[6:, 2] = (0.85, 0.7, 0.6), (0.8, 0.7, 0.55), (0.75, 0.65, 0.6)
TOGETHER = np.array([[1, -0.4, 0.1], [-0.4, 1, 0], [0.1, 0, 1]])
MODEL = LOADINGS @ TOGETHER @ LOADINGS.T
np.fill_diagonal(MODEL, 1.0)
NAMES = tuple("abcdefghi")


def measured(r: np.ndarray, n: int = 300, names: tuple[str, ...] = NAMES) -> ItemsFit:
    size = len(r)
    return ItemsFit(names, n, np.zeros(size), np.ones(size), r)


def measured_rows(rows: np.ndarray) -> ItemsFit:
    return ItemsFit(NAMES, len(rows), rows.mean(axis=0), rows.std(axis=0, ddof=1), np.corrcoef(rows.T))


def laid_on(fit: FactorFit, truth: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Which of the fit's factors is which of the true ones, and its sign."""
    likeness = fit.loadings.T @ truth
    best = max(
        permutations(range(3)), key=lambda order: sum(abs(likeness[one, k]) for k, one in enumerate(order))
    )
    return list(best), np.sign([likeness[one, k] for k, one in enumerate(best)])


# --- correct ------------------------------------------------------------------------------------


def test_a_model_gives_itself_back():
    fit = fit_factors(measured(MODEL), n_factors=3, seed=1)
    order, sign = laid_on(fit, LOADINGS)
    # The search of statsmodels stops at a gradient of 1e-7, that of the rotation at 1e-7; loadings follow to 1e-4.
    np.testing.assert_allclose(fit.loadings[:, order] * sign, LOADINGS, atol=1e-3)
    np.testing.assert_allclose((fit.correlation * np.outer(1, 1))[np.ix_(order, order)], TOGETHER, atol=1e-3)
    np.testing.assert_allclose(fit.own, 1 - np.diag(LOADINGS @ TOGETHER @ LOADINGS.T), atol=1e-4)


def test_the_likelihood_is_that_of_statsmodels():
    r = draw_correlations(MODEL, n=300, n_draws=1, seed=8)[0]
    ours = fit_factors(measured(r), n_factors=3, seed=1)
    model = Factor(corr=r, n_factor=3, nobs=300, method="ml")
    theirs = model.fit(start=(ours.loadings, np.full(9, 0.5)))
    np.testing.assert_allclose(ours.own, theirs.uniqueness, atol=1e-4)


def test_one_factor_of_three_items_by_hand():
    # Spearman's tetrads: the square of the first loading is r12 r13 / r23.
    r = np.array([[1, 0.42, 0.48], [0.42, 1, 0.35], [0.48, 0.35, 1]])
    fit = fit_factors(measured(r, names=tuple("abc")), n_factors=1, seed=1)
    expected = np.sqrt([0.42 * 0.48 / 0.35, 0.42 * 0.35 / 0.48, 0.48 * 0.35 / 0.42])
    np.testing.assert_allclose(fit.loadings[:, 0], expected, atol=1e-4)


def test_an_item_without_variance_of_its_own_is_named():
    # r12 r13 / r23 = 1.225: more than all of the first item's variance would be the factor's.
    r = np.array([[1, 0.7, 0.7], [0.7, 1, 0.4], [0.7, 0.4, 1]])
    fit = fit_factors(measured(r, names=tuple("abc")), n_factors=1, seed=1)
    assert fit.bare == ("a",) and fit.own[0] == pytest.approx(0.005)
    assert np.isfinite(loading_table(refit_draws(fit, n_draws=30, seed=1))[["low", "high"]]).all(axis=None)


# --- consistent ---------------------------------------------------------------------------------


def test_factors_come_by_what_they_explain_and_point_upwards():
    fit = refit_draws(fit_factors(measured(MODEL), n_factors=3, seed=1), n_draws=40, seed=1)
    *of_each, of_all = variance_explained(fit)
    values = [one.value for one in of_each]
    assert values == sorted(values, reverse=True) and (fit.loadings.sum(axis=0) > 0).all()
    # What the factors explain together is what the items share.
    assert of_all.value == pytest.approx(sum(values)) == pytest.approx(1 - fit.own.mean(), abs=1e-4)


def test_the_order_of_items_is_irrelevant():
    r = draw_correlations(MODEL, n=300, n_draws=1, seed=2)[0]
    turned = np.array([4, 8, 0, 2, 6, 1, 3, 7, 5])
    one = fit_factors(measured(r), n_factors=3, seed=1)
    other = fit_factors(
        measured(r[np.ix_(turned, turned)], names=tuple(NAMES[i] for i in turned)), n_factors=3, seed=1
    )
    np.testing.assert_allclose(other.loadings, one.loadings[turned], atol=1e-4)


def test_a_reversed_item_loads_as_before_with_the_other_sign():
    r = draw_correlations(MODEL, n=300, n_draws=1, seed=2)[0]
    flip = np.ones(9)
    flip[4] = -1
    one = fit_factors(measured(r), n_factors=3, seed=1)
    other = fit_factors(measured(r * np.outer(flip, flip)), n_factors=3, seed=1)
    np.testing.assert_allclose(other.loadings, one.loadings * flip[:, None], atol=1e-4)
    assert other.members() == one.members()


def test_scales_change_no_score():
    rows = np.random.default_rng(4).standard_normal((500, 9)) @ np.linalg.cholesky(MODEL).T
    wide = rows * np.arange(1, 10) + 50
    scored = []
    for answers in (rows, wide):
        items = measured_rows(answers)
        weights, accuracy = score_weights(fit_factors(items, n_factors=3, seed=1), items)
        scored.append(
            np.column_stack(
                [of[""] + answers @ np.array([of[name] for name in NAMES]) for of in weights.values()]
            )
        )
        assert ((accuracy > 0) & (accuracy < 1)).all()
    np.testing.assert_allclose(scored[0], scored[1], atol=1e-3)
    np.testing.assert_allclose(scored[0].mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(scored[0].std(axis=0, ddof=1), 1, atol=1e-10)


def test_items_belong_where_they_load_most_and_the_weak_nowhere():
    loadings = np.vstack([LOADINGS, [0.1, 0, 0]])
    model = loadings @ TOGETHER @ loadings.T
    np.fill_diagonal(model, 1.0)
    fit = fit_factors(measured(model, names=(*NAMES, "j")), n_factors=3, seed=1)
    assert sorted(sorted(group) for group in fit.members()) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    table = loading_table(refit_draws(fit, n_draws=20, seed=1))
    assert table.loc[table["item"] == "j", "home"].tolist() == [0, 0, 0] and len(table) == 30
    assert (
        fit.n_thin == 0 and fit_factors(measured(model, names=(*NAMES, "j")), n_factors=4, seed=1).n_thin > 0
    )


def test_the_same_seed_gives_the_same_fit():
    fits = [
        refit_draws(fit_factors(measured(MODEL), n_factors=3, seed=1), n_draws=20, seed=seed)
        for seed in (1, 1, 2)
    ]
    assert (fits[0].loading_draws == fits[1].loading_draws).all()
    assert not (fits[0].loading_draws == fits[2].loading_draws).all()


# --- refuses ------------------------------------------------------------------------------------


def test_it_refuses_more_factors_than_the_items_hold():
    with pytest.raises(ValueError, match="9 items hold 1 to 5 factors; got 6"):
        fit_factors(measured(MODEL), n_factors=6, seed=1)


# --- honest -------------------------------------------------------------------------------------


def test_scores_tell_the_factors_as_well_as_they_say():
    rng = np.random.default_rng(6)
    factors = rng.standard_normal((20_000, 3)) @ np.linalg.cholesky(TOGETHER).T
    own = 1 - np.diag(LOADINGS @ TOGETHER @ LOADINGS.T)
    rows = factors @ LOADINGS.T + rng.standard_normal((20_000, 9)) * np.sqrt(own)
    items = measured_rows(rows)
    fit = fit_factors(items, n_factors=3, seed=1)
    weights, accuracy = score_weights(fit, items)
    order, sign = laid_on(fit, LOADINGS)
    for true, place in enumerate(order):
        of = weights[f"factor_{place + 1}"]
        score = of[""] + rows @ np.array([of[name] for name in NAMES])
        # A correlation near 0.9 from 20,000: a standard error of 0.0014.
        found = np.corrcoef(score, factors[:, true])[0, 1] * sign[true]
        assert found == pytest.approx(accuracy[place], abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [True], ids=["1 to 7"])  # the harder case; False draws normal answers
def test_intervals_hold_the_truth(steps):
    """1,000 data sets of 300 customers; answers in steps have the loadings of an endless sample as their truth."""
    half = np.linalg.cholesky(MODEL)

    def answers(rng, n):
        rows = rng.standard_normal((n, 9)) @ half.T
        return np.clip(np.round(4 + 1.3 * rows), 1, 7) if steps else rows

    endless = measured_rows(answers(np.random.default_rng(0), 2_000_000))
    truth = fit_factors(endless if steps else measured(MODEL), n_factors=3, seed=1)
    n_sets, loadings, shared, together, explained = (
        1000,
        np.zeros((9, 3)),
        np.zeros(9),
        np.zeros(3),
        np.zeros(3),
    )
    true_share = np.array(
        [(truth.loadings[:, k] * (truth.loadings @ truth.correlation)[:, k]).sum() / 9 for k in range(3)]
    )
    for seed in range(n_sets):
        items = measured_rows(answers(np.random.default_rng(seed + 1), 300))
        fit = refit_draws(fit_factors(items, n_factors=3, seed=1), n_draws=100, seed=seed)
        order, sign = laid_on(fit, truth.loadings)
        table = loading_table(fit)
        low, high = (
            table.pivot(index="item", columns="factor", values=end).to_numpy()[:, order] * sign
            for end in ("low", "high")
        )
        low, high = np.minimum(low, high), np.maximum(low, high)
        loadings += (low <= truth.loadings) & (truth.loadings <= high)
        one = table[table["factor"] == 1].set_index("item").loc[list(NAMES)]
        shared += (one["communality_low"] <= 1 - truth.own) & (1 - truth.own <= one["communality_high"])
        pairs = factor_correlations(fit).set_index(["one", "other"])
        for place, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
            row = pairs.loc[tuple(sorted((order[i] + 1, order[j] + 1)))]
            value = truth.correlation[i, j] * sign[i] * sign[j]
            together[place] += row["low"] <= value <= row["high"]
        shares = variance_explained(fit)
        for k in range(3):
            explained[k] += shares[order[k]].low <= true_share[k] <= shares[order[k]].high
    # 95 % of 1,000 has a standard error of 0.7 points; of three factors, 27 loadings are looked at.
    assert loadings.min() / n_sets > 0.925 and 0.94 < loadings.mean() / n_sets < 0.97
    assert shared.min() / n_sets > 0.925 and together.min() / n_sets > 0.925
    assert explained.min() / n_sets > 0.915
