"""Databases as sources: the same table as its file, a cure for what is missing, and no secret told."""

from __future__ import annotations

import sqlite3

import duckdb
import ibis
import pandas as pd
import pytest

from cam.data.engine import expand_url
from cam.errors import ParamsError

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
    assert "refused" in words
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
def test_a_file_that_is_no_database(client, scheme):
    client.write("shop.db", "customer_id\n" * 500)
    words = client.refused(lambda: client.prepare(TABLE, engine=f"{scheme}://shop.db"))
    assert words.startswith("data.engine: cannot ")


def test_a_table_that_is_not_there(client):
    make_sqlite(client.folder / "shop.db")
    assert client.refused(
        lambda: client.prepare({"transactions": {"table": "order"}}, engine="sqlite://shop.db")
    ) == ("data.engine: sqlite://shop.db has no table order. Tables there: orders.")
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
