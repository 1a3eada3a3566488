"""Study 02: what the rates from period to period say, in sentences, and their key figures."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import ibis
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import period_text, sentence, together, value_text
from cam.language import translate as _
from cam.measures.lifecycle.period_rates import bridge_table, rate_trend, revenue_parts
from cam.reduce.cohort_revenue import cohort_revenue
from cam.reduce.states import month_of
from cam.studies.period_rates import Counts, NoBase, Ways
from cam.studies.stages import YEAR
from cam.studies.study import Study

_CHURNS = ("revenue_churn_gross", "revenue_churn_net")


def findings(study: Study, ways: Ways, table: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    """Say whether those who stay make up for those who leave, and whether retention moves beyond chance."""
    if isinstance(table, CannotSay):
        return [table]
    basis, counted = next((basis, way) for basis, way in ways.items() if isinstance(way, Counts))
    latest = table[(table["basis"] == basis) & (table["pair"] == counted.last)].set_index("rate")
    said = _made_up_for(counted, latest)
    moved = _trend(counted, table[table["basis"] == basis])
    return [said, moved] if moved else [said]


def key_figures(study: Study, ways: Ways, table: pd.DataFrame | CannotSay) -> list[Estimate | CannotSay]:
    """List all rates by basis and period, the totals of each period, and the amounts that both sums are made of."""
    figures: list[Estimate | CannotSay] = [way for way in ways.values() if isinstance(way, CannotSay)]
    for way in ways.values():
        if isinstance(way, NoBase) and way.counted:
            figures += _totals(study, way.counted)  # that nobody is there any more is no reason to hide it
    if isinstance(table, CannotSay):
        return figures
    for basis, counted in ways.items():
        if isinstance(counted, CannotSay):
            continue
        for row in table[table["basis"] == basis].to_dict("records"):
            figures.append(_rate(row, {"basis": basis, "period": counted.period(int(row["pair"]))}))
        figures += _totals(study, counted)
        steps = bridge_table(counted.pairs.iloc[-1], revenue_parts(counted.cells, last=counted.last))
        for row in steps.to_dict("records"):
            name, unit, scale = (
                ("customer_bridge", "count", 1)
                if row["block"] == "customers"
                else ("revenue_bridge", study.currency, 100)
            )
            segment = {"basis": basis, "period": counted.period(counted.last), "step": str(row["step"])}
            figures.append(Estimate(name, row["amount"] / scale, unit, segment=segment))
    return figures


def _totals(study: Study, counted: Counts) -> list[Estimate]:
    """Count the customers of every period, and sum its revenue where purchases tell it: totals, without chance."""
    pairs = counted.pairs.set_index("pair")
    first = int(pairs.index[0]) - 1
    people = {first: int(pairs["n_base"].iloc[0]), **pairs["n_active"].astype(int).to_dict()}
    segments = {place: {"basis": counted.basis, "period": counted.period(place)} for place in people}
    figures = [Estimate("n_customers", n, "count", segment=segments[place]) for place, n in people.items()]
    if counted.basis != "purchases":
        return figures
    log = study.tables["transactions"]
    # All in one cohort that began in month 0: then a month of age is a month of the calendar.
    everybody = log.select("customer_id").distinct().mutate(cohort=ibis.literal(0), part=ibis.literal(0))
    months = cohort_revenue(log, everybody, as_of=counted.ends[counted.last]).execute()
    by_month = {int(row.age): row.revenue for row in months.itertuples()}
    for place, segment in segments.items():
        start, end = (month_of(day) for day in counted.days(place))
        revenue = sum((by_month.get(month, Decimal()) for month in range(start, end + 1)), Decimal())
        figures.append(Estimate("revenue", float(revenue), study.currency, segment=segment))
    return figures


def _made_up_for(counted: Counts, latest: pd.DataFrame) -> str:
    """Net against gross: whether those who stay make up for what is lost."""
    kept = _rate(latest.loc["period_retention_rate"].to_dict() | {"rate": "period_retention_rate"}, {})
    later = period_text(*counted.days(counted.last))
    if "revenue_churn_net" not in latest.index:
        return sentence(
            "Of the customers of the period before, {kept} were there again in the period {later}.",
            kept=kept,
            later=later,
        )
    gross, net = (_rate(latest.loc[name].to_dict() | {"rate": name}, {}) for name in _CHURNS)
    parts = revenue_parts(counted.cells, last=counted.last)
    if gross.value == 0:
        return sentence(
            "Of the customers of the period before, {kept} were there again in the period {later}, and "
            "nothing of their revenue was lost.",
            kept=kept,
            later=later,
        )
    if net.high is not None and net.high < 0:
        words = (
            "Of the customers of the period before, {kept} were there again in the period {later}. "
            "{gross.short} of revenue was lost with the others and as some brought less, but those who "
            "stayed brought so much more that net churn is {net}: they make up for those who leave. Look "
            "after who buys more."
        )
    elif net.low is not None and net.low <= 0:
        words = (
            "Of the customers of the period before, {kept} were there again in the period {later}. "
            "{gross.short} of revenue was lost, and made up for within chance by those who stayed and "
            "brought more: net churn is {net}."
        )
    else:
        return _with_season(counted, _lost_said(kept, later, (gross, net), parts))
    said = sentence(words, kept=kept, later=later, gross=gross, net=net)
    return _with_season(counted, said)


def _lost_said(
    kept: Estimate, later: str, churns: tuple[Estimate, Estimate], parts: Mapping[str, int]
) -> str:
    """Gross churn by who lost it, how it becomes net, and whose the net is; the parts add up as they are printed."""
    gross, net = churns
    whole, final, left = (
        round(share, 3) for share in (gross.value, net.value, parts["lost"] / parts["earlier"])
    )
    said = sentence(
        "Of the customers of the period before, {kept} were there again in the period {later}. "
        "{gross.short} of the revenue of the period before was lost (gross churn): {left} with customers who left and "
        "{less} as others stayed but brought less. Some of those who stayed brought more, {more} of the same revenue, "
        "so net churn is {net}.",
        kept=kept,
        later=later,
        gross=gross,
        net=net,
        left=value_text(left, "share"),
        less=value_text(max(whole - left, 0.0), "share"),
        more=value_text(max(whole - final, 0.0), "share"),
    )
    # Ups and downs of those who stayed cancel: what counts of them is what is left.
    stayed = round(final - left, 3)
    if stayed <= 0:
        words = (
            "Those who stayed brought no less on balance, so net churn is all of customers who left: work on keeping "
            "them."
        )
    elif left >= stayed:
        words = (
            "Of net churn, {left} is of customers who left and {stayed}, on balance, of those who stayed: keeping "
            "customers comes first."
        )
    else:
        words = (
            "Of net churn, {left} is of customers who left and {stayed}, on balance, of those who stayed: work on "
            "what those who stay buy."
        )
    return together(said, sentence(words, left=value_text(left, "share"), stayed=value_text(stayed, "share")))


def _with_season(counted: Counts, said: str) -> str:
    is_short = counted.basis == "purchases" and counted.fit.months < YEAR
    return together(said, _("Periods of less than a year also differ in season.")) if is_short else said


def _trend(counted: Counts, table: pd.DataFrame) -> str | None:
    """Say that retention rises or falls, where that is more than chance and seasons."""
    of_rate = table[table["rate"] == "period_retention_rate"].sort_values("pair")
    trend = rate_trend(of_rate, figure="retention_change")
    if trend is None or trend.low is None or trend.high is None or trend.low <= 0 <= trend.high:
        return None
    words = (
        "Over the last {n} periods of {months} month(s), retention has fallen by {size} percentage points "
        "each ({low} to {high}): more than chance. Find out since when, and what changed then."
        if trend.high < 0
        else "Over the last {n} periods of {months} month(s), retention has risen by {size} percentage points "
        "each ({low} to {high}): more than chance. Keep doing what changed."
    )
    low, high = sorted((abs(trend.low), abs(trend.high)))
    return sentence(
        words,
        n=len(of_rate),
        months=counted.fit.months,
        size=value_text(abs(trend.value), "points"),
        low=value_text(low, "points"),
        high=value_text(high, "points"),
    )


def _rate(row: Mapping[str, object], segment: dict[str, str]) -> Estimate:
    n = row["n"] if "n" in row and row["n"] == row["n"] else row["bottom"]
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))  # type: ignore[arg-type]
    return Estimate(str(row["rate"]), value, "share", int(n), low, high, segment)  # type: ignore[call-overload]
