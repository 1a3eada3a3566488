"""Study 03 where customers hold contracts: how long these last, and what the running ones will still bring.

Where customers leave without a word there is nothing to say here: every step is silent (None), but for the first that
is shown, which says why.
"""

from __future__ import annotations

from typing import ParamSpec, TypeVar

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import interval_text, named, sentence, value_text
from cam.language import translate as _
from cam.measures.value.life_table import life_table, observed_survival
from cam.measures.value.renewals import (
    FEWEST_AT_RISK,
    RenewalFits,
    fit_renewals,
    holdout,
    residual_periods,
    residual_value,
    survival_curve,
)
from cam.measures.value.survivors import periodic_discount
from cam.reduce.tenures import (
    contract_scores,
    contract_tenures,
    count_followed,
    running_contracts,
    tenure_cells,
)
from cam.show.tables import Col, ShownTable, show_pairs, show_table
from cam.studies.contracts_findings import findings, key_figures, parameters, why_chosen
from cam.studies.study import Study, needs, silent

__all__ = [
    "cells",
    "curve",
    "factors",
    "findings",
    "fit",
    "holdout_table",
    "key_figures",
    "naive_totals",
    "refuses_repeat_buying",
    "running",
    "scores",
    "show_factors",
    "show_fits",
    "show_holdout",
    "show_naive",
    "show_tenures",
    "tenures",
    "totals",
]

P = ParamSpec("P")
R = TypeVar("R")

#: With fewer ended contracts, or fewer months, a curve through them is a guess.
_FEWEST_ENDED, _FEWEST_MONTHS = 30, 3
#: Of the months that can be judged, the share that a model sees in the holdout.
_SEEN = 2 / 3
#: Where more of the ended contracts are followed by another, a row is a term, not a contract.
_MANY_FOLLOWED = 0.1
#: A contract is seen on any day of its month: it waits half a month for its renewal, on average.
_WAIT = 0.5
_PARAMETERS = {
    "constant_churn": "not renewed, per month",
    "sbg_log_likelihood": "log-likelihood",
    "bdw_log_likelihood": "log-likelihood",
}
_SHOWN_AGES = (0, 1, 3, 6, 12, 24, 36, 60)


def refuses_repeat_buying(decided: str | CannotSay) -> CannotSay | None:
    """Refuse models of repeat buying where customers hold contracts, with the reason; None where they may be used."""
    if isinstance(decided, CannotSay):
        return decided
    if decided != "contractual":
        return None
    return CannotSay(
        _(
            "Models of repeat buying guess from silence who has left. Here contracts say it, and a monthly fee "
            "falls due whether or not anybody chose to buy; such a model would take punctual debits for loyalty."
        ),
        _("What the contracts will still bring is told under the contracts."),
    )


@silent
def tenures(study: Study, decided: str) -> ir.Table | CannotSay | None:
    """Reduce the contracts to how long each has lasted, once, inside the engine; nothing without contracts."""
    if decided != "contractual":
        return None
    lacking = study.lacks("contracts")
    if lacking:
        return lacking
    reduced = contract_tenures(study.tables["contracts"], as_of=study.as_of)
    return study.engine.create_table("contract_tenures", reduced, overwrite=True)


@needs()
def show_tenures(study: Study, table: ir.Table | None) -> ShownTable | CannotSay:
    """Say what contracts there are; or, where customers leave without a word, why this part is empty."""
    if table is None:
        return CannotSay(
            _("Customers of this client leave without a word, so there is no renewal that could be modelled.")
        )
    running = table.is_running.ifelse(1, 0)
    counts = table.aggregate(n=table.count(), running=running.sum(), longest=table.duration.max()).execute()
    n, n_running, longest = (int(counts[name].iloc[0]) for name in ("n", "running", "longest"))
    followed = count_followed(study.tables["contracts"], as_of=study.as_of).execute().iloc[0]
    n_ended, n_followed = (int(followed[name] or 0) for name in ("n_ended", "n_followed"))
    pairs = {
        "Contracts": f"{n:,}",
        "still running": f"{n_running:,}",
        "ended": f"{n_ended:,}",
        "ended, and the customer went on with another within a month": f"{n_followed:,}",
        "Longest contract": value_text(longest, "months"),
        "What counts as a month": _(
            "from the day of the start to the same day of the next month; a month that is not over counts for nobody"
        ),
        "What counts as a contract": _("each row of the table; a customer who comes back has a new one"),
    }
    if n_followed > _MANY_FOLLOWED * max(n_ended, 1):
        pairs["Beware"] = _(
            "Many ended contracts are followed by another of the same customer. If a row is a term or a tariff rather "
            "than a contract, export each contract as one row; otherwise renewals are taken for losses."
        )
    return show_pairs(pairs, caption="The contracts")


