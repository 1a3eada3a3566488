"""What the demo's customers say: complaints, and answers (or none) to surveys."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.samples import comments, plan, rhythm
from cam.samples.draws import Draws, Floats, Ints
from cam.samples.orders import Orders
from cam.samples.people import Lives, People

_TICKET_SHARE = {
    "app": 0.10,
    "billing": 0.10,
    "delivery": 0.34,
    "product": 0.22,
    "return": 0.18,
    "service": 0.06,
}
_TICKET_CHANNELS = ("chat", "email", "phone", "store")
_NEVER_CLOSED = 0.15  # of the badly handled
_CLOSED_UNRESOLVED = 0.45  # of the badly handled that are closed
_WAVES = {
    "2023H2": "2023-11-15",
    "2024H1": "2024-05-15",
    "2024H2": "2024-11-15",
    "2025H1": "2025-05-15",
    "2025H2": "2025-11-15",
    "2026H1": "2026-05-15",
}
_WAVE_SHARE = 0.40  # of those who bought in the year before
_AFTER_DELIVERY, _AFTER_TICKET = 0.04, 0.60  # share of orders, of closed tickets, that are asked about
# Standard normal cut points: shares of 0..10, 1..5 and 1..7 if everybody answered
_NPS_CUTS = (-1.95, -1.85, -1.72, -1.57, -1.38, -1.02, -0.64, -0.20, 0.34, 1.00)
_CSAT_CUTS = (-1.65, -1.08, -0.36, 0.64)
_CES_CUTS = (-1.75, -1.3, -0.9, -0.4, 0.1, 0.9)
_ITEM_CUTS = (-1.6, -0.95, -0.2, 0.75)
_NPS_SIGNAL = 0.9  # share of satisfaction in the answer to "would you recommend"; the rest is chance
_ITEM_SKIPPED = 0.02


def tickets_table(lives: Lives, people: People, draws: Draws) -> pd.DataFrame:
    """Draw the table `tickets`.

    A complaint handled well is resolved within a week. One handled badly is resolved later, closed
    unresolved, or still open.

    Parameters
    ----------
    lives : Lives
        The complaints.
    people : People
        The customers.
    draws : Draws
        The stream to draw from.

    Returns
    -------
    DataFrame
        Sorted by `opened`, then by `ticket_id`.
    """
    n = lives.ticket_opened.size
    opened, is_bad = lives.ticket_opened, lives.ticket_is_bad
    good_days = np.minimum(1.2 * np.exp(0.8 * draws.normal(n)), plan.BAD_AFTER_DAYS - 1)
    bad_days = plan.BAD_AFTER_DAYS + 1 + 12 * draws.exponential(n)
    closed = rhythm.at_a_human_hour(opened + np.where(is_bad, bad_days, good_days))
    reply_share = draws.uniform(n) * np.where(is_bad, 0.5, 0.4)
    first_reply = opened + (closed - opened) * reply_share
    unresolved = is_bad & draws.happens(_CLOSED_UNRESOLVED, n)
    # A good ticket may end in the hour it began in: an hour bent backwards is no answer.
    closed = np.maximum(closed, opened + 10 / 1440)
    first_reply = np.clip(first_reply, opened + 2 / 1440, closed)
    is_open = (is_bad & draws.happens(_NEVER_CLOSED, n)) | (closed >= rhythm.N_DAYS)
    category = draws.pick(list(_TICKET_SHARE.values()), n)
    names = list(_TICKET_SHARE)
    texts = comments.ticket_comments(
        [names[k] for k in category], people.english[lives.ticket_customer], draws
    )
    return pd.DataFrame(
        {
            "ticket_id": [f"T{number:06d}" for number in range(1, n + 1)],
            "customer_id": people.ids[lives.ticket_customer],
            "opened": rhythm.minutes(opened),
            "first_reply": rhythm.minutes(np.where(first_reply < rhythm.N_DAYS, first_reply, np.nan)),
            "closed": rhythm.minutes(np.where(is_open, np.nan, closed)),
            "category": np.array(names, dtype=object)[category],
            "status": np.select([is_open, unresolved], ["open", "unresolved"], "resolved").astype(object),
            "channel": np.array(_TICKET_CHANNELS, dtype=object)[draws.pick([0.5, 0.15, 0.25, 0.10], n)],
            "comment": np.array(texts, dtype=object),
        }
    )


def responses_table(
    people: People, lives: Lives, orders: Orders, tickets: pd.DataFrame, draws: Draws
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw the table `responses`: half-yearly relationship surveys, and those after a delivery or a ticket.

    Parameters
    ----------
    people, lives, orders : People, Lives, Orders
        Who, until when, and what they bought.
    tickets : DataFrame
        The table `tickets`, in the order of `lives`.
    draws : Draws
        The stream to draw from.

    Returns
    -------
    responses : DataFrame
        Sorted by `invited_date`, `touchpoint`, `customer_id`, which together name a row: nobody is asked the
        same thing twice in a day.
    comments : DataFrame
        The truth table `comments`.
    """
    invited = pd.concat(
        [
            _relationship_invitations(people, orders, draws),
            _delivery_invitations(orders, draws),
            _service_invitations(lives, tickets, draws),
        ],
        ignore_index=True,
    )
    key = ["day", "touchpoint", "customer"]
    invited = invited.drop_duplicates(key).sort_values(key, kind="stable", ignore_index=True)
    customer, day = invited["customer"].to_numpy(), invited["day"].to_numpy()
    kind = invited["touchpoint"].to_numpy(dtype=object)
    n = customer.size

    perceived, felt = _satisfaction_at(people, lives, customer, day, draws)
    log_odds = (
        plan.ANSWER_LEVEL
        + plan.SATISFACTION_ON_ANSWER * felt
        + plan.GONE_ON_ANSWER * (lives.gone[customer] < day)
    )
    answered_on = day + np.minimum(np.floor(2.5 * draws.exponential(n)), 21)
    answers = draws.happens(1 / (1 + np.exp(-log_odds)), n) & (answered_on < rhythm.N_DAYS)
    is_wave = kind == "relationship"

    service = perceived[:, plan.DRIVERS.index("item_service")]
    nps = np.searchsorted(_NPS_CUTS, _NPS_SIGNAL * felt + np.sqrt(1 - _NPS_SIGNAL**2) * draws.normal(n))
    csat = 1 + np.searchsorted(_CSAT_CUTS, 0.85 * felt + np.sqrt(1 - 0.85**2) * draws.normal(n))
    ces = 1 + np.searchsorted(_CES_CUTS, 0.7 * service + np.sqrt(1 - 0.7**2) * draws.normal(n))
    table = {
        "customer_id": people.ids[customer],
        "invited_date": rhythm.dates(day),
        "response_date": rhythm.dates(np.where(answers, answered_on, np.nan)),
        "wave": invited["wave"],
        "touchpoint": kind,
        "nps": _score(nps, answers & is_wave),
        "csat": _score(csat, answers),
        "ces": _score(ces, answers & ~is_wave),
    }
    for k, name in enumerate(plan.DRIVERS):
        given = answers & is_wave & ~draws.happens(_ITEM_SKIPPED, n)
        table[name] = _score(1 + np.searchsorted(_ITEM_CUTS, perceived[:, k]), given)
    writes = answers & draws.happens(np.where(np.abs(felt) > 1, 0.55, 0.30), n)
    rows = np.flatnonzero(writes)
    written = comments.survey_comments(perceived[rows], people.english[customer[rows]], draws).set_index(rows)
    responses = pd.DataFrame(table)
    responses["comment"] = written["comment"].reindex(range(n))
    keys = responses.loc[rows, ["customer_id", "invited_date", "touchpoint"]]
    return responses, pd.concat([keys, written.drop(columns="comment")], axis=1).reset_index(drop=True)


