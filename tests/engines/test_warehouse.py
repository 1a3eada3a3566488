"""Where tables are put: every value as it is in the prepared files, nothing of the client's touched, nothing left."""

from __future__ import annotations

import sys
import tempfile
import time
from decimal import Decimal

import duckdb
import ibis
import pandas as pd
import psycopg
import pyarrow as pa
import pytest

from cam.data import Prepared
from cam.data.warehouse import open_engine, put_tables, stands_in, write_table
from cam.errors import EngineError

SPARK = pytest.param("spark", marks=[pytest.mark.xdist_group("spark"), pytest.mark.slow])
ODD = ["\\N", "", "a,b", 'say "so"', "two\nlines", "tab\there", "N/A", "é", "北京", " x ", None]


@pytest.fixture
def odd(tmp_path) -> Prepared:
    """A table with every type that a client's own columns may have, and texts that a copy could spoil."""
    rows = ", ".join(
        f"({n}, {'NULL' if text is None else chr(39) + text.replace(chr(39), chr(39) * 2) + chr(39)})"
        for n, text in enumerate(ODD)
    )
    duckdb.sql(
        f"""COPY (SELECT CAST(n AS VARCHAR) AS customer_id, t AS "of, text", n % 2 = 0 AS yes,
        CAST(n AS TINYINT) AS tiny, CAST(n AS UINTEGER) AS many, n / 3 AS third, CAST(n / 7 AS DECIMAL(18, 6)) AS six,
        DATE '2026-01-31' + n AS day, TIMESTAMP '2026-01-31 23:59:59.123456' + to_days(n) AS moment,
        CASE WHEN n > 3 THEN n END AS gaps FROM (VALUES {rows}) AS given(n, t) ORDER BY n)
        TO '{tmp_path}/customers.parquet' (FORMAT parquet)"""
    )
    return Prepared(tmp_path, "key", ("customers",), {"as_of": "2026-06-30"})


@pytest.fixture
def engine(request):
    name = request.param
    asked = {"duckdb": "duckdb", "postgres": "postgres_url", "spark": "spark"}[name]
    opened = open_engine(asked if name == "duckdb" else request.getfixturevalue(asked))
    yield opened
    if name != "spark":  # the session is every test's
        opened.disconnect()


@pytest.mark.parametrize("engine", ["postgres", SPARK], indirect=True)
def test_every_value_arrives_and_comes_back(engine, odd, tmp_path):
    embedded = open_engine()
    expected = put_tables(embedded, odd)["customers"]
    found = put_tables(engine, odd)["customers"]
    order = ["customer_id"]
    one = embedded.to_pyarrow(expected.order_by(order)).to_pylist()
    assert engine.to_pyarrow(found.order_by(order)).to_pylist() == one
    assert [row["of, text"] for row in one] == [
        text for _, text in sorted(enumerate(ODD), key=lambda e: str(e[0]))
    ]
    pd.testing.assert_frame_equal(
        found.order_by(order).execute().drop(columns=["tiny", "many"]),
        expected.order_by(order).execute().drop(columns=["tiny", "many"]),
    )
    for at, table, name in ((engine, found, "other"), (embedded, expected, "plain")):
        write_table(at, table.order_by(order), tmp_path / f"{name}.parquet")
    read = [duckdb.sql(f"FROM '{tmp_path}/{name}.parquet'").fetchall() for name in ("other", "plain")]
    assert read[0] == read[1]


@pytest.mark.parametrize("engine", ["duckdb", "postgres", SPARK], indirect=True)
def test_a_table_made_in_an_engine_replaces_its_own_kind_only_when_asked(engine):
    first = engine.create_table("made_here", pd.DataFrame({"x": [1.5, None]}), overwrite=True)
    assert "made_here" in engine.list_tables()
    assert first.x.sum().execute() == 1.5
    with pytest.raises(Exception, match="made_here"):
        engine.create_table("made_here", first)
    second = engine.create_table("made_here", first.mutate(y=first.x * 2), overwrite=True)
    assert second.columns == ("x", "y") and engine.table("made_here").count().execute() == 2


