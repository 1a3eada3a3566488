"""Study 04, who answered: those who did against the customers they stand for, and weights that set it right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, holm
from cam.language import sentence
from cam.language import translate as _
from cam.measures.satisfaction.representation import delay_slope, representation, response_rates
from cam.measures.satisfaction.weighting import RakeFit, merge_levels, rake, weighted_score, weighting_shift
from cam.measures.segmentation.rules import SEGMENTS
from cam.reduce.respondents import answer_cells, asked, delay_counts
from cam.reduce.responses import answer_sums
from cam.studies.respondents import OTHERS, UNKNOWN, Base, base
from cam.studies.study import Study, needs

#: Days from invitation to answer: so many or more are one.
MOST_DELAY = 60
#: A difference that chance brings about less often than this, among all that were looked at, is one.
SIGNIFICANT = 0.05
_COUNTS = ["n_base", "n", "up", "down", "n_csat", "satisfied"]
_INVITED = ["n", "total", "squared", "tt", "tm", "mm"]


@dataclass(frozen=True, slots=True)
class Weighting:
    """Weights of the answers, and what they make of the scores.

    Attributes
    ----------
    by : tuple of str
        Variables whose margins the weights were made to meet.
    groups : mapping of str to mapping of str to str
        For each of them the group that a level is in.
    cells : DataFrame
        One row per combination of their groups with an answer: counts, and the *weight* of each answer.
    fit : RakeFit
        The weights and their proof.
    before, after, shift : mapping of str to Estimate
        By score (``nps``, ``csat``): unweighted, weighted, and by how much it moved.
    """

    by: tuple[str, ...]
    groups: Mapping[str, Mapping[str, str]]
    cells: pd.DataFrame
    fit: RakeFit
    before: Mapping[str, Estimate]
    after: Mapping[str, Estimate]
    shift: Mapping[str, Estimate]


@needs()
def levels(study: Study, base: Base) -> pd.DataFrame:
    """Count customers, answers and invitations at each level, and merge the levels with too few answers.

    Returns
    -------
    DataFrame
        One row per *variable* and *group* (its first level): *members* (all its levels), *unheard* (those of them of
        which nobody answered), *n_base*, *n_answered*; with invitations *n_asked* (customers ever asked) and the sums
        of :func:`cam.reduce.responses.answer_sums`.
    """
    invited = None
    if base.knows_silent:
        rows = asked(study.tables["responses"], score=base.score)
        invited = study.engine.create_table(
            "who_invited", rows.inner_join(base.people, "customer_id"), overwrite=True
        )
    parts = []
    for place, (name, kind) in enumerate(base.kinds.items()):
        column = f"level_{place}"
        counts = answer_cells(base.people, [column]).execute().rename(columns={column: "level"})
        counts = counts[["level", "n_base", "n"]].rename(columns={"n": "n_answered"})
        if invited is not None:
            sums = answer_sums(invited, by=column).execute().rename(columns={"group": "level"})
            people = base.people.group_by(level=column).aggregate(n_asked=base.people.asked.sum()).execute()
            counts = counts.merge(people, on="level")
            counts = counts.merge(sums[["level", *_INVITED]], on="level", how="left").fillna(0)
        groups = _groups(counts, kind, study.params.satisfaction.min_answers)
        counts = counts.assign(group=[groups[level][0] for level in counts["level"]])
        numbers = counts.drop(columns=["level"]).groupby("group", as_index=False, sort=False).sum()
        members = [groups[group] for group in numbers["group"]]
        silent = (
            counts[counts["n_answered"] == 0].groupby("group")["level"].agg(lambda own: tuple(sorted(own)))
        )
        unheard = [silent.get(group, ()) for group in numbers["group"]]
        order = sorted(range(len(numbers)), key=lambda k: _place(members[k], kind, numbers["n_base"].iloc[k]))
        parts.append(numbers.assign(variable=name, members=members, unheard=unheard).iloc[order])
    found = pd.concat(parts, ignore_index=True)
    whole = {column: "int64" for column in ("n_base", "n_answered", "n_asked", *_INVITED) if column in found}
    return found.astype(whole)[["variable", "group", "members", "unheard", *whole]]


@needs()
def compare(study: Study, base: Base, levels: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Set those who answered against the customers, level by level, and name what is beyond chance.

    Returns
    -------
    DataFrame or CannotSay
        *levels* with :func:`representation`, *p_adjusted* (Holm) and *verdict* on the share: ``more``, ``less`` or
        ``chance``. With invitations also :func:`response_rates`, *asked* (share of the customers ever asked),
        *answered* (share of those who answered) and *cause*, which of the two is further from that of all customers:
        ``asked`` or ``answered``.
    """
    several = levels.groupby("variable")["group"].transform("size") > 1
    shown = levels[several]
    if shown.empty:
        return CannotSay(
            sentence(
                "No two groups of customers have the {fewest} answers each that a comparison needs.",
                fewest=study.params.satisfaction.min_answers,
            )
        )
    found = representation(shown)
    if base.knows_silent:
        found = response_rates(found)
        share_asked = found["n_asked"] / found["n_base"].clip(lower=1)
        answered = (found["n_answered"] / found["n_asked"].clip(lower=1)).where(found["n_asked"] > 0)
        # The ratio of the shares is the product of these two: never asked, or asked and silent?
        by_asking = share_asked / (base.n_asked / base.n)
        by_answering = answered.fillna(1.0) / (base.n_answered / base.n_asked)
        under = found["ratio"] < 1
        asking = np.where(under, by_asking <= by_answering, by_asking >= by_answering)
        cause = np.where(asking, "asked", "answered")
        found = found.assign(asked=share_asked, answered=answered, cause=cause)
    p_adjusted = holm(found["p_value"].to_numpy(float))
    side = np.where(found["share"] > found["share_base"], "more", "less")
    verdict = np.where(p_adjusted < SIGNIFICANT, side, "chance")
    return found.assign(p_adjusted=p_adjusted, verdict=verdict).reset_index(drop=True)


