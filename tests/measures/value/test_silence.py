"""The probability of buying nothing in a window: the law without a gap, and the process itself, drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.bg_nbd import BgNbdFit
from cam.measures.value.future import conditional_probability
from cam.measures.value.silence import silence_probability

FITS = [BgNbdFit(0.243, 4.414, 0.793, 2.426), BgNbdFit(0.9, 6.0, 0.6, 2.5, first_can_be_last=True)]


def drawn(fit, n, *, weeks, ahead, gap, seed):
    """Customers of the process: what they did in *weeks*, and whether they bought in *ahead* weeks after *gap*."""
    rng = np.random.default_rng(seed)
    rate, quits = rng.gamma(fit.r, 1 / fit.alpha, n), rng.beta(fit.a, fit.b, n)
    x, last, now = np.zeros(n), np.zeros(n), np.zeros(n)
    bought = np.zeros(n, dtype=bool)
    active = rng.random(n) >= quits if fit.first_can_be_last else np.ones(n, dtype=bool)
    while active.any():
        now = now + rng.exponential(1 / np.maximum(rate, 1e-12))
        seen, later = active & (now <= weeks), active & (now > weeks + gap) & (now <= weeks + gap + ahead)
        x, last, bought = x + seen, np.where(seen, now, last), bought | later
        active = active & (now <= weeks + gap + ahead) & (rng.random(n) >= quits)
    return pd.DataFrame({"frequency": x, "recency": last, "T": weeks}), ~bought


@pytest.mark.parametrize("fit", FITS, ids=["bg", "mbg"])
def test_without_a_gap_it_is_no_purchase_in_the_horizon(fit):
    table = pd.DataFrame({"frequency": [0, 1, 7], "recency": [0, 5.0, 30.0], "T": [38.9, 38.9, 31.0]})
    np.testing.assert_allclose(
        silence_probability(fit, table, horizon=13),
        conditional_probability(fit, table, n=0, horizon=13),
        rtol=1e-12,
    )
    # A longer gap lets more drop out, a longer window sees more purchases.
    assert (
        silence_probability(fit, table, horizon=13, gap=4) > silence_probability(fit, table, horizon=13)
    ).all()
    assert (
        silence_probability(fit, table, horizon=26, gap=4)
        < silence_probability(fit, table, horizon=13, gap=4)
    ).all()


@pytest.mark.parametrize("fit", FITS, ids=["bg", "mbg"])
@pytest.mark.parametrize("gap", [0.0, 6.0])
def test_of_customers_drawn_from_the_process_as_many_are_silent(fit, gap):
    """In tenths by the prediction; a share of n differs from its expectation by less than 4 standard errors."""
    table, silent = drawn(fit, 60_000, weeks=40.0, ahead=13.0, gap=gap, seed=5)
    p = silence_probability(fit, table, horizon=13.0, gap=gap)
    for part in np.array_split(np.argsort(p, kind="stable"), 10):
        error = np.sqrt((p[part] * (1 - p[part])).sum())
        assert abs(silent[part].sum() - p[part].sum()) < 4 * error
