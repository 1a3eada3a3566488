"""Scores, distinct values and sums in the engine: what the same thing in memory gives, on every engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.segmentation.rfm import score_values
from cam.reduce.scores import distinct_values, score_by_limits, segment_sums


def people(seed: int = 0, n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(n)],
            "segment": rng.choice(["a", "b", "c"], n),
            "revenue": np.round(rng.gamma(2, 30, n) - 10, 2),
            "frequency": rng.poisson(1, n),
            "days_since_last": rng.integers(0, 300, n),
        }
    )


def test_scores_equal_those_in_memory(place):
    frame = people()
    table = place("people", frame)
    # Limits that stand on values, twice even, are where an engine could differ.
    limits = [*frame["revenue"].quantile([0.2, 0.4, 0.6], interpolation="lower"), frame["revenue"].max()]
    for less_is_better in (False, True):
        score = score_by_limits(table.revenue, limits, less_is_better=less_is_better)
        ours = table.select("customer_id", score=score).execute().set_index("customer_id")["score"]
        theirs = score_values(
            frame.set_index("customer_id")["revenue"], limits, less_is_better=less_is_better
        )
        assert ours[theirs.index].tolist() == theirs.tolist()


def test_distinct_values_count_everybody_once(place):
    frame = people()
    found = distinct_values(place("people", frame), "frequency").execute()
    assert found["value"].is_monotonic_increasing
    expected = frame["frequency"].value_counts().sort_index()
    assert found["n_customers"].tolist() == expected.tolist()


def test_sums_conserve_everything(place):
    frame = people()
    sums = segment_sums(place("people", frame.rename(columns={"revenue": "value"})), "segment").execute()
    assert sums["segment"].tolist() == ["a", "b", "c"]
    assert sums["n_customers"].sum() == len(frame)
    assert round(float(sums["value"].sum()), 2) == round(frame["revenue"].sum(), 2)
    squared = frame.assign(squared=frame["revenue"] ** 2).groupby("segment")["squared"].sum()
    np.testing.assert_allclose(sums["value_squared"].astype(float), squared, rtol=1e-12)
    assert sums["frequency"].sum() == frame["frequency"].sum()


def test_one_customer_of_a_billion_overflows_nothing(place):
    frame = pd.DataFrame(
        {"segment": ["a", "a"], "value": [1e9, 0.01], "frequency": [1, 2], "days_since_last": [3, 4]}
    )
    table = place("rich", frame)
    sums = segment_sums(table.mutate(value=table.value.cast("decimal(18, 2)")), "segment").execute()
    assert float(sums["value_squared"].iloc[0]) == pytest.approx(1e18, rel=1e-12)
