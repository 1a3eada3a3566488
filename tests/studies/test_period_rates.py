"""The four rates on small clients: they equal a plain count, tie in with each other, and refuse with numbers."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from studies.shop import orders, reasons

from cam.estimate import CannotSay, Estimate
from cam.key_figures import rows
from cam.show.figures import period_rates as figures
from cam.show.tables import ShownTable
from cam.studies import lifecycle, period_rates_findings, stages
from cam.studies import period_rates as steps


def walk(study) -> SimpleNamespace:
    """All steps, as the notebook calls them; no reader meets a missing number."""
    found = SimpleNamespace(study=study)
    found.ways = steps.count(study, stages.gaps(study, stages.months(study)))
    found.rates = steps.rates(study, found.ways)
    found.table = steps.show_rates(study, found.ways, found.rates)
    found.bridge = steps.bridge(study, found.ways)
    found.period = steps.period(study, found.ways)
    found.line = steps.over_time(study, found.ways, found.rates)
    found.findings = period_rates_findings.findings(study, found.ways, found.rates)
    found.figures = period_rates_findings.key_figures(study, found.ways, found.rates)
    figures.rate_bridge(found.bridge, currency=study.currency, period=found.period)
    figures.rate_lines(found.line)
    if isinstance(found.table, ShownTable):
        assert "nan" not in found.table.html.lower() and "inf" not in found.table.html.lower()
        assert "{" not in found.table.html
    said = [figure for figure in found.figures if isinstance(figure, Estimate)]
    assert all(figure.low is None or figure.low <= figure.value <= figure.high for figure in said)
    assert all("nan" not in words and "{" not in words for words in found.findings if isinstance(words, str))
    # One row per name and segment, or this raises.
    rows(said, client="a", as_of="2026-06-30", study="s")
    return found


def latest(found: SimpleNamespace, basis: str = "purchases") -> pd.DataFrame:
    table = found.rates[found.rates["basis"] == basis]
    return table[table["pair"] == table["pair"].max()].set_index("rate")


def terms(n: int = 120, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2024-01-10") + pd.to_timedelta(rng.integers(0, 700, n), "D")
    end = start + pd.to_timedelta(rng.integers(20, 900, n), "D")
    seen = pd.Series(end).where(end <= pd.Timestamp("2026-06-30"))
    return pd.DataFrame({"customer_id": range(n), "start_date": start, "end_date": seen, "monthly_fee": 10})


# --- correct ------------------------------------------------------------------------------------


def test_rates_equal_a_plain_count(client):
    log = orders(400)
    found = walk(client({"transactions": log}, lifecycle={"rate_months": 6}))
    day = log["order_date"]
    earlier = set(log.loc[(day >= "2025-07-01") & (day < "2026-01-01"), "customer_id"])
    later = set(log.loc[(day >= "2026-01-01") & (day < "2026-07-01"), "customer_id"])
    before = set(log.loc[day < "2025-07-01", "customer_id"])
    twice = set(log.groupby("customer_id")["order_date"].nunique().loc[lambda days: days > 1].index)
    table = latest(found)
    expected = {
        "period_retention_rate": (len(earlier & later), len(earlier)),
        "period_churn_rate": (len(earlier - later), len(earlier)),
        "reactivation_rate": (len((later & before) - earlier), len(before - earlier)),
        "period_repeat_rate": (len(later & twice), len(later)),
    }
    for name, (top, bottom) in expected.items():
        assert (table.loc[name, "top"], table.loc[name, "bottom"]) == (top, bottom), name
    spent = log[(day >= "2026-01-01") & (day < "2026-07-01")].groupby("customer_id")["revenue"].sum()
    base = log[(day >= "2025-07-01") & (day < "2026-01-01")].groupby("customer_id")["revenue"].sum()
    assert table.loc["net_revenue_retention", "value"] == pytest.approx(
        spent.reindex(base.index).fillna(0).sum() / base.sum(), abs=1e-12
    )


def test_each_period_has_its_customers_and_all_its_revenue(client):
    log = orders(300)
    # A refund of a stranger, who never bought, is revenue of its month, too.
    stranger = pd.DataFrame(
        {"customer_id": ["x"], "order_date": [pd.Timestamp("2025-08-03")], "revenue": [-7.25], "cost": [0]}
    )
    found = walk(client({"transactions": pd.concat([log, stranger])}, lifecycle={"rate_months": 6}))
    spans = {"2025-01/2025-06": ("2025-01-01", "2025-07-01"), "2025-07/2025-12": ("2025-07-01", "2026-01-01")}
    said = {
        (one.figure, one.segment.get("period")): one for one in found.figures if isinstance(one, Estimate)
    }
    for name, (start, end) in spans.items():
        rows = log[(log["order_date"] >= start) & (log["order_date"] < end)]
        assert said["n_customers", name].value == rows["customer_id"].nunique()
        paid_back = 7.25 if start == "2025-07-01" else 0
        assert said["revenue", name].value == pytest.approx(rows["revenue"].sum() - paid_back, abs=1e-9)
        assert said["revenue", name].low is None and said["revenue", name].unit == "EUR"


def test_contracts_by_the_two_ends_overlaps_once_and_gone_in_between_told(client):
    frame = pd.DataFrame(
        {
            # a stays on two contracts; b leaves; c returns after a gap; d is new; e begins and ends within the period
            "customer_id": ["a", "a", "b", "c", "c", "d", "e"],
            "start_date": [
                *["2025-01-01", "2025-02-01", "2025-01-01", "2025-01-01"],
                *["2026-06-15", "2026-06-10", "2026-06-05"],
            ],
            "end_date": ["", "2027-01-01", "2026-06-20", "2025-06-01", "", "", "2026-06-20"],
            "monthly_fee": [10, 5, 20, 30, 30, 40, 50],
        }
    )
    found = walk(client({"contracts": frame}))
    table = latest(found, "contract")
    assert table[["top", "bottom"]].to_numpy().tolist() == [[1, 2], [1, 2], [1, 1]]
    assert [one.value for one in found.figures if one.figure == "n_customers"][-2:] == [2, 3]
    assert not any(one.figure == "revenue" for one in found.figures)
    money = found.bridge[found.bridge["block"] == "revenue"].set_index("step")["amount"]
    assert money.tolist() == [3_500, -2_000, 0, 0, 3_000, 4_000, 8_500]
    assert "at neither end, and in no rate: 1." in found.table.html


# --- consistent ---------------------------------------------------------------------------------


def test_all_revenue_is_in_the_bridge_to_the_cent_with_refunds(client):
    log = orders(300)
    refund = log.groupby("customer_id").tail(1).assign(order_date=pd.Timestamp("2026-06-29"))
    log = pd.concat([log, refund.assign(revenue=-refund["revenue"])])
    found = walk(client({"transactions": log}, lifecycle={"rate_months": 6}))
    counted = found.ways["purchases"]
    whole = log.loc[log["order_date"] >= "2026-01-01", "revenue"].sum()
    totals = {one.segment["period"]: one.value for one in found.figures if one.figure == "revenue"}
    assert totals["2026-01/2026-06"] == pytest.approx(whole, abs=1e-9)
    assert sum(int(cents) for cents in counted.cells["after"]) == round(100 * whole)
    assert "stand apart" in found.table.html


def test_the_period_of_all_history_gives_the_repeat_rate_of_the_page(client):
    log = orders(200)
    half = log["order_date"].min() + (log["order_date"].max() - log["order_date"].min()) / 2
    # Squeezed into one period: whoever was there at all was there in it.
    log = log.assign(order_date=pd.Timestamp("2026-01-01") + (log["order_date"] - half).abs() / 10)
    log = log[log["order_date"] < "2026-07-01"].assign(
        order_date=lambda rows: rows["order_date"].dt.floor("D")
    )
    old = pd.DataFrame({"customer_id": ["old"], "order_date": ["2024-01-01"], "revenue": [1], "cost": [1]})
    early = pd.DataFrame({"customer_id": ["old"], "order_date": ["2025-08-01"], "revenue": [1], "cost": [1]})
    study = client({"transactions": pd.concat([old, early, log])}, lifecycle={"rate_months": 6})
    found = walk(study)
    repeat = lifecycle.count_repeat(study, lifecycle.summarise(study))
    # All but the old one, who bought twice and is not there any more.
    assert latest(found).loc["period_repeat_rate", "top"] == repeat["n_customers"].iloc[0] - 1


def test_shuffled_rows_give_the_same_rates(client, tmp_path):
    log = orders(200)
    one = walk(client({"transactions": log}))
    other = walk(client({"transactions": log.sample(frac=1, random_state=3)}))
    pd.testing.assert_frame_equal(one.rates, other.rates)


# --- refuses ------------------------------------------------------------------------------------


def test_too_short_a_history_says_how_many_days_are_missing(client):
    log = orders(60)
    log = log[log["order_date"] >= "2026-05-04"]
    found = walk(client({"transactions": log}))
    said = reasons(found.ways["purchases"])[0]
    assert "data from 1 Apr 2026 on; they begin" in said and "Add older rows" in said
    given = walk(client({"transactions": orders(60)}, lifecycle={"rate_months": 12}))
    assert "set a shorter lifecycle.rate_months" in reasons(given.ways["purchases"])[0]


def test_an_incomplete_month_is_never_a_period(client):
    study = client(
        {"transactions": orders(200)}, client={"id": "small", "currency": "EUR", "as_of": "2026-06-29"}
    )
    found = walk(study)
    assert max(found.ways["purchases"].ends.values()).isoformat() == "2026-05-31"


def test_nobody_in_the_base_is_told(client):
    log = orders(60)
    log = log[(log["order_date"] < "2025-01-01") | (log["order_date"] >= "2026-05-01")]
    found = walk(client({"transactions": log}, lifecycle={"rate_months": 3}))
    counted = found.ways["purchases"]
    if isinstance(counted, CannotSay):
        assert "Nobody bought in the period 1 Jan 2026 to 31 Mar 2026" in counted.reason
    else:
        raise AssertionError("somebody was there")
    there = [
        figure.value
        for figure in found.figures
        if isinstance(figure, Estimate) and figure.figure == "n_customers"
    ]
    assert there[-2] == 0 < there[-1]  # that nobody came is in the history


def test_where_all_have_stopped_the_last_periods_have_nobody_and_no_revenue(client):
    log = orders(60)
    found = walk(
        client({"transactions": log[log["order_date"] < "2025-10-01"]}, lifecycle={"rate_months": 3})
    )
    totals = {
        (figure.figure, figure.segment["period"]): figure.value
        for figure in found.figures
        if isinstance(figure, Estimate)
    }
    for name in ("n_customers", "revenue"):
        assert totals[name, "2025-07/2025-09"] > 0
        assert totals[name, "2026-01/2026-03"] == totals[name, "2026-04/2026-06"] == 0


@pytest.mark.parametrize("revenue", [-5, 0])
def test_a_base_that_brought_nothing_has_rates_of_customers_only(client, revenue):
    log = orders(80).assign(revenue=0, cost=0)
    if revenue < 0:
        back = log.assign(revenue=revenue, order_date=log["order_date"] + pd.Timedelta(days=1))
        log = pd.concat([log, back[back["order_date"] <= "2026-06-30"]])
    found = walk(client({"transactions": log}, lifecycle={"rate_months": 6}))
    assert "period_retention_rate" in latest(found).index
    assert "revenue_churn_net" not in latest(found).index
    assert "nothing is left of it in the earlier period" in found.table.html


def test_one_customer_is_no_traceback(client):
    log = pd.DataFrame(
        {"customer_id": 1, "order_date": pd.date_range("2024-01-05", "2026-06-20", freq="30D")}
    )
    found = walk(client({"transactions": log.assign(revenue=10)}))
    assert "fewer than 30 customers" in found.table.html


def test_running_contracts_alone_and_no_table_at_all_say_what_is_missing(client):
    running = walk(client({"contracts": terms().assign(end_date="")}))
    assert "No contract has an end" in reasons(running.ways["contract"])[0]
    answers = pd.DataFrame({"response_date": ["2026-01-01"], "nps": [9], "customer_id": [1]})
    assert "needs the table transactions" in reasons(walk(client({"responses": answers})).rates)[0]


def test_contracts_without_fees_have_rates_of_customers(client):
    found = walk(client({"contracts": terms().drop(columns="monthly_fee")}))
    assert "the table has no monthly_fee" in found.table.html
    some = terms()
    some["monthly_fee"] = some["monthly_fee"].where(some.index % 3 > 0)
    assert "not among the fees" in walk(client({"contracts": some})).table.html


# --- honest -------------------------------------------------------------------------------------


def test_what_is_said_follows_net_churn_and_its_limits(client):
    log = orders(500, leaving=0, every=5)
    grown = log.assign(
        revenue=np.where(log["order_date"] >= "2026-01-01", 3 * log["revenue"], log["revenue"])
    )
    # Ups and downs of those who stay nearly cancel, though the downs alone are more than what went with the others.
    group, is_late = log["customer_id"] % 4, log["order_date"] >= "2026-01-01"
    moved = log.assign(
        revenue=(log["revenue"] * np.where(is_late, np.select([group == 1, group > 1], [0.1, 1.4]), 1)).round(
            2
        )
    )
    moved = moved[~is_late | (group > 0)]
    for table, words in (
        (grown, "they make up for those who leave"),
        (moved, "so net churn is all of customers who left: work on keeping them"),
        (log[~is_late | (log["customer_id"] % 2 == 0)], "all of customers who left: work on keeping them"),
        (
            log.assign(revenue=(log["revenue"] * np.where(is_late, 0.8, 1)).round(2))[
                ~is_late | (log["customer_id"] % 2 == 0)
            ],
            "on balance, of those who stayed: keeping customers comes first",
        ),
        (
            log.assign(
                revenue=np.where(log["order_date"] >= "2026-01-01", log["revenue"] / 3, log["revenue"]).round(
                    2
                )
            ),
            "work on what those who stay buy",
        ),
    ):
        found = walk(client({"transactions": table.drop(columns="cost")}, lifecycle={"rate_months": 6}))
        assert words in found.findings[0]


def test_the_parts_of_churn_add_up_as_they_are_printed(client):
    """A reader who adds what left with customers and what those who stayed brought less gets gross churn, and net."""
    log = orders(500, leaving=0, every=5)
    factor = np.select([log["customer_id"] % 4 == 1, log["customer_id"] % 4 > 1], [0.1, 1.2], 1)
    is_late = log["order_date"] >= "2026-01-01"
    log = log.assign(revenue=(log["revenue"] * np.where(is_late, factor, 1)).round(2)).drop(columns="cost")
    log = log[~is_late | (log["customer_id"] % 4 > 0)]
    said = walk(client({"transactions": log}, lifecycle={"rate_months": 6})).findings[0].replace("\xa0", " ")
    found = re.search(
        r"([\d.]+) % of the revenue of the period before was lost \(gross churn\): ([\d.]+) % with customers who left "
        r"and ([\d.]+) % as others .* brought more, ([\d.]+) % of the same revenue, so net churn is ([\d.]+) %",
        said,
    )
    gross, left, less, more, net = (round(10 * float(part)) for part in found.groups())
    assert gross == left + less and net == gross - more and min(left, less, more) > 0


def test_both_ways_have_the_same_periods(client):
    log = orders(200)
    contracts = terms(200).assign(customer_id=lambda table: table["customer_id"] % 150)
    found = walk(client({"transactions": log, "contracts": contracts}))
    assert found.ways["purchases"].fit.months == found.ways["contract"].fit.months
    assert "Contract<" in found.table.html and set(found.rates["basis"]) == {"purchases", "contract"}
