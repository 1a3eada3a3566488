"""Who was at risk when somebody left: the partial likelihood of Cox's model, its derivatives and what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cam.measures.lifecycle.spans import Bools, Floats, Ints

#: Share of a covariate's information that those before it do not hold, below which it tells nothing.
_NOTHING = 1e-8
#: A covariate that varies by less, beside its size, among those at risk together does not vary.
_FLAT = 1e-12
#: Information on a direction from which it has no end: in events that are told by the whole range of the covariates,
#: and beside the information where all coefficients are 0. Where Newton stops the first is near 1e-9.
_ENDLESS, _FADED = 1e-6, 1e-5
#: Log-likelihood that may be left before the last step, which squares it.
_REST = 1e-9


class NoFiniteFitError(ValueError):
    """Covariates that a model cannot have: constant, told by others, or without a finite coefficient.

    Attributes
    ----------
    covariates : tuple of str
        Those to leave out, to merge with others, or to make strata of.
    """

    def __init__(self, text: str, covariates: tuple[str, ...]) -> None:
        super().__init__(text)
        self.covariates = covariates


@dataclass(frozen=True, slots=True)
class Ends:
    """What a model says about each time at which anybody left, t of them.

    Attributes
    ----------
    hazard, cumulative : array, t
        Breslow's, of covariates 0; the sum begins anew in each stratum.
    risk_means : array, t x p
        Covariates of those at risk, weighted by their hazards.
    residuals : array, t x p
        Covariates of those who left then less Efron's expectation, summed.
    """

    hazard: Floats
    cumulative: Floats
    risk_means: Floats
    residuals: Floats


@dataclass(frozen=True, slots=True)
class RiskSets:
    """Cells in order of their strata, and the times at which anybody left in each.

    Attributes
    ----------
    x : array, n x p
        Covariates.
    count : array, n
        Customers of each cell.
    first, last : array of int, n
        Each cell is at risk at the times with first <= place < last.
    at : array of int, m
        Cells whose customers left.
    place : array of int, m
        At which time.
    times, n_events, n_at_risk : array, t
        Of each stratum in turn.
    stratum_of_time : array of int, t
        Its number.
    strata : array of int
        Numbers of the strata in which anybody left.
    ranges : array, p
        Of the covariates of those ever at risk.
    """

    x: Floats
    count: Floats
    first: Ints
    last: Ints
    at: Ints
    place: Ints
    times: Floats
    n_events: Floats
    n_at_risk: Floats
    stratum_of_time: Ints
    strata: Ints
    ranges: Floats

    @classmethod
    def of(
        cls, entry: Floats, duration: Floats, event: Bools, count: Floats, stratum: Ints, x: Floats
    ) -> RiskSets:
        """Put cells beside the times at which anybody left; cells that were never at risk then are left out."""
        event = event & (count > 0)
        order = np.argsort(stratum, kind="stable")
        order = order[np.isin(stratum[order], stratum[event])]
        strata, starts = np.unique(stratum[order], return_index=True)
        first, last = np.zeros(len(count), np.int64), np.zeros(len(count), np.int64)
        times: list[Floats] = []
        begin = 0
        for own in np.split(order, starts[1:]):
            ends = np.unique(duration[own][event[own]])
            first[own] = begin + np.searchsorted(ends, entry[own], side="right")
            last[own] = begin + np.searchsorted(ends, duration[own], side="right")
            begin += len(ends)
            times.append(ends)
        used = (first < last) & (count > 0)
        first, last, event, x, count = first[used], last[used], event[used], x[used], count[used]
        at = np.flatnonzero(event)
        place = last[at] - 1
        n_events = np.bincount(place, count[at], begin)
        due = np.bincount(first, count, begin + 1) - np.bincount(last, count, begin + 1)
        return cls(
            x,
            count,
            first,
            last,
            at,
            place,
            np.concatenate(times),
            n_events,
            np.cumsum(due)[:-1],
            np.repeat(strata, [len(ends) for ends in times]),
            strata,
            np.maximum(x.max(axis=0) - x.min(axis=0), 1e-300),
        )

    def derivatives(self, beta: Floats) -> tuple[float, Floats, Floats]:
        """Return the partial log-likelihood, its gradient and minus its Hessian.

        With R the hazards of those at risk, D those of the d who left together, S and s these weighted by
        covariates, Efron's term of each of l = 0 … d - 1 is R - l/d D. All the sums over l are sums of numbers, so
        those over covariates need one pass.
        """
        eta, hazard, _ = self._hazards(beta)
        risk, ties, risk_x, ties_x = self._sums(hazard)
        one, tied, squares, crossed, tied_squares, logs = self._efron(risk, ties)
        value = float((self.count[self.at] * eta[self.at]).sum()) - logs
        # Each cell meets the terms of the times at which it was at risk; those who left, part of their own.
        met = hazard * _between(one, self.first, self.last)
        met[self.at] -= hazard[self.at] * tied[self.place]
        gradient = np.einsum("i,ij->j", self.count[self.at], self.x[self.at]) - np.einsum(
            "i,ij->j", met, self.x
        )
        information = np.einsum("ij,ik->jk", met[:, None] * self.x, self.x)
        risk_x, ties_x = risk_x / risk[:, None], ties_x / risk[:, None]
        mixed = np.einsum("tj,tk->jk", crossed[:, None] * risk_x, ties_x)
        information -= np.einsum("tj,tk->jk", squares[:, None] * risk_x, risk_x) - mixed - mixed.T
        information -= np.einsum("tj,tk->jk", tied_squares[:, None] * ties_x, ties_x)
        return value, gradient, (information + information.T) / 2

    def summary(self, beta: Floats) -> Ends:
        """Return baseline hazard and residuals at the coefficients."""
        _, hazard, shift = self._hazards(beta)
        risk, ties, risk_x, ties_x = self._sums(hazard)
        one, tied, *_ = self._efron(risk, ties)
        steps = self.n_events / risk * np.exp(-shift)
        cumulative = np.cumsum(steps)
        begins = np.searchsorted(self.stratum_of_time, self.stratum_of_time)
        cumulative -= cumulative[begins] - steps[begins]
        seen = _by_place(self.place, self.count[self.at][:, None] * self.x[self.at], len(self.times))
        expected = one[:, None] * risk_x - tied[:, None] * ties_x
        return Ends(steps, cumulative, risk_x / risk[:, None], seen - expected)

    def _hazards(self, beta: Floats) -> tuple[Floats, Floats, float]:
        """Return logarithms of hazards, less the largest, so that none is too large; hazards of cells; the largest."""
        eta = np.einsum("ij,j->i", self.x, beta)
        shift = float(eta.max())
        return eta - shift, self.count * np.exp(eta - shift), shift

    def _sums(self, hazard: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Sum hazards, alone and times covariates, over those at risk and those who left at each time."""
        weighted = np.column_stack([hazard, hazard[:, None] * self.x])
        n = len(self.times)
        # From the last time backwards: few are at risk there, and nothing is lost beside the many.
        risk = np.zeros((n, weighted.shape[1]))
        bounds = np.append(np.searchsorted(self.stratum_of_time, self.strata), n)
        risk += _by_place(self.last - 1, weighted, n)
        late = self.first - 1
        inside = (self.first > 0) & (
            self.stratum_of_time[np.maximum(late, 0)] == self.stratum_of_time[self.last - 1]
        )
        if inside.any():
            risk -= _by_place(late[inside], weighted[inside], n)
        for begin, end in pairwise(bounds):
            risk[begin:end] = np.cumsum(risk[begin:end][::-1], axis=0)[::-1]
        ties = _by_place(self.place, weighted[self.at], n)
        return risk[:, 0], ties[:, 0], risk[:, 1:], ties[:, 1:]

    def _efron(self, risk: Floats, ties: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats, float]:
        """Sum over l, with u = l/d and v = 1/(R - u D): v, u v, R²v², R²u v², R²u²v²; and all logarithms of R - u D.

        Beside R the squares are numbers of common size, also where the hazards of cells are hundreds of powers apart.
        """
        d = self.n_events.astype(np.int64)
        ends = np.cumsum(d)
        begins = ends - d
        u = (np.arange(ends[-1]) - np.repeat(begins, d)) / np.repeat(self.n_events, d)
        left = 1 - u * np.repeat(ties / risk, d)
        v = 1 / left
        uv = u * v
        one, tied, *rest = (np.add.reduceat(term, begins) for term in (v, uv, v * v, uv * v, uv * uv))
        logs = float(np.log(left).sum() + (self.n_events * np.log(risk)).sum())
        return one / risk, tied / risk, rest[0], rest[1], rest[2], logs


