"""BG/BB: against the published donations, against the mixture itself, and honest about what it cannot hold."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.bg_bb import (
    BgBbFit,
    alive_probability,
    bg_bb_derivatives,
    expected_occasions,
    expected_occasions_of_new,
    fit_bg_bb,
    occasion_probability,
    total_occasions,
)
from cam.measures.value.newton import profile_interval

#: Fader, Hardie, Shang (2010), as lifetimes' tests quote them.
PAPER = BgBbFit(1.204, 0.750, 0.657, 2.783)
#: Binomial limits of 1,000 intervals that hold the truth 95 % of the time, three standard errors either way.
COVERED = (0.929, 0.971)


@pytest.fixture(scope="module")
def donations():
    """11,104 donors over six years: ships with lifetimes; from Fader, Hardie, Shang (2010)."""
    spec = importlib.util.find_spec("lifetimes")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("lifetimes is not installed")
    path = Path(next(iter(spec.submodule_search_locations))) / "datasets" / "donations.csv"
    return pd.read_csv(path).rename(columns={"periods": "n_opportunities", "weights": "n_customers"})


@pytest.fixture(scope="module")
def fit(donations):
    return fit_bg_bb(donations)


def histories(*rows, n=6):
    return pd.DataFrame(rows, columns=["frequency", "recency"]).assign(n_opportunities=n)


def draw(truth, n_customers, rng, *, n=6):
    """Customers of the model's own story, as cells."""
    p = rng.beta(truth.alpha, truth.beta, n_customers)
    lives = rng.geometric(rng.beta(truth.gamma, truth.delta, n_customers)) - 1
    occasions = np.arange(1, n + 1)
    bought = (rng.random((n_customers, n)) < p[:, None]) & (occasions <= lives[:, None])
    frame = pd.DataFrame(
        {"frequency": bought.sum(1), "recency": (bought * occasions).max(1), "n_opportunities": n}
    )
    return frame.value_counts().reset_index(name="n_customers"), p, lives


# --- correct ------------------------------------------------------------------------------------


def test_the_donations_have_the_published_fit(fit):
    # BTYD, vignette and bgbb.EstimateParameters; the paper prints three digits. The tolerances are those of digits
    # printed and of BTYD's optimiser, which stops early: delta differs by 0.00035, the log-likelihood by 1e-3.
    found = (fit.alpha, fit.beta, fit.gamma, fit.delta)
    assert found == pytest.approx((1.203528, 0.749726, 0.656781, 2.783796), abs=5e-4)
    assert fit.optimum.log_likelihood == pytest.approx(-33225.58, abs=0.005)
    assert fit.optimum.log_likelihood >= -33225.5814
    assert fit.optimum.is_converged and not fit.optimum.weak
    assert fit.optimum.n == 11104


def test_who_is_alive_in_year_seven(fit):
    # Fader, Hardie, Shang (2010), table 6, two digits.
    table = histories((0, 0), (2, 4), (6, 6))
    assert alive_probability(PAPER, table) == pytest.approx([0.11, 0.59, 0.93], abs=0.005)
    assert alive_probability(fit, table) == pytest.approx([0.1081, 0.5897, 0.9304], abs=5e-5)


def test_purchases_to_come(donations, fit):
    # BTYD, bgbb.ConditionalExpectedTransactions of its own parameters.
    btyd = BgBbFit(1.203528, 0.749726, 0.656781, 2.783796)
    found = expected_occasions(btyd, histories((0, 0), (4, 5)), n_ahead=10)
    assert found == pytest.approx([0.1302169, 3.627858], abs=1e-6)
    assert expected_occasions_of_new(btyd, n_opportunities=10) == pytest.approx(3.179805, abs=1e-6)
    # Hardie's spreadsheet: 12,884.2 donations in the next five years.
    assert total_occasions(fit, donations, n_ahead=5).value == pytest.approx(12884.2, abs=0.06)


def test_how_many_bought_never_and_always(fit):
    # As BTYD and lifetimes have them; 3,464 and 1,203 were counted.
    expected = [11104 * occasion_probability(fit, n=n, n_opportunities=6) for n in (0, 6)]
    assert expected == pytest.approx([3454.9, 1253.1], abs=0.05)


