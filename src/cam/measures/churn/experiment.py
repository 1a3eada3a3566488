"""Whether an offer keeps anybody: how large a test must be, and what a finished one says.

Risk is not persuadability: a model finds those who will leave, and only a test, in which chance decides who gets the
offer, finds those whom it keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z, difference, proportion
from cam.measures.churn.columns import Floats, as_numbers

#: Arms so far from the shares planned happen by chance once in 1,000 tests: then assignment or counting is broken.
MISMATCH_P = 0.001


def sample_size(rate: float, *, other: float, power: float = 0.8, share: float = 0.5) -> int:
    """Return how many customers a test of two rates needs in all, at 5 % two-sided.

    Parameters
    ----------
    rate, other : float
        Shares (0-1) that the arms would have: with the offer and without, say.
    power : float
        Chance (0-1) to find the difference if it is so large.
    share : float
        Of the customers that are in the first arm (0-1).

    Returns
    -------
    int
        Both arms together, by the normal approximation without correction for continuity.

    Raises
    ------
    ValueError
        If the rates are equal or outside 0 to 1, or power or share are.

    References
    ----------
    Fleiss, J. L., Levin, B., Paik, M. C. (2003). Statistical Methods for Rates and Proportions, 3rd edition. Wiley.
    (Equation 4.14, and 4.18 for arms of unequal size.)

    Examples
    --------
    >>> sample_size(0.25, other=0.30)
    2502
    """
    if not (0 <= rate <= 1 and 0 <= other <= 1) or rate == other:
        raise ValueError(f"two different shares within 0 and 1 are needed; got {rate} and {other}")
    if not (0 < power < 1 and 0 < share < 1):
        raise ValueError(f"power and share must lie between 0 and 1; got {power} and {share}")
    mean = share * rate + (1 - share) * other
    z_power = NormalDist().inv_cdf(power)
    under = Z * np.sqrt(mean * (1 - mean) * (1 / share + 1 / (1 - share)))
    beside = z_power * np.sqrt(rate * (1 - rate) / share + other * (1 - other) / (1 - share))
    # A whole number that rounding put a hair above itself is that number.
    return int(np.ceil(round(float(((under + beside) / (rate - other)) ** 2), 6)))


def power_of_test(rate: float, *, other: float, n: int, share: float = 0.5) -> float:
    """Return the chance that a test of n customers finds a difference, at 5 % two-sided.

    Parameters
    ----------
    rate, other : float
        Shares (0-1) that the arms would have.
    n : int
        Customers of both arms together.
    share : float
        Of the customers that are in the first arm (0-1).

    Returns
    -------
    float
        0-1; the chance to find it with the wrong sign is left out, as it is of no use.

    Raises
    ------
    ValueError
        If a share is outside 0 to 1, or there are fewer than 2 customers.

    References
    ----------
    Fleiss, J. L., Levin, B., Paik, M. C. (2003). Statistical Methods for Rates and Proportions. Wiley. (Section 4.5.)

    Examples
    --------
    >>> round(power_of_test(0.25, other=0.30, n=2502), 3)
    0.8
    """
    if not (0 <= rate <= 1 and 0 <= other <= 1 and 0 < share < 1) or n < 2:
        raise ValueError("shares within 0 and 1 and at least 2 customers are needed")
    mean = share * rate + (1 - share) * other
    under = Z * np.sqrt(mean * (1 - mean) * (1 / share + 1 / (1 - share)))
    beside = np.sqrt(rate * (1 - rate) / share + other * (1 - other) / (1 - share))
    gap = abs(rate - other) * np.sqrt(n)
    return float(gap > under) if beside == 0 else NormalDist().cdf(float((gap - under) / beside))


def detectable_effect(rate: float, *, n: int, power: float = 0.8, share: float = 0.5) -> float | None:
    """Return the smallest fall of a rate that a test of n customers finds, at 5 % two-sided.

    Parameters
    ----------
    rate : float
        Share (0-1) of the arm without the offer, such as its churn rate.
    n : int
        Customers of both arms together.
    power : float
        Chance (0-1) to find it.
    share : float
        Of the customers that get the offer (0-1).

    Returns
    -------
    float or None
        How far the rate must fall (0-1); None if not even a fall to 0 would be found.

    Raises
    ------
    ValueError
        As :func:`power_of_test`.

    References
    ----------
    Bloom, H. S. (1995). Minimum detectable effects. Evaluation Review 19, 547-556.

    Examples
    --------
    >>> round(detectable_effect(0.30, n=2502), 4)
    0.05
    """
    if power_of_test(0.0, other=rate, n=n, share=share) < power:
        return None
    low, high = 0.0, rate
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (low, middle)
            if power_of_test(rate - middle, other=rate, n=n, share=share) >= power
            else (middle, high)
        )
    return high


@dataclass(frozen=True, slots=True)
class ExperimentFit:
    """What a finished test says of one arm against the control arm.

    Attributes
    ----------
    treated, control : Estimate
        Share (0-1) of each arm with the outcome, with Wilson intervals.
    effect : Estimate
        ``experiment_effect``: treated minus control in percentage points, with Newcombe's interval.
    value_effect : Estimate or None
        ``experiment_value_effect``: mean value of treated minus control in the unit of ``value``, with Welch's
        interval; None without a column ``value``.
    n_without_value : int
        Customers of both arms whose value is missing, and who are left out of ``value_effect``.
    """

    treated: Estimate
    control: Estimate
    effect: Estimate
    value_effect: Estimate | None
    n_without_value: int

    @property
    def is_shown(self) -> bool:
        """Whether the interval of the effect leaves out 0."""
        low, high = self.effect.low, self.effect.high
        return bool(low is not None and high is not None and (low > 0 or high < 0))


def analyse(table: pd.DataFrame, *, treated: str, control: str, unit: str = "ratio") -> ExperimentFit:
    """Compare an arm of a finished test with its control arm.

    Parameters
    ----------
    table : DataFrame
        *customer_id, arm, outcome* (0 or 1) and perhaps *value*: every customer as chance assigned them, whether the
        offer reached them or not.
    treated, control : str
        Names of the arms.
    unit : str
        Of the value, such as an ISO currency code.

    Returns
    -------
    ExperimentFit

    Raises
    ------
    ValueError
        If an arm has fewer than 2 customers, one stands in the test twice, or an outcome is neither 0 nor 1.

    References
    ----------
    Newcombe, R. G. (1998). Statistics in Medicine 17, 873-890. (Method 10.)
    Welch, B. L. (1947). The generalization of 'Student's' problem when several different population variances are
    involved. Biometrika 34, 28-35.

    Examples
    --------
    >>> test = pd.DataFrame({"customer_id": range(150), "arm": ["offer"] * 70 + ["none"] * 80})
    >>> test["outcome"] = [1] * 56 + [0] * 14 + [1] * 48 + [0] * 32
    >>> effect = analyse(test, treated="offer", control="none").effect
    >>> [round(number, 2) for number in (effect.value, effect.low, effect.high)]
    [20.0, 5.24, 33.39]
    """
    _check(table)
    arms = {name: table[table["arm"] == name] for name in (treated, control)}
    for name, own in arms.items():
        if len(own) < 2:
            raise ValueError(f"arm {name!r} has {len(own)} customers; arms present: {_arms(table)}")
    shares = [
        proportion("experiment_outcome", int(own["outcome"].sum()), len(own), segment={"arm": name})
        for name, own in arms.items()
    ]
    gap, missing = None, 0
    if "value" in table.columns:
        values = [as_numbers(own["value"]) for own in arms.values()]
        missing = int(sum(np.isnan(one).sum() for one in values))
        known = [np.sort(one[~np.isnan(one)]) for one in values]  # one order of adding
        if min(one.size for one in known) >= 2:
            gap = _welch(known[0], known[1], unit)
    return ExperimentFit(
        shares[0], shares[1], difference("experiment_effect", shares[0], shares[1]), gap, missing
    )


@dataclass(frozen=True, slots=True)
class UpliftFit:
    """Where on the scale of risk an offer works.

    Attributes
    ----------
    bins : DataFrame
        By falling risk: *bin* (1: highest), *mean_score, n_treated, n_control, rate_treated, rate_control, effect,
        low, high* (percentage points, Newcombe), *low_all, high_all*: limits that hold for all bins at once
        (Bonferroni). With ten bins two tests in five show a false effect somewhere by the plain limits; a bin differs
        from 0 only where the wider ones say so.
    p_same : float
        P of Cochran's test that the effect is the same in all bins. Where :attr:`differs` is false, differences
        between bins are such as chance makes, and the effect of all is the best figure for each.
    """

    bins: pd.DataFrame
    p_same: float

    @property
    def differs(self) -> bool:
        """Whether the effect depends on the risk, at 5 %."""
        return self.p_same < 0.05


def uplift_by_risk(
    table: pd.DataFrame, *, treated: str, control: str, score: str = "p_churn", n_bins: int = 10
) -> UpliftFit:
    """Say where on the scale of risk an offer works.

    Parameters
    ----------
    table : DataFrame
        As for :func:`analyse`, with the score that each customer had before the test.
    treated, control : str
        Names of the arms.
    score : str
        Column with the risk.
    n_bins : int
        Bins of about as many customers; equal scores stay together.

    Returns
    -------
    UpliftFit
        A bin without two customers in each arm is left out.

    Raises
    ------
    ValueError
        As :func:`analyse`, or if no bin has two customers in each arm.

    References
    ----------
    Cochran, W. G. (1954). The combination of estimates from different experiments. Biometrics 10, 101-129.
    Ascarza, E. (2018). Retention futility: targeting high-risk customers might be ineffective. Journal of Marketing
    Research 55, 80-98.

    Examples
    --------
    >>> test = pd.DataFrame({"customer_id": range(400), "arm": ["offer", "none"] * 200})
    >>> test["p_churn"], test["outcome"] = np.arange(400) / 400, (np.arange(400) % 5 > 1).astype(int)
    >>> fit = uplift_by_risk(test, treated="offer", control="none", n_bins=2)
    >>> fit.bins.n_treated.tolist(), fit.bins.effect.round(6).tolist(), round(fit.p_same, 6)
    ([100, 100], [0.0, 0.0], 1.0)
    """
    from scipy.stats import chi2  # here, because it makes every start slower

    _check(table)
    both = table[table["arm"].isin([treated, control])]
    place = both[score].rank(method="average", ascending=False).to_numpy() - 0.5
    code = np.minimum((place * n_bins / max(len(both), 1)).astype(int), n_bins - 1) + 1
    wide = NormalDist().inv_cdf(1 - 0.025 / n_bins)
    found, effects, weights = [], [], []
    for one in range(1, n_bins + 1):
        own = both[code == one]
        counts = [
            (int(own.loc[own["arm"] == arm, "outcome"].sum()), int((own["arm"] == arm).sum()))
            for arm in (treated, control)
        ]
        if min(n for _, n in counts) < 2:
            continue
        gap = difference("uplift", *(proportion("rate", left, n) for left, n in counts))
        (a, m), (b, n) = counts
        low_all, high_all = newcombe_limits(counts[0], control=counts[1], z=wide)
        rates = (a / m, b / n)
        limits = (gap.low, gap.high, low_all, high_all)
        found.append((one, float(np.sort(own[score]).mean()), m, n, *rates, gap.value, *limits))
        # Half a customer is added to each cell, so that no bin is infinitely sure.
        p, q = (a + 0.5) / (m + 1), (b + 0.5) / (n + 1)
        effects.append(p - q)
        weights.append(1 / (p * (1 - p) / m + q * (1 - q) / n))
    if not found:
        raise ValueError(f"no bin of {score} has two customers in each of {treated!r} and {control!r}")
    names = ["bin", "mean_score", "n_treated", "n_control", "rate_treated", "rate_control"]
    frame = pd.DataFrame(found, columns=[*names, "effect", "low", "high", "low_all", "high_all"])
    effect, weight = np.array(effects), np.array(weights)
    spread = float((weight * (effect - (weight * effect).sum() / weight.sum()) ** 2).sum())
    return UpliftFit(frame, float(chi2.sf(spread, len(found) - 1)) if len(found) > 1 else 1.0)


@dataclass(frozen=True, slots=True)
class SampleRatioFit:
    """Whether the arms have the sizes that were planned.

    Attributes
    ----------
    counts : DataFrame
        *arm, n_customers, expected*.
    p : float
        Of the chi-square test.
    """

    counts: pd.DataFrame
    p: float

    @property
    def has_mismatch(self) -> bool:
        """Whether chance does not explain the sizes: customers were then not assigned, or not counted, as planned.

        The arms may differ in more than the offer; no effect should be read until the cause is found.
        """
        return self.p < MISMATCH_P


def sample_ratio(table: pd.DataFrame, *, planned: Mapping[str, float] | None = None) -> SampleRatioFit:
    """Compare the sizes of the arms with the plan.

    Parameters
    ----------
    table : DataFrame
        With *customer_id* and *arm*.
    planned : mapping of str to float, optional
        Share of each arm, in any unit; by default equal shares.

    Returns
    -------
    SampleRatioFit

    Raises
    ------
    ValueError
        If there are fewer than two arms, or an arm was not planned.

    References
    ----------
    Fabijan, A., et al. (2019). Diagnosing sample ratio mismatch in online controlled experiments. KDD, 2156-2164.

    Examples
    --------
    >>> test = pd.DataFrame({"customer_id": range(2000), "arm": ["offer"] * 1100 + ["none"] * 900})
    >>> sample_ratio(test).has_mismatch
    True
    """
    from scipy.stats import chi2

    present = table["arm"].value_counts()
    shares = dict(planned) if planned is not None else {str(arm): 1.0 for arm in present.index}
    unplanned = sorted(set(present.index) - set(shares))
    if unplanned:
        raise ValueError(f"arms without a planned share: {', '.join(unplanned)}")
    if len(shares) < 2 or min(shares.values()) <= 0:
        raise ValueError("a test needs two arms or more, each with a share above 0")
    frame = pd.DataFrame({"arm": sorted(shares)})
    frame["n_customers"] = [int(present.get(arm, 0)) for arm in frame["arm"]]
    total, whole = int(frame["n_customers"].sum()), sum(shares[arm] for arm in frame["arm"])
    frame["expected"] = [total * shares[arm] / whole for arm in frame["arm"]]
    spread = (
        float(((frame["n_customers"] - frame["expected"]) ** 2 / frame["expected"]).sum()) if total else 0.0
    )
    return SampleRatioFit(frame, float(chi2.sf(spread, len(frame) - 1)))


def newcombe_limits(
    treated: tuple[int, int], *, control: tuple[int, int], z: float = Z
) -> tuple[float, float]:
    """Return limits of the difference of two shares at any confidence.

    Parameters
    ----------
    treated, control : tuple of int
        Customers with the outcome, and all, of each arm.
    z : float
        Of the normal: 1.96 for 95 %, more where several limits must hold at once.

    Returns
    -------
    tuple of float
        Of treated minus control, percentage points.

    References
    ----------
    Newcombe, R. G. (1998). Statistics in Medicine 17, 873-890. (Method 10.)

    Examples
    --------
    >>> [round(limit, 2) for limit in newcombe_limits((56, 70), control=(48, 80))]
    [5.24, 33.39]
    """

    def wilson(k: int, size: int) -> tuple[float, float]:
        p = k / size
        centre = (p + z**2 / (2 * size)) / (1 + z**2 / size)
        half = z / (1 + z**2 / size) * float(np.sqrt(p * (1 - p) / size + z**2 / (4 * size**2)))
        return max(0.0, centre - half), min(1.0, centre + half)

    (low, high), (other_low, other_high) = wilson(*treated), wilson(*control)
    p, q = treated[0] / treated[1], control[0] / control[1]
    down, up = np.hypot(p - low, other_high - q), np.hypot(high - p, q - other_low)
    return float(100 * (p - q - down)), float(100 * (p - q + up))


def _check(table: pd.DataFrame) -> None:
    outcome = as_numbers(table["outcome"])
    if not np.isin(outcome, (0.0, 1.0)).all():
        raise ValueError("outcome must be 0 or 1 in every row")
    twice = int(table["customer_id"].duplicated().sum())
    if twice:
        raise ValueError(f"{twice:,} customers stand in the test more than once; each belongs to one arm")


def _arms(table: pd.DataFrame) -> str:
    return ", ".join(sorted(str(arm) for arm in table["arm"].dropna().unique())) or "none"


def _welch(one: Floats, other: Floats, unit: str) -> Estimate:
    """Difference of two means with Welch's interval."""
    from scipy.stats import t

    a, b = one.var(ddof=1) / one.size, other.var(ddof=1) / other.size
    gap, error = float(one.mean() - other.mean()), float(np.sqrt(a + b))
    half = 0.0
    if error > 0:
        freedom = (a + b) ** 2 / (a**2 / (one.size - 1) + b**2 / (other.size - 1))
        half = float(t.ppf(0.975, freedom)) * error
    n = min(one.size, other.size)
    return Estimate("experiment_value_effect", gap, unit, n, gap - half, gap + half)
