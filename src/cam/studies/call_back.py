"""Study 04, closing the loop: who gave a low score lately, most at stake first, and what they wrote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, Finding
from cam.language import sentence, together, value_text
from cam.language import translate as _
from cam.measures.satisfaction.masking import masked
from cam.measures.satisfaction.scores import DETRACTOR_TO, SATISFIED_FROM
from cam.reduce import answer_outcomes as reduced
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.action_lists import ActionList, Line
from cam.studies.answers_followed import GROUPS, scored
from cam.studies.study import Study, needs
from cam.studies.valued import Ahead, at_stake, stakes

__all__ = [
    "SHEET",
    "CallBack",
    "announce",
    "findings",
    "key_figures",
    "scores",
    "sheet",
    "show_list",
    "to_call",
]

#: What the sheet of the workbook is called.
SHEET = "Call back"
#: Customers on the page, and in pandas and the workbook.
_SHOWN, _MOST = 20, 10_000
_CAPTION = "Whom to call back first"
#: Characters of a comment on the page; the sheet has more.
_ON_PAGE, _IN_SHEET = 120, 1_000
_SCALE = {"nps": "Score, 0 to 10", "csat": "Score, 1 to 5"}
_LOW = {"nps": DETRACTOR_TO, "csat": SATISFIED_FROM - 1}


#: An answer of so many days ago is no longer fresh in anybody's mind.
_LATE_DAYS = 14


@dataclass(frozen=True, slots=True)
class CallBack:
    """Customers whose last answer was low and is not old.

    Attributes
    ----------
    score : str
        ``nps`` or ``csat``.
    n : int
        All of them.
    basis : str
        What is at stake: ``residual_clv``, ``revenue`` (of the last year), or empty where neither is known.
    total : Estimate or None
        What is at stake with all of whom it is known.
    table : DataFrame
        The first 10,000: ``rank``, ``customer_id``, ``score``, ``day``, ``days_since``, ``value``, ``has_ticket`` and,
        if there are any, ``comment``, masked.
    n_unknown : int
        Customers of whom it is not known what is at stake.
    n_unnamed : int
        Low answers of the same days that name no customer.
    """

    score: str
    n: int
    basis: str
    total: Estimate | None
    table: pd.DataFrame
    n_unknown: int
    n_unnamed: int


@needs("responses")
def to_call(study: Study, ahead: Ahead) -> CallBack | CannotSay:
    """List whose last answer within satisfaction.recent_days was low, by what is at stake."""
    score = scored(study)
    if isinstance(score, CannotSay):
        return score
    responses, since = (
        study.tables["responses"],
        study.as_of - timedelta(days=study.params.satisfaction.recent_days),
    )
    latest = reduced.last_answers(reduced.answer_days(responses, score=score))
    basis, worth = _at_stake(study, ahead)
    tickets = study.tables.get("tickets")
    if tickets is not None and not {"customer_id", "closed"} <= set(tickets.columns):
        tickets = None
    listed = reduced.low_answers(latest, low=_LOW[score], since=since, worth=worth, tickets=tickets)
    ranked = study.engine.create_table("call_back_ranked", listed, overwrite=True)
    cents = (ranked.value * 100).round().cast("decimal(38,0)")
    counted = (
        ranked.aggregate(n=ranked.count(), known=ranked.value.count(), cents=cents.sum()).execute().iloc[0]
    )
    low = responses.filter(
        responses.customer_id.isnull(),
        responses[score] <= _LOW[score],
        responses.response_date.cast("date") >= ibis.date(since),
    )
    n, n_unnamed = int(counted["n"]), int(low.count().execute())
    if not n:
        return _nobody(study, score, n_unnamed)
    first = ranked.filter(ranked["rank"] <= _MOST)
    table = first.order_by("rank").execute()
    table = table.assign(
        value=table["value"].astype("float64"),
        days_since=(pd.Timestamp(study.as_of) - pd.to_datetime(table["day"])).dt.days,
    )
    if "comment" in responses.columns:
        table = table.merge(_comments(responses, first), on=["customer_id", "day"], how="left")
    n_known = int(counted["known"])
    total = None if not n_known else _total(study, ahead, ranked, basis, float(counted["cents"]) / 100)
    return CallBack(score, n, basis, total, table, n - n_known, n_unnamed)


@needs()
def show_list(study: Study, called: CallBack) -> ShownTable | CannotSay:
    """Show whom to call back first."""
    shown = _worded(called, _ON_PAGE).head(_SHOWN)
    columns = [
        Col("rank", "Rank", "count"),
        Col("customer_id", "Customer"),
        Col("score", _SCALE[called.score], "count"),
        Col("days_since", "Days since the answer", "count"),
    ]
    if called.basis:
        columns.append(Col("value", _STAKE[called.basis], study.currency, may_be_empty=True))
    if "ticket" in shown.columns:
        columns.append(Col("ticket", "Open ticket"))
    if "comment" in shown.columns:
        columns.append(Col("comment", "Comment, masked"))
    notes = _late(called)
    if called.n_unknown and called.basis:
        notes.append(
            sentence("Of {n} of them it is not known what is at stake; they stand last.", n=called.n_unknown)
        )
    notes += _unnamed(called)
    if called.n > _MOST:
        notes.append(
            sentence("The workbook holds the first {most} of the list.", most=value_text(_MOST, "count"))
        )
    if "comment" in shown.columns:
        notes.append(
            _(
                "Contacts and numbers in comments are masked; a name within a sentence may remain. Read a comment "
                "before it goes further."
            )
        )
    return show_table(
        shown,
        columns,
        caption=_CAPTION,
        note=sentence(
            "n = {n} customers whose last answer was low ({score} up to {low}) and is at most {days} days old.",
            n=called.n,
            score=called.score.upper(),
            low=_LOW[called.score],
            days=study.params.satisfaction.recent_days,
        ),
        notes=notes,
        max_rows=_SHOWN,
    )


@needs()
def sheet(study: Study, called: CallBack) -> pd.DataFrame:
    """Return the list as a sheet of the workbook."""
    shown = _worded(called, _IN_SHEET)
    shown = shown.assign(
        value=shown["value"].round(2), day=pd.to_datetime(shown["day"]).dt.strftime("%Y-%m-%d")
    )
    headers = {
        "rank": _("Rank"),
        "customer_id": _("Customer"),
        "score": _(_SCALE[called.score]),
        "day": _("Day of the answer"),
        "days_since": _("Days since the answer"),
        "value": sentence("{label}, {unit}", label=_(_STAKE.get(called.basis, "")), unit=study.currency),
        "ticket": _("Open ticket"),
        "comment": _("Comment, masked"),
    }
    kept = {
        name: words
        for name, words in headers.items()
        if name in shown.columns and (name != "value" or called.basis)
    }
    table = shown[list(kept)].rename(columns=kept)
    units = dict.fromkeys(("rank", "score", "days_since"), "count") | {"day": "date", "value": study.currency}
    table.attrs["units"] = {kept[name]: unit for name, unit in units.items() if name in kept}
    return table


def scores(study: Study) -> ir.Table | CannotSay:
    """Put together what goes to ``customers.parquet``: each customer's last score and its day."""
    score = scored(study)
    if isinstance(score, CannotSay):
        return score
    latest = reduced.last_answers(reduced.answer_days(study.tables["responses"], score=score))
    columns: dict[str, Any] = {f"last_{score}": latest.score, f"last_{score}_date": latest.day}
    return latest.select("customer_id", **columns)


