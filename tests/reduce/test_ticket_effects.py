"""Who met a touch and who of the same standing had not: as counted by hand on both engines, and blind to the future."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.reduce import ticket_effects as reduced

AS_OF, LAST, FOLLOW, PERIODS = date(2025, 12, 31), date(2025, 10, 2), 90, 12
WINDOW = {"last": LAST, "n_periods": PERIODS, "follow_days": FOLLOW}
MET = {"customer_id": "string", "day": "date", "kind": "string"}


def orders(seed=1, n=600, people=60):
    rng = np.random.default_rng(seed)
    day = pd.Timestamp("2024-06-01 10:00") + pd.to_timedelta(rng.integers(0, 600, n), unit="D")
    return pd.DataFrame(
        {
            "customer_id": [f"c{who:03}" for who in rng.integers(0, people, n)],
            "order_date": day,
            "kind": rng.choice(["purchase", "loose refund"], n, p=[0.95, 0.05]),
        }
    )


def met(seed=2, n=80, people=70):
    """Touches, some of people who never bought, some too early or too late, some twice."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": [f"c{who:03}" for who in rng.integers(0, people, n)],
            "day": [date(2024, 6, 1) + timedelta(days=int(day)) for day in rng.integers(0, 570, n)],
            "kind": rng.choice(["app", "bill"], n),
        }
    )


def standing(days, at):
    """Period, classes and outcome of a customer on a day, or nothing before the first purchase."""
    past = [day for day in days if day <= at]
    if not past:
        return None
    found = (LAST - at).days // 30
    for value, limits in (
        ((at - past[-1]).days, reduced._SILENCE),
        (len(past), reduced._NUMBER),
        ((at - past[0]).days, reduced._AGE),
    ):
        found = found * reduced._CLASSES + sum(value >= limit for limit in limits)
    return found, int(any(at < day <= at + timedelta(days=FOLLOW) for day in days))


def by_hand(log, touches):
    bought = log[(log["kind"] == "purchase") & (log["order_date"].dt.date <= AS_OF)]
    days = {who: sorted(set(own.dt.date)) for who, own in bought.groupby("customer_id")["order_date"]}
    places, first, rows = [], {}, []
    for _, row in touches.sort_values(["day", "kind"]).iterrows():
        own = days.get(row["customer_id"])
        if own is None or row["day"] < own[0]:
            places.append("unknown" if own is None else "outside")
        elif row["customer_id"] in first:
            places.append("repeated")
        else:
            first[row["customer_id"]] = row["day"]
            begin = LAST - timedelta(days=30 * PERIODS)
            place = "recent" if row["day"] > LAST else "old" if row["day"] <= begin else "followed"
            places.append(place)
            if place == "followed":
                rows.append((*standing(own, row["day"]), row["kind"]))
    used = {stratum for stratum, _, _ in rows}
    for back in range(PERIODS):
        at = LAST - timedelta(days=30 * back + 15)
        for who, own in days.items():
            found = standing(own, at)
            if found and found[0] in used and first.get(who, date.max) > at:
                rows.append((*found, ""))
    counted = pd.Series(rows).value_counts().to_dict()
    return sorted(places), counted


def cells_of(place, log, touches):
    spans = reduced.purchase_spans(place("touch_log", log), as_of=AS_OF)
    table = place("touch_met", touches)
    table = table.mutate(day=table.day.cast("date"))
    placed = reduced.place_touches(spans, table, **WINDOW)
    return placed, reduced.touch_cells(placed, reduced.standings(spans, **WINDOW))


def counts(cells):
    return cells.groupby(["stratum", "happened", "kind"])["n"].sum().to_dict()


# --- correct ------------------------------------------------------------------------------------


def test_cells_are_those_of_a_loop(place):
    log, touches = orders(), met()
    placed, cells = cells_of(place, log, touches)
    places, counted = by_hand(log, touches)
    assert sorted(placed.execute()["place"]) == places
    assert {"followed", "repeated", "unknown", "outside", "recent"} <= set(places)
    found = cells.execute()
    assert counts(found) == counted
    assert any(kind == "" for _, _, kind in counted) and found["part"].between(0, reduced.N_PARTS - 1).all()


def test_handling_is_known_after_so_many_days_for_both(place):
    table = pd.DataFrame(
        {
            "customer_id": list("abcdef"),
            "opened": pd.to_datetime(["2025-12-01 12:00"] * 4 + ["2025-12-28 12:00", "2025-12-28 12:00"]),
            "closed": pd.to_datetime(
                ["2025-12-08 12:00", "2025-12-08 12:01", None, "2025-11-30 12:00", None, "2025-12-29 12:00"]
            ),
        }
    )
    tickets = place("touch_tickets", table)
    found = reduced.handling_touches(tickets, slow_days=7, as_of=AS_OF).order_by("customer_id").execute()
    assert found["kind"].tolist() == ["fast", "slow", "slow", "backwards", "open", "fast"]
    assert {str(day)[:10] for day in found["day"][:4]} == {"2025-12-08"}


