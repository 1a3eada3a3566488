"""The retention list as readers meet it: what it says of itself, where it stops, and what is not on it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from studies import shop

from cam.estimate import CannotSay, Estimate
from cam.measures.churn.profit import expected_gains, list_gain
from cam.studies import churn_profit, retention_list

OFFER = {"offer_cost": 10.0, "contact_cost": 1.0}


def people(n=400, *, seed=1):
    """Risk and worth go together, as they hardly ever do: the riskiest are worth little."""
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    return pd.DataFrame(
        {
            "customer_id": [f"c{one:04d}" for one in range(n)],
            "p_churn": p,
            "clv_if_stays": (rng.lognormal(5.5, 1, n) * (1.2 - p)).round(2),
            "p_alive": rng.random(n).round(3),
        }
    )


def walk(client, frame=None, **given):
    """A study with its risks and worths put in place, and the list made of them."""
    frame = people() if frame is None else frame
    study = client({"transactions": shop.orders(30)}, churn={"offer": OFFER | given})
    scored = study.engine.create_table("scored", frame[["customer_id", "p_churn"]], overwrite=True)
    known = frame.dropna(subset="clv_if_stays").drop(columns="p_churn")
    worth = study.engine.create_table("worth", known, overwrite=True)
    worth = worth.mutate(
        clv_if_stays=worth.clv_if_stays.cast("decimal(18,2)"), worth_basis=ibis.literal("purchases")
    )
    return study, scored, ranking(study, scored, worth)


#: Of 100 silent 10 came back.
BACK = Estimate("churn_return_rate", 0.1, "share", 100, 0.05, 0.17)


def models(basis="purchases"):
    return SimpleNamespace(rows=SimpleNamespace(basis=basis, cut_offs=()))


def ranking(study, scored, worth, *, back=BACK, trial=None, basis="purchases"):
    no_test = CannotSay("No test.")
    return retention_list.rank(study, models(basis), scored, worth, back, trial or no_test)


def with_chances(frame):
    """What is written under the list, in pandas."""
    there = np.maximum(frame["p_churn"] - (1 - frame["p_alive"]), 0)
    share = 1 - 0.1 * frame["p_churn"].mean() / there.mean()
    return frame.assign(p_lost=share * there).rename(columns={"clv_if_stays": "residual_clv"})


def words(page):
    return page.html.replace("\xa0", " ")


# --- correct ------------------------------------------------------------------------------------


def test_the_list_adds_up_to_what_it_says(client):
    study, _scored, ranked = walk(client, budget=300)
    made = churn_profit.offer(study)
    wanted = expected_gains(with_chances(people()), offer=made, budget=300)
    listed = wanted[wanted["is_within_budget"]]
    figures = {
        (each.figure, each.segment.get("order")): each
        for each in retention_list.key_figures(study, ranked)
        if isinstance(each, Estimate)
    }
    gain = list_gain(listed, offer=made, currency="EUR")
    found = figures["retention_gain", None]
    # Each gain is rounded to the hundredth of a cent; the share is of exact sums here and of floats there.
    assert found.value == pytest.approx(listed["expected_gain"].sum(), abs=0.01)
    assert (found.low, found.high, found.n) == pytest.approx((gain.low, gain.high, gain.n), abs=0.02)
    cost = figures["retention_list_cost", None]
    assert cost.value == pytest.approx(listed["expected_cost"].sum(), abs=0.01) and cost.value <= 300
    assert figures["n_on_retention_list", None].value == len(listed)
    # The break-even rate is the one at which the same customers earn nothing.
    even = figures["break_even_save_rate", None].value
    p, there, clv = listed["p_lost"], listed["p_alive"], listed["residual_clv"]
    assert (p * even * (clv - 10) - (there - p) * 10 - 1).sum() == pytest.approx(0, abs=0.05)
    # By risk alone: the same number of customers, less gain.
    risky = wanted.sort_values(["p_churn", "customer_id"], ascending=[False, True]).head(len(listed))
    assert figures["retention_gain", "risk"].value == pytest.approx(risky["expected_gain"].sum(), abs=0.02)
    assert figures["retention_gain", "risk"].value < found.value
    gone = listed[listed["p_alive"] < 0.5]
    share = figures["retention_gain_of_gone_share", None]
    assert share.n == len(gone)
    assert share.value == pytest.approx(gone["expected_gain"].sum() / listed["expected_gain"].sum(), abs=1e-5)


def test_the_page_shows_the_first_twenty_with_their_reasons_and_what_is_not_known(client):
    study, _scored, ranked = walk(client, budget=300)
    chosen = retention_list.listed(study, ranked)
    why = chosen[["customer_id"]].assign(reason_1="silent for long", reason_2="a ticket open", reason_3=None)
    page = words(retention_list.show_list(study, ranked, why.sample(frac=1, random_state=1)))
    assert page.count("silent for long; a ticket open") == 20 < len(chosen)
    assert chosen["customer_id"].iloc[19] in page and chosen["customer_id"].iloc[20] not in page
    for said in (
        "the budget of €300.00 reaches",
        "is an assumption (churn.offer.save_rate)",
        "risk is not value",
        "only a test with a control group tells",
        "The whole list, to sort and filter, is the sheet Retention list of workbook.xlsx.",
        "To win back is not to keep",
        "This list earns as soon as the offer keeps",
    ):
        assert said in page, said
    plain = words(retention_list.show_list(study, ranked, CannotSay("No reasons.")))
    assert "Why the model" not in plain and "nan" not in plain.lower()


def test_findings_say_what_the_list_earns_and_that_nobody_knows_whom_a_call_keeps(client):
    study, _scored, ranked = walk(client, offer_cost=2.0, save_weight=500.0, budget=300)
    first, second, *_rest = retention_list.findings(study, ranked)
    assert "Nobody knows before a test whom a call keeps" in first and "keeps 30.0" in first
    assert first.stake == retention_list.totals(study, ranked).gain and first.can_be_moved
    told = retention_list.announce(study, ranked)
    assert told.stake == first.stake and f"{told.n:,} customers of the retention list" in first
    assert told.caption in words(retention_list.show_list(study, ranked))
    listed = retention_list.listed(study, ranked)["customer_id"]
    assert not any(one in f"{told}" for one in listed)
    assert "Risk is not value" in second
    unsure, *_rest = retention_list.findings(study, walk(client, offer_cost=40.0, save_weight=2.0)[2])
    assert "whether it pays is not sure" in unsure


# --- consistent ---------------------------------------------------------------------------------


def test_scores_hold_every_customer_once_and_the_list_s_own_order(client):
    study, scored, ranked = walk(client, budget=300)
    table = retention_list.scores(study, scored, ranked).execute().set_index("customer_id")
    chosen = retention_list.listed(study, ranked)
    assert sorted(table.index) == sorted(people()["customer_id"])
    on = table[table["is_on_retention_list"]].sort_values("retention_rank")
    assert on.index.tolist() == chosen["customer_id"].tolist()
    assert on["retention_rank"].tolist() == chosen["rank"].tolist() == list(range(1, len(on) + 1))
    # Without a list the risks alone are left.
    alone = retention_list.scores(study, scored, CannotSay("No offer."))
    assert alone.columns == ("customer_id", "p_churn")


def test_the_sheet_is_the_list_in_words_and_survives_the_workbook_s_file(client):
    study, _scored, ranked = walk(client)
    chosen = retention_list.listed(study, ranked)
    sheet = retention_list.sheet(study, chosen)
    assert len(sheet) == len(chosen) and "Worth of keeping, EUR" in sheet.columns
    assert not sheet.isna().any().any()
    assert json.loads(sheet.to_json(orient="values"))[0][1] == chosen["customer_id"].iloc[0]


def test_a_list_longer_than_the_workbook_says_so(client, monkeypatch):
    monkeypatch.setattr(retention_list, "_MOST", 25)
    study, _scored, ranked = walk(client)
    chosen = retention_list.listed(study, ranked)
    assert len(chosen) == 25
    assert "The workbook holds the first 25 of the list" in words(retention_list.show_list(study, ranked))


# --- refuses ------------------------------------------------------------------------------------


def test_a_budget_that_reaches_nobody_and_an_offer_that_pays_for_nobody(client):
    study, _scored, ranked = walk(client, budget=0)
    said = retention_list.show_list(study, ranked)
    assert isinstance(said, CannotSay) and "€0.00 does not reach" in said.reason and "budget" in said.cure
    assert retention_list.findings(study, ranked) == [said] == [retention_list.listed(study, ranked)]
    assert retention_list.announce(study, ranked) is None and retention_list.announce(study, said) is None
    study, _scored, ranked = walk(client, offer_cost=1e6)
    said = retention_list.show_list(study, ranked)
    assert isinstance(said, CannotSay) and "of 400 customers none is expected" in said.reason
    assert retention_list.sheet(study, said) is said
    counts = {each.figure: each.value for each in retention_list.key_figures(study, ranked)}
    assert counts == {"n_on_retention_list": 0, "n_worth_a_contact": 0}


def test_customers_of_unknown_worth_are_counted_not_dropped(client):
    frame = people()
    frame.loc[:9, "clv_if_stays"] = np.nan
    study, scored, ranked = walk(client, frame)
    assert "10 customers are not ranked" in words(retention_list.show_list(study, ranked))
    assert retention_list.scores(study, scored, ranked).count().execute() == 400
    nobody = walk(client, frame.assign(clv_if_stays=np.nan))[2]
    assert isinstance(nobody, CannotSay) and "Of none of today's 400 customers" in nobody.reason


def test_without_costs_there_is_no_list_but_its_keys(client):
    study = client({"transactions": shop.orders(30)})
    table = study.engine.create_table("scored", people()[["customer_id", "p_churn"]])
    said = ranking(study, table, table)
    assert isinstance(said, CannotSay)
    assert "churn.offer.offer_cost, churn.offer.contact_cost" in said.cure
    assert retention_list.show_list(study, said) is said is retention_list.findings(study, said)[0]
    assert retention_list.key_figures(study, said) == [said]
