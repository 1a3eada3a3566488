"""Study 03, what it begins with: how customers leave, what they have brought so far, how far that hangs on few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import interval_text, named, period_text, sentence, together, value_text
from cam.language import translate as _
from cam.measures.value.occasions import FEW_DAYS, TimeFit, find_occasions, mean_steps
from cam.measures.value.profitability import (
    concentration,
    mean_per_customer,
    ratio_per_customer,
    top_share,
)
from cam.reduce.earnings import contract_earnings, customer_earnings, earnings_sums, ranked_groups
from cam.reduce.occasions import occasion_histories, purchase_days
from cam.reduce.summary import cells
from cam.show.tables import Col, ShownTable, show_pairs, show_table
from cam.studies.margin import has_cost, lacks_margin, margin_words
from cam.studies.study import Study, join_customers, needs

#: A curve by hundredths needs a customer in each.
_FEWEST_FOR_CURVE = 100
_CENT = 0.01
#: Findings on the page; the rest stands where it was found.
MOST_FINDINGS = 7


@needs()
def setting(study: Study) -> str | CannotSay:
    """Decide how customers leave: ``contractual`` or ``non_contractual``."""
    given = study.params.value.setting
    has = [name for name in ("transactions", "contracts") if name in study.tables]
    if given:
        return study.lacks("contracts" if given == "contractual" else "transactions") or given
    if len(has) == 2:
        return CannotSay(
            _("There are both transactions and contracts, and they measure value in different ways."),
            _(
                "Set value.setting: non_contractual where customers can leave without a word, contractual where "
                "they cancel."
            ),
        )
    if not has:
        return CannotSay(
            _("This needs the table transactions or contracts; the parameter file names neither."),
            _("Add one of them under data; params/template.yaml shows their columns."),
        )
    return "contractual" if has == ["contracts"] else "non_contractual"


@needs()
def timing(study: Study, decided: str) -> TimeFit | CannotSay | None:
    """Decide from the purchase days whether customers buy on any day or on occasions; None under contracts."""
    if decided == "contractual":
        return None
    transactions = study.tables["transactions"]
    if "purchase_days" not in study.engine.list_tables():
        study.engine.create_table("purchase_days", purchase_days(transactions, as_of=study.as_of))
    days = study.engine.table("purchase_days").order_by("day").execute()
    if days.empty:
        return CannotSay(_("Nobody has bought up to the last day seen."))
    timed = find_occasions(days, as_of=study.as_of)
    if not timed.spacing:
        return timed
    given = study.engine.create_table("occasion_days", timed.days, overwrite=True)
    people = occasion_histories(transactions, given, as_of=study.as_of, n_seen=timed.n_occasions)
    keys = ["frequency", "recency", "n_opportunities"]
    return replace(timed, steps=mean_steps(cells(people, *keys).order_by(keys).execute()))


@needs()
def show_setting(study: Study, decided: str) -> ShownTable:
    """Say what this client's value rests on: how customers leave, where revenue and margin come from."""
    is_contractual = decided == "contractual"
    lacking = lacks_margin(study, decided)
    return show_pairs(
        {
            "Setting": named(decided),
            "What that means": _(
                "A customer who leaves ends a contract, so it is known who has left and when."
            )
            if is_contractual
            else _(
                "Customers leave without a word: nobody sees who is still a customer, and only the silence tells."
            ),
            "Time": _timing_text(timing(study, decided)),
            "Revenue": _("monthly fee x active months")
            if is_contractual
            else _("what was paid, less refunds"),
            "Margin": together(lacking.reason, lacking.cure) if lacking else margin_words(study, decided),
        },
        caption="What value rests on here",
    )


@needs()
def summarise(study: Study, decided: str) -> ir.Table | CannotSay:
    """Reduce orders or contracts to what each customer has brought, once, inside the engine."""
    rate = study.params.value.margin_rate
    if decided == "contractual":
        lacking = study.lacks_column("contracts", "monthly_fee")
        if lacking:
            return lacking
        earned = contract_earnings(study.tables["contracts"], as_of=study.as_of, margin_rate=rate)
    else:
        earned = customer_earnings(
            study.tables["transactions"],
            as_of=study.as_of,
            margin_rate=rate,
            has_margin=lacks_margin(study, decided) is None,
            people=study.summary(study.as_of),
        )
    customers = study.engine.create_table("customer_earnings", earned, overwrite=True)
    if customers.count().execute() == 0:
        return CannotSay(sentence("Nobody has brought anything up to the last day seen."))
    return customers


