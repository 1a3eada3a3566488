"""A small client with every table, and with what engines differ about: accents, blanks, gaps, ties, refunds, hours."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from cam.data import Prepared, prepare
from cam.params import params_from_sections

AS_OF = date(2026, 6, 30)
N = 240
_CITIES = ["Zoo", "apple", "Ärger", "banana", "Banana", "北京", "上海", " x ", "N/A", "_under", "-"]


def frames(seed: int = 11) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    ids = np.array([f"{'cC_é'[n % 4]}{n:03}" for n in range(N)])
    first = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, N), unit="D")
    return {
        "transactions": _orders(rng, ids, first),
        "customers": _people(rng, ids, first),
        "contracts": _contracts(rng, ids),
        "snapshot": pd.DataFrame(
            {
                "customer_id": ids,
                "churned": rng.random(N) < 0.3,
                "tenure_months": rng.integers(0, 60, N) + rng.choice([0.0, 0.5], N),
            }
        ),
        "spend": _spend(rng),
        "leads": _leads(rng, ids),
        "responses": _responses(rng, ids),
        "tickets": _tickets(rng, ids),
    }


def prepared(folder: Path) -> Prepared:
    """The client's tables by the way that files take."""
    data = {}
    for name, frame in frames().items():
        frame.to_csv(folder / f"{name}.csv", index=False)
        data[name] = {"path": f"{name}.csv"}
    given = {"client": {"id": "small", "currency": "EUR", "as_of": AS_OF.isoformat()}, "data": data}
    params = params_from_sections(given)
    return prepare(params, root=folder, cache=folder / "cache", place="params/small.yaml")


def _orders(rng: np.random.Generator, ids: np.ndarray, first: pd.DatetimeIndex) -> pd.DataFrame:
    rows = []
    number = 0
    for who, begin in zip(ids[:-20], first[:-20], strict=True):  # the last have never bought
        for gap in [0, *np.cumsum(rng.geometric(1 / 60, rng.integers(0, 9)))]:
            moment = begin + pd.Timedelta(days=int(gap), seconds=int(rng.choice([0, 34_200, 86_399])))
            if moment > pd.Timestamp(AS_OF) + pd.Timedelta(days=2):
                break
            number += 1
            lines = int(rng.integers(1, 4))
            for _ in range(lines):
                paid = round(float(rng.gamma(2, 20)), 2)
                rows.append((who, moment, paid, f"o{number}" if number % 5 else None))
            if number % 9 == 0:
                back = moment + pd.Timedelta(days=int(rng.integers(1, 40)))
                rows.append((who, back, -rows[-1][2], f"o{number}" if number % 5 and number % 2 else None))
    log = pd.DataFrame(rows, columns=["customer_id", "order_date", "revenue", "order_id"])
    n = len(log)
    log["cost"] = np.where(
        rng.random(n) < 0.9, (log["revenue"] * rng.choice([0.5, 0.61], n)).round(2), np.nan
    )
    log["discount"] = np.where(
        rng.random(n) < 0.8, (log["revenue"].abs() * rng.choice([0, 0, 0.1, 0.25], n)).round(2), np.nan
    )
    log["channel"] = rng.choice(["web", "App", "shop", "Éclair", None], n, p=[0.4, 0.2, 0.2, 0.1, 0.1])
    log["category"] = rng.choice(["tea", "Tee", "gifts", "书", None], n)
    log["product"] = rng.choice(["p1", "p2", "p3"], n)
    log["quantity"] = rng.integers(1, 4, n)
    return log


def _people(rng: np.random.Generator, ids: np.ndarray, first: pd.DatetimeIndex) -> pd.DataFrame:
    def answers() -> list[str | None]:
        return rng.choice(["1", "2", "3", " 4 ", "5.5", "dk", None], len(ids)).tolist()

    known = rng.random(len(ids)) < 0.9
    return pd.DataFrame(
        {
            "customer_id": ids,
            "acquired_date": first.where(known),
            "acquisition_channel": rng.choice(["search", "Search", "friend", "äußerst", None], len(ids)),
            "wallet": np.where(rng.random(len(ids)) < 0.8, rng.gamma(2, 300, len(ids)).round(2), np.nan),
            "city": rng.choice(_CITIES, len(ids)),
            "age": rng.choice(["31", "40", "forty", "1e2", " 7 ", None], len(ids)),
            "income": np.where(known, rng.normal(3000, 900, len(ids)).round(3), np.nan),
            "is_member": rng.choice([True, False, None], len(ids)),
            "n_children": rng.integers(0, 4, len(ids)),
            "left_on": rng.choice(["2026-01-31", "2025-12-01", None], len(ids)),
            "i1": answers(),
            "i2": answers(),
            "i3": rng.integers(1, 8, len(ids)),
        }
    )


