"""What groups of customers hold, which attribute tells most about them, and the matrix of profit and loyalty."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cam.estimate import CONFIDENCE, Z, holm, wilson_interval

#: A group of fewer customers says nothing about the spread within it.
_FEWEST_IN_GROUP = 2
#: Numbers of more kinds are an amount or a measurement, not a class.
MOST_NUMBERS = 12
#: Names of the quadrants by (profitable, loyal), in the order in which they are shown.
QUADRANTS = {
    (1, 1): "true_friends",
    (1, 0): "butterflies",
    (0, 1): "barnacles",
    (0, 0): "strangers",
}


def group_values(sums: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Turn exact sums per group into shares and means with their 95 % intervals.

    Turns *n_customers* and per column *n_, sum_, squared_* into *customer_share* and per column *total, share,
    mean* and their limits.

    Parameters
    ----------
    sums : DataFrame
        As from :func:`cam.reduce.segment_value.group_sums`: every group of the customers, money in cents.
    columns : tuple of str
        Columns of money.

    Returns
    -------
    DataFrame
        The columns that are no sums, *n_customers* and *customer_share* (0-1); for each column ``x``:
        ``x`` (in the currency), ``x_share`` with ``x_share_low`` and ``x_share_high``, ``x_mean`` with ``x_mean_low``
        and ``x_mean_high`` (t interval). A share is missing where the total is not above zero by more than
        chance, a limit where one customer cannot give one.

    Raises
    ------
    ValueError
        If there is no customer.

    Notes
    -----
    The customers are taken as a sample of those whom the business could have had. A share is a ratio of sums over
    customers, so its variance is that of the linearised ratio.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., sections 2.8 (mean) and 2.11 (ratio). Wiley.

    Examples
    --------
    >>> sums = pd.DataFrame({"level": ["a", "b"], "n_customers": [50, 50], "n_x": [50, 50], "sum_x": [9000, 3000],
    ...     "squared_x": [1700000, 200000]})
    >>> group_values(sums, ("x",))[["level", "customer_share", "x", "x_share", "x_mean"]].values.tolist()
    [['a', 0.5, 90.0, 0.75, 1.8], ['b', 0.5, 30.0, 0.25, 0.6]]
    """
    from scipy.special import stdtrit  # here, because it makes every start slower

    n = sums["n_customers"].to_numpy(float)
    if n.sum() < 1:
        raise ValueError("group_values needs at least one customer")
    names = [name for name in sums if not name.startswith(("n_", "sum_", "squared_"))]
    found = sums[names].copy().reset_index(drop=True)
    found["n_customers"] = n.astype(int)
    found["customer_share"] = n / n.sum()
    for column in columns:
        known = sums[f"n_{column}"].to_numpy(float)
        # Cents as Python integers until here; a hundred of them are one of the currency.
        held = sums[f"sum_{column}"].astype(float).to_numpy() / 100
        squared = sums[f"squared_{column}"].astype(float).to_numpy() / 10_000
        found[column] = held
        share, low, high = _shares(known.sum(), held, squared)
        found[f"{column}_share"] = share
        found[f"{column}_share_low"], found[f"{column}_share_high"] = low, high
        mean = held / np.where(known > 0, known, np.nan)
        df = np.where(known > 1, known - 1, np.nan)
        variance = np.maximum(squared - known * np.nan_to_num(mean) ** 2, 0.0) / df
        half = stdtrit(df, 0.5 + CONFIDENCE / 2) * np.sqrt(variance / known.clip(min=1))
        found[f"{column}_mean"] = mean
        found[f"{column}_mean_low"], found[f"{column}_mean_high"] = mean - half, mean + half
    return found


