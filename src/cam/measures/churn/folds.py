"""Who teaches a model and who tests it: no customer on both sides of a fold, and no answer from after the cut-off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.measures.churn.columns import Floats, as_numbers

#: Customers that must have left, and as many that must have stayed: less than this only looks like learning.
MIN_CLASS = 20
_N_FOLDS = 5


class ChurnFit(Protocol):
    """What every model can do."""

    def probability(self, table: pd.DataFrame) -> Floats:
        """Return each row's probability (0-1) of leaving."""
        ...


def labels_of(table: pd.DataFrame) -> Floats:
    """Return the labels, 0 or 1, of rows that a model can learn from.

    Parameters
    ----------
    table : DataFrame
        With ``customer_id`` and ``churned``.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If a label is neither 0 nor 1, or fewer than :data:`MIN_CLASS` customers left or stayed.

    Examples
    --------
    >>> labels_of(pd.DataFrame({"customer_id": range(10), "churned": [1] * 10}))
    Traceback (most recent call last):
    ValueError: 10 customers left and 0 stayed; a model needs at least 20 of each
    """
    y = as_numbers(table["churned"])
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("churned must be 0 or 1 in every row")
    left, stayed = (table["customer_id"][y == label].nunique() for label in (1, 0))
    if min(left, stayed) < MIN_CLASS:
        raise ValueError(
            f"{left:,} customers left and {stayed:,} stayed; a model needs at least {MIN_CLASS} of each"
        )
    return y


def folds(table: pd.DataFrame, *, n_folds: int = _N_FOLDS, seed: int) -> NDArray[np.int64]:
    """Deal customers into folds: all rows of one in the same, and those who left evenly over all.

    Parameters
    ----------
    table : DataFrame
        With ``customer_id`` and ``churned``.
    n_folds : int
        At least 2.
    seed : int
        Of the dealing; the order of rows does not matter.

    Returns
    -------
    ndarray
        Fold of each row, from 0.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": [1, 2, 1, 3, 4], "churned": [0, 1, 1, 0, 0]})
    >>> fold = folds(people, n_folds=2, seed=1)
    >>> bool(fold[0] == fold[2]), bool(fold[0] != fold[1])
    (True, True)
    """
    ids, customer = np.unique(table["customer_id"].to_numpy(), return_inverse=True)
    left = np.zeros(len(ids), dtype=bool)
    left[customer[as_numbers(table["churned"]) == 1]] = True
    shuffled = np.random.default_rng(seed).permutation(len(ids))
    dealt = np.concatenate([shuffled[left[shuffled]], shuffled[~left[shuffled]]])
    fold = np.empty(len(ids), dtype=np.int64)
    fold[dealt] = np.arange(len(ids)) % n_folds
    return fold[customer]


def cross_validated(
    table: pd.DataFrame, *, fit: Callable[[pd.DataFrame], ChurnFit], seed: int, n_folds: int = _N_FOLDS
) -> pd.DataFrame:
    """Predict every customer by a model that has not seen them.

    Parameters
    ----------
    table : DataFrame
        Rows with features.
    fit : callable
        Training rows -> a model.
    seed, n_folds : int
        As in :func:`folds`.

    Returns
    -------
    DataFrame
        *customer_id, churned, p_churn*, in the order and with the index of the table.

    Raises
    ------
    ValueError
        As the model does, on what the folds leave it.

    References
    ----------
    Stone, M. (1974). Cross-validatory choice and assessment of statistical predictions. Journal of the Royal
    Statistical Society B 36, 111-147.

    Examples
    --------
    >>> from cam.measures.churn.models import fit_baseline
    >>> people = pd.DataFrame({"customer_id": range(80), "days": [1.0] * 40 + [9.0] * 40})
    >>> people["churned"] = [0, 0, 0, 1] * 10 + [1, 1, 1, 0] * 10
    >>> out = cross_validated(people, fit=lambda rows: fit_baseline(rows, column="days"), seed=1, n_folds=2)
    >>> bool(out.p_churn[0] < 0.5 < out.p_churn[79])
    True
    """
    fold, p = folds(table, n_folds=n_folds, seed=seed), np.empty(len(table))
    for one in range(n_folds):
        p[fold == one] = fit(table[fold != one]).probability(table[fold == one])
    return table[["customer_id", "churned"]].assign(p_churn=p)


def split_by_time(
    table: pd.DataFrame, *, horizon_days: int, gap_days: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the rows: train where the answer was known by the last cut-off, test at that cut-off.

    Parameters
    ----------
    table : DataFrame
        With ``cut_off``, a date.
    horizon_days, gap_days : int
        A label is known this many days after its cut-off, both together.

    Returns
    -------
    DataFrame
        Training rows: those whose label window ended by the last cut-off. On the day when the model would have been
        used, nothing else was known.
    DataFrame
        Test rows, one per customer, with ``seen``: the customer stands in the training rows too, at an earlier time.
        That is how a model is used, but a model that remembers persons would gain by it: compare both groups.

    Raises
    ------
    ValueError
        If no cut-off lies early enough.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-31", "2026-03-31", "2026-04-30"])
    >>> rows = pd.DataFrame({"customer_id": ["a", "b", "a"], "cut_off": days, "churned": [0, 1, 0]})
    >>> train, test = split_by_time(rows, horizon_days=60)
    >>> train.customer_id.tolist(), test.seen.tolist()
    (['a'], [True])
    """
    cut_off = pd.to_datetime(table["cut_off"])
    last = cut_off.max()
    known = cut_off + pd.Timedelta(days=horizon_days + gap_days) <= last
    if not known.any():
        raise ValueError(
            f"no cut-off lies {horizon_days + gap_days} days before the last one ({last:%Y-%m-%d}), so nothing was "
            "known then to learn from"
        )
    train, test = table[known], table[cut_off == last]
    return train, test.assign(seen=test["customer_id"].isin(train["customer_id"]))


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sort by customer and cut-off: sums over rows then do not depend on how they came.

    Parameters
    ----------
    table : DataFrame
        With ``customer_id`` and, where there are several, ``cut_off``.

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> in_order(pd.DataFrame({"customer_id": ["b", "a"]})).customer_id.tolist()
    ['a', 'b']
    """
    return table.sort_values(
        [name for name in ("customer_id", "cut_off") if name in table.columns], kind="stable"
    )
