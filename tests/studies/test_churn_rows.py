"""The table that a churn model learns from: cut-offs, labels, gates, names, and clients of every kind."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay
from cam.measures.churn.columns import fit_columns
from cam.measures.churn.folds import split_by_time
from cam.reduce.churn_features import FEATURES
from cam.studies import churn as steps
from cam.studies import churn_rows
from cam.studies.churn_rows import Rows, feature_name, learn_from, show_windows

AS_OF = pd.Timestamp("2026-06-30")
SHORT = {"observation_days": 120, "horizon_days": 60}


def orders(n=1200, *, first="2025-03-01", spread=200, seed=5) -> pd.DataFrame:
    """Customers who buy at their own pace until they leave, half of them within the year and a half."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(n):
        day = pd.Timestamp(first) + pd.Timedelta(days=int(rng.integers(0, spread)))
        gone = day + pd.Timedelta(days=float(rng.exponential(300)))
        while day <= min(gone, AS_OF):
            rows.append((f"c{customer:04d}", day.date(), round(float(rng.gamma(2, 20)), 2)))
            day += pd.Timedelta(days=1 + float(rng.exponential(20)))
    opens = [("c0000", pd.Timestamp(first).date(), 10.0)]
    return pd.DataFrame(opens + rows, columns=["customer_id", "order_date", "revenue"])


def contracts(n=1500, *, ended=700) -> pd.DataFrame:
    start = [(pd.Timestamp("2025-01-01") + pd.Timedelta(days=k % 200)).date() for k in range(n)]
    end = [(AS_OF - pd.Timedelta(days=(11 * k) % 300)).date() if k < ended * 2 else None for k in range(n)]
    return pd.DataFrame(
        {"customer_id": [f"m{k}" for k in range(n)], "start_date": start, "end_date": end, "monthly_fee": 9.5}
    )


def snapshot(n=600) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "customer_id": [f"s{k}" for k in range(n)],
            "churned": np.arange(n) % 3 == 0,
            "tenure_months": rng.integers(0, 72, n),
            "plan": rng.choice(["basic", "N/A"], n),
            "charges": np.where(rng.random(n) < 0.1, None, rng.gamma(2, 20, n).round(2)),
            "paperless": rng.choice(["yes", "no"], n),
            "joined_on": "2020-01-01",
            "story": [f"called about {k}" for k in range(n)],
            "account_id": range(n),
            "purchase_revenue": rng.gamma(2, 20, n).round(2),
        }
    )


def learn(study):
    silent, ended = steps.count_silent(study), steps.count_ended(study)
    rates = steps.churn_rates(study, silent, ended)
    return learn_from(study, rates, steps.false_alarms(study, silent))


def told(said) -> str:
    assert isinstance(said, CannotSay)
    return f"{said.reason} {said.cure}"


def test_features_made_in_parts_are_those_made_at_once(client, monkeypatch):
    tables = {"transactions": orders()}
    whole = learn(client(tables, churn=SHORT))
    monkeypatch.setattr(churn_rows, "_AT_ONCE", 3_000)
    parts = learn(client(tables, churn=SHORT))
    pd.testing.assert_frame_equal(parts.table, whole.table)
    one, other = (rows.current.order_by("customer_id").execute() for rows in (parts, whole))
    pd.testing.assert_frame_equal(one, other)


def test_labels_of_all_but_the_last_cut_off_were_known_by_then(client):
    log = orders()
    rows = learn(client({"transactions": log}, churn=SHORT | {"gap_days": 10, "n_cut_offs": 3}))
    assert rows.basis == "purchases"
    assert rows.cut_offs == (date(2025, 12, 10), date(2026, 1, 10), date(2026, 2, 10), date(2026, 4, 21))
    train, test = split_by_time(rows.table, horizon_days=60, gap_days=10)
    assert len(train) + len(test) == len(rows.table) and len(rows.cut_offs) == 4
    # The label, once more, from the file.
    days = log.assign(day=pd.to_datetime(log["order_date"]))
    for row in rows.table.sample(60, random_state=1).itertuples():
        later = days.loc[days["customer_id"] == row.customer_id, "day"] - row.cut_off
        assert row.churned == int(not later.between(pd.Timedelta(days=11), pd.Timedelta(days=70)).any())
    assert rows.table.dtypes["churned"] == np.int64 and rows.table["customer_id"].map(type).eq(str).all()
    assert fit_columns(rows.table).features


