"""Study 05, does calling pay? What who stays is worth, and what calling customers of the test would have earned."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, Z
from cam.language import listed, named, sentence, together, value_text
from cam.language import translate as _
from cam.measures.churn.own_worth import OwnWorthFit, fit_own_worth
from cam.measures.churn.profit import Offer, ProfitFit, fit_profit
from cam.measures.value.renewals import RenewalFits
from cam.measures.value.survivors import periodic_discount, survivors_ahead
from cam.reduce.tenures import contract_scores
from cam.show.tables import Col, ShownTable, show_table
from cam.studies import clv, contracts_value
from cam.studies.churn_experiment import analyse
from cam.studies.churn_losses import can_be_kept
from cam.studies.repeat_buying import SEED
from cam.studies.study import Study, needs
from cam.studies.valued import Ahead, look_ahead

if TYPE_CHECKING:
    from cam.studies.churn_models import Models

__all__ = [
    "Earned",
    "curve",
    "findings",
    "key_figures",
    "mean_worth",
    "offer",
    "profit",
    "save_rate_text",
    "show_profit",
    "tested_worth",
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
#: Below this chance of being there the worth of who is there would be one small number over another.
_GONE = 0.001
_WORTH = {
    "purchases": "residual CLV of a customer who has not left already",
    "contract": "margin of the fees ahead, discounted, of a contract that runs on past the churn horizon",
    "assumed": "the same for all, assumed (churn.offer.customer_value)",
}


@dataclass(frozen=True, slots=True)
class Earned:
    """What calling the customers of the test would have earned.

    Attributes
    ----------
    own : OwnWorthFit
        With each customer's own chances and worth, as on the list.
    same : ProfitFit or CannotSay
        With one worth for all, by risk: to compare models.
    n_unknown : int
        Customers of the test whose worth was not known at the cut-off.
    """

    own: OwnWorthFit
    same: ProfitFit | CannotSay
    n_unknown: int


def worth_if_stays(study: Study, *, name: str = "churn_worth") -> ir.Table | CannotSay:
    """Say what keeping each customer is worth who is still there: discounted margin over the horizon of value.

    Columns: ``customer_id``, ``clv_if_stays`` (money), ``worth_basis`` (``purchases``, ``contract`` or ``assumed``),
    and of purchases ``p_alive``, the chance that the customer has not left already. Neither that chance nor the chance
    to leave lowers the worth: both are multiplied on later, and would count twice.
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


def tested_worth(
    study: Study, models: Models | CannotSay, back: Estimate | CannotSay
) -> pd.DataFrame | CannotSay:
    """Return the customers of the test with chances and worth as they were known at the cut-off, and who left.

    Columns: *customer_id, churned, p_churn, p_lost, p_alive, residual_clv, worth_basis*; the worth may be missing.
    """
    if isinstance(models, CannotSay):
        return models
    if not models.rows.cut_offs:
        return CannotSay(
            _(
                "What calling would have earned cannot be tested on a snapshot: it has no dates, so nobody can be put "
                "back to a day before they left."
            ),
            _("Add dated transactions or contracts, or try the offer on a random half of the list."),
        )
    worth = worth_if_stays(_as_of(study, models.rows.cut_offs[-1]), name="churn_worth_then")
    if isinstance(worth, CannotSay):
        return worth
    rows = models.tested[["customer_id", "churned", "p_churn"]]
    rows = rows.assign(customer_id=rows["customer_id"].astype(str))
    tested = study.engine.create_table("churn_worth_tested", rows, overwrite=True)
    worth = worth.mutate(customer_id=worth.customer_id.cast("string"))
    lost = can_be_kept(study, models, back, tested, worth)
    if isinstance(lost, CannotSay):
        return lost
    others = [name for name in ("p_alive", "worth_basis") if name in worth.columns]
    joined = lost.left_join(worth.select("customer_id", "clv_if_stays", *others), "customer_id")
    found = joined.select("customer_id", "p_lost", *others, residual_clv=joined.clv_if_stays.cast("float64"))
    table = rows.merge(found.execute(), on="customer_id", how="left")
    if "p_alive" not in others or models.rows.basis == "contract":
        table["p_alive"] = 1.0
    return table.sort_values("customer_id", ignore_index=True)


