"""The same parameter file on another engine gives the same key figures and the same customers."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import duckdb
import pytest
from report.house import House, build

from cam.studies.client import STUDIES

pytestmark = pytest.mark.slow
#: On Spark the demo, which has every table, and grocery, whose orders are the most: each study starts a Java of its
#: own, which takes three minutes in all. CDNOW was found the same once, by hand.
ASKED = [
    *(pytest.param(client, "postgres", id=f"{client}-postgres") for client in ("cdnow", "demo", "grocery")),
    *(
        pytest.param(client, "spark", marks=pytest.mark.xdist_group("spark"), id=f"{client}-spark")
        for client in ("demo", "grocery")
    ),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> House:
    return build(tmp_path_factory.mktemp("house"), real=True)


def run(house: House, client: str, engine: str, url: str) -> Path:
    """A report of a client on an engine, without anything else changed."""
    from cam.project import project_root

    out = house.root / f"on_{engine}"
    if not (out / client / "run.json").exists():
        text = (project_root() / "params" / f"{client}.yaml").read_text(encoding="utf-8")
        assert text.count("\ndata:\n") == 1
        place = house.root / f"params_{engine}" / f"{client}.yaml"
        place.parent.mkdir(exist_ok=True)
        place.write_text(text.replace("\ndata:\n", f"\ndata:\n  engine: {url}\n"), encoding="utf-8")
        done = house.cam("report", place, "--out", out, timeout=1500)
        assert done.returncode == 0, done.stderr
    return out / client


def figures(folder: Path) -> dict[tuple[str, ...], dict[str, str]]:
    with (folder / "key_figures.csv").open(encoding="utf-8", newline="") as stream:
        return {(row["study"], row["figure"], row["segment"]): row for row in csv.DictReader(stream)}


@pytest.mark.parametrize(("client", "engine"), ASKED)
def test_key_figures_and_customers_are_those_of_the_embedded_engine(house, request, client, engine):
    url = request.getfixturevalue({"postgres": "postgres_url", "spark": "spark"}[engine])
    expected, found = run(house, client, "duckdb", "duckdb"), run(house, client, engine, url)
    one, other = figures(expected), figures(found)
    assert set(one) == set(other) and {study for study, *_ in one} <= set(STUDIES)
    for key, row in one.items():
        for column in ("value", "low", "high", "n"):
            given, there = row[column], other[key][column]
            is_counted = row["unit"] == "count" and not row["low"]
            is_exact = column == "n" or is_counted or not given
            assert given == there or (
                not is_exact and math.isclose(float(given), float(there), rel_tol=1e-9)
            ), (key, column, given, there)
    same_customers(expected / "customers.parquet", found / "customers.parquet")
    title = {"postgres": "PostgreSQL", "spark": "Spark"}[engine]
    assert f">Engine</th><td>{title}</td></tr>" in (found / "01_segmentation.html").read_text(
        encoding="utf-8"
    )


def same_customers(one: Path, other: Path) -> None:
    """Every column and every row, floats to 1e-9."""
    columns = duckdb.sql(f"DESCRIBE SELECT * FROM '{one}'").fetchall()
    assert columns == duckdb.sql(f"DESCRIBE SELECT * FROM '{other}'").fetchall()
    differ = " OR ".join(
        f"abs(a.{name} - b.{name}) > 1e-9 * greatest(abs(a.{name}), 1e-3) OR (a.{name} IS NULL) <> (b.{name} IS NULL)"
        if kind == "DOUBLE"
        else f"a.{name} IS DISTINCT FROM b.{name}"
        for name, kind, *_ in [(f'"{name}"', kind) for name, kind, *_ in columns]
    )
    joined = f"FROM '{one}' AS a FULL JOIN '{other}' AS b USING (customer_id)"
    rows = duckdb.sql(f"SELECT count(*), count(*) FILTER ({differ}) {joined}").fetchone()
    assert rows and rows[0] > 0 and rows[1] == 0, rows
