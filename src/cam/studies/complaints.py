"""Study 04, complaints: how many come, what they are about, how long they wait, how many are open, who comes again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, holm
from cam.language import date_text, sentence
from cam.language import translate as _
from cam.measures.lifecycle.funnel import converted_by
from cam.measures.lifecycle.survival import (
    chi_squared,
    kaplan_meier,
    log_rank,
    median_duration,
    numbers_at_risk,
)
from cam.measures.satisfaction import complaints as measures
from cam.measures.satisfaction.scores import design_effect
from cam.reduce import ticket_counts as counted
from cam.reduce import tickets as reduced
from cam.reduce.responses import answer_sums
from cam.reduce.ticket_effects import MISSING
from cam.studies.study import Study, needs

#: Days within which shares are told; the third is the headline.
WITHIN_DAYS = (1, 3, 7, 30)
HEADLINE_DAYS = 7
#: Days at which it is told under the figure who still waits.
RISK_DAYS = (0, 7, 14, 21, 30)
#: Days in which another complaint is looked for.
AGAIN_DAYS = 90
#: A customer is active in a month who bought in it or in the two before.
ACTIVE_MONTHS = 3
#: Days at which the classes of open tickets part.
AGE_EDGES = (1, 3, 7, 30, 90)
#: Kinds with a row of their own.
MOST_KINDS = 8
#: Days back over which complaints per customer of a place are counted.
PLACE_DAYS = 365
HOUR_DAY = 24
#: What says where a customer lives, where segmentation.geography does not.
_PLACES = ("region", "province", "state", "country", "city", "地区", "省份", "城市")
#: Within which the resemblance of one customer's tickets is measured, in hours.
_RESEMBLE = {"resolution": HOUR_DAY * HEADLINE_DAYS, "answer": HOUR_DAY}
_COLUMNS = {"resolution": "closed", "answer": "first_reply"}


@dataclass(frozen=True, slots=True)
class Tickets:
    """The tickets of a client, looked at once.

    Attributes
    ----------
    times : ibis.Table
        One row per ticket, as from :func:`cam.reduce.tickets.ticket_times`.
    checks : mapping of str to int
        As from :func:`cam.reduce.tickets.ticket_checks`.
    first, last : date
        First and last day on which one was opened.
    by_day : frozenset of str
        Columns whose moments bear no hour.
    kinds : tuple of str
        Columns that name kinds of tickets, that of the customer's place last.
    place : str or None
        The column of the place.
    n_strangers : int
        Tickets of customers who are not in the table customers.
    waits : mapping of str to DataFrame or CannotSay
        For ``answer`` and ``resolution`` the cells of how long tickets waited, in hours.
    effects : mapping of str to float
        How much less they tell because one customer's tickets resemble each other.
    statuses : mapping of str to int
        As from :func:`cam.measures.satisfaction.complaints.status_conflicts`; empty without the column.
    """

    times: ir.Table
    checks: Mapping[str, int]
    first: date
    last: date
    by_day: frozenset[str]
    kinds: tuple[str, ...]
    place: str | None
    n_strangers: int
    waits: Mapping[str, pd.DataFrame | CannotSay]
    effects: Mapping[str, float]
    statuses: Mapping[str, int]


@needs("tickets")
def look(study: Study) -> Tickets | CannotSay:
    """Count what was opened, answered and closed, and how long each waited, once, inside the engine."""
    tickets = study.tables["tickets"]
    known = reduced.hours_known(tickets).execute().set_index("column")
    by_day = frozenset(
        name
        for name in ("closed", "first_reply")
        if name in known.index
        and known.loc[name, "n"]
        and not (known.loc[name, "n_hours"] and known.loc["opened", "n_hours"])
    )
    row = reduced.ticket_checks(tickets, as_of=study.as_of, by_day=by_day).execute().iloc[0]
    checks = {str(name): int(row[name]) for name in row.index if str(name).startswith("n")}
    if not checks["n"]:
        return CannotSay(_("The table tickets has no ticket up to the last day seen."))
    kinds = [name for name in ("category", "channel") if name in tickets.columns]
    times = reduced.ticket_times(tickets, as_of=study.as_of, by_day=by_day, keep=kinds)
    place = _place(study)
    n_strangers = 0
    if place is not None:
        own = study.tables["customers"].select(
            "customer_id", place=study.tables["customers"][place].cast("string")
        )
        times = times.left_join(own.mutate(known=ibis.literal(1)), "customer_id")
        times = times.mutate(place=ibis.coalesce(times.place, MISSING)).drop("customer_id_right")
        kinds.append("place")
    times = study.engine.create_table("complaints_times", times, overwrite=True)
    if place is not None:
        n_strangers = int((times.customer_id.notnull() & times.known.isnull()).sum().execute() or 0)
    waits = {name: _waits(study, times, name, checks) for name in _COLUMNS}
    effects = {
        name: _effect(study, times, name) for name, cells in waits.items() if not isinstance(cells, CannotSay)
    }
    return Tickets(
        times,
        checks,
        pd.Timestamp(row["first"]).date(),
        pd.Timestamp(row["last"]).date(),
        by_day,
        tuple(kinds),
        place,
        n_strangers,
        waits,
        effects,
        _statuses(study),
    )


@needs()
def volume(study: Study, seen: Tickets) -> measures.VolumeFit | CannotSay:
    """Estimate complaints per complete month, per 1,000 active customers where these are known, and their trend."""
    if seen.first == seen.last and seen.checks["n"] >= study.params.satisfaction.min_answers:
        return CannotSay(
            sentence(
                "All {n} tickets bear the same day, {day}, as if it were that of an export: complaints per month "
                "cannot be said.",
                n=seen.checks["n"],
                day=date_text(seen.first),
            ),
            _("Map the day on which each ticket was opened under data.tickets.columns.opened."),
        )
    flow = seen.times.group_by(day=seen.times.opened).aggregate(n=seen.times.count()).execute()
    starts = measures.complete_months(seen.first, study.as_of)
    active = _active(study, starts)
    if active is not None:
        # Before, it is not known who was active.
        starts = [start for start in starts[:-1] if start in active] + starts[-1:]
    place = np.searchsorted(
        np.array(starts, "M8[D]"), pd.to_datetime(flow["day"]).to_numpy("M8[D]"), side="right"
    )
    n = np.bincount(place, flow["n"].to_numpy(float), len(starts) + 1)[1:-1].astype(int)
    if n.sum() < study.params.satisfaction.min_answers:
        return CannotSay(
            sentence(
                "Complaints per month cannot be said: {n} tickets lie in complete months, and {fewest} are needed "
                "(satisfaction.min_answers).",
                n=int(n.sum()),
                fewest=study.params.satisfaction.min_answers,
            )
        )
    exposure = [1.0] * len(n) if active is None else [active[start] for start in starts[:-1]]
    months = pd.DataFrame({"start": starts[:-1], "n": n, "exposure": exposure})
    if active is None:
        return measures.fit_volume(months, figure="complaints_per_month", unit="count")
    return measures.fit_volume(months, figure="complaints_per_1000", unit="ratio", per=1000)


@needs()
def waits(study: Study, seen: Tickets) -> pd.DataFrame | CannotSay:
    """Estimate who has been answered, and whose ticket is closed, after how long; open ones are censored."""
    parts = []
    for outcome, cells in seen.waits.items():
        if isinstance(cells, CannotSay):
            continue
        curve = curve_of(seen, outcome, cells)
        curve = curve[(curve["n_at_risk"] >= study.params.satisfaction.min_answers) | (curve.index == 0)]
        at_risk = numbers_at_risk(cells, times=[HOUR_DAY * day for day in RISK_DAYS])
        parts.append(
            pd.DataFrame(
                {
                    "outcome": outcome,
                    "days": curve["time"] / HOUR_DAY,
                    "share": 1 - curve["survival"],
                    "low": 1 - curve["high"],
                    "high": 1 - curve["low"],
                    "n": int(cells["n_customers"].sum()),
                }
            ).assign(**{f"risk_{day}": n for day, n in zip(RISK_DAYS, at_risk, strict=True)})
        )
    if not parts:
        return next(cells for cells in seen.waits.values() if isinstance(cells, CannotSay))
    return pd.concat(parts, ignore_index=True)


@needs()
def kinds(study: Study, seen: Tickets) -> pd.DataFrame | CannotSay:
    """Say for each kind of ticket how many there are and how long they wait, and whether kinds differ.

    Returns
    -------
    DataFrame or CannotSay
        One row per attribute and kind: shares, ``within`` and ``median`` (days) with limits, ``p_adjusted`` of the
        attribute; for places also complaints per 1,000 customers.
    """
    if not seen.kinds:
        return CannotSay(
            _("What complaints are about cannot be said: tickets have neither a category nor a channel."),
            _("If the source has them by another name, map them under data.tickets.columns."),
        )
    parts, tests = [], {}
    outcome = next((name for name, cells in seen.waits.items() if not isinstance(cells, CannotSay)), None)
    for name in seen.kinds:
        sums = counted.kind_sums(seen.times, by=name).execute()
        if set(sums["kind"]) == {MISSING}:
            continue
        shares = measures.kind_shares(sums, unknown=MISSING, most=MOST_KINDS).assign(attribute=name)
        if outcome:
            cells = reduced.time_cells(seen.times, outcome=outcome, by=name).execute()
            shares, tests[name] = _with_waits(study, seen, shares, cells, outcome)
        parts.append(shares)
    if not parts:
        return CannotSay(
            _("What complaints are about cannot be said: category and channel are empty in all tickets."),
            _("If the source has them by another name, map them under data.tickets.columns."),
        )
    table = pd.concat(parts, ignore_index=True).assign(outcome=outcome or "")
    adjusted = dict(zip(tests, holm(np.array(list(tests.values()), float)), strict=True)) if tests else {}
    table["p_adjusted"] = [adjusted.get(name, np.nan) for name in table["attribute"]]
    for column in ("within", "within_low", "within_high", "median"):
        table[column] = table.get(column, np.nan)
    return _with_place_rates(study, seen, table)


@needs()
def backlog(study: Study, seen: Tickets) -> pd.DataFrame | CannotSay:
    """Count the tickets open, and overdue, at the end of each month and on the last day seen."""
    lacking = study.lacks_column("tickets", "closed") or _never_closed(study, seen.checks)
    if lacking:
        return lacking
    overdue = study.params.satisfaction.overdue_days
    flow = counted.daily_flow(seen.times, overdue_days=overdue, as_of=study.as_of).execute()
    starts = measures.complete_months(seen.first.replace(day=1), study.as_of)
    days = [start - timedelta(days=1) for start in starts[1:]]
    # The last day seen has a point of its own.
    days += [study.as_of] if not days or days[-1] != study.as_of else []
    return measures.open_at(flow, days=days).assign(overdue_days=overdue)


@needs()
def ages(study: Study, seen: Tickets, open_tickets: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Count the tickets that are open on the last day seen, by how long they have been."""
    cells = reduced.time_cells(seen.times, outcome="resolution").execute()
    found = measures.ages_of_open(cells, edges=AGE_EDGES)
    if not found["n"].sum():
        return CannotSay(_("No ticket is open on the last day seen."))
    return found


