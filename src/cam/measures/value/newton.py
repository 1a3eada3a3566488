"""Maximum likelihood by Newton's method: where it ended, how sure that is, and how far the data tell.

Every model here is fitted in the logarithms of its parameters, which must be positive; coefficients of
covariates stay as they are. A model gives log-likelihood, gradient and Hessian; this module does the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cam.estimate import Z

Floats = NDArray[Any]
#: theta -> log-likelihood, gradient (k), Hessian (k x k), all by theta.
Derivatives = Callable[[Floats], tuple[float, Floats, Floats]]

#: A logarithm beyond this is a parameter that runs away: exp(16) weeks are 170,000 years.
_BOUND = 16.0
#: Longest step in any direction; a parameter changes by at most the factor exp(2).
_LONGEST = 2.0
#: Log-likelihood that may be left on the way to the maximum.
_REST = 1e-9
#: Standard error of a logarithm from which a parameter counts as hardly known: a factor 7 either way.
_WEAK = 1.0


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where a maximisation ended, with its certificate.

    Attributes
    ----------
    names : tuple of str
        Parameters in the order of ``theta``.
    n_logs : int
        The first so many of ``theta`` are logarithms of positive parameters, the rest coefficients.
    theta : array, k
        The maximum.
    log_likelihood : float
        Its height, constants of the model included.
    gradient : array, k
        By theta; near zero.
    hessian : array, k x k
        By theta; negative definite at a maximum.
    n_evaluations : int
        Of log-likelihood with both derivatives.
    n : int
        Customers that it rests on.
    """

    names: tuple[str, ...]
    n_logs: int
    theta: Floats
    log_likelihood: float
    gradient: Floats
    hessian: Floats
    n_evaluations: int
    n: int

    @property
    def values(self) -> Floats:
        """Parameters and coefficients, no longer as logarithms."""
        return _natural(self.theta, self.n_logs)

    @property
    def runaways(self) -> tuple[str, ...]:
        """Parameters that ran to nought or to infinity: the data do not hold them."""
        return tuple(
            name
            for name, value in zip(self.names[: self.n_logs], self.theta[: self.n_logs], strict=True)
            if abs(value) >= _BOUND
        )

    @property
    def is_peak(self) -> bool:
        """Whether the surface falls away on all sides, beyond what rounding could feign."""
        curvature = np.linalg.eigvalsh(-self.hessian)
        return bool(curvature[0] > 1e-10 * max(curvature[-1], 1.0))

    @property
    def rest(self) -> float:
        """Log-likelihood that is still to be had, by the quadratic at hand; infinite where there is no peak."""
        if not self.is_peak:
            return float("inf")
        return float(self.gradient @ np.linalg.solve(-self.hessian, self.gradient) / 2)

    @property
    def is_converged(self) -> bool:
        """Whether it is a maximum: a peak with nothing left to climb, and no parameter at its bound."""
        return self.rest <= max(_REST, 1e-12 * abs(self.log_likelihood)) and not self.runaways

    @property
    def covariance(self) -> Floats:
        """Of theta, k x k.

        Raises
        ------
        ValueError
            Where there is no peak.
        """
        if not self.is_peak:
            raise ValueError("there is no covariance: the log-likelihood has no peak here")
        inverse: Floats = np.linalg.inv(-self.hessian)
        return (inverse + inverse.T) / 2

    @property
    def standard_errors(self) -> Floats:
        """Of :attr:`values`, by the delta method."""
        errors: Floats = np.sqrt(np.diag(self.covariance))
        scale = np.ones_like(errors)
        scale[: self.n_logs] = self.values[: self.n_logs]
        return errors * scale

    @property
    def weak(self) -> tuple[str, ...]:
        """Parameters that the data hardly hold: their logarithm has a standard error above 1, or none."""
        if not self.is_peak:
            return self.names[: self.n_logs]
        errors = np.sqrt(np.diag(self.covariance))[: self.n_logs]
        return tuple(name for name, error in zip(self.names, errors, strict=False) if error > _WEAK)


def maximise(
    derivatives: Derivatives,
    start: Floats,
    *,
    names: tuple[str, ...],
    n_logs: int,
    n: int,
    rest: float = _REST,
) -> Optimum:
    """Climb to the maximum of a log-likelihood.

    Newton's method on the Hessian whose eigenvalues are turned to fall, so that it also climbs where the surface
    is not concave; steps are capped, and halved until they climb.

    Parameters
    ----------
    derivatives : callable
        theta -> log-likelihood, gradient, Hessian.
    start : array, k
        Where to begin.
    names : tuple of str
        Of the parameters, in the order of theta.
    n_logs : int
        The first so many of theta are logarithms.
    n : int
        Customers that it rests on.
    rest : float
        Log-likelihood that may be left.

    Returns
    -------
    Optimum
        See its ``is_converged``: where the data do not hold a parameter there is no maximum to find.

    References
    ----------
    Nocedal, J., Wright, S. J. (2006). Numerical Optimization, 2nd ed., sections 3.4 and 3.5. Springer.

    Examples
    --------
    >>> def bell(theta):
    ...     return -float((theta[0] - 1) ** 2), -2 * (theta - 1), np.array([[-2.0]])
    >>> top = maximise(bell, np.zeros(1), names=("mu",), n_logs=0, n=1)
    >>> top.values.tolist(), top.is_converged
    ([1.0], True)
    """
    theta = np.asarray(start, dtype=float).copy()
    value, gradient, hessian = derivatives(theta)
    n_evaluations = 1
    for _ in range(100):
        curvature, axes = np.linalg.eigh(-hessian)
        floor = max(1e-12 * float(np.abs(curvature).max()), 1e-300)
        step = axes @ ((axes.T @ gradient) / np.maximum(np.abs(curvature), floor))
        if curvature[0] > 0 and gradient @ step <= max(rest / 10, 1e-14 * abs(value)):
            break
        longest = float(np.abs(step).max())
        if longest == 0:  # a ridge: flat this way, and nothing to gain any other
            break
        step *= min(1.0, _LONGEST / longest)
        moved = False
        while np.abs(step).max() > 1e-10:
            there = theta + step
            there[:n_logs] = np.clip(there[:n_logs], -_BOUND, _BOUND)
            tried = derivatives(there)
            n_evaluations += 1
            if tried[0] > value + 1e-4 * float(gradient @ (there - theta)) - 1e-14 * abs(value):
                moved = bool(np.abs(there - theta).max() > 1e-12)
                break
            step = step / 2
        if not moved:
            break
        theta, (value, gradient, hessian) = there, tried
        if (np.abs(theta[:n_logs]) >= _BOUND).any():
            break
    return Optimum(names, n_logs, theta, float(value), gradient, hessian, n_evaluations, n)


