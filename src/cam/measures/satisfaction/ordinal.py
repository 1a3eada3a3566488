"""Which items go with a higher score, each with the others held fixed: the ordinal logit, and whether it may be read.

McCullagh's proportional odds: at every point of the outcome's scale, one point more on an item multiplies the odds of
standing above it by the same factor. :mod:`cam.measures.satisfaction.slopes` asks whether it is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.estimate import Z

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Newton's steps at most, halvings of one, and the gain in log-likelihood below which it has arrived.
_MOST_STEPS, _MOST_HALVINGS, _ARRIVED = 60, 40, 1e-10
#: Information per row about a standardised item below which its coefficient runs off to infinity.
_NO_INFORMATION = 1e-7


class NoFiniteFitError(ValueError):
    """The likelihood rises without end: the items tell the outcome without fail, or repeat each other.

    Attributes
    ----------
    items : tuple of str
        Those whose coefficients run off.
    """

    def __init__(self, items: Sequence[str]) -> None:
        self.items = tuple(items)
        super().__init__(
            f"the ordinal logit has no finite fit: {', '.join(items)} tell the outcome without fail, or repeat others"
        )


@dataclass(frozen=True, slots=True)
class OrdinalFit:
    """An ordinal logit with proportional odds.

    Attributes
    ----------
    items : tuple of str
        Names, p.
    coefficients : array, p
        Logarithms of odds ratios: per point of each item, of standing above any point of the outcome's scale.
    covariance : array, p x p
        Of the coefficients, clustered over customers.
    model_covariance : array, p x p
        As if all answers were independent; what statsmodels gives by default.
    levels : tuple of float
        Values of the outcome, rising, K.
    thresholds : array, K - 1
        Log odds of standing at a level or below it, with all items at 0.
    log_likelihood : float
        At the fit.
    n, n_clusters : int
        Answers, and the customers who gave them.
    """

    items: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    model_covariance: Floats
    levels: tuple[float, ...]
    thresholds: Floats
    log_likelihood: float
    n: int
    n_clusters: int

    @property
    def odds_ratios(self) -> pd.DataFrame:
        """One row per item: *item, coefficient, standard_error, odds_ratio, low, high* (95 %), *p_value*.

        The quantiles are Student's with one less than the number of customers.
        """
        from scipy import stats  # here, because it makes every start slower

        error = np.sqrt(np.diag(self.covariance))
        freedom = max(self.n_clusters - 1, 1)
        half = float(stats.t.ppf(0.5 + (2 * stats.norm.cdf(Z) - 1) / 2, freedom)) * error
        beta = self.coefficients
        return pd.DataFrame(
            {
                "item": self.items,
                "coefficient": beta,
                "standard_error": error,
                "odds_ratio": np.exp(beta),
                "low": np.exp(beta - half),
                "high": np.exp(beta + half),
                "p_value": 2 * stats.t.sf(np.abs(beta / error), freedom),
            }
        )


def merge_levels(scores: pd.Series, *, fewest: int) -> pd.Series:
    """Put neighbouring values of a score together until each has so many answers.

    Parameters
    ----------
    scores : Series
        Whole numbers, none missing.
    fewest : int
        Answers that a level needs.

    Returns
    -------
    Series
        The same rows; a merged level is called by the lowest of its values. One level is left where there are fewer
        answers than that in all.

    Notes
    -----
    The rarest level joins the rarer one of its neighbours, until none is rare. The coefficients keep their meaning: a
    threshold between two levels is not asked for any more, that is all.

    Examples
    --------
    >>> merge_levels(pd.Series([0] + [1] * 2 + [5] * 9 + [6] * 9), fewest=3).value_counts(sort=False).to_dict()
    {0: 3, 5: 9, 6: 9}
    """
    counts = scores.value_counts().sort_index()
    groups = [[value] for value in counts.index]
    sizes = [int(count) for count in counts]
    while len(sizes) > 1 and min(sizes) < fewest:
        at = sizes.index(min(sizes))
        beside = [place for place in (at - 1, at + 1) if 0 <= place < len(sizes)]
        into = min(beside, key=lambda place: sizes[place])
        first, second = sorted((at, into))
        groups[first : second + 1] = [groups[first] + groups[second]]
        sizes[first : second + 1] = [sizes[first] + sizes[second]]
    return scores.map({value: group[0] for group in groups for value in group}).astype(scores.dtype)


def fit_ordinal(
    table: pd.DataFrame, *, outcome: str, items: Sequence[str], cluster: str | None = None
) -> OrdinalFit:
    """Fit the ordinal logit of an outcome on items, by Newton's method.

    Parameters
    ----------
    table : DataFrame
        One row per answer, nothing missing in *outcome* and *items*.
    outcome : str
        A number on an ordered scale; only the order counts.
    items : sequence of str
        Numbers: what is explained per point.
    cluster : str, optional
        Who answered: the answers of one customer are alike. A row without one is a customer of its own. None: all rows
        are.

    Returns
    -------
    OrdinalFit

    Raises
    ------
    NoFiniteFitError
        If items tell the outcome without fail, do not vary, or repeat each other; it names them.
    ValueError
        If a value is missing, there is no item, or the outcome has one level only.

    Notes
    -----
    The log-likelihood is concave (Pratt 1981), so that Newton's method finds its one summit; statsmodels' OrderedModel
    finds the same, by a general climber, in a hundred times the time. The covariance is the sandwich over customers,
    times G / (G - 1) for G of them.

    References
    ----------
    McCullagh, P. (1980). Regression models for ordinal data. Journal of the Royal Statistical Society B 42, 109-142.
    Pratt, J. W. (1981). Concavity of the log likelihood. Journal of the American Statistical Association 76, 103-106.
    Liang, K.-Y., Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models. Biometrika 73, 13-22.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [1, 1, 2, 2, 3, 3, 1, 3], "price": [1, 2, 2, 3, 3, 4, 4, 1]})
    >>> fit = fit_ordinal(table, outcome="score", items=["price"])
    >>> fit.odds_ratios[["odds_ratio", "low", "high"]].round(2).values.tolist()
    [[1.29, 0.16, 10.19]]
    """
    names = tuple(items)
    rows = AnswerRows.of(table, outcome, names, cluster)
    climbed = rows.climb(rows.level, len(rows.values))
    covariance = climbed.covariance(rows)
    first = len(rows.values) - 1
    slopes = climbed.estimate[first:]
    return OrdinalFit(
        names,
        slopes / rows.scale,
        covariance[first:, first:] / np.outer(rows.scale, rows.scale),
        climbed.inverse[first:, first:] / np.outer(rows.scale, rows.scale),
        tuple(float(value) for value in rows.values),
        climbed.estimate[:first] + float((slopes / rows.scale * rows.mean).sum()),
        climbed.value,
        len(table),
        rows.n_clusters,
    )


@dataclass(frozen=True, slots=True)
class AnswerRows:
    """Answers as the fit wants them: equal ones together, items in standard units, customers in order."""

    x: Floats  # cells x p
    count: Floats  # cells
    level: Ints  # cells, place of the outcome among its values
    values: Floats  # of the outcome
    mean: Floats
    scale: Floats
    names: tuple[str, ...]
    cell: Ints  # rows in the order of customers -> cells
    starts: Ints  # first row of each customer

    @property
    def n_clusters(self) -> int:
        """Customers."""
        return self.starts.size

    @property
    def correction(self) -> float:
        """What few customers make of a sum over them."""
        return self.n_clusters / max(self.n_clusters - 1, 1)

    @classmethod
    def of(cls, table: pd.DataFrame, outcome: str, names: tuple[str, ...], cluster: str | None) -> AnswerRows:
        """Sort and group the rows of a table, so that their order does not matter."""
        if not names:
            raise ValueError("an ordinal logit needs at least one item")
        given = table.loc[:, [outcome, *names]]
        if given.isna().to_numpy().any():
            raise ValueError(f"missing values in {', '.join(given.columns[given.isna().any()])}")
        score = given[outcome].to_numpy(float)
        if np.unique(score).size < 2:
            raise ValueError(f"the outcome {outcome!r} has one level only")
        # Rows that look the same to the model are one cell: a survey of a million has a few thousand of them.
        code = np.zeros(len(table), dtype=np.int64)
        for name in given.columns:
            _, place = np.unique(given[name].to_numpy(float), return_inverse=True)
            _, code = np.unique(code * (int(place.max()) + 1) + place, return_inverse=True)
        _, first, count = np.unique(code, return_index=True, return_counts=True)
        x = given.loc[:, list(names)].to_numpy(float)[first]
        values, level = np.unique(score[first], return_inverse=True)
        weight = count / count.sum()
        mean = np.einsum("i,ij->j", weight, x)
        scale = np.sqrt(np.einsum("i,ij->j", weight, (x - mean) ** 2))
        still = [name for name, width in zip(names, scale, strict=True) if width < 1e-12]
        if still:
            raise NoFiniteFitError(still)
        who = np.arange(len(table))
        if cluster is not None:
            who, _ = pd.factorize(table[cluster], sort=True)
            alone = who < 0
            who[alone] = who.max() + 1 + np.argsort(np.argsort(code[alone], kind="stable"), kind="stable")
        order = np.lexsort((code, who))
        starts = np.flatnonzero(np.diff(who[order], prepend=-1))
        return cls(
            (x - mean) / scale, count.astype(float), level, values, mean, scale, names, code[order], starts
        )

    def climb(self, level: Ints, n_levels: int) -> Summit:
        """Climb by Newton's method from the shares of the levels, with no item."""
        shares = np.cumsum(np.bincount(level, self.count, n_levels))[:-1] / self.count.sum()
        at = np.concatenate([np.log(shares / (1 - shares)), np.zeros(len(self.names))])
        value = self._value(at, level)
        for _step in range(_MOST_STEPS):
            score, information = self._derivatives(at, level)
            self._refuse_flat(information)
            step = np.linalg.solve(information, score)
            # Back towards where it stands, until it stands higher and the thresholds are in order.
            for _halving in range(_MOST_HALVINGS):
                there = self._value(at + step, level)
                if there >= value - 1e-12 * abs(value):
                    break
                step /= 2
            at, gain, value = at + step, there - value, there
            if abs(gain) < _ARRIVED * max(1.0, abs(value)):
                break
        _score, information = self._derivatives(at, level)
        self._refuse_flat(information)
        inverse = np.linalg.inv(information)
        return Summit(at, (inverse + inverse.T) / 2, value, level)

    def rows_scores(self, at: Floats, level: Ints) -> Floats:
        """Return the first derivatives of each cell's log-likelihood, cells x parameters."""
        k = at.size - len(self.names)
        above, below, chance = self._chances(at, level)
        found = np.zeros((level.size, at.size))
        inside = np.arange(level.size)
        top, bottom = level < k, level > 0
        found[inside[top], level[top]] = (above * (1 - above) / chance)[top]
        found[inside[bottom], level[bottom] - 1] = -(below * (1 - below) / chance)[bottom]
        found[:, k:] = self.x * (1 - above - below)[:, None] * -1
        return found

    def _chances(self, at: Floats, level: Ints) -> tuple[Floats, Floats, Floats]:
        k = at.size - len(self.names)
        ends = np.concatenate([[-np.inf], at[:k], [np.inf]])
        pull = np.einsum("ij,j->i", self.x, at[k:])
        above, below = _logistic(ends[level + 1] - pull), _logistic(ends[level] - pull)
        return above, below, np.maximum(above - below, 1e-300)

    def _value(self, at: Floats, level: Ints) -> float:
        k = at.size - len(self.names)
        if k > 1 and (np.diff(at[:k]) <= 0).any():
            return -np.inf
        return float((self.count * np.log(self._chances(at, level)[2])).sum())

    def _derivatives(self, at: Floats, level: Ints) -> tuple[Floats, Floats]:
        """First derivatives, and the negative of the second."""
        k, p = at.size - len(self.names), len(self.names)
        above, below, chance = self._chances(at, level)
        weight, rise, fall = self.count, above * (1 - above), below * (1 - below)
        top, bottom = level < k, level > 0
        score = np.concatenate(
            [
                np.bincount(level[top], (weight * rise / chance)[top], k)
                - np.bincount(level[bottom] - 1, (weight * fall / chance)[bottom], k),
                np.einsum("i,ij->j", weight * (above + below - 1), self.x),
            ]
        )
        found = np.zeros((at.size, at.size))
        of_top = rise * (1 - 2 * above) / chance - (rise / chance) ** 2
        of_bottom = -fall * (1 - 2 * below) / chance - (fall / chance) ** 2
        diagonal = np.bincount(level[top], (weight * of_top)[top], k)
        diagonal += np.bincount(level[bottom] - 1, (weight * of_bottom)[bottom], k)
        found[np.arange(k), np.arange(k)] = diagonal
        both = top & bottom
        beside = np.bincount(level[both], (weight * rise * fall / chance**2)[both], k)[1:]
        found[np.arange(k - 1), np.arange(1, k)] = found[np.arange(1, k), np.arange(k - 1)] = beside
        found[k:, k:] = -np.einsum("i,ij,ik->jk", weight * (rise + fall), self.x, self.x)
        for place in range(p):
            pull = weight * self.x[:, place]
            cross = np.bincount(level[top], (pull * rise)[top], k)
            cross += np.bincount(level[bottom] - 1, (pull * fall)[bottom], k)
            found[:k, k + place] = found[k + place, :k] = cross
        return score, -found

    def _refuse_flat(self, information: Floats) -> None:
        """Stop where a direction among the items carries no information: the summit lies at infinity."""
        k = information.shape[0] - len(self.names)
        own, cross = information[k:, k:], information[:k, k:]
        rest = own - cross.T @ np.linalg.solve(information[:k, :k], cross)
        if not np.isfinite(rest).all():
            raise NoFiniteFitError(self.names)
        sizes, directions = np.linalg.eigh((rest + rest.T) / 2)
        if sizes[0] < _NO_INFORMATION * self.count.sum():
            runs = np.abs(directions[:, 0])
            raise NoFiniteFitError(
                [name for name, size in zip(self.names, runs, strict=True) if size > 0.3 * runs.max()]
            )


@dataclass(frozen=True, slots=True)
class Summit:
    """Where Newton's method arrived: thresholds, then slopes per standard deviation."""

    estimate: Floats
    inverse: Floats
    value: float
    level: Ints

    def influence(self, rows: AnswerRows) -> Floats:
        """Say how far each customer moves each parameter, customers x parameters."""
        scores = rows.rows_scores(self.estimate, self.level)[rows.cell]
        return np.einsum("ci,ij->cj", np.add.reduceat(scores, rows.starts, axis=0), self.inverse)

    def covariance(self, rows: AnswerRows) -> Floats:
        """Return the sandwich over customers."""
        influence = self.influence(rows)
        found: Floats = np.einsum("ci,cj->ij", influence, influence) * rows.correction
        return found


def _logistic(x: Floats) -> Floats:
    with np.errstate(over="ignore"):
        found: Floats = np.where(
            x >= 0, 1 / (1 + np.exp(-x)), np.exp(np.minimum(x, 0)) / (1 + np.exp(np.minimum(x, 0)))
        )
    return found
