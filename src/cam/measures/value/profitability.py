"""What customers have brought so far: means and ratios with their intervals, and how far it hangs on few."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Estimate, Z

#: The share of customers that is called the top.
TOP_SHARE = 0.2


def mean_per_customer(
    figure: str, sums: Mapping[str, int], column: str, *, unit: str, scale: float = 1.0
) -> Estimate:
    """Return the mean of a column over customers, with its t interval.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    sums : mapping of str to int
        As from :func:`cam.reduce.earnings.earnings_sums`: ``n_customers`` (> 0), the column's sum, and the sum
        of its squares as ``<column>_<column>``.
    column : str
        Which column.
    unit : str
        As in :class:`cam.estimate.Estimate`.
    scale : float
        What one of the summed whole numbers is in *unit*: 0.01 for cents.

    Returns
    -------
    Estimate
        n is the number of customers. Without limits where there is one customer only.

    Raises
    ------
    ValueError
        If there is no customer.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.8. Wiley. The customers are taken as a sample
    of those whom the business could have had.

    Examples
    --------
    >>> sums = {"n_customers": 3, "revenue": 600, "revenue_revenue": 140000}
    >>> mean = mean_per_customer("revenue_per_customer", sums, "revenue", unit="USD", scale=0.01)
    >>> mean.value, round(mean.low, 4), round(mean.high, 4)
    (2.0, -0.4841, 4.4841)
    """
    n, total, squared = (int(sums[name]) for name in ("n_customers", column, f"{column}_{column}"))
    if n < 1:
        raise ValueError(f"{figure} needs at least one customer")
    # Whole numbers until the last division, so that nothing cancels.
    error = ((n * squared - total**2) / (n - 1)) ** 0.5 / n if n > 1 else None
    return _estimate(figure, total / n, error, n=n, clusters=n, unit=unit, scale=scale)


def ratio_per_customer(
    figure: str, sums: Mapping[str, int], over: str, under: str, *, unit: str, scale: float = 1.0
) -> Estimate:
    """Return the ratio of two columns' totals, with an interval that knows that they come in customers.

    The orders of one customer resemble each other, so 1,000 orders of 10 customers tell less than 1,000 orders
    of 1,000 customers. The variance is that of the linearised ratio over customers.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    sums : mapping of str to int
        As from :func:`cam.reduce.earnings.earnings_sums`, both columns in it, in this order: *under* first.
    over, under : str
        Which columns: the numerator, and the denominator, whose total is positive.
    unit : str
        As in :class:`cam.estimate.Estimate`.
    scale : float
        What one whole number over one whole number is in *unit*: 0.01 for cents per order.

    Returns
    -------
    Estimate
        n is the total of *under* where it counts (orders), else the number of customers.

    Raises
    ------
    ValueError
        If the total of *under* is not positive.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.11. Wiley.

    Examples
    --------
    >>> sums = {"n_customers": 2, "n_orders": 4, "revenue": 1000, "n_orders_n_orders": 10,
    ...     "n_orders_revenue": 2600, "revenue_revenue": 680000}
    >>> value = ratio_per_customer("mean_order_value", sums, "revenue", "n_orders", unit="USD", scale=0.01)
    >>> value.value, value.n
    (2.5, 4)
    """
    n, y, x = (int(sums[name]) for name in ("n_customers", over, under))
    yy, xy, xx = (int(sums[name]) for name in (f"{over}_{over}", f"{under}_{over}", f"{under}_{under}"))
    if x <= 0:
        raise ValueError(f"{figure} needs a positive total of {under}; got {x}")
    residual = x * x * yy - 2 * x * y * xy + y * y * xx
    error = (n / (n - 1) * residual) ** 0.5 / x**2 if n > 1 else None
    counted = x if under.startswith("n_") else n
    return _estimate(figure, y / x, error, n=counted, clusters=n, unit=unit, scale=scale)


def concentration(groups: pd.DataFrame) -> pd.DataFrame:
    """Return which share of the money each share of customers brings, the most valuable first.

    Turns *n_customers, total, squared, lowest* into *customer_share, share, low, high*.

    Parameters
    ----------
    groups : DataFrame
        As from :func:`cam.reduce.earnings.ranked_groups`, the most valuable customers first: ``n_customers``,
        ``total`` and ``squared`` (sums of their money and its square) and ``lowest``, in one unit of money.

    Returns
    -------
    DataFrame
        One row per group: *customer_share* (0-1, this group and all before it), *share* of the money (0-1) with
        its limits *low* and *high*. The last row is 1 by definition, and has no width.

    Raises
    ------
    ValueError
        If the money is not positive in total, or there are fewer than two customers.

    Notes
    -----
    Refunds can make the last customers' money negative; the curve then rises above 1 before it ends there.

    References
    ----------
    Beach, C. M., Davidson, R. (1983). Distribution-free statistical inference with Lorenz curves and income
    shares. Review of Economic Studies 50, 723-735. (Variance of a share that is cut at a quantile.)

    Examples
    --------
    >>> groups = pd.DataFrame({"n_customers": [1, 1], "total": [3, 1], "squared": [9, 1], "lowest": [3, 1]})
    >>> concentration(groups)[["customer_share", "share"]].values.tolist()
    [[0.5, 0.75], [1.0, 1.0]]
    """
    counted, total, squared = (
        groups[name].astype(float).cumsum().to_numpy() for name in ("n_customers", "total", "squared")
    )
    n, whole = counted[-1], total[-1]
    if n < 2 or whole <= 0:
        raise ValueError("concentration needs two customers or more, and money that is positive in total")
    cut = groups["lowest"].to_numpy(float)
    mean, share, top = whole / n, total / whole, counted / n
    # Each customer moves the share by [(x - cut) if in the top + cut * top - share * x] / mean.
    above, above_squared = (total - cut * counted) / n, (squared - 2 * cut * total + cut**2 * counted) / n
    above_x = (squared - cut * total) / n
    constant = cut * top
    variance = (
        above_squared
        + constant**2
        + share**2 * squared[-1] / n
        + 2 * constant * above
        - 2 * share * above_x
        - 2 * share * constant * mean
    )
    half = Z * np.sqrt(np.maximum(variance, 0.0) / n) / mean
    half[-1] = 0.0
    return pd.DataFrame(
        {
            "customer_share": top,
            "share": share,
            "low": share - half,
            "high": share + half,
            "n_customers": counted,
        }
    )


def top_share(
    curve: pd.DataFrame, *, of: float = TOP_SHARE, figure: str = "top_fifth_revenue_share"
) -> Estimate:
    """Read off which share of the money the top fifth of customers brings.

    Parameters
    ----------
    curve : DataFrame
        As from :func:`concentration`.
    of : float
        Which share of customers is the top.
    figure : str
        Name of the key figure.

    Returns
    -------
    Estimate
        n is the number of all customers.

    Examples
    --------
    >>> groups = pd.DataFrame({"n_customers": [1, 4], "total": [3, 1], "squared": [9, 1], "lowest": [3, 0]})
    >>> top_share(concentration(groups)).value
    0.75
    """
    row = curve[curve["customer_share"] >= of - 1e-12].iloc[0]
    n = int(curve["n_customers"].iloc[-1])
    return Estimate(figure, float(row["share"]), "share", n, float(row["low"]), float(row["high"]))


def _estimate(
    figure: str, value: float, error: float | None, *, n: int, clusters: int, unit: str, scale: float
) -> Estimate:
    if error is None:
        return Estimate(figure, value * scale, unit, n)
    from scipy.special import stdtrit  # here, because it makes every start slower

    half = float(stdtrit(clusters - 1, 0.5 + CONFIDENCE / 2)) * error
    return Estimate(figure, value * scale, unit, n, (value - half) * scale, (value + half) * scale)
