"""Whether intervals hold as often as they promise: customers are simulated, seen for a while, and then watched."""

from __future__ import annotations

import numpy as np
import pytest
from measures.value.simulate import customers

from cam.measures.value import future
from cam.measures.value.bg_nbd import BgNbdFit, fit_bg_nbd
from cam.measures.value.bootstrap import bootstrap, interval_of_draws, total_of_draws
from cam.measures.value.clv import chance_of_totals, clv_of_new
from cam.measures.value.gamma_gamma import GammaGammaFit, fit_gamma_gamma
from cam.measures.value.holdout import predicted_total
from cam.measures.value.pareto_nbd import fit_pareto_nbd

#: A shop like the demo: three years, people buy every few weeks, most of them stay for a year or two.
SHOP = {
    "pareto_nbd": (0.65, 3.1, 1.6, 130.0),
    "bg_nbd": (0.65, 3.1, 0.55, 16.0),
    "mbg_nbd": (0.65, 3.1, 0.35, 11.0),
    "gamma_gamma": (5.0, 4.2, 96.0),
    "weeks": (4.0, 156.0),
}
#: How far `simulate.customers` looks ahead.
WEEKS = 39.0
#: So little that a purchase counts as much at the end as at once: what is realised needs no days then.
NO_DISCOUNT = 1e-9
N_SETS, N_CUSTOMERS = 1_000, 500
#: Few, to save time; of 39 the least and the greatest are the limits of a 95 % interval.
N_DRAWS = 39


def fit_of(model, table):
    if model == "pareto_nbd":
        return fit_pareto_nbd(table)
    return fit_bg_nbd(table, first_can_be_last=model == "mbg_nbd")


def seen(model, rng):
    """Draw customers and what they spend; also the revenue that their later purchases bring."""
    people = customers(model, SHOP, N_CUSTOMERS, rng)
    p, q, gamma = SHOP["gamma_gamma"]
    x, later = people["frequency"].to_numpy(), people["later"].to_numpy()
    nu = rng.gamma(q, size=x.size) / gamma
    spent = rng.gamma(p * np.maximum(x, 1)) / (nu * np.maximum(x, 1))
    brought = np.where(later > 0, rng.gamma(p * np.maximum(later, 1)) / nu, 0.0)
    return people.assign(monetary_value=np.where(x > 0, spent, np.nan)), float(brought.sum())


def share_within(limits, truths):
    low, high = np.array(limits).T
    return float(((low <= truths) & (truths <= high)).mean())


def error(share, n):
    return (share * (1 - share) / n) ** 0.5


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_draws", [39, 200])
def test_an_interval_of_few_draws_holds_as_often_as_one_of_many(n_draws):
    # Where the truth is as likely to be anywhere among the draws as a draw is, 95 % is exact, however few they are.
    rng = np.random.default_rng(1)
    draws = rng.standard_normal((n_draws, 40_000))
    low, high = interval_of_draws(draws)
    truth = rng.standard_normal(40_000)
    held = float(((low <= truth) & (truth <= high)).mean())
    assert held == pytest.approx(0.95, abs=3 * error(0.95, 40_000))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["pareto_nbd", "mbg_nbd"])
def test_the_predicted_total_holds_what_is_bought(model):
    rng = np.random.default_rng(20261122)
    limits, bought = [], []
    for number in range(N_SETS):
        people = customers(model, SHOP, N_CUSTOMERS, rng)
        fit = fit_of(model, people)
        if fit.optimum.is_converged:  # else the study does not use it
            total = predicted_total(fit, people, name=model, weeks=WEEKS, seed=number)
            limits.append((total.low, total.high))
            bought.append(float(people["later"].sum()))
    assert len(limits) > 0.95 * N_SETS
    # Three binomial errors, and a point for the delta method in 500 customers.
    assert 0.95 - 3 * error(0.95, N_SETS) - 0.01 < share_within(limits, np.array(bought)) < 0.98


@pytest.mark.slow
def test_totals_of_todays_customers_and_the_worth_of_a_new_one_hold():
    rng = np.random.default_rng(20261122)
    truth = BgNbdFit(*SHOP["bg_nbd"])
    spend_truth = GammaGammaFit(*SHOP["gamma_gamma"])
    margin = np.full(N_DRAWS + 1, 0.4)
    new = clv_of_new([truth], [spend_truth], margin[:1], discount=NO_DISCOUNT, horizon=WEEKS)[0]
    limits = {name: [] for name in ("purchases", "margin", "new")}
    real = {name: [] for name in limits}
    each = []
    for number in range(N_SETS):
        people, brought = seen("bg_nbd", rng)
        fit, spend = fit_bg_nbd(people), fit_gamma_gamma(people)
        if not (fit.optimum.is_converged and spend.optimum.is_converged and spend.q > 1):
            continue
        fits = [fit, *bootstrap(fit, people, n_draws=N_DRAWS, seed=number)]
        spends = [spend, *bootstrap(spend, people, n_draws=N_DRAWS, seed=number + N_SETS)]
        ahead = np.stack([future.expected_purchases(one, people, horizon=WEEKS) for one in fits])
        x, own = people["frequency"].to_numpy(), people["monetary_value"].fillna(0.0).to_numpy()
        worth = np.array([(row * one.expected(x, own)).sum() for row, one in zip(ahead, spends, strict=True)])
        cells = people.assign(discounted_purchases=ahead[0], spend_sum=own, n_customers=1)
        chance = chance_of_totals(fit, spend, cells, horizon=WEEKS, seed=number)
        of_new = clv_of_new(fits, spends, margin, discount=NO_DISCOUNT, horizon=WEEKS)
        for name, draws, luck, happened in (
            ("purchases", ahead.sum(axis=1), chance[0], people["later"].sum()),
            ("margin", worth * margin, chance[1] * margin[0], brought * margin[0]),
            ("new", of_new, 0.0, new),
        ):
            total = total_of_draws(name, draws, chance=luck, unit="count", n=N_CUSTOMERS)
            limits[name].append((total.low, total.high))
            real[name].append(float(happened))
        low, high = interval_of_draws(ahead[1:])
        expected = future.expected_purchases(truth, people, horizon=WEEKS)
        each.append(float(((low <= expected) & (expected <= high)).mean()))
    assert len(each) > 0.95 * N_SETS
    for name, found in limits.items():
        held = share_within(found, np.array(real[name]))
        assert 0.95 - 3 * error(0.95, len(found)) < held < 0.98, name
    # Of single customers, on average over them: they share the parameters, so the error is that of the means.
    assert np.mean(each) == pytest.approx(0.95, abs=3 * np.std(each) / len(each) ** 0.5 + 0.01)
