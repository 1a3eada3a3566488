"""What customers are worth beside other studies: study 03's own numbers, and what is at stake in groups of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from studies import shop

from cam.estimate import CannotSay, Estimate
from cam.measures.value.clv import worth_by_draw
from cam.studies import clv, contracts_value, earnings, occasions, profit, segment_value, valued

QUICK = {"n_bootstrap": 60}


def halves(people):
    """Two groups by the last digit of the id, as any grouping could be."""
    last = people.customer_id.cast("string").right(1).cast("int64")
    return people.select("customer_id", half=(last < 5).ifelse("one", "other"))


def contracts(n=1500, *, seed=1):
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2023-07-01") + pd.to_timedelta(rng.integers(0, 1090, n), unit="D")
    lasts = rng.geometric(rng.beta(1.1, 12.0, n))
    end = [day + pd.DateOffset(months=int(min(k, 200))) for day, k in zip(start, lasts, strict=True)]
    frame = pd.DataFrame({"customer_id": range(n), "start_date": start, "end_date": end})
    frame["end_date"] = frame["end_date"].where(frame["end_date"] <= "2026-06-30")
    return frame.assign(monthly_fee=rng.choice([10.0, 20.0], n))


def gifts(n=900, *, seed=3):
    """Gifts on the first of December of nine years, from the story of the BG/BB."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(n):
        p, theta = rng.beta(1.2, 0.8), rng.beta(0.7, 2.8)
        year = int(rng.integers(2017, 2022))
        rows.append((customer, f"{year}-12-01"))
        while (year := year + 1) <= 2025 and rng.random() >= theta:
            if rng.random() < p:
                rows.append((customer, f"{year}-12-01"))
    return pd.DataFrame(rows, columns=["customer_id", "order_date"]).assign(revenue=20.0)


def frame_of(table):
    return table.execute().set_index("customer_id").sort_index()


# --- consistent ---------------------------------------------------------------------------------


def test_it_is_study_03_s_own_numbers(client):
    """The steps of its notebook, one by one, beside the one call."""
    log = shop.orders()
    study = client({"transactions": log}, value=QUICK | {"cost_to_serve": {"order": 2.0}})
    walked = shop.walk(study)
    decided = earnings.setting(study)
    customers = earnings.summarise(study, decided)
    people = segment_value.combine(
        study,
        customers,
        profit.serve(study, customers),
        earnings.known_worth(study, walked.each),
        segment_value.rfm_scores(study),
    )
    by_hand, worth = frame_of(people), frame_of(walked.each)
    found = frame_of(valued.value_customers(study))
    assert found.index.tolist() == by_hand.index.tolist() and len(found) == log["customer_id"].nunique()
    for name in ("margin", "profit", "p_alive", "residual_clv", "rfm_segment", "frequency"):
        assert found[name].tolist() == by_hand[name].tolist(), name
    for name in ("residual_clv", "residual_clv_low", "residual_clv_high"):
        assert found[name].tolist() == worth.loc[found.index, name].tolist(), name


def test_contracts_have_the_worth_that_study_03_gives_them(client):
    study = client({"contracts": contracts()}, value={"margin_rate": 0.4})
    tenures = contracts_value.tenures(study, "contractual")
    fits = contracts_value.fit(study, contracts_value.cells(study, tenures))
    base = contracts_value.running(study, tenures)
    by_hand = frame_of(contracts_value.scores(study, tenures, contracts_value.factors(study, fits, base)))
    ahead = valued.look_ahead(study)
    found = frame_of(valued.value_customers(study, ahead))
    for name in ("residual_clv", "residual_clv_low", "residual_clv_high"):
        assert found[name].tolist() == by_hand.loc[found.index, name].tolist()
    # And what is at stake in all groups together is study 03's total, limits and all.
    people = valued.value_customers(study, ahead)
    at = valued.stakes(study, people, ahead, halves(people), ["half"])
    whole = valued.at_stake(study, at, np.array([True, True]))
    total = contracts_value.totals(study, fits, base)[0]
    assert (whole.value, whole.low, whole.high) == pytest.approx(
        (total.value, total.low, total.high), rel=1e-9
    )
    parts = [valued.at_stake(study, at, np.array(each)) for each in ([True, False], [False, True])]
    assert sum(part.value for part in parts) == pytest.approx(whole.value, rel=1e-9)