def _by_place(place: Ints, rows: Floats, n: int) -> Floats:
    return np.column_stack([np.bincount(place, rows[:, column], n) for column in range(rows.shape[1])])


def _between(values: Floats, first: Ints, last: Ints) -> Floats:
    """Sum the values from first up to, not including, last."""
    sums = np.append(0.0, np.cumsum(values))
    found: Floats = sums[last] - sums[first]
    return found


def climb(sets: RiskSets, names: tuple[str, ...]) -> tuple[Floats, float, Floats, float, int]:
    """Climb to the highest partial likelihood by Newton's method: it is concave, so there is one top or none.

    Parameters
    ----------
    sets : RiskSets
        Of covariates in units of like size.
    names : tuple of str
        Of the covariates.

    Returns
    -------
    tuple
        Coefficients, log-likelihood and information there, log-likelihood where all are 0, number of evaluations.

    Raises
    ------
    NoFiniteFitError
        If a covariate tells nothing, or the top lies at infinity.

    Examples
    --------
    >>> sets = RiskSets.of(np.full(4, -1.0), np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4, bool), np.ones(4),
    ...     np.zeros(4, int), np.array([[1.0], [0.0], [1.0], [0.0]]))
    >>> beta, *_ = climb(sets, ("x",))
    >>> round(float(beta[0]), 4)
    0.9406
    """
    beta = np.zeros(len(names))
    value, gradient, information = sets.derivatives(beta)
    null, at_null, n_evaluations = value, information, 1
    _refuse_redundant(sets, names, information)
    is_done = False
    for _ in range(100):
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            break
        is_done = float((gradient * step).sum()) / 2 < _REST
        while np.abs(step).max() > 1e-12:
            with np.errstate(all="ignore"):  # a step may lead too far; then a shorter one is tried
                tried = sets.derivatives(beta + step)
            n_evaluations += 1
            if np.isfinite(tried[2]).all() and tried[0] >= value - 1e-11 * abs(value):
                beta, (value, gradient, information) = beta + step, tried
                break
            step = step / 2
        else:
            break
        if is_done:
            break
    _refuse_endless(sets, names, (at_null, information), is_done=is_done)
    return beta, value, information, null, n_evaluations


