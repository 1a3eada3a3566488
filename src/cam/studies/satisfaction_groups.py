"""Study 04, groups: by what answers are grouped, and which groups differ from the rest by more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, holm
from cam.language import listed, named, sentence
from cam.language import translate as _
from cam.measures.satisfaction.comparisons import compare_with_rest
from cam.studies.segment_value import rfm_scores
from cam.studies.study import Study, needs

#: What an answer holds besides its groups.
ANSWER = ("customer_id", "response_date", "invited_date", "nps", "csat", "ces")
#: By what answers are grouped where satisfaction.group_by says nothing, and what a short word stands for.
_BY_DEFAULT = ("wave", "touchpoint", "segment", "channel")
_STANDS_FOR = {"segment": "rfm_segment", "channel": "acquisition_channel"}
#: Scores that groups are compared by; the mean of ces says the same as its share, so it is not asked twice.
COMPARED = ("nps", "csat", "ces", "response_rate")
SIGNIFICANT = 0.05
#: A column with more values than this names customers or events, not groups.
MOST_GROUPS = 60


@needs("responses")
def gather(study: Study) -> ir.Table | CannotSay:
    """Put beside each answer (or invitation) what it is grouped by: columns of its own, of its customer, its segment.

    Returns
    -------
    ibis.Table or CannotSay
        ``customer_id``, ``response_date``, ``invited_date``, ``nps``, ``csat``, ``ces`` (empty where the client has
        none) and one column of text per grouping, in the order asked for.
    """
    responses = study.tables["responses"]
    customers = study.tables.get("customers")
    own = _groupable(responses)
    theirs = [] if customers is None or "customer_id" not in responses.columns else _groupable(customers)
    asked = study.params.satisfaction.group_by
    chosen = []
    for name in dict.fromkeys(asked or _BY_DEFAULT):
        known = name if name in (*own, *theirs) else _STANDS_FOR.get(name, name)
        if known in (*own, *theirs):
            chosen.append(known)
        elif known == "rfm_segment" and "customer_id" in responses.columns:
            scored = rfm_scores(study)
            if not isinstance(scored, CannotSay):
                segments = scored.select("customer_id", "rfm_segment")
                responses = responses.left_join(segments, "customer_id").drop("customer_id_right")
                chosen.append(known)
            elif asked:
                return scored
        elif asked:
            return CannotSay(
                sentence("satisfaction.group_by names {name}, which no table has.", name=name),
                sentence(
                    "Answers can be grouped by {columns}.",
                    columns=listed(dict.fromkeys([*own, *theirs, *_STANDS_FOR])),
                ),
            )
    wanted = [name for name in chosen if name not in responses.columns]
    if customers is not None and wanted:
        attributes = customers.select("customer_id", *wanted)
        responses = responses.left_join(attributes, "customer_id").drop("customer_id_right")
    kinds = ("string", "date", "date", "int64", "int64", "int64")
    fixed = {
        name: responses[name].cast(kind) if name in responses.columns else ibis.null(kind)
        for name, kind in zip(ANSWER, kinds, strict=True)
    }
    groups = {name: responses[name].cast("string") for name in dict.fromkeys(chosen)}
    return study.engine.create_table(
        "satisfaction_answers", responses.select(**fixed, **groups), overwrite=True
    )


def groupings(answers: ir.Table) -> list[str]:
    """Name the columns that answers are grouped by."""
    return [name for name in answers.columns if name not in ANSWER]


@needs()
def compare(study: Study, counts: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Compare each group with the rest of its grouping; ``satisfaction_waves`` compares waves with the one before.

    Returns
    -------
    DataFrame or CannotSay
        One row per score, grouping and group, the widest difference of each score first: *figure*, *grouping*, *group*,
        *n*, *n_other*, *difference* with *low* and *high* (points), *p_value*, *p_adjusted* (Holm over all groups of
        the score) and *differs* (by more than chance).
    """
    fewest = study.params.satisfaction.min_answers
    parts = []
    for figure in COMPARED:
        found = [
            compare_with_rest(sums, fewest=fewest, is_share=figure != "nps").assign(grouping=grouping)
            for grouping, sums in counts[counts["figure"] == figure].groupby("grouping", sort=False)
            if grouping not in ("", "wave")
        ]
        rows = pd.concat([part for part in found if len(part)]) if any(map(len, found)) else None
        if rows is not None:
            rows = rows.assign(
                figure=figure,
                p_adjusted=holm(rows["p_value"].to_numpy(float)),
                width=rows["difference"].abs(),
            )
            parts.append(rows.sort_values("width", ascending=False, kind="stable"))
    if not parts:
        return CannotSay(
            sentence(
                "No group can be compared with the rest: a comparison needs {fewest} answers on both sides "
                "(satisfaction.min_answers).",
                fewest=fewest,
            )
        )
    table = pd.concat(parts, ignore_index=True)
    names = ["figure", "grouping", "group", "n", "n_other", "difference", "low", "high", "p_value"]
    return table.assign(differs=table["p_adjusted"] < SIGNIFICANT)[[*names, "p_adjusted", "differs"]]


