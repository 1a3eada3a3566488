"""BG/NBD and MBG/NBD: buying at a steady rate until, after some purchase, a customer drops out unseen.

While active a customer buys at rate lambda, gamma(r, alpha) over customers; after each repeat purchase he or she
drops out with probability p, beta(a, b). In the BG/NBD nobody can drop out before the first repeat purchase, so a
customer who never returned is alive for sure; the MBG/NBD lets the first purchase be the last.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from cam.measures.value import cells
from cam.measures.value.cells import LogLikelihood, Part, Terms
from cam.measures.value.newton import Floats, Optimum, maximise

_START = np.log([0.5, 5.0, 0.8, 2.5])
#: In few customers the MBG/NBD may have two maxima: many buy seldom, or many leave at once. This one is by the second.
_OTHER_START = np.log([1.2, 12.0, 0.4, 0.4])
_NAMES = ("r", "alpha", "a", "b")
#: Covariates move the rate of buying (alpha) and the chance of dropping out (a, b).
_MOVED = (1, 2, 3)
#: How near to a removable gap a formula is taken from both sides of it.
_NEAR = 1e-4
#: From this a on the library's hypergeometric function is not relied on.
_NARROW = 200.0


@dataclass(frozen=True, slots=True)
class BgNbdFit:
    """A BG/NBD or an MBG/NBD.

    Attributes
    ----------
    r : float
        Shape of the gamma of buying rates.
    alpha : float
        Rate of that gamma, weeks; r / alpha is the mean number of purchases per week.
    a, b : float
        Of the beta of the probability to drop out after a purchase; its mean is a / (a + b).
    first_can_be_last : bool
        Whether a customer can drop out after the very first purchase: the MBG/NBD.
    covariates : tuple of str
        Columns that move alpha, a and b: alpha_i = alpha exp(z_i @ effects["alpha"]), and so on.
    effects : mapping of str to array
        Coefficients by parameter; empty without covariates.
    optimum : Optimum or None
        Where the parameters come from; None where they were given.
    """

    r: float
    alpha: float
    a: float
    b: float
    first_can_be_last: bool = False
    covariates: tuple[str, ...] = ()
    effects: dict[str, Floats] = field(default_factory=dict)
    optimum: Optimum | None = None

    @property
    def model(self) -> str:
        """Name in ``key_figures.csv``."""
        return "mbg_nbd" if self.first_can_be_last else "bg_nbd"

    @property
    def theta(self) -> Floats:
        """Logarithms of r, alpha, a and b, then the coefficients of alpha, a and b."""
        effects = [self.effects[_NAMES[place]] for place in _MOVED] if self.effects else []
        return np.concatenate([np.log([self.r, self.alpha, self.a, self.b]), *effects])

    def at(self, theta: Floats) -> BgNbdFit:
        """Return the same model with other parameters, given as :attr:`theta`."""
        r, alpha, a, b = (float(value) for value in np.exp(theta[:4]))
        size = len(self.covariates)
        effects = {
            _NAMES[place]: theta[4 + order * size : 4 + (order + 1) * size]
            for order, place in enumerate(_MOVED if size else ())
        }
        return BgNbdFit(r, alpha, a, b, self.first_can_be_last, self.covariates, effects)

    def likelihood(self, table: pd.DataFrame) -> LogLikelihood:
        """Return the model's log-likelihood of a table, as from :func:`bg_nbd_derivatives`."""
        return bg_nbd_derivatives(table, first_can_be_last=self.first_can_be_last, covariates=self.covariates)

    def p_alive(self, x: Floats, t: Floats, T: Floats, z: Floats | None = None) -> Floats:
        """Return the probability that a customer has not dropped out by T; n values.

        Fader, P. S., Hardie, B. G. S. (2008). Computing P(alive) using the BG/NBD model.
        """
        alpha, a, b = self._moved(z)
        back = b + x - 1 + self.first_can_be_last
        can_drop = (x > 0) | self.first_can_be_last
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            odds = a / back * np.exp((self.r + x) * np.log((alpha + T) / (alpha + t)))
        alive: Floats = 1 / (1 + np.where(can_drop, odds, 0.0))
        return alive

    def ahead(self, x: Floats, T: Floats, z: Floats | None = None) -> BetaGeometricAhead:
        """Return what lies ahead of customers who are alive at T: their rates, given what they did."""
        alpha, a, b = self._moved(z)
        return BetaGeometricAhead(self.r + x, alpha + T, a + 0 * x, b + x + self.first_can_be_last)

    def of_new(self) -> tuple[float, BetaGeometricAhead]:
        """Return the share of new customers who outlast their first purchase, and what lies ahead of them."""
        stay = self.b / (self.a + self.b) if self.first_can_be_last else 1.0
        none = np.zeros(1)
        return stay, self.ahead(none, none)

    def _moved(self, z: Floats | None) -> tuple[Floats | float, Floats | float, Floats | float]:
        if not self.effects or z is None:
            return self.alpha, self.a, self.b
        alpha, a, b = (getattr(self, name) * np.exp(z @ self.effects[name]) for name in ("alpha", "a", "b"))
        return alpha, a, b


