"""Files as they come: the same table from any of them, and a cure for each that is not one."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from datetime import date, datetime
from decimal import Decimal

import duckdb
import pandas as pd
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cam.data.engine import workspace
from cam.data.proposals.heads import open_heads

HEADER = "customer_id,order_date,revenue\n"
ROW = "a,2024-01-05,1.50\n"
CHINESE = pd.DataFrame(
    {
        "customer_id": ["客户一", "客户二", "007"],
        "order_date": ["2024-01-05", "2024-01-06 10:30:00", "2024-02-01"],
        "revenue": ["12.50", "0", "-3.10"],
        "product": ['茶 "红"', "a;b,c|d", "line\nbreak"],
    }
)


def text_of(frame: pd.DataFrame, delimiter: str) -> str:
    return frame.to_csv(index=False, sep=delimiter, lineterminator="\n")


def excel_of(frame: pd.DataFrame, sheet: str = "Sheet1") -> bytes:
    stream = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(stream, plain) as workbook:
        page = workbook.add_worksheet(sheet)
        page.write_row(0, 0, list(frame.columns))
        for index, row in enumerate(frame.itertuples(index=False), 1):
            page.write_row(index, 0, row)
    return stream.getvalue()


def parquet_of(frame: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    frame.to_parquet(stream)
    return stream.getvalue()


# --- the same table in any clothes ---------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom", "gbk", "gb18030"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_csv_in_any_encoding_with_any_delimiter(client, encoding, delimiter, ends):
    text = text_of(CHINESE, delimiter).replace("\n", ends)
    data = ("\ufeff" + text).encode("utf-16-be") if encoding.endswith("bom") else text.encode(encoding)
    review, rows = client.orders(data)
    expected = client.orders(text_of(CHINESE, ","), name="plain.csv")
    # A line break within a value keeps no memory of which system wrote it.
    assert [[str(v).replace("\r\n", "\n") for v in row] for row in rows] == [
        list(map(str, row)) for row in expected[1]
    ]
    assert review["revenue_kept"] == "9.4"
    assert review["rows_in"] == 3


def test_excel_and_parquet_hold_the_same_table(client):
    expected = client.orders(text_of(CHINESE, ","))[1]
    assert client.orders(excel_of(CHINESE), name="o.xlsx")[1] == expected
    assert client.orders(parquet_of(CHINESE), name="o.parquet")[1] == expected
    typed = CHINESE.assign(
        order_date=pd.to_datetime(CHINESE["order_date"], format="ISO8601"),
        revenue=CHINESE["revenue"].astype(float),
    )
    assert client.orders(parquet_of(typed), name="t.parquet")[1] == expected


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    products=st.lists(
        st.text(
            st.characters(codec="gb18030", exclude_characters="\ufeff", exclude_categories=["Cc", "Zs", "Cs"]),
            min_size=1, max_size=12,
        ),
        min_size=1, max_size=4,
    ),
    delimiter=st.sampled_from(",;\t|"),
)  # fmt: skip
def test_any_text_survives_encoding_quoting_and_format(client, products, delimiter):
    frame = pd.DataFrame(
        {"customer_id": "中文客户", "order_date": "2024-01-05", "revenue": "1", "product": products}
    )
    text = text_of(frame, delimiter)
    kept = [client.orders(text.encode(code), encoding=code)[1] for code in ("utf-8", "gb18030", "utf-16-le")]
    kept += [
        client.orders(excel_of(frame), name="o.xlsx")[1],
        client.orders(parquet_of(frame), name="o.parquet")[1],
    ]
    for rows in kept[1:]:
        assert rows == kept[0]
    assert sorted(row[3] for row in kept[0]) == sorted(
        product.strip("\u00a0\u3000\u202f ") for product in products
    )


@pytest.mark.parametrize(
    "text",
    [
        (HEADER + ROW).replace("\n", "\r\n"),
        (HEADER + ROW).replace("\n", "\r"),
        HEADER.replace("\n", "\r\n") + ROW,
        HEADER + ROW.replace("\n", "\r\n"),
        HEADER + ROW.rstrip(),
        HEADER + ROW + "\n\n\n",
        "\n\n" + HEADER + ROW,
        "\ufeff" + HEADER + ROW,
        " customer_id , order_date,revenue \n" + ROW,
        '"customer_id","order_date","revenue"\n"a","2024-01-05","1.50"\n',
        '"customer_id";"order_date";"revenue";"a,b,c,d"\na;2024-01-05;1.50;\n',
        "customer_id,order_date,revenue,,\na,2024-01-05,1.50,,\n",
        "\ufeffsep=;\n" + (HEADER + ROW).replace(",", ";"),
        '"sep=\t"\n' + (HEADER + ROW).replace(",", "\t"),
    ],
)
def test_line_ends_blank_lines_and_headers_of_all_kinds(client, text):
    review, rows = client.orders(text)
    assert [str(value) for value in rows[0][:3]] == ["a", "2024-01-05 00:00:00", "1.50"]
    assert review["rows_in"] == review["rows_kept"] == 1


def test_no_row_is_lost_where_line_ends_are_mixed(client):
    lines = [f"c{index},2024-01-05,1\n" for index in range(500)]
    for at in (0, 1, 250, 499):
        mixed = [line.replace("\n", "\r\n") if index >= at else line for index, line in enumerate(lines)]
        assert client.orders(HEADER + "".join(mixed))[0]["rows_kept"] == 500


def test_blank_rows_at_the_end_are_dropped_and_counted(client):
    review, _ = client.orders(HEADER + ROW + ",,\n , ,\n")
    assert review["rows_in"] == 3
    assert review["dropped"] == [{"reason": "blank row", "rows": 2, "revenue": "0"}]


def test_a_header_and_a_value_may_hold_a_line_break(client):
    review, rows = client.orders('customer_id,order_date,revenue,"the\nnote"\n"a\nb",2024-01-05,1,x\n')
    assert rows[0][0] == "a\nb"
    assert review["columns_unused"] == ["the\nnote"]


@pytest.mark.parametrize("n_files", [1, 2])
@pytest.mark.parametrize(
    ("table", "header"),
    [
        ("transactions", "customer_id,order_date,revenue,product"),
        ("responses", "customer_id,response_date,nps,comment"),
    ],
)
def test_texts_of_many_lines_that_look_like_rows_are_read_as_texts(client, table, header, n_files):
    # Where the engine begins to read in the middle of such a text, it takes its lines for rows, and gives up.
    lines = "\n".join(f"C{line:05d},2024-01-{1 + line % 28:02d},{line}.50,row" for line in range(40))
    rows = [f'C{row % 900:05d},2024-03-05,{row % 10},"{row}\n{lines}"\n' for row in range(45_000)]
    client.write("a.csv", header + "\n" + "".join(rows))
    client.write("b.csv", header + "\n" + "".join(rows[:10]))
    paths = ["a.csv", "b.csv"][:n_files]
    prepared = client.prepare({table: {"path": paths}})
    review = prepared.review["tables"][table]
    written = [
        row
        for path in paths
        for row in csv.reader(io.StringIO((client.folder / path).read_text()))
        if row[0] != "customer_id"
    ]
    assert review["rows_in"] == review["rows_kept"] == len(written)
    last = header.split(",")[-1]
    kept = duckdb.sql(f"SELECT customer_id, {last} FROM '{prepared.path(table)}'").fetchall()
    assert sorted(kept) == sorted((row[0], row[3]) for row in written)


def test_lines_above_the_header_and_files_without_one(client):
    assert client.orders('Report of "all orders\n\n' + HEADER + ROW, skip_rows=1)[0]["rows_kept"] == 1
    names = ["customer_id", "order_date", "revenue"]
    assert client.orders("\ufeff" + ROW, names=names)[1][0][0] == "a"
    assert (
        client.orders("  a   2024-01-05  1.50 \n\n b 2024-01-06 2\n", names=names, delimiter="whitespace")[0][
            "rows_kept"
        ]
        == 2
    )


def test_a_latin_1_file_is_read_and_said_to_be_a_guess(client):
    for code in ("latin-1", "cp1252"):
        text = HEADER + "Müller,2024-01-05,1\nnée,2024-01-05,2\nJosé,2024-01-06,1\n"
        review, rows = client.orders(text.encode(code))
        assert [row[0] for row in rows] == ["José", "Müller", "née"]
        assert review["notes"] == [
            "orders.csv was read as Latin-1, a guess; data.transactions.options.encoding settles it"
        ]
    assert (
        client.orders((HEADER + "a,2024-01-05,€5\n").encode("cp1252"), client={"currency": "EUR"})[1][0][2]
        == 5
    )


def test_chinese_in_gbk_is_not_taken_for_latin_1(client):
    review, rows = client.orders((HEADER + "镕基,2024-01-05,1\n张伟,2024-01-05,1\n").encode("gbk"))
    assert [row[0] for row in rows] == ["张伟", "镕基"]
    assert review["notes"] == ["orders.csv is GB18030"]


def test_a_pattern_reads_all_files_in_order_and_skips_locks_and_hidden_ones(client):
    for name in ("2024/b.csv", "2024/a.csv"):
        client.write(name, HEADER + ROW)
    for name in ("2024/~$a.csv", "2024/.a.csv"):
        client.write(name, b"\0\0")
    review = client.prepare({"transactions": {"path": "2024/*.csv"}}).review["tables"]["transactions"]
    assert review["files"] == ["a.csv", "b.csv"]
    assert (review["rows_kept"], review["exact_copies"]) == (2, 1)


def test_a_file_of_several_without_rows_is_told(client):
    frame = CHINESE.assign(order_date="2024-01-05", revenue="1")
    client.write("o_1.csv", HEADER + ROW)
    client.write("o_2.csv", HEADER)
    client.write("o_3.csv", HEADER + "\n\n")
    client.write("o_4.xlsx", excel_of(frame))
    client.write("o_5.xlsx", excel_of(frame[:0]))
    client.write("o_6.parquet", parquet_of(frame))
    client.write("o_7.parquet", parquet_of(frame[:0]))
    client.write("o_8.csv", HEADER.strip() + ",note\n" + '"a,b",2024-01-05,1.50,x\n')
    review = client.prepare({"transactions": {"path": "o_*"}}).review["tables"]["transactions"]
    assert "o_2.csv, o_3.csv, o_5.xlsx …: 0 rows below the header" in review["notes"]
    assert review["rows_in"] == 8
    review = client.prepare({"transactions": {"path": ["o_1.csv", "o_7.parquet"]}}).review["tables"][
        "transactions"
    ]
    assert "o_7.parquet: 0 rows below the header" in review["notes"]
    notes = client.prepare({"transactions": {"path": "o_[18].csv"}}).review["tables"]["transactions"]["notes"]
    assert not [note for note in notes if "0 rows" in note]


@pytest.mark.parametrize("name", ["orders[1].csv", "o*?.csv", "year=2024/o.csv", "带 空格.csv", "it's.csv"])
def test_odd_file_names_are_only_names(client, name):
    review, rows = client.orders(HEADER + ROW, name=name)
    assert review["columns_unused"] == []
    assert len(rows) == 1


def test_faults_in_several_files_name_the_file(client):
    client.write("x/orders.csv", HEADER + ROW + ROW)
    client.write("y/orders.csv", HEADER + ROW + ",2024-01-05,1\n")
    words = client.refused(
        lambda: client.prepare({"transactions": {"path": ["x/orders.csv", "y/orders.csv"]}})
    )
    assert words.startswith("transactions: 1 of 4 rows has no customer_id (first rows: 2 of y/orders.csv).")


def test_moments_with_a_zone_are_read_as_utc_and_hive_folders_add_no_column(client):
    frame = pd.DataFrame(
        {"customer_id": ["a"], "order_date": pd.to_datetime(["2024-01-05T00:30+08:00"]), "revenue": [1]}
    )
    review, rows = client.orders(parquet_of(frame), name="month=5/o.parquet")
    assert str(rows[0][1]) == "2024-01-04 16:30:00"
    assert review["columns_unused"] == []


# --- what is no such file ------------------------------------------------------------------------


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("orders.csv", HEADER + ROW)
    return stream.getvalue()


WORKBOOK = "If it is a workbook, rename it to .xlsx; if it is a ZIP archive, unpack it."
AGAIN = "Export it again as CSV, Excel or Parquet."
DISGUISED = [
    ("o.csv", excel_of(CHINESE), "an Excel (or ZIP) file, not text. " + WORKBOOK),
    ("o.csv", zipped(), "an Excel (or ZIP) file, not text. " + WORKBOOK),
    ("o.csv", b"PK\x05\x06" + bytes(18), "an empty ZIP archive, not text. Unpack it."),
    ("o.csv", parquet_of(CHINESE), "a Parquet file, not text. Rename it to .parquet."),
    ("o.csv", b"%PDF-1.7\n...", "a PDF document, not text. " + AGAIN),
    ("o.csv.gz", gzip.compress(b"a,b\n", mtime=0), "a gzip archive, not text. Unpack it."),
    ("o.csv", b"SQLite format 3\0" + bytes(80), "an SQLite database, not text. " + AGAIN),
    ("o.json", b'[{"customer_id": "a"}]', "JSON, not text. " + AGAIN),
    ("o.csv", b"<!DOCTYPE html><html>log in</html>", "a web page, not text. " + AGAIN),
    ("o.xls", b"\xef\xbb\xbf <html><table><tr>", "a web page, not an Excel (or ZIP) file. " + AGAIN),
    ("o.xls", b'<?xml version="1.0"?><Workbook/>', "an XML document, not an Excel (or ZIP) file. " + AGAIN),
    ("o.xlsx", (HEADER + ROW).encode(), "text, not an Excel (or ZIP) file. Rename it to .csv."),
    ("o.xls", "客户\t日期\n".encode("gbk"), "text, not an Excel (or ZIP) file. Rename it to .csv."),
    ("o.parquet", (HEADER + ROW).encode(), "text, not a Parquet file. Rename it to .csv."),
    ("o.parquet", excel_of(CHINESE), "an Excel (or ZIP) file, not a Parquet file. " + WORKBOOK),
]


@pytest.mark.parametrize(("name", "data", "words"), DISGUISED)
def test_a_file_that_is_not_what_its_name_says(client, name, data, words):
    assert client.refused(lambda: client.orders(data, name=name)) == (
        f"transactions: {name} is not what its name says: it holds {words}"
    )


@pytest.mark.parametrize(("name", "data", "words"), DISGUISED)
def test_such_a_file_is_named_alike_where_a_client_is_begun(client, tmp_path, name, data, words):
    path = client.write(name, data)
    (tmp_path / "scratch").mkdir()
    with workspace(tmp_path / "scratch") as connection:
        told = client.refused(lambda: open_heads(connection, [path], folder=tmp_path / "scratch"))
    assert told == f"{name} is not what its name says: it holds {words}"


QUOTES = (
    "    A value that holds the delimiter must stand in quotes. Lines above the header are left out with "
    "data.transactions.options.skip_rows."
)
UNCLOSED = (
    "has a quote that is not closed, or text behind a closing quote.\n"
    '    A quote within a value is written twice: "5"" pipe". Mend the line at the source.'
)
NULS = (
    "so it is no plain text.\n    Export it again as CSV in UTF-8; if it is UTF-16, set "
    "data.transactions.options.encoding: utf-16-le."
)
EMPTY = "o.csv is empty. Export it again."
MALFORMED = [
    (b"", EMPTY),
    (b"\n \n", EMPTY),
    (b"\n" * 2000, EMPTY),
    (b"\xef\xbb\xbf", EMPTY),
    (b"\xff\xfe", EMPTY),
    (HEADER.encode(), "o.csv has no rows below its header. Export it again."),
    (HEADER.strip().encode(), "o.csv has no rows below its header. Export it again."),
    ((HEADER + ROW + "b,2024-01-06\n").encode(), "line 3 of o.csv has 2 values where the header has 3: "
     f"'b,2024-01-06'.\n{QUOTES}"),
    ((HEADER + ROW + "b,2024-01-06,1,2\n").encode(), "line 3 of o.csv has 4 values where the header has 3: "
     f"'b,2024-01-06,1,2'.\n{QUOTES}"),
    (("Orders\n" + HEADER + ROW).encode(), "line 2 of o.csv has 3 values where the header has 1: "
     f"'customer_id,order_date,revenue'.\n{QUOTES}"),
    ((HEADER + '"a\nb",2024-01-05,1\nc\n').encode(),
     f"line 4 of o.csv has 1 value where the header has 3: 'c'.\n{QUOTES}"),
    (("\n\n" + HEADER + ROW + "c\n").encode(), f"line 5 of o.csv has 1 value where the header has 3: 'c'.\n{QUOTES}"),
    ((HEADER + ROW + "张\n").encode("gbk"), f"line 3 of o.csv has 1 value where the header has 3: '张'.\n{QUOTES}"),
    ((HEADER + ROW + '"b,2024-01-06,1\n').encode(), f"line 3 of o.csv {UNCLOSED}"),
    ((HEADER + '"a"x,2024-01-06,1\n').encode(), f"line 2 of o.csv {UNCLOSED}"),
    ((HEADER + "a\0,2024-01-05,1\n").encode(), f"o.csv holds NUL bytes, the first in line 2, {NULS}"),
    ((HEADER + ROW).encode("utf-16-le"), f"o.csv holds NUL bytes, the first in line 1, {NULS}"),
    ((HEADER + ROW).encode("utf-32"), f"o.csv holds NUL bytes, the first in line 1, {NULS}"),
    (b"\xef\xbb\xbf" + (HEADER + "张,2024-01-05,1\n").encode("gbk"),
     "o.csv begins as utf-8, but holds other bytes too. Export it again."),
    (b"\xff\xfe" + (HEADER + ROW).encode("utf-16-le") + b"\xd8",
     "o.csv begins as utf-16-le, but holds other bytes too. Export it again."),
    ((HEADER + "张,2024-01-05,1\n李,2024-01-05,1\n").encode() + "王,2024-01-05,1\n".encode("gbk"),
     "o.csv mixes encodings: 2 lines are UTF-8, 1 are not, first line 4.\n"
     "    Export it again in one encoding, or name one: data.transactions.options.encoding."),
    (b"customer_id,order_date,revenue,revenue\n" + ROW.encode(), "o.csv has columns of the same name: revenue. "
     "Rename one at the source."),
    (b"customer_id,order_date,revenue, Revenue\n" + ROW.encode(), "o.csv has columns of the same name: Revenue, "
     "revenue. Rename one at the source."),
]  # fmt: skip


@pytest.mark.parametrize(("data", "words"), MALFORMED)
def test_malformed_text(client, data, words):
    assert client.refused(lambda: client.orders(data, name="o.csv")) == f"transactions: {words}"


OPTIONS = [
    ({"encoding": "klingon"}, "unknown encoding 'klingon' in data.transactions.options.encoding."),
    ({"encoding": "hex"}, "unknown encoding 'hex' in data.transactions.options.encoding."),
    ({"encoding": "utf-16"}, "o.csv is not utf-16. Leave data.transactions.options.encoding out."),
    ({"encoding": "ascii"}, "o.csv is not ascii. Leave data.transactions.options.encoding out."),
    ({"skip_rows": 9}, "o.csv is empty below the 9 lines that are skipped. Export it again."),
    ({"names": ["a"]}, "o.csv has 3 columns, but data.transactions.options.names gives 1."),
]


@pytest.mark.parametrize(("options", "words"), OPTIONS)
def test_options_that_do_not_fit_the_file(client, options, words):
    data = HEADER + "é,2024-01-05,1\n"
    assert client.refused(lambda: client.orders(data, name="o.csv", **options)) == f"transactions: {words}"


def test_workbooks(client):
    assert client.refused(lambda: client.orders(excel_of(CHINESE, "2024"), name="o.xlsx", sheet="2023")) == (
        "transactions: o.xlsx has no sheet '2023'. Sheets: 2024. Set data.transactions.options.sheet."
    )
    blank = excel_of(pd.DataFrame())
    assert (
        client.refused(lambda: client.orders(blank, name="e.xlsx"))
        == "transactions: sheet 'Sheet1' of e.xlsx is empty."
    )
    assert client.refused(lambda: client.orders(excel_of(CHINESE[:0]), name="h.xlsx")) == (
        "transactions: h.xlsx has no rows below its header. Export it again."
    )
    broken = excel_of(CHINESE)[:500]
    assert client.refused(lambda: client.orders(broken, name="b.xlsx")).startswith(
        "transactions: b.xlsx cannot be read as a workbook:"
    )
    assert client.refused(lambda: client.orders(zipped(), name="z.xlsx")) == (
        "transactions: z.xlsx is a ZIP archive (with 'orders.csv' in it), not a workbook. Unpack it."
    )
    assert client.refused(lambda: client.orders(excel_of(CHINESE), name="n.xlsx", names=["a"])) == (
        "transactions: n.xlsx has 4 columns, but data.transactions.options.names gives 1."
    )


def test_numbers_and_dates_of_a_workbook(client):
    frame = pd.DataFrame({"customer_id": [1001, 1002], "order_date": [45292, 45293.5], "revenue": [1.5, -2]})
    assert [tuple(map(str, row[:3])) for row in client.orders(excel_of(frame), name="o.xlsx")[1]] == [
        ("1001", "2024-01-01 00:00:00", "1.50"),
        ("1002", "2024-01-02 12:00:00", "-2.00"),
    ]


def test_a_broken_parquet_file(client):
    data = parquet_of(CHINESE)
    for broken in (data[:-8], b"PAR1", data[:100] + bytes(len(data) - 108) + data[-8:]):
        assert client.refused(lambda broken=broken: client.orders(broken, name="o.parquet")).startswith(
            "transactions: o.parquet cannot be read:"
        )


# --- where files are -----------------------------------------------------------------------------


def sought(client, *paths: str) -> str:
    return client.refused(lambda: client.prepare({"transactions": {"path": list(paths)}}))


def test_a_missing_file_is_answered_with_its_neighbour(client):
    client.write("exports/orders_2024.csv", HEADER + ROW)
    cure = "Relative paths start at data.root, by default the project's folder."
    root = client.folder
    assert sought(client, "exports/order_2024.csv") == (
        "transactions: no file at exports/order_2024.csv. Did you mean orders_2024.csv?\n"
        f"    Looked for {root}/exports/order_2024.csv. {cure}"
    )
    assert sought(client, "export/orders_2024.csv") == (
        f"transactions: no file at export/orders_2024.csv. The folder {root}/export does not exist.\n"
        f"    Looked for {root}/export/orders_2024.csv. {cure}"
    )
    assert sought(client, "exports/*.txt") == (
        f"transactions: no file matches exports/*.txt.\n    Looked for {root}/exports/*.txt. {cure}"
    )
    assert sought(client, "exports") == (
        f"transactions: a folder, not a file, stands at exports. Name its files, as in *.csv.\n"
        f"    Looked for {root}/exports. {cure}"
    )


def test_rows_do_not_count_twice(client):
    client.write("a.csv", HEADER + ROW)
    assert sought(client, "*.csv", "a.csv") == (
        "transactions: a.csv is named twice by data.transactions.path, so its rows would count twice.\n"
        "    Leave one of the patterns out."
    )


@pytest.mark.parametrize(
    "path", ["a\0b.csv", "x" * 5000, "**x/*.csv", "~nobody-here/a.csv", "", ".", "..", "/", "[", "/*"]
)
def test_names_that_no_file_can_have(client, path):
    assert sought(client, path).startswith("transactions: ")


INSTALL = "Install it, or run `make setup`."
PACKAGES = [
    ("package:lifetimes/datasets/nothing.csv", "the package lifetimes ships no file datasets/nothing.csv."),
    ("package:lifetimes/../../x", "the package lifetimes ships no file ../../x."),
    ("package:lifetimes/../pandas/__init__.py", "the package lifetimes ships no file ../pandas/__init__.py."),
    ("package:lifetimes//etc/passwd", "the package lifetimes ships no file /etc/passwd."),
    ("package:lifetimes", "the package lifetimes ships no file ."),
    ("package:nosuchpackage/a.csv",
     f"the package nosuchpackage is not installed (package:nosuchpackage/a.csv). {INSTALL}"),
    ("package:../x/a.csv", f"the package .. is not installed (package:../x/a.csv). {INSTALL}"),
    ("package:__main__/a.csv", f"the package __main__ is not installed (package:__main__/a.csv). {INSTALL}"),
    ("package:csv/a.csv", f"the package csv is not installed (package:csv/a.csv). {INSTALL}"),
    ("package:/a.csv", f"the package  is not installed (package:/a.csv). {INSTALL}"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "words"), PACKAGES)
def test_files_of_packages(client, path, words):
    assert sought(client, path) == f"transactions: {words}"


# --- numbers, moments and columns that only some of the files have ---------------------------------


def workbook(rows: list[list[object]], **options: object) -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"strings_to_formulas": False, **options}) as book:
        page = book.add_worksheet()
        forms = {
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        for index, row in enumerate([HEADER.strip().split(","), *rows]):
            for column, value in enumerate(row):
                page.write(index, column, value, *([forms[type(value)]] if type(value) in forms else []))
    return stream.getvalue()


def test_a_number_cell_is_that_number_whatever_the_decimal_sign(client):
    cells = ["1.234,50", 234.567, 1.125, 12.5, 0.0000001, 7]
    data = workbook([[f"c{index}", "2024-01-05", cell] for index, cell in enumerate(cells)])
    _, found = client.orders(data, name="o.xlsx", decimal=",")
    assert [str(row[2]) for row in found] == ["1234.50", "234.57", "1.13", "12.50", "0.00", "7.00"]


@pytest.mark.parametrize("kind", ["float64", "float32", "decimal"])
def test_numbers_of_a_parquet_file_beside_a_text_keep_their_value(client, kind):
    amounts = [Decimal("234.567"), Decimal("1.125"), Decimal("-7.000")]
    frame = pd.DataFrame({"customer_id": ["a", "b", "c"], "order_date": "2024-01-05", "revenue": amounts})
    client.write("1.parquet", parquet_of(frame if kind == "decimal" else frame.astype({"revenue": kind})))
    client.write("2.csv", "customer_id;order_date;revenue\nd;2024-01-05;1.234,50\n")
    source = {"path": ["1.parquet", "2.csv"], "options": {"decimal": ","}}
    read = duckdb.sql(
        f"SELECT revenue FROM '{client.prepare({'transactions': source}).path('transactions')}'"
    )
    assert sorted(float(row[0]) for row in read.fetchall()) == [-7.0, 1.13, 234.57, 1234.5]


def test_midnight_of_a_workbook_is_a_moment_where_others_have_a_clock(client):
    moments = [datetime(2024, 1, 3), datetime(2024, 1, 3, 2, 30)]
    zones = {"times_in": "UTC", "time_zone": "America/New_York"}
    text = HEADER + "".join(f"a{n},{moment},1\n" for n, moment in enumerate(moments))
    _, of_text = client.orders(text, **zones)
    _, of_cells = client.orders(
        workbook([[f"a{n}", moment, 1] for n, moment in enumerate(moments)]), name="o.xlsx", **zones
    )
    assert of_cells == of_text
    assert of_cells[0][1] == datetime(2024, 1, 2, 19)
    # Days without any clock are those days everywhere.
    days = workbook([["a", date(2024, 1, 3), 1], ["b", date(2024, 1, 4), 1]])
    assert client.orders(days, name="d.xlsx", **zones)[1][0][1] == datetime(2024, 1, 3)


def test_numbers_of_days_since_1904(client):
    rows = [["a", 43831, 1], ["b", 43832.5, 1]]
    review, found = client.orders(workbook(rows, date_1904=True), name="o.xlsx")
    assert [row[1] for row in found] == [datetime(2024, 1, 2), datetime(2024, 1, 3, 12)]
    assert "order_date: numbers read as days since 1904, as the workbook counts them" in review["notes"]
    _, plain = client.orders(workbook(rows), name="p.xlsx")
    assert plain[0][1] == datetime(2020, 1, 1)
    source = {"path": ["o.xlsx", "p.xlsx"]}
    words = client.refused(lambda: client.prepare({"transactions": source}))
    assert "has days as numbers, which o.xlsx counts from 1904 and other files from 1900" in words


def test_a_column_that_one_file_has_not(client):
    client.write("a.csv", "customer_id,order_date,revenue,Refund\na,2024-01-13,10,5\n")
    client.write("b.csv", "customer_id,order_date,revenue,refunded\nb,2024-02-14,9,4\n")
    asked = {"path": "*.csv", "options": {"refund_column": "Refund"}}
    assert client.refused(lambda: client.prepare({"transactions": asked})) == (
        "transactions: column 'Refund' is not in b.csv, but in other files of data.transactions.path. "
        "Did you mean 'refunded' there?\n    Name it alike in every file, or take it out of "
        "data.transactions.options.refund_column in params/acme.yaml."
    )
    mapped = {"path": "*.csv", "columns": {"channel": "refunded"}}
    words = client.refused(lambda: client.prepare({"transactions": mapped}))
    assert "column 'refunded' is not in a.csv" in words and "data.transactions.columns.channel" in words
    either = {"path": "*.csv", "columns": {"channel": ["refunded", "Refund"]}}
    client.prepare({"transactions": either})  # each file has one of the two
    client.write("b.csv", "customer_id,order_date,revenue,REFUND\nb,2024-02-14,9,4\n")
    review = client.prepare({"transactions": asked}).review["tables"]["transactions"]
    assert float(review["refunded_in_column"]) == 9


def test_one_file_by_two_paths_counts_once(client):
    path = client.write("d/a.csv", HEADER + ROW)
    (path.parent / "b.csv").symlink_to(path)
    both = "a.csv is named twice by data.transactions.path, so its rows would count twice"
    assert both in sought(client, "d/a.csv", "d/../d/a.csv")
    assert "(as a.csv too, which is the same file)" in sought(client, "d/*.csv")
