"""Study 04: the tone of comments, as far as words tell it, and where it speaks against the score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import listed, sentence
from cam.language import translate as _
from cam.measures.satisfaction.theme_scores import share_of
from cam.measures.satisfaction.themes import LEAST_PART
from cam.measures.satisfaction.tone import (
    MIN_AUC,
    MIN_CLASS,
    SURE,
    accuracy,
    fit_tone,
    labels_from,
    telling_words,
    unseen_tone,
)
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.comments import UNITS, FoundThemes, outcome_beside, shortened
from cam.studies.study import Study, needs

#: Answers that are taken as a good and as a bad label of the comment beside them; those between as neither.
_GOOD, _BAD = {"nps": 9, "csat": 4, "ces": 5}, {"nps": 6, "csat": 2, "ces": 3}
_N_EXAMPLES, _FEWEST, _SEED = 6, 20, 20260630


@dataclass(frozen=True, slots=True)
class FoundTone:
    """The tone of a client's comments.

    Attributes
    ----------
    tone : Series
        Probability (0-1) of a good tone of each comment, by its index; of labelled ones by a fit that had not seen
        them.
    seen : Series of float
        Label (1 good, 0 bad) of the comments whose tone was read unseen.
    source : str
        Column that the labels come from.
    rows : DataFrame
        Accuracy by language: *group* (empty: all), *n*, *auc*, *accuracy*, each with *low* and *high*.
    words : DataFrame
        As :func:`cam.measures.satisfaction.tone.telling_words`.
    """

    tone: pd.Series
    seen: pd.Series
    source: str
    rows: pd.DataFrame
    words: pd.DataFrame


@needs()
def read_tone(study: Study, frame: pd.DataFrame) -> FoundTone | CannotSay:
    """Learn tone from labels, or from scores as weak labels, and keep it only if unseen comments bear it out."""
    labelled = study.params.satisfaction.sentiment
    said = frame[~frame["is_empty"]]
    source = labelled or outcome_beside(study, said)
    if source is None:
        return CannotSay(
            _("The tone of comments cannot be read: no score and no label stands beside them."),
            _("Give nps, csat or ces in the same row, or name a labelled column in satisfaction.sentiment."),
        )
    label = labels_from(said[source]) if labelled else _weak_labels(said[source], source)
    rows = said.assign(label=label)[["plain", "customer_id", "label", "is_chinese"]]
    try:
        tone = unseen_tone(rows, seed=_SEED)
    except ValueError:
        sides = [int(rows.loc[rows["label"] == side, "customer_id"].nunique()) for side in (1, 0)]
        return CannotSay(
            sentence(
                "The tone of comments cannot be learnt: {good} customers with a good {source} and {bad} with a bad one "
                "wrote comments.",
                good=sides[0],
                bad=sides[1],
                source=_called(source),
            ),
            sentence(
                "Tone needs comments with good and with bad labels, from {least} customers each.",
                least=MIN_CLASS,
            ),
        )
    known = rows.loc[tone.index]
    measured = _accuracies(known, tone)
    auc = measured.iloc[0]
    if auc["auc_low"] < MIN_AUC:
        return CannotSay(
            sentence(
                "The tone of comments cannot be read from their words: it orders good and bad ones with an AUC of "
                "{auc}, which is not surely above {least} (a coin has 0.50). So it is not shown.",
                auc=Estimate("tone_auc", auc["auc"], "ratio", int(auc["n"]), auc["auc_low"], auc["auc_high"]),
                least=f"{MIN_AUC:.2f}",
            ),
            _("Let people label a few hundred comments and name the column in satisfaction.sentiment."),
        )
    fit = fit_tone(known["plain"].tolist(), known["label"].tolist())
    rest = rows.index.difference(tone.index)
    others = pd.Series(fit.probability(rows.loc[rest, "plain"].tolist()), index=rest, dtype=float)
    words = telling_words(fit, known["plain"].tolist())
    return FoundTone(pd.concat([tone, others]).sort_index(), known["label"], source, measured, words)


@needs()
def tone_by_theme(
    study: Study, frame: pd.DataFrame, rated: pd.DataFrame, themes: FoundThemes, tone: FoundTone
) -> pd.DataFrame | CannotSay:
    """Estimate how many comments of each theme sound good, and how many of those that sound bad speak of it.

    Returns
    -------
    DataFrame
        One row per theme: *theme*, *name*, *key*, *n* (comments that speak of it), *tone* (share that sounds good) and
        *blame* (share of all *n_bad* comments that sound bad), each with *low* and *high*.
    """
    is_bad = tone.tone.reindex(themes.parts.index) < 0.5
    if not is_bad.any():
        return CannotSay(_("No comment sounds bad."))
    owner, bad = frame["customer_id"], themes.parts.index[is_bad]
    rows = []
    for row in rated.to_dict("records"):
        inside = themes.parts[row["theme"]] >= LEAST_PART
        at = themes.parts.index[inside]
        if not len(at):
            continue
        good = share_of("tone", ~is_bad[at], owner[at], segment={})
        blame = share_of("blame", inside[bad], owner[bad], segment={})
        rows.append(
            {name: row[name] for name in ("theme", "name", "key", "n")}
            | {"n_bad": blame.n, "tone": good.value, "tone_low": good.low, "tone_high": good.high}
            | {"blame": blame.value, "blame_low": blame.low, "blame_high": blame.high}
        )
    return pd.DataFrame(rows)


@needs()
def show_tone_by_theme(study: Study, toned: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the tone of each theme's comments."""
    columns = [
        Col("name", "Theme"),
        Col("n", "n", "count"),
        Col("tone", "Sound good", "share", "tone_low", "tone_high"),
        Col("blame", "Of all that sound bad", "share", "blame_low", "blame_high"),
    ]
    return show_table(toned, columns, caption="How do they write of it?")


