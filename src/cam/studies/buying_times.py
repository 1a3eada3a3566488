"""Study 01, when customers buy: in the week, in the year, and how soon again."""

from __future__ import annotations

from datetime import date

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import named, sentence, together, value_text
from cam.language import translate as _
from cam.measures.segmentation import behaviour as measures
from cam.reduce.behaviour import gap_cells, mix_sums, week_cells
from cam.reduce.scores import score_by_limits
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, needs

#: Named parts of the day, each to the hour at which the next begins.
PARTS = (("night", 0, 6), ("morning", 6, 11), ("midday", 11, 14), ("afternoon", 14, 18), ("evening", 18, 24))
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Of orders with an hour one in 86,400 stands at 00:00:00. From this share on, it stands there for "not known".
MIDNIGHT_SHARE = 0.01
#: From this share of orders without an hour on, the others say too little.
MAX_WITHOUT_HOUR = 0.5
DAYS_PER_YEAR = 365
#: Fewer customers with a second purchase day than this say too little of the time between.
MIN_REPEAT = 30
#: Parts that customers are dealt into for the interval of the curve.
N_PARTS = 50


@needs()
def week(study: Study, bought: ir.Table) -> pd.DataFrame | CannotSay:
    """Count the orders at each hour of the week."""
    known = with_hour(bought)
    if isinstance(known, CannotSay):
        return known
    return week_cells(known).order_by(["weekday", "hour"]).execute()


@needs()
def week_shares(study: Study, bought: ir.Table) -> pd.DataFrame:
    """Say what share of orders falls on each weekday, and in each part of the day where hours are known."""
    days = order_shares(bought.mutate(level=bought.weekday)).sort_values("level")
    days = days.assign(section="weekday", label=[named(WEEKDAYS[level]) for level in days["level"]])
    known = with_hour(bought)
    if isinstance(known, CannotSay):
        return days.reset_index(drop=True)
    parts = order_shares(known.mutate(level=part_of_day(known))).sort_values("level")
    parts = parts.assign(section="part", label=[_part_label(level) for level in parts["level"]])
    return pd.concat([days, parts], ignore_index=True)


@needs()
def show_week(study: Study, table: pd.DataFrame, bought: ir.Table) -> ShownTable | CannotSay:
    """Show the weekdays and parts of the day as a table, and say what the hours are."""
    known = with_hour(bought)
    if isinstance(known, CannotSay):
        notes = [together(known.reason, known.cure)]
    else:
        notes = [_("Hours are as the source writes them; if it writes another time zone, they are shifted.")]
        without = int(bought.count().execute()) - int(known.count().execute())
        if without:
            words = "{n} orders stand at exactly midnight: their hour is taken as not known."
            notes.append(sentence(words, n=without))
    return show_levels(table, caption="When in the week customers buy", notes=notes)


@needs()
def months(study: Study, bought: ir.Table) -> pd.DataFrame | CannotSay:
    """Count the orders per day in each whole calendar month."""
    sums = mix_sums(bought.mutate(level=bought.month)).execute()
    rates = measures.month_rates(sums, first=first_day(study), last=study.as_of)
    if len(rates) < 2:
        return CannotSay(
            _("The orders do not cover two whole calendar months, so nothing can be said of seasons.")
        )
    return rates


def season_note(study: Study, bought: ir.Table | CannotSay) -> str:
    """Say whether the history is long enough to tell season from growth."""
    if isinstance(bought, CannotSay):
        return ""
    days = (study.as_of - first_day(study)).days + 1
    if days < 2 * DAYS_PER_YEAR:
        return _("with less than two years of orders, season and growth cannot be told apart")
    return _("what returns in every year is season, what differs between years is growth or chance")


@needs()
def gaps(study: Study, bought: ir.Table) -> pd.DataFrame | CannotSay:
    """Count the gaps between purchase days, those still open among them."""
    found = gap_cells(bought, as_of=study.as_of, n_parts=N_PARTS)
    found = found.order_by(["part", "days", "is_closed"]).execute()
    days = bought.group_by("customer_id").aggregate(n=bought.day.nunique())
    repeated = int(days.filter(days.n > 1).count().execute())
    if repeated < MIN_REPEAT:
        return CannotSay(
            sentence(
                "Only {n} customers have bought on two days or more; the time between purchases needs {least}.",
                n=repeated,
                least=MIN_REPEAT,
            )
        )
    return found


