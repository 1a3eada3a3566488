"""A number with its interval: the one shape in which a headline figure leaves a measure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Two-sided 95 %.
CONFIDENCE = 0.95
Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A key figure: a value, its 95 % interval and what it rests on.

    Attributes
    ----------
    figure : str
        Name in ``key_figures.csv``, such as ``repeat_rate``.
    value : float
        The point estimate, in ``unit``. Never NaN: a figure that cannot be said is not an Estimate.
    unit : str
        ``count``, ``share`` (0 to 1), ``days``, ``weeks``, ``months``, ``points``, ``ratio``, or an ISO
        currency code for money.
    n : int or None
        Observations that it rests on.
    low, high : float or None
        Limits of the 95 % interval; None where there is no sampling error, as in a count of all customers.
    segment : Mapping[str, str]
        What part of the customers it speaks of, such as ``{"cohort": "2024-01", "age": "3"}``.

    Examples
    --------
    >>> Estimate("n_customers", 23570, "count").low is None
    True
    """

    figure: str
    value: float
    unit: str
    n: int | None = None
    low: float | None = None
    high: float | None = None
    segment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{self.figure}: {name} is {number}; a figure must be a finite number")
        if (self.low is None) != (self.high is None):
            raise ValueError(f"{self.figure}: an interval needs both limits")


def wilson_interval(successes: float, n: float) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a proportion.

    Parameters
    ----------
    successes, n : float
        Counts, ``0 <= successes <= n`` and ``n > 0``.

    Returns
    -------
    tuple of float
        Lower and upper limit, within 0 and 1.

    Raises
    ------
    ValueError
        If ``n`` is not positive or ``successes`` is outside 0 to ``n``.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> [round(limit, 4) for limit in wilson_interval(0, 10)]
    [0.0, 0.2775]
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"a proportion needs 0 <= successes <= n and n > 0; got {successes} of {n}")
    share = successes / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    # At the ends the limit is the end itself, which rounding would miss.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


def proportion(figure: str, successes: int, n: int, *, segment: Mapping[str, str] | None = None) -> Estimate:
    """Return a share with its Wilson interval.

    Parameters
    ----------
    figure : str
        Name of the key figure.
    successes, n : int
        Counts, ``0 <= successes <= n`` and ``n > 0``.
    segment : Mapping[str, str], optional
        What part of the customers it speaks of.

    Returns
    -------
    Estimate
        In unit ``share``, 0 to 1.

    Raises
    ------
    ValueError
        As :func:`wilson_interval`.

    Examples
    --------
    >>> rate = proportion("repeat_rate", 30, 100)
    >>> rate.value, round(rate.low, 3), round(rate.high, 3)
    (0.3, 0.219, 0.396)
    """
    low, high = wilson_interval(successes, n)
    return Estimate(figure, successes / n, "share", n, low, high, segment or {})


def difference(figure: str, one: Estimate, other: Estimate) -> Estimate:
    """Return one share minus another, in percentage points, with its interval.

    Parameters
    ----------
    figure : str
        Name of the figure.
    one, other : Estimate
        Shares of two groups, with their Wilson intervals.

    Returns
    -------
    Estimate
        In unit ``points``, -100 to 100; ``n`` is that of the smaller group.

    Raises
    ------
    ValueError
        If one of them is no share or has no interval.

    Notes
    -----
    For independent groups. Where the same customers stand in both, and those who are in one are rather in the
    other too, the interval is too wide, not too narrow.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions: comparison of
    eleven methods. Statistics in Medicine 17, 873-890. (Method 10.)

    Examples
    --------
    >>> change = difference("change", proportion("rate", 56, 70), proportion("rate", 48, 80))
    >>> [round(number, 2) for number in (change.value, change.low, change.high)]
    [20.0, 5.24, 33.39]
    """
    if any(share.unit != "share" or share.low is None or share.high is None for share in (one, other)):
        raise ValueError(f"{figure}: a difference needs two shares with their intervals")
    gap = one.value - other.value
    low, high = difference_limits(one, other)
    known = [share.n for share in (one, other) if share.n is not None]
    return Estimate(figure, 100 * gap, "points", min(known, default=None), 100 * low, 100 * high)


def difference_limits(one: Estimate, other: Estimate) -> tuple[float, float]:
    """Return the 95 % interval of one estimate minus another, made of their two intervals (MOVER).

    Parameters
    ----------
    one, other : Estimate
        In one unit, with their intervals.

    Returns
    -------
    tuple of float
        Lower and upper limit, in that unit.

    Raises
    ------
    ValueError
        If one of them has no interval.

    References
    ----------
    Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
    Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> now, then = Estimate("nps", 45, "points", 400, 39, 51), Estimate("nps", 30, "points", 400, 24, 36)
    >>> [round(limit, 2) for limit in difference_limits(now, then)]
    [6.51, 23.49]
    """
    if one.low is None or one.high is None or other.low is None or other.high is None:
        raise ValueError(f"{one.figure}: a difference needs two estimates with their intervals")
    # A model's interval need not hold its own value: a distance is never negative.
    down = math.hypot(max(one.value - one.low, 0.0), max(other.high - other.value, 0.0))
    up = math.hypot(max(one.high - one.value, 0.0), max(other.value - other.low, 0.0))
    gap = one.value - other.value
    return gap - down, gap + up


@dataclass(frozen=True, slots=True)
class CannotSay:
    """What a study cannot say with this client's data, in place of a result: a result too, and printed.

    Attributes
    ----------
    reason : str
        A sentence: why not.
    cure : str
        A sentence: what would make it possible; may be empty.

    Examples
    --------
    >>> CannotSay("Fewer than 30 customers answered.").cure
    ''
    """

    reason: str
    cure: str = ""


class Finding(str):
    """A sentence that a study says, with the money that the decision it asks for is about.

    Attributes
    ----------
    stake : Estimate or None
        That money: margin or cost, never revenue; ``figure`` says what it is. None where no sum says what the
        decision is worth.
    can_be_moved : bool
        Whether the decision is expected to change the whole sum, as the gain of a list; else it is what the customers
        concerned will bring anyway if nothing changes, of which a decision moves a part that nobody knows before.

    Examples
    --------
    >>> said = Finding("Call them.", stake=Estimate("retention_gain", 900, "EUR"), can_be_moved=True)
    >>> said, said.stake.value
    ('Call them.', 900)
    """

    __slots__ = ("can_be_moved", "stake")
    stake: Estimate | None
    can_be_moved: bool

    def __new__(cls, text: str, *, stake: Estimate | None = None, can_be_moved: bool = False) -> Finding:
        """Make a sentence that knows its stake."""
        said = super().__new__(cls, text)
        said.stake, said.can_be_moved = stake, can_be_moved
        return said


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct p-values for the number of looks, so that the chance of one false claim among all stays what it says.

    Parameters
    ----------
    p_values : ndarray
        In any order; a missing one was no look, and stays missing.

    Returns
    -------
    ndarray
        Adjusted, in the same order.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6,
    65-70.

    Examples
    --------
    >>> import numpy as np
    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    import numpy as np  # here, because an unchanged report must answer before it is loaded

    found = np.full(len(p_values), np.nan)
    looked = np.flatnonzero(~np.isnan(p_values))
    order = looked[np.argsort(p_values[looked], kind="stable")]
    m = len(order)
    if m:
        found[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * (m - np.arange(m))))
    return found