def tell_apart(sums: pd.DataFrame, column: str) -> pd.DataFrame:
    """Say for each attribute how much of the difference between customers lies between its levels.

    Turns *attribute, n_, sum_, squared_* into *attribute, n_levels, between, statistic, p_value, p_adjusted*.

    Parameters
    ----------
    sums : DataFrame
        As from :func:`cam.reduce.segment_value.group_sums`, one below the other, with the name in ``attribute``.
        Customers whose level is not known are left out.
    column : str
        The column of money.

    Returns
    -------
    DataFrame
        One row per attribute, the one that tells most first: *n_customers* and *n_levels* that were compared,
        *between* (eta squared, 0-1: the part of the variance that lies between levels), Welch's *statistic*, its
        *p_value*, and *p_adjusted* for the number of attributes that were looked at. An attribute of which fewer
        than two levels have two customers and a spread is left out.

    Raises
    ------
    KeyError
        If a column is missing.

    Notes
    -----
    Welch's test and not the classical F test: customers of a level that is worth more also differ more among
    themselves. Eta squared is above zero by chance alone, by about (levels - 1) / customers; the test takes
    account of that, the number does not.

    References
    ----------
    Welch, B. L. (1951). On the comparison of several mean values: an alternative approach. Biometrika 38, 330-336.
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6,
    65-70.

    Examples
    --------
    >>> sums = pd.DataFrame({"attribute": "region", "kind": "level", "n_x": [50, 50], "sum_x": [9000, 3000],
    ...     "squared_x": [1700000, 200000]})
    >>> tell_apart(sums, "x")[["n_levels", "between"]].round(3).values.tolist()
    [[2.0, 0.783]]
    """
    rows = []
    for attribute, levels in sums[sums["kind"] != "missing"].groupby("attribute", sort=False):
        tested = _welch(
            *(levels[f"{what}_{column}"].astype(float).to_numpy() for what in ("n", "sum", "squared"))
        )
        if tested is not None:
            rows.append({"attribute": str(attribute), **tested})
    names = ["attribute", "n_customers", "n_levels", "between", "statistic", "p_value"]
    found = pd.DataFrame(rows, columns=names).sort_values(["p_value", "attribute"], ignore_index=True)
    found["p_adjusted"] = holm(found["p_value"].to_numpy(float))
    return found.sort_values(["between", "attribute"], ascending=[False, True], ignore_index=True)


def choose_attributes(levels: pd.DataFrame, *, n_customers: int) -> pd.DataFrame:
    """Decide which columns of the customers are attributes to compare by, and why the others are not.

    Turns *column, n_filled, n_levels, n_numbers, n_dates* into the same with *why_not*.

    Parameters
    ----------
    levels : DataFrame
        As from :func:`cam.reduce.segment_value.column_levels`.
    n_customers : int
        Rows of the table.

    Returns
    -------
    DataFrame
        With *why_not*: ``empty``, ``constant``, ``date``, ``id`` (more than half of the filled rows have a value of
        their own), ``continuous`` (numbers of more than :data:`MOST_NUMBERS` kinds), or missing where it is taken.

    Raises
    ------
    ValueError
        If there is no customer.

    Examples
    --------
    >>> levels = pd.DataFrame({"column": ["city", "email"], "n_filled": [90, 90], "n_levels": [4, 90],
    ...     "n_numbers": [0, 0], "n_dates": [0, 0]})
    >>> choose_attributes(levels, n_customers=100).why_not.fillna("").tolist()
    ['', 'id']
    """
    if n_customers < 1:
        raise ValueError("choose_attributes needs at least one customer")
    found = levels.copy()
    many = found["n_levels"].clip(lower=1)
    conditions = [
        found["n_filled"] == 0,
        (found["n_levels"] == 1) & (found["n_filled"] == n_customers),
        found["n_dates"] > 0.9 * many,
        (found["n_numbers"] > 0.9 * many) & (found["n_levels"] > MOST_NUMBERS),
        (found["n_levels"] > 0.5 * found["n_filled"]) & (found["n_levels"] > MOST_NUMBERS),
    ]
    names = ["empty", "constant", "date", "continuous", "id"]
    found["why_not"] = pd.Series(np.select(conditions, names, default=""), index=found.index).replace(
        "", None
    )
    return found


