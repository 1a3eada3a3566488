"""Stages: equal to the rules written out a second time over every pattern; counts that add up; honest limits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.lifecycle.gaps import MIN_GAPS, derive_rules, gap_table
from cam.measures.lifecycle.stages import (
    MOST_PATTERNS,
    STAGES,
    StageRules,
    activity_by_cohort,
    bought_months,
    count_stages,
    share_change,
    spread_sample,
    stage_change,
    stage_codes,
    stage_worth,
)

RULES = StageRules(loyal_months=3, at_risk_months=2, dormant_months=4, lost_months=7)


def every_pattern(n_months: int) -> np.ndarray:
    numbers = np.arange(2**n_months)
    return ((numbers[:, None] >> np.arange(n_months)) & 1).astype(bool)


def stage_by_hand(months: list[bool], rules: StageRules) -> str | None:
    """A customer walked through month by month, with memory of having been away."""
    stage, last, count, came_back = None, None, 0, False
    for month, bought in enumerate(months):
        if bought:
            came_back = stage in ("dormant", "lost")
            last, count = month, count + 1
        if last is None:
            continue
        silent = month - last
        if silent >= rules.lost_months:
            stage = "lost"
        elif silent >= rules.dormant_months:
            stage = "dormant"
        elif silent >= rules.at_risk_months:
            stage = "at_risk"
        elif came_back:
            stage = "reactivated"
        else:
            stage = "first_time" if count == 1 else "loyal" if count >= rules.loyal_months else "repeat"
    return stage


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [RULES, StageRules(2, 1, 2, 3), StageRules(6, 3, 5, 6)])
def test_every_pattern_of_ten_months_has_the_stage_of_the_rules(rules):
    bought = every_pattern(10)
    codes = stage_codes(bought, rules=rules)
    for row, code in zip(bought.tolist(), codes[:, -1], strict=True):
        assert (STAGES[code] if code >= 0 else None) == stage_by_hand(row, rules)


def test_twelve_months_total_and_disjoint_and_all_stages_are_reached():
    bought = every_pattern(12)
    codes = stage_codes(bought, rules=RULES)
    has_bought = np.logical_or.accumulate(bought, axis=1)
    assert ((codes >= 0) == has_bought).all()
    assert set(np.unique(codes)) == set(range(-1, len(STAGES)))


def test_a_stage_knows_nothing_of_later_months():
    bought = every_pattern(9)
    codes = stage_codes(bought, rules=RULES)
    assert (stage_codes(bought[:, :6], rules=RULES) == codes[:, :6]).all()


def test_more_than_one_word_is_unpacked_to_the_same_months():
    patterns = pd.DataFrame({"pattern_1": [1 << 9], "pattern_0": [1 << 49], "n_customers": [3]})
    bought = bought_months(patterns, n_months=61)
    assert np.nonzero(bought[0])[0].tolist() == [49, 59]


def test_the_gaps_equal_lifelines_with_every_gap_as_a_row():
    lifelines = pytest.importorskip("lifelines")
    rng = np.random.default_rng(3)
    bought = rng.random((300, 20)) < rng.beta(1, 3, 300)[:, None]
    counts = rng.integers(1, 5, 300)
    gaps, over = [], []
    for row, n in zip(bought, counts, strict=True):
        months = np.nonzero(row)[0]
        if len(months):
            mine = [*np.diff(months), *([19 - months[-1]] if months[-1] < 19 else [])]
            gaps += mine * n
            over += ([True] * (len(months) - 1) + [False] * (len(mine) - len(months) + 1)) * n
    fit = lifelines.KaplanMeierFitter().fit(gaps, over)
    table = gap_table(bought, counts)
    expected = fit.survival_function_at_times(table["months"]).to_numpy()
    # Both multiply the same fractions.
    assert np.allclose(table["share_open"], expected, rtol=0, atol=1e-12)
    assert table["n_at_risk"].min() >= MIN_GAPS


def test_the_limits_are_the_first_silences_that_the_rule_names():
    gaps = pd.DataFrame(
        {
            "months": range(1, 9),
            "share_closed": [0.5, 0.7, 0.9, 0.96, 0.97, 0.98, 0.99, 1.0],
            "chance": [0.9, 0.8, 0.6, 0.5, 0.3, 0.2, 0.05, 0.0],
        }
    )
    none = {"at_risk": None, "dormant": None, "lost": None}
    assert derive_rules(gaps, loyal_months=4, given=none) == StageRules(4, 4, 6, 7)
    # The chance comes first where customers leave rather than pause.
    leaving = gaps.assign(chance=[0.49, 0.4, 0.3, 0.2, 0.15, 0.12, 0.05, 0.0])
    assert derive_rules(leaving, loyal_months=4, given=none) == StageRules(4, 1, 4, 7)


# --- consistent ---------------------------------------------------------------------------------


def test_customers_are_conserved_in_every_month():
    rng = np.random.default_rng(1)
    bought, counts = rng.random((200, 30)) < 0.2, rng.integers(1, 9, 200)
    table = count_stages(stage_codes(bought, rules=RULES), counts, first_month=24312)
    acquired = [int(counts[bought[:, : month + 1].any(axis=1)].sum()) for month in range(30)]
    sums = table.groupby("month")["n_customers"].sum()
    assert sums.tolist() == acquired == table.groupby("month")["n_acquired"].first().tolist()
    assert (table.groupby("month")["stage"].nunique() == len(STAGES)).all()


def test_shares_add_up_and_their_changes_to_nothing():
    rng = np.random.default_rng(2)
    bought, counts = rng.random((400, 30)) < 0.2, rng.integers(1, 9, 400)
    table = stage_change(stage_codes(bought, rules=RULES), counts, back=12)
    assert table["share"].sum() == pytest.approx(1, abs=1e-12)
    assert table["change"].sum() == pytest.approx(0, abs=1e-10)
    assert table["n_customers"].sum() == table["n_acquired"].iloc[0]


def test_limits_given_stand_and_those_derived_make_room():
    gaps = pd.DataFrame(
        {
            "months": [1, 2, 3, 4, 5],
            "share_closed": [0.6, 0.8, 0.9, 0.96, 1.0],
            "chance": [0.9, 0.7, 0.4, 0.2, 0.0],
        }
    )
    given = {"at_risk": 6, "dormant": None, "lost": None}
    assert derive_rules(gaps, loyal_months=4, given=given) == StageRules(4, 6, 7, 8)
    given = {"at_risk": None, "dormant": None, "lost": 3}
    assert derive_rules(gaps, loyal_months=4, given=given) == StageRules(4, 1, 2, 3)


def test_the_activity_of_cohorts_is_that_of_a_plain_count():
    rng = np.random.default_rng(5)
    bought, counts = rng.random((100, 9)) < 0.3, rng.integers(1, 4, 100)
    table = activity_by_cohort(bought, counts, first_month=100)
    rows: dict[tuple[int, int], int] = {}
    for row, n in zip(bought, counts, strict=True):
        months = np.nonzero(row)[0]
        for month in months:
            key = (100 + int(months[0]), int(month - months[0]))
            rows[key] = rows.get(key, 0) + int(n)
    assert {(c, a): n for c, a, n, _size in table.values.tolist()} == rows


def test_the_sample_for_the_spread_stands_for_everybody():
    counts = np.random.default_rng(0).integers(1, 9, 3 * MOST_PATTERNS + 1)
    places, scale = spread_sample(counts)
    assert len(places) <= MOST_PATTERNS
    assert scale * counts[places].sum() == pytest.approx(counts.sum())
    assert spread_sample(counts[:10])[1] == 1


# --- refuses ------------------------------------------------------------------------------------


def test_silence_must_rise():
    with pytest.raises(ValueError, match="months of silence must rise: at risk 2, dormant 2, lost 5"):
        StageRules(4, 2, 2, 5)
    with pytest.raises(ValueError, match="loyal needs 2 months with a purchase or more, not 1"):
        StageRules(1, 1, 2, 5)


def test_too_few_gaps_are_no_rule():
    none = {"at_risk": None, "dormant": None, "lost": None}
    for bought in (np.eye(6, dtype=bool), np.ones((40, 6), dtype=bool)):
        gaps = gap_table(bought, np.ones(len(bought), dtype=int))
        with pytest.raises(ValueError, match="too few or too short"):
            derive_rules(gaps, loyal_months=4, given=none)


def test_limits_without_room_are_refused():
    gaps = pd.DataFrame({"months": [1, 2, 3], "share_closed": [0.9, 0.96, 1.0], "chance": [0.6, 0.2, 0.0]})
    with pytest.raises(ValueError, match="must rise"):
        derive_rules(gaps, loyal_months=4, given={"at_risk": None, "dormant": 1, "lost": None})


def test_small_stages_have_a_mean_but_no_interval():
    sums = pd.DataFrame({"stage": ["lost"], "n_customers": [3], "revenue": [6.0], "squares": [20.0]})
    row = stage_worth(sums).iloc[0]
    assert row["each"] == 2 and np.isnan(row["low"])


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_limits_of_the_chance_to_come_back_hold():
    # Customers of two kinds, so that one's gaps are alike; the truth is the limit of a very large sample.
    def simulate(rng, n):
        rate = np.where(rng.random(n) < 0.5, 0.5, 0.12)
        bought = rng.random((n, 18)) < rate[:, None]
        bought[:, 0] = True
        return bought, np.ones(n, dtype=int)

    large = gap_table(*simulate(np.random.default_rng(0), 400_000)).set_index("months")
    rng = np.random.default_rng(1)
    held, n_runs = 0, 1_000
    for _run in range(n_runs):
        bought, counts = simulate(rng, 300)
        # The same horizon as the large sample's table, or the question differs.
        table = gap_table(np.repeat(bought, 1, axis=0), counts).set_index("months")
        horizon = int(table.index[-1])
        truth = 1 - large.loc[horizon, "share_open"] / large.loc[3, "share_open"]
        held += table.loc[3, "low"] <= truth <= table.loc[3, "high"]
    # 1,000 runs: the Monte Carlo error of 95 % is 0.7 points.
    assert 0.925 <= held / n_runs <= 0.975


@pytest.mark.slow
def test_limits_of_the_change_of_a_share_hold():
    rules = StageRules(4, 2, 4, 8)

    def simulate(rng, n):
        rate = rng.beta(1, 3, n)
        bought = rng.random((n, 30)) < rate[:, None]
        bought[:, 0] = True
        return stage_codes(bought, rules=rules), np.ones(n, dtype=int)

    _now, _before, truth = share_change(
        *simulate(np.random.default_rng(0), 400_000), codes_in=(4, 5), back=12
    )
    rng = np.random.default_rng(1)
    found = [share_change(*simulate(rng, 400), codes_in=(4, 5), back=12)[2] for _run in range(1_000)]
    held = np.mean([one.low <= truth.value <= one.high for one in found])
    assert 0.93 <= held <= 0.97
