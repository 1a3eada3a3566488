"""The demo client: a simulated retailer with every table of the contract, and the truth it was drawn from.

How it was made
---------------
A retailer opens on 2023-07-01; the tables end with 2026-06-30. Rates are per week.

*Acquisition.* In each month and channel the expected number of new customers is a constant x media spend **
elasticity; channels without media (organic, referral) grow steadily. A customer is acquired by a first
order.

*Buying.* After it a customer orders in a Poisson process of their own rate, gamma(r, alpha) distributed
times a multiplier of the channel. Time runs faster in busy hours, days and months, so orders have a rhythm,
and a rate is that of an average week.

*Leaving.* A customer leaves, unseen, at a constant hazard: gamma(s, beta) distributed x the channel's
multiplier x exp(-0.5 x satisfaction) x 2 from the seventh day of the first complaint that was handled
badly. Without the multipliers this is the Pareto/NBD of Schmittlein, Morrison and Colombo (1987).

*Value.* The revenue of an order is gamma(p, nu) with nu gamma(q, gamma) distributed over customers, times
the channel's multiplier: the gamma-gamma of Fader, Hardie and Lee (2005), independent of the rate of
buying. Cost follows the category's margin on the list price. Revenue is what was paid, after the discount.

*Satisfaction* is a steady trait, about standard normal: the weighted sum of six perceptions and a rest.
Perceptions share a halo, and vary from one survey to the next.

What is there to be found
-------------------------
1. Satisfaction lowers churn; a badly handled complaint (not resolved within seven days) doubles the hazard.
2. The dissatisfied complain more often, and answer surveys less: the measured NPS is too high.
3. Product, service, delivery, price and app drive satisfaction, in this order; packaging correlates with it
   (the halo) and drives nothing.
4. Small cities perceive delivery as worse, so their customers are less satisfied and leave earlier.
5. Media spend brings customers at a diminishing return; elasticities differ by channel.
6. Channels differ in price and in quality: affiliate and short video are cheap and their customers leave;
   referral is cheap and its customers stay; store is dear, and its customers spend most.
7. Four groups of attitudes on three factors; they shift the categories bought and the use of discounts.
8. Membership renews as a shifted beta-geometric: retention rises with age although nobody changes.
9. Many never come back, a few come every week; and whoever has been silent for long has probably left.
10. Comments speak of what is perceived as best or worst, in two languages.

What is not there: rates that change with age, effects of price or of membership on buying, and seasons that
differ between customers. Nothing is missing but a few demographics and survey items.

The seed was fixed before the simulator was written. Parameters were set so that totals look like a
retailer's; none was set to make a method look good. A change of any byte is a new `DEMO_VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cam.errors import ParamsError
from cam.samples import acquisition, membership, orders, people, plan, truth, voice
from cam.samples.draws import Draws
from cam.samples.files import write_files

DEMO_VERSION = 1

_SEED = 20260630
_FEWEST, _MOST = 100, 999_999  # every channel needs a few customers; an id has six digits
# A table's place in this list is its stream: append, never reorder.
_STREAMS = (
    "media", "people", "lives", "wallet", "customers", "leads", "orders", "transactions", "tickets",
    "responses", "contracts", "future",
)  # fmt: skip
_TABLES = ("transactions", "customers", "spend", "leads", "responses", "tickets", "contracts")
_TRUTH = ("customers", "channels", "parameters", "drivers", "categories", "comments")
_WITH_HOURS = ("transactions.csv", "tickets.csv")
#: Files of this client, its truth among them.
DEMO_FILES = (*(f"{name}.csv" for name in _TABLES), *(f"truth/{name}.csv" for name in _TRUTH))


@dataclass(frozen=True, slots=True)
class DemoClient:
    """The demo client's tables, and the truth behind them. Money is CNY, rates are per week.

    Parameters
    ----------
    tables : dict of str to DataFrame
        What a client would have, by the names and columns of the tables contract:

        - `transactions`, one row per order or refund: `order_id`, `customer_id`, `order_date` (to the
          minute), `revenue` (paid, after the discount), `cost`, `discount` (taken off), `channel` (of the
          order), `category`, `quantity`, `currency`. A refund is a negative row under its order's id; a few
          have an id (`R…`) that no order has. A free order is a gift voucher.
        - `customers`, one row per customer: `customer_id`, `acquired_date`, `acquisition_channel`, `wallet`
          (estimated spend in the whole category per year), `age`, `gender`, `income` (per month), `region`,
          `city_tier` (1 largest), and nine `attitude_` items (1-7).
        - `spend`, one row per month, channel and cost type: `date` (first of the month), `channel`,
          `cost_type`, `cost`.
        - `leads`, one row per prospect of the channels that keep leads: `lead_id`, `created_date`, `channel`,
          `stage` (furthest reached: new, contacted, qualified, customer), `customer_id` (once converted).
        - `responses`, one row per invitation: `customer_id`, `invited_date`, `response_date` (missing: no
          answer), `wave` and `nps` (0-10) and six `item_` columns (1-5) of the relationship survey,
          `touchpoint` (relationship, delivery, service), `csat` (1-5), `ces` (1-7, higher is easier),
          `comment`.
        - `tickets`, one row per complaint: `ticket_id`, `customer_id`, `opened`, `first_reply`, `closed`
          (missing: open), `category`, `status` (resolved, unresolved, open), `channel`, `comment`.
        - `contracts`, one row per membership: `customer_id`, `start_date`, `end_date` (missing: running),
          `monthly_fee`.
    truth : dict of str to DataFrame
        What no client knows:

        - `customers`, one row per customer. Latent: `purchase_rate`; `dropout_rate` and `dropout_rate_now`
          (before and after a badly handled complaint); `ticket_rate`; `satisfaction` (standard deviations);
          `expected_nps` (points, if asked at as_of and answering); `price_factor`, `quality_factor`,
          `convenience_factor`; `attitude_segment`; `expected_order_value`; `expected_margin_rate` (share of
          it, refunds counted); `wallet` (per year); `membership_churn_probability` (per month; missing: never
          a member); `expected_lifetime_weeks` (from acquisition). Realised: `lifetime_weeks` (also beyond
          as_of), `dropout_date` (missing: alive at as_of), `is_alive`, `had_bad_complaint`, `n_repeat_orders`
          beside `expected_repeat_orders` (given that lifetime), `revenue` (orders, before refunds). The 52
          weeks after as_of: `expected_purchases_52w` (given the rates and whether alive) beside the drawn
          `purchases_52w`; `expected_residual_margin_52w` (discounted at `annual_discount_rate`, before
          refunds of unknown orders).
        - `channels`, one row per acquisition channel: `expected_acquired`, `n_acquired`; `expected_cac` and
          `cac` (all costs / customers); `media_elasticity` (missing: no media); `purchase_multiplier`,
          `value_multiplier`, `dropout_multiplier`; `lead_conversion` and `lead_delay_days` (missing: keeps no
          leads); `expected_lifetime_weeks`, `lifetime_weeks` and `median_lifetime_weeks` (means and median
          over its customers); `expected_margin_per_order` (mean); `expected_residual_margin_52w` (sum).
        - `parameters`: `name`, `value`, `unit`, `meaning` of every other number of the model.
        - `drivers`, one row per survey item: `item`, `weight` in satisfaction, `shift_tier_1` to `_4` (of
          what is perceived, by city tier).
        - `categories`: `category`, `margin_rate` (of the list price), `base_share`, and the pull of each
          factor.
        - `comments`, one row per survey comment: `customer_id`, `invited_date`, `touchpoint` (together the
          row of `responses`), `theme`, `tone`, `second_theme`, `second_tone`, `has_contact`.

    References
    ----------
    Schmittlein, Morrison and Colombo (1987), Counting Your Customers, Management Science 33(1), 1-24.
    Fader, Hardie and Lee (2005), RFM and CLV, Journal of Marketing Research 42(4), 415-430.
    """

    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]


def simulate_demo(*, n_customers: int = 20_000, seed: int = _SEED) -> DemoClient:
    """Draw the demo client. Another seed is another client of the same truth.

    Parameters
    ----------
    n_customers : int
        How many customers, 100 to 999,999; money spent on acquisition scales with it.
    seed : int
        Same seed, same client, in every release of NumPy.

    Returns
    -------
    DemoClient
        Tables and truth.

    Raises
    ------
    ParamsError
        `n_customers` out of range.

    Examples
    --------
    >>> client = simulate_demo(n_customers=300, seed=7)
    >>> len(client.tables["customers"]), sorted(client.tables)[:3]
    (300, ['contracts', 'customers', 'leads'])
    """
    if not _FEWEST <= n_customers <= _MOST:
        raise ParamsError(f"n_customers={n_customers}  must be from {_FEWEST} to {_MOST:,}")
    draws = {name: Draws(seed, stream) for stream, name in enumerate(_STREAMS)}
    media = acquisition.draw_media(n_customers, draws["media"])
    expected = acquisition.expected_acquired(media, n_customers)
    who = people.draw_people(expected, n_customers, draws["people"])
    lives = people.draw_lives(who, draws["lives"])
    wallet = people.draw_wallet(who, draws["wallet"])
    drawn = orders.draw_orders(who, lives, draws["orders"])
    tickets = voice.tickets_table(lives, who, draws["tickets"])
    responses, comments = voice.responses_table(who, lives, drawn, tickets, draws["responses"])
    contracts, renewal = membership.draw_membership(who, draws["contracts"])
    future = orders.future_orders(who, lives, draws["future"])
    customers = truth.customers_truth(who, lives, drawn, future, wallet, renewal)
    return DemoClient(
        tables={
            "transactions": orders.transactions_table(drawn, who, draws["transactions"]),
            "customers": people.customers_table(who, wallet, draws["customers"]),
            "spend": acquisition.spend_table(media, who),
            "leads": acquisition.leads_table(expected, who, draws["leads"]),
            "responses": responses,
            "tickets": tickets,
            "contracts": contracts,
        },
        truth={
            "customers": customers,
            "channels": truth.channels_truth(who, customers, media, expected),
            "parameters": plan.parameters_table(),
            "drivers": truth.drivers_truth(),
            "categories": truth.categories_truth(),
            "comments": comments,
        },
    )


def write_demo(folder: Path) -> None:
    """Write the demo client as CSV files: tables into `folder`, the truth into `folder/truth`.

    Parameters
    ----------
    folder : Path
        Made where missing; written as :func:`cam.samples.files.write_files` does.

    Raises
    ------
    OSError
        The folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     write_demo(Path(place) / "demo")
    ...     sorted(path.name for path in (Path(place) / "demo" / "truth").iterdir())[:2]
    ['categories.csv', 'channels.csv']
    """
    client = simulate_demo()
    files = {f"{name}.csv": client.tables[name] for name in _TABLES}
    files |= {f"truth/{name}.csv": client.truth[name] for name in _TRUTH}
    write_files(files, folder, with_hours=_WITH_HOURS)
