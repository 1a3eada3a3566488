"""The demo's orders and refunds, and what each customer was expected to bring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.samples import plan, rhythm
from cam.samples.draws import Draws, Floats, Ints
from cam.samples.people import Lives, People

_COST_NOISE = 0.05  # standard deviation of an order's cost around its category's
_ONLINE = ("app", "mini_program", "web")
_REFUND_DAYS = (1.0, 20.0)


@dataclass(frozen=True, slots=True)
class Orders:
    """All orders, sorted by time; arrays have one row per order.

    Parameters
    ----------
    customer : array of int
        Who ordered.
    time : array of float
        When, in days since the start.
    revenue, cost, discount : array of float
        CNY, to the cent. Revenue is what was paid, after the discount.
    category : array of int
        Position in `plan.CATEGORIES`.
    """

    customer: Ints
    time: Floats
    revenue: Floats
    cost: Floats
    discount: Floats
    category: Ints


def category_probabilities(people: People) -> Floats:
    """Probability of each category in an order; one row per customer."""
    weights = plan.CATEGORY_SHARE * np.exp(people.factors @ plan.CATEGORY_PULL.T)
    probabilities: Floats = weights / weights.sum(axis=1, keepdims=True)
    return probabilities


def discount_probability(people: People) -> Floats:
    """Probability that an order carries a discount; one per customer."""
    log_odds = plan.DISCOUNT_LEVEL + plan.DISCOUNT_BY_PRICE * people.factors[:, 0]
    probability: Floats = 1 / (1 + np.exp(-log_odds))
    return probability


def expected_margin_rate(people: People) -> Floats:
    """Expected margin of an order, refunds counted, as a share of `order_value`; one per customer.

    The cost is (1 - category margin) x list price, and a discount of share d makes the list price 1 / (1 - d)
    times the revenue. A voucher brings no revenue at full cost. A refund takes back its share of revenue and
    cost.
    """
    cost_of_list = category_probabilities(people) @ (1 - plan.CATEGORY_MARGIN)
    markup = float(np.mean(1 / (1 - plan.DISCOUNT_SHARES))) - 1
    cost = cost_of_list * (1 + discount_probability(people) * markup)
    returned = plan.FULL_REFUND_PROBABILITY + (1 - plan.FULL_REFUND_PROBABILITY) * float(
        np.mean(plan.PARTIAL_REFUND)
    )
    kept = 1 - plan.REFUND_PROBABILITY * returned
    paid = 1 - plan.VOUCHER_PROBABILITY
    rate: Floats = paid * (1 - cost) * kept - plan.VOUCHER_PROBABILITY * cost
    return rate


def draw_orders(people: People, lives: Lives, draws: Draws) -> Orders:
    """Draw every order up to as_of: one at acquisition, then a Poisson process in busy time until dropout.

    Parameters
    ----------
    people : People
        The customers.
    lives : Lives
        Until when they stay.
    draws : Draws
        The stream to draw from.

    Returns
    -------
    Orders
        Sorted by time, then by customer.
    """
    start = rhythm.busy_days(people.acquired)
    span = rhythm.busy_days(np.minimum(lives.gone, rhythm.N_DAYS)) - start
    repeats = draws.poisson(people.purchase_rate * span / 7)
    again = np.repeat(np.arange(people.n), repeats)
    later = rhythm.calendar_days(start[again] + draws.uniform(again.size) * span[again])
    customer = np.concatenate([np.arange(people.n), again])
    # A time is a minute: two orders that differ by less are in the order of their customers.
    time = np.floor(np.concatenate([people.acquired, later]) * 1440) / 1440
    order = np.lexsort((customer, time))
    customer, time = customer[order], time[order]
    n = customer.size

    shape = draws.gamma(plan.VALUE_P, n) / plan.VALUE_P
    paid = np.maximum(np.round(people.order_value[customer] * shape, 2), 1.0)
    is_discounted = draws.happens(discount_probability(people)[customer], n)
    share = np.where(is_discounted, plan.DISCOUNT_SHARES[draws.index(plan.DISCOUNT_SHARES.size, n)], 0.0)
    discount = np.round(paid * share / (1 - share), 2)
    category = draws.pick(category_probabilities(people)[customer], n)
    noise = 1 + _COST_NOISE * np.clip(draws.normal(n), -3, 3)
    cost = np.round((paid + discount) * (1 - plan.CATEGORY_MARGIN[category]) * noise, 2)
    is_voucher = draws.happens(plan.VOUCHER_PROBABILITY, n)
    return Orders(
        customer=customer,
        time=time,
        revenue=np.where(is_voucher, 0.0, paid),
        cost=cost,
        discount=np.where(is_voucher, 0.0, discount),
        category=category,
    )


def transactions_table(orders: Orders, people: People, draws: Draws) -> pd.DataFrame:
    """Draw the table `transactions`: orders, their refunds, and a few refunds of orders that are not there.

    Parameters
    ----------
    orders : Orders
        The orders.
    people : People
        The customers.
    draws : Draws
        The stream to draw from.

    Returns
    -------
    DataFrame
        Sorted by `order_date`, then by `order_id`.
    """
    n = orders.customer.size
    at_store = draws.happens(plan.per_channel("at_store")[people.channel][orders.customer], n)
    online = np.array(_ONLINE, dtype=object)[draws.pick([0.40, 0.35, 0.25], n)]
    frame = pd.DataFrame(
        {
            "order_id": [f"O{number:07d}" for number in range(1, n + 1)],
            "customer_id": people.ids[orders.customer],
            # From the middle of the minute, as 1/1440 is no binary number.
            "order_date": rhythm.minutes(orders.time + 0.5 / 1440),
            "revenue": orders.revenue,
            "cost": orders.cost,
            "discount": orders.discount,
            "channel": np.where(at_store, "store", online).astype(object),
            "category": np.array(plan.CATEGORIES, dtype=object)[orders.category],
            "quantity": 1 + draws.poisson(np.minimum(orders.revenue, 2000) / 110),
            "currency": "CNY",
        }
    )
    refunds = _refunds(frame, orders.time, draws)
    return (
        pd.concat([frame, refunds], ignore_index=True)
        .sort_values(["order_date", "order_id"], kind="stable")
        .reset_index(drop=True)
    )


def _refunds(frame: pd.DataFrame, time: Floats, draws: Draws) -> pd.DataFrame:
    """Rows that take back an order in full or in part, some days later; none after as_of."""
    n = len(frame)
    is_linked = draws.happens(plan.REFUND_PROBABILITY, n)
    is_unlinked = draws.happens(plan.UNLINKED_REFUND_PROBABILITY, n) & ~is_linked
    is_full = draws.happens(plan.FULL_REFUND_PROBABILITY, n)
    low, high = plan.PARTIAL_REFUND
    share = np.where(is_full, 1.0, low + (high - low) * draws.uniform(n))
    first, last = _REFUND_DAYS
    day = np.floor(time + first + (last - first) * draws.uniform(n))
    at = rhythm.at_a_human_hour(day + draws.uniform(n))
    chosen = (is_linked | is_unlinked) & (frame["revenue"].to_numpy() > 0) & (at < rhythm.N_DAYS)
    rows = frame[chosen].copy()
    taken = share[chosen]
    rows["order_date"] = rhythm.minutes(at[chosen])
    rows["revenue"] = -np.round(rows["revenue"].to_numpy() * taken, 2)
    rows["cost"] = -np.round(rows["cost"].to_numpy() * taken, 2)
    rows["discount"] = 0.0
    rows["quantity"] = -np.maximum(np.round(rows["quantity"].to_numpy() * taken), 1).astype(np.int64)
    unlinked = is_unlinked[chosen]
    rows.loc[unlinked, "order_id"] = [f"R{number:06d}" for number in range(1, int(unlinked.sum()) + 1)]
    return rows


def survival_integrals(people: People, lives: Lives, discount: float) -> Floats:
    """Expected time alive in each of the 52 weeks after as_of, given the true rates and being alive at as_of.

    While no complaint has been handled badly, the hazard is mu, and bad complaints come at rate tau;
    afterwards it is c = mu x ratio. So S(t) = exp(-a t) + tau (exp(-c t) - exp(-a t)) / (a - c) with a = mu +
    tau, and each term has a closed integral.

    Parameters
    ----------
    people, lives : People, Lives
        The customers, and which of them are past a badly handled complaint.
    discount : float
        Force of interest per week; 0: not discounted.

    Returns
    -------
    array, n x 52
        Weeks.
    """
    mu, c, tau, soured = _hazards(people, lives)
    a = mu + tau
    gap = a - c
    # Where a meets c the two exponentials merge; the step aside is far below what anyone can see.
    gap = np.where(np.abs(gap) < 1e-9, 1e-9, gap)
    plain = _weekly_integral(a + discount)
    after = _weekly_integral(c + discount)
    mixed = plain + (tau / gap)[:, None] * (after - plain)
    return np.where(soured[:, None], after, mixed)


def expected_lifetime_weeks(people: People) -> Floats:
    """Expected weeks from acquisition to dropout, given the true rates, over an endless time."""
    tau = people.ticket_rate * plan.BAD_TICKET_PROBABILITY
    a = people.dropout_rate + tau
    weeks: Floats = 1 / a + tau / a / (people.dropout_rate * plan.COMPLAINT_ON_DROPOUT)
    return weeks


def _hazards(people: People, lives: Lives) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    soured = lives.soured <= rhythm.N_DAYS
    tau = people.ticket_rate * plan.BAD_TICKET_PROBABILITY
    return people.dropout_rate, people.dropout_rate * plan.COMPLAINT_ON_DROPOUT, tau, soured


def _weekly_integral(rate: Floats) -> Floats:
    """Integral of exp(-rate t) over each of 52 weeks."""
    weeks = np.arange(52)
    return np.exp(-rate[:, None] * weeks) * (-np.expm1(-rate) / rate)[:, None]


def future_orders(people: People, lives: Lives, draws: Draws) -> Ints:
    """Draw the orders of the 52 weeks after as_of: for the truth only, no table shows them."""
    start, end = float(rhythm.N_DAYS), float(rhythm.N_DAYS + rhythm.FUTURE_DAYS)
    until = np.clip(lives.gone, start, end)
    return draws.poisson(
        people.purchase_rate * (rhythm.busy_days(until) - rhythm.busy_days(np.full(people.n, start))) / 7
    )
