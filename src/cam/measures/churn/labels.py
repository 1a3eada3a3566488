"""The label before the model: at which cut-offs it can be given, what share left, and whether a model has a use."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd

from cam.estimate import Estimate, wilson_interval

#: Days since the last purchase at the cut-off; a value equal to a limit is below it.
RECENCY_LIMITS = (30, 90, 180)
#: Below this share of leavers even a perfect list of them changes little.
MIN_RATE = 0.02
#: Ten events for each of about ten features (Peduzzi et al. 1996).
MIN_EVENTS = 100


def cut_off_dates(
    as_of: date, *, first_date: date, observation_days: int, horizon_days: int, n_months: int = 12
) -> list[date]:
    """List the ends of months from which a label can be given: both windows lie within the data.

    Parameters
    ----------
    as_of : date
        Last day seen.
    first_date : date
        First day of the data.
    observation_days : int
        Days up to the cut-off, the cut-off among them.
    horizon_days : int
        Days after the cut-off.
    n_months : int
        At most so many, the latest.

    Returns
    -------
    list of date
        Rising; empty where the history is shorter than the two windows together.

    Examples
    --------
    >>> days = cut_off_dates(date(1998, 6, 30), first_date=date(1997, 1, 1), observation_days=365, horizon_days=90)
    >>> days[0].isoformat(), days[-1].isoformat()
    ('1997-12-31', '1998-03-31')
    """
    earliest = first_date + timedelta(days=observation_days - 1)
    latest = as_of - timedelta(days=horizon_days)
    found: list[date] = []
    for back in range(12 * latest.year + latest.month - 1, 0, -1):
        year, month = divmod(back, 12)
        day = date(year, month + 1, monthrange(year, month + 1)[1])
        if day < earliest or len(found) == n_months:
            break
        if day <= latest:
            found.append(day)
    return found[::-1]


def churn_table(counts: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Turn counts of customers and leavers into churn rates with their 95 % intervals.

    Turns *n_customers, n_churned* and the groups into these, summed, and *churn_rate, low, high*.

    Parameters
    ----------
    counts : DataFrame
        ``n_customers``, ``n_churned`` (integers) and the groups.
    by : sequence of str
        Columns that name a group.

    Returns
    -------
    DataFrame
        One row per group that holds a customer, in the order of the groups: ``churn_rate``, ``low`` and ``high``
        (0-1, Wilson).

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. Journal of the
    American Statistical Association 22, 209-212.

    Examples
    --------
    >>> counts = pd.DataFrame({"recency_bin": [1, 2], "n_customers": [10, 30], "n_churned": [1, 15]})
    >>> churn_table(counts, ["recency_bin"]).churn_rate.tolist()
    [0.1, 0.5]
    """
    table = counts.groupby(list(by), as_index=False)[["n_customers", "n_churned"]].sum()
    table = table[table["n_customers"] > 0].reset_index(drop=True)
    limits = [
        wilson_interval(left, n) for left, n in zip(table["n_churned"], table["n_customers"], strict=True)
    ]
    return table.assign(
        churn_rate=table["n_churned"] / table["n_customers"],
        low=[low for low, _ in limits],
        high=[high for _, high in limits],
    )


def recency_names(limits: Sequence[int] = RECENCY_LIMITS) -> list[str]:
    """Name the bins of days since the last purchase, most recent first.

    Parameters
    ----------
    limits : sequence of int
        Rising.

    Returns
    -------
    list of str
        One more than there are limits.

    Examples
    --------
    >>> recency_names()
    ['0-30', '31-90', '91-180', '181+']
    """
    starts = [0, *(limit + 1 for limit in limits)]
    return [*(f"{low}-{high}" for low, high in zip(starts, limits, strict=False)), f"{starts[-1]}+"]


def is_worth_a_model(rate: Estimate, *, came_back: float = 0.0) -> bool:
    """Say whether a model of churn has a use: at least 2 % leave, and 100 each have left and stayed to learn from.

    Parameters
    ----------
    rate : Estimate
        ``churn_rate`` with its ``n``.
    came_back : float
        Share (0-1) of those counted as having left who were only pausing; they are no leavers to learn from.

    Returns
    -------
    bool

    References
    ----------
    Peduzzi, P., Concato, J., Kemper, E., Holford, T. R., Feinstein, A. R. (1996). A simulation study of the number
    of events per variable in logistic regression analysis. Journal of Clinical Epidemiology 49, 1373-1379. (Ten
    events per variable; about ten variables are assumed here.)

    Examples
    --------
    >>> is_worth_a_model(Estimate("churn_rate", 0.01, "share", 50_000))
    False
    >>> is_worth_a_model(Estimate("churn_rate", 0.2, "share", 5_000))
    True
    >>> is_worth_a_model(Estimate("churn_rate", 0.05, "share", 2_500), came_back=0.6)
    False
    """
    left = rate.value * (1 - came_back)
    rarer = min(left, 1 - left) * (rate.n or 0)
    return left >= MIN_RATE and round(rarer) >= MIN_EVENTS
