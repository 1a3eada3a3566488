"""Study 03, second part: what a new customer costs, in all, by channel and by period, in the same window and lagged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, Finding
from cam.language import listed, period_text, sentence, together
from cam.language import translate as _
from cam.measures.value.acquisition import (
    COST_TYPES,
    cac,
    cac_by_period,
    cac_variants,
    is_beyond_chance,
    whole_months,
)
from cam.measures.value.acquisition import cac_by_channel as put_side_by_side
from cam.measures.value.sales_cycle import is_monthly, lagged_window, shift_spend
from cam.measures.value.sales_cycle import sales_cycle as median_cycle
from cam.reduce.acquisition import acquired_by_month, lead_delays, spend_by_month
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, needs

#: Converted leads that a median sales cycle needs.
_FEWEST_LEADS = 30
NAMES_OF_VARIANTS = {"paid": "Paid", "blended": "Blended", "fully_loaded": "Fully loaded"}
#: Channels beside each other in one table.
_MOST_CHANNELS = 8


@needs("spend")
def match_months(study: Study) -> pd.DataFrame | CannotSay:
    """Bring spend and new customers together, of the whole months for which both are known."""
    people = acquired_customers(study)
    if isinstance(people, CannotSay):
        return people
    spend = dated(spend_by_month(study.tables["spend"]).execute())
    acquired = dated(acquired_by_month(people).execute())
    whole = whole_months(spend, acquired, as_of=study.as_of)
    if whole is None:
        return CannotSay(
            _("The cost of a new customer needs at least one whole month with both spend and new customers."),
            _("Compare the dates in the tables spend and customers, and client.as_of."),
        )
    months = _joined(spend, acquired, whole)
    return months.astype({"cents": "int64"})


@needs()
def period(study: Study, months: pd.DataFrame) -> str:
    """First to last day of the months that count, ready to print."""
    last = months["month"].max() + pd.offsets.MonthEnd(0)
    return period_text(months["month"].min().date(), last.date())


@needs()
def cost_by_channel(study: Study, months: pd.DataFrame) -> pd.DataFrame:
    """Put spend and new customers of each channel side by side."""
    return put_side_by_side(
        months[months["cents"] != 0], months[months["n_new"] > 0], currency=study.currency
    )


@needs()
def overall_cac(study: Study, months: pd.DataFrame) -> Estimate | CannotSay:
    """Estimate the blended cost: all spend over all new customers, those who came unpaid included."""
    spend, n_new = int(months["cents"].sum()) / 100, int(months["n_new"].sum())
    if spend <= 0 or not n_new:
        return CannotSay(
            _("There is no cost per new customer: spend or new customers are nil in these months.")
        )
    return cac(spend, n_new, currency=study.currency, segment={"channel": "all"})


@needs()
def comparable_channels(study: Study, channels: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Pick the channels that have both spend and new customers, the cheapest first."""
    rated = channels[channels["cac"].notna()].reset_index(drop=True)
    if len(rated):
        return rated
    if not channels["n_new"].any():
        return CannotSay(
            _("It is not known through which channel new customers came."),
            _("Map acquisition_channel and acquired_date under data.customers.columns."),
        )
    return CannotSay(
        _("No channel has both spend and new customers."),
        _("Call channels the same in spend.channel and customers.acquisition_channel."),
    )


@needs()
def show_channels(study: Study, months: pd.DataFrame, channels: pd.DataFrame) -> ShownTable | CannotSay:
    """Show spend, new customers and cost by channel, and name what is not counted."""
    money = study.currency
    columns = [
        Col("channel", "Channel"),
        Col("spend", "Spend", money),
        Col("n_new", "New customers", "count"),
        Col("cac", "Cost per new customer", money, "low", "high"),
    ]
    note = together(*_acquisition_notes(study, months, channels))
    return show_table(channels, columns, caption="What a new customer costs, by channel", note=note)


