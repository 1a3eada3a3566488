"""Study 03, models of repeat buying: which may be used, how well they predicted the past, and which is picked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import listed, named, period_text, sentence, together, value_text
from cam.language import translate as _
from cam.measures.value.bg_nbd import fit_bg_nbd
from cam.measures.value.holdout import (
    beats,
    choose_calibration_end,
    conditional_means,
    pick_model,
    predict_holdout,
    predicted_total,
    score_holdout,
    tracking,
)
from cam.measures.value.nbd import fit_nbd
from cam.measures.value.pareto_nbd import fit_pareto_nbd
from cam.reduce.clustering import systematic_sample
from cam.reduce.holdout import holdout_cells, purchases_by_day
from cam.reduce.summary import cells
from cam.show.tables import Col, ShownTable, show_pairs, show_table
from cam.studies.earnings import timing
from cam.studies.fitted import parameters, troubles
from cam.studies.study import Study, needs

#: Models that let customers leave; the NBD, in which nobody does, is what they have to beat.
MODELS = ("pareto_nbd", "bg_nbd", "mbg_nbd")
_FITS: dict[str, Callable[..., Any]] = {
    "pareto_nbd": fit_pareto_nbd,
    "bg_nbd": fit_bg_nbd,
    "mbg_nbd": partial(fit_bg_nbd, first_can_be_last=True),
    "nbd": fit_nbd,
}
#: Fewer customers with a repeat purchase than this carry no model.
MIN_REPEAT = 30
#: Models are fitted to so many customers at most: their parameters are then known to a few thousandths, and what a fit
#: needs no longer grows with the customers. All of them are scored.
MOST_FITTED = 1_000_000
#: A holdout shorter than this says little.
MIN_WEEKS = 8
#: A model that misses by so much more than one that cannot be used is not used in its place.
_MUCH_WORSE = 0.10
#: Of the futures that are drawn; any number would do, but it must stay the same.
SEED = 20261122

Fits = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Picked:
    """The model that is used.

    Attributes
    ----------
    model : str
        Its name.
    bias : float
        Its predicted over the actual total of the holdout, less 1.
    """

    model: str
    bias: float


@needs("transactions")
def histories(study: Study, decided: str) -> ir.Table | CannotSay:
    """Reduce the orders to one row per customer, where customers leave without a word."""
    if decided == "contractual":
        return CannotSay(
            _(
                "Models of repeat buying are refused here: under a contract it is known who has left, and they would "
                "guess it from silence."
            ),
            _("The retention of contracts is modelled instead."),
        )
    timed = timing(study, decided)
    if isinstance(timed, CannotSay):
        return timed
    if timed and timed.is_discrete:
        return CannotSay(
            _(
                "Models of continuous time are refused here: customers can buy on given occasions only, and the time "
                "between these would be taken for silence."
            ),
            _("Buying or not at each occasion is modelled instead."),
        )
    customers = study.summary(study.as_of)
    n = int(customers.filter(customers.frequency > 0).count().execute())
    if n < MIN_REPEAT:
        return CannotSay(
            sentence(
                "{n} customers have bought again; a model of repeat buying needs {least}.",
                n=n,
                least=MIN_REPEAT,
            )
        )
    return customers


@needs()
def cut_off(study: Study, customers: ir.Table) -> date | CannotSay:
    """Choose the last day that the models see: by the parameter file, else from the data."""
    first = study.tables["transactions"].order_date.min().execute().date()
    given = study.params.value.calibration_end
    # A short horizon is no reason to test the models on less than can judge them.
    horizon = max(study.params.value.horizon_months * 30.4375, 7.0 * MIN_WEEKS)
    chosen = given or choose_calibration_end(first, study.as_of, horizon_days=horizon)
    if given and not first < given < study.as_of:
        return CannotSay(
            sentence(
                "value.calibration_end {day} is not within the data, which run from {first} to {last}.",
                day=given.isoformat(),
                first=first.isoformat(),
                last=study.as_of.isoformat(),
            ),
            _("Choose a day between them, or leave it out."),
        )
    weeks = (study.as_of - chosen).days / 7
    if given and weeks < MIN_WEEKS:
        return CannotSay(
            sentence(
                "value.calibration_end {day} leaves {weeks} weeks to hold out; {least} are needed.",
                day=given.isoformat(),
                weeks=value_text(weeks, "ratio"),
                least=MIN_WEEKS,
            ),
            _("Set value.calibration_end to an earlier day, or leave it out."),
        )
    if weeks < MIN_WEEKS:
        return CannotSay(
            sentence(
                "The data are too short to hold some of them out: {weeks} weeks would be left, {least} are needed.",
                weeks=value_text(weeks, "ratio"),
                least=MIN_WEEKS,
            )
        )
    return chosen


@needs()
def hold_out(study: Study, chosen: date) -> pd.DataFrame | CannotSay:
    """Count customers by what they did up to the cut-off, and how often they bought after it."""
    known = fitted_customers(study.summary(chosen))
    table = holdout_cells(
        study.tables["transactions"], calibration_end=chosen, as_of=study.as_of, known=known
    )
    held = table.order_by(["frequency", "recency", "T", "holdout_frequency"]).execute()
    repeated = int(held.loc[held["frequency"] > 0, "n_customers"].sum())
    if repeated < MIN_REPEAT:
        return CannotSay(
            sentence(
                "Up to {day} only {n} customers had bought again; a model of repeat buying needs {least}.",
                day=chosen.isoformat(),
                n=repeated,
                least=MIN_REPEAT,
            ),
            _("Set value.calibration_end to a later day."),
        )
    return held


@needs()
def show_holdout(study: Study, chosen: date, held: pd.DataFrame) -> ShownTable:
    """Say what the models see and what is put away, and what is odd about the history."""
    sampled = _told_sample(study, held, chosen)
    repeated = int(held.loc[held["frequency"] > 0, "n_customers"].sum())
    first = study.tables["transactions"].order_date.min().execute().date()
    horizon = study.params.value.horizon_months
    return show_pairs(
        {
            "Seen by the models": period_text(first, chosen),
            "Put away": period_text(chosen + timedelta(days=1), study.as_of),
            "Customers up to the cut-off": value_text(int(held["n_customers"].sum()), "count"),
            "of whom bought again": value_text(repeated, "count"),
            "Looks ahead": sentence(
                "{months} months: longer than anyone was watched, so the end of it rests on the models alone",
                months=horizon,
            )
            if horizon * 30.4375 > (study.as_of - first).days
            else sentence("{months} months", months=horizon),
            **({"Sample": sampled[0]} if sampled else {}),
        },
        caption="How the models are tested",
    )


@needs()
def model_name(study: Study, picked: Picked) -> str:
    """Return the name of the picked model, for figures."""
    return picked.model


@needs()
def fit_models(study: Study, table: pd.DataFrame) -> Fits:
    """Fit every model to the same cells."""
    return {name: fit(table) for name, fit in _FITS.items()}


def refit(fit: Any, table: pd.DataFrame, **options: Any) -> Any:
    """Fit the same kind of model to other customers, or with covariates."""
    return _FITS[fit.model](table, **options)


@needs()
def all_cells(study: Study, customers: ir.Table) -> pd.DataFrame:
    """Count customers by all that is known up to the last day."""
    return cells(fitted_customers(customers)).order_by(["frequency", "recency", "T"]).execute()


def fitted_customers(customers: ir.Table) -> ir.Table:
    """Return the customers that models are fitted to: all, or of very many those at equal steps of their ids."""
    n = int(customers.count().execute())
    return customers if n <= MOST_FITTED else systematic_sample(customers, n=n, most=MOST_FITTED)


def _told_sample(study: Study, table: pd.DataFrame, as_of: date) -> list[str]:
    """Say to how many of the customers a model was fitted, where it is not all."""
    fitted, n = int(table["n_customers"].sum()), int(study.summary(as_of).count().execute())
    if fitted == n:
        return []
    words = (
        "Fitted to {fitted} of the {n} customers, taken at equal steps of their ids; all of them are scored."
    )
    return [sentence(words, fitted=fitted, n=n)]


@needs()
def show_fits(study: Study, table: pd.DataFrame, fits: Fits) -> ShownTable | CannotSay:
    """Show each model's parameters with their intervals, and what stands behind them."""
    rows = []
    for name, fit in fits.items():
        optimum = fit.optimum
        for place, estimate in enumerate(parameters(fit, table, name)):
            rows.append(
                {
                    "model": named(name) if place == 0 else "",
                    "parameter": estimate.figure.removeprefix(f"{name}_"),
                    "value": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                    "log_likelihood": optimum.log_likelihood if place == 0 else float("nan"),
                    "steps": optimum.n_evaluations if place == 0 else float("nan"),
                }
            )
    columns = [
        Col("model", "Model"),
        Col("parameter", "Parameter"),
        Col("value", "Value", "ratio", "low", "high"),
        Col("log_likelihood", "Log-likelihood", "ratio", may_be_empty=True),
        Col("steps", "Steps", "count", may_be_empty=True),
    ]
    return show_table(
        pd.DataFrame(rows),
        columns,
        caption="What the models say of these customers",
        note=_("Time is in weeks. Small: the 95 % profile-likelihood interval."),
        notes=[*troubles(fits), *_told_sample(study, table, study.as_of)],
        max_rows=20,
    )


