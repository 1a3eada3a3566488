"""The cost of a new customer: correct, consistent, refusing, honest."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cam.measures.value.acquisition import (
    VARIANTS,
    cac,
    cac_by_channel,
    cac_by_period,
    cac_variants,
    is_beyond_chance,
    poisson_limits,
    whole_months,
)

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


def costs(*rows):
    """Rows of (channel, cost_type, money), and ten new customers of each of three channels."""
    spend = pd.DataFrame(rows, columns=["channel", "cost_type", "cents"])
    new = pd.DataFrame({"channel": ["search", "affiliate", "organic"], "n_new": 10})
    table = pd.concat([spend.assign(cents=100 * spend["cents"]), new], ignore_index=True)
    return table.fillna({"cents": 0, "n_new": 0}).astype({"cents": "int64", "n_new": "int64"})


ALL_TYPES = costs(
    ("search", "media", 100),
    ("search", "creative", 20),
    ("affiliate", "commissions", 60),
    ("affiliate", "tools", 5),
    ("organic", "salaries", 40),
    ("search", "overhead", 15),
)


def test_each_variant_holds_its_costs_and_divides_by_its_customers():
    table = cac_variants(ALL_TYPES, currency="USD").set_index(["variant", "channel"])
    assert table.loc[("paid", "all"), ["spend", "n_new", "cac"]].tolist() == [160, 20, 8]
    assert table.loc[("blended", "all"), ["spend", "n_new", "cac"]].tolist() == [180, 30, 6]
    assert table.loc[("fully_loaded", "all"), ["spend", "n_new", "cac"]].tolist() == [240, 30, 8]
    assert table.loc[("paid", "affiliate"), "cac"] == 6 and np.isnan(table.loc[("paid", "organic"), "cac"])
    assert table.loc[("fully_loaded", "organic"), "cac"] == 4
    assert all(not missing for missing in table["missing"])


def test_missing_types_are_named_and_a_variant_of_nothing_is_left_out():
    table = cac_variants(costs(("search", "media", 100), ("search", "fairs", 50)), currency="USD")
    whole = table[table["channel"] == "all"].set_index("variant")
    assert whole.loc["paid", "missing"] == ("commissions",)
    assert whole.loc["fully_loaded", "missing"] == (
        "creative",
        "tools",
        "commissions",
        "salaries",
        "overhead",
    )
    # Costs of a type of the client's own are in the whole.
    assert whole.loc["fully_loaded", "spend"] == 150
    tools = cac_variants(costs(("search", "tools", 100)), currency="USD")
    assert set(tools["variant"]) == {"fully_loaded"}


def monthly(first="2025-11-01", n=17):
    month = pd.date_range(first, periods=n, freq="MS")
    return pd.DataFrame({"month": month, "channel": "search", "cents": 10_000, "n_new": 5})


def test_only_whole_quarters_and_years_count():
    quarters = cac_by_period(monthly(), freq="Q", currency="USD")
    assert quarters["period"].tolist() == ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4", "2027-Q1"]
    assert quarters["cac"].tolist() == [20.0] * 5 and quarters["n_new"].tolist() == [15] * 5
    assert cac_by_period(monthly(), freq="Y", currency="USD")["period"].tolist() == ["2026"]
    assert cac_by_period(monthly(n=2), freq="Q", currency="USD").empty


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


def test_variants_grow_within_a_channel_and_the_last_holds_every_cent():
    table = cac_variants(ALL_TYPES, currency="USD")
    by = table[table["channel"] != "all"].pivot(index="channel", columns="variant", values="spend")
    assert (by["paid"] <= by["blended"]).all() and (by["blended"] <= by["fully_loaded"]).all()
    assert 100 * by["fully_loaded"].sum() == ALL_TYPES["cents"].sum()
    assert list(VARIANTS) == list(dict.fromkeys(table["variant"]))


def test_periods_and_channels_add_up():
    two = pd.concat([monthly(), monthly().assign(channel="store", cents=30_000)], ignore_index=True)
    whole = cac_by_period(two, freq="Q", currency="USD")
    parts = cac_by_period(two, freq="Q", currency="USD", by_channel=True)
    assert parts.groupby("period")["spend"].sum().tolist() == whole["spend"].tolist()
    assert parts.groupby("period")["n_new"].sum().tolist() == whole["n_new"].tolist()


def test_a_period_without_spend_or_without_customers_stays_and_has_no_cost():
    table = monthly(n=3).assign(cents=[100, 0, 100], n_new=[0, 5, 5])
    found = cac_by_period(table, freq="M", currency="USD")
    assert found["cac"].isna().tolist() == [True, True, False] and found["spend"].tolist() == [1, 0, 1]


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
