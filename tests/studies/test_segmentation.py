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
    values = steps.count_values(study, customers)
    fit = steps.fit_rfm(study, values)
    scored = steps.score_customers(study, customers, fit)
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
    assert round(float(segments["revenue"].sum()), 2) == 2_500_315.63
    shown = steps.show_bins(cdnow, values, fit)
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
    assert fit.is_fixed and fit.n_bins == 2
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


def test_a_study_cannot_read_a_section_that_it_does_not_declare(small):
    study = small([("a", "2026-01-01", 10.0)])
    with pytest.raises(AttributeError, match="01_segmentation reads the section churn"):
        _ = study.params.churn.horizon_days
    assert params_from_sections({"data": {"transactions": {"path": "x"}}}).churn.horizon_days == 90
