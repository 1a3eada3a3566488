"""What was known of each customer at a cut-off, out of every table: the features that a model of churn learns from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from cam.reduce.profiles import BLANKS

#: Features by the table that they are made of; of a table that lacks the column, the feature is not there.
FEATURES: dict[str, tuple[str, ...]] = {
    "transactions": (
        "days_since_last",
        "n_purchase_days",
        "n_purchase_days_lately",
        "purchase_trend",
        "purchase_revenue",
        "purchase_revenue_lately",
        "revenue_per_purchase_day",
        "days_since_first_purchase",
        "purchase_days_ever",
        "usual_gap_days",
        "silence_in_gaps",
        "discount_day_share",
        "n_refunds",
        "refunded_share",
        "n_categories_bought",
        "n_channels_used",
        "main_channel",
    ),
    "contracts": (
        "has_contract",
        "contract_days",
        "contract_fee",
        "n_earlier_contracts",
        "days_since_first_contract",
    ),
    "tickets": (
        "n_tickets",
        "days_since_ticket",
        "longest_wait_days",
        "longest_open_days",
        "n_open_tickets",
    ),
    "responses": (
        "last_nps",
        "days_since_nps",
        "last_csat",
        "days_since_csat",
        "last_ces",
        "days_since_ces",
        "n_unanswered",
    ),
    "customers": ("days_since_acquired",),
}
#: A customer without any row has none of these, and not an unknown number.
_COUNTS = (
    "n_purchase_days",
    "n_purchase_days_lately",
    "purchase_revenue",
    "purchase_revenue_lately",
    "purchase_days_ever",
    "n_refunds",
    "n_categories_bought",
    "n_channels_used",
    "has_contract",
    "n_earlier_contracts",
    "n_tickets",
    "n_open_tickets",
    "n_unanswered",
)
#: Words at the end of the names of ids.
_IDS = ("id", "uuid", "guid", "key")
_DATE = r"^([0-9]{4}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4})"
_SCORES = ("nps", "csat", "ces")
_KEYS = ("customer_id", "cut_off")


def base_at(tables: Mapping[str, ir.Table], *, basis: str, cut_off: date, observation_days: int) -> ir.Table:
    """List the customers who are there at a cut-off: those whom a model is asked about.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables; what came after the cut-off changes nothing.
    basis : {"purchases", "contract"}
        Who bought in the observation window, or whose contract runs on the cut-off.
    cut_off : date
        To its end.
    observation_days : int
        Days up to the cut-off, the cut-off among them.

    Returns
    -------
    ibis.Table
        ``customer_id``, once each, and ``cut_off``.

    Examples
    --------
    >>> tables = {"contracts": ibis.memtable({"customer_id": ["a", "b"], "start_date": [date(2026, 1, 1)] * 2,
    ...     "end_date": [date(2026, 1, 9), None]})}
    >>> base_at(tables, basis="contract", cut_off=date(2026, 1, 31), observation_days=365).execute().customer_id[0]
    'b'
    """
    end = ibis.date(cut_off)
    if basis == "contract":
        rows = tables["contracts"]
        rows = rows.filter(
            (_day(rows.start_date) <= end) & (rows.end_date.isnull() | (_day(rows.end_date) >= end))
        )
    else:
        rows = tables["transactions"]
        opens, day = ibis.date(cut_off - timedelta(days=observation_days)), _day(rows.order_date)
        rows = rows.filter((rows.kind == "purchase") & (day > opens) & (day <= end))
    return rows.select("customer_id").distinct().mutate(cut_off=end)


def churn_features(
    known: Mapping[str, ir.Table],
    moments: ir.Table,
    *,
    observation_days: int,
    attributes: Mapping[str, str] | None = None,
) -> ir.Table:
    """Say what was known of each customer at each moment.

    Parameters
    ----------
    known : mapping of str to ibis.Table
        The tables as they stood then, from :func:`cam.reduce.known_at.known_at`. Nothing else is looked at.
    moments : ibis.Table
        ``customer_id`` and ``cut_off``, each pair once. Ages are counted to the cut-off.
    observation_days : int
        Days up to the cut-off, the cut-off among them, over which is counted what has no other bound. "Lately" is the
        last quarter of them.
    attributes : mapping of str to str, optional
        Columns of ``customers`` that are features, and what each is called then.

    Returns
    -------
    ibis.Table
        One row per moment, in no order: ``customer_id``, ``cut_off``, the names of :data:`FEATURES` that the tables
        allow, and the attributes. Numbers are integers or floats; money is in units of the currency. Missing is what
        is not known; what did not happen is 0.

    Examples
    --------
    >>> import pandas as pd
    >>> from cam.reduce.known_at import known_at
    >>> log = pd.DataFrame({"customer_id": "a", "kind": "purchase", "revenue": [10.0, 20.0],
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-21"])})
    >>> moments = ibis.memtable({"customer_id": ["a"], "cut_off": [date(2026, 1, 31)]})
    >>> known = known_at({"transactions": ibis.memtable(log)}, moments)
    >>> row = churn_features(known, moments, observation_days=28).execute().iloc[0]
    >>> row[["days_since_last", "n_purchase_days", "usual_gap_days", "silence_in_gaps"]].astype(float).tolist()
    [10.0, 1.0, 20.0, 0.5]
    """
    blocks: list[ir.Table] = []
    if "transactions" in known:
        log = known["transactions"]
        log = log.mutate(age=_age(log, "order_date"))
        bought = log.filter(log.kind == "purchase")
        blocks.append(_bought(bought, observation_days))
        blocks.append(_refunded(log.filter((log.kind != "purchase") & (log.age < observation_days))))
        window = bought.filter(bought.age < observation_days)
        blocks += [build(window) for column, build in _VARIETY.items() if column in window.columns]
    if "contracts" in known:
        blocks.append(_contracts(known["contracts"]))
    if "tickets" in known:
        blocks.append(_tickets(known["tickets"], observation_days))
    if "responses" in known:
        blocks.append(_responses(known["responses"], observation_days))
    if "customers" in known:
        blocks.append(_customers(known["customers"], attributes or {}))
    return _joined(moments.select(*_KEYS), blocks, [*(attributes or {}).values()])


def attribute_features(table: ir.Table, attributes: Mapping[str, str]) -> ir.Table:
    """Take a client's own columns as features.

    Parameters
    ----------
    table : ibis.Table
        With ``customer_id``.
    attributes : mapping of str to str
        Columns, and what each is called as a feature.

    Returns
    -------
    ibis.Table
        ``customer_id`` and the features: money and numbers as floats, whole numbers and yes or no as they are, texts
        without blanks around them. What stands for nothing, such as "N/A" or an infinite number, is missing.

    Examples
    --------
    >>> table = ibis.memtable({"customer_id": ["a", "b"], "plan": [" basic", "N/A"]})
    >>> attribute_features(table, {"plan": "plan"}).order_by("customer_id").execute().plan.fillna("?").tolist()
    ['basic', '?']
    """
    return table.select("customer_id", **{new: _plain(table[name]) for name, new in attributes.items()})


def own_columns(table: ir.Table, *, read: Sequence[str], most_levels: int) -> dict[str, str]:
    """Say which of a client's own columns can be features, and why the others cannot.

    Parameters
    ----------
    table : ibis.Table
        With ``customer_id``.
    read : sequence of str
        Columns that are read for what they mean; they are not listed.
    most_levels : int
        A text with more different values is no class of customers.

    Returns
    -------
    dict of str to str
        In the order of the table: the column, and ``""`` where it can be a feature, or else ``id`` (by its name),
        ``date`` (by its type, or a text that holds nothing else), ``levels``, ``empty`` (a text without any value) or
        ``kind`` (neither number, yes or no, nor text).

    Examples
    --------
    >>> table = ibis.memtable({"customer_id": ["a", "b"], "plan": ["x", "y"], "left_on": ["2026-01-31", None]})
    >>> own_columns(table, read=["customer_id"], most_levels=50)
    {'plan': '', 'left_on': 'date'}
    """
    found: dict[str, str] = {}
    texts = []
    for column, kind in table.schema().items():
        if column in read:
            continue
        if kind.is_numeric() or kind.is_boolean() or kind.is_string():
            found[column] = "id" if _is_id(column) else ""
        else:
            found[column] = "date" if kind.is_temporal() else "kind"
        if kind.is_string() and not found[column]:
            texts.append(column)
    if not texts:
        return found
    plain = attribute_features(table, {column: f"c{place}" for place, column in enumerate(texts)})
    wanted: dict[str, ir.Value] = {}
    for place in range(len(texts)):
        text = plain[f"c{place}"]
        wanted |= {f"n_{place}": text.nunique(), f"words_{place}": (~text.re_search(_DATE)).sum()}
    counts = plain.aggregate(**wanted).execute().fillna(0).iloc[0]
    for place, column in enumerate(texts):
        n, words = counts[f"n_{place}"], counts[f"words_{place}"]
        found[column] = "empty" if not n else "date" if not words else "levels" if n > most_levels else ""
    return found


def _joined(moments: ir.Table, blocks: Sequence[ir.Table], attributes: Sequence[str]) -> ir.Table:
    """One chain of joins and one selection: quicker to compile than a nest of them."""
    chain = moments
    found: dict[str, ir.Value] = {}
    for place, block in enumerate(blocks):
        block = block.rename({f"{key}_{place}": key for key in _KEYS})
        chain = chain.left_join(block, [moments[key] == block[f"{key}_{place}"] for key in _KEYS])
        found |= {name: block[name] for name in block.columns}
    if {"refunds", "purchase_revenue"} <= set(found):
        found["refunded_share"] = ibis.coalesce(found["refunds"], 0.0) / found["purchase_revenue"].nullif(0.0)
    found |= {name: ibis.coalesce(found[name], 0) for name in _COUNTS if name in found}
    own = [name for names in FEATURES.values() for name in names if name in found]
    return chain.select(
        *(moments[key] for key in _KEYS), **{name: found[name] for name in (*own, *attributes)}
    )


def _bought(bought: ir.Table, observation_days: int) -> ir.Table:
    """Purchases by customer; days first, for a day with ten lines is one purchase day."""
    quarter = max(observation_days // 4, 1)
    sums = {"revenue": bought.revenue.sum()}
    if "discount" in bought.columns:
        sums["discounted"] = (bought.discount.fill_null(0) > 0).ifelse(1, 0).max()
    days = bought.group_by(*_KEYS, "age").aggregate(**sums)
    seen, late = days.age < observation_days, days.age < quarter
    wanted = {
        "first": days.age.max(),
        "last": days.age.min(),
        "ever": days.count(),
        "n_seen": seen.ifelse(1, 0).sum(),
        "n_late": late.ifelse(1, 0).sum(),
        "paid": days.revenue.sum(where=seen),
        "paid_late": days.revenue.sum(where=late),
    }
    if "discount" in bought.columns:
        wanted["n_discounted"] = seen.ifelse(days.discounted, 0).sum()
    mine = days.group_by(*_KEYS).aggregate(**wanted)
    since, n, late_n, ever = (mine[name].cast("int64") for name in ("last", "n_seen", "n_late", "ever"))
    paid, paid_late = (ibis.coalesce(mine[name].cast("float64"), 0.0) for name in ("paid", "paid_late"))
    gap = (mine["first"] - mine["last"]).cast("float64") / (ever - 1).nullif(0).cast("float64")
    some = n.nullif(0).cast("float64")
    features = {
        "days_since_last": since,
        "n_purchase_days": n,
        "n_purchase_days_lately": late_n,
        "purchase_trend": late_n.cast("float64") * (observation_days / quarter) / some,
        "purchase_revenue": paid,
        "purchase_revenue_lately": paid_late,
        "revenue_per_purchase_day": paid / some,
        "days_since_first_purchase": mine["first"].cast("int64"),
        "purchase_days_ever": ever,
        "usual_gap_days": gap,
        "silence_in_gaps": since.cast("float64") / gap,
    }
    if "discount" in bought.columns:
        features["discount_day_share"] = mine.n_discounted.cast("float64") / some
    return mine.select(*_KEYS, **features)


def _refunded(rows: ir.Table) -> ir.Table:
    return rows.group_by(*_KEYS).aggregate(
        n_refunds=rows.count().cast("int64"), refunds=(-rows.revenue.sum()).cast("float64")
    )


def _kinds(window: ir.Table, column: str) -> ir.Table:
    rows = window.filter(window[column].notnull())
    return rows.group_by(*_KEYS, level=rows[column]).aggregate(n=rows.count())


def _categories(window: ir.Table) -> ir.Table:
    kinds = _kinds(window, "category")
    return kinds.group_by(*_KEYS).aggregate(n_categories_bought=kinds.count().cast("int64"))


def _channels(window: ir.Table) -> ir.Table:
    kinds = _kinds(window, "channel")
    # The first by name where two are used alike.
    mine = ibis.window(group_by=_KEYS, order_by=[kinds.n.desc(), kinds.level.asc()])
    ranked = kinds.mutate(place=ibis.row_number().over(mine))
    return ranked.group_by(*_KEYS).aggregate(
        n_channels_used=ranked.count().cast("int64"), main_channel=ranked.level.max(where=ranked.place == 0)
    )


_VARIETY: dict[str, Callable[[ir.Table], ir.Table]] = {"category": _categories, "channel": _channels}


def _contracts(contracts: ir.Table) -> ir.Table:
    # One that ends on the cut-off itself runs on it.
    runs = contracts.end_date.isnull() | (_day(contracts.end_date) >= contracts.cut_off)
    age = _age(contracts, "start_date")
    wanted = {
        "has_contract": runs.ifelse(1, 0).max().cast("int64"),
        "contract_days": age.max(where=runs).cast("int64"),
        "n_earlier_contracts": runs.ifelse(0, 1).sum().cast("int64"),
        "days_since_first_contract": age.max().cast("int64"),
    }
    if "monthly_fee" in contracts.columns:
        wanted["contract_fee"] = contracts.monthly_fee.sum(where=runs).cast("float64")
    return contracts.group_by(*_KEYS).aggregate(**wanted)


def _tickets(tickets: ir.Table, observation_days: int) -> ir.Table:
    age = _age(tickets, "opened")
    seen = age < observation_days
    wanted = {
        "n_tickets": seen.ifelse(1, 0).sum().cast("int64"),
        "days_since_ticket": age.min().cast("int64"),
    }
    until = {name: _age(tickets, name) for name in ("first_reply", "closed") if name in tickets.columns}
    if "first_reply" in until:
        wanted["longest_wait_days"] = _longest(age, [*until.values()], seen)
    if "closed" in until:
        wanted["longest_open_days"] = _longest(age, [until["closed"]], seen)
        wanted["n_open_tickets"] = tickets.closed.isnull().ifelse(1, 0).sum().cast("int64")
    return tickets.group_by(*_KEYS).aggregate(**wanted)


def _longest(
    age: ir.IntegerColumn, until: Sequence[ir.IntegerColumn], seen: ir.BooleanValue
) -> ir.IntegerScalar:
    return (age - ibis.coalesce(*until, 0)).max(where=seen).cast("int64")


def _responses(responses: ir.Table, observation_days: int) -> ir.Table:
    """The latest score of each kind; of two on one day the better one."""
    wanted: dict[str, ir.Value] = {}
    age = _age(responses, "response_date")
    scores = [name for name in _SCORES if name in responses.columns]
    for name in scores:
        # Least where the answer is youngest, and the score best: both are in one number, and one pass finds it.
        wanted[name] = (age * 100 + 99 - responses[name].cast("int64")).min(where=responses[name].notnull())
    if "invited_date" in responses.columns:
        silent = responses.response_date.isnull() & (_age(responses, "invited_date") < observation_days)
        wanted["n_unanswered"] = silent.ifelse(1, 0).sum().cast("int64")
    mine = responses.group_by(*_KEYS).aggregate(**wanted)
    features: dict[str, ir.Value] = {}
    for name in scores:
        features[f"last_{name}"] = (99 - mine[name] % 100).cast("int64")
        features[f"days_since_{name}"] = ((mine[name] - mine[name] % 100) / 100).cast("int64")
    if "n_unanswered" in wanted:
        features["n_unanswered"] = mine.n_unanswered
    return mine.select(*_KEYS, **features)


def _customers(customers: ir.Table, attributes: Mapping[str, str]) -> ir.Table:
    features = {new: _plain(customers[name]) for name, new in attributes.items()}
    if "acquired_date" in customers.columns:
        features["days_since_acquired"] = _age(customers, "acquired_date")
    return customers.select(*_KEYS, **features)


def _is_id(column: str) -> bool:
    """Whether a name is one of the words, or ends in one that stands apart: account_id, but not paid."""
    name = column.lower()
    before = [name.removesuffix(word) for word in _IDS if name.endswith(word)]
    return any(not rest or not rest[-1].isalnum() for rest in before)


def _plain(column: ir.Value) -> ir.Value:
    kind = column.type()
    if kind.is_string():
        text = column.strip()
        return text.isin(BLANKS).ifelse(ibis.null("string"), text)
    if kind.is_floating():
        return (column.isnan() | column.isinf()).ifelse(ibis.null("float64"), column.cast("float64"))
    return column.cast("float64") if kind.is_decimal() else column


def _age(table: ir.Table, column: str) -> ir.IntegerColumn:
    """Days from a date to the cut-off."""
    return table.cut_off.delta(_day(table[column]), unit="day").cast("int64")


def _day(column: ir.Value) -> ir.DateValue:
    return column.cast("date")
