"""How well models of repeat buying predicted what came after a cut-off, beside the naive ways to predict it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Estimate, Z
from cam.measures.value import cells, future
from cam.measures.value.future import RepeatBuying
from cam.measures.value.newton import Floats

#: What a model has to beat, besides the NBD.
NAIVE = ("same_rate", "zero")
#: Highest frequency with a group of its own in the conditional means.
_TOP = 7
#: Futures drawn per row to see how far chance moves a total.
_FUTURES = 40


def choose_calibration_end(first: date, last: date, *, horizon_days: float) -> date:
    """Choose the cut-off: the second half of what was seen is held out, but no more than the horizon.

    Parameters
    ----------
    first, last : date
        First and last day seen.
    horizon_days : float
        How far ahead the model will be asked to look.

    Returns
    -------
    date
        Last day of the calibration period.

    Examples
    --------
    >>> choose_calibration_end(date(1997, 1, 1), date(1998, 6, 30), horizon_days=365.25).isoformat()
    '1997-09-30'
    """
    seen = (last - first).days + 1
    return last - timedelta(days=int(min(seen / 2, horizon_days)))


def predict_holdout(fits: Mapping[str, RepeatBuying], table: pd.DataFrame, *, weeks: float) -> pd.DataFrame:
    """Predict each row's purchases after the cut-off, by each model and by the naive ways.

    Parameters
    ----------
    fits : mapping of str to fit
        By the model's name.
    table : DataFrame
        As from :func:`cam.reduce.holdout.holdout_cells`.
    weeks : float
        Length of the holdout.

    Returns
    -------
    DataFrame
        One column per model, then ``same_rate`` (as often as so far: x / T per week) and ``zero``.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [2], "recency": [5.0], "T": [10.0], "holdout_frequency": [1]})
    >>> predict_holdout({}, table, weeks=20).values.tolist()
    [[4.0, 0.0]]
    """
    x, _, T, _ = cells.history(table)
    found = {name: future.expected_purchases(fit, table, horizon=weeks) for name, fit in fits.items()}
    found["same_rate"] = np.divide(x, T, out=np.zeros_like(T), where=T > 0) * weeks
    found["zero"] = np.zeros_like(T)
    return pd.DataFrame(found)


def score_holdout(predictions: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Score predictions by what happened: bias, RMSE, MAE, and whether they rank customers rightly.

    Parameters
    ----------
    predictions : DataFrame
        As from :func:`predict_holdout`.
    table : DataFrame
        The same rows, with ``holdout_frequency`` [``n_customers``].

    Returns
    -------
    DataFrame
        One row per prediction, in their order: *model*, *actual* and *predicted* (totals), *bias* (share of
        the actual total; missing where that is 0), *rmse*, *mae* (purchases per customer), *correlation*
        (Pearson's) and *rank_correlation* (Spearman's); both missing where a prediction does not vary.

    Notes
    -----
    MAE is given because it is asked for, never to choose by: it is least for the median, and most customers buy
    nothing, so predicting nothing at all does well by it.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0, 2], "recency": [0, 5.0], "T": [10.0, 10.0],
    ...     "holdout_frequency": [0, 3]})
    >>> score_holdout(predict_holdout({}, table, weeks=10), table)[["model", "bias", "rmse"]].round(3).values.tolist()
    [['same_rate', -0.333, 0.707], ['zero', -1.0, 2.121]]
    """
    w, actual = cells.counts_of(table), table["holdout_frequency"].to_numpy(float)
    n, total = float(w.sum()), cells.dot(w, actual)
    rows = []
    for name in predictions.columns:
        predicted = predictions[name].to_numpy(float)
        error = predicted - actual
        guess = cells.dot(w, predicted)
        rows.append(
            {
                "model": name,
                "actual": total,
                "predicted": guess,
                "bias": guess / total - 1 if total > 0 else float("nan"),
                "rmse": (cells.dot(w, error**2) / n) ** 0.5,
                "mae": cells.dot(w, np.abs(error)) / n,
                "correlation": _correlation(predicted, actual, w),
                "rank_correlation": _correlation(_ranks(predicted, w), _ranks(actual, w), w),
            }
        )
    return pd.DataFrame(rows)


