"""Differences between groups that share customers: correct, consistent, refusing, honest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import holm
from cam.measures.satisfaction.comparisons import compare_with_last, compare_with_rest, shared_covariance
from cam.measures.satisfaction.scores import nps_change

NOBODY = pd.DataFrame(columns=["before", "group", "n_customers", "tt", "tm", "mt", "mm"])


def totals(frame):
    """Groups, and the sum and number of each customer's answers: one row per group, one column per customer."""
    names, group = np.unique(frame["group"].to_numpy(dtype=str), return_inverse=True)
    people, customer = np.unique(frame["customer"].to_numpy(), return_inverse=True)
    t, m = np.zeros((2, len(names), len(people)), dtype=int)
    np.add.at(t, (group, customer), frame["score"].to_numpy())
    np.add.at(m, (group, customer), 1)
    return names, t, m


def sums(frame):
    """What the reduction gives, counted by NumPy."""
    names, t, m = totals(frame)
    every_t, every_m = t.sum(axis=0), m.sum(axis=0)
    score, group = frame["score"].to_numpy(), frame["group"].to_numpy(dtype=str)
    products = {
        "n": m.sum(axis=1),
        "total": t.sum(axis=1),
        "squared": [(score[group == name] ** 2).sum() for name in names],
        "tt": (t * t).sum(axis=1),
        "tm": (t * m).sum(axis=1),
        "mm": (m * m).sum(axis=1),
        "tt_all": (t * every_t).sum(axis=1),
        "tm_all": (t * every_m).sum(axis=1),
        "mt_all": (m * every_t).sum(axis=1),
        "mm_all": (m * every_m).sum(axis=1),
    }
    return pd.DataFrame({"group": names, **products})


def shared(frame, before, after):
    names, t, m = totals(frame)
    one, other = list(names).index(before), list(names).index(after)
    products = {
        "tt": (t[one] * t[other]).sum(),
        "tm": (t[one] * m[other]).sum(),
        "mt": (m[one] * t[other]).sum(),
        "mm": (m[one] * m[other]).sum(),
    }
    both = int(((m[one] > 0) & (m[other] > 0)).sum())
    return pd.DataFrame([{"before": before, "group": after, "n_customers": both, **products}])


def survey(seed=1, n=600, groups=("a", "b", "c"), customers=250):
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, customers, n)
    leaning = rng.normal(size=customers)
    felt = 0.8 * leaning[customer] + 0.6 * rng.normal(size=n)
    return pd.DataFrame(
        {
            "customer": customer,
            "group": rng.choice(groups, n),
            "score": (felt > 0).astype(int) - (felt < -1).astype(int),
        }
    )


def linearised(frame, group):
    """Variance of a group's mean less that of the rest, customer by customer."""
    inside = frame["group"] == group
    part, rest = frame.loc[inside, "score"], frame.loc[~inside, "score"]
    weight = np.where(
        inside, (frame["score"] - part.mean()) / len(part), -(frame["score"] - rest.mean()) / len(rest)
    )
    return float((pd.Series(weight).groupby(frame["customer"].to_numpy()).sum() ** 2).sum())


# --- correct ------------------------------------------------------------------------------------


def test_the_error_is_that_of_customers_one_by_one():
    # Kish (1965), chapter 12: with n in the hundreds the few answers that are added change the error by less than 2 %.
    frame = survey(n=3000, customers=900)
    for row in compare_with_rest(sums(frame), fewest=30, is_share=False).to_dict("records"):
        inside = frame["group"] == row["group"]
        observed = 100 * (frame.loc[inside, "score"].mean() - frame.loc[~inside, "score"].mean())
        assert row["difference"] == pytest.approx(observed)
        error = (row["high"] - row["low"]) / 2 / 1.959964
        assert error == pytest.approx(100 * linearised(frame, row["group"]) ** 0.5, rel=0.02)
        assert row["n"] + row["n_other"] == len(frame)


def test_the_covariance_of_two_waves_is_that_of_their_customers():
    frame = survey(groups=("a", "b"))
    one, other = sums(frame).to_dict("records")
    means = frame.groupby("group")["score"].mean()
    deviation = frame["score"] - frame["group"].map(means)
    people = deviation.groupby([frame["customer"], frame["group"]]).sum().unstack(fill_value=0)
    expected = (people["a"] * people["b"]).sum() / one["n"] / other["n"]
    found = shared_covariance(one, other, shared(frame, "a", "b").iloc[0])
    assert found == pytest.approx(expected) and found > 0


def test_waves_without_a_customer_in_both_change_as_two_samples_do():
    frame = survey(groups=("a", "b")).assign(customer=range(600))
    change = compare_with_last(sums(frame), NOBODY).iloc[0]
    counts = [
        tuple(int((frame.loc[frame["group"] == wave, "score"] == kind).sum()) for kind in (1, 0, -1))
        for wave in ("a", "b")
    ]
    same = nps_change(*counts)
    assert (change["difference"], change["low"], change["high"]) == pytest.approx(
        (same.value, same.low, same.high)
    )
    assert change["n_shared"] == 0 and change["n"] + change["n_other"] == same.n