@dataclass(frozen=True, slots=True)
class BetaGeometricAhead:
    """What lies ahead of customers who are alive now: lambda is gamma(shape, rate), p is beta(a, b).

    Attributes
    ----------
    shape, rate : array, n
        Of the gamma of the buying rate; rate in weeks.
    a, b : array, n
        Of the beta of the probability to drop out after a purchase.
    """

    shape: Floats
    rate: Floats
    a: Floats
    b: Floats

    def mean(self, t: Any) -> Floats:
        """Return the expected purchases in the next t weeks; t broadcasts against the customers.

        Fader, Hardie, Lee (2005), equation 10, after Euler's transformation, which keeps all arguments of the
        hypergeometric function small however much a customer has bought.
        """
        from scipy.special import hyp2f1  # here, because it makes every start slower

        z = t / (self.rate + t)
        near = np.abs(self.a - 1) < _NEAR

        def at(a: Floats) -> Floats:
            # A removable gap at a + b = 1, stepped over.
            c = a + self.b - 1
            c = np.where(np.abs(c) < _NEAR**2, _NEAR**2, c)
            kept = (1 - z) ** (a - 1) * hyp2f1(a - 1, a + self.b - 1 - self.shape, c, z)
            found: Floats = c / (a - 1) * (1 - kept)
            return found

        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if near.any():
                # The gap at a = 1 is removable too: a line between both sides is within the square of the step.
                below, above = (at(np.where(near, 1 + side, self.a)) for side in (-_NEAR, _NEAR))
                found = below + (above - below) * np.where(near, (self.a - 1 + _NEAR) / (2 * _NEAR), 0.0)
            else:
                found = at(self.a)

        def of_one(p: Floats, shape: Floats, rate: Floats, weeks: Floats) -> Floats:
            return -np.expm1(-shape * np.log1p(p * weeks / rate)) / p

        return self._mended(found, self.shape / self.rate * t, t, of_one)

    def rate_at(self, t: Any) -> Floats:
        """Return the expected purchases per week, t weeks from now: the derivative of :meth:`mean`."""
        from scipy.special import hyp2f1  # here, because it makes every start slower

        z = t / (self.rate + t)
        with np.errstate(over="ignore", invalid="ignore"):
            left = hyp2f1(self.a, self.a + self.b - 1 - self.shape, self.a + self.b, z)
            found: Floats = self.shape / self.rate * (1 - z) ** self.a * left

        def of_one(p: Floats, shape: Floats, rate: Floats, weeks: Floats) -> Floats:
            return shape / rate * np.exp(-(shape + 1) * np.log1p(p * weeks / rate))

        return self._mended(found, self.shape / self.rate + 0 * t, t, of_one)

    def _mended(self, found: Floats, most: Floats, t: Any, of_one: Callable[..., Floats]) -> Floats:
        """Where the library's hypergeometric function fails, take the mean over dropouts by quadrature instead.

        It fails where the beta is narrow: parameters that ran away, as all customers seem equally likely to leave.
        """
        doubtful = ~(found <= most * (1 + 1e-6)) | ~(found >= 0) | (self.a > _NARROW)
        if not doubtful.any():
            return found
        rows = [value[doubtful] for value in np.broadcast_arrays(self.a, self.b, self.shape, self.rate, t)]
        shape, rate, weeks = (value[:, None] for value in rows[2:])
        _, weights = _tanh_sinh()
        # Quantiles take long, and depend on how often a customer bought alone.
        (a, b), place = cells.distinct(rows[0], rows[1])
        p = np.stack([_quantiles(*pair) for pair in zip(a.tolist(), b.tolist(), strict=True)])[place]
        mended = found.copy()
        mended[doubtful] = (weights * of_one(p, shape, rate, weeks)).sum(axis=1)
        return mended

    def probability(self, n: int, t: float) -> Floats:
        """Return the probability of exactly n purchases in the next t weeks.

        Fader, Hardie, Lee (2005), equation 8; its sum is an incomplete beta function.
        """
        from scipy.special import betainc, betaln, gammaln  # here, because it makes every start slower

        base, share = betaln(self.a, self.b), t / (self.rate + t)
        logs = (
            gammaln(self.shape + n)
            - gammaln(self.shape)
            - gammaln(n + 1.0)
            - self.shape * np.log1p(t / self.rate)
        )
        alive: Floats = np.exp(betaln(self.a, self.b + n) - base + logs + n * np.log(share))
        if n == 0:
            return alive
        reached = betainc(float(n), self.shape, share)  # n or more, were nobody to drop out
        return alive + np.exp(betaln(self.a + 1, self.b + n - 1) - base) * reached

    def survival(self, t: float) -> Floats:
        """Return the probability of still being active t weeks from now."""
        from scipy.special import hyp2f1  # here, because it makes every start slower

        z = t / (self.rate + t)
        left: Floats = (1 - z) ** self.a * hyp2f1(self.a, self.a + self.b - self.shape, self.a + self.b, z)
        return left

    def stretched(self, factor: float) -> BetaGeometricAhead:
        """Return the same with customers who drop out less readily: b times a factor."""
        return replace(self, b=self.b * factor)

    def draw(self, t: float, rng: np.random.Generator) -> Floats:
        """Draw how often each customer buys in the next t weeks."""
        rate = rng.gamma(self.shape) / self.rate
        last = rng.geometric(np.maximum(rng.beta(self.a, self.b), 1e-300))
        return np.minimum(rng.poisson(rate * t), last).astype(float)


