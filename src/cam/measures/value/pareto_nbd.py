"""Pareto/NBD: buying at a steady rate until, at some unseen moment, a customer is gone.

While active a customer buys at rate lambda, gamma(r, alpha) over customers, and leaves at hazard mu, gamma(s, beta).
Its likelihood is an integral over that moment. It is usually written with a hypergeometric function, which breaks down
in places; here the integral itself is taken, by Gauss and Legendre's rule on a scale on which it is smooth. All its
terms are positive, and the same nodes give gradient, Hessian and P(alive).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from cam.measures.value import cells
from cam.measures.value.cells import LogLikelihood, Part, Terms
from cam.measures.value.newton import Floats, Optimum, maximise
from cam.measures.value.quadrature import legendre

_START = np.log([0.6, 10.0, 0.6, 12.0])
_NAMES = ("r", "alpha", "s", "beta")
#: Covariates move the rate of buying (alpha) and the hazard of leaving (beta).
_MOVED = (1, 3)
#: Nodes by the number of e-folds over which the integrand falls; above 130 only where one span dwarfs the other.
_NODES = ((1.5, 8), (6.0, 12), (20.0, 20), (130.0, 32), (np.inf, 64))
#: e-folds after which nothing is left to add.
_DEEP = 60.0
#: Rows at a time, so that all that a node needs stays in the processor's cache.
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class ParetoNbdFit:
    """A Pareto/NBD.

    Attributes
    ----------
    r : float
        Shape of the gamma of buying rates.
    alpha : float
        Rate of that gamma, weeks; r / alpha is the mean number of purchases per week while active.
    s : float
        Shape of the gamma of the hazard of leaving.
    beta : float
        Rate of that gamma, weeks; s / beta is the mean hazard per week.
    covariates : tuple of str
        Columns that move alpha and beta: alpha_i = alpha exp(z_i @ effects["alpha"]), and likewise beta.
    effects : mapping of str to array
        Coefficients by parameter; empty without covariates.
    optimum : Optimum or None
        Where the parameters come from; None where they were given.
    """

    r: float
    alpha: float
    s: float
    beta: float
    covariates: tuple[str, ...] = ()
    effects: dict[str, Floats] = field(default_factory=dict)
    optimum: Optimum | None = None

    @property
    def model(self) -> str:
        """Name in ``key_figures.csv``."""
        return "pareto_nbd"

    @property
    def theta(self) -> Floats:
        """Logarithms of r, alpha, s and beta, then the coefficients of alpha and beta."""
        effects = [self.effects[_NAMES[place]] for place in _MOVED] if self.effects else []
        return np.concatenate([np.log([self.r, self.alpha, self.s, self.beta]), *effects])

    def at(self, theta: Floats) -> ParetoNbdFit:
        """Return the same model with other parameters, given as :attr:`theta`."""
        r, alpha, s, beta = (float(value) for value in np.exp(theta[:4]))
        size = len(self.covariates)
        effects = {
            _NAMES[place]: theta[4 + order * size : 4 + (order + 1) * size]
            for order, place in enumerate(_MOVED if size else ())
        }
        return ParetoNbdFit(r, alpha, s, beta, self.covariates, effects)

    def likelihood(self, table: pd.DataFrame) -> LogLikelihood:
        """Return the model's log-likelihood of a table, as from :func:`pareto_nbd_derivatives`."""
        return pareto_nbd_derivatives(table, covariates=self.covariates)

    def p_alive(self, x: Floats, t: Floats, T: Floats, z: Floats | None = None) -> Floats:
        """Return the probability that a customer has not left by T; n values."""
        alpha, beta = self._moved(z)
        alive: Floats = _mixture(x, t, T, self.r, alpha, self.s, beta).alive
        return alive

    def ahead(self, x: Floats, T: Floats, z: Floats | None = None) -> ParetoAhead:
        """Return what lies ahead of customers who are alive at T: their rates, given what they did."""
        alpha, beta = self._moved(z)
        return ParetoAhead(self.r + x, alpha + T, self.s + 0 * x, beta + T)

    def of_new(self) -> tuple[float, ParetoAhead]:
        """Return 1, as nobody leaves at once, and what lies ahead of new customers."""
        none = np.zeros(1)
        return 1.0, self.ahead(none, none)

    def _moved(self, z: Floats | None) -> tuple[Floats | float, Floats | float]:
        if not self.effects or z is None:
            return self.alpha, self.beta
        alpha, beta = (getattr(self, name) * np.exp(z @ self.effects[name]) for name in ("alpha", "beta"))
        return alpha, beta


