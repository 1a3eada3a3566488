"""Survival without a model: equal to what is published and to lifelines, and how often its intervals hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.datasets import load_rossi, load_waltons
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import median_survival_times, restricted_mean_survival_time

from cam.measures.lifecycle.survival import (
    kaplan_meier,
    log_rank,
    median_duration,
    numbers_at_risk,
    quantile_limits,
    restricted_mean,
    survival_at,
)


def rossi():
    return load_rossi().rename(columns={"week": "duration", "arrest": "event_observed"})


def waltons():
    return load_waltons().rename(columns={"T": "duration", "E": "event_observed"})


def draw(seed, n=200, *, truncated=False):
    rng = np.random.default_rng(seed)
    lasts, seen = rng.exponential(12, n), rng.exponential(20, n)
    duration = np.minimum(lasts, seen)
    frame = pd.DataFrame(
        {
            "duration": np.ceil(duration) if seed % 2 else duration,
            "event_observed": lasts <= seen,
            "n_customers": rng.integers(1, 5, n),
            "group": rng.choice(["a", "b", "c"], n),
        }
    )
    if truncated:
        # Never at the moment of an event, where lifelines has a convention of its own; early ones are well watched.
        entry = np.where(rng.random(n) < 0.5, np.ceil(rng.exponential(5, n)) + 0.5, 0)
        frame = frame.assign(entry=entry)[entry < duration]
    return frame.reset_index(drop=True)


def peer(frame):
    return KaplanMeierFitter().fit(
        frame["duration"],
        frame["event_observed"],
        weights=frame.get("n_customers"),
        entry=frame.get("entry"),
    )


cells = st.lists(
    st.tuples(
        st.integers(0, 12), st.booleans(), st.integers(1, 9), st.integers(0, 8), st.sampled_from("abc")
    ),
    min_size=1,
    max_size=40,
).map(
    lambda rows: pd.DataFrame(
        rows, columns=["duration", "event_observed", "n_customers", "entry", "group"]
    ).assign(entry=lambda t: np.where(t["entry"] < t["duration"], t["entry"], 0))
)


# --- correct ------------------------------------------------------------------------------------


def test_rossi():
    """432 convicts over 52 weeks; as lifelines 0.30.3 has it."""
    curve = kaplan_meier(rossi())
    known = {10: 0.965278, 20: 0.907407, 30: 0.861111, 40: 0.803241, 52: 0.736111}
    for week, survival in known.items():
        assert survival_at("survival", curve, time=week).value == pytest.approx(survival, abs=5e-7)
    end = survival_at("survival", curve, time=52)
    assert (end.low, end.high) == (pytest.approx(0.691860, abs=5e-7), pytest.approx(0.775063, abs=5e-7))
    assert end.n == 432
    assert median_duration("median", curve) is None and quantile_limits(curve) == (None, None, None)


def test_waltons():
    """163 fruit flies with and without a gene; as lifelines 0.30.3 has it."""
    table = waltons()
    curve = kaplan_meier(table)
    for day, survival in {6: 0.993865, 15: 0.938344, 29: 0.827224}.items():
        assert survival_at("survival", curve, time=day).value == pytest.approx(survival, abs=5e-7)
    assert median_duration("median", curve).value == 56
    curves = kaplan_meier(table, by="group")
    medians = {name: median_duration("median", curve) for name, curve in curves.groupby("group")}
    assert {name: (found.value, found.n) for name, found in medians.items()} == {
        "control": (58, 129),
        "miR-137": (26, 34),
    }
    test = log_rank(table, by="group")
    assert (test.statistic, test.df) == (pytest.approx(122.249126, abs=5e-7), 1)
    assert test.p_value == pytest.approx(2.036e-28, rel=1e-3)


@pytest.mark.parametrize("truncated", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_equal_to_lifelines(seed, truncated):
    frame = draw(seed, truncated=truncated)
    known, curve = peer(frame), kaplan_meier(frame)
    at = curve["time"].to_numpy()
    assert curve["survival"].to_numpy() == pytest.approx(
        known.survival_function_.loc[at].to_numpy()[:, 0], abs=1e-8
    )
    band = known.confidence_interval_.loc[at].to_numpy()
    inner = (curve["survival"] > 0) & (curve["survival"] < 1)  # elsewhere lifelines' band has no width
    assert curve["low"][inner].to_numpy() == pytest.approx(band[inner, 0], abs=1e-8)
    assert curve["high"][inner].to_numpy() == pytest.approx(band[inner, 1], abs=1e-8)
    events = known.event_table.loc[at]
    assert curve["n_events"].tolist() == events["observed"].tolist()
    assert curve["n_censored"].tolist() == events["censored"].tolist()
    assert curve["n_at_risk"][1:].tolist() == events["at_risk"].tolist()[1:]
    median = quantile_limits(curve)
    limits = median_survival_times(known.confidence_interval_).to_numpy()[0]
    assert [np.inf if one is None else one for one in median] == [known.median_survival_time_, *limits]
    if not truncated:
        mean = restricted_mean("mean", curve, until=15)
        assert mean.value == pytest.approx(restricted_mean_survival_time(known, t=15), abs=1e-8)


@pytest.mark.parametrize("seed", range(20))
def test_log_rank_equal_to_lifelines(seed):
    frame = draw(seed)
    known = multivariate_logrank_test(
        frame["duration"], frame["group"], frame["event_observed"], weights=frame["n_customers"]
    )
    two = frame[frame["group"] != "c"].reset_index(drop=True)
    other = multivariate_logrank_test(
        two["duration"], two["group"], two["event_observed"], weights=two["n_customers"]
    )
    for table, peer_test in ((frame, known), (two, other)):
        found = log_rank(table, by="group")
        assert found.statistic == pytest.approx(peer_test.test_statistic, abs=1e-8)
        assert found.p_value == pytest.approx(peer_test.p_value, abs=1e-8)


def test_log_rank_of_left_truncated_groups_is_that_of_statsmodels():
    from statsmodels.duration.survfunc import survdiff

    frame = draw(3, truncated=True).assign(n_customers=1)
    known = survdiff(
        frame["duration"], frame["event_observed"].astype(int), frame["group"], entry=frame["entry"] + 1e-6
    )
    found = log_rank(frame, by="group")
    assert (found.statistic, found.p_value) == (pytest.approx(known[0]), pytest.approx(known[1]))


@given(cells)
@settings(max_examples=200, deadline=None)
def test_counts_by_brute_force(table):
    """Who is at risk at each time, entries at the times of events among them: entry < t <= duration."""
    curve = None
    try:
        curve = kaplan_meier(table)
    except ValueError as problem:
        assert "others enter later" in str(problem)
    watched = (table["entry"] == 0).to_numpy()
    survival = 1.0
    times = sorted({0, *table["duration"]})
    assert numbers_at_risk(table, times=times) == [
        int(table.loc[(watched | (table["entry"] < t)) & (table["duration"] >= t), "n_customers"].sum())
        for t in times
    ]
    for t in times if curve is not None else []:
        row = curve[curve["time"] == t].iloc[0]
        due = table[(watched | (table["entry"] < t)) & (table["duration"] >= t)]
        own = due[due["duration"] == t]
        left = own.loc[own["event_observed"], "n_customers"].sum()
        assert (row["n_at_risk"], row["n_events"]) == (due["n_customers"].sum(), left)
        assert row["n_censored"] == own["n_customers"].sum() - left
        survival *= 1 - left / due["n_customers"].sum() if len(due) else 1
        assert row["survival"] == pytest.approx(survival, abs=1e-12)


def test_the_error_of_a_restricted_mean_without_censoring_is_that_of_a_mean():
    """Then the variance is that of min(duration, until) over n (with divisor n)."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"duration": rng.exponential(10, 400), "event_observed": True})
    found = restricted_mean("mean", kaplan_meier(frame), until=12)
    clipped = frame["duration"].clip(upper=12)
    assert found.value == pytest.approx(clipped.mean(), rel=1e-12)
    assert found.high - found.value == pytest.approx(1.959964 * clipped.std(ddof=0) / 20, rel=1e-6)


