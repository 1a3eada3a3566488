"""Study 04, who answered: tables, findings and key figures."""

from __future__ import annotations

import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import listed, named, sentence, together, value_text
from cam.language import translate as _
from cam.measures.satisfaction.weighting import CAP, if_silent_differ, merge_levels, weighted_score
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.respondents import FIFTHS, MOST_YEARS, OTHERS, UNKNOWN, Base
from cam.studies.study import Study, needs
from cam.studies.who_answered import Weighting

#: By how many points those who did not answer may differ from those who did.
SUPPOSED = (-40.0, -20.0, -10.0, 10.0)
_TOLD = -20.0
#: A standardised difference that is worth naming (Austin 2009).
_NOTABLE = 0.1
_VARIABLES = {"segment": "Segment", "value": "Revenue so far", "tenure": "Time as a customer"}
_SCORES = {"nps": "Net promoter score, points", "csat": "CSAT, top two boxes, %"}
#: First days of the bands in which late answers are shown.
_BANDS = (0, 1, 2, 4, 8, 15)
_MOST_NAMED = 3


def level_text(kind: str, members: tuple[str, ...]) -> str:
    """Write the levels of a group as a reader sees them."""
    known = [one for one in members if one not in (UNKNOWN, OTHERS)]
    if not known:
        return _("not known") if members == (UNKNOWN,) else _("all others")
    if kind in ("segments", "names"):
        names = [named(one) for one in known] + ([_("all others")] if OTHERS in members else [])
        names += [_("not known")] if UNKNOWN in members else []
        if len(names) > _MOST_NAMED:
            return sentence("{first} and {n} more", first=names[0], n=len(names) - 1)
        return listed(names)
    ordered = sorted(known, key=float)
    low, high = ordered[0], ordered[-1]
    if kind == "numbers":
        return low if low == high else sentence("{low} to {high}", low=low, high=high)
    first, last = int(low), int(high)
    if kind == "fifths":
        if first < last:
            return sentence("fifths {low} to {high} of {all}", low=first, high=last, all=FIFTHS)
        ends = {1: _("lowest fifth"), FIFTHS: _("highest fifth")}
        return ends.get(first) or sentence("fifth {place} of {all}", place=first, all=FIFTHS)
    if last == MOST_YEARS:
        return sentence("{n} years or more", n=first)
    if first == 0:
        return _("under a year") if last == 0 else sentence("under {n} years", n=last + 1)
    return sentence("{low} to {high} years", low=first, high=last + 1)


def variable_text(name: str) -> str:
    """Write what customers are compared by as a reader sees it."""
    return _(_VARIABLES[name]) if name in _VARIABLES else named(name)


@needs()
def drawn(study: Study, base: Base, compared: pd.DataFrame) -> pd.DataFrame:
    """Name what the figure draws: the response rate of each level, or how far it is over- or under-represented.

    Returns
    -------
    DataFrame
        *variable* and *level* (ready to print), *value*, *low*, *high*, *n*, *verdict*, *is_rate*, *overall*.
    """
    shown = compared[compared["n"] > 0] if base.knows_silent else compared
    value = "rate" if base.knows_silent else "ratio"
    first = shown["variable"].iloc[0]
    own = shown[shown["variable"] == first]
    overall = float(own["total"].sum() / own["n"].sum()) if base.knows_silent else 1.0
    return pd.DataFrame(
        {
            "variable": [variable_text(name) for name in shown["variable"]],
            "level": _levels(base, shown),
            "value": shown[value].to_numpy(),
            "low": shown[f"{value}_low"].to_numpy(),
            "high": shown[f"{value}_high"].to_numpy(),
            "n": shown["n" if base.knows_silent else "n_answered"].to_numpy(),
            "verdict": shown["verdict"].to_numpy(),
            "is_rate": base.knows_silent,
            "overall": overall,
        }
    )


@needs()
def show_compared(
    study: Study, base: Base, levels: pd.DataFrame, compared: pd.DataFrame
) -> ShownTable | CannotSay:
    """Show the levels in which those who answered are not like the customers, and what was left out or merged."""
    telling = compared[(compared["verdict"] != "chance") | (compared["standardised"].abs() >= _NOTABLE)]
    notes = _notes(study, base, levels)
    if telling.empty:
        return CannotSay(
            _(
                "In no group do those who answered differ from the customers, beyond chance or by enough to matter."
            ),
            together(*notes),
        )
    words = {"more": _("more than chance"), "less": _("more than chance"), "chance": _("no clear difference")}
    shown = telling.assign(
        variable=[variable_text(name) for name in telling["variable"]],
        level=_levels(base, telling),
        verdict=[words[verdict] for verdict in telling["verdict"]],
    )
    rates = [Col("rate", "Response rate", "share", "rate_low", "rate_high", may_be_empty=True)]
    columns = [
        Col("variable", "Known"),
        Col("level", "Group"),
        Col("share_base", "of all customers", "share"),
        Col("share", "of those who answered", "share", "share_low", "share_high"),
        *(rates if base.knows_silent else []),
        Col("n_answered", "n", "count"),
        Col("standardised", "Difference in standard deviations", "ratio"),
        Col("verdict", "Verdict"),
    ]
    return show_table(shown, columns, caption="Where answers and customers differ", notes=notes, max_rows=30)


