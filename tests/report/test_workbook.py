"""The workbook: typed cells, formats and notes that say what they are, text that stays text, the same bytes."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from cam.errors import CamError
from cam.estimate import Estimate
from cam.key_figures import COLUMNS, rows
from cam.language import use
from cam.report import customers_sheet, glossary
from cam.report.customers_sheet import customer_sheets
from cam.report.sheet import MOST_CHARACTERS, Column, Sheet, Styles, tab_title, write_sheet
from cam.report.workbook import (
    About,
    figures_sheet,
    findings_sheet,
    glossary_sheet,
    reconciliation_sheet,
    study_sheet,
    write_workbook,
)

IDS = ["=1+1", "0012", "http://example.org", "@SUM(A1)", "-1", "+1", "1e5", "<b>", "客户", "{=A1}"]
IDS += ["<r><t>x</t></r>", "_x0041_", "a\x01b"]
SPACE = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    use("en")
    yield
    use("en")


def write(path: Path, ids: list[str] = IDS) -> Path:
    values = ", ".join(f"('{one}')" for one in ids) or "(NULL)"
    duckdb.sql(
        f"""COPY (SELECT id AS customer_id, DATE '2024-01-05' AS first_date, 9::BIGINT AS days_since_last,
        91.49::DECIMAL(38, 2) AS revenue, 'cannot_lose' AS rfm_segment, 'new' AS migration, true AS near_a_line,
        0.123456789 AS p_alive, -0.000001 AS p_alive_low, 'NaN'::DOUBLE AS mean_order_value, 2.25 AS interpurchase_days,
        '=x' AS main_channel, 0.5::DOUBLE AS factor_1, 7::BIGINT AS "of the client"
        FROM (VALUES {values}) AS t(id) WHERE id IS NOT NULL) TO '{path}.parquet' (FORMAT parquet)"""
    )
    figures = [
        Estimate("n_customers", 3, "count", 3),
        Estimate("nps", 30.5, "points", 100, 14.25, 44.0, {"wave": "=2+2"}),
        Estimate("retention_rate", 0.25, "share", 8, 0.1, 0.5, {"cohort": "2024-01", "age": "3"}),
        Estimate("cac", 12.345, "CNY", 8, 10.0, 15.0, {"channel": "all"}),
    ]
    left = {
        "title": "Actions: [now]?",
        "columns": ["Treatment", "Customers", "Day"],
        "units": {"Customers": "count", "Day": "date"},
        "rows": [["=call them", 3, "2024-02-01T00:00:00.000"], ["写信\uffff", None, None]],
    }
    customers, explained = customer_sheets(Path(f"{path}.parquet"), currency="CNY")
    write_workbook(
        path,
        about=About("Acme", "1 Jan 2024 to 30 Jun 2026", date(2026, 6, 30), "CNY"),
        sheets=[
            findings_sheet([("Satisfaction", "=HYPERLINK(1)")]),
            study_sheet(left, study="01_segmentation"),
            study_sheet(left, study="01_segmentation"),
            figures_sheet(rows(figures, client="acme", as_of="2026-06-30", study="04_satisfaction_nps")),
            customers,
            explained,
            reconciliation_sheet(
                ["line", "read", "revenue_read", "revenue_kept"],
                [["transactions", 12, 3.5, None], ["of which: =1", None, None, None]],
                currency="CNY",
            ),
            glossary_sheet(),
        ],
    )
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    use("en")
    return write(tmp_path_factory.mktemp("book") / "workbook.xlsx")


def table(path: Path, title: str) -> list[list[object]]:
    return CalamineWorkbook.from_path(path).get_sheet_by_name(title).to_python()


def part(path: Path, name: str) -> ElementTree.Element:
    with zipfile.ZipFile(path) as parts:
        return ElementTree.fromstring(parts.read(name))


def formats(path: Path, title: str, row: int) -> list[str]:
    """Number formats of the cells of a row, as Excel would show them."""
    titles = CalamineWorkbook.from_path(path).sheet_names
    styles = part(path, "xl/styles.xml")
    codes = {one.get("numFmtId"): one.get("formatCode") for one in styles.iterfind(".//x:numFmt", SPACE)}
    codes |= {"0": "", "2": "0.00", "3": "#,##0", "4": "#,##0.00"}
    cells = [codes[one.get("numFmtId")] for one in styles.iterfind("x:cellXfs/x:xf", SPACE)]
    sheet = part(path, f"xl/worksheets/sheet{titles.index(title) + 1}.xml")
    (found,) = sheet.iterfind(f".//x:row[@r='{row}']", SPACE)
    return [str(cells[int(cell.get("s", 0))]) for cell in found]


def test_sheets_in_their_order_with_titles_that_a_tab_can_hold(path: Path) -> None:
    assert CalamineWorkbook.from_path(path).sheet_names == [
        "About this workbook", "Findings", "Actions  (now)", "Actions  (now) (2)", "Key figures",
        "Customers and scores", "Columns explained", "What was read", "Glossary",
    ]  # fmt: skip


def test_customers_are_typed_and_their_ids_stay_text(path: Path) -> None:
    head, *body = table(path, "Customers and scores")
    assert head[:4] == ["Customer", "First purchase", "Days since last purchase", "Revenue so far, CNY"]
    assert head[8] == "Probability of being active: lower limit" and head[13] == "of the client"
    # Only what the library would take for its own markup gets a blank behind it.
    assert sorted(str(row[0]) for row in body) == sorted(IDS)
    day, *values = body[0][1:]
    assert day in (date(2024, 1, 5), datetime(2024, 1, 5))
    assert values == [
        9, 91.49, "Must not lose", "Newly won", "yes", 0.1235, 0, "", 2.25, "=x", 0.5, 7
    ]  # fmt: skip


def test_customers_have_the_format_of_their_unit(path: Path) -> None:
    assert formats(path, "Customers and scores", 2) == [
        "", "yyyy-mm-dd", "#,##0", "#,##0.00", "", "", "", "0.0%", "0.0%", "#,##0.0", "", "#,##0.000", "#,##0",
    ]  # fmt: skip


def test_a_header_says_what_its_column_means(path: Path) -> None:
    with zipfile.ZipFile(path) as parts:
        names = [name for name in parts.namelist() if "comments" in name]
        notes = [
            "".join(one.itertext())
            for name in names
            for one in ElementTree.fromstring(parts.read(name)).iterfind(".//x:comment", SPACE)
        ]
    assert "That the customer has not left, given rhythm and silence.\n%\np_alive" in notes
    assert "Revenue of all orders, less every refund.\nCNY\nrevenue" in notes
    assert not [note for note in notes if "of the client" in note]


def test_every_column_is_explained(path: Path) -> None:
    _head, *body = table(path, "Columns explained")
    assert len(body) == 14
    assert [
        "Probability of being active",
        "That the customer has not left, given rhythm and silence.",
        "%",
        "Value and cost",
        "p_alive",
    ] in body


def test_header_and_first_column_stay_and_can_be_filtered(path: Path) -> None:
    titles = CalamineWorkbook.from_path(path).sheet_names
    for number in range(2, len(titles) + 1):
        sheet = part(path, f"xl/worksheets/sheet{number}.xml")
        (pane,) = sheet.iterfind(".//x:pane", SPACE)
        assert pane.get("topLeftCell") == "B2" and pane.get("state") == "frozen"
        assert sheet.find("x:autoFilter", SPACE) is not None
    views = [
        part(path, f"xl/worksheets/sheet{number + 1}.xml").find(".//x:sheetView", SPACE)
        for number in range(len(titles))
    ]
    assert [view is not None and view.get("tabSelected") for view in views] == [
        "1",
        *[None] * (len(titles) - 1),
    ]


def test_a_sheet_that_a_study_left(path: Path) -> None:
    assert table(path, "Actions  (now)") == [
        ["Treatment", "Customers", "Day"],
        ["=call them", 3.0, date(2024, 2, 1)],
        ["写信_xFFFF_", "", ""],  # as Excel writes what XML cannot hold
    ]


def test_what_was_read_in_words(path: Path) -> None:
    assert table(path, "What was read") == [
        ["Table", "Rows read", "Revenue read, CNY"],
        ["transactions", 12, 3.5],
        ["of which: =1", "", ""],
    ]
    assert formats(path, "What was read", 2) == ["", "#,##0", "#,##0.00"]


def test_key_figures_in_words_and_in_their_unit_with_the_raw_names_beside(path: Path) -> None:
    head, *body = table(path, "Key figures")
    assert head[8:] == [name for name in COLUMNS if name not in {"value", "low", "high", "n"}]
    assert [row[1:8] for row in body] == [
        ["Acquisition cost per new customer (CAC)", "Channel: all", 12.35, 10, 15, 8, "CNY"],
        ["Customers", "", 3, "", "", 3, "count"],
        ["Net promoter score (NPS)", "Wave: =2+2", 30.5, 14.25, 44, 100, "percentage points or points"],
        ["Retention rate", "First purchase in: 2024-01; Month of age: 3", 0.25, 0.1, 0.5, 8, "%"],
    ]
    assert body[2][8:] == ["acme", "2026-06-30", "04_satisfaction_nps", "nps", "wave==2+2", "points"]
    assert [formats(path, "Key figures", row)[3] for row in (2, 4, 5)] == ["#,##0.00", "0.0", "0.0%"]


def test_the_first_sheet_says_whose_and_of_when_and_what_the_others_hold(path: Path) -> None:
    found = table(path, "About this workbook")
    assert found[0][0] == "Acme" and ["Last day seen", "30 Jun 2026", ""] in found
    held = {row[0]: row[2] for row in found}
    assert held["Customers and scores"] == len(IDS) and held["Columns explained"] == 14


def test_no_cell_is_a_formula_and_no_link_leaves_the_file(path: Path) -> None:
    with zipfile.ZipFile(path) as parts:
        for name in parts.namelist():
            text = parts.read(name).decode()
            assert "<f>" not in text and "<x:f" not in text, name
            assert 'TargetMode="External"' not in text, name


@pytest.mark.parametrize("language", ["en", "zh"])
def test_same_bytes_twice(tmp_path: Path, language: str) -> None:
    use(language)
    one, other = (write(tmp_path / name).read_bytes() for name in ("a.xlsx", "b.xlsx"))
    assert one == other


def test_in_chinese_words_notes_and_glossary_are_chinese(tmp_path: Path) -> None:
    use("zh")
    path = write(tmp_path / "a.xlsx")
    _head, *terms = table(path, CalamineWorkbook.from_path(path).sheet_names[-1])
    assert ["净推荐值（NPS）", "net promoter score, nps", "推荐者占比减去贬损者占比，−100至100分。"] in terms
    body = table(path, CalamineWorkbook.from_path(path).sheet_names[5])
    assert body[1][4:7] == ["重点挽留客户", "新赢得的客户", "是"]
    english = re.compile(r"[A-Za-z]{4,} [a-z]{2,}")
    for title in CalamineWorkbook.from_path(path).sheet_names[:1]:
        assert not [cell for row in table(path, title) for cell in row if english.search(str(cell))]


def test_nobody_and_more_than_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    title = "Customers and scores"
    assert len(table(write(tmp_path / "empty.xlsx", []), title)) == 1
    monkeypatch.setattr(customers_sheet, "MAX_CUSTOMERS", 4)
    path = write(tmp_path / "many.xlsx")
    said, head, *body = table(path, title)
    words = f"The first 4 of {len(IDS)} customers, in the order of their ids; all are in customers.parquet."
    assert said[0] == words and head[0] == "Customer" and len(body) == 4
    assert [row for row in table(path, "About this workbook") if row[0] == title and words in str(row[1])]
    (pane,) = part(path, "xl/worksheets/sheet6.xml").iterfind(".//x:pane", SPACE)
    assert pane.get("ySplit") == "2"


# --- what a sheet cannot hold -------------------------------------------------------------------


def one_sheet(path: Path, sheet: Sheet) -> list[list[object]]:
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_formulas": False}) as book:
        write_sheet(book, Styles(book), sheet)
    return table(path, sheet.title)


@pytest.mark.parametrize("text", ["x" * 40_000, "客" * 40_000, "😀" * 20_000])
def test_a_text_that_a_cell_cannot_hold_is_cut_and_says_so(tmp_path: Path, text: str) -> None:
    (_head, (cell,)) = one_sheet(tmp_path / "a.xlsx", Sheet("a", (Column("a"),), [(text,)], ""))
    assert str(cell).endswith("(cut: a cell holds no more than 32,767 characters)")
    assert MOST_CHARACTERS - 2 <= len(str(cell).encode("utf-16-le")) / 2 <= MOST_CHARACTERS


def test_more_columns_than_a_sheet_holds_are_left_out_and_said(tmp_path: Path) -> None:
    columns = tuple(Column(f"c{place}", "count") for place in range(16_390))
    said, head, body = one_sheet(tmp_path / "a.xlsx", Sheet("a", columns, [tuple(range(16_390))], ""))
    assert said[0] == "Only the first 16,384 of 16,390 columns: a sheet holds no more."
    assert len(head) == 16_384 and body[-1] == 16_383


@pytest.mark.parametrize(
    ("title", "taken", "made"),
    [
        ("a" * 40, (), "a" * 31),
        ("'quoted'", (), "quoted"),
        ("\x00[]", (), "()"),
        ("", (), "-"),
        ("History", (), "History (2)"),
        ("b" * 40, ("B" * 31,), "b" * 26 + " (2)"),
        ("c", ("C", "c (2)"), "c (3)"),
    ],
)
def test_titles(title: str, taken: tuple[str, ...], made: str) -> None:
    assert tab_title(title, taken) == made


def test_columns_are_as_wide_as_what_they_hold_and_chinese_counts_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    one_sheet(path, Sheet("a", (Column("a"), Column("b")), [("x" * 20, "客" * 20)], ""))
    widths = [
        float(one.get("width", 0))
        for one in part(path, "xl/worksheets/sheet1.xml").iterfind(".//x:col", SPACE)
    ]
    assert 20 < widths[0] < 26 and 40 < widths[1] < 46


# --- the glossary -------------------------------------------------------------------------------


def test_every_term_has_a_meaning_in_both_languages() -> None:
    read = {}
    for language in ("en", "zh"):
        use(language)
        read[language] = glossary.read_glossary()
    assert len(read["en"]) > 140
    for english, chinese in zip(read["en"], read["zh"], strict=True):
        assert english.english and re.search("[\u4e00-\u9fffA-Z]", english.chinese), english
        assert english.meaning and not re.search("[\u4e00-\u9fff]", english.meaning.split(":")[-1][:5]), (
            english
        )
        assert re.search("[\u4e00-\u9fff]", chinese.meaning) and chinese.meaning[-1] in "。？", chinese
        assert not re.search("[\u4e00-\u9fff][,;:?!()]|[,;:?!()][\u4e00-\u9fff]", chinese.meaning), chinese


def test_a_glossary_of_another_shape_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "GLOSSARY.md").write_text("| Term | 中文 | Meaning, unit |\n|---|---|---|\n| a | b | c |\n")
    monkeypatch.setattr(glossary, "project_root", lambda: tmp_path)
    with pytest.raises(CamError, match=r"GLOSSARY\.md: the table of terms must have the columns Term, 中文"):
        glossary.read_glossary()


def test_a_long_text_has_the_room_that_its_lines_need(tmp_path):
    path = tmp_path / "book.xlsx"
    texts = ["short", "words " * 60, "一" * 200, "a\nb\nc"]
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        write_sheet(book, Styles(book), Sheet("t", (Column("text"),), [[text] for text in texts], "It."))
    root = ElementTree.fromstring(zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml"))
    width = float(root.find("x:cols/x:col", SPACE).get("width"))
    heights = [float(row.get("ht", 0)) for row in root.findall("x:sheetData/x:row", SPACE)][1:]
    lines = [0, *(math.ceil(n / width) for n in (359, 400)), 3]
    assert heights[0] == 0
    assert all(height >= 15 * n for height, n in zip(heights, lines, strict=True))
    assert max(heights) < 15 * (max(lines) + 2)
