"""Study 03 where customers can buy on given occasions only: who is still there, and how often they will still buy.

Where customers can buy on any day, or hold contracts, there is nothing to say here: every step is silent (None), but
for the first that is shown, which says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import date_text, named, sentence, value_text
from cam.language import translate as _
from cam.measures.value.bg_bb import BgBbFit, fit_bg_bb, total_occasions
from cam.measures.value.occasions import (
    TimeFit,
    alive_total,
    occasions_ahead,
    predict_occasions,
    score_occasions,
)
from cam.reduce import summary
from cam.reduce.occasions import occasion_histories, occasion_scores
from cam.show.tables import Col, ShownTable, show_pairs, show_table
from cam.studies.earnings import timing
from cam.studies.fitted import parameters
from cam.studies.repeat_buying import MIN_REPEAT
from cam.studies.study import Study, needs, silent

P = ParamSpec("P")
R = TypeVar("R")

_KEYS = ["frequency", "recency", "n_opportunities"]
#: Occasions that a model must see, and the share of all that are held out.
_FEWEST_SEEN, _HELD_OUT = 3, 1 / 3


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How the last occasions were foretold.

    Attributes
    ----------
    n_seen, n_held : int
        Occasions that the model saw, and that were put away.
    total : Estimate
        What was foretold.
    scores : DataFrame
        As from :func:`cam.measures.value.occasions.predict_occasions`.
    """

    n_seen: int
    n_held: int
    total: Estimate
    scores: pd.DataFrame

    @property
    def actual(self) -> float:
        """Purchases at the occasions that were put away."""
        return float(self.scores["actual"].iloc[0])


@needs()
def occasions(study: Study, decided: str) -> TimeFit | CannotSay | None:
    """Return the occasions to buy; nothing where time is continuous."""
    timed = timing(study, decided)
    return timed if isinstance(timed, CannotSay) or (timed and timed.is_discrete) else None


@silent
def histories(study: Study, timed: TimeFit) -> ir.Table | CannotSay:
    """Reduce the orders to who bought at which occasions, once, inside the engine."""
    table = study.engine.create_table(
        "occasion_histories", _histories(study, timed, timed.n_occasions), overwrite=True
    )
    n = int(table.filter(table.frequency > 0).count().execute())
    if n < MIN_REPEAT:
        return CannotSay(
            sentence(
                "{n} customers have bought at another occasion after their first; a model of repeat buying needs "
                "{least}.",
                n=n,
                least=MIN_REPEAT,
            )
        )
    return table


@needs()
def show_occasions(study: Study, timed: TimeFit | None, table: ir.Table | None) -> ShownTable | CannotSay:
    """Say what occasions there were; or, where customers can buy on any day, why this part is empty."""
    if timed is None or table is None:
        return CannotSay(
            _(
                "There are no occasions outside of which nobody can buy, so buying is not modelled by occasion."
            )
        )
    found = _cells(table)
    n, came_back = (int(part["n_customers"].sum()) for part in (found, found[found["frequency"] > 0]))
    late = int(found.loc[found["n_opportunities"] == 0, "n_customers"].sum())
    starts = timed.days.groupby("occasion")["day"].min()
    return show_pairs(
        {
            "Occasions": value_text(timed.n_occasions, "count"),
            "Spacing": named(timed.spacing),
            "First occasion": date_text(starts.iloc[0].date()),
            "Last occasion": date_text(starts.iloc[-1].date()),
            "Customers": value_text(n, "count"),
            "of whom bought at another occasion": value_text(came_back, "count"),
            "of whom came at the last one": sentence(
                "{n}: they tell nothing of coming back yet, but what they will do is foretold like a new customer's",
                n=late,
            ),
            "Occasions ahead": sentence(
                "{n} within {months} months",
                n=_n_ahead(study, timed),
                months=study.params.value.horizon_months,
            ),
        },
        caption="The occasions to buy",
    )


@silent
def cells(study: Study, table: ir.Table) -> pd.DataFrame:
    """Count customers by what they did since their first occasion."""
    return _cells(table)


@silent
def fit(study: Study, table: pd.DataFrame) -> BgBbFit | CannotSay:
    """Fit the BG/BB to those who have had an occasion to come back."""
    return _fit(table)


