"""Whether time is discrete: what is must be found, what is not must not, however small the shop."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.bg_bb import BgBbFit, alive_probability, fit_bg_bb, total_occasions
from cam.measures.value.occasions import (
    MOST_STEPS,
    alive_total,
    find_occasions,
    mean_steps,
    occasions_ahead,
    predict_occasions,
    score_occasions,
)

AS_OF = date(2026, 6, 30)
#: Donors as in Fader, Hardie, Shang (2010).
PAPER = BgBbFit(1.204, 0.750, 0.657, 2.783)
#: Binomial limits of 1,000 intervals that hold the truth 95 % of the time, three standard errors either way.
COVERED = (0.929, 0.971)


def days_of(stamps, counts=1):
    table = pd.DataFrame({"day": pd.DatetimeIndex(stamps).normalize(), "n_customers": counts})
    return table.groupby("day", as_index=False)["n_customers"].sum()


def shop(rng, n, years=2.0, *, closed=()):
    """Orders of a shop that is open on all days but some of the week, by the day."""
    found = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, int(365 * years), 30 + 9 * n), "D")
    return days_of(found[~found.day_of_week.isin(closed)][:n])


def drops(every, n=12, *, first="2021-01-10", count=80):
    return days_of(pd.date_range(first, periods=n, freq=every), count)


def draw(n_customers, rng, *, n=6, ahead=5):
    """Donors of the model's own story: cells with what they do later, and who is alive at the next occasion."""
    p = rng.beta(PAPER.alpha, PAPER.beta, n_customers)
    lives = rng.geometric(rng.beta(PAPER.gamma, PAPER.delta, n_customers)) - 1
    first = rng.integers(0, n, n_customers)  # opportunities that had passed before they came
    occasions = np.arange(1, n + 1)
    bought = (
        (rng.random((n_customers, n)) < p[:, None])
        & (occasions <= lives[:, None])
        & (occasions <= n - first[:, None])
    )
    frame = pd.DataFrame(
        {
            "frequency": bought.sum(1),
            "recency": (bought * occasions).max(1),
            "n_opportunities": n - first,
            "holdout_frequency": rng.binomial(np.clip(lives - (n - first), 0, ahead), p),
        }
    )
    table = frame.value_counts().reset_index(name="n_customers")
    return table, int((lives > n - first).sum())


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "every, name",
    [
        ("365D", "yearly"),
        ("12MS", "yearly"),
        ("6MS", "half_yearly"),
        ("QS", "quarterly"),
        ("MS", "monthly"),
        ("28D", "monthly"),
        ("14D", "fortnightly"),
        ("7D", "weekly"),
    ],
)
def test_dated_drops_are_found_and_named(every, name):
    timed = find_occasions(drops(every), as_of=date(2036, 6, 30))
    assert (timed.spacing, timed.n_occasions) == (name, 12)
    assert timed.days["occasion"].tolist() == list(range(1, 13))


def test_a_campaign_of_weeks_is_one_occasion_and_a_late_gift_belongs_to_it():
    rng = np.random.default_rng(1)
    stamps = np.concatenate(
        [
            pd.Timestamp(f"{year}-11-15") + pd.to_timedelta(rng.triangular(0, 30, 60, 900).astype(int), "D")
            for year in range(2019, 2025)
        ]
    )
    late = pd.to_datetime(["2021-03-01", "2022-08-01"])
    timed = find_occasions(days_of(np.concatenate([stamps, late])), as_of=AS_OF)
    assert (timed.spacing, timed.n_occasions, timed.n_strays) == ("yearly", 6, 2)
    number = timed.days.set_index("day")["occasion"]
    assert number[pd.Timestamp("2021-03-01")] == 2  # the campaign of 2020
    assert number[pd.Timestamp("2022-08-01")] == 4  # nearer to that of 2022
    assert timed.is_discrete


def test_an_occasion_left_out_is_no_occasion():
    kept = drops("365D", 8, first="2018-01-10").drop(index=4)  # nobody could come that year
    timed = find_occasions(kept, as_of=AS_OF)
    assert (timed.spacing, timed.n_occasions) == ("yearly", 7)


def test_an_occasion_under_way_does_not_count():
    starts = pd.date_range("2019-11-15", periods=6, freq="365D")
    stamps = np.concatenate([start + pd.to_timedelta(np.arange(30), "D") for start in starts])
    stamps = stamps[stamps < np.datetime64("2024-11-20")]
    timed = find_occasions(days_of(stamps, 20), as_of=date(2024, 11, 19))
    assert (timed.n_occasions, timed.n_under_way) == (
        5,
        20 * int((stamps >= np.datetime64("2024-11-01")).sum()),
    )
    assert timed.days["day"].max() < pd.Timestamp("2024-11-01")
    assert find_occasions(days_of(stamps, 20), as_of=date(2025, 3, 1)).n_occasions == 6


