"""Spend and new customers by month: correct, consistent."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.reduce.acquisition import acquired_by_month, lead_delays, spend_by_month


def spend(seed=1, n=500):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "date": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 200, n), unit="D"),
            "channel": rng.choice(["search", "social", "store"], n),
            "cost_type": rng.choice(["media", "tools"], n),
            "cost": rng.gamma(1, 50, n).round(2),
        }
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_spend_is_that_of_plain_pandas_to_the_cent(place, seed):
    frame = spend(seed)
    found = spend_by_month(place("rows", frame)).execute()
    frame["month"] = frame["date"].dt.to_period("M").dt.to_timestamp()
    by = frame.groupby(["month", "channel", "cost_type"])
    expected = by.agg(cost=("cost", "sum"), first=("date", "min"), last=("date", "max")).reset_index()
    assert pd.to_datetime(found["month"]).tolist() == expected["month"].tolist()
    assert (
        found[["channel", "cost_type"]].values.tolist() == expected[["channel", "cost_type"]].values.tolist()
    )
    assert found["cents"].tolist() == (100 * expected["cost"]).round().astype(int).tolist()
    assert pd.to_datetime(found["first_day"]).tolist() == expected["first"].tolist()
    assert pd.to_datetime(found["last_day"]).tolist() == expected["last"].tolist()


def test_new_customers_are_those_of_plain_pandas(place):
    rng = np.random.default_rng(3)
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 200, 300), unit="D")
    channel = rng.choice(["search", "organic", None], 300)
    frame = pd.DataFrame({"acquired_date": days, "acquisition_channel": channel})
    found = acquired_by_month(place("rows", frame)).execute()
    month = frame["acquired_date"].dt.to_period("M").dt.to_timestamp()
    expected = frame.assign(month=month, channel=frame["acquisition_channel"].fillna("?"))
    counts = expected.groupby(["month", "channel"]).size()
    keys = zip(pd.to_datetime(found["month"]), found["channel"].fillna("?"), strict=True)
    assert dict(zip(keys, found["n_new"], strict=True)) == counts.to_dict()


def test_nothing_is_lost_where_columns_are_missing_or_rows_are_shuffled(place):
    frame = spend()
    whole = spend_by_month(place("rows", frame)).execute()
    shuffled = spend_by_month(place("rows", frame.sample(frac=1, random_state=1))).execute()
    pd.testing.assert_frame_equal(whole, shuffled)
    untyped = spend_by_month(place("rows", frame.drop(columns="cost_type"))).execute()
    assert untyped["cents"].sum() == whole["cents"].sum() and untyped["cost_type"].isna().all()


def test_a_lag_moves_each_row_by_its_days(place):
    frame = spend()
    later = frame.assign(date=frame["date"] + pd.Timedelta(days=45))
    lagged = spend_by_month(place("rows", frame), lag_days=45).execute()
    pd.testing.assert_frame_equal(lagged, spend_by_month(place("rows", later)).execute())


def test_delays_are_from_the_first_lead_and_may_be_negative(place):
    days = ["2026-01-05", "2026-01-01", "2026-03-01", "2026-02-01", "2026-01-01", "2026-07-01"]
    leads = pd.DataFrame(
        {"customer_id": ["a", "a", "b", None, "c", "d"], "created_date": pd.to_datetime(days)}
    )
    won = ["2026-01-11", "2026-02-27", "2026-06-30", "2026-07-02"]
    people = pd.DataFrame({"customer_id": list("abcd"), "acquired_date": pd.to_datetime(won)})
    found = lead_delays(place("leads", leads), place("people", people), as_of=date(2026, 6, 30)).execute()
    assert found.values.tolist() == [[-2, 1], [10, 1], [180, 1]]
