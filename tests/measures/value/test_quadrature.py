"""Integrals and curves from a few points: exact where theory says so, and close where it says how close."""

from __future__ import annotations

import numpy as np
import pytest

from cam.measures.value.quadrature import chebyshev, legendre, read_off

# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5, 12, 24, 64])
def test_polynomials_up_to_twice_the_nodes_are_integrated_exactly(n):
    nodes, weights = legendre(n)
    for degree in range(2 * n):
        assert (weights * nodes**degree).sum() == pytest.approx(1 / (degree + 1), rel=1e-12)
    # And no further: the next one is off.
    if n <= 5:
        assert abs((weights * nodes ** (2 * n)).sum() - 1 / (2 * n + 1)) > 1e-8


def test_a_smooth_function_is_integrated_to_rounding():
    nodes, weights = legendre(24)
    assert (weights * np.exp(-3 * nodes)).sum() == pytest.approx((1 - np.exp(-3)) / 3, rel=1e-14)


@pytest.mark.parametrize("n", [2, 5, 28])
def test_polynomials_below_the_points_are_read_off_exactly(n):
    at = np.linspace(-1, 1, 101)
    for degree in range(n):
        found = read_off(chebyshev(n) ** degree, at)
        np.testing.assert_allclose(found, at**degree, atol=2e-14)


def test_the_error_of_reading_off_is_that_of_the_theory():
    """1 / (1 + 25 x^2), Runge's: the error falls as rho^-n with rho = (1 + sqrt(26)) / 5."""
    at = np.linspace(-1, 1, 999)
    rho = (1 + 26**0.5) / 5
    for n in (21, 41, 81):
        off = np.abs(read_off(1 / (1 + 25 * chebyshev(n) ** 2), at) - 1 / (1 + 25 * at**2)).max()
        # Trefethen (2013), Approximation Theory and Practice, theorem 8.2, with M the size on a smaller ellipse.
        assert off < 20 * rho ** -(n - 1)
    assert off > 1e-9  # so the bound is not met by rounding


# --- consistent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 28])
def test_points_are_met_exactly_and_run_from_one_down(n):
    points = chebyshev(n)
    values = np.sin(3 * points)
    np.testing.assert_array_equal(read_off(values, points), values)
    assert points[0] == 1 and points[-1] == -1 and (np.diff(points) < 0).all()


def test_several_curves_at_once_are_each_of_them():
    rng = np.random.default_rng(1)
    curves, at = rng.normal(size=(2, 3, 9)), rng.uniform(-1, 1, 7)
    found = read_off(curves, at)
    assert found.shape == (2, 3, 7)
    for one in range(2):
        for other in range(3):
            np.testing.assert_array_equal(found[one, other], read_off(curves[one, other], at))


def test_weights_are_positive_and_add_up_to_one():
    nodes, weights = legendre(64)
    assert (weights > 0).all() and weights.sum() == pytest.approx(1, rel=1e-14)
    assert ((nodes > 0) & (nodes < 1)).all()
    np.testing.assert_allclose(nodes + nodes[::-1], 1, atol=1e-15)


def test_next_to_a_point_nothing_blows_up():
    points = chebyshev(28)
    for gap in (1e-16, 1e-15, 1e-13, 1e-9):
        found = read_off(np.exp(points), np.clip(points + gap, -1, 1))
        np.testing.assert_allclose(found, np.exp(points), rtol=2 * gap + 1e-12)


# --- refuses ------------------------------------------------------------------------------------


def test_no_nodes_are_refused():
    with pytest.raises(ValueError, match="positive"):
        legendre(0)


# --- honest -------------------------------------------------------------------------------------


def test_no_missing_number_at_the_ends():
    assert np.isfinite(read_off(np.ones(5), np.array([-1.0, -1 + 1e-17, 0.0, 1 - 1e-17, 1.0]))).all()
