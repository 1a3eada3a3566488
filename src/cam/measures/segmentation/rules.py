"""Named segments from RFM scores: one table, so that the rules are total and disjoint by construction."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

#: Segment by recency level (5 = bought lately) and by the mean level of frequency and value, 1 to 5.
_GRID = {
    5: ("new", "promising", "promising", "champions", "champions"),
    4: ("new", "promising", "promising", "loyal", "champions"),
    3: ("hibernating", "needs_attention", "needs_attention", "loyal", "loyal"),
    2: ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    1: ("hibernating", "hibernating", "at_risk", "cannot_lose", "cannot_lose"),
}

#: All segments, the most engaged first; tables and figures keep this order.
SEGMENTS = (
    "champions",
    "loyal",
    "promising",
    "new",
    "needs_attention",
    "at_risk",
    "cannot_lose",
    "hibernating",
)


def name_segments(scores: pd.DataFrame, *, n_bins: int | Mapping[str, int] = 5) -> pd.Series:
    """Name the segment of each combination of scores.

    Turns *r_score, f_score, m_score* into *segment*.

    Parameters
    ----------
    scores : DataFrame
        ``r_score``, ``f_score``, ``m_score``: integers from 1 (worst) to *n_bins* (best).
    n_bins : int or mapping of str to int
        The best score; of all three, or of ``recency``, ``frequency`` and ``monetary``. Other numbers of bins
        are brought to five levels first.

    Returns
    -------
    Series of str
        ``segment``, one of :data:`SEGMENTS`, with the index of *scores*.

    Raises
    ------
    ValueError
        If a score is outside 1 to *n_bins*.

    Examples
    --------
    >>> cells = pd.DataFrame({"r_score": [5, 1], "f_score": [5, 1], "m_score": [4, 2]})
    >>> name_segments(cells).tolist()
    ['champions', 'hibernating']
    """
    measures = ("recency", "frequency", "monetary")
    best = dict.fromkeys(measures, n_bins) if isinstance(n_bins, int) else n_bins
    for measure in measures:
        if not scores[f"{measure[0]}_score"].isin(range(1, best[measure] + 1)).all():
            raise ValueError(f"{measure[0]}_score must be whole numbers from 1 to {best[measure]}")
    n_f, n_m = best["frequency"], best["monetary"]
    # Ceilings of whole-number ratios, so that no rounding can move a customer.
    recency = -(-5 * scores.r_score // best["recency"])
    engagement = -(-5 * (scores.f_score * n_m + scores.m_score * n_f) // (2 * n_f * n_m))
    named = [_GRID[int(r)][int(e) - 1] for r, e in zip(recency, engagement, strict=True)]
    return pd.Series(named, index=scores.index, name="segment", dtype="str")
