"""BG/BB: buying or not at each of many occasions until, before some occasion, a customer is gone unseen.

While active a customer buys at an occasion with probability p, beta(alpha, beta) over customers; before each
occasion he or she leaves with probability theta, beta(gamma, delta). For donations once a year, monthly orders,
weekly shopping trips: where time comes in steps and at most one purchase counts per step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z
from cam.measures.value import cells
from cam.measures.value.cells import Ints, LogLikelihood, Part, Terms
from cam.measures.value.newton import Floats, Optimum, maximise
from cam.measures.value.survivors import delta_covariance, survivors_ahead

_START = np.log([1.0, 1.0, 0.5, 5.0])
_NAMES = ("alpha", "beta", "gamma", "delta")


@dataclass(frozen=True, slots=True)
class BgBbFit:
    """A BG/BB.

    Attributes
    ----------
    alpha, beta : float
        Of the beta of the probability to buy at an occasion while active; its mean is alpha / (alpha + beta).
    gamma, delta : float
        Of the beta of the probability to leave before an occasion; its mean is gamma / (gamma + delta).
    optimum : Optimum or None
        Where the parameters come from; None where they were given.
    """

    alpha: float
    beta: float
    gamma: float
    delta: float
    optimum: Optimum | None = None

    @property
    def model(self) -> str:
        """Name in ``key_figures.csv``."""
        return "bg_bb"

    @property
    def theta(self) -> Floats:
        """Logarithms of alpha, beta, gamma and delta."""
        return np.log([self.alpha, self.beta, self.gamma, self.delta])

    def at(self, theta: Floats) -> BgBbFit:
        """Return the same model with other parameters, given as :attr:`theta`."""
        alpha, beta, gamma, delta = (float(value) for value in np.exp(theta))
        return BgBbFit(alpha, beta, gamma, delta)

    def likelihood(self, table: pd.DataFrame) -> LogLikelihood:
        """Return the model's log-likelihood of a table, as from :func:`bg_bb_derivatives`."""
        return bg_bb_derivatives(table)

    def log_survival(self, m: Floats) -> Floats:
        """Return ln of the probability to be active for m occasions; whole m of any shape."""
        from scipy.special import betaln  # here, because it makes every start slower

        found: Floats = betaln(self.gamma, self.delta + m) - betaln(self.gamma, self.delta)
        return found


def fit_bg_bb(table: pd.DataFrame, *, start: BgBbFit | None = None) -> BgBbFit:
    """Fit a BG/BB by maximum likelihood.

    Parameters
    ----------
    table : DataFrame
        Customers or cells: ``frequency`` (occasions with a purchase), ``recency`` (number of the last of them, 0 if
        there was none), ``n_opportunities`` (occasions so far, at most one purchase counted at each)
        [``n_customers``]. The purchase that made someone a customer is not among them.
    start : BgBbFit, optional
        Where to begin.

    Returns
    -------
    BgBbFit
        Look at ``optimum.is_converged`` and ``optimum.weak`` before it is used.

    Raises
    ------
    ValueError
        If there are no rows, or a row is no history.

    References
    ----------
    Fader, P. S., Hardie, B. G. S., Shang, J. (2010). Customer-base analysis in a discrete-time noncontractual setting.
    Marketing Science 29, 1086-1108, section 3.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0, 1, 1, 2, 2, 3], "recency": [0, 1, 3, 2, 3, 3],
    ...     "n_opportunities": [3] * 6, "n_customers": [50, 15, 5, 8, 7, 15]})
    >>> fit = fit_bg_bb(table)
    >>> round(fit.alpha / (fit.alpha + fit.beta), 3), fit.optimum.is_converged
    (0.676, True)
    """
    evaluate = bg_bb_derivatives(table)
    begin = _START if start is None else start.theta
    n = int(cells.counts_of(table).sum())
    optimum = maximise(evaluate, begin, names=_NAMES, n_logs=4, n=n)
    alpha, beta, gamma, delta = (float(value) for value in optimum.values)
    return BgBbFit(alpha, beta, gamma, delta, optimum)


