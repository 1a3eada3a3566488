"""Survey answers per group: correct, consistent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.reduce.responses import answer_sums, count_scores


def answers(seed=1, n=500):
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, 200, n).astype(str).astype(object)
    customer[rng.random(n) < 0.1] = None
    return pd.DataFrame(
        {
            "customer_id": customer,
            "score": rng.integers(-1, 2, n),
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 90, n), unit="D"),
            "wave": rng.choice(["one", "two", None], n, p=[0.5, 0.4, 0.1]),
        }
    )


def brute(frame):
    known = frame.assign(
        customer_id=[
            f"row {place}" if pd.isna(one) else one for place, one in enumerate(frame["customer_id"])
        ]
    )
    people = known.groupby("customer_id")["score"].agg(["sum", "size"])
    return [
        len(frame),
        frame["score"].sum(),
        (frame["score"] ** 2).sum(),
        len(people),
        (people["sum"] ** 2).sum(),
        (people["sum"] * people["size"]).sum(),
        (people["size"] ** 2).sum(),
    ]


COLUMNS = ["n", "total", "squared", "n_customers", "tt", "tm", "mm"]


@pytest.mark.parametrize("seed", [1, 2])
def test_sums_are_those_of_plain_pandas(place, seed):
    frame = answers(seed)
    made = place("rows", frame)
    assert answer_sums(made).execute()[COLUMNS].values.tolist() == [brute(frame)]
    found = answer_sums(made, by="wave").execute()
    assert found["group"].tolist() == ["one", "two"]
    for row in found.to_dict("records"):
        part = frame[frame["wave"] == row["group"]].reset_index(drop=True)
        assert [row[name] for name in COLUMNS] == brute(part)
        assert pd.Timestamp(row["first_day"]) == part["day"].min()


def test_rows_in_another_order_change_nothing(place):
    frame = answers()
    one = answer_sums(place("rows", frame), by="wave").execute()
    other = answer_sums(place("rows", frame.sample(frac=1, random_state=3)), by="wave").execute()
    pd.testing.assert_frame_equal(one, other)


def test_scores_are_counted_once_each(place):
    found = count_scores(place("rows", pd.DataFrame({"nps": [10, 0, 10, None, 7]})), "nps").execute()
    assert found.values.tolist() == [[0, 1], [7, 1], [10, 2]]
