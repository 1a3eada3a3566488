"""Study 01: who the customers are, by recency, frequency and value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import listed, named, sentence, value_text
from cam.language import translate as _
from cam.measures.segmentation.rfm import MEASURES, RfmFit, bin_table, fixed_rfm
from cam.measures.segmentation.rfm import fit_rfm as cut_at_quantiles
from cam.measures.segmentation.rules import SEGMENTS, name_segments
from cam.measures.segmentation.shares import segment_shares
from cam.reduce.earnings import contract_earnings, customer_earnings
from cam.reduce.scores import distinct_values, score_by_limits, segment_sums
from cam.reduce.summary import cells
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.margin import lacks_margin
from cam.studies.study import Study, join_customers, needs

#: Fewer customers than this carry no advice.
MIN_CUSTOMERS = 30
#: From this share of one-time buyers on, the second purchase is the step to work on.
MANY_ONCE = 0.2

Values = Mapping[str, pd.DataFrame]


@needs("transactions")
def summarise(study: Study) -> ir.Table | CannotSay:
    """Reduce the orders to one row per customer, once, inside the engine."""
    customers = study.summary(study.as_of)
    if customers.count().execute() == 0:
        return CannotSay(
            sentence("Nobody has bought: every row of the transactions is a refund."),
            sentence(
                "If they are no refunds, the sign of revenue is the wrong way round: turn it at the source."
            ),
        )
    return customers


@needs()
def purchase_days(study: Study, customers: ir.Table) -> pd.DataFrame:
    """Count customers by days with a purchase, with Wilson intervals; ten days and more are one group."""
    counted = cells(customers, "frequency").execute()
    group = (counted["frequency"] + 1).clip(upper=10)
    counts = counted.groupby(group)["n_customers"].sum().reindex(range(1, 11), fill_value=0)
    n = int(counts.sum())
    estimates = [proportion("purchase_days_share", int(count), n) for count in counts]
    return pd.DataFrame(
        {
            "n_days": [*map(str, range(1, 10)), "10+"],
            "n_customers": counts.to_numpy(),
            "share": [estimate.value for estimate in estimates],
            "low": [estimate.low for estimate in estimates],
            "high": [estimate.high for estimate in estimates],
        }
    )


@needs()
def measure_value(
    study: Study, customers: ir.Table, transactions: ir.Table | None = None
) -> ir.Table | CannotSay:
    """Add what M is: revenue, or what ``segmentation.value_measure`` names; who has none of it is left out."""
    name = study.params.segmentation.value_measure
    if name in ("revenue", "n_orders"):
        return customers.mutate(value=_money(customers[name]))
    if name == "margin":
        lacking = lacks_margin(study, "non_contractual")
        if lacking:
            return lacking
        earned = customer_earnings(
            study.tables["transactions"] if transactions is None else transactions,
            as_of=study.as_of,
            margin_rate=study.params.value.margin_rate,
            has_margin=True,
        )
        known = earned.select("customer_id", value=_money(earned.margin))
    else:
        lacking = _lacks_measure(study, name)
        if lacking:
            return lacking
        people = study.tables["customers"]
        known = people.filter(people[name].notnull()).select("customer_id", value=_money(people[name]))
    valued: ir.Table = customers.inner_join(known, "customer_id")
    if valued.count().execute() == 0:
        return CannotSay(sentence("No customer who bought has a value in the column {name}.", name=name))
    return valued


def measure_name(study: Study) -> str:
    """Return what M is called within a sentence."""
    name = study.params.segmentation.value_measure
    words = {"revenue": _("revenue"), "margin": _("gross margin"), "n_orders": _("orders")}
    return words.get(name, name)


def measure_unit(study: Study) -> str:
    """Return the unit of M."""
    segmentation = study.params.segmentation
    is_count = segmentation.value_measure == "n_orders" or segmentation.value_unit == "count"
    return "count" if is_count and segmentation.value_measure not in ("revenue", "margin") else study.currency


@needs()
def count_values(study: Study, valued: ir.Table) -> Values:
    """Count the customers at each value of recency, frequency and value."""
    return {name: distinct_values(valued, column).execute() for name, (column, _less) in MEASURES.items()}


@needs()
def fit_rfm(study: Study, values: Values) -> RfmFit:
    """Cut the three scores at quantiles, or at the limits that the parameter file fixes."""
    fixed = study.params.segmentation.thresholds
    if fixed:
        return fixed_rfm(fixed.recency, fixed.frequency, fixed.monetary)
    bins = study.params.segmentation.bins
    return cut_at_quantiles(values, n_bins=bins.model_dump() if bins else study.params.segmentation.n_bins)


@needs()
def show_bins(study: Study, customers: ir.Table, values: Values, fit: RfmFit) -> ShownTable | CannotSay:
    """Show what each bin holds, and say which bins ties have left empty and who could not be scored."""
    bins = bin_table(values, fit)
    empty = bins[bins["n_customers"] == 0]
    notes = [
        sentence(
            "{measure}: {bins} bins were asked for, but there are only {n} different values.",
            measure=_measure_title(study, name),
            bins=fit.n_bins(name),
            n=len(values[name]),
        )
        for name in MEASURES
        if len(values[name]) < fit.n_bins(name)
    ]
    notes += [
        sentence(
            "{measure}: no customer scores {scores}, because equal customers share a bin.",
            measure=_measure_title(study, str(measure)),
            scores=listed(str(score) for score in sorted(group["score"])),
        )
        for measure, group in empty.groupby("measure", sort=False)
    ]
    unscored = int(customers.count().execute()) - int(values["recency"]["n_customers"].sum())
    if unscored:
        notes.append(
            sentence(
                "{n} customers have nothing in the column {column}: they have no score and no segment.",
                n=unscored,
                column=measure_name(study),
            )
        )
    bins = bins[bins["n_customers"] > 0]
    units = {"recency": "count", "frequency": "count", "monetary": measure_unit(study)}
    ranges = [
        sentence(
            "{low} to {high}",
            low=value_text(row.low, units[row.measure]),
            high=value_text(row.high, units[row.measure]),
        )
        if row.low < row.high
        else value_text(row.low, units[row.measure])
        for row in bins.itertuples()
    ]
    titles = [_measure_title(study, str(name)) for name in bins["measure"]]
    bins = bins.assign(range=ranges, measure=titles)
    columns = [
        Col("measure", "Measure"),
        Col("score", "Score", "count", ordered=True),
        Col("range", "Values"),
        Col("n_customers", "Customers", "count"),
    ]
    return show_table(bins, columns, caption="What each score means", notes=notes, max_rows=30)


@needs()
def score_customers(study: Study, valued: ir.Table, fit: RfmFit, *, table: str = "rfm") -> ir.Table:
    """Join the three scores and the segment to every customer, inside the engine, in tables of that name."""
    scores = {
        f"{name[0]}_score": score_by_limits(valued[column], fit.limits(name), less_is_better=less)
        for name, (column, less) in MEASURES.items()
    }
    scored = study.engine.create_table(f"{table}_scores", valued.mutate(**scores), overwrite=True)
    named_cells = cells(scored, *scores).drop("n_customers").execute()
    named_cells["rfm_segment"] = name_segments(
        named_cells, n_bins={name: fit.n_bins(name) for name in MEASURES}
    )
    names = study.engine.create_table(f"{table}_cells", named_cells, overwrite=True)
    joined = scored.inner_join(names, list(scores))
    return study.engine.create_table(f"{table}_customers", joined, overwrite=True)


@needs()
def count_combinations(study: Study, scored: ir.Table) -> pd.DataFrame:
    """Count the customers of every combination of scores that somebody has, the rarest first."""
    counted = cells(scored, "r_score", "f_score", "m_score")
    return counted.order_by("n_customers", "r_score", "f_score", "m_score").execute()


@needs()
def segment_table(study: Study, scored: ir.Table) -> pd.DataFrame | CannotSay:
    """Say what each segment holds, most engaged first; segments without a customer are left out."""
    sums = segment_sums(scored, "rfm_segment").execute().rename(columns={"rfm_segment": "segment"})
    money = ["value", "value_squared"]
    sums[money] = sums[money].astype("float64")
    if sums["value"].sum() <= 0:
        return CannotSay(
            sentence(
                "The sum of {value} is not above zero, so no segment has a share of it.",
                value=measure_name(study),
            )
        )
    order = {name: place for place, name in enumerate(SEGMENTS)}
    return segment_shares(sums.sort_values("segment", key=lambda names: names.map(order), ignore_index=True))


@needs()
def show_segments(study: Study, segments: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the segments with their shares, means and intervals."""
    unit, value = measure_unit(study), measure_name(study)
    columns = [
        Col("segment", "Segment"),
        Col("n_customers", "Customers", "count"),
        Col("customer_share", "of customers", "share"),
        Col(
            "value_share", sentence("of {value}", value=value), "share", "value_share_low", "value_share_high"
        ),
        Col(
            "mean_value",
            sentence("{value} per customer", value=value[0].upper() + value[1:]),
            "ratio" if unit == "count" else unit,  # a mean of counts is no count
            "mean_value_low",
            "mean_value_high",
        ),
        Col("mean_days_since_last", "Last purchase, mean", "days"),
    ]
    shown = segments.assign(segment=segments["segment"].map(named))
    return show_table(shown, columns, caption="The segments and what they hold")


