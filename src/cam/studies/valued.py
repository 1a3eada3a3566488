"""What each customer is worth, in the numbers of study 03, for the studies that need them beside their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.measures.segmentation.value_matrix import sums_of_draws
from cam.measures.value.bootstrap import total_of_draws
from cam.measures.value.clv import chance_of_totals, worth_by_draw
from cam.measures.value.future import outlook, weekly_discount
from cam.measures.value.renewals import RenewalFits, residual_value
from cam.measures.value.survivors import periodic_discount
from cam.reduce.worth import worth_cells
from cam.studies import clv, contracts_value, earnings, occasions, profit, repeat_buying, segment_value, spend
from cam.studies.study import Study, needs

#: Which of the model's outlooks money over the horizon rests on.
_OUTLOOK = 2
_KEYS = ["frequency", "recency", "T"]
#: Cells whose outlook is worked out at once.
_AT_ONCE = 500_000


@dataclass(frozen=True, slots=True)
class Ahead:
    """What study 03 says of today's customers, and what it rests on.

    Attributes
    ----------
    setting : str or CannotSay
        How customers leave.
    customers, served : ibis.Table or CannotSay
        Earnings of each customer, and the profit left of them.
    margin : Estimate or CannotSay
        Margin rate, measured or assumed.
    histories : ibis.Table or CannotSay
        Of purchases, where customers leave without a word.
    worth : Worth or CannotSay
        The model's scores of them; of the cells no more than :func:`stakes` needs.
    tenures : ibis.Table, CannotSay or None
        Of contracts, where there are any.
    renewals : RenewalFits, CannotSay or None
        The models of them.
    each : ibis.Table or CannotSay
        What is known of each customer's future.
    """

    setting: str | CannotSay
    customers: ir.Table | CannotSay
    served: ir.Table | CannotSay
    margin: Estimate | CannotSay
    histories: ir.Table | CannotSay
    worth: clv.Worth | CannotSay
    tenures: ir.Table | CannotSay | None
    renewals: RenewalFits | CannotSay | None
    each: ir.Table | CannotSay


@dataclass(frozen=True, slots=True)
class Stakes:
    """What is at stake in groups of customers, ready to be added up over any of them.

    Attributes
    ----------
    groups : DataFrame
        One row per group: the columns that name it, and ``n_customers``.
    draws : array, n_draws + 1 x groups, or None
        Expected margin under the fit, then under each resample.
    chance : array of groups, or None
        Variance by chance at given parameters.
    bias : float
        By how much the model missed its holdout.
    running : DataFrame or None
        Running contracts by group and age, in place of draws.
    renewals : RenewalFits or None
        Their models.
    """

    groups: pd.DataFrame
    draws: np.ndarray | None
    chance: np.ndarray | None
    bias: float
    running: pd.DataFrame | None
    renewals: RenewalFits | None


def look_ahead(study: Study) -> Ahead:
    """Take the steps of study 03 up to each customer's residual CLV; what cannot be said stays so."""
    # As in a notebook, each step passes on what cannot be said; to a type checker that is anything.
    decided: Any = earnings.setting(study)
    customers: Any = earnings.summarise(study, decided)
    served = profit.serve(study, customers)
    averages: Any = earnings.averages(study, customers)
    margin = clv.margin_rate(study, decided, averages)
    histories: Any = repeat_buying.histories(study, decided)
    worth: Any = _worth(study, histories, margin)
    tenures: Any = contracts_value.tenures(study, decided)
    renewals: Any = contracts_value.fit(study, contracts_value.cells(study, tenures))
    ages: Any = contracts_value.factors(study, renewals, contracts_value.running(study, tenures))
    dates: Any = occasions.occasions(study, decided)
    by_occasion: Any = occasions.histories(study, dates)
    taken: Any = occasions.cells(study, by_occasion)
    at_occasions: Any = occasions.fit(study, taken)
    next_ones: Any = occasions.ahead(study, dates, taken, at_occasions)
    each = earnings.known_worth(
        study,
        clv.worth_table(study, histories, worth),
        contracts_value.scores(study, tenures, ages),
        occasions.scores(study, by_occasion, next_ones),
    )
    if isinstance(worth, clv.Worth):
        # Each customer has his or her scores by now; of very many cells all columns would fill the memory.
        kept = worth.cells[[*_KEYS, "n_customers", "discounted_purchases"]].copy()
        worth = replace(worth, cells=kept)
    return Ahead(decided, customers, served, margin, histories, worth, tenures, renewals, each)


