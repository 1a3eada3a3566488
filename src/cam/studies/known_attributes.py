"""Study 01, profiles: of whom nothing is known, and whether those who are known buy like the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import named, sentence, together, value_text
from cam.language import translate as _
from cam.measures.segmentation.profiles import rate_means
from cam.reduce.profiles import known_sums
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.profiles import BUYING, PREFIX
from cam.studies.study import Study, needs

#: Stands for all attributes together.
ANY = "(any)"
#: Within a sentence.
_WORDS = {
    "revenue": "revenue so far",
    "n_orders": "the number of orders",
    "days_since_last": "days since the last order",
}
_VERDICTS = {
    "more": "more than chance",
    "less": "more than chance",
    "slight": "more than chance, but small",
    "chance": "no clear difference",
    "suppressed": "cannot be said",
}


@needs()
def known(study: Study, people: ir.Table, chosen: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Count of whom which attribute is known, by segment, and sum what these customers do beside what all do."""
    names = list(chosen.loc[chosen["use"].notna(), "column"])
    if not names:
        return CannotSay(_("No column of the table customers can be compared by."))
    does = [name for name in BUYING if name in people.columns]
    wide = known_sums(people, [PREFIX + name for name in names], does, by="segment").execute()
    rows = []
    for row in wide.to_dict("records"):
        for flag, name in [("any", ANY), *((str(index), name) for index, name in enumerate(names))]:
            sums = {
                f"{what}_{measure}_{whom}": int(row[f"{what}_{measure}_{key}"])
                for measure in does
                for what in ("n", "sum", "squared")
                for whom, key in (("known", flag), ("all", "all"))
            }
            head = {"segment": row["segment"], "attribute": name, "n_customers": int(row["n_customers"])}
            rows.append({**head, "n_known": int(row[f"known_{flag}"]), **sums})
    return pd.DataFrame(rows)


