"""Make a whole report of very many orders, and watch how long it takes and what all its processes hold together.

``python benchmarks/large.py 100000000`` writes that many orders, ten of each customer, makes the report and prints its
seconds, its peak of memory, what it wrote to disk on the way and the seconds of each study; ``--each 2`` gives every
customer two orders, so there are five times as many customers, ``--orders FILE`` takes orders that are there already,
``--study`` runs that study only, and ``--out`` keeps the report there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml


def held(process: psutil.Process) -> float:
    """Return what a process holds, MB; of what several share, its part."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def watched(command: list[str], folder: Path) -> tuple[float, float, list[float], float]:
    """Run a command; return its seconds, its peak in MB, that of each process at that moment, and the disk in GB."""
    began, used = time.perf_counter(), shutil.disk_usage(folder).used
    most, parts, spilt = 0.0, list[float](), 0
    running = subprocess.Popen(command)
    root = psutil.Process(running.pid)
    while running.poll() is None:
        try:
            each = sorted((held(one) for one in [root, *root.children(recursive=True)]), reverse=True)
        except psutil.Error:
            continue
        if sum(each) > most:
            most, parts = sum(each), each
        spilt = max(spilt, shutil.disk_usage(folder).used - used)
        time.sleep(0.5)
    if running.returncode:
        print(f"ended with {running.returncode}")
    return time.perf_counter() - began, most, parts, spilt / 1e9


def main() -> None:
    """Write the orders, make the report, and say what it took."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("n", type=int, nargs="?", default=100_000_000, help="orders")
    asked.add_argument("--each", type=int, default=10, help="orders of a customer, on average")
    asked.add_argument("--orders", type=Path, help="a Parquet file of orders, in place of new ones")
    asked.add_argument("--study", action="append", default=[], help="run only this study")
    asked.add_argument("--out", type=Path, help="a folder that keeps the report")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="cam-large-") as name:
        folder = Path(name)
        if not given.orders:
            import pipeline

            pipeline.write_orders(folder, given.n, each=given.each)
        path = (given.orders or folder / "orders.parquet").resolve()
        client = folder / "large.yaml"
        sections = {
            "client": {"name": f"{given.n:,} orders"},
            "data": {"transactions": {"path": str(path)}},
            "value": {"margin_rate": 0.4},
        }
        client.write_text(yaml.safe_dump(sections), encoding="utf-8")
        studies = [word for study in given.study for word in ("--study", study)]
        reports = (given.out or folder / "reports").resolve()
        command = [sys.executable, "-m", "cam.cli", "report", str(client), "--out", str(reports)]
        seconds, most, parts, spilt = watched([*command, *studies, "--timeout", "14400"], folder)
        record = next(reports.glob("*/run.json"), None)
        print(
            f"{given.n:,} orders: {seconds:,.0f} s, peak of all processes {most:,.0f} MB, {spilt:.1f} GB on disk"
        )
        print(f"at the peak, by process, MB: {', '.join(f'{part:,.0f}' for part in parts[:6])}")
        if record:
            said = json.loads(record.read_text(encoding="utf-8"))
            print("steps, s:", {step: round(value) for step, value in said["seconds"].items()})
            for result in said["results"]:
                print(
                    f"{result['name']:22} {result['status']:8} {result['seconds']:8,.0f} s {result['message']}"
                )
            for file in sorted(record.parent.iterdir()):
                print(f"{file.stat().st_size / 1e6:10,.1f} MB {file.name}")


if __name__ == "__main__":
    main()
