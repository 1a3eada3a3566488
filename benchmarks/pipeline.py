"""From orders to every customer's score, at 1, 10 and 100 million orders: each step in a process of its own, in turn.

``python benchmarks/pipeline.py TASK FOLDER`` does one step on the orders in that folder and prints what it took.
"""

from __future__ import annotations

import json
import pickle
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

from models import peak

MILLION = 1_000_000
#: Orders, and rounds of each task; the floors and what has a goal take a round more than the rest where it is large.
SIZES = {1 * MILLION: 5, 10 * MILLION: 3, 100 * MILLION: 1}
QUICK = {200_000: 1}
FIRST, AS_OF = date(2023, 7, 1), date(2026, 6, 30)
#: Text ids, DECIMAL money, dates; in the order of time, as a log is. A tenth as many customers as orders. They come on
#: any day of the three years, buy at a rate (exponential) and leave after a while (Pareto of the second kind), as the
#: models have it; all by formulas of the row, so that nothing is loaded. There are about as many orders as asked for.
ORDERS = """
copy (
    with people as (
        select i, hash(i) % 1000003 / 1000003.0 as start, -ln(1 - hash(i + 33) % 1000003 / 1000003.0) as rate,
               0.15 * (pow(1 - hash(i + 77) % 1000003 / 1000003.0, -1.25) - 1) as stay,
               0.5 + hash(i + 5) % 1009 / 1009.0 as price
        from range({customers}) as rows(i)
    ), placed as (
        select i, price, start, least(stay, 1 - start) as span, {pace} * rate * least(stay, 1 - start) as repeats
        from people
    ), drawn as (
        select i, price, start, span, repeats, unnest(range(1 + ceil(4 * repeats)::bigint)) as k from placed
    )
    select 'C' || lpad((i * 611953 % 1000000000)::varchar, 9, '0') as customer_id,
           (date '{first}' + trunc(least(start + (k > 0)::integer * hash(7 * i + 1000003 * k) % 1000003 / 1000003.0
                                         * span, 0.9999) * {days}, 0)::integer)::timestamp as order_date,
           (1 + price * (hash(3 * i + 7919 * k) % 20000) / 100.0)::decimal(18, 2) as revenue, 'purchase' as kind
    from drawn where k = 0 or hash(11 * i + 104729 * k) % 1000003 / 1000003.0 < repeats / ceil(4 * repeats)
    order by order_date
) to '{path}' (format parquet)
"""
#: The share of the three years in which a customer buys, on average.
WHILE = 0.2365
#: Orders of a customer, on average.
EACH = 10

#: What the summary does, by hand: the same two groupings, the same sums, the same columns.
DAYS_BY_HAND = f"""
select customer_id, case when kind = 'loose refund' then null else order_date::date end as day,
       sum((revenue * 100)::bigint::double) as cents, count(*) filter (kind = 'purchase') as n
from {{orders}} where order_date < timestamp '{AS_OF + timedelta(days=1)}' group by all
"""
BY_HAND = """
select customer_id, first_date, last_date, n_days - 1 as frequency,
       date_diff('day', first_date, last_date) / 7.0 as recency,
       date_diff('day', first_date, date '{as_of}') / 7.0 as T,
       (cents::bigint - coalesce(not_bought, 0)::bigint
           - (placed - date_diff('day', date '2000-01-01', first_date) * 200000000000000))::double / 100
           / nullif(n_days - 1, 0) as monetary_value,
       date_diff('day', last_date, date '{as_of}') as days_since_last,
       (n_days + coalesce(more_orders, 0))::bigint as n_orders,
       (cents::bigint::decimal(18, 2) * 0.01::decimal(18, 2))::decimal(38, 2) as revenue
from (
    select customer_id, min(bought_on) as first_date, max(bought_on) as last_date, count(bought_on) as n_days,
           sum((n - 1)::double) filter (n > 1) as more_orders, sum(cents) as cents,
           sum(cents) filter (n = 0) as not_bought, min(placed) as placed
    from (
        select customer_id, n, cents, case when n > 0 then day end as bought_on,
               case when n > 0 then date_diff('day', date '2000-01-01', day) * 200000000000000
                   + cents::decimal(14, 0)::bigint end as placed
        from {days}
    ) group by customer_id
) where n_days > 0
"""
SCAN, GROUPED, HAND, SUMMARY = "scan", "one GROUP BY", "summary by hand", "summary"
STATES, REVENUE, FIT, SCORE, PEER = (
    "states and cohorts",
    "cohort revenue",
    "fit",
    "scores",
    "pandas, lifetimes",
)
SUMMED, PANDAS_COHORTS = "summary, in pandas", "cohorts, in pandas"
TOLD = {
    SCAN: "floor: DuckDB scans the three columns",
    GROUPED: "one plain `GROUP BY customer_id`",
    HAND: "one row per customer, SQL by hand",
    SUMMARY: "one row per customer, `customer_summary`",
    STATES: "states of every customer and month, cohort retention",
    REVENUE: "cohort revenue, with its parts for intervals",
    FIT: "cells of customers; BG/NBD and Gamma-Gamma",
    SCORE: "every customer scored, written by the engine",
}
#: Draws of the bootstrap behind the limits of every score: what the study takes.
DRAWS = 200


