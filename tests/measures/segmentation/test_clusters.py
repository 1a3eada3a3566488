"""Features on one scale, k-means, and how two groupings agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cam.measures.segmentation.clusters import (
    adjusted_rand,
    describe_clusters,
    explained,
    fit_centres,
    fit_scaling,
    jaccard,
    linear_scores,
    nearest,
    skewness,
    value_groups,
)


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 1_000
    return pd.DataFrame(
        {
            "value": rng.lognormal(3, 1, n),
            "change": rng.normal(-2, 3, n),
            "channel": rng.choice(["web", "shop", "phone"], n, p=[0.6, 0.3, 0.1]),
        }
    )


# correct


def test_agreement_beside_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    for k in (2, 3, 7):
        one, other = rng.integers(0, k, 200), rng.integers(0, 4, 200)
        other[:80] = one[:80] % 4
        assert adjusted_rand(one, other) == pytest.approx(metrics.adjusted_rand_score(one, other), abs=1e-12)


def test_k_means_beside_scikit_learn(people):
    cluster = pytest.importorskip("sklearn.cluster")
    points = fit_scaling(people, categories=("channel",)).points(people)[:200]
    for k in (2, 5):
        ours = nearest(points, fit_centres(points, k, seed=1, n_starts=20))[1].sum()
        theirs = cluster.KMeans(k, n_init=10, random_state=1).fit(points).inertia_
        # Both stop in a local minimum; ours may not be worse by more than a hundredth.
        assert ours <= 1.01 * theirs


def test_jaccard_by_hand():
    one = np.array([1, 1, 1, 2, 2, 3])
    other = np.array([1, 1, 2, 2, 2, 2])
    # {1,2,3} with {1,2}: 2/3; {4,5} with {3,4,5,6}: 2/4; {6} with the same four: 1/4.
    assert jaccard(one, other) == pytest.approx([2 / 3, 1 / 2, 1 / 4])


def test_skewness_is_that_of_scipy(people):
    assert skewness(people["value"].to_numpy()) == pytest.approx(stats.skew(people["value"]))


def test_explained_is_one_less_the_part_within():
    rng = np.random.default_rng(3)
    group, values = rng.integers(0, 3, 300), rng.normal(size=(300, 2))
    values[:, 0] += group
    within = sum(((values[group == g] - values[group == g].mean(axis=0)) ** 2).sum() for g in range(3))
    total = ((values - values.mean(axis=0)) ** 2).sum()
    assert explained(group, values) == pytest.approx(1 - within / total)


# consistent


def test_every_feature_weighs_the_same_however_many_levels_it_has(people):
    scaling = fit_scaling(people, categories=("channel",))
    points = scaling.points(people)
    assert [feature.transform for feature in scaling.features] == ["log1p", "none", "categories"]
    assert points[:, 0].var() == pytest.approx(1)
    assert points[:, 1].var() == pytest.approx(1)
    assert points[:, scaling.blocks[0]].var(axis=0).sum() == pytest.approx(1)
    assert points.mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-12)


def test_scales_do_not_matter(people):
    numbers = people[["change"]].assign(other=people["change"].to_numpy() ** 2 % 7)
    larger = numbers.assign(change=1_000 * numbers["change"] + 5)
    assert fit_scaling(larger).points(larger) == pytest.approx(fit_scaling(numbers).points(numbers))


def test_who_is_negative_outside_the_sample_is_never_taken_by_the_logarithm(people):
    assert fit_scaling(people[["value"]], signed=("value",)).features[0].transform == "none"


def test_linear_scores_order_clusters_as_distances_do(people):
    scaling = fit_scaling(people, categories=("channel",))
    points = scaling.points(people)
    centres = fit_centres(points, 4, seed=1)
    offsets, slopes, levels = linear_scores(scaling, centres)
    value = np.log1p(people["value"].to_numpy())
    scores = offsets + np.outer(value, slopes["value"]) + np.outer(people["change"], slopes["change"])
    scores += np.array([levels["channel"][level] for level in people["channel"]])
    distances = ((points[:, None] - centres[None]) ** 2).sum(axis=2)
    shared = (points**2).sum(axis=1)[:, None]
    assert scores + shared == pytest.approx(distances, abs=1e-9)


def test_order_of_customers_is_irrelevant_and_the_largest_cluster_comes_first():
    rng = np.random.default_rng(4)
    points = np.concatenate(
        [rng.normal(0, 1, (60, 2)), rng.normal(9, 1, (200, 2)), rng.normal(-9, 1, (140, 2))]
    )
    one = fit_centres(points, 3, seed=1)
    other = fit_centres(points[::-1], 3, seed=1)
    assert one == pytest.approx(other)
    assert np.bincount(nearest(points, one)[0]).tolist() == [200, 140, 60]


def test_a_centre_that_loses_everybody_moves_on():
    points = np.concatenate([np.zeros((50, 1)), np.ones((50, 1)), np.full((50, 1), 100.0)])
    assert sorted(fit_centres(points, 3, seed=1).ravel().tolist()) == [0.0, 1.0, 100.0]


def test_groups_by_value_keep_equal_customers_together():
    values = np.array([0.0] * 60 + [1.0] * 20 + [5.0] * 20)
    groups = value_groups(values, 4)
    assert all(np.unique(groups[values == value]).size == 1 for value in (0.0, 1.0, 5.0))
    even = value_groups(np.arange(100.0), 4)
    assert np.bincount(even)[1:].tolist() == [25, 25, 25, 25]


def test_means_in_standard_deviations_add_up_to_nothing(people):
    points = fit_scaling(people, categories=("channel",)).points(people)
    labels = nearest(points, fit_centres(points, 3, seed=1))[0] + 1
    where = describe_clusters(points, labels, {"value": 0, "web": 4})
    sizes = np.bincount(labels)[1:]
    assert (sizes[:, None] * where[["value", "web"]].to_numpy()).sum(axis=0) == pytest.approx(
        [0, 0], abs=1e-8
    )


# refuses


def test_a_constant_feature():
    with pytest.raises(ValueError, match="orders is constant"):
        fit_scaling(pd.DataFrame({"orders": [0.1, 0.1, 0.1]}))
    with pytest.raises(ValueError, match="channel is constant"):
        fit_scaling(pd.DataFrame({"channel": ["web", "web"]}), categories=("channel",))


def test_fewer_distinct_points_than_clusters():
    with pytest.raises(ValueError, match="there are fewer than 3 distinct points"):
        fit_centres(np.array([[0.0], [0.0], [1.0]]), 3, seed=1)


def test_agreement_of_trivial_groupings():
    assert adjusted_rand(np.zeros(5), np.zeros(5)) == 1.0
    assert explained(np.zeros(4), np.zeros((4, 1))) == 0.0
