"""Study 04: how satisfied customers are, by wave and touchpoint, and how sure one can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import listed, named, period_text, sentence, span_text, together, value_text
from cam.language import translate as _
from cam.measures.satisfaction.scores import (
    DETRACTOR_TO,
    EASED_FROM,
    PROMOTER_FROM,
    SATISFIED_FROM,
    ces,
    ces_mean,
    csat,
    design_effect,
    nps,
    response_rate,
)
from cam.reduce.responses import answer_sums, count_repeats, count_scores
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.satisfaction_groups import MOST_GROUPS, as_difference, group_text, grouping_text, groupings
from cam.studies.satisfaction_trend import add_trend, as_trend
from cam.studies.study import Study, needs

_FIGURES = ("nps", "csat", "ces", "ces_mean", "response_rate")
_YES_FROM = {"csat": SATISFIED_FROM, "ces": EASED_FROM}
_COLUMNS = (
    ("nps", "NPS", "points"),
    ("csat", "CSAT, top two boxes", "share"),
    ("ces", "CES, 5 to 7", "share"),
    ("ces_mean", "CES, mean", "points"),
    ("response_rate", "Response rate", "share"),
)
_SHORT = {"nps": "NPS", "csat": "CSAT", "ces": "CES", "response_rate": "Response rate"}
#: Groups that a note names; of the others it gives the number.
_MOST_NAMED = 12
_SUMS = ("total", "squared", "tt", "tm", "mm", "tt_all", "tm_all", "mt_all", "mm_all")


@needs("responses")
def period(study: Study) -> str | CannotSay:
    """First to last day of the answers, ready to print."""
    day = study.tables["responses"].response_date.cast("date")
    first, last = day.min().execute(), day.max().execute()
    if pd.isna(first):
        return CannotSay(_("Nobody has answered: every response_date is empty."))
    return period_text(pd.Timestamp(first).date(), pd.Timestamp(last).date())


@needs()
def count_answers(study: Study, answers: ir.Table) -> pd.DataFrame:
    """Count the answers of every score, in all and by group, and how alike one customer's are.

    Returns
    -------
    DataFrame
        One row per score, grouping (empty: all) and group; waves in the order of their first day, other groups by
        size: *figure*, *grouping*, *group*, *n*, *up* and *down* (promoters and detractors; for a share, yes in
        *up*), *n_customers*, *design_effect*, and the sums of :func:`cam.reduce.responses.answer_sums`. A grouping
        with more groups than a reader can compare is left out.
    """
    names = groupings(answers)
    each = [
        answered.select("customer_id", "score", "day", *names, figure=ibis.literal(figure))
        for figure in _FIGURES
        if (answered := scored(answers, figure)) is not None
    ]
    # One pass per grouping for all scores together.
    rows = study.engine.create_table("satisfaction_scores", ibis.union(*each), overwrite=True)
    parts = []
    for number, grouping in enumerate(("", *names)):
        sums = counted(answer_sums(rows, by=grouping or None, each="figure").execute())
        if grouping != "wave":
            sums = sums[sums.groupby("figure")["group"].transform("size") <= MOST_GROUPS]
        order = ["first_day", "group"] if grouping == "wave" else ["n", "group"]
        sums = sums.sort_values(order, ascending=[grouping == "wave", True])
        parts.append(sums.assign(grouping=grouping, number=number))
    counts = pd.concat(parts, ignore_index=True)
    counts["place"] = counts["figure"].map({figure: place for place, figure in enumerate(_FIGURES)})
    counts = counts.sort_values(["place", "number"], kind="stable", ignore_index=True)
    columns = ["figure", "grouping", "group", "n", "up", "down", "n_customers", "design_effect", *_SUMS]
    return counts[columns]


def counted(sums: pd.DataFrame) -> pd.DataFrame:
    """Add to sums of -1, 0 and 1 the number of each and the design effect; groups without an answer go."""
    kept = sums[sums["n"] > 0]
    return kept.assign(
        up=(kept["squared"] + kept["total"]) // 2,
        down=(kept["squared"] - kept["total"]) // 2,
        design_effect=[design_effect(row) for row in kept.to_dict("records")],
    )


def net_scores(answers: ir.Table) -> ir.Table:
    """Give each answer to "would you recommend us" its score: 1 promoter, 0 passive, -1 detractor."""
    rows = answers.filter(answers.response_date.notnull() & answers.nps.notnull())
    score = (rows.nps >= PROMOTER_FROM).ifelse(1, 0) - (rows.nps <= DETRACTOR_TO).ifelse(1, 0)
    return rows.mutate(score=score.cast("int64"), day=rows.response_date)


@needs()
def rate(study: Study, counts: pd.DataFrame) -> list[Estimate]:
    """Estimate every score of every group with enough answers, and the leading score's trend over waves."""
    enough = counts[counts["n"] >= study.params.satisfaction.min_answers]
    return [*map(estimate_row, enough.to_dict("records")), *_trend(study, enough)]


