"""Customer segment value on small clients of every kind: it says what it can, and why it cannot say the rest."""

from __future__ import annotations

import dataclasses

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.studies import earnings as value
from cam.studies import loyalty, profit, segment_value, segmentation

COSTS = {"order": 2.0, "refund": 5.0, "ticket": 8.0}


def orders(n=1500, *, seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 300, n).astype(str),
            "order_id": np.arange(n).astype(str),
            "order_date": pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 540, n), unit="D"),
            "revenue": rng.gamma(1, 30, n).round(2) + 1,
        }
    )
    back = frame.iloc[:100].assign(revenue=-1.0)
    # Three refunds belong to no order, and one is of somebody who never bought.
    back.loc[back.index[:3], "order_id"] = ["x1", "x2", "x3"]
    back.loc[back.index[2], "customer_id"] = "stranger"
    frame = pd.concat([frame, back], ignore_index=True)
    return frame.assign(cost=(frame["revenue"] * 0.6).round(2))


def people():
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "customer_id": [str(i) for i in range(280)],
            "acquired_date": "2025-01-01",
            "acquisition_channel": rng.choice(["search", "fair"], 280),
            "wallet": 100.0,
            "city": rng.choice(["north", "south", ""], 280),
            "card": [f"{i}-card" for i in range(280)],
        }
    )


def tickets():
    who = [str(i) for i in range(60)] + ["", "stranger"]
    return pd.DataFrame({"ticket_id": range(62), "opened": "2026-01-01", "customer_id": who})


def run(study, *, has_model=True):
    """All steps, as the notebook calls them."""
    customers = value.summarise(study, value.setting(study))
    summary = segmentation.measure_value(study, segmentation.summarise(study))
    fit = segmentation.fit_rfm(study, segmentation.count_values(study, summary))
    scored = segmentation.score_customers(study, summary, fit)
    worth = CannotSay("There is no model.")
    if has_model and not isinstance(summary, CannotSay):
        alive = (0 - summary.days_since_last / 200.0).exp()
        worth = summary.select(
            "customer_id", p_alive=alive, residual_clv=alive * summary.revenue.cast("float64")
        )
    served = profit.serve(study, customers)
    groups = profit.profit_groups(study, served)
    curve, figures = profit.profit_curve(study, groups), profit.whale_figures(study, groups)
    everybody = segment_value.combine(study, customers, served, worth, scored)
    segments = segment_value.segment_value(study, everybody)
    chosen = segment_value.attributes(study, everybody)
    sums = segment_value.attribute_sums(study, everybody, chosen)
    strength = segment_value.attribute_strength(study, sums)
    levels = segment_value.attribute_value(study, sums, strength)
    placed = loyalty.place(study, everybody)
    line = loyalty.profit_line(study, placed)
    table = loyalty.loyalty_matrix(study, placed, line)
    shown = [
        profit.show_serving(study, served),
        segment_value.show_segment_value(study, segments),
        segment_value.show_attributes(study, chosen),
        segment_value.show_strength(study, strength),
        segment_value.show_attribute_value(study, everybody, levels),
        loyalty.show_matrix(study, everybody, placed, line, table),
    ]
    found = [
        *profit.findings(study, served, figures),
        *segment_value.findings(study, segments, sums, strength),
        *loyalty.findings(study, table),
    ]
    keys = [
        *profit.key_figures(study, served, figures),
        *segment_value.key_figures(study, segments),
        *loyalty.key_figures(study, table),
    ]
    known = {(one.figure, *one.segment.values()): one for one in keys if isinstance(one, Estimate)}
    pages = [page if isinstance(page, CannotSay) else page.html.replace("\xa0", " ") for page in shown]
    return {"served": served, "curve": curve, "segments": segments, "levels": levels, "chosen": chosen,
            "table": table, "pages": pages, "found": found, "known": known}  # fmt: skip


def unsaid(found):
    return [f"{one.reason} {one.cure}".strip() for one in found if isinstance(one, CannotSay)]


