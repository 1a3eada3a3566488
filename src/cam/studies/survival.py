"""Study 02, survival: how soon customers buy again, how long they stay, and which groups stay longer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import named, sentence, together, value_text
from cam.language import translate as _
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
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, silent
from cam.studies.watched import FEWEST, UNKNOWN, Stays, Watched
from cam.studies.watched import second_purchase as second_purchase
from cam.studies.watched import stays as stays

#: After which the share who have bought again is told, and the share who are still there.
AGAIN_DAYS, STAY_MONTHS = (30, 90, 180, 365), (3, 6, 12, 24)
#: Months over which a mean stay is taken.
MEAN_MONTHS = 12
_SIGNIFICANT = 0.05
#: With fewer second purchases no median of them is given.
_LEAST_AGAIN = 10


def main_stay(study: Study, ways: Stays) -> Watched | None:
    """Pick the way in which most customers were watched; of two with as many, that which sees and does not infer.

    Nothing where no way can be said: :func:`show_stays` says why.
    """
    found = [way for way in ways.values() if isinstance(way, Watched)]
    return max(found, key=lambda way: int(way.cells["n_customers"].sum()), default=None)


def show_stays(study: Study, ways: Stays) -> ShownTable | CannotSay:
    """Show for each way of leaving which share is still there after some months, the median and the mean stay."""
    watched = [way for way in ways.values() if isinstance(way, Watched)]
    unsaid = [way for way in ways.values() if isinstance(way, CannotSay)]
    if not watched:
        return unsaid[0] if unsaid else _no_way()
    rows = [_row(way, named(way.basis), kaplan_meier(way.cells)) for way in watched]
    notes = [note for way in watched for note in way.notes]
    notes += [together(each.reason, each.cure) for each in unsaid]
    return _shown(rows, watched[0], "What shows it", notes, "How long do customers stay?")


@silent
def curves(study: Study, watched: Watched) -> pd.DataFrame:
    """Estimate the curve of all customers together, and of each group, as far as enough are at risk."""
    named_curves = {"": watched.cells, **_groups(watched)}
    parts = []
    for name, cells in named_curves.items():
        curve = kaplan_meier(cells)
        # Beyond, single customers make the curve jump.
        curve = curve[(curve["n_at_risk"] >= FEWEST) | (curve.index == 0)]
        parts.append(
            curve.assign(group=name, told=(curve["time"] - watched.time(0)).clip(lower=0) / watched.in_unit)
        )
    return pd.concat(parts, ignore_index=True).assign(basis=watched.basis, by=str(watched.by))


@silent
def at_risk(study: Study, watched: Watched) -> pd.DataFrame:
    """Count who is at risk at the times that stand under the figure."""
    told = [0, *(AGAIN_DAYS if watched.basis == "second" else STAY_MONTHS)]
    rows = [
        (name, at, n)
        for name, cells in {"": watched.cells, **_groups(watched)}.items()
        for at, n in zip(
            told, numbers_at_risk(cells, times=[watched.time(at) if at else 0 for at in told]), strict=True
        )
    ]
    return pd.DataFrame(rows, columns=["group", "told", "n_at_risk"])


@silent
def show_groups(study: Study, watched: Watched) -> ShownTable | CannotSay:
    """Show all customers and each group: the shares after some time, the median, and whether groups differ."""
    rows = [_row(watched, _("All customers"), kaplan_meier(watched.cells))]
    rows += [_row(watched, named(name), kaplan_meier(cells)) for name, cells in _groups(watched).items()]
    # How leaving shows has been said beside it.
    notes = [*(watched.notes if watched.basis == "second" else []), *_group_notes(watched)]
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


def findings(study: Study, second: Watched | CannotSay, ways: Stays) -> list[str | CannotSay]:
    """Say how soon the second purchase comes and how long customers stay, and what to do."""
    stay = main_stay(study, ways)
    unsaid = [way for way in ways.values() if isinstance(way, CannotSay)]
    found: list[str | CannotSay] = [second if isinstance(second, CannotSay) else _second_words(second)]
    found += [_stay_words(stay)] if stay else unsaid or [_no_way()]
    return found


def key_figures(study: Study, second: Watched | CannotSay, ways: Stays) -> list[Estimate | CannotSay]:
    """List the rates of the second purchase, of survival, medians, and the tests between groups."""
    figures: list[Estimate | CannotSay | None] = []
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
    if frame["median"].notna().any():
        columns.append(Col("median", "Median", watched.unit, "median_low", "median_high"))
    if frame["median"].isna().any():
        notes = [*notes, _("Median not reached: within the time seen, fewer than half have.")]
    if not is_second and frame["mean"].notna().any():
        columns.append(
            Col(
                "mean",
                sentence("Mean of the first {n} months", n=MEAN_MONTHS),
                "months",
                "mean_low",
                "mean_high",
            )
        )
    return show_table(frame, columns, caption=caption, notes=notes)


def _row(watched: Watched, name: str, curve: pd.DataFrame) -> dict[str, Any]:
    events = int(curve["n_events"].sum())
    row: dict[str, Any] = {"name": name, "n": events + int(curve["n_censored"].sum()), "left": events}
    for at in AGAIN_DAYS if watched.basis == "second" else STAY_MONTHS:
        found = _again(curve, at, {}) if watched.basis == "second" else _still(watched, curve, at, {})
        for end in ("", "_low", "_high"):
            row[f"at_{at}{end}"] = np.nan if found is None else getattr(found, end[1:] or "value")
    limits = quantile_limits(curve)
    for end, limit in zip(("", "_low", "_high"), limits, strict=True):
        row[f"median{end}"] = (
            np.nan if limit is None or (None in limits[1:] and end) else limit / watched.in_unit
        )
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
    """Write the median with its limits for a sentence, or that half have not left yet."""
    value, low, high = (
        None if each is None else value_text(each / watched.in_unit, watched.unit)
        for each in quantile_limits(curve)
    )
    if value is None:
        longest = value_text(float(curve["time"].iloc[-1]) / watched.in_unit, watched.unit)
        return sentence("not reached within {longest}", longest=longest)
    if low is None or high is None:
        return value
    return sentence("{median} ({low} to {high})", median=value, low=low, high=high)


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
    if not curve["n_events"].sum():
        return sentence(
            "Not one of {n} new customers has bought again yet. Ask them soon after the first order what would bring "
            "them back.",
            n=int(curve["n_censored"].sum()),
        )
    half = quantile_limits(curve, share=told[late].value / 2)[0]
    # The middle of a handful is no day to plan by.
    has_half = half is not None and half > 0 and curve["n_events"].sum() >= _LEAST_AGAIN
    words = [
        sentence(
            "{soon} of new customers buy again within {days} days, {late.short} within {all} days; half of these have "
            "done so by day {half}."
            if has_half
            else "{soon} of new customers buy again within {days} days, {late.short} within {all} days.",
            soon=told[soon],
            days=soon,
            late=told[late],
            all=late,
            half=int(half or 0),
        )
    ]
    if (second.cells["duration"] > soon).any():
        still = _again(kaplan_meier(second.cells, since=soon), late, {})
        if still is not None and still.value < told[late].value:
            words.append(
                sentence(
                    "Of those who have not bought again by day {days}, {still} still do by day {all}: remind them "
                    "before.",
                    days=soon,
                    still=still,
                    all=late,
                )
            )
    return together(*words, _extremes(second, soon))


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
    words = "By {column}, {most} leads with {high} and {least} comes last with {low}: look there first for the reason."
    return sentence(
        words,
        column=named(str(watched.by)).lower(),
        most=named(most),
        high=rates[most],
        least=named(least),
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
        "purchases": "{rate} of repeat customers are not lost {months} months after their second purchase; median: "
        "{median}.",
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
    extremes = _extremes(stay, at)
    if at > first and not advice and not extremes:
        advice = sentence(
            "No more than half of that loss falls in the first {first} months: care for customers of every age.",
            first=first,
        )
    return together(said, advice, extremes)


def _no_way() -> CannotSay:
    return CannotSay(
        _("How long customers stay cannot be said without transactions, contracts or a snapshot."),
        _("Add one of them under data; params/template.yaml shows their columns."),
    )