def test_expected_days_are_those_of_balls_in_boxes():
    rng = np.random.default_rng(2)
    timed = find_occasions(shop(rng, 200), as_of=AS_OF)
    drawn = [np.unique(rng.integers(0, timed.span, 200)).size for _ in range(2000)]
    # Standard error of the mean of 2,000 counts, each with one of about 4.
    assert timed.expected_days == pytest.approx(np.mean(drawn), abs=0.4)


def test_occasions_ahead():
    yearly = find_occasions(drops("365D", 6, first="2020-12-01"), as_of=AS_OF)  # the last on 2025-11-30
    year = 365.25
    assert [occasions_ahead(yearly, as_of=AS_OF, days=days) for days in (100, year, 3 * year)] == [0, 1, 3]
    assert occasions_ahead(yearly, as_of=date(2025, 11, 30), days=year) == 1
    # Late by a month it is still awaited, late by half a year no more.
    assert occasions_ahead(yearly, as_of=date(2026, 12, 30), days=year) == 2
    assert occasions_ahead(yearly, as_of=date(2027, 6, 1), days=year) == 1
    monthly = find_occasions(drops("MS", 24), as_of=date(2023, 1, 1))
    assert occasions_ahead(monthly, as_of=date(2023, 1, 1), days=year) == 12


# --- consistent ---------------------------------------------------------------------------------


def test_steps_are_a_mean_over_purchases():
    table = pd.DataFrame({"frequency": [3, 1, 0], "recency": [3, 9, 0], "n_customers": [2, 1, 50]})
    assert mean_steps(table) == pytest.approx((2 * 3 + 9) / 7)
    assert mean_steps(table[table["frequency"] == 0]) == float("inf")


def test_scores_are_those_of_the_model():
    table, _ = draw(2000, np.random.default_rng(3))
    fit = fit_bg_bb(table)
    scored = score_occasions(fit, table, n_ahead=4)
    assert scored["p_alive"].to_numpy() == pytest.approx(alive_probability(fit, table), rel=1e-12)
    assert (scored["expected_purchases"] * scored["n_customers"]).sum() == pytest.approx(
        total_occasions(fit, table, n_ahead=4).value, rel=1e-12
    )
    assert (scored["p_alive"] * scored["n_customers"]).sum() == pytest.approx(
        alive_total(fit, table).value, rel=1e-12
    )
    for name in ("p_alive", "expected_purchases"):
        assert (scored[f"{name}_low"] <= scored[name]).all() and (
            scored[name] <= scored[f"{name}_high"]
        ).all()
    assert (scored["expected_purchases_high"] <= 4).all()


def test_the_naive_ways_beside_the_model():
    table, _ = draw(3000, np.random.default_rng(4), ahead=2)
    fit = fit_bg_bb(table)
    total, scores = predict_occasions(fit, table, n_ahead=2)
    scores = scores.set_index("model")
    w = table["n_customers"]
    assert scores["actual"].eq((table["holdout_frequency"] * w).sum()).all()
    assert scores.at["zero", "bias"] == -1
    by_hand = 2 * (table["frequency"] / table["n_opportunities"] * w).sum()
    assert scores.at["same_rate", "predicted"] == pytest.approx(by_hand, rel=1e-12)
    assert total.value == pytest.approx(scores.at["bg_bb", "predicted"], rel=1e-12)
    assert scores["rmse"].idxmin() == "bg_bb" and total.low <= scores.at["bg_bb", "actual"] <= total.high


# --- refuses ------------------------------------------------------------------------------------


def test_nothing_and_given_fits():
    with pytest.raises(ValueError, match="there are no purchase days"):
        find_occasions(drops("7D").iloc[:0], as_of=AS_OF)
    table = pd.DataFrame({"frequency": [1], "recency": [1], "n_opportunities": [2]})
    with pytest.raises(ValueError, match="limits need a fit with its optimum"):
        score_occasions(PAPER, table, n_ahead=1)
    with pytest.raises(ValueError, match="an interval needs a fit with its optimum"):
        alive_total(PAPER, table)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_than_four_occasions_are_no_rule(n):
    assert not find_occasions(drops("365D", n), as_of=AS_OF).spacing


