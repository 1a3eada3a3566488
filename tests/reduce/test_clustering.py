"""Feature tables in the engine: what they hold, the sample, and the nearest cluster of every customer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.segmentation.clusters import fit_centres, fit_scaling, linear_scores, nearest
from cam.reduce.clustering import (
    assign_clusters,
    complete_customers,
    count_clusters,
    review_features,
    systematic_sample,
)


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 500
    return pd.DataFrame(
        {
            "customer_id": [f"c{i:04d}" for i in range(n)],
            "orders": rng.poisson(2, n),
            "value": rng.lognormal(3, 1, n),
            "trend": rng.normal(0, 5, n),
            "channel": rng.choice(["web", "shop", "phone"], n, p=[0.6, 0.3, 0.1]),
        }
    )


# correct


def test_review_counts_what_each_feature_holds(place, people):
    people.loc[:9, "value"] = None
    people.loc[:4, "channel"] = None
    row = review_features(place("people", people), ["value", "channel"]).execute().iloc[0]
    assert row["n"] == 500
    assert (row["known_0"], row["kinds_0"]) == (490, people["value"].nunique())
    assert (row["least_0"], row["most_0"]) == (people["value"].min(), people["value"].max())
    assert (row["known_1"], row["kinds_1"]) == (495, 3)
    assert pd.isna(row["least_1"])


def test_every_customer_goes_to_the_nearest_centre(place, people):
    names = ["orders", "value", "trend", "channel"]
    scaling = fit_scaling(people[names], categories=("channel",))
    assert [feature.transform for feature in scaling.features] == ["none", "log1p", "none", "categories"]
    points = scaling.points(people)
    centres = fit_centres(points, 5, seed=1)
    offsets, slopes, levels = linear_scores(scaling, centres)
    members = assign_clusters(
        place("people", people),
        offsets=list(offsets),
        slopes={name: list(parts) for name, parts in slopes.items()},
        logged=["value"],
        levels={name: {level: list(part) for level, part in by.items()} for name, by in levels.items()},
        label="kind",
    )
    found = members.order_by("customer_id").execute()
    assert found["kind"].tolist() == (nearest(points, centres)[0] + 1).tolist()
    counted = count_clusters(members, "kind").execute()
    assert counted["n_customers"].tolist() == found["kind"].value_counts().sort_index().tolist()


# consistent


def test_the_sample_is_the_same_whatever_the_order_of_rows(place, people):
    shuffled = people.sample(frac=1, random_state=1)
    one = systematic_sample(place("people", people), n=500, most=120).execute()
    other = systematic_sample(place("shuffled", shuffled), n=500, most=120).execute()
    assert one["customer_id"].tolist() == [f"c{i:04d}" for i in range(0, 500, 5)]
    pd.testing.assert_frame_equal(one, other)


def test_all_come_where_few_are_wanted_to_stay_away(place, people):
    assert len(systematic_sample(place("people", people), n=500, most=500).execute()) == 500


# refuses


def test_who_lacks_a_feature_is_in_no_cluster_and_is_counted(place, people):
    people.loc[0, "value"] = None
    people.loc[1, "value"] = np.inf
    people.loc[2, "channel"] = None
    table = place("people", people)
    assert complete_customers(table, ["value", "channel"]).count().execute() == 497
    members = assign_clusters(
        table,
        offsets=[0.0, 1.0],
        slopes={"value": [0.0, -1.0]},
        levels={"channel": {"web": [0.0, 5.0]}},
    )
    counted = count_clusters(members).execute()
    assert counted["n_customers"].sum() == 500
    assert pd.isna(counted["cluster"].iloc[-1])
    assert counted["n_customers"].iloc[-1] == 3


def test_a_level_that_the_sample_did_not_hold_adds_nothing(place):
    table = place("two", pd.DataFrame({"customer_id": ["a", "b"], "channel": ["web", "new"]}))
    members = assign_clusters(table, offsets=[0.0, 1.0], slopes={}, levels={"channel": {"web": [9.0, 0.0]}})
    assert members.order_by("customer_id").execute()["cluster"].tolist() == [2, 1]


def test_below_zero_a_logarithm_counts_as_of_zero(place):
    table = place("low", pd.DataFrame({"customer_id": ["a"], "value": [-5.0]}))
    members = assign_clusters(
        table, offsets=[0.0, 0.5], slopes={"value": [0.0, 1.0]}, logged=["value"], levels={}
    )
    assert members.execute()["cluster"].tolist() == [1]
