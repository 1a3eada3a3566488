"""Study 05, the models: learnt from earlier cut-offs, judged once at the last one, and put to today's customers."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay
from cam.language import sentence
from cam.measures.churn.calibration import RecalibrationFit, fit_recalibration
from cam.measures.churn.columns import as_numbers, is_number
from cam.measures.churn.evaluation import EvaluationFit, auc_difference, auc_parts, evaluate
from cam.measures.churn.folds import MIN_CLASS, ChurnFit, cross_validated, folds, split_by_time
from cam.measures.churn.models import BoostingFit, LogisticFit, fit_baseline, fit_boosting, fit_logistic
from cam.measures.value.bg_nbd import fit_bg_nbd
from cam.measures.value.silence import silence_probability
from cam.reduce.summary import DAYS_PER_WEEK, cells
from cam.studies.churn_rows import Rows
from cam.studies.repeat_buying import fitted_customers
from cam.studies.study import Study, needs

#: Of folds, bootstraps and shuffles; any number would do, but it must stay the same.
SEED = 20261122
#: A model whose AUC is above those of so many shuffles would be there by chance in 25 of 1,000 (Barnard 1963).
_N_SHUFFLES = 39
#: What anybody would sort by where leaving is silence; elsewhere it is the number that alone tells most.
_NAIVE = "days_since_last"
#: Fewer customers with a repeat purchase than this carry no model of repeat buying.
_MIN_REPEAT = 30
#: Folds by which scores out of fold are made: with many rows two thirds of them learn as much as four fifths.
_FOLDS, _FEW_FOLDS, _MANY_ROWS = 5, 3, 10_000
#: Today's customers in memory at once.
_CHUNK = 100_000

Model = LogisticFit | BoostingFit


@dataclass(frozen=True, slots=True)
class Models:
    """What was learnt, and how it did.

    Attributes
    ----------
    rows : Rows
        What it was learnt from.
    chosen : str
        ``logistic`` or ``boosting``: chosen on training rows out of fold, never on the test.
    tested : DataFrame
        Rows of the last cut-off, or of a snapshot all, out of fold: *customer_id, churned, seen* (at an
        earlier cut-off, too), *p_recency* (one column alone), where it can be had *p_silence* (a model of repeat
        buying), *p_logistic, p_boosting*, and *p_churn*: the chosen, recalibrated.
    test_rows : DataFrame
        The same rows, with features.
    train_rows : DataFrame
        What ``judged`` was fitted on. Of a snapshot all customers but one fold, so that these are new to it.
    judged, final : LogisticFit or BoostingFit
        The chosen kind fitted on training rows only, and on all rows, for today's customers.
    recalibration : RecalibrationFit
        From its scores to probabilities, learnt out of fold.
    evaluations : mapping of str to EvaluationFit
        By score column of ``tested``.
    has_signal : bool
        Whether the test shows that it can tell anything.
    naive : str
        The column behind ``p_recency``.
    silence : str or CannotSay
        The model of repeat buying behind ``p_silence``, or why there is none.
    readable : LogisticFit or None
        The logistic model, whichever was chosen: fitted on training rows, or on all of a snapshot.
    """

    rows: Rows
    chosen: str
    tested: pd.DataFrame
    test_rows: pd.DataFrame
    train_rows: pd.DataFrame
    judged: Model
    final: Model
    recalibration: RecalibrationFit
    evaluations: Mapping[str, EvaluationFit]
    has_signal: bool
    naive: str = _NAIVE
    silence: str | CannotSay = field(default_factory=lambda: CannotSay(""))
    readable: LogisticFit | None = None

    @property
    def unseen_rows(self) -> pd.DataFrame:
        """Rows of the test that ``judged`` was not fitted on."""
        return self.test_rows[~self.test_rows.index.isin(self.train_rows.index)]


@needs()
def fit(study: Study, rows: Rows) -> Models | CannotSay:
    """Fit and choose on earlier cut-offs, then judge at the last one; a snapshot is cross-validated."""
    table = rows.table.reset_index(drop=True)
    if rows.cut_offs:
        parts = _parted(study, table)
        if isinstance(parts, CannotSay):
            return parts
        train, test = parts
    else:
        train, test = table, table.assign(seen=False)
    refused = _refusal(rows, train, test)
    if refused:
        return refused
    try:
        return _fitted(study, rows, train, test)
    except ValueError:
        # Enough in all, but not in some fold of them.
        return _too_few(train)


def choose(scores: pd.DataFrame) -> str:
    """Choose boosting only where it tells more than the logistic model beyond chance: the latter can be read.

    *scores* holds *customer_id, churned, logistic, boosting* of rows that neither had seen.
    """
    gain = auc_difference(scores, one="boosting", other="logistic")
    return "boosting" if gain.low is not None and gain.low > 0 else "logistic"


@needs()
def usable(study: Study, models: Models) -> Models | CannotSay:
    """Let a model pass that can tell anything; all that follows of one that cannot would be noise."""
    if models.has_signal:
        return models
    return CannotSay(no_signal(models), no_signal_cure(models))


def no_signal(models: Models) -> str:
    """Say that the model tells nothing, with the number that shows it."""
    words = (
        "There is no signal: on customers that it had not seen the AUC of the best model is {auc}, and guessing gives "
        "0.50."
        if not models.rows.cut_offs
        else "There is no signal: at the last cut-off the AUC of the best model is {auc}, and guessing gives 0.50."
    )
    return sentence(words, auc=models.evaluations["p_churn"].auc)


def no_signal_cure(models: Models) -> str:
    """Say what to do instead."""
    return sentence(
        "Do not rank customers by it. Add what the customers did before they left: complaints, visits, use, delays."
    )


@needs()
def score(study: Study, models: Models) -> ir.Table | CannotSay:
    """Give today's customers their probability to leave, chunk by chunk.

    A snapshot holds today's customers among those learnt from: each keeps the probability from out of fold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("customer_id", pa.string()), ("p_churn", pa.float64())])
    known = (
        pd.Series(dtype=float) if models.rows.cut_offs else models.tested.set_index("customer_id")["p_churn"]
    )
    # On disk: memory holds the features of one chunk, however many customers there are.
    with tempfile.TemporaryDirectory(prefix="cam-") as folder:
        path, n = Path(folder) / "scores.parquet", 0
        with pq.ParquetWriter(path, schema) as written:
            for chunk in models.rows.current.order_by("customer_id").to_pyarrow_batches(chunk_size=_CHUNK):
                if not chunk.num_rows:
                    continue
                rows = chunk.to_pandas()
                risk = _calibrated(models.recalibration, models.final.probability(rows))
                own = known.reindex(rows["customer_id"]).to_numpy(float)
                risk = np.where(np.isnan(own), risk, own)
                ids = chunk.column("customer_id").cast(pa.string())
                written.write_batch(pa.record_batch([ids, pa.array(risk)], schema=schema))
                n += chunk.num_rows
        if not n:
            return CannotSay(sentence("There are no customers today whose risk could be said."))
        read = study.engine.read_parquet(path, table_name=f"churn_scores_{uuid.uuid4().hex[:8]}")
        return study.engine.create_table("churn_scores", read, overwrite=True)