def profile_interval(
    derivatives: Derivatives, optimum: Optimum, name: str
) -> tuple[float | None, float | None]:
    """Return the 95 % profile-likelihood interval of one parameter.

    Its limits are where the best log-likelihood that can be had with the parameter held fixed lies 1.92 below the
    maximum. Unlike value plus or minus 1.96 standard errors it knows that the surface is skew, and it says
    so where a side has no limit.

    Parameters
    ----------
    derivatives : callable
        What was maximised.
    optimum : Optimum
        The maximum.
    name : str
        Of the parameter.

    Returns
    -------
    tuple of float or None
        Lower and upper limit, not as logarithms; None where the data set no limit on that side.

    References
    ----------
    Venzon, D. J., Moolgavkar, S. H. (1988). A method for computing profile-likelihood-based confidence
    intervals. Journal of the Royal Statistical Society C 37, 87-94.

    Examples
    --------
    >>> def bell(theta):
    ...     return -float((theta[0] - 1) ** 2) / 2, -(theta - 1), np.array([[-1.0]])
    >>> top = maximise(bell, np.zeros(1), names=("mu",), n_logs=0, n=1)
    >>> [round(limit, 3) for limit in profile_interval(bell, top, "mu")]
    [-0.96, 2.96]
    """
    place = optimum.names.index(name)
    limits: list[float | None] = []
    for side in (-1.0, 1.0):
        at = _profile_limit(derivatives, optimum, place, side)
        if at is None:
            limits.append(None)
        else:
            limits.append(float(np.exp(at)) if place < optimum.n_logs else float(at))
    return limits[0], limits[1]


def _profile_limit(derivatives: Derivatives, optimum: Optimum, place: int, side: float) -> float | None:
    """Find where the signed root of twice the fall in log-likelihood is 1.96; it is nearly a straight line."""
    covariance = optimum.covariance
    error = float(np.sqrt(covariance[place, place]))
    # How the other parameters follow when this one is held: a first guess for each inner climb.
    along = covariance[:, place] / covariance[place, place]
    top, middle = optimum.log_likelihood, optimum.theta[place]
    points = [(0.0, 0.0)]
    theta, offset = optimum.theta, side * min(Z * error, _LONGEST)
    for _ in range(40):
        guess = theta + along * (offset - (theta[place] - middle))
        theta, value, slope = _held(derivatives, guess, place, optimum.n_logs)
        root = float(np.sqrt(max(2 * (top - value), 0.0)))
        points.append((offset, root))
        if abs(root - Z) < 1e-6:
            return float(theta[place])
        if abs(theta[place]) >= _BOUND:
            return None
        # d root / d offset = -slope / root, as the others are at their best.
        steepness = abs(slope) / max(root, 1e-12)
        below = [point for point in points if point[1] < Z]
        above = [point for point in points if point[1] >= Z]
        low = max(below, key=lambda point: abs(point[0]))
        step = (Z - root) / max(steepness, 1e-9)
        offset = offset + side * float(np.clip(step, -_LONGEST, _LONGEST))
        if above:
            high = min(above, key=lambda point: abs(point[0]))
            if not min(low[0], high[0]) < offset < max(low[0], high[0]):
                offset = low[0] + (high[0] - low[0]) * (Z - low[1]) / (high[1] - low[1])
        if place < optimum.n_logs:
            offset = float(np.clip(offset, -_BOUND - middle, _BOUND - middle))
    return None


def _held(derivatives: Derivatives, guess: Floats, place: int, n_logs: int) -> tuple[Floats, float, float]:
    """Climb with one parameter held; also return the slope along it."""
    free = np.arange(guess.size) != place
    guess = guess.copy()
    # The straight line by which others follow may lead anywhere, and exp of that is nought or infinite.
    guess[:n_logs] = np.clip(guess[:n_logs], -_BOUND, _BOUND)
    theta = guess.copy()

    def inner(others: Floats) -> tuple[float, Floats, Floats]:
        whole = guess.copy()
        whole[free] = others
        value, gradient, hessian = derivatives(whole)
        return value, gradient[free], hessian[np.ix_(free, free)]

    if free.any():
        names = tuple(str(number) for number in range(int(free.sum())))
        found = maximise(inner, guess[free], names=names, n_logs=n_logs - (place < n_logs), n=0)
        theta[free] = found.theta
    value, gradient, _ = derivatives(theta)
    return theta, value, float(gradient[place])


def _natural(theta: Floats, n_logs: int) -> Floats:
    values = theta.copy()
    values[:n_logs] = np.exp(theta[:n_logs])
    return values
