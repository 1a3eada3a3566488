"""Study 04, complaints as the page shows them: tables with what a reader must know, findings and key figures."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import listed, named, sentence, together
from cam.language import translate as _
from cam.measures.lifecycle.survival import median_duration, quantile_limits
from cam.measures.satisfaction.complaints import VolumeFit, mean_of_closed
from cam.reduce.ticket_effects import MISSING
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.complaints import (
    AGAIN_DAYS,
    HEADLINE_DAYS,
    HOUR_DAY,
    PLACE_DAYS,
    WITHIN_DAYS,
    Tickets,
    as_days,
    curve_of,
    within,
)
from cam.studies.study import Study, needs

_SIGNIFICANT = 0.05
_OUTCOMES = {"answer": "First answer", "resolution": "Closing"}
#: Rows of a table of kinds: three attributes with eight kinds, the others and the unknown.
_MOST_ROWS = 30


@needs()
def drawn_volume(study: Study, fit: VolumeFit) -> pd.DataFrame:
    """Lay out the months for the figure."""
    ends = (fit.trend.value, fit.trend.low, fit.trend.high) if fit.trend else (math.nan,) * 3
    return fit.months.assign(
        active=""
        if fit.level.figure != "complaints_per_1000"
        else "bought"
        if "transactions" in study.tables
        else "contract",
        **dict(zip(("trend", "trend_low", "trend_high"), ends, strict=True)),
    )


@needs()
def show_waits(study: Study, seen: Tickets) -> ShownTable | CannotSay:
    """Show how long complaints wait for their answer and their closing, beside what the closed ones alone would say."""
    rows = []
    for outcome, cells in seen.waits.items():
        if isinstance(cells, CannotSay):
            continue
        curve = curve_of(seen, outcome, cells)
        waiting = int(cells.loc[cells["event_observed"] == 0, "n_customers"].sum())
        mean = mean_of_closed(cells)
        row: dict[str, Any] = {"name": _(_OUTCOMES[outcome]), "n": int(cells["n_customers"].sum())}
        row |= {"waiting": waiting, "mean": math.nan if mean is None else mean / HOUR_DAY}
        for days in WITHIN_DAYS:
            row |= _ends(f"within_{days}", within(seen, outcome, curve, days=days))
        # Without an upper limit there is still a median.
        ends = [math.nan if end is None else end / HOUR_DAY for end in quantile_limits(curve)]
        ends = ends if not math.isnan(sum(ends)) else [ends[0], math.nan, math.nan]
        row |= dict(zip(("median", "median_low", "median_high"), ends, strict=True))
        rows.append(row)
    if not rows:
        return next(cells for cells in seen.waits.values() if isinstance(cells, CannotSay))
    frame = pd.DataFrame(rows)
    columns = [
        Col("name", "Until"),
        Col("n", "Tickets", "count"),
        Col("waiting", "still waiting", "count"),
        *(
            Col(f"within_{days}", _within(days), "share", f"within_{days}_low", f"within_{days}_high")
            for days in WITHIN_DAYS
            if frame[f"within_{days}"].notna().any()
        ),
        Col("median", "Median", "days", "median_low", "median_high"),
        Col("mean", "Mean of those done", "days"),
    ]
    note = _("Shares and median count those that still wait; the mean of those done leaves the longest out.")
    unsaid = [together(each.reason, each.cure) for each in seen.waits.values() if isinstance(each, CannotSay)]
    return show_table(
        frame,
        columns,
        caption="How long do complaints wait?",
        note=note,
        notes=[*_data_notes(seen), *unsaid],
    )


@needs()
def show_kinds(study: Study, seen: Tickets, kinds: pd.DataFrame) -> ShownTable | CannotSay:
    """Show what complaints are about, how they came in and from where, and whether some kinds wait longer."""
    shown = kinds.assign(
        attribute=[_attribute(seen, name) for name in kinds["attribute"]],
        kind=[_kind(name) for name in kinds["kind"]],
    )
    outcome = str(kinds["outcome"].iloc[0])
    columns = [
        Col("attribute", "By"),
        Col("kind", "Kind"),
        Col("n", "Tickets", "count"),
        Col("share", "of tickets", "share", "low", "high"),
        Col("cumulative", "with all above", "share", may_be_empty=True),
    ]
    if outcome:
        label = "closed within {n} days" if outcome == "resolution" else "answered within {n} days"
        columns += [
            Col("within", sentence(label, n=HEADLINE_DAYS), "share", "within_low", "within_high"),
            Col("median", "Median", "days"),
        ]
    if kinds["rate"].notna().any():
        columns.append(
            Col(
                "rate",
                "per 1,000 customers and year",
                "ratio",
                "rate_low",
                "rate_high",
                may_be_empty=True,
            )
        )
    return show_table(
        shown,
        columns,
        caption="What are complaints about, and which kinds wait?",
        notes=_kind_notes(study, seen, kinds),
        max_rows=_MOST_ROWS,
    )


@needs()
def show_ages(
    study: Study, seen: Tickets, open_tickets: pd.DataFrame, ages: pd.DataFrame
) -> ShownTable | CannotSay:
    """Show for how long the open tickets have been open."""
    shown = ages.assign(age=[_age(row) for row in ages.to_dict("records")])
    columns = [
        Col("age", "Open for"),
        Col("n", "Tickets", "count"),
        Col("share", "of open tickets", "share"),
    ]
    n, overdue = (int(open_tickets[name].iloc[-1]) for name in ("n_open", "n_overdue"))
    note = sentence(
        "{overdue} of {n} open tickets have been open for {days} days or longer (satisfaction.overdue_days).",
        n=n,
        overdue=overdue,
        days=study.params.satisfaction.overdue_days,
    )
    doubtful = seen.statuses.get("closed_without_date", 0)
    notes = []
    if doubtful:
        notes.append(
            sentence(
                "{n} of them are called closed by their status and bear no date of closing: if the status is right, "
                "they are not open. Ask for the dates.",
                n=doubtful,
            )
        )
    return show_table(shown, columns, caption="How old are the open complaints?", note=note, notes=notes)


@needs()
def show_each(
    study: Study, seen: Tickets, each: pd.DataFrame, again: Estimate | CannotSay
) -> ShownTable | CannotSay:
    """Show how many customers opened how many tickets, and who complains again."""
    several = sentence("{n} or more", n=4)
    shown = each.assign(number=[several if n == 4 else str(n) for n in each["n_tickets"]])
    columns = [
        Col("number", "Tickets of a customer"),
        Col("n_customers", "Customers", "count"),
        Col("customer_share", "of customers who complained", "share"),
        Col("tickets", "Tickets", "count"),
        Col("ticket_share", "of tickets", "share"),
    ]
    notes = [together(again.reason, again.cure) if isinstance(again, CannotSay) else _again_words(again)]
    if seen.checks["n_nobody"]:
        notes.append(sentence("{n} tickets name no customer.", n=seen.checks["n_nobody"]))
    return show_table(shown, columns, caption="Who complains more than once?", notes=notes)


def findings(
    study: Study,
    seen: Tickets | CannotSay,
    fit: VolumeFit | CannotSay,
    kinds: pd.DataFrame | CannotSay,
    open_tickets: pd.DataFrame | CannotSay,
    again: Estimate | CannotSay,
) -> list[str | CannotSay]:
    """Say how long complaints wait and how many are open, how many come, and who comes again."""
    if isinstance(seen, CannotSay):
        return [seen]
    return [
        _wait_words(study, seen, open_tickets),
        fit
        if isinstance(fit, CannotSay)
        else together(_volume_words(fit), _largest(kinds), _again_text(again)),
    ]


def key_figures(
    study: Study,
    seen: Tickets | CannotSay,
    fit: VolumeFit | CannotSay,
    kinds: pd.DataFrame | CannotSay,
    open_tickets: pd.DataFrame | CannotSay,
    again: Estimate | CannotSay,
) -> list[Estimate | CannotSay]:
    """List volume, backlog, times and recurrence, and the shares and times of every kind."""
    if isinstance(seen, CannotSay):
        return [seen]
    figures: list[Estimate | CannotSay | None] = []
    figures += [fit] if isinstance(fit, CannotSay) else [fit.level, fit.trend]
    if isinstance(open_tickets, CannotSay):
        figures.append(open_tickets)
    else:
        for name, column in (("tickets_open", "n_open"), ("tickets_overdue", "n_overdue")):
            figures.append(Estimate(name, float(open_tickets[column].iloc[-1]), "count"))
    figures += _wait_figures(seen)
    unsolved = _unsolved(seen)
    figures += [unsolved, again]
    figures += [kinds] if isinstance(kinds, CannotSay) else _kind_figures(seen, kinds)
    return [figure for figure in figures if figure is not None]


# --- words --------------------------------------------------------------------------------------


def _wait_words(study: Study, seen: Tickets, open_tickets: pd.DataFrame | CannotSay) -> str | CannotSay:
    cells = seen.waits["resolution"]
    if isinstance(cells, CannotSay):
        return cells
    curve = curve_of(seen, "resolution", cells)
    share = within(seen, "resolution", curve, days=HEADLINE_DAYS)
    if share is None:
        return CannotSay(
            sentence(
                "No ticket has been seen for {days} days yet: how long they take cannot be said.",
                days=HEADLINE_DAYS,
            ),
            _("Run the report again later."),
        )
    said = sentence("{share} of complaints are closed within {days} days.", share=share, days=HEADLINE_DAYS)
    if isinstance(open_tickets, CannotSay):
        return said
    n, overdue = (int(open_tickets[name].iloc[-1]) for name in ("n_open", "n_overdue"))
    words = (
        "{n} are open, {overdue} of them for {limit} days or longer: sort these first, close what is done, and "
        "answer what is not."
        if overdue
        else "{n} are open, none of them for {limit} days or longer."
    )
    limit = study.params.satisfaction.overdue_days
    return together(said, _reply_text(seen), sentence(words, n=n, overdue=overdue, limit=limit))


def _reply_text(seen: Tickets) -> str:
    median = _answer_median(seen)
    if median is None or median.low is None:
        return ""
    # Whole hours are counted.
    return sentence("Half have their first answer within {hours} hours.", hours=replace(median, unit="count"))


def _volume_words(fit: VolumeFit) -> str:
    words = (
        "{level} complaints come per 1,000 active customers and month."
        if fit.level.figure == "complaints_per_1000"
        else "{level} complaints come per month."
    )
    said = sentence(words, level=fit.level)
    if fit.trend is None:
        return said
    low, high = fit.trend.low, fit.trend.high
    assert low is not None and high is not None
    if low <= 0 <= high:
        return together(said, _("Over the months they become neither more nor fewer by more than chance."))
    moved = (
        "They become more by {trend} a year, beyond chance: look for what changed."
        if low > 0
        else "They change by {trend} a year, a fall beyond chance: find out what helped, and keep it."
    )
    return together(said, sentence(moved, trend=fit.trend))


def _largest(kinds: pd.DataFrame | CannotSay) -> str:
    if isinstance(kinds, CannotSay):
        return ""
    named_kinds = kinds[(kinds["attribute"] == "category") & ~kinds["kind"].isin(["", MISSING])]
    if len(named_kinds) < 2:
        return ""
    first = named_kinds.iloc[0]
    share = Estimate("share", first["share"], "share", None, first["low"], first["high"])
    return sentence(
        "The largest category is {kind}, {share} of them.", kind=_(str(first["kind"])), share=share
    )


def _again_text(again: Estimate | CannotSay) -> str:
    return "" if isinstance(again, CannotSay) else _again_words(again)


def _again_words(again: Estimate) -> str:
    return sentence(
        "{share} of those who complain do so again on a later day within {days} days.",
        share=again,
        days=AGAIN_DAYS,
    )


def _data_notes(seen: Tickets) -> list[str]:
    """Say where dates contradict each other or the status, and which rule holds."""
    checks, statuses = seen.checks, seen.statuses
    words = {
        "n_backwards": "{n} tickets were closed before they were opened: how they were handled is not known.",
        "n_early_answer": "{n} tickets were answered before they were opened: how long they waited is not known.",
        "n_late_answer": "{n} tickets were answered only after they were closed: the day of the answer counts.",
        "n_unanswered": "{n} tickets were closed without a first answer: they count as never answered.",
        "n_closed_later": "{n} tickets were closed after the last day seen: they count as open.",
    }
    answered = not isinstance(seen.waits["answer"], CannotSay)
    notes = [
        sentence(text, n=checks[name])
        for name, text in words.items()
        if checks[name] and (answered or "answer" not in name)
    ]
    wrong = statuses.get("closed_without_date", 0) + statuses.get("open_with_date", 0)
    if wrong:
        notes.append(
            sentence(
                "In {n} tickets the status contradicts the dates, and the dates count: {closed} are called closed "
                "without a date of closing, {open} are called open with one.",
                n=wrong,
                closed=statuses["closed_without_date"],
                open=statuses["open_with_date"],
            )
        )
    unsolved = _unsolved(seen)
    if unsolved is not None:
        notes.append(
            sentence("{share} of the closed were closed as unsolved: closing is not solving.", share=unsolved)
        )
    if statuses.get("other"):
        notes.append(sentence("{n} tickets have a status that is not known here.", n=statuses["other"]))
    if seen.by_day:
        notes.append(
            _("Without the hour, times are whole days: what is done on the same day has taken none.")
        )
    if max(seen.effects.values(), default=1.0) > 1.05:
        notes.append(
            _(
                "One customer's tickets resemble each other, so intervals are wider than those of independent ones."
            )
        )
    return notes


def _unsolved(seen: Tickets) -> Estimate | None:
    n, closed = seen.statuses.get("closed_unsolved", 0), seen.checks["n_closed"] + seen.checks["n_backwards"]
    return proportion("closed_unsolved_share", n, closed) if n and n <= closed else None


def _kind_notes(study: Study, seen: Tickets, kinds: pd.DataFrame) -> list[str]:
    notes = []
    tested = kinds.drop_duplicates("attribute").set_index("attribute")["p_adjusted"].dropna()
    apart = [_attribute(seen, str(name)) for name, p in tested.items() if p < _SIGNIFICANT]
    alike = [_attribute(seen, str(name)) for name, p in tested.items() if p >= _SIGNIFICANT]
    if apart:
        notes.append(
            sentence(
                "The times differ between kinds by more than chance (log-rank tests, Holm 1979): {names}.",
                names=listed(apart),
            )
        )
    if alike:
        notes.append(
            sentence(
                "The times do not differ between kinds by more than chance (log-rank tests, Holm 1979): {names}.",
                names=listed(alike),
            )
        )
    rated = kinds[kinds["rate"].notna()]
    if len(rated):
        differ = rated.loc[rated["rate_p"] < _SIGNIFICANT, "kind"]
        since = sentence(
            "Per 1,000 customers who bought in the last {days} days, with tickets of these days."
            if "transactions" in study.tables
            else "Per 1,000 customers, with tickets of the last {days} days.",
            days=PLACE_DAYS,
        )
        verdict = (
            sentence(
                "Other than all other places together by more than chance: {places}.",
                places=listed(_(str(place)) for place in differ),
            )
            if len(differ)
            else _("No place has more or fewer than the others by more than chance.")
        )
        notes.append(together(since, verdict))
    if seen.place and seen.checks["n_nobody"] + seen.n_strangers:
        notes.append(
            sentence(
                "{n} tickets name no customer, {m} one who is not in the table customers: their place is not known.",
                n=seen.checks["n_nobody"],
                m=seen.n_strangers,
            )
        )
    if kinds.loc[kinds["kind"] != "", "within"].isna().any() and kinds["outcome"].iloc[0]:
        notes.append(
            sentence(
                "Kinds with fewer than {n} tickets are counted, and their times not told.",
                n=study.params.satisfaction.min_answers,
            )
        )
    return notes


def _attribute(seen: Tickets, name: str) -> str:
    words = {"category": _("Category of the ticket"), "channel": _("Channel of the ticket")}
    return words.get(name) or named(str(seen.place))


def _kind(name: str) -> str:
    return _("not known") if name == MISSING else _(name) if name else _("all others")


def _age(row: dict[Any, Any]) -> str:
    since, until = row["since"], row["until"]
    if pd.isna(until):
        return sentence("{since} days or longer", since=int(since))
    if since == 0:
        return _("less than a day") if until == 1 else sentence("less than {until} days", until=int(until))
    return sentence("{since} to {until} days", since=int(since), until=int(until))


# --- figures ------------------------------------------------------------------------------------


def _answer_median(seen: Tickets) -> Estimate | None:
    cells = seen.waits["answer"]
    if isinstance(cells, CannotSay):
        return None
    return median_duration("first_reply_median_hours", curve_of(seen, "answer", cells), unit="hours")


def _wait_figures(seen: Tickets) -> list[Estimate | CannotSay | None]:
    cells, answers = seen.waits["resolution"], seen.waits["answer"]
    figures: list[Estimate | CannotSay | None] = [
        answers if isinstance(answers, CannotSay) else _answer_median(seen)
    ]
    if isinstance(cells, CannotSay):
        return [*figures, cells]
    curve = curve_of(seen, "resolution", cells)
    figures += [within(seen, "resolution", curve, days=days) for days in WITHIN_DAYS]
    return [*figures, as_days(median_duration("resolution_median_days", curve, unit="hours"))]


def _kind_figures(seen: Tickets, kinds: pd.DataFrame) -> list[Estimate | CannotSay | None]:
    figures: list[Estimate | CannotSay | None] = []
    for row in kinds[kinds["kind"] != ""].to_dict("records"):
        attribute = str(seen.place) if row["attribute"] == "place" else str(row["attribute"])
        segment = {attribute: str(row["kind"])}
        n = int(row["n"])
        value, low, high = (float(row[name]) for name in ("share", "low", "high"))
        figures.append(Estimate("complaint_share", value, "share", n, low, high, segment))
        if not np.isnan(row["within"]):
            name = "resolution" if row["outcome"] == "resolution" else "answer"
            value, low, high = (float(row[end]) for end in ("within", "within_low", "within_high"))
            figures.append(
                Estimate(f"{name}_within_{HEADLINE_DAYS}_days", value, "share", n, low, high, segment)
            )
        if not np.isnan(row["rate"]):
            value, low, high = (float(row[end]) for end in ("rate", "rate_low", "rate_high"))
            figures.append(
                Estimate("place_complaints", value, "ratio", int(row["n_people"]), low, high, segment)
            )
    return figures


def _ends(name: str, estimate: Estimate | None) -> dict[str, float]:
    ends = (math.nan,) * 3 if estimate is None else (estimate.value, estimate.low, estimate.high)
    return {
        f"{name}{end}": float(x) for end, x in zip(("", "_low", "_high"), ends, strict=True) if x is not None
    }


def _within(days: int) -> str:
    return _("within a day") if days == 1 else sentence("within {n} days", n=days)
