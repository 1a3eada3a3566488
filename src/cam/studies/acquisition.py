"""Study 03, second half: what a new customer costs, in all and by channel."""

from __future__ import annotations

import math

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import period_text, sentence, together, value_text
from cam.language import translate as _
from cam.measures.value.acquisition import COST_TYPES, cac, is_beyond_chance, whole_months
from cam.measures.value.acquisition import cac_by_channel as put_side_by_side
from cam.reduce.acquisition import acquired_by_month, spend_by_month
from cam.reduce.summary import customer_summary
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, needs


@needs("spend")
def match_months(study: Study) -> pd.DataFrame | CannotSay:
    """Bring spend and new customers together, of the whole months for which both are known."""
    new = _new_customers(study)
    if isinstance(new, CannotSay):
        return new
    spend, acquired = (_dated(table.execute()) for table in (spend_by_month(study.tables["spend"]), new))
    whole = whole_months(spend, acquired, as_of=study.as_of)
    if whole is None:
        return CannotSay(
            _("The cost of a new customer needs at least one whole month with both spend and new customers."),
            _("Compare the dates in the tables spend and customers, and client.as_of."),
        )
    months = pd.concat([spend, acquired], ignore_index=True)
    months = months[months["month"].between(*whole)]
    return months.fillna({"cents": 0, "n_new": 0}).astype({"cents": "int64", "n_new": "int64"})


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


def _new_customers(study: Study) -> ir.Table | CannotSay:
    """New customers by month; by first purchase or first contract where nothing says when they were won."""
    if study.lacks_column("customers", "acquired_date") is None:
        return acquired_by_month(study.tables["customers"])
    if "transactions" in study.tables:
        people = customer_summary(study.tables["transactions"], as_of=study.as_of)
        return acquired_by_month(people.select("customer_id", acquired_date="first_date"))
    if "contracts" in study.tables:
        contracts = study.tables["contracts"]
        first = contracts.group_by("customer_id").aggregate(acquired_date=contracts.start_date.min())
        return acquired_by_month(first)
    return CannotSay(
        _("Nothing says when customers were won."),
        _("Add the table customers with acquired_date under data."),
    )


def _dated(table: pd.DataFrame) -> pd.DataFrame:
    days = [name for name in ("month", "first_day", "last_day") if name in table.columns]
    return table.assign(**{name: pd.to_datetime(table[name]).astype("datetime64[s]") for name in days})


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


def _listed(names: pd.Series | list[str]) -> str:
    return _(", ").join(_(str(name)) for name in names)


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


def _channels_apart(study: Study, channels: pd.DataFrame) -> list[str]:
    rated = channels[channels["cac"].notna()]
    said = []
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
        said.append(
            sentence(
                "{names} took {spend} and brought no new customer that these data know of. Check whether the "
                "channels are called the same in both tables; if they are, stop.",
                names=_listed(barren["channel"]),
                spend=value_text(float(barren["spend"].sum()), study.currency),
            )
        )
    return said
