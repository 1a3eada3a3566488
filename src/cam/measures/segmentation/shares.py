"""What each segment holds: customers, value and the interval of its share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cam.estimate import Z


def segment_shares(sums: pd.DataFrame) -> pd.DataFrame:
    """Turn sums per segment into shares and means with their 95 % intervals.

    Turns *segment, n_customers, value, value_squared, frequency, days_since_last* into *customer_share,
    value_share, mean_value* and the limits of the last two.

    Parameters
    ----------
    sums : DataFrame
        One row per segment: ``n_customers`` (> 0), and sums over its customers of ``value``, its square
        ``value_squared``, ``frequency`` (purchase days) and ``days_since_last`` (days).

    Returns
    -------
    DataFrame
        *segment*, *n_customers*, *customer_share* (0-1), *value*, *value_share* with *value_share_low* and
        *value_share_high* (0-1), *mean_value* with its limits, *mean_frequency*, *mean_days_since_last*. A
        limit is missing where one customer cannot give one, or where value is not positive in total.

    Notes
    -----
    The customers are taken as a sample of those whom the business could have had, and the limits between
    segments as given. The share is a ratio of means, so its variance is that of the linearised ratio.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.11 (ratio estimator) and 2.8 (mean). Wiley.

    Examples
    --------
    >>> sums = pd.DataFrame({"segment": ["a", "b"], "n_customers": [2, 2], "value": [30.0, 10.0],
    ...     "value_squared": [500.0, 50.0], "frequency": [4, 0], "days_since_last": [10, 90]})
    >>> segment_shares(sums).value_share.tolist()
    [0.75, 0.25]
    """
    n = sums.n_customers.to_numpy(float)
    value = sums.value.to_numpy(float)
    squared = sums.value_squared.to_numpy(float)
    total_n, total = n.sum(), value.sum()
    result = sums[["segment", "n_customers"]].copy()
    result["customer_share"] = n / total_n
    result["value"] = sums.value
    if total > 0 and total_n > 1:
        share = value / total
        residual = np.maximum((1 - 2 * share) * squared + share**2 * squared.sum(), 0.0)
        half = Z * np.sqrt(total_n / (total_n - 1) * residual) / total
        limits = np.clip(share - half, 0, 1), np.clip(share + half, 0, 1)
    else:
        share = value / total if total > 0 else np.full(len(n), np.nan)
        limits = np.full(len(n), np.nan), np.full(len(n), np.nan)
    result["value_share"] = share
    result["value_share_low"], result["value_share_high"] = limits
    mean = value / n
    variance = np.maximum(squared - n * mean**2, 0.0) / np.where(n > 1, n - 1, np.nan)
    half = Z * np.sqrt(variance / n)
    result["mean_value"] = mean
    result["mean_value_low"], result["mean_value_high"] = mean - half, mean + half
    result["mean_frequency"] = sums.frequency.to_numpy(float) / n
    result["mean_days_since_last"] = sums.days_since_last.to_numpy(float) / n
    return result.reset_index(drop=True)
