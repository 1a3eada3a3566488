"""Study 05, columns that know the answer: planted ones are named and left out, kept ones stay, and so does the rest."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from studies.test_churn_rows import SHORT, learn, orders

from cam.estimate import CannotSay, Estimate
from cam.language import use
from cam.studies import churn, churn_leaks, churn_models, churn_rows

N = 600


def snapshot(*, leaks=True):
    """Age tells a little; a reason is written down when a customer leaves, and half of them get a last bill."""
    rng = np.random.default_rng(5)
    age = rng.integers(18, 80, N)
    left = rng.random(N) < np.where(age < 40, 0.55, 0.3)
    table = pd.DataFrame(
        {"customer_id": range(N), "churned": left, "age": age, "plan": rng.choice(["a", "b"], N)}
    )
    if leaks:
        table["reason"] = np.where(left, "price", None)
        table["last_bill"] = np.where(left & (rng.random(N) < 0.5), "<sent>", "open")
    return table


def start(client, frame, **keys):
    study = client({"snapshot": frame}, churn=keys)
    rates = churn.churn_rates(study, churn.count_silent(study), churn.count_ended(study))
    rows = churn_rows.learn_from(study, rates, churn.false_alarms(study, churn.count_silent(study)))
    return study, rows, churn_leaks.find(study, rows)


def test_planted_leaks_are_named_with_their_evidence(client):
    study, rows, leaks = start(client, snapshot())
    assert leaks["feature"].tolist() == ["reason", "last_bill"]
    page = churn_leaks.show_leaks(study, rows, leaks).html
    n_sent = int((snapshot()["last_bill"] == "<sent>").sum())
    assert f'<td class="num">{n_sent}</td><td class="num">{n_sent}</td>' in page
    assert "of the rows with the value &lt;sent&gt; nearly all left" in page
    assert "churn.keep: [reason, last_bill]" in page and "churn.leave_out: [reason, last_bill]" in page
    said = churn_leaks.findings(study, leaks)
    assert said[0].startswith("reason tells who left too well") and "last_bill" in said[0]
    count, *each = churn_leaks.key_figures(study, rows, leaks)
    assert (count.figure, count.value, count.n) == ("churn_suspect_columns", 2, 4)
    assert [one.segment["feature"] for one in each] == ["reason", "last_bill"]
    assert all(isinstance(one, Estimate) and one.low <= one.value <= one.high for one in each)


def test_what_follows_does_without_them(client):
    study, rows, leaks = start(client, snapshot())
    clean = churn_leaks.without(study, rows, leaks)
    assert clean.features == ("age", "plan")
    assert list(clean.table) == ["customer_id", "churned", "age", "plan"]
    assert set(clean.current.columns) == {"customer_id", "age", "plan"}
    assert {"reason", "last_bill"} <= set(rows.table) and len(clean.table) == len(rows.table)
    # What is left knows nothing any more.
    assert churn_leaks.find(study, clean).empty


def test_the_client_may_keep_a_column(client):
    study, rows, leaks = start(client, snapshot(), keep=["reason", "last_bil"])
    assert leaks["feature"].tolist() == ["last_bill"]
    assert "reason" in churn_leaks.without(study, rows, leaks).features
    page = churn_leaks.show_leaks(study, rows, leaks).html
    assert "Kept, as churn.keep says: reason." in page
    assert (
        "churn.keep names last_bil, which is no column here; there are age, plan, reason, last_bill." in page
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_where_none_is_found_it_is_one_line(client, language):
    study, rows, leaks = start(client, snapshot(leaks=False))
    use(language)
    page = churn_leaks.show_leaks(study, rows, leaks).html
    use("en")
    assert "<table" not in page and "2" in page and "{" not in page
    assert churn_leaks.without(study, rows, leaks) is rows
    assert churn_leaks.findings(study, leaks) == []
    assert [one.value for one in churn_leaks.key_figures(study, rows, leaks)] == [0]


def test_where_nothing_else_is_left_it_says_so(client):
    study, rows, leaks = start(client, snapshot().drop(columns=["age", "plan"]))
    said = churn_leaks.without(study, rows, leaks)
    assert isinstance(said, CannotSay) and "reason, last_bill" in said.reason and "churn.keep" in said.cure
    assert churn_leaks.find(study, said) is said


def test_too_few_of_a_kind(client):
    study, rows, _ = start(client, snapshot())
    left = rows.table[rows.table["churned"] == 1].head(7)
    few = dataclasses.replace(rows, table=pd.concat([left, rows.table[rows.table["churned"] == 0]]))
    said = churn_leaks.find(study, few)
    assert isinstance(said, CannotSay) and "there are 7" in said.reason
    assert churn_leaks.findings(study, said) == [said] and churn_leaks.key_figures(study, rows, said) == []


def test_a_date_that_only_those_who_left_have_is_named_though_it_is_no_feature(client):
    frame = snapshot(leaks=False)
    left = frame["churned"]
    frame["leave_date"] = [f"2026-0{1 + k % 6}-11" if gone and k % 3 else None for k, gone in enumerate(left)]
    frame["last_login_date"] = [f"2026-05-{1 + k % 28:02d}" if k % 2 else None for k in range(N)]
    study, rows, leaks = start(client, frame)
    assert leaks[["feature", "kind", "value"]].values.tolist() == [["leave_date", "tells", "known"]]
    assert leaks["n_value"][0] == frame["leave_date"].notna().sum() == leaks["n_left"][0]
    assert churn_leaks.without(study, rows, leaks) is rows
    assert "of the rows with a value nearly all left" in churn_leaks.show_leaks(study, rows, leaks).html


def test_a_model_too_good_to_be_true_raises_the_alarm(client):
    """A last bill kept by the client; and the same client without it, who has none."""
    rng = np.random.default_rng(1)
    frame = pd.concat([snapshot(leaks=False)] * 3, ignore_index=True).assign(customer_id=range(3 * N))
    frame["age"] += rng.integers(-3, 4, 3 * N)
    said = []
    for share in (0.6, 0.98, 0):
        billed = frame["churned"] & (rng.random(3 * N) < share)
        planted = frame.assign(bill=np.where(billed, 20 + rng.integers(0, 50, 3 * N), 0))
        study, rows, leaks = start(client, planted, keep=["bill"])
        assert leaks.empty
        said.append(churn_leaks.alarm(study, churn_models.fit(study, rows)))
    assert "Too good to be true: of the tenth" in said[0][0] and "most are written: bill" in said[0][0]
    assert "Too good to be true" in said[1][0] and said[2] == []
    assert churn_leaks.alarm(study, CannotSay("no model")) == []


def test_what_the_export_says_of_those_who_left_since_shows_at_the_last_cut_off(client):
    """At earlier cut-offs most who have left by now still stayed: over all rows the columns are far from pure."""
    last = orders().groupby("customer_id")["order_date"].max()
    people = pd.DataFrame({"customer_id": last.index, "region": np.where(np.arange(len(last)) % 2, "n", "s")})
    gone = (pd.to_datetime(last) < pd.Timestamp("2026-04-15")).to_numpy()
    people = people.assign(
        gone_on=last.astype(str).where(gone).to_numpy(), survey=np.where(gone, "sent", "none")
    )
    study = client({"transactions": orders(), "customers": people}, churn=SHORT)
    rows = learn(study)
    assert rows.table.loc[rows.table["survey"] == "sent", "churned"].mean() < 0.9
    leaks = churn_leaks.find(study, rows)
    assert sorted(leaks["feature"]) == ["gone_on", "survey"]
    assert "survey" not in churn_leaks.without(study, rows, leaks).features
