"""Gaps between the months in which customers bought: who comes back after a silence, and the limits that follow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from cam.estimate import Z
from cam.measures.lifecycle.stages import StageRules, spread_sample

#: The silence that outlasts so many of the gaps that ended is out of the ordinary.
UNUSUAL = 0.95
#: Chances ever to come back, below which a customer is at risk, dormant and lost.
CHANCES = {"at_risk": 0.5, "dormant": 0.25, "lost": 0.1}
#: Gaps that a rate of coming back must rest on: one more or less would move it by more than three points.
MIN_GAPS = 30


def gap_table(bought: np.ndarray, n_customers: np.ndarray) -> pd.DataFrame:
    """Say how long customers stay silent between two months with a purchase, and who still comes back.

    Parameters
    ----------
    bought : array of bool
        As from :func:`bought_months`.
    n_customers : array of int
        Customers with each pattern.

    Returns
    -------
    DataFrame
        One row per silence of 1, 2, … months, up to the longest that at least :data:`MIN_GAPS` gaps have reached:
        ``months``; ``n_at_risk`` (gaps of so many months or more, those still open among them); ``n_closed`` (gaps
        of exactly so many months); ``share_open`` (of all gaps, those longer than this, by Kaplan and Meier);
        ``share_closed`` (of the gaps that end within the table, those that have ended); ``chance`` with ``low`` and
        ``high``: of those silent for so many months, who come back within the months of the table. Empty where there
        are too few gaps.

    Notes
    -----
    A gap that is still open on the last day is cut off there, not ended. The limits know that a customer can have
    several gaps (the variance is that of sums over customers).

    References
    ----------
    Kaplan, E. L., Meier, P. (1958). Nonparametric estimation from incomplete observations. JASA 53, 457-481.
    Williams, R. L. (1995). Product-limit survival functions with correlated survival times. Lifetime Data Analysis
    1, 171-186. (Variance from sums over clusters.)

    Examples
    --------
    >>> table = gap_table(np.array([[1, 1, 0, 1], [1, 0, 0, 0]], dtype=bool), np.array([60, 40]))
    >>> table[["months", "n_at_risk", "n_closed", "share_open"]].round(3).values.tolist()
    [[1.0, 160.0, 60.0, 0.625], [2.0, 100.0, 60.0, 0.25], [3.0, 40.0, 0.0, 0.25]]
    """
    n_months = bought.shape[1]
    closed, ended = (np.zeros(n_months + 1) for _ in range(2))
    for owners, gap, is_closed in _gaps(bought):
        counts = np.bincount(gap, weights=n_customers[owners], minlength=n_months + 1)
        ended += counts
        closed += counts if is_closed else 0
    at_risk = np.cumsum(ended[::-1])[::-1]
    reached = np.nonzero(at_risk[1:] >= MIN_GAPS)[0]
    columns = ["months", "n_at_risk", "n_closed", "share_open", "share_closed", "chance", "low", "high"]
    if not len(reached):
        return pd.DataFrame(columns=columns)
    horizon = int(reached[-1]) + 1
    hazard = closed[1 : horizon + 1] / at_risk[1 : horizon + 1]
    table = pd.DataFrame(
        {
            "months": np.arange(1, horizon + 1),
            "n_at_risk": at_risk[1 : horizon + 1].astype(int),
            "n_closed": closed[1 : horizon + 1].astype(int),
            "share_open": np.cumprod(1 - hazard),
        }
    )
    never = float(table["share_open"].iloc[-1])
    is_certain = never >= 1
    table["share_closed"] = np.nan if is_certain else (1 - table["share_open"]) / (1 - never)
    # Products of what lies beyond a silence, not a quotient, which would be 0 / 0 where everybody has come back.
    beyond = np.append(np.cumprod((1 - hazard)[::-1])[::-1][1:], 1.0)
    table["chance"] = 1 - beyond
    chosen, scale = spread_sample(n_customers)
    some, weights = bought[chosen], n_customers[chosen] * scale
    limits = [
        _chance_limits(some, weights, hazard, at_risk, after=silence, stay=float(beyond[silence - 1]))
        for silence in table["months"]
    ]
    table["low"], table["high"] = [low for low, _ in limits], [high for _, high in limits]
    return table[columns]


def derive_rules(gaps: pd.DataFrame, *, loyal_months: int, given: Mapping[str, int | None]) -> StageRules:
    """Set the limits between stages by the client's own gaps; what is given stands.

    Parameters
    ----------
    gaps : DataFrame
        As from :func:`gap_table`; needed where something is not given.
    loyal_months : int
        As in :class:`StageRules`.
    given : mapping of str to int or None
        ``at_risk``, ``dormant`` and ``lost``: limits of the parameter file.

    Returns
    -------
    StageRules
        At risk: the first silence that is longer than 95 % of the gaps that ended, or after which fewer than half
        come back, whichever is shorter. Dormant and lost: the first after which fewer than 25 % and 10 % come back.
        Where two would fall together, the later is moved up by a month.

    Raises
    ------
    ValueError
        If the gaps are too few or too short to say, or the given limits leave no room between them.

    Examples
    --------
    >>> gaps = pd.DataFrame({"months": [1, 2, 3, 4], "share_closed": [0.7, 0.96, 0.99, 1.0],
    ...     "chance": [0.8, 0.6, 0.2, 0.0]})
    >>> derive_rules(gaps, loyal_months=4, given={"at_risk": None, "dormant": None, "lost": 12})
    StageRules(loyal_months=4, at_risk_months=2, dormant_months=3, lost_months=12)
    """
    known = {name: months for name, months in given.items() if months is not None}
    if len(known) < len(CHANCES):
        if len(gaps) < len(CHANCES) or gaps["share_closed"].isna().any():
            raise ValueError("the gaps between purchases are too few or too short")
        found = {name: int(gaps.loc[gaps["chance"] < line, "months"].min()) for name, line in CHANCES.items()}
        found["at_risk"] = min(
            found["at_risk"], int(gaps.loc[gaps["share_closed"] >= UNUSUAL, "months"].min())
        )
    limits: dict[str, int] = {}
    names = list(CHANCES)
    for place, name in enumerate(names):
        if name in known:
            limits[name] = known[name]
            continue
        # Not above what is given for a later stage, less a month for each stage in between.
        room = [known[later] - names.index(later) + place for later in names[place:] if later in known]
        floor = limits[names[place - 1]] + 1 if place else 1
        limits[name] = min([max(found[name], floor), *room])
    return StageRules(loyal_months, limits["at_risk"], limits["dormant"], limits["lost"])


def _gaps(bought: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
    """Gaps in months with the rows that have them: those closed in each month, then those still open at the end."""
    n, n_months = bought.shape
    last = np.full(n, -1, dtype=np.int64)
    for month in range(n_months):
        owners = np.nonzero(bought[:, month])[0]
        again = owners[last[owners] >= 0]
        yield again, month - last[again], True
        last[owners] = month
    # A gap that could close at the earliest after the last month has not been seen for a single month.
    still = np.nonzero((last >= 0) & (last < n_months - 1))[0]
    yield still, n_months - 1 - last[still], False


def _chance_limits(
    bought: np.ndarray,
    weights: np.ndarray,
    hazard: np.ndarray,
    at_risk: np.ndarray,
    *,
    after: int,
    stay: float,
) -> tuple[float, float]:
    """The 95 % limits of the chance to come back after a silence, by the log-log of staying away."""
    if not 0 < stay < 1:
        return (0.0, 0.0) if stay >= 1 else (1.0, 1.0)
    months = np.arange(1, len(hazard) + 1)
    share = np.where(months > after, 1 / (at_risk[months] * np.where(hazard < 1, 1 - hazard, 1)), 0.0)
    jump = np.append(0.0, share)
    run = np.append(0.0, np.cumsum(share * hazard))
    own = np.zeros(len(bought))
    top = len(hazard)
    for owners, gap, is_closed in _gaps(bought):
        inside = np.minimum(gap, top)
        # Nobody is in one month's gaps twice.
        own[owners] -= run[inside]
        if is_closed:
            own[owners] += np.where(gap <= top, jump[inside], 0.0)
    spread = math.sqrt(float((weights * own**2).sum()))
    power = math.exp(Z * spread / abs(math.log(stay)))
    return 1 - stay ** (1 / power), 1 - stay**power