@needs()
def recency_frequency(study: Study, scored: ir.Table) -> pd.DataFrame:
    """Count customers at each pair of recency and frequency scores."""
    return cells(scored, "r_score", "f_score").order_by(["r_score", "f_score"]).execute()


def scores(
    study: Study, scored: ir.Table | CannotSay, *others: ir.Table | CannotSay | None
) -> ir.Table | CannotSay:
    """Put together the columns that go to ``customers.parquet``; a customer whom another table lacks keeps a gap."""
    if isinstance(scored, CannotSay):
        return scored
    dropped = ["recency", "T"]
    if study.params.segmentation.value_measure in ("revenue", "n_orders"):
        dropped.append("value")  # it stands there by its own name
    table: ir.Table = scored.drop(*dropped).rename(purchase_days_after_first="frequency")
    for other in others:
        if isinstance(other, ir.Table):
            table = join_customers(table, other)
    return table


def findings(
    study: Study, days: pd.DataFrame | CannotSay, segments: pd.DataFrame | CannotSay
) -> list[str | CannotSay]:
    """Say what the client should know and do, each with its number and interval."""
    if isinstance(days, CannotSay) or isinstance(segments, CannotSay):
        return [said for said in (days, segments) if isinstance(said, CannotSay)]
    n = int(days["n_customers"].sum())
    if n < MIN_CUSTOMERS:
        return [
            CannotSay(
                sentence(
                    "{n} customers are too few to advise on; {least} are needed.", n=n, least=MIN_CUSTOMERS
                )
            )
        ]
    once = proportion("one_time_share", int(days["n_customers"].iloc[0]), n)
    if once.value >= MANY_ONCE:
        words = (
            "{once} of customers have bought on one day only so far. The second purchase is the step to work on: give "
            "new customers a reason to return soon after the first."
        )
    else:
        words = (
            "Only {once} of customers have bought on one day only so far: the second purchase is not the obstacle. "
            "Work on how often and how much they buy."
        )
    found: list[str | CannotSay] = [sentence(words, once=once)]
    shares = segments.set_index("segment")
    advice = {
        "champions": "Champions are {customers.short} of customers and bring {share} of {value}. Keep them: "
        "good service costs less than a discount to those who buy anyway.",
        "cannot_lose": "{n} customers who once bought much have stopped: they hold {share} of {value} so far. "
        "Call them first.",
        "at_risk": "{n} customers are at risk; they hold {share} of {value} so far. Win them back before they "
        "forget you.",
        "hibernating": "Hibernating customers are {customers.short} of all, but {share} of {value}. Write to "
        "them seldom and cheaply.",
    }
    for name, words in advice.items():
        if name in shares.index:
            row = shares.loc[name]
            found.append(
                sentence(
                    words,
                    n=int(row["n_customers"]),
                    customers=Estimate("customer_share", float(row["customer_share"]), "share"),
                    share=_value_share(study, name, row, n),
                    value=measure_name(study),
                )
            )
    return found