@pytest.mark.parametrize("engine", ["duckdb", "postgres", SPARK], indirect=True)
def test_texts_are_ordered_by_their_bytes(engine):
    words = ["b", "B", "a", "é", "Z", "_", "北"]
    table = engine.create_table("words", pd.DataFrame({"word": words}), overwrite=True)
    assert table.order_by("word").execute()["word"].tolist() == sorted(words)
    assert table.word.max().execute() == "北" and table.word.min().execute() == "B"


@pytest.mark.parametrize("path", ["theirs", "theirs,pg_catalog,pg_temp"])
def test_the_tables_of_a_client_are_not_touched_and_nothing_is_left(odd, postgres_url, path):
    with psycopg.connect(postgres_url, autocommit=True) as client:
        client.execute("CREATE SCHEMA IF NOT EXISTS theirs")
        client.execute("CREATE TABLE theirs.customers (customer_id int)")
        client.execute("CREATE TABLE theirs.kept (n int)")
        engine = open_engine(f"{postgres_url}?options=-csearch_path%3D{path}")
        customers = put_tables(engine, odd)["customers"]
        assert len(customers.columns) == 10 and customers.count().execute() == len(ODD)
        assert "kept" not in engine.list_tables()
        kept = engine.create_table("kept", customers.aggregate(money=customers.six.sum()), overwrite=True)
        assert kept.columns == ("money",)
        assert kept.money.execute()[0] == sum(
            (Decimal(n) / 7).quantize(Decimal("1e-6")) for n in range(len(ODD))
        )
        named = (
            "SELECT count(*) FROM pg_class WHERE relname IN ('customers', 'kept') AND relpersistence = 'p'"
        )
        assert client.execute(named).fetchone() == (2,)
        engine.disconnect()
        assert client.execute("SELECT count(*) FROM theirs.customers").fetchone() == (0,)
        assert client.execute("SELECT count(*) FROM theirs.kept").fetchone() == (0,)
        client.execute("DROP SCHEMA theirs CASCADE")


@pytest.mark.parametrize("engine", ["postgres", SPARK], indirect=True)
def test_many_rows_are_written_in_their_order_and_types(engine, tmp_path):
    rows = """SELECT printf('c%06d', (i * 7919) % 60000) AS customer_id, i % 3 = 0 AS yes, i::BIGINT AS whole,
        (i % 200 - 100)::SMALLINT AS small, i / 7 AS third, (i / 7)::DECIMAL(18, 2) AS money, i::DECIMAL(38, 4) AS wide,
        DATE '2024-01-31' + (i % 900)::INTEGER AS day, TIMESTAMP '2024-01-31 23:59:59.123456' + to_seconds(i) AS moment,
        CASE WHEN i % 5 > 0 THEN '北 ' || i END AS gaps FROM range(60000) AS r(i)"""
    duckdb.sql(f"COPY ({rows}) TO '{tmp_path}/customers.parquet' (FORMAT parquet)")
    prepared = Prepared(tmp_path, "key", ("customers",), {"as_of": "2026-06-30"})
    written = []
    for at, name in ((open_engine(), "plain"), (engine, "other")):
        table = put_tables(at, prepared)["customers"]
        of = table.mutate(doubled=table.whole * 2, spent=table.money.cast("float64")).order_by("customer_id")
        write_table(at, of, tmp_path / f"{name}.parquet")
        found = duckdb.sql(f"FROM '{tmp_path}/{name}.parquet'")
        written.append(
            (duckdb.sql(f"DESCRIBE FROM '{tmp_path}/{name}.parquet'").fetchall(), found.fetchall())
        )
    assert written[0] == written[1]
    assert [row[0] for row in written[1][1]] == [f"c{number:06d}" for number in range(60_000)]


@pytest.mark.slow
@pytest.mark.xdist_group("spark")
def test_rows_of_a_spark_here_are_laid_down_and_not_held(odd, spark, tmp_path, monkeypatch):
    engine = open_engine(spark)
    table = put_tables(engine, odd)["customers"].order_by("customer_id")
    expected = engine.to_pyarrow(table)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "aside"))
    (tmp_path / "aside").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(type(engine._session.sql("SELECT 1")), "toArrow", None)  # which holds all rows
    with engine.to_pyarrow_batches(table, chunk_size=4) as batches:
        first = batches.read_next_batch()
        assert first.num_rows == 4 and list((tmp_path / "aside").iterdir())
        rest = batches.read_all()
    assert pa.concat_tables([pa.Table.from_batches([first]), rest]).equals(expected)
    assert not list((tmp_path / "aside").iterdir())


