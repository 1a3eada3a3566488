"""Study 04, trend: whether a score climbs or falls slowly over waves or months."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from cam.estimate import Estimate
from cam.language import sentence
from cam.measures.satisfaction.control import FEWEST_POINTS, score_trend

#: A trend, or a difference between points, with a smaller p-value is beyond chance.
SIGNIFICANT = 0.05
#: Columns of a chart that hold the trend, the same in every row; empty with two points.
TREND = ("trend", "trend_low", "trend_high", "trend_p", "equal_p", "trend_n")


def add_trend(points: pd.DataFrame, answers: ir.Table, *, by: str, is_share: bool) -> pd.DataFrame:
    """Add to points in the order of time the trend of their scores, the same in every row.

    Parameters
    ----------
    points : DataFrame
        As from :func:`cam.studies.satisfaction.count_answers`, for one score.
    answers : ibis.Table
        *customer_id*, *score* and *by*.
    by : str
        Column with the wave or month.
    is_share : bool
        Whether the score is a share.

    Returns
    -------
    DataFrame
        With the columns of ``TREND``.
    """
    if len(points) < FEWEST_POINTS:
        return points.assign(**dict.fromkeys(TREND, float("nan")))
    shared = _shared(answers, by, [str(group) for group in points["group"]])
    found = score_trend(points, shared, is_share=is_share)
    numbers = (found.value, found.low, found.high, found.p_value, found.equal_p, found.n)
    return points.assign(**dict(zip(TREND, numbers, strict=True)))


def as_trend(points: pd.DataFrame) -> Estimate | None:
    """Return the trend of points as a key figure, in points per wave or month; None with two points."""
    row = points.iloc[0]
    if pd.isna(row["trend"]):
        return None
    numbers = float(row["trend"]), "points", int(row["trend_n"]), float(row["trend_low"])
    return Estimate(f"{row['figure']}_trend", *numbers, float(row["trend_high"]))


def is_moving(points: pd.DataFrame) -> bool:
    """Whether the trend, or the test that all points are equal, is beyond chance."""
    row = points.iloc[0]
    return bool(row["trend_p"] < SIGNIFICANT or row["equal_p"] < SIGNIFICANT)


def trend_words(points: pd.DataFrame) -> str | None:
    """Say what the points show together; None with two points."""
    row, trend = points.iloc[0], as_trend(points)
    if trend is None:
        return None
    of_waves = row["by"] == "wave"
    if row["trend_p"] < SIGNIFICANT and points["outside"].any():
        words = (
            "Over {points} waves the score changed by {trend} points per wave on the whole, more than chance; it may "
            "also be that the mix of customers changed."
            if of_waves
            else "Over {points} months the score changed by {trend} points per month on the whole, more than chance; "
            "it may also be that the mix of customers changed."
        )
    elif row["trend_p"] < SIGNIFICANT and trend.value > 0:
        words = (
            "Over {points} waves the score rose by {trend} points per wave: a slow climb that no single point shows; "
            "it may also be that the mix of customers changed."
            if of_waves
            else "Over {points} months the score rose by {trend} points per month: a slow climb that no single point "
            "shows; it may also be that the mix of customers changed."
        )
    elif row["trend_p"] < SIGNIFICANT:
        words = (
            "Over {points} waves the score moved by {trend} points per wave: a slow fall that no single point shows; "
            "it may also be that the mix of customers changed."
            if of_waves
            else "Over {points} months the score moved by {trend} points per month: a slow fall that no single point "
            "shows; it may also be that the mix of customers changed."
        )
    elif row["equal_p"] < SIGNIFICANT:
        words = (
            "Over {points} waves there is no steady trend ({trend} points per wave), but together the scores differ by "
            "more than chance. Look at what was different when they were highest and lowest."
            if of_waves
            else "Over {points} months there is no steady trend ({trend} points per month), but together the scores "
            "differ by more than chance. Look at what was different when they were highest and lowest."
        )
    else:
        words = (
            "Over {points} waves the score changed by {trend} points per wave, within chance."
            if of_waves
            else "Over {points} months the score changed by {trend} points per month, within chance."
        )
    return sentence(words, points=len(points), trend=trend)


def _shared(answers: ir.Table, by: str, order: Sequence[str]) -> dict[tuple[int, int], dict[str, Any]]:
    """Sums over the customers who answered at both of two points, for each pair of places."""
    if "customer_id" not in answers.columns:
        return {}
    rows = answers.select(group=answers[by].cast("string"), customer_id="customer_id", score="score")
    rows = rows.filter(rows.customer_id.notnull() & rows.group.isin(list(order)))
    place = ibis.cases(*[(rows.group == name, number) for number, name in enumerate(order)], else_=-1)
    people = rows.group_by("customer_id", place=place.cast("int64")).aggregate(
        m=rows.count(), t=rows.score.sum().cast("int64")
    )
    later = people.select(customer="customer_id", later="place", v="m", u="t")
    both = people.inner_join(later, [people.customer_id == later.customer, people.place < later.later])
    sums = both.group_by("place", "later").aggregate(
        tt=(both.t * both.u).sum().cast("int64"),
        tm=(both.t * both.v).sum().cast("int64"),
        mt=(both.m * both.u).sum().cast("int64"),
        mm=(both.m * both.v).sum().cast("int64"),
    )
    found = sums.execute().to_dict("records")
    return {(int(row["place"]), int(row["later"])): {str(k): v for k, v in row.items()} for row in found}
