"""Study 03's models of repeat buying: which is used and why, on small shops of every kind."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from studies.shop import AS_OF, known, marketing, orders, reasons, walk, walk_once

from cam.estimate import CannotSay, Estimate
from cam.measures.value.holdout import score_holdout
from cam.studies import earnings, repeat_buying

QUICK = {"n_bootstrap": 50}


def start(study):
    """As far as the holdout's table."""
    histories = repeat_buying.histories(study, earnings.setting(study))
    cut = repeat_buying.cut_off(study, histories)
    return histories, cut, repeat_buying.hold_out(study, cut)


def judged(study, table=None):
    """As far as the pick."""
    _, cut, held = start(study)
    fits = repeat_buying.fit_models(study, held)
    guesses = repeat_buying.predictions(study, held, fits, cut)
    scores = repeat_buying.holdout_scores(study, guesses, held)
    totals = repeat_buying.predicted_totals(study, held, fits, cut)
    return fits, scores, totals, repeat_buying.pick(study, fits, scores, guesses, held)


# --- correct ------------------------------------------------------------------------------------


def test_key_figures_have_the_names_of_the_contract(client):
    found = walk_once(client)
    figures = known(found)
    for model, names in {
        "bg_nbd": ("r", "alpha", "a", "b"),
        "mbg_nbd": ("r", "alpha", "a", "b"),
        "pareto_nbd": ("r", "alpha", "s", "beta"),
        "nbd": ("r", "alpha"),
        "gamma_gamma": ("p", "q", "gamma"),
    }.items():
        assert f"{model}_log_likelihood" in figures
        fit = found.fits.get(model, found.spend)
        for name in names:
            assert figures[f"{model}_{name}"].value == pytest.approx(getattr(fit, name), rel=1e-12)
    segments = {each.segment.get("period") for each in found.figures if each.figure == "bg_nbd_r"}
    assert segments == {None, "calibration"}
    said = [each for each in found.figures if each.figure == "holdout_predicted"]
    assert {each.segment["model"] for each in said} == {"bg_nbd", "mbg_nbd", "pareto_nbd", "nbd"}


def test_the_holdout_is_what_was_bought_after_the_cut_off(client):
    found = walk_once(client)
    days = found.log.drop_duplicates(["customer_id", "order_date"])
    first = days.groupby("customer_id")["order_date"].transform("min")
    after = days[(days["order_date"] > pd.Timestamp(found.cut)) & (first <= pd.Timestamp(found.cut))]
    assert known(found)["holdout_actual"].value == len(after)
    assert (
        known(found)["holdout_actual"].n
        == days.groupby("customer_id")["order_date"].min().le(str(found.cut)).sum()
    )
    assert found.cut == date(2025, 6, 30)  # a year before the end: the horizon
    weeks = ((AS_OF - days["order_date"].min()).days + 1) // 7
    assert len(found.track) == weeks
    known_by = first <= pd.Timestamp(found.cut)
    last = days["order_date"].min() + pd.Timedelta(days=7 * weeks)
    repeats = days[known_by & (days["order_date"] > first) & (days["order_date"] < last)]
    assert found.track["actual"].sum() == len(repeats)


def test_a_shop_whose_customers_leave_gets_a_model_of_leaving(client):
    found = walk_once(client)
    assert found.picked.model in repeat_buying.MODELS
    row = found.scores.set_index("model").loc[found.picked.model]
    assert found.picked.bias == row["bias"]
    page = found.shown["scores"].html
    assert page.count("▸") == 1 and "Used is the model with the least RMSE" in page
    assert "The model foretold" in found.findings[0]


def test_a_shop_whose_customers_stay_gets_the_nbd_and_says_what_that_means(client):
    found = walk_once(client, "loyal")
    assert found.picked.model == "nbd"
    assert "No model beats it, so the NBD itself is used." in found.shown["scores"].html
    assert "nothing is said beyond the horizon" in found.findings[0]


# --- consistent ---------------------------------------------------------------------------------


def test_what_is_bought_after_the_cut_off_changes_no_fit(client):
    log = orders()
    later = log["order_date"] > "2025-06-30"
    changed = log.assign(revenue=log["revenue"].where(~later, 1.0)).drop(index=log.index[later][::2])
    # The last day seen is given, so it does not move.
    one, other = (start(client({"transactions": each}, value=QUICK))[2] for each in (log, changed))
    seen = ["frequency", "recency", "T"]
    pd.testing.assert_frame_equal(
        *(each.groupby(seen)["n_customers"].sum().reset_index() for each in (one, other))
    )
    assert one["holdout_frequency"].sum() > other["holdout_frequency"].sum()


