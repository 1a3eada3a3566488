"""Study 02, survival: how soon customers buy again, how long they stay, and which groups stay longer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import date_text, named, sentence, together, value_text
from cam.language import translate as _
from cam.measures.lifecycle.stages import StageRules
from cam.measures.lifecycle.survival import (
    ChiSquared,
    kaplan_meier,
    log_rank,
    median_duration,
    numbers_at_risk,
    quantile_limits,
    restricted_mean,
    survival_at,
)
from cam.reduce.behaviour import gap_cells, orders
from cam.reduce.durations import (
    contract_durations,
    duration_cells,
    second_purchase_durations,
    silence_durations,
    snapshot_durations,
)
from cam.reduce.profiles import attribute_columns
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, needs

MONTH_DAYS = 30.4375
#: After which the share who have bought again is told, and the share who are still there.
AGAIN_DAYS, STAY_MONTHS = (30, 90, 180, 365), (3, 6, 12, 24)
#: Months over which a mean stay is taken.
MEAN_MONTHS = 12
#: Groups in one figure; a reader tells no more lines apart.
MOST_GROUPS = 6
#: Fewer customers make no group, and fewer who left no curve.
FEWEST = 30
#: Of those silent for so long that they count as lost, fewer come back.
_RETURN_CHANCE = 0.1
#: A first month with so many times the customers of any later one holds old customers who look new.
_CROWDED = 3
#: So many ends where none is seen: before, ends were not recorded (chance alone has that once in 20,000 times).
_MISSED_ENDS = 10
#: A month is 28 to 31 days, and both its ends are counted: a contract of three months has 90 to 93 days.
_SLACK_DAYS = 4.0
_SIGNIFICANT = 0.05
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
        return told * self.in_unit + (_SLACK_DAYS if self.basis == "contract" else 0.0)


Stays = Mapping[str, Watched | CannotSay]


@needs("transactions")
def second_purchase(study: Study) -> Watched | CannotSay:
    """Count the days from first to second purchase of every customer who was won within the data."""
    first, notes = _first_from(study)
    durations = second_purchase_durations(study.tables["transactions"], as_of=study.as_of, first_from=first)
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


def main_stay(study: Study, ways: Stays) -> Watched | CannotSay:
    """Pick the way in which most customers were watched; where two watch as many, that which sees and does not infer."""
    found = [way for way in ways.values() if isinstance(way, Watched)]
    if found:
        return max(found, key=lambda way: int(way.cells["n_customers"].sum()))
    unsaid = [way for way in ways.values() if isinstance(way, CannotSay)]
    return (
        unsaid[0]
        if unsaid
        else CannotSay(
            _("How long customers stay cannot be said without transactions, contracts or a snapshot."),
            _("Add one of them under data; params/template.yaml shows their columns."),
        )
    )


def show_stays(study: Study, ways: Stays) -> ShownTable | CannotSay:
    """Show for each way of leaving which share is still there after some months, the median and the mean stay."""
    watched = [way for way in ways.values() if isinstance(way, Watched)]
    unsaid = [way for way in ways.values() if isinstance(way, CannotSay)]
    if not watched:
        return main_stay(study, ways)  # type: ignore[return-value]
    rows = [_row(way, named(way.basis), kaplan_meier(way.cells)) for way in watched]
    notes = [note for way in watched for note in way.notes]
    notes += [together(each.reason, each.cure) for each in unsaid]
    return _shown(rows, watched[0], "What shows it", notes, "How long do customers stay?")


@needs()
def curves(study: Study, watched: Watched) -> pd.DataFrame:
    """Estimate the curve of all customers together, and of each group, as far as enough are at risk."""
    named_curves = {"": watched.cells, **_groups(watched)}
    parts = []
    for name, cells in named_curves.items():
        curve = kaplan_meier(cells)
        # Beyond, single customers make the curve jump.
        curve = curve[(curve["n_at_risk"] >= FEWEST) | (curve.index == 0)]
        parts.append(curve.assign(group=name, told=curve["time"] / watched.in_unit))
    return pd.concat(parts, ignore_index=True)


@needs()
def at_risk(study: Study, watched: Watched) -> pd.DataFrame:
    """Count who is at risk at the times that stand under the figure."""
    told = [0, *(AGAIN_DAYS if watched.basis == "second" else STAY_MONTHS)]
    rows = [
        (name, at, n)
        for name, cells in {"": watched.cells, **_groups(watched)}.items()
        for at, n in zip(
            told, numbers_at_risk(cells, times=[at * watched.in_unit for at in told]), strict=True
        )
    ]
    return pd.DataFrame(rows, columns=["group", "told", "n_at_risk"])


@needs()
def show_groups(study: Study, watched: Watched) -> ShownTable | CannotSay:
    """Show all customers and each group: the shares after some time, the median, and whether groups differ."""
    rows = [_row(watched, _("All customers"), kaplan_meier(watched.cells))]
    rows += [_row(watched, _(name), kaplan_meier(cells)) for name, cells in _groups(watched).items()]
    notes = [*watched.notes, *_group_notes(watched)]
    caption = (
        "Who has bought again, by when?"
        if watched.basis == "second"
        else "Who is still there, after how long?"
    )
    return _shown(rows, watched, "Customers", notes, caption)


def compare(watched: Watched) -> ChiSquared | CannotSay:
    """Test whether the groups differ by more than chance."""
    if isinstance(watched.by, CannotSay):
        return watched.by
    groups = _groups(watched)
    if len(groups) < 2:
        return CannotSay(
            sentence(
                "{column} makes no two groups of {n} customers or more: there is nothing to compare.",
                column=named(watched.by),
                n=FEWEST,
            ),
            _("Name another column under lifecycle.compare_by."),
        )
    try:
        return log_rank(pd.concat(groups.values()), by="group")
    except ValueError:
        return CannotSay(_("No two groups were at risk together when anybody left: they cannot be compared."))


def findings(study: Study, second: Watched | CannotSay, stay: Watched | CannotSay) -> list[str | CannotSay]:
    """Say how soon the second purchase comes and how long customers stay, and what to do."""
    return [
        second if isinstance(second, CannotSay) else _second_words(second),
        stay if isinstance(stay, CannotSay) else _stay_words(stay),
    ]


def key_figures(study: Study, second: Watched | CannotSay, ways: Stays) -> list[Estimate | CannotSay]:
    """List the rates of the second purchase, of survival, medians, and the tests between groups."""
    figures: list[Estimate | CannotSay] = []
    if isinstance(second, CannotSay):
        figures.append(second)
    else:
        for name, cells in {"": second.cells, **_groups(second)}.items():
            curve = kaplan_meier(cells)
            figures += [_again(curve, days, _segment(second, name)) for days in AGAIN_DAYS]
    for way in ways.values():
        if isinstance(way, CannotSay):
            figures.append(way)
            continue
        for name, cells in {"": way.cells, **_groups(way)}.items():
            curve, segment = kaplan_meier(cells), {"basis": way.basis} | _segment(way, name)
            figures += [_still(way, curve, months, segment) for months in STAY_MONTHS]
            figures.append(_median(way, curve, "median_lifetime_months", segment))
    for one in (second, *ways.values()):
        if isinstance(one, Watched) and isinstance(test := compare(one), ChiSquared):
            n = int(sum(cells["n_customers"].sum() for cells in _groups(one).values()))
            segment = {"basis": one.basis, "attribute": str(one.by)}
            figures.append(Estimate("log_rank_p", test.p_value, "ratio", n, segment=segment))
    return [figure for figure in figures if figure is not None]


# --- who is watched -----------------------------------------------------------------------------


def _contracts(study: Study) -> Watched | CannotSay:
    table = study.tables["contracts"]
    if not int(table.end_date.count().execute()):
        return CannotSay(
            sentence("No contract has an end, as in an export that holds running contracts only."),
            sentence("Export ended contracts too, each with its end_date."),
        )
    start, notes = _data_start(study, table)
    durations = contract_durations(table, as_of=study.as_of, data_start=start)
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
    return _enough(_watched(study, "snapshot", snapshot_durations(study.tables["snapshot"]), [note]))


def _purchases(study: Study, rules: StageRules | CannotSay | None) -> Watched | CannotSay:
    log = study.tables["transactions"]
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
    durations = silence_durations(log, as_of=study.as_of, lost_days=days, from_purchase=2, first_from=first)
    rule = sentence(
        "Silence: from the second purchase to the last one before {days} days without any; nobody says good-bye, so this "
        "is inferred. Who bought once only is left to the second purchase.",
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


def _watched(study: Study, basis: str, durations: ir.Table, notes: list[str]) -> Watched:
    kept = study.engine.create_table(f"survival_{basis}", durations, overwrite=True)
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
    level = own[PREFIX + name].cast("string")
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
    log = study.tables["transactions"]
    day = log.order_date.date()
    bought = log.filter((log.kind == "purchase") & (day <= ibis.date(study.as_of)))
    firsts = bought.group_by("customer_id").aggregate(day=bought.order_date.date().min())
    months = firsts.group_by(month=firsts.day.truncate("M")).aggregate(n=lambda table: table.count())
    sizes = months.order_by("month").execute()
    if len(sizes) < 2 or sizes["n"].iloc[0] < _CROWDED * sizes["n"].iloc[1:].max():
        return None, []
    first = (pd.Timestamp(sizes["month"].iloc[0]) + pd.offsets.MonthBegin(1)).date()
    note = sentence(
        "Only the {n} customers whose first purchase in the data is on {day} or later are followed: the first month holds "
        "{all}, most of whom bought before the data start.",
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
        "Ends are recorded from {day} on only: a contract that began before is counted from then on, at the age that it "
        "had (left truncation).",
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


# --- what is told -------------------------------------------------------------------------------


def _groups(watched: Watched) -> dict[str, pd.DataFrame]:
    """Cells of each group that is large enough, the largest first; who is unknown or of a small group is in none."""
    if isinstance(watched.by, CannotSay):
        return {}
    sizes = watched.cells.groupby("group")["n_customers"].sum().drop(["", UNKNOWN], errors="ignore")
    sizes = sizes[sizes >= FEWEST].sort_values(ascending=False, kind="stable")
    found = {str(name): watched.cells[watched.cells["group"] == name] for name in sizes.index}
    return {name: cells for name, cells in found.items() if _has_curve(cells)}


def _has_curve(cells: pd.DataFrame) -> bool:
    try:
        kaplan_meier(cells)
    except ValueError:
        return False
    return True


def _group_notes(watched: Watched) -> list[str]:
    test = compare(watched)
    if isinstance(test, CannotSay):
        return [together(test.reason, test.cure)]
    groups = _groups(watched)
    words = (
        "{column}: the groups differ by more than chance (log-rank test, p {p})."
        if test.p_value < _SIGNIFICANT
        else "{column}: the groups do not differ by more than chance (log-rank test, p {p})."
    )
    notes = [sentence(words, column=named(str(watched.by)), p=p_text(test.p_value))]
    inside = sum(int(cells["n_customers"].sum()) for cells in groups.values())
    unknown = int(watched.cells.loc[watched.cells["group"] == UNKNOWN, "n_customers"].sum())
    small = int(watched.cells["n_customers"].sum()) - inside - unknown
    if unknown:
        notes.append(sentence("Of {n} customers the group is not known.", n=unknown))
    if small:
        notes.append(
            sentence(
                "{n} customers of other groups count among all; the {k} largest are shown.",
                n=small,
                k=len(groups),
            )
        )
    return notes


def p_text(p: float) -> str:
    """Write a p-value for a sentence."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _shown(
    rows: list[dict[str, Any]], watched: Watched, label: str, notes: list[str], caption: str
) -> ShownTable | CannotSay:
    is_second = watched.basis == "second"
    times = AGAIN_DAYS if is_second else STAY_MONTHS
    frame = pd.DataFrame(rows)
    columns = [
        Col("name", label),
        Col("n", "n", "count"),
        Col("left", "bought again" if is_second else "left", "count"),
    ]
    words = "within {n} days" if is_second else "after {n} months"
    columns += [
        Col(f"at_{at}", sentence(words, n=at), "share", f"at_{at}_low", f"at_{at}_high")
        for at in times
        if frame[f"at_{at}"].notna().any()
    ]
    columns.append(Col("median", "Median"))
    if not is_second and frame["mean"].notna().any():
        columns.append(
            Col("mean", sentence("Mean within {n} months", n=MEAN_MONTHS), "months", "mean_low", "mean_high")
        )
    return show_table(frame, columns, caption=caption, notes=notes)


