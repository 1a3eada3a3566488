"""Study 01, psychographics: what attitude items have in common, how reliably, and where each customer stands."""

from __future__ import annotations

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import listed, sentence, value_text
from cam.language import translate as _
from cam.measures.segmentation.factors import (
    COUNTS_FROM,
    FactorFit,
    factor_correlations,
    fit_factors,
    loading_table,
    refit_draws,
    score_weights,
    variance_explained,
)
from cam.measures.segmentation.items import SIGNIFICANT, FactorChecks, ItemsFit, check_items, most_factors
from cam.measures.segmentation.reliability import LOW, POOR, reliability_table
from cam.reduce.attitudes import factor_scores
from cam.show.tables import Col, ShownTable, show_pairs, show_table
from cam.studies.attitude_items import once, same_scale, words
from cam.studies.study import Study, needs

#: From this measure of sampling adequacy on Kaiser (1974) calls a set of items acceptable.
ADEQUATE = 0.5
_DRAWS, _SEED = 300, 20260101


@needs()
def check(study: Study, measured: ItemsFit | None) -> FactorChecks | CannotSay | None:
    """Ask whether the items share anything, and how many factors rise above chance."""
    return None if measured is None else check_items(measured, seed=_SEED)


@needs()
def eigenvalues(study: Study, checks: FactorChecks | None) -> pd.DataFrame | CannotSay | None:
    """Line up the eigenvalues with those of unrelated items, for the figure."""
    if checks is None:
        return None
    return pd.DataFrame(
        {
            "place": range(1, checks.n_items + 1),
            "eigenvalue": checks.eigenvalues,
            "chance": checks.chance,
            "counts": np.arange(checks.n_items) < checks.n_suggested,
            "n": checks.n,
        }
    )


@once
def fit(study: Study, measured: ItemsFit, checks: FactorChecks) -> FactorFit | CannotSay:
    """Fit the factors that parallel analysis or the parameter file asks for; fewer where one has not two items."""
    asked = study.params.segmentation.n_factors
    most = most_factors(checks.n_items)
    if asked is not None and asked > most:
        return CannotSay(
            sentence("{items} items hold at most {most} factors.", items=checks.n_items, most=most),
            _("Lower segmentation.n_factors, or give more items."),
        )
    # What is unrelated has no factors, whoever asks for them.
    is_asked = asked is not None and checks.p < SIGNIFICANT
    n_factors = asked if asked is not None and is_asked else checks.n_suggested
    while n_factors:
        found = fit_factors(measured, n_factors=n_factors, seed=_SEED)
        if is_asked or not found.n_thin:
            return refit_draws(found, n_draws=_DRAWS, seed=_SEED)
        n_factors -= 1
    return CannotSay(
        sentence(
            "The attitude items have no common factors: their answers go together no more than by chance, or too "
            "little to matter (n = {n}, KMO {kmo}).",
            n=checks.n,
            kmo=value_text(checks.kmo, "ratio"),
        ),
        _("Read the items one by one, and do not build segments on sums of them."),
    )


def show_loadings(
    study: Study,
    review: pd.DataFrame | CannotSay,
    checks: FactorChecks | CannotSay | None,
    found: FactorFit | CannotSay | None,
) -> ShownTable | CannotSay | None:
    """Show what each item tells of each factor; loadings that do not count are left blank."""
    if not isinstance(found, FactorFit):
        return found
    assert isinstance(review, pd.DataFrame) and isinstance(checks, FactorChecks)
    table = loading_table(found)
    blank = table["loading"].abs() < COUNTS_FROM
    table.loc[blank, ["loading", "low", "high"]] = np.nan
    shown = table.drop_duplicates("item").set_index("item")[
        ["communality", "communality_low", "communality_high"]
    ]
    columns = [Col("item", "Item")]
    for factor, part in table.groupby("factor"):
        of_items = part.set_index("item")[["loading", "low", "high"]].add_suffix(f"_{factor}")
        shown = shown.join(of_items)
        columns.append(
            Col(
                f"loading_{factor}",
                short_name(int(factor)),
                "ratio",
                f"low_{factor}",
                f"high_{factor}",
                may_be_empty=True,
            )
        )
    columns.append(
        Col("communality", "Shared with the others", "share", "communality_low", "communality_high")
    )
    shown = shown.reset_index().assign(item=[words(item) for item in shown.index])
    return show_table(
        shown,
        columns,
        caption="What each item tells of each factor (loadings)",
        note=sentence(
            "Loadings below {least} in size are left blank; n = {n}.",
            least=value_text(COUNTS_FROM, "ratio"),
            n=found.n,
        ),
        notes=_notes(study, review, checks, found),
        max_rows=40,
    )


@once
def loadings(study: Study, found: FactorFit) -> pd.DataFrame:
    """Line up the loadings for the figure, with the factors' and items' names."""
    table = loading_table(found)
    names = factor_names(found)
    label = {home: names[home - 1] if home else _("no factor") for home in range(len(names) + 1)}
    return table.assign(
        words=[words(item) for item in table["item"]],
        name=[label[home] for home in table["home"]],
        n=found.n,
    )


