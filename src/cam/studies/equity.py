"""Study 03, customer equity: today's customers and those to come, what moves it, and what a plan would do to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import named, sentence, value_text
from cam.language import translate as _
from cam.measures.value.bootstrap import scaled_bias, total_of_draws
from cam.measures.value.clv import chance_of_totals, clv_of_new, worth_by_draw
from cam.measures.value.equity import (
    LEVERS,
    Terms,
    annual_retention,
    customer_equity,
    moved,
    sensitivity,
)
from cam.measures.value.future import weekly_discount
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.acquisition import acquired_customers
from cam.studies.clv import Worth
from cam.studies.repeat_buying import SEED
from cam.studies.study import Study, needs

#: Days over which new customers are counted.
_YEAR = 365


@dataclass(frozen=True, slots=True)
class Equity:
    """Customer equity and what it rests on.

    Attributes
    ----------
    total : Estimate
        ``customer_equity``.
    parts : mapping of str to float
        Money, as from :func:`cam.measures.value.equity.customer_equity`.
    terms : Terms
        Margin, cost, numbers and discount.
    retention : float or None
        Of today's active customers over the next year.
    """

    total: Estimate
    parts: dict[str, float]
    terms: Terms
    retention: float


@needs()
def equity(study: Study, worth: Worth, cost: Estimate) -> Equity | CannotSay:
    """Add up today's customers and those still to be won, less what these cost."""
    for said in (worth.spend, worth.margin):
        if isinstance(said, CannotSay):
            return said
    value = study.params.value
    if not worth.looks_for_ever:
        return CannotSay(
            _(
                "Customer equity looks beyond any horizon, and when these customers leave cannot be read from the data."
            ),
            _("A longer history may show it."),
        )
    if not value.annual_discount_rate:
        return CannotSay(
            _("Customer equity adds up for ever, which needs a discount rate above 0."),
            _("Set value.annual_discount_rate."),
        )
    n = _won_last_year(study)
    if isinstance(n, CannotSay):
        return n
    terms = Terms(
        margin_rate=float(worth.margin[0]),
        cac=cost.value,
        n_per_year=n,
        years=value.acquisition_years,
        annual_discount_rate=value.annual_discount_rate,
    )
    parts = customer_equity(worth.fits[0], worth.spend[0], worth.cells, terms)
    return Equity(
        _interval(worth, cost, parts, terms), parts, terms, annual_retention(worth.fits[0], worth.cells)
    )


@needs()
def parts_table(study: Study, found: Equity) -> pd.DataFrame:
    """List the parts of customer equity."""
    names = ("current_base", "future_customers", "acquisition_cost")
    return pd.DataFrame({"part": names, "value": [found.parts[name] for name in names]})


@needs()
def show_equity(study: Study, found: Equity) -> ShownTable | CannotSay:
    """Show customer equity, its parts and its terms."""
    rows = [
        {"part": named(name), "value": found.parts[name]} for name in ("current_base", "future_customers")
    ]
    rows.append({"part": named("acquisition_cost"), "value": -found.parts["acquisition_cost"]})
    total = {"part": named("customer_equity"), "value": found.total.value}
    rows.append(total | {"low": found.total.low, "high": found.total.high})
    columns = [Col("part", "Part"), Col("value", "Value today", study.currency, "low", "high")]
    notes = [
        sentence(
            "Won in the last twelve months: {n} customers. It is assumed that as many are won in each of the next "
            "{years} years, at {cac} each (value.acquisition_years).",
            n=value_text(found.terms.n_per_year, "count"),
            years=study.params.value.acquisition_years,
            cac=value_text(found.terms.cac, study.currency),
        ),
        sentence(
            "Of today's active customers {rate} will still be active a year from now.",
            rate=value_text(found.retention, "share"),
        ),
        _(
            "The interval holds what the data leave open about the parameters, margin and cost, chance, and the miss "
            "of the holdout; not that customers to come may differ."
        ),
    ]
    return show_table(pd.DataFrame(rows), columns, caption="Customer equity", notes=notes)