def bg_bb_derivatives(table: pd.DataFrame) -> LogLikelihood:
    """Return the log-likelihood of theta = (ln alpha, ln beta, ln gamma, ln delta) with its derivatives.

    Parameters
    ----------
    table : DataFrame
        As for :func:`fit_bg_bb`.

    Returns
    -------
    callable
        theta -> log-likelihood, gradient, Hessian.

    Raises
    ------
    ValueError
        As :func:`fit_bg_bb`.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0], "recency": [0], "n_opportunities": [1]})
    >>> value, _, _ = bg_bb_derivatives(table)(np.zeros(4))
    >>> round(float(np.exp(value)), 6)  # gone before it, 1/2, or there and not buying, 1/4
    0.75
    """
    x, t, n, w = _history(table)
    (x, t, n), place = cells.distinct(x, t, n)
    part = Part(lambda *theta: _terms(x, t, n, *(float(value) for value in theta))[0], place=place)
    return LogLikelihood([part], w, n_parameters=4)


def alive_probability(fit: BgBbFit, table: pd.DataFrame, *, ahead: int = 1) -> Floats:
    """Return the probability that a customer is active at an occasion to come.

    Parameters
    ----------
    fit : BgBbFit
        A fit.
    table : DataFrame
        Customers or cells, as for :func:`fit_bg_bb`.
    ahead : int
        1 is the next occasion, n + 1, as in the paper's table 6; 0 is the last one seen, n.

    Returns
    -------
    array, n
        0 to 1.

    References
    ----------
    Fader, Hardie, Shang (2010), section 3 and table 6.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0, 2, 6], "recency": [0, 4, 6], "n_opportunities": [6] * 3})
    >>> alive_probability(BgBbFit(1.204, 0.750, 0.657, 2.783), table).round(2).tolist()
    [0.11, 0.59, 0.93]
    """
    if ahead < 0:
        raise ValueError(f"occasions ahead are 0 or more; got {ahead}")
    x, t, n, _ = _history(table)
    alive, place = _alive(fit, x, t, n)
    stays = np.exp(fit.log_survival(n + ahead) - fit.log_survival(n))
    found: Floats = alive[place] * stays
    return found


def expected_occasions(
    fit: BgBbFit, table: pd.DataFrame, *, n_ahead: int | None = None, discount: float = 0.0
) -> Floats:
    """Return the expected purchases at the next occasions, discounted if asked: over some, or for ever (DERT).

    Parameters
    ----------
    fit : BgBbFit
        A fit.
    table : DataFrame
        Customers or cells, as for :func:`fit_bg_bb`.
    n_ahead : int, optional
        Occasions; without it, for ever.
    discount : float
        Per occasion: the k-th from now counts for 1 / (1 + discount)^k. Above 0 where it goes on for ever.

    Returns
    -------
    array, n

    Raises
    ------
    ValueError
        If there is neither an end nor a discount: the sum might have none.

    References
    ----------
    Fader, Hardie, Shang (2010), equation 13, and DERT after it; sums stand here in place of their closed forms, of
    which the first breaks down where gamma is 1.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0, 4], "recency": [0, 5], "n_opportunities": [6] * 2})
    >>> fit = BgBbFit(1.203528, 0.749726, 0.656781, 2.783796)
    >>> expected_occasions(fit, table, n_ahead=10).round(4).tolist()
    [0.1302, 3.6279]
    """
    return _moments(fit, table, n_ahead, discount)[0]


def total_occasions(
    fit: BgBbFit, table: pd.DataFrame, *, n_ahead: int | None = None, discount: float = 0.0
) -> Estimate:
    """Return how often all customers of a table will buy at the next occasions.

    Parameters
    ----------
    fit : BgBbFit
        From :func:`fit_bg_bb`: the interval needs its optimum.
    table, n_ahead, discount : DataFrame, int, float
        As for :func:`expected_occasions`.

    Returns
    -------
    Estimate
        ``expected_purchases``; its interval holds what these customers will in fact do: both what the parameters
        leave open (delta method) and chance.

    Raises
    ------
    ValueError
        If the fit was given, not fitted, or as :func:`expected_occasions`.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0, 1, 1, 2, 2, 3], "recency": [0, 1, 3, 2, 3, 3],
    ...     "n_opportunities": [3] * 6, "n_customers": [50, 15, 5, 8, 7, 15]})
    >>> total = total_occasions(fit_bg_bb(table), table, n_ahead=3)
    >>> round(total.value), round(total.low), round(total.high)
    (57, 38, 86)
    """
    if fit.optimum is None:
        raise ValueError("an interval needs a fit with its optimum; this one was given")
    w = cells.counts_of(table)
    mean, variance = _moments(fit, table, n_ahead, discount)
    value = float((w * mean).sum())

    def of(theta: Floats) -> Floats:
        ahead, _ = _moments(fit.at(theta), table, n_ahead, discount)
        return np.array([np.log((w * ahead).sum())])

    spread = np.sqrt(delta_covariance(fit.optimum, of)[0, 0] + (w * variance).sum() / value**2)
    low, high = value * np.exp(-Z * spread), value * np.exp(Z * spread)
    return Estimate("expected_purchases", value, "count", int(w.sum()), float(low), float(high))


