"""Study 03 on contracts: what it says, where it is silent, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from cam.estimate import CannotSay, Estimate
from cam.samples import plan
from cam.samples.demo import simulate_demo
from cam.show.figures.contracts_value import contract_survival
from cam.studies import contracts_value as steps
from cam.studies import earnings as value

RATE = {"margin_rate": 0.4}


def contracts(n=1500, *, seed=1, alpha=1.1, beta=12.0):
    """The sBG's own story over three years up to the last day seen, with fees of 10 and 20."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2023-07-01") + pd.to_timedelta(rng.integers(0, 1090, n), unit="D")
    lasts = rng.geometric(rng.beta(alpha, beta, n))
    end = [day + pd.DateOffset(months=int(min(k, 200))) for day, k in zip(start, lasts, strict=True)]
    frame = pd.DataFrame({"customer_id": range(n), "start_date": start, "end_date": end})
    frame["end_date"] = frame["end_date"].where(frame["end_date"] <= "2026-06-30")
    return frame.assign(monthly_fee=rng.choice([10.0, 20.0], n))


def run(study):
    """All steps, as the notebook calls them."""
    setting = value.setting(study)
    table = steps.tenures(study, setting)
    cells = steps.cells(study, table)
    fits = steps.fit(study, cells)
    held = steps.holdout_table(study, cells)
    curve = steps.curve(study, cells, fits)
    base = steps.running(study, table)
    worth = steps.factors(study, fits, base)
    totals = steps.totals(study, fits, base)
    naive = steps.naive_totals(study, fits, base, totals)
    shown = [
        steps.show_tenures(study, table),
        steps.show_fits(study, cells, fits),
        steps.show_holdout(study, held),
        contract_survival(curve, period="July 2023 to June 2026"),
        steps.show_factors(study, fits, worth),
        steps.show_naive(study, naive),
    ]
    found = steps.findings(study, fits, base, totals, naive, held)
    figures = steps.key_figures(study, cells, fits, base, totals, held)
    scores = steps.scores(study, table, worth)
    known = {
        (one.figure, one.segment.get("model", one.segment.get("horizon", ""))): one
        for one in figures
        if isinstance(one, Estimate)
    }
    return shown, found, known, scores


def unsaid(found):
    return [f"{one.reason} {one.cure}".strip() for one in found if isinstance(one, CannotSay)]


# --- correct ------------------------------------------------------------------------------------


def test_the_demo_s_members_are_recovered():
    """Ten demo clients: the sBG of the plan, although renewal hangs on satisfaction a little."""
    from datetime import date

    import ibis

    from cam.measures.value.contracts import fit_sbg
    from cam.reduce.tenures import contract_tenures, tenure_cells

    fits = []
    for seed in range(1, 11):
        table = simulate_demo(n_customers=4000, seed=seed).tables["contracts"]
        tenures = contract_tenures(ibis.memtable(table), as_of=date(2026, 6, 30))
        fits.append(fit_sbg(tenure_cells(tenures).execute()))
    logs = np.array([fit.theta for fit in fits])
    error = logs.std(axis=0, ddof=1) / np.sqrt(len(fits))
    assert (
        np.abs(logs.mean(axis=0) - np.log([plan.CHURN_A, plan.CHURN_B])) < 3.25 * error
    ).all()  # t, 9 df, 1 %


def test_a_contractual_client(client):
    frame = contracts()
    shown, found, known, scores = run(client({"contracts": frame}, value=RATE))
    assert not unsaid(found) and len(found) == 4
    assert all(not isinstance(one, CannotSay) for one in shown)
    running = frame[frame["end_date"].isna()]
    assert known["residual_clv_total", ""].n == len(running)
    for name, true in (("alpha", 1.1), ("beta", 12.0)):
        estimate = known[f"sbg_{name}", ""]
        assert estimate.low <= true <= estimate.high
    total, for_ever = known["residual_clv_total", ""], known["residual_clv_total", "for_ever"]
    assert total.low < total.value < total.high < for_ever.low
    table = scores.execute().set_index("customer_id").astype(float)
    # Each contract is rounded to the cent.
    assert table["residual_clv"].sum() == pytest.approx(total.value, abs=0.005 * len(running))
    assert table["residual_clv_for_ever"].sum() == pytest.approx(for_ever.value, abs=0.005 * len(running))
    assert ((table["residual_clv_low"] < table["residual_clv"]) == (table["n_running"] > 0)).all()
    assert len(table) == frame["customer_id"].nunique()
    # Twelve renewals of at most the fee's margin.
    assert table["expected_renewals"].max() < 12 and table["residual_clv"].max() < 12 * 20 * 0.4
    assert known["holdout_predicted", "constant_churn"].value < known["holdout_actual", ""].low


