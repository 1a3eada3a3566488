"""How the features of a client, numbers and names with blanks, become columns that a model can take.

A table of features has one row per customer and cut-off: *customer_id*, *churned* (0 or 1), *cut_off* where there are
several, and any features: numbers, yes or no, words, with blanks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[Any]
#: Columns that are no features.
KEYS = ("customer_id", "cut_off", "churned", "seen")
#: A level of a category with fewer rows, or with a smaller share of them, stands with the other rare ones.
MIN_LEVEL_ROWS, MIN_LEVEL_SHARE, MOST_LEVELS = 20, 0.005, 40


@dataclass(frozen=True, slots=True)
class ColumnsFit:
    """How features become columns of numbers; all of it learnt from the training rows.

    Attributes
    ----------
    numeric : tuple of str
        Features that are numbers or yes and no, by name.
    levels : mapping of str to tuple of str
        The other features, with the levels that stand alone; all else is "other".
    limits : DataFrame
        *low, high, median* by numeric feature: values are taken no further than ``low`` and ``high`` (0.5 and 99.5 %
        of the training rows), and a blank is the median, with a column of its own that says so.
    names : DataFrame
        One row per column of the design: *feature*, *part* (``value``, ``missing``, or ``level``), *level*.
    means, sds : ndarray
        By column of the design, over training rows.
    constant : tuple of str
        Features left out, as all rows have the same value.
    """

    numeric: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    limits: pd.DataFrame
    names: pd.DataFrame
    means: Floats
    sds: Floats
    constant: tuple[str, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """Features in use."""
        return (*self.numeric, *self.levels)

    def design(self, table: pd.DataFrame) -> Floats:
        """Return rows by columns, each in standard deviations from the training rows' mean."""
        parts = zip(self.names["feature"], self.names["part"], self.names["level"], strict=True)
        texts = {name: as_levels(table[name]) for name in self.levels}
        columns = np.column_stack([self._column(table, texts, *part) for part in parts])
        return (columns - self.means) / self.sds

    def codes(self, table: pd.DataFrame) -> Floats:
        """Return rows by features for boosting: numbers as they are, levels by number, blanks as NaN."""
        columns = [as_numbers(table[name]) for name in self.numeric]
        for name, levels in self.levels.items():
            text = as_levels(table[name])
            code = pd.Index(levels).get_indexer(text).astype(float)
            columns.append(np.where(text.isna(), np.nan, np.where(code < 0, len(levels), code)))
        return np.column_stack(columns)

    def _column(
        self, table: pd.DataFrame, texts: Mapping[str, pd.Series], feature: str, part: str, level: str
    ) -> Floats:
        if feature in texts:
            text = texts[feature]
            if part == "missing":
                return text.isna().to_numpy(float)
            if part == "other":
                return (text.notna() & ~text.isin(self.levels[feature])).to_numpy(float)
            return (text == level).fillna(False).to_numpy(float)
        numbers = as_numbers(table[feature])
        if part == "missing":
            return np.isnan(numbers).astype(float)
        low, high, median = self.limits.loc[feature, ["low", "high", "median"]]
        return np.clip(np.where(np.isnan(numbers), median, numbers), low, high)


