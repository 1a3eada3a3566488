"""Alpha and omega: published values, what they mean, and the coverage of their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from cam.measures.segmentation.extraction import draw_correlations
from cam.measures.segmentation.factors import fit_factors, refit_draws
from cam.measures.segmentation.items import ItemsFit
from cam.measures.segmentation.reliability import cronbach_alpha, mcdonald_omega, reliability_table

#: Shrout and Fleiss (1979), table 2: six targets, four judges.
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7.0]])


def measured(r: np.ndarray, n: int = 300, sd: np.ndarray | None = None) -> ItemsFit:
    names = tuple(f"i{place}" for place in range(len(r)))
    return ItemsFit(names, n, np.zeros(len(r)), np.ones(len(r)) if sd is None else sd, r)


def one_factor(loadings: list[float]) -> np.ndarray:
    model = np.outer(loadings, loadings)
    np.fill_diagonal(model, 1.0)
    return model


# --- correct ------------------------------------------------------------------------------------


def test_alpha_of_shrout_and_fleiss():
    # ICC(3, k) is alpha: 0.91 in the paper; psych::ICC prints the interval, which is Feldt's, as 0.68 to 0.99.
    alpha = cronbach_alpha(np.cov(RATINGS.T), n=6)
    assert [round(number, 2) for number in (alpha.value, alpha.low, alpha.high)] == [0.91, 0.68, 0.99]


def test_alpha_of_two_alike_items_is_spearman_and_browns():
    assert cronbach_alpha(np.array([[1, 0.5], [0.5, 1]]), n=100).value == pytest.approx(2 * 0.5 / 1.5)


def test_omega_is_mcdonalds():
    loadings = np.array([0.8, 0.7, 0.6, 0.5])
    fit = fit_factors(measured(one_factor(loadings.tolist())), n_factors=1, seed=1)
    omega = mcdonald_omega(refit_draws(fit, n_draws=50, seed=1), factor=1)
    expected = loadings.sum() ** 2 / (loadings.sum() ** 2 + (1 - loadings**2).sum())
    assert omega.value == pytest.approx(expected, abs=1e-4)
    # Items unequally good: alpha is below omega.
    assert cronbach_alpha(one_factor(loadings.tolist()), n=300).value < omega.value


# --- consistent ---------------------------------------------------------------------------------


def test_a_reversed_item_is_turned_before_it_is_rated():
    model = one_factor([0.8, 0.7, 0.6, 0.5])
    flip = np.array([1, -1, 1, 1.0])
    tables = []
    for r in (model, model * np.outer(flip, flip)):
        items = measured(r)
        fit = refit_draws(fit_factors(items, n_factors=1, seed=1), n_draws=30, seed=1)
        tables.append(reliability_table(fit, items, same_scale=True))
    numbers = ["alpha", "omega", "n_items"]
    np.testing.assert_allclose(tables[0][numbers], tables[1][numbers], atol=1e-4)


def test_different_scales_are_standardised():
    model, sd = one_factor([0.8, 0.7, 0.6]), np.array([1, 10, 100.0])
    fit = refit_draws(fit_factors(measured(model), n_factors=1, seed=1), n_draws=30, seed=1)
    alike = reliability_table(fit, measured(model, sd=sd), same_scale=False)["alpha"].iloc[0]
    raw = reliability_table(fit, measured(model, sd=sd), same_scale=True)["alpha"].iloc[0]
    assert alike == pytest.approx(cronbach_alpha(model, n=300).value) and raw < alike - 0.3


@pytest.mark.parametrize(("strength", "verdict"), [(0.5, "poor"), (0.6, "low"), (0.7, "good")])
def test_verdicts(strength, verdict):
    items = measured(one_factor([strength] * 3))
    fit = refit_draws(fit_factors(items, n_factors=1, seed=1), n_draws=20, seed=1)
    assert reliability_table(fit, items, same_scale=True)["verdict"].tolist() == [verdict]


def test_a_factor_of_one_item_is_not_rated():
    model = np.eye(6)
    model[:4, :4] = one_factor([0.8, 0.7, 0.6, 0.7])
    model[4, :4] = model[:4, 4] = 0.15
    r = draw_correlations(model, n=200, n_draws=1, seed=3)[0]
    items = measured(r, 200)
    fit = refit_draws(fit_factors(items, n_factors=3, seed=1), n_draws=20, seed=1)
    table = reliability_table(fit, items, same_scale=True)
    single = table[table["n_items"] < 2]
    assert fit.n_thin == len(single) > 0
    assert (single["verdict"] == "single").all() and single["alpha"].isna().all()


# --- refuses ------------------------------------------------------------------------------------


def test_it_refuses_what_has_no_reliability():
    with pytest.raises(ValueError, match="alpha needs two items and two customers; got 1 and 9"):
        cronbach_alpha(np.eye(1), n=9)
    with pytest.raises(ValueError, match="the sum of the items does not vary"):
        cronbach_alpha(np.array([[1, -1], [-1, 1.0]]), n=9)


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("loadings", [[0.7] * 4, [0.85, 0.7, 0.55, 0.4]], ids=["alike", "unequal"])
@pytest.mark.parametrize("steps", [False, True], ids=["normal", "1 to 7"])
def test_alphas_interval_holds_the_truth(loadings, steps):
    model = one_factor(loadings)
    half = np.linalg.cholesky(model)

    def answers(rng, n):
        rows = rng.standard_normal((n, 4)) @ half.T
        return np.clip(np.round(4 + 1.3 * rows), 1, 7) if steps else rows

    truth = cronbach_alpha(np.cov(answers(np.random.default_rng(0), 1_000_000).T), n=100).value
    if not steps:
        truth = cronbach_alpha(model, n=100).value
    held, n_sets = 0, 2000
    rng = np.random.default_rng(1)
    for _ in range(n_sets):
        alpha = cronbach_alpha(np.cov(answers(rng, 60).T), n=60)
        held += alpha.low <= truth <= alpha.high
    # 95 % of 2,000 has a standard error of 0.5 points; Feldt's interval is exact for alike items only.
    assert 0.935 <= held / n_sets <= 0.97


@pytest.mark.slow
def test_omegas_interval_holds_the_truth():
    model = one_factor([0.8, 0.7, 0.6, 0.5])
    total = 2.6
    truth = total**2 / (total**2 + 4 - (0.64 + 0.49 + 0.36 + 0.25))
    held = 0
    for seed, r in enumerate(draw_correlations(model, n=300, n_draws=1000, seed=1)):
        fit = refit_draws(fit_factors(measured(r), n_factors=1, seed=1), n_draws=100, seed=seed)
        omega = mcdonald_omega(fit, factor=1)
        held += omega.low <= truth <= omega.high
    # 95 % of 1,000 has a standard error of 0.7 points.
    assert 0.925 <= held / 1000 <= 0.975
