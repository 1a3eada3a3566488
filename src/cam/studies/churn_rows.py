"""Study 05: the table that a model of churn learns from, and today's customers that it is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import date_text, listed, named, period_text, sentence
from cam.language import translate as _
from cam.measures.churn.columns import KEYS
from cam.measures.churn.folds import MIN_CLASS
from cam.reduce.churn_features import FEATURES, attribute_features, base_at, churn_features, own_columns
from cam.reduce.clustering import systematic_sample
from cam.reduce.features import contracts_at, customers_at
from cam.reduce.known_at import known_at
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.churn import Rates
from cam.studies.churn_label import advice, days_to_label, first_order, last_cut_off, model_has_a_use
from cam.studies.study import Study, needs

#: Rows that a model learns from, at most; whole customers are left out.
MOST_ROWS = 40_000
#: Orders whose features are made at once: of very many, some customers after others.
_AT_ONCE = 10_000_000
#: A text with more levels is no class of customers.
MOST_LEVELS = 50
#: Columns that are not used, named on the page at most.
_MOST_NAMED = 10
_BUILT = {feature: table for table, features in FEATURES.items() for feature in features}
#: Columns that are read for what they mean, not as attributes.
_READ = ("customer_id", "churned", "acquired_date")
_UNUSED = {
    "id": "{name} (an id)",
    "date": "{name} (a date)",
    "levels": "{name} (too many different texts)",
    "empty": "{name} (empty)",
    "kind": "{name} (neither number nor text)",
}
_WORDS = {
    "days_since_last": "days since the last purchase",
    "contract_type": "contract type",
    "n_purchase_days": "days with a purchase",
    "n_purchase_days_lately": "days with a purchase lately",
    "purchase_trend": "pace of buying lately against the whole window",
    "purchase_revenue": "revenue",
    "purchase_revenue_lately": "revenue lately",
    "revenue_per_purchase_day": "revenue per day with a purchase",
    "days_since_first_purchase": "days since the first purchase",
    "purchase_days_ever": "days with a purchase ever",
    "usual_gap_days": "usual days between purchases",
    "silence_in_gaps": "silence, in usual pauses",
    "discount_day_share": "share of purchases at a discount",
    "n_refunds": "number of refunds",
    "refunded_share": "share of revenue paid back",
    "n_categories_bought": "categories bought",
    "n_channels_used": "channels used",
    "main_channel": "main channel",
    "has_contract": "contract running",
    "contract_days": "days the contract has run",
    "contract_fee": "monthly fee",
    "n_earlier_contracts": "earlier contracts",
    "days_since_first_contract": "days since the first contract",
    "n_tickets": "tickets",
    "days_since_ticket": "days since the last ticket",
    "longest_wait_days": "longest wait for a reply, days",
    "longest_open_days": "longest time a ticket was open, days",
    "n_open_tickets": "tickets still open",
    "last_nps": "last recommendation score",
    "days_since_nps": "days since the last recommendation score",
    "last_csat": "last satisfaction score",
    "days_since_csat": "days since the last satisfaction score",
    "last_ces": "last ease score",
    "days_since_ces": "days since the last ease score",
    "n_unanswered": "invitations not answered",
    "days_since_acquired": "days since the customer was won",
    "acquisition_channel": "acquisition channel",
    "wallet": "spend in the whole category",
    "tenure_months": "months as a customer",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """What a model of churn learns from and is asked about.

    Attributes
    ----------
    basis : {"purchases", "contract", "snapshot"}
        How leaving shows.
    table : DataFrame
        *customer_id, cut_off, churned* (0 or 1) and the features; a snapshot has no *cut_off*. In the order of
        customers and cut-offs; all rows of a customer, or none.
    features : tuple of str
        Their columns.
    cut_offs : tuple of date
        Rising; the last is the test's, and the label of the others was known by then. Empty for a snapshot.
    n_customers : int
        Customers there were at those cut-offs.
    n_sampled : int
        Of them, those in the table.
    current : ibis.Table
        *customer_id* and the same features, of the customers there on the last day seen.
    """

    basis: str
    table: pd.DataFrame
    features: tuple[str, ...]
    cut_offs: tuple[date, ...]
    n_customers: int
    n_sampled: int
    current: ir.Table


def learn_from(study: Study, rates: Rates, back: Estimate | CannotSay) -> Rows | CannotSay:
    """Make the table that a model learns from: features known at each cut-off, and who had left by its horizon."""
    basis: str = study.params.churn.label or next(iter(rates))
    if basis not in rates:
        return CannotSay(
            sentence(
                "churn.label asks for {asked}, and this client's tables show only {there}.",
                asked=basis,
                there=listed(rates),
            ),
            sentence("Leave churn.label out, or add the table under data."),
        )
    rate = rates[basis]
    if isinstance(rate, CannotSay):
        return rate
    if not model_has_a_use(rate, basis, back):
        return CannotSay(advice(rate, basis, back))
    return _from_snapshot(study) if basis == "snapshot" else _from_history(study, basis)


def unused_columns(study: Study, rows: Rows) -> dict[str, str]:
    """Return the client's own columns that are no features, with the reason: id, date, levels, empty or kind."""
    name = "snapshot" if rows.basis == "snapshot" else "customers"
    found = (
        own_columns(study.tables[name], read=_READ, most_levels=MOST_LEVELS) if name in study.tables else {}
    )
    found = {column: why for column, why in found.items() if why}
    is_built = name == "customers" and "transactions" in study.tables
    is_built = is_built and "channel" in study.tables["transactions"].columns
    if is_built and "main_channel" not in {*rows.features, *study.params.churn.leave_out}:
        found["main_channel"] = "levels"
    return found