def test_the_quick_way_is_called_wrong(client):
    shown, found, *_ = run(client({"contracts": contracts()}, value=RATE))
    assert any("too little, as those who are still here are the steady ones" in str(one) for one in found)
    assert "Margin over average churn, not discounted" in shown[-1].html
    assert any("Spend on keeping customers goes furthest in the first months" in str(one) for one in found)


def test_the_figure_says_what_it_shows(client):
    shown, *_ = run(client({"contracts": contracts()}, value=RATE))
    axes = shown[3]
    assert isinstance(axes, Axes)
    assert axes.figure.get_gid().startswith("How long do contracts last? Falling curve. After ")
    assert len(axes.lines) >= 2


# --- silent -------------------------------------------------------------------------------------


def test_without_contracts_every_step_is_silent_but_the_first_says_why(client):
    orders = pd.DataFrame({"customer_id": [1], "order_date": ["2026-01-01"], "revenue": [5.0]})
    shown, found, known, scores = run(client({"transactions": orders}, value=RATE))
    assert "leave without a word" in shown[0].reason
    assert all(one is None for one in shown[1:])
    assert found == [] and known == {} and scores is None


def test_repeat_buying_is_refused_for_contracts_and_only_there(client):
    assert "take punctual debits for loyalty" in steps.refuses_repeat_buying("contractual").reason
    assert steps.refuses_repeat_buying("non_contractual") is None
    unknown = CannotSay("Nobody knows.")
    assert steps.refuses_repeat_buying(unknown) is unknown


def test_a_setting_that_cannot_be_said_is_passed_on(client):
    orders = pd.DataFrame({"customer_id": [1], "order_date": ["2026-01-01"], "revenue": [5.0]})
    shown, found, *_ = run(client({"transactions": orders, "contracts": contracts()}))
    assert all(isinstance(one, CannotSay) for one in shown)
    assert len(set(unsaid(found))) == 1


# --- refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame, said",
    [
        (
            contracts().assign(end_date=None),
            "No contract has an end, as in an export that holds running contracts",
        ),
        (
            contracts().assign(end_date=lambda table: table["start_date"] + pd.Timedelta(days=20)),
            "No contract was ever renewed, so how long a renewed one lasts cannot be told.",
        ),
        (contracts(40), "contracts have ended, over"),
    ],
    ids=["none ended", "all in the first month", "few"],
)
def test_what_tells_nothing_says_so(client, frame, said):
    _, found, known, scores = run(client({"contracts": frame}, value=RATE))
    assert any(said in text for text in unsaid(found)), unsaid(found)
    assert not any(figure.startswith(("sbg", "residual")) for figure, _ in known)
    assert isinstance(scores, CannotSay)


def test_one_period_is_too_little(client):
    frame = contracts(400).assign(start_date=pd.Timestamp("2026-05-15"))
    frame["end_date"] = np.where(np.arange(400) % 3 == 0, "2026-06-15", None)
    _, found, known, _ = run(client({"contracts": frame}, value=RATE))
    assert any("contracts have ended, over 1 month" in text for text in unsaid(found))
    assert not known


def test_one_cohort_is_enough_for_a_model(client):
    frame = contracts(3000)
    lasts = (frame["end_date"] - frame["start_date"]).dt.days // 30
    frame["start_date"] = pd.Timestamp("2025-01-10")
    end = [
        pd.Timestamp("2025-01-10") + pd.DateOffset(months=int(max(k, 1))) if k == k else None for k in lasts
    ]
    frame["end_date"] = pd.Series(pd.to_datetime(end)).where(pd.to_datetime(pd.Series(end)) <= "2026-06-30")
    shown, _, known, _ = run(client({"contracts": frame}, value=RATE))
    assert ("residual_clv_total", "") in known
    assert not isinstance(shown[1], CannotSay)


