"""Leads followed to the first purchase: correct on both engines, one status each, later rows change nothing."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.reduce.funnel import STATUSES, first_days, follow_leads, stage_cells, standing_cells, with_groups

AS_OF = date(2026, 6, 30)


def leads(seed=1, n=900, people=400):
    """Leads of which half name a customer, some several times, some after the customer's first purchase."""
    rng = np.random.default_rng(seed)
    who = pd.Series(rng.integers(0, people, n)).astype(str).where(rng.random(n) < 0.5, None)
    return pd.DataFrame(
        {
            "lead_id": [f"L{place:04}" for place in rng.permutation(n)],
            "created_date": pd.Timestamp("2025-07-01") + pd.to_timedelta(rng.integers(0, 380, n), unit="D"),
            "channel": rng.choice(["web", "fair", "call", None], n, p=[0.5, 0.3, 0.1, 0.1]),
            "stage": rng.choice(["new", "contacted", None], n),
            "customer_id": who,
        }
    )


def orders(seed=2, n=500, people=300):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": rng.integers(0, people, n).astype(str),
            "order_date": pd.Timestamp("2025-07-01 09:00")
            + pd.to_timedelta(rng.integers(0, 380, n), unit="D"),
            "kind": rng.choice(["purchase", "loose refund"], n, p=[0.9, 0.1]),
        }
    )


def by_hand(frame, log, since=None):
    """Lead by lead: its status, and the days from its day to the first purchase or to the last day seen."""
    last = pd.Timestamp(AS_OF)
    bought = log[(log["kind"] == "purchase") & (log["order_date"].dt.normalize() <= last)]
    first = bought.groupby("customer_id")["order_date"].min().dt.normalize().to_dict()
    met, found = set(), {}
    for row in frame.sort_values(["created_date", "lead_id"]).itertuples():
        if row.created_date > last:
            continue
        who = None if pd.isna(row.customer_id) else row.customer_id
        day = first.get(who)
        if since and row.created_date < pd.Timestamp(since):
            status = "before"
        elif who is None:
            status = "open"
        elif who in met:
            status = "again"
        elif day is None:
            status = "unbought"
        else:
            status = "earlier" if day < row.created_date else "bought"
        met.add(who) if who else None
        end = day if status == "bought" else last
        found[row.lead_id] = (status, (end - row.created_date).days, status == "bought")
    return found


@pytest.mark.parametrize("since", [None, date(2025, 10, 1)])
def test_every_lead_has_the_status_and_days_counted_by_hand_on_both_engines(place, since):
    frame, log = leads(), orders()
    firsts = first_days(place("f_orders", log), as_of=AS_OF)
    rows = follow_leads(place("f_leads", frame), firsts, as_of=AS_OF, since=since).execute()
    wanted = by_hand(frame, log, since)
    assert set(rows["status"]) == set(STATUSES) - ({"before"} if since is None else set())
    columns = ["status", "duration", "event_observed"]
    assert dict(zip(rows["lead_id"], map(tuple, rows[columns].to_numpy().tolist()), strict=True)) == wanted
    assert (pd.to_datetime(rows["month"]).dt.day == 1).all()


def test_counts_hold_every_lead_once_in_the_same_order_on_both_engines(place):
    frame = leads()
    firsts = first_days(place("f_orders", orders()), as_of=AS_OF)
    rows = with_groups(follow_leads(place("f_leads", frame), firsts, as_of=AS_OF), n_channels=2)
    n = int((frame["created_date"] <= pd.Timestamp(AS_OF)).sum())
    cells = stage_cells(rows).execute()
    assert cells["n_leads"].sum() == n
    seen = frame[frame["created_date"] <= pd.Timestamp(AS_OF)]
    sizes = cells.assign(group=cells["group"].fillna("?")).groupby("group")["n_leads"].sum()
    assert sizes["web"] == (seen["channel"] == "web").sum() and sizes[""] == (seen["channel"] == "call").sum()
    assert sizes["?"] == seen["channel"].isna().sum() and set(sizes.index) == {"web", "fair", "", "?"}
    stood = standing_cells(rows, prospect_days=30).execute()
    young = rows.filter(rows.duration <= 30).count().execute()
    assert stood["n_leads"].sum() == n and stood.loc[stood["is_young"], "n_leads"].sum() == young


def test_rows_after_the_last_day_and_their_order_change_nothing(place):
    frame, log = leads(), orders()
    early = frame[frame["created_date"] <= pd.Timestamp(AS_OF)].iloc[::-1]
    cut = log[log["order_date"] < pd.Timestamp(AS_OF) + pd.Timedelta(days=1)].sample(frac=1, random_state=1)
    found = []
    for name, some, bought in (("all", frame, log), ("cut", early, cut)):
        firsts = first_days(place(f"f_orders_{name}", bought), as_of=AS_OF)
        rows = follow_leads(place(f"f_leads_{name}", some), firsts, as_of=AS_OF)
        found.append(rows.execute().sort_values("lead_id").reset_index(drop=True))
    pd.testing.assert_frame_equal(*found)


def test_without_the_columns_that_may_be_missing_every_lead_is_open(place):
    frame = leads()[["lead_id", "created_date"]]
    rows = with_groups(follow_leads(place("f_leads", frame), None, as_of=AS_OF), n_channels=3)
    cells = stage_cells(rows).execute()
    assert cells["status"].tolist() == ["open"] and cells[["group", "stage"]].isna().all(axis=None)


def test_the_first_contract_counts_where_there_are_no_orders(place):
    table = pd.DataFrame(
        {"customer_id": ["a", "a", "b"], "start_date": [date(2026, 2, 1), date(2026, 1, 1), date(2026, 7, 1)]}
    )
    found = first_days(place("f_contracts", table), as_of=AS_OF).execute()
    assert [(who, str(day)[:10]) for who, day in found.to_numpy()] == [("a", "2026-01-01")]
