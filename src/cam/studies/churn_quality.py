"""Study 05, how good the models are: beside naive scores, as probabilities, as a list, and on today's customers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import date_text, named, period_text, sentence, together, value_text
from cam.language import translate as _
from cam.measures.churn.calibration import CalibrationFit, calibration_curve, fit_calibration
from cam.measures.churn.columns import as_numbers
from cam.measures.churn.evaluation import auc, auc_difference
from cam.measures.churn.folds import MIN_CLASS
from cam.measures.churn.models import fit_logistic, odds_ratios
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.churn_models import SEED, Models, no_signal, no_signal_cure
from cam.studies.churn_rows import feature_name
from cam.studies.study import Study, needs, silent

#: Odds ratios on the page.
_N_ODDS = 10
#: Slopes between these, and as many leavers as predicted but for a tenth, are near enough to act on.
_NEAR = (0.9, 1.1)
_NEAR_MEAN = 0.1
#: A slope whose interval is wider is hardly known.
_WIDE = 0.5
#: A difference of two AUC below this changes no list that anybody would notice.
_LITTLE = 0.01
_FIGURES = ("auc", "average_precision", "brier", "lift_top_decile")


def tested_on(study: Study, models: Models | CannotSay) -> str:
    """Return what the figures rest on: the last cut-off and its horizon, or cross-validation; ready to print."""
    if isinstance(models, CannotSay):
        return ""
    if not models.rows.cut_offs:
        return _("cross-validated, not out of time")
    return sentence("cut-off {day}", day=date_text(models.rows.cut_offs[-1]))


@needs()
def show_scores(study: Study, models: Models) -> ShownTable | CannotSay:
    """Show each score's quality beside the naive ones, all on customers or days that no model had seen."""
    found = []
    for score, evaluation in models.evaluations.items():
        row: dict[str, object] = {"score": _score_name(study, models, score), "n": evaluation.n}
        for name in _FIGURES:
            one: Estimate = getattr(evaluation, name)
            row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        found.append(row)
    columns = [
        Col("score", "Score"),
        Col("auc", "AUC", "ratio", "auc_low", "auc_high"),
        Col(
            "average_precision",
            "Average precision",
            "ratio",
            "average_precision_low",
            "average_precision_high",
        ),
        Col("brier", "Brier score", "ratio", "brier_low", "brier_high"),
        Col(
            "lift_top_decile",
            "Lift of the top tenth",
            "ratio",
            "lift_top_decile_low",
            "lift_top_decile_high",
        ),
        Col("n", "Customers", "count"),
    ]
    return show_table(
        pd.DataFrame(found),
        columns,
        caption="How well is leaving foreseen?",
        note=_how_tested(study, models),
        notes=list(_remarks(models)),
    )


@needs()
def curves(study: Study, models: Models) -> pd.DataFrame | CannotSay:
    """List the ROC and precision-recall curves of the chosen model and of the naive one, for figures."""
    parts = []
    for score in ("p_recency", "p_churn"):
        one = models.evaluations[score]
        roc = one.roc.set_axis(["x", "y", "low", "high"], axis=1).assign(curve="roc", area=one.auc.value)
        precision = one.precision_recall.set_axis(["x", "y", "low", "high"], axis=1)
        precision = precision.assign(curve="precision", area=one.average_precision.value)
        name = _score_name(study, models, score)
        parts += [table.assign(score=name, is_naive=score == "p_recency") for table in (roc, precision)]
    evaluation = models.evaluations["p_churn"]
    return pd.concat(parts, ignore_index=True).assign(
        n=evaluation.n, churn_rate=evaluation.n_churned / evaluation.n
    )


@needs()
def line(study: Study, models: Models) -> CalibrationFit | CannotSay:
    """Fit the line from predicted to true log-odds."""
    try:
        return fit_calibration(models.tested)
    except ValueError:
        return CannotSay(
            sentence("Whether probabilities are right cannot be said: all customers have the same one.")
            if models.tested["p_churn"].nunique() == 1
            else sentence(
                "Whether probabilities are right cannot be said: the scores part those who left from the others wholly."
            )
        )


