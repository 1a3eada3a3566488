"""What a list of customers at risk earns: how many to contact, whom first, and how far a budget goes.

Who pays what, as in Verbraken, Verbeke and Baesens: every customer on the list costs the contact. Of those who were
about to leave, the share ``save_rate`` accepts the offer, which costs its price, and stays, which brings their residual
CLV; the others leave all the same, and cost no offer. All who would have stayed anyway accept too: an offer given away.
Who has left already, which silence hides, can neither be kept nor take the offer: the contact alone is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cam.estimate import Estimate, Z
from cam.measures.churn.columns import Floats, as_numbers
from cam.measures.churn.evaluation import checked, resampled

_N_BOOTSTRAP = 500
_GRID = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered to keep a customer, in money per customer.

    Attributes
    ----------
    offer_cost : float
        Of an offer that is accepted (d).
    contact_cost : float
        Of one contact, accepted or not (f).
    save_rate : float
        Share (0-1, both excluded) of those about to leave whom the offer keeps: the mean of a beta distribution.
    save_weight : float
        How surely the rate is known: as if learnt from so many customers. 0.3 and 20 are the published beta(6, 14).
    """

    offer_cost: float
    contact_cost: float
    save_rate: float = 0.3
    save_weight: float = 20.0

    def __post_init__(self) -> None:
        if min(self.offer_cost, self.contact_cost) < 0:
            raise ValueError("offer_cost and contact_cost must not be below 0")
        if not 0 < self.save_rate < 1 or self.save_weight <= 0:
            raise ValueError("save_rate must lie between 0 and 1, and save_weight above 0")

    @property
    def beta(self) -> tuple[float, float]:
        """The two parameters of the save rate's beta distribution."""
        first = self.save_rate * self.save_weight
        return first, self.save_weight - first


@dataclass(frozen=True, slots=True)
class ProfitFit:
    """What the scores earn, in money per customer of the base (not of the list).

    Attributes
    ----------
    empc, empc_share : Estimate
        Expected maximum profit over the save rate's distribution, and the expected share (0-1) to contact. The
        interval is over customers.
    mpc, best_share : Estimate
        Maximum profit at the mean save rate, and the share (0-1) to contact that brings it. The interval is over
        customers and over the save rate.
    curve : DataFrame
        *share_contacted, profit, low, high* at the mean save rate, highest scores first; the band is over customers
        and over the save rate.
    n : int
        Rows.
    """

    empc: Estimate
    empc_share: Estimate
    mpc: Estimate
    best_share: Estimate
    curve: pd.DataFrame
    n: int