def matrix(sums: pd.DataFrame) -> pd.DataFrame:
    """Turn the sums per quadrant into shares with their intervals.

    Turns *is_profitable, is_loyal, n_customers, sum_profit, squared_profit, n_…* into *quadrant, share, …*.

    Parameters
    ----------
    sums : DataFrame
        As from :func:`cam.reduce.segment_value.quadrant_sums`.

    Returns
    -------
    DataFrame
        Four rows in the order of :data:`QUADRANTS`, also for one that is empty: *quadrant*, *n_customers*, *share*
        of the customers that were placed with *low* and *high* (Wilson), *profit* so far (in the currency),
        *profit_share* with *profit_share_low* and *profit_share_high*, *near_share* (customers near a line, as a
        part of the quadrant; missing where it is empty), *n_near* and *n_negative*.

    Raises
    ------
    ValueError
        If nobody was placed.

    References
    ----------
    Reinartz, W., Kumar, V. (2002). The mismanagement of customer loyalty. Harvard Business Review 80(7), 86-94.

    Examples
    --------
    >>> sums = pd.DataFrame({"is_profitable": [0, 1], "is_loyal": [0, 1], "n_customers": [30, 70],
    ...     "sum_profit": [3000, 70000], "squared_profit": [400000, 80000000], "n_negative": [0, 0],
    ...     "n_near_profit": [3, 7], "n_near_loyalty": [0, 0], "n_near": [3, 7]})
    >>> matrix(sums)[["quadrant", "share", "near_share"]].values.tolist()[0]
    ['true_friends', 0.7, 0.1]
    """
    keys = pd.MultiIndex.from_tuples(list(QUADRANTS), names=["is_profitable", "is_loyal"])
    frame = sums.astype(float).astype({"is_profitable": int, "is_loyal": int})
    frame = frame.set_index(["is_profitable", "is_loyal"]).reindex(keys, fill_value=0.0)
    n, total = frame["n_customers"].to_numpy(float), float(frame["n_customers"].sum())
    if total < 1:
        raise ValueError("matrix needs at least one customer who can be placed")
    limits = np.array([wilson_interval(count, total) for count in n])
    profit = frame["sum_profit"].to_numpy(float) / 100
    share, low, high = _shares(total, profit, frame["squared_profit"].to_numpy(float) / 10_000)
    return pd.DataFrame(
        {
            "quadrant": list(QUADRANTS.values()),
            "n_customers": n.astype(int),
            "share": n / total,
            "low": limits[:, 0],
            "high": limits[:, 1],
            "profit": profit,
            "profit_share": share,
            "profit_share_low": low,
            "profit_share_high": high,
            "n_near": frame["n_near"].to_numpy(int),
            "near_share": frame["n_near"].to_numpy(float) / np.where(n > 0, n, np.nan),
            "n_near_profit": frame["n_near_profit"].to_numpy(int),
            "n_near_loyalty": frame["n_near_loyalty"].to_numpy(int),
            "n_negative": frame["n_negative"].to_numpy(int),
        }
    )


def _shares(n: float, held: np.ndarray, squared: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of a total with their limits; missing where the total may be nothing."""
    total, nothing = held.sum(), np.full(len(held), np.nan)
    spread = squared.sum() - total**2 / n if n > 1 else np.nan
    if not (n > 1 and total > Z * np.sqrt(max(n / (n - 1) * spread, 0.0))):
        return nothing, nothing, nothing
    share = held / total
    residual = np.maximum((1 - 2 * share) * squared + share**2 * squared.sum(), 0.0)
    half = Z * np.sqrt(n / (n - 1) * residual) / total
    return share, share - half, share + half


def _welch(n: np.ndarray, held: np.ndarray, squared: np.ndarray) -> dict[str, float] | None:
    """Compare the means of the levels that have a spread; None where fewer than two have one."""
    from scipy.special import fdtrc  # here, because it makes every start slower

    n_all = n
    within = np.where(n_all > 0, squared - held**2 / np.where(n_all > 0, n_all, 1), 0.0)
    # What rounding leaves of equal values is no spread.
    usable = (n_all >= _FEWEST_IN_GROUP) & (within > 1e-9 * np.maximum(squared, 1.0))
    if usable.sum() < 2:
        return None
    n, held, squared, within = n[usable], held[usable], squared[usable], within[usable]
    k, mean = len(n), held / n
    whole = squared.sum() - held.sum() ** 2 / n.sum()
    weight = n / (within / (n - 1))
    centre = (weight * mean).sum() / weight.sum()
    lack = ((1 - weight / weight.sum()) ** 2 / (n - 1)).sum()
    above = (weight * (mean - centre) ** 2).sum() / (k - 1)
    statistic = above / (1 + 2 * (k - 2) / (k**2 - 1) * lack)
    p_value = float(fdtrc(k - 1, (k**2 - 1) / (3 * lack), statistic))
    between = max(0.0, 1 - within.sum() / whole) if whole > 0 else 0.0
    return {
        "n_customers": int(n.sum()),
        "n_levels": k,
        "between": between,
        "statistic": float(statistic),
        "p_value": p_value,
    }
