"""How long contracts have lasted: who was at risk in each period, who left, and survival as it was seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cam.estimate import Z, wilson_interval
from cam.measures.value import cells
from cam.measures.value.newton import Floats


def life_table(table: pd.DataFrame) -> pd.DataFrame:
    """Count who was at risk of not being renewed in each period, and who was not.

    Parameters
    ----------
    table : DataFrame
        Contracts or cells: ``duration`` (whole periods: of an ended contract those that it was paid for, so 1 or more;
        of a running one those that it has completed), ``event_observed`` (whether it has ended) [``n_customers``].
        Cohorts of any age may stand together.

    Returns
    -------
    DataFrame
        ``period`` 1, 2, … up to the last with anyone at risk, ``n_at_risk``, ``n_churned``.

    Raises
    ------
    ValueError
        If there are no rows, or a row is no contract.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 2], "event_observed": [True, True, False],
    ...     "n_customers": [131, 126, 743]})
    >>> life_table(table).astype(int).values.tolist()
    [[1, 1000, 131], [2, 869, 126]]
    """
    if not len(table):
        raise ValueError("there are no contracts")
    duration = table["duration"].to_numpy(float)
    ended = table["event_observed"].to_numpy(bool)
    w = cells.counts_of(table)
    sound = (duration >= ended) & (duration == np.floor(duration)) & np.isfinite(duration) & (w >= 0)
    if not sound.all():
        row = int(np.argmin(sound))
        raise ValueError(
            f"row {row} is no contract: duration {duration[row]}; whole periods are needed, at least 1 for a contract "
            "that has ended and 0 for one that runs"
        )
    place = duration.astype(np.int64)
    size = int(place.max()) + 1
    at_risk = np.cumsum(np.bincount(place, w, minlength=size)[::-1])[::-1][1:]
    churned = np.bincount(place, w * ended, minlength=size)[1:]
    found = pd.DataFrame(
        {"period": np.arange(1, size, dtype=float), "n_at_risk": at_risk, "n_churned": churned}
    )
    return found[found["n_at_risk"] > 0].reset_index(drop=True)


def renewals_due(table: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Return periods, renewals due and contracts not renewed, checked that some were and some were not.

    Parameters
    ----------
    table : DataFrame
        As for :func:`life_table`.

    Returns
    -------
    tuple of array
        One entry per period.

    Raises
    ------
    ValueError
        As :func:`life_table`; or if no contract ended, or none was ever renewed.

    Examples
    --------
    >>> renewals_due(pd.DataFrame({"duration": [3], "event_observed": [False]}))
    Traceback (most recent call last):
        ...
    ValueError: no contract has ended: when they will cannot be told
    """
    lives = life_table(table)
    left = float(lives["n_churned"].sum())
    if left <= 0:
        raise ValueError("no contract has ended: when they will cannot be told")
    if left >= float(lives["n_at_risk"].sum()):
        raise ValueError("no contract was ever renewed: how long a renewed one lasts cannot be told")
    periods, due, ended = (lives[name].to_numpy(float) for name in ("period", "n_at_risk", "n_churned"))
    return periods, due, ended


def observed_survival(table: pd.DataFrame) -> pd.DataFrame:
    """Return retention and survival as they were seen, without a model.

    Parameters
    ----------
    table : DataFrame
        Contracts or cells, as for :func:`life_table`.

    Returns
    -------
    DataFrame
        ``period``, ``n_at_risk``, ``n_churned``; ``retention_rate`` with ``low`` and ``high`` (Wilson); ``survival``
        with ``survival_low`` and ``survival_high`` (Kaplan and Meier, Greenwood's error on the scale of ln(-ln S)).

    Raises
    ------
    ValueError
        As :func:`life_table`.

    References
    ----------
    Kalbfleisch, J. D., Prentice, R. L. (2002). The Statistical Analysis of Failure Time Data, 2nd ed., section 1.4.
    Wiley.

    Examples
    --------
    >>> table = pd.DataFrame({"duration": [1, 2, 2], "event_observed": [True, True, False],
    ...     "n_customers": [20, 16, 64]})
    >>> observed_survival(table)[["retention_rate", "survival"]].round(3).values.tolist()
    [[0.8, 0.8], [0.8, 0.64]]
    """
    found = life_table(table)
    due, left = found["n_at_risk"].to_numpy(float), found["n_churned"].to_numpy(float)
    found["retention_rate"] = 1 - left / due
    limits = [wilson_interval(kept, n) for kept, n in zip(due - left, due, strict=True)]
    found["low"], found["high"] = np.array(limits).reshape(-1, 2).T
    survival = np.cumprod(1 - left / due)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.cumsum(left / (due * (due - left)))) / -np.log(survival)
        low, high = (survival ** np.exp(side * Z * error) for side in (1, -1))
    # Nobody or everybody left so far: Greenwood's error has nothing to say, Wilson's limits of one share have.
    edge = ~((survival > 0) & (survival < 1))
    first = np.array([wilson_interval(s * n, n) for s, n in zip(survival, due, strict=True)]).reshape(-1, 2)
    found["survival"] = survival
    found["survival_low"] = np.where(edge, first[:, 0], low)
    found["survival_high"] = np.where(edge, first[:, 1], high)
    return found