def _parted(study: Study, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame] | CannotSay:
    churn = study.params.churn
    try:
        return split_by_time(table, horizon_days=churn.horizon_days, gap_days=churn.gap_days)
    except ValueError:
        return CannotSay(
            sentence(
                "A model cannot be tested out of time: no cut-off lies {days} days before the last one, so nothing was "
                "known then to learn from.",
                days=churn.horizon_days + churn.gap_days,
            ),
            sentence("Add older rows, or shorten churn.observation_days or churn.horizon_days."),
        )


def _refusal(rows: Rows, train: pd.DataFrame, test: pd.DataFrame) -> CannotSay | None:
    """What would end in an error, or in a test that tells nothing."""
    few = [part for part in (train, test) if min(_of_each(part)) < 2 * MIN_CLASS]
    if few:
        return _too_few(few[0])
    vary = [name for name in rows.features if train[name].nunique(dropna=False) > 1]
    if not vary:
        return CannotSay(
            sentence("No feature of the customers varies, so there is nothing to tell them apart by."),
            sentence("Add tables or columns that say more about the customers."),
        )
    if not any(is_number(train[name]) and train[name].notna().any() for name in vary):
        return CannotSay(
            sentence("No feature is a number, so there is no naive score that a model could be measured by."),
            sentence("Add tables or columns that say more about the customers."),
        )
    return None


