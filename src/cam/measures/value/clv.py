"""What each customer will still bring: purchases ahead, worth in discounted margin, and how sure both are.

Expected worth of a customer = discounted purchases ahead x spend per purchase x margin rate. The first factor depends
on the cell (frequency, recency, T), the second on frequency and own mean spend; so all is known from two small tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z
from cam.measures.value import cells
from cam.measures.value.bootstrap import interval_of_draws
from cam.measures.value.future import (
    RepeatBuying,
    discounted_purchases_of_new,
    draw_purchases,
    expected_purchases,
    outlook,
)
from cam.measures.value.gamma_gamma import GammaGammaFit
from cam.measures.value.newton import Floats

#: What is told of each cell: chance of being active; purchases over the horizon, the same discounted, and for ever;
#: chance of a purchase over the horizon.
OUTLOOKS = ("p_alive", "expected_purchases", "discounted_purchases", "dert", "p_buys")
_PROBABILITIES = ("p_alive", "p_buys")
#: Cells that are scored under every resample, at most. More take a hundred thousand customers, whose resamples differ
#: so little that what a cell is told moves along a straight line with the parameters.
_MOST_CELLS = 50_000
#: Cells at a time, so that all draws of them fit in memory.
_BLOCK = 10_000
#: Cells whose futures are drawn at once: memory does not grow with the cells.
_CELLS_AT_ONCE = 200_000
#: Futures drawn per cell to see how far chance moves a total.
_FUTURES = 40
#: Weeks that stand for ever when futures are drawn.
_LONG = 52 * 40.0


def score_cells(
    fits: Sequence[RepeatBuying], table: pd.DataFrame, *, horizon: float, discount: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every cell under a fit and under its resamples.

    Parameters
    ----------
    fits : sequence of fits
        The fit, then its refits to resamples, as from :func:`cam.measures.value.bootstrap.bootstrap`.
    table : DataFrame
        Cells: ``frequency``, ``recency``, ``T``, ``n_customers``, ``spend_frequency`` (0 where no spend of a repeat
        purchase is known, else the frequency), ``spend_sum`` (sum over the cell's customers of their own mean
        spend) [covariates of the fit].
    horizon : float
        Weeks.
    discount : float
        Continuous, per week, above 0.

    Returns
    -------
    tuple of DataFrame
        The table with a column for each of :data:`OUTLOOKS` and its 95 % limits (``p_alive_low``, ``p_alive_high``, …);
        and sums by draw: one row per draw (0 is the fit) and spend frequency, with ``<outlook>`` summed over customers
        and ``<outlook>_spend`` weighted by their own mean spend.

    Notes
    -----
    Of more than 50,000 cells limits and sums follow from what the cell is told a standard error up and down each
    principal axis of the refits (the delta method), in place of one score of every cell for each of them.

    Examples
    --------
    >>> from cam.measures.value.nbd import NbdFit
    >>> table = pd.DataFrame({"frequency": [1], "recency": [3.0], "T": [9.0], "n_customers": [2],
    ...     "spend_frequency": [1], "spend_sum": [30.0]})
    >>> scored, sums = score_cells([NbdFit(1, 1), NbdFit(1, 1)], table, horizon=10, discount=0.002)
    >>> round(float(scored.expected_purchases[0]), 6), sums.shape, round(float(sums.expected_purchases[0]), 6)
    (2.0, (2, 12), 4.0)
    """
    is_straight = len(fits) > 1 and len(table) > _MOST_CELLS
    tried, weights = _along_axes(fits) if is_straight else (fits, None)
    counts, place = np.unique(table["spend_frequency"].to_numpy(float), return_inverse=True)
    n, money = cells.counts_of(table), table["spend_sum"].to_numpy(float)
    order = np.argsort(table["frequency"].to_numpy(float), kind="stable")
    n_rows = 1 + weights.shape[1] if weights is not None else len(fits)
    summed = np.zeros((n_rows, counts.size, 2 * len(OUTLOOKS)))
    found = np.empty((3 * len(OUTLOOKS), len(table)))
    for begin in range(0, len(table), _BLOCK):
        some = order[begin : begin + _BLOCK]
        block = table.iloc[some]
        draws = np.empty((len(OUTLOOKS), len(tried), some.size))
        for number, fit in enumerate(tried):
            draws[:, number] = outlook(fit, block, horizon=horizon, discount=discount, is_rough=number > 0)
        for number, name in enumerate(OUTLOOKS):
            rows = draws[number]
            found[3 * number, some] = rows[0]
            if is_straight:
                rows = np.vstack([rows[:1], (rows[1::2] - rows[2::2]) / 2])
                spread = Z * np.sqrt((rows[1:] ** 2).sum(axis=0))
                most = 1.0 if name in _PROBABILITIES else np.inf
                found[3 * number + 1, some] = np.maximum(rows[0] - spread, 0.0)
                found[3 * number + 2, some] = np.minimum(rows[0] + spread, most)
            elif len(fits) > 1:
                low, high = interval_of_draws(rows[1:])
                # The fit itself may lie at the edge of what its resamples say; it is never outside.
                found[3 * number + 1, some] = np.minimum(low, rows[0])
                found[3 * number + 2, some] = np.maximum(high, rows[0])
            for draw, row in enumerate(rows):
                for column, weight in ((number, n), (number + len(OUTLOOKS), money)):
                    summed[draw, :, column] += np.bincount(
                        place[some], weight[some] * row, minlength=counts.size
                    )
    if weights is not None:
        summed = np.concatenate([summed[:1], summed[:1] + np.tensordot(weights, summed[1:], axes=1)])
    names = [f"{name}{end}" for name in OUTLOOKS for end in ("", "_low", "_high")]
    # Not one of the columns is copied: of very many cells they are what fills the memory.
    scored = pd.DataFrame({**table, **dict(zip(names, found, strict=True))}, index=table.index, copy=False)
    sums = pd.DataFrame(
        summed.reshape(-1, 2 * len(OUTLOOKS)), columns=[*OUTLOOKS, *(f"{name}_spend" for name in OUTLOOKS)]
    )
    sums.insert(0, "spend_frequency", np.tile(counts, len(fits)))
    sums.insert(0, "draw", np.repeat(np.arange(len(fits)), counts.size))
    return scored, sums


