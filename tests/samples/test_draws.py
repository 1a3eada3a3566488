"""Are the demo's own transforms of uniforms the distributions they claim to be?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cam.samples.draws import Draws

N = 20_000
# A fixed seed passes or fails for good; 0.001 is a level at which a true distribution would rarely have failed.
LEVEL = 0.001


@pytest.mark.parametrize("shape", [0.3, 0.65, 1.0, 1.6, 5.0, 40.0])
def test_gamma(shape: float) -> None:
    assert stats.kstest(Draws(1, 0).gamma(shape, N), stats.gamma(shape).cdf).pvalue > LEVEL


@pytest.mark.parametrize(("a", "b"), [(1.1, 12.0), (0.5, 0.5)])
def test_beta(a: float, b: float) -> None:
    assert stats.kstest(Draws(2, 0).beta(a, b, N), stats.beta(a, b).cdf).pvalue > LEVEL


def test_normal_and_exponential() -> None:
    assert stats.kstest(Draws(3, 0).normal(N), stats.norm.cdf).pvalue > LEVEL
    assert stats.kstest(Draws(3, 1).exponential(N), stats.expon.cdf).pvalue > LEVEL


def test_normals_have_the_correlation_asked_for() -> None:
    correlation = np.array([[1.0, 0.4, 0.0], [0.4, 1.0, -0.3], [0.0, -0.3, 1.0]])
    found = np.corrcoef(Draws(4, 0).normals(correlation, N).T)
    # The standard error of a correlation is at most 1 / sqrt(n) = 0.007; four of them.
    assert np.abs(found - correlation).max() < 0.028


@pytest.mark.parametrize("mean", [0.0, 0.02, 1.0, 39.9, 40.1, 300.0])
def test_poisson(mean: float) -> None:
    counts = Draws(5, 0).poisson(np.full(N, mean))
    if mean == 0:
        assert not counts.any()
        return
    # Classes with at least about 5 expected counts, the tails pooled.
    low, high = stats.poisson(mean).ppf([0.002, 0.998]).astype(int)
    edges = np.arange(low, high + 1)
    expected = np.diff(np.concatenate([[0.0], stats.poisson(mean).cdf(edges), [1.0]])) * N
    observed = np.bincount(np.searchsorted(edges, counts), minlength=edges.size + 1)
    assert stats.chisquare(observed, expected).pvalue > LEVEL


def test_poisson_keeps_the_order_of_its_means() -> None:
    counts = Draws(6, 0).poisson([0.0, 1000.0, 0.0, 100.0])
    assert counts[0] == counts[2] == 0
    assert abs(counts[1] - 1000) < 4 * np.sqrt(1000)
    assert abs(counts[3] - 100) < 4 * np.sqrt(100)
    assert Draws(6, 0).poisson([]).size == 0


def test_pick_follows_one_row_for_all_or_one_each() -> None:
    weights = [1.0, 2.0, 0.0, 5.0]
    for probabilities in (weights, np.tile(weights, (N, 1))):
        counts = np.bincount(Draws(7, 0).pick(probabilities, N), minlength=4)
        assert counts[2] == 0
        assert stats.chisquare(counts[[0, 1, 3]], np.array([1, 2, 5]) / 8 * N).pvalue > LEVEL


def test_uniforms_are_never_0_and_streams_differ() -> None:
    u = Draws(8, 0).uniform(N)
    assert u.min() > 0
    assert u.max() <= 1
    assert not np.array_equal(u, Draws(8, 1).uniform(N))
    assert not np.array_equal(u, Draws(9, 0).uniform(N))


def test_the_stream_is_the_one_numpy_promises() -> None:
    """The first uniforms of PCG64, which the same-bytes promise stands on."""
    assert Draws(20260630, 0).uniform(2).tolist() == pytest.approx(FIRST, abs=1e-15)


FIRST = [0.7193548855978309, 0.2800004725038973]
