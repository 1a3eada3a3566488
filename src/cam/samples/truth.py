"""The truth behind the demo's tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cam.samples import acquisition, orders, plan, rhythm, voice
from cam.samples.draws import Floats, Ints
from cam.samples.orders import Orders
from cam.samples.people import Lives, People

_MONEY_DIGITS, _DIGITS = 2, 6  # early enough that the last bit of a machine's logarithm cannot show


def customers_truth(
    people: People, lives: Lives, drawn: Orders, future: Ints, wallet: Floats, renewal: Floats
) -> pd.DataFrame:
    """One row per customer: the expected values the demo was drawn from, beside the realised ones.

    Parameters
    ----------
    people, lives, drawn : People, Lives, Orders
        The customers, their lives and orders.
    future : array of int
        Orders drawn for the 52 weeks after as_of.
    wallet : array of float
        True spend in the whole category, CNY per year.
    renewal : array of float
        Monthly probability of not renewing the membership; missing for those who never joined.

    Returns
    -------
    DataFrame
        The truth table `customers`, as `DemoClient` describes it.
    """
    is_alive = lives.gone >= rhythm.N_DAYS
    soured = lives.soured <= np.minimum(lives.gone, rhythm.N_DAYS)
    margin_rate = orders.expected_margin_rate(people)
    busy = rhythm.busy_weeks_ahead()
    alive_weeks = orders.survival_integrals(people, lives, 0.0)
    discounted_weeks = orders.survival_integrals(people, lives, plan.WEEKLY_DISCOUNT)
    purchases = people.purchase_rate * (alive_weeks @ busy) * is_alive
    discounted = people.purchase_rate * (discounted_weeks @ busy) * is_alive
    span = rhythm.busy_days(np.minimum(lives.gone, rhythm.N_DAYS)) - rhythm.busy_days(people.acquired)
    return pd.DataFrame(
        {
            "customer_id": people.ids,
            "purchase_rate": people.purchase_rate.round(_DIGITS),
            "dropout_rate": people.dropout_rate.round(_DIGITS),
            "dropout_rate_now": (people.dropout_rate * np.where(soured, plan.COMPLAINT_ON_DROPOUT, 1)).round(
                _DIGITS
            ),
            "ticket_rate": people.ticket_rate.round(_DIGITS),
            "satisfaction": people.satisfaction.round(_DIGITS),
            "expected_nps": voice.expected_nps(people, lives).round(_MONEY_DIGITS),
            "price_factor": people.factors[:, 0].round(_DIGITS),
            "quality_factor": people.factors[:, 1].round(_DIGITS),
            "convenience_factor": people.factors[:, 2].round(_DIGITS),
            "attitude_segment": np.array(plan.SEGMENTS, dtype=object)[people.segment],
            "expected_order_value": (people.order_value * (1 - plan.VOUCHER_PROBABILITY)).round(
                _MONEY_DIGITS
            ),
            "expected_margin_rate": margin_rate.round(_DIGITS),
            "wallet": wallet.round(_MONEY_DIGITS),
            "membership_churn_probability": renewal.round(_DIGITS),
            "expected_lifetime_weeks": orders.expected_lifetime_weeks(people).round(_MONEY_DIGITS),
            "lifetime_weeks": ((lives.gone - people.acquired) / 7).round(_MONEY_DIGITS),
            "dropout_date": rhythm.dates(np.where(is_alive, np.nan, lives.gone)),
            "is_alive": is_alive,
            "had_bad_complaint": soured,
            "expected_repeat_orders": (people.purchase_rate * span / 7).round(_DIGITS),
            "n_repeat_orders": np.bincount(drawn.customer, minlength=people.n) - 1,
            "revenue": np.bincount(drawn.customer, drawn.revenue, people.n).round(_MONEY_DIGITS),
            "expected_purchases_52w": purchases.round(_DIGITS),
            "purchases_52w": future,
            "expected_residual_margin_52w": (discounted * people.order_value * margin_rate).round(
                _MONEY_DIGITS
            ),
        }
    )


def channels_truth(people: People, customers: pd.DataFrame, media: Floats, expected: Floats) -> pd.DataFrame:
    """One row per channel: costs, elasticity and quality.

    Parameters
    ----------
    people : People
        The customers.
    customers : DataFrame
        The truth table `customers`.
    media : array, months x channels
        Media spend, CNY.
    expected : array, months x channels
        Expected number of customers acquired.

    Returns
    -------
    DataFrame
        The truth table `channels`, as `DemoClient` describes it.
    """
    names = [channel.name for channel in plan.CHANNELS]
    fixed = sum(costs.sum(axis=0) for costs in acquisition.fixed_costs(media, people.n).values())
    commission = plan.per_channel("commission")
    acquired = acquisition.count_acquired(people).sum(axis=0)
    due = expected.sum(axis=0)
    elasticity, closes = plan.per_channel("elasticity"), plan.per_channel("closes")
    margin = customers["expected_order_value"] * customers["expected_margin_rate"]
    by_channel = customers.assign(margin=margin.round(_DIGITS)).groupby(people.channel)

    def summary(column: str, how: str) -> Floats:
        return (
            by_channel[column].agg(how).reindex(range(len(names))).to_numpy(dtype=float).round(_MONEY_DIGITS)
        )

    with np.errstate(divide="ignore", invalid="ignore"):
        cac = np.where(acquired > 0, (fixed + commission * acquired) / acquired, np.nan)
    expected_cac = (fixed + commission * due) / due
    return pd.DataFrame(
        {
            "channel": names,
            "expected_acquired": due.round(_DIGITS),
            "n_acquired": acquired.astype(np.int64),
            "expected_cac": expected_cac.round(_MONEY_DIGITS),
            "cac": cac.round(_MONEY_DIGITS),
            "media_elasticity": np.where(elasticity > 0, elasticity, np.nan),
            "purchase_multiplier": plan.per_channel("purchases"),
            "value_multiplier": plan.per_channel("value"),
            "dropout_multiplier": plan.per_channel("dropout"),
            "lead_conversion": np.where(closes > 0, plan.CONTACTED * plan.QUALIFIED * closes, np.nan).round(
                _DIGITS
            ),
            "lead_delay_days": np.where(closes > 0, plan.per_channel("delay_days"), np.nan),
            "expected_lifetime_weeks": summary("expected_lifetime_weeks", "mean"),
            "lifetime_weeks": summary("lifetime_weeks", "mean"),
            "median_lifetime_weeks": summary("lifetime_weeks", "median"),
            "expected_margin_per_order": summary("margin", "mean"),
            "expected_residual_margin_52w": summary("expected_residual_margin_52w", "sum"),
        }
    )


def drivers_truth() -> pd.DataFrame:
    """The truth table `drivers`: weights in satisfaction, and the shift of what a city tier perceives."""
    delivery = [name == "item_delivery" for name in plan.DRIVERS]
    tiers = {
        f"shift_tier_{tier}": np.where(delivery, shift, 0.0)
        for tier, shift in enumerate(plan.TIER_ON_DELIVERY, start=1)
    }
    return pd.DataFrame({"item": plan.DRIVERS, "weight": plan.DRIVER_WEIGHTS, **tiers})


def categories_truth() -> pd.DataFrame:
    """The truth table `categories`: margin on the list price, base share of orders, pull of each factor."""
    pulls = {f"{factor}_pull": plan.CATEGORY_PULL[:, k] for k, factor in enumerate(plan.FACTORS)}
    return pd.DataFrame(
        {
            "category": plan.CATEGORIES,
            "margin_rate": plan.CATEGORY_MARGIN,
            "base_share": plan.CATEGORY_SHARE,
            **pulls,
        }
    )