def fit_bg_nbd(
    table: pd.DataFrame,
    *,
    first_can_be_last: bool = False,
    covariates: Sequence[str] = (),
    start: BgNbdFit | None = None,
) -> BgNbdFit:
    """Fit a BG/NBD, or an MBG/NBD, by maximum likelihood.

    Parameters
    ----------
    table : DataFrame
        Customers or cells: ``frequency`` (repeat purchase days), ``recency`` and ``T`` (weeks) [``n_customers``,
        the columns of *covariates*, numeric].
    first_can_be_last : bool
        Whether it is an MBG/NBD.
    covariates : sequence of str
        Columns that move alpha, a and b.
    start : BgNbdFit, optional
        Where to begin.

    Returns
    -------
    BgNbdFit
        Look at ``optimum.is_converged`` and ``optimum.weak`` before it is used.

    Raises
    ------
    ValueError
        If there are no rows, or a row breaks 0 <= recency <= T.

    References
    ----------
    Fader, P. S., Hardie, B. G. S., Lee, K. L. (2005). "Counting your customers" the easy way: an alternative to the
    Pareto/NBD model. Marketing Science 24, 275-284, equation 6.
    Batislam, E. P., Denizel, M., Filiztekin, A. (2007). Empirical validation and comparison of models for customer base
    analysis. International Journal of Research in Marketing 24, 201-209. (MBG/NBD.)
    Fader, P. S., Hardie, B. G. S. (2007). Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD
    models, section 3.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0, 1, 1, 2, 3, 8], "recency": [0, 2, 25, 10, 28, 12.0], "T": [30.0] * 6,
    ...     "n_customers": [60, 12, 8, 6, 6, 3]})
    >>> fit = fit_bg_nbd(table)
    >>> round(fit.r, 3), fit.optimum.is_converged
    (0.187, True)
    """
    evaluate = bg_nbd_derivatives(table, first_can_be_last=first_can_be_last, covariates=covariates)
    names = _theta_names(covariates)
    if start is not None:
        begins = [start.theta]
    else:
        logs = [_START, _OTHER_START] if first_can_be_last else [_START]
        begins = [np.concatenate([log, np.zeros(len(names) - 4)]) for log in logs]
    n = int(cells.counts_of(table).sum())
    tops = [maximise(evaluate, begin, names=names, n_logs=4, n=n) for begin in begins]
    optimum = max(tops, key=lambda top: top.log_likelihood)
    fit = BgNbdFit(1.0, 1.0, 1.0, 1.0, first_can_be_last, tuple(covariates))
    return replace(fit.at(optimum.theta), optimum=optimum)


