"""Contracts -> how long each has lasted, in whole months; and the cells of them that models are fitted on."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

#: A customer whose next contract begins so soon after the last has hardly left.
DAYS_TO_FOLLOW = 31


def contract_tenures(contracts: ir.Table, *, as_of: date) -> ir.Table:
    """Count the months of each contract, and whether it was seen to end.

    Turns *customer_id, start_date, end_date* [*monthly_fee*] into *customer_id, duration, event_observed, is_running*
    [*monthly_fee*].

    Parameters
    ----------
    contracts : ibis.Table
        Canonical contracts. Each row is a contract of its own, also where a customer has several, one after the other
        or side by side.
    as_of : date
        Last day seen, to its end. A contract that starts later does not count; one that ends later still runs.

    Returns
    -------
    ibis.Table
        One row per contract, in no order. ``duration`` (integer): calendar months between the day of the start and the
        same day of a later month (its last day, where it is shorter). Of an ended contract the months that it was
        paid for, begun ones in full: with a start on 15 January both 14 and 15 February end its first month.
        Of a running one the months completed, so the renewals made. ``event_observed``: whether it ended with one
        of those months; a month that is not over on the last day seen counts for nobody, neither for those who stay
        nor for those who have given notice in it, so an ended contract can be without its event.
        ``is_running``: whether it goes on after the last day seen.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a", "b"], "start_date": [date(2026, 1, 31), date(2026, 1, 15)],
    ...     "end_date": [date(2026, 3, 31), None]})
    >>> found = contract_tenures(ibis.memtable(table), as_of=date(2026, 6, 30)).order_by("customer_id").execute()
    >>> found[["duration", "event_observed", "is_running"]].values.tolist()
    [[2, True, False], [5, False, True]]
    """
    began = contracts.filter(contracts.start_date.cast("date") <= ibis.date(as_of))
    start, end = began.start_date.cast("date"), began.end_date.cast("date")
    # On the last day of a month every contract that began later in its month has completed it too.
    is_last_day = (as_of + timedelta(days=1)).day == 1
    short = 0 if is_last_day else (start.day() > as_of.day).ifelse(1, 0)
    seen = (as_of.year - start.year()) * 12 + (as_of.month - start.month()) - short
    paid = (end.year() - start.year()) * 12 + (end.month() - start.month())
    paid = ibis.greatest(paid + (end.day() > start.day()).ifelse(1, 0), 1)
    has_ended = end.notnull() & (end <= ibis.date(as_of))
    event = ibis.coalesce(has_ended & (paid <= seen), False)
    fee = {"monthly_fee": began.monthly_fee} if "monthly_fee" in began.columns else {}
    return began.select(
        "customer_id",
        duration=event.ifelse(paid, seen).cast("int64"),
        event_observed=event,
        is_running=~ibis.coalesce(has_ended, False),
        **fee,
    )


def tenure_cells(tenures: ir.Table) -> ir.Table:
    """Count the contracts that look the same to a model of renewals.

    Turns *duration, event_observed* into *duration, event_observed, n_customers*.

    Parameters
    ----------
    tenures : ibis.Table
        As from :func:`contract_tenures`.

    Returns
    -------
    ibis.Table
        In order of duration; ``n_customers`` counts contracts.

    Examples
    --------
    >>> table = ibis.memtable({"duration": [1, 1, 2], "event_observed": [True, True, False]})
    >>> tenure_cells(table).execute().values.tolist()
    [[1, True, 2], [2, False, 1]]
    """
    cells = tenures.group_by("duration", "event_observed").aggregate(n_customers=tenures.count())
    return cells.order_by("duration", "event_observed")


def running_contracts(tenures: ir.Table) -> ir.Table:
    """Count the running contracts by age and sum what they pay.

    Turns *duration, is_running* [*monthly_fee*] into *age, n_contracts* [*n_priced, fee, squares*].

    Parameters
    ----------
    tenures : ibis.Table
        As from :func:`contract_tenures`.

    Returns
    -------
    ibis.Table
        In order of ``age`` (completed months). ``n_priced``: contracts with a fee; ``fee``: their sum, in cents;
        ``squares``: the sum of their squares, in square cents; whole numbers.

    Examples
    --------
    >>> table = ibis.memtable({"duration": [2, 2, 3], "is_running": [True, True, False], "monthly_fee": [1, None, 2]})
    >>> running_contracts(table).execute().astype(int).values.tolist()
    [[2, 2, 1, 100, 10000]]
    """
    runs = tenures.filter(tenures.is_running).rename(age="duration")
    sums = {"n_contracts": runs.count()}
    if "monthly_fee" in runs.columns:
        cents = (runs.monthly_fee.cast("decimal(18,2)") * 100).cast("decimal(19,0)")
        sums |= {
            "n_priced": cents.count(),
            "fee": ibis.coalesce(cents.sum(), 0).cast("decimal(38,0)"),
            "squares": ibis.coalesce((cents * cents).sum(), 0).cast("decimal(38,0)"),
        }
    return runs.group_by("age").aggregate(**sums).order_by("age")


def count_followed(contracts: ir.Table, *, as_of: date) -> ir.Table:
    """Count ended contracts, and those whose customer had another that ran on or began within a month.

    Turns *customer_id, start_date, end_date* into *n_ended, n_followed*.

    Parameters
    ----------
    contracts : ibis.Table
        Canonical contracts.
    as_of : date
        Last day seen, to its end.

    Returns
    -------
    ibis.Table
        One row. Where many are followed, a row is a term rather than a contract, and its end is not a loss.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a", "a", "b"], "start_date": [date(2025, 1, 1), date(2026, 1, 1)] * 1
    ...     + [date(2025, 1, 1)], "end_date": [date(2025, 12, 31), None, date(2025, 12, 31)]})
    >>> count_followed(ibis.memtable(table), as_of=date(2026, 6, 30)).execute().astype(int).values.tolist()
    [[2, 1]]
    """
    began = contracts.filter(contracts.start_date.cast("date") <= ibis.date(as_of))
    rows = began.select(
        "customer_id",
        start=began.start_date.cast("date"),
        end=ibis.coalesce(began.end_date.cast("date"), ibis.date(date.max)),
    )
    rows = rows.mutate(row=ibis.row_number().over(order_by=[rows.customer_id, rows.start, rows.end]))
    ended = rows.filter(rows.end <= ibis.date(as_of))
    others = rows.select("customer_id", other_start=rows.start, other_end=rows.end, other_row=rows.row)
    pairs = ended.inner_join(others, "customer_id")
    gap = pairs.other_start.delta(pairs.end, unit="day")
    follows = (pairs.other_row != pairs.row) & (pairs.other_end > pairs.end) & (gap <= DAYS_TO_FOLLOW)
    followed = pairs.group_by("row").aggregate(n_after=follows.ifelse(1, 0).sum())
    return followed.aggregate(n_ended=followed.count(), n_followed=(followed.n_after > 0).ifelse(1, 0).sum())


def contract_scores(tenures: ir.Table, factors: ir.Table) -> ir.Table:
    """Turn each running contract's fee into what it will still bring, and add it up by customer.

    Turns *customer_id, duration, is_running, monthly_fee* and *age, <name>…* into *customer_id, n_running, <name>…*.

    Parameters
    ----------
    tenures : ibis.Table
        As from :func:`contract_tenures`, with fees.
    factors : ibis.Table
        One row per age of running contracts; every other column becomes a score: ``expected_renewals`` is added up as
        it is, all others are multiplied by the fee, to the cent.

    Returns
    -------
    ibis.Table
        One row per customer with a contract, in no order: nought where none runs any more; customers with a running
        contract without a fee are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a", "a", "b"], "duration": [2, 3, 2], "is_running": [True, True, False],
    ...     "monthly_fee": [10.0, 20.0, 5.0]})
    >>> factors = ibis.memtable({"age": [2, 3], "residual_clv": [1.5, 2.0]})
    >>> scores = contract_scores(ibis.memtable(table), factors).order_by("customer_id").execute()
    >>> [[str(cell) for cell in row] for row in scores.values]
    [['a', '2', '55.00'], ['b', '0', '0.00']]
    """
    names = [name for name in factors.columns if name != "age"]
    # An ended contract is of no age, and so finds no factor.
    running = tenures.is_running
    rows = tenures.mutate(age=running.ifelse(tenures.duration, -1), runs=running.ifelse(1, 0))
    joined = rows.left_join(factors, rows.age == factors.age.cast("int64"))
    fee = joined.monthly_fee.cast("float64")
    values = {}
    for name in names:
        if name == "expected_renewals":
            # Ten-thousandths, as whole numbers: a sum of floats would depend on the order of threads.
            values[name] = (ibis.coalesce(joined[name], 0.0) * 10_000 + 0.5).floor().cast("int64")
        else:
            cents = (ibis.coalesce(joined[name] * fee, 0.0) * 100 + 0.5).floor()
            values[name] = (cents / 100).cast("decimal(18,2)")
    unpriced = joined.monthly_fee.isnull().ifelse(joined.runs, 0)
    parts = joined.select("customer_id", runs=joined.runs, unpriced=unpriced, **values)
    people = parts.group_by("customer_id").aggregate(
        n_running=parts.runs.sum().cast("int64"),
        unpriced=parts.unpriced.sum(),
        **{name: parts[name].sum() for name in names},
    )
    people = people.filter(people.unpriced == 0)
    return people.select(
        "customer_id",
        "n_running",
        **{
            name: people[name].cast("float64") / 10_000
            if name == "expected_renewals"
            else people[name].cast("decimal(18,2)")
            for name in names
        },
    )
