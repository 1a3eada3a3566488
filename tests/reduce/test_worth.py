"""Cells with spend, and customers with what they are worth: at the cent, each customer once, on every engine."""

from __future__ import annotations

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest
from reduce.test_summary import simulate_log

from cam.estimate import Z
from cam.measures.value.clv import score_cells, spend_by_frequency
from cam.measures.value.gamma_gamma import GammaGammaFit, fit_gamma_gamma
from cam.measures.value.pareto_nbd import ParetoNbdFit
from cam.reduce.summary import customer_summary
from cam.reduce.worth import SPEND_UNIT, customer_worth, near_spend_cells, spend_cells, worth_cells

KEYS = ["frequency", "recency", "T"]
AS_OF = date(2025, 3, 1)
FITS = [
    ParetoNbdFit(0.55, 10.6, 0.6, 11.7),
    ParetoNbdFit(0.5, 10.0, 0.7, 12.0),
    ParetoNbdFit(0.6, 11, 0.5, 11),
]
SPEND = [GammaGammaFit(6.25, 3.74, 15.44), GammaGammaFit(6.0, 3.9, 16.0), GammaGammaFit(6.5, 3.6, 15.0)]


def odd_log() -> pd.DataFrame:
    """Refunds, rows worth nothing, and customers whose repeat purchases brought nothing or less."""
    log = simulate_log(1, with_refunds=True)
    log.loc[log.index[::17], "revenue"] = 0.0
    is_odd = log["customer_id"].isin([f"{number:05d}" for number in range(0, 300, 9)])
    log.loc[is_odd & (log["kind"] == "netted refund"), "revenue"] -= 500
    log.loc[log["customer_id"].isin([f"{number:05d}" for number in range(0, 300, 11)]), "revenue"] = 0.0
    return log


def in_plain_pandas(people: pd.DataFrame) -> pd.DataFrame:
    own = people["monetary_value"].fillna(0).clip(lower=0)
    table = people[KEYS].assign(
        spend_frequency=np.where(own > 0, people["frequency"], 0), units=np.floor(own * 10_000 + 0.5)
    )
    grouped = table.groupby([*KEYS, "spend_frequency"])["units"].agg(n_customers="size", units="sum")
    return grouped.assign(spend_sum=grouped.pop("units") / 10_000).reset_index()


@pytest.fixture
def histories(place):
    """Stands in the engine as a table, as in the study."""
    people = customer_summary(place("log", odd_log()), as_of=AS_OF).execute()
    return people, place("people", people.drop(columns=["first_date", "last_date", "revenue"]))


def scored_cells(cells: pd.DataFrame, fits=FITS) -> pd.DataFrame:
    scored, _ = score_cells(fits, cells, horizon=52, discount=0.002)
    return scored


def worth_of(place, people, cells, *, margin=0.4, margin_error=0.0, **given) -> pd.DataFrame:
    scored = scored_cells(cells)
    spend = spend_by_frequency(SPEND, sorted(scored["spend_frequency"].unique()))
    tables = place("scored", scored.drop(columns=given.pop("without", []))), place("spend", spend)
    found = customer_worth(people, *tables, margin=margin, margin_error=margin_error, z=Z).execute()
    return found.set_index("customer_id").astype(float).sort_index()


# --- correct ------------------------------------------------------------------------------------


def test_cells_equal_plain_pandas(histories):
    people, table = histories
    by = [*KEYS, "spend_frequency"]
    ours = worth_cells(table).execute().astype(float).sort_values(by).reset_index(drop=True)
    theirs = in_plain_pandas(people).astype(float).sort_values(by).reset_index(drop=True)
    pd.testing.assert_frame_equal(ours[theirs.columns], theirs, rtol=1e-12)
    repeated = people[people["frequency"] > 0]
    assert (repeated["monetary_value"] < 0).any() and (repeated["monetary_value"] == 0).any()


def test_spenders_equal_plain_pandas(histories):
    people, table = histories
    by = ["frequency", "monetary_value"]
    ours = spend_cells(table).execute().astype(float).sort_values(by).reset_index(drop=True)
    known = people[(people["frequency"] > 0) & (people["monetary_value"] > 0)]
    theirs = known.groupby(by).size().rename("n_customers").reset_index().astype(float)
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-12)


