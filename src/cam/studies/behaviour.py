"""Study 01, how customers buy: where, what, at which price, when, for how much, and how soon again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import sentence, together, value_text
from cam.language import translate as _
from cam.measures.segmentation import behaviour as measures
from cam.reduce import behaviour as reduce
from cam.reduce.scores import score_by_limits
from cam.reduce.summary import cells
from cam.show.tables import ShownTable
from cam.studies.buying_times import (
    DAYS_PER_YEAR,
    PARTS,
    WEEKDAYS,
    first_day,
    median_gap,
    order_shares,
    part_of_day,
    show_levels,
    with_hour,
)
from cam.studies.study import Study, needs

QUARTERS = ("Q1", "Q2", "Q3", "Q4")
#: Bands of the share of its price that was taken off an order; up to the first there was no discount.
DISCOUNT_LIMITS = (0.0, 0.05, 0.1, 0.2, 0.5)
#: Orders below and above these quantiles of value share a bin at each end.
TAIL = 0.005
#: A channel with less of the orders is nothing to point at.
MAIN_CHANNEL = 0.2
#: More levels than this are no channels or categories but ids.
MAX_LEVELS = 2_000
#: More categories per customer than this are one row.
MAX_BREADTH = 8


@needs("transactions")
def orders(study: Study) -> ir.Table | CannotSay:
    """Put the lines of each order together, once, inside the engine."""
    made = _once(
        study, "behaviour_orders", lambda: reduce.orders(study.tables["transactions"], as_of=study.as_of)
    )
    if made.count().execute() == 0:
        return CannotSay(
            sentence("Nobody has bought: every row of the transactions is a refund."),
            sentence(
                "If they are no refunds, the sign of revenue is the wrong way round: turn it at the source."
            ),
        )
    return made


@needs()
def mix(study: Study, bought: ir.Table) -> pd.DataFrame | CannotSay:
    """Say where customers order, what, at which discount, and how many categories each has bought from.

    One row per section (``channel``, ``category``, ``discount``, ``n_categories``) and level.
    """
    found = [_mix_of(study, column) for column in ("channel", "category")]
    found += [_discounts(bought), _breadth(study)]
    tables = [table for table in found if isinstance(table, pd.DataFrame)]
    if not tables:
        return CannotSay(
            _("The transactions have no channel, no category and no discount, so there is no mix to show."),
            sentence(
                "If the source has it by another name, map it under data.{table}.columns.",
                table="transactions",
            ),
        )
    return pd.concat(tables, ignore_index=True)


@needs()
def show_mix(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the mix as a table, with what it leaves out."""
    notes = []
    if table["section"].isin(["channel", "category"]).any():
        words = (
            "An order counts once in every channel and category that its lines name, so shares may exceed 100 % in "
            "all."
        )
        notes.append(_(words))
    n_orders = int(orders(study).count().execute())  # type: ignore[union-attr]
    left_out = {
        "channel": "{n} orders have no channel and are left out of its shares.",
        "category": "{n} orders have no category and are left out of its shares.",
        "discount": "{n} orders have no discount on record or no price above zero, and are left out of its shares.",
    }
    for section, message in left_out.items():
        known = table.loc[table["section"] == section, "all_orders"]
        if len(known) and n_orders > int(known.iloc[0]):
            notes.append(sentence(message, n=n_orders - int(known.iloc[0])))
    for section, message in (("channel", "{n} channels in all."), ("category", "{n} categories in all.")):
        rest = table[(table["section"] == section) & table["is_rest"]]
        if len(rest):
            notes.append(sentence(message, n=int(rest["n_levels"].iloc[0])))
    for column in ("channel", "category"):
        levels = _levels(study, column)
        if isinstance(levels, CannotSay):
            notes.append(together(levels.reason, levels.cure))
    return show_levels(table, caption="Where, what and at which price customers buy", notes=notes)


