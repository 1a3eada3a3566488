"""Study 01, geography: where the customers are, and where they bring more or less than elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import named, sentence
from cam.language import translate as _
from cam.measures.segmentation.effect_sizes import with_others
from cam.measures.segmentation.profiles import LEAST_DEVIATIONS, rate_means
from cam.measures.value.segment_value import group_values
from cam.reduce.segment_value import group_sums
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.profiles import MOST_LEVELS, PREFIX
from cam.studies.segment_value import level_text
from cam.studies.study import Study, needs

_VERDICTS = {
    "more": "more than elsewhere",
    "less": "less than elsewhere",
    "slight": "more than chance, but small",
    "chance": "no clear difference",
    "suppressed": "too few customers to be rated",
    "": "",
}


@needs()
def place_values(study: Study, people: ir.Table, chosen: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Say for each place how many customers it has, what they brought, and whether they bring more than the others."""
    places = list(chosen.loc[chosen["is_place"] & (chosen["use"] == "levels"), "column"])
    if not places:
        return CannotSay(
            _("No column of the table customers says where customers live."),
            _("Add one, such as region or city, or name it under segmentation.geography."),
        )
    if "revenue" not in people.columns:
        return CannotSay(_("The revenue of these customers is not known here."))
    return pd.concat([_one_place(people, name) for name in places], ignore_index=True).pipe(
        _rated, min_group=study.params.segmentation.min_group
    )


@needs()
def show_places(study: Study, places: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the places, the largest first, the rest together, and who lives nobody knows where."""
    shown = places.assign(
        attribute=places["attribute"].map(named),
        level=[level_text(str(row["kind"]), row["level"]) for row in places.to_dict("records")],
        verdict=[_(_VERDICTS[verdict]) for verdict in places["verdict"]],
    )
    several = places["attribute"].nunique() > 1
    columns = [
        *([Col("attribute", "Kind of place")] if several else []),
        Col("level", "Place"),
        Col("n_customers", "Customers", "count"),
        Col("customer_share", "of customers", "share"),
        Col("revenue_share", "of revenue", "share", "revenue_share_low", "revenue_share_high"),
        Col("revenue_mean", "Revenue per customer", study.currency, "revenue_mean_low", "revenue_mean_high"),
        Col("verdict", "Against all other places"),
    ]
    note = sentence(
        "Compared: revenue per customer, corrected for the number of places. Small: less than {least} standard "
        "deviations.",
        least=f"{LEAST_DEVIATIONS:g}",
    )
    return show_table(shown, columns, caption="Where customers are", note=note, max_rows=2 * MOST_LEVELS + 10)


def findings(study: Study, places: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    """Say whether customers of some place bring more than others."""
    if isinstance(places, CannotSay):
        return [places]
    rated = places[~places["verdict"].isin(["suppressed", ""]) & (places["kind"] == "level")]
    telling = rated[rated["verdict"].isin(["more", "less"])]
    if rated.empty:
        return []
    if telling.empty:
        return [
            sentence(
                "In none of {n} places do customers bring so much more or less than elsewhere that place should decide "
                "on an offer.",
                n=len(rated),
            )
        ]
    row = telling.loc[telling["difference"].abs().idxmax()].to_dict()
    return [
        sentence(
            "Revenue per customer differs by place beyond chance in {n} of {looked} places, most in {place}: {mean}, "
            "against {others} elsewhere. Look for what is different there before money moves.",
            n=len(telling),
            looked=len(rated),
            place=level_text(str(row["kind"]), row["level"]),
            mean=_mean(study, row),
            others=Estimate("revenue", float(row["others"]), study.currency),
        )
    ]


def key_figures(study: Study, places: pd.DataFrame | CannotSay) -> list[Estimate | CannotSay]:
    """List the revenue per customer of every place that could be rated."""
    if isinstance(places, CannotSay):
        return [places]
    rated = places[~places["verdict"].isin(["suppressed", ""])]
    return [_mean(study, row) for row in rated.to_dict("records")]


def _one_place(people: ir.Table, name: str) -> pd.DataFrame:
    sums = group_sums(people, PREFIX + name, ["revenue"], n_levels=MOST_LEVELS).execute()
    for column in ("n_revenue", "sum_revenue", "squared_revenue"):
        sums[column] = sums[column].map(int).astype(object)
    shown = group_values(sums, ("revenue",)).assign(attribute=name, unit=0.01)
    return shown.assign(n=sums["n_revenue"], sum=sums["sum_revenue"], squared=sums["squared_revenue"])


def _rated(values: pd.DataFrame, *, min_group: int) -> pd.DataFrame:
    """Rate each place against all others; who lives nobody knows where is no place."""
    is_place = values["kind"] != "missing"
    sums = values.loc[is_place, ["attribute", "n", "sum", "squared", "unit"]]
    if sums.empty:
        return values.assign(others=float("nan"), difference=float("nan"), verdict="")
    found = rate_means(with_others(sums), min_group=min_group)
    columns = ["others", "difference", "low", "high", "p_adjusted", "verdict"]
    return values.join(found[columns]).assign(verdict=lambda frame: frame["verdict"].fillna(""))


def _mean(study: Study, row: Mapping[Any, Any]) -> Estimate:
    segment = {"attribute": str(row["attribute"])}
    segment["level"] = str(row["level"]) if row["kind"] == "level" else "(all others)"
    limits = float(row["revenue_mean_low"]), float(row["revenue_mean_high"])
    n = int(row["n_customers"])
    return Estimate("place_revenue", float(row["revenue_mean"]), study.currency, n, *limits, segment)