def test_a_model_that_is_asked_for_is_used_and_said_to_be(client):
    study = client({"transactions": orders()}, value=QUICK | {"model": "bg_nbd"})
    _, scores, totals, picked = judged(study)
    assert picked.model == "bg_nbd"
    assert (
        "BG/NBD is used because value.model says so."
        in repeat_buying.show_scores(study, scores, totals, picked).html
    )


def test_the_cut_off_of_the_parameter_file_rules(client):
    study = client({"transactions": orders()}, value=QUICK | {"calibration_end": "2025-12-31"})
    assert start(study)[1] == date(2025, 12, 31)
    assert repeat_buying.period_after(study, date(2025, 12, 31)) == "1 Jan 2026 to 30 Jun 2026"


def test_a_short_horizon_holds_no_more_out_than_it(client):
    for months, cut in ((3, date(2026, 3, 31)), (1, date(2026, 5, 5))):  # but no less than eight weeks
        study = client({"transactions": orders()}, value=QUICK | {"horizon_months": months})
        assert start(study)[1] == cut


def test_a_horizon_beyond_the_history_is_said(client):
    words = "longer than anyone was watched, so the end of it rests on the models alone"
    for months, is_said in ((12, False), (60, True)):
        study = client({"transactions": orders()}, value=QUICK | {"horizon_months": months})
        _, cut, held = start(study)
        assert (words in repeat_buying.show_holdout(study, cut, held).html) == is_said


# --- refuses ------------------------------------------------------------------------------------


def test_under_a_contract_these_models_are_refused(client):
    contracts = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "start_date": "2026-01-01",
            "end_date": ["2026-03-31", None],
            "monthly_fee": 10.0,
        }
    )
    frames = {"transactions": orders(n=60), "contracts": contracts}
    study = client(frames, value=QUICK | {"setting": "contractual"})
    said = repeat_buying.histories(study, earnings.setting(study))
    assert "under a contract it is known who has left" in said.reason
    assert said.cure == "The retention of contracts is modelled instead."
    found = walk(study)
    assert not any(isinstance(each, Estimate) for each in found.figures)


def test_fewer_than_thirty_repeat_buyers_carry_no_model(client):
    study = client({"transactions": orders(n=40)}, value=QUICK)
    said = repeat_buying.histories(study, "non_contractual")
    n = (orders(n=40).drop_duplicates(["customer_id", "order_date"]).groupby("customer_id").size() > 1).sum()
    assert n < 30
    assert said.reason == f"{n} customers have bought again; a model of repeat buying needs 30."
    assert not any(isinstance(each, Estimate) for each in walk(study).figures)


@pytest.mark.parametrize("day", ["2020-01-01", "2026-06-30", "2027-01-01"])
def test_a_cut_off_outside_of_the_data_is_refused(client, day):
    study = client({"transactions": orders()}, value=QUICK | {"calibration_end": day})
    said = start(study)[1]
    assert said.reason.startswith(
        f"value.calibration_end {day} is not within the data, which run from 2024-01-"
    )
    assert said.reason.endswith("to 2026-06-30.") and "leave it out" in said.cure


def test_a_cut_off_too_late_is_refused(client):
    study = client({"transactions": orders()}, value=QUICK | {"calibration_end": "2026-06-01"})
    said = start(study)[1]
    assert said.reason == "value.calibration_end 2026-06-01 leaves 4.14 weeks to hold out; 8 are needed."
    assert said.cure == "Set value.calibration_end to an earlier day, or leave it out."


def test_a_cut_off_too_early_is_refused(client):
    study = client({"transactions": orders()}, value=QUICK | {"calibration_end": "2024-02-01"})
    said = start(study)[2]
    assert "Up to 2024-02-01 only" in said.reason and said.cure == "Set value.calibration_end to a later day."


def test_data_too_short_are_refused(client):
    study = client({"transactions": orders(weeks=12, first_days=30, every=1)}, value=QUICK)
    found = walk(study)
    assert "The data are too short to hold some of them out: 6.00 weeks would be left" in found.cut.reason
    # The parameters of all data are known all the same; what they are worth was not tested, so nothing is foretold.
    assert "nbd_r" in known(found) and "expected_purchases" not in known(found)


def test_nobody_buys_after_the_cut_off(client):
    log = orders()
    study = client(
        {"transactions": log[log["order_date"] <= "2026-02-28"]},
        value=QUICK | {"calibration_end": "2026-03-15"},
    )
    fits, scores, totals, picked = judged(study)
    assert isinstance(picked, CannotSay) and isinstance(fits, dict) and isinstance(totals, list)
    assert scores.reason == "Nobody bought after the cut-off, so no prediction can be judged."
    assert reasons(*repeat_buying.findings(study, scores, totals, picked)) == [scores.reason]
    assert isinstance(repeat_buying.show_scores(study, scores, totals, picked), CannotSay)


