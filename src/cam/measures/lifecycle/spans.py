"""Spans of time at risk: from entry to duration, with an event at the end or without; checked, and counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[Any]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def spans(table: pd.DataFrame) -> tuple[Floats, Floats, Bools, Floats]:
    """Return entry, duration, event and count of each row, checked.

    Parameters
    ----------
    table : DataFrame
        Cells or customers: ``duration`` (0 or more), ``event_observed`` (False: still there when last seen)
        [``n_customers``, ``entry``: how long the customer had been there when the watching began; 0: from the start].

    Returns
    -------
    tuple of arrays, n
        Entry is -1 for those who were watched from the start, so that *entry < t <= duration* says who is at risk.

    Raises
    ------
    ValueError
        If there are no customers, a value is missing, or a row is no duration; the first such row is named.

    Examples
    --------
    >>> spans(pd.DataFrame({"entry": [9], "duration": [7], "event_observed": [True]}))
    Traceback (most recent call last):
        ...
    ValueError: row 0 is no duration: entry 9.0, duration 7.0, event_observed 1.0, n_customers 1.0; ...
    """
    columns = []
    for name, default in (("entry", 0.0), ("duration", None), ("event_observed", None), ("n_customers", 1.0)):
        if name not in table.columns and default is not None:
            columns.append(np.full(len(table), default))
            continue
        refuse_missing(table, [name])
        columns.append(table[name].to_numpy(float))
    entry, duration, event, count = columns
    sound = np.isfinite(duration) & ((entry < duration) | (entry == 0)) & (entry >= 0) & (duration >= 0)
    sound &= ((event == 0) | (event == 1)) & (count >= 0) & (count == np.floor(count)) & np.isfinite(count)
    if not sound.all():
        row = int(np.argmin(sound))
        raise ValueError(
            f"row {row} is no duration: entry {entry[row]}, duration {duration[row]}, event_observed {event[row]}, "
            f"n_customers {count[row]}; a duration of 0 or more, an entry of 0 or below the duration, an event of "
            "0 or 1 and a whole count are needed"
        )
    if not count.sum():
        raise ValueError("there are no customers")
    return np.where(entry == 0, -1.0, entry), duration, event == 1, count


def refuse_missing(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Name the rows in which one of some columns is missing.

    Parameters
    ----------
    table : DataFrame
        Cells or customers.
    columns : sequence of str
        That must be filled.

    Raises
    ------
    ValueError
        If one of them is not there, or has a missing value.

    Examples
    --------
    >>> refuse_missing(pd.DataFrame({"age": [31.0, None]}), ["age"])
    Traceback (most recent call last):
        ...
    ValueError: 1 of 2 rows has no age (first row: 1)
    """
    for name in columns:
        if name not in table.columns:
            raise ValueError(
                f"there is no column {name!r}; columns present: {', '.join(map(str, table.columns))}"
            )
        missing = table[name].isna().to_numpy()
        if missing.any():
            n, verb = int(missing.sum()), "has" if missing.sum() == 1 else "have"
            raise ValueError(
                f"{n} of {len(table)} rows {verb} no {name} (first row: {int(np.argmax(missing))})"
            )


def distinct(values: Floats) -> tuple[Floats, Ints]:
    """Return the distinct values, rising, and which of them each is; faster than sorting them all.

    Parameters
    ----------
    values : array, n
        Numbers.

    Returns
    -------
    tuple of arrays
        The m distinct values, and a place among them for each of the n.

    Examples
    --------
    >>> [found.tolist() for found in distinct(np.array([3.0, 1.0, 3.0]))]
    [[1.0, 3.0], [1, 0, 1]]
    """
    codes, found = pd.factorize(values)
    order = np.argsort(found)
    place = np.empty(len(found), np.int64)
    place[order] = np.arange(len(found))
    return found[order], place[codes]


def at_risk(entry: Floats, duration: Floats, count: Floats, times: Floats) -> Floats:
    """Count who is at risk at each of some times.

    Parameters
    ----------
    entry, duration, count : array, n
        As from :func:`spans`.
    times : array, m
        Rising.

    Returns
    -------
    array, m
        Customers with *entry < t <= duration*.

    Examples
    --------
    >>> at_risk(np.array([-1.0, 3.0]), np.array([4.0, 9.0]), np.ones(2), np.array([0.0, 4.0, 5.0])).tolist()
    [1.0, 2.0, 1.0]
    """
    due = np.zeros(len(times) + 1)
    for ends, sign in ((duration, 1.0), (entry, -1.0)):
        if ends.max(initial=-1.0) >= 0:
            due += sign * np.bincount(np.searchsorted(times, ends, side="right"), count, len(times) + 1)
    # Whole numbers, so nothing is lost by adding and taking away.
    found: Floats = np.cumsum(due[::-1])[::-1][1:]
    return found
