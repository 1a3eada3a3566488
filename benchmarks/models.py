"""What is compared: simulated customers, and what ``cam`` and its peers do with them.

``python benchmarks/models.py peak TASK SIDE FILE`` does it once, in a process of its own, and prints the memory.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cam.measures.value import cells

#: Months of 4.345 weeks, as lifetimes counts them, and its discount per month.
MONTHS, WEEKS, DISCOUNT = np.arange(1, 13), 4.345, 0.01
DRAWS = 200
HISTORY = ["frequency", "recency", "T"]
OURS, ENGINE, KNOWN = "cam", "cam, cells counted by DuckDB", "cam, cells at hand"
PEER, WEIGHTED, BAYES = "lifetimes", "lifetimes with weights", "pymc-marketing"


def simulated_bg_nbd(n: int) -> pd.DataFrame:
    """Draw customers who came over the first 12 of 78 weeks, as CDNOW's do; days are what is seen."""
    rng = np.random.default_rng(1)
    T = (78 * 7 - rng.integers(0, 84, n)) / 7
    rate, drop = rng.gamma(0.243, 1 / 4.414, n), rng.beta(0.793, 2.426, n)
    x, last, clock = np.zeros(n), np.zeros(n), np.zeros(n)
    active = np.arange(n)
    while active.size:
        clock[active] += rng.exponential(size=active.size) / rate[active]
        active = active[clock[active] < T[active]]
        day = np.ceil(clock[active] * 7)
        x[active] += day > last[active]  # a second purchase of one day is none of its own
        last[active] = day
        active = active[rng.random(active.size) >= drop[active]]
    return pd.DataFrame({"frequency": x, "recency": last / 7, "T": T})


def simulated_pareto_nbd(n: int) -> pd.DataFrame:
    """Draw customers of the same 78 weeks from a Pareto/NBD with the parameters of CDNOW."""
    rng = np.random.default_rng(2)
    T = (78 * 7 - rng.integers(0, 84, n)) / 7
    rate, hazard = rng.gamma(0.5533, 1 / 10.578, n), rng.gamma(0.6062, 1 / 11.668, n)
    stay = np.minimum(rng.exponential(size=n) / hazard, T)
    who = np.repeat(np.arange(n), rng.poisson(rate * stay))
    day = np.ceil(rng.random(who.size) * stay[who] * 7)
    seen = pd.DataFrame({"who": who, "day": day}).drop_duplicates().groupby("who")["day"].agg(["size", "max"])
    x, last = (seen[name].reindex(range(n), fill_value=0).to_numpy(float) for name in ("size", "max"))
    return pd.DataFrame({"frequency": x, "recency": last / 7, "T": T})


def with_money(table: pd.DataFrame) -> pd.DataFrame:
    """Add the mean spend of repeat purchases, of a total in cents: Gamma-Gamma, p 6.25, q 3.74, gamma 15.44."""
    rng = np.random.default_rng(3)
    x = table["frequency"].to_numpy()
    nu = rng.gamma(3.74, 1 / 15.44, x.size)
    bought = np.maximum(x, 1)
    total = np.maximum(np.round(rng.gamma(6.25 * bought) / nu, 2), 0.01)
    return table.assign(monetary_value=np.where(x > 0, total / bought, 0.0))


def repeaters(n: int) -> pd.DataFrame:
    """Return n customers with repeat purchases and what they spend."""
    table = simulated_bg_nbd(int(2.3 * n) + 100)
    return with_money(table[table["frequency"] > 0].head(n).reset_index(drop=True))


def collapsed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the distinct cells of one row per customer, counted."""
    columns, place = cells.distinct(*(table[name].to_numpy() for name in HISTORY))
    return pd.DataFrame(dict(zip(HISTORY, columns, strict=True))).assign(n_customers=np.bincount(place))


def counted(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return what a user of lifetimes would write to give it weights."""
    return table.groupby(columns).size().reset_index(name="weights")


def with_errors(fit: Any) -> Any:
    """Return a fit whose standard errors have been worked out."""
    assert np.isfinite(fit.optimum.standard_errors).all()
    return fit.optimum.values