def test_today_has_the_same_features_of_those_who_are_there_today(client):
    log = orders()
    rows = learn(client({"transactions": log}, churn=SHORT))
    today = rows.current.execute()
    assert tuple(today.columns) == ("customer_id", *rows.features)
    recent = log[pd.to_datetime(log["order_date"]) > AS_OF - pd.Timedelta(days=120)]
    assert set(today["customer_id"]) == set(recent["customer_id"])


def test_what_came_after_the_test_began_changes_no_row_before_it(client):
    """Orders after the last cut-off are dealt to other customers: labels may change there, features nowhere."""
    log = orders()
    first = learn(client({"transactions": log}, churn=SHORT))
    late = pd.to_datetime(log["order_date"]) > pd.Timestamp(first.cut_offs[-1])
    changed = log.copy()
    changed.loc[late, "customer_id"] = np.random.default_rng(1).choice(
        log["customer_id"].unique(), late.sum()
    )
    changed = changed.sample(frac=1, random_state=2)
    second = learn(client({"transactions": changed}, churn=SHORT))
    features = ["customer_id", "cut_off", *first.features]
    pd.testing.assert_frame_equal(first.table[features], second.table[features])
    earlier = first.table["cut_off"] < pd.Timestamp(first.cut_offs[-1])
    assert (first.table["churned"] == second.table["churned"])[earlier].all()
    assert (first.table["churned"] != second.table["churned"]).any()


def test_a_future_dated_order_was_dropped_before(client):
    log = orders()
    more = pd.DataFrame({"customer_id": "c0001", "order_date": [date(2027, 1, 1)], "revenue": 5.0})
    one, other = (
        learn(client({"transactions": frame}, churn=SHORT)) for frame in (log, pd.concat([log, more]))
    )
    pd.testing.assert_frame_equal(one.table, other.table)


