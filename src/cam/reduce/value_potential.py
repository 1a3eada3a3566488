"""Customers -> where each stands between what was brought and what could come; sums by quadrant, a grid of counts."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from cam.reduce.earnings import rounded_money

#: Steps of the figure's grid, on the logarithm.
GRID_STEP = 0.2


def place_values(customers: ir.Table, *, potential: str, margin: float, z: float) -> ir.Table:
    """Set what each customer has brought beside what could still come, or say why it cannot be said.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer: ``customer_id``, ``current_value`` (decimal), and ``wallet``, ``yearly_revenue``,
        ``yearly_error`` or ``residual_clv`` with ``_low`` and ``_high``.
    potential : str
        ``wallet_gap`` (the wallet less what is spent here per year, at least 0, times *margin*) or ``residual_clv``.
    margin : float
        Gross margin that a gap is multiplied by; above 0.
    z : float
        Standard errors to each side of the yearly revenue.

    Returns
    -------
    ibis.Table
        ``customer_id``, ``current_value``, ``potential`` with ``potential_low`` and ``potential_high`` (decimal), with
        *wallet_gap* ``share_of_wallet`` (float; above 1 where the wallet is set too low; missing for a wallet of 0),
        and ``unplaced``: ``no_value``, ``no_wallet`` or ``no_clv``; missing where the customer can be placed, as can
        all be who cost more than they brought, whatever their potential.

    Examples
    --------
    >>> ten = ibis.literal("10.00").cast("decimal(18,2)")
    >>> people = ibis.memtable({"customer_id": ["a", "b"], "wallet": [100.0, None], "yearly_error": [0.0, 0.0]})
    >>> people = people.mutate(current_value=ten, yearly_revenue=ten)
    >>> found = place_values(people, potential="wallet_gap", margin=0.5, z=1.96).order_by("customer_id").execute()
    >>> float(found.potential[0]), float(found.share_of_wallet[0]), found.unplaced.fillna("").tolist()
    (45.0, 0.1, ['', 'no_wallet'])
    """
    if potential == "wallet_gap":
        wallet = customers.wallet.cast("float64")
        spent = ibis.greatest(customers.yearly_revenue.cast("float64"), 0.0)
        unsure = customers.yearly_error * z

        def gap(spend: ir.FloatingColumn) -> ir.DecimalColumn:
            left = ibis.greatest(wallet - ibis.greatest(spend, 0.0), 0.0)
            # An engine's greatest() may pass over what is missing.
            return rounded_money(wallet.isnull().ifelse(ibis.null("float64"), left * margin))

        ends = {"": gap(spent), "_low": gap(spent + unsure), "_high": gap(spent - unsure)}
        more = {"share_of_wallet": spent / wallet.nullif(0.0)}
        reason = "no_wallet"
    else:
        ends = {
            end: rounded_money(customers[f"residual_clv{end}"].cast("float64"))
            for end in ("", "_low", "_high")
        }
        more, reason = {}, "no_clv"
    placed = customers.select(
        "customer_id", "current_value", **{f"potential{end}": value for end, value in ends.items()}, **more
    )
    unplaced = ibis.cases(
        (placed.current_value.isnull(), "no_value"),
        (placed.current_value < 0, ibis.null("string")),
        (placed.potential.isnull(), reason),
        else_=ibis.null("string"),
    )
    return placed.mutate(unplaced=unplaced)


def middle(placed: ir.Table, column: str) -> ir.Table:
    """Return the median of a column over the customers who can be placed and have more than 0 of it.

    Turns the column and *unplaced* into *n, median*.

    Parameters
    ----------
    placed : ibis.Table
        As from :func:`place_values`.
    column : str
        ``current_value`` or ``potential``.

    Returns
    -------
    ibis.Table
        One row: ``n`` (integer) and ``median`` (float; missing where *n* is 0).

    Examples
    --------
    >>> table = ibis.memtable({"potential": [0.0, 1.0, 3.0], "unplaced": [None, None, None]},
    ...     schema={"potential": "float64", "unplaced": "string"})
    >>> middle(table, "potential").execute().values.tolist()
    [[2.0, 2.0]]
    """
    known = _above_nought(placed, column)
    return known.aggregate(n=known.count(), median=known.value.median())


def at_ranks(placed: ir.Table, column: str, *, low: int, high: int) -> ir.Table:
    """Return two order statistics of what :func:`middle` takes the median of.

    Turns the column and *unplaced* into *low, high*.

    Parameters
    ----------
    placed : ibis.Table
        As from :func:`place_values`.
    column : str
        ``current_value`` or ``potential``.
    low, high : int
        Ranks, from 1 for the smallest.

    Returns
    -------
    ibis.Table
        One row: ``low`` and ``high`` (float).

    Examples
    --------
    >>> table = ibis.memtable({"potential": [9.0, 1.0, 3.0], "unplaced": [None, None, None]},
    ...     schema={"potential": "float64", "unplaced": "string"})
    >>> at_ranks(table, "potential", low=1, high=2).execute().values.tolist()
    [[1.0, 3.0]]
    """
    known = _above_nought(placed, column)
    ranked = known.mutate(rank=ibis.row_number().over(order_by=known.value))
    return ranked.aggregate(
        low=ranked.value.max(where=ranked["rank"] == low - 1),
        high=ranked.value.max(where=ranked["rank"] == high - 1),
    )


def name_quadrants(
    placed: ir.Table,
    *,
    value_line: float,
    potential_line: float,
    value_limits: tuple[float, float] | None = None,
) -> ir.Table:
    """Name the quadrant of each customer, and mark those whose side of a line is uncertain.

    Parameters
    ----------
    placed : ibis.Table
        As from :func:`place_values`.
    value_line, potential_line : float
        From these on value and potential are high.
    value_limits : tuple of float, optional
        How far the value line itself is known; without it the line is certain.

    Returns
    -------
    ibis.Table
        *placed* with ``value_quadrant`` (``stars``, ``high_consumption``, ``potential``, ``low_value``,
        ``negative_value``; missing where the customer is not placed), and
        ``near_value``, ``near_potential``, ``near_a_line`` (1 or 0). Current value is a fact, so only the line's own
        limits count there; near the other line are those whose own interval holds it. Who has cost more than he or
        she brought is negative in any case.

    Examples
    --------
    >>> table = ibis.memtable({"current_value": [9.0, -1.0], "potential": [5.0, None], "potential_low": [1.0, None],
    ...     "potential_high": [8.0, None], "unplaced": [None, None]}, schema={"current_value": "float64",
    ...     "potential": "float64", "potential_low": "float64", "potential_high": "float64", "unplaced": "string"})
    >>> found = name_quadrants(table, value_line=4.0, potential_line=6.0).execute()
    >>> found[["value_quadrant", "near_a_line"]].values.tolist()
    [['high_consumption', 1], ['negative_value', 0]]
    """
    value, potential = placed.current_value.cast("float64"), placed.potential.cast("float64")
    is_placed = placed.unplaced.isnull()
    quadrant = ibis.cases(
        (~is_placed, ibis.null("string")),
        (value < 0, "negative_value"),
        ((value >= value_line) & (potential >= potential_line), "stars"),
        (value >= value_line, "high_consumption"),
        (potential >= potential_line, "potential"),
        else_="low_value",
    )
    told = is_placed & (value >= 0)
    near_value = ibis.literal(value=False)
    if value_limits is not None:
        near_value = told & (value >= value_limits[0]) & (value <= value_limits[1])
    low, high = placed.potential_low.cast("float64"), placed.potential_high.cast("float64")
    near_potential = told & (low <= potential_line) & (high >= potential_line)
    return placed.mutate(
        value_quadrant=quadrant,
        near_value=near_value.ifelse(1, 0),
        near_potential=near_potential.ifelse(1, 0),
        near_a_line=(near_value | near_potential).ifelse(1, 0),
    )


def value_quadrant_sums(quadrants: ir.Table) -> ir.Table:
    """Sum what the customers of each quadrant have brought and could bring, exactly.

    Parameters
    ----------
    quadrants : ibis.Table
        As from :func:`name_quadrants`.

    Returns
    -------
    ibis.Table
        ``value_quadrant``, ``n_customers``, ``sum_value``, ``squared_value``, ``sum_potential``,
        ``squared_potential`` (cents), ``n_near_value``, ``n_near_potential``, ``n_near``; in the order of the name.

    Examples
    --------
    >>> table = ibis.memtable({"value_quadrant": ["stars", "stars"], "current_value": [1.0, 2.0],
    ...     "potential": [3.0, 4.0], "near_value": [0, 1], "near_potential": [1, 1], "near_a_line": [1, 1]})
    >>> found = value_quadrant_sums(table.mutate(current_value=table.current_value.cast("decimal(18,2)"),
    ...     potential=table.potential.cast("decimal(18,2)"))).execute()
    >>> [int(found[name][0]) for name in ("n_customers", "sum_value", "squared_potential", "n_near_value")]
    [2, 300, 250000, 1]
    """
    known = quadrants.filter(quadrants.value_quadrant.notnull())
    rows = known.select(
        "value_quadrant",
        "near_value",
        "near_potential",
        "near_a_line",
        value=_cents(known.current_value),
        potential=ibis.coalesce(_cents(known.potential), ibis.literal(0).cast("decimal(19,0)")),
    )
    sums = {
        f"{what}_{name}": ((column * column) if what == "squared" else column).sum().cast("decimal(38,0)")
        for name, column in (("value", rows.value), ("potential", rows.potential))
        for what in ("sum", "squared")
    }
    return (
        rows.group_by("value_quadrant")
        .aggregate(
            n_customers=rows.count(),
            **sums,
            n_near_value=rows.near_value.sum().cast("int64"),
            n_near_potential=rows.near_potential.sum().cast("int64"),
            n_near=rows.near_a_line.sum().cast("int64"),
        )
        .order_by("value_quadrant")
    )


def rank_sums(placed: ir.Table) -> ir.Table:
    """Rank the customers by value and by potential, equal ones alike, and sum the products of the ranks, exactly.

    Parameters
    ----------
    placed : ibis.Table
        As from :func:`place_values`; those without a value or a potential are left out.

    Returns
    -------
    ibis.Table
        One row of whole numbers, of twice the ranks: ``n``, ``x``, ``y``, ``xx``, ``yy``, ``xy``.

    Examples
    --------
    >>> table = ibis.memtable({"current_value": [1.0, 2.0], "potential": [5.0, 5.0]})
    >>> rank_sums(table).execute().astype(int).values.tolist()
    [[2, 6, 6, 20, 18, 18]]
    """
    known = placed.filter(placed.current_value.notnull(), placed.potential.notnull())
    ranks = {}
    for name, column in (("x", known.current_value), ("y", known.potential)):
        ties = known.count().over(group_by=column)
        least = ibis.rank().over(order_by=column)
        ranks[name] = (2 * least + ties + 1).cast("decimal(19,0)")
    rows = known.select(**ranks)
    sums = {"x": rows.x, "y": rows.y, "xx": rows.x * rows.x, "yy": rows.y * rows.y, "xy": rows.x * rows.y}
    return rows.aggregate(
        n=rows.count(), **{name: column.sum().cast("decimal(38,0)") for name, column in sums.items()}
    )


def density_grid(placed: ir.Table, *, value_scale: float, potential_scale: float) -> ir.Table:
    """Count the customers in each cell of a grid that is even on the signed logarithm of value and potential.

    Turns *current_value, potential, unplaced* into *value_bin, potential_bin, n_customers*.

    Parameters
    ----------
    placed : ibis.Table
        As from :func:`place_values`.
    value_scale, potential_scale : float
        Amounts, above 0; amounts much smaller stand on an even grid, much larger ones on a logarithmic one.

    Returns
    -------
    ibis.Table
        Cell k holds sign(v) log(1 + abs(v) / scale) from k to k + 1 times :data:`GRID_STEP`. In order.

    Examples
    --------
    >>> table = ibis.memtable({"current_value": [0.0, 1.8], "potential": [1.0, -1.0], "unplaced": [None, None]},
    ...     schema={"current_value": "float64", "potential": "float64", "unplaced": "string"})
    >>> density_grid(table, value_scale=1.0, potential_scale=1.0).execute().values.tolist()
    [[0, 3, 1], [5, -4, 1]]
    """
    known = placed.filter(
        placed.unplaced.isnull(), placed.current_value.notnull(), placed.potential.notnull()
    )

    def cell(column: ir.NumericColumn, scale: float) -> ir.IntegerColumn:
        value = column.cast("float64")
        size = (value.abs() / scale + 1).ln()
        return ((value < 0).ifelse(-size, size) / GRID_STEP).floor().cast("int64")

    rows = known.select(
        value_bin=cell(known.current_value, value_scale),
        potential_bin=cell(known.potential, potential_scale),
    )
    keys = ["value_bin", "potential_bin"]
    return rows.group_by(keys).aggregate(n_customers=rows.count()).order_by(keys)


def _above_nought(placed: ir.Table, column: str) -> ir.Table:
    known = placed.filter(placed.unplaced.isnull(), placed[column] > 0)
    return known.select(value=known[column].cast("float64"))


def _cents(amount: ir.DecimalColumn) -> ir.DecimalColumn:
    return (amount.cast("decimal(18,2)") * 100).cast("decimal(19,0)")