def our_bg_nbd(table: pd.DataFrame) -> Any:
    """From one row per customer to parameters with standard errors."""
    from cam.measures.value.bg_nbd import fit_bg_nbd

    return with_errors(fit_bg_nbd(table if "n_customers" in table.columns else collapsed(table)))


def our_pareto_nbd(table: pd.DataFrame) -> Any:
    """From one row per customer to parameters with standard errors."""
    from cam.measures.value.pareto_nbd import fit_pareto_nbd

    return with_errors(fit_pareto_nbd(collapsed(table)))


def our_gamma_gamma(table: pd.DataFrame) -> Any:
    """From one row per customer to parameters with standard errors."""
    from cam.measures.value.gamma_gamma import fit_gamma_gamma

    return with_errors(fit_gamma_gamma(table))


def our_clv(table: pd.DataFrame) -> Any:
    """Discounted spend of the next twelve months, by steps as lifetimes takes them."""
    from cam.measures.value.bg_nbd import BgNbdFit
    from cam.measures.value.future import stepwise_purchases
    from cam.measures.value.gamma_gamma import GammaGammaFit

    bought = stepwise_purchases(
        BgNbdFit(0.243, 4.414, 0.793, 2.426),
        table,
        times=list(WEEKS * MONTHS),
        factors=list((1 + DISCOUNT) ** -MONTHS),
    )
    x, m = table["frequency"].to_numpy(), table["monetary_value"].to_numpy()
    return bought * GammaGammaFit(6.25, 3.74, 15.44).expected(x, m)


def our_bootstrap(table: pd.DataFrame) -> Any:
    """From one row per customer to a fit and its refits to resampled customers."""
    from cam.measures.value.bg_nbd import fit_bg_nbd
    from cam.measures.value.bootstrap import bootstrap

    known = collapsed(table)
    fit = fit_bg_nbd(known)
    n = sum(1 for _ in bootstrap(fit, known, n_draws=DRAWS, seed=1))
    assert n == DRAWS
    return fit.optimum.values if fit.optimum else None


def peer_fit(name: str, *columns: str, weighted: bool = False) -> Callable[[pd.DataFrame], Any]:
    """Return the fit of lifetimes; it is handed arrays and reports its own standard errors where it has any."""

    def fit(table: pd.DataFrame) -> Any:
        import lifetimes

        rows = counted(table, list(columns)) if weighted else table
        options = {"weights": rows["weights"]} if weighted else {}
        done = getattr(lifetimes, name)().fit(*(rows[column] for column in columns), **options)
        return done.params_.to_numpy(float)

    return fit


