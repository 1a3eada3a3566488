"""Counts of tickets by day, kind, customer and place: as counted by hand in pandas on both engines."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from reduce.made_tickets import AS_OF, END, tickets

from cam.reduce import ticket_counts as counted
from cam.reduce import tickets as reduced


@pytest.fixture
def seen():
    frame = tickets()
    return frame, frame[frame["opened"] < END].reset_index(drop=True)


def test_flow_gives_the_tickets_open_and_overdue_on_any_day(place, seen):
    frame, known = seen
    times = reduced.ticket_times(place("tickets", frame), as_of=AS_OF)
    flow = counted.daily_flow(times, overdue_days=7, as_of=AS_OF).execute()
    day = pd.to_datetime(flow["day"])
    sound = known[~(known["closed"] < known["opened"])]
    for at in pd.to_datetime(["2024-03-31", "2025-06-30", "2025-12-31"]):
        is_open = (sound["opened"].dt.normalize() <= at) & ~(sound["closed"].dt.normalize() <= at)
        past = flow[day <= at]
        assert past["n_in"].sum() - past["n_closed"].sum() == is_open.sum()
        is_late = is_open & (sound["opened"].dt.normalize() + pd.Timedelta(days=7) <= at)
        assert past["n_overdue"].sum() - past["n_overdue_closed"].sum() == is_late.sum() > 0
    assert flow["n_opened"].sum() == len(known)


def test_kinds_and_customers_are_counted(place, seen):
    frame, known = seen
    times = reduced.ticket_times(place("tickets", frame), as_of=AS_OF, keep=["category"])
    own = known.assign(category=known["category"].fillna("unknown"))
    own["who"] = own["customer_id"].fillna(pd.Series([f"nobody {k}" for k in own.index], index=own.index))
    m = own.groupby("who").size()
    cells = own.groupby(["who", "category"]).size().reset_index(name="t")
    cells["m"] = cells["who"].map(m)
    expected = {
        kind: (part["t"].sum(), (part["t"] ** 2).sum(), (part["t"] * part["m"]).sum())
        for kind, part in cells.groupby("category")
    }
    found = counted.kind_sums(times, by="category").execute()
    assert {row.kind: (row.n, row.tt, row.tm) for row in found.itertuples()} == expected
    assert set(found["mm"]) == {(m**2).sum()} and found["n"].is_monotonic_decreasing

    each = counted.tickets_each(times).execute().set_index("n_tickets")["n_customers"]
    assert each.to_dict() == known["customer_id"].value_counts().value_counts().to_dict()
    days = known.dropna(subset="customer_id").assign(day=lambda rows: rows["opened"].dt.normalize())
    days = days.drop_duplicates(["customer_id", "day"]).sort_values("day").groupby("customer_id")["day"]
    pairs = days.agg(["first", lambda one: one.iloc[1] if len(one) > 1 else pd.NaT]).set_axis(
        ["first", "next"], axis=1
    )
    gap = (pairs["next"].fillna(pd.Timestamp(AS_OF)) - pairs["first"]).dt.days
    again = counted.recurrence_cells(times, as_of=AS_OF).execute()
    assert (again["duration"] * again["n_customers"]).sum() == gap.sum()
    assert again.loc[again["event_observed"] == 1, "n_customers"].sum() == pairs["next"].notna().sum()


def test_who_was_active_in_which_month(place):
    log = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "c"],
            "kind": ["purchase", "purchase", "purchase", "loose refund"],
            "order_date": pd.to_datetime(
                ["2025-01-31 23:59", "2025-06-01 00:00", "2025-03-01 08:00", "2025-04-01 08:00"]
            ),
        }
    )
    starts = [date(2025, month, 1) for month in range(1, 8)]
    found = counted.active_by_month(place("log", log), starts=starts, n_months=3).execute()
    assert [day.month for day in pd.to_datetime(found["start"])] == [1, 2, 3, 4, 5, 6]
    assert found["n_active"].tolist() == [1, 1, 2, 1, 1, 1]
    runs = pd.DataFrame(
        {"customer_id": ["a", "a", "b"], "start_date": [date(2025, 1, 31), date(2025, 1, 5), date(2025, 3, 1)],
         "end_date": [date(2025, 2, 1), date(2025, 1, 6), None]}
    )  # fmt: skip
    runs["start_date"], runs["end_date"] = (pd.to_datetime(runs[name]) for name in ("start_date", "end_date"))
    found = counted.contracts_by_month(place("runs", runs), starts=starts[:5]).execute()
    assert found["n_active"].tolist() == [1, 1, 1, 1]


def test_places_sum_customers_without_a_ticket_too(place, seen):
    frame, known = seen
    people = pd.DataFrame(
        {"customer_id": [f"c{k:03}" for k in range(120)], "region": ["north", "south", "west"] * 40}
    )
    people.loc[100:, "region"] = None
    since = date(2025, 1, 1)
    times = reduced.ticket_times(place("tickets", frame), as_of=AS_OF)
    found = counted.place_sums(place("people", people), times, place="region", since=since).execute()
    late = known[known["opened"] >= pd.Timestamp(since)]["customer_id"].value_counts()
    t = people.set_index("customer_id")["region"].to_frame().assign(t=late).fillna({"t": 0}).dropna()
    for row in found.itertuples():
        own = t.loc[t["region"] == row.level, "t"]
        assert (row.n, row.sum, row.squared) == (len(own), own.sum(), (own**2).sum())