def _of_each(part: pd.DataFrame) -> tuple[int, int]:
    left, stayed = (int(part.loc[part["churned"] == label, "customer_id"].nunique()) for label in (1, 0))
    return left, stayed


def _too_few(part: pd.DataFrame) -> CannotSay:
    left, stayed = _of_each(part)
    return CannotSay(
        sentence(
            "Of the customers that a model would learn from, or be tested on, {left} left and {stayed} stayed; it "
            "takes {least} of each.",
            left=left,
            stayed=stayed,
            least=2 * MIN_CLASS,
        ),
        sentence("Add older rows, or more customers."),
    )


def _fitted(study: Study, rows: Rows, train: pd.DataFrame, test: pd.DataFrame) -> Models:
    keys = [name for name in ("customer_id", "cut_off", "churned") if name in train.columns]
    learn = train[[*keys, *rows.features]]
    naive = _naive_column(learn, rows)
    logistic, boosting = fit_logistic(learn, seed=SEED), fit_boosting(learn, seed=SEED)
    kinds: dict[str, Callable[[pd.DataFrame], ChurnFit]] = {
        "recency": partial(fit_baseline, column=naive),
        # Penalty and number of trees were chosen above; to choose them anew in every fold would take several times as
        # long.
        "logistic": partial(fit_logistic, seed=SEED, penalty=logistic.penalty),
        "boosting": partial(fit_boosting, seed=SEED, n_trees=boosting.n_trees),
    }
    n_folds = _FEW_FOLDS if len(learn) > _MANY_ROWS else _FOLDS
    out = learn[["customer_id", "churned"]].assign(
        **{
            name: cross_validated(learn, fit=kind, seed=SEED, n_folds=n_folds)["p_churn"]
            for name, kind in kinds.items()
        }
    )
    chosen = choose(out)
    recalibration = _recalibrated(out, chosen)
    silence: str | CannotSay = CannotSay(
        sentence("A model of repeat buying is for customers who leave without a word.")
    )
    tested = test[["customer_id", "churned", "seen"]]
    if rows.cut_offs:
        models: dict[str, Model] = {"logistic": logistic, "boosting": boosting}
        tested = tested.assign(p_recency=kinds["recency"](learn).probability(test))
        if rows.basis == "purchases":
            guess = _silence(study, rows, test)
            silence = guess if isinstance(guess, CannotSay) else guess[0]
            if not isinstance(guess, CannotSay):
                tested["p_silence"] = guess[1]
        for name, one in models.items():
            tested[f"p_{name}"] = one.probability(test)
        tested["p_churn"] = _calibrated(recalibration, tested[f"p_{chosen}"].to_numpy())
        judged: Any = models[chosen]
    else:
        # Folds of its own: what recalibrates a customer must not have seen the customer either.
        fold = folds(learn, seed=SEED, n_folds=n_folds)
        tested = tested.assign(**{f"p_{name}": out[name] for name in kinds})
        tested["p_churn"] = 0.0
        for number in range(n_folds):
            inside = fold == number
            tested.loc[inside, "p_churn"] = _calibrated(
                _recalibrated(out[~inside], chosen), out.loc[inside, chosen].to_numpy()
            )
        learn = learn[fold != 0]
        judged = kinds[chosen](learn)
    everything = rows.table[[*keys, *rows.features]]
    final: Any = kinds[chosen](everything)
    scored = [name for name in tested.columns if name.startswith("p_")]
    evaluations = {name: evaluate(tested, score=name, seed=SEED) for name in scored}
    return Models(
        rows,
        chosen,
        tested,
        test,
        learn,
        judged,
        final,
        recalibration,
        evaluations,
        evaluations["p_churn"].has_signal and _beats_shuffles(tested),
        naive,
        silence,
        logistic,
    )


