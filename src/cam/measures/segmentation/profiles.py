"""What differs between segments, and by how much: effect sizes first, and a correction for the number of looks."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from cam.estimate import Estimate, difference, holm, proportion
from cam.measures.segmentation.effect_sizes import (
    compare,
    correlation_ratio,
    cramers_v,
    mean_square_contingency,
    occupied,
    with_others,
)

#: A cell in which chance would put fewer customers is not rated (Cochran 1954).
FEWEST_EXPECTED = 5.0
#: What is worth showing: points between a segment and all others, or so many times their share, or standard deviations.
LEAST_POINTS = 5.0
LEAST_RATIO = 1.5
LEAST_DEVIATIONS = 0.2
#: A difference that chance brings about less often than this, among all that were looked at, is one.
SIGNIFICANT = 0.05
#: Cohen's (1988) conventions: from these on an effect is small, medium, large.
_SIZES = ("negligible", "small", "medium", "large")
_CUTS = {"levels": (0.1, 0.3, 0.5), "number": (0.1, 0.25, 0.4)}
_CELL = (
    *("attribute", "kind", "level", "segment", "n_customers", "n_level", "n", "n_all", "value", "others"),
    *("difference", "low", "high", "index", "residual", "strength", "why"),
)
_MEAN = ("p_value", "value_low", "value_high")


def effects(counts: pd.DataFrame, sums: pd.DataFrame, *, min_group: int) -> pd.DataFrame:
    """Rank attributes by how much segments differ in them.

    Turns *attribute, kind, level, segment, n_customers* and *attribute, segment, n, sum, squared* into *attribute,
    effect, low, high, size, p_adjusted*.

    Parameters
    ----------
    counts : DataFrame
        As from :func:`cam.reduce.profiles.level_counts`, one below the other, with the name in ``attribute``.
        Customers whose level is not known are left out.
    sums : DataFrame
        Numbers: whole sums per *attribute* and *segment*.
    min_group : int
        Segments of fewer customers whose attribute is known are left out of it.

    Returns
    -------
    DataFrame
        The strongest first: *attribute*, *kind* (``levels`` or ``number``), *n_customers* and *n_segments* that were
        compared, *n_levels* (missing for a number), *effect* (:func:`cramers_v` or :func:`correlation_ratio`) with
        *low* and *high*, *size* (a word of Cohen's), *p_value* (chi-square, or Welch's F) and *p_adjusted* by Holm over
        all attributes. An attribute without two levels, or without two segments large enough, has no row.

    Raises
    ------
    KeyError
        If a column is missing.

    Notes
    -----
    Holm's correction and not Benjamini and Hochberg's: attributes are few, so little is lost, and each that is named
    costs somebody a campaign; that none of them is chance is then worth more than that most are not. Levels that are
    too rare for the chi-square distribution are pooled with the next rarest, until no expected count is below 1 and at
    most a fifth are below 5 (Cochran). Cohen's conventions for tables are in w = V sqrt(min(rows, columns) - 1) (0.1,
    0.3, 0.5), for means in f = eta / sqrt(1 - eta^2) (0.1, 0.25, 0.4): conventions, not laws.

    References
    ----------
    Cohen, J. (1988). Statistical Power Analysis for the Behavioral Sciences, 2nd ed., sections 7.2.3 and 8.2.3.
    Cochran, W. G. (1954). Some methods for strengthening the common chi-square tests. Biometrics 10, 417-451 (p. 420).
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6,
    65-70.

    Examples
    --------
    >>> counts = pd.DataFrame({"attribute": "sex", "kind": "level", "level": ["f", "m"] * 2,
    ...     "segment": ["a", "a", "b", "b"], "n_customers": [30, 10, 10, 30]})
    >>> effects(counts, pd.DataFrame(columns=["attribute", "segment", "n", "sum", "squared"]),
    ...     min_group=30)[["attribute", "effect", "size"]].round(3).values.tolist()
    [['sex', 0.49, 'medium']]
    """
    from scipy.special import chdtrc  # here, because it makes every start slower

    rows = []
    for attribute, table in _tables(counts):
        kept = table.loc[:, table.sum() >= min_group].to_numpy(float)
        pooled = _pooled(occupied(kept))
        if min(pooled.shape) < 2:
            continue
        found = cramers_v(pooled, attribute=attribute)
        phi, _ = mean_square_contingency(pooled)
        df = (pooled.shape[0] - 1) * (pooled.shape[1] - 1)
        rows.append(
            _effect_row(found, "levels", pooled.shape)
            | {
                "size": _size("levels", found.value * math.sqrt(min(pooled.shape) - 1)),
                "p_value": float(chdtrc(df, pooled.sum() * phi)),
            }
        )
    for attribute, table in sums.groupby("attribute", sort=False):
        kept = table[table["n"].map(int) >= max(min_group, 2)]
        tested = _welch(kept)
        if tested is None:
            continue
        found = correlation_ratio(kept, attribute=str(attribute))
        f = found.value / math.sqrt(max(1 - found.value**2, 1e-12))
        rows.append(
            _effect_row(found, "number", (math.nan, len(kept)))
            | {"size": _size("number", f), "p_value": tested}
        )
    names = ["attribute", "kind", "n_customers", "n_segments", "n_levels", "effect", "low", "high", "size"]
    frame = pd.DataFrame(rows, columns=[*names, "p_value"])
    frame["p_adjusted"] = holm(frame["p_value"].to_numpy(float))
    return frame.sort_values(["effect", "attribute"], ascending=[False, True], ignore_index=True)


def differences(counts: pd.DataFrame, sums: pd.DataFrame, *, min_group: int) -> pd.DataFrame:
    """Set each segment against all other customers, level by level and number by number.

    Turns the same as :func:`effects` into *attribute, kind, level, segment, value, others, difference, verdict*.

    Parameters
    ----------
    counts, sums : DataFrame
        As for :func:`effects`; ``sums`` may name the *unit* of a sum.
    min_group : int
        Segments of fewer customers whose attribute is known are not rated.

    Returns
    -------
    DataFrame
        What stands out most first. *attribute*, *kind* (``level``, ``other`` or ``number``), *level*, *segment*, *n*
        (customers of the segment whose attribute is known), *value* (share of them, or mean), *others* (the same of
        all other customers), *difference* with *low* and *high* (percentage points, or standard deviations), *index*
        (the share over that of all, times 100), *residual* (adjusted, standardised), *p_value*, *p_adjusted* by Holm
        over everything that is rated, *strength* (Cohen's h or d) and *verdict*: ``more`` or ``less`` (beyond chance,
        and large enough), ``slight`` (beyond chance), ``chance``, or ``suppressed`` with *why* (``segment``: too few
        customers; ``expected``: fewer than :data:`FEWEST_EXPECTED`; ``spread``: no spread).

    Raises
    ------
    KeyError
        If a column is missing.

    Notes
    -----
    The adjusted residual of a cell is the square root of Pearson's chi-square of the table that sets its level and its
    segment against all others. In the far tail that Holm's correction asks about, the normal distribution is too thin
    for small counts; p is therefore the exact one of that table (hypergeometric, twice the smaller tail).
    Large enough is a difference of :data:`LEAST_POINTS`, or :data:`LEAST_RATIO` times the share of all (or as many
    times smaller), or :data:`LEAST_DEVIATIONS` of a number.

    References
    ----------
    Haberman, S. J. (1973). The analysis of residuals in cross-classified tables. Biometrics 29, 205-220.
    Agresti, A. (2013). Categorical Data Analysis, 3rd ed., section 3.3.1. Wiley.

    Examples
    --------
    >>> counts = pd.DataFrame({"attribute": "sex", "kind": "level", "level": ["f", "m"] * 2,
    ...     "segment": ["a", "a", "b", "b"], "n_customers": [30, 10, 10, 30]})
    >>> found = differences(counts, pd.DataFrame(columns=["attribute", "segment", "n", "sum", "squared"]), min_group=30)
    >>> found[["segment", "level", "value", "difference", "residual", "verdict"]].round(2).values.tolist()[0]
    ['a', 'f', 0.75, 50.0, 4.47, 'more']
    """
    from scipy.stats import hypergeom  # here, because it makes every start slower

    rows = [row for attribute, table in _tables(counts) for row in _cells(attribute, table, min_group)]
    frame = pd.DataFrame(rows, columns=list(_CELL))
    here, of_level, of_segment, of_all = (
        frame[name].to_numpy(int) for name in ("n_customers", "n_level", "n", "n_all")
    )
    below = hypergeom.cdf(here, of_all, of_level, of_segment)
    above = hypergeom.sf(here - 1, of_all, of_level, of_segment)
    frame["p_value"] = np.minimum(1.0, 2 * np.minimum(below, above))
    if len(sums):
        frame = pd.concat([frame, _numbers(sums, min_group)], ignore_index=True)
    found = _judged(frame).drop(columns=["n_level", "n_all"])
    keys = ["strength", "attribute", "segment", "level"]
    return found.sort_values(keys, ascending=[False, True, True, True], ignore_index=True)


def rate_means(sums: pd.DataFrame, *, min_group: int) -> pd.DataFrame:
    """Set the mean of each group against that of all others, and say which differ more than chance would.

    Turns *attribute, level, n, sum, squared* into *value, others, difference, p_adjusted, verdict*.

    Parameters
    ----------
    sums : DataFrame
        As for :func:`cam.measures.segmentation.effect_sizes.compare`: with the sums of the others.
    min_group : int
        Groups of fewer customers, or with fewer others, are not rated.

    Returns
    -------
    DataFrame
        In the order given: the columns of ``compare``, *p_adjusted* by Holm over all that are rated, *strength* and
        *verdict* as in :func:`differences`.

    Raises
    ------
    KeyError
        If a column is missing.

    Examples
    --------
    >>> sums = pd.DataFrame({"attribute": "city", "level": ["a", "b"], "n": [50, 50], "sum": [100, 150],
    ...     "squared": [250, 500]})
    >>> rate_means(with_others(sums), min_group=30)[["level", "verdict"]].values.tolist()
    [['a', 'less'], ['b', 'more']]
    """
    found = compare(sums)
    few = (found["n"] < min_group) | (found["n_others"] < min_group)
    why = np.select([few, found["p_value"].isna()], ["segment", "spread"], default="")
    return _judged(found.assign(kind="number", strength=found["difference"].abs(), why=why))


def _tables(counts: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Levels by segments for each attribute, in the order given; who is not known is left out."""
    known = counts[counts["kind"] != "missing"]
    for attribute, rows in known.groupby("attribute", sort=False):
        keys = [rows["kind"], rows["level"].astype(object).where(rows["level"].notna(), "")]
        table = rows["n_customers"].groupby([*keys, rows["segment"]], sort=False).sum().unstack(fill_value=0)
        yield str(attribute), table.sort_index(axis=1)


