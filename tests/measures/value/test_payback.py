"""Payback and worth per unit of cost: correct, consistent, refusing, honest."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cam.estimate import Estimate
from cam.measures.value.acquisition import cac
from cam.measures.value.payback import (
    clv_to_cac,
    margin_curves,
    payback,
    pooled_curve,
    ratio_limits,
)


def sums_of(margins, cohort="2026-Q1"):
    """What the reduction gives, from one row per customer and one column per age, in cents."""
    running = np.cumsum(margins, axis=1)
    before = running - margins
    table = {"margin": margins.sum(axis=0), "squares": (running**2 - before**2).sum(axis=0)}
    return pd.DataFrame(table).assign(cohort=cohort, age=np.arange(margins.shape[1]))


def size_of(n, cohort="2026-Q1", last_day=date(2026, 1, 1)):
    return pd.DataFrame({"cohort": [cohort], "n_customers": [n], "last_day": [last_day]})


def margins_of(n=200, ages=7, seed=1):
    return np.random.default_rng(seed).integers(-500, 2000, (n, ages))


# --- correct ------------------------------------------------------------------------------------


def test_the_curve_is_the_mean_and_its_t_interval():
    margins = margins_of()
    curve = margin_curves(sums_of(margins), size_of(200), as_of=date(2026, 7, 3)).set_index("age")
    for age in (0, 3, 6):
        each = margins[:, : age + 1].sum(axis=1) / 100
        low, high = stats.t.interval(0.95, 199, each.mean(), stats.sem(each))
        assert curve.loc[age, ["margin", "low", "high"]].tolist() == pytest.approx([each.mean(), low, high])


def test_the_curve_ends_where_the_last_customer_is():
    sums = sums_of(margins_of())
    # 6 months are 182.6 days: 1 January and 183 days is 3 July.
    assert margin_curves(sums, size_of(200), as_of=date(2026, 7, 3))["age"].max() == 6
    assert margin_curves(sums, size_of(200), as_of=date(2026, 7, 2))["age"].max() == 5


def test_a_known_cohort_pays_back_when_it_does():
    margins = np.full((100, 6), 1000)  # 10 a month, of everybody: no spread
    curve = margin_curves(sums_of(margins), size_of(100), as_of=date(2026, 6, 30))
    row = payback(
        curve, pd.DataFrame({"cohort": ["2026-Q1"], "spend": [3500.0], "n_new": [100]}), currency="USD"
    )
    assert row.loc[0, ["cac", "payback_months"]].tolist() == [
        35.0,
        3.0,
    ]  # 10 on the first day, 40 after 3 months
    # Only the cost is uncertain: 28.78 to 43.02 (Garwood), reached after 2 and after 4 months.
    assert row.loc[0, ["low", "high"]].tolist() == [2.0, 4.0]


def test_a_ratio_of_logarithms():
    one = Estimate("clv", 300.0, "USD", 50, 200.0, 450.0)
    other = Estimate("cac", 100.0, "USD", 40, 80.0, 125.0)
    half = math.hypot(math.log(1.5), math.log(1.25))
    found = clv_to_cac(one, other, segment={"channel": "x"})
    assert (found.value, found.n) == (3.0, 40)
    assert (found.low, found.high) == pytest.approx((3 * math.exp(-half), 3 * math.exp(half)))


# --- consistent ---------------------------------------------------------------------------------


def test_pooling_is_as_if_all_were_one_cohort():
    one, other = margins_of(seed=1), margins_of(n=90, seed=2)
    parts = margin_curves(
        pd.concat([sums_of(one, "a"), sums_of(other, "b")]),
        pd.concat([size_of(200, "a"), size_of(90, "b")]),
        as_of=date(2026, 7, 3),
    )
    pooled = pooled_curve(parts, min_months=6)
    whole = margin_curves(sums_of(np.vstack([one, other])), size_of(290), as_of=date(2026, 7, 3))
    numbers = ["age", "n_customers", "margin", "low", "high"]
    assert pooled[numbers].to_numpy(float) == pytest.approx(whole[numbers].to_numpy(float))
    assert pooled["cohorts"].iloc[0] == ("a", "b")
    assert pooled_curve(parts, min_months=7).empty


def test_customers_who_never_bought_count():
    margins = np.vstack([margins_of(100), np.zeros((100, 7), dtype=int)])
    half = margin_curves(sums_of(margins[:100]), size_of(200), as_of=date(2026, 7, 3))
    whole = margin_curves(sums_of(margins), size_of(200), as_of=date(2026, 7, 3))
    pd.testing.assert_frame_equal(half, whole)


def test_a_dearer_cohort_never_pays_back_earlier():
    curve = margin_curves(sums_of(margins_of()), size_of(200), as_of=date(2026, 7, 3))
    found = [
        payback(
            curve, pd.DataFrame({"cohort": ["2026-Q1"], "spend": [s], "n_new": [200]}), currency="USD"
        ).iloc[0]
        for s in (1000.0, 4000.0, 6000.0)
    ]
    months = [row["payback_months"] for row in found]
    assert months == sorted(months)
    assert all(row["low"] <= row["payback_months"] <= row["high"] for row in found)


def test_a_ratio_below_nothing_has_the_corners():
    cost = Estimate("cac", 100.0, "USD", 40, 80.0, 125.0)
    assert ratio_limits(Estimate("clv", 20.0, "USD", 50, -40.0, 80.0), cost) == (-0.5, 1.0)
    assert ratio_limits(Estimate("clv", -50.0, "USD", 50, -100.0, -20.0), cost) == (-1.25, -0.16)


# --- refuses ------------------------------------------------------------------------------------


def test_a_cohort_that_has_not_paid_back_has_no_number():
    curve = margin_curves(sums_of(margins_of()), size_of(200), as_of=date(2026, 7, 3))
    costs = pd.DataFrame({"cohort": ["2026-Q1"], "spend": [1e6], "n_new": [200]})
    row = payback(curve, costs, currency="USD").iloc[0]
    assert row[["payback_months", "low", "high"]].isna().all() and row["months_seen"] == 6


def test_small_and_unpaid_cohorts_have_no_row():
    curve = margin_curves(sums_of(margins_of(29)), size_of(29), as_of=date(2026, 7, 3))
    assert curve.empty
    curve = margin_curves(sums_of(margins_of()), size_of(200), as_of=date(2026, 7, 3))
    for spend, n_new in ((0.0, 200), (100.0, 0)):
        costs = pd.DataFrame({"cohort": ["2026-Q1"], "spend": [spend], "n_new": [n_new]})
        assert payback(curve, costs, currency="USD").empty


def test_refuses_what_cannot_be_divided():
    worth = Estimate("clv", 300.0, "USD", 50, 200.0, 450.0)
    with pytest.raises(ValueError, match="USD cannot be divided by EUR"):
        clv_to_cac(worth, cac(100.0, 5, currency="EUR"))
    with pytest.raises(ValueError, match="clv has no interval"):
        clv_to_cac(Estimate("clv", 300.0, "USD", 50), cac(100.0, 5, currency="USD"))
    with pytest.raises(ValueError, match="positive divisor; cac reaches down to 0"):
        clv_to_cac(worth, Estimate("cac", 10.0, "USD", 50, 0.0, 20.0))


# --- honest -------------------------------------------------------------------------------------

N = 1000
LEAST = 0.95 - 3 * (0.95 * 0.05 / N) ** 0.5  # 95 % less three binomial errors


@pytest.mark.slow
@pytest.mark.parametrize(("mean_new", "cost"), [(60, 43.0), (400, 43.0), (400, 40.1), (3000, 43.0)])
def test_the_true_payback_is_covered(mean_new, cost):
    """Skewed margins: a first order, then gamma rates of buying. The truth is the first age with expectation >= cost.

    At 40.1 the true curve stands just below the cost at one age (40.0), where an interval is tried hardest.
    """
    rng = np.random.default_rng(41)
    covered = 0
    expected = 20 + 5.0 * np.arange(13)
    truth = float(np.argmax(expected >= cost))
    for _ in range(N):
        n = int(rng.poisson(mean_new))
        rate = rng.gamma(0.65, 0.25 / 0.65, n)
        orders = np.column_stack([np.ones(n, dtype=int), rng.poisson(rate[:, None], (n, 12))])
        margins = np.round(100 * 20 * orders * rng.gamma(4, 0.25, (n, 1))).astype(np.int64)
        curve = margin_curves(sums_of(margins), size_of(n), as_of=date(2027, 1, 2))
        costs = pd.DataFrame({"cohort": ["2026-Q1"], "spend": [cost * mean_new], "n_new": [n]})
        row = payback(curve, costs, currency="USD").iloc[0]
        covered += row["low"] <= truth and (math.isnan(row["high"]) or truth <= row["high"])
    assert covered / N >= LEAST


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_worth", "mean_new", "shape"), [(100, 30, 1.0), (400, 100, 0.5), (2000, 1000, 0.3)]
)
def test_the_true_ratio_is_covered(n_worth, mean_new, shape):
    rng = np.random.default_rng(42)
    covered = 0
    for _ in range(N):
        each = rng.gamma(shape, 300 / shape, n_worth)
        low, high = stats.t.interval(0.95, n_worth - 1, each.mean(), stats.sem(each))
        worth = Estimate("clv", float(each.mean()), "USD", n_worth, float(low), float(high))
        found = clv_to_cac(worth, cac(100.0 * mean_new, int(rng.poisson(mean_new)), currency="USD"))
        covered += found.low <= 3 <= found.high
    # The t interval of the skewed worth falls a little short by itself, and the exact one of a count is too wide.
    assert covered / N >= LEAST
