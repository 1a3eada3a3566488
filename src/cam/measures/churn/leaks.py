"""Columns that know the answer: what is written down only once a customer has left is no feature."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from cam.measures.churn.columns import KEYS, Floats, as_levels, as_numbers, is_number
from cam.measures.churn.evaluation import auc
from cam.measures.churn.folds import folds, labels_of

#: One feature alone that parts customers so well is no feature: the lower limit of its AUC is above this.
SEPARATES = 0.97
#: So good, and the next best worse by so much: it stands apart from what the business knows.
STANDS_APART, DISTANCE = 0.93, 0.2
#: A value that only those who left have: at least so many rows, and at least this share of them left.
TELL_ROWS, TELL_RATE = 30, 0.99
#: What surrounds a telling number must say less than this, or the number is only the end of an honest slope.
AROUND_RATE = 0.7
#: A name that sounds like the answer, and an AUC that would be strong without the name.
NAMED_AUC = 0.8
_WORDS = re.compile(
    r"(churn|attrit|cancel|terminat|deactivat|unsubscrib|closed|closure|exit|left|leaving|lapsed|lost|win.?back"
    r"|流失|离网|离开|注销|销户|退订|取消|终止|挽回|停机)",
    re.IGNORECASE,
)
_N_BINS = 20
_COLUMNS = ["feature", "kind", "auc", "low", "high", "value", "n_value", "n_left"]


def single_feature_auc(table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Measure how well each feature alone, whatever its shape, tells who leaves.

    Parameters
    ----------
    table : DataFrame
        *customer_id, churned* and features.
    seed : int
        Of five folds of customers.

    Returns
    -------
    DataFrame
        *feature, auc, low, high* (0-1, DeLong), the best first: of the churn rate in the feature's bin (twentieths of a
        number, levels, blanks), learnt from other customers; or of the number itself, up or down, where that is more.

    Raises
    ------
    ValueError
        If fewer than 20 left or stayed.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": range(100), "churned": [0, 1] * 50, "same": [0, 1] * 50, "one": 1})
    >>> single_feature_auc(people, seed=1)[["feature", "auc"]].values.tolist()
    [['same', 1.0], ['one', 0.5]]
    """
    y = labels_of(table)
    fold = folds(table, seed=seed)
    found = []
    for name in sorted(str(column) for column in table.columns if column not in KEYS):
        scores = table[["customer_id", "churned"]].assign(p_churn=_out_of_fold(_bins(table[name]), y, fold))
        best = auc(scores)
        if is_number(table[name]):
            numbers = as_numbers(table[name])
            blank = np.isnan(numbers)
            if not blank.any():
                rising = auc(scores.assign(p_churn=numbers))
                plain = rising if rising.value >= 0.5 else auc(scores.assign(p_churn=-numbers))
                best = plain if plain.value > best.value else best
        found.append((name, best.value, best.low, best.high))
    frame = pd.DataFrame(found, columns=["feature", "auc", "low", "high"])
    return frame.sort_values(["auc", "feature"], ascending=[False, True], ignore_index=True)


