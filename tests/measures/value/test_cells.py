"""Cells of customers who look the same: correct, consistent, refusing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measures.value import cdnow
from measures.value.proofs import MODELS, assert_derivatives
from measures.value.simulate import COFFEE, as_cells, customers
from scipy.special import polygamma, psi

from cam.measures.value import cells
from cam.measures.value.cells import LogLikelihood, Part

HISTORIES = ("bg_nbd", "mbg_nbd", "pareto_nbd", "nbd")


# --- correct ------------------------------------------------------------------------------------


def test_digamma_and_trigamma_are_the_library_s_own():
    at = np.geomspace(1e-3, 1e4, 200)
    first, second = cells.polygammas(at)
    np.testing.assert_allclose(first, psi(at), rtol=1e-14)
    np.testing.assert_allclose(second, polygamma(1, at), rtol=1e-13)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0, 3),
        (0, 10_000_000),
        (-3, 3),
        (-1e15, 1e15),
    ],  # few and dense, many and sparse, negative, beyond a table
)
@pytest.mark.parametrize("whole", [True, False])
def test_distinct_rows_are_those_of_pandas(low, high, whole):
    rng = np.random.default_rng(3)
    columns = [rng.uniform(low, high, 400) for _ in range(3)]
    columns = [
        np.round(column) if whole else np.where(column > (low + high) / 2, column[0], column)
        for column in columns
    ]
    once, place = cells.distinct(*columns)
    frame = pd.DataFrame(np.column_stack(columns))
    assert len(once[0]) == len(frame.drop_duplicates())
    for found, column in zip(once, columns, strict=True):
        np.testing.assert_array_equal(found[place], column)


def test_parts_add_up_with_counts_rows_and_covariates():
    # Poisson counts with a rate moved by two covariates, written out at once.
    rng = np.random.default_rng(4)
    y, z, counts = rng.poisson(3, 30).astype(float), rng.normal(size=(30, 2)), rng.integers(0, 5, 30) * 1.0
    some = np.flatnonzero(y > 2)

    def poisson(rows):
        def terms(rate):
            return y[rows] * np.log(rate) - rate, [y[rows] - rate], [-rate + 0 * y[rows]]

        return terms

    evaluate = LogLikelihood(
        [Part(poisson(slice(None)), covariates=z), Part(poisson(some), rows=some, covariates=z[some])],
        counts,
        n_parameters=1,
        moved=[0],
    )
    theta = np.array([0.7, 0.2, -0.4])
    rate = np.exp(theta[0] + z @ theta[1:])
    w = counts * (1 + (y > 2))
    design = np.column_stack([np.ones(30), z])
    value, gradient, hessian = evaluate(theta)
    assert value == pytest.approx(w @ (y * np.log(rate) - rate), rel=1e-13)
    np.testing.assert_allclose(gradient, design.T @ (w * (y - rate)), rtol=1e-12)
    np.testing.assert_allclose(hessian, -(design.T * (w * rate)) @ design, rtol=1e-12)
    assert_derivatives(evaluate, theta)


# --- consistent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", HISTORIES)
def test_a_fit_from_cells_is_that_from_customers_in_any_order(model):
    fit = MODELS[model][0]
    table = customers(model, COFFEE, 800, np.random.default_rng(1)).round(0)
    table["recency"] = table["recency"].where(table["frequency"] == 0, table["recency"].clip(lower=1))
    one = fit(table).optimum
    assert len(as_cells(table)) < 700
    for other in (fit(as_cells(table)).optimum, fit(table.sample(frac=1, random_state=2)).optimum):
        # Sums in another order: rounding only.
        assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-8)
        assert other.values == pytest.approx(one.values, rel=1e-7)
        assert other.standard_errors == pytest.approx(one.standard_errors, rel=1e-7)
        assert other.n == one.n == 800


def test_a_gamma_gamma_from_cells_is_that_from_customers_in_any_order():
    fit = MODELS["gamma_gamma"][0]
    table = cdnow.spend()
    one = fit(table).optimum
    for other in (fit(as_cells(table)).optimum, fit(table.sample(frac=1, random_state=2)).optimum):
        assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-8)
        assert other.values == pytest.approx(one.values, rel=1e-7)
    assert one.n == 946


@pytest.mark.parametrize("model", [*HISTORIES, "gamma_gamma"])
def test_a_resample_by_counts_is_the_table_with_those_counts(model):
    table = as_cells(customers(model, COFFEE, 300, np.random.default_rng(1)))
    counts = np.random.default_rng(2).poisson(table["n_customers"]).astype(float)
    fit, derivatives = MODELS[model]
    theta = fit(table).theta
    evaluate = derivatives(table)
    expected = derivatives(table.assign(n_customers=counts))(theta + 0.01)
    kept = derivatives(table)
    kept.keep(theta + 0.01)
    for other in (evaluate.reweighted(counts), kept.reweighted(counts)):
        for mine, theirs in zip(other(theta + 0.01), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-9)
    # Elsewhere what was kept must not be used.
    away = kept.reweighted(counts)(theta - 0.2)
    np.testing.assert_allclose(away[1], evaluate.reweighted(counts)(theta - 0.2)[1], rtol=1e-10)


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_covariates_of_two_groups_that_differ_say_how_much(model):
    # Two shops in one table, the second on a scale of time three times as long: ln 3 for the covariate of alpha.
    fit, _ = MODELS[model]
    rng = np.random.default_rng(6)
    one, other = (customers(model, COFFEE, 6_000, rng) for _ in range(2))
    other[["recency", "T"]] *= 3
    table = pd.concat([one.assign(slow=0.0), other.assign(slow=1.0)])
    top = fit(table, covariates=["slow"]).optimum
    assert top.is_converged
    names = list(top.names)
    place = names.index("alpha:slow")
    assert abs(top.theta[place] - np.log(3)) < 4 * top.standard_errors[place]
    assert top.standard_errors[place] < 0.05
    if model == "pareto_nbd":
        place = names.index("beta:slow")
        assert abs(top.theta[place] - np.log(3)) < 4 * top.standard_errors[place]


# --- refuses ------------------------------------------------------------------------------------

WORDS = "0 <= recency <= T is needed, whole frequencies, and a recency above 0 where, and only where"


@pytest.mark.parametrize("model", HISTORIES)
@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((2, 31.0, 30.0), "frequency 2.0, recency 31.0, T 30.0"),
        ((-1, 1.0, 30.0), "frequency -1.0"),
        ((1, -1.0, 30.0), "recency -1.0"),
        ((1.5, 3.0, 30.0), "frequency 1.5"),
        ((2, 0.0, 30.0), "frequency 2.0, recency 0.0"),
        ((0, 3.0, 30.0), "frequency 0.0, recency 3.0"),
        ((1, 3.0, np.nan), "T nan"),
        ((1, 3.0, np.inf), "T inf"),
        ((np.nan, 3.0, 30.0), "frequency nan"),
        ((1, np.nan, 30.0), "recency nan"),
    ],
)
def test_a_row_that_is_no_history_is_named(model, row, words):
    fit = MODELS[model][0]
    table = pd.DataFrame([(1.0, 3.0, 30.0), (0.0, 0.0, 30.0), row], columns=["frequency", "recency", "T"])
    with pytest.raises(ValueError, match="row 2 is no history") as refusal:
        fit(table)
    assert words in str(refusal.value)
    assert WORDS in str(refusal.value)


def test_fewer_than_no_customers_are_refused():
    table = pd.DataFrame({"frequency": [0.0], "recency": [0.0], "T": [9.0], "n_customers": [-1]})
    with pytest.raises(ValueError, match="row 0 is no history"):
        cells.history(table)


@pytest.mark.parametrize("model", HISTORIES)
def test_no_rows_are_refused(model):
    with pytest.raises(ValueError, match="there are no customers"):
        MODELS[model][0](pd.DataFrame({"frequency": [], "recency": [], "T": []}))