def beats(one: str, other: str, predictions: pd.DataFrame, table: pd.DataFrame) -> bool:
    """Say whether one prediction's squared error is smaller than another's by more than chance.

    Parameters
    ----------
    one, other : str
        Columns of *predictions*.
    predictions, table : DataFrame
        As for :func:`score_holdout`.

    Returns
    -------
    bool
        By the mean difference of their squared errors over the same customers, at 95 %.

    References
    ----------
    Diebold, F. X., Mariano, R. S. (1995). Comparing predictive accuracy. Journal of Business & Economic
    Statistics 13, 253-263. (Here over customers, who are independent of each other.)

    Examples
    --------
    >>> table = pd.DataFrame({"holdout_frequency": [3, 4, 2, 3]})
    >>> guesses = pd.DataFrame({"near": [3, 3, 3, 3.0], "far": [0, 0, 0, 0.0]})
    >>> beats("near", "far", guesses, table), beats("far", "near", guesses, table)
    (True, False)
    """
    w, actual = cells.counts_of(table), table["holdout_frequency"].to_numpy(float)
    n = float(w.sum())
    gain = (predictions[other].to_numpy(float) - actual) ** 2 - (
        predictions[one].to_numpy(float) - actual
    ) ** 2
    mean = cells.dot(w, gain) / n
    error = (cells.dot(w, (gain - mean) ** 2) / n / max(n - 1, 1)) ** 0.5
    return bool(mean > Z * error)


def pick_model(
    candidates: Sequence[str], scores: pd.DataFrame, predictions: pd.DataFrame, table: pd.DataFrame
) -> str:
    """Pick the model: the least RMSE; of those that are no worse by more than chance, the least bias.

    Parameters
    ----------
    candidates : sequence of str
        Models that may be used, at least one.
    scores : DataFrame
        As from :func:`score_holdout`.
    predictions, table : DataFrame
        That it was made from.

    Returns
    -------
    str

    Examples
    --------
    >>> table = pd.DataFrame({"holdout_frequency": [3, 4, 2, 3]})
    >>> guesses = pd.DataFrame({"low": [2.9, 3.9, 1.9, 2.9], "even": [3.1, 4.1, 1.9, 2.9]})
    >>> pick_model(["low", "even"], score_holdout(guesses, table), guesses, table)
    'even'
    """
    by_model = scores.set_index("model").loc[list(candidates)]
    best = str(by_model["rmse"].idxmin())
    equals = [name for name in candidates if name == best or not beats(best, name, predictions, table)]
    distance = (by_model.loc[equals, "predicted"] - by_model.loc[equals, "actual"]).abs()
    return str(distance.idxmin())


