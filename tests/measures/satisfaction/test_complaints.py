"""Complaints per month, by kind and place, and what waits: published or hand-made values, laws, and coverage."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.measures.lifecycle.survival import kaplan_meier, survival_at
from cam.measures.satisfaction import complaints as measures
from cam.measures.satisfaction.scores import design_effect

Z = 1.959963984540054


def months(counts, exposure=1000.0):
    start = pd.date_range("2023-01-01", periods=len(counts), freq="MS")
    return pd.DataFrame({"start": start, "n": counts, "exposure": exposure})


def fitted(table):
    return measures.fit_volume(table, figure="complaints_per_1000", per=1000)


# --- correct ------------------------------------------------------------------------------------


def test_the_trend_is_that_of_statsmodels_quasi_poisson():
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    exposure = rng.integers(500, 3000, 30).astype(float)
    n = rng.poisson(exposure * 0.03 * np.exp(0.02 * np.arange(30)) * rng.gamma(9, 1 / 9, 30))
    design = sm.add_constant(np.arange(30.0))
    peer = sm.GLM(n, design, family=sm.families.Poisson(), offset=np.log(exposure)).fit(scale="X2")
    fit = fitted(months(n, exposure))
    assert fit.dispersion == pytest.approx(peer.scale, rel=1e-8)
    from scipy.stats import t

    half = t.ppf(0.975, 28) * peer.bse[1]
    expected = [np.expm1(12 * (peer.params[1] + side * half)) for side in (0, -1, 1)]
    assert [fit.trend.value, fit.trend.low, fit.trend.high] == pytest.approx(expected, rel=1e-8)
    assert fit.months["line"].to_numpy() == pytest.approx(1000 * peer.mu / exposure, rel=1e-8)


def test_limits_of_one_month_are_garwoods():
    # Garwood (1936), as in every table of Poisson limits: 10 events, 4.795 to 18.390.
    fit = fitted(months([10]))
    row = fit.months.iloc[0]
    assert (row["low"], row["high"]) == (pytest.approx(4.7954, abs=1e-4), pytest.approx(18.3904, abs=1e-4))
    assert fit.trend is None and fit.dispersion == 1.0


def test_complete_months_lie_wholly_within():
    assert measures.complete_months(date(2025, 12, 1), date(2026, 1, 30)) == [
        date(2025, 12, 1),
        date(2026, 1, 1),
    ]
    assert measures.complete_months(date(2025, 12, 2), date(2026, 1, 31)) == [
        date(2026, 1, 1),
        date(2026, 2, 1),
    ]
    assert len(measures.complete_months(date(2026, 1, 2), date(2026, 2, 27))) < 2
    assert len(measures.complete_months(date(2026, 1, 20), date(2026, 1, 27))) < 2


def test_status_words_and_dates():
    rows = pd.DataFrame(
        [("", 5, 2), ("in progress", 4, 1), ("other", 3, 3), ("已关闭", 9, 8), ("未解决", 2, 1)],
        columns=["status", "n", "n_closed"],
    )
    found = measures.status_conflicts(rows)
    assert found == {
        "closed_without_date": 1, "open_with_date": 1, "closed_unsolved": 1, "other": 3, "known": 15,
    }  # fmt: skip


# --- consistent ---------------------------------------------------------------------------------


def test_the_mean_of_the_closed_is_below_that_of_all():
    rng = np.random.default_rng(2)
    true, watched = rng.exponential(10, 4000), rng.uniform(0, 30, 4000)
    cells = pd.DataFrame(
        {"duration": np.minimum(true, watched).round(2), "event_observed": true <= watched, "n_customers": 1}
    )
    curve = kaplan_meier(cells)
    assert measures.mean_of_closed(cells) < 7.5 < 10
    assert survival_at("s", curve, time=10).value == pytest.approx(np.exp(-1), abs=0.03)


def test_kind_shares_sum_to_one_and_the_rest_is_one_row():
    n = np.array([50, 20, 10, 8, 7, 5])
    kinds = pd.DataFrame(
        {"kind": ["a", "b", "unknown", "c", "d", "e"], "n": n, "tt": n, "tm": n, "n_all": 100, "mm": 100}
    )
    found = measures.kind_shares(kinds, unknown="unknown", most=2)
    assert found["kind"].tolist() == ["a", "b", "", "unknown"]
    assert found["share"].sum() == pytest.approx(1) and found["cumulative"].iloc[2] == pytest.approx(0.9)
    assert np.isnan(found["low"].iloc[2]) and np.isnan(found["cumulative"].iloc[3])
    # Every customer has two tickets of the same kind: as if there were half as many.
    twice = kinds.assign(tt=2 * n, tm=2 * n, mm=200)
    wider = measures.kind_shares(twice, unknown="unknown", most=2)
    half = measures.kind_shares(
        kinds.assign(n=n / 2, tt=n / 2, tm=n / 2, n_all=50, mm=50), unknown="unknown", most=2
    )
    assert wider["low"].to_numpy()[:2] == pytest.approx(half["low"].to_numpy()[:2])


def test_a_band_is_widened_by_the_root_of_the_effect_and_never_crosses():
    cells = pd.DataFrame(
        {"duration": [1, 2, 3, 4], "event_observed": [0, 1, 1, 0], "n_customers": [10, 40, 30, 20]}
    )
    curve = kaplan_meier(cells)
    same = measures.widen_band(curve, effect=1.0)
    pd.testing.assert_frame_equal(same, curve)
    wide = measures.widen_band(curve, effect=4.0)
    assert (wide["low"] <= curve["low"]).all() and (wide["high"] >= curve["high"]).all()
    assert wide["low"].between(0, 1).all() and wide["high"].between(0, 1).all()
    # Nobody has left: Wilson's limit for a quarter as many.
    assert wide["low"].iloc[0] == pytest.approx(25 / (25 + Z**2))


def test_open_tickets_are_those_opened_less_those_closed():
    flow = pd.DataFrame(
        {"day": pd.to_datetime(["2026-01-01", "2026-01-10", "2026-01-20"]), "n_in": [5, 2, 0], "n_closed": [0, 3, 4],
         "n_overdue": [0, 2, 1], "n_overdue_closed": [0, 0, 3]}
    )  # fmt: skip
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 15), date(2026, 2, 1)]
    found = measures.open_at(flow.sample(frac=1, random_state=1), days=days)
    assert found["n_open"].tolist() == [0, 5, 4, 0] and found["n_overdue"].tolist() == [0, 0, 2, 0]


def test_places_without_a_complaint_have_an_upper_limit_only():
    sums = pd.DataFrame(
        {"level": ["n", "s", "w"], "n": [300, 300, 1], "sum": [0, 9, 1], "squared": [0, 11, 1]}
    )
    found = measures.place_rates(sums)
    assert found["low"].iloc[0] == 0 and found["high"].iloc[0] == pytest.approx(1000 * 3.6889 / 300, rel=1e-4)
    assert found["p_value"].isna().tolist() == [True, False, True]
    assert np.isfinite(found[["rate", "low", "high"]].to_numpy()).all()


# --- refuses ------------------------------------------------------------------------------------


def test_no_complaint_and_no_exposure_are_refused():
    with pytest.raises(ValueError, match="there are 3 months and 0 complaints"):
        fitted(months([0, 0, 0]))
    with pytest.raises(ValueError, match="the least exposure is 0"):
        fitted(months([1, 2], [5.0, 0.0]))


@pytest.mark.parametrize("counts", [[0] * 20 + [900], [900] + [0] * 20, [1] + [0] * 11, [10**6] * 8])
def test_extreme_months_have_a_finite_answer(counts):
    fit = fitted(months(counts))
    assert np.isfinite(fit.months[["rate", "low", "high", "line"]].to_numpy()).all()
    assert fit.trend.low <= fit.trend.value <= fit.trend.high


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_months", "shape", "mean"), [(8, None, 12), (12, 20, 60), (36, 8, 40), (24, None, 3)]
)
def test_the_level_covers_and_a_trend_is_rarely_seen_where_there_is_none(n_months, shape, mean):
    """Months that scatter by chance alone (None) or more: negative binomial with that shape."""
    rng = np.random.default_rng(11)
    rounds, covered, found = 2000, 0, 0
    watched = min(n_months, measures.LEVEL_MONTHS)
    for _round in range(rounds):
        rate = mean * (rng.gamma(shape, 1 / shape, n_months) if shape else np.ones(n_months))
        fit = fitted(months(rng.poisson(rate)))
        covered += fit.level.low <= mean <= fit.level.high
        found += fit.trend.low > 0 or fit.trend.high < 0
    assert watched and covered / rounds > 0.935
    # Three standard errors of 5 % over 2,000 rounds.
    assert found / rounds < 0.05 + 3 * np.sqrt(0.05 * 0.95 / rounds)


@pytest.mark.slow
def test_the_share_in_time_covers_though_customers_are_alike():
    """Customers with one to four tickets, some of whom are served slowly every time; the youngest are still open."""
    rng = np.random.default_rng(3)
    rounds, plain, wide = 1000, 0, 0
    for _round in range(rounds):
        m = rng.integers(1, 5, 150)
        who = np.repeat(np.arange(150), m)
        slow = rng.beta(0.6, 1.4, 150)[who] > rng.random(len(who))
        took = np.where(slow, 8 + rng.exponential(12, len(who)), rng.uniform(0, 6, len(who)))
        watched = rng.uniform(0, 200, len(who))
        cells = pd.DataFrame({"duration": np.minimum(took, watched), "event_observed": took <= watched})
        old = watched >= 7
        t = np.bincount(who[old], (took <= 7)[old], 150).astype(int)
        n = np.bincount(who[old], minlength=150)
        sums = {"n": n.sum(), "total": t.sum(), "squared": t.sum(), "tt": (t * t).sum(), "tm": (t * n).sum()}
        effect = design_effect(sums | {"mm": (n * n).sum()})
        curve = kaplan_meier(cells)
        for name, one in (("plain", curve), ("wide", measures.widen_band(curve, effect=effect))):
            row = one[one["time"] <= 7].iloc[-1]
            held = row["low"] <= 0.3 <= row["high"]
            plain, wide = plain + (held and name == "plain"), wide + (held and name == "wide")
    assert wide / rounds > 0.935 > plain / rounds
