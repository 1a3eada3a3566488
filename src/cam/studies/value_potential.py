"""Study 01, value x potential: what customers have brought against what could still come, and what to do with each."""

from __future__ import annotations

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import named, sentence, together
from cam.language import translate as _
from cam.measures.segmentation.value_matrix import median_ranks, value_matrix
from cam.reduce.value_potential import at_ranks, density_grid, middle, name_quadrants, value_quadrant_sums
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, needs
from cam.studies.value_axes import ONE_AXIS, Basis, basis, correlation, place, show_axes

__all__ = [
    "basis",
    "correlation",
    "density",
    "findings",
    "key_figures",
    "lines",
    "matrix",
    "place",
    "quadrants",
    "show_axes",
    "show_matrix",
    "strategy",
]

#: The figure is even up to a tenth of a line, and logarithmic beyond.
_TENTH = 0.1
_ADVICE = {
    "stars": "Keep and grow: the best service, and offers of what they do not buy here yet.",
    "high_consumption": "Protect: look after them well; there is little more to win, but much to lose.",
    "potential": "Grow: find out what keeps them from buying more here, and test an offer.",
    "low_value": "Serve at low cost: standard offers, self-service, no effort of their own.",
    "negative_value": "Reprice or release: charge for what serving them costs, or let them go.",
}


@needs()
def lines(study: Study, placed: ir.Table, base: Basis) -> list[Estimate] | CannotSay:
    """Draw the two lines: where the parameter file sets them, else the medians of those who have more than nothing."""
    asked, fewest = study.params.segmentation, study.params.segmentation.min_group
    n = int(placed.filter(placed.unplaced.isnull()).count().execute())
    if n < fewest:
        return CannotSay(
            sentence(
                "Value and potential cannot be set against each other: {n} customers can be placed, {fewest} are "
                "needed (segmentation.min_group).",
                n=n,
                fewest=fewest,
            )
        )
    found = []
    for name, column, given, unit in (
        ("value_line", "current_value", asked.value_line, base.unit),
        ("potential_line", "potential", asked.potential_line, study.currency),
    ):
        if given is not None:
            found.append(Estimate(name, given, unit))
            continue
        row = middle(placed, column).execute().iloc[0]
        above = int(row["n"])
        if not above:
            words = (
                _(
                    "Nobody has brought more than he or she cost, so there is no high and low value to tell apart."
                )
                if name == "value_line"
                else _("Nobody has any potential left, so there is no high and low potential to tell apart.")
            )
            return CannotSay(
                words, sentence("Set segmentation.{name}, if a line makes sense all the same.", name=name)
            )
        low, high = median_ranks(above)
        limits = at_ranks(placed, column, low=low, high=high).execute().iloc[0]
        found.append(
            Estimate(name, float(row["median"]), unit, above, float(limits["low"]), float(limits["high"]))
        )
    return found


@needs()
def quadrants(study: Study, placed: ir.Table, drawn: list[Estimate]) -> ir.Table:
    """Name each customer's quadrant, and mark who is near a line, inside the engine."""
    value, potential = drawn
    limits = None if value.low is None or value.high is None else (value.low, value.high)
    named_ = name_quadrants(
        placed, value_line=value.value, potential_line=potential.value, value_limits=limits
    )
    return study.engine.create_table("value_quadrants", named_, overwrite=True)


@needs()
def matrix(study: Study, four: ir.Table) -> pd.DataFrame:
    """Count the quadrants, and what they hold of value and potential."""
    return value_matrix(value_quadrant_sums(four).execute())


@needs()
def density(study: Study, placed: ir.Table, drawn: list[Estimate]) -> pd.DataFrame:
    """Count the customers in the cells of a grid, for the figure: never a row per customer."""
    scales = [max(_TENTH * abs(line.value), 0.01) for line in drawn]
    found = density_grid(placed, value_scale=scales[0], potential_scale=scales[1]).execute()
    return found.assign(value_scale=scales[0], potential_scale=scales[1])