@needs()
def bins(study: Study, models: Models, fitted: CalibrationFit) -> pd.DataFrame:
    """Set predicted beside observed shares, in tenths by rising risk, with the line's slope and intercept."""
    table = calibration_curve(models.tested)
    return table.assign(slope=fitted.slope.value, intercept=fitted.intercept.value)


@needs()
def deciles(study: Study, models: Models) -> pd.DataFrame:
    """List how many more than on average leave in each tenth of the list, and in those of the naive score."""
    naive = models.evaluations["p_recency"].deciles
    rate = models.evaluations["p_churn"].n_churned / models.evaluations["p_churn"].n
    table = models.evaluations["p_churn"].deciles
    return table.assign(
        naive_lift=naive["lift"], mean_rate=rate, naive_name=_score_name(study, models, "p_recency")
    )


@needs()
def show_deciles(study: Study, models: Models) -> ShownTable | CannotSay:
    """Show the list in tenths: who leaves there, and what share of all who leave has been reached."""
    table = models.evaluations["p_churn"].deciles
    columns = [
        Col("decile", "Tenth of the list, highest risk first", "count", ordered=True),
        Col("n_customers", "Customers", "count"),
        Col("churn_rate", "Churn rate", "share"),
        Col("lift", "Lift", "ratio", "low", "high"),
        Col("gain", "of all who left, reached so far", "share", "gain_low", "gain_high"),
    ]
    return show_table(
        table,
        columns,
        caption="The list in tenths",
        note=sentence("Tested: {how}.", how=tested_on(study, models)),
    )


@silent
def show_seen(study: Study, models: Models) -> ShownTable | CannotSay | None:
    """Compare customers that the model had met at earlier cut-offs with those new to it; nothing for a snapshot."""
    if not models.rows.cut_offs:
        return None
    groups = _by_seen(models)
    if isinstance(groups, CannotSay):
        return groups
    found = []
    gains = {name: auc_difference(rows, one="p_churn", other="p_recency") for name, rows in groups.items()}
    for name, rows in groups.items():
        row: dict[str, object] = {"who": name, "n": len(rows)}
        rate = proportion("churn_rate", int(rows["churned"].sum()), len(rows))
        for part, one in (("rate", rate), ("auc", auc(rows)), ("gain", gains[name])):
            row |= {part: one.value, f"{part}_low": one.low, f"{part}_high": one.high}
        found.append(row)
    columns = [
        Col("who", "Customers of the test"),
        Col("n", "Customers", "count"),
        Col("rate", "Churn rate", "share", "rate_low", "rate_high"),
        Col("auc", "AUC", "ratio", "auc_low", "auc_high"),
        Col("gain", "more than the naive score", "ratio", "gain_low", "gain_high"),
    ]
    lost, error = _apart(*gains.values())
    words = (
        "What the model tells beyond the naive score, which remembers nobody, is less on customers new to it, beyond "
        "chance. It remembers persons, or knows little of new ones: take its word for them with care."
        if lost > error
        else "The naive score remembers nobody, and what the model tells beyond it is no less on customers new to "
        "it: it has learnt behaviour, not persons."
    )
    return show_table(
        pd.DataFrame(found), columns, caption="Does the model remember persons?", note=sentence(words)
    )