def fit_profit(
    table: pd.DataFrame, *, clv: float, offer: Offer, currency: str, score: str = "p_churn", seed: int
) -> ProfitFit:
    """Work out what contacting the customers with the highest scores earns.

    Parameters
    ----------
    table : DataFrame
        *customer_id, churned* and the score, of rows that the model has not seen.
    clv : float
        Mean residual CLV of those about to leave, in money: one worth for all. It compares models; what calling
        earns is said by :func:`cam.measures.churn.own_worth.fit_own_worth`.
    offer : Offer
        What is offered.
    currency : str
        ISO code of the money.
    score : str
        Column with the probability (0-1) of leaving; only its order counts.
    seed : int
        Of 500 resamples of customers and draws of the save rate.

    Returns
    -------
    ProfitFit
        EMPC is exact: scores are joined to blocks on the convex hull of the ROC curve, each of which is contacted
        from a save rate upwards; the integral over it is two incomplete beta functions.

    Raises
    ------
    ValueError
        If all left or all stayed, or if a customer is worth no more than the offer costs.

    Notes
    -----
    The hull is that of these customers: with few who left, maximum profit is a little too high, as any maximum is.

    References
    ----------
    Verbraken, T., Verbeke, W., Baesens, B. (2013). A novel profit maximizing metric for measuring classification
    performance of customer churn prediction models. IEEE Transactions on Knowledge and Data Engineering 25, 961-973.
    (Sections 4 and 5.)
    Fawcett, T., Niculescu-Mizil, A. (2007). PAV and the ROC convex hull. Machine Learning 68, 97-106.

    Examples
    --------
    >>> scores = pd.DataFrame({"customer_id": range(10), "churned": [1, 0, 1, 1, 0, 0, 1, 0, 0, 0]})
    >>> scores["p_churn"] = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.2, 0.1]
    >>> fit = fit_profit(scores, clv=200, offer=Offer(offer_cost=10, contact_cost=1), currency="EUR", seed=1)
    >>> round(fit.empc.value, 6), round(fit.empc_share.value, 6)
    (19.108394, 0.693679)
    """
    y, p, customers = checked(table, score, probability=False)
    if clv <= offer.offer_cost:
        raise ValueError(
            f"a customer who stays is worth {clv:,.2f} and the offer costs {offer.offer_cost:,.2f}: no list can earn"
        )
    order = np.argsort(-p, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(p[order])) + 1])
    rng = np.random.default_rng(seed)

    def worked_out(weights: Floats, save_rate: float) -> Floats:
        w = weights[order] / weights.sum()
        left, all_ = np.add.reduceat(w * y[order], starts), np.add.reduceat(w, starts)
        share, rate = _hull(left, all_)
        along = _curve(left, all_, _Gains(clv, offer, save_rate))
        return np.concatenate(
            [_expected(share, rate, clv, offer), _best(share, rate, clv, offer, save_rate), along]
        )

    found = worked_out(np.ones(y.size), offer.save_rate)
    draws = [worked_out(resampled(customers, rng), rng.beta(*offer.beta)) for _ in range(_N_BOOTSTRAP)]
    low, high = np.quantile(np.array(draws), [0.025, 0.975], axis=0)

    def single(figure: str, place: int, unit: str) -> Estimate:
        return Estimate(figure, float(found[place]), unit, y.size, float(low[place]), float(high[place]))

    return ProfitFit(
        single("empc", 0, currency),
        single("empc_share", 1, "share"),
        single("mpc", 2, currency),
        single("best_share", 3, "share"),
        pd.DataFrame({"share_contacted": _GRID, "profit": found[4:], "low": low[4:], "high": high[4:]}),
        y.size,
    )


def share_for_good(*, silent: float, still_there: float, back: float) -> float:
    """Return which share of those who are still there and will fall silent does not come back.

    Parameters
    ----------
    silent : float
        Mean probability (0-1) of falling silent.
    still_there : float
        Mean probability (0-1) of falling silent after having been there: without those who have left already.
    back : float
        Share (0-1) of the silent who came back later. Only those who were there can be among them.

    Returns
    -------
    float
        0 to 1.

    Examples
    --------
    >>> share_for_good(silent=0.6, still_there=0.3, back=0.2)
    0.6
    """
    return round(min(max(0.0, 1 - back * silent / still_there), 1.0), 12) if still_there > 0 else 0.0


