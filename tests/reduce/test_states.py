"""Patterns of months: equal to plain Python in every cell, on every engine."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.measures.lifecycle.stages import activity_by_cohort, bought_months
from cam.reduce.states import WORD_MONTHS, activity_patterns, customer_patterns, month_of

FIRST, AS_OF = date(2018, 11, 20), date(2025, 3, 14)


def simulate_log(seed: int, n_customers: int = 150) -> pd.DataFrame:
    """Orders over six years, some of them after AS_OF; some rows are refunds, and some customers only have those."""
    rng = np.random.default_rng(seed)
    n = rng.geometric(0.2, n_customers)
    days = rng.integers(0, (AS_OF - FIRST).days + 31, n.sum())
    return pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in np.repeat(np.arange(n_customers), n)],
            "order_date": pd.Timestamp(FIRST)
            + pd.to_timedelta(days, "D")
            + pd.to_timedelta(rng.integers(0, 86_400, n.sum()), "s"),
            "kind": rng.choice(["purchase", "netted refund"], n.sum(), p=[0.85, 0.15]),
        }
    )


def by_hand(log: pd.DataFrame) -> Counter:
    """The definition, written out a second time: sets of months."""
    months: dict[str, set[int]] = defaultdict(set)
    for customer, moment, kind in log.itertuples(index=False):
        if kind == "purchase" and moment.date() <= AS_OF:
            months[customer].add(12 * (moment.year - 2018) + moment.month - 11)
    return Counter(frozenset(mine) for mine in months.values())


def unpacked(row) -> frozenset[int]:
    words = [int(value) for name, value in row.items() if name.startswith("pattern")]
    return frozenset(
        WORD_MONTHS * word + place
        for word, bits in enumerate(words)
        for place in range(WORD_MONTHS)
        if bits >> place & 1
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_plain_python_in_every_cell_over_more_than_one_word(place, seed):
    log = simulate_log(seed)
    frame = activity_patterns(customer_patterns(place("log", log), first=FIRST, as_of=AS_OF)).execute()
    assert [name for name in frame if name.startswith("pattern")] == ["pattern_0", "pattern_1"]
    assert Counter({unpacked(row): row["n_customers"] for row in frame.to_dict("records")}) == by_hand(log)


def test_orders_after_the_last_day_and_their_order_change_nothing(place):
    log = simulate_log(4)
    seen = log[log["order_date"] < pd.Timestamp(AS_OF) + pd.Timedelta(days=1)]
    logs = place("one", log.sample(frac=1, random_state=0)), place("other", seen)
    people = [customer_patterns(table, first=FIRST, as_of=AS_OF) for table in logs]
    rows = [activity_patterns(table).execute().values.tolist() for table in people]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("seed", [4, 5])
def test_cohorts_follow_from_the_patterns_in_every_cell(place, seed):
    log = simulate_log(seed)
    cells: Counter = Counter()
    for mine, n in by_hand(log).items():
        cells.update({(min(mine), month - min(mine)): n for month in mine})
    patterns = activity_patterns(customer_patterns(place("log", log), first=FIRST, as_of=AS_OF)).execute()
    bought = bought_months(patterns, n_months=month_of(AS_OF) - month_of(FIRST) + 1)
    found = activity_by_cohort(bought, patterns["n_customers"].to_numpy(), first_month=0)
    expected = sorted((cohort, age, n, cells[cohort, 0]) for (cohort, age), n in cells.items())
    assert list(found.itertuples(index=False, name=None)) == expected