def _along_axes(fits: Sequence[Any]) -> tuple[list[Any], Floats]:
    """Return the fit, and it moved by a standard error up and down each principal axis of its refits; and the refits.

    These as weights of such moves, one row for each: what is nearly straight between them need not be worked out for
    every refit.
    """
    thetas = np.array([fit.theta for fit in fits])
    moves = thetas[1:] - thetas[0]
    variances, axes = np.linalg.eigh(moves.T @ moves / len(moves))
    is_real = variances > 1e-12 * variances[-1]
    steps = axes[:, is_real] * np.sqrt(variances[is_real])
    tried = [fits[0], *(fits[0].at(thetas[0] + sign * step) for step in steps.T for sign in (1, -1))]
    return tried, moves @ (axes[:, is_real] / np.sqrt(variances[is_real]))


def spend_by_frequency(fits: Sequence[GammaGammaFit], frequency: Sequence[float]) -> pd.DataFrame:
    """Say how expected spend follows from own mean spend, at each frequency: base + slope x own mean.

    Parameters
    ----------
    fits : sequence of GammaGammaFit
        The fit, then its refits to resamples.
    frequency : sequence of float
        Repeat purchases with known spend; 0 for none.

    Returns
    -------
    DataFrame
        *frequency*, *base* (money), *slope*, and over the refits *var_base*, *covariance*, *var_slope*; so the standard
        error of a customer's expected spend is sqrt(var_base + 2 m covariance + m^2 var_slope).

    Raises
    ------
    ValueError
        If the mean spend does not exist under the fit: q is not above 1.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. (2013). The gamma-gamma model of monetary value, equation 5.

    Examples
    --------
    >>> spend = spend_by_frequency([GammaGammaFit(6.0, 4.0, 16.0)], [0, 3])
    >>> (spend.base + spend.slope * 35).round(4).tolist()
    [32.0, 34.5714]
    """
    x = np.asarray(frequency, dtype=float)
    if fits[0].q <= 1:
        raise ValueError(f"the mean spend does not exist: q is {fits[0].q:.3g}, and must be above 1")
    # A resample without a mean is left out: few, as otherwise the fit itself is not identified.
    usable = [fit for fit in fits if fit.q > 1]
    shrink = np.array([[fit.p * count + fit.q - 1 for count in x] for fit in usable])
    base = np.array([[fit.p * fit.gamma] for fit in usable]) / shrink
    slope = np.array([[fit.p] for fit in usable]) * x / shrink
    if len(usable) > 2:
        others = (base[1:], slope[1:])
        moves = [value - value.mean(axis=0) for value in others]
        n = len(usable) - 2
        spreads = [
            (one * other).sum(axis=0) / n
            for one, other in ((moves[0], moves[0]), moves, (moves[1], moves[1]))
        ]
    else:
        spreads = [np.zeros(x.size)] * 3
    return pd.DataFrame(
        {
            "frequency": x,
            "base": base[0],
            "slope": slope[0],
            "var_base": spreads[0],
            "covariance": spreads[1],
            "var_slope": spreads[2],
        }
    )


