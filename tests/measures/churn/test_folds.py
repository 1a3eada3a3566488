"""Who teaches and who tests: no customer on both sides, no answer from later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measures.churn.scores import people

from cam.measures.churn.folds import cross_validated, folds, labels_of, split_by_time
from cam.measures.churn.models import fit_baseline


def months(n=300):
    """Each customer at six ends of months."""
    days = pd.date_range("2025-07-31", periods=6, freq="ME")
    return pd.concat(
        [people(n, seed=seed).assign(cut_off=day) for seed, day in enumerate(days)], ignore_index=True
    )


def test_all_rows_of_a_customer_are_in_one_fold_and_leavers_are_spread():
    table = months()
    fold = folds(table, seed=1)
    assert (pd.Series(fold).groupby(table["customer_id"]).nunique() == 1).all()
    of_customer = pd.Series(fold).groupby(table["customer_id"]).first()
    assert np.bincount(of_customer).tolist() == [60] * 5
    left = table.groupby("customer_id")["churned"].max()
    assert np.ptp([left[of_customer == one].sum() for one in range(5)]) <= 1


def test_the_order_of_rows_changes_no_fold():
    table = months()
    mixed = table.sample(frac=1, random_state=1)
    one = pd.Series(folds(table, seed=1), index=table.index)
    assert one[mixed.index].tolist() == folds(mixed, seed=1).tolist()


def test_nobody_is_predicted_by_a_model_that_knows_them():
    """A model that remembers every customer has nothing to remember."""
    table = months()

    class Memory:
        def __init__(self, rows):
            self.known = set(rows["customer_id"])

        def probability(self, rows):
            return rows["customer_id"].isin(self.known).to_numpy(float)

    assert cross_validated(table, fit=Memory, seed=1)["p_churn"].tolist() == [0.0] * len(table)


def test_a_split_by_time_trains_on_what_was_known():
    train, test = split_by_time(months(), horizon_days=80, gap_days=10)
    assert test["cut_off"].unique().tolist() == [pd.Timestamp("2025-12-31")]
    assert train["cut_off"].max() == pd.Timestamp("2025-09-30")  # 92 days before; the end of October is 61
    assert test["seen"].all() and not test["customer_id"].duplicated().any()


def test_labels_after_the_last_cut_off_change_no_model():
    """What is only known later cannot reach a model: the labels of cut-offs too late to be known are turned round."""
    table = months()
    late = table["cut_off"] > pd.Timestamp("2025-09-30")
    turned = table.assign(churned=table["churned"].where(~late, 1 - table["churned"]))
    one, other = (fit_baseline(split_by_time(t, horizon_days=90)[0], column="days") for t in (table, turned))
    assert one.rates.tolist() == other.rates.tolist()


def test_what_cannot_be_split_or_learnt():
    table = months()
    with pytest.raises(ValueError, match=r"no cut-off lies 400 days before the last one \(2025-12-31\)"):
        split_by_time(table, horizon_days=400)
    with pytest.raises(
        ValueError, match="0 customers left and 300 stayed; a model needs at least 20 of each"
    ):
        labels_of(table.assign(churned=0))
    with pytest.raises(ValueError, match="churned must be 0 or 1 in every row"):
        labels_of(table.assign(churned=np.nan))
    with pytest.raises(ValueError, match="10 customers left and 0 stayed; a model needs at least 20 of each"):
        labels_of(table.head(10).assign(churned=1))
