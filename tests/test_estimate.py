"""A number with its interval: published intervals, laws, and the coverage that 95 % promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cam.estimate import CannotSay, Estimate, Finding, difference, proportion, wilson_interval

COUNTS = st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))

#: Newcombe (1998), Statistics in Medicine 17, 857-872, Table I: Wilson score without continuity correction.
PUBLISHED = [
    ((81, 263), (0.2553, 0.3662)),
    ((15, 148), (0.0624, 0.1605)),
    ((0, 20), (0.0, 0.1611)),
    ((1, 29), (0.0061, 0.1718)),
]


@pytest.mark.parametrize(("counts", "interval"), PUBLISHED)
def test_wilson_intervals_as_published(counts, interval):
    assert wilson_interval(*counts) == pytest.approx(interval, abs=5e-5)


#: Newcombe (1998), Statistics in Medicine 17, 873-890, Table II, method 10: cases (a) to (d), and two of small counts.
DIFFERENCES = [
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1.0)),
]


@pytest.mark.parametrize(("counts", "interval"), DIFFERENCES)
def test_differences_as_published(counts, interval):
    one, other = proportion("a", *counts[:2]), proportion("b", *counts[2:])
    found = difference("d", one, other)
    assert (found.low / 100, found.high / 100) == pytest.approx(interval, abs=5e-5)
    assert found.unit == "points"
    assert found.n == min(counts[1], counts[3])


@given(counts=COUNTS)
def test_the_interval_holds_the_share_and_mirrors(counts):
    successes, n = counts
    low, high = wilson_interval(successes, n)
    assert 0 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1
    mirrored = wilson_interval(n - successes, n)
    assert (1 - high, 1 - low) == pytest.approx(mirrored, abs=1e-12)


@given(counts=COUNTS)
def test_more_answers_narrow_the_interval(counts):
    successes, n = counts
    low, high = wilson_interval(successes, n)
    narrower = wilson_interval(4 * successes, 4 * n)
    assert narrower[1] - narrower[0] < high - low


@given(one=COUNTS, other=COUNTS)
def test_a_difference_turned_round_changes_its_sign_only(one, other):
    first, second = proportion("a", *one), proportion("b", *other)
    there, back = difference("d", first, second), difference("d", second, first)
    assert (there.value, there.low, there.high) == pytest.approx(
        (-back.value, -back.high, -back.low), abs=1e-9
    )
    assert -100 - 1e-9 <= there.low <= there.value <= there.high <= 100 + 1e-9


def test_the_interval_covers_95_of_100_true_shares():
    """Wilson's mean coverage over shares from 0.05 to 0.95 is 95 % (Brown, Cai, DasGupta 2001); 3 binomial errors."""
    rng = np.random.default_rng(20260630)
    shares = rng.uniform(0.05, 0.95, 20_000)
    hits = [
        low <= share <= high
        for share, (low, high) in zip(
            shares, (wilson_interval(int(k), 50) for k in rng.binomial(50, shares)), strict=True
        )
    ]
    assert np.mean(hits) == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 20_000))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["value", "low", "high"])
def test_a_figure_is_a_finite_number(name, number):
    values = {"value": 1.0, "low": 0.0, "high": 2.0} | {name: number}
    with pytest.raises(ValueError, match=f"^nps: {name} is {number}; a figure must be a finite number$"):
        Estimate("nps", unit="points", **values)


def test_half_an_interval_is_none():
    with pytest.raises(ValueError, match=r"^nps: an interval needs both limits$"):
        Estimate("nps", 1, "points", low=0)


@pytest.mark.parametrize("counts", [(1, 0), (-1, 5), (6, 5), (0, -1)])
def test_counts_that_are_no_share(counts):
    with pytest.raises(ValueError) as caught:
        proportion("rate", *counts)
    assert str(caught.value) == (
        f"a proportion needs 0 <= successes <= n and n > 0; got {counts[0]} of {counts[1]}"
    )


@pytest.mark.parametrize("other", [Estimate("b", 5, "count", 5), Estimate("b", 0.5, "share", 5)])
def test_a_difference_of_what_is_no_share(other):
    with pytest.raises(ValueError, match=r"^change: a difference needs two shares with their intervals$"):
        difference("change", proportion("a", 1, 2), other)


def test_nothing_changes_afterwards():
    estimate = proportion("rate", 1, 2, segment={"age": "3"})
    with pytest.raises(AttributeError):
        estimate.value = 2
    with pytest.raises(AttributeError):
        CannotSay("No.").reason = "Yes."


def test_a_finding_is_its_sentence_and_knows_its_stake():
    stake = Estimate("retention_gain", 9.0, "EUR", 3, 1.0, 17.0)
    said = Finding("Call them.", stake=stake, can_be_moved=True)
    assert said == "Call them." and isinstance(said, str) and (said.stake, said.can_be_moved) == (stake, True)
    assert Finding("Look again.").stake is None and not Finding("Look again.").can_be_moved
