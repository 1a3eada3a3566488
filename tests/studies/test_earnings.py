"""Study 03 on small clients of every kind: it says what it can, and why it cannot say the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate, Finding
from cam.studies import acquisition
from cam.studies import earnings as steps


def orders(n=300, *, cost=True):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 120, n),
            "order_date": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 180, n), unit="D"),
            "revenue": rng.gamma(1, 30, n).round(2) + 1,
        }
    )
    return frame.assign(cost=(frame["revenue"] * 0.6).round(2)) if cost else frame


def people():
    acquired = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(120), unit="D")
    channel = np.where(
        np.arange(120) % 3 == 0, "search", np.where(np.arange(120) % 3 == 1, "organic", "fair")
    )
    return pd.DataFrame(
        {"customer_id": range(120), "acquired_date": acquired, "acquisition_channel": channel}
    )


def spend(**costs):
    months = pd.date_range("2026-01-01", "2026-06-01", freq="MS")
    rows = [
        {"date": month, "channel": channel, "cost": cost, "cost_type": "media"}
        for month in months
        for channel, cost in (costs or {"search": 400.0, "fair": 100.0}).items()
    ]
    return pd.DataFrame(rows)


CONTRACTS = pd.DataFrame(
    {
        "customer_id": ["a", "b"],
        "start_date": ["2026-01-01", "2026-06-01"],
        "end_date": ["2026-03-31", None],
        "monthly_fee": [10.0, 20.0],
    }
)


def run(study):
    """All steps, as the notebook calls them."""
    setting = steps.setting(study)
    steps.show_setting(study, setting)
    customers = steps.summarise(study, setting)
    averages = steps.averages(study, customers)
    steps.show_averages(study, averages)
    curve = steps.revenue_curve(study, customers)
    months = acquisition.match_months(study)
    total, channels = acquisition.overall_cac(study, months), acquisition.cost_by_channel(study, months)
    acquisition.show_channels(study, months, channels)
    found = [*steps.findings(study, averages, curve), *acquisition.cost_findings(study, total, channels)]
    figures = [*steps.key_figures(study, averages, curve), *acquisition.cost_figures(study, total, channels)]
    scores = steps.scores(study, customers)
    known = {
        (one.figure, one.segment.get("channel", "")): one for one in figures if isinstance(one, Estimate)
    }
    return found, known, scores


def unsaid(found):
    return [f"{one.reason} {one.cure}".strip() for one in found if isinstance(one, CannotSay)]


# --- correct ------------------------------------------------------------------------------------


def test_what_customers_have_brought(client):
    frame = orders()
    found, known, scores = run(client({"transactions": frame}))
    n = frame["customer_id"].nunique()
    revenue, cost = frame["revenue"].sum(), frame["cost"].sum()
    assert known["mean_order_value", ""].value == pytest.approx(revenue / 300)
    assert known["mean_order_value", ""].n == 300
    assert known["revenue_per_customer", ""].value == pytest.approx(revenue / n)
    assert known["margin_per_customer", ""].value == pytest.approx((revenue - cost) / n)
    assert known["margin_rate", ""].value == pytest.approx(1 - cost / revenue)
    by = frame.groupby("customer_id")["revenue"].sum().sort_values(ascending=False)
    top = by.head(-(-n // 5)).sum() / revenue
    assert known["top_fifth_revenue_share", ""].value == pytest.approx(top, abs=1e-9)
    assert all(one.low < one.value < one.high for one in known.values())
    assert scores.columns == ("customer_id", "margin_so_far")
    assert unsaid(found) == [
        "This needs the table spend, which this client's parameter file does not name. "
        "Add it under data.spend; params/template.yaml shows its columns."
    ]


def test_what_a_new_customer_costs(client):
    study = client({"transactions": orders(), "customers": people(), "spend": spend()})
    found, known, _ = run(study)
    assert known["cac", "all"].value == pytest.approx(6 * 500 / 120)
    assert known["cac", "search"].value == pytest.approx(6 * 400 / 40)
    assert known["cac", "fair"].value == pytest.approx(6 * 100 / 40)
    assert ("cac", "organic") not in known
    assert any("more than chance" in one for one in found if isinstance(one, str))
    months = acquisition.match_months(study)
    page = acquisition.show_channels(study, months, acquisition.cost_by_channel(study, months)).html
    assert "New customers, but no spend of their own: organic." in page
    assert "Not among them: creative, tools, commissions, salaries, overhead" in page


def test_a_contract_brings_its_fees(client):
    found, known, scores = run(client({"contracts": CONTRACTS}, value={"margin_rate": 0.5}))
    # 90 days and 30 days, of 30.4375 to the month.
    assert known["revenue_per_customer", ""].value == pytest.approx((29.57 + 19.71) / 2, abs=0.005)
    assert known["margin_per_customer", ""].value == pytest.approx((14.79 + 9.86) / 2, abs=0.006)
    assert ("mean_order_value", "") not in known and ("margin_rate", "") not in known
    assert scores.columns == ("customer_id", "margin_so_far", "fees_so_far")
    assert any("as assumed" in one for one in found if isinstance(one, str))


# --- consistent ---------------------------------------------------------------------------------


def test_channels_add_up_to_the_whole(client):
    study = client({"transactions": orders(), "customers": people(), "spend": spend()})
    months = acquisition.match_months(study)
    channels = acquisition.cost_by_channel(study, months)
    assert channels["n_new"].sum() == 120
    assert channels["spend"].sum() == pytest.approx(3000)


def test_an_assumed_rate_is_labelled_and_is_no_finding(client):
    study = client({"transactions": orders(cost=False)}, value={"margin_rate": 0.3})
    _, known, _ = run(study)
    ratio = known["margin_per_customer", ""].value / known["revenue_per_customer", ""].value
    assert ratio == pytest.approx(0.3, abs=1e-4)
    assert ("margin_rate", "") not in known
    page = steps.show_setting(study, steps.setting(study)).html.replace("\xa0", " ")
    assert "an assumption: 30.0 % of revenue (value.margin_rate)" in page


def test_months_that_are_not_over_do_not_count(client):
    study = client(
        {"transactions": orders(), "customers": people(), "spend": spend()},
        client={"id": "small", "currency": "EUR", "as_of": "2026-06-29"},
    )
    months = acquisition.match_months(study)
    assert acquisition.period(study, months) == "1 Jan 2026 to 31 May 2026"
    assert acquisition.overall_cac(study, months).value == pytest.approx(5 * 500 / 120)


# --- refuses ------------------------------------------------------------------------------------


def test_both_tables_need_a_setting(client):
    frames = {"transactions": orders(), "contracts": CONTRACTS}
    said = steps.setting(client(frames))
    assert "Set value.setting" in said.cure
    assert all(isinstance(one, CannotSay) for one in run(client(frames))[0])
    assert steps.setting(client(frames, value={"setting": "contractual"})) == "contractual"
    assert steps.setting(client(frames, value={"setting": "non_contractual"})) == "non_contractual"


def test_a_setting_whose_table_is_missing_says_so(client):
    said = steps.setting(client({"transactions": orders()}, value={"setting": "contractual"}))
    assert "needs the table contracts" in said.reason


@pytest.mark.parametrize("lost", [False, True])
def test_margin_says_what_it_needs(client, lost):
    frame = orders(cost=lost)
    if lost:
        frame.loc[:4, "cost"] = np.nan
    found, known, scores = run(client({"transactions": frame}))
    assert ("margin_per_customer", "") not in known and isinstance(scores, CannotSay)
    text = (
        "Margin is not known: 5 rows of transactions have no cost. Fill it at the source, or set value.margin_rate, "
        "which then stands for these rows."
        if lost
        else "Margin is not known: transactions have no cost. Set value.margin_rate, or map the column cost under "
        "data.transactions.columns."
    )
    assert text in unsaid(found)


def test_few_customers_have_no_curve(client):
    frame = orders().query("customer_id < 60")
    found, known, _ = run(client({"transactions": frame}))
    assert ("top_fifth_revenue_share", "") not in known
    assert any("customers are too few, 100 are needed" in text for text in unsaid(found))


def test_contracts_without_a_fee_and_clients_without_either_say_so(client):
    found, known, _ = run(client({"contracts": CONTRACTS.drop(columns="monthly_fee")}))
    assert not known and any("needs monthly_fee in the table contracts" in text for text in unsaid(found))
    answers = pd.DataFrame({"response_date": ["2026-01-01"], "nps": [9]})
    found, known, _ = run(client({"responses": answers}))
    assert not known and any("needs the table transactions or contracts" in text for text in unsaid(found))


def test_spend_that_reaches_nobody_is_named_and_has_no_number(client):
    frames = {"transactions": orders(), "customers": people(), "spend": spend(Search=400.0)}
    study = client(frames)
    found, known, _ = run(study)
    assert [key for key in known if key[0] == "cac"] == [("cac", "all")]
    assert any(one.startswith("Search took €2,400") for one in found if isinstance(one, str))
    channels = acquisition.cost_by_channel(study, acquisition.match_months(study))
    assert "Call channels the same" in acquisition.comparable_channels(study, channels).cure


def test_without_a_date_of_acquisition_the_first_purchase_counts_and_is_labelled(client):
    study = client({"transactions": orders(), "spend": spend()})
    _, known, _ = run(study)
    assert known["cac", "all"].n == orders()["customer_id"].nunique()
    months = acquisition.match_months(study)
    page = acquisition.show_channels(study, months, acquisition.cost_by_channel(study, months)).html
    assert "A customer counts as new with the first purchase or contract" in page


def test_customers_without_a_channel_blame_no_channel(client):
    frames = {
        "transactions": orders(),
        "customers": people().drop(columns="acquisition_channel"),
        "spend": spend(),
    }
    study = client(frames)
    found, known, _ = run(study)
    assert [key for key in known if key[0] == "cac"] == [("cac", "all")]
    assert not any("took" in one for one in found if isinstance(one, str))
    channels = acquisition.cost_by_channel(study, acquisition.match_months(study))
    assert "acquisition_channel" in acquisition.comparable_channels(study, channels).cure


def test_a_channel_called_all_does_not_stand_for_the_whole(client):
    frames = {
        "transactions": orders(),
        "customers": people().assign(acquisition_channel="all"),
        "spend": spend(all=10.0),
    }
    study = client(frames)
    assert run(study)[1]["cac", "all"].n == 120


# --- honest -------------------------------------------------------------------------------------


def test_a_drawn_client_covers_its_truth(client):
    """One client of 4,000 orders: the coverage itself is measured in the tests of the measures."""
    rng = np.random.default_rng(20)
    n = 1000
    level, count = rng.gamma(4, 10, n), 1 + rng.poisson(3, n)
    customer = np.repeat(np.arange(n), count)
    revenue = (level[customer] * rng.gamma(5, 0.2, customer.size)).round(2) + 0.01
    frame = pd.DataFrame({"customer_id": customer, "order_date": "2026-05-05", "revenue": revenue})
    known = run(client({"transactions": frame.assign(cost=0.5 * revenue)}))[1]
    assert known["mean_order_value", ""].low <= 40 <= known["mean_order_value", ""].high
    assert known["revenue_per_customer", ""].low <= 160 <= known["revenue_per_customer", ""].high


def test_the_most_important_findings_come_list_by_list():
    cannot = CannotSay("Why.")
    found = steps.most_important(None, ["a", "b", cannot], ["c"], ["d", "e"], most=4)
    assert found == ["a", "b", "c", "d", cannot]


def test_what_has_money_at_stake_is_among_the_most_important_wherever_it_stands():
    stake = Estimate("lost_on_customers", 9.0, "EUR", 3)
    lost = Finding("e", stake=stake, can_be_moved=True)
    found = steps.most_important(None, ["a", "b"], ["c"], ["d", lost], most=3)
    assert found == ["a", "c", "e"] and found[2].stake is stake


def test_scores_of_several_studies_stand_side_by_side(client):
    study = client({"transactions": orders()})
    customers = steps.summarise(study, "non_contractual")
    worth = customers.select("customer_id", residual_clv=customers.revenue, margin=customers.margin)
    table = steps.scores(study, customers, worth, CannotSay("Why."), None)
    assert list(table.columns) == ["customer_id", "margin_so_far", "residual_clv", "margin"]
    assert table.count().execute() == customers.count().execute()


def test_what_cannot_be_said_of_optional_parts_is_no_finding():
    gone, kept = CannotSay("No wallet."), CannotSay("No orders.")
    found = steps.most_important(None, ["one", kept], optional=[[gone], ["two", "three"]], most=2)
    assert found == ["one", "two", kept]
