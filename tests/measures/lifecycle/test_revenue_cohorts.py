"""Revenue retention and value over time: worked by hand, conserved, and intervals that hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.lifecycle.revenue_cohorts import reached, revenue_cells, revenue_retention

MARCH = 12 * 2026 + 2


def tables(n: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two cohorts; the younger one has one complete month after its first."""
    rng = np.random.default_rng(0)
    rows, sizes = [], []
    for cohort, last in ((MARCH - 2, 3), (MARCH - 1, 2)):
        for part in range(20):
            sizes.append((cohort, part, n // 20))
            rows += [(cohort, part, age, float(rng.integers(1, 90))) for age in range(last + 1)]
    return (
        pd.DataFrame(rows, columns=["cohort", "part", "age", "revenue"]),
        pd.DataFrame(sizes, columns=["cohort", "part", "n_customers"]),
    )


# --- correct ------------------------------------------------------------------------------------


def test_ratios_and_their_limits_by_hand():
    from scipy.stats import t

    revenue = pd.DataFrame({"cohort": MARCH - 1, "part": [0, 1, 2] * 2, "age": [0] * 3 + [1] * 3})
    revenue["revenue"] = [100.0, 120.0, 80.0, 30.0, 60.0, 30.0]
    sizes = pd.DataFrame({"cohort": MARCH - 1, "part": [0, 1, 2], "n_customers": [10, 12, 8]})
    row = revenue_retention(revenue_cells(revenue, sizes, last_month=MARCH, n_months=12)).iloc[-1]
    assert (row["revenue"], row["base"], row["revenue_retention"]) == (120, 300, 0.4)
    own = (np.array([30, 60, 30]) - 0.4 * np.array([100, 120, 80])) / 300
    half = t.ppf(0.975, 2) * np.sqrt(3 / 2 * (own**2).sum())
    factor = np.exp(half / 0.4)
    assert (row["low"], row["high"]) == pytest.approx((0.4 / factor, 0.4 * factor), abs=1e-12)
    # 420 from 30 customers.
    assert row["value"] == 14


def test_incomplete_and_unseen_months_are_not_there():
    revenue, sizes = tables()
    table = revenue_retention(revenue_cells(revenue, sizes, last_month=MARCH, n_months=12))
    assert table.groupby("cohort")["age"].max().to_dict() == {"2026-01": 2, "2026-02": 1}
    assert revenue_cells(revenue, sizes, last_month=MARCH, n_months=1)["age"].max() == 1


# --- consistent ---------------------------------------------------------------------------------


def test_cohorts_add_up_to_the_pool_and_value_is_the_running_sum():
    cells = revenue_cells(*tables(), last_month=MARCH, n_months=12)
    one, pool = revenue_retention(cells), revenue_retention(cells, by=())
    assert pool.loc[pool["age"] == 1, "revenue"].item() == one.loc[one["age"] == 1, "revenue"].sum()
    old = one[one["cohort"] == "2026-01"]
    assert (old["value"] * old["n_customers"]).tolist() == pytest.approx(old["revenue"].cumsum().tolist())
    assert (one.loc[one["age"] == 0, "revenue_retention"] == 1).all()


def test_a_month_without_a_row_is_a_zero_and_a_refund_before_the_first_purchase_is_outside():
    revenue = pd.DataFrame({"cohort": MARCH - 2, "part": 0, "age": [-1, 0, 2], "revenue": [-9.0, 50.0, 10.0]})
    sizes = pd.DataFrame({"cohort": [MARCH - 2], "part": [0], "n_customers": [40]})
    cells = revenue_cells(revenue, sizes, last_month=MARCH, n_months=12)
    assert cells["revenue"].tolist() == [50, 0, 10]


def test_only_cohorts_that_reached_an_age_are_kept():
    cells = revenue_cells(*tables(), last_month=MARCH, n_months=12)
    kept = reached(cells, age=2)
    assert set(kept["cohort"]) == {MARCH - 2} and kept["age"].max() == 2


# --- refuses ------------------------------------------------------------------------------------


def test_no_rate_without_a_base_and_no_limits_below_thirty():
    revenue = pd.DataFrame(
        {"cohort": MARCH - 1, "part": [0, 1] * 2, "age": [0, 0, 1, 1], "revenue": [0.0, 0, 5, 5]}
    )
    sizes = pd.DataFrame({"cohort": MARCH - 1, "part": [0, 1], "n_customers": [14, 15]})
    row = revenue_retention(revenue_cells(revenue, sizes, last_month=MARCH, n_months=12)).iloc[-1]
    assert np.isnan(row["revenue_retention"]) and np.isnan(row["value_low"])
    assert row["value"] == pytest.approx(10 / 29)


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("n", [60, 400])
def test_intervals_hold_though_spend_is_skewed(n):
    """Customers differ in what they spend (lognormal) and in how often they come."""
    rng = np.random.default_rng(n)
    spend_sd, n_runs = 0.7, 1_000
    mean = np.exp(spend_sd**2 / 2)
    held = {"rate": 0, "value": 0}
    for _run in range(n_runs):
        part = rng.integers(0, 61, n)
        size = rng.lognormal(0, spend_sd, n)
        comes = rng.random(n) < rng.beta(2, 4, n)
        money = [size * rng.lognormal(0, 0.4, n), comes * size * rng.lognormal(0, 0.4, n)]
        revenue = pd.concat(
            pd.DataFrame({"cohort": MARCH - 1, "part": part, "age": age, "revenue": each})
            .groupby(["cohort", "part", "age"], as_index=False)
            .sum()
            for age, each in enumerate(money)
        )
        counted = np.bincount(part, minlength=61)
        sizes = pd.DataFrame({"cohort": MARCH - 1, "part": np.arange(61), "n_customers": counted})
        cells = revenue_cells(revenue, sizes[sizes["n_customers"] > 0], last_month=MARCH, n_months=1)
        row = revenue_retention(cells).iloc[-1]
        truth = {"rate": 1 / 3, "value": 4 / 3 * mean * np.exp(0.4**2 / 2)}
        held["rate"] += row["low"] <= truth["rate"] <= row["high"]
        held["value"] += row["value_low"] <= truth["value"] <= row["value_high"]
    for name, count in held.items():
        # Limits of a skewed mean miss a little more often in small cohorts: known, and said in the docstring.
        assert (0.905 if n < 100 else 0.92) <= count / n_runs <= 0.975, (name, held)
