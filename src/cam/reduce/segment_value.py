"""Customers -> what each group of them holds, and where each stands between profit and loyalty; exact sums."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

#: Days of a year, on average.
DAYS_PER_YEAR = 365.25
#: What a level is: one of the data's, all the smaller ones together, or not known.
LEVEL, OTHER, MISSING = "level", "other", "missing"


def column_levels(table: ir.Table, columns: Sequence[str]) -> ir.Table:
    """Count how many values columns hold, and how many of them look like numbers or dates.

    Turns the columns into *column, n_filled, n_levels, n_numbers, n_dates*.

    Parameters
    ----------
    table : ibis.Table
        One row per customer.
    columns : sequence of str
        Text or integer columns, at least one.

    Returns
    -------
    ibis.Table
        One row per column, in the order of their names: rows with a value, distinct values, and distinct values
        that read as a number with a fraction or of more than two digits, or as a date.

    Examples
    --------
    >>> table = ibis.memtable({"x": ["a", "b", "b"], "day": ["2026-01-01", "2026-01-02", None]})
    >>> column_levels(table, ["x", "day"]).execute().values.tolist()
    [['day', 2, 2, 0, 2], ['x', 3, 2, 0, 0]]
    """
    counted = []
    for column in columns:
        text = table[column].cast("string")
        values = table.select(value=text).filter(text.notnull()).group_by("value").aggregate(n=ibis._.count())
        is_number = values.value.re_search(r"^-?[0-9]*[.,]?[0-9]+$")
        is_date = values.value.re_search(r"^[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}")
        counted.append(
            values.aggregate(
                n_filled=ibis.coalesce(values.n.sum(), 0).cast("int64"),
                n_levels=values.count(),
                n_numbers=ibis.coalesce(is_number.ifelse(1, 0).sum(), 0).cast("int64"),
                n_dates=ibis.coalesce(is_date.ifelse(1, 0).sum(), 0).cast("int64"),
            ).select(ibis.literal(column).name("column"), "n_filled", "n_levels", "n_numbers", "n_dates")
        )
    return ibis.union(*counted).order_by("column") if len(counted) > 1 else counted[0]


def group_sums(
    customers: ir.Table, by: str, columns: Sequence[str], *, n_levels: int | None = None
) -> ir.Table:
    """Sum columns and their squares over the customers of each group, exactly.

    Turns the group and the columns into *kind, level, n_customers* and per column *n_, sum_* and *squared_*.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer.
    by : str
        Column that names the group.
    columns : sequence of str
        Money (decimal, or float in the currency, then rounded to the cent) or counts (integer); where one is
        missing, the customer is left out of its sums and of its ``n_``.
    n_levels : int, optional
        So many groups by size, the rest together; by default all.

    Returns
    -------
    ibis.Table
        ``kind`` (:data:`LEVEL`, :data:`OTHER` or :data:`MISSING`), ``level`` (text; missing unless *kind* is
        ``level``), ``n_customers``, and whole numbers: cents for money. The largest group first, then all the
        smaller ones together, then those not known.

    Examples
    --------
    >>> people = ibis.memtable({"region": ["a", "a", "b", None], "value": [1.0, 2.0, 3.0, 4.0]})
    >>> table = group_sums(people, "region", ["value"], n_levels=1).execute()
    >>> table[["kind", "n_customers", "sum_value"]].astype({"n_customers": int, "sum_value": int}).values.tolist()
    [['level', 2, 300], ['other', 1, 300], ['missing', 1, 400]]
    """
    whole = {name: _whole(customers[name]) for name in columns}
    people = customers.select(level=customers[by].cast("string"), **whole)
    sums = {"n_customers": people.count()}
    for name in columns:
        sums[f"n_{name}"] = people[name].count()
        sums[f"sum_{name}"] = ibis.coalesce(people[name].sum(), 0)
        sums[f"squared_{name}"] = ibis.coalesce((people[name] * people[name]).sum(), 0)
    groups = people.group_by("level").aggregate(**sums)
    # Equal sizes are told apart by name, so that the same groups come together every time.
    rank = ibis.row_number().over(
        order_by=[groups.level.isnull().ifelse(1, 0), groups.n_customers.desc(), groups.level.asc()]
    )
    last = n_levels if n_levels is not None else 10**9
    ranked = groups.mutate(rank=rank)
    ranked = ranked.mutate(
        kind=ibis.cases((ranked.level.isnull(), MISSING), (ranked["rank"] < last, LEVEL), else_=OTHER)
    )
    ranked = ranked.mutate(level=(ranked.kind == LEVEL).ifelse(ranked.level, ibis.null("string")))
    joined = ranked.group_by(["kind", "level"]).aggregate(
        **{name: ranked[name].sum().cast("decimal(38,0)") for name in sums}, place=ranked["rank"].min()
    )
    first = ibis.cases((joined.kind == LEVEL, 0), (joined.kind == OTHER, 1), else_=2)
    return joined.order_by([first, joined.place]).drop("place")


def place_customers(
    customers: ir.Table, *, min_days: int, has_alive: bool, value: str = "profit"
) -> ir.Table:
    """Measure profit per year and loyalty of each customer, or say why a customer cannot be placed.

    Turns *customer_id, n_orders, frequency, recency, T, profit* [*p_alive*] into *rate, loyalty, unplaced*.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer: ``n_orders``, ``frequency``, ``recency`` and ``T`` as from
        :func:`cam.reduce.summary.customer_summary`, the *value* (decimal) and, with *has_alive*, ``p_alive``.
    min_days : int
        Shortest time since the first purchase that gives a rate.
    has_alive : bool
        Whether a model's probability of being alive is known; else the regularity of the customer's own purchases
        takes its place.
    value : str
        The column of money.

    Returns
    -------
    ibis.Table
        ``customer_id``, the *value*, ``n_orders``, ``rate`` (float, money per year since the first purchase),
        ``loyalty`` (float, 0 to 1) and ``unplaced`` (``young``, ``once``, ``unknown``, or missing where the
        customer can be placed).

    Notes
    -----
    Without a model, loyalty is (recency / T) ** frequency: the share of the time that the customer was seen
    buying, to the power of the purchases after the first. Who bought on one day only has no rhythm. Some models
    give such a customer probability 1 by construction; that is no evidence of loyalty, and counts as ``once`` too.

    References
    ----------
    Reinartz, W., Kumar, V. (2002). The mismanagement of customer loyalty. Harvard Business Review 80(7), 86-94.

    Examples
    --------
    >>> people = ibis.memtable({"customer_id": ["a", "b"], "n_orders": [3, 1], "frequency": [2, 0],
    ...     "recency": [26.0, 0.0], "T": [52.0, 52.0], "profit": [10.0, 4.0]})
    >>> table = place_customers(people, min_days=90, has_alive=False).order_by("customer_id").execute()
    >>> table.loyalty.tolist(), table.unplaced.fillna("").tolist()
    ([0.25, nan], ['', 'once'])
    """
    days = customers["T"] * 7.0
    rate = customers[value].cast("float64") * DAYS_PER_YEAR / days.nullif(0.0)
    once = customers.frequency == 0
    if has_alive:
        alive = _finite(customers.p_alive.cast("float64"))
        no_evidence = once & (alive >= 1.0)
        unknown = alive.isnull()
    else:
        seen = customers.recency / customers["T"].nullif(0.0)
        alive = once.ifelse(ibis.null("float64"), seen ** customers.frequency.cast("float64"))
        no_evidence, unknown = once, customers["T"].isnull()
    unplaced = ibis.cases(
        (customers["T"].isnull() | unknown | customers[value].isnull(), "unknown"),
        (days < float(min_days), "young"),
        (no_evidence, "once"),
        else_=ibis.null("string"),
    )
    return customers.select("customer_id", value, "n_orders", rate=rate, loyalty=alive, unplaced=unplaced)


def median_rate(placed: ir.Table) -> ir.Table:
    """Return the median profit per year of the customers that can be placed.

    Turns *rate, unplaced* into *n, median*.

    Parameters
    ----------
    placed : ibis.Table
        As from :func:`place_customers`.

    Returns
    -------
    ibis.Table
        One row: ``n`` (integer) and ``median`` (float; missing where *n* is 0).

    Examples
    --------
    >>> table = ibis.memtable({"rate": [1.0, 3.0, 9.0], "unplaced": [None, None, "once"]},
    ...     schema={"rate": "float64", "unplaced": "string"})
    >>> median_rate(table).execute().values.tolist()
    [[2.0, 2.0]]
    """
    known = placed.filter(placed.unplaced.isnull())
    return known.aggregate(n=known.count(), median=known.rate.median())


def quadrant_sums(
    placed: ir.Table, *, line: float, loyal_from: float, unsure: tuple[float, float], z: float
) -> ir.Table:
    """Sum the customers of each quadrant of profit and loyalty, exactly.

    Turns *rate, loyalty, profit, n_orders, unplaced* into *is_profitable, is_loyal, n_customers, …*.

    Parameters
    ----------
    placed : ibis.Table
        As from :func:`place_customers`, with ``profit``.
    line : float
        Profit per year above which a customer is profitable.
    loyal_from : float
        Loyalty from which a customer is loyal.
    unsure : tuple of float
        Between these a customer's loyalty could as well be on the other side.
    z : float
        Standard errors around a customer's rate that count as near the line; the number of a customer's orders is
        taken as Poisson.

    Returns
    -------
    ibis.Table
        ``is_profitable`` and ``is_loyal`` (1 or 0), ``n_customers``, ``sum_profit`` and ``squared_profit``
        (cents), ``n_negative`` (profit below zero), ``n_near_profit``, ``n_near_loyalty`` and ``n_near`` (either).

    Examples
    --------
    >>> table = ibis.memtable({"rate": [9.0, 1.0], "loyalty": [0.9, 0.6], "profit": [9.0, 1.0], "n_orders": [4, 4],
    ...     "unplaced": [None, None]}, schema={"rate": "float64", "loyalty": "float64", "profit": "decimal(18,2)",
    ...     "n_orders": "int64", "unplaced": "string"})
    >>> found = quadrant_sums(table, line=5.0, loyal_from=0.5, unsure=(0.25, 0.75), z=1.96).execute()
    >>> found[["is_profitable", "is_loyal", "n_near_profit", "n_near"]].astype(int).values.tolist()
    [[0, 1, 0, 1], [1, 1, 1, 1]]
    """
    known = placed.filter(placed.unplaced.isnull())
    error = known.rate.abs() / ibis.greatest(known.n_orders, 1).cast("float64").sqrt()
    near_profit = (known.rate - line).abs() <= z * error
    near_loyalty = (known.loyalty > unsure[0]) & (known.loyalty < unsure[1])
    cents = _whole(known.profit)
    rows = known.select(
        is_profitable=(known.rate > line).ifelse(1, 0),
        is_loyal=(known.loyalty >= loyal_from).ifelse(1, 0),
        cents=cents,
        negative=(cents < 0).ifelse(1, 0),
        near_profit=near_profit.ifelse(1, 0),
        near_loyalty=near_loyalty.ifelse(1, 0),
        near=(near_profit | near_loyalty).ifelse(1, 0),
    )
    keys = ["is_profitable", "is_loyal"]
    return (
        rows.group_by(keys)
        .aggregate(
            n_customers=rows.count(),
            sum_profit=rows.cents.sum(),
            squared_profit=(rows.cents * rows.cents).sum(),
            n_negative=rows.negative.sum(),
            n_near_profit=rows.near_profit.sum(),
            n_near_loyalty=rows.near_loyalty.sum(),
            n_near=rows.near.sum(),
        )
        .order_by(keys)
    )


def _finite(column: ir.FloatingColumn) -> ir.FloatingColumn:
    """Missing where a model gave no number: engines sort NaN above all numbers."""
    return (column.isnan() | column.isinf()).ifelse(ibis.null("float64"), column)


def _whole(column: ir.NumericColumn) -> ir.DecimalColumn:
    """Cents or counts without a fraction: a product of two has none either, so no engine rounds it."""
    if column.type().is_floating():
        return (_finite(column) * 100 + 0.5).floor().cast("decimal(19,0)")
    return ((column * 100) if column.type().is_decimal() else column).cast("decimal(19,0)")
