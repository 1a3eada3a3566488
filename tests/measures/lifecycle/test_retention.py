"""Retention: small known tables, laws, and intervals that cover."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from cam.measures.lifecycle.retention import cohorts_of_age, pooled_retention, retention_table

JANUARY = 12 * 2026
ALLOWED = 3 * (0.95 * 0.05 / 1_000) ** 0.5 + 0.004


def activity(rows):
    return pd.DataFrame(rows, columns=["cohort", "age", "n_active", "n_customers"])


SMALL = activity(
    [
        (JANUARY, 0, 10, 10),
        (JANUARY, 1, 4, 10),
        (JANUARY, 3, 1, 10),
        (JANUARY + 1, 0, 5, 5),
        (JANUARY + 2, 0, 2, 2),
    ]
)


def test_a_month_in_which_nobody_bought_is_zero_and_not_missing():
    table = retention_table(SMALL, as_of=date(2026, 4, 30), n_months=12)
    assert table[["cohort", "age", "n_active", "n_customers"]].values.tolist() == [
        ["2026-01", 1, 4, 10],
        ["2026-01", 2, 0, 10],
        ["2026-01", 3, 1, 10],
        ["2026-02", 1, 0, 5],
        ["2026-02", 2, 0, 5],
        ["2026-03", 1, 0, 2],
    ]
    assert table["retention_rate"].tolist() == [0.4, 0.0, 0.1, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("as_of", "ages"), [((2026, 4, 30), 3), ((2026, 4, 29), 2), ((2026, 2, 28), 1), ((2026, 2, 27), 0)]
)
def test_only_complete_months_count(as_of, ages):
    table = retention_table(SMALL, as_of=date(*as_of), n_months=12)
    assert (table["cohort"] == "2026-01").sum() == ages


def test_the_last_day_of_february_is_known_in_a_leap_year():
    rows = activity([(12 * 2024, 0, 3, 3)])
    assert retention_table(rows, as_of=date(2024, 2, 28), n_months=12).empty
    assert len(retention_table(rows, as_of=date(2024, 2, 29), n_months=12)) == 1


def test_n_months_is_the_highest_age():
    assert retention_table(SMALL, as_of=date(2026, 12, 31), n_months=2)["age"].max() == 2


def test_december_is_month_twelve():
    table = retention_table(activity([(JANUARY - 1, 0, 3, 3)]), as_of=date(2026, 1, 31), n_months=1)
    assert table["cohort"].tolist() == ["2025-12"]


def test_intervals_are_those_of_statsmodels():
    table = retention_table(SMALL, as_of=date(2026, 4, 30), n_months=12)
    low, high = proportion_confint(table["n_active"], table["n_customers"], method="wilson")
    np.testing.assert_allclose(table[["low", "high"]], np.column_stack([low, high]), atol=1e-12)


def test_the_pooled_curve_weighs_customers_and_not_cohorts():
    pooled = pooled_retention(retention_table(SMALL, as_of=date(2026, 4, 30), n_months=12))
    assert pooled[["age", "n_cohorts", "n_active", "n_customers"]].values.tolist() == [
        [1, 3, 4, 17],
        [2, 2, 0, 15],
        [3, 1, 1, 10],
    ]
    assert pooled["retention_rate"].tolist() == [4 / 17, 0.0, 0.1]


def test_an_age_is_compared_over_the_cohorts_that_have_reached_it():
    table = retention_table(SMALL, as_of=date(2026, 4, 30), n_months=12)
    kept = cohorts_of_age(table, 2)
    assert set(kept["cohort"]) == {"2026-01", "2026-02"} and kept["age"].max() == 2
    assert pooled_retention(kept)["n_customers"].nunique() == 1


def test_row_order_changes_nothing_and_no_input_is_changed():
    before = SMALL.copy()
    table = retention_table(SMALL, as_of=date(2026, 4, 30), n_months=12)
    shuffled = retention_table(SMALL.sample(frac=1, random_state=1), as_of=date(2026, 4, 30), n_months=12)
    pd.testing.assert_frame_equal(table, shuffled)
    pd.testing.assert_frame_equal(SMALL, before)


def test_intervals_cover_the_truth():
    """1,000 data sets of three cohorts of 120, one rate for all.

    Wilson's coverage swings around 95 % with n; summed over the binomial it is 95.3 % at 120 and 94.9 % at 360, so
    three standard errors of a binomial of 1,000 and 0.4 points are allowed.
    """
    rng = np.random.default_rng(20260630)
    truth, n, sets = 0.12, 120, 1_000
    active = rng.binomial(n, truth, (sets, 3))
    covered_one = covered_all = 0
    for counts in active:
        rows = activity([(JANUARY + place, 0, n, n) for place in range(3)])
        rows = pd.concat(
            [rows, activity([(JANUARY + place, 1, int(x), n) for place, x in enumerate(counts)])]
        )
        table = retention_table(rows, as_of=date(2026, 4, 30), n_months=1)
        pooled = pooled_retention(table)
        covered_one += table["low"].iloc[0] <= truth <= table["high"].iloc[0]
        covered_all += pooled["low"].iloc[0] <= truth <= pooled["high"].iloc[0]
    assert abs(covered_one / sets - 0.95) < ALLOWED
    assert abs(covered_all / sets - 0.95) < ALLOWED
