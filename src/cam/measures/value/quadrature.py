"""Integrals and curves from their values at a few points."""

from __future__ import annotations

import functools

import numpy as np

from cam.measures.value.newton import Floats


@functools.cache
def legendre(n: int) -> tuple[Floats, Floats]:
    """Return Gauss and Legendre's nodes and weights on 0 to 1: exact for polynomials up to degree 2 n - 1.

    Parameters
    ----------
    n : int
        Nodes.

    Returns
    -------
    tuple of arrays, n

    Examples
    --------
    >>> nodes, weights = legendre(3)
    >>> round(float((weights * nodes**5).sum()), 12)  # 1 / 6
    0.166666666667
    """
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


@functools.cache
def chebyshev(n: int) -> Floats:
    """Return Chebyshev's points of the second kind on -1 to 1, from 1 down.

    Parameters
    ----------
    n : int
        Points, at least 2.

    Returns
    -------
    array, n

    Examples
    --------
    >>> chebyshev(3).round(12).tolist()
    [1.0, 0.0, -1.0]
    """
    points: Floats = np.cos(np.pi * np.arange(n) / (n - 1))
    return points


def read_off(known: Floats, at: Floats) -> Floats:
    """Read curves off the polynomials through their values at Chebyshev's points.

    Parameters
    ----------
    known : array, ... x n
        Values at ``chebyshev(n)``.
    at : array, m
        Where, -1 to 1.

    Returns
    -------
    array, ... x m

    References
    ----------
    Berrut, J.-P., Trefethen, L. N. (2004). Barycentric Lagrange interpolation. SIAM Review 46, 501-517.

    Examples
    --------
    >>> read_off(chebyshev(5) ** 3, np.array([0.5, 1.0])).round(12).tolist()
    [0.125, 1.0]
    """
    n = known.shape[-1]
    weights = (-1.0) ** np.arange(n)
    weights[[0, -1]] /= 2
    gap = at[:, None] - chebyshev(n)
    exact = np.abs(gap) < 1e-14
    with np.errstate(divide="ignore", invalid="ignore"):
        share = weights / gap
        share /= share.sum(axis=1, keepdims=True)
    share = np.where(exact.any(axis=1, keepdims=True), exact.astype(float), share)
    return np.einsum("...j,kj->...k", known, share)
