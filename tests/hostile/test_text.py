"""Text files that are broken, are something else, or were made to do harm: each ends in a sentence with its cure."""

from __future__ import annotations

import gzip
import io
import sqlite3
import zipfile
from pathlib import Path

import pytest
from hostile.room import GOOD, HEADER, ROWS, Room, ends, source

AGAIN = r"[Ee]xport"  # "Export it again", "... at the source"
MEND = r"source|[Ee]xport|skip_rows|quotes"


def zipped(name: str = "orders.csv") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, GOOD)
    return stream.getvalue()


def sqlite_file(folder: Path) -> bytes:
    base = sqlite3.connect(folder / "made.db")
    base.execute("CREATE TABLE orders (a)")
    base.commit()
    base.close()
    return (folder / "made.db").read_bytes()


def named(cases: dict[str, tuple[object, ...]]) -> list[object]:
    return [pytest.param(*values, id=name) for name, values in cases.items()]


# --- what is no text ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "words"),
    named(
        {
            "zip": ("orders.csv", zipped(), ("ZIP", "unpack")),
            "gzip": ("orders.csv", gzip.compress(GOOD.encode()), ("gzip", "Unpack")),
            "pdf": ("orders.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", ("PDF", AGAIN)),
            "web page": (
                "orders.csv",
                b"<!DOCTYPE html><html><body>Sign in</body></html>",
                ("web page", AGAIN),
            ),
            "json": ("orders.csv", b'[{"customer_id": "a", "revenue": 1}]', ("JSON", AGAIN)),
            "program": (
                "orders.csv",
                b"\x7fELF\x02\x01\x01" + bytes(64) + b"\xff\xfe" * 600,
                ("NUL|no text", AGAIN),
            ),
            "picture": (
                "orders.csv",
                b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4,
                ("no text", AGAIN),
            ),
            "old workbook": (
                "orders.csv",
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
                ("Excel", "xls"),
            ),
            "text as xlsx": ("orders.xlsx", GOOD.encode(), ("text", r"Rename.*\.csv")),
            "text as parquet": ("orders.parquet", GOOD.encode(), ("text", r"Rename.*\.csv")),
            "nothing": ("orders.csv", b"", ("empty", AGAIN)),
            "only a byte-order mark": ("orders.csv", b"\xef\xbb\xbf", ("empty", AGAIN)),
            "only a UTF-16 byte-order mark": ("orders.csv", b"\xff\xfe", ("empty", AGAIN)),
            "only blank lines": ("orders.csv", b"\r\n" * 2000, ("empty", AGAIN)),
            "only zeros": ("orders.csv", bytes(5000), ("NUL", AGAIN)),
            "random bytes": (
                "orders.csv",
                bytes((i * i * 7919 + i) % 251 + 4 for i in range(9000)),
                ("no text", AGAIN),
            ),
        }
    ),
)
def test_what_is_no_text(room: Room, name: str, data: bytes, words: tuple[str, ...]) -> None:
    ends(room, source(room.write(data, name)), 3, name, *words)


def test_a_database_called_csv(room: Room) -> None:
    ends(room, source(room.write(sqlite_file(room.folder))), 3, "orders.csv", "SQLite", AGAIN)


# --- encodings ----------------------------------------------------------------------------------

ACCENTED = HEADER + "Zoë,2024-01-05,10\n李雷,2024-01-06,20\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(
            ACCENTED.encode() + "王芳,2024-01-07,5\n".encode("gbk"),
            ("mixes encodings", "line 4", AGAIN),
            id="utf-8 and gbk in one file",
        ),
        pytest.param(GOOD.encode("utf-16-le"), ("UTF-16|utf-16", "encoding"), id="utf-16-le without a mark"),
        pytest.param(GOOD.encode("utf-16-be"), ("UTF-16|utf-16", "encoding"), id="utf-16-be without a mark"),
        pytest.param(GOOD.encode("utf-16")[:-1], ("utf-16", AGAIN), id="utf-16 cut within a sign"),
        pytest.param(GOOD.encode("utf-32"), ("NUL|UTF-32", AGAIN), id="utf-32"),
        pytest.param((GOOD * 3).encode("cp500"), ("no text|no rows", AGAIN), id="ebcdic"),
        pytest.param(
            ("\ufeff" + GOOD.replace("a,", "Zoë,")).encode("utf-7"), ("customer_id", "column"), id="utf-7"
        ),
        pytest.param(GOOD.encode() + b"c\0d,2024-01-07,5\n", ("NUL", "line 5", AGAIN), id="a NUL in a row"),
        pytest.param(
            b"\xef\xbb\xbf" + GOOD.encode() + b"\xff\xff,2024-01-07,5\n",
            ("utf-8", AGAIN),
            id="broken after a mark",
        ),
    ],
)
def test_encodings(room: Room, data: bytes, words: tuple[str, ...]) -> None:
    ends(room, source(room.write(data)), 3, "orders.csv|transactions", *words)


