"""Study 02, touches: which tickets, refunds and surveys can be followed, and why the others cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay
from cam.language import date_text, listed, sentence, together
from cam.language import translate as _
from cam.measures.lifecycle.matched_rates import FEWEST_MET, matched_rates, rate_contrasts, rate_kinds
from cam.reduce import ticket_effects as reduced
from cam.studies.study import Study

#: Answers up to these are low: detractors, and the two lowest of five.
LOW_NPS, LOW_CSAT = 6, 2

#: Who met what, in the words of the page; and with whom they are compared.
WORDS = {
    "ticket": "A ticket",
    "fast": "A ticket closed in time",
    "slow": "A ticket handled slowly",
    "refund": "A refunded order",
    "invited": "An invitation to a survey",
    "low": "A low answer",
}
AGAINST = {"": "those with none yet", "fast": "tickets closed in time", "other": "other answers"}
_FAMILIES = {
    "ticket": "tickets",
    "handling": "tickets by handling",
    "refund": "refunded orders",
    "invited": "invitations to a survey",
    "answer": "answers to a survey",
}


@dataclass(frozen=True, slots=True)
class Touched:
    """What happened after touches, beside what happened to customers of the same standing.

    Attributes
    ----------
    outcome : str
        ``purchase`` (bought again within the days) or ``contract`` (the contract ended within them).
    table : DataFrame
        One row per comparison that could be rated: ``exposure``, ``against`` (empty: none yet), ``n_exposed``,
        ``n_alone``, ``exposed``, ``others``, ``difference``, ``low``, ``high`` (shares), ``ratio`` with its limits.
    categories : DataFrame or CannotSay
        Each category of tickets against all others.
    notes : tuple of str
        What a reader must know of whom was followed.
    unsaid : tuple of CannotSay
        Comparisons that could not be rated, and why.
    """

    outcome: str
    table: pd.DataFrame
    categories: pd.DataFrame | CannotSay
    notes: tuple[str, ...]
    unsaid: tuple[CannotSay, ...]


def follow_days(study: Study) -> int:
    """Return the days after a touch in which something is looked for."""
    return study.params.lifecycle.ticket_days


def follow(
    study: Study, outcome: str, spans: ir.Table, last: date, *, of: ir.Table | None = None
) -> Touched | CannotSay:
    """Place every family of touches within the spans, and rate what can be rated.

    Parameters
    ----------
    study : Study
        The client's tables.
    outcome : str
        ``purchase`` or ``contract``.
    spans : ibis.Table
        The customers' histories, cut at each event.
    last : date
        The last day on which a touch can be followed.
    of : ibis.Table, optional
        The customers whose histories the spans are, where they are not all: what others met is left aside.

    Returns
    -------
    Touched or CannotSay
    """
    families = _families(study, outcome)
    if all(isinstance(touches, CannotSay) for touches in families.values()):
        return next(touches for touches in families.values() if isinstance(touches, CannotSay))
    kept = study.engine.create_table(f"touches_spans_{outcome}", spans, overwrite=True)
    first = kept.began.min().execute()
    days = follow_days(study)
    if pd.isna(first) or pd.Timestamp(first).date() >= last:
        return CannotSay(
            sentence(
                "What follows on a ticket cannot be said: the data hold no {days} days after the first of them to look "
                "at.",
                days=days,
            ),
            _("Add older rows, or set a smaller lifecycle.ticket_days."),
        )
    seen = (last - pd.Timestamp(first).date()).days
    n_periods = min(-(-seen // reduced.EVERY_DAYS), reduced.MOST_PERIODS)
    window: dict[str, Any] = {"last": last, "n_periods": n_periods, "follow_days": days}
    stood = study.engine.create_table(
        f"touches_stood_{outcome}", reduced.standings(kept, **window), overwrite=True
    )

    def cells_of(family: str, touches: ir.Table) -> _Cells | CannotSay:
        touches = touches if of is None else touches.semi_join(of, "customer_id")
        placed = study.engine.create_table(
            f"touches_{outcome}_{family}", reduced.place_touches(kept, touches, **window), overwrite=True
        )
        counts = (
            placed.group_by("place")
            .aggregate(n=placed.count(), n_days=placed.looked.nunique(), day=placed.looked.min())
            .execute()
            .set_index("place")
        )
        left_out = _left_out(counts["n"], family, outcome, days)
        said = _unfit(counts, family, left_out)
        return said or _Cells(family, reduced.touch_cells(placed, stood).execute(), left_out)

    found = _rated(study, outcome, families, cells_of)
    if of is None or isinstance(found, CannotSay):
        return found
    words = "Learnt from {n} of {all} customers, taken at equal steps of their ids."
    n, n_all = (int(table.count().execute()) for table in (of, study.summary(study.as_of)))
    return replace(found, notes=(sentence(words, n=n, all=n_all), *found.notes))


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells of one family of touches, and who of it is left out, in words."""

    family: str
    cells: pd.DataFrame
    left_out: str


