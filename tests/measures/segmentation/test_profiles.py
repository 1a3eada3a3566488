"""What differs between segments: residuals as published, laws of tables, and few false claims."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cam.measures.segmentation.effect_sizes import with_others
from cam.measures.segmentation.profiles import differences, effects, rate_means

#: Agresti (2013), Table 3.2: highest degree by belief in God, GSS 2008.
GOD = np.array([[9, 8, 27, 8, 47, 236], [23, 39, 88, 49, 179, 706], [28, 48, 89, 19, 104, 293]])
SUMS = ["attribute", "segment", "n", "sum", "squared"]
NOTHING = pd.DataFrame(columns=SUMS)


def counts_of(table, *, attribute="god", kinds=None):
    """Rows are segments, columns levels."""
    rows = [
        [attribute, (kinds or {}).get(level, "level"), f"l{level}", f"s{segment}", int(n)]
        for (segment, level), n in np.ndenumerate(table)
    ]
    return pd.DataFrame(rows, columns=["attribute", "kind", "level", "segment", "n_customers"])


def sums_of(groups, *, attribute="age"):
    rows = [
        [attribute, f"s{i}", len(g), int(g.sum()), int((g.astype(object) ** 2).sum())]
        for i, g in enumerate(groups)
    ]
    return pd.DataFrame(rows, columns=SUMS)


def cell(found, segment, level):
    return found[(found["segment"] == segment) & (found["level"] == level)].iloc[0]


def nothing_there(seed, *, n=2500):
    """Attributes of many kinds, and segments that have nothing to do with them."""
    rng = np.random.default_rng(seed)
    segment = rng.choice(8, n, p=[0.25, 0.2, 0.15, 0.12, 0.1, 0.08, 0.07, 0.03])
    tables = []
    for index, k in enumerate((2, 3, 5, 8, 11, 4)):
        shares = rng.dirichlet(np.full(k, 0.8))
        table = np.zeros((8, k), int)
        np.add.at(table, (segment, rng.choice(k, n, p=shares)), 1)
        tables.append(counts_of(table, attribute=f"a{index}"))
    money = np.rint(100 * rng.lognormal(7, 0.7, n)).astype(int)
    sums = sums_of([money[segment == place] for place in range(8)], attribute="wallet")
    return pd.concat(tables, ignore_index=True), sums


# --- correct ------------------------------------------------------------------------------------


def test_residuals_of_the_published_table():
    found = differences(counts_of(GOD), NOTHING, min_group=30)
    # By Haberman's formula; Agresti (2013, Table 3.3) prints -2.5 for the first cell and 6.0-odd for the corners.
    n, rows, columns = GOD.sum(), GOD.sum(axis=1), GOD.sum(axis=0)
    expected = np.outer(rows, columns) / n
    adjusted = (GOD - expected) / np.sqrt(expected * np.outer(1 - rows / n, 1 - columns / n))
    for (segment, level), value in np.ndenumerate(adjusted):
        row = cell(found, f"s{segment}", f"l{level}")
        assert row["residual"] == pytest.approx(value, rel=1e-12)
        here = GOD[segment, level]
        rest = np.array([[here, rows[segment] - here], [columns[level] - here, 0]])
        rest[1, 1] = n - rest.sum()
        # The square is Pearson's chi-square of the cell against all others.
        assert row["residual"] ** 2 == pytest.approx(stats.chi2_contingency(rest, correction=False).statistic)
        assert row["index"] == pytest.approx(100 * here / rows[segment] / (columns[level] / n))
        assert row["difference"] == pytest.approx(100 * (here / rows[segment] - rest[1, 0] / rest[1].sum()))
        tail = min(stats.fisher_exact(rest, alternative=side).pvalue for side in ("less", "greater"))
        assert row["p_value"] == pytest.approx(min(1, 2 * tail), rel=1e-9)


def test_a_share_has_newcombes_interval():
    # Newcombe (1998), Table II, case (a): 56/70 and 48/80, method 10: 0.0524 to 0.3339.
    table = np.array([[56, 14], [48, 32]])
    row = cell(differences(counts_of(table), NOTHING, min_group=30), "s0", "l0")
    assert (row["value"], row["others"]) == (0.8, 0.6)
    assert (row["low"], row["high"]) == pytest.approx((5.24, 33.39), abs=0.005)


def test_effects_are_ranked_with_their_tests():
    rng = np.random.default_rng(4)
    groups = [rng.integers(10, 60, 335), rng.integers(12, 60, 1084), rng.integers(30, 90, 581)]
    found = effects(counts_of(GOD), sums_of(groups), min_group=30).set_index("attribute")
    assert list(found.index) == ["age", "god"]
    assert found.loc["god", "p_value"] == pytest.approx(stats.chi2_contingency(GOD).pvalue, rel=1e-9)
    assert found.loc["god", "n_customers"] == 2000 and found.loc["god", "n_levels"] == 6
    from statsmodels.stats.oneway import anova_oneway

    assert found.loc["age", "p_value"] == pytest.approx(
        anova_oneway(groups, use_var="unequal").pvalue, rel=1e-6
    )
    assert found.loc["god", "size"] == "small" and found.loc["age", "size"] == "large"


# --- consistent ---------------------------------------------------------------------------------


def test_the_order_of_rows_and_the_names_of_levels_do_not_matter():
    counts, sums = nothing_there(1)
    first = effects(counts, sums, min_group=30)
    mixed = counts.sample(frac=1, random_state=2)
    renamed = mixed.assign(level=mixed["level"].map(lambda name: f"{99 - int(name[1:])}"))
    again = effects(renamed, sums.iloc[::-1], min_group=30)
    pd.testing.assert_frame_equal(first, again, check_exact=False, rtol=1e-12)
    one = differences(counts, sums, min_group=30)
    other = differences(mixed, sums, min_group=30)
    pd.testing.assert_frame_equal(one, other)


def test_segments_are_all_of_the_customers():
    counts, sums = nothing_there(1)
    found = differences(counts, sums, min_group=30)
    levels = found[found["kind"] == "level"]
    assert (levels.groupby("attribute")["n_customers"].sum() == 2500).all()
    shares = levels.groupby(["attribute", "segment"])["value"].sum()
    assert shares.to_numpy() == pytest.approx(1)
    # Points above are points below: over the levels of an attribute they cancel out.
    assert levels.groupby(["attribute", "segment"])["difference"].sum().to_numpy() == pytest.approx(
        0, abs=1e-9
    )


def test_small_groups_and_rare_cells_are_named_not_rated():
    table = np.array([[400, 300, 3], [300, 400, 3], [20, 5, 0]])
    found = differences(counts_of(table), NOTHING, min_group=30)
    small = found[found["segment"] == "s2"]
    assert set(small["verdict"]) == {"suppressed"} and set(small["why"]) == {"segment"}
    assert cell(found, "s0", "l2")["why"] == "expected" and pd.isna(cell(found, "s0", "l2")["p_adjusted"])
    assert cell(found, "s0", "l0")["verdict"] == "more" and cell(found, "s0", "l1")["verdict"] == "less"
    # Who is too few to be rated is no part of the test of the whole; what is too rare is pooled.
    whole = effects(counts_of(table), NOTHING, min_group=30).iloc[0]
    assert whole["n_segments"] == 2 and whole["n_customers"] == 1406 and whole["n_levels"] == 2


def test_rare_levels_are_pooled_until_the_test_holds():
    # Expected counts of the last three: 5, 4.5 and 1.5 in each segment; the two rarest make one of 6.
    table = np.array([[400, 300, 6, 4, 2], [300, 400, 4, 5, 1]])
    assert effects(counts_of(table), NOTHING, min_group=30).iloc[0]["n_levels"] == 4
    # Cochran: at most a fifth of the cells below 5. Here a third would be, so the rare go with the next rarest.
    table = np.array([[400, 300, 1, 1, 1], [300, 400, 1, 1, 0]])
    assert effects(counts_of(table), NOTHING, min_group=30).iloc[0]["n_levels"] == 2


def test_who_is_not_known_changes_nothing():
    counts = counts_of(GOD)
    missing = counts_of(np.array([[900], [1], [2]]), kinds={0: "missing"})
    pd.testing.assert_frame_equal(
        differences(pd.concat([counts, missing]), NOTHING, min_group=30),
        differences(counts, NOTHING, min_group=30),
    )


def test_more_than_chance_but_too_little_is_slight():
    table = np.array([[52_000, 48_000], [50_000, 50_000]])
    found = differences(counts_of(table), NOTHING, min_group=30)
    assert set(found["verdict"]) == {"slight"} and found["p_adjusted"].max() < 1e-9
    # Of a rare level, half as many again are worth a look, though it is one point.
    rare = np.array([[3_500, 96_500], [1_500, 98_500]])
    assert cell(differences(counts_of(rare), NOTHING, min_group=30), "s0", "l0")["verdict"] == "slight"
    rare = np.array([[3_500, 96_500], [1_500, 198_500]])
    assert cell(differences(counts_of(rare), NOTHING, min_group=30), "s0", "l0")["verdict"] == "more"


# --- refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [np.array([[5, 6, 7]]), np.array([[50], [60]]), np.array([[1]])])
def test_one_segment_or_one_level_has_no_profile(table):
    assert differences(counts_of(table), NOTHING, min_group=30).empty
    assert effects(counts_of(table), NOTHING, min_group=5).empty


def test_numbers_without_a_spread_are_not_rated():
    sums = sums_of([np.full(40, 5), np.full(50, 5)])
    found = differences(counts_of(np.zeros((2, 2), int))[:0], sums, min_group=30)
    assert set(found["why"]) == {"spread"} and set(found["verdict"]) == {"suppressed"}
    assert effects(counts_of(np.zeros((2, 2), int))[:0], sums, min_group=30).empty


def test_a_missing_column_is_an_error():
    with pytest.raises(KeyError):
        differences(counts_of(GOD).drop(columns="kind"), NOTHING, min_group=30)


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_where_there_is_nothing_few_data_sets_show_something():
    cells = attributes = 0
    for seed in range(300):
        counts, sums = nothing_there(seed)
        found = differences(counts, sums, min_group=30)
        cells += (found["p_adjusted"] < 0.05).any()
        attributes += (effects(counts, sums, min_group=30)["p_adjusted"] < 0.05).any()
    # At most 5 in 100, and what chance adds to that in 300 data sets (two binomial errors).
    assert cells <= 300 * 0.05 + 2 * np.sqrt(300 * 0.05 * 0.95)
    assert attributes <= 300 * 0.05 + 2 * np.sqrt(300 * 0.05 * 0.95)


def test_a_known_association_is_found_and_nothing_else():
    found = others = 0
    for seed in range(20):
        counts, sums = nothing_there(seed)
        rng = np.random.default_rng(100 + seed)
        shares = np.array([[0.4, 0.3, 0.3]] * 8)
        shares[1] = [0.2, 0.5, 0.3]
        table = np.array([rng.multinomial(300, row) for row in shares])
        counts = pd.concat([counts, counts_of(table, attribute="tied")], ignore_index=True)
        flagged = differences(counts, sums, min_group=30).query("verdict in ['more', 'less']")
        strongest = effects(counts, sums, min_group=30)["attribute"].iloc[0]
        is_more = (flagged["segment"] == "s1") & (flagged["level"] == "l1") & (flagged["verdict"] == "more")
        found += strongest == "tied" and is_more.any()
        others += (flagged["attribute"] != "tied").any()
    # A false claim in 5 of 100 data sets: four or more of 20 would be 1.6 % of all such trials.
    assert found == 20 and others <= 3


def test_means_of_places_are_rated_with_one_correction():
    rng = np.random.default_rng(6)
    groups = [rng.integers(0, 100, 400) for _ in range(4)] + [
        rng.integers(40, 140, 400),
        rng.integers(0, 900, 8),
    ]
    found = rate_means(with_others(sums_of(groups)), min_group=30)
    assert found["verdict"].tolist()[4:] == ["more", "suppressed"]
    assert found["p_adjusted"].notna().sum() == 5