def _cells(attribute: str, table: pd.DataFrame, min_group: int) -> Iterator[dict[str, object]]:
    """Every cell of a table against the rest of it."""
    n_all = int(table.to_numpy().sum())
    levels, segments = table.sum(axis=1), table.sum(axis=0)
    segments = segments[segments > 0]
    levels = levels[levels > 0]
    if len(levels) < 2 or len(segments) < 2:
        return
    for (kind, level), n_level in levels.items():
        for segment, n in segments.items():
            here = int(table.loc[(kind, level), segment])
            expected = n * n_level / n_all
            inside = proportion("share", here, int(n))
            outside = proportion("share", int(n_level) - here, n_all - int(n))
            gap = difference("difference", inside, outside)
            rest = (1 - n / n_all) * (1 - n_level / n_all)
            arcs = [2 * math.asin(math.sqrt(share.value)) for share in (inside, outside)]
            yield {
                "attribute": attribute,
                "kind": kind,
                "level": level if kind == "level" else None,
                "segment": segment,
                "n_customers": here,
                "n_level": int(n_level),
                "n": int(n),
                "n_all": n_all,
                "value": inside.value,
                "others": outside.value,
                "difference": gap.value,
                "low": gap.low,
                "high": gap.high,
                "index": 100 * inside.value / (n_level / n_all),
                "residual": (here - expected) / math.sqrt(expected * rest),
                "strength": abs(arcs[0] - arcs[1]),
                "why": "segment" if n < min_group else "expected" if expected < FEWEST_EXPECTED else "",
            }


