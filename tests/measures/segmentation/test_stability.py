"""How many clusters, and whether they come again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.segmentation.clusters import fit_centres, fit_scaling, nearest
from cam.measures.segmentation.stability import (
    bootstrap_agreement,
    cast_votes,
    elected,
    fit_clusters,
    index_table,
    rule_stability,
    silhouette,
)


def _groups(n: int, k: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    at = 10 * np.array([[0, 0], [1, 1], [1, 0], [0, 1]])[:k]
    return pd.DataFrame(at[rng.integers(0, k, n)] + rng.normal(size=(n, 2)), columns=["a", "b"])


# correct


def test_indices_beside_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    points = _groups(600, 3, 1).to_numpy()
    label = nearest(points, fit_centres(points, 4, seed=1))[0]
    assert silhouette(points, label) == pytest.approx(metrics.silhouette_score(points, label))
    row = index_table(points, [4], seed=1).iloc[0]
    label = nearest(points, fit_centres(points, 4, seed=1, n_starts=5))[0]
    assert row["calinski_harabasz"] == pytest.approx(metrics.calinski_harabasz_score(points, label))
    assert row["davies_bouldin"] == pytest.approx(metrics.davies_bouldin_score(points, label))


def test_a_customer_alone_has_no_silhouette():
    # Rousseeuw (1987): 0 by definition; the others as of the two clusters.
    assert silhouette(np.array([[0.0], [1.0], [9.0]]), np.array([1, 1, 2])) == pytest.approx(
        ((9 - 1) / 9 + (8 - 1) / 8 + 0) / 3
    )


@pytest.mark.parametrize("k", [2, 3, 4])
def test_all_indices_see_groups_that_nobody_could_miss(k):
    sample = _groups(1_500, k, k)
    fit = fit_clusters(sample, scaling=fit_scaling(sample), seed=1)
    assert fit.has_structure
    assert fit.n_clusters == k
    assert set(fit.votes.values()) == {k}
    assert fit.stability["jaccard"].min() > 0.97


# consistent


def test_the_same_seed_brings_the_same_fit():
    sample = _groups(600, 2, 3)
    one, other = (fit_clusters(sample, scaling=fit_scaling(sample), seed=4) for _ in range(2))
    assert (one.centres == other.centres).all()
    pd.testing.assert_frame_equal(one.indices, other.indices)


def test_a_fixed_number_is_kept_and_judged():
    sample = _groups(1_500, 3, 5)
    scaling = fit_scaling(sample)
    assert fit_clusters(sample, scaling=scaling, n_clusters=3, seed=1).has_structure
    five = fit_clusters(sample, scaling=scaling, n_clusters=5, seed=1)
    assert (five.n_clusters, five.has_structure) == (5, False)


def test_votes_and_their_ties():
    table = pd.DataFrame({"n_clusters": [2, 3, 4], "silhouette": [0.4, 0.5, 0.1]})
    table = table.assign(calinski_harabasz=[3, 2, 1], davies_bouldin=[0.3, 0.1, 0.2], gap_error=0.05)
    # 3 beats 2 by more than its error, 4 does not beat 3.
    table = table.assign(gap=[0.1, 0.5, 0.52], stability=[0.95, 0.94, 0.5])
    votes = cast_votes(table)
    assert votes == {"silhouette": 3, "calinski_harabasz": 2, "davies_bouldin": 3, "gap": 3, "stability": 3}
    assert elected(votes) == 3
    assert elected({"a": 4, "b": 2, "c": 3}) == 2


def test_a_cut_through_a_crowd_can_be_stable_and_is_no_group():
    rng = np.random.default_rng(6)
    sample = pd.DataFrame(rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 2_000), columns=["a", "b"])
    fit = fit_clusters(sample, scaling=fit_scaling(sample), seed=1)
    assert fit.stability["jaccard"].min() > 0.9
    assert not fit.has_structure


def test_quantile_groups_come_again():
    assert rule_stability(np.random.default_rng(7).normal(size=4_000), 3, seed=1) > 0.9


# refuses


def test_fewer_distinct_customers_than_clusters():
    sample = pd.DataFrame({"a": [0.0, 1.0] * 50, "b": [0.0, 1.0] * 50})
    with pytest.raises(ValueError, match="2 distinct customers make no 3 clusters"):
        fit_clusters(sample, scaling=fit_scaling(sample), n_clusters=3, seed=1)
    two = fit_clusters(sample, scaling=fit_scaling(sample), seed=1)
    assert two.n_clusters == 2


def test_resamples_that_are_too_alike_are_passed_over():
    points = np.array([[0.0]] * 9 + [[1.0]])
    rand, shares = bootstrap_agreement(points, np.array([[0.0], [1.0]]), n_bootstrap=20, seed=1)
    assert 0 < len(rand) < 20
    assert np.isfinite(shares).all()


# honest


@pytest.mark.slow
def test_the_share_found_again_is_what_new_customers_bring():
    # Means of Jaccard by bootstrap beside those of new samples from the same crowd: within 0.1 of each other.
    rng = np.random.default_rng(8)
    cover = np.array([[1, 0.6], [0.6, 1]])
    sample = rng.multivariate_normal([0, 0], cover, 1_000)
    centres = fit_centres(sample, 3, seed=1)
    guess = bootstrap_agreement(sample, centres, n_bootstrap=100, seed=1)[0].mean()
    label = nearest(sample, centres)[0]
    from cam.measures.segmentation.clusters import adjusted_rand

    new = [
        adjusted_rand(
            label, nearest(sample, fit_centres(rng.multivariate_normal([0, 0], cover, 1_000), 3, seed=s))[0]
        )
        for s in range(100)
    ]
    assert guess == pytest.approx(np.mean(new), abs=0.1)