# --- consistent ---------------------------------------------------------------------------------


def test_two_groups_are_each_others_rest():
    one, other = compare_with_rest(sums(survey(groups=("a", "b"))), fewest=30, is_share=False).to_dict(
        "records"
    )
    assert (one["difference"], one["low"], one["high"]) == pytest.approx(
        (-other["difference"], -other["high"], -other["low"])
    )
    assert one["p_value"] == pytest.approx(other["p_value"])


def test_rows_in_another_order_and_swapped_signs_change_only_the_sign():
    frame = survey()
    found = compare_with_rest(sums(frame), fewest=30, is_share=False)
    again = compare_with_rest(sums(frame.sample(frac=1, random_state=2)), fewest=30, is_share=False)
    pd.testing.assert_frame_equal(found, again, check_exact=True)
    turned = compare_with_rest(sums(frame.assign(score=-frame["score"])), fewest=30, is_share=False)
    assert turned["difference"].tolist() == pytest.approx((-found["difference"]).tolist())
    assert turned["p_value"].tolist() == pytest.approx(found["p_value"].tolist())


def test_customers_who_say_the_same_twice_give_a_narrow_interval_that_is_not_nothing():
    once = survey(groups=("a",), n=60).assign(customer=range(60))
    frame = pd.concat([once, once.assign(group="b")], ignore_index=True)
    still = compare_with_last(sums(frame), shared(frame, "a", "b")).iloc[0]
    blind = compare_with_last(sums(frame), NOBODY).iloc[0]
    assert still["difference"] == 0 and still["n_shared"] == 60
    assert 0 < still["high"] - still["low"] < (blind["high"] - blind["low"]) / 2


def test_all_the_same_answer_is_no_error_and_no_difference():
    same = survey().assign(score=1)
    found = compare_with_rest(sums(same), fewest=30, is_share=False)
    assert (found["difference"] == 0).all() and (found["low"] < 0).all() and (found["p_value"] > 0.2).all()
    shares = compare_with_rest(sums(same), fewest=30, is_share=True)
    assert (shares["high"] <= 100).all() and (shares["p_value"] > 0.2).all()


# --- refuses ------------------------------------------------------------------------------------


def test_small_groups_are_not_compared_but_stay_in_the_rest():
    frame = pd.concat([survey(), survey(seed=2, n=20, groups=("few",))])
    found = compare_with_rest(sums(frame), fewest=30, is_share=False)
    assert found["group"].tolist() == ["a", "b", "c"]
    assert (found["n"] + found["n_other"] == 620).all()
    assert compare_with_rest(sums(survey(groups=("a",))), fewest=30, is_share=False).empty


# --- honest -------------------------------------------------------------------------------------


def waves(rng, *, stay=0.7, n=120, shift=0.3):
    """Two waves: most of the customers of the first answer the second too, and feel much as they did."""
    leaning = rng.normal(size=2 * n)
    first, second = (
        np.arange(n),
        np.concatenate([np.arange(int(stay * n)), np.arange(n, 2 * n - int(stay * n))]),
    )
    parts = []
    for name, who, level in (("a", first, 0.0), ("b", second, shift)):
        felt = level + 0.8 * leaning[who] + 0.6 * rng.normal(size=len(who))
        score = (felt > 0).astype(int) - (felt < -1).astype(int)
        parts.append(pd.DataFrame({"customer": who, "group": name, "score": score}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.slow
def test_a_change_among_the_same_customers_is_covered_as_promised():
    # Promoters above 0, detractors under -1 of a standard normal that moves up by 0.3.
    truth = 100 * ((0.6179114 - 0.0968005) - (0.5 - 0.1586553))
    rng = np.random.default_rng(5)
    held, blind = 0, 0
    for _ in range(1000):
        frame = waves(rng)
        both = sums(frame)
        found = compare_with_last(both, shared(frame, "a", "b")).iloc[0]
        wide = compare_with_last(both, NOBODY).iloc[0]
        held += found["low"] <= truth <= found["high"]
        blind += wide["low"] <= truth <= wide["high"]
    # Three binomial errors of 1,000; without the covariance the interval is far too wide.
    assert abs(held / 1000 - 0.95) <= 0.021
    assert blind / 1000 > 0.975


@pytest.mark.slow
def test_groups_that_do_not_differ_are_called_so_in_19_of_20_surveys():
    rng = np.random.default_rng(8)
    false = 0
    for _ in range(1000):
        frame = survey(seed=int(rng.integers(1 << 31)), n=420, groups=tuple("abcdefg"), customers=300)
        found = compare_with_rest(sums(frame), fewest=30, is_share=False)
        false += bool((holm(found["p_value"].to_numpy()) < 0.05).any())
    # At most 5 % and three binomial errors, over all seven groups together; without Holm about a quarter.
    assert false / 1000 <= 0.071
