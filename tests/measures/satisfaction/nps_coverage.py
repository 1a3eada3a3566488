"""How often the 95 % interval of a net promoter score holds the truth; ``python nps_coverage.py`` prints the table."""

from __future__ import annotations

import numpy as np

from cam.measures.satisfaction.scores import nps

SIZES = (30, 100, 1000)
#: Shares of promoters, passives and detractors.
MIXES = {
    "50 / 30 / 20": (0.50, 0.30, 0.20),
    "20 / 30 / 50": (0.20, 0.30, 0.50),
    "5 / 25 / 70": (0.05, 0.25, 0.70),
    "5 / 90 / 5": (0.05, 0.90, 0.05),
    "1 / 9 / 90": (0.01, 0.09, 0.90),
    "95 / 4 / 1": (0.95, 0.04, 0.01),
    "100 / 0 / 0": (1.00, 0.00, 0.00),
}


def coverage(shares: tuple[float, float, float], n: int, *, surveys: int = 10_000, seed: int = 6) -> float:
    """Return the share of simulated surveys whose interval holds the true score."""
    truth = 100 * (shares[0] - shares[2])
    drawn = np.random.default_rng(seed).multinomial(n, shares, surveys)
    samples, times = np.unique(drawn, axis=0, return_counts=True)
    scores = [nps(*map(int, counts)) for counts in samples]
    held = np.array([score.low - 1e-9 <= truth <= score.high + 1e-9 for score in scores])
    return float(times[held].sum() / surveys)


def table(*, surveys: int = 10_000) -> dict[str, list[float]]:
    """Return the coverage of every mix, in the order of the sizes."""
    return {name: [coverage(shares, n, surveys=surveys) for n in SIZES] for name, shares in MIXES.items()}


if __name__ == "__main__":
    print("| Promoters / passives / detractors, % | " + " | ".join(f"n = {n:,}" for n in SIZES) + " |")
    print("|---|" + "---|" * len(SIZES))
    for name, shares in table().items():
        print(f"| {name} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |")