@needs("responses")
def score_counts(study: Study) -> pd.DataFrame | CannotSay:
    """Count answers at each score from 0 to 10, with Wilson intervals."""
    lacking = study.lacks_column("responses", "nps")
    if lacking:
        return lacking
    answers = _answered(study.tables["responses"])
    counted = count_scores(answers, "nps").execute().set_index("score")["n"].reindex(range(11), fill_value=0)
    n = int(counted.sum())
    if n < study.params.satisfaction.min_answers:
        return _too_few(study, n)
    shares = [proportion("score_share", int(count), n) for count in counted]
    kinds = ["detractor"] * (DETRACTOR_TO + 1) + ["passive"] * (PROMOTER_FROM - DETRACTOR_TO - 1)
    return pd.DataFrame(
        {
            "score": range(11),
            "kind": kinds + ["promoter"] * (11 - len(kinds)),
            "n": counted.to_numpy(),
            "share": [share.value for share in shares],
            "low": [share.low for share in shares],
            "high": [share.high for share in shares],
        }
    )


def show_groups(
    study: Study,
    answers: ir.Table | CannotSay,
    counts: pd.DataFrame | CannotSay,
    estimates: list[Estimate] | CannotSay,
    differences: pd.DataFrame | CannotSay,
    changed: pd.DataFrame | CannotSay,
) -> ShownTable | CannotSay:
    """Show every score of every group with its interval, mark what differs, and name the groups that are not rated."""
    if isinstance(answers, CannotSay):
        return answers
    if isinstance(counts, CannotSay) or isinstance(estimates, CannotSay) or counts.empty:
        return CannotSay(_("There is no answer with nps, csat or ces."))
    known = {(one.figure, *_place(one)): one for one in estimates}
    beyond = _marks(differences) | _marks(changed)
    rows = []
    for grouping, group in counts[["grouping", "group"]].drop_duplicates().itertuples(index=False):
        row: dict[str, Any] = {
            "place": grouping,
            "grouping": grouping_text(grouping),
            "group": group_text(grouping, group),
            "differs": beyond.get((grouping, group), ""),
        }
        for figure in _FIGURES:
            one = known.get((figure, grouping, group))
            row[figure], row[f"{figure}_low"], row[f"{figure}_high"] = (
                (one.value, one.low, one.high) if one else (float("nan"),) * 3
            )
            row[f"{figure}_n"] = one.n if one else float("nan")
        rows.append(row)
    frame = pd.DataFrame(rows)
    places = {name: place for place, name in enumerate(dict.fromkeys(counts["grouping"]))}
    frame = frame.iloc[frame.pop("place").map(places).argsort(kind="stable")]
    frame = frame[frame[list(_FIGURES)].notna().any(axis=1)]
    columns = [Col("grouping", "of", whole=grouping_text("")), Col("group", "Group")]
    for figure, label, unit in _COLUMNS:
        if frame[figure].notna().any():
            columns.append(Col(figure, label, unit, f"{figure}_low", f"{figure}_high", may_be_empty=True))
            if figure != "ces_mean":
                columns.append(Col(f"{figure}_n", "n", "count", may_be_empty=True))
    columns.append(Col("differs", "Beyond chance"))
    return show_table(
        frame,
        columns,
        caption="Scores by group",
        note=together(*_notes(study, counts)),
        notes=_unplaced(study, answers, counts),
        max_rows=60,
    )


