"""Study 02, the funnel: how many leads become customers, by stage and channel; how soon; and who is a prospect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import sentence, together, value_text
from cam.language import translate as _
from cam.measures.lifecycle.funnel import (
    conversion_time,
    conversion_trend,
    converted_by,
    funnel_steps,
    is_settled,
    monthly_conversion,
)
from cam.measures.lifecycle.survival import ChiSquared, kaplan_meier, log_rank
from cam.reduce.funnel import standing_cells
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.funnel_leads import FOLLOWED, Leads
from cam.studies.funnel_leads import leads as leads
from cam.studies.study import Study, needs
from cam.studies.survival import p_text
from cam.studies.watched import FEWEST, UNKNOWN

#: Days after which the share of leads who have become customers is told; the middle one by month too.
WITHIN_DAYS, MONTH_RATE_DAYS = (7, 30, 90), 30
#: So many of the conversions come within the days that make a lead a prospect.
PROSPECT_SHARE = 0.95
#: Steps that a table has room for, each with its interval.
MOST_STEPS = 5
_SIGNIFICANT = 0.05


@needs()
def show_stages(study: Study, found: Leads) -> ShownTable | CannotSay:
    """Show which share of leads went from each stage to the next, and to the end, overall and by channel."""
    tables = {_("All leads"): _steps(found, _counted(found)), **_channel_steps(found)}
    last = len(found.stages) - 1
    if last > MOST_STEPS:
        return _long_table(found, tables[_("All leads")])
    rows = []
    for name, steps in tables.items():
        row: dict[str, Any] = {"name": name, "n": steps["n_reached"].iloc[0]}
        for step in steps.iloc[1:].to_dict("records"):
            row |= {f"{key}_{step['place']}": step[key] for key in ("step", "step_low", "step_high")}
        rows.append(row | {key: steps[key].iloc[-1] for key in ("share", "low", "high")})
    columns = [Col("name", "Leads"), Col("n", "n", "count")]
    for place in range(1, last + 1):
        limits = (f"step_low_{place}", f"step_high_{place}")
        words = sentence("to {stage}", stage=_(found.stages[place]))
        columns.append(Col(f"step_{place}", words, "share", *limits, may_be_empty=True))
    notes = []
    if last > 1:
        columns.append(Col("share", "of all leads", "share", "low", "high"))
        notes.append(_("Each step: of the leads that had reached the stage before."))
        notes.append(_("A lead counts as having reached every stage up to its furthest."))
    notes += [*_stage_notes(found), *found.notes]
    return show_table(pd.DataFrame(rows), columns, caption="How far do leads come?", notes=notes)


@needs()
def curves(study: Study, found: Leads) -> pd.DataFrame | CannotSay:
    """Estimate which share of leads have become customers by each day, overall and by channel."""
    if isinstance(found.cells, CannotSay):
        return found.cells
    everybody = kaplan_meier(found.cells)
    end = _horizon(everybody)
    if end <= 0:
        return CannotSay(
            _("How soon leads become customers cannot be drawn: none has been seen for a day."),
            _("Run the report again next month."),
        )
    slow = conversion_time("days", everybody, until=end, share=PROSPECT_SHARE)
    shown = min(end, max(WITHIN_DAYS[0], math.ceil(1.5 * slow.value)) if slow else MONTH_RATE_DAYS)
    parts = []
    for name, cells in {"": found.cells, **_groups(found.cells)}.items():
        curve = kaplan_meier(cells)
        if curve["time"].iloc[0] > 0:
            curve = pd.concat([pd.DataFrame({"time": [0.0]}), curve])
        curve = curve[(curve["time"] <= shown) & ((curve["n_at_risk"] >= FEWEST) | (curve["time"] == 0))]
        shares = {"share": 1 - curve["survival"], "low": 1 - curve["high"], "high": 1 - curve["low"]}
        parts.append(
            curve[["time", "n_at_risk"]].assign(group=name, n_leads=int(cells["n_customers"].sum()), **shares)
        )
    return pd.concat(parts, ignore_index=True).assign(until=shown)


@needs()
def show_times(study: Study, found: Leads) -> ShownTable | CannotSay:
    """Show which share of leads become customers within some days, and how long those take who do."""
    if isinstance(found.cells, CannotSay):
        return found.cells
    rows, notes = [], []
    for name, cells in {_("All leads"): found.cells, **_groups(found.cells)}.items():
        curve = kaplan_meier(cells)
        row: dict[str, Any] = {
            "name": name,
            "n": int(cells["n_customers"].sum()),
            "won": int(curve["n_events"].sum()),
        }
        told = {f"in_{days}": converted_by("rate", curve, time=days) for days in WITHIN_DAYS}
        for key, estimate in (told | {"half": _half(curve)}).items():
            for limit in ("value", "low", "high"):
                row[f"{key}_{limit}"] = np.nan if estimate is None else getattr(estimate, limit)
        rows.append(row)
    frame = pd.DataFrame(rows)
    columns = [Col("name", "Leads"), Col("n", "n", "count"), Col("won", "became customers", "count")]
    for days in WITHIN_DAYS:
        if frame[f"in_{days}_value"].notna().any():
            words = sentence("within {n} days", n=days)
            columns.append(
                Col(
                    f"in_{days}_value", words, "share", f"in_{days}_low", f"in_{days}_high", may_be_empty=True
                )
            )
    if frame["half_value"].notna().any():
        columns.append(
            Col("half_value", "half of these within", "days", "half_low", "half_high", may_be_empty=True)
        )
        notes.append(
            _(
                "Half of these: of the leads that ever become customers, said where the curve has come to rest."
            )
        )
    if not is_settled(curve := kaplan_meier(found.cells), until=_horizon(curve)) and curve["n_events"].sum():
        notes.append(
            _(
                "The curve still rises at its end: how long it takes those who ever convert cannot be said yet."
            )
        )
    notes.append(_("Leads that have been seen for less time count for as long as they were (Kaplan-Meier)."))
    test = compare(found)
    notes.append(together(test.reason, test.cure) if isinstance(test, CannotSay) else _test_words(test))
    return show_table(frame, columns, caption="How soon do leads become customers?", notes=notes)


def compare(found: Leads) -> ChiSquared | CannotSay:
    """Test whether channels differ in how soon leads become customers by more than chance."""
    if isinstance(found.cells, CannotSay):
        return found.cells
    groups = _groups(found.cells)
    if len(groups) < 2:
        return CannotSay(sentence("No two channels have {n} leads or more: they are not compared.", n=FEWEST))
    try:
        return log_rank(pd.concat(groups.values()), by="group")
    except ValueError:
        return CannotSay(_("No lead of these channels became a customer: they cannot be compared."))


@needs()
def months(study: Study, found: Leads) -> pd.DataFrame | CannotSay:
    """Work out for each month of creation which share of leads became customers soon."""
    if isinstance(found.cells, CannotSay):
        return found.cells
    table = monthly_conversion(found.cells, as_of=study.as_of, days=MONTH_RATE_DAYS)
    if not table["is_complete"].any():
        return CannotSay(
            sentence("No month of leads has been seen for {n} days yet.", n=MONTH_RATE_DAYS),
            _("Run the report again next month."),
        )
    return table


def trend(table: pd.DataFrame | CannotSay) -> Estimate | None:
    """Say by how many points later months convert better or worse than earlier ones."""
    return None if isinstance(table, CannotSay) else conversion_trend("lead_conversion_trend", table)


@needs()
def standing(study: Study, found: Leads) -> pd.DataFrame | CannotSay:
    """Count today's prospects, the leads that have gone cold, those that were lost, and all others."""
    limit = prospect_days(found)
    if isinstance(limit, CannotSay):
        return limit
    table = standing_cells(found.rows, prospect_days=int(limit.value)).execute()
    kinds = found.counts.drop_duplicates("stage").set_index("stage")["kind"]
    kind = table["stage"].map(kinds)
    is_open = table["status"] == "open"
    where = np.select(
        [
            table["status"] == "bought",
            (table["status"] == "unbought") | (is_open & (kind == "won")),
            is_open & (kind == "lost"),
            is_open & table["is_young"],
            is_open,
        ],
        ["customers", "unbought", "lost", "prospects", "cold"],
        table["status"].to_numpy(object),
    )
    sums = table.groupby(where)["n_leads"].sum()
    always = ("customers", "prospects", "cold")
    wanted = [name for name in _WHERE if name in always or name in sums.index]
    n = sums.reindex(wanted, fill_value=0).astype(int)
    return pd.DataFrame({"where": wanted, "n_leads": n.to_numpy(), "share": n.to_numpy() / n.sum()})