def test_worth_is_the_product_by_hand_at_the_cent(place, histories):
    people, table = histories
    cells = worth_cells(table).execute()
    found = worth_of(place, table, cells, margin=0.4)
    mine = people.set_index("customer_id").sort_index()
    by_key = scored_cells(cells).drop_duplicates(KEYS).set_index(KEYS)
    ahead = by_key.loc[pd.MultiIndex.from_frame(mine[KEYS])]
    own = mine["monetary_value"].fillna(0).clip(lower=0).to_numpy()
    spent = SPEND[0].expected(np.where(own > 0, mine["frequency"], 0), own)
    np.testing.assert_allclose(found["expected_spend"], spent, atol=0.00501)
    for name, factor in (("residual_clv", "discounted_purchases"), ("residual_clv_for_ever", "dert")):
        np.testing.assert_allclose(found[name], 0.4 * spent * ahead[factor].to_numpy(), atol=0.00501)
    for name in ("p_alive", "expected_purchases"):
        for end in ("", "_low", "_high"):
            np.testing.assert_allclose(found[f"{name}{end}"], ahead[f"{name}{end}"], rtol=1e-12)


def test_limits_put_the_distances_of_the_factors_together(place, histories):
    people, table = histories
    cells = worth_cells(table).execute()
    found = worth_of(place, table, cells, margin=0.4)
    customer = people.query("frequency > 2 and monetary_value > 0").iloc[0]
    ahead = scored_cells(cells).set_index(KEYS).loc[tuple(customer[KEYS])]
    ahead = ahead.iloc[0] if isinstance(ahead, pd.DataFrame) else ahead
    row = spend_by_frequency(SPEND, [customer["frequency"]]).iloc[0]
    m = customer["monetary_value"]
    expected = row["base"] + row["slope"] * m
    error = (row["var_base"] + 2 * m * row["covariance"] + m**2 * row["var_slope"]) ** 0.5 / expected
    value = ahead["discounted_purchases"]
    below = np.hypot(np.log(value / ahead["discounted_purchases_low"]), Z * error)
    above = np.hypot(np.log(ahead["discounted_purchases_high"] / value), Z * error)
    mine = found.loc[customer["customer_id"]]
    assert mine["residual_clv_low"] == pytest.approx(0.4 * value * expected * np.exp(-below), abs=0.006)
    assert mine["residual_clv_high"] == pytest.approx(0.4 * value * expected * np.exp(above), abs=0.006)


# --- consistent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("margin", "error"), [(0.4, 0.0), (0.4, 0.05), (0.01, 0.2), (0.0, 0.1), (-0.2, 0.05)]
)
def test_every_customer_once_and_every_value_within_its_limits(place, histories, margin, error):
    people, table = histories
    found = worth_of(place, table, worth_cells(table).execute(), margin=margin, margin_error=error)
    assert list(found.index) == sorted(
        people["customer_id"]
    )  # x > 0 with a mean not above zero is among them
    assert found.notna().all().all() and np.isfinite(found.to_numpy()).all()
    names = [name for name in found if not name.endswith(("_low", "_high"))]
    assert names == [
        "p_alive",
        "p_buys",
        "expected_purchases",
        "dert",
        "expected_spend",
        "residual_clv",
        "residual_clv_for_ever",
    ]
    for name in names:
        assert (found[f"{name}_low"] <= found[name]).all(), name
        assert (found[name] <= found[f"{name}_high"]).all(), name
    assert (found["residual_clv"].abs() <= found["residual_clv_for_ever"].abs() + 0.01).all()
    # What is not known of the margin is not known of the worth: of most customers a limit crosses nought.
    if margin == 0.01:
        assert (found["residual_clv_low"] < 0).mean() > 0.5


