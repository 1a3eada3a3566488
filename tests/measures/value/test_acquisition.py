"""The cost of a new customer: correct, consistent, refusing, honest."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cam.measures.value.acquisition import cac, cac_by_channel, is_beyond_chance, poisson_limits, whole_months

# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Garwood (1936), as tabulated in Ulm (1990), American Journal of Epidemiology 131, 373-375.
    [(0, 0.0, 3.689), (1, 0.025, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (100, 81.364, 121.627)],
)
def test_poisson_limits_are_the_published_ones(count, low, high):
    assert poisson_limits(count) == pytest.approx((low, high), abs=6e-4)


def test_the_limits_of_the_cost_are_those_of_the_count_turned_round():
    cost = cac(1000.0, 10, currency="USD")
    assert (cost.value, cost.n) == (100.0, 10)
    assert (cost.low, cost.high) == pytest.approx((1000 / 18.390, 1000 / 4.795), rel=1e-3)


def test_the_comparison_is_the_exact_binomial_test():
    for n_new in ((10, 30), (10, 22), (3, 17)):
        tail = stats.binom.cdf(n_new[0], sum(n_new), 0.4)
        assert is_beyond_chance((400, 600), n_new) == (2 * tail < 0.05)


# --- consistent ---------------------------------------------------------------------------------


def test_twice_the_spend_is_twice_the_cost():
    one, two = cac(1000.0, 7, currency="USD"), cac(2000.0, 7, currency="USD")
    assert (two.value, two.low, two.high) == pytest.approx((2 * one.value, 2 * one.low, 2 * one.high))


def test_no_channel_is_lost_and_the_sums_are_kept():
    spend = pd.DataFrame({"channel": ["a", "a", "b"], "cents": [1000, 2000, 500]})
    new = pd.DataFrame({"channel": ["a", "c", None], "n_new": [3, 4, 9]})
    table = cac_by_channel(spend, new, currency="USD")
    assert table["channel"].tolist() == ["a", "b", "c"]
    assert table["spend"].sum() == 35.0 and table["n_new"].sum() == 7
    assert table["cac"].tolist()[0] == 10.0 and table["cac"].isna().tolist() == [False, True, True]


def test_the_cheapest_channel_comes_first_whatever_the_order_of_rows():
    spend = pd.DataFrame({"channel": list("abc"), "cents": [900, 100, 500]})
    new = pd.DataFrame({"channel": list("abc"), "n_new": [1, 1, 1]})
    one = cac_by_channel(spend, new, currency="USD")
    other = cac_by_channel(spend[::-1], new[::-1], currency="USD")
    assert one["channel"].tolist() == ["b", "c", "a"]
    pd.testing.assert_frame_equal(one, other)


def test_swapping_two_channels_changes_no_verdict():
    for n_new in ((10, 30), (12, 20), (1, 5)):
        assert is_beyond_chance((400, 600), n_new) == is_beyond_chance((600, 400), n_new[::-1])


def test_more_comparisons_ask_for_more():
    assert is_beyond_chance((500, 500), (10, 25))
    assert not is_beyond_chance((500, 500), (10, 25), n_comparisons=28)


def frames(spend_days, acquired_days):
    days = pd.Series(pd.to_datetime(spend_days))
    month = days.dt.to_period("M").dt.to_timestamp()
    spend = pd.DataFrame({"month": month, "first_day": days, "last_day": days})
    new = pd.Series(pd.to_datetime(acquired_days))
    return spend, pd.DataFrame({"month": new.dt.to_period("M").dt.to_timestamp(), "first_day": new})


def months(spend_days, acquired_days, as_of):
    found = whole_months(*frames(spend_days, acquired_days), as_of=as_of)
    return found and tuple(str(month.date())[:7] for month in found)


def test_months_are_whole_where_spend_is_dated_once_a_month():
    spend = ["2026-01-31", "2026-02-28", "2026-03-31"]
    assert months(spend, ["2026-01-02"], date(2026, 3, 31)) == ("2026-01", "2026-03")
    assert months(spend, ["2026-01-02"], date(2026, 3, 30)) == ("2026-01", "2026-02")


def test_daily_spend_must_reach_the_ends_of_its_months():
    spend = [*pd.date_range("2026-01-15", "2026-03-10").astype(str)]
    assert months(spend, ["2025-06-01"], date(2026, 4, 30)) == ("2026-02", "2026-02")


def test_weekly_spend_reaches_them_within_a_week():
    spend = [*pd.date_range("2026-01-05", "2026-03-30", freq="7D").astype(str)]
    assert months(spend, ["2025-06-01"], date(2026, 4, 30)) == ("2026-01", "2026-03")


def test_customers_set_the_beginning_but_not_the_end():
    spend = ["2026-01-01", "2026-02-01", "2026-03-01"]
    assert months(spend, ["2026-01-20", "2026-02-01"], date(2026, 3, 31)) == ("2026-02", "2026-03")


def test_no_whole_month_is_nothing():
    assert months(["2026-01-01"], ["2026-01-20"], date(2026, 1, 31)) is None
    empty = pd.DataFrame({"month": [], "first_day": [], "last_day": []})
    assert whole_months(empty, empty, as_of=date(2026, 1, 31)) is None


# --- refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spend", "n_new"), [(0.0, 5), (-3.0, 5), (100.0, 0)])
def test_refuses_a_cost_of_nothing_or_of_nobody(spend, n_new):
    with pytest.raises(ValueError, match="needs spend and new customers"):
        cac(spend, n_new, currency="USD")
    with pytest.raises(ValueError, match="at least 0"):
        poisson_limits(-1)


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [4.0, 25.0, 400.0])
def test_the_true_cost_is_covered_at_least_as_promised(mean):
    rng = np.random.default_rng(11)
    drawn = rng.poisson(mean, 1000)
    costs = [cac(1000.0, int(count), currency="USD") for count in drawn if count]
    covered = np.mean([cost.low <= 1000 / mean <= cost.high for cost in costs])
    # Exact limits cover at least 95 %, more where counts are small: 95 % less three binomial errors.
    assert covered >= 0.95 - 3 * (0.95 * 0.05 / 1000) ** 0.5


def test_equal_channels_are_told_apart_no_more_often_than_promised():
    rng = np.random.default_rng(12)
    wrong = np.mean(
        [is_beyond_chance((300, 700), (int(a), int(b))) for a, b in rng.poisson([30, 70], (2000, 2))]
    )
    assert wrong <= 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5
