"""What a model of renewals says, with intervals: survival, retention, residual lifetime and value, and its holdout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z
from cam.measures.value import cells
from cam.measures.value.contracts import (
    BdwFit,
    ConstantFit,
    Contracts,
    SbgFit,
    fit_bdw,
    fit_constant,
    fit_sbg,
    likelihood_ratio,
)
from cam.measures.value.life_table import observed_survival
from cam.measures.value.newton import Floats, Optimum
from cam.measures.value.survivors import delta_covariance, survivors_ahead

#: With fewer at risk a rate of one period is chance.
FEWEST_AT_RISK = 30
#: A gain that chance brings about less often than this speaks for the larger model.
_SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class RenewalFits:
    """The three models of renewals, fitted to the same contracts.

    Attributes
    ----------
    constant, sbg, bdw : ConstantFit, SbgFit, BdwFit
        The fits; see their ``optimum.is_converged``.
    gain : float
        Twice the log-likelihood that the BdW gains on the sBG.
    p : float
        How often chance alone gains as much.
    """

    constant: ConstantFit
    sbg: SbgFit
    bdw: BdwFit
    gain: float
    p: float

    @property
    def chosen(self) -> ConstantFit | SbgFit | BdwFit:
        """The BdW where it found a maximum and gains more than chance would in 1 case of 20; else the sBG where it
        found one; else constant churn, at which the sBG arrives where retention does not rise with age.
        """
        found_bdw, found_sbg = (_optimum(fit).is_converged for fit in (self.bdw, self.sbg))
        if found_bdw and self.p < _SIGNIFICANT:
            return self.bdw
        return self.sbg if found_sbg else self.constant


def fit_renewals(table: pd.DataFrame) -> RenewalFits:
    """Fit constant churn, sBG and BdW, and test the last against the one before.

    Parameters
    ----------
    table : DataFrame
        Contracts or cells, as for :func:`cam.measures.value.life_table.life_table`.

    Returns
    -------
    RenewalFits

    Raises
    ------
    ValueError
        As :func:`cam.measures.value.contracts.fit_sbg`.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 4, 4], "event_observed": [True] * 4 + [False],
    ...     "n_customers": [369, 163, 86, 56, 326]})
    >>> fit_renewals(table).chosen.model
    'sbg'
    """
    sbg = fit_sbg(table)
    bdw = fit_bdw(table)
    gain, p = likelihood_ratio(sbg, bdw)
    return RenewalFits(fit_constant(table), sbg, bdw, gain, p)


def survival_curve(fit: Contracts, *, n_periods: int) -> pd.DataFrame:
    """Return retention and survival as a model has them, period by period.

    Parameters
    ----------
    fit : fit of renewals
        Fitted, not given: the intervals need its optimum.
    n_periods : int
        1 or more.

    Returns
    -------
    DataFrame
        ``period``; ``retention_rate`` with ``low`` and ``high``; ``survival`` with ``survival_low`` and
        ``survival_high``: 95 % for what the model's parameters leave open, by the delta method on the scales of logit r
        and ln(-ln S), on which the limits stay between 0 and 1.

    Raises
    ------
    ValueError
        If the fit was given, or its optimum is no peak.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 3], "event_observed": [True, True, True, False],
    ...     "n_customers": [369, 163, 86, 382]})
    >>> curve = survival_curve(fit_sbg(table), n_periods=2)
    >>> curve[["survival_low", "survival", "survival_high"]].round(2).values.tolist()
    [[0.6, 0.63, 0.66], [0.44, 0.47, 0.5]]
    """
    periods = np.arange(1, n_periods + 1, dtype=float)

    def of(theta: Floats) -> Floats:
        there = fit.at(theta)
        return np.concatenate([_logit(there.log_retention(periods)), np.log(-there.log_survival(periods))])

    optimum = _optimum(fit)
    middle, error = of(optimum.theta), np.sqrt(np.diag(delta_covariance(optimum, of)))
    low, high = middle - Z * error, middle + Z * error
    return pd.DataFrame(
        {
            "period": periods,
            "retention_rate": _expit(middle[:n_periods]),
            "low": _expit(low[:n_periods]),
            "high": _expit(high[:n_periods]),
            "survival": np.exp(-np.exp(middle[n_periods:])),
            "survival_low": np.exp(-np.exp(high[n_periods:])),
            "survival_high": np.exp(-np.exp(low[n_periods:])),
        }
    )


def retention_ahead(fit: Contracts, running: pd.DataFrame) -> Estimate:
    """Return which share of the running contracts will be renewed at the end of the period they are in.

    Parameters
    ----------
    fit : fit of renewals
        Fitted, not given.
    running : DataFrame
        ``age`` (completed periods) [``n_contracts``].

    Returns
    -------
    Estimate
        ``retention_rate_next``; the interval is that of the expected share (delta method on logit), chance apart.

    Raises
    ------
    ValueError
        If nothing runs, or as :func:`survival_curve`.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 3], "event_observed": [True, True, True, False],
    ...     "n_customers": [369, 163, 86, 382]})
    >>> share = retention_ahead(fit_sbg(table), pd.DataFrame({"age": [3], "n_contracts": [382]}))
    >>> round(share.low, 3), round(share.value, 3), round(share.high, 3)
    (0.819, 0.847, 0.871)
    """
    ages, n = _running(running)

    def of(theta: Floats) -> Floats:
        share = (n * np.exp(fit.at(theta).log_retention(ages + 1))).sum() / n.sum()
        return _logit(np.log(np.array([share])))

    optimum = _optimum(fit)
    middle = of(optimum.theta)
    error = np.sqrt(delta_covariance(optimum, of)[0, 0])
    low, value, high = (float(_expit(middle + side * Z * error)[0]) for side in (-1, 0, 1))
    return Estimate("retention_rate_next", value, "share", int(n.sum()), low, high)


def residual_periods(
    fit: Contracts, ages: Floats, *, discount: float, horizon: int | None = None, wait: float = 0.0
) -> pd.DataFrame:
    """Return how many renewals lie ahead of a running contract, discounted: over a horizon, or for ever (DERL).

    Parameters
    ----------
    fit : fit of renewals
        Fitted, not given.
    ages : array
        Completed periods: a contract of age k has made k renewals and stands in its period k + 1. (Fader and Hardie's n
        is k + 1.)
    discount : float
        Per period. Above 0 without a horizon: survival has a heavy tail, whose sum may be infinite.
    horizon : int, optional
        Renewals ahead; without it, for ever.
    wait : float
        Periods until the next renewal. At 0 it is due now and counts in full, as in the paper; contracts seen on any
        day of their period wait half a period on average.

    Returns
    -------
    DataFrame
        ``age``, ``value``, ``low``, ``high`` (95 % for what the parameters leave open: delta method on the logarithm)
        and ``variance`` (of one contract around its value).

    Raises
    ------
    ValueError
        As :func:`cam.measures.value.survivors.survivors_ahead` and :func:`survival_curve`.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. (2010). Customer-base valuation in a contractual setting: the perils of ignoring
    heterogeneity. Marketing Science 29, 85-93.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 3], "event_observed": [True, True, True, False],
    ...     "n_customers": [369, 163, 86, 382]})
    >>> ahead = residual_periods(fit_sbg(table), np.array([0.0, 3.0]), discount=0.1)
    >>> ahead[["age", "value"]].round(2).values.tolist()
    [[0.0, 2.86], [3.0, 5.17]]
    """
    fade = (1 + discount) ** -wait

    def of(theta: Floats) -> Floats:
        return np.log(
            survivors_ahead(fit.at(theta).log_survival, ages, discount=discount, horizon=horizon)[0]
        )

    mean, variance = survivors_ahead(fit.log_survival, ages, discount=discount, horizon=horizon)
    error = np.sqrt(np.diag(delta_covariance(_optimum(fit), of)))
    return pd.DataFrame(
        {
            "age": ages,
            "value": fade * mean,
            "low": fade * mean * np.exp(-Z * error),
            "high": fade * mean * np.exp(Z * error),
            "variance": fade**2 * variance,
        }
    )


def residual_value(
    fit: Contracts,
    running: pd.DataFrame,
    *,
    discount: float,
    unit: str,
    horizon: int | None = None,
    wait: float = 0.0,
) -> Estimate:
    """Return what all running contracts together will still bring, discounted.

    Parameters
    ----------
    fit : fit of renewals
        Fitted, not given.
    running : DataFrame
        ``age``, ``n_contracts``, ``margin`` (sum over them of what one renewal brings) and ``squares`` (sum of its
        squares).
    discount, horizon, wait : float, int, float
        As for :func:`residual_periods`.
    unit : str
        ISO code of the currency.

    Returns
    -------
    Estimate
        ``residual_clv_total``, without a horizon of the segment ``horizon=for_ever``; its interval holds what these
        contracts will in fact bring, if the model is right: both what the parameters leave open and chance, on the
        scale of the logarithm.

    Raises
    ------
    ValueError
        If nothing runs or brings anything, or as :func:`residual_periods`.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 3], "event_observed": [True, True, True, False],
    ...     "n_customers": [369, 163, 86, 382]})
    >>> running = pd.DataFrame({"age": [3.0], "n_contracts": [382], "margin": [3820.0], "squares": [38200.0]})
    >>> total = residual_value(fit_sbg(table), running, discount=0.1, unit="EUR")
    >>> round(total.low), round(total.value), round(total.high)
    (16712, 19752, 23345)
    """
    ages, n = _running(running)
    margin, squares = (running[name].to_numpy(float) for name in ("margin", "squares"))
    if margin.sum() <= 0:
        raise ValueError("no running contract brings anything")
    fade = (1 + discount) ** -wait

    def of(theta: Floats) -> Floats:
        mean, _ = survivors_ahead(fit.at(theta).log_survival, ages, discount=discount, horizon=horizon)
        return np.log(np.array([(margin * mean).sum()]))

    optimum = _optimum(fit)
    mean, variance = survivors_ahead(fit.log_survival, ages, discount=discount, horizon=horizon)
    total = float((margin * mean).sum())
    spread = np.sqrt(delta_covariance(optimum, of)[0, 0] + float((squares * variance).sum()) / total**2)
    low, high = (fade * total * float(np.exp(side * Z * spread)) for side in (-1, 1))
    segment = {"horizon": "for_ever"} if horizon is None else {}
    return Estimate("residual_clv_total", fade * total, unit, int(n.sum()), low, high, segment)


def holdout(table: pd.DataFrame, *, n_periods: int) -> pd.DataFrame:
    """Fit every model to the first periods of all contracts, and compare its survival with what was then seen.

    Parameters
    ----------
    table : DataFrame
        Contracts or cells, as for :func:`cam.measures.value.life_table.life_table`.
    n_periods : int
        Periods that the models see; later renewals are hidden from them.

    Returns
    -------
    DataFrame
        ``model``; ``is_converged``; ``bias`` (mean of predicted less observed survival) and ``rmse`` over the hidden
        periods in which at least 30 were at risk; ``last_period`` of them; ``predicted`` and ``observed`` survival
        there, the latter with ``observed_low``, ``observed_high`` and ``n_at_risk``. A model that found no maximum
        has no numbers.

    Raises
    ------
    ValueError
        If no hidden period has 30 at risk, or the first ones cannot be fitted.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 4, 5, 5], "event_observed": [True] * 5 + [False],
    ...     "n_customers": [369, 163, 86, 56, 37, 289]})
    >>> holdout(table, n_periods=3).query("model != 'bdw'")[["model", "bias"]].round(3).values.tolist()
    [['constant_churn', -0.096], ['sbg', -0.005]]
    """
    observed = observed_survival(table)
    late = observed[(observed["period"] > n_periods) & (observed["n_at_risk"] >= FEWEST_AT_RISK)]
    if late.empty:
        raise ValueError(f"no period after the first {n_periods} has {FEWEST_AT_RISK} contracts at risk")
    hidden = table["duration"] > n_periods
    seen = table.assign(
        duration=table["duration"].clip(upper=n_periods),
        event_observed=table["event_observed"].astype(bool) & ~hidden,
    )
    periods, truth = late["period"].to_numpy(float), late["survival"].to_numpy(float)
    rows = []
    fitters: tuple[Callable[[pd.DataFrame], Contracts], ...] = (fit_constant, fit_sbg, fit_bdw)
    for fitter in fitters:
        fit = fitter(seen)
        gap = np.exp(fit.log_survival(periods)) - truth
        row = {"model": fit.model, "is_converged": _optimum(fit).is_converged}
        if row["is_converged"]:
            row |= {
                "bias": float(gap.mean()),
                "rmse": float(np.sqrt((gap**2).mean())),
                "last_period": int(periods[-1]),
                "predicted": float(gap[-1] + truth[-1]),
                "observed": float(truth[-1]),
                "observed_low": float(late["survival_low"].iloc[-1]),
                "observed_high": float(late["survival_high"].iloc[-1]),
                "n_at_risk": int(late["n_at_risk"].iloc[-1]),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _optimum(fit: Contracts) -> Optimum:
    if fit.optimum is None:
        raise ValueError("an interval needs a fit with its optimum; this one was given")
    return fit.optimum


def _running(running: pd.DataFrame) -> tuple[Floats, Floats]:
    n = running["n_contracts"] if "n_contracts" in running.columns else cells.counts_of(running)
    ages, counts = running["age"].to_numpy(float), np.asarray(n, dtype=float)
    if counts.sum() <= 0:
        raise ValueError("no contract runs")
    return ages, counts


def _logit(log_share: Floats) -> Floats:
    """Of a share given as its logarithm; a share that rounds to 1 stays below it."""
    found: Floats = log_share - np.log(np.maximum(-np.expm1(log_share), 1e-300))
    return found


def _expit(value: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-value))
    return found
