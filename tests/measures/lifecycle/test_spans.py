"""What a row of durations must be; what is not one is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.lifecycle.spans import at_risk, distinct, spans

SOUND = {"entry": 1.0, "duration": 4.0, "event_observed": 1.0, "n_customers": 3.0}


def table(**changes):
    return pd.DataFrame([SOUND, {**SOUND, **changes}])


def test_those_watched_from_the_start_are_at_risk_at_once():
    entry, duration, event, count = spans(pd.DataFrame({"duration": [0, 3], "event_observed": [True, False]}))
    assert entry.tolist() == [-1, -1] and count.tolist() == [1, 1] and event.tolist() == [True, False]
    assert at_risk(entry, duration, count, np.array([0.0, 1.0, 4.0])).tolist() == [2, 1, 0]


def test_distinct_values_of_any_kind():
    rng = np.random.default_rng(1)
    for values in (rng.integers(0, 50, 500).astype(float), rng.normal(size=500)):
        found, place = distinct(values)
        assert found.tolist() == np.unique(values).tolist() and (found[place] == values).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"duration": -1.0},
        {"duration": np.inf},
        {"entry": 4.0},
        {"entry": 5.0},
        {"entry": -2.0},
        {"event_observed": 2.0},
        {"n_customers": -1.0},
        {"n_customers": 1.5},
    ],
)
def test_what_is_no_duration_is_named(changes):
    with pytest.raises(
        ValueError, match=r"row 1 is no duration: entry .* a duration of 0 or more, an entry of 0 or"
    ):
        spans(table(**changes))


@pytest.mark.parametrize("name", list(SOUND))
def test_what_is_missing_is_named(name):
    with pytest.raises(ValueError, match=rf"1 of 2 rows has no {name} \(first row: 1\)"):
        spans(table(**{name: np.nan}))


def test_nobody_is_refused():
    for nobody in (table().iloc[:0], table().assign(n_customers=0)):
        with pytest.raises(ValueError, match="there are no customers"):
            spans(nobody)
    with pytest.raises(ValueError, match="there is no column 'duration'; columns present: event_observed"):
        spans(pd.DataFrame({"event_observed": [True]}))