@needs()
def tornado(study: Study, worth: Worth, found: Equity) -> pd.DataFrame:
    """Move retention, margin, cost and discount by one per cent each, and see what customer equity does."""
    return sensitivity(worth.fits[0], worth.spend[0], worth.cells, found.terms)


@needs()
def what_if(study: Study, worth: Worth, found: Equity) -> pd.DataFrame | CannotSay:
    """Work out what the changes of the parameter file would do to customer equity, one by one and together."""
    asked = study.params.value.what_if
    now = found.retention, found.terms
    wanted = {
        "retention": now[0] + asked.retention_points / 100,
        "margin": now[1].margin_rate * (1 + asked.margin_change),
        "cac": now[1].cac * (1 + asked.cac_change),
        "discount_rate": now[1].annual_discount_rate + asked.discount_rate_points / 100,
    }
    changes = (
        asked.retention_points,
        asked.margin_change,
        asked.cac_change,
        asked.discount_rate_points,
    )
    chosen = [lever for lever, change in zip(LEVERS, changes, strict=True) if change]
    if not chosen:
        return CannotSay(
            _("The parameter file asks for no what-if."),
            _("Set one under value.what_if, such as retention_points: 1 or cac_change: -0.10."),
        )
    impossible = [
        name for name in ("retention", "discount_rate") if name in chosen and not 0 < wanted[name] < 1
    ]
    fit, spend, table = worth.fits[0], worth.spend[0], worth.cells
    alone: dict[str, Terms] = {}
    try:
        if not impossible:
            alone = {lever: moved(fit, table, now[1], lever=lever, to=wanted[lever]) for lever in chosen}
    except ValueError:  # no stretch of lifetimes goes that far
        impossible = ["retention"]
    if impossible:
        return CannotSay(
            sentence(
                "The what-if would bring {lever} to {rate}.",
                lever=named(impossible[0]),
                rate=value_text(wanted[impossible[0]], "share"),
            ),
            _("Choose a smaller change under value.what_if."),
        )
    rows, together = [], found.terms
    for lever, terms in alone.items():
        together = moved(fit, table, together, lever=lever, to=wanted[lever])
        rows.append(
            (
                lever,
                _level(study, found, lever),
                _text(study, lever, wanted[lever]),
                customer_equity(fit, spend, table, terms),
            )
        )
    if len(chosen) > 1:
        rows.append(("all", "", "", customer_equity(fit, spend, table, together)))
    return pd.DataFrame(
        [
            {
                "lever": lever,
                "now": before,
                "then": after,
                "equity": parts["customer_equity"],
                "gain": parts["customer_equity"] - found.total.value,
                "share": parts["customer_equity"] / found.total.value - 1
                if found.total.value
                else float("nan"),
            }
            for lever, before, after, parts in rows
        ]
    )