def _row(watched: Watched, name: str, curve: pd.DataFrame) -> dict[str, Any]:
    events = int(curve["n_events"].sum())
    row: dict[str, Any] = {"name": name, "n": events + int(curve["n_censored"].sum()), "left": events}
    for at in AGAIN_DAYS if watched.basis == "second" else STAY_MONTHS:
        found = _again(curve, at, {}) if watched.basis == "second" else _still(watched, curve, at, {})
        for end in ("", "_low", "_high"):
            row[f"at_{at}{end}"] = np.nan if found is None else getattr(found, end[1:] or "value")
    row["median"] = _median_text(watched, curve)
    mean = restricted_mean("restricted_mean", curve, until=MEAN_MONTHS * watched.in_unit)
    for end in ("", "_low", "_high"):
        value = np.nan if mean is None else getattr(mean, end[1:] or "value")
        row[f"mean{end}"] = value / watched.in_unit
    return row


def _again(curve: pd.DataFrame, days: int, segment: Mapping[str, str]) -> Estimate | None:
    """Return the share who have bought again by then: what the curve has lost."""
    stayed = survival_at("second_purchase_rate", curve, time=days)
    if stayed is None or stayed.low is None or stayed.high is None:
        return None
    return replace(
        stayed,
        value=1 - stayed.value,
        low=1 - stayed.high,
        high=1 - stayed.low,
        segment={**segment, "days": str(days)},
    )


