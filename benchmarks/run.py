"""Measure the report, the pipeline and the models, and write the tables and the plots of ``benchmarks/README.md``.

Machines are noisy: what is compared runs in one session, alternated, and ratios are what to read.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
PIPELINE_PLOT = (
    "![Seconds from orders to scores by number of orders; the table below has the numbers](pipeline.svg)"
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
        "--only", choices=["report", "pipeline", "models"], help="measure one part, and leave the others"
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
        if given.only in (None, "pipeline"):
            import pipeline

            tables, plot = pipeline.measure(folder, quick=given.quick, rounds=given.rounds)
            print(tables)
            text = replaced(text, "pipeline", f"{PIPELINE_PLOT}\n\nMeasured on {machine}.\n\n{tables}")
            given.to.with_name("pipeline.svg").write_text(plot, encoding="utf-8")
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