@silent
def cells(study: Study, table: ir.Table) -> pd.DataFrame | CannotSay:
    """Count contracts by how long they lasted and whether they ended; say where that is too little for a model."""
    found = tenure_cells(table).execute()
    ended = found[found["event_observed"]]
    n_ended = int(ended["n_customers"].sum())
    if not n_ended:
        return CannotSay(
            _("No contract has an end, as in an export that holds running contracts only."),
            _("Export ended contracts too, each with its end_date."),
        )
    lives = life_table(found)
    if lives["n_at_risk"].sum() <= lives["n_churned"].sum():
        return CannotSay(
            _("No contract was ever renewed, so how long a renewed one lasts cannot be told."),
            _("Run the report again when some contracts are older than a month."),
        )
    if n_ended < _FEWEST_ENDED or found["duration"].max() < _FEWEST_MONTHS:
        return CannotSay(
            sentence(
                "{n} contracts have ended, over {months} months; a model of renewals needs {fewest} and {least}.",
                n=n_ended,
                months=int(found["duration"].max()),
                fewest=_FEWEST_ENDED,
                least=_FEWEST_MONTHS,
            ),
            _("Export contracts from further back, ended ones among them."),
        )
    return found


@silent
def fit(study: Study, table: pd.DataFrame) -> RenewalFits:
    """Fit constant churn, sBG and beta-discrete-Weibull to the contracts."""
    return fit_renewals(table)


@silent
def show_fits(study: Study, table: pd.DataFrame, fits: RenewalFits) -> ShownTable | CannotSay:
    """Show the models with their parameters, and which is used and why."""
    rows = [
        {
            "model": named(model),
            "parameter": _(_PARAMETERS.get(one.figure, one.figure.rpartition("_")[2])),
            "value": value_text(one.value, one.unit),
            "range": interval_text(one),
        }
        for model, estimates in parameters(table, fits).items()
        for one in estimates
    ]
    columns = [
        Col("model", "Model"),
        Col("parameter", "Parameter"),
        Col("value", "Estimate"),
        Col("range", "95 % interval"),
    ]
    return show_table(pd.DataFrame(rows), columns, caption="Models of renewals", notes=[why_chosen(fits)])


