"""Covariates: encoded honestly, their effects recovered, and chance not taken for one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.bg_nbd import BgNbdFit, fit_bg_nbd
from cam.measures.value.covariates import effects, encode, likelihood_ratio
from cam.measures.value.pareto_nbd import fit_pareto_nbd

from .simulate import beta_geometric, poisson_until


def two_kinds(n, rng, *, buying=1.0, leaving=1.0):
    """Customers of two kinds; those of kind 1 buy and leave more readily, by these factors."""
    frames = []
    for kind, (quick, short) in enumerate(((1.0, 1.0), (buying, leaving))):
        T = rng.choice(np.linspace(60, 120, 13), n)
        table = poisson_until((1.0, 5.0 / quick, 1.5, 60.0 / short), T, rng)
        frames.append(table.assign(kind=float(kind)))
    return pd.concat(frames, ignore_index=True)


# --- correct ------------------------------------------------------------------------------------


def test_factors_are_those_that_the_customers_were_drawn_with():
    table = two_kinds(8000, np.random.default_rng(1), buying=1.5, leaving=2.0)
    row = effects(fit_pareto_nbd(table, covariates=["kind"])).iloc[0]
    assert row["buying_low"] < 1.5 < row["buying_high"] and row["buying"] == pytest.approx(1.5, rel=0.1)
    assert row["leaving_low"] < 2.0 < row["leaving_high"] and row["leaving"] == pytest.approx(2.0, rel=0.2)


def test_the_bg_nbd_gives_the_factor_on_the_odds_of_dropping_out():
    rng = np.random.default_rng(2)
    frames = []
    for kind, (alpha, a) in enumerate(((5.0, 1.0), (2.5, 2.0))):
        T = rng.choice(np.linspace(60, 120, 13), 8000)
        frames.append(
            beta_geometric((1.0, alpha, a, 4.0), T, rng, first_can_be_last=False).assign(kind=float(kind))
        )
    row = effects(fit_bg_nbd(pd.concat(frames, ignore_index=True), covariates=["kind"])).iloc[0]
    assert row["buying_low"] < 2.0 < row["buying_high"]
    assert row["leaving_low"] < 2.0 < row["leaving_high"]


def test_the_likelihood_ratio_is_twice_the_gain():
    table = two_kinds(1000, np.random.default_rng(3), buying=1.5)
    small, large = fit_pareto_nbd(table), fit_pareto_nbd(table, covariates=["kind"])
    test = likelihood_ratio(small, large)
    gain = large.optimum.log_likelihood - small.optimum.log_likelihood
    assert test["gain"] == pytest.approx(2 * gain) and test["degrees"] == 2 and test["p"] < 1e-3


def test_levels_amounts_and_missing_values_become_numbers():
    table = pd.DataFrame(
        {
            "channel": ["web", "shop", None, "fair"],
            "age": [20.0, 40.0, 60.0, np.nan],
            "n_customers": [100, 60, 40, 5],
        }
    )
    many = pd.DataFrame({"age": np.arange(20.0), "n_customers": 10}).assign(channel="web")
    encoded, against = encode(table, ["channel"])
    assert against == {"channel=shop": "web", "channel=–": "web"}
    assert encoded["channel=–"].tolist() == [0, 0, 1, 0]  # five from the fair are too few to stand alone
    amounts, _ = encode(many, ["age"])
    assert amounts["age"].mean() == pytest.approx(0) and amounts["age"].std(ddof=0) == pytest.approx(1)


# --- consistent ---------------------------------------------------------------------------------


def test_which_level_is_the_base_does_not_change_the_fit():
    table = two_kinds(1000, np.random.default_rng(4), buying=1.5, leaving=1.5)
    one = fit_pareto_nbd(table, covariates=["kind"])
    other = fit_pareto_nbd(table.assign(kind=1 - table["kind"]), covariates=["kind"])
    assert one.optimum.log_likelihood == pytest.approx(other.optimum.log_likelihood, abs=1e-6)
    assert effects(one)["buying"].iloc[0] * effects(other)["buying"].iloc[0] == pytest.approx(1, rel=1e-4)


def test_small_levels_stand_together_once_they_are_enough():
    table = pd.DataFrame({"channel": ["a", *"bcd"], "n_customers": [100, 20, 20, 20]})
    encoded, against = encode(table, ["channel"])
    assert list(against) == ["channel=…"] and encoded["channel=…"].tolist() == [0, 1, 1, 1]


# --- refuses ------------------------------------------------------------------------------------


def test_a_fit_without_covariates_has_no_effects():
    with pytest.raises(ValueError, match="fitted without covariates"):
        effects(BgNbdFit(1, 1, 1, 1))
    with pytest.raises(ValueError, match="must have been fitted"):
        likelihood_ratio(BgNbdFit(1, 1, 1, 1), BgNbdFit(1, 1, 1, 1))


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_kinds_that_do_not_differ_are_called_so_as_often_as_promised():
    rng = np.random.default_rng(5)
    n_sets, wrong, held = 1000, 0, 0
    for _ in range(n_sets):
        table = two_kinds(250, rng)
        large = fit_pareto_nbd(table, covariates=["kind"])
        wrong += likelihood_ratio(fit_pareto_nbd(table), large)["p"] < 0.05
        if large.optimum.is_converged:
            row = effects(large).iloc[0]
            held += row["buying_low"] < 1 < row["buying_high"]
        else:
            held += 1
    # 5 % and 95 % of 1,000, with three binomial errors to each side.
    assert abs(wrong / n_sets - 0.05) < 0.021 and abs(held / n_sets - 0.95) < 0.021