@needs()
def drawn(study: Study, differences: pd.DataFrame) -> pd.DataFrame:
    """Ready the differences of the leading score for the figure: one block per grouping, each the widest first."""
    rows = _leading(differences)
    places = {name: place for place, name in enumerate(dict.fromkeys(rows["grouping"]))}
    rows = rows.iloc[rows["grouping"].map(places).argsort(kind="stable")]
    return rows.assign(
        by=[grouping_text(name) for name in rows["grouping"]],
        label=[group_text(row["grouping"], row["group"]) for row in rows.to_dict("records")],
    )


def findings(study: Study, differences: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    """Say for each grouping which groups differ from the rest by more than chance, touchpoints apart."""
    if isinstance(differences, CannotSay):
        return [differences]
    rows = _leading(differences)
    rows = rows[rows["grouping"] != "touchpoint"]
    figure = str(differences["figure"].iloc[0])
    return [_grouping_words(figure, str(name), part) for name, part in rows.groupby("grouping", sort=False)]


def grouping_text(grouping: str) -> str:
    """Write by what answers are grouped."""
    known = {"": "all", "wave": "wave", "touchpoint": "touchpoint", "rfm_segment": "RFM segment"}
    return _(known[grouping]) if grouping in known else named(grouping)


def group_text(grouping: str, group: str) -> str:
    """Write a group: the name of a segment, or the client's own word."""
    return named(group) if grouping == "rfm_segment" else _(group) if group else ""


def as_difference(row: Mapping[Any, Any] | pd.Series) -> Estimate:
    """Make of a row of :func:`compare` a number with its interval."""
    return Estimate(
        f"{row['figure']}_difference",
        float(row["difference"]),
        "points",
        int(row["n"]),
        float(row["low"]),
        float(row["high"]),
        {str(row["grouping"]): str(row["group"])},
    )


def _leading(differences: pd.DataFrame) -> pd.DataFrame:
    """Rows of the score that leads: NPS where it was asked, else CSAT, else CES."""
    return differences[differences["figure"] == differences["figure"].iloc[0]]


def _groupable(table: ir.Table) -> list[str]:
    """Columns that may name groups: no id, no day, no score, no free text."""
    return [
        name
        for name, kind in table.schema().items()
        if name not in {*ANSWER, "comment"} and not kind.is_temporal()
    ]


def _grouping_words(figure: str, grouping: str, rows: pd.DataFrame) -> str:
    widest = rows.iloc[0]
    beyond = rows[rows["differs"]]
    by, score = grouping_text(grouping), named(figure)
    if not len(beyond) and not rows["difference"].any():
        return sentence(
            "{score} by {by}: no group differs from the rest. Do not rank them.", score=score, by=by
        )
    if not len(beyond):
        return sentence(
            "{score} by {by}: no group differs from the rest by more than chance; the widest difference is that of "
            "{group}, {difference} points. Do not rank them.",
            score=score,
            by=by,
            group=group_text(grouping, str(widest["group"])),
            difference=as_difference(widest),
        )
    widest = beyond.iloc[0]
    names = {
        side: listed(group_text(grouping, str(name)) for name in part["group"]) or "–"
        for side, part in (
            ("lower", beyond[beyond["difference"] < 0]),
            ("higher", beyond[beyond["difference"] > 0]),
        )
    }
    return sentence(
        "{score} by {by}, beyond chance against the rest: lower {lower}; higher {higher}. The widest difference is "
        "that of {group}, {difference} points. Ask there first what is different.",
        score=score,
        by=by,
        group=group_text(grouping, str(widest["group"])),
        difference=as_difference(widest),
        **names,
    )
