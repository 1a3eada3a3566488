"""Study 04, drivers: what goes with a higher score, how much each thing weighs, and where to begin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import listed, sentence, together, value_text
from cam.language import translate as _
from cam.measures.satisfaction.coarse import as_felt
from cam.measures.satisfaction.importance import ImportanceFit, limits, relative_importance
from cam.measures.satisfaction.ordinal import NoFiniteFitError, fit_ordinal, merge_levels
from cam.measures.satisfaction.slopes import SlopesFit, check_slopes
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.driver_items import Survey, score_name, words
from cam.studies.driver_items import surveys as surveys
from cam.studies.study import Study, needs

_SEED, _RESAMPLES = 20261122, 1000
#: Answers that a value of the score needs to be a level of its own.
_FEWEST_AT_LEVEL = 10
#: Odds ratios of an item that differ more than this between cuts are not one; and less often than this by chance.
_MATTERS, _SIGNIFICANT = 1.25, 0.05
#: What to do with an item, by importance and performance above (1) or below (-1) the mean (Martilla and James 1977).
_ADVICE = {
    (1, -1): "concentrate_here",
    (1, 1): "keep_up",
    (-1, -1): "low_priority",
    (-1, 1): "possible_overkill",
}


@dataclass(frozen=True, slots=True)
class Drivers:
    """What drives the score of one survey.

    Attributes
    ----------
    survey : Survey
        The answers.
    table : DataFrame
        One row per item, the most important first: *item*, *name* (ready to print), *n*; *share* (of the score's
        variance, 0-1) and *mean* (of the answers) with *_low* and *_high*; *odds_ratio* with *odds_low*, *odds_high*;
        *line_low*, *line_high*, *mean_line_low*, *mean_line_high* (limits of the distance to the mean of all items,
        put at the item); *advice* (a quadrant, ``between`` or ``other_way``), *is_steady* (one odds ratio holds at
        every cut).
    importance : ImportanceFit
        Shares and their resamples.
    slopes : SlopesFit or None
        The check of the odds ratios; None where the score has too few values for one.
    r_squared : Estimate
        What all items together account for.
    """

    survey: Survey
    table: pd.DataFrame
    importance: ImportanceFit
    slopes: SlopesFit | None
    r_squared: Estimate


@needs()
def weigh(study: Study, found: list[Survey]) -> list[Drivers] | CannotSay:
    """Fit the ordinal logit of each survey, check it, and share the explained variance among its items."""
    fitted = [_fitted(survey) for survey in found]
    good = [one for one in fitted if isinstance(one, Drivers)]
    return good or next(one for one in fitted if isinstance(one, CannotSay))


@needs()
def show_drivers(study: Study, found: list[Drivers]) -> ShownTable | CannotSay:
    """Show importance, performance, odds ratio and advice of every item of every survey."""
    parts = [
        one.table.assign(
            survey=f"{_(one.survey.touchpoint)} · {score_name(one.survey.outcome)}".strip(" ·"),
            advice=[_(advice_words(advice)) for advice in one.table["advice"]],
        )
        for one in found
    ]
    columns = [
        *([Col("survey", "Survey")] if len(found) > 1 else []),
        Col("name", "Item"),
        Col("share", "Importance: share of the differences", "share", "share_low", "share_high"),
        Col("mean", "Mean answer", "ratio", "mean_low", "mean_high"),
        Col("odds_ratio", "Odds ratio per point", "ratio", "odds_low", "odds_high"),
        Col("advice", "Advice"),
    ]
    notes = [note for one in found for note in (*_told(one), *one.survey.notes)]
    notes.append(
        _(
            "Importance counts what an item shares with others too, so that an item without any effect of its own has "
            "some; the odds ratio holds the others fixed. Its interval spans two readings: the answers as they are, "
            "and as coarse boxes of what is felt."
        )
    )
    return show_table(
        pd.concat(parts, ignore_index=True),
        columns,
        caption="What goes with a higher score?",
        notes=list(dict.fromkeys(notes)),
        max_rows=60,
    )


@needs()
def show_slopes(study: Study, found: list[Drivers]) -> ShownTable | CannotSay | None:
    """Show the odds ratios at each cut of the score for items where one does not hold; nothing where all hold."""
    parts = []
    for one in found:
        uneven = one.table.loc[~one.table["is_steady"], "item"].tolist()
        if one.slopes is None or not uneven:
            continue
        rows = one.slopes.slopes[one.slopes.slopes["item"].isin(uneven)].assign(
            order=lambda rows: rows["item"]
        )
        rows["order"] = rows["order"].map({item: place for place, item in enumerate(uneven)})
        rows = rows.sort_values(["order", "cut"])
        parts.append(
            rows.assign(
                name=[words(item) for item in rows["item"]],
                step=[
                    sentence("{score} of {cut} or more", score=score_name(one.survey.outcome), cut=f"{cut:g}")
                    for cut in rows["cut"]
                ],
            )
        )
    if not parts:
        return None
    columns = [
        Col("name", "Item"),
        Col("step", "Odds of"),
        Col("odds_ratio", "Odds ratio per point", "ratio", "low", "high"),
    ]
    note = _(
        "These items do not move low and high scores alike, so the one ratio in the table above is a mean: read these "
        "instead. The test is Wald's over separate logits (Brant 1990), with Holm's correction."
    )
    return show_table(
        pd.concat(parts), columns, caption="Where one odds ratio does not hold", note=note, max_rows=40
    )


@needs()
def placed(study: Study, found: list[Drivers]) -> pd.DataFrame:
    """Return the items of the survey with most answers, to draw: as in :class:`Drivers`, with *outcome*, *scale*."""
    first = found[0]
    scale = first.survey.scale
    return first.table.assign(
        outcome=score_name(first.survey.outcome),
        scale=sentence("{low} to {high}", low=scale[0], high=scale[1]) if scale else "",
        n=first.importance.n,
        n_customers=first.importance.n_clusters,
    )


def findings(study: Study, found: list[Drivers] | CannotSay) -> list[str | CannotSay]:
    """Say what to improve first, what need not be, and where a scale may be turned round."""
    if isinstance(found, CannotSay):
        return [found]
    first = found[0]
    table, score = first.table, score_name(first.survey.outcome)
    said: list[str | CannotSay] = []
    helping = table[table["odds_low"] > 1]
    if len(helping):
        said.append(together(*_begin(first, helping)))
    idle = table[(table["odds_low"] <= 1) & (table["odds_high"] >= 1)]
    if len(idle):
        last = idle.iloc[-1].to_dict()
        said.append(
            sentence(
                "No effect of its own can be seen of {items}: with all else equal, a point more of {item} goes with "
                "{odds} times the odds of a higher {score}. Do not expect a higher score from it alone.",
                items=listed(idle["name"]),
                item=last["name"],
                odds=_odds(first, last),
                score=score,
            )
        )
    turned = table.loc[table["advice"] == "other_way", "name"]
    if len(turned):
        said.append(
            sentence(
                "Higher answers to {items} go with a lower {score}: check whether its scale runs the other way before "
                "anything is made of it.",
                items=listed(turned),
                score=score,
            )
        )
    return said


def key_figures(study: Study, found: list[Drivers] | CannotSay) -> list[Estimate | CannotSay]:
    """List importance and odds ratio of every item, and what all items account for."""
    if isinstance(found, CannotSay):
        return [found]
    return [
        *(
            figure
            for one in found
            for row in one.table.to_dict("records")
            for figure in (_share(one, row), _odds(one, row))
        ),
        *(one.r_squared for one in found),
    ]


def advice_words(advice: str) -> str:
    """Return what an advice is called, in English; looked up in the catalogue by who shows it."""
    return {
        "concentrate_here": "Concentrate here",
        "keep_up": "Keep up the good work",
        "low_priority": "Low priority",
        "possible_overkill": "Possible overkill",
        "between": "Between: too close to a line",
        "other_way": "Goes the other way: check its scale",
    }[advice]


def _begin(first: Drivers, helping: pd.DataFrame) -> list[str]:
    """Sentences on where to begin: with what matters and is rated low, else with what matters most."""
    weak = helping[helping["advice"] == "concentrate_here"]
    lead = (weak if len(weak) else helping).iloc[0].to_dict()
    values: dict[str, Estimate | str] = {
        "item": lead["name"],
        "share": _share(first, lead),
        "score": score_name(first.survey.outcome),
        "odds": _odds(first, lead),
    }
    association = _("It is an association: try the change with some customers before all get it.")
    if len(weak):
        mean = value_text(float(lead["mean"]), "ratio")
        return [
            sentence(
                "Begin with {item}: it accounts for {share} of the differences in {score}, more than the average item, "
                "and is rated lower, at {mean}; a point more goes with {odds} times the odds of a higher {score}.",
                mean=mean,
                **values,
            ),
            association,
        ]
    other = helping.iloc[1].to_dict() if len(helping) > 1 else None
    said = (
        "What matters most for {score} is {item}: it accounts for {share} of the differences, and a point more goes "
        "with {odds} times the odds of a higher score."
        if other is None or _is_ahead(first, lead["item"], other["item"])
        else "What matters most for {score} is {item}, with {share} of the differences, or {other}: which of the two "
        "is within chance. A point more of {item} goes with {odds} times the odds of a higher score."
    )
    return [
        sentence(said, other=other["name"] if other else "", **values),
        _(
            "No item is clearly both more important and rated lower than the rest: defend this one first, and decide "
            "the next step by cost."
        ),
        association,
    ]


# --- one survey ---------------------------------------------------------------------------------


def _fitted(survey: Survey) -> Drivers | CannotSay:
    items, outcome = list(survey.items), survey.outcome
    merged = survey.answers.assign(
        **{outcome: merge_levels(survey.answers[outcome], fewest=_FEWEST_AT_LEVEL)}
    )
    slopes = None
    try:
        fit = fit_ordinal(merged, outcome=outcome, items=items, cluster="customer_id")
    except NoFiniteFitError as error:
        return CannotSay(
            sentence(
                "What drives {score} cannot be said: {items} tell it without fail.",
                score=score_name(outcome),
                items=listed(words(item) for item in error.items),
            ),
            _("Leave out what is another form of the score, under satisfaction.drivers."),
        )
    try:
        slopes = check_slopes(merged, outcome=outcome, items=items, cluster="customer_id")
    except ValueError:
        slopes = None  # two values of the score, or a cut that items tell without fail
    plain, felt = fit.odds_ratios, as_felt(fit, merged).odds_ratios
    importance = relative_importance(
        survey.answers,
        outcome=outcome,
        items=items,
        cluster="customer_id",
        n_resamples=_RESAMPLES,
        seed=_SEED,
    )
    shares = importance.table
    table = shares.rename(columns={"low": "share_low", "high": "share_high"}).assign(
        name=[words(item) for item in items],
        n=importance.n,
        odds_ratio=plain["odds_ratio"],
        odds_low=np.minimum(plain["low"], felt["low"]),
        odds_high=np.maximum(plain["high"], felt["high"]),
        is_steady=_steady(slopes, items),
    )
    table = _placed(table, importance, survey)
    table = table.sort_values(["share", "item"], ascending=[False, True], ignore_index=True)
    low, high = importance.r_squared_limits
    r_squared = Estimate(
        "r_squared", importance.r_squared, "share", importance.n, low, high, _segment(survey)
    )
    return Drivers(survey, table, importance, slopes, r_squared)


def _steady(slopes: SlopesFit | None, items: list[str]) -> list[bool]:
    if slopes is None:
        return [True] * len(items)
    tests = slopes.tests.set_index("item").loc[items]
    return ((tests["p_holm"] >= _SIGNIFICANT) | (tests["spread"] <= _MATTERS)).tolist()


def _placed(table: pd.DataFrame, importance: ImportanceFit, survey: Survey) -> pd.DataFrame:
    """Add on which side of the mean item each stands, as far as that is more than chance."""
    found, sides = table, {}
    for name, values, draws in (
        ("line", importance.shares, importance.share_draws),
        ("mean_line", importance.means, importance.mean_draws),
    ):
        if name == "mean_line" and survey.scale is None:
            # On scales of their own, means cannot be compared: each as a part of its scale.
            ends = survey.answers[list(survey.items)].agg(["min", "max"]).to_numpy(float)
            values, draws = ((one - ends[0]) / (ends[1] - ends[0]) for one in (values, draws))
            found = found.assign(part_of_scale=values)
        middle = float(values.mean())
        apart = draws - draws.mean(axis=1, keepdims=True)
        # Resampling adds to shares, not to means.
        low, high = (
            limits(values - middle, apart) if name == "line" else np.percentile(apart, [2.5, 97.5], axis=0)
        )
        found = found.assign(**{f"{name}_low": low + middle, f"{name}_high": high + middle, name: middle})
        sides[name] = np.where(low > 0, 1, np.where(high < 0, -1, 0))
    advice = [
        "other_way" if high < 1 else _ADVICE.get((important, good), "between")
        for important, good, high in zip(sides["line"], sides["mean_line"], table["odds_high"], strict=True)
    ]
    return found.assign(advice=advice)


def _told(one: Drivers) -> list[str]:
    """What a reader must know of one survey's model."""
    survey, notes = one.survey, list[str]()
    values: dict[str, Estimate | str] = {"score": score_name(survey.outcome), "r_squared": one.r_squared}
    if survey.touchpoint:
        where = sentence("{touchpoint}, {score}:", touchpoint=_(survey.touchpoint), **values)
    else:
        where = sentence("{score}:", **values)
    notes.append(
        together(
            where,
            sentence(
                "{n} of {scored} answers are whole, from {people} customers; intervals allow for customers who "
                "answered more than once.",
                n=one.importance.n,
                scored=survey.n_scored,
                people=one.importance.n_clusters,
            ),
            sentence("All items together account for {r_squared} of the differences in {score}.", **values),
            _check_words(one),
        )
    )
    if one.importance.method == "johnson":
        notes.append(
            _("With so many items importance is by Johnson's relative weights, which come close to LMG.")
        )
    if survey.scale is None:
        notes.append(
            _("The items' scales differ: a point is not the same on each; importance can be compared.")
        )
    return notes


