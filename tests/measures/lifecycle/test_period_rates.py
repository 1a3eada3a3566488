"""The four rates: worked by hand, tied together by their sums, and intervals that hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import wilson_interval
from cam.measures.lifecycle.period_rates import (
    bridge_table,
    choose_period,
    customer_rates,
    pair_counts,
    rate_trend,
    revenue_parts,
    revenue_rates,
)

#: Bits 1 and 2: bought in the earlier and the later period; bit 0: before.
EARLIER, LATER = 2, 4


def cells_of(pattern: np.ndarray, before: np.ndarray, after: np.ndarray) -> pd.DataFrame:
    """One row per pattern, from one number per customer, as the engine makes it."""
    rows = []
    for value in np.unique(pattern):
        one, other = (money[pattern == value].astype(object) for money in (before, after))
        kept = np.minimum(one, other)
        rows.append(
            {
                "pattern": int(value),
                "n_customers": len(one),
                "before": one.sum(),
                "after": other.sum(),
                "kept": kept.sum(),
                "before_2": (one * one).sum(),
                "after_2": (other * other).sum(),
                "kept_2": (kept * kept).sum(),
                "before_after": (one * other).sum(),
                "before_kept": (one * kept).sum(),
            }
        )
    return pd.DataFrame(rows)


def shop(rng: np.random.Generator, n: int, *, stay: float = 0.7, spread: float = 0.8) -> pd.DataFrame:
    """Customers of skewed spend, of whom the frequent rather stay."""
    size = rng.lognormal(3, spread, n)
    often = 1 + rng.poisson(rng.gamma(1.5, 1, n))
    before = np.maximum(100 * size * often * rng.gamma(3, 1 / 3, n), 1).astype(np.int64)
    is_back = rng.random(n) < stay + 0.1 * (often > 2)
    again = 1 + rng.poisson(rng.gamma(1.5, 1, n))
    after = np.where(is_back, np.maximum(100 * size * again * rng.gamma(3, 1 / 3, n), 1), 0).astype(np.int64)
    return cells_of(np.where(is_back, EARLIER | LATER, EARLIER), before, after)


def gaps(*shares: float) -> pd.DataFrame:
    return pd.DataFrame({"months": np.arange(1, len(shares) + 1), "share_closed": shares})


# --- correct ------------------------------------------------------------------------------------


def test_groups_and_rates_by_hand():
    #                    stayed  left  back  new  asleep  not yet  never
    patterns = np.array([0b111, 0b010, 0b101, 0b100, 0b001, 0b1000, 0])
    cells = pd.DataFrame({"pattern": patterns, "n_customers": [6, 2, 3, 5, 9, 7, 4]})
    row = pair_counts(cells, first=1, last=2).iloc[0]
    assert row[["n_base", "n_retained", "n_churned", "n_reactivated", "n_new", "n_asleep"]].tolist() == [
        8,
        6,
        2,
        3,
        5,
        9,
    ]
    rates = customer_rates(pair_counts(cells, first=1, last=2).assign(n_again=11)).set_index("rate")
    tops = rates[["top", "bottom"]].to_numpy().tolist()
    assert tops == [[6, 8], [11, 14], [2, 8], [3, 12]]
    assert rates.loc["reactivation_rate", ["low", "high"]].tolist() == list(wilson_interval(3, 12))


def test_contracts_know_who_had_one_in_between_from_the_first_start():
    # All three run on the last day only: one had a contract that ended between the days before.
    cells = pd.DataFrame({"pattern": [0b100] * 3, "since": [0, 1, 2], "n_customers": [10, 20, 40]})
    row = pair_counts(cells, first=0, last=2).iloc[-1]
    assert (row["n_reactivated"], row["n_new"]) == (30, 40)


def test_revenue_rates_and_their_limits_by_hand():
    from scipy.stats import t

    rng = np.random.default_rng(4)
    before, after = rng.integers(100, 900, 50), rng.integers(100, 900, 50)
    pattern = np.where(np.arange(50) < 35, EARLIER | LATER, EARLIER)
    after[35:] = -20  # paid back to who has left: no part of what is kept
    rates = revenue_rates(cells_of(pattern, before, after), last=2).set_index("rate")
    back = np.where(pattern > EARLIER, after, 0)
    kept = np.where(pattern > EARLIER, np.minimum(before, after), 0)
    effective = before.sum() ** 2 / (before**2).sum()
    for name, top in (("revenue_churn_gross", kept), ("revenue_churn_net", back)):
        ratio = top.sum() / before.sum()
        own = (top - ratio * before) / before.sum()
        half = t.ppf(0.975, effective - 1) * np.sqrt((own**2).sum() * effective / (effective - 1))
        if name == "revenue_churn_gross":
            odds = ratio / (1 - ratio) * np.exp(np.array([-1, 1]) * half / (ratio * (1 - ratio)))
            low, high = odds / (1 + odds)
        else:
            low, high = ratio * np.exp(np.array([-1, 1]) * half / ratio)
        found = rates.loc[name, ["value", "low", "high"]].tolist()
        assert found == pytest.approx([1 - ratio, 1 - high, 1 - low], abs=1e-9)
    assert rates.loc["net_revenue_retention", "value"] == 1 - rates.loc["revenue_churn_net", "value"]


@pytest.mark.parametrize(
    ("shares", "n_months", "months", "by"),
    [
        ((0.95, 1.0), 36, 1, "gaps"),
        ((0.5, 0.8, 0.9, 1.0), 36, 3, "gaps"),
        ((0.5, 0.6, 0.7), 36, 12, "rare"),
        ((0.5, 0.6, 0.7, 0.7, 0.8, 0.95), 17, 3, "history"),
        ((), 20, 6, "unknown"),
    ],
)
def test_the_period_follows_from_the_gaps_and_the_history(shares, n_months, months, by):
    fit = choose_period(gaps(*shares), n_months=n_months, least=3)
    assert (fit.months, fit.by) == (months, by)
    assert choose_period(gaps(*shares), n_months=36, least=3, given=6).by == "given"


# --- consistent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_both_sums_come_out_to_the_customer_and_to_the_cent(seed):
    rng = np.random.default_rng(seed)
    n = 400
    # Refunds make some customers cost more than they brought, and reach those who bought nothing.
    cells = cells_of(rng.integers(0, 8, n), rng.integers(-900, 9_000, n), rng.integers(-900, 9_000, n))
    row, parts = pair_counts(cells, first=1, last=2).iloc[0], revenue_parts(cells, last=2)
    assert row["n_base"] - row["n_churned"] + row["n_reactivated"] + row["n_new"] == row["n_active"]
    assert parts["earlier"] - parts["lost"] - parts["contraction"] + parts["expansion"] == parts["retained"]
    assert parts["retained"] + parts["reactivated"] + parts["new"] == parts["later"]
    assert parts["later"] + parts["paid_back"] == sum(cells["after"])
    assert parts["earlier"] + parts["paid_back_earlier"] == sum(cells["before"])
    rates = revenue_rates(cells, last=2).set_index("rate")["top"]
    assert rates["revenue_churn_gross"] == parts["lost"] + parts["contraction"]
    assert rates["revenue_churn_net"] == parts["lost"] + parts["contraction"] - parts["expansion"]
    # The bridge ends where it must, from whatever came before.
    steps = bridge_table(row, parts)
    ends = steps.groupby("block")["end"].agg(list)
    assert all(each[-2] == each[-1] for each in ends)


def test_retention_and_churn_are_one_and_their_limits_mirror():
    rates = customer_rates(pair_counts(shop(np.random.default_rng(0), 200), first=1, last=2)).set_index(
        "rate"
    )
    stay, leave = rates.loc["period_retention_rate"], rates.loc["period_churn_rate"]
    assert stay["value"] + leave["value"] == pytest.approx(1, abs=1e-12)
    assert (stay["low"] + leave["high"], stay["high"] + leave["low"]) == pytest.approx((1, 1), abs=1e-12)


def test_scale_of_the_currency_changes_no_rate():
    cells = shop(np.random.default_rng(1), 200)
    money = [name for name in cells.columns if name not in ("pattern", "n_customers")]
    larger = cells.copy()
    for name in money:
        larger[name] = cells[name].astype(object) * (10**6 if name in ("before", "after", "kept") else 10**12)
    one, other = (revenue_rates(table, last=2)[["value", "low", "high"]] for table in (cells, larger))
    np.testing.assert_allclose(one, other, rtol=1e-12)


# --- refuses ------------------------------------------------------------------------------------


def test_too_short_a_history_is_refused():
    with pytest.raises(ValueError, match="3 periods of 1 months do not fit into 2 complete months"):
        choose_period(gaps(0.95, 1.0), n_months=2, least=3)
    with pytest.raises(ValueError, match="3 periods of 12 months do not fit into 24 complete months"):
        choose_period(gaps(0.95, 1.0), n_months=24, least=3, given=12)


@pytest.mark.parametrize("before", [np.zeros(40, int), np.full(40, -5), np.r_[np.full(39, 10), -390]])
def test_nothing_earned_gives_no_rate_of_revenue(before):
    cells = cells_of(np.full(40, EARLIER | LATER), before, np.full(40, 10))
    assert revenue_rates(cells, last=2).empty
    row, parts = pair_counts(cells, first=1, last=2).iloc[0], revenue_parts(cells, last=2)
    assert set(bridge_table(row, parts)["block"]) == {"customers"}


def test_few_customers_give_no_rate_of_revenue_and_none_gives_no_rate_at_all():
    few = cells_of(np.full(29, EARLIER | LATER), np.full(29, 10), np.full(29, 10))
    assert revenue_rates(few, last=2).empty
    nobody = cells_of(np.array([LATER]), np.array([0]), np.array([10]))
    assert customer_rates(pair_counts(nobody, first=1, last=2)).empty


# --- honest -------------------------------------------------------------------------------------


def test_no_spread_is_no_certainty():
    same = cells_of(np.full(60, EARLIER | LATER), np.full(60, 10), np.full(60, 10))
    gross = revenue_rates(same, last=2).iloc[0]
    assert gross["value"] == 0
    assert gross["high"] == pytest.approx(1 - wilson_interval(60, 60)[0], abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "least"), [(40, 0.90), (120, 0.925), (600, 0.925)])
@pytest.mark.parametrize("stay", [0.3, 0.85])
def test_limits_of_revenue_rates_hold_the_truth(n, least, stay):
    truth = revenue_rates(shop(np.random.default_rng(1), 2_000_000, stay=stay), last=2).set_index("rate")[
        "value"
    ]
    rng = np.random.default_rng(2)
    held = dict.fromkeys(truth.index, 0)
    for _ in range(1_000):
        rates = revenue_rates(shop(rng, n, stay=stay), last=2).set_index("rate")
        for name, value in truth.items():
            held[name] += rates.loc[name, "low"] <= value <= rates.loc[name, "high"]
    # Two standard errors of 1,000 draws are 0.014.
    assert min(held.values()) / 1_000 >= least
    assert max(held.values()) / 1_000 <= 0.975


@pytest.mark.parametrize("season", [0.0, 0.03])
@pytest.mark.parametrize("n", [100, 5_000])
def test_no_trend_is_seldom_called_one_and_a_trend_is_found(n, season):
    rng = np.random.default_rng(3)
    x = np.arange(8)
    false = 0
    for _ in range(500):
        chance = 0.4 + season * np.sin(2 * np.pi * (x / 4 + rng.random())) + season * rng.normal(size=8) / 2
        rates = pd.DataFrame({"pair": x, "top": rng.binomial(n, chance), "bottom": n})
        trend = rate_trend(rates, figure="trend")
        false += not trend.low <= 0 <= trend.high
    # 5 % and two standard errors of 500 draws.
    assert false / 500 <= 0.07
    falling = pd.DataFrame({"pair": x, "top": rng.binomial(n, 0.9 - 0.08 * x), "bottom": n})
    assert rate_trend(falling, figure="trend").high < 0


def test_three_pairs_are_no_trend():
    rates = pd.DataFrame({"pair": [1, 2, 3], "top": [900, 500, 100], "bottom": 1_000})
    assert rate_trend(rates, figure="trend") is None
    never = pd.DataFrame({"pair": range(5), "top": 0, "bottom": 10})
    assert rate_trend(never, figure="trend") is None
