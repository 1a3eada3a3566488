"""Study 05, before any model: does a column know the answer?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import listed, sentence, together
from cam.language import translate as _
from cam.measures.churn.folds import MIN_CLASS
from cam.measures.churn.leaks import find_leaks
from cam.measures.churn.reasons import permutation_importance
from cam.reduce.churn_features import FEATURES, attribute_features
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.churn_models import Models
from cam.studies.churn_rows import Rows, feature_name, unused_columns
from cam.studies.study import Study, needs

_SEED = 51
#: A quiet line names no more.
_MOST_NAMED = 40
#: A model so good is not believed: AUC, or the share that left of a first tenth of so many customers, and its lower
#: limit, where fewer than so many left of all.
_BEST_AUC, _BEST_RATE, _BEST_LOW, _BEST_N, _MOST_LEFT = 0.97, 0.99, 0.97, 50, 0.5
#: Columns that an alarm names.
_N_ASKED = 3
#: What rows that were put back to the cut-off may do honestly: a term that ends, a customer who fell silent.
_HONEST_IF_DATED = ("range", "outdoes")


@needs()
def find(study: Study, rows: Rows) -> pd.DataFrame | CannotSay:
    """Name the columns that cannot have been known before a customer left, but for those that the client keeps.

    A column of dates is no feature, but one that is filled only for those who left says what its neighbours are made
    of: it is named, too.
    """
    people = rows.table.groupby("churned")["customer_id"].nunique()
    fewest = min(int(people.get(label, 0)) for label in (0, 1))
    if fewest < MIN_CLASS:
        return CannotSay(
            sentence(
                "Whether a column knows the answer cannot be said: that takes {least} customers who left and as many "
                "who stayed, and of one kind there are {n}.",
                least=MIN_CLASS,
                n=fewest,
            )
        )
    found = _suspects(rows, rows.table)
    if rows.cut_offs:
        dated = {name for names in FEATURES.values() for name in names}
        found = found[~(found["feature"].isin(dated) & found["kind"].isin(_HONEST_IF_DATED))]
    dates = _filled_dates(study, rows)
    if not dates.empty:
        both = dates if found.empty else pd.concat([found, dates], ignore_index=True)
        found = both.sort_values(["auc", "feature"], ascending=[False, True])
    return found[~found["feature"].isin(study.params.churn.keep)].reset_index(drop=True)


@needs()
def show_leaks(study: Study, rows: Rows, leaks: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the suspects with the evidence and what to do; one quiet line where there is none."""
    kept = _kept_words(study, rows)
    if leaks.empty:
        line = sentence("Not one of {n} features tells too well who left.", n=len(rows.features))
        return ShownTable(f'<p class="note">{escape(together(line, *kept))}</p>')
    told = leaks["n_value"] > 0
    shown = leaks.assign(
        name=[feature_name(study, name) for name in leaks["feature"]],
        evidence=[_evidence(row) for row in leaks.to_dict("records")],
        n_value=leaks["n_value"].where(told),
        n_left=leaks["n_left"].where(told),
    )
    columns = [
        Col("name", "Column"),
        Col("evidence", "Why it is suspect"),
        Col("auc", "AUC of it alone", "ratio", "low", "high"),
        Col("n_value", "Rows with that value", "count", may_be_empty=True),
        Col("n_left", "left", "count", may_be_empty=True),
    ]
    names = listed(leaks["feature"])
    notes = [
        _("Ask whoever exports it when it is written: before a customer leaves, or because one has left?"),
        sentence("If it was known before, keep it: churn.keep: [{names}].", names=names),
        sentence("If it was not, drop it for good: churn.leave_out: [{names}].", names=names),
        *kept,
    ]
    return show_table(
        shown,
        columns,
        caption="Columns that seem to know the answer",
        note=_("What follows does without them: with them a test would look splendid, and a forecast fail."),
        notes=notes,
    )


@needs()
def without(study: Study, rows: Rows, leaks: pd.DataFrame) -> Rows | CannotSay:
    """Return the rows, and today's customers, without the suspects."""
    gone = [name for name in rows.features if name in set(leaks["feature"])]
    if not gone:
        return rows
    if len(gone) == len(rows.features):
        return CannotSay(
            sentence("All columns there are seem to know the answer: {names}.", names=listed(gone)),
            _("Add columns that were known before, or name those that were under churn.keep."),
        )
    return dataclasses.replace(
        rows,
        table=rows.table.drop(columns=gone),
        features=tuple(name for name in rows.features if name not in gone),
        current=rows.current.drop(*gone),
    )


def alarm(study: Study, models: Models | CannotSay) -> list[str]:
    """Say that a finished model is too good to be true, and which columns to ask about; mostly there is nothing."""
    if isinstance(models, CannotSay):
        return []
    tested = models.evaluations["p_churn"]
    first = tested.deciles.iloc[0]
    n = max(1, round(float(first["n_customers"])))
    top = proportion("churn_rate", min(n, round(float(first["n_churned"]))), n)
    whole = proportion("churn_rate", tested.n_churned, tested.n)
    is_sure = n >= _BEST_N and top.value >= _BEST_RATE and (top.low or 0.0) >= _BEST_LOW
    if is_sure and whole.value < _MOST_LEFT:
        words = (
            "Too good to be true: of the tenth of customers with the highest risk {top} left, against {whole} of all. "
            "Before anybody trusts it, ask when the columns it leans on most are written: {names}."
        )
    elif tested.auc.value >= _BEST_AUC:
        words = (
            "Too good to be true: on customers that it had not seen the AUC of the model is {auc}. Before anybody "
            "trusts it, ask when the columns it leans on most are written: {names}."
        )
    else:
        return []
    unseen = models.unseen_rows
    drops = permutation_importance(models.judged, unseen if len(unseen) else models.test_rows, seed=_SEED)
    # The first at least, and the next where the model loses by doing without.
    leant_on = drops["feature"][(drops["low"] > 0) | (drops.index == 0)].head(_N_ASKED)
    names = [feature_name(study, str(name)) for name in leant_on]
    return [sentence(words, top=top, whole=whole, auc=tested.auc, names=listed(names))]