def occasion_probability(fit: BgBbFit, *, n: int, n_opportunities: int) -> float:
    """Return the probability that a new customer buys at exactly n of the first occasions.

    Parameters
    ----------
    fit : BgBbFit
        A fit.
    n : int
        Occasions with a purchase.
    n_opportunities : int
        Occasions.

    Returns
    -------
    float

    References
    ----------
    Fader, Hardie, Shang (2010), section 3.

    Examples
    --------
    >>> round(11104 * occasion_probability(BgBbFit(1.204, 0.750, 0.657, 2.783), n=0, n_opportunities=6))
    3456
    """
    from scipy.special import betaln, gammaln  # here, because it makes every start slower

    if not 0 <= n <= n_opportunities:
        return 0.0
    m = np.arange(n, n_opportunities + 1, dtype=float)
    survive = np.exp(fit.log_survival(np.append(m, n_opportunities + 1.0)))
    # Active for exactly m occasions, or for all of them.
    ends = np.append(survive[:-2] - survive[1:-1], survive[-2])
    chooses = gammaln(m + 1) - gammaln(n + 1.0) - gammaln(m - n + 1)
    buys = chooses + betaln(fit.alpha + n, fit.beta + m - n) - betaln(fit.alpha, fit.beta)
    return float((ends * np.exp(buys)).sum())


def expected_occasions_of_new(fit: BgBbFit, *, n_opportunities: int) -> float:
    """Return the expected purchases of a new customer at the first occasions.

    Parameters
    ----------
    fit : BgBbFit
        A fit.
    n_opportunities : int
        Occasions.

    Returns
    -------
    float

    References
    ----------
    Fader, Hardie, Shang (2010), section 3.

    Examples
    --------
    >>> round(expected_occasions_of_new(BgBbFit(1.203528, 0.749726, 0.656781, 2.783796), n_opportunities=10), 4)
    3.1798
    """
    occasions = np.arange(1, n_opportunities + 1, dtype=float)
    return float(fit.alpha / (fit.alpha + fit.beta) * np.exp(fit.log_survival(occasions)).sum())


def _moments(
    fit: BgBbFit, table: pd.DataFrame, n_ahead: int | None, discount: float
) -> tuple[Floats, Floats]:
    """Mean and variance of the discounted purchases ahead of each row's customer."""
    x, t, n, _ = _history(table)
    (x, t, n), place = cells.distinct(x, t, n)
    alive, own = _alive(fit, x, t, n)
    (lengths,), at = cells.distinct(n)
    fade = 1 / (1 + discount)
    first, spread = (
        found[at] for found in survivors_ahead(fit.log_survival, lengths, discount=discount, horizon=n_ahead)
    )
    # p given the history, and its square; purchases are Bernoulli(p) at the occasions that are survived.
    whole = fit.alpha + fit.beta + n
    p = (fit.alpha + x) / whole
    p_squared = p * (fit.alpha + x + 1) / (whole + 1)
    diagonal = survivors_ahead(fit.log_survival, lengths, discount=discount * (2 + discount), horizon=n_ahead)
    pairs = spread + first**2 - diagonal[0][at]
    mean = fade * alive[own] * p * first
    squared = fade**2 * alive[own] * (p * diagonal[0][at] + p_squared * pairs)
    return mean[place], np.maximum(squared - mean**2, 0.0)[place]


