"""Extraction and rotation against published values and statsmodels; the limits; drawn correlations."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.multivariate.factor import Factor
from statsmodels.multivariate.factor_rotation import rotate_factors

from cam.measures.segmentation.extraction import LEAST_OWN, draw_correlations, extract, rotate

#: Covariances of six ability tests, n = 112: the data set ability.cov of R.
ABILITY = np.array(
    [
        [24.641, 5.991, 33.520, 6.023, 20.755, 29.701],
        [5.991, 6.700, 18.137, 1.782, 4.936, 7.204],
        [33.520, 18.137, 149.831, 19.424, 31.430, 50.753],
        [6.023, 1.782, 19.424, 12.711, 4.757, 9.075],
        [20.755, 4.936, 31.430, 4.757, 52.604, 66.762],
        [29.701, 7.204, 50.753, 9.075, 66.762, 135.292],
    ]
)
SCALE = 1 / np.sqrt(np.diag(ABILITY))
R = ABILITY * np.outer(SCALE, SCALE)
#: Two factors that go together, and an item of both.
LOADINGS = np.array([[0.8, 0], [0.7, 0], [0.6, 0], [0, 0.75], [0, 0.65], [0.3, 0.5]])
TOGETHER = np.array([[1, 0.3], [0.3, 1]])
MODEL = LOADINGS @ TOGETHER @ LOADINGS.T
np.fill_diagonal(MODEL, 1.0)


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_factors", "own"),
    [
        (1, [0.535, 0.853, 0.748, 0.910, 0.232, 0.280]),
        (2, [0.455, 0.589, 0.218, 0.769, 0.052, 0.334]),
    ],
)
def test_uniquenesses_are_those_that_r_prints(n_factors, own):
    # factanal(factors = 1 or 2, covmat = ability.cov), as on R's help page of ability.cov; three digits printed.
    found = extract(R, n_factors=n_factors)
    assert found.is_converged
    np.testing.assert_allclose(found.own, own, atol=6e-4)


def test_the_single_factors_loadings_are_those_that_r_prints():
    loadings = np.abs(extract(R, n_factors=1).loadings[:, 0])
    np.testing.assert_allclose(loadings, [0.682, 0.384, 0.502, 0.300, 0.877, 0.849], atol=6e-4)


def test_it_is_the_maximum_that_statsmodels_finds():
    ours = extract(R, n_factors=2)
    start = np.linalg.cholesky(R)[:, :2] * 0.7, np.full(6, 0.5)
    theirs = Factor(corr=R, n_factor=2, nobs=112, method="ml").fit(start=start)
    # Their search stops at a gradient of 1e-7 or so.
    np.testing.assert_allclose(ours.own, theirs.uniqueness, atol=1e-4)
    both = [one @ one.T for one in (ours.loadings, theirs.loadings)]
    np.testing.assert_allclose(both[0], both[1], atol=1e-4)


def test_the_model_gives_itself_back():
    found = extract(MODEL, n_factors=2)
    np.testing.assert_allclose(found.loadings @ found.loadings.T + np.diag(found.own), MODEL, atol=1e-7)
    pattern, turns = rotate(found.loadings[None], np.eye(2)[None])
    theirs, _ = rotate_factors(found.loadings, "oblimin", 0, "oblique")
    # Their rotation stops at a gradient of 1e-5.
    np.testing.assert_allclose(
        np.sort(np.abs(pattern[0]), axis=None), np.sort(np.abs(theirs), axis=None), atol=1e-4
    )
    np.testing.assert_allclose(
        pattern[0] @ turns[0].T @ turns[0] @ pattern[0].T, MODEL - np.diag(found.own), atol=1e-7
    )


# --- consistent ---------------------------------------------------------------------------------


def test_a_stack_is_its_matrices():
    draws = draw_correlations(MODEL, n=150, n_draws=20, seed=3)
    together = extract(draws, n_factors=2)
    for place, draw in enumerate(draws):
        alone = extract(draw, n_factors=2)
        np.testing.assert_allclose(alone.own, together.own[place], atol=1e-6)
    assert together.is_converged.all()


def test_no_item_is_left_without_variance_of_its_own_and_all_refits_end():
    # Weak factors and few customers: more than half of the fits run to the limit.
    loadings = np.zeros((9, 3))
    loadings[np.arange(9), np.arange(9) % 3] = np.linspace(0.45, 0.8, 9)
    model = loadings @ loadings.T
    np.fill_diagonal(model, 1.0)
    found = extract(draw_correlations(model, n=100, n_draws=200, seed=2), n_factors=3)
    assert (found.own >= LEAST_OWN * 0.999).all() and (found.own <= 1).all()
    assert (found.own <= LEAST_OWN * 1.001).any(axis=1).mean() > 0.2
    assert found.is_converged.mean() > 0.98


# --- refuses ------------------------------------------------------------------------------------


def test_it_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="n_factors must be 1 to 5 for 6 items; got 6"):
        extract(R, n_factors=6)
    with pytest.raises(ValueError, match="6 observations are too few for 6 items"):
        draw_correlations(R, n=6, n_draws=2, seed=1)


# --- honest -------------------------------------------------------------------------------------


def test_drawn_correlations_spread_as_those_of_observations():
    n, n_draws = 60, 4000
    draws = draw_correlations(MODEL, n=n, n_draws=n_draws, seed=1)
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((n_draws, n, 6)) @ np.linalg.cholesky(MODEL).T
    rows = rows - rows.mean(axis=1, keepdims=True)
    products = np.swapaxes(rows, 1, 2) @ rows
    scale = 1 / np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    observed = products * scale[:, :, None] * scale[:, None, :]
    off = np.triu_indices(6, 1)
    # Four standard errors of a standard deviation, and of a mean of spread 0.13, from 4,000 draws each.
    ratio = draws[:, *off].std(axis=0) / observed[:, *off].std(axis=0)
    assert np.abs(ratio - 1).max() < 4 / np.sqrt(n_draws)
    assert np.abs(draws[:, *off].mean(axis=0) - observed[:, *off].mean(axis=0)).max() < 4 * 0.13 * np.sqrt(
        2 / n_draws
    )
