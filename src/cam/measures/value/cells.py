"""Customers who look the same to a model are one cell with a count: a fit costs by cells, not by customers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.measures.value.newton import Floats

Ints = NDArray[np.int64]
#: Parameters (each a number, or an array with one entry per row) -> one row's log-likelihood, its gradient
#: (k arrays) and the upper triangle of its Hessian (k (k + 1) / 2 arrays, or a plain 0.0), by the logarithms.
Terms = tuple[Floats, Sequence[Any], Sequence[Any]]
#: Rows at a time, so that all that a row needs stays in the processor's cache.
_BLOCK = 16_384


@dataclass(frozen=True, slots=True)
class Part:
    """One sum of a log-likelihood: what one row of it adds, and which of the table's rows it stands for.

    Attributes
    ----------
    terms : callable
        Parameters -> :data:`Terms` of the rows, n.
    rows : array of int or None
        The table's rows that it speaks of; None: all.
    place : array of int or None
        Which of the n rows each of these belongs to; None: each is one of its own.
    covariates : array, n x q, or None
        Of the n rows.
    """

    terms: Callable[..., Terms]
    rows: Ints | None = None
    place: Ints | None = None
    covariates: Floats | None = None

    def weights(self, counts: Floats) -> Floats:
        """Return the customers behind each of the n rows, given those behind the table's rows."""
        kept = counts if self.rows is None else counts[self.rows]
        return kept if self.place is None else np.bincount(self.place, kept)


class LogLikelihood:
    """The parts of a log-likelihood, added up to one function of theta with gradient and Hessian.

    Theta holds the logarithms of the parameters, then, for each parameter that covariates move, its
    coefficients: log parameter of a row = log parameter + covariates of the row @ coefficients.

    Parameters
    ----------
    parts : sequence of Part
        What is added up.
    counts : array
        Customers behind each of the table's rows.
    n_parameters : int
        k.
    moved : sequence of int
        Places of the parameters that covariates move.

    Examples
    --------
    >>> def poisson(rate):  # of a count of 2 in each row
    ...     return 2 * np.log(rate) - rate + np.zeros(1), [2 - rate], [-rate]
    >>> value, gradient, hessian = LogLikelihood([Part(poisson)], np.array([3.0]), n_parameters=1)(np.zeros(1))
    >>> value, gradient.tolist(), hessian.tolist()
    (-3.0, [3.0], [[-3.0]])
    """

    def __init__(
        self, parts: Sequence[Part], counts: Floats, *, n_parameters: int, moved: Sequence[int] = ()
    ) -> None:
        self._parts, self._k, self._moved = tuple(parts), n_parameters, tuple(moved)
        self._weights = [part.weights(counts) for part in parts]
        self._q = max((part.covariates.shape[1] for part in parts if part.covariates is not None), default=0)
        self._known: tuple[bytes, list[Terms]] | None = None

    def __call__(self, theta: Floats) -> tuple[float, Floats, Floats]:
        """Return log-likelihood, gradient and Hessian at theta."""
        k, q = self._k, self._q
        begins = {place: k + order * q for order, place in enumerate(self._moved)}
        size = k + len(self._moved) * q
        value, gradient, hessian = 0.0, np.zeros(size), np.zeros((size, size))
        known = self._known[1] if self._known and self._known[0] == theta.tobytes() else None
        for number, part in enumerate(self._parts):
            w, z = self._weights[number], part.covariates
            rows, first, second = known[number] if known else self._terms(part, theta, begins)
            total = float(w.sum())
            value += dot(w, rows)
            for one in range(k):
                slope = first[one]
                gradient[one] += slope * total if isinstance(slope, float) else dot(w, slope)
                if z is not None and one in begins:
                    gradient[begins[one] : begins[one] + q] += np.einsum("i,ij->j", w * slope, z)
            places = ((one, other) for one in range(k) for other in range(one, k))
            for (one, other), bend in zip(places, second, strict=True):
                if isinstance(bend, float) and bend == 0.0:
                    continue
                hessian[one, other] += bend * total if isinstance(bend, float) else dot(w, bend)
                if z is not None:
                    self._bend_coefficients(hessian, (one, other), w * bend, z, begins)
        return value, gradient, np.triu(hessian) + np.triu(hessian, 1).T

    def reweighted(self, counts: Floats) -> LogLikelihood:
        """Return the same log-likelihood of other customers: those of a resample, say.

        What was kept by :meth:`keep` is shared, as it does not depend on the counts.
        """
        other = object.__new__(LogLikelihood)
        other._parts, other._k, other._moved, other._q = self._parts, self._k, self._moved, self._q
        other._weights = [part.weights(counts) for part in self._parts]
        other._known = self._known
        return other

    def keep(self, theta: Floats) -> None:
        """Keep each row's terms at theta, where every resample begins: its first step then costs next to nothing."""
        begins = {place: self._k + order * self._q for order, place in enumerate(self._moved)}
        self._known = (theta.tobytes(), [self._terms(part, theta, begins) for part in self._parts])

    def _terms(self, part: Part, theta: Floats, begins: dict[int, int]) -> Terms:
        logs: list[Any] = [float(number) for number in theta[: self._k]]
        if part.covariates is not None:
            for place, begin in begins.items():
                logs[place] = logs[place] + np.einsum(
                    "ij,j->i", part.covariates, theta[begin : begin + self._q]
                )
        return part.terms(*(np.exp(log) for log in logs))

    def _bend_coefficients(
        self, hessian: Floats, pair: tuple[int, int], bend: Floats, z: Floats, begins: dict[int, int]
    ) -> None:
        """Into the upper triangle; coefficients come after parameters."""
        one, other = pair
        along = np.einsum("i,ij->j", bend, z)
        spans = {place: slice(begins[place], begins[place] + self._q) for place in pair if place in begins}
        if one in spans:
            hessian[other, spans[one]] += along
        if other in spans and one != other:
            hessian[one, spans[other]] += along
        if one in spans and other in spans:
            hessian[spans[one], spans[other]] += np.einsum("i,ij,ik->jk", bend, z, z)


