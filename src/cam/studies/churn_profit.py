"""Study 05, does calling pay? What a customer who stays is worth, and what contacting those at risk earns."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, Z
from cam.language import listed, named, sentence, together, value_text
from cam.language import translate as _
from cam.measures.churn.profit import Offer, ProfitFit, fit_profit
from cam.measures.value.renewals import RenewalFits
from cam.measures.value.survivors import periodic_discount, survivors_ahead
from cam.reduce.tenures import contract_scores
from cam.show.tables import Col, ShownTable, show_table
from cam.studies import clv, contracts_value
from cam.studies.repeat_buying import SEED
from cam.studies.study import Study, needs
from cam.studies.valued import Ahead, look_ahead

if TYPE_CHECKING:
    from cam.studies.churn_models import Models

__all__ = [
    "findings",
    "key_figures",
    "mean_worth",
    "offer",
    "profit",
    "save_rate_text",
    "show_profit",
    "worth_if_stays",
    "worth_text",
]

_KEYS = ["frequency", "recency", "T"]
#: A contract is seen on any day of its month: it waits half a month for its renewal, on average.
_WAIT = 0.5
_DAYS_PER_MONTH = 30.4375
#: With fewer customers a mean worth is chance.
_FEWEST = 30
#: Limits are not asked for here, and the values themselves do not depend on how many resamples there are.
_FEWEST_DRAWS = 2
_WORTH = {
    "purchases": "residual CLV, which counts only the chance that the customer has not left already, for who is gone "
    "cannot be kept",
    "contract": "margin of the fees ahead, discounted, of a contract that runs on past the churn horizon",
    "assumed": "the same for all, assumed (churn.offer.customer_value)",
}


def worth_if_stays(study: Study, *, name: str = "churn_worth") -> ir.Table | CannotSay:
    """Say what keeping each customer is worth: discounted margin over the horizon of value.

    Columns: ``customer_id``, ``clv_if_stays`` (money), ``worth_basis`` (``purchases``, ``contract`` or ``assumed``),
    and of purchases ``p_alive``, the chance that the customer has not left already. Of purchases it is the residual
    CLV, which that chance lowers, because who is gone cannot be kept; of a contract, which runs for sure, it is not
    lowered by the chance that it ends within the churn horizon: p_churn is multiplied on later, and would count twice.
    """
    quick = study.params.value.model_copy(update={"n_bootstrap": _FEWEST_DRAWS})
    ahead = look_ahead(dataclasses.replace(study, params=study.params.model_copy(update={"value": quick})))
    found = _by_model(study, ahead)
    assumed = study.params.churn.offer.customer_value
    if isinstance(found, CannotSay):
        if assumed is None:
            cure = _(
                "Or set churn.offer.customer_value: what a customer who stays is worth, the same for all."
            )
            reason = sentence(
                "What a customer who stays is worth is not known. {reason}", reason=found.reason
            )
            return CannotSay(reason, together(found.cure, cure) if found.cure else cure)
        found = _assumed(study, assumed)
    return study.engine.create_table(name, found, overwrite=True)


@needs()
def mean_worth(study: Study, models: Models) -> Estimate | CannotSay:
    """Say what those of the test who left were worth on average, as it was known at the cut-off: only they can be kept.

    Theirs may be far from the average of all.
    """
    days = models.rows.cut_offs
    then = _as_of(study, days[-1]) if days else study
    worth = worth_if_stays(then, name="churn_worth_then")
    if isinstance(worth, CannotSay):
        return worth
    tested = study.engine.create_table(
        "churn_worth_tested", models.tested[["customer_id", "churned"]], overwrite=True
    )
    known = tested.filter(tested.churned == 1).inner_join(worth, "customer_id").order_by("customer_id")
    chosen = known.execute()
    values = chosen["clv_if_stays"].dropna().to_numpy(float)
    is_assumed = set(chosen["worth_basis"]) == {"assumed"}  # then few say it as well as many
    if values.size < (2 if is_assumed else _FEWEST):
        return CannotSay(
            sentence(
                "Of {n} customers of the test who left, the worth of {known} is known; {least} are needed.",
                n=int(models.tested["churned"].sum()),
                known=int(values.size),
                least=_FEWEST,
            ),
            _("Set churn.offer.customer_value, or see under the study of value what is missing."),
        )
    mean, half = float(values.mean()), Z * float(values.std(ddof=1)) / values.size**0.5
    segment = {"basis": str(chosen["worth_basis"].iloc[0])}
    return Estimate("clv_if_stays", mean, study.currency, int(values.size), mean - half, mean + half, segment)


@needs()
def profit(study: Study, models: Models, average: Estimate) -> ProfitFit | CannotSay:
    """Work out on customers whom the model had not seen what contacting those at most risk earns."""
    made = offer(study)
    if isinstance(made, CannotSay):
        return made
    if average.value <= made.offer_cost:
        return CannotSay(
            sentence(
                "Calling by risk alone does not pay: keeping one of those who left was worth {worth} on average, and "
                "the offer costs {cost}.",
                worth=average,
                cost=value_text(made.offer_cost, study.currency),
            ),
            _("Find a cheaper offer (churn.offer.offer_cost), or keep it for those who are worth more."),
        )
    return fit_profit(models.tested, clv=average.value, offer=made, currency=study.currency, seed=SEED)


def offer(study: Study) -> Offer | CannotSay:
    """Return what is offered, or name the costs that the parameter file lacks."""
    given = study.params.churn.offer
    absent = [name for name in ("offer_cost", "contact_cost") if getattr(given, name) is None]
    if given.offer_cost is None or given.contact_cost is None:
        return CannotSay(
            _(
                "Whether calling pays, and whom to call, cannot be said without what an offer and a contact cost."
            ),
            sentence(
                "Set {keys}, in {currency} per customer.",
                keys=listed([f"churn.offer.{name}" for name in absent]),
                currency=study.currency,
            ),
        )
    return Offer(given.offer_cost, given.contact_cost, given.save_rate, given.save_weight)


def save_rate_text(study: Study) -> str:
    """Say that the save rate is assumed, and how surely it is taken to be known."""
    given = study.params.churn.offer
    return sentence(
        "That the offer keeps {rate} of those about to leave is an assumption (churn.offer.save_rate), taken to be as "
        "sure as if learnt from {weight} customers; only a test measures it.",
        rate=value_text(given.save_rate, "share"),
        weight=value_text(given.save_weight, "count"),
    )


def worth_text(basis: str) -> str:
    """Say what the worth of a customer who stays is made of."""
    return _(_WORTH[basis])


@needs()
def show_profit(study: Study, earned: ProfitFit, average: Estimate) -> ShownTable | CannotSay:
    """Show what contacting nobody, the best share and all earns, per customer of the base."""
    n, unit = earned.n, study.currency
    every = contact_all(study, earned)
    rows = [
        {"who": _("Nobody"), "share": 0.0, "profit": 0.0},
        {
            "who": _("The best share, by risk"),
            "share": earned.best_share.value,
            "profit": earned.mpc.value,
            "low": earned.mpc.low,
            "high": earned.mpc.high,
        },
        {"who": _("All"), "share": 1.0, "profit": every.value, "low": every.low, "high": every.high},
        {
            "who": _("The best share, over all save rates that are likely (EMPC)"),
            "share": earned.empc_share.value,
            "profit": earned.empc.value,
            "low": earned.empc.low,
            "high": earned.empc.high,
        },
    ]
    columns = [
        Col("who", "Who is contacted"),
        Col("share", "Share contacted", "share"),
        Col("profit", "Profit per customer", unit, "low", "high"),
    ]
    note = sentence(
        "n = {n} customers of the test; those of them who left were worth {worth} on average at the cut-off: {what}.",
        n=value_text(n, "count"),
        worth=value_text(average.value, unit),
        what=worth_text(average.segment["basis"]),
    )
    frame = pd.DataFrame(rows).reindex(columns=["who", "share", "profit", "low", "high"])
    return show_table(
        frame, columns, caption="What contacting earns", note=note, notes=[save_rate_text(study)]
    )


def contact_all(study: Study, earned: ProfitFit) -> Estimate:
    """Return what contacting all earns per customer, from the end of the curve."""
    end = earned.curve.iloc[-1]
    return Estimate(
        "contact_all_profit",
        float(end["profit"]),
        study.currency,
        earned.n,
        float(end["low"]),
        float(end["high"]),
    )


def findings(study: Study, earned: ProfitFit | CannotSay) -> list[str | CannotSay]:
    """Say what contacting the best share earns, beside all and nobody."""
    if isinstance(earned, CannotSay):
        return [earned]
    every = contact_all(study, earned)
    if earned.mpc.value <= 0:
        return [
            sentence(
                "At these costs contacting nobody is best: contacting all would bring {every} per customer, and no "
                "share of them earns anything. Find a cheaper offer or contact.",
                every=every,
            )
        ]
    words = (
        "Contacting {share} of customers, those at most risk, would earn {best} per customer of the base; contacting "
        "all {every}, contacting nobody nothing. All this hangs on the save rate, which is assumed."
    )
    if (earned.mpc.low or 0.0) <= 0:
        words = (
            "Whether calling pays is not sure: contacting {share} of customers, those at most risk, would earn {best} "
            "per customer of the base, contacting all {every}. Test it on a small part first; the save rate is assumed."
        )
    return [sentence(words, share=earned.best_share, best=earned.mpc, every=every)]


def key_figures(
    study: Study, earned: ProfitFit | CannotSay, average: Estimate | CannotSay
) -> list[Estimate | CannotSay]:
    """List the key figures of profit: EMPC, maximum profit, and the shares that bring them."""
    if isinstance(earned, CannotSay) or isinstance(average, CannotSay):
        return [next(each for each in (average, earned) if isinstance(each, CannotSay))]
    names = {
        "churn_empc": earned.empc,
        "churn_empc_share": earned.empc_share,
        "churn_max_profit": earned.mpc,
        "churn_best_share": earned.best_share,
    }
    return [
        average,
        *(dataclasses.replace(each, figure=name) for name, each in names.items()),
    ]


def _as_of(study: Study, day: date) -> Study:
    """The same client, seen from an earlier day."""
    review = {**study.prepared.review, "as_of": day.isoformat()}
    return dataclasses.replace(study, prepared=dataclasses.replace(study.prepared, review=review))


def _by_model(study: Study, ahead: Ahead) -> ir.Table | CannotSay:
    """By contract where there are any, else by the model of repeat buying; or why not."""
    if isinstance(ahead.setting, CannotSay):
        return ahead.setting
    label = study.params.churn.label
    if label in ("purchases", "contract") and (label == "contract") != (ahead.setting == "contractual"):
        return CannotSay(
            sentence(
                "The label is {label}, and value.setting is {setting}: who leaves by the one may stay by the other.",
                label=named(label),
                setting=named(ahead.setting),
            ),
            _("Set churn.label and value.setting to the same way of leaving."),
        )
    if isinstance(ahead.tenures, ir.Table):
        return _by_contract(study, ahead.tenures, ahead.renewals)
    if ahead.tenures is not None:
        return ahead.tenures
    return _by_purchases(study, ahead)


def _by_purchases(study: Study, ahead: Ahead) -> ir.Table | CannotSay:
    """Residual CLV, as study 03 has it: of those who may have left already, only the share still active can be kept."""
    for said in (ahead.worth, ahead.each):
        if isinstance(said, CannotSay):
            return said
    assert isinstance(ahead.worth, clv.Worth) and isinstance(ahead.each, ir.Table)
    for money in (ahead.worth.spend, ahead.worth.margin):
        if isinstance(money, CannotSay):
            return money
    if "residual_clv" not in ahead.each.columns:
        return CannotSay(_("Of customers who buy on given occasions only, no CLV in money is worked out."))
    return ahead.each.select(
        "customer_id",
        "p_alive",
        clv_if_stays=ahead.each.residual_clv.cast("decimal(18,2)"),
        worth_basis=ibis.literal("purchases"),
    )


def _by_contract(
    study: Study, tenures: ir.Table, fits: RenewalFits | CannotSay | None
) -> ir.Table | CannotSay:
    """Renewals within the churn horizon are certain, if the customer stays; those after it as the model has them."""
    base = contracts_value.running(study, tenures)
    if isinstance(base, CannotSay):
        return base
    if not isinstance(fits, RenewalFits) or base is None:
        return fits if isinstance(fits, CannotSay) else CannotSay(_("How long contracts last is not known."))
    ages = base["age"].to_numpy(float)
    factors = pd.DataFrame(
        {"age": ages, "clv_if_stays": (study.params.value.margin_rate or 0.0) * renewed(study, fits, ages)}
    )
    given = study.engine.create_table("churn_worth_ages", factors, overwrite=True)
    found = contract_scores(tenures, given)
    found = found.filter(found.n_running > 0)
    return found.select("customer_id", "clv_if_stays", worth_basis=ibis.literal("contract"))


def renewed(study: Study, fits: RenewalFits, ages: np.ndarray) -> np.ndarray:
    """Return the discounted fees ahead of a contract, by its age, if it runs on past the churn horizon."""
    value, churn = study.params.value, study.params.churn
    sure = min(max(round((churn.gap_days + churn.horizon_days) / _DAYS_PER_MONTH), 1), value.horizon_months)
    discount = periodic_discount(value.annual_discount_rate)
    fade = 1 / (1 + discount)
    later, _variance = survivors_ahead(
        fits.chosen.log_survival, ages + sure, discount=discount, horizon=value.horizon_months - sure
    )
    found: np.ndarray = fade**_WAIT * ((fade ** np.arange(sure)).sum() + fade**sure * later)
    return found


def _assumed(study: Study, value: float) -> ir.Table:
    """The same for every customer that any table names."""
    named_in = [
        study.tables[name].select("customer_id")
        for name in ("transactions", "contracts", "snapshot")
        if name in study.tables
    ]
    people = ibis.union(*named_in, distinct=True) if len(named_in) > 1 else named_in[0].distinct()
    return people.select(
        "customer_id",
        clv_if_stays=ibis.literal(f"{value:.2f}").cast("decimal(18,2)"),
        worth_basis=ibis.literal("assumed"),
    )
