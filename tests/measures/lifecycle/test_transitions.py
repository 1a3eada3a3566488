"""Moves between stages: rates that add up, Wilson's own interval where each customer is there once, honest limits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from cam.estimate import wilson_interval
from cam.measures.lifecycle.stages import STAGES, StageRules, stage_codes
from cam.measures.lifecycle.transitions import move_costs, time_in_stage, transition_table

RULES = StageRules(loyal_months=3, at_risk_months=2, dormant_months=4, lost_months=7)


def simulate(rng, n: int, n_months: int = 26) -> tuple[np.ndarray, np.ndarray]:
    bought = rng.random((n, n_months)) < rng.beta(1, 3, n)[:, None]
    bought[:, 0] = True
    return stage_codes(bought, rules=RULES), np.ones(n, dtype=int)


# --- correct ------------------------------------------------------------------------------------


def test_one_month_has_wilsons_own_interval():
    codes = np.array([[1, 1], [1, 2], [1, 4]])
    table = transition_table(codes, np.array([60, 25, 15]), n_moves=1)
    for other, n in (("repeat", 60), ("loyal", 25), ("at_risk", 15), ("lost", 0)):
        row = table[table["to"] == other].iloc[0]
        assert (row["n_moved"], row["n_from"], row["n_customers"]) == (n, 100, 100)
        assert (row["low"], row["high"]) == pytest.approx(wilson_interval(n, 100), abs=1e-12)


def test_the_same_customers_in_many_months_give_no_narrower_interval():
    # Half never move and half always do: twelve months tell no more than one.
    codes = np.zeros((2, 13), dtype=int)
    codes[1] = [1, 4] * 6 + [1]
    counts = np.array([50, 50])
    table = transition_table(np.where(codes == 0, 1, codes), counts, n_moves=12)
    stays = table[(table["from"] == "repeat") & (table["to"] == "repeat")].iloc[0]
    assert stays["n_from"] == 50 * 12 + 50 * 6
    naive = np.diff(wilson_interval(stays["n_moved"], stays["n_from"]))[0]
    assert stays["high"] - stays["low"] > 2.5 * naive


def test_counts_are_those_of_a_loop():
    codes, counts = simulate(np.random.default_rng(4), 80)
    table = transition_table(codes, counts, n_moves=12)
    pairs: dict[tuple[str, str], int] = {}
    for row in codes[:, -13:].tolist():
        for before, after in pairwise(row):
            key = (STAGES[before], STAGES[after])
            pairs[key] = pairs.get(key, 0) + 1
    found = table[table["n_moved"] > 0].set_index(["from", "to"])["n_moved"].to_dict()
    assert found == pairs


def test_stays_equal_lifelines():
    lifelines = pytest.importorskip("lifelines")
    codes, counts = simulate(np.random.default_rng(5), 500)
    table = time_in_stage(codes, counts).set_index("stage")
    for code, name in enumerate(STAGES):
        lengths, over = [], []
        for row in codes.tolist():
            start = 0
            for month in range(1, len(row) + 1):
                if month == len(row) or row[month] != row[start]:
                    if row[start] == code:
                        lengths.append(month - start)
                        over.append(month < len(row))
                    start = month
        assert table.loc[name, "n_spells"] == len(lengths)
        assert table.loc[name, "n_left"] == sum(over)
        median = lifelines.KaplanMeierFitter().fit(lengths, over).median_survival_time_
        assert table.loc[name, "median"] == median or (
            np.isinf(median) and np.isnan(table.loc[name, "median"])
        )


# --- consistent ---------------------------------------------------------------------------------


def test_rates_of_a_stage_add_up_and_changes_to_nothing():
    codes, counts = simulate(np.random.default_rng(6), 3_000)
    table = transition_table(codes, counts, n_moves=12, compare=True)
    sums = table.groupby("from")[["rate", "change"]].sum()
    assert np.allclose(sums["rate"], 1, atol=1e-12)
    assert np.allclose(sums["change"], 0, atol=1e-9)
    assert (table["low"].isna() | (table["low"] <= table["rate"]) & (table["rate"] <= table["high"])).all()


def test_rows_and_counts_are_the_same_customers():
    codes, _ones = simulate(np.random.default_rng(7), 200)
    weights = np.random.default_rng(8).integers(1, 4, 200)
    packed = transition_table(codes, weights, n_moves=12, compare=True)
    spread = transition_table(
        np.repeat(codes, weights, axis=0), np.ones(weights.sum(), dtype=int), n_moves=12, compare=True
    )
    pd.testing.assert_frame_equal(packed, spread)
    one, other = (
        time_in_stage(codes, weights),
        time_in_stage(np.repeat(codes, weights, axis=0), np.ones(weights.sum(), dtype=int)),
    )
    pd.testing.assert_frame_equal(one, other)


def test_stages_that_nobody_leaves_have_no_median():
    table = time_in_stage(np.full((1, 5), 2), np.array([40])).iloc[0]
    assert (table["n_spells"], table["n_left"]) == (40, 0)
    assert np.isnan(table["median"])


def test_small_stages_have_counts_but_no_limits():
    table = transition_table(np.array([[1, 4]]), np.array([29]), n_moves=1)
    assert table["low"].isna().all() and table["rate"].max() == 1


# --- refuses ------------------------------------------------------------------------------------


def test_more_moves_than_months_are_refused():
    with pytest.raises(ValueError, match="13 months hold fewer than 24 moves"):
        transition_table(np.zeros((1, 13), dtype=int), np.array([1]), n_moves=12, compare=True)


def test_a_move_between_stages_of_unknown_worth_has_no_cost():
    moves = pd.DataFrame({"from": ["loyal", "repeat"], "to": ["at_risk", "at_risk"], "n_moved": [120, 12]})
    worth = pd.DataFrame(
        {
            "stage": ["loyal", "at_risk", "repeat"],
            "each": [9.0, 4.0, 5.0],
            "low": [8.0, 3.0, np.nan],
            "high": [10.0, 5.0, np.nan],
        }
    )
    assert move_costs(moves, worth, n_moves=12)["from"].tolist() == ["loyal"]


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_limits_of_rates_and_of_their_change_hold():
    key = ["from", "to"]
    truth = transition_table(
        *simulate(np.random.default_rng(0), 200_000), n_moves=12, compare=True
    ).set_index(key)
    asked = [("loyal", "at_risk"), ("at_risk", "dormant"), ("dormant", "lost")]
    rng = np.random.default_rng(1)
    held, changes, n_runs = dict.fromkeys(asked, 0), dict.fromkeys(asked, 0), 1_000
    for _run in range(n_runs):
        table = transition_table(*simulate(rng, 300), n_moves=12, compare=True).set_index(key)
        for pair in asked:
            row, known = table.loc[pair, :], truth.loc[pair, :]
            held[pair] += row["low"] <= known["rate"] <= row["high"]
            changes[pair] += row["change_low"] <= known["change"] <= row["change_high"]
    for pair in asked:
        # 1,000 runs: the Monte Carlo error of 95 % is 0.7 points.
        assert 0.925 <= held[pair] / n_runs <= 0.975, (pair, held)
        assert 0.92 <= changes[pair] / n_runs <= 0.98, (pair, changes)
