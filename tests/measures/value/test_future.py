"""Predictions under any model: correct, consistent, refusing."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from measures.value import cdnow
from measures.value.proofs import MODELS
from measures.value.simulate import CDNOW, COFFEE, customers
from scipy.integrate import quad

from cam.measures.value import future
from cam.measures.value.bg_nbd import BgNbdFit, fit_bg_nbd
from cam.measures.value.gamma_gamma import fit_gamma_gamma
from cam.measures.value.nbd import NbdFit
from cam.measures.value.pareto_nbd import ParetoNbdFit

HISTORIES = ("bg_nbd", "mbg_nbd", "pareto_nbd", "nbd")
FITS = [
    BgNbdFit(0.243, 4.414, 0.793, 2.426),
    BgNbdFit(0.525, 6.183, 0.891, 1.614, True),
    BgNbdFit(1.5, 2.5, 1.0, 7.0),
    ParetoNbdFit(0.553, 10.578, 0.606, 11.668),
    ParetoNbdFit(1.5, 2.5, 1.2, 30.0),
    NbdFit(0.385, 12.072),
]
TABLE = pd.DataFrame(
    {
        "frequency": [0.0, 0, 1, 2, 7, 26, 60],
        "recency": [0, 0, 3, 30.43, 35, 30.86, 59.0],
        "T": [39, 5, 39, 38.86, 77.86, 31, 60.0],
    }
)


# --- correct ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def calibrated():
    """CDNOW's first 39 weeks by the project's own reduction, and what each model says of the next 39."""
    table = cdnow.halves()
    said = {
        model: future.expected_purchases(MODELS[model][0](table), table, horizon=39) for model in HISTORIES
    }
    said["same rate"] = table["frequency"].to_numpy() / table["T"].to_numpy() * 39
    said["zero"] = np.zeros(len(table))
    return table, said


def test_the_halves_of_cdnow_are_those_of_the_papers(calibrated):
    # Fader, Hardie, Lee (2005): 2,357 customers; BTYD walkthrough: bins of 0 to 6 and more repeat purchases, and 1,882
    # repeat purchases in the 39 weeks after.
    table, _ = calibrated
    assert len(table) == 2_357
    assert table["later"].sum() == 1_882
    bins = table["frequency"].clip(upper=7).value_counts().sort_index()
    assert bins.tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    shipped = cdnow.exact()
    assert table["frequency"].to_numpy().tolist() == shipped["frequency"].tolist()
    np.testing.assert_allclose(table[["recency", "T"]], shipped[["recency", "T"]], atol=1e-9)


@pytest.mark.parametrize(
    ("model", "total", "bias", "mae", "rmse", "correlation"),
    [
        ("bg_nbd", 1653.4, -12.2, 0.7855, 1.6080, 0.626),
        ("pareto_nbd", 1665.5, -11.5, 0.7545, 1.6028, 0.630),
        ("mbg_nbd", 1576.7, -16.2, 0.7648, 1.6072, 0.627),
        ("nbd", 2929.8, 55.7, 1.0410, 1.8595, 0.583),
        ("same rate", 2930.1, 55.7, 1.0237, 2.2119, 0.584),
        ("zero", 0.0, -100.0, 0.7985, 2.2064, None),
    ],
)
def test_the_holdout_of_cdnow(calibrated, model, total, bias, mae, rmse, correlation):
    # An independent computation of fits and predictions; half a unit of its last digit.
    table, said = calibrated
    off = said[model] - table["later"]
    assert said[model].sum() == pytest.approx(total, abs=0.06)
    assert 100 * off.sum() / 1_882 == pytest.approx(bias, abs=0.06)
    assert off.abs().mean() == pytest.approx(mae, abs=6e-5)
    assert (off**2).mean() ** 0.5 == pytest.approx(rmse, abs=6e-5)
    if correlation is not None:
        assert np.corrcoef(said[model], table["later"])[0, 1] == pytest.approx(correlation, abs=6e-4)


@pytest.mark.parametrize(
    ("model", "expected", "tolerance"),
    [
        (None, [0.2367, 0.6970, 1.3925, 1.5600, 2.5323, 2.9474, 3.8621, 6.3594], 6e-5),
        ("bg_nbd", [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.5040, 6.1570], 3e-4),
        ("pareto_nbd", [0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403], 1e-3),
    ],
)
def test_the_means_by_frequency_are_those_of_btyd(calibrated, model, expected, tolerance):
    # BTYD walkthrough, conditional expectations: actual, BG/NBD, Pareto/NBD, at fits that stop a little earlier.
    table, said = calibrated
    values = table["later"] if model is None else pd.Series(said[model], index=table.index)
    found = values.groupby(table["frequency"].clip(upper=7)).mean()
    assert found.tolist() == pytest.approx(expected, abs=tolerance)


def test_the_clv_of_the_first_customers_with_weekly_units():
    # lifetimes' quickstart prints 140.096, 18.9435 and 38.1806 for these: it feeds weeks to a default of days, so that
    # a month is 30 weeks (lifetimes issue 180). With weeks the same code gives 36.2785, 4.6375 and 8.3441: twelve
    # months of 4.345 weeks, each discounted to its end by 1 %.
    table = cdnow.spend()
    fit, spend = fit_bg_nbd(table), fit_gamma_gamma(table)
    expected = spend.expected(table["frequency"].to_numpy(), table["monetary_value"].to_numpy())
    months = np.arange(1, 13)
    found = {}
    for weeks in (4.345, 30.0):
        purchases = future.stepwise_purchases(fit, table, times=months * weeks, factors=1.01**-months)
        found[weeks] = (purchases * expected)[:3]
    assert found[4.345] == pytest.approx([36.2785, 4.6375, 8.3441], abs=1e-4)
    assert found[30.0] == pytest.approx([140.096, 18.9435, 38.1806], rel=2e-5)


def test_clv_is_that_of_lifetimes_for_every_customer():
    # The same by its own code, fed with our fit, to rounding.
    from lifetimes.utils import _customer_lifetime_value

    table = cdnow.spend()
    fit, spend = fit_bg_nbd(table), fit_gamma_gamma(table)
    expected = spend.expected(table["frequency"].to_numpy(), table["monetary_value"].to_numpy())

    class Peer:
        def predict(self, t, frequency, recency, T):
            return future.expected_purchases(fit, table, horizon=t) if t > 0 else np.zeros(len(table))

    months = np.arange(1, 13)
    ours = expected * future.stepwise_purchases(fit, table, times=months * 4.345, factors=1.01**-months)
    columns = (table[name] for name in ("frequency", "recency", "T"))
    theirs = _customer_lifetime_value(Peer(), *columns, pd.Series(expected, table.index), time=12, freq="W")
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("discount", [0.0005, 0.0027, 0.02, 0.5])
def test_dert_is_the_integral_of_what_is_expected(fit, discount):
    # By parts: discount x the integral of e^(-discount u) E[Y(u)] over u. No rate, no derivative, other nodes.
    x, T = TABLE["frequency"].to_numpy(), TABLE["T"].to_numpy()
    ahead = fit.ahead(x, T)
    ends = np.append(0.0, np.geomspace(0.01, 45 / discount, 30))
    nodes, weights = np.polynomial.legendre.leggauss(20)
    total = 0.0
    for begin, end in itertools.pairwise(ends):
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            u = begin + (end - begin) * node
            total = total + weight * (end - begin) * discount * np.exp(-discount * u) * ahead.mean(u)
    by_hand = future.p_alive(fit, TABLE) * total
    found = future.discounted_purchases(fit, TABLE, discount=discount)
    # At a = 1 the mean, not the rate, is a line between two values 1e-4 to either side.
    assert found == pytest.approx(by_hand, rel=5e-8 if getattr(fit, "a", 0) == 1 else 1e-8)


@pytest.mark.parametrize("fit", FITS)
def test_discounted_purchases_over_a_horizon_are_the_integral(fit):
    ahead = fit.ahead(TABLE["frequency"].to_numpy()[3:4], TABLE["T"].to_numpy()[3:4])
    alive = future.p_alive(fit, TABLE)[3]
    for horizon in (1.0, 52.0, 520.0):
        by_hand = quad(
            lambda u: np.exp(-0.003 * u) * ahead.rate_at(u)[0], 0, horizon, epsabs=0, epsrel=1e-11
        )[0]
        found = future.discounted_purchases(fit, TABLE, discount=0.003, horizon=horizon)[3]
        assert found == pytest.approx(alive * by_hand, rel=1e-9)


@pytest.mark.parametrize("fit", FITS)
def test_the_rate_is_the_slope_of_the_mean(fit):
    ahead = fit.ahead(TABLE["frequency"].to_numpy(), TABLE["T"].to_numpy())
    for u in (0.5, 30.0, 400.0):
        step = 1e-3 * u
        slope = (
            8 * (ahead.mean(u + step) - ahead.mean(u - step))
            - ahead.mean(u + 2 * step)
            + ahead.mean(u - 2 * step)
        )
        assert slope / (12 * step) == pytest.approx(
            ahead.rate_at(u), rel=1e-6 if getattr(fit, "a", 0) == 1 else 1e-7
        )


def test_dert_of_a_bg_nbd_without_dropouts_is_that_of_an_nbd():
    # a next to nought: nobody leaves. For the NBD it is rate / discount, exactly.
    nbd = future.discounted_purchases(NbdFit(0.4, 12.0), TABLE, discount=0.003)
    assert nbd == pytest.approx((0.4 + TABLE["frequency"]) / (12 + TABLE["T"]) / 0.003, rel=1e-12)
    bg = future.discounted_purchases(BgNbdFit(0.4, 12.0, 1e-9, 5.0), TABLE, discount=0.003)
    assert bg == pytest.approx(nbd, rel=1e-6)


def test_a_discount_a_year_is_that_discount_a_year():
    # BTYD: 15 % a year are 0.0027 a week, continuously.
    weekly = future.weekly_discount(0.15)
    assert weekly == pytest.approx(0.0027, abs=5e-5)
    assert np.exp(-weekly * future.WEEKS_PER_YEAR) == pytest.approx(1 / 1.15, rel=1e-14)
    assert future.weekly_discount(0.0) == 0.0
    assert pytest.approx(future.WEEKS_PER_YEAR / 12, rel=1e-12) == future.WEEKS_PER_MONTH


# --- consistent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", FITS)
def test_more_time_brings_more_purchases_and_less_of_them_per_week(fit):
    times = np.array([0.0, 0.01, 1, 5, 20, 60, 200, 1_000, 10_000])
    found = np.array([future.expected_purchases(fit, TABLE, horizon=t) for t in times])
    assert (found[0] == 0).all()
    assert (np.diff(found, axis=0) > 0).all()
    per_week = np.diff(found, axis=0) / np.diff(times)[:, None]
    assert (np.diff(per_week, axis=0) <= 1e-9).all()


@pytest.mark.parametrize("fit", FITS)
def test_a_higher_discount_leaves_less_and_a_longer_horizon_more(fit):
    by_discount = [future.discounted_purchases(fit, TABLE, discount=d) for d in (0.001, 0.01, 0.1, 1.0)]
    assert (np.diff(by_discount, axis=0) < 0).all()
    by_horizon = [
        future.discounted_purchases(fit, TABLE, discount=0.003, horizon=h) for h in (1, 52, 520, 30_000)
    ]
    assert (np.diff(by_horizon, axis=0) > 0).all()
    for_ever = future.discounted_purchases(fit, TABLE, discount=0.003)
    assert by_horizon[-1] == pytest.approx(for_ever, rel=1e-6)
    undiscounted = future.discounted_purchases(fit, TABLE, discount=0.0, horizon=52)
    assert undiscounted == pytest.approx(future.expected_purchases(fit, TABLE, horizon=52), rel=1e-8)


@pytest.mark.parametrize("fit", FITS)
def test_the_outlook_is_what_its_parts_are(fit):
    found = future.outlook(fit, TABLE, horizon=52, discount=0.003)
    parts = [
        future.p_alive(fit, TABLE),
        future.expected_purchases(fit, TABLE, horizon=52),
        future.discounted_purchases(fit, TABLE, discount=0.003, horizon=52),
        future.discounted_purchases(fit, TABLE, discount=0.003),
        1 - future.conditional_probability(fit, TABLE, n=0, horizon=52),
    ]
    np.testing.assert_allclose(found, parts, rtol=1e-8)
    rough = future.outlook(fit, TABLE, horizon=52, discount=0.003, is_rough=True)
    np.testing.assert_allclose(
        rough, parts, rtol=1e-5
    )  # six digits are promised; the last of them may be off


@pytest.mark.parametrize("fit", FITS)
def test_steps_add_up(fit):
    times = [4.0, 9.0, 30.0]
    whole = future.stepwise_purchases(fit, TABLE, times=times, factors=[1.0, 1.0, 1.0])
    assert whole == pytest.approx(future.expected_purchases(fit, TABLE, horizon=30), rel=1e-12)
    counted = [future.expected_purchases(fit, TABLE, horizon=t) for t in times]
    by_hand = 0.9 * counted[0] + 0.8 * (counted[1] - counted[0]) + 0.7 * (counted[2] - counted[1])
    found = future.stepwise_purchases(fit, TABLE, times=times, factors=[0.9, 0.8, 0.7])
    assert found == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("fit", FITS)
def test_what_lies_ahead_of_the_new_is_what_lies_ahead_of_those_seen_for_no_time(fit):
    table = pd.DataFrame({"frequency": [0.0], "recency": [0.0], "T": [0.0]})
    for weeks in (1, 52):
        found = future.expected_purchases_of_new(fit, horizon=weeks)
        assert found == pytest.approx(future.expected_purchases(fit, table, horizon=weeks)[0], rel=1e-12)
        found = future.discounted_purchases_of_new(fit, discount=0.003, horizon=weeks)
        ours = future.discounted_purchases(fit, table, discount=0.003, horizon=weeks)[0]
        assert found == pytest.approx(ours, rel=1e-12)
        for n in (0, 3):
            found = future.purchase_probability(fit, n=n, horizon=weeks)
            ours = future.conditional_probability(fit, table, n=n, horizon=weeks)[0]
            assert found == pytest.approx(ours, rel=1e-12)
    found = future.discounted_purchases_of_new(fit, discount=0.003)
    assert found == pytest.approx(future.discounted_purchases(fit, table, discount=0.003)[0], rel=1e-12)


@pytest.mark.parametrize("model", HISTORIES)
def test_what_is_read_off_by_a_polynomial_is_what_is_worked_out(model):
    # 20,000 customers of all ages, few frequencies: the first way is taken; one by one, the second.
    rng = np.random.default_rng(4)
    x = rng.choice([0.0, 1, 2, 5, 40], 20_000)
    T = rng.uniform(0.1, 150, 20_000)
    table = pd.DataFrame(
        {"frequency": x, "recency": np.where(x > 0, T * rng.uniform(0.1, 1, 20_000), 0.0), "T": T}
    )
    few = table.iloc[:25]
    for shop in (CDNOW, COFFEE):
        true = MODELS[model][0](few)  # of the kind of the model; the parameters are then the shop's
        fit = true.at(np.log(shop[model]))
        for value in (
            lambda rows, fit=fit: future.expected_purchases(fit, rows, horizon=52),
            lambda rows, fit=fit: future.discounted_purchases(fit, rows, discount=0.003),
            lambda rows, fit=fit: future.stepwise_purchases(fit, rows, times=[4, 52], factors=[1, 0.9]),
        ):
            np.testing.assert_allclose(value(table)[:25], value(few), rtol=1e-11)


def test_covariates_move_what_is_foretold_like_the_parameters_that_they_move():
    effects = {"alpha": np.array([0.4]), "beta": np.array([-0.3])}
    fit = ParetoNbdFit(0.553, 10.578, 0.606, 11.668, ("young",), effects)
    plain = ParetoNbdFit(0.553, 10.578 * np.exp(0.4), 0.606, 11.668 * np.exp(-0.3))
    effects = {"alpha": np.array([0.4]), "a": np.array([0.2]), "b": np.array([-0.1])}
    bg = BgNbdFit(0.243, 4.414, 0.793, 2.426, False, ("young",), effects)
    plain_bg = BgNbdFit(0.243, 4.414 * np.exp(0.4), 0.793 * np.exp(0.2), 2.426 * np.exp(-0.1))
    for moved, base, there in ((fit, FITS[3], plain), (bg, FITS[0], plain_bg)):
        for value in (
            future.p_alive,
            lambda fit, table: future.expected_purchases(fit, table, horizon=52),
            lambda fit, table: future.discounted_purchases(fit, table, discount=0.003),
            lambda fit, table: future.conditional_probability(fit, table, n=2, horizon=20),
        ):
            np.testing.assert_allclose(value(moved, TABLE.assign(young=1.0)), value(there, TABLE), rtol=1e-10)
            np.testing.assert_allclose(value(moved, TABLE.assign(young=0.0)), value(base, TABLE), rtol=1e-10)


def test_nothing_changes_the_table_and_the_order_of_rows_does_not_matter():
    table = customers("bg_nbd", COFFEE, 200, np.random.default_rng(1))
    kept = table.copy()
    turned = table.iloc[::-1]
    for fit in FITS:
        one = future.discounted_purchases(fit, table, discount=0.003)
        other = future.discounted_purchases(fit, turned, discount=0.003)
        np.testing.assert_array_equal(one, other[::-1])
    pd.testing.assert_frame_equal(table, kept)


def test_the_same_seed_draws_the_same_future():
    for fit in FITS:
        one, other, third = (
            future.draw_purchases(fit, TABLE, horizon=39, rng=np.random.default_rng(seed))
            for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(one, other)
        assert (one != third).any()
        assert (one == np.floor(one)).all() and (one >= 0).all()


# --- refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("discount", [0.0, -0.01])
def test_a_sum_without_an_end_is_refused(fit, discount):
    words = "a discount above 0 is needed; the sum might have no end"
    with pytest.raises(ValueError, match=words):
        future.discounted_purchases(fit, TABLE, discount=discount)
    with pytest.raises(ValueError, match=words):
        future.discounted_purchases_of_new(fit, discount=discount)
    with pytest.raises(ValueError, match="the sum for ever might have no end"):
        future.outlook(fit, TABLE, horizon=52, discount=discount)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 15.0, float("nan")])
def test_a_discount_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match=r"a discount rate per year is in \[0, 1\)"):
        future.weekly_discount(rate)


def test_what_is_no_history_is_refused_here_too():
    broken = TABLE.assign(recency=TABLE["T"] + 1)
    for fit in FITS:
        for value in (
            lambda fit: future.p_alive(fit, broken),
            lambda fit: future.expected_purchases(fit, broken, horizon=5),
            lambda fit: future.discounted_purchases(fit, broken, discount=0.1),
            lambda fit: future.conditional_probability(fit, broken, n=1, horizon=5),
            lambda fit: future.draw_purchases(fit, broken, horizon=5, rng=np.random.default_rng(1)),
        ):
            with pytest.raises(ValueError, match="row 0 is no history"):
                value(fit)
