"""Study 04, what satisfaction is worth: planted leads are found, made-up ones are not, and bad surveys hear why."""

from __future__ import annotations

import dataclasses

import ibis
import numpy as np
import pandas as pd
import pytest
from studies.survey_shop import ahead, answers, orders

from cam.estimate import CannotSay, Estimate
from cam.params import read_params
from cam.project import project_root
from cam.show.tables import ShownTable
from cam.studies import answers_followed, study
from cam.studies import satisfaction_worth as steps
from cam.studies import satisfaction_worth_findings as words


def replaced(made, frames):
    """The same study with other answers: a client that is read anew costs a second."""
    rows = frames["responses"]
    rows = rows.assign(response_date=pd.to_datetime(rows["response_date"]))
    kinds = {"customer_id": "string", "nps": "int64", "comment": "string", "response_date": "timestamp"}
    table = ibis.memtable(rows, schema={name: kinds[name] for name in rows.columns})
    return dataclasses.replace(made, tables={**made.tables, "responses": table})


def run(client, frames, *, setting="non_contractual", weights=None, **sections):
    """All steps, as the notebook calls them."""
    made = client(frames, **sections) if callable(client) else replaced(client, frames)
    followed = answers_followed.follow(made, ahead(setting))
    compared = steps.compare(made, followed, weights)
    pointed = steps.point(made, followed, compared)
    shown = [
        steps.show_levels(made, followed),
        steps.show_differences(made, followed, compared),
        steps.show_point(made, followed, pointed),
    ]
    if isinstance(pointed, pd.DataFrame):
        # The verdict of the differences is carried into what rests on them.
        assert bool(pointed["is_clear_path"].iloc[0]) == bool(pointed["is_clear"].iloc[0])
        assert ("beyond chance" in shown[2].html) == pointed["is_clear_path"].any()
    for page in shown:
        assert isinstance(page, CannotSay) or "nan" not in page.html.lower().replace("finance", "")
    found = words.findings(made, followed, compared, pointed)
    figures = words.key_figures(made, followed, compared, pointed)
    known = {
        (one.figure, one.segment.get("group") or one.segment.get("compared")): one
        for one in figures
        if isinstance(one, Estimate)
    }
    assert len(known) == sum(isinstance(one, Estimate) for one in figures)
    return followed, compared, shown, found, known


def unsaid(found):
    return " ".join(f"{one.reason} {one.cure}" for one in found if isinstance(one, CannotSay))


# --- correct ------------------------------------------------------------------------------------


def test_a_planted_lead_is_found_and_told_with_its_numbers(client):
    log = orders(lead=1.0)
    followed, compared, shown, found, known = run(client, {"transactions": log, "responses": answers()})
    late = log[
        (log["order_date"] > "2025-10-01")
        & (log["order_date"] <= pd.Timestamp("2025-10-01") + pd.Timedelta(days=180))
    ]
    even = late[late["customer_id"].str[1:].astype(int) % 2 == 0]
    first = set(log.loc[log["order_date"] <= "2025-10-01", "customer_id"])
    promoters = [who for who in first if int(who[1:]) % 2 == 0]
    retention = known["retention_by_nps_group", "promoter"]
    assert retention.value == pytest.approx(even["customer_id"].nunique() / len(promoters))
    assert known["revenue_after_by_nps_group", "promoter"].value == pytest.approx(
        even["revenue"].sum() / len(promoters)
    )
    gap = known["retention_difference_by_nps_group", "alike before"]
    assert gap.low > 0 and "call these customers back" in found[0]
    point = known["value_per_nps_point", "as they are"]
    margin = (
        (late["revenue"] - late["cost"])
        .groupby(late["customer_id"])
        .sum()
        .reindex(sorted(first), fill_value=0)
    )
    is_even = margin.index.str[1:].astype(int) % 2 == 0
    n_active = log.loc[log["order_date"] > "2025-06-30", "customer_id"].nunique()
    expected = 0.005 * n_active * (margin[is_even].mean() - margin[~is_even].mean()) * 365.25 / 180
    assert point.value == pytest.approx(expected) and "not a promise" in found[1]
    assert all(isinstance(page, ShownTable) for page in shown)
    assert {"label", "plain", "alike", "is_clear"} <= set(steps.drawn(client, followed, compared).columns)


