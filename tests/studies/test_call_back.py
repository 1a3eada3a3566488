"""Closing the loop: recent low answers by value, nobody's number on the page, and reasons where there are none."""

from __future__ import annotations

import ibis
import pandas as pd
from studies.survey_shop import ahead, answers, orders

from cam.estimate import CannotSay, Estimate
from cam.studies import call_back as steps


def asked():
    """Two low answers that count, one that is made good later, one too old; one that names nobody."""
    return pd.DataFrame(
        {
            "customer_id": ["c001", "c002", "c003", "c003", "c004", None],
            "response_date": [
                "2026-06-01",
                "2026-06-20",
                "2026-05-01",
                "2026-06-01",
                "2025-06-01",
                "2026-06-02",
            ],
            "nps": [3, 6, 0, 10, 1, 2],
            "comment": ["Call 138 0013 8000", None, "bad", "good", "old", "who"],
        }
    )


def tickets():
    return pd.DataFrame(
        {
            "ticket_id": [1, 2],
            "opened": ["2026-06-01", "2026-06-02"],
            "customer_id": ["c002", "c001"],
            "closed": [None, "2026-06-05"],
        }
    )


def test_the_list_goes_by_what_is_at_stake_and_shows_no_number(client):
    study = client({"transactions": orders(20), "responses": asked(), "tickets": tickets()})
    worth = ibis.memtable({"customer_id": ["c001", "c002"], "residual_clv": [5.0, 70.0]})
    called = steps.to_call(study, ahead(each=worth))
    assert called.table["customer_id"].tolist() == ["c002", "c001"]
    assert (called.n, called.n_unnamed, called.basis, called.total.value) == (2, 1, "residual_clv", 75.0)
    page, sheet = steps.show_list(study, called).html, steps.sheet(study, called)
    assert "8000" not in page and "Call [phone]" in page and "8000" not in sheet.to_csv()
    assert "1 low answer of these days name no customer" in page
    assert sheet["Open ticket"].tolist() == ["yes", "no"]
    assert sheet["Days since the answer"].tolist() == [10, 29]
    found = steps.findings(study, called)
    assert (
        "2 customers gave a low score" in found[0]
        and "€75.00" in found[0]
        and "of margin still expected of them (residual CLV) at stake" in found[0]
    )
    assert found[0].stake == called.total and not found[0].can_be_moved
    told = steps.announce(study, called)
    assert (told.n, told.stake) == (2, called.total) and told.caption in page
    said = " ".join(line.what for line in told.lines)
    assert "1 of them have an open ticket" in said and "1 low answer of these days name no customer" in said
    assert "c001" not in f"{told}" and "phone" not in f"{told}"
    assert steps.key_figures(study, called) == [Estimate("n_call_back", 2, "count")]


def test_without_a_model_the_revenue_of_the_last_year_ranks(client):
    log = orders(20)
    study = client({"transactions": log, "responses": asked()})
    called = steps.to_call(study, ahead())
    recent = log[log["order_date"] > "2025-06-30"].groupby("customer_id")["revenue"].sum()
    expected = recent.reindex(["c001", "c002"]).sort_values(ascending=False)
    assert called.basis == "revenue" and called.table["value"].round(2).tolist() == expected.round(2).tolist()
    assert "Open ticket" not in steps.show_list(study, called).html
    # Revenue is no stake to rank findings by; as what the list is about it is called by its name.
    assert steps.findings(study, called)[0].stake is None
    told = steps.announce(study, called)
    assert told.stake == called.total and "revenue" in told.stake_text


def test_without_orders_the_latest_come_first(client):
    contracts = pd.DataFrame({"customer_id": ["c001"], "start_date": ["2025-01-01"], "end_date": [None]})
    study = client({"contracts": contracts, "responses": asked().drop(columns="comment")})
    called = steps.to_call(study, ahead("contractual"))
    assert called.table["customer_id"].tolist() == ["c002", "c001"] and called.total is None
    assert "the latest first" in steps.findings(study, called)[0]
    assert steps.announce(study, called).about.endswith("the latest first.")
    assert "Comment, masked" not in steps.sheet(study, called).columns


def test_the_last_score_goes_to_the_customers(client):
    study = client({"transactions": orders(20), "responses": asked()})
    table = steps.scores(study).order_by("customer_id").execute()
    assert table["last_nps"].tolist() == [3, 6, 10, 1]
    assert pd.to_datetime(table["last_nps_date"]).dt.month.tolist() == [6, 6, 6, 6]


def test_nobody_to_call_and_nobody_who_can_be_called_hear_why(client):
    content = client({"transactions": orders(20), "responses": answers(20, day="2026-06-01", scores=(9, 7))})
    said = steps.to_call(content, ahead())
    assert "no customer's last answer within 90 days was among the Detractors" in said.reason
    assert "recent_days" in said.cure and steps.findings(content, said) == [said]
    unnamed = client({"transactions": orders(20), "responses": asked().tail(1)})
    assert "1 low answer of these days name no customer" in steps.to_call(unnamed, ahead()).reason
    bare = client({"transactions": orders(20), "responses": asked().drop(columns="customer_id")})
    for found in (steps.to_call(bare, ahead()), steps.scores(bare)):
        assert isinstance(found, CannotSay) and "customer_id" in found.reason
