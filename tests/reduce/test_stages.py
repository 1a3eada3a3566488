"""Each customer's stage in the engine: that of the patterns, on every engine; revenue by stage adds up."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.measures.lifecycle.stages import STAGES, StageRules, bought_months, pattern_stages, stage_codes
from cam.reduce.stages import customer_stages, stage_revenue
from cam.reduce.states import activity_patterns, customer_patterns, month_of

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


def stand(place, name: str, log: pd.DataFrame, *, month_end: date):
    """Each customer's stage at a month's end, in an engine of its own."""
    people = customer_patterns(place(name, log), first=FIRST, as_of=AS_OF)
    patterns = activity_patterns(people).execute()
    bought = bought_months(patterns, n_months=month_of(AS_OF) - month_of(FIRST) + 1)
    codes = stage_codes(bought, rules=StageRules(**RULES))
    stages = pattern_stages(patterns, bought, codes, month=month_of(month_end) - month_of(FIRST))
    return customer_stages(people, place(f"{name}_stages", stages))


def by_hand(log: pd.DataFrame, *, month_end: date) -> dict[str, tuple[str, int]]:
    """Stage and months of silence of each customer, one by one, by the words of the report."""
    bought = log[
        (log["kind"] == "purchase") & (log["order_date"] < pd.Timestamp(month_end) + pd.Timedelta(days=1))
    ]
    number = 12 * bought["order_date"].dt.year + bought["order_date"].dt.month - 1
    found = {}
    for customer, mine in number.groupby(bought["customer_id"]):
        months = sorted(set(mine))
        silent = month_of(month_end) - months[-1]
        if silent >= RULES["lost_months"]:
            stage = "lost"
        elif silent >= RULES["dormant_months"]:
            stage = "dormant"
        elif silent >= RULES["at_risk_months"]:
            stage = "at_risk"
        elif len(months) > 1 and months[-1] - months[-2] - 1 >= RULES["dormant_months"]:
            stage = "reactivated"
        elif len(months) == 1:
            stage = "first_time"
        else:
            stage = "loyal" if len(months) >= RULES["loyal_months"] else "repeat"
        found[customer] = (stage, silent)
    return found


@pytest.mark.parametrize("end", [AS_OF, date(2024, 6, 30)])
def test_stages_are_those_that_the_words_of_the_report_give_each_customer(place, end):
    log = simulate_log(1)
    found = stand(place, "log", log, month_end=end).execute()
    expected = by_hand(log, month_end=end)
    assert {
        row.customer_id: (row.lifecycle_stage, row.months_silent) for row in found.itertuples()
    } == expected
    assert len(found) == len(expected) and set(found["lifecycle_stage"]) == set(STAGES)


def test_revenue_by_stage_is_that_of_plain_python_to_the_cent(place):
    log = simulate_log(3)
    table = place("log", log)
    stages = stand(place, "stood", log, month_end=date(2024, 6, 30))
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
    tables = [stand(place, name, frame, month_end=AS_OF) for name, frame in (("all", log), ("seen", seen))]
    one, other = (table.order_by("customer_id").execute() for table in tables)
    pd.testing.assert_frame_equal(one, other)