@needs()
def show_odds(study: Study, models: Models) -> ShownTable | CannotSay:
    """Show what goes with leaving in the logistic model, the readable one, whichever was chosen."""
    rows = models.train_rows if models.rows.cut_offs else models.rows.table
    fitted = models.readable or fit_logistic(rows, seed=SEED)
    table = odds_ratios(fitted, rows, seed=SEED)
    # Of columns that are blank together one stands for all: their coefficients are the same.
    twins = (table["part"] == "missing") & table[["odds_ratio", "sd"]].round(9).duplicated()
    table = table[~twins].head(_N_ODDS)
    found = []
    for row in table.itertuples():
        step, power = _step(rows, row)
        ratio, low, high = (float(one) ** power for one in (row.odds_ratio, row.low, row.high))
        way = _("leaving") if low > 1 else _("staying") if high < 1 else _("cannot be told")
        found.append(
            {
                "feature": feature_name(study, str(row.feature)),
                "step": step,
                "ratio": ratio,
                "low": low,
                "high": high,
                "way": way,
            }
        )
    columns = [
        Col("feature", "Feature"),
        Col("step", "Step"),
        Col("ratio", "Odds ratio", "ratio", "low", "high"),
        Col("way", "goes with"),
    ]
    return show_table(
        pd.DataFrame(found),
        columns,
        caption="What goes with leaving in the readable model",
        note=sentence(
            "Logistic regression, n = {n} rows of {people} customers; all other features held. A number is moved by "
            "one standard deviation. 95 % intervals by bootstrap over customers.",
            n=fitted.n,
            people=int(rows["customer_id"].nunique()),
        ),
    )


def findings(study: Study, models: Models | CannotSay) -> list[str | CannotSay]:
    """Say how well leaving can be foreseen, whether that beats the naive list, and whether to trust the numbers."""
    if isinstance(models, CannotSay):
        return [models]
    if not models.has_signal:
        return [together(no_signal(models), no_signal_cure(models))]
    fitted = line(study, models)
    trust = fitted if isinstance(fitted, CannotSay) else _trust_said(models, fitted)
    return [_foreseen_said(models), _naive_said(study, models), trust]


def key_figures(study: Study, models: Models | CannotSay) -> list[Estimate | CannotSay]:
    """List the quality of every score, that of the chosen one without a segment, and its calibration."""
    if isinstance(models, CannotSay):
        return [models]
    found: list[Estimate | CannotSay] = []
    for score, evaluation in models.evaluations.items():
        segment = {} if score == "p_churn" else {"model": score.removeprefix("p_")}
        found += [replace(getattr(evaluation, name), segment=segment) for name in _FIGURES]
    fitted = line(study, models)
    found += [fitted] if isinstance(fitted, CannotSay) else [fitted.slope, fitted.intercept]
    gains = _gains(models).items()
    return found + [replace(gain, segment={"over": name.removeprefix("p_")}) for name, gain in gains]


@needs()
def scores(study: Study, scored: ir.Table) -> ir.Table:
    """Give each of today's customers the calibrated probability to leave."""
    return scored.select("customer_id", "p_churn")


def _score_name(study: Study, models: Models, score: str) -> str:
    if score == "p_recency":
        return sentence("{feature} alone", feature=_upper(feature_name(study, models.naive)))
    if score == "p_silence":
        # Of the two kinds the one that fits better; a repeat buyer's silence, by the habits of all.
        return sentence("Silence by the {model}", model=named(str(models.silence)))
    kinds = {"p_logistic": _("Logistic regression"), "p_boosting": _("Gradient boosting")}
    if score in kinds:
        return kinds[score]
    return sentence("{model}, recalibrated", model=kinds[f"p_{models.chosen}"])


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _how_tested(study: Study, models: Models) -> str:
    evaluation, cut_offs = models.evaluations["p_churn"], models.rows.cut_offs
    rate = value_text(evaluation.n_churned / evaluation.n, "share")
    if not cut_offs:
        return sentence(
            "Each customer by a model that had not seen the customer; {rate} have left. A snapshot has no dates: "
            "nothing was tested out of time, and on customers of tomorrow all of this may be worse.",
            rate=rate,
        )
    known = pd.to_datetime(models.train_rows["cut_off"]).dt.date
    words = (
        "Learnt from {n} rows at {cut_offs} cut-offs, {period}; tested once at {day}, where {rate} of those tested "
        "left. Intervals are over customers."
        if known.nunique() > 1
        else "Learnt from {n} rows at one cut-off, {first}; tested once at {day}, where {rate} of those tested "
        "left. Intervals are over customers."
    )
    return sentence(
        words,
        n=len(models.train_rows),
        cut_offs=int(known.nunique()),
        period=period_text(known.min(), known.max()),
        first=date_text(known.min()),
        day=date_text(cut_offs[-1]),
        rate=rate,
    )


