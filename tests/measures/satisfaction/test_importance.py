"""Shares of R squared: equal to what is published and to all orders gone through; their laws, refusals and coverage."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from cam.measures.satisfaction.importance import johnson_shares, lmg_shares, relative_importance

# R's data set `swiss` (Mosteller, F., Tukey, J. W. 1977, Data Analysis and Regression, p. 549-551): fertility,
# agriculture, examination, education, catholic, infant mortality of 47 provinces, 1888.
SWISS = """
80.2 17 15 12 9.96 22.2;83.1 45.1 6 9 84.84 22.2;92.5 39.7 5 5 93.4 20.2;85.8 36.5 12 7 33.77 20.3;
76.9 43.5 17 15 5.16 20.6;76.1 35.3 9 7 90.57 26.6;83.8 70.2 16 7 92.85 23.6;92.4 67.8 14 8 97.16 24.9;
82.4 53.3 12 7 97.67 21;82.9 45.2 16 13 91.38 24.4;87.1 64.5 14 6 98.61 24.5;64.1 62 21 12 8.52 16.5;
66.9 67.5 14 7 2.27 19.1;68.9 60.7 19 12 4.43 22.7;61.7 69.3 22 5 2.82 18.7;68.3 72.6 18 2 24.2 21.2;
71.7 34 17 8 3.3 20;55.7 19.4 26 28 12.11 20.2;54.3 15.2 31 20 2.15 10.8;65.1 73 19 9 2.84 20;
65.5 59.8 22 10 5.23 18;65 55.1 14 3 4.52 22.4;56.6 50.9 22 12 15.14 16.7;57.4 54.1 20 6 4.2 15.3;
72.5 71.2 12 1 2.4 21;74.2 58.1 14 8 5.23 23.8;72 63.5 6 3 2.56 18;60.5 60.8 16 10 7.72 16.3;
58.3 26.8 25 19 18.46 20.9;65.4 49.5 15 8 6.1 22.5;75.5 85.9 3 2 99.71 15.1;69.3 84.9 7 6 99.68 19.8;
77.3 89.7 5 2 100 18.3;70.5 78.2 12 6 98.96 19.4;79.4 64.9 7 3 98.22 20.2;65 75.9 9 9 99.06 17.8;
92.2 84.6 3 3 99.46 16.3;79.3 63.1 13 13 96.83 18.1;70.4 38.4 26 12 5.62 20.3;65.7 7.7 29 11 13.79 20.5;
72.7 16.7 22 13 11.22 18.9;64.4 17.6 35 32 16.92 23;77.6 37.6 15 7 4.97 20;67.6 18.7 25 7 8.65 19.5;
35 1.2 37 53 42.34 18;44.7 46.6 16 29 50.43 18.2;42.8 27.7 22 29 58.33 19.3
"""
COLUMNS = ["fertility", "agriculture", "examination", "education", "catholic", "infant_mortality"]
ITEMS = ["a", "b", "c", "d"]


def swiss():
    rows = [[float(number) for number in row.split()] for row in SWISS.replace("\n", "").split(";")]
    return pd.DataFrame(rows, columns=COLUMNS)


def covariance(p, seed=1):
    rng = np.random.default_rng(seed)
    return np.cov(rng.normal(size=(50, p + 1)) @ rng.normal(size=(p + 1, p + 1)), rowvar=False)


def explained(matrix, items):
    items = list(items)
    if not items:
        return 0.0
    own, cross = matrix[np.ix_(items, items)], matrix[items, -1]
    return cross @ np.linalg.solve(own, cross) / matrix[-1, -1]


def survey(seed=1, n_customers=150):
    """Answers of customers who answer once to three times; d only goes with the others."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(n_customers), rng.integers(1, 4, n_customers))
    shared = np.sqrt(0.4) * rng.normal(size=(n_customers, 1))[who]
    felt = shared + np.sqrt(0.6) * rng.normal(size=(who.size, 4))
    answers = 1 + np.digitize(felt, [-1.6, -0.95, -0.2, 0.75])
    score = np.digitize(answers @ [0.9, 0.5, 0.25, 0] + rng.logistic(size=who.size), [3, 4, 5, 6, 7, 8])
    return pd.DataFrame(answers, columns=ITEMS).assign(score=score, customer_id=who.astype(str))


def measured(table, *, items=ITEMS, n_resamples=400, seed=1):
    return relative_importance(
        table, outcome="score", items=items, cluster="customer_id", n_resamples=n_resamples, seed=seed
    )


# --- correct ------------------------------------------------------------------------------------


def test_lmg_of_the_swiss_data():
    """Groemping (2006), Journal of Statistical Software 17 (1), the same data; relaimpo prints six digits."""
    fit = relative_importance(swiss(), outcome=COLUMNS[0], items=COLUMNS[1:], n_resamples=20, seed=1)
    assert fit.shares == pytest.approx([0.057091, 0.171173, 0.260135, 0.105570, 0.112766], abs=5e-7)
    assert fit.r_squared == pytest.approx(0.706735, abs=5e-7)


