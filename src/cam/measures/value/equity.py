"""Customer equity: what all customers are worth, those of today and those to come, and what moves it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cam.measures.value import cells
from cam.measures.value.clv import clv_of_new
from cam.measures.value.future import (
    WEEKS_PER_YEAR,
    RepeatBuying,
    discounted_purchases,
    p_alive,
    weekly_discount,
)
from cam.measures.value.gamma_gamma import GammaGammaFit
from cam.measures.value.newton import Floats

#: What can be moved.
LEVERS = ("retention", "margin", "cac", "discount_rate")


def margin_multiple(retention_rate: float, *, annual_discount_rate: float) -> float:
    """Return how many yearly margins a customer is worth, at the same retention and margin for ever.

    The margin comes at the end of each year, so nobody's first margin is certain: r / (1 + i - r).

    Parameters
    ----------
    retention_rate : float
        Share of customers who stay from one year to the next, 0 to 1.
    annual_discount_rate : float
        Per year, 0 to 1.

    Returns
    -------
    float
        Add 1 where the first margin is received at once.

    Raises
    ------
    ValueError
        If 1 + annual_discount_rate does not exceed the retention rate: the sum has no end.

    References
    ----------
    Gupta, S., Lehmann, D. R. (2003). Customers as assets. Journal of Interactive Marketing 17, 9-24, table 2.

    Examples
    --------
    >>> round(margin_multiple(0.8, annual_discount_rate=0.10), 2)
    2.67
    """
    if not 0 <= retention_rate <= 1 or annual_discount_rate < 0:
        raise ValueError("a retention rate is within 0 to 1, and a discount rate at least 0")
    rest = 1 + annual_discount_rate - retention_rate
    if rest <= 0:
        raise ValueError("with no discount and nobody leaving, the sum has no end")
    return retention_rate / rest


@dataclass(frozen=True, slots=True)
class Terms:
    """What customer equity rests on besides the models.

    Attributes
    ----------
    margin_rate : float
        Margin over revenue.
    cac : float
        Cost of a new customer, money.
    n_per_year : float
        New customers per year.
    years : float
        For how many years customers are still won.
    annual_discount_rate : float
        Per year, above 0.
    stretch : float
        By how much lifetimes are stretched: 2 halves everybody's chance to leave.
    """

    margin_rate: float
    cac: float
    n_per_year: float
    years: float
    annual_discount_rate: float
    stretch: float = 1.0


@dataclass(frozen=True, slots=True)
class Stretched:
    """A model of repeat buying in which customers leave less, or more, readily from now on; the past stays.

    Attributes
    ----------
    fit : fit of repeat buying
        The model as it was fitted.
    stretch : float
        Above 0; 1 changes nothing.
    """

    fit: RepeatBuying
    stretch: float

    @property
    def model(self) -> str:
        """Name in ``key_figures.csv``."""
        return self.fit.model

    def p_alive(self, x: Floats, t: Floats, T: Floats, z: Floats | None = None) -> Floats:
        """Return the probability of being active at T, as fitted."""
        return self.fit.p_alive(x, t, T, z)

    def ahead(self, x: Floats, T: Floats, z: Floats | None = None) -> object:
        """Return what lies ahead of customers who are alive at T, with the stretch."""
        return self.fit.ahead(x, T, z).stretched(self.stretch)

    def of_new(self) -> tuple[float, object]:
        """Return the share of new customers who outlast their first purchase, and what lies ahead of them."""
        stay, ahead = self.fit.of_new()
        return stay, ahead.stretched(self.stretch)


def annual_retention(fit: RepeatBuying, table: pd.DataFrame, *, stretch: float = 1.0) -> float:
    """Return the share of today's active customers who will still be active a year from now.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    table : DataFrame
        Cells: ``frequency``, ``recency``, ``T``, ``n_customers``.
    stretch : float
        As in :class:`Terms`.

    Returns
    -------
    float
        0 to 1.

    Examples
    --------
    >>> from cam.measures.value.nbd import NbdFit
    >>> annual_retention(NbdFit(1.0, 1.0), pd.DataFrame({"frequency": [1], "recency": [3.0], "T": [9.0]}))
    1.0
    """
    x, _, T, n = cells.history(table)
    alive = n * p_alive(fit, table)
    (once_x, once_T), place = cells.distinct(x, T)
    stays = fit.ahead(once_x, once_T).stretched(stretch).survival(WEEKS_PER_YEAR)
    return float(np.einsum("i,i->", alive, stays[place]) / alive.sum())


def stretch_for(fit: RepeatBuying, table: pd.DataFrame, *, retention_rate: float) -> float:
    """Find the stretch of lifetimes that brings the retention of the next year to a rate.

    Parameters
    ----------
    fit : fit of repeat buying
        Of a model in which customers leave.
    table : DataFrame
        As for :func:`annual_retention`.
    retention_rate : float
        Per year, between 0 and 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If no stretch within a factor of a thousand does it.

    Examples
    --------
    >>> from cam.measures.value.pareto_nbd import ParetoNbdFit
    >>> fit, table = ParetoNbdFit(0.6, 10, 0.6, 12), pd.DataFrame({"frequency": [1], "recency": [3.0], "T": [9.0]})
    >>> stretch = stretch_for(fit, table, retention_rate=annual_retention(fit, table))
    >>> round(stretch, 6)
    1.0
    """
    from scipy.optimize import brentq  # here, because it makes every start slower

    def miss(log_stretch: float) -> float:
        return annual_retention(fit, table, stretch=float(np.exp(log_stretch))) - retention_rate

    reach = float(np.log(1000.0))
    if not miss(-reach) < 0 < miss(reach):
        raise ValueError(f"no change of how readily customers leave brings retention to {retention_rate:.3f}")
    return float(np.exp(brentq(miss, -reach, reach, xtol=1e-10)))


def customer_equity(
    fit: RepeatBuying, spend: GammaGammaFit, table: pd.DataFrame, terms: Terms
) -> dict[str, float]:
    """Return customer equity and its parts.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    spend : GammaGammaFit
        Of spend.
    table : DataFrame
        Cells, as for :func:`cam.measures.value.clv.score_cells`.
    terms : Terms
        What else it rests on.

    Returns
    -------
    dict of str to float
        Money: ``current_base`` (residual CLV of today's customers, for ever), ``future_customers`` (CLV of those
        to be won in ``terms.years``, discounted to today), ``acquisition_cost`` (what they cost, likewise) and
        ``customer_equity`` (the first two less the third).

    Notes
    -----
    Customers are won evenly over time; what is won after t years is discounted by (1 + i)^-t.

    References
    ----------
    Gupta, S., Lehmann, D. R., Stuart, J. A. (2004). Valuing customers. Journal of Marketing Research 41, 7-18.
    Blattberg, R. C., Deighton, J. (1996). Manage marketing by the customer equity test. Harvard Business
    Review 74(4), 136-144.

    Examples
    --------
    >>> from cam.measures.value.pareto_nbd import ParetoNbdFit
    >>> table = pd.DataFrame({"frequency": [1], "recency": [3.0], "T": [9.0], "n_customers": [10],
    ...     "spend_frequency": [0], "spend_sum": [0.0]})
    >>> parts = customer_equity(ParetoNbdFit(0.6, 10, 0.6, 12), GammaGammaFit(6, 4, 16), table, Terms(
    ...     margin_rate=0.5, cac=5.0, n_per_year=10, years=5, annual_discount_rate=0.1))
    >>> parts["current_base"] + parts["future_customers"] - parts["acquisition_cost"] == parts["customer_equity"]
    True
    """
    discount = weekly_discount(terms.annual_discount_rate)
    model = Stretched(fit, terms.stretch)
    n = cells.counts_of(table)
    x = table["spend_frequency"].to_numpy(float)
    shrink = spend.p * x + spend.q - 1
    each = spend.p * (n * spend.gamma + x * table["spend_sum"].to_numpy(float)) / shrink
    ahead = discounted_purchases(model, table, discount=discount)
    base = terms.margin_rate * float(np.einsum("i,i->", each, ahead))
    clv = float(clv_of_new([model], [spend], np.array([terms.margin_rate]), discount=discount)[0])
    # The integral of (1 + i)^-t over the years in which customers are won.
    annuity = -float(np.expm1(-discount * WEEKS_PER_YEAR * terms.years)) / (discount * WEEKS_PER_YEAR)
    won = terms.n_per_year * annuity
    return {
        "current_base": base,
        "future_customers": won * clv,
        "acquisition_cost": won * terms.cac,
        "customer_equity": base + won * clv - won * terms.cac,
    }


def moved(fit: RepeatBuying, table: pd.DataFrame, terms: Terms, *, lever: str, to: float) -> Terms:
    """Return the terms with one lever moved.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    table : DataFrame
        Cells.
    terms : Terms
        Before.
    lever : str
        One of :data:`LEVERS`.
    to : float
        Its new value: ``retention`` and ``discount_rate`` per year, ``margin`` a rate, ``cac`` in money.

    Returns
    -------
    Terms

    Raises
    ------
    ValueError
        If there is no such lever, or it cannot be moved that far.

    Examples
    --------
    >>> terms = Terms(margin_rate=0.5, cac=5.0, n_per_year=10, years=5, annual_discount_rate=0.1)
    >>> moved(None, None, terms, lever="cac", to=4.0).cac
    4.0
    """
    if lever == "retention":
        return replace(terms, stretch=stretch_for(fit, table, retention_rate=to))
    names = {"margin": "margin_rate", "cac": "cac", "discount_rate": "annual_discount_rate"}
    if lever not in names:
        raise ValueError(f"{lever} is no lever; these are: {', '.join(LEVERS)}")
    return replace(terms, **{names[lever]: to})


def sensitivity(
    fit: RepeatBuying, spend: GammaGammaFit, table: pd.DataFrame, terms: Terms, *, change: float = 0.01
) -> pd.DataFrame:
    """Move each lever by the same relative change, down and up, and see what customer equity does.

    Parameters
    ----------
    fit : fit of repeat buying
        Of any model.
    spend : GammaGammaFit
        Of spend.
    table : DataFrame
        Cells, as for :func:`cam.measures.value.clv.score_cells`.
    terms : Terms
        What else it rests on.
    change : float
        Relative, such as 0.01.

    Returns
    -------
    DataFrame
        One row per lever that can be moved: *lever*, *at* (its value), *low* and *high* (equity with the lever lower
        and higher, money), *equity* (as it is), *elasticity* (per cent of equity for one per cent of the lever).
        Retention cannot be moved where nobody leaves; neither it nor the discount rate above 1.

    References
    ----------
    Gupta, S., Lehmann, D. R., Stuart, J. A. (2004). Valuing customers. Journal of Marketing Research 41, 7-18.
    (1 % better retention, margin or acquisition cost moved the value of firms by about 5 %, 1 % and 0.1 %.)

    Examples
    --------
    >>> from cam.measures.value.pareto_nbd import ParetoNbdFit
    >>> table = pd.DataFrame({"frequency": [1], "recency": [3.0], "T": [9.0], "n_customers": [10],
    ...     "spend_frequency": [0], "spend_sum": [0.0]})
    >>> terms = Terms(margin_rate=0.5, cac=0.0, n_per_year=10, years=5, annual_discount_rate=0.1)
    >>> found = sensitivity(ParetoNbdFit(0.6, 10, 0.6, 12), GammaGammaFit(6, 4, 16), table, terms)
    >>> round(float(found.set_index("lever").at["margin", "elasticity"]), 6)  # without a cost, equity is margin
    1.0
    """
    before = customer_equity(fit, spend, table, terms)["customer_equity"]
    at = {
        "retention": annual_retention(fit, table),
        "margin": terms.margin_rate,
        "cac": terms.cac,
        "discount_rate": terms.annual_discount_rate,
    }
    rows = []
    for lever in LEVERS:
        if lever in ("retention", "discount_rate") and not 0 < at[lever] * (1 + change) < 1:
            continue
        ends = [
            customer_equity(
                fit, spend, table, moved(fit, table, terms, lever=lever, to=at[lever] * (1 + side * change))
            )["customer_equity"]
            for side in (-1, 1)
        ]
        rows.append(
            {
                "lever": lever,
                "at": at[lever],
                "low": ends[0],
                "high": ends[1],
                "equity": before,
                "elasticity": (ends[1] - ends[0]) / (2 * change * before) if before else float("nan"),
            }
        )
    return pd.DataFrame(rows)