def findings(
    study: Study,
    counts: pd.DataFrame | CannotSay,
    estimates: list[Estimate] | CannotSay,
    differences: pd.DataFrame | CannotSay,
) -> list[str | CannotSay]:
    """Say what the scores are, which touchpoint is lowest, and how many answered; each with number and interval."""
    if isinstance(counts, CannotSay) or isinstance(estimates, CannotSay):
        return [counts if isinstance(counts, CannotSay) else estimates]  # type: ignore[list-item]
    said = [_level(study, counts, estimates), _by_touchpoint(study, estimates, differences)]
    eased = _whole(estimates, "ces")
    if eased is not None:
        words = "{ces} of answers at least somewhat agree that it was made easy (5 to 7 of 7)."
        said.append(sentence(words, ces=eased))
    return [*said, _answering(study, estimates)]


def key_figures(
    study: Study, estimates: list[Estimate] | CannotSay, moved: Estimate | CannotSay
) -> list[Estimate | CannotSay]:
    """List the study's key figures, and which wave came after which: their names need not tell."""
    if isinstance(estimates, CannotSay):
        return [estimates, moved]
    return [*estimates, *_wave_places(estimates), moved]


# --- counting -----------------------------------------------------------------------------------


def _trend(study: Study, counts: pd.DataFrame) -> list[Estimate]:
    """Points per wave of NPS where it was asked, else CSAT, else CES; nothing with fewer than three waves."""
    asked = [name for name in _SHORT if name != "response_rate" and (counts["figure"] == name).any()]
    responses = study.tables["responses"]
    answered = scored(responses, asked[0]) if asked and "wave" in responses.columns else None
    if answered is None:
        return []
    points = counts[(counts["figure"] == asked[0]) & (counts["grouping"] == "wave")]
    if points.empty:
        return []
    found = as_trend(add_trend(points, answered, by="wave", is_share=asked[0] != "nps"))
    return [] if found is None else [found]


def _answered(responses: ir.Table) -> ir.Table:
    return responses.filter(responses.response_date.notnull())


def scored(answers: ir.Table, figure: str) -> ir.Table | None:
    """Give each answer (or invitation) its score; None where the table cannot tell."""
    if figure == "nps":
        return net_scores(answers)
    if figure == "response_rate":
        if not _knows_invitations(answers):
            return None
        rows = answers.filter(answers.invited_date.notnull())
        return rows.mutate(
            score=rows.response_date.notnull().ifelse(1, 0).cast("int64"), day=rows.invited_date
        )
    rows = _answered(answers)
    given = rows.csat if figure == "csat" else rows.ces
    rows = rows.filter(given.notnull())
    score = given if figure == "ces_mean" else (given >= _YES_FROM[figure]).ifelse(1, 0)
    return rows.mutate(score=score.cast("int64"), day=rows.response_date)


def _knows_invitations(answers: ir.Table) -> bool:
    """Whether the table lists people who were asked and did not answer."""
    if "invited_date" not in answers.columns:
        return False
    silent = answers.filter(answers.invited_date.notnull() & answers.response_date.isnull())
    return bool(silent.count().execute())


def estimate_row(row: Mapping[Any, Any]) -> Estimate:
    """Make of a row of counts its score with the interval."""
    segment = {row["grouping"]: str(row["group"])} if row["grouping"] else {}
    n, up, down = int(row["n"]), int(row["up"]), int(row["down"])
    effect = float(row["design_effect"])
    if row["figure"] == "nps":
        return nps(up, n - up - down, down, design_effect=effect, segment=segment)
    if row["figure"] == "ces_mean":
        return ces_mean(row, design_effect=effect, segment=segment)
    shares: dict[str, Callable[..., Estimate]] = {"csat": csat, "ces": ces, "response_rate": response_rate}
    return shares[str(row["figure"])](up, n, design_effect=effect, segment=segment)


def _of(estimates: list[Estimate], figure: str, grouping: str) -> list[Estimate]:
    return [one for one in estimates if one.figure == figure and _place(one)[0] == grouping]


def _place(estimate: Estimate) -> tuple[str, str]:
    return next(iter(estimate.segment.items()), ("", ""))


