"""Study 03, profit: what is left of each customer's margin after serving, and how few earn it."""

from __future__ import annotations

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, Finding
from cam.language import sentence, together, value_text
from cam.language import translate as _
from cam.measures.value.profitability import concentration, mean_per_customer, top_share
from cam.measures.value.whale import FEWEST_LOSERS, is_worth_dividing, unprofitable_share, whale_peak
from cam.reduce.earnings import earnings_sums, ranked_groups
from cam.reduce.serving import COUNTED, count_strangers, customer_profit, refunded_orders, tickets_opened
from cam.show.tables import ShownTable, show_pairs
from cam.studies.margin import lacks_margin
from cam.studies.study import Study, needs

#: A curve by hundredths needs a customer in each.
_FEWEST_FOR_CURVE = 100
_CENT = 0.01
#: From this share of the profit on, losses are worth an effort.
_MUCH_LOST = 0.02


@needs()
def serve(study: Study, customers: ir.Table) -> ir.Table | CannotSay:
    """Take the cost of serving off each customer's margin, inside the engine."""
    rates = _rates(study)
    lacking = _lacks_profit(study, customers, rates)
    if lacking:
        return lacking
    counts = _counts(study, rates)
    made = customer_profit(customers, rates=rates, refunds=counts.get("refund"), tickets=counts.get("ticket"))
    return study.engine.create_table("customer_profit", made, overwrite=True)


@needs()
def show_serving(study: Study, served: ir.Table) -> ShownTable:
    """Say what serving cost, what it was counted by, and what could be charged to nobody."""
    rates = _rates(study)
    if not any(rates.values()):
        words = _(
            "No cost to serve is counted: all rates under value.cost_to_serve are 0, so profit is the gross margin."
        )
        return show_pairs({"Cost to serve": words}, caption="What serving customers has cost")
    columns = [
        name for name in ("n_orders", "n_refunded", "n_tickets", "cost_to_serve") if name in served.columns
    ]
    totals = served.aggregate(**{name: served[name].sum() for name in columns}).execute().iloc[0]
    labels = {
        "order": ("Orders", "n_orders"),
        "refund": ("Refunded orders", "n_refunded"),
        "ticket": ("Tickets", "n_tickets"),
    }
    pairs = {
        label: sentence(
            "{n} at {rate} each", n=int(totals[column]), rate=value_text(rates[name], study.currency)
        )
        for name, (label, column) in labels.items()
        if rates[name]
    }
    pairs["Cost to serve"] = value_text(float(totals["cost_to_serve"]), study.currency)
    remarks = _remarks(study, served, rates)
    if remarks:
        pairs["Note"] = together(*remarks)
    return show_pairs(pairs, caption="What serving customers has cost")


# --- the whale curve ----------------------------------------------------------------------------


@needs()
def profit_groups(study: Study, served: ir.Table) -> pd.DataFrame | CannotSay:
    """Line the customers up by profit and sum each hundredth, cut where profit turns into loss."""
    groups = ranked_groups(served, "profit", cut_at_zero=True).execute()
    n = int(groups["n_customers"].sum())
    if n < _FEWEST_FOR_CURVE:
        return CannotSay(
            sentence(
                "How profit is spread over customers is not shown: {n} customers are too few, {fewest} are needed.",
                n=n,
                fewest=_FEWEST_FOR_CURVE,
            )
        )
    return groups


