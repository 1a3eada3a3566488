"""Study 02: what revenue a cohort still brings in later months, and what its customers have brought by when."""

from __future__ import annotations

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import date_text, named, sentence, value_text
from cam.language import translate as _
from cam.measures.lifecycle.retention import MIN_COHORT
from cam.measures.lifecycle.revenue_cohorts import reached, revenue_cells, revenue_retention
from cam.reduce.cohort_revenue import cohort_members, cohort_revenue, cohort_sizes
from cam.reduce.states import month_of
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.stages import CROWDED, YEAR, complete_until, nobody_bought
from cam.studies.study import Study, needs

#: Groups on the page; the smallest of more are left out, and that is said.
_MOST_GROUPS = 8


@needs("transactions")
def cells(study: Study) -> pd.DataFrame | CannotSay:
    """Sum revenue by cohort, random part and month of age in the engine."""
    return _cells(study, None, "cohort_members")


@needs()
def by_cohort(study: Study, summed: pd.DataFrame) -> pd.DataFrame:
    """Say what share of its first month's revenue each cohort brought in each month, and what it brought so far."""
    return revenue_retention(summed)


@needs()
def by_age(study: Study, summed: pd.DataFrame) -> pd.DataFrame:
    """Add up the cohorts at each age."""
    return revenue_retention(summed, by=())


@needs()
def value_over_time(study: Study, summed: pd.DataFrame) -> pd.DataFrame:
    """Say what a customer has brought by each age, over the same cohorts at every age."""
    kept = _newly_won(summed)
    return revenue_retention(reached(kept, age=_old_age(kept)), by=())


@needs()
def show_retention(study: Study, pooled: pd.DataFrame, retained: pd.DataFrame) -> ShownTable | CannotSay:
    """Show revenue retention with numerators and denominators beside the retention of customers."""
    shown = pooled[pooled["age"] > 0].merge(
        retained[["age", "n_active", "retention_rate"]], on="age", how="left"
    )
    shown["each"] = (shown["revenue"] / shown["n_active"]).where(shown["n_active"] > 0)
    columns = [
        Col("age", "Month of age", "count", ordered=True),
        Col("n_cohorts", "Cohorts", "count"),
        Col("base", "Revenue in their first month", study.currency),
        Col("revenue", "in this month", study.currency),
        Col("revenue_retention", "Revenue retention", "share", "low", "high"),
        Col("retention_rate", "Retention rate", "share"),
        Col("each", "Revenue per active customer", study.currency, may_be_empty=True),
    ]
    first = float(pooled["base"].iloc[0] / pooled["n_customers"].iloc[0])
    notes = [
        sentence(
            "Revenue retention is the retention rate times revenue per active customer, divided by what each customer "
            "brought in the first month ({first} over all cohorts; per row over its own).",
            first=value_text(first, study.currency),
        ),
        _(
            "Revenue is net of refunds, in the month of the refund. It may rise: who stays can buy more than at first. "
            "Gross retention, which caps each customer at the own first month, is a figure of contracts and is not "
            "given here."
        ),
        sentence(
            "Only complete calendar months count: up to {date}.", date=date_text(complete_until(study.as_of))
        ),
    ]
    return show_table(
        shown, columns, caption="Revenue retention by age, all cohorts", notes=notes, max_rows=36
    )