@once
def reliability(study: Study, review: pd.DataFrame, measured: ItemsFit, found: FactorFit) -> pd.DataFrame:
    """Rate how far each factor's items measure the same thing, and how well a customer's score tells it."""
    table = reliability_table(found, measured, same_scale=same_scale(review))
    explained = variance_explained(found)[:-1]
    return table.assign(
        name=factor_names(found),
        n=found.n,
        explained=[one.value for one in explained],
        explained_low=[one.low for one in explained],
        explained_high=[one.high for one in explained],
        accuracy=score_weights(found, measured)[1],
        same_scale=same_scale(review),
    )


@once
def show_reliability(study: Study, rated: pd.DataFrame) -> ShownTable | CannotSay:
    """Show alpha, omega and the accuracy of the scores, with the conventions by which they are read."""
    columns = [
        Col("name", "Factor"),
        Col("n_items", "Items", "count"),
        Col("explained", "Variance explained", "share", "explained_low", "explained_high"),
        Col("alpha", "Cronbach's alpha", "ratio", "alpha_low", "alpha_high"),
        Col("omega", "McDonald's omega", "ratio", "omega_low", "omega_high"),
        Col("verdict", "Reliability"),
        Col("accuracy", "Score with factor, correlation", "ratio"),
    ]
    notes = [
        sentence(
            "By convention (Nunnally 1978) reliability is low below {low}; below {poor} it is poor, and the score says "
            "little of a single customer.",
            low=value_text(LOW, "ratio"),
            poor=value_text(POOR, "ratio"),
        ),
        _(
            "Omega reads the loadings, where alpha takes all items to be equally good. The last column is how well a "
            "customer's score tells the factor itself, as the model has it."
        ),
    ]
    if not bool(rated["same_scale"].iloc[0]):
        notes.append(_("The items have different scales, so alpha is that of standardised items."))
    labels = {"poor": "poor", "low": "rather low", "good": "good enough", "single": "one item alone"}
    shown = rated.assign(verdict=[_(labels[verdict]) for verdict in rated["verdict"]])
    return show_table(shown, columns, caption="How reliable are the factors?", notes=notes)


def scores(
    study: Study, measured: ItemsFit | CannotSay | None, found: FactorFit | CannotSay | None
) -> ir.Table | CannotSay:
    """Score every customer on every factor, inside the engine.

    Returns
    -------
    ibis.Table or CannotSay
        ``customer_id`` and ``factor_1``, ... (float, mean 0 and standard deviation 1 over those who answered all
        items; missing for the others).
    """
    if not isinstance(measured, ItemsFit) or not isinstance(found, FactorFit):
        return CannotSay(_("There are no factors of attitudes, so no customer has a score on them."))
    weights = score_weights(found, measured)[0]
    return study.engine.create_table(
        "attitude_scores", factor_scores(study.tables["customers"], weights), overwrite=True
    )


@once
def show_scored(study: Study, found: FactorFit, scored: ir.Table) -> ShownTable | CannotSay:
    """Say how many customers have scores, and how the factors go together."""
    n_all = int(scored.count().execute())
    names = factor_names(found)
    table = factor_correlations(found)
    words = (
        "{n} of {all} customers answered every item and have scores. For the other {without} none is guessed."
        if found.n < n_all
        else "All {all} customers answered every item and have scores."
    )
    note = sentence(
        words,
        n=found.n,
        all=n_all,
        without=n_all - found.n,
    )
    columns = [
        Col("one", "Factor"),
        Col("other", "and"),
        Col("correlation", "Correlation", "ratio", "low", "high"),
    ]
    if table.empty:
        return show_pairs({"Scores": note}, caption="Who has a score")
    shown = table.assign(
        **{end: [names[factor - 1] for factor in table[end]] for end in ("one", "other")},
    )
    return show_table(shown, columns, caption="Do the factors go together?", note=note)


def findings(
    study: Study,
    review: pd.DataFrame | CannotSay,
    found: FactorFit | CannotSay | None,
    rated: pd.DataFrame | None,
) -> list[str | CannotSay]:
    """Say which attitudes there are and how far they can be trusted; nothing for a client without items."""
    if isinstance(review, CannotSay):
        return [review] if study.params.segmentation.attitudes else []
    if not isinstance(found, FactorFit) or rated is None:
        return [found] if isinstance(found, CannotSay) else []
    return [_what(found), _trust(rated)]


def key_figures(
    study: Study, found: FactorFit | CannotSay | None, rated: pd.DataFrame | None
) -> list[Estimate | CannotSay]:
    """List factors, reliability, variance explained and loadings."""
    if not isinstance(found, FactorFit) or rated is None:
        return []
    figures: list[Estimate | CannotSay] = [Estimate("n_factors", found.n_factors, "count", found.n)]
    for row in rated[rated["alpha"].notna()].to_dict("records"):
        segment = {"factor": str(row["factor"])}
        figures += [
            Estimate(
                f"attitude_{name}",
                float(row[name]),
                "ratio",
                found.n,
                float(row[f"{name}_low"]),
                float(row[f"{name}_high"]),
                segment,
            )
            for name in ("alpha", "omega")
        ]
    figures += variance_explained(found)
    figures += [
        Estimate(
            "attitude_loading",
            float(row["loading"]),
            "ratio",
            found.n,
            float(row["low"]),
            float(row["high"]),
            {"factor": str(row["factor"]), "item": str(row["item"])},
        )
        for row in loading_table(found).to_dict("records")
    ]
    return figures