# --- correct ------------------------------------------------------------------------------------


def test_profit_is_what_is_left_after_serving(client):
    frame = orders()
    study = client({"transactions": frame, "tickets": tickets()}, value={"cost_to_serve": COSTS})
    made = run(study)
    served = made["served"].execute().set_index("customer_id")
    bought = frame[frame["customer_id"] != "stranger"]
    margin = (bought["revenue"] - bought["cost"]).groupby(bought["customer_id"]).sum()
    n_orders = frame[frame["revenue"] > 0].groupby("customer_id").size()
    n_refunds = (
        bought[bought["revenue"] < 0].groupby("customer_id").size().reindex(margin.index, fill_value=0)
    )
    n_tickets = pd.Series([int(who) < 60 for who in margin.index], margin.index)
    expected = margin - 2 * n_orders - 5 * n_refunds - 8 * n_tickets
    assert (served["profit"].astype(float) - expected).abs().max() < 1e-6
    assert made["known"]["unprofitable_share",].value == pytest.approx((expected.round(2) < 0).mean())
    assert made["known"]["whale_peak",].value == pytest.approx(
        expected.clip(lower=0).sum() / expected.sum(), rel=1e-9
    )
    assert made["known"]["profit_per_customer",].value == pytest.approx(expected.mean(), rel=1e-9)
    page = made["pages"][0]
    assert "1 refunded order is of customers who never bought" in page
    assert "3 refunds belong to no order that is known" in page
    assert "2 tickets name no customer, or one who never bought" in page


def test_every_customer_is_in_one_segment_one_level_and_at_most_one_quadrant(client):
    study = client({"transactions": orders(), "customers": people()}, value={"cost_to_serve": {"order": 2.0}})
    made = run(study)
    n = int(made["served"].count().execute())
    assert made["segments"]["n_customers"].sum() == n
    assert made["levels"].groupby("attribute")["n_customers"].sum().eq(n).all()
    assert made["table"]["n_customers"].sum() <= n
    for shares in ("customer_share", "revenue_share", "profit_share", "residual_clv_share"):
        assert made["segments"][shares].sum() == pytest.approx(1)
    assert all(one.low <= one.value <= one.high for one in made["known"].values())
    assert not unsaid(made["found"])


def test_columns_that_are_no_attributes_are_named(client):
    made = run(client({"transactions": orders(), "customers": people()}))
    why = made["chosen"].set_index("column")["why_not"]
    assert why.dropna().to_dict() == {"acquired_date": "date", "wallet": "continuous", "card": "id"}
    assert why.index[0] == "acquisition_channel"
    assert "20 customers have no row in the table customers" in made["pages"][4]


# --- refuses ------------------------------------------------------------------------------------


def test_without_rates_it_says_that_no_cost_is_counted(client):
    made = run(client({"transactions": orders()}))
    assert "No cost to serve is counted" in made["pages"][0]
    served = made["served"].execute()
    assert (served["profit"] == served["margin"]).all()
    assert ("cost_to_serve_per_customer",) not in made["known"]


@pytest.mark.parametrize("frames", [{}, {"tickets": tickets().drop(columns="customer_id")}])
def test_a_cost_per_ticket_without_customers_of_tickets_is_never_nothing(client, frames):
    made = run(client({"transactions": orders(), **frames}, value={"cost_to_serve": {"ticket": 8.0}}))
    assert isinstance(made["served"], CannotSay) and isinstance(made["curve"], CannotSay)
    assert "Or set that cost to 0." in made["served"].cure
    assert "profit" not in made["segments"] and "Profit is left out" in made["pages"][1]


def test_a_refund_in_a_column_cannot_be_counted(client):
    frame = orders()
    frame = frame[frame["revenue"] > 0].assign(back=0.5)
    study = client({"transactions": frame}, value={"cost_to_serve": {"refund": 5.0}})
    source = study.params.data.transactions
    options = source.options.model_copy(update={"refund_column": "back"})
    data = study.params.data.model_copy(
        update={"transactions": source.model_copy(update={"options": options})}
    )
    study = dataclasses.replace(study, params=study.params.model_copy(update={"data": data}))
    assert "Give refunds as rows of their own" in run(study)["served"].cure