def bg_nbd_derivatives(
    table: pd.DataFrame, *, first_can_be_last: bool = False, covariates: Sequence[str] = ()
) -> LogLikelihood:
    """Return the log-likelihood of theta = (ln r, ln alpha, ln a, ln b, coefficients) with its derivatives.

    Parameters
    ----------
    table, first_can_be_last, covariates : DataFrame, bool, sequence of str
        As for :func:`fit_bg_nbd`.

    Returns
    -------
    callable
        theta -> log-likelihood, gradient, Hessian.

    Raises
    ------
    ValueError
        As :func:`fit_bg_nbd`.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [30.0]})
    >>> value, _, _ = bg_nbd_derivatives(table)(np.log([1.0, 10.0, 1.0, 1.0]))
    >>> round(float(np.exp(value)), 6)  # alpha / (alpha + T)
    0.25
    """
    x, t, T, w = cells.history(table)
    z = table[list(covariates)].to_numpy(float) if covariates else None
    shift = float(first_can_be_last)
    (once, *levels), place = cells.distinct(x, *(z.T if z is not None else ()))
    parts = [
        Part(
            lambda r, alpha, a, b: _count_terms(once, shift, r, alpha, a, b),
            place=place,
            covariates=np.column_stack(levels) if levels else None,
        )
    ]
    dropped = (x > 0) | first_can_be_last
    silent = np.flatnonzero(~dropped)
    if silent.size:
        (ages, *levels_0), place_0 = cells.distinct(T[silent], *(z[silent].T if z is not None else ()))
        parts.append(
            Part(
                lambda r, alpha, a, b: _silent_terms(ages, r, alpha),
                rows=silent,
                place=place_0,
                covariates=np.column_stack(levels_0) if levels_0 else None,
            )
        )
    for rows in cells.blocks(np.flatnonzero(dropped)):
        parts.append(
            Part(
                functools.partial(_time_terms, x[rows], t[rows], T[rows], shift),
                rows=rows,
                covariates=z[rows] if z is not None else None,
            )
        )
    return LogLikelihood(parts, w, n_parameters=4, moved=_MOVED if covariates else ())


def _count_terms(x: Floats, shift: float, r: Floats, alpha: Floats, a: Floats, b: Floats) -> Terms:
    """Logarithm: ln [Gamma(r + x) / Gamma(r)] + r ln alpha + ln [B(a, c + 1) / B(a, b)], c = b + x - 1 + shift."""
    from scipy.special import gammaln

    back = b + x + shift
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + gammaln(back) - gammaln(a + back)
    value = value + gammaln(a + b) - gammaln(b)
    (d_rx, dd_rx), (d_r, dd_r) = cells.polygammas(r + x), cells.polygammas(r)
    (d_back, dd_back), (d_all, dd_all) = cells.polygammas(back), cells.polygammas(a + back)
    (d_ab, dd_ab), (d_b, dd_b) = cells.polygammas(a + b), cells.polygammas(b)
    slope_r = r * (d_rx - d_r + np.log(alpha))
    slope_a = a * (d_ab - d_all)
    slope_b = b * (d_back - d_all + d_ab - d_b)
    first = [slope_r, r + 0 * x, slope_a, slope_b]
    second = [
        slope_r + r**2 * (dd_rx - dd_r), r + 0 * x, 0.0, 0.0,
        0.0, 0.0, 0.0,
        slope_a + a**2 * (dd_ab - dd_all), a * b * (dd_ab - dd_all),
        slope_b + b**2 * (dd_back - dd_all + dd_ab - dd_b),
    ]  # fmt: skip
    return value, first, second