def conditional_means(predictions: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Compare actual and predicted purchases after the cut-off by how often customers had bought before.

    Parameters
    ----------
    predictions : DataFrame
        As from :func:`predict_holdout`.
    table : DataFrame
        The same rows, with ``frequency``, ``holdout_frequency`` [``n_customers``].

    Returns
    -------
    DataFrame
        One row per frequency that somebody has, 7 and more together: *frequency* (text), *n_customers*, *actual* (mean
        per customer) with *low* and *high* (t interval; missing for one customer alone), and one column per
        prediction.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [0, 0], "holdout_frequency": [0, 2], "n_customers": [3, 1]})
    >>> conditional_means(pd.DataFrame({"zero": [0.0, 0.0]}), table)[["frequency", "actual", "zero"]].values.tolist()
    [['0', 0.5, 0.0]]
    """
    from scipy.special import stdtrit  # here, because it makes every start slower

    w, actual = cells.counts_of(table), table["holdout_frequency"].to_numpy(float)
    group = np.minimum(table["frequency"].to_numpy(int), _TOP)
    rows = []
    for value in np.unique(group):
        here = group == value
        n, mine = float(w[here].sum()), w[here]
        mean = cells.dot(mine, actual[here]) / n
        half = float("nan")
        if n > 1:
            error = (cells.dot(mine, (actual[here] - mean) ** 2) / (n - 1) / n) ** 0.5
            half = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * error
        row = {
            "frequency": f"{value}+" if value == _TOP else str(value),
            "n_customers": int(n),
            "actual": mean,
            "low": max(mean - half, 0.0) if half == half else half,
            "high": mean + half,
        }
        rows.append(
            row | {name: cells.dot(mine, predictions[name].to_numpy(float)[here]) / n for name in predictions}
        )
    return pd.DataFrame(rows)


def tracking(
    days: pd.DataFrame, fits: Mapping[str, RepeatBuying], *, first: date, last: date
) -> pd.DataFrame:
    """Compare actual and expected repeat purchases week by week, from the first day to the last.

    What is expected uses the parameters and the days of the first purchases alone, for every week alike.

    Parameters
    ----------
    days : DataFrame
        As from :func:`cam.reduce.holdout.purchases_by_day`: ``day``, ``n_new``, ``n_repeat``.
    fits : mapping of str to fit
        By the model's name.
    first, last : date
        First and last day; days after the last whole week are left out.

    Returns
    -------
    DataFrame
        One row per week: *week* (1, 2, …), *end* (its last day), *actual*, and one column per model; repeat purchases
        in that week.

    References
    ----------
    Fader, P. S., Hardie, B. G. S., Lee, K. L. (2005). "Counting your customers" the easy way: an alternative to the
    Pareto/NBD model. Marketing Science 24, 275-284, figures 3 and 4.

    Examples
    --------
    >>> days = pd.DataFrame({"day": pd.to_datetime(["2026-01-01", "2026-01-09"]), "n_new": [10, 0], "n_repeat": [0, 2]})
    >>> tracking(days, {}, first=date(2026, 1, 1), last=date(2026, 1, 15))[["week", "actual"]].values.tolist()
    [[1, 0], [2, 2]]
    """
    n_weeks = ((last - first).days + 1) // 7
    offset = (pd.to_datetime(days["day"]) - pd.Timestamp(first)).dt.days.to_numpy()
    kept = (offset >= 0) & (offset < 7 * n_weeks)
    new, repeat = (
        np.bincount(offset[kept], days[name].to_numpy(float)[kept], minlength=7 * n_weeks)
        for name in ("n_new", "n_repeat")
    )
    table = {
        "week": np.arange(1, n_weeks + 1),
        "end": pd.Timestamp(first) + pd.to_timedelta(7 * np.arange(1, n_weeks + 1) - 1, unit="D"),
        "actual": repeat.reshape(n_weeks, 7).sum(axis=1).astype(int),
    }
    for name, fit in fits.items():
        stay, ahead = fit.of_new()
        grown = stay * np.asarray(ahead.mean(np.arange(7 * n_weeks) / 7))
        # Everyone who came on a day has bought, by each later day, what a new customer does in so many days.
        cumulative = np.convolve(new, grown)[: 7 * n_weeks]
        table[name] = np.diff(cumulative[6::7], prepend=0.0)
    return pd.DataFrame(table)


def predicted_total(fit: Any, table: pd.DataFrame, *, name: str, weeks: float, seed: int) -> Estimate:
    """Predict the purchases of all customers after the cut-off, with an interval for what will happen.

    Parameters
    ----------
    fit : fit of repeat buying
        With its ``optimum``.
    table : DataFrame
        As from :func:`cam.reduce.holdout.holdout_cells`.
    name : str
        Of the model.
    weeks : float
        Length of the holdout.
    seed : int
        Of the futures that are drawn.

    Returns
    -------
    Estimate
        ``holdout_predicted``, segment ``model=…``. Its interval adds, by squares, how far the parameters may be off
        (delta method on the logarithm of the total) and what customers do by chance; it has none where the fit
        has no peak. It holds if the model is right: that it misses is what a holdout is for.

    Examples
    --------
    >>> from cam.measures.value.nbd import fit_nbd
    >>> table = pd.DataFrame({"frequency": [0, 1, 4], "recency": [0, 3, 10.0], "T": [30.0] * 3,
    ...     "n_customers": [50, 9, 6], "holdout_frequency": [0, 1, 2]})
    >>> total = predicted_total(fit_nbd(table), table, name="nbd", weeks=30, seed=1)
    >>> total.low < 28 < total.value < 36 < total.high
    True
    """
    w = cells.counts_of(table)
    n = int(w.sum())
    value = cells.dot(w, future.expected_purchases(fit, table, horizon=weeks))
    segment = {"model": name}
    if fit.optimum is None or not fit.optimum.is_peak or value <= 0:
        return Estimate("holdout_predicted", value, "count", n, segment=segment)
    slope = np.empty(fit.theta.size)
    for place in range(slope.size):
        step = np.zeros(slope.size)
        step[place] = 1e-4
        ends = [
            cells.dot(w, future.expected_purchases(fit.at(fit.theta + side * step), table, horizon=weeks))
            for side in (-1, 1)
        ]
        slope[place] = (np.log(ends[1]) - np.log(ends[0])) / 2e-4
    relative = float(np.einsum("i,ij,j->", slope, fit.optimum.covariance, slope)) ** 0.5
    rng = np.random.default_rng(seed)
    futures = np.stack([future.draw_purchases(fit, table, horizon=weeks, rng=rng) for _ in range(_FUTURES)])
    chance = Z * cells.dot(w, futures.var(axis=0, ddof=1)) ** 0.5
    below, above = value * -np.expm1(-Z * relative), value * np.expm1(Z * relative)
    return Estimate(
        "holdout_predicted",
        value,
        "count",
        n,
        max(value - float(np.hypot(below, chance)), 0.0),
        value + float(np.hypot(above, chance)),
        segment,
    )


def _correlation(one: Floats, other: Floats, w: Floats) -> float:
    n = float(w.sum())
    one, other = one - cells.dot(w, one) / n, other - cells.dot(w, other) / n
    spread = cells.dot(w, one**2) * cells.dot(w, other**2)
    return cells.dot(w, one * other) / spread**0.5 if spread > 1e-20 * n**2 else float("nan")


def _ranks(values: Floats, w: Floats) -> Floats:
    """Mid-ranks of customers: equal values share theirs."""
    levels, place = np.unique(values, return_inverse=True)
    counts = np.bincount(place, w, minlength=levels.size)
    ranks: Floats = (np.cumsum(counts) - counts / 2)[place]
    return ranks
