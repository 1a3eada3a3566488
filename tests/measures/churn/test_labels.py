"""Labels of churn: dates that are known, laws, the rule for a model, and intervals that cover."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from cam.estimate import Estimate
from cam.measures.churn.labels import churn_table, cut_off_dates, is_worth_a_model, recency_names
from cam.reduce.features import churn_counts, customers_at


def by_hand(as_of, first_date, observation_days, horizon_days):
    """Every day on which both windows lie within the data, of which the ends of months are kept."""
    day, found = first_date + timedelta(days=observation_days - 1), []
    while day + timedelta(days=horizon_days) <= as_of:
        if day.day == monthrange(day.year, day.month)[1]:
            found.append(day)
        day += timedelta(days=1)
    return found[-12:]


@pytest.mark.parametrize(
    "as_of", [date(1998, 6, 30), date(2024, 2, 29), date(2024, 3, 1), date(2025, 12, 31)]
)
@pytest.mark.parametrize(
    ("back", "observation", "horizon"), [(800, 365, 90), (455, 365, 90), (454, 365, 90), (60, 1, 30)]
)
def test_cut_offs_are_those_of_a_walk_through_the_calendar(as_of, back, observation, horizon):
    first = as_of - timedelta(days=back - 1)
    found = cut_off_dates(as_of, first_date=first, observation_days=observation, horizon_days=horizon)
    assert found == by_hand(as_of, first, observation, horizon)


def test_no_cut_off_where_the_history_is_too_short():
    assert not cut_off_dates(
        date(2026, 6, 30), first_date=date(2026, 1, 1), observation_days=365, horizon_days=90
    )


def test_recency_bins_are_named_without_gap_or_overlap():
    assert recency_names([30, 90]) == ["0-30", "31-90", "91+"]


def test_a_churn_table_conserves_customers_and_leaves_out_the_empty():
    counts = pd.DataFrame({"basis": ["a", "a", "b"], "n_customers": [3, 7, 0], "n_churned": [1, 2, 0]})
    table = churn_table(counts, ["basis"])
    assert table[["basis", "n_customers", "n_churned", "churn_rate"]].values.tolist() == [["a", 10, 3, 0.3]]
    assert 0 < table["low"].iloc[0] < 0.3 < table["high"].iloc[0] < 1


@pytest.mark.parametrize(
    ("rate", "n", "came_back", "worth"),
    [
        (0.019, 1_000_000, 0.0, False),  # a list too short
        (0.02, 5_000, 0.0, True),
        (0.02, 4_900, 0.0, False),  # 98 leavers
        (0.99, 9_900, 0.0, False),  # 99 stayers
        (0.5, 200, 0.0, True),
        (0.5, 200, 0.1, False),  # 90 leavers for good
    ],
)
def test_a_model_needs_leavers_and_stayers(rate, n, came_back, worth):
    assert is_worth_a_model(Estimate("churn_rate", rate, "share", n), came_back=came_back) is worth


def test_the_interval_covers_a_known_churn_probability():
    """1,000 simulated clients: everybody bought before the cut-off; each is silent after it with one probability.

    All of them stand in one log, told apart by a prefix of their customers, so that the engine runs once. Wilson's
    coverage swings around 95 % with n; summed over the binomial it is 95.1 % here, so three standard errors of a
    binomial of 1,000 and 0.1 points are allowed.
    """
    import ibis

    rng = np.random.default_rng(20260630)
    truth, n, sets = 0.3, 70, 1_000
    stays = rng.random((sets, n)) > truth
    client, customer = np.divmod(np.arange(sets * n), n)
    ids = np.array([f"{one:04d}-{other:02d}" for one, other in zip(client, customer, strict=True)])
    before = pd.DataFrame({"customer_id": ids, "order_date": pd.Timestamp("2026-01-10")})
    after = before[stays.ravel()].assign(order_date=pd.Timestamp("2026-02-10"))
    log = pd.concat([before, after], ignore_index=True).assign(kind="purchase")
    people = customers_at(
        ibis.memtable(log),
        cut_off=date(2026, 1, 31),
        observation_days=31,
        horizon_days=28,
        as_of=date(2026, 2, 28),
    )
    assert churn_counts(people).execute()["n_churned"].iloc[0] == (~stays).sum()
    frame = people.execute()
    counts = frame.groupby(frame["customer_id"].str[:4]).agg(
        n_customers=("churned", "size"), n_churned=("churned", "sum")
    )
    table = churn_table(counts.reset_index(names="client"), ["client"])
    covered = ((table["low"] <= truth) & (truth <= table["high"])).mean()
    assert len(table) == sets and abs(covered - 0.95) < 3 * (0.95 * 0.05 / sets) ** 0.5 + 0.001