@needs()
def mean_worth(study: Study, tested: pd.DataFrame) -> Estimate | CannotSay:
    """Say what those of the test who left were worth on average: that of each, by the chance that they could be kept.

    Theirs may be far from the average of all.
    """
    left = tested[(tested["churned"] == 1) & (tested["p_churn"] > 0)].dropna(
        subset=["residual_clv", "p_lost"]
    )
    values = (left["p_lost"] / left["p_churn"] * left["residual_clv"]).to_numpy(float)
    is_assumed = set(left["worth_basis"]) == {"assumed"}  # then few say it as well as many
    if values.size < (2 if is_assumed else _FEWEST):
        return CannotSay(
            sentence(
                "Of {n} customers of the test who left, the worth of {known} is known; {least} are needed.",
                n=int(tested["churned"].sum()),
                known=int(values.size),
                least=_FEWEST,
            ),
            _("Set churn.offer.customer_value, or see under the study of value what is missing."),
        )
    mean, half = float(values.mean()), Z * float(values.std(ddof=1)) / values.size**0.5
    segment = {"basis": str(left["worth_basis"].iloc[0])}
    return Estimate("clv_if_stays", mean, study.currency, int(values.size), mean - half, mean + half, segment)


def profit(
    study: Study, tested: pd.DataFrame | CannotSay, average: Estimate | CannotSay
) -> Earned | CannotSay:
    """Work out on customers whom the model had not seen what calling them would have earned."""
    made = offer(study)
    for said in (made, tested):
        if isinstance(said, CannotSay):
            return said
    assert isinstance(made, Offer) and isinstance(tested, pd.DataFrame)
    known = tested.dropna(subset=["residual_clv", "p_lost", "p_alive"]).reset_index(drop=True)
    if known["churned"].nunique() < 2:
        return CannotSay(
            _(
                "Whether calling pays cannot be tested: of the customers of the test whose worth is known all left, or "
                "all stayed."
            ),
            _("Set churn.offer.customer_value, or see under the study of value what is missing."),
        )
    own = fit_own_worth(known, offer=made, currency=study.currency, seed=SEED)
    return Earned(own, _compared(study, known, average, made), len(tested) - len(known))


@needs()
def curve(study: Study, earned: Earned) -> OwnWorthFit:
    """Return what the figure draws."""
    return earned.own


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


def measured_text(study: Study) -> str:
    """Say which save rate a finished test has measured, of several arms the largest; empty where none has."""
    tested = analyse(study)
    if isinstance(tested, CannotSay):
        return ""
    known = {name: one for name, one in tested.saved.items() if isinstance(one, Estimate)}
    if not known:
        return ""
    arm = max(known, key=lambda name: (known[name].n or 0, name))
    words = "A finished test measured that the arm {arm} kept {saved} of them: if that was this offer, plan with it."
    return sentence(words, arm=_(arm), saved=known[arm])


def save_rate_text(study: Study) -> str:
    """Say that the save rate is assumed, how surely it is taken to be known, and what a test has measured."""
    given = study.params.churn.offer
    assumed = sentence(
        "That the offer keeps {rate} of those about to leave is an assumption (churn.offer.save_rate), taken to be as "
        "sure as if learnt from {weight} customers; only a test measures it.",
        rate=value_text(given.save_rate, "share"),
        weight=value_text(given.save_weight, "count"),
    )
    return together(assumed, measured_text(study))


def worth_text(basis: str) -> str:
    """Say what the worth of a customer who stays is made of."""
    return _(_WORTH[basis])


def show_profit(
    study: Study, earned: Earned | CannotSay, average: Estimate | CannotSay
) -> ShownTable | CannotSay:
    """Show what calling nobody, the list, and all earns, per customer of the base; and EMPC, to compare models."""
    return earned if isinstance(earned, CannotSay) else _shown(study, earned, average)


def findings(study: Study, earned: Earned | CannotSay) -> list[str | CannotSay]:
    """Say what calling by the list's rule would have earned, beside all and nobody."""
    if isinstance(earned, CannotSay):
        return [earned]
    own = earned.own
    if own.share.value <= 0:
        return [
            sentence(
                "At these costs the list would have been empty: for no customer of the test was a gain expected; "
                "calling all would have brought {every} per customer. Find a cheaper offer or contact.",
                every=own.every,
            )
        ]
    words = (
        "Tested on a past cut-off: calling the {share} of customers with an expected gain above nothing would have "
        "earned {profit} per customer of the base, as many by risk alone {by_risk}, all {every}. All this hangs on the "
        "save rate, which is assumed."
    )
    if (own.profit.low or 0.0) <= 0:
        words = (
            "Whether calling pays is not sure: on a past cut-off, calling the {share} of customers with an expected "
            "gain above nothing would have earned {profit} per customer of the base, as many by risk alone {by_risk}, "
            "all {every}. The save rate is assumed: test it on a random half first."
        )
    return [sentence(words, share=own.share, profit=own.profit, by_risk=own.by_risk, every=own.every)]


