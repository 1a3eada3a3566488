"""Figures of clusters: what they draw, say, and leave out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import svg
from cam.show.figures.clusters import cluster_heat_map, density_map, index_curves


@pytest.fixture
def indices() -> pd.DataFrame:
    k = np.arange(2, 9)
    return pd.DataFrame(
        {
            "n_clusters": k,
            "silhouette": 0.5 - 0.04 * k,
            "calinski_harabasz": 1_000.0 - 50 * k,
            "davies_bouldin": 1 + 0.1 * k,
            "gap": 0.1 * k,
            "gap_error": 0.02,
            "stability": 1 - 0.05 * k,
            "stability_low": 0.9 - 0.05 * k,
            "stability_high": 1.0,
            "valley_p": 1.0,
        }
    )


def test_six_curves_with_the_chosen_number(indices):
    ax = index_curves(indices, chosen=3, n=500)
    assert len(ax.child_axes) == 6
    for panel in ax.child_axes:
        assert panel.lines[-1].get_xdata().tolist() == [3]
    words = ax.figure.get_gid()
    assert "3 are chosen" in words
    assert "0.38" in words
    assert "<svg" in svg(ax.figure)


def test_one_number_only_is_a_point(indices):
    ax = index_curves(indices.head(1), chosen=2, n=500)
    assert len(ax.child_axes) == 6


def test_the_heat_map_says_what_stands_out():
    table = pd.DataFrame({"cluster": [1, 2], "frequency": [0.5, -1.5], "channel: web": [0.1, -0.2]})
    ax = cluster_heat_map(table, shares=[0.75, 0.25], n=400)
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["0.5", "−1.5", "0.1", "−0.2"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1\n75.0\u00a0%", "2\n25.0\u00a0%"]
    assert "Cluster 2 stands out most: Purchase days after the first is −1.5" in ax.figure.get_gid()


def test_the_heat_map_keeps_the_rows_that_differ_most():
    table = pd.DataFrame({f"f{i:02d}": [0.1 * i, -0.1 * i] for i in range(30)}).assign(cluster=[1, 2])
    ax = cluster_heat_map(table, shares=[0.5, 0.5], n=400)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [f"f{i:02d}" for i in range(16, 30)]


@pytest.mark.parametrize(
    ("has", "words"), [(True, "fewer customers than in them"), (False, "no clear structure")]
)
def test_the_map_is_made_of_counts(has, words):
    cells = pd.DataFrame({"x": [0.0, 1.0, 1.0], "y": [0.0, 0.0, 1.0], "n_customers": [5, 7, 900_000]})
    centres = pd.DataFrame({"cluster": [1, 2], "x": [0.0, 1.0], "y": [0.0, 1.0]})
    ax = density_map(cells, centres=centres, axes_names=("one", "two"), has_structure=has)
    assert [text.get_text() for text in ax.texts] == ["1", "2"]
    assert words in ax.figure.get_gid()
    assert "900,012" in ax.figure.get_gid()
    # A million customers are one mesh, not a million dots.
    assert len(ax.collections) == 1
    assert len(svg(ax.figure)) < 100_000


def test_what_cannot_be_said_is_passed_on():
    assert index_curves(CannotSay("None."), chosen=2, n=0).reason == "None."
    assert use("en") is None
