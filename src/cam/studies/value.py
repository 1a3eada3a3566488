"""Study 03: what customers have brought so far, how far that hangs on few, and what a new one costs."""

from __future__ import annotations

import math

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import interval_text, named, period_text, sentence, value_text
from cam.language import translate as _
from cam.measures.value.acquisition import COST_TYPES, cac, is_beyond_chance, whole_months
from cam.measures.value.acquisition import cac_by_channel as put_side_by_side
from cam.measures.value.profitability import (
    concentration,
    mean_per_customer,
    ratio_per_customer,
    top_share,
)
from cam.reduce.acquisition import acquired_by_month, spend_by_month
from cam.reduce.earnings import contract_earnings, customer_earnings, earnings_sums, ranked_groups
from cam.reduce.summary import customer_summary
from cam.show.tables import Col, ShownTable, show_pairs, show_table
from cam.studies.study import Study, needs

#: A curve by hundredths needs a customer in each.
_FEWEST_FOR_CURVE = 100
_CENT = 0.01


@needs()
def setting(study: Study) -> str | CannotSay:
    """Decide how customers leave: ``contractual`` or ``non_contractual``."""
    given = study.params.value.setting
    has = [name for name in ("transactions", "contracts") if name in study.tables]
    if given:
        return study.lacks("contracts" if given == "contractual" else "transactions") or given
    if len(has) == 2:
        return CannotSay(
            _("There are both transactions and contracts, and they measure value in different ways."),
            _(
                "Set value.setting: non_contractual where customers can leave without a word, contractual where "
                "they cancel."
            ),
        )
    if not has:
        return CannotSay(
            _("This needs the table transactions or contracts; the parameter file names neither."),
            _("Add one of them under data; params/template.yaml shows their columns."),
        )
    return "contractual" if has == ["contracts"] else "non_contractual"


@needs()
def show_setting(study: Study, decided: str) -> ShownTable:
    """Say what this client's value rests on: how customers leave, where revenue and margin come from."""
    is_contractual = decided == "contractual"
    lacking = _lacks_margin(study, decided)
    return show_pairs(
        {
            "Setting": named(decided),
            "What that means": _(
                "A customer who leaves ends a contract, so it is known who has left and when."
            )
            if is_contractual
            else _(
                "Customers leave without a word: nobody sees who is still a customer, and only the silence tells."
            ),
            "Revenue": _("monthly fee x active months")
            if is_contractual
            else _("what was paid, less refunds"),
            "Margin": f"{lacking.reason} {lacking.cure}" if lacking else _margin_words(study, decided),
        },
        caption="What value rests on here",
    )


@needs()
def summarise(study: Study, decided: str) -> ir.Table | CannotSay:
    """Reduce orders or contracts to what each customer has brought, once, inside the engine."""
    rate = study.params.value.margin_rate
    if decided == "contractual":
        lacking = study.lacks_column("contracts", "monthly_fee")
        if lacking:
            return lacking
        earned = contract_earnings(study.tables["contracts"], as_of=study.as_of, margin_rate=rate)
    else:
        earned = customer_earnings(
            study.tables["transactions"],
            as_of=study.as_of,
            margin_rate=rate,
            has_margin=_lacks_margin(study, decided) is None,
        )
    return study.engine.create_table("customer_earnings", earned, overwrite=True)


@needs()
def period(study: Study, decided: str) -> str:
    """First to last day that earnings come from, ready to print."""
    if decided != "contractual":
        return study.period
    first = pd.Timestamp(study.tables["contracts"].start_date.cast("date").min().execute()).date()
    return period_text(first, study.as_of)


@needs()
def averages(study: Study, customers: ir.Table) -> list[Estimate]:
    """Estimate what an order and a customer have brought so far; margin where it is known."""
    columns = [name for name in ("n_orders", "revenue", "margin") if name in customers.columns]
    row = earnings_sums(customers, columns).execute().iloc[0]
    sums = {str(name): int(value) for name, value in row.items()}
    if not sums["n_customers"]:
        return []
    money = study.currency
    found = [mean_per_customer("revenue_per_customer", sums, "revenue", unit=money, scale=_CENT)]
    if "n_orders" in columns:
        found.insert(
            0, ratio_per_customer("mean_order_value", sums, "revenue", "n_orders", unit=money, scale=_CENT)
        )
    if "margin" in columns:
        found.append(mean_per_customer("margin_per_customer", sums, "margin", unit=money, scale=_CENT))
        if _has_cost(study, customers) and sums["revenue"] > 0:
            found.append(ratio_per_customer("margin_rate", sums, "margin", "revenue", unit="share"))
    return found