def _rated(
    study: Study,
    outcome: str,
    families: Mapping[str, ir.Table | CannotSay],
    cells_of: Callable[[str, ir.Table], _Cells | CannotSay],
) -> Touched | CannotSay:
    rows: list[dict[Any, Any]] = []
    notes: list[str] = []
    unsaid: list[CannotSay] = []
    categories: pd.DataFrame | CannotSay = CannotSay("")
    for family, touches in families.items():
        found = touches if isinstance(touches, CannotSay) else cells_of(family, touches)
        if isinstance(found, CannotSay):
            unsaid.append(found)
            categories = found if family == "ticket" else categories
            continue
        if family == "ticket":
            categories = _by_category(found.cells)
            ticket = found.cells.assign(kind=found.cells["kind"].where(found.cells["kind"] == "", "ticket"))
            found = _Cells(family, ticket, found.left_out)
        own, said = _compare(study, family, found)
        rows += own
        unsaid += said
        # Tickets by their handling are the same tickets.
        if own and found.left_out and family != "handling":
            notes.append(found.left_out)
        if own and family == "handling":
            notes += _handling_notes(study, found.cells)
        if own and family == "refund":
            notes.append(_("A refund that belongs to an order counts from the day of that order."))
    if not rows:
        return unsaid[0]
    alone = sum(int(row["n_alone"]) for row in rows if row["exposure"] not in ("fast", "slow"))
    if alone:
        notes.append(
            sentence("Left out, as nobody of the same standing had met none: {n} customers.", n=alone)
        )
    return Touched(outcome, pd.DataFrame(rows), categories, tuple(notes), tuple(unsaid))


def _families(study: Study, outcome: str) -> Mapping[str, ir.Table | CannotSay]:
    """Collect the touches that the tables have; what they lack is said for tickets, which the page is about."""
    lifecycle = study.params.lifecycle
    found: dict[str, ir.Table | CannotSay] = {}
    tickets = study.tables.get("tickets")
    lacking = study.lacks_column("tickets", "customer_id")
    found["ticket"] = lacking or reduced.ticket_touches(study.tables["tickets"], kind="category")
    if tickets is not None and not lacking:
        found["handling"] = study.lacks_column("tickets", "closed") or reduced.handling_touches(
            tickets, slow_days=lifecycle.slow_ticket_days, as_of=study.as_of
        )
    if outcome == "contract":
        return found
    log = study.tables["transactions"]
    if int(log.filter(log.kind != "purchase").count().execute()):
        found["refund"] = reduced.refund_touches(log)
    responses = study.tables.get("responses")
    if responses is not None and "customer_id" in responses.columns:
        invited, answered = reduced.survey_touches(responses, low_nps=LOW_NPS, low_csat=LOW_CSAT)
        if "invited_date" in responses.columns:
            found["invited"] = invited
        if {"nps", "csat"} & set(responses.columns):
            found["answer"] = answered
    return found


def _compare(study: Study, family: str, found: _Cells) -> tuple[list[dict[Any, Any]], list[CannotSay]]:
    """Rate the comparisons of one family; what cannot be rated has its reason."""
    pair = {"handling": ("slow", "fast"), "answer": ("low", "other")}.get(family)
    table = matched_rates(found.cells)
    table = table[table["kind"].isin(list(WORDS))].rename(columns={"kind": "exposure"}).assign(against="")
    if family == "answer":
        # Who answers is still there: only another answer is a fair comparison.
        table = table.iloc[:0]
    if pair:
        contrast = rate_contrasts(found.cells, pairs=[pair]).rename(columns={"kind": "exposure"})
        table = pd.concat([table, contrast], ignore_index=True)
    rows = table[table["verdict"] == "rated"].to_dict("records")
    unsaid = [
        _unrated(study, family, row, found.left_out)
        for row in table[table["verdict"] != "rated"].to_dict("records")
    ]
    if table.empty:
        unsaid = [_few(family, 0, found.left_out)]
    return rows, list(dict.fromkeys(unsaid))


