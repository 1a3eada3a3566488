"""Factors out of correlation matrices, many at once: maximum likelihood, and the oblique rotation of what it finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Least share of an item's variance that is its own; on it, the likelihood would go on to none (a Heywood case).
LEAST_OWN = 0.005
_LOWEST = np.log(LEAST_OWN)
_MOST_STEPS = 100
_MOST_ROTATIONS = 500


@dataclass(frozen=True, slots=True)
class Extraction:
    """Loadings before rotation, of one correlation matrix or of a stack of them.

    Attributes
    ----------
    loadings : array, ... x items x factors
        Of factors that are uncorrelated, of variance 1.
    own : array, ... x items
        Share of each item's variance that is its own (uniqueness).
    is_converged : array of bool, ...
        Whether the slope of the likelihood is nought, but for items at :data:`LEAST_OWN`.
    """

    loadings: Floats
    own: Floats
    is_converged: NDArray[np.bool_]


def extract(correlation: Floats, *, n_factors: int, start: Floats | None = None) -> Extraction:
    """Find the factors of correlation matrices by maximum likelihood, no item without variance of its own.

    Parameters
    ----------
    correlation : array, ... x items x items
        Positive definite.
    n_factors : int
        At least 1, fewer than items.
    start : array, items, optional
        Shares of own variance to begin at; by default from each item's multiple correlation.

    Returns
    -------
    Extraction

    Raises
    ------
    ValueError
        If ``n_factors`` is out of range.

    References
    ----------
    Jöreskog, K. G. (1967). Some contributions to maximum likelihood factor analysis. Psychometrika 32, 443-482.
    (The likelihood as a function of the own variances alone; section 4 its slope and curvature.)

    Examples
    --------
    >>> found = extract(np.array([[1, 0.56, 0.48], [0.56, 1, 0.42], [0.48, 0.42, 1]]), n_factors=1)
    >>> np.abs(found.loadings[:, 0]).round(3).tolist()
    [0.8, 0.7, 0.6]
    """
    n_items = correlation.shape[-1]
    if not 1 <= n_factors < n_items:
        raise ValueError(f"n_factors must be 1 to {n_items - 1} for {n_items} items; got {n_factors}")
    stack = correlation.reshape(-1, n_items, n_items)
    if start is None:
        smc = 1 / np.diagonal(np.linalg.inv(stack), axis1=1, axis2=2)
        own = np.clip((1 - 0.5 * n_factors / n_items) * smc, LEAST_OWN, 1.0)
    else:
        own = np.broadcast_to(np.clip(start, LEAST_OWN, 1.0), (len(stack), n_items)).copy()
    log_own = np.log(own)
    is_converged = np.zeros(len(stack), dtype=bool)
    busy = np.arange(len(stack))
    value, slope, curve = _likelihood(stack, log_own, n_factors)
    for _ in range(_MOST_STEPS):
        # Items that stand at a limit and would go beyond it are left there.
        free = ~(((log_own[busy] <= _LOWEST) & (slope > 0)) | ((log_own[busy] >= 0) & (slope < 0)))
        steepest = np.abs(np.where(free, slope, 0.0)).max(axis=1)
        is_converged[busy] = steepest < 1e-5
        go_on = steepest > 1e-9
        busy, value, slope, curve, free = (part[go_on] for part in (busy, value, slope, curve, free))
        if not busy.size:
            break
        moved, tried = _step(stack[busy], log_own[busy], slope, curve, free, n_factors, value)
        better = tried[0] < value
        # Where no step helps, the peak is as near as these digits tell.
        busy = busy[better]
        value, slope, curve = (part[better] for part in tried)
        log_own[busy] = moved[better]
    roots, vectors = _decomposed(stack, log_own)
    leading = np.sqrt(np.maximum(roots[:, : -n_factors - 1 : -1] - 1, 0.0))
    loadings = np.exp(log_own / 2)[:, :, None] * vectors[:, :, : -n_factors - 1 : -1] * leading[:, None, :]
    lead = correlation.shape[:-2]
    return Extraction(
        loadings.reshape(*lead, n_items, n_factors),
        np.exp(log_own).reshape(*lead, n_items),
        is_converged.reshape(lead),
    )


def rotate(loadings: Floats, turns: Floats) -> tuple[Floats, Floats]:
    """Turn factors, which may become correlated, until items load on few of them (oblimin with gamma 0).

    Parameters
    ----------
    loadings : array, draws x items x factors
        Of uncorrelated factors.
    turns : array, draws x factors x factors
        To begin at: columns of length 1.

    Returns
    -------
    loadings : array, draws x items x factors
        The pattern.
    turns : array, draws x factors x factors
        T: the factors' correlation is T' T.

    References
    ----------
    Jennrich, R. I. (2002). A simple general method for oblique rotation. Psychometrika 67, 7-19. Bernaards, C. A.,
    Jennrich, R. I. (2005). Gradient projection algorithms and software for arbitrary rotation criteria in factor
    analysis. Educational and Psychological Measurement 65, 676-696.

    Examples
    --------
    >>> simple = np.array([[0.8, 0], [0.7, 0], [0, 0.6], [0, 0.9]])
    >>> angle = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    >>> found, _ = rotate((simple @ angle)[None], np.eye(2)[None])
    >>> np.allclose(np.sort(np.abs(found[0]), axis=1), np.sort(simple, axis=1), atol=1e-4)
    True
    """
    turns = turns.copy()
    if loadings.shape[-1] == 1:
        return loadings.copy(), turns
    others = 1 - np.eye(loadings.shape[-1])
    pattern = loadings @ np.swapaxes(np.linalg.inv(turns), 1, 2)
    value, slope = _complexity(pattern, others)
    length = np.ones(len(loadings))
    for _ in range(_MOST_ROTATIONS):
        inverse = np.linalg.inv(turns)
        gradient = -np.swapaxes(np.swapaxes(pattern, 1, 2) @ slope @ inverse, 1, 2)
        gradient = gradient - turns * (turns * gradient).sum(axis=1, keepdims=True)
        size = np.sqrt((gradient**2).sum(axis=(1, 2)))
        busy = size > 1e-7
        if not busy.any():
            break
        length = np.where(busy, 2 * length, length)
        for _ in range(40):
            moved = turns - (length * busy)[:, None, None] * gradient
            moved = moved / np.sqrt((moved**2).sum(axis=1, keepdims=True))
            tried_pattern = loadings @ np.swapaxes(np.linalg.inv(moved), 1, 2)
            tried, tried_slope = _complexity(tried_pattern, others)
            short = busy & (value - tried < 0.5 * size**2 * length) & (length > 1e-12)
            if not short.any():
                break
            length = np.where(short, length / 2, length)
        taken = busy & (tried <= value)
        if not taken.any():
            break
        turns = np.where(taken[:, None, None], moved, turns)
        pattern = np.where(taken[:, None, None], tried_pattern, pattern)
        slope = np.where(taken[:, None, None], tried_slope, slope)
        value = np.where(taken, tried, value)
    return pattern, turns


def draw_correlations(correlation: Floats, *, n: int, n_draws: int, seed: int) -> Floats:
    """Draw correlation matrices that n normal observations would give, without drawing the observations.

    Parameters
    ----------
    correlation : array, items x items
        The true one.
    n : int
        Observations, more than items.
    n_draws : int
        Matrices.
    seed : int
        Of the random numbers.

    Returns
    -------
    array, draws x items x items

    Raises
    ------
    ValueError
        If there are not more observations than items.

    References
    ----------
    Smith, W. B., Hocking, R. R. (1972). Algorithm AS 53: Wishart variate generator. Applied Statistics 21, 341-345.
    (Bartlett's decomposition: the time does not grow with n.)

    Examples
    --------
    >>> draws = draw_correlations(np.array([[1, 0.5], [0.5, 1]]), n=10**6, n_draws=50, seed=1)
    >>> draws.shape, bool(abs(draws[:, 0, 1].mean() - 0.5) < 0.001)
    ((50, 2, 2), True)
    """
    n_items = len(correlation)
    if n <= n_items:
        raise ValueError(f"{n} observations are too few for {n_items} items")
    rng = np.random.default_rng(seed)
    lower = np.tril(rng.standard_normal((n_draws, n_items, n_items)), -1)
    lower += np.sqrt(rng.chisquare(n - 1 - np.arange(n_items), (n_draws, n_items)))[:, :, None] * np.eye(
        n_items
    )
    half = np.linalg.cholesky(correlation) @ lower
    products = half @ np.swapaxes(half, 1, 2)
    scale = 1 / np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    drawn: Floats = products * scale[:, :, None] * scale[:, None, :]
    return drawn


def _decomposed(stack: Floats, log_own: Floats) -> tuple[Floats, Floats]:
    scale = np.exp(-log_own / 2)
    roots, vectors = np.linalg.eigh(stack * scale[:, :, None] * scale[:, None, :])
    return roots, vectors


def _likelihood(stack: Floats, log_own: Floats, n_factors: int) -> tuple[Floats, Floats, Floats]:
    """What the likelihood leaves, its slope and its curvature, by the logarithms of the own variances.

    The curvature is the observed one; where that is no valley, the expected one.
    """
    roots, vectors = _decomposed(stack, log_own)
    rest, lead = np.maximum(roots[:, :-n_factors], 1e-300), roots[:, -n_factors:]
    of_rest, of_lead = vectors[:, :, :-n_factors], vectors[:, :, -n_factors:]
    value = (rest - np.log(rest) - 1).sum(axis=1)
    slope = ((1 - rest)[:, None, :] * of_rest**2).sum(axis=2)
    turned = np.swapaxes(of_rest, 1, 2)
    plain = of_rest @ turned
    curve = plain * ((of_rest * rest[:, None, :]) @ turned)
    for place in range(n_factors):
        root, vector = lead[:, place, None], of_lead[:, :, place]
        pull = (1 - rest) * (root + rest) / np.maximum(root - rest, 1e-9)
        curve += vector[:, :, None] * vector[:, None, :] * ((of_rest * pull[:, None, :]) @ turned)
    is_valley = np.linalg.eigvalsh(curve)[:, 0] > 1e-6
    return value, slope, np.where(is_valley[:, None, None], curve, plain**2)


def _step(
    stack: Floats,
    log_own: Floats,
    slope: Floats,
    curve: Floats,
    free: NDArray[np.bool_],
    n_factors: int,
    value: Floats,
) -> tuple[Floats, tuple[Floats, Floats, Floats]]:
    """Newton's step for the items that are free to move, halved until it helps."""
    matrix = np.where(free[:, :, None] & free[:, None, :], curve, 0.0)
    # A little on the diagonal, as the curvature may be flat far from the peak.
    matrix += np.where(free, 1e-8, 1.0)[:, :, None] * np.eye(stack.shape[-1])
    step = np.linalg.solve(matrix, np.where(free, slope, 0.0)[:, :, None])[:, :, 0]
    # Shortened as a whole, so that it still goes downhill.
    step /= np.maximum(np.abs(step).max(axis=1, keepdims=True) / 1.5, 1.0)
    moved = np.clip(log_own - step, _LOWEST, 0.0)
    tried = _likelihood(stack, moved, n_factors)
    for _ in range(20):
        worse = np.flatnonzero(tried[0] >= value)
        if not worse.size:
            break
        step[worse] /= 2
        moved[worse] = np.clip(log_own[worse] - step[worse], _LOWEST, 0.0)
        for part, new in zip(tried, _likelihood(stack[worse], moved[worse], n_factors), strict=True):
            part[worse] = new
    return moved, tried


def _complexity(pattern: Floats, others: Floats) -> tuple[Floats, Floats]:
    """The oblimin criterion (quartimin), and its slope."""
    squares = pattern**2
    across = squares @ others
    value = (squares * across).sum(axis=(1, 2)) / 4
    return value, pattern * across