@needs()
def again(study: Study, seen: Tickets) -> Estimate | CannotSay:
    """Estimate which share of those who complained complain again on a later day within 90 days."""
    lacking = study.lacks_column("tickets", "customer_id")
    if lacking:
        return lacking
    cells = counted.recurrence_cells(seen.times, as_of=study.as_of).execute()
    fewest = study.params.satisfaction.min_answers
    n = int(cells["n_customers"].sum())
    found = (
        converted_by("complaint_recurrence", kaplan_meier(cells), time=AGAIN_DAYS) if n >= fewest else None
    )
    if found is None:
        watched = int(cells.loc[cells["duration"] >= AGAIN_DAYS, "n_customers"].sum())
        return CannotSay(
            sentence(
                "Who complains again within {days} days cannot be said: {n} customers complained, {watched} of them so "
                "long ago, and {fewest} are needed.",
                days=AGAIN_DAYS,
                n=n,
                watched=watched,
                fewest=fewest,
            )
        )
    return replace(found, segment={"days": str(AGAIN_DAYS)})


@needs()
def each(study: Study, seen: Tickets) -> pd.DataFrame | CannotSay:
    """Count customers by how many tickets they opened, and whose tickets these are."""
    lacking = study.lacks_column("tickets", "customer_id")
    if lacking:
        return lacking
    counts = counted.tickets_each(seen.times).execute()
    if counts.empty:
        return CannotSay(
            _("No ticket names a customer: who complains again cannot be said."),
            _("Map the column customer_id under data.tickets.columns."),
        )
    top = counts["n_tickets"].clip(upper=4)
    table = (
        counts.assign(n_tickets=top, tickets=counts["n_tickets"] * counts["n_customers"])
        .groupby("n_tickets", as_index=False)[["n_customers", "tickets"]]
        .sum()
    )
    return table.assign(
        customer_share=table["n_customers"] / table["n_customers"].sum(),
        ticket_share=table["tickets"] / table["tickets"].sum(),
    )


