"""Who moved between the segments of two dates: transition shares, moves up and down, and what they were worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Z
from cam.measures.segmentation.rules import SEGMENTS

#: Where a customer can stand at a date, most engaged first; and, at the earlier date only, not yet a customer.
STATES = (*SEGMENTS, "lapsed")
NOT_YET = "not_yet"
#: What a move is measured on. Between segments of one level it is neither up nor down: "at risk" and "cannot lose"
#: differ in what was bought before, not in how far the customer has drifted away.
LEVELS = {
    "champions": 7,
    "loyal": 6,
    "promising": 5,
    "new": 4,
    "needs_attention": 3,
    "at_risk": 2,
    "cannot_lose": 2,
    "hibernating": 1,
    "lapsed": 0,
}
#: Every customer makes one of these; ``away``: no purchase in either window.
MOVES = ("up", "stayed", "down", "lapsed", "came_back", "new", "away")


def name_moves(pairs: pd.DataFrame) -> pd.Series:
    """Name the move from one segment to another.

    Turns *segment_before, segment_after* into *migration*.

    Parameters
    ----------
    pairs : DataFrame
        ``segment_before``: of :data:`STATES` or ``not_yet``; ``segment_after``: of :data:`STATES`.

    Returns
    -------
    Series of str
        ``migration``, of :data:`MOVES`, with the index of *pairs*: ``up`` and ``down`` by :data:`LEVELS`,
        ``stayed`` within a level, ``lapsed`` from a segment, ``came_back`` from ``lapsed`` to a segment, ``new``
        from ``not_yet`` to a segment, ``away`` where there is a segment at neither date.

    Raises
    ------
    ValueError
        If a segment is none of these.

    Examples
    --------
    >>> pairs = pd.DataFrame({"segment_before": ["champions", "at_risk", "loyal", "lapsed"],
    ...     "segment_after": ["loyal", "cannot_lose", "lapsed", "new"]})
    >>> name_moves(pairs).tolist()
    ['down', 'stayed', 'lapsed', 'came_back']
    """
    known = pairs["segment_before"].isin([*STATES, NOT_YET]) & pairs["segment_after"].isin(STATES)
    if not known.all():
        wrong = pairs[~known].iloc[0]
        raise ValueError(f"no move is known from {wrong['segment_before']} to {wrong['segment_after']}")
    moves = [_move(*pair) for pair in zip(pairs["segment_before"], pairs["segment_after"], strict=True)]
    return pd.Series(moves, index=pairs.index, name="migration", dtype="str")


def simultaneous_limits(counts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return 95 % limits of the shares of a whole that hold together: all of them, not each by itself.

    Parameters
    ----------
    counts : sequence of int
        Customers of each class, not all 0; classes without a customer count as classes.

    Returns
    -------
    tuple of ndarray
        Lower and upper limits, 0 to 1.

    Raises
    ------
    ValueError
        If nobody is counted.

    Notes
    -----
    The exact interval of each class at a confidence that k of them share (Bonferroni): a reader who picks the largest
    of nine shares in a row does not find it too often by chance. Goodman's intervals (1965, Technometrics 7, 247-254)
    are shorter, but where classes are as rare as in a transition table they hold together in 93.7 % of rows only.

    References
    ----------
    Clopper, C. J., Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated in the case of the
    binomial. Biometrika 26, 404-413.

    Examples
    --------
    >>> low, high = simultaneous_limits([44, 55, 43, 32, 67, 78])
    >>> float(low[0].round(4)), float(high[0].round(4))
    (0.0914, 0.1961)
    """
    from scipy.special import betaincinv  # here, because it makes every start slower

    found = np.asarray(counts, float)
    n = found.sum()
    if n <= 0:
        raise ValueError("shares need at least one customer")
    tail = (1 - CONFIDENCE) / (2 * len(found))
    # The quantiles of a beta distribution; where a parameter would be 0 the limit is the end itself.
    low = np.where(found == 0, 0.0, betaincinv(np.maximum(found, 1), n - found + 1, tail))
    high = np.where(found == n, 1.0, betaincinv(found + 1, np.maximum(n - found, 1), 1 - tail))
    return low, high