@dataclass(frozen=True, slots=True)
class ParetoAhead:
    """What lies ahead of customers who are alive now: lambda is gamma(shape, rate), mu gamma(s, beta).

    Attributes
    ----------
    shape, rate : array, n
        Of the gamma of the buying rate; rate in weeks.
    s, beta : array, n
        Of the gamma of the hazard; beta in weeks.
    """

    shape: Floats
    rate: Floats
    s: Floats
    beta: Floats

    def mean(self, t: Any) -> Floats:
        """Return the expected purchases in the next t weeks; t broadcasts against the customers.

        Schmittlein, Morrison, Colombo (1987), equation 17; also where s is 1, or next to it.
        """
        longer = np.log1p(t / self.beta)
        bend = (1 - self.s) * longer
        safe = np.where(np.abs(bend) < 1e-8, 1.0, bend)
        weeks = self.beta * longer * np.where(np.abs(bend) < 1e-8, 1 + bend / 2, np.expm1(safe) / safe)
        found: Floats = self.shape / self.rate * weeks
        return found

    def rate_at(self, t: Any) -> Floats:
        """Return the expected purchases per week, t weeks from now: the derivative of :meth:`mean`."""
        found: Floats = self.shape / self.rate * np.exp(-self.s * np.log1p(t / self.beta))
        return found

    def probability(self, n: int, t: float) -> Floats:
        """Return the probability of exactly n purchases in the next t weeks, over when the customer leaves."""
        from scipy.special import gammaln  # here, because it makes every start slower

        def counted(span: Floats, log_span: Floats) -> Floats:
            logs: Floats = gammaln(self.shape[:, None] + n) - gammaln(self.shape[:, None]) - gammaln(n + 1.0)
            rate = self.rate[:, None]
            return np.exp(
                logs
                + self.shape[:, None] * np.log(rate / (rate + span))
                + n * (log_span - np.log(rate + span))
            )

        whole = np.full((1, 1), float(t))
        stays = np.exp(-self.s * np.log1p(t / self.beta)) * counted(whole, np.log(whole))[:, 0]
        # Left after span = beta (e^w - 1): density s e^(-s w) dw.
        nodes, weights = legendre(64)
        end = np.log1p(t / self.beta)[:, None]
        w = end * nodes
        span = self.beta[:, None] * np.expm1(w)
        s = self.s[:, None]
        left: Floats = (weights * end * s * np.exp(-s * w) * counted(span, np.log(span))).sum(axis=1)
        return stays + left

    def survival(self, t: float) -> Floats:
        """Return the probability of still being active t weeks from now."""
        left: Floats = np.exp(-self.s * np.log1p(t / self.beta))
        return left

    def stretched(self, factor: float) -> ParetoAhead:
        """Return the same with every hazard divided by a factor."""
        return replace(self, beta=self.beta * factor)

    def draw(self, t: float, rng: np.random.Generator) -> Floats:
        """Draw how often each customer buys in the next t weeks."""
        rate = rng.gamma(self.shape) / self.rate
        hazard = rng.gamma(self.s) / self.beta
        active = np.minimum(rng.exponential(size=rate.shape) / np.maximum(hazard, 1e-300), t)
        return rng.poisson(rate * active).astype(float)


