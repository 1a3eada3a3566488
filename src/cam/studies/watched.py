"""Study 02, survival: which customers are watched, from when on, until what; by contracts, silence or a snapshot."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import date_text, named, sentence, together
from cam.language import translate as _
from cam.measures.lifecycle.stages import StageRules
from cam.measures.lifecycle.survival import kaplan_meier
from cam.reduce.behaviour import gap_cells, orders
from cam.reduce.durations import (
    contract_durations,
    duration_cells,
    second_purchase_durations,
    silence_durations,
    snapshot_durations,
)
from cam.reduce.profiles import attribute_columns
from cam.studies.stages import CROWDED
from cam.studies.study import Study, needs

MONTH_DAYS = 30.4375
#: Groups in one figure; a reader tells no more lines apart.
MOST_GROUPS = 7
#: Fewer customers make no group, and fewer who left no curve.
FEWEST = 30
#: Of those silent for so long that they count as lost, fewer come back.
_RETURN_CHANCE = 0.1
#: So many ends where none is seen: before, ends were not recorded (chance alone has that once in 20,000 times).
_MISSED_ENDS = 10
#: A month is 28 to 31 days, and both its ends are counted: a contract of three months has 90 to 93 days.
_SLACK_DAYS = 4.0
#: Tenures are completed months: whoever left in the thirteenth has twelve, and was still there after twelve.
_HALF_MONTH = 0.5
#: Before the names of attributes, within the engine: "duration" may be one.
PREFIX = "of_"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Watched:
    """Customers who were watched until something happened to them, or did not within the time seen.

    Attributes
    ----------
    basis : str
        ``second`` (the second purchase), or how leaving shows: ``contract``, ``purchases`` or ``snapshot``.
    durations : ibis.Table
        One row per customer: ``customer_id``, ``entry``, ``duration``, ``event_observed``.
    attributes : ibis.Table or None
        What is known of them, under names with a prefix.
    by : str or CannotSay
        The attribute that groups are made of.
    cells : DataFrame
        ``group``, ``entry``, ``duration``, ``event_observed``, ``n_customers``.
    notes : tuple of str
        What a reader must know of how they were watched.
    returned : Estimate or None
        Which share of those who count as lost came back.
    """

    basis: str
    durations: ir.Table
    attributes: ir.Table | None
    by: str | CannotSay
    cells: pd.DataFrame
    notes: tuple[str, ...]
    returned: Estimate | None = None

    @property
    def unit(self) -> str:
        """Of the times that a reader sees."""
        return "days" if self.basis == "second" else "months"

    @property
    def in_unit(self) -> float:
        """Of the cells' durations, how many make one such time."""
        return 1.0 if self.basis in ("second", "snapshot") else MONTH_DAYS

    def time(self, told: float) -> float:
        """Turn a time that a reader sees into one of the cells."""
        return told * self.in_unit + {"contract": _SLACK_DAYS, "snapshot": -_HALF_MONTH}.get(self.basis, 0.0)


Stays = Mapping[str, Watched | CannotSay]


@needs("transactions")
def second_purchase(study: Study) -> Watched | CannotSay:
    """Count the days from first to second purchase of every customer who was won within the data."""
    first, notes = _first_from(study)
    reduce = functools.partial(second_purchase_durations, as_of=study.as_of, first_from=first)
    durations = study.keep_reduced("survival_second", reduce)
    few = sentence("Fewer than {n} customers are known from their first purchase on.", n=FEWEST)
    found = _watched(study, "second", durations, notes)
    if found.cells["n_customers"].sum() < FEWEST:
        return CannotSay(together(few, *notes), _("Add older orders."))
    return found


def stays(study: Study, rules: StageRules | CannotSay | None = None) -> Stays:
    """Count how long customers stay, for each way in which leaving shows in this client's tables.

    With *rules*, customers count as lost after the silence that makes them lost as a stage of their life.
    """
    said: dict[str, Watched | CannotSay] = {}
    if "contracts" in study.tables:
        said["contract"] = _contracts(study)
    if "snapshot" in study.tables:
        said["snapshot"] = _snapshot(study)
    if "transactions" in study.tables:
        said["purchases"] = _purchases(study, rules)
    return said


