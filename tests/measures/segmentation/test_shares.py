"""Shares of segments: conserved, and with intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cam.measures.segmentation.shares import segment_shares


def sums(segment: np.ndarray, value: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame({"segment": segment, "value": value, "value_squared": value**2})
    grouped = frame.groupby("segment").sum()
    grouped["n_customers"] = frame.groupby("segment").size()
    return grouped.assign(frequency=1, days_since_last=2).reset_index()


def test_against_the_jackknife():
    rng = np.random.default_rng(3)
    segment, value = rng.choice(["a", "b", "c"], 400), rng.gamma(1.5, 40, 400)
    ours = segment_shares(sums(segment, value)).set_index("segment")
    for name in "abc":
        mine = np.where(segment == name, value, 0)
        left_out = (mine.sum() - mine) / (value.sum() - value)
        error = np.sqrt(399 / 400 * ((left_out - left_out.mean()) ** 2).sum())
        half = (ours.loc[name, "value_share_high"] - ours.loc[name, "value_share_low"]) / 2
        # Linearisation and jackknife agree to first order; 2 % is far above what is left at n = 400.
        assert abs(half / (1.959964 * error) - 1) < 0.02


def test_nothing_is_lost():
    rng = np.random.default_rng(4)
    table = segment_shares(sums(rng.choice(["a", "b"], 50), rng.gamma(2, 10, 50)))
    assert abs(table["customer_share"].sum() - 1) < 1e-12
    assert abs(table["value_share"].sum() - 1) < 1e-12
    assert (table["value_share_low"] <= table["value_share"]).all()
    assert (table["value_share"] <= table["value_share_high"]).all()


def test_the_interval_covers_what_it_promises():
    # 1,000 samples of 500 customers from a known population: coverage within three binomial errors of 95 %.
    rng = np.random.default_rng(5)
    truth = 0.2 * 100 / (0.2 * 100 + 0.8 * 25)
    held = 0
    for _ in range(1000):
        rich = rng.random(500) < 0.2
        value = np.where(rich, rng.gamma(2, 50, 500), rng.gamma(2, 12.5, 500))
        row = segment_shares(sums(np.where(rich, "rich", "rest"), value)).set_index("segment").loc["rich"]
        held += row["value_share_low"] <= truth <= row["value_share_high"]
    assert abs(held / 1000 - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 1000)


def test_one_customer_has_a_share_but_no_interval():
    table = segment_shares(sums(np.array(["a"]), np.array([10.0])))
    assert table.loc[0, "value_share"] == 1 and pd.isna(table.loc[0, "mean_value_low"])
