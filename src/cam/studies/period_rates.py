"""Study 02: retention, repeat, churn and reactivation from one period to the next, defined once, and their sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import pandas as pd

from cam.estimate import CannotSay
from cam.language import date_text, named, period_text, sentence, together, value_text
from cam.language import translate as _
from cam.measures.lifecycle.period_rates import (
    LENGTHS,
    MAX_PAIRS,
    MOST,
    PeriodFit,
    bridge_table,
    choose_period,
    customer_rates,
    pair_counts,
    revenue_parts,
    revenue_rates,
)
from cam.measures.lifecycle.retention import MIN_COHORT
from cam.reduce.period_rates import contract_cells, purchase_cells
from cam.reduce.states import month_of
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.stages import YEAR, complete_until
from cam.studies.study import Study, needs

#: Periods that must fit into the history: two, and one before them in which others had bought. A contract must have
#: begun before the later period.
_LEAST = {"purchases": 3, "contract": 2}


@dataclass(frozen=True, slots=True)
class Counts:
    """What the rates of one way of leaving are made of.

    Attributes
    ----------
    basis : str
        ``purchases`` or ``contract``.
    fit : PeriodFit
        How long a period is.
    ends : dict of int to date
        Last day of each period, by its bit in the pattern; the first is the earliest base.
    cells : DataFrame
        As from :func:`cam.reduce.period_rates.purchase_cells` or ``contract_cells``.
    pairs : DataFrame
        As from :func:`cam.measures.lifecycle.period_rates.pair_counts`; the last has ``n_again``.
    """

    basis: str
    fit: PeriodFit
    ends: Mapping[int, date]
    cells: pd.DataFrame
    pairs: pd.DataFrame

    @property
    def last(self) -> int:
        """Bit of the last period."""
        return max(self.ends)

    def days(self, pair: int) -> tuple[date, date]:
        """First and last day of the later period of a pair."""
        return _end_before(self.ends[pair], self.fit.months) + timedelta(days=1), self.ends[pair]

    def period(self, pair: int) -> str:
        """The later period of a pair as key figures name it, such as ``2026-04/2026-06``."""
        months = [f"{day:%Y-%m}" for day in self.days(pair)]
        return "/".join(dict.fromkeys(months))


@dataclass(frozen=True, slots=True)
class NoBase(CannotSay):
    """Nobody was there in the last but one period: no rate, but *counted* says how many there were in each."""

    counted: Counts | None = field(default=None, compare=False)


#: By way of leaving; what has no rates says why.
Ways = Mapping[str, Counts | CannotSay]


def count(study: Study, gaps: pd.DataFrame | CannotSay) -> Ways:
    """Count who stayed, left, came back and came new in the last periods, by purchases and by contract."""
    ways: dict[str, Counts | CannotSay] = {}
    if "transactions" in study.tables:
        ways["purchases"] = _by_purchases(study, gaps)
    if "contracts" in study.tables:
        bought = ways.get("purchases")
        # One length for both, so that they can be compared.
        months = bought.fit.months if isinstance(bought, Counts) else None
        ways["contract"] = _by_contract(study, months)
    if not ways:
        lacking = study.lacks("transactions")
        assert lacking is not None
        ways["purchases"] = lacking
    # What can be said goes before what cannot.
    return dict(sorted(ways.items(), key=lambda way: isinstance(way[1], CannotSay)))


def rates(study: Study, ways: Ways) -> pd.DataFrame | CannotSay:
    """Turn the counts into rates with their intervals: customers of every pair of periods, revenue of the last."""
    tables = []
    for basis, counted in ways.items():
        if isinstance(counted, CannotSay):
            continue
        money = revenue_rates(counted.cells, last=counted.last).assign(pair=counted.last)
        found = [table for table in (customer_rates(counted.pairs), money) if len(table)]
        tables.append(pd.concat(found, ignore_index=True).assign(basis=basis))
    if not tables:
        return next(said for said in ways.values() if isinstance(said, CannotSay))
    return pd.concat(tables, ignore_index=True)


@needs()
def show_rates(study: Study, ways: Ways, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show each rate of the last period with its numerator and denominator, and the sums that tie them together."""
    rows, notes = [], []
    for basis, counted in ways.items():
        if isinstance(counted, CannotSay):
            said = together(counted.reason, counted.cure)
            notes.append(sentence("{basis}: {said}", basis=way_text(basis), said=said))
            continue
        latest = table[(table["basis"] == basis) & (table["pair"] == counted.last)]
        for row in latest.to_dict("records"):
            top, bottom = _words(study, basis, row)
            rows.append(
                row | {"name": named(str(row["rate"])), "way": way_text(basis), "of": bottom, "is": top}
            )
        notes += _notes(study, counted, latest)
    notes += _differences(ways)
    columns = [Col("name", "Rate"), Col("is", "Counted"), Col("of", "Out of")]
    columns.append(Col("value", "Value", "share", "low", "high"))
    shown = pd.DataFrame(rows)
    if shown["basis"].nunique() > 1:
        columns.insert(0, Col("way", "What shows it"))
    return show_table(
        shown,
        columns,
        caption="Who stayed, left, came back and came new",
        note=_period_words(ways),
        notes=notes,
    )


