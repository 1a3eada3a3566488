"""Study 04, who answered: tables, findings and key figures."""

from __future__ import annotations

import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import listed, named, sentence, together, value_text
from cam.language import translate as _
from cam.measures.satisfaction.weighting import CAP, if_silent_differ, merge_levels, weighted_score
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.respondents import Base, level_text, variable_text
from cam.studies.study import Study, needs
from cam.studies.who_answered import Weighting

#: By how many points those who did not answer may differ from those who did.
SUPPOSED = (-40.0, -20.0, -10.0, 10.0)
_TOLD = -20.0
#: A standardised difference that is worth naming (Austin 2009).
_NOTABLE = 0.1
_SCORES = {"nps": "Net promoter score, points", "csat": "CSAT, top two boxes, %"}
#: First days of the bands in which late answers are shown.
_BANDS = (0, 1, 2, 4, 8, 15)
_MOST_NAMED = 3


@needs()
def drawn(study: Study, base: Base, compared: pd.DataFrame) -> pd.DataFrame:
    """Name what the figure draws: how far each level is over- or under-represented among those who answered.

    Returns
    -------
    DataFrame
        *variable* and *level* (ready to print), *value*, *low*, *high*, *n*, *verdict*.
    """
    return pd.DataFrame(
        {
            "variable": [variable_text(name) for name in compared["variable"]],
            "level": _levels(base, compared),
            "value": compared["ratio"].to_numpy(),
            "low": compared["ratio_low"].to_numpy(),
            "high": compared["ratio_high"].to_numpy(),
            "n": compared["n_answered"].to_numpy(),
            "verdict": compared["verdict"].to_numpy(),
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
    words = {
        "more": _("over-represented"),
        "less": _("under-represented"),
        "chance": _("no clear difference"),
    }
    shown = telling.assign(
        variable=[variable_text(name) for name in telling["variable"]],
        level=_levels(base, telling),
        verdict=[words[verdict] for verdict in telling["verdict"]],
    )
    rates = [
        Col("asked", "Ever asked", "share"),
        Col("rate", "Response rate", "share", "rate_low", "rate_high", may_be_empty=True),
    ]
    columns = [
        Col("variable", "Known"),
        Col("level", "Group"),
        Col("share_base", "of all customers", "share"),
        Col("share", "of those who answered", "share", "share_low", "share_high"),
        Col("n_answered", "n", "count"),
        Col("standardised", "Difference in standard deviations", "ratio"),
        Col("verdict", "Verdict"),
        *(rates if base.knows_silent else []),
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
    # At the bounds nothing is assumed of those who answered either: their own score, without weights.
    own = weighted.before["nps"]
    rows = []
    for words, gap in cases:
        start = own if abs(gap) >= 200 else score
        of_all = if_silent_differ(start, answered=base.share, points=gap)
        silent = min(100.0, max(-100.0, score.value + gap))
        rows.append(
            {"case": words, "silent": silent, "value": of_all.value, "low": of_all.low, "high": of_all.high}
        )
    columns = [
        Col("case", "If those not asked or silent differ by"),
        Col("silent", "their score", "points"),
        Col("value", "Score of all customers", "points", "low", "high"),
    ]
    notes = [
        _answered_words(base),
        _(
            "What the others think, who were not asked or stayed silent, is assumed here, not measured. The last two "
            "rows take the score of those who answered as it is, the others their weighted score."
        ),
    ]
    return show_table(
        pd.DataFrame(rows),
        columns,
        caption="What no weight can tell",
        notes=[*notes, *_zero_note(own, base), *_trend_note(trend)],
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
                "{share} of the customers were not asked or stayed silent. If their score stood {gap} points below "
                "that of the others, it would be {value} for all customers. No weight can tell: call some of them, "
                "and ask.",
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
            "The score of all customers is zero if that of those not asked or silent is {zero}.",
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


def _answered_words(base: Base) -> str:
    """Who answered, in two steps where it is known who was asked."""
    share = Estimate("answered", base.share, "share")
    if not base.knows_silent:
        return sentence("{share} of {all} customers answered.", share=share, all=base.n)
    return sentence(
        "{asked} of {all} customers were ever asked, and {answered} of these answered: {share} of all.",
        asked=Estimate("asked", base.n_asked / base.n, "share"),
        all=base.n,
        answered=Estimate("answered", base.n_answered / base.n_asked, "share"),
        share=share,
    )


def _compared_words(base: Base, compared: pd.DataFrame) -> str:
    telling = compared[compared["verdict"] != "chance"].sort_values("ratio", kind="stable")
    if telling.empty:
        nothing = sentence(
            "No group has another share of the answers than of the customers beyond chance, among {looked} that were "
            "compared.",
            looked=len(compared),
        )
        return together(_answered_words(base), nothing)
    said = [
        _answered_words(base),
        sentence(
            "{n} of {looked} groups have another share of the answers than of the customers, beyond chance.",
            n=len(telling),
            looked=len(compared),
        ),
    ]
    over, under = (telling[telling["verdict"] == verdict] for verdict in ("more", "less"))
    if len(over):
        words = "Heard most beyond its share is {group}."
        said.append(sentence(words, group=_groups_heard(base, over.tail(1))))
    under = under.head(_MOST_NAMED)
    if not base.knows_silent:
        if len(under):
            words = "Heard too little: {groups}. Ask more of them."
            said.append(sentence(words, groups=_groups_heard(base, under)))
        return together(*said)
    causes = {
        "asked": "Heard too little, mostly because they were not asked: {groups}. Ask them.",
        "answered": "Heard too little, mostly because they were asked and did not answer: {groups}. Remind them.",
    }
    for cause, words in causes.items():
        own = under[under["cause"] == cause]
        if len(own):
            said.append(sentence(words, groups=_groups_heard(base, own, cause)))
    return together(*said)


def _groups_heard(base: Base, rows: pd.DataFrame, cause: str = "") -> str:
    """Name groups, with their share of the answers over that of the customers, and where it comes from."""
    words = {
        "": "{variable} ({levels}; {ratio} times its share of the customers)",
        "asked": "{variable} ({levels}; {ratio} times its share of the customers, {rate} ever asked)",
        "answered": "{variable} ({levels}; {ratio} times its share of the customers, {rate} of those asked "
        "answered)",
    }[cause]
    texts = []
    for row, levels in zip(rows.to_dict("records"), _levels(base, rows), strict=True):
        rate = {"rate": value_text(float(row[cause]), "share")} if cause else {}
        name = variable_text(str(row["variable"]))
        ratio = value_text(float(row["ratio"]), "ratio")
        texts.append(sentence(words, variable=name, levels=levels, ratio=ratio, **rate))
    return listed(texts)


def _weighted_words(score: str, weighted: Weighting) -> str:
    shift = weighted.shift[score]
    assert shift.low is not None and shift.high is not None
    first = sentence(
        "{name} of the last answer of each customer, of whatever wave, weighted to what is known of all customers: "
        "{after} instead of {before} unweighted, a change of {shift} points.",
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
