"""Study 05: who is leaving, and how many. The label comes first; a model may follow where it has a use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import ibis
import pandas as pd

from cam.data.engine import ROWS_AT_ONCE
from cam.estimate import CannotSay, Estimate, difference, proportion
from cam.language import date_text, named, period_text, sentence, together
from cam.measures.churn.labels import (
    RECENCY_LIMITS,
    churn_table,
    cut_off_dates,
    recency_names,
)
from cam.reduce.features import churn_counts, contracts_at, customers_at
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.churn_label import (
    advice,
    days_to_label,
    first_order,
    label_text,
    last_cut_off,
    rate_text,
    show_rates_apart,
)
from cam.studies.client import n_orders
from cam.studies.study import Study, needs

#: One churn rate per way in which leaving shows, the one that rules this client first.
Rates = Mapping[str, Estimate | CannotSay]

#: With fewer who fell silent, the share of them that came back says nothing.
_MIN_SILENT = 30
#: Two cut-offs whose numbers of customers differ by more hold customers of another mix.
_SAME_BASE = 0.25
_TABLES = {"purchases": "transactions", "contract": "contracts", "snapshot": "snapshot"}


def horizon(study: Study) -> str:
    """Return the period in which leaving was looked for, from the day after cut-off and gap, ready to print."""
    if not {"transactions", "contracts"} & set(study.tables):
        return sentence("a snapshot without dates")
    return period_text(last_cut_off(study) + timedelta(days=study.params.churn.gap_days + 1), study.as_of)


def lacks_history(study: Study) -> CannotSay | None:
    """Say that the orders do not reach back as far as the label needs, or nothing if they do."""
    churn, first = study.params.churn, first_order(study)
    needed = churn.observation_days + days_to_label(study)
    if (study.as_of - first).days + 1 >= needed:
        return None
    return CannotSay(
        sentence(
            "Who fell silent cannot be said: the orders reach back {there} days, and the label needs "
            "{observation} to see who was there and {horizon} to see who left.",
            there=(study.as_of - first).days + 1,
            observation=churn.observation_days,
            horizon=days_to_label(study),
        ),
        sentence("Add older orders, or shorten churn.observation_days."),
    )


@needs("transactions")
def count_silent(study: Study) -> pd.DataFrame | CannotSay:
    """Count, at the cut-off and at ends of months before, who was there and who then bought nothing."""
    lacking = lacks_history(study)
    if lacking:
        return lacking
    churn, first = study.params.churn, first_order(study)
    days = _cut_offs(study, first, churn.observation_days)
    expressions = [
        churn_counts(
            customers_at(
                study.tables["transactions"],
                cut_off=day,
                observation_days=churn.observation_days,
                horizon_days=churn.horizon_days,
                as_of=study.as_of,
                gap_days=churn.gap_days,
            ),
            limits=RECENCY_LIMITS,
        ).mutate(cut_off=ibis.date(day), basis=ibis.literal("purchases"))
        for day in days
    ]
    return _counted(study, expressions, ["cut_off", "recency_bin"])


@needs("contracts")
def count_ended(study: Study) -> pd.DataFrame | CannotSay:
    """Count, at the cut-off and at ends of months before, whose contract ran and whose had then ended."""
    contracts, churn = study.tables["contracts"], study.params.churn
    seen = contracts.aggregate(first=contracts.start_date.min(), n_ended=contracts.end_date.count()).execute()
    if not int(seen["n_ended"].iloc[0]):
        return CannotSay(
            sentence("No contract has an end, as in an export that holds running contracts only."),
            sentence("Export ended contracts too, each with its end_date."),
        )
    first = seen["first"].iloc[0].date() if hasattr(seen["first"].iloc[0], "date") else seen["first"].iloc[0]
    if first > last_cut_off(study):
        return CannotSay(
            sentence("No contract ran on {day}, the cut-off.", day=date_text(last_cut_off(study))),
            sentence("Shorten churn.horizon_days, or run the report again when the contracts are older."),
        )
    expressions = [
        churn_counts(
            contracts_at(contracts, cut_off=day, horizon_days=churn.horizon_days, gap_days=churn.gap_days)
        ).mutate(cut_off=ibis.date(day), basis=ibis.literal("contract"))
        for day in _cut_offs(study, first, 1)
    ]
    return _counted(study, expressions, ["cut_off"])


def churn_rates(study: Study, silent: pd.DataFrame | CannotSay, ended: pd.DataFrame | CannotSay) -> Rates:
    """Say what share left by the cut-off's horizon, for each way in which leaving shows in this client's tables."""
    said: dict[str, Estimate | CannotSay] = {}
    for basis, counts in (("purchases", silent), ("contract", ended)):
        if _TABLES[basis] in study.tables:
            said[basis] = counts if isinstance(counts, CannotSay) else _at_cut_off(study, basis, counts)
    if "snapshot" in study.tables:
        table = study.tables["snapshot"]
        found = table.aggregate(n=table.count(), left=table.churned.sum()).execute()
        said["snapshot"] = _rate("snapshot", int(found["left"].iloc[0] or 0), int(found["n"].iloc[0]))
    if not said:
        nothing = CannotSay(
            sentence("Who leaves cannot be said without transactions, contracts or a snapshot."),
            sentence("Add one of them under data; params/template.yaml shows their columns."),
        )
        return {"purchases": nothing}
    if study.params.value.setting == "contractual" and "contract" in said:
        said = {"contract": said.pop("contract"), **said}
    # What can be said goes before what cannot.
    return dict(sorted(said.items(), key=lambda item: isinstance(item[1], CannotSay)))


def show_labels(study: Study, rates: Rates) -> ShownTable | CannotSay:
    """Show what counts as leaving, and how many did; below it, how that differs from the rates of other pages."""
    rows = [
        {
            "basis": named(basis),
            "label": label_text(study, basis),
            "n": rate.n,
            "n_churned": round(rate.value * (rate.n or 0)),
            "churn_rate": rate.value,
            "low": rate.low,
            "high": rate.high,
        }
        for basis, rate in rates.items()
        if isinstance(rate, Estimate)
    ]
    unsaid = [rate for rate in rates.values() if isinstance(rate, CannotSay)]
    if not rows:
        return unsaid[0]
    columns = [
        Col("basis", "What shows it"),
        Col("label", "Who counts as having left"),
        Col("n", "Customers", "count"),
        Col("n_churned", "left", "count"),
        Col("churn_rate", "Churn rate", "share", "low", "high"),
    ]
    note = together(*(part for said in unsaid for part in (said.reason, said.cure)))
    shown = show_table(
        pd.DataFrame(rows), columns, caption="What counts as leaving, and how many left", note=note
    )
    apart = show_rates_apart(study)
    assert isinstance(shown, ShownTable)  # it was given a frame
    return ShownTable(f"{shown.html}\n{apart.html}")


def monthly_rates(
    study: Study, silent: pd.DataFrame | CannotSay, ended: pd.DataFrame | CannotSay
) -> pd.DataFrame | CannotSay:
    """Say what share left after each of the latest ends of months whose windows are complete."""
    given = [counts for counts in (silent, ended) if isinstance(counts, pd.DataFrame)]
    if not given:
        return CannotSay(sentence("Churn over time needs dated orders or contracts, over enough months."))
    months = [counts[counts["is_month_end"]] for counts in given]
    long = [counts for counts in months if counts["cut_off"].nunique() >= 2]
    if not long:
        return CannotSay(
            sentence(
                "Churn over time needs two ends of months with complete windows; these data have fewer."
            ),
            sentence("Add older rows, or shorten churn.observation_days or churn.horizon_days."),
        )
    return pd.concat([churn_table(counts, ["basis", "cut_off"]) for counts in long], ignore_index=True)


@needs()
def recency_rates(study: Study, silent: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Say what share left by days since the last purchase at the cut-off: what a model has to beat."""
    counts = silent[silent["cut_off"] == last_cut_off(study)]
    if counts.empty:
        return CannotSay(
            sentence("Nobody bought in the days before the cut-off, so nobody can have left since.")
        )
    table = churn_table(counts, ["recency_bin"])
    names = recency_names()
    return table.assign(recency=[names[place - 1] for place in table["recency_bin"]])