@needs()
def known_gaps(study: Study, known: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Set those whose attributes are known against the others, by what they buy."""
    totals = known.drop(columns="segment").groupby("attribute", sort=False).sum().reset_index()
    # Attributes of one form are known of the same customers: once is enough.
    totals = totals.drop_duplicates(["n_known", *[name for name in totals if name.endswith("_known")]])
    fewest = study.params.segmentation.min_group
    unknown = totals["n_customers"] - totals["n_known"]
    totals = totals[(totals["n_known"] >= fewest) & (unknown >= fewest)]
    does = [name for name in BUYING if f"n_{name}_all" in known]
    rows = []
    for row in totals.to_dict("records"):
        for name in does:
            sums: dict[str, object] = {"attribute": row["attribute"], "measure": name}
            for what in ("n", "sum", "squared"):
                own, whole = int(row[f"{what}_{name}_known"]), int(row[f"{what}_{name}_all"])
                sums |= {what: own, f"{what}_others": whole - own}
            rows.append({**sums, "unit": 0.01 if name == "revenue" else 1.0})
    if not rows:
        return CannotSay(
            sentence(
                "No attribute is missing for {fewest} customers or more: those of whom nothing is known need no "
                "comparison.",
                fewest=fewest,
            )
            if does
            else _("What the customers buy is not known here.")
        )
    return rate_means(pd.DataFrame(rows).astype(object), min_group=fewest)


@needs("customers")
def show_known(
    study: Study, people: ir.Table, known: pd.DataFrame, gaps: pd.DataFrame
) -> ShownTable | CannotSay:
    """Show whether those whose attributes are known buy like the others, and say whom a profile leaves out.

    Of a single attribute the largest difference is shown.
    """
    size = gaps["difference"].abs().fillna(0)
    largest = size.groupby(gaps["attribute"], sort=False).idxmax()
    gaps = gaps[(gaps["attribute"] == ANY) | gaps.index.isin(largest)].reset_index(drop=True)
    shown = gaps.assign(
        attribute=[_("any attribute") if name == ANY else named(name) for name in gaps["attribute"]],
        measure=[_(_WORDS[name]) for name in gaps["measure"]],
        **{
            name: [_text(study, row, name) for row in gaps.to_dict("records")] for name in ("value", "others")
        },
        verdict=[_(_VERDICTS[verdict]) for verdict in gaps["verdict"]],
    )
    columns = [
        Col("attribute", "Known"),
        Col("measure", "Compared"),
        Col("n", "Customers", "count"),
        Col("value", "Mean of those known"),
        Col("others", "Mean of the others"),
        Col("difference", "Difference in standard deviations", "ratio", "low", "high"),
        Col("verdict", "Verdict"),
    ]
    return show_table(
        shown,
        columns,
        caption="Do customers who are known buy like the others?",
        notes=_coverage_notes(study, people),
    )


@needs()
def show_known_segments(study: Study, known: pd.DataFrame) -> ShownTable | CannotSay | None:
    """Show of which share of each segment any attribute is known; nothing where something is known of all."""
    rows = known[known["attribute"] == ANY].to_dict("records")
    if all(row["n_known"] == row["n_customers"] for row in rows):
        return None
    shares = [proportion("known", row["n_known"], row["n_customers"]) for row in rows]
    shown = pd.DataFrame(
        {
            "segment": [named(row["segment"]) for row in rows],
            "n_customers": [row["n_customers"] for row in rows],
            "share": [share.value for share in shares],
            "low": [share.low for share in shares],
            "high": [share.high for share in shares],
        }
    ).sort_values("share", ascending=False, ignore_index=True)
    columns = [
        Col("segment", "Segment"),
        Col("n_customers", "Customers", "count"),
        Col("share", "Any attribute known", "share", "low", "high"),
    ]
    return show_table(shown, columns, caption="Whom a profile speaks of, by segment")


def findings(
    study: Study, known: pd.DataFrame | CannotSay, gaps: pd.DataFrame | CannotSay
) -> list[str | CannotSay]:
    """Say of how many customers something is known, and whether a profile of them speaks for the others."""
    if isinstance(known, CannotSay):
        return [known]
    words = _known_words(study, known, gaps)
    return [words] if words else []


def key_figures(study: Study, known: pd.DataFrame | CannotSay) -> list[Estimate | CannotSay]:
    """List of which share of the customers who bought each attribute is known."""
    if isinstance(known, CannotSay):
        return [known]
    figures: list[Estimate | CannotSay] = []
    for name, row in known.groupby("attribute", sort=False)[["n_known", "n_customers"]].sum().iterrows():
        n = int(row["n_customers"])
        segment = {} if name == ANY else {"attribute": str(name)}
        # A count of the customers there are: no sampling error.
        figures.append(
            Estimate("known_attribute_share", float(row["n_known"]) / n, "share", n, segment=segment)
        )
    return figures


def _known_words(study: Study, known: pd.DataFrame, gaps: pd.DataFrame | CannotSay) -> str | None:
    totals = known[known["attribute"] == ANY][["n_known", "n_customers"]].sum()
    n, n_known = int(totals["n_customers"]), int(totals["n_known"])
    if n_known == n:
        return None
    said = sentence(
        "Attributes are known of {n} of {all} customers who bought; of the other {rest} nothing is known.",
        n=n_known,
        all=n,
        rest=n - n_known,
    )
    if isinstance(gaps, CannotSay) or not (gaps["attribute"] == ANY).any():
        return said
    rows = {row["measure"]: row for row in gaps[gaps["attribute"] == ANY].to_dict("records")}
    differ = [row for row in rows.values() if row["verdict"] in ("more", "less", "slight")]
    if not differ:
        more = _("The two buy alike as far as can be seen, so the profile may stand for both.")
    else:
        row = rows["revenue"] if rows.get("revenue") in differ else differ[0]
        more = sentence(
            "Those known are not like the others: {measure} is {value} on average, {others} of the others. What is "
            "said of them does not hold for all; ask a sample of the others before a campaign goes to them.",
            measure=_(_WORDS[row["measure"]]),
            value=_mean(study, row),
            others=_text(study, row, "others"),
        )
    return together(said, more)


def _coverage_notes(study: Study, people: ir.Table) -> list[str]:
    """Count whom the tables do not share."""
    joined = people.in_customers
    missing = int(joined.isnull().ifelse(1, 0).sum().execute() or 0)
    table = study.tables["customers"]
    idle = int(table.anti_join(people, "customer_id").count().execute())
    notes = []
    if missing:
        notes.append(sentence("{n} customers who bought have no row in the table customers.", n=missing))
    if idle:
        notes.append(
            sentence(
                "{n} rows of the table customers belong to nobody who bought; they are in no segment.", n=idle
            )
        )
    return notes


def _mean(study: Study, row: Mapping[Any, Any]) -> Estimate:
    limits = float(row["value_low"]), float(row["value_high"])
    return Estimate(str(row["measure"]), float(row["value"]), _unit(study, row), int(row["n"]), *limits)


def _unit(study: Study, row: Mapping[Any, Any]) -> str:
    units = {"revenue": study.currency, "n_orders": "ratio", "days_since_last": "days"}
    return units[str(row["measure"])]


def _text(study: Study, row: Mapping[Any, Any], name: str) -> str:
    return value_text(float(row[name]), _unit(study, row))
