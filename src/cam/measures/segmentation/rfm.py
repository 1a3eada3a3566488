"""RFM: limits between bins from the distinct values, so that equal customers always score alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

#: The three values, the score that each gives, and whether less is better.
MEASURES = {
    "recency": ("days_since_last", True),
    "frequency": ("frequency", False),
    "monetary": ("value", False),
}


@dataclass(frozen=True, slots=True)
class RfmFit:
    """Limits between the bins of the three scores. A value equal to a limit belongs to the bin below it.

    Attributes
    ----------
    recency : tuple of float
        Days since the last purchase, rising. The bin of the fewest days scores highest.
    frequency : tuple of float
        Purchase days after the first, rising.
    monetary : tuple of float
        The value, by default revenue in the client's currency, rising.
    is_fixed : bool
        Whether the limits were given, not cut at quantiles.
    """

    recency: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...]
    is_fixed: bool

    def limits(self, measure: str) -> tuple[float, ...]:
        """Return the limits of ``recency``, ``frequency`` or ``monetary``."""
        return tuple(getattr(self, measure))

    def n_bins(self, measure: str) -> int:
        """Return the bins of one score: one more than limits. A limit that stands twice leaves a bin empty."""
        return len(self.limits(measure)) + 1


def fit_rfm(values: Mapping[str, pd.DataFrame], *, n_bins: int | Mapping[str, int] = 5) -> RfmFit:
    """Cut each measure at its quantiles, over the distinct values with their counts.

    Parameters
    ----------
    values : mapping of str to DataFrame
        For ``recency``, ``frequency`` and ``monetary``: *value* (float), *n_customers* (integer > 0), one row
        per distinct value.
    n_bins : int or mapping of str to int
        Bins per score, at least 2; of all three scores, or of each by the names of *values*.

    Returns
    -------
    RfmFit

    Raises
    ------
    ValueError
        If a table is empty or *n_bins* is below 2.

    References
    ----------
    Blattberg, R. C., Kim, B.-D., Neslin, S. A. (2008). Database Marketing, ch. 12. Springer. Independent cuts
    are taken, not nested sorts, so that two dates can be compared.

    Examples
    --------
    >>> table = pd.DataFrame({"value": [0.0, 1.0, 2.0], "n_customers": [6, 2, 2]})
    >>> fit_rfm({"recency": table, "frequency": table, "monetary": table}).frequency
    (0.0, 0.0, 0.0, 1.0)
    """
    bins = dict.fromkeys(MEASURES, n_bins) if isinstance(n_bins, int) else n_bins
    if min(bins.values()) < 2:
        raise ValueError(f"n_bins must be at least 2; got {min(bins.values())}")
    return RfmFit(**{name: _quantiles(values[name], bins[name]) for name in MEASURES}, is_fixed=False)


def fixed_rfm(recency: Sequence[float], frequency: Sequence[float], monetary: Sequence[float]) -> RfmFit:
    """Take given limits in place of quantiles, so that January and June are scored alike.

    Parameters
    ----------
    recency, frequency, monetary : sequence of float
        Rising limits, at least one of each; units as in :class:`RfmFit`.

    Returns
    -------
    RfmFit

    Raises
    ------
    ValueError
        If a score has no limit.

    Examples
    --------
    >>> fixed_rfm([30, 90], [0, 3], [50]).n_bins("frequency")
    3
    """
    if not (recency and frequency and monetary):
        raise ValueError("recency, frequency and monetary need a limit each")
    limits = [tuple(map(float, each)) for each in (recency, frequency, monetary)]
    return RfmFit(limits[0], limits[1], limits[2], is_fixed=True)


def score_values(values: pd.Series, limits: Sequence[float], *, less_is_better: bool = False) -> pd.Series:
    """Score values by limits: 1 is worst, ``len(limits) + 1`` best; equal values score alike.

    Parameters
    ----------
    values : Series of float
        None missing.
    limits : sequence of float
        Rising, not necessarily strictly.
    less_is_better : bool
        For days since the last purchase.

    Returns
    -------
    Series of int
        With the index of *values*.

    Raises
    ------
    ValueError
        If a value is missing.

    Examples
    --------
    >>> score_values(pd.Series([0.0, 1.0, 5.0]), [0, 0, 1]).tolist()
    [1, 3, 4]
    """
    if values.isna().any():
        raise ValueError(f"{int(values.isna().sum())} values to score are missing")
    above = np.searchsorted(np.asarray(limits, float), values.to_numpy(float), side="left")
    scores = len(limits) + 1 - above if less_is_better else above + 1
    return pd.Series(scores, index=values.index, dtype="int64")


def bin_table(values: Mapping[str, pd.DataFrame], fit: RfmFit) -> pd.DataFrame:
    """Show what each bin holds: its limits and its real size, which ties make uneven.

    Parameters
    ----------
    values : mapping of str to DataFrame
        As for :func:`fit_rfm`.
    fit : RfmFit
        The limits.

    Returns
    -------
    DataFrame
        One row per measure and score, best first: *measure*, *score*, *low* and *high* (the range of values in
        the bin, missing where it is empty), *n_customers*.

    Examples
    --------
    >>> table = pd.DataFrame({"value": [0.0, 1.0, 2.0], "n_customers": [6, 2, 2]})
    >>> values = {"recency": table, "frequency": table, "monetary": table}
    >>> bins = bin_table(values, fit_rfm(values, n_bins=3))
    >>> bins[bins.measure == "frequency"][["score", "n_customers"]].values.tolist()
    [[3, 2], [2, 2], [1, 6]]
    """
    parts = []
    for name, (_, less_is_better) in MEASURES.items():
        table = values[name]
        scores = score_values(table.value, fit.limits(name), less_is_better=less_is_better)
        grouped = table.assign(score=scores).groupby("score")
        bins = pd.DataFrame(
            {
                "low": grouped.value.min(),
                "high": grouped.value.max(),
                "n_customers": grouped.n_customers.sum(),
            }
        ).reindex(range(fit.n_bins(name), 0, -1))
        bins["n_customers"] = bins.n_customers.fillna(0).astype("int64")
        parts.append(bins.rename_axis("score").reset_index().assign(measure=name))
    columns = ["measure", "score", "low", "high", "n_customers"]
    return pd.concat(parts, ignore_index=True)[columns]


def _quantiles(table: pd.DataFrame, n_bins: int) -> tuple[float, ...]:
    """The smallest distinct value that at least k / n of the customers do not exceed."""
    if table.empty:
        raise ValueError("there are no values to cut")
    ordered = table.sort_values("value", kind="stable")
    below = ordered.n_customers.cumsum().to_numpy()
    total = int(below[-1])
    # Whole numbers on both sides: no rounding can move a limit.
    places = [int(np.searchsorted(below * n_bins, total * step, side="left")) for step in range(1, n_bins)]
    return tuple(float(ordered.value.iloc[place]) for place in places)