def test_lmg_is_the_mean_over_all_orders():
    matrix = covariance(5)
    gains = np.zeros(5)
    orders = list(permutations(range(5)))
    for order in orders:
        for place, item in enumerate(order):
            gains[item] += explained(matrix, order[: place + 1]) - explained(matrix, order[:place])
    assert lmg_shares(matrix) == pytest.approx(gains / len(orders), abs=1e-10)


def test_johnsons_weights_of_two_items_are_lmg():
    """Thomas, Zumbo, Kwan and Schweitzer (2014), Multivariate Behavioral Research 49, 329-338: with two, both agree."""
    matrix = covariance(2, seed=4)
    assert johnson_shares(matrix) == pytest.approx(lmg_shares(matrix), abs=1e-10)


# --- consistent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [lmg_shares, johnson_shares])
def test_shares_sum_to_r_squared_whatever_the_units_and_one_at_a_time_is_as_all_at_once(share):
    matrices = np.stack([covariance(6, seed) for seed in range(5)])
    shares = share(matrices)
    assert shares.sum(axis=1) == pytest.approx([explained(one, range(6)) for one in matrices])
    units = np.array([1, 10, 0.1, 3, 1, 7, 100])
    assert share(matrices[2] * np.outer(units, units)) == pytest.approx(shares[2])
    assert (shares >= -1e-12).all()


def test_items_that_do_not_go_together_have_their_own_r_squared():
    matrix = np.diag([1.0, 4.0, 9.0, 25.0])
    matrix[-1, :-1] = matrix[:-1, -1] = [1.0, 4.0, 0.0]
    for share in (lmg_shares, johnson_shares):
        assert share(matrix) == pytest.approx([1 / 25, 4 / 25, 0])


def test_an_item_that_others_tell_in_full_harms_nothing():
    matrix = covariance(3)
    twice = matrix[np.ix_([0, 1, 2, 0, 3], [0, 1, 2, 0, 3])]
    shares = lmg_shares(twice)
    assert shares.sum() == pytest.approx(lmg_shares(matrix).sum())
    assert shares[0] == pytest.approx(shares[3])


def test_more_than_twelve_items_are_weighed_by_johnson():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.integers(1, 6, (300, 13)), columns=[f"q{k}" for k in range(13)])
    table["score"], table["customer_id"] = table["q0"] + rng.integers(0, 4, 300), None
    fit = measured(table, items=[f"q{k}" for k in range(13)], n_resamples=50)
    assert fit.method == "johnson" and fit.shares.argmax() == 0
    assert measured(table, items=[f"q{k}" for k in range(12)], n_resamples=50).method == "lmg"
    with pytest.raises(ValueError, match="1 to 12 items; got 13"):
        lmg_shares(covariance(13))


def test_the_order_of_rows_does_not_matter_to_the_last_bit():
    table = survey()
    table.loc[:30, "customer_id"] = None
    one, other = (measured(rows).table for rows in (table, table.sample(frac=1, random_state=5)))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_customers_are_drawn_with_all_their_answers():
    table = survey()
    twice = measured(pd.concat([table, table])).table
    pd.testing.assert_frame_equal(twice, measured(table).table)


def test_many_customers_are_drawn_in_parts_and_their_intervals_stay_as_wide():
    rng = np.random.default_rng(2)
    table = pd.concat([survey(seed, 1000) for seed in range(5)])
    table["customer_id"] = table.groupby("customer_id").ngroup().astype(str) + rng.integers(
        0, 9, len(table)
    ).astype(str)
    assert table["customer_id"].nunique() > 4000
    in_parts = measured(table).table
    alone = measured(table[table["customer_id"].str[0] < "5"]).table
    ratio = (in_parts["high"] - in_parts["low"]) / (alone["high"] - alone["low"])
    # As the roots of the numbers of answers: sqrt(0.5); 400 resamples know a limit to some 5 %.
    n = [len(table), (table["customer_id"].str[0] < "5").sum()]
    assert ratio.to_numpy() == pytest.approx(np.sqrt(n[1] / n[0]), rel=0.25)


# --- refuses ------------------------------------------------------------------------------------


def test_what_cannot_be_shared_is_refused():
    table = survey()
    with pytest.raises(ValueError, match="at least one item"):
        measured(table, items=[])
    with pytest.raises(ValueError, match="b, score: all answers are the same"):
        measured(table.assign(b=1, score=2))
    with pytest.raises(ValueError, match="without a missing value"):
        measured(table.assign(b=table["b"].where(table["b"] > 1)))


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_intervals_hold_the_shares():
    """1,000 surveys of 150 customers; the truth is that of a survey of a million."""
    truth = lmg_shares(np.cov(survey(0, 500_000)[[*ITEMS, "score"]].to_numpy(float), rowvar=False))
    held = np.zeros(4)
    for seed in range(1, 1001):
        table = measured(survey(seed), seed=seed).table
        held += (table["low"] <= truth) & (truth <= table["high"])
    assert truth[3] > 0.01  # no effect of its own, and yet a share: what it tells is the others'
    # 0.95, less or more by three standard errors of a share of 1,000 (0.7 points each).
    assert (np.abs(held / 1000 - 0.95) < 0.021).all(), held