@needs()
def show_standing(study: Study, found: Leads) -> ShownTable | CannotSay:
    """Show where leads stand today: every lead is in one row."""
    table, limit = standing(study, found), prospect_days(found)
    if isinstance(table, CannotSay) or isinstance(limit, CannotSay):
        return table if isinstance(table, CannotSay) else limit  # type: ignore[return-value]
    note = sentence(
        "Prospect: no purchase yet, and not older than {limit}, within which {share} of those who convert have done "
        "so. An older lead is cold: a few still buy.",
        limit=limit,
        share=value_text(PROSPECT_SHARE, "share").replace(".0", ""),
    )
    shown = table.assign(name=table["where"].map(_WHERE))
    columns = [
        Col("name", "On the last day seen"),
        Col("n_leads", "Leads", "count"),
        Col("share", "Share", "share"),
    ]
    return show_table(shown, columns, caption="Where do leads stand?", notes=[note])


def prospect_days(found: Leads) -> Estimate | CannotSay:
    """Derive the age up to which a lead without a purchase is a prospect: most conversions have come by then."""
    if isinstance(found.cells, CannotSay):
        return found.cells
    curve = kaplan_meier(found.cells)
    limit = conversion_time("prospect_days", curve, until=_horizon(curve), share=PROSPECT_SHARE)
    n = int(curve["n_events"].sum())
    if n < FEWEST or limit is None:
        return CannotSay(
            sentence(
                "Until when a lead is a prospect cannot be said: {n} leads became customers, and {least} are needed.",
                n=n,
                least=FEWEST,
            ),
            _("Add older leads, and orders from the time of the leads."),
        )
    return limit