@needs()
def period(study: Study, decided: str) -> str:
    """First to last day that earnings come from, ready to print."""
    if decided != "contractual":
        return study.period
    first = pd.Timestamp(study.tables["contracts"].start_date.cast("date").min().execute()).date()
    return period_text(first, study.as_of)


@needs()
def averages(study: Study, customers: ir.Table) -> list[Estimate]:
    """Estimate what an order and a customer have brought so far; margin where it is known."""
    columns = [name for name in ("n_orders", "revenue", "margin") if name in customers.columns]
    row = earnings_sums(customers, columns).execute().iloc[0]
    sums = {str(name): int(value) for name, value in row.items()}
    if not sums["n_customers"]:
        return []
    money = study.currency
    found = [mean_per_customer("revenue_per_customer", sums, "revenue", unit=money, scale=_CENT)]
    if "n_orders" in columns:
        found.insert(
            0, ratio_per_customer("mean_order_value", sums, "revenue", "n_orders", unit=money, scale=_CENT)
        )
    if "margin" in columns:
        found.append(mean_per_customer("margin_per_customer", sums, "margin", unit=money, scale=_CENT))
        if has_cost(study, customers) and sums["revenue"] > 0:
            found.append(ratio_per_customer("margin_rate", sums, "margin", "revenue", unit="share"))
    return found


@needs()
def show_averages(study: Study, estimates: list[Estimate]) -> ShownTable | CannotSay:
    """Show the averages; money and shares in columns of their own."""
    rows = [
        {
            "figure": named(estimate.figure),
            "value": value_text(estimate.value, estimate.unit),
            "range": interval_text(estimate),
            "n": estimate.n,
        }
        for estimate in estimates
    ]
    columns = [
        Col("figure", "So far"),
        Col("value", "Mean"),
        Col("range", "95 % interval"),
        Col("n", "n", "count"),
    ]
    return show_table(pd.DataFrame(rows), columns, caption="What an order and a customer have brought so far")


@needs()
def revenue_curve(study: Study, customers: ir.Table) -> pd.DataFrame | CannotSay:
    """Return which share of revenue each share of customers brings, by hundredths."""
    groups = ranked_groups(customers, "revenue").execute()
    n = int(groups["n_customers"].sum())
    if n < _FEWEST_FOR_CURVE:
        return CannotSay(
            sentence(
                "How far revenue hangs on few is not shown: {n} customers are too few, {fewest} are needed.",
                n=n,
                fewest=_FEWEST_FOR_CURVE,
            )
        )
    if groups["total"].sum() <= 0:
        return CannotSay(_("How far revenue hangs on few is not shown: there is no revenue in total."))
    return concentration(groups)


def findings(
    study: Study, estimates: list[Estimate] | CannotSay, curve: pd.DataFrame | CannotSay
) -> list[str | CannotSay]:
    """Say what the client should know and do, each with its number and interval."""
    return [*_earned(study, estimates), curve if isinstance(curve, CannotSay) else _concentrated(curve)]


def most_important(
    study: Study,
    *said: list[str | CannotSay],
    optional: Sequence[list[str | CannotSay]] = (),
    most: int = MOST_FINDINGS,
) -> list[str | CannotSay]:
    """Take what has a stake, the first finding of each list, then the second, until there are enough.

    All that cannot be said comes after them; of *optional* parts it stands where it belongs on the page instead.
    """
    found = [[one for one in each if isinstance(one, str)] for each in (*said, *optional)]
    ranked = sorted(
        (getattr(one, "stake", None) is None, place, number)
        for number, each in enumerate(found)
        for place, one in enumerate(each)
    )
    chosen = sorted((number, place) for _is_without, place, number in ranked[:most])
    unsaid = [one for each in said for one in each if isinstance(one, CannotSay)]
    return [*(found[number][place] for number, place in chosen), *unsaid]


def key_figures(
    study: Study, estimates: list[Estimate] | CannotSay, curve: pd.DataFrame | CannotSay
) -> list[Estimate | CannotSay]:
    """List the study's key figures."""
    figures: list[Estimate | CannotSay] = [estimates] if isinstance(estimates, CannotSay) else [*estimates]
    figures.append(curve if isinstance(curve, CannotSay) else top_share(curve))
    return figures


def known_worth(
    study: Study, by_model: ir.Table | CannotSay, *others: ir.Table | CannotSay | None
) -> ir.Table | CannotSay:
    """Return what is known of each customer's future: by contract or occasion where there are any, else by rhythm."""
    return next((other for other in others if isinstance(other, ir.Table)), by_model)


