"""How well a model tells those who leave from those who stay; every figure with its interval.

Scores come as a table: *customer_id, churned* (0 or 1) and a probability, ``p_churn`` or another column. A customer
may stand in it several times, at several cut-offs: intervals are over customers, not over rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z
from cam.measures.churn.columns import Floats, as_numbers

_N_BOOTSTRAP = 500
#: Points at which curves are drawn: shares of stayers, of leavers and of customers.
_GRID = np.linspace(0.0, 1.0, 101)
_TENTHS = np.linspace(0.0, 1.0, 11)
#: A probability is taken no closer to 0 or 1 than this for the log loss, which else is infinite for one miss.
_EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class EvaluationFit:
    """What scores are worth.

    Attributes
    ----------
    auc : Estimate
        ``churn_auc``: the chance that one who leaves has a higher score than one who stays.
    average_precision : Estimate
        ``churn_average_precision``: area under precision against recall; without a signal it is the churn rate.
    brier, log_loss : Estimate
        ``churn_brier``, ``churn_log_loss``: mean squared error, and mean of minus log likelihood.
    lift_top_decile : Estimate
        ``churn_lift_top_decile``: churn rate of the tenth with the highest scores / churn rate of all.
    roc : DataFrame
        *false_positive_rate, true_positive_rate, low, high*; the band holds for each point, not for all at once.
    precision_recall : DataFrame
        *recall, precision, low, high*, likewise.
    deciles : DataFrame
        *decile* (1: highest scores), *n_customers, n_churned, churn_rate, lift, low, high* (of the lift), *gain* (share
        of all who leave that stand in this decile and those before it), *gain_low, gain_high*.
    n, n_churned : int
        Rows, and those that left.
    """

    auc: Estimate
    average_precision: Estimate
    brier: Estimate
    log_loss: Estimate
    lift_top_decile: Estimate
    roc: pd.DataFrame
    precision_recall: pd.DataFrame
    deciles: pd.DataFrame
    n: int
    n_churned: int

    @property
    def has_signal(self) -> bool:
        """Whether the interval of the AUC lies above 0.5; a coin does that 25 times in 1,000."""
        return bool(self.auc.low is not None and self.auc.low > 0.5)


def evaluate(table: pd.DataFrame, *, score: str = "p_churn", seed: int) -> EvaluationFit:
    """Evaluate scores against what happened.

    Parameters
    ----------
    table : DataFrame
        *customer_id, churned* and the score.
    score : str
        Column with the probability (0-1) of leaving.
    seed : int
        Of 500 resamples of customers.

    Returns
    -------
    EvaluationFit
        Customers with equal scores share their ranks: no figure depends on the order of rows. AUC as in :func:`auc`,
        Brier score and log loss with normal intervals over customers, all else with bootstrap percentiles.

    Raises
    ------
    ValueError
        If all left or all stayed, or a score is no probability.

    References
    ----------
    Brier, G. W. (1950). Verification of forecasts expressed in terms of probability. Monthly Weather Review 78, 1-3.
    Davis, J., Goadrich, M. (2006). The relationship between precision-recall and ROC curves. ICML, 233-240.
    Neslin, S. A., et al. (2006). Defection detection. Journal of Marketing Research 43, 204-211. (Top-decile lift.)

    Examples
    --------
    >>> scores = pd.DataFrame({"customer_id": range(100), "p_churn": np.linspace(0, 1, 100)})
    >>> scores["churned"] = (np.arange(100) % 7 + np.arange(100) > 60).astype(int)
    >>> fit = evaluate(scores, seed=1)
    >>> fit.has_signal, round(fit.lift_top_decile.value, 2), int(fit.deciles.n_customers.sum())
    (True, 2.38, 100)
    """
    y, p, customers = checked(table, score)
    n, n_churned = y.size, int(y.sum())
    ranked = _Ranked(y, p)
    curves = ranked.curves(np.ones(n))
    rng, draws = np.random.default_rng(seed), []
    for _ in range(_N_BOOTSTRAP):
        weights = resampled(customers, rng)
        # A resample without leavers, or without stayers, says nothing of either; with few of them it occurs.
        if 0 < (weights * y).sum() < weights.sum():
            draws.append(ranked.curves(weights))
    low, high = np.quantile(np.array(draws), [0.025, 0.975], axis=0)
    place = ranked.places
    deciles = pd.DataFrame({"decile": np.arange(1, 11), "n_customers": n / 10.0})
    lift, gain = curves[place["lift"]], curves[place["gain"]]
    deciles["n_churned"] = lift * n_churned / 10
    deciles["churn_rate"] = lift * n_churned / n
    deciles["lift"], deciles["low"], deciles["high"] = lift, low[place["lift"]], high[place["lift"]]
    deciles["gain"], deciles["gain_low"], deciles["gain_high"] = gain, low[place["gain"]], high[place["gain"]]

    def curve(name: str, across: str, along: str) -> pd.DataFrame:
        where = place[name]
        return pd.DataFrame({across: _GRID, along: curves[where], "low": low[where], "high": high[where]})

    def single(figure: str, where: int) -> Estimate:
        return Estimate(figure, float(curves[where]), "ratio", n, float(low[where]), float(high[where]))

    inside = np.clip(p, _EDGE, 1 - _EDGE)
    return EvaluationFit(
        auc(table, score=score),
        single("churn_average_precision", place["average_precision"].start),
        mean_over_customers("churn_brier", (y - p) ** 2, customers),
        mean_over_customers("churn_log_loss", -np.log(np.where(y == 1, inside, 1 - inside)), customers),
        single("churn_lift_top_decile", place["lift"].start),
        curve("roc", "false_positive_rate", "true_positive_rate"),
        curve("precision", "recall", "precision"),
        deciles,
        n,
        n_churned,
    )


def auc(table: pd.DataFrame, *, score: str = "p_churn", figure: str = "churn_auc") -> Estimate:
    """Return the area under the ROC curve with DeLong's interval, over customers, on the scale of log-odds.

    Parameters
    ----------
    table : DataFrame
        *customer_id, churned* and the score; any number, higher for those more likely to leave.
    score : str
        Its column.
    figure : str
        Name of the figure.

    Returns
    -------
    Estimate
        0-1. Where scores part the two groups wholly, DeLong's variance is 0; there the limit is Newcombe's.

    Raises
    ------
    ValueError
        If all left or all stayed.

    References
    ----------
    DeLong, E. R., DeLong, D. M., Clarke-Pearson, D. L. (1988). Comparing the areas under two or more correlated
    receiver operating characteristic curves: a nonparametric approach. Biometrics 44, 837-845.
    Obuchowski, N. A. (1997). Nonparametric analysis of clustered ROC curve data. Biometrics 53, 567-578.
    Newcombe, R. G. (2006). Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part
    2: asymptotic methods and evaluation. Statistics in Medicine 25, 559-573. (Method 5.)

    Examples
    --------
    >>> scores = pd.DataFrame({"customer_id": range(4), "churned": [0, 1, 0, 1], "p_churn": [0.1, 0.4, 0.35, 0.8]})
    >>> auc(scores).value
    1.0
    """
    y, p, customers = checked(table, score, probability=False)
    value, parts = auc_parts(y, p)
    error = _error(parts, customers)
    if 0 < value < 1 and error > 0:
        centre, half = np.log(value / (1 - value)), Z * error / (value * (1 - value))
        low, high = 1 / (1 + np.exp(-(centre - half))), 1 / (1 + np.exp(-(centre + half)))
    else:
        far = _furthest(int(y.sum()), int((1 - y).sum()))
        # Parted wholly; or, in between, all score alike.
        low, high = (far, 1.0) if value == 1 else (0.0, 1 - far) if value == 0 else (1 - far, far)
    return Estimate(figure, value, "ratio", y.size, float(low), float(high))


def auc_difference(table: pd.DataFrame, *, one: str, other: str, figure: str = "auc_difference") -> Estimate:
    """Return the AUC of one score minus that of another, of the same customers, with DeLong's paired interval.

    Parameters
    ----------
    table : DataFrame
        *customer_id, churned* and both scores.
    one, other : str
        Their columns.
    figure : str
        Name of the figure.

    Returns
    -------
    Estimate
        -1 to 1.

    Raises
    ------
    ValueError
        If all left or all stayed.

    References
    ----------
    DeLong, E. R., DeLong, D. M., Clarke-Pearson, D. L. (1988). Biometrics 44, 837-845. (Section 3.)

    Examples
    --------
    >>> scores = pd.DataFrame({"customer_id": range(4), "churned": [0, 1, 0, 1], "a": [1, 3, 2, 4], "b": [1, 2, 3, 4]})
    >>> auc_difference(scores, one="a", other="b").value
    0.25
    """
    y, first, customers = checked(table, one, probability=False)
    _, second, _ = checked(table, other, probability=False)
    (value, parts), (base, others) = auc_parts(y, first), auc_parts(y, second)
    half = Z * _error(parts - others, customers)
    gap = value - base
    return Estimate(figure, gap, "ratio", y.size, gap - half, gap + half)


def auc_parts(y: Floats, score: Floats) -> tuple[float, Floats]:
    """Return the AUC and what each row adds to its error.

    Parameters
    ----------
    y : ndarray
        Labels, 0 or 1.
    score : ndarray
        Higher for those more likely to leave.

    Returns
    -------
    float
        AUC; pairs of equal scores count half.
    ndarray
        By row; the sum of squares is DeLong's variance.

    References
    ----------
    DeLong, E. R., DeLong, D. M., Clarke-Pearson, D. L. (1988). Biometrics 44, 837-845. (Equations 4 to 7.)
    Sun, X., Xu, W. (2014). Fast implementation of DeLong's algorithm. IEEE Signal Processing Letters 21, 1389-1393.

    Examples
    --------
    >>> value, parts = auc_parts(np.array([0.0, 1, 0, 1]), np.array([1.0, 2, 3, 4]))
    >>> value, round(float((parts**2).sum()), 4)
    (0.75, 0.125)
    """
    from scipy.stats import rankdata  # here, because it makes every start slower

    left = y == 1
    m, n = int(left.sum()), int((~left).sum())
    ranks = rankdata(score)
    share = np.empty(y.size)
    # Of the other group, the share that each row stands on the right side of.
    share[left] = (ranks[left] - rankdata(score[left])) / n
    share[~left] = 1 - (ranks[~left] - rankdata(score[~left])) / m
    value = float((ranks[left].sum() - m * (m + 1) / 2) / (m * n))
    scale = np.where(left, np.sqrt(max(m - 1, 1) * m), np.sqrt(max(n - 1, 1) * n))
    return value, (share - value) / scale


def mean_over_customers(figure: str, amounts: Floats, customers: Floats) -> Estimate:
    """Return a mean over rows with its 95 % interval over customers.

    Parameters
    ----------
    figure : str
        Name of the figure.
    amounts : ndarray
        By row, none below 0.
    customers : ndarray
        Number of each row's customer.

    Returns
    -------
    Estimate
        In unit ``ratio``; ``low`` is at least 0.

    Examples
    --------
    >>> mean_over_customers("churn_brier", np.array([0.0, 0.5, 1.0]), np.arange(3)).value
    0.5
    """
    mean = float(amounts.mean())
    n = int(customers.max()) + 1
    error = float(_error((amounts - mean) / amounts.size, customers) * np.sqrt(n / max(n - 1, 1)))
    return Estimate(figure, mean, "ratio", amounts.size, max(0.0, mean - Z * error), mean + Z * error)


def checked(table: pd.DataFrame, score: str, *, probability: bool = True) -> tuple[Floats, Floats, Floats]:
    """Return labels, scores and the number of each row's customer.

    Parameters
    ----------
    table : DataFrame
        *customer_id, churned* and the score.
    score : str
        Its column.
    probability : bool
        Whether scores must lie within 0 and 1.

    Returns
    -------
    tuple of ndarray

    Raises
    ------
    ValueError
        If all left or all stayed, or a score is missing or no probability.

    Examples
    --------
    >>> checked(pd.DataFrame({"customer_id": [1], "churned": [1], "p_churn": [0.5]}), "p_churn")
    Traceback (most recent call last):
    ValueError: all 1 rows have churned = 1: nothing to tell apart
    """
    y, p = as_numbers(table["churned"]), as_numbers(table[score])
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("churned must be 0 or 1 in every row")
    if not 0 < y.sum() < y.size:
        label = "1" if y.size and y[0] == 1 else "0"
        raise ValueError(f"all {y.size:,} rows have churned = {label}: nothing to tell apart")
    if not np.isfinite(p).all() or (probability and ((p < 0) | (p > 1)).any()):
        raise ValueError(
            f"{score} must be {'a probability, 0 to 1,' if probability else 'a number'} in every row"
        )
    return y, p, pd.factorize(table["customer_id"])[0]


def resampled(customers: Floats, rng: np.random.Generator) -> Floats:
    """Draw as many customers as there are, with replacement; how often each row's customer was drawn.

    Parameters
    ----------
    customers : ndarray
        Number of each row's customer.
    rng : Generator
        Advances by one draw.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> float(resampled(np.arange(5), np.random.default_rng(1)).sum())
    5.0
    """
    n = int(customers.max()) + 1
    return np.bincount(rng.integers(0, n, n), minlength=n)[customers].astype(float)


def _error(parts: Floats, customers: Floats) -> float:
    """Standard error of a sum of parts: those of one customer are added before they are squared."""
    return float(np.sqrt((np.bincount(customers, parts) ** 2).sum()))


def _furthest(m: int, n: int) -> float:
    """The lowest AUC with which wholly parted groups of m and n still agree: Newcombe's method 5, by bisection."""
    low, high = 0.5, 1.0
    for _ in range(60):
        a = (low + high) / 2
        more = (m + n) / 2 - 1
        variance = a * (1 - a) / (m * n) * (1 + more * (1 - a) / (2 - a) + more * a / (1 + a))
        low, high = (a, high) if (1 - a) ** 2 > Z**2 * variance else (low, a)
    return low


