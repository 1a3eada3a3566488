"""How long customers stay: correct on both engines, honest about what can be judged, and consistent in time."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.measures.lifecycle.survival import kaplan_meier, survival_at
from cam.reduce.durations import (
    contract_durations,
    duration_cells,
    second_purchase_durations,
    silence_durations,
    snapshot_durations,
)

AS_OF = date(2026, 6, 17)


def contracts(seed=1, n=500):
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 1300, n), unit="D")
    end = start + pd.to_timedelta(rng.integers(0, 400, n), unit="D")
    return pd.DataFrame(
        {
            "customer_id": rng.integers(0, 200, n).astype(str),
            "start_date": start.date,
            "end_date": pd.Series(end).dt.date.where(rng.random(n) < 0.8, None),
        }
    )


def orders(seed=1, n=3000, people=400):
    """Customers who buy at their own pace; some days twice, with refunds among them."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, people, n)
    start, pace = rng.integers(0, 900, people), rng.exponential(40, people)
    day = start[who] + np.floor(rng.exponential(1, n) * pace[who] * 3).astype(int)
    return pd.DataFrame(
        {
            "customer_id": who.astype(str),
            "order_date": pd.Timestamp("2024-01-01 10:00") + pd.to_timedelta(day, unit="D"),
            "kind": rng.choice(["purchase", "loose refund"], n, p=[0.95, 0.05]),
        }
    )


def rows_of(table, *columns):
    frame = table.execute()
    return sorted(tuple(row) for row in frame[list(columns)].to_numpy().tolist())


def spells_by_hand(frame, as_of, data_start, gap):
    """Day by day: a customer is covered on a day of a contract and in the gaps that are short."""
    judged = as_of - timedelta(days=gap)
    rows = []
    for who, own in frame[frame["start_date"] <= as_of].groupby("customer_id"):
        own = own.sort_values(["start_date"])
        spells = []
        for start, end in zip(own["start_date"], own["end_date"], strict=True):
            end = date.max if end is None or pd.isna(end) else end
            if spells and (start - spells[-1][1]).days <= gap:
                spells[-1][1] = max(spells[-1][1], end)
            else:
                spells.append([start, end])
        for number, (start, end) in enumerate(spells, 1):
            last = min(end, judged)
            if start > judged or (data_start and last < data_start):
                continue
            entry = max((data_start - start).days, 0) if data_start else 0
            rows.append((who, number, entry, (last - start).days + 1, end <= judged))
    return sorted(rows)


def days_by_hand(frame, as_of):
    bought = frame[(frame["kind"] == "purchase") & (frame["order_date"].dt.date <= as_of)]
    return {who: sorted(set(own.dt.date)) for who, own in bought.groupby("customer_id")["order_date"]}


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [1, 31])
@pytest.mark.parametrize("data_start", [None, date(2024, 5, 1), date(2026, 6, 10)])
def test_spells_of_contracts(place, gap, data_start):
    frame = contracts()
    found = contract_durations(place("contracts", frame), as_of=AS_OF, data_start=data_start, gap_days=gap)
    wanted = spells_by_hand(frame, AS_OF, data_start, gap)
    assert rows_of(found, "customer_id", "spell", "entry", "duration", "event_observed") == wanted
    assert data_start == date(2026, 6, 10) or {row[1] for row in wanted} >= {1, 2}
    assert all(0 <= row[2] < row[3] for row in wanted)


@pytest.mark.parametrize(
    "second, spells",
    [
        (("2025-02-01", "2025-03-31"), [(1, 90, True)]),  # the day after
        (("2025-01-15", "2025-03-31"), [(1, 90, True)]),  # overlaps
        (("2025-01-10", "2025-01-20"), [(1, 31, True)]),  # within
        (("2025-02-02", "2025-03-31"), [(1, 31, True), (2, 58, True)]),  # a day between
        (("2025-01-01", "2025-01-31"), [(1, 31, True)]),  # the same again
    ],
)
def test_contracts_that_touch_are_one_spell(place, second, spells):
    frame = pd.DataFrame([("a", "2025-01-01", "2025-01-31"), ("a", *second)])
    frame.columns = ["customer_id", "start_date", "end_date"]
    frame = frame.assign(**{name: pd.to_datetime(frame[name]).dt.date for name in ("start_date", "end_date")})
    found = contract_durations(place("contracts", frame), as_of=AS_OF, gap_days=1)
    assert rows_of(found, "spell", "duration", "event_observed") == spells


