"""Study 05 on small clients of every kind: the label it states, known figures, and why it cannot say the rest."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.data import prepare
from cam.estimate import CannotSay, Estimate
from cam.params import params_from_sections
from cam.show.figures import churn as figures
from cam.studies import churn as steps
from cam.studies.study import Study

AS_OF = pd.Timestamp("2026-06-30")
CUT_OFF = AS_OF - pd.Timedelta(days=90)


@pytest.fixture
def client(tmp_path):
    """Make a study from frames, by the way that files take."""

    def make(frames, **sections):
        data = {name: {"path": f"{name}.csv"} for name in frames}
        for name, frame in frames.items():
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        given = {"client": {"id": "small", "currency": "EUR", "as_of": "2026-06-30"}, "data": data}
        params = params_from_sections(given | sections)
        prepared = prepare(params, root=tmp_path, cache=tmp_path / "cache", place="params/small.yaml")
        engine = ibis.duckdb.connect()
        tables = {name: engine.read_parquet(prepared.path(name), table_name=name) for name in prepared.tables}
        return Study("05_churn", params, prepared, tables, engine, tmp_path, False)

    return make


def orders(groups, *, first="2024-06-01"):
    """*groups*: how many customers bought on which days; one more customer opens the data and never returns."""
    rows = [{"customer_id": "opens", "order_date": first}]
    for place, (n, days) in enumerate(groups):
        rows += [
            {"customer_id": f"{place}-{number}", "order_date": day} for number in range(n) for day in days
        ]
    return pd.DataFrame(rows).assign(revenue=10)


def days_before_cut_off(days):
    return (CUT_OFF - pd.Timedelta(days=days)).date()


STAYED = AS_OF.date()
#: 300 stayed and 200 left; the silent leave more often.
SHOP = [
    (250, [days_before_cut_off(10), STAYED]),
    (50, [days_before_cut_off(10)]),
    (50, [days_before_cut_off(300), STAYED]),
    (150, [days_before_cut_off(300)]),
]
N_CONTRACTS = 400


def contracts(n_ended=120):
    end = [(AS_OF - pd.Timedelta(days=30)).date()] * n_ended + [None] * (N_CONTRACTS - n_ended)
    return pd.DataFrame(
        {"customer_id": [f"m{n}" for n in range(N_CONTRACTS)], "start_date": "2025-01-15", "end_date": end}
    )


def snapshot(n=300, n_churned=120):
    return pd.DataFrame({"customer_id": range(n), "churned": [True] * n_churned + [False] * (n - n_churned)})


def run(study):
    """All steps, as the notebook calls them."""
    silent, ended = steps.count_silent(study), steps.count_ended(study)
    rates = steps.churn_rates(study, silent, ended)
    label = steps.show_labels(study, rates)
    back = steps.false_alarms(study, silent)
    steps.show_false_alarms(study, back)
    monthly = steps.monthly_rates(study, silent, ended)
    figures.churn_over_time(monthly, horizon_days=study.params.churn.horizon_days)
    buckets = steps.recency_rates(study, silent)
    figures.churn_by_recency(buckets, period=steps.horizon(study))
    steps.show_recency(study, buckets)
    found = steps.findings(study, rates, monthly, buckets, back)
    return found, steps.key_figures(study, rates, monthly, buckets, back), label


def by_segment(key_figures):
    return {
        (figure.figure, *figure.segment.values()): figure
        for figure in key_figures
        if isinstance(figure, Estimate)
    }


def test_cut_offs_one_after_another_count_what_one_query_counts(client, monkeypatch):
    study = client({"transactions": orders(SHOP)})
    at_once = steps.count_silent(study)
    monkeypatch.setattr(steps, "ROWS_AT_ONCE", 0)
    pd.testing.assert_frame_equal(steps.count_silent(study), at_once)
    assert at_once["cut_off"].nunique() > 3


def test_silence_is_the_label_where_there_are_only_orders(client):
    found, key, label = run(client({"transactions": orders(SHOP)}))
    rates = by_segment(key)
    assert rates["churn_rate", "purchases"].value == 0.4 and rates["churn_rate", "purchases"].n == 500
    assert rates["churn_rate",].value == 0.4
    assert rates["churn_rate", "purchases", "0-30"].value == 50 / 300
    assert rates["churn_rate", "purchases", "181+"].value == 150 / 200
    assert ("churn_rate", "purchases", "31-90") not in rates
    assert all(rate.low is not None and rate.n for rate in rates.values())
    assert "bought in the 365 days up to 1 Apr 2026, and not in the 90 days after" in label.html
    assert "Which rate is which" in label.html and "bought nothing in the 90 days after it" in label.html
    assert "(page Lifecycle)" in label.html and "by contract" not in label.html
    assert "rank customers by risk" in found[0]
    assert "last purchase lay 181 days or more back at the cut-off left in 75.0" in found[1]
    assert len(found) <= 5


def test_months_are_those_whose_windows_are_complete(client):
    rates = by_segment(run(client({"transactions": orders(SHOP, first="2025-02-01")}))[1])
    months = [segment[2] for segment in rates if segment[0] == "churn_rate" and segment[-1].startswith("20")]
    assert months == ["2026-01-31", "2026-02-28", "2026-03-31"]


def test_a_contract_that_ended_is_the_label_where_there_are_only_contracts(client):
    found, key, label = run(client({"contracts": contracts()}))
    rates = by_segment(key)
    assert rates["churn_rate", "contract"].value == 0.3 and rates["churn_rate",].n == N_CONTRACTS
    assert ("churn_rate", "purchases") not in rates
    assert "had a contract on 1 Apr 2026, and none 90 days later" in label.html
    assert "Ask before the contract ends" in found[0]


@pytest.mark.parametrize(
    ("setting", "first"), [("contractual", "contract"), ("non_contractual", "purchases")]
)
def test_both_are_shown_and_the_setting_says_which_rules(client, setting, first):
    study = client({"transactions": orders(SHOP), "contracts": contracts()}, value={"setting": setting})
    found, key, _ = run(study)
    rates = by_segment(key)
    assert rates["churn_rate",].value == rates["churn_rate", first].value
    assert {("churn_rate", "purchases"), ("churn_rate", "contract")} <= set(rates)
    assert ("of the customers with a contract" in found[0]) == (first == "contract")


def test_a_snapshot_gives_a_share_and_says_that_time_is_missing(client):
    found, key, _ = run(client({"snapshot": snapshot()}))
    assert by_segment(key)["churn_rate", "snapshot"].value == 0.4
    assert "nothing can be tested out of time: a model of it is cross-validated" in found[0]
    assert steps.horizon(client({"snapshot": snapshot()})) == "a snapshot without dates"
    for few in (snapshot(n_churned=40), snapshot(n=9000, n_churned=120)):
        found, *_ = run(client({"snapshot": few}))
        assert "not the tool" in found[0] and "come back later" not in found[0]


def test_a_history_that_is_too_short_is_named(client):
    study = client({"transactions": orders(SHOP, first="2025-04-03")})
    found, key, label = run(study)
    assert isinstance(label, CannotSay) and not by_segment(key)
    assert label.reason == (
        "Who fell silent cannot be said: the orders reach back 454 days, and the label needs 365 to see who was "
        "there and 90 to see who left."
    )
    assert label.cure == "Add older orders, or shorten churn.observation_days."
    assert found[0] == label
    one_day_more = steps.count_silent(client({"transactions": orders(SHOP, first="2025-04-02")}))
    assert isinstance(one_day_more, pd.DataFrame)


def test_one_label_is_shown_where_the_other_cannot_be(client):
    study = client({"transactions": orders(SHOP, first="2026-01-01"), "contracts": contracts()})
    found, key, label = run(study)
    assert by_segment(key)["churn_rate",].value == 0.3
    assert "the orders reach back" in label.html
    assert isinstance(found[0], str) and any(isinstance(said, CannotSay) for said in found)


def test_an_export_of_running_contracts_only_is_not_a_churn_of_zero(client):
    found, key, label = run(client({"contracts": contracts(n_ended=0)}))
    assert isinstance(label, CannotSay) and "holds running contracts only" in label.reason
    assert found == [label] and not by_segment(key)


def test_contracts_younger_than_the_horizon_cannot_say(client):
    young = contracts().assign(start_date="2026-05-01")
    assert (
        steps.count_ended(client({"contracts": young})).reason
        == "No contract ran on 1 Apr 2026, the cut-off."
    )


def test_without_any_of_the_tables_it_says_what_it_needs(client):
    responses = pd.DataFrame({"response_date": ["2026-06-01"], "nps": [9]})
    found, key, label = run(client({"responses": responses}))
    assert isinstance(label, CannotSay) and "without transactions, contracts or a snapshot" in label.reason
    assert found == [label] and all(isinstance(figure, CannotSay) for figure in key)


def test_where_almost_nobody_leaves_a_model_is_not_the_tool(client):
    few = [(990, [days_before_cut_off(10), STAYED]), (10, [days_before_cut_off(10)])]
    found, *_ = run(client({"transactions": orders(few)}))
    assert "below 2.0 %: a model of churn is not the tool" in found[0].replace("\xa0", " ")


def test_who_only_pauses_is_no_leaver_to_learn_from(client):
    # They buy every 200 days, so each is silent for longer than the horizon, again and again.
    pause = [(300, [f"{day:%Y-%m-%d}" for day in pd.date_range("2025-01-01", AS_OF, freq="200D")] + [STAYED])]
    study = client({"transactions": orders(pause)})
    found, key, _ = run(study)
    back = next(figure for figure in by_segment(key).values() if figure.figure == "churn_return_rate")
    assert back.value > 0.9 and back.n >= 300
    assert any("they were pausing" in said for said in found if isinstance(said, str))


def test_few_who_fell_silent_do_not_judge_the_label(client):
    study = client({"transactions": orders([(200, [days_before_cut_off(10), STAYED])])})
    said = steps.false_alarms(study, steps.count_silent(study))
    assert isinstance(said, CannotSay) and "at least 180 days back, after which 30 customers" in said.reason


def test_a_change_of_the_base_is_not_sold_as_progress(client):
    """CDNOW's case: one wave of new customers, most of whom never return, leaves the window."""
    wave = [(900, ["2025-01-10"]), (100, ["2025-01-10", "2026-01-05", "2026-04-15", STAYED])]
    found, *_ = run(
        client({"transactions": orders(wave, first="2024-12-01")}, churn={"observation_days": 400})
    )
    trend = next(said for said in found if isinstance(said, str) and said.startswith("Churn"))
    assert "compare like with like" in trend


