"""A test with one offer or several: every arm against the control, what share it keeps, and whose score it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z
from cam.measures.churn.experiment import ExperimentFit, analyse, newcombe_limits


@dataclass(frozen=True, slots=True)
class ArmsFit:
    """What a finished test says of every arm.

    Attributes
    ----------
    control : str
        The arm that the others are compared with.
    arms : mapping of str to ExperimentFit
        The others, by name.
    limits : mapping of str to tuple of float
        Of each effect, percentage points; they hold for all arms at once (Bonferroni). With one arm they are its own.
    """

    control: str
    arms: Mapping[str, ExperimentFit]
    limits: Mapping[str, tuple[float, float]]

    def is_shown(self, arm: str) -> bool:
        """Whether the arm's effect leaves out 0, also where several arms had their chance to."""
        low, high = self.limits[arm]
        return low > 0 or high < 0


def compare_arms(table: pd.DataFrame, *, control: str, unit: str = "ratio") -> ArmsFit:
    """Compare every arm of a finished test with the control.

    Parameters
    ----------
    table : DataFrame
        *customer_id, arm, outcome* (0 or 1) and perhaps *value*.
    control : str
        Name of the arm that got nothing.
    unit : str
        Of the value, such as an ISO currency code.

    Returns
    -------
    ArmsFit

    Raises
    ------
    ValueError
        As :func:`cam.measures.churn.experiment.analyse`, or if there is no arm beside the control.

    References
    ----------
    Dunn, O. J. (1961). Multiple comparisons among means. Journal of the American Statistical Association 56, 52-64.

    Examples
    --------
    >>> test = pd.DataFrame({"customer_id": range(150), "arm": ["offer"] * 70 + ["none"] * 80})
    >>> test["outcome"] = [1] * 56 + [0] * 14 + [1] * 48 + [0] * 32
    >>> fit = compare_arms(test, control="none")
    >>> fit.is_shown("offer"), [round(limit, 2) for limit in fit.limits["offer"]]
    (True, [5.24, 33.39])
    """
    names = sorted(str(arm) for arm in table["arm"].unique() if arm != control)
    if not names:
        raise ValueError(f"no arm beside {control!r}: there is nothing to compare it with")
    wide = NormalDist().inv_cdf(1 - 0.025 / len(names)) if len(names) > 1 else Z
    arms = {name: analyse(table, treated=name, control=control, unit=unit) for name in names}
    limits = {
        name: newcombe_limits(_counts(fit.treated), control=_counts(fit.control), z=wide)
        for name, fit in arms.items()
    }
    return ArmsFit(control, arms, limits)


def save_rate(treated: Estimate, *, control: Estimate) -> Estimate:
    """Say what share of those who would have left an offer kept.

    Parameters
    ----------
    treated, control : Estimate
        Share of each arm that left (0-1), with its ``n``.

    Returns
    -------
    Estimate
        ``save_rate``: 1 - treated / control (1 at most; below 0 where more left with the offer), with the interval of
        the score test.

    Raises
    ------
    ValueError
        If nobody left without the offer: then nobody could be kept.

    References
    ----------
    Koopman, P. A. R. (1984). Confidence intervals for the ratio of two binomial proportions. Biometrics 40, 513-517.

    Examples
    --------
    >>> from cam.estimate import proportion
    >>> rate = save_rate(proportion("left", 16, 80), control=proportion("left", 36, 40))
    >>> [round(number, 3) for number in (rate.value, rate.low, rate.high)]
    [0.778, 0.66, 0.86]
    """
    from scipy.optimize import brentq  # here, because it makes every start slower

    (x, m), (y, n) = _counts(treated), _counts(control)
    if not y:
        raise ValueError("nobody of the control arm left, so nobody could be kept")

    def score(log_ratio: float) -> float:
        """Distance of the shares from this ratio, in standard errors that it would give itself."""
        ratio = float(np.exp(log_ratio))
        b = ratio * (m + y) + x + n
        p = (b - np.sqrt(max(b**2 - 4 * ratio * (m + n) * (x + y), 0.0))) / (2 * ratio * (m + n))
        q = min(ratio * p, 1.0)
        error = np.sqrt(q * (1 - q) / m + ratio**2 * p * (1 - p) / n)
        return float((x / m - ratio * y / n) / error) if error > 0 else 0.0

    edge = 18.0
    low = float(np.exp(brentq(lambda at: score(at) - Z, -edge, edge))) if x else 0.0
    high = float(np.exp(brentq(lambda at: score(at) + Z, -edge, edge)))
    value = 1 - (x / m) / (y / n)
    return Estimate("save_rate", value, "share", min(m, n), 1 - high, 1 - low)


def score_balance(table: pd.DataFrame, *, treated: str, control: str, score: str = "p_churn") -> float:
    """Test whether two arms had the same scores before the test, as chance alone would have it.

    Parameters
    ----------
    table : DataFrame
        *arm* and the score.
    treated, control : str
        Names of the arms.
    score : str
        Column with the risk.

    Returns
    -------
    float
        P of the rank test. Near 0: the arms were not made by chance, or the score knows what the offer did.

    References
    ----------
    Mann, H. B., Whitney, D. R. (1947). On a test of whether one of two random variables is stochastically larger than
    the other. Annals of Mathematical Statistics 18, 50-60.

    Examples
    --------
    >>> test = pd.DataFrame({"arm": ["offer", "none"] * 50, "p_churn": [0.1, 0.2] * 50})
    >>> score_balance(test, treated="offer", control="none") < 0.001
    True
    """
    from scipy.stats import mannwhitneyu

    one, other = (
        np.sort(table.loc[table["arm"] == arm, score].to_numpy(float)) for arm in (treated, control)
    )
    return float(mannwhitneyu(one, other, method="asymptotic").pvalue)


def _counts(share: Estimate) -> tuple[int, int]:
    n = share.n or 0
    return round(share.value * n), n
