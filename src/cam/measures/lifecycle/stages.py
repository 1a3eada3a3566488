"""Where customers stand at each month's end: the rules for stages, counts, shares and what each stage brings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Estimate, Z, proportion

#: Most active first. Everybody who has bought is in exactly one of them at each month's end.
STAGES = ("first_time", "repeat", "loyal", "reactivated", "at_risk", "dormant", "lost")
#: Before the first purchase, in arrays of stages.
NOT_YET = -1
_FIRST, _REPEAT, _LOYAL, _BACK, _AT_RISK, _DORMANT, _LOST = range(len(STAGES))
#: Below so many customers a mean is given without an interval: theirs would not hold.
FEWEST = 30
#: Patterns from which the spread of a sum over customers is estimated; more would not make it firmer.
MOST_PATTERNS = 50_000
#: Months of patterns in one word, as cam.reduce.states packs them.
_WORD_MONTHS = 50


@dataclass(frozen=True, slots=True)
class StageRules:
    """The limits between stages, in calendar months.

    Attributes
    ----------
    loyal_months : int
        Months with a purchase from which on a customer is loyal.
    at_risk_months, dormant_months, lost_months : int
        Months since the last month with a purchase; each above the one before.

    Examples
    --------
    >>> StageRules(4, 3, 2, 12)
    Traceback (most recent call last):
    ...
    ValueError: months of silence must rise: at risk 3, dormant 2, lost 12
    """

    loyal_months: int
    at_risk_months: int
    dormant_months: int
    lost_months: int

    def __post_init__(self) -> None:
        if not 1 <= self.at_risk_months < self.dormant_months < self.lost_months:
            raise ValueError(
                f"months of silence must rise: at risk {self.at_risk_months}, dormant {self.dormant_months}, "
                f"lost {self.lost_months}"
            )
        if self.loyal_months < 2:
            raise ValueError(f"loyal needs 2 months with a purchase or more, not {self.loyal_months}")


def bought_months(patterns: pd.DataFrame, *, n_months: int) -> np.ndarray:
    """Unpack patterns into one column per month.

    Parameters
    ----------
    patterns : DataFrame
        ``pattern_0``, ``pattern_1``, …: bit *k* of word *w* says that there was a purchase in month 50 w + k.
    n_months : int
        Months 0 to *n_months* - 1 are kept.

    Returns
    -------
    array of bool
        One row per pattern, one column per month.

    Examples
    --------
    >>> bought_months(pd.DataFrame({"pattern_0": [5], "n_customers": [2]}), n_months=4).astype(int).tolist()
    [[1, 0, 1, 0]]
    """
    names = sorted((name for name in patterns if str(name).startswith("pattern_")), key=lambda n: int(n[8:]))
    bought = np.zeros((len(patterns), n_months), dtype=bool, order="F")
    for word, name in enumerate(names):
        bits = patterns[name].to_numpy(np.int64)
        for month in range(_WORD_MONTHS * word, min(_WORD_MONTHS * (word + 1), n_months)):
            bought[:, month] = (bits >> (month - _WORD_MONTHS * word)) & 1
    return bought


def stage_codes(bought: np.ndarray, *, rules: StageRules) -> np.ndarray:
    """Say in which stage each pattern is at the end of each month.

    Parameters
    ----------
    bought : array of bool
        As from :func:`bought_months`. Several purchases in one month count as one.
    rules : StageRules
        The limits.

    Returns
    -------
    array of int
        Positions in :data:`STAGES`, -1 before the first purchase; of the shape of *bought*.

    Notes
    -----
    With *s* months since the last month with a purchase: lost, dormant or at risk by *s*; else reactivated where the
    silence before that month had made dormant or lost; else by the number of months with a purchase. So a customer
    who came back is reactivated until the next month with a purchase, or until at risk again.

    Examples
    --------
    >>> bought = np.array([[1, 0, 0, 0, 1, 1]], dtype=bool)
    >>> rules = StageRules(loyal_months=3, at_risk_months=2, dormant_months=3, lost_months=9)
    >>> [STAGES[code] for code in stage_codes(bought, rules=rules)[0]]
    ['first_time', 'first_time', 'at_risk', 'dormant', 'reactivated', 'loyal']
    """
    n, n_months = bought.shape
    # By column and by table: a month of all patterns lies together, and each is looked up, not compared.
    codes = np.full((n, n_months), NOT_YET, dtype=np.int8, order="F")
    silences = np.arange(n_months + 1)
    limits = [rules.at_risk_months, rules.dormant_months, rules.lost_months]
    by_silence = np.array([NOT_YET, _AT_RISK, _DORMANT, _LOST], dtype=np.int8)[
        np.searchsorted(limits, silences, side="right")
    ]
    by_count = np.full(n_months + 1, _REPEAT, dtype=np.int8)
    by_count[rules.loyal_months :] = _LOYAL
    by_count[1] = _FIRST
    last = np.full(n, -1, dtype=np.int16)
    count = np.zeros(n, dtype=np.int16)
    is_back = np.zeros(n, dtype=bool)
    for month in range(n_months):
        now = np.flatnonzero(bought[:, month])
        before = last[now]
        is_back[now] = (before >= 0) & (month - before > rules.dormant_months)
        count[now] += 1
        last[now] = month
        silent = month - last
        active = np.where(is_back, np.int8(_BACK), by_count[count])
        code = np.where(silent < rules.at_risk_months, active, by_silence[np.minimum(silent, n_months)])
        codes[:, month] = np.where(last < 0, np.int8(NOT_YET), code)
    return codes


def pattern_stages(
    patterns: pd.DataFrame, bought: np.ndarray, codes: np.ndarray, *, month: int
) -> pd.DataFrame:
    """Say in which stage the customers of each pattern are at a month's end, and how long they have been silent.

    Parameters
    ----------
    patterns : DataFrame
        ``pattern_0``, ``pattern_1``, …; other columns are left out.
    bought : array of bool
        The same, unpacked by :func:`bought_months`.
    codes : array of int
        Their stages, from :func:`stage_codes`.
    month : int
        Which month; later ones change nothing.

    Returns
    -------
    DataFrame
        One row per pattern that had bought by then: its words, ``lifecycle_stage`` (text), ``months_silent`` (integer:
        calendar months since the last one with a purchase).

    Examples
    --------
    >>> patterns = pd.DataFrame({"pattern_0": [5, 8]})
    >>> bought = bought_months(patterns, n_months=4)
    >>> rules = StageRules(loyal_months=3, at_risk_months=1, dormant_months=2, lost_months=9)
    >>> pattern_stages(patterns, bought, stage_codes(bought, rules=rules), month=2).values.tolist()
    [[5, 'repeat', 0]]
    """
    code = codes[:, month]
    table = patterns[[name for name in patterns if str(name).startswith("pattern_")]].assign(
        lifecycle_stage=np.array(STAGES, dtype=object)[code],
        months_silent=bought[:, month::-1].argmax(axis=1).astype(np.int64),
    )
    return table[code != NOT_YET]


def count_stages(codes: np.ndarray, n_customers: np.ndarray, *, first_month: int) -> pd.DataFrame:
    """Count the customers in each stage at each month's end.

    Parameters
    ----------
    codes : array of int
        As from :func:`stage_codes`.
    n_customers : array of int
        Customers with each pattern.
    first_month : int
        Month 0 as year x 12 + month - 1.

    Returns
    -------
    DataFrame
        One row per month and stage, also where nobody is: ``month`` (text, ``YYYY-MM``), ``stage``,
        ``n_customers``, ``n_acquired`` (all who had bought by then: the sum over the stages).

    Examples
    --------
    >>> count_stages(np.array([[0, 0], [-1, 0]]), np.array([5, 2]), first_month=24312).query(
    ...     "stage == 'first_time'").values.tolist()
    [['2026-01', 'first_time', 5, 5], ['2026-02', 'first_time', 7, 7]]
    """
    rows = []
    for place in range(codes.shape[1]):
        counts = np.bincount(codes[:, place] + 1, weights=n_customers, minlength=len(STAGES) + 1)[1:]
        month = first_month + place
        name = f"{month // 12}-{month % 12 + 1:02d}"
        rows += [(name, stage, int(n), int(counts.sum())) for stage, n in zip(STAGES, counts, strict=True)]
    return pd.DataFrame(rows, columns=["month", "stage", "n_customers", "n_acquired"])


def stage_change(codes: np.ndarray, n_customers: np.ndarray, *, back: int) -> pd.DataFrame:
    """Compare the shares of the stages at the last month's end with those some months before.

    Parameters
    ----------
    codes : array of int
        As from :func:`stage_codes`.
    n_customers : array of int
        Customers with each pattern.
    back : int
        Months; 0 for no comparison.

    Returns
    -------
    DataFrame
        One row per stage: ``stage``, ``n_customers``, ``n_acquired``, ``share``, ``low``, ``high``; and where
        *back* is above 0 ``n_before``, ``share_before``, ``change`` with ``change_low`` and ``change_high``
        (percentage points).

    Notes
    -----
    The same customers stand in both months, so the interval of the change is that of the customers' own
    differences, not of two groups.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.11 (ratios) and 6.4. Wiley.

    Examples
    --------
    >>> table = stage_change(np.array([[0, 0], [0, 4]]), np.array([60, 40]), back=1)
    >>> table.loc[table["stage"] == "at_risk", ["share", "share_before", "change"]].values.tolist()
    [[0.4, 0.0, 40.0]]
    """
    rows = []
    for code, stage in enumerate(STAGES):
        share, before, change = share_change(codes, n_customers, codes_in=(code,), back=back)
        row = {
            "stage": stage,
            "n_customers": round(share.value * (share.n or 0)),
            "n_acquired": share.n,
            "share": share.value,
            "low": share.low,
            "high": share.high,
        }
        if before is not None and change is not None:
            row |= {
                "n_before": round(before.value * (before.n or 0)),
                "share_before": before.value,
                "change": change.value,
                "change_low": change.low,
                "change_high": change.high,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def share_change(
    codes: np.ndarray,
    n_customers: np.ndarray,
    *,
    codes_in: tuple[int, ...],
    back: int,
    of: tuple[int, ...] = tuple(range(len(STAGES))),
) -> tuple[Estimate, Estimate | None, Estimate | None]:
    """Return the share of customers in some stages now, some months before, and the change.

    Parameters
    ----------
    codes : array of int
        As from :func:`stage_codes`.
    n_customers : array of int
        Customers with each pattern.
    codes_in : tuple of int
        Positions in :data:`STAGES`.
    back : int
        Months; 0 for no comparison.
    of : tuple of int
        The stages whose customers are the whole; by default all who have bought.

    Returns
    -------
    tuple of Estimate
        Share now (Wilson), share before (Wilson), change in percentage points; the last two None without comparison.

    Raises
    ------
    ValueError
        If nobody is in *of* in one of the months.

    References
    ----------
    As :func:`stage_change`.

    Examples
    --------
    >>> now, before, change = share_change(np.array([[0, 0], [0, 4]]), np.array([60, 40]), codes_in=(4,), back=1)
    >>> now.value, before.value, round(change.low, 1), round(change.high, 1)
    (0.4, 0.0, 30.4, 49.6)
    """
    found = []
    for place in [-1, *([-1 - back] if back else [])]:
        whole = np.isin(codes[:, place], of)
        part = whole & np.isin(codes[:, place], codes_in)
        n, k = int(n_customers[whole].sum()), int(n_customers[part].sum())
        if n == 0:
            raise ValueError("nobody is in the stages whose customers are the whole")
        found.append((proportion("stage_share", k, n), (part - k / n * whole) / n))
    now, own = found[0]
    if not back:
        return now, None, None
    before, own_before = found[1]
    spread = math.sqrt(float((n_customers * (own - own_before) ** 2).sum()))
    gap = now.value - before.value
    change = Estimate(
        "stage_share_change", 100 * gap, "points", now.n, 100 * (gap - Z * spread), 100 * (gap + Z * spread)
    )
    return now, before, change


def stage_worth(sums: pd.DataFrame) -> pd.DataFrame:
    """Say what the customers of each stage brought in some months, in all and each.

    Parameters
    ----------
    sums : DataFrame
        ``stage``, ``n_customers``, ``revenue`` (money), ``squares`` (its square, summed over customers).

    Returns
    -------
    DataFrame
        One row per stage that holds anybody, in order of :data:`STAGES`: ``stage``, ``n_customers``, ``revenue``,
        ``revenue_share``, ``each`` (money per customer) with ``low`` and ``high`` (t interval of a mean; missing
        below :data:`FEWEST` customers).

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.8. Wiley.

    Examples
    --------
    >>> sums = pd.DataFrame({"stage": ["repeat"], "n_customers": [50], "revenue": [500.0], "squares": [5490.0]})
    >>> stage_worth(sums).round(2).values.tolist()
    [['repeat', 50, 500.0, 1.0, 10.0, 9.1, 10.9]]
    """
    from scipy.special import stdtrit  # here, because it makes every start slower

    table = sums.set_index("stage").reindex([name for name in STAGES if name in set(sums["stage"])])
    table = table.reset_index().astype({"n_customers": int, "revenue": float, "squares": float})
    n, total = table["n_customers"], table["revenue"].sum()
    each = table["revenue"] / n
    spread = ((table["squares"] - n * each**2) / (n - 1).clip(lower=1)).clip(lower=0)
    half = (stdtrit((n - 1).clip(lower=1), 0.5 + CONFIDENCE / 2) * np.sqrt(spread / n)).where(n >= FEWEST)
    share = table["revenue"] / total if total > 0 else np.nan
    table = table.assign(revenue_share=share, each=each, low=each - half, high=each + half)
    return table[["stage", "n_customers", "revenue", "revenue_share", "each", "low", "high"]]


def activity_by_cohort(bought: np.ndarray, n_customers: np.ndarray, *, first_month: int) -> pd.DataFrame:
    """Count the customers of each cohort who bought in each month of their age.

    Turns patterns into *cohort, age, n_active, n_customers*.

    Parameters
    ----------
    bought : array of bool
        As from :func:`bought_months`.
    n_customers : array of int
        Customers with each pattern.
    first_month : int
        Month 0 as year x 12 + month - 1.

    Returns
    -------
    DataFrame
        *cohort, age, n_active, n_customers* (integers), in order of cohort and age, where anybody bought: ``cohort`` is
        the month of the first purchase as year x 12 + month - 1, ``age`` counts calendar months from it,
        ``n_customers`` is the cohort's size.

    Examples
    --------
    >>> activity_by_cohort(np.array([[1, 1], [1, 0]], dtype=bool), np.array([2, 3]), first_month=0).values.tolist()
    [[0, 0, 5, 5], [0, 1, 2, 5]]
    """
    n_months = bought.shape[1]
    first = np.where(bought.any(axis=1), bought.argmax(axis=1), n_months)
    cells = np.zeros((n_months + 1, n_months), dtype=np.int64)
    for month in range(n_months):
        counts = np.bincount(first, weights=n_customers * bought[:, month], minlength=n_months + 1)
        cells[:, month] = counts.astype(np.int64)
    rows = [
        (first_month + cohort, month - cohort, int(cells[cohort, month]), int(cells[cohort, cohort]))
        for cohort in range(n_months)
        for month in range(cohort, n_months)
        if cells[cohort, month]
    ]
    return pd.DataFrame(rows, columns=["cohort", "age", "n_active", "n_customers"])


def spread_sample(n_customers: np.ndarray) -> tuple[np.ndarray, float]:
    """Choose patterns from which to estimate the spread of a sum over customers, evenly along their order.

    Parameters
    ----------
    n_customers : array of int
        Customers with each pattern.

    Returns
    -------
    tuple
        Places of the chosen patterns, all of them up to :data:`MOST_PATTERNS`; and by what their customers are
        multiplied to stand for everybody. Values themselves are always of all customers.

    Examples
    --------
    >>> places, scale = spread_sample(np.ones(120_000))
    >>> len(places), round(scale, 3)
    (40000, 3.0)
    """
    step = -(-len(n_customers) // MOST_PATTERNS) or 1
    places = np.arange(0, len(n_customers), step)
    chosen = float(n_customers[places].sum())
    return places, float(n_customers.sum()) / chosen if chosen else 1.0
