"""Survival on small clients: known shares, cut histories, groups, Cox and its check; on the demo, the truth's order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.measures.lifecycle.stages import StageRules
from cam.params import read_params
from cam.project import cache_folder, project_root
from cam.samples import sample_path
from cam.show.tables import ShownTable
from cam.studies import hazards as cox
from cam.studies import survival as steps
from cam.studies.study import start
from cam.studies.watched import Watched

LAST = pd.Timestamp("2026-06-30")


def log(days_of):
    """Orders: one customer per list of days."""
    rows = [
        {"customer_id": f"c{place:04}", "order_date": pd.Timestamp(day), "revenue": 10}
        for place, days in enumerate(days_of)
        for day in days
    ]
    return pd.DataFrame(rows)


def after(first, *gaps):
    return [pd.Timestamp(first) + pd.Timedelta(days=int(gap)) for gap in (0, *gaps)]


def snapshot(n=4000, *, seed=3, **levels):
    """Customers whose monthly hazard is 0.05 times the factors of their levels, looked at after 0 to 60 months."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"customer_id": [f"s{place:05}" for place in range(n)]})
    hazard = np.full(n, 0.05)
    for column, factors in levels.items():
        frame[column] = rng.choice(list(factors), n)
        hazard *= frame[column].map(factors).to_numpy(float)
    stays, seen = rng.exponential(1 / hazard), rng.uniform(0, 60, n)
    return frame.assign(tenure_months=np.minimum(stays, seen).round(2), churned=stays <= seen)


def by_segment(figures):
    return {(each.figure, *each.segment.values()): each for each in figures if isinstance(each, Estimate)}


def text(shown):
    assert isinstance(shown, ShownTable)
    return shown.html.replace("\xa0", " ").replace("&lt;", "<").replace("&#x27;", "'")


def hazards_of(study):
    ways = steps.stays(study)
    return cox.hazards(study, steps.main_stay(study, ways))


# --- the second purchase ------------------------------------------------------------------------


def test_known_shares_have_bought_again(client):
    firsts = pd.date_range("2024-01-01", periods=40, freq="10D")
    gaps = [[10]] * 20 + [[60]] * 10 + [[]] * 10
    study = client({"transactions": log([after(day, *gap) for day, gap in zip(firsts, gaps, strict=True)])})
    second = steps.second_purchase(study)
    figures = by_segment(steps.key_figures(study, second, {}))
    assert figures["second_purchase_rate", "30"].value == 0.5
    assert figures["second_purchase_rate", "90"].value == pytest.approx(0.75, abs=1e-12)
    assert figures["second_purchase_rate", "365"].n == 40
    rate = figures["second_purchase_rate", "90"]
    # On the log-log scale the limits of 30 in 40 by Greenwood's error.
    half = 1.959963984540054 * np.sqrt(30 / (40 * 10)) / -np.log(0.25)
    assert rate.low == pytest.approx(1 - 0.25 ** np.exp(-half), abs=1e-12)
    assert rate.high == pytest.approx(1 - 0.25 ** np.exp(half), abs=1e-12)
    said = steps.findings(study, second, {})[0].replace("\xa0", " ")
    assert "75.0 %" in said and "by day 10" in said
    at_risk = steps.at_risk(study, second).set_index("told")["n_at_risk"]
    assert at_risk.loc[[0, 30, 90]].tolist() == [40, 20, 10]
    assert "This needs the table customers" in text(steps.show_groups(study, second))


def test_a_crowded_first_month_is_not_followed(client):
    old = [after("2025-01-05", 5)] * 300
    new = [after(day, 40) for day in pd.date_range("2025-02-01", "2025-12-31", periods=60)]
    study = client({"transactions": log(old + new)})
    second = steps.second_purchase(study)
    assert second.cells["n_customers"].sum() == 60
    assert "60 customers" in second.notes[0] and "1 Feb 2025" in second.notes[0] and "300" in second.notes[0]
    # Among all of them the median would be five days.
    assert set(second.cells["duration"]) == {40}


def test_too_few_customers_are_said(client):
    study = client({"transactions": log([after("2025-01-05", 9)] * 10)})
    second = steps.second_purchase(study)
    assert isinstance(second, CannotSay) and "30 customers" in second.reason and second.cure
    ways = steps.stays(study)
    assert steps.main_stay(study, ways) is None
    assert all(isinstance(said, CannotSay) for said in steps.findings(study, second, ways))
    assert steps.show_groups(study, steps.main_stay(study, ways)) is None
    assert cox.findings(study, hazards_of(study)) == cox.key_figures(study, None) == []
    assert isinstance(steps.show_stays(study, ways), CannotSay)


