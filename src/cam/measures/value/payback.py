"""When a cohort's margin has paid for its acquisition, and what a customer is worth per unit of that cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Estimate
from cam.measures.value.acquisition import cac

#: A month in days.
DAYS_PER_MONTH = 30.4375
#: Customers below which the mean margin of a cohort is not given an interval that would hold.
FEWEST = 30


def margin_curves(sums: pd.DataFrame, sizes: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Return the cumulative discounted margin per acquired customer of each cohort by months since acquisition.

    Parameters
    ----------
    sums : DataFrame
        ``cohort``, ``age``, ``margin``, ``squares`` (in cents and cents squared), as from
        :func:`cam.reduce.payback.margin_by_age`. Ages below 0 are left out.
    sizes : DataFrame
        ``cohort``, ``n_customers``, ``last_day``, as from :func:`cam.reduce.payback.cohort_sizes`: all who were
        acquired, those who brought no margin among them.
    as_of : date
        Last day seen: a cohort's curve ends at the last age that the whole cohort has reached.

    Returns
    -------
    DataFrame
        One row per cohort and age from 0: *cohort*, *age* (months), *n_customers*, *margin* with *low* and *high*
        (money per customer, t interval of a mean), *total* and *squares* (money and its square, summed over
        customers), in order. Cohorts below :data:`FEWEST` customers are left out.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.8. Wiley.

    Examples
    --------
    >>> sums = pd.DataFrame({"cohort": "2026-Q1", "age": [0, 1], "margin": [60000, 3000], "squares": [12400, 900]})
    >>> sizes = pd.DataFrame({"cohort": ["2026-Q1"], "n_customers": [30], "last_day": [date(2026, 3, 31)]})
    >>> margin_curves(sums, sizes, as_of=date(2026, 5, 1))[["age", "margin"]].values.tolist()
    [[0.0, 20.0], [1.0, 21.0]]
    """
    parts = []
    for size in sizes.sort_values("cohort").to_dict("records"):
        seen = (pd.Timestamp(as_of) - pd.Timestamp(size["last_day"])).days
        if size["n_customers"] < FEWEST or seen < 0:
            continue
        ages = np.arange(math.floor(seen / DAYS_PER_MONTH) + 1)
        own = sums[sums["cohort"] == size["cohort"]].set_index("age")[["margin", "squares"]]
        # Whole numbers until they are summed up, as Python counts them: the squares of cents are long.
        own = own.map(int).astype(object).reindex(ages, fill_value=0).cumsum()
        parts.append(
            pd.DataFrame(
                {
                    "cohort": size["cohort"],
                    "age": ages,
                    "n_customers": int(size["n_customers"]),
                    "total": own["margin"].astype(float).to_numpy() / 100,
                    "squares": own["squares"].astype(float).to_numpy() / 10_000,
                }
            )
        )
    columns = ["cohort", "age", "n_customers", "margin", "low", "high", "total", "squares"]
    if not parts:
        return pd.DataFrame(columns=columns)
    return _with_limits(pd.concat(parts, ignore_index=True))[columns]


def pooled_curve(curves: pd.DataFrame, *, min_months: int) -> pd.DataFrame:
    """Put all cohorts together that have been seen for some months, as one cohort ``all``.

    Parameters
    ----------
    curves : DataFrame
        As from :func:`margin_curves`.
    min_months : int
        Months since acquisition that a cohort must have reached; the curve goes as far as all of them have.

    Returns
    -------
    DataFrame
        As *curves*, with *cohorts*, the tuple of names that it holds; empty where no cohort is old enough.

    Examples
    --------
    >>> curves = pd.DataFrame({"cohort": ["a", "a", "b"], "age": [0, 1, 0], "n_customers": 50, "total": [5.0, 8.0, 9.0],
    ...     "squares": [9.0, 9.0, 9.0]})
    >>> pooled_curve(curves, min_months=1)[["n_customers", "margin"]].values.tolist()
    [[50.0, 0.1], [50.0, 0.16]]
    """
    reached = curves.groupby("cohort")["age"].max()
    old = reached[reached >= min_months]
    kept = curves[curves["cohort"].isin(old.index) & (curves["age"] <= (old.min() if len(old) else -1))]
    table = kept.groupby("age", as_index=False)[["n_customers", "total", "squares"]].sum()
    table = _with_limits(table.assign(cohort="all"))
    return table.assign(cohorts=[tuple(old.index)] * len(table))