def test_who_was_better_before_is_no_lead_of_the_answer(client):
    """Promoters are those who bought much before, and the answer itself tells nothing."""
    log = orders(600, seed=11)
    before = (
        log[log["order_date"] <= "2025-10-01"]
        .groupby("customer_id")
        .size()
        .reindex([f"c{who:03}" for who in range(600)], fill_value=0)
    )
    rng = np.random.default_rng(5)
    busy = np.repeat(before.index[before >= 4], 4)
    more = pd.DataFrame(
        {"customer_id": busy, "order_date": pd.Timestamp("2025-10-02"), "revenue": 30.0, "cost": 18.0}
    )
    more["order_date"] += pd.to_timedelta(rng.integers(0, 170, len(more)), unit="D")
    is_high = rng.random(600) < np.where(before >= 4, 0.85, 0.15)
    asked = answers(600).assign(nps=np.where(is_high, 10, 2))
    _, _, _, found, known = run(client, {"transactions": pd.concat([log, more]), "responses": asked})
    assert known["retention_difference_by_nps_group", "as they are"].low > 10
    assert known["retention_difference_by_nps_group", "alike before"].low < 0
    assert "within chance" in found[0] and "within chance" in found[1]


def test_contracts_are_followed_to_their_end(client):
    rng = np.random.default_rng(6)
    ends = pd.Timestamp("2025-10-02") + pd.to_timedelta(rng.integers(0, 150, 200), unit="D")
    is_left = rng.random(200) < np.where(np.arange(200) % 2, 0.6, 0.1)
    contracts = pd.DataFrame(
        {
            "customer_id": [f"c{who:03}" for who in range(200)],
            "start_date": "2025-01-01",
            "end_date": np.where(is_left, ends.strftime("%Y-%m-%d"), ""),
            "monthly_fee": 10.0,
        }
    )
    frames = {"contracts": contracts, "responses": answers(200)}
    followed, _, shown, found, known = run(client, frames, setting="contractual")
    assert known["retention_by_nps_group", "promoter"].value == pytest.approx(1 - is_left[::2].mean())
    assert known["retention_difference_by_nps_group", "alike before"].low > 30
    assert followed.n_active == int((~is_left).sum()) and followed.money == "revenue"
    assert "still had a contract" in found[0] and "Contract still running" in shown[0].html
    _, _, _, found, _ = run(
        client, frames | {"contracts": contracts.drop(columns="monthly_fee")}, setting="contractual"
    )
    assert "monthly_fee" in unsaid(found)


def test_satisfaction_stands_in_where_nobody_was_asked_to_recommend(client):
    asked = answers(scores=(5, 2)).rename(columns={"nps": "csat"})
    _, _, shown, _, known = run(client, {"transactions": orders(lead=1.0), "responses": asked})
    assert known["retention_difference_by_csat_group", "alike before"].low > 0
    assert ("value_per_csat_point", "alike before") in known and "Not satisfied" in shown[0].html


# --- consistent ---------------------------------------------------------------------------------


def test_equal_weights_change_nothing_and_without_any_the_silent_are_named(client):
    frames = {"transactions": orders(lead=0.5), "responses": answers()}
    equal = pd.DataFrame({"customer_id": [f"c{who:03}" for who in range(400)], "weight": 1.0})
    _, compared, shown, _, _ = run(client, frames, weights=equal)
    pd.testing.assert_frame_equal(compared.weighted, compared.alike)
    assert "weighted to all customers" in shown[1].html
    _, _, shown, _, _ = run(client, frames, weights=CannotSay("No invitations."))
    assert "did not answer think is unknown" in shown[1].html