@needs()
def show_recency(study: Study, buckets: pd.DataFrame) -> ShownTable | CannotSay:
    """Show where those who left had stood, and which share of them that is."""
    columns = [
        Col("recency", "Days since the last purchase, at the cut-off"),
        Col("n_customers", "Customers", "count"),
        Col("n_churned", "left", "count"),
        Col("churn_rate", "Churn rate", "share", "low", "high"),
        Col("share", "of all who left", "share"),
    ]
    left = buckets.assign(
        share=buckets["n_churned"] / max(buckets["n_churned"].sum(), 1),
        recency=[
            sentence("{n} days or more", n=name.removesuffix("+")) if name.endswith("+") else name
            for name in buckets["recency"]
        ],
    )
    return show_table(left, columns, caption="Where those who left had stood")


@needs()
def false_alarms(study: Study, silent: pd.DataFrame) -> Estimate | CannotSay:
    """Say what share of those counted as left at the first cut-off bought again since: how firm the label is."""
    by_day = silent.groupby("cut_off")[["n_churned", "n_came_back"]].sum()
    # Whoever fell silent is given as many days again to come back.
    latest = last_cut_off(study) - timedelta(days=study.params.churn.horizon_days)
    enough = by_day[(by_day["n_churned"] >= _MIN_SILENT) & (by_day.index <= latest)]
    if enough.empty:
        return CannotSay(
            sentence(
                "How many who fell silent come back later cannot be said: that takes a cut-off at least {days} days "
                "back, after which {n} customers fell silent.",
                days=days_to_label(study) + study.params.churn.horizon_days,
                n=_MIN_SILENT,
            )
        )
    day = enough.index[0]
    return proportion(
        "churn_return_rate",
        int(enough["n_came_back"].iloc[0]),
        int(enough["n_churned"].iloc[0]),
        segment={"basis": "purchases", "cut_off": day.isoformat()},
    )