def findings(study: Study, leaks: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    """Say which column to ask about, where one knows the answer."""
    if isinstance(leaks, CannotSay):
        return [leaks]
    if leaks.empty:
        return []
    first = leaks.to_dict("records")[0]
    rest = [str(name) for name in leaks["feature"][1:]]
    words = (
        "{name} tells who left too well to have been known before: alone it has an AUC of {auc}, "
        "where 0.50 is guessing and 1 is knowing. The model does without it; ask whoever exports it when it is written."
        if not rest
        else "{name} tells who left too well to have been known before: alone it has an AUC of {auc}, "
        "where 0.50 is guessing and 1 is knowing. So do {rest}. The model does without them; ask whoever exports them "
        "when they are written."
    )
    return [
        sentence(words, name=feature_name(study, str(first["feature"])), auc=_auc(first), rest=listed(rest))
    ]


def key_figures(study: Study, rows: Rows | CannotSay, leaks: pd.DataFrame | CannotSay) -> list[Estimate]:
    """List how many columns were suspect, and the AUC of each alone."""
    if isinstance(rows, CannotSay) or isinstance(leaks, CannotSay):
        return []
    count = Estimate("churn_suspect_columns", len(leaks), "count", len(rows.features))
    return [count, *(_auc(row) for row in leaks.to_dict("records"))]


def _auc(row: Mapping[Any, Any]) -> Estimate:
    value, low, high = (float(row[name]) for name in ("auc", "low", "high"))
    return Estimate(
        "churn_feature_auc", value, "ratio", low=low, high=high, segment={"feature": row["feature"]}
    )


def _evidence(row: Mapping[Any, Any]) -> str:
    """The evidence in words; what is told of a value goes before what is told of the name."""
    if row["kind"] in ("tells", "range"):
        words = {
            "missing": "of the rows without a value nearly all left",
            "known": "of the rows with a value nearly all left",
        }.get(row["value"], "of the rows with the value {value} nearly all left")
        return sentence(words, value=str(row["value"]))
    words = {
        "separates": "alone it parts nearly all who left from those who stayed",
        "stands_apart": "alone it tells far more than any other column",
        "outdoes": "alone it tells more than all other columns together",
        "named": "its name sounds like the answer, and it tells well",
    }[row["kind"]]
    return _(words)


def _suspects(rows: Rows, table: pd.DataFrame) -> pd.DataFrame:
    """Suspects in all rows, and in those of the last cut-off alone.

    Who left after it has in the export what is written down of leavers; at an earlier one most of them still stayed.
    """
    found = find_leaks(table, seed=_SEED)
    if not rows.cut_offs:
        return found
    last = table[table["cut_off"] == pd.Timestamp(rows.cut_offs[-1])]
    if min(int((last["churned"] == label).sum()) for label in (0, 1)) < MIN_CLASS:
        return found
    late = find_leaks(last, seed=_SEED)
    late = late[~late["feature"].isin(found["feature"])]
    if found.empty or late.empty:
        return late if found.empty else found
    both = pd.concat([found, late], ignore_index=True)
    return both.sort_values(["auc", "feature"], ascending=[False, True], ignore_index=True)


def _filled_dates(study: Study, rows: Rows) -> pd.DataFrame:
    """Suspects among the columns of dates, judged by whether there is a date at all."""
    unused = unused_columns(study, rows)
    dates = [name for name, why in unused.items() if why == "date"]
    if not dates:
        return pd.DataFrame()
    source = study.tables["customers" if rows.cut_offs else "snapshot"]
    there = attribute_features(
        source.mutate(**{name: source[name].cast("string") for name in dates}),
        {name: f"d{place}" for place, name in enumerate(dates)},
    )
    filled = there.select(
        "customer_id", **{f"d{place}": there[f"d{place}"].notnull() for place in range(len(dates))}
    )
    ids = study.engine.create_table(
        "churn_leaks_ids", rows.table[["customer_id"]].drop_duplicates(), overwrite=True
    )
    known = filled.semi_join(ids, "customer_id").execute().drop_duplicates("customer_id")
    keys = rows.table[[name for name in ("customer_id", "cut_off", "churned") if name in rows.table]]
    table = keys.merge(known, on="customer_id", how="left", validate="many_to_one")
    table = table.rename(columns={f"d{place}": name for place, name in enumerate(dates)})
    table[dates] = table[dates].astype("boolean").fillna(False).astype(float).replace(0.0, float("nan"))
    found = _suspects(rows, table)
    is_known = (found["kind"] == "separates") | (found["value"] == "known")
    return found[is_known]


def _kept_words(study: Study, rows: Rows) -> list[str]:
    """Say what was kept on request, and which names are no feature."""
    asked = study.params.churn.keep
    said = []
    if here := [name for name in asked if name in rows.features]:
        said.append(sentence("Kept, as churn.keep says: {names}.", names=listed(here)))
    if strays := [name for name in asked if name not in rows.features]:
        there = listed(rows.features[:_MOST_NAMED])
        said.append(
            sentence(
                "churn.keep names {strays}, which is no column here; there are {there}.",
                strays=listed(strays),
                there=there if len(rows.features) <= _MOST_NAMED else f"{there} …",
            )
        )
    return said