@pytest.mark.parametrize(
    "encoding",
    [
        "klingon",
        "rot13",
        "base64",
        "punycode",
        "idna",
        "undefined",
        "unicode_escape",
        "mbcs",
        "../utf-8",
    ],
)
def test_encodings_that_are_none(room: Room, encoding: str) -> None:
    # Some are codecs of Python's that are no encoding of files; one takes a minute for a megabyte.
    path = room.write(HEADER + "ä,2024-01-05,1\n" * 40_000)
    ends(room, source(path, encoding=encoding), 3, "transactions", r"data\.transactions\.options\.encoding")


# --- lines and columns --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(HEADER, ("no rows", AGAIN), id="only a header"),
        pytest.param(
            "customer_id^order_date^revenue\na^2024-01-05^1\n",
            ("customer_id", "not found", "delimiter"),
            id="no known delimiter",
        ),
        pytest.param(GOOD + "c,2024-01-07\n", ("line 5", "2 values", MEND), id="a short line"),
        pytest.param(GOOD + "c,2024-01-07,1,2,3\n", ("line 5", "5 values", MEND), id="a long line"),
        pytest.param(GOOD + "c,2024-01", ("line 5", "2 values", MEND), id="cut within a row"),
        pytest.param(GOOD + '"c,2024-01-07,5\n' + ROWS, ("line 5", "quote", MEND), id="a quote never closed"),
        pytest.param(
            GOOD + 'c "the" d,2024-01-07,5\n"e" f,2024-01-07,5\n',
            ("line 6", "quote", MEND),
            id="text behind a quote",
        ),
        pytest.param(
            HEADER * 2 + ROWS,
            ("rows: 1", "such as 'order_date'", "skip_rows|at the source|drop_unreadable"),
            id="the header twice",
        ),
        pytest.param(
            GOOD + GOOD,
            ("rows: 4", "such as 'order_date'", "at the source|drop_unreadable"),
            id="exports laid end to end",
        ),
        pytest.param(
            "customer_id,revenue,order_date,revenue\na,1,2024-01-05,2\n",
            ("revenue", "same name", "Rename"),
            id="two columns of one name",
        ),
        pytest.param(
            "customer_id,revenue,order_date,REVENUE\na,1,2024-01-05,2\n",
            ("revenue", "same name", "Rename"),
            id="two columns that differ by case",
        ),
        pytest.param("a,b,c\n1,2,3\n", ("customer_id", r"data\.transactions\.columns"), id="other columns"),
        pytest.param("Report of May\n\n" + GOOD, ("skip_rows",), id="a title above the header"),
        pytest.param(
            f"{'x' * 10_000},order_date,revenue\na,2024-01-05,1\n",
            ("customer_id", "columns"),
            id="a name of 10,000 signs",
        ),
        pytest.param(
            "customer\x1b[2J\x07,order_date,revenue\na,2024-01-05,1\n",
            ("customer_id", "columns"),
            id="commands for the terminal as a name",
        ),
        pytest.param(
            "\u202edi_remotsuc,order_date,revenue\na,2024-01-05,1\n",
            ("customer_id", "columns"),
            id="a name that runs backwards",
        ),
        pytest.param(
            'x"; DROP TABLE t; --,order_date,revenue\na,2024-01-05,1\n',
            ("customer_id", "columns"),
            id="a command as a name",
        ),
        pytest.param(
            "customer_id,order_date,revenue\n" + "a\x1b]0;pwned\x07,2024-99-05,1\n",
            ("order_date", "row|rows"),
            id="commands for the terminal as a value",
        ),
    ],
)
def test_lines_and_columns(room: Room, text: str, words: tuple[str, ...]) -> None:
    ends(room, source(room.write(text)), 3, "orders.csv|transactions", *words)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param(
            GOOD.replace("\n", "\r\n", 2) + "c,2024-01-07,5\rd,2024-01-07,5\r",
            5,
            id="three kinds of line ends",
        ),
        pytest.param(GOOD.replace("\n", "\r"), 3, id="returns alone"),
        pytest.param("sep=,\n" + GOOD, 3, id="a line for Excel above the header"),
        pytest.param(
            GOOD + "c\x0bd\x0ce\x1c\x85f\u2028,2024-01-07,5\n", 4, id="what only Python takes for line ends"
        ),
        pytest.param(
            '"customer_id","order_date","revenue\nin euro"\na,2024-01-05,1\n', 1, id="a name over two lines"
        ),
        pytest.param(
            GOOD + "👩\u200d👩\u200d👧,2024-01-07,5\n\u200b\u202eb,2024-01-07,5\n",
            5,
            id="emoji and invisible signs",
        ),
        pytest.param(
            GOOD + "\"'; DROP TABLE transactions; --\",2024-01-07,5\n\"1' OR '1'='1\",2024-01-07,5\n",
            5,
            id="commands as ids",
        ),
        pytest.param(
            GOOD + "=cmd|' /C calc'!A0,2024-01-07,5\n@SUM(A1),2024-01-07,5\n", 5, id="formulas as ids"
        ),
        pytest.param(
            GOOD
            + "../../etc/passwd,2024-01-07,5\n{{x}}7,2024-01-07,5\n%s%n,2024-01-07,5\n{0.__class__},2024-01-07,5\n",
            7,
            id="paths and templates as ids",
        ),
    ],
)
def test_odd_but_sound(room: Room, text: str, rows: int) -> None:
    columns = {"revenue": "revenue\nin euro"} if "in euro" in text else {}
    ends(room, source(room.write(text), columns=columns), 0, rf"\b{rows}\b")


