"""Cox's model: equal to what is published and to lifelines; and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.datasets import load_rossi
from lifelines.statistics import proportional_hazard_test

from cam.measures.lifecycle.cox import code_levels, fit_cox, predict_survival, proportional_hazards
from cam.measures.lifecycle.risk_sets import NoFiniteFitError

NAMES = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
#: lifelines stops sooner unless told otherwise, by up to 1e-7 of a coefficient.
PRECISE = {"fit_options": {"precision": 1e-20, "r_precision": 1e-16, "step_size": 1.0}}


def rossi():
    return load_rossi().rename(columns={"week": "duration", "arrest": "event_observed"})


def draw(seed, n=300, *, ties=True, truncated=False, effect=(0.7, -0.4, 0.0)):
    """Customers whose hazards are proportional; with ties, in whole periods."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"a": rng.integers(0, 2, n), "b": rng.normal(2, 3, n).round(1), "c": rng.choice([0, 0, 5], n)}
    )
    risk = frame.to_numpy(float) @ np.array([effect[0], effect[1] / 3, effect[2]])
    lasts = rng.exponential(size=n) * np.exp(-risk - 0.7) * 20
    seen = rng.exponential(25, n)
    if truncated:
        entry = np.where(rng.random(n) < 0.5, rng.exponential(5, n), 0).round(1)
        frame["entry"] = entry + np.where(entry > 0, 0.05, 0)  # never at the moment of an event
    duration = np.minimum(lasts, seen)
    frame["duration"] = np.ceil(duration) if ties else duration
    frame["event_observed"] = lasts <= seen
    if truncated:
        frame = frame[frame["entry"] < frame["duration"]]
    return frame.reset_index(drop=True)


def peer(frame, names, *, strata=None):
    columns = [*names, "duration", "event_observed", *(strata or [])]
    columns += ["entry"] if "entry" in frame else []
    return CoxPHFitter().fit(
        frame[columns].astype({"event_observed": int}),
        "duration",
        "event_observed",
        entry_col="entry" if "entry" in frame else None,
        strata=strata,
        **PRECISE,
    )


def in_cells(frame):
    return frame.value_counts(sort=False).reset_index(name="n_customers")


# --- correct ------------------------------------------------------------------------------------


def test_rossi():
    """Recidivism data of Allison (2010), Survival Analysis Using SAS; as lifelines 0.30.3 fits it with Efron's ties."""
    fit = fit_cox(rossi(), covariates=NAMES)
    known = [-0.379422, -0.057438, 0.313900, -0.149796, -0.433704, -0.084871, 0.091497]
    errors = [0.191379, 0.021999, 0.307993, 0.212224, 0.381868, 0.195757, 0.028649]
    assert fit.coefficients == pytest.approx(known, abs=5e-7)
    assert fit.standard_errors == pytest.approx(errors, abs=5e-7)
    assert fit.log_likelihood == pytest.approx(-658.747659, abs=5e-7)
    assert fit.concordance == pytest.approx(0.640329, abs=5e-7)
    test = fit.likelihood_ratio
    assert (test.statistic, test.df) == (pytest.approx(33.265946, abs=5e-7), 7)
    assert (fit.n, fit.n_events) == (432, 114)
    ratio = fit.hazard_ratios.set_index("covariate").loc["fin"]
    assert ratio["hazard_ratio"] == pytest.approx(np.exp(-0.379422), abs=1e-6)
    assert ratio["low"] == pytest.approx(np.exp(-0.379422 - 1.959964 * 0.191379), abs=1e-6)
    assert ratio["p_value"] == pytest.approx(0.0474, abs=1e-4)


