"""Study 01, profiles: what is known of customers, and in what of it segments differ."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import listed, named, sentence, together
from cam.language import translate as _
from cam.measures.segmentation.profiles import (
    FEWEST_EXPECTED,
    LEAST_POINTS,
    LEAST_RATIO,
    SIGNIFICANT,
    differences,
    effects,
)
from cam.params.hints import did_you_mean
from cam.reduce.profiles import attribute_columns, level_counts, number_reach, number_sums
from cam.show.tables import Col, ShownTable, show_table
from cam.studies import segment_value
from cam.studies.study import Study, needs

#: Levels of an attribute by size; the rest stand together.
MOST_LEVELS = 10
#: Before the names of the attributes, within the engine.
PREFIX = "of_"
#: What customers do, where the table of groups says so.
BUYING = ("revenue", "n_orders", "days_since_last")
_ATTITUDE = "attitude_"
#: Parts of a name that say place, alone; and those that do so where nothing else is said.
_PLACE = {
    *("region", "city", "province", "country", "county", "district", "town", "prefecture"),
    *("postcode", "postal", "zip", "zipcode"),
}
_PERHAPS = {"state", "tier", "area", "location"}
_NEUTRAL = {"home", "customer", "client", "code", "name", "billing", "shipping", "delivery", "address", "of"}
_PLACE_ZH = ("地区", "城市", "省份", "国家", "区域", "邮编", "邮政编码", "省市", "区县")
_ALONE_ZH = {"省", "市", "区", "县", "州", "所在地"}
_SMALLEST_P = 0.001
#: Levels named in a note; the others are counted.
_MOST_NAMED = 8


@needs("customers")
def gather(study: Study, grouped: ir.Table, by: str = "rfm_segment") -> ir.Table | CannotSay:
    """Join what is known of customers to the groups they are in, once, inside the engine."""
    if by not in grouped.columns:
        return CannotSay(sentence("There is no column {by} to compare customers by.", by=by))
    does = [name for name in BUYING if name in grouped.columns]
    people = grouped.select("customer_id", *does, segment=grouped[by].cast("string"))
    known = attribute_columns(study.tables["customers"], prefix=PREFIX)
    joined = people.left_join(known, "customer_id").drop("customer_id_right")
    return study.engine.create_table(f"profile_people_{by}", joined, overwrite=True)


@needs("customers")
def choose(study: Study, people: ir.Table) -> pd.DataFrame | CannotSay:
    """Choose the columns of ``customers`` to compare by, and how; say why the others are left out."""
    wanted = study.params.segmentation
    own = [name for name in study.tables["customers"].columns if name != "customer_id"]
    for key, names in (("attributes", wanted.attributes), ("geography", wanted.geography)):
        unknown = [name for name in names or [] if name not in own]
        if unknown:
            return CannotSay(
                sentence(
                    "segmentation.{key} names {name}, which is no column of the table customers{hint}",
                    key=key,
                    name=unknown[0],
                    hint=did_you_mean(unknown[0], own) or ".",
                ),
                sentence("Its columns are {columns}.", columns=listed(own)),
            )
    found = segment_value.attributes(study, people)
    if isinstance(found, CannotSay):
        return found
    asked = {*(wanted.attributes or []), *(wanted.geography or [])}
    rows = [
        row | {"is_place": _is_place(study, row["column"])}
        for row in found.to_dict("records")
        if not wanted.attributes or row["column"] in asked
    ]
    for row in rows:
        row["use"], row["why_not"] = _use(study, row, asked)
    numbers = [row for row in rows if row["use"] == "number"]
    if numbers:
        reach = number_reach(people, [PREFIX + row["column"] for row in numbers]).execute().iloc[0]
        for index, row in enumerate(numbers):
            far = reach[f"reach_{index}"]
            row["reach"] = float(far) if pd.notna(far) else 0.0
            if not row["reach"]:
                row["use"], row["why_not"] = None, "unread"
    columns = ["column", "use", "is_place", "n_levels", "reach", "why_not"]
    return pd.DataFrame(rows, columns=columns).astype({"use": object, "why_not": object})


@needs()
def show_choice(study: Study, chosen: pd.DataFrame, known: pd.DataFrame) -> ShownTable | CannotSay:
    """Show which columns are compared, of how many customers each is known, and why the others are left out."""
    words = {
        "levels": _("compared by level"),
        "number": _("compared by its mean"),
        "empty": _("left out: empty"),
        "constant": _("left out: the same for all"),
        "date": _("left out: a date"),
        "id": _("left out: nearly every customer has a value of his or her own"),
        "attitude": _("left to the attitudes"),
        "unread": _("left out: no number that can be read"),
        "made_of": _("left out: the segments were made of it"),
    }
    counts = known.groupby("attribute")[["n_known", "n_customers"]].sum()
    shares = (counts["n_known"] / counts["n_customers"]).to_dict()
    shown = chosen.assign(
        name=chosen["column"].map(named),
        known=chosen["column"].map(shares),
        use=[
            words[row["use"] if isinstance(row["use"], str) else row["why_not"]]
            for row in chosen.to_dict("records")
        ],
    )
    attitudes = (chosen["why_not"] == "attitude").sum()
    notes = (
        [sentence("Columns of attitudes, left to their own part of this study: {n}.", n=int(attitudes))]
        if attitudes
        else []
    )
    return show_table(
        shown[chosen["why_not"] != "attitude"],
        [
            Col("name", "Column of customers"),
            Col("n_levels", "Levels", "count", may_be_empty=True),
            Col("known", "Known, of customers who bought", "share", may_be_empty=True),
            Col("use", "Use"),
        ],
        caption="What is known of customers",
        notes=notes,
        max_rows=40,
    )


# --- what differs -------------------------------------------------------------------------------


@needs()
def count_levels(study: Study, people: ir.Table, chosen: pd.DataFrame) -> pd.DataFrame:
    """Count the customers of each level of each attribute in each segment, inside the engine."""
    names = list(chosen.loc[chosen["use"] == "levels", "column"])
    counted = [
        level_counts(people, PREFIX + name, by="segment", n_levels=MOST_LEVELS)
        .execute()
        .assign(attribute=name)
        for name in names
    ]
    columns = ["attribute", "kind", "level", "segment", "n_customers"]
    return pd.concat(counted, ignore_index=True)[columns] if counted else pd.DataFrame(columns=columns)


@needs()
def sum_numbers(study: Study, people: ir.Table, chosen: pd.DataFrame) -> pd.DataFrame:
    """Sum the numbers of each segment, exactly, in steps of a hundred-millionth of their reach."""
    numbers = chosen[chosen["use"] == "number"]
    columns = ["attribute", "segment", "n", "sum", "squared", "unit"]
    if numbers.empty:
        return pd.DataFrame(columns=columns)
    units = {
        row["column"]: 10.0 ** (math.ceil(math.log10(row["reach"])) - 8) for row in numbers.to_dict("records")
    }
    steps = {PREFIX + name: unit for name, unit in units.items()}
    wide = number_sums(people, steps, by="segment").execute()
    rows = [
        [name, row["segment"], *(int(row[f"{what}_{index}"]) for what in ("n", "sum", "squared")), unit]
        for index, (name, unit) in enumerate(units.items())
        for row in wide.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(("n", "sum", "squared"), object))


@needs()
def attribute_effects(study: Study, counts: pd.DataFrame, sums: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Rank the attributes by how much segments differ in them."""
    if counts.empty and sums.empty:
        return _nothing()
    fewest = study.params.segmentation.min_group
    found = effects(counts, sums, min_group=fewest)
    if found.empty:
        return CannotSay(
            sentence(
                "No attribute has two levels and two segments of {fewest} customers or more whose attribute is known: "
                "there is nothing to compare.",
                fewest=fewest,
            )
        )
    return found