@needs()
def values(study: Study, bought: ir.Table) -> pd.DataFrame | CannotSay:
    """Say how large orders are: shares in bins of round limits."""
    low, high = reduce.order_value_quantiles(bought, low=TAIL, high=1 - TAIL).execute().iloc[0]
    if pd.isna(low):
        return CannotSay(_("No order has brought anything, so there are no amounts to show."))
    limits = measures.value_limits(float(low), float(high))
    binned = bought.mutate(level=score_by_limits(bought.revenue, limits))
    found = order_shares(binned).sort_values("level", ignore_index=True)
    edges = [value_text(limit, study.currency) for limit in limits]
    names = [
        _("zero or less"),
        sentence("up to {high}", high=edges[1]),
        *(sentence("{low} to {high}", low=low, high=high) for low, high in pairwise(edges[1:])),
        sentence("more than {low}", low=edges[-1]),
    ]
    return found.assign(section="value", label=[names[level - 1] for level in found["level"]])


@needs()
def mean_order_value(study: Study, bought: ir.Table) -> Estimate:
    """Return revenue per order, net of the refunds linked to it, over a sample of customers."""
    sums = reduce.ratio_sums(bought.mutate(one=1), top="revenue", bottom="one").execute().iloc[0]
    return measures.customer_ratio("mean_order_value", sums, unit=study.currency)


