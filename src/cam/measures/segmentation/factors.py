"""Attitude items -> the factors behind them: how many, what each item tells of each, and how to score customers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z
from cam.measures.segmentation.extraction import LEAST_OWN, Floats, draw_correlations, extract, rotate
from cam.measures.segmentation.items import ItemsFit, most_factors

#: A loading of this size counts: the item shares a tenth of its variance with the factor, about.
COUNTS_FROM = 0.3
#: So many items make a factor: one alone cannot be told from what is the item's own.
LEAST_ITEMS = 2
#: Turns that the rotation begins at.
_STARTS = 10


@dataclass(frozen=True, slots=True)
class FactorFit:
    """Factors behind items: x = L f + e, with x and f of variance 1.

    Attributes
    ----------
    items : tuple of str
        Names.
    n : int
        Customers.
    loadings : array, items x factors
        Pattern L: what a standard deviation of the factor adds to the item, in standard deviations.
    correlation : array, factors x factors
        Of the factors (Phi).
    own : array, items
        Share of each item's variance that it shares with no other (uniqueness, Psi).
    observed : array, items x items
        Correlations of the items (R).
    loading_draws, correlation_draws, own_draws : array, draws x ...
        The same of refits to drawn correlations; none before :func:`refit_draws`.
    """

    items: tuple[str, ...]
    n: int
    loadings: Floats
    correlation: Floats
    own: Floats
    observed: Floats
    loading_draws: Floats
    correlation_draws: Floats
    own_draws: Floats

    @property
    def n_factors(self) -> int:
        """How many factors."""
        return int(self.loadings.shape[1])

    @property
    def bare(self) -> tuple[str, ...]:
        """Items with no variance of their own left (Heywood cases): their loadings are at the edge."""
        return tuple(item for item, own in zip(self.items, self.own, strict=True) if own <= LEAST_OWN * 1.001)

    def members(self) -> list[list[int]]:
        """Return for each factor the places of its items, each item by its largest loading, the strongest first."""
        home = np.abs(self.loadings).argmax(axis=1)
        strength = np.abs(self.loadings).max(axis=1)
        order = np.argsort(-strength, kind="stable")
        return [
            [int(place) for place in order if home[place] == factor and strength[place] >= COUNTS_FROM]
            for factor in range(self.n_factors)
        ]

    @property
    def n_thin(self) -> int:
        """How many factors have fewer than two items of their own."""
        return sum(len(members) < LEAST_ITEMS for members in self.members())


def fit_factors(measured: ItemsFit, *, n_factors: int, seed: int) -> FactorFit:
    """Fit factors by maximum likelihood and turn them, correlated if they are, to few loadings for each item.

    Parameters
    ----------
    measured : ItemsFit
        Items whose correlations are not singular.
    n_factors : int
        1 to :func:`most_factors`.
    seed : int
        Of the turns that the rotation begins at.

    Returns
    -------
    FactorFit
        The factor that explains most first; most of each factor's loadings, by their sum, are positive.

    Raises
    ------
    ValueError
        If the items cannot hold so many factors.

    Notes
    -----
    The rotation is oblimin (gamma 0): attitudes are seldom uncorrelated, and where they are, it comes out as an
    orthogonal rotation would. An item that would be left without variance of its own keeps 0.5 % of it, and is named
    in ``bare``.

    References
    ----------
    Fabrigar, L. R., Wegener, D. T., MacCallum, R. C., Strahan, E. J. (1999). Evaluating the use of exploratory factor
    analysis in psychological research. Psychological Methods 4, 272-299. (Maximum likelihood; oblique rotation.)

    Examples
    --------
    >>> r = np.array([[1, 0.56, 0.48, 0], [0.56, 1, 0.42, 0], [0.48, 0.42, 1, 0], [0, 0, 0, 1.0]])
    >>> fit = fit_factors(ItemsFit(tuple("abcd"), 200, np.zeros(4), np.ones(4), r), n_factors=1, seed=1)
    >>> np.abs(fit.loadings[:, 0]).round(2).tolist()
    [0.8, 0.7, 0.6, 0.0]
    """
    size = len(measured.items)
    if not 1 <= n_factors <= most_factors(size):
        raise ValueError(f"{size} items hold 1 to {most_factors(size)} factors; got {n_factors}")
    plain, own = _maximum_likelihood(measured, n_factors)
    rng = np.random.default_rng(seed)
    turns = np.linalg.qr(rng.standard_normal((_STARTS, n_factors, n_factors)))[0]
    turns[0] = np.eye(n_factors)
    patterns, turned = rotate(np.broadcast_to(plain, (_STARTS, *plain.shape)), turns)
    # The simplest of the patterns; of equal ones the first, whatever the last digits are.
    squares = patterns**2
    simple = np.round((squares * (squares.sum(axis=2, keepdims=True) - squares)).sum(axis=(1, 2)), 6)
    best = int(simple.argmin())
    loadings, turn = patterns[best], turned[best]
    sign = np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    loadings, turn = loadings * sign, turn * sign
    order = np.argsort(-_explained(loadings, turn.T @ turn), kind="stable")
    loadings, turn = loadings[:, order], turn[:, order]
    none = np.empty((0, n_factors, n_factors))
    return FactorFit(
        measured.items,
        measured.n,
        loadings,
        turn.T @ turn,
        own,
        measured.correlation,
        np.empty((0, size, n_factors)),
        none,
        np.empty((0, size)),
    )


def refit_draws(fit: FactorFit, *, n_draws: int, seed: int) -> FactorFit:
    """Fit the factors again to drawn correlations, so that what follows from them gets its interval.

    Parameters
    ----------
    fit : FactorFit
        As from :func:`fit_factors`.
    n_draws : int
        Refits.
    seed : int
        Of the random numbers.

    Returns
    -------
    FactorFit
        The same with its draws: each refit is rotated anew from the fit's own rotation, and its factors are put in
        the fit's order and sign.

    References
    ----------
    Zhang, G. (2014). Estimating standard errors in exploratory factor analysis. Multivariate Behavioral Research 49,
    339-353. (Bootstrap refits and their alignment.)

    Examples
    --------
    >>> r = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    >>> fit = fit_factors(ItemsFit(tuple("abcd"), 200, np.zeros(4), np.ones(4), r), n_factors=1, seed=1)
    >>> refit_draws(fit, n_draws=20, seed=1).loading_draws.shape
    (20, 4, 1)
    """
    from scipy.optimize import linear_sum_assignment  # here, because it makes every start slower

    drawn = draw_correlations(fit.observed, n=fit.n, n_draws=n_draws, seed=seed)
    found = extract(drawn, n_factors=fit.n_factors, start=fit.own)
    # Each refit is first laid over the unrotated fit, of which any turn is as good as any other.
    root = np.linalg.cholesky(fit.correlation)
    plain = fit.loadings @ root
    left, _, right = np.linalg.svd(np.swapaxes(found.loadings, 1, 2) @ plain)
    turn = np.broadcast_to(root.T, (n_draws, *root.shape))
    patterns, turns = rotate(found.loadings @ (left @ right), turn)
    likeness = np.swapaxes(patterns, 1, 2) @ fit.loadings
    for draw in range(n_draws):
        rows, places = linear_sum_assignment(-np.abs(likeness[draw]))
        order = rows[np.argsort(places)]
        sign = np.where(np.diag(likeness[draw][order]) < 0, -1.0, 1.0)
        patterns[draw] = patterns[draw][:, order] * sign
        turns[draw] = turns[draw][:, order] * sign
    return replace(
        fit,
        loading_draws=patterns,
        correlation_draws=np.swapaxes(turns, 1, 2) @ turns,
        own_draws=found.own,
    )


def half_width(draws: Floats, value: Floats) -> Floats:
    """Return how far the 95 % interval of a value reaches to each side, from refits to drawn correlations.

    Parameters
    ----------
    draws : array, draws x ...
        Of the refits.
    value : array, ...
        Of the fit.

    Returns
    -------
    array, ...

    Notes
    -----
    1.96 times the root of the mean square distance of the refits from the fit, not from their own mean: samples pull
    correlated factors apart, and a refit is pulled as far from the fit as the fit was from the truth.

    Examples
    --------
    >>> float(half_width(np.array([0.4, 0.6]), np.array(0.5)).round(3))
    0.196
    """
    half: Floats = Z * np.sqrt(((draws - value) ** 2).mean(axis=0))
    return half


def loading_table(fit: FactorFit) -> pd.DataFrame:
    """List every loading with its interval, items by factor, the strongest first.

    Parameters
    ----------
    fit : FactorFit
        With its draws.

    Returns
    -------
    DataFrame
        *item*, *factor* (from 1), *loading*, *low*, *high*, *home* (the factor of the item's largest loading; 0 if
        none counts), *communality* with *communality_low* and *communality_high* (0-1).

    Examples
    --------
    >>> r = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    >>> fit = fit_factors(ItemsFit(tuple("abcd"), 200, np.zeros(4), np.ones(4), r), n_factors=1, seed=1)
    >>> table = loading_table(refit_draws(fit, n_draws=50, seed=1))
    >>> table.loading.round(3).tolist(), bool((table.low < table.loading).all())
    ([0.707, 0.707, 0.707, 0.707], True)
    """
    half = half_width(fit.loading_draws, fit.loadings)
    half_own = half_width(fit.own_draws, fit.own)
    members = fit.members()
    alone = sorted(set(range(len(fit.items))) - {place for group in members for place in group})
    rows = []
    for home, group in [*enumerate(members, start=1), (0, alone)]:
        for place in group:
            shared = 1 - float(fit.own[place])
            for factor in range(fit.n_factors):
                value = float(fit.loadings[place, factor])
                rows.append(
                    {
                        "item": fit.items[place],
                        "factor": factor + 1,
                        "loading": value,
                        "low": value - half[place, factor],
                        "high": value + half[place, factor],
                        "home": home,
                        "communality": shared,
                        "communality_low": max(0.0, shared - half_own[place]),
                        "communality_high": min(1.0, shared + half_own[place]),
                    }
                )
    return pd.DataFrame(rows)


def variance_explained(fit: FactorFit) -> list[Estimate]:
    """Estimate the share of all items' variance that each factor, and all together, explain.

    Parameters
    ----------
    fit : FactorFit
        With its draws.

    Returns
    -------
    list of Estimate
        ``attitude_variance_explained`` by ``factor``, then of all.

    Examples
    --------
    >>> r = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    >>> fit = fit_factors(ItemsFit(tuple("abcd"), 200, np.zeros(4), np.ones(4), r), n_factors=1, seed=1)
    >>> [round(one.value, 2) for one in variance_explained(refit_draws(fit, n_draws=50, seed=1))]
    [0.5, 0.5]
    """
    name, size = "attitude_variance_explained", len(fit.items)
    values = _explained(fit.loadings, fit.correlation) / size
    draws = _explained(fit.loading_draws, fit.correlation_draws) / size
    found = [
        _with_spread(name, value, of_draws, fit.n, {"factor": str(factor)})
        for factor, (value, of_draws) in enumerate(zip(values, draws.T, strict=True), start=1)
    ]
    return [*found, _with_spread(name, float(values.sum()), draws.sum(axis=1), fit.n, {})]


def factor_correlations(fit: FactorFit) -> pd.DataFrame:
    """List how the factors go together, pair by pair.

    Parameters
    ----------
    fit : FactorFit
        With its draws.

    Returns
    -------
    DataFrame
        *one* and *other* (from 1), *correlation*, *low*, *high* (-1 to 1); empty for one factor.

    Examples
    --------
    >>> r = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    >>> fit = fit_factors(ItemsFit(tuple("abcd"), 200, np.zeros(4), np.ones(4), r), n_factors=1, seed=1)
    >>> len(factor_correlations(refit_draws(fit, n_draws=50, seed=1)))
    0
    """
    half = half_width(fit.correlation_draws, fit.correlation)
    rows = [
        (i + 1, j + 1, value := float(fit.correlation[i, j]), value - half[i, j], value + half[i, j])
        for i in range(fit.n_factors)
        for j in range(i + 1, fit.n_factors)
    ]
    table = pd.DataFrame(rows, columns=["one", "other", "correlation", "low", "high"])
    return table.assign(low=table["low"].clip(lower=-1.0), high=table["high"].clip(upper=1.0))


def score_weights(fit: FactorFit, measured: ItemsFit) -> tuple[dict[str, dict[str, float]], Floats]:
    """Return how answers are weighed to each customer's scores, and how well these tell the factors.

    Parameters
    ----------
    fit : FactorFit
        Of these items.
    measured : ItemsFit
        With their means and standard deviations.

    Returns
    -------
    weights : dict of str to dict
        Per score ``factor_1`` and so on, the weight per unit of each item's answers; the empty name is the
        constant. Scores have mean 0 and standard deviation 1.
    accuracy : array, factors
        Correlation of each score with its factor, 0 to 1, as the model has it.

    References
    ----------
    Thomson, G. H. (1951). The Factorial Analysis of Human Ability, 5th ed., chapter 7 (regression scores).
    University of London Press. Grice, J. W. (2001). Computing and evaluating factor scores. Psychological Methods 6,
    430-450 (their correlation with the factor).

    Examples
    --------
    >>> r = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    >>> measured = ItemsFit(tuple("abcd"), 200, np.full(4, 3.0), np.ones(4), r)
    >>> weights, accuracy = score_weights(fit_factors(measured, n_factors=1, seed=1), measured)
    >>> round(weights["factor_1"]["a"], 3), round(float(accuracy[0]), 3)
    (0.316, 0.894)
    """
    raw = np.linalg.solve(fit.observed, fit.loadings @ fit.correlation)
    spread = np.sqrt((raw * (fit.observed @ raw)).sum(axis=0))
    per_unit = raw / spread / measured.sd[:, None]
    weights = {}
    for factor in range(fit.n_factors):
        of_items = dict(zip(fit.items, per_unit[:, factor].tolist(), strict=True))
        weights[f"factor_{factor + 1}"] = {"": -float(per_unit[:, factor] @ measured.mean), **of_items}
    return weights, np.minimum(spread, 1.0)


def _with_spread(
    figure: str, value: float, draws: Floats, n: int, segment: Mapping[str, str], top: float = 1.0
) -> Estimate:
    half = float(half_width(draws, np.asarray(value)))
    return Estimate(
        figure,
        float(value),
        "share",
        n,
        max(0.0, float(value) - half),
        min(top, float(value) + half),
        segment,
    )


def _explained(loadings: Floats, correlation: Floats) -> Floats:
    """Item variance that each factor explains: loadings times correlations of items with it, summed over items."""
    explained: Floats = (loadings * (loadings @ correlation)).sum(axis=-2)
    return explained


def _maximum_likelihood(measured: ItemsFit, n_factors: int) -> tuple[Floats, Floats]:
    """Loadings and own variances by statsmodels; where it leaves an item nothing of its own, by a bounded search."""
    from statsmodels.multivariate.factor import (  # type: ignore[import-untyped]
        Factor,  # here, because it makes every start slower
    )

    r = measured.correlation
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            # It begins at its principal axes: a start of its own would be drawn at random.
            axes = Factor(corr=r, n_factor=n_factors, method="pa").fit()
            start = axes.loadings, np.clip(axes.uniqueness, LEAST_OWN, 1.0)
            found = Factor(corr=r, n_factor=n_factors, nobs=measured.n, method="ml").fit(start=start)
            if float(found.uniqueness.min()) > LEAST_OWN:
                return np.asarray(found.loadings), np.asarray(found.uniqueness)
        except (Warning, np.linalg.LinAlgError):
            pass
    bounded = extract(r, n_factors=n_factors)
    return bounded.loadings, bounded.own
