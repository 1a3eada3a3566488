"""Study 03's residual CLV on small shops: what is said, what is not, and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from studies.shop import AS_OF, known, marketing, orders, reasons, walk, walk_once

from cam.estimate import CannotSay, Estimate
from cam.measures.value.future import discounted_purchases, weekly_discount
from cam.studies import clv

#: Any model will do here; this one is quick whatever a resample looks like.
QUICK = {"n_bootstrap": 50, "model": "pareto_nbd"}


def people(n: int = 200) -> pd.DataFrame:
    return pd.DataFrame(
        {"customer_id": range(n), "acquisition_channel": np.where(np.arange(n) < 185, "fair", "mail")}
    )


def of_all(found) -> pd.DataFrame:
    table = found.each.execute().set_index("customer_id").astype(float)
    assert np.isfinite(table.to_numpy()).all() and table.index.is_unique
    for name in [name for name in table if not name.endswith(("_low", "_high"))]:
        assert (table[f"{name}_low"] <= table[name]).all() and (table[name] <= table[f"{name}_high"]).all(), (
            name
        )
    return table


# --- correct ------------------------------------------------------------------------------------


def test_totals_are_sums_over_all_customers(client):
    found = walk_once(client)
    table, figures = of_all(found), known(found)
    assert len(table) == found.log["customer_id"].nunique() == 200
    assert table["p_alive"].sum() == pytest.approx(figures["active_customers"].value, rel=1e-9)
    assert table["expected_purchases"].sum() == pytest.approx(figures["expected_purchases"].value, rel=1e-9)
    # 200 values rounded to the cent.
    assert table["residual_clv"].sum() == pytest.approx(figures["residual_clv_total"].value, abs=0.2)
    for_ever = next(each for each in found.totals if each.segment)
    assert table["residual_clv_for_ever"].sum() == pytest.approx(for_ever.value, abs=0.2)
    assert for_ever.value > figures["residual_clv_total"].value
    assert all(each.n == 200 for each in found.totals)


def test_the_worth_of_a_customer_is_purchases_times_spend_times_margin(client):
    found = walk_once(client)
    table, histories = of_all(found), found.histories.execute().set_index("customer_id")
    histories = histories.loc[table.index].astype({"frequency": float})
    ahead = discounted_purchases(
        found.fits[found.picked.model], histories, discount=weekly_discount(0.10), horizon=12 * 30.4375 / 7
    )
    own = histories["monetary_value"].fillna(0).clip(lower=0).to_numpy()
    each = found.spend.expected(np.where(own > 0, histories["frequency"], 0), own)
    np.testing.assert_allclose(table["residual_clv"], ahead * each * found.margin.value, atol=0.0051)
    revenue = found.log["revenue"].round(2).sum()
    assert found.margin.value == pytest.approx(1 - found.log["cost"].sum() / revenue, abs=1e-9)


def test_the_most_valuable_are_shown_first(client):
    found = walk_once(client)
    best = of_all(found)["residual_clv"].idxmax()
    assert f'<th scope="row">{best}</th>' in found.shown["most"].html.split("</tr>")[1]


# --- consistent ---------------------------------------------------------------------------------


def test_where_nobody_leaves_nothing_is_said_for_ever(client):
    found = walk_once(client, "loyal")
    assert not any("for_ever" in name for name in found.each.columns)
    assert not any(each.segment.get("horizon") for each in found.figures if isinstance(each, Estimate))
    assert "residual_clv_total" in known(found) and "clv" in known(found)
    assert "so nothing is said beyond the horizon" in found.shown["totals"].html
    assert "Customer equity looks beyond any horizon" in reasons(found.equity)[0]
    assert "every customer counts as active" in reasons(found.map)[0]
    assert not any("still active" in said for said in found.findings if isinstance(said, str))


def test_without_a_discount_nothing_is_said_for_ever(client):
    study = client(
        {"transactions": orders(), "spend": marketing()}, value=QUICK | {"annual_discount_rate": 0}
    )
    found = walk(study)
    assert not any("for_ever" in name for name in found.each.columns)
    assert (
        "Without a discount rate a sum for ever has no end, so none is shown." in found.shown["totals"].html
    )
    assert "which needs a discount rate above 0. Set value.annual_discount_rate." in reasons(found.equity)[0]
    # Over the horizon a discount takes a little off, and no more.
    worth = discounted_purchases(
        found.worth.fits[0], found.cells, discount=weekly_discount(0.10), horizon=52.18
    )
    share = found.worth.cells["discounted_purchases"].dot(found.worth.cells["n_customers"])
    assert 1 < share / (worth * found.cells["n_customers"]).sum() < 1.1


def test_a_loss_is_a_loss_with_its_limits_the_right_way_round(client):
    log = orders().assign(cost=lambda each: (each["revenue"] * 1.2).round(2))
    found = walk(client({"transactions": log, "spend": marketing()}, value=QUICK))
    total = known(found)["residual_clv_total"]
    assert total.low < total.value < total.high <= 0
    assert (of_all(found)["residual_clv_high"] <= 0.005).all()
    assert found.equity.total.value < 0


def test_a_margin_next_to_nought_is_not_known_in_sign(client):
    rng = np.random.default_rng(2)
    log = orders().assign(cost=lambda each: (each["revenue"] * rng.uniform(0.2, 1.8, len(each))).round(2))
    log["cost"] = (log["cost"] * log["revenue"].sum() / log["cost"].sum() * 0.9995).round(2)
    found = walk(client({"transactions": log, "spend": marketing()}, value=QUICK))
    table = of_all(found)
    assert found.margin.low < 0 < found.margin.value < 0.01
    assert (table["residual_clv_low"] <= 0).all() and (table["residual_clv_high"] >= 0).all()


def test_an_assumed_margin_of_nought_brings_nought(client):
    log = orders().drop(columns="cost")
    found = walk(client({"transactions": log, "spend": marketing()}, value=QUICK | {"margin_rate": 0.0}))
    assert (of_all(found)["residual_clv"] == 0).all()
    assert known(found)["residual_clv_total"].value == known(found)["clv"].value == 0


def test_everybody_came_on_one_day(client):
    found = walk(client({"transactions": orders(first_days=1)}, value=QUICK))
    assert found.cells["T"].nunique() == 1
    assert known(found)["residual_clv_total"].value > 0


def test_channels_have_a_clv_of_their_own_where_they_hold_one(client):
    found = walk(client({"transactions": orders(), "customers": people()}, value=QUICK))
    assert found.channels["channel"].tolist() == ["fair"]  # mail has too few who came back
    row = found.channels.iloc[0]
    assert row["low"] < row["clv"] < row["high"] and row["n"] == 185


def test_the_same_data_give_the_same_numbers(client):
    one, other = (walk(client({"transactions": orders()}, value=QUICK)) for _ in range(2))
    assert one.totals == other.totals and one.new == other.new
    pd.testing.assert_frame_equal(of_all(one).sort_index(), of_all(other).sort_index())


# --- refuses ------------------------------------------------------------------------------------


def test_without_a_margin_purchases_alone_are_said_and_the_cure(client):
    found = walk(client({"transactions": orders().drop(columns="cost")}, value=QUICK))
    figures = known(found)
    assert "expected_purchases" in figures and not {"residual_clv_total", "clv", "customer_equity"} & set(
        figures
    )
    words = (
        "Margin is not known: transactions have no cost. So there is no CLV, only purchases and spend. Set "
        "value.margin_rate, or map the column cost under data.transactions.columns."
    )
    assert reasons(found.totals) == reasons(found.new) == [words]
    assert words in found.shown["totals"].html
    assert found.each.columns[0] == "customer_id" and not any("clv" in name for name in found.each.columns)
    assert "Which customers will bring most is not shown in money" in reasons(found.shown["most"])[0]
    assert any("will buy" in said for said in found.findings if isinstance(said, str))


def test_a_client_without_orders_has_none_of_it(client):
    answers = pd.DataFrame({"response_date": ["2026-01-01"], "nps": [9]})
    found = walk(client({"responses": answers}))
    assert not any(isinstance(each, Estimate) for each in found.figures)
    assert all(isinstance(each, CannotSay) for each in found.shown.values())


# --- honest -------------------------------------------------------------------------------------


def test_no_interval_goes_below_nothing_or_beyond_all_customers(client):
    log = orders(n=100)
    found = walk(client({"transactions": log}, value=QUICK | {"horizon_months": 1}))
    for each in found.totals:
        assert isinstance(each, CannotSay) or 0 <= each.low <= each.value <= each.high
    active = known(walk_once(client, "plain"))["active_customers"]
    assert active.high <= active.n
    assert "active_customers" not in known(walk_once(client, "loyal"))  # nobody leaves, by assumption


def test_a_longer_horizon_is_less_known(client):
    log = orders()
    widths = []
    for months in (6, 60):
        total = known(walk(client({"transactions": log}, value=QUICK | {"horizon_months": months})))[
            "expected_purchases"
        ]
        widths.append((total.high - total.low) / total.value)
    assert widths[0] < widths[1]


def test_a_month_has_a_twelfth_of_a_year(client):
    study = client({"transactions": orders(n=60)}, value={"horizon_months": 12})
    assert clv.horizon_weeks(study) == pytest.approx(365.25 / 7, rel=1e-12)
    assert AS_OF.date() == study.as_of