def test_contracts_end_only_where_nothing_follows(place):
    table = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "c"],
            "start_date": [date(2025, 1, 1), date(2025, 3, 10), date(2025, 1, 1), date(2025, 1, 1)],
            "end_date": [date(2025, 2, 28), date(2025, 6, 30), None, date(2025, 12, 20)],
        }
    )
    spans = reduced.contract_spans(place("touch_contracts", table), as_of=AS_OF).order_by(
        "customer_id", "day"
    )
    found = spans.execute()
    assert [str(day)[:10] for day in found["until"][:2]] == ["2025-03-09", "2025-06-30"]
    # Whether something follows on the end of c is not known yet.
    assert [str(day)[:10] for day in found["event"]] == ["2025-06-30", "2025-06-30", "NaT", "NaT"]
    window = {"last": date(2025, 6, 30), "n_periods": 6, "follow_days": 90}
    stood = reduced.standings(spans, **window).execute()
    ended = stood.merge(found[["person"]].drop_duplicates()).groupby("person")["happened"].max()
    assert ended.tolist() == [1, 0, 0]
    # Those whose contract ended on the last day looked at are looked at then, and not after.
    assert str(stood.loc[stood["person"] == 1, "looked"].max())[:10] == "2025-06-15"


# --- consistent ---------------------------------------------------------------------------------


def test_rows_in_any_order_and_rows_after_the_last_day_change_nothing():
    def put(name, frame):
        return ibis.memtable(frame, schema=MET) if name == "touch_met" else ibis.memtable(frame)

    log, touches = orders(), met()
    plain = cells_of(put, log, touches)[1].execute()
    later = log.head(40).assign(order_date=pd.Timestamp("2026-02-01"))
    mixed = pd.concat([log, later]).sample(frac=1, random_state=3)
    again = cells_of(put, mixed, touches.sample(frac=1, random_state=4))[1].execute()
    pd.testing.assert_frame_equal(plain, again)


def test_who_meets_one_later_counts_among_the_others_until_then():
    log = pd.DataFrame(
        {"customer_id": ["a", "b"], "kind": "purchase", "order_date": pd.Timestamp("2025-06-20")}
    )
    spans = reduced.purchase_spans(ibis.memtable(log), as_of=AS_OF)
    days = [date(2025, 8, 18), date(2025, 9, 17)]  # the middles of the last two periods
    touches = ibis.memtable(pd.DataFrame({"customer_id": ["a", "b"], "day": days, "kind": "x"}), schema=MET)
    cells = reduced.touch_cells(
        reduced.place_touches(spans, touches, **WINDOW), reduced.standings(spans, **WINDOW)
    ).execute()
    found = cells.groupby("kind")["n"].sum().to_dict()
    assert found == {"": 1, "x": 2}  # b, when a met it; nobody is left when b does


@pytest.mark.parametrize(("nps", "csat", "kind"), [(6, None, "low"), (7, 2, "low"), (None, 3, "other")])
def test_answers_are_low_by_either_score(nps, csat, kind):
    table = ibis.memtable(
        {"customer_id": ["a"], "response_date": [date(2025, 1, 5)], "nps": [nps], "csat": [csat]},
        schema={"customer_id": "string", "response_date": "date", "nps": "int64", "csat": "int64"},
    )
    assert reduced.survey_touches(table, low_nps=6, low_csat=2)[1].execute()["kind"].tolist() == [kind]


# --- honest -------------------------------------------------------------------------------------


def shop(rng, n=2500, days=900):
    """Buyers of all paces who leave unseen; some purchases lead to a ticket within days, which does nothing."""
    rate, leaves = rng.gamma(1.0, 1 / 30, n), rng.exponential(700, n)
    start = rng.integers(0, 300, n)
    count = rng.poisson(rate * np.minimum(days - start, leaves))
    who = np.repeat(np.arange(n), count)
    bought = start[who] + rng.random(len(who)) * np.minimum(days - start, leaves)[who]
    who, bought = np.concatenate([np.arange(n), who]), np.concatenate([start, bought])
    asks = rng.random(len(who)) < 0.03
    opened = bought[asks] + rng.integers(0, 6, asks.sum())
    begin = pd.Timestamp(AS_OF) - pd.Timedelta(days=days - 1)
    ids = np.array([f"c{place:05}" for place in range(n)])
    log = pd.DataFrame(
        {"customer_id": ids[who], "order_date": begin + pd.to_timedelta(np.floor(bought), unit="D")}
    )
    day = (begin + pd.to_timedelta(np.floor(opened), unit="D")).date
    return log.assign(kind="purchase"), pd.DataFrame({"customer_id": ids[who[asks]], "day": day, "kind": "x"})


@pytest.mark.slow
def test_active_customers_open_more_tickets_and_only_a_plain_comparison_is_misled():
    from cam.measures.lifecycle.matched_rates import matched_rates

    rng = np.random.default_rng(11)
    engine = ibis.duckdb.connect()
    rows = []
    for _ in range(20):
        log, touches = shop(rng)
        spans = engine.create_table(
            "spans", reduced.purchase_spans(ibis.memtable(log), as_of=AS_OF), overwrite=True
        )
        window = WINDOW | {"n_periods": 24}
        placed = reduced.place_touches(spans, ibis.memtable(touches, schema=MET), **window)
        stood = engine.create_table("stood", reduced.standings(spans, **window), overwrite=True)
        found = matched_rates(reduced.touch_cells(placed, stood).execute()).iloc[0]
        after = placed.filter(placed.place == "followed").happened.mean().execute()
        rows.append(
            (found["difference"], found["low"] <= 0 <= found["high"], after - stood.happened.mean().execute())
        )
    table = pd.DataFrame(rows, columns=["matched", "covers", "plain"])
    error = table["matched"].std() / np.sqrt(len(table))
    assert table["plain"].min() > 0.15
    # A tenth of the plain difference at most, and no more than chance and the width of classes leave.
    assert abs(table["matched"].mean()) < 3 * error + 0.005
    assert table["covers"].sum() >= 17  # of 20; with 95 % each, fewer come once in 60 times