def test_without_a_margin_revenue_and_the_model_are_left(client):
    made = run(client({"transactions": orders().drop(columns="cost"), "customers": people()}))
    assert unsaid(made["found"])[0].startswith(
        "Profit per customer is not known without a margin. Set value.margin_rate"
    )
    assert "revenue_share" in made["segments"] and "residual_clv_share" in made["segments"]
    assert isinstance(made["table"], CannotSay)


def test_without_a_model_residual_clv_is_left_out_and_own_rhythm_decides(client):
    made = run(client({"transactions": orders(), "customers": people()}), has_model=False)
    assert "residual_clv" not in made["segments"]
    assert "Residual CLV is left out" in made["pages"][1]
    assert "there is no model" in made["pages"][5]
    assert any("Residual CLV is left out" in one for one in unsaid(made["found"]))


def test_few_customers_get_no_curve(client):
    frame = orders().query("customer_id in ['1', '2', '3']")
    made = run(client({"transactions": frame, "customers": people()}))
    assert made["curve"].reason.startswith("How profit is spread over customers is not shown: 3 customers")
    assert any("100 are needed" in one for one in unsaid(made["found"]))


def test_a_business_that_loses_money_has_no_shares(client):
    made = run(client({"transactions": orders()}, value={"cost_to_serve": {"order": 40.0}}))
    assert "not above zero in total" in made["curve"].reason
    assert made["known"]["unprofitable_share",].value > 0.5 and ("whale_peak",) not in made["known"]
    lost = next(one for one in made["found"] if "have cost more than they brought" in one)
    each = made["served"].execute()["profit"].astype(float)
    assert lost.stake.value == pytest.approx(-each[each < 0].sum(), abs=0.01)
    assert lost.stake.n == (each < 0).sum() and lost.can_be_moved
    assert "There is no share of profit so far" in made["pages"][1]


def test_contracts_have_segments_only_by_attribute(client):
    rng = np.random.default_rng(3)
    contracts = pd.DataFrame(
        {"customer_id": [str(i) for i in range(280)], "start_date": "2025-01-01",
         "end_date": "", "monthly_fee": rng.gamma(2, 10, 280).round(2)}
    )  # fmt: skip
    made = run(client({"contracts": contracts, "customers": people()}, value={"margin_rate": 0.5}))
    assert "RFM" in made["segments"].reason and "revenue_share" in made["levels"]
    assert "only where customers can leave without a word" in made["table"].reason
    charged = client({"contracts": contracts}, value={"margin_rate": 0.5, "cost_to_serve": {"order": 1.0}})
    assert "Value comes from contracts" in run(charged)["served"].reason


# --- honest -------------------------------------------------------------------------------------


def test_nothing_to_be_seen_is_a_result(client):
    made = run(client({"transactions": orders(), "customers": people()}))
    assert any(
        "Not one of 2 attributes tells customers apart by residual CLV" in one for one in made["found"]
    )


def test_a_worth_table_that_misses_customers_leaves_them_unplaced(client):
    study = client({"transactions": orders()})
    customers = value.summarise(study, value.setting(study))
    summary = segmentation.measure_value(study, segmentation.summarise(study))
    known = summary.filter(summary.customer_id.cast("int64") < 200)
    worth = known.select("customer_id", p_alive=ibis.literal(0.9), residual_clv=ibis.literal(3.0))
    served = profit.serve(study, customers)
    everybody = segment_value.combine(study, customers, served, worth, summary)
    placed = loyalty.place(study, everybody).execute()
    missing = placed["unplaced"].eq("unknown")
    assert missing.sum() == (placed["customer_id"].astype(int) >= 200).sum() > 50
