"""Study 04, answers followed: what customers did after their answer, and why some answers cannot be followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay
from cam.language import listed, sentence, together, value_text
from cam.language import translate as _
from cam.measures.satisfaction.scores import DETRACTOR_TO, PROMOTER_FROM, SATISFIED_FROM
from cam.reduce import answer_outcomes as reduced
from cam.reduce.tenures import DAYS_TO_FOLLOW
from cam.studies import valued
from cam.studies.margin import lacks_margin
from cam.studies.study import Study, needs
from cam.studies.valued import Ahead

#: Days after an answer that are looked at: the most for which half of the answers are old enough.
_FOLLOW_DAYS = (180, 90, 30)

_ENOUGH = 0.5

#: Answers of one such time are compared with each other: a quarter.
_PERIOD_DAYS = 91

#: Groups from the best down, with their words.
GROUPS = {
    "nps": {"promoter": "Promoters", "passive": "Passives", "detractor": "Detractors"},
    "csat": {"satisfied": "Satisfied", "unsatisfied": "Not satisfied"},
}


@dataclass(frozen=True, slots=True)
class Followed:
    """Answers with what came after them.

    Attributes
    ----------
    score : str
        ``nps`` or ``csat``.
    is_contractual : bool
        Whether staying is a contract that runs on, not a purchase.
    follow_days : int
        Days after the answer that are looked at.
    answers : DataFrame
        One row per answer that can be followed: ``customer_id``, ``customer``, ``group``, ``period``, how the customer
        stood, and the outcomes.
    latest : DataFrame
        Each customer's last answer in the same way, with ``residual_clv``.
    standing : tuple of str
        Columns that say how the customer stood.
    places : mapping of str to int
        Answers by whether they are followed, and why not.
    n_active : int
        Customers who bought in the last year, or are under contract.
    """

    score: str
    is_contractual: bool
    follow_days: int
    answers: pd.DataFrame
    latest: pd.DataFrame
    standing: tuple[str, ...]
    places: Mapping[str, int]
    n_active: int

    @property
    def outcomes(self) -> list[str]:
        """Outcomes within the days after the answer, those that are known."""
        names = ("stayed", "n_purchases", "revenue", "margin")
        return [name for name in names if name in self.answers.columns]

    @property
    def money(self) -> str | None:
        """The outcome that counts as money: margin, else revenue."""
        return next((name for name in ("margin", "revenue") if name in self.answers.columns), None)


def scored(study: Study) -> str | CannotSay:
    """Say which score groups the customers: NPS, else CSAT."""
    lacking = study.lacks_column("responses", "customer_id") or study.lacks_column(
        "responses", "response_date"
    )
    if lacking:
        return lacking
    responses = study.tables["responses"]
    for score in GROUPS:
        if score in responses.columns and int(responses[score].count().execute()):
            return score
    return study.lacks_column("responses", "nps") or CannotSay(_("There is no answer with nps or csat."))


@needs("responses")
def look_ahead(study: Study) -> Ahead | CannotSay:
    """Take the steps of study 03, where there are answers to be set beside them: they cost a fit."""
    score = scored(study)
    return score if isinstance(score, CannotSay) else valued.look_ahead(study)


@needs("responses")
def follow(study: Study, ahead: Ahead) -> Followed | CannotSay:
    """Join the answers to what their customers did after, and to what they are worth today."""
    score, decided = scored(study), ahead.setting
    if isinstance(score, CannotSay) or isinstance(decided, CannotSay):
        return score if isinstance(score, CannotSay) else decided  # type: ignore[return-value]
    responses = study.tables["responses"]
    given = responses.filter(responses.response_date.notnull(), responses[score].notnull())
    n_given, n_nobody = (int(each.execute()) for each in (given.count(), given.customer_id.isnull().sum()))
    answers = study.engine.create_table(
        "worth_answers", reduced.answer_days(responses, score=score), overwrite=True
    )
    outcomes = _outcomes(study, answers, is_contractual=decided == "contractual")
    if isinstance(outcomes, CannotSay):
        return outcomes
    rows, days = outcomes
    rows = rows.assign(
        group=_grouped(rows["score"], score), customer=pd.factorize(rows["customer_id"], sort=True)[0]
    )
    counted = rows["place"].value_counts()
    places = {str(place): int(n) for place, n in counted.items()}
    places |= {
        "all": len(rows) + (n_nobody or 0),
        "nobody": n_nobody or 0,
        "same_day": n_given - (n_nobody or 0) - len(rows),
    }
    known = rows[rows["place"].isin(["followed", "recent"])]
    latest = known.sort_values("day").drop_duplicates("customer_id", keep="last")
    worth = ahead.each
    if isinstance(worth, ir.Table) and "residual_clv" in worth.columns:
        clv = worth.select("customer_id", residual_clv=worth.residual_clv.cast("float64"))
        own = clv.semi_join(answers, "customer_id").execute()
        latest = latest.merge(own, on="customer_id", how="left")
    standing = [name for name in ("silence", "age", "number", "spent") if name in rows.columns]
    found = Followed(
        score,
        decided == "contractual",
        days,
        known[known["place"] == "followed"].reset_index(drop=True),
        latest.reset_index(drop=True),
        tuple(standing),
        places,
        _count_active(study, is_contractual=decided == "contractual"),
    )
    if len(found.answers) < study.params.satisfaction.min_answers:
        return too_few(study, found)
    return found


# --- counting -----------------------------------------------------------------------------------


def _outcomes(
    study: Study, answers: ir.Table, *, is_contractual: bool
) -> tuple[pd.DataFrame, int] | CannotSay:
    """Follow the answers for as long as half of them can be."""
    as_of, rate = study.as_of, study.params.value.margin_rate
    last_days = [as_of - timedelta(days=days + DAYS_TO_FOLLOW * is_contractual) for days in _FOLLOW_DAYS]
    counted = answers.aggregate(
        n=answers.count(),
        **{f"old_{k}": (answers.day <= ibis.date(day)).sum() for k, day in enumerate(last_days)},
    ).execute()
    n = int(counted["n"].iloc[0])
    if not n:
        return CannotSay(
            _("No answer names its customer, so what customers did after it is not known."),
            _("Map the customer of each answer under data.responses.columns.customer_id."),
        )
    old = [int(counted[f"old_{k}"].iloc[0] or 0) for k in range(len(_FOLLOW_DAYS))]
    days = next(
        (days for days, k in zip(_FOLLOW_DAYS, old, strict=True) if k >= _ENOUGH * n), _FOLLOW_DAYS[-1]
    )
    if is_contractual:
        table = reduced.contract_outcomes(
            answers, study.tables["contracts"], as_of=as_of, follow_days=days, margin_rate=rate
        )
    else:
        table = reduced.purchase_outcomes(
            answers,
            study.tables["transactions"],
            as_of=as_of,
            follow_days=days,
            has_margin=lacks_margin(study, "non_contractual") is None,
            margin_rate=rate,
        )
    table = table.mutate(period=(ibis.date(as_of).delta(table.day, unit="day") // _PERIOD_DAYS).cast("int64"))
    return table.order_by("customer_id", "day").execute(), days


def _grouped(scores: pd.Series, score: str) -> np.ndarray:
    if score == "csat":
        return np.where(scores >= SATISFIED_FROM, "satisfied", "unsatisfied")
    return np.where(
        scores >= PROMOTER_FROM, "promoter", np.where(scores <= DETRACTOR_TO, "detractor", "passive")
    )


def _count_active(study: Study, *, is_contractual: bool) -> int:
    if not is_contractual:
        people = reduced.recent_revenue(study.tables["transactions"], as_of=study.as_of)
        return int(people.count().execute())
    contracts, today = study.tables["contracts"], ibis.date(study.as_of)
    running = contracts.filter(
        contracts.start_date.cast("date") <= today,
        contracts.end_date.isnull() | (contracts.end_date.cast("date") >= today),
    )
    return int(running.customer_id.nunique().execute())


# --- words --------------------------------------------------------------------------------------


def match_words(followed: Followed) -> str:
    """Say how many answers join a customer, and why the others are not followed."""
    places = followed.places
    parts = {
        "nobody": "{n} name no customer",
        "unknown": "{n} name a customer without a contract"
        if followed.is_contractual
        else "{n} name a customer who never bought",
        "outside": "{n} came when no contract ran"
        if followed.is_contractual
        else "{n} came before the first purchase",
        "recent": "{n} are too recent to be followed for {days} days",
        "same_day": "{n} more came from a customer on the same day as another, of which the lowest counts",
    }
    left_out = [
        sentence(words, n=places[name], days=followed.follow_days)
        for name, words in parts.items()
        if places.get(name)
    ]
    n = places.get("followed", 0)
    said = sentence(
        "Of {all} answers with a score, {joined} join a customer's history, and {n} of them are followed.",
        all=places["all"],
        joined=value_text(
            (places["all"] - places["nobody"] - places.get("unknown", 0)) / places["all"], "share"
        ),
        n=n,
    )
    return together(said, sentence("Left out: {parts}.", parts=listed(left_out)) if left_out else "")


def too_few(study: Study, followed: Followed) -> CannotSay:
    """Say that too few answers can be followed, and why the others cannot."""
    return CannotSay(
        together(
            sentence(
                "What customers did after their answer cannot be said: {least} answers that can be followed are "
                "needed.",
                least=study.params.satisfaction.min_answers,
            ),
            match_words(followed),
        ),
        _("Use one customer_id in all tables, and add older answers or later orders."),
    )