@pytest.mark.parametrize(
    "frame, params, said",
    [
        (contracts().drop(columns="monthly_fee"), RATE, "needs monthly_fee in the table contracts"),
        (contracts().assign(monthly_fee=0.0), RATE, "No running contract has a fee that leaves a margin"),
        (contracts(), {}, "Margin is not known. Set value.margin_rate."),
        (
            contracts().assign(end_date=lambda table: table["end_date"].fillna(pd.Timestamp("2026-06-30"))),
            RATE,
            "No contract runs any more, so nothing is left to come.",
        ),
    ],
    ids=["no fee", "fee of nothing", "no margin", "nothing runs"],
)
def test_without_money_the_lifetimes_stay(client, frame, params, said):
    _, found, known, scores = run(client({"contracts": frame}, value=params))
    assert any(said in text for text in unsaid(found)), unsaid(found)
    assert ("sbg_alpha", "") in known or ("constant_churn", "") in known
    assert not any(figure.startswith("residual") for figure, _ in known)
    assert isinstance(scores, CannotSay)


def test_contracts_without_a_fee_are_named(client):
    frame = contracts()
    frame.loc[frame.index[frame["end_date"].isna()][:7], "monthly_fee"] = np.nan
    _, found, _, scores = run(client({"contracts": frame}, value=RATE))
    assert any(text.startswith("7 running contracts have no fee") for text in unsaid(found))
    assert scores.count().execute() == len(frame) - 7


def test_without_a_discount_nothing_is_summed_for_ever(client):
    shown, _, known, scores = run(
        client({"contracts": contracts()}, value=RATE | {"annual_discount_rate": 0.0})
    )
    assert "a sum without an end needs a discount rate above 0" in shown[-1].reason
    assert ("residual_clv_total", "for_ever") not in known and ("residual_clv_total", "") in known
    assert "residual_clv_for_ever" not in scores.columns


def test_terms_that_follow_each_other_are_warned_of(client):
    """A contract that is exported as one row per year: its ends are no losses."""
    frame = contracts(800)
    again = frame[frame["end_date"].notna()].assign(start_date=lambda t: t["end_date"], end_date=None)
    shown, *_ = run(client({"contracts": pd.concat([frame, again])}, value=RATE))
    assert "Many ended contracts are followed by another of the same customer." in shown[0].html
    shown, *_ = run(client({"contracts": frame}, value=RATE))
    assert "Many ended contracts" not in shown[0].html


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_totals_hold_the_demo_s_truth():
    """100 demo clients: what the members who run are truly worth lies in the intervals as often as promised."""
    from datetime import date

    import ibis

    from cam.measures.value.renewals import fit_renewals, residual_value
    from cam.measures.value.survivors import periodic_discount
    from cam.reduce.tenures import contract_tenures, running_contracts, tenure_cells

    discount, hits = periodic_discount(plan.ANNUAL_DISCOUNT_RATE), {12: 0, None: 0}
    for seed in range(101, 201):
        demo = simulate_demo(n_customers=3000, seed=seed)
        table = demo.tables["contracts"]
        tenures = contract_tenures(ibis.memtable(table), as_of=date(2026, 6, 30))
        fit = fit_renewals(tenure_cells(tenures).execute()).chosen
        base = running_contracts(tenures).execute().astype(float)
        base = base.assign(margin=base["fee"] / 100, squares=base["squares"] / 10_000)
        truth = demo.truth["customers"].set_index("customer_id")["membership_churn_probability"]
        members = table[table["end_date"].isna()]
        stays, fee = 1 - truth[members["customer_id"]].to_numpy(), members["monthly_fee"].to_numpy()
        for horizon in hits:
            months = np.arange(1, (horizon or 4000) + 1)
            worth = (stays[:, None] ** months / (1 + discount) ** (months - 0.5)).sum(axis=1) @ fee
            total = residual_value(fit, base, discount=discount, unit="CNY", horizon=horizon, wait=0.5)
            hits[horizon] += total.low <= worth <= total.high
    # Three binomial errors below; the interval also holds chance, which the truth's expected value does not have.
    assert all(hit >= 88 for hit in hits.values()), hits
