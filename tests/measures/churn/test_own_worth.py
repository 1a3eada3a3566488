"""What calling would have earned: by hand, its laws, and a market in which it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.churn.own_worth import fit_own_worth
from cam.measures.churn.profit import Offer, expected_gains

OFFER = Offer(offer_cost=10, contact_cost=1)


def market(n=4000, *, seed=1):
    """Some have gone, some leave, some only pause; the scores are right, and risk and worth go apart."""
    rng = np.random.default_rng(seed)
    there, leaves, pauses = rng.beta(4, 1, n), rng.beta(1, 4, n), rng.beta(1, 9, n)
    lost = there * leaves
    silent = 1 - there + lost + there * (1 - leaves) * pauses
    fate = rng.random(n)
    table = pd.DataFrame(
        {
            "customer_id": [f"c{one:05d}" for one in range(n)],
            "p_churn": silent,
            "p_alive": there,
            "p_lost": lost,
            "residual_clv": rng.lognormal(5, 1, n) * (1.2 - leaves),
            "churned": (fate < silent).astype(int),
        }
    )
    return table, fate < lost, (fate >= silent) | ((fate >= lost) & (fate < lost + silent - 1 + there - lost))


def fitted(table, *, offer=OFFER):
    return fit_own_worth(table, offer=offer, currency="EUR", seed=1)


# Correct


def test_by_hand():
    """Of the silent, half were gone, a quarter pausing, a quarter lost; who bought takes the offer."""
    table = pd.DataFrame({"customer_id": ["a", "b"], "churned": [1, 0], "p_churn": [0.8, 0.2]})
    table = table.assign(p_alive=[0.6, 0.9], p_lost=[0.2, 0.05], residual_clv=[500.0, 20.0])
    fit = fitted(table)
    # a: 0.25 x 0.3 x 490 - (0.4 - 0.2) / 0.8 x 10 - 1 = 33.25, expected 0.2 x 0.3 x 490 - 0.4 x 10 - 1 = 24.4.
    assert fit.share.value == 0.5 and fit.profit.value == pytest.approx(33.25 / 2)
    assert fit.every.value == pytest.approx((33.25 - 11) / 2)
    assert fit.by_risk.value == pytest.approx(fit.profit.value)


# Consistent


def test_the_list_s_own_rule_gives_its_share_and_the_best_is_no_worse():
    table, *_fates = market()
    fit = fitted(table)
    listed = expected_gains(table, offer=OFFER)
    assert fit.share.value == pytest.approx(listed["is_worth_it"].mean())
    assert fit.by_risk.value < fit.profit.value <= fit.best.value and fit.every.value < fit.profit.value
    for way in ("gain", "risk"):
        line = fit.curve[fit.curve["order"] == way]
        assert line["profit"].iloc[0] == 0 and line["profit"].iloc[-1] == pytest.approx(fit.every.value)
        assert ((line["low"] <= line["profit"]) & (line["profit"] <= line["high"])).all()


# Refuses


def test_what_is_missing_is_refused():
    table, *_fates = market(50)
    with pytest.raises(ValueError, match="every customer needs p_lost"):
        fitted(table.assign(residual_clv=np.nan))
    with pytest.raises(ValueError, match="have churned = 1"):
        fitted(table.assign(churned=1))


# Honest


@pytest.mark.slow
def test_what_it_says_is_what_calling_earns_in_a_market_whose_fates_are_known():
    """1,000 markets: nobody sees who is lost, who pauses and who was gone, but on average it is as said; the interval
    holds what calling earns at a save rate from its beta. It is over customers too, so that it is a little wide."""
    rng = np.random.default_rng(20260630)
    said, earned, held = [], [], []
    for seed in range(1000):
        table, lost, stays = market(400, seed=seed)
        fit = fitted(table) if seed < 200 else None
        gain = expected_gains(table.assign(place=range(400)), offer=OFFER).sort_values("place")
        on, clv = (gain["expected_gain"] > 0).to_numpy(), table["residual_clv"].to_numpy()
        rate = rng.beta(*OFFER.beta)
        each = np.where(lost, rate * (clv - 10), np.where(stays, -10, 0)) - 1
        earned.append(each[on].sum() / 400)
        if fit is not None:
            said.append(fit.profit.value)
            held.append(fit.profit.low <= earned[-1] <= fit.profit.high)
    error = 4 * np.hypot(np.std(said) / 200**0.5, np.std(earned) / 1000**0.5)
    assert np.mean(said) == pytest.approx(np.mean(earned), abs=error)
    assert np.mean(held) > 0.85
