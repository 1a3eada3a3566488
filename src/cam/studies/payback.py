"""Study 03, second part: when a new customer has paid for itself, and what one is worth per unit of its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cam.estimate import CannotSay, Estimate, Finding
from cam.language import listed, sentence, together, value_text
from cam.language import translate as _
from cam.measures.value.acquisition import cac_by_period
from cam.measures.value.future import weekly_discount
from cam.measures.value.payback import (
    FEWEST,
    clv_to_cac,
    margin_curves,
    pooled_curve,
)
from cam.measures.value.payback import payback as find_payback
from cam.reduce.payback import cohort_sizes, margin_by_age, quarter_cohorts
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.acquisition import acquired_customers
from cam.studies.margin import lacks_margin, margin_words
from cam.studies.study import Study, needs


@needs("transactions")
def cohort_margins(study: Study, decided: str, months: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Sum the discounted margin of each quarter's new customers by months since acquisition."""
    if decided == "contractual":
        return CannotSay(
            _(
                "Payback is counted from orders; a contract's fees are not set against the cost of winning it here."
            )
        )
    people = acquired_customers(study)
    lacking = people if isinstance(people, CannotSay) else lacks_margin(study, decided)
    if lacking or isinstance(people, CannotSay):
        return lacking
    quarters = cac_by_period(months, freq="Q", currency=study.currency)["period"]
    if quarters.empty:
        return CannotSay(_("Payback needs at least one whole quarter with both spend and new customers."))
    first, last = (pd.Period(quarters.iloc[place].replace("-", ""), "Q") for place in (0, -1))
    cohorts = study.engine.create_table(
        "acquisition_cohorts",
        quarter_cohorts(people, first=first.start_time.date(), last=last.end_time.date()),
        overwrite=True,
    )
    sums = margin_by_age(
        study.tables["transactions"],
        cohorts,
        as_of=study.as_of,
        daily_discount=weekly_discount(study.params.value.annual_discount_rate) / 7,
        margin_rate=study.params.value.margin_rate,
    ).execute()
    sizes = cohort_sizes(cohorts).execute()
    # A cohort without an order stays, with a margin of nothing.
    table = sizes.merge(sums, on="cohort", how="left")
    return table.fillna({"age": 0, "n_rows": 0, "margin": 0, "squares": 0})


