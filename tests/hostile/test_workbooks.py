"""Workbooks and Parquet files that are broken, lie about themselves, or hold what a reader would not see."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hostile.room import HEADER, ROWS, Room, ends, source

NAMES = ("customer_id", "order_date", "revenue")
TABLE = [("a", "2024-01-05", 10.0), ("a", "2024-03-05", 20.5), ("b", "2024-02-01", 5.0)]
SHEET = "xl/worksheets/sheet1.xml"
AGAIN = r"CSV|[Ee]xport|[Ss]ave"


def book(fill: Callable[[Any], None] | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, options) as made:
        (fill or table)(made)
    return stream.getvalue()


def table(made: Any, name: str = "Orders") -> Any:
    sheet = made.add_worksheet(name)
    for number, row in enumerate([NAMES, *TABLE]):
        sheet.write_row(number, 0, row)
    return sheet


def repacked(data: bytes, change: dict[str, Callable[[bytes], bytes]]) -> bytes:
    """The same archive with some of its parts changed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(
                entry.filename, change.get(entry.filename, lambda part: part)(old.read(entry.filename))
            )
    return stream.getvalue()


def with_rows(rows: bytes) -> bytes:
    return repacked(book(), {SHEET: lambda part: part.replace(b"</sheetData>", rows + b"</sheetData>")})


def understated(data: bytes, part: str) -> bytes:
    """The same archive, whose directory says that a part is small."""
    found = bytearray(data)
    for at in [match.start() for match in re.finditer(re.escape(part.encode()), data)]:
        if found[at - 46 : at - 42] == b"PK\x01\x02":
            struct.pack_into("<I", found, at - 46 + 24, 1000)
        elif found[at - 30 : at - 26] == b"PK\x03\x04":
            struct.pack_into("<I", found, at - 30 + 22, 1000)
    return bytes(found)


# --- workbooks that cannot be read --------------------------------------------------------------


def bomb(part: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with zipfile.ZipFile(io.BytesIO(book())) as sound:
            for entry in sound.infolist():
                if entry.filename != part:
                    archive.writestr(entry.filename, sound.read(entry.filename))
        with archive.open(part, "w", force_zip64=True) as out:
            for _ in range(1200):
                out.write(b" " * (1 << 20))
    return stream.getvalue()


@pytest.mark.slow  # a second or two to pack
@pytest.mark.parametrize("part", [SHEET, "xl/sharedStrings.xml", "xl/media/image1.png"])
def test_a_bomb(room: Room, part: str) -> None:
    path = room.write(bomb(part), "orders.xlsx")
    ends(room, source(path), 3, "orders.xlsx", r"1\.3 GB once unpacked", AGAIN)


@pytest.mark.slow
@pytest.mark.parametrize("part", [SHEET, "xl/sharedStrings.xml"])
def test_a_bomb_that_says_it_is_small(room: Room, part: str) -> None:
    path = room.write(understated(bomb(part), part), "orders.xlsx")
    ends(room, source(path), 3, "orders.xlsx", AGAIN)


def test_one_cell_at_the_far_end(room: Room) -> None:
    # A reader that lays a grid from corner to corner would want 400 GB.
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    ends(room, source(room.write(with_rows(far), "orders.xlsx")), 3, "orders.xlsx", "memory|columns", AGAIN)


def test_one_cell_at_the_far_end_of_a_spreadsheet_of_open_office(room: Room) -> None:
    cell = (
        '<table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="16384"/>'
    )
    content = (
        '<?xml version="1.0"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:spreadsheet>'
        f'<table:table table:name="Orders"><table:table-row table:number-rows-repeated="1048576">{cell}'
        "</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    ends(
        room,
        source(room.write(stream.getvalue(), "orders.ods")),
        3,
        "orders.ods",
        "memory|columns|read",
        AGAIN,
    )


def test_entities_that_grow(room: Room) -> None:
    lol = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    laughs = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{lol}]><workbook>&l9;</workbook>'
    data = repacked(book(), {"xl/workbook.xml": lambda part: laughs.encode()})
    ends(room, source(room.write(data, "orders.xlsx")), 3, "orders.xlsx", AGAIN)


def test_a_password(room: Room) -> None:
    olefile = compound_file(["EncryptionInfo", "EncryptedPackage"])
    ends(room, source(room.write(olefile, "orders.xlsx")), 3, "orders.xlsx", "password|workbook", AGAIN)