def key_figures(
    study: Study, fit: RfmFit | CannotSay, segments: pd.DataFrame | CannotSay
) -> list[Estimate | CannotSay]:
    """List the study's key figures, counts of the whole base first."""
    figures: list[Estimate | CannotSay] = list(headline(study))
    if isinstance(fit, CannotSay) or isinstance(segments, CannotSay):
        return figures
    n = int(segments["n_customers"].sum())
    for _place, row in segments.iterrows():
        segment = {"segment": str(row["segment"])}
        # Shares of all customers there are: a count, without sampling error.
        figures.append(
            Estimate("rfm_segment_share", float(row["customer_share"]), "share", n, segment=segment)
        )
        if pd.notna(row["value_share"]):
            figures.append(_value_share(study, str(row["segment"]), row, n))
    units = {"recency": "days", "frequency": "days", "monetary": measure_unit(study)}
    figures += [
        Estimate(f"rfm_{name}_limit", limit, units[name], n, segment={"limit": str(place)})
        for name in MEASURES
        for place, limit in enumerate(fit.limits(name), start=1)
    ]
    return figures


def headline(study: Study) -> Sequence[Estimate]:
    """Count customers, orders and revenue, from what was kept of the client's main table.

    A client with contracts alone has brought fee x active months. Where nobody has bought nothing is counted: the
    sign of revenue may be the wrong way round.
    """
    review = study.prepared.review["tables"].get("transactions")
    if review:
        n = review["n_customers"]
        if not review["n_orders"]:
            return ()
        return (
            Estimate("n_customers", n, "count", n),
            Estimate("n_transactions", review["n_orders"], "count", review["n_orders"]),
            Estimate("revenue", float(review["revenue_kept"]), study.currency, review["n_orders"]),
        )
    contracts = study.tables.get("contracts")
    if contracts is not None and "monthly_fee" in contracts.columns:
        earned = contract_earnings(contracts, as_of=study.as_of)
        totals = earned.aggregate(n=earned.count(), revenue=earned.revenue.sum()).execute().iloc[0]
        n = int(totals["n"])
        return (
            Estimate("n_customers", n, "count", n),
            Estimate("revenue", float(totals["revenue"]), study.currency, n),
        )
    for name in ("contracts", "snapshot", "responses"):
        if name in study.tables and "customer_id" in study.tables[name].columns:
            n = int(study.tables[name].customer_id.nunique().execute())
            return (Estimate("n_customers", n, "count", n),)
    return ()


