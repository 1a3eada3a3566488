"""Study 04: how satisfied customers are, by wave and touchpoint, and how sure one can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import listed, named, period_text, sentence, together, value_text
from cam.language import translate as _
from cam.measures.satisfaction.scores import (
    DETRACTOR_TO,
    PROMOTER_FROM,
    SATISFIED_FROM,
    csat,
    design_effect,
    nps,
    nps_change,
    response_rate,
)
from cam.reduce.responses import answer_sums, count_scores
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, needs

_FIGURES = ("nps", "csat", "response_rate")
_GROUPINGS = ("wave", "touchpoint")


@needs("responses")
def period(study: Study) -> str | CannotSay:
    """First to last day of the answers, ready to print."""
    day = study.tables["responses"].response_date.cast("date")
    first, last = day.min().execute(), day.max().execute()
    if pd.isna(first):
        return CannotSay(_("Nobody has answered: every response_date is empty."))
    return period_text(pd.Timestamp(first).date(), pd.Timestamp(last).date())


@needs("responses")
def count_answers(study: Study) -> pd.DataFrame:
    """Count answers of every figure, in all and by wave and touchpoint, and how alike one customer's are.

    Returns
    -------
    DataFrame
        One row per figure, grouping (empty: all) and group, groups in the order of their first day: *figure*,
        *grouping*, *group*, *n*, *up* and *down* (promoters and detractors; for a share, yes in *up*),
        *n_customers*, *design_effect*.
    """
    responses = study.tables["responses"]
    parts = []
    for figure in _FIGURES:
        answers = _scored(responses, figure)
        if answers is None:
            continue
        for grouping in ("", *(name for name in _GROUPINGS if name in responses.columns)):
            sums = answer_sums(answers, by=grouping or None).execute()
            sums = sums[sums["n"] > 0].sort_values(["first_day", "group"])
            parts.append(sums.assign(figure=figure, grouping=grouping))
    counts = pd.concat(parts, ignore_index=True) if parts else _no_counts()
    return counts.assign(
        up=(counts["squared"] + counts["total"]) // 2,
        down=(counts["squared"] - counts["total"]) // 2,
        design_effect=[design_effect(row) for row in counts.to_dict("records")],
    )[["figure", "grouping", "group", "n", "up", "down", "n_customers", "design_effect"]]


@needs()
def rate(study: Study, counts: pd.DataFrame) -> list[Estimate]:
    """Estimate NPS, CSAT and response rate of every group with enough answers."""
    enough = counts[counts["n"] >= study.params.satisfaction.min_answers]
    return [_estimate(row) for row in enough.to_dict("records")]


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


@needs()
def waves(study: Study, counts: pd.DataFrame, estimates: list[Estimate]) -> pd.DataFrame | CannotSay:
    """Line up the NPS of the waves, in the order of their first day."""
    lacking = study.lacks_column("responses", "nps", "wave")
    if lacking:
        return lacking
    rated = {estimate.segment["wave"]: estimate for estimate in _of(estimates, "nps", "wave")}
    order = counts.loc[(counts["figure"] == "nps") & (counts["grouping"] == "wave"), "group"]
    found = [(wave, rated[wave]) for wave in order if wave in rated]
    if not found:
        return CannotSay(
            sentence(
                "No wave has the {fewest} answers that a score needs.",
                fewest=study.params.satisfaction.min_answers,
            )
        )
    return pd.DataFrame(
        [
            {"wave": wave, "n": one.n, "value": one.value, "low": one.low, "high": one.high}
            for wave, one in found
        ]
    )


@needs()
def change(study: Study, counts: pd.DataFrame, shown: pd.DataFrame) -> Estimate | CannotSay:
    """Compare the last two waves that have enough answers."""
    if len(shown) < 2:
        return CannotSay(_("A change needs two waves with enough answers; there is one."))
    of_waves = counts[(counts["figure"] == "nps") & (counts["grouping"] == "wave")].set_index("group")
    rows = [of_waves.loc[wave] for wave in shown["wave"].iloc[-2:]]
    before, after = (
        (int(row["up"]), int(row["n"] - row["up"] - row["down"]), int(row["down"])) for row in rows
    )
    return nps_change(
        before,
        after,
        design_effects=(float(rows[0]["design_effect"]), float(rows[1]["design_effect"])),
        segment={"wave": str(shown["wave"].iloc[-1])},
    )


@needs()
def show_groups(study: Study, counts: pd.DataFrame, estimates: list[Estimate]) -> ShownTable | CannotSay:
    """Show every score of every group with its interval, and name the groups that are not rated."""
    if counts.empty:
        return CannotSay(_("There is no answer with nps or csat."))
    known = {(one.figure, *_place(one)): one for one in estimates}
    rows = []
    for grouping, group in counts[["grouping", "group"]].drop_duplicates().itertuples(index=False):
        row: dict[str, Any] = {"grouping": _(grouping or "all"), "group": group}
        for figure in _FIGURES:
            one = known.get((figure, grouping, group))
            row[figure], row[f"{figure}_low"], row[f"{figure}_high"] = (
                (one.value, one.low, one.high) if one else (float("nan"),) * 3
            )
            row[f"{figure}_n"] = one.n if one else float("nan")
        rows.append(row)
    frame = pd.DataFrame(rows)
    frame = frame[frame[list(_FIGURES)].notna().any(axis=1)]
    columns = [Col("group", "Group"), Col("grouping", "of")]
    columns.reverse()
    for figure, label, unit in (
        ("nps", "NPS", "points"),
        ("csat", "CSAT, top two boxes", "share"),
        ("response_rate", "Response rate", "share"),
    ):
        if frame[figure].notna().any():
            columns.append(Col(figure, label, unit, f"{figure}_low", f"{figure}_high"))
            columns.append(Col(f"{figure}_n", "n", "count"))
    return show_table(
        frame,
        columns,
        caption="Scores by group",
        note=together(*_notes(study, counts)),
        max_rows=40,
    )


def findings(
    study: Study,
    counts: pd.DataFrame | CannotSay,
    estimates: list[Estimate] | CannotSay,
    shown: pd.DataFrame | CannotSay,
    moved: Estimate | CannotSay,
) -> list[str | CannotSay]:
    """Say what the client should know and do, each with its number and interval."""
    if isinstance(counts, CannotSay) or isinstance(estimates, CannotSay):
        return [said for said in (counts, estimates) if isinstance(said, CannotSay)]
    return [
        _level(study, counts, estimates, shown),
        moved if isinstance(moved, CannotSay) else _moved(moved, shown),
        _by_touchpoint(study, estimates),
        _answering(study, estimates),
    ]


def key_figures(
    study: Study, estimates: list[Estimate] | CannotSay, moved: Estimate | CannotSay
) -> list[Estimate | CannotSay]:
    """List the study's key figures."""
    return [*([estimates] if isinstance(estimates, CannotSay) else estimates), moved]