def expected_nps(people: People, lives: Lives) -> Floats:
    """Expected NPS of each customer if asked at as_of and answering: 100 x (P(9 or 10) - P(0 to 6)).

    Parameters
    ----------
    people, lives : People, Lives
        The customers, and which of them are past a badly handled complaint.

    Returns
    -------
    array of float
        Points, -100 to 100.
    """
    soured = lives.soured - plan.BAD_AFTER_DAYS < rhythm.N_DAYS
    steady = plan.STEADINESS * (people.satisfaction - people.unexplained) + people.unexplained
    mean = _NPS_SIGNAL * (steady + plan.COMPLAINT_ON_SATISFACTION * soured)
    fresh = _NPS_SIGNAL**2 * (1 - plan.STEADINESS**2) * plan.EXPLAINED
    spread = np.sqrt(fresh + 1 - _NPS_SIGNAL**2)
    promoter = 1 - _normal_cdf((_NPS_CUTS[8] - mean) / spread)
    detractor = _normal_cdf((_NPS_CUTS[6] - mean) / spread)
    points: Floats = 100 * (promoter - detractor)
    return points


def _normal_cdf(x: Floats) -> Floats:
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in x.tolist()])


def _score(values: Ints, given: NDArray[np.bool_]) -> pd.api.extensions.ExtensionArray:
    column = pd.array(values, dtype="Int64")
    column[~given] = pd.NA
    return column


