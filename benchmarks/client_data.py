"""Time a client's orders from a CSV file to the prepared table, beside DuckDB's own plain read of the file, in turn.

The plain read goes into memory, into a database file, and, with the types that the prepared table has, into Parquet.
``python benchmarks/client_data.py`` prints seconds, work of the processors, ratios and peaks of memory; ``--quick``
takes 200,000 rows and one round, ``--rows`` another number.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS, QUICK, ROUNDS = 10_000_000, 200_000, 3
#: One row per order, in the order of their ids; lines of orders, some of them refunds; rows that cannot be read; the
#: first again in GB18030. Text ids, timestamps, amounts and two groups; by formulas of the row, so all can make them.
TABLE = """
copy (
    select 'C' || lpad((hash(order_no) % {customers} + 1)::varchar, 8, '0') as customer_id,
           'O' || lpad(order_no::varchar, 9, '0') as order_id,
           {day} as order_date, {revenue} as revenue,
           {channel}[1 + (hash(i + 5) % 4)::int] as channel,
           ['Tea', 'Coffee', 'Cups', 'Books', 'Toys'][1 + (hash(i + 9) % 5)::int] as category
    from (select i, i // {lines} as order_no from range({n}) as rows(i))
) to '{path}' (header)
"""
DAY = "strftime(timestamp '2021-01-01' + to_seconds((hash(3 * order_no) % 126144000)::bigint), '%Y-%m-%d %H:%M:%S')"
AMOUNT = "(20 + hash(7 * i) % 12800 / 100.0)::decimal(18, 2)"
WEB = "['web', 'shop', 'app', 'phone']"
PLAIN = {"customers": 1_000_000, "lines": 1, "day": DAY, "revenue": AMOUNT, "channel": WEB}
FILES = {
    "one row per order": PLAIN,
    "three lines per order, one in 50 a refund": PLAIN
    | {"lines": 3, "revenue": f"case when i % 50 = 0 then -1 else 1 end * {AMOUNT}"},
    "one row in 1,000 cannot be read, and is dropped": PLAIN
    | {"day": f"case when i % 1000 = 7 then 'unknown' else {DAY} end"},
    "one row per order, in GB18030": PLAIN | {"channel": "['网店', '门店', '应用', '电话']"},
}
CLOCK = """
import resource, sys, time
def clock():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime
def told(began):
    wall, work = (now - then for now, then in zip(clock(), began))
    print(wall, work, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
"""
READ = """
import duckdb
connection = duckdb.connect(sys.argv[2])
connection.execute("set enable_progress_bar = false")
began = clock()
connection.execute(f"create table orders as select * from read_csv('{sys.argv[1]}')")
told(began)
"""
#: Ids as text and exact money; dates that cannot be read stay text, as a plain reader leaves them.
TYPED = """
import duckdb
connection = duckdb.connect()
connection.execute("set enable_progress_bar = false")
began = clock()
types = "'customer_id': 'VARCHAR', 'order_id': 'VARCHAR', 'revenue': 'DECIMAL(18, 2)'"
rows = f"select * from read_csv('{sys.argv[1]}', types={{{types}}})"
connection.execute(f"copy ({rows}) to '{sys.argv[2]}' (format parquet, compression zstd)")
told(began)
"""
PREPARE = """
from pathlib import Path
from cam.data import prepare
from cam.params import params_from_sections
path, folder = map(Path, sys.argv[1:])
options = {"drop_unreadable": True}
source = {"path": str(path), "options": options}
params = params_from_sections({"client": {"id": "large"}, "data": {"transactions": source}})
began = clock()
prepare(params, root=folder, cache=folder, place="benchmark")
told(began)
"""


def timed(code: str, *given: str) -> tuple[float, float, float]:
    """Run code in a process of its own; return its seconds by the wall and of work, and its peak of memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", CLOCK + code, *given], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    seconds, work, peak = map(float, done.stdout.split())
    return seconds, work, peak


def measure(name: str, path: Path, *, rounds: int) -> None:
    """Alternate the four on one file and print medians, and the ratios of work within rounds."""
    floors = ("plain read into memory", "plain read into a database file", "typed read into Parquet")
    kinds = (*floors, "cam: read, clean and check")
    found: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            if "GB18030" not in name:  # which DuckDB does not read
                found[floors[0]].append(timed(READ, str(path), ":memory:"))
                found[floors[1]].append(timed(READ, str(path), f"{folder}/plain.duckdb"))
                found[floors[2]].append(timed(TYPED, str(path), f"{folder}/plain.parquet"))
            found[kinds[-1]].append(timed(PREPARE, str(path), folder))
    print(
        f"\n| {name} | seconds | CPU seconds | CPU of the read into memory | into a file | into Parquet | peak, MB |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for kind, runs in found.items():
        if not runs:
            continue
        ratios = " | ".join(
            f"{statistics.median(run[1] / base[1] for run, base in zip(runs, found[floor], strict=True)):.2f}"
            if found[floor]
            else "-"
            for floor in floors
        )
        seconds, work = (statistics.median(run[part] for run in runs) for part in (0, 1))
        print(
            f"| {kind} | {seconds:.2f} | {work:.2f} | {ratios} | {max(run[2] for run in runs):,.0f} |",
            flush=True,
        )


def main() -> None:
    """Make each file, measure it and remove it."""
    import duckdb

    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--quick", action="store_true", help=f"{QUICK:,} rows, one round")
    asked.add_argument("--rows", type=int, help="rows of each file")
    asked.add_argument("--only", type=int, choices=range(1, len(FILES) + 1), help="one of the files")
    asked.add_argument("--rounds", type=int, help="how often each is timed")
    given = asked.parse_args()
    n = given.rows or (QUICK if given.quick else ROWS)
    rounds = given.rounds or (1 if given.quick else ROUNDS)
    print(f"{n:,} rows, medians of {rounds} rounds, on {len(os.sched_getaffinity(0))} cores")
    for index, (name, form) in enumerate(FILES.items(), 1):
        if given.only in {None, index}:
            with tempfile.TemporaryDirectory(prefix="cam-bench-") as folder:
                path = Path(folder) / "orders.csv"
                duckdb.connect().execute(TABLE.format(**form, n=n, path=path))
                if "GB18030" in name:
                    path = path.replace(path.with_name("utf-8.csv"))
                    with path.open(encoding="utf-8") as text, path.with_name("gb.csv").open("wb") as to:
                        while piece := text.read(1 << 24):
                            to.write(piece.encode("gb18030"))
                    path.unlink()
                    path = path.with_name("gb.csv")
                measure(name, path, rounds=rounds)


if __name__ == "__main__":
    main()
