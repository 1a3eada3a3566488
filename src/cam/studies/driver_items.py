"""Study 04, drivers: which questions may explain which score, at which touchpoint, and in how many whole answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cam.estimate import CannotSay
from cam.language import listed, sentence, together
from cam.language import translate as _
from cam.schema import TABLES
from cam.studies.study import Study, needs

#: Scores that are explained, the first first where as many answers go with each.
OUTCOMES = ("nps", "csat", "ces")
#: How items are called where the parameter file names none, and the highest answer of a scale.
PREFIX, HIGHEST = "item_", 10
#: Items, and customers, that it takes.
LEAST_ITEMS, LEAST_CUSTOMERS = 2, 100
#: Answers per item that a logit bears, counted as if the score had a middle and two ends of equal size (Harrell 2015,
#: Regression Modeling Strategies, table 4.1).
_PER_ITEM = 15
#: An item belongs to a survey if so many of those who gave the score answered it.
_ASKED = 0.5
#: Surveys that are modelled, those with most whole answers; and touchpoints among which they are looked for.
_MOST_SURVEYS, _MOST_TOUCHPOINTS = 4, 30
#: A share of an item that others leave, below which they tell it in full; and its correlation with the score itself.
_TOLD, _SAME = 1e-6, 0.999


@dataclass(frozen=True, slots=True)
class Survey:
    """Whole answers to the questions of one touchpoint.

    Attributes
    ----------
    touchpoint : str
        As the client calls it; empty where all stand together.
    outcome : str
        ``nps``, ``csat`` or ``ces``.
    items : tuple of str
        Columns.
    answers : DataFrame
        One row per whole answer: ``customer_id`` (may be missing), the outcome and the items, whole numbers.
    n_scored : int
        Answers with the score, whole or not.
    scale : tuple of int or None
        Ends of the items' scale; None where they differ.
    notes : tuple of str
        What was left out, ready to print.
    """

    touchpoint: str
    outcome: str
    items: tuple[str, ...]
    answers: pd.DataFrame
    n_scored: int
    scale: tuple[int, int] | None
    notes: tuple[str, ...]


@needs("responses")
def surveys(study: Study) -> list[Survey] | CannotSay:
    """Find the questions that may drive a score, and the surveys that ask them; the one with most answers first.

    Surveys at different touchpoints ask different things, so each stands by itself. Where none has enough answers,
    all stand together.
    """
    outcomes = _outcomes(study)
    if isinstance(outcomes, CannotSay):
        return outcomes
    chosen = _candidates(study, outcomes)
    if isinstance(chosen, CannotSay):
        return chosen
    names, notes = chosen
    table = study.tables["responses"]
    table = table.filter(table.response_date.notnull())
    columns = [name for name in ("customer_id", "touchpoint") if name in table.columns]
    frame = table.select(*columns, *outcomes, *names).execute().replace([np.inf, -np.inf], np.nan)
    if "customer_id" not in frame:
        frame["customer_id"] = pd.Series([None] * len(frame), dtype=object)
    if not study.params.satisfaction.drivers:
        names = _one_scale(frame, names, notes)
    parts = [_survey(frame, "", outcomes, names)]
    if "touchpoint" in frame and frame["touchpoint"].nunique() > 1:
        counts = frame["touchpoint"].value_counts().sort_index()
        largest = counts.sort_values(ascending=False, kind="stable").index[:_MOST_TOUCHPOINTS]
        apart = [
            _survey(frame[frame["touchpoint"] == touchpoint], str(touchpoint), outcomes, names)
            for touchpoint in largest
        ]
        if any(_lacking(one) is None for one in apart):
            parts = apart
    good = [one for one in parts if _lacking(one) is None]
    good.sort(key=lambda one: (-len(one.answers), one.touchpoint))
    if not good:
        said = _lacking(parts[0])
        assert said is not None
        return CannotSay(together(said.reason, *notes, *parts[0].notes), said.cure)
    notes += _left_out(parts, good)
    return [replace(one, notes=(*notes, *one.notes) if one is good[0] else one.notes) for one in good][
        :_MOST_SURVEYS
    ]


def words(item: str) -> str:
    """Return an item as a reader sees it."""
    said = _(item)
    return said if said != item else item.removeprefix(PREFIX).replace("_", " ").strip() or item


def score_name(outcome: str) -> str:
    """Return the short name of a score, the same in every language."""
    return outcome.upper()


# --- choosing -----------------------------------------------------------------------------------


def _outcomes(study: Study) -> list[str] | CannotSay:
    asked = study.params.satisfaction.outcome
    if asked:
        return study.lacks_column("responses", asked) or [asked]
    there = [name for name in OUTCOMES if name in study.tables["responses"].columns]
    return there or CannotSay(
        _("What drives satisfaction cannot be said: the table responses has no score (nps, csat or ces)."),
        sentence(
            "If the source has it by another name, map it under data.{table}.columns.", table="responses"
        ),
    )


def _candidates(study: Study, outcomes: list[str]) -> tuple[list[str], list[str]] | CannotSay:
    """Columns that may be drivers, and what is to be said of others."""
    table = study.tables["responses"]
    kinds, notes = dict(table.schema().items()), list[str]()
    asked = [name for name in study.params.satisfaction.drivers if name not in OUTCOMES]
    if asked:
        lacking = study.lacks_column("responses", *asked)
        odd = [] if lacking else [name for name in asked if not kinds[name].is_numeric()]
        if not odd:
            return lacking or (asked, notes)
        return CannotSay(
            sentence("Not all answers are numbers in {items}.", items=listed(odd)),
            _(
                "Say what its words mean under data.responses.options.words, or leave it out under "
                "satisfaction.drivers."
            ),
        )
    contract = {column.name for column in TABLES["responses"].columns}
    own = [name for name in table.columns if name not in contract]
    items = [name for name in own if name.startswith(PREFIX)]
    texts = [name for name in items if not kinds[name].is_integer()]
    # A column without any answer is read as text.
    given = table.aggregate(**{name: table[name].count() for name in texts}).execute() if texts else None
    empty = [] if given is None else [name for name in texts if not given[name].iloc[0]]
    for message, out in (
        ("Left out, as nobody answered: {items}.", empty),
        (
            "Left out, as not all answers are whole numbers: {items}.",
            [name for name in texts if name not in empty],
        ),
    ):
        if out:
            notes.append(sentence(message, items=listed(words(name) for name in out)))
    names = [name for name in items or own if kinds[name].is_integer()]
    if len(names) < LEAST_ITEMS:
        return CannotSay(
            together(
                _("No questions stand beside the score that could say what drives it."),
                *notes,
            ),
            _(
                "Keep the columns of single questions, such as item_delivery, as whole numbers on one scale; or list "
                "them under satisfaction.drivers."
            ),
        )
    return names, notes


def _one_scale(frame: pd.DataFrame, names: list[str], notes: list[str]) -> list[str]:
    """Keep the columns that share the commonest scale; a name or an age has none."""
    ends: dict[int, list[str]] = {}
    constant = []
    for name in names:
        given = frame[name].dropna()
        if len(given) and given.min() == given.max():
            constant.append(name)
        elif len(given) and given.min() >= 0 and 2 <= given.max() <= HIGHEST:
            ends.setdefault(int(given.max()), []).append(name)
    common = max(ends.values(), key=len) if ends else []
    # What is the same in all rows is named where the answers are looked at.
    kept = [name for name in names if name in common or (name in constant and name.startswith(PREFIX))]
    others = [name for name in names if name not in kept and name.startswith(PREFIX)]
    if others:
        notes.append(
            sentence(
                "Left out, as their scale is another: {items}.", items=listed(words(name) for name in others)
            )
        )
    return kept


def _survey(frame: pd.DataFrame, touchpoint: str, outcomes: list[str], names: list[str]) -> Survey:
    """Take the score with most whole answers, and the items that were asked with it."""
    best: tuple[int, str, list[str], pd.DataFrame] | None = None
    for outcome in outcomes:
        scored = frame[frame[outcome].notna()]
        asked = [
            name
            for name in names
            if name != outcome and len(scored) and scored[name].notna().mean() >= _ASKED
        ]
        whole = scored[scored[asked].notna().all(axis=1)] if asked else scored.iloc[:0]
        if best is None or len(whole) > best[0]:
            best = len(whole), outcome, asked, whole
    assert best is not None
    _n, outcome, asked, whole = best
    notes: list[str] = []
    scored = frame[frame[outcome].notna()]
    rare = [name for name in names if name not in asked and name != outcome and scored[name].notna().any()]
    if rare:
        notes.append(
            sentence(
                "Left out, as fewer than half of those who gave the score answered: {items}.",
                items=listed(words(name) for name in rare),
            )
        )
    answers = whole[["customer_id", outcome, *asked]].astype(dict.fromkeys([outcome, *asked], float))
    kept = _telling(answers, outcome, asked, notes)
    ends = {_ends(answers[name]) for name in kept}
    return Survey(
        touchpoint,
        outcome,
        tuple(kept),
        answers[["customer_id", outcome, *kept]].reset_index(drop=True),
        len(scored),
        next(iter(ends)) if len(ends) == 1 else None,
        tuple(notes),
    )


def _ends(answers: pd.Series) -> tuple[int, int]:
    """Ends of the scale that the answers are from: it begins with 0 or 1."""
    return (0 if answers.min() < 1 else 1), int(np.ceil(answers.max()))


def _telling(answers: pd.DataFrame, outcome: str, names: list[str], notes: list[str]) -> list[str]:
    """Drop items that do not vary, that repeat others, or that are the score itself; say so."""
    if len(answers) < 2:
        return names
    still = [name for name in names if answers[name].nunique() < 2]
    kept = [name for name in names if name not in still]
    score = answers[outcome].to_numpy(float)
    same, told, left = [], [], []
    basis = np.empty((len(answers), 0))
    for name in kept:
        column = answers[name].to_numpy(float)
        column = column - column.mean()
        if np.ptp(score) and abs(np.corrcoef(column, score)[0, 1]) > _SAME:
            same.append(name)
            continue
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        if rest @ rest < _TOLD * (column @ column):
            told.append(name)
            continue
        basis = np.column_stack([basis, rest / np.sqrt(rest @ rest)])
        left.append(name)
    for out, message in (
        (still, "Left out, as everybody gave the same answer: {items}."),
        (same, "Left out, as it is the score itself: {items}."),
        (told, "Left out, as other items tell it in full: {items}."),
    ):
        if out:
            notes.append(sentence(message, items=listed(words(name) for name in out)))
    return left


def _lacking(survey: Survey) -> CannotSay | None:
    """Say what a survey lacks for a model, or nothing."""
    cure = _("Ask more customers, or name fewer questions under satisfaction.drivers.")
    n, people = len(survey.answers), _customers(survey.answers)
    if len(survey.items) < LEAST_ITEMS:
        return CannotSay(
            sentence(
                "{n} questions can be used beside the score; a comparison of drivers needs {least}.",
                n=len(survey.items),
                least=LEAST_ITEMS,
            ),
            _("Keep the columns of single questions in the table responses."),
        )
    if not n or survey.answers[survey.outcome].nunique() < 2:
        return CannotSay(
            sentence(
                "{n} answers are whole, and all give {score} the same value: nothing differs that could be explained."
                if n
                else "No answer holds {score} and all questions.",
                n=n,
                score=score_name(survey.outcome),
            ),
            cure,
        )
    shares = survey.answers[survey.outcome].value_counts().to_numpy() / n
    carries = 1 - float((shares**3).sum())
    need = max(LEAST_CUSTOMERS, int(np.ceil(_PER_ITEM * len(survey.items) / carries)))
    if n < need or people < LEAST_CUSTOMERS:
        return CannotSay(
            sentence(
                "{n} whole answers from {people} customers are too few to tell {items} drivers apart; it takes {need} "
                "from {least}.",
                n=n,
                people=people,
                items=len(survey.items),
                need=need,
                least=LEAST_CUSTOMERS,
            ),
            cure,
        )
    return None


def _customers(answers: pd.DataFrame) -> int:
    return int(answers["customer_id"].nunique() + answers["customer_id"].isna().sum())


def _left_out(parts: list[Survey], good: list[Survey]) -> list[str]:
    """Name the touchpoints without a model of their own."""
    shown = {one.touchpoint for one in good[:_MOST_SURVEYS]}
    few = [one for one in parts if one.touchpoint not in shown and one.items]
    if not few:
        return []
    return [
        sentence(
            "Too few whole answers for a model of their own: {groups}.",
            groups=listed(f"{_(one.touchpoint)} ({len(one.answers):,})" for one in few[:10]),
        )
    ]
