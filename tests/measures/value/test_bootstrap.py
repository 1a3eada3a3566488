"""The bootstrap over cells: the refits of full resamples, their spread, and totals that add what can go wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measures.value import cdnow
from measures.value.proofs import MODELS
from measures.value.simulate import CDNOW, as_cells, customers

from cam.estimate import Z
from cam.measures.value import bootstrap as resampling
from cam.measures.value import cells
from cam.measures.value.bootstrap import bootstrap, interval_of_draws, total_of_draws
from cam.measures.value.gamma_gamma import fit_gamma_gamma
from cam.measures.value.nbd import NbdFit, fit_nbd

BUYING = ["bg_nbd", "mbg_nbd", "pareto_nbd", "nbd"]


@pytest.fixture(scope="module")
def table():
    return as_cells(cdnow.exact())


def resamples(table: pd.DataFrame, n_draws: int, seed: int) -> list[pd.DataFrame]:
    """The same customers drawn, as tables of their own."""
    rng = np.random.default_rng(seed)
    counts = cells.counts_of(table).astype(int)
    owner = np.repeat(np.arange(counts.size), counts)
    return [
        table.iloc[owner[rng.integers(owner.size, size=owner.size)]].drop(columns="n_customers")
        for _ in range(n_draws)
    ]


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", BUYING)
def test_refits_are_full_refits(table, model):
    # A refit may leave 1e-3 of log-likelihood before its last step, which takes nearly all of it: 1e-4 of a logarithm
    # is some thousandth of a standard error of these (0.05 to 0.5).
    fit = MODELS[model][0](table)
    for draw, resample in zip(bootstrap(fit, table, n_draws=5, seed=7), resamples(table, 5, 7), strict=True):
        full = MODELS[model][0](resample)
        assert full.optimum.is_converged
        np.testing.assert_allclose(draw.theta, full.theta, atol=1e-4)
        assert draw.optimum is None


def test_refits_of_spend_are_full_refits():
    spend = as_cells(cdnow.spend().query("frequency > 0")[["frequency", "monetary_value"]])
    fit = fit_gamma_gamma(spend)
    for draw, resample in zip(bootstrap(fit, spend, n_draws=5, seed=7), resamples(spend, 5, 7), strict=True):
        np.testing.assert_allclose(draw.theta, fit_gamma_gamma(resample).theta, atol=1e-4)


@pytest.mark.parametrize("model", ["bg_nbd", "pareto_nbd", "nbd"])
def test_the_spread_of_refits_is_that_of_the_hessian(model):
    """Where the model is right both tell the same; 200 draws know a standard error to 5 %, so 20 % is four of these.

    Of the Pareto/NBD's leaving (s and beta) little is known: their likelihood is skewed, and refits scatter a third
    more.
    """
    shop = customers(model, CDNOW, 5_000, np.random.default_rng(5))
    table = as_cells(shop)
    fit = MODELS[model][0](table)
    draws = np.array([draw.theta for draw in bootstrap(fit, table, n_draws=200, seed=3)])
    errors = np.sqrt(np.diag(fit.optimum.covariance))
    ratio = draws.std(axis=0, ddof=1) / errors
    assert (np.abs(ratio[:2] - 1) < 0.2).all() and (ratio > 0.8).all() and (ratio < 1.4).all()
    # The refits scatter about the fit; what they lie off on average is of second order.
    assert (np.abs(draws.mean(axis=0) - fit.theta) < 0.35 * errors).all()


def test_the_interval_is_that_of_the_percentiles():
    draws = np.random.default_rng(1).normal(size=(500, 3))
    low, high = interval_of_draws(draws)
    for column in range(3):
        ranked = np.sort(draws[:, column])
        assert ranked[11] <= low[column] <= ranked[13] and ranked[486] <= high[column] <= ranked[488]


def test_chance_adds_by_squares_and_a_miss_whole_on_its_own_side():
    draws = np.append(100.0, np.linspace(90, 130, 401))
    low, high = interval_of_draws(draws[1:, None])
    below, above = 100 - low[0], high[0] - 100
    plain = total_of_draws("total", draws, unit="count", n=9)
    assert (plain.low, plain.high) == pytest.approx((low[0], high[0]))
    lucky = total_of_draws("total", draws, chance=3.0, unit="count", n=9)
    assert lucky.low == pytest.approx(100 - np.hypot(below, 3 * Z))
    assert lucky.high == pytest.approx(100 + np.hypot(above, 3 * Z))
    # Foretold a quarter too much: what comes is rather less, and by 20.
    missed = total_of_draws("total", draws, bias=0.25, unit="count", n=9)
    assert missed.low == pytest.approx(100 - below - 20) and missed.high == pytest.approx(high[0])
    # Foretold a fifth too little: what comes is rather more, by 25.
    missed = total_of_draws("total", draws, bias=-0.2, unit="count", n=9)
    assert missed.high == pytest.approx(100 + above + 25) and missed.low == pytest.approx(low[0])


# --- consistent ---------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_draws(table):
    fit = fit_nbd(table)
    one, again, other = (
        [draw.r for draw in bootstrap(fit, table, n_draws=3, seed=seed)] for seed in (1, 1, 2)
    )
    assert one == again and not set(one) & set(other)


def test_fewer_draws_are_the_first_of_more(table):
    fit = fit_nbd(table)
    few, more = ([draw.r for draw in bootstrap(fit, table, n_draws=n, seed=1)] for n in (2, 4))
    assert few == more[:2]


@pytest.mark.parametrize("one_by_one", [1_000_000, 100])
def test_counts_that_are_drawn_are_as_many_and_on_average_the_same(monkeypatch, one_by_one):
    """By a model whose refit is its mean count: r / alpha x T, as all were seen for the same time.

    Whether customers are drawn one by one, or, as of very many, how many come out of each cell.
    """
    monkeypatch.setattr(resampling, "_ONE_BY_ONE", one_by_one)
    table = pd.DataFrame(
        {"frequency": [0, 1, 4], "recency": [0, 3, 10.0], "T": [30.0] * 3, "n_customers": [500, 90, 60]}
    )
    fit = fit_nbd(table)
    means = np.array([draw.r / draw.alpha * 30 for draw in bootstrap(fit, table, n_draws=300, seed=2)])
    x = np.repeat(table["frequency"], table["n_customers"])
    assert x.mean() == pytest.approx(330 / 650)
    error = x.std() / 650**0.5
    # 300 draws: their mean to four standard errors of it, their spread to 15 %.
    assert means.mean() == pytest.approx(x.mean(), abs=4 * error / 300**0.5)
    assert means.std(ddof=1) == pytest.approx(error, rel=0.15)


def test_the_table_and_the_fit_are_left_as_they_were(table):
    before, fit = table.copy(), fit_nbd(table)
    theta = fit.theta.copy()
    list(bootstrap(fit, table, n_draws=2, seed=1))
    pd.testing.assert_frame_equal(table, before)
    np.testing.assert_array_equal(fit.theta, theta)


def test_a_loss_misses_on_the_side_of_what_happened():
    # Foretold twice too many purchases: the loss that they bring is rather half as large.
    total = total_of_draws("residual_clv_total", np.full(201, -100.0), bias=1.0, unit="EUR", n=5)
    assert (total.low, total.value, total.high) == pytest.approx((-100, -100, -50))


def test_a_value_outside_of_its_draws_stays_within_its_interval():
    total = total_of_draws("total", np.append(10.0, np.linspace(11, 12, 50)), unit="count", n=5)
    assert total.low == total.value == 10 and total.high > 11.9


# --- refuses ------------------------------------------------------------------------------------


def test_parameters_that_were_given_are_not_fitted_again(table):
    with pytest.raises(ValueError, match="only a model that was fitted can be fitted again"):
        next(bootstrap(NbdFit(0.4, 12.0), table, n_draws=1, seed=1))


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", BUYING)
def test_a_resample_that_does_not_hold_a_parameter_brings_no_missing_number(model):
    """40 customers: many resamples have no peak, and must come back at a bound and not break."""
    shop = as_cells(customers("nbd", CDNOW, 40, np.random.default_rng(8)))
    fit = MODELS[model][0](shop)
    draws = np.array([draw.theta for draw in bootstrap(fit, shop, n_draws=50, seed=1)])
    assert np.isfinite(draws).all() and (np.abs(draws) < 30).all()