def _by_category(cells: pd.DataFrame) -> pd.DataFrame | CannotSay:
    kinds = sorted(set(cells["kind"]) - {""})
    if len(kinds) < 2:
        return CannotSay(
            _("Tickets are not compared by category: all have the same one, or none."),
            _("Map the column category under data.tickets.columns."),
        )
    return rate_kinds(cells)


def _unfit(counts: pd.DataFrame, family: str, left_out: str) -> CannotSay | None:
    """Say why a family of touches cannot be followed at all, or nothing where it can."""
    n = int(counts["n"].get("followed", 0))
    if n < FEWEST_MET:
        return _few(family, n, left_out)
    if family in ("ticket", "handling") and int(counts["n_days"]["followed"]) == 1:
        return CannotSay(
            sentence(
                "All {n} tickets bear the same day, {day}, as if it were that of an export: what followed on each "
                "cannot be said.",
                n=n,
                day=date_text(pd.Timestamp(counts["day"]["followed"]).date()),
            ),
            _("Map the day on which each ticket was opened under data.tickets.columns.opened."),
        )
    return None


def _few(family: str, n: int, left_out: str) -> CannotSay:
    return CannotSay(
        together(
            sentence(
                "Of the {touches}, {n} can be followed, and {least} are needed.",
                touches=_(_FAMILIES[family]),
                n=n,
                least=FEWEST_MET,
            ),
            left_out,
        ),
        _("Add older rows, or set a smaller lifecycle.ticket_days."),
    )


def _unrated(study: Study, family: str, row: Mapping[Any, Any], left_out: str) -> CannotSay:
    if row["verdict"] == "alike":
        return CannotSay(
            sentence(
                "{who}: within {days} days it was the same for all of these customers and all comparable others.",
                who=_(WORDS[str(row["exposure"])]),
                days=follow_days(study),
            ),
            _("Set another lifecycle.ticket_days."),
        )
    met, alone = int(row["n_exposed"]), int(row["n_alone"])
    if row["against"]:
        return CannotSay(
            sentence(
                "{who}, against {others}: {n} and {m} customers can be compared, and {least} of each are needed.",
                who=_(WORDS[str(row["exposure"])]),
                others=_(AGAINST[str(row["against"])]),
                n=met,
                m=int(row["n_against"]),
                least=FEWEST_MET,
            )
        )
    if met + alone >= FEWEST_MET:
        return CannotSay(
            sentence(
                "{who}: {n} customers can be followed, but for {alone} of them nobody of the same standing had met "
                "none; with others to be compared with, {met} are left, and {least} are needed.",
                who=_(WORDS[str(row["exposure"])]),
                n=met + alone,
                alone=alone,
                met=met,
                least=FEWEST_MET,
            ),
            _("Add customers who had none: their orders or contracts are what the others are compared with."),
        )
    return _few(family, met + alone, left_out)


def _left_out(n: pd.Series, family: str, outcome: str, days: int) -> str:
    """Count the touches that are not followed, by reason."""
    words = {
        "nobody": "{n} name no customer",
        "unknown": "{n} are of customers who never bought"
        if outcome == "purchase"
        else "{n} are of customers without a contract",
        "outside": "{n} came before the first purchase"
        if outcome == "purchase"
        else "{n} came when no contract ran",
        "repeated": "{n} are not the customer's first",
        "recent": "{n} are too recent to be followed for {days} days",
        "old": "{n} are older than the time looked at",
    }
    parts = [sentence(text, n=int(n[place]), days=days) for place, text in words.items() if place in n.index]
    if not parts:
        return ""
    return sentence(
        "Of {all} {touches}, {n} are followed: {parts}.",
        all=int(n.sum()),
        touches=_(_FAMILIES[family]),
        n=int(n.get("followed", 0)),
        parts=listed(parts),
    )


def _handling_notes(study: Study, cells: pd.DataFrame) -> list[str]:
    slow = study.params.lifecycle.slow_ticket_days
    notes = [
        sentence(
            "Handled slowly: not closed within {days} days. For both kinds the clock starts {days} days after the "
            "opening, when that is known.",
            days=slow,
        )
    ]
    backwards = int(cells.loc[cells["kind"] == "backwards", "n"].sum())
    if backwards:
        notes.append(
            sentence(
                "{n} tickets were closed before they were opened: how they were handled is not known.",
                n=backwards,
            )
        )
    return notes