def findings(study: Study, called: CallBack | CannotSay) -> list[str | CannotSay]:
    """Say how many are to be called back, and what is at stake with them."""
    if isinstance(called, CannotSay):
        return [called]
    n, days = value_text(called.n, "count"), study.params.satisfaction.recent_days
    if called.total is None:
        return [
            sentence(
                "{n} customers gave a low score in the last {days} days and no better one since: call them back, the "
                "latest first.",
                n=n,
                days=days,
            )
        ]
    said = sentence(
        "{n} customers gave a low score in the last {days} days and no better one since, with {total} of {what} "
        "at stake. Call them back soon, from the top of the list.",
        n=n,
        days=days,
        total=called.total,
        what=_(_STAKE_WITHIN[called.basis]),
    )
    # Revenue is no stake: what it costs to earn is not taken off.
    return [Finding(said, stake=called.total if called.basis == "residual_clv" else None)]


def announce(study: Study, called: CallBack | CannotSay) -> ActionList | None:
    """Say in a few lines what the list holds and how to go about it; nothing where there is none."""
    if isinstance(called, CannotSay):
        return None
    said = [_("Call from the top of the list, and ask what went wrong before anything is offered.")]
    n_open = int(called.table["has_ticket"].eq(True).sum())
    if n_open and called.n <= _MOST:
        said.append(sentence("{n} of them have an open ticket: see that it is solved first.", n=n_open))
    said += [*_late(called), *_unnamed(called)]
    about = sentence(
        "Customers whose last answer was low ({score} up to {low}) and is at most {days} days old, the most at stake "
        "first."
        if called.total is not None
        else "Customers whose last answer was low ({score} up to {low}) and is at most {days} days old, the latest "
        "first.",
        score=called.score.upper(),
        low=_LOW[called.score],
        days=study.params.satisfaction.recent_days,
    )
    return ActionList(
        about,
        called.n,
        called.total,
        _what_total(study, called.basis),
        tuple(map(Line, said)),
        _(_CAPTION),
    )


