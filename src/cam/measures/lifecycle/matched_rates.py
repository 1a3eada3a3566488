"""Rates of those who met something beside those of the same standing who had not: differences with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.estimate import CONFIDENCE, holm
from cam.stratified import compare_within

#: Fewer who met it, and have others to be compared with, are named and not rated.
FEWEST_MET = 30
Floats = NDArray[np.float64]


def matched_rates(cells: pd.DataFrame) -> pd.DataFrame:
    r"""Compare those who met each kind of touch with those of the same stratum who had met none.

    Turns *stratum, part, kind, happened, n* into *kind, exposed, others, difference, low, high, ratio, …*.

    Parameters
    ----------
    cells : DataFrame
        ``stratum`` (who stands alike), ``part`` (customers are dealt into parts, each into one),
        ``kind`` (empty: had met none), ``happened`` (0 or 1), ``n`` (customers).

    Returns
    -------
    DataFrame
        One row per kind, in the order of the alphabet: ``n_exposed`` (who met it and has others to be compared with),
        ``n_alone`` (who has none, and is left out), ``n_others`` (comparisons with somebody who had met none; one
        customer may stand in several strata), ``exposed`` and ``others`` (shares to whom it happened, 0 to 1, over the
        same strata with the same weights), ``difference`` (the first less the second), ``ratio`` (the first by the
        second), their ``low``, ``high``, ``ratio_low``, ``ratio_high`` (95 %), ``p_value`` (of no difference).
        ``verdict`` is ``rated``, ``few`` (fewer than 30 with others)
        or ``alike`` (it happened to all of both, or to none): then the numbers after it are missing.

    Raises
    ------
    ValueError
        If a count is negative or ``happened`` is neither 0 nor 1.

    Notes
    -----
    With :math:`a` of :math:`n_1` who met it and :math:`c` of :math:`n_0` others in a stratum of :math:`N = n_1 + n_0`,

    .. math:: \hat\Delta = \frac{\sum w (a / n_1 - c / n_0)}{\sum w}, \quad w = \frac{n_1 n_0}{N}

    is the difference of Mantel and Haenszel: strata may be as small as one against one. Where the others are many,
    *w* is nearly :math:`n_1`, so it speaks of those who met it. The ratio of the two weighted shares is Mantel and
    Haenszel's too. The interval is that of a regression with an effect of each stratum, whose residuals are summed over
    each part of the customers, widened by N / (N - 1): customers who stand in several strata count once, and small
    strata do not make it too narrow.

    References
    ----------
    Mantel, N., Haenszel, W. (1959). Statistical aspects of the analysis of data from retrospective studies of disease.
    Journal of the National Cancer Institute 22, 719-748.

    Greenland, S., Robins, J. M. (1985). Estimation of a common effect parameter from sparse follow-up data. Biometrics
    41, 55-68. (Section 2: the difference and the ratio.)

    Cameron, A. C., Miller, D. L. (2015). A practitioner's guide to cluster-robust inference. Journal of Human
    Resources 50, 317-372. (Section II.B.)

    Examples
    --------
    >>> rows = [(1, part, kind, y, 10 + 5 * (kind == "") * y) for part in range(20) for kind in ("", "ticket")
    ...     for y in (0, 1)]
    >>> cells = pd.DataFrame(rows, columns=["stratum", "part", "kind", "happened", "n"])
    >>> matched_rates(cells)[["kind", "n_exposed", "exposed", "others", "difference"]].round(3).values.tolist()
    [['ticket', 400, 0.5, 0.6, -0.1]]
    """
    rows = []
    for kind in sorted(set(cells["kind"]) - {""}):
        found = _compared(cells, kind)
        rows.append({"kind": kind} | _row(found))
    return pd.DataFrame(rows, columns=["kind", *_COLUMNS])


def rate_contrasts(cells: pd.DataFrame, *, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Compare two kinds of touch, each beside those of the same stratum who had met none.

    Turns the cells of :func:`matched_rates` into *kind, against, exposed, others, difference, low, high, p_value*.

    Parameters
    ----------
    cells : DataFrame
        As for :func:`matched_rates`.
    pairs : sequence of (str, str)
        The kind that is compared, and the one that it is compared with.

    Returns
    -------
    DataFrame
        One row per pair: ``n_exposed`` (of the first kind), ``n_against`` (of the second), ``n_alone`` (of both, left
        out), ``exposed`` (share of the first kind, 0 to 1), ``difference`` (of the two differences), ``others`` (what
        is left of the share without it), ``low``, ``high``, ``p_value``, and ``verdict`` as in :func:`matched_rates`.

    Raises
    ------
    ValueError
        As :func:`matched_rates`.

    Notes
    -----
    Two kinds seldom meet in one stratum, and each finds others in nearly all. So each is set against what its own
    standing led to expect, and the expectations need not be alike. Both use the same others; the interval knows.

    Examples
    --------
    >>> rows = [(1, part, kind, y, 10 + 5 * (kind == "fast") * y) for part in range(20)
    ...     for kind in ("", "fast", "slow") for y in (0, 1)]
    >>> cells = pd.DataFrame(rows, columns=["stratum", "part", "kind", "happened", "n"])
    >>> rate_contrasts(cells, pairs=[("slow", "fast")])[["exposed", "others", "difference"]].round(3).values.tolist()
    [[0.5, 0.6, -0.1]]
    """
    rows = []
    for kind, against in pairs:
        one, other = _compared(cells, kind), _compared(cells, against)
        row = {"kind": kind, "against": against, "n_exposed": one.n_exposed, "n_against": other.n_exposed}
        row |= {"n_alone": one.n_alone + other.n_alone, "verdict": _verdict(one, other)}
        row |= dict.fromkeys(("exposed", "others", "difference", "low", "high", "p_value"), np.nan)
        if row["verdict"] == "rated":
            gap = one.difference - other.difference
            error = float(np.sqrt(np.sum((one.by_part - other.by_part) ** 2)))
            half = _t(one, other) * error
            row |= {"exposed": one.exposed, "others": one.exposed - gap, "difference": gap}
            row |= {"low": max(gap - half, -1.0), "high": min(gap + half, 1.0)}
            row["p_value"] = _p(gap, error, one, other)
        rows.append(row)
    names = ["kind", "against", "n_exposed", "n_against", "n_alone", "verdict"]
    names += ["exposed", "others", "difference", "low", "high", "p_value"]
    return pd.DataFrame(rows, columns=names)


