"""Each customer's stage in the engine: that of the patterns, on every engine; revenue by stage adds up."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.measures.lifecycle.stages import STAGES, StageRules, bought_months, stage_codes
from cam.reduce.stages import customer_months, customer_stages, stage_revenue
from cam.reduce.states import activity_patterns

FIRST, AS_OF = date(2021, 2, 1), date(2025, 6, 30)
RULES = {"loyal_months": 5, "at_risk_months": 2, "dormant_months": 4, "lost_months": 7}


def simulate_log(seed: int, n_customers: int = 600) -> pd.DataFrame:
    """Orders over more than one word of months, some after AS_OF; some rows are refunds."""
    rng = np.random.default_rng(seed)
    n = rng.geometric(rng.beta(1, 6, n_customers).clip(0.02))
    days = rng.integers(0, (AS_OF - FIRST).days + 45, n.sum())
    return pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in np.repeat(np.arange(n_customers), n)],
            "order_date": pd.Timestamp(FIRST)
            + pd.to_timedelta(days, "D")
            + pd.to_timedelta(rng.integers(0, 86_400, n.sum()), "s"),
            "revenue": rng.integers(-500, 9_000, n.sum()) / 100,
            "kind": rng.choice(["purchase", "netted refund", "loose refund"], n.sum(), p=[0.8, 0.1, 0.1]),
        }
    )


@pytest.mark.parametrize("end", [AS_OF, date(2024, 6, 30)])
def test_stages_are_those_of_the_patterns(place, end):
    table = place("log", simulate_log(1))
    months = customer_months(table, as_of=AS_OF)
    found = customer_stages(months, month_end=end, **RULES).execute()
    patterns = activity_patterns(table, first=FIRST, as_of=end).execute()
    n_months = 12 * (end.year - FIRST.year) + end.month - FIRST.month + 1
    codes = stage_codes(bought_months(patterns, n_months=n_months), rules=StageRules(**RULES))[:, -1]
    expected = pd.Series(patterns["n_customers"].to_numpy()).groupby([STAGES[code] for code in codes]).sum()
    assert found["lifecycle_stage"].value_counts().sort_index().to_dict() == expected.sort_index().to_dict()
    assert set(expected.index) == set(STAGES)
    assert found["customer_id"].is_unique


def test_months_of_silence_count_from_the_last_purchase(place):
    log = simulate_log(2)
    found = customer_stages(
        customer_months(place("log", log), as_of=AS_OF), month_end=AS_OF, **RULES
    ).execute()
    bought = log[(log["kind"] == "purchase") & (log["order_date"].dt.date <= AS_OF)]
    last = bought.groupby("customer_id")["order_date"].max()
    expected = 12 * (AS_OF.year - last.dt.year) + AS_OF.month - last.dt.month
    assert found.set_index("customer_id")["months_silent"].to_dict() == expected.to_dict()


def test_revenue_by_stage_is_that_of_plain_python_to_the_cent(place):
    log = simulate_log(3)
    table = place("log", log)
    stages = customer_stages(customer_months(table, as_of=AS_OF), month_end=date(2024, 6, 30), **RULES)
    found = stage_revenue(stages, table, first=date(2024, 7, 1), last=AS_OF).execute().set_index("stage")
    ahead = log[(log["order_date"] >= "2024-07-01") & (log["order_date"].dt.date <= AS_OF)]
    cents = (100 * ahead["revenue"]).round().astype(int).groupby(ahead["customer_id"]).sum()
    people = stages.execute()
    people["cents"] = people["customer_id"].map(cents).fillna(0).astype(int)
    for stage, mine in people.groupby("lifecycle_stage")["cents"]:
        row = found.loc[stage]
        assert (int(row["n_customers"]), int(row["revenue"]), int(row["squares"])) == (
            len(mine),
            mine.sum(),
            (mine**2).sum(),
        )


def test_what_comes_after_the_last_day_changes_nothing(place):
    log = simulate_log(4)
    seen = log[log["order_date"].dt.date <= AS_OF].sample(frac=1, random_state=0)
    tables = [
        customer_stages(customer_months(place(name, frame), as_of=AS_OF), month_end=AS_OF, **RULES)
        for name, frame in (("all", log), ("seen", seen))
    ]
    one, other = (table.order_by("customer_id").execute() for table in tables)
    pd.testing.assert_frame_equal(one, other)