def _remarks(models: Models) -> Iterator[str]:
    yield sentence(
        "Boosting was chosen: on training rows out of fold it told more than the logistic model, beyond chance."
        if models.chosen == "boosting"
        else "The logistic model was chosen: on training rows out of fold boosting told no more beyond chance, and "
        "this one can be read."
    )
    yield sentence(
        "AUC: the chance that one who leaves has a higher score than one who stays; guessing gives 0.50. Average "
        "precision: guessing gives the churn rate. Brier score: mean squared error of the probability, 0 is best. "
        "Lift: churn rate of the tenth with the highest scores over that of all."
    )
    if isinstance(models.silence, CannotSay) and models.rows.basis == "purchases":
        yield models.silence.reason


def _gains(models: Models) -> dict[str, Estimate]:
    """AUC of the chosen model less that of each naive score, of the same customers."""
    return {
        name: auc_difference(models.tested, one="p_churn", other=name, figure="churn_auc_gain")
        for name in ("p_recency", "p_silence")
        if name in models.tested.columns
    }


def _is_above(one: Estimate) -> bool:
    return one.low is not None and one.low > 0


def _foreseen_said(models: Models) -> str:
    evaluation = models.evaluations["p_churn"]
    first = evaluation.deciles.iloc[0]
    n = max(1, round(float(first["n_customers"])))
    top = proportion("churn_rate", min(n, round(float(first["n_churned"]))), n)
    whole = proportion("churn_rate", evaluation.n_churned, evaluation.n)
    words = (
        "Of the tenth of tested customers with the highest risk {top} left, against {whole} of all tested, at the "
        "cut-off {day}, which the model had not seen (AUC {auc.short}, where 0.50 is guessing and 1 is knowing). This "
        "is an order by risk; whom it pays to call is another list."
        if models.rows.cut_offs
        else "Of the tenth of customers with the highest risk {top} left, against {whole} of all, each judged by a "
        "model that had not seen the customer (AUC {auc.short}, where 0.50 is guessing and 1 is knowing). Nothing was "
        "tested out of time: add dates to the export."
    )
    day = date_text(models.rows.cut_offs[-1]) if models.rows.cut_offs else ""
    return sentence(words, top=top, whole=whole, day=day, auc=evaluation.auc)


def _naive_said(study: Study, models: Models) -> str:
    gains = _gains(models)
    over, silence = gains["p_recency"], gains.get("p_silence")
    if not _is_above(over):
        words = (
            "No model beats days since the last purchase beyond chance: AUC difference {gain}. Sort by days since the "
            "last purchase; a model is not worth its upkeep. Its probabilities serve where a sum of money needs one."
            if models.naive == "days_since_last"
            else "No model beats {feature} alone beyond chance: AUC difference {gain}. Sort by that; a model is not "
            "worth its upkeep. Its probabilities serve where a sum of money needs one."
        )
    elif over.value < _LITTLE:
        words = (
            "The model beats {feature} alone, but hardly: AUC difference {gain}. Sort by that; a model is not worth "
            "its upkeep. Its probabilities serve where a sum of money needs one."
        )
    elif silence and (not _is_above(silence) or silence.value < _LITTLE):
        words = (
            "The model tells more than {feature} alone: AUC difference {gain}. Beside a model of repeat buying, which "
            "needs nothing but the dates of orders, it is {silence}, so hardly anything: take this model for its "
            "reasons, or that one for its ease."
        )
    else:
        words = (
            "The model tells more than {feature} alone: AUC difference {gain}. That is what its upkeep buys: sort "
            "by its risk, not by that column."
        )
    return sentence(words, feature=feature_name(study, models.naive), gain=over, silence=silence or "")


