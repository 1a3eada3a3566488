"""What the demo spends to acquire customers, and the leads on the way."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.samples import plan, rhythm
from cam.samples.draws import Draws, Floats
from cam.samples.people import People

_SEASON = (0.95, 0.75, 0.95, 1.0, 1.05, 1.3, 0.9, 0.9, 1.05, 1.05, 1.4, 1.0)  # of media, January..December
_NOISE = 0.35  # standard deviation of log media from month to month: what identifies the elasticity
_RAISE = 1.05  # fixed costs, per year


def _months() -> NDArray[np.datetime64]:
    months: NDArray[np.datetime64] = rhythm.START.astype("M8[M]") + np.arange(rhythm.N_MONTHS)
    return months


def _reference(n: int, field: str) -> Floats:
    """A channel's cost in an average month, CNY."""
    return plan.per_channel(field) * plan.per_channel("share") * n / rhythm.N_MONTHS


def draw_media(n: int, draws: Draws) -> Floats:
    """Draw the media plan: CNY by month (rows) and channel (columns), to the cent."""
    trend = np.geomspace(0.65, 1.45, rhythm.N_MONTHS)
    season = np.array(_SEASON)[_months().astype(int) % 12]
    noise = np.exp(_NOISE * draws.normal(rhythm.N_MONTHS * len(plan.CHANNELS)).reshape(rhythm.N_MONTHS, -1))
    media: Floats = np.round((trend * season)[:, None] * noise * _reference(n, "media"), 2)
    return media


def expected_acquired(media: Floats, n: int) -> Floats:
    """Expected customers by month and channel: share x (media / average) ** elasticity, scaled to n in all.

    Channels without media grow steadily, from 0.6 to 1.4 of their average month.
    """
    reference = _reference(n, "media")
    buys = reference > 0
    relative = np.linspace(0.6, 1.4, rhythm.N_MONTHS)[:, None] * np.ones(len(plan.CHANNELS))
    relative[:, buys] = (media[:, buys] / reference[buys]) ** plan.per_channel("elasticity")[buys]
    weights = relative * plan.per_channel("share")
    scaled: Floats = weights * (n / weights.sum())
    return scaled


def fixed_costs(media: Floats, n: int) -> dict[str, Floats]:
    """All costs but commissions, by cost type; each by month and channel, CNY to the cent."""
    raises = (_RAISE ** (np.arange(rhythm.N_MONTHS) // 12))[:, None]
    reference = _reference(n, "media")
    creative = np.tile(_reference(n, "creative"), (rhythm.N_MONTHS, 1))
    buys = reference > 0
    # Half of it is made once, whatever the reach.
    creative[:, buys] *= np.sqrt(media[:, buys] / reference[buys])
    costs = {"media": media, "creative": np.round(creative, 2)}
    for field in ("overhead", "salaries", "tools"):
        costs[field] = np.multiply(_reference(n, field), raises).round(2)
    return costs


def spend_table(media: Floats, people: People) -> pd.DataFrame:
    """The table `spend`: one row per month, channel and cost type; rows of nothing are left out."""
    costs = fixed_costs(media, people.n)
    acquired = count_acquired(people)
    costs["commissions"] = acquired * plan.per_channel("commission")
    cube = np.stack([costs[cost_type] for cost_type in plan.COST_TYPES], axis=-1)
    month, channel, cost_type = np.nonzero(cube > 0)
    return pd.DataFrame(
        {
            "date": _months().astype("M8[s]")[month],
            "channel": np.array([c.name for c in plan.CHANNELS], dtype=object)[channel],
            "cost_type": np.array(plan.COST_TYPES, dtype=object)[cost_type],
            "cost": cube[month, channel, cost_type],
        }
    )


def count_acquired(people: People) -> Floats:
    """Customers in fact acquired, by month and channel."""
    counts = np.zeros((rhythm.N_MONTHS, len(plan.CHANNELS)))
    np.add.at(counts, (rhythm.month_of(people.acquired), people.channel), 1)
    return counts


def leads_table(expected: Floats, people: People, draws: Draws) -> pd.DataFrame:
    """Draw the table `leads`.

    Three kinds of leads: those of the customers (back by an exponential delay), those that will never
    convert, and those that had not converted by as_of but will, so that the newest leads are as good as the
    others.

    Parameters
    ----------
    expected : array, months x channels
        Expected number of customers acquired.
    people : People
        The customers.
    draws : Draws
        The stream to draw from.

    Returns
    -------
    DataFrame
        `lead_id`, `created_date`, `channel`, `stage` (the furthest reached), `customer_id` (once converted).
    """
    closes, delay = plan.per_channel("closes"), plan.per_channel("delay_days")
    keeps = np.flatnonzero(closes[people.channel] > 0)
    converted_at = people.acquired[keeps] - draws.exponential(keeps.size) * delay[people.channel[keeps]]
    inside = converted_at >= 0  # a lead from before the period is not in the table
    keeps, converted_at = keeps[inside], converted_at[inside]

    rate = plan.CONTACTED * plan.QUALIFIED * closes
    lost_mean = np.where(closes > 0, expected * (1 - rate) / np.where(rate > 0, rate, 1), 0.0)
    lost = draws.poisson(lost_mean.ravel())
    lost_cell = np.repeat(np.arange(lost.size), lost)
    starts = rhythm.month_starts()
    month, lost_channel = lost_cell // len(closes), lost_cell % len(closes)
    lost_at = starts[month] + draws.uniform(lost_cell.size) * np.diff(starts)[month]

    days_of_june = starts[-1] - starts[-2]
    pending = draws.poisson(np.where(closes > 0, expected[-1] / days_of_june * delay, 0.0))
    pending_channel = np.repeat(np.arange(len(closes)), pending)
    pending_at = starts[-1] - draws.exponential(pending_channel.size) * delay[pending_channel]

    # How far a lead without a customer came: never contacted, contacted only, or qualified.
    weights = np.column_stack(
        [
            np.full(len(closes), 1 - plan.CONTACTED),
            np.full(len(closes), plan.CONTACTED * (1 - plan.QUALIFIED)),
            plan.CONTACTED * plan.QUALIFIED * (1 - closes),
        ]
    )
    open_channel = np.concatenate([lost_channel, pending_channel])
    open_stage = np.array(["new", "contacted", "qualified"], dtype=object)[
        draws.pick(weights[open_channel], open_channel.size)
    ]
    at = np.concatenate([converted_at, lost_at, np.maximum(pending_at, 0.0)])
    frame = pd.DataFrame(
        {
            "created_date": rhythm.dates(at),
            "channel": np.array([c.name for c in plan.CHANNELS], dtype=object)[
                np.concatenate([people.channel[keeps], open_channel])
            ],
            "stage": np.concatenate([np.full(keeps.size, "customer", dtype=object), open_stage]),
            "customer_id": np.concatenate([people.ids[keeps], np.full(open_channel.size, None)]),
        }
    ).iloc[np.argsort(at, kind="stable")]
    frame.insert(0, "lead_id", [f"L{number:06d}" for number in range(1, len(frame) + 1)])
    return frame.reset_index(drop=True)
