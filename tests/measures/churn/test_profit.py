"""Profit of a retention list: published values, laws, refusals, and a simulated campaign."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measures.churn.scores import scored

from cam.measures.churn.profit import (
    Offer,
    expected_gains,
    fit_profit,
    list_gain,
    share_for_good,
    sums_of_list,
)

OFFER = Offer(offer_cost=10, contact_cost=1)
EXAMPLE = pd.DataFrame(
    {
        "customer_id": range(10),
        "churned": [1, 0, 1, 1, 0, 0, 1, 0, 0, 0],
        "p_churn": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.2, 0.1],
    }
)


def fitted(table, clv=200.0, offer=OFFER, seed=1):
    return fit_profit(table, clv=clv, offer=offer, currency="EUR", seed=seed)


# Correct


def test_the_published_example():
    """empulse 0.13.1 and R's EMP (empChurn): alpha 6, beta 14, CLV 200, offer 10, contact 1."""
    fit = fitted(EXAMPLE)
    assert fit.empc.value == pytest.approx(19.108393763073213, abs=1e-9)
    assert fit.empc_share.value == pytest.approx(0.6936790416980562, abs=1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_empc_is_the_integral_of_the_best_threshold(seed):
    """The definition: for each save rate the best of all thresholds; a sum over 20,000 rates is good to 1e-5."""
    from scipy.stats import beta

    table = scored(60, seed=seed).assign(p_churn=lambda table: table["p_churn"].round(2))
    ranked = (
        table.groupby("p_churn")["churned"].agg(["sum", "size"]).sort_index(ascending=False).cumsum() / 60
    )
    left, stayed = np.append(0, ranked["sum"]), np.append(0, ranked["size"] - ranked["sum"])
    rates = (np.arange(20_000) + 0.5) / 20_000
    profit = (rates[:, None] * 190 - 1) * left - 11 * stayed
    weights = beta.pdf(rates, 6, 14) / 20_000
    best = profit.argmax(axis=1)
    fit = fitted(table)
    assert fit.empc.value == pytest.approx((weights * profit.max(axis=1)).sum(), rel=1e-5)
    assert fit.empc_share.value == pytest.approx((weights * (left + stayed)[best]).sum(), abs=1e-3)
    at_mean = (0.3 * 190 - 1) * left - 11 * stayed
    assert fit.mpc.value == pytest.approx(at_mean.max(), abs=1e-12)
    assert fit.best_share.value == pytest.approx((left + stayed)[at_mean.argmax()], abs=1e-12)


# Consistent


def test_the_curve_begins_at_nothing_ends_at_all_and_never_beats_the_best():
    table = scored(500, seed=1)
    fit = fitted(table, clv=40)
    rate = table["churned"].mean()
    assert fit.curve["profit"].iloc[0] == 0
    assert fit.curve["profit"].iloc[-1] == pytest.approx(rate * (0.3 * 30 - 1) - (1 - rate) * 11)
    assert fit.curve["profit"].max() <= fit.mpc.value + 1e-12 and fit.mpc.value <= fit.empc.value
    assert ((fit.curve["low"] <= fit.curve["profit"]) & (fit.curve["profit"] <= fit.curve["high"])).all()


def test_a_surer_save_rate_brings_the_two_measures_together():
    table = scored(500, seed=1)
    sure = fitted(table, offer=Offer(10, 1, save_weight=1e6))
    assert sure.empc.value == pytest.approx(sure.mpc.value, rel=1e-4)


def test_a_free_offer_goes_to_everybody_and_a_dear_contact_to_nobody():
    table = scored(500, seed=1)
    assert fitted(table, offer=Offer(0, 0)).best_share.value == pytest.approx(1, abs=0.1)
    dear = fitted(table, offer=Offer(10, 500))
    assert (
        dear.best_share.value == 0 and dear.mpc.value == 0 and dear.empc.value == pytest.approx(0, abs=1e-12)
    )


def people(n=300, seed=1):
    rng = np.random.default_rng(seed)
    there = rng.random(n).round(2)
    return pd.DataFrame(
        {
            "customer_id": [f"c{one:03d}" for one in range(n)],
            "p_alive": there,
            "p_lost": there * rng.random(n).round(2),
            "residual_clv": rng.lognormal(4, 1, n).round(2),
        }
    )


def test_the_list_is_ranked_by_gain_and_stops_at_the_budget():
    listed = expected_gains(people(), offer=OFFER, budget=200)
    again = expected_gains(people().sample(frac=1, random_state=1), offer=OFFER, budget=200)
    pd.testing.assert_frame_equal(listed, again)
    assert listed["expected_gain"].is_monotonic_decreasing and listed["rank"].tolist() == list(range(1, 301))
    inside = listed["is_within_budget"]
    assert 0 < inside.sum() < listed["is_worth_it"].sum() and inside.is_monotonic_decreasing
    assert listed.loc[inside, "expected_cost"].sum() <= 200
    assert listed.loc[: inside.sum(), "expected_cost"].sum() > 200
    free = expected_gains(people(), offer=OFFER)
    assert (free["is_within_budget"] == free["is_worth_it"]).all()
    assert (listed["cumulative_gain"] - listed["expected_gain"].cumsum()).abs().max() == 0


def test_the_break_even_save_rate_breaks_even():
    listed = expected_gains(people(), offer=OFFER)
    some = listed["break_even_save_rate"].notna()
    names = ("p_lost", "p_alive", "residual_clv", "break_even_save_rate")
    p, there, clv, rate = (listed.loc[some, name] for name in names)
    assert some.sum() > 100
    np.testing.assert_allclose(p * rate * (clv - 10) - (there - p) * 10 - 1, 0, atol=1e-9)
    assert ((listed["break_even_save_rate"] < 0.3) == listed["is_worth_it"]).all()


def test_the_gain_of_a_list_is_the_sum_of_its_gains():
    listed = expected_gains(people(), offer=OFFER).query("is_worth_it")
    gain = list_gain(listed, offer=OFFER, currency="EUR")
    # Each gain is rounded to the hundredth of a cent, the total is not.
    assert gain.value == pytest.approx(listed["expected_gain"].sum(), abs=len(listed) * 5e-5)
    assert gain.low < gain.value < gain.high and gain.n == len(listed) and gain.unit == "EUR"


def test_who_has_gone_costs_the_contact_and_brings_nothing():
    gone = expected_gains(people().assign(p_alive=0.0, p_lost=0.0), offer=OFFER)
    assert (gone["expected_gain"] == -1).all() and (gone["expected_cost"] == 1).all()
    assert not gone["is_worth_it"].any() and gone["break_even_save_rate"].isna().all()


@pytest.mark.parametrize(("back", "share"), [(0.0, 1.0), (0.25, 0.5), (0.5, 0.0), (0.9, 0.0)])
def test_who_comes_back_is_taken_from_those_who_were_there(back, share):
    """Of 60 silent 30 were gone; of all 60 a share came back, and only the other 30 can have."""
    assert share_for_good(silent=0.6, still_there=0.3, back=back) == pytest.approx(share)
    assert share_for_good(silent=0.6, still_there=0.0, back=back) == 0


# Refuses


def test_what_no_list_can_be_made_of():
    with pytest.raises(ValueError, match=r"worth 10.00 and the offer costs 10.00: no list can earn"):
        fitted(EXAMPLE, clv=10)
    with pytest.raises(ValueError, match="all 10 rows have churned = 0"):
        fitted(EXAMPLE.assign(churned=0))
    with pytest.raises(
        ValueError, match="every customer needs p_lost, 0 to p_alive, p_alive, to 1, and residual"
    ):
        expected_gains(people().assign(residual_clv=np.nan), offer=OFFER)
    with pytest.raises(ValueError, match="every customer needs p_lost, 0 to p_alive"):
        expected_gains(people().assign(p_alive=0.1, p_lost=0.2), offer=OFFER)
    with pytest.raises(ValueError, match="the list is empty"):
        list_gain(people().head(0), offer=OFFER, currency="EUR")
    with pytest.raises(ValueError, match="must not be below 0"):
        Offer(-1, 0)
    with pytest.raises(ValueError, match="save_rate must lie between 0 and 1"):
        Offer(1, 0, save_rate=1.0)


# Honest


def test_the_interval_of_a_list_holds_what_campaigns_earn():
    """2,000 campaigns: save rate from its beta, who leaves and who accepts by chance. 95 %, three standard errors and
    a point for adding distances by squares."""
    listed = expected_gains(people(60), offer=OFFER).query("is_worth_it")
    gain = list_gain(listed, offer=OFFER, currency="EUR")
    rng = np.random.default_rng(20260630)
    p, there, clv = (listed[name].to_numpy() for name in ("p_lost", "p_alive", "residual_clv"))
    earned, spent = np.empty(2000), np.empty(2000)
    for place in range(2000):
        fate, accepts = rng.random(p.size), rng.random(p.size) < rng.beta(*OFFER.beta)
        # Up to p they leave, up to there they stay, above it they were gone before.
        leaves, gone = fate < p, fate >= there
        stays = ~leaves & ~gone
        earned[place] = (
            np.where(leaves, np.where(accepts, clv - 10, 0), np.where(stays, -10, 0)).sum() - p.size
        )
        spent[place] = 10 * (stays | (leaves & accepts)).sum() + p.size
    accepts = p * 0.3 + there - p
    sums = {"n": p.size, "risk": p.sum(), "saved": 0.0, "gain": 0.0, "gain_variance": 0.0}
    sums |= {"cost": (1 + 10 * accepts).sum(), "cost_variance": (100 * accepts * (1 - accepts)).sum()}
    cost = sums_of_list(pd.DataFrame([sums]), offer=OFFER, currency="EUR")[1]
    for found, drawn in ((gain, earned), (cost, spent)):
        assert drawn.mean() == pytest.approx(found.value, abs=4 * drawn.std() / np.sqrt(2000))
        share = ((found.low <= drawn) & (drawn <= found.high)).mean()
        assert abs(share - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 2000) + 0.01, (found.figure, share)