def worth_by_draw(
    sums: pd.DataFrame, spend: Sequence[GammaGammaFit], margin: Floats, *, outlook_name: str
) -> Floats:
    """Add the worth of all customers up, under the fit and under each resample.

    Parameters
    ----------
    sums : DataFrame
        Sums by draw, as from :func:`score_cells`.
    spend : sequence of GammaGammaFit
        The fit, then as many refits as *sums* has.
    margin : array, n_draws + 1
        Margin rate under the fit and each resample.
    outlook_name : str
        ``discounted_purchases`` or ``dert``.

    Returns
    -------
    array, n_draws + 1
        Money; the first is the value itself.

    Examples
    --------
    >>> sums = pd.DataFrame({"draw": [0, 1], "spend_frequency": 0.0, "dert": [2.0, 3.0], "dert_spend": 0.0})
    >>> fits = [GammaGammaFit(6.0, 4.0, 16.0)] * 2
    >>> worth_by_draw(sums, fits, np.array([0.5, 0.5]), outlook_name="dert").tolist()
    [32.0, 48.0]
    """
    n_draws = int(sums["draw"].max()) + 1
    x = sums["spend_frequency"].to_numpy(float).reshape(n_draws, -1)
    by_head, by_money = (
        sums[name].to_numpy(float).reshape(n_draws, -1) for name in (outlook_name, f"{outlook_name}_spend")
    )
    # A resample whose spend has no mean keeps the fit's own spend.
    p, q, gamma = (
        np.array([getattr(fit if fit.q > 1 else spend[0], name) for fit in spend])[:, None]
        for name in ("p", "q", "gamma")
    )
    worth = (by_head * gamma + by_money * x) * p / (p * x + q - 1)
    found: Floats = worth.sum(axis=1) * margin
    return found


def chance_of_totals(
    fit: RepeatBuying, spend: GammaGammaFit | None, scored: pd.DataFrame, *, horizon: float | None, seed: int
) -> tuple[float, float]:
    """Say how far chance alone moves the totals: what customers with given histories do is not certain.

    Futures of each cell are drawn: whether its customers are active, their rates, their purchases, what these bring.

    Parameters
    ----------
    fit : fit of repeat buying
        The fit.
    spend : GammaGammaFit or None
        Of spend; None where only purchases count.
    scored : DataFrame
        Cells, as from :func:`score_cells`.
    horizon : float or None
        Weeks; None: for ever.
    seed : int
        Of the random numbers.

    Returns
    -------
    tuple of float
        Standard deviations of the total purchases, and of the total discounted revenue (0 without *spend*).

    Notes
    -----
    A discounted purchase counts for as much, on average, as the cell's discounted over its plain expected purchases.

    Examples
    --------
    >>> from cam.measures.value.nbd import NbdFit
    >>> table = pd.DataFrame({"frequency": [1] * 50, "recency": 3.0, "T": 9.0, "n_customers": 20,
    ...     "spend_frequency": 0, "spend_sum": 0.0})
    >>> scored, _ = score_cells([NbdFit(1, 1)], table, horizon=10, discount=0.002)
    >>> purchases, money = chance_of_totals(NbdFit(1, 1), None, scored, horizon=10, seed=1)
    >>> round(purchases / (1000 * (2 + 2)) ** 0.5, 1), money  # variance 2 + 2 of one customer
    (1.0, 0.0)
    """
    rng = np.random.default_rng(seed)
    squares = np.zeros(2)
    for begin in range(0, len(scored), _CELLS_AT_ONCE):
        some = scored.iloc[begin : begin + _CELLS_AT_ONCE]
        squares += _chance_of_cells(fit, spend, some, horizon=horizon, rng=rng)
    bought, brought = squares**0.5
    return float(bought), float(brought)