def payback(curves: pd.DataFrame, costs: pd.DataFrame, *, currency: str) -> pd.DataFrame:
    """Find how many months each cohort needed to bring back, in discounted margin, what it cost to win.

    Parameters
    ----------
    curves : DataFrame
        As from :func:`margin_curves`.
    costs : DataFrame
        ``cohort``, ``spend`` (money), ``n_new``, of the same cohorts.
    currency : str
        ISO code.

    Returns
    -------
    DataFrame
        One row per cohort that has a curve and a cost: *cohort*, *n_customers*, *cac* with *cac_low* and *cac_high*,
        *payback_months* (the first age at which the mean cumulative margin reaches the cost) with *low* and *high*,
        each missing where it lies beyond *months_seen*, and *margin* with *margin_low* and *margin_high* at that last
        age.

    Notes
    -----
    The interval turns a test round. At each age the difference of margin and cost has limits that combine those of
    the two (MOVER); *low* is the first age at which its upper limit is not below 0, *high* the first at which its
    lower limit is not. A cohort whose curve ends before is censored there, not paid back at infinity.

    References
    ----------
    Zou, G. Y., Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
    Statistics in Medicine 27, 1693-1702. (Limits of a difference.)

    Examples
    --------
    >>> curves = pd.DataFrame({"cohort": "a", "age": [0, 1, 2], "n_customers": 400, "margin": [10.0, 20.0, 30.0],
    ...     "low": [9.0, 18.0, 27.0], "high": [11.0, 22.0, 33.0]})
    >>> costs = pd.DataFrame({"cohort": ["a"], "spend": [7600.0], "n_new": [400]})
    >>> payback(curves, costs, currency="USD")[["cac", "payback_months", "low", "high"]].values.tolist()
    [[19.0, 1.0, 1.0, 2.0]]
    """
    rows = []
    known = costs[(costs["spend"] > 0) & (costs["n_new"] > 0)].set_index("cohort")
    for cohort, curve in curves.groupby("cohort", sort=True):
        if cohort not in known.index:
            continue
        cost = cac(float(known.at[cohort, "spend"]), int(known.at[cohort, "n_new"]), currency=currency)
        cheap, dear = _limits(cost)
        gap = curve["margin"] - cost.value
        down = np.hypot(curve["margin"] - curve["low"], dear - cost.value)
        up = np.hypot(curve["high"] - curve["margin"], cost.value - cheap)
        last = curve.iloc[-1]
        rows.append(
            {
                "cohort": cohort,
                "n_customers": int(last["n_customers"]),
                "cac": cost.value,
                "cac_low": cheap,
                "cac_high": dear,
                "payback_months": _first(curve["age"], gap >= 0),
                "low": _first(curve["age"], gap + up >= 0),
                "high": _first(curve["age"], gap - down >= 0),
                "months_seen": int(last["age"]),
                "margin": float(last["margin"]),
                "margin_low": float(last["low"]),
                "margin_high": float(last["high"]),
            }
        )
    columns = ["cohort", "n_customers", "cac", "cac_low", "cac_high", "payback_months", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "months_seen", "margin", "margin_low", "margin_high"])


