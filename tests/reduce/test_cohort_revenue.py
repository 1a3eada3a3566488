"""Revenue by cohort: equal to plain Python in every cell, conserved to the cent, the same parts on every engine."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pandas as pd

from cam.reduce.cohort_revenue import N_PARTS, cohort_members, cohort_revenue, cohort_sizes, customer_cohorts

AS_OF = date(2025, 3, 14)


def simulate_log(seed: int, n_customers: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = rng.geometric(0.2, n_customers)
    days = rng.integers(0, (AS_OF - date(2023, 11, 20)).days + 31, n.sum())
    return pd.DataFrame(
        {
            "customer_id": [f"c{number}é" for number in np.repeat(np.arange(n_customers), n)],
            "order_date": pd.Timestamp("2023-11-20")
            + pd.to_timedelta(days, "D")
            + pd.to_timedelta(rng.integers(0, 86_400, n.sum()), "s"),
            "revenue": rng.integers(-500, 9_000, n.sum()) / 100,
            "kind": rng.choice(["purchase", "netted refund", "loose refund"], n.sum(), p=[0.8, 0.1, 0.1]),
        }
    )


def month(moment: pd.Timestamp) -> int:
    return 12 * moment.year + moment.month - 1


def by_hand(log: pd.DataFrame) -> tuple[Counter, dict[str, int]]:
    seen = log[log["order_date"].dt.date <= AS_OF]
    first: dict[str, int] = {}
    for row in seen[seen["kind"] == "purchase"].itertuples():
        first[row.customer_id] = min(month(row.order_date), first.get(row.customer_id, 10**9))
    cents: Counter = Counter()
    for row in seen.itertuples():
        if row.customer_id in first:
            cohort = first[row.customer_id]
            cents[cohort, month(row.order_date) - cohort] += round(100 * row.revenue)
    return cents, first


def test_equals_plain_python_in_every_cell(place):
    log = simulate_log(1)
    table = place("log", log)
    members = cohort_members(table, as_of=AS_OF)
    found = cohort_revenue(table, members, as_of=AS_OF).execute()
    cents: Counter = Counter()
    for row in found.itertuples():
        cents[int(row.cohort), int(row.age)] += round(100 * float(row.revenue))
    expected, first = by_hand(log)
    assert {key: n for key, n in cents.items() if n} == {key: n for key, n in expected.items() if n}
    sizes = cohort_sizes(members).execute()
    assert sizes.groupby("cohort")["n_customers"].sum().to_dict() == dict(Counter(first.values()))
    # A refund of what was bought before the data start is kept apart, not lost.
    assert any(age < 0 for _cohort, age in expected)


def test_parts_come_from_the_id_alone_and_are_the_same_everywhere(place):
    names = ["a", "b7", "customer 12", "C0000123", "x@example.com", "张三丰"]
    log = pd.DataFrame(
        {"customer_id": names, "order_date": pd.Timestamp("2025-01-05"), "revenue": 1.0, "kind": "purchase"}
    )

    def by_definition(name: str) -> int:
        back = [name[max(len(name) - 1 - place, 0)] for place in range(4)]
        front = [name[place : place + 1] for place in range(4)]
        total = sum(ord(sign) * weight for sign, weight in zip(front, (1, 7, 49, 38), strict=True) if sign)
        return (
            total + sum(ord(sign) * weight for sign, weight in zip(back, (31, 46, 23, 41), strict=True))
        ) % N_PARTS

    found = cohort_members(place("log", log), as_of=AS_OF).execute().set_index("customer_id")["part"]
    assert {name: int(found[name]) for name in names} == {name: by_definition(name) for name in names}


def test_numbered_ids_spread_evenly_over_the_parts(place):
    names = [f"C{number:07d}" for number in range(6_100)]
    log = pd.DataFrame(
        {"customer_id": names, "order_date": pd.Timestamp("2025-01-05"), "revenue": 1.0, "kind": "purchase"}
    )
    sizes = cohort_members(place("log", log), as_of=AS_OF).execute()["part"].value_counts()
    assert len(sizes) == N_PARTS and sizes.min() >= 80 and sizes.max() <= 120


def test_groups_split_the_sums_and_nobody_is_lost(place):
    log = simulate_log(2)
    known = sorted(set(log["customer_id"]))[:150]
    groups = pd.DataFrame({"customer_id": known, "group": ["ab"[place % 2] for place in range(len(known))]})
    table = place("log", log)
    split = cohort_members(table, as_of=AS_OF, groups=place("groups", groups))
    whole = cohort_members(table, as_of=AS_OF)
    keys = ["cohort", "part", "age"]
    sums = [
        cohort_revenue(table, members, as_of=AS_OF).execute().groupby(keys)[["n_rows", "revenue"]].sum()
        for members in (split, whole)
    ]
    pd.testing.assert_frame_equal(sums[0].astype(float), sums[1].astype(float))
    assert cohort_sizes(split).execute()["group"].isna().any()


def test_what_comes_after_the_last_day_changes_nothing(place):
    log = simulate_log(3)
    seen = log[log["order_date"].dt.date <= AS_OF].sample(frac=1, random_state=0)
    rows = []
    for name, frame in (("all", log), ("seen", seen)):
        table = place(name, frame)
        found = cohort_revenue(table, cohort_members(table, as_of=AS_OF), as_of=AS_OF).execute()
        rows.append(sorted(tuple(map(float, row)) for row in found.itertuples(index=False)))
    assert rows[0] == rows[1]


def test_each_customer_has_the_cohort_of_the_first_purchase(place):
    people = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "first_date": [date(2024, 12, 31), date(2025, 1, 1), date(2025, 3, 14)],
        }
    )
    found = (
        customer_cohorts(place("people", people), as_of=date(2025, 3, 14)).order_by("customer_id").execute()
    )
    assert found.values.tolist() == [["a", "2024-12", 3], ["b", "2025-01", 2], ["c", "2025-03", 0]]
