"""Attitude items in numbers: exact correlations, and the checks whether there is anything to factor."""

from __future__ import annotations

import numpy as np
import pytest

from cam.measures.segmentation.extraction import draw_correlations
from cam.measures.segmentation.items import (
    ItemsFit,
    check_items,
    copies,
    measure_items,
    most_factors,
    singular_items,
)


def measured(correlation: np.ndarray, n: int = 300) -> ItemsFit:
    size = len(correlation)
    names = tuple(f"i{place}" for place in range(size))
    return ItemsFit(names, n, np.zeros(size), np.ones(size), np.asarray(correlation, float))


def sums_of(rows: np.ndarray) -> dict[str, int]:
    size = rows.shape[1]
    found = {"n": len(rows)} | {f"sum_{i}": int(rows[:, i].sum()) for i in range(size)}
    return found | {
        f"product_{i}_{j}": int((rows[:, i] * rows[:, j]).sum()) for i in range(size) for j in range(i, size)
    }


def model(loadings: np.ndarray) -> np.ndarray:
    product = loadings @ loadings.T
    np.fill_diagonal(product, 1.0)
    return product


def simple(n_factors: int, strength: float = 0.7) -> np.ndarray:
    loadings = np.zeros((9, n_factors))
    loadings[np.arange(9), np.arange(9) * n_factors // 9] = strength
    return model(loadings)


# --- correct ------------------------------------------------------------------------------------


def test_moments_are_numpys():
    rows = np.random.default_rng(1).integers(1, 8, (200, 4))
    rows[:, 1] += rows[:, 0]
    fit = measure_items(sums_of(rows * 10), list("abcd"), unit=10)
    np.testing.assert_allclose(fit.mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(fit.sd, rows.std(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(fit.correlation, np.corrcoef(rows.T), atol=1e-12)
    np.testing.assert_allclose(fit.covariance, np.cov(rows.T), rtol=1e-12)


def test_large_answers_lose_no_digits():
    # A spread of 1 about 10^9: floats would keep none of it.
    rows = np.array([[10**9, 1], [10**9 + 1, 2], [10**9 + 2, 3]], dtype=object)
    fit = measure_items(sums_of(rows), ["a", "b"])
    assert fit.sd.tolist() == pytest.approx([1, 1]) and fit.correlation[0, 1] == pytest.approx(1)


def test_kmo_is_that_of_partial_correlations_by_regression():
    r = draw_correlations(simple(2), n=200, n_draws=1, seed=4)[0]
    partial = np.zeros_like(r)
    for i in range(9):
        for j in range(9):
            others = [k for k in range(9) if k not in (i, j)]
            if i != j:
                rest = r[np.ix_([i, j], [i, j])] - r[np.ix_([i, j], others)] @ np.linalg.solve(
                    r[np.ix_(others, others)], r[np.ix_(others, [i, j])]
                )
                partial[i, j] = rest[0, 1] / np.sqrt(rest[0, 0] * rest[1, 1])
    off = ~np.eye(9, dtype=bool)
    expected = (r[off] ** 2).sum() / ((r[off] ** 2).sum() + (partial[off] ** 2).sum())
    assert check_items(measured(r), seed=1).kmo == pytest.approx(expected, abs=1e-10)


def test_bartletts_statistic_by_hand():
    # Two pairs of r = 0.5, n = 100: -(99 - 13/6) x ln(0.75^2), chi-square with 6 degrees.
    r = np.kron(np.eye(2), np.array([[1, 0.5], [0.5, 1]]))
    found = check_items(measured(r, n=100), seed=1)
    assert found.chi2 == pytest.approx(-(99 - 13 / 6) * 2 * np.log(0.75))
    # chi-square of 6 degrees: exp(-x/2) (1 + x/2 + x^2/8).
    half = found.chi2 / 2
    assert found.p == pytest.approx(np.exp(-half) * (1 + half + half**2 / 2), rel=1e-9)


def test_the_first_eigenvalues_by_chance_are_those_of_observations():
    # Drawn as Horn drew them: observations, then their correlations.
    rng = np.random.default_rng(5)
    drawn = [np.linalg.eigvalsh(np.corrcoef(rng.standard_normal((100, 10)).T))[::-1] for _ in range(1000)]
    found = check_items(measured(np.eye(10), n=100), seed=1).chance
    # A percentile of spread 0.1 from 500 and 1,000 draws: a standard error of 0.01.
    np.testing.assert_allclose(found, np.percentile(drawn, 95, axis=0), atol=0.05)


def test_how_many_factors_items_can_hold():
    # Ledermann's bound as printed in textbooks: 3: 1, 5: 2, 6: 3, 8: 4, 9: 5, 10: 6.
    assert [most_factors(n) for n in (3, 5, 6, 8, 9, 10)] == [1, 2, 3, 4, 5, 6]


# --- consistent ---------------------------------------------------------------------------------


def test_copies_are_named_once_and_upside_down_too():
    r = np.full((4, 4), 0.2)
    r[:2, :2] = 1
    r[3, :] = r[:, 3] = [-1, -1, -0.2, 1]
    np.fill_diagonal(r, 1)
    assert copies(measured(r)) == {"i1": "i0", "i3": "i0"}
    assert copies(measured(simple(3))) == {}
    assert measured(simple(3)).only(["i2", "i0"]).items == ("i2", "i0")


def test_a_sum_of_others_is_named():
    rows = np.random.default_rng(2).integers(1, 8, (100, 4))
    rows[:, 3] = rows[:, 0] + rows[:, 1]
    fit = measure_items(sums_of(rows), list("abcd"))
    assert singular_items(fit) == ["a", "b", "d"]
    assert singular_items(measured(simple(2))) == []


def test_the_same_seed_gives_the_same_checks():
    one, same, other = (check_items(measured(simple(2)), seed=seed).chance for seed in (1, 1, 2))
    assert (one == same).all() and not (one == other).all()


# --- refuses ------------------------------------------------------------------------------------


def test_it_refuses_what_has_no_correlation():
    with pytest.raises(ValueError, match="correlations need two customers; got 1"):
        measure_items(sums_of(np.array([[1, 2]])), ["a", "b"])
    with pytest.raises(ValueError, match="b: the same answer from everybody"):
        measure_items(sums_of(np.array([[1, 2], [2, 2], [3, 2]])), ["a", "b"])
    with pytest.raises(ValueError, match="one item is a sum of others"):
        check_items(measured(np.ones((3, 3))), seed=1)


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [100, 1000])
def test_unrelated_items_have_no_factors(n):
    none = 0
    for seed in range(100):
        rows = np.random.default_rng(seed).integers(1, 8, (n, 9))
        none += check_items(measure_items(sums_of(rows), list("abcdefghi")), seed=seed).n_suggested == 0
    assert none >= 95


@pytest.mark.parametrize("n_factors", [1, 2, 3])
def test_factors_that_are_there_are_counted(n_factors):
    draws = draw_correlations(simple(n_factors, 0.65), n=300, n_draws=100, seed=n_factors)
    found = [check_items(measured(r), seed=place).n_suggested for place, r in enumerate(draws)]
    assert sum(number == n_factors for number in found) >= 95
