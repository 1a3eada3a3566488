"""Whether purchases can be made on any day or on given occasions only, and what lies ahead at these."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z
from cam.measures.value import cells
from cam.measures.value.bg_bb import BgBbFit, alive_probability, expected_occasions, total_occasions
from cam.measures.value.holdout import score_holdout
from cam.measures.value.newton import Floats
from cam.measures.value.survivors import delta_covariance

#: Days from one occasion to the next, the longest first.
SPACINGS = {
    "yearly": 365.25,
    "half_yearly": 182.625,
    "quarterly": 91.3125,
    "monthly": 30.4375,
    "fortnightly": 14.0,
    "weekly": 7.0,
}
#: Purchase days are few where they are at most this share of those on which as many at random would have fallen.
FEW_DAYS = 0.2
#: Silences of half a spacing that as many purchases at random would leave, at most.
_MOST_SILENCES = 0.05
#: Three gaps are the fewest that can be regular other than by luck.
FEWEST_OCCASIONS = 4
#: Purchases that may lie outside: who pays late, who was booked wrongly.
_MOST_STRAYS = 0.02
#: An occasion lasts at most this share of the spacing, and comes at most this share too early or too late.
_LASTS, _SLACK = 0.25, 0.25
#: Shares of the gaps that must be regular, and that must be of one spacing rather than of several.
_REGULAR, _SINGLE = 0.9, 2 / 3
#: The last occasion counts when this share of the usual length is over.
_OVER = 0.8
#: Spacings so short that a customer may let many of them pass between two purchases.
_SHORT = ("monthly", "fortnightly", "weekly")
#: Occasions from one purchase of a customer to the next, on average, beyond which short steps are no steps.
MOST_STEPS = 5.0
_STEP = 1e-3


@dataclass(frozen=True, slots=True)
class TimeFit:
    """How purchases lie in time.

    Attributes
    ----------
    n_purchases : int
        Customers per day with a purchase, summed over days.
    n_days : int
        Days with a purchase.
    span : int
        Days from the first to the last of them.
    expected_days : float
        Days on which as many purchases would have fallen at random.
    spacing : str
        A name of :data:`SPACINGS`; empty where purchases keep to no regular occasions.
    days : DataFrame
        ``day`` and the number of its ``occasion``, 1 the first; empty without a spacing. Days of an occasion that is
        under way are left out.
    n_strays : int
        Purchases on days between occasions; each counts for the nearest.
    n_under_way : int
        Purchases at an occasion that is not over; they do not count.
    steps : float
        Occasions from one purchase of a customer to the next, on average; infinite where not known.
    """

    n_purchases: int
    n_days: int
    span: int
    expected_days: float
    spacing: str = ""
    days: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"day": [], "occasion": []}))
    n_strays: int = 0
    n_under_way: int = 0
    steps: float = float("inf")

    @property
    def is_discrete(self) -> bool:
        """Whether models must count occasions rather than time."""
        return bool(self.spacing) and (self.spacing not in _SHORT or self.steps <= MOST_STEPS)

    @property
    def n_occasions(self) -> int:
        """Occasions."""
        return int(self.days["occasion"].max()) if len(self.days) else 0


def find_occasions(days: pd.DataFrame, *, as_of: date) -> TimeFit:
    """Find the occasions on which alone customers could buy, if there are any.

    Parameters
    ----------
    days : DataFrame
        ``day`` (dates, rising) and ``n_customers``, as from :func:`cam.reduce.occasions.purchase_days`.
    as_of : date
        Last day seen.

    Returns
    -------
    TimeFit
        Its ``steps`` is not known yet; :func:`mean_steps` has it.

    Raises
    ------
    ValueError
        If there are no days.

    Notes
    -----
    Purchases keep to occasions where all of this holds:

    - Silences of more than half a spacing P part the purchases, and chance does not explain them: N purchases at random
      in S days leave N (1 - P / (2 S))^(N - 1) of them on average, and that is at most 0.05, where three and more are
      found. So a small shop is measured by what is small about it: 10 orders in two years leave a silence of half a
      year as a rule, 40 none. By the same rule yearly gifts over eight years are told from chance from about 110 on.
    - No part lasts longer than a quarter of the spacing, so purchases keep to a quarter of the days at most: a yearly
      campaign may last three months, a weekly occasion one day. Closed weekends leave five days in seven.
    - Nine gaps in ten, from middle to middle, are the spacing or a multiple of it, within a quarter; two thirds are the
      spacing itself. A quarter on either side leaves spacings apart from each other: monthly ends at 38 days,
      quarterly begins at 68.
    - There are at least four occasions, that is three gaps. Any one gap lies within a quarter of some multiple half of
      the time by luck.

    Before the cut the emptiest days are set aside while they hold less than 2 % of purchases: a gift in March belongs
    to the campaign of December. An occasion of which less than 80 % of the usual length has passed is under way.

    Weekly, fortnightly and monthly dates may be mere rounding. Where a customer lets many occasions pass between two
    purchases, models of continuous time hold: of purchases at random times, one in every k steps on average, a share of
    about 1 / (2 k) falls on a step that is taken already. At :data:`MOST_STEPS` = 5 that is a tenth; with fewer steps
    more is lost, and bought or not at each occasion is the better account. See :attr:`TimeFit.is_discrete`.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. (2009). Probability models for customer-base analysis. Journal of Interactive
    Marketing 23, 61-69. (Figure 1: the opportunities for transactions, continuous or discrete.)

    Examples
    --------
    >>> fair = pd.DataFrame({"day": pd.date_range("2021-10-01", periods=5, freq="12MS"), "n_customers": 40})
    >>> timed = find_occasions(fair, as_of=date(2026, 6, 30))
    >>> timed.spacing, timed.n_occasions, round(timed.expected_days)
    ('yearly', 5, 187)
    """
    if not len(days):
        raise ValueError("there are no purchase days")
    stamps = pd.to_datetime(days["day"])
    at = (stamps - stamps.iloc[0]).dt.days.to_numpy(np.int64)
    n = days["n_customers"].to_numpy(np.int64)
    total, span = int(n.sum()), int(at[-1]) + 1
    expected = -span * float(np.expm1(total * np.log1p(-1 / span))) if span > 1 else 1.0
    found = TimeFit(total, len(at), span, expected)
    order = np.argsort(n, kind="stable")
    is_stray = np.zeros(at.size, dtype=bool)
    is_stray[order] = np.cumsum(n[order]) <= _MOST_STRAYS * total
    end = (pd.Timestamp(as_of) - stamps.iloc[0]).days
    for name, period in SPACINGS.items():
        if total * max(1 - period / 2 / span, 0.0) ** (total - 1) > _MOST_SILENCES:
            continue
        parts = _cut(at[~is_stray], n[~is_stray], period, end=end)
        if parts is None:
            continue
        begins, middles, closed = parts
        kept = at < closed
        nearest = np.abs(at[:, None] - middles[None, :]).argmin(axis=1) + 1
        table = pd.DataFrame({"day": stamps, "occasion": nearest})[kept].reset_index(drop=True)
        return TimeFit(
            total,
            len(at),
            span,
            expected,
            name,
            table,
            int(n[is_stray & kept & _is_apart(at, begins, period)].sum()),
            int(n[~kept].sum()),
        )
    return found


def _cut(at: Floats, n: Floats, period: float, *, end: int) -> tuple[Floats, Floats, float] | None:
    """First days and middles of occasions of this spacing, and from where on days do not count; None if none."""
    cuts = np.flatnonzero(np.diff(at) > period / 2) + 1
    firsts, lasts = np.append(0, cuts), np.append(cuts, at.size) - 1
    begins, lengths = at[firsts], at[lasts] - at[firsts] + 1
    closed = np.inf
    if begins.size > 1 and end - begins[-1] + 1 < _OVER * np.median(lengths[:-1]):
        closed, firsts, begins, lengths = float(begins[-1]), firsts[:-1], begins[:-1], lengths[:-1]
    if begins.size < FEWEST_OCCASIONS or lengths.max() > max(_LASTS * period, 1):
        return None
    whole = at < closed
    own = np.searchsorted(begins, at[whole], side="right") - 1
    middles = np.bincount(own, at[whole] * n[whole]) / np.bincount(own, n[whole])
    gaps = np.diff(middles) / period
    times = np.round(gaps)
    is_regular = (times >= 1) & (np.abs(gaps - times) <= _SLACK)
    if is_regular.mean() < _REGULAR or (is_regular & (times == 1)).mean() < _SINGLE:
        return None
    return begins, middles, closed


def _is_apart(at: Floats, begins: Floats, period: float) -> Floats:
    """Whether a day lies further from where any occasion began than one may last."""
    found: Floats = np.abs(at[:, None] - begins[None, :]).min(axis=1) > max(_LASTS * period, 1)
    return found


def mean_steps(table: pd.DataFrame) -> float:
    """Return how many occasions lie from one purchase of a customer to the next, on average.

    Parameters
    ----------
    table : DataFrame
        Customers or cells: ``frequency``, ``recency`` [``n_customers``].

    Returns
    -------
    float
        1 where every occasion is taken; infinite where nobody came back.

    Examples
    --------
    >>> mean_steps(pd.DataFrame({"frequency": [2, 0], "recency": [5, 0]}))
    2.5
    """
    w = cells.counts_of(table)
    bought = float((w * table["frequency"].to_numpy(float)).sum())
    return float((w * table["recency"].to_numpy(float)).sum()) / bought if bought else float("inf")


def occasions_ahead(timed: TimeFit, *, as_of: date, days: float) -> int:
    """Return how many occasions will come within some days after the last one seen.

    Parameters
    ----------
    timed : TimeFit
        With a spacing.
    as_of : date
        Last day seen.
    days : float
        How far to look ahead.

    Returns
    -------
    int
        Occasions that are due; one that is late by no more than a quarter of the spacing is still awaited, and one that
        is due a tenth of it after the end is counted, as occasions move by days.

    Examples
    --------
    >>> fair = pd.DataFrame({"day": pd.date_range("2021-10-01", periods=5, freq="12MS"), "n_customers": 40})
    >>> occasions_ahead(find_occasions(fair, as_of=date(2026, 6, 30)), as_of=date(2026, 6, 30), days=730.5)
    2
    """
    period = SPACINGS[timed.spacing]
    last = timed.days.loc[timed.days["occasion"] == timed.n_occasions, "day"].min()
    elapsed = (pd.Timestamp(as_of) - last).days / period
    passed = int(max(np.floor(elapsed - _SLACK), 0))
    return int(max(np.floor(elapsed + days / period + 0.1) - passed, 0))


def score_occasions(fit: BgBbFit, table: pd.DataFrame, *, n_ahead: int) -> pd.DataFrame:
    """Return, per cell, whether customers are alive at the next occasion and how often they will buy at the next ones.

    Parameters
    ----------
    fit : BgBbFit
        From :func:`cam.measures.value.bg_bb.fit_bg_bb`: limits need its optimum.
    table : DataFrame
        Cells, as for that function.
    n_ahead : int
        Occasions, 1 or more.

    Returns
    -------
    DataFrame
        The table with ``p_alive`` and ``expected_purchases``, each with ``_low`` and ``_high``: 95 % limits of the
        expectation, by the delta method on the logit and on the logarithm; chance is not in them.

    Raises
    ------
    ValueError
        If the fit was given, not fitted.

    Examples
    --------
    >>> from cam.measures.value.bg_bb import fit_bg_bb
    >>> table = pd.DataFrame({"frequency": [0, 1, 1, 2, 2, 3], "recency": [0, 1, 3, 2, 3, 3],
    ...     "n_opportunities": [3] * 6, "n_customers": [500, 150, 50, 80, 70, 150]})
    >>> scored = score_occasions(fit_bg_bb(table), table, n_ahead=3).iloc[-1]
    >>> [round(float(scored[f"p_alive{end}"]), 2) for end in ("_low", "", "_high")]
    [0.82, 0.86, 0.89]
    """
    if fit.optimum is None:
        raise ValueError("limits need a fit with its optimum; this one was given")

    def of(theta: Floats) -> tuple[Floats, Floats]:
        other = fit.at(theta)
        alive = alive_probability(other, table)
        return np.log(alive) - np.log1p(-alive), np.log(expected_occasions(other, table, n_ahead=n_ahead))

    covariance = fit.optimum.covariance
    slopes = []
    for place, error in enumerate(np.sqrt(np.diag(covariance))):
        step = np.zeros(covariance.shape[0])
        step[place] = _STEP * error
        ends = [of(fit.optimum.theta + side * step) for side in (1, -1)]
        slopes.append([(up - down) / (2 * step[place]) for up, down in zip(*ends, strict=True)])
    spread = np.sqrt(np.einsum("kqi,kl,lqi->qi", np.array(slopes), covariance, np.array(slopes)))
    middle = of(fit.optimum.theta)
    found = table.copy()
    for end, z in (("", 0.0), ("_low", -Z), ("_high", Z)):
        found[f"p_alive{end}"] = 1 / (1 + np.exp(-(middle[0] + z * spread[0])))
        # At most one purchase an occasion.
        found[f"expected_purchases{end}"] = np.minimum(np.exp(middle[1] + z * spread[1]), n_ahead)
    return found


def alive_total(fit: BgBbFit, table: pd.DataFrame) -> Estimate:
    """Return how many customers of a table are alive at the next occasion.

    Parameters
    ----------
    fit : BgBbFit
        From :func:`cam.measures.value.bg_bb.fit_bg_bb`: the interval needs its optimum.
    table : DataFrame
        Cells, as for that function.

    Returns
    -------
    Estimate
        ``active_customers``; its interval holds what the parameters leave open (delta method, on the logit of the
        share) and chance.

    Raises
    ------
    ValueError
        If the fit was given, not fitted.

    Examples
    --------
    >>> from cam.measures.value.bg_bb import fit_bg_bb
    >>> table = pd.DataFrame({"frequency": [0, 1, 1, 2, 2, 3], "recency": [0, 1, 3, 2, 3, 3],
    ...     "n_opportunities": [3] * 6, "n_customers": [500, 150, 50, 80, 70, 150]})
    >>> total = alive_total(fit_bg_bb(table), table)
    >>> round(total.value), round(total.low), round(total.high)
    (319, 277, 365)
    """
    if fit.optimum is None:
        raise ValueError("an interval needs a fit with its optimum; this one was given")
    w = cells.counts_of(table)
    n = float(w.sum())
    alive = alive_probability(fit, table)
    share = float((w * alive).sum()) / n

    def of(theta: Floats) -> Floats:
        each = float((w * alive_probability(fit.at(theta), table)).sum()) / n
        return np.array([np.log(each) - np.log1p(-each)])

    steepness = n * share * (1 - share)
    chance = float((w * alive * (1 - alive)).sum()) / steepness**2
    spread = float(np.sqrt(delta_covariance(fit.optimum, of)[0, 0] + chance))
    middle = np.log(share) - np.log1p(-share)
    low, high = (float(n / (1 + np.exp(-(middle + side * Z * spread)))) for side in (-1, 1))
    return Estimate("active_customers", n * share, "count", int(n), low, high)


def predict_occasions(fit: BgBbFit, table: pd.DataFrame, *, n_ahead: int) -> tuple[Estimate, pd.DataFrame]:
    """Compare what was foretold for the occasions held out with what happened, beside two naive ways.

    Parameters
    ----------
    fit : BgBbFit
        Fitted to the occasions before.
    table : DataFrame
        Cells of these, with ``holdout_frequency``.
    n_ahead : int
        Occasions held out.

    Returns
    -------
    Estimate
        ``holdout_predicted``, as from :func:`cam.measures.value.bg_bb.total_occasions`.
    DataFrame
        As from :func:`cam.measures.value.holdout.score_holdout`: ``bg_bb``, ``same_rate`` (each customer at as many
        of the occasions as so far; who came at the last one, at the mean rate of all), ``zero``.

    Examples
    --------
    >>> from cam.measures.value.bg_bb import fit_bg_bb
    >>> table = pd.DataFrame({"frequency": [0, 1, 1, 2, 2, 3], "recency": [0, 1, 3, 2, 3, 3],
    ...     "n_opportunities": [3] * 6, "n_customers": [500, 150, 50, 80, 70, 150],
    ...     "holdout_frequency": [0, 0, 0, 0, 1, 1]})
    >>> total, scores = predict_occasions(fit_bg_bb(table), table, n_ahead=1)
    >>> round(total.low), round(total.high), scores["predicted"].round().tolist()
    (191, 239, [214.0, 317.0, 0.0])
    """
    w = cells.counts_of(table)
    x, n = (table[name].to_numpy(float) for name in ("frequency", "n_opportunities"))
    mean = float((w * x).sum() / max((w * n).sum(), 1.0))
    rate = np.divide(x, n, out=np.full_like(n, mean), where=n > 0)
    guesses = pd.DataFrame(
        {"bg_bb": expected_occasions(fit, table, n_ahead=n_ahead), "same_rate": rate * n_ahead, "zero": 0.0}
    )
    total = total_occasions(fit, table, n_ahead=n_ahead)
    named = Estimate(
        "holdout_predicted", total.value, "count", total.n, total.low, total.high, {"model": "bg_bb"}
    )
    return named, score_holdout(guesses, table)