@needs()
def show_what_if(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show what each change would do."""
    shown = table.assign(
        lever=[_("All together") if name == "all" else named(name) for name in table["lever"]]
    )
    columns = [
        Col("lever", "Change"),
        Col("now", "Now"),
        Col("then", "Then"),
        Col("equity", "Customer equity", study.currency),
        Col("gain", "Gain", study.currency),
        Col("share", "Relative", "share", may_be_empty=True),
    ]
    note = _("What such a change would cost is not in it: set the gain against that.")
    return show_table(shown, columns, caption="What if?", note=note)


def key_figures(
    study: Study, found: Equity | CannotSay, changes: pd.DataFrame | CannotSay
) -> list[Estimate | CannotSay]:
    """List customer equity, its parts and its elasticities."""
    if isinstance(found, CannotSay):
        return [found]
    figures: list[Estimate | CannotSay] = [found.total]
    figures += [
        Estimate("customer_equity_part", value, study.currency, segment={"part": name})
        for name, value in found.parts.items()
        if name != "customer_equity"
    ]
    figures.append(Estimate("expected_annual_retention", found.retention, "share", found.total.n))
    if not isinstance(changes, CannotSay):
        figures += [
            Estimate("equity_elasticity", float(row.elasticity), "ratio", segment={"lever": str(row.lever)})
            for row in changes.itertuples()
        ]
    return figures


def findings(
    study: Study, found: Equity | CannotSay, changes: pd.DataFrame | CannotSay
) -> list[str | CannotSay]:
    """Say what all customers are worth, and which lever counts most."""
    if isinstance(found, CannotSay) or isinstance(changes, CannotSay):
        return [next(said for said in (found, changes) if isinstance(said, CannotSay))]
    if found.total.value <= 0:
        return [
            sentence(
                "All customers, those of today and those to come, are worth less than they cost: {equity}. Do not win "
                "more before they bring more or cost less.",
                equity=found.total,
            )
        ]
    best = changes[changes["lever"] != "discount_rate"].sort_values("elasticity", key=abs).iloc[-1]
    return [
        sentence(
            "All customers, those of today and those to come, are worth {equity}. Of the levers a manager holds, "
            "one moves that most: {lever}. One per cent on it is {effect} on the worth: begin there, as long as that "
            "costs less than it brings.",
            equity=found.total,
            lever=named(str(best["lever"])),
            effect=value_text(abs(float(best["elasticity"])) / 100, "share"),
        )
    ]


def _won_last_year(study: Study) -> float | CannotSay:
    """New customers of the last 365 days; less where the data are shorter, brought to a year."""
    people = acquired_customers(study)
    if isinstance(people, CannotSay):
        return people
    day = people.acquired_date.cast("date")
    since = study.as_of - timedelta(days=_YEAR)
    row = (
        people.aggregate(n=((day > since) & (day <= study.as_of)).ifelse(1, 0).sum(), first=day.min())
        .execute()
        .iloc[0]
    )
    if not row["n"]:
        return CannotSay(
            _("Nobody was won in the last twelve months, so there are no customers to come to value.")
        )
    seen = (study.as_of - pd.Timestamp(row["first"]).date()).days + 1
    return float(row["n"]) * _YEAR / min(seen, _YEAR)


def _interval(worth: Worth, cost: Estimate, parts: dict[str, float], terms: Terms) -> Estimate:
    """Refits move today's and future customers together; the cost moves by itself; chance comes to today's."""
    discount = weekly_discount(terms.annual_discount_rate)
    base = worth_by_draw(worth.sums, worth.spend, worth.margin, outlook_name="dert")
    near = worth_by_draw(worth.sums, worth.spend, worth.margin, outlook_name="discounted_purchases")
    new = clv_of_new(worth.fits, worth.spend, worth.margin, discount=discount)
    won = parts["acquisition_cost"] / terms.cac if terms.cac else 0.0
    _bought, chance = chance_of_totals(worth.fits[0], worth.spend[0], worth.cells, horizon=None, seed=SEED)
    gross = total_of_draws(
        "customer_equity",
        base + won * new,
        chance=chance * terms.margin_rate,
        bias=scaled_bias(worth.picked.bias, float(base[0] / near[0]) if near[0] else 1.0),
        unit=cost.unit,
        n=worth.n,
    )
    below, above = gross.value - (gross.low or 0.0), (gross.high or 0.0) - gross.value
    dearer, cheaper = (
        won * abs(limit - cost.value) if limit is not None else 0.0 for limit in (cost.high, cost.low)
    )
    value = parts["customer_equity"]
    return Estimate(
        "customer_equity",
        value,
        cost.unit,
        worth.n,
        value - float(np.hypot(below, dearer)),
        value + float(np.hypot(above, cheaper)),
    )


def _level(study: Study, found: Equity, lever: str) -> str:
    now = {
        "retention": found.retention,
        "margin": found.terms.margin_rate,
        "cac": found.terms.cac,
        "discount_rate": found.terms.annual_discount_rate,
    }
    return _text(study, lever, now[lever])


def _text(study: Study, lever: str, value: float) -> str:
    return value_text(value, study.currency if lever == "cac" else "share")