def expected_gains(table: pd.DataFrame, *, offer: Offer, budget: float | None = None) -> pd.DataFrame:
    """Rank customers by what contacting each is expected to earn, and draw the line of the budget.

    Parameters
    ----------
    table : DataFrame
        *customer_id, p_lost* (0-1: still there, would leave, and can still be kept), *p_alive* (0-1: still there),
        *residual_clv* (margin, discounted, of a customer who is there and stays: lowered by neither chance, which
        would count twice); other columns stay. Of a contract *p_alive* is 1, and *p_lost* the chance that it ends.
    offer : Offer
        What is offered.
    budget : float, optional
        Money for contacts and offers; by default there is no limit.

    Returns
    -------
    DataFrame
        By falling gain, equal ones by customer: *rank*, *expected_gain* = p_lost x save rate x (residual CLV - offer)
        - (p_alive - p_lost) x offer - contact; *expected_cost* = contact + offer x (p_lost x save rate + p_alive -
        p_lost); *break_even_save_rate* (the save rate from which the contact earns; missing where none does);
        *cumulative_gain*, *cumulative_cost*; *is_worth_it* (gain above 0); *is_within_budget* (worth it, and what is
        spent so far is expected to stay within the budget).

    Raises
    ------
    ValueError
        If a probability or a CLV is missing, a probability is outside 0 to 1, or *p_lost* above *p_alive*.

    References
    ----------
    Óskarsdóttir, M., Baesens, B., Vanthienen, J. (2018). Profit-based model selection for customer retention using
    individual customer lifetime values. Big Data 6, 53-65.
    Lemmens, A., Gupta, S. (2020). Managing churn to maximize profits. Marketing Science 39, 956-973.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": ["a", "b", "c"], "p_lost": [0.5, 0.9, 0.5], "p_alive": 1.0})
    >>> people["residual_clv"] = [300.0, 20.0, 100.0]
    >>> listed = expected_gains(people, offer=Offer(offer_cost=10, contact_cost=1), budget=8)
    >>> listed[["customer_id", "expected_gain", "expected_cost", "is_within_budget"]].values.tolist()
    [['a', 37.5, 7.5, True], ['c', 7.5, 7.5, False], ['b', 0.7, 4.7, False]]
    """
    p, there, clv = (as_numbers(table[name]) for name in ("p_lost", "p_alive", "residual_clv"))
    if not (
        np.isfinite(p).all() and np.isfinite(clv).all() and ((p >= 0) & (p <= there) & (there <= 1)).all()
    ):
        raise ValueError("every customer needs p_lost, 0 to p_alive, p_alive, to 1, and residual_clv")
    d, f = offer.offer_cost, offer.contact_cost
    saved, spent = p * (clv - d), (there - p) * d + f
    even = np.divide(spent, saved, out=np.full(p.size, np.nan), where=saved > 0)
    listed = table.assign(
        # To the hundredth of a cent, as in the engine: what rounding leaves of equal gains must not rank them.
        expected_gain=_rounded(offer.save_rate * saved - spent),
        expected_cost=_rounded(f + d * (p * offer.save_rate + (there - p))),
        break_even_save_rate=np.where(even <= 1, even, np.nan),
    ).sort_values(["expected_gain", "customer_id"], ascending=[False, True], ignore_index=True)
    worth = listed["expected_gain"] > 0
    # What adding leaves beyond that must not move the line of the budget.
    cost = listed["expected_cost"].cumsum().round(4)
    return listed.assign(
        rank=np.arange(1, len(listed) + 1),
        cumulative_gain=listed["expected_gain"].cumsum(),
        cumulative_cost=cost,
        is_worth_it=worth,
        is_within_budget=worth & (cost <= (np.inf if budget is None else budget)),
    )


def list_gain(listed: pd.DataFrame, *, offer: Offer, currency: str) -> Estimate:
    """Return what a list of customers is expected to earn, with the interval of an uncertain save rate and of chance.

    Parameters
    ----------
    listed : DataFrame
        Customers to contact, with *p_lost*, *p_alive* and *residual_clv*.
    offer : Offer
        What is offered.
    currency : str
        ISO code of the money.

    Returns
    -------
    Estimate
        ``retention_gain``: a total. The distances to the limits of the save rate (2.5 and 97.5 % of its beta) and of
        chance, who leaves and who accepts, are added by their squares. Probabilities and CLV are taken as they are.

    Raises
    ------
    ValueError
        If the list is empty.

    Examples
    --------
    >>> people = pd.DataFrame({"p_lost": [0.5], "p_alive": [1.0], "residual_clv": [300.0]})
    >>> gain = list_gain(people, offer=Offer(offer_cost=10, contact_cost=1), currency="EUR")
    >>> gain.value, gain.n
    (37.5, 1)
    """
    if listed.empty:
        raise ValueError("the list is empty")
    p, there, clv = (as_numbers(listed[name]) for name in ("p_lost", "p_alive", "residual_clv"))
    d, rate = offer.offer_cost, offer.save_rate
    # Of one customer: clv - d with chance p x rate, -d with there - p, else nothing.
    mean, accepts = p * rate * (clv - d) - (there - p) * d, p * rate + there - p
    sums = {
        "n": len(listed),
        "risk": p.sum(),
        "saved": (p * (clv - d)).sum(),
        "gain": (mean - offer.contact_cost).sum(),
        "cost": (offer.contact_cost + d * accepts).sum(),
        "gain_variance": (p * rate * (clv - d) ** 2 + (there - p) * d**2 - mean**2).sum(),
        "cost_variance": (d**2 * accepts * (1 - accepts)).sum(),
    }
    return sums_of_list(pd.DataFrame([sums]), offer=offer, currency=currency)[0]


