"""What changed between two ``key_figures.csv`` of one client, and whether by more than chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

from cam.errors import DataError
from cam.estimate import CONFIDENCE, Estimate, Z, difference_limits, holm
from cam.key_figures import Row, segment_text

Verdict = Literal["risen", "fallen", "not clear", "counted", "same"]


@dataclass(frozen=True, slots=True)
class Change:
    """One key figure then and now.

    Attributes
    ----------
    study, segment : str
        As in ``key_figures.csv``.
    before, after : Estimate
        In one unit.
    change : Estimate
        ``after`` minus ``before``, in that unit; with the 95 % interval where both have one.
    verdict : str
        ``risen`` or ``fallen`` by more than chance, ``not clear``, ``counted`` (it has no sampling error: the change is
        what it is) or ``same``.
    """

    study: str
    segment: str
    before: Estimate
    after: Estimate
    change: Estimate
    verdict: Verdict

    @property
    def is_headline(self) -> bool:
        """Whether it speaks of all customers, not of a part of them."""
        return not self.segment or (";" not in self.segment and self.segment.endswith("=all"))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two files of key figures beside each other.

    Attributes
    ----------
    client : str
        The client's id.
    as_of_before, as_of_after : str
        Last day seen, ISO.
    changes : tuple of Change
        Figures that both have, headlines first, then in the order of the file.
    only_before, only_after : tuple of Row
        Figures that one file lacks, and those whose unit is another now.
    """

    client: str
    as_of_before: str
    as_of_after: str
    changes: tuple[Change, ...]
    only_before: tuple[Row, ...]
    only_after: tuple[Row, ...]


def compare(before: Sequence[Row], after: Sequence[Row]) -> Comparison:
    """Set the figures of two reports beside each other.

    Parameters
    ----------
    before, after : sequence of dict
        As :func:`cam.key_figures.read` gives them, the earlier first.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        If one is empty, or they are of two clients.

    Notes
    -----
    The interval of a change is made of the two intervals (MOVER), as if the two reports had no customer in common.
    Where they do, it is too wide rather than too narrow, so no change is called one too early. Holm's correction holds
    the chance of one false claim at 5 % among the headlines, and again among the figures of segments.

    References
    ----------
    Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
    Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> row = dict(client="a", study="s", figure="nps", segment="", n="400", unit="points")
    >>> then = row | dict(as_of="2025-12-31", value="30", low="24", high="36")
    >>> now = row | dict(as_of="2026-06-30", value="45", low="39", high="51")
    >>> found = compare([then], [now]).changes[0]
    >>> found.verdict, found.change.value, round(found.change.low, 2)
    ('risen', 15.0, 6.51)
    """
    if not before or not after:
        raise DataError("key figures: one of the two files holds no figure. Make its report again.")
    clients = sorted({row["client"] for row in (*before, *after)})
    if len(clients) > 1:
        raise DataError(
            f"key figures: of two clients, {' and '.join(clients[:2])}. Only reports of one client can be compared."
        )
    then, now = _by_name(before), _by_name(after)
    both = [name for name in now if name in then and then[name]["unit"] == now[name]["unit"]]
    found = [
        replace(_change(estimate_of(then[name]), estimate_of(now[name])), study=name[0], segment=name[2])
        for name in both
    ]
    found.sort(key=lambda change: not change.is_headline)  # the sort is stable
    judged = _judge([change for change in found if change.is_headline])
    judged += _judge([change for change in found if not change.is_headline])
    return Comparison(
        clients[0],
        max(row["as_of"] for row in before),
        max(row["as_of"] for row in after),
        tuple(judged),
        tuple(row for name, row in then.items() if name not in both),
        tuple(row for name, row in now.items() if name not in both),
    )


def compare_periods(pairs: Sequence[tuple[Estimate, Estimate]]) -> list[Change]:
    """Set figures of one period beside those of the period before.

    Parameters
    ----------
    pairs : sequence of (Estimate, Estimate)
        The earlier first; both in one unit.

    Returns
    -------
    list of Change
        In their order, without a study. As by :func:`compare`: the intervals are combined as if the two periods had
        no customer in common, and Holm's correction holds the chance of one false claim among all of them at 5 %.

    Examples
    --------
    >>> then, now = Estimate("nps", 30, "points", 400, 24, 36), Estimate("nps", 45, "points", 400, 39, 51)
    >>> [change.verdict for change in compare_periods([(then, now), (then, then)])]
    ['risen', 'same']
    """
    return _judge([_change(before, after) for before, after in pairs])


def estimate_of(row: Mapping[str, str]) -> Estimate:
    """Turn a row of ``key_figures.csv`` back into an estimate.

    Parameters
    ----------
    row : mapping of str to str
        As :func:`cam.key_figures.read` gives it.

    Returns
    -------
    Estimate

    Raises
    ------
    DataError
        If a number cannot be read, which no report writes.

    Examples
    --------
    >>> estimate_of(dict(figure="nps", segment="wave=1", value="30", low="24", high="36", n="400", unit="points")).low
    24.0
    """
    pairs = (pair.partition("=") for pair in row["segment"].split(";") if pair)
    try:
        low, high = (float(row[name]) if row[name] else None for name in ("low", "high"))
        return Estimate(
            row["figure"],
            float(row["value"]),
            row["unit"],
            int(row["n"]) if row["n"] else None,
            low,
            high,
            {key: value for key, _, value in pairs},
        )
    except ValueError as error:
        raise DataError(
            f"key figures: {row['figure']} [{row['segment']}] cannot be read: {error}. Make the report again."
        ) from None


def _by_name(rows: Iterable[Row]) -> dict[tuple[str, str, str], Row]:
    return {(row["study"], row["figure"], row["segment"]): row for row in rows}


def _change(before: Estimate, after: Estimate) -> Change:
    low = high = None
    gap = after.value - before.value
    if before.low is not None and after.low is not None:
        low, high = difference_limits(after, before)
    known = [each.n for each in (before, after) if each.n is not None]
    change = Estimate(after.figure, gap, after.unit, min(known, default=None), low, high, after.segment)
    verdict: Verdict = "same" if gap == 0 else "counted" if low is None else "not clear"
    return Change("", segment_text(after), before, after, change, verdict)


def _judge(changes: Sequence[Change]) -> list[Change]:
    """Say which of the uncertain changes are more than chance, so many looks considered."""
    import numpy as np  # here, because an unchanged report must answer before it is loaded

    open_ = [index for index, change in enumerate(changes) if change.verdict == "not clear"]
    p_values = np.array([_p_value(changes[index].change) for index in open_])
    judged = list(changes)
    for index, p in zip(open_, holm(p_values), strict=True):
        if p < 1 - CONFIDENCE:
            rose = changes[index].change.value > 0
            judged[index] = replace(changes[index], verdict="risen" if rose else "fallen")
    return judged


def _p_value(change: Estimate) -> float:
    """Two-sided, of no change, from the side of the interval that looks to 0."""
    assert change.low is not None and change.high is not None
    reach = change.value - change.low if change.value > 0 else change.high - change.value
    return 0.0 if reach == 0 else 2 * (1 - NormalDist().cdf(abs(change.value) / reach * Z))
