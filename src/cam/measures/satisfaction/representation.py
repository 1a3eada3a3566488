"""Whom those who answered a survey stand for: level by level, and by the time that an answer took."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z, wilson_interval

_SUMS = ("n", "total", "tt", "tm", "mm")


def representation(levels: pd.DataFrame) -> pd.DataFrame:
    """Set the share of each level among those who answered against its share of all customers.

    Turns *variable, level, n_base, n_answered* into *share, share_base, ratio, standardised, p_value*.

    Parameters
    ----------
    levels : DataFrame
        One row per variable and level: *n_base* customers, of whom *n_answered* answered. Levels of one variable
        hold every customer once.

    Returns
    -------
    DataFrame
        The same with *share* among those who answered (with *share_low* and *share_high*), *share_base*, *ratio* of
        the two (with *ratio_low* and *ratio_high*; the base is no sample), *standardised* difference, and *p_value*:
        how often chance alone would pick so far from as many of the level, of all customers.

    Notes
    -----
    Those who answered are a part of all customers, picked without putting back: the variance is the hypergeometric
    one. The p-value is that of the score test, the interval is Wilson's, its inversion: it leaves out the share of the
    customers, and the ratio 1, if and only if the p-value is below 0.05.

    References
    ----------
    Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline covariates between treatment
    groups in propensity-score matched samples. Statistics in Medicine 28, 3083-3107. (Standardised difference of
    shares, section 3.1.)
    Campbell, I. (2007). Chi-squared and Fisher-Irwin tests of two-by-two tables with small sample recommendations.
    Statistics in Medicine 26, 3661-3675. (The test with N - 1, which this is.)

    Examples
    --------
    >>> levels = pd.DataFrame({"variable": "sex", "level": ["f", "m"], "n_base": [50, 50], "n_answered": [15, 5]})
    >>> representation(levels)[["share", "ratio", "standardised", "p_value"]].round(3).values.tolist()
    [[0.75, 1.5, 0.535, 0.013], [0.25, 0.5, -0.535, 0.013]]
    """
    from scipy.special import ndtr  # here, because it makes every start slower

    whole = levels.groupby("variable")[["n_base", "n_answered"]].transform("sum")
    base, answered = (levels[name].to_numpy(int) for name in ("n_base", "n_answered"))
    all_base, all_answered = (whole[name].to_numpy(int) for name in ("n_base", "n_answered"))
    share, share_base = answered / np.maximum(all_answered, 1), base / np.maximum(all_base, 1)
    left = all_base - all_answered
    # As good as so many answers from a base without end; where everybody answered, nothing is left to chance.
    grown = np.where(left > 0, np.maximum(all_base - 1, 1) / np.where(left > 0, left, 1), np.inf)
    limits = [
        (0.0, 1.0)
        if not size
        else (own, own)
        if math.isinf(by)
        else wilson_interval(own * size * by, size * by)
        for own, size, by in zip(share.tolist(), all_answered.tolist(), grown.tolist(), strict=True)
    ]
    low, high = np.array(limits).reshape(-1, 2).T
    spread = np.sqrt((share * (1 - share) + share_base * (1 - share_base)) / 2)
    error = np.sqrt(share_base * (1 - share_base) / np.maximum(all_answered * grown, 1))
    score = np.where(
        (error > 0) & (all_answered > 0), (share - share_base) / np.where(error > 0, error, 1.0), 0.0
    )
    known = np.where(share_base > 0, share_base, 1.0)
    return levels.assign(
        share=share,
        share_low=low,
        share_high=high,
        share_base=share_base,
        ratio=share / known,
        ratio_low=low / known,
        ratio_high=high / known,
        standardised=np.where(spread > 0, (share - share_base) / np.where(spread > 0, spread, 1.0), 0.0),
        p_value=2 * ndtr(-np.abs(score)),
    )


def response_rates(sums: pd.DataFrame) -> pd.DataFrame:
    """Return the response rate of each level, and whether chance could set it apart from all others.

    Turns *variable, level, n, total, tt, tm, mm* into *rate, rate_low, rate_high, rate_others, rate_p*.

    Parameters
    ----------
    sums : DataFrame
        One row per variable and level: *n* invitations, *total* of them answered, and the sums over customers of
        :func:`cam.reduce.responses.answer_sums`. A customer is in one level of a variable.

    Returns
    -------
    DataFrame
        The same with *rate* and its Wilson interval on counts over the design effect of several invitations to one
        customer; *rate_others*, of all other levels; *rate_p* by the normal
        distribution of their difference, if there were none. All
        missing where nobody of the level was asked, *rate_others* and *rate_p* where nobody else was.

    References
    ----------
    Rao, J. N. K., Scott, A. J. (1992). A simple method for the analysis of clustered binary data. Biometrics 48,
    577-585.

    Examples
    --------
    >>> sums = pd.DataFrame({"variable": "sex", "level": ["f", "m"], "n": [100, 100], "total": [40, 20],
    ...     "tt": [40, 20], "tm": [40, 20], "mm": [100, 100]})
    >>> response_rates(sums)[["rate", "rate_others", "rate_p"]].round(3).values.tolist()
    [[0.4, 0.2, 0.002], [0.2, 0.4, 0.002]]
    """
    from scipy.special import ndtr  # here, because it makes every start slower

    names = list(_SUMS)
    own = sums[names].to_numpy(float)
    others = sums.groupby("variable")[names].transform("sum").to_numpy(float) - own
    rows = []
    for part, rest in zip(own, others, strict=True):
        (rate, effect), (other_rate, other_effect) = _rate(part), _rate(rest)
        n, total = part[0], part[1]
        low, high = wilson_interval(total / effect, n / effect) if n else (math.nan, math.nan)
        p_value = math.nan
        if n and rest[0]:
            # If both were alike: one rate for both, or a level of which nobody answered would have no error.
            pooled = (total + rest[1]) / (n + rest[0])
            error = math.sqrt(pooled * (1 - pooled) * (effect / n + other_effect / rest[0]))
            p_value = float(2 * ndtr(-abs(rate - other_rate) / error)) if error else 1.0
        rows.append((rate, low, high, other_rate, p_value))
    found = np.array(rows).reshape(-1, 5).T
    columns = ("rate", "rate_low", "rate_high", "rate_others", "rate_p")
    return sums.assign(**dict(zip(columns, found, strict=True)))


def delay_slope(counts: pd.DataFrame) -> Estimate | None:
    """Return by how many points the net promoter score changes with each doubling of the wait for an answer.

    Turns *delay, n, up, down* into a slope.

    Parameters
    ----------
    counts : DataFrame
        One row per *delay* (days, 0 or more): *n* customers, of whom *up* and *down*.

    Returns
    -------
    Estimate or None
        ``nps_delay_slope``, points per doubling of days + 1, with a heteroscedasticity-consistent (HC1) interval. None
        where all waited equally long.

    Notes
    -----
    Whoever is slow to answer is thought to be like those who never do (the continuum of resistance). It is a hint, not
    a proof: those who never answer may have other reasons than those who are slow.

    References
    ----------
    Lin, I.-F., Schaeffer, N. C. (1995). Using survey participants to estimate the impact of nonparticipation. Public
    Opinion Quarterly 59, 236-258.
    White, H. (1980). A heteroskedasticity-consistent covariance matrix estimator and a direct test for
    heteroskedasticity. Econometrica 48, 817-838.

    Examples
    --------
    >>> counts = pd.DataFrame({"delay": [0, 1, 3], "n": [90, 90, 90], "up": [50, 45, 40], "down": [20, 24, 28]})
    >>> round(delay_slope(counts).value, 1)
    -10.0
    """
    n, up, down = (counts[name].to_numpy(float) for name in ("n", "up", "down"))
    wait = np.log2(1 + counts["delay"].to_numpy(float))
    size = n.sum()
    if size < 3:
        return None
    off = wait - (n * wait).sum() / size
    across = float((n * off**2).sum())
    if across <= 0:
        return None
    mean = (up - down).sum() / size
    slope = (off * (up - down)).sum() / across
    fitted = mean + slope * off
    squares = up * (1 - fitted) ** 2 + down * (-1 - fitted) ** 2 + (n - up - down) * fitted**2
    error = math.sqrt((off**2 * squares).sum() * size / (size - 2)) / across
    value, half = 100 * float(slope), 100 * Z * error
    return Estimate("nps_delay_slope", value, "points", int(size), value - half, value + half)


def _rate(sums: np.ndarray) -> tuple[float, float]:
    """A rate and its design effect; missing where nobody was asked."""
    n, total, tt, tm, mm = (float(number) for number in sums)
    if n <= 0:
        return math.nan, 1.0
    rate = total / n
    alone = n * rate * (1 - rate)
    if alone <= 0:
        # All the same: one customer's invitations count as one.
        return rate, max(1.0, mm / n)
    return rate, max(1.0, (tt - 2 * rate * tm + rate**2 * mm) / alone)
