"""Gamma-Gamma: what a customer spends per purchase, drawn towards the mean of all as far as he or she is unknown.

The revenue of one purchase is gamma(p, nu), and nu is gamma(q, gamma) over customers. Spend and frequency are taken as
independent, which is to be tested first.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z
from cam.measures.value import cells
from cam.measures.value.cells import LogLikelihood, Part, Terms
from cam.measures.value.newton import Floats, Optimum, maximise

_NAMES = ("p", "q", "gamma")
#: Below this correlation of spend and frequency, in size, independence does little harm.
MOST_CORRELATED = 0.2


@dataclass(frozen=True, slots=True)
class GammaGammaFit:
    """A Gamma-Gamma.

    Attributes
    ----------
    p : float
        Shape of the gamma of one purchase's revenue.
    q : float
        Shape of the gamma of its rate over customers.
    gamma : float
        Rate of that gamma, money.
    optimum : Optimum or None
        Where the parameters come from; None where they were given.
    """

    p: float
    q: float
    gamma: float
    optimum: Optimum | None = None

    @property
    def theta(self) -> Floats:
        """Logarithms of p, q and gamma."""
        return np.log([self.p, self.q, self.gamma])

    def at(self, theta: Floats) -> GammaGammaFit:
        """Return the same model with other parameters, given as :attr:`theta`."""
        p, q, gamma = (float(value) for value in np.exp(theta))
        return GammaGammaFit(p, q, gamma)

    def likelihood(self, table: pd.DataFrame) -> LogLikelihood:
        """Return the model's log-likelihood of a table, as from :func:`gamma_gamma_derivatives`."""
        return gamma_gamma_derivatives(table)

    @property
    def mean_spend(self) -> float:
        """Mean revenue per purchase over all customers, p gamma / (q - 1); infinite where q <= 1."""
        return self.p * self.gamma / (self.q - 1) if self.q > 1 else float("inf")

    def expected(self, x: Floats, m: Floats) -> Floats:
        """Return the expected revenue per purchase of customers with x repeat purchases of mean m; n values.

        Fader and Hardie (2013), equation 5. m counts for nothing where x is 0.
        """
        if self.p + self.q <= 1 or (self.q <= 1 and bool((np.asarray(x) == 0).any())):
            raise ValueError(f"the mean spend does not exist: q is {self.q:.3g}, and must be above 1")
        total = np.where(x > 0, x * m, 0.0)
        found: Floats = self.p * (self.gamma + total) / (self.p * x + self.q - 1)
        return found

    def draw_total(self, x: Floats, m: Floats, n: Floats, rng: np.random.Generator) -> Floats:
        """Draw what n further purchases of each customer bring in all, given what he or she spent so far."""
        total = np.where(x > 0, x * np.where(x > 0, m, 0.0), 0.0)
        nu = rng.gamma(self.q + self.p * x) / (self.gamma + total)
        bought = n > 0
        found: Floats = np.where(bought, rng.gamma(self.p * np.where(bought, n, 1.0)) / nu, 0.0)
        return found


def fit_gamma_gamma(table: pd.DataFrame, *, start: GammaGammaFit | None = None) -> GammaGammaFit:
    """Fit a Gamma-Gamma by maximum likelihood.

    Parameters
    ----------
    table : DataFrame
        Customers or cells: ``frequency`` and ``monetary_value`` (mean revenue of a repeat purchase)
        [``n_customers``]. Customers without a repeat purchase, or with a mean that is not positive, tell nothing and
        are left out: count them with :func:`usable`.
    start : GammaGammaFit, optional
        Where to begin.

    Returns
    -------
    GammaGammaFit
        Look at ``optimum.is_converged`` and ``optimum.weak`` before it is used, and whether q is above 1.

    Raises
    ------
    ValueError
        If fewer than two customers are left.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. (2013). The gamma-gamma model of monetary value, equation 1a.
    Fader, P. S., Hardie, B. G. S., Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer base
    analysis. Journal of Marketing Research 42, 415-430.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [1, 2, 3, 4, 1, 2], "monetary_value": [20, 35, 30, 55, 70, 24.0]})
    >>> fit = fit_gamma_gamma(table)
    >>> round(fit.p, 2), fit.optimum.is_converged
    (4.5, True)
    """
    evaluate = gamma_gamma_derivatives(table)
    kept = table[usable(table)]
    w = cells.counts_of(kept)
    if start is None:
        # A likely shape, at the scale of the money at hand: its mean is the mean spend.
        mean = float(np.average(kept["monetary_value"].to_numpy(float), weights=w))
        begin = np.log([4.0, 3.5, mean * 2.5 / 4.0])
    else:
        begin = start.theta
    optimum = maximise(evaluate, begin, names=_NAMES, n_logs=3, n=int(w.sum()))
    p, q, gamma = (float(value) for value in optimum.values)
    return GammaGammaFit(p, q, gamma, optimum)


def usable(table: pd.DataFrame) -> pd.Series:
    """Say which rows tell of spend: a repeat purchase, and a mean revenue above nought.

    Parameters
    ----------
    table : DataFrame
        ``frequency``, ``monetary_value``.

    Returns
    -------
    Series of bool

    Examples
    --------
    >>> usable(pd.DataFrame({"frequency": [0, 1, 2], "monetary_value": [None, 0.0, 5.0]})).tolist()
    [False, False, True]
    """
    return (table["frequency"] > 0) & (table["monetary_value"] > 0)


