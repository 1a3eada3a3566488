"""When people buy: the demo's calendar, and the clock that runs fast in November and slow at night.

Purchases are a Poisson process in *busy time*: an hour that is twice as busy as the average counts for two. A
busy day is an average day, so a rate per week in busy time is a rate per week on the calendar, seen over a
year.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from cam.samples.draws import Floats, Ints

START = np.datetime64("2023-07-01")
AS_OF = np.datetime64("2026-06-30")  # the end of that day
N_DAYS = int((AS_OF - START).astype(int)) + 1
N_MONTHS = 36
FUTURE_DAYS = 364  # 52 weeks after as_of, for the truth only

_MONTH = (1.0, 0.9, 0.95, 0.95, 1.0, 1.15, 0.92, 0.92, 1.0, 1.02, 1.25, 1.08)  # January..December
_WEEKDAY = (0.93, 0.92, 0.94, 0.96, 1.0, 1.18, 1.12)  # Monday..Sunday
_WORKDAY_HOURS = (2, 1, 1, 1, 1, 1, 2, 4, 6, 7, 8, 9, 11, 9, 7, 7, 7, 8, 9, 11, 14, 15, 11, 5)
_WEEKEND_HOURS = (3, 2, 1, 1, 1, 1, 1, 2, 5, 8, 11, 12, 11, 10, 11, 11, 10, 9, 9, 10, 12, 12, 9, 5)
_NEW_YEAR = ("2024-02-09", "2025-01-28", "2026-02-16", "2027-02-05")  # eve of the Chinese New Year


def _day_factors(days: NDArray[np.datetime64]) -> Floats:
    months = days.astype("M8[M]").astype(int) % 12
    weekdays = (days.astype(int) + 3) % 7  # 1970-01-01 was a Thursday
    factors: Floats = np.array(_MONTH)[months] * np.array(_WEEKDAY)[weekdays]
    of_month = (days - days.astype("M8[M]")).astype(int) + 1
    factors[(months == 10) & (of_month == 11)] *= 2.2  # 11.11
    factors[(months == 5) & (of_month == 18)] *= 1.8  # 6.18
    for eve in _NEW_YEAR:
        since = (days - np.datetime64(eve)).astype(int)
        factors[(since >= 0) & (since < 7)] *= 0.55
    return factors


@cache
def _knots() -> tuple[Floats, Floats]:
    """Calendar days, hour by hour, and the busy days passed by then; equal at 0 and at the end of as_of."""
    days = START + np.arange(N_DAYS + FUTURE_DAYS)
    is_weekend = (days.astype(int) + 3) % 7 >= 5
    hours = np.where(is_weekend[:, None], np.array(_WEEKEND_HOURS), np.array(_WORKDAY_HOURS)).astype(float)
    intensity = (hours / hours.sum(axis=1, keepdims=True) * _day_factors(days)[:, None]).ravel()
    passed = np.concatenate([[0.0], np.cumsum(intensity)])
    calendar = np.arange(passed.size) / 24
    return calendar, passed * (N_DAYS / passed[24 * N_DAYS])


def busy_days(time: Floats) -> Floats:
    """Busy days passed since the start, at each time (calendar days since the start)."""
    return np.interp(time, *_knots())


def calendar_days(busy: Floats) -> Floats:
    """The time at which so many busy days have passed: `busy_days` the other way round."""
    calendar, passed = _knots()
    return np.interp(busy, passed, calendar)


def busy_weeks_ahead() -> Floats:
    """How busy each of the 52 weeks after as_of is; an average week is 1."""
    edges = N_DAYS + 7 * np.arange(53, dtype=float)
    return np.diff(busy_days(edges)) / 7


def at_a_human_hour(time: Floats) -> Floats:
    """The same day, its hours bent to a working day's rhythm: for cases and replies, that no season moves."""
    share = np.concatenate([[0.0], np.cumsum(_WORKDAY_HOURS) / np.sum(_WORKDAY_HOURS)])
    day = np.floor(time)
    # A little below 1, so that no time slips into the next day.
    return day + np.minimum(np.interp(time - day, share, np.arange(25) / 24), 1 - 1 / 1440)


def month_starts() -> Floats:
    """The first of each month, in days since the start, and the end of the period."""
    months = START.astype("M8[M]") + np.arange(N_MONTHS + 1)
    return np.asarray((months.astype("M8[D]") - START).astype(float))


def month_of(time: Floats) -> Ints:
    """The month (0..35) in which a time lies."""
    return np.searchsorted(month_starts(), time, side="right").astype(np.int64) - 1


def dates(time: Floats) -> NDArray[np.datetime64]:
    """Times as dates; a missing time stays missing."""
    return _stamps(time, 1, "D").astype("M8[s]")


def minutes(time: Floats) -> NDArray[np.datetime64]:
    """Times as dates with their hour, down to the minute; a missing time stays missing."""
    return _stamps(time, 1440, "m").astype("M8[s]")


def _stamps(time: Floats, per_day: int, unit: str) -> NDArray[np.datetime64]:
    known = np.isfinite(time)
    steps = np.floor(np.where(known, time, 0.0) * per_day).astype(np.int64)
    stamps: NDArray[np.datetime64] = START.astype(f"M8[{unit}]") + steps.astype(f"m8[{unit}]")
    stamps[~known] = np.datetime64("NaT")
    return stamps
