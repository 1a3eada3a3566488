"""What calling would have earned: customers of a past cut-off, each with their own worth as it was known then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import Estimate
from cam.measures.churn.columns import Floats, as_numbers
from cam.measures.churn.evaluation import checked, resampled
from cam.measures.churn.profit import Offer, expected_gains

_N_BOOTSTRAP = 500
_GRID = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class OwnWorthFit:
    """What calling by expected gain and by risk earns, in money per customer of the base (not of the list).

    Attributes
    ----------
    share, profit : Estimate
        Share (0-1) of customers whose expected gain was above 0, known before the outcome, and what calling them
        earns. The intervals are over customers and, of money, over the save rate.
    best_share, best : Estimate
        The share that turned out to earn most, by expected gain, and its profit: chosen afterwards, so a little high.
    by_risk : Estimate
        Profit of as many customers as *share*, the riskiest first.
    every : Estimate
        Profit of calling all.
    curve : DataFrame
        *order* (``gain``, ``risk``), *share_contacted, profit, low, high* at the mean save rate.
    n : int
        Rows.
    """

    share: Estimate
    profit: Estimate
    best_share: Estimate
    best: Estimate
    by_risk: Estimate
    every: Estimate
    curve: pd.DataFrame
    n: int


def fit_own_worth(table: pd.DataFrame, *, offer: Offer, currency: str, seed: int) -> OwnWorthFit:
    """Work out what calling customers of a past cut-off would have earned, by expected gain and by risk.

    Parameters
    ----------
    table : DataFrame
        *customer_id, churned* (0 or 1: silent, or its contract ended), *p_churn, p_lost, p_alive* (0-1),
        *residual_clv* (money of a customer who is there and stays), all as known at the cut-off; of customers that
        the model has not seen.
    offer : Offer
        What is offered.
    currency : str
        ISO code of the money.
    seed : int
        Of 500 resamples of customers and draws of the save rate.

    Returns
    -------
    OwnWorthFit
        Of a customer who fell silent it cannot be seen whether they had left before, will come back, or are lost: the
        three count as likely as they were, given the silence. With save rate g, worth v, offer d and contact f that
        brings (p_lost / p_churn) g (v - d) - ((q - p_lost) / p_churn) d - f, where q = max(0, p_churn - (1 -
        p_alive)); of who did not fall silent, -d - f.

    Raises
    ------
    ValueError
        If all left or all stayed, or a column is not as above.

    Notes
    -----
    What is kept is not seen: who was called is not known. The outcome tests who leaves, not that the save rate and the
    worth are right.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": range(4), "churned": [1, 0, 1, 0], "p_alive": 1.0})
    >>> people["p_churn"] = people["p_lost"] = [0.8, 0.5, 0.5, 0.2]
    >>> people["residual_clv"] = [20.0, 20.0, 200.0, 20.0]
    >>> fit = fit_own_worth(people, offer=Offer(offer_cost=10, contact_cost=1), currency="EUR", seed=1)
    >>> fit.share.value, fit.profit.value, fit.by_risk.value
    (0.25, 14.0, 0.5)
    """
    y, risk, customers = checked(table, "p_churn", probability=True)
    expected = expected_gains(table.assign(place=np.arange(len(table))), offer=offer).sort_values("place")
    gain = as_numbers(expected["expected_gain"])
    lost, there, clv = (as_numbers(table[name]) for name in ("p_lost", "p_alive", "residual_clv"))
    d, f = offer.offer_cost, offer.contact_cost
    still = np.maximum(risk - (1 - there), 0.0)
    some = risk > 0
    kept = np.divide(lost, risk, out=np.zeros(risk.size), where=some)
    pausing = np.divide(np.maximum(still - lost, 0.0), risk, out=np.zeros(risk.size), where=some)
    # A straight line in the save rate.
    fixed, saved = np.where(y == 1, -pausing * d, -d) - f, np.where(y == 1, kept * (clv - d), 0.0)
    ways = [
        (order, np.concatenate([[0], np.flatnonzero(np.diff(by[order])) + 1]))
        for by in (gain, risk)
        for order in [np.argsort(-by, kind="stable")]
    ]
    chosen = gain > 0
    rng = np.random.default_rng(seed)

    def worked_out(weights: Floats, save_rate: float) -> Floats:
        w = weights / weights.sum()
        earned = w * (fixed + save_rate * saved)
        share = float(w[chosen].sum())
        lines: list[Floats] = []
        best = (0.0, 0.0)
        for order, starts in ways:
            # Customers who are equal are called in their proportion.
            listed = np.concatenate([[0.0], np.cumsum(np.add.reduceat(w[order], starts))])
            total = np.concatenate([[0.0], np.cumsum(np.add.reduceat(earned[order], starts))])
            if not lines:
                top = int(total.argmax())
                best = (min(float(listed[top]), 1.0), float(total[top]))
            lines.append(np.interp([share, *_GRID], listed, total))
        heads = [share, float(earned[chosen].sum()), *best, float(lines[1][0]), float(earned.sum())]
        return np.concatenate([heads, lines[0][1:], lines[1][1:]])

    found = worked_out(np.ones(y.size), offer.save_rate)
    draws = [worked_out(resampled(customers, rng), rng.beta(*offer.beta)) for _ in range(_N_BOOTSTRAP)]
    low, high = np.quantile(np.array(draws), [0.025, 0.975], axis=0)

    def single(figure: str, place: int, unit: str) -> Estimate:
        ends = min(low[place], found[place]), max(high[place], found[place])
        return Estimate(figure, float(found[place]), unit, y.size, float(ends[0]), float(ends[1]))

    curve = pd.DataFrame(
        {
            "order": np.repeat(["gain", "risk"], _GRID.size),
            "share_contacted": np.tile(_GRID, 2),
            "profit": found[6:],
            "low": low[6:],
            "high": high[6:],
        }
    )
    return OwnWorthFit(
        single("calling_share", 0, "share"),
        single("calling_profit", 1, currency),
        single("calling_best_share", 2, "share"),
        single("calling_best_profit", 3, currency),
        single("calling_profit_by_risk", 4, currency),
        single("contact_all_profit", 5, currency),
        curve,
        y.size,
    )