def fit_pareto_nbd(
    table: pd.DataFrame, *, covariates: Sequence[str] = (), start: ParetoNbdFit | None = None
) -> ParetoNbdFit:
    """Fit a Pareto/NBD by maximum likelihood.

    Parameters
    ----------
    table : DataFrame
        Customers or cells: ``frequency`` (repeat purchase days), ``recency`` and ``T`` (weeks) [``n_customers``,
        the columns of *covariates*, numeric].
    covariates : sequence of str
        Columns that move alpha and beta.
    start : ParetoNbdFit, optional
        Where to begin.

    Returns
    -------
    ParetoNbdFit
        Look at ``optimum.is_converged`` and ``optimum.weak`` before it is used.

    Raises
    ------
    ValueError
        If there are no rows, or a row breaks 0 <= recency <= T.

    References
    ----------
    Schmittlein, D. C., Morrison, D. G., Colombo, R. (1987). Counting your customers: who are they and what will they do
    next? Management Science 33, 1-24.
    Fader, P. S., Hardie, B. G. S. (2005). A note on deriving the Pareto/NBD model and related expressions.
    Fader, P. S., Hardie, B. G. S. (2007). Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD
    models, section 2.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0, 1, 1, 2, 3, 8], "recency": [0, 2, 25, 10, 28, 12.0], "T": [30.0] * 6,
    ...     "n_customers": [60, 12, 8, 6, 6, 3]})
    >>> fit = fit_pareto_nbd(table)
    >>> round(fit.r, 3), fit.optimum.is_converged
    (0.627, True)
    """
    evaluate = pareto_nbd_derivatives(table, covariates=covariates)
    moved = [_NAMES[place] for place in _MOVED] if covariates else []
    names = (*_NAMES, *(f"{name}:{covariate}" for name in moved for covariate in covariates))
    begin = np.concatenate([_START, np.zeros(len(names) - 4)]) if start is None else start.theta
    n = int(cells.counts_of(table).sum())
    optimum = maximise(evaluate, begin, names=names, n_logs=4, n=n)
    fit = ParetoNbdFit(1.0, 1.0, 1.0, 1.0, tuple(covariates))
    return replace(fit.at(optimum.theta), optimum=optimum)


def pareto_nbd_derivatives(table: pd.DataFrame, *, covariates: Sequence[str] = ()) -> LogLikelihood:
    """Return the log-likelihood of theta = (ln r, ln alpha, ln s, ln beta, coefficients) with its derivatives.

    Parameters
    ----------
    table, covariates : DataFrame, sequence of str
        As for :func:`fit_pareto_nbd`.

    Returns
    -------
    callable
        theta -> log-likelihood, gradient, Hessian.

    Raises
    ------
    ValueError
        As :func:`fit_pareto_nbd`.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [0.0]})
    >>> value, _, _ = pareto_nbd_derivatives(table)(np.log([1.0, 10.0, 1.0, 1.0]))
    >>> round(float(value), 12) + 0.0  # nobody can have bought again within no time
    0.0
    """
    x, t, T, w = cells.history(table)
    z = table[list(covariates)].to_numpy(float) if covariates else None
    (once, *levels), place = cells.distinct(x, *(z.T if z is not None else ()))
    counts = Part(
        lambda r, alpha, s, beta: _count_terms(once, r, alpha, s, beta),
        place=place,
        covariates=np.column_stack(levels) if levels else None,
    )
    times = Part(
        lambda r, alpha, s, beta: _mixture(x, t, T, r, alpha, s, beta, derive=True).terms, covariates=z
    )
    return LogLikelihood([counts, times], w, n_parameters=4, moved=_MOVED if covariates else ())


def _count_terms(x: Floats, r: Floats, alpha: Floats, s: Floats, beta: Floats) -> Terms:
    """Logarithm: ln [Gamma(r + x) / Gamma(r)] + r ln alpha + s ln beta."""
    from scipy.special import gammaln

    (d_rx, dd_rx), (d_r, dd_r) = cells.polygammas(r + x), cells.polygammas(r)
    none = 0 * x
    slope_r, slope_s = r * (d_rx - d_r + np.log(alpha)), s * np.log(beta) + none
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + slope_s
    second = [
        slope_r + r**2 * (dd_rx - dd_r), r + none, 0.0, 0.0,
        0.0, 0.0, 0.0,
        slope_s, s + none,
        0.0,
    ]  # fmt: skip
    return value, [slope_r, r + none, slope_s, s + none], second


@dataclass(frozen=True, slots=True)
class _Mixture:
    """Still alive at T, or gone since a moment tau between t and T: ln of the sum, and its parts."""

    alive: Floats
    terms: Terms