@silent
def holdout_table(study: Study, table: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Fit the models to the first months of all contracts, and see how they foretell the later ones."""
    observed = observed_survival(table)
    judged = int(observed.loc[observed["n_at_risk"] >= FEWEST_AT_RISK, "period"].max() or 0)
    n_seen = int(_SEEN * judged)
    early = table[(table["duration"] <= n_seen) & table["event_observed"]]["n_customers"].sum()
    if n_seen < _FEWEST_MONTHS or judged <= n_seen or early < _FEWEST_ENDED:
        return CannotSay(
            _("How well the models foretell is not shown: the contracts have too few months for it."),
            _("Export contracts from further back, ended ones among them."),
        )
    return holdout(table, n_periods=n_seen).assign(n_seen=n_seen)


@silent
def show_holdout(study: Study, held: pd.DataFrame) -> ShownTable | CannotSay:
    """Show how far each model was from what then happened."""
    found = held[held["is_converged"]]
    shown = found.assign(model=found["model"].map(named))
    last = int(found["last_period"].iloc[0])
    columns = [
        Col("model", "Model"),
        Col("bias", "Bias", "share"),
        Col("rmse", "Root mean squared error", "share"),
        Col("predicted", "Foretold survival", "share"),
        Col("observed", "Seen", "share"),
    ]
    note = sentence(
        "Fitted to the first {seen} months of every contract, compared with survival in months {first} to {last}; the "
        "last two columns are for month {last}.",
        seen=int(found["n_seen"].iloc[0]),
        first=int(found["n_seen"].iloc[0]) + 1,
        last=last,
    )
    lost = [
        sentence("{model} found no maximum in these months.", model=named(name))
        for name in held.loc[~held["is_converged"], "model"]
    ]
    return show_table(shown, columns, caption="How well the models foretell survival", note=note, notes=lost)


@silent
def curve(study: Study, table: pd.DataFrame, fits: RenewalFits) -> pd.DataFrame:
    """Return survival by month: seen, by the chosen model, half as far again as was seen, and at constant churn."""
    observed = observed_survival(table)
    firm = observed[observed["n_at_risk"] >= FEWEST_AT_RISK]
    n_months = int(np.ceil(1.5 * float(firm["period"].max() if len(firm) else observed["period"].max())))
    found = survival_curve(fits.chosen, n_periods=n_months)
    names = {"survival": "observed", "survival_low": "observed_low", "survival_high": "observed_high"}
    seen = (firm if len(firm) else observed)[["period", *names]].rename(columns=names)
    return found.merge(seen, on="period", how="left").assign(
        constant=np.exp(fits.constant.log_survival(found["period"].to_numpy(float))),
        model=fits.chosen.model,
        n=int(table["n_customers"].sum()),
    )


@silent
def running(study: Study, table: ir.Table) -> pd.DataFrame | CannotSay:
    """Sum the margin of one month by age of the running contracts; say what is missing for it."""
    lacking = study.lacks_column("contracts", "monthly_fee")
    if lacking:
        return lacking
    rate = study.params.value.margin_rate
    if rate is None:
        return CannotSay(_("Margin is not known."), _("Set value.margin_rate."))
    found = running_contracts(table).execute().astype(float)
    if found.empty or not found["n_contracts"].sum():
        return CannotSay(_("No contract runs any more, so nothing is left to come."))
    if rate * found["fee"].sum() <= 0:
        return CannotSay(
            _("No running contract has a fee that leaves a margin, so what they will bring cannot be told."),
            _("Fill monthly_fee at the source."),
        )
    return found.assign(margin=rate * found["fee"] / 100, squares=rate**2 * found["squares"] / 10_000)


@silent
def factors(study: Study, fits: RenewalFits, base: pd.DataFrame) -> pd.DataFrame:
    """Return per age what a month's margin is still worth, over the horizon and for ever, with limits."""
    ages, discount = base["age"].to_numpy(float), _discount(study)
    months = study.params.value.horizon_months
    plain = residual_periods(fits.chosen, ages, discount=0.0, horizon=months)
    found = base[["age", "n_contracts"]].assign(expected_renewals=plain["value"])
    for name, horizon in (("residual_clv", months), ("residual_clv_for_ever", None)):
        if horizon is None and not discount:
            continue
        worth = residual_periods(fits.chosen, ages, discount=discount, horizon=horizon, wait=_WAIT)
        found[name], found[f"{name}_low"], found[f"{name}_high"] = (
            worth[column] for column in ("value", "low", "high")
        )
    return found


@silent
def show_factors(study: Study, fits: RenewalFits, worth: pd.DataFrame) -> ShownTable | CannotSay:
    """Show what lies ahead of a running contract by its age."""
    oldest = float(worth["age"].max())
    kept = worth[worth["age"].isin([*_SHOWN_AGES, oldest])]
    rates = survival_curve(fits.chosen, n_periods=int(oldest) + 1).set_index("period")
    at = rates.loc[kept["age"] + 1]
    shown = kept.assign(next=at["retention_rate"].values, low=at["low"].values, high=at["high"].values)
    columns = [
        Col("age", "Months completed", "count", ordered=True),
        Col("n_contracts", "Running contracts", "count"),
        Col("next", "Renewed next month", "share", "low", "high"),
        Col("expected_renewals", "Renewals ahead, horizon", "ratio"),
        Col("residual_clv", "Discounted, horizon", "ratio", "residual_clv_low", "residual_clv_high"),
    ]
    if "residual_clv_for_ever" in worth.columns:
        columns.append(
            Col(
                "residual_clv_for_ever",
                "Discounted, for ever",
                "ratio",
                "residual_clv_for_ever_low",
                "residual_clv_for_ever_high",
            )
        )
    note = sentence(
        "Renewals ahead of one contract; the horizon is {months} months. The next renewal is half a month away, and "
        "the month under way is paid.",
        months=study.params.value.horizon_months,
    )
    return show_table(shown, columns, caption="What lies ahead of a running contract, by its age", note=note)


@silent
def totals(study: Study, fits: RenewalFits, base: pd.DataFrame) -> list[Estimate]:
    """Estimate what the running contracts will bring: over the horizon, and for ever where money has a price."""
    discount, unit = _discount(study), study.currency
    found = [
        residual_value(
            fits.chosen,
            base,
            discount=discount,
            unit=unit,
            horizon=study.params.value.horizon_months,
            wait=_WAIT,
        )
    ]
    if discount:
        found.append(residual_value(fits.chosen, base, discount=discount, unit=unit, wait=_WAIT))
    return found


@silent
def naive_totals(study: Study, fits: RenewalFits, base: pd.DataFrame, worth: list[Estimate]) -> pd.DataFrame:
    """Return what the running contracts would be worth by margin over average churn, beside the model."""
    margin, churn = float(base["margin"].sum()), fits.constant.churn
    rows = [{"way": "margin_over_churn", "value": margin / churn}]
    if len(worth) > 1:
        constant = residual_value(
            fits.constant, base, discount=_discount(study), unit=study.currency, wait=_WAIT
        )
        rows += [
            {"way": "constant_churn", "value": constant.value},
            {"way": "model", "value": worth[-1].value},
        ]
    found = pd.DataFrame(rows)
    return found.assign(ratio=found["value"] / worth[-1].value if len(worth) > 1 else np.nan)


@silent
def show_naive(study: Study, naive: pd.DataFrame) -> ShownTable | CannotSay:
    """Show how far the quick way to value contracts leads astray."""
    if len(naive) < 2:
        return CannotSay(
            _(
                "What contracts bring for ever is not told: a sum without an end needs a discount rate above 0."
            ),
            _("Set value.annual_discount_rate."),
        )
    words = {
        "margin_over_churn": _("Margin over average churn, not discounted"),
        "constant_churn": _("The same churn for all, discounted"),
        "model": _("By the model, discounted"),
    }
    shown = naive.assign(way=naive["way"].map(words))
    columns = [
        Col("way", "How it is reckoned"),
        Col("value", "All running contracts, for ever", study.currency),
        Col("ratio", "Against the model", "ratio"),
    ]
    return show_table(shown, columns, caption="Why not margin over churn")


@silent
def scores(study: Study, table: ir.Table, worth: pd.DataFrame) -> ir.Table:
    """Score each customer with a contract; those whose running contract has no fee are left out."""
    given = study.engine.create_table(
        "contract_factors", _with_rate(study, worth.drop(columns="n_contracts")), overwrite=True
    )
    return contract_scores(table, given)


def _discount(study: Study) -> float:
    return periodic_discount(study.params.value.annual_discount_rate)


def _with_rate(study: Study, worth: pd.DataFrame) -> pd.DataFrame:
    """Per unit of fee in place of per unit of margin."""
    rate = study.params.value.margin_rate or 0.0
    money = [name for name in worth.columns if name.startswith("residual_clv")]
    return worth.assign(**{name: rate * worth[name] for name in money})
