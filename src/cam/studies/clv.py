"""Study 03, residual CLV: what today's customers will still bring, each with an interval, and what a new one brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, Z
from cam.language import named, sentence, together, value_text
from cam.language import translate as _
from cam.measures.value.bootstrap import bootstrap, scaled_bias, total_of_draws
from cam.measures.value.clv import (
    chance_of_totals,
    clv_of_new,
    error_of,
    margin_draws,
    score_cells,
    spend_by_frequency,
    worth_by_draw,
)
from cam.measures.value.future import WEEKS_PER_MONTH, weekly_discount
from cam.measures.value.gamma_gamma import (
    GammaGammaFit,
    fit_gamma_gamma,
)
from cam.reduce.summary import cells
from cam.reduce.worth import customer_worth, worth_cells
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.margin import lacks_margin
from cam.studies.repeat_buying import MIN_REPEAT, SEED, Fits, Picked, fitted_customers, refit
from cam.studies.spend import counted_spend, limits_text
from cam.studies.study import Study, needs

#: A discount rate per year below this is likely to be one per month or week.
_LOW_RATE = 0.02
#: Of a channel half of the resamples are drawn, but never fewer: there are many channels.
_FEWEST_DRAWS = 50


@dataclass(frozen=True, slots=True)
class Worth:
    """What the model says of today's customers.

    Attributes
    ----------
    picked : Picked
        The picked model, and by how much it missed the holdout.
    fits : sequence of fits
        The fit to all data, then its refits to resamples.
    cells : DataFrame
        Cells with their outlooks and limits, as from :func:`cam.measures.value.clv.score_cells`.
    sums : DataFrame
        Sums by draw.
    spend : sequence of GammaGammaFit, or CannotSay
        Spend likewise, or why it cannot be said.
    margin : array or CannotSay
        Margin rate likewise, or why it is not known.
    """

    picked: Picked
    fits: Sequence[Any]
    cells: pd.DataFrame
    sums: pd.DataFrame
    spend: Any
    margin: Any

    @property
    def looks_for_ever(self) -> bool:
        """Whether anything is said beyond the horizon: not where the model has nobody leave."""
        return self.picked.model != "nbd"

    @property
    def n(self) -> int:
        """Customers."""
        return int(self.cells["n_customers"].sum())


@needs()
def margin_rate(study: Study, decided: str, estimates: list[Estimate]) -> Estimate | CannotSay:
    """Return the margin rate that money ahead is multiplied by: measured, else assumed."""
    lacking = lacks_margin(study, decided)
    if lacking:
        return CannotSay(
            sentence("{reason} So there is no CLV, only purchases and spend.", reason=lacking.reason),
            lacking.cure,
        )
    measured = next((each for each in estimates if each.figure == "margin_rate"), None)
    if measured is not None:
        return measured
    rate = study.params.value.margin_rate
    if rate is None:
        return CannotSay(_("Margin is not known: revenue is not above zero in total."))
    return Estimate("margin_rate", rate, "share")


def value_base(
    study: Study,
    customers: ir.Table | CannotSay,
    picked: Picked | CannotSay,
    fits: Fits | CannotSay,
    spent: tuple[pd.DataFrame | CannotSay, GammaGammaFit | CannotSay],
    margin: Estimate | CannotSay,
) -> Worth | CannotSay:
    """Score every cell by the picked model, and again under each resample of the customers."""
    for said in (customers, picked, fits):
        if isinstance(said, CannotSay):
            return said
    assert not isinstance(customers, CannotSay) and not isinstance(picked, CannotSay)
    assert not isinstance(fits, CannotSay)
    value = study.params.value
    fit = fits[picked.model]
    if not fit.optimum.is_converged:
        return CannotSay(
            sentence(
                "The picked model, {model}, held in the calibration period, but all data together do not hold its "
                "parameters.",
                model=named(picked.model),
            ),
            _("Set value.model to another model."),
        )
    keys = ["frequency", "recency", "T", "spend_frequency"]
    table = worth_cells(customers).order_by(keys).execute()
    several = [fit, *bootstrap(fit, table, n_draws=value.n_bootstrap, seed=SEED)]
    scored, sums = score_cells(several, table, horizon=horizon_weeks(study), discount=_discount(study))
    rows, spend_fit = spent
    spend: Sequence[GammaGammaFit] | CannotSay
    if isinstance(rows, CannotSay) or isinstance(spend_fit, CannotSay):
        spend = next(said for said in (rows, spend_fit) if isinstance(said, CannotSay))
    else:
        spend = [spend_fit, *bootstrap(spend_fit, rows, n_draws=value.n_bootstrap, seed=SEED + 1)]
    rates = (
        margin
        if isinstance(margin, CannotSay)
        else margin_draws(margin.value, error=error_of(margin), n_draws=value.n_bootstrap, seed=SEED + 2)
    )
    return Worth(picked, several, scored, sums, spend, rates)


@needs()
def totals(study: Study, worth: Worth) -> list[Estimate | CannotSay]:
    """Add up what today's customers will do and bring, with intervals for what will happen."""
    horizon, sums = horizon_weeks(study), worth.sums
    by_draw = sums.groupby("draw")[["p_alive", "expected_purchases"]].sum()
    alive = worth.cells["p_alive"].to_numpy(float)
    luck = float((worth.cells["n_customers"].to_numpy(float) * alive * (1 - alive)).sum() ** 0.5)
    is_money = not isinstance(worth.spend, CannotSay) and not isinstance(worth.margin, CannotSay)
    spend = worth.spend[0] if not isinstance(worth.spend, CannotSay) else None
    bought, brought = chance_of_totals(worth.fits[0], spend, worth.cells, horizon=horizon, seed=SEED)
    found: list[Estimate | CannotSay] = [
        _total(worth, "expected_purchases", by_draw["expected_purchases"], "count", chance=bought)
    ]
    if worth.looks_for_ever:  # where nobody leaves, all are active by assumption
        found.insert(0, _total(worth, "active_customers", by_draw["p_alive"], "count", chance=luck))
    if not is_money:
        return [*found, *(said for said in (worth.spend, worth.margin) if isinstance(said, CannotSay))]
    looks: list[tuple[str, dict[str, str], float]] = [("discounted_purchases", {}, brought)]
    if _is_for_ever(study, worth):
        _bought, later = chance_of_totals(worth.fits[0], spend, worth.cells, horizon=None, seed=SEED)
        looks.append(("dert", {"horizon": "for_ever"}, later))
    near = worth_by_draw(sums, worth.spend, worth.margin, outlook_name="discounted_purchases")
    for name, segment, chance in looks:
        draws = worth_by_draw(sums, worth.spend, worth.margin, outlook_name=name)
        found.append(
            _total(
                worth,
                "residual_clv_total",
                draws,
                study.currency,
                chance=chance * float(worth.margin[0]),
                segment=segment,
                times=float(draws[0]) / float(near[0]) if near[0] else 1.0,
            )
        )
    return found


