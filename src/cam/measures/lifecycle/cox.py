"""Cox's model: what customers have in them that makes them leave sooner or later, all at once.

The hazard of a customer is that of everybody times exp(x @ beta). The fit costs by cells, not by customers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import Z
from cam.measures.lifecycle.concordance import concordance
from cam.measures.lifecycle.risk_sets import RiskSets, climb
from cam.measures.lifecycle.spans import Floats, refuse_missing, spans
from cam.measures.lifecycle.survival import ChiSquared, chi_squared, kaplan_meier


@dataclass(frozen=True, slots=True)
class CoxFit:
    """A Cox model.

    Attributes
    ----------
    covariates : tuple of str
        Names, p.
    coefficients : array, p
        beta: logarithms of hazard ratios, per unit of each covariate.
    covariance : array, p x p
        Of the coefficients.
    log_likelihood, log_likelihood_null : float
        Of the partial likelihood (Efron's for ties), at the coefficients and where all are 0.
    concordance : float or None
        How often the one of two customers with more risk left first; 0.5 is chance. None where there is no pair.
    n, n_events : int
        Customers, and those who left.
    strata : tuple of str
        Columns; each combination has a hazard of its own.
    means : array, p
        Of the covariates over customers.
    baseline : DataFrame
        One row per stratum and time at which anybody left: the strata, ``time``, ``n_at_risk``, ``n_events``,
        ``hazard`` and ``cumulative_hazard`` of a customer with all covariates at their means (Breslow).
    risk_means : array, rows of baseline x p
        Mean covariates of those at risk, weighted by their hazards.
    residuals : array, rows of baseline x p
        Schoenfeld's, summed over those who left then: their covariates less what was to be expected.
    left_before : array, rows of baseline
        Kaplan and Meier's share, over all strata, of those who have left by then.
    n_evaluations : int
        Of log-likelihood with both derivatives.
    """

    covariates: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    concordance: float | None
    n: int
    n_events: int
    strata: tuple[str, ...]
    means: Floats
    baseline: pd.DataFrame
    risk_means: Floats
    residuals: Floats
    left_before: Floats
    n_evaluations: int

    @property
    def standard_errors(self) -> Floats:
        """Of the coefficients, p."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def likelihood_ratio(self) -> ChiSquared:
        """Whether all covariates together tell anything."""
        gain = 2 * (self.log_likelihood - self.log_likelihood_null)
        return chi_squared(max(gain, 0.0), len(self.covariates))

    @property
    def hazard_ratios(self) -> pd.DataFrame:
        """One row per covariate: *covariate, coefficient, standard_error, hazard_ratio, low, high, p_value*.

        The ratio is that of two customers who differ by one unit of the covariate alone, with its 95 % interval
        and Wald's test.
        """
        beta, error = self.coefficients, self.standard_errors
        tests = [chi_squared(float(z), 1).p_value for z in (beta / error) ** 2]
        with np.errstate(over="ignore"):  # a coefficient that hardly anything holds may have no upper limit
            high = np.exp(beta + Z * error)
        return pd.DataFrame(
            {
                "covariate": self.covariates,
                "coefficient": beta,
                "standard_error": error,
                "hazard_ratio": np.exp(beta),
                "low": np.exp(beta - Z * error),
                "high": high,
                "p_value": tests,
            }
        )


def fit_cox(table: pd.DataFrame, *, covariates: Sequence[str], strata: Sequence[str] = ()) -> CoxFit:
    """Fit Cox's model to cells or customers.

    Parameters
    ----------
    table : DataFrame
        As for :func:`cam.measures.lifecycle.spans.spans`, with the covariates.
    covariates : sequence of str
        Columns of numbers; :func:`code_levels` makes them of categories.
    strata : sequence of str
        Columns: each combination of their values has a hazard of its own, of any shape, and no coefficient. For what
        is not proportional, as :func:`proportional_hazards` tells.

    Returns
    -------
    CoxFit

    Raises
    ------
    NoFiniteFitError
        If a covariate does not vary among customers at risk together, is told by others, or has no finite
        coefficient, as where nobody of a group has left; it names them.
    ValueError
        If the rows are no durations, a value is missing or no finite number, nobody has left, or there is no
        covariate.

    Notes
    -----
    Left truncation: a customer with an entry is compared only with those who left after it. The coefficients are
    associations among these customers: of what is not in the model, a covariate carries its share.

    References
    ----------
    Cox, D. R. (1972). Regression models and life-tables. Journal of the Royal Statistical Society B 34, 187-220.
    Efron, B. (1977). The efficiency of Cox's likelihood function for censored data. Journal of the American Statistical
    Association 72, 557-565. Therneau, T. M., Grambsch, P. M. (2000). Modeling Survival Data, sections 3.1 to 3.4.
    Springer.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 1, 2, 3], "event_observed": [True, True, False] * 2,
    ...     "n_customers": [30, 20, 50, 15, 15, 70], "member": [0, 0, 0, 1, 1, 1]})
    >>> fit = fit_cox(table, covariates=["member"])
    >>> fit.hazard_ratios[["hazard_ratio", "low", "high"]].round(3).values.tolist()
    [[0.51, 0.324, 0.803]]
    """
    names, by = tuple(covariates), tuple(strata)
    entry, duration, event, count = spans(table)
    refuse_missing(table, [*names, *by])
    if not names:
        raise ValueError("a Cox model needs at least one covariate")
    x = np.column_stack([table[name].to_numpy(float) for name in names])
    if not np.isfinite(x).all():
        endless = names[int(np.argmin(np.isfinite(x).all(axis=0)))]
        raise ValueError(f"covariate {endless!r} is not finite in every row")
    if not (event & (count > 0)).any():
        raise ValueError("nobody has left: what makes customers leave cannot be told")
    keys = table.loc[:, list(by)].reset_index(drop=True)
    stratum = keys.groupby(list(by), sort=True).ngroup().to_numpy() if by else np.zeros(len(table), np.int64)

    # In standard units every covariate is as easy to climb along, and rounding is the same for all.
    n = float(count.sum())
    means = np.einsum("i,ij->j", count, x) / n
    scale = np.sqrt(np.einsum("i,ij->j", count, (x - means) ** 2) / n)
    flat = scale <= 1e-12 * np.maximum(np.abs(means), 1e-300)
    scale[flat] = 1.0
    sets = RiskSets.of(entry, duration, event, count, stratum, np.where(flat, 0.0, (x - means) / scale))
    beta, value, information, null, n_evaluations = climb(sets, names)
    inverse = np.linalg.inv(information)
    covariance = (inverse + inverse.T) / 2 / np.outer(scale, scale)
    risk = np.einsum("ij,j->i", (x - means) / scale, beta)
    # The values of the strata beside each time at which anybody left in them.
    ends = sets.summary(beta)
    here = keys.iloc[[int(np.argmax(stratum == number)) for number in sets.strata]].reset_index(drop=True)
    places = np.searchsorted(sets.strata, sets.stratum_of_time)
    baseline = here.iloc[places].reset_index(drop=True) if by else pd.DataFrame(index=range(len(places)))
    baseline = baseline.assign(
        time=sets.times,
        n_at_risk=sets.n_at_risk.astype(np.int64),
        n_events=sets.n_events.astype(np.int64),
        hazard=ends.hazard,
        cumulative_hazard=ends.cumulative,
    )
    return CoxFit(
        names,
        beta / scale,
        covariance,
        value,
        null,
        concordance(table, score=risk, strata=stratum),
        int(n),
        int(sets.n_events.sum()),
        by,
        means,
        baseline,
        ends.risk_means * scale + means,
        ends.residuals * scale,
        _left_by(table, sets.times),
        n_evaluations,
    )


def proportional_hazards(fit: CoxFit, *, transform: str = "rank") -> pd.DataFrame:
    """Test whether each coefficient stays the same over time, as the model says.

    Parameters
    ----------
    fit : CoxFit
        The model.
    transform : str
        The clock by which it may change: ``rank`` (of those who left, equal ones sharing theirs), ``km`` (share of
        customers who have left) or ``identity`` (time itself).

    Returns
    -------
    DataFrame
        One row per covariate, and one more, ``all``, for all of them together: *covariate*, *statistic*, *df*,
        *p_value*; *early* and *late*: the hazard ratio that a straight line along the clock gives to the times by
        which a quarter and three quarters of those who leave have left (None for ``all``).

    Raises
    ------
    ValueError
        If the transform is none of the three, or all left at one time.

    Notes
    -----
    Among very many customers the test finds differences of no consequence: look at *early* and *late*. Where they
    matter, make the covariate one of the ``strata`` of :func:`fit_cox`, or fit two spans of time on their own.

    References
    ----------
    Grambsch, P. M., Therneau, T. M. (1994). Proportional hazards tests and diagnostics based on weighted residuals.
    Biometrika 81, 515-526, section 3. (With one covariance for all times, as lifelines and R's survival before 3.0 have
    it.)

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 1, 2, 3], "event_observed": [True, True, False] * 2,
    ...     "n_customers": [10, 30, 60, 30, 10, 60], "member": [0, 0, 0, 1, 1, 1]})
    >>> checked = proportional_hazards(fit_cox(table, covariates=["member"]))
    >>> bool(checked["p_value"].iloc[0] < 0.001), bool(checked["early"].iloc[0] > checked["late"].iloc[0])
    (True, True)
    """
    events = fit.baseline["n_events"].to_numpy(float)
    clock = _clock(fit, transform)
    d = float(events.sum())
    clock = clock - float((events * clock).sum()) / d
    spread = float((events * clock**2).sum())
    if spread <= 0:
        raise ValueError("all left at the same time: whether coefficients change over time cannot be told")
    moved = np.einsum("t,tj->j", clock, fit.residuals)
    slope = np.einsum("jk,k->j", fit.covariance, moved) * d / spread
    statistics = [*(slope**2 * spread / d / np.diag(fit.covariance)), float((slope * moved).sum())]
    tests = [
        chi_squared(float(one), df)
        for one, df in zip(statistics, [1] * len(slope) + [len(slope)], strict=True)
    ]
    order = np.argsort(clock, kind="stable")
    reached = np.cumsum(events[order]) / d
    early, late = (clock[order][np.searchsorted(reached, share - 1e-12)] for share in (0.25, 0.75))
    return pd.DataFrame(
        {
            "covariate": [*fit.covariates, "all"],
            "statistic": [test.statistic for test in tests],
            "df": [test.df for test in tests],
            "p_value": [test.p_value for test in tests],
            "early": pd.Series([*np.exp(fit.coefficients + slope * early), None], dtype=object),
            "late": pd.Series([*np.exp(fit.coefficients + slope * late), None], dtype=object),
        }
    )


def predict_survival(
    fit: CoxFit, profile: Mapping[str, float], *, stratum: Mapping[str, object] | None = None
) -> pd.DataFrame:
    """Return the survival of customers with given covariates, with its 95 % band.

    Parameters
    ----------
    fit : CoxFit
        The model.
    profile : mapping of str to float
        A value of each covariate; those that are left out are at their means.
    stratum : mapping of str to object, optional
        The value of each of the strata, where the model has any.

    Returns
    -------
    DataFrame
        *time, survival, low, high*: one row for time 0 and one for each time at which anybody left. The band is on
        the scale of ln(-ln S); it holds both the coefficients' error and the baseline's.

    Raises
    ------
    ValueError
        If a name is no covariate, or the stratum is not one of the model's.

    References
    ----------
    Breslow, N. (1972). Discussion of Cox's paper. Journal of the Royal Statistical Society B 34, 216-217. Therneau,
    T. M., Grambsch, P. M. (2000). Modeling Survival Data, section 10.2, formula 10.8. Springer.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3, 1, 2, 3], "event_observed": [True, True, False] * 2,
    ...     "n_customers": [30, 20, 50, 15, 15, 70], "member": [0, 0, 0, 1, 1, 1]})
    >>> fit = fit_cox(table, covariates=["member"])
    >>> predict_survival(fit, {"member": 1})["survival"].round(3).tolist()
    [1.0, 0.859, 0.734]
    """
    unknown = [name for name in profile if name not in fit.covariates]
    if unknown:
        raise ValueError(
            f"no covariate of the model: {', '.join(unknown)}; it has {', '.join(fit.covariates)}"
        )
    wanted = dict(stratum or {})
    if set(wanted) != set(fit.strata):
        raise ValueError(f"the stratum needs a value of each of: {', '.join(fit.strata) or '(none)'}")
    own = np.ones(len(fit.baseline), dtype=bool)
    for name, value in wanted.items():
        own &= (fit.baseline[name] == value).to_numpy()
    if not own.any():
        raise ValueError(f"nobody of the stratum {wanted} has left")
    x = np.array(
        [float(profile.get(name, mean)) for name, mean in zip(fit.covariates, fit.means, strict=True)]
    )
    factor = float(np.exp(((x - fit.means) * fit.coefficients).sum()))
    here = fit.baseline[own]
    steps, n_events = here["hazard"].to_numpy(float) * factor, here["n_events"].to_numpy(float)
    total = np.cumsum(steps)
    away = np.cumsum((x - fit.risk_means[own]) * steps[:, None], axis=0)
    variance = np.cumsum(steps**2 / n_events) + np.einsum("tj,jk,tk->t", away, fit.covariance, away)
    wide = np.exp(Z * np.sqrt(variance) / total)
    # A row for time 0, unless some have left there and then.
    starts = 0 if here["time"].iloc[0] == 0 else 1
    columns = {"survival": np.exp(-total), "low": np.exp(-total * wide), "high": np.exp(-total / wide)}
    grown = {name: np.append(np.ones(starts), values) for name, values in columns.items()}
    return pd.DataFrame({"time": np.append(np.zeros(starts), here["time"].to_numpy(float)), **grown})


def code_levels(table: pd.DataFrame, *, columns: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn categories into columns of 0 and 1, each against the level that most customers have.

    Parameters
    ----------
    table : DataFrame
        Cells or customers.
    columns : sequence of str
        Of categories.

    Returns
    -------
    table : DataFrame
        With a column ``<column>=<level>`` for every level but the largest, in order of the levels.
    levels : DataFrame
        What these stand for: *covariate, column, level, reference, n_customers*.

    Raises
    ------
    ValueError
        If a value is missing: a level of its own, such as "unknown", would say so.

    Examples
    --------
    >>> table = pd.DataFrame({"channel": ["shop", "web", "shop"], "n_customers": [5, 8, 5]})
    >>> coded, levels = code_levels(table, columns=["channel"])
    >>> coded["channel=web"].tolist(), levels["reference"].tolist()
    ([0.0, 1.0, 0.0], ['shop'])
    """
    refuse_missing(table, columns)
    count = table["n_customers"] if "n_customers" in table.columns else pd.Series(1, index=table.index)
    coded, rows = {}, []
    for column in columns:
        sizes = count.groupby(table[column].astype(object)).sum().sort_index()
        reference = sizes.idxmax()
        for level, size in sizes.drop(reference).items():
            coded[f"{column}={level}"] = (table[column] == level).astype(float)
            rows.append((f"{column}={level}", column, level, reference, int(size)))
    names = ["covariate", "column", "level", "reference", "n_customers"]
    return table.assign(**coded), pd.DataFrame(rows, columns=names)


def _clock(fit: CoxFit, transform: str) -> Floats:
    time = fit.baseline["time"].to_numpy(float)
    if transform == "identity":
        return time
    if transform == "km":
        return fit.left_before
    if transform != "rank":
        raise ValueError(f"transform {transform!r} is none of rank, km, identity")
    counts = fit.baseline.groupby("time")["n_events"].sum()
    ranks = counts.cumsum() - counts + (counts + 1) / 2
    return ranks.loc[time].to_numpy(float)


def _left_by(table: pd.DataFrame, times: Floats) -> Floats:
    """Return the share of customers, over all strata, who have left by each time."""
    curve = kaplan_meier(table)
    places = np.searchsorted(curve["time"].to_numpy(float), times)
    found: Floats = 1 - curve["survival"].to_numpy(float)[places]
    return found