def bridge(study: Study, ways: Ways) -> pd.DataFrame | CannotSay:
    """Lay out how the customers and the revenue of one period become those of the next, for the first way."""
    counted = next(iter(ways.values()))
    if isinstance(counted, CannotSay):
        return counted
    return bridge_table(counted.pairs.iloc[-1], revenue_parts(counted.cells, last=counted.last))


def period(study: Study, ways: Ways) -> str:
    """Say which two periods the bridge stands between, ready to print."""
    counted = next(iter(ways.values()))
    if isinstance(counted, CannotSay):
        return study.period
    earlier = counted.ends[counted.last - 1]
    return period_text(
        _end_before(earlier, counted.fit.months) + timedelta(days=1), counted.ends[counted.last]
    )


@needs()
def over_time(study: Study, ways: Ways, table: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Pick retention and reactivation of every pair of complete periods for the figure."""
    names = {"period_retention_rate": _("Retention"), "reactivation_rate": _("Reactivation")}
    kept = table[table["rate"].isin(list(names))]
    by = kept.groupby(["basis", "rate"])
    # Where nobody ever came back, as to most contracts, a line along the axis says nothing.
    long = kept[(by["pair"].transform("nunique") > 1) & (by["top"].transform("sum") > 0)]
    if long.empty:
        return CannotSay(
            _("Whether the rates rise or fall cannot be said: there is only one pair of complete periods."),
            _("Add older rows, or set a shorter lifecycle.rate_months."),
        )
    has_both = long["basis"].nunique() > 1
    series = [
        sentence("{rate} ({basis})", rate=names[rate], basis=way_text(basis).lower())
        if has_both
        else names[rate]
        for rate, basis in zip(long["rate"], long["basis"], strict=True)
    ]
    counted = {basis: way for basis, way in ways.items() if isinstance(way, Counts)}
    labels = [
        f"{counted[basis].ends[pair]:%Y-%m}" for basis, pair in zip(long["basis"], long["pair"], strict=True)
    ]
    return long.assign(series=series, label=labels).reset_index(drop=True)


def way_text(basis: str) -> str:
    """Write a way in which leaving shows for a reader."""
    return _("Purchases") if basis == "purchases" else _("Contract")


def _by_purchases(study: Study, gaps: pd.DataFrame | CannotSay) -> Counts | CannotSay:
    log = study.tables["transactions"]
    first = log.filter(log.kind == "purchase").order_date.min().execute()
    if pd.isna(first):
        return gaps if isinstance(gaps, CannotSay) else CannotSay(_("There is no purchase."))
    known = gaps if isinstance(gaps, pd.DataFrame) else pd.DataFrame({"months": [], "share_closed": []})
    fit = _fit(study, "purchases", first.date(), known, study.params.lifecycle.rate_months)
    if isinstance(fit, CannotSay):
        return fit
    n_periods = min(MAX_PAIRS + 1, _complete_months(study, first.date()) // fit.months - 1)
    # Bit 0 stands for all that was before the first period.
    ends = _ends(study, fit, n_periods, start=1)
    starts = [_end_before(end, fit.months) + timedelta(days=1) for end in ends.values()]
    cells = purchase_cells(log, starts=starts, end=max(ends.values())).order_by("pattern").execute()
    pairs = pair_counts(cells, first=1, last=n_periods)
    is_active = cells["pattern"] >= 2**n_periods
    pairs.loc[pairs.index[-1], "n_again"] = int(cells.loc[is_active, "n_again"].sum())
    return _with_base(Counts("purchases", fit, ends, cells, pairs))


def _by_contract(study: Study, months: int | None) -> Counts | CannotSay:
    contracts = study.tables["contracts"]
    seen = contracts.aggregate(first=contracts.start_date.min(), n_ended=contracts.end_date.count()).execute()
    if not int(seen["n_ended"].iloc[0]):
        return CannotSay(
            sentence("No contract has an end, as in an export that holds running contracts only."),
            sentence("Export ended contracts too, each with its end_date."),
        )
    first = pd.Timestamp(seen["first"].iloc[0]).date()
    fit = _fit(study, "contract", first, None, months or study.params.lifecycle.rate_months)
    if isinstance(fit, CannotSay):
        return fit
    n_days = min(MAX_PAIRS + 1, _complete_months(study, first) // fit.months)
    ends = _ends(study, fit, n_days, start=0)
    cells = contract_cells(contracts, days=list(ends.values())).order_by(["pattern", "since"]).execute()
    return _with_base(Counts("contract", fit, ends, cells, pair_counts(cells, first=0, last=n_days - 1)))


def _with_base(counted: Counts) -> Counts | CannotSay:
    """Without a customer in the earlier period there is no rate to give."""
    if int(counted.pairs["n_base"].iloc[-1]):
        return counted
    earlier = counted.ends[counted.last - 1]
    first = _end_before(earlier, counted.fit.months) + timedelta(days=1)
    reason = (
        sentence("No contract ran on {day}, so nobody can have stayed or left since.", day=date_text(earlier))
        if counted.basis == "contract"
        else sentence(
            "Nobody bought in the period {period}, so nobody can have stayed or left since.",
            period=period_text(first, earlier),
        )
    )
    return NoBase(reason, _("Set a longer lifecycle.rate_months."), counted)


def _fit(
    study: Study, basis: str, first: date, gaps: pd.DataFrame | None, given: int | None
) -> PeriodFit | CannotSay:
    least = _LEAST[basis]
    try:
        return choose_period(gaps, n_months=_complete_months(study, first), least=least, given=given)
    except ValueError:
        months = given or LENGTHS[0]
        start = _end_before(complete_until(study.as_of), least * months) + timedelta(days=1)
        cure = (
            _("Add older rows, or set a shorter lifecycle.rate_months.")
            if given and given > LENGTHS[0]
            else _("Add older rows, or run the report again when the history is longer.")
        )
        return CannotSay(
            sentence(
                "Who stayed from one period to the next cannot be said by {basis}. That takes {least} "
                "periods of {months} month(s) up to {last}, so data from {start} on; they begin {days} "
                "days later, on {first}.",
                basis=way_text(basis).lower(),
                least=least,
                months=months,
                last=date_text(complete_until(study.as_of)),
                start=date_text(start),
                days=(first - start).days,
                first=date_text(first),
            ),
            cure,
        )


def _complete_months(study: Study, first: date) -> int:
    """Complete months from that of the first row; who came in it before the first row is not asked for."""
    return month_of(complete_until(study.as_of)) - month_of(first) + 1


def _ends(study: Study, fit: PeriodFit, n_periods: int, *, start: int) -> dict[int, date]:
    last = complete_until(study.as_of)
    return {
        start + place: _end_before(last, (n_periods - 1 - place) * fit.months) for place in range(n_periods)
    }


def _end_before(day: date, months: int) -> date:
    """The last day of the month so many months before that of a day."""
    place = month_of(day) + 1 - months
    return date(place // 12, place % 12 + 1, 1) - timedelta(days=1)


def _words(study: Study, basis: str, row: Mapping[str, object]) -> tuple[str, str]:
    """Numerator and denominator of a rate in words, with their numbers."""
    is_money = "revenue" in str(row["rate"])
    words = {
        ("period_retention_rate", "purchases"): (
            _("{n} bought in the later period too"),
            _("{n} customers who bought in the earlier period"),
        ),
        ("period_repeat_rate", "purchases"): (
            _("{n} had bought on an earlier day too"),
            _("{n} customers who bought in the later period"),
        ),
        ("period_churn_rate", "purchases"): (
            _("{n} did not buy in the later period"),
            _("{n} customers who bought in the earlier period"),
        ),
        ("reactivation_rate", "purchases"): (
            _("{n} bought in the later period"),
            _("{n} customers who had bought before, but not in the earlier period"),
        ),
        ("period_retention_rate", "contract"): (
            _("{n} had one at the end of the later period too"),
            _("{n} customers with a contract at the end of the earlier period"),
        ),
        ("period_churn_rate", "contract"): (
            _("{n} had none at the end of the later period"),
            _("{n} customers with a contract at the end of the earlier period"),
        ),
        ("reactivation_rate", "contract"): (
            _("{n} had one at the end of the later period"),
            _("{n} customers who had had a contract, but none at the end of the earlier period"),
        ),
    }
    lost = {
        "revenue_churn_gross": _("{n} gone with those who left, or as those who stayed brought less"),
        "revenue_churn_net": _("{n}: the same, less what others who stayed brought more"),
        "net_revenue_retention": _("{n} of the same customers in the later period"),
    }
    bases = {
        "purchases": _("{n} of revenue in the earlier period"),
        "contract": _("{n} of fees a month at the end of the earlier period"),
    }
    if is_money:
        top, bottom = lost[str(row["rate"])], bases[basis]
        texts = [value_text(int(row[name]) / 100, study.currency) for name in ("top", "bottom")]  # type: ignore[call-overload]
    else:
        top, bottom = words[str(row["rate"]), basis]
        texts = [value_text(int(row[name]), "count") for name in ("top", "bottom")]  # type: ignore[call-overload]
    return top.format(n=texts[0]), bottom.format(n=texts[1])


def _notes(study: Study, counted: Counts, latest: pd.DataFrame) -> list[str]:
    """Both sums with their numbers, and what is in neither."""
    row = counted.pairs.iloc[-1]
    parts = revenue_parts(counted.cells, last=counted.last)
    said = [
        sentence(
            "{basis}, customers: {base} less {left} who left, plus {back} who came back, plus {new} new = "
            "{active}.",
            basis=way_text(counted.basis),
            base=int(row["n_base"]),
            left=int(row["n_churned"]),
            back=int(row["n_reactivated"]),
            new=int(row["n_new"]),
            active=int(row["n_active"]),
        )
    ]
    if counted.basis == "contract" and "monthly_fee" not in study.tables["contracts"].columns:
        return [*said, _("Contract: fees cannot be followed, as the table has no monthly_fee.")]
    money = {name: value_text(cents / 100, study.currency) for name, cents in parts.items()}
    said.append(
        sentence(
            "{basis}, revenue: {earlier} less {lost} of those who left, less {contraction} and plus "
            "{expansion} of those who stayed, plus {reactivated} of those who came back, plus {new} of new "
            "customers = {later}.",
            basis=way_text(counted.basis),
            **{name: text for name, text in money.items() if "paid" not in name and name != "retained"},
        )
    )
    if parts["paid_back"] or parts["paid_back_earlier"]:
        said.append(
            sentence(
                "Refunds to customers who bought nothing in the same period stand apart: {before} in the "
                "earlier, {after} in the later, which makes {all} of all revenue in the later.",
                before=money["paid_back_earlier"],
                after=money["paid_back"],
                all=value_text((parts["later"] + parts["paid_back"]) / 100, study.currency),
            )
        )
    if not latest["rate"].eq("revenue_churn_net").any():
        said.append(_unsaid_revenue(counted, parts))
    unpriced = int(counted.cells["n_unpriced"].sum()) if "n_unpriced" in counted.cells else 0
    if unpriced:
        said.append(
            sentence("Customers with a contract without a fee, and so not among the fees: {n}.", n=unpriced)
        )
    if counted.basis == "contract":
        between = counted.cells[
            (counted.cells["since"] == counted.last) & (counted.cells["pattern"] < 2**counted.last)
        ]["n_customers"].sum()
        if between:
            said.append(
                sentence(
                    "Customers whose first contract began and ended within the later period are at neither "
                    "end, and in no rate: {n}.",
                    n=int(between),
                )
            )
    return said


def _unsaid_revenue(counted: Counts, parts: Mapping[str, int]) -> str:
    if parts["earlier"] <= 0:
        return sentence(
            "{basis}: there is no rate of revenue, for after refunds nothing is left of it in the earlier "
            "period.",
            basis=way_text(counted.basis),
        )
    return sentence(
        "{basis}: there is no rate of revenue, for fewer than {least} customers were there in the earlier "
        "period.",
        basis=way_text(counted.basis),
        least=MIN_COHORT,
    )


def _differences(ways: Ways) -> list[str]:
    """Why these rates are not those that stand elsewhere in the report."""
    said = []
    bought = ways.get("purchases")
    if isinstance(bought, Counts):
        said = [
            _(
                "Cohort retention asks about one calendar month of age at a time, so whoever pauses for a "
                "month is missing there; here one purchase anywhere in the period is enough. The repeat "
                "rate at the top of this page counts everybody who ever bought; here only who bought in "
                "the later period. The churn rate of study 05 looks back and ahead over its own windows of "
                "days."
            ),
            _(
                "Who buys now and then brings more in one period and less in the next without any change "
                "of mind: that swells contraction and expansion alike, so net says more than gross. Who "
                "had bought before the data start counts as new."
            ),
        ]
        if bought.fit.months < YEAR:
            said.append(
                _(
                    "Periods of less than a year differ in season too; with lifecycle.rate_months set to "
                    "12 they do not."
                )
            )
    if isinstance(ways.get("contract"), Counts):
        said.append(
            _(
                "By contract, only the two ends of the later period count: who left and returned in "
                "between has stayed. Study 05 looks at another pair of days."
            )
        )
    return said


def _period_words(ways: Ways) -> str:
    counted = next(way for way in ways.values() if isinstance(way, Counts))
    share = value_text(counted.fit.share, "share") if counted.fit.share is not None else ""
    whys = {
        "given": _("as lifecycle.rate_months says"),
        "gaps": _(
            "the shortest of 1, 3, 6 and 12 in which at least {most} of the gaps between purchases end "
            "({share})"
        ),
        "rare": _("the longest there is: even so only {share} of the gaps between purchases end within it"),
        "history": _(
            "the longest of which the history holds three; {share} of the gaps between purchases end "
            "within it, fewer than the {most} aimed at"
        ),
        "unknown": _(
            "the longest of which the history holds three, for the gaps between purchases are too few to tell"
        ),
        "dated": _("the shortest, for the end of a contract is known to the day"),
    }
    why = whys[counted.fit.by].format(share=share, most=value_text(MOST, "share"))
    first, last = counted.days(counted.last)
    before = _end_before(counted.ends[counted.last - 1], counted.fit.months) + timedelta(days=1)
    return sentence(
        "Earlier period: {earlier}; later period: {later}. Months in a period: {months}, {why}.",
        earlier=period_text(before, counted.ends[counted.last - 1]),
        later=period_text(first, last),
        months=counted.fit.months,
        why=why,
    )
