"""How long tickets waited and what they were: as counted by hand in pandas on both engines, and blind to the future."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from reduce.made_tickets import AS_OF, END, tickets

from cam.reduce import tickets as reduced


def waited(frame, name):
    """State and hours of every ticket, one after the other."""
    rows = []
    for opened, moment in zip(frame["opened"], frame[name], strict=True):
        if pd.notna(moment) and moment < opened:
            rows.append(("backwards", 0))
            continue
        is_done = pd.notna(moment) and moment < END
        hours = ((moment if is_done else END) - opened) / pd.Timedelta(hours=1)
        step = 24 if hours > 90 * 24 else 1
        rows.append(
            ("done" if is_done else "waiting", int((np.ceil if is_done else np.floor)(hours / step)) * step)
        )
    return rows


@pytest.fixture
def seen():
    frame = tickets()
    return frame, frame[frame["opened"] < END].reset_index(drop=True)


# --- correct ------------------------------------------------------------------------------------


def test_times_are_those_counted_by_hand(place, seen):
    frame, known = seen
    table = place("tickets", frame)
    found = reduced.ticket_times(table, as_of=AS_OF, keep=["category"]).execute()
    assert len(found) == len(known) < len(frame)
    for outcome, name in (("answer", "first_reply"), ("resolution", "closed")):
        expected = waited(known, name)
        mine = found[found[outcome] != "backwards"]
        assert sorted(zip(mine[outcome], mine[f"{outcome}_hours"], strict=True)) == sorted(
            row for row in expected if row[0] != "backwards"
        )
    assert (found["category"] == "unknown").sum() == known["category"].isna().sum()
    cells = reduced.time_cells(
        reduced.ticket_times(table, as_of=AS_OF, keep=["category"]), outcome="resolution", by="category"
    ).execute()
    states = [row[0] for row in waited(known, "closed")]
    assert cells["n_customers"].sum() == sum(state != "backwards" for state in states)
    assert cells.loc[cells["event_observed"] == 1, "n_customers"].sum() == states.count("done")


def test_checks_count_each_contradiction(place, seen):
    frame, known = seen
    row = reduced.ticket_checks(place("tickets", frame), as_of=AS_OF).execute().iloc[0]
    backwards = known["closed"] < known["opened"]
    assert row["n"] == len(known) and row["n_nobody"] == known["customer_id"].isna().sum() > 0
    assert row["n_backwards"] == backwards.sum() > 0
    assert row["n_closed_later"] == (known["closed"] >= END).sum() > 0
    late = (known["first_reply"] > known["closed"]) & (known["first_reply"] < END) & ~backwards
    assert row["n_late_answer"] == late.sum() > 0
    is_closed = (known["closed"] < END) & ~backwards
    assert row["n_unanswered"] == (is_closed & known["first_reply"].isna()).sum() > 0


def test_status_words_are_known_however_they_are_written(place, seen):
    frame, known = seen
    found = reduced.status_counts(
        place("tickets", frame), as_of=AS_OF, words=["open", "closed", "in progress"]
    ).execute()
    counts = found.set_index("status")["n"].to_dict()
    assert counts == {
        "": known["status"].isna().sum(),
        "closed": (known["status"] == "CLOSED").sum(),
        "in progress": (known["status"] == " in_progress ").sum(),
        "open": (known["status"] == "Open").sum(),
        "other": (known["status"] == "odd").sum(),
    }
    assert found["n_closed"].sum() == (known["closed"] < END).sum()


# --- consistent ---------------------------------------------------------------------------------


def test_a_column_of_days_is_compared_by_the_day(place):
    frame = pd.DataFrame(
        {
            "opened": pd.to_datetime(["2025-12-01 15:00", "2025-12-01 15:00", "2025-12-30 09:00"]),
            "closed": pd.to_datetime(["2025-12-01", "2025-12-03", None]),
        }
    )
    table = place("tickets", frame)
    known = reduced.hours_known(table).execute().set_index("column")
    assert known.loc["closed"].tolist() == [2, 0] and known.loc["opened"].tolist() == [3, 3]
    plain = reduced.ticket_checks(table, as_of=AS_OF).execute().iloc[0]
    by_day = reduced.ticket_checks(table, as_of=AS_OF, by_day=["closed"]).execute().iloc[0]
    assert (plain["n_backwards"], by_day["n_backwards"], by_day["n_closed"]) == (1, 0, 2)
    found = reduced.ticket_times(table, as_of=AS_OF, by_day=["closed"]).execute()
    assert sorted(zip(found["resolution"], found["resolution_hours"], strict=True)) == [
        ("done", 0), ("done", 48), ("waiting", 24),
    ]  # fmt: skip


def test_later_rows_change_nothing(place, seen):
    frame, _known = seen
    early = date(2025, 3, 31)
    cut = pd.Timestamp("2025-04-01")
    then = frame[frame["opened"] < cut].copy()
    for name in ("first_reply", "closed"):
        then[name] = then[name].where(then[name] < cut)
    now, before = (place(name, table) for name, table in (("now", frame), ("before", then)))
    for outcome in ("answer", "resolution"):
        one, other = (
            reduced.time_cells(reduced.ticket_times(table, as_of=early), outcome=outcome).execute()
            for table in (now, before)
        )
        pd.testing.assert_frame_equal(one, other)
