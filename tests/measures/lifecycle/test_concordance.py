"""How well a score orders the leavers: equal to lifelines and to counting all pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines.utils import concordance_index

from cam.measures.lifecycle.concordance import concordance


def draw(seed, n=400, levels=None):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n) if levels is None else rng.integers(0, levels, n).astype(float)
    frame = pd.DataFrame({"duration": np.ceil(rng.exponential(30 * np.exp(-score / 5), n))})
    frame["event_observed"] = rng.random(n) < 0.7
    return frame, score


def by_pairs(frame, score, strata):
    won = pairs = 0.0
    rows = list(zip(frame.itertuples(), score, strata, strict=True))
    for one, high, part in rows:
        for other, low, place in rows:
            later = other.duration > one.duration or (
                other.duration == one.duration and not other.event_observed
            )
            if one.event_observed and later and other.entry < one.duration and part == place:
                n = one.n_customers * other.n_customers
                pairs += n
                won += n * ((high > low) + (high == low) / 2)
    return won / pairs


@pytest.mark.parametrize("levels", [None, 3, 40])
@pytest.mark.parametrize("seed", range(3))
def test_equal_to_lifelines(seed, levels):
    # More than 256 distinct scores, and fewer.
    frame, score = draw(seed, levels=levels)
    known = concordance_index(frame["duration"], -score, frame["event_observed"])
    assert concordance(frame, score=score) == pytest.approx(known, abs=1e-12)


def test_every_pair_with_entries_strata_and_counts():
    frame, score = draw(5, n=120, levels=6)
    rng = np.random.default_rng(5)
    entry = np.floor(rng.random(120) * frame["duration"] * 1.5)
    frame = frame.assign(
        entry=np.where(entry < frame["duration"], entry, 0), n_customers=rng.integers(0, 4, 120)
    )
    strata = rng.integers(0, 3, 120)
    wanted = by_pairs(frame, score, strata)
    assert concordance(frame, score=score, strata=strata) == pytest.approx(wanted, abs=1e-12)
    # The other order of scores is the other answer.
    assert concordance(frame, score=-score, strata=strata) == pytest.approx(1 - wanted, abs=1e-12)


def test_no_pair_is_no_answer():
    frame, score = draw(1)
    assert concordance(frame.assign(event_observed=False), score=score) is None


def test_two_hundred_thousand_scores_that_all_differ():
    frame, score = draw(2, n=200_000)
    assert 0.5 < concordance(frame, score=score) < 0.7