@needs()
def variants(study: Study, months: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Return the paid, blended and fully loaded cost of a new customer, in all and by channel."""
    if months["cost_type"].notna().any():
        return cac_variants(months, currency=study.currency)
    return CannotSay(
        _(
            "The table spend does not say which kinds of cost it holds, so paid, blended and fully loaded cost cannot "
            "be told apart."
        ),
        _("Map cost_type under data.spend.columns."),
    )


@needs()
def show_variants(study: Study, found: pd.DataFrame) -> ShownTable | CannotSay:
    """Show what each variant holds, what it lacks, and what it comes to over all channels."""
    whole = found[found["channel"] == "all"]
    rows = whole.assign(
        variant=[_variant_name(row) for row in whole.to_dict("records")],
        holds=whole["holds"].map(_listed),
        missing=whole["missing"].map(lambda names: _listed(names) if names else _("nothing")),
    )
    columns = [
        Col("variant", "Variant"),
        Col("holds", "Holds"),
        Col("missing", "Missing in the data"),
        Col("spend", "Spend", study.currency),
        Col("n_new", "New customers", "count"),
        Col("cac", "Cost per new customer", study.currency, "low", "high"),
    ]
    return show_table(rows, columns, caption="What a new customer costs, by what is counted")


@needs()
def show_variants_by_channel(study: Study, found: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the variants of each channel side by side."""
    names = list(dict.fromkeys(found["variant"]))
    parts = found[(found["channel"] != "all") & (found["n_new"] > 0) & (found["spend"] > 0)]
    if parts.empty:
        return CannotSay(_("No channel has both spend and new customers."))
    table = pd.DataFrame({"channel": sorted(parts["channel"].unique())})
    for name in names:
        own = parts[parts["variant"] == name].set_index("channel")[["cac", "low", "high"]]
        table = table.join(own.add_prefix(f"{name}_"), on="channel")
    lacking = {row["variant"]: _variant_name(row) for row in found.to_dict("records")}
    columns = [
        Col(f"{name}_cac", lacking[name], study.currency, f"{name}_low", f"{name}_high") for name in names
    ]
    table = table.sort_values([f"{names[-1]}_cac", "channel"])
    return show_table(
        table, [Col("channel", "Channel"), *columns], caption="Cost per new customer by channel and variant"
    )


@needs()
def sales_cycle(study: Study) -> Estimate | CannotSay:
    """Find the days from spend to new customer: given, or the median from a lead to the acquisition."""
    given = study.params.value.sales_cycle_days
    if given is not None:
        return Estimate("sales_cycle_days", float(given), "days")
    people = acquired_customers(study)
    lacking = study.lacks_column("leads", "customer_id") or (
        people if isinstance(people, CannotSay) else None
    )
    if lacking or isinstance(people, CannotSay):
        return CannotSay(
            _("How long it takes from spend to new customer is not known, so nothing is lagged."),
            _("Set value.sales_cycle_days, or add the table leads with customer_id under data."),
        )
    delays = lead_delays(study.tables["leads"], people, as_of=study.as_of).execute()
    n = int(delays.loc[delays["days"] >= 0, "n_customers"].sum())
    if n < _FEWEST_LEADS:
        return CannotSay(
            sentence(
                "How long it takes from lead to customer is not said: {n} customers are known to have been leads, "
                "{fewest} are needed.",
                n=n,
                fewest=_FEWEST_LEADS,
            ),
            _("Set value.sales_cycle_days."),
        )
    return median_cycle(delays)


@needs()
def lag_months(study: Study, months: pd.DataFrame, cycle: Estimate) -> pd.DataFrame | CannotSay:
    """Set spend against the customers of as many days later as the sales cycle takes."""
    people = acquired_customers(study)
    if isinstance(people, CannotSay):
        return people
    lag = round(cycle.value)
    first, last = months["month"].min(), months["month"].max()
    window = lagged_window(first, last, lag_days=lag, as_of=study.as_of)
    if window is None:
        return CannotSay(
            sentence(
                "Lagged by {days}, no whole month of new customers is left whose spend is known.", days=cycle
            )
        )
    spend = dated(spend_by_month(study.tables["spend"]).execute())
    if is_monthly(spend):
        spend = shift_spend(spend[spend["month"].between(first, last)], lag_days=lag)
    else:
        spend = dated(spend_by_month(study.tables["spend"], lag_days=lag).execute())
    return _joined(spend, dated(acquired_by_month(people).execute()), window)


@needs()
def by_period(
    study: Study, months: pd.DataFrame, *, freq: str, by_channel: bool = False
) -> pd.DataFrame | CannotSay:
    """Return the cost of a new customer by whole month (M), quarter (Q) or year (Y)."""
    table = cac_by_period(months, freq=freq, currency=study.currency, by_channel=by_channel)
    if table["cac"].notna().any():
        return table
    return CannotSay(
        sentence(
            "No whole {period} has both spend and new customers.",
            period=_({"M": "month", "Q": "quarter", "Y": "year"}[freq]),
        )
    )


def show_periods(
    study: Study,
    same: pd.DataFrame | CannotSay,
    later: pd.DataFrame | CannotSay,
    cycle: Estimate | CannotSay,
) -> ShownTable | CannotSay:
    """Show spend, new customers and cost by period, in the same window and lagged."""
    if isinstance(same, CannotSay):
        return same
    columns = [
        Col("period", "Period", ordered=True),
        Col("spend", "Spend", study.currency),
        Col("n_new", "New customers", "count"),
        Col("cac", "Same window", study.currency, "low", "high"),
    ]
    table = same
    if isinstance(later, CannotSay) or isinstance(cycle, CannotSay):
        reason = later if isinstance(later, CannotSay) else cycle
        note = together(reason.reason, reason.cure) if isinstance(reason, CannotSay) else ""
    else:
        lagged = later[["period", "cac", "low", "high"]].add_suffix("_later")
        table = same.merge(lagged, left_on="period", right_on="period_later", how="left")
        columns.append(
            Col("cac_later", "Lagged by the sales cycle", study.currency, "low_later", "high_later")
        )
        note = sentence("Sales cycle: {days}.", days=cycle)
    barren = same.loc[same["cac"].isna(), "period"]
    if len(barren):
        note = together(note, sentence("Spend or new customers are nil in: {names}.", names=_listed(barren)))
    return show_table(table, columns, caption="What a new customer costs, by period", note=note, max_rows=24)


@needs()
def show_periods_by_channel(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the cost of a new customer by period and channel; the channels that have one."""
    rated = table[table["cac"].notna()]
    channels = list(
        rated.groupby("channel")["spend"].sum().sort_values(ascending=False).index[:_MOST_CHANNELS]
    )
    wide = pd.DataFrame({"period": sorted(table["period"].unique())})
    for place, channel in enumerate(channels):
        own = rated[rated["channel"] == channel].set_index("period")[["cac", "low", "high"]]
        wide = wide.join(own.add_suffix(f"_{place}"), on="period")
    columns = [
        Col(f"cac_{place}", channel, study.currency, f"low_{place}", f"high_{place}")
        for place, channel in enumerate(channels)
    ]
    left = rated["channel"].nunique() - len(channels)
    note = sentence("The channels with the most spend; {n} others are not shown.", n=left) if left else ""
    return show_table(
        wide,
        [Col("period", "Period", ordered=True), *columns],
        caption="Cost per new customer by period and channel",
        note=note,
    )


def cost_details(
    study: Study,
    found: pd.DataFrame | CannotSay,
    periods: list[pd.DataFrame | CannotSay],
    lagged: list[pd.DataFrame | CannotSay],
) -> list[Estimate | CannotSay]:
    """List the cost by variant and channel, and by period in the same window and lagged, as key figures."""
    figures: list[Estimate | CannotSay] = [found] if isinstance(found, CannotSay) else []
    if not isinstance(found, CannotSay):
        whole = found[(found["variant"] != "fully_loaded") | (found["missing"].map(len) == 0)]
        figures += _rows_as_estimates(study, whole, ("variant", "channel"))
    for tables, window in ((periods, {}), (lagged, {"window": "lagged"})):
        for table in tables:
            if not isinstance(table, CannotSay):
                figures += _rows_as_estimates(study, table, ("period", "channel"), window)
    return figures


def cost_figures(
    study: Study, total: Estimate | CannotSay, channels: pd.DataFrame | CannotSay
) -> list[Estimate | CannotSay]:
    """List the cost of a new customer, over all channels and by channel.

    A channel that is itself called "all" is left out: it would stand for the whole.
    """
    if isinstance(channels, CannotSay):
        return [total]
    rated = channels[channels["cac"].notna() & (channels["channel"] != "all")]
    return [total, *(_estimate(study, row) for _index, row in rated.iterrows())]


def cost_findings(
    study: Study, total: Estimate | CannotSay, channels: pd.DataFrame | CannotSay
) -> list[str | CannotSay]:
    """Say what a new customer cost, where the channels differ, and what was spent on nobody."""
    said: list[str | CannotSay] = [total if isinstance(total, CannotSay) else _costs(total)]
    return said if isinstance(channels, CannotSay) else [*said, *_channels_apart(study, channels)]


def acquired_customers(study: Study) -> ir.Table | CannotSay:
    """Who was won when; by first purchase or first contract where nothing says it."""
    if study.lacks_column("customers", "acquired_date") is None:
        return study.tables["customers"]
    if "transactions" in study.tables:
        people = study.summary(study.as_of)
        return people.select("customer_id", acquired_date="first_date")
    if "contracts" in study.tables:
        contracts = study.tables["contracts"]
        return contracts.group_by("customer_id").aggregate(acquired_date=contracts.start_date.min())
    return CannotSay(
        _("Nothing says when customers were won."),
        _("Add the table customers with acquired_date under data."),
    )


def dated(table: pd.DataFrame) -> pd.DataFrame:
    """Give the days of a small table the type that pandas counts with."""
    days = [name for name in ("month", "first_day", "last_day") if name in table.columns]
    return table.assign(**{name: pd.to_datetime(table[name]).astype("datetime64[s]") for name in days})


def _joined(
    spend: pd.DataFrame, acquired: pd.DataFrame, window: tuple[pd.Timestamp, pd.Timestamp]
) -> pd.DataFrame:
    months = pd.concat([spend, acquired], ignore_index=True)
    months = months[months["month"].between(*window)]
    return months.fillna({"cents": 0, "n_new": 0}).astype({"n_new": "int64"})


def _acquisition_notes(study: Study, months: pd.DataFrame, channels: pd.DataFrame) -> list[str]:
    types = sorted(months.loc[months["cents"] != 0, "cost_type"].dropna().unique())
    missing = [name for name in COST_TYPES if name not in types]
    notes = []
    if not types:
        notes.append(_("The table spend does not say which kinds of cost it holds."))
    elif missing:
        notes.append(
            sentence(
                "Costs counted: {types}. Not among them: {missing}; so the cost is not fully loaded.",
                types=_listed(types),
                missing=_listed(missing),
            )
        )
    else:
        notes.append(sentence("Costs counted: {types}. That is fully loaded.", types=_listed(types)))
    if study.lacks_column("customers", "acquired_date"):
        notes.append(
            _(
                "A customer counts as new with the first purchase or contract in these data: where they start late, "
                "old customers look new and the cost too low."
            )
        )
    barren = _barren(channels)["channel"]
    unpaid = channels.loc[channels["spend"].isna() & (channels["n_new"] > 0), "channel"]
    if len(barren):
        notes.append(sentence("Spend, but no new customer: {names}.", names=_listed(barren)))
    if len(unpaid):
        notes.append(sentence("New customers, but no spend of their own: {names}.", names=_listed(unpaid)))
    unknown = int(months.loc[months["channel"].isna(), "n_new"].sum())
    if unknown:
        notes.append(sentence("{n} new customers have no acquisition channel.", n=unknown))
    spent = months.loc[months["cents"] != 0, "month"].nunique()
    lasted = len(pd.period_range(months["month"].min(), months["month"].max(), freq="M"))
    if spent < lasted:
        notes.append(sentence("{n} of {all} months have no spend.", n=lasted - spent, all=lasted))
    return notes


def _barren(channels: pd.DataFrame) -> pd.DataFrame:
    """Channels that cost and brought nobody; none where nobody's channel is known."""
    return channels[channels["spend"].notna() & (channels["n_new"] == 0) & channels["n_new"].any()]


def _listed(names: pd.Series | Sequence[str]) -> str:
    return listed(_(str(name)) for name in names)


def _rows_as_estimates(
    study: Study, table: pd.DataFrame, keys: tuple[str, ...], more: dict[str, str] | None = None
) -> list[Estimate | CannotSay]:
    return [
        cac(
            float(row["spend"]),
            int(row["n_new"]),
            currency=study.currency,
            segment={key: str(row[key]) for key in keys} | (more or {}),
        )
        for row in table[table["cac"].notna()].to_dict("records")
    ]


def _variant_name(row: Mapping[Any, Any]) -> str:
    """What a variant is called; without every type, the last is all that there is, and not fully loaded."""
    if row["variant"] == "fully_loaded" and row["missing"]:
        return "All costs in the data (not fully loaded)"
    return NAMES_OF_VARIANTS[row["variant"]]


def _estimate(study: Study, row: pd.Series) -> Estimate:
    return cac(
        float(row["spend"]),
        int(row["n_new"]),
        currency=study.currency,
        segment={"channel": str(row["channel"])},
    )


def _costs(total: Estimate) -> str:
    return sentence(
        "A new customer cost {cac}, all channels together, those who came unpaid included. Hold every plan for "
        "growth against it: the next customers are seldom cheaper than the last.",
        cac=total,
    )


def _channels_apart(study: Study, channels: pd.DataFrame) -> list[str | CannotSay]:
    rated = channels[channels["cac"].notna()]
    said: list[str | CannotSay] = []
    if len(rated) > 1:
        cheap, dear = rated.iloc[0], rated.iloc[-1]
        is_real = is_beyond_chance(
            (float(cheap["spend"]), float(dear["spend"])),
            (int(cheap["n_new"]), int(dear["n_new"])),
            n_comparisons=math.comb(len(rated), 2),
        )
        words = (
            "A new customer from {dear} cost {dear_cost}, one from {cheap} {cheap_cost}; that is more than chance. "
            "Before money moves, look whether the dear ones stay longer or buy more."
            if is_real
            else "From {cheap} ({cheap_cost}) to {dear} ({dear_cost}), the channels' costs differ within chance. "
            "Do not move money on this alone."
        )
        said.append(
            sentence(
                words,
                cheap=_(str(cheap["channel"])),
                dear=_(str(dear["channel"])),
                cheap_cost=_estimate(study, cheap),
                dear_cost=_estimate(study, dear),
            )
        )
    barren = _barren(channels)
    if len(barren):
        spend = Estimate("barren_spend", float(barren["spend"].sum()), study.currency)
        text = sentence(
            "{names} took {spend} and brought no new customer that these data know of. Check whether the "
            "channels are called the same in both tables; if they are, stop.",
            names=_listed(barren["channel"]),
            spend=spend,
        )
        said.append(Finding(text, stake=spend, can_be_moved=True))
    return said
