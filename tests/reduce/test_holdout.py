"""Up to a cut-off and after it: equal to plain pandas on every engine, and blind to what comes later."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.reduce.holdout import holdout_cells, purchases_by_day

CUT, END = date(2025, 1, 31), date(2025, 4, 30)
KEYS = ["frequency", "recency", "T", "holdout_frequency"]


def make_log(seed: int, n: int = 1_500) -> pd.DataFrame:
    """Orders at all hours from 2024 to past the end, with refunds, several a day, and rows worth nothing."""
    rng = np.random.default_rng(seed)
    log = pd.DataFrame(
        {
            "customer_id": [f"{number:03d}" for number in rng.integers(0, 300, n)],
            "order_date": pd.Timestamp("2024-09-01")
            + pd.to_timedelta(rng.integers(0, 280, n), "D")
            + pd.to_timedelta(rng.integers(0, 86_400, n), "s"),
            "revenue": np.where(rng.random(n) < 0.05, 0.0, rng.gamma(2, 20, n).round(2)),
            "kind": rng.choice(["purchase", "netted refund", "loose refund"], n, p=[0.85, 0.1, 0.05]),
        }
    )
    log.loc[log["kind"] != "purchase", "revenue"] *= -1
    last = log.iloc[:1].assign(
        customer_id="last", order_date=pd.Timestamp("2025-01-31 20:00"), kind="purchase"
    )
    return pd.concat([log, last], ignore_index=True)


def in_plain_pandas(log: pd.DataFrame) -> pd.DataFrame:
    """The definition, written out a second time and slowly."""
    rows = []
    bought = log[log["kind"] == "purchase"].assign(day=lambda table: table["order_date"].dt.date)
    for _customer, days in bought.groupby("customer_id")["day"]:
        before = sorted({day for day in days if day <= CUT})
        after = {day for day in days if CUT < day <= END}
        if before:
            weeks = (before[-1] - before[0]).days / 7, (CUT - before[0]).days / 7
            rows.append((len(before) - 1, *weeks, len(after)))
    table = pd.DataFrame(rows, columns=KEYS)
    return table.groupby(KEYS).size().rename("n_customers").reset_index()


def found(table) -> pd.DataFrame:
    frame = holdout_cells(table, calibration_end=CUT, as_of=END).execute()
    return frame.sort_values(KEYS).reset_index(drop=True)


def by_day(table) -> pd.DataFrame:
    frame = purchases_by_day(table, calibration_end=CUT, as_of=END).execute()
    return frame.assign(day=pd.to_datetime(frame["day"]).astype("datetime64[s]"))


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_plain_pandas(place, seed):
    log = make_log(seed)
    ours, theirs = found(place("log", log)), in_plain_pandas(log)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, check_exact=False, rtol=1e-12)
    assert (ours["holdout_frequency"] > 0).any() and (ours["T"] == 0).any()


def test_days_equal_plain_pandas(place):
    log = make_log(3)
    bought = log[log["kind"] == "purchase"].assign(day=lambda table: table["order_date"].dt.normalize())
    bought = bought[bought["day"] <= pd.Timestamp(END)].drop_duplicates(["customer_id", "day"])
    first = bought.groupby("customer_id")["day"].transform("min")
    kept = bought.assign(is_first=bought["day"] == first)[first <= pd.Timestamp(CUT)]
    theirs = kept.groupby("day").agg(
        n_new=("is_first", "sum"), n_repeat=("is_first", lambda firsts: (~firsts).sum())
    )
    ours = by_day(place("log", log)).set_index("day")
    assert ours.index.is_monotonic_increasing
    np.testing.assert_array_equal(ours.to_numpy(float), theirs.to_numpy(float))
    assert list(ours.index) == list(theirs.index.astype("datetime64[s]"))


# --- consistent ---------------------------------------------------------------------------------


def test_nothing_after_the_cut_off_reaches_what_the_models_see(place):
    log = make_log(4)
    later = log["order_date"] >= pd.Timestamp("2025-02-01")
    changed = log.copy()
    changed.loc[later, "revenue"] = 7.77
    changed.loc[later, "order_date"] += pd.Timedelta(days=3)
    changed = pd.concat([changed, log[later].assign(customer_id="new")])
    seen = ["frequency", "recency", "T"]
    known = found(place("log", log)).groupby(seen)["n_customers"].sum()
    for number, other in enumerate(
        (changed, log[~later], log.assign(revenue=log["revenue"].where(~later, 0)))
    ):
        again = found(place(f"other{number}", other)).groupby(seen)["n_customers"].sum()
        pd.testing.assert_series_equal(known, again)


def test_neither_the_order_of_rows_nor_what_comes_after_the_end_changes_anything(place):
    log = make_log(5)
    known, days = found(place("log", log)), by_day(place("log", log))
    beyond = log.assign(order_date=pd.Timestamp("2025-05-01 00:00:00"))
    for name, other in (("mixed", log.sample(frac=1, random_state=1)), ("more", pd.concat([beyond, log]))):
        table = place(name, other)
        pd.testing.assert_frame_equal(found(table), known)
        pd.testing.assert_frame_equal(by_day(table), days)


def test_both_reductions_count_the_same_purchases(place):
    table = place("log", make_log(6))
    cells, days = found(table), by_day(table)
    assert days["n_new"].sum() == cells["n_customers"].sum()
    repeats = ((cells["frequency"] + cells["holdout_frequency"]) * cells["n_customers"]).sum()
    assert days["n_repeat"].sum() == repeats
    after = days.loc[days["day"] > pd.Timestamp(CUT), ["n_new", "n_repeat"]].sum()
    assert after["n_new"] == 0
    assert after["n_repeat"] == (cells["holdout_frequency"] * cells["n_customers"]).sum()


def test_the_last_second_of_both_days_still_counts(place):
    times = ["2025-01-01", "2025-01-31 23:59:59", "2025-02-01 00:00:00", "2025-04-30 23:59:59", "2025-05-01"]
    log = pd.DataFrame(
        {
            "customer_id": "a",
            "order_date": pd.to_datetime(times, format="mixed"),
            "revenue": 1.0,
            "kind": "purchase",
        }
    )
    row = found(place("log", log)).iloc[0]
    assert (row["frequency"], row["holdout_frequency"], row["n_customers"]) == (1, 2, 1)
    assert by_day(place("log", log))["n_repeat"].sum() == 3


# --- refuses ------------------------------------------------------------------------------------


def test_who_first_bought_after_the_cut_off_or_never_is_not_there(place):
    log = pd.DataFrame(
        {
            "customer_id": ["late", "back"],
            "order_date": pd.to_datetime(["2025-02-01", "2025-01-02"]),
            "revenue": [5.0, -5.0],
            "kind": ["purchase", "loose refund"],
        }
    )
    table = place("log", log)
    assert found(table).empty and by_day(table).empty