def _mixture(
    x: Floats,
    t: Floats,
    T: Floats,
    r: float | Floats,
    alpha: float | Floats,
    s: float | Floats,
    beta: float | Floats,
    *,
    derive: bool = False,
) -> _Mixture:
    """(alpha + T)^-n (beta + T)^-s + integral over tau of s (alpha + tau)^-n (beta + tau)^-(s + 1), n = r + x.

    With tau = (mu + t) e^u - mu, and mu such that both sides fall equally fast at t, the integrand is nearly a
    plain exponential in u.
    """
    n = r + x
    m = n + s + 1
    alpha_t, beta_t = alpha + t, beta + t
    base = m / (n / alpha_t + (s + 1) / beta_t)  # mu + t
    reach = np.log1p((T - t) / base)
    far = np.flatnonzero(m * reach > _DEEP)
    # Cut off where one side alone has fallen that deep; where spans differ, the other may not have begun to.
    for power, span in ((n, alpha_t), (m - n, beta_t)):
        with np.errstate(over="ignore"):
            deep = np.log1p(np.expm1(_DEEP / power[far]) * span[far] / base[far])
        reach[far] = np.minimum(reach[far], deep)
    folds = m * reach
    alive, rows = np.empty(x.size), np.empty((15 if derive else 1, x.size))
    group = np.searchsorted([limit for limit, _ in _NODES[:-1]], folds)
    # Parameters that are one number stay one number; those of covariates go with their rows.
    parameters = [np.asarray(value, dtype=float) for value in (r, alpha, s, beta)]
    for number, (_, n_nodes) in enumerate(_NODES):
        chosen = np.flatnonzero(group == number)
        for begin in range(0, chosen.size, _BLOCK):
            some = chosen[begin : begin + _BLOCK]
            given = [value if value.ndim == 0 else value[some] for value in parameters]
            alive[some], rows[:, some] = _block(
                n[some], t[some], T[some], base[some], reach[some], given, n_nodes=n_nodes, derive=derive
            )
    return _Mixture(alive, (rows[0], list(rows[1:5]), list(rows[5:])))


def _block(
    n: Floats,
    t: Floats,
    T: Floats,
    base: Floats,
    reach: Floats,
    parameters: Sequence[Floats],
    *,
    n_nodes: int,
    derive: bool,
) -> tuple[Floats, Floats]:
    r, alpha, s, beta = parameters

    def tall(value: Floats) -> Floats:
        return value[:, None] if value.ndim else value

    nodes, weights = legendre(n_nodes)
    u = np.empty((n.size, n_nodes + 1))
    u[:, 1:] = reach[:, None] * nodes
    tau = np.empty_like(u)
    tau[:, 1:] = base[:, None] * np.expm1(u[:, 1:]) + t[:, None]
    tau[:, 0] = T  # the first place is the atom: alive at T
    span_a, span_b = tall(alpha) + tau, tall(beta) + tau
    log_a, log_b = np.log(span_a), np.log(span_b)
    logs = -n[:, None] * log_a - tall(s) * log_b
    with np.errstate(divide="ignore"):
        logs[:, 1:] += np.log(weights * tall(s)) + np.log(base * reach)[:, None] + u[:, 1:] - log_b[:, 1:]
    height = logs.max(axis=1)
    share = np.exp(logs - height[:, None])
    total = share.sum(axis=1)
    share /= total[:, None]
    value = np.log(total) + height
    if not derive:
        return share[:, 0], value[None]
    later = np.ones(n_nodes + 1)
    later[0] = 0.0
    # The slopes of the logarithm of each place, by the logarithms of r, alpha, s and beta.
    from_a, from_b = tall(alpha) / span_a, tall(beta) / span_b
    slopes = [
        -tall(r) * log_a,
        -n[:, None] * from_a,
        later - tall(s) * log_b,
        -(tall(s) + later) * from_b,
    ]
    weighted = [share * slope for slope in slopes]
    means = [np.einsum("ij->i", each) for each in weighted]
    gone = 1 - share[:, 0]
    rows = np.empty((15, n.size))
    rows[0] = value
    rows[1:5] = means
    place = 5
    for one in range(4):
        for other in range(one, 4):
            rows[place] = np.einsum("ij,ij->i", weighted[one], slopes[other]) - means[one] * means[other]
            place += 1
    mean_a, mean_b = (np.einsum("ij,ij->i", share, each) for each in (from_a, from_b))
    # What the slopes themselves gain: r r, r alpha, alpha alpha, s s, s beta, beta beta.
    rows[5] += means[0]
    rows[6] -= r * mean_a
    rows[9] += means[1] + n * np.einsum("ij,ij->i", share * from_a, from_a)
    rows[12] += means[2] - gone
    rows[13] -= s * mean_b
    rows[14] += means[3] + np.einsum("ij,ij->i", share * from_b, (tall(s) + later) * from_b)
    return share[:, 0], rows
