"""Last answers, invitations and cells of answers: correct on both engines, consistent."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from cam.reduce.respondents import (
    answer_cells,
    asked,
    delay_counts,
    largest_levels,
    last_answers,
    years_since,
)


def responses(seed=1, n=400):
    rng = np.random.default_rng(seed)
    invited = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 40, n), unit="D")
    answered = invited + pd.to_timedelta(rng.integers(-1, 9, n), unit="D")
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 90, n).astype(str).astype(object),
            "invited_date": invited,
            "response_date": answered,
            "touchpoint": rng.choice(["wave", "shop"], n).astype(object),
            "nps": rng.integers(0, 11, n).astype(float),
            "csat": rng.integers(1, 6, n).astype(float),
        }
    )
    frame.loc[rng.random(n) < 0.4, ["response_date", "nps", "csat"]] = None
    frame.loc[rng.random(n) < 0.1, "csat"] = None
    frame.loc[rng.random(n) < 0.05, "invited_date"] = None
    frame.loc[rng.random(n) < 0.05, "customer_id"] = None
    frame.loc[frame["touchpoint"] == "shop", "nps"] = None
    return frame


def expected(frame):
    given = frame.dropna(subset=["customer_id", "response_date", "nps"])
    given = given.assign(
        last=given["invited_date"].fillna(given["response_date"]), c=given["csat"].fillna(-1)
    )
    given = given.sort_values(["response_date", "last", "nps", "c"], ascending=[False, False, True, True])
    rows = {}
    for row in given.drop_duplicates("customer_id").itertuples():
        wait = (row.response_date - row.invited_date).days if pd.notna(row.invited_date) else None
        rows[row.customer_id] = (
            row.response_date.date(),
            None if pd.isna(row.csat) else int(row.csat),
            int(row.nps >= 9),
            int(row.nps <= 6),
            wait if wait is not None and wait >= 0 else None,
        )
    return rows


def test_the_last_answer_of_each_customer_is_that_of_plain_pandas(place):
    frame = responses()
    shuffled = frame.sample(frac=1, random_state=2)
    for rows in (frame, shuffled):
        found = last_answers(place("responses", rows), score="nps", bands=(6, 9)).execute()
        got = {
            row["customer_id"]: (
                pd.Timestamp(row["day"]).date(),
                *(None if pd.isna(row[name]) else int(row[name]) for name in ("csat", "up", "down", "delay")),
            )
            for row in found.to_dict("records")
        }
        assert got == expected(frame)


def test_only_touchpoints_that_ask_for_the_score_count(place):
    frame = responses()
    found = asked(place("responses", frame), score="nps").execute()
    known = frame.dropna(subset=["customer_id", "invited_date"])
    known = known[known["touchpoint"] == "wave"]
    assert len(found) == len(known) and found["score"].sum() == known["response_date"].notna().sum()
    # Where there are no touchpoints, every invitation counts.
    bare = place("bare", frame.drop(columns="touchpoint"))
    assert asked(bare, score="nps").count().execute() == len(
        frame.dropna(subset=["customer_id", "invited_date"])
    )


def test_a_client_without_invitations_has_answers_without_a_delay(place):
    frame = pd.DataFrame({"customer_id": ["a"], "nps": [10], "response_date": [pd.Timestamp("2026-01-05")]})
    found = last_answers(place("bare", frame), score="nps", bands=(6, 9)).execute()
    assert found["up"].tolist() == [1] and found[["delay", "csat"]].isna().all().all()


def test_years_end_on_the_day(place):
    days = ["2025-07-01", "2025-06-30", "2024-06-30", "2026-07-05", "1999-01-01"]
    table = place("people", pd.DataFrame({"id": range(5), "day": pd.to_datetime(days)}))
    made = table.mutate(years=years_since(table.day.date(), date(2026, 6, 30), most=5)).order_by("id")
    # 365 days are not yet a year of 365.25.
    assert made.execute()["years"].tolist() == [0, 0, 1, 0, 5]


def test_cells_levels_and_delays_are_counted(place):
    rng = np.random.default_rng(4)
    n = 300
    frame = pd.DataFrame(
        {
            "tier": rng.choice(["1", "2", "3"], n, p=[0.5, 0.3, 0.2]).astype(object),
            "answered": rng.integers(0, 2, n),
            "satisfied": rng.choice([0, 1, None], n),
            "delay": rng.choice([0, 3, 70, None], n),
        }
    )
    frame = frame.assign(up=frame["answered"] * rng.integers(0, 2, n))
    frame = frame.assign(down=frame["answered"] - frame["up"]).astype(
        {"satisfied": "Int64", "delay": "Int64"}
    )
    people = place("people", frame)
    found = answer_cells(people, ["tier"]).execute()
    by_hand = frame.groupby("tier").agg(
        n_base=("up", "size"),
        n=("answered", "sum"),
        up=("up", "sum"),
        down=("down", "sum"),
        n_csat=("satisfied", "count"),
        satisfied=("satisfied", "sum"),
    )
    assert found.set_index("tier").astype(int).values.tolist() == by_hand.astype(int).values.tolist()
    assert answer_cells(people, []).execute()["n_base"].tolist() == [n]
    largest = frame["tier"].value_counts()
    assert largest_levels(people, "tier", most=2).execute()["level"].tolist() == largest.index[:2].tolist()
    waits = delay_counts(people, most=60).execute()
    assert waits["delay"].tolist() == [0, 3, 60]
    assert waits["n"].tolist() == [int((frame["delay"] == day).sum()) for day in (0, 3, 70)]