def value_customers(
    study: Study, ahead: Ahead | None = None, scored: ir.Table | CannotSay | None = None
) -> ir.Table | CannotSay:
    """Put together per customer what study 03 says: earnings, profit, residual CLV with its limits, and attributes.

    Without *ahead* the steps of study 03 are taken here; without *scored* the RFM segments are those of study 01.
    """
    ahead = ahead or look_ahead(study)
    scored = segment_value.rfm_scores(study) if scored is None else scored
    people = segment_value.combine(study, ahead.customers, ahead.served, ahead.each, scored)
    if isinstance(people, CannotSay) or isinstance(ahead.each, CannotSay):
        return people
    limits = [name for name in ("residual_clv_low", "residual_clv_high") if name in ahead.each.columns]
    if not limits:
        return people
    joined = people.left_join(ahead.each.select("customer_id", *limits), "customer_id")
    return study.engine.create_table("valued_customers", joined.drop("customer_id_right"), overwrite=True)


@needs()
def stakes(study: Study, people: ir.Table, ahead: Ahead, grouped: ir.Table, by: list[str]) -> Stakes:
    """Work out what the customers of each group are expected to bring, so that groups can be added up.

    Each group's interval holds what a total's does: the parameters' error, shared by all its customers, chance, and
    the model's miss of the holdout.
    """
    place = ibis.dense_rank().over(order_by=[grouped[name] for name in by])
    numbered = study.engine.create_table(
        "stake_groups", grouped.select("customer_id", *by, place=place), overwrite=True
    )
    groups = numbered.group_by(["place", *by]).aggregate(n_customers=numbered.count())
    groups = groups.order_by("place").drop("place").execute()
    places = numbered.select("customer_id", "place")
    tenures, renewals = ahead.tenures, ahead.renewals
    if isinstance(tenures, ir.Table) and isinstance(renewals, RenewalFits):
        held = study.engine.create_table(
            "stake_tenures", tenures.inner_join(places, "customer_id"), overwrite=True
        )
        rows = [contracts_value.running(study, held.filter(held.place == k)) for k in range(len(groups))]
        known = [row.assign(group=number) for number, row in enumerate(rows) if isinstance(row, pd.DataFrame)]
        running = pd.concat(known, ignore_index=True) if known else None
        return Stakes(groups, None, None, 0.0, running, renewals)
    worth, histories = ahead.worth, ahead.histories
    if (
        isinstance(worth, CannotSay)
        or isinstance(histories, CannotSay)
        or isinstance(worth.spend, CannotSay)
        or isinstance(worth.margin, CannotSay)
    ):
        return Stakes(groups, None, None, 0.0, None, None)
    seen = study.engine.create_table(
        "stake_histories", histories.inner_join(places, "customer_id"), overwrite=True
    )
    keys = [*_KEYS, "spend_frequency"]
    cells = (worth_cells(seen.filter(seen.place == k)).order_by(keys).execute() for k in range(len(groups)))
    table = pd.concat([each.assign(group=number) for number, each in enumerate(cells)], ignore_index=True)
    return _stakes_of_cells(study, worth, groups, table)


def at_stake(study: Study, found: Stakes, chosen: np.ndarray, **segment: str) -> Estimate | None:
    """Add up what is at stake in the groups that are chosen; None where it is not known."""
    n = int(found.groups.loc[chosen, "n_customers"].sum())
    if found.draws is not None and found.chance is not None:
        draws = np.einsum("dg->d", found.draws[:, chosen])
        chance = float(found.chance[chosen].sum() ** 0.5)
        total = total_of_draws(
            "value_at_stake", draws, chance=chance, bias=found.bias, unit=study.currency, n=n
        )
    elif found.running is not None and found.renewals is not None:
        mine = found.running[found.running["group"].isin(np.flatnonzero(chosen))]
        base = mine.groupby("age", as_index=False)[["n_contracts", "margin", "squares"]].sum()
        if base["margin"].sum() <= 0:
            return Estimate("value_at_stake", 0.0, study.currency, n, 0.0, 0.0, segment)
        value = study.params.value
        total = residual_value(
            found.renewals.chosen,
            base,
            discount=periodic_discount(value.annual_discount_rate),
            unit=study.currency,
            horizon=value.horizon_months,
            wait=0.5,
        )
    else:
        return None
    return Estimate("value_at_stake", total.value, study.currency, n, total.low, total.high, segment)