def key_figures(
    study: Study, earned: Earned | CannotSay, average: Estimate | CannotSay
) -> list[Estimate | CannotSay]:
    """List the key figures of profit: by own worth, and EMPC, which compares models under one worth for all."""
    if isinstance(earned, CannotSay):
        return [earned]
    own = earned.own
    found: list[Estimate | CannotSay] = [average, own.share, own.profit, own.by_risk]
    found += [
        dataclasses.replace(own.best, figure="churn_max_profit"),
        dataclasses.replace(own.best_share, figure="churn_best_share"),
    ]
    if isinstance(earned.same, ProfitFit):
        found += [
            dataclasses.replace(earned.same.empc, figure="churn_empc"),
            dataclasses.replace(earned.same.empc_share, figure="churn_empc_share"),
        ]
    return found


def _compared(
    study: Study, known: pd.DataFrame, average: Estimate | CannotSay, made: Offer
) -> ProfitFit | CannotSay:
    """One worth for all, by risk alone."""
    if isinstance(average, CannotSay):
        return average
    if average.value <= made.offer_cost:
        return CannotSay(
            sentence(
                "EMPC cannot be worked out: with one worth for all, {worth}, the offer at {cost} costs more than "
                "keeping brings.",
                worth=average,
                cost=value_text(made.offer_cost, study.currency),
            ),
            _("Find a cheaper offer (churn.offer.offer_cost), or keep it for those who are worth more."),
        )
    return fit_profit(known, clv=average.value, offer=made, currency=study.currency, seed=SEED)


def _shown(study: Study, earned: Earned, average: Estimate | CannotSay) -> ShownTable | CannotSay:
    own, same, unit = earned.own, earned.same, study.currency
    pairs = [
        (_("Nobody"), 0.0, None),
        (_("Expected gain above nothing, as on the list"), own.share.value, own.profit),
        (_("As many by risk alone"), own.share.value, own.by_risk),
        (_("All"), 1.0, own.every),
        (_("The best share by expected gain, known only afterwards"), own.best_share.value, own.best),
    ]
    notes = [save_rate_text(study)]
    if isinstance(same, ProfitFit) and isinstance(average, Estimate):
        pairs.append(
            (_("EMPC: by risk, one worth for all, only to compare models"), same.empc_share.value, same.empc)
        )
        notes.append(
            sentence(
                "EMPC takes {worth} for everybody who left: the mean of their worths, each by the chance that they "
                "were still there and would not have come back. It does not say whom to call.",
                worth=value_text(average.value, unit),
            )
        )
    else:
        said = same if isinstance(same, CannotSay) else average
        notes.append(said.reason if isinstance(said, CannotSay) else "")
    if earned.n_unknown:
        notes.append(
            sentence(
                "{n} customers of the test are left out: what they were worth is not known.",
                n=value_text(earned.n_unknown, "count"),
            )
        )
    rows = [
        {
            "who": who,
            "share": share,
            "profit": 0.0 if one is None else one.value,
            "low": None if one is None else one.low,
            "high": None if one is None else one.high,
        }
        for who, share, one in pairs
    ]
    columns = [
        Col("who", "Who is contacted"),
        Col("share", "Share contacted", "share"),
        Col("profit", "Profit per customer", unit, "low", "high"),
    ]
    note = sentence(
        "n = {n} customers of the test, each with their own worth as it was known at the cut-off.",
        n=value_text(own.n, "count"),
    )
    frame = pd.DataFrame(rows).astype({"low": float, "high": float})
    return show_table(
        frame, columns, caption="What contacting earns", note=note, notes=[each for each in notes if each]
    )


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
    """Residual CLV, as study 03 has it, of a customer who is still there: without the chance that he or she is not."""
    for said in (ahead.worth, ahead.each):
        if isinstance(said, CannotSay):
            return said
    assert isinstance(ahead.worth, clv.Worth) and isinstance(ahead.each, ir.Table)
    for money in (ahead.worth.spend, ahead.worth.margin):
        if isinstance(money, CannotSay):
            return money
    if "residual_clv" not in ahead.each.columns:
        return CannotSay(_("Of customers who buy on given occasions only, no CLV in money is worked out."))
    there = ahead.each.p_alive.cast("float64")
    alone = ahead.each.residual_clv.cast("float64") / (there >= _GONE).ifelse(there, 1.0)
    return ahead.each.select(
        "customer_id",
        "p_alive",
        clv_if_stays=(there >= _GONE).ifelse(alone, 0.0).cast("decimal(18,2)"),
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
