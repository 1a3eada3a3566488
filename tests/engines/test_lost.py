"""An engine that is not there, or that goes while a study runs: one sentence, the last report as it was."""

from __future__ import annotations

import html
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from postgres_server import postgres_server
from report.house import House, build, files

#: Reads the client's orders in the engine; where it is told to, it waits until its engine is gone.
WORK = """from pathlib import Path as _Path
import time as _time
from cam.studies.study import start as _start
_study = _start("01_segmentation", globals())
_root, _log = _Path({root!r}), _study.tables["transactions"]
if (_root / "wait").exists():
    _gateway = getattr(getattr(_study.engine, "_session", None), "sparkContext", None)
    (_root / "pid.part").write_text(str(_gateway._gateway.proc.pid) if _gateway else "0")
    (_root / "pid.part").rename(_root / "pid")
    while (_root / "wait").exists():
        _time.sleep(0.05)
_study.engine.create_table("kept", _log.group_by("customer_id").aggregate(n=_log.count()), overwrite=True)
assert len(_study.engine.table("kept").execute()) == 4
assert "kept" in _study.engine.list_tables()"""


def house_on(tmp_path: Path, engine: str) -> House:
    house = build(tmp_path)
    house.client()
    path = tmp_path / "params" / "acme.yaml"
    path.write_text(f"data:\n  engine: {engine}\n  transactions: {{path: acme.csv}}\n")
    house.notebook("01_segmentation", WORK.format(root=str(tmp_path)))
    return house


def test_a_server_that_stops_ends_the_run_and_leaves_the_last_report(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret")
    with postgres_server() as server:
        url = server.url.replace("cam@", "cam:${SHOP_PASSWORD}@")
        house = house_on(tmp_path, url)
        assert house.cam("report", "acme").returncode == 0

        def lose(_pid: int) -> None:
            server.stop()

        said = lost_on_the_way(house, lose)
        shown = f"postgres://127.0.0.1:{server.port}/postgres"
        assert f"data.engine: {shown} was lost while a study ran: " in said
        refused = house.cam("report", "acme", "--force")
        assert refused.returncode == 3 and f"data.engine: cannot connect to {shown}: " in refused.stderr
        assert "s3cret" not in said + refused.stderr
        server.start()
        done = house.cam("report", "acme", "--force")
        assert done.returncode == 0, done.stderr
    assert not any(b"s3cret" in content for content in files(house.root / "reports").values())


@pytest.mark.slow
@pytest.mark.xdist_group("spark")
def test_a_spark_that_is_killed_ends_the_run_and_leaves_the_last_report(tmp_path, spark, monkeypatch):
    house = house_on(tmp_path, spark)
    with tempfile.TemporaryDirectory(dir="/tmp") as place:  # short: a socket's path may hold 100 characters
        monkeypatch.setenv("TMPDIR", place)
        done = house.cam("report", "acme")
        assert done.returncode == 0, done.stderr
        said = lost_on_the_way(house, lambda pid: os.kill(pid, signal.SIGKILL))
        assert "data.engine: Spark was lost while a study ran." in said
        assert house.cam("report", "acme", "--force").returncode == 0
        assert not list(Path(place).iterdir())
    assert not (house.root / "spark-warehouse").exists() and not (house.root / "metastore_db").exists()


def lost_on_the_way(house: House, lose) -> str:
    """Run until the study waits, take its engine away, and return what was said of it."""
    wait, pid = house.root / "wait", house.root / "pid"
    wait.touch()
    before = files(house.root / "reports" / "acme")
    run = house.start("report", "acme", "--force")
    end = time.monotonic() + 60
    while not pid.exists():
        assert time.monotonic() < end and run.process.poll() is None
        time.sleep(0.05)
    lose(int(pid.read_text()))
    pid.unlink()
    wait.unlink()
    code, said = run.end()
    assert code == 3, said
    told = [line for line in said.splitlines() if "data.engine" in line]
    assert len(told) == 1 and "Traceback" not in said
    assert files(house.root / "reports" / "acme") == before
    return said


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("postgres://cam@127.0.0.1:9/shop", "cannot connect to postgres://127.0.0.1:9/shop: "),
        ("snowflake://me@nowhere/shop", "snowflake needs the Python package snowflake"),
        ("nosuch://me@nowhere/shop", "nosuch://nowhere/shop"),
    ],
)
def test_an_engine_that_is_not_there_is_named_with_the_cure(tmp_path, engine, words):
    house = house_on(tmp_path, engine)
    refused = house.cam("report", "acme")
    assert refused.returncode == 3, refused.stderr
    told = [line for line in refused.stderr.splitlines() if "data.engine" in line]
    assert len(told) == 1 and words in told[0], refused.stderr
    assert "01_segmentation" not in refused.stdout + refused.stderr  # no study has begun
    assert not (tmp_path / "reports" / "acme").exists()
    checked = house.cam("check", "acme")  # needs no engine, and says what the report will end with
    assert checked.returncode == 3 and checked.stderr == told[0] + "\n"
    assert "What each study will be able to say" in checked.stdout
    assert told[0][:50] in checked.stdout  # as its first caution
    assert told[0] in html.unescape((tmp_path / "reports" / "acme.check.html").read_text())