def _numbers(sums: pd.DataFrame, min_group: int) -> pd.DataFrame:
    found = compare(with_others(sums))
    why = np.select([found["n"] < min_group, found["p_value"].isna()], ["segment", "spread"], default="")
    found = found.assign(kind="number", level=None, strength=found["difference"].abs(), why=why)
    return found.assign(n_customers=found["n"])[[name for name in (*_CELL, *_MEAN) if name in found]]


def _judged(frame: pd.DataFrame) -> pd.DataFrame:
    """Correct for all looks at once, and weigh what is left."""
    rated = (frame["why"] == "").to_numpy()
    frame["p_adjusted"] = holm(np.where(rated, frame["p_value"].to_numpy(float), np.nan))
    number = (frame["kind"] == "number").to_numpy()
    gap = frame["difference"].to_numpy(float)
    index = frame["index"].to_numpy(float) / 100 if "index" in frame else np.ones(len(frame))
    large = np.where(
        number,
        np.abs(gap) >= LEAST_DEVIATIONS,
        (np.abs(gap) >= LEAST_POINTS) | (index >= LEAST_RATIO) | (index <= 1 / LEAST_RATIO),
    )
    real = frame["p_adjusted"].to_numpy(float) < SIGNIFICANT
    frame["verdict"] = np.select(
        [~rated, ~real, ~large, gap > 0], ["suppressed", "chance", "slight", "more"], default="less"
    )
    return frame