@needs()
def profit_curve(study: Study, groups: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Return which share of all profit each share of customers brings, the most profitable first."""
    if not is_worth_dividing(groups):
        return CannotSay(
            _("Profit is not above zero in total by more than chance, so no customer has a share of it."),
            _(
                "Look at margin and cost to serve first; the share of unprofitable customers can be said all the same."
            ),
        )
    return concentration(groups)


@needs()
def whale_figures(study: Study, groups: pd.DataFrame) -> list[Estimate]:
    """Estimate the share of unprofitable customers, the peak of the curve, and what the top fifth bring."""
    losing = unprofitable_share(groups)
    found = [losing]
    if is_worth_dividing(groups):
        if round(losing.value * (losing.n or 0)) >= FEWEST_LOSERS:
            found.append(whale_peak(groups))
        found.append(top_share(concentration(groups), figure="top_fifth_profit_share"))
    return found


# --- what the study says ------------------------------------------------------------------------


def findings(
    study: Study, served: ir.Table | CannotSay, figures: list[Estimate] | CannotSay
) -> list[str | CannotSay]:
    """Say how many customers lose money, and what that takes away."""
    if isinstance(figures, CannotSay):
        return [figures]
    known = {estimate.figure: estimate for estimate in figures}
    if not known["unprofitable_share"].value:
        return []
    losing, peak = known["unprofitable_share"], known.get("whale_peak")
    after = (
        _("after the cost to serve")
        if any(_rates(study).values())
        else _("before any cost to serve, which is not counted")
    )
    is_much = peak is None or peak.value >= 1 + _MUCH_LOST
    advice = (
        _("Look at how these are served before looking for new ones.")
        if is_much
        else _("That is little: how these are served need not change.")
    )
    words = (
        "{losing} of customers have cost more than they brought so far, {after}. {advice}"
        if peak is None
        else "{losing} of customers have cost more than they brought so far, {after}. The profitable ones earned "
        "{peak} of the profit that is left; the difference was lost on the others. {advice}"
    )
    text = sentence(words, losing=losing, after=after, peak=peak or "", advice=advice)
    stake = _lost(study, served) if is_much else None
    said: list[str | CannotSay] = [Finding(text, stake=stake, can_be_moved=True)]
    if "top_fifth_profit_share" in known:
        said.append(
            sentence(
                "The top fifth of customers by profit bring {share} of it: look after them before anyone else.",
                share=known["top_fifth_profit_share"],
            )
        )
    return said


def key_figures(
    study: Study, served: ir.Table | CannotSay, figures: list[Estimate] | CannotSay
) -> list[Estimate | CannotSay]:
    """List the key figures of profit."""
    found: list[Estimate | CannotSay] = [figures] if isinstance(figures, CannotSay) else [*figures]
    if not isinstance(served, CannotSay) and any(_rates(study).values()):
        row = earnings_sums(served, ["cost_to_serve", "profit"]).execute().iloc[0]
        sums = {str(name): int(value) for name, value in row.items()}
        found += [
            mean_per_customer(f"{column}_per_customer", sums, column, unit=study.currency, scale=_CENT)
            for column in ("cost_to_serve", "profit")
        ]
    return found


@needs()
def scores(study: Study, served: ir.Table) -> ir.Table:
    """Pick the columns that go to ``customers.parquet``."""
    return served.select("customer_id", cost_to_serve=served.cost_to_serve, profit_so_far=served.profit)


# --- what profit rests on -----------------------------------------------------------------------


def _rates(study: Study) -> dict[str, float]:
    given = study.params.value.cost_to_serve
    return {"order": given.order, "refund": given.refund, "ticket": given.ticket}


def _lost(study: Study, served: ir.Table | CannotSay) -> Estimate | None:
    """What was lost on the customers who cost more than they brought: all of them are counted."""
    if isinstance(served, CannotSay):
        return None
    losing = served.filter(served.profit < 0)
    row = losing.aggregate(n=losing.count(), lost=losing.profit.sum()).execute().iloc[0]
    return (
        Estimate("lost_on_customers", -float(row["lost"]), study.currency, int(row["n"]))
        if row["n"]
        else None
    )


def _lacks_profit(study: Study, customers: ir.Table, rates: dict[str, float]) -> CannotSay | None:
    """Say what profit needs, or nothing: a cost that cannot be counted is not a cost of 0."""
    if "margin" not in customers.columns:
        decided = "non_contractual" if "n_orders" in customers.columns else "contractual"
        lacking = lacks_margin(study, decided)
        reason = _("Profit per customer is not known without a margin.")
        return CannotSay(reason, lacking.cure if lacking else "")
    if "n_orders" not in customers.columns and (rates["order"] or rates["refund"]):
        return CannotSay(
            _(
                "Value comes from contracts here, so a cost per order or per refund has nothing to be counted by."
            ),
            _("Set value.cost_to_serve.order and value.cost_to_serve.refund to 0."),
        )
    if rates["refund"] and study.params.data.sources["transactions"].options.refund_column:
        return CannotSay(
            _(
                "Refunds come as a column of each order, and prepared data keep the amount, not how many there were."
            ),
            _("Give refunds as rows of their own, or set value.cost_to_serve.refund to 0."),
        )
    if rates["ticket"]:
        lacking = study.lacks_column("tickets", "customer_id")
        if lacking:
            reason = together(
                _("Profit cannot be said with a cost per ticket (value.cost_to_serve.ticket)."),
                lacking.reason,
            )
            return CannotSay(reason, together(lacking.cure, _("Or set that cost to 0.")))
    return None


def _counts(study: Study, rates: dict[str, float]) -> dict[str, ir.Table]:
    """Refunds and tickets per customer, where they are charged."""
    counts = {}
    if rates["refund"]:
        counts["refund"] = refunded_orders(study.tables["transactions"], as_of=study.as_of)
    if rates["ticket"]:
        counts["ticket"] = tickets_opened(study.tables["tickets"], as_of=study.as_of)
    return counts


def _remarks(study: Study, served: ir.Table, rates: dict[str, float]) -> list[str]:
    """Name what belongs to nobody, or to no order."""
    counts = _counts(study, rates)
    said = []
    for name, words in {
        "refund": "{n} refunded orders are of customers who never bought: they are charged to nobody.",
        "ticket": "{n} tickets name no customer, or one who never bought: they are charged to nobody.",
    }.items():
        if name in counts:
            strangers = count_strangers(counts[name], served, COUNTED[name])
            n = int(strangers.execute().n[0])
            said += [sentence(words, n=n)] if n else []
    if "refund" in counts:
        n = int(counts["refund"].n_loose.sum().execute() or 0)
        if n:
            words = "{n} refunds belong to no order that is known; each is charged like a refunded order."
            said.append(sentence(words, n=n))
    zero = [name for name, rate in rates.items() if not rate]
    if zero:
        names = ", ".join(f"value.cost_to_serve.{name}" for name in zero)
        said.append(sentence("Not counted, because the rate is 0: {names}.", names=names))
    return said