def feature_name(study: Study, feature: str) -> str:
    """Return what a feature is called within a sentence; a client's own column as it is."""
    return _(_WORDS[feature]) if feature in _WORDS else feature


@needs()
def show_windows(study: Study, rows: Rows) -> ShownTable | CannotSay:
    """Show when was looked at, when leaving was looked for, and how many customers a model learns from."""
    if rows.basis == "snapshot":
        return _show_snapshot(study, rows)
    churn = study.params.churn
    counts = rows.table.groupby("cut_off")["churned"].agg(["size", "sum"])
    shown = []
    for day in (*rows.cut_offs, study.as_of):
        is_today, opens = day == study.as_of, day + timedelta(days=churn.gap_days + 1)
        size, left = (None, None) if is_today else counts.loc[pd.Timestamp(day)]
        shown.append(
            {
                "use": "Asked today" if is_today else "Test" if day == rows.cut_offs[-1] else "Learning",
                "cut_off": date_text(day),
                "label": period_text(opens, opens + timedelta(days=churn.horizon_days - 1)),
                "n": int(rows.current.count().execute()) if is_today else size,
                "left": left,
            }
        )
    columns = [
        Col("use", "Used for"),
        Col("cut_off", "Known up to (cut-off)"),
        Col("label", "Leaving looked for"),
        Col("n", "Customers", "count"),
        Col("left", "left", "count", may_be_empty=True),
    ]
    return show_table(
        pd.DataFrame(shown),
        columns,
        caption="What was known, and when?",
        notes=[*_window_notes(study, rows), *_feature_notes(study, rows)],
        max_rows=len(shown),
    )


