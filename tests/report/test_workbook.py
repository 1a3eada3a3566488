"""The workbook: typed cells, text that stays text, and the same bytes every time."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from cam.estimate import Estimate
from cam.key_figures import COLUMNS, rows
from cam.report import workbook
from cam.report.workbook import write_workbook

IDS = ["=1+1", "0012", "http://example.org", "@SUM(A1)", "-1", "+1", "1e5", "<b>", "客户", "{=A1}"]


def write(path: Path, ids: list[str] = IDS, n: int | None = None) -> Path:
    figures = [
        Estimate("n_customers", 3, "count", 3),
        Estimate("nps", 30.5, "points", 100, 14.25, 44.0, {"wave": "=2+2"}),
    ]
    write_workbook(
        path,
        as_of=date(2026, 6, 30),
        figures=rows(figures, client="acme", as_of="2026-06-30", study="04_satisfaction_nps"),
        findings=[("Satisfaction", "=HYPERLINK(1)")],
        reconciliation=(["line", "read"], [["transactions", 12], ["of which: =1", None]]),
        customers=(
            ["customer_id", "first_date", "revenue", "is_new", "note"],
            [(one, date(2024, 1, 5), 10.5, True, None) for one in ids],
            n or len(ids),
        ),
        sheets=[("Actions", ["treatment", "n"], [["=call them", 3], ["写信", None]])],
    )
    return path


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> CalamineWorkbook:
    return CalamineWorkbook.from_path(write(tmp_path_factory.mktemp("book") / "workbook.xlsx"))


def test_sheets(book: CalamineWorkbook) -> None:
    assert book.sheet_names == ["Findings", "Actions", "Key figures", "What was read", "Customers"]


def test_customers_are_typed_and_their_ids_stay_text(book: CalamineWorkbook) -> None:
    head, *body = book.get_sheet_by_name("Customers").to_python()
    assert head == ["customer_id", "first_date", "revenue", "is_new", "note"]
    assert [row[0] for row in body] == IDS
    day, revenue, is_new, note = body[0][1:]
    assert day in (date(2024, 1, 5), datetime(2024, 1, 5))
    assert revenue == 10.5 and is_new is True and note == ""


def test_a_sheet_that_a_study_left(book: CalamineWorkbook) -> None:
    assert book.get_sheet_by_name("Actions").to_python() == [
        ["treatment", "n"],
        ["=call them", 3.0],
        ["写信", ""],
    ]


def test_key_figures_are_numbers(book: CalamineWorkbook) -> None:
    head, *body = book.get_sheet_by_name("Key figures").to_python()
    assert tuple(head) == COLUMNS
    by_name = {row[3]: dict(zip(head, row, strict=True)) for row in body}
    assert (
        by_name["nps"] | {"segment": "wave==2+2", "value": 30.5, "low": 14.25, "n": 100.0} == by_name["nps"]
    )
    assert by_name["n_customers"]["low"] == ""


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(write(tmp_path / "a.xlsx")) as parts:
        for name in parts.namelist():
            text = parts.read(name).decode()
            assert "<f>" not in text and "<hyperlink" not in text, name


def test_same_bytes_twice(tmp_path: Path) -> None:
    assert write(tmp_path / "a.xlsx").read_bytes() == write(tmp_path / "b.xlsx").read_bytes()


def test_no_customers_and_more_than_fit(tmp_path: Path) -> None:
    empty = CalamineWorkbook.from_path(write(tmp_path / "empty.xlsx", []))
    assert len(empty.get_sheet_by_name("Customers").to_python()) == 1
    many = write(tmp_path / "many.xlsx", IDS, workbook.MAX_CUSTOMERS + 5)
    import zipfile

    with zipfile.ZipFile(many) as parts:
        comments = next(name for name in parts.namelist() if "comments" in name)
        assert "The first 100,000 of 100,005 customers" in parts.read(comments).decode()