def test_a_model_that_the_data_do_not_hold_is_not_forced(client):
    log = orders(leaving=0, every=6, alike=3)
    refused = []
    for model in repeat_buying.MODELS:
        study = client({"transactions": log}, value=QUICK | {"model": model})
        fits, _, _, picked = judged(study)
        if not fits[model].optimum.is_converged:
            refused.append(picked)
    assert refused
    for said in refused:
        assert (
            "The data do not hold the parameters of" in said.reason and "value.model asks for" in said.reason
        )
        assert "Leave value.model out" in said.cure


def test_customers_who_are_all_alike_carry_no_model(client):
    # Each buys once a week, on a weekday of his or her own.
    log = pd.DataFrame({"customer_id": range(49)}).merge(pd.DataFrame({"week": range(60)}), how="cross")
    log["order_date"] = AS_OF - pd.to_timedelta(7 * log.pop("week") + log["customer_id"] % 7, unit="D")
    log["revenue"] = 10.0
    _, _, _, picked = judged(client({"transactions": log}, value=QUICK))
    assert "customers hardly differ in how often they buy" in picked.reason
    found = walk(client({"transactions": log, "spend": marketing()}, value=QUICK))
    assert not {"expected_purchases", "nbd_r"} & set(known(found))


# --- honest -------------------------------------------------------------------------------------


def test_what_is_hardly_known_is_said(client):
    found = walk_once(client, "loyal")
    page = found.shown["fits"].html
    assert "the data do not hold" in page and "so the model is not used" in page
    flat = [name for name, fit in found.fits.items() if not fit.optimum.is_converged]
    assert flat and not {f"{name}_r" for name in flat} & set(known(found))


def test_intervals_of_the_parameters_are_shown_where_there_are_any(client):
    found = walk_once(client)
    for name in ("pareto_nbd_r", "nbd_alpha"):
        each = known(found)[name]
        assert each.low < each.value < each.high and each.n == 200
    assert "95 % profile-likelihood interval" in found.shown["fits"].html


def test_where_the_best_cannot_be_used_the_next_best_is_not_taken_in_silence(client):
    rng = np.random.default_rng(1)
    held = pd.DataFrame({"holdout_frequency": rng.poisson(3, 400)})
    mean = np.full(400, 3.0)
    guesses = pd.DataFrame(
        {"pareto_nbd": mean, "bg_nbd": 1.4 * mean, "mbg_nbd": 1.5 * mean, "nbd": 2 * mean, "zero": 0 * mean}
    )
    scores = score_holdout(guesses, held)
    fits = {
        name: SimpleNamespace(optimum=SimpleNamespace(is_converged=name != "pareto_nbd"))
        for name in ("pareto_nbd", "bg_nbd", "mbg_nbd", "nbd")
    }
    frame = {"transactions": orders(n=30)}
    refused = repeat_buying.pick(client(frame), fits, scores, guesses, held)
    assert isinstance(refused, CannotSay)
    assert refused.reason.startswith("Pareto/NBD foretold") and "BG/NBD, the next best" in refused.reason
    asked = repeat_buying.pick(client(frame, value={"model": "bg_nbd"}), fits, scores, guesses, held)
    assert asked.model == "bg_nbd" and asked.bias == pytest.approx(0.4, abs=0.1)


def test_models_of_very_many_customers_are_fitted_to_some_and_score_all(client, monkeypatch):
    whole = walk_once(client)
    monkeypatch.setattr(repeat_buying, "MOST_FITTED", 100)
    part = walk(client({"transactions": whole.log, "spend": marketing()}, value={"n_bootstrap": 50}))
    fitted, n = int(part.cells["n_customers"].sum()), int(whole.cells["n_customers"].sum())
    assert (fitted, n) == (100, 200)
    assert int(part.held["n_customers"].sum()) <= 100 < int(whole.held["n_customers"].sum())
    # Half of the customers say the same of buying, within what so few can say; and everybody has a score.
    one, other = (found.fits[whole.picked.model].optimum for found in (part, whole))
    assert one.n == 100 and other.n == 200
    assert np.abs(one.theta - other.theta).max() < 4 * np.sqrt(np.diag(one.covariance)).max()
    assert part.worth.n == n and int(part.each.count().execute()) == n
    for name in ("holdout", "fits"):
        said = "100 of the 200 customers, taken at equal steps of their ids"
        assert (said in part.shown[name].html) is (name == "fits")
        assert "at equal steps of their ids" in part.shown[name].html
        assert "at equal steps" not in whole.shown[name].html
