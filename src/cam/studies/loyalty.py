"""Study 03, the profitability x loyalty matrix: which customers are worth what effort."""

from __future__ import annotations

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, Z, proportion
from cam.language import named, sentence, value_text
from cam.language import translate as _
from cam.measures.value.segment_value import matrix
from cam.reduce.segment_value import median_rate, place_customers, quadrant_sums
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, needs

#: Quadrants of fewer customers tell nothing apart.
_FEWEST = 100
#: Time since the first purchase that gives a profit per year.
MIN_DAYS = 91
#: From this probability of being alive on a customer is loyal; between the other two it is anybody's guess.
LOYAL_FROM, UNSURE = 0.5, (0.25, 0.75)

_ACTIONS = {
    "true_friends": "Keep them: good service, no pestering, no discount to those who buy anyway.",
    "butterflies": "Earn while they are here, then let go: no money to win back who has left.",
    "barnacles": "Find out whether they could spend more. If so, sell more; if not, serve them at less cost.",
    "strangers": "Invest nothing: each order has to pay for itself.",
}


@needs()
def place(study: Study, people: ir.Table) -> ir.Table | CannotSay:
    """Measure profit per year and loyalty of each customer."""
    if "profit" not in people.columns:
        return CannotSay(
            _("Profit and loyalty cannot be set against each other: profit is not known."),
            _("Set value.margin_rate, or map the column cost under data.transactions.columns.")
            if "margin" not in people.columns
            else "",
        )
    if not {"T", "n_orders"} <= set(people.columns):
        return CannotSay(
            _("Profit and loyalty are set against each other only where customers can leave without a word.")
        )
    if "p_alive" in people.columns and people.p_alive.min().execute() == 1:
        return CannotSay(
            _(
                "Profit and loyalty cannot be set against each other: the model in use takes all as equally loyal."
            )
        )
    placed = place_customers(people, min_days=MIN_DAYS, has_alive="p_alive" in people.columns)
    return study.engine.create_table("customer_places", placed, overwrite=True)


@needs()
def profit_line(study: Study, placed: ir.Table) -> Estimate | CannotSay:
    """Draw the line of profit: the median profit per year of the customers who can be placed."""
    row = median_rate(placed).execute().iloc[0]
    if int(row["n"]) < _FEWEST:
        return CannotSay(
            sentence(
                "Profit and loyalty cannot be set against each other: {n} customers can be placed, {fewest} are "
                "needed.",
                n=int(row["n"]),
                fewest=_FEWEST,
            )
        )
    if float(row["median"]) <= 0:
        return CannotSay(
            _(
                "Profit and loyalty are not set against each other: half of the customers or more earn no profit."
            )
        )
    return Estimate("profit_per_year_median", float(row["median"]), study.currency, int(row["n"]))


@needs()
def loyalty_matrix(study: Study, placed: ir.Table, line: Estimate) -> pd.DataFrame:
    """Count the four quadrants and the profit that they hold."""
    sums = quadrant_sums(placed, line=line.value, loyal_from=LOYAL_FROM, unsure=UNSURE, z=Z)
    return matrix(sums.execute())