@needs()
def show_matrix(study: Study, base: Basis, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the quadrants with what they hold; what to do for each customer is the action table's."""
    shown = table.assign(quadrant=table["quadrant"].map(named))
    columns = [
        Col("quadrant", "Quadrant"),
        Col("n_customers", "Customers", "count"),
        Col("share", "of those placed", "share", "low", "high"),
        Col("value_share", "of current value", "share", "value_share_low", "value_share_high"),
        Col("potential_share", "of potential", "share", "potential_share_low", "potential_share_high"),
        Col("near_share", "near a line", "share", "near_low", "near_high", may_be_empty=True),
    ]
    own = (
        _(
            "Near that of potential is who could stand on its other side by chance alone, with as few purchases a year "
            "as he or she makes. How far the wallet itself is off is not known, and not counted."
        )
        if base.potential == "wallet_gap"
        else _("Near that of potential is whose own interval of residual CLV holds it.")
    )
    notes = [
        sentence(
            "Near a line: {potential} customers near that of potential, {value} near that of value; {both} in all.",
            potential=int(table["n_near_potential"].sum()),
            value=int(table["n_near_value"].sum()),
            both=int(table["n_near"].sum()),
        ),
        together(own, _("Near that of value is who lies within its interval: what was brought is a fact.")),
    ]
    return show_table(shown, columns, caption="Value x potential", notes=notes)


def strategy(study: Study, quadrant: str) -> str:
    """Return what is done for a quadrant: by the parameter file, else the report's own advice."""
    return getattr(study.params.segmentation.treatments, quadrant) or _(_ADVICE[quadrant])


# --- what the study says ------------------------------------------------------------------------


def findings(
    study: Study, table: pd.DataFrame | CannotSay, r: Estimate | CannotSay | None
) -> list[str | CannotSay]:
    """Say where there is room to grow, who costs money, and how many stand too near a line to be told."""
    if isinstance(table, CannotSay):
        return [table]
    shares, held, room = (
        {str(one.segment["quadrant"]): one for one in each}
        for each in (_shares(table), _held(table, "value"), _held(table, "potential"))
    )
    found: list[str | CannotSay] = []
    if isinstance(r, Estimate) and r.value >= ONE_AXIS:
        found.append(
            sentence(
                "Value and potential rank customers almost alike (rank correlation {r}), so the matrix tells little "
                "beyond value. Find out what customers spend elsewhere (column wallet) to see who has room to grow.",
                r=r,
            )
        )
    elif "potential" in room and (room["potential"].low or 0) > (shares["potential"].high or 1):
        found.append(
            sentence(
                "{share} of customers have brought little so far but hold {room} of all potential. Test an offer on "
                "those of them who bought lately: that is where growth is.",
                share=shares["potential"],
                room=room["potential"],
            )
        )
    elif (
        "stars" in room
        and "stars" in held
        and round(shares["stars"].value * (shares["stars"].n or 0)) >= (study.params.segmentation.min_group)
    ):
        found.append(
            sentence(
                "The stars, {share} of customers, have brought {held} of current value and hold {room} of all "
                "potential. Keep them before winning anyone else.",
                share=shares["stars"],
                held=held["stars"],
                room=room["stars"],
            )
        )
    if shares["negative_value"].value:
        found.append(
            sentence(
                "{share} of customers have cost more than they brought. Charge for what serving them costs, or let "
                "them go.",
                share=shares["negative_value"],
            )
        )
    if _near(table).value:
        found.append(
            sentence(
                "{near} of customers stand so near a line of value or potential that their quadrant is a guess. Begin "
                "with those far from it.",
                near=_near(table),
            )
        )
    return found


def key_figures(
    study: Study,
    drawn: list[Estimate] | CannotSay,
    table: pd.DataFrame | CannotSay,
    r: Estimate | CannotSay | None,
) -> list[Estimate | CannotSay]:
    """List the key figures of the matrix."""
    if isinstance(drawn, CannotSay) or isinstance(table, CannotSay):
        return [next(each for each in (drawn, table) if isinstance(each, CannotSay))]
    return [
        *drawn,
        *([r] if isinstance(r, Estimate) else []),
        *_shares(table),
        *_held(table, "value"),
        *_held(table, "potential"),
        _near(table),
    ]


def _shares(table: pd.DataFrame) -> list[Estimate]:
    n = int(table["n_customers"].sum())
    return [
        proportion(
            "value_quadrant_share", int(row["n_customers"]), n, segment={"quadrant": str(row["quadrant"])}
        )
        for row in table.to_dict("records")
    ]


def _held(table: pd.DataFrame, what: str) -> list[Estimate]:
    n = int(table["n_customers"].sum())
    return [
        Estimate(
            f"value_quadrant_{what}_share",
            float(row[f"{what}_share"]),
            "share",
            n,
            float(row[f"{what}_share_low"]),
            float(row[f"{what}_share_high"]),
            {"quadrant": str(row["quadrant"])},
        )
        for row in table.to_dict("records")
        if pd.notna(row[f"{what}_share"])
    ]


def _near(table: pd.DataFrame) -> Estimate:
    n = int(table["n_customers"].sum())
    return proportion(
        "near_a_line_share", int(table["n_near"].sum()), n, segment={"matrix": "value_potential"}
    )