def rate_kinds(cells: pd.DataFrame) -> pd.DataFrame:
    """Compare each kind of touch with all the other kinds together.

    Turns the cells of :func:`matched_rates` into the table of :func:`rate_contrasts` with *p_adjusted*.

    Parameters
    ----------
    cells : DataFrame
        As for :func:`matched_rates`, of two kinds or more.

    Returns
    -------
    DataFrame
        As from :func:`rate_contrasts`, the kind with most customers first, and ``p_adjusted`` (Holm 1979, over the
        kinds that are rated: one below 0.05 would be there by chance alone in one table out of twenty).

    Raises
    ------
    ValueError
        As :func:`matched_rates`.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6,
    65-70.

    Examples
    --------
    >>> rows = [(1, part, kind, y, 10 + 5 * (kind == "app") * y) for part in range(20)
    ...     for kind in ("", "app", "bill", "return") for y in (0, 1)]
    >>> cells = pd.DataFrame(rows, columns=["stratum", "part", "kind", "happened", "n"])
    >>> rate_kinds(cells)[["kind", "difference"]].round(3).values.tolist()
    [['app', 0.1], ['bill', -0.056], ['return', -0.056]]
    """
    own = cells["kind"] == ""
    parts = []
    for kind in sorted(set(cells["kind"]) - {""}):
        renamed = cells["kind"].where(own | (cells["kind"] == kind), _REST)
        parts.append(rate_contrasts(cells.assign(kind=renamed), pairs=[(kind, _REST)]))
    table = pd.concat(parts, ignore_index=True)
    table = table.sort_values(["n_exposed", "kind"], ascending=[False, True], ignore_index=True)
    return table.assign(p_adjusted=holm(table["p_value"].to_numpy(float)))


