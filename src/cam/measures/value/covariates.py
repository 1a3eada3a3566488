"""What goes with buying more often and with leaving sooner: the effects of covariates, and whether they are real."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cam.estimate import Z
from cam.measures.value.bg_nbd import BgNbdFit
from cam.measures.value.newton import Floats
from cam.measures.value.pareto_nbd import ParetoNbdFit

#: Levels of an attribute by size; smaller ones stand together.
MOST_LEVELS = 8
#: Customers that a level needs to stand alone.
FEWEST = 30


def encode(table: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Turn attributes into numbers: levels against the most frequent one, amounts in standard deviations.

    Parameters
    ----------
    table : DataFrame
        Cells with the attributes and ``n_customers``.
    names : list of str
        Columns; text (a missing value is a level) or numbers (a missing one is given the mean).

    Returns
    -------
    tuple
        The table with one numeric column per level or amount, and what each of these columns stands for, such as
        ``{"channel=search": "affiliate"}``: the level that it is compared with, or empty for an amount.

    Examples
    --------
    >>> table = pd.DataFrame({"channel": ["a", "b"], "n_customers": [50, 40]})
    >>> encoded, against = encode(table, ["channel"])
    >>> encoded["channel=b"].tolist(), against
    ([0.0, 1.0], {'channel=b': 'a'})
    """
    w = table["n_customers"].to_numpy(float)
    columns: dict[str, Floats] = {}
    against: dict[str, str] = {}
    for name in names:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and column.nunique() > MOST_LEVELS:
            values = column.to_numpy(float)
            known = np.isfinite(values)
            mean = float(np.average(values[known], weights=w[known]))
            spread = float(np.average((values[known] - mean) ** 2, weights=w[known])) ** 0.5
            columns[name] = np.where(known, (values - mean) / (spread or 1.0), 0.0)
            against[name] = ""
            continue
        text = column.astype("string").fillna("–")
        sizes = pd.Series(w).groupby(text.to_numpy()).sum().sort_values(ascending=False, kind="stable")
        kept = [str(level) for level in sizes.index[:MOST_LEVELS] if sizes[level] >= FEWEST]
        base, *others = kept or [str(sizes.index[0])]
        for level in others:
            columns[f"{name}={level}"] = (text == level).to_numpy(float)
            against[f"{name}={level}"] = base
        rest = ~text.isin([base, *others]).to_numpy(bool)
        if w[rest].sum() >= FEWEST:
            columns[f"{name}=…"] = rest.astype(float)
            against[f"{name}=…"] = base
    return table.assign(**columns), against


def effects(fit: BgNbdFit | ParetoNbdFit) -> pd.DataFrame:
    """Return by what factor each covariate goes with buying more often, and with leaving sooner.

    Parameters
    ----------
    fit : BgNbdFit or ParetoNbdFit
        Fitted with covariates.

    Returns
    -------
    DataFrame
        One row per covariate: *covariate*; *buying*, the factor on the rate of buying, with *buying_low* and
        *buying_high*; *leaving*, the factor on the hazard of leaving (Pareto/NBD) or on the odds of dropping out after
        a purchase (BG/NBD), with its limits. 95 % Wald intervals on the logarithm.

    Raises
    ------
    ValueError
        If the fit has no covariates, or no peak.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. (2007). Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD
    models, sections 2 and 3.

    Examples
    --------
    >>> effects(ParetoNbdFit(1.0, 1.0, 1.0, 1.0))
    Traceback (most recent call last):
        ...
    ValueError: there are no effects: the model was fitted without covariates
    """
    if not fit.covariates or fit.optimum is None:
        raise ValueError("there are no effects: the model was fitted without covariates")
    covariance, names = fit.optimum.covariance, list(fit.optimum.names)
    # Alpha divides the rate of buying; beta divides the hazard; a over b is the odds.
    leaving = {"beta": -1.0} if isinstance(fit, ParetoNbdFit) else {"a": 1.0, "b": -1.0}
    rows = []
    for covariate in fit.covariates:
        row: dict[str, object] = {"covariate": covariate}
        for called, signs in (("buying", {"alpha": -1.0}), ("leaving", leaving)):
            along = np.zeros(len(names))
            for parameter, sign in signs.items():
                along[names.index(f"{parameter}:{covariate}")] = sign
            value = float(np.einsum("i,i->", along, fit.optimum.theta))
            error = float(np.einsum("i,ij,j->", along, covariance, along)) ** 0.5
            row |= {
                called: np.exp(value),
                f"{called}_low": np.exp(value - Z * error),
                f"{called}_high": np.exp(value + Z * error),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def likelihood_ratio(small: BgNbdFit | ParetoNbdFit, large: BgNbdFit | ParetoNbdFit) -> Mapping[str, float]:
    """Test whether covariates tell anything: twice the gain in log-likelihood against chi-squared.

    Parameters
    ----------
    small, large : fits
        Without and with covariates, of the same customers.

    Returns
    -------
    mapping
        ``gain`` (twice the log-likelihood), ``degrees`` and ``p``.

    Raises
    ------
    ValueError
        If one of them was not fitted.

    References
    ----------
    Wilks, S. S. (1938). The large-sample distribution of the likelihood ratio for testing composite hypotheses.
    Annals of Mathematical Statistics 9, 60-62.

    Examples
    --------
    >>> likelihood_ratio(ParetoNbdFit(1, 1, 1, 1), ParetoNbdFit(1, 1, 1, 1))
    Traceback (most recent call last):
        ...
    ValueError: both models must have been fitted
    """
    from scipy.special import chdtrc  # here, because it makes every start slower

    if small.optimum is None or large.optimum is None:
        raise ValueError("both models must have been fitted")
    gain = 2 * (large.optimum.log_likelihood - small.optimum.log_likelihood)
    degrees = large.optimum.theta.size - small.optimum.theta.size
    return {"gain": gain, "degrees": float(degrees), "p": float(chdtrc(degrees, max(gain, 0.0)))}
