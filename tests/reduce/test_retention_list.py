"""Whom it pays to contact, in the engine: row by row what the measure says, on both engines, and its laws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.churn.profit import Offer, expected_gains, list_gain, sums_of_list
from cam.reduce.retention_list import (
    list_sums,
    mean_losses,
    retention_list,
    riskiest,
    with_losses,
    with_odds,
)

OFFER = Offer(offer_cost=10, contact_cost=1)
SHARE = 0.75


def people(n=300, *, seed=1, times=1):
    """Every tenth has a twin with the same risk and worth, so that ties are there."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"p_churn": rng.random(n).round(3), "residual_clv": rng.lognormal(4, 1, n).round(2)})
    frame["p_alive"] = rng.beta(3, 1, n).round(3)
    frame.iloc[1::10] = frame.iloc[0::10].to_numpy()
    frame["residual_clv"] = (times * frame["residual_clv"]).round(2)
    frame["p_lost"] = SHARE * np.maximum(frame["p_churn"] - (1 - frame["p_alive"]), 0)
    return frame.assign(customer_id=[f"c{one:04d}" for one in rng.permutation(n)])


def ranked(place, frame, *, offer=OFFER, budget=None, name="people"):
    scored = place(f"{name}_scored", frame[["customer_id", "p_churn"]])
    worth = place(f"{name}_worth", frame[["customer_id", "residual_clv", "p_alive"]])
    worth = worth.select("customer_id", "p_alive", clv_if_stays=worth.residual_clv.cast("decimal(18,2)"))
    return retention_list(
        with_losses(scored, worth, share=SHARE),
        worth,
        offer_cost=offer.offer_cost,
        contact_cost=offer.contact_cost,
        save_rate=offer.save_rate,
        budget=budget,
    )


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [None, 0.0, 200.0])
def test_every_row_is_what_the_measure_says(place, budget):
    frame = people()
    found = ranked(place, frame, budget=budget).order_by("rank").execute()
    wanted = expected_gains(frame, offer=OFFER, budget=budget)
    assert wanted["expected_gain"].duplicated().any()  # ties
    for name in ("customer_id", "rank", "is_worth_it", "is_within_budget"):
        assert found[name].tolist() == wanted[name].tolist(), name
    for name in ("expected_gain", "expected_cost", "cumulative_gain", "cumulative_cost"):
        # Both are rounded to the hundredth of a cent; what is left is the sum of floats on the one side.
        np.testing.assert_allclose(found[name].astype(float), wanted[name], rtol=0, atol=1e-6)


def test_sums_of_a_list_are_those_of_its_customers(place):
    table = ranked(place, people(), budget=200.0)
    listed = table.filter(table.is_within_budget)
    sums = list_sums(listed, offer_cost=10.0, save_rate=0.3).execute()
    gain, cost = sums_of_list(sums, offer=OFFER, currency="EUR")
    frame = listed.execute().astype({"clv_if_stays": float}).rename(columns={"clv_if_stays": "residual_clv"})
    wanted = list_gain(frame, offer=OFFER, currency="EUR")
    n = len(frame)
    assert 10 < n < 300 and gain.n == cost.n == n
    for end in ("value", "low", "high"):
        assert getattr(gain, end) == pytest.approx(getattr(wanted, end), abs=n * 1e-4)
    assert gain.value == float(frame["expected_gain"].sum())
    assert cost.value == float(frame["expected_cost"].sum()) == float(frame["cumulative_cost"].max())


def test_the_riskiest_are_those_of_the_highest_risk(place):
    frame = people()
    found = riskiest(ranked(place, frame), n=40).execute()
    wanted = frame.sort_values(["p_churn", "customer_id"], ascending=[False, True]).head(40)
    assert sorted(found["customer_id"]) == sorted(wanted["customer_id"])


def test_odds_and_means_are_those_of_the_customers_whose_worth_is_known(place):
    frame = people()
    scored = place("odds_scored", frame[["customer_id", "p_churn"]])
    known = place("odds_worth", frame[["customer_id", "residual_clv", "p_alive"]].head(100))
    worth = known.rename(clv_if_stays="residual_clv")
    means = mean_losses(with_losses(scored, worth, share=SHARE), worth).execute().iloc[0]
    assert means["n"] == 100
    for name in ("p_churn", "p_lost"):
        assert float(means[name]) == pytest.approx(frame[name].head(100).mean(), abs=1e-8)
    moved = with_odds(scored, odds=0.2).execute().set_index("customer_id").loc[frame["customer_id"]]
    p = frame["p_churn"].to_numpy()
    np.testing.assert_allclose(moved["p_lost"], 0.2 * p / (1 - p + 0.2 * p), atol=1e-12)


