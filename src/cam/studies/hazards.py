"""Study 02, Cox: what goes with leaving, whether it does so all the time, and what is done where it does not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import named, sentence, together
from cam.language import translate as _
from cam.measures.lifecycle.cox import CoxFit, code_levels, fit_cox, proportional_hazards
from cam.measures.lifecycle.risk_sets import NoFiniteFitError
from cam.reduce.durations import duration_cells
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, silent
from cam.studies.watched import FEWEST, MOST_GROUPS, PREFIX, UNKNOWN, Watched, largest_levels

#: Attributes in one model, and levels of one that is taken unasked.
_MOST_ATTRIBUTES, _MOST_LEVELS = 4, 8
#: Leavers that a level, and each coefficient, must rest on.
_FEWEST_LEFT = 10
#: Durations of a Cox model are counted in weeks, so that customers share cells however many they are.
_WEEK = 7
#: A ratio that changes more over time is not one ratio; and less often than this by chance alone.
_MATTERS, _SIGNIFICANT = 1.25, 0.05
OTHER = "other"
#: Texts of a person's opinions: a study of their own.
_ATTITUDE = "attitude_"


@dataclass(frozen=True, slots=True)
class Hazards:
    """A Cox model of leaving, checked.

    Attributes
    ----------
    table : DataFrame
        One row per level but the references: ``attribute``, ``level``, ``reference``, ``n_customers``, ``n_left``,
        ``hazard_ratio`` with ``low`` and ``high``, ``p_value``; ``early`` and ``late`` (the ratios when a quarter and
        three quarters of those who leave have left) and ``is_steady`` (whether it may be read as one ratio).
    fit : CoxFit
        The model.
    compared : str
        The attribute that was asked for.
    notes : tuple of str
        What was merged, dropped or made a stratum.
    basis : str
        How leaving shows.
    """

    table: pd.DataFrame
    fit: CoxFit
    compared: str
    notes: tuple[str, ...]
    basis: str


@silent
def hazards(study: Study, stay: Watched) -> Hazards | CannotSay:
    """Fit what goes with leaving: the compared attribute and a few more; check it, and stratify what fails."""
    names = _attributes(study, stay)
    if not names:
        return stay.by if isinstance(stay.by, CannotSay) else _nothing()
    notes: list[str] = []
    cells = _merged(_cells(study, stay, names), names, notes)
    n_left = int(cells.loc[cells["event_observed"], "n_customers"].sum())
    kept = [name for name in names if cells[name].nunique() > 1]
    while len(kept) > 1 and n_left < _FEWEST_LEFT * sum(cells[name].nunique() - 1 for name in kept):
        notes.append(
            sentence("{attribute} is left out: too few left for so many levels.", attribute=named(kept.pop()))
        )
    if not kept:
        return _nothing(notes)
    if n_left < max(FEWEST, _FEWEST_LEFT * (cells[kept[0]].nunique() - 1)):
        return CannotSay(
            together(sentence("What goes with leaving cannot be said: only {n} left.", n=n_left), *notes),
            _("Add older rows, or compare by a column with fewer levels."),
        )
    fitted = _fit(cells, kept, [], notes)
    if fitted is None:
        return _nothing(notes)
    fit, levels = fitted
    checked = _checked(fit, levels)
    # What is asked for keeps its ratios, early and late; what only stands beside it may have any shape.
    unsteady = [
        name
        for name in dict.fromkeys(checked.loc[~checked["is_steady"], "attribute"])
        if name != levels["column"].iloc[0]
    ]
    if unsteady and (again := _fit(cells, [name for name in kept if name not in unsteady], unsteady, notes)):
        gone = ", ".join(named(name) for name in unsteady)
        notes.append(
            sentence(
                "{attributes}: the ratios change over time, so that each level has a hazard of its own shape, and no "
                "ratio (stratified).",
                attributes=gone,
            )
        )
        fit, levels = again
        checked = _checked(fit, levels)
    return Hazards(_sized(checked, cells), fit, str(levels["column"].iloc[0]), tuple(notes), stay.basis)


@silent
def show_hazards(study: Study, found: Hazards) -> ShownTable | CannotSay:
    """Show the hazard ratios, and whether each stays the same over time."""
    table = found.table
    shown = table.assign(
        **{name: table[name].map(str).map(named) for name in ("attribute", "level", "reference")},
        same=[_("yes") if steady else _("no") for steady in table["is_steady"]],
    )
    columns = [
        Col("attribute", "Attribute"),
        Col("level", "Level"),
        Col("reference", "Compared with"),
        Col("n_customers", "Customers", "count"),
        Col("n_left", "left", "count"),
        Col("hazard_ratio", "Hazard ratio", "ratio", "low", "high"),
        Col("early", "early", "ratio"),
        Col("late", "late", "ratio"),
        Col("same", "One ratio for all times?"),
    ]
    notes = [
        sentence(
            "Early and late: the ratio by the time that a quarter and three quarters of those who leave have left. No: "
            "it changes by more than {factor}-fold and by more than chance; then read early and late, not the mean.",
            factor=f"{_MATTERS:g}",
        ),
        *found.notes,
    ]
    if found.fit.concordance is not None:
        notes.append(
            sentence(
                "Of two customers, the one with the higher risk left first in {share} of pairs; half would be chance.",
                share=f"{100 * found.fit.concordance:.0f} %",
            )
        )
    return show_table(shown, columns, caption="What goes with leaving?", notes=notes, max_rows=30)


@silent
def ratios(study: Study, found: Hazards) -> pd.DataFrame:
    """Return the ratios as a table, to draw."""
    return found.table


def findings(study: Study, found: Hazards | CannotSay | None) -> list[str | CannotSay]:
    """Say which customers leave sooner, against whom, and what that is worth."""
    if found is None:
        return []
    if isinstance(found, CannotSay):
        return [found]
    own = found.table[found.table["attribute"] == found.compared]
    moving = own[~own["is_steady"]]
    # One ratio may hide two, the one above 1 and the other below.
    clear = own[own["is_steady"] & ((own["low"] > 1) | (own["high"] < 1))]
    if clear.empty and moving.empty:
        return [
            sentence(
                "No level of {attribute} leaves sooner or later than {reference} by more than chance.",
                attribute=named(found.compared).lower(),
                reference=named(str(own["reference"].iloc[0])),
            )
        ]
    parts = []
    worst, best = (
        clear.sort_values("hazard_ratio", ascending=up).tail(1).to_dict("records") for up in (True, False)
    )
    for row in worst:
        if row["hazard_ratio"] > 1:
            parts.append(
                _pace("Customers of {level} leave {ratio} times as fast as those of {reference}.", row)
            )
    for row in best:
        if row["hazard_ratio"] < 1:
            parts.append(_pace("Those of {level} leave at {ratio} times the pace of {reference}.", row))
    if len(moving):
        change = np.abs(np.log(moving["late"] / moving["early"]))
        parts.append(
            _pace(
                "Those of {level} leave at {early} times the pace of {reference} early, and at {late} times late: ask "
                "what they meet in each time.",
                moving.loc[change.idxmax()].to_dict(),
            )
        )
    parts.append(
        _(
            "It is an association, not an effect: before money moves between groups, hold what a customer of each is "
            "worth against the cost of winning one."
        )
    )
    return [together(*parts)]


def key_figures(study: Study, found: Hazards | CannotSay | None) -> list[Estimate | CannotSay]:
    """List the hazard ratios."""
    if found is None:
        return []
    if isinstance(found, CannotSay):
        return [found]
    return [
        _ratio(row, {"basis": found.basis, "attribute": row["attribute"], "level": row["level"]})
        for row in found.table.to_dict("records")
        if math.isfinite(row["high"])
    ]


def _attributes(study: Study, stay: Watched) -> list[str]:
    """The attribute that was asked for, and the first few others with two to eight levels."""
    own = stay.attributes
    if own is None:
        return []
    names = [] if isinstance(stay.by, CannotSay) else [stay.by]
    types = own.schema()
    others = [
        name.removeprefix(PREFIX)
        for name in own.columns
        if name != "customer_id"
        and not types[name].is_temporal()
        and not name.startswith(PREFIX + _ATTITUDE)
        and name.removeprefix(PREFIX) not in names
    ]
    if others:
        people = own.semi_join(stay.durations, "customer_id")
        counts = people.aggregate(
            **{str(place): people[PREFIX + name].nunique() for place, name in enumerate(others)}
        ).execute()
        names += [
            name for place, name in enumerate(others) if 2 <= int(counts[str(place)].iloc[0]) <= _MOST_LEVELS
        ]
    return names[:_MOST_ATTRIBUTES]


def _cells(study: Study, stay: Watched, names: list[str]) -> pd.DataFrame:
    """Count the customers that look the same to the model."""
    rows = stay.durations
    if "entry" not in rows.columns:
        rows = rows.mutate(entry=ibis.literal(0).cast("int64"))
    if stay.basis != "snapshot":
        # Entries down and durations up, so that each entry stays below its duration.
        rows = rows.mutate(
            entry=(rows.entry // _WEEK).cast("int64"), duration=((rows.duration + _WEEK - 1) // _WEEK)
        )
        rows = rows.mutate(duration=rows.duration.cast("int64"))
    own = stay.attributes
    assert own is not None
    levels = None
    for place, name in enumerate(names):
        part = largest_levels(rows, own, name, n_levels=MOST_GROUPS if place == 0 else _MOST_LEVELS)
        part = part.rename({f"level_{place}": "group"})
        levels = part if levels is None else levels.inner_join(part, "customer_id")
    columns = [f"level_{place}" for place in range(len(names))]
    cells = duration_cells(rows, attributes=levels, columns=columns).execute()
    for column, name in zip(columns, names, strict=True):
        cells[name] = [UNKNOWN if pd.isna(level) else level or OTHER for level in cells[column]]
    return cells.drop(columns=columns)


def _merged(cells: pd.DataFrame, names: list[str], notes: list[str]) -> pd.DataFrame:
    """Put levels together that too few left of; what then has one level only is said to be left out."""
    found = cells.copy()
    for name in names:
        while True:
            left = (
                found["n_customers"]
                .where(found["event_observed"], 0)
                .groupby(found[name])
                .sum()
                .sort_values()
            )
            if len(left) < 2 or left.iloc[0] >= _FEWEST_LEFT:
                break
            small = str(left.index[0])
            into = OTHER if small != OTHER and OTHER in left.index else str(left.index[1])
            to = (
                OTHER if OTHER in (small, into) else sentence("{one} or {other}", one=_(into), other=_(small))
            )
            notes.append(
                sentence(
                    "{attribute}: {small} and {into} count as one level, for fewer than {n} of {small} left.",
                    attribute=named(name),
                    small=_(small),
                    into=_(into),
                    n=_FEWEST_LEFT,
                )
            )
            found[name] = found[name].replace({small: to, into: to})
        if found[name].nunique() < 2:
            notes.append(sentence("{attribute} is left out: it has one level only.", attribute=named(name)))
    return found


def _fit(
    cells: pd.DataFrame, names: list[str], strata: list[str], notes: list[str]
) -> tuple[CoxFit, pd.DataFrame] | None:
    """Fit the model; attributes that have no finite ratio are left out, and said."""
    left = list(names)
    while left:
        coded, levels = code_levels(cells, columns=left)
        try:
            return fit_cox(coded, covariates=list(levels["covariate"]), strata=strata), levels
        except NoFiniteFitError as error:
            told = levels.loc[levels["covariate"].isin(error.covariates), "column"]
            for name in dict.fromkeys(told):
                left.remove(name)
                notes.append(
                    sentence(
                        "{attribute} is left out: it has no finite ratio, for it tells who leaves without fail, or "
                        "nothing that others do not tell.",
                        attribute=named(name),
                    )
                )
            if not len(told):
                return None
    return None


def _checked(fit: CoxFit, levels: pd.DataFrame) -> pd.DataFrame:
    """Put ratios, levels and the check side by side."""
    named_levels = levels.rename(columns={"column": "attribute"}).drop(columns="n_customers")
    table = fit.hazard_ratios.merge(named_levels, on="covariate")
    try:
        check = proportional_hazards(fit).rename(columns={"p_value": "check_p"})
    except ValueError:
        # All left at one time: there is no early and no late.
        return table.assign(early=table["hazard_ratio"], late=table["hazard_ratio"], is_steady=True)
    table = table.merge(check[["covariate", "check_p", "early", "late"]], on="covariate")
    table = table.astype({"early": float, "late": float})
    change = np.abs(np.log(table["late"] / table["early"]))
    chance = table["check_p"] >= _SIGNIFICANT / len(table)
    return table.assign(is_steady=chance | (change <= math.log(_MATTERS)))


def _sized(table: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Add how many customers each level has, and how many of them left."""
    sizes, gone = [], []
    for row in table.to_dict("records"):
        own = cells[cells[row["attribute"]] == row["level"]]
        sizes.append(int(own["n_customers"].sum()))
        gone.append(int(own.loc[own["event_observed"], "n_customers"].sum()))
    return table.assign(n_customers=sizes, n_left=gone)


def _pace(words: str, row: dict[Any, Any]) -> str:
    return sentence(
        words,
        level=named(str(row["level"])),
        reference=named(str(row["reference"])),
        ratio=_ratio(row),
        early=f"{row['early']:.2f}",
        late=f"{row['late']:.2f}",
    )


def _ratio(row: Any, segment: dict[str, str] | None = None) -> Estimate:
    value, low, high = (float(row[name]) for name in ("hazard_ratio", "low", "high"))
    return Estimate("hazard_ratio", value, "ratio", int(row["n_customers"]), low, high, segment or {})


def _nothing(notes: list[str] | None = None) -> CannotSay:
    return CannotSay(
        together(
            _("What goes with leaving cannot be said: no attribute with two levels is known."), *(notes or [])
        ),
        _("Name a column under lifecycle.compare_by."),
    )
