"""Study 01, the axes of value x potential: what a customer has brought, and what could still come."""

from __future__ import annotations

from dataclasses import dataclass

import ibis.expr.types as ir

from cam.estimate import CannotSay, Estimate, Z
from cam.language import interval_text, sentence, together, value_text
from cam.language import translate as _
from cam.measures.segmentation.value_matrix import rank_correlation
from cam.reduce.current_value import discounted_fees, discounted_orders, yearly_fees, yearly_revenue
from cam.reduce.value_potential import place_values, rank_sums
from cam.show.tables import ShownTable, show_pairs
from cam.studies import segmentation
from cam.studies.study import Study, join_customers, needs
from cam.studies.valued import Ahead

#: A younger customer's revenue is scaled to a year as if he or she had been here for so many days.
MIN_DAYS = 91
#: From this rank correlation on, potential says hardly more than value.
ONE_AXIS = 0.95


@dataclass(frozen=True, slots=True)
class Basis:
    """What the two axes are for this client.

    Attributes
    ----------
    value : str
        ``profit`` (margin less cost to serve), ``margin``, ``revenue`` or ``column``.
    potential : str
        ``wallet_gap`` or ``residual_clv``.
    margin : float
        What a gap of revenue is multiplied by; 1 where margin is not known.
    unit : str
        Of current value.
    """

    value: str
    potential: str
    margin: float
    unit: str


@needs()
def basis(study: Study, people: ir.Table, ahead: Ahead) -> Basis | CannotSay:
    """Decide what current value and potential are: by the parameter file, else by what the client has."""
    asked = study.params.segmentation
    is_column = asked.value_measure not in ("revenue", "margin", "n_orders")
    if is_column:
        value = "column"
    elif "margin" not in people.columns:
        value = "revenue"
    else:
        value = "profit" if "profit" in people.columns and any(_costs(study).values()) else "margin"
    wallet = _lacks_wallet(study)
    clv = _lacks_clv(study, people, ahead)
    potential = asked.potential or ("wallet_gap" if wallet is None else "residual_clv")
    lacking = wallet if potential == "wallet_gap" else clv
    if lacking and not asked.potential:
        cure = together(
            _(
                "For the gap: fill the column wallet of the table customers (spend in the category, per year)."
            ),
            sentence("For residual CLV: {cure}", cure=lacking.cure) if lacking.cure else "",
        )
        return CannotSay(
            together(_("Potential cannot be said: no wallet is known, and no residual CLV."), lacking.reason),
            cure,
        )
    if lacking:
        return lacking
    if potential == "wallet_gap" and asked.value_measure == "wallet":
        return CannotSay(
            _("The wallet cannot be both value and potential: a matrix of one number twice says nothing."),
            _("Set segmentation.value_measure to something else."),
        )
    margin = 1.0
    if potential == "wallet_gap" and isinstance(ahead.margin, Estimate):
        margin = ahead.margin.value
        if margin <= 0:
            return CannotSay(
                _("What a customer buys elsewhere is no potential: the gross margin is not above zero.")
            )
    unit = "count" if is_column and asked.value_unit == "count" else study.currency
    return Basis(value, potential, margin, unit)


@needs()
def place(study: Study, people: ir.Table, ahead: Ahead, base: Basis) -> ir.Table | CannotSay:
    """Measure current value and potential of each customer, inside the engine."""
    valued = _current_values(study, people, ahead, base)
    if isinstance(valued, CannotSay):
        return valued
    known = people.select(
        "customer_id", *(name for name in ("wallet", "residual_clv") if name in people.columns)
    )
    if base.potential == "wallet_gap":
        by_contract = ahead.setting == "contractual"
        spent = (
            yearly_fees(study.tables["contracts"], as_of=study.as_of, min_days=MIN_DAYS)
            if by_contract
            else yearly_revenue(study.tables["transactions"], as_of=study.as_of, min_days=MIN_DAYS)
        )
        known = join_customers(known, spent)
    else:
        known = people.select("customer_id", *(f"residual_clv{end}" for end in ("", "_low", "_high")))
    placed = place_values(join_customers(known, valued), potential=base.potential, margin=base.margin, z=Z)
    return study.engine.create_table("value_places", placed, overwrite=True)


@needs()
def correlation(study: Study, placed: ir.Table) -> Estimate | None:
    """Say how far value and potential go together; nothing where too few customers, or all alike, leave it open."""
    return rank_correlation(rank_sums(placed).execute())


@needs()
def show_axes(
    study: Study, placed: ir.Table, base: Basis, drawn: list[Estimate], r: Estimate | None
) -> ShownTable:
    """Say what value and potential are here, where the lines are, how far the two go together, who is not placed."""
    value, potential = drawn
    pairs = {
        "Current value": _value_words(study, base),
        "Potential": _potential_words(study, base),
        "High value": _line_words(value),
        "High potential": _line_words(potential),
    }
    if r is not None:
        words = (
            "Rank correlation {r}: the two rank customers almost alike, so potential adds little to value here."
            if r.value >= ONE_AXIS
            else "Rank correlation {r}; at 1 the two axes would be one."
        )
        pairs["How far they go together"] = sentence(words, r=r)
    remarks = _remarks(placed)
    if remarks:
        pairs["Note"] = together(*remarks)
    return show_pairs(pairs, caption="What the two axes are")


