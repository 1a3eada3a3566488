"""Transactions -> how customers buy: orders by where, what and when, the gaps between them, and each one's habits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from cam.reduce.scores import score_by_limits

_MONEY = "decimal(38, 2)"
_SQUARE = "decimal(38, 4)"
#: More than there are levels: one order more outweighs any place.
_MOST_PLACES = 1_000_000
#: Saturday and Sunday, counted from Monday as 0.
_WEEKEND = 5


def orders(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """Reduce transactions to one row per order.

    Turns *customer_id, order_date, revenue, kind* [*order_id, discount*] into *customer_id, day, month, weekday,
    hour, at_midnight, is_weekend, revenue* [*discount, price*].

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions: ``customer_id`` (text), ``order_date`` (timestamp), ``revenue`` (decimal), ``kind``
        [``order_id``, ``discount``]. A row without an ``order_id`` is an order of its own.
    as_of : date
        Last day seen, to its end. Later rows change nothing.

    Returns
    -------
    ibis.Table
        One row per order, in no order. A refund is never one; what was paid back on an order is taken off it.

        - ``customer_id`` : text
        - ``day`` : date
        - ``month`` : integer, year x 12 + month - 1
        - ``weekday`` : integer, 0 (Monday) to 6
        - ``hour`` : integer, 0 to 23, by the clock of the source
        - ``at_midnight`` : integer, 1 if the order stands at 00:00:00, as it does where a source knows only days
        - ``is_weekend`` : integer, 1 on Saturday and Sunday
        - ``revenue`` : decimal, net of the refunds linked to the order
        - ``discount``, ``price`` : decimal, what was taken off, and what the goods would have cost without; refunds
          left aside; missing where the discount is not known

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "order_id": ["1", "1"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-03 09:30"] * 2), "revenue": [10.0, 5.0]})
    >>> orders(ibis.memtable(log), as_of=date(2026, 1, 31)).execute()[["weekday", "hour", "revenue"]].values.tolist()
    [[5, 9, Decimal('15.00')]]
    """
    lines = _lines(transactions, as_of=as_of)
    kept = {"moment": lines.order_date, "revenue": lines.revenue.cast(_MONEY)}
    if "discount" in transactions.columns:
        bought = lines.is_order == 1
        taken = ibis.ifelse(bought, lines.discount, ibis.null()).cast(_MONEY)
        kept |= {"discount": taken, "price": (lines.revenue.cast(_MONEY) + taken).cast(_MONEY)}
    whole = _by_order(lines.mutate(**kept), [*kept, "is_order"])
    whole = whole.filter(whole.is_order == 1)
    moment = whole.moment
    weekday = moment.day_of_week.index().cast("int64")
    clock = moment.hour() * 3600 + moment.minute() * 60 + moment.second()
    return whole.select(
        "customer_id",
        "day",
        month=(12 * moment.year() + moment.month() - 1).cast("int64"),
        weekday=weekday,
        hour=moment.hour().cast("int64"),
        at_midnight=(clock == 0).ifelse(1, 0).cast("int64"),
        is_weekend=(weekday >= _WEEKEND).ifelse(1, 0).cast("int64"),
        **{name: whole[name] for name in kept if name != "moment"},
    )


def order_levels(transactions: ir.Table, column: str, *, as_of: date) -> ir.Table:
    """Say which levels of a column each order has: an order counts once in every one that its lines name.

    Parameters
    ----------
    transactions : ibis.Table
        As for :func:`orders`, with *column* (text).
    column : str
        Such as ``channel`` or ``category``. A line without it says nothing.
    as_of : date
        Last day seen.

    Returns
    -------
    ibis.Table
        One row per order and level, in no order: ``customer_id``, ``day``, ``level``, ``revenue`` (decimal, of the
        lines of that level, refunds taken off), ``is_order`` (integer; 0 where only a refund names the level)
        [``order_id``].

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": "a", "order_id": "1", "kind": "purchase", "category": ["tea", "tea", None],
    ...     "order_date": pd.to_datetime(["2026-01-03"] * 3), "revenue": [10.0, 5.0, 1.0]})
    >>> pairs = order_levels(ibis.memtable(log), "category", as_of=date(2026, 1, 31))
    >>> pairs.execute()[["level", "revenue"]].values.tolist()
    [['tea', Decimal('15.00')]]
    """
    lines = _lines(transactions, as_of=as_of)
    lines = lines.mutate(level=lines[column], revenue=lines.revenue.cast(_MONEY))
    return _by_order(lines.filter(lines.level.notnull()), ["revenue", "is_order"], "level")


def merge_levels(pairs: ir.Table, *, places: ir.Table) -> ir.Table:
    """Give levels that share a place on the page one name, and count an order once that has several of them.

    Parameters
    ----------
    pairs : ibis.Table
        As from :func:`order_levels`.
    places : ibis.Table
        ``level`` and ``shown`` (integer).

    Returns
    -------
    ibis.Table
        As *pairs*, with ``shown`` as the ``level``.

    Examples
    --------
    >>> pairs = ibis.memtable({"customer_id": ["a", "a"], "day": [date(2026, 1, 1)] * 2, "order_id": ["1", "1"],
    ...     "level": ["tea", "gifts"], "revenue": [5, 6], "is_order": [1, 1]})
    >>> places = ibis.memtable({"level": ["tea", "gifts"], "shown": [11, 11]})
    >>> merge_levels(pairs, places=places).execute()[["level", "is_order"]].values.tolist()
    [[11, 1]]
    """
    joined = pairs.inner_join(places.select("level", "shown"), "level").drop("level").rename(level="shown")
    return _by_order(joined.mutate(revenue=joined.revenue.cast(_MONEY)), ["revenue", "is_order"], "level")


def level_counts(pairs: ir.Table) -> ir.Table:
    """Count the orders at each level, so that the levels can be ranked.

    Parameters
    ----------
    pairs : ibis.Table
        As for :func:`mix_sums`.

    Returns
    -------
    ibis.Table
        ``level``, ``n_orders`` (integer), in no order.

    Examples
    --------
    >>> level_counts(ibis.memtable({"level": ["a", "b", "a"]})).order_by("level").execute().values.tolist()
    [['a', 2], ['b', 1]]
    """
    return pairs.group_by("level").aggregate(n_orders=_n_orders(pairs))


def order_value_quantiles(bought: ir.Table, *, low: float, high: float) -> ir.Table:
    """Find how much orders are worth at the two ends of their distribution; what brought nothing is left aside.

    Turns *revenue* into *low, high*.

    Parameters
    ----------
    bought : ibis.Table
        One row per order: ``revenue`` (decimal).
    low, high : float
        Shares of the orders below.

    Returns
    -------
    ibis.Table
        One row: ``low`` and ``high`` (float), each between the two orders nearest to it; missing without any order.

    Notes
    -----
    Worked out from the counts of equal amounts: an engine's own quantile keeps every order in memory.

    Examples
    --------
    >>> import pandas as pd
    >>> bought = ibis.memtable(pd.DataFrame({"revenue": [0.0, 1.0, 2.0, 2.0, 5.0]}))
    >>> order_value_quantiles(bought, low=0.5, high=0.9).execute().round(6).values.tolist()
    [[2.0, 4.1]]
    """
    positive = bought.filter(bought.revenue > 0)
    counted = positive.group_by("revenue").aggregate(n=positive.count())
    counted = counted.select(
        revenue=counted.revenue.cast("float64"),
        upto=counted.n.sum().over(order_by=counted.revenue, rows=(None, 0)).cast("float64"),
        total=counted.n.sum().over().cast("float64"),
    )
    return counted.aggregate(low=_between(counted, low), high=_between(counted, high))


def _between(counted: ir.Table, share: float) -> ir.FloatingColumn:
    """Read a quantile off the amounts, each with how many are no larger."""
    place = (counted.total - 1) * share
    before = counted.revenue.min(where=counted.upto > place.floor())
    after = counted.revenue.min(where=counted.upto > place.floor() + 1)
    return before + (ibis.coalesce(after, before) - before) * (place - place.floor()).max()


def mix_sums(pairs: ir.Table) -> ir.Table:
    """Sum what the share of each level rests on, by customer first: orders of one customer are not independent.

    Turns *customer_id, level, revenue* into *level, n_orders, n_customers, revenue, squared, crossed, all_orders,
    all_customers, all_squared*.

    Parameters
    ----------
    pairs : ibis.Table
        One row per order and level: ``customer_id``, ``level``, ``revenue`` (decimal) [``order_id``, ``is_order``,
        as from :func:`order_levels`]. Without ``order_id`` every row is an order of its own. Rows without a level are
        left out.

    Returns
    -------
    ibis.Table
        One row per level, in no order. With x the customer's orders at the level and n those at any level:

        - ``n_orders``, ``squared``, ``crossed`` : integers, sums over customers of x, x^2 and x n
        - ``n_customers`` : integer, customers with x > 0
        - ``revenue`` : decimal
        - ``all_orders``, ``all_customers``, ``all_squared`` : integers, the sum of n, the customers, the sum of n^2;
          the same in every row

    Examples
    --------
    >>> import pandas as pd
    >>> pairs = ibis.memtable(pd.DataFrame({"customer_id": ["a", "a", "b"], "level": ["app", "web", "app"],
    ...     "revenue": [1.0, 2.0, 3.0]}))
    >>> found = mix_sums(pairs).order_by("level").execute()
    >>> found[["level", "n_orders", "crossed", "all_squared"]].values.tolist()
    [['app', 2, 3, 5], ['web', 1, 2, 5]]
    """
    known = pairs.filter(pairs.level.notnull())
    own = known.group_by(["customer_id", "level"]).aggregate(x=_n_orders(known), revenue=known.revenue.sum())
    each = _orders_of(known)
    totals = each.aggregate(
        all_orders=each.n.sum().cast("int64"),
        all_customers=each.count(),
        all_squared=(each.n * each.n).sum().cast("int64"),
    )
    both = own.inner_join(each, "customer_id")
    sums = both.group_by("level").aggregate(
        n_orders=both.x.sum().cast("int64"),
        n_customers=(both.x > 0).ifelse(1, 0).sum().cast("int64"),
        revenue=both.revenue.sum(),
        squared=(both.x * both.x).sum().cast("int64"),
        crossed=(both.x * both.n).sum().cast("int64"),
    )
    return sums.filter(sums.n_orders > 0).cross_join(totals)


def ratio_sums(table: ir.Table, *, top: str, bottom: str) -> ir.Table:
    """Sum what the ratio of two totals rests on, by customer first.

    Parameters
    ----------
    table : ibis.Table
        One row per order: ``customer_id`` and the two columns (integer or decimal). A row that lacks one is left out.
    top, bottom : str
        Columns.

    Returns
    -------
    ibis.Table
        One row: ``n_rows``, ``n_customers`` (integers), ``top``, ``bottom``, and the sums over customers
        ``top_squared``, ``crossed``, ``bottom_squared`` (decimals).

    Examples
    --------
    >>> table = ibis.memtable({"customer_id": ["a", "a", "b"], "taken": [1, 1, 0], "price": [10, 10, 5]})
    >>> ratio_sums(table, top="taken", bottom="price").execute().astype(int).values.tolist()
    [[3, 2, 2, 25, 4, 40, 425]]
    """
    known = table.filter(table[top].notnull() & table[bottom].notnull())
    own = known.group_by("customer_id").aggregate(
        rows=known.count(), top=known[top].sum().cast(_MONEY), bottom=known[bottom].sum().cast(_MONEY)
    )
    return own.aggregate(
        n_rows=own.rows.sum().cast("int64"),
        n_customers=own.count(),
        top=own.top.sum(),
        bottom=own.bottom.sum(),
        top_squared=(own.top * own.top).cast(_SQUARE).sum(),
        crossed=(own.top * own.bottom).cast(_SQUARE).sum(),
        bottom_squared=(own.bottom * own.bottom).cast(_SQUARE).sum(),
    )


def discount_depth(bought: ir.Table, *, limits: Sequence[float]) -> ir.Table:
    """Put each order into a band by the share of its price that was taken off.

    Parameters
    ----------
    bought : ibis.Table
        As from :func:`orders`, with ``discount`` and ``price``.
    limits : sequence of float
        Rising, 0 to 1; a share, to a thousandth, equal to a limit is below it.

    Returns
    -------
    ibis.Table
        The orders whose discount is known and whose price is above zero: ``customer_id``, ``revenue``, ``level``
        (integer: 1 is up to the first limit).

    Examples
    --------
    >>> bought = ibis.memtable({"customer_id": ["a", "b"], "revenue": [10, 8], "discount": [0, 2], "price": [10, 10]})
    >>> discount_depth(bought, limits=[0, 0.1]).order_by("customer_id").execute().level.tolist()
    [1, 3]
    """
    known = bought.filter(bought.discount.notnull() & (bought.price > 0))
    # To a thousandth: 20 % off, rounded to the cent, is a little more or less than 0.2.
    depth = (known.discount.cast("float64") / known.price.cast("float64") * 1000 + 0.5).floor() / 1000
    return known.select("customer_id", "revenue", level=score_by_limits(depth, limits))


def week_cells(bought: ir.Table) -> ir.Table:
    """Count the orders at each hour of the week.

    Parameters
    ----------
    bought : ibis.Table
        As from :func:`orders`: ``weekday``, ``hour``.

    Returns
    -------
    ibis.Table
        ``weekday``, ``hour``, ``n_orders`` (integers), in no order; an hour without an order is absent.

    Examples
    --------
    >>> week_cells(ibis.memtable({"weekday": [0, 0], "hour": [9, 9]})).execute().values.tolist()
    [[0, 9, 2]]
    """
    return bought.group_by(["weekday", "hour"]).aggregate(n_orders=bought.count())


def gap_cells(bought: ir.Table, *, as_of: date, n_parts: int) -> ir.Table:
    """Count the gaps between purchase days by their length; the one after the last purchase is still open.

    Parameters
    ----------
    bought : ibis.Table
        As from :func:`orders`: ``customer_id``, ``day``. Several orders on one day are one occasion.
    as_of : date
        Last day seen, up to which a gap is known to be open.
    n_parts : int
        Parts that the customers are dealt into, in the order of their ids. What is estimated without each part in
        turn tells how far it could move.

    Returns
    -------
    ibis.Table
        ``part`` (integer from 0), ``days`` (integer, 1 or more; from 0 where open), ``is_closed`` (integer, 1 if the
        customer bought again), ``n`` (integer); in no order.

    Examples
    --------
    >>> bought = ibis.memtable({"customer_id": ["a", "a"], "day": [date(2026, 1, 1), date(2026, 1, 8)]})
    >>> found = gap_cells(bought, as_of=date(2026, 1, 31), n_parts=10).order_by("days").execute()
    >>> found.values.tolist()
    [[0, 7, 1, 1], [0, 23, 0, 1]]
    """
    days = bought.filter(bought.day <= ibis.date(as_of)).select("customer_id", "day").distinct()
    people = days.select("customer_id").distinct()
    people = people.mutate(part=(ibis.row_number().over(order_by="customer_id") % n_parts).cast("int64"))
    later = days.day.lead().over(group_by="customer_id", order_by="day")
    gaps = days.mutate(is_closed=later.notnull().ifelse(1, 0), until=ibis.coalesce(later, ibis.date(as_of)))
    gaps = gaps.mutate(days=gaps.until.delta(gaps.day, unit="day").cast("int64"))
    dealt = gaps.inner_join(people, "customer_id")
    return dealt.group_by(["part", "days", "is_closed"]).aggregate(n=lambda table: table.count())


def main_levels(pairs: ir.Table, *, places: ir.Table) -> ir.Table:
    """Say at which level each customer orders most.

    Parameters
    ----------
    pairs : ibis.Table
        As for :func:`mix_sums`.
    places : ibis.Table
        ``level`` and ``place`` (integer below a million, no two alike): the rank of each level among all orders. Of
        levels at which a customer orders equally often, the one of the lowest place is the main one. So ties are
        settled alike on every engine, whatever its order of text.

    Returns
    -------
    ibis.Table
        One row per customer with a known level, in no order: ``customer_id``, ``main``, ``main_share`` (0-1, of the
        customer's orders with a known level), ``n_levels`` (integer).

    Examples
    --------
    >>> pairs = ibis.memtable({"customer_id": ["a", "a", "b"], "level": ["web", "app", "web"]})
    >>> places = ibis.memtable({"level": ["web", "app"], "place": [2, 1]})
    >>> main_levels(pairs, places=places).order_by("customer_id").execute().values.tolist()
    [['a', 'app', 0.5, 2], ['b', 'web', 1.0, 1]]
    """
    known = pairs.filter(pairs.level.notnull())
    own = known.group_by(["customer_id", "level"]).aggregate(x=_n_orders(known))
    own = own.filter(own.x > 0).inner_join(places.select("level", "place"), "level")
    # Equal counts go to the lower place, and no window is needed: it would sort all customers.
    first = own.group_by("customer_id").aggregate(
        main=own.level.argmax(own.x * _MOST_PLACES - own.place), x=own.x.max(), n_levels=own.count()
    )
    both = first.inner_join(_orders_of(known), "customer_id")
    return both.select(
        "customer_id",
        "main",
        main_share=both.x.cast("float64") / both.n,
        n_levels=both.n_levels.cast("int64"),
    )


def habits(bought: ir.Table) -> ir.Table:
    """Say how much of each customer's buying falls on the weekend and is given away as discounts.

    Parameters
    ----------
    bought : ibis.Table
        As from :func:`orders`.

    Returns
    -------
    ibis.Table
        One row per customer, in no order: ``customer_id``, ``weekend_share`` (0-1, of orders) [``discount_share``
        (0-1, of the price; missing where no price is known or above zero)].

    Examples
    --------
    >>> bought = ibis.memtable({"customer_id": ["a", "a"], "is_weekend": [1, 0], "discount": [2, 0], "price": [10, 10]})
    >>> habits(bought).execute().values.tolist()
    [['a', 0.5, 0.1]]
    """
    sums = {"weekend": bought.is_weekend.sum(), "n": bought.count()}
    has_discount = "discount" in bought.columns
    if has_discount:
        sums |= {"taken": bought.discount.sum(), "price": bought.price.sum()}
    own = bought.group_by("customer_id").aggregate(**sums)
    shares = {"weekend_share": own.weekend.cast("float64") / own.n}
    if has_discount:
        price = ibis.ifelse(own.price > 0, own.price, ibis.null()).cast("float64")
        shares["discount_share"] = own.taken.cast("float64") / price
    return own.select("customer_id", **shares)


def _lines(transactions: ir.Table, *, as_of: date) -> ir.Table:
    seen = transactions.mutate(
        day=transactions.order_date.date(),
        is_order=(transactions.kind == "purchase").ifelse(1, 0).cast("int64"),
    )
    # A refund that names no order belongs to none.
    return seen.filter((seen.day <= ibis.date(as_of)) & (seen.kind != "loose refund"))


def _by_order(lines: ir.Table, columns: Sequence[str], *levels: str) -> ir.Table:
    """Put the lines of an order together; a line without an order_id is an order of its own."""
    keys = ["customer_id", "day", *levels]
    if "order_id" not in lines.columns:
        return lines.select(*keys, *columns)
    alone = lines.filter(lines.order_id.isnull())
    lines = lines.filter(lines.order_id.notnull())
    summed = {}
    for name in columns:
        column = lines[name]
        if name == "moment":
            summed[name] = column.min()
        elif name == "is_order":
            summed[name] = column.max()
        else:
            summed[name] = column.sum().cast(_MONEY)
    whole = lines.group_by([*keys, "order_id"]).aggregate(**summed)
    return whole.union(alone.select(*whole.columns))


def _n_orders(pairs: ir.Table) -> ir.IntegerScalar:
    """Orders among rows of which no two belong to the same one."""
    counted = pairs.is_order.sum() if "is_order" in pairs.columns else pairs.count()
    return counted.cast("int64")


def _orders_of(pairs: ir.Table) -> ir.Table:
    """Count each customer's orders, once however many levels they have."""
    if "order_id" in pairs.columns:
        pairs = pairs.filter(pairs.is_order == 1).select("customer_id", "order_id")
        pairs = pairs.filter(pairs.order_id.notnull()).distinct().union(pairs.filter(pairs.order_id.isnull()))
    each = pairs.group_by("customer_id").aggregate(n=pairs.count())
    return each.filter(each.n > 0)