def peer_clv(table: pd.DataFrame) -> Any:
    """The same value by lifetimes, under the same parameters."""
    import lifetimes

    buying, spend = lifetimes.BetaGeoFitter(), lifetimes.GammaGammaFitter()
    buying.params_ = pd.Series({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    buying.predict = buying.conditional_expected_number_of_purchases_up_to_time
    spend.params_ = pd.Series({"p": 6.25, "q": 3.74, "v": 15.44})
    found = spend.customer_lifetime_value(
        buying,
        *(table[name] for name in [*HISTORY, "monetary_value"]),
        time=12,
        discount_rate=DISCOUNT,
        freq="W",
    )
    return found.to_numpy()


def bayes_fit(name: str, *parameters: str) -> Callable[[pd.DataFrame], Any]:
    """Return the posterior mode of pymc-marketing, under its own priors; it has no standard errors."""

    def fit(table: pd.DataFrame) -> Any:
        from pymc_marketing import clv

        model = getattr(clv, name)(data=table.assign(customer_id=np.arange(len(table))))
        model.fit(method="map")
        return np.array([float(model.fit_result[parameter].to_numpy().item()) for parameter in parameters])

    return fit


def fall(derivatives: str) -> Callable[[pd.DataFrame, Any, Any], float]:
    """Return our log-likelihood less another's, both by one formula on the customers as they are."""
    import cam.measures.value.bg_nbd as bg_nbd
    import cam.measures.value.gamma_gamma as gamma_gamma
    import cam.measures.value.pareto_nbd as pareto_nbd

    home = {"bg_nbd": bg_nbd, "pareto_nbd": pareto_nbd, "gamma_gamma": gamma_gamma}[derivatives]

    def difference(table: pd.DataFrame, ours: Any, theirs: Any) -> float:
        height = getattr(home, f"{derivatives}_derivatives")(table)
        return float(height(np.log(ours))[0] - height(np.log(theirs))[0])

    return difference


def furthest(table: pd.DataFrame, ours: Any, theirs: Any) -> float:
    """Return the largest relative difference."""
    bought = theirs > 0
    return float(np.abs(ours[bought] / theirs[bought] - 1).max())


@dataclass(frozen=True)
class Task:
    """What is measured: who does it, on whom, what is compared, and the goal."""

    title: str
    n: int
    quick: int
    data: Callable[[int], pd.DataFrame]
    sides: dict[str, Callable[[pd.DataFrame], Any]]
    compare: Callable[[pd.DataFrame, Any, Any], float]
    goal: float
    times: int = 1  # so many of the peer's runs would do what ours does once


def tasks() -> dict[str, Task]:
    """Return all tasks by name."""
    bg = ("BetaGeoFitter", *HISTORY)
    pareto = ("ParetoNBDFitter", *HISTORY)
    money = ("GammaGammaFitter", "frequency", "monetary_value")
    bg_sides = {OURS: our_bg_nbd, PEER: peer_fit(*bg), WEIGHTED: peer_fit(*bg, weighted=True)}
    bg_bayes = {BAYES: bayes_fit("BetaGeoModel", "r", "alpha", "a", "b")}
    return {
        "bg_nbd": Task(
            "BG/NBD, {n:,}",
            1_000_000,
            20_000,
            simulated_bg_nbd,
            bg_sides | bg_bayes,
            fall("bg_nbd"),
            25,
        ),
        "pareto_nbd": Task(
            "Pareto/NBD, {n:,}",
            100_000,
            3_000,
            simulated_pareto_nbd,
            {
                OURS: our_pareto_nbd,
                PEER: peer_fit(*pareto),
                WEIGHTED: peer_fit(*pareto, weighted=True),
                BAYES: bayes_fit("ParetoNBDModel", "r", "alpha", "s", "beta"),
            },
            fall("pareto_nbd"),
            100,
        ),
        "gamma_gamma": Task(
            "Gamma-Gamma, {n:,}",
            500_000,
            10_000,
            repeaters,
            {
                OURS: our_gamma_gamma,
                PEER: peer_fit(*money),
                WEIGHTED: peer_fit(*money, weighted=True),
                BAYES: bayes_fit("GammaGammaModel", "p", "q", "v"),
            },
            fall("gamma_gamma"),
            30,
        ),
        "clv": Task(
            "CLV of 12 months, {n:,}",
            1_000_000,
            20_000,
            lambda n: with_money(simulated_bg_nbd(n)),
            {OURS: our_clv, PEER: peer_clv},
            furthest,
            100,
        ),
        "bootstrap": Task(
            f"{DRAWS} BG/NBD refits, {{n:,}}",
            100_000,
            5_000,
            simulated_bg_nbd,
            bg_sides | {OURS: our_bootstrap},
            fall("bg_nbd"),
            100,
            DRAWS,
        ),
    }


def peak() -> float:
    """Return the most memory that this process ever held, MB.

    The kernel's own note of it where there is one: what ``getrusage`` says may be that of the process before it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024**2 if sys.platform == "darwin" else 1024)


def one_peak(name: str, side: str, file: str) -> None:
    """Print the peak before and after one run; libraries are loaded, and warm, before it."""
    warnings.simplefilter("ignore")
    call = tasks()[name].sides[side]
    with np.load(file) as arrays, np.errstate(all="ignore"):
        table = pd.DataFrame({column: arrays[column] for column in arrays.files})
        call(table.head(2_000))
        before = peak()
        call(table)
    print(before, peak())


if __name__ == "__main__":
    if sys.argv[1:2] != ["peak"]:
        sys.exit("benchmarks/run.py measures; this only knows: peak TASK SIDE FILE")
    one_peak(*sys.argv[2:5])