def compound_file(streams: list[str]) -> bytes:
    """An OLE compound file, as Excel packs a workbook that has a password."""
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))
    struct.pack_into("<HHHHH", head, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<IIIIIIIIII", head, 40, 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0)
    struct.pack_into("<109I", head, 76, *[0xFFFFFFFF] * 109)
    fat = struct.pack("<128I", 0xFFFFFFFD, 0xFFFFFFFE, *range(3, 10), 0xFFFFFFFE, *[0xFFFFFFFF] * 118)
    entries = b""
    for index, name in enumerate(["Root Entry", *streams]):
        coded = (name + "\0").encode("utf-16-le")
        entry = bytearray(128)
        entry[: len(coded)] = coded
        struct.pack_into("<HBB", entry, 64, len(coded), 5 if index == 0 else 2, 1)
        nexts = (0xFFFFFFFF, 2 if index == 1 else 0xFFFFFFFF, 1 if index == 0 else 0xFFFFFFFF)
        struct.pack_into("<III", entry, 68, *nexts)
        struct.pack_into("<IQ", entry, 116, 0xFFFFFFFE if index == 0 else 2, 0 if index == 0 else 4096)
        entries += bytes(entry)
    head[48:52] = struct.pack("<I", 1)
    head[44:48] = struct.pack("<I", 1)
    struct.pack_into("<I", head, 76, 0)
    return bytes(head) + fat + entries.ljust(512, b"\0") + bytes(4096)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        pytest.param("orders.xlsx", book()[:-200], ("workbook", AGAIN), id="cut at the end"),
        pytest.param("orders.xlsx", book()[:600], ("workbook", AGAIN), id="cut near the start"),
        pytest.param(
            "orders.xlsx",
            book().replace(b"PK\x05\x06", b"PK\x05\x00"),
            ("workbook", AGAIN),
            id="without a directory",
        ),
        pytest.param(
            "orders.xlsx", b"PK\x03\x04" + b"\xff" * 900, ("workbook", AGAIN), id="noise behind four bytes"
        ),
        pytest.param(
            "orders.xls",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 5000,
            ("workbook", AGAIN),
            id="xls of noise",
        ),
        pytest.param(
            "orders.xls",
            compound_file(["_VBA_PROJECT_CUR", "x"]),
            ("workbook", AGAIN),
            id="xls of macros alone",
        ),
        pytest.param("orders.xlsb", book(), (None, None), id="xlsx called xlsb"),
        pytest.param(
            "orders.xlsx",
            repacked(book(), {SHEET: lambda part: part[: len(part) // 2]}),
            ("cannot be read", AGAIN),
            id="a sheet cut off",
        ),
        pytest.param(
            "orders.xlsx",
            repacked(book(), {"xl/workbook.xml": lambda part: b""}),
            (AGAIN,),
            id="an empty book",
        ),
        pytest.param(
            "orders.xlsx",
            repacked(book(), {"xl/sharedStrings.xml": lambda part: b"<sst/>"}),
            (AGAIN,),
            id="texts that are not there",
        ),
        pytest.param(
            "orders.xlsx",
            with_rows(b'<row r="99999999999999999999"><c r="A99999999999999999999"><v>1</v></c></row>'),
            (AGAIN,),
            id="a row without end",
        ),
        pytest.param(
            "orders.xlsx", with_rows(b'<row r="0"><c r="A0"><v>1</v></c></row>'), (AGAIN,), id="row zero"
        ),
        pytest.param(
            "orders.xlsx",
            with_rows(b'<row r="2"><c r="A2"><v>1</v></c></row>'),
            (None, None),
            id="a row twice, out of order",
        ),
    ],
)
def test_broken_workbooks(room: Room, name: str, data: bytes, words: tuple[str, ...]) -> None:
    path = room.write(data, name)
    if words[0] is None:  # reading it right is as good
        assert room.cam("check", room.params(source(path))).code in {0, 3}
    else:
        ends(room, source(path), 3, name, *words)


def test_a_zip_called_xlsx(room: Room) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("orders.csv", HEADER + ROWS)
    ends(
        room,
        source(room.write(stream.getvalue(), "orders.xlsx")),
        3,
        "orders.xlsx",
        "'orders.csv' in it",
        "Unpack",
    )


# --- workbooks with what is not seen ------------------------------------------------------------


def check_book(room: Room, fill: Callable[[Any], None], code: int, *words: str, **options: Any) -> str:
    asked = options.pop("asked", {})
    path = room.write(book(fill, **options), "orders.xlsx")
    return ends(room, source(path, **asked), code, *words).told


def test_merged_cells(room: Room) -> None:
    def fill(made: Any) -> None:
        sheet = table(made)
        sheet.merge_range("A2:A3", "a")

    check_book(room, fill, 3, "orders.xlsx", "merged", "A2:A3", "[Uu]nmerge")


def test_a_title_merged_above_the_table(room: Room) -> None:
    def fill(made: Any) -> None:
        sheet = made.add_worksheet()
        sheet.merge_range("A1:C2", "Orders of 2024")
        for number, row in enumerate([NAMES, *TABLE]):
            sheet.write_row(number + 2, 0, row)

    check_book(room, fill, 0, r"\b3\b", asked={"skip_rows": 2})
    check_book(room, fill, 3, "Orders of 2024|customer_id", "columns|skip_rows")


def test_formulas_with_and_without_values(room: Room) -> None:
    def worked_out(made: Any) -> None:
        table(made).write_formula("C4", "=C2/2", None, 5.0)

    check_book(room, worked_out, 0, r"35\.50?")
    data = repacked(
        book(worked_out),
        {SHEET: lambda part: part.replace(b"</f><v>5</v>", b"</f>").replace(b"</f><v>5.0</v>", b"</f>")},
    )
    ends(room, source(room.write(data, "orders.xlsx")), 3, "orders.xlsx", "formulas", "C4", "Excel, save")


def test_errors_in_cells(room: Room) -> None:
    def in_revenue(made: Any) -> None:
        table(made).write_formula("C3", "=1/0", None, "#DIV/0!")

    def in_ids(made: Any) -> None:
        table(made).write_formula("A3", "=X", None, "#REF!")

    check_book(room, in_revenue, 3, "revenue", "rows: 2", "#DIV/0!", "source")
    told = check_book(room, in_ids, 3, "customer_id", "rows: 2", "source")
    assert "can be used" not in told


def test_a_million_blank_rows(room: Room) -> None:
    blank = b"".join(b'<row r="%d" ht="15"><c r="A%d" s="0"/></row>' % (n, n) for n in range(5, 1_048_577))
    ends(room, source(room.write(with_rows(blank), "orders.xlsx")), 0, r"\b3\b")


def test_a_million_rows_of_blanks_as_text(room: Room) -> None:
    blank = b"".join(
        b'<row r="%d"><c r="A%d" t="inlineStr"><is><t xml:space="preserve"> </t></is></c></row>' % (n, n)
        for n in range(5, 200_001)
    )
    outcome = room.cam("check", room.params(source(room.write(with_rows(blank), "orders.xlsx"))))
    assert outcome.code in {0, 3}
    assert "199,996" in outcome.told or "200,000" in outcome.told or "199996" in outcome.told


def test_hidden_sheets(room: Room) -> None:
    told = check_book(room, _hidden, 0, r"35\.50?")
    assert "1999" not in told and "1,000,000" not in told


def _hidden(made: Any) -> None:
    old = made.add_worksheet("Old")
    old.write_row(0, 0, NAMES)
    old.write_row(1, 0, ("z", "1999-01-01", 1_000_000))
    old.hide()
    sheet = table(made)
    sheet.activate()
    sheet.set_first_sheet()


def test_other_sheets_are_named(room: Room) -> None:
    def fill(made: Any) -> None:
        table(made, "May")
        table(made, "June")

    check_book(room, fill, 0, "May", "June")
    check_book(room, fill, 3, "no sheet", "May, June", r"options\.sheet", asked={"sheet": "July"})


def test_an_empty_sheet(room: Room) -> None:
    check_book(room, lambda made: made.add_worksheet("Orders"), 3, "orders.xlsx", "empty", "sheet")


@pytest.mark.parametrize("since_1904", [False, True])
def test_dates_counted_from_1900_and_1904(room: Room, since_1904: bool) -> None:
    def fill(made: Any) -> None:
        day = made.add_format({"num_format": "yyyy-mm-dd"})
        sheet = made.add_worksheet()
        sheet.write_row(0, 0, NAMES)
        for number in (1, 2, 3):
            sheet.write(number, 0, "a")
            sheet.write_datetime(number, 1, datetime(2024, 1, number), day)
            sheet.write(number, 2, 1)

    check_book(room, fill, 0, "2024-01-03", date_1904=since_1904)


def test_dates_that_are_plain_numbers(room: Room) -> None:
    def fill(made: Any) -> None:
        sheet = table(made)
        for number in (1, 2, 3):
            sheet.write(number, 1, 45_000 + number)

    check_book(room, fill, 0, "2023-03-18", "order_date.*numbers")


def test_numbers_as_text_are_numbers_and_long_ones_no_ids(room: Room) -> None:
    def as_text(made: Any) -> None:
        sheet = table(made)
        for number, value in enumerate(("10.00", " 20.50", "5"), 1):
            sheet.write_string(number, 2, value)

    def rounded(made: Any) -> None:
        sheet = table(made)
        for number in (1, 2, 3):
            sheet.write_number(number, 0, 1.93e15 + number)

    check_book(room, as_text, 0, r"35\.50?")
    check_book(room, rounded, 3, "customer_id", "rounded", "as text")


def test_a_name_for_every_column_of_a_workbook(room: Room) -> None:
    def fill(made: Any) -> None:
        sheet = made.add_worksheet()
        sheet.write_row(0, 0, (*NAMES, *(f"c{n}" for n in range(16_381))))
        sheet.write_row(1, 0, TABLE[0])

    check_book(room, fill, 3, "orders.xlsx", "16,384 columns", "[Ee]xport")


# --- Parquet ------------------------------------------------------------------------------------


def parquet(**columns: Any) -> bytes:
    stream = io.BytesIO()
    made = {name: [row[index] for row in TABLE] for index, name in enumerate(NAMES)} | columns
    pq.write_table(pa.table(made), stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(parquet()[:-6], (AGAIN,), id="cut at the end"),
        pytest.param(parquet()[:40], (AGAIN,), id="cut near the start"),
        pytest.param(
            parquet()[:-8] + struct.pack("<I", 0x7FFFFFFF) + b"PAR1", (AGAIN,), id="a footer of 2 GB"
        ),
        pytest.param(parquet()[:-40] + b"\xff" * 32 + parquet()[-8:], (AGAIN,), id="noise in the footer"),
        pytest.param(parquet()[:4] + b"\xff" * 200 + parquet()[204:], (AGAIN,), id="noise in the data"),
        pytest.param(parquet()[:-4] + b"PARE", (AGAIN,), id="encrypted"),
        pytest.param(
            parquet(revenue=[[1.0], [2.0], [3.0]]), ("revenue", "type", "columns"), id="a list as an amount"
        ),
        pytest.param(
            parquet(customer_id=[{"id": "a"}] * 3), ("customer_id", "type", "columns"), id="a record as an id"
        ),
        pytest.param(
            parquet(order_date=[[datetime(2024, 1, 1)]] * 3),
            ("order_date", "type|read", "columns|source"),
            id="a list as a date",
        ),
        pytest.param(
            parquet(revenue=[True, False, True]), ("revenue", "type", "columns"), id="truths as amounts"
        ),
        pytest.param(
            parquet(customer_id=[b"\xff\xfe", b"\0", b"a"]),
            ("customer_id", "type|BLOB", "columns"),
            id="bytes as ids",
        ),
        pytest.param(
            parquet(revenue=[float("nan"), float("inf"), 1.0]),
            ("revenue", "rows: ", "source"),
            id="amounts without end",
        ),
        pytest.param(
            parquet(revenue=[1e300, 1.0, 1.0]), ("revenue", "rows: 1", "source"), id="an amount too large"
        ),
    ],
)
def test_broken_parquet(room: Room, data: bytes, words: tuple[str, ...]) -> None:
    ends(room, source(room.write(data, "orders.parquet")), 3, "orders.parquet|transactions", *words)


def test_nested_columns_that_nobody_asks_for(room: Room) -> None:
    nested = parquet(items=[[{"sku": "x", "n": 1}]] * 3, tags=[["x"], [], None], more=[{"a": {"b": 1}}] * 3)
    ends(room, source(room.write(nested, "orders.parquet")), 0, r"35\.50?")


def test_millions_of_rows_in_a_small_file(room: Room) -> None:
    stream = io.BytesIO()
    schema = pa.schema({"customer_id": pa.string(), "order_date": pa.string(), "revenue": pa.float64()})
    n = 2_000_000
    batch = pa.table(
        {"customer_id": ["a"] * n, "order_date": ["2024-01-05"] * n, "revenue": [1.0] * n}, schema
    )
    with pq.ParquetWriter(stream, schema) as writer:
        for _ in range(1):
            writer.write_table(batch)
    ends(room, source(room.write(stream.getvalue(), "orders.parquet")), 0, "2,?000,?000")
