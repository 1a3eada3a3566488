"""Survey answers per group: correct, consistent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.reduce.responses import answer_sums, count_repeats, count_scores, shared_sums


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


def customers(frame):
    """Rows without a customer are customers of their own."""
    return [f"row {place}" if pd.isna(one) else one for place, one in enumerate(frame["customer_id"])]


def test_what_a_customer_says_elsewhere_is_that_of_plain_pandas(place):
    frame = answers()
    known = frame.assign(customer_id=customers(frame)).dropna(subset=["wave"])
    people = known.groupby(["customer_id", "wave"])["score"].agg(["sum", "size"]).unstack(fill_value=0)
    t, m = people["sum"], people["size"]
    found = answer_sums(place("rows", frame), by="wave").execute().set_index("group")
    for wave in ("one", "two"):
        expected = [(one[wave] * other.sum(axis=1)).sum() for one, other in ((t, t), (t, m), (m, t), (m, m))]
        assert found.loc[wave, ["tt_all", "tm_all", "mt_all", "mm_all"]].tolist() == expected
    both = shared_sums(place("rows", frame), by="wave", order=["two", "one"]).execute()
    named = people[[not name.startswith("row") for name in people.index]]
    t, m = named["sum"], named["size"]
    expected = [(one["two"] * other["one"]).sum() for one, other in ((t, t), (t, m), (m, t), (m, m))]
    assert both[["tt", "tm", "mt", "mm"]].values.tolist() == [expected]
    assert both[["before", "group"]].values.tolist() == [["two", "one"]]
    assert both["n_customers"].tolist() == [int(((m["one"] > 0) & (m["two"] > 0)).sum())]


def test_each_score_is_summed_as_if_alone(place):
    one, other = answers(1), answers(2)
    both = pd.concat([one.assign(figure="a"), other.assign(figure="b")])
    found = answer_sums(place("rows", both), by="wave", each="figure").execute()
    for name, frame in (("a", one), ("b", other)):
        alone = answer_sums(place("alone", frame), by="wave").execute()
        part = found[found["figure"] == name].drop(columns="figure").reset_index(drop=True)
        pd.testing.assert_frame_equal(part, alone)


def test_only_neighbours_share_and_nobody_shares_with_nobody(place):
    frame = pd.DataFrame(
        {"customer_id": ["a", "a", None, None], "score": [1, -1, 1, 1], "wave": list("xzxy")}
    )
    assert not len(shared_sums(place("rows", frame), by="wave", order=["x", "y", "z"]).execute())
    assert shared_sums(place("rows", frame), by="wave", order=["x", "z"]).execute()["tt"].tolist() == [-1]


def test_who_answered_a_wave_twice_is_counted(place):
    frame = pd.DataFrame(
        {"customer_id": ["a", "a", "b", "b", None, None], "wave": ["x", "x", "x", "y", "x", "x"]}
    )
    assert count_repeats(place("rows", frame), by="wave").execute().values.tolist() == [[1, 2]]
    assert count_repeats(place("rows", frame.tail(3)), by="wave").execute().values.tolist() == [[0, 0]]


def test_rows_in_another_order_change_nothing(place):
    frame = answers()
    one = answer_sums(place("rows", frame), by="wave").execute()
    other = answer_sums(place("rows", frame.sample(frac=1, random_state=3)), by="wave").execute()
    pd.testing.assert_frame_equal(one, other)


def test_scores_are_counted_once_each(place):
    found = count_scores(place("rows", pd.DataFrame({"nps": [10, 0, 10, None, 7]})), "nps").execute()
    assert found.values.tolist() == [[0, 1], [7, 1], [10, 2]]