def test_without_second_purchases_none_is_dated(client):
    firsts = pd.date_range("2024-01-01", periods=40, freq="10D")
    study = client({"transactions": log([[day] for day in firsts])})
    said = steps.findings(study, steps.second_purchase(study), {})[0]
    assert "Not one of 40 new customers has bought again yet" in said
    # A few second purchases have no middle day to plan by.
    study = client({"transactions": log([after(day, *[10] * (n < 3)) for n, day in enumerate(firsts)])})
    said = steps.findings(study, steps.second_purchase(study), {})[0]
    assert "buy again within" in said and "half of these" not in said


def test_a_client_without_any_history_hears_what_is_missing(client):
    study = client(
        {"responses": pd.DataFrame({"customer_id": ["a"], "response_date": ["2026-01-01"], "nps": [9]})}
    )
    assert isinstance(steps.second_purchase(study), CannotSay)
    assert "without transactions" in steps.show_stays(study, steps.stays(study)).reason


# --- how long they stay -------------------------------------------------------------------------


def test_silence_by_the_rule_given_and_how_often_it_was_wrong(client):
    begin = pd.date_range("2024-01-01", periods=90, freq="D")
    lost = [after(day, 20, 50) for day in begin[:60]]
    back = [after(day, 20, 50, 450) for day in begin[60:]]
    study = client({"transactions": log(lost + back)}, lifecycle={"lost_months": 6})
    stay = steps.stays(study)["purchases"]
    assert "before 183 days" in stay.notes[0]
    assert stay.returned.value == pytest.approx(1 / 3) and stay.returned.n == 90
    assert set(stay.cells["duration"]) == {30} and stay.cells["event_observed"].all()
    # The rule of the stages holds where the parameter file gives none.
    other = client({"transactions": log(lost + back)})
    by_stages = steps.stays(other, StageRules(4, 2, 3, 9))["purchases"]
    assert "before 274 days" in by_stages.notes[0]
    assert steps.stays(other, CannotSay("Too few gaps."))["purchases"].reason == "Too few gaps."


def test_the_derived_rule_is_the_silence_after_which_few_return(client):
    rng = np.random.default_rng(5)
    begin = pd.date_range("2023-01-01", periods=600, freq="D")
    # Everybody comes back within 60 days, until they leave: nobody is silent for longer and returns.
    days = [after(day, *np.cumsum(rng.integers(1, 61, rng.integers(1, 12)))) for day in begin]
    stay = steps.stays(client({"transactions": log(days)}))["purchases"]
    rule = int(stay.notes[0].split("before ")[1].split(" days")[0])
    assert 40 <= rule <= 61
    # A tenth of those who are silent for so long come back; of all who seemed lost, no more.
    assert stay.returned.value < 0.1


def test_contracts_whose_early_ends_are_missing_count_from_when_they_were_recorded(client):
    rng = np.random.default_rng(8)
    n = 6000
    begin = pd.Timestamp("2018-01-01") + pd.to_timedelta(rng.integers(0, 3000, n), unit="D")
    end = begin + pd.to_timedelta(rng.exponential(500, n).astype(int), unit="D")
    table = pd.DataFrame(
        {"customer_id": [f"k{place}" for place in range(n)], "start_date": begin, "end_date": end}
    )
    table.loc[table["end_date"] > LAST, "end_date"] = pd.NaT
    kept = table[table["end_date"].isna() | (table["end_date"] >= "2024-01-01")]
    whole, cut = (steps.stays(client({"contracts": each}))["contract"] for each in (table, kept))
    assert (whole.cells["entry"] == 0).all() and len(whole.notes) == 1
    assert (cut.cells["entry"] > 0).any() and "left truncation" in cut.notes[1]
    study = client({"contracts": kept})
    figures = by_segment(steps.key_figures(study, CannotSay(""), {"contract": cut}))
    found = figures["median_lifetime_months", "contract"]
    truth = 500 * np.log(2) / 30.4375
    assert found.low <= truth <= found.high
    # Counted from their start, those who left early would be missing: half as long again.
    naive = cut.cells.assign(entry=0)
    assert steps.quantile_limits(steps.kaplan_meier(naive))[1] / 30.4375 > 1.2 * truth


