"""Study 04, waves: how the score moved, by how much more than chance, and its control chart."""

from __future__ import annotations

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, holm
from cam.language import listed, named, sentence, together, value_text
from cam.language import translate as _
from cam.measures.satisfaction.comparisons import compare_with_last
from cam.measures.satisfaction.control import ENOUGH_POINTS, RUN_LENGTH, control_chart
from cam.reduce.responses import answer_sums, shared_sums
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.satisfaction import counted, estimate_row, scored
from cam.studies.satisfaction_groups import COMPARED, SIGNIFICANT
from cam.studies.satisfaction_trend import TREND, add_trend, is_moving, trend_words
from cam.studies.study import ShownFindings, Study, needs


@needs()
def changes(study: Study, answers: ir.Table, counts: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Compare each wave with the one before it; customers who answered both make the change surer.

    Returns
    -------
    DataFrame or CannotSay
        One row per score and change, as from :func:`cam.measures.satisfaction.comparisons.compare_with_last`, with
        *figure*, *grouping*, *p_adjusted* (Holm over all changes of the score) and *differs* (by more than chance).
    """
    lacking = study.lacks_column("responses", "wave")
    if lacking:
        return lacking
    parts: list[pd.DataFrame] = []
    for figure in COMPARED:
        rows = _waves(study, counts, figure)
        answered = scored(answers, figure) if len(rows) > 1 else None
        # A rate alone would be a change of who answers, not of what they say.
        if answered is None or (figure == "response_rate" and not parts):
            continue
        shared = shared_sums(answered, by="wave", order=rows["group"].tolist()).execute()
        found = compare_with_last(rows, shared, is_share=figure != "nps")
        adjusted = holm(found["p_value"].to_numpy(float))
        parts.append(
            found.assign(figure=figure, grouping="wave", p_adjusted=adjusted, differs=adjusted < SIGNIFICANT)
        )
    if not parts:
        return CannotSay(
            sentence(
                "A change needs two waves with {fewest} answers each (satisfaction.min_answers).",
                fewest=study.params.satisfaction.min_answers,
            )
        )
    return pd.concat(parts, ignore_index=True)


@needs()
def change(study: Study, changed: pd.DataFrame) -> Estimate:
    """Give the last change of the score that most is known of: NPS where it was asked, else CSAT, else CES."""
    last = _leading(changed).iloc[-1]
    return Estimate(
        f"{last['figure']}_change",
        float(last["difference"]),
        "points",
        int(last["n"] + last["n_other"]),
        float(last["low"]),
        float(last["high"]),
        {"wave": str(last["group"])},
    )


@needs()
def show_changes(study: Study, changed: pd.DataFrame) -> ShownTable | CannotSay:
    """Show each change from wave to wave with its interval, the latest first."""
    latest = _leading(changed).iloc[::-1]
    frame = latest.assign(differs=[_("yes") if differs else _("no") for differs in latest["differs"]])
    return show_table(
        frame,
        [
            Col("group", "Wave", ordered=True),
            Col("before", "Against"),
            Col("difference", "Change", "points", "low", "high"),
            Col("differs", "Beyond chance"),
            Col("n", "n", "count"),
            Col("n_shared", "Customers in both", "count"),
        ],
        caption="What changed from wave to wave",
        note=together(
            f"{named(str(latest['figure'].iloc[0]))}.",
            _(
                "Beyond chance: after Holm's correction for the number of changes. Customers in both waves are "
                "compared with themselves, which makes the interval of the change narrower."
            ),
        ),
    )


@needs()
def chart(study: Study, answers: ir.Table, counts: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Set the score of each wave, or of each month where there are no waves, beside the limits of chance.

    Returns
    -------
    DataFrame or CannotSay
        As from :func:`cam.measures.satisfaction.control.control_chart`, with *label*, *by* (``wave`` or ``month``),
        *figure* (NPS where it was asked, else CSAT, else CES) and the interval of each point, *low* and *high*; and the
        trend of all, the same in every row (:func:`cam.studies.satisfaction_trend.add_trend`).
    """
    asked = [name for name in COMPARED[:3] if (counts["figure"] == name).any()]
    if not asked:
        return CannotSay(_("There is no answer with nps, csat or ces."))
    figure, by = asked[0], "wave"
    points = _waves(study, counts, figure)
    if len(points) < 2:
        by, points = "month", _months(study, answers, figure)
    if len(points) < 2:
        return CannotSay(
            sentence(
                "Tracking needs two waves or months with {fewest} answers each; there are {points}.",
                fewest=study.params.satisfaction.min_answers,
                points=len(points),
            )
        )
    answered = _by_month(answers, figure) if by == "month" else scored(answers, figure)
    assert answered is not None
    points = add_trend(points, answered, by=by, is_share=figure != "nps")
    if by == "month":
        points = points.assign(group=[f"{month[:4]}-{month[4:]}" for month in points["group"]])
    points = points.assign(figure=figure, grouping=by).reset_index(drop=True)
    rated = [estimate_row(row) for row in points.to_dict("records")]
    scale = 1 if figure == "nps" else 100
    found = control_chart(points, is_share=figure != "nps").assign(
        label=points["group"],
        by=by,
        low=[scale * float(one.low or 0) for one in rated],
        high=[scale * float(one.high or 0) for one in rated],
    )
    names = [
        "label",
        "by",
        "figure",
        "n",
        "value",
        "low",
        "high",
        "centre",
        "lower",
        "upper",
        "outside",
        "run",
        *TREND,
    ]
    return found[names]


@needs()
def read_chart(study: Study, points: pd.DataFrame) -> ShownFindings:
    """Say in words which points are a signal, and how far the limits can be trusted."""
    said = _signals(points)
    together_said = trend_words(points)
    if together_said is not None:
        said.append(together_said)
    if not _signals(points) and not is_moving(points):
        said.insert(0, _("No signal: every point is within what chance in who answered explains."))
    if len(points) < ENOUGH_POINTS:
        said.append(
            sentence(
                "The limits are provisional: they rest on {points} points, and {enough} are wanted.",
                points=len(points),
                enough=ENOUGH_POINTS,
            )
        )
    return ShownFindings(tuple(said), ())


def findings(
    study: Study,
    changed: pd.DataFrame | CannotSay,
    points: pd.DataFrame | CannotSay,
) -> list[str | CannotSay]:
    """Say whether the score moved at the last wave, and what the control chart signals."""
    moved = changed if isinstance(changed, CannotSay) else _moved(study, changed, points)
    if isinstance(points, CannotSay):
        return [moved]
    trend = [words] if is_moving(points) and (words := trend_words(points)) else []
    if isinstance(moved, str) and points["by"].iloc[0] == "wave":
        # In one breath with the last step, or a reader of the first findings would never meet it.
        return [together(moved, *trend), *_signals(points)]
    return [moved, *_signals(points), *trend]


def _leading(changed: pd.DataFrame) -> pd.DataFrame:
    return changed[changed["figure"] == changed["figure"].iloc[0]]


def _waves(study: Study, counts: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Waves with enough answers, in the order of their first day."""
    rows = counts[(counts["figure"] == figure) & (counts["grouping"] == "wave")]
    return rows[rows["n"] >= study.params.satisfaction.min_answers]


def _months(study: Study, answers: ir.Table, figure: str) -> pd.DataFrame:
    """Months with enough answers, in their order."""
    months = _by_month(answers, figure)
    points = counted(answer_sums(months, by="month").execute()).sort_values("group")
    return points[points["n"] >= study.params.satisfaction.min_answers]


def _by_month(answers: ir.Table, figure: str) -> ir.Table:
    """Give each answer its month, such as 202605."""
    answered = scored(answers, figure)
    assert answered is not None
    return answered.mutate(month=answered.day.year() * 100 + answered.day.month())


def _moved(study: Study, changed: pd.DataFrame, points: pd.DataFrame | CannotSay) -> str:
    rows = _leading(changed)
    row, last = rows.iloc[-1], change(study, changed)
    assert isinstance(last, Estimate) and last.low is not None and last.high is not None
    names = {"score": named(str(row["figure"])), "before": row["before"], "after": row["group"]}
    more = isinstance(points, pd.DataFrame) and points["by"].iloc[0] == "wave" and is_moving(points)
    if more and not row["differs"]:
        alone = (
            "{score}: from {before} to {after} it moved by {change} points: taken alone more than chance, as one of "
            "{looked} changes looked at not. All waves together show more than this one step."
        )
        within = (
            "{score}: from {before} to {after} it moved by {change} points; as one of {looked} changes looked at, that "
            "is within chance. All waves together show more than this one step."
        )
        words = within if last.low <= 0 <= last.high else alone
        return sentence(words, **names, change=last, looked=len(rows))
    if last.low <= 0 <= last.high:
        words = (
            "{score}: from {before} to {after} it moved by {change} points, within chance. Nothing needs to be "
            "explained, and nobody praised or blamed."
        )
    elif not row["differs"]:
        words = (
            "{score}: from {before} to {after} it moved by {change} points. Taken alone that is more than chance; as "
            "one of {looked} changes looked at it is not. Wait for the next wave before you explain it."
        )
        return sentence(words, **names, change=last, looked=len(rows))
    elif last.value > 0:
        words = (
            "{score}: from {before} to {after} it rose by {change} points, more than chance. Find out what changed, "
            "and keep it."
        )
    else:
        words = (
            "{score}: from {before} to {after} it moved by {change} points, a fall by more than chance. Find out what "
            "changed for customers between the two."
        )
    return sentence(words, **names, change=last)


def _signals(points: pd.DataFrame) -> list[str]:
    outside = points[points["outside"]]
    said = []
    if len(outside):
        said.append(
            sentence(
                "Beyond the limits: {points}. Chance in who answered does not explain that; look for what was "
                "different then.",
                points=listed(
                    sentence(
                        "{label} ({value})", label=row["label"], value=value_text(row["value"], "points")
                    )
                    for row in outside.to_dict("records")
                ),
            )
        )
    if points["run"].any():
        last = points[points["run"]].iloc[-1]
        words = (
            "The {length} points up to {label} all lie above the centre: the level has moved up."
            if last["value"] > last["centre"]
            else "The {length} points up to {label} all lie below the centre: the level has moved down."
        )
        said.append(sentence(words, length=RUN_LENGTH, label=last["label"]))
    return said
