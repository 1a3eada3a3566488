"""Scores of a survey: correct, consistent, refusing, honest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cam.measures.satisfaction.scores import csat, design_effect, nps, nps_change, response_rate

# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "value", "low", "high"),
    # Adjusted Wald of Rocks (2016), The American Statistician 70, 365-372: 3/4 added to promoters and detractors,
    # 3 to n. The limits were worked out by hand from these counts.
    [
        ((50, 30, 20), 30.0, 14.05, 44.20),
        ((36, 42, 22), 14.0, -0.85, 28.03),
        ((15, 19, 2), 36.1, 14.42, 52.25),
        ((500, 300, 200), 30.0, 25.08, 34.74),
    ],
)
def test_the_net_promoter_score_and_its_interval(counts, value, low, high):
    score = nps(*counts)
    assert score.value == pytest.approx(value, abs=0.05)
    assert (score.low, score.high) == pytest.approx((low, high), abs=0.006)
    assert score.n == sum(counts) and score.unit == "points"


def test_the_error_of_a_change_is_the_root_of_both_squared():
    # Unadjusted errors are 7.810 and 7.486 points; 3 more answers in each make them 7.692 and 7.370.
    change = nps_change((50, 30, 20), (36, 42, 22))
    assert change.value == -16.0
    assert (change.high - change.low) / 2 == pytest.approx(1.959964 * np.hypot(7.692, 7.370), rel=1e-3)


def test_shares_have_wilsons_interval():
    # Newcombe (1998), Statistics in Medicine 17, 857-872, table I: 81 of 263 is 0.2553 to 0.3662.
    share = csat(81, 263)
    assert (share.low, share.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert response_rate(81, 263).low == share.low


def test_the_design_effect_is_that_of_variances_over_customers():
    rng = np.random.default_rng(1)
    customer, score = rng.integers(0, 60, 200), rng.integers(-1, 2, 200)
    score = np.where(rng.random(200) < 0.7, np.sign(customer - 30), score)
    deviation = score - score.mean()
    together = sum(deviation[customer == one].sum() ** 2 for one in range(60))
    assert design_effect(sums(customer, score)) == pytest.approx(together / (deviation**2).sum())


def sums(customer, score):
    people = [score[customer == one] for one in np.unique(customer)]
    return {
        "n": len(score),
        "total": score.sum(),
        "squared": (score**2).sum(),
        "tt": sum(one.sum() ** 2 for one in people),
        "tm": sum(one.sum() * len(one) for one in people),
        "mm": sum(len(one) ** 2 for one in people),
    }


# --- consistent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [(50, 30, 20), (0, 0, 7), (1, 0, 0), (15, 19, 2)])
def test_swapping_promoters_and_detractors_changes_the_sign_only(counts):
    one, other = nps(*counts), nps(*counts[::-1])
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


@pytest.mark.parametrize("counts", [(0, 0, 1), (3, 0, 0), (0, 4, 0), (9999, 0, 1)])
def test_the_score_stays_within_its_scale(counts):
    score = nps(*counts)
    assert -100 <= score.low < score.high <= 100 and -100 <= score.value <= 100


def test_merged_groups_give_the_weighted_whole():
    parts = [(50, 30, 20), (3, 9, 8), (400, 10, 77)]
    whole = nps(*map(sum, zip(*parts, strict=True)))
    weighted = sum(nps(*part).value * sum(part) for part in parts) / sum(map(sum, parts))
    assert whole.value == pytest.approx(weighted)


def test_a_change_turned_round_changes_its_sign():
    there, back = nps_change((50, 30, 20), (36, 42, 22)), nps_change((36, 42, 22), (50, 30, 20))
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))


def test_one_answer_each_has_no_design_effect():
    score = np.array([1, 1, 0, -1, 1])
    assert design_effect(sums(np.arange(5), score)) == 1.0
    assert nps(3, 1, 1, design_effect=1.0) == nps(3, 1, 1)


def test_everybody_answering_twice_alike_tells_half():
    assert design_effect(sums(np.repeat(np.arange(50), 2), np.repeat([1, -1], 50))) == pytest.approx(2.0)
    assert design_effect(sums(np.repeat(np.arange(50), 2), np.ones(100, int))) == pytest.approx(2.0)
    doubled, once = nps(60, 20, 20, design_effect=2.0), nps(30, 10, 10)
    assert (doubled.low, doubled.high) == pytest.approx((once.low, once.high))
    assert doubled.n == 100


# --- refuses ------------------------------------------------------------------------------------


def test_refuses_a_score_of_no_answers():
    with pytest.raises(ValueError, match="nps needs answers; got 0, 0 and 0"):
        nps(0, 0, 0)
    with pytest.raises(ValueError, match="nps needs answers"):
        nps(-1, 5, 5)
    with pytest.raises(ValueError, match="a proportion needs"):
        csat(5, 4)


# --- honest -------------------------------------------------------------------------------------

#: 95 % less three binomial errors of 2,000 simulations; adjusted Wald is a little too wide for rare groups, which is
#: the side to err on, so there is no upper bound.
LEAST = 0.95 - 3 * (0.95 * 0.05 / 2000) ** 0.5
SHARES = [(0.5, 0.3, 0.2), (0.2, 0.3, 0.5), (0.05, 0.25, 0.7), (0.01, 0.09, 0.9), (0.02, 0.96, 0.02)]


@pytest.mark.parametrize(
    ("n", "covered"),
    # Where hardly anybody is either, as in the last column, the interval is too wide: the price of never being short.
    [(30, (0.946, 0.946, 0.953, 0.952, 1.000)), (100, (0.949, 0.949, 0.951, 0.958, 0.983))],
)
def test_the_true_score_is_covered_in_this_share_of_all_samples(n, covered):
    # Not simulated: every possible sample, weighted with its probability.
    samples = [(up, n - up - down, down) for up in range(n + 1) for down in range(n + 1 - up)]
    scores = [nps(*sample) for sample in samples]
    for shares, share in zip(SHARES, covered, strict=True):
        truth = 100 * (shares[0] - shares[2])
        hits = np.array([score.low - 1e-9 <= truth <= score.high + 1e-9 for score in scores])
        assert stats.multinomial.pmf(samples, n, shares)[hits].sum() == pytest.approx(share, abs=5e-4)


@pytest.mark.parametrize("shares", SHARES)
def test_the_true_score_of_a_thousand_answers_is_covered_as_promised(shares):
    truth = 100 * (shares[0] - shares[2])
    drawn = np.random.default_rng(1000).multinomial(1000, shares, 2000)
    scores = [nps(*map(int, counts)) for counts in drawn]
    assert np.mean([score.low <= truth <= score.high for score in scores]) >= LEAST


def test_a_change_is_covered_as_promised_and_no_change_is_called_one():
    rng = np.random.default_rng(3)
    before, after = rng.multinomial(100, (0.5, 0.3, 0.2), 2000), rng.multinomial(80, (0.4, 0.35, 0.25), 2000)
    same = rng.multinomial(80, (0.5, 0.3, 0.2), 2000)
    changes = [nps_change(tuple(map(int, b)), tuple(map(int, a))) for b, a in zip(before, after, strict=True)]
    assert np.mean([change.low <= -15 <= change.high for change in changes]) >= LEAST
    still = [nps_change(tuple(map(int, b)), tuple(map(int, a))) for b, a in zip(before, same, strict=True)]
    assert np.mean([change.low <= 0 <= change.high for change in still]) >= LEAST


def test_customers_who_answer_again_are_covered_as_promised():
    rng = np.random.default_rng(4)
    covered, naive = 0, 0
    for _ in range(1000):
        leaning = rng.normal(0, 1, 200)
        customer = np.repeat(np.arange(200), rng.integers(1, 5, 200))
        felt = 0.8 * leaning[customer] + 0.6 * rng.normal(size=customer.size)
        score = (felt > 0).astype(int) - (felt < -1).astype(int)  # 50 % promoters, 15.87 % detractors
        up, down = int((score > 0).sum()), int((score < 0).sum())
        counts = (up, len(score) - up - down, down)
        one = nps(*counts, design_effect=design_effect(sums(customer, score)))
        other = nps(*counts)
        truth = 100 * (0.5 - 0.15865525)
        covered += one.low <= truth <= one.high
        naive += other.low <= truth <= other.high
    # Within three binomial errors; and without the design effect the promise would be broken.
    assert abs(covered / 1000 - 0.95) <= 0.021
    assert naive / 1000 < 0.93
