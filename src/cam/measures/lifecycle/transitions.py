"""Moves between stages from month to month, how long customers stay in one, and what a move costs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from cam.estimate import Z, wilson_interval
from cam.measures.lifecycle.stages import FEWEST, NOT_YET, STAGES, spread_sample


def transition_table(
    codes: np.ndarray, n_customers: np.ndarray, *, n_moves: int, compare: bool = False
) -> pd.DataFrame:
    """Say from which stage customers move to which within a month, over the last months together.

    Parameters
    ----------
    codes : array of int
        As from :func:`cam.measures.lifecycle.stages.stage_codes`.
    n_customers : array of int
        Customers with each pattern.
    n_moves : int
        Month ends that moves lead to, counted back from the last.
    compare : bool
        Whether the *n_moves* month ends before are held against them.

    Returns
    -------
    DataFrame
        One row per pair of stages of which the first held anybody, also where nobody moved: ``from``, ``to``,
        ``n_moved`` and ``n_from`` (customer-months), ``n_customers`` (distinct, ever in the first), ``rate`` with
        ``low`` and ``high`` (per month, 0-1; missing below 30 customers); with *compare* ``rate_before``,
        ``change``, ``change_low``, ``change_high`` (percentage points; missing likewise). The rates of one stage add
        up to 1.

    Raises
    ------
    ValueError
        If there are not so many months.

    Notes
    -----
    One customer stands in several of the months, and who moved once is rather the one to move again. So the variance
    of a rate is that of a ratio of sums over customers, and Wilson's interval is taken for as many independent
    customer-months as would give that variance. Where each customer is there once it is Wilson's own. The interval
    of a change is that of the customers' own differences.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., sections 2.11 and 6.4. Wiley.
    Dean, N., Pagano, M. (2015). Evaluating confidence interval methods for binomial proportions in clustered surveys.
    Journal of Survey Statistics and Methodology 3, 484-503. (Wilson's interval with the effective sample size.)

    Examples
    --------
    >>> table = transition_table(np.array([[1, 1], [1, 4]]), np.array([75, 25]), n_moves=1)
    >>> table.query("n_moved > 0")[["from", "to", "n_moved", "n_from", "rate"]].values.tolist()
    [['repeat', 'repeat', 75, 100, 0.75], ['repeat', 'at_risk', 25, 100, 0.25]]
    """
    if n_moves < 1 or codes.shape[1] - 1 < n_moves * (1 + compare):
        raise ValueError(f"{codes.shape[1]} months hold fewer than {n_moves * (1 + compare)} moves")
    pairs = _pairs(codes)
    late, early = pairs[:, -n_moves:], pairs[:, -2 * n_moves : -n_moves]
    counts, old_counts = (_count_pairs(part, n_customers) for part in (late, early))
    chosen, scale = spread_sample(n_customers)
    weights = n_customers[chosen] * scale
    sampled, old_sampled = late[chosen], early[chosen]
    rows = []
    for start, name in enumerate(STAGES):
        n_from = int(counts[start].sum())
        if n_from == 0:
            continue
        n = _ever(late, start, n_customers)
        is_firm = n >= FEWEST
        has_before = compare and is_firm and _ever(early, start, n_customers) >= FEWEST
        stood = _times(sampled, start)
        before, n_before = _times(old_sampled, start), float(old_counts[start].sum())
        for end, other in enumerate(STAGES):
            code = len(STAGES) * start + end
            n_moved = int(counts[start, end])
            rate = n_moved / n_from
            own = ((sampled == code).sum(axis=1) - rate * stood) / n_from
            low, high = _clustered(rate, n, _total(weights, own**2)) if is_firm else (math.nan,) * 2
            row = {"from": name, "to": other, "n_moved": n_moved, "n_from": n_from, "n_customers": n}
            row |= {"rate": rate, "low": low, "high": high}
            if compare:
                row |= dict.fromkeys(("rate_before", "change", "change_low", "change_high"), math.nan)
            if has_before:
                old = float(old_counts[start, end]) / n_before
                own -= ((old_sampled == code).sum(axis=1) - old * before) / n_before
                half = 100 * Z * math.sqrt(_total(weights, own**2))
                gap = 100 * (rate - old)
                row |= {
                    "rate_before": old,
                    "change": gap,
                    "change_low": gap - half,
                    "change_high": gap + half,
                }
            rows.append(row)
    return pd.DataFrame(rows)


def time_in_stage(codes: np.ndarray, n_customers: np.ndarray) -> pd.DataFrame:
    """Say how many months customers stay in each stage before they leave it.

    Parameters
    ----------
    codes : array of int
        As from :func:`cam.measures.lifecycle.stages.stage_codes`.
    n_customers : array of int
        Customers with each pattern.

    Returns
    -------
    DataFrame
        One row per stage that anybody has entered: ``stage``; ``n_spells`` and ``n_left`` (how many of them have
        ended); ``n_customers``; ``median`` (the first number of months after which half have left, by Kaplan and
        Meier) with ``low`` and ``high``; each missing where less than half have left within what is seen, and all
        below 30 customers.

    Notes
    -----
    A stay that is not over on the last day is cut off there, not ended. The interval turns the log-log band of the
    curve round; its variance is that of sums over customers, who may enter a stage more than once.

    References
    ----------
    Brookmeyer, R., Crowley, J. (1982). A confidence interval for the median survival time. Biometrics 38, 29-41.
    Williams, R. L. (1995). Product-limit survival functions with correlated survival times. Lifetime Data Analysis
    1, 171-186.

    Examples
    --------
    >>> codes = np.array([[0, 1, 1, 4], [0, 0, 4, 5]])
    >>> time_in_stage(codes, np.array([50, 50]))[["n_spells", "median", "low", "high"]].values[0].tolist()
    [100.0, 1.0, 1.0, 2.0]
    """
    owners, stages, lengths, is_over = _spells(codes)
    rows = []
    for code, name in enumerate(STAGES):
        mine = stages == code
        if not mine.any():
            continue
        who, stayed, over = owners[mine], lengths[mine], is_over[mine]
        weights = n_customers[who]
        n = int(n_customers[np.unique(who)].sum())
        median, low, high = _median_stay(who, stayed, over, n_customers) if n >= FEWEST else (math.nan,) * 3
        rows.append((name, int(weights.sum()), int(weights[over].sum()), n, median, low, high))
    columns = ["stage", "n_spells", "n_left", "n_customers", "median", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def move_costs(table: pd.DataFrame, worth: pd.DataFrame, *, n_moves: int) -> pd.DataFrame:
    """Say by how much the customers who moved differ in what such customers go on to bring, per month.

    Parameters
    ----------
    table : DataFrame
        As from :func:`transition_table`.
    worth : DataFrame
        As from :func:`cam.measures.lifecycle.stages.stage_worth`, of the months after a date.
    n_moves : int
        Month ends of *table*.

    Returns
    -------
    DataFrame
        One row per move between two different stages of known worth with anybody on it, dearest first: ``from``,
        ``to``, ``per_month`` (customers a month), ``difference`` (money per customer: worth of the second less that
        of the first), ``total`` (money: both multiplied) with ``low`` and ``high``.

    Notes
    -----
    An association: who falls silent differs from who does not in more than the silence. The interval holds that of
    the two means, as of different customers, not that of the number of moves, which is counted.

    References
    ----------
    Zou, G. Y., Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
    Statistics in Medicine 27, 1693-1702. (Limits of a difference.)

    Examples
    --------
    >>> moves = pd.DataFrame({"from": ["loyal"], "to": ["at_risk"], "n_moved": [120]})
    >>> worth = pd.DataFrame({"stage": ["loyal", "at_risk"], "each": [90.0, 40.0], "low": [84.0, 32.0],
    ...     "high": [96.0, 48.0]})
    >>> move_costs(moves, worth, n_moves=12)[["per_month", "difference", "total", "low", "high"]].values.tolist()
    [[10.0, -50.0, -500.0, -600.0, -400.0]]
    """
    known = worth.dropna(subset=["low", "high"]).set_index("stage")
    moved = table[
        (table["from"] != table["to"])
        & (table["n_moved"] > 0)
        & table["from"].isin(known.index)
        & table["to"].isin(known.index)
    ]
    one, other = (known.loc[moved[side]].reset_index(drop=True) for side in ("from", "to"))
    each = pd.Series(moved["n_moved"].to_numpy() / n_moves, dtype=float)
    gap = other["each"] - one["each"]
    down = np.hypot(other["each"] - other["low"], one["high"] - one["each"])
    up = np.hypot(other["high"] - other["each"], one["each"] - one["low"])
    costs = pd.DataFrame(
        {
            "from": moved["from"].to_numpy(),
            "to": moved["to"].to_numpy(),
            "per_month": each,
            "difference": gap,
            "total": each * gap,
            "low": each * (gap - down),
            "high": each * (gap + up),
        }
    )
    return costs.sort_values("total", kind="stable").reset_index(drop=True)


def _total(weights: np.ndarray, numbers: np.ndarray) -> float:
    """Without BLAS, whose order of adding depends on the number of threads."""
    return float((weights * numbers).sum())


def _pairs(codes: np.ndarray) -> np.ndarray:
    """Stage before and after in one number per month end; -1 where there is no stage before."""
    before, after = codes[:, :-1], codes[:, 1:]
    return np.where(before == NOT_YET, -1, len(STAGES) * before + after).astype(np.int8)


def _count_pairs(pairs: np.ndarray, n_customers: np.ndarray) -> np.ndarray:
    """Customer-months by stage before and after."""
    size = len(STAGES) ** 2
    counts = np.zeros(size + 1)
    for month in range(pairs.shape[1]):
        counts += np.bincount(pairs[:, month] + 1, weights=n_customers, minlength=size + 1)
    return counts[1:].reshape(len(STAGES), len(STAGES))


def _ever(pairs: np.ndarray, start: int, n_customers: np.ndarray) -> int:
    """Customers who stood in a stage in any of the months."""
    low = len(STAGES) * start
    return int(n_customers[((pairs >= low) & (pairs < low + len(STAGES))).any(axis=1)].sum())


def _times(pairs: np.ndarray, start: int) -> np.ndarray:
    """In how many of the months each customer stood in a stage."""
    low = len(STAGES) * start
    return ((pairs >= low) & (pairs < low + len(STAGES))).sum(axis=1).astype(float)


def _clustered(rate: float, n: int, variance: float) -> tuple[float, float]:
    """Wilson's limits for as many independent trials as have this variance; for n customers where there is none."""
    alone = rate * (1 - rate)
    effective = alone / variance if variance > 0 and alone > 0 else float(n)
    return wilson_interval(min(rate * effective, effective), effective)


def _spells(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All stays in a stage: whose, which stage, how many month ends, and whether it is over."""
    n_months = codes.shape[1]
    is_start = codes != NOT_YET
    is_start[:, 1:] &= codes[:, 1:] != codes[:, :-1]
    owners, begins = np.nonzero(is_start)
    # Rows come in order: a stay ends where the same customer's next begins, or with the data.
    is_over = np.append(owners[1:] == owners[:-1], False) if len(owners) else np.zeros(0, dtype=bool)
    ends = np.append(begins[1:], n_months) if len(owners) else begins
    lengths = np.where(is_over, ends, n_months) - begins
    return owners, codes[owners, begins], lengths, is_over


def _median_stay(
    owners: np.ndarray, lengths: np.ndarray, is_over: np.ndarray, n_customers: np.ndarray
) -> tuple[float, float, float]:
    top = int(lengths.max())
    weights = n_customers[owners].astype(float)
    chosen, scale = spread_sample(n_customers)
    sampled = np.zeros(len(n_customers))
    sampled[chosen] = n_customers[chosen] * scale
    is_sampled = sampled[owners] > 0
    ended = np.bincount(lengths, weights=weights, minlength=top + 1)[1:]
    left = np.bincount(lengths, weights=weights * is_over, minlength=top + 1)[1:]
    at_risk = np.cumsum(ended[::-1])[::-1]
    hazard = left / at_risk
    stay = np.cumprod(1 - hazard)
    weight = 1 / (at_risk * np.where(hazard < 1, 1 - hazard, 1))
    own = np.zeros(len(n_customers))
    found: dict[str, float] = {}
    for month in range(1, top + 1):
        here = is_sampled & (lengths >= month)
        jump = (is_over & (lengths == month))[here].astype(float) - hazard[month - 1]
        own += np.bincount(owners[here], weights=weight[month - 1] * jump, minlength=len(own))
        chance = float(stay[month - 1])
        low = high = chance
        if 0 < chance < 1:
            spread = math.sqrt(_total(sampled, own**2))
            power = math.exp(Z * spread / abs(math.log(chance)))
            low, high = chance**power, chance ** (1 / power)
        for name, level in (("low", low), ("median", chance), ("high", high)):
            if level <= 0.5:
                found.setdefault(name, float(month))
        if "high" in found:
            break
    return tuple(found.get(name, math.nan) for name in ("median", "low", "high"))  # type: ignore[return-value]