@silent
def show_fit(study: Study, table: pd.DataFrame, fitted: BgBbFit) -> ShownTable | CannotSay:
    """Show the parameters with their intervals, and what they mean on average."""
    rows = [
        {"parameter": one.figure.removeprefix("bg_bb_"), "value": one.value, "low": one.low, "high": one.high}
        for one in parameters(fitted, _judged(table), "bg_bb")
    ]
    columns = [Col("parameter", "Parameter"), Col("value", "Value", "ratio", "low", "high")]
    note = sentence(
        "{n} customers. Small: the 95 % profile-likelihood interval.",
        n=fitted.optimum.n if fitted.optimum else 0,
    )
    notes = [
        sentence(
            "While still there, a new customer buys at {buys} of the occasions on average, and is gone before the next "
            "one with a probability of {leaves} on average.",
            buys=value_text(fitted.alpha / (fitted.alpha + fitted.beta), "share"),
            leaves=value_text(fitted.gamma / (fitted.gamma + fitted.delta), "share"),
        )
    ]
    if fitted.optimum and fitted.optimum.weak:
        notes.append(
            sentence(
                "{model}: {names} are hardly known; what follows from them jointly can be known better.",
                model=named("bg_bb"),
                names=", ".join(fitted.optimum.weak),
            )
        )
    return show_table(pd.DataFrame(rows), columns, caption="BG/BB: buying or not", note=note, notes=notes)


@silent
def hold_out(study: Study, timed: TimeFit, table: ir.Table) -> HeldOut | CannotSay:
    """Put the last occasions away, fit to those before, and compare."""
    n_held = max(round(_HELD_OUT * timed.n_occasions), 1)
    n_seen = timed.n_occasions - n_held
    if n_seen < _FEWEST_SEEN:
        n_seen, n_held = timed.n_occasions - 1, 1
    keys = [*_KEYS, "holdout_frequency"]
    held = summary.cells(_histories(study, timed, n_seen), *keys).order_by(keys).execute()
    repeated = int(held.loc[held["frequency"] > 0, "n_customers"].sum())
    if repeated < MIN_REPEAT:
        return CannotSay(
            sentence(
                "How well the model foretells is not shown: without the last occasions only {n} customers have bought "
                "again, and {least} are needed.",
                n=repeated,
                least=MIN_REPEAT,
            )
        )
    early = _fit(held)
    if isinstance(early, CannotSay):
        return CannotSay(
            _(
                "How well the model foretells is not shown: the earlier occasions alone do not hold its parameters."
            )
        )
    total, scores = predict_occasions(early, held, n_ahead=n_held)
    if not held["holdout_frequency"].any():
        return CannotSay(_("Nobody bought after the cut-off, so no prediction can be judged."))
    return HeldOut(n_seen, n_held, total, scores)


@silent
def show_holdout(study: Study, held: HeldOut) -> ShownTable | CannotSay:
    """Show how each prediction fared."""
    is_model = held.scores["model"] == "bg_bb"
    shown = held.scores.assign(
        name=held.scores["model"].map(named),
        low=[held.total.low if each else None for each in is_model],
        high=[held.total.high if each else None for each in is_model],
    )
    columns = [
        Col("name", "Prediction"),
        Col("predicted", "Purchases predicted", "count", "low", "high"),
        Col("bias", "Bias", "share"),
        Col("rmse", "RMSE", "ratio"),
        Col("mae", "MAE", "ratio"),
        Col("rank_correlation", "Rank correlation", "ratio", may_be_empty=True),
    ]
    note = sentence(
        "Seen: the first {seen} occasions; put away: the last {held}. In fact there were {actual} purchases by {n} "
        "customers. RMSE and MAE are in purchases per customer.",
        seen=held.n_seen,
        held=held.n_held,
        actual=value_text(held.actual, "count"),
        n=held.total.n or 0,
    )
    return show_table(shown, columns, caption="How well were the last occasions foretold?", note=note)


@silent
def ahead(study: Study, timed: TimeFit, table: pd.DataFrame, fitted: BgBbFit) -> pd.DataFrame | CannotSay:
    """Score every history: still there at the next occasion, and purchases at those of the horizon."""
    n_ahead = _n_ahead(study, timed)
    if not n_ahead:
        return CannotSay(
            sentence(
                "No occasion falls within the next {months} months, so nothing is foretold.",
                months=study.params.value.horizon_months,
            ),
            _("Set value.horizon_months to more."),
        )
    return score_occasions(fitted, table, n_ahead=n_ahead).assign(n_ahead=n_ahead)