def _silent_terms(T: Floats, r: Floats, alpha: Floats) -> Terms:
    """Logarithm: -r ln(alpha + T): never came back."""
    span = alpha + T
    value = -r * np.log(span)
    share = alpha / span
    first = [value, -r * share, 0.0, 0.0]
    second = [value, -r * share, 0.0, 0.0, -r * share * (1 - share), 0.0, 0.0, 0.0, 0.0, 0.0]
    return value, first, second


def _time_terms(
    x: Floats, t: Floats, T: Floats, shift: float, r: Floats, alpha: Floats, a: Floats, b: Floats
) -> Terms:
    """Logarithm: -n ln(alpha + T) + ln(1 + e^u), e^u = (a / c) ((alpha + T) / (alpha + t))^n: alive, or gone."""
    n, c = r + x, b + x - 1 + shift
    whole, seen = alpha + T, alpha + t
    log_whole = np.log(whole)
    longer = log_whole - np.log(seen)
    u = np.log(a / c) + n * longer
    # ln(1 + e^u) and e^u / (1 + e^u), without overflow.
    small = np.exp(-np.abs(u))
    gone = np.where(u > 0, 1.0, small) / (1 + small)
    value = np.maximum(u, 0.0) + np.log1p(small) - n * log_whole
    spread = gone * (1 - gone)
    from_whole, from_seen = alpha / whole, alpha / seen
    u_r = r * longer
    drift = from_whole - from_seen
    u_alpha = n * drift
    u_b = -b / c
    gone_u_r = gone * u_r
    slope_r = gone_u_r - r * log_whole
    slope_alpha = gone * u_alpha - n * from_whole
    gone_u_b = gone * u_b
    spread_r, spread_alpha = spread * u_r, spread * u_alpha
    bend_alpha = n * (gone * (drift - from_whole**2 + from_seen**2) - from_whole * (1 - from_whole))
    second = [
        slope_r + spread_r * u_r,
        r * (gone * drift - from_whole) + spread_r * u_alpha,
        spread_r,
        spread_r * u_b,
        bend_alpha + spread_alpha * u_alpha,
        spread_alpha,
        spread_alpha * u_b,
        spread,
        spread * u_b,
        spread * u_b**2 + gone_u_b * (1 + u_b),
    ]
    return value, [slope_r, slope_alpha, gone, gone_u_b], second


def _theta_names(covariates: Sequence[str]) -> tuple[str, ...]:
    moved = [_NAMES[place] for place in _MOVED] if covariates else []
    return (*_NAMES, *(f"{name}:{covariate}" for name in moved for covariate in covariates))


@functools.lru_cache(maxsize=4096)
def _quantiles(a: float, b: float) -> Floats:
    """Of beta(a, b), at the nodes of the quadrature; asked for again at every moment ahead."""
    from scipy.special import betaincinv  # here, because it makes every start slower

    found: Floats = np.maximum(betaincinv(a, b, _tanh_sinh()[0]), 1e-300)
    return found


@functools.cache
def _tanh_sinh() -> tuple[Floats, Floats]:
    """Nodes and weights on 0 to 1 that crowd towards both ends, where a quantile function is steep."""
    u = np.linspace(-3.0, 3.0, 129)
    bent = np.pi * np.sinh(u)
    nodes = 1 / (1 + np.exp(-bent))
    weights = np.pi * np.cosh(u) * nodes / (1 + np.exp(bent))
    return nodes, weights / weights.sum()
