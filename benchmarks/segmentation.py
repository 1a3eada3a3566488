"""Time the clusters of a million customers, from a table in DuckDB to everybody's cluster, in a fresh process.

``python benchmarks/segmentation.py`` prints seconds and the peak of memory; ``--quick`` takes 50,000 customers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from models import peak

#: Of the goal: a million customers in a minute and within 4 GB, on two cores.
CUSTOMERS, QUICK, SECONDS, MEGABYTES = 1_000_000, 50_000, 60, 4_096
#: Purchases, recency, order value, discounts, categories: by formulas of the row, so that nothing is loaded.
TABLE = """
create table customers as
with drawn as (
    select i, hash(i) % 1000003 / 1000003.0 as u, hash(i + 7777777) % 1000003 / 1000003.0 as v,
           hash(3 * i + 1) % 1000003 / 1000003.0 as w, hash(5 * i + 2) % 1000003 / 1000003.0 as z
    from range({n}) as rows(i)
)
select 'c' || lpad(i::varchar, 8, '0') as customer_id, floor(-6 * ln(1 - u))::bigint as frequency,
       floor(700 * v * v)::bigint as days_since_last,
       exp(3 + sqrt(-2 * ln(1 - w)) * cos(6.2831853 * z)) as mean_order_value,
       w * v as discount_share, 1 + floor(8 * u * z)::bigint as n_categories,
       (exp(3 + v) * (1 + floor(-6 * ln(1 - u))))::decimal(18, 2) as revenue
from drawn
"""


def one(n: int) -> None:
    """Cluster n customers and print what each part took."""
    from cam.estimate import CannotSay
    from cam.studies import clusters
    from cam.studies.study import open_engine

    asked = SimpleNamespace(features=None, n_clusters=None)
    study = SimpleNamespace(tables={}, engine=open_engine(), params=SimpleNamespace(segmentation=asked))
    study.engine.raw_sql(TABLE.format(n=n))
    before = peak()
    began = time.perf_counter()
    table = clusters.features(study, study.engine.table("customers"))
    gathered = time.perf_counter()
    found = clusters.cluster(study, table)
    done = time.perf_counter()
    compared = clusters.compare(study, found)
    ended = time.perf_counter()
    if isinstance(found, CannotSay) or isinstance(compared, CannotSay):
        sys.exit(f"nothing was clustered: {found}")
    assert int(found.counts["n_customers"].sum()) == n
    print(f"| features gathered | {gathered - began:.1f} s |")
    print(f"| sample, fit, everybody assigned | {done - gathered:.1f} s |")
    print(f"| compared with the plain rule | {ended - done:.1f} s |")
    print(f"| **all** | **{ended - began:.1f} s**, goal {SECONDS} s |")
    print(f"| peak of the process | {peak():,.0f} MB (before: {before:,.0f} MB), goal {MEGABYTES:,} MB |")


def main() -> None:
    """Run in a fresh process, so that the peak is its own."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--quick", action="store_true", help=f"{QUICK:,} customers")
    n = QUICK if asked.parse_args().quick else CUSTOMERS
    print(f"Clusters of {n:,} customers with five features\n\n| part | measured |\n|---|---:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(Path(__file__).resolve()), "one", str(n)], cwd=folder, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        one(int(sys.argv[2]))
    else:
        main()