def test_few_days_without_a_rule_are_not_called_discrete():
    days = days_of(
        pd.to_datetime(["2021-01-05", "2021-02-20", "2022-06-01", "2022-07-30", "2024-01-10"]), 100
    )
    timed = find_occasions(days, as_of=AS_OF)
    assert not timed.spacing and not timed.is_discrete and timed.n_days < 0.2 * timed.expected_days


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [5, 20, 50, 200, 2000])
@pytest.mark.parametrize(
    "closed", [(), (5, 6), (0, 1, 2, 3, 4)], ids=["all week", "weekends off", "weekends only"]
)
def test_shops_of_any_size_are_continuous(n, closed):
    """200 shops each; two years of orders at random."""
    rng = np.random.default_rng(n)
    assert not any(find_occasions(shop(rng, n, closed=closed), as_of=AS_OF).is_discrete for _ in range(200))


def test_a_shop_with_seasons_is_continuous():
    """Three quarters of all orders before Christmas, the rest on any day."""
    rng = np.random.default_rng(7)
    for n in (40, 400, 4000):
        for _ in range(100):
            year = rng.integers(2020, 2026, n)
            day = np.where(rng.random(n) < 0.75, rng.integers(325, 358, n), rng.integers(0, 365, n))
            stamps = pd.to_datetime(pd.Series(year).astype(str)) + pd.to_timedelta(day, "D")
            assert not find_occasions(days_of(stamps), as_of=AS_OF).is_discrete


def test_yearly_donations_are_discrete_however_they_spread():
    """200 charities, with 150 gifts and more, in campaigns of 1 to 70 days."""
    rng = np.random.default_rng(8)
    for _ in range(200):
        n, length = int(rng.integers(150, 3000)), int(rng.integers(1, 70))
        start = pd.Series(rng.integers(2018, 2026, n)).astype(str) + "-11-01"
        stamps = pd.to_datetime(start) + pd.to_timedelta(rng.integers(0, length, n), "D")
        timed = find_occasions(days_of(stamps), as_of=AS_OF)
        assert (timed.spacing, timed.n_occasions, timed.is_discrete) == ("yearly", 8, True), (n, length)


@pytest.mark.parametrize("weeks, is_discrete", [(1.2, True), (3.0, True), (9.0, False), (20.0, False)])
def test_dates_rounded_to_weeks_are_continuous_where_customers_come_seldom(weeks, is_discrete):
    rng = np.random.default_rng(9)
    taken = rng.random((1000, 104)) < -np.expm1(-1 / weeks)  # bought at least once within the week
    first = np.arange(104)[None, :] > taken.argmax(axis=1)[:, None]
    frequency = (taken & first).sum(1)
    recency = (taken * np.arange(104)).max(1) - taken.argmax(axis=1)
    timed = find_occasions(drops("7D", 104, count=taken.sum(0)), as_of=AS_OF)
    steps = mean_steps(pd.DataFrame({"frequency": frequency, "recency": recency}))
    assert timed.spacing == "weekly" and (steps <= MOST_STEPS) is is_discrete
    # What the notes promise: this share of purchases falls on a week that is taken.
    assert 1 - weeks * -np.expm1(-1 / weeks) == pytest.approx(1 / (2 * weeks), rel=0.35)


@pytest.mark.slow
def test_who_is_alive_and_what_they_do_is_covered():
    """1,000 data sets of 2,000 donors: totals with chance, and the limits of the expectation per cell."""
    rng = np.random.default_rng(10)
    hits = {"alive": [], "bought": [], "p_alive": [], "expected_purchases": []}
    n_lost = 0
    for _ in range(1000):
        table, alive = draw(2000, rng)
        fit = fit_bg_bb(table)
        if not fit.optimum.is_converged:
            n_lost += 1
            continue
        total, later = alive_total(fit, table), total_occasions(fit, table, n_ahead=5)
        hits["alive"].append(total.low <= alive <= total.high)
        hits["bought"].append(
            later.low <= (table["holdout_frequency"] * table["n_customers"]).sum() <= later.high
        )
        scored, true = score_occasions(fit, table, n_ahead=5), score_occasions_of_truth(table)
        for name in ("p_alive", "expected_purchases"):
            low, high, truth = scored[f"{name}_low"], scored[f"{name}_high"], true[name]
            inside = (low <= truth) & (truth <= high)
            hits[name].append(float((inside * table["n_customers"]).sum() / table["n_customers"].sum()))
    assert n_lost <= 20  # these are refused, not shown
    found = {name: round(float(np.mean(each)), 3) for name, each in hits.items()}
    assert COVERED[0] <= found["alive"] <= COVERED[1] and COVERED[0] <= found["bought"] <= COVERED[1], found
    # Cells share a fit, so their shares spread more than single intervals: two points either way.
    assert all(0.93 <= found[name] <= 0.97 for name in ("p_alive", "expected_purchases")), found


def score_occasions_of_truth(table):
    from cam.measures.value.bg_bb import expected_occasions

    return {
        "p_alive": alive_probability(PAPER, table),
        "expected_purchases": expected_occasions(PAPER, table, n_ahead=5),
    }