@needs()
def show_tone(study: Study, tone: FoundTone) -> ShownTable | CannotSay:
    """Show how well tone is read in comments that were not learnt from, beside what guessing gives."""
    groups = {"": "All comments", "zh": "Chinese", "other": "Other languages"}
    frame = tone.rows.assign(group=tone.rows["group"].map(groups), guess=0.5)
    columns = [
        Col("group", "Comments"),
        Col("n", "n", "count"),
        Col("accuracy", "Told rightly", "share", "accuracy_low", "accuracy_high"),
        Col("guess", "By guessing", "share"),
        Col("auc", "AUC (guessing: 0.50)", "ratio", "auc_low", "auc_high"),
    ]
    notes = [
        sentence(
            "Learnt from {n} comments with a good or a bad {source}; each was read by a fit that had seen none of that "
            "customer's. Good and bad count alike, however common they are.",
            n=len(tone.seen),
            source=_called(tone.source),
        )
    ]
    for mood, message in (
        ("good", "Words that sound good: {words}."),
        ("bad", "Words that sound bad: {words}."),
    ):
        of_mood = tone.words[tone.words["tone"] == mood]
        if len(of_mood):
            notes.append(sentence(message, words=listed(_spaced(of_mood))))
    return show_table(frame, columns, caption="How well is tone read?", notes=notes)


@needs()
def contradictions(study: Study, frame: pd.DataFrame, tone: FoundTone) -> pd.DataFrame:
    """List comments whose tone speaks surely against the score or label beside them, the surest first.

    Returns
    -------
    DataFrame
        *plain*, *label* (1 or 0), *tone*, *score* (as the source has it) and *customer_id*, by the index of the
        comments; no row where there is none.
    """
    read = tone.tone[tone.seen.index]
    against = ((tone.seen == 1) & (read <= 1 - SURE)) | ((tone.seen == 0) & (read >= SURE))
    rows = frame.loc[tone.seen.index[against], ["plain", "customer_id"]].assign(
        label=tone.seen[against], tone=read[against], score=frame.loc[tone.seen.index[against], tone.source]
    )
    sure = (rows["tone"] - rows["label"]).abs()
    return rows.assign(sure=sure).sort_values(["sure", "plain"], ascending=[False, True]).drop(columns="sure")


@needs()
def show_contradictions(
    study: Study, frame: pd.DataFrame, tone: FoundTone, found: pd.DataFrame
) -> ShownTable | CannotSay:
    """Show comments that sound otherwise than their score, masked and shortened."""
    share = contradicting(frame, tone, found)
    if found.empty:
        return CannotSay(
            sentence(
                "No comment speaks surely against its {source}, of {n}.",
                source=_called(tone.source),
                n=len(tone.seen),
            )
        )
    rows = found.assign(
        comment=found["plain"].map(shortened),
        sounds=np.where(found["label"] == 1, _("bad"), _("good")),
        score=found["score"].map(lambda value: f"{value:g}" if isinstance(value, float) else str(value)),
    )
    note = sentence(
        "{share} of comments with a good or a bad {source} sound the other way. Some of these are the reading's own "
        "errors, some are answers on the wrong end of the scale: read them.",
        share=share,
        source=_called(tone.source),
    )
    columns = [
        Col("comment", "In the customers' words"),
        Col("score", _called(tone.source)),
        Col("sounds", "Sounds"),
    ]
    return show_table(
        rows.head(_N_EXAMPLES), columns, caption="Comments that sound otherwise than their score", note=note
    )


def contradicting(frame: pd.DataFrame, tone: FoundTone, found: pd.DataFrame) -> Estimate:
    """Return the share of labelled comments that sound surely otherwise than their label."""
    against = pd.Series(tone.seen.index.isin(found.index), index=tone.seen.index)
    return share_of(
        "contradicting_comment_share", against, frame.loc[tone.seen.index, "customer_id"], segment={}
    )


# --- how ----------------------------------------------------------------------------------------


def _weak_labels(score: pd.Series, outcome: str) -> pd.Series:
    given = score.astype(float)
    return pd.Series(
        np.select([given >= _GOOD[outcome], given <= _BAD[outcome]], [1.0, 0.0], default=np.nan),
        index=score.index,
    )


def _called(source: str) -> str:
    return source.upper() if source in UNITS else source


def _accuracies(rows: pd.DataFrame, tone: pd.Series) -> pd.DataFrame:
    found = []
    for group, inside in (
        ("", pd.Series(True, index=rows.index)),
        ("zh", rows["is_chinese"]),
        ("other", ~rows["is_chinese"]),
    ):
        label = rows.loc[inside, "label"]
        # A language in which hardly anybody praises, or complains, tells nothing of its own.
        if (group and inside.all()) or min((label == 1).sum(), (label == 0).sum()) < _FEWEST:
            continue
        auc, balanced = accuracy(label, tone[label.index], rows.loc[inside, "customer_id"])
        found.append(
            {
                "group": group,
                "n": auc.n,
                "auc": auc.value,
                "auc_low": auc.low,
                "auc_high": auc.high,
                "accuracy": balanced.value,
                "accuracy_low": balanced.low,
                "accuracy_high": balanced.high,
            }
        )
    return pd.DataFrame(found)


def _spaced(words: pd.DataFrame) -> list[str]:
    """Pairs of Chinese words are written as one."""
    return [
        row["word"].replace(" ", "") if row["is_chinese"] else row["word"] for row in words.to_dict("records")
    ]