def _refuse_endless(
    sets: RiskSets, names: tuple[str, ...], informations: tuple[Floats, Floats], *, is_done: bool
) -> None:
    """Notice a direction in which the likelihood rises for ever: the information on it has faded away."""
    at_null, information = informations
    root = np.linalg.inv(np.linalg.cholesky(at_null))
    values, axes = np.linalg.eigh(root @ information @ root.T)
    along = np.abs(root.T @ axes[:, 0]) * sets.ranges
    if is_done and (values[0] > _FADED or values[0] > _ENDLESS * along.sum() ** 2):
        return
    told = tuple(name for name, size in zip(names, along, strict=True) if size > 0.1 * along.max())
    raise NoFiniteFitError(
        f"no finite coefficient for {_listed(told)}: the order in which customers left sets no limit, as where nobody "
        "of a group has left. Leave it out, merge the group with another, or make it a stratum.",
        told,
    )


def _refuse_redundant(sets: RiskSets, names: tuple[str, ...], information: Floats) -> None:
    """Notice covariates that are constant among customers at risk together, or told by those before them."""
    size = np.diag(information)
    least = _FLAT * sets.n_events.sum() * np.maximum(sets.ranges, np.abs(sets.x).max(axis=0)) ** 2
    flat = tuple(name for name, one, low in zip(names, size, least, strict=True) if one <= low)
    if flat:
        raise NoFiniteFitError(
            f"{_listed(flat)} does not vary among customers who were at risk together: leave it out", flat
        )
    scaled = information / np.sqrt(np.outer(size, size))
    for place in range(1, len(names)):
        before, across = scaled[:place, :place], scaled[:place, place]
        weights = np.linalg.solve(before, across)
        if 1 - float((weights * across).sum()) < _NOTHING:
            others = [name for name, one in zip(names, weights, strict=False) if abs(one) > 1e-6]
            raise NoFiniteFitError(
                f"{names[place]!r} says nothing that {_listed(others)} does not say already: leave one of them out",
                (names[place],),
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