# --- counting -----------------------------------------------------------------------------------


def _answered(responses: ir.Table) -> ir.Table:
    return responses.filter(responses.response_date.notnull())


def _scored(responses: ir.Table, figure: str) -> ir.Table | None:
    """Give each answer (or invitation) its score of -1, 0 or 1; None where the table cannot tell."""
    answered = _answered(responses)
    if figure == "response_rate":
        if not _knows_invitations(responses):
            return None
        rows = responses.filter(responses.invited_date.notnull())
        score, day = rows.response_date.notnull().cast("int64"), rows.invited_date
    elif figure not in responses.columns:
        return None
    else:
        rows = answered.filter(answered[figure].notnull())
        given, day = rows[figure], rows.response_date
        score = (
            (given >= SATISFIED_FROM).cast("int64")
            if figure == "csat"
            else (given >= PROMOTER_FROM).cast("int64") - (given <= DETRACTOR_TO).cast("int64")
        )
    customer = rows.customer_id if "customer_id" in rows.columns else ibis.null("string")
    groups = {name: rows[name] for name in _GROUPINGS if name in rows.columns}
    return rows.select(customer_id=customer, score=score, day=day.cast("date"), **groups)


def _knows_invitations(responses: ir.Table) -> bool:
    """Whether the table lists people who were asked and did not answer."""
    if "invited_date" not in responses.columns:
        return False
    silent = responses.invited_date.notnull() & responses.response_date.isnull()
    return bool(silent.sum().execute())


def _no_counts() -> pd.DataFrame:
    names = ("figure", "grouping", "group")
    numbers = ("n", "total", "squared", "n_customers", "tt", "tm", "mm")
    return pd.DataFrame(
        {name: pd.Series(dtype="str") for name in names} | dict.fromkeys(numbers, pd.Series(dtype="int64"))
    )