@needs()
def show_totals(
    study: Study, found: list[Estimate | CannotSay], new: list[Estimate | CannotSay]
) -> ShownTable | CannotSay:
    """Show the totals over all of today's customers, and what a new one is worth."""
    rows = [
        {
            "figure": _("Residual CLV of all customers, for ever")
            if "horizon" in each.segment
            else named(each.figure),
            "value": value_text(each.value, each.unit),
            "range": limits_text(each),
            "n": each.n,
        }
        for each in found
        if isinstance(each, Estimate)
    ]
    columns = [
        Col("figure", "Of today's customers"),
        Col("value", "Expected"),
        Col("range", "95 % interval"),
        Col("n", "n", "count"),
    ]
    note = sentence(
        "Over the next {months} months unless said otherwise; money is margin, discounted at {rate} a year.",
        months=study.params.value.horizon_months,
        rate=value_text(study.params.value.annual_discount_rate, "share"),
    )
    note = together(note, _worth_of_new(study, [each for each in new if isinstance(each, Estimate)]))
    unsaid = [together(each.reason, each.cure) for each in found if isinstance(each, CannotSay)]
    serving = study.params.value.cost_to_serve
    if serving.order or serving.refund or serving.ticket:
        unsaid.append(
            _(
                "The cost to serve is not deducted here, nor from CLV to CAC, payback and customer equity below."
            )
        )
    rate = study.params.value.annual_discount_rate
    if 0 < rate < _LOW_RATE:
        unsaid.append(
            sentence(
                "A discount of {rate} a year is very low: value.annual_discount_rate is per year, not per week.",
                rate=value_text(rate, "share"),
            )
        )
    if not unsaid and not study.params.value.annual_discount_rate:
        unsaid.append(_("Without a discount rate a sum for ever has no end, so none is shown."))
    elif not unsaid and all("horizon" not in each.segment for each in found if isinstance(each, Estimate)):
        unsaid.append(
            _(
                "When these customers leave cannot be read from the data, so nothing is said beyond the horizon."
            )
        )
    return show_table(
        pd.DataFrame(rows),
        columns,
        caption="What today's customers will still bring",
        note=note,
        notes=unsaid,
    )


@needs()
def scored_cells(study: Study, worth: Worth) -> pd.DataFrame | CannotSay:
    """Return the cells with their chance of being active, for the map of it."""
    if not worth.looks_for_ever:
        return CannotSay(_("Nobody leaves under the model in use, so every customer counts as active."))
    return worth.cells