def _current_values(study: Study, people: ir.Table, ahead: Ahead, base: Basis) -> ir.Table | CannotSay:
    """Current value per customer, by what it is."""
    if base.value == "column":
        own = segmentation.measure_value(study, people.select("customer_id"))
        return own if isinstance(own, CannotSay) else own.select("customer_id", current_value=own["value"])
    value = study.params.value
    costs = _costs(study) if base.value == "profit" else {}
    tickets = study.tables["tickets"] if costs.get("ticket") else None
    is_known = base.value != "revenue"
    if ahead.setting == "contractual":
        return discounted_fees(
            study.tables["contracts"],
            as_of=study.as_of,
            annual_rate=value.annual_discount_rate,
            margin_rate=value.margin_rate if is_known and value.margin_rate is not None else 1.0,
            ticket_cost=costs.get("ticket", 0.0),
            tickets=tickets,
        )
    orders = study.tables["transactions"]
    return discounted_orders(
        orders if is_known or "cost" not in orders.columns else orders.drop("cost"),
        as_of=study.as_of,
        annual_rate=value.annual_discount_rate,
        margin_rate=value.margin_rate if is_known else 1.0,
        costs=costs,
        tickets=tickets,
    )


def _costs(study: Study) -> dict[str, float]:
    given = study.params.value.cost_to_serve
    return {"order": given.order, "refund": given.refund, "ticket": given.ticket}


def _lacks_wallet(study: Study) -> CannotSay | None:
    lacking = study.lacks_column("customers", "wallet")
    if lacking:
        return lacking
    if study.tables["customers"].wallet.count().execute():
        return None
    return CannotSay(
        _("The column wallet of the table customers is empty."),
        _("Fill it with what each customer spends in the whole category per year, or leave it out."),
    )


def _lacks_clv(study: Study, people: ir.Table, ahead: Ahead) -> CannotSay | None:
    if "residual_clv_low" in people.columns:
        return None
    if isinstance(ahead.worth, CannotSay) and ahead.setting != "contractual":
        return ahead.worth
    if isinstance(ahead.worth, CannotSay):
        return ahead.each if isinstance(ahead.each, CannotSay) else ahead.worth
    said = [each for each in (ahead.worth.spend, ahead.worth.margin) if isinstance(each, CannotSay)]
    return next(iter(said), CannotSay(_("There is no residual CLV in money.")))


def _value_words(study: Study, base: Basis) -> str:
    rate = value_text(study.params.value.annual_discount_rate, "share")
    measure = study.params.segmentation.value_measure
    if base.value == "column":
        return sentence(
            "The column {column} of the table customers, as it stands, in place of the margin so far "
            "(segmentation.value_measure).",
            column=measure,
        )
    words = {
        "profit": _(
            "Gross margin so far less the cost to serve, each amount discounted at {rate} a year to the customer's "
            "first purchase or contract: the part of CLV that has come in."
        ),
        "margin": _(
            "Gross margin so far, each amount discounted at {rate} a year to the customer's first purchase or "
            "contract: the part of CLV that has come in."
        ),
        "revenue": _(
            "Value is revenue here, not profit, discounted at {rate} a year to the first purchase or contract: "
            "margin is not known, and customers who cost more than they bring cannot be seen."
        ),
    }
    remarks = [words[base.value].format(rate=rate)]
    if base.value == "margin" and any(_costs(study).values()):
        remarks.append(_("The cost to serve is not taken off, because it cannot be counted here."))
    elif base.value == "margin":
        remarks.append(_("No cost to serve is set (value.cost_to_serve)."))
    if measure != "revenue":
        remarks.append(_("segmentation.value_measure changes the M of RFM, not this."))
    return together(*remarks)


def _potential_words(study: Study, base: Basis) -> str:
    if base.potential == "residual_clv":
        return sentence(
            "Residual CLV: the margin still expected over the next {months} months, discounted to today.",
            months=study.params.value.horizon_months,
        )
    gap = sentence(
        "Wallet gap: what the customer spends in the whole category per year (column wallet, an estimate), less what "
        "was spent here in the last 365 days, at least 0. Customers younger than that are scaled to a year, as if they "
        "had been here for {days} days at least.",
        days=MIN_DAYS,
    )
    if base.value == "revenue":
        return together(gap, _("In revenue, as margin is not known."))
    rate = value_text(base.margin, "share")
    return together(gap, sentence("Times the gross margin, {rate}, so that it is margin too.", rate=rate))


def _line_words(line: Estimate) -> str:
    value = value_text(line.value, line.unit)
    if line.low is None:
        return sentence("{value} or more, as the parameter file sets it.", value=value)
    return sentence(
        "{value} or more: the median of the {n} customers placed who have more than 0 (95 % interval: {range}).",
        value=value,
        n=line.n or 0,
        range=interval_text(line),
    )


def _remarks(placed: ir.Table) -> list[str]:
    """Say how many customers are in no quadrant, and why; and whose wallet is too small."""
    counts = placed.group_by("unplaced").aggregate(n=placed.count()).execute().set_index("unplaced")["n"]
    words = {
        "no_value": "{n} customers are not placed: they have no current value.",
        "no_wallet": "{n} customers are not placed: their wallet is not known.",
        "no_clv": "{n} customers are not placed: their residual CLV is not known.",
    }
    said = [sentence(words[why], n=int(counts[why])) for why in words if why in counts.index]
    if "share_of_wallet" in placed.columns:
        over = int(placed.filter(placed.share_of_wallet > 1).count().execute())
        if over:
            said.append(
                sentence(
                    "{n} customers spend more here than their wallet is said to hold: theirs is set too low, and they "
                    "count as having no gap.",
                    n=over,
                )
            )
    return said