def _wave_places(estimates: list[Estimate]) -> list[Estimate]:
    return [
        Estimate("wave_place", place, "count", segment={"score": figure, **rated.segment})
        for figure in _SHORT
        for place, rated in enumerate(_of(estimates, figure, "wave"), 1)
    ]


def _whole(estimates: list[Estimate], figure: str) -> Estimate | None:
    return next(iter(_of(estimates, figure, "")), None)


# --- words --------------------------------------------------------------------------------------


def _notes(study: Study, counts: pd.DataFrame) -> list[str]:
    fewest = study.params.satisfaction.min_answers
    notes = []
    few = counts[(counts["n"] < fewest) & (counts["grouping"] != "") & (counts["figure"] != "ces_mean")]
    for figure, group in few.groupby("figure", sort=False):
        named_groups = [
            sentence(
                "{label} ({value})", label=group_text(row["grouping"], row["group"]), value=int(row["n"])
            )
            for row in group.head(_MOST_NAMED).to_dict("records")
        ]
        if len(group) > _MOST_NAMED:
            named_groups.append(sentence("and {more} more", more=len(group) - _MOST_NAMED))
        notes.append(
            sentence(
                "{figure}: not rated, with fewer than {fewest} answers: {groups}.",
                figure=named(str(figure)),
                fewest=fewest,
                groups=listed(named_groups),
            )
        )
    whole = counts[(counts["grouping"] == "") & (counts["figure"] != "response_rate")]
    again = whole[whole["design_effect"] > 1]
    if len(again):
        row = again.iloc[0]
        notes.append(
            sentence(
                "{n} answers come from {people} customers. One customer's answers resemble each other, so intervals "
                "are wider than those of as many independent answers.",
                n=int(row["n"]),
                people=int(row["n_customers"]),
            )
        )
    return notes


def _marks(differences: pd.DataFrame | CannotSay) -> dict[tuple[str, str], str]:
    """Which scores of a group differ from the rest, and to which side."""
    if isinstance(differences, CannotSay):
        return {}
    marks: dict[tuple[str, str], list[str]] = {}
    for row in differences[differences["differs"]].to_dict("records"):
        words = "{score} lower" if row["difference"] < 0 else "{score} higher"
        mark = sentence(words, score=_(_SHORT[row["figure"]]))
        marks.setdefault((row["grouping"], row["group"]), []).append(mark)
    return {place: listed(found) for place, found in marks.items()}


def _unplaced(study: Study, answers: ir.Table, counts: pd.DataFrame) -> list[str]:
    """Say which answers stand in no group, which groupings are too fine, and who answered a wave twice."""
    rows = _answered(answers)
    names = groupings(answers)
    found = rows.aggregate(
        n_all=rows.count(),
        **{f"none_{name}": rows[name].isnull().ifelse(1, 0).sum() for name in names},
        **{f"groups_{name}": rows[name].nunique() for name in names},
    ).execute()
    total, said = int(found["n_all"].iloc[0]), []
    own = study.tables["responses"].columns
    for name in names:
        groups = int(found[f"groups_{name}"].iloc[0])
        missing = 0 if name in own or not total else int(found[f"none_{name}"].iloc[0])
        if groups > MOST_GROUPS and name != "wave":
            words = (
                "{by}: {groups} values are not groups but customers or events; answers are not rated by it."
            )
            said.append(sentence(words, by=grouping_text(name), groups=groups))
        elif missing:
            words = "{by}: {n} of {all} answers stand in no group; their customer has none, or is not found."
            said.append(sentence(words, by=grouping_text(name), n=missing, all=total))
    said.append(
        _(
            "Beyond chance: after Holm's correction for the number of groups. A wave is compared with the wave before, "
            "any other group with all others of its kind."
        )
    )
    if "rfm_segment" in names:
        said.append(_("Segments are those of the last day, not of the day of the answer."))
    if "wave" in names:
        again = count_repeats(rows, by="wave").execute()
        if int(again["n_customers"].iloc[0]):
            words = (
                "{n} answers come from {people} customers who answered one wave more than once. All count; the "
                "intervals know that they are not independent."
            )
            numbers = {"n": int(again["n"].iloc[0]), "people": int(again["n_customers"].iloc[0])}
            said.append(sentence(words, **numbers))
    return said


