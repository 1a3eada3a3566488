"""How long contracts lasted: correct on both engines, consistent in time, and what bad input does."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.reduce.tenures import (
    contract_scores,
    contract_tenures,
    count_followed,
    running_contracts,
    tenure_cells,
)

AS_OF = date(2026, 6, 17)


def contracts(seed=1, n=400):
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 1300, n), unit="D")
    end = start + pd.to_timedelta(rng.integers(0, 900, n), unit="D")
    return pd.DataFrame(
        {
            "customer_id": rng.integers(0, 300, n).astype(str),
            "start_date": start.date,
            "end_date": pd.Series(end).dt.date.where(rng.random(n) < 0.7, None),
            "monthly_fee": pd.Series(rng.choice([9.9, 15.0, 25.5], n)).where(rng.random(n) < 0.95, np.nan),
        }
    )


def brute(frame, as_of):
    """Walk through the months of each contract, one anniversary after the other."""
    rows = []
    for row in frame.to_dict("records"):
        if row["start_date"] > as_of:
            continue
        start, end = pd.Timestamp(row["start_date"]), row["end_date"]
        has_ended = end is not None and not pd.isna(end) and end <= as_of
        seen = 0
        while start + pd.DateOffset(months=seen + 1) <= pd.Timestamp(as_of):
            seen += 1
        paid = 1
        while has_ended and start + pd.DateOffset(months=paid) < pd.Timestamp(end):
            paid += 1
        event = has_ended and paid <= seen
        rows.append((row["customer_id"], paid if event else seen, event, not has_ended))
    found = pd.DataFrame(rows, columns=["customer_id", "duration", "event_observed", "is_running"])
    return found.sort_values(list(found)).reset_index(drop=True)


def sorted_frame(table):
    frame = table.execute()[["customer_id", "duration", "event_observed", "is_running"]]
    return frame.sort_values(list(frame)).reset_index(drop=True)


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_of", [AS_OF, date(2025, 2, 28), date(2024, 2, 29), date(2026, 4, 30)])
def test_months_by_the_calendar(place, as_of):
    frame = contracts()
    found = sorted_frame(contract_tenures(place("contracts", frame), as_of=as_of))
    pd.testing.assert_frame_equal(found, brute(frame, as_of), check_dtype=False)
    assert found["event_observed"].any() and found["is_running"].any()


@pytest.mark.parametrize(
    "start, end, months",
    [
        ("2026-01-15", "2026-02-14", 1),  # the last day of the month that was paid
        ("2026-01-15", "2026-02-15", 1),  # the day on which it would have been renewed
        ("2026-01-15", "2026-02-16", 2),
        ("2026-01-31", "2026-02-28", 1),
        ("2025-12-31", "2026-03-31", 3),
        ("2026-01-01", "2026-01-01", 1),
        ("2025-01-01", "2025-12-31", 12),
        ("2024-02-29", "2025-02-28", 12),
    ],
)
def test_a_begun_month_is_a_paid_month(place, start, end, months):
    frame = pd.DataFrame(
        {
            "customer_id": ["a"],
            "start_date": [date.fromisoformat(start)],
            "end_date": [date.fromisoformat(end)],
        }
    )
    found = contract_tenures(place("contracts", frame), as_of=AS_OF).execute()
    assert found[["duration", "event_observed"]].to_numpy().tolist() == [[months, True]]


def test_cells_and_running_contracts(place):
    tenures = place("tenures", contract_tenures(place("contracts", contracts()), as_of=AS_OF).execute())
    frame = tenures.execute()
    cells = tenure_cells(tenures).execute()
    assert cells["n_customers"].sum() == len(frame)
    assert not cells.duplicated(["duration", "event_observed"]).any()
    found = running_contracts(tenures).execute().astype(float).set_index("age")
    runs = frame[frame["is_running"]]
    by = runs.assign(cents=(runs["monthly_fee"].astype(float) * 100).round()).groupby("duration")["cents"]
    assert found["n_contracts"].sum() == len(runs)
    assert found["n_priced"].tolist() == by.count().tolist()
    assert found["fee"].tolist() == by.sum().tolist()
    assert found["squares"].tolist() == by.apply(lambda cents: (cents**2).sum()).tolist()


def test_scores_are_fees_times_factors(place):
    tenures = place("tenures", contract_tenures(place("contracts", contracts()), as_of=AS_OF).execute())
    ages = np.arange(60)
    factors = pd.DataFrame({"age": ages, "expected_renewals": 10 + ages / 7, "residual_clv": 3 + ages / 9})
    found = (
        contract_scores(tenures, place("factors", factors)).execute().set_index("customer_id").astype(float)
    )
    frame = tenures.execute().merge(factors, left_on="duration", right_on="age")
    frame.loc[~frame["is_running"], ["expected_renewals", "residual_clv"]] = 0
    unpriced = frame[frame["is_running"] & frame["monthly_fee"].isna()]["customer_id"]
    frame = frame[~frame["customer_id"].isin(unpriced)]
    value = (
        (frame["monthly_fee"].fillna(0).astype(float) * frame["residual_clv"])
        .groupby(frame["customer_id"])
        .sum()
    )
    assert set(found.index) == set(value.index) and len(unpriced)
    # Each contract is rounded to the cent, its renewals to 1e-4.
    assert found["residual_clv"].to_numpy() == pytest.approx(value[found.index].to_numpy(), abs=0.03)
    renewals = frame.groupby("customer_id")["expected_renewals"].sum()
    assert found["expected_renewals"].to_numpy() == pytest.approx(renewals[found.index].to_numpy(), abs=3e-4)
    assert (found.loc[found["n_running"] == 0, "residual_clv"] == 0).all()


def test_followed_contracts(place):
    rows = [
        ("one", "2024-01-01", "2024-12-31"),  # goes on the next day
        ("one", "2025-01-01", None),
        ("two", "2024-01-01", "2024-12-31"),  # comes back after a summer
        ("two", "2025-06-01", None),
        ("three", "2024-01-01", "2024-12-31"),  # has another beside it that ends first
        ("three", "2024-03-01", "2024-05-31"),
        ("four", "2024-01-01", "2024-12-31"),
    ]
    frame = pd.DataFrame(rows, columns=["customer_id", "start_date", "end_date"])
    frame = frame.assign(**{name: pd.to_datetime(frame[name]).dt.date for name in ("start_date", "end_date")})
    found = count_followed(place("contracts", frame), as_of=AS_OF).execute().iloc[0]
    # One's first, and the shorter of three's.
    assert found.astype(int).tolist() == [5, 2]


# --- consistent ---------------------------------------------------------------------------------


def test_the_future_changes_nothing(place):
    """As seen on a day: contracts that start later are not there, and those that end later still run."""
    frame = contracts(2)
    known = frame[frame["start_date"] <= AS_OF].copy()
    later = known["end_date"].map(lambda day: day is not None and not pd.isna(day) and day > AS_OF)
    known.loc[later, "end_date"] = None
    one = sorted_frame(contract_tenures(place("contracts", frame), as_of=AS_OF))
    other = sorted_frame(contract_tenures(place("known", known), as_of=AS_OF))
    pd.testing.assert_frame_equal(one, other)
    assert later.any() and len(known) < len(frame)


def test_notice_in_a_month_that_is_not_over_is_no_event():
    """Those who stay are not yet counted in that month, so those who leave must not be either."""
    import ibis

    frame = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "start_date": [date(2026, 4, 20)] * 2,
            "end_date": [date(2026, 6, 10), None],
        }
    )
    found = contract_tenures(ibis.memtable(frame), as_of=AS_OF).order_by("customer_id").execute()
    assert found["duration"].tolist() == [1, 1]
    assert found["event_observed"].tolist() == [False, False]
    assert found["is_running"].tolist() == [False, True]


# --- refuses ------------------------------------------------------------------------------------


def test_nothing_is_no_rows(place):
    frame = contracts().assign(start_date=date(2030, 1, 1), end_date=None)
    frame["end_date"] = pd.to_datetime(frame["end_date"])
    tenures = contract_tenures(place("contracts", frame), as_of=AS_OF)
    assert tenure_cells(tenures).execute().empty and running_contracts(tenures).execute().empty
    found = count_followed(place("contracts", frame), as_of=AS_OF).execute().iloc[0]
    assert int(found["n_ended"]) == 0
