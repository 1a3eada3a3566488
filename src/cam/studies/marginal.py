"""Study 03, second part: what the next customer of a channel costs, and what happens when spend moves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import sentence, together, value_text
from cam.language import translate as _
from cam.measures.value.marginal import (
    FEWEST_MONTHS,
    FEWEST_PER_MONTH,
    LEAST_SPREAD,
    PRESENT,
    ElasticityFit,
    elasticity_obstacle,
    fit_elasticity,
    shift_effect,
    spend_spread,
)
from cam.measures.value.marginal import marginal_cac as next_cost
from cam.measures.value.payback import DAYS_PER_MONTH
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, needs

#: The share of one channel's spend whose move is looked at: small enough to lie among the months seen.
SHARE = 0.10


def monthly_response(
    study: Study, months: pd.DataFrame | CannotSay, cycle: Estimate | CannotSay
) -> pd.DataFrame | CannotSay:
    """Lay out spend and new customers of each channel by month; media alone where the data tell kinds of cost apart.

    Commissions are paid for customers who came: they follow and do not bring, so they stand beside the spend.
    """
    if isinstance(months, CannotSay):
        return months
    if not months.loc[months["n_new"] > 0, "channel"].notna().any():
        return CannotSay(
            _("It is not known through which channel new customers came."),
            _("Map acquisition_channel and acquired_date under data.customers.columns."),
        )
    is_media = (
        months["cost_type"].eq("media") if "media" in set(months["cost_type"]) else months["cents"] != 0
    )
    is_commission = months["cost_type"].eq("commissions") & ~is_media
    # Whole months, because spend that is dated once a month says no more.
    later = 0 if isinstance(cycle, CannotSay) else round(cycle.value / DAYS_PER_MONTH)
    columns = pd.DataFrame(
        {
            "channel": months["channel"],
            "month": months["month"],
            "spend": months["cents"].where(is_media, 0) / 100,
            "commission": months["cents"].where(is_commission, 0) / 100,
            "n_new": months["n_new"],
        }
    )
    span = pd.date_range(months["month"].min(), months["month"].max(), freq="MS")
    channels = sorted(columns["channel"].dropna().unique())
    every = pd.MultiIndex.from_product([channels, span], names=["channel", "month"])
    table = columns.groupby(["channel", "month"]).sum().reindex(every, fill_value=0)
    table["spend"] = table.groupby("channel")["spend"].shift(later)
    return table.dropna(subset="spend").reset_index()


@needs()
def elasticities(study: Study, response: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Fit how new customers followed spend in each channel, or note what keeps it from being fitted."""
    rows = []
    for channel, own in response[response["spend"] > 0].groupby("channel", sort=True):
        whole = response[response["channel"] == channel].reset_index(drop=True)
        rows.append({"channel": channel} | _fitted(study, whole, own))
    if not rows:
        return CannotSay(_("No channel has spend that could be set against its new customers by month."))
    table = pd.DataFrame(rows)
    return table.sort_values(["marginal", "channel"], na_position="last").reset_index(drop=True)