def findings(study: Study, found: Leads | CannotSay) -> list[str | CannotSay]:
    """Say how many leads become customers and how soon, where most are lost, and whether later months do better."""
    if isinstance(found, CannotSay):
        return [found]
    said: list[str | CannotSay] = []
    said.append(found.cells if isinstance(found.cells, CannotSay) else _soon_words(study, found))
    said += [words for words in (_narrow_words(found), _trend_words(trend(months(study, found)))) if words]
    return said


def key_figures(study: Study, found: Leads | CannotSay) -> list[Estimate | CannotSay]:
    """List conversion by step and channel, the share within a month, the median wait, prospects and the trend."""
    if isinstance(found, CannotSay):
        return [found]
    figures: list[Estimate | CannotSay | None] = []
    for name, steps in {"": _steps(found, _counted(found)), **_channel_steps(found)}.items():
        figures += _step_figures(found, steps, {"channel": name} if name else {})
    if isinstance(found.cells, CannotSay):
        return [*(each for each in figures if each is not None), found.cells]
    for name, cells in {"": found.cells, **_groups(found.cells)}.items():
        curve, segment = kaplan_meier(cells), {"channel": name} if name else {}
        figures.append(converted_by("converted_30_days", curve, time=MONTH_RATE_DAYS, segment=segment))
        figures.append(_half(curve, segment))
    table = standing(study, found)
    if isinstance(table, CannotSay):
        figures.append(table)
    else:
        n = int(table.loc[table["where"] == "prospects", "n_leads"].sum())
        figures.append(Estimate("n_prospects", n, "count", int(table["n_leads"].sum())))
    test = compare(found)
    if isinstance(test, ChiSquared):
        n = int(sum(cells["n_customers"].sum() for cells in _groups(found.cells).values()))
        segment = {"basis": "leads", "attribute": "channel"}
        figures.append(Estimate("log_rank_p", test.p_value, "ratio", n, segment=segment))
    figures.append(trend(months(study, found)))
    return [figure for figure in figures if figure is not None]