def _alive(fit: BgBbFit, x: Floats, t: Floats, n: Floats) -> tuple[Floats, Ints]:
    """P(active at occasion n), once per distinct history, and which of them each row is."""
    (once_x, once_t, once_n), place = cells.distinct(x, t, n)
    alive = _terms(once_x, once_t, once_n, fit.alpha, fit.beta, fit.gamma, fit.delta)[1]
    return alive, place


def _terms(
    x: Floats, t: Floats, n: Floats, alpha: float, beta: float, gamma: float, delta: float
) -> tuple[Terms, Floats]:
    """Logarithm of the sum over m, the occasions that a customer was active for: t to n; and P(m = n).

    B(alpha + x, beta + m - x) / B(alpha, beta) x B(gamma + [m < n], delta + m) / B(gamma, delta): ratios of rising
    factorials, so no gamma function is needed.
    """
    n_terms = (n - t).astype(np.int64) + 1
    begins = np.cumsum(n_terms) - n_terms
    row = np.repeat(np.arange(x.size), n_terms)
    m = np.arange(row.size) - begins[row] + t.astype(np.int64)[row]
    buys, left = x.astype(np.int64)[row], (m < n[row]).astype(np.int64)
    most = int(n.max()) + 1
    a, b, both = (_rising(value, most) for value in (alpha, beta, alpha + beta))
    g, d, ends = (_rising(value, most) for value in (gamma, delta, gamma + delta))
    logs = a[0][buys] + b[0][m - buys] - both[0][m] + g[0][left] + d[0][m] - ends[0][m + left]
    slopes = [
        alpha * (a[1][buys] - both[1][m]),
        beta * (b[1][m - buys] - both[1][m]),
        gamma * (g[1][left] - ends[1][m + left]),
        delta * (d[1][m] - ends[1][m + left]),
    ]
    bends = [
        slopes[0] - alpha**2 * (a[2][buys] - both[2][m]), alpha * beta * both[2][m], 0.0, 0.0,
        slopes[1] - beta**2 * (b[2][m - buys] - both[2][m]), 0.0, 0.0,
        slopes[2] - gamma**2 * (g[2][left] - ends[2][m + left]), gamma * delta * ends[2][m + left],
        slopes[3] - delta**2 * (d[2][m] - ends[2][m + left]),
    ]  # fmt: skip
    top = np.maximum.reduceat(logs, begins)
    shares = np.exp(logs - top[row])
    total = np.add.reduceat(shares, begins)
    shares /= total[row]
    weighted = [shares * slope for slope in slopes]
    first = [np.add.reduceat(column, begins) for column in weighted]
    pairs = [(one, other) for one in range(4) for other in range(one, 4)]
    second = [
        np.add.reduceat(shares * bend + weighted[one] * slopes[other], begins) - first[one] * first[other]
        for (one, other), bend in zip(pairs, bends, strict=True)
    ]
    return (top + np.log(total), first, second), shares[begins + n_terms - 1]


def _rising(value: float, most: int) -> tuple[Floats, Floats, Floats]:
    """Logarithm of Gamma(value + k) / Gamma(value) for k = 0 to most, its derivative, and minus its second."""
    steps = value + np.arange(most)
    logs, first, second = (
        np.concatenate([[0.0], np.cumsum(part)]) for part in (np.log(steps), 1 / steps, 1 / steps**2)
    )
    return logs, first, second


def _history(table: pd.DataFrame) -> tuple[Floats, Floats, Floats, Floats]:
    """Frequency, recency, occasions and the number of customers of each row, checked."""
    if not len(table):
        raise ValueError("there are no customers")
    x, t, n = (table[name].to_numpy(float) for name in ("frequency", "recency", "n_opportunities"))
    w = cells.counts_of(table)
    whole = (x == np.floor(x)) & (t == np.floor(t)) & (n == np.floor(n)) & np.isfinite(n)
    sound = whole & (x >= 0) & (x <= t) & (t <= n) & ((x == 0) == (t == 0)) & (w >= 0)
    if not sound.all():
        row = int(np.argmin(sound))
        raise ValueError(
            f"row {row} is no history: frequency {x[row]}, recency {t[row]}, n_opportunities {n[row]}; whole numbers "
            "with 0 <= frequency <= recency <= n_opportunities are needed, and a recency of 0 where, and only where, "
            "there is no purchase"
        )
    return x, t, n, w
