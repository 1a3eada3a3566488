"""Time the tables of study 02 on ten million orders, beside one plain GROUP BY of the same table, in turn.

``python benchmarks/lifecycle.py`` prints seconds and ratios; ``--quick`` takes 200,000 orders and one round.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from models import peak

ORDERS, QUICK, ROUNDS = 10_000_000, 200_000, 5
FIRST, AS_OF = date(2023, 7, 1), date(2026, 6, 30)
#: A tenth as many customers as orders, text ids, DECIMAL money; by formulas of the row, so that nothing is loaded.
#: Customers begin on any day and buy for an exponential while of half a year on average; or, as the worst case for
#: tables by pattern, each buys at any time of the three years, so that nearly everybody has a pattern of their own.
TABLE = """
copy (
    with drawn as (
        select hash(i) % {customers} as who, hash(7 * i + 1) % 1000003 / 1000003.0 as u,
               hash(3 * i) % 20000 / 100.0 as amount
        from range({n}) as rows(i)
    ), placed as (
        select who, amount, u, hash(who + 11) % 1000003 / 1000003.0 as start,
               -ln(1 - hash(who + 77) % 1000003 / 1000003.0) / 6 as stay
        from drawn
    )
    select 'C' || lpad(who::varchar, 8, '0') as customer_id,
           timestamp '{first}' + to_seconds(({moment} * {seconds})::bigint) as order_date,
           amount::decimal(18, 2) as revenue, 'purchase' as kind
    from placed
) to '{path}' (format parquet)
"""
MOMENTS = {"customers come and go": "(start + u * least(stay, 1 - start))", "everybody buys at any time": "u"}


def tasks(engine, table) -> dict[str, Callable[[], object]]:  # type: ignore[no-untyped-def]
    """Return what is timed, by name; the first is the floor."""
    from cam.measures.lifecycle.stages import StageRules, activity_by_cohort, bought_months, stage_codes
    from cam.reduce.cohort_revenue import cohort_members, cohort_revenue, cohort_sizes
    from cam.reduce.states import activity_patterns, customer_patterns, month_of

    def plain(*by: str) -> Callable[[], object]:
        inner = f"select {', '.join(by)}, count(*) as n, sum(revenue) as s from orders group by all"
        return lambda: engine.raw_sql(f"select count(*), max(n), max(s) from ({inner})").fetchall()

    def states() -> object:
        frame = activity_patterns(customer_patterns(table, first=FIRST, as_of=AS_OF)).execute()
        bought = bought_months(frame, n_months=month_of(AS_OF) - month_of(FIRST) + 1)
        counts = frame["n_customers"].to_numpy()
        codes = stage_codes(bought, rules=StageRules(4, 2, 4, 8))
        return codes, activity_by_cohort(bought, counts, first_month=month_of(FIRST))

    def revenue() -> object:
        members = engine.create_table("members", cohort_members(table, as_of=AS_OF), overwrite=True)
        return cohort_sizes(members).execute(), cohort_revenue(table, members, as_of=AS_OF).execute()

    return {
        "one plain GROUP BY customer_id": plain("customer_id"),
        "one plain GROUP BY customer_id, month": plain(
            "customer_id", "date_trunc('month', order_date) as month"
        ),
        "states of every customer and month, and cohort retention": states,
        "cohort revenue with its 61 parts for intervals": revenue,
    }


def main() -> None:
    """Alternate the tasks and print medians and ratios."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--quick", action="store_true", help=f"{QUICK:,} orders, one round")
    quick = asked.parse_args().quick
    n, rounds = (QUICK, 1) if quick else (ORDERS, ROUNDS)
    print(f"{n:,} orders of {n // 10:,} customers in Parquet, medians of {rounds} rounds")
    for name, moment in MOMENTS.items():
        with tempfile.TemporaryDirectory() as folder:
            measure(name, moment, Path(folder) / "orders.parquet", n=n, rounds=rounds)
    print(f"\nPeak of the process: {peak():,.0f} MB.")


def measure(name: str, moment: str, path: Path, *, n: int, rounds: int) -> None:
    """Make one table of orders, alternate the tasks on it and print medians and ratios."""
    from cam.studies.study import open_engine

    engine = open_engine()
    seconds = int((AS_OF - FIRST + timedelta(days=1)).total_seconds()) - 1
    engine.raw_sql(
        TABLE.format(customers=n // 10, first=FIRST, seconds=seconds, n=n, path=path, moment=moment)
    )
    timed = tasks(engine, engine.read_parquet(str(path), table_name="orders"))
    taken: dict[str, list[float]] = {task: [] for task in timed}
    for _ in range(rounds):
        for task, run in timed.items():
            began = time.perf_counter()
            run()
            taken[task].append(time.perf_counter() - began)
    floors = [taken[task] for task in list(timed)[:2]]
    print(
        f"\n| {name} | seconds | of GROUP BY customer | of GROUP BY customer, month |\n|---|---:|---:|---:|"
    )
    for task, found in taken.items():
        ratios = [
            statistics.median(one / base for one, base in zip(found, floor, strict=True)) for floor in floors
        ]
        print(f"| {task} | {statistics.median(found):.2f} | {ratios[0]:.2f} | {ratios[1]:.2f} |")


if __name__ == "__main__":
    main()