@needs()
def show_averages(study: Study, estimates: list[Estimate]) -> ShownTable | CannotSay:
    """Show the averages; money and shares in columns of their own."""
    rows = [
        {
            "figure": named(estimate.figure),
            "value": value_text(estimate.value, estimate.unit),
            "range": interval_text(estimate),
            "n": estimate.n,
        }
        for estimate in estimates
    ]
    columns = [
        Col("figure", "So far"),
        Col("value", "Mean"),
        Col("range", "95 % interval"),
        Col("n", "n", "count"),
    ]
    return show_table(pd.DataFrame(rows), columns, caption="What an order and a customer have brought so far")


@needs()
def revenue_curve(study: Study, customers: ir.Table) -> pd.DataFrame | CannotSay:
    """Return which share of revenue each share of customers brings, by hundredths."""
    groups = ranked_groups(customers, "revenue").execute()
    n = int(groups["n_customers"].sum())
    if n < _FEWEST_FOR_CURVE:
        return CannotSay(
            sentence(
                "How far revenue hangs on few is not shown: {n} customers are too few, {fewest} are needed.",
                n=n,
                fewest=_FEWEST_FOR_CURVE,
            )
        )
    if groups["total"].sum() <= 0:
        return CannotSay(_("How far revenue hangs on few is not shown: refunds leave no revenue in total."))
    return concentration(groups)


@needs("spend")
def acquisition_months(study: Study) -> pd.DataFrame | CannotSay:
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
def acquisition_period(study: Study, months: pd.DataFrame) -> str:
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
    note = " ".join(_acquisition_notes(study, months, channels))
    return show_table(channels, columns, caption="What a new customer costs, by channel", note=note)


def findings(
    study: Study,
    estimates: list[Estimate] | CannotSay,
    curve: pd.DataFrame | CannotSay,
    total: Estimate | CannotSay,
    channels: pd.DataFrame | CannotSay,
) -> list[str | CannotSay]:
    """Say what the client should know and do, each with its number and interval."""
    return [
        *_earned(study, estimates),
        curve if isinstance(curve, CannotSay) else _concentrated(curve),
        total if isinstance(total, CannotSay) else _costs(total),
        *([] if isinstance(channels, CannotSay) else _channels_apart(study, channels)),
    ]


def key_figures(
    study: Study,
    estimates: list[Estimate] | CannotSay,
    curve: pd.DataFrame | CannotSay,
    total: Estimate | CannotSay,
    channels: pd.DataFrame | CannotSay,
) -> list[Estimate | CannotSay]:
    """List the study's key figures."""
    figures: list[Estimate | CannotSay] = [estimates] if isinstance(estimates, CannotSay) else [*estimates]
    figures.append(curve if isinstance(curve, CannotSay) else top_share(curve))
    figures.append(total)
    if not isinstance(channels, CannotSay):
        figures += _channel_estimates(study, channels)
    return figures


@needs()
def scores(study: Study, customers: ir.Table) -> ir.Table | CannotSay:
    """Pick the columns that go to ``customers.parquet``; revenue is there already where there are orders."""
    has_margin, has_orders = "margin" in customers.columns, "n_orders" in customers.columns
    if has_orders and not has_margin:
        return CannotSay(_("There is no score per customer without a margin."))
    kept = {"margin_so_far": customers.margin} if has_margin else {}
    if not has_orders:
        kept["fees_so_far"] = customers.revenue
    return customers.select("customer_id", **kept)


# --- margin -------------------------------------------------------------------------------------


def _lacks_margin(study: Study, decided: str) -> CannotSay | None:
    """Say what margin needs, or nothing where it is known or assumed."""
    if study.params.value.margin_rate is not None:
        return None
    cure = _("Set value.margin_rate, or map the column cost under data.transactions.columns.")
    if decided == "contractual":
        return CannotSay(_("Margin is not known."), _("Set value.margin_rate."))
    if "cost" not in study.tables["transactions"].columns:
        return CannotSay(_("Margin is not known: transactions have no cost."), cure)
    n = _n_uncosted(study)
    if not n:
        return None
    return CannotSay(
        sentence("Margin is not known: {n} rows of transactions have no cost.", n=n),
        _("Fill it at the source, or set value.margin_rate, which then stands for these rows."),
    )