def _too_few(study: Study, n: int) -> CannotSay:
    return CannotSay(
        sentence(
            "{n} answers are too few for a score; {fewest} are needed (satisfaction.min_answers).",
            n=n,
            fewest=study.params.satisfaction.min_answers,
        )
    )


def _level(study: Study, counts: pd.DataFrame, estimates: list[Estimate]) -> str | CannotSay:
    lacking = study.lacks_column("responses", "nps")
    if lacking:
        return lacking
    whole = _whole(estimates, "nps")
    if whole is None:
        n = counts.loc[(counts["figure"] == "nps") & (counts["grouping"] == ""), "n"].sum()
        return _too_few(study, int(n))
    own = counts[counts["figure"] == "nps"]
    waves = _of(estimates, "nps", "wave")
    # The scorecard shows the latest wave, so a reader meets that number first here, too.
    is_latest = len(waves) > 1
    place = _place(waves[-1] if is_latest else whole)
    row = (
        own[(own["grouping"] == place[0]) & (own["group"] == place[1])].iloc[0] if is_latest else own.iloc[0]
    )
    said = (
        "In the latest wave, {wave}, the net promoter score is {nps}: {promoters} of its answers are from promoters, "
        "{detractors} from detractors."
        if is_latest
        else "The net promoter score is {nps}: {promoters} of answers are from promoters, {detractors} from detractors."
    )
    pooled = "All waves together give {nps}, for there old answers count as much as new ones."
    todo = _("Ask the detractors what went wrong within days of their answer, while it can still be mended.")
    said = sentence(
        said,
        nps=waves[-1] if is_latest else whole,
        wave=span_text(place[1]),
        promoters=value_text(row["up"] / row["n"], "share"),
        detractors=value_text(row["down"] / row["n"], "share"),
    )
    return together(said, sentence(pooled, nps=whole) if is_latest else "", todo if row["down"] else "")


def _by_touchpoint(
    study: Study, estimates: list[Estimate], differences: pd.DataFrame | CannotSay
) -> str | CannotSay:
    lacking = study.lacks_column("responses", "csat")
    if lacking:
        return lacking
    whole = _whole(estimates, "csat")
    if whole is None:
        return CannotSay(_("Too few answers for the share of satisfied customers."))
    parts = sorted(_of(estimates, "csat", "touchpoint"), key=lambda one: (one.value, _place(one)[1]))
    if len(parts) < 2:
        return sentence("{csat} of answers are in the top two boxes of satisfaction.", csat=whole)
    worst, best = parts[0], parts[-1]
    lower = pd.DataFrame()
    if isinstance(differences, pd.DataFrame):
        rows = differences[(differences["figure"] == "csat") & (differences["grouping"] == "touchpoint")]
        lower = rows[rows["differs"] & (rows["group"] == _place(worst)[1])]
    if not len(lower):
        words = (
            "Satisfaction differs little between touchpoints: {worst_csat} at the lowest, {worst}, and {best_csat} at "
            "the highest, {best}; that is within chance. Choose where to start by cost, not by score."
        )
        return sentence(
            words, worst=_(_place(worst)[1]), best=_(_place(best)[1]), worst_csat=worst, best_csat=best
        )
    return sentence(
        "Satisfaction is lowest at the touchpoint {worst}: {csat} in the top two boxes. Its difference from all "
        "others, {difference} points, is more than chance. Start there.",
        worst=_(_place(worst)[1]),
        csat=worst,
        difference=as_difference(lower.iloc[0]),
    )


def _answering(study: Study, estimates: list[Estimate]) -> str | CannotSay:
    responses = study.tables["responses"]
    lacking = study.lacks_column("responses", "invited_date")
    if lacking:
        return lacking
    if not _knows_invitations(responses):
        return CannotSay(
            _(
                "The response rate cannot be said: every row is an answer, and nobody is listed who did not answer."
            ),
            _("Add a row with an empty response_date for each invitation without an answer."),
        )
    whole = _whole(estimates, "response_rate")
    if whole is None:
        return CannotSay(_("Too few invitations for a response rate."))
    return sentence(
        "{rate} of those who were asked answered. Those who stay silent may think worse: read every score here as "
        "that of those who answer, and call a few who did not.",
        rate=whole,
    )