def _chance_of_cells(
    fit: RepeatBuying,
    spend: GammaGammaFit | None,
    scored: pd.DataFrame,
    *,
    horizon: float | None,
    rng: np.random.Generator,
) -> Floats:
    """The variances of both totals over some of the cells."""
    n = cells.counts_of(scored)
    weeks = _LONG if horizon is None else horizon
    name = "dert" if horizon is None else "discounted_purchases"
    plain = expected_purchases(fit, scored, horizon=weeks)
    kept = np.divide(scored[name].to_numpy(float), plain, out=np.zeros(n.size), where=plain > 0)
    x = scored["frequency"].to_numpy(float)
    own = np.divide(scored["spend_sum"].to_numpy(float), n, out=np.zeros(n.size), where=n > 0)
    x_spend = np.where(own > 0, x, 0.0)
    bought = np.empty((_FUTURES, n.size))
    brought = np.zeros((_FUTURES, n.size))
    for number in range(_FUTURES):
        bought[number] = draw_purchases(fit, scored, horizon=weeks, rng=rng)
        if spend is not None:
            brought[number] = kept * spend.draw_total(x_spend, own, bought[number], rng)
    return np.array([np.einsum("i,i->", n, each.var(axis=0, ddof=1)) for each in (bought, brought)])


def clv_of_new(
    fits: Sequence[RepeatBuying],
    spend: Sequence[GammaGammaFit],
    margin: Floats,
    *,
    discount: float,
    horizon: float | None = None,
) -> Floats:
    """Return what a new customer is worth, the first purchase included, under a fit and each of its resamples.

    Parameters
    ----------
    fits : sequence of fits
        Of repeat buying: the fit, then its refits.
    spend : sequence of GammaGammaFit
        Likewise; every purchase, the first among them, is taken to bring the mean spend.
    margin : array
        Margin rate, likewise.
    discount : float
        Continuous, per week; above 0 where there is no horizon.
    horizon : float, optional
        Weeks since the first purchase; without it, for ever.

    Returns
    -------
    array
        Money, discounted to the day of the first purchase; as many as fits.

    Examples
    --------
    >>> from cam.measures.value.nbd import NbdFit
    >>> clv_of_new([NbdFit(1, 2)], [GammaGammaFit(6, 4, 16)], np.array([0.5]), discount=0.5).round(6).tolist()
    [32.0]
    """
    often = [1 + discounted_purchases_of_new(fit, discount=discount, horizon=horizon) for fit in fits]
    each = [(fit if fit.q > 1 else spend[0]).mean_spend for fit in spend]
    found: Floats = np.array(often) * np.array(each) * margin
    return found


def margin_draws(rate: float, *, error: float, n_draws: int, seed: int) -> Floats:
    """Draw the margin rate as far as it is known: the rate itself first, then one per resample.

    Parameters
    ----------
    rate : float
        Margin over revenue.
    error : float
        Its standard error; 0 where it is assumed.
    n_draws : int
        Resamples.
    seed : int
        Of the random numbers.

    Returns
    -------
    array, n_draws + 1

    Examples
    --------
    >>> margin_draws(0.4, error=0.0, n_draws=2, seed=1).tolist()
    [0.4, 0.4, 0.4]
    """
    rng = np.random.default_rng(seed)
    return rate + error * np.concatenate([[0.0], rng.standard_normal(n_draws)])


def error_of(estimate: Estimate) -> float:
    """Return the standard error that an estimate's interval stands for; 0 where it has none.

    Parameters
    ----------
    estimate : Estimate
        With a symmetric interval.

    Returns
    -------
    float

    Examples
    --------
    >>> error_of(Estimate("margin_rate", 0.4, "share", 9))
    0.0
    """
    if estimate.low is None or estimate.high is None:
        return 0.0
    return (estimate.high - estimate.low) / 2 / Z