@needs()
def weighting(study: Study, base: Base, levels: pd.DataFrame) -> Weighting | CannotSay:
    """Weight the answers to the margins of the customers, and set the scores before and after beside each other."""
    parts = {name: part for name, part in levels.groupby("variable") if len(part) > 1}
    by = tuple(name for name in base.weighted_by if name in parts)
    if not by:
        return CannotSay(
            _(
                "There is nothing to weight by: no known margin of the customers has two levels with enough answers."
            ),
            _("Add columns to the table customers, or name others in satisfaction.weight_by."),
        )
    columns = {f"level_{list(base.kinds).index(name)}": name for name in by}
    cells = answer_cells(base.people, list(columns)).execute().rename(columns=columns)
    groups = {name: _group_of(parts[name]) for name in by}
    for name in by:
        cells[name] = cells[name].map(groups[name])
    cells = cells.groupby(list(by), as_index=False)[_COUNTS].sum()
    cells = cells[cells["n"] > 0].reset_index(drop=True)
    margins = {
        name: {
            str(group): float(n) for group, n in zip(parts[name]["group"], parts[name]["n_base"], strict=True)
        }
        for name in by
    }
    fit = rake(cells, margins)
    cells = cells.assign(weight=fit.weights)
    met = by if fit.is_met else ()
    before: dict[str, Estimate] = {}
    after, shift = dict(before), dict(before)
    for score in ("nps", "csat"):
        answers = _answers(cells, score, base)
        n = int(answers["n"].sum())
        if n < study.params.satisfaction.min_answers:
            continue
        before[score] = weighted_score(f"{score}_last_answer", answers, weighted=False)
        after[score] = weighted_score(f"{score}_weighted", answers, by=met)
        shift[score] = weighting_shift(f"{score}_weighting_shift", answers, by=met)
    return Weighting(by, groups, cells, fit, before, after, shift)


