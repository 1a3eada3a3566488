"""Columns that know the answer: what is written down only once a customer has left is no feature."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from cam.measures.churn.columns import KEYS, Floats, as_levels, as_numbers, is_number
from cam.measures.churn.evaluation import auc
from cam.measures.churn.folds import cross_validated, folds, labels_of
from cam.measures.churn.models import fit_logistic

#: One feature alone that parts customers so well is no feature: the lower limit of its AUC is above this.
SEPARATES = 0.97
#: So good, and all columns that are not as good together worse by so much: it stands apart from what is known.
STANDS_APART, DISTANCE = 0.93, 0.1
#: A yes or no, at most so many states, that says more than all else together: the answer, copied with some errors.
FEW_STATES, COPY_AUC = 3, 0.8
#: A value that only those who left have: at least so many rows, and at least this share of them left.
TELL_ROWS, TELL_RATE = 30, 0.99
#: Of numbers a little less, as those next to them are asked, too.
RANGE_RATE = 0.97
#: How many who left outweigh one who stayed where a range is sought; two ways, as both find what the other misses.
_WEIGHTS = (99, 19)
#: Folds of the model of all other columns.
_N_FOLDS = 3
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
        these left; for ``range``, numbers such as ``> 0``. ``kind`` is the first that holds of

        - ``separates``: the feature alone has an AUC whose lower limit is above 0.97;
        - ``tells``: one value, or having one at all, is found in at least 30 rows of which nearly all left, while
          customers around it are nothing of the kind. The other way round, a value that only stayers have, is no
          sign: that is what a contract that still runs looks like;
        - ``range``: the same of numbers beyond a threshold or between two, such as a last bill above 0. An honest
          number gets there by a slope: those next to the range left often, too, and it is no sign;
        - ``stands_apart``: an AUC above 0.93, and below it by 0.1 a logistic model, out of fold, of all features but
          suspects and those above 0.93 themselves;
        - ``outdoes``: at most three states, an AUC above 0.8, and its lower limit above that of the same model. A yes
          or no that outdoes all the rest together is mostly the answer with some errors in it; a number that does may
          be an honest one;
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
    tells = {name: _telling(table[name], y) for name in strength["feature"]}
    good = {}
    for name, value, low, _ in strength.itertuples(index=False):
        few = table[name].nunique(dropna=False) <= FEW_STATES
        good[name] = low <= SEPARATES and not tells[name] and value > (COPY_AUC if few else STANDS_APART)
    rest = [
        name
        for name, low in zip(strength["feature"], strength["low"], strict=True)
        if low <= SEPARATES and not tells[name] and not good[name]
    ]
    together = _together(table, rest, strength, seed) if any(good.values()) else 1.0
    found = []
    for name, value, low, high in strength.itertuples(index=False):
        kind, tell = "", tells[name]
        if low > SEPARATES:
            kind = "separates"
        elif tell:
            kind = tell[0]
        elif value > STANDS_APART and value - together > DISTANCE:
            kind = "stands_apart"
        elif good[name] and value <= STANDS_APART and low > together:
            kind = "outdoes"
        elif value > NAMED_AUC and _WORDS.search(name):
            kind = "named"
        if kind:
            found.append((name, kind, value, low, high, *(tell[1:] if tell else ("", 0, 0))))
    return pd.DataFrame(found, columns=_COLUMNS)


def _together(table: pd.DataFrame, rest: list[str], strength: pd.DataFrame, seed: int) -> float:
    """AUC of all other features in one model, or of the best of them where no model can be had."""
    best = float(strength.loc[strength["feature"].isin(rest), "auc"].max()) if rest else 0.5
    keys = [name for name in KEYS if name in table.columns]
    try:
        scores = cross_validated(
            table[[*keys, *rest]], fit=lambda rows: fit_logistic(rows, seed=seed), seed=seed, n_folds=_N_FOLDS
        )
    except ValueError:
        # Nothing else varies, or some fold has too few of a kind.
        return best
    return max(best, auc(scores).value)


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


def _telling(column: pd.Series, y: Floats) -> tuple[str, str, int, int] | None:
    """How a feature tells, by which value that only those who left have, with its rows and how many of them left."""
    blank = column.isna().to_numpy()
    found = []
    for name, rows in (("missing", blank), ("known", ~blank)):
        if _is_pure(rows, y) and _is_rare(rows, y):
            found.append((int(rows.sum()), "tells", name, int(y[rows].sum())))
    if not found and is_number(column):
        found = _ranges(as_numbers(column), y)
    elif not found:
        values = as_levels(column).reset_index(drop=True)
        for value, n in values.value_counts().items():
            if n < TELL_ROWS:
                break
            rows = (values == value).fillna(False).to_numpy(bool)
            if _is_pure(rows, y) and _is_rare(rows, y):
                found.append((int(n), "tells", str(value), int(y[rows].sum())))
    if not found:
        return None
    n, kind, name, left = max(found)
    return kind, name, n, left


def _is_pure(rows: Floats, y: Floats) -> bool:
    n = int(rows.sum())
    return n >= TELL_ROWS and float(y[rows].mean()) >= TELL_RATE


def _is_rare(rows: Floats, y: Floats) -> bool:
    """Whether the others are another kind: not where nearly everybody left anyway."""
    return bool((~rows).any() and y[~rows].mean() < AROUND_RATE)


def _ranges(numbers: Floats, y: Floats) -> list[tuple[int, str, str, int]]:
    """Numbers, single or side by side, that only those who left have, while those on each side left more rarely."""
    known = ~np.isnan(numbers)
    values, group = np.unique(numbers[known], return_inverse=True)
    if values.size < 2:
        return []
    n = np.bincount(group)
    left = np.bincount(group, y[known]).astype(np.int64)
    places = {(int(place), int(place)) for place in np.flatnonzero(n >= TELL_ROWS)}
    for weight in _WEIGHTS:
        # The side-by-side values with the largest sum: one who stayed outweighs as many who left.
        total = np.concatenate([[0], np.cumsum(left - weight * (n - left))])
        lowest = np.minimum.accumulate(total[:-1])
        last = int(np.argmax(total[1:] - lowest))
        places.add((int(np.argmin(total[: last + 1])), last))
    sums, lefts = np.concatenate([[0], np.cumsum(n)]), np.concatenate([[0], np.cumsum(left)])
    found = []
    for first, last in sorted(places):
        rows, gone = int(sums[last + 1] - sums[first]), int(lefts[last + 1] - lefts[first])
        if rows < TELL_ROWS or gone < RANGE_RATE * rows:
            continue
        # As many customers on each side, and all who have the same number as the last of them.
        below = max(int(np.searchsorted(sums, sums[first] - rows, side="right")) - 1, 0)
        above = min(int(np.searchsorted(sums, sums[last + 1] + rows)), values.size)
        sides = [(below, first), (last + 1, above)]
        sizes = [int(sums[end] - sums[start]) for start, end in sides]
        rates = [
            float(lefts[end] - lefts[start]) / size
            for (start, end), size in zip(sides, sizes, strict=True)
            if size >= min(rows, TELL_ROWS)
        ]
        if rates and max(rates) < AROUND_RATE:
            kind = "tells" if first == last else "range"
            found.append((rows, kind, _range_name(values, first, last), gone))
    return found


def _range_name(values: Floats, first: int, last: int) -> str:
    if first == last:
        return f"{values[first]:g}"
    if last == values.size - 1:
        return f"> {values[first - 1]:g}"
    return f"< {values[last + 1]:g}" if first == 0 else f"{values[first]:g}\u2013{values[last]:g}"
