"""Residual CLV: cells equal to customers one by one, money equal to sums by hand, and chance equal to what is known."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.estimate import Estimate, Z
from cam.measures.value import clv, future
from cam.measures.value.bg_nbd import BgNbdFit
from cam.measures.value.clv import (
    OUTLOOKS,
    chance_of_totals,
    clv_of_new,
    error_of,
    margin_draws,
    score_cells,
    spend_by_frequency,
    worth_by_draw,
)
from cam.measures.value.gamma_gamma import GammaGammaFit
from cam.measures.value.nbd import NbdFit
from cam.measures.value.pareto_nbd import ParetoNbdFit
from cam.reduce.worth import customer_worth, worth_cells

HORIZON, DISCOUNT = 52.0, 0.0019
FITS = {
    "pareto_nbd": [ParetoNbdFit(0.55 + 0.01 * k, 10.6, 0.6 + 0.02 * k, 11.7) for k in range(6)],
    "bg_nbd": [BgNbdFit(0.24 + 0.01 * k, 4.4, 0.8 + 0.02 * k, 2.4) for k in range(6)],
    "nbd": [NbdFit(0.385 + 0.01 * k, 12.07) for k in range(6)],
}
SPEND = [GammaGammaFit(6.25 + 0.1 * k, 3.74 - 0.1 * k, 15.44) for k in range(6)]
MARGIN = 0.4 + 0.01 * np.arange(6)


def make_people(seed: int = 1, n: int = 400) -> pd.DataFrame:
    """One row per customer; some who came back have brought nothing, or less."""
    rng = np.random.default_rng(seed)
    x = rng.poisson(rng.gamma(0.6, 2, n))
    T = rng.integers(10, 40, n).astype(float)
    own = np.where(rng.random(n) < 0.1, rng.choice([0.0, -4.0], n), rng.gamma(4, 9, n).round(2))
    return pd.DataFrame(
        {
            "customer_id": [f"{number:03d}" for number in range(n)],
            "frequency": x,
            "recency": np.where(x > 0, np.ceil(T * rng.uniform(0.05, 1, n)), 0.0),
            "T": T,
            "monetary_value": np.where(x > 0, own, np.nan),
        }
    )


def as_scored_cells(people: pd.DataFrame) -> pd.DataFrame:
    cells = worth_cells(ibis.memtable(people))
    return cells.order_by(["frequency", "recency", "T", "spend_frequency"]).execute()


@pytest.fixture(scope="module")
def people():
    return make_people()


@pytest.fixture(scope="module")
def table(people):
    return as_scored_cells(people)


def score(model: str, table: pd.DataFrame, fits=None) -> tuple[pd.DataFrame, pd.DataFrame]:
    return score_cells(fits or FITS[model], table, horizon=HORIZON, discount=DISCOUNT)


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", FITS)
def test_scores_are_those_of_the_models(table, model):
    scored, _ = score(model, table)
    fit = FITS[model][0]
    expected = {
        "p_alive": future.p_alive(fit, table),
        "expected_purchases": future.expected_purchases(fit, table, horizon=HORIZON),
        "discounted_purchases": future.discounted_purchases(fit, table, discount=DISCOUNT, horizon=HORIZON),
        "dert": future.discounted_purchases(fit, table, discount=DISCOUNT),
        "p_buys": 1 - future.conditional_probability(fit, table, n=0, horizon=HORIZON),
    }
    assert tuple(expected) == OUTLOOKS
    for name, values in expected.items():
        # The outlook integrates the rate, 1e-9 at worst over the long span; expected_purchases is in closed form.
        np.testing.assert_allclose(scored[name], values, rtol=2e-8, err_msg=name)
        assert (scored[f"{name}_low"] <= scored[name]).all() and (
            scored[name] <= scored[f"{name}_high"]
        ).all()


@pytest.mark.parametrize("model", FITS)
def test_limits_and_sums_of_very_many_cells_are_nearly_those_of_every_refit(table, model, monkeypatch):
    """Refits as near to each other as those of half a million customers: within 1 % of the parameters."""
    fit, rng = FITS[model][0], np.random.default_rng(3)
    fits = [fit, *(fit.at(fit.theta + 0.01 * rng.standard_normal(fit.theta.size)) for _ in range(400))]
    exact, sums = score(model, table, fits)
    monkeypatch.setattr(clv, "_MOST_CELLS", 10)
    near, near_sums = score(model, table, fits)
    for name in OUTLOOKS:
        np.testing.assert_array_equal(near[name], exact[name])
        for end in ("_low", "_high"):
            wide = (exact[f"{name}_high"] - exact[f"{name}_low"]).to_numpy()
            off = (near[f"{name}{end}"] - exact[f"{name}{end}"]).to_numpy()
            # A percentile of 400 draws has an error of its own: some 13 % of a standard error, 3 % of the width.
            assert (np.abs(off) <= 0.12 * wide + 1e-9).all(), name
    # What is not straight is of the order of the square of 1 %.
    np.testing.assert_allclose(near_sums, sums, rtol=2e-3, atol=1e-9)


@pytest.mark.parametrize("model", FITS)
def test_limits_are_percentiles_of_the_refits(table, model):
    scored, _ = score(model, table)
    draws = np.stack(
        [
            future.outlook(fit, table, horizon=HORIZON, discount=DISCOUNT, is_rough=True)
            for fit in FITS[model][1:]
        ]
    )
    for number, name in enumerate(OUTLOOKS):
        low, high = np.percentile(draws[:, number], [2.5, 97.5], axis=0, method="weibull")
        np.testing.assert_allclose(scored[f"{name}_low"], np.minimum(low, scored[name]), rtol=1e-9)
        np.testing.assert_allclose(scored[f"{name}_high"], np.maximum(high, scored[name]), rtol=1e-9)


@pytest.mark.parametrize("model", FITS)
def test_totals_are_sums_over_customers_of_the_table_in_the_engine(people, table, model):
    scored, sums = score(model, table)
    spend = spend_by_frequency(SPEND, sorted(scored["spend_frequency"].unique()))
    engine = ibis.duckdb.connect()
    tables = (
        engine.create_table(name, frame)
        for name, frame in (("people", people), ("scored", scored), ("spend", spend))
    )
    each = customer_worth(*tables, margin=0.4, z=Z).execute()
    assert len(each) == len(people)
    for name, called in (("discounted_purchases", "residual_clv"), ("dert", "residual_clv_for_ever")):
        total = worth_by_draw(sums, SPEND, MARGIN, outlook_name=name)[0]
        # 400 values rounded to the cent: their sum errs by 400 x 0.0029 at one standard deviation of each.
        assert float(each[called].astype(float).sum()) == pytest.approx(total, abs=0.3)
    first = sums[sums["draw"] == 0]
    for name in ("p_alive", "expected_purchases"):
        assert each[name].sum() == pytest.approx(first[name].sum(), rel=1e-10)


def test_worth_by_draw_is_the_sum_over_customers_under_each_refit(people, table):
    fits = FITS["pareto_nbd"]
    _, sums = score("pareto_nbd", table)
    own = people["monetary_value"].fillna(0).clip(lower=0).to_numpy()
    x = np.where(own > 0, people["frequency"], 0)
    for name, horizon in (("discounted_purchases", HORIZON), ("dert", None)):
        found = worth_by_draw(sums, SPEND, MARGIN, outlook_name=name)
        by_hand = [
            margin
            * (
                spend.expected(x, own)
                * future.discounted_purchases(fit, people, discount=DISCOUNT, horizon=horizon)
            ).sum()
            for fit, spend, margin in zip(fits, SPEND, MARGIN, strict=True)
        ]
        # Refits are worked out to six digits; own spend is summed in ten-thousandths.
        np.testing.assert_allclose(found, by_hand, rtol=1e-5)
        assert found[0] == pytest.approx(by_hand[0], rel=1e-7)


def test_expected_spend_is_a_line_in_own_mean_and_its_variance_that_of_the_refits():
    x, own = np.array([0, 1, 2, 7]), np.array([0.0, 12.0, 35.0, 250.0])
    found = spend_by_frequency(SPEND, x)
    np.testing.assert_allclose(found["base"] + found["slope"] * own, SPEND[0].expected(x, own), rtol=1e-12)
    spread = found["var_base"] + 2 * own * found["covariance"] + own**2 * found["var_slope"]
    refits = np.array([fit.expected(x, own) for fit in SPEND[1:]])
    np.testing.assert_allclose(spread, refits.var(axis=0, ddof=1), rtol=1e-9)
    assert found.loc[0, ["slope", "covariance", "var_slope"]].tolist() == [0, 0, 0]


def test_chance_of_an_nbd_is_its_variance(people):
    """Given x and T, purchases in t are negative binomial: mean m, variance m (1 + t / (alpha + T))."""
    table = as_scored_cells(people).assign(n_customers=lambda each: each["n_customers"] * 50)
    fit = NbdFit(0.385, 12.07)
    scored, _ = score("nbd", table, [fit])
    m = future.expected_purchases(fit, table, horizon=HORIZON)
    variance = m * (1 + HORIZON / (fit.alpha + table["T"].to_numpy()))
    expected = (table["n_customers"].to_numpy() * variance).sum() ** 0.5
    bought, money = chance_of_totals(fit, None, scored, horizon=HORIZON, seed=1)
    # 40 futures of some 270 cells; the variance of the whole is then known to a few per cent.
    assert bought == pytest.approx(expected, rel=0.06) and money == 0.0


@pytest.mark.parametrize("model", FITS)
def test_chance_is_that_of_futures_drawn_for_every_customer(people, table, model):
    fit, spend, rng = FITS[model][0], SPEND[0], np.random.default_rng(4)
    scored, _ = score(model, table, [fit])
    bought, brought = chance_of_totals(fit, spend, scored, horizon=HORIZON, seed=2)
    own = people["monetary_value"].fillna(0).clip(lower=0).to_numpy()
    x = np.where(own > 0, people["frequency"], 0)
    totals = np.empty((400, 2))
    for number in range(400):
        drawn = future.draw_purchases(fit, people, horizon=HORIZON, rng=rng)
        totals[number] = drawn.sum(), spend.draw_total(x, own, drawn, rng).sum()
    spread = totals.std(axis=0, ddof=1)
    # 400 sums know a standard deviation to 3.5 %, and the 40 futures per cell about as well; money has longer tails.
    assert bought == pytest.approx(spread[0], rel=0.15)
    less = future.discounted_purchases(fit, people, discount=DISCOUNT, horizon=HORIZON).sum()
    less /= future.expected_purchases(fit, people, horizon=HORIZON).sum()
    assert brought == pytest.approx(spread[1] * less, rel=0.2)


@pytest.mark.parametrize("model", FITS)
@pytest.mark.parametrize("horizon", [HORIZON, None])
def test_a_new_customer_brings_the_first_purchase_and_those_to_come(model, horizon):
    found = clv_of_new(FITS[model], SPEND, MARGIN, discount=DISCOUNT, horizon=horizon)
    for fit, spend, margin, value in zip(FITS[model], SPEND, MARGIN, found, strict=True):
        often = 1 + future.discounted_purchases_of_new(fit, discount=DISCOUNT, horizon=horizon)
        mean = spend.p * spend.gamma / (spend.q - 1)
        assert value == pytest.approx(margin * mean * often, rel=1e-12)


# --- consistent ---------------------------------------------------------------------------------


def test_without_a_discount_the_horizon_is_not_touched(table):
    """A discount of next to nothing, as the study sets where there is none."""
    scored, _ = score_cells([FITS["pareto_nbd"][0]], table, horizon=HORIZON, discount=1e-9)
    np.testing.assert_allclose(scored["discounted_purchases"], scored["expected_purchases"], rtol=1e-6)
    assert np.isfinite(scored["dert"]).all()


@pytest.mark.parametrize("model", FITS)
def test_more_time_is_worth_more_and_no_more_than_for_ever(table, model):
    fit = FITS[model][:1]
    near, _ = score_cells(fit, table, horizon=26, discount=DISCOUNT)
    far, _ = score_cells(fit, table, horizon=104, discount=DISCOUNT)
    assert (near["discounted_purchases"] < far["discounted_purchases"]).all()
    assert (far["discounted_purchases"] < far["dert"]).all()
    np.testing.assert_allclose(near["dert"], far["dert"], rtol=1e-8)
    assert (near["discounted_purchases"] < near["expected_purchases"]).all()
    new = [
        clv_of_new(fit, SPEND[:1], MARGIN[:1], discount=DISCOUNT, horizon=weeks)[0] for weeks in (1, 26, None)
    ]
    assert new == sorted(new) and len(set(new)) == 3


def test_blocks_make_no_difference(table, monkeypatch):
    whole = score("pareto_nbd", table)
    monkeypatch.setattr(clv, "_BLOCK", 37)
    pieces = score("pareto_nbd", table)
    for one, other in zip(whole, pieces, strict=True):
        pd.testing.assert_frame_equal(one, other, rtol=1e-6)
    pd.testing.assert_index_equal(whole[0].index, pieces[0].index)


def test_the_order_of_rows_makes_no_difference(table):
    mixed = table.sample(frac=1, random_state=1)
    one, other = (score("bg_nbd", each) for each in (table, mixed))
    pd.testing.assert_frame_equal(one[0], other[0].sort_index(), rtol=1e-9)
    pd.testing.assert_frame_equal(one[1], other[1], rtol=1e-9)


def test_nothing_is_changed_that_was_given(table):
    before = table.copy()
    scored, _ = score("nbd", table)
    pd.testing.assert_frame_equal(table, before)
    assert "p_alive" in scored and "p_alive" not in table


def test_the_margin_is_drawn_as_far_as_it_is_known():
    draws = margin_draws(0.4, error=0.02, n_draws=4_000, seed=1)
    assert draws[0] == 0.4 and len(draws) == 4_001
    assert draws[1:].mean() == pytest.approx(0.4, abs=4 * 0.02 / 4_000**0.5)
    assert draws[1:].std() == pytest.approx(0.02, rel=0.05)
    np.testing.assert_array_equal(draws, margin_draws(0.4, error=0.02, n_draws=4_000, seed=1))
    assert error_of(
        Estimate("margin_rate", 0.4, "share", 9, 0.4 - Z * 0.02, 0.4 + Z * 0.02)
    ) == pytest.approx(0.02)


def test_chance_of_very_many_cells_is_that_of_a_few_at_a_time(monkeypatch, people):
    fit = NbdFit(1.0, 2.0)
    whole = score_cells([fit], as_scored_cells(people), horizon=HORIZON, discount=DISCOUNT)[0]
    at_once, _money = chance_of_totals(fit, None, whole, horizon=HORIZON, seed=1)
    monkeypatch.setattr(clv, "_CELLS_AT_ONCE", 50)
    by_parts, _money = chance_of_totals(fit, None, whole, horizon=HORIZON, seed=1)
    assert by_parts != at_once
    # Both are known to a few per cent.
    assert by_parts == pytest.approx(at_once, rel=0.15)


def test_the_same_seed_gives_the_same_chance(table):
    scored, _ = score("pareto_nbd", table)
    fit = FITS["pareto_nbd"][0]
    one, again, other = (
        chance_of_totals(fit, SPEND[0], scored, horizon=None, seed=seed) for seed in (1, 1, 2)
    )
    assert one == again != other


def test_chance_weighs_less_the_more_customers_there_are(table):
    fit, many = (
        FITS["nbd"][0],
        table.assign(n_customers=table["n_customers"] * 100, spend_sum=table["spend_sum"] * 100),
    )
    few, more = (
        chance_of_totals(fit, SPEND[0], score("nbd", each)[0], horizon=HORIZON, seed=3)
        for each in (table, many)
    )
    assert np.array(more) == pytest.approx(10 * np.array(few), rel=1e-9)


# --- refuses ------------------------------------------------------------------------------------


def test_a_spend_without_a_mean_is_refused():
    with pytest.raises(ValueError, match=r"the mean spend does not exist: q is 0\.9, and must be above 1"):
        spend_by_frequency([GammaGammaFit(6.0, 0.9, 16.0)], [0, 1])


@pytest.mark.parametrize("discount", [0.0, -0.1])
def test_a_sum_for_ever_without_a_discount_is_refused(table, discount):
    with pytest.raises(ValueError, match="a discount above 0 is needed"):
        score_cells(FITS["nbd"][:1], table, horizon=HORIZON, discount=discount)
    with pytest.raises(ValueError, match="a discount above 0 is needed"):
        clv_of_new(FITS["nbd"][:1], SPEND[:1], MARGIN[:1], discount=discount)


# --- honest -------------------------------------------------------------------------------------


def test_resamples_without_a_mean_bring_no_missing_number(table):
    _, sums = score("nbd", table)
    spends = [SPEND[0], GammaGammaFit(6.0, 0.8, 16.0), GammaGammaFit(6.0, 1.0, 16.0), *SPEND[3:]]
    worth = worth_by_draw(sums, spends, MARGIN, outlook_name="discounted_purchases")
    new = clv_of_new(FITS["nbd"], spends, MARGIN, discount=DISCOUNT, horizon=HORIZON)
    kept = worth_by_draw(sums, [SPEND[0]] * 3 + SPEND[3:], MARGIN, outlook_name="discounted_purchases")
    assert np.isfinite(worth).all() and np.isfinite(new).all()
    np.testing.assert_array_equal(worth, kept)
    found = spend_by_frequency(spends, [0, 1, 5])
    assert np.isfinite(found.to_numpy()).all() and (found[["var_base", "var_slope"]] >= 0).all().all()


def test_one_draw_alone_has_no_spread():
    found = spend_by_frequency(SPEND[:1], [0, 3])
    assert (found[["var_base", "covariance", "var_slope"]] == 0).all().all()
