"""Histories -> cells with what they spend; and, from scored cells, what each customer is still worth."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

#: Own mean spend is summed in ten-thousandths, as whole numbers: a float sum would depend on the threads.
SPEND_UNIT = 10_000
#: Mean spends that differ by less than this share of them are near.
NEAR = 0.001


def worth_cells(histories: ir.Table) -> ir.Table:
    """Count the customers that share a history, and sum their own mean spend.

    Turns *frequency, recency, T, monetary_value* into *frequency, recency, T, spend_frequency, n_customers,
    spend_sum*.

    Parameters
    ----------
    histories : ibis.Table
        One row per customer, as from :func:`cam.reduce.summary.customer_summary`.

    Returns
    -------
    ibis.Table
        One row per distinct combination, in no order. ``spend_frequency`` is the frequency of customers whose mean
        repeat spend is above 0, else 0; ``spend_sum`` (money, float) is the sum of these means, each in whole
        ten-thousandths, so that it is the same in whatever order rows come.

    Examples
    --------
    >>> import pandas as pd
    >>> people = pd.DataFrame({"frequency": [1, 1], "recency": [2.0, 2.0], "T": [4.0, 4.0], "monetary_value": [9.5, 0]})
    >>> worth_cells(ibis.memtable(people)).order_by("spend_frequency").execute().astype(float).values.tolist()
    [[1.0, 2.0, 4.0, 0.0, 1.0, 0.0], [1.0, 2.0, 4.0, 1.0, 1.0, 9.5]]
    """
    marked = histories.select(
        "frequency",
        "recency",
        "T",
        spend_frequency=_spend_frequency(histories),
        units=_units(histories),
    )
    return marked.group_by(["frequency", "recency", "T", "spend_frequency"]).aggregate(
        n_customers=marked.count(), spend_sum=marked.units.sum().cast("float64") / SPEND_UNIT
    )


def spend_cells(histories: ir.Table) -> ir.Table:
    """Count the customers that share a frequency and a mean repeat spend above 0.

    Turns *frequency, monetary_value* into *frequency, monetary_value, n_customers*.

    Parameters
    ----------
    histories : ibis.Table
        One row per customer, as from :func:`cam.reduce.summary.customer_summary`.

    Returns
    -------
    ibis.Table
        One row per distinct pair, in no order.

    Examples
    --------
    >>> import pandas as pd
    >>> people = pd.DataFrame({"frequency": [1, 1, 0], "monetary_value": [9.5, 9.5, None]})
    >>> spend_cells(ibis.memtable(people)).execute().values.tolist()
    [[1.0, 9.5, 2.0]]
    """
    spenders = histories.filter(histories.frequency > 0, histories.monetary_value > 0)
    return spenders.group_by(["frequency", "monetary_value"]).aggregate(n_customers=spenders.count())


def near_spend_cells(histories: ir.Table) -> ir.Table:
    """Count the customers that share a frequency and nearly a mean repeat spend, within a thousandth of it.

    Turns *frequency, monetary_value* into *frequency, monetary_value, n_customers*.

    Parameters
    ----------
    histories : ibis.Table
        One row per customer, as from :func:`cam.reduce.summary.customer_summary`.

    Returns
    -------
    ibis.Table
        In no order. ``monetary_value`` is the mean of those in the cell, so what a smooth curve says of them together
        is off by the square of a thousandth.

    Notes
    -----
    Of :func:`spend_cells` there are nearly as many as customers; of these as many as frequencies and thousandths.

    Examples
    --------
    >>> import pandas as pd
    >>> people = pd.DataFrame({"frequency": [1, 1, 1], "monetary_value": [100.01, 100.03, 50.0]})
    >>> near_spend_cells(ibis.memtable(people)).order_by("monetary_value").execute().values.tolist()
    [[1.0, 50.0, 1.0], [1.0, 100.02, 2.0]]
    """
    spenders = histories.filter(histories.frequency > 0, histories.monetary_value > 0.5 / SPEND_UNIT)
    marked = spenders.select(
        "frequency",
        near=(spenders.monetary_value.ln() / NEAR).floor().cast("int64"),
        units=_units(spenders),
    )
    near = marked.group_by(["frequency", "near"]).aggregate(
        n_customers=marked.count(), units=marked.units.sum()
    )
    mean = near.units.cast("float64") / near.n_customers / SPEND_UNIT
    return near.select("frequency", monetary_value=mean, n_customers=near.n_customers)


def customer_worth(
    histories: ir.Table,
    scored: ir.Table,
    spend: ir.Table | None = None,
    *,
    margin: float = 0.0,
    margin_error: float = 0.0,
    z: float,
) -> ir.Table:
    """Join what was scored per cell to every customer, and multiply it out to money.

    Parameters
    ----------
    histories : ibis.Table
        One row per customer, with ``customer_id``.
    scored : ibis.Table
        Cells: ``frequency``, ``recency``, ``T``, and each outlook with its limits, such as ``p_alive``,
        ``p_alive_low``, ``p_alive_high``; ``discounted_purchases``, and ``dert`` where anything is said for ever.
    spend : ibis.Table, optional
        As from :func:`cam.measures.value.clv.spend_by_frequency`.
    margin, margin_error : float
        Margin rate and its standard error.
    z : float
        Standard errors to each side of a value.

    Returns
    -------
    ibis.Table
        One row per customer: ``customer_id``, ``p_alive``, ``p_buys``, ``expected_purchases`` and ``dert`` where
        *scored* has them; with *spend*, ``expected_spend`` per purchase and ``residual_clv``, and
        ``residual_clv_for_ever`` where *scored* has ``dert`` (money, decimal); all with ``_low`` and ``_high``.

    Notes
    -----
    The limits of purchases and spend are put together by the squares of their distances on the logarithm; the error of
    the margin joins them by its square in money, as a margin may lie next to nought or below.

    Examples
    --------
    >>> import pandas as pd
    >>> people = pd.DataFrame({"customer_id": ["a"], "frequency": [1], "recency": [2.0], "T": [4.0],
    ...     "monetary_value": [10.0]})
    >>> scored = people[["frequency", "recency", "T"]].copy()
    >>> for name, value in {"p_alive": 0.5, "expected_purchases": 3.0, "discounted_purchases": 2.0}.items():
    ...     scored[[name, f"{name}_low", f"{name}_high"]] = value
    >>> spend = pd.DataFrame({"frequency": [1], "base": 4.0, "slope": 0.6, "var_base": 0.0, "covariance": 0.0,
    ...     "var_slope": 0.0})
    >>> tables = [ibis.memtable(table) for table in (people, scored, spend)]
    >>> worth = customer_worth(*tables, margin=0.5, z=1.96).execute()
    >>> float(worth.expected_spend[0]), float(worth.residual_clv[0])
    (10.0, 10.0)
    """
    plain = [name for name in ("p_alive", "p_buys", "expected_purchases", "dert") if name in scored.columns]
    money = {"discounted_purchases": "residual_clv", "dert": "residual_clv_for_ever"}
    keys = ["frequency", "recency", "T"]
    ahead = [*plain, *(name for name in money if name in scored.columns and name not in plain)]
    kept = [f"{name}{end}" for name in ahead for end in ("", "_low", "_high")]
    people = histories.mutate(
        spend_frequency=_spend_frequency(histories), own=_own_spend(histories)
    ).inner_join(scored.select(*keys, *kept).distinct(), keys)
    columns = {f"{name}{end}": people[f"{name}{end}"] for name in plain for end in ("", "_low", "_high")}
    if spend is None:
        return people.select("customer_id", **columns)
    spend = spend.rename(spend_x="frequency")
    people = people.inner_join(spend, people.spend_frequency == spend.spend_x)
    expected = people.base + people.slope * people.own
    variance = (
        people.var_base + 2 * people.own * people.covariance + people.own * people.own * people.var_slope
    )
    spread = ibis.greatest(variance, 0.0) / (expected * expected)
    own_spread = z * spread.sqrt()
    limits = expected * (-own_spread).exp(), expected * own_spread.exp()
    columns |= _money_columns("expected_spend", expected, *limits)
    for name, called in money.items():
        if name not in ahead:
            continue
        value, low, high = (people[f"{name}{end}"] for end in ("", "_low", "_high"))
        below, above = (
            ((ibis.greatest(one, 1e-9) / ibis.greatest(other, 1e-9)).ln() ** 2 + z**2 * spread).sqrt()
            for one, other in ((value, low), (high, value))
        )
        revenue = value * expected
        sides = [revenue * (1 - (-below).exp()) * margin, revenue * (above.exp() - 1) * margin]
        down, up = sides if margin >= 0 else sides[::-1]
        unsure = revenue * (z * margin_error)
        columns |= _money_columns(
            called,
            revenue * margin,
            revenue * margin - (down * down + unsure * unsure).sqrt(),
            revenue * margin + (up * up + unsure * unsure).sqrt(),
        )
    return people.select("customer_id", **columns)


def _money_columns(
    name: str, value: ir.FloatingColumn, low: ir.FloatingColumn, high: ir.FloatingColumn
) -> dict[str, ir.Value]:
    ends = {name: value, f"{name}_low": low, f"{name}_high": high}
    # Rounded to the cent, halves upwards: engines differ in how they round a half.
    return {key: ((each * 100 + 0.5).floor() / 100).cast("decimal(18,2)") for key, each in ends.items()}


def _own_spend(histories: ir.Table) -> ir.FloatingColumn:
    known = ibis.coalesce(histories.monetary_value, 0.0)
    return (known > 0).ifelse(known, 0.0)


def _spend_frequency(histories: ir.Table) -> ir.IntegerColumn:
    return (_own_spend(histories) > 0).ifelse(histories.frequency, 0).cast("int64")


def _units(histories: ir.Table) -> ir.DecimalColumn:
    return (_own_spend(histories) * SPEND_UNIT + 0.5).floor().cast("decimal(19,0)")
