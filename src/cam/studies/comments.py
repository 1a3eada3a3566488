"""Study 04: what customers write about, and how those who write of it scored."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, holm
from cam.language import active, listed, period_text, sentence
from cam.language import translate as _
from cam.measures.satisfaction.theme_scores import against_the_rest, score_of, share_of, signs
from cam.measures.satisfaction.themes import (
    LEAST_PART,
    MIN_AGREEMENT,
    fit_themes,
    main_themes,
    stable_number,
    theme_agreement,
    theme_parts,
    typical_comments,
    typical_words,
)
from cam.measures.satisfaction.words import is_chinese, is_empty, plain_text, subjects_of
from cam.show.tables import Col, ShownTable, show_pairs, show_table
from cam.studies.study import Study, needs

#: More comments than this are not read: the latest are.
MOST_COMMENTS = 100_000
#: Units of the scores that may stand beside a comment.
UNITS = {"csat": "share", "nps": "points", "ces": "share"}
_SHORT, _MOST_WORDS, _SHOWN_WORDS, _SEED = 160, 16, 8, 20260630


@dataclass(frozen=True, slots=True)
class FoundThemes:
    """Themes of a client's comments.

    Attributes
    ----------
    parts : DataFrame
        A row per comment that says something, a column per theme: its part of the comment, 0 to 1.
    words : DataFrame
        As :func:`cam.measures.satisfaction.themes.typical_words`.
    examples : DataFrame
        As :func:`cam.measures.satisfaction.themes.typical_comments`; ``place`` is the comment's place in ``parts``.
    agreement : float
        Adjusted Rand index of two halves of the comments, at this number of themes.
    """

    parts: pd.DataFrame
    words: pd.DataFrame
    examples: pd.DataFrame
    agreement: float


@needs("responses")
def comments(study: Study) -> pd.DataFrame | CannotSay:
    """Read the comments, mask what tells who wrote them, and tell those that say something from those that do not.

    Returns
    -------
    DataFrame
        One row per comment, at most :data:`MOST_COMMENTS`, the latest: *plain* (masked, one line), *is_empty*,
        *is_chinese*, *customer_id*, *day*, *n_all* (comments that there are), and the scores and labels that stand
        beside it. What the customer wrote is not kept.
    """
    lacking = study.lacks_column("responses", "comment")
    if lacking:
        return lacking
    table = study.tables["responses"]
    table = table.filter(table.comment.notnull() & (table.comment.strip() != ""))
    label = study.params.satisfaction.sentiment
    if label and label not in table.columns:
        return study.lacks_column("responses", label) or _no_comments()
    names = [name for name in (*UNITS, label) if name and name in table.columns]
    owner = table.customer_id if "customer_id" in table.columns else ibis.null("string")
    rows = table.select(customer_id=owner, day=table.response_date.cast("date"), comment="comment", **{
        name: table[name] for name in names
    })  # fmt: skip
    n_all = int(rows.count().execute())
    if not n_all:
        return _no_comments()
    order = [ibis.desc("day"), "comment", "customer_id", *names]
    frame = rows.order_by(order).limit(MOST_COMMENTS).execute().reset_index(drop=True)
    alone = pd.Series([f"\0{place}" for place in range(len(frame))], index=frame.index)
    frame["customer_id"] = frame["customer_id"].where(frame["customer_id"].notna(), alone)
    plain = [plain_text(str(text)) for text in frame["comment"]]
    return frame.drop(columns="comment").assign(
        plain=plain,
        is_empty=[is_empty(text) for text in plain],
        is_chinese=[is_chinese(text) for text in plain],
        n_all=n_all,
    )


@needs()
def period(study: Study, frame: pd.DataFrame) -> str:
    """First to last day of the comments, ready to print; empty where none has a day."""
    day = pd.to_datetime(frame["day"]).dropna()
    return period_text(day.min().date(), day.max().date()) if len(day) else ""


@needs()
def show_comments(study: Study, frame: pd.DataFrame) -> ShownTable:
    """Show how many comments there are, in which language, and how many say nothing."""
    said = frame[~frame["is_empty"]]
    n_masked = int(frame["plain"].str.contains(r"\[[^\[\]]{2,12}\]", regex=True).sum())
    pairs = {
        "Comments": f"{int(frame['n_all'].iloc[0]):,}",
        "Customers who wrote them": f"{frame['customer_id'].nunique():,}",
        "Say nothing that can be counted": f"{len(frame) - len(said):,}",
        "Chinese": f"{int(said['is_chinese'].sum()):,}",
        "Other languages": f"{int((~said['is_chinese']).sum()):,}",
        "Word for word the same as another": f"{int(said['plain'].str.casefold().duplicated().sum()):,}",
        "Something personal masked": f"{n_masked:,}",
    }
    if frame["n_all"].iloc[0] > len(frame):
        pairs["Read here, the latest"] = f"{len(frame):,}"
    return show_pairs(pairs, caption="Comments")


@needs()
def find_themes(study: Study, frame: pd.DataFrame) -> FoundThemes | CannotSay:
    """Find what comments are about: as many themes as two halves of them agree on, or as many as were asked for."""
    said = frame.loc[~frame["is_empty"], "plain"].tolist()
    try:
        agreement = theme_agreement(said, seed=_SEED)
    except ValueError:
        return CannotSay(
            sentence("{n} comments with words of their own are too few for themes.", n=len(set(said))),
            _("Read them one by one; from a few hundred on, themes can be counted."),
        )
    asked = study.params.satisfaction.n_themes
    number = asked or stable_number(agreement)
    if number is None:
        return CannotSay(
            sentence(
                "There are no clear themes in {n} comments: two halves of them would be sorted differently (agreement "
                "{found} at best, where {least} is needed; 0 is chance, 1 the same).",
                n=len(said),
                found=f"{agreement['agreement'].max():.2f}",
                least=MIN_AGREEMENT,
            ),
            _("Set satisfaction.n_themes to see some nevertheless."),
        )
    try:
        fit = fit_themes(said, n_themes=number, seed=_SEED)
    except ValueError:
        return CannotSay(
            sentence("These comments have too few words in common for {n} themes.", n=number),
            _("Ask for fewer: satisfaction.n_themes."),
        )
    parts = theme_parts(fit, said)
    parts.index = frame.index[~frame["is_empty"]]
    # The most common theme comes first.
    order = parts.ge(LEAST_PART).sum().sort_values(ascending=False, kind="stable").index
    parts = parts[order].set_axis(range(len(order)), axis=1)
    known = agreement.loc[agreement["n_themes"] == number, "agreement"]
    return FoundThemes(
        parts,
        typical_words(said, parts, most=_MOST_WORDS),
        typical_comments(said, parts),
        float(known.iloc[0]) if len(known) else float("nan"),
    )


@needs()
def rate_themes(study: Study, frame: pd.DataFrame, themes: FoundThemes) -> pd.DataFrame:
    """Estimate each theme's share of comments, and the score of those who speak of it against those who do not.

    Returns
    -------
    DataFrame
        One row per theme, the most common first: *theme*, *name*, *key* (the same in every language), *words*, *n*
        (comments that speak of it) of *n_said*, *share*, *low*, *high*; *score*, *score_low*, *score_high*, *score_n*
        and *outcome*; *gap*, *gap_low*, *gap_high* (points), *p_adjusted* (Holm, over the themes) and *differs*. What
        cannot be said is missing.
    """
    rows = [_rated(study, frame, themes, theme) for theme in themes.parts.columns]
    table = pd.DataFrame(rows)
    table["p_adjusted"] = holm(table["p_value"].to_numpy(float))
    table["differs"] = table["p_adjusted"] < 0.05
    return table.drop(columns="p_value")


@needs()
def show_themes(study: Study, rated: pd.DataFrame, themes: FoundThemes) -> ShownTable | CannotSay:
    """Show each theme with its words, its share, and the score beside it."""
    columns = [
        Col("words", "Words of the theme"),
        Col("share", "Share of comments", "share", "low", "high"),
        Col("n", "n", "count"),
    ]
    outcome = outcome_of(rated)
    if outcome:
        label = {"nps": "NPS", "csat": "CSAT, top two boxes", "ces": "CES, easy"}[outcome]
        columns.append(Col("score", label, UNITS[outcome], "score_low", "score_high"))
        columns.append(Col("gap", "Against all others", "points", "gap_low", "gap_high"))
        columns.append(Col("beyond", "Beyond chance"))
    beyond = np.where(rated["differs"], _("yes"), np.where(rated["p_adjusted"].notna(), _("no"), "–"))
    return show_table(
        rated.assign(beyond=beyond),
        columns,
        caption="What do they write about?",
        notes=_theme_notes(study, rated, themes),
    )


@needs()
def show_examples(
    study: Study, frame: pd.DataFrame, rated: pd.DataFrame, themes: FoundThemes
) -> ShownTable | CannotSay:
    """Show of each theme the comments that are most of all of it, masked and shortened."""
    outcome = outcome_of(rated)
    names = rated.set_index("theme")["name"]
    rows = themes.examples.assign(
        name=themes.examples["theme"].map(names),
        comment=themes.examples["comment"].map(shortened),
    )
    columns = [Col("name", "Theme"), Col("comment", "In the customers' words")]
    if outcome:
        places = frame[~frame["is_empty"]].index[rows["place"].to_numpy()]
        rows["score"] = frame.loc[places, outcome].to_numpy(dtype=float)
        columns.append(Col("score", outcome.upper(), "count"))
    note = _(
        "Telephone numbers, e-mail addresses, accounts and the like are masked. Names and addresses inside a sentence "
        "cannot be found by a rule: read before you pass anything on."
    )
    return show_table(rows, columns, caption="Comments that typify each theme", note=note, max_rows=40)


def shortened(text: str, most: int = _SHORT) -> str:
    """Return a comment, masked already, at a length that a table can bear; cut at a space where there is one."""
    if len(text) <= most:
        return text
    head = text[:most]
    cut = head.rfind(" ", most // 2)
    return f"{head[:cut] if cut > 0 else head}…"


def outcome_beside(study: Study, frame: pd.DataFrame) -> str | None:
    """Name the score that stands beside most comments, or the one that was asked for; None: there is no score."""
    answered = {name: int(frame[name].notna().sum()) for name in UNITS if name in frame.columns}
    asked = study.params.satisfaction.outcome
    if asked and answered.get(asked):
        return asked
    best = max(answered, key=lambda name: answered[name], default=None)
    return best if best and answered[best] else None


def outcome_of(rated: pd.DataFrame) -> str | None:
    """Name the score that themes are rated by; None: there is no score."""
    known = rated.loc[rated["score"].notna(), "outcome"]
    return str(known.iloc[0]) if len(known) else None


# --- how ----------------------------------------------------------------------------------------


def _no_comments() -> CannotSay:
    return CannotSay(_("Nobody has written a comment: every one is empty."))


def _rated(study: Study, frame: pd.DataFrame, themes: FoundThemes, theme: int) -> dict[str, Any]:
    said = frame.loc[themes.parts.index]
    inside = themes.parts[theme] >= LEAST_PART
    share = share_of("theme_share", inside, said["customer_id"], segment={})
    words = themes.words[themes.words["theme"] == theme]
    row: dict[str, Any] = {
        "theme": theme,
        "name": listed(_named(words, chinese=active() == "zh")),
        "key": " ".join(_named(words, chinese=False)),
        "words": listed(shortened(word, 24) for word in words["word"].head(_SHOWN_WORDS)),
        "n": int(inside.sum()),
        "n_said": share.n,
        "share": share.value,
        "low": share.low,
        "high": share.high,
        "outcome": "",
        **dict.fromkeys(
            ("score", "score_low", "score_high", "score_n", "gap", "gap_low", "gap_high", "p_value"), np.nan
        ),
    }
    outcome = outcome_beside(study, said)
    if outcome is None:
        return row
    row["outcome"] = outcome
    sign = signs(said[outcome], outcome=outcome)
    answered = sign.notna()
    if int((inside & answered).sum()) < study.params.satisfaction.min_answers:
        return row
    own = score_of(
        sign[inside & answered], said.loc[inside & answered, "customer_id"], outcome=outcome, segment={}
    )
    row |= {"score": own.value, "score_low": own.low, "score_high": own.high, "score_n": own.n}
    # Where everybody speaks of it, or all answers are the same, the score stands alone.
    with suppress(ValueError):
        row["gap"], row["gap_low"], row["gap_high"], row["p_value"] = against_the_rest(
            sign[answered].to_numpy(),
            inside[answered].to_numpy(),
            said.loc[answered, "customer_id"].astype(str).to_numpy(dtype=object),
        )
    return row


def _named(words: pd.DataFrame, *, chinese: bool) -> list[str]:
    """Two words of one language and one of the other, those first that name what most of the words name."""
    known = subjects_of(words["word"])
    counted = pd.Series(
        [subject for subjects in known.values() for subject in subjects], dtype="str"
    ).value_counts()
    subject = min(counted.index[counted == counted.max()]) if len(counted) else None
    rows = sorted(words.to_dict("records"), key=lambda row: subject not in known.get(row["word"], ()))
    ours = [row["word"] for row in rows if row["is_chinese"] is chinese]
    theirs = [row["word"] for row in rows if row["is_chinese"] is not chinese]
    chosen = [*ours[:2], *theirs[: 3 - len(ours[:2])]] if ours and theirs else [*ours, *theirs][:3]
    return [shortened(word, 24) for word in chosen]


def _theme_notes(study: Study, rated: pd.DataFrame, themes: FoundThemes) -> list[str]:
    nothing = int((main_themes(themes.parts) < 0).sum())
    notes = [
        sentence(
            "A comment may speak of several themes. {n} speak of none. The number of themes is {number}: with it, two "
            "halves of the comments agree to {agreement} (adjusted Rand index; 0 is chance, 1 the same).",
            n=nothing,
            number=len(rated),
            agreement=f"{themes.agreement:.2f}",
        )
        if not np.isnan(themes.agreement)
        else sentence(
            "A comment may speak of several themes. {n} speak of none. The number of themes, {number}, was asked for.",
            n=nothing,
            number=len(rated),
        )
    ]
    if outcome_of(rated):
        notes.append(
            _(
                "The comparison is with all comments that do not speak of the theme, with Holm's correction. It is "
                "association: the theme need not be why they scored so."
            )
        )
        few = rated[rated["score"].isna()]
        if len(few):
            notes.append(
                sentence(
                    "Not rated, with fewer than {fewest} scores: {groups}.",
                    fewest=study.params.satisfaction.min_answers,
                    groups=listed(few["name"]),
                )
            )
    return notes
