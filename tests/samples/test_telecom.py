"""The telecom client: is it the one that was fixed, and is its truth in it to be found?

Statistical tests run on one fixed client, so each passes or fails for good; four standard errors are allowed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from cam.errors import ParamsError
from cam.measures.lifecycle.survival import kaplan_meier
from cam.samples import TELECOM_VERSION, TelecomClient, sample_path, simulate_telecom, write_telecom
from cam.samples.telecom import EFFECTS, TELECOM_FILES

N_SIGMA = 4.0
# Who changes one of these bytes changes everybody's telecom client: raise TELECOM_VERSION and say so in the changelog.
SHA_256 = {
    "experiment.csv": "a9631d19b07b77af7eb526430a4de96353ece4cb74e436181edbf13bc8bbc0f2",
    "snapshot.csv": "2fe55b8add369b0e8e78697a0991a1e5857d53adcca4eaaede9e3709d01a7394",
    "truth/customers.csv": "0980e9a6ce56d467d839283b233a4b73813249e843220be7ba4a422bb25df89c",
    "truth/parameters.csv": "79d2d3bf41a89f36013f1040a960c5547e48f8ebf53b1fdf9ff93454eb2045a8",
}


@pytest.fixture(scope="module")
def telecom() -> TelecomClient:
    return simulate_telecom()


@pytest.fixture(scope="module")
def large() -> TelecomClient:
    return simulate_telecom(n_customers=60_000, seed=3)


def test_bytes_are_the_pinned_ones(tmp_path: Path) -> None:
    write_telecom(tmp_path / "telecom")
    found = {
        path.relative_to(tmp_path / "telecom").as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((tmp_path / "telecom").rglob("*.csv"))
    }
    assert TELECOM_VERSION == 1
    assert found == SHA_256


def test_another_seed_is_another_client(telecom: TelecomClient) -> None:
    other = simulate_telecom(seed=8)
    assert not telecom.tables["snapshot"].equals(other.tables["snapshot"])
    assert simulate_telecom(seed=8).tables["experiment"].equals(other.tables["experiment"])


def test_it_is_what_such_files_are(telecom: TelecomClient) -> None:
    snapshot, test = telecom.tables["snapshot"], telecom.tables["experiment"]
    assert len(snapshot) == 7_000 and snapshot["customer_id"].is_unique
    assert len(test) == 4_000 and test["customer_id"].is_unique
    there = set(snapshot.loc[snapshot["churned"] == "no", "customer_id"])
    assert set(test["customer_id"]) <= there  # who had left could not be asked
    assert snapshot["sim_status"].value_counts(normalize=True).iloc[0] > 0.99
    assert (snapshot["yearly_charge"] - 12 * snapshot["monthly_charge"]).abs().max() < 0.01
    no_internet = snapshot["internet"] == ""
    assert (snapshot["download_mbps"].isna() == no_internet).all()
    assert ((snapshot["tech_support"] == "") == no_internet).all()
    assert (snapshot["total_charges"].isna() == (snapshot["tenure_months"] == 0)).all()
    filled = snapshot["closing_bill_status"] != ""
    assert set(snapshot.loc[filled, "churned"]) == {"yes"} and filled.sum() > 1_500


def test_probabilities_are_true(large: TelecomClient) -> None:
    """Of each twentieth by true probability, as many have left as it says."""
    p = large.truth["customers"]["p_churned"]
    left = large.tables["snapshot"]["churned"] == "yes"
    for _, own in p.groupby(pd.qcut(p, 20)):
        error = np.sqrt((own * (1 - own)).sum())
        assert abs(left[own.index].sum() - own.sum()) < N_SIGMA * error


def test_one_truth_is_logistic_and_proportional(large: TelecomClient) -> None:
    """Among customers of one tenure the log-odds are the log hazard ratio and a constant; curves are the hazards'."""
    snapshot, truth = large.tables["snapshot"], large.truth["customers"]
    left = (snapshot["churned"] == "yes").astype(float)
    months = pd.get_dummies(snapshot["tenure_months"] // 2, dtype=float)
    fit = sm.Logit(left, months.assign(log_ratio=np.log(truth["hazard_ratio"]))).fit(disp=0)
    # Within a month the hazard falls and some leave before others: the slope is 1 but for a hundredth.
    assert fit.params["log_ratio"] == pytest.approx(1, abs=N_SIGMA * fit.bse["log_ratio"] + 0.01)
    lives = pd.DataFrame(
        {"duration": snapshot["tenure_months"], "event_observed": left == 1, "n_customers": 1, "entry": 0}
    )
    curve = kaplan_meier(lives).set_index("time")
    for month in (5, 11, 23, 35):
        # A completed month ends at the next birthday; half of it is lost to those whom the snapshot ends.
        expected = float(np.exp(-truth["hazard_ratio"] * ((month + 1) / 190.0) ** 0.8).mean())
        assert curve.loc[month, "survival"] == pytest.approx(expected, abs=0.008)


def test_effects_can_be_learnt(large: TelecomClient) -> None:
    snapshot = large.tables["snapshot"]
    flexible = snapshot["contract_type"] == "month_to_month"
    score = snapshot["satisfaction"].astype(float)
    parts = {
        "month to month": flexible,
        "two years": snapshot["contract_type"] == "two_years",
        "fibre and month to month": flexible & (snapshot["internet"] == "fibre"),
        "handset at its 24th month": np.exp(
            -(((snapshot["handset_age_months"].astype(float) - 24) / 5) ** 2)
        ),
        "a complaint": snapshot["n_complaints"].clip(upper=4),
        "a late payment": snapshot["n_late_payments"].clip(upper=4),
        "outages, per square root of an hour": np.sqrt(snapshot["outage_hours"]),
        "monthly charge, per EUR 10": snapshot["monthly_charge"] / 10,
        "score, per point above 3": (score - 3).fillna(0),
        "no score": score.isna(),
        "rival's region": snapshot["region_code"].isin([104, 109, 111]),
        "door to door": snapshot["acquisition_channel"] == "door_to_door",
        "referral": snapshot["acquisition_channel"] == "referral",
        "bank debit": snapshot["payment_method"] == "bank_debit",
        "tech support": snapshot["tech_support"] == "yes",
        "brand, which does nothing": snapshot["handset_brand"] == "Anso",
        "log-ins, per log(1 + n)": np.log1p(snapshot["app_logins"].astype(float)),
        "age, per 10 years above 45": snapshot["age"].astype(float) / 10,
    }
    assert set(parts) - {"brand, which does nothing"} == set(EFFECTS)
    design = pd.DataFrame(parts).astype(float)
    known = design.notna().all(axis=1)  # blank ages and log-ins mean nothing
    months = pd.get_dummies(snapshot["tenure_months"] // 2, dtype=float)
    fit = sm.Logit((snapshot["churned"] == "yes").astype(float)[known], design.join(months)[known]).fit(
        disp=0
    )
    for name in parts:
        true = EFFECTS.get(name, 0.0)
        assert abs(fit.params[name] - true) < N_SIGMA * fit.bse[name] + 0.02 * abs(true), name


def test_the_offer_does_what_the_truth_says(large: TelecomClient) -> None:
    test = large.tables["experiment"].merge(large.truth["customers"], on="customer_id")
    known = large.truth["parameters"].set_index("name")["value"]
    for arm, risk in (("control", "risk_12m"), ("offer", "risk_12m_offer")):
        own = test[test["arm"] == arm]
        error = np.sqrt((own[risk] * (1 - own[risk])).sum())
        assert abs(own["outcome"].sum() - own[risk].sum()) < N_SIGMA * error
    assert 100 * (test["risk_12m_offer"] - test["risk_12m"]).mean() == pytest.approx(
        known["effect"], abs=1e-4
    )
    assert -4 < known["effect"] < -1.5 and abs(known["effect_top_fifth"]) < 0.3 * abs(known["effect"])
    half = (test["arm"] == "offer").mean()
    assert abs(half - 0.5) < N_SIGMA * np.sqrt(0.25 / len(test))


def test_found_and_made_once(tmp_path: Path) -> None:
    path = sample_path("sample:telecom/snapshot.csv", cache=tmp_path)
    assert path == tmp_path / f"telecom-v{TELECOM_VERSION}" / "snapshot.csv"
    made = path.stat().st_mtime_ns
    assert all(sample_path(f"sample:telecom/{name}", cache=tmp_path).is_file() for name in TELECOM_FILES)
    assert path.stat().st_mtime_ns == made


def test_refuses_what_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"sample:telecom/x\.csv: no such sample"):
        sample_path("sample:telecom/x.csv", cache=tmp_path)
    with pytest.raises(ParamsError, match="n_customers=999  must be from 1,000 to 99,999"):
        simulate_telecom(n_customers=999)