def test_a_steady_business_shows_no_trend_more_often_than_chance_allows(client):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 400, 4_000),
            "order_date": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 912, 4_000), unit="D"),
            "revenue": 5,
        }
    )
    found, *_ = run(client({"transactions": frame}))
    assert any("a change within chance" in said for said in found if isinstance(said, str))


def test_figures_draw_intervals_and_zero(client):
    study = client({"transactions": orders(SHOP), "contracts": contracts()})
    silent, ended = steps.count_silent(study), steps.count_ended(study)
    line = figures.churn_over_time(steps.monthly_rates(study, silent, ended), horizon_days=90)
    bars = figures.churn_by_recency(steps.recency_rates(study, silent), period=steps.horizon(study))
    assert line.get_ylim()[0] == 0 and len(line.collections) == 2
    assert bars.get_ylim()[0] == 0 and len(bars.collections) == 1 and len(bars.patches) == 2
    assert "75.0" in bars.figure.get_gid()


def test_a_gap_moves_the_cut_off_back_and_stands_in_every_sentence(client):
    study = client({"transactions": orders(SHOP), "contracts": contracts()}, churn={"gap_days": 30})
    found, key, label = run(study)
    cut_off = (CUT_OFF - pd.Timedelta(days=30)).date()
    assert steps.horizon(study) == "2 Apr 2026 to 30 Jun 2026"
    assert "up to 2 Mar 2026, and not in the 90 days after 30 more" in label.html
    assert "had a contract on 2 Mar 2026 and 30 days later, and none 90 days after that" in label.html
    assert "bought nothing in the 90 days that began 30 days after it" in found[0]
    rates = by_segment(key)
    assert ("churn_rate", "contract", (cut_off - pd.Timedelta(days=2)).isoformat()) in rates
    # Who last bought 10 days before the other cut-off bought within this gap: no sign of staying.
    assert rates["churn_rate", "purchases"].n == 200
