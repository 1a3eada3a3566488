"""From spend to new customer: correct, consistent, refusing, honest."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.sales_cycle import is_monthly, lagged_window, sales_cycle, shift_spend


def delays(days):
    return pd.Series(days).value_counts().rename_axis("days").reset_index(name="n_customers")


def spend():
    month = pd.to_datetime(["2026-01-01", "2026-02-01", "2026-02-01"])
    return pd.DataFrame({"month": month, "channel": ["a", "a", "b"], "cents": [3100, 2800, 280]})


# --- correct ------------------------------------------------------------------------------------


def test_the_limits_of_a_median_are_the_tabulated_order_statistics():
    """n = 20: the 6th and the 15th of the sorted values (Conover 1999, section 3.2: 95.9 %)."""
    found = sales_cycle(delays(range(1, 21)))
    assert (found.value, found.low, found.high, found.n) == (10.5, 6.0, 15.0, 20)


def test_spend_of_a_month_moves_by_the_day():
    moved = shift_spend(spend(), lag_days=10).groupby(["month", "channel"])["cents"].sum()
    assert {
        (str(month.date()), channel): value for (month, channel), value in moved.items()
    } == pytest.approx(
        {
            ("2026-01-01", "a"): 2100.0,
            ("2026-02-01", "a"): 1000.0 + 1800.0,
            ("2026-02-01", "b"): 180.0,
            ("2026-03-01", "a"): 1000.0,
            ("2026-03-01", "b"): 100.0,
        }
    )


@pytest.mark.parametrize(
    ("lag", "as_of", "window"),
    [
        (0, date(2026, 12, 31), ("2026-01", "2026-06")),
        (1, date(2026, 12, 31), ("2026-02", "2026-06")),
        (31, date(2026, 12, 31), ("2026-02", "2026-07")),
        (31, date(2026, 7, 30), ("2026-02", "2026-06")),
        (181, date(2026, 12, 31), ("2026-07", "2026-11")),
    ],
)
def test_only_months_whose_spend_is_known_throughout_count(lag, as_of, window):
    first, last = pd.Timestamp("2026-01-01"), pd.Timestamp("2026-06-01")
    found = lagged_window(first, last, lag_days=lag, as_of=as_of)
    assert tuple(str(month.date())[:7] for month in found) == window


# --- consistent ---------------------------------------------------------------------------------


def test_no_cent_is_lost_and_no_lag_changes_nothing():
    for lag in (1, 17, 45, 400):
        assert shift_spend(spend(), lag_days=lag)["cents"].sum() == pytest.approx(6180)
    pd.testing.assert_frame_equal(shift_spend(spend(), lag_days=0), spend(), check_dtype=False)


def test_leads_after_the_customer_change_nothing():
    assert sales_cycle(delays([-3, -1, *range(1, 21)])) == sales_cycle(delays(range(1, 21)))


def test_monthly_is_one_day_in_each_month():
    days = pd.to_datetime(["2026-01-31", "2026-02-28"])
    month = pd.to_datetime(["2026-01-01", "2026-02-01"])
    table = pd.DataFrame({"month": month, "first_day": days, "last_day": days})
    assert is_monthly(table)
    assert not is_monthly(table.assign(first_day=month))


# --- refuses ------------------------------------------------------------------------------------


def test_refuses_nobody_and_a_step_back():
    with pytest.raises(ValueError, match="who were leads before"):
        sales_cycle(delays([-3]))
    with pytest.raises(ValueError, match="lag_days is at least 0"):
        shift_spend(spend(), lag_days=-1)
    first = pd.Timestamp("2026-01-01")
    assert lagged_window(first, first, lag_days=10, as_of=date(2026, 3, 31)) is None


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [30, 301])
def test_the_true_median_is_covered(n):
    rng = np.random.default_rng(51)
    truth = np.floor(20 * np.log(2))  # the median of whole days of an exponential
    found = [sales_cycle(delays(np.floor(rng.exponential(20, n)))) for _ in range(1000)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    # Exact limits, wider for whole days: 95 % less three binomial errors.
    assert covered >= 0.95 - 3 * (0.95 * 0.05 / 1000) ** 0.5