def _check_words(one: Drivers) -> str:
    if one.slopes is None:
        return _(
            "Whether one odds ratio holds for low and high scores cannot be checked: the score has too few values."
        )
    uneven = one.table.loc[~one.table["is_steady"], "name"].tolist()
    if not uneven:
        return _("One odds ratio per item holds well enough for low and high scores.")
    return sentence(
        "One odds ratio does not hold for low and high scores alike: {items}.", items=listed(uneven)
    )


def _is_ahead(one: Drivers, item: str, other: str) -> bool:
    at = [one.importance.items.index(name) for name in (item, other)]
    shares, draws = one.importance.shares, one.importance.share_draws
    low, _high = limits(shares[[at[0]]] - shares[[at[1]]], draws[:, [at[0]]] - draws[:, [at[1]]])
    return bool(low[0] > 0)


def _segment(survey: Survey) -> dict[str, str]:
    where = {"touchpoint": survey.touchpoint} if survey.touchpoint else {}
    return {"outcome": survey.outcome, **where}


def _share(one: Drivers, row: dict[str, object]) -> Estimate:
    return _estimate("driver_importance", one, row, ("share", "share_low", "share_high"), "share")


def _odds(one: Drivers, row: dict[str, object]) -> Estimate:
    return _estimate("driver_odds_ratio", one, row, ("odds_ratio", "odds_low", "odds_high"), "ratio")


def _estimate(
    figure: str, one: Drivers, row: dict[str, object], names: tuple[str, str, str], unit: str
) -> Estimate:
    value, low, high = (float(row[name]) for name in names)  # type: ignore[arg-type]
    segment = {**_segment(one.survey), "item": str(row["item"])}
    return Estimate(figure, value, unit, one.importance.n, low, high, segment)