#: Rows of the table of leads, in this order: name in the code, words for a reader.
_WHERE = {
    "customers": "Customers: bought on the lead's day or later",
    "prospects": "Prospects",
    "cold": "Cold: older, without a purchase",
    "lost": "Lost, by the stage",
    "unbought": "Won in the leads, but without a purchase in the data",
    "earlier": "Had bought before the lead came in",
    "again": "Further leads of the same customer",
    "before": "From before the first order in the data",
}


def _stage_notes(found: Leads) -> list[str]:
    followed = _counted(found)
    unknown = followed[followed["place"].isna()]
    n = int(unknown["n_leads"].sum())
    notes = []
    if n and len(found.stages) > 2:
        lost = int(unknown.loc[unknown["kind"] == "lost", "n_leads"].sum())
        notes.append(
            sentence(
                "{n} leads show no furthest stage ({lost} lost, {empty} without a stage): the intervals hold whatever "
                "stage they had reached.",
                n=n,
                lost=lost,
                empty=n - lost,
            )
        )
    small = followed.groupby("group")["n_leads"].sum()
    left = int(small.drop([*_large(small).index, UNKNOWN], errors="ignore").sum())
    if left and len(_large(small)):
        notes.append(sentence("{n} leads of smaller channels count among all.", n=left))
    if len(_large(small)) and UNKNOWN in small.index:
        notes.append(sentence("Of {n} leads the channel is not known.", n=int(small[UNKNOWN])))
    return notes


def _counted(found: Leads) -> pd.DataFrame:
    return found.counts[found.counts["status"].isin(FOLLOWED)]


def _steps(found: Leads, counts: pd.DataFrame) -> pd.DataFrame:
    return funnel_steps(counts, n_places=len(found.stages), is_end_known=found.is_end_known)


def _large(sizes: pd.Series) -> pd.Series:
    """Pick the channels with enough leads, the largest first."""
    known = sizes.drop(["", UNKNOWN], errors="ignore")
    return known[known >= FEWEST].sort_values(ascending=False, kind="stable")


def _channel_steps(found: Leads) -> dict[str, pd.DataFrame]:
    counted = _counted(found)
    large = _large(counted.groupby("group")["n_leads"].sum())
    return {str(name): _steps(found, counted[counted["group"] == name]) for name in large.index}


def _groups(cells: pd.DataFrame) -> dict[str, pd.DataFrame]:
    large = _large(cells.groupby("group")["n_customers"].sum())
    return {str(name): cells[cells["group"] == name] for name in large.index}


def _long_table(found: Leads, steps: pd.DataFrame) -> ShownTable | CannotSay:
    """Show many stages below each other."""
    columns = [
        Col("name", "Stage reached"),
        Col("n_reached", "Leads", "count"),
        Col("step", "of the stage before", "share", "step_low", "step_high", may_be_empty=True),
        Col("share", "of all leads", "share", "low", "high"),
    ]
    notes = [
        _("A lead counts as having reached every stage up to its furthest."),
        *_stage_notes(found),
        *found.notes,
    ]
    table = steps.assign(name=[_(name) for name in found.stages])
    return show_table(table, columns, caption="How far do leads come?", notes=notes, max_rows=len(table))


def _horizon(curve: pd.DataFrame) -> float:
    """Return the last time at which enough leads are still seen."""
    return float(curve.loc[curve["n_at_risk"] >= FEWEST, "time"].max())


def _half(curve: pd.DataFrame, segment: Mapping[str, str] | None = None) -> Estimate | None:
    """Return the median wait of those who ever convert, where the curve has come to rest."""
    end = _horizon(curve)
    if curve["n_events"].sum() < FEWEST or not is_settled(curve, until=end):
        return None
    return conversion_time("median_days_to_convert", curve, until=end, segment=segment)