@pytest.mark.parametrize("truncated", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_equal_to_lifelines(seed, truncated):
    frame = draw(seed, ties=seed % 2 == 0, truncated=truncated)
    known = peer(frame, ["a", "b", "c"])
    for table in (frame, in_cells(frame)):
        fit = fit_cox(table, covariates=["a", "b", "c"])
        assert fit.coefficients == pytest.approx(known.params_.to_numpy(), abs=1e-8)
        assert fit.covariance == pytest.approx(known.variance_matrix_.to_numpy(), abs=1e-8)
        assert fit.log_likelihood == pytest.approx(known.log_likelihood_, abs=1e-8)
        assert fit.likelihood_ratio.statistic == pytest.approx(
            known.log_likelihood_ratio_test().test_statistic, abs=1e-7
        )
        if not truncated:  # lifelines compares customers with those who were not there yet
            assert fit.concordance == pytest.approx(known.concordance_index_, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_strata_baseline_and_prediction_equal_to_lifelines(seed):
    frame = draw(seed)
    for strata, names in (([], ["a", "b", "c"]), (["c"], ["a", "b"])):
        known = peer(frame, names, strata=strata or None)
        fit = fit_cox(frame, covariates=names, strata=strata)
        assert fit.coefficients == pytest.approx(known.params_.to_numpy(), abs=1e-8)
        assert fit.concordance == pytest.approx(known.concordance_index_, abs=1e-12)
        profile = {"a": 1.0, "b": 3.0, "c": 5.0}
        curve = predict_survival(
            fit, {name: profile[name] for name in names}, stratum={name: profile[name] for name in strata}
        )
        wanted = known.predict_survival_function(pd.DataFrame([profile]), times=curve["time"])
        # At time 0 lifelines gives the value of the first event.
        assert curve["survival"].to_numpy()[1:] == pytest.approx(wanted.to_numpy()[1:, 0], abs=1e-8)


@pytest.mark.parametrize("transform", ["rank", "km", "identity"])
def test_the_check_of_proportional_hazards_is_that_of_lifelines(transform):
    """Without ties, where lifelines' ranks are of the rows; by time or its curve also with them (Rossi)."""
    for frame, names in ((draw(1, ties=False), ["a", "b", "c"]), (rossi(), NAMES)):
        if transform == "rank" and names is NAMES:
            continue
        frame = frame[[*names, "duration", "event_observed"]]
        known = proportional_hazard_test(peer(frame, names), frame, time_transform=transform)
        found = proportional_hazards(fit_cox(in_cells(frame), covariates=names), transform=transform)
        assert found["statistic"].to_numpy()[:-1] == pytest.approx(known.test_statistic, abs=1e-7)
        assert found["p_value"].to_numpy()[:-1] == pytest.approx(known.p_value, abs=1e-7)
        assert found["df"].tolist() == [1] * len(names) + [len(names)]


def test_the_global_check_by_its_formula():
    """Grambsch, Therneau (1994): d u'Vu / sum (g - mean g)², of the residuals that lifelines gives."""
    frame = draw(2, ties=False)
    known = peer(frame, ["a", "b", "c"])
    residuals = known.compute_residuals(frame, "schoenfeld")
    clock = frame.loc[residuals.index, "duration"]
    clock = (clock - clock.mean()).to_numpy()
    moved = clock @ residuals.to_numpy()
    wanted = len(clock) * moved @ known.variance_matrix_.to_numpy() @ moved / (clock**2).sum()
    found = proportional_hazards(fit_cox(frame, covariates=["a", "b", "c"]), transform="identity")
    assert found["statistic"].iloc[-1] == pytest.approx(wanted, rel=1e-7)


def test_the_band_of_a_prediction_by_brute_force():
    """The delta method by differences of the baseline's steps and of the coefficients."""
    frame = draw(3, ties=False, n=80)
    fit = fit_cox(frame, covariates=["a", "b"])
    x = np.array([1.0, 4.0])
    curve = predict_survival(fit, {"a": 1.0, "b": 4.0})
    z = frame[["a", "b"]].to_numpy(float)
    row = len(curve) // 2
    when = curve["time"].iloc[row]

    def hazard(beta):
        return sum(
            np.exp(x @ beta) / np.exp(z[frame["duration"] >= t] @ beta).sum()
            for t in frame.loc[frame["event_observed"] & (frame["duration"] <= when), "duration"]
        )

    at = hazard(fit.coefficients)
    slope = [(hazard(fit.coefficients + e) - hazard(fit.coefficients - e)) / 2e-5 for e in np.eye(2) * 1e-5]
    own = sum(
        (np.exp(x @ fit.coefficients) / np.exp(z[frame["duration"] >= t] @ fit.coefficients).sum()) ** 2
        for t in frame.loc[frame["event_observed"] & (frame["duration"] <= when), "duration"]
    )
    error = np.sqrt(own + np.array(slope) @ fit.covariance @ np.array(slope))
    assert curve["survival"].iloc[row] == pytest.approx(np.exp(-at), rel=1e-9)
    assert curve["low"].iloc[row] == pytest.approx(np.exp(-at * np.exp(1.959964 * error / at)), rel=1e-6)
    assert curve["high"].iloc[row] == pytest.approx(np.exp(-at * np.exp(-1.959964 * error / at)), rel=1e-6)


def test_entry_at_an_event_is_not_yet_at_risk():
    """Efron's likelihood by hand, with entries at the times of events: entry < t <= duration."""
    frame = pd.DataFrame(
        {
            "entry": [0, 0, 2, 0, 3, 2],
            "duration": [2, 3, 3, 5, 5, 6],
            "event_observed": [True, True, True, True, False, True],
            "x": [1.0, 0.0, 1.0, 0.0, 1.0, 2.0],
        }
    )
    fit = fit_cox(frame, covariates=["x"])
    hazard = np.exp(fit.coefficients[0] * frame["x"].to_numpy())
    value = 0.0
    for t in (2, 3, 5, 6):
        due = ((frame["entry"] < t) | (frame["entry"] == 0)) & (frame["duration"] >= t)
        left = frame["event_observed"] & (frame["duration"] == t)
        for place in range(left.sum()):
            value -= np.log(hazard[due].sum() - place / left.sum() * hazard[left].sum())
        value += np.log(hazard[left]).sum()
    assert fit.log_likelihood == pytest.approx(value, abs=1e-10)


# --- consistent ---------------------------------------------------------------------------------


def test_order_and_cells_change_nothing():
    frame = draw(5, truncated=True)
    one = fit_cox(frame, covariates=["a", "b"], strata=["c"])
    mixed = frame.sample(frac=1, random_state=1)
    split = in_cells(pd.concat([frame] * 3))
    split = pd.concat([split.assign(n_customers=split["n_customers"] // 3), split.assign(n_customers=0)])
    for table in (mixed, split):
        before = table.copy()
        other = fit_cox(table, covariates=["a", "b"], strata=["c"])
        assert other.coefficients == pytest.approx(one.coefficients, abs=1e-10)
        assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-9)
        assert other.concordance == pytest.approx(one.concordance, abs=1e-12)
        pd.testing.assert_frame_equal(table, before)


def test_units_change_nothing():
    frame = draw(6)
    one, other = (
        fit_cox(frame.assign(b=frame["b"] * k + shift), covariates=["a", "b"])
        for k, shift in ((1, 0), (1e6, 3e6))
    )
    assert other.coefficients * [1, 1e6] == pytest.approx(one.coefficients, rel=1e-9)
    assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-9)
    test = [proportional_hazards(fit)["statistic"].to_numpy() for fit in (one, other)]
    assert test[0] == pytest.approx(test[1], rel=1e-6)


def test_the_test_of_a_group_is_near_the_log_rank():
    """Without ties the score test of one group is the log-rank statistic; the likelihood ratio is near it."""
    from cam.measures.lifecycle.survival import log_rank

    frame = draw(7, ties=False, n=2000, effect=(0.2, 0, 0))
    fit = fit_cox(frame, covariates=["a"])
    assert fit.likelihood_ratio.statistic == pytest.approx(log_rank(frame, by="a").statistic, rel=0.02)


def test_levels_stand_against_the_largest():
    frame = draw(8).assign(
        channel=lambda t: np.where(t["c"] == 5, "web", np.where(t["b"] > 3, "app", "shop"))
    )
    coded, levels = code_levels(frame, columns=["channel"])
    assert levels["covariate"].tolist() == ["channel=app", "channel=web"]
    assert set(levels["reference"]) == {"shop"} and set(frame) < set(coded)
    assert levels["n_customers"].tolist() == [
        int((frame["channel"] == name).sum()) for name in ("app", "web")
    ]
    assert fit_cox(coded, covariates=levels["covariate"].tolist()).likelihood_ratio.df == 2
    with pytest.raises(ValueError, match=r"1 of 300 rows has no channel \(first row: 4\)"):
        code_levels(frame.assign(channel=frame["channel"].where(frame.index != 4)), columns=["channel"])


def test_a_million_customers_take_two_seconds():
    rng = np.random.default_rng(0)
    n = 1_000_000
    frame = pd.DataFrame({name: rng.integers(0, 2, n) for name in "abcde"})
    lasts = rng.exponential(900, n) * np.exp(-frame.to_numpy(float) @ [0.5, -0.3, 0.2, 0.0, 0.1])
    seen = rng.uniform(1, 730, n)
    frame["duration"] = np.ceil(np.minimum(lasts, seen))
    frame["event_observed"] = lasts <= seen
    cells = in_cells(frame)
    assert len(cells) > 40_000
    fit = fit_cox(cells, covariates=list("abcde"))
    proportional_hazards(fit)
    assert (np.abs(fit.coefficients - [0.5, -0.3, 0.2, 0.0, 0.1]) < 4 * fit.standard_errors).all()


# --- refuses ------------------------------------------------------------------------------------


def test_what_cannot_be_fitted_is_named():
    frame = draw(9)
    with pytest.raises(
        NoFiniteFitError, match=r"no finite coefficient for 'd': .* nobody of a group"
    ) as found:
        group = (frame.index % 5 == 0) & ~frame["event_observed"]
        fit_cox(frame.assign(d=group.astype(float)), covariates=["a", "d"])
    assert found.value.covariates == ("d",)
    with pytest.raises(NoFiniteFitError, match="no finite coefficient for 'd'"):
        # Those with more of it leave first, in strict order.
        fit_cox(frame.assign(d=-frame["duration"]), covariates=["d"])
    with pytest.raises(
        NoFiniteFitError, match="'e' says nothing that 'a', 'b' does not say already"
    ) as found:
        fit_cox(frame.assign(e=2 * frame["a"] - frame["b"]), covariates=["a", "b", "c", "e"])
    assert found.value.covariates == ("e",)
    with pytest.raises(NoFiniteFitError, match="'d' does not vary among customers who were at risk together"):
        fit_cox(frame.assign(d=3.3), covariates=["a", "d"])
    late = frame["duration"] >= frame.loc[frame["event_observed"], "duration"].min()
    with pytest.raises(NoFiniteFitError, match="'d' does not vary"):  # only before anybody left
        early = frame.iloc[[0]].assign(duration=0.0, event_observed=False, d=0.0)
        fit_cox(pd.concat([early, frame[late].assign(d=1.0)]), covariates=["d"])
    with pytest.raises(NoFiniteFitError, match="'c' does not vary"):
        fit_cox(frame, covariates=["a", "c"], strata=["c"])
    with pytest.raises(ValueError, match="nobody has left"):
        fit_cox(frame.assign(event_observed=False), covariates=["a"])
    with pytest.raises(ValueError, match="at least one covariate"):
        fit_cox(frame, covariates=[])
    with pytest.raises(ValueError, match="there is no column 'z'"):
        fit_cox(frame, covariates=["z"])
    with pytest.raises(ValueError, match=r"2 of 300 rows have no b \(first row: 7\)"):
        fit_cox(frame.assign(b=frame["b"].where(~frame.index.isin([7, 9]))), covariates=["b"])
    with pytest.raises(ValueError, match="covariate 'b' is not finite in every row"):
        fit_cox(frame.assign(b=np.inf), covariates=["a", "b"])


def test_a_rare_or_strong_group_is_no_group_without_end():
    """One of a group has left: its coefficient is finite, and said to be uncertain."""
    rng = np.random.default_rng(4)
    rest = pd.DataFrame({"duration": rng.integers(1, 100, 20_000), "event_observed": True, "d": 0})
    few = pd.DataFrame({"duration": [50] + [100] * 2000, "event_observed": [True] + [False] * 2000, "d": 1})
    fit = fit_cox(pd.concat([rest, few]), covariates=["d"])
    assert fit.standard_errors[0] == pytest.approx(1, abs=0.05)
    assert -10 < fit.coefficients[0] < -4


def test_small_samples_are_fitted_or_refused():
    """Of 200 tiny samples none gives a number that is none; what is fitted is a maximum."""
    n_fitted = n_refused = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(4, 15))
        frame = pd.DataFrame({"duration": rng.integers(1, 6, n), "event_observed": rng.random(n) < 0.7})
        frame = frame.assign(a=rng.integers(0, 2, n), b=rng.normal(size=n).round(1))
        try:
            fit = fit_cox(frame, covariates=["a", "b"])
        except ValueError:
            n_refused += 1
            continue
        n_fitted += 1
        assert np.isfinite([*fit.coefficients, *fit.standard_errors, fit.log_likelihood]).all()
        # A coefficient that nothing holds would have an error beyond all measure.
        assert fit.standard_errors.max() < 1000
        near = [fit.coefficients + side * step for side in (-1, 1) for step in np.eye(2) / 100]
        z = frame[["a", "b"]].to_numpy(float)
        assert fit.log_likelihood >= max(efron(frame, z @ beta) for beta in near) - 1e-9
    assert n_fitted > 100 and n_refused > 10


def efron(frame, eta):
    """The partial log-likelihood by its definition."""
    value, hazard = 0.0, np.exp(eta)
    for t in frame.loc[frame["event_observed"], "duration"].unique():
        due = (frame["duration"] >= t).to_numpy()
        left = (frame["event_observed"] & (frame["duration"] == t)).to_numpy()
        places = np.arange(left.sum()) / left.sum()
        value += eta[left].sum() - np.log(hazard[due].sum() - places * hazard[left].sum()).sum()
    return value


def test_predictions_and_checks_refuse():
    fit = fit_cox(draw(10), covariates=["a", "b"], strata=["c"])
    with pytest.raises(ValueError, match="no covariate of the model: z; it has a, b"):
        predict_survival(fit, {"z": 1}, stratum={"c": 0})
    with pytest.raises(ValueError, match="the stratum needs a value of each of: c"):
        predict_survival(fit, {"a": 1})
    with pytest.raises(ValueError, match="nobody of the stratum"):
        predict_survival(fit, {"a": 1}, stratum={"c": 7})
    with pytest.raises(ValueError, match="none of rank, km, identity"):
        proportional_hazards(fit, transform="log")
    once = pd.DataFrame({"duration": 1, "event_observed": [True, False, True, False], "a": [1, 1, 0, 1]})
    with pytest.raises(ValueError, match="all left at the same time"):
        proportional_hazards(fit_cox(once.assign(a=[0, 1, 1, 0]), covariates=["a"]))


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("truncated", [False, True])
def test_intervals_of_coefficients_hold(truncated):
    """1,000 data sets: 95 % within three binomial errors, 2.1 points; in weeks, so with many ties."""
    held, proportional = np.zeros(2), 0
    for seed in range(1000):
        frame = draw(seed + 1000, n=400, truncated=truncated, effect=(0.5, -0.4, 0))
        fit = fit_cox(frame, covariates=["a", "b"])
        held += np.abs(fit.coefficients - [0.5, -0.4 / 3]) <= 1.959964 * fit.standard_errors
        proportional += proportional_hazards(fit)["p_value"].iloc[-1] < 0.05
    assert (np.abs(held / 1000 - 0.95) < 0.021).all(), held
    assert proportional / 1000 < 0.05 + 0.021


@pytest.mark.slow
def test_the_band_of_a_prediction_holds():
    truth = np.exp(-np.exp(0.5 - 0.4 / 3 * 2 + 0.7) * 5 / 20)
    held = 0
    for seed in range(1000):
        frame = draw(seed + 5000, n=300, ties=False, effect=(0.5, -0.4, 0))
        curve = predict_survival(fit_cox(frame, covariates=["a", "b"]), {"a": 1, "b": 2})
        row = curve[curve["time"] <= 5].iloc[-1]
        held += row["low"] <= truth <= row["high"]
    assert abs(held / 1000 - 0.95) < 0.021


@pytest.mark.slow
def test_hazards_that_are_not_proportional_are_seen():
    """A group that leaves early or not at all; with it as a stratum the other coefficient is right."""
    rng = np.random.default_rng(1)
    found = right = 0
    for _ in range(200):
        n = 600
        a, b = rng.integers(0, 2, (2, n))
        lasts = np.where(
            a == 1,
            10 * rng.weibull(0.5, n) * np.exp(-0.5 * b / 0.5),
            10 * rng.weibull(2, n) * np.exp(-0.25 * b),
        )
        frame = pd.DataFrame(
            {"a": a, "b": b, "duration": np.minimum(lasts, 25), "event_observed": lasts < 25}
        )
        checked = proportional_hazards(fit_cox(frame, covariates=["a", "b"])).set_index("covariate")
        found += checked.loc["a", "p_value"] < 0.05 and checked.loc["a", "early"] > checked.loc["a", "late"]
        fit = fit_cox(frame, covariates=["b"], strata=["a"])
        right += abs(fit.coefficients[0] - 0.5) <= 1.959964 * fit.standard_errors[0]
    assert found > 190
    assert 0.9 < right / 200 < 0.995