# --- words --------------------------------------------------------------------------------------


def short_name(factor: int) -> str:
    """Return what a factor is called by its number."""
    return sentence("factor {number}", number=factor)


def factor_names(found: FactorFit) -> list[str]:
    """Call each factor by its number and its two strongest items; a reversed item is marked."""
    names = []
    for factor, at in enumerate(found.members()):
        strongest = [
            words(found.items[place])
            if found.loadings[place, factor] > 0
            else sentence("not {item}", item=words(found.items[place]))
            for place in at[:2]
        ]
        number = short_name(factor + 1)
        names.append(
            sentence("{factor} ({items})", factor=number, items=listed(strongest)) if strongest else number
        )
    return names


def _notes(study: Study, review: pd.DataFrame, checks: FactorChecks, found: FactorFit) -> list[str]:
    asked = study.params.segmentation.n_factors
    notes = []
    if asked is not None and asked != checks.n_suggested:
        notes.append(
            sentence(
                "The parameter file asks for {asked} factors (segmentation.n_factors); parallel analysis suggests "
                "{suggested}.",
                asked=asked,
                suggested=checks.n_suggested,
            )
        )
    elif asked is None and found.n_factors < checks.n_suggested:
        notes.append(
            sentence(
                "Parallel analysis suggests {suggested} factors, but with more than {used} one would not have two "
                "items.",
                suggested=checks.n_suggested,
                used=found.n_factors,
            )
        )
    notes.append(
        sentence(
            "Sampling adequacy (KMO) is {kmo}; Kaiser (1974) calls less than {least} unacceptable."
            if checks.kmo < ADEQUATE
            else "Sampling adequacy (KMO) is {kmo}, above the {least} below which Kaiser (1974) would factor nothing.",
            kmo=value_text(checks.kmo, "ratio"),
            least=value_text(ADEQUATE, "ratio"),
        )
    )
    used = review.loc[review["state"] == "used", "item"]
    copied = [words(item) for item in used if item not in found.items]
    turned = [
        words(found.items[place])
        for factor, at in enumerate(found.members())
        for place in at
        if found.loadings[place, factor] < 0
    ]
    thin = [short_name(place) for place, at in enumerate(found.members(), start=1) if len(at) < 2]
    named = {
        "{items} repeat another item answer by answer, and are left out.": copied,
        "{items}: reversed. Who agrees scores low on the factor; for alpha the answers are turned round.": turned,
        "{items}: no variance of their own is left (a Heywood case), so their loadings are at the edge of what can be. "
        "Fewer factors, or more items, would mend it.": [words(item) for item in found.bare],
        "{items}: fewer than two items of its own, so it is no common factor.": thin,
    }
    notes += [sentence(text, items=listed(some)) for text, some in named.items() if some]
    return notes


def _what(found: FactorFit) -> str:
    explained = variance_explained(found)[-1]
    names = _("; ").join(factor_names(found))
    text = (
        "Behind {items} attitude items stands one attitude, {names}, which explains {explained} of the variance of the "
        "answers. Segment by its score rather than by single items."
        if found.n_factors == 1
        else "Behind {items} attitude items stand {n} attitudes, which explain {explained} of the variance of the "
        "answers: {names}. Segment by their scores rather than by single items."
    )
    return sentence(text, items=len(found.items), n=found.n_factors, explained=explained, names=names)


def _trust(rated: pd.DataFrame) -> str | CannotSay:
    known = rated[rated["alpha"].notna()]
    if known.empty:
        return CannotSay(_("No factor has two items, so how reliable they are cannot be said."))
    row = known.loc[known["alpha"].idxmin()]
    alpha = Estimate(
        "attitude_alpha",
        float(row["alpha"]),
        "ratio",
        int(row["n"]),
        float(row["alpha_low"]),
        float(row["alpha_high"]),
    )
    assert alpha.low is not None
    if alpha.low >= LOW:
        text = (
            "The least reliable, {name}, has a Cronbach's alpha of {alpha}, above the convention of {low}: the scores "
            "can serve to place customers in groups."
        )
    elif alpha.value >= LOW:
        text = (
            "The least reliable, {name}, has a Cronbach's alpha of {alpha}, at the convention of {low}: enough to "
            "place customers in groups, too little to decide on a single one."
        )
    elif alpha.value >= POOR:
        text = (
            "The least reliable, {name}, has a Cronbach's alpha of {alpha}, below the convention of {low}: compare "
            "groups by it, not single customers, and ask more items that mean the same."
        )
    else:
        text = (
            "The least reliable, {name}, has a Cronbach's alpha of {alpha}, far below the convention of {low}: do not "
            "build on it before it is asked better."
        )
    return sentence(text, name=row["name"], alpha=alpha, low=value_text(LOW, "ratio"))