@needs()
def show_scores(
    study: Study, base: Base, levels: pd.DataFrame, weighted: Weighting
) -> ShownTable | CannotSay:
    """Show the scores before and after weighting, and what the weights cost."""
    rows = []
    for score, after in weighted.after.items():
        before, shift = weighted.before[score], weighted.shift[score]
        size = 100.0 if score == "csat" else 1.0
        assert before.low is not None and before.high is not None
        assert after.low is not None and after.high is not None
        rows.append(
            {
                "score": _(_SCORES[score]),
                "before": size * before.value,
                "before_low": size * before.low,
                "before_high": size * before.high,
                "after": size * after.value,
                "after_low": size * after.low,
                "after_high": size * after.high,
                "shift": shift.value,
                "shift_low": shift.low,
                "shift_high": shift.high,
                "n": after.n,
                "effective": (after.n or 0) / weighted.fit.design_effect,
            }
        )
    if not rows:
        return CannotSay(_("No score has enough answers to be weighted."))
    columns = [
        Col("score", "Score"),
        Col("before", "Unweighted", "points", "before_low", "before_high"),
        Col("after", "Weighted", "points", "after_low", "after_high"),
        Col("shift", "Change by weighting", "points", "shift_low", "shift_high"),
        Col("n", "Answers", "count"),
        Col("effective", "As good as so many equal answers", "count"),
    ]
    return show_table(
        pd.DataFrame(rows),
        columns,
        caption="Scores before and after weighting",
        notes=_fit_notes(base, weighted, levels),
    )


@needs()
def show_unknown(
    study: Study, base: Base, weighted: Weighting, trend: Estimate | CannotSay | None = None
) -> ShownTable | CannotSay:
    """Show what the score of all customers would be if those who did not answer differ from those who did."""
    score = weighted.after.get("nps")
    if score is None:
        return CannotSay(_("What the silent could change is worked out for the net promoter score only."))
    cases = [(sentence("{points} points", points=value_text(gap, "points")), gap) for gap in SUPPOSED]
    cases += [(_("all of them detractors"), -200.0), (_("all of them promoters"), 200.0)]
    rows = []
    for words, gap in cases:
        of_all = if_silent_differ(score, answered=base.share, points=gap)
        silent = min(100.0, max(-100.0, score.value + gap))
        rows.append(
            {"case": words, "silent": silent, "value": of_all.value, "low": of_all.low, "high": of_all.high}
        )
    columns = [
        Col("case", "If those who did not answer differ by"),
        Col("silent", "their score", "points"),
        Col("value", "Score of all customers", "points", "low", "high"),
    ]
    notes = [
        sentence(
            "{n} of {all} customers answered. What the others think is assumed here, not measured.",
            n=base.n_answered,
            all=base.n,
        )
    ]
    return show_table(
        pd.DataFrame(rows),
        columns,
        caption="What no weight can tell",
        notes=[*notes, *_zero_note(score, base), *_trend_note(trend)],
    )