@needs()
def show_effects(study: Study, found: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the attributes, the one in which segments differ most first."""
    shown = found.assign(
        attribute=found["attribute"].map(named),
        size=[_(word) for word in found["size"]],
        p=[f"{p:.3f}" if p >= _SMALLEST_P else f"< {_SMALLEST_P}" for p in found["p_adjusted"]],
        verdict=[
            _("more than chance") if p < SIGNIFICANT else _("no clear difference")
            for p in found["p_adjusted"]
        ],
    )
    columns = [
        Col("attribute", "Attribute"),
        Col("n_customers", "Customers", "count"),
        Col("effect", "Effect (0 to 1)", "ratio", "low", "high"),
        Col("size", "By convention"),
        Col("p", "p, corrected for the number of attributes"),
        Col("verdict", "Difference"),
    ]
    note = _(
        "Effect: Cramér's V for levels, eta for numbers, both corrected for chance. The words are Cohen's conventions."
    )
    return show_table(shown, columns, caption="In which attributes do segments differ?", note=note)


@needs()
def segment_differences(
    study: Study, counts: pd.DataFrame, sums: pd.DataFrame, found: pd.DataFrame
) -> pd.DataFrame:
    """Set each segment against all other customers, level by level and number by number."""
    return differences(counts, sums, min_group=study.params.segmentation.min_group)


@needs()
def show_differences(study: Study, found: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the levels that stand out most, and say what was too small to be rated."""
    levels = found[found["kind"] != "number"]
    shown = _telling(levels)
    notes = [*_floor_notes(levels), *_suppressed(study, levels)]
    if shown.empty:
        return CannotSay(
            _("No level stands out in any segment by more than chance, or none by enough to matter."),
            together(*notes),
        )
    shown = shown.assign(
        segment=shown["segment"].map(named),
        what=[_what(row) for row in shown.to_dict("records")],
    )
    columns = [
        Col("segment", "Segment"),
        Col("what", "Attribute and level"),
        Col("n_customers", "Customers", "count"),
        Col("value", "of the segment", "share"),
        Col("others", "of all others", "share"),
        Col("difference", "Difference", "points", "low", "high"),
        Col("index", "Index (all = 100)", "count"),
        Col("residual", "Adjusted residual", "ratio"),
    ]
    return show_table(shown, columns, caption="What stands out in which segment?", notes=notes)


@needs()
def show_numbers(study: Study, found: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the numbers in which segments differ from all others."""
    numbers = found[found["kind"] == "number"]
    if numbers.empty:
        return CannotSay(_("No attribute of the customers is a number."))
    shown = numbers[numbers["verdict"].isin(["more", "less"])]
    if shown.empty:
        return CannotSay(
            _("No segment's mean of a number stands out by more than chance, or by enough to matter.")
        )
    shown = shown.assign(
        segment=shown["segment"].map(named),
        attribute=shown["attribute"].map(named),
    )
    columns = [
        Col("segment", "Segment"),
        Col("attribute", "Attribute"),
        Col("n", "Customers", "count"),
        Col("value", "Mean", "ratio", "value_low", "value_high"),
        Col("others", "Mean of all others", "ratio"),
        Col("difference", "Difference in standard deviations", "ratio", "low", "high"),
    ]
    return show_table(shown, columns, caption="Whose numbers stand out?", notes=_suppressed(study, numbers))


def cells_of(found: pd.DataFrame | CannotSay, attribute: str | None = None) -> pd.DataFrame | CannotSay:
    """Pick the cells of one attribute for a heat map; by default of the one whose levels stand out most."""
    if isinstance(found, CannotSay):
        return found
    levels = found[found["kind"] != "number"]
    if attribute is None:
        rated = levels[levels["verdict"] != "suppressed"]
        if rated.empty:
            return CannotSay(_("No attribute has levels that could be rated."))
        telling = rated[rated["verdict"].isin(["more", "less"])]
        attribute = str((rated if telling.empty else telling)["attribute"].iloc[0])
    return levels[levels["attribute"] == attribute].assign(attribute=attribute)


# --- what the study says ------------------------------------------------------------------------


def findings(
    study: Study, strength: pd.DataFrame | CannotSay, found: pd.DataFrame | CannotSay
) -> list[str | CannotSay]:
    """Say in which attribute segments differ most, what stands out, and what to do with it."""
    if isinstance(strength, CannotSay):
        return [strength]
    return [found if isinstance(found, CannotSay) else _strength_words(study, strength, found)]


def key_figures(
    study: Study,
    strength: pd.DataFrame | CannotSay,
    found: pd.DataFrame | CannotSay,
    *,
    by: str = "rfm_segment",
) -> list[Estimate | CannotSay]:
    """List the effects, and the differences that stand out; groups other than RFM segments are named."""
    groups = {} if by == "rfm_segment" else {"by": by}
    if isinstance(strength, CannotSay):
        return [strength]
    figures: list[Estimate | CannotSay] = [_effect(row, groups) for row in strength.to_dict("records")]
    if isinstance(found, CannotSay):
        return [*figures, found]
    telling = found[found["verdict"].isin(["more", "less"])]
    return [*figures, *(_gap(row, groups) for row in telling.to_dict("records"))]


def _strength_words(study: Study, strength: pd.DataFrame, found: pd.DataFrame) -> str:
    telling = strength[strength["p_adjusted"] < SIGNIFICANT]
    if telling.empty:
        return sentence(
            "Among customers of whom it is known, segments differ in none of {n} attributes by more than chance (the "
            "most in {best}: effect {effect}). Choose whom to write to by behaviour.",
            n=len(strength),
            best=named(str(strength["attribute"].iloc[0])),
            effect=_effect(strength.iloc[0].to_dict(), {}),
        )
    best = telling.iloc[0]
    first = sentence(
        "Segments differ by more than chance in {n} of {looked} attributes, most in {best}: effect {effect} on a scale "
        "from 0 to 1, {size} by convention.",
        n=len(telling),
        looked=len(strength),
        best=named(str(best["attribute"])),
        effect=_effect(best.to_dict(), {}),
        size=_(str(best["size"])),
    )
    own = found[(found["attribute"] == best["attribute"]) & found["verdict"].isin(["more", "less"])]
    own = own if best["kind"] == "number" else _telling(own)
    if best["size"] == "negligible" or own.empty:
        small = _("So small a difference is no ground for a campaign: choose whom to write to by behaviour.")
        return together(first, small)
    row = own.iloc[0].to_dict()
    if best["kind"] == "number":
        unit = study.currency if row["attribute"] == "wallet" else "ratio"
        limits = float(row["value_low"]), float(row["value_high"])
        second = sentence(
            "It stands out most for {segment}: {mean} on average, {others} for all others. Plan offers for this "
            "segment by it.",
            segment=named(str(row["segment"])),
            mean=Estimate("mean", float(row["value"]), unit, int(row["n"]), *limits),
            others=Estimate("mean", float(row["others"]), unit),
        )
    else:
        second = sentence(
            "What stands out most: {what} is {share} of {segment} and {others} of all others, a difference of {gap} "
            "points. Choose pictures, offers and channels for this segment by it.",
            what=_what(row),
            share=Estimate("share", row["value"], "share"),
            segment=named(str(row["segment"])),
            others=Estimate("share", row["others"], "share"),
            gap=_gap(row, {}),
        )
    return together(first, second)


def _effect(row: Mapping[Any, Any], groups: Mapping[str, str]) -> Estimate:
    segment = {**groups, "attribute": str(row["attribute"])}
    limits = float(row["low"]), float(row["high"])
    return Estimate(
        "profile_effect", float(row["effect"]), "ratio", int(row["n_customers"]), *limits, segment
    )


def _gap(row: Mapping[Any, Any], groups: Mapping[str, str]) -> Estimate:
    segment = {**groups, "segment": str(row["segment"]), "attribute": str(row["attribute"])}
    if row["kind"] != "number":
        # A level of the client's may be called other, too.
        segment["level"] = str(row["level"]) if row["kind"] == "level" else "(all others)"
    unit = "ratio" if row["kind"] == "number" else "points"
    limits = float(row["low"]), float(row["high"])
    return Estimate("profile_difference", float(row["difference"]), unit, int(row["n"]), *limits, segment)


# --- tables -------------------------------------------------------------------------------------


def _use(study: Study, row: Mapping[Any, Any], asked: set[str]) -> tuple[str | None, str | None]:
    """How a column is compared, or why it is not."""
    name, why = row["column"], row["why_not"] if isinstance(row["why_not"], str) else None
    attitudes = study.params.segmentation.attitudes or []
    if name not in asked and (name in attitudes or name.startswith(_ATTITUDE)):
        return None, "attitude"
    measure = study.params.segmentation.value_measure
    if measure not in ("revenue", "margin", "n_orders") and name == measure:
        return None, "made_of"  # segments were cut by it: that they differ in it is no finding
    if why is None and row["n_levels"] == 1:
        return None, "constant"
    if why == "continuous" and not row["is_place"]:
        return "number", None
    # A postcode is a number that nobody adds up.
    return ("levels", None) if why is None or why == "continuous" else (None, why)


def _is_place(study: Study, name: str) -> bool:
    """Whether a column says where a customer lives: by the parameter file, else by its name."""
    named_places = study.params.segmentation.geography
    if named_places is not None:
        return name in named_places
    if any(part in name for part in _PLACE_ZH) or name in _ALONE_ZH:
        return True
    parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    return bool(parts & _PLACE) or (bool(parts & _PERHAPS) and parts <= _PERHAPS | _NEUTRAL)


def _nothing() -> CannotSay:
    return CannotSay(
        _("No column of the table customers can be compared by."),
        _("Add what is known of customers under data.customers, such as age, gender, income or region."),
    )


def _telling(levels: pd.DataFrame) -> pd.DataFrame:
    """Cells that stand out; of two levels that mirror each other, the one that there is more of."""
    n_levels = levels.assign(key=levels["level"].fillna("")).groupby("attribute")["key"].nunique()
    two = levels["attribute"].map(n_levels) == 2
    return levels[(levels["verdict"] == "more") | ((levels["verdict"] == "less") & ~two)]


def _what(row: Mapping[Any, Any]) -> str:
    level = segment_value.level_text(str(row["kind"]), row["level"])
    return sentence("{attribute}: {level}", attribute=named(str(row["attribute"])), level=level)


def _floor_notes(levels: pd.DataFrame) -> list[str]:
    """Say what was looked at, and what counts."""
    rated = levels[levels["verdict"] != "suppressed"]
    return [
        sentence(
            "Of {n} cells, {flagged} differ by more than chance, corrected for the number of looks, and by enough: "
            "{points} points, or {ratio} times the share of all, up or down. Another {slight} differ by less.",
            n=len(rated),
            flagged=int(rated["verdict"].isin(["more", "less"]).sum()),
            points=f"{LEAST_POINTS:g}",
            ratio=f"{LEAST_RATIO:g}",
            slight=int((rated["verdict"] == "slight").sum()),
        )
    ]


def _suppressed(study: Study, found: pd.DataFrame) -> list[str]:
    """Name what was too small to be rated."""
    notes = []
    few = sorted({named(str(name)) for name in found.loc[found["why"] == "segment", "segment"]})
    if few:
        notes.append(
            sentence(
                "Not rated, because fewer than {fewest} of their customers have the attribute known: {segments}.",
                fewest=study.params.segmentation.min_group,
                segments=listed(few),
            )
        )
    rare = found[found["why"] == "expected"]
    if len(rare):
        levels = list(dict.fromkeys(_what(row) for row in rare.to_dict("records")))
        more = len(levels) - _MOST_NAMED
        shown = _("; ").join(levels[:_MOST_NAMED])
        notes.append(
            sentence(
                "{n} cells are not rated, because chance alone would put fewer than {least} customers there: {levels}.",
                n=len(rare),
                least=f"{FEWEST_EXPECTED:g}",
                levels=sentence("{shown} and {more} more", shown=shown, more=more) if more > 0 else shown,
            )
        )
    return notes
