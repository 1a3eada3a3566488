"""Whether a probability of 20 % means one in five; and how to make it so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z, wilson_interval
from cam.measures.churn.columns import Floats
from cam.measures.churn.evaluation import checked
from cam.measures.churn.models import EDGE, expit

#: With fewer of each kind a free curve follows chance, and a line in the log-odds is safer (Niculescu-Mizil, Caruana).
MIN_FOR_ISOTONIC = 1000


def calibration_curve(table: pd.DataFrame, *, score: str = "p_churn", n_bins: int = 10) -> pd.DataFrame:
    """Set what was predicted beside what happened, in bins of about as many customers.

    Parameters
    ----------
    table : DataFrame
        *customer_id, churned* and the score.
    score : str
        Column with the probability (0-1) of leaving.
    n_bins : int
        At most so many; equal scores stay together.

    Returns
    -------
    DataFrame
        By rising score: *bin, n_customers, n_churned, predicted* (mean score), *observed* (share that left), *low,
        high* (Wilson; as if rows were customers of their own).

    Raises
    ------
    ValueError
        If all left or all stayed, or a score is no probability.

    References
    ----------
    Wilson, E. B. (1927). Journal of the American Statistical Association 22, 209-212.
    Van Calster, B., et al. (2019). Calibration: the Achilles heel of predictive analytics. BMC Medicine 17, 230.

    Examples
    --------
    >>> scores = pd.DataFrame({"customer_id": range(8), "p_churn": [0.25] * 4 + [0.5] * 4, "churned": [0, 1] * 4})
    >>> calibration_curve(scores)[["n_customers", "predicted", "observed"]].values.tolist()
    [[4.0, 0.25, 0.5], [4.0, 0.5, 0.5]]
    """
    y, p, _ = checked(table, score)
    # The middle of its rank puts a block of equal scores into one bin.
    place = pd.Series(p).rank(method="average").to_numpy() - 0.5
    code = np.minimum((place * n_bins / p.size).astype(int), n_bins - 1)
    # In one order of adding, whatever the order of rows.
    frame = pd.DataFrame({"code": code, "p": p, "y": y}).sort_values(["p", "y"])
    found = frame.groupby("code").agg(
        n_customers=("y", "size"), n_churned=("y", "sum"), predicted=("p", "mean"), observed=("y", "mean")
    )
    limits = [
        wilson_interval(left, n) for left, n in zip(found["n_churned"], found["n_customers"], strict=True)
    ]
    found = found.assign(low=[low for low, _ in limits], high=[high for _, high in limits]).reset_index(
        drop=True
    )
    found["n_churned"] = found["n_churned"].astype(int)
    return found.rename_axis("bin").reset_index().assign(bin=lambda frame: frame["bin"] + 1)


@dataclass(frozen=True, slots=True)
class CalibrationFit:
    """The line from predicted to true log-odds, and how far off the mean is.

    Attributes
    ----------
    slope : Estimate
        ``calibration_slope``: 1 if probabilities spread as they should; below 1 they are too extreme.
    intercept : Estimate
        ``calibration_intercept``: of that line; 0 if right, where the slope is 1.
    in_the_large : Estimate
        ``calibration_in_the_large``: log-odds to add to all so that as many leave as predicted, the slope held at 1;
        above 0 more left than predicted.
    """

    slope: Estimate
    intercept: Estimate
    in_the_large: Estimate

    @property
    def is_calibrated(self) -> bool:
        """Whether the data agree with slope 1 and with as many leavers as predicted."""
        inside = ((self.slope, 1.0), (self.in_the_large, 0.0))
        return all(
            one.low is not None and one.high is not None and one.low <= x <= one.high for one, x in inside
        )


def fit_calibration(table: pd.DataFrame, *, score: str = "p_churn") -> CalibrationFit:
    """Fit the logistic line through predicted log-odds.

    Parameters
    ----------
    table : DataFrame
        *customer_id, churned* and the score; not of the rows that the model was fitted on.
    score : str
        Column with the probability (0-1) of leaving.

    Returns
    -------
    CalibrationFit
        With intervals by the sandwich over customers.

    Raises
    ------
    ValueError
        If all left or all stayed, a score is no probability, or the scores part leavers and stayers wholly.

    References
    ----------
    Cox, D. R. (1958). Two further applications of a model for binary regression. Biometrika 45, 562-565.
    Liang, K.-Y., Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models. Biometrika 73,
    13-22. (Equation 8, the sandwich.)

    Examples
    --------
    >>> scores = pd.DataFrame({"customer_id": range(20), "p_churn": [0.1] * 10 + [0.6] * 10})
    >>> scores["churned"] = [1] + [0] * 9 + [1] * 6 + [0] * 4
    >>> fit = fit_calibration(scores)
    >>> round(fit.slope.value, 6), round(abs(fit.intercept.value), 6), fit.is_calibrated
    (1.0, 0.0, True)
    """
    y, p, customers = checked(table, score)
    z = _log_odds(p)
    (intercept, slope), errors = _line(y, z, customers, free=True)
    (shift, _), shift_errors = _line(y, z, customers, free=False)

    def with_limits(figure: str, value: float, error: float) -> Estimate:
        half = Z * float(error)
        return Estimate(figure, value, "ratio", y.size, value - half, value + half)

    return CalibrationFit(
        with_limits("calibration_slope", slope, errors[1]),
        with_limits("calibration_intercept", intercept, errors[0]),
        with_limits("calibration_in_the_large", shift, shift_errors[0]),
    )


@dataclass(frozen=True, slots=True)
class RecalibrationFit:
    """From a score to a probability that holds.

    Attributes
    ----------
    method : str
        ``platt``: a line in the log-odds; ``isotonic``: any curve that never falls.
    slope, intercept : float
        Of the line; 1 and 0 for ``isotonic``.
    values, rates : ndarray
        Corners of the curve; empty for ``platt``.
    """

    method: str
    slope: float
    intercept: float
    values: Floats
    rates: Floats

    def probability(self, scores: Floats) -> Floats:
        """Return the probability (0-1) that belongs to each score."""
        if self.method == "platt":
            return expit(self.intercept + self.slope * _log_odds(scores))
        return np.interp(scores, self.values, self.rates)


def fit_recalibration(
    table: pd.DataFrame, *, score: str = "p_churn", method: str | None = None
) -> RecalibrationFit:
    """Learn from predictions of customers that a model had not seen how its scores become probabilities.

    Parameters
    ----------
    table : DataFrame
        *customer_id, churned* and the score, out of fold (:func:`cam.measures.churn.folds.cross_validated`).
    score : str
        Column with the probability (0-1) of leaving.
    method : str, optional
        ``platt`` or ``isotonic``; by default the latter where at least 1,000 left and as many stayed.

    Returns
    -------
    RecalibrationFit
        Its probabilities are never 0 or 1. Ranks stay, but ``isotonic`` makes some equal.

    Raises
    ------
    ValueError
        As :func:`fit_calibration`; or if higher scores do not mean more leavers, or the method is unknown.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large Margin Classifiers, 61-74.
    Zadrozny, B., Elkan, C. (2002). Transforming classifier scores into accurate multiclass probability estimates.
    KDD, 694-699. (Isotonic.)
    Niculescu-Mizil, A., Caruana, R. (2005). Predicting good probabilities with supervised learning. ICML, 625-632.

    Examples
    --------
    >>> scores = pd.DataFrame({"customer_id": range(20), "p_churn": [0.01] * 10 + [0.9] * 10})
    >>> scores["churned"] = [1] + [0] * 9 + [1] * 6 + [0] * 4
    >>> fit_recalibration(scores).probability(np.array([0.01, 0.9])).round(6).tolist()
    [0.1, 0.6]
    """
    y, p, customers = checked(table, score)
    if method is None:
        method = "isotonic" if min(y.sum(), y.size - y.sum()) >= MIN_FOR_ISOTONIC else "platt"
    (intercept, slope), _ = _line(y, _log_odds(p), customers, free=True)
    if slope <= 0:
        raise ValueError(f"{score}: higher scores do not mean more leavers; there is nothing to recalibrate")
    if method == "platt":
        return RecalibrationFit("platt", slope, intercept, np.empty(0), np.empty(0))
    if method != "isotonic":
        raise ValueError(f"method {method!r} is unknown; give 'platt' or 'isotonic'")
    from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]

    order = np.lexsort((y, p))
    # No block is so pure that the next customer could not be the other way: half a customer either side.
    edge = 0.5 / y.size
    model = IsotonicRegression(y_min=edge, y_max=1 - edge).fit(p[order], y[order])
    return RecalibrationFit("isotonic", 1.0, 0.0, model.X_thresholds_, model.y_thresholds_)


def _log_odds(p: Floats) -> Floats:
    inside = np.clip(p, EDGE, 1 - EDGE)
    return np.log(inside / (1 - inside))


def _line(y: Floats, z: Floats, customers: Floats, *, free: bool) -> tuple[tuple[float, float], Floats]:
    """Intercept and slope (held at 1 unless free) of the logistic line, by Newton; and their standard errors."""
    order = np.lexsort((y, z))  # one order of adding
    y, z, customers = y[order], z[order], customers[order]
    if free and np.ptp(z) == 0:
        raise ValueError("all customers have the same score: a line needs two")
    if free and (z[y == 1].min() >= z[y == 0].max() or z[y == 1].max() <= z[y == 0].min()):
        raise ValueError("the scores part those who left from those who stayed wholly: no line fits")
    centre, spread = (float(z.mean()), float(z.std())) if free else (0.0, 1.0)
    x = np.column_stack([np.ones(z.size), (z - centre) / spread]) if free else np.ones((z.size, 1))
    theta = np.zeros(x.shape[1])
    offset = np.zeros(z.size) if free else z

    def loss(at: Floats) -> float:
        line = offset + np.einsum("ij,j->i", x, at)
        return float((np.logaddexp(0, line) - y * line).sum())

    for _ in range(100):
        p = expit(offset + np.einsum("ij,j->i", x, theta))
        slope = np.einsum("i,ij->j", y - p, x)
        inverse = np.linalg.inv(np.einsum("i,ij,ik->jk", p * (1 - p), x, x))
        step, size, here = np.einsum("ij,j->i", inverse, slope), 1.0, loss(theta)
        while loss(theta + size * step) > here and size > 1e-6:
            size /= 2
        theta = theta + size * step
        if np.abs(step).max() < 1e-10:
            break
    p = expit(offset + np.einsum("ij,j->i", x, theta))
    parts = np.einsum("ij,jk->ik", (y - p)[:, None] * x, inverse)
    by_customer = np.column_stack([np.bincount(customers, part) for part in parts.T])
    variance = np.einsum("ij,ik->jk", by_customer, by_customer)
    if not free:
        return (float(theta[0]), 1.0), np.sqrt(np.diag(variance))
    # Back from standardised log-odds.
    back = np.array([[1.0, -centre / spread], [0.0, 1 / spread]])
    variance = np.einsum("ij,jk,lk->il", back, variance, back)
    intercept, line = (float(number) for number in np.einsum("ij,j->i", back, theta))
    return (intercept, line), np.sqrt(np.diag(variance))