def _naive_column(learn: pd.DataFrame, rows: Rows) -> str:
    """What a model has to beat: the days since the last purchase, or the number that alone tells most."""
    if rows.basis == "purchases" and _NAIVE in rows.features:
        return _NAIVE
    apart: dict[str, float] = {}
    for name in rows.features:
        numbers = as_numbers(learn[name]) if is_number(learn[name]) else np.empty(0)
        if np.isfinite(numbers).any():
            filled = np.where(np.isnan(numbers), np.nanmedian(numbers), numbers)
            apart[name] = abs(auc_parts(learn["churned"].to_numpy(float), filled)[0] - 0.5)
    return max(sorted(apart), key=lambda name: apart[name])


def _recalibrated(out: pd.DataFrame, chosen: str) -> RecalibrationFit:
    try:
        # A line keeps the order, and both kinds of model need no more: a free curve only added noise to them, a log
        # loss higher by 0.000 to 0.007 on the last cut-offs of two shops.
        return fit_recalibration(out, score=chosen, method="platt")
    except ValueError:
        # Higher scores do not mean more leavers: then the churn rate is all that is known.
        rate = float(out["churned"].mean())
        return RecalibrationFit("platt", 0.0, float(np.log(rate / (1 - rate))), np.empty(0), np.empty(0))


def _calibrated(recalibration: RecalibrationFit, scores: Any) -> Any:
    return np.clip(recalibration.probability(scores), 0.0, 1.0)


def _silence(study: Study, rows: Rows, test: pd.DataFrame) -> tuple[str, Any] | CannotSay:
    """How likely each customer of the test buys nothing in the horizon, by a model of repeat buying alone.

    It sees the orders up to the cut-off and no label. Of BG/NBD and MBG/NBD it is the one that fits them better.
    """
    day, churn = rows.cut_offs[-1], study.params.churn
    histories = study.engine.create_table(
        "churn_histories",
        study.summary(day).select("customer_id", "frequency", "recency", "T"),
        overwrite=True,
    )
    counted = cells(fitted_customers(histories)).order_by(["frequency", "recency", "T"]).execute()
    repeated = int(counted.loc[counted["frequency"] > 0, "n_customers"].sum())
    if repeated < _MIN_REPEAT:
        return CannotSay(
            sentence(
                "{n} customers have bought again; a model of repeat buying needs {least}.",
                n=repeated,
                least=_MIN_REPEAT,
            )
        )
    fits = [fit_bg_nbd(counted, first_can_be_last=either) for either in (False, True)]
    fits = [one for one in fits if one.optimum is not None and one.optimum.is_converged]
    if not fits:
        return CannotSay(sentence("The orders do not hold the parameters of a model of repeat buying."))
    best = max(fits, key=lambda one: one.optimum.log_likelihood if one.optimum else -np.inf)
    ids = ibis.memtable(test[["customer_id"]].astype(object))
    known = histories.semi_join(ids, "customer_id").execute().set_index("customer_id")
    guess = silence_probability(
        best,
        known.loc[test["customer_id"]],
        horizon=churn.horizon_days / DAYS_PER_WEEK,
        gap=churn.gap_days / DAYS_PER_WEEK,
    )
    if not np.isfinite(guess).all():
        return CannotSay(sentence("The orders do not hold the parameters of a model of repeat buying."))
    return best.model, np.clip(guess, 0.0, 1.0)


def _beats_shuffles(tested: pd.DataFrame) -> bool:
    """Whether no shuffled label is told as well."""
    rng, p = np.random.default_rng(SEED), tested["p_churn"].to_numpy(float)
    label = tested["churned"].to_numpy(float)
    found = auc_parts(label, p)[0]
    return all(auc_parts(rng.permutation(label), p)[0] < found for _ in range(_N_SHUFFLES))