@needs()
def show_false_alarms(study: Study, back: Estimate) -> ShownTable | CannotSay:
    """Show how many who fell silent bought again later."""
    frame = pd.DataFrame(
        [{"what": named(back.figure), "n": back.n, "share": back.value, "low": back.low, "high": back.high}]
    )
    columns = [
        Col("what", "What"),
        Col("n", "fell silent", "count"),
        Col("share", "came back", "share", "low", "high"),
    ]
    gap = study.params.churn.gap_days
    note = sentence(
        "Cut-off {day}, {gap} days left aside, silent for {horizon} days, then followed to {as_of}."
        if gap
        else "Cut-off {day}, silent for {horizon} days, then followed to {as_of}.",
        gap=gap,
        day=_segment_day(back),
        horizon=study.params.churn.horizon_days,
        as_of=date_text(study.as_of),
    )
    return show_table(frame, columns, caption="How firm is the label?", note=note)


def findings(
    study: Study,
    rates: Rates,
    monthly: pd.DataFrame | CannotSay,
    buckets: pd.DataFrame | CannotSay,
    back: Estimate | CannotSay,
) -> list[str | CannotSay]:
    """Say what the client should know and do, each with its number and interval."""
    found: list[str | CannotSay] = []
    for basis, rate in rates.items():
        if isinstance(rate, CannotSay):
            found.append(rate)
        else:
            found.append(together(rate_text(study, basis, rate), advice(rate, basis, back)))
    if isinstance(buckets, pd.DataFrame) and len(buckets) > 1:
        found.append(_by_recency(buckets))
    if isinstance(monthly, pd.DataFrame):
        found.append(_trend(monthly))
    if isinstance(back, Estimate):
        found.append(
            sentence(
                "Of those counted as having left after {day}, {back} bought again by {as_of}: they were pausing. A "
                "longer horizon (churn.horizon_days) gives fewer false alarms, and later ones.",
                day=_segment_day(back),
                back=back,
                as_of=date_text(study.as_of),
            )
        )
    return found


def key_figures(
    study: Study,
    rates: Rates,
    monthly: pd.DataFrame | CannotSay,
    buckets: pd.DataFrame | CannotSay,
    back: Estimate | CannotSay,
) -> list[Estimate | CannotSay]:
    """List the study's key figures: the ruling churn rate alone, then by basis, by recency and by cut-off."""
    figures: list[Estimate | CannotSay] = list(rates.values())
    lead = next((rate for rate in rates.values() if isinstance(rate, Estimate)), None)
    if lead:
        figures.append(Estimate("churn_rate", lead.value, lead.unit, lead.n, lead.low, lead.high))
    if isinstance(buckets, pd.DataFrame):
        figures += [
            _rate("purchases", int(row.n_churned), int(row.n_customers), recency=str(row.recency))
            for row in buckets.itertuples()
        ]
    if isinstance(monthly, pd.DataFrame):
        figures += [
            _rate(str(row.basis), int(row.n_churned), int(row.n_customers), cut_off=row.cut_off.isoformat())
            for row in monthly.itertuples()
        ]
    return [*figures, back]