def clv_to_cac(clv: Estimate, cost: Estimate, *, segment: Mapping[str, str] | None = None) -> Estimate:
    """Return what a new customer is worth per unit of what winning one costs.

    Parameters
    ----------
    clv : Estimate
        Discounted margin that a new customer brings, from acquisition on, with its interval.
    cost : Estimate
        Cost of a new customer in the same currency, with its interval; positive.
    segment : mapping of str to str, optional
        What part it speaks of.

    Returns
    -------
    Estimate
        ``clv_to_cac``, a ratio; n is the smaller of the two.

    Raises
    ------
    ValueError
        If one has no interval, the currencies differ, or the cost or its lower limit is not positive.

    Notes
    -----
    Where the lower limit of *clv* is positive, the logarithms' limits are combined (MOVER, for independent
    estimates). Where it is not, there is no logarithm: then each end is the worst of the corners, which is wider
    than it needs to be. The ratio says nothing about when the money comes. That it should be about 3 is a rule of
    thumb of software companies, not a law.

    References
    ----------
    Zou, G. Y., Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
    Statistics in Medicine 27, 1693-1702. (Ratios by way of the logarithm.)

    Examples
    --------
    >>> worth = Estimate("clv", 300.0, "USD", 500, 250.0, 350.0)
    >>> ratio = clv_to_cac(worth, cac(10000.0, 100, currency="USD"))
    >>> ratio.value, round(ratio.low, 2), round(ratio.high, 2)
    (3.0, 2.28, 3.85)
    """
    if clv.unit != cost.unit:
        raise ValueError(f"clv_to_cac: {clv.unit} cannot be divided by {cost.unit}")
    low, high = ratio_limits(clv, cost)
    known = [one.n for one in (clv, cost) if one.n is not None]
    return Estimate(
        "clv_to_cac", clv.value / cost.value, "ratio", min(known, default=None), low, high, segment or {}
    )


def ratio_limits(one: Estimate, other: Estimate) -> tuple[float, float]:
    """Return the limits of a ratio of two independent estimates.

    Parameters
    ----------
    one, other : Estimate
        With their intervals; *other* and its lower limit are positive.

    Returns
    -------
    tuple of float
        By the logarithms where *one* is positive throughout, else from the corners.

    Raises
    ------
    ValueError
        If an interval is missing, or *other* is not positive throughout.

    References
    ----------
    As :func:`clv_to_cac`.

    Examples
    --------
    >>> half = Estimate("x", 0.5, "ratio", 9, 0.4, 0.6)
    >>> [round(limit, 3) for limit in ratio_limits(Estimate("y", 2.0, "ratio", 9, 2.0, 2.0), half)]
    [3.333, 5.0]
    """
    (low, high), (under, over) = _limits(one), _limits(other)
    if not under > 0:
        raise ValueError(f"a ratio needs a positive divisor; {other.figure} reaches down to {under}")
    if low <= 0:
        return low / (under if low < 0 else over), high / (under if high > 0 else over)
    down = math.hypot(math.log(one.value / low), math.log(over / other.value))
    up = math.hypot(math.log(high / one.value), math.log(other.value / under))
    ratio = one.value / other.value
    return ratio * math.exp(-down), ratio * math.exp(up)


def _limits(estimate: Estimate) -> tuple[float, float]:
    if estimate.low is None or estimate.high is None:
        raise ValueError(f"{estimate.figure} has no interval")
    return estimate.low, estimate.high


def _first(ages: pd.Series, reached: pd.Series) -> float:
    return float(ages[reached].iloc[0]) if reached.any() else float("nan")


def _with_limits(table: pd.DataFrame) -> pd.DataFrame:
    """Add the mean of the totals with its t interval."""
    from scipy.special import stdtrit  # here, because it makes every start slower

    n = table["n_customers"]
    mean = table["total"] / n
    spread = ((table["squares"] - table["total"] * mean) / (n - 1)).clip(lower=0)
    half = stdtrit(n - 1, 0.5 + CONFIDENCE / 2) * np.sqrt(spread / n)
    return table.assign(margin=mean, low=mean - half, high=mean + half)
