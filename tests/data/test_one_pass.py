"""One pass from file to prepared table: the same rows, bytes and words as the long way round."""

from __future__ import annotations

import importlib
import json

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cam.data import engine
from cam.data.engine import all_differ, literal
from cam.data.types.dates import _EVERY, _reader

prepare = importlib.import_module("cam.data.prepare")

HEADER = "customer_id,order_id,order_date,revenue,channel\n"
DROP = {"drop_missing_ids": True, "drop_unreadable": True}


def read(client, text: str, **options):
    """The review without its digests, and the bytes of the table."""
    client.write("o.csv", text)
    made = client.prepare({"transactions": {"path": "o.csv", "options": options}}, currency="CNY")
    review = {name: value for name, value in made.review.items() if name != "key"}
    return json.loads(json.dumps(review)), made.path("transactions").read_bytes(), made


def rows_of(data) -> list[tuple]:
    return duckdb.sql(f"SELECT * FROM '{data[2].path('transactions')}'").fetchall()


# --- consistent ----------------------------------------------------------------------------------

VALUE = {
    "customer_id": ["C0001", "C0002", " c3 ", "", "NULL", "Guest", "1**2", '="007"', "12.0"],
    "order_id": ["O1", "O2", "O3", "O4", "", "O5 "],
    "order_date": ["2024-01-05", "2024-01-06 10:30:00", " 2024-01-07", "never", "", "1800-01-01"],
    "revenue": ["1", "2.50", "1.005", "-3", "¥4", "x", "", "0"],
    "channel": ["web", " web", "", "线下　", '"a|b"'],
}
ROW = st.tuples(*(st.sampled_from(values) for values in VALUE.values())).map(",".join)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=12), copies=st.booleans())
def test_a_table_read_from_its_file_is_the_one_that_stood_in_the_engine(client, monkeypatch, rows, copies):
    text = HEADER + "\n".join(["C0001,O0,2024-01-05,5,web", *rows, ",,,,"]) + "\n"
    fast = read(client, text, drop_duplicates=copies, decimal=".", **DROP)
    parse = prepare.parse
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "code_digest", lambda _: "another")
        patch.setattr(prepare, "parse", lambda *args, to=None, **kwargs: parse(*args, **kwargs))
        slow = read(client, text, drop_duplicates=copies, decimal=".", **DROP)
    assert fast[0] == slow[0]
    assert rows_of(fast) == rows_of(slow)


@pytest.mark.slow
def test_the_same_rows_are_the_same_bytes_whatever_the_threads(client, monkeypatch):
    """Row groups are of one size whoever fills them; three kinds of file take three ways to their table."""
    kinds = {
        "clean": "'O' || i, {day}, i % 977 / 100.0",
        "lines": "'O' || (i // 3), {day}, CASE WHEN i % 50 = 0 THEN -1 ELSE i % 977 / 100.0 END",
        "faults": "'O' || i, CASE WHEN i % 1000 = 7 THEN 'never' ELSE {day} END, i % 977 / 100.0",
    }
    day = "strftime(TIMESTAMP '2021-01-01' + to_seconds(i // 3 * 97), '%Y-%m-%d %H:%M:%S')"
    for kind, columns in kinds.items():
        path = client.folder / "o.csv"
        duckdb.sql(
            f"COPY (SELECT 'C' || (i * 7919 % 5000) AS customer_id, * FROM (SELECT i, "
            f"{columns.format(day=day)} FROM range(200000) t(i)) AS t(i, order_id, order_date, revenue)) "
            f"TO '{path}' (HEADER)"
        )
        text = path.read_text()
        found = set()
        for threads in (1, 4):
            workspace = engine.workspace

            def opened(folder, threads=threads, workspace=workspace):
                with duckdb.connect(config={"threads": threads}):
                    connection = workspace(folder)
                if threads > 1:
                    connection.execute(f"SET threads = {threads}")
                return connection

            monkeypatch.setattr(prepare, "workspace", opened)
            monkeypatch.setattr(prepare, "code_digest", lambda _, threads=threads: str(threads))
            review, data, _ = read(client, text, **DROP)
            found.add((json.dumps(review), data))
        assert len(found) == 1, kind


def test_the_first_rows_do_not_speak_for_all(client):
    """Two hundred days that begin with the year, then some that do not: all rows decide, as they always did."""
    first = "".join(f"C{n},O{n},2024-01-05,1,web\n" for n in range(300))
    assert "never" in client.refused(lambda: read(client, HEADER + first + "C0,O300,never,1,web\n"))
    stamped = read(client, HEADER + first + "C0,O300,2024-01-06T23:30:00+08:00,1,web\n")
    assert str(rows_of(stamped)[-1][1]) == "2024-01-06 23:30:00"
    mixed = read(client, HEADER + first + "C0,O300,2024/02/03,1,web\n")
    assert str(rows_of(mixed)[-1][1]) == "2024-02-03 00:00:00"


TEXT = st.text("0123456789-/.: T年月日PMA", max_size=22) | st.sampled_from(
    [
        "2024-1-5",
        "24-01-05",
        "2024-01-05",
        "20240105",
        "2024-01-05 9:30",
        "2024-01-05 10:30:5",
        "2024-1-5 1:30:00.12",
    ]
)


@settings(max_examples=400, deadline=None)
@given(text=TEXT)
def test_to_look_at_a_date_first_changes_no_answer(text):
    formats = _EVERY["year first"]
    listed = f"try_strptime({literal(text)}, [{', '.join(map(literal, formats))}])"
    quick, slow = duckdb.sql(f"SELECT {_reader(literal(text), formats)}, {listed}").fetchone()
    assert quick == slow


def test_values_that_all_differ(monkeypatch):
    connection = duckdb.connect()
    for limit in (10, 10_000):
        monkeypatch.setattr(engine, "_SORTED", limit)
        assert all_differ(connection, "range(1000)", "'x' || range", 1000)
        assert not all_differ(connection, "range(1000)", "'x' || range % 999", 1000)


# --- refuses -------------------------------------------------------------------------------------


def test_a_line_far_down_that_cannot_be_read_goes_before_what_follows_from_it(client):
    many = "".join(f"C{n},O{n},2024-01-05,1,web\n" for n in range(60_000))
    for bad, words in [
        ("C1,O1,2024-01-05\n", "line 60,002 of o.csv has 3 values where the header has 5"),
        ('C1,O1,2024-01-05,1,"web\n', "line 60,002 of o.csv has a quote that is not closed"),
        ("C1,O1,2024-01-05,1,web,more\n", "line 60,002 of o.csv has 6 values where the header has 5"),
    ]:
        assert words in client.refused(lambda bad=bad: read(client, HEADER + many + bad))
        wrong = (HEADER + many + bad).replace("order_date", "day", 1)
        assert words in client.refused(lambda wrong=wrong: read(client, wrong))


def test_faults_of_several_files_name_row_and_file(client):
    client.write("a.csv", HEADER + "C1,O1,2024-01-05,1,web\n" * 3)
    client.write("b.csv", HEADER + "C1,O2,2024-01-05,1,web\nC1,O3,2024-01-05,x,web\n")
    said = client.refused(lambda: client.prepare({"transactions": {"path": ["a.csv", "b.csv"]}}))
    assert "1 of 5 rows has a revenue that cannot be read (first rows: 2 of b.csv; such as 'x')" in said
