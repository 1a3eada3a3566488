"""The whale curve: what the profitable customers earn, and what the unprofitable ones take away again."""

from __future__ import annotations

import math

import pandas as pd

from cam.estimate import CONFIDENCE, Estimate, Z, proportion

#: Fewer unprofitable customers than this do not show how far a loss may go.
FEWEST_LOSERS = 5


def unprofitable_share(groups: pd.DataFrame) -> Estimate:
    """Return the share of customers who have cost more than they brought, with its Wilson interval.

    Parameters
    ----------
    groups : DataFrame
        As from :func:`cam.reduce.earnings.ranked_groups` of the profit, cut at zero.

    Returns
    -------
    Estimate
        ``unprofitable_share``; n is the number of all customers. The curve has its peak at 1 less this.

    Raises
    ------
    ValueError
        If there is no customer.

    Examples
    --------
    >>> groups = pd.DataFrame({"n_customers": [8, 2], "total": [90, -10], "squared": [900, 50], "lowest": [3, -5]})
    >>> unprofitable_share(groups).value
    0.2
    """
    losing = groups["lowest"].astype(float) < 0
    n = groups["n_customers"].astype(int)
    return proportion("unprofitable_share", int(n[losing].sum()), int(n.sum()))


def is_worth_dividing(groups: pd.DataFrame) -> bool:
    """Say whether profit is above zero in total by more than chance, so that it can be shared out.

    Parameters
    ----------
    groups : DataFrame
        As for :func:`unprofitable_share`.

    Returns
    -------
    bool
        Whether the 95 % interval of the mean profit per customer lies above zero.

    References
    ----------
    Fieller, E. C. (1954). Some problems in interval estimation. Journal of the Royal Statistical Society B 16,
    175-185. (The interval of a ratio is bounded only where that of its denominator leaves out zero.)

    Examples
    --------
    >>> groups = pd.DataFrame({"n_customers": [5, 5], "total": [90, -89], "squared": [1620, 1590], "lowest": [18, -18]})
    >>> is_worth_dividing(groups)
    False
    """
    n, total, squared = (
        float(groups[name].astype(float).sum()) for name in ("n_customers", "total", "squared")
    )
    if n < 2 or total <= 0:
        return False
    return total / n > Z * math.sqrt(max(squared - total**2 / n, 0.0) / (n - 1) / n)


def whale_peak(groups: pd.DataFrame) -> Estimate:
    r"""Return how high the curve rises: what the profitable customers earn, as a share of the profit that is left.

    Parameters
    ----------
    groups : DataFrame
        As for :func:`unprofitable_share`.

    Returns
    -------
    Estimate
        ``whale_peak``, 1 or more, in unit ``share``; n is the number of all customers.

    Raises
    ------
    ValueError
        If profit is not above zero by more than chance, or fewer than :data:`FEWEST_LOSERS` customers are
        unprofitable: the limits would be guesses.

    Notes
    -----
    The peak stands where customers turn unprofitable: at a profit of 0, a fixed value and not a quantile, so
    that no cut moves with the sample. It is 1 + e with e = L / P, the losses over the profit, a ratio of sums over
    customers. Its linearised error is taken on the logarithm, because a loss cannot be negative, and with t of as
    many degrees of freedom as there are losers, less one: with few of them the losses, not the profit, are what is
    uncertain.

    References
    ----------
    Cooper, R., Kaplan, R. S. (1991). Profit priorities from activity-based costing. Harvard Business Review 69(3),
    130-135. (The curve.)
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.11. Wiley. (The linearised ratio.)
    Beach, C. M., Davidson, R. (1983). Distribution-free statistical inference with Lorenz curves and income
    shares. Review of Economic Studies 50, 723-735. (Shares that are cut at a quantile, which this one is not.)

    Examples
    --------
    >>> groups = pd.DataFrame({"n_customers": [90, 10], "total": [1100, -100], "squared": [15000, 1100],
    ...     "lowest": [3, -15]})
    >>> peak = whale_peak(groups)
    >>> round(peak.value, 3), round(peak.low, 3), round(peak.high, 3)
    (1.1, 1.042, 1.24)
    """
    frame = groups.astype(float)
    losing = frame[frame["lowest"] < 0]
    n, losers = frame["n_customers"].sum(), int(losing["n_customers"].sum())
    if not is_worth_dividing(groups):
        raise ValueError("whale_peak needs a profit that is above zero by more than chance")
    if losers < FEWEST_LOSERS:
        raise ValueError(f"whale_peak needs {FEWEST_LOSERS} unprofitable customers or more; got {losers}")
    from scipy.special import stdtrit  # here, because it makes every start slower

    profit, lost = frame["total"].sum(), -losing["total"].sum()
    excess = float(lost / profit)
    # Each customer's part is loss - e * profit; a loser's profit is the loss turned round.
    residual = (1 + 2 * excess) * losing["squared"].sum() + excess**2 * frame["squared"].sum()
    relative = math.sqrt(n / (n - 1) * residual) / profit / excess
    reach = math.exp(float(stdtrit(losers - 1, 0.5 + CONFIDENCE / 2)) * relative)
    return Estimate("whale_peak", 1 + excess, "share", int(n), 1 + excess / reach, 1 + excess * reach)