class _Ranked:
    """Rows by falling score, equal scores as one step; all curves of any weights by one pass over the steps."""

    def __init__(self, y: Floats, p: Floats) -> None:
        self._order = np.argsort(-p, kind="stable")
        self._y = y[self._order]
        sorted_p = p[self._order]
        self._starts = np.concatenate([[0], np.flatnonzero(np.diff(sorted_p)) + 1])
        size = _GRID.size
        self.places = {
            "average_precision": slice(0, 1),
            "lift": slice(1, 11),
            "gain": slice(11, 21),
            "roc": slice(21, 21 + size),
            "precision": slice(21 + size, 21 + 2 * size),
        }

    def curves(self, weights: Floats) -> Floats:
        """Average precision, lift and gain by decile, ROC and precision on the grid, one after the other."""
        w = weights[self._order]
        left = np.concatenate([[0.0], np.cumsum(np.add.reduceat(w * self._y, self._starts))])
        both = np.concatenate([[0.0], np.cumsum(np.add.reduceat(w, self._starts))])
        stayed = both - left
        recall, listed = left / left[-1], both / both[-1]
        # Before the first customer precision is that of the first step.
        precision = np.divide(left, both, out=np.zeros(left.size), where=both > 0)
        first = int(np.argmax(both > 0))
        precision[:first] = precision[first]
        average = float((np.diff(recall) * precision[1:]).sum())
        gain = np.interp(_TENTHS, listed, recall)
        # Steps that catch somebody; between two of them leavers and stayers come in their proportion, and precision
        # follows from both (Davis and Goadrich).
        steps = np.concatenate([[0], np.flatnonzero(np.diff(left) > 0) + 1])
        caught, missed = (
            np.interp(_GRID, recall[steps], left[steps]),
            np.interp(_GRID, recall[steps], stayed[steps]),
        )
        total = caught + missed
        along = np.divide(caught, total, out=np.full(_GRID.size, precision[0]), where=total > 0)
        roc = np.interp(_GRID, stayed / stayed[-1], recall)
        return np.concatenate([[average], 10 * np.diff(gain), gain[1:], roc, along])
