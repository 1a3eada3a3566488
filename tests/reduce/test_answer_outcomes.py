"""What came after an answer: as counted by hand on both engines, strictly later, and within the days."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.reduce import answer_outcomes as reduced

AS_OF, DAYS = date(2026, 6, 30), 60


def orders(seed=1, n=500, people=40):
    rng = np.random.default_rng(seed)
    revenue = rng.integers(-500, 9000, n) / 100
    return pd.DataFrame(
        {
            "customer_id": [f"c{who:02}" for who in rng.integers(0, people, n)],
            "order_date": pd.Timestamp("2025-01-01 10:00")
            + pd.to_timedelta(rng.integers(0, 560, n), unit="D"),
            "kind": np.where(revenue < 0, "loose refund", "purchase"),
            "revenue": revenue,
            "cost": np.where(rng.random(n) < 0.2, np.nan, (60 * revenue).round() / 100),
        }
    )


def answers(seed=2, n=90, people=45):
    rng = np.random.default_rng(seed)
    day = [date(2025, 1, 10) + timedelta(days=int(k)) for k in rng.integers(0, 530, n)]
    frame = pd.DataFrame({"customer_id": [f"c{k:02}" for k in rng.integers(0, people, n)], "day": day})
    return frame.drop_duplicates().assign(score=lambda rows: rng.integers(0, 11, len(rows)))


def by_hand(given, log):
    """One answer after the other, in plain Python."""
    log = log[log["order_date"].dt.date <= AS_OF].assign(on=lambda rows: rows["order_date"].dt.date)
    rows = []
    for who, day, score in given.itertuples(index=False):
        own = log[log["customer_id"] == who]
        bought = own[own["kind"] == "purchase"]
        before = sorted({on for on in bought["on"] if on <= day})
        late = day + timedelta(days=DAYS)
        later = own[(own["on"] > day) & (own["on"] <= late)]
        year = own[(own["on"] <= day) & (own["on"] > day - timedelta(days=365))]
        costed = later[later["cost"].notna()]
        n = later.loc[later["kind"] == "purchase", "on"].nunique()
        place = (
            "unknown"
            if bought.empty
            else "outside"
            if not before
            else "recent"
            if late > AS_OF
            else "followed"
        )
        margin = (costed["revenue"] - costed["cost"]).sum() + 0.3 * later.loc[
            later["cost"].isna(), "revenue"
        ].sum()
        silence = (day - before[-1]).days if before else None
        money = (year["revenue"].sum(), int(n > 0), n, later["revenue"].sum(), margin)
        rows.append((who, day, score, place, silence, len(before), *money))
    names = ["customer_id", "day", "score", "place", "silence", "number"]
    names += ["spent", "stayed", "n_purchases", "revenue", "margin"]
    return pd.DataFrame(rows, columns=names).sort_values(["customer_id", "day"], ignore_index=True)


def put_answers(place, frame):
    table = place("worth_a", frame.assign(day=pd.to_datetime(frame["day"])))
    return table.mutate(day=table.day.cast("date"))


def test_outcomes_as_counted_by_hand(place):
    given, log = answers(), orders()
    found = reduced.purchase_outcomes(
        put_answers(place, given),
        place("worth_t", log),
        as_of=AS_OF,
        follow_days=DAYS,
        has_margin=True,
        margin_rate=0.3,
    )
    found = found.order_by("customer_id", "day").execute()
    found = found.assign(day=pd.to_datetime(found["day"]).dt.date)
    expected = by_hand(given, log)
    assert set(expected["place"]) == {"followed", "unknown", "outside", "recent"}
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-9, atol=1e-9)


def test_the_day_of_the_answer_is_before_and_the_last_day_is_within():
    log = pd.DataFrame({"customer_id": "a", "kind": "purchase", "revenue": [1.0, 2.0, 4.0, 8.0]})
    log["order_date"] = pd.to_datetime(
        ["2026-01-01 23:59", "2026-01-02 00:00", "2026-01-31 23:00", "2026-02-01 00:00"]
    )
    given = ibis.memtable({"customer_id": ["a"], "day": [date(2026, 1, 1)], "score": [9]})
    row = reduced.purchase_outcomes(given, ibis.memtable(log), as_of=AS_OF, follow_days=30).execute().iloc[0]
    assert (row["silence"], row["number"], row["spent"], row["n_purchases"], row["revenue"]) == (
        0,
        1,
        1.0,
        2,
        6.0,
    )


def test_later_rows_change_nothing():
    log = orders()
    early = log[log["order_date"].dt.date <= AS_OF]
    late = log.assign(order_date=pd.Timestamp("2026-07-02"))
    given = ibis.memtable(answers())
    one, other = (
        reduced.purchase_outcomes(given, ibis.memtable(rows), as_of=AS_OF, follow_days=DAYS)
        .order_by("customer_id", "day")
        .execute()
        for rows in (early, pd.concat([early, late]))
    )
    pd.testing.assert_frame_equal(one, other)


def test_contracts_followed_to_their_end(place):
    contracts = pd.DataFrame(
        {
            "customer_id": ["runs", "ends", "renews", "renews", "gone"],
            "start_date": ["2025-01-01", "2025-01-01", "2025-01-01", "2025-03-11", "2024-01-01"],
            "end_date": [None, "2025-03-10", "2025-03-10", None, "2024-12-31"],
            "monthly_fee": [30.4375, 30.4375, 30.4375, 60.875, 10.0],
        }
    )
    contracts[["start_date", "end_date"]] = contracts[["start_date", "end_date"]].apply(pd.to_datetime)
    table = place("worth_c", contracts)
    table = table.mutate(start_date=table.start_date.cast("date"), end_date=table.end_date.cast("date"))
    names = ["ends", "gone", "nobody", "renews", "runs"]
    given = pd.DataFrame({"customer_id": names, "day": [date(2025, 3, 1)] * 5, "score": 9})
    given = pd.concat([given, given.tail(1).assign(day=date(2026, 4, 1))])
    found = reduced.contract_outcomes(
        put_answers(place, given), table, as_of=AS_OF, follow_days=DAYS, margin_rate=0.5
    )
    found = found.order_by("customer_id", "day").execute()
    assert found["place"].tolist() == ["followed", "outside", "unknown", "followed", "followed", "recent"]
    followed = found[found["place"] == "followed"].set_index("customer_id")
    assert followed["stayed"].to_dict() == {"ends": 0, "renews": 1, "runs": 1}
    # 1 a day: until 10 March, and 2 a day from then on; fees are kept to the cent, so 30.44 stands for 30.4375.
    assert followed["revenue"].to_dict() == pytest.approx(
        {"ends": 9, "renews": 9 + 102, "runs": 60}, rel=2e-4
    )
    assert followed["margin"].to_dict() == pytest.approx((followed["revenue"] / 2).to_dict())
    assert followed.loc["runs", "age"] == 59 and followed.loc["runs", "spent"] == 30.44


def test_the_last_answer_rules_and_the_list_goes_by_value(place):
    frame = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "c", "d", "e", None],
            "response_date": pd.to_datetime(
                ["2026-05-01", "2026-06-01"] + ["2026-05-05"] * 3 + ["2026-01-01"] * 2
            ),
            "nps": [2, 9, 4, 6, 0, 1, 3],
        }
    )
    twice = frame[frame["customer_id"] == "c"].assign(nps=10)
    table = place("worth_r", pd.concat([frame, twice]))
    latest = reduced.last_answers(reduced.answer_days(table, score="nps"))
    assert sorted(map(tuple, latest.select("customer_id", "score").execute().to_numpy())) == [
        ("a", 9), ("b", 4), ("c", 6), ("d", 0), ("e", 1),
    ]  # fmt: skip
    worth = place("worth_w", pd.DataFrame({"customer_id": ["b", "c", "e"], "value": [5.0, 7.0, 99.0]}))
    tickets = place(
        "worth_k", pd.DataFrame({"customer_id": ["b", "c"], "closed": pd.to_datetime([None, "2026-05-06"])})
    )
    found = reduced.low_answers(latest, low=6, since=date(2026, 4, 1), worth=worth, tickets=tickets)
    rows = found.order_by("rank").execute()
    assert rows["customer_id"].tolist() == ["c", "b", "d"]
    assert rows["has_ticket"].tolist() == [0, 1, 0]
    assert rows["value"].isna().tolist() == [False, False, True]


def test_recent_revenue_is_of_those_who_bought(place):
    log = orders()
    since = AS_OF - timedelta(days=365)
    recent = log[(log["order_date"].dt.date > since) & (log["order_date"].dt.date <= AS_OF)]
    buyers = recent.loc[recent["kind"] == "purchase", "customer_id"].unique()
    expected = recent[recent["customer_id"].isin(buyers)].groupby("customer_id")["revenue"].sum()
    found = (
        reduced.recent_revenue(place("worth_t", log), as_of=AS_OF).execute().set_index("customer_id")["value"]
    )
    assert found.astype(float).sort_index().to_dict() == pytest.approx(expected.to_dict())