def test_contracts_of_whole_months_are_told_at_whole_months(client):
    begin = pd.date_range("2024-01-01", periods=90, freq="5D")
    end = [day + pd.DateOffset(months=3) for day in begin]
    table = pd.DataFrame({"customer_id": range(90), "start_date": begin, "end_date": end})
    ways = steps.stays(client({"contracts": table}))
    curve = steps.kaplan_meier(ways["contract"].cells)
    assert steps.survival_at("s", curve, time=ways["contract"].time(3)).value == 0


def test_running_contracts_alone_say_nothing(client):
    table = pd.DataFrame({"customer_id": range(50), "start_date": "2024-01-01", "end_date": pd.NaT})
    way = steps.stays(client({"contracts": table}))["contract"]
    assert isinstance(way, CannotSay) and "Export ended contracts" in way.cure


def test_groups_are_compared_and_the_small_are_counted(client):
    study = client(
        {"snapshot": snapshot(3000, plan={"a": 1.0, "b": 2.0, **{f"z{k}": 1.0 for k in range(8)}})},
        lifecycle={"compare_by": "plan"},
    )
    stay = steps.stays(study)["snapshot"]
    assert steps.compare(stay).p_value < 0.001
    shown = text(steps.show_groups(study, stay))
    assert "differ by more than chance (log-rank test, p < 0.001)" in shown
    assert "customers of other groups count among all; the 7 largest are shown" in shown
    figures = by_segment(steps.key_figures(study, CannotSay(""), {"snapshot": stay}))
    assert figures["survival_rate", "snapshot", "12"].n == 3000
    assert figures["survival_rate", "snapshot", "12"].value < 0.6
    assert figures["log_rank_p", "snapshot", "plan"].value < 0.001
    drawn = steps.curves(study, stay)
    assert drawn["group"].nunique() == 8 and (drawn.loc[drawn["told"] > 0, "n_at_risk"] >= 30).all()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "no column acquisition_channel"),
        ({"compare_by": "plann"}, "plann"),
        ({"compare_by": "one"}, "no two groups"),
    ],
)
def test_without_groups_the_curve_of_all_stands(client, asked, words):
    study = client({"snapshot": snapshot(500, one={"x": 1.0})}, lifecycle=asked)
    stay = steps.stays(study)["snapshot"]
    assert isinstance(stay, Watched) and isinstance(steps.compare(stay), CannotSay)
    assert words in text(steps.show_groups(study, stay))


# --- what goes with leaving ---------------------------------------------------------------------


def test_the_ratio_that_the_customers_were_drawn_with_is_found(client):
    study = client(
        {"snapshot": snapshot(plan={"a": 1.0, "b": 2.0}, sex={"f": 1.0, "m": 1.0})},
        lifecycle={"compare_by": "plan"},
    )
    found = hazards_of(study)
    row = found.table.iloc[0]
    ratio, low, high = (
        row[name] if row["level"] == "b" else 1 / row[name] for name in ("hazard_ratio", "low", "high")
    )
    assert min(low, high) <= 2 <= max(low, high) and ratio == pytest.approx(2, rel=0.1)
    assert found.compared == "plan" and found.table["is_steady"].all()
    assert found.table["attribute"].tolist() == ["plan", "sex"]
    said = cox.findings(study, found)[0]
    assert "association" in said and row["level"] in said and row["reference"] in said
    assert len(cox.key_figures(study, found)) == 2
    assert "yes" in text(cox.show_hazards(study, found))


def test_levels_that_hardly_anybody_left_are_merged_and_telltales_left_out(client):
    frame = snapshot(plan={"a": 1.0, "b": 2.0, "c": 0.0001}, sex={"f": 1.0, "m": 1.0})
    # Filled in only after a customer has left, as in many exports.
    frame["reason"] = np.where(frame["churned"], "price", "none")
    frame["same"] = frame["sex"]
    study = client({"snapshot": frame}, lifecycle={"compare_by": "plan"})
    found = hazards_of(study)
    notes = " ".join(found.notes)
    assert "Plan: c and" in notes.replace("plan:", "Plan:") and "count as one level" in notes
    assert "reason is left out" in notes and "same is left out" in notes
    assert set(found.table["attribute"]) == {"plan", "sex"}
    assert np.isfinite(found.table["high"]).all()