@needs()
def show_delays(study: Study, counts: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the score by the days that an answer took."""
    starts = pd.cut(
        counts["delay"], [*_BANDS, float("inf")], right=False, labels=[str(day) for day in _BANDS]
    )
    bands = counts.groupby(starts.astype(str))[["n", "up", "down"]].sum().reset_index(names="level")
    bands = bands.sort_values("level", key=lambda texts: texts.astype(int), ignore_index=True)
    groups = merge_levels(bands, fewest=study.params.satisfaction.min_answers, is_ordered=True)
    bands = bands.assign(group=[groups[level][0] for level in bands["level"]])
    joined = bands.groupby("group", sort=False)[["n", "up", "down"]].sum().reset_index()
    rows = []
    for place, row in enumerate(joined.to_dict("records")):
        one = weighted_score("nps", pd.DataFrame([row | {"weight": 1.0}]))
        first = int(row["group"])
        after = int(joined["group"].iloc[place + 1]) - 1 if place + 1 < len(joined) else None
        if after is None:
            words = sentence("{n} days or more", n=first)
        elif after == first:
            words = str(first)
        else:
            words = sentence("{low} to {high}", low=first, high=after)
        rows.append({"days": words, "n": one.n, "value": one.value, "low": one.low, "high": one.high})
    columns = [
        Col("days", "Days from invitation to answer"),
        Col("value", "NPS", "points", "low", "high"),
        Col("n", "n", "count"),
    ]
    return show_table(pd.DataFrame(rows), columns, caption="Do those who answer late think otherwise?")


def findings(
    study: Study,
    base: Base | CannotSay,
    compared: pd.DataFrame | CannotSay,
    weighted: Weighting | CannotSay,
) -> list[str | CannotSay]:
    """Say who answers, what weighting changes, and what no weight can tell."""
    if isinstance(base, CannotSay):
        return [base]
    said: list[str | CannotSay] = [
        compared if isinstance(compared, CannotSay) else _compared_words(base, compared)
    ]
    if isinstance(weighted, CannotSay):
        return [*said, weighted]
    score = "nps" if "nps" in weighted.after else "csat"
    if score not in weighted.after:
        return said
    said.append(_weighted_words(score, weighted))
    if score == "nps" and base.share < 1:
        silent = Estimate("silent", 1 - base.share, "share")
        said.append(
            sentence(
                "{share} of the customers did not answer. If their score stood {gap} points below that of the "
                "others, it would be {value} for all customers. No weight can tell: call some of those who stay "
                "silent, and ask them.",
                share=silent,
                gap=value_text(-_TOLD, "points"),
                value=if_silent_differ(weighted.after["nps"], answered=base.share, points=_TOLD),
            )
        )
    return said


def key_figures(
    study: Study,
    base: Base | CannotSay,
    weighted: Weighting | CannotSay,
    trend: Estimate | CannotSay | None = None,
) -> list[Estimate | CannotSay]:
    """List the share who answered, the scores before and after weighting, and what the weights cost."""
    if isinstance(base, CannotSay):
        return [base]
    figures: list[Estimate | CannotSay] = [Estimate("answered_share", base.share, "share", base.n)]
    if isinstance(weighted, CannotSay):
        return [*figures, weighted]
    for score, after in weighted.after.items():
        figures += [weighted.before[score], after, weighted.shift[score]]
    effect = weighted.fit.design_effect
    figures.append(Estimate("weights_design_effect", effect, "ratio", base.n_answered))
    return figures if trend is None else [*figures, trend]


# --- words --------------------------------------------------------------------------------------


def _levels(base: Base, rows: pd.DataFrame) -> list[str]:
    return [
        level_text(base.kinds[name], members)
        for name, members in zip(rows["variable"], rows["members"], strict=True)
    ]


def _notes(study: Study, base: Base, levels: pd.DataFrame) -> list[str]:
    notes = [
        sentence(
            "One answer of each customer counts, the last; {n} of {all} customers gave one. Groups are those of today.",
            n=base.n_answered,
            all=base.n,
        )
    ]
    if base.n_later:
        notes.append(sentence("{n} customers came after the last answer; they are left out.", n=base.n_later))
    if base.n_strangers:
        notes.append(
            sentence(
                "{n} customers who answered are in no other table; they are left out.", n=base.n_strangers
            )
        )
    if base.n_unnamed:
        notes.append(sentence("{n} answers name no customer; they are left out.", n=base.n_unnamed))
    merged = levels[levels["members"].map(len) > 1]
    if len(merged):
        notes.append(
            sentence(
                "Put together, because one alone has fewer than {fewest} answers: {groups}.",
                fewest=study.params.satisfaction.min_answers,
                groups=_groups_text(base, merged, merged["members"]),
            )
        )
    unheard = levels[levels["unheard"].map(len) > 0]
    if len(unheard):
        notes.append(
            sentence(
                "Nobody answered of these, so others speak for them: {groups}.",
                groups=_groups_text(base, unheard, unheard["unheard"]),
            )
        )
    return notes


def _groups_text(base: Base, rows: pd.DataFrame, members: pd.Series) -> str:
    texts = [
        sentence(
            "{variable} ({levels})", variable=variable_text(name), levels=level_text(base.kinds[name], own)
        )
        for name, own in zip(rows["variable"], members, strict=True)
    ]
    return listed(texts)


def _fit_notes(base: Base, weighted: Weighting, levels: pd.DataFrame) -> list[str]:
    fit = weighted.fit
    notes = [
        sentence(
            "Weighted by {names}. Weights run from {low} to {high} times the mean; for the width of intervals it is as "
            "if the number of answers were divided by {effect}.",
            names=listed(variable_text(name) for name in weighted.by),
            low=value_text(min(fit.weights), "ratio"),
            high=value_text(max(fit.weights), "ratio"),
            effect=value_text(fit.design_effect, "ratio"),
        )
    ]
    idle = [name for name in base.weighted_by if name not in weighted.by]
    if idle:
        notes.append(
            sentence(
                "Not weighted by {names}: no two levels have enough answers.",
                names=listed(variable_text(name) for name in idle),
            )
        )
    if fit.n_capped:
        notes.append(
            sentence(
                "{n} answers would weigh more than {cap} times the mean; their weight was cut there.",
                n=fit.n_capped,
                cap=value_text(CAP, "count"),
            )
        )
    if not fit.is_met:
        notes.append(
            sentence(
                "The weights do not meet every margin: the largest gap is {gap} points. What is weighted away is less "
                "than it seems.",
                gap=value_text(100 * max(fit.gaps.values()), "points"),
            )
        )
    return notes


def _zero_note(score: Estimate, base: Base) -> list[str]:
    if base.share >= 1:
        return []
    zero = -base.share * score.value / (1 - base.share)
    if not -100 <= zero <= 100:
        return []
    return [
        sentence(
            "The score of all customers is zero if that of those who did not answer is {zero}.",
            zero=value_text(zero, "points"),
        )
    ]


def _trend_note(trend: Estimate | CannotSay | None) -> list[str]:
    if not isinstance(trend, Estimate):
        return []
    assert trend.low is not None and trend.high is not None
    words = (
        "Those who answer late do not differ from the early ones beyond chance: {slope} points for each doubling of "
        "the wait. That is no proof that those who never answer think the same."
        if trend.low <= 0 <= trend.high
        else "The score changes with the wait for an answer, by {slope} points for each doubling of the days. Those "
        "who never answer may stand further on in that direction."
    )
    return [sentence(words, slope=trend)]


def _compared_words(base: Base, compared: pd.DataFrame) -> str:
    rated = compared[compared["n"] > 0] if base.knows_silent else compared
    telling = rated[rated["verdict"] != "chance"]
    answered = Estimate("answered", base.share, "share")
    if telling.empty:
        return sentence(
            "{share} of {all} customers answered. No group of them answered more or less than the others beyond "
            "chance, among {looked} that were compared.",
            share=answered,
            all=base.n,
            looked=len(rated),
        )
    value = "rate" if base.knows_silent else "ratio"
    best, worst = (rated.loc[place] for place in (telling[value].idxmax(), telling[value].idxmin()))
    texts = _levels(base, pd.DataFrame([best, worst]))
    names = [
        sentence("{variable} ({levels})", variable=variable_text(str(row["variable"])), levels=text)
        for row, text in zip((best, worst), texts, strict=True)
    ]
    first = sentence(
        "{share} of {all} customers answered; {n} of {looked} groups differ from the others beyond chance.",
        share=answered,
        all=base.n,
        n=len(telling),
        looked=len(rated),
    )
    figures = [_figure(row, value) for row in (best, worst)]
    if len(telling) == 1:
        words = (
            "It is {name}: {rate} of its invitations were answered."
            if base.knows_silent
            else "It is {name}: its share of the answers is {rate} times that of the customers."
        )
        return together(first, sentence(words, name=names[0], rate=figures[0]))
    words = (
        "Those asked answer most in {best}, {most}, and least in {worst}, {least}: remind the latter first."
        if base.knows_silent
        else "Most over-represented is {best}, with {most} times its share of the customers; most under-represented "
        "is {worst}, with {least} times: ask more of the latter."
    )
    return together(first, sentence(words, best=names[0], worst=names[1], most=figures[0], least=figures[1]))


def _figure(row: pd.Series, value: str) -> Estimate:
    n = int(row["n"] if value == "rate" else row["n_answered"])
    unit = "share" if value == "rate" else "ratio"
    return Estimate(
        value, float(row[value]), unit, n, float(row[f"{value}_low"]), float(row[f"{value}_high"])
    )


def _weighted_words(score: str, weighted: Weighting) -> str:
    shift = weighted.shift[score]
    assert shift.low is not None and shift.high is not None
    first = sentence(
        "{name}, weighted to what is known of all customers: {after} instead of {before}, a change of {shift} points.",
        name=named(score),
        after=weighted.after[score],
        before=weighted.before[score],
        shift=shift,
    )
    more = (
        _("The change is within chance. That does not prove that those who stay silent think the same.")
        if shift.low <= 0 <= shift.high
        else _(
            "Quote the weighted score where all customers are meant. It corrects for who they are, not for what "
            "they think."
        )
    )
    return together(first, more)