@needs()
def worth_table(study: Study, customers: ir.Table, worth: Worth) -> ir.Table:
    """Join the scores of the cells to every customer, inside the engine."""
    engine = study.engine
    hidden = (
        []
        if _is_for_ever(study, worth)
        else [name for name in worth.cells.columns if name.startswith("dert")]
    )
    left_out = {*hidden, "spend_sum", "n_customers"}
    once = ~worth.cells.duplicated(["frequency", "recency", "T"])
    kept = worth.cells.loc[once, [name for name in worth.cells.columns if name not in left_out]]
    scored = engine.create_table("scored_cells", kept, overwrite=True)
    del kept  # of very many cells one copy is enough
    spend = None
    margin = error = 0.0
    if not isinstance(worth.spend, CannotSay) and not isinstance(worth.margin, CannotSay):
        by_frequency = spend_by_frequency(worth.spend, sorted(worth.cells["spend_frequency"].unique()))
        spend = engine.create_table("spend_by_frequency", by_frequency, overwrite=True)
        margin, error = float(worth.margin[0]), float(np.std(worth.margin[1:], ddof=1))
    table = customer_worth(customers, scored, spend, margin=margin, margin_error=error, z=Z)
    return engine.create_table("customer_worth", table, overwrite=True)


@needs()
def show_most_valuable(study: Study, table: ir.Table) -> ShownTable | CannotSay:
    """Show the customers of whom most is still expected."""
    if "residual_clv" not in table.columns:
        return CannotSay(
            _("Which customers will bring most is not shown in money: spend or margin is not known.")
        )
    top = table.order_by([table.residual_clv.desc(), table.customer_id]).limit(10).execute()
    numbers = [name for name in top.columns if name != "customer_id"]
    columns = [
        Col("customer_id", "Customer"),
        Col("p_alive", "Still active", "share", "p_alive_low", "p_alive_high"),
        Col(
            "expected_purchases",
            "Purchases ahead",
            "ratio",
            "expected_purchases_low",
            "expected_purchases_high",
        ),
        Col("residual_clv", "Residual CLV", study.currency, "residual_clv_low", "residual_clv_high"),
    ]
    note = _(
        "Intervals are those of the expectation; what one customer does in fact varies far more. All customers are in "
        "customers.parquet."
    )
    return show_table(
        top.astype(dict.fromkeys(numbers, "float64")), columns, caption="Whom most is expected of", note=note
    )


@needs()
def new_customers(study: Study, worth: Worth) -> list[Estimate | CannotSay]:
    """Estimate the CLV of a new customer, over the horizon and for ever, the first purchase included."""
    for said in (worth.spend, worth.margin):
        if isinstance(said, CannotSay):
            return [said]
    looks: list[tuple[float | None, dict[str, str]]] = [(horizon_weeks(study), {})]
    if _is_for_ever(study, worth):
        looks.append((None, {"horizon": "for_ever"}))
    found: list[Estimate | CannotSay] = []
    for weeks, segment in looks:
        draws = clv_of_new(worth.fits, worth.spend, worth.margin, discount=_discount(study), horizon=weeks)
        found.append(new_estimate(worth, draws, study.currency, n=worth.n, segment=segment))
    return found


@needs()
def clv_by_channel(study: Study, customers: ir.Table, worth: Worth) -> pd.DataFrame | CannotSay:
    """Estimate the CLV of a new customer of each acquisition channel: the same model, fitted to its customers alone."""
    lacking = study.lacks_column("customers", "acquisition_channel")
    for said in (lacking, worth.spend, worth.margin):
        if isinstance(said, CannotSay):
            return said
    for_ever = _is_for_ever(study, worth)
    known = study.tables["customers"].select("customer_id", channel="acquisition_channel")
    people = customers.inner_join(known.filter(known.channel.notnull()), "customer_id")
    people = study.engine.create_table("histories_by_channel", people, overwrite=True)
    rows = []
    for channel in people.select("channel").distinct().order_by("channel").execute()["channel"]:
        mine = people.filter(people.channel == channel)
        table = cells(fitted_customers(mine)).order_by(["frequency", "recency", "T"]).execute()
        spent = counted_spend(mine)
        draws = _new_by_draw(study, worth, table, spent, for_ever=for_ever)
        if draws is not None:
            n = int(table["n_customers"].sum())
            one = new_estimate(worth, draws, study.currency, n=n)
            rows.append({"channel": channel, "clv": one.value, "low": one.low, "high": one.high, "n": n})
    if not rows:
        return CannotSay(
            sentence(
                "No channel has {least} customers who bought again and whose models hold.", least=MIN_REPEAT
            )
        )
    return pd.DataFrame(rows)


def _worth_of_new(study: Study, worths: list[Estimate]) -> str:
    if not worths:
        return ""
    words = (
        "A new customer is worth {near} over the first {months} months and {ever} for ever."
        if len(worths) > 1
        else "A new customer is worth {near} over the first {months} months."
    )
    return sentence(words, near=worths[0], ever=worths[-1], months=study.params.value.horizon_months)


