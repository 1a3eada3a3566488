"""What a few boxes hide: an ordinal logit read as if each item had been answered as finely as it is felt.

Five boxes say less than what a customer perceives. What an item's boxes miss, others that go with it take over: an item
without any effect then shows a small one. Here the slopes are put back to where they belong.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from cam.measures.satisfaction.ordinal import Floats, OrdinalFit

#: Eigenvalue of the correlations as felt below which they cannot be told apart.
_SINGULAR = 0.02


def as_felt(fit: OrdinalFit, table: pd.DataFrame) -> OrdinalFit:
    """Return the fit with slopes per point of what the boxes stand for, not of the boxes.

    Parameters
    ----------
    fit : OrdinalFit
        From the answers.
    table : DataFrame
        The answers that it was fitted to.

    Returns
    -------
    OrdinalFit
        Coefficients and covariances put right; thresholds and likelihood are those of *fit*. The same fit where the
        correlations of what is felt are no correlations any more, as of items that hardly differ.

    Notes
    -----
    Regression calibration (Carroll and others 2006, chapter 4). Each answer is taken as the box that a normal feeling z
    falls into. The shares of its boxes give the correlation r of answer and feeling (1 for endless boxes, about 0.95
    for five) and that of two feelings, R_ij = C_ij / (r_i r_j), C that of the answers. To a first order what is felt,
    given all answers x, is A x with A = K C^-1 and K = cov(z, x): K_ij = C_ij / r_i, K_ii = r_i. Slopes b of the
    answers are then A'g for slopes g of the feelings, so that g = K'^-1 C b; times r they are per point again. Holds
    where feelings act; where the answers themselves do, *fit* holds, and an item without effect may come out a little
    below none.

    References
    ----------
    Carroll, R. J., Ruppert, D., Stefanski, L. A., Crainiceanu, C. M. (2006). Measurement Error in Nonlinear Models,
    chapter 4. Chapman & Hall.

    Examples
    --------
    >>> from cam.measures.satisfaction.ordinal import fit_ordinal
    >>> rng = np.random.default_rng(1)
    >>> felt = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 20_000)
    >>> table = pd.DataFrame(np.digitize(felt, [-1, 0, 1]), columns=["service", "parking"])
    >>> table["score"] = np.digitize(felt[:, 0] + rng.logistic(0, 0.5, 20_000), [-1, 0, 1])
    >>> fit = fit_ordinal(table, outcome="score", items=["service", "parking"])
    >>> fit.coefficients.round(2).tolist(), as_felt(fit, table).coefficients.round(2).tolist()
    ([1.72, 0.14], [1.82, -0.04])
    """
    answers = table.loc[:, list(fit.items)].to_numpy(float)
    answers = answers[np.lexsort(answers.T)]  # sums must not depend on the order of rows
    mean = answers.mean(axis=0)
    scale = np.sqrt(((answers - mean) ** 2).mean(axis=0))
    standard = (answers - mean) / scale
    correlation = np.einsum("ni,nj->ij", standard, standard) / len(table)
    tied = np.array([_tie(standard[:, place]) for place in range(len(fit.items))])
    felt = correlation / np.outer(tied, tied)
    np.fill_diagonal(felt, 1.0)
    if np.linalg.eigvalsh(felt)[0] < _SINGULAR:
        return fit
    between = correlation / tied[:, None]
    between[np.diag_indices_from(between)] = tied
    # Per point: a slope per standard deviation over that deviation.
    turn = tied[:, None] * np.linalg.solve(between.T, correlation) * scale[None, :] / scale[:, None]
    return replace(
        fit,
        coefficients=turn @ fit.coefficients,
        covariance=turn @ fit.covariance @ turn.T,
        model_covariance=turn @ fit.model_covariance @ turn.T,
    )


def _tie(answers: Floats) -> float:
    """Correlation of answers, in standard units, with the normal feelings that fell into their boxes."""
    from scipy import stats  # here, because it makes every start slower

    values, counts = np.unique(answers, return_counts=True)
    ends = stats.norm.ppf(np.concatenate([[0.0], np.cumsum(counts) / counts.sum()]).clip(0, 1))
    # The mean of a normal between two ends, times the chance to be there, is the fall of its density.
    return float((values * -np.diff(stats.norm.pdf(ends))).sum())