def scores(
    study: Study, customers: ir.Table | CannotSay, *others: ir.Table | CannotSay | None
) -> ir.Table | CannotSay:
    """Put together the columns that go to ``customers.parquet``; revenue is there already where there are orders."""
    if isinstance(customers, CannotSay):
        return customers
    has_margin, has_orders = "margin" in customers.columns, "n_orders" in customers.columns
    kept = {"margin_so_far": customers.margin} if has_margin else {}
    if not has_orders:
        kept["fees_so_far"] = customers.revenue
    table: ir.Table = customers.select("customer_id", **kept)
    for other in others:
        if isinstance(other, ir.Table):
            table = join_customers(table, other)
    if len(table.columns) == 1:
        return CannotSay(_("There is no score per customer without a margin."))
    return table


def _timing_text(timed: TimeFit | CannotSay | None) -> str:
    """Say what was decided about time, and by what."""
    if timed is None:
        return _("Discrete: a contract is renewed or not once a month.")
    if isinstance(timed, CannotSay):
        return timed.reason
    expected = min(round(timed.expected_days), timed.span)
    days = sentence(
        "There were purchases on {days} of {span} days; at random they would have fallen on {expected}.",
        days=timed.n_days,
        span=timed.span,
        expected=expected,
    )
    if timed.is_discrete:
        found = sentence(
            "Discrete: customers can buy on occasions only. Purchases keep to {n} of them (spacing: {spacing}).",
            n=timed.n_occasions,
            spacing=named(timed.spacing),
        )
        outside = (
            (timed.n_strays, _("{n} purchases on other days count for the nearest occasion.")),
            (timed.n_under_way, _("{n} purchases at the occasion that is under way do not count yet.")),
        )
        return together(found, days, *(words.format(n=f"{n:,}") for n, words in outside if n))
    if timed.spacing and timed.steps < float("inf"):
        few = sentence(
            "Purchases keep to {n} occasions (spacing: {spacing}), but a customer takes only one in {steps}: against "
            "that the steps are short, and time counts as continuous.",
            n=timed.n_occasions,
            spacing=named(timed.spacing),
            steps=value_text(timed.steps, "ratio"),
        )
        return together(_("Continuous."), few, days)
    if timed.n_days <= FEW_DAYS * timed.expected_days:
        return together(_("Continuous: the days with purchases are few, but not regular."), days)
    return together(_("Continuous: customers can buy on any day."), days)


# --- findings -----------------------------------------------------------------------------------


def _earned(study: Study, estimates: list[Estimate] | CannotSay) -> list[str | CannotSay]:
    if isinstance(estimates, CannotSay):
        return [estimates]
    known = {estimate.figure: estimate for estimate in estimates}
    said: list[str | CannotSay] = []
    if "mean_order_value" in known:
        said.append(
            sentence(
                "A customer has brought {customer} so far, at {order} an order. What a new one may cost is to be "
                "set against margin, not against this.",
                customer=known["revenue_per_customer"],
                order=known["mean_order_value"],
            )
        )
    elif "revenue_per_customer" in known:
        said.append(
            sentence(
                "A customer has paid {customer} in fees so far. What a new one may cost is to be set against margin, "
                "not against this.",
                customer=known["revenue_per_customer"],
            )
        )
    if "margin_rate" in known:
        said.append(
            sentence(
                "Of this, {rate} stays as gross margin: {margin} per customer so far. An offer that takes more "
                "than that share off the price loses money on the order.",
                rate=known["margin_rate"],
                margin=known["margin_per_customer"],
            )
        )
    elif "margin_per_customer" in known:
        said.append(
            sentence(
                "If {rate} of revenue is margin, as assumed, a customer has brought {margin} so far. Replace the "
                "assumption by the cost of each order as soon as it is at hand.",
                rate=value_text(study.params.value.margin_rate or 0.0, "share"),
                margin=known["margin_per_customer"],
            )
        )
    else:
        decided = setting(study)
        lacking = decided if isinstance(decided, CannotSay) else lacks_margin(study, decided)
        said += [lacking] if lacking else []
    return said


def _concentrated(curve: pd.DataFrame) -> str:
    share = top_share(curve)
    words = (
        "The top fifth of customers bring {share} of revenue. Know who they are, and look after them before "
        "anyone else."
        if share.value >= 0.5
        else "The top fifth of customers bring {share} of revenue: the business does not hang on few. What works "
        "for the many counts for more than care for the largest."
    )
    return sentence(words, share=share)