@needs("transactions")
def customer_columns(study: Study, customers: ir.Table) -> ir.Table | CannotSay:
    """Put each customer's buying habits into one row, inside the engine.

    Of equally frequent channels, categories, hours, days and quarters the one that is more common among all orders
    counts as the customer's own; of equally common ones the first by code point, or the earlier.
    """
    bought = orders(study)
    if isinstance(bought, CannotSay):
        return bought
    frequency = customers.frequency.cast("float64")
    days = customers.last_date.delta(customers.first_date, unit="day").cast("float64")
    made = customers.select(
        "customer_id",
        mean_order_value=customers.revenue.cast("float64") / customers.n_orders,
        interpurchase_days=days / frequency.nullif(0),
    )
    is_sound = isinstance(_discount_share(bought), Estimate) or "discount" not in bought.columns
    made = _join(made, reduce.habits(bought if is_sound else bought.drop("discount", "price")))
    names: dict[str, tuple[ir.Table, ir.IntegerColumn, tuple[str, ...]]] = {
        "usual_weekday": (bought, bought.weekday, WEEKDAYS)
    }
    known = with_hour(bought)
    if not isinstance(known, CannotSay):
        names["usual_part_of_day"] = (known, part_of_day(known), tuple(name for name, *_rest in PARTS))
    if (study.as_of - first_day(study)).days + 1 >= DAYS_PER_YEAR:
        # Of less than a year some quarters were never seen.
        names["usual_season"] = (bought, (bought.month % 12) // 3, QUARTERS)
    for column, (table, level, texts) in names.items():
        own = _main_of(study, column, table.mutate(level=level.cast("int64")))
        text = own.main.cases(*enumerate(texts))
        made = _join(made, own.select("customer_id", **{column: text}))
    for column, many in (("channel", "n_channels"), ("category", "n_categories")):
        own_levels = _main(study, column)
        if not isinstance(own_levels, CannotSay):
            renamed = {f"main_{column}": "main", f"main_{column}_share": "main_share", many: "n_levels"}
            made = _join(made, own_levels.rename(renamed))
    return study.engine.create_table("customer_behaviour", made, overwrite=True)


@needs()
def scores(study: Study, columns: ir.Table) -> ir.Table:
    """Pick the columns that go to ``customers.parquet``: all of them."""
    return columns


def key_figures(
    study: Study,
    bought: ir.Table | CannotSay,
    table: pd.DataFrame | CannotSay,
    curve: pd.DataFrame | CannotSay,
) -> list[Estimate | CannotSay]:
    """List shares of the mix, of weekends and discounts, and the time between purchases."""
    if isinstance(bought, CannotSay):
        return [bought]
    found: list[Estimate | CannotSay] = _mix_figures(table)
    weekend = order_shares(bought.mutate(level=bought.is_weekend))
    for row in weekend[weekend["level"] == 1].to_dict("records"):
        found.append(measures.share_of("weekend_share", row))
    more = (_discount_share(bought), _mean_categories(study), median_gap(study, curve))
    return found + [each for each in more if each is not None]


def findings(
    study: Study,
    bought: ir.Table | CannotSay,
    table: pd.DataFrame | CannotSay,
    curve: pd.DataFrame | CannotSay,
) -> list[str | CannotSay]:
    """Say when to write to customers, what discounts cost, and where they buy."""
    if isinstance(bought, CannotSay):
        return [bought]
    known = key_figures(study, bought, table, curve)
    # That there is no mix is said where it would stand.
    found: list[str | CannotSay] = [
        each for each in known if isinstance(each, CannotSay) and each is not table
    ]
    alone = {each.figure: each for each in known if isinstance(each, Estimate) and not each.segment}
    median = alone.get("median_interpurchase_days")
    if median:
        words = (
            "Half of all purchases are followed by another within {median}. Wait at least as long before you send a "
            "reminder: those customers come by themselves."
        )
        found.append(sentence(words, median=median))
    taken, orders_with = alone.get("discount_share"), alone.get("discounted_order_share")
    if taken and orders_with:
        words = (
            "{orders} of orders carry a discount, and {taken} of the price of all goods is given away. Test on some "
            "customers what happens without it."
        )
        found.append(sentence(words, orders=orders_with, taken=taken))
    channels = [each for each in known if isinstance(each, Estimate) and each.figure == "channel_share"]
    top = max(channels, key=lambda each: each.value, default=None)
    if top and MAIN_CHANNEL <= top.value < 1:
        words = "The channel of most orders is {channel}, with {share}. What goes wrong there is felt first."
        found.append(sentence(words, channel=top.segment["channel"], share=top))
    return found


def _once(study: Study, name: str, table: Callable[[], ir.Table]) -> ir.Table:
    """Make a table the first time that it is asked for; a study's tables never change."""
    if name not in study.engine.list_tables():
        study.engine.create_table(name, table())
    made: ir.Table = study.engine.table(name)
    return made


def _pairs(study: Study, column: str) -> ir.Table:
    transactions = study.tables["transactions"]
    return _once(
        study,
        f"behaviour_{column}",
        lambda: reduce.order_levels(transactions, column, as_of=study.as_of),
    )


def _levels(study: Study, column: str) -> pd.DataFrame | CannotSay:
    """Rank the levels of a column, or say why they are none."""
    missing = study.lacks_column("transactions", column)
    if missing:
        return missing
    counts = reduce.level_counts(_pairs(study, column))
    n = int(counts.count().execute())
    if n == 0:
        return CannotSay(sentence("The column {column} of the transactions is empty.", column=column))
    if n > MAX_LEVELS:
        return CannotSay(
            sentence(
                "The column {column} has {n} different values: these are ids, no groups.", column=column, n=n
            ),
            sentence("Map a coarser one under data.{table}.columns.", table="transactions"),
        )
    return measures.rank_levels(counts.execute())


def _places(study: Study, name: str, ranked: pd.DataFrame) -> ir.Table:
    made: ir.Table = study.engine.create_table(
        f"behaviour_{name}_places", ranked[["level", "place", "shown"]], overwrite=True
    )
    return made


def _mix_of(study: Study, column: str) -> pd.DataFrame | CannotSay:
    ranked = _levels(study, column)
    if isinstance(ranked, CannotSay):
        return ranked
    places = _places(study, f"{column}_shown", ranked)
    found = order_shares(reduce.merge_levels(_pairs(study, column), places=places)).sort_values("level")
    place = found["level"].to_numpy()
    is_rest = (place == ranked["shown"].max()) & (len(ranked) > ranked["shown"].max())
    texts = ranked["level"].to_numpy()[place - 1]
    labels = [_("all others") if rest else str(text) for text, rest in zip(texts, is_rest, strict=True)]
    return found.assign(
        section=column, level=texts, label=labels, is_rest=is_rest, n_levels=len(ranked)
    ).reset_index(drop=True)


def _discounts(bought: ir.Table) -> pd.DataFrame | None:
    if not isinstance(_discount_share(bought), Estimate):
        return None
    found = order_shares(reduce.discount_depth(bought, limits=DISCOUNT_LIMITS)).sort_values("level")
    if not len(found):
        return None
    texts = [value_text(limit, "share") for limit in DISCOUNT_LIMITS]
    bands = [sentence("{low} to {high} off", low=low, high=high) for low, high in pairwise(texts[1:])]
    names = [
        _("no discount"),
        sentence("up to {high} off", high=texts[1]),
        *bands,
        sentence("more than {low} off", low=texts[-1]),
    ]
    labels = [names[level - 1] for level in found["level"]]
    return found.assign(section="discount", label=labels, is_rest=False, n_levels=len(found))


def _breadth(study: Study) -> pd.DataFrame | None:
    """Count customers by the number of categories that they have bought from."""
    counts = _category_counts(study)
    if counts is None:
        return None
    group = counts["n_levels"].clip(upper=MAX_BREADTH)
    held = counts.groupby(group)["n_customers"].sum()
    n = int(held.sum())
    rates = [proportion("share", int(count), n) for count in held]
    several = counts["n_levels"].max() > MAX_BREADTH
    labels = [f"{level}+" if several and level == MAX_BREADTH else str(level) for level in held.index]
    return pd.DataFrame(
        {
            "section": "n_categories",
            "level": held.index,
            "label": labels,
            "is_rest": False,
            "n_customers": held.to_numpy(),
            "all_customers": n,
            "share": [rate.value for rate in rates],
            "low": [rate.low for rate in rates],
            "high": [rate.high for rate in rates],
        }
    )


def _category_counts(study: Study) -> pd.DataFrame | None:
    main = _main(study, "category")
    return None if isinstance(main, CannotSay) else cells(main, "n_levels").order_by("n_levels").execute()


def _main(study: Study, column: str) -> ir.Table | CannotSay:
    ranked = _levels(study, column)
    if isinstance(ranked, CannotSay):
        return ranked
    places = _places(study, column, ranked)
    pairs = _pairs(study, column)
    return _once(study, f"behaviour_main_{column}", lambda: reduce.main_levels(pairs, places=places))


def _main_of(study: Study, name: str, pairs: ir.Table) -> ir.Table:
    ranked = measures.rank_levels(reduce.level_counts(pairs).execute())
    return reduce.main_levels(pairs, places=_places(study, name, ranked))


def _join(made: ir.Table, other: ir.Table) -> ir.Table:
    return made.left_join(other, "customer_id").drop("customer_id_right")


def _mix_figures(table: pd.DataFrame | CannotSay) -> list[Estimate | CannotSay]:
    if isinstance(table, CannotSay):
        return [table]
    found: list[Estimate | CannotSay] = []
    for row in table[~table["is_rest"]].to_dict("records"):
        section = str(row["section"])
        if section in ("channel", "category"):
            found.append(measures.share_of(f"{section}_share", row, segment={section: str(row["level"])}))
        elif section == "discount" and row["level"] == 1:
            # The orders with a discount are those that are not in the first band.
            other = {"share": 1 - row["share"], "low": 1 - row["high"], "high": 1 - row["low"]}
            found.append(measures.share_of("discounted_order_share", row | other))
    return found


def _discount_share(bought: ir.Table) -> Estimate | CannotSay | None:
    if "discount" not in bought.columns:
        return None
    sums = reduce.ratio_sums(bought, top="discount", bottom="price").execute().iloc[0]
    if pd.isna(sums["bottom"]) or sums["bottom"] <= 0:
        return CannotSay(_("No order has a discount on record, or their prices add up to nothing."))
    if sums["top"] < 0:
        return CannotSay(
            _("The discounts add up to less than zero."),
            _("Write what was taken off the price as an amount above zero."),
        )
    return measures.customer_ratio("discount_share", sums, unit="share")


def _mean_categories(study: Study) -> Estimate | None:
    counts = _category_counts(study)
    return None if counts is None else measures.mean_count("mean_categories", counts, "n_levels")