def _lacks_measure(study: Study, name: str) -> CannotSay | None:
    """Say that a column of customers cannot be the value, or nothing if it can."""
    lacking = study.lacks("customers")
    if lacking:
        return lacking
    kinds = study.tables["customers"].schema()
    numeric = [str(column) for column, kind in kinds.items() if kind.is_numeric() and not kind.is_boolean()]
    if name in numeric:
        return None
    return CannotSay(
        sentence("The table customers has no column of numbers named {name}.", name=name),
        sentence(
            "Set segmentation.value_measure to one of: {names}.",
            names=listed(["revenue", "margin", "n_orders", *numeric]),
        ),
    )


def _measure_title(study: Study, name: str) -> str:
    """Return what one of the three scores is cut from."""
    if name == "monetary" and study.params.segmentation.value_measure != "revenue":
        return measure_name(study)
    return named(name)


def _money(column: ir.NumericColumn) -> ir.DecimalColumn:
    # To the cent, halves upwards, so that sums are exact whatever the source holds.
    return ((column.cast("float64") * 100 + 0.5).floor() / 100).cast("decimal(18,2)")


def _value_share(study: Study, name: str, row: pd.Series, n: int) -> Estimate:
    low, high = row["value_share_low"], row["value_share_high"]
    has_interval = pd.notna(low) and pd.notna(high)
    is_revenue = study.params.segmentation.value_measure == "revenue"
    return Estimate(
        "rfm_segment_revenue_share" if is_revenue else "rfm_segment_value_share",
        float(row["value_share"]),
        "share",
        n,
        float(low) if has_interval else None,
        float(high) if has_interval else None,
        {"segment": name},
    )
