"""Measure the report, the reduction and the models, and write the tables and the plot of ``benchmarks/README.md``.

Machines are noisy: what is compared runs in one session, alternated, and ratios are what to read.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent


def timed(call: Callable[[], object]) -> float:
    """Return the wall-clock seconds of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure_summary(folder: Path, n_rows: int, rounds: int) -> list[tuple[str, float, str]]:
    """Time the reduction to one row per customer beside a scan of its columns, and beside the peer."""
    import ibis
    import pandas as pd

    from cam.reduce.summary import customer_summary

    path = folder / "log.parquet"
    engine = ibis.duckdb.connect()
    engine.raw_sql("SELECT setseed(0.5)")
    engine.raw_sql(
        f"""
        COPY (
            SELECT 'C' || lpad(CAST(floor(random() * {n_rows // 10}) AS VARCHAR), 9, '0') AS customer_id,
                   TIMESTAMP '2024-01-01' + to_minutes(CAST(floor(random() * 1051200) AS BIGINT)) AS order_date,
                   CAST(5 + random() * 100 AS DECIMAL(18, 2)) AS revenue, 'purchase' AS kind
            FROM range({n_rows}) ORDER BY order_date
        ) TO '{path}' (FORMAT parquet)
        """
    )
    table = engine.read_parquet(path)
    as_of = date(2025, 12, 31)
    expression = customer_summary(table, as_of=as_of)
    columns = "max(customer_id), max(order_date), sum(revenue)"
    scan, ours = [], []
    for _ in range(rounds):
        scan.append(timed(lambda: engine.raw_sql(f"SELECT {columns} FROM read_parquet('{path}')").fetchall()))
        ours.append(timed(lambda: engine.create_table("summary", expression, overwrite=True)))
    rows = [
        (f"scan of the three columns, {n_rows:,} orders", statistics.median(scan)),
        ("`customer_summary` (text ids, DECIMAL money, timestamps)", statistics.median(ours)),
    ]
    if n_rows <= 2_000_000:
        from lifetimes.utils import summary_data_from_transaction_data

        frame = pd.read_parquet(path)
        frame["revenue"] = frame["revenue"].astype(float)
        peer = timed(
            lambda: summary_data_from_transaction_data(
                frame,
                "customer_id",
                "order_date",
                monetary_value_col="revenue",
                observation_period_end=str(as_of),
            )
        )
        rows.append(("`lifetimes`, the same table already in memory", peer))
    base = rows[0][1]
    return [(name, seconds, f"{seconds / base:.1f}") for name, seconds in rows]


def as_table(title: str, rows: list[tuple[str, float, str]], unit: str) -> str:
    """Return a Markdown table."""
    lines = [f"### {title}", "", f"| what | seconds, median | {unit} |", "|---|---:|---:|"]
    return (
        "\n".join(lines + [f"| {name} | {seconds:.2f} | {ratio} |" for name, seconds, ratio in rows]) + "\n"
    )


def replaced(text: str, name: str, tables: str) -> str:
    """Put tables between the marks of their name; a text without these marks stays as it is."""
    begin, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    return f"{head}{begin}\n\n{tables}\n{end}{tail}" if found and closed else text


def main() -> None:
    """Measure, and put the tables between the marks of the README and the plot beside it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="one round of each, small sizes")
    options.add_argument("--rounds", type=int, help="in place of five")
    options.add_argument(
        "--only", choices=["report", "reduction", "models"], help="measure one part, and leave the others"
    )
    options.add_argument("--to", type=Path, default=HERE / "README.md", help="file whose tables are replaced")
    given = options.parse_args()
    rounds = given.rounds or (1 if given.quick else 5)
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    machine = f"{len(os.sched_getaffinity(0))} cores, {system}"
    measured = f"Measured on {machine}, " + (f"medians of {rounds} rounds." if rounds > 1 else "one round.")
    text = given.to.read_text(encoding="utf-8")
    folder = Path(tempfile.mkdtemp(prefix="cam-bench-"))
    try:
        if given.only in (None, "report"):
            import whole

            report = f"{measured}\n\n{whole.measure(folder, rounds=rounds)}"
            print(report)
            text = replaced(text, "report", report)
        if given.only in (None, "reduction"):
            sizes = [100_000] if given.quick else [1_000_000, 10_000_000]
            tables = [
                as_table(
                    f"One row per customer, {n:,} orders", measure_summary(folder, n, rounds), "of the scan"
                )
                for n in sizes
            ]
            reduction = "\n".join([measured, "", *tables])
            print(reduction)
            text = replaced(text, "reduction", reduction)
        if given.only in (None, "models"):
            import compare

            compared, plot = compare.measure_all(folder, quick=given.quick, rounds=rounds)
            print(compared)
            text = replaced(text, "models", f"{measured}\n\n{compared}")
            given.to.with_name("speed.svg").write_text(plot, encoding="utf-8")
    finally:
        shutil.rmtree(folder)
    given.to.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