@silent
def show_ahead(study: Study, scored: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the commonest histories and what they foretell."""
    shown = scored.sort_values(["n_customers", *_KEYS], ascending=[False, True, True, True])
    columns = [
        Col("n_opportunities", "Occasions since the first", "count"),
        Col("frequency", "bought at", "count"),
        Col("recency", "the last of them", "count"),
        Col("n_customers", "Customers", "count"),
        Col("p_alive", "There at the next one", "share", "p_alive_low", "p_alive_high"),
        Col(
            "expected_purchases",
            "Purchases ahead",
            "ratio",
            "expected_purchases_low",
            "expected_purchases_high",
        ),
    ]
    note = sentence(
        "Purchases ahead are those expected at the next {n} occasions; small: 95 % intervals of the expectation.",
        n=int(scored["n_ahead"].iloc[0]),
    )
    return show_table(shown, columns, caption="What histories foretell, the commonest first", note=note)


@silent
def totals(study: Study, fitted: BgBbFit, scored: pd.DataFrame) -> list[Estimate]:
    """Estimate how many customers are still there, and how often they will buy, chance included."""
    n_ahead = int(scored["n_ahead"].iloc[0])
    return [alive_total(fitted, scored), total_occasions(fitted, scored, n_ahead=n_ahead)]


@silent
def scores(study: Study, table: ir.Table, scored: pd.DataFrame) -> ir.Table:
    """Score each customer."""
    given = study.engine.create_table(
        "occasion_cells", scored.drop(columns=["n_customers", "n_ahead"]), overwrite=True
    )
    return occasion_scores(table, given)


def findings(
    study: Study, found: list[Estimate] | CannotSay | None, held: HeldOut | CannotSay | None
) -> list[str | CannotSay]:
    """Say who is still there, what they will do, and how far that can be relied on; nothing in continuous time."""
    said: list[str | CannotSay] = [value for value in (found, held) if isinstance(value, CannotSay)]
    if isinstance(found, list):
        active, purchases = found
        said += [
            sentence(
                "Of {n} customers, {active} will still be there at the next occasion. Write to them; of the others "
                "most are gone.",
                n=value_text(active.n or 0, "count"),
                active=active,
            ),
            sentence(
                "At the occasions of the next {months} months today's customers will buy {purchases} times: plan stock "
                "and service for that.",
                months=study.params.value.horizon_months,
                purchases=purchases,
            ),
        ]
    if isinstance(held, HeldOut):
        low, high = held.total.low or 0.0, held.total.high or 0.0
        naive = float(held.scores.set_index("model").at["same_rate", "bias"])
        words = (
            "The model foretold {predicted} purchases for the last occasions; there were {actual}, which is within "
            "what chance allows. Predicting that all go on as before would have missed by {naive}."
            if low <= held.actual <= high
            else "The model foretold {predicted} purchases for the last occasions; there were {actual}: more than "
            "chance was at work, and what it says of the next ones is too sure of itself. Predicting that all go on as "
            "before would have missed by {naive}."
        )
        said.append(
            sentence(
                words,
                predicted=held.total,
                actual=value_text(held.actual, "count"),
                naive=value_text(naive, "share"),
            )
        )
    return said


def key_figures(
    study: Study,
    table: pd.DataFrame | CannotSay | None,
    fitted: BgBbFit | CannotSay | None,
    found: list[Estimate] | CannotSay | None,
    held: HeldOut | CannotSay | None,
) -> list[Estimate | CannotSay]:
    """List the key figures of buying by occasion; none in continuous time."""
    given = (table, fitted, found, held)
    figures: list[Estimate | CannotSay] = [value for value in given if isinstance(value, CannotSay)]
    if isinstance(table, pd.DataFrame) and isinstance(fitted, BgBbFit) and fitted.optimum:
        figures += parameters(fitted, _judged(table), "bg_bb")
        value, n = fitted.optimum.log_likelihood, fitted.optimum.n
        figures.append(Estimate("bg_bb_log_likelihood", value, "ratio", n))
    if isinstance(found, list):
        figures += found
    if isinstance(held, HeldOut):
        figures += [held.total, Estimate("holdout_actual", held.actual, "count", held.total.n)]
    return figures


def _histories(study: Study, timed: TimeFit, n_seen: int) -> ir.Table:
    days = study.engine.table("occasion_days")
    return occasion_histories(study.tables["transactions"], days, as_of=study.as_of, n_seen=n_seen)


def _cells(table: ir.Table) -> pd.DataFrame:
    found: pd.DataFrame = summary.cells(table, *_KEYS).order_by(_KEYS).execute()
    return found


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    """Those who have had an occasion to come back; the others add nothing to a likelihood."""
    return table[table["n_opportunities"] > 0]


def _fit(table: pd.DataFrame) -> BgBbFit | CannotSay:
    found = fit_bg_bb(_judged(table))
    optimum = found.optimum
    if optimum and optimum.is_converged:
        return found
    names = (optimum.runaways or optimum.weak or optimum.names) if optimum else ()
    return CannotSay(
        sentence(
            "{model}: the data do not hold {names}. The likelihood is flat that way, so the model is not used.",
            model=named("bg_bb"),
            names=", ".join(names),
        ),
        _("Export purchases from further back: with more occasions per customer the model can be held."),
    )


def _n_ahead(study: Study, timed: TimeFit) -> int:
    days = study.params.value.horizon_months * 30.4375
    return occasions_ahead(timed, as_of=study.as_of, days=days)
