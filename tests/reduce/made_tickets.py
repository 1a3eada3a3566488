"""Tickets with every fault that dates can have."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

AS_OF = date(2025, 12, 31)
END = pd.Timestamp("2026-01-01")


def tickets(seed=1, n=400, people=90):
    """Tickets with hours; some of nobody, some open, some closed after the last day seen or before they were opened."""
    rng = np.random.default_rng(seed)
    opened = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 760 * 24 * 60, n), unit="min")
    # Days from a fraction of one to four hundred.
    closed = opened + pd.to_timedelta((400 * 24 * 60 * rng.random(n) ** 5 - 60).astype(int), unit="min")
    reply = opened + pd.to_timedelta(rng.integers(0, 3 * 24 * 60, n), unit="min")
    who = np.array([f"c{k:03}" for k in rng.integers(0, people, n)], dtype=object)
    who[rng.random(n) < 0.05] = None
    return pd.DataFrame(
        {
            "ticket_id": np.arange(n),
            "customer_id": who,
            "opened": opened,
            "first_reply": reply.where(rng.random(n) < 0.9),
            "closed": closed.where(rng.random(n) < 0.8),
            "category": rng.choice(
                np.array(["app", "bill", "ware", None], dtype=object), n, p=[0.5, 0.3, 0.1, 0.1]
            ),
            "status": rng.choice(np.array(["Open", "CLOSED", " in_progress ", "odd", None], dtype=object), n),
        }
    )