def _contracts(rng: np.random.Generator, ids: np.ndarray) -> pd.DataFrame:
    rows = []
    for who in ids[::2]:
        start = pd.Timestamp("2024-01-31") + pd.Timedelta(days=int(rng.integers(0, 600)))
        for _ in range(rng.integers(1, 4)):
            end = start + pd.Timedelta(days=int(rng.integers(20, 400)))
            is_running = rng.random() < 0.3
            rows.append((who, start, None if is_running else end, rng.choice([9.9, 19.99, 0.0, None])))
            if is_running:
                break
            start = end + pd.Timedelta(days=int(rng.integers(-10, 60)))
    return pd.DataFrame(rows, columns=["customer_id", "start_date", "end_date", "monthly_fee"])


def _spend(rng: np.random.Generator) -> pd.DataFrame:
    days = pd.date_range("2024-01-05", "2026-06-28", freq="9D")
    return pd.DataFrame(
        {
            "date": days,
            "channel": rng.choice(["search", "Search", "äußerst"], len(days)),
            "cost": rng.gamma(3, 50, len(days)).round(2),
            "cost_type": rng.choice(["media", "creative", None], len(days)),
        }
    )


def _leads(rng: np.random.Generator, ids: np.ndarray) -> pd.DataFrame:
    created = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 912, 300), unit="D")
    whose = np.where(rng.random(300) < 0.4, rng.choice(ids, 300), None)
    return pd.DataFrame(
        {
            "lead_id": [f"l{n}" for n in range(300)],
            "created_date": created,
            "channel": rng.choice(["web", "Fair", "fair", "é", None], 300),
            "stage": rng.choice(["new", "Proposal", "won", None], 300),
            "customer_id": whose,
        }
    )


def _responses(rng: np.random.Generator, ids: np.ndarray) -> pd.DataFrame:
    invited = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 500, 500), unit="D")
    answered = rng.random(500) < 0.7
    later = invited + pd.to_timedelta(rng.integers(-1, 45, 500), unit="D")

    def scores(low: int, high: int) -> pd.Series:
        given = pd.Series(rng.integers(low, high + 1, 500)).astype("Int64")
        return given.where(answered & (rng.random(500) < 0.9))

    return pd.DataFrame(
        {
            "response_date": later.where(answered),
            "customer_id": np.where(rng.random(500) < 0.9, rng.choice(ids, 500), None),
            "invited_date": invited.where(rng.random(500) < 0.9),
            "wave": rng.choice(["2025-1", "2025-2", "éte", None], 500),
            "nps": scores(0, 10),
            "csat": scores(1, 5),
            "ces": scores(1, 7),
            "touchpoint": rng.choice(["shop", "Web", None], 500),
        }
    )


def _tickets(rng: np.random.Generator, ids: np.ndarray) -> pd.DataFrame:
    opened = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 546 * 1440, 300), unit="min")
    replied = opened + pd.to_timedelta(rng.integers(-60, 5000, 300), unit="min")
    closed = opened + pd.to_timedelta(rng.integers(-2000, 40_000, 300), unit="min")
    return pd.DataFrame(
        {
            "ticket_id": [f"t{n}" for n in range(300)],
            "opened": opened,
            "customer_id": np.where(rng.random(300) < 0.9, rng.choice(ids[::3], 300), None),
            "first_reply": replied.where(rng.random(300) < 0.8),
            "closed": closed.where(rng.random(300) < 0.7),
            "category": rng.choice(["app", "Bill", "é", None], 300),
            "status": rng.choice(["Open", "in-progress", "CLOSED_", "hot", None], 300),
        }
    )