def test_surrogates_are_no_utf_8(room: Room) -> None:
    path = room.write(HEADER + "\ud83d\ude00,2024-01-05,1\n李雷,2024-01-06,20\n")
    ends(room, source(path), 3, "orders.csv", "mixes encodings", "line 2")


# --- too much -----------------------------------------------------------------------------------


def test_a_million_columns(room: Room) -> None:
    names = ",".join(f"c{index}" for index in range(1_000_000))
    path = room.write(f"customer_id,order_date,revenue,{names}\n")
    ends(room, source(path), 3, "orders.csv", "1,000,003 columns", "delimiter|[Ee]xport")


def test_fifty_thousand_columns_of_a_sound_file(room: Room) -> None:
    n = 50_000
    names = ",".join(f"c{index}" for index in range(n))
    rows = "".join(f"a,2024-01-0{day},1{',' * n}\n" for day in range(1, 6))
    path = room.write(f"customer_id,order_date,revenue,{names}\n{rows}")
    ends(room, source(path), 3, "orders.csv", "50,003 columns", "[Ee]xport")


@pytest.mark.slow
def test_as_many_columns_as_are_read(room: Room) -> None:
    names = ",".join(f"c{index}" for index in range(4_093))
    rows = "".join(f"a{n},2024-01-05,1{',x' * 4_093}\n" for n in range(1000))
    path = room.write(f"customer_id,order_date,revenue,{names}\n{rows}")
    ends(room, source(path), 0, r"\b1,?000\b")


def test_a_line_of_two_gigabytes_of_zeros(room: Room) -> None:
    path = room.sparse(2_100_000_000)
    ends(room, source(path), 3, "orders.csv", "line 5", "16 MB", AGAIN)


@pytest.mark.slow  # it takes some seconds to write
def test_a_line_of_two_gigabytes_of_text(room: Room) -> None:
    path = Path(room.write(GOOD))
    with path.open("ab") as stream:
        for _ in range(128):
            stream.write(b"a,2024-01-05,1;;" * (1 << 20))
    ends(room, source(str(path)), 3, "orders.csv", "line 5", "16 MB", AGAIN)


def test_a_header_of_forty_megabytes(room: Room) -> None:
    ends(room, source(room.write(b"x" * 40_000_000 + b"\n1\n")), 3, "orders.csv", "line 1", "16 MB", AGAIN)


def test_a_field_of_a_hundred_megabytes(room: Room) -> None:
    path = room.write(GOOD.encode() + b'"' + b"x" * 100_000_000 + b'",2024-01-05,1\n' + ROWS.encode())
    ends(room, source(path), 3, "orders.csv", "line 5", "16 MB", AGAIN)


def test_a_field_of_forty_megabytes_over_many_lines(room: Room) -> None:
    path = room.write(GOOD.encode() + b'"' + b"xxxxxxxxx\n" * 4_000_000 + b'",2024-01-05,1\n' + ROWS.encode())
    ends(room, source(path), 3, "orders.csv", "line 5", "quote", MEND)