def spend_frequency_correlation(table: pd.DataFrame) -> Estimate:
    """Correlate a customer's mean spend with how often he or she bought: the Gamma-Gamma takes them as unrelated.

    Parameters
    ----------
    table : DataFrame
        As for :func:`fit_gamma_gamma`; only usable rows count.

    Returns
    -------
    Estimate
        ``spend_frequency_correlation``, Pearson's, unit ``ratio``, with the interval by Fisher's transformation.

    Raises
    ------
    ValueError
        If fewer than four customers are left, or one of both does not vary.

    References
    ----------
    Fisher, R. A. (1921). On the "probable error" of a coefficient of correlation deduced from a small sample.
    Metron 1, 3-32.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [1, 2, 3, 4, 1], "monetary_value": [20, 35, 30, 55, 70.0]})
    >>> round(spend_frequency_correlation(table).value, 3)
    0.076
    """
    kept = table[usable(table)]
    w = cells.counts_of(kept)
    n = int(w.sum())
    if n < 4:
        raise ValueError(f"a correlation needs four customers or more with repeat spend; got {n}")
    x, m = kept["frequency"].to_numpy(float), kept["monetary_value"].to_numpy(float)
    x, m = x - np.average(x, weights=w), m - np.average(m, weights=w)
    spread = float((w @ x**2) * (w @ m**2))
    if spread <= 0:
        raise ValueError("a correlation needs both spend and frequency to vary")
    value = float(np.clip((w @ (x * m)) / spread**0.5, -1, 1))
    half = Z / (n - 3) ** 0.5
    middle = np.arctanh(np.clip(value, -1 + 1e-15, 1 - 1e-15))
    return Estimate(
        "spend_frequency_correlation",
        value,
        "ratio",
        n,
        float(np.tanh(middle - half)),
        float(np.tanh(middle + half)),
    )


def gamma_gamma_derivatives(table: pd.DataFrame) -> LogLikelihood:
    """Return the log-likelihood of theta = (ln p, ln q, ln gamma) with its derivatives.

    Parameters
    ----------
    table : DataFrame
        As for :func:`fit_gamma_gamma`.

    Returns
    -------
    callable
        theta -> log-likelihood, gradient, Hessian.

    Raises
    ------
    ValueError
        As :func:`fit_gamma_gamma`.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [1, 1], "monetary_value": [1.0, 1.0]})
    >>> value, _, _ = gamma_gamma_derivatives(table)(np.zeros(3))
    >>> round(float(np.exp(value / 2)), 6)  # one purchase of 1, all parameters 1: 1 / (1 + 1)^2
    0.25
    """
    rows = np.flatnonzero(usable(table).to_numpy(bool))
    x, m = (table[name].to_numpy(float)[rows] for name in ("frequency", "monetary_value"))
    w = cells.counts_of(table)
    if w[rows].sum() < 2:
        raise ValueError(
            "the Gamma-Gamma needs two customers or more with a repeat purchase and positive spend"
        )
    total, log_m = x * m, np.log(m)
    (once,), place = cells.distinct(x)
    parts = [
        Part(lambda p, q, gamma: _count_terms(once, p, q, gamma), rows=rows, place=place),
        *(
            Part(functools.partial(_money_terms, x[some], total[some], log_m[some]), rows=rows[some])
            for some in cells.blocks(np.arange(rows.size))
        ),
    ]
    return LogLikelihood(parts, w, n_parameters=3)


def _count_terms(x: Floats, p: Floats, q: Floats, gamma: Floats) -> Terms:
    """Logarithm: ln Gamma(px + q) - ln Gamma(px) - ln Gamma(q) + q ln gamma + px ln x."""
    from scipy.special import gammaln

    a = p * x
    (d_all, dd_all), (d_a, dd_a) = cells.polygammas(a + q), cells.polygammas(a)
    d_q, dd_q = cells.polygammas(q)
    value = gammaln(a + q) - gammaln(a) - gammaln(q) + q * np.log(gamma) + a * np.log(x)
    slope_p = a * (d_all - d_a + np.log(x))
    slope_q = q * (d_all - d_q + np.log(gamma))
    second = [
        slope_p + a**2 * (dd_all - dd_a), a * q * dd_all, 0.0,
        slope_q + q**2 * (dd_all - dd_q), q + 0 * x,
        0.0,
    ]  # fmt: skip
    return value, [slope_p, slope_q, q + 0 * x], second


def _money_terms(x: Floats, total: Floats, log_m: Floats, p: Floats, q: Floats, gamma: Floats) -> Terms:
    """Logarithm: (px - 1) ln m - (px + q) ln(gamma + xm)."""
    a = p * x
    n, span = a + q, gamma + total
    log_span, share = np.log(span), gamma / span
    first = [a * (log_m - log_span), -q * log_span, -n * share]
    second = [first[0], 0.0, -a * share, first[1], -q * share, first[2] * (1 - share)]
    return (a - 1) * log_m - n * log_span, first, second