@pytest.mark.slow
@pytest.mark.xdist_group("spark")
def test_what_workers_elsewhere_cannot_read_is_sent_to_them(odd, spark, monkeypatch):
    engine = open_engine(spark)
    monkeypatch.setattr(type(engine), "is_local", False)
    sent = put_tables(engine, odd)["customers"].order_by("customer_id").execute()
    monkeypatch.undo()
    pd.testing.assert_frame_equal(
        sent, put_tables(engine, odd)["customers"].order_by("customer_id").execute()
    )


def test_what_a_server_says_quotes_no_row_of_the_client(odd, postgres_url, monkeypatch):
    engine = open_engine(postgres_url)
    write = psycopg.Copy.write

    def slow(copy, block):
        time.sleep(0.5)  # longer than the server lets a statement take: it stops while it waits for the rest
        write(copy, block)

    monkeypatch.setattr(psycopg.Copy, "write", slow)
    engine.con.execute("SET statement_timeout = 200")
    with pytest.raises(
        EngineError, match=r"cannot finish a study: .*timeout.* Nothing was published"
    ) as told:
        put_tables(engine, odd)
    assert "CONTEXT" not in str(told.value) and "COPY" not in str(told.value)
    engine.disconnect()


def test_a_server_without_temporary_tables_is_stood_in_for(postgres_url):
    assert not stands_in(open_engine(postgres_url))
    read_only = open_engine(f"{postgres_url}?options=-cdefault_transaction_read_only%3Don")
    assert read_only.name == "duckdb" and stands_in(read_only)
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("CREATE ROLE reader LOGIN")
        server.execute("CREATE DATABASE plain")
        server.execute("REVOKE TEMPORARY ON DATABASE plain FROM PUBLIC")
        reader = open_engine(postgres_url.replace("cam@", "reader@").replace("/postgres", "/plain"))
        assert reader.name == "duckdb" and stands_in(reader)
        server.execute("DROP DATABASE plain")
        server.execute("DROP ROLE reader")


def test_a_missing_driver_is_named_with_what_installs_it(monkeypatch):
    for name in [name for name in sys.modules if "spark" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(
        EngineError, match=r"spark needs the Python package pyspark\. Install it .*'pyspark>=4\.0,<4\.1'"
    ):
        open_engine("spark")


def test_a_driver_that_has_no_name_is_told_by_its_engine():
    with pytest.raises(
        EngineError, match=r"trino needs a Python package that is not here\. .*ibis-framework\[trino\]"
    ):
        open_engine("trino://localhost:1/shop")


def test_a_url_of_the_environment_that_begins_with_no_engine_is_told_with_what_it_may_mean(monkeypatch):
    monkeypatch.setenv("SHOP_URL", "postgre://me:s3cret@127.0.0.1:9/shop")
    with pytest.raises(
        EngineError, match=r"postgre://, which is no engine; did you mean postgresql://\?"
    ) as told:
        open_engine("${SHOP_URL}")
    assert "s3cret" not in str(told.value)


def test_files_are_reduced_by_the_embedded_engine(tmp_path):
    assert open_engine(f"duckdb://{tmp_path}/shop.duckdb").name == "duckdb"
    assert open_engine("sqlite://shop.db").name == "duckdb"
    assert not list(tmp_path.iterdir())


def test_an_engine_that_nobody_tested_holds_temporary_tables_under_names_of_its_own(odd, tmp_path):
    from cam.data.warehouses.others import open_other

    shop = tmp_path / "shop.duckdb"
    with duckdb.connect(str(shop)) as theirs:
        theirs.execute("CREATE TABLE customers AS SELECT 1 AS mine")
    engine = open_other(f"duckdb://{shop}", named="duckdb://shop")
    customers = put_tables(engine, odd)["customers"]
    assert customers.count().execute() == len(ODD) and engine.list_tables() == ["customers"]
    again = engine.create_table("customers", customers.filter(ibis._.yes), overwrite=True)
    assert again.count().execute() == engine.table("customers").count().execute() == 6
    engine.disconnect()
    with duckdb.connect(str(shop)) as theirs:
        assert theirs.execute("SHOW TABLES").fetchall() == [("customers",)]
        assert theirs.execute("FROM customers").fetchall() == [(1,)]
