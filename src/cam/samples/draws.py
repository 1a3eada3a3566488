"""Random numbers that are the same in every release of NumPy.

NumPy promises the stream of `PCG64` and the uniforms made from it; it does not promise that `Generator.gamma`
or `Generator.poisson` will keep their stream (NEP 19). So everything here starts from uniforms, with
transforms of our own. Each table draws from a stream of its own: a change in one leaves the others as they
were.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PIECE = 40.0  # largest Poisson mean drawn by one inversion: exp(-40) is far from underflow


class Draws:
    """One independent stream of random numbers.

    Parameters
    ----------
    seed : int
        The seed of the whole client.
    stream : int
        Which of its independent streams.

    References
    ----------
    NumPy Enhancement Proposal 19, Random Number Generator Policy (2018).

    Examples
    --------
    >>> Draws(1, 0).uniform(3).round(3).tolist() == Draws(1, 0).uniform(3).round(3).tolist()
    True
    >>> bool(abs(Draws(1, 0).gamma(2.0, 20_000).mean() - 2) < 0.05)
    True
    """

    def __init__(self, seed: int, stream: int) -> None:
        sequence = np.random.SeedSequence(seed, spawn_key=(stream,))
        self._generator = np.random.Generator(np.random.PCG64(sequence))

    def uniform(self, n: int) -> Floats:
        """Uniforms in (0, 1]: the half step keeps 0 out, so that logarithms are finite."""
        uniforms: Floats = self._generator.random(n) + 2.0**-54
        return uniforms

    def happens(self, probability: ArrayLike, n: int) -> NDArray[np.bool_]:
        """Draw n independent events of the given probability (one for all, or one each)."""
        return self.uniform(n) < np.asarray(probability, dtype=float)

    def exponential(self, n: int) -> Floats:
        """Standard exponentials, by inversion."""
        return -np.log(self.uniform(n))

    def normal(self, n: int) -> Floats:
        """Standard normals, by the first half of Box and Muller (1958)."""
        radius: Floats = np.sqrt(-2 * np.log(self.uniform(n)))
        return radius * np.cos(2 * np.pi * self.uniform(n))

    def normals(self, correlation: Floats, n: int) -> Floats:
        """Rows of standard normals with the given correlation matrix."""
        width = len(correlation)
        root = np.linalg.cholesky(correlation)
        rows: Floats = np.matmul(self.normal(n * width).reshape(n, width), root.T)
        return rows

    def gamma(self, shape: float, n: int) -> Floats:
        """Gammas of rate 1, by Marsaglia and Tsang (2000), with their boost below shape 1."""
        if shape < 1:
            boost = self.uniform(n) ** (1 / shape)
            return boost * self.gamma(shape + 1, n)
        d = shape - 1 / 3
        c = 1 / np.sqrt(9 * d)
        result = np.empty(n)
        waiting = np.arange(n)
        while waiting.size:
            x = self.normal(waiting.size)
            v = (1 + c * x) ** 3
            u = self.uniform(waiting.size)
            positive = np.maximum(v, 1e-300)
            accepted = (v > 0) & (np.log(u) < 0.5 * x * x + d - d * v + d * np.log(positive))
            result[waiting[accepted]] = d * v[accepted]
            waiting = waiting[~accepted]
        return result

    def beta(self, a: float, b: float, n: int) -> Floats:
        """Betas, as a gamma's share in two."""
        first = self.gamma(a, n)
        return first / (first + self.gamma(b, n))

    def poisson(self, mean: ArrayLike) -> Ints:
        """One count for each mean. A large mean is a sum of small ones, each drawn by inversion."""
        means = np.asarray(mean, dtype=float)
        pieces = np.maximum(np.ceil(means / _PIECE).astype(np.int64), 1)
        counts = self._poisson_by_inversion(np.repeat(means / pieces, pieces))
        starts = np.cumsum(pieces) - pieces
        return np.add.reduceat(counts, starts).astype(np.int64) if means.size else counts

    def _poisson_by_inversion(self, means: Floats) -> Ints:
        u = self.uniform(means.size)
        counts = np.zeros(means.size, dtype=np.int64)
        probability = np.exp(-means)
        cumulated = probability.copy()
        going = np.flatnonzero(u > cumulated)
        k = 0
        # The second condition ends the walk where rounding keeps the sum just below a uniform next to 1.
        while going.size and k < 10 * _PIECE:
            k += 1
            counts[going] = k
            probability[going] *= means[going] / k
            cumulated[going] += probability[going]
            going = going[u[going] > cumulated[going]]
        return counts

    def pick(self, probabilities: ArrayLike, n: int) -> Ints:
        """Draw n positions with the given probabilities: one row for all, or one row each."""
        edges = np.cumsum(np.asarray(probabilities, dtype=float), axis=-1)
        scaled = self.uniform(n) * edges[..., -1]
        if edges.ndim == 1:
            return np.asarray(np.minimum(np.searchsorted(edges, scaled), edges.size - 1), dtype=np.int64)
        below = (scaled[:, None] > edges[:, :-1]).sum(axis=1)
        return np.asarray(below, dtype=np.int64)

    def index(self, size: int, n: int) -> Ints:
        """Draw n positions in 0..size-1, all equally likely."""
        return np.minimum((self.uniform(n) * size).astype(np.int64), size - 1)
