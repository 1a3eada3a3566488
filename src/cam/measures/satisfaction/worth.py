"""What customers did after an answer, by what they had answered: levels, and differences among those alike before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.estimate import CONFIDENCE, Estimate, wilson_interval
from cam.stratified import compare_within

Floats = NDArray[np.float64]
#: Classes of each number that says how a customer stood.
N_CLASSES = 5
DAYS_PER_YEAR = 365.25


def standing_strata(
    answers: pd.DataFrame, *, columns: Sequence[str], n_classes: int = N_CLASSES
) -> pd.DataFrame:
    """Put answers of customers who stood alike into one stratum.

    Turns *period* and numbers into the same with *stratum*.

    Parameters
    ----------
    answers : DataFrame
        One row per answer, with *columns* and, if it is there, ``period`` (integer), which is kept whole.
    columns : sequence of str
        Numbers, each cut into classes of about as many answers; equal numbers never fall apart.
    n_classes : int
        Classes of each, at least 1.

    Returns
    -------
    DataFrame
        *answers* with ``stratum`` (integer).

    Raises
    ------
    ValueError
        If a number is missing, or *n_classes* is below 1.

    Notes
    -----
    Five classes of a number take away about nine tenths of the difference that comes of it; the rest stays.

    References
    ----------
    Cochran, W. G. (1968). The effectiveness of adjustment by subclassification in removing bias in observational
    studies. Biometrics 24, 295-313. (Table 1.)

    Examples
    --------
    >>> table = pd.DataFrame({"number": [1, 1, 1, 7, 8, 9]})
    >>> standing_strata(table, columns=["number"], n_classes=2)["stratum"].tolist()
    [0, 0, 0, 1, 1, 1]
    """
    if n_classes < 1 or answers[list(columns)].isna().any(axis=None):
        raise ValueError("strata need n_classes of 1 or more, and every number")
    cuts = np.arange(1, n_classes) / n_classes
    keys = [answers["period"].to_numpy()] if "period" in answers.columns else []
    for name in columns:
        values = answers[name].to_numpy(float)
        keys.append(
            np.searchsorted(np.quantile(values, cuts), values, side="left") if len(values) else values
        )
    if not keys:
        return answers.assign(stratum=0)
    return answers.assign(
        stratum=pd.DataFrame(dict(enumerate(keys)), index=answers.index)
        .groupby(list(range(len(keys))))
        .ngroup()
    )


def group_levels(answers: pd.DataFrame, *, outcomes: Sequence[str], fewest: int = 2) -> pd.DataFrame:
    """Estimate the mean of each outcome in each group.

    Turns *customer, group, …* into *group, outcome, n, n_customers, value, low, high*.

    Parameters
    ----------
    answers : DataFrame
        One row per answer: ``customer`` (who), ``group`` (text), the outcomes (numbers; a missing one is left out) and,
        if it is there, ``weight`` (above 0).
    outcomes : sequence of str
        Columns. One of 0 and 1 alone is a share.
    fewest : int
        A group with fewer customers is not rated: its numbers are missing.

    Returns
    -------
    DataFrame
        One row per group and outcome, in the order of the alphabet and of *outcomes*: ``n`` (answers), ``n_customers``,
        ``value``, ``low``, ``high`` (95 %).

    Notes
    -----
    One customer's answers are alike, so the error is summed over customers, not answers. A mean has Student's interval,
    a share Wilson's with the answers divided by the design effect, so that it stays within 0 and 1.

    References
    ----------
    Rao, J. N. K., Scott, A. J. (1992). A simple method for the analysis of clustered binary data. Biometrics 48,
    577-585.

    Examples
    --------
    >>> table = pd.DataFrame({"customer": range(40), "group": "promoter", "stayed": [1, 0, 1, 1] * 10})
    >>> group_levels(table, outcomes=["stayed"])[["n", "value", "low", "high"]].round(3).values.tolist()
    [[40.0, 0.75, 0.596, 0.859]]
    """
    rows = []
    for group, own in _in_order(answers, outcomes).groupby("group", sort=True):
        for outcome in outcomes:
            known = own[own[outcome].notna()]
            row = {
                "group": group,
                "outcome": outcome,
                "n": len(known),
                "n_customers": known["customer"].nunique(),
            }
            value, low, high = (
                _level(known, outcome) if row["n_customers"] >= max(fewest, 2) else (np.nan,) * 3
            )
            rows.append(row | {"value": value, "low": low, "high": high})
    return pd.DataFrame(rows, columns=["group", "outcome", "n", "n_customers", "value", "low", "high"])


def matched_differences(
    answers: pd.DataFrame,
    *,
    pairs: Sequence[tuple[str, str]],
    outcomes: Sequence[str],
    fewest: int = 30,
) -> pd.DataFrame:
    r"""Compare groups within strata: by how much, and how many times as much.

    Turns *customer, group, stratum, …* into *group, against, outcome, difference, low, high, ratio, …*.

    Parameters
    ----------
    answers : DataFrame
        As for :func:`group_levels`, with ``stratum`` (integer). One stratum for all gives the plain difference.
    pairs : sequence of (str, str)
        The group that is compared, and the one that it is compared with.
    outcomes : sequence of str
        Columns.
    fewest : int
        Fewer customers of either group, with others to be compared with, are not rated.

    Returns
    -------
    DataFrame
        One row per outcome and pair: ``n_group``, ``n_against`` (answers with others in their stratum), ``n_alone``
        (answers of both without, left out), ``value``, ``other`` (means of both over the same strata with the same
        weights), ``difference``, ``low``, ``high``, ``ratio`` with its limits (missing where a mean is not above 0),
        ``p_value`` (of no difference) and ``verdict``: ``rated`` or ``few``, where the numbers are missing.

    Raises
    ------
    ValueError
        If a weight is not above 0.

    Notes
    -----
    With means :math:`\bar y_1` of :math:`n_1` answers of the one group and :math:`\bar y_0` of :math:`n_0` of the other
    in a stratum of :math:`N = n_1 + n_0` (with weights: their sums),

    .. math:: \hat\Delta = \frac{\sum w (\bar y_1 - \bar y_0)}{\sum w}, \quad w = \frac{n_1 n_0}{N}

    is Mantel and Haenszel's difference, here of any number: the coefficient of a regression with an effect of each
    stratum. Its residuals are summed over each customer and widened by N / (N - 1), so that small strata do not make
    the interval too narrow. The ratio is that of the two weighted means.

    References
    ----------
    Greenland, S., Robins, J. M. (1985). Estimation of a common effect parameter from sparse follow-up data. Biometrics
    41, 55-68. (Section 2.)

    Cameron, A. C., Miller, D. L. (2015). A practitioner's guide to cluster-robust inference. Journal of Human
    Resources 50, 317-372. (Section II.B.)

    Examples
    --------
    >>> table = pd.DataFrame({"customer": range(80), "group": ["promoter", "detractor"] * 40, "stratum": 0,
    ...     "revenue": [30.0, 20.0, 50.0, 20.0] * 20})
    >>> found = matched_differences(table, pairs=[("promoter", "detractor")], outcomes=["revenue"])
    >>> found[["value", "other", "difference", "low", "high", "ratio"]].round(2).values.tolist()
    [[40.0, 20.0, 20.0, 16.76, 23.24, 2.0]]
    """
    if "weight" in answers.columns and not (answers["weight"] > 0).all():
        raise ValueError("weights must be above 0")
    rows = []
    ordered = _in_order(answers, ["stratum", *outcomes])
    for outcome in outcomes:
        known = ordered[ordered[outcome].notna()]
        for group, against in pairs:
            both = known[known["group"].isin([group, against])]
            found = _compared(both, outcome, group)
            rows.append({"group": group, "against": against, "outcome": outcome} | _row(found, fewest))
    return pd.DataFrame(rows, columns=["group", "against", "outcome", *_COLUMNS])


def point_value(difference: Estimate, *, share_moved: float, n_customers: int, follow_days: int) -> Estimate:
    """Say what a point of the score goes with per year, if those who move become like those already there.

    Parameters
    ----------
    difference : Estimate
        Money per answer and *follow_days*, of one group less the other, with its interval.
    share_moved : float
        Share of customers (0 to 1) that a point moves from the other group to the one: 0.005 from detractors to
        promoters, for each counts twice; 0.01 between neighbours.
    n_customers : int
        Active customers.
    follow_days : int
        Days that the difference rests on.

    Returns
    -------
    Estimate
        ``value_per_point``, money per year. Linear in the shares, so the interval is that of the difference.

    Notes
    -----
    What goes with a score is not what a better score would bring. Keiningham and others (2007) could not confirm that
    it foretells growth better than other measures do. A ceiling to be tested, not a forecast.

    References
    ----------
    Reichheld, F. F. (2003). The one number you need to grow. Harvard Business Review 81 (12), 46-54.

    Keiningham, T. L., Cooil, B., Andreassen, T. W., Aksoy, L. (2007). A longitudinal examination of net promoter and
    firm revenue growth. Journal of Marketing 71 (3), 39-51.

    Examples
    --------
    >>> gap = Estimate("difference", 100.0, "EUR", 900, 40.0, 160.0)
    >>> found = point_value(gap, share_moved=0.005, n_customers=1000, follow_days=180)
    >>> round(found.value), round(found.low), round(found.high)
    (1015, 406, 1623)
    """
    times = share_moved * n_customers * DAYS_PER_YEAR / follow_days
    low, high = (None if limit is None else times * limit for limit in (difference.low, difference.high))
    return Estimate("value_per_point", times * difference.value, difference.unit, difference.n, low, high)


_COLUMNS = (
    *("n_group", "n_against", "n_alone", "verdict", "value", "other", "difference", "low", "high"),
    *("ratio", "ratio_low", "ratio_high", "p_value"),
)


@dataclass(frozen=True, slots=True)
class _Compared:
    """Two groups over their common strata: means, and what each customer adds to the errors."""

    n_group: int
    n_against: int
    n_alone: int
    n_fewest: int
    value: float
    other: float
    by_customer: Floats
    log_by_customer: Floats


def _in_order(answers: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Rows in one order, so that sums have the same bits whatever order they came in."""
    weight = answers["weight"] if "weight" in answers.columns else 1.0
    table = answers.assign(weight=weight)
    return table.sort_values(["customer", "group", *dict.fromkeys(columns), "weight"], ignore_index=True)