def key_figures(study: Study, called: CallBack | CannotSay) -> list[Estimate | CannotSay]:
    """List how many are to be called back."""
    if isinstance(called, CannotSay):
        return [called]
    return [Estimate("n_call_back", called.n, "count")]


_STAKE_WITHIN = {
    "residual_clv": "margin still expected of them (residual CLV)",
    "revenue": "revenue of the last year",
}
_STAKE = {"residual_clv": "Residual CLV", "revenue": "Revenue of the last year"}


def _at_stake(study: Study, ahead: Ahead) -> tuple[str, ir.Table | None]:
    """What each customer is still worth; else what he or she brought in the last year."""
    each = ahead.each
    if isinstance(each, ir.Table) and "residual_clv" in each.columns:
        return "residual_clv", each.select("customer_id", value=each.residual_clv.cast("float64"))
    if "transactions" not in study.tables:
        return "", None
    return "revenue", reduced.recent_revenue(study.tables["transactions"], as_of=study.as_of)


def _total(study: Study, ahead: Ahead, ranked: ir.Table, basis: str, total: float) -> Estimate:
    """What is at stake with all of them: an expectation with its interval, or money that was counted."""
    known = ranked.filter(ranked.value.notnull())
    if basis == "residual_clv":
        group = known.select("customer_id", listed=ibis.literal(1, "int64"))
        found = stakes(study, known, ahead, group, ["listed"])
        stake = (
            found
            if isinstance(found, CannotSay)
            else at_stake(study, found, np.ones(len(found.groups), bool))
        )
        if isinstance(stake, Estimate):
            return stake
    return Estimate("value_at_stake", total, study.currency, int(known.count().execute()))


def _what_total(study: Study, basis: str) -> str:
    if basis == "revenue":
        return _("revenue that they brought in the last year")
    return sentence(
        "margin expected of them over the next {months} months if nothing changes",
        months=study.params.value.horizon_months,
    )


def _late(called: CallBack) -> list[str]:
    freshest = int(called.table["days_since"].min())
    if freshest < _LATE_DAYS:
        return []
    words = "The freshest of these answers is {days} days old: such a call comes late. Call within days next time."
    return [sentence(words, days=freshest)]


def _unnamed(called: CallBack) -> list[str]:
    words = "{n} low answers of these days name no customer: nobody can be called."
    return [sentence(words, n=called.n_unnamed)] if called.n_unnamed else []


def _comments(responses: ir.Table, first: ir.Table) -> pd.DataFrame:
    """What they wrote on that day, without what says who they are."""
    wrote = responses.filter(responses.comment.notnull(), responses.comment.strip() != "")
    rows = wrote.select("customer_id", "comment", day=wrote.response_date.cast("date"))
    found = rows.semi_join(first, ["customer_id", "day"]).execute()
    found = found.sort_values(["customer_id", "day", "comment"]).drop_duplicates(["customer_id", "day"])
    return found.assign(comment=[masked(text) for text in found["comment"]])


def _worded(called: CallBack, longest: int) -> pd.DataFrame:
    """The list with words in place of marks, and comments of a bounded length."""
    table = called.table.assign(customer_id=called.table["customer_id"].astype(str))
    if table["has_ticket"].notna().any():
        table = table.assign(ticket=[_("yes") if one else _("no") for one in table["has_ticket"]])
    if "comment" not in table.columns or not table["comment"].notna().any():
        return table.drop(columns="comment", errors="ignore")
    return table.assign(comment=[_cut(text, longest) for text in table["comment"]])


def _cut(text: object, longest: int) -> str:
    if not isinstance(text, str):
        return ""
    # Line breaks would break the row.
    flat = " ".join(text.split())
    return flat if len(flat) <= longest else f"{flat[: longest - 1]}…"


def _nobody(study: Study, score: str, n_unnamed: int) -> CannotSay:
    words = GROUPS[score]
    said = sentence(
        "Nobody is to be called back: no customer's last answer within {days} days was among the {group}.",
        days=study.params.satisfaction.recent_days,
        group=_(list(words.values())[-1]),
    )
    unnamed = (
        sentence("{n} low answers of these days name no customer: nobody can be called.", n=n_unnamed)
        if n_unnamed
        else ""
    )
    return CannotSay(together(said, unnamed), _("To look further back, raise satisfaction.recent_days."))
