"""Groups, attributes and quadrants: correct, consistent, refusing, honest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.segment_value import choose_attributes, group_values, matrix, tell_apart

COVERED = (0.929, 0.971)


def sums(groups, *, attribute="region", column="x"):
    return pd.DataFrame(
        [
            {
                "attribute": attribute,
                "kind": "level",
                "level": name,
                "n_customers": len(values),
                f"n_{column}": len(values),
                f"sum_{column}": sum(int(v) for v in values),
                f"squared_{column}": sum(int(v) ** 2 for v in values),
            }
            for name, values in groups.items()
        ]
    )


# --- correct ------------------------------------------------------------------------------------


def test_welch_is_that_of_r():
    # R's data(sleep), Student (1908): oneway.test(extra ~ group) gives F = 3.4626, denom df = 17.776, p = 0.07939.
    first = [7, -16, -2, -12, -1, 34, 37, 8, 0, 20]
    second = [19, 8, 11, 1, -1, 44, 55, 16, 46, 34]
    found = tell_apart(sums({"1": first, "2": second}), "x").iloc[0]
    assert found["statistic"] == pytest.approx(3.4626, abs=5e-5)
    assert found["p_value"] == pytest.approx(0.07939, abs=5e-6)
    both = np.r_[first, second]
    between = 10 * ((np.mean(first) - both.mean()) ** 2 + (np.mean(second) - both.mean()) ** 2)
    assert found["between"] == pytest.approx(between / ((both - both.mean()) ** 2).sum(), rel=1e-12)


def test_welch_of_more_groups_is_that_of_scipy():
    from scipy.stats import f_oneway

    rng = np.random.default_rng(1)
    made = {str(k): np.round(rng.gamma(1, 100 * k, 30 * k)) for k in (1, 2, 3, 4)}
    found = tell_apart(sums(made), "x").iloc[0]
    other = f_oneway(*made.values(), equal_var=False)
    assert found["statistic"] == pytest.approx(other.statistic, rel=1e-10)
    assert found["p_value"] == pytest.approx(other.pvalue, rel=1e-8)


def test_holm_steps_down():
    rng = np.random.default_rng(2)
    made = [
        sums(
            {"a": rng.normal(shift, 100, 200).round(), "b": rng.normal(0, 100, 200).round()},
            attribute=str(shift),
        )
        for shift in (0, 15, 25, 60)
    ]
    found = tell_apart(pd.concat(made, ignore_index=True), "x").sort_values("p_value")
    p = found["p_value"].to_numpy()
    assert found["p_adjusted"].tolist() == pytest.approx(
        np.minimum(np.maximum.accumulate(p * [4, 3, 2, 1]), 1)
    )


def test_means_and_shares_of_groups():
    found = group_values(sums({"a": [100, 300, 800], "b": [200, 200, 300]}), ("x",))
    assert found["x"].tolist() == [12.0, 7.0]
    assert found["x_mean"].tolist() == pytest.approx([4.0, 7 / 3])
    # t with 2 degrees of freedom: 4.302653 * sd / sqrt(3), sd of 1, 3, 8.
    assert found["x_mean_high"][0] - 4.0 == pytest.approx(
        4.302653 * np.std([1, 3, 8], ddof=1) / 3**0.5, rel=1e-6
    )
    assert found["x_share"].tolist() == pytest.approx([12 / 19, 7 / 19])
    assert found["customer_share"].tolist() == [0.5, 0.5]


# --- consistent ---------------------------------------------------------------------------------


def test_shares_add_up_and_two_mirror_each_other():
    rng = np.random.default_rng(3)
    found = group_values(sums({k: rng.gamma(1, 1000, 50).round() for k in "ab"}), ("x",))
    assert found["x_share"].sum() == pytest.approx(1) and found["customer_share"].sum() == pytest.approx(1)
    width = found["x_share_high"] - found["x_share_low"]
    assert width[0] == pytest.approx(width[1])


def test_an_empty_quadrant_is_shown():
    found = matrix(
        pd.DataFrame(
            {"is_profitable": [1, 0], "is_loyal": [1, 1], "n_customers": [60, 40], "sum_profit": [600_00, 4_00],
             "squared_profit": [7_000_000_00, 5_000], "n_negative": [0, 3], "n_near_profit": [6, 4],
             "n_near_loyalty": [0, 1], "n_near": [6, 4]}
        )
    )  # fmt: skip
    assert found["quadrant"].tolist() == ["true_friends", "butterflies", "barnacles", "strangers"]
    assert found["n_customers"].tolist() == [60, 0, 40, 0] and found["share"].sum() == pytest.approx(1)
    assert found["profit_share"].sum() == pytest.approx(1) and np.isnan(found["near_share"][1])
    assert found["low"][1] == 0 and found["high"][1] > 0


def test_inputs_stay_as_they_are():
    made = sums({"a": [1, 2], "b": [3, 4]})
    before = made.copy()
    group_values(made, ("x",)), tell_apart(made, "x")
    pd.testing.assert_frame_equal(made, before)


# --- refuses ------------------------------------------------------------------------------------


def test_a_total_that_may_be_nothing_has_no_shares():
    found = group_values(sums({"a": [500, -400, 300], "b": [-600, 300, -50]}), ("x",))
    assert found["x_share"].isna().all() and found["x_mean"].notna().all()


def test_one_customer_has_no_interval_and_is_not_tested():
    found = group_values(sums({"a": [500], "b": [600, 700, 650]}), ("x",))
    assert np.isnan(found["x_mean_low"][0]) and found["x_mean"][0] == 5.0
    assert tell_apart(sums({"a": [500], "b": [600, 700, 650]}), "x").empty
    with pytest.raises(ValueError, match="at least one customer"):
        group_values(sums({"a": []}), ("x",))
    with pytest.raises(ValueError, match="can be placed"):
        matrix(
            pd.DataFrame({name: [] for name in ("is_profitable", "is_loyal", "n_customers", "sum_profit")})
        )


def test_columns_that_are_no_classes_are_left_out():
    levels = pd.DataFrame(
        [
            ("city", 90, 30, 0, 0, None), ("email", 90, 80, 0, 0, "id"), ("joined", 90, 40, 0, 40, "date"),
            ("age", 100, 40, 40, 0, "continuous"), ("kids", 100, 5, 5, 0, None), ("note", 0, 0, 0, 0, "empty"),
            ("country", 100, 1, 0, 0, "constant"), ("vip", 10, 1, 0, 0, None),
        ],
        columns=["column", "n_filled", "n_levels", "n_numbers", "n_dates", "expected"],
    )  # fmt: skip
    found = choose_attributes(levels, n_customers=100)
    assert found["why_not"].where(found["why_not"].notna(), None).tolist() == levels["expected"].tolist()


# --- honest -------------------------------------------------------------------------------------


def test_attributes_that_tell_nothing_are_rarely_believed():
    # Levels of unequal size and, within one attribute, customers of very unequal worth.
    rng = np.random.default_rng(4)
    believed = 0
    for _ in range(300):
        worth = np.round(rng.gamma(0.7, 10_000, 1500))
        made = []
        for attribute in "abcde":
            level = rng.choice(5, 1500, p=[0.4, 0.3, 0.15, 0.1, 0.05])
            made.append(sums({str(k): worth[level == k] for k in range(5)}, attribute=attribute))
        believed += (tell_apart(pd.concat(made, ignore_index=True), "x")["p_adjusted"] < 0.05).any()
    # Of 300: 5 % and 3 standard errors; skewed worth makes Welch's test a little eager.
    assert believed / 300 <= 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5


def test_an_attribute_that_tells_something_is_found():
    rng = np.random.default_rng(5)
    found = tell_apart(
        sums({"a": rng.gamma(1, 10_000, 400).round(), "b": rng.gamma(1, 14_000, 400).round()}), "x"
    )
    assert found["p_adjusted"][0] < 0.01


@pytest.mark.slow
def test_the_share_of_a_group_is_covered_as_promised():
    rng = np.random.default_rng(6)
    truth, covered, means = 0.25 * 2 / (0.25 * 2 + 0.75), 0, 0
    for _ in range(1000):
        is_a = rng.random(800) < 0.25
        worth = np.round(rng.gamma(0.7, 10_000 / 0.7, 800) * np.where(is_a, 2, 1))
        row = group_values(sums({"a": worth[is_a], "b": worth[~is_a]}), ("x",)).iloc[0]
        covered += row["x_share_low"] <= truth <= row["x_share_high"]
        means += row["x_mean_low"] <= 200 <= row["x_mean_high"]
    assert COVERED[0] <= covered / 1000 <= COVERED[1]
    assert COVERED[0] - 0.01 <= means / 1000 <= COVERED[1]  # 200 skewed values: t is near, not exact