def test_the_window_is_as_long_as_half_of_the_answers_allow(client):
    made = client({"transactions": orders(lead=0.5)})
    for day, expected in (("2025-10-01", 180), ("2026-03-20", 90), ("2026-05-20", 30)):
        followed = answers_followed.follow(replaced(made, {"responses": answers(day=day)}), ahead())
        assert followed.follow_days == expected


# --- refuses ------------------------------------------------------------------------------------


def test_surveys_that_cannot_be_followed_say_why(client):
    log = orders(60)
    cases = {
        "needs customer_id": answers(60).drop(columns="customer_id"),
        "No answer names its customer": answers(60).assign(customer_id=None),
        "60 name a customer who never bought": answers(60).assign(
            customer_id=lambda rows: "x" + rows["customer_id"]
        ),
        "60 are too recent to be followed for 30 days": answers(60, day="2026-06-20"),
        "60 came before the first purchase": answers(60, day="2024-01-05"),
        "30 answers that can be followed are needed": answers(1),
        "needs nps": answers(60).drop(columns="nps"),
        "no answer with nps or csat": answers(60).assign(nps=None),
    }
    made = client({"transactions": log})
    for reason, asked in cases.items():
        _, _, shown, found, known = run(made, {"responses": asked})
        assert reason in unsaid(found), (reason, unsaid(found))
        assert not known and all(isinstance(page, CannotSay) for page in shown)
    unknown = answers_followed.follow(replaced(made, {"responses": answers(60)}), ahead(CannotSay("Both.")))
    assert unknown == CannotSay("Both.")
    for step in (answers_followed.look_ahead, lambda study: answers_followed.follow(study, ahead())):
        assert "needs the table responses" in step(made).reason


def test_all_promoters_have_levels_and_nobody_to_be_compared_with(client):
    _, _, shown, found, known = run(
        client, {"transactions": orders(60), "responses": answers(60, scores=(10, 9))}
    )
    assert (
        isinstance(shown[0], ShownTable)
        and "Not rated, with fewer than 30 customers: Passives (0), Detractors (0)" in shown[0].html
    )
    assert "Promoters (" in unsaid(found) and "Detractors (0)" in unsaid(found)
    assert ("retention_by_nps_group", "promoter") in known


def test_groups_asked_at_different_times_have_nobody_alike(client):
    made = client({"transactions": orders()})
    asked = answers().assign(response_date=["2025-10-01" if who % 2 else "2025-07-01" for who in range(400)])
    followed, compared, shown, found, known = run(made, {"responses": asked})
    assert "too few of both groups to compare" in unsaid(found)
    assert "too few of both groups to compare" in steps.drawn(made, followed, compared).reason
    assert "too few alike" in shown[1].html and isinstance(shown[2], CannotSay)
    assert ("retention_difference_by_nps_group", "as they are") in known


def test_nobody_buys_after_and_nothing_is_divided_by_nought(client):
    log = orders()
    log = log[log["order_date"] <= "2025-10-01"]
    followed, compared, _, found, known = run(client, {"transactions": log, "responses": answers()})
    assert known["retention_by_nps_group", "promoter"].value == 0
    assert "one of them brought nothing" in steps.drawn(client, followed, compared).reason
    assert "within chance" in found[0]


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_demo_client_stays_where_it_is_content():
    """Satisfaction lowers the hazard of leaving there: promoters stay, also among those alike before."""
    params = read_params(project_root() / "params" / "demo.yaml")
    made = study.start("04_satisfaction_nps", params.model_dump(exclude_unset=True))
    followed = answers_followed.follow(made, ahead())
    compared = steps.compare(made, followed)
    plain, alike = (table.iloc[0] for table in (compared.plain, compared.alike))
    assert (alike["outcome"], alike["group"], alike["against"]) == ("stayed", "promoter", "detractor")
    assert plain["low"] > 0 and alike["low"] > 0 and alike["p_adjusted"] < 0.05
    # What they were before explains part of it.
    assert alike["difference"] < plain["difference"]
