"""What a model of renewals says, and how often its intervals hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.contracts import BdwFit, SbgFit, fit_bdw, fit_constant, fit_sbg
from cam.measures.value.renewals import (
    fit_renewals,
    holdout,
    residual_periods,
    residual_value,
    retention_ahead,
    survival_curve,
)
from cam.measures.value.survivors import survivors_ahead

#: Fader, Hardie (2007), High End: contracts that end in each year, and those that are left after 12.
ENDED = (131, 126, 90, 60, 42, 34, 26, 23, 23, 18, 18, 15)
HIGH_END = pd.DataFrame(
    {
        "duration": [*range(1, 13), 12],
        "event_observed": [True] * 12 + [False],
        "n_customers": [*ENDED, 1000 - sum(ENDED)],
    }
)


def draw(truth, n, rng, *, longest):
    """Contracts begun at any time in the last periods: cells, and the churn and age of those that run."""
    c = getattr(truth, "c", 1.0)
    theta = np.maximum(rng.beta(truth.alpha, truth.beta, n), 1e-300)
    lasts = np.maximum(np.ceil((rng.exponential(size=n) / -np.log1p(-theta)) ** (1 / c)), 1)
    seen = rng.integers(1, longest + 1, n)
    frame = pd.DataFrame({"duration": np.minimum(lasts, seen), "event_observed": lasts <= seen})
    ahead = (lasts - seen - 1)[lasts > seen]
    return frame.value_counts().reset_index(name="n_customers"), seen[lasts > seen], ahead


# --- correct ------------------------------------------------------------------------------------


def test_the_holdout_of_the_published_cohort():
    """Fader, Hardie (2007): fitted to seven years the sBG foretells year 12 with 0.378, seen 0.394."""
    found = holdout(HIGH_END, n_periods=7).set_index("model")
    assert found.loc["sbg", "predicted"] == pytest.approx(0.378, abs=5e-4)
    assert found.loc["sbg", "observed"] == pytest.approx(0.394, abs=5e-4)
    predicted = np.array([0.4604, 0.4358, 0.4142, 0.3951, 0.3780])
    gap = predicted - np.array([0.468, 0.445, 0.427, 0.409, 0.394])
    assert found.loc["sbg", "bias"] == pytest.approx(gap.mean(), abs=1e-4)
    assert found.loc["sbg", "rmse"] == pytest.approx(np.sqrt((gap**2).mean()), abs=1e-4)
    # One churn rate for all goes far astray; that is the paper's point.
    assert found.loc["constant_churn", "rmse"] > 4 * found.loc["sbg", "rmse"]
    assert found.loc["bdw", "rmse"] < found.loc["sbg", "rmse"]


def test_residual_lifetime_by_age_is_the_published_one():
    fit = fit_sbg(
        HIGH_END.assign(duration=HIGH_END["duration"].clip(upper=7), event_observed=lambda t: t.index < 7)
    )
    found = residual_periods(fit, np.array([7.0]), discount=0.1)
    # 7.530 after 7 renewals; README of jdmaturen/shifted_beta_geometric_py.
    assert found["value"][0] == pytest.approx(7.530, abs=1e-3)
    assert found["low"][0] < 7.53 < found["high"][0]


# --- consistent ---------------------------------------------------------------------------------


def test_the_chosen_model():
    """The BdW where it gains more than chance; constant churn where the sBG runs away."""
    assert fit_renewals(HIGH_END.query("duration <= 12")).chosen.model == "bdw"
    rng = np.random.default_rng(5)
    table, *_ = draw(SbgFit(1.1, 12), 3000, rng, longest=30)
    assert fit_renewals(table).chosen.model == "sbg"
    alike = pd.DataFrame({"duration": np.minimum(rng.geometric(0.08, 3000), 20)})
    alike["event_observed"] = rng.random(3000) < 2  # all end
    alike.loc[alike["duration"] == 20, "event_observed"] = False
    fits = fit_renewals(alike)
    assert fits.chosen.model in {"constant_churn", "sbg"}
    curve = survival_curve(fits.chosen, n_periods=10)
    assert curve["retention_rate"].to_numpy() == pytest.approx(0.92, abs=0.02)


def test_intervals_hold_their_value_and_stay_in_range():
    for fit in (fit_constant(HIGH_END), fit_sbg(HIGH_END), fit_bdw(HIGH_END)):
        curve = survival_curve(fit, n_periods=40)
        for name, low, high in (
            ("retention_rate", "low", "high"),
            ("survival", "survival_low", "survival_high"),
        ):
            assert (curve[low] < curve[name]).all() and (curve[name] < curve[high]).all()
            assert (curve[low] > 0).all() and (curve[high] < 1).all()
        assert curve["survival"].to_numpy() == pytest.approx(np.cumprod(curve["retention_rate"]), rel=1e-9)


def test_the_next_renewal_is_the_curve_at_that_age():
    fit = fit_sbg(HIGH_END)
    at = survival_curve(fit, n_periods=8).iloc[7]
    share = retention_ahead(fit, pd.DataFrame({"age": [7], "n_contracts": [50]}))
    assert (share.value, share.low, share.high) == pytest.approx(
        (at["retention_rate"], at["low"], at["high"]), rel=1e-6
    )


def test_totals_are_sums_and_waiting_costs():
    fit = fit_sbg(HIGH_END)
    running = pd.DataFrame(
        {"age": [0, 7], "n_contracts": [10, 20], "margin": [100.0, 300.0], "squares": [1e3, 5e3]}
    )
    each = residual_periods(fit, np.array([0.0, 7.0]), discount=0.1, horizon=5)
    total = residual_value(fit, running, discount=0.1, unit="EUR", horizon=5)
    assert total.value == pytest.approx(100 * each["value"][0] + 300 * each["value"][1], rel=1e-12)
    assert total.segment == {} and total.n == 30
    later = residual_value(fit, running, discount=0.1, unit="EUR", horizon=5, wait=0.5)
    assert later.value == pytest.approx(total.value / np.sqrt(1.1), rel=1e-12)
    for_ever = residual_value(fit, running, discount=0.1, unit="EUR")
    assert for_ever.value > total.value and for_ever.segment == {"horizon": "for_ever"}


def test_constant_churn_undervalues_those_who_stayed():
    """Fader and Hardie (2010): the old contracts are the steady ones."""
    ages = np.array([0.0, 10.0])
    sbg, same = (
        residual_periods(fit(HIGH_END), ages, discount=0.1)["value"] for fit in (fit_sbg, fit_constant)
    )
    assert sbg[1] > 1.3 * same[1]
    assert same[0] == pytest.approx(same[1])


# --- refuses ------------------------------------------------------------------------------------


def test_what_has_no_interval_or_no_contract_is_refused():
    running = pd.DataFrame({"age": [1], "n_contracts": [1], "margin": [0.0], "squares": [0.0]})
    for ask in (
        lambda: survival_curve(SbgFit(1, 1), n_periods=3),
        lambda: residual_periods(SbgFit(1, 1), np.array([1.0]), discount=0.1),
        lambda: retention_ahead(SbgFit(1, 1), running),
    ):
        with pytest.raises(ValueError, match="an interval needs a fit with its optimum"):
            ask()
    with pytest.raises(ValueError, match="no running contract brings anything"):
        residual_value(fit_sbg(HIGH_END), running, discount=0.1, unit="EUR")
    with pytest.raises(ValueError, match="no contract runs"):
        retention_ahead(fit_sbg(HIGH_END), running.iloc[:0])
    with pytest.raises(ValueError, match="no period after the first 12 has 30 contracts at risk"):
        holdout(HIGH_END, n_periods=12)


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("n", [500, 5000])
@pytest.mark.parametrize(
    "truth, fitter, longest, discount",
    [
        (SbgFit(0.668, 3.806), fit_sbg, 7, 0.1),
        (SbgFit(1.1, 12), fit_sbg, 36, 0.008),
        (BdwFit(0.668, 3.806, 1.3), fit_bdw, 24, 0.008),
    ],
)
def test_intervals_hold_the_truth(truth, fitter, longest, discount, n):
    """1,000 data sets: survival, retention, residual lifetime over 12 periods and for ever, and what the running bring.

    Limits of three binomial errors, 0.0207; at 500 contracts the three parameters of the BdW ask so much that 0.035 is
    allowed below.
    """
    rng = np.random.default_rng(n + longest)
    survival, rate = (
        np.exp(truth.log_survival(np.array([3.0, 12]))),
        np.exp(truth.log_retention(np.array([12.0]))),
    )
    ages = np.array([0.0, 6.0])
    ahead = {
        horizon: survivors_ahead(truth.log_survival, ages, discount=discount, horizon=horizon)[0]
        for horizon in (12, None)
    }
    hits: dict[str, list[bool]] = {}
    for _ in range(1000):
        table, running, lives = draw(truth, n, rng, longest=longest)
        fit = fitter(table)
        if not fit.optimum.is_converged:
            continue
        curve = survival_curve(fit, n_periods=12)
        for period, true in zip((3, 12), survival, strict=True):
            row = curve.iloc[period - 1]
            hits.setdefault(f"survival {period}", []).append(
                row["survival_low"] <= true <= row["survival_high"]
            )
        hits.setdefault("retention", []).append(curve["low"].iloc[11] <= rate[0] <= curve["high"].iloc[11])
        for horizon, true in ahead.items():
            found = residual_periods(fit, ages, discount=discount, horizon=horizon)
            for place in (0, 1):
                hit = found["low"][place] <= true[place] <= found["high"][place]
                hits.setdefault(f"lifetime {horizon} at {ages[place]:.0f}", []).append(hit)
        base = (
            pd.Series(running).value_counts().rename_axis("age").reset_index(name="n_contracts").astype(float)
        )
        total = residual_value(
            fit, base.assign(margin=base["n_contracts"], squares=base["n_contracts"]), discount=discount, unit="EUR",
            horizon=12,
        )  # fmt: skip
        fade = 1 / (1 + discount)
        happened = ((1 - fade ** np.minimum(lives, 12)) / (1 - fade)).sum()
        hits.setdefault("total", []).append(total.low <= happened <= total.high)
    assert all(len(found) >= 970 for found in hits.values())
    least = 0.915 if fitter is fit_bdw and n == 500 else 0.929
    covered = {name: float(np.mean(found)) for name, found in hits.items()}
    assert all(least <= share <= 0.971 for share in covered.values()), covered