def _contracts(study: Study) -> Watched | CannotSay:
    table = study.tables["contracts"]
    if not int(table.end_date.count().execute()):
        return CannotSay(
            sentence("No contract has an end, as in an export that holds running contracts only."),
            sentence("Export ended contracts too, each with its end_date."),
        )
    start, notes = _data_start(study, table)
    durations = study.engine.create_table(
        "survival_contract", contract_durations(table, as_of=study.as_of, data_start=start), overwrite=True
    )
    notes = [_("Contract: from its first day to its last; one that follows at once goes on with it."), *notes]
    return _enough(_watched(study, "contract", durations, notes))


def _snapshot(study: Study) -> Watched | CannotSay:
    missing = study.lacks_column("snapshot", "tenure_months")
    if missing:
        return missing
    note = _(
        "Snapshot: completed months. It is taken to hold all who ever left; if it holds only those who left lately, "
        "leaving early looks rarer than it is."
    )
    durations = study.engine.create_table(
        "survival_snapshot", snapshot_durations(study.tables["snapshot"]), overwrite=True
    )
    return _enough(_watched(study, "snapshot", durations, [note]))


def _purchases(study: Study, rules: StageRules | CannotSay | None) -> Watched | CannotSay:
    given = study.params.lifecycle.lost_months
    months = given or (rules.lost_months if isinstance(rules, StageRules) else None)
    if isinstance(rules, CannotSay) and not given:
        return rules
    days = round(months * MONTH_DAYS) if months else _lost_days(study)
    if days is None:
        return CannotSay(
            _(
                "From when on silent customers are lost cannot be said: too few gaps between purchases are seen."
            ),
            _("Set lifecycle.lost_months, or add older orders."),
        )
    first, notes = _first_from(study)
    reduce = functools.partial(
        silence_durations, as_of=study.as_of, lost_days=days, from_purchase=2, first_from=first
    )
    durations = study.keep_reduced(f"survival_purchases_{days}", reduce)
    rule = sentence(
        "Silence: from the second purchase to the last one before {days} days without any; nobody says good-bye, so "
        "this is inferred. Who bought once only is left to the second purchase.",
        days=days,
    )
    counted = durations.aggregate(
        lost=durations.event_observed.ifelse(1, 0).sum(), back=durations.has_returned.ifelse(1, 0).sum()
    ).execute()
    lost, back = (0 if pd.isna(n) else int(n) for n in counted.iloc[0])
    found = _watched(study, "purchases", durations, [rule, *notes])
    if lost:
        returned = proportion("churn_return_rate", back, lost, segment={"basis": "purchases"})
        wrong = sentence("Of those who counted as lost, {rate} bought again later.", rate=returned)
        found = replace(found, notes=(*found.notes, wrong), returned=returned)
    return _enough(found)


def _enough(found: Watched) -> Watched | CannotSay:
    left = int(found.cells.loc[found.cells["event_observed"], "n_customers"].sum())
    if left < FEWEST:
        return CannotSay(
            sentence(
                "How long customers stay cannot be said ({basis}): only {n} who left are seen, and {least} are needed. "
                "Hardly anybody leaves, or the data are too short to see it.",
                basis=named(found.basis),
                n=left,
                least=FEWEST,
            ),
            _("Add older rows; for purchases, a smaller lifecycle.lost_months shortens the wait."),
        )
    try:
        kaplan_meier(found.cells)
    except ValueError:
        return CannotSay(
            together(
                sentence(
                    "How long customers stay cannot be said ({basis}): too few are watched from their first day.",
                    basis=named(found.basis),
                ),
                *found.notes,
            ),
            _("Add the contracts that ended earlier."),
        )
    return found


def _watched(study: Study, basis: str, kept: ir.Table, notes: list[str]) -> Watched:
    source = study.tables.get("snapshot" if basis == "snapshot" else "customers")
    own = None
    if source is not None:
        own = attribute_columns(source, prefix=PREFIX)
        hidden = {PREFIX + name for name in ("churned", "tenure_months")} if basis == "snapshot" else set()
        own = own.drop("in_customers", *[name for name in own.columns if name in hidden])
    by = _compared_by(study, own, basis)
    if isinstance(by, CannotSay) or own is None:
        cells = duration_cells(kept).execute().assign(group="")
    else:
        groups = largest_levels(kept, own, by, n_levels=MOST_GROUPS)
        cells = duration_cells(kept, attributes=groups, columns=["group"]).execute()
        cells["group"] = cells["group"].fillna(UNKNOWN)
    return Watched(basis, kept, own, by, cells, tuple(notes))