@dataclass(frozen=True)
class Goal:
    """A ratio of two tasks of one size that should stay below, or above, a limit."""

    told: str
    task: str
    of: str
    limit: float
    is_least: bool = False


#: The size that the goals are for.
JUDGED = 10 * MILLION
GOALS = [
    Goal("the summary, of the scan", SUMMARY, SCAN, 12),
    Goal("`lifetimes`' summary, of ours", SUMMED, SUMMARY, 5, is_least=True),
    Goal("states and cohorts, of one GROUP BY", STATES, GROUPED, 2),
    Goal("Ibis, compiling included, of the SQL by hand", SUMMARY, HAND, 1.3),
]
#: Time per order at the largest size, of that at the one before.
GROWTH = 1.5


def do(task: str, folder: Path) -> dict[str, float]:
    """Do one task and return its seconds, those of the processors, and the peak of this process in MB."""
    import pyarrow.parquet as pq

    from cam.data.engine import MEMORY, MEMORY_ALONE, VERY_MANY_ROWS
    from cam.data.warehouse import open_engine

    if task == PEER:
        return in_pandas(folder)
    path = folder / "orders.parquet"
    n = pq.ParquetFile(path).metadata.num_rows
    engine = open_engine(memory=MEMORY_ALONE if n > VERY_MANY_ROWS else MEMORY)
    orders = engine.read_parquet(path, table_name="orders")
    call = tasks(engine, orders, folder, n=n)[task]
    began, worked = time.perf_counter(), time.process_time()
    call()
    return {
        task: time.perf_counter() - began,
        "cpu": time.process_time() - worked,
        "peak": peak(),
    }