@pytest.mark.parametrize("first_from", [None, date(2024, 3, 1)])
def test_second_purchase(place, first_from):
    frame = orders()
    wanted = sorted(
        (who, ((days[1] if len(days) > 1 else AS_OF) - days[0]).days, len(days) > 1)
        for who, days in days_by_hand(frame, AS_OF).items()
        if first_from is None or days[0] >= first_from
    )
    found = second_purchase_durations(place("orders", frame), as_of=AS_OF, first_from=first_from)
    assert rows_of(found, "customer_id", "duration", "event_observed") == wanted
    assert {row[2] for row in wanted} == {True, False}


@pytest.mark.parametrize("from_purchase", [1, 2])
@pytest.mark.parametrize("first_from", [None, date(2024, 3, 1)])
def test_silence(place, from_purchase, first_from):
    frame, lost = orders(), 60
    judged = AS_OF - timedelta(days=lost + 1)
    wanted = []
    for who, days in days_by_hand(frame, AS_OF).items():
        if first_from and days[0] < first_from:
            continue
        own = days[from_purchase - 1 :]
        if not own or own[0] > judged:
            continue
        gaps = zip(own, [*own[1:], None], strict=True)
        silent = next((day for day, after in gaps if ((after or AS_OF) - day).days > lost), None)
        event = silent is not None and silent <= judged
        end = silent if event else judged
        wanted.append((who, (end - own[0]).days, event, event and own[-1] > silent))
    found = silence_durations(
        place("orders", frame),
        as_of=AS_OF,
        lost_days=lost,
        from_purchase=from_purchase,
        first_from=first_from,
    )
    assert rows_of(found, "customer_id", "duration", "event_observed", "has_returned") == sorted(wanted)
    assert {row[2:] for row in wanted} == {(True, True), (True, False), (False, False)}


def test_snapshot(place):
    frame = pd.DataFrame(
        {
            "customer_id": list("abcde"),
            "tenure_months": [0.0, 5.9, 12.0, np.nan, 30.0],
            "churned": [True, False, True, True, False],
        }
    )
    table = place("snapshot", frame)
    columns = ("customer_id", "entry", "duration", "event_observed")
    all_seen = [("a", 0, 0, True), ("b", 0, 5, False), ("c", 0, 12, True), ("e", 0, 30, False)]
    assert rows_of(snapshot_durations(table), *columns) == all_seen
    lately = [("a", 0, 0, True), ("b", 2, 5, False), ("c", 9, 12, True), ("e", 27, 30, False)]
    assert rows_of(snapshot_durations(table, window_months=3), *columns) == lately


def test_cells_count_every_customer(place):
    frame = orders()
    people = pd.DataFrame(
        {"customer_id": [str(i) for i in range(300)], "channel": ["web", "shop", None] * 100}
    )
    rows = place("rows", second_purchase_durations(place("orders", frame), as_of=AS_OF).execute())
    cells = duration_cells(rows, attributes=place("people", people), columns=["channel"]).execute()
    wanted = rows.execute().merge(people, how="left").assign(entry=0)
    keys = ["entry", "duration", "event_observed", "channel"]
    wanted = wanted.groupby(keys, dropna=False).size()
    assert cells["n_customers"].sum() == len(rows.execute())
    assert not cells.duplicated(keys).any() and cells["channel"].isna().any()
    named = cells.dropna().set_index(keys)["n_customers"]
    assert named.to_dict() == wanted[wanted.index.get_level_values("channel").notna()].to_dict()
    assert list(cells.columns) == [*keys, "n_customers"]
    assert cells["duration"].is_monotonic_increasing


# --- consistent ---------------------------------------------------------------------------------


def test_the_future_changes_nothing(place):
    frame, log = contracts(2), orders(2)
    known = frame[frame["start_date"] <= AS_OF].copy()
    later = known["end_date"].map(lambda day: day is not None and not pd.isna(day) and day > AS_OF)
    known.loc[later, "end_date"] = None
    columns = ("customer_id", "spell", "entry", "duration", "event_observed")
    one, other = (
        rows_of(contract_durations(place(name, table), as_of=AS_OF), *columns)
        for name, table in (("one", frame), ("other", known))
    )
    assert one == other and later.any()
    early = date(2025, 6, 30)
    cut = log[log["order_date"].dt.date <= early]
    assert 0 < len(cut) < len(log)
    for count in (
        second_purchase_durations,
        lambda table, as_of: silence_durations(table, as_of=as_of, lost_days=60),
    ):
        one, other = (
            rows_of(count(place(name, table), as_of=early), "customer_id", "duration", "event_observed")
            for name, table in (("one", log), ("other", cut))
        )
        assert one == other


