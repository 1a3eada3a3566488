"""One pass from file to prepared table: the same rows, bytes and words as the long way round."""

from __future__ import annotations

import importlib
import json

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cam.data import cache, engine
from cam.data.engine import all_differ, literal
from cam.data.types.dates import _EVERY, _reader

prepare = importlib.import_module("cam.data.prepare")
parse_module = importlib.import_module("cam.data.parse")

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
        patch.setattr(cache, "code_digest", lambda _: "another")
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
            f"COPY (SELECT 'C' || (i // {3 if kind == 'lines' else 1} * 7919 % 5000) AS customer_id, * FROM (SELECT i, "
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
            monkeypatch.setattr(cache, "code_digest", lambda _, threads=threads: str(threads))
            review, data, made = read(client, text, **DROP)
            found.add((json.dumps(review), data))
            # Rows stand as in their file; those of orders that were changed follow, in that order too.
            ids = duckdb.sql(f"SELECT order_id FROM '{made.path('transactions')}'").fetchnumpy()["order_id"]
            numbers = np.char.lstrip(ids.astype("U"), "O").astype(int)
            assert (numbers[1:] < numbers[:-1]).sum() == (kind == "lines"), kind
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


def test_dates_that_only_a_few_rows_have_are_tried_on_these_alone(client, monkeypatch):
    """Whatever the few are, the answer is that of all forms tried on all rows."""
    first = [f"C{n},O{n},{n % 28 + 1:02d}/{n % 12 + 1:02d}/2024,1,web\n" for n in range(300)]
    for odd, day in [("3 Feb 2024", "2024-02-03"), ("05.06.24", "2024-06-05"), ("2024-02-03", None)]:
        text = HEADER + "".join(first) + f"C0,O300,{odd},1,web\n"
        made = rows_of(read(client, text, drop_unreadable=True))
        assert len(made) == 300 + bool(day)
        assert str(made[30][1])[:10] == "2024-07-03"
        assert day is None or str(made[-1][1])[:10] == day
    year = [f"C{n},O{n},2024-01-05,1,web\n" for n in range(300)]
    typed, calls = parse_module.type_table, []
    monkeypatch.setattr(parse_module, "type_table", lambda *a, **k: calls.append(1) or typed(*a, **k))
    made = read(client, HEADER + "".join(year) + "C0,O300,never,1,web\n", drop_unreadable=True)
    assert (len(rows_of(made)), len(calls)) == (300, 1)


def test_lines_that_need_nothing_stay_in_their_order_and_the_others_follow(client):
    text = "".join(
        f"C{n},O{n},2024-01-{1 + line:02d},{line},web\nC{n},O{n},2024-01-01,{'-2' if n == 3 else '7'},web\n"
        for n in range(6)
        for line in [2 if n == 1 else 0]
    )
    made = rows_of(read(client, HEADER + text))
    assert [row[3] for row in made] == [f"O{n}" for n in (0, 2, 4, 5, 1, 3) for _ in range(2)]
    assert [(str(row[1])[:10], row[-1]) for row in made[-4:]] == [
        ("2024-01-01", "purchase"),
        ("2024-01-01", "purchase"),
        ("2024-01-01", "purchase"),
        ("2024-01-01", "netted refund"),
    ]


@pytest.mark.parametrize("name", ["channel", "file_index"])
def test_files_that_are_alike_are_read_as_one_and_rows_keep_the_name_of_theirs(client, name):
    header = HEADER.replace("channel", name)
    for n in range(4):
        mark = "\ufeff" if n == 1 else ""
        rows = f"C1,O{n},2024-01-05,{'x' if n == 2 else 1},web\n"
        client.write(f"{n}.csv", f"{mark}{header}" + rows)
    said = client.refused(lambda: client.prepare({"transactions": {"path": "*.csv"}}))
    assert "(first rows: 1 of 2.csv; such as 'x')" in said