def test_a_worth_of_a_thousand_millions_adds_up(place):
    """Squares of such money are beyond a whole number of 64 bits."""
    frame = people().assign(residual_clv=1e9)
    table = ranked(place, frame, name="rich")
    listed = table.filter(table.is_within_budget)
    gain, _cost = sums_of_list(
        list_sums(listed, offer_cost=10.0, save_rate=0.3).execute(), offer=OFFER, currency="EUR"
    )
    wanted = list_gain(expected_gains(frame, offer=OFFER).query("is_worth_it"), offer=OFFER, currency="EUR")
    assert gain.n == wanted.n > 200
    for end in ("value", "low", "high"):
        assert getattr(gain, end) == pytest.approx(getattr(wanted, end), rel=1e-9)


# --- consistent ---------------------------------------------------------------------------------


def test_the_order_of_rows_changes_nothing(place):
    one = ranked(place, people(), budget=200.0).order_by("customer_id").execute()
    other = ranked(place, people().sample(frac=1, random_state=1), budget=200.0, name="shuffled")
    pd.testing.assert_frame_equal(one, other.order_by("customer_id").execute())


def test_ten_times_the_money_is_the_same_list(place):
    one = ranked(place, people(), budget=200.0).order_by("customer_id").execute()
    dear = Offer(offer_cost=100, contact_cost=10)
    other = ranked(place, people(times=10), offer=dear, budget=2000.0, name="dear")
    other = other.order_by("customer_id").execute()
    for name in ("is_worth_it", "is_within_budget"):
        assert one[name].tolist() == other[name].tolist(), name
    # Gains that are equal to the hundredth of a cent may change places with their neighbour.
    assert (one["rank"] - other["rank"]).abs().max() <= 1
    np.testing.assert_allclose(
        10 * one["expected_gain"].astype(float), other["expected_gain"].astype(float), atol=1e-3
    )


def test_a_dearer_contact_never_makes_a_longer_list_and_a_larger_budget_never_a_shorter_one(place):
    def n(column, **how):
        return int(ranked(place, people(), **how)[column].ifelse(1, 0).sum().execute())

    by_cost = [n("is_worth_it", offer=Offer(10, contact)) for contact in (0, 1, 5, 50, 5000)]
    assert by_cost == sorted(by_cost, reverse=True) and by_cost[0] > by_cost[2] > by_cost[-1] == 0
    by_budget = [n("is_within_budget", budget=money) for money in (0.0, 100.0, 500.0, 1e9)]
    assert by_budget == sorted(by_budget) and by_budget[0] == 0 and by_budget[-1] == n("is_worth_it")


def test_a_budget_that_is_met_to_the_cent_is_enough(place):
    frame = pd.DataFrame({"customer_id": ["a", "b", "c"], "p_churn": 1.0, "residual_clv": 100.0})
    frame = frame.assign(p_alive=1.0, p_lost=SHARE)
    # Three contacts of 0.10 add up to more than 0.30 in binary.
    found = ranked(place, frame, offer=Offer(0, 0.1), budget=0.3).execute()
    assert found["is_within_budget"].all()
    assert expected_gains(frame, offer=Offer(0, 0.1), budget=0.3)["is_within_budget"].all()


def test_whose_worth_is_not_known_stays_without_a_rank(place):
    scored = place("some_scored", pd.DataFrame({"customer_id": ["a", "b"], "p_churn": [0.9, 0.9]}))
    worth = place("some_worth", pd.DataFrame({"customer_id": ["b", "z"], "clv_if_stays": [50.0, 99.0]}))
    lost = with_losses(scored, worth)
    found = retention_list(lost, worth, offer_cost=1.0, contact_cost=0.0, save_rate=0.3)
    found = found.order_by("customer_id").execute()
    assert found["customer_id"].tolist() == ["a", "b"] and found["p_churn"].tolist() == [0.9, 0.9]
    assert pd.isna(found["rank"][0]) and found["rank"][1] == 1
    assert found["is_within_budget"].tolist() == [False, True]
    assert (
        riskiest(retention_list(lost, worth, offer_cost=1.0, contact_cost=0.0, save_rate=0.3), n=2)
        .count()
        .execute()
        == 1
    )
