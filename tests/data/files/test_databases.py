"""Databases as sources: the same table as its file, a cure for what is missing, and no secret told."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from urllib.parse import quote

import duckdb
import ibis
import pandas as pd
import psycopg
import pytest

from cam.data.files import databases
from cam.data.files.databases import expand_url, fetch
from cam.data.files.urls import connection_cure
from cam.errors import ParamsError
from cam.params import Source
from cam.project import cache_folder

ORDERS = pd.DataFrame(
    {
        "customer_id": ["a", "b", "客户", "a"],
        "order_date": [
            "2024-01-05 10:30:00",
            "2024-01-06 00:00:00",
            "2024-02-01 23:59:59",
            "2024-02-02 00:00:00",
        ],
        "revenue": ["12.50", "0.00", "1234567.89", "-3.10"],
        "order_id": ["1", "2", "3", "1"],
    }
)
TABLE = {"transactions": {"table": "orders"}}


@pytest.fixture
def expected(client, rows_of):
    ORDERS.to_csv(client.folder / "orders.csv", index=False)
    prepared = client.prepare({"transactions": {"path": "orders.csv"}})
    return prepared.review["tables"]["transactions"], rows_of(prepared)


def check(client, expected, rows_of, engine: str, table: str = "orders"):
    prepared = client.prepare({"transactions": {"table": table}}, engine=engine)
    review = prepared.review["tables"]["transactions"]
    assert rows_of(prepared) == expected[1]
    assert review | {"files": []} == expected[0] | {"files": []}
    assert review["files"] == [table]
    again = client.prepare({"transactions": {"table": table}}, engine=engine)
    assert (again.key, again.folder) == (prepared.key, prepared.folder)


def make_sqlite(path) -> None:
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE orders (customer_id TEXT, order_date TIMESTAMP, revenue REAL, order_id INTEGER)"
        )
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", ORDERS.itertuples(index=False))
    database.close()


def make_duckdb(path) -> None:
    with duckdb.connect(str(path)) as database:
        database.register("frame", ORDERS)
        database.execute(
            "CREATE TABLE orders AS SELECT customer_id, order_date::TIMESTAMP AS order_date, "
            "revenue::DECIMAL(18, 2) AS revenue, order_id::INTEGER AS order_id FROM frame"
        )
        database.execute("CREATE SCHEMA sales; CREATE VIEW sales.orders AS SELECT * FROM main.orders")


def test_sqlite(client, expected, rows_of):
    make_sqlite(client.folder / "shop.db")
    check(client, expected, rows_of, "sqlite://shop.db")
    check(client, expected, rows_of, f"sqlite://{client.folder}/shop.db")


def test_duckdb(client, expected, rows_of):
    make_duckdb(client.folder / "shop.duckdb")
    check(client, expected, rows_of, "duckdb://shop.duckdb")
    check(client, expected, rows_of, "duckdb://shop.duckdb", "sales.orders")
    with duckdb.connect(str(client.folder / "shop.duckdb"), read_only=True):
        check(client, expected, rows_of, "duckdb://shop.duckdb")


def test_postgres(client, expected, rows_of, postgres_url, monkeypatch):
    database = ibis.connect(postgres_url)
    for statement in (
        "DROP SCHEMA IF EXISTS prepare_test CASCADE",
        "CREATE SCHEMA prepare_test",
        "CREATE TABLE prepare_test.orders "
        "(customer_id VARCHAR(20), order_date TIMESTAMP, revenue NUMERIC, order_id BIGINT, extra JSONB)",
    ):
        database.raw_sql(statement).close()
    rows = ", ".join(
        f"('{row.customer_id}', '{row.order_date}', {row.revenue}, {row.order_id})"
        for row in ORDERS[::-1].itertuples()
    )
    database.raw_sql(
        f"INSERT INTO prepare_test.orders (customer_id, order_date, revenue, order_id) VALUES {rows}"
    ).close()
    database.con.commit()
    database.disconnect()
    monkeypatch.setenv("SHOP_PASSWORD", "p@ss/w:rd#?")
    engine = postgres_url.replace("cam@", "cam:${SHOP_PASSWORD}@")
    expected[0]["columns_unused"] = ["extra"]
    check(client, expected, rows_of, engine, "prepare_test.orders")
    host = postgres_url.split("@")[1]
    assert client.refused(
        lambda: client.prepare({"transactions": {"table": "prepare_test.order"}}, engine=engine)
    ) == (f"data.engine: postgres://{host} has no table prepare_test.order. Tables there: orders.")


def test_a_server_that_is_not_there(client, monkeypatch):
    secret = "s3cret/with@signs"
    monkeypatch.setenv("SHOP_PASSWORD", secret)
    words = client.refused(
        lambda: client.prepare(TABLE, engine="postgres://reader:${SHOP_PASSWORD}@127.0.0.1:1/shop")
    )
    assert words.startswith("data.engine: cannot connect to postgres://127.0.0.1:1/shop: ")
    assert "refused. Is the server running" in words and words.endswith("?")
    assert "s3cret" not in words
    assert "reader" not in words.split(": ")[1]


@pytest.mark.parametrize(
    "url", ["postgres://h:notaport/shop", "nosuch://host/shop", "postgres://${SHOP_PASSWORD}"]
)
def test_urls_that_lead_nowhere_end_in_a_sentence_without_the_secret(client, monkeypatch, url):
    monkeypatch.setenv("SHOP_PASSWORD", "u:s3cret@127.0.0.1:1")
    words = client.refused(lambda: client.prepare(TABLE, engine=url))
    assert words.startswith("data.engine: cannot connect to ")
    assert "s3cret" not in words


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        (
            'password authentication failed for user "me".',
            "Check SHOP_USER and SHOP_PASSWORD in the environment.",
        ),
        ('database "shop" does not exist.', "Check the names in data.engine."),
        ('could not translate host name "db" to address', "Check the host in data.engine."),
        ("timeout expired", "Check the host and the port in data.engine."),
        ("Connection refused. Is the server running?", ""),
    ],
)
def test_what_to_look_at_where_a_server_gives_no_connection(said, cure):
    engine = "postgres://${SHOP_USER}:${SHOP_PASSWORD}@host/shop"
    assert connection_cure(said, engine) == cure
    assert connection_cure("password wrong", "postgres://me@host/shop") == (
        "Check the user and password in data.engine."
    )


def test_a_variable_that_is_not_set(client, monkeypatch):
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    with pytest.raises(ParamsError) as caught:
        client.prepare(TABLE, engine="postgres://reader:${SHOP_PASSWORD}@db/shop")
    assert str(caught.value) == (
        "data.engine: the environment variable SHOP_PASSWORD is not set. Set it and run again."
    )


def test_a_password_needs_no_escapes(monkeypatch):
    monkeypatch.setenv("P", "a/b@c:d%41")
    monkeypatch.setenv("URL", "postgres://u:p@h/d")
    assert expand_url("postgres://u:${P}@h/d") == "postgres://u:a%2Fb%40c%3Ad%2541@h/d"
    assert expand_url("${URL}") == "postgres://u:p@h/d"


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_a_database_file_that_is_missing_is_not_made(client, scheme):
    assert client.refused(lambda: client.prepare(TABLE, engine=f"{scheme}://no.db")) == (
        f"data.engine: no database at {client.folder}/no.db. A relative path starts at data.root; "
        f"an absolute one has three slashes, as in {scheme}:///home/me/shop.db."
    )
    assert not (client.folder / "no.db").exists()


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
@pytest.mark.parametrize("url", ["{}:///x/${{PW2}}.db", "{}://${{PW2}}", "${{WHOLE}}"])
def test_a_missing_file_is_named_without_the_value_of_a_variable(client, monkeypatch, scheme, url):
    monkeypatch.setenv("PW2", "s3cret")
    monkeypatch.setenv("WHOLE", f"{scheme}:///x/s3cret.db")
    words = client.refused(lambda: client.prepare(TABLE, engine=url.format(scheme)))
    assert words.startswith("data.engine: no database at ")
    assert "s3cret" not in words
    assert ("${WHOLE}" if "WHOLE" in url else "${PW2}") in words


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_a_file_that_is_no_database(client, scheme):
    client.write("shop.db", "customer_id\n" * 500)
    words = client.refused(lambda: client.prepare(TABLE, engine=f"{scheme}://shop.db"))
    assert words.startswith("data.engine: cannot ")


def test_a_table_that_is_not_there(client):
    make_sqlite(client.folder / "shop.db")
    assert client.refused(
        lambda: client.prepare({"transactions": {"table": "order"}}, engine="sqlite://shop.db")
    ) == ("data.engine: sqlite://shop.db has no table order; did you mean orders? Tables there: orders.")
    words = client.refused(
        lambda: client.prepare({"transactions": {"table": "a.b.c"}}, engine="sqlite://shop.db")
    )
    assert words.startswith("data.engine: ")
    for odd in ('"; DROP TABLE orders; --', "."):
        assert client.refused(
            lambda odd=odd: client.prepare({"transactions": {"table": odd}}, engine="sqlite://shop.db")
        ).startswith("data.engine: ")
    assert client.prepare(TABLE, engine="sqlite://shop.db").review["tables"]["transactions"]["rows_kept"] == 4


def test_an_empty_table(client):
    make_sqlite(client.folder / "shop.db")
    with sqlite3.connect(client.folder / "shop.db") as database:
        database.execute("DELETE FROM orders")
    database.close()
    assert client.refused(lambda: client.prepare(TABLE, engine="sqlite://shop.db")).startswith(
        "transactions: "
    )


# --- queries -------------------------------------------------------------------------------------

QUERY = "SELECT customer_id, order_date, revenue, order_id FROM orders -- all; of 'them'\n;"


def asked(query: str, **more) -> dict:
    return {"transactions": {"query": query, **more}}


@pytest.fixture
def on_postgres(postgres_url):
    """A way to run statements on a schema of its own, and its URL."""
    connection = psycopg.connect(postgres_url, autocommit=True)
    connection.execute("DROP SCHEMA IF EXISTS asked CASCADE")
    connection.execute("CREATE SCHEMA asked")
    connection.execute("SET search_path TO asked")
    yield connection.execute, f"{postgres_url}?options=-csearch_path%3Dasked"
    connection.close()


@pytest.fixture
def engine(request, client):
    """The same orders on each database, by its URL."""
    if request.param == "postgres":
        run, url = request.getfixturevalue("on_postgres")
        run(
            "CREATE TABLE orders (customer_id TEXT, order_date TIMESTAMP, revenue NUMERIC(18, 2), order_id INT)"
        )
        for row in ORDERS.itertuples(index=False):
            run("INSERT INTO orders VALUES (%s, %s, %s, %s)", tuple(row))
        return url
    path = client.folder / f"shop.{request.param}"
    (make_sqlite if request.param == "sqlite" else make_duckdb)(path)
    return f"{request.param}://{path.name}"


EACH = pytest.mark.parametrize("engine", ["postgres", "duckdb", "sqlite"], indirect=True)


@EACH
def test_a_query_gives_what_its_table_gives(client, expected, rows_of, engine):
    prepared = client.prepare(asked(QUERY), engine=engine)
    assert rows_of(prepared) == expected[1]
    assert prepared.review["tables"]["transactions"]["files"] == ["query"]
    grouped = asked(
        "WITH big AS (SELECT * FROM orders WHERE revenue > 0) "
        "SELECT customer_id, max(order_date) AS order_date, sum(revenue) AS revenue FROM big GROUP BY customer_id"
    )
    assert client.prepare(grouped, engine=engine).review["tables"]["transactions"]["rows_kept"] == 2


@EACH
def test_a_query_can_change_nothing(client, engine, expected, rows_of):
    for query, why in (
        ("DELETE FROM orders", "is no SELECT"),
        ("SELECT * FROM orders; DELETE FROM orders", "holds more than one statement"),
        ("/* SELECT */ UPDATE orders SET revenue = 0", "is no SELECT"),
        ("SELECT 1 AS a) AS x; DELETE FROM orders; SELECT * FROM (SELECT 1 AS a", "holds more than one"),
    ):
        words = client.refused(lambda query=query: client.prepare(asked(query), engine=engine))
        assert words.startswith(f"transactions: data.transactions.query {why}")
        assert "Write one SELECT" in words
    for query in (
        # What the first look at the words does not see, the database refuses.
        "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
        "SELECT * FROM orders) AS x INTO stolen --",
        "SELECT * INTO stolen FROM orders",
        "SELECT * FROM orders /* never ends",
        "SELECT nextval('counter') AS customer_id",
    ):
        words = client.refused(lambda query=query: client.prepare(asked(query), engine=engine))
        assert words.startswith("transactions: data.transactions.query: ")
    assert rows_of(client.prepare(TABLE, engine=engine)) == expected[1]


def test_postgres_itself_refuses_to_write_and_to_run_two_statements(client, on_postgres):
    run, url = on_postgres
    run("CREATE SEQUENCE counter")
    run("CREATE TABLE orders AS SELECT 'a' AS customer_id")
    run(
        "CREATE FUNCTION wipe() RETURNS TEXT LANGUAGE SQL AS 'DELETE FROM asked.orders RETURNING customer_id'"
    )
    for query in ("SELECT nextval('counter') AS customer_id", "SELECT wipe() AS customer_id"):
        words = client.refused(lambda query=query: client.prepare(asked(query), engine=url))
        assert "in a read-only transaction" in words
    # An escaped quote hides the semicolon from the first look; the server takes one statement only.
    hidden = "SELECT E'\\'' AS a) AS x; DELETE FROM orders; SELECT * FROM (SELECT E'\\'' AS a"
    words = client.refused(lambda: client.prepare(asked(hidden), engine=url))
    assert words.startswith("transactions: data.transactions.query")
    assert run("SELECT count(*) FROM orders").fetchone() == (1,)


@EACH
def test_columns_without_a_name_of_their_own(client, engine):
    words = client.refused(
        lambda: client.prepare(asked("SELECT *, order_id AS Revenue FROM orders"), engine=engine)
    )
    assert words == (
        "transactions: the result of the query has several columns called Revenue.\n"
        "    Name each by a name of its own: data.transactions.query: SELECT … AS name."
    ) or words.replace("revenue", "Revenue").startswith("transactions: the result of the query has several")


def test_columns_without_a_name(client, on_postgres):
    assert client.refused(
        lambda: client.prepare(asked("SELECT 1 + 1, lower('A') || 'b'"), engine=on_postgres[1])
    ) == (
        "transactions: the result of the query has 2 columns without a name.\n"
        "    Name each: data.transactions.query: SELECT … AS name."
    )


@EACH
def test_a_query_without_rows_and_one_with_a_wrong_name(client, engine):
    words = client.refused(
        lambda: client.prepare(asked("SELECT * FROM orders WHERE customer_id = 'nobody'"), engine=engine)
    )
    assert words.startswith("transactions: the result of the query of ")
    assert words.endswith(" has no rows. See data.transactions.query.")
    words = client.refused(lambda: client.prepare(asked("SELECT nope FROM orders"), engine=engine))
    assert words.startswith("transactions: data.transactions.query: ")
    assert "refuses it" in words
    assert "nope" in words


def test_a_server_stops_what_takes_too_long(client, on_postgres, monkeypatch):
    monkeypatch.setitem(databases._SESSION, "statement_timeout", "200ms")
    words = client.refused(
        lambda: client.prepare(asked("SELECT pg_sleep(30)::text AS customer_id"), engine=on_postgres[1])
    )
    assert words.startswith("transactions: the result of the query of postgres://127.0.0.1:")
    assert words.endswith("Ask for fewer rows or columns: data.transactions.query.")


# --- types ---------------------------------------------------------------------------------------


def test_types_of_postgres(client, on_postgres):
    run, url = on_postgres
    run("CREATE TYPE tier AS ENUM ('gold', 'silver')")
    run(
        "CREATE TABLE people (customer_id UUID, acquired_date TIMESTAMPTZ, wallet MONEY, score NUMERIC, "
        "share NUMERIC(5, 2), tier tier, active BOOLEAN, tags TEXT[], extra JSONB, photo BYTEA, wait INTERVAL, "
        "said TEXT, born_on DATE, ratio REAL, big NUMERIC, odd NUMERIC, fixed CHAR(8))"
    )
    run("SET lc_monetary TO 'C'")
    uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1"
    rows = [
        f"('{uuid}1', '2024-01-05 23:30:00-05', 1234.5, 41, 0.25, 'gold', true, '{{a,b}}', '{{\"k\": 1}}', "
        "'\\x6162', '1 day 02:00', E'line\\nnext, \"quoted\" \\\\N', 'infinity', 0.1, 1e20, 'NaN', 'ab')",
        f"('{uuid}2', '2024-01-06 10:00:00+08', 0, 7.0, 'NaN', NULL, false, NULL, NULL, NULL, NULL, '', "
        "NULL, NULL, NULL, NULL, NULL)",
        f"('{uuid}3', NULL, NULL, NULL, NULL, 'silver', NULL, '{{}}', '[]', '\\x', '0', '\\N', "
        "'2024-05-01', 2, 12345678901234567890.5, 1.25, '')",
    ]
    run(f"INSERT INTO people VALUES {', '.join(rows)}")
    run(
        "CREATE TABLE orders AS SELECT customer_id, 10 AS revenue, DATE '2024-03-01' AS order_date FROM people"
    )
    asked_for = {"customers": {"table": "people", "columns": {"born": "born_on"}}, **TABLE}
    prepared = client.prepare(asked_for, engine=url)
    found = (
        duckdb.sql(f"SELECT * FROM '{prepared.path('customers')}' ORDER BY customer_id")
        .to_arrow_table()
        .to_pydict()
    )
    assert [value[-1] for value in found["customer_id"]] == ["1", "2", "3"]
    days = [None if pd.isna(day) else str(day)[:10] for day in found["acquired_date"]]
    assert days == ["2024-01-06", "2024-01-06", None]  # as UTC has them
    assert [str(value) for value in found["wallet"]] == ["1234.50", "0.00", "None"]
    assert found["score"][:2] == [41, 7]
    assert found["share"][0] == 0.25
    assert pd.isna(found["share"][1])
    assert found["tier"] == ["gold", None, "silver"]
    assert found["active"][:2] == [True, False]
    assert found["tags"] == ["{a,b}", None, "{}"]
    assert found["extra"] == ['{"k": 1}', None, "[]"]
    assert found["photo"] == ["\\x6162", None, "\\x"]
    assert found["wait"] == ["1 day 02:00:00", None, "00:00:00"]
    assert found["said"] == ['line\nnext, "quoted" \\N', None, "\\N"]
    assert [None if pd.isna(day) else str(day)[:10] for day in found["born"]] == [None, None, "2024-05-01"]
    assert found["ratio"][2] == 2
    assert str(found["odd"][2]) == "1.25"
    assert found["fixed"][0] == "ab"


def test_numbers_without_a_scale_keep_every_digit(client, on_postgres):
    run, url = on_postgres
    run("CREATE TABLE orders (customer_id NUMERIC, order_date DATE, revenue NUMERIC)")
    run("INSERT INTO orders VALUES (12345678901234567890, '2024-01-01', 0.10), (7, '2024-01-02', 1e11)")
    source = {"transactions": {"table": "orders", "options": {"decimal": ","}}}
    prepared = client.prepare(source, engine=url)
    assert [
        (row[0], str(row[2]))
        for row in sorted(duckdb.sql(f"FROM '{prepared.path('transactions')}'").fetchall())
    ] == [
        ("12345678901234567890", "0.10"),
        ("7", "100000000000.00"),
    ]


def test_a_date_that_the_engine_cannot_hold_is_told_by_its_row(client, on_postgres):
    run, url = on_postgres
    run("CREATE TABLE orders (customer_id TEXT, order_date TIMESTAMP, revenue INT)")
    run("INSERT INTO orders VALUES ('a', '2024-01-01', 1), ('b', '0044-03-15 BC', 2), ('c', 'infinity', 3)")
    words = client.refused(lambda: client.prepare(TABLE, engine=url))
    assert "2 of 3 rows have an order_date that cannot be read" in words
    assert "(first rows: 2, 3; such as '0044-03-15 00:00:00 BC')" in words


def test_types_of_duckdb(client):
    with duckdb.connect(str(client.folder / "shop.duckdb")) as base:
        base.execute(
            "CREATE TABLE people AS SELECT 170141183460469231731687303715884105727::HUGEINT AS customer_id, "
            "TIMESTAMPTZ '2024-01-05 23:30:00-05' AS acquired_date, 12.5::DECIMAL(9, 3) AS wallet, "
            "[1, 2] AS tags, {'a': 1} AS packed, INTERVAL 1 DAY AS wait, uuid() AS token, "
            "TIMESTAMP_NS '2024-02-03 04:05:06' AS seen, 'gold'::ENUM('gold') AS tier, DATE 'infinity' AS until, "
            "'{\"k\": 1}'::JSON AS extra, '\\x61'::BLOB AS photo, TIME '10:00' AS at"
        )
        base.execute(
            "CREATE TABLE orders AS SELECT customer_id, DATE '2024-03-01' AS order_date, 1 AS revenue FROM people"
        )
    prepared = client.prepare({"customers": {"table": "people"}, **TABLE}, engine="duckdb://shop.duckdb")
    row = duckdb.sql(f"SELECT * FROM '{prepared.path('customers')}'").fetchdf().iloc[0]
    assert row["customer_id"] == "170141183460469231731687303715884105727"
    assert str(row["acquired_date"])[:10] == "2024-01-06"
    assert (row["tags"], row["packed"], row["wait"], row["tier"]) == ("[1, 2]", "{'a': 1}", "1 day", "gold")
    assert str(row["seen"]) == "2024-02-03 04:05:06"
    assert pd.isna(row["until"])
    assert len(str(row["token"])) == 36


def test_loose_types_of_sqlite(client):
    with sqlite3.connect(client.folder / "shop.db") as base:
        base.execute(
            "CREATE TABLE orders (customer_id INTEGER, order_date DATE, revenue DECIMAL(10, 2), x BLOB)"
        )
        base.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?)",
            [
                (7, "2024-01-05", 12.5, b"\x01"),
                ("0007x", "2024-01-06 10:00:00", "¥1,000", None),
                (9007199254740993, "2024-01-07", 3, 5),
            ],
        )
    base.close()
    prepared = client.prepare(TABLE, engine="sqlite://shop.db", currency="CNY")
    found = duckdb.sql(f"FROM '{prepared.path('transactions')}' ORDER BY order_date").fetchall()
    assert [(row[0], str(row[2])) for row in found] == [
        ("7", "12.50"),
        ("0007x", "1000.00"),
        ("9007199254740993", "3.00"),
    ]


# --- names of tables -----------------------------------------------------------------------------

NAMES = ('my "old" orders', "Orders.2024", "订单", "UPPER", "select", "a'b")


@EACH
@pytest.mark.parametrize("name", NAMES)
def test_names_as_databases_have_them(client, engine, expected, rows_of, request, name):
    quoted = '"' + name.replace('"', '""') + '"'
    statement = f"CREATE VIEW {quoted} AS SELECT * FROM orders"
    if engine.startswith("postgres"):
        request.getfixturevalue("on_postgres")[0](statement)
    elif engine.startswith("sqlite"):
        with sqlite3.connect(client.folder / "shop.sqlite") as base:
            base.execute(statement)
        base.close()
    else:
        with duckdb.connect(str(client.folder / "shop.duckdb")) as base:
            base.execute(statement)
    schema = {"postgres": "asked", "duckdb": "main", "sqlite": "main"}[engine.split(":")[0]]
    for written in (name, quoted, f"{schema}.{name}", f"{schema}.{quoted}"):
        prepared = client.prepare({"transactions": {"table": written}}, engine=engine)
        assert rows_of(prepared) == expected[1]
    words = client.refused(lambda: client.prepare({"transactions": {"table": name + "s"}}, engine=engine))
    assert f"did you mean {name}?" in words


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["p@ss/w:rd#%41", "MixedCase密码", "plain-secret"])
def test_no_message_repeats_the_secret_in_any_form(client, on_postgres, monkeypatch, secret):
    run, url = on_postgres
    monkeypatch.setenv("SHOP_PASSWORD", secret)
    engine = url.replace("cam@", "cam:${SHOP_PASSWORD}@")
    run("CREATE TABLE orders (customer_id TEXT)")
    literal = secret.replace("'", "''")
    encoded = quote(secret, safe="")
    for said in (literal, encoded, encoded.lower(), quote(secret)):
        words = client.refused(
            lambda said=said: client.prepare(asked(f"SELECT '{said}'::INTEGER AS customer_id"), engine=engine)
        )
        assert "invalid input syntax" in words
        assert all(form not in words for form in (secret, encoded, encoded.lower(), quote(secret)))
    # The whole URL from the environment: its password is a secret by itself.
    monkeypatch.setenv("SHOP_URL", url.replace("cam@", f"cam:{encoded}@"))
    words = client.refused(
        lambda: client.prepare(asked(f"SELECT '{literal}'::INTEGER AS customer_id"), engine="${SHOP_URL}")
    )
    assert "invalid input syntax" in words
    assert secret not in words
    assert "127.0.0.1" not in words


def test_nothing_that_is_kept_holds_the_secret(client, on_postgres, monkeypatch):
    run, url = on_postgres
    secret = "Zebra/Crossing@17"
    monkeypatch.setenv("SHOP_PASSWORD", secret)
    run("CREATE TABLE orders AS SELECT 'a' AS customer_id, DATE '2024-01-01' AS order_date, 1 AS revenue")
    prepared = client.prepare(TABLE, engine=url.replace("cam@", "cam:${SHOP_PASSWORD}@"))
    kept = [path for path in client.folder.rglob("*") if path.is_file()]
    assert prepared.path("transactions") in kept
    for path in kept:
        assert b"Zebra" not in path.read_bytes()


@pytest.mark.slow
def test_no_file_of_a_report_holds_the_secret(tmp_path, on_postgres):
    run, url = on_postgres
    secret = "Zebra/Crossing@17"
    name = "test-database-secret"
    run(
        "CREATE TABLE orders AS SELECT 'C' || (i % 40) AS customer_id, DATE '2024-01-01' + i AS order_date, "
        "10 + i % 7 AS revenue FROM generate_series(1, 600) AS s(i)"
    )
    engine = url.replace("cam@", "cam:${SHOP_PASSWORD}@")
    made = [cache_folder() / "clients" / name, cache_folder() / "studies" / name]
    command = [str(Path(sys.executable).parent / "cam"), "report", str(tmp_path / f"{name}.yaml")]
    command += ["--study", "01_segmentation", "--out", str(tmp_path / "out")]

    def report(query: str) -> subprocess.CompletedProcess[str]:
        lines = [
            f"client: {{id: {name}}}",
            "data:",
            f"  engine: {engine}",
            f"  transactions: {{query: {query}}}",
        ]
        (tmp_path / f"{name}.yaml").write_text("\n".join(lines) + "\n")
        environment = {**os.environ, "SHOP_PASSWORD": secret}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    try:
        done = report("SELECT * FROM orders")
        assert done.returncode == 0, done.stdout + done.stderr
        failed = report(f"\"SELECT '{secret}'::INT AS customer_id\"")
        assert failed.returncode == 3
        assert "invalid input syntax for type integer" in failed.stderr
        said = done.stdout + done.stderr + failed.stdout + failed.stderr
        files = [path for place in (tmp_path / "out", *made) for path in place.rglob("*") if path.is_file()]
        assert {path.suffix for path in files} >= {".html", ".xlsx", ".parquet", ".json", ".ipynb", ".csv"}
        for form in (secret, quote(secret, safe=""), quote(secret), "Zebra"):
            assert form not in said
            for path in files:
                packed = zipfile.ZipFile(path) if zipfile.is_zipfile(path) else None
                parts = [packed.read(part) for part in packed.namelist()] if packed else [path.read_bytes()]
                assert all(form.encode() not in part for part in parts), path
    finally:
        for place in made:
            shutil.rmtree(place, ignore_errors=True)


@pytest.mark.slow
def test_a_million_rows_of_postgres_in_seconds(client, on_postgres):
    run, url = on_postgres
    run(
        "CREATE TABLE orders AS SELECT 'C' || (i % 90000) AS customer_id, i AS order_id, "
        "TIMESTAMP '2023-01-01' + i * INTERVAL '30 seconds' AS order_date, (i % 1000)::NUMERIC / 3 AS revenue, "
        "'line' || chr(10) || 'next' AS note FROM generate_series(1, 1000000) AS s(i)"
    )
    started = time.perf_counter()
    fetch("transactions", source_of(TABLE), engine=url, to=client.folder / "x.parquet", root=client.folder)
    seconds = time.perf_counter() - started
    found = duckdb.sql(
        f"SELECT count(*), count(DISTINCT note), sum(order_id) FROM '{client.folder}/x.parquet'"
    ).fetchone()
    assert found == (1_000_000, 1, 500_000_500_000)
    assert seconds < 30  # 1.5 s on an idle machine


def source_of(tables: dict) -> Source:
    return Source.model_validate(tables["transactions"])