def test_customers_of_occasions_have_their_chance_of_coming_but_no_money(client):
    study = client({"transactions": gifts()}, client={"id": "small", "as_of": "2026-06-30"})
    ahead = valued.look_ahead(study)
    dates = occasions.occasions(study, "non_contractual")
    assert not isinstance(dates, CannotSay) and dates is not None
    found = frame_of(valued.value_customers(study, ahead))
    assert found["p_alive"].notna().all() and "residual_clv" not in found.columns
    people = valued.value_customers(study, ahead)
    at = valued.stakes(study, people, ahead, halves(people), ["half"])
    assert valued.at_stake(study, at, np.array([True, True])) is None


def test_what_is_at_stake_adds_up_to_study_03_s_total(client):
    study = client({"transactions": shop.orders(400)}, value={"n_bootstrap": 200})
    ahead = valued.look_ahead(study)
    people = valued.value_customers(study, ahead)
    at = valued.stakes(study, people, ahead, halves(people), ["half"])
    whole = valued.at_stake(study, at, np.array([True, True]))
    total = next(
        each
        for each in clv.totals(study, valued._worth(study, ahead.histories, ahead.margin))
        if isinstance(each, Estimate) and each.figure == "residual_clv_total" and not each.segment
    )
    assert whole.value == pytest.approx(total.value, rel=1e-9)
    # Chance is drawn anew for other groups, from 40 futures each: that moves a distance by a tenth or so.
    for end in ("low", "high"):
        one, other = (abs(getattr(each, end) - each.value) for each in (whole, total))
        assert one == pytest.approx(other, rel=0.2)
    parts = [valued.at_stake(study, at, np.array(each)) for each in ([True, False], [False, True])]
    assert sum(part.value for part in parts) == pytest.approx(whole.value, rel=1e-9)
    # Parameters err together: the whole is less certain than if the halves erred apart, not more than both at once.
    wide = [part.high - part.low for part in parts]
    assert np.hypot(*wide) * 0.9 < whole.high - whole.low <= sum(wide) * 1.001


# --- honest -------------------------------------------------------------------------------------


def test_draws_read_off_a_few_points_are_those_worked_out_in_full(client):
    """Every resample's total, beside study 03's own sums by draw: off by a twentieth of their spread, typically.

    These are 400 customers; with more the resamples lie closer together, and a parabola fits them better.
    """
    study = client({"transactions": shop.orders(400)}, value={"n_bootstrap": 200})
    ahead = valued.look_ahead(study)
    people = valued.value_customers(study, ahead)
    at = valued.stakes(study, people, ahead, halves(people), ["half"])
    worth = ahead.worth
    exact = worth_by_draw(worth.sums, worth.spend, worth.margin, outlook_name="discounted_purchases")
    found = at.draws.sum(axis=1)
    assert found[0] == pytest.approx(exact[0], rel=1e-12)
    spread = exact[1:].std()
    assert spread > 0 and ((found - exact) ** 2).mean() ** 0.5 < 0.05 * spread
    assert np.abs(np.percentile(found, [2.5, 97.5]) - np.percentile(exact, [2.5, 97.5])).max() < 0.1 * spread


# --- refuses ------------------------------------------------------------------------------------


def test_what_cannot_be_said_stays_absent(client):
    few = shop.orders(12).drop(columns="cost")
    study = client({"transactions": few})
    ahead = valued.look_ahead(study)
    assert isinstance(ahead.worth, CannotSay) and isinstance(ahead.served, CannotSay)
    found = frame_of(valued.value_customers(study, ahead))
    assert not {"margin", "profit", "p_alive", "residual_clv"} & set(found.columns)
    assert {"revenue", "rfm_segment"} <= set(found.columns)
    both = client({"transactions": few, "contracts": contracts(5)})
    said = valued.value_customers(both)
    assert isinstance(said, CannotSay) and "value.setting" in said.cure
