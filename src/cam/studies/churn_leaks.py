"""Study 05, before any model: does a column know the answer?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import listed, sentence, together
from cam.language import translate as _
from cam.measures.churn.folds import MIN_CLASS
from cam.measures.churn.leaks import find_leaks
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.churn_rows import Rows, feature_name
from cam.studies.study import Study, needs

_SEED = 51
#: A quiet line names no more.
_MOST_NAMED = 40


@needs()
def find(study: Study, rows: Rows) -> pd.DataFrame | CannotSay:
    """Name the features that cannot have been known before a customer left, but for those that the client keeps."""
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
    found = find_leaks(rows.table, seed=_SEED)
    return found[~found["feature"].isin(study.params.churn.keep)].reset_index(drop=True)


@needs()
def show_leaks(study: Study, rows: Rows, leaks: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the suspects with the evidence and what to do; one quiet line where there is none."""
    kept = _kept_words(study, rows)
    if leaks.empty:
        line = sentence("None of {n} features tells too well who left.", n=len(rows.features))
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


def findings(study: Study, leaks: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    """Say which column to ask about, where one knows the answer."""
    if isinstance(leaks, CannotSay):
        return [leaks]
    if leaks.empty:
        return []
    first = leaks.to_dict("records")[0]
    rest = [str(name) for name in leaks["feature"][1:]]
    words = (
        "{name} tells who left too well to have been known before: alone it has an AUC of {auc}. The model does "
        "without it; ask whoever exports it when it is written."
        if not rest
        else "{name} tells who left too well to have been known before: alone it has an AUC of {auc}. So do {rest}. "
        "The model does without them; ask whoever exports them when they are written."
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
    if row["kind"] == "tells":
        words = {
            "missing": "of the rows without a value nearly all left",
            "known": "of the rows with a value nearly all left",
        }.get(row["value"], "of the rows with the value {value} nearly all left")
        return sentence(words, value=str(row["value"]))
    words = {
        "separates": "alone it parts nearly all who left from those who stayed",
        "stands_apart": "alone it tells far more than any other column",
        "named": "its name sounds like the answer, and it tells well",
    }[row["kind"]]
    return _(words)


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