@needs()
def show_matrix(
    study: Study, people: ir.Table, placed: ir.Table, line: Estimate, table: pd.DataFrame
) -> ShownTable | CannotSay:
    """Show the quadrants with what to do about each, where the lines are, and who could not be placed."""
    shown = table.assign(
        action=[_(_ACTIONS[name]) for name in table["quadrant"]], quadrant=table["quadrant"].map(named)
    )
    columns = [
        Col("quadrant", "Quadrant"),
        Col("n_customers", "Customers", "count"),
        Col("share", "of those placed", "share", "low", "high"),
        Col("profit_share", "of their profit", "share", "profit_share_low", "profit_share_high"),
        Col("near_share", "of them near a line", "share", may_be_empty=True),
        Col("action", "Next action"),
    ]
    loyalty = (
        "Loyal: a probability of being alive of {limit} or more, by the model of repeat buying."
        if "p_alive" in people.columns
        else "Loyal: (recency / T) to the power of the purchases after the first is {limit} or more; there is no model "
        "of repeat buying to give a probability."
    )
    notes = [
        sentence(
            "Profitable: more than {line} a year since the first purchase, the median of the customers placed.",
            line=value_text(line.value, line.unit),
        ),
        sentence(loyalty, limit=value_text(LOYAL_FROM, "share")),
        sentence(
            "Near a line: {profit} customers, whose few orders cannot tell their profit per year from the line, and "
            "{loyalty} with a loyalty between {low} and {high}; {both} in all are one or the other.",
            profit=int(table["n_near_profit"].sum()),
            loyalty=int(table["n_near_loyalty"].sum()),
            both=int(table["n_near"].sum()),
            low=value_text(UNSURE[0], "share"),
            high=value_text(UNSURE[1], "share"),
        ),
    ]
    return show_table(shown, columns, caption="Profitability x loyalty", notes=[*notes, *_unplaced(placed)])


# --- what the study says ------------------------------------------------------------------------


def findings(study: Study, table: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    """Say where effort is misplaced, and for how many customers the matrix cannot tell."""
    if isinstance(table, CannotSay):
        return [table]
    known = {str(one.segment["quadrant"]): one for one in _shares(table)}
    held = {str(one.segment["quadrant"]): one for one in _profit_shares(table)}
    advice = {
        "butterflies": "{share} of customers are profitable but probably gone or going (butterflies); they hold "
        "{profit} of profit so far. Do not count on it again, and do not pay to win them back without a test.",
        "barnacles": "{share} of customers are loyal but bring little (barnacles), {profit} of profit. Find out "
        "whether they could spend more before spending on them.",
    }
    said: list[str | CannotSay] = [
        sentence(words, share=known[name], profit=held[name])
        for name, words in advice.items()
        if name in held
    ]
    near = _near(table)
    said.append(
        sentence(
            "{near} of customers lie near a line of the matrix: treat their quadrant as a guess, and act first on "
            "those who lie far from it.",
            near=near,
        )
    )
    return said


def key_figures(study: Study, table: pd.DataFrame | CannotSay) -> list[Estimate | CannotSay]:
    """List the key figures of the matrix."""
    if isinstance(table, CannotSay):
        return [table]
    return [*_shares(table), *_profit_shares(table), _near(table)]


def _shares(table: pd.DataFrame) -> list[Estimate]:
    n = int(table["n_customers"].sum())
    return [
        proportion(
            "loyalty_quadrant_share", int(row["n_customers"]), n, segment={"quadrant": str(row["quadrant"])}
        )
        for row in table.to_dict("records")
    ]


def _profit_shares(table: pd.DataFrame) -> list[Estimate]:
    n = int(table["n_customers"].sum())
    return [
        Estimate(
            "loyalty_quadrant_profit_share",
            float(row["profit_share"]),
            "share",
            n,
            float(row["profit_share_low"]),
            float(row["profit_share_high"]),
            {"quadrant": str(row["quadrant"])},
        )
        for row in table.to_dict("records")
        if pd.notna(row["profit_share"])
    ]


def _near(table: pd.DataFrame) -> Estimate:
    return proportion("near_a_line_share", int(table["n_near"].sum()), int(table["n_customers"].sum()))


def _unplaced(placed: ir.Table) -> list[str]:
    """Say how many customers are in no quadrant, and why."""
    counts = placed.group_by("unplaced").aggregate(n=placed.count()).execute().set_index("unplaced")["n"]
    words = {
        "young": "{n} customers are not placed: their first purchase is less than {days} days ago.",
        "once": "{n} customers are not placed: they bought on one day only, and whether they are loyal cannot be seen "
        "from that.",
        "unknown": "{n} customers are not placed: the model of repeat buying gives them no probability.",
    }
    return [sentence(words[why], n=int(counts[why]), days=MIN_DAYS) for why in words if why in counts.index]
