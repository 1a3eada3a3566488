"""Study 04: what comments say in a sentence or two, and their key figures."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import named, sentence
from cam.language import translate as _
from cam.measures.satisfaction.theme_scores import share_of
from cam.studies.comments import UNITS, outcome_of
from cam.studies.comments_tone import FoundTone, contradicting
from cam.studies.study import Study


def findings(
    study: Study,
    rated: pd.DataFrame | CannotSay,
    toned: pd.DataFrame | CannotSay,
) -> list[str | CannotSay]:
    """Say what is written about most, what those write about who are least satisfied, and what sounds bad."""
    if isinstance(rated, CannotSay):
        return [rated]
    said: list[str | CannotSay] = [_most_common(rated)]
    outcome = outcome_of(rated)
    below = rated[rated["differs"] & (rated["gap"] < 0)] if outcome else rated.iloc[:0]
    if len(below):
        said.append(_lowest(below.sort_values(["score", "key"]).iloc[0], str(outcome)))
    elif outcome and rated["p_adjusted"].notna().any():
        said.append(
            _(
                "No theme goes with a score lower than that of all others by more than chance: no theme calls "
                "for mending before the others."
            )
        )
    return [*said, toned if isinstance(toned, CannotSay) else _blamed(toned)]


def key_figures(
    study: Study,
    frame: pd.DataFrame | CannotSay,
    rated: pd.DataFrame | CannotSay,
    tone: FoundTone | CannotSay,
    found: pd.DataFrame | CannotSay,
) -> list[Estimate | CannotSay]:
    """List shares and scores of the themes, the accuracy of the tone, and what speaks against its score."""
    figures: list[Estimate | CannotSay] = []
    if isinstance(frame, CannotSay):
        return [frame]
    figures.append(share_of("empty_comment_share", frame["is_empty"], frame["customer_id"], segment={}))
    if isinstance(rated, CannotSay):
        figures.append(rated)
    else:
        for row in rated.to_dict("records"):
            theme = {"theme": str(row["key"])}
            figures.append(_estimate(row, "theme_share", "share", "share", "n_said", theme))
            if not pd.isna(row["score"]):
                beside = theme | {"outcome": str(row["outcome"])}
                unit = UNITS[str(row["outcome"])]
                figures.append(_estimate(row, "theme_score", "score", unit, "score_n", beside))
            if not pd.isna(row["gap"]):
                figures.append(_estimate(row, "theme_score_gap", "gap", "points", "score_n", beside))
    if isinstance(tone, CannotSay) or isinstance(found, CannotSay):
        return [*figures, tone if isinstance(tone, CannotSay) else found]
    first = tone.rows.iloc[0].to_dict()
    figures.append(_estimate(first, "tone_auc", "auc", "ratio", "n", {}))
    figures.append(_estimate(first, "tone_accuracy", "accuracy", "share", "n", {}))
    return [*figures, contradicting(frame, tone, found)]


# --- how ----------------------------------------------------------------------------------------


def _estimate(
    row: dict[Any, Any], figure: str, column: str, unit: str, n: str, segment: dict[str, str]
) -> Estimate:
    low, high = ("low", "high") if column == "share" else (f"{column}_low", f"{column}_high")
    return Estimate(figure, row[column], unit, int(row[n]), row[low], row[high], segment)


def _most_common(rated: pd.DataFrame) -> str:
    row = rated.iloc[0].to_dict()
    return sentence(
        "Comments speak most of {theme}: {share} of those that say something. Read what they say of it before you "
        "decide what to change.",
        theme=row["name"],
        share=_estimate(row, "theme_share", "share", "share", "n_said", {}),
    )


def _blamed(toned: pd.DataFrame) -> str:
    first, *others = toned.sort_values(["blame", "key"], ascending=[False, True]).to_dict("records")
    share = _estimate(first, "theme_blame", "blame", "share", "n_bad", {})
    if not others or others[0]["blame_high"] < first["blame_low"]:
        return sentence(
            "Of the comments that sound bad, {share} speak of {theme}: more than of any other theme. Begin there.",
            theme=first["name"],
            share=share,
        )
    return sentence(
        "Of the comments that sound bad, {share} speak of {theme} and {other_share} of {other}: too close to tell "
        "which is more. Begin where it costs less.",
        theme=first["name"],
        share=share,
        other=others[0]["name"],
        other_share=_estimate(others[0], "theme_blame", "blame", "share", "n_bad", {}),
    )


def _lowest(row: pd.Series, outcome: str) -> str:
    values = row.to_dict()
    return sentence(
        "Of all themes, satisfaction is lowest with those who write of {theme}: {figure} is {score}, {gap} points "
        "against all others. Read these comments first, and mend what they name.",
        theme=values["name"],
        figure=named(outcome),
        score=_estimate(values, "theme_score", "score", UNITS[outcome], "score_n", {}),
        gap=_estimate(values, "theme_score_gap", "gap", "points", "score_n", {}),
    )
