"""Study 05, whom to call: customers by what contacting them is expected to earn, and how far the budget goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, Finding
from cam.language import sentence, together, value_text
from cam.language import translate as _
from cam.measures.churn.profit import Offer, sums_of_list
from cam.reduce.retention_list import list_sums, retention_list, riskiest
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.action_lists import ActionList, Line
from cam.studies.churn_losses import can_be_kept, harm, lost_text, open_text
from cam.studies.churn_profit import measured_text, offer, save_rate_text, worth_text
from cam.studies.study import Study, join_customers, needs

if TYPE_CHECKING:
    from cam.studies.churn_experiment import Tested
    from cam.studies.churn_models import Models

__all__ = ["SHEET", "announce", "findings", "key_figures", "listed", "rank", "scores", "sheet", "show_list"]

#: What the sheet of the workbook is called.
SHEET = "Retention list"
#: Customers on the page, and in pandas and the workbook; all are in ``customers.parquet``.
_SHOWN, _MOST = 20, 10_000
_CAPTION = "Whom to call first"
#: Below this chance of being active a customer has more likely left already than not.
_LIKELY_GONE = 0.5
_REASONS = ("reason_1", "reason_2", "reason_3")


@dataclass(frozen=True, slots=True)
class Totals:
    """What the list adds up to.

    Attributes
    ----------
    n_ranked, n_unknown, n_worth_it, n : int
        Customers with and without a known worth, those worth a contact, and those of them within the budget.
    basis : str
        What worth is made of.
    gain, cost : Estimate or None
        Of the list; None where nobody is on it.
    by_risk : Estimate or None
        What a list of the same length earns that calls the riskiest first.
    break_even : float or None
        The save rate from which the list earns.
    n_gone : int
        Customers on the list who by their rhythm have more likely left already than not.
    gone_share : float
        What they are of the list's expected gain (0-1).
    p_churn, p_lost : float
        Means over the ranked customers (0-1).
    loss_basis : str
        What ``p_lost`` is made of, as :func:`cam.studies.churn_losses.can_be_kept` says.
    differs : bool
        Whether some customers are worth more than others, so that an order by gain is not that by risk.
    """

    n_ranked: int
    n_unknown: int
    n_worth_it: int
    n: int
    basis: str
    gain: Estimate | None
    cost: Estimate | None
    by_risk: Estimate | None
    break_even: float | None
    n_gone: int = 0
    gone_share: float = 0.0
    p_churn: float = 0.0
    p_lost: float = 0.0
    loss_basis: str = "contract"
    differs: bool = True


def rank(
    study: Study,
    models: Models | CannotSay,
    scored: ir.Table | CannotSay,
    worth: ir.Table | CannotSay,
    back: Estimate | CannotSay,
    trial: Tested | CannotSay,
) -> ir.Table | CannotSay:
    """Rank today's customers by what contacting each is expected to earn, inside the engine.

    *back*, the share of the silent who came back, lowers what can be kept where it can be said; *trial* ends the list
    where the finished test shows that the offer drives customers away.
    """
    made = offer(study)
    for said in (made, models, scored, worth, harm(study, trial)):
        if isinstance(said, CannotSay):
            return said
    assert isinstance(made, Offer) and not isinstance(models, CannotSay)
    assert isinstance(scored, ir.Table) and isinstance(worth, ir.Table)
    lost = can_be_kept(study, models, back, scored, worth)
    if isinstance(lost, CannotSay):
        return lost
    basis = lost.select("loss_basis").limit(1).execute()
    worth = worth.mutate(loss_basis=ibis.literal(str(basis.iloc[0, 0]) if len(basis) else "contract"))
    if models.rows.basis == "contract" and "p_alive" in worth.columns:
        worth = worth.drop("p_alive")
    ranked = retention_list(
        lost,
        worth,
        offer_cost=made.offer_cost,
        contact_cost=made.contact_cost,
        save_rate=made.save_rate,
        budget=study.params.churn.offer.budget,
    )
    table = study.engine.create_table("churn_retention_list", ranked, overwrite=True)
    if not int(table["rank"].count().execute()):
        return CannotSay(
            sentence(
                "Of none of today's {n} customers it is known what they are worth, so no list can be made.",
                n=int(table.count().execute()),
            ),
            _("Set churn.offer.customer_value, or see under the study of value what is missing."),
        )
    return table


def totals(study: Study, ranked: ir.Table) -> Totals:
    """Add the list up inside the engine, and the list of the same length that only looks at risk."""
    made = offer(study)
    assert isinstance(made, Offer)
    counted = ranked.aggregate(
        n_all=ranked.count(),
        n_ranked=ranked["rank"].count(),
        n_worth_it=ranked.is_worth_it.ifelse(1, 0).sum(),
        n=ranked.is_within_budget.ifelse(1, 0).sum(),
        basis=ranked.worth_basis.max(),
        loss_basis=ranked.loss_basis.max(),
        p_churn=ranked.p_churn.mean(where=ranked["rank"].notnull()),
        p_lost=ranked.p_lost.mean(where=ranked["rank"].notnull()),
        least=ranked.clv_if_stays.min(),
        most=ranked.clv_if_stays.max(),
    ).execute()
    n_all, n_ranked, n_worth_it, n = (
        int(counted[name].iloc[0] or 0) for name in ("n_all", "n_ranked", "n_worth_it", "n")
    )
    one = counted.iloc[0]
    basis = str(one["basis"])
    others: dict[str, Any] = {
        "p_churn": float(one["p_churn"] or 0),
        "p_lost": float(one["p_lost"] or 0),
        "loss_basis": str(one["loss_basis"]),
        "differs": bool(one["least"] != one["most"]),
    }
    if not n:
        return Totals(n_ranked, n_all - n_ranked, n_worth_it, n, basis, None, None, None, None, **others)
    how = {"offer_cost": made.offer_cost, "save_rate": made.save_rate}
    mine, riskier = (
        list_sums(rows, **how).execute()
        for rows in (ranked.filter(ranked.is_within_budget), riskiest(ranked, n=n))
    )
    gain, cost = sums_of_list(mine, offer=made, currency=study.currency)
    by_risk, _cost = sums_of_list(riskier, offer=made, currency=study.currency)
    # Gain is a straight line in the save rate, and nought at this one.
    even = made.save_rate - gain.value / float(mine["saved"].iloc[0])
    n_gone, share = 0, 0.0
    if "p_alive" in ranked.columns:
        gone = ranked.filter(ranked.is_within_budget, ranked.p_alive < _LIKELY_GONE)
        row = gone.aggregate(n=gone.count(), gain=gone.expected_gain.sum()).execute().iloc[0]
        n_gone, share = int(row["n"]), float(row["gain"] or 0) / gain.value
    return Totals(
        n_ranked, n_all - n_ranked, n_worth_it, n, basis, gain, cost, by_risk, even, n_gone, share, **others
    )


@needs()
def listed(study: Study, ranked: ir.Table) -> pd.DataFrame | CannotSay:
    """Return the customers on the list, best first: at most 10,000, as the note under the list says."""
    rows = ranked.filter(ranked.is_within_budget).order_by("rank").limit(_MOST)
    names = [
        "p_churn",
        "p_lost",
        "p_alive",
        "clv_if_stays",
        "expected_gain",
        "expected_cost",
        "cumulative_cost",
    ]
    names = [name for name in names if name in rows.columns]
    found = rows.select("rank", "customer_id", *names).execute()
    if found.empty:
        return _nobody(study, totals(study, ranked))
    return found.astype(dict.fromkeys(names, "float64"))


def show_list(
    study: Study, ranked: ir.Table | CannotSay, reasons: pd.DataFrame | CannotSay | None = None
) -> ShownTable | CannotSay:
    """Show whom to call first and why; below it what the whole list costs and is expected to earn."""
    chosen = listed(study, ranked)
    if isinstance(ranked, CannotSay) or isinstance(chosen, CannotSay):
        return ranked if isinstance(ranked, CannotSay) else chosen
    found = totals(study, ranked)
    unit = study.currency
    shown = _with_reasons(chosen.head(_SHOWN), reasons)
    columns = [
        Col("rank", "Rank", "count"),
        Col("customer_id", "Customer"),
        Col("p_churn", "Has left so far" if found.loss_basis == "snapshot" else "Leaves", "share"),
        *([Col("p_alive", "Still active", "share")] if "p_alive" in shown.columns else []),
        Col("p_lost", "Can be kept", "share"),
        Col("clv_if_stays", "Worth of keeping", unit),
        Col("expected_gain", "Expected gain", unit),
    ]
    if "why" in shown.columns:
        columns.append(Col("why", "Why they are on the list"))
    note = sentence(
        "n = {n} customers on the list; worth: {what}, over {months} months.",
        n=value_text(found.n, "count"),
        what=worth_text(found.basis),
        months=study.params.value.horizon_months,
    )
    return show_table(
        shown.assign(customer_id=shown["customer_id"].astype(str)),
        columns,
        caption=_CAPTION,
        note=note,
        notes=_notes(study, found),
        max_rows=_SHOWN,
    )


def sheet(
    study: Study, chosen: pd.DataFrame | CannotSay, reasons: pd.DataFrame | CannotSay | None = None
) -> pd.DataFrame | CannotSay:
    """Return the list as a sheet of the workbook: the first 10,000 customers with their reasons."""
    if isinstance(chosen, CannotSay):
        return chosen
    shown = _with_reasons(chosen, reasons)
    headers = {
        "rank": _("Rank"),
        "customer_id": _("Customer"),
        "p_churn": _("Probability of leaving"),
        "p_alive": _("Probability of being active"),
        "p_lost": _("Probability of leaving and still to be kept"),
        "clv_if_stays": _money(study, "Worth of keeping"),
        "expected_gain": _money(study, "Expected gain"),
        "expected_cost": _money(study, "Expected cost"),
        "cumulative_cost": _money(study, "Cost so far"),
        "why": _("Why they are on the list"),
    }
    money = ["clv_if_stays", "expected_gain", "expected_cost", "cumulative_cost"]
    shares = [name for name in ("p_churn", "p_alive", "p_lost") if name in shown.columns]
    rounded = shown.round(dict.fromkeys(shares, 4) | dict.fromkeys(money, 2))
    rounded = rounded.assign(customer_id=shown["customer_id"].astype(str))
    kept = {name: words for name, words in headers.items() if name in shown.columns}
    table = rounded[list(kept)].rename(columns=kept)
    units = {"rank": "count"} | dict.fromkeys(shares, "share") | dict.fromkeys(money, study.currency)
    table.attrs["units"] = {kept[name]: unit for name, unit in units.items() if name in kept}
    return table


def scores(study: Study, scored: ir.Table | CannotSay, ranked: ir.Table | CannotSay) -> ir.Table | CannotSay:
    """Put together what goes to ``customers.parquet``: the probability, and the place on the list, if any."""
    if isinstance(scored, CannotSay):
        return scored
    table = scored.select("customer_id", "p_churn")
    if isinstance(ranked, CannotSay):
        return table
    gain = ranked.expected_gain.cast("float64")
    place = ranked.select(
        "customer_id",
        "p_lost",
        "clv_if_stays",
        expected_gain=((gain * 100 + 0.5).floor() / 100).cast("decimal(18,2)"),
        retention_rank=ranked["rank"],
        is_on_retention_list=ranked.is_within_budget,
    )
    return join_customers(table, place)


def findings(study: Study, ranked: ir.Table | CannotSay) -> list[str | CannotSay]:
    """Say whom to call and what it should earn, why not those at most risk, and when the offer does not pay."""
    if isinstance(ranked, CannotSay):
        return [ranked]
    found = totals(study, ranked)
    if found.gain is None or found.cost is None or found.by_risk is None:
        return [_nobody(study, found)]
    words = (
        "Call the {n} customers of the retention list: that costs {cost} and is expected to earn {gain} beyond its "
        "cost, if the offer keeps {rate} of those about to leave (the save rate). Nobody knows before a test whom a "
        "call keeps: leave a random half of the list uncalled the first time."
    )
    if (found.gain.low or 0.0) <= 0:
        words = (
            "To call the {n} customers of the retention list costs {cost} and is expected to earn {gain} beyond that, "
            "if the offer keeps {rate} of those about to leave (the save rate): whether it pays is not sure. Call a "
            "random half of them the first time, and compare with the others."
        )
    first = sentence(
        words,
        n=value_text(found.n, "count"),
        cost=found.cost,
        gain=found.gain,
        rate=value_text(study.params.churn.offer.save_rate, "share"),
    )
    first = together(first, measured_text(study), *open_text(found.loss_basis))
    said: list[str | CannotSay] = [Finding(first, stake=found.gain, can_be_moved=True)]
    if found.differs and found.n < found.n_ranked:
        said.append(
            sentence(
                "Risk is not value: calling as many customers by risk alone, the riskiest first, would earn {by_risk}, "
                "against {gain} by expected gain.",
                by_risk=found.by_risk,
                gain=value_text(found.gain.value, study.currency),
            )
        )
    if found.gone_share > _LIKELY_GONE:
        said.append(_gone(found))
    return said


def announce(study: Study, ranked: ir.Table | CannotSay) -> ActionList | None:
    """Say in a few lines what the list holds and how to go about it; nothing where there is none."""
    if isinstance(ranked, CannotSay):
        return None
    found = totals(study, ranked)
    if found.gain is None or found.cost is None:
        return None
    said = [
        _(
            "Call a random half of the list the first time, and compare with the others: only that tells what it earns."
        ),
        sentence("Contacts and offers are expected to cost {cost}.", cost=found.cost),
    ]
    said += [each for each in (measured_text(study),) if each]
    said += [*_pays_from(found), *([_gone(found)] if found.n_gone else [])]
    return ActionList(
        _("Customers whom a contact is expected to pay for, the highest expected gain first."),
        found.n,
        found.gain,
        sentence(
            "expected gain beyond its cost, if the offer keeps {rate} of those about to leave",
            rate=value_text(study.params.churn.offer.save_rate, "share"),
        ),
        tuple(map(Line, said)),
        _(_CAPTION),
    )


def key_figures(study: Study, ranked: ir.Table | CannotSay) -> list[Estimate | CannotSay]:
    """List the key figures of the list."""
    if isinstance(ranked, CannotSay):
        return [ranked]
    found = totals(study, ranked)
    figures: list[Estimate | CannotSay] = [
        Estimate("n_on_retention_list", found.n, "count"),
        Estimate("n_worth_a_contact", found.n_worth_it, "count"),
    ]
    if found.gain and found.cost and found.by_risk:
        by_risk = found.by_risk
        figures += [
            found.gain,
            found.cost,
            Estimate(
                by_risk.figure,
                by_risk.value,
                by_risk.unit,
                by_risk.n,
                by_risk.low,
                by_risk.high,
                {"order": "risk"},
            ),
        ]
    if found.break_even is not None:
        figures.append(Estimate("break_even_save_rate", max(found.break_even, 0.0), "share", found.n))
        figures.append(Estimate("retention_gain_of_gone_share", found.gone_share, "share", found.n_gone))
    return figures


def _notes(study: Study, found: Totals) -> list[str]:
    """What is read under the list: its length, its money, what it rests on, and what it does not know."""
    assert found.gain and found.cost and found.by_risk
    budget, n = study.params.churn.offer.budget, value_text(found.n, "count")
    reach = (
        sentence("{worth} customers are worth a contact; no budget is set, so all are on the list.", worth=n)
        if budget is None
        else sentence(
            "{worth} customers are worth a contact; the budget of {budget} reaches {n} of them.",
            worth=value_text(found.n_worth_it, "count"),
            budget=value_text(budget, study.currency),
            n=n,
        )
    )
    said = [
        reach,
        sentence(
            "Contacts and offers are expected to cost {cost}; beyond that the list is expected to earn {gain}.",
            cost=found.cost,
            gain=found.gain,
        ),
        save_rate_text(study),
    ]
    if found.differs:
        said.insert(
            2,
            sentence(
                "As many customers by risk alone, the riskiest first, would earn {by_risk}: risk is not value.",
                by_risk=found.by_risk,
            ),
        )
    said += [lost_text(study, found.loss_basis, p_churn=found.p_churn, p_lost=found.p_lost)]
    said += open_text(found.loss_basis)
    said += _pays_from(found)
    if found.n_gone:
        said.append(_gone(found))
    if found.n_unknown:
        said.append(
            sentence(
                "{n} customers are not ranked: what they are worth is not known.",
                n=value_text(found.n_unknown, "count"),
            )
        )
    if _SHOWN < found.n <= _MOST:
        words = "The whole list, to sort and filter, is the sheet {sheet} of workbook.xlsx."
        said.append(sentence(words, sheet=_(SHEET)))
    elif found.n > _MOST:
        said.append(
            sentence(
                "The workbook holds the first {most} of the list; all are in customers.parquet.",
                most=value_text(_MOST, "count"),
            )
        )
    said.append(
        _(
            "The list knows who is likely to leave and what they are worth. It does not know whom a call keeps, nor "
            "whom it reminds to leave; only a test with a control group tells."
        )
    )
    return said


def _pays_from(found: Totals) -> list[str]:
    if found.break_even is None:
        return []
    words = "This list earns as soon as the offer keeps {rate} of those about to leave."
    return [sentence(words, rate=value_text(max(found.break_even, 0.0), "share"))]


def _gone(found: Totals) -> str:
    return sentence(
        "{n} customers on the list, with {share} of its expected gain, have by their rhythm more likely left already "
        "than not; they count only as far as they may still be there. To win back is not to keep: test them as a group "
        "of their own.",
        n=value_text(found.n_gone, "count"),
        share=value_text(found.gone_share, "share"),
    )


def _nobody(study: Study, found: Totals) -> CannotSay:
    if found.n_worth_it:
        return CannotSay(
            sentence(
                "{worth} customers are worth a contact, but the budget of {budget} does not reach one of them.",
                worth=value_text(found.n_worth_it, "count"),
                budget=value_text(study.params.churn.offer.budget or 0.0, study.currency),
            ),
            _("Raise churn.offer.budget."),
        )
    return CannotSay(
        sentence(
            "There is no retention list: of {n} customers none is expected to bring back what contact and offer cost.",
            n=value_text(found.n_ranked, "count"),
        ),
        _("Find a cheaper offer or contact (churn.offer.offer_cost, churn.offer.contact_cost)."),
    )


def _with_reasons(chosen: pd.DataFrame, reasons: pd.DataFrame | CannotSay | None) -> pd.DataFrame:
    if not isinstance(reasons, pd.DataFrame):
        return chosen
    names = [name for name in _REASONS if name in reasons.columns]
    why = reasons.set_index(reasons["customer_id"].astype(str))[names]
    none = _("hardly any sign of leaving; listed for what keeping is worth")
    words = [
        _("; ").join(word for word in row if isinstance(word, str) and word) or none
        for row in why.reindex(chosen["customer_id"].astype(str)).to_numpy(dtype=object)
    ]
    return chosen.assign(why=words)


def _money(study: Study, words: str) -> str:
    return f"{_(words)}, {study.currency}"