def curve_of(seen: Tickets, outcome: str, cells: pd.DataFrame) -> pd.DataFrame:
    """Estimate the share that still waits after each hour, with a band that knows of customers with several tickets."""
    return measures.widen_band(kaplan_meier(cells), effect=seen.effects[outcome])


def within(
    seen: Tickets, outcome: str, curve: pd.DataFrame, *, days: int, segment: Mapping[str, str] | None = None
) -> Estimate | None:
    """Return the share that is done within some days; None where no ticket has been watched for so long."""
    name = "resolution_within_7_days" if outcome == "resolution" else "answer_within_7_days"
    figure = name.replace("7_days", f"{days}_days")
    return converted_by(figure, curve, time=HOUR_DAY * days, segment=segment)


# --- looking ------------------------------------------------------------------------------------


def _waits(
    study: Study, times: ir.Table, outcome: str, checks: Mapping[str, int]
) -> pd.DataFrame | CannotSay:
    lacking = study.lacks_column("tickets", _COLUMNS[outcome])
    if lacking:
        return lacking
    if outcome == "resolution":
        never = _never_closed(study, checks)
        if never:
            return never
    cells = reduced.time_cells(times, outcome=outcome).execute()
    n, fewest = int(cells["n_customers"].sum()), study.params.satisfaction.min_answers
    if n < fewest:
        return CannotSay(
            sentence(
                "How long complaints wait cannot be said: there are {n} tickets whose times can be read, and {fewest} "
                "are needed (satisfaction.min_answers).",
                n=n,
                fewest=fewest,
            )
        )
    if not checks["n_answered"] and outcome == "answer":
        return CannotSay(
            sentence("Not one of the {n} tickets bears a date of its first answer.", n=checks["n"]),
            _("Map the column first_reply under data.tickets.columns."),
        )
    return cells


