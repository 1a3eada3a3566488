"""Study 01 on real and small data: segments partition the customers, and revenue is conserved."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.params import params_from_sections
from cam.studies import segmentation as steps
from cam.studies.study import start


def walk(study):
    customers = steps.summarise(study)
    days = steps.purchase_days(study, customers)
    valued = steps.measure_value(study, customers)
    values = steps.count_values(study, valued)
    fit = steps.fit_rfm(study, values)
    scored = steps.score_customers(study, valued, fit)
    segments = steps.segment_table(study, scored)
    return days, values, fit, scored, segments


@pytest.fixture(scope="module")
def cdnow():
    from cam.params import read_params
    from cam.project import project_root

    params = read_params(project_root() / "params" / "cdnow.yaml")
    return start("01_segmentation", {name: params.section(name) for name in ("client", "data")})


@pytest.fixture
def small(tmp_path):
    def make(rows: list[tuple[str, str, float]], **sections):
        path = tmp_path / "orders.csv"
        pd.DataFrame(rows, columns=["customer_id", "order_date", "revenue"]).to_csv(path, index=False)
        data = {"transactions": {"path": str(path)}}
        return start("01_segmentation", {"client": {"id": "small"}, "data": data, **sections})

    return make


def test_about_half_of_cdnow_bought_once_and_are_not_split(cdnow):
    days, values, fit, scored, segments = walk(cdnow)
    # 51 % of the 23,570 customers bought on one day only.
    assert round(days["share"].iloc[0], 2) == 0.51
    assert fit.frequency[:2] == (0, 0)
    once = scored.filter(scored.frequency == 0)
    assert once.f_score.nunique().execute() == 1
    assert segments["n_customers"].sum() == 23_570
    assert round(float(segments["value"].sum()), 2) == 2_500_315.63
    shown = steps.show_bins(cdnow, steps.summarise(cdnow), values, fit)
    assert "no customer scores 2, because equal customers share a bin" in shown.html


def test_key_figures_of_cdnow(cdnow):
    _, _, fit, _, segments = walk(cdnow)
    figures = {(f.figure, tuple(f.segment.items())): f for f in steps.key_figures(cdnow, fit, segments)}
    assert figures["n_customers", ()].value == 23_570
    assert figures["revenue", ()].value == 2_500_315.63
    shares = [f for (name, _), f in figures.items() if name == "rfm_segment_share"]
    assert abs(sum(f.value for f in shares) - 1) < 1e-12
    assert all(f.low is None for f in shares)  # a count of all customers has no sampling error


def test_every_finding_carries_a_number_with_its_interval(cdnow):
    days, _, _, _, segments = walk(cdnow)
    findings = steps.findings(cdnow, days, segments)
    assert 3 <= len(findings) <= 5
    assert all(re.search(r"\(\d.* to \d.*n.=.\d", finding) for finding in findings)


def test_fixed_thresholds_are_used(small):
    limits = {"recency": [10.0], "frequency": [0.0], "monetary": [50.0]}
    study = small(
        [("a", "2026-01-01", 60), ("a", "2026-01-31", 1), ("b", "2026-01-05", 5)],
        segmentation={"thresholds": limits},
    )
    _, _, fit, scored, _ = walk(study)
    assert fit.is_fixed and fit.n_bins("recency") == 2
    frame = scored.order_by("customer_id").execute()
    assert frame[["r_score", "f_score", "m_score"]].values.tolist() == [[2, 2, 2], [1, 1, 1]]


def test_one_customer(small):
    days, _, _, _, segments = walk(small([("a", "2026-01-01", 10.0)]))
    assert segments["n_customers"].tolist() == [1]
    assert days["share"].iloc[0] == 1


def test_all_customers_equal(small):
    rows = [(f"c{i}", "2026-01-01", 10.0) for i in range(20)]
    _, _, _fit, _, segments = walk(small(rows))
    assert len(segments) == 1 and segments["n_customers"].iloc[0] == 20


def test_ten_times_the_money_changes_no_segment(small):
    rows = [(f"c{i % 40}", f"2026-0{1 + i % 6}-{1 + i % 27:02d}", round(1.37 * i, 2)) for i in range(1, 120)]
    before = walk(small(rows))[3].order_by("customer_id").execute()["rfm_segment"].tolist()
    tenfold = [(customer, day, round(10 * money, 2)) for customer, day, money in rows]
    assert walk(small(tenfold))[3].order_by("customer_id").execute()["rfm_segment"].tolist() == before


def test_without_transactions_it_says_what_it_needs(tmp_path):
    path = tmp_path / "contracts.csv"
    path.write_text("customer_id,start_date,end_date\na,2026-01-01,\nb,2026-01-05,2026-03-01\n")
    sections = {"client": {"id": "club"}, "data": {"contracts": {"path": str(path)}}}
    study = start("01_segmentation", sections)
    days, _, fit, _, segments = walk(study)
    assert isinstance(segments, CannotSay) and "needs the table transactions" in segments.reason
    (figure,) = [f for f in steps.key_figures(study, fit, segments) if isinstance(f, Estimate)]
    assert (figure.figure, figure.value) == ("n_customers", 2)
    assert steps.findings(study, days, segments) == [days, segments]


def test_a_client_with_contracts_alone_has_brought_fee_times_active_months(tmp_path):
    path = tmp_path / "contracts.csv"
    path.write_text(
        "customer_id,start_date,end_date,monthly_fee\na,2026-01-01,2026-03-31,10\nb,2026-03-01,,20\n"
    )
    sections = {"client": {"id": "club", "as_of": "2026-03-31"}, "data": {"contracts": {"path": str(path)}}}
    figures = {figure.figure: figure for figure in steps.headline(start("01_segmentation", sections))}
    assert figures["n_customers"].value == 2
    # 90 and 31 days, both ends included, in months of 30.4375 days.
    assert figures["revenue"].value == pytest.approx(10 * 90 / 30.4375 + 20 * 31 / 30.4375, abs=0.011)


def test_where_nobody_has_bought_nothing_is_counted(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("customer_id,order_date,revenue\na,2026-01-01,-5\nb,2026-01-05,-7\n")
    sections = {"client": {"id": "club"}, "data": {"transactions": {"path": str(path)}}}
    figures = {figure.figure: figure.value for figure in steps.headline(start("01_segmentation", sections))}
    assert figures == {}


def test_a_study_cannot_read_a_section_that_it_does_not_declare(small):
    study = small([("a", "2026-01-01", 10.0)])
    with pytest.raises(AttributeError, match="01_segmentation reads the section churn"):
        _ = study.params.churn.horizon_days
    assert params_from_sections({"data": {"transactions": {"path": "x"}}}).churn.horizon_days == 90


# --- what M is --------------------------------------------------------------------------------------


@pytest.fixture
def bank(tmp_path):
    """Six customers with orders; five of them have assets under management."""

    def make(**segmentation):
        orders = tmp_path / "orders.csv"
        rows = [
            (f"c{i}", f"2026-01-{day:02d}", 10.0 * i, 4.0 * i) for i in range(1, 7) for day in range(1, i + 1)
        ]
        pd.DataFrame(rows, columns=["customer_id", "order_date", "revenue", "cost"]).to_csv(
            orders, index=False
        )
        people = tmp_path / "people.csv"
        people.write_text(
            "customer_id,assets,city\nc1,900,a\nc2,50,a\nc3,70,b\nc4,80,b\nc5,,b\nc6,100,a\nc7,1,a\n"
        )
        tables = {"transactions": {"path": str(orders)}, "customers": {"path": str(people)}}
        sections = {"client": {"id": "bank"}, "data": tables, "segmentation": segmentation}
        return start("01_segmentation", sections)

    return make


def test_a_column_of_customers_can_be_the_value(bank):
    study = bank(value_measure="assets", n_bins=2)
    _, values, fit, scored, segments = walk(study)
    held = scored.order_by("customer_id").execute()
    assert held["customer_id"].tolist() == ["c1", "c2", "c3", "c4", "c6"]
    assert held["m_score"].tolist() == [2, 1, 1, 1, 2]  # the third of five values, 80, is the limit
    assert float(segments["value"].sum()) == 1200 and abs(segments["value_share"].sum() - 1) < 1e-12
    shown = steps.show_bins(study, steps.summarise(study), values, fit)
    assert "1 customer has nothing in the column assets: they have no score and no segment." in shown.html
    names = {f.figure for f in steps.key_figures(study, fit, segments)}
    assert "rfm_segment_value_share" in names and "rfm_segment_revenue_share" not in names
    assert "value" in steps.scores(study, scored).columns


@pytest.mark.parametrize(
    ("measure", "total", "unit"),
    [("margin", 6 * 91, "USD"), ("n_orders", 21, "count"), ("revenue", 910, "USD")],
)
def test_margin_and_orders_can_be_the_value(bank, measure, total, unit):
    study = bank(value_measure=measure)
    *_, segments = walk(study)
    assert float(segments["value"].sum()) == total
    assert steps.measure_unit(study) == unit


@pytest.mark.parametrize("measure", ["asets", "city"])
def test_a_value_that_is_no_column_of_numbers_is_refused_with_what_there_is(bank, measure):
    *_, segments = walk(bank(value_measure=measure))
    assert segments.reason == f"The table customers has no column of numbers named {measure}."
    assert segments.cure == "Set segmentation.value_measure to one of: revenue, margin, n_orders, assets."


def test_a_value_needs_its_table_and_margin_its_cost(small):
    study = small([("a", "2026-01-01", 10.0)], segmentation={"value_measure": "assets"})
    assert "needs the table customers" in walk(study)[-1].reason
    study = small([("a", "2026-01-01", 10.0)], segmentation={"value_measure": "margin"})
    assert walk(study)[-1].reason == "Margin is not known: transactions have no cost."


def test_each_score_may_have_its_own_bins_and_too_many_are_said(bank):
    study = bank(bins={"recency": 2, "frequency": 3, "monetary": 10})
    _, values, fit, scored, segments = walk(study)
    assert [fit.n_bins(name) for name in ("recency", "frequency", "monetary")] == [2, 3, 10]
    frame = scored.execute()
    assert (
        frame["r_score"].max() == 2
        and frame["f_score"].max() == 3
        and scored.m_score.nunique().execute() == 6
    )
    assert segments["n_customers"].sum() == 6
    shown = steps.show_bins(study, steps.summarise(study), values, fit)
    assert "Revenue so far: 10 bins were asked for, but there are only 6 different values." in shown.html


def test_limits_may_differ_in_number(bank):
    limits = {"recency": [1.0, 3.0], "frequency": [0.0], "monetary": [15.0, 50.0, 100.0]}
    _, _, fit, scored, _ = walk(bank(thresholds=limits))
    assert fit.n_bins("monetary") == 4
    assert scored.order_by("customer_id").execute()["m_score"].tolist() == [1, 2, 3, 4, 4, 4]
