"""Named segments from RFM scores: one table, so that the rules are total and disjoint by construction."""

from __future__ import annotations

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


def name_segments(scores: pd.DataFrame, *, n_bins: int = 5) -> pd.Series:
    """Name the segment of each combination of scores.

    Turns *r_score, f_score, m_score* into *segment*.

    Parameters
    ----------
    scores : DataFrame
        ``r_score``, ``f_score``, ``m_score``: integers from 1 (worst) to *n_bins* (best).
    n_bins : int
        The best score. Other numbers of bins are brought to five levels first.

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
    columns = ["r_score", "f_score", "m_score"]
    values = scores[columns]
    if not values.isin(range(1, n_bins + 1)).all(axis=None):
        raise ValueError(f"scores must be whole numbers from 1 to {n_bins}")
    # Ceilings of whole-number ratios, so that no rounding can move a customer.
    recency = -(-5 * values.r_score // n_bins)
    engagement = -(-5 * (values.f_score + values.m_score) // (2 * n_bins))
    named = [_GRID[int(r)][int(e) - 1] for r, e in zip(recency, engagement, strict=True)]
    return pd.Series(named, index=scores.index, name="segment", dtype="str")