def _trust_said(models: Models, fitted: CalibrationFit) -> str:
    evaluation = models.evaluations["p_churn"]
    observed = proportion("churn_rate", evaluation.n_churned, evaluation.n)
    predicted = float(models.tested["p_churn"].mean())
    is_near = _NEAR[0] <= fitted.slope.value <= _NEAR[1] and abs(predicted / observed.value - 1) <= _NEAR_MEAN
    width = (fitted.slope.high or 0.0) - (fitted.slope.low or 0.0)
    if not models.rows.cut_offs and (fitted.is_calibrated or is_near):
        words = (
            "{predicted} of the snapshot were predicted to have left by now and {observed} had; calibration slope "
            "{slope}, and 1 is right. These are probabilities of having left so far, not of leaving in a time to come: "
            "work out no sums of money from them."
        )
    elif fitted.is_calibrated and not is_near and width > _WIDE:
        words = (
            "Nothing speaks against the probabilities, but too few left to be sure: {predicted} were predicted to "
            "leave and {observed} did; calibration slope {slope}, and 1 is right. Sums of money from them are rough."
        )
    elif fitted.is_calibrated or is_near:
        words = (
            "The probabilities can be taken at their word: {predicted} were predicted to leave and {observed} did; "
            "calibration slope {slope}, and 1 is right. Sums of money may be worked out from them."
        )
    elif abs(predicted / observed.value - 1) > _NEAR_MEAN:
        words = (
            "The probabilities are too high for these customers: {predicted} were predicted to leave and {observed} "
            "did (calibration slope {slope}). Use them for the order of the list, not for sums of money."
            if predicted > observed.value
            else "The probabilities are too low for these customers: {predicted} were predicted to leave and "
            "{observed} did (calibration slope {slope}). Use them for the order of the list, not for sums of money."
        )
    else:
        words = (
            "The probabilities are too extreme: calibration slope {slope}, and 1 is right. Use them for the order "
            "of the list; in sums of money high risks count too much."
            if fitted.slope.value < 1
            else "The probabilities are too timid: calibration slope {slope}, and 1 is right. Use them for the "
            "order of the list; in sums of money high risks count too little."
        )
    return sentence(words, predicted=value_text(predicted, "share"), observed=observed, slope=fitted.slope)


def _by_seen(models: Models) -> dict[str, pd.DataFrame] | CannotSay:
    tested = models.tested
    groups = {_("met before"): tested[tested["seen"]], _("new to the model"): tested[~tested["seen"]]}
    for name, rows in groups.items():
        left, stayed = (int((rows["churned"] == label).sum()) for label in (1, 0))
        if min(left, stayed) < MIN_CLASS:
            return CannotSay(
                sentence(
                    "Whether the model remembers persons cannot be said: of the customers {name} {left} left and "
                    "{stayed} stayed, and {least} of each are needed.",
                    name=name,
                    left=left,
                    stayed=stayed,
                    least=MIN_CLASS,
                )
            )
    return groups


def _apart(one: Estimate, other: Estimate) -> tuple[float, float]:
    """One figure less that of other customers, and half the width of its 95 % interval."""
    wide, wider = (((each.high or 0.0) - (each.low or 0.0)) / 2 for each in (one, other))
    return one.value - other.value, float(np.hypot(wide, wider))


def _step(rows: pd.DataFrame, row: object) -> tuple[str, float]:
    """What is moved, in words, and the power that turns an odds ratio per standard deviation into one of that."""
    feature, part, level, sd = (getattr(row, name) for name in ("feature", "part", "level", "sd"))
    if part == "missing":
        return _("not known"), 1 / sd
    if part == "other":
        return _("a rare level"), 1 / sd
    if part == "level":
        return named(str(level)), 1 / sd
    if set(pd.unique(as_numbers(rows[feature].dropna()))) <= {0.0, 1.0}:
        return _("yes, against no"), 1 / sd
    return "+" + (f"{sd:,.0f}" if sd >= 100 else f"{sd:.3g}"), 1.0