@needs()
def payback_curves(study: Study, sums: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Return the cumulative discounted margin per customer by months since acquisition, of each cohort and of all."""
    sizes = sums[["cohort", "n_customers", "last_day"]].drop_duplicates("cohort")
    curves = margin_curves(sums, sizes, as_of=study.as_of)
    if curves.empty:
        return CannotSay(
            sentence("No quarter has {fewest} new customers, so payback is not said.", fewest=FEWEST)
        )
    pooled = pooled_curve(curves, min_months=study.params.value.horizon_months)
    return pd.concat([pooled, curves], ignore_index=True)


@needs()
def payback(study: Study, curves: pd.DataFrame, months: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Find after how many months each cohort's margin has paid for its acquisition; all old enough together first."""
    costs = cac_by_period(months, freq="Q", currency=study.currency).rename(columns={"period": "cohort"})
    pooled = curves[curves["cohort"] == "all"]
    if len(pooled):
        inside = costs[costs["cohort"].isin(pooled["cohorts"].iloc[0])]
        total = {"cohort": "all", "spend": inside["spend"].sum(), "n_new": inside["n_new"].sum()}
        costs = pd.concat([pd.DataFrame([total]), costs], ignore_index=True)
    table = find_payback(curves, costs, currency=study.currency)
    if table.empty:
        return CannotSay(_("No quarter has spend as well as new customers, so nothing is to be paid back."))
    return pd.concat([table[table["cohort"] == "all"], table[table["cohort"] != "all"]], ignore_index=True)


@needs()
def show_payback(
    study: Study, decided: str, sums: pd.DataFrame, table: pd.DataFrame
) -> ShownTable | CannotSay:
    """Show cost, payback and margin so far of each cohort; one that has not paid back yet says so."""
    rows = table.assign(
        cohort=table["cohort"].where(table["cohort"] != "all", _old_enough(study)),
        paid=[_payback_text(row) for row in table.to_dict("records")],
    )
    columns = [
        Col("cohort", "Won in", ordered=True),
        Col("n_customers", "Customers", "count"),
        Col("cac", "Cost per new customer", study.currency, "cac_low", "cac_high"),
        Col("paid", "Paid back after"),
        Col("months_seen", "Months seen", "count"),
        Col("margin", "Discounted margin by then", study.currency, "margin_low", "margin_high"),
    ]
    n_before = int(sums.loc[sums["age"] < 0, "n_rows"].sum())
    small = sorted(set(sums["cohort"]) - set(table["cohort"]))
    notes = [
        sentence(
            "Margin: {margin}. Discounted at {rate} a year from the day of acquisition.",
            margin=margin_words(study, decided),
            rate=value_text(study.params.value.annual_discount_rate, "share"),
        )
    ]
    if n_before:
        notes.append(
            sentence(
                "{n} rows of transactions lie before their customer's acquisition and are left out.",
                n=n_before,
            )
        )
    if small:
        notes.append(
            sentence(
                "Not shown, for fewer than {fewest} new customers or no spend: {names}.",
                fewest=FEWEST,
                names=listed(small),
            )
        )
    return show_table(
        rows, columns, caption="When a new customer has paid for itself", notes=notes, max_rows=24
    )


def payback_figures(study: Study, table: pd.DataFrame | CannotSay) -> list[Estimate | CannotSay]:
    """List payback by cohort; what is censored, or open at one end, is no number yet and is left to the sentences."""
    if isinstance(table, CannotSay):
        return [table]
    known = table[table[["payback_months", "low", "high"]].notna().all(axis=1)]
    return [_estimate(row) for row in known.to_dict("records")]


def payback_findings(study: Study, table: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    """Say when a new customer has paid for itself, or that it has not been seen yet."""
    if isinstance(table, CannotSay):
        return [table]
    row = table.iloc[0].to_dict()
    if row["cohort"] != "all":
        return [
            CannotSay(
                sentence(
                    "Payback of all new customers together is not said: no quarter has been seen for {n} months "
                    "(value.horizon_months).",
                    n=study.params.value.horizon_months,
                )
            )
        ]
    worth = Estimate(
        "margin", row["margin"], study.currency, row["n_customers"], row["margin_low"], row["margin_high"]
    )
    cost = Estimate("cac", row["cac"], study.currency, row["n_customers"], row["cac_low"], row["cac_high"])
    if pd.isna(row["payback_months"]):
        return [
            sentence(
                "New customers have not paid for themselves within {n} months: {margin} of discounted margin each, "
                "against {cac}. Do not grow faster on borrowed money before the first orders earn more or winning "
                "costs less.",
                n=int(row["months_seen"]),
                margin=worth,
                cac=cost,
            )
        ]
    if pd.isna(row["high"]):
        return [
            sentence(
                "New customers seem to have paid for themselves after {paid}, but that is not certain: what {n} "
                "months brought, {margin}, may still lie below the cost, {cac}.",
                paid=value_text(row["payback_months"], "months"),
                n=int(row["months_seen"]),
                margin=worth,
                cac=cost,
            )
        ]
    return [
        sentence(
            "A new customer has paid for itself, in discounted margin, after {paid}: {cac} were spent on each. For so "
            "long growth ties up cash; plan it with the upper limit.",
            paid=_estimate(row),
            cac=cost,
        )
    ]


# --- worth against cost ---------------------------------------------------------------------------


@needs()
def ratio_by_channel(
    study: Study, clv_by_channel: pd.DataFrame, channels: pd.DataFrame
) -> pd.DataFrame | CannotSay:
    """Divide what a new customer of each channel is worth by what one costs.

    *clv_by_channel* has ``channel``, ``clv``, ``low``, ``high`` (discounted margin from acquisition on) and ``n``;
    *channels* is as from :func:`cam.studies.acquisition.cost_by_channel`.
    """
    rated = channels[channels["cac"].notna()].set_index("channel")
    rows = []
    for row in clv_by_channel.dropna(subset=["clv", "low", "high"]).to_dict("records"):
        if row["channel"] not in rated.index:
            continue
        cost = rated.loc[row["channel"]]
        money, name = study.currency, {"channel": str(row["channel"])}
        worth = Estimate("clv", row["clv"], money, int(row["n"]), row["low"], row["high"], name)
        ratio = clv_to_cac(
            worth, Estimate("cac", cost["cac"], money, int(cost["n_new"]), cost["low"], cost["high"], name)
        )
        rows.append(
            {
                "channel": row["channel"],
                "clv": worth.value,
                "clv_low": worth.low,
                "clv_high": worth.high,
                "cac": float(cost["cac"]),
                "cac_low": float(cost["low"]),
                "cac_high": float(cost["high"]),
                "spend": float(cost["spend"]),
                "ratio": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
                "n": ratio.n,
            }
        )
    if not rows:
        return CannotSay(
            _(
                "No channel has both a worth and a cost per new customer, so the one is not divided by the other."
            ),
            _("Call channels the same in spend.channel and customers.acquisition_channel."),
        )
    table = pd.DataFrame(rows).sort_values(["ratio", "channel"], ascending=[False, True])
    return table.reset_index(drop=True)


@needs()
def whole_ratio(study: Study, new: list[Estimate | CannotSay], total: Estimate) -> Estimate | CannotSay:
    """Divide what a new customer is worth, all channels together, by what one costs; for ever where that is known."""
    worths = [one for one in new if isinstance(one, Estimate)]
    if not worths:
        return next(one for one in new if isinstance(one, CannotSay))
    return clv_to_cac(worths[-1], total, segment={"channel": "all"})


def show_ratios(
    study: Study, ratios: pd.DataFrame | CannotSay, whole: Estimate | CannotSay
) -> ShownTable | CannotSay:
    """Show worth, cost and ratio by channel, the best first, and what all channels come to."""
    if isinstance(ratios, CannotSay):
        return ratios
    money = study.currency
    columns = [
        Col("channel", "Channel"),
        Col("clv", "CLV of a new customer", money, "clv_low", "clv_high"),
        Col("cac", "Cost per new customer", money, "cac_low", "cac_high"),
        Col("ratio", "CLV to CAC", "ratio", "low", "high"),
        Col("n", "n", "count"),
    ]
    note = sentence("All channels together: {ratio}.", ratio=whole) if isinstance(whole, Estimate) else ""
    return show_table(ratios, columns, caption="What a new customer is worth per unit of its cost", note=note)


def ratio_figures(
    study: Study, ratios: pd.DataFrame | CannotSay, whole: Estimate | CannotSay
) -> list[Estimate | CannotSay]:
    """List ``clv_to_cac``, over all channels and by channel.

    A channel that is itself called "all" is left out: it would stand for the whole.
    """
    if isinstance(ratios, CannotSay):
        return [whole, ratios]
    return [whole, *(_ratio(row) for row in ratios.to_dict("records") if row["channel"] != "all")]


def ratio_findings(study: Study, ratios: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    """Say which channels' customers are not worth their cost, or how far the best and the worst lie apart."""
    if isinstance(ratios, CannotSay):
        return [ratios]
    rows = ratios.to_dict("records")
    best, worst = rows[0], rows[-1]
    said: list[str | CannotSay] = []
    losing = [row for row in rows if row["high"] < 1]
    if losing:
        text = sentence(
            "Customers from {names} are worth less than they cost (CLV to CAC of {worst}: {ratio}). Stop, or find "
            "cheaper ways in.",
            names=listed(_(str(row["channel"])) for row in losing),
            ratio=_ratio(worst),
            worst=_(str(worst["channel"])),
        )
        said.append(Finding(text, stake=_overpaid(study, losing), can_be_moved=True))
    elif len(rows) > 1:
        words = (
            "Per unit of cost, a new customer from {best} is worth {high}, one from {worst} {low}. Look at the "
            "next customer's cost there before money moves."
            if worst["high"] < best["low"]
            else "From {worst} ({low}) to {best} ({high}), the channels' worth per unit of cost is not told apart. Do "
            "not move money on this alone."
        )
        said.append(
            sentence(
                words,
                best=_(str(best["channel"])),
                worst=_(str(worst["channel"])),
                high=_ratio(best),
                low=_ratio(worst),
            )
        )
    return said


def _estimate(row: Mapping[str, Any]) -> Estimate:
    return Estimate(
        "payback_months",
        float(row["payback_months"]),
        "months",
        int(row["n_customers"]),
        float(row["low"]),
        float(row["high"]),
        {"cohort": str(row["cohort"])},
    )


def _overpaid(study: Study, losing: Sequence[Mapping[str, Any]]) -> Estimate:
    """What was spent in these channels beyond what their customers are worth; limits add up, as if all missed alike."""
    value, low, high = (
        sum(row["spend"] * (1 - row[name]) for row in losing) for name in ("ratio", "high", "low")
    )
    return Estimate("overpaid", value, study.currency, sum(int(row["n"]) for row in losing), low, high)


def _ratio(row: Mapping[str, Any]) -> Estimate:
    return Estimate(
        "clv_to_cac",
        row["ratio"],
        "ratio",
        row["n"],
        row["low"],
        row["high"],
        {"channel": str(row["channel"])},
    )


def _payback_text(row: Mapping[str, Any]) -> str:
    if pd.isna(row["payback_months"]):
        if not row["months_seen"]:
            return _("not on the first day; the youngest have not been seen for a month")
        text = sentence("not within {n} months", n=int(row["months_seen"]))
        if pd.isna(row["low"]):
            return text
        # The upper limit of the margin has reached the cost: it may have happened, unseen by the mean.
        return together(text, sentence("(at the earliest after {low})", low=value_text(row["low"], "months")))
    paid = sentence("{n} months", n=int(row["payback_months"]))
    if pd.isna(row["high"]):
        return sentence(
            "{paid} ({low}, or not within {n} months)",
            paid=paid,
            low=value_text(row["low"], "months"),
            n=int(row["months_seen"]),
        )
    return sentence(
        "{months} months ({low} to {high})",
        months=int(row["payback_months"]),
        low=int(row["low"]),
        high=int(row["high"]),
    )


def _old_enough(study: Study) -> str:
    return sentence("all seen for {n} months or more", n=study.params.value.horizon_months)
