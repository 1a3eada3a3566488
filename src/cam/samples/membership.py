"""The demo's membership programme: monthly fees, monthly renewals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.samples import plan, rhythm
from cam.samples.draws import Draws, Floats, Ints
from cam.samples.people import People

_JOINS_AT_ONCE, _JOINS_LATER_DAYS = 0.5, 60.0


def draw_membership(people: People, draws: Draws) -> tuple[pd.DataFrame, Floats]:
    """Draw the table `contracts`, and each member's true probability of not renewing.

    The shifted beta-geometric: at the end of each month a member leaves with a probability of their own, and
    these are beta distributed. The betas are drawn first and then given out by rank of dissatisfaction plus
    noise, so they stay exactly beta while the dissatisfied get the higher ones.

    Parameters
    ----------
    people : People
        The customers.
    draws : Draws
        The stream to draw from.

    Returns
    -------
    table : DataFrame
        `customer_id`, `start_date`, `end_date` (missing: still running), `monthly_fee` in CNY.
    probability : array of float, one per customer
        Monthly probability of not renewing; missing for those who never joined.

    References
    ----------
    Fader and Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1), 76-90.
    """
    log_odds = plan.MEMBER_LEVEL + plan.SATISFACTION_ON_MEMBER * people.satisfaction
    wait = np.where(
        draws.happens(_JOINS_AT_ONCE, people.n), 0.0, _JOINS_LATER_DAYS * draws.exponential(people.n)
    )
    start = np.floor(people.acquired + wait)
    joins = draws.happens(1 / (1 + np.exp(-log_odds)), people.n) & (start < rhythm.N_DAYS)
    member = np.flatnonzero(joins)
    n = member.size

    noise = np.sqrt(1 - plan.RENEWAL_DEPENDENCE**2) * draws.normal(n)
    rank = np.argsort(-plan.RENEWAL_DEPENDENCE * people.satisfaction[member] + noise, kind="stable")
    churn = np.empty(n)
    churn[rank] = np.sort(draws.beta(plan.CHURN_A, plan.CHURN_B, n))
    months = 1 + np.floor(np.log(draws.uniform(n)) / np.log1p(-churn))

    # Forty years of months are enough: whoever stays longer is still a member at as_of.
    end = _add_months(rhythm.dates(start[member]).astype("M8[D]"), np.minimum(months, 480).astype(np.int64))
    table = pd.DataFrame(
        {
            "customer_id": people.ids[member],
            "start_date": rhythm.dates(start[member]),
            "end_date": np.where(end <= rhythm.AS_OF, end, np.datetime64("NaT")).astype("M8[s]"),
            "monthly_fee": plan.FEES[draws.pick(plan.FEE_SHARE, n)],
        }
    )
    probability = np.full(people.n, np.nan)
    probability[member] = churn
    return table, probability


def _add_months(date: NDArray[np.datetime64], months: Ints) -> NDArray[np.datetime64]:
    """The same day so many months later, or that month's last."""
    month = date.astype("M8[M]")
    day = (date - month).astype(int)
    target = month + months
    last = ((target + 1).astype("M8[D]") - target.astype("M8[D]")).astype(int) - 1
    moved: NDArray[np.datetime64] = target.astype("M8[D]") + np.minimum(day, last)
    return moved
