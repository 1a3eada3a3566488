"""Study 02: whether customers stay, and how fast they drift away."""

from __future__ import annotations

from dataclasses import replace

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, difference, proportion
from cam.language import sentence, span_text, together
from cam.language import translate as _
from cam.measures.lifecycle.retention import MIN_COHORT, cohorts_of_age, pooled_retention, retention_table
from cam.measures.lifecycle.stages import activity_by_cohort
from cam.reduce.cohort_revenue import customer_cohorts
from cam.reduce.states import month_of
from cam.reduce.summary import cells
from cam.show.tables import Col, ShownTable, sheet_table, show_table
from cam.studies.segmentation import summarise as summarise
from cam.studies.stages import CROWDED, Months
from cam.studies.study import Study, needs

#: What the sheet of the workbook is called.
SHEET = "Retention by cohort"
#: With so many who came back, the second purchase is not where customers are lost.
_NEARLY_ALL = 0.9
#: Where no month of age has more who bought, hardly anybody comes back.
_HARDLY = 0.02
#: A fall by more than this must be ruled out before nothing is said to need a rescue.
_SMALL_FALL = 0.05


@needs()
def count_repeat(study: Study, customers: ir.Table) -> pd.DataFrame:
    """Count who bought on one day only and who came back on another, with Wilson intervals."""
    counted = cells(customers, "frequency").execute()
    n = int(counted["n_customers"].sum())
    repeat = int(counted.loc[counted["frequency"] > 0, "n_customers"].sum())
    rates = [proportion("share", count, n) for count in (repeat, n - repeat)]
    return pd.DataFrame(
        {
            "group": ["Came back on another day", "Bought on one day only"],
            "n_customers": [repeat, n - repeat],
            "share": [rate.value for rate in rates],
            "low": [rate.low for rate in rates],
            "high": [rate.high for rate in rates],
        }
    )


@needs()
def show_repeat(study: Study, repeat: pd.DataFrame) -> ShownTable | CannotSay:
    """Show who came back at all."""
    columns = [
        Col("group", "Customers who"),
        Col("n_customers", "Customers", "count"),
        Col("share", "Share", "share", "low", "high"),
    ]
    return show_table(repeat, columns, caption="Who came back at all")


@needs()
def retention(study: Study, seen: Months) -> pd.DataFrame | CannotSay:
    """Say which share of each month's new customers bought in each complete month after."""
    table = retention_table(
        activity_by_cohort(seen.bought, seen.n_customers, first_month=month_of(seen.first)),
        as_of=study.as_of,
        n_months=study.params.lifecycle.n_months,
    )
    if table.empty:
        return CannotSay(
            sentence("No month of new customers has a complete calendar month after it yet."),
            sentence("Run the report again at the end of next month."),
        )
    return table


