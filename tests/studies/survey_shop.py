"""A shop whose customers answered a survey: what they think shows in what they buy after, or does not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cam.estimate import CannotSay
from cam.studies.valued import Ahead

AS_OF = pd.Timestamp("2026-06-30")
_UNSAID = CannotSay("Not fitted here.")


def ahead(setting="non_contractual", each=_UNSAID) -> Ahead:
    """What study 03 says, without its fits."""
    return Ahead(setting, _UNSAID, _UNSAID, _UNSAID, _UNSAID, _UNSAID, None, None, each)


def orders(n=400, *, lead=0.0, seed=3) -> pd.DataFrame:
    """Orders of n customers before 1 October 2025, and after it: those of even number buy by *lead* more often."""
    rng = np.random.default_rng(seed)
    rows = []
    for who in range(n):
        early = rng.integers(0, 300, 1 + rng.poisson(3))
        late = 310 + rng.integers(0, 170, rng.poisson(1.2 * (1 + lead * (who % 2 == 0))))
        rows += [(f"c{who:03}", day) for day in (*early, *late)]
    frame = pd.DataFrame(rows, columns=["customer_id", "day"])
    frame["order_date"] = pd.Timestamp("2024-11-25") + pd.to_timedelta(frame.pop("day"), unit="D")
    revenue = np.round(rng.lognormal(3, 0.5, len(frame)), 2)
    return frame.assign(revenue=revenue, cost=(revenue * 0.6).round(2))


def answers(n=400, *, day="2025-10-01", scores=(10, 3)) -> pd.DataFrame:
    """One answer of each customer: those of even number give the first score."""
    return pd.DataFrame(
        {
            "customer_id": [f"c{who:03}" for who in range(n)],
            "response_date": day,
            "nps": [scores[who % 2] for who in range(n)],
            "comment": [f"Call me on 138 0013 8{who:03}, slow delivery" for who in range(n)],
        }
    )