def _compared_by(study: Study, own: ir.Table | None, basis: str) -> str | CannotSay:
    name = study.params.lifecycle.compare_by
    if own is not None:
        if PREFIX + (name or "acquisition_channel") in own.columns:
            return name or "acquisition_channel"
        if name is None:
            return CannotSay(
                _("Groups are not compared: no column acquisition_channel is known of these customers."),
                _("Name a column under lifecycle.compare_by."),
            )
    table = "snapshot" if basis == "snapshot" else "customers"
    return study.lacks_column(table, name or "acquisition_channel") or study.lacks(table)  # type: ignore[return-value]


def largest_levels(people: ir.Table, own: ir.Table, name: str, *, n_levels: int) -> ir.Table:
    """Give every customer his or her level of an attribute; empty where it is not among the largest."""
    # Whole numbers among such as had missing values: 3, not 3.0.
    level = own[PREFIX + name].cast("string").re_replace(r"\.0$", "")
    joined = (
        people.select("customer_id")
        .distinct()
        .inner_join(own.select("customer_id", group=level), "customer_id")
    )
    sizes = joined.filter(joined.group.notnull()).group_by("group").aggregate(n=lambda table: table.count())
    sizes = sizes.order_by([ibis.desc("n"), "group"]).limit(n_levels)
    large = joined.left_join(sizes.select(large="group"), joined.group == sizes.select(large="group").large)
    known = large.group.isnull() | large.large.notnull()
    return large.select("customer_id", group=ibis.ifelse(known, large.group, ""))


def _first_from(study: Study) -> tuple[date | None, list[str]]:
    """Notice a history that starts before the data do; then only those who were won later are followed."""
    people = study.summary(study.as_of)
    months = people.group_by(month=people.first_date.truncate("M")).aggregate(n=people.count())
    sizes = months.order_by("month").execute()
    if len(sizes) < 2 or sizes["n"].iloc[0] < CROWDED * sizes["n"].iloc[1:].max():
        return None, []
    first = (pd.Timestamp(sizes["month"].iloc[0]) + pd.offsets.MonthBegin(1)).date()
    note = sentence(
        "Only the {n} customers whose first purchase in the data is on {day} or later are followed: the first month "
        "holds {all}, most of whom bought before the data start.",
        n=int(sizes["n"].iloc[1:].sum()),
        day=date_text(first),
        all=int(sizes["n"].iloc[0]),
    )
    return first, [note]


def _data_start(study: Study, contracts: ir.Table) -> tuple[date | None, list[str]]:
    """Notice that ends were not recorded from the start: then contracts count only from the day they were."""
    begin, end = contracts.start_date.cast("date"), contracts.end_date.cast("date")
    first = contracts.filter(end <= ibis.date(study.as_of)).end_date.cast("date").min().execute()
    if pd.isna(first):
        return None, []
    day = pd.Timestamp(first).date()
    until = ibis.coalesce(ibis.least(end, ibis.date(study.as_of)), ibis.date(study.as_of))
    days = until.delta(begin, unit="day")
    before = ibis.greatest(ibis.date(day).delta(begin, unit="day"), 0)
    seen = contracts.filter(begin <= ibis.date(study.as_of))
    sums = seen.aggregate(
        all=days.sum(), before=before.sum(), ends=(end <= ibis.date(study.as_of)).ifelse(1, 0).sum()
    )
    row = sums.execute().iloc[0]
    after = float(row["all"]) - float(row["before"])
    if after <= 0 or float(row["ends"]) / after * float(row["before"]) < _MISSED_ENDS:
        return None, []
    start = day + timedelta(days=1)
    note = sentence(
        "Ends are recorded from {day} on only: a contract that began before is counted from then on, at the age that "
        "it had (left truncation).",
        day=date_text(start),
    )
    return start, [note]


def _lost_days(study: Study) -> int | None:
    """Return the first silence after which fewer than a tenth still come back within what is seen."""
    bought = orders(study.tables["transactions"], as_of=study.as_of)
    gaps = gap_cells(bought, as_of=study.as_of, n_parts=1).execute()
    if gaps["is_closed"].mul(gaps["n"]).sum() < FEWEST:
        return None
    table = pd.DataFrame(
        {"duration": gaps["days"], "event_observed": gaps["is_closed"] == 1, "n_customers": gaps["n"]}
    )
    curve = kaplan_meier(table)
    curve = curve[curve["n_at_risk"] >= FEWEST]
    open_still = curve["survival"].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.where(open_still > 0, 1 - open_still[-1] / open_still, 0.0)
    return int(curve["time"].to_numpy()[np.argmax(chance < _RETURN_CHANCE)])
