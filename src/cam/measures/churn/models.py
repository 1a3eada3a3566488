"""Two models of churn beside the naive ones: a logistic regression that can be read, and gradient boosting.

Each takes a table of features (:mod:`cam.measures.churn.columns`) and gives ``probability(table)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cam.measures.churn.columns import ColumnsFit, Floats, as_numbers, fit_columns
from cam.measures.churn.folds import folds, in_order, labels_of

#: Ridge penalties that the logistic regression chooses from: on the sum over rows, features in standard deviations.
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
#: Probabilities stay this far from 0 and 1, so that a log-odds is finite.
EDGE = 1e-6
_CHOOSING_FOLDS, _N_BOOTSTRAP, _MOST_TREES = 3, 200, 300
#: Trees are grown in steps, until one brings nothing.
_TREES_AT_ONCE = 50
#: Numbers in a design beyond which a resample is one step from the fit; fewer rows need refits, and these are quick.
_MOST_REFITTED = 500_000


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """A logistic regression: log-odds of leaving = intercept + sum of coefficients x standardised columns.

    Attributes
    ----------
    columns : ColumnsFit
        How features become columns.
    intercept : float
        Log-odds of a customer with all columns at their mean.
    coefficients : ndarray
        By column of ``columns.names``: change of the log-odds per standard deviation.
    penalty : float
        Of the ridge, chosen by cross-validation; it draws coefficients towards 0.
    n, n_churned : int
        Rows, and those that left.
    """

    columns: ColumnsFit
    intercept: float
    coefficients: Floats
    penalty: float
    n: int
    n_churned: int

    @property
    def owners(self) -> Floats:
        """The feature of each column of the inputs."""
        return self.columns.names["feature"].to_numpy()

    def inputs(self, table: pd.DataFrame) -> Floats:
        """Return what the model sees of each row."""
        return self.columns.design(table)

    def log_odds_of(self, inputs: Floats) -> Floats:
        """Return the log-odds of leaving that go with each row of inputs."""
        return self.intercept + np.einsum("ij,j->i", inputs, self.coefficients)

    def log_odds(self, table: pd.DataFrame) -> Floats:
        """Return each row's log-odds of leaving."""
        return self.log_odds_of(self.inputs(table))

    def probability(self, table: pd.DataFrame) -> Floats:
        """Return each row's probability (0-1) of leaving."""
        return expit(self.log_odds(table))


@dataclass(frozen=True, slots=True)
class BoostingFit:
    """Gradient boosting on trees.

    Attributes
    ----------
    columns : ColumnsFit
        How features become numbers and codes.
    model : HistGradientBoostingClassifier
        Of scikit-learn.
    n_trees : int
        Chosen by cross-validation.
    n, n_churned : int
        Rows, and those that left.
    """

    columns: ColumnsFit
    model: Any
    n_trees: int
    n: int
    n_churned: int

    @property
    def owners(self) -> Floats:
        """The feature of each column of the inputs."""
        return np.array(self.columns.features)

    def inputs(self, table: pd.DataFrame) -> Floats:
        """Return what the model sees of each row."""
        return self.columns.codes(table)

    def log_odds_of(self, inputs: Floats) -> Floats:
        """Return the log-odds of leaving that go with each row of inputs."""
        with one_thread():
            return self.model.decision_function(inputs)

    def log_odds(self, table: pd.DataFrame) -> Floats:
        """Return each row's log-odds of leaving."""
        return self.log_odds_of(self.inputs(table))

    def probability(self, table: pd.DataFrame) -> Floats:
        """Return each row's probability (0-1) of leaving."""
        return expit(self.log_odds(table))