def dot(one: Floats, other: Floats) -> float:
    """Add up products without BLAS, whose sums depend on the number of its threads.

    Parameters
    ----------
    one, other : array, n
        Of the same length.

    Returns
    -------
    float

    Examples
    --------
    >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    11.0
    """
    return float(np.einsum("i,i->", one, other))


def counts_of(table: pd.DataFrame) -> Floats:
    """Return how many customers each row stands for: ``n_customers``, else one.

    Parameters
    ----------
    table : DataFrame
        Cells or customers.

    Returns
    -------
    array of float

    Examples
    --------
    >>> counts_of(pd.DataFrame({"frequency": [0, 2]})).tolist()
    [1.0, 1.0]
    """
    if "n_customers" in table.columns:
        return table["n_customers"].to_numpy(float)
    return np.ones(len(table))


def distinct(*columns: Floats) -> tuple[tuple[Floats, ...], Ints]:
    """Return the distinct rows of some columns, in no order, and which of them each row is.

    Parameters
    ----------
    *columns : array, n
        Of the same length.

    Returns
    -------
    tuple of arrays, m
        One per column.
    array of int, n
        Place of each row among the distinct ones.

    Examples
    --------
    >>> (x, t), place = distinct(np.array([1.0, 0.0, 1.0]), np.array([2.0, 2.0, 2.0]))
    >>> x.tolist(), t.tolist(), place.tolist()
    ([0.0, 1.0], [2.0, 2.0], [1, 0, 1])
    """
    codes, n_codes = _numbered(columns[0])
    for column in columns[1:]:
        others, n_others = _numbered(column)
        codes, n_codes = _dense(codes * n_others + others, n_codes * n_others)
    # Of rows that are the same, any stands for all.
    example = np.empty(n_codes, dtype=np.int64)
    example[codes] = np.arange(codes.size)
    return tuple(column[example] for column in columns), codes


def _numbered(column: Floats) -> tuple[Ints, int]:
    """Number the distinct values of a column."""
    with np.errstate(invalid="ignore"):
        whole = column.astype(np.int64)
    if whole.size and whole.min() >= 0 and whole.max() < whole.size and (whole == column).all():
        return _dense(whole, int(whole.max()) + 1)
    codes, values = pd.factorize(column, use_na_sentinel=False)  # what is missing is a value too
    return codes.astype(np.int64, copy=False), len(values)


def _dense(codes: Ints, n_codes: int) -> tuple[Ints, int]:
    """Renumber codes below n_codes without gaps; by a table of them all, unless that were far too long."""
    if n_codes > 8 * codes.size + 1024:
        codes, values = pd.factorize(codes)
        return codes.astype(np.int64, copy=False), len(values)
    seen = np.zeros(n_codes, dtype=bool)
    seen[codes] = True
    places = np.cumsum(seen)
    return places[codes] - 1, int(places[-1]) if n_codes else 0


def blocks(rows: Ints) -> list[Ints]:
    """Cut rows into blocks, of which each is a :class:`Part`: it is worked out within the processor's cache.

    Parameters
    ----------
    rows : array of int
        Places.

    Returns
    -------
    list of array
        None where there are no rows.

    Examples
    --------
    >>> [block.size for block in blocks(np.arange(20_000))]
    [16384, 3616]
    """
    return [rows[begin : begin + _BLOCK] for begin in range(0, rows.size, _BLOCK)]


def history(table: pd.DataFrame) -> tuple[Floats, Floats, Floats, Floats]:
    """Return frequency, recency, T and the number of customers of each row, checked.

    Parameters
    ----------
    table : DataFrame
        Cells or customers: ``frequency``, ``recency``, ``T`` [``n_customers``].

    Returns
    -------
    tuple of arrays, n

    Raises
    ------
    ValueError
        If there are no rows, or a row is not a history; the first such row is named.

    Examples
    --------
    >>> history(pd.DataFrame({"frequency": [1], "recency": [40.0], "T": [30.0]}))
    Traceback (most recent call last):
        ...
    ValueError: row 0 is no history: frequency 1.0, recency 40.0, T 30.0; 0 <= recency <= T is needed, ...
    """
    if not len(table):
        raise ValueError("there are no customers")
    x, t, T = (table[name].to_numpy(float) for name in ("frequency", "recency", "T"))
    w = counts_of(table)
    sound = (
        (x >= 0)
        & (x == np.floor(x))
        & (t >= 0)
        & (t <= T)
        & ((x == 0) == (t == 0))
        & np.isfinite(T)
        & (w >= 0)
    )
    if not sound.all():
        row = int(np.argmin(sound))
        raise ValueError(
            f"row {row} is no history: frequency {x[row]}, recency {t[row]}, T {T[row]}; 0 <= recency <= T is needed, "
            "whole frequencies, and a recency above 0 where, and only where, there is a repeat purchase"
        )
    return x, t, T, w


def polygammas(values: Floats) -> tuple[Floats, Floats]:
    """Return digamma and trigamma: the first two derivatives of ln Gamma.

    Parameters
    ----------
    values : array
        Above 0.

    Returns
    -------
    tuple of arrays

    Examples
    --------
    >>> [round(float(value), 4) for value in polygammas(np.float64(1.0))]
    [-0.5772, 1.6449]
    """
    from scipy.special import psi, zeta  # here, because it makes every start slower

    return psi(values), zeta(2.0, values)
