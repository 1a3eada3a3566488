"""Customers with a known risk: what the tests of this folder are made on."""

from __future__ import annotations

import numpy as np
import pandas as pd


def scored(n: int, *, seed: int, slope: float = 1.0, shift: float = 0.0) -> pd.DataFrame:
    """Scores whose true log-odds are slope x predicted + shift."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 1.2, n)
    truth = 1 / (1 + np.exp(-(slope * z + shift)))
    return pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "p_churn": 1 / (1 + np.exp(-z)),
            "churned": (rng.random(n) < truth).astype(int),
        }
    )


def people(n: int, *, seed: int) -> pd.DataFrame:
    """Features of all kinds: days, plan, a yes or no with blanks, spend with blanks that mean something, and noise."""
    rng = np.random.default_rng(seed)
    days, spend = rng.gamma(2, 30, n), rng.lognormal(3, 1, n)
    plan, noise = rng.choice(["basic", "plus", "pro"], n, p=[0.5, 0.3, 0.2]), rng.normal(size=n)
    app, blank = rng.random(n) < 0.4, rng.random(n) < 0.15
    log_odds = -2 + 0.025 * days + 1.0 * (plan == "basic") - 0.8 * app + 0.9 * blank
    truth = 1 / (1 + np.exp(-log_odds))
    return pd.DataFrame(
        {
            "customer_id": [f"c{one:06d}" for one in range(n)],
            "churned": (rng.random(n) < truth).astype(int),
            "days": days,
            "plan": plan,
            "app": pd.Series(app, dtype=object).where(rng.random(n) > 0.05, None),
            "spend": np.where(blank, np.nan, spend),
            "noise": noise,
            "truth": truth,
        }
    )