@pytest.mark.slow
def test_a_quote_never_closed_in_two_hundred_megabytes(room: Room) -> None:
    path = Path(room.write(GOOD + '"c,2024-01-07,5\n'))
    with path.open("ab") as stream:
        for _ in range(200):
            stream.write(ROWS.encode() * 18_000)
    ends(room, source(str(path)), 3, "orders.csv", "line 5", "quote", MEND)


# --- places -------------------------------------------------------------------------------------


def test_a_pipe(room: Room) -> None:
    import os

    path = room.folder / "orders.csv"
    os.mkfifo(path)
    ends(room, source(str(path)), 3, "orders.csv", "no plain file|pipe", "data.transactions.path")


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/tty", "/proc/self/mem"])
def test_a_device(room: Room, target: str) -> None:
    if not Path(target).exists():
        pytest.skip(f"no {target} here")
    path = room.folder / "orders.csv"
    path.symlink_to(target)
    ends(room, source(str(path)), 3, "orders.csv", "no plain file|device|cannot be opened", "Copy|copy|path")


def test_links_that_lead_nowhere_or_round(room: Room) -> None:
    (room.folder / "round.csv").symlink_to(room.folder / "round.csv")
    (room.folder / "gone.csv").symlink_to(room.folder / "nothing.csv")
    for name in ("round.csv", "gone.csv"):
        ends(room, source(str(room.folder / name)), 3, name, "no path|no file|link")


def test_a_folder(room: Room) -> None:
    room.write(GOOD, "orders.csv/inner.csv")
    ends(room, source(str(room.folder / "orders.csv")), 3, "folder", r"\*\.csv")


def test_a_file_that_may_not_be_read(room: Room) -> None:
    path = room.write(GOOD)
    Path(path).chmod(0)
    outcome = ends(
        room, source(path), 3, "orders.csv", "cannot be opened|may not", "right", without_rights=True
    )
    assert "Permission denied" in outcome.err


def test_a_folder_that_may_not_be_looked_into(room: Room) -> None:
    path = Path(room.write(GOOD, "closed/orders.csv"))
    path.parent.chmod(0)
    for pattern in (str(path), str(path.with_name("*.csv")), str(path.with_name("order.csv"))):
        ends(room, source(pattern), 3, "closed", "Permission denied", "right to read", without_rights=True)
    path.parent.chmod(0o700)


def test_a_file_that_grows_while_it_is_read(room: Room) -> None:
    path = room.write(HEADER + ROWS * 300_000)
    ends(room, source(path), 3, "orders.csv", "changed while it was read", "again", grows=path)


def test_a_long_value_is_no_fault_of_its_line(room: Room) -> None:
    wide = HEADER.replace("\n", ",note\n") + f"a,2024-01-05,10.00,{'x' * 200_000}\n"
    path = room.write(wide + "a,2024-03-05,20.50,\n" * 50 + "b,2024-02-01,5.00,,x,y,z\n")
    outcome = ends(room, source(path), 3, "line 53", "7 values")
    assert "quote" not in outcome.err.split("\n")[0]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../../../../../../etc/passwd", ("passwd",)),
        ("orders\0.csv", ("control character",)),
        ("x" * 5000, ("no path|too long",)),
        ("[", (r"no file (at|matches)",)),
        ("**", ("no file matches",)),
        ("~nobody-of-this-name/orders.csv", ("no path|no file",)),
        ("package:cam/../../secret.csv", ("ships no file",)),
        ("sample:../../secret", ("sample",)),
        ("https://example.com/orders.csv", ("no file|address|download",)),
        ("s3://bucket/orders.csv", ("no file|address|download",)),
    ],
    ids=["climbs", "NUL", "long", "bracket", "everything", "home", "package", "sample", "web", "bucket"],
)
def test_paths(room: Room, path: str, words: tuple[str, ...]) -> None:
    content = source(path)
    content["data"]["root"] = str(room.folder)
    outcome = room.cam("check", room.params(content))
    assert outcome.code in {2, 3}, outcome.told
    for word in words:
        import re

        assert re.search(word, outcome.told), outcome.told


def test_a_pattern_over_the_whole_machine(room: Room) -> None:
    ends(room, source("/**/*.csv"), 3, r"/\*\*/\*\.csv", "folder")


def test_a_pattern_that_finds_thousands(room: Room) -> None:
    for number in range(300):
        room.write(GOOD, f"many/{number}.csv")
    outcome = room.cam("check", room.params(source(str(room.folder / "many" / "*.csv"))))
    assert outcome.code in {0, 3}, outcome.told
    assert "900" in outcome.told