def find_leaks(table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Name the features that cannot have been known before the customer left, with the evidence.

    Parameters
    ----------
    table : DataFrame
        *customer_id, churned* and features.
    seed : int
        Of five folds of customers.

    Returns
    -------
    DataFrame
        One row per suspect, the strongest first: *feature, kind, auc, low, high* and, for ``tells``, *value, n_value,
        n_left*: a level or a number (as text), or ``missing`` or ``known``, the rows that have it, and how many of
        these left. ``kind`` is the first that holds of

        - ``separates``: the feature alone has an AUC whose lower limit is above 0.97;
        - ``tells``: one value, or having one at all, is found in at least 30 rows of which nearly all left, while
          customers around it are nothing of the kind. The other way round, a value that only stayers have, is no
          sign: that is what a contract that still runs looks like;
        - ``stands_apart``: an AUC above 0.93, and the next best feature below it by 0.2;
        - ``named``: a name that sounds like the answer, and an AUC above 0.8.

    Raises
    ------
    ValueError
        If fewer than 20 left or stayed.

    References
    ----------
    Kaufman, S., Rosset, S., Perlich, C., Stitelman, O. (2012). Leakage in data mining: formulation, detection, and
    avoidance. ACM Transactions on Knowledge Discovery from Data 6 (4), 15. (Section 5, detection.)

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": range(200), "churned": [0, 1] * 100, "age": range(200)})
    >>> people["reason"] = ["", "price"] * 100
    >>> find_leaks(people, seed=1)[["feature", "kind", "auc"]].values.tolist()
    [['reason', 'separates', 1.0]]
    """
    y = labels_of(table)
    strength = single_feature_auc(table, seed=seed)
    found = []
    tells = {name: _telling(table[name], y) for name in strength["feature"]}
    honest = strength[
        (strength["low"] <= SEPARATES) & ~strength["feature"].map(lambda name: bool(tells[name]))
    ]
    for name, value, low, high in strength.itertuples(index=False):
        others = honest.loc[honest["feature"] != name, "auc"].max()
        kind = ""
        if low > SEPARATES:
            kind = "separates"
        elif tells[name]:
            kind = "tells"
        elif value > STANDS_APART and value - (0.5 if pd.isna(others) else others) > DISTANCE:
            kind = "stands_apart"
        elif value > NAMED_AUC and _WORDS.search(name):
            kind = "named"
        if kind:
            found.append((name, kind, value, low, high, *(tells[name] or ("", 0, 0))))
    return pd.DataFrame(found, columns=_COLUMNS)


def _bins(column: pd.Series) -> Floats:
    """Number of each row's bin: twentieths of a number's distinct ranks, levels; blanks are a bin too."""
    if not is_number(column):
        return pd.factorize(as_levels(column), use_na_sentinel=False)[0]
    numbers = as_numbers(column)
    known = numbers[~np.isnan(numbers)]
    inner = np.unique(np.quantile(known, np.linspace(0, 1, _N_BINS + 1)[1:-1])) if known.size else np.empty(0)
    return np.where(np.isnan(numbers), 0, 1 + np.searchsorted(inner, numbers, side="left")).astype(np.int64)


def _out_of_fold(bins: Floats, y: Floats, fold: Floats) -> Floats:
    """Churn rate of each row's bin among the other folds' rows, drawn to the rate of all where the bin is small."""
    p, size = np.empty(y.size), int(bins.max()) + 1
    for one in range(int(fold.max()) + 1):
        inside = fold != one
        n = np.bincount(bins[inside], minlength=size)
        left = np.bincount(bins[inside], y[inside], minlength=size)
        p[~inside] = ((left + y[inside].mean()) / (n + 1))[bins[~inside]]
    return p


def _telling(column: pd.Series, y: Floats) -> tuple[str, int, int] | None:
    """The value of a feature that only those who left have, with its rows and how many of them left."""
    blank = column.isna().to_numpy()
    found = []
    for name, rows in (("missing", blank), ("known", ~blank)):
        if _is_pure(rows, y) and _is_rare(rows, y):
            found.append((int(rows.sum()), name, int(y[rows].sum())))
    if found:
        n, name, left = max(found)
        return name, n, left
    numeric = is_number(column)
    values = pd.Series(as_numbers(column)) if numeric else as_levels(column).reset_index(drop=True)
    for value, n in values.value_counts().items():
        if n < TELL_ROWS:
            break
        rows = (values == value).fillna(False).to_numpy(bool)
        if _is_pure(rows, y) and (
            _is_spike(values.to_numpy(), float(value), y) if numeric else _is_rare(rows, y)
        ):
            found.append((int(n), f"{value:g}" if numeric else str(value), int(y[rows].sum())))
    if not found:
        return None
    n, name, left = max(found)
    return name, n, left


def _is_pure(rows: Floats, y: Floats) -> bool:
    n = int(rows.sum())
    return n >= TELL_ROWS and float(y[rows].mean()) >= TELL_RATE


def _is_rare(rows: Floats, y: Floats) -> bool:
    """Whether the others are another kind: not where nearly everybody left anyway."""
    return bool((~rows).any() and y[~rows].mean() < AROUND_RATE)


def _is_spike(numbers: Floats, value: float, y: Floats) -> bool:
    """Whether the next customers on each side, as many as have the value, left much more rarely."""
    n = int((numbers == value).sum())
    known = ~np.isnan(numbers)
    order = np.flatnonzero(known)[np.argsort(numbers[known], kind="stable")]
    sorted_numbers = numbers[order]
    first, last = (np.searchsorted(sorted_numbers, value, side=side) for side in ("left", "right"))
    sides = [order[max(first - n, 0) : first], order[last : last + n]]
    rates = [float(y[side].mean()) for side in sides if side.size >= min(n, TELL_ROWS)]
    return bool(rates) and max(rates) < AROUND_RATE
