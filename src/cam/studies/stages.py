"""Study 02: in which stage of their life with the client customers stand, where they go, and what a stage is worth."""

from __future__ import annotations

import functools
import math
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay
from cam.language import date_text, period_text, sentence, value_text
from cam.language import translate as _
from cam.measures.lifecycle.gaps import CHANCES, MIN_GAPS, UNUSUAL, derive_rules, gap_table
from cam.measures.lifecycle.stages import (
    StageRules,
    bought_months,
    count_stages,
    pattern_stages,
    stage_change,
    stage_codes,
    stage_worth,
)
from cam.measures.lifecycle.transitions import move_costs, time_in_stage, transition_table
from cam.reduce.stages import customer_stages, stage_revenue
from cam.reduce.states import activity_patterns, customer_patterns, month_of
from cam.show.tables import Col, ShownTable, show_table
from cam.show.words import stage_text
from cam.studies.study import Study, needs

#: Months that a comparison looks back, so that seasons are compared with themselves.
YEAR = 12
#: A first month with so many times the customers of any later one holds old customers who look new.
CROWDED = 3
#: Moves in the table of the dearest.
_MOST_MOVES = 8


@dataclass(frozen=True, slots=True)
class Months:
    """The complete calendar months of a client, and in which of them customers bought.

    Attributes
    ----------
    first, last : date
        First day of the first month and last day of the last complete one.
    customers : ibis.Table
        Each customer's pattern of months, kept in the engine.
    patterns : DataFrame
        The distinct ones.
    bought : array of bool
        One row per pattern, one column per month.
    n_customers : array of int
        Customers with each pattern.
    """

    first: date
    last: date
    customers: ir.Table
    patterns: pd.DataFrame
    bought: np.ndarray
    n_customers: np.ndarray

    @property
    def n_months(self) -> int:
        """How many months there are."""
        return int(self.bought.shape[1])

    @property
    def first_month(self) -> int:
        """Month 0 as year x 12 + month - 1."""
        return month_of(self.first)


def complete_until(day: date) -> date:
    """Return the last day of the last complete month up to a day."""
    is_end = day.day == monthrange(day.year, day.month)[1]
    return day if is_end else day.replace(day=1) - timedelta(days=1)


def nobody_bought() -> CannotSay:
    """Say that all transactions are refunds, and what may be the reason."""
    return CannotSay(
        _("Nobody has bought: every row of the transactions is a refund."),
        _("If they are no refunds, the sign of revenue is the wrong way round: turn it at the source."),
    )


@needs("transactions")
def months(study: Study) -> Months | CannotSay:
    """Reduce the orders to the patterns of complete months in which customers bought."""
    log = study.tables["transactions"]
    first = log.filter(log.kind == "purchase").order_date.min().execute()
    last = complete_until(study.as_of)
    if pd.isna(first):
        return nobody_bought()
    if first.date() > last:
        return CannotSay(
            _("There is no complete calendar month with a purchase."),
            _("Run the report again at the end of the month."),
        )
    begin = first.date().replace(day=1)
    reduce = functools.partial(customer_patterns, first=begin, as_of=last)
    customers = study.keep_reduced("customer_patterns", reduce)
    patterns = activity_patterns(customers).execute()
    n_customers = patterns.pop("n_customers").to_numpy(np.int64)
    bought = bought_months(patterns, n_months=month_of(last) - month_of(begin) + 1)
    return Months(begin, last, customers, patterns, bought, n_customers)


@needs()
def gaps(study: Study, seen: Months) -> pd.DataFrame:
    """Say how long customers stay silent between two months with a purchase, and who still comes back."""
    return gap_table(seen.bought, seen.n_customers)


@needs()
def rules(study: Study, table: pd.DataFrame) -> StageRules | CannotSay:
    """Set the limits between stages: those of the parameter file, else by the client's own gaps."""
    asked = study.params.lifecycle
    given = {"at_risk": asked.at_risk_months, "dormant": asked.dormant_months, "lost": asked.lost_months}
    try:
        return derive_rules(table, loyal_months=asked.loyal_months, given=given)
    except ValueError:
        known = [months for months in given.values() if months is not None]
        if known and len(table) >= len(CHANCES):
            return CannotSay(
                _(
                    "The limits between stages in the parameter file leave no room for those that are not given."
                ),
                _("Set lifecycle.at_risk_months, dormant_months and lost_months together."),
            )
        return CannotSay(
            sentence(
                "From when on a silence means something cannot be said: fewer than {least} gaps between purchases "
                "have been seen for {months} months.",
                least=MIN_GAPS,
                months=len(CHANCES),
            ),
            _("Set lifecycle.at_risk_months, dormant_months and lost_months, or add older orders."),
        )


