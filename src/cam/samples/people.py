"""Who the demo's customers are: how they were acquired, and all about them that no client would know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.samples import plan, rhythm
from cam.samples.draws import Draws, Floats, Ints


@dataclass(frozen=True, slots=True)
class People:
    """The latent customers, in order of acquisition; times are days since the start of the period.

    Parameters
    ----------
    channel : array of int
        Position in `plan.CHANNELS`.
    acquired : array of float
        Time of the first order.
    city, segment : array of int
        Position in `plan.CITIES`, `plan.SEGMENTS`.
    factors : array, n x 3
        Scores on `plan.FACTORS`.
    perceived : array, n x 6
        Steady perception of `plan.DRIVERS`, about standard normal.
    unexplained : array of float
        Steady part of satisfaction that no driver explains.
    satisfaction : array of float
        Weighted sum of `perceived` plus `unexplained`; about standard normal.
    purchase_rate, dropout_rate, ticket_rate : array of float
        Per week; dropout before any badly handled complaint.
    order_value : array of float
        Expected revenue of an order that is not free, CNY.
    english : array of bool
        Writes English; the others write Chinese.
    """

    channel: Ints
    acquired: Floats
    city: Ints
    segment: Ints
    factors: Floats
    perceived: Floats
    unexplained: Floats
    satisfaction: Floats
    purchase_rate: Floats
    dropout_rate: Floats
    ticket_rate: Floats
    order_value: Floats
    english: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """Number of customers."""
        return self.channel.size

    @property
    def ids(self) -> NDArray[np.object_]:
        """Customer ids, numbered in order of acquisition."""
        return np.array([f"C{number:06d}" for number in range(1, self.n + 1)], dtype=object)


def draw_people(expected: Floats, n: int, draws: Draws) -> People:
    """Draw n customers.

    Parameters
    ----------
    expected : array, months x channels
        Expected number acquired in each cell; only its proportions count.
    n : int
        Number of customers.
    draws : Draws
        The stream to draw from.

    Returns
    -------
    People
        Sorted by acquisition.
    """
    cell = draws.pick(expected.ravel(), n)
    month, channel = cell // expected.shape[1], cell % expected.shape[1]
    edges = rhythm.busy_days(rhythm.month_starts())
    busy = edges[month] + draws.uniform(n) * (edges[month + 1] - edges[month])
    order = np.argsort(busy, kind="stable")
    channel, acquired = channel[order], rhythm.calendar_days(busy[order])

    city = draws.pick([share for _, share in plan.CITIES.values()], n)
    segment = draws.pick(plan.SEGMENT_SHARE, n)
    spread = plan.SEGMENT_SPREAD * draws.normal(3 * n).reshape(n, 3)
    perceived = draws.normals(plan.DRIVER_CORRELATION, n)
    tiers = np.array([tier for tier, _ in plan.CITIES.values()])[city]
    perceived[:, plan.DRIVERS.index("item_delivery")] += np.array(plan.TIER_ON_DELIVERY)[tiers - 1]
    unexplained = np.sqrt(1 - plan.EXPLAINED) * draws.normal(n)
    satisfaction = perceived @ plan.DRIVER_WEIGHTS + unexplained

    purchase_rate = draws.gamma(plan.PURCHASE_SHAPE, n) / plan.PURCHASE_RATE
    dropout_rate = draws.gamma(plan.DROPOUT_SHAPE, n) / plan.DROPOUT_RATE
    # Gamma-gamma: an order is gamma(p, nu), and nu is gamma(q, gamma), so a customer's mean is p / nu.
    order_value = plan.VALUE_P * plan.VALUE_GAMMA / draws.gamma(plan.VALUE_Q, n)
    hazard_ratio = np.exp(plan.SATISFACTION_ON_DROPOUT * satisfaction)
    return People(
        channel=channel,
        acquired=acquired,
        city=city,
        segment=segment,
        factors=plan.SEGMENT_MEANS[segment] + spread,
        perceived=perceived,
        unexplained=unexplained,
        satisfaction=satisfaction,
        purchase_rate=purchase_rate * plan.per_channel("purchases")[channel],
        dropout_rate=dropout_rate * plan.per_channel("dropout")[channel] * hazard_ratio,
        ticket_rate=plan.TICKET_RATE * np.exp(plan.SATISFACTION_ON_TICKETS * satisfaction),
        order_value=order_value * plan.per_channel("value")[channel],
        english=draws.happens(plan.ENGLISH, n),
    )


@dataclass(frozen=True, slots=True)
class Lives:
    """How long the customers stay, and their complaints; times are days since the start of the period.

    Parameters
    ----------
    gone : array of float, one per customer
        Time of dropout; may lie after as_of.
    soured : array of float, one per customer
        Time from which a badly handled complaint raises the hazard; infinite: gone before it could be made.
    ticket_customer : array of int, one per complaint
        Whose complaint.
    ticket_opened : array of float, one per complaint
        When.
    ticket_is_bad : array of bool, one per complaint
        Not resolved within `plan.BAD_AFTER_DAYS`.
    """

    gone: Floats
    soured: Floats
    ticket_customer: Ints
    ticket_opened: Floats
    ticket_is_bad: NDArray[np.bool_]


def draw_lives(people: People, draws: Draws) -> Lives:
    """Draw complaints, and from them lifetimes.

    A lifetime ends when the cumulated hazard reaches a standard exponential. The hazard is constant until the
    first badly handled complaint and constant again, but higher, from then on.

    Parameters
    ----------
    people : People
        The customers.
    draws : Draws
        The stream to draw from.

    Returns
    -------
    Lives
        Complaints while the customer stayed, sorted by time, and the time of dropout.
    """
    end = float(rhythm.N_DAYS + rhythm.FUTURE_DAYS)
    exposure = end - people.acquired
    counts = draws.poisson(people.ticket_rate * exposure / 7)
    customer = np.repeat(np.arange(people.n), counts)
    opened = rhythm.at_a_human_hour(
        people.acquired[customer] + draws.uniform(customer.size) * exposure[customer]
    )
    after = opened > people.acquired[customer]
    customer, opened = customer[after], opened[after]
    is_bad = draws.happens(plan.BAD_TICKET_PROBABILITY, customer.size)

    # Beyond the time looked at, one exponential wait stands for all the complaints to come.
    soured = end + draws.exponential(people.n) * 7 / (people.ticket_rate * plan.BAD_TICKET_PROBABILITY)
    np.minimum.at(soured, customer[is_bad], opened[is_bad] + plan.BAD_AFTER_DAYS)
    hazard = people.dropout_rate / 7
    to_come = draws.exponential(people.n)
    until_soured = hazard * (soured - people.acquired)
    faster = soured + (to_come - until_soured) / (hazard * plan.COMPLAINT_ON_DROPOUT)
    gone = np.where(to_come <= until_soured, people.acquired + to_come / hazard, faster)
    soured = np.where(soured - plan.BAD_AFTER_DAYS < gone, soured, np.inf)

    happens = (opened < gone[customer]) & (opened < rhythm.N_DAYS)
    order = np.flatnonzero(happens)[np.lexsort((customer[happens], opened[happens]))]
    return Lives(gone, soured, customer[order], opened[order], is_bad[order])


_ELSEWHERE = 2400.0  # CNY per year, median


def draw_wallet(people: People, draws: Draws) -> Floats:
    """Draw spend in the whole category, CNY per year: what is expected here, and some of it elsewhere."""
    here = people.purchase_rate * people.order_value * 365.25 / 7
    return here + _ELSEWHERE * np.exp(0.8 * draws.normal(people.n))


_AGE = {"short_video": 29.0, "affiliate": 31.0, "social": 32.0, "store": 45.0}  # means; the others: 36
_INCOMES = ("under_5k", "5k_to_10k", "10k_to_20k", "over_20k")  # CNY per month
_MISSING = 0.05


def customers_table(people: People, wallet: Floats, draws: Draws) -> pd.DataFrame:
    """What the client knows of its customers.

    Parameters
    ----------
    people : People
        The customers.
    wallet : array of float
        True spend in the whole category, CNY per year; the client's estimate of it errs by about a quarter.
    draws : Draws
        The stream to draw from.

    Returns
    -------
    DataFrame
        The table `customers`.
    """
    n = people.n
    names = [channel.name for channel in plan.CHANNELS]
    mean_age = np.array([_AGE.get(name, 36.0) for name in names])[people.channel]
    age = np.clip(np.round(mean_age + 9 * draws.normal(n)), 18, 75)
    gender = np.where(draws.happens(0.64, n), "female", "male").astype(object)
    tiers = np.array([tier for tier, _ in plan.CITIES.values()])[people.city]
    # Income rises with the city's rank and with the taste for quality.
    rank = 0.5 * people.factors[:, 1] + 0.35 * (2 - tiers) + draws.normal(n)
    income = np.array(_INCOMES, dtype=object)[np.searchsorted([-0.9, 0.2, 1.3], rank)]
    estimate = np.round(wallet * np.exp(0.25 * draws.normal(n)) / 100) * 100
    table: dict[str, object] = {
        "customer_id": people.ids,
        "acquired_date": rhythm.dates(people.acquired),
        "acquisition_channel": np.array(names, dtype=object)[people.channel],
        "wallet": np.maximum(estimate, 100).astype(np.int64),
        "age": pd.array(age.astype(np.int64), dtype="Int64"),
        "gender": gender,
        "income": income,
        "region": np.array(list(plan.CITIES), dtype=object)[people.city],
        "city_tier": pd.array(tiers, dtype="Int64"),
    }
    for name, (factor, loading) in plan.ATTITUDES.items():
        answer = loading * people.factors[:, factor] + np.sqrt(1 - loading**2) * draws.normal(n)
        table[name] = np.clip(np.round(4 + 1.45 * answer), 1, 7).astype(np.int64)
    frame = pd.DataFrame(table)
    for columns in (["age"], ["gender"], ["income"], ["region", "city_tier"]):
        frame.loc[draws.happens(_MISSING, n), columns] = pd.NA
    return frame