def test_a_curve_from_later_on_is_the_rest_of_the_whole():
    frame = draw(1)
    whole, rest = kaplan_meier(frame), kaplan_meier(frame, since=6)
    at = survival_at("survival", whole, time=6).value
    later = whole[whole["time"] > 6].reset_index(drop=True)
    assert rest["time"].tolist() == [6.0, *later["time"]]
    assert rest["survival"][1:].to_numpy() == pytest.approx(later["survival"].to_numpy() / at, rel=1e-12)
    assert rest["n_at_risk"][0] == frame.loc[frame["duration"] > 6, "n_customers"].sum()


def test_a_curve_that_ends_before_is_the_beginning_of_the_whole():
    frame = draw(3, truncated=True)
    whole, part = kaplan_meier(frame), kaplan_meier(frame, until=7)
    kept = whole[whole["time"] <= 7].reset_index(drop=True)
    pd.testing.assert_frame_equal(part.drop(columns="n_censored"), kept.drop(columns="n_censored"))
    # Those who stay longer are last seen there.
    assert part["n_censored"].iloc[-1] == kept["n_censored"].iloc[-1] + (
        numbers_at_risk(frame, times=[7])[0] - kept["n_events"].iloc[-1] - kept["n_censored"].iloc[-1]
    )


# --- consistent ---------------------------------------------------------------------------------


