"""Simulated customers whose parameters are known: the models' own stories, told in continuous time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Parameters by model, and from when to when customers are seen: a shop like CDNOW, where most buy once, and one
#: where people buy about weekly and mostly stay.
CDNOW = {
    "bg_nbd": (0.243, 4.414, 0.793, 2.426),
    "mbg_nbd": (0.525, 6.183, 0.891, 1.614),
    "pareto_nbd": (0.553, 10.578, 0.606, 11.668),
    "nbd": (0.385, 12.072),
    "gamma_gamma": (6.25, 3.74, 15.44),
    "weeks": (27.0, 39.0),
}
COFFEE = {
    "bg_nbd": (1.5, 2.5, 0.8, 7.0),
    "mbg_nbd": (1.5, 2.5, 0.8, 7.0),
    "pareto_nbd": (1.5, 2.5, 1.2, 30.0),
    "nbd": (1.5, 2.5),
    "gamma_gamma": (4.0, 6.0, 10.0),
    "weeks": (10.0, 60.0),
}


def customers(model: str, shop: dict, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw n customers of a shop under a model: what is seen of them, who is alive, what comes in the next 39 weeks.

    They came on one of 13 days, so that those who never came back fall into few cells.
    """
    T = rng.choice(np.linspace(*shop["weeks"], 13), n)
    if model == "gamma_gamma":
        x = customers("bg_nbd", shop, n, rng)["frequency"].to_numpy()
        return gamma_gamma(shop[model], x[x > 0], rng)
    if model in ("bg_nbd", "mbg_nbd"):
        return beta_geometric(shop[model], T, rng, first_can_be_last=model == "mbg_nbd")
    return poisson_until(shop[model], T, rng)


def beta_geometric(
    parameters: tuple[float, ...], T: Floats, rng: np.random.Generator, *, first_can_be_last: bool
) -> pd.DataFrame:
    """Purchases come at a gamma rate; after each (the first too, if so) a customer is gone with a beta chance."""
    r, alpha, a, b = parameters
    rate = rng.gamma(r, size=T.size) / alpha
    last = rng.geometric(np.maximum(rng.beta(a, b, T.size), 1e-12)) - first_can_be_last
    tried = rng.poisson(rate * T)
    x = np.minimum(tried, last)
    t = T * rng.beta(np.maximum(x, 1), tried - x + 1)  # of so many points spread evenly over T, the x-th
    later = np.minimum(rng.poisson(rate * 39), last - x)
    return history(x, t, T, alive=tried < last, later=later)


def poisson_until(parameters: tuple[float, ...], T: Floats, rng: np.random.Generator) -> pd.DataFrame:
    """Purchases come at a gamma rate; until an exponential moment of gamma hazard, where there are four parameters."""
    r, alpha, *leaving = parameters
    rate = rng.gamma(r, size=T.size) / alpha
    life = np.full(T.size, np.inf)
    if leaving:
        s, beta = leaving
        life = rng.exponential(size=T.size) / np.maximum(rng.gamma(s, size=T.size) / beta, 1e-300)
    active = np.minimum(life, T)
    x = rng.poisson(rate * active)
    later = rng.poisson(rate * np.clip(life - T, 0, 39))
    return history(x, active * rng.beta(np.maximum(x, 1), 1.0), T, alive=life > T, later=later)


def gamma_gamma(parameters: tuple[float, ...], x: Floats, rng: np.random.Generator) -> pd.DataFrame:
    """Mean spend over x purchases; each is gamma, with a gamma rate over customers."""
    p, q, gamma = parameters
    nu = rng.gamma(q, size=x.size) / gamma
    return pd.DataFrame({"frequency": x, "monetary_value": rng.gamma(p * x) / (nu * x), "mean": p / nu})


def history(x: Floats, t: Floats, T: Floats, *, alive: Floats, later: Floats) -> pd.DataFrame:
    seen = {"frequency": x.astype(float), "recency": np.where(x > 0, t, 0.0), "T": T}
    return pd.DataFrame({**seen, "alive": alive, "later": later})


def as_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Count customers who look the same."""
    seen = [name for name in ("frequency", "recency", "T", "monetary_value") if name in table.columns]
    return table.groupby(seen).size().rename("n_customers").reset_index()
