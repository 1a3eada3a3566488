"""Means, ratios and concentration: correct, consistent, refusing, honest."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.profitability import (
    concentration,
    mean_per_customer,
    ratio_per_customer,
    top_share,
)

#: Binomial limits of 1,000 intervals that hold the truth 95 % of the time: 0.95 -+ 3 * sqrt(0.95 * 0.05 / 1000).
#: Three standard errors, because a seed is drawn once and the intervals are right only for many customers.
COVERED = (0.929, 0.971)


def sums(n_orders, revenue):
    n_orders, revenue = [int(x) for x in n_orders], [int(x) for x in revenue]
    return {
        "n_customers": len(revenue),
        "n_orders": sum(n_orders),
        "revenue": sum(revenue),
        "n_orders_n_orders": sum(x * x for x in n_orders),
        "n_orders_revenue": sum(x * y for x, y in zip(n_orders, revenue, strict=True)),
        "revenue_revenue": sum(y * y for y in revenue),
    }


def groups(values, n_groups=100):
    ordered = np.sort(np.asarray(values))[::-1]
    place = np.arange(len(ordered)) * n_groups // len(ordered)
    frame = pd.DataFrame({"place": place, "value": ordered, "squared": ordered**2})
    by = frame.groupby("place")
    return pd.DataFrame(
        {
            "n_customers": by.size(),
            "total": by["value"].sum(),
            "squared": by["squared"].sum(),
            "lowest": by["value"].min(),
        }
    )


# --- correct ------------------------------------------------------------------------------------


def test_the_mean_has_the_t_interval_of_the_textbook():
    # Student (1908), Biometrika 6, 1-25: extra hours of sleep with the second drug, R's data(sleep) group 2:
    # t.test gives 0.8976775 to 3.7623225 around 2.33.
    tenths = [19, 8, 11, 1, -1, 44, 55, 16, 46, 34]
    mean = mean_per_customer("sleep", sums([1] * 10, tenths), "revenue", unit="ratio", scale=0.1)
    assert mean.value == pytest.approx(2.33)
    assert (mean.low, mean.high) == pytest.approx((0.8976775, 3.7623225), abs=1e-7)


def test_the_ratio_has_the_variance_of_the_linearised_ratio():
    rng = np.random.default_rng(1)
    x, y = rng.integers(1, 9, 40), rng.integers(100, 9000, 40)
    ratio = y.sum() / x.sum()
    error = math.sqrt(40 / 39 * ((y - ratio * x) ** 2).sum()) / x.sum()  # Cochran (1977), eq. 2.46 and after
    found = ratio_per_customer("mean_order_value", sums(x, y), "revenue", "n_orders", unit="ratio")
    assert found.value == pytest.approx(ratio, rel=1e-14)
    assert found.high - found.low == pytest.approx(
        2 * 2.0226909 * error, rel=1e-7
    )  # t, 39 degrees of freedom
    assert found.n == x.sum()


def test_a_share_of_the_top_has_the_error_of_its_jackknife():
    values = np.random.default_rng(2).gamma(0.5, 100, 2000).round(2)
    curve = concentration(groups(values))
    ordered = np.sort(values)[::-1]
    assert top_share(curve).value == pytest.approx(ordered[:400].sum() / ordered.sum(), rel=1e-12)
    total = ordered.sum()
    without = [np.delete(ordered, i)[:400].sum() / (total - ordered[i]) for i in range(2000)]
    # The jackknife of a share with a moving cut is known to be near, not equal: 5 % of the error.
    jackknife = math.sqrt(1999 / 2000 * ((without - np.mean(without)) ** 2).sum())
    error = (top_share(curve).high - top_share(curve).low) / (2 * 1.959964)
    assert error == pytest.approx(jackknife, rel=0.05)


# --- consistent ---------------------------------------------------------------------------------


def test_revenue_per_customer_is_order_value_times_orders_per_customer():
    made = sums([1, 2, 5], [300, 150, 2000])
    customer = mean_per_customer("a", made, "revenue", unit="ratio").value
    orders = mean_per_customer("b", made, "n_orders", unit="ratio").value
    order = ratio_per_customer("c", made, "revenue", "n_orders", unit="ratio").value
    assert customer == pytest.approx(order * orders, rel=1e-14)


def test_an_order_each_makes_the_ratio_a_mean():
    made = sums([1] * 5, [300, 150, 2000, 10, 50])
    ratio = ratio_per_customer("a", made, "revenue", "n_orders", unit="ratio")
    mean = mean_per_customer("a", made, "revenue", unit="ratio")
    assert (ratio.low, ratio.high) == pytest.approx((mean.low, mean.high), rel=1e-12)


def test_huge_sums_lose_nothing():
    # A float of n * squares less the squared total would be all rounding here.
    made = sums([1] * 4, [10**12 + 1, 10**12 - 1, 10**12 + 1, 10**12 - 1])
    mean = mean_per_customer("a", made, "revenue", unit="ratio")
    assert mean.high - mean.low == pytest.approx(2 * 3.1824463 * math.sqrt(4 / 3 / 4), rel=1e-3)


def test_the_curve_rises_bends_down_and_ends_at_one():
    curve = concentration(groups(np.random.default_rng(3).gamma(1, 10, 1234)))
    steps = curve["share"].diff().dropna().to_numpy()
    # 1,234 customers make groups of 12 and 13: a group of one more may bring 1/12 more than the one before.
    assert (steps > 0).all() and (steps[1:] <= steps[:-1] * 13 / 12).all()
    assert curve["share"].iloc[-1] == 1 and curve["customer_share"].iloc[-1] == 1
    assert (curve["share"] >= curve["customer_share"] - 1e-12).all()
    assert ((curve["low"] <= curve["share"]) & (curve["share"] <= curve["high"])).all()


def test_equal_customers_give_the_straight_line_without_width():
    curve = concentration(groups([5.0] * 200))
    assert np.allclose(curve["share"], curve["customer_share"])
    assert np.allclose(curve["low"], curve["high"], atol=1e-6)


def test_money_in_another_unit_changes_no_share():
    made = groups(np.random.default_rng(4).gamma(1, 10, 500))
    cents = made.assign(total=100 * made.total, squared=10_000 * made.squared, lowest=100 * made.lowest)
    pd.testing.assert_frame_equal(concentration(made), concentration(cents))


def test_inputs_stay_as_they_are():
    made = groups([3.0, 1.0, 2.0] * 50)
    before = made.copy()
    concentration(made)
    pd.testing.assert_frame_equal(made, before)


# --- refuses ------------------------------------------------------------------------------------


def test_refuses_what_gives_no_number():
    with pytest.raises(ValueError, match="at least one customer"):
        mean_per_customer("a", sums([], []), "revenue", unit="ratio")
    with pytest.raises(ValueError, match="positive total of n_orders"):
        ratio_per_customer("a", sums([0], [5]), "revenue", "n_orders", unit="ratio")
    with pytest.raises(ValueError, match="positive in total"):
        concentration(groups([1.0, -2.0], 2))


def test_one_customer_gives_no_interval():
    assert mean_per_customer("a", sums([1], [5]), "revenue", unit="ratio").low is None


# --- honest -------------------------------------------------------------------------------------


def test_orders_in_customers_are_covered_as_promised():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(1000):
        orders = 1 + rng.poisson(rng.gamma(1, 2, 500))
        level = rng.gamma(4, 25, 500)  # one customer's orders are alike
        revenue = np.round(100 * orders * level)
        found = ratio_per_customer(
            "mean_order_value", sums(orders, revenue), "revenue", "n_orders", unit="USD", scale=0.01
        )
        covered += found.low <= 100 <= found.high
    assert COVERED[0] <= covered / 1000 <= COVERED[1]


def test_means_are_covered_as_promised():
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(1000):
        found = mean_per_customer(
            "a", sums([1] * 400, np.round(rng.gamma(1, 10_000, 400))), "revenue", unit="USD", scale=0.01
        )
        covered += found.low <= 100 <= found.high
    assert COVERED[0] <= covered / 1000 <= COVERED[1]


def test_the_share_of_the_top_is_covered_as_promised():
    rng = np.random.default_rng(7)
    truth = 0.2 * (1 + math.log(5))  # of an exponential: the top p hold p (1 - log p)
    covered = 0
    for _ in range(1000):
        found = top_share(concentration(groups(rng.exponential(1, 1000))))
        covered += found.low <= truth <= found.high
    assert COVERED[0] <= covered / 1000 <= COVERED[1]