@given(cells, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_laws(table, chance):
    try:
        curve = kaplan_meier(table)
    except ValueError:
        return
    assert (curve["survival"].diff().dropna() <= 1e-15).all()
    assert ((curve["low"] <= curve["survival"] + 1e-12) & (curve["survival"] <= curve["high"] + 1e-12)).all()
    assert curve["low"].between(0, 1).all() and curve["high"].between(0, 1).all()
    assert (curve["n_events"] + curve["n_censored"]).sum() == table["n_customers"].sum()
    # Order, and cells split in two, change nothing.
    order = list(table.index)
    chance.shuffle(order)
    part = pd.Series([chance.randint(0, n) for n in table["n_customers"]], index=table.index)
    split = pd.concat(
        [table.assign(n_customers=part), table.assign(n_customers=table["n_customers"] - part)],
        ignore_index=True,
    )
    for other in (table.loc[order], split):
        before = other.copy()
        pd.testing.assert_frame_equal(kaplan_meier(other), curve)
        pd.testing.assert_frame_equal(other, before)
    # Customers who were last seen when they began change nothing but their own count.
    more = pd.concat(
        [table, pd.DataFrame([{**table.iloc[0], "duration": 0, "entry": 0, "event_observed": False}])]
    )
    assert (
        kaplan_meier(more)["survival"].tolist() == pytest.approx(curve["survival"].tolist(), abs=1e-12)
        or (table["event_observed"] & (table["duration"] == 0)).any()
    )


def test_nobody_or_everybody_left_has_limits_too():
    none = kaplan_meier(pd.DataFrame({"duration": [2], "event_observed": False, "n_customers": 50})).iloc[-1]
    assert (none["survival"], none["high"]) == (1, 1) and 0.9 < none["low"] < 1
    at_once = kaplan_meier(pd.DataFrame({"duration": [1], "event_observed": True, "n_customers": 50})).iloc[
        -1
    ]
    assert at_once["survival"] == 0 == at_once["low"] and 0 < at_once["high"] < 0.1
    slowly = kaplan_meier(pd.DataFrame({"duration": range(1, 21), "event_observed": True}))
    assert slowly["survival"].iloc[-1] == 0 and slowly["high"].iloc[-1] == slowly["high"].iloc[-2] < 0.3


def test_what_lies_beyond_the_end_is_not_said():
    table = pd.DataFrame(
        {"duration": [3, 5, 9], "event_observed": [True, True, False], "n_customers": [20, 35, 45]}
    )
    curve = kaplan_meier(table)
    assert survival_at("survival", curve, time=9.5) is None and survival_at("survival", curve, time=9)
    assert restricted_mean("mean", curve, until=10) is None and restricted_mean("mean", curve, until=9)
    # The median is reached, its upper limit is not.
    found = median_duration("median", curve)
    assert (found.value, found.low, found.high) == (5, None, None)
    assert quantile_limits(curve) == (5, 5, None)
    assert median_duration("quartile", curve, share=0.25).value == 5
    assert median_duration("ninth", curve, share=0.9) is None
    gone = kaplan_meier(table.assign(event_observed=True))
    assert survival_at("survival", gone, time=20).value == 0
    assert restricted_mean("mean", gone, until=20).value == pytest.approx(0.2 * 3 + 0.35 * 5 + 0.45 * 9)
    later = kaplan_meier(table, since=4)
    assert survival_at("survival", later, time=3) is None and restricted_mean("mean", later, until=4) is None


def test_groups_that_are_alike_or_not():
    frame = draw(2)
    twice = pd.concat([frame.assign(group="x"), frame.assign(group="y")])
    assert log_rank(twice, by="group").statistic == pytest.approx(0, abs=1e-12)
    named = log_rank(frame, by="group")
    other = log_rank(frame.assign(group=frame["group"].map({"a": 3, "b": 1, "c": 2})), by="group")
    assert named.statistic == pytest.approx(other.statistic) and named.df == other.df == 2


# --- refuses ------------------------------------------------------------------------------------


def test_too_few_watched_early_is_said_and_its_cure_works():
    table = pd.DataFrame(
        {
            "entry": [0, 4, 5],
            "duration": [3, 9, 9],
            "event_observed": [True, True, False],
            "n_customers": [2, 30, 40],
        }
    )
    with pytest.raises(
        ValueError,
        match=r"all 2 at risk at 3 leave, and others enter later: .* since=3 or more, or .* until below 3",
    ):
        kaplan_meier(table)
    assert kaplan_meier(table, since=5)["survival"].tolist() == pytest.approx([1, 4 / 7])
    assert kaplan_meier(table, until=2)[["time", "n_at_risk", "survival"]].to_numpy().tolist() == [
        [0, 2, 1],
        [2, 2, 1],
    ]
    with pytest.raises(ValueError, match="a curve from 5 until 4 has no time in it"):
        kaplan_meier(table, since=5, until=4)
    with pytest.raises(ValueError, match="nobody is seen after 9"):
        kaplan_meier(table, since=9)


def test_groups_that_cannot_be_compared():
    frame = draw(1)
    with pytest.raises(ValueError, match="nobody has left"):
        log_rank(frame.assign(event_observed=False), by="group")
    with pytest.raises(ValueError, match="no two groups of 'group' were at risk together"):
        log_rank(frame.assign(group="a"), by="group")
    with pytest.raises(ValueError, match=r"1 of 200 rows has no group \(first row: 3\)"):
        log_rank(frame.assign(group=frame["group"].where(frame.index != 3)), by="group")
    with pytest.raises(ValueError, match="there is no column 'plan'; columns present: duration"):
        kaplan_meier(frame, by="plan")


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("truncated", [False, True])
def test_intervals_hold(truncated):
    """2,000 data sets: the band, the median and the restricted mean, within three binomial errors, 1.5 points.

    Exponential with mean 12, in whole periods: S(t) = exp(-t/12) for whole t; seen for 5 to 30 periods.
    """
    rng = np.random.default_rng(7)
    held = dict.fromkeys(["4", "10", "median", "mean"], 0)
    n_sets = 2000
    area = sum(np.exp(-t / 12) for t in range(15))
    for _ in range(n_sets):
        n = 300
        lasts, seen = np.ceil(rng.exponential(12, n)), rng.integers(5, 31, n)
        frame = pd.DataFrame({"duration": np.minimum(lasts, seen), "event_observed": lasts <= seen})
        if truncated:
            frame["entry"] = np.where(rng.random(n) < 0.6, rng.integers(1, 8, n), 0)
            frame = frame[frame["entry"] < frame["duration"]]
        curve = kaplan_meier(frame)
        for when in (4, 10):
            found = survival_at("survival", curve, time=when)
            held[str(when)] += found.low <= np.exp(-when / 12) <= found.high
        _, low, high = quantile_limits(curve)
        # The true median is 9: the first whole period with a survival of one half or less.
        held["median"] += low <= 9 and (high is None or high >= 9)
        mean = restricted_mean("mean", curve, until=15)
        held["mean"] += mean.low <= area <= mean.high
    shares = {name: count / n_sets for name, count in held.items()}
    assert all(abs(shares[name] - 0.95) < 0.015 for name in ("4", "10", "mean")), shares
    # Of a time in whole periods the interval holds more often, never less.
    assert 0.935 < shares["median"] <= 1, shares


@pytest.mark.slow
def test_the_median_of_continuous_times_and_the_level_of_the_test():
    rng = np.random.default_rng(8)
    held = rejected = 0
    for _ in range(2000):
        lasts, seen = rng.exponential(12, 200), rng.uniform(5, 40, 200)
        frame = pd.DataFrame({"duration": np.minimum(lasts, seen), "event_observed": lasts <= seen})
        frame["group"] = rng.choice(["a", "b", "c"], 200)
        _, low, high = quantile_limits(kaplan_meier(frame))
        held += low <= 12 * np.log(2) and (high is None or 12 * np.log(2) <= high)
        rejected += log_rank(frame, by="group").p_value < 0.05
    assert abs(held / 2000 - 0.95) < 0.015
    assert abs(rejected / 2000 - 0.05) < 0.015