@needs()
def show_value(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show what a customer has brought by month 0, 1, 3, 6, 12, 24 and the last."""
    last = int(table["age"].max())
    shown = table[table["age"].isin([0, 1, 3, 6, 12, 24, last])]
    columns = [
        Col("age", "Month of age", "count", ordered=True),
        Col("n_cohorts", "Cohorts", "count"),
        Col("n_customers", "Customers", "count"),
        Col("value", "Revenue so far per customer won", study.currency, "value_low", "value_high"),
    ]
    note = sentence("The same cohorts at every age: those that have been seen for {age} months.", age=last)
    return show_table(shown, columns, caption="What a customer has brought by when", note=note)


@needs("transactions", "customers")
def group_cells(study: Study) -> pd.DataFrame | CannotSay:
    """Sum revenue likewise by the column of customers that lifecycle.compare_by names."""
    column = study.params.lifecycle.compare_by or "acquisition_channel"
    missing = study.lacks_column("customers", column)
    if missing:
        return missing
    people = study.tables["customers"]
    groups = people.select("customer_id", group=people[column].cast("string"))
    return _cells(study, groups, "cohort_members_by")


@needs()
def compare(study: Study, summed: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Compare groups at one age, over the cohorts that have reached it."""
    kept = _newly_won(summed[summed["group"] != ""])
    if kept.empty:
        return CannotSay(
            sentence("No customer of these months has a value of {column}.", column=_column(study))
        )
    age = _old_age(kept)
    table = revenue_retention(reached(kept, age=age), by=("group",))
    table = table[(table["age"] == age) & table["value_low"].notna() & table["low"].notna()]
    if len(table) < 2:
        return CannotSay(
            sentence(
                "Revenue by {column} cannot be compared: fewer than two groups have {n} customers who have been seen "
                "for {age} months.",
                column=_column(study),
                n=MIN_COHORT,
                age=age,
            ),
            _("Name another column of customers in lifecycle.compare_by."),
        )
    return table.sort_values("value", ascending=False, kind="stable").reset_index(drop=True)


@needs()
def show_compare(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show what the customers of each group brought, and what of it is still there."""
    age = int(table["age"].iloc[0])
    kept = table.sort_values("n_customers", ascending=False, kind="stable").head(_MOST_GROUPS)
    shown = table[table["group"].isin(kept["group"])]
    columns = [
        Col("group", _column(study).capitalize()),
        Col("n_customers", "Customers", "count"),
        Col("value", "Revenue so far per customer won", study.currency, "value_low", "value_high"),
        Col("revenue_retention", "Revenue retention", "share", "low", "high"),
    ]
    notes = [
        sentence(
            "By month {age} of age, over the cohorts that have reached it; revenue retention is that of this month.",
            age=age,
        ),
        _("Groups differ in more than this column: a difference is no effect."),
    ]
    if len(shown) < len(table):
        notes.append(sentence("The largest {shown} of {all} groups.", shown=len(shown), all=len(table)))
    return show_table(shown, columns, caption="Revenue by group of customers", notes=notes)


def findings(
    study: Study, value: pd.DataFrame | CannotSay, groups: pd.DataFrame | CannotSay
) -> list[str | CannotSay]:
    """Say what share of first revenue is still there, what a customer has brought, and which group brought most."""
    if isinstance(value, CannotSay):
        return [value]
    return [_still_there(study, value), *_best_group(study, groups)]


def key_figures(
    study: Study, pooled: pd.DataFrame | CannotSay, value: pd.DataFrame | CannotSay
) -> list[Estimate | CannotSay]:
    """List revenue retention by age over all cohorts, and what a customer has brought by the last age."""
    if isinstance(pooled, CannotSay) or isinstance(value, CannotSay):
        return [next(one for one in (pooled, value) if isinstance(one, CannotSay))]
    figures: list[Estimate | CannotSay] = [
        _rate(row, {"age": str(int(row["age"]))})
        for row in pooled[pooled["age"] > 0].dropna(subset=["low", "high"]).to_dict("records")
    ]
    end = value.iloc[-1]
    if end["value_low"] == end["value_low"]:
        figures.append(_value(study, end, {"age": str(int(end["age"]))}))
    return figures


def _cells(study: Study, groups: ir.Table | None, name: str) -> pd.DataFrame | CannotSay:
    log = study.tables["transactions"]
    members = study.engine.create_table(
        name, cohort_members(log, as_of=study.as_of, groups=groups), overwrite=True
    )
    revenue = cohort_revenue(log, members, as_of=study.as_of).execute()
    sizes = cohort_sizes(members).execute()
    last = month_of(complete_until(study.as_of))
    if sizes.empty:
        return nobody_bought()
    if revenue.empty or sizes["cohort"].min() >= last:
        return CannotSay(
            _("No month of new customers has a complete calendar month after it yet."),
            _("Run the report again at the end of next month."),
        )
    summed = revenue_cells(revenue, sizes, last_month=last, n_months=study.params.lifecycle.n_months)
    if not (revenue_retention(summed, by=())["base"] > 0).any():
        return CannotSay(
            _("No cohort brought revenue in its first month, so no share of it can have stayed."),
            _("See whether data.transactions.columns names the right column for revenue."),
        )
    return summed


def _newly_won(summed: pd.DataFrame) -> pd.DataFrame:
    """Without a first month that is full of old customers who look new; all where there is no other."""
    sizes = summed[summed["age"] == 0].groupby("cohort")["n_customers"].sum()
    is_crowded = len(sizes) > 1 and sizes.iloc[0] >= CROWDED * sizes.iloc[1:].max()
    has_later = is_crowded and summed.loc[summed["cohort"] > sizes.index[0], "age"].max() > 0
    return summed[summed["cohort"] > sizes.index[0]] if has_later else summed


def _old_age(summed: pd.DataFrame) -> int:
    """The age at which customers are compared: a year, or as far as half of all customers have been seen."""
    sizes = summed[summed["age"] == 0].groupby("cohort")["n_customers"].sum()
    seen = summed.groupby("cohort")["age"].max()
    ages = [age for age in range(1, int(seen.max()) + 1) if 2 * sizes[seen >= age].sum() >= sizes.sum()]
    return min(max(ages, default=int(seen.max())), YEAR)


def _still_there(study: Study, value: pd.DataFrame) -> str | CannotSay:
    end = value.iloc[-1]
    age = int(end["age"])
    if not (end["low"] == end["low"] and end["value_low"] == end["value_low"]):
        return CannotSay(
            sentence(
                "What share of its revenue a cohort keeps cannot be said: fewer than {n} customers have been seen long "
                "enough.",
                n=MIN_COHORT,
            )
        )
    words = (
        "In month {age} after the first purchase customers bring {rate} of the revenue of their first month; by then "
        "each customer won has brought {value}. Do not spend more on winning one than the margin in that."
    )
    return sentence(words, age=age, rate=_rate(end, {}), value=_value(study, end, {}))


def _best_group(study: Study, groups: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    if isinstance(groups, CannotSay):
        return [groups]
    best, worst = groups.iloc[0], groups.iloc[-1]
    names = {"best": str(best["group"]), "worst": str(worst["group"]), "column": _column(study)}
    if best["value_low"] <= worst["value_high"]:
        return [
            sentence(
                "By {column}, what customers have brought by month {age} does not differ beyond chance.",
                column=names["column"],
                age=int(best["age"]),
            )
        ]
    return [
        sentence(
            "By {column}, customers of {best} have brought most by month {age}: {one}; those of {worst} least: "
            "{other}. Hold this against what winning them costs before you move money.",
            age=int(best["age"]),
            one=_value(study, best, {}),
            other=_value(study, worst, {}),
            **names,
        )
    ]


def _column(study: Study) -> str:
    return named(study.params.lifecycle.compare_by or "acquisition_channel").lower()


def _rate(row: pd.Series | dict, segment: dict[str, str]) -> Estimate:
    return Estimate(
        "revenue_retention",
        float(row["revenue_retention"]),
        "share",
        int(row["n_customers"]),
        float(row["low"]),
        float(row["high"]),
        segment,
    )


def _value(study: Study, row: pd.Series | dict, segment: dict[str, str]) -> Estimate:
    return Estimate(
        "cohort_value",
        float(row["value"]),
        study.currency,
        int(row["n_customers"]),
        float(row["value_low"]),
        float(row["value_high"]),
        segment,
    )
