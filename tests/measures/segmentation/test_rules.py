"""Named segments: total and disjoint over every cell, for any number of bins."""

from __future__ import annotations

from itertools import product

import pandas as pd
import pytest

from cam.measures.segmentation.rules import SEGMENTS, name_segments


def cells(n_bins: int) -> pd.DataFrame:
    scores = range(1, n_bins + 1)
    return pd.DataFrame(list(product(scores, scores, scores)), columns=["r_score", "f_score", "m_score"])


def test_every_one_of_the_125_cells_has_exactly_one_segment():
    every = cells(5)
    named = name_segments(every)
    assert len(every) == len(named) == 125
    assert named.isin(SEGMENTS).all() and not named.isna().any()
    assert set(named) == set(SEGMENTS)  # and no segment is a name without customers
    # A function of the cell alone: the same cell among others, in any order, keeps its name.
    shuffled = every.sample(frac=1, random_state=0)
    assert (name_segments(shuffled).sort_index() == named).all()


@pytest.mark.parametrize("n_bins", [2, 3, 4, 6, 7, 10])
def test_any_number_of_bins_is_covered(n_bins):
    assert name_segments(cells(n_bins), n_bins=n_bins).isin(SEGMENTS).all()


def test_the_corners_have_their_names():
    corners = pd.DataFrame(
        [(5, 5, 5), (5, 1, 1), (1, 5, 5), (1, 1, 1), (4, 4, 4)], columns=["r_score", "f_score", "m_score"]
    )
    assert name_segments(corners).tolist() == ["champions", "new", "cannot_lose", "hibernating", "loyal"]


def test_a_later_purchase_never_makes_a_customer_look_more_lost():
    losing = {"hibernating", "at_risk", "cannot_lose"}
    every = cells(5).assign(lost=lambda table: name_segments(table).isin(losing))
    for _, group in every.groupby(["f_score", "m_score"]):
        lost = group.sort_values("r_score")["lost"].astype(int)
        assert lost.is_monotonic_decreasing


def test_scores_outside_the_bins_are_refused():
    with pytest.raises(ValueError, match="r_score must be whole numbers from 1 to 5"):
        name_segments(pd.DataFrame({"r_score": [6], "f_score": [1], "m_score": [1]}))
