"""Columns that know the answer: planted ones are found, honest ones are left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measures.churn.scores import people
from sklearn.metrics import roc_auc_score

from cam.measures.churn.leaks import find_leaks, single_feature_auc


def honest(n=3000, seed=1):
    return people(n, seed=seed).drop(columns="truth")


def leaks(table):
    return find_leaks(table, seed=1).set_index("feature")["kind"].to_dict()


def test_a_number_has_its_own_auc():
    table = honest()
    found = single_feature_auc(table, seed=1).set_index("feature")["auc"]
    assert found["days"] >= roc_auc_score(table["churned"], table["days"]) - 1e-12
    shape = single_feature_auc(
        table.assign(u=np.where(table["churned"] == 1, 2, table["noise"].abs())), seed=1
    )
    assert shape.set_index("feature")["auc"]["u"] > 0.9


def test_honest_features_are_left_alone():
    for seed in range(10):
        assert not leaks(honest(seed=seed)), seed


def test_an_honest_strong_feature_is_left_alone():
    """AUC 0.9, beside others of 0.75: good, not miraculous. Also when it is told in steps, with a pure last one."""
    rng = np.random.default_rng(1)
    table = honest()
    y = table["churned"].to_numpy()
    strong, other = rng.normal(1.81 * y), rng.normal(0.95 * y)
    assert roc_auc_score(y, strong) == pytest.approx(0.9, abs=0.02)
    stepped = np.clip(np.round(strong), -2, 4)
    assert not leaks(table.assign(strong=strong, other=other, stepped=stepped))


@pytest.mark.parametrize("share", [0.4, 1.0])
@pytest.mark.parametrize("kind", ["reason", "end", "code", "spike"])
def test_planted_leaks_are_found(kind, share):
    """A reason, a date as a number, a level and a special number that only (some of) those who left have."""
    rng = np.random.default_rng(2)
    table = honest()
    hit = (table["churned"] == 1) & (rng.random(len(table)) < share)
    if kind == "reason":
        column = pd.Series(rng.choice(["price", "service"], len(table)), dtype=object).where(hit, None)
    elif kind == "end":
        column = pd.Series(rng.random(len(table))).where(hit)
    elif kind == "code":
        column = pd.Series(np.where(hit, "X9", rng.choice(["A1", "A2"], len(table))))
    else:
        column = pd.Series(np.where(hit, 50.0, rng.uniform(0, 100, len(table)).round(1)))
    found = find_leaks(table.assign(planted=column), seed=1)
    assert found["feature"].tolist() == ["planted"]
    row = found.iloc[0]
    # Among the numbers around 50 a bin of the special one holds some others.
    assert row["kind"] == ("separates" if share == 1 and kind != "spike" else "tells")
    if share < 1:
        value = {"reason": "known", "end": "known", "code": "X9", "spike": "50"}[kind]
        assert row["value"] == value and row["n_left"] >= 0.99 * row["n_value"] and row["n_left"] >= hit.sum()


@pytest.mark.parametrize(
    ("low", "high", "rest", "value"), [(5, 90, 0, "> 0"), (-90, -1, 5, "< 5"), (40, 45, None, "40\u201345")]
)
def test_numbers_that_only_those_who_left_have(low, high, rest, value):
    """A last bill, 0 for all others; days to an end, below 0; a range amid the others. A few errors do not hide it."""
    rng = np.random.default_rng(2)
    table = honest()
    hit = (table["churned"] == 1) & (rng.random(len(table)) < 0.5)
    wrong = table.index[table["churned"] == 0][:6]
    hit[wrong] = True
    others = rng.choice([10, 20, 30, 60, 70, 80], len(table)) if rest is None else rest
    planted = np.where(hit, rng.integers(low, high + 1, len(table)), others)
    planted[wrong] = (low + high) // 2
    found = find_leaks(table.assign(planted=planted), seed=1)
    assert found[["feature", "kind", "value"]].values.tolist() == [["planted", "range", value]]
    assert found["n_value"][0] == hit.sum() and found["n_left"][0] == hit.sum() - 6


def test_the_order_of_rows_does_not_matter_for_a_range():
    rng = np.random.default_rng(2)
    table = honest()
    table["bill"] = np.where(
        (table["churned"] == 1) & (rng.random(len(table)) < 0.5), 7 + rng.random(len(table)), 0
    )
    by_label = table.sort_values("churned", kind="stable", ignore_index=True)
    assert leaks(by_label) == leaks(table) == {"bill": "range"}


@pytest.mark.parametrize("right", [0.85, 0.9])
def test_a_copy_of_the_answer_with_errors_outdoes_the_rest(right):
    rng = np.random.default_rng(1)
    table = honest()
    copy = np.where(rng.random(len(table)) < right, table["churned"], 1 - table["churned"])
    assert leaks(table.assign(flag=copy, word=np.where(copy == 1, "n", "y"))) == {
        "flag": "outdoes",
        "word": "outdoes",
    }
    # An honest yes or no is nothing of the kind: of a risk above the mean, out of the truth itself.
    honest_flag = people(3000, seed=1)["truth"] > 0.3
    assert not leaks(table.assign(flag=honest_flag))


def test_two_that_stand_apart_do_not_hide_each_other():
    rng = np.random.default_rng(1)
    table = honest()
    y = table["churned"]
    assert leaks(table.assign(one=rng.normal(2.4 * y), other=rng.normal(2.4 * y))) == {
        "one": "stands_apart",
        "other": "stands_apart",
    }


def test_what_only_stayers_have_is_no_leak():
    """A contract that still runs: of its customers hardly anybody can leave."""
    table = honest()
    contract = pd.Series(np.where((table["churned"] == 0) & (table.index % 3 == 0), "two years", "monthly"))
    assert not leaks(table.assign(contract=contract))


def test_a_name_needs_evidence_beside_it():
    rng = np.random.default_rng(1)
    table = honest()
    near = rng.normal(1.6 * table["churned"])
    assert leaks(table.assign(churn_score=near)) == {"churn_score": "named"}
    assert not leaks(table.assign(n_cancelled_orders=rng.normal(size=len(table)), comfort=near))


def test_a_column_far_above_all_others_stands_apart():
    rng = np.random.default_rng(1)
    table = honest()[["customer_id", "churned", "noise"]]
    assert leaks(table.assign(x=rng.normal(2.4 * table["churned"]))) == {"x": "stands_apart"}


def test_customer_numbers_and_blanks_do_not_disturb():
    table = honest().assign(number=lambda table: "n" + table["customer_id"], empty=None, same=1)
    assert not leaks(table)


def test_too_few_to_tell():
    with pytest.raises(
        ValueError, match=r"\d+ customers left and \d+ stayed; a model needs at least 20 of each"
    ):
        find_leaks(honest(10), seed=1)