def _from_history(study: Study, basis: str) -> Rows | CannotSay:
    churn, engine, tables = study.params.churn, study.engine, study.tables
    days = _cut_offs(study, basis)
    if isinstance(days, CannotSay):
        return days
    source = tables["contracts" if basis == "contract" else "transactions"]

    def label(rows: ir.Table) -> ir.Table:
        return ibis.union(*(_labelled(study, basis, day, rows) for day in days))

    labelled = study.make_in_parts("churn_labelled", source, label)
    people = labelled.select("customer_id").distinct()
    n_rows, n_customers = int(labelled.count().execute()), int(people.count().execute())
    most = max(n_customers * MOST_ROWS // n_rows, 1)
    sample = systematic_sample(people, n=n_customers, most=most)
    labelled = labelled.semi_join(sample, "customer_id")
    base = base_at(tables, basis=basis, cut_off=study.as_of, observation_days=churn.observation_days)
    moments = ibis.union(labelled.select("customer_id", "cut_off"), base)
    moments = engine.create_table("churn_moments", moments, overwrite=True)
    attributes = _attributes(study, "customers")

    def features_of(some: ir.Table) -> ir.Table:
        seen = known_at(tables, some)
        return churn_features(seen, some, observation_days=churn.observation_days, attributes=attributes)

    features = study.make_in_parts("churn_features", moments, features_of, at_once=_AT_ONCE)
    table = labelled.inner_join(features, ["customer_id", "cut_off"]).execute()
    table = table.sort_values(["customer_id", "cut_off"], ignore_index=True)
    table = table.assign(
        cut_off=pd.to_datetime(table["cut_off"]).astype("datetime64[ns]"),
        churned=table["churned"].astype("int64"),
    )
    few = _few(table[table["cut_off"] < pd.Timestamp(days[-1])])
    if few:
        return few
    chosen = _chosen(study, [name for name in table.columns if name not in KEYS], table)
    if isinstance(chosen, CannotSay):
        return chosen
    today = features.filter(features.cut_off == ibis.date(study.as_of)).select("customer_id", *chosen)
    return Rows(
        basis,
        table[["customer_id", "cut_off", "churned", *chosen]],
        tuple(chosen),
        tuple(days),
        n_customers,
        int(table["customer_id"].nunique()),
        engine.create_table("churn_today", today, overwrite=True),
    )


def _from_snapshot(study: Study) -> Rows | CannotSay:
    snapshot = study.tables["snapshot"]
    attributes = _attributes(study, "snapshot")
    n = int(snapshot.count().execute())
    features = attribute_features(snapshot, attributes)
    sample = systematic_sample(snapshot.select("customer_id", "churned"), n=n, most=MOST_ROWS)
    table = sample.inner_join(features, "customer_id").execute()
    table = table.sort_values("customer_id", ignore_index=True)
    table = table.assign(churned=table["churned"].astype("int64"))
    chosen = _chosen(study, list(attributes.values()), table)
    if isinstance(chosen, CannotSay):
        return chosen
    there = snapshot.filter(~snapshot.churned).select("customer_id")
    today = features.semi_join(there, "customer_id").select("customer_id", *chosen)
    return Rows(
        "snapshot",
        table[["customer_id", "churned", *chosen]],
        tuple(chosen),
        (),
        n,
        len(table),
        study.engine.create_table("churn_today", today, overwrite=True),
    )


def _cut_offs(study: Study, basis: str) -> list[date] | CannotSay:
    """The test's cut-off last; before it, month by month, those whose labels were known by then."""
    churn, label = study.params.churn, days_to_label(study)
    if basis == "contract":
        starts = study.tables["contracts"].start_date.cast("date").min().execute()
        first, observation = pd.Timestamp(starts).date(), 1
    else:
        first, observation = first_order(study), churn.observation_days
    test = last_cut_off(study)
    latest, earliest = test - timedelta(days=label), first + timedelta(days=observation - 1)
    if latest < earliest:
        missing = (earliest - latest).days
        return CannotSay(
            sentence(
                "A model learns at one cut-off and is tested at a later one: that takes {needed} days of data, "
                "{observation} to see who was there and twice {label} to see who left. There are {there}: {missing} "
                "too few.",
                needed=observation + 2 * label,
                observation=observation,
                label=label,
                there=(study.as_of - first).days + 1,
                missing=missing,
            ),
            sentence(
                "Add older rows, or shorten churn.horizon_days by {half} days or churn.observation_days by {missing}.",
                half=-(-missing // 2),
                missing=missing,
            )
            if missing < observation
            else sentence(
                "Add older rows, or shorten churn.horizon_days by {half} days.", half=-(-missing // 2)
            ),
        )
    back = [(pd.Timestamp(latest) - pd.DateOffset(months=n)).date() for n in range(churn.n_cut_offs)]
    return [*sorted(day for day in back if day >= earliest), test]


def _labelled(study: Study, basis: str, day: date, rows: ir.Table) -> ir.Table:
    """Who was there and who left: the only step that looks past the cut-off."""
    churn = study.params.churn
    if basis == "contract":
        people = contracts_at(rows, cut_off=day, horizon_days=churn.horizon_days, gap_days=churn.gap_days)
    else:
        people = customers_at(
            rows,
            cut_off=day,
            observation_days=churn.observation_days,
            horizon_days=churn.horizon_days,
            as_of=study.as_of,
            gap_days=churn.gap_days,
        )
    return people.select("customer_id", "churned", cut_off=ibis.date(day))


def _attributes(study: Study, name: str) -> dict[str, str]:
    """A client's own columns that can be features, and what they are called so as to meet no other."""
    if name not in study.tables:
        return {}
    found = own_columns(study.tables[name], read=_READ, most_levels=MOST_LEVELS)
    usable = [column for column, why in found.items() if not why]
    taken = {word.lower() for word in (*_BUILT, *KEYS)}
    return {column: f"{column} ({name})" if column.lower() in taken else column for column in usable}


def _few(table: pd.DataFrame) -> CannotSay | None:
    left, stayed = (int(table.loc[table["churned"] == label, "customer_id"].nunique()) for label in (1, 0))
    if min(left, stayed) >= MIN_CLASS:
        return None
    return CannotSay(
        sentence(
            "At the cut-offs before the test's, {left} customers left and {stayed} stayed: a model needs at least {n} "
            "of each to learn from.",
            left=left,
            stayed=stayed,
            n=MIN_CLASS,
        ),
        sentence("Add older rows, or raise churn.n_cut_offs."),
    )


def _chosen(study: Study, features: Sequence[str], table: pd.DataFrame) -> list[str] | CannotSay:
    left_out = study.params.churn.leave_out
    own = {
        column
        for name in ("customers", "snapshot")
        if name in study.tables
        for column in study.tables[name].columns
    }
    unknown = [name for name in left_out if name not in features and name not in own]
    if unknown:
        return CannotSay(
            sentence(
                "churn.leave_out names {unknown}, and there is no such feature; a name spelt wrong would leave in what "
                "was to be out.",
                unknown=listed(unknown),
            ),
            sentence("The features are: {features}.", features=listed(features)),
        )
    # A shop's number is a channel too, and no class.
    wordy = "main_channel" in features and table["main_channel"].nunique() > MOST_LEVELS
    chosen = [name for name in features if name not in left_out and not (wordy and name == "main_channel")]
    if chosen:
        return chosen
    return CannotSay(
        sentence("No column is left that a model could learn from."),
        sentence("Shorten churn.leave_out, or add columns to the export."),
    )


def _show_snapshot(study: Study, rows: Rows) -> ShownTable | CannotSay:
    frame = pd.DataFrame(
        [
            {
                "basis": named(rows.basis),
                "n": len(rows.table),
                "left": int(rows.table["churned"].sum()),
                "today": int(rows.current.count().execute()),
            }
        ]
    )
    columns = [
        Col("basis", "What shows it"),
        Col("n", "Customers", "count"),
        Col("left", "left", "count"),
        Col("today", "Asked today", "count"),
    ]
    return show_table(
        frame,
        columns,
        caption="What was known, and when?",
        notes=[
            sentence(
                "A snapshot has no dates: whether a column was known before a customer left cannot be seen. Columns "
                "that know the answer have to be found by what they hold."
            ),
            *_feature_notes(study, rows),
        ],
    )


def _window_notes(study: Study, rows: Rows) -> list[str]:
    churn = study.params.churn
    notes = [
        sentence(
            "Features are made of the tables as they stood at the end of the cut-off: later rows are gone, and what "
            "was written into earlier rows later is empty. The observation window is the {days} days up to it.",
            days=churn.observation_days,
        ),
        *_rewritten(study, rows),
    ]
    if churn.gap_days:
        words = {
            "purchases": "The {days} days after the cut-off are a gap, the time it takes to act: purchases in it say "
            "neither that a customer left nor that one stayed.",
            "contract": "The {days} days after the cut-off are a gap, the time it takes to act: whoever has no "
            "contract at its end left before anybody could act, and is not counted. Of today's customers nobody knows "
            "yet who that will be.",
        }
        notes.append(sentence(words[rows.basis], days=churn.gap_days))
    return notes


def _rewritten(study: Study, rows: Rows) -> list[str]:
    """Say what of these tables is not put back to the cut-off, as no date says when it was written."""
    notes = []
    log, built = study.prepared.review["tables"].get("transactions", {}), set(rows.features)
    has_revenue = any("revenue" in name or name == "refunded_share" for name in built & set(_BUILT))
    if has_revenue and study.params.data.sources["transactions"].options.refund_column:
        notes.append(
            sentence(
                "But refunds stand in a column of their order and have no day: revenue is net of them from the day of "
                "the order on, also of those paid back after the cut-off."
            )
        )
    n = int(log.get("orders_on_several_days", 0))
    if n and built & set(FEATURES["transactions"]):
        notes.append(
            sentence(
                "But {n} orders have lines on several days, and all count on the first: a line added after the "
                "cut-off is known with its order.",
                n=n,
            )
        )
    if "contract_fee" in built:
        notes.append(
            sentence("But fees have no date: a contract has its fee of the export, also before a change.")
        )
    return notes


def _feature_notes(study: Study, rows: Rows) -> list[str]:
    rest = "snapshot" if rows.basis == "snapshot" else "customers"
    sources = pd.Series(
        [rest if rows.basis == "snapshot" else _BUILT.get(name, rest) for name in rows.features]
    )
    counts = sources.value_counts(sort=False)
    notes = [
        sentence(
            "{n} features: {sources}.",
            n=len(rows.features),
            sources=listed(f"{name} {count}" for name, count in counts.items()),
        )
    ]
    unused = [sentence(_UNUSED[why], name=name) for name, why in unused_columns(study, rows).items()]
    if unused:
        more = len(unused) - _MOST_NAMED
        words = (
            "Not used as features: {names}, and {more} more."
            if more > 0
            else "Not used as features: {names}."
        )
        notes.append(sentence(words, names=listed(unused[:_MOST_NAMED]), more=more))
    if rest == "customers" and any(name not in _BUILT for name in rows.features):
        notes.append(
            sentence(
                "Attributes in the table customers have no date: they stand as in the export, and may have been "
                "written after the cut-off."
            )
        )
    if rows.n_sampled < rows.n_customers:
        notes.append(
            sentence(
                "Of {all} customers, {n} are in the table, at equal steps of their ids: a model learns no more from "
                "the rest.",
                all=rows.n_customers,
                n=rows.n_sampled,
            )
        )
    return notes
