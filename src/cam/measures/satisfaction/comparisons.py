"""Differences between groups of answers, where the same customers may stand on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pandas as pd

from cam.measures.satisfaction.scores import NET, SHARE, design_effect, mean_difference

_COLUMNS = ["group", "n", "n_other", "difference", "low", "high", "p_value"]


def shared_covariance(one: Mapping[str, Any], other: Mapping[str, Any], shared: Mapping[str, Any]) -> float:
    """Return the covariance of two mean scores that comes of the customers who gave answers to both.

    Parameters
    ----------
    one, other : mapping
        ``n`` and ``total`` of each group of answers.
    shared : mapping
        Sums over customers as from :func:`cam.reduce.responses.shared_sums`: ``tt``, ``tm``, ``mt``, ``mm``.

    Returns
    -------
    float
        In squares of the score. 0 where nobody is in both.

    Notes
    -----
    With t and m the total and number of a customer's answers, and x the mean of the group, the covariance is
    the sum over customers of (t - m x)(t' - m' x') / (n n'): exact in whole numbers, as the variance over
    clusters is.

    References
    ----------
    Kish, L. (1965). Survey Sampling. Wiley. (Chapter 12: correlations from overlapping samples.)

    Examples
    --------
    >>> before, after = {"n": 4, "total": 0}, {"n": 4, "total": 0}
    >>> shared_covariance(before, after, {"tt": 4, "tm": 0, "mt": 0, "mm": 4})  # each says the same again
    0.25
    """
    n, k, total, other_total = int(one["n"]), int(other["n"]), int(one["total"]), int(other["total"])
    # All times n k, in whole numbers: the order of rows cannot touch the last digit.
    whole = (
        n * k * int(shared["tt"])
        - n * other_total * int(shared["tm"])
        - k * total * int(shared["mt"])
        + total * other_total * int(shared["mm"])
    )
    return whole / (n * k) ** 2


def compare_with_rest(sums: pd.DataFrame, *, fewest: int, is_share: bool) -> pd.DataFrame:
    """Compare each group with all other groups together.

    Parameters
    ----------
    sums : DataFrame
        One row per group of one grouping: *group* and the sums of :func:`cam.reduce.responses.answer_sums`.
    fewest : int
        A group with fewer answers, or one whose rest has fewer, is not compared; its answers stay in the rest of the
        others.
    is_share : bool
        Whether scores are 0 and 1, and not -1, 0 and 1.

    Returns
    -------
    DataFrame
        *group*, *n*, *n_other* (the rest's), *difference* with *low* and *high* (points: promoters less detractors, or
        percentage points), *p_value* (two-sided, that the group is as the rest is), in the order given.

    Examples
    --------
    >>> one = {"n": 100, "total": 30, "squared": 70, "tt": 70, "tm": 30, "mm": 100, "tt_all": 70, "tm_all": 30,
    ...     "mt_all": 30, "mm_all": 100}
    >>> found = compare_with_rest(pd.DataFrame([{"group": "a", **one}, {"group": "b", **one}]), fewest=30,
    ...     is_share=False)
    >>> found[["group", "n_other", "difference", "p_value"]].values.tolist()
    [['a', 100, 0.0, 1.0], ['b', 100, 0.0, 1.0]]
    """
    rows = []
    names = ("n", "total", "squared", "tt_all", "tm_all", "mt_all", "mm_all")
    whole = {name: sum(map(int, sums[name])) for name in names}
    for row in sums.to_dict("records"):
        one = {str(name): value for name, value in row.items()}
        rest = {name: whole[name] - int(one[name]) for name in ("n", "total", "squared")}
        if min(int(one["n"]), rest["n"]) < fewest:
            continue
        # Customers' sums in the rest are those in all less those here: (T - t)(M - m) and so on, multiplied out.
        rest |= {
            "tt": whole["tt_all"] - 2 * int(one["tt_all"]) + int(one["tt"]),
            "tm": whole["tm_all"] - int(one["tm_all"]) - int(one["mt_all"]) + int(one["tm"]),
            "mm": whole["mm_all"] - 2 * int(one["mm_all"]) + int(one["mm"]),
        }
        shared = {
            "tt": int(one["tt_all"]) - int(one["tt"]),
            "tm": int(one["tm_all"]) - int(one["tm"]),
            "mt": int(one["mt_all"]) - int(one["tm"]),
            "mm": int(one["mm_all"]) - int(one["mm"]),
        }
        value, low, high, p_value = mean_difference(
            one,
            rest,
            design_effects=(design_effect(one), design_effect(rest)),
            covariance=shared_covariance(one, rest, shared),
            added=SHARE if is_share else NET,
        )
        rows.append(
            {
                "group": one["group"],
                "n": int(one["n"]),
                "n_other": rest["n"],
                "difference": 100 * value,
                "low": 100 * low,
                "high": 100 * high,
                "p_value": p_value,
            }
        )
    return pd.DataFrame(rows, columns=_COLUMNS)


def compare_with_last(sums: pd.DataFrame, shared: pd.DataFrame, *, is_share: bool = False) -> pd.DataFrame:
    """Compare each wave with the wave before it.

    Parameters
    ----------
    sums : DataFrame
        One row per wave in the order of time: *group* and the sums of :func:`cam.reduce.responses.answer_sums`.
    shared : DataFrame
        As from :func:`cam.reduce.responses.shared_sums` for these waves; a pair of waves that is not in it shares no
        customer.
    is_share : bool
        Whether scores are 0 and 1, and not -1, 0 and 1.

    Returns
    -------
    DataFrame
        One row per wave but the first: *before*, *group*, *n*, *n_other* (of the wave before), *n_shared* (customers
        in both), *difference* with *low* and *high* (points), *p_value* (two-sided, that nothing changed).

    Examples
    --------
    >>> one = {"n": 100, "total": 30, "squared": 70, "tt": 70, "tm": 30, "mm": 100}
    >>> waves = pd.DataFrame([{"group": "a", **one}, {"group": "b", **one}])
    >>> nobody = pd.DataFrame(columns=["before", "group", "n_customers", "tt", "tm", "mt", "mm"])
    >>> compare_with_last(waves, nobody)[["before", "group", "n_shared", "difference"]].values.tolist()
    [['a', 'b', 0, 0.0]]
    """
    known = {(row["before"], row["group"]): row for row in shared.to_dict("records")}
    rows = []
    for before, after in pairwise(sums.to_dict("records")):
        both = known.get((before["group"], after["group"]))
        value, low, high, p_value = mean_difference(
            after,
            before,
            design_effects=(design_effect(after), design_effect(before)),
            covariance=0.0 if both is None else shared_covariance(before, after, both),
            added=SHARE if is_share else NET,
        )
        rows.append(
            {
                "before": before["group"],
                "group": after["group"],
                "n": int(after["n"]),
                "n_other": int(before["n"]),
                "n_shared": 0 if both is None else int(both["n_customers"]),
                "difference": 100 * value,
                "low": 100 * low,
                "high": 100 * high,
                "p_value": p_value,
            }
        )
    return pd.DataFrame(rows, columns=["before", *_COLUMNS[:3], "n_shared", *_COLUMNS[3:]])