def sums_of_list(sums: pd.DataFrame, *, offer: Offer, currency: str) -> tuple[Estimate, Estimate]:
    """Return what a list earns and costs, from sums over its customers: a long list need not leave the engine.

    Parameters
    ----------
    sums : DataFrame
        One row, of sums over the list: *n*; *risk*, of p_lost; *saved*, of p_lost x (residual CLV - offer); *gain*
        and *cost*; *gain_variance* and *cost_variance*, by chance.
    offer : Offer
        What is offered.
    currency : str
        ISO code of the money.

    Returns
    -------
    tuple of Estimate
        ``retention_gain`` as from :func:`list_gain`, and ``retention_list_cost`` likewise; the latter not below 0.

    Raises
    ------
    ValueError
        If the list is empty.

    Examples
    --------
    >>> sums = pd.DataFrame([{"n": 1, "risk": 0.5, "saved": 145.0, "gain": 37.5, "cost": 7.5, "gain_variance": 9.0,
    ...     "cost_variance": 1.0}])
    >>> gain, cost = sums_of_list(sums, offer=Offer(offer_cost=10, contact_cost=1), currency="EUR")
    >>> gain.value, cost.value, round(cost.low, 2)
    (37.5, 7.5, 5.36)
    """
    one = sums.astype("float64").iloc[0]
    if not one["n"]:
        raise ValueError("the list is empty")
    from scipy.stats import beta  # here, because it makes every start slower

    # Gain and cost are straight lines in the save rate.
    moved = beta.ppf([0.025, 0.975], *offer.beta) - offer.save_rate

    def single(figure: str, name: str, slope: float) -> Estimate:
        value, chance = float(one[name]), Z * float(one[f"{name}_variance"]) ** 0.5
        below, above = sorted(float(end) * slope for end in moved)
        low, high = value - np.hypot(below, chance), value + np.hypot(above, chance)
        low = max(low, 0.0) if name == "cost" else low
        return Estimate(figure, value, currency, int(one["n"]), float(low), float(high))

    return (
        single("retention_gain", "gain", float(one["saved"])),
        single("retention_list_cost", "cost", offer.offer_cost * float(one["risk"])),
    )


def _rounded(amount: Floats) -> Floats:
    """Halves upwards, as in the engine."""
    found: Floats = np.floor(amount * 10_000 + 0.5) / 10_000
    return found


@dataclass(frozen=True, slots=True)
class _Gains:
    """Money per customer on the list, by what they would have done."""

    clv: float
    offer: Offer
    save_rate: float

    @property
    def of_leaver(self) -> float:
        return self.save_rate * (self.clv - self.offer.offer_cost) - self.offer.contact_cost

    @property
    def of_stayer(self) -> float:
        return -self.offer.offer_cost - self.offer.contact_cost


def _hull(left: Floats, all_: Floats) -> tuple[Floats, Floats]:
    """Share of customers and churn rate of each block of the ROC convex hull, by falling rate."""
    from scipy.optimize import isotonic_regression

    some = all_ > 0
    pooled = isotonic_regression(left[some] / all_[some], weights=all_[some], increasing=False)
    firsts = pooled.blocks[:-1].astype(np.int64)
    return np.add.reduceat(all_[some], firsts), pooled.x[firsts]


def _expected(share: Floats, rate: Floats, clv: float, offer: Offer) -> Floats:
    """EMPC and the expected share contacted: each block from the save rate upwards at which it earns."""
    from scipy.special import betainc

    a, b = offer.beta
    saved, spent = rate * (clv - offer.offer_cost), (1 - rate) * offer.offer_cost + offer.contact_cost
    turn = np.divide(spent, saved, out=np.ones(rate.size), where=saved > spent)
    contacted = 1 - betainc(a, b, turn)
    gain = saved * offer.save_rate * (1 - betainc(a + 1, b, turn)) - spent * contacted
    return np.array([(share * gain).sum(), (share * contacted).sum()])


def _best(share: Floats, rate: Floats, clv: float, offer: Offer, save_rate: float) -> Floats:
    """MPC and the share contacted that brings it."""
    gains = _Gains(clv, offer, save_rate)
    gain = rate * gains.of_leaver + (1 - rate) * gains.of_stayer
    return np.array([(share * np.maximum(gain, 0)).sum(), min(share[gain > 0].sum(), 1.0)])


def _curve(left: Floats, all_: Floats, gains: _Gains) -> Floats:
    """Profit by share contacted; equal scores in their proportion."""
    listed = np.concatenate([[0.0], np.cumsum(all_)])
    earned = np.concatenate([[0.0], np.cumsum(left * gains.of_leaver + (all_ - left) * gains.of_stayer)])
    return np.interp(_GRID, listed, earned)