@needs()
def show_rules(study: Study, fit: StageRules, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the limits between stages, with the numbers that they were set by."""
    asked = study.params.lifecycle
    given = {"at_risk": asked.at_risk_months, "dormant": asked.dormant_months, "lost": asked.lost_months}
    by_months = table.set_index("months")
    rows = []
    for name, limit in limits(fit).items():
        row: dict[str, object] = {"stage": stage_text(name), "months": limit}
        # At the end of what can be seen nobody comes back any more: that says nothing.
        known = by_months.loc[limit] if limit in by_months.index[:-1] else None
        row["closed"] = math.nan if known is None else known["share_closed"]
        row["chance"], row["low"], row["high"] = (
            (math.nan,) * 3 if known is None else (known["chance"], known["low"], known["high"])
        )
        row["n"] = math.nan if known is None else known["n_at_risk"]
        row["by"] = _("the parameter file") if given[name] else _("the gaps")
        rows.append(row)
    columns = [
        Col("stage", "Stage"),
        Col("months", "from months without a purchase", "count"),
        Col("closed", "gaps that had ended by then", "share", may_be_empty=True),
        Col("chance", "still come back", "share", "low", "high", may_be_empty=True),
        Col("n", "gaps seen so long", "count", may_be_empty=True),
        Col("by", "Set by"),
    ]
    return show_table(
        pd.DataFrame(rows),
        columns,
        caption="From when on a silence counts",
        notes=_rule_words(study, fit, table),
    )


@needs()
def stages(study: Study, seen: Months, fit: StageRules) -> np.ndarray:
    """Put every pattern into its stage at each month's end."""
    return stage_codes(seen.bought, rules=fit)


@needs()
def counts(study: Study, seen: Months, codes: np.ndarray) -> pd.DataFrame:
    """Count the customers in each stage at each month's end."""
    return count_stages(codes, seen.n_customers, first_month=seen.first_month)


@needs()
def shares(study: Study, seen: Months, codes: np.ndarray, fit: StageRules) -> pd.DataFrame:
    """Compare the shares of the stages now with those a year ago, where the history is long enough for it."""
    return stage_change(codes, seen.n_customers, back=YEAR if can_compare(seen, fit) else 0)


@needs()
def show_stages(
    study: Study, table: pd.DataFrame, worth: pd.DataFrame | None = None
) -> ShownTable | CannotSay:
    """Show how many customers are in each stage, and what changed within a year."""
    shown = table.assign(name=table["stage"].map(stage_text))
    columns = [
        Col("name", "Stage"),
        Col("n_customers", "Customers", "count"),
        Col("share", "Share", "share", "low", "high"),
    ]
    if "change" in shown:
        columns += [
            Col("n_before", "a year before", "count"),
            Col("change", "Change", "points", "change_low", "change_high"),
        ]
    words = (
        "On {date}, of all customers who had bought by then; the change is in percentage points."
        if "change" in shown
        else "On {date}, of all customers who had bought by then."
    )
    note = sentence(words, date=date_text(complete_until(study.as_of)))
    return show_table(shown, columns, caption="Customers by stage", note=note)


@needs()
def transitions(study: Study, seen: Months, codes: np.ndarray, fit: StageRules) -> pd.DataFrame | CannotSay:
    """Say which share of each stage moves to which within a month, over the last year together."""
    n_moves = min(YEAR, seen.n_months - 1)
    if n_moves < 1:
        return CannotSay(
            _("One complete month shows no move yet."), _("Run the report again at the end of next month.")
        )
    compare = seen.n_months - 1 >= 2 * YEAR and can_compare(seen, fit)
    return transition_table(codes, seen.n_customers, n_moves=n_moves, compare=compare)


@needs()
def show_moves(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the moves between two stages whose rate changed most against the year before."""
    if "change" not in table:
        return CannotSay(
            _("Whether moves have become more frequent cannot be said: there are not two years to compare."),
            _("Add older orders."),
        )
    moved = table[(table["from"] != table["to"]) & table["change"].notna() & (table["n_moved"] > 0)]
    order = moved["change"].abs().sort_values(ascending=False, kind="stable").index
    shown = moved.loc[order].head(_MOST_MOVES)
    shown = shown.assign(before=shown["from"].map(stage_text), after=shown["to"].map(stage_text))
    columns = [
        Col("before", "From"),
        Col("after", "To"),
        Col("n_moved", "Moves", "count"),
        Col("rate", "per month", "share", "low", "high"),
        Col("change", "Change", "points", "change_low", "change_high"),
    ]
    note = _("The last twelve months against the twelve before; the change is in percentage points.")
    return show_table(shown, columns, caption="Moves that have become more or less frequent", note=note)


@needs()
def moves_period(study: Study, seen: Months) -> str:
    """Say which months the moves are counted in, ready to print."""
    return period_text(_months_before(seen.last, min(YEAR, max(seen.n_months - 1, 1))), seen.last)


@needs()
def stays(study: Study, seen: Months, codes: np.ndarray) -> pd.DataFrame:
    """Say how many months customers stay in each stage before they leave it."""
    return time_in_stage(codes, seen.n_customers)


@needs()
def show_stays(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the median stay in each stage."""
    shown = table.assign(name=table["stage"].map(stage_text))
    columns = [
        Col("name", "Stage"),
        Col("n_spells", "Stays", "count"),
        Col("n_left", "that have ended", "count"),
        Col("median", "Median stay", "months", "low", "high", may_be_empty=True),
    ]
    notes = [
        _("A stay that is not over is counted as long as it has lasted, and not as ended (Kaplan and Meier).")
    ]
    if shown["median"].isna().any():
        notes.append(_("Empty: fewer than half have left within what the data show, or too few customers."))
    if (shown["median"].notna() & shown["high"].isna()).any():
        notes.append(_("No interval: its upper end lies beyond what the data show."))
    return show_table(shown, columns, caption="How long customers stay in a stage", notes=notes)


@needs()
def customer_table(study: Study, seen: Months, codes: np.ndarray) -> ir.Table:
    """Put each customer into a stage at the end of the last complete month, in the engine."""
    return _customer_table(study, seen, codes, month_end=seen.last)


@needs()
def worth_now(study: Study, seen: Months, customers: ir.Table) -> pd.DataFrame:
    """Say what the customers of each stage brought in the year behind them."""
    first = _months_before(seen.last, min(YEAR, seen.n_months))
    return _worth(study, customers, first=first, last=seen.last)


@needs()
def worth_after(study: Study, seen: Months, codes: np.ndarray) -> pd.DataFrame | CannotSay:
    """Say what customers went on to bring after a date, by the stage in which they were then."""
    ahead = months_ahead(seen)
    if ahead < 3:
        return CannotSay(
            _("What a stage is worth cannot be said: too few months follow after a month with stages."),
            _("Add older orders, or run the report again in some months."),
        )
    cut = _months_before(seen.last, ahead) - timedelta(days=1)
    stood = _customer_table(study, seen, codes, month_end=cut)
    return _worth(study, stood, first=cut + timedelta(days=1), last=seen.last)


@needs()
def show_worth(
    study: Study, seen: Months, now: pd.DataFrame, after: pd.DataFrame | CannotSay
) -> ShownTable | CannotSay:
    """Show what each stage brought, and what its customers go on to bring."""
    shown = now.assign(name=now["stage"].map(stage_text))
    columns = [
        Col("name", "Stage now"),
        Col("n_customers", "Customers", "count"),
        Col("revenue", "Revenue of the last months", study.currency),
        Col("revenue_share", "Share", "share", may_be_empty=True),
    ]
    ahead = months_ahead(seen)
    notes = [
        sentence(
            "Revenue of the {n} months to {date}, net of refunds.",
            n=min(YEAR, seen.n_months),
            date=date_text(seen.last),
        )
    ]
    if not isinstance(after, CannotSay):
        known = after.set_index("stage")[["each", "low", "high"]].add_prefix("next_")
        shown = shown.join(known, on="stage")
        columns.append(
            Col(
                "next_each",
                "what one brings next",
                study.currency,
                "next_low",
                "next_high",
                may_be_empty=True,
            )
        )
        notes.append(
            sentence(
                "What one brings next: revenue per customer of the {n} months after {date}, by the stage on that day.",
                n=ahead,
                date=date_text(_months_before(seen.last, ahead) - timedelta(days=1)),
            )
        )
        if shown["next_each"].isna().any():
            notes.append(_("Empty: too few customers, or none, were in this stage on that day."))
    return show_table(shown, columns, caption="What each stage is worth", notes=notes)


@needs()
def costs(study: Study, seen: Months, table: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Hold each move against what the customers of the two stages go on to bring."""
    return move_costs(table, after, n_moves=min(YEAR, seen.n_months - 1))


@needs()
def show_costs(study: Study, seen: Months, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the moves that go with the greatest loss of revenue ahead."""
    lost = table[table["total"] < 0].head(_MOST_MOVES)
    if lost.empty:
        return CannotSay(_("No move between stages goes with a loss of revenue ahead."))
    shown = lost.assign(before=lost["from"].map(stage_text), after=lost["to"].map(stage_text))
    columns = [
        Col("before", "From"),
        Col("after", "To"),
        Col("per_month", "Customers a month", "count"),
        Col("difference", "Difference per customer", study.currency),
        Col("total", "of all who move in a month", study.currency, "low", "high"),
    ]
    note = sentence(
        "What such customers brought in the {n} months ahead, after less before. A comparison, not an effect: who "
        "falls silent differs in more than the silence.",
        n=months_ahead(seen),
    )
    return show_table(shown, columns, caption="Which moves go with the greatest loss", note=note)


@needs()
def scores(study: Study, customers: ir.Table, stood: ir.Table) -> ir.Table:
    """Pick each customer's stage and months of silence; who was won since the last complete month is first-time."""
    joined = customers.select("customer_id").left_join(stood, "customer_id")
    return joined.select(
        "customer_id",
        lifecycle_stage=joined.lifecycle_stage.fill_null("first_time"),
        months_silent=joined.months_silent.fill_null(0),
    )


def _rule_words(study: Study, fit: StageRules, table: pd.DataFrame) -> list[str]:
    said = [
        sentence(
            "At risk: longer than {share} of the gaps that ended, or fewer than {half} still come back, whichever is "
            "earlier. Dormant: fewer than {quarter} still come back. Lost: fewer than {tenth}.",
            share=_whole(UNUSUAL),
            half=_whole(CHANCES["at_risk"]),
            quarter=_whole(CHANCES["dormant"]),
            tenth=_whole(CHANCES["lost"]),
        ),
        sentence(
            "First-time: one month with a purchase; loyal: {loyal} or more; repeat: between. Reactivated: bought again "
            "after having been dormant or lost, until the next month with a purchase.",
            loyal=fit.loyal_months,
        ),
        _("A month with a purchase counts once, however many purchases it holds."),
    ]
    if len(table):
        said.append(
            sentence(
                "Still come back: within the {months} months that enough gaps have been seen for; gaps that are not "
                "over count as long as they have lasted.",
                months=int(table["months"].iloc[-1]),
            )
        )
    if not all(limit in set(table["months"].iloc[:-1]) for limit in limits(fit).values()):
        said.append(_("Empty: so long a silence lies at the end of what can be seen, or beyond."))
    return said


def _whole(share: float) -> str:
    """Write a limit that somebody has set: 95 %, not 95.0 %."""
    return value_text(share, "share").replace(".0", "")


def can_compare(seen: Months, fit: StageRules) -> bool:
    """Whether a year ago customers could already have been lost; before, shares differ by the data's start alone."""
    return seen.n_months - 1 - YEAR >= fit.lost_months


def limits(fit: StageRules) -> dict[str, int]:
    """Name the months of silence of each limit."""
    return {"at_risk": fit.at_risk_months, "dormant": fit.dormant_months, "lost": fit.lost_months}


def months_ahead(seen: Months) -> int:
    """Months after a date whose stages have a history of at least as long."""
    return min(YEAR, seen.n_months // 2)


def _months_before(last: date, n_months: int) -> date:
    """First day of the n months that end on a month's last day."""
    month = 12 * last.year + last.month - n_months
    return date(month // 12, month % 12 + 1, 1)


def _customer_table(study: Study, seen: Months, codes: np.ndarray, *, month_end: date) -> ir.Table:
    month = month_of(month_end) - month_of(seen.first)
    stood = pattern_stages(seen.patterns, seen.bought, codes, month=month)
    name = f"stages_{month_end:%Y%m%d}"
    given = study.engine.create_table(f"{name}_patterns", stood, overwrite=True)
    return study.engine.create_table(name, customer_stages(seen.customers, given), overwrite=True)


def _worth(study: Study, stood: ir.Table, *, first: date, last: date) -> pd.DataFrame:
    sums = stage_revenue(stood, study.tables["transactions"], first=first, last=last).execute()
    money = sums["revenue"].map(int) / 100
    squares = sums["squares"].map(lambda square: int(square) / 10_000)
    return stage_worth(sums.assign(n_customers=sums["n_customers"].map(int), revenue=money, squares=squares))