def transition_table(flows: pd.DataFrame, *, min_group: int) -> pd.DataFrame:
    """Set where the customers of each segment went against all of them; small segments are named, not rated.

    Turns *segment_before, segment_after, n_customers* into *n_before, share, low, high*.

    Parameters
    ----------
    flows : DataFrame
        One row per pair that has customers: ``segment_before``, ``segment_after``, ``n_customers`` (> 0), and the
        sums ``revenue_before``, ``revenue_after`` (money) and ``change_squared`` (of each customer's change).
    min_group : int
        Segments of fewer customers at the earlier date have counts, but no shares.

    Returns
    -------
    DataFrame
        For each segment that had customers at the earlier date one row per :data:`STATES`, in their order, with
        0 customers too: the columns of *flows* (float), *n_before* (customers of the segment), *share* of them
        (0-1) with *low* and *high*, which hold together for the segment; missing where it is small.

    Examples
    --------
    >>> flows = pd.DataFrame({"segment_before": ["loyal", "loyal"], "segment_after": ["loyal", "lapsed"],
    ...     "n_customers": [30, 10], "revenue_before": [9.0, 3.0], "revenue_after": [8.0, 0.0],
    ...     "change_squared": [1.0, 1.5]})
    >>> table = transition_table(flows, min_group=30)
    >>> len(table), table.share[table.segment_after == "lapsed"].tolist()
    (9, [0.25])
    """
    sums = ["n_customers", "revenue_before", "revenue_after", "change_squared"]
    pairs = flows.set_index(["segment_before", "segment_after"])[sums].astype(float)
    parts = []
    for name in [*STATES, NOT_YET]:
        if name not in set(flows["segment_before"]):
            continue
        row = pairs.loc[name].reindex(list(STATES), fill_value=0.0).rename_axis("segment_after").reset_index()
        n = int(row["n_customers"].sum())
        row.insert(0, "segment_before", name)
        limits = simultaneous_limits(row["n_customers"].tolist())
        is_rated = n >= min_group
        shares = (row["n_customers"].to_numpy() / n, *limits)
        row["n_before"] = n
        for column, values in zip(("share", "low", "high"), shares, strict=True):
            row[column] = values if is_rated else np.nan
        parts.append(row)
    table = pd.concat(parts, ignore_index=True)
    return table.astype({"n_customers": "int64", "n_before": "int64"})


def move_table(flows: pd.DataFrame) -> pd.DataFrame:
    """Sum what the customers of each move brought before and after, with the interval of the change.

    Turns *segment_before, segment_after, n_customers, revenue_before, revenue_after* into *migration, change*.

    Parameters
    ----------
    flows : DataFrame
        As for :func:`transition_table`, with ``n_near`` (customers of whom no score differs by more than one bin).

    Returns
    -------
    DataFrame
        One row per :data:`MOVES` that somebody made, in their order: *migration, n_customers, n_near,
        customer_share* (0-1, of all customers), *revenue_before, revenue_after, change_squared* as in *flows*,
        *change* (money; the changes add up to that of all customers), *change_low, change_high* (missing where
        there is one customer in all).

    Examples
    --------
    >>> flows = pd.DataFrame({"segment_before": ["loyal", "loyal"], "segment_after": ["loyal", "lapsed"],
    ...     "n_customers": [30, 10], "n_near": [20, 0], "revenue_before": [90.0, 30.0], "revenue_after": [80.0, 0.0],
    ...     "change_squared": [10.0, 95.0]})
    >>> move_table(flows)[["migration", "n_customers", "change"]].values.tolist()
    [['stayed', 30, -10.0], ['lapsed', 10, -30.0]]
    """
    money = ["revenue_before", "revenue_after", "change_squared"]
    # Added up as they come, so that exact amounts stay exact as long as they can.
    summed = (
        flows.assign(migration=name_moves(flows))
        .groupby("migration")[["n_customers", "n_near", *money]]
        .sum()
    )
    table = summed.reindex([name for name in MOVES if name in summed.index]).reset_index()
    n = int(table["n_customers"].sum())
    table["customer_share"] = table["n_customers"] / n
    changes = [total_change(table[table["migration"] == name], n=n) for name in table["migration"]]
    table[["change", "change_low", "change_high"]] = np.array(changes)
    table[money] = table[money].astype(float)
    return table


def total_change(rows: pd.DataFrame, *, n: int) -> tuple[float, float, float]:
    """Sum the change of revenue of some of the customers, with its 95 % interval.

    Parameters
    ----------
    rows : DataFrame
        ``revenue_before``, ``revenue_after`` and ``change_squared``: sums over the customers of each row.
    n : int
        All customers, those of other rows too.

    Returns
    -------
    tuple of float
        The change (money) and its limits; these are NaN where there is one customer in all.

    Notes
    -----
    The customers are taken as a sample of those whom the business could have had. How many of them are in *rows*
    is chance too, so the sum is one over all customers, of whom the others count as 0.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.13 (totals over subpopulations), without the
    correction for finite populations. Wiley.

    Examples
    --------
    >>> rows = pd.DataFrame({"revenue_before": [30.0], "revenue_after": [0.0], "change_squared": [95.0]})
    >>> [round(number, 1) for number in total_change(rows, n=40)]
    [-30.0, -46.9, -13.1]
    """
    change = float(rows["revenue_after"].sum() - rows["revenue_before"].sum())
    if n < 2:
        return change, math.nan, math.nan
    spread = max(float(rows["change_squared"].sum()) - change**2 / n, 0.0)
    half = Z * math.sqrt(spread * n / (n - 1))
    return change, change - half, change + half


def _move(before: str, after: str) -> str:
    if before in (NOT_YET, "lapsed"):
        return "away" if after == "lapsed" else {"lapsed": "came_back", NOT_YET: "new"}[before]
    if after == "lapsed":
        return "lapsed"
    step = LEVELS[after] - LEVELS[before]
    return "stayed" if step == 0 else "up" if step > 0 else "down"