def _still(watched: Watched, curve: pd.DataFrame, months: int, segment: Mapping[str, str]) -> Estimate | None:
    found = survival_at("survival_rate", curve, time=watched.time(months))
    return None if found is None else replace(found, segment={**segment, "months": str(months)})


def _median(
    watched: Watched, curve: pd.DataFrame, figure: str, segment: Mapping[str, str]
) -> Estimate | None:
    found = median_duration(figure, curve, unit=watched.unit, segment=segment)
    if found is None:
        return None
    low, high = (None if limit is None else limit / watched.in_unit for limit in (found.low, found.high))
    return replace(found, value=found.value / watched.in_unit, low=low, high=high)


def _median_text(watched: Watched, curve: pd.DataFrame) -> str:
    """Write the median with its limits, or that half have not left yet."""
    value, low, high = quantile_limits(curve)
    told = [
        None if each is None else value_text(each / watched.in_unit, watched.unit)
        for each in (value, low, high)
    ]
    if told[0] is None:
        longest = value_text(float(curve["time"].iloc[-1]) / watched.in_unit, watched.unit)
        return sentence("not reached within {longest}", longest=longest)
    if told[1] is None or told[2] is None:
        return str(told[0])
    return sentence("{median} ({low} to {high})", median=told[0], low=told[1], high=told[2])


