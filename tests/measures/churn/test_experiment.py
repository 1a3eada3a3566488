"""Tests of an offer: peers, laws, refusals, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.churn.experiment import (
    analyse,
    detectable_effect,
    power_of_test,
    sample_ratio,
    sample_size,
    uplift_by_risk,
)

ARMS = {"treated": "offer", "control": "none"}


def run(n, *, seed, effect=-0.1, slope=0.0, share=0.5):
    rng = np.random.default_rng(seed)
    p, offered = rng.random(n), rng.random(n) < share
    rate = 0.2 + 0.4 * p + offered * (effect + slope * (p - 0.5))
    return pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "arm": np.where(offered, "offer", "none"),
            "p_churn": p,
            "outcome": (rng.random(n) < rate).astype(int),
            "value": rng.lognormal(3, 1, n) + 5 * offered,
        }
    )


# Correct


@pytest.mark.parametrize(("rate", "other", "share"), [(0.25, 0.3, 0.5), (0.02, 0.03, 0.5), (0.3, 0.2, 0.8)])
def test_power_and_size_are_those_of_statsmodels(rate, other, share):
    """Its two-sided power holds the wrong sign too, below 1e-6 here."""
    from statsmodels.stats.proportion import power_proportions_2indep

    n = sample_size(rate, other=other, share=share)
    peer = power_proportions_2indep(rate - other, other, share * n, ratio=(1 - share) / share).power
    assert power_of_test(rate, other=other, n=n, share=share) == pytest.approx(peer, abs=1e-5)
    assert 0.8 <= power_of_test(rate, other=other, n=n, share=share) < 0.8 + 1e-3


def test_a_table_of_fleiss():
    """Fleiss, Levin and Paik, equation 4.14 by hand: 0.25 against 0.40, power 0.9 (z = 1.2816), 203 in each arm."""
    under = 1.959964 * np.sqrt(2 * 0.325 * 0.675)
    by_hand = ((under + 1.281552 * np.sqrt(0.25 * 0.75 + 0.4 * 0.6)) / 0.15) ** 2
    assert sample_size(0.25, other=0.4, power=0.9) == np.ceil(2 * by_hand) and round(by_hand) == 203


def test_the_effect_on_value_is_welchs():
    from scipy.stats import ttest_ind

    table = run(300, seed=1)
    one, other = (table.loc[table["arm"] == arm, "value"] for arm in ("offer", "none"))
    peer = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    found = analyse(table, **ARMS, unit="EUR").value_effect
    assert [found.low, found.high] == pytest.approx([peer.low, peer.high], rel=1e-12)
    blank = analyse(table.assign(value=table["value"].where(table.index > 9)), **ARMS)
    assert blank.n_without_value == 10 and blank.value_effect.value != found.value


def test_the_sample_ratio_is_a_chi_square_test():
    from scipy.stats import chisquare

    table = run(1000, seed=1, share=0.3)
    n = (table["arm"] == "offer").sum()
    fit = sample_ratio(table, planned={"offer": 30, "none": 70})
    assert fit.p == pytest.approx(chisquare([n, 1000 - n], [300, 700]).pvalue) and not fit.has_mismatch
    assert sample_ratio(table).has_mismatch


# Consistent


def test_what_can_be_detected_has_the_power():
    effect = detectable_effect(0.3, n=2000)
    assert power_of_test(0.3 - effect, other=0.3, n=2000) == pytest.approx(0.8, abs=1e-9)
    assert detectable_effect(0.02, n=100) is None


def test_bins_hold_all_customers_and_the_wider_limits_are_wider():
    table = run(2003, seed=1)
    fit = uplift_by_risk(table, **ARMS)
    assert (fit.bins["n_treated"] + fit.bins["n_control"]).sum() == 2003
    assert fit.bins["mean_score"].is_monotonic_decreasing
    assert ((fit.bins["low_all"] < fit.bins["low"]) & (fit.bins["high"] < fit.bins["high_all"])).all()
    whole = uplift_by_risk(table, **ARMS, n_bins=1)
    assert whole.bins["low_all"].iloc[0] == pytest.approx(whole.bins["low"].iloc[0])
    assert (
        whole.bins["effect"].iloc[0] == pytest.approx(analyse(table, **ARMS).effect.value)
        and whole.p_same == 1
    )


def test_no_effect_and_a_clear_one():
    assert not analyse(run(4000, seed=3, effect=0.0), **ARMS).is_shown
    assert analyse(run(4000, seed=3), **ARMS).is_shown
    assert uplift_by_risk(run(8000, seed=3, slope=-0.4), **ARMS).differs


# Refuses


def test_what_is_no_test():
    table = run(50, seed=1)
    with pytest.raises(ValueError, match="arm 'gift' has 0 customers; arms present: none, offer"):
        analyse(table, treated="gift", control="none")
    with pytest.raises(ValueError, match="outcome must be 0 or 1 in every row"):
        analyse(table.assign(outcome=0.5), **ARMS)
    with pytest.raises(ValueError, match="49 customers stand in the test more than once"):
        analyse(table.assign(customer_id=1), **ARMS)
    with pytest.raises(ValueError, match="no bin of p_churn has two customers in each"):
        uplift_by_risk(table.head(3), **ARMS)
    with pytest.raises(ValueError, match="arms without a planned share: none"):
        sample_ratio(table, planned={"offer": 1, "gift": 1})
    with pytest.raises(ValueError, match="a test needs two arms or more"):
        sample_ratio(table.assign(arm="offer"))
    with pytest.raises(
        ValueError, match=r"two different shares within 0 and 1 are needed; got 0\.2 and 0\.2"
    ):
        sample_size(0.2, other=0.2)
    with pytest.raises(ValueError, match="power and share must lie between 0 and 1"):
        sample_size(0.2, other=0.3, power=1.0)


# Honest


def test_a_test_of_the_size_finds_what_it_should():
    """2,000 tests of 0.25 against 0.27: 80 % by the pooled test; a point for whole customers."""
    n, rng = sample_size(0.25, other=0.27) // 2, np.random.default_rng(20260630)
    a, b = rng.binomial(n, 0.25, 2000) / n, rng.binomial(n, 0.27, 2000) / n
    mean = (a + b) / 2
    found = np.abs(a - b) / np.sqrt(2 * mean * (1 - mean) / n) > 1.959964
    assert abs(found.mean() - 0.8) < 3 * np.sqrt(0.8 * 0.2 / 2000) + 0.01


@pytest.mark.slow
def test_bins_with_one_effect_are_called_different_once_in_twenty():
    """1,000 tests; half a customer added makes Cochran's test a little timid, never bold."""
    false = [uplift_by_risk(run(2000, seed=seed), **ARMS, n_bins=5).differs for seed in range(1000)]
    assert 0.02 < np.mean(false) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)