@needs()
def show_marginal(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show average and next cost by channel, and why some have none."""
    money = study.currency
    columns = [
        Col("channel", "Channel"),
        Col("n_months", "Months", "count"),
        Col("elasticity", "Elasticity", "ratio", "elasticity_low", "elasticity_high"),
        Col("average", "Average cost", money),
        Col("marginal", "Cost of the next customer", money, "marginal_low", "marginal_high"),
    ]
    notes = [
        sentence("{channel}: {reason}", channel=_(str(row["channel"])), reason=_reason(row))
        for row in table.to_dict("records")
        if row["obstacle"]
    ]
    return show_table(
        table,
        columns,
        caption="What the next customer costs",
        note=sentence(
            "Media and commissions where the data tell them apart, else all spend; present cost: the last {n} months.",
            n=PRESENT,
        ),
        notes=notes,
    )


@needs()
def next_costs(study: Study, table: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Pick the channels in which it can be seen what the next customer costs, the cheapest first."""
    known = table[table["marginal"].notna()].reset_index(drop=True)
    if len(known):
        return known
    return CannotSay(
        _("In no channel can it be seen what the next customer costs."),
        together(*dict.fromkeys(_reason(row) for row in table.to_dict("records"))),
    )


@needs()
def moves(study: Study, table: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Return what moving a tenth of one channel's spend to another would have changed, for every two channels."""
    known = table[table["marginal"].notna()].to_dict("records")
    # More than a month in which it was tried is beyond what the data can say.
    pairs = [
        (taken, given)
        for taken in known
        for given in known
        if taken is not given
        and given["spend"] + SHARE * taken["spend"] <= given["most"] * given["n_present"]
    ]
    rows = [
        {"taken": taken["channel"], "given": given["channel"], "amount": SHARE * taken["spend"]}
        | _effect(taken, given, len(pairs))
        for taken, given in pairs
    ]
    if rows:
        return pd.DataFrame(rows).sort_values("gain", ascending=False, kind="stable").reset_index(drop=True)
    reasons = [_reason(row) for row in table.to_dict("records") if row["obstacle"]]
    return CannotSay(
        _("What moving spend between channels would change is not said: fewer than two channels show it."),
        together(*dict.fromkeys(reasons)),
    )


@needs()
def show_moves(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the customers gained by each move, the best first."""
    columns = [
        Col("taken", "From"),
        Col("given", "To"),
        Col("amount", "Moved", study.currency),
        Col("gain", "New customers gained", "count", "low", "high"),
    ]
    note = sentence(
        "A tenth of the first channel's spend of the last {n} months; the intervals allow for {pairs} moves at once.",
        n=PRESENT,
        pairs=len(table),
    )
    return show_table(
        table, columns, caption="If a tenth of a channel's spend had gone to another", note=note, max_rows=8
    )


def marginal_figures(study: Study, table: pd.DataFrame | CannotSay) -> list[Estimate | CannotSay]:
    """List elasticity and marginal cost by channel."""
    if isinstance(table, CannotSay):
        return [table]
    figures: list[Estimate | CannotSay] = []
    for row in table[table["elasticity"].notna()].to_dict("records"):
        name = {"channel": str(row["channel"])}
        figures.append(
            Estimate(
                "spend_elasticity",
                row["elasticity"],
                "ratio",
                int(row["n_months"]),
                row["elasticity_low"],
                row["elasticity_high"],
                name,
            )
        )
        if not pd.isna(row["marginal"]):
            figures.append(_marginal(study, row))
    return figures


def marginal_findings(
    study: Study, table: pd.DataFrame | CannotSay, shifted: pd.DataFrame | CannotSay
) -> list[str | CannotSay]:
    """Say where the next customer is dearest and cheapest, and what moving money would have changed."""
    if isinstance(table, CannotSay):
        return [table]
    if isinstance(shifted, CannotSay):
        return [shifted]
    known = table[table["marginal"].notna()].set_index("channel", drop=False)
    best = shifted.iloc[0]
    dear, cheap = known.loc[best["taken"]].to_dict(), known.loc[best["given"]].to_dict()
    gain = Estimate("customers_gained", best["gain"], "count", int(best["n"]), best["low"], best["high"])
    words = (
        "The next customer cost {dear_cost} in {dear}, {cheap_cost} in {cheap}. A tenth of {dear}'s spend ({amount}) "
        "would have won {gain} more customers in {cheap} than it lost, if spend is what brought them: try it in a "
        "few places first."
        if best["low"] > 0
        else "The next customer cost {dear_cost} in {dear}, {cheap_cost} in {cheap}. Moving a tenth of {dear}'s spend "
        "({amount}) would have changed new customers by {gain}: within chance. Leave the budget as it is, or vary "
        "it on purpose to learn more."
    )
    return [
        sentence(
            words,
            dear=_(str(dear["channel"])),
            cheap=_(str(cheap["channel"])),
            dear_cost=_marginal(study, dear),
            cheap_cost=_marginal(study, cheap),
            amount=value_text(float(best["amount"]), study.currency),
            gain=gain,
        )
    ]


def _fitted(study: Study, whole: pd.DataFrame, spent: pd.DataFrame) -> dict[str, Any]:
    """One channel: its elasticity, its present average and next cost, or what keeps them from being said."""
    present = whole.tail(PRESENT)
    spend, n_new = float(present["spend"].sum()), int(present["n_new"].sum())
    each = float(present["commission"].sum()) / n_new if n_new else math.nan
    row: dict[str, Any] = {
        "n_months": len(spent),
        "spread": spend_spread(whole) if len(spent) >= FEWEST_MONTHS else math.nan,
        "spend": spend,
        "n_new": n_new,
        "n_present": len(present),
        "most": float(whole["spend"].max()),
        "average": spend / n_new + each if n_new else math.nan,
        **dict.fromkeys(("elasticity", "elasticity_low", "elasticity_high", "se", "dispersion"), math.nan),
        **dict.fromkeys(("marginal", "marginal_low", "marginal_high"), math.nan),
        "df": 0,
        "has_trend": False,
        "has_season": False,
        "obstacle": elasticity_obstacle(whole),
    }
    if row["obstacle"]:
        return row
    fit = fit_elasticity(whole)
    row |= {
        "elasticity": fit.elasticity,
        "elasticity_low": fit.low,
        "elasticity_high": fit.high,
        "se": fit.se,
        "dispersion": fit.dispersion,
        "df": fit.df,
        "has_trend": fit.has_trend,
        "has_season": fit.has_season,
    }
    if fit.low <= 0:
        return row | {"obstacle": "not_shown"}
    if spend <= 0 or not n_new:
        return row | {"obstacle": "not_now"}
    cost = next_cost(fit, spend=spend, n_new=n_new, currency=study.currency, per_customer=each)
    return row | {"marginal": cost.value, "marginal_low": cost.low, "marginal_high": cost.high}


def _effect(
    taken: Mapping[str, Any], given: Mapping[str, Any], n_comparisons: int
) -> dict[str, float | int | None]:
    sides = [(_fit(row), float(row["spend"]), int(row["n_new"])) for row in (taken, given)]
    gain = shift_effect(sides[0], sides[1], share=SHARE, n_comparisons=n_comparisons)
    return {"gain": gain.value, "low": gain.low, "high": gain.high, "n": gain.n}


def _fit(row: Mapping[str, Any]) -> ElasticityFit:
    return ElasticityFit(
        row["elasticity"],
        row["se"],
        row["elasticity_low"],
        row["elasticity_high"],
        row["n_months"],
        row["df"],
        row["dispersion"],
        row["has_trend"],
        row["has_season"],
    )


def _marginal(study: Study, row: Mapping[str, Any]) -> Estimate:
    return Estimate(
        "marginal_cac",
        row["marginal"],
        study.currency,
        int(row["n_new"]),
        row["marginal_low"],
        row["marginal_high"],
        {"channel": str(row["channel"])},
    )


def _reason(row: Mapping[str, Any]) -> str:
    if row["obstacle"] == "few_months":
        return sentence(
            "{n} months with spend are too few, {fewest} are needed.",
            n=int(row["n_months"]),
            fewest=FEWEST_MONTHS,
        )
    if row["obstacle"] == "few_customers":
        return sentence("Fewer than {fewest} new customers a month came.", fewest=FEWEST_PER_MONTH)
    if row["obstacle"] == "steady_spend":
        return sentence(
            "Apart from trend and season, spend moved by {spread} only; {least} are needed to see what follows it.",
            spread=value_text(row["spread"], "share"),
            least=value_text(LEAST_SPREAD, "share"),
        )
    if row["obstacle"] == "not_now":
        return _("There was no spend, or no new customer, in the last months.")
    return _("New customers did not visibly rise and fall with spend.")
