"""Study 03, covariates: what known of customers goes with buying more often and with leaving sooner."""

from __future__ import annotations

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import named, sentence, value_text
from cam.language import translate as _
from cam.measures.value.covariates import effects, encode, likelihood_ratio
from cam.reduce.summary import cells
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.repeat_buying import MODELS, Fits, Picked, fitted_customers, refit
from cam.studies.study import Study, needs

#: More distinct values than this in a text column are names, not levels.
_MOST_VALUES = 200
#: A gain that chance brings about less often than this is one.
_SIGNIFICANT = 0.05


@needs("customers")
def covariate_effects(
    study: Study, customers: ir.Table, fits: Fits, picked: Picked
) -> pd.DataFrame | CannotSay:
    """Fit the picked model again with what is known of customers, and test whether that tells anything."""
    if picked.model not in MODELS:
        return CannotSay(_("Nobody leaves under the model in use, so nothing can go with leaving."))
    known = study.tables["customers"]
    names = study.params.value.covariates or [
        name for name in ("acquisition_channel",) if name in known.columns
    ]
    if not names:
        return CannotSay(
            _("The parameter file names no column of customers that might go with buying or leaving."),
            _("Name some under value.covariates."),
        )
    missing = study.lacks_column("customers", *names)
    if missing:
        return missing
    people = fitted_customers(customers).left_join(known.select("customer_id", *names), "customer_id")
    table = cells(people, "frequency", "recency", "T", *names)
    table = table.order_by(["frequency", "recency", "T", *names]).execute()
    crowded = [
        name
        for name in names
        if not pd.api.types.is_numeric_dtype(table[name]) and table[name].nunique() > _MOST_VALUES
    ]
    if crowded:
        return CannotSay(
            sentence("{name} has a value of its own for nearly every customer.", name=crowded[0]),
            _("Take it out of value.covariates."),
        )
    encoded, against = encode(table, names)
    if not against:
        return CannotSay(_("The covariates have one level only that holds enough customers."))
    large = refit(fits[picked.model], encoded, covariates=tuple(against))
    if not large.optimum.is_converged:
        return CannotSay(_("The data do not hold the effects of the covariates: their likelihood is flat."))
    test = likelihood_ratio(fits[picked.model], large)
    found = effects(large).assign(against=list(against.values()), model=picked.model)
    return found.assign(**test)


@needs()
def show_effects(study: Study, found: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the factors on buying and on leaving, and whether they are more than chance."""
    columns = [
        Col("covariate", "What is known"),
        Col("against", "Compared with"),
        Col("buying", "Buys more often by", "ratio", "buying_low", "buying_high"),
        Col("leaving", "Leaves sooner by", "ratio", "leaving_low", "leaving_high"),
    ]
    shown = found.assign(
        covariate=[str(name).partition("=")[2] or str(name) for name in found["covariate"]],
        against=[name or _("one standard deviation less") for name in found["against"]],
    )
    first = found.iloc[0]
    is_real = float(first["p"]) < _SIGNIFICANT
    words = (
        "Together they tell more than chance would: twice the gain in log-likelihood is {gain} for {degrees} "
        "parameters."
        if is_real
        else "Together they tell no more than chance would: twice the gain in log-likelihood is {gain} for {degrees} "
        "parameters."
    )
    note = sentence(
        words,
        gain=value_text(float(first["gain"]), "ratio"),
        degrees=value_text(float(first["degrees"]), "count"),
    )
    notes = [
        _(
            "1 is no difference; 2 is twice as often, or twice the chance to leave. The values above do not use it."
        ),
    ]
    return show_table(
        shown,
        columns,
        caption=sentence("What goes with buying and leaving ({model})", model=named(str(first["model"]))),
        note=note,
        notes=notes,
        max_rows=20,
    )


def key_figures(study: Study, found: pd.DataFrame | CannotSay) -> list[Estimate | CannotSay]:
    """List the factors on buying and on leaving."""
    if isinstance(found, CannotSay):
        return []
    return [
        Estimate(
            f"{called}_factor",
            float(row[called]),
            "ratio",
            low=float(row[f"{called}_low"]),
            high=float(row[f"{called}_high"]),
            segment={"covariate": str(row["covariate"])},
        )
        for row in found.to_dict("records")
        for called in ("buying", "leaving")
    ]
