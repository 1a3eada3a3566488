"""Whether one odds ratio per item holds at low and at high scores alike: the check of the proportional odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import holm
from cam.measures.satisfaction.ordinal import AnswerRows, Floats

#: Cuts of the outcome that the check compares, and answers that must stand on either side of each.
MOST_CUTS, FEWEST_BESIDE = 4, 30


@dataclass(frozen=True, slots=True)
class SlopesFit:
    """Whether one odds ratio per item holds at every cut of the outcome.

    Attributes
    ----------
    slopes : DataFrame
        One row per item and cut: *item*, *cut* (standing at or above this value of the outcome), *odds_ratio*, *low*,
        *high*, of a binary logit at that cut alone.
    tests : DataFrame
        One row per item: *item*, *statistic* (Wald's), *freedom*, *p_value*, *p_holm* (over all items),
        *spread* (the largest odds ratio over the smallest).
    p_value : float
        Of all items at once.
    n : int
        Answers.
    """

    slopes: pd.DataFrame
    tests: pd.DataFrame
    p_value: float
    n: int


def check_slopes(
    table: pd.DataFrame, *, outcome: str, items: Sequence[str], cluster: str | None = None
) -> SlopesFit:
    """Ask of each item whether its odds ratio is the same at low and at high values of the outcome.

    The outcome is cut in two at up to four of its values; at each a binary logit is fitted, and Wald's test asks
    whether the slopes of an item differ by more than chance.

    Parameters
    ----------
    table, outcome, items, cluster : DataFrame, str, sequence of str, str
        As for :func:`fit_ordinal`.

    Returns
    -------
    SlopesFit

    Raises
    ------
    NoFiniteFitError
        As :func:`fit_ordinal`, at one of the cuts.
    ValueError
        As :func:`fit_ordinal`; or fewer than two cuts have enough answers on both sides.

    Notes
    -----
    Brant compares all cuts. With eleven values that is ten slopes per item, those at the rare ends hardly known, and
    the test says no too often; four cuts near the fifths of the answers tell the same with three degrees of freedom.
    Joint covariance of the slopes: each customer's influence on each of them, summed over customers.

    References
    ----------
    Brant, R. (1990). Assessing proportionality in the proportional odds model for ordinal logistic regression.
    Biometrics 46, 1171-1178. Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian
    Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> price = rng.integers(1, 6, 600)
    >>> table = pd.DataFrame({"price": price, "score": np.clip(price + rng.integers(-2, 3, 600), 1, 5)})
    >>> check_slopes(table, outcome="score", items=["price"]).slopes["cut"].tolist()
    [2.0, 3.0, 4.0, 5.0]
    """
    from scipy import stats  # here, because it makes every start slower

    names = tuple(items)
    rows = AnswerRows.of(table, outcome, names, cluster)
    cuts = _cuts(rows)
    if len(cuts) < 2:
        raise ValueError(
            f"a check of slopes needs {FEWEST_BESIDE} answers on both sides of two cuts of {outcome}"
        )
    p, k = len(names), len(cuts)
    slopes, influences = np.empty((k, p)), []
    for place, cut in enumerate(cuts):
        climbed = rows.climb((rows.level >= cut).astype(np.int64), 2)
        slopes[place] = climbed.estimate[1:]
        influences.append(climbed.influence(rows)[:, 1:])
    influence = np.hstack(influences)
    joint = np.einsum("ci,cj->ij", influence, influence) * rows.correction
    errors = np.sqrt(np.diag(joint)).reshape(k, p)
    freedom = max(rows.n_clusters - 1, 1)
    # Differences to the first cut, of one item or of all.
    difference = np.hstack([-np.ones((k - 1, 1)), np.eye(k - 1)])
    tests = []
    for place, name in enumerate(names):
        own = joint[place::p, place::p]
        statistic, p_value = _wald(difference @ slopes[:, place], difference @ own @ difference.T, freedom)
        spread = float(np.exp(np.ptp(slopes[:, place] / rows.scale[place])))
        tests.append(
            {"item": name, "statistic": statistic, "freedom": k - 1, "p_value": p_value, "spread": spread}
        )
    whole = np.kron(difference, np.eye(p))
    together = _wald(whole @ slopes.ravel(), whole @ joint @ whole.T, freedom)[1]
    found = pd.DataFrame(tests)
    half = float(stats.t.ppf(0.975, freedom)) * errors
    flat = pd.DataFrame(
        {
            "item": np.tile(np.array(names, dtype=object), k),
            "cut": np.repeat([float(rows.values[cut]) for cut in cuts], p),
            "odds_ratio": np.exp(slopes / rows.scale).ravel(),
            "low": np.exp((slopes - half) / rows.scale).ravel(),
            "high": np.exp((slopes + half) / rows.scale).ravel(),
        }
    )
    columns = ["item", "statistic", "freedom", "p_value", "p_holm", "spread"]
    return SlopesFit(
        flat, found.assign(p_holm=holm(found["p_value"].to_numpy(float)))[columns], together, len(table)
    )


def _cuts(rows: AnswerRows) -> list[int]:
    """Places of up to four values near the fifths of the answers; each parts off enough answers on both sides."""
    counts = np.bincount(rows.level, rows.count, rows.values.size)
    below = np.cumsum(counts)[:-1]  # answers below the value at place 1, 2, ...
    n = counts.sum()
    possible = [place for place, under in enumerate(below, 1) if min(under, n - under) >= FEWEST_BESIDE]
    if len(possible) <= MOST_CUTS:
        return possible
    chosen: list[int] = []
    for fifth in range(1, MOST_CUTS + 1):
        free = [place for place in possible if place not in chosen]
        chosen.append(min(free, key=lambda place: abs(below[place - 1] / n - fifth / (MOST_CUTS + 1))))
    return sorted(chosen)


def _wald(difference: Floats, covariance: Floats, freedom: int) -> tuple[float, float]:
    """Wald's statistic and its p-value; Hotelling's F, for the covariance is estimated from the customers too."""
    from scipy import stats  # here, because it makes every start slower

    statistic = float(difference @ np.linalg.solve(covariance, difference))
    q = difference.size
    left = max(freedom - q + 1, 1)
    return statistic, float(stats.f.sf(statistic * left / (freedom * q), q, left))