@pytest.fixture
def reader(postgres_url) -> Iterator[str]:
    """The URL of a role that may read a database and make no temporary table there."""
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("CREATE ROLE reader LOGIN")
        server.execute("CREATE DATABASE shop")
        server.execute("REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC")
        yield postgres_url.replace("cam@", "reader@").replace("/postgres", "/shop")
        server.execute("DROP DATABASE shop WITH (FORCE)")
        server.execute("DROP ROLE reader")


def test_a_server_without_the_right_is_said_and_used_when_it_is_granted(tmp_path, reader, postgres_url):
    house = house_on(tmp_path, reader)
    shown = reader.replace("reader@", "")
    why = (
        f"data.engine: {shown} lets this role make no temporary tables, so DuckDB on this machine reduces in its "
        "place, with the same key figures. Its owner gives that right: GRANT TEMPORARY ON DATABASE shop TO reader; "
        "the next run then uses the server."
    )
    checked = house.cam("check", "acme")
    assert checked.returncode == 0 and " ".join(checked.stdout.split()).count(why) == 1 and not checked.stderr
    done = house.cam("report", "acme")
    assert done.returncode == 0 and done.stderr.splitlines().count(why) == 1, done.stderr
    again = house.cam("report", "acme")
    assert again.returncode == 0 and "Nothing has changed" in again.stdout
    assert again.stderr.splitlines().count(why) == 1
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("GRANT TEMPORARY ON DATABASE shop TO reader")
    granted = house.cam("report", "acme")
    assert granted.returncode == 0 and "DuckDB on this machine" not in granted.stderr, granted.stderr
    assert granted.stderr.count("what DuckDB reduced in its place is reduced there.") == 1
    assert "01_segmentation: running" in granted.stderr and "05_churn: running" in granted.stderr
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("REVOKE TEMPORARY ON DATABASE shop FROM reader")
    held = house.cam("report", "acme")  # what the server has reduced holds, and nobody asks it
    assert "Nothing has changed" in held.stdout and "data.engine" not in held.stderr


def test_a_server_that_only_reads_is_said_with_its_own_cure(tmp_path, postgres_url):
    house = house_on(tmp_path, f"{postgres_url}?options=-cdefault_transaction_read_only%3Don")
    done = house.cam("report", "acme")
    assert done.returncode == 0, done.stderr
    assert "ALTER ROLE cam SET default_transaction_read_only = off" in done.stderr


@pytest.fixture
def lone(postgres_url) -> Iterator[str]:
    """The URL of a role that may have one connection."""
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("CREATE ROLE lone LOGIN CONNECTION LIMIT 1")
        yield postgres_url.replace("cam@", "lone@")
        server.execute("DROP ROLE lone")


#: Holds the engine's connection until the other study has asked for one, and was refused.
HOLD = """from pathlib import Path as _Path
import time as _time
from cam.studies.study import start as _start
_Path("{root}/{name}").touch()
_study = _start("{name}", globals())
while not _Path("{root}/{other}").exists():
    _time.sleep(0.1)
_time.sleep(8)"""


def test_one_connection_is_enough(tmp_path, lone):
    house = house_on(tmp_path, lone)
    both = ("01_segmentation", "02_lifecycle")
    for name, other in (both, both[::-1]):
        house.notebook(name, HOLD.format(root=tmp_path, name=name, other=other))
    done = house.cam("report", "acme")
    assert done.returncode == 0, done.stderr
    noted = [line for line in done.stderr.splitlines() if "data.engine" in line]
    assert len(noted) == 1 and 'too many connections for role "lone". One that is free is enough.' in noted[0]
    assert noted[0].endswith("It is tried again once another study has ended.")
    assert done.stdout.count(" done ") == 5 and all(done.stderr.count(f"{name}: done") == 1 for name in both)


def test_a_server_whose_one_connection_is_taken_is_no_fault_of_a_study(tmp_path, lone):
    house = house_on(tmp_path, lone)
    with psycopg.connect(lone):
        refused = house.cam("report", "acme")
    assert refused.returncode == 3 and "One that is free is enough." in refused.stderr
    assert "01_segmentation" not in refused.stderr + refused.stdout
