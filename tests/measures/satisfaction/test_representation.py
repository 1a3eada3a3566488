"""Who answered against all customers: correct, consistent, honest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.satisfaction.representation import delay_slope, representation, response_rates


def levels(base, answered):
    return pd.DataFrame(
        {"variable": "tier", "level": list("abcdef")[: len(base)], "n_base": base, "n_answered": answered}
    )


def sums(frame):
    """Sums over customers, from one row per invitation."""
    people = frame.groupby(["level", "customer"])["score"].agg(t="sum", m="size").reset_index()
    people = people.assign(tt=people.t**2, tm=people.t * people.m, mm=people.m**2)
    found = people.groupby("level")[["m", "t", "tt", "tm", "mm"]].sum().reset_index()
    return found.rename(columns={"m": "n", "t": "total"}).assign(variable="tier")


# --- correct ------------------------------------------------------------------------------------


def test_the_p_value_is_that_of_the_chi_squared_test_for_a_finite_population():
    from scipy.stats import chi2, chi2_contingency

    found = representation(levels([60, 140], [30, 40]))
    # Answered or not by level: 30 of 60 against 40 of 140.
    pearson = chi2_contingency([[30, 30], [40, 100]], correction=False).statistic
    assert found["p_value"].tolist() == pytest.approx([chi2.sf(pearson * 199 / 200, 1)] * 2)
    # Austin (2009): d = (p - q) / sqrt((p (1 - p) + q (1 - q)) / 2).
    p, q = 30 / 70, 60 / 200
    assert found["standardised"].iloc[0] == pytest.approx((p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2))
    assert found["ratio"].iloc[0] == pytest.approx(p / q)


def test_single_invitations_give_the_test_of_two_proportions():
    from statsmodels.stats.proportion import proportion_confint, proportions_ztest

    table = pd.DataFrame(
        {"variable": "tier", "level": ["a", "b"], "n": [120, 300], "total": [48, 75], "tt": [48, 75]}
    ).assign(tm=lambda t: t.total, mm=lambda t: t.n)
    found = response_rates(table)
    assert found["rate_p"].tolist() == pytest.approx([proportions_ztest([48, 75], [120, 300])[1]] * 2)
    assert found.loc[0, ["rate_low", "rate_high"]].tolist() == pytest.approx(
        proportion_confint(48, 120, method="wilson")
    )


def test_the_slope_is_that_of_least_squares_with_robust_errors():
    import statsmodels.api as sm

    counts = pd.DataFrame(
        {"delay": [0, 1, 4, 9], "n": [50, 40, 30, 20], "up": [25, 18, 12, 5], "down": [10, 9, 9, 8]}
    )
    rows = counts.loc[counts.index.repeat(counts["n"])]
    score = np.concatenate(
        [[1] * row.up + [-1] * row.down + [0] * (row.n - row.up - row.down) for row in counts.itertuples()]
    )
    wait = sm.add_constant(np.log2(1 + rows["delay"].to_numpy()))
    fit = sm.OLS(100.0 * score, wait).fit(cov_type="HC1")
    found = delay_slope(counts)
    assert found.value == pytest.approx(fit.params[1])
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[1]))


# --- consistent ---------------------------------------------------------------------------------


def test_answers_like_the_customers_differ_in_nothing():
    found = representation(levels([100, 300], [25, 75]))
    assert found["standardised"].abs().max() == 0 and found["p_value"].min() == 1
    assert found["ratio"].tolist() == [1.0, 1.0]


def test_test_and_interval_say_the_same_whatever_part_of_the_customers_answered():
    n_signs = 0
    for all_answered in (20, 100, 200, 260, 299):
        for own in range(max(0, all_answered - 180), min(120, all_answered) + 1):
            row = representation(levels([120, 180], [own, all_answered - own])).iloc[0]
            holds = row["ratio_low"] <= 1 <= row["ratio_high"]
            assert holds == (row["p_value"] >= 0.05), (all_answered, own)
            assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
            n_signs += not holds
    assert n_signs > 100
    everybody = representation(levels([120, 180], [120, 180]))
    assert everybody["p_value"].tolist() == [1.0, 1.0] and everybody["ratio_low"].tolist() == [1.0, 1.0]


def test_each_customer_twice_halves_the_evidence():
    rng = np.random.default_rng(3)
    once = pd.DataFrame({"customer": range(400), "level": rng.choice(list("ab"), 400)})
    once = once.assign(score=(rng.random(400) < np.where(once["level"] == "a", 0.3, 0.4)).astype(int))
    one, two = (response_rates(sums(frame)) for frame in (once, pd.concat([once, once])))
    assert two["rate_p"].tolist() == pytest.approx(one["rate_p"].tolist())
    assert two["rate_low"].tolist() == pytest.approx(one["rate_low"].tolist())


# --- refuses ------------------------------------------------------------------------------------


def test_nobody_asked_has_no_rate_and_nobody_at_all_no_share():
    table = pd.DataFrame(
        {
            "variable": "tier",
            "level": ["a", "b"],
            "n": [0, 10],
            "total": [0, 0],
            "tt": 0,
            "tm": 0,
            "mm": [0, 10],
        }
    )
    found = response_rates(table)
    assert np.isnan(found.loc[0, "rate"]) and np.isnan(found["rate_p"]).all()
    assert found.loc[1, ["rate_low", "rate"]].tolist() == [0.0, 0.0]
    empty = representation(levels([10, 0], [0, 0]))
    assert np.isfinite(empty.select_dtypes("number").to_numpy()).all()


def test_no_slope_where_all_waited_alike():
    counts = pd.DataFrame({"delay": [2], "n": [50], "up": [25], "down": [10]})
    assert delay_slope(counts) is None
    assert delay_slope(counts.assign(n=2, up=1, down=1)) is None


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_chance_alone_is_rarely_called_a_difference():
    rng = np.random.default_rng(5)
    false, false_rates = 0, 0
    base = np.array([400, 1100, 500])
    for _ in range(1000):
        answered = rng.multivariate_hypergeometric(base, 300)
        false += (representation(levels(base, answered))["p_value"] < 0.05).sum()
        # One to four invitations each; whether a customer answers is a habit.
        habit = rng.beta(1, 3, 600)
        m = rng.integers(1, 5, 600)
        t = rng.binomial(m, habit)
        each = np.stack([m, t, t * t, t * m, m * m]).reshape(5, 3, 200).sum(axis=2).T
        table = pd.DataFrame(each, columns=["n", "total", "tt", "tm", "mm"]).assign(variable="tier")
        false_rates += (response_rates(table)["rate_p"] < 0.05).sum()
    # 3,000 looks, three of each survey alike: 0.05 + 3 standard errors of 1,000.
    assert 0.03 < false / 3000 < 0.071
    assert 0.03 < false_rates / 3000 < 0.071


@pytest.mark.slow
def test_the_slope_holds_as_often_as_it_promises():
    rng = np.random.default_rng(6)
    held = 0
    waits = np.arange(12)
    shares = np.exp(-waits / 2.5) / np.exp(-waits / 2.5).sum()
    up = 0.5 - 0.04 * np.log2(1 + waits)
    for _ in range(1000):
        n = rng.multinomial(400, shares)
        promoters = rng.binomial(n, up)
        counts = pd.DataFrame(
            {"delay": waits, "n": n, "up": promoters, "down": rng.binomial(n - promoters, 0.4)}
        )
        found = delay_slope(counts[counts["n"] > 0])
        # Detractors are two fifths of the rest: a slope of -4 (1 + 0.4) points.
        held += found.low <= -5.6 <= found.high
    assert held / 1000 >= 0.93
