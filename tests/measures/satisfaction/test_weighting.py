"""Raking and weighted scores: correct, consistent, refuses, honest."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from cam.estimate import Estimate
from cam.measures.satisfaction.weighting import (
    CAP,
    if_silent_differ,
    merge_levels,
    rake,
    weighted_score,
    weighting_shift,
)


def cells_of(table):
    """A table of counts as cells; rows and columns by number."""
    rows = [(f"{i}", f"{j}", n) for (i, j), n in np.ndenumerate(np.array(table))]
    return pd.DataFrame(rows, columns=["row", "column", "n"])


def margins_of(rows, columns):
    return {
        "row": {f"{i}": n for i, n in enumerate(rows)},
        "column": {f"{j}": n for j, n in enumerate(columns)},
    }


def fitted(table, rows, columns):
    """What raking makes of the table, in the size of the margins."""
    cells = cells_of(table)
    mass = np.array(rake(cells, margins_of(rows, columns), cap=1e9).weights) * cells["n"].to_numpy()
    return (mass / mass.sum() * sum(rows)).reshape(np.array(table).shape)


SEED = [[40, 30, 20, 10], [35, 50, 100, 75], [30, 80, 70, 120], [20, 30, 40, 50]]
ROWS, COLUMNS = [150, 300, 400, 150], [200, 300, 400, 100]


# --- correct ------------------------------------------------------------------------------------


def test_a_table_of_two_by_two_worked_out_by_hand():
    # Odds ratio 1: the fitted table is that of independence.
    assert fitted([[10, 20], [30, 60]], [50, 50], [80, 20]) == pytest.approx(np.array([[40, 10], [40, 10]]))
    # Odds ratio 9 and all margins a half: x^2 / (1/2 - x)^2 = 9, so x = 3/8.
    assert fitted([[3, 1], [1, 3]], [40, 40], [40, 40]) == pytest.approx(np.array([[30, 10], [10, 30]]))
    assert fitted([[9, 1], [1, 1]], [40, 40], [40, 40]) == pytest.approx(np.array([[30, 10], [10, 30]]))


def test_raking_is_the_log_linear_model_with_the_table_as_its_offset():
    import statsmodels.api as sm

    cells = cells_of(SEED)
    wanted = np.outer(ROWS, COLUMNS).ravel() / 1000  # any table with these margins will do
    design = pd.get_dummies(cells[["row", "column"]], drop_first=True, dtype=float)
    model = sm.GLM(
        wanted,
        sm.add_constant(design),
        family=sm.families.Poisson(),
        offset=np.log(cells["n"].to_numpy(float)),
    ).fit(tol=1e-12)
    # statsmodels stops at a relative change of its deviance.
    assert fitted(SEED, ROWS, COLUMNS).ravel() == pytest.approx(model.fittedvalues.to_numpy(), rel=1e-6)


def test_kishs_design_effect_by_hand():
    # Weights 0.5 (30 answers) and 2.5 (10): 40 (30 x 0.25 + 10 x 6.25) / 40^2 = 1.75.
    cells = pd.DataFrame({"tier": ["1", "2"], "n": [30, 10]})
    found = rake(cells, {"tier": {"1": 15, "2": 25}})
    assert found.weights == pytest.approx((0.5, 2.5))
    assert found.design_effect == pytest.approx(1.75)


def test_the_variance_is_that_of_a_stratified_mean():
    # One margin: post-stratification. Its variance is the sum of squared shares times within-stratum variances.
    answers = pd.DataFrame(
        {"tier": ["1", "2"], "n": [600, 200], "up": [300, 40], "down": [120, 100], "weight": [1 / 1.5, 2.0]}
    )
    score = weighted_score("nps_weighted", answers, by=["tier"])
    share = np.array([0.5, 0.5])
    means = np.array([0.3, -0.3])
    within = np.array([0.7, 0.7]) - means**2
    n = 800
    error = np.sqrt((share**2 * within / np.array([600, 200])).sum() * n / (n - 2))
    assert score.value == pytest.approx(0.0)
    # Rocks' 3 answers more move a limit by less than 1 %.
    assert score.high - score.low == pytest.approx(2 * 1.96 * 100 * error, rel=0.01)


# --- consistent ---------------------------------------------------------------------------------


def answers(seed=1):
    rng = np.random.default_rng(seed)
    cells = pd.DataFrame(list(product("123", "ab")), columns=["tier", "channel"])
    n = rng.integers(40, 90, len(cells))
    up = rng.binomial(n, 0.5)
    down = rng.binomial(n - up, 0.4)
    return cells.assign(n=n, up=up, down=down)


MARGINS = {"tier": {"1": 0.5, "2": 0.3, "3": 0.2}, "channel": {"a": 0.7, "b": 0.3}}


def test_the_order_of_cells_and_of_variables_changes_nothing():
    cells = answers()
    one = rake(cells, MARGINS)
    turned = cells.iloc[::-1].reset_index(drop=True)
    other = rake(turned, dict(reversed(MARGINS.items())))
    assert one.weights == pytest.approx(other.weights[::-1], abs=1e-8)
    before = cells.copy()
    found = [
        weighted_score("nps_weighted", cells.assign(weight=one.weights), by=["tier", "channel"]),
        weighted_score("nps_weighted", turned.assign(weight=one.weights[::-1]), by=["channel", "tier"]),
    ]
    assert found[0].low == pytest.approx(found[1].low, abs=1e-6)
    pd.testing.assert_frame_equal(cells, before)


def test_weights_are_one_where_the_answers_are_like_the_customers():
    cells = answers()
    own = {name: cells.groupby(name)["n"].sum().to_dict() for name in MARGINS}
    fit = rake(cells, own)
    assert fit.weights == pytest.approx([1.0] * len(cells))
    assert fit.is_met and fit.design_effect == pytest.approx(1.0) and fit.n_capped == 0
    weighted = cells.assign(weight=fit.weights)
    assert weighting_shift("shift", weighted, by=list(MARGINS)).value == pytest.approx(0.0, abs=1e-9)


def test_promoters_and_detractors_exchanged_change_the_sign_only():
    cells = answers().assign(weight=rake(answers(), MARGINS).weights)
    other = cells.rename(columns={"up": "down", "down": "up"})
    one, two = (weighted_score("nps_weighted", each, by=list(MARGINS)) for each in (cells, other))
    assert (one.value, one.low, one.high) == pytest.approx((-two.value, -two.high, -two.low), abs=1e-9)
    moved, back = (weighting_shift("shift", each, by=list(MARGINS)) for each in (cells, other))
    assert moved.value == pytest.approx(-back.value)


def test_the_cap_holds_and_what_it_costs_is_said():
    cells = pd.DataFrame({"tier": ["1", "2"], "n": [970, 30]})
    fit = rake(cells, {"tier": {"1": 0.5, "2": 0.5}})
    mass = np.array(fit.weights) * cells["n"]
    assert max(fit.weights) <= CAP + 1e-9 and fit.n_capped == 30 and not fit.is_met
    assert mass.sum() == pytest.approx(1000)
    assert fit.gaps["tier"] == pytest.approx(0.5 - mass[1] / 1000)


def test_merged_levels_are_enough_and_neighbours():
    table = pd.DataFrame({"level": list("12345"), "n": [50, 0, 12, 40, 3]})
    found = merge_levels(table, fewest=30, is_ordered=True)
    groups = set(found.values())
    size = dict(zip(table["level"], table["n"], strict=True))
    assert all(sum(size[one] for one in group) >= 30 for group in groups)
    assert all("".join(group) in "12345" for group in groups) and len(groups) == 2
    found = merge_levels(table, fewest=30, is_ordered=False)
    assert found["2"] == ("2", "3", "4", "5") and found["1"] == ("1",)
    alone = merge_levels(table.assign(n=2), fewest=30, is_ordered=False)
    assert set(alone.values()) == {tuple("12345")}


def test_the_silent_move_the_score_by_their_share():
    score = Estimate("nps_weighted", 30.0, "points", 500, 22.0, 38.0)
    assert if_silent_differ(score, answered=1.0, points=-50).value == 30.0
    found = if_silent_differ(score, answered=0.4, points=-500)
    assert found.value == pytest.approx(0.4 * 30 - 0.6 * 100)  # no score is below -100
    # Where all the silent are detractors, only the answers are left to chance: their interval, by their share.
    assert (found.low, found.high) == pytest.approx((0.4 * 22 - 60, 0.4 * 38 - 60))
    moved = if_silent_differ(score, answered=0.4, points=-20)
    assert (moved.low, moved.value, moved.high) == pytest.approx((10.0, 18.0, 26.0))
    # At -100 for the lower limit of the answers, but not for the upper.
    part = if_silent_differ(score, answered=0.5, points=-130)
    assert (part.low, part.value, part.high) == pytest.approx((11 - 50, 15 - 50, 19 - 46))


# --- refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells, margins, words",
    [
        ({"tier": ["1"], "n": [5]}, {"tier": {"1": 5, "2": 5}}, "tier: nobody answered of 2; merge it"),
        ({"tier": ["1", "3"], "n": [5, 5]}, {"tier": {"1": 5}}, "tier: no margin for 3"),
        ({"tier": ["1", "2"], "n": [5, 5]}, {"tier": {"1": 5, "2": 0}}, "tier: every margin must be above 0"),
        ({"tier": ["1", "2"], "n": [5, 0]}, {"tier": {"1": 5, "2": 5}}, "no empty one"),
    ],
)
def test_raking_that_cannot_be_is_refused(cells, margins, words):
    with pytest.raises(ValueError, match=words):
        rake(pd.DataFrame(cells), margins)


def test_scores_without_answers_are_refused():
    nobody = pd.DataFrame({"n": [0], "up": [0], "down": [0], "weight": [1.0]})
    for make in (weighted_score, weighting_shift):
        with pytest.raises(ValueError, match="needs answers"):
            make("nps_weighted", nobody)
    with pytest.raises(ValueError, match="above 0"):
        if_silent_differ(Estimate("nps", 3.0, "points", 5), answered=0, points=-10)


@pytest.mark.parametrize("up, down", [(10, 0), (0, 10), (0, 0)])
def test_answers_all_alike_have_an_interval(up, down):
    cells = pd.DataFrame({"tier": ["1", "2"], "n": [10, 10], "up": up, "down": down, "weight": [0.5, 1.5]})
    for figure in ("nps_weighted", "csat_weighted"):
        one = weighted_score(figure, cells, by=["tier"])
        assert one.low <= one.value <= one.high and one.high > one.low


# --- honest -------------------------------------------------------------------------------------

TIERS, CHANNELS = np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4])
PROMOTERS = np.array([[0.65, 0.55], [0.45, 0.35], [0.30, 0.15]])
DETRACTORS = np.array([[0.10, 0.15], [0.20, 0.30], [0.35, 0.50]])
#: Who is in a high tier answers far more; within a cell everybody answers alike.
BY_MARGINS = np.array([[0.55, 0.35], [0.35, 0.20], [0.20, 0.10]])


def surveys(n_surveys, *, people, by_answer, seed):
    """How often intervals hold the truth: unweighted, weighted, and the move between the two."""
    rng = np.random.default_rng(seed)
    cells = np.outer(TIERS, CHANNELS)
    # Promoters, passives and detractors of each cell; those who are pleased may answer more.
    kinds = np.stack([PROMOTERS, 1 - PROMOTERS - DETRACTORS, DETRACTORS], axis=-1) * cells[..., None]
    answer = np.clip(BY_MARGINS[..., None] * np.array(by_answer), 0, 1)
    truth = 100 * (kinds[..., 0] - kinds[..., 2]).sum()
    names = list(product("123", "ab"))
    held = np.zeros(3)
    reached = (kinds * answer).sum()
    plain = 100 * ((kinds * answer)[..., 0] - (kinds * answer)[..., 2]).sum() / reached
    for _ in range(n_surveys):
        drawn = rng.multinomial(people, np.append(kinds * answer, 1 - reached).ravel())[:-1].reshape(-1, 3)
        table = pd.DataFrame(names, columns=["tier", "channel"])
        table = table.assign(n=drawn.sum(axis=1), up=drawn[:, 0], down=drawn[:, 2])
        table = table[table["n"] > 0]
        margins = {
            "tier": dict(zip("123", TIERS, strict=True)),
            "channel": dict(zip("ab", CHANNELS, strict=True)),
        }
        fit = rake(table, margins)
        table = table.assign(weight=fit.weights)
        by = ["tier", "channel"]
        before = weighted_score("nps", table, weighted=False)
        after = weighted_score("nps_weighted", table, by=by)
        shift = weighting_shift("shift", table, by=by)
        held += [
            before.low <= truth <= before.high,
            after.low <= truth <= after.high,
            shift.low <= truth - plain <= shift.high,
        ]
    return held / n_surveys


@pytest.mark.slow
@pytest.mark.parametrize("people", [800, 6000])
def test_weighting_mends_what_hangs_on_the_margins(people):
    # 1,000 surveys: a coverage of 95 % shows 93.0 % or more in all but one of a thousand runs.
    unweighted, weighted, shift = surveys(1000, people=people, by_answer=(1, 1, 1), seed=11)
    assert unweighted < (0.75 if people < 1000 else 0.01)
    assert weighted >= 0.93
    assert shift >= 0.93


@pytest.mark.slow
def test_weighting_does_not_mend_what_hangs_on_the_answer_itself():
    unweighted, weighted, _ = surveys(1000, people=6000, by_answer=(1.5, 1.0, 0.6), seed=12)
    assert unweighted < 0.01 and weighted < 0.05
