"""Scores of a survey: correct, consistent, refusing, honest."""

from __future__ import annotations

import numpy as np
import pytest
from measures.satisfaction.nps_coverage import MIXES, SIZES, coverage
from scipy import stats

from cam.measures.satisfaction.scores import (
    NET,
    SHARE,
    adjusted_mean,
    ces,
    ces_mean,
    csat,
    design_effect,
    mean_difference,
    nps,
    nps_change,
    response_rate,
)

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


def test_the_error_of_a_share_compared_is_that_of_agresti_and_caffo():
    # Agresti, Caffo (2000), The American Statistician 54, 280-288: one yes and one no more on each side; 56 of 70
    # against 48 of 80 by hand: 57/72 - 49/82 = 0.1941, error sqrt(.1649/72 + .2405/82) = 0.0723.
    yes, no = ({"n": n, "total": k, "squared": k} for n, k in ((70, 56), (80, 48)))
    value, low, high, p_value = mean_difference(yes, no, added=SHARE)
    assert value == pytest.approx(0.2)
    assert ((low + high) / 2, (high - low) / 2 / 1.959964) == pytest.approx((0.1941, 0.0723), abs=1e-4)
    assert p_value == pytest.approx(2 * stats.norm.sf(0.1941 / 0.0723), rel=0.02)


def test_effort_is_a_share_and_a_mean():
    counts = np.array([2, 3, 5, 10, 20, 30, 30])
    score = np.arange(1, 8)
    mean = ces_mean({"n": 100, "total": int(counts @ score), "squared": int(counts @ score**2)})
    assert mean.value == pytest.approx(np.average(score, weights=counts))
    # The interval is 1.96 errors about the mean of these answers with 3/4 of a 1, 3/4 of a 7 and 1.5 of a 4 more.
    more = counts + np.array([0.75, 0, 0, 1.5, 0, 0, 0.75])
    centre = np.average(score, weights=more)
    error = np.sqrt(np.average((score - centre) ** 2, weights=more) / 103)
    assert (mean.low, mean.high) == pytest.approx((centre - 1.959964 * error, centre + 1.959964 * error))
    assert ces(80, 100).value == 0.8 and ces(80, 100).low == csat(80, 100).low


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


def test_a_score_stands_within_its_interval_whatever_the_counts():
    for counts in [(1, 0, 0), (0, 0, 1), (2, 0, 0), (1, 0, 1), (30, 0, 0), (29, 0, 1)]:
        score = nps(*counts)
        assert score.low <= score.value <= score.high
    for answers in ([7], [1], [7] * 30, [1, 7], [6, 7]):
        found = ces_mean(
            {"n": len(answers), "total": sum(answers), "squared": sum(one**2 for one in answers)}
        )
        assert 1 <= found.low <= found.value <= found.high <= 7 and found.low < found.high


def test_a_change_of_customers_who_say_the_same_again_is_surer_and_never_certain():
    # All 100 answered both waves: the covariance of the two means is then the variance of one.
    variance = (0.7 - 0.3**2) / 100
    alone, again = (nps_change((50, 30, 20), (50, 30, 20), covariance=c) for c in (0.0, variance))
    assert 0 < again.high - again.low < (alone.high - alone.low) / 4
    assert adjusted_mean(30, 30, 30, added=NET)[1] > 0


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
    with pytest.raises(ValueError, match="a mean needs answers; got 0"):
        ces_mean({"n": 0, "total": 0, "squared": 0})
    with pytest.raises(ValueError, match="a difference needs answers on both sides"):
        nps_change((0, 0, 0), (5, 3, 2))


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


@pytest.mark.slow
@pytest.mark.parametrize("mix", MIXES)
def test_the_table_of_coverage_keeps_its_promise(mix):
    # The table of the glossary: 10,000 surveys each, so three binomial errors are 0.65 points. Where hardly anybody
    # is a promoter or a detractor the interval is too wide, never too short.
    covered = [coverage(MIXES[mix], n) for n in SIZES]
    assert min(covered) >= 0.95 - 0.0065
    if min(MIXES[mix]) >= 0.05 and mix != "5 / 90 / 5":
        assert max(covered) <= 0.96


@pytest.mark.parametrize(
    "shares",
    [(1, 2, 3, 6, 13, 30, 45), (30, 25, 15, 10, 10, 5, 5), (1, 0, 0, 0, 2, 7, 90), (0, 0, 0, 0, 0, 0, 100)],
)
def test_the_true_mean_of_effort_is_covered_as_promised(shares):
    truth = np.dot(np.arange(1, 8), shares) / 100
    rng = np.random.default_rng(7)
    for n in (30, 300):
        hits = 0
        for counts in rng.multinomial(n, np.array(shares) / 100, 1000):
            total, squared = int(counts @ np.arange(1, 8)), int(counts @ np.arange(1, 8) ** 2)
            mean = ces_mean({"n": n, "total": total, "squared": squared})
            hits += mean.low - 1e-9 <= truth <= mean.high + 1e-9
        # Three binomial errors of 1,000; the plain t interval holds the third mix in 74 % at n = 30.
        assert hits / 1000 >= 0.929


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