def _level(own: pd.DataFrame, outcome: str) -> tuple[float, float, float]:
    from scipy.special import stdtrit  # here, because it makes every start slower

    y, weight = own[outcome].to_numpy(float), own["weight"].to_numpy(float)
    who, customer = np.unique(own["customer"].to_numpy(), return_inverse=True)
    total = float(weight.sum())
    mean = float(np.sum(weight * y)) / total
    by_customer = np.bincount(customer, weight * (y - mean)) / total
    g = len(who)
    error = math.sqrt(g / (g - 1) * float(np.sum(by_customer**2)))
    if not np.isin(y, (0.0, 1.0)).all():
        half = float(stdtrit(g - 1.0, 0.5 + CONFIDENCE / 2)) * error
        return mean, mean - half, mean + half
    # All alike: nothing tells how alike one customer's answers are, so they are taken as one.
    n = min(mean * (1 - mean) / error**2, float(len(y))) if error > 0 else float(g)
    low, high = wilson_interval(min(mean * n, n), n)
    return mean, low, high


def _compared(both: pd.DataFrame, outcome: str, group: str) -> _Compared:
    is_one = (both["group"] == group).to_numpy()
    _codes, code = np.unique(both["stratum"].to_numpy(), return_inverse=True)
    _who, customer = np.unique(both["customer"].to_numpy(), return_inverse=True)
    found = compare_within(
        both[outcome].to_numpy(float),
        is_one,
        stratum=code,
        cluster=customer,
        weight=both["weight"].to_numpy(float),
        count=np.ones(len(both)),
    )
    used = found.is_used
    people = [len(np.unique(customer[used & side])) for side in (is_one, ~is_one)]
    return _Compared(
        int((used & is_one).sum()),
        int((used & ~is_one).sum()),
        int((~used).sum()),
        min(people),
        found.value,
        found.other,
        found.by_cluster,
        found.log_by_cluster,
    )


def _row(found: _Compared, fewest: int) -> dict[str, object]:
    from scipy.special import stdtr, stdtrit

    row: dict[str, object] = dict.fromkeys(_COLUMNS, np.nan)
    row |= {"n_group": found.n_group, "n_against": found.n_against, "n_alone": found.n_alone}
    row["verdict"] = "rated" if found.n_fewest >= max(fewest, 2) else "few"
    if row["verdict"] == "few":
        return row
    gap = found.value - found.other
    error = float(np.sqrt(np.sum(found.by_customer**2)))
    freedom = found.n_fewest - 1.0
    t = float(stdtrit(freedom, 0.5 + CONFIDENCE / 2))
    row |= {"value": found.value, "other": found.other, "difference": gap}
    row |= {"low": gap - t * error, "high": gap + t * error}
    # All alike: nothing is left to chance.
    row["p_value"] = float(2 * stdtr(freedom, -abs(gap) / error)) if error > 0 else float(gap == 0)
    if found.value > 0 and found.other > 0:
        ratio = found.value / found.other
        width = math.exp(t * float(np.sqrt(np.sum(found.log_by_customer**2))))
        row |= {"ratio": ratio, "ratio_low": ratio / width, "ratio_high": ratio * width}
    return row
