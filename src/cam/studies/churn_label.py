"""Study 05: the days of the label, its words, and whether a model of churn is the tool."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import date_text, sentence, value_text
from cam.language import translate as _
from cam.measures.churn.labels import MIN_EVENTS, MIN_RATE, is_worth_a_model
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study


def days_to_label(study: Study) -> int:
    """Return how many days after a cut-off it is known who left: gap and horizon."""
    return study.params.churn.gap_days + study.params.churn.horizon_days


def last_cut_off(study: Study) -> date:
    """Return the latest cut-off after which it is known who left."""
    return study.as_of - timedelta(days=days_to_label(study))


def first_order(study: Study) -> date:
    """Return the first day of the transactions."""
    return date.fromisoformat(study.prepared.review["tables"]["transactions"]["first_date"])


def label_text(study: Study, basis: str) -> str:
    """Say who counts as having left."""
    words = {
        "purchases": "bought in the {observation} days up to {cut_off}, and not in the {horizon} days after",
        "contract": "had a contract on {cut_off}, and none {horizon} days later",
        "snapshot": "marked as churned in the snapshot, which has no dates",
    }
    if study.params.churn.gap_days:
        words |= {
            "purchases": "bought in the {observation} days up to {cut_off}, and not in the {horizon} days after {gap} "
            "more",
            "contract": "had a contract on {cut_off} and {gap} days later, and none {horizon} days after that",
        }
    return sentence(
        words[basis],
        gap=study.params.churn.gap_days,
        observation=study.params.churn.observation_days,
        horizon=study.params.churn.horizon_days,
        cut_off=date_text(last_cut_off(study)),
    )


#: Rates of leaving and counts of those still there, by the table that they rest on: name, of whom, when, for what.
_APART = {
    "transactions": (
        (
            "Churn rate of the overview (page Lifecycle)",
            "who bought in the period before",
            "bought nothing in the period that followed",
            "seeing whether more leave than before",
        ),
        (
            "Lapsed between two dates (page Segmentation)",
            "who bought in the window up to the earlier date",
            "bought nothing in the window up to the last day",
            "seeing how customers move between segments",
        ),
        (
            "Churn rate by silence (this page)",
            "who bought in the {observation} days up to the cut-off",
            "bought nothing in the {horizon} days after it",
            "what a model learns from: whom to call",
        ),
        (
            "Lost, and all others not lost (page Lifecycle)",
            "who ever bought",
            "silent for so many months that hardly anybody comes back",
            "seeing who is slipping, while it is early",
        ),
        (
            "Still active (page Value and cost)",
            "who ever bought",
            "likely to buy again, by each one's own rhythm",
            "planning for what customers will still bring",
        ),
    ),
    "contracts": (
        (
            "Churn rate by contract (this page)",
            "who had a contract on the cut-off",
            "had none {horizon} days later",
            "what a model learns from: whom to ask before the contract ends",
        ),
    ),
    "snapshot": (
        (
            "Churn rate of the snapshot (this page)",
            "who is in the snapshot",
            "marked as left, at a time that it does not tell",
            "what a model learns from: whom to call",
        ),
        (
            "Still there after some months (page Lifecycle)",
            "who is in the snapshot, by how long each has been there",
            "not yet marked as left by then",
            "seeing how long customers stay",
        ),
    ),
}


def show_rates_apart(study: Study) -> ShownTable:
    """Set the rates of leaving of all pages beside each other, by whom they count and over which days."""
    churn = study.params.churn
    days = {"observation": churn.observation_days, "horizon": churn.horizon_days}
    rows = [
        dict(zip(("rate", "whom", "when", "use"), (sentence(words, **days) for words in row), strict=True))
        for table, entries in _APART.items()
        if table in study.tables
        for row in entries
    ]
    columns = [
        Col("rate", "Rate"),
        Col("whom", "Of those"),
        Col("when", "counted are who"),
        Col("use", "Good for"),
    ]
    note = _(
        "They differ because they count other customers over other days: compare each with its own past only."
    )
    shown = show_table(pd.DataFrame(rows), columns, caption="Which rate is which", note=note)
    assert isinstance(shown, ShownTable)  # it was given a frame
    return shown


def rate_text(study: Study, basis: str, rate: Estimate) -> str:
    """Say what share left, of whom and when."""
    words = {
        "purchases": "{rate} of the customers who had bought in the {observation} days up to {cut_off} bought nothing "
        "in the {horizon} days after it.",
        "contract": "{rate} of the customers with a contract on {cut_off} had none {horizon} days later.",
        "snapshot": "{rate} of the customers in the snapshot have left. It has no dates, so nothing can be tested out "
        "of time: a model of it is cross-validated.",
    }
    if study.params.churn.gap_days:
        words |= {
            "purchases": "{rate} of the customers who had bought in the {observation} days up to {cut_off} bought "
            "nothing in the {horizon} days that began {gap} days after it.",
            "contract": "{rate} of the customers with a contract on {cut_off} and {gap} days later had none {horizon} "
            "days after that. Who left within the {gap} days left before anybody could act, and is not counted.",
        }
    return sentence(
        words[basis],
        gap=study.params.churn.gap_days,
        rate=rate,
        observation=study.params.churn.observation_days,
        horizon=study.params.churn.horizon_days,
        cut_off=date_text(last_cut_off(study)),
    )


def model_has_a_use(rate: Estimate, basis: str, back: Estimate | CannotSay) -> bool:
    """Say whether a model of churn is the tool here: enough leave, and do not come back."""
    return is_worth_a_model(rate, came_back=_paused(basis, back))


def _paused(basis: str, back: Estimate | CannotSay) -> float:
    return back.value if isinstance(back, Estimate) and basis == "purchases" else 0.0


def advice(rate: Estimate, basis: str, back: Estimate | CannotSay) -> str:
    """Say in words whether a model of churn is the tool here, and what to do."""
    paused = _paused(basis, back)
    left = rate.value * (1 - paused)
    if model_has_a_use(rate, basis, back):
        words = {
            "contract": "Ask before the contract ends, not after; there are enough to learn from whom to ask first.",
            "purchases": "That is enough to learn from: rank customers by risk, and call first those who can be kept.",
            "snapshot": "That is enough to learn from; add dates to the export, so that it can be tested.",
        }[basis]
    elif left < MIN_RATE:
        words = (
            "Less those who come back later, that is {left}, below {limit}: a model of churn "
            "is not the tool, for even a "
            "perfect list would be short. Work on what those who stay buy."
            if paused
            else "That is below {limit}: a model of churn is not the tool, for even a perfect list would be short. "
            "Work on what those who stay buy."
        )
    else:
        words = (
            "A model of churn is not the tool: it needs at least {events} customers who left and as many who stayed, "
            "and without those who come back later about {n} left. Look after them by hand."
            if paused
            else "A model of churn is not the tool: it needs at least {events} customers who left and as many who "
            "stayed, and here {n} left. Look after them by hand."
        )
        if left > 1 / 2:
            words = (
                "A model of churn is not the tool: it needs at least {events} customers who left and as many who "
                "stayed, and here about {stayed} stayed. Look after those few by hand."
            )
    n = round(left * (rate.n or 0))
    return sentence(
        words,
        limit=value_text(MIN_RATE, "share"),
        left=value_text(left, "share"),
        events=MIN_EVENTS,
        n=n,
        stayed=(rate.n or 0) - n,
    )