def test_what_is_not_known_of_the_margin_widens_the_limits(place, histories):
    _, table = histories
    cells = worth_cells(table).execute()
    sure, unsure = (worth_of(place, table, cells, margin_error=error) for error in (0.0, 0.05))
    assert (unsure["residual_clv_low"] <= sure["residual_clv_low"]).all()
    assert (unsure["residual_clv_high"] >= sure["residual_clv_high"]).all()
    assert (unsure["residual_clv"] == sure["residual_clv"]).all()
    assert (unsure["expected_spend_high"] == sure["expected_spend_high"]).all()


def test_without_spend_there_is_no_money_and_without_for_ever_no_such_column(place, histories):
    people, table = histories
    cells = worth_cells(table).execute()
    bare = customer_worth(table, place("scored", scored_cells(cells)), z=Z)
    ends = ("", "_low", "_high")
    assert bare.columns == (
        "customer_id",
        *(f"{name}{end}" for name in ("p_alive", "p_buys", "expected_purchases", "dert") for end in ends),
    )
    assert bare.count().execute() == len(people)
    near = worth_of(place, table, cells, without=["dert", "dert_low", "dert_high"])
    assert "residual_clv" in near and not any("for_ever" in name for name in near)


def test_the_sum_of_own_spend_is_exact_and_no_customer_is_lost(histories):
    people, table = histories
    cells = worth_cells(table).execute()
    assert cells["n_customers"].sum() == len(people)
    units = sum(round(value * SPEND_UNIT) for value in cells["spend_sum"])
    own = people["monetary_value"].fillna(0).clip(lower=0)
    assert units == int(np.floor(own * SPEND_UNIT + 0.5).sum())


def test_neither_the_order_of_rows_nor_what_comes_later_changes_anything(place):
    log = odd_log()
    later = log.assign(order_date=pd.Timestamp("2025-03-02"), revenue=999.0)
    tables = []
    for name, frame in (
        ("a", log),
        ("b", log.sample(frac=1, random_state=0)),
        ("c", pd.concat([later, log])),
    ):
        seen = customer_summary(place(name, frame), as_of=AS_OF)
        cells = worth_cells(seen).execute().astype(float).sort_values([*KEYS, "spend_frequency"])
        spent = spend_cells(seen).execute().astype(float).sort_values(["frequency", "monetary_value"])
        tables.append((cells.reset_index(drop=True), spent.reset_index(drop=True)))
    for cells, spent in tables[1:]:
        pd.testing.assert_frame_equal(cells, tables[0][0])
        pd.testing.assert_frame_equal(spent, tables[0][1])


# --- refuses ------------------------------------------------------------------------------------


def test_nobody_makes_no_rows(place, histories):
    _, table = histories
    nobody = table.filter(table.frequency < 0)
    assert worth_cells(nobody).execute().empty and spend_cells(nobody).execute().empty


def test_near_means_stand_together_and_lose_nobody_and_no_money(place, histories):
    people, table = histories
    known = people[(people["frequency"] > 0) & (people["monetary_value"] > 0)]
    near = near_spend_cells(table).execute().astype(float)
    assert len(near) <= len(known) and not near.duplicated(["frequency", "monetary_value"]).any()
    assert near["n_customers"].sum() == len(known)
    for frequency, cells in near.groupby("frequency"):
        mine = known.loc[known["frequency"] == frequency, "monetary_value"]
        held = (cells["monetary_value"] * cells["n_customers"]).sum()
        # Each mean is rounded to a ten-thousandth of the currency.
        np.testing.assert_allclose(held, mine.sum(), rtol=0, atol=len(mine) / SPEND_UNIT)


def test_a_model_of_spend_hardly_sees_that_near_means_stand_together():
    rng = np.random.default_rng(1)
    n = 20_000
    x = rng.integers(1, 9, n)
    mean = rng.gamma(6.25 * x, 1 / (x * rng.gamma(3.74, 1 / 15.44, n)))
    people = ibis.memtable({"frequency": x, "monetary_value": mean})
    exact, near = (fit_gamma_gamma(cells(people).execute()) for cells in (spend_cells, near_spend_cells))
    # A thousandth of the standard errors, which are near 0.02 of the logarithms.
    np.testing.assert_allclose(near.theta, exact.theta, rtol=0, atol=2e-5)