def _pooled(table: np.ndarray) -> np.ndarray:
    """Pool the rarest rows until the chi-square distribution holds."""
    while min(table.shape) >= 2:
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        if expected.min() >= 1 and (expected < FEWEST_EXPECTED).mean() <= 0.2:
            break
        # Equal sizes are told apart by their counts, not by their names.
        order = sorted(range(len(table)), key=lambda row: (table[row].sum(), tuple(table[row])))
        table = np.vstack([table[order[0]] + table[order[1]], table[order[2:]]])
    return table


def _welch(sums: pd.DataFrame) -> float | None:
    """Welch's p for equal means of several groups; None where fewer than two have a spread."""
    from scipy.special import fdtrc  # here, because it makes every start slower

    rows = [[int(row[name]) for name in ("n", "sum", "squared")] for row in sums.to_dict("records")]
    lacks = [(n, held / n, (n * squared - held * held) / (n * (n - 1))) for n, held, squared in rows]
    usable = np.array([row for row in lacks if row[2] > 0], float).reshape(-1, 3)
    k = len(usable)
    if k < 2:
        return None
    n, mean, variance = usable.T
    weight = n / variance
    centre = (weight * mean).sum() / weight.sum()
    lack = ((1 - weight / weight.sum()) ** 2 / (n - 1)).sum()
    statistic = (weight * (mean - centre) ** 2).sum() / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * lack)
    return float(fdtrc(k - 1, (k**2 - 1) / (3 * lack), statistic))


def _effect_row(found: Estimate, kind: str, shape: tuple[float, int]) -> dict[str, object]:
    return {
        "attribute": found.segment["attribute"],
        "kind": kind,
        "n_customers": found.n,
        "n_levels": shape[0],
        "n_segments": shape[1],
        "effect": found.value,
        "low": found.low,
        "high": found.high,
    }


def _size(kind: str, effect: float) -> str:
    """Cohen's word for an effect."""
    return _SIZES[sum(effect >= cut for cut in _CUTS[kind])]
