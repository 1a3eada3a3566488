"""Study 03, spend per purchase: whether the Gamma-Gamma may be used, and what it says."""

from __future__ import annotations

from dataclasses import replace

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import named, sentence, value_text
from cam.language import translate as _
from cam.measures.value.gamma_gamma import (
    MOST_CORRELATED,
    GammaGammaFit,
    fit_gamma_gamma,
    spend_frequency_correlation,
)
from cam.reduce.worth import NEAR, near_spend_cells, spend_cells
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.fitted import parameters
from cam.studies.repeat_buying import MIN_REPEAT
from cam.studies.study import Study, needs

#: Own means of that many customers are told apart; a study that held all of them would grow with the customers.
MOST_MEANS = 1_000_000


@needs()
def spend_rows(study: Study, customers: ir.Table) -> pd.DataFrame | CannotSay:
    """Count customers by frequency and own mean spend: what tells of spend per purchase."""
    rows = counted_spend(customers)
    n = int(rows["n_customers"].sum())
    if n < MIN_REPEAT:
        return CannotSay(
            sentence(
                "{n} customers have a repeat purchase with revenue; a model of spend needs {least}.",
                n=n,
                least=MIN_REPEAT,
            )
        )
    if rows["frequency"].nunique() < 2 or rows["monetary_value"].nunique() < 2:
        return CannotSay(
            _("Spend or frequency is the same for all repeat customers, so neither can be modelled.")
        )
    return rows


def counted_spend(customers: ir.Table) -> pd.DataFrame:
    """Count customers by frequency and own mean spend; by nearly equal means where there are very many customers."""
    spenders = int(customers.filter(customers.frequency > 0, customers.monetary_value > 0).count().execute())
    counted = spend_cells(customers) if spenders <= MOST_MEANS else near_spend_cells(customers)
    return counted.order_by(["frequency", "monetary_value"]).execute()


@needs()
def spend_correlation(study: Study, rows: pd.DataFrame) -> Estimate:
    """Correlate mean spend with frequency: the model of spend takes them as unrelated."""
    return spend_frequency_correlation(rows)


@needs()
def fit_spend(study: Study, rows: pd.DataFrame) -> GammaGammaFit | CannotSay:
    """Fit what customers spend per purchase."""
    fit = fit_gamma_gamma(rows)
    if fit.optimum is None or not fit.optimum.is_converged:
        return CannotSay(
            _("The data do not hold the parameters of spend (Gamma-Gamma): its likelihood is flat.")
        )
    if fit.q <= 1:
        return CannotSay(
            _(
                "Spend per purchase is so uneven that its mean does not exist under the Gamma-Gamma (q is not above 1)."
            )
        )
    return fit


@needs()
def show_spend(
    study: Study, customers: ir.Table, rows: pd.DataFrame, correlation: Estimate, fit: GammaGammaFit
) -> ShownTable | CannotSay:
    """Show the model of spend, and whether it may be used."""
    found = [
        replace(each, unit=study.currency) if each.figure == "gamma_gamma_gamma" else each
        for each in (correlation, *parameters(fit, rows, "gamma_gamma"))
    ]
    table = pd.DataFrame(
        {
            "name": [named(each.figure) for each in found],
            "value": [value_text(each.value, each.unit) for each in found],
            "low": [limits_text(each) for each in found],
        }
    )
    repeated = int(customers.filter(customers.frequency > 0).count().execute())
    without = repeated - int(rows["n_customers"].sum())
    is_tied = abs(correlation.value) >= MOST_CORRELATED
    notes = [
        sentence(
            "Spend goes with frequency: {r}. The model takes them as unrelated, so what those spend who are hardly "
            "known is off. Read sums of money with care.",
            r=correlation,
        )
        if is_tied
        else sentence("Spend hardly goes with frequency: {r}. The model may be used.", r=correlation),
        sentence(
            "Mean spend per purchase of all customers: {mean}.",
            mean=value_text(fit.mean_spend, study.currency),
        ),
    ]
    if int(rows["n_customers"].sum()) > MOST_MEANS:
        notes.append(
            sentence(
                "More than {n} customers have bought again, so those whose means differ by less than {near} stand "
                "together at their mean: what follows is not touched by that.",
                n=MOST_MEANS,
                near=value_text(NEAR, "share"),
            )
        )
    if without:
        notes.append(
            sentence(
                "{n} customers with repeat purchases have a mean spend not above zero; they are given the mean of all.",
                n=without,
            )
        )
    columns = [Col("name", "figure"), Col("value", "Value"), Col("low", "95 % interval")]
    return show_table(table, columns, caption="What customers spend per purchase", notes=notes)


def key_figures(
    study: Study,
    rows: pd.DataFrame | CannotSay,
    correlation: Estimate | CannotSay,
    fit: GammaGammaFit | CannotSay,
) -> list[Estimate | CannotSay]:
    """List the parameters of spend, and how far it goes with frequency."""
    if isinstance(rows, CannotSay) or isinstance(fit, CannotSay) or fit.optimum is None:
        return [said for said in (rows, fit) if isinstance(said, CannotSay)]
    height = Estimate("gamma_gamma_log_likelihood", fit.optimum.log_likelihood, "ratio", fit.optimum.n)
    return [*parameters(fit, rows, "gamma_gamma"), height, correlation]


def limits_text(estimate: Estimate) -> str:
    """Return an interval ready to print, without n."""
    if estimate.low is None or estimate.high is None:
        return _("no limit")
    return sentence(
        "{low} to {high}",
        low=value_text(estimate.low, estimate.unit),
        high=value_text(estimate.high, estimate.unit),
    )