def test_discounted_purchases_to_come(fit):
    # BTYD, man/bgbb.DERT.Rd: parameters and histories; values of the closed form.
    manual = BgBbFit(1.20, 0.75, 0.66, 2.78)
    table = histories(*((x, 6) for x in range(1, 7)), (3, 4))
    published = [1.8020, 2.6212, 3.4403, 4.2594, 5.0785, 5.8976, 1.6214]
    assert expected_occasions(manual, table, discount=0.1) == pytest.approx(published, abs=6e-5)
    found = expected_occasions(fit, histories((6, 6), (5, 6), (4, 6), (0, 0)), discount=0.1)
    assert found == pytest.approx([5.910, 5.089, 4.269, 0.115], abs=5e-4)


@pytest.mark.parametrize("x, t, n", [(0, 0, 3), (1, 1, 5), (2, 4, 6), (6, 6, 6), (3, 9, 30), (0, 0, 0)])
def test_the_likelihood_is_the_mixture(x, t, n):
    """Against adding up over lives and integrating over p and theta by a quadrature of its own."""
    from scipy.special import roots_jacobi

    rng = np.random.default_rng(x + 10 * t + n)
    alpha, beta, gamma, delta = rng.uniform(0.4, 4, 4)

    def beta_mean(of, a, b):
        nodes, weights = roots_jacobi(120, b - 1, a - 1)
        return (weights * of((nodes + 1) / 2)).sum() / weights.sum()

    direct = 0.0
    for m in range(t, n + 1):
        buys = beta_mean(lambda p, m=m: p**x * (1 - p) ** (m - x), alpha, beta)
        ends = beta_mean(lambda q, m=m: (1 - q) ** m * (q if m < n else 1), gamma, delta)
        direct += buys * ends
    table = histories((x, t), n=n)
    value, _, _ = bg_bb_derivatives(table)(np.log([alpha, beta, gamma, delta]))
    # Gauss and Jacobi's rule is exact for these polynomials.
    assert np.exp(value) == pytest.approx(direct, rel=1e-10)


# --- consistent ---------------------------------------------------------------------------------


def test_derivatives_are_those_of_the_value(donations):
    evaluate, theta, step = bg_bb_derivatives(donations), np.log([1.5, 0.6, 0.9, 3.5]), 1e-5
    _, gradient, hessian = evaluate(theta)
    for place in range(4):
        up, down = (evaluate(theta + side * step * np.eye(4)[place]) for side in (1, -1))
        # Central differences: error of rounding and of the third derivative.
        assert gradient[place] == pytest.approx((up[0] - down[0]) / (2 * step), rel=1e-6)
        assert hessian[place] == pytest.approx((up[1] - down[1]) / (2 * step), rel=1e-6, abs=1e-3)


def test_cells_are_customers(donations):
    one_each = donations.loc[donations.index.repeat(donations["n_customers"])].drop(columns="n_customers")
    theta = np.log([1, 1, 1, 2.0])
    together, alone = bg_bb_derivatives(donations)(theta), bg_bb_derivatives(one_each)(theta)
    assert together[0] == pytest.approx(alone[0], rel=1e-12)
    assert together[2] == pytest.approx(alone[2], rel=1e-10)


def test_probabilities_add_up_and_mean_what_they_should():
    share = [occasion_probability(PAPER, n=n, n_opportunities=6) for n in range(7)]
    assert sum(share) == pytest.approx(1, abs=1e-12)
    assert np.dot(range(7), share) == pytest.approx(
        expected_occasions_of_new(PAPER, n_opportunities=6), rel=1e-12
    )
    assert occasion_probability(PAPER, n=7, n_opportunities=6) == 0


def test_a_history_is_the_sum_of_the_next_ones():
    """The likelihood of a history is that of both its continuations together."""

    def likelihood(x, t, n):
        return np.exp(bg_bb_derivatives(histories((x, t), n=n))(np.log([1.2, 0.7, 0.6, 2.8]))[0])

    assert likelihood(2, 4, 6) == pytest.approx(likelihood(2, 4, 7) + likelihood(3, 7, 7), rel=1e-12)


