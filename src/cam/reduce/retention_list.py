"""Probabilities of leaving and worth -> whom it pays to contact, in order; and what a list of them adds up to."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir


def with_losses(scored: ir.Table, worth: ir.Table, *, share: float = 1.0) -> ir.Table:
    """Say of each customer how likely they are still there, would leave, and can still be kept.

    Parameters
    ----------
    scored : ibis.Table
        ``customer_id``, ``p_churn`` (0-1: silent in the horizon, or its contract at an end).
    worth : ibis.Table
        ``customer_id`` and, where leaving is silence, ``p_alive`` (0-1: has not left already).
    share : float
        Which share (0-1) of those who are still there and fall silent does not come back; 1 for contracts.

    Returns
    -------
    ibis.Table
        *scored*, with ``p_lost`` = share x max(0, p_churn - (1 - p_alive)): the silent include those already gone.
        Missing where *p_alive* is.

    Examples
    --------
    >>> scored = ibis.memtable({"customer_id": ["a", "b"], "p_churn": [0.5, 0.75]})
    >>> worth = ibis.memtable({"customer_id": ["a", "b"], "p_alive": [1.0, 0.5]})
    >>> with_losses(scored, worth, share=0.5).order_by("customer_id").p_lost.execute().tolist()
    [0.25, 0.125]
    """
    people = scored.select("customer_id", "p_churn")
    if "p_alive" not in worth.columns:
        return people.mutate(p_lost=share * people.p_churn.cast("float64"))
    known = people.left_join(worth.select("customer_id", "p_alive"), "customer_id")
    there = known.p_churn.cast("float64") - (1 - known.p_alive.cast("float64"))
    return known.select("customer_id", "p_churn", p_lost=share * (there > 0).ifelse(there, 0.0))


def with_odds(scored: ir.Table, *, odds: float) -> ir.Table:
    """Move all probabilities by the same factor of their odds: the order stays, the mean moves.

    Parameters
    ----------
    scored : ibis.Table
        ``customer_id``, ``p_churn`` (0-1).
    odds : float
        The factor, above 0.

    Returns
    -------
    ibis.Table
        *scored*, with ``p_lost``.

    Examples
    --------
    >>> scored = ibis.memtable({"customer_id": ["a"], "p_churn": [0.5]})
    >>> with_odds(scored, odds=0.25).p_lost.execute().tolist()
    [0.2]
    """
    people = scored.select("customer_id", "p_churn")
    p = people.p_churn.cast("float64")
    return people.mutate(p_lost=p * odds / (1 - p + p * odds))


def mean_losses(lost: ir.Table, worth: ir.Table) -> ir.Table:
    """Average the probabilities over the customers whose worth is known, exactly.

    Parameters
    ----------
    lost : ibis.Table
        As from :func:`with_losses`.
    worth : ibis.Table
        ``customer_id``, ``clv_if_stays``.

    Returns
    -------
    ibis.Table
        One row: ``n``, ``p_churn``, ``p_lost`` (decimals; nothing where n is 0).

    Examples
    --------
    >>> lost = ibis.memtable({"customer_id": ["a", "b"], "p_churn": [0.5, 0.75], "p_lost": [0.25, 0.125]})
    >>> worth = ibis.memtable({"customer_id": ["a", "b"], "clv_if_stays": [9.0, 9.0]})
    >>> mean_losses(lost, worth).execute().astype(float).values.tolist()
    [[2.0, 0.625, 0.1875]]
    """
    known = lost.semi_join(worth.filter(worth.clv_if_stays.notnull()), "customer_id")
    known = known.filter(known.p_churn.notnull(), known.p_lost.notnull())
    sums = known.aggregate(
        n=known.count(),
        p_churn=_exact(known.p_churn.cast("float64"), digits=9).sum(),
        p_lost=_exact(known.p_lost.cast("float64"), digits=9).sum(),
    )
    n = sums.n.nullif(0).cast("float64")
    return sums.select("n", p_churn=sums.p_churn.cast("float64") / n, p_lost=sums.p_lost.cast("float64") / n)


def retention_list(
    scored: ir.Table,
    worth: ir.Table,
    *,
    offer_cost: float,
    contact_cost: float,
    save_rate: float,
    budget: float | None = None,
) -> ir.Table:
    """Rank customers by what contacting each is expected to earn, and draw the line of the budget.

    Parameters
    ----------
    scored : ibis.Table
        One row per customer: ``customer_id``, ``p_churn`` and ``p_lost`` (0-1), as from :func:`with_losses`.
    worth : ibis.Table
        ``customer_id``, ``clv_if_stays`` (decimal: of a customer who is there and stays) and, where leaving is
        silence, ``p_alive``; without it everybody is there. Other columns are taken along.
    offer_cost, contact_cost : float
        Money per accepted offer, and per contact.
    save_rate : float
        Share (0-1) of those about to leave whom the offer keeps.
    budget : float, optional
        Money for contacts and offers; by default there is no limit.

    Returns
    -------
    ibis.Table
        One row per customer of *scored*, in no order, with the columns of *worth* and ``expected_gain``,
        ``expected_cost``, ``cumulative_gain``, ``cumulative_cost`` (decimal), ``rank`` (from 1; equal gains by
        customer), ``is_worth_it``, ``is_within_budget``. Whose worth is not known has no rank and is not on the list.

    Notes
    -----
    Row by row what :func:`cam.measures.churn.profit.expected_gains` says. Money is rounded to the hundredth of a cent
    before it is compared or added up, so that no order of adding changes the list.

    Examples
    --------
    >>> scored = ibis.memtable({"customer_id": ["a", "b"], "p_churn": [0.5, 0.9], "p_lost": [0.5, 0.9]})
    >>> worth = ibis.memtable({"customer_id": ["a", "b"], "clv_if_stays": [300.0, 20.0]})
    >>> found = retention_list(scored, worth, offer_cost=10, contact_cost=1, save_rate=0.3, budget=8).order_by("rank")
    >>> found.execute()[["customer_id", "expected_gain", "is_within_budget"]].astype(str).values.tolist()
    [['a', '37.5000', 'True'], ['b', '0.7000', 'False']]
    """
    known = scored.select("customer_id", "p_churn", "p_lost").inner_join(worth, "customer_id")
    p, there, clv = known.p_lost.cast("float64"), _there(known), known.clv_if_stays.cast("float64")
    rows = known.filter(known.clv_if_stays.notnull(), known.p_lost.notnull()).mutate(
        expected_gain=_exact(
            save_rate * (p * (clv - offer_cost)) - ((there - p) * offer_cost + contact_cost)
        ),
        expected_cost=_exact(contact_cost + offer_cost * (p * save_rate + (there - p))),
    )
    order = [rows.expected_gain.desc(), rows.customer_id]
    so_far = ibis.cumulative_window(order_by=order)
    ranked = rows.mutate(
        rank=(ibis.row_number().over(order_by=order) + 1).cast("int64"),
        cumulative_gain=rows.expected_gain.sum().over(so_far).cast("decimal(38,4)"),
        cumulative_cost=rows.expected_cost.sum().over(so_far).cast("decimal(38,4)"),
        is_worth_it=rows.expected_gain > 0,
    )
    is_paid = ibis.literal(value=True) if budget is None else _within(ranked.cumulative_cost, budget)
    ranked = ranked.mutate(is_within_budget=ranked.is_worth_it & is_paid).drop("p_churn", "p_lost")
    joined = scored.select("customer_id", "p_churn", "p_lost").left_join(ranked, "customer_id")
    kept = joined.select(
        "p_churn", "p_lost", *(name for name in ranked.columns if name != "customer_id"), id="customer_id"
    )
    return kept.select(
        "p_churn",
        "p_lost",
        *(name for name in ranked.columns if name not in ("customer_id", "is_worth_it", "is_within_budget")),
        customer_id="id",
        is_worth_it=ibis.coalesce(kept.is_worth_it, ibis.literal(value=False)),
        is_within_budget=ibis.coalesce(kept.is_within_budget, ibis.literal(value=False)),
    ).relocate("customer_id")


def riskiest(ranked: ir.Table, *, n: int) -> ir.Table:
    """Keep the customers of the highest risk, as a list that knows nothing of worth would have them.

    Parameters
    ----------
    ranked : ibis.Table
        As from :func:`retention_list`.
    n : int
        How many.

    Returns
    -------
    ibis.Table
        Rows of *ranked*; customers of equal risk by ``customer_id``, those without a rank left out.

    Examples
    --------
    >>> ranked = ibis.memtable({"customer_id": ["a", "b", "c"], "p_churn": [0.5, 0.9, 0.5], "rank": [1, 3, 2]})
    >>> sorted(riskiest(ranked, n=2).customer_id.execute())
    ['a', 'b']
    """
    known = ranked.filter(ranked["rank"].notnull())
    place = ibis.row_number().over(order_by=[known.p_churn.desc(), known.customer_id])
    placed = known.mutate(place=place)
    return placed.filter(placed.place < n).drop("place")


def list_sums(listed: ir.Table, *, offer_cost: float, save_rate: float) -> ir.Table:
    """Add up what the intervals of a list rest on, exactly.

    Parameters
    ----------
    listed : ibis.Table
        Rows as from :func:`retention_list`, all with a rank.
    offer_cost : float
        Money per accepted offer.
    save_rate : float
        Share (0-1) of those about to leave whom the offer keeps.

    Returns
    -------
    ibis.Table
        One row, of decimals: ``n``, ``risk``, ``saved``, ``gain``, ``cost``, ``gain_variance``, ``cost_variance``, as
        :func:`cam.measures.churn.profit.sums_of_list` wants them.

    Examples
    --------
    >>> listed = ibis.memtable({"p_lost": [0.5], "clv_if_stays": [300.0], "expected_gain": [37.5],
    ...     "expected_cost": [7.5]})
    >>> list_sums(listed, offer_cost=10, save_rate=0.3).execute().astype(float).round(2).values.tolist()
    [[1.0, 0.5, 145.0, 37.5, 7.5, 11182.75, 22.75]]
    """
    p, there = listed.p_lost.cast("float64"), _there(listed)
    over = listed.clv_if_stays.cast("float64") - offer_cost
    mean, accepts = p * save_rate * over - (there - p) * offer_cost, p * save_rate + there - p
    rows = listed.select(
        risk=_exact(p, digits=9),
        saved=_exact(p * over),
        gain=listed.expected_gain.cast("decimal(38,4)"),
        cost=listed.expected_cost.cast("decimal(38,4)"),
        # Squares of money outgrow the whole numbers that rounding goes through; a decimal holds them.
        gain_variance=(p * save_rate * over * over + (there - p) * offer_cost**2 - mean * mean).cast(
            "decimal(38,4)"
        ),
        cost_variance=(offer_cost**2 * accepts * (1 - accepts)).cast("decimal(38,4)"),
    )
    return rows.aggregate(
        n=rows.count(), **{name: ibis.coalesce(rows[name].sum(), 0) for name in rows.columns}
    )


def _there(table: ir.Table) -> ir.FloatingColumn:
    """The chance to be still there; a contract runs for sure."""
    return table.p_alive.cast("float64") if "p_alive" in table.columns else ibis.literal(1.0)


def _within(cost: ir.DecimalColumn, budget: float) -> ir.BooleanColumn:
    return cost <= ibis.literal(f"{budget:.4f}").cast("decimal(38,4)")


def _exact(amount: ir.FloatingColumn, *, digits: int = 4) -> ir.DecimalColumn:
    """A decimal, halves upwards: sums of floats would depend on the order of adding."""
    unit = 10**digits
    return ((amount * unit + 0.5).floor() / unit).cast(f"decimal(38,{digits})")
