"""Transactions -> the days with purchases; and, given the occasions to buy, who bought at which of them."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir


def purchase_days(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """Count customers by the days on which they bought.

    Turns *customer_id, order_date, kind* into *day, n_customers*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions, as for :func:`cam.reduce.summary.customer_summary`.
    as_of : date
        Last day seen, to its end.

    Returns
    -------
    ibis.Table
        One row per day with a purchase, in order: ``day`` (date), ``n_customers`` (integer).

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": ["a", "a", "b"], "kind": "purchase",
    ...     "order_date": pd.to_datetime(["2026-01-01", "2026-01-01", "2026-01-08"])})
    >>> purchase_days(ibis.memtable(log), as_of=date(2026, 1, 31)).n_customers.execute().tolist()
    [1, 1]
    """
    bought = _bought(transactions, as_of=as_of)
    return bought.group_by("day").aggregate(n_customers=bought.customer_id.nunique()).order_by("day")


def occasion_histories(transactions: ir.Table, occasions: ir.Table, *, as_of: date, n_seen: int) -> ir.Table:
    """Reduce transactions to one row per customer: bought or not at each occasion after the first purchase.

    Turns *customer_id, order_date, kind* into *customer_id, frequency, recency, n_opportunities,
    holdout_frequency*.

    Parameters
    ----------
    transactions : ibis.Table
        Canonical transactions, as for :func:`cam.reduce.summary.customer_summary`.
    occasions : ibis.Table
        ``day`` and the number of its ``occasion``, 1 the first. Purchases on a day that is not there do not count.
    as_of : date
        Last day seen, to its end.
    n_seen : int
        Occasions that a model may see; later ones only reach ``holdout_frequency``.

    Returns
    -------
    ibis.Table
        One row per customer whose first occasion is among those seen, in no order:

        - ``customer_id`` : text
        - ``frequency`` : integer, occasions with a purchase after the first one
        - ``recency`` : integer, how many occasions the last of them came after the first; 0 without any
        - ``n_opportunities`` : integer, occasions seen after the first; 0 for who came at the very last, who tells
          nothing of repeat buying but belongs to the customers of whom it is expected
        - ``holdout_frequency`` : integer, occasions with a purchase after those seen

    References
    ----------
    Fader, P. S., Hardie, B. G. S., Shang, J. (2010). Customer-base analysis in a discrete-time noncontractual setting.
    Marketing Science 29, 1086-1108, section 4: the year of the first gift makes the donor; opportunities come after it.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.to_datetime(["2023-12-01", "2024-12-01", "2025-12-01"])
    >>> log = pd.DataFrame({"customer_id": ["a", "a", "b"], "order_date": days, "kind": "purchase"})
    >>> occasions = pd.DataFrame({"day": days, "occasion": [1, 2, 3]})
    >>> tables = ibis.memtable(log), ibis.memtable(occasions)
    >>> found = occasion_histories(*tables, as_of=date(2026, 6, 30), n_seen=3).order_by("customer_id")
    >>> found.execute()[["frequency", "recency", "n_opportunities"]].values.tolist()
    [[1, 1, 2], [0, 0, 0]]
    """
    numbered = occasions.select(on_day=occasions.day.cast("date"), occasion=occasions.occasion.cast("int64"))
    bought = _bought(transactions, as_of=as_of)
    taken = bought.inner_join(numbered, bought.day == numbered.on_day)
    taken = taken.select("customer_id", "occasion").distinct()
    taken = taken.mutate(is_seen=(taken.occasion <= n_seen).ifelse(1, 0))
    people = taken.group_by("customer_id").aggregate(
        first=taken.occasion.min(),
        latest=taken.occasion.max(where=taken.is_seen == 1),
        n_taken=taken.is_seen.sum(),
        n_later=(1 - taken.is_seen).sum(),
    )
    people = people.filter(people.n_taken > 0)
    return people.select(
        "customer_id",
        frequency=(people.n_taken - 1).cast("int64"),
        recency=(people.latest - people.first).cast("int64"),
        n_opportunities=(n_seen - people.first).cast("int64"),
        holdout_frequency=people.n_later.cast("int64"),
    )


def occasion_scores(histories: ir.Table, scored: ir.Table) -> ir.Table:
    """Give every customer the scores of those who share the same history.

    Parameters
    ----------
    histories : ibis.Table
        As from :func:`occasion_histories`.
    scored : ibis.Table
        Cells with their scores: ``frequency``, ``recency``, ``n_opportunities`` and what is wanted per customer.

    Returns
    -------
    ibis.Table
        ``customer_id`` and the scores, in no order.

    Examples
    --------
    >>> cell = {"frequency": [1], "recency": [1], "n_opportunities": [2]}
    >>> people, scored = ibis.memtable({"customer_id": ["a"], **cell}), ibis.memtable({**cell, "p_alive": [0.5]})
    >>> occasion_scores(people, scored).execute().values.tolist()
    [['a', 0.5]]
    """
    keys = ["frequency", "recency", "n_opportunities"]
    wanted = [name for name in scored.columns if name not in keys]
    return histories.inner_join(scored, keys).select("customer_id", *wanted)


def _bought(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """Return customer and day of each purchase."""
    days = transactions.select("customer_id", "kind", day=transactions.order_date.date())
    return days.filter(days.kind == "purchase", days.day <= ibis.date(as_of)).drop("kind")
