"""Customer equity: the published multiples, cash flows added up month by month, and what moves it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cam.measures.value import future
from cam.measures.value.bg_nbd import BgNbdFit
from cam.measures.value.clv import clv_of_new
from cam.measures.value.equity import (
    LEVERS,
    Stretched,
    Terms,
    annual_retention,
    customer_equity,
    margin_multiple,
    moved,
    sensitivity,
    stretch_for,
)
from cam.measures.value.gamma_gamma import GammaGammaFit
from cam.measures.value.nbd import NbdFit
from cam.measures.value.pareto_nbd import ParetoNbdFit

PARETO = ParetoNbdFit(0.553, 10.578, 0.606, 11.669)
LEAVING = [
    PARETO,
    BgNbdFit(0.243, 4.414, 0.793, 2.426),
    BgNbdFit(0.525, 6.183, 0.891, 1.614, first_can_be_last=True),
]
SPEND = GammaGammaFit(6.25, 3.74, 15.44)
TERMS = Terms(margin_rate=0.4, cac=9.0, n_per_year=500.0, years=5.0, annual_discount_rate=0.10)


def make_table(seed: int = 1, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.poisson(2, n)
    T = rng.uniform(20, 80, n).round(1)
    t = np.where(x > 0, T * rng.uniform(0.1, 1, n), 0.0)
    count = rng.integers(1, 9, n)
    spends = np.where((x > 0) & (rng.random(n) < 0.8), x, 0)
    return pd.DataFrame(
        {
            "frequency": x,
            "recency": t,
            "T": T,
            "n_customers": count,
            "spend_frequency": spends,
            "spend_sum": np.where(spends > 0, count * rng.gamma(4, 8, n), 0.0),
        }
    )


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retention", "multiples"),
    [
        (0.6, [1.20, 1.15, 1.11, 1.07]),
        (0.7, [1.75, 1.67, 1.59, 1.52]),
        (0.8, [2.67, 2.50, 2.35, 2.22]),
        (0.9, [4.50, 4.09, 3.75, 3.46]),
    ],
)
def test_the_margin_multiples_of_gupta_and_lehmann(retention, multiples):
    # Gupta, Lehmann (2003), table 2, at 10, 12, 14 and 16 %.
    for rate, expected in zip((0.10, 0.12, 0.14, 0.16), multiples, strict=True):
        found = margin_multiple(retention, annual_discount_rate=rate)
        assert found == pytest.approx(expected, abs=0.00501)
        # With the first margin at once: (1 + i) / (1 + i - r), which is one more.
        assert found + 1 == pytest.approx((1 + rate) / (1 + rate - retention), rel=1e-12)
        years = np.arange(1, 2_000)
        assert found == pytest.approx(((retention / (1 + rate)) ** years).sum(), rel=1e-12)


@pytest.mark.parametrize("fit", LEAVING)
@pytest.mark.parametrize("stretch", [1.0, 2.0])
def test_equity_is_the_sum_of_monthly_cash_flows(fit, stretch):
    """Purchases month by month, at mid-month, times spend and margin; cohorts month by month.

    Mid-month discounting errs by (d month)^2 / 24, some 3e-6, and by how purchases lie within a month; those of new
    customers fall off fast at first, so the first two years go by days. The 150 years hold all but 1e-6.
    """
    table, terms = make_table(), replace(TERMS, stretch=stretch)
    parts = customer_equity(fit, SPEND, table, terms)
    model = Stretched(fit, stretch)
    ends = np.r_[np.arange(1, 731) / 7, 730 / 7 + np.arange(1, 12 * 150) * future.WEEKS_PER_MONTH]
    middles = (np.r_[0.0, ends[:-1]] + ends) / 2
    factors = 1.1 ** -(middles / future.WEEKS_PER_YEAR)
    ahead = future.stepwise_purchases(model, table, times=ends, factors=factors)
    own = np.divide(table["spend_sum"], table["n_customers"])
    each = SPEND.expected(table["spend_frequency"].to_numpy(), own.to_numpy())
    base = 0.4 * (table["n_customers"] * each * ahead).sum()
    assert parts["current_base"] == pytest.approx(base, rel=1e-3)
    stay, line = model.of_new()
    bought = np.diff(np.r_[0.0, [stay * float(line.mean(end)[0]) for end in ends]])
    clv = 0.4 * SPEND.mean_spend * (1 + (bought * factors).sum())
    months = (np.arange(60) + 0.5) / 12
    won = (500 / 12 * 1.1**-months).sum()
    assert parts["future_customers"] == pytest.approx(won * clv, rel=1e-3)
    assert parts["acquisition_cost"] == pytest.approx(won * 9.0, rel=1e-4)
    total = parts["current_base"] + parts["future_customers"] - parts["acquisition_cost"]
    assert parts["customer_equity"] == total


def test_the_retention_of_a_pareto_nbd_is_its_survival():
    # Of those alive at T, ((beta + T) / (beta + T + a year))^s are alive a year on, weighted by who is alive.
    table = make_table()
    T, year = table["T"].to_numpy(), future.WEEKS_PER_YEAR
    w = table["n_customers"].to_numpy() * future.p_alive(PARETO, table)
    for stretch in (0.5, 1.0, 3.0):
        stays = ((PARETO.beta + T) * stretch / ((PARETO.beta + T) * stretch + year)) ** PARETO.s
        expected = (w * stays).sum() / w.sum()
        assert annual_retention(PARETO, table, stretch=stretch) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("fit", LEAVING)
def test_retention_is_that_of_futures_that_are_drawn(fit):
    """Who is alive now and buys after the year was alive at its end; counted against what that must give."""
    table = make_table()
    year = future.WEEKS_PER_YEAR
    w, alive = table["n_customers"].to_numpy(float), future.p_alive(fit, table)
    ahead = fit.ahead(table["frequency"].to_numpy(float), table["T"].to_numpy(float))
    by_hand = (w * alive * ahead.survival(year)).sum() / (w * alive).sum()
    assert annual_retention(fit, table) == pytest.approx(by_hand, rel=1e-12)
    assert 0 < by_hand < 1
    # Nobody who has left buys: purchases beyond the year are at most those of the ones who stay.
    beyond = (w * alive * (ahead.mean(2 * year) - ahead.mean(year))).sum()
    assert 0 < beyond < (w * alive * ahead.mean(year)).sum()


# --- consistent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", LEAVING)
def test_longer_lives_mean_more_retention_and_more_worth(fit):
    table = make_table()
    stretches = (0.25, 0.5, 1.0, 2.0, 4.0)
    kept = [annual_retention(fit, table, stretch=stretch) for stretch in stretches]
    worth = [customer_equity(fit, SPEND, table, replace(TERMS, stretch=each)) for each in stretches]
    assert (np.diff(kept) > 0).all()
    for part in ("current_base", "future_customers", "customer_equity"):
        assert (np.diff([each[part] for each in worth]) > 0).all(), part
    assert len({each["acquisition_cost"] for each in worth}) == 1


@pytest.mark.parametrize("fit", LEAVING)
def test_the_stretch_that_is_found_brings_the_retention(fit):
    table = make_table()
    now = annual_retention(fit, table)
    assert stretch_for(fit, table, retention_rate=now) == pytest.approx(1, abs=1e-8)
    for rate in (now - 0.1, now + 0.01, now + 0.1):
        stretch = stretch_for(fit, table, retention_rate=rate)
        assert annual_retention(fit, table, stretch=stretch) == pytest.approx(rate, abs=1e-9)
        assert (stretch > 1) == (rate > now)


@pytest.mark.parametrize("fit", LEAVING)
def test_a_stretch_of_one_changes_nothing_and_the_past_stays(fit):
    table = make_table()
    one, twice = Stretched(fit, 1.0), Stretched(fit, 2.0)
    for horizon in (None, 52.0):
        found = future.discounted_purchases(one, table, discount=0.002, horizon=horizon)
        plain = future.discounted_purchases(fit, table, discount=0.002, horizon=horizon)
        np.testing.assert_allclose(found, plain, rtol=1e-12)
    np.testing.assert_array_equal(future.p_alive(twice, table), future.p_alive(fit, table))
    assert twice.model == fit.model
    new = [clv_of_new([each], [SPEND], np.ones(1), discount=0.002)[0] for each in (fit, one, twice)]
    assert new[0] == pytest.approx(new[1], rel=1e-12) and new[2] > new[1]


@pytest.mark.parametrize("fit", LEAVING)
def test_elasticities_follow_from_the_parts(fit):
    table = make_table()
    parts = customer_equity(fit, SPEND, table, TERMS)
    found = sensitivity(fit, SPEND, table, TERMS).set_index("lever")
    assert tuple(found.index) == LEVERS
    gross, equity = parts["current_base"] + parts["future_customers"], parts["customer_equity"]
    # Equity is linear in margin and in cost.
    assert found.at["margin", "elasticity"] == pytest.approx(gross / equity, rel=1e-9)
    assert found.at["cac", "elasticity"] == pytest.approx(-parts["acquisition_cost"] / equity, rel=1e-9)
    assert found.at["margin", "elasticity"] + found.at["cac", "elasticity"] == pytest.approx(1, rel=1e-9)
    assert found.at["retention", "elasticity"] > 0 > found.at["discount_rate", "elasticity"]
    assert (found["equity"] == equity).all()
    for lever, row in found.iterrows():
        assert min(row["low"], row["high"]) < equity < max(row["low"], row["high"]), lever
        terms = moved(fit, table, TERMS, lever=lever, to=row["at"] * 1.01)
        assert customer_equity(fit, SPEND, table, terms)["customer_equity"] == pytest.approx(
            row["high"], rel=1e-9
        )


def test_without_a_cost_the_elasticity_of_margin_is_one():
    found = sensitivity(PARETO, SPEND, make_table(), replace(TERMS, cac=0.0)).set_index("lever")
    assert found.at["margin", "elasticity"] == pytest.approx(1, rel=1e-9)
    assert found.at["cac", "elasticity"] == 0


def test_nobody_won_leaves_todays_customers():
    parts = customer_equity(PARETO, SPEND, make_table(), replace(TERMS, years=0.0))
    assert parts["future_customers"] == parts["acquisition_cost"] == 0
    assert parts["customer_equity"] == parts["current_base"]


def test_two_times_the_customers_are_worth_two_times_as_much():
    table = make_table()
    once, twice = (
        customer_equity(PARETO, SPEND, each, TERMS)["current_base"]
        for each in (
            table,
            table.assign(n_customers=table["n_customers"] * 2, spend_sum=table["spend_sum"] * 2),
        )
    )
    assert twice == pytest.approx(2 * once, rel=1e-12)


def test_a_lever_moves_itself_alone():
    table = make_table()
    for lever, field in (
        ("margin", "margin_rate"),
        ("cac", "cac"),
        ("discount_rate", "annual_discount_rate"),
    ):
        assert moved(PARETO, table, TERMS, lever=lever, to=0.3) == replace(TERMS, **{field: 0.3})
    now = annual_retention(PARETO, table)
    terms = moved(PARETO, table, TERMS, lever="retention", to=now + 0.01)
    assert terms == replace(TERMS, stretch=terms.stretch) and terms.stretch > 1


def test_a_table_is_left_as_it_was():
    table = make_table()
    before = table.copy()
    sensitivity(PARETO, SPEND, table, TERMS)
    pd.testing.assert_frame_equal(table, before)


# --- refuses ------------------------------------------------------------------------------------


def test_where_nobody_leaves_there_is_nothing_to_stretch():
    fit, table = NbdFit(0.385, 12.07), make_table()
    assert annual_retention(fit, table) == 1.0
    with pytest.raises(
        ValueError, match=r"no change of how readily customers leave brings retention to 0\.900"
    ):
        stretch_for(fit, table, retention_rate=0.9)
    found = sensitivity(fit, SPEND, table, TERMS)
    assert tuple(found["lever"]) == ("margin", "cac", "discount_rate")


def test_what_cannot_be_moved_is_left_out():
    # With hazards so low next year's retention is above 99 %, and 1 % more would be above 1.
    fit, table = ParetoNbdFit(0.553, 10.578, 0.1, 4_000.0), make_table()
    assert annual_retention(fit, table) > 0.99
    assert "retention" not in set(sensitivity(fit, SPEND, table, TERMS)["lever"])
    # A discount rate of 1 or more is none.
    found = sensitivity(PARETO, SPEND, table, replace(TERMS, annual_discount_rate=0.995))
    assert tuple(found["lever"]) == ("retention", "margin", "cac")


@pytest.mark.parametrize("rate", [0.0, 1.0, 1.2, -0.1])
def test_a_retention_that_no_stretch_brings_is_refused(rate):
    with pytest.raises(ValueError, match="no change of how readily customers leave"):
        stretch_for(PARETO, make_table(), retention_rate=rate)


def test_an_unknown_lever_is_refused():
    with pytest.raises(
        ValueError, match="price is no lever; these are: retention, margin, cac, discount_rate"
    ):
        moved(PARETO, make_table(), TERMS, lever="price", to=1.0)


@pytest.mark.parametrize(
    ("retention", "rate", "words"),
    [
        (1.0, 0.0, "the sum has no end"),
        (1.1, 0.1, "within 0 to 1"),
        (-0.1, 0.1, "within 0 to 1"),
        (0.8, -0.1, "at least 0"),
    ],
)
def test_a_multiple_without_an_end_is_refused(retention, rate, words):
    with pytest.raises(ValueError, match=words):
        margin_multiple(retention, annual_discount_rate=rate)


# --- honest -------------------------------------------------------------------------------------


def test_no_missing_number_where_equity_is_a_loss():
    found = sensitivity(PARETO, SPEND, make_table(), replace(TERMS, margin_rate=0.0))
    assert np.isfinite(found.select_dtypes("number").to_numpy()).all()
    assert (found["equity"] < 0).all()