def _new_by_draw(
    study: Study, worth: Worth, table: pd.DataFrame, spent: pd.DataFrame, *, for_ever: bool
) -> Any:
    """CLV of a new customer under a channel's own fits; None where its data do not hold them."""
    if int(spent["n_customers"].sum()) < MIN_REPEAT:
        return None
    fit, spend = refit(worth.fits[0], table), fit_gamma_gamma(spent)
    if (
        not fit.optimum.is_converged
        or spend.optimum is None
        or not spend.optimum.is_converged
        or spend.q <= 1
    ):
        return None
    n_draws = max(study.params.value.n_bootstrap // 2, _FEWEST_DRAWS)
    several = [fit, *bootstrap(fit, table, n_draws=n_draws, seed=SEED)]
    spends = [spend, *bootstrap(spend, spent, n_draws=n_draws, seed=SEED + 1)]
    weeks = None if for_ever else horizon_weeks(study)
    return clv_of_new(several, spends, worth.margin[: n_draws + 1], discount=_discount(study), horizon=weeks)


def key_figures(
    study: Study, found: list[Estimate | CannotSay] | CannotSay, new: list[Estimate | CannotSay] | CannotSay
) -> list[Estimate | CannotSay]:
    """List the key figures of residual CLV and of a new customer's CLV."""
    figures: list[Estimate | CannotSay] = []
    for each in (found, new):
        figures += [each] if isinstance(each, CannotSay) else each
    return figures


def findings(
    study: Study, found: list[Estimate | CannotSay] | CannotSay, worth: Worth | CannotSay
) -> list[str | CannotSay]:
    """Say how many are still customers, and what they will bring."""
    if isinstance(found, CannotSay) or isinstance(worth, CannotSay):
        return []
    known = {each.figure: each for each in found if isinstance(each, Estimate) and not each.segment}
    n, months = worth.n, study.params.value.horizon_months
    said: list[str | CannotSay] = []
    if worth.looks_for_ever:
        said.append(
            sentence(
                "Of {n} customers who ever bought, {active} are still active by their own rhythm of buying. The others "
                "are most likely gone: plan for those who are left.",
                n=value_text(n, "count"),
                active=known["active_customers"],
            )
        )
    if "residual_clv_total" in known:
        said.append(
            sentence(
                "Over the next {months} months today's customers will bring {clv} in discounted margin, chance "
                "included, if nothing changes. A plan for them is worth what it adds to that.",
                months=months,
                clv=known["residual_clv_total"],
            )
        )
    else:
        said.append(
            sentence(
                "Over the next {months} months today's customers will buy {purchases} times: plan stock and service "
                "for that.",
                months=months,
                purchases=known["expected_purchases"],
            )
        )
        said += [each for each in found if isinstance(each, CannotSay)][:1]
    return said


def horizon_weeks(study: Study) -> float:
    """Return the horizon in weeks; a month has 30.4375 days."""
    return study.params.value.horizon_months * WEEKS_PER_MONTH


def _is_for_ever(study: Study, worth: Worth) -> bool:
    return worth.looks_for_ever and study.params.value.annual_discount_rate > 0


def _discount(study: Study) -> float:
    """Without a discount the sum for ever has no end; it is then not shown, and the horizon's is not touched."""
    return weekly_discount(study.params.value.annual_discount_rate) or 1e-9


def new_estimate(
    worth: Worth, draws: Any, currency: str, *, n: int, segment: dict[str, str] | None = None
) -> Estimate:
    """Estimate a new customer's CLV; a holdout of old customers does not say to which side it is off for new ones."""
    bias = worth.picked.bias
    either = [
        total_of_draws("clv", np.asarray(draws, dtype=float), bias=one, unit=currency, n=n)
        for one in (bias, scaled_bias(bias, -1.0))
    ]
    low, high = min(each.low or 0.0 for each in either), max(each.high or 0.0 for each in either)
    return Estimate("clv", either[0].value, currency, n, low, high, segment or {})


def _total(
    worth: Worth,
    figure: str,
    draws: Any,
    unit: str,
    *,
    chance: float = 0.0,
    segment: dict[str, str] | None = None,
    times: float = 1.0,
) -> Estimate:
    total = total_of_draws(
        figure,
        np.asarray(draws, dtype=float),
        chance=chance,
        bias=scaled_bias(worth.picked.bias, times),
        unit=unit,
        n=worth.n,
    )
    high = total.high
    if figure == "active_customers" and high is not None:
        high = min(high, float(worth.n))  # no more than there are, however far the model missed
    return Estimate(figure, total.value, unit, total.n, total.low, high, segment or {})
