"""Slopes as felt: nothing where boxes are fine or alone, and what coarse boxes hide where items go together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.satisfaction.coarse import as_felt
from cam.measures.satisfaction.ordinal import fit_ordinal

ITEMS = ["service", "delivery", "parking"]
WEIGHTS = np.array([0.9, 0.5, 0.0])


def felt_survey(seed, n=2000, *, ends=(-1.6, -0.95, -0.2, 0.75)):
    """Scores driven by what is felt; the answers are the boxes that it falls into. Parking does nothing."""
    rng = np.random.default_rng(seed)
    felt = np.sqrt(0.6) * rng.normal(size=(n, 3)) + np.sqrt(0.4) * rng.normal(size=(n, 1))
    score = np.digitize(felt @ WEIGHTS + rng.logistic(size=n), [-2, -1, 0, 1, 2])
    answers = np.digitize(felt, ends) if len(ends) else felt
    return pd.DataFrame(answers, columns=ITEMS).assign(score=score)


def both(table, items=ITEMS):
    fit = fit_ordinal(table, outcome="score", items=items)
    return fit, as_felt(fit, table)


def test_endless_boxes_and_a_single_item_change_nothing():
    fit, felt = both(felt_survey(1, ends=()))
    assert felt.coefficients == pytest.approx(fit.coefficients, abs=5e-3)  # normal only as far as a sample is
    fit, felt = both(felt_survey(1), items=["service"])
    assert felt.coefficients == pytest.approx(fit.coefficients, rel=1e-12)
    assert felt.covariance == pytest.approx(fit.covariance, rel=1e-12)


def test_units_do_not_matter():
    table = felt_survey(2)
    _, felt = both(table)
    _, other = both(table.assign(delivery=10 * table["delivery"] + 3))
    assert other.coefficients * [1, 10, 1] == pytest.approx(felt.coefficients, rel=1e-6)


def test_what_has_no_effect_is_put_back_to_none():
    fit, felt = both(felt_survey(3, 200_000))
    assert fit.coefficients[2] > 0.04  # coarse boxes make an effect of nothing
    assert abs(felt.coefficients[2]) < 0.02


def test_items_that_hardly_differ_leave_the_fit_as_it_is():
    table = felt_survey(4, 500)
    table["parking"] = table["delivery"].where(np.arange(500) > 10, table["parking"])
    fit, felt = both(table)
    assert felt is fit


@pytest.mark.slow
def test_both_readings_together_hold_none_where_there_is_no_effect():
    """1,000 surveys of 2,000 answers: the plain interval fails, the one that spans both does not."""
    plain, spanned = 0, 0
    for seed in range(1000):
        one, other = (fit.odds_ratios.iloc[2] for fit in both(felt_survey(seed)))
        plain += one["low"] <= 1 <= one["high"]
        spanned += min(one["low"], other["low"]) <= 1 <= max(one["high"], other["high"])
    assert spanned / 1000 >= 0.95 - 0.021
    assert plain / 1000 < 0.93  # why two readings