def tasks(engine: Any, orders: Any, folder: Path, *, n: int) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name; the summary is made as a study makes it."""
    import ibis

    from cam.data.engine import ROWS_AT_ONCE
    from cam.data.warehouse import create_in_parts
    from cam.measures.lifecycle.stages import StageRules, activity_by_cohort, bought_months, stage_codes
    from cam.measures.value.bg_nbd import fit_bg_nbd
    from cam.measures.value.bootstrap import bootstrap
    from cam.measures.value.clv import score_cells, spend_by_frequency
    from cam.measures.value.gamma_gamma import fit_gamma_gamma
    from cam.reduce.cohort_revenue import cohort_members, cohort_revenue, cohort_sizes
    from cam.reduce.states import activity_patterns, customer_patterns, month_of
    from cam.reduce.summary import customer_summary
    from cam.reduce.worth import customer_worth, worth_cells
    from cam.studies.spend import counted_spend

    keys = ["frequency", "recency", "T", "spend_frequency"]
    # What is loaded at the first query, whatever it is, is no part of any.
    ibis.memtable({"x": [1]}).count().execute()
    engine.raw_sql("SELECT 1").fetchall()

    def states() -> object:
        frame = activity_patterns(customer_patterns(orders, first=FIRST, as_of=AS_OF)).execute()
        bought = bought_months(frame, n_months=month_of(AS_OF) - month_of(FIRST) + 1)
        counts = frame["n_customers"].to_numpy()
        codes = stage_codes(bought, rules=StageRules(4, 2, 4, 8))
        return codes, activity_by_cohort(bought, counts, first_month=month_of(FIRST))

    def revenue() -> object:
        members = engine.create_table("members", cohort_members(orders, as_of=AS_OF), overwrite=True)
        return cohort_sizes(members).execute(), cohort_revenue(orders, members, as_of=AS_OF).execute()

    def summary() -> Any:
        reduce = partial(customer_summary, as_of=AS_OF)
        return create_in_parts(engine, "summary", orders, reduce, n=n)

    def by_hand() -> None:
        n_parts = ceil(n / ROWS_AT_ONCE)
        for part in range(n_parts):
            begin = "insert into summary" if part else "create table summary as"
            some = f"(from orders where hash(customer_id) % {n_parts} = {part})" if n_parts > 1 else "orders"
            days = f"({DAYS_BY_HAND.format(orders=some)})"
            engine.raw_sql(f"{begin} {BY_HAND.format(as_of=AS_OF, days=days)}").fetchall()

    def fit() -> None:
        people = engine.read_parquet(folder / "summary.parquet")
        table = worth_cells(people).order_by(keys).execute()
        spent = counted_spend(people)
        found = table, spent, fit_bg_nbd(table), fit_gamma_gamma(spent)
        (folder / "fits.pickle").write_bytes(pickle.dumps(found))

    def score() -> None:
        table, spent, buying, spend = pickle.loads((folder / "fits.pickle").read_bytes())
        several = [buying, *bootstrap(buying, table, n_draws=DRAWS, seed=1)]
        spends = [spend, *bootstrap(spend, spent, n_draws=DRAWS, seed=2)]
        scored, _sums = score_cells(several, table, horizon=52, discount=0.002)
        kept = scored.drop(columns=["spend_sum", "n_customers"])
        kept = kept.drop_duplicates(["frequency", "recency", "T"])
        by_frequency = spend_by_frequency(spends, sorted(table["spend_frequency"].unique()))
        worth = customer_worth(
            engine.read_parquet(folder / "summary.parquet"),
            engine.create_table("scored", kept),
            engine.create_table("by_frequency", by_frequency),
            margin=0.4,
            margin_error=0.02,
            z=1.96,
        )
        engine.to_parquet(worth.order_by("customer_id"), folder / "scores.parquet")

    def queried(sql: str) -> Callable[[], object]:
        return lambda: engine.raw_sql(sql).fetchall()

    inner = "SELECT customer_id, count(*) AS n, sum(revenue) AS s FROM orders GROUP BY 1"
    return {
        SCAN: queried("SELECT max(customer_id), max(order_date), sum(revenue) FROM orders"),
        GROUPED: queried(f"SELECT count(*), max(n), max(s) FROM ({inner})"),
        HAND: by_hand,
        SUMMARY: summary,
        "keep": lambda: engine.to_parquet(summary(), folder / "summary.parquet"),
        STATES: states,
        REVENUE: revenue,
        FIT: fit,
        SCORE: score,
    }


def in_pandas(folder: Path) -> dict[str, float]:
    """Do what a user would write: read the orders, cohorts, one row per customer, fit, score, write."""
    import pandas as pd
    from lifetimes import BetaGeoFitter, GammaGammaFitter
    from lifetimes.utils import summary_data_from_transaction_data

    marks = [time.perf_counter()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = pd.read_parquet(folder / "orders.parquet")
        frame["revenue"] = frame["revenue"].astype(float)
        marks.append(time.perf_counter())
        month = frame["order_date"].dt.year * 12 + frame["order_date"].dt.month
        cohort = month.groupby(frame["customer_id"]).transform("min")
        table = pd.DataFrame({"cohort": cohort, "age": month - cohort, "who": frame["customer_id"]})
        table.groupby(["cohort", "age"])["who"].nunique().unstack()
        marks.append(time.perf_counter())
        del month, cohort, table
        names = ("customer_id", "order_date")
        people = summary_data_from_transaction_data(
            frame, *names, monetary_value_col="revenue", observation_period_end=str(AS_OF)
        )
        marks.append(time.perf_counter())
        del frame
        history = ["frequency", "recency", "T"]
        people[["recency", "T"]] /= 7
        buying = penalised(BetaGeoFitter, *(people[name] for name in history))
        repeat = people[people["frequency"] > 0]
        spend = penalised(GammaGammaFitter, repeat["frequency"], repeat["monetary_value"])
        people["p_alive"] = buying.conditional_probability_alive(*(people[name] for name in history))
        people["clv"] = spend.customer_lifetime_value(
            buying, *(people[name] for name in [*history, "monetary_value"]), time=12, freq="W"
        )
        people.to_parquet(folder / "peer.parquet")
    marks.append(time.perf_counter())
    _read, cohorts, summed, _rest = (after - before for before, after in pairwise(marks))
    whole = marks[-1] - marks[0]
    return {PEER: whole, SUMMED: summed, PANDAS_COHORTS: cohorts, "cpu": time.process_time(), "peak": peak()}


def penalised(model: Any, *data: Any) -> Any:
    """Fit a model of `lifetimes`; where it does not converge, with a penalty, as its message says."""
    from lifetimes.utils import ConvergenceError

    for penalty in (0.0, 1e-4, 1e-3, 1e-2, 1e-1):
        try:
            return model(penalizer_coef=penalty).fit(*data)
        except ConvergenceError:
            print(f"{model.__name__} does not converge with a penalty of {penalty}", file=sys.stderr)
    sys.exit(f"{model.__name__} does not converge")


def run(task: str, folder: Path) -> dict[str, float]:
    """Do one task in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, task, str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{task}: {done.stdout}{done.stderr}")
    sys.stderr.write(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{folder.name:>12} {task:22} {found}", file=sys.stderr, flush=True)
    return found


def write_orders(folder: Path, n: int, *, each: int = EACH) -> None:
    """Write the orders of one size, so many of each customer."""
    from cam.data.warehouse import open_engine

    open_engine().raw_sql(
        ORDERS.format(
            customers=n // each,
            pace=(each - 1) / WHILE,
            first=FIRST,
            days=(AS_OF - FIRST).days + 1,
            path=folder / "orders.parquet",
        )
    )


def measure_size(folder: Path, n: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Alternate all tasks on one size; the peer once, and not where it would need more memory than there is."""
    folder.mkdir()
    write_orders(folder, n)
    run("keep", folder)
    found: dict[str, list[dict[str, float]]] = {}
    quick = [SCAN, GROUPED, HAND, SUMMARY, STATES]
    for number in range(rounds):
        for task in TOLD:
            # What has no goal is measured once where it takes long.
            if task in quick or number == 0 or n <= MILLION:
                found.setdefault(task, []).append(run(task, folder))
    if n <= 10 * MILLION:
        found[PEER] = [run(PEER, folder)]
        for part in (SUMMED, PANDAS_COHORTS):
            found[part] = found[PEER]
    for path in folder.iterdir():
        path.unlink()
    return found


Found = dict[int, dict[str, list[dict[str, float]]]]


def measure(folder: Path, *, quick: bool, rounds: int | None) -> tuple[str, str]:
    """Return the table, and the plot."""
    sizes = QUICK if quick else SIZES
    found: Found = {}
    for n, usual in sizes.items():
        found[n] = measure_size(folder / f"{n}", n, min(rounds or usual, usual))
    return "\n".join([*table(found), "", *goals(found)]) + "\n", draw(found)


def middle(found: Found, n: int, task: str, of: str = "") -> float:
    """Return the median over the rounds of a task's seconds, or of what else it says; not a number without it."""
    each = [one[of or task] for one in found[n].get(task, ())]
    return statistics.median(each) if each else float("nan")


def table(found: Found) -> list[str]:
    """Return seconds, and the peak of the process, of each task at each size."""
    told = [f"{n / MILLION:g} million orders" for n in found]
    lines = [
        f"| task | {' | '.join(f'{size}, s | peak, MB' for size in told)} |",
        f"|---|{'---:|---:|' * len(found)}",
    ]
    names = TOLD | {
        SUMMED: "one row per customer, `lifetimes`, the orders already in memory",
        PANDAS_COHORTS: "cohort retention, pandas",
        PEER: "pandas and `lifetimes`, from the file to the scores",
    }
    for task, name in names.items():
        cells = []
        for n in found:
            seconds = middle(found, n, task)
            peaks = "" if task in (SUMMED, PANDAS_COHORTS) else f"{middle(found, n, task, 'peak'):,.0f}"
            cells += [f"{seconds:#.3g}".rstrip("."), peaks] if seconds == seconds else ["–", "–"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def goals(found: Found) -> list[str]:
    """Return the ratios beside their goals; the one of two sizes is that of a whole pipeline per order."""
    lines = [
        f"| ratio | goal | {' | '.join(f'{n / MILLION:g} million' for n in found)} |",
        f"|---|---:|{'---:|' * len(found)}",
    ]
    for goal in GOALS:
        cells = []
        for n in found:
            ratio = middle(found, n, goal.task) / middle(found, n, goal.of)
            is_judged = n == JUDGED or JUDGED not in found
            cells.append(judged(ratio, goal.limit, is_least=goal.is_least) if is_judged else shown(ratio))
        sign = "at least" if goal.is_least else "at most"
        lines.append(f"| {goal.told} | {sign} {goal.limit:g} | {' | '.join(cells)} |")
    sizes = list(found)
    for task in (SUMMARY, STATES, FIT, SCORE, "all"):
        cells = ["–"]
        for smaller, larger in pairwise(sizes):
            each = [seconds_of(found, n, task) / n for n in (smaller, larger)]
            cells.append(judged(each[1] / each[0], GROWTH))
        told = "all steps together" if task == "all" else TOLD[task]
        lines.append(
            f"| time per order, of that at the size before: {told} | at most {GROWTH} | {' | '.join(cells)} |"
        )
    return lines


def seconds_of(found: Found, n: int, task: str) -> float:
    """Return the seconds of a task, or of all that lead from the orders to scores and cohorts."""
    several = (SUMMARY, STATES, REVENUE, FIT, SCORE) if task == "all" else (task,)
    return sum(middle(found, n, each) for each in several)


def judged(ratio: float, limit: float, *, is_least: bool = False) -> str:
    """Return a ratio, and whether it meets its goal."""
    if ratio != ratio:
        return shown(ratio)
    is_met = ratio >= limit if is_least else ratio <= limit
    return f"{shown(ratio)}, {'met' if is_met else 'not met'}"


def shown(ratio: float) -> str:
    """Return a ratio, or a dash where a part of it was not measured."""
    return f"{ratio:.2f}" if ratio == ratio else "–"


def draw(found: Found) -> str:
    """Draw seconds by orders, both logarithmic, with the floor and the peer; as SVG."""
    from cam.show import canvas

    ax = canvas.new_axes(width=7.6, height=4.4)
    lines = {
        "all steps": ("all", canvas.ACCENT, "-"),
        "one row per customer": (SUMMARY, canvas.PALETTE[2], "-"),
        "states and cohorts": (STATES, canvas.PALETTE[4], "-"),
        "one GROUP BY": (GROUPED, canvas.GREY, "-"),
        "scan of three columns": (SCAN, canvas.GREY, "--"),
        "pandas and lifetimes": (PEER, canvas.PALETTE[5], "-"),
    }
    words = []
    for name, (task, color, style) in lines.items():
        points = [(n, seconds_of(found, n, task)) for n in found]
        points = [(n, seconds) for n, seconds in points if seconds == seconds]
        ax.plot(*zip(*points, strict=True), style, color=color, marker="o", markersize=5)
        beside = (8, {STATES: 5, GROUPED: -5, PEER: 8}.get(task, 0))  # clear of one another and of lines
        ax.annotate(name, points[-1], beside, textcoords="offset points", va="center", color=color)
        words.append(f"{name}: " + ", ".join(f"{s:.3g} s at {n:,}" for n, s in points))
    ax.set_xscale("log")
    ax.set_yscale("log")
    sizes = list(found)
    ax.set_xticks(sizes, [f"{n / MILLION:g} million" for n in sizes])
    ax.set_xlim(sizes[0] / 1.4, sizes[-1] * 5)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
    ax.set_xlabel("orders")
    ax.set_ylabel("seconds")
    canvas.value_grid(ax, "y")
    canvas.describe(
        ax,
        title="How long from orders to every customer's score?",
        subtitle="By number of orders, a tenth as many customers; both axes logarithmic, "
        "so a straight line as steep as the scan's grows with the orders and no faster",
        alt="; ".join(words) + ".",
    )
    return canvas.svg(ax.figure)


if __name__ == "__main__":
    print(json.dumps(do(sys.argv[1], Path(sys.argv[2]))))