def _never_closed(study: Study, checks: Mapping[str, int]) -> CannotSay | None:
    if checks["n_closed"] or checks["n"] < study.params.satisfaction.min_answers:
        return None
    return CannotSay(
        sentence(
            "Not one of the {n} tickets is seen to be closed, so neither what is open nor how long it takes can be "
            "said.",
            n=checks["n"],
        ),
        _("Map the date of closing under data.tickets.columns.closed."),
    )


def _effect(study: Study, times: ir.Table, outcome: str) -> float:
    """How much one customer's tickets resemble each other in being done in time, over those old enough to tell."""
    hours = _RESEMBLE[outcome]
    old = times.filter(
        (times[outcome] != "backwards")
        & (times.opened <= ibis.date(study.as_of - timedelta(days=-(-hours // HOUR_DAY))))
    )
    is_done = (old[outcome] == "done") & (old[f"{outcome}_hours"] <= hours)
    rows = old.select("customer_id", score=ibis.ifelse(is_done, 1, 0), day=old.opened)
    sums = answer_sums(rows).execute()
    return design_effect(sums.iloc[0].to_dict()) if len(sums) else 1.0


def _statuses(study: Study) -> dict[str, int]:
    tickets = study.tables["tickets"]
    if "status" not in tickets.columns or "closed" not in tickets.columns:
        return {}
    words = measures.CLOSED_WORDS | measures.OPEN_WORDS | measures.UNSOLVED_WORDS
    return measures.status_conflicts(reduced.status_counts(tickets, as_of=study.as_of, words=words).execute())


def _place(study: Study) -> str | None:
    """The column of customers that says where they live, if tickets can be joined to it."""
    if "customers" not in study.tables or "customer_id" not in study.tables["tickets"].columns:
        return None
    wanted = study.params.segmentation.geography or _PLACES
    return next((name for name in wanted if name in study.tables["customers"].columns), None)


def _active(study: Study, starts: list[date]) -> dict[date, float] | None:
    """Active customers of each month, by purchases, else by contracts; None where neither is known."""
    if len(starts) < 2:
        return None
    if "transactions" in study.tables:
        log = study.tables["transactions"]
        counts = counted.active_by_month(log, starts=starts, n_months=ACTIVE_MONTHS).execute()
        first = pd.Timestamp(log.order_date.min().execute())
        # Of the first months it is not known who had bought before.
        known = first + pd.DateOffset(months=ACTIVE_MONTHS - 1)
        counts = counts[pd.to_datetime(counts["start"]) >= known.normalize().replace(day=1)]
    elif "contracts" in study.tables:
        counts = counted.contracts_by_month(study.tables["contracts"], starts=starts).execute()
    else:
        return None
    found = {
        pd.Timestamp(day).date(): float(n) for day, n in zip(counts["start"], counts["n_active"], strict=True)
    }
    # A hole would put months beside each other that are not.
    run = [start for start in starts[:-1] if start in found]
    return found if run and run == starts[-1 - len(run) : -1] else None


def _with_waits(
    study: Study, seen: Tickets, shares: pd.DataFrame, cells: pd.DataFrame, outcome: str
) -> tuple[pd.DataFrame, float]:
    """Add to each kind its share in time and its median, and test whether kinds differ."""
    fewest = study.params.satisfaction.min_answers
    sizes = cells.groupby("group")["n_customers"].sum()
    rated = [kind for kind in shares["kind"] if kind and sizes.get(kind, 0) >= fewest]
    found: dict[str, list[float]] = {"within": [], "within_low": [], "within_high": [], "median": []}
    for kind in shares["kind"]:
        share = median = None
        if kind in rated:
            curve = curve_of(seen, outcome, cells[cells["group"] == kind])
            share = within(seen, outcome, curve, days=HEADLINE_DAYS)
            median = median_duration("median", curve, unit="hours")
        for name, end in (("within", "value"), ("within_low", "low"), ("within_high", "high")):
            found[name].append(np.nan if share is None else getattr(share, end))
        found["median"].append(np.nan if median is None else median.value / HOUR_DAY)
    compared = cells[cells["group"].isin([kind for kind in rated if kind != MISSING])]
    return shares.assign(**found), _tested(seen, outcome, compared)


def _tested(seen: Tickets, outcome: str, cells: pd.DataFrame) -> float:
    if cells["group"].nunique() < 2:
        return float("nan")
    try:
        test = log_rank(cells, by="group")
    except ValueError:
        return float("nan")
    return chi_squared(test.statistic / seen.effects[outcome], test.df).p_value


def _with_place_rates(study: Study, seen: Tickets, table: pd.DataFrame) -> pd.DataFrame:
    """Add for places the complaints of a year per 1,000 customers, and whether they are more than elsewhere."""
    names = ["rate", "rate_low", "rate_high", "n_people", "rate_p"]
    table = table.assign(**dict.fromkeys(names, np.nan))
    if seen.place is None or not (table["attribute"] == "place").any():
        return table
    since = study.as_of - timedelta(days=PLACE_DAYS - 1)
    people = study.tables["customers"]
    if "transactions" in study.tables:
        log = study.tables["transactions"]
        recent = log.filter((log.kind == "purchase") & (log.order_date.date() >= ibis.date(since)))
        people = people.semi_join(recent, "customer_id")
    sums = counted.place_sums(people, seen.times, place=seen.place, since=since).execute()
    rates = measures.place_rates(sums)
    rates = rates[rates["n"] >= study.params.satisfaction.min_answers]
    rates = rates.assign(p=holm(rates["p_value"].to_numpy(float))).set_index("level")
    known = (table["attribute"] == "place") & table["kind"].isin(rates.index)
    for name, source in zip(names, ("rate", "low", "high", "n", "p"), strict=True):
        table.loc[known, name] = rates.loc[table.loc[known, "kind"], source].to_numpy(float)
    return table


def as_days(estimate: Estimate | None) -> Any:
    """Turn an estimate in hours into days; None stays."""
    if estimate is None:
        return None
    ends = [None if end is None else end / HOUR_DAY for end in (estimate.low, estimate.high)]
    return replace(estimate, value=estimate.value / HOUR_DAY, unit="days", low=ends[0], high=ends[1])