@needs()
def predictions(study: Study, held: pd.DataFrame, fits: Fits, chosen: date) -> pd.DataFrame:
    """Predict each customer's purchases after the cut-off."""
    return predict_holdout(fits, held, weeks=(study.as_of - chosen).days / 7)


@needs()
def holdout_scores(study: Study, guesses: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Score the predictions by what happened."""
    if not held["holdout_frequency"].any():
        return CannotSay(_("Nobody bought after the cut-off, so no prediction can be judged."))
    return score_holdout(guesses, held)


@needs()
def predicted_totals(study: Study, held: pd.DataFrame, fits: Fits, chosen: date) -> list[Estimate]:
    """Predict the total after the cut-off by each model that can be trusted, with an interval."""
    weeks = (study.as_of - chosen).days / 7
    return [
        predicted_total(fit, held, name=name, weeks=weeks, seed=SEED)
        for name, fit in fits.items()
        if fit.optimum.is_converged
    ]


@needs()
def pick(
    study: Study, fits: Fits, scores: pd.DataFrame, guesses: pd.DataFrame, held: pd.DataFrame
) -> Picked | CannotSay:
    """Pick the model by the stated rule; the NBD where none beats it."""
    given = study.params.value.model
    sound = [name for name in MODELS if fits[name].optimum.is_converged]
    if given and given not in sound:
        return CannotSay(
            sentence(
                "The data do not hold the parameters of {model}, which value.model asks for.",
                model=named(given),
            ),
            _("Leave value.model out; the report then picks one that they hold."),
        )
    better = [name for name in sound if beats(name, "nbd", guesses, held)]
    model = given or (pick_model(better, scores, guesses, held) if better else "nbd")
    if not fits[model].optimum.is_converged:
        return CannotSay(
            _("The data hold no model of repeat buying: customers hardly differ in how often they buy."),
            _("A longer history may show it."),
        )
    off = scores.set_index("model")["bias"].abs()
    unheld = [
        name
        for name in MODELS
        if name not in sound and off[model] > off[name] + _MUCH_WORSE and beats(name, model, guesses, held)
    ]
    if unheld and not given:
        # To use the next best in silence would be to print what is known to be wrong.
        return CannotSay(
            sentence(
                "{best} foretold the held-out period better than any model that can be used, but the data do not hold "
                "its parameters: customers seem to leave all equally readily. {next}, the next best, missed by {bias}. "
                "So nothing is said of what is still to come.",
                best=named(unheld[0]),
                next=named(model),
                bias=value_text(float(scores.set_index("model").at[model, "bias"]), "share"),
            ),
            _("Set value.model to use the next best nevertheless."),
        )
    return Picked(model, float(scores.set_index("model").at[model, "bias"]))


@needs()
def show_scores(
    study: Study, scores: pd.DataFrame, totals: list[Estimate], picked: Picked
) -> ShownTable | CannotSay:
    """Show how each prediction fared, the picked one marked, and say by which rule."""
    limits = {total.segment["model"]: total for total in totals}
    shown = scores.assign(
        name=[f"▸ {named(name)}" if name == picked.model else named(name) for name in scores["model"]],
        low=[limits[name].low if name in limits else None for name in scores["model"]],
        high=[limits[name].high if name in limits else None for name in scores["model"]],
    )
    columns = [
        Col("name", "Prediction"),
        Col("predicted", "Purchases predicted", "count", "low", "high"),
        Col("bias", "Bias", "share", may_be_empty=True),
        Col("rmse", "RMSE", "ratio"),
        Col("mae", "MAE", "ratio"),
        Col("rank_correlation", "Rank correlation", "ratio", may_be_empty=True),
    ]
    note = sentence(
        "In fact there were {actual} purchases by {n} customers. RMSE and MAE are in purchases per customer.",
        actual=value_text(float(scores["actual"].iloc[0]), "count"),
        n=totals[0].n or 0 if totals else 0,
    )
    return show_table(
        shown,
        columns,
        caption="How well was the past predicted?",
        note=note,
        notes=[_rule(study, picked.model), *_left_out(scores, totals)],
    )


@needs()
def by_frequency(study: Study, guesses: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """Compare actual and predicted purchases by how often customers had bought before."""
    return conditional_means(guesses, held)


@needs()
def track(study: Study, fits: Fits, chosen: date) -> pd.DataFrame:
    """Compare actual and expected repeat purchases week by week."""
    transactions = study.tables["transactions"]
    days = purchases_by_day(
        transactions, calibration_end=chosen, as_of=study.as_of, known=study.summary(chosen)
    ).execute()
    first = pd.Timestamp(days["day"].iloc[0]).date()
    return tracking(days, {name: fits[name] for name in fits}, first=first, last=study.as_of)


@needs()
def period_after(study: Study, chosen: date) -> str:
    """First to last day of the holdout, ready to print."""
    return period_text(chosen + timedelta(days=1), study.as_of)


def figures(
    study: Study,
    held_fits: Fits | CannotSay,
    held: pd.DataFrame | CannotSay,
    fits: Fits | CannotSay,
    table: pd.DataFrame | CannotSay,
    totals: list[Estimate] | CannotSay,
) -> list[Estimate | CannotSay]:
    """List the models' key figures: parameters from all data and from the calibration period, and the holdout."""
    found: list[Estimate | CannotSay] = []
    for several, rows, segment in ((fits, table, {}), (held_fits, held, {"period": "calibration"})):
        if isinstance(several, CannotSay) or isinstance(rows, CannotSay):
            found += [said for said in (several, rows) if isinstance(said, CannotSay)][:1]
            continue
        for name, fit in several.items():
            if fit.optimum.is_converged:
                found += parameters(fit, rows, name, **segment)
            value = fit.optimum.log_likelihood
            found.append(Estimate(f"{name}_log_likelihood", value, "ratio", fit.optimum.n, segment=segment))
    if not isinstance(held, CannotSay):
        n, actual = int(held["n_customers"].sum()), (held["holdout_frequency"] * held["n_customers"]).sum()
        found.append(Estimate("holdout_actual", float(actual), "count", n))
    return [*found, totals] if isinstance(totals, CannotSay) else [*found, *totals]


def findings(
    study: Study,
    scores: pd.DataFrame | CannotSay,
    totals: list[Estimate] | CannotSay,
    picked: Picked | CannotSay,
) -> list[str | CannotSay]:
    """Say how well the picked model predicted what happened, and what that is worth."""
    if isinstance(scores, CannotSay) or isinstance(picked, CannotSay) or isinstance(totals, CannotSay):
        return [next(said for said in (scores, totals, picked) if isinstance(said, CannotSay))]
    by_model = scores.set_index("model")
    total = next((each for each in totals if each.segment["model"] == picked.model), None)
    if total is None:
        return []
    actual = float(by_model.at[picked.model, "actual"])
    if picked.model == "nbd":
        return [
            sentence(
                "No model in which customers leave foretold a past period that it had not seen better than one in "
                "which nobody does ({predicted} purchases foretold, {actual} made). These customers hardly ever leave "
                "within the time seen; when they will cannot be read from these data, so nothing is said beyond "
                "the horizon: plan no further than that.",
                predicted=total,
                actual=value_text(actual, "count"),
            )
        ]
    inside = total.low is not None and total.high is not None and total.low <= actual <= total.high
    words = (
        "The model foretold {predicted} purchases for a past period that it had not seen; there were {actual}, which "
        "is within what chance allows. Predicting that all go on as before would have missed by {naive}. Plan with "
        "what it says, within its limits."
        if inside
        else "The model foretold {predicted} purchases for a past period that it had not seen; there were {actual}: it "
        "missed by {bias}, more than chance allows. Predicting that all go on as before would have missed by {naive}. "
        "The intervals of what is still to come allow for such a miss: plan with them, not with one number."
    )
    return [
        sentence(
            words,
            predicted=total,
            actual=value_text(actual, "count"),
            bias=value_text(picked.bias, "share"),
            naive=value_text(float(by_model.at["same_rate", "bias"]), "share"),
        )
    ]


def _left_out(scores: pd.DataFrame, totals: list[Estimate]) -> list[str]:
    """Models that are in the table but not in the running."""
    held = {total.segment["model"] for total in totals}
    names = [named(name) for name in scores["model"] if name in MODELS and name not in held]
    if not names:
        return []
    return [
        sentence("Not in the running, as the data do not hold its parameters: {names}.", names=listed(names))
    ]


def _rule(study: Study, picked: str) -> str:
    if study.params.value.model:
        return sentence("{model} is used because value.model says so.", model=named(picked))
    rule = _(
        "Used is the model with the least RMSE among those that beat the NBD by more than chance; of models that are "
        "equal within chance, the one with the least bias."
    )
    return together(rule, _("No model beats it, so the NBD itself is used.")) if picked == "nbd" else rule