#: No client's word for a kind.
_REST = "\x00"
_COLUMNS = (
    *("n_exposed", "n_alone", "n_others", "verdict", "exposed", "others", "difference", "low", "high"),
    *("ratio", "ratio_low", "ratio_high", "p_value"),
)


@dataclass(frozen=True, slots=True)
class _Compared:
    """One kind beside its others: shares, and what each part of the customers adds to the errors."""

    n_exposed: int
    n_alone: int
    n_others: int
    exposed: float
    others: float
    by_part: Floats
    log_by_part: Floats

    @property
    def difference(self) -> float:
        return self.exposed - self.others

    @property
    def is_alike(self) -> bool:
        return self.exposed == self.others and self.exposed in (0.0, 1.0)


def _compared(cells: pd.DataFrame, kind: str) -> _Compared:
    if (cells["n"] < 0).any() or not cells["happened"].isin([0, 1]).all():
        raise ValueError("cells need counts of 0 or more, and happened 0 or 1")
    own = cells[cells["kind"].isin(["", kind])]
    keys = ["stratum", "part", "kind", "happened"]
    # In one order, so that sums have the same bits whatever order the rows came in.
    own = own.groupby(keys, as_index=False)["n"].sum()
    is_met = (own["kind"] == kind).to_numpy()
    n, y = own["n"].to_numpy(float), own["happened"].to_numpy(float)
    code = own.groupby("stratum").ngroup().to_numpy()
    parts, part = np.unique(own["part"].to_numpy(), return_inverse=True)
    found = compare_within(y, is_met, stratum=code, cluster=part, weight=n, count=n)
    all_parts = np.zeros(int(cells["part"].max()) + 1)
    return _Compared(
        int(n[is_met & found.is_used].sum()),
        int(n[is_met & ~found.is_used].sum()),
        int(n[~is_met & found.is_used].sum()),
        found.value,
        found.other,
        _spread(all_parts, parts, found.by_cluster),
        _spread(all_parts, parts, found.log_by_cluster),
    )


def _spread(empty: Floats, places: NDArray[np.int64], values: Floats) -> Floats:
    """Put the parts that are there at their places, so that two kinds can be set off part by part."""
    found = empty.copy()
    found[places] = values
    return found


def _row(found: _Compared) -> dict[str, object]:
    row: dict[str, object] = {
        "n_exposed": found.n_exposed,
        "n_alone": found.n_alone,
        "n_others": found.n_others,
    }
    row["verdict"] = _verdict(found)
    row |= dict.fromkeys(_COLUMNS[4:], np.nan)
    if row["verdict"] != "rated":
        return row
    error = float(np.sqrt(np.sum(found.by_part**2)))
    half = _t(found) * error
    row |= {"exposed": found.exposed, "others": found.others, "difference": found.difference}
    row |= {"low": max(found.difference - half, -1.0), "high": min(found.difference + half, 1.0)}
    if found.exposed > 0 and found.others > 0:
        ratio = found.exposed / found.others
        width = float(np.exp(_t(found) * np.sqrt(np.sum(found.log_by_part**2))))
        row |= {"ratio": ratio, "ratio_low": ratio / width, "ratio_high": ratio * width}
    return row | {"p_value": _p(found.difference, error, found)}


def _verdict(*found: _Compared) -> str:
    if min(one.n_exposed for one in found) < FEWEST_MET:
        return "few"
    return "alike" if all(one.is_alike for one in found) else "rated"


def _freedom(*found: _Compared) -> float:
    parts = [int(np.count_nonzero(one.by_part)) for one in found]
    return max(min([*parts, *(one.n_exposed for one in found)]) - 1.0, 1.0)


def _t(*found: _Compared) -> float:
    from scipy.special import stdtrit  # here, because it makes every start slower

    return float(stdtrit(_freedom(*found), 0.5 + CONFIDENCE / 2))


def _p(gap: float, error: float, *found: _Compared) -> float:
    from scipy.special import stdtr

    if error == 0:  # all parts the same: nothing is left to chance
        return float(gap == 0)
    return float(2 * stdtr(_freedom(*found), -abs(gap) / error))