def weights(
    study: Study, base_found: Base | CannotSay | None = None, weighted: Weighting | CannotSay | None = None
) -> pd.DataFrame | CannotSay:
    """Give each customer who answered the weight of the answer; their mean is 1.

    Both tables are made where they are not given.

    Returns
    -------
    DataFrame
        *customer_id*, *weight*, in the order of the ids.
    """
    people = base(study) if base_found is None else base_found
    if isinstance(people, CannotSay):
        return people
    fitted = weighting(study, people, levels(study, people)) if weighted is None else weighted
    if isinstance(fitted, CannotSay):
        return fitted
    columns = {f"level_{list(people.kinds).index(name)}": name for name in fitted.by}
    answered = people.people.filter(people.people.answered == 1)
    rows = answered.select("customer_id", *columns).order_by("customer_id").execute().rename(columns=columns)
    for name in fitted.by:
        rows[name] = rows[name].map(fitted.groups[name])
    found = rows.merge(fitted.cells[[*fitted.by, "weight"]], on=list(fitted.by), how="left")
    return found.sort_values("customer_id", ignore_index=True)[["customer_id", "weight"]]


@needs()
def delays(study: Study, base: Base) -> pd.DataFrame | CannotSay:
    """Count the last answers by the days between invitation and answer."""
    if base.score != "nps":
        return study.lacks_column("responses", "nps") or CannotSay(_("Nobody answered with nps."))
    lacking = study.lacks_column("responses", "invited_date")
    if lacking:
        return lacking
    counts = delay_counts(base.people, most=MOST_DELAY).execute()
    n = int(counts["n"].sum())
    if n < study.params.satisfaction.min_answers or len(counts) < 2:
        return CannotSay(
            sentence(
                "Late answers cannot be compared with early ones: of {n} answers the time from invitation to answer is "
                "known, with {days} different values.",
                n=n,
                days=len(counts),
            )
        )
    return counts


@needs()
def delay_trend(study: Study, counts: pd.DataFrame) -> Estimate | CannotSay:
    """Say by how much the score changes with each doubling of the wait for an answer."""
    return delay_slope(counts) or CannotSay(_("All answers came equally late."))


# --- levels and cells ---------------------------------------------------------------------------


def _groups(counts: pd.DataFrame, kind: str, fewest: int) -> dict[str, tuple[str, ...]]:
    """Which levels stand together. What is not known has no place in an order: it joins the largest, if it must."""
    sizes = counts[["level", "n_answered"]].rename(columns={"n_answered": "n"})
    if kind in ("segments", "names"):
        return merge_levels(sizes.sort_values("level"), fewest=fewest, is_ordered=False)
    known = sizes[~sizes["level"].isin([UNKNOWN, OTHERS])]
    known = known.sort_values("level", key=lambda texts: texts.astype(float))
    groups = merge_levels(known, fewest=fewest, is_ordered=True)
    for row in sizes[sizes["level"].isin([UNKNOWN, OTHERS])].to_dict("records"):
        name = str(row["level"])
        if row["n"] >= fewest or not groups:
            groups[name] = (name,)
            continue
        size = dict(zip(sizes["level"], sizes["n"], strict=True))
        largest = max(dict.fromkeys(groups.values()), key=lambda names: sum(size[one] for one in names))
        groups |= dict.fromkeys((*largest, name), (*largest, name))
    return groups


def _place(members: tuple[str, ...], kind: str, n: int) -> tuple[Any, ...]:
    """Where a group stands: in the order of its levels, or by size; what is merged or not known last."""
    first = members[0]
    if first in (UNKNOWN, OTHERS):
        return (2, 0, first)
    if kind in ("fifths", "years", "numbers"):
        return (0, float(first), first)
    if len(members) > 1:
        return (1, 0, first)
    return (0, SEGMENTS.index(first) if kind == "segments" else -n, first)


def _group_of(part: pd.DataFrame) -> dict[str, str]:
    return {
        level: group
        for group, members in zip(part["group"], part["members"], strict=True)
        for level in members
    }


def _answers(cells: pd.DataFrame, score: str, base: Base) -> pd.DataFrame:
    """Cells with the counts of one score as n, up and down; none where the client has no such score."""
    if score == "nps" and base.score == "nps":
        return cells
    if score == "nps":
        return cells.iloc[:0]
    return cells.assign(n=cells["n_csat"], up=cells["satisfied"], down=0)