def _margin_words(study: Study, decided: str) -> str:
    rate = study.params.value.margin_rate
    assumed = "" if rate is None else value_text(rate, "share")
    if decided == "contractual" or "cost" not in study.tables["transactions"].columns:
        return sentence("an assumption: {rate} of revenue (value.margin_rate)", rate=assumed)
    n = _n_uncosted(study)
    if not n:
        return _("revenue less the cost of each order")
    return sentence(
        "revenue less cost; {n} rows have no cost, and for these {rate} of revenue is assumed (value.margin_rate)",
        n=n,
        rate=assumed,
    )


def _n_uncosted(study: Study) -> int:
    return int(study.tables["transactions"].cost.isnull().sum().execute() or 0)


def _has_cost(study: Study, customers: ir.Table) -> bool:
    """Whether margin was measured: an assumed rate is no finding."""
    transactions = study.tables.get("transactions")
    return "n_orders" in customers.columns and transactions is not None and "cost" in transactions.columns


# --- acquisition --------------------------------------------------------------------------------


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
                "A customer counts as new with the first purchase in these data: where they start late, old "
                "customers look new and the cost too low."
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


def _channel_estimates(study: Study, channels: pd.DataFrame) -> list[Estimate]:
    """The cost of each channel that has both; one that is itself called "all" would stand for the whole."""
    rated = channels[channels["cac"].notna() & (channels["channel"] != "all")]
    return [
        cac(
            float(row["spend"]),
            int(row["n_new"]),
            currency=study.currency,
            segment={"channel": row["channel"]},
        )
        for row in rated.to_dict("records")
    ]


# --- findings -----------------------------------------------------------------------------------


def _earned(study: Study, estimates: list[Estimate] | CannotSay) -> list[str | CannotSay]:
    if isinstance(estimates, CannotSay):
        return [estimates]
    known = {estimate.figure: estimate for estimate in estimates}
    said: list[str | CannotSay] = []
    if "mean_order_value" in known:
        said.append(
            sentence(
                "A customer has brought {customer} so far, at {order} an order. What a new one may cost is to be "
                "set against margin, not against this.",
                customer=known["revenue_per_customer"],
                order=known["mean_order_value"],
            )
        )
    elif "revenue_per_customer" in known:
        said.append(
            sentence("A customer has paid {customer} in fees so far.", customer=known["revenue_per_customer"])
        )
    if "margin_rate" in known:
        said.append(
            sentence(
                "Of this, {rate} stays as gross margin: {margin} per customer so far. An offer that takes more "
                "than that share off the price loses money on the order.",
                rate=known["margin_rate"],
                margin=known["margin_per_customer"],
            )
        )
    elif "margin_per_customer" in known:
        said.append(
            sentence(
                "If {rate} of revenue is margin, as assumed, a customer has brought {margin} so far. Replace the "
                "assumption by the cost of each order as soon as it is at hand.",
                rate=value_text(study.params.value.margin_rate or 0.0, "share"),
                margin=known["margin_per_customer"],
            )
        )
    else:
        decided = setting(study)
        lacking = decided if isinstance(decided, CannotSay) else _lacks_margin(study, decided)
        said += [lacking] if lacking else []
    return said


def _concentrated(curve: pd.DataFrame) -> str:
    share = top_share(curve)
    words = (
        "The top fifth of customers bring {share} of revenue. Know who they are, and look after them before "
        "anyone else."
        if share.value >= 0.5
        else "The top fifth of customers bring {share} of revenue: the business does not hang on few. What works "
        "for the many counts for more than care for the largest."
    )
    return sentence(words, share=share)


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
        estimates = {
            name: cac(float(row["spend"]), int(row["n_new"]), currency=study.currency)
            for name, row in (("cheap_cost", cheap), ("dear_cost", dear))
        }
        words = (
            "A new customer from {dear} cost {dear_cost}, one from {cheap} {cheap_cost}; that is more than chance. "
            "Before money moves, look whether the dear ones stay longer or buy more."
            if is_real
            else "From {cheap} ({cheap_cost}) to {dear} ({dear_cost}), the channels' costs differ within chance. "
            "Do not move money on this alone."
        )
        said.append(sentence(words, cheap=cheap["channel"], dear=dear["channel"], **estimates))
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