def fit_columns(table: pd.DataFrame) -> ColumnsFit:
    """Learn from training rows how their features become columns.

    Parameters
    ----------
    table : DataFrame
        One row per customer and cut-off; every column that is not in :data:`KEYS` is a feature.

    Returns
    -------
    ColumnsFit
        Features in the order of their names, so that the order of columns does not matter.

    Raises
    ------
    ValueError
        If a feature is a date or holds an infinite value, or if none varies.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": range(4), "churned": [0, 1, 0, 1], "orders": [1, None, 3, 4]})
    >>> fit_columns(people).names[["feature", "part"]].values.tolist()
    [['orders', 'value'], ['orders', 'missing']]
    """
    numeric: list[str] = []
    levels: dict[str, tuple[str, ...]] = {}
    limits: dict[str, tuple[float, float, float]] = {}
    for name in sorted(str(column) for column in table.columns if column not in KEYS):
        if pd.api.types.is_datetime64_any_dtype(table[name]):
            raise ValueError(f"feature {name!r} is a date; give the days from it to the cut-off")
        if is_number(table[name]):
            numbers = as_numbers(table[name])
            if np.isinf(numbers).any():
                raise ValueError(f"feature {name!r} holds an infinite value")
            numeric.append(name)
            known = numbers[~np.isnan(numbers)]
            low, high = np.quantile(known, [0.005, 0.995]) if known.size else (0.0, 0.0)
            if low == high and known.size:  # a rare yes: no tail to cut
                low, high = known.min(), known.max()
            limits[name] = (low, high, float(np.median(known)) if known.size else 0.0)
        else:
            counts = as_levels(table[name]).value_counts()
            least = max(MIN_LEVEL_ROWS, MIN_LEVEL_SHARE * len(table))
            kept = sorted(counts[counts >= least].items(), key=lambda one: (-one[1], one[0]))
            levels[name] = tuple(str(level) for level, _ in kept[:MOST_LEVELS])
    names = [(name, part, "") for name in numeric for part in ("value", "missing")]
    for name, own in levels.items():
        names += [(name, "level", level) for level in own] + [(name, "other", ""), (name, "missing", "")]
    parts = pd.DataFrame(names, columns=["feature", "part", "level"])
    frame = pd.DataFrame(list(limits.values()), index=list(limits), columns=["low", "high", "median"])
    plain = ColumnsFit(tuple(numeric), levels, frame, parts, np.zeros(len(parts)), np.ones(len(parts)), ())
    columns = plain.design(table) if len(parts) else np.zeros((len(table), 0))
    varies = np.ptp(columns, axis=0) > 0 if len(table) else np.zeros(len(parts), dtype=bool)
    if not varies.any():
        raise ValueError("no feature varies: there is nothing to tell customers apart by")
    parts = parts[varies].reset_index(drop=True)
    used = set(parts["feature"])
    return ColumnsFit(
        tuple(name for name in numeric if name in used),
        {name: own for name, own in levels.items() if name in used},
        frame,
        parts,
        columns[:, varies].mean(axis=0),
        columns[:, varies].std(axis=0),
        tuple(name for name in (*numeric, *levels) if name not in used),
    )


def is_number(column: pd.Series) -> bool:
    """Say whether a feature is a number, or yes and no; else its values are names.

    Parameters
    ----------
    column : Series
        A feature.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_number(pd.Series([True, None])), is_number(pd.Series(["1", "2"]))
    (True, False)
    """
    if column.dtype == object:
        known = column.dropna()
        # Yes and no with blanks comes as objects; so do the decimals of an engine.
        return all(isinstance(value, bool | np.bool_ | int | float) or _is_decimal(value) for value in known)
    return bool(pd.api.types.is_numeric_dtype(column))


def _is_decimal(value: object) -> bool:
    return type(value).__name__ == "Decimal"


def as_numbers(column: pd.Series) -> Floats:
    """Return a numeric feature as floats, blanks as NaN.

    Parameters
    ----------
    column : Series
        For which :func:`is_number` is true.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> as_numbers(pd.Series([True, None])).tolist()
    [1.0, nan]
    """
    if column.dtype == object:
        return np.array(
            [np.nan if blank else float(value) for value, blank in zip(column, column.isna(), strict=True)]
        )
    return column.to_numpy(dtype=float, na_value=np.nan)


def as_levels(column: pd.Series) -> pd.Series:
    """Return a feature of names as text, blanks as missing.

    Parameters
    ----------
    column : Series
        A feature.

    Returns
    -------
    Series

    Examples
    --------
    >>> as_levels(pd.Series(["a", None], dtype="category")).tolist()
    ['a', nan]
    """
    return column.astype(object).where(column.notna(), None).astype("str")