def test_alive_then_is_alive_now_less_those_who_leave():
    table = histories((2, 4), (6, 6))
    now, later = (alive_probability(PAPER, table, ahead=ahead) for ahead in (0, 3))
    assert now[1] == 1.0  # bought at the very last occasion
    assert (later < now).all()
    # What is expected at three occasions is the sum of what is expected at each.
    p = (PAPER.alpha + table["frequency"]) / (PAPER.alpha + PAPER.beta + 6)
    by_hand = sum(alive_probability(PAPER, table, ahead=k) for k in (1, 2, 3)) * p
    assert expected_occasions(PAPER, table, n_ahead=3) == pytest.approx(by_hand.to_numpy(), rel=1e-12)


def test_for_ever_is_a_very_long_horizon_and_its_closed_form():
    from scipy.special import hyp2f1

    table = histories((0, 0), (3, 4), (6, 6))
    for_ever = expected_occasions(PAPER, table, discount=0.1)
    assert for_ever == pytest.approx(expected_occasions(PAPER, table, n_ahead=400, discount=0.1), rel=1e-12)
    alive = alive_probability(PAPER, table)
    p = (PAPER.alpha + table["frequency"].to_numpy()) / (PAPER.alpha + PAPER.beta + 6)
    closed = alive * p / 1.1 * hyp2f1(1, PAPER.delta + 7, PAPER.gamma + PAPER.delta + 7, 1 / 1.1)
    assert for_ever == pytest.approx(closed, rel=1e-10)


def test_gamma_of_one_is_no_gap():
    sides = [
        expected_occasions(BgBbFit(1, 1, g, 3), histories((2, 4)), n_ahead=9)[0]
        for g in (1 - 1e-6, 1, 1 + 1e-6)
    ]
    assert sides[1] == pytest.approx((sides[0] + sides[2]) / 2, rel=1e-9)


# --- refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [(3, 2, 6), (1, 7, 6), (0, 2, 6), (2, 0, 6), (1.5, 2, 6), (-1, 0, 6)])
def test_what_is_no_history_is_named(row):
    table = pd.DataFrame([(0, 0, 6), row], columns=["frequency", "recency", "n_opportunities"])
    with pytest.raises(
        ValueError, match=r"row 1 is no history: .* 0 <= frequency <= recency <= n_opportunities"
    ):
        fit_bg_bb(table)


def test_nothing_and_never():
    with pytest.raises(ValueError, match="there are no customers"):
        fit_bg_bb(histories().astype(float))
    with pytest.raises(ValueError, match="a discount above 0 is needed"):
        expected_occasions(PAPER, histories((1, 1)))
    with pytest.raises(ValueError, match="an interval needs a fit with its optimum"):
        total_occasions(PAPER, histories((1, 1)), n_ahead=1)
    with pytest.raises(ValueError, match="occasions ahead are 0 or more"):
        alive_probability(PAPER, histories((1, 1)), ahead=-1)


def test_one_occasion_does_not_hold_four_parameters():
    table = pd.DataFrame(
        {"frequency": [0, 1], "recency": [0, 1], "n_opportunities": 1, "n_customers": [60, 40]}
    )
    optimum = fit_bg_bb(table).optimum
    assert not optimum.is_converged and optimum.weak


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("n_customers", [500, 5000])
def test_parameters_and_totals_are_covered(n_customers):
    """1,000 data sets of six occasions: profile intervals of alpha and gamma, and what customers then do."""
    rng, hits = (
        np.random.default_rng(n_customers),
        {name: [] for name in ("alpha", "gamma", "next")},
    )
    n_lost = 0
    for _ in range(1000):
        table, p, lives = draw(PAPER, n_customers, rng)
        found = fit_bg_bb(table)
        if not found.optimum.is_converged:
            n_lost += 1
            continue
        for name in ("alpha", "gamma") if len(hits["next"]) < 250 else ():
            low, high = profile_interval(bg_bb_derivatives(table), found.optimum, name)
            hits[name].append((low or 0.0) <= getattr(PAPER, name) <= (high or np.inf))
        total = total_occasions(found, table, n_ahead=5)
        happened = rng.binomial(np.clip(lives - 6, 0, 5), p).sum()
        hits["next"].append(total.low <= happened <= total.high)
    assert n_lost <= 20
    assert COVERED[0] <= np.mean(hits.pop("next")) <= COVERED[1]
    # 250 profiles each: three standard errors of 0.0138.
    assert all(np.mean(found) >= 0.95 - 0.0414 for found in hits.values()), {
        k: np.mean(v) for k, v in hits.items()
    }