def test_what_is_judged_stays_judged():
    """Seen a year later, everybody who was lost then is still lost on the same day, and nobody else was."""
    log = ibis.memtable(orders(3))
    early, late = (
        silence_durations(log, as_of=day, lost_days=60).execute().set_index("customer_id")
        for day in (date(2025, 6, 30), AS_OF)
    )
    both = early.join(late, rsuffix="_late", how="inner")
    assert len(both) == len(early)
    lost = both["event_observed"]
    assert (both.loc[lost, "duration"] == both.loc[lost, "duration_late"]).all()
    assert both.loc[lost, "event_observed_late"].all() and lost.any()
    # The others were lost, if at all, after the last day that could be judged.
    assert (both.loc[~lost, "duration_late"] >= both.loc[~lost, "duration"]).all() and (~lost).any()


def test_nothing_is_no_rows(place):
    none = place("orders", orders().assign(kind="loose refund"))
    assert second_purchase_durations(none, as_of=AS_OF).execute().empty
    assert silence_durations(none, as_of=AS_OF, lost_days=60).execute().empty
    future = place("contracts", contracts().assign(start_date=date(2030, 1, 1), end_date=date(2031, 1, 1)))
    cells = duration_cells(contract_durations(future, as_of=AS_OF))
    assert cells.execute().empty


# --- honest -------------------------------------------------------------------------------------


def shop(rng, n=8000):
    """Customers who buy every 15 days on average, at least every 90, until they leave, at a constant hazard."""
    start = rng.integers(0, 1000, n)
    stays = rng.exponential(200, n)
    gaps = np.minimum(np.ceil(rng.exponential(15, (n, 160))), 90)
    day = np.column_stack([np.zeros(n), np.cumsum(gaps, axis=1)])
    kept = day <= stays[:, None]
    who = np.repeat(np.arange(n), kept.sum(axis=1))
    when = (start[:, None] + day)[kept].astype(int)
    last = np.where(kept, day, 0).max(axis=1)
    log = pd.DataFrame({"customer_id": who.astype(str), "kind": "purchase"})
    log["order_date"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(when, unit="D")
    return log[log["order_date"] <= pd.Timestamp(AS_OF)], last


def test_censoring_at_the_last_judged_day_is_right_and_at_the_last_purchase_is_not():
    """The share that buys for longer than half a year: the truth is known, as nobody pauses for 90 days."""
    log, last = shop(np.random.default_rng(1))
    truth = (last > 180).mean()
    rows = silence_durations(ibis.memtable(log), as_of=AS_OF, lost_days=90)
    cells = duration_cells(rows).execute()
    found = survival_at("survival", kaplan_meier(cells), time=180)
    assert found.low < truth < found.high
    assert not rows.execute()["has_returned"].any()
    # The convention that is easier to think of: censored at the last purchase, events by today's silence.
    days = log.groupby("customer_id")["order_date"].agg(["min", "max"])
    easy = pd.DataFrame({"duration": (days["max"] - days["min"]).dt.days})
    easy["event_observed"] = (pd.Timestamp(AS_OF) - days["max"]).dt.days > 90
    wrong = survival_at("survival", kaplan_meier(easy), time=180)
    assert wrong.low > truth


def test_a_snapshot_of_recent_leavers_needs_its_window():
    """Customers who leave at 5 % a month; the file holds those who were there a month ago."""
    rng = np.random.default_rng(2)
    n = 60_000
    age = rng.integers(1, 60, n)  # months since each began
    stays = rng.geometric(0.05, n)
    there = stays >= age  # still there when the last month began
    table = pd.DataFrame({"customer_id": np.arange(n).astype(str)})[there]
    table = table.assign(tenure_months=age[there], churned=(stays == age)[there])
    truth = 0.95**24
    cells = duration_cells(snapshot_durations(ibis.memtable(table), window_months=1)).execute()
    found = survival_at("survival", kaplan_meier(cells), time=24)
    assert found.low < truth < found.high
    without = duration_cells(snapshot_durations(ibis.memtable(table))).execute()
    assert survival_at("survival", kaplan_meier(without), time=24).low > truth + 0.1


def test_a_history_that_is_cut_needs_its_entry():
    """Contracts that ended before the export began are not in it; those that ran then are."""
    rng = np.random.default_rng(3)
    n = 20_000
    cut = date(2025, 1, 1)
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 2350, n), unit="D")
    end = start + pd.to_timedelta(np.floor(rng.exponential(300, n)).astype(int), unit="D")
    frame = pd.DataFrame(
        {"customer_id": np.arange(n).astype(str), "start_date": start.date, "end_date": end.date}
    )
    frame = frame[(frame["end_date"] >= cut) & (frame["start_date"] <= AS_OF)]
    truth = np.exp(-365 / 300)
    found = [
        survival_at("survival", kaplan_meier(cells.execute()), time=365)
        for cells in (
            duration_cells(contract_durations(ibis.memtable(frame), as_of=AS_OF, data_start=day))
            for day in (cut, None)
        )
    ]
    assert found[0].low < truth < found[0].high
    assert found[1].low > truth + 0.05
