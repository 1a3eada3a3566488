"""Study 02 on small clients: known figures, findings that follow the numbers, and why it cannot say the rest."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from cam.data import prepare
from cam.estimate import CannotSay, Estimate
from cam.measures.lifecycle.stages import StageRules
from cam.params import params_from_sections
from cam.show.figures import lifecycle as figures
from cam.studies import lifecycle as steps
from cam.studies import stages
from cam.studies.study import Study


@pytest.fixture
def client(tmp_path):
    """Make a study from frames, by the way that files take."""

    def make(frames, as_of="2026-06-30", **sections):
        data = {name: {"path": f"{name}.csv"} for name in frames}
        for name, frame in frames.items():
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        given = {"client": {"id": "small", "currency": "EUR", "as_of": as_of}, "data": data}
        params = params_from_sections(given | sections)
        prepared = prepare(params, root=tmp_path, cache=tmp_path / "cache", place="params/small.yaml")
        engine = ibis.duckdb.connect()
        tables = {name: engine.read_parquet(prepared.path(name), table_name=name) for name in prepared.tables}
        return Study("02_lifecycle", params, prepared, tables, engine, tmp_path, False)

    return make


def orders(cohorts):
    """One order a month: *cohorts* maps a first month to how many customers buy in it and in each month after."""
    rows = [
        {"customer_id": f"{first}-{number}", "order_date": day + pd.offsets.Day(3), "revenue": 10}
        for first, counts in cohorts.items()
        for day, count in zip(pd.date_range(first, periods=len(counts), freq="MS"), counts, strict=True)
        for number in range(count)
    ]
    return pd.DataFrame(rows)


def run(study):
    """All steps, as the notebook calls them."""
    customers = steps.summarise(study)
    repeat = steps.count_repeat(study, customers)
    steps.show_repeat(study, repeat)
    cohorts = steps.retention(study, stages.months(study))
    figures.cohort_heat_map(cohorts, period=study.period)
    pooled = steps.retention_by_age(study, cohorts)
    curve = figures.retention_curve(pooled, cohorts=cohorts, period=study.period)
    steps.show_retention(study, pooled)
    steps.show_falls(study, pooled)
    found = [*steps.findings(study, cohorts), *steps.lesser_findings(study, repeat, cohorts)]
    return found, steps.key_figures(study, repeat, cohorts), steps.scores(study, customers), curve


def by_segment(key_figures):
    return {
        (figure.figure, *figure.segment.values()): figure
        for figure in key_figures
        if isinstance(figure, Estimate)
    }


def words_of(ax):
    return " ".join(text.get_text() for text in ax.figure.findobj(Text)).replace("\n", " ")


def test_known_figures(client):
    found, key, scores, _ = run(
        client({"transactions": orders({"2026-03-01": [50, 20, 10], "2026-04-01": [40, 8, 4]})})
    )
    figures = by_segment(key)
    assert figures["repeat_rate",].value == 28 / 90 and figures["repeat_rate",].n == 90
    assert figures["retention_rate", "2026-03", "1"].value == 0.4
    assert figures["retention_rate", "2026-03", "3"].value == 0.0
    assert figures["retention_rate", "1"].value == 28 / 90
    assert figures["retention_rate", "3"].n == 50
    assert list(figures["retention_rate", "2026-04", "2"].segment) == ["cohort", "age"]
    assert all(figure.low is not None and figure.n for figure in figures.values())
    assert scores.order_by("customer_id").execute().iloc[0].tolist() == ["2026-03-01-0", "2026-03", 3]
    assert len(found) == 2 and all(isinstance(said, str) for said in found)


def test_it_says_that_customers_drift_away_over_the_same_customers(client):
    # The young cohort is worse; over all customers its arrival would look like drift.
    found, key, *_ = run(
        client({"transactions": orders({"2026-01-01": [90] * 5 + [40], "2026-04-01": [60, 3, 3]})})
    )
    same = {one.segment["age"]: one for one in key if one.figure == "retention_same_customers"}
    assert {age: (one.value, one.n) for age, one in same.items()} == {"1": (1.0, 90), "5": (40 / 90, 90)}
    assert "n = 90) of new customers bought in the month after their first" in found[0].replace("\xa0", " ")
    assert "They drift away, and half of that fall is done by month 5" in found[0]
    assert "more than chance, and worse" in found[0]


@pytest.mark.parametrize(("n", "is_told"), [(1, False), (29, False), (30, True)])
def test_too_few_customers_carry_no_advice_on_coming_back(client, n, is_told):
    repeat = pd.DataFrame({"n_customers": [n, 0]})
    (said,) = steps.lesser_findings(
        client({"transactions": orders({"2026-01-01": [1]})}), repeat, CannotSay("x")
    )
    assert isinstance(said, str) is is_told
    if not is_told:
        assert "at least 30 customers" in said.reason and said.cure


def test_steady_customers_are_not_said_to_drift(client):
    found, *_ = run(client({"transactions": orders({"2026-01-01": [60, 20, 21, 19, 20, 20]})}))
    assert "no drift beyond chance" in found[0]
    assert isinstance(found[1], CannotSay) and "fewer than two months of new customers" in found[1].reason


@pytest.mark.parametrize("n", [7, 60])
def test_where_nobody_comes_back_nothing_is_said_to_need_no_rescue(client, n):
    found, *_ = run(client({"transactions": orders({"2026-01-01": [n, 0, 0, 0]})}))
    assert f"Of {n} new customers none bought in any of the 5 month(s)" in found[0]
    found, *_ = run(client({"transactions": orders({"2026-01-01": [7, 3, 3, 3, 3, 3]})}))
    assert "so few customers may hide one" in found[0] and "rescue" not in found[0]
    found, *_ = run(client({"transactions": orders({"2026-01-01": [900, 9, 8, 8, 7, 8]})}))
    assert "Hardly anybody comes back in any one month" in found[0]


def test_old_customers_who_look_new_are_noticed_and_left_out(client):
    cohorts = {"2026-01-01": [900] * 6, "2026-02-01": [60] + [20] * 4, "2026-03-01": [50] + [15] * 3}
    found, *_ = run(client({"transactions": orders(cohorts)}))
    assert "Jan 2026 holds 89.1" in found[0] and "bought before these data start" in found[0]
    assert "n = 60" in found[0].replace("\xa0", " ")
    assert "within chance, so newer customers are not shown to differ" in found[1]


def test_stages_and_cohorts_stand_side_by_side_for_each_customer(client):
    study = client({"transactions": orders({"2025-01-01": [60, 40, 30, 20] * 4, "2025-06-01": [50, 20] * 4})})
    months = stages.months(study)
    rules = StageRules(loyal_months=4, at_risk_months=2, dormant_months=3, lost_months=5)
    customers = steps.summarise(study)
    people = stages.customer_table(study, months, stages.stages(study, months, rules))
    stood = stages.scores(study, customers, people)
    scores = steps.scores(study, customers, stood).execute().set_index("customer_id")
    assert len(scores) == 110 and scores.notna().all(axis=None)
    assert list(scores) == ["cohort", "months_since_first", "lifecycle_stage", "months_silent"]
    assert scores.loc["2025-01-01-0"].tolist() == ["2025-01", 17, "at_risk", 2]


def test_a_month_that_is_not_over_is_left_out(client):
    log = {"transactions": orders({"2026-04-01": [50, 20, 10]})}
    whole, part = (by_segment(run(client(log, as_of=day))[1]) for day in ("2026-06-30", "2026-06-29"))
    assert ("retention_rate", "2026-04", "2") in whole and ("retention_rate", "2026-04", "2") not in part
    assert whole["retention_rate", "2026-04", "1"] == part["retention_rate", "2026-04", "1"]


def test_one_month_of_data_cannot_say(client):
    found, key, _, curve = run(client({"transactions": orders({"2026-06-01": [40]})}))
    assert isinstance(curve, CannotSay) and "has a complete calendar month after it yet" in curve.reason
    assert isinstance(found[0], CannotSay) and isinstance(found[1], str)
    assert [figure.figure for figure in key if isinstance(figure, Estimate)] == ["repeat_rate"]


def test_without_transactions_it_says_what_it_needs(client):
    contracts = pd.DataFrame({"customer_id": ["a"], "start_date": ["2026-01-01"], "end_date": [None]})
    found, key, scores, curve = run(client({"contracts": contracts}))
    assert all(isinstance(said, CannotSay) for said in (*found, *key, scores, curve))
    assert "This needs the table transactions" in found[0].reason


@pytest.mark.parametrize("n_cohorts", [1, 5, 24])
def test_figures_say_what_they_draw(client, n_cohorts):
    starts = pd.date_range(end="2026-05-01", periods=n_cohorts, freq="MS")
    cohorts = {day.strftime("%Y-%m-%d"): [40, 10] for day in starts}
    study = client({"transactions": orders(cohorts)})
    table = steps.retention(study, stages.months(study))
    ax = figures.cohort_heat_map(table, period=study.period)
    assert len(ax.get_yticklabels()) == min(n_cohorts, 18)
    assert ("the latest 18 of 24 cohorts are drawn" in words_of(ax)) == (n_cohorts == 24)
    assert ax.figure.get_gid().partition("? ")[2].startswith(f"Grid of {min(n_cohorts, 18)} cohort")
    curve = figures.retention_curve(steps.retention_by_age(study, table), cohorts=table, period=study.period)
    assert curve.get_ylim()[0] == 0 and len(curve.collections) == 1


def test_cohorts_too_small_to_judge_are_grey(client):
    study = client({"transactions": orders({"2026-03-01": [90, 40], "2026-04-01": [5, 5]})})
    table = steps.retention(study, stages.months(study))
    ax = figures.cohort_heat_map(table)
    assert np.isnan(np.asarray(ax.images[0].get_array().filled(np.nan))[1]).all()
    assert "cohorts below 30 customers are grey" in words_of(ax)


def test_the_sheet_of_the_workbook_has_a_row_per_cohort_with_its_size():
    table = pd.DataFrame(
        {"cohort": ["2024-01", "2024-01", "2024-02"], "age": [1, 2, 1], "n_customers": [40, 40, 30]}
    )

    sheet = steps.sheet(None, table.assign(retention_rate=[0.5, 0.25, 0.4]))
    assert list(sheet.columns) == ["Month of the first purchase", "Customers", "Month 1", "Month 2"]
    assert sheet.iloc[0].tolist() == ["2024-01", 40, 0.5, 0.25] and pd.isna(sheet.iloc[1, 3])
    assert sheet.attrs["units"] == {"Customers": "count", "Month 1": "share", "Month 2": "share"}