@dataclass(frozen=True, slots=True)
class BaselineFit:
    """What one column alone says: the churn rate that rises, or falls, with it and never turns.

    Attributes
    ----------
    column : str
        Such as ``days_since_last`` or ``p_alive``.
    values, rates : ndarray
        Where the rate (0-1) changes, and what it is; straight lines between.
    of_blanks : float
        Rate of the rows without a value; of all, where there are none.
    """

    column: str
    values: Floats
    rates: Floats
    of_blanks: float

    def probability(self, table: pd.DataFrame) -> Floats:
        """Return each row's probability (0-1) of leaving."""
        numbers = as_numbers(table[self.column])
        return np.where(np.isnan(numbers), self.of_blanks, np.interp(numbers, self.values, self.rates))


def one_thread() -> Any:
    """Hold scikit-learn to one thread while the context lasts: sums then have one order, and a report one text.

    Returns
    -------
    context manager

    Examples
    --------
    >>> with one_thread():
    ...     pass
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(limits=1)


def expit(log_odds: Floats) -> Floats:
    """Turn log-odds into probabilities.

    Parameters
    ----------
    log_odds : ndarray
        Of any shape.

    Returns
    -------
    ndarray
        0-1.

    Examples
    --------
    >>> expit(np.array([0.0])).tolist()
    [0.5]
    """
    from scipy.special import expit as scipy_expit

    return scipy_expit(log_odds)


def fit_logistic(table: pd.DataFrame, *, seed: int, penalty: float | None = None) -> LogisticFit:
    """Fit the logistic regression, its penalty chosen by cross-validation with all rows of a customer in one fold.

    Parameters
    ----------
    table : DataFrame
        Training rows.
    seed : int
        Of the folds.
    penalty : float, optional
        By default chosen among :data:`PENALTIES`.

    Returns
    -------
    LogisticFit

    Raises
    ------
    ValueError
        If fewer than :data:`cam.measures.churn.folds.MIN_CLASS` left or stayed, or as :func:`fit_columns`.

    References
    ----------
    Hoerl, A. E., Kennard, R. W. (1970). Ridge regression. Technometrics 12, 55-67.
    le Cessie, S., van Houwelingen, J. C. (1992). Ridge estimators in logistic regression. Applied Statistics 41,
    191-201. (Sections 2 and 3.)

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": range(200), "days": np.arange(200.0) % 50})
    >>> people["churned"] = ((people.days + np.arange(200) % 37) > 45).astype(int)
    >>> bool(fit_logistic(people, seed=1).coefficients[0] > 0)
    True
    """
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    def fitted(x: Floats, y: Floats, penalty: float, *, tol: float = 1e-8) -> tuple[float, Floats]:
        model = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=tol, max_iter=200).fit(x, y)
        return float(model.intercept_[0]), model.coef_[0]

    rows = in_order(table)
    y = labels_of(rows)
    columns = fit_columns(rows)
    x = columns.design(rows)
    with one_thread():
        if penalty is None:
            fold, losses = folds(rows, n_folds=_CHOOSING_FOLDS, seed=seed), np.zeros(len(PENALTIES))
            for one in range(_CHOOSING_FOLDS):
                inside, outside = fold != one, fold == one
                for place, tried in enumerate(PENALTIES):
                    intercept, coefficients = fitted(x[inside], y[inside], tried, tol=1e-4)
                    score = intercept + np.einsum("ij,j->i", x[outside], coefficients)
                    losses[place] += float((np.logaddexp(0, score) - y[outside] * score).sum())
            penalty = PENALTIES[int(losses.argmin())]
        intercept, coefficients = fitted(x, y, penalty)
    return LogisticFit(columns, intercept, coefficients, penalty, len(rows), int(y.sum()))


def odds_ratios(fit: LogisticFit, table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """List what each column does to the odds of leaving, with 95 % bootstrap intervals over customers.

    Parameters
    ----------
    fit : LogisticFit
        The model.
    table : DataFrame
        The rows that it was fitted on.
    seed : int
        Of the 200 resamples of customers; the penalty stays as it is, so it draws the intervals to 1 too. Where the
        design holds more than half a million numbers, each is one Newton step from the fit.

    Returns
    -------
    DataFrame
        *feature, part, level, sd, odds_ratio, low, high* (per standard deviation ``sd`` of the column), the strongest
        first. The odds ratio of having a yes, a level or a blank is ``odds_ratio ** (1 / sd)``.

    References
    ----------
    Efron, B., Tibshirani, R. J. (1993). An Introduction to the Bootstrap. Chapman & Hall. (Section 13.3, percentiles.)

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": range(200), "days": np.arange(200.0) % 50})
    >>> people["churned"] = ((people.days + np.arange(200) % 37) > 45).astype(int)
    >>> table = odds_ratios(fit_logistic(people, seed=1), people, seed=1)
    >>> bool(1 < table.low[0] < table.odds_ratio[0] < table.high[0])
    True
    """
    rows = in_order(table)
    x = np.column_stack([np.ones(len(rows)), fit.columns.design(rows)])
    start = np.concatenate([[fit.intercept], fit.coefficients])
    draws = np.empty((_N_BOOTSTRAP, start.size))
    customers = pd.factorize(rows["customer_id"])[0]
    rng, y, n = np.random.default_rng(seed), labels_of(rows), int(customers.max()) + 1
    with one_thread():
        step = _steps(x, y, customers, start, fit.penalty) if x.size > _MOST_REFITTED else None
        for place in range(_N_BOOTSTRAP):
            drawn = np.bincount(rng.integers(0, n, n), minlength=n)
            if step is None:
                draws[place] = _refitted(x, y, drawn[customers].astype(float), start, fit.penalty)
            else:
                draws[place] = start + np.einsum("i,ij->j", drawn - 1.0, step)
    low, high = np.quantile(draws[:, 1:], [0.025, 0.975], axis=0)
    found = fit.columns.names.assign(
        sd=fit.columns.sds, odds_ratio=np.exp(fit.coefficients), low=np.exp(low), high=np.exp(high)
    )
    return found.iloc[np.argsort(-np.abs(fit.coefficients), kind="stable")].reset_index(drop=True)


def _steps(x: Floats, y: Floats, customers: Floats, start: Floats, penalty: float) -> Floats:
    """How far one more copy of each customer moves the fit, to first order; customers x columns."""
    p, ridge = expit(np.einsum("ij,j->i", x, start)), np.full(start.size, penalty)
    ridge[0] = 0.0
    bend = (x * (p * (1 - p))[:, None]).T @ x + np.diag(ridge)  # one thread: one order of adding
    pulls = np.column_stack([np.bincount(customers, (y - p) * column) for column in x.T])
    return np.einsum("ij,jk->ik", pulls, np.linalg.inv(bend + 1e-9 * np.eye(start.size)))


def _refitted(x: Floats, y: Floats, weights: Floats, start: Floats, penalty: float) -> Floats:
    """Take Newton's steps for other weights, until one is small beside the standard errors: mostly one or two."""
    theta, ridge = start.copy(), np.full(start.size, penalty)
    ridge[0] = 0.0
    for _ in range(10):
        p = expit(np.einsum("ij,j->i", x, theta))
        slope = np.einsum("i,ij->j", weights * (y - p), x) - ridge * theta
        bend = (x * (weights * p * (1 - p))[:, None]).T @ x + np.diag(
            ridge
        )  # one thread: one order of adding
        inverse = np.linalg.inv(bend + 1e-9 * np.eye(start.size))
        step = np.einsum("ij,j->i", inverse, slope)
        theta = theta + step
        if (np.abs(step) <= 0.05 * np.sqrt(np.diag(inverse))).all():
            break
    return theta


