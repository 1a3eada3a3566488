"""The funnel's measures: orders of stages, worst cases of lost leads, waits of those who convert, and a trend."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from cam.estimate import wilson_interval
from cam.measures.lifecycle.funnel import (
    KNOWN_STAGES,
    LEAST_MONTHS,
    LOST_STAGES,
    conversion_time,
    conversion_trend,
    converted_by,
    funnel_steps,
    is_settled,
    monthly_conversion,
    order_stages,
)
from cam.measures.lifecycle.survival import kaplan_meier


def cells(rows):
    return pd.DataFrame(rows, columns=["duration", "event_observed", "n_customers"])


def drawn(rng, n, *, share=0.25, mean=20.0, seen=400.0):
    """Leads of whom a share ever converts, after exponential days, watched for up to *seen* days."""
    wait = np.where(rng.random(n) < share, rng.exponential(mean, n), np.inf)
    until = rng.uniform(0, seen, n)
    return pd.DataFrame({"duration": np.minimum(wait, until), "event_observed": wait <= until})


# Correct.


def test_words_in_english_and_chinese_come_in_one_order_whatever_their_case():
    found = order_stages(["成交", "已联系", "Closed-Won", "MQL", "新线索", "报价", "无效", "SQL", "Hot"])
    assert found["kind"].tolist() == [
        "won",
        *["stage"] * 1,
        "won",
        *["stage"] * 3,
        "lost",
        "stage",
        "unknown",
    ]
    places = found.set_index("stage")["place"]
    order = places.dropna().sort_values(kind="stable").index.tolist()
    assert order == ["新线索", "已联系", "MQL", "SQL", "报价", "成交", "Closed-Won"]
    assert places["成交"] == places["Closed-Won"] == 5 and places[["无效", "Hot"]].isna().all()


def test_given_stages_rule_and_keep_those_in_which_nobody_stands():
    found = order_stages(["b", "won", "lost"], given=["a", "B", "c", "lost", "won"])
    assert found.values.tolist()[:2] == [["b", "stage", 1.0], ["won", "won", 3.0]]
    assert found["stage"].tolist() == ["b", "won", "lost", "a", "c"] and found["kind"].iloc[2] == "lost"
    assert order_stages(["new"], given=["a"])["kind"].tolist() == ["unknown", "stage"]


def test_no_word_stands_for_two_stages():
    words = [word for words in (*KNOWN_STAGES, LOST_STAGES) for word in words]
    assert len(words) == len(set(words))
    assert (order_stages(words)["kind"] != "unknown").all()


def test_steps_are_wilson_intervals_of_those_who_came_to_the_stage_before():
    steps = funnel_steps(pd.DataFrame({"place": [2, 0, 1], "n_leads": [30, 20, 50]}), n_places=3)
    row = steps.iloc[2]
    assert (row["n_reached"], row["share"], row["step"]) == (30, 0.3, 0.375)
    assert (row["low"], row["high"]) == wilson_interval(30, 100)
    assert (row["step_low"], row["step_high"]) == wilson_interval(30, 80)


def test_lost_leads_widen_the_limits_to_the_worst_and_best_that_they_can_have_done():
    counts = pd.DataFrame({"place": [0, 1, 2, np.nan], "n_leads": [20, 50, 30, 40]})
    steps = funnel_steps(counts, n_places=3)
    middle, end = steps.iloc[1], steps.iloc[2]
    assert middle["low"] == wilson_interval(80, 140)[0] and middle["high"] == wilson_interval(120, 140)[1]
    # Who was lost did not buy: that is known. Whether he or she had come to the stage before is not.
    assert end["share"] == 30 / 140 and end["high"] == wilson_interval(30, 140)[1]
    assert end["step_low"] == wilson_interval(30, 120)[0] and end["step_high"] == wilson_interval(30, 80)[1]
    unknown = funnel_steps(counts, n_places=3, is_end_known=False).iloc[2]
    assert unknown["high"] == wilson_interval(70, 140)[1]
    assert unknown["step_high"] == wilson_interval(70, 120)[1]


def test_without_censoring_the_wait_is_the_quantile_of_those_who_converted():
    rng = np.random.default_rng(5)
    wait = np.round(rng.exponential(20, 500), 1)
    table = pd.DataFrame(
        {"duration": [*wait, *[400.0] * 1500], "event_observed": [True] * 500 + [False] * 1500}
    )
    curve = kaplan_meier(table)
    for share in (0.5, 0.95):
        found = conversion_time("wait", curve, until=400, share=share)
        ranked = np.sort(wait)
        assert found.value == ranked[round(500 * share) - 1] and found.n == 500
        # Thompson's ranks: a binomial count lies below the first, or from the last on, in 2.5 % of cases each.
        first, last = scipy.stats.binom.ppf([0.025, 0.975], 500, share).astype(int)
        assert (found.low, found.high) == (ranked[first - 1], ranked[last])


@pytest.mark.parametrize(("n", "first", "last"), [(10, 2, 9), (20, 6, 15), (50, 18, 33), (100, 40, 61)])
def test_ranks_of_the_median_are_those_of_the_published_table(n, first, last):
    """Campbell, M. J., Gardner, M. J. (1988). British Medical Journal 296, 1454-1456: ranks of the 95 % limits."""
    table = cells([(float(day), True, 1) for day in range(1, n + 1)] + [(999.0, False, 200)])
    found = conversion_time("wait", kaplan_meier(table), until=999)
    assert (found.value, found.low, found.high) == (n / 2, first, last)


def test_a_trend_is_the_weighted_line_with_the_errors_that_its_months_show():
    # By statsmodels 0.14, WLS(share, add_constant(month), weights=n).fit(): slope, and its t interval.
    import statsmodels.api as sm

    rng = np.random.default_rng(2)
    n = rng.integers(80, 400, 14)
    won = rng.binomial(n, np.linspace(0.2, 0.3, 14))
    months = pd.date_range("2025-01-01", periods=14, freq="MS")
    table = pd.DataFrame({"month": months, "n_leads": n, "n_converted": won, "is_complete": True})
    found = conversion_trend("trend", table)
    fit = sm.WLS(won / n, sm.add_constant(np.arange(14.0)), weights=n).fit()
    wanted = 1300 * np.array([fit.params[1], *fit.conf_int()[1]])
    np.testing.assert_allclose([found.value, found.low, found.high], wanted, rtol=1e-9)


# Consistent.


def test_steps_multiply_to_the_share_and_fall():
    rng = np.random.default_rng(3)
    counts = pd.DataFrame({"place": rng.integers(0, 6, 40), "n_leads": rng.integers(1, 90, 40)})
    steps = funnel_steps(counts, n_places=6)
    np.testing.assert_allclose(steps["step"].fillna(1).cumprod(), steps["share"])
    assert (
        steps["n_reached"].is_monotonic_decreasing and steps["n_reached"].iloc[0] == counts["n_leads"].sum()
    )
    pd.testing.assert_frame_equal(steps, funnel_steps(counts.sample(frac=1, random_state=1), n_places=6))
    for name, low, high in (("share", "low", "high"), ("step", "step_low", "step_high")):
        rows = steps.dropna(subset=["step"])
        assert ((rows[low] <= rows[name]) & (rows[name] <= rows[high])).all()


def test_nobody_at_a_stage_leaves_the_next_step_open():
    steps = funnel_steps(pd.DataFrame({"place": [0], "n_leads": [50]}), n_places=3)
    assert steps["step"].iloc[1] == 0 and np.isnan(steps["step"].iloc[2]) and steps["share"].iloc[2] == 0


def test_only_months_that_are_over_are_complete_and_all_leads_are_counted():
    table = pd.DataFrame(
        {
            "month": pd.to_datetime(["2026-04-01", "2026-05-01", "2026-05-01", "2026-06-01"]),
            "duration": [31, 30, 80, 3],
            "event_observed": [True, True, False, False],
            "n_customers": [10, 4, 6, 5],
        }
    )
    found = monthly_conversion(table, as_of=date(2026, 6, 30))
    assert found["is_complete"].tolist() == [True, True, False]
    assert found["n_leads"].tolist() == [10, 10, 5] and found["n_converted"].tolist() == [0, 4, 0]
    assert not monthly_conversion(table, as_of=date(2026, 6, 29))["is_complete"].iloc[1]


def test_a_curve_at_rest_is_told_from_one_that_rises():
    rests = kaplan_meier(cells([(3, True, 100), (200, True, 4), (300, False, 900)]))
    rises = kaplan_meier(cells([(3, True, 100), (200, True, 6), (300, False, 900)]))
    assert is_settled(rests, until=300) and not is_settled(rises, until=300)
    assert not is_settled(kaplan_meier(cells([(300, False, 9)])), until=300)


# Refuses.


def test_what_is_no_funnel_is_refused():
    with pytest.raises(ValueError, match="there are 1 stages and 5 leads"):
        funnel_steps(pd.DataFrame({"place": [0], "n_leads": [5]}), n_places=1)
    with pytest.raises(ValueError, match="place 3 is no place among 3 stages"):
        funnel_steps(pd.DataFrame({"place": [0, 3], "n_leads": [5, 1]}), n_places=3)
    with pytest.raises(ValueError, match="1 of 1 rows has no n_leads"):
        funnel_steps(pd.DataFrame({"place": [0], "n_leads": [None]}), n_places=2)


def test_what_cannot_be_said_is_nothing():
    none = kaplan_meier(cells([(9, False, 50)]))
    assert conversion_time("wait", none, until=9) is None
    assert converted_by("rate", none, time=30) is None and converted_by("rate", none, time=5).value == 0
    # Two conversions: their order says nothing of those that are not seen.
    assert conversion_time("wait", kaplan_meier(cells([(3, True, 2), (9, False, 50)])), until=9) is None
    everybody = kaplan_meier(cells([(3, True, 40), (5, True, 60)]))
    found = conversion_time("wait", everybody, until=5)
    assert (found.value, found.low, found.high) == (5, 3, 5)
    months = pd.date_range("2026-01-01", periods=LEAST_MONTHS, freq="MS")
    table = pd.DataFrame({"month": months, "n_leads": 40, "n_converted": 0, "is_complete": True})
    assert conversion_trend("trend", table) is None
    assert conversion_trend("trend", table.assign(n_converted=[*range(LEAST_MONTHS)]).iloc[1:]) is None


# Honest.


@pytest.mark.slow
def test_the_wait_of_those_who_convert_is_held_as_often_as_promised():
    """Median and 95 % point of the conversions within 150 days, in 1,000 sets of 500 leads, most still watched."""
    rng, sets, until = np.random.default_rng(11), 1000, 150.0
    within = 1 - np.exp(-until / 20)
    truth = {share: -20 * np.log(1 - share * within) for share in (0.5, 0.95)}
    held = dict.fromkeys(truth, 0)
    for _set in range(sets):
        curve = kaplan_meier(drawn(rng, 500))
        for share, true in truth.items():
            found = conversion_time("wait", curve, until=until, share=share)
            held[share] += found is not None and found.low <= true <= found.high
    # Three standard errors of 1,000 sets are 2 points; ranks are whole numbers, so that limits are rather too wide.
    assert 0.93 <= held[0.5] / sets <= 0.98
    assert 0.93 <= held[0.95] / sets <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("between", [0.0, 0.04])
def test_the_trend_is_held_as_often_as_promised_also_where_months_differ(between):
    rng, sets, held = np.random.default_rng(12), 1000, 0
    months = pd.date_range("2025-01-01", periods=10, freq="MS")
    line = np.linspace(0.20, 0.26, 10)
    for _set in range(sets):
        n = rng.integers(100, 400, 10)
        won = rng.binomial(n, np.clip(line + rng.normal(0, between, 10), 0, 1))
        table = pd.DataFrame({"month": months, "n_leads": n, "n_converted": won, "is_complete": True})
        found = conversion_trend("trend", table)
        held += found.low <= 6.0 <= found.high
    assert 0.93 <= held / sets <= 0.97


@pytest.mark.slow
def test_steps_are_held_at_least_as_often_as_promised_whatever_stage_the_lost_had_reached():
    rng, sets = np.random.default_rng(13), 1000
    truth = np.array([1, 0.8, 0.4, 0.2])
    for lost_early in (True, False):
        held = np.zeros(3)
        for _set in range(sets):
            place = (rng.random(300)[:, None] < truth).sum(axis=1) - 1
            gone = (place < 3) & (rng.random(300) < np.where((place == 0) == lost_early, 0.5, 0.1))
            counts = pd.DataFrame({"place": np.where(gone, np.nan, place), "n_leads": 1})
            steps = funnel_steps(counts, n_places=4).iloc[1:]
            wanted = truth[1:] / truth[:-1]
            held += (steps["step_low"].to_numpy() <= wanted) & (wanted <= steps["step_high"].to_numpy())
        assert (held / sets >= 0.95).all()