def test_a_bounded_sample_takes_whole_customers(client, monkeypatch):
    study = client({"transactions": orders()}, churn=SHORT)
    every = learn(study)
    monkeypatch.setattr(churn_rows, "MOST_ROWS", len(every.table) // 3)
    some = learn(study)
    assert len(some.table) <= 1.2 * len(every.table) / 3
    assert some.n_customers == every.n_customers == every.n_sampled > some.n_sampled
    whole = every.table[every.table["customer_id"].isin(some.table["customer_id"])]
    pd.testing.assert_frame_equal(whole.reset_index(drop=True), some.table)
    assert some.current.count().execute() == every.current.count().execute()
    assert (
        f"Of {every.n_customers:,} customers, {some.n_sampled:,} are in the table"
        in show_windows(study, some).html
    )


def test_contracts_are_asked_while_they_run(client):
    frames = {"contracts": contracts()}
    rows = learn(client(frames, churn={"horizon_days": 60, "gap_days": 15, "n_cut_offs": 2}))
    assert rows.basis == "contract" and len(rows.cut_offs) == 3
    assert set(FEATURES["contracts"]) == set(rows.features)
    assert (rows.table["has_contract"] == 1).all()
    ends = pd.to_datetime(contracts().set_index("customer_id")["end_date"])
    for row in rows.table.sample(50, random_state=1).itertuples():
        end = ends[row.customer_id]
        assert pd.isna(end) or end >= row.cut_off + pd.Timedelta(days=15)
        assert row.churned == int(pd.notna(end) and end < row.cut_off + pd.Timedelta(days=75))
    # An end on the last day itself is still to come.
    assert rows.current.count().execute() == int((ends.isna() | (ends >= AS_OF)).sum())


def test_a_snapshot_brings_its_own_columns(client):
    study = client({"snapshot": snapshot()})
    rows = learn(study)
    assert rows.basis == "snapshot" and rows.cut_offs == () and "cut_off" not in rows.table
    assert set(rows.features) == {
        "tenure_months",
        "plan",
        "charges",
        "paperless",
        "purchase_revenue (snapshot)",
    }
    assert rows.current.count().execute() == 400 and rows.table["churned"].sum() == 200
    assert feature_name(study, "purchase_revenue (snapshot)") == "purchase_revenue (snapshot)"
    page = show_windows(study, rows).html
    assert "A snapshot has no dates" in page
    assert (
        "Not used as features: joined_on (a date), story (too many different texts), account_id (an id)."
        in page
    )


def test_attributes_come_along_and_a_name_that_is_taken_is_told_apart(client):
    people = pd.DataFrame({"customer_id": [f"c{k:04d}" for k in range(1200)]})
    people = people.assign(
        region="north", days_since_last=7, phone=[f"+49 {k}x" for k in range(1200)], churned="no"
    )
    people.loc[::2, "region"] = "south"
    study = client({"transactions": orders(), "customers": people}, churn=SHORT)
    rows = learn(study)
    assert {"region", "days_since_last (customers)"} <= set(rows.features)
    assert "phone" not in rows.features
    shown = show_windows(study, rows)
    assert "have no date" in shown.html and "transactions" in shown.html


def test_what_cannot_be_put_back_is_said_where_it_applies(client):
    """A refund in a column, a line that joined its order later, a fee: and none of the three where there is none."""
    log = orders().assign(order_id=lambda log: [f"o{k}" for k in range(len(log))], paid_back=0.0)
    words = ("stand in a column of their order", "lines on several days", "fees have no date")
    plain = client({"transactions": log}, churn=SHORT)
    assert not any(one in show_windows(plain, learn(plain)).html for one in words)
    last = log.groupby("customer_id").tail(1).head(7)
    later = last.assign(order_date=AS_OF.date(), revenue=1.0)
    source = {"path": "transactions.csv", "options": {"refund_column": "paid_back"}}
    study = client(
        {"transactions": pd.concat([log, later]), "contracts": contracts()},
        churn=SHORT | {"label": "purchases"},
        data={"transactions": source, "contracts": {"path": "contracts.csv"}},
    )
    page = show_windows(study, learn(study)).html
    assert all(one in page for one in words) and "But 7 orders have lines on several days" in page


def test_every_feature_has_words(client):
    study = client({"transactions": orders(n=5)})
    built = [feature for features in FEATURES.values() for feature in features]
    words = [feature_name(study, feature) for feature in built]
    assert all("_" not in word for word in words) and len(set(words)) == len(words)
    assert feature_name(study, "My own column") == "My own column"


def test_a_feature_left_out_is_out_and_a_name_spelt_wrong_is_told(client):
    frames = {"transactions": orders()}
    rows = learn(client(frames, churn=SHORT | {"leave_out": ["usual_gap_days"]}))
    assert "usual_gap_days" not in rows.features and "usual_gap_days" not in rows.current.columns
    said = told(learn(client(frames, churn=SHORT | {"leave_out": ["usual_gap"]})))
    assert said.startswith("churn.leave_out names usual_gap, and there is no such feature")
    assert "The features are: days_since_last, n_purchase_days" in said


def test_a_history_for_one_cut_off_only_cannot_test_a_model(client):
    needed = 120 + 2 * 60
    for missing in (0, 1):
        first = (AS_OF - pd.Timedelta(days=needed - 1 - missing)).date()
        log = orders(first="2025-03-01")
        days = pd.to_datetime(log["order_date"])
        log = pd.concat([log[days.dt.date > first], log.iloc[:1].assign(order_date=first)])
        said = learn(client({"transactions": log}, churn=SHORT))
        if missing:
            assert told(said) == (
                "A model learns at one cut-off and is tested at a later one: that takes 240 days of data, 120 to see "
                "who was there and twice 60 to see who left. There are 239: 1 too few. Add older rows, or shorten "
                "churn.horizon_days by 1 day or churn.observation_days by 1."
            )
        else:
            assert isinstance(said, Rows) and len(said.cut_offs) == 2


@pytest.mark.parametrize(
    ("frames", "churn", "words"),
    [
        ({"transactions": orders(n=10)}, SHORT, "A model of churn is not the tool"),
        ({"transactions": orders()}, SHORT | {"label": "contract"}, "churn.label asks for contract"),
        ({"snapshot": snapshot().assign(churned=True)}, {}, "A model of churn is not the tool"),
        ({"snapshot": snapshot()[["customer_id", "churned", "story"]]}, {}, "No column is left"),
        ({"transactions": orders(first="2026-05-01")}, SHORT, "Who fell silent cannot be said"),
        ({"contracts": contracts(ended=0)}, {}, "No contract has an end"),
    ],
    ids=["ten customers", "no such label", "one class", "no column", "too young", "nothing ended"],
)
def test_what_cannot_be_learnt_from_says_why(client, frames, churn, words):
    assert words in told(learn(client(frames, churn=churn)))


def test_customers_of_one_month_only_are_told_apart_by_what_they_do(client):
    rows = learn(client({"transactions": orders(spread=28)}, churn=SHORT))
    assert rows.table["days_since_first_purchase"].groupby(rows.table["cut_off"]).agg(np.ptp).max() < 28
    assert rows.table["churned"].groupby(rows.table["cut_off"]).nunique().eq(2).all()