def _step_figures(found: Leads, steps: pd.DataFrame, segment: Mapping[str, str]) -> list[Estimate]:
    rows = steps.to_dict("records")
    n = int(rows[0]["n_reached"])
    last = rows[-1]
    figure = "lead_conversion_rate"
    made = [Estimate(figure, last["share"], "share", n, last["low"], last["high"], segment)]
    if len(rows) == 2:
        return made
    for before, row in pairwise(rows):
        if before["n_reached"]:
            ends = {"from": found.stages[before["place"]], "to": found.stages[row["place"]]}
            limits = (row["step_low"], row["step_high"])
            made.append(
                Estimate(figure, row["step"], "share", before["n_reached"], *limits, {**segment, **ends})
            )
    return made


def _test_words(test: ChiSquared) -> str:
    words = (
        "The channels differ by more than chance (log-rank test, p {p})."
        if test.p_value < _SIGNIFICANT
        else "The channels do not differ by more than chance (log-rank test, p {p})."
    )
    return sentence(words, p=p_text(test.p_value))


def _soon_words(study: Study, found: Leads) -> str | CannotSay:
    assert isinstance(found.cells, pd.DataFrame)
    curve = kaplan_meier(found.cells)
    soon = converted_by("converted_30_days", curve, time=MONTH_RATE_DAYS)
    if soon is None:
        return CannotSay(
            sentence(
                "How many leads become customers within {n} days cannot be said yet.", n=MONTH_RATE_DAYS
            ),
            _("Run the report again next month."),
        )
    said = [sentence("{rate} of leads become customers within {n} days.", rate=soon, n=MONTH_RATE_DAYS)]
    half, limit, table = _half(curve), prospect_days(found), standing(study, found)
    if half and isinstance(limit, Estimate):
        words = (
            "Half of those who ever do take no more than {half.short}, {most} no more than {limit.short}: call a "
            "lead before."
        )
        share = value_text(PROSPECT_SHARE, "share").replace(".0", "")
        said.append(sentence(words, half=half, most=share, limit=limit))
    if isinstance(table, pd.DataFrame):
        n = int(table.loc[table["where"] == "prospects", "n_leads"].sum())
        said.append(sentence("{n} leads are young enough to be prospects today.", n=n))
    return together(*said, _extremes(found))


def _extremes(found: Leads) -> str:
    """Name the channels whose leads convert most and least, where channels differ."""
    test = compare(found)
    if isinstance(test, CannotSay) or test.p_value >= _SIGNIFICANT or isinstance(found.cells, CannotSay):
        return ""
    rates = {
        name: rate
        for name, cells in _groups(found.cells).items()
        if (rate := converted_by("rate", kaplan_meier(cells), time=MONTH_RATE_DAYS)) is not None
    }
    if len(rates) < 2:
        return ""
    most, least = (pick(rates, key=lambda name: rates[name].value) for pick in (max, min))
    words = "By channel, {most} leads with {high} and {least} comes last with {low}."
    return sentence(words, most=_(most), high=rates[most], least=_(least), low=rates[least])


def _narrow_words(found: Leads) -> str:
    """Name the step at which the largest share of leads is lost."""
    steps = _steps(found, _counted(found)).iloc[1:]
    known = steps[steps["step"].notna()]
    if len(known) < 2:
        return ""
    row = known.loc[known["step"].idxmin()]
    place = int(row["place"])
    n = int(_steps(found, _counted(found))["n_reached"].iloc[place - 1])
    rate = Estimate("lead_conversion_rate", row["step"], "share", n, row["step_low"], row["step_high"])
    return sentence(
        "The narrowest step of the funnel is from {before} to {after}: {rate} take it. Ask there first what leads "
        "lack.",
        before=_(found.stages[place - 1]),
        after=_(found.stages[place]),
        rate=rate,
    )


def _trend_words(change: Estimate | None) -> str:
    if change is None or change.low is None or change.high is None:
        return ""
    words = (
        "Leads of later months convert neither clearly better nor worse: {change} points within {n} days, from the "
        "first to the last complete month."
    )
    if change.low > 0:
        words = (
            "Leads of later months convert better: {change} points more within {n} days, from the first to the last "
            "complete month."
        )
    elif change.high < 0:
        words = (
            "Leads of later months convert worse: {change} points within {n} days, from the first to the last "
            "complete month. See which channel or campaign brought them."
        )
    return sentence(words, change=change, n=MONTH_RATE_DAYS)