@needs()
def gap_curve(study: Study, found: pd.DataFrame) -> pd.DataFrame:
    """Say after how many days a purchase has been followed by another."""
    return measures.gap_curve(found)


@needs()
def show_gaps(study: Study, curve: pd.DataFrame, found: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the quartiles of the time to the next purchase beside those of the closed gaps alone."""
    labels = {0.25: "A quarter", 0.5: "Half", 0.75: "Three quarters"}
    rows = []
    for share, label in labels.items():
        days = measures.gap_quantile("days", curve, share)
        rows.append(
            {
                "share": label,
                "days": days.value if days else float("nan"),
                "low": days.low if days else None,
                "high": days.high if days else None,
                "closed": measures.closed_quantile(found, share),
            }
        )
    is_open = found["is_closed"] == 0
    notes = [
        sentence(
            "{n} gaps, of which {open} are still open. Long gaps have had less time to close, so the closed ones alone "
            "are too short.",
            n=int(found["n"].sum()),
            open=int(found.loc[is_open, "n"].sum()),
        )
    ]
    if any(row["days"] != row["days"] for row in rows):
        notes.append(_("A dash: so many purchases have not been followed by another within the history."))
    columns = [
        Col("share", "Of purchases, followed by another"),
        Col("days", "within", "days", "low", "high", ordered=True),
        Col("closed", "by closed gaps alone", "days"),
    ]
    return show_table(pd.DataFrame(rows), columns, caption="How soon customers buy again", notes=notes)


@needs()
def median_gap(study: Study, curve: pd.DataFrame) -> Estimate | CannotSay:
    """Return the days by which half of all purchases have been followed by another."""
    median = measures.gap_quantile("median_interpurchase_days", curve, 0.5)
    if median is None:
        return CannotSay(
            _(
                "Less than half of all purchases have been followed by another so far: there is no median time between."
            )
        )
    if median.low is None:
        words = "The median time between purchases is near {days}, but the data do not bound it from above."
        return CannotSay(sentence(words, days=value_text(median.value, "days")))
    return median


def with_hour(bought: ir.Table) -> ir.Table | CannotSay:
    """Keep the orders whose hour is known."""
    n, midnight = bought.aggregate(n=bought.count(), midnight=bought.at_midnight.sum()).execute().iloc[0]
    if midnight < MIDNIGHT_SHARE * n:
        return bought
    cure = _("Export order_date with its time of day.")
    if midnight == n:
        return CannotSay(_("All orders stand at midnight: the source knows days, not hours."), cure)
    if midnight > MAX_WITHOUT_HOUR * n:
        words = "{midnight} of {n} orders stand at exactly midnight: the source knows the hour of too few."
        return CannotSay(sentence(words, midnight=int(midnight), n=int(n)), cure)
    return bought.filter(bought.at_midnight == 0)


def part_of_day(known: ir.Table) -> ir.IntegerColumn:
    """Return the place in :data:`PARTS` of each order's hour."""
    return score_by_limits(known.hour, [begin - 1 for _name, begin, _end in PARTS[1:]]) - 1


def _part_label(level: int) -> str:
    name, begin, end = PARTS[level]
    return sentence(
        "{part} ({begin}:00 to {end}:59)", part=named(name), begin=f"{begin:02d}", end=f"{end - 1:02d}"
    )


def order_shares(pairs: ir.Table) -> pd.DataFrame:
    """Say what share of orders is at each level, with its interval."""
    return measures.level_shares(mix_sums(pairs).execute())


def first_day(study: Study) -> date:
    """Return the first day of the transactions."""
    review = study.prepared.review["tables"]["transactions"]
    return date.fromisoformat(review["first_date"])


def show_levels(table: pd.DataFrame, *, caption: str, notes: list[str]) -> ShownTable | CannotSay:
    """Show the levels of one or more sections with their orders, customers and revenue."""
    names = {
        "channel": _("Channel"),
        "category": _("Category"),
        "discount": _("Discount"),
        "weekday": _("Weekday"),
        "part": _("Part of the day"),
    }
    shown = table[table["section"].isin(names)]
    first = ~shown["section"].duplicated()
    shown = shown.assign(section=shown["section"].map(names).where(first, ""))
    columns = [
        Col("section", "By"),
        Col("label", "Level"),
        Col("n_orders", "Orders", "count"),
        Col("share", "of orders", "share", "low", "high"),
        Col("n_customers", "Customers", "count"),
        Col("revenue_share", "of revenue", "share"),
    ]
    return show_table(shown, columns, caption=caption, notes=notes, max_rows=30)