@needs()
def sheet(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Return retention as a sheet of the workbook: a row per cohort with its size, a column per month of age."""
    grid = table.pivot_table(
        index=["cohort", "n_customers"], columns="age", values="retention_rate"
    ).reset_index()
    ages = [name for name in grid.columns if name not in ("cohort", "n_customers")]
    columns = [
        Col("cohort", "Month of the first purchase"),
        Col("n_customers", "Customers", "count"),
        *(Col(age, sentence("Month {age}", age=age), "share") for age in ages),
    ]
    made = sheet_table(grid, columns)
    made.attrs["holds"] = _(
        "The share of each month's new customers who bought in each complete month after; the intervals stand under "
        "the key figures."
    )
    return made


@needs()
def retention_by_age(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Add up the cohorts at each age."""
    return pooled_retention(table)


@needs()
def show_retention(study: Study, pooled: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the curve's numerators and denominators."""
    columns = [
        Col("age", "Month of age", "count", ordered=True),
        Col("n_cohorts", "Cohorts", "count"),
        Col("n_customers", "Customers", "count"),
        Col("n_active", "bought in the month", "count"),
        Col("retention_rate", "Retention rate", "share", "low", "high"),
    ]
    note = sentence("Only complete calendar months count; the last day seen is {day}.", day=str(study.as_of))
    return show_table(pooled, columns, caption="Retention by age, all cohorts", note=note, max_rows=36)


@needs()
def show_falls(study: Study, pooled: pd.DataFrame) -> ShownTable | CannotSay:
    """Show by how many percentage points the curve falls from each month of age to the next, steepest first."""
    falls = pooled.assign(fall=-100 * pooled["retention_rate"].diff()).iloc[1:]
    columns = [Col("age", "Month of age", "count"), Col("fall", "Fall, percentage points", "points")]
    return show_table(
        falls.sort_values(["fall", "age"], ascending=[False, True]), columns, caption="Where the curve falls"
    )


def scores(
    study: Study, customers: ir.Table | CannotSay, *others: ir.Table | CannotSay
) -> ir.Table | CannotSay:
    """Pick each customer's cohort and the months since for ``customers.parquet``, and join what others say."""
    if isinstance(customers, CannotSay):
        return customers
    table = customer_cohorts(customers, as_of=study.as_of)
    for other in others:
        if isinstance(other, ir.Table):
            table = table.left_join(other, "customer_id").drop("customer_id_right")
    return table


def findings(study: Study, table: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    """Say whether customers drift away, and whether the newest differ where that is more than chance."""
    if isinstance(table, CannotSay):
        return [table]
    won = _newly_won(table)
    newest, is_news = _newest(won)
    news = [newest] if is_news and isinstance(newest, str) else []
    return [together(_crowded_start(table) or "", _drift(won), *news)]


def lesser_findings(
    study: Study, repeat: pd.DataFrame | CannotSay, table: pd.DataFrame | CannotSay
) -> list[str | CannotSay]:
    """Say what deserves room only where there is some: newest customers who do not differ, and who came back at all."""
    found: list[str | CannotSay] = []
    if not isinstance(table, CannotSay):
        newest, is_news = _newest(_newly_won(table))
        found += [] if is_news else [newest]
    return [*found, repeat if isinstance(repeat, CannotSay) else _came_back(repeat)]


def key_figures(
    study: Study, repeat: pd.DataFrame | CannotSay, table: pd.DataFrame | CannotSay
) -> list[Estimate | CannotSay]:
    """List the study's key figures: the repeat rate, then retention over all cohorts and by cohort."""
    figures: list[Estimate | CannotSay] = []
    figures.append(repeat if isinstance(repeat, CannotSay) else _repeat_rate(repeat))
    if isinstance(table, CannotSay):
        return [*figures, table]
    figures += _ends(_newly_won(table))
    for row in pooled_retention(table).itertuples():
        figures.append(_rate(row, {"age": str(row.age)}))
    for row in table.itertuples():
        figures.append(_rate(row, {"cohort": str(row.cohort), "age": str(row.age)}))
    return figures


def _ends(table: pd.DataFrame) -> list[Estimate]:
    """Retention in the first month of age and in the last, of the same customers: those who have reached both."""
    last, pooled = _same_customers(table)
    ends = pooled.iloc[[0, -1]] if len(pooled) > 1 else pooled
    return [
        replace(_rate(row, {"age": str(row.age), "reached": str(last)}), figure="retention_same_customers")
        for row in ends.itertuples()
    ]


def _same_customers(table: pd.DataFrame) -> tuple[int, pd.DataFrame]:
    """The last month of age that enough have reached, and retention by age of all who have."""
    reached = table.loc[table["n_customers"] >= MIN_COHORT, "age"]
    last = int(reached.max() if len(reached) else table["age"].max())
    return last, pooled_retention(cohorts_of_age(table, last))


def _came_back(repeat: pd.DataFrame) -> str | CannotSay:
    rate = _repeat_rate(repeat)
    if (rate.n or 0) < MIN_COHORT:
        return CannotSay(
            sentence(
                "What to do about coming back cannot be said: that takes at least {least} customers, and there are "
                "{n}.",
                least=MIN_COHORT,
                n=rate.n or 0,
            ),
            _("Run the report again when there are more."),
        )
    if rate.value >= _NEARLY_ALL:
        words = (
            "{rate} of customers came back on another day. Hardly anybody is lost after the first purchase: work on "
            "how often and how much they buy."
        )
    else:
        words = (
            "{rate} of customers came back on another day. Ask each of the others once, soon after the first order, "
            "what would bring them back."
        )
        if rate.value == 0:
            words = (
                "{rate} of customers came back on another day: nobody has yet. Ask them soon after the first order "
                "what would bring them back."
            )
    return sentence(words, rate=rate)


def _drift(table: pd.DataFrame) -> str:
    """Compare the first month of age with the last one, over the cohorts that have reached both."""
    last, pooled = _same_customers(table)
    start, end = (_rate(pooled.iloc[place], {}) for place in (0, -1))
    if pooled["retention_rate"].max() <= _HARDLY:
        return _hardly_any(pooled, start, end, last)
    if last == 1:
        return sentence(
            "{rate} of new customers bought again in the month after their first. One month is no trend yet: "
            "look again next month.",
            rate=start,
        )
    change = difference("retention_change", end, start)
    if change.high is not None and change.high < 0:
        words = (
            "{start} of new customers bought in the month after their first, {end} in month {last}. They drift away, "
            "and half of that fall is done by month {half}: reach them before."
        )
    elif change.low is not None and change.low > 0:
        words = (
            "{start} of new customers bought in the month after their first, {end} in month {last}: activity rises "
            "with age. Leave the young customers time before you count them as lost."
        )
    elif (start.n or 0) >= MIN_COHORT and change.low is not None and change.low >= -_SMALL_FALL:
        words = (
            "{start} of new customers bought in the month after their first, {end} in month {last}: no drift beyond "
            "chance. Nothing needs a rescue here: give active customers more occasions to buy."
        )
    else:
        words = (
            "{start} of new customers bought in the month after their first, {end} in month {last}: no drift beyond "
            "chance, but so few customers may hide one. Look again when there are more."
        )
    middle = (pooled["retention_rate"].iloc[0] + pooled["retention_rate"].iloc[-1]) / 2
    half = (
        int(pooled.loc[pooled["retention_rate"] <= middle, "age"].min()) if start.value > end.value else last
    )
    return sentence(words, start=start, end=end, last=last, half=half)


def _hardly_any(pooled: pd.DataFrame, start: Estimate, end: Estimate, last: int) -> str:
    """Say that there is no retention to speak of, rather than that it does not fall."""
    if not pooled["n_active"].sum():
        words = (
            "Of {n} new customers none bought in any of the {last} month(s) after the month of their first purchase: "
            "there is no drift to speak of. Win the second purchase first: ask new customers what would bring them "
            "back."
        )
    elif last == 1:
        words = (
            "Hardly anybody comes back: {start} of new customers bought again in the month after their first. "
            "Win the second purchase first: ask new customers what would bring them back."
        )
    else:
        words = (
            "Hardly anybody comes back in any one month: {start} of new customers bought in the month after their "
            "first, {end} in month {last}. Win the second purchase first: ask new customers what would bring them back."
        )
    return sentence(words, start=start, end=end, last=last, n=start.n or 0)


def _newest(table: pd.DataFrame) -> tuple[str | CannotSay, bool]:
    """Compare the newest cohort's first month of age with that of all before it; and whether that is beyond chance."""
    first = table[(table["age"] == 1) & (table["n_customers"] >= MIN_COHORT)].sort_values("cohort")
    if len(first) < 2:
        unsaid = sentence(
            "Whether newer customers stay longer cannot be said: fewer than two months of new customers, with "
            "at least {n} each, have a complete month after them.",
            n=MIN_COHORT,
        )
        return CannotSay(unsaid), False
    newest = first.iloc[-1]
    before = pooled_retention(first.iloc[:-1]).iloc[0]
    one, other = _rate(newest, {}), _rate(before, {})
    change = difference("retention_change", one, other)
    is_better = change.low is not None and change.low > 0
    is_worse = change.high is not None and change.high < 0
    if is_better:
        words = (
            "Of the new customers of {cohort}, {one} bought in the next month, of those of earlier months "
            "{other} (months with at least {least} new customers): more than chance, and better. Find out "
            "what was done differently, and do it again."
        )
    elif is_worse:
        words = (
            "Of the new customers of {cohort}, {one} bought in the next month, of those of earlier months "
            "{other} (months with at least {least} new customers): more than chance, and worse. Find out "
            "where these customers came from and what they met."
        )
    else:
        words = (
            "Of the new customers of {cohort}, {one} bought in the next month, of those of earlier months "
            "{other} (months with at least {least} new customers): within chance, so newer customers are not shown to "
            "differ."
        )
    said = sentence(words, cohort=span_text(str(newest["cohort"])), one=one, other=other, least=MIN_COHORT)
    return said, is_better or is_worse


def _newly_won(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out a first month of old customers who look new: they must not be the measure for those who are."""
    return table[table["cohort"] > table["cohort"].min()] if _crowded_start(table) else table


def _crowded_start(table: pd.DataFrame) -> str | None:
    """Notice a history that starts before the data do: then the first month is full of old customers."""
    sizes = table.groupby("cohort")["n_customers"].first()
    if len(sizes) < 2 or sizes.iloc[0] < CROWDED * sizes.iloc[1:].max():
        return None
    share = proportion("share", int(sizes.iloc[0]), int(sizes.sum()))
    return sentence(
        "{first} holds {share.short} of all customers, and no later month comes near: most of them bought before these "
        "data start. What is said of new customers leaves that month out; add older orders to judge it too.",
        first=span_text(str(sizes.index[0])),
        share=share,
    )


def _repeat_rate(repeat: pd.DataFrame) -> Estimate:
    return proportion("repeat_rate", int(repeat["n_customers"].iloc[0]), int(repeat["n_customers"].sum()))


def _rate(row: pd.Series, segment: dict[str, str]) -> Estimate:
    return proportion("retention_rate", int(row.n_active), int(row.n_customers), segment=segment)