def _segment(watched: Watched, name: str) -> dict[str, str]:
    return {str(watched.by): name} if name else {}


def _second_words(second: Watched) -> str | CannotSay:
    curve = kaplan_meier(second.cells)
    found = {days: _again(curve, days, {}) for days in AGAIN_DAYS}
    told = {days: rate for days, rate in found.items() if rate is not None}
    if len(told) < 2:
        return CannotSay(
            _("How soon the second purchase comes cannot be said yet: the customers are too young."),
            _("Run the report again in some months."),
        )
    soon, late = (90, max(told)) if max(told) > 90 else (min(told), max(told))
    half = quantile_limits(curve, share=told[late].value / 2)[0]
    said = sentence(
        "{soon} of new customers buy again within {days} days, {late.short} within {all} days; half of these have done so "
        "by day {half}. Whoever has not by then is worth a reminder at once: the longer the silence, the fewer return.",
        soon=told[soon],
        days=soon,
        late=told[late],
        all=late,
        half=int(half or 0),
    )
    return together(said, _extremes(second, soon))


def _extremes(watched: Watched, at: int) -> str:
    """Name the groups that come back most and least, or stay most and least, where they differ."""
    test = compare(watched)
    if isinstance(test, CannotSay) or test.p_value >= _SIGNIFICANT:
        return ""
    rates = {}
    for name, cells in _groups(watched).items():
        curve = kaplan_meier(cells)
        rate = _again(curve, at, {}) if watched.basis == "second" else _still(watched, curve, at, {})
        if rate is not None:
            rates[name] = rate
    if len(rates) < 2:
        return ""
    most, least = (pick(rates, key=lambda name: rates[name].value) for pick in (max, min))
    words = "By {column}, {most} leads with {high} and {least} comes last with {low}."
    return sentence(
        words,
        column=named(str(watched.by)).lower(),
        most=_(most),
        high=rates[most],
        least=_(least),
        low=rates[least],
    )


def _stay_words(stay: Watched) -> str | CannotSay:
    curve = kaplan_meier(stay.cells)
    told = {at: rate for at in STAY_MONTHS if (rate := _still(stay, curve, at, {})) is not None}
    if not told:
        return CannotSay(
            _("How long customers stay cannot be said yet: nobody has been watched for three months."),
            _("Run the report again in some months."),
        )
    at = 12 if 12 in told else max(told)
    starts = {
        "contract": "{rate} of contracts still run after {months} months; median: {median}.",
        "snapshot": "{rate} of customers are still there after {months} months; median: {median}.",
        "purchases": "{rate} of repeat customers still buy {months} months after their second purchase; median: {median}.",
    }
    said = sentence(starts[stay.basis], rate=told[at], months=at, median=_median_text(stay, curve))
    first = min(told)
    lost_early, lost_by = 1 - told[first].value, 1 - told[at].value
    advice = ""
    if at > first and lost_early > lost_by / 2:
        advice = sentence(
            "More than half of that loss falls in the first {first} months: care for the newest customers.",
            first=first,
        )
    return together(said, advice, _extremes(stay, at))
