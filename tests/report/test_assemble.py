"""What the studies left becomes the files of a report."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from cam.params import read_params
from cam.report import assemble
from cam.report.execute import Result

NAMES = ("01_segmentation", "02_lifecycle")


class Prepared(SimpleNamespace):
    """As much of :class:`cam.data.Prepared` as the customers' file reads."""

    def path(self, table: str) -> Path:
        return self.folder / f"{table}.parquet"


def parquet(path: Path, sql: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.sql(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    folder = tmp_path / "tables"
    parquet(
        folder / "transactions.parquet", "SELECT * FROM (VALUES ('b'), ('a'), ('a'), ('0012')) t(customer_id)"
    )
    review = {
        "tables": {"transactions": {"columns": ["customer_id"], "first_date": "2024-01-05"}},
        "match": [],
    }
    return Prepared(
        folder=folder, tables=("transactions",), review=review, as_of=date(2024, 4, 30), key="k" * 64
    )


def scores(staging: Path, name: str, sql: str) -> None:
    parquet(staging / ".studies" / name / f"{name}.scores.parquet", sql)


def customers(staging: Path) -> tuple[list[str], list[tuple[Any, ...]]]:
    table = duckdb.sql(f"SELECT * FROM '{staging / 'customers.parquet'}'")
    return table.columns, table.fetchall()


def test_one_row_per_customer_with_every_score(tmp_path: Path, prepared: Prepared) -> None:
    scores(tmp_path, NAMES[0], "SELECT * FROM (VALUES ('a', 3), ('0012', 1)) t(customer_id, r_score)")
    scores(
        tmp_path,
        NAMES[1],
        "SELECT * FROM (VALUES ('z', 'new'), ('b', 'old'), (NULL, 'x')) t(customer_id, \"a \"\"stage\"\"\")",
    )
    assemble._write_customers(tmp_path, prepared, list(NAMES))
    columns, rows = customers(tmp_path)
    assert columns == ["customer_id", "r_score", 'a "stage"']
    assert rows == [("0012", 1, None), ("a", 3, None), ("b", None, "old"), ("z", None, "new")]


def test_a_study_without_scores_and_a_client_without_customers(tmp_path: Path, prepared: Prepared) -> None:
    assemble._write_customers(tmp_path, prepared, list(NAMES))
    assert customers(tmp_path) == (["customer_id"], [("0012",), ("a",), ("b",)])
    nobody: Any = Prepared(folder=tmp_path, tables=(), review={"tables": {}, "match": []})
    assemble._write_customers(tmp_path, nobody, list(NAMES))
    assert customers(tmp_path) == (["customer_id"], [])


def test_same_bytes_twice(tmp_path: Path, prepared: Prepared) -> None:
    parquet(
        prepared.path("transactions"), "SELECT (hash(range) % 5000)::VARCHAR AS customer_id FROM range(50000)"
    )
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        assemble._write_customers(tmp_path / name, prepared, [])
        made.append((tmp_path / name / "customers.parquet").read_bytes())
    assert made[0] == made[1]


def test_what_stands_around_every_page(tmp_path: Path, prepared: Prepared) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(
        "data: {transactions: {path: a.csv}}\nclient: {name: <b>Acme</b>, brand: {footer: Confidential}}"
    )
    frames = assemble.frames(read_params(path), prepared, NAMES)
    assert list(frames) == ["index", *NAMES]
    page = frames["02_lifecycle"]
    assert page.period == "5 Jan 2024 to 30 Apr 2024"
    assert page.as_of == "2024-04-30" and page.href == "02_lifecycle.html"
    assert page.brand == {"footer": "Confidential"}
    assert [href for href, _ in page.navigation] == ["index.html", *(f"{name}.html" for name in NAMES)]


def test_studies_without_a_result_say_why() -> None:
    results = {
        "01_segmentation": Result("01_segmentation", "failed", "ValueError: x\nmore", 1.0),
        "02_lifecycle": Result("02_lifecycle", "done", "", 1.0),
        "05_churn": Result("05_churn", "done", "", 1.0),
    }
    findings = {
        "02_lifecycle": {"findings": [], "cannot_say": ["This needs orders.", "Add them."]},
        "05_churn": {"findings": ["12 % left."], "cannot_say": []},
    }
    assert assemble._silent(results, findings) == [
        (
            "Segmentation",
            "01_segmentation.html",
            [("", "The study stopped before its end: its page says why.")],
        ),
        ("Lifecycle", "02_lifecycle.html", [("", "This needs orders."), ("", "Add them.")]),
    ]