def fit_boosting(table: pd.DataFrame, *, seed: int, n_trees: int | None = None) -> BoostingFit:
    """Fit gradient boosting; blanks and names go in as they are.

    Parameters
    ----------
    table : DataFrame
        Training rows.
    seed : int
        Of the folds, and of the features that each split may choose from.
    n_trees : int, optional
        By default chosen by cross-validation, with all rows of a customer in one fold.

    Returns
    -------
    BoostingFit

    Raises
    ------
    ValueError
        As :func:`fit_logistic`.

    References
    ----------
    Friedman, J. H. (2001). Greedy function approximation: a gradient boosting machine. Annals of Statistics 29,
    1189-1232.
    Ke, G., et al. (2017). LightGBM: a highly efficient gradient boosting decision tree. Advances in Neural
    Information Processing Systems 30, 3146-3154.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": range(200), "days": np.arange(200.0) % 50})
    >>> people["churned"] = ((people.days + np.arange(200) % 37) > 45).astype(int)
    >>> fit = fit_boosting(people, seed=1, n_trees=30)
    >>> bool(fit.probability(people)[0] < 0.2 < 0.8 < fit.probability(people)[49])
    True
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # type: ignore[import-untyped]

    rows = in_order(table)
    y = labels_of(rows)
    columns = fit_columns(rows)
    x = columns.codes(rows)
    named = np.arange(x.shape[1]) >= len(columns.numeric)

    def grower(trees: int) -> Any:
        return HistGradientBoostingClassifier(
            learning_rate=0.08,
            max_iter=trees,
            max_leaf_nodes=12,
            min_samples_leaf=20,
            l2_regularization=1.0,
            max_features=0.4,  # trees that differ, so that their sum errs less
            early_stopping=False,
            categorical_features=named,
            random_state=seed,
            warm_start=True,
        )

    with one_thread():
        if n_trees is None:
            n_trees = 1
            fold = folds(rows, n_folds=_CHOOSING_FOLDS, seed=seed)
            growing = [grower(0) for _ in range(_CHOOSING_FOLDS)]
            for size in range(_TREES_AT_ONCE, _MOST_TREES + 1, _TREES_AT_ONCE):
                losses = np.zeros(size)
                for one, model in enumerate(growing):
                    outside = fold == one
                    model.set_params(max_iter=size).fit(x[~outside], y[~outside])
                    for trees, score in enumerate(model.staged_predict_proba(x[outside])):
                        p = np.clip(score[:, 1], EDGE, 1 - EDGE)
                        losses[trees] -= np.log(np.where(y[outside] == 1, p, 1 - p)).sum()
                n_trees = int(losses.argmin()) + 1
                if n_trees <= size - _TREES_AT_ONCE:  # the latest trees brought nothing
                    break
        model = grower(n_trees).fit(x, y)
    return BoostingFit(columns, model, n_trees, len(rows), int(y.sum()))


def fit_baseline(table: pd.DataFrame, *, column: str = "days_since_last") -> BaselineFit:
    """Fit the naive model: one column and nothing else.

    Parameters
    ----------
    table : DataFrame
        Training rows with the column, a number.
    column : str
        Days since the last purchase, P(alive), or another.

    Returns
    -------
    BaselineFit

    Raises
    ------
    ValueError
        If fewer than :data:`cam.measures.churn.folds.MIN_CLASS` left or stayed, or if the column holds no number.

    References
    ----------
    Barlow, R. E., et al. (1972). Statistical Inference under Order Restrictions. Wiley. (Isotonic regression.)

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": range(80), "days": [1.0] * 40 + [9.0] * 40})
    >>> people["churned"] = [0, 0, 0, 1] * 10 + [1, 1, 1, 0] * 10
    >>> fit_baseline(people, column="days").probability(people)[[0, 79]].tolist()
    [0.25, 0.75]
    """
    from scipy.stats import rankdata
    from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]

    y, numbers = labels_of(table), as_numbers(table[column])
    known = ~np.isnan(numbers)
    if not known.any():
        raise ValueError(f"column {column!r} holds no number")
    ranks = rankdata(numbers[known])
    rising = bool(((ranks - ranks.mean()) * y[known]).sum() >= 0)
    model = IsotonicRegression(increasing=rising, y_min=0.0, y_max=1.0).fit(numbers[known], y[known])
    blanks = y[~known] if (~known).any() else y
    return BaselineFit(column, model.X_thresholds_, model.y_thresholds_, float(blanks.mean()))
