"""Study 03, fits in words: parameters with their intervals, and what the data do not hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cam.estimate import Estimate
from cam.language import listed, named, sentence
from cam.language import translate as _
from cam.measures.value.newton import profile_interval


def parameters(fit: Any, table: pd.DataFrame, name: str, **segment: str) -> list[Estimate]:
    """List a fit's parameters with their profile-likelihood intervals; none where a side has no limit."""
    optimum = fit.optimum
    found = []
    for place, parameter in enumerate(optimum.names[: optimum.n_logs]):
        low: float | None = None
        high: float | None = None
        if optimum.is_peak and not optimum.runaways:
            low, high = profile_interval(fit.likelihood(table), optimum, parameter)
        if low is None or high is None:
            low = high = None
        value = float(optimum.values[place])
        found.append(Estimate(f"{name}_{parameter}", value, "ratio", optimum.n, low, high, segment))
    return found


def troubles(fits: Mapping[str, Any]) -> list[str]:
    """Name the parameters that the data do not hold, or hardly; and say that all else is at a maximum."""
    found = []
    for name, fit in fits.items():
        optimum = fit.optimum
        if not optimum.is_converged:
            found.append(
                sentence(
                    "{model}: the data do not hold {names}. The likelihood is flat that way, so the model is not used.",
                    model=named(name),
                    names=listed(optimum.runaways or optimum.weak or optimum.names),
                )
            )
        elif optimum.weak:
            found.append(
                sentence(
                    "{model}: {names} are hardly known; what follows from them jointly can be known better.",
                    model=named(name),
                    names=listed(optimum.weak),
                )
            )
    peak = (
        _("All other fits are at a maximum: gradient zero, the likelihood falling on every side.")
        if any(not fit.optimum.is_converged for fit in fits.values())
        else _("All fits are at a maximum: gradient zero, the likelihood falling on every side.")
    )
    found.append(peak)
    return found