def _cut_offs(study: Study, first: date, observation_days: int) -> list[date]:
    """Ends of months, and the cut-off itself, which need not be one."""
    months = cut_off_dates(
        study.as_of,
        first_date=first,
        observation_days=observation_days,
        horizon_days=days_to_label(study),
    )
    return sorted({*months, last_cut_off(study)})


def _counted(study: Study, expressions: Sequence[ibis.Table], order: list[str]) -> pd.DataFrame:
    """Run all cut-offs as one query; of very many orders one after another, as their groups fill the memory."""
    if n_orders(study.prepared) > ROWS_AT_ONCE:
        counts = pd.concat([each.execute() for each in expressions]).sort_values(order, ignore_index=True)
    else:
        table = ibis.union(*expressions) if len(expressions) > 1 else expressions[0]
        counts = table.order_by(order).execute()
    days = pd.to_datetime(counts["cut_off"])
    return counts.assign(cut_off=days.dt.date, is_month_end=days.dt.is_month_end)


def _at_cut_off(study: Study, basis: str, counts: pd.DataFrame) -> Estimate | CannotSay:
    rows = counts[counts["cut_off"] == last_cut_off(study)]
    n = int(rows["n_customers"].sum())
    if not n:
        return CannotSay(
            sentence(
                "{basis}: no customer was there on {day}.",
                basis=named(basis),
                day=date_text(last_cut_off(study)),
            )
        )
    return _rate(basis, int(rows["n_churned"].sum()), n)


def _rate(basis: str, left: int, n: int, **segment: str) -> Estimate:
    return proportion("churn_rate", left, n, segment={"basis": basis, **segment})


def _by_recency(buckets: pd.DataFrame) -> str:
    first, last = (
        _rate("purchases", int(row.n_churned), int(row.n_customers))
        for row in (buckets.iloc[0], buckets.iloc[-1])
    )
    change = difference("churn_change", last, first)
    words = (
        "Customers whose last purchase lay {old} back at the cut-off left in {last} of cases, those of {new} in "
        "{first}. The order of a calling list starts here, and a model has to beat it."
        if change.low is not None and change.low > 0
        else "Days since the last purchase do not tell who leaves here: {last} after {old}, {first} after {new}. "
        "Do not call by recency; find another sign first."
    )
    return sentence(
        words,
        old=sentence("{n} days or more", n=str(buckets["recency"].iloc[-1]).removesuffix("+")),
        new=sentence("{n} days", n=str(buckets["recency"].iloc[0]).replace("-", "–")),
        first=first,
        last=last,
    )


def _trend(monthly: pd.DataFrame) -> str:
    """Compare the last cut-off with the first one of the same basis.

    Many customers stand in both, so the interval of the change is rather too wide.
    """
    rows = monthly[monthly["basis"] == monthly["basis"].iloc[0]]
    start, end = rows.iloc[0], rows.iloc[-1]
    before, after = (_rate("", int(row.n_churned), int(row.n_customers)) for row in (start, end))
    change = difference("churn_change", after, before)
    is_same_base = abs(int(end["n_customers"]) / int(start["n_customers"]) - 1) <= _SAME_BASE
    if change.low is not None and change.high is not None and change.low <= 0 <= change.high:
        words = (
            "Churn was {before} after {first} and {after} after {last}: a change within chance. There is no trend to "
            "act on."
        )
    elif not is_same_base:
        words = (
            "Churn went from {before} after {first} to {after} after {last}, more than chance. But the customers are "
            "not the same: compare like with like before you praise or blame what was done in between."
        )
    elif change.value > 0:
        words = (
            "Churn rose from {before} after {first} to {after} after {last}, more than chance. Ask what changed in "
            "between before anything else."
        )
    else:
        words = (
            "Churn fell from {before} after {first} to {after} after {last}, more than chance. Keep what was done in "
            "between."
        )
    return sentence(
        words,
        before=before,
        after=after,
        first=date_text(start["cut_off"]),
        last=date_text(end["cut_off"]),
    )


def _segment_day(estimate: Estimate) -> str:
    return date_text(date.fromisoformat(estimate.segment["cut_off"]))
