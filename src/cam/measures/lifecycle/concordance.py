"""How well a score of risk puts customers in the order in which they leave."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cam.measures.lifecycle.spans import Bools, Floats, Ints, spans

#: Scores in one block of the running count.
_BLOCK = 256


def concordance(table: pd.DataFrame, *, score: Floats, strata: Ints | None = None) -> float | None:
    """Return how often, of two customers of whom one left while the other was there, the one with more risk left.

    Parameters
    ----------
    table : DataFrame
        Cells or customers, as for :func:`spans`.
    score : array, n
        The risk of each row; the higher, the sooner.
    strata : array of int, n, optional
        Only customers of the same stratum are compared.

    Returns
    -------
    float or None
        0 to 1; 0.5 is chance, and equal scores count one half. None where there is no pair.

    Raises
    ------
    ValueError
        As :func:`spans`.

    References
    ----------
    Harrell, F. E., Lee, K. L., Mark, D. B. (1996). Multivariable prognostic models. Statistics in Medicine 15, 361-387,
    section 5.5.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 3], "event_observed": [True, True, False]})
    >>> round(concordance(table, score=np.array([2.0, 3.0, 1.0])), 4)
    0.6667
    """
    entry, duration, event, count = spans(table)
    parts = np.zeros(len(table), np.int64) if strata is None else np.asarray(strata)
    order = np.argsort(parts, kind="stable")
    order = order[count[order] > 0]
    columns = (entry, duration, event, count, np.asarray(score))
    won = pairs = 0.0
    for own in np.split(order, np.flatnonzero(np.diff(parts[order])) + 1):
        better, all_pairs = _pairs(*(column[own] for column in columns))
        won, pairs = won + better, pairs + all_pairs
    return won / pairs if pairs else None


def _pairs(
    entry: Floats, duration: Floats, event: Bools, count: Floats, score: Floats
) -> tuple[float, float]:
    """Count the pairs in which the one with more risk left first, and all pairs; by customers."""
    scores, rank = np.unique(score, return_inverse=True)
    n_blocks = len(scores) // _BLOCK + 1
    block, rest = np.divmod(rank, _BLOCK)
    times = np.unique(duration[event])
    # Compared with those who leave at times[j] are the rows with first <= j <= last.
    last = np.searchsorted(times, duration, side="right") - 1 - event
    first = np.searchsorted(times, entry, side="right")
    used = first <= last
    joins, goes = (
        _at_times(np.where(used, last, -1), len(times)),
        _at_times(np.where(used, first - 1, -1), len(times)),
    )
    asks = _at_times(np.where(event, np.searchsorted(times, duration), -1), len(times))
    # Who is there, by score, and in blocks of scores: so no sum runs over all scores for a few questions.
    there, sums = np.zeros((n_blocks, _BLOCK)), np.zeros(n_blocks)
    won = pairs = 0.0
    for j in range(len(times) - 1, -1, -1):
        for rows, sign in ((joins[j], 1.0), (goes[j], -1.0)):
            if rows.size:
                np.add.at(there, (block[rows], rest[rows]), sign * count[rows])
                np.add.at(sums, block[rows], sign * count[rows])
        own = asks[j]
        same = there[block[own], rest[own]]
        if own.size > n_blocks:
            below = np.cumsum(there.ravel())[rank[own]] - same
        else:
            inside = np.where(np.arange(_BLOCK) < rest[own][:, None], there[block[own]], 0.0).sum(axis=1)
            below = (np.cumsum(sums) - sums)[block[own]] + inside
        won += float((count[own] * (below + same / 2)).sum())
        pairs += float(count[own].sum() * sums.sum())
    return won, pairs


def _at_times(places: Ints, n: int) -> list[Ints]:
    """List the rows of each of n places; rows of place -1 are in none."""
    order = np.argsort(places, kind="stable")
    bounds = np.searchsorted(places[order], np.arange(n + 1))
    return [order[bounds[j] : bounds[j + 1]] for j in range(n)]
