"""Matched rates: published values, the peer's regression, sparse strata, and intervals that hold under confounding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.lifecycle.matched_rates import matched_rates, rate_contrasts, rate_kinds

COLUMNS = ["stratum", "part", "kind", "happened", "n"]


def of_people(stratum, person, kind, happened):
    """Cells of customers dealt into 61 parts."""
    frame = pd.DataFrame(
        {"stratum": stratum, "part": np.asarray(person) % 61, "kind": kind, "happened": happened}
    )
    return frame.groupby(COLUMNS[:4], as_index=False).size().rename(columns={"size": "n"})


def simulate(rng, *, n=300, n_periods=4, effect=0.0, rare=0.12):
    """Customers of three standings, each with a chance of their own; who is more active meets the touch more often.

    The chance varies within a standing, too, and a customer stands in all periods until the touch is met.
    """
    level = rng.integers(0, 3, n)
    chance = rng.beta(*np.array([(1, 6), (3, 3), (6, 1.5)])[level].T)
    meets = rng.random((n, n_periods)) < rare * np.array([0.3, 1.0, 2.5])[level][:, None]
    first = np.where(meets.any(axis=1), meets.argmax(axis=1), n_periods)
    period = np.arange(n_periods)
    seen = period[None, :] <= first[:, None]
    is_met = period[None, :] == first[:, None]
    happened = rng.random((n, n_periods)) < np.clip(chance[:, None] + effect * is_met, 0, 1)
    stratum = 3 * period[None, :] + level[:, None]
    person = np.broadcast_to(np.arange(n)[:, None], seen.shape)
    kind = np.where(is_met, np.where(person % 2 == 0, "fast", "slow"), "")
    return of_people(stratum[seen], person[seen], kind[seen], happened[seen].astype(int))


def as_one(cells):
    return cells.assign(kind=np.where(cells["kind"] == "", "", "met"))


# --- correct ------------------------------------------------------------------------------------


def test_the_diabetes_trial_of_rothman():
    # UGDP trial, deaths by treatment and age. Rothman, K. J. (2002). Epidemiology: An Introduction. Oxford University
    # Press, chapter 8: Mantel-Haenszel risk difference 0.034 to 0.035, risk ratio 1.33.
    rows = []
    for stratum, (died, n, others_died, others) in enumerate([(8, 106, 5, 120), (22, 98, 16, 85)]):
        for kind, a, total in (("tolbutamide", died, n), ("", others_died, others)):
            people = np.arange(total)
            rows.append(of_people(stratum, people + 1000 * (kind == ""), kind, (people < a).astype(int)))
    found = matched_rates(pd.concat(rows)).iloc[0]
    assert round(found["difference"], 3) == 0.035
    assert round(found["ratio"], 2) == 1.33


def test_equals_a_regression_with_an_effect_of_each_stratum():
    from statsmodels.regression.linear_model import OLS

    cells = as_one(simulate(np.random.default_rng(5)))
    long = cells.loc[cells.index.repeat(cells["n"])]
    dummies = pd.get_dummies(long["stratum"]).astype(float).to_numpy()
    design = np.column_stack([(long["kind"] == "met").astype(float), dummies])
    fit = OLS(long["happened"].to_numpy(float), design).fit(
        cov_type="cluster", cov_kwds={"groups": long["part"].to_numpy(), "use_correction": False}
    )
    found = matched_rates(cells).iloc[0]
    assert found["difference"] == pytest.approx(fit.params[0], abs=1e-12)
    from scipy.special import stdtrit

    error = (found["high"] - found["difference"]) / stdtrit(60, 0.975)
    # Ours is widened by N / (N - 1) in each stratum and by 61 / 60: a hundredth or so in strata of 50 and more.
    assert 1.0 < error / fit.bse[0] < 1.03


def test_in_one_stratum_the_ratio_has_the_textbook_error():
    # Katz, D. et al. (1978), Biometrics 34, 469-474: variance of the log ratio 1/a - 1/n1 + 1/c - 1/n0. Each part holds
    # some of all four kinds of customers, so the two agree but for chance in how they were dealt.
    rng = np.random.default_rng(8)
    people = rng.permutation(6000)
    kind = np.where(np.arange(6000) < 1500, "met", "")
    y = np.where(np.arange(6000) % 1500 < 600, 1, 0) * (kind == "met") + (np.arange(6000) % 5 == 0) * (
        kind == ""
    )
    found = matched_rates(of_people(0, people, kind, y)).iloc[0]
    assert (found["ratio"], found["exposed"], found["others"]) == pytest.approx((2.0, 0.4, 0.2), abs=1e-12)
    expected = np.sqrt(1 / 600 - 1 / 1500 + 1 / 900 - 1 / 4500)
    # The spread of 61 parts errs by about 9 %; three times that.
    assert np.log(found["ratio_high"] / found["ratio"]) / 2.0003 == pytest.approx(expected, rel=0.28)


# --- consistent ---------------------------------------------------------------------------------


def test_order_of_rows_changes_no_bit():
    cells = simulate(np.random.default_rng(2))
    mixed = cells.sample(frac=1, random_state=1)
    for found, again in (
        (matched_rates(cells), matched_rates(mixed)),
        (rate_kinds(cells), rate_kinds(mixed)),
    ):
        pd.testing.assert_frame_equal(found, again, check_exact=True)


def test_a_contrast_is_the_difference_of_two_differences_and_turns_about():
    cells = simulate(np.random.default_rng(3))
    own = matched_rates(cells).set_index("kind")["difference"]
    found = rate_contrasts(cells, pairs=[("slow", "fast"), ("fast", "slow")])
    assert found["difference"].tolist() == pytest.approx(
        [own["slow"] - own["fast"], own["fast"] - own["slow"]]
    )
    assert found["low"].iloc[0] == pytest.approx(-found["high"].iloc[1], abs=1e-15)
    assert (found["exposed"] - found["others"]).tolist() == pytest.approx(found["difference"].tolist())


def test_strata_of_one_side_only_are_left_out_and_counted():
    cells = simulate(np.random.default_rng(4))
    alone = pd.DataFrame([(99, 1, "fast", 1, 7), (98, 1, "", 1, 50)], columns=COLUMNS)
    plain, more = matched_rates(cells), matched_rates(pd.concat([cells, alone]))
    assert (more["n_alone"] - plain["n_alone"]).tolist() == [7, 0]
    names = ["n_exposed", "n_others", "difference", "low", "high"]
    pd.testing.assert_frame_equal(plain[names], more[names])


def test_holm_counts_the_kinds_that_are_rated():
    rng = np.random.default_rng(6)
    n = 4000
    kind = rng.choice(["", "app", "bill", "rare"], n, p=[0.7, 0.145, 0.15, 0.005])
    cells = of_people(rng.integers(0, 4, n), np.arange(n), kind, (rng.random(n) < 0.4).astype(int))
    found = rate_kinds(cells).set_index("kind")
    assert found["verdict"].to_dict() == {"app": "rated", "bill": "rated", "rare": "few"}
    p = found["p_value"].dropna().sort_values()
    # Two are rated, so the smaller counts twice, and no adjusted value falls below one before it.
    expected = [min(1, 2 * p.iloc[0]), min(1, max(2 * p.iloc[0], p.iloc[1]))]
    assert found.loc[p.index, "p_adjusted"].tolist() == pytest.approx(expected, rel=1e-12)


# --- refuses ------------------------------------------------------------------------------------


def test_few_and_alike_are_named_and_have_no_numbers():
    people = np.arange(400)
    kind = np.where(people < 29, "met", "")
    few = matched_rates(of_people(0, people, kind, people % 2)).iloc[0]
    assert few["verdict"] == "few" and np.isnan(few["difference"])
    kind = np.where(people < 60, "met", "")
    alike = matched_rates(of_people(0, people, kind, 1)).iloc[0]
    assert alike["verdict"] == "alike" and np.isnan(alike["low"])
    # No others at all.
    lonely = matched_rates(of_people(0, people, "met", people % 2)).iloc[0]
    assert (lonely["verdict"], lonely["n_exposed"], lonely["n_alone"]) == ("few", 0, 400)


def test_cells_that_are_none_are_refused():
    for row in ((0, 1, "met", 2, 1), (0, 1, "met", 1, -1)):
        with pytest.raises(ValueError, match="counts of 0 or more"):
            matched_rates(pd.DataFrame([row], columns=COLUMNS))


# --- honest -------------------------------------------------------------------------------------


def covered(n_sets, seed, *, effect, **asked):
    """How often the intervals hold the truth, and how far off matched and plain differences are."""
    rng = np.random.default_rng(seed)
    hits, errors, plain = np.zeros(2), [], []
    for _ in range(n_sets):
        cells = simulate(rng, effect=effect, **asked)
        one = as_one(cells)
        found = matched_rates(one).iloc[0]
        contrast = rate_contrasts(cells, pairs=[("slow", "fast")]).iloc[0]
        hits += [found["low"] <= effect <= found["high"], contrast["low"] <= 0 <= contrast["high"]]
        errors.append(found["difference"] - effect)
        sums = one.assign(y=one["n"] * one["happened"]).groupby("kind")[["y", "n"]].sum()
        rate = sums["y"] / sums["n"]
        plain.append(rate["met"] - rate[""] - effect)
    return hits / n_sets, np.mean(errors), np.mean(plain)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "effect"),
    [({}, 0.0), ({"n": 150, "rare": 0.3}, 0.0)],
    ids=["usual", "sparse strata, and nearly everybody meets it"],
)
def test_intervals_hold_where_active_customers_meet_more(asked, effect):
    (matched, contrast), error, plain = covered(1000, 17, effect=effect, **asked)
    # 95 % of 1,000 sets, within three binomial errors (2.1 points).
    assert 0.929 <= matched <= 0.975 and 0.929 <= contrast <= 0.975
    assert abs(error) < 0.006 and plain > 0.1


@pytest.mark.slow
def test_intervals_hold_a_difference_that_is_there():
    (matched, _), error, _plain = covered(1000, 18, effect=-0.04)
    # Chances near 0 and 1 are clipped, so the true difference is a little smaller than asked for.
    assert matched >= 0.92 and 0 <= error < 0.02