def _satisfaction_at(
    people: People, lives: Lives, customer: Ints, day: Floats, draws: Draws
) -> tuple[Floats, Floats]:
    """Perceptions (rows x drivers) and satisfaction at the moment of asking.

    Fresh noise with the drivers' own correlation keeps the perceptions' variance and correlation what they
    are.
    """
    fresh = draws.normals(plan.DRIVER_CORRELATION, customer.size)
    perceived = plan.STEADINESS * people.perceived[customer] + np.sqrt(1 - plan.STEADINESS**2) * fresh
    soured = lives.soured[customer] - plan.BAD_AFTER_DAYS < day
    felt: Floats = (
        perceived @ plan.DRIVER_WEIGHTS
        + people.unexplained[customer]
        + plan.COMPLAINT_ON_SATISFACTION * soured
    )
    return perceived, felt


def _relationship_invitations(people: People, orders: Orders, draws: Draws) -> pd.DataFrame:
    parts = []
    for wave, date in _WAVES.items():
        day = float((np.datetime64(date) - rhythm.START).astype(int))
        recent = (orders.time < day) & (orders.time >= day - 365)
        eligible = np.flatnonzero(np.bincount(orders.customer[recent], minlength=people.n))
        chosen = eligible[draws.happens(_WAVE_SHARE, eligible.size)]
        parts.append(
            pd.DataFrame({"customer": chosen, "day": day, "touchpoint": "relationship", "wave": wave})
        )
    return pd.concat(parts, ignore_index=True)


def _delivery_invitations(orders: Orders, draws: Draws) -> pd.DataFrame:
    day = np.floor(orders.time) + 3 + draws.index(4, orders.time.size)
    asked = draws.happens(_AFTER_DELIVERY, day.size) & (day < rhythm.N_DAYS)
    return pd.DataFrame({"customer": orders.customer[asked], "day": day[asked], "touchpoint": "delivery"})


def _service_invitations(lives: Lives, tickets: pd.DataFrame, draws: Draws) -> pd.DataFrame:
    closed = (tickets["closed"].to_numpy().astype("M8[D]") - rhythm.START).astype(float)
    closed[tickets["closed"].isna().to_numpy()] = np.inf
    asked = draws.happens(_AFTER_TICKET, closed.size) & (closed + 1 < rhythm.N_DAYS)
    return pd.DataFrame(
        {"customer": lives.ticket_customer[asked], "day": closed[asked] + 1, "touchpoint": "service"}
    )