def _estimate(row: dict[Any, Any]) -> Estimate:
    segment = {row["grouping"]: str(row["group"])} if row["grouping"] else {}
    n, up, down = int(row["n"]), int(row["up"]), int(row["down"])
    effect = float(row["design_effect"])
    if row["figure"] == "nps":
        return nps(up, n - up - down, down, design_effect=effect, segment=segment)
    share: Callable[..., Estimate] = csat if row["figure"] == "csat" else response_rate
    return share(up, n, design_effect=effect, segment=segment)


def _of(estimates: list[Estimate], figure: str, grouping: str) -> list[Estimate]:
    return [one for one in estimates if one.figure == figure and _place(one)[0] == grouping]


def _place(estimate: Estimate) -> tuple[str, str]:
    return next(iter(estimate.segment.items()), ("", ""))


def _whole(estimates: list[Estimate], figure: str) -> Estimate | None:
    return next(iter(_of(estimates, figure, "")), None)


# --- words --------------------------------------------------------------------------------------


def _notes(study: Study, counts: pd.DataFrame) -> list[str]:
    fewest = study.params.satisfaction.min_answers
    notes = []
    few = counts[(counts["n"] < fewest) & (counts["grouping"] != "")]
    for figure, group in few.groupby("figure", sort=False):
        notes.append(
            sentence(
                "{figure}: not rated, with fewer than {fewest} answers: {groups}.",
                figure=named(str(figure)),
                fewest=fewest,
                groups=listed(f"{row.group} ({row.n})" for row in group.itertuples()),
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


def _too_few(study: Study, n: int) -> CannotSay:
    return CannotSay(
        sentence(
            "{n} answers are too few for a score; {fewest} are needed (satisfaction.min_answers).",
            n=n,
            fewest=study.params.satisfaction.min_answers,
        )
    )


def _level(
    study: Study, counts: pd.DataFrame, estimates: list[Estimate], shown: pd.DataFrame | CannotSay
) -> str | CannotSay:
    lacking = study.lacks_column("responses", "nps")
    if lacking:
        return lacking
    whole = _whole(estimates, "nps")
    if whole is None:
        n = counts.loc[(counts["figure"] == "nps") & (counts["grouping"] == ""), "n"].sum()
        return _too_few(study, int(n))
    row = counts[(counts["figure"] == "nps") & (counts["grouping"] == "")].iloc[0]
    return sentence(
        "The net promoter score is {nps}: {promoters} of answers are from promoters, {detractors} from detractors. "
        "Ask the detractors what went wrong within days of their answer, while it can still be mended.",
        nps=whole,
        promoters=value_text(row["up"] / row["n"], "share"),
        detractors=value_text(row["down"] / row["n"], "share"),
    )


def _moved(moved: Estimate, shown: pd.DataFrame | CannotSay) -> str:
    assert isinstance(shown, pd.DataFrame)
    before, after = shown["wave"].iloc[-2:]
    assert moved.low is not None and moved.high is not None
    if moved.low <= 0 <= moved.high:
        words = (
            "From {before} to {after} the score moved by {change} points: within chance. Nothing needs to be "
            "explained, and nobody praised or blamed."
        )
    elif moved.value > 0:
        words = (
            "From {before} to {after} the score rose by {change} points: more than chance. Find out what changed, and "
            "keep it."
        )
    else:
        words = (
            "From {before} to {after} the score moved by {change} points, a fall by more than chance. Find out what "
            "changed for customers between the two."
        )
    return sentence(words, before=before, after=after, change=moved)


def _by_touchpoint(study: Study, estimates: list[Estimate]) -> str | CannotSay:
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
    assert worst.high is not None and best.low is not None
    words = (
        "Satisfaction is lowest at the touchpoint {worst}: {worst_csat} in the top two boxes, against {best_csat} "
        "at {best}. Start there."
        if worst.high < best.low
        else "Satisfaction differs little between touchpoints: {worst_csat} at the lowest, {worst}, and {best_csat} "
        "at the highest, {best}; that is within chance. Choose where to start by cost, not by score."
    )
    return sentence(
        words, worst=_(_place(worst)[1]), best=_(_place(best)[1]), worst_csat=worst, best_csat=best
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
