"""How customers buy: intervals that know that one customer's orders are alike, and gaps that are still open."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.estimate import wilson_interval
from cam.measures.segmentation import behaviour

#: Three binomial errors of 95 % over 1,000 data sets.
ERROR = 3 * np.sqrt(0.95 * 0.05 / 1000)


def sums(x: np.ndarray, n: np.ndarray) -> pd.DataFrame:
    """Two levels: x of a customer's n orders at the first, the others at the second."""
    rows = [
        {"level": level, "n_orders": own.sum(), "n_customers": (own > 0).sum(), "revenue": float(own.sum()),
         "squared": (own**2).sum(), "crossed": (own * n).sum(), "all_orders": n.sum(), "all_customers": len(n),
         "all_squared": (n**2).sum()}
        for level, own in enumerate((x, n - x))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def shop(rng, *, people: int, alike: float, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Orders of customers who have shares of their own about *mean*; the smaller *alike*, the more they differ."""
    n = 1 + rng.poisson(rng.gamma(0.7, 8, people))
    return rng.binomial(n, rng.beta(alike * mean, alike * (1 - mean), people)), n


# ---- correct


def test_the_kaplan_meier_curve_of_freireich():
    # 6-MP arm of Freireich et al. (1963), Blood 21, 699-716: weeks in remission of 21 children, + still in remission:
    # 6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+. Survival as published has three decimals.
    weeks = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    ended = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    cells = pd.DataFrame({"part": range(21), "days": weeks, "is_closed": ended, "n": 1})
    curve = behaviour.gap_curve(cells)
    assert curve["days"].tolist() == [0, 6, 7, 10, 13, 16, 22, 23]
    assert curve["n_at_risk"].tolist() == [21, 21, 17, 15, 12, 11, 7, 6]
    survival = 1 - curve["share"].to_numpy()
    assert survival == pytest.approx([1, 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=0.0005)
    # Each child alone in a part: the jackknife is Greenwood's error (0.0764 in week 6, 0.1068 in week 13) to first
    # order; a tenth is what n = 21 may leave.
    for place, greenwood in ((1, 0.0764), (4, 0.1068)):
        low, high = (np.log(-np.log(1 - curve[name].iloc[place])) for name in ("low", "high"))
        error = (high - low) / 2 / 2.086 * survival[place] * -np.log(survival[place])
        assert error == pytest.approx(greenwood, rel=0.1)
    assert behaviour.gap_quantile("median", curve, 0.5).value == 23  # the published median


def test_independent_orders_have_wilsons_interval():
    # One order per customer: nothing is clustered, so only Student's t for many customers differs from Wilson.
    x = (np.arange(5000) < 1500).astype(int)
    row = behaviour.level_shares(sums(x, np.ones(5000, dtype=int))).iloc[0]
    assert (row["low"], row["high"]) == pytest.approx(wilson_interval(1500, 5000), abs=2e-5)


def test_all_orders_alike_count_as_one_per_customer():
    # Ten orders of each customer, all at one level: as informative as one order each.
    x = 10 * (np.arange(400) < 100).astype(int)
    row = behaviour.level_shares(sums(x, np.full(400, 10))).iloc[0]
    assert (row["low"], row["high"]) == pytest.approx(wilson_interval(100, 400), abs=5e-4)


def test_a_ratio_against_the_jackknife():
    rng = np.random.default_rng(5)
    bottom = rng.gamma(2, 50, 300)
    top = bottom * rng.beta(2, 10, 300)
    row = pd.Series(
        {"n_rows": 900, "n_customers": 300, "top": top.sum(), "bottom": bottom.sum(),
         "top_squared": (top**2).sum(), "crossed": (top * bottom).sum(), "bottom_squared": (bottom**2).sum()}
    )  # fmt: skip
    found = behaviour.customer_ratio("discount_share", row, unit="share")
    without = (top.sum() - top) / (bottom.sum() - bottom)
    error = np.sqrt(299 / 300 * ((without - without.mean()) ** 2).sum())
    # Linearisation and jackknife agree to first order; 2 % is far above what is left at n = 300.
    assert (found.high - found.low) / 2 / (1.968 * error) == pytest.approx(1, abs=0.02)


# ---- consistent


def test_two_levels_mirror_each_other():
    table = behaviour.level_shares(sums(*shop(np.random.default_rng(1), people=80, alike=1.5, mean=0.3)))
    assert table["share"].sum() == pytest.approx(1)
    assert table["revenue_share"].sum() == pytest.approx(1)
    assert table["low"].iloc[0] == pytest.approx(1 - table["high"].iloc[1])
    assert (table["low"] <= table["share"]).all() and (table["share"] <= table["high"]).all()


def test_a_level_that_nobody_or_everybody_has_is_as_uncertain_as_the_customers_are_few():
    n = np.full(20, 50)
    nobody, everybody = behaviour.level_shares(sums(np.zeros(20, dtype=int), n)).to_dict("records")
    assert nobody["low"] == 0 and everybody["high"] == 1
    # 1,000 orders, but of 20 customers: Wilson's limit of 0 in 20 is 0.161, of 0 in 1,000 it is 0.004.
    assert 0.16 < nobody["high"] < 0.2
    assert nobody["high"] == pytest.approx(1 - everybody["low"])


def test_a_shop_of_one_customer_knows_next_to_nothing():
    row = behaviour.level_shares(sums(np.array([30]), np.array([100]))).iloc[0]
    assert row["low"] < 0.05 and row["high"] > 0.85


def test_ranks_are_those_of_orders_then_of_code_points():
    counts = pd.DataFrame({"level": ["zoo", "Ärzte", "web", "Web", "app"], "n_orders": [3, 3, 3, 3, 9]})
    for seed in range(5):
        ranked = behaviour.rank_levels(counts.sample(frac=1, random_state=seed))
        assert ranked["level"].tolist() == ["app", "Web", "web", "zoo", "Ärzte"]


def test_what_a_page_cannot_hold_is_one_row_but_never_of_one_level():
    counts = pd.DataFrame({"level": [f"{number:03d}" for number in range(12)], "n_orders": range(12, 0, -1)})
    assert behaviour.rank_levels(counts)["shown"].tolist() == [*range(1, 11), 11, 11]
    assert behaviour.rank_levels(counts.head(11))["shown"].tolist() == list(range(1, 12))


def test_value_limits_hold_any_amount_and_no_rounding():
    assert behaviour.value_limits(0.01, 0.2) == [0.0, 0.01, 0.02, 0.05, 0.1, 0.2]
    assert behaviour.value_limits(3.0, 3.0) == [0.0, 5.0]
    assert behaviour.value_limits(9_000_000, 2.1e9)[-1] == 2e9


def test_months_that_are_not_whole_are_left_out_and_empty_ones_are_not():
    table = pd.DataFrame({"level": [24311, 24312, 24314], "n_orders": [5, 62, 31], "squared": [5, 100, 31]})
    rates = behaviour.month_rates(table, first=date(2025, 12, 2), last=date(2026, 3, 31))
    assert rates[["year", "month"]].values.tolist() == [[2026, 1], [2026, 2], [2026, 3]]
    assert rates["n_orders"].tolist() == [62, 0, 31]
    assert rates["rate"].tolist() == [2.0, 0.0, 1.0]
    short = behaviour.month_rates(table, first=date(2026, 1, 1), last=date(2026, 3, 30))
    assert len(short) == 2
    assert behaviour.month_rates(table, first=date(2026, 1, 2), last=date(2026, 1, 31)).empty


def test_open_gaps_lengthen_the_median():
    cells = pd.DataFrame(
        {
            "part": [0, 1] * 3,
            "days": [5, 5, 20, 20, 10, 10],
            "is_closed": [1, 1, 1, 1, 0, 0],
            "n": [40, 41, 20, 19, 60, 61],
        }
    )
    curve = behaviour.gap_curve(cells)
    assert behaviour.closed_quantile(cells, 0.5) == 5
    assert behaviour.gap_quantile("median", curve, 0.5).value == 20
    # Parts are for the interval alone.
    other = behaviour.gap_curve(cells.assign(part=[1, 0, 1, 0, 0, 1]))
    assert other["share"].tolist() == curve["share"].tolist()
    for name in ("share", "low", "high"):
        assert curve[name].is_monotonic_increasing
    assert (curve["low"] <= curve["share"]).all() and (curve["share"] <= curve["high"]).all()


def test_a_share_that_is_never_reached_has_no_day():
    cells = pd.DataFrame(
        {"part": [0, 1, 0, 1], "days": [5, 6, 90, 90], "is_closed": [1, 1, 0, 0], "n": [9, 9, 30, 32]}
    )
    curve = behaviour.gap_curve(cells)
    assert behaviour.gap_quantile("median", curve, 0.5) is None
    quarter = behaviour.gap_quantile("quarter", curve, 0.2)
    assert quarter.value == 6 and (quarter.low is None or quarter.low <= 6 <= quarter.high)


# ---- refuses


def test_refusals_say_why():
    cells = pd.DataFrame({"part": [0, 1], "days": [5, 6], "is_closed": [0, 0], "n": [1, 1]})
    with pytest.raises(ValueError, match="no gap is closed"):
        behaviour.gap_curve(cells)
    with pytest.raises(ValueError, match="all customers are in one part"):
        behaviour.gap_curve(cells.assign(part=0, is_closed=1))
    with pytest.raises(ValueError, match="limits need 0 < low <= high; got 0 and 5"):
        behaviour.value_limits(0, 5)
    row = pd.Series({"n_customers": 3, "top": 1.0, "bottom": 0.0})
    with pytest.raises(ValueError, match="discount_share: the total to divide by is 0"):
        behaviour.customer_ratio("discount_share", row, unit="share")


# ---- honest


@pytest.mark.slow
@pytest.mark.parametrize(("people", "alike", "mean"), [(400, 2.0, 0.3), (400, 0.5, 0.05), (60, 1.0, 0.3)])
def test_shares_of_clustered_orders_hold_what_they_promise(people, alike, mean):
    # The share of a sample's orders estimates the mean, for how often somebody buys does not depend on where.
    rng = np.random.default_rng(11)
    held = naive = 0
    for _ in range(1000):
        x, n = shop(rng, people=people, alike=alike, mean=mean)
        row = behaviour.level_shares(sums(x, n)).iloc[0]
        held += row["low"] <= mean <= row["high"]
        low, high = wilson_interval(int(x.sum()), int(n.sum()))
        naive += low <= mean <= high
    # The variance itself is estimated from a skewed sample: with 60 customers a point may be missing.
    assert held / 1000 > 0.95 - ERROR - (0.01 if people < 100 else 0)
    assert held / 1000 < 0.99
    # As if orders were independent: far too short.
    assert naive / 1000 < 0.8


@pytest.mark.slow
def test_where_frequent_buyers_differ_the_share_is_still_held():
    # The chance of an order at the level rises with how often the customer buys: the share to hold is that of orders.
    rng = np.random.default_rng(12)
    many = shop(rng, people=2_000_000, alike=1.0, mean=0.3)[1]
    truth = (many * np.where(many > 5, 0.6, 0.2)).sum() / many.sum()
    held = 0
    for _ in range(1000):
        n = shop(rng, people=300, alike=1.0, mean=0.3)[1]
        x = rng.binomial(n, np.where(n > 5, 0.6, 0.2))
        row = behaviour.level_shares(sums(x, n)).iloc[0]
        held += row["low"] <= truth <= row["high"]
    assert held / 1000 > 0.95 - ERROR


def gap_sample(rng, *, people: int, days: int, parts: int) -> pd.DataFrame:
    """Customers who buy at random, each at a rate of their own, for so many days; all gaps, the last one open."""
    rate = rng.gamma(1.5, 1 / 40, people)
    rows = []
    for customer, each in enumerate(rate):
        when = np.unique(np.floor(np.sort(rng.random(rng.poisson(each * days))) * days))
        if len(when):
            gap = np.diff(np.append(when, days))
            rows.append(
                np.column_stack(
                    [np.full(len(gap), customer % parts), gap, np.arange(len(gap)) < len(gap) - 1]
                )
            )
    frame = pd.DataFrame(np.concatenate(rows), columns=["part", "days", "is_closed"]).astype(int)
    return frame.value_counts().reset_index(name="n")


@pytest.mark.slow
def test_the_gap_curve_and_its_median_hold_the_truth_though_gaps_of_a_customer_are_alike():
    # Whoever buys at random at rate w has a day with a purchase with the chance 1 - exp(-w), whatever the days before;
    # so none follows for t days with exp(-w t). Over purchases, customers weigh by how often they buy.
    rng = np.random.default_rng(13)
    rates = np.random.default_rng(1).gamma(1.5, 1 / 40, 1_000_000)
    weight = -np.expm1(-rates)
    truth = np.array([(weight * -np.expm1(-rates * t)).sum() for t in range(121)]) / weight.sum()
    median = int(np.argmax(truth >= 0.5))
    looked = (7, 30, 90)
    held, median_held = dict.fromkeys(looked, 0), 0
    for _ in range(1000):
        curve = behaviour.gap_curve(gap_sample(rng, people=300, days=365, parts=50))
        for t in looked:
            row = curve[curve["days"] <= t].iloc[-1]
            held[t] += row["low"] <= truth[t] <= row["high"]
        found = behaviour.gap_quantile("median", curve, 0.5)
        median_held += found.low <= median <= found.high
    for t, n in held.items():
        assert 0.95 - ERROR < n / 1000 < 0.99, (t, n)
    # Days are whole, so the median's interval holds a little more.
    assert median_held / 1000 > 0.95 - ERROR
