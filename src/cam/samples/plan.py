"""The demo's true parameters: what every client drawn from it has in common, whatever its seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.samples.draws import Floats

BASE_CUSTOMERS = 20_000  # money spent scales with n_customers / this, so that costs per customer stay


@dataclass(frozen=True, slots=True)
class Channel:
    """One way by which customers are acquired.

    Amounts are CNY per customer acquired, at the average month's size.

    Parameters
    ----------
    name : str
        As it stands in the tables.
    share : float
        Share of all customers acquired in it at the average month's spend.
    elasticity : float
        Per cent more customers for one per cent more media; 0: it buys no media.
    purchases, value, dropout : float
        Multipliers of the purchase rate, the order value and the dropout hazard of its customers.
    closes : float
        Probability that a qualified lead becomes a customer; 0: this channel keeps no leads.
    delay_days : float
        Mean days from a lead to the first order.
    media, creative, tools, commission, salaries, overhead : float
        Costs. Commission is paid for each customer in fact acquired; media moves freely from month to month,
        creative follows it, and the others are fixed for the month.
    at_store : float
        Share of its customers' orders that are made in a store.
    """

    name: str
    share: float
    elasticity: float
    purchases: float
    value: float
    dropout: float
    closes: float
    delay_days: float
    media: float
    creative: float
    tools: float
    commission: float
    salaries: float
    overhead: float
    at_store: float


CHANNELS = (
    Channel("affiliate", 0.10, 0.80, 0.80, 0.90, 1.70, 0.42, 3.0, 8, 2, 4, 42, 5, 3, 0.04),
    Channel("organic", 0.14, 0.00, 1.15, 1.05, 0.80, 0.00, 0.0, 0, 8, 4, 0, 12, 2, 0.12),
    Channel("referral", 0.09, 0.00, 1.25, 1.10, 0.60, 0.72, 6.0, 0, 1, 3, 28, 3, 1, 0.10),
    Channel("search", 0.20, 0.70, 1.00, 1.00, 1.00, 0.50, 4.0, 105, 6, 5, 0, 14, 6, 0.08),
    Channel("short_video", 0.18, 0.55, 0.85, 0.85, 1.50, 0.30, 2.0, 45, 18, 2, 6, 9, 4, 0.03),
    Channel("social", 0.17, 0.60, 0.95, 0.95, 1.15, 0.38, 5.0, 70, 14, 4, 0, 14, 5, 0.06),
    Channel("store", 0.12, 0.35, 1.10, 1.25, 0.75, 0.00, 0.0, 40, 8, 3, 12, 110, 45, 0.70),
)
COST_TYPES = ("commissions", "creative", "media", "overhead", "salaries", "tools")

# Categories: margin on the list price; share of orders; pull of the three attitude factors on the choice.
CATEGORIES = ("beauty", "gifts", "home", "kitchen", "snacks", "tea")
CATEGORY_MARGIN = np.array([0.52, 0.46, 0.38, 0.34, 0.30, 0.48])
CATEGORY_SHARE = np.array([0.16, 0.08, 0.18, 0.14, 0.26, 0.18])
CATEGORY_PULL = np.array(
    [[-0.2, 0.4, 0.0], [-0.2, 0.3, 0.1], [0.0, 0.1, 0.0], [0.1, 0.0, 0.0], [0.4, -0.4, 0.3], [0, 0.3, 0]]
)

# Buying and leaving (rates per week)
PURCHASE_SHAPE, PURCHASE_RATE = 0.65, 3.1  # gamma: r, and alpha in weeks
DROPOUT_SHAPE, DROPOUT_RATE = 1.6, 130.0  # gamma: s, and beta in weeks
SATISFACTION_ON_DROPOUT = -0.5  # log hazard per standard deviation of satisfaction
COMPLAINT_ON_DROPOUT = 2.0  # hazard ratio, from the first complaint handled badly
VALUE_P, VALUE_Q, VALUE_GAMMA = 5.0, 4.2, 96.0  # gamma-gamma: p, q, and gamma in CNY
ANNUAL_DISCOUNT_RATE = 0.10
WEEKLY_DISCOUNT = float(np.log1p(ANNUAL_DISCOUNT_RATE)) * 7 / 365.25

# Orders
REFUND_PROBABILITY, FULL_REFUND_PROBABILITY, PARTIAL_REFUND = 0.03, 0.7, (0.2, 0.8)
UNLINKED_REFUND_PROBABILITY = 0.001
VOUCHER_PROBABILITY = 0.0003
DISCOUNT_LEVEL, DISCOUNT_BY_PRICE = -1.1, 0.9  # log odds of a discount; per unit of price consciousness
DISCOUNT_SHARES = np.array([0.05, 0.10, 0.15, 0.20, 0.30])  # of the list price, all equally likely

# Attitudes: four groups of customers around their means on three factors, nine items
FACTORS = ("price", "quality", "convenience")
SEGMENTS = ("bargain_hunter", "convenience_first", "quality_seeker", "undemanding")
SEGMENT_SHARE = np.array([0.32, 0.24, 0.26, 0.18])
SEGMENT_MEANS = np.array([[1.0, -0.5, -0.3], [-0.3, -0.1, 1.1], [-0.7, 1.0, 0.0], [-0.4, -0.4, -0.9]])
SEGMENT_SPREAD = 0.5
ATTITUDES = {
    "attitude_compare_prices": (0, 0.85),
    "attitude_wait_for_sales": (0, 0.80),
    "attitude_stick_to_budget": (0, 0.70),
    "attitude_pay_for_quality": (1, 0.85),
    "attitude_trust_brands": (1, 0.75),
    "attitude_read_ingredients": (1, 0.70),
    "attitude_save_time": (2, 0.85),
    "attitude_order_by_phone": (2, 0.75),
    "attitude_fast_delivery": (2, 0.70),
}

# Satisfaction: weights of what is perceived, all of variance 1 and correlated by a halo
DRIVERS = ("item_product", "item_service", "item_delivery", "item_price", "item_app", "item_packaging")
DRIVER_WEIGHTS = np.array([0.46, 0.36, 0.27, 0.18, 0.09, 0.0])
HALO = 0.25
DRIVER_CORRELATION: Floats = np.full((6, 6), HALO) + np.eye(6) * (1 - HALO)
EXPLAINED = float(np.einsum("i,ij,j->", DRIVER_WEIGHTS, DRIVER_CORRELATION, DRIVER_WEIGHTS))
STEADINESS = 0.8  # correlation of a customer's perception from one survey to the next
COMPLAINT_ON_SATISFACTION = -0.7  # standard deviations, from the first complaint handled badly

# Complaints
TICKET_RATE = 0.0055  # per week, at average satisfaction
SATISFACTION_ON_TICKETS = -0.45
BAD_TICKET_PROBABILITY = 0.30
BAD_AFTER_DAYS = 7.0  # a complaint not resolved by then was handled badly

# Surveys
ANSWER_LEVEL, SATISFACTION_ON_ANSWER, GONE_ON_ANSWER = -0.85, 0.30, -1.4  # log odds

ENGLISH = 0.35  # share of the customers who write English, not Chinese

# Leads: probabilities of the first two steps; the third is the channel's `closes`
CONTACTED, QUALIFIED = 0.80, 0.60

# Membership
MEMBER_LEVEL, SATISFACTION_ON_MEMBER = -0.9, 0.4  # log odds
CHURN_A, CHURN_B = 1.1, 12.0  # beta of the monthly probability of not renewing
RENEWAL_DEPENDENCE = 0.4  # correlation (normal scores) of dissatisfaction with that probability
FEES, FEE_SHARE = np.array([15.0, 25.0, 45.0]), np.array([0.5, 0.35, 0.15])

CITIES = {  # name: (tier, share)
    "Beijing": (1, 0.11), "Shanghai": (1, 0.13), "Guangzhou": (1, 0.09), "Shenzhen": (1, 0.09),
    "Chengdu": (2, 0.09), "Hangzhou": (2, 0.09), "Wuhan": (2, 0.07), "Nanjing": (2, 0.06),
    "Shaoxing": (3, 0.07), "Luoyang": (3, 0.07), "Mianyang": (4, 0.07), "Zunyi": (4, 0.06),
}  # fmt: skip
TIER_ON_DELIVERY = (0.30, 0.05, -0.30, -0.60)  # standard deviations of perceived delivery, tier 1 to 4


def per_channel(field: str) -> Floats:
    """One field of all channels, in their order."""
    return np.array([getattr(channel, field) for channel in CHANNELS], dtype=float)


def parameters_table() -> pd.DataFrame:
    """Every true parameter that is one number.

    Returns
    -------
    DataFrame
        `name`, `value`, `unit`, `meaning`.

    Examples
    --------
    >>> parameters_table().set_index("name").loc["purchase_r", "value"].item()
    0.65
    """
    rows = [
        (
            "purchase_r",
            PURCHASE_SHAPE,
            "",
            "gamma shape of the purchase rate, before the channel's multiplier",
        ),
        (
            "purchase_alpha",
            PURCHASE_RATE,
            "weeks",
            "gamma rate of the purchase rate, before the channel's multiplier",
        ),
        ("dropout_s", DROPOUT_SHAPE, "", "gamma shape of the dropout rate, before all multipliers"),
        ("dropout_beta", DROPOUT_RATE, "weeks", "gamma rate of the dropout rate, before all multipliers"),
        (
            "dropout_log_hazard_satisfaction",
            SATISFACTION_ON_DROPOUT,
            "per SD",
            "effect of satisfaction on dropout",
        ),
        (
            "dropout_hazard_ratio_bad_complaint",
            COMPLAINT_ON_DROPOUT,
            "ratio",
            "after a badly handled complaint",
        ),
        ("value_p", VALUE_P, "", "gamma-gamma p of the order value, before the channel's multiplier"),
        ("value_q", VALUE_Q, "", "gamma-gamma q of the order value"),
        ("value_gamma", VALUE_GAMMA, "CNY", "gamma-gamma gamma of the order value"),
        ("annual_discount_rate", ANNUAL_DISCOUNT_RATE, "per year", "discounts the expected residual margin"),
        ("refund_probability", REFUND_PROBABILITY, "per order", "an order is refunded, in full or in part"),
        (
            "full_refund_probability",
            FULL_REFUND_PROBABILITY,
            "per refund",
            "the refund is of the whole order",
        ),
        (
            "unlinked_refund_probability",
            UNLINKED_REFUND_PROBABILITY,
            "per order",
            "refunds of orders not in the data",
        ),
        ("voucher_probability", VOUCHER_PROBABILITY, "per order", "the order is free: a gift voucher"),
        (
            "discount_log_odds_price",
            DISCOUNT_BY_PRICE,
            "per unit",
            "effect of the price factor on using a discount",
        ),
        ("ticket_rate", TICKET_RATE, "per week", "complaints of a customer of average satisfaction"),
        (
            "ticket_log_rate_satisfaction",
            SATISFACTION_ON_TICKETS,
            "per SD",
            "effect of satisfaction on complaints",
        ),
        (
            "bad_ticket_probability",
            BAD_TICKET_PROBABILITY,
            "per ticket",
            "not resolved within bad_after_days",
        ),
        ("bad_after_days", BAD_AFTER_DAYS, "days", "a complaint not resolved by then was handled badly"),
        (
            "satisfaction_after_bad_complaint",
            COMPLAINT_ON_SATISFACTION,
            "SD",
            "shift of the answers given after it",
        ),
        (
            "answer_log_odds_satisfaction",
            SATISFACTION_ON_ANSWER,
            "per SD",
            "the satisfied answer more: response bias",
        ),
        ("answer_log_odds_gone", GONE_ON_ANSWER, "log odds", "customers who have left answer less"),
        (
            "perception_steadiness",
            STEADINESS,
            "correlation",
            "of one customer's perceptions between two surveys",
        ),
        ("lead_contacted", CONTACTED, "per lead", "lead to contact"),
        ("lead_qualified", QUALIFIED, "per contact", "contact to qualified"),
        ("membership_churn_a", CHURN_A, "", "beta a of the monthly probability of not renewing"),
        ("membership_churn_b", CHURN_B, "", "beta b of the monthly probability of not renewing"),
        (
            "membership_churn_dissatisfaction",
            RENEWAL_DEPENDENCE,
            "correlation",
            "normal scores; dissatisfaction",
        ),
    ]
    return pd.DataFrame(rows, columns=["name", "value", "unit", "meaning"])