def crossing(n=6000, seed=4):
    """A level that leaves at once or stays, against one that leaves evenly: no one ratio holds."""
    rng = np.random.default_rng(seed)
    level = rng.choice(["even", "early"], n)
    quick = rng.random(n) < 0.5
    early = np.where(quick, rng.exponential(4, n), rng.exponential(150, n))
    stays, seen = np.where(level == "even", rng.exponential(25, n), early), rng.uniform(0, 60, n)
    frame = {"tenure_months": np.minimum(stays, seen).round(2), "churned": stays <= seen, "shape": level}
    return pd.DataFrame(
        {"customer_id": [f"s{k}" for k in range(n)], **frame, "sex": rng.choice(["f", "m"], n)}
    )


def test_a_ratio_that_changes_is_shown_early_and_late(client):
    study = client({"snapshot": crossing()}, lifecycle={"compare_by": "shape"})
    found = hazards_of(study)
    row = found.table.set_index("attribute").loc["shape"]
    assert not row["is_steady"] and found.table.set_index("attribute").loc["sex", "is_steady"]
    # Whichever is the reference, the ratio of early leavers falls.
    assert (row["early"] > row["late"]) == (row["level"] == "early")
    # On average over all times there is no difference: a sentence about the mean ratio would say so, and be wrong.
    said = cox.findings(study, found)[0]
    assert f"{row['early']:.2f} times the pace" in said and f"{row['late']:.2f} times late" in said


def test_what_only_stands_beside_it_becomes_a_stratum(client):
    study = client({"snapshot": crossing()}, lifecycle={"compare_by": "sex"})
    found = hazards_of(study)
    assert found.fit.strata == ("shape",) and found.table["attribute"].tolist() == ["sex"]
    assert "shape" in found.notes[-1] and "stratified" in found.notes[-1]


def test_too_few_leavers_for_a_model_are_said(client):
    frame = snapshot(60, plan={"a": 0.05, "b": 0.05})
    found = hazards_of(client({"snapshot": frame}, lifecycle={"compare_by": "plan"}))
    assert found is None  # not even a curve: the table of stays says so
    frame = snapshot(300, plan={"a": 1.0})
    found = hazards_of(client({"snapshot": frame}, lifecycle={"compare_by": "plan"}))
    assert isinstance(found, CannotSay) and found.cure


def test_no_input_is_changed(client):
    study = client({"snapshot": snapshot(800, plan={"a": 1.0, "b": 2.0})}, lifecycle={"compare_by": "plan"})
    stay = steps.stays(study)["snapshot"]
    before = stay.cells.copy()
    steps.curves(study, stay), steps.show_groups(study, stay), cox.hazards(study, stay)
    pd.testing.assert_frame_equal(stay.cells, before)


# --- the demo's truth ---------------------------------------------------------------------------


@pytest.mark.slow
def test_channels_leave_in_the_order_that_the_demo_was_drawn_with():
    params = read_params(project_root() / "params" / "demo.yaml")
    study = start(
        "02_lifecycle",
        {
            "client": params.client.model_dump(exclude_none=True),
            "data": params.data.model_dump(exclude_none=True),
        },
    )
    found = hazards_of(study)
    truth = pd.read_csv(sample_path("sample:demo/truth/channels.csv", cache=cache_folder() / "samples"))
    true = truth.set_index("channel")["dropout_multiplier"]
    own = found.table[found.table["attribute"] == "acquisition_channel"].set_index("level")["hazard_ratio"]
    own = pd.concat([own, pd.Series({found.table["reference"].iloc[0]: 1.0})])
    assert own.sort_values().index.tolist() == true.sort_values().index.tolist()
    # Customers differ within a channel too, and silence is seen late: ratios are drawn towards 1, not past it.
    assert (
        (np.log(own) / np.log(true / true[found.table["reference"].iloc[0]])).dropna().between(0, 1.6)
    ).all()
    assert set(found.table["attribute"]) == {"acquisition_channel", "gender", "income", "city_tier"}
    # What the demo's leaving does not hang on stays within chance, but for one in twenty.
    others = found.table[found.table["attribute"] != "acquisition_channel"]
    assert ((others["low"] > 1) | (others["high"] < 1)).sum() <= 1
