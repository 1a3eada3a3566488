"""What goes with an answer: the regression's own numbers, laws of a comparison, and intervals that hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import Estimate
from cam.measures.satisfaction.worth import group_levels, matched_differences, point_value, standing_strata

PAIR = [("promoter", "detractor")]


def draw(rng, *, people=150, effect=0.0, n_strata=6):
    """Answers of customers who stand alike by stratum: the better stratum answers better, and buys more anyhow."""
    stratum = rng.integers(0, n_strata, people)
    mood = rng.normal(size=people)
    who = np.repeat(np.arange(people), rng.integers(1, 4, people))
    is_promoter = rng.random(len(who)) < 0.25 + 0.5 * stratum[who] / n_strata
    level = 20 * (1 + stratum[who]) * (1 + effect * is_promoter)
    money = level * rng.lognormal(-0.18, 0.6, len(who)) * np.exp(0.6 * mood[who] - 0.18)
    stayed = rng.random(len(who)) < 0.3 + 0.4 * stratum[who] / n_strata + 0.25 * np.sign(mood[who])
    return pd.DataFrame(
        {
            "customer": who,
            "group": np.where(is_promoter, "promoter", "detractor"),
            "stratum": stratum[who],
            "revenue": money,
            "stayed": stayed.astype(float),
            "weight": np.exp(rng.normal(0, 0.4, people))[who],
        }
    )


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_the_difference_is_that_of_a_regression_with_an_effect_of_each_stratum(weighted):
    import statsmodels.formula.api as smf

    table = draw(np.random.default_rng(1))
    table = table if weighted else table.drop(columns="weight")
    row = matched_differences(table, pairs=PAIR, outcomes=["revenue"]).iloc[0]
    table = table.assign(x=(table["group"] == "promoter").astype(float), w=table.get("weight", 1.0))
    fit = smf.wls("revenue ~ x + C(stratum)", table, weights=table["w"]).fit(
        cov_type="cluster", cov_kwds={"groups": table["customer"]}
    )
    assert row["difference"] == pytest.approx(fit.params["x"], rel=1e-10)
    # Ours is widened by N / (N - 1) in each stratum, theirs by (n - 1) / (n - k) once.
    ours = (row["high"] - row["low"]) / 2 / 1.98
    assert ours == pytest.approx(fit.bse["x"], rel=0.03)


def test_one_stratum_is_the_plain_difference_with_welchs_error():
    rng = np.random.default_rng(2)
    table = draw(rng).drop_duplicates("customer").drop(columns="weight").assign(stratum=0)
    row = matched_differences(table, pairs=PAIR, outcomes=["revenue"]).iloc[0]
    one, other = (table.loc[table["group"] == group, "revenue"] for group in PAIR[0])
    assert row["difference"] == pytest.approx(one.mean() - other.mean())
    error = np.sqrt(one.var() / len(one) + other.var() / len(other))
    assert (row["high"] - row["low"]) / 2 / 2 == pytest.approx(error, rel=0.03)
    level = group_levels(table, outcomes=["revenue"]).set_index("group").loc["promoter"]
    from scipy import stats

    half = stats.t.ppf(0.975, len(one) - 1) * stats.sem(one)
    assert (level["low"], level["high"]) == pytest.approx((one.mean() - half, one.mean() + half))


def test_the_ratio_of_mantel_and_haenszel():
    """Of two strata of 20 and 40 by hand: sums of a n0 / N and c n1 / N."""
    counts = [(0, 10, 8, 10, 4), (1, 10, 5, 30, 6)]
    rows, who = [], 0
    for stratum, n_one, a, n_other, c in counts:
        for group, n, k in (("promoter", n_one, a), ("detractor", n_other, c)):
            for place in range(n):
                rows.append((who, group, stratum, float(place < k)))
                who += 1
    table = pd.DataFrame(rows, columns=["customer", "group", "stratum", "stayed"])
    row = matched_differences(table, pairs=PAIR, outcomes=["stayed"], fewest=20).iloc[0]
    assert row["ratio"] == pytest.approx((8 * 10 / 20 + 5 * 30 / 40) / (4 * 10 / 20 + 6 * 10 / 40))
    weights = np.array([10 * 10 / 20, 10 * 30 / 40])
    assert row["difference"] == pytest.approx(np.sum(weights * [0.4, 0.3]) / weights.sum())


def test_a_point_moves_half_a_hundredth_or_a_hundredth():
    """From detractor to promoter through passive, half of each step: the three ways agree."""
    gaps = {"first": 40.0, "second": 100.0}
    step = {
        name: point_value(
            Estimate("gap", gap, "EUR", 9, gap, gap), share_moved=0.01, n_customers=500, follow_days=90
        )
        for name, gap in gaps.items()
    }
    whole = point_value(
        Estimate("gap", 140.0, "EUR", 9, 140, 140), share_moved=0.005, n_customers=500, follow_days=90
    )
    assert whole.value == pytest.approx((step["first"].value + step["second"].value) / 2)
    assert whole.value == pytest.approx(0.005 * 500 * 140 * 365.25 / 90)


# --- consistent ---------------------------------------------------------------------------------


def test_order_of_rows_and_names_of_customers_change_nothing():
    table = draw(np.random.default_rng(3))
    other = table.sample(frac=1, random_state=1).assign(extra=1)
    for function in (
        lambda rows: matched_differences(rows, pairs=PAIR, outcomes=["revenue", "stayed"]),
        lambda rows: group_levels(rows, outcomes=["revenue", "stayed"]),
    ):
        pd.testing.assert_frame_equal(function(table), function(other), check_exact=True)


def test_swapped_groups_change_the_sign_and_turn_the_ratio_over():
    table = draw(np.random.default_rng(4))
    found = matched_differences(table, pairs=[*PAIR, PAIR[0][::-1]], outcomes=["revenue"])
    one, other = found.to_dict("records")
    assert one["difference"] == pytest.approx(-other["difference"])
    assert (one["low"], one["high"]) == pytest.approx((-other["high"], -other["low"]))
    assert one["ratio"] == pytest.approx(1 / other["ratio"])
    assert one["ratio_low"] == pytest.approx(1 / other["ratio_high"])


def test_answers_given_twice_make_nothing_surer():
    table = draw(np.random.default_rng(5))
    twice = pd.concat([table, table])
    one, two = (
        matched_differences(rows, pairs=PAIR, outcomes=["revenue"]).iloc[0] for rows in (table, twice)
    )
    assert one["difference"] == pytest.approx(two["difference"])
    # The widening by N / (N - 1) is all that changes.
    assert two["high"] - two["low"] == pytest.approx(one["high"] - one["low"], rel=0.02)


def test_equal_numbers_never_fall_apart_and_a_period_is_kept_whole():
    rng = np.random.default_rng(6)
    table = pd.DataFrame(
        {"number": rng.poisson(1.5, 400), "spent": rng.random(400), "period": rng.integers(0, 3, 400)}
    )
    found = standing_strata(table, columns=["number"], n_classes=5)
    assert found.groupby(["number", "period"])["stratum"].nunique().eq(1).all()
    assert found.groupby("stratum")["period"].nunique().eq(1).all()
    assert standing_strata(table.drop(columns="period"), columns=[])["stratum"].unique().tolist() == [0]
    assert standing_strata(table.head(0), columns=["number"]).empty


# --- refuses ------------------------------------------------------------------------------------


def test_what_is_missing_or_too_few_is_not_rated():
    table = draw(np.random.default_rng(7))
    alone = table.assign(stratum=(table["group"] == "promoter").astype(int))
    row = matched_differences(alone, pairs=PAIR, outcomes=["revenue"]).iloc[0]
    assert row["verdict"] == "few" and np.isnan(row["difference"]) and row["n_alone"] == len(table)
    assert matched_differences(table.head(0), pairs=PAIR, outcomes=["revenue"])["verdict"].tolist() == ["few"]
    assert group_levels(table.head(1), outcomes=["revenue"])["value"].isna().all()
    with pytest.raises(ValueError, match="weights must be above 0"):
        matched_differences(table.assign(weight=0.0), pairs=PAIR, outcomes=["revenue"])
    with pytest.raises(ValueError, match="every number"):
        standing_strata(table.assign(stratum=np.nan), columns=["stratum"])


def test_nothing_brought_has_no_ratio_and_all_alike_no_error():
    table = draw(np.random.default_rng(8)).assign(revenue=0.0, stayed=1.0)
    found = matched_differences(table, pairs=PAIR, outcomes=["revenue", "stayed"])
    assert found["ratio"].isna().tolist() == [True, False]
    assert found["p_value"].tolist() == [1.0, 1.0]
    level = group_levels(table, outcomes=["stayed"]).iloc[0]
    assert level["high"] == 1.0 and 0.9 < level["low"] < 1.0


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_intervals_hold_the_truth_and_the_plain_difference_does_not():
    """1,000 surveys of 150 customers, skewed money, one to three answers each; limits: 3.3 standard errors."""
    n, n_plain, effect = 1000, 100, 0.25
    inside = dict.fromkeys(("ratio", "difference", "null", "level", "plain"), 0)
    for seed in range(n):
        rng = np.random.default_rng(10_000 + seed)
        table = draw(rng, effect=effect)
        row = matched_differences(table.drop(columns="weight"), pairs=PAIR, outcomes=["revenue", "stayed"])
        money, stay = row.to_dict("records")
        inside["ratio"] += money["ratio_low"] <= 1 + effect <= money["ratio_high"]
        inside["null"] += stay["low"] <= 0 <= stay["high"]
        # Given who stands where, the weighted difference of the strata's own.
        one = table.groupby(["stratum", "group"]).size().unstack(fill_value=0)
        weight = one["promoter"] * one["detractor"] / one.sum(axis=1)
        truth = np.sum(weight * 20 * (1 + one.index.to_numpy()) * effect) / weight.sum()
        inside["difference"] += money["low"] <= truth <= money["high"]
        if seed < n_plain:
            plain = matched_differences(table.assign(stratum=0), pairs=PAIR, outcomes=["revenue"]).iloc[0]
            inside["plain"] += plain["ratio_low"] <= 1 + effect <= plain["ratio_high"]
        level = group_levels(table.drop(columns="weight").assign(group="all"), outcomes=["stayed"]).iloc[0]
        inside["level"] += level["low"] <= 0.3 + 0.4 * 2.5 / 6 <= level["high"]
    for name in ("ratio", "difference", "null", "level"):
        assert 0.92 <= inside[name] / n <= 0.975, (name, inside)
    assert inside["plain"] / n_plain < 0.7


@pytest.mark.slow
def test_five_classes_take_away_nine_tenths():
    """Cochran (1968), table 1: 90 % of the bias of one number is gone with five classes, 64 % with two."""
    rng = np.random.default_rng(9)
    x = rng.normal(size=400_000)
    group = np.where(rng.random(len(x)) < 1 / (1 + np.exp(-0.5 * x)), "promoter", "detractor")
    table = pd.DataFrame({"customer": np.arange(len(x)), "group": group, "x": x, "y": x})
    before = matched_differences(table.assign(stratum=0), pairs=PAIR, outcomes=["y"])["difference"].iloc[0]
    for n_classes, removed in ((2, 0.637), (5, 0.896)):
        strata = standing_strata(table, columns=["x"], n_classes=n_classes)
        left = matched_differences(strata, pairs=PAIR, outcomes=["y"])["difference"].iloc[0]
        assert 1 - left / before == pytest.approx(removed, abs=0.02)