def _worth(study: Study, histories: Any, margin: Estimate | CannotSay) -> clv.Worth | CannotSay:
    """Test, pick and fit the models of repeat buying as study 03 does, and score its cells."""
    cut: Any = repeat_buying.cut_off(study, histories)
    held: Any = repeat_buying.hold_out(study, cut)
    early: Any = repeat_buying.fit_models(study, held)
    guesses: Any = repeat_buying.predictions(study, held, early, cut)
    scores: Any = repeat_buying.holdout_scores(study, guesses, held)
    picked = repeat_buying.pick(study, early, scores, guesses, held)
    fits = repeat_buying.fit_models(study, repeat_buying.all_cells(study, histories))
    rows: Any = spend.spend_rows(study, histories)
    return clv.value_base(study, histories, picked, fits, (rows, spend.fit_spend(study, rows)), margin)


def _places(known: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """Find each row's cell among those known, by one whole number in place of the three of a history."""

    def number(cells: pd.DataFrame) -> np.ndarray:
        frequency, recency, age = (
            np.rint(cells[name].to_numpy(float) * 7).astype(np.int64) for name in _KEYS
        )
        return (frequency << 40) + (recency << 20) + age

    numbers = number(known)
    order = np.argsort(numbers)
    return order[np.searchsorted(numbers, number(table), sorter=order)]


def _stakes_of_cells(study: Study, worth: clv.Worth, groups: pd.DataFrame, table: pd.DataFrame) -> Stakes:
    """Sum cells by group under the fit and along each axis of its resamples, and read each resample off these."""
    horizon = clv.horizon_weeks(study)
    discount = weekly_discount(study.params.value.annual_discount_rate) or 1e-9
    fit = worth.fits[0]
    # No column more than is needed: of very many customers the cells are what fills the memory.
    known = worth.cells.loc[~worth.cells.duplicated(_KEYS), [*_KEYS, "discounted_purchases"]]
    place = _places(known, table)
    numbered = (table["group"].to_numpy(np.int64) << 32) + table["spend_frequency"].to_numpy(np.int64)
    slots, slot = np.unique(numbered, return_inverse=True)
    group_of, frequency_of = slots >> 32, (slots & (2**32 - 1)).astype(float)
    weights = table[["n_customers", "spend_sum"]].to_numpy(float).T

    def sums(purchases: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [np.bincount(slot, weight * purchases[place], minlength=len(slots)) for weight in weights]
        )

    def moved(theta: np.ndarray) -> np.ndarray:
        there, found = fit.at(theta), np.empty(len(known))
        for begin in range(0, len(known), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            looked = outlook(there, known.iloc[some], horizon=horizon, discount=discount, is_rough=True)
            found[some] = looked[_OUTLOOK]
        return sums(found)

    thetas = np.array([each.theta for each in worth.fits[1:]])
    size, axes = np.linalg.eigh(np.atleast_2d(np.cov(thetas.T)))
    steps = np.sqrt(np.maximum(size, 0.0))
    coordinates = np.einsum("dk,kj->dj", thetas - fit.theta, axes) / np.where(steps > 0, steps, 1.0)
    ends = [
        np.array([moved(fit.theta + side * step * axis) for step, axis in zip(steps, axes.T, strict=True)])
        for side in (1, -1)
    ]
    centre = sums(known["discounted_purchases"].to_numpy(float))
    by_draw = np.vstack([centre, sums_of_draws(moved(fit.theta), *ends, coordinates=coordinates)])
    draws, chance = [], []
    spend_fit, rate = worth.spend[0], float(worth.margin[0])
    table["discounted_purchases"] = known["discounted_purchases"].to_numpy(float)[place]
    for number in range(len(groups)):
        mine = np.flatnonzero(group_of == number)
        frame = pd.DataFrame(
            {
                "draw": np.repeat(np.arange(len(by_draw)), len(mine)),
                "spend_frequency": np.tile(frequency_of[mine], len(by_draw)),
                "discounted_purchases": by_draw[:, mine].ravel(),
                "discounted_purchases_spend": by_draw[:, len(slots) + mine].ravel(),
            }
        )
        draws.append(worth_by_draw(frame, worth.spend, worth.margin, outlook_name="discounted_purchases"))
        part = table[table["group"] == number]
        _bought, brought = chance_of_totals(fit, spend_fit, part, horizon=horizon, seed=repeat_buying.SEED)
        chance.append((brought * rate) ** 2)
    return Stakes(groups, np.array(draws).T, np.array(chance), worth.picked.bias, None, None)
