"""A Spark that cannot start: one sentence with the cure, before any study, without starting a Java for it."""

from __future__ import annotations

import importlib.util
import os
import socket
from pathlib import Path

import pytest
from needs import skip_or_fail
from report.house import House, build

from cam.data.warehouse import ask_engine
from cam.data.warehouses.spark_start import what_it_said, why_not
from cam.errors import EngineError

SETTINGS = ("JAVA_HOME", "SPARK_CONF_DIR", "SPARK_HOME", "SPARK_REMOTE", "PYSPARK_SUBMIT_ARGS")


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path) -> Path:
    """Nothing of Spark is configured, and Java is the one of the test: a program that says its version."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    java(tmp_path / "bin", "17.0.15")
    return tmp_path


def java(folder: Path, version: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)


@pytest.fixture
def closed() -> int:
    """A port of this machine at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_java_that_is_not_there_is_told_with_the_cure(plain, monkeypatch):
    assert why_not() == ""
    (plain / "bin" / "java").unlink()
    assert why_not().startswith("Spark needs Java, and there is none here. Install Java 17 or 21 ")
    monkeypatch.setenv("JAVA_HOME", str(plain / "nowhere"))
    assert f"JAVA_HOME names {plain}/nowhere, where there is none (bin/java)." in why_not()
    java(plain / "nowhere" / "bin", "21.0.1")
    assert why_not() == ""
    java(plain / "nowhere" / "bin", "1.8.0_392")
    assert why_not().startswith(f"Spark needs Java 17 or later, and {plain}/nowhere/bin/java is Java 8. ")
    (plain / "spark-env.sh").touch()  # may name another Java
    monkeypatch.setenv("SPARK_CONF_DIR", str(plain))
    assert why_not() == ""


@pytest.mark.parametrize("scheme", ["spark", "sc"])
@pytest.mark.parametrize(
    "place", ["SPARK_REMOTE", "--master {}", "--conf spark.master={}", "spark-defaults.conf"]
)
def test_a_master_that_does_not_answer_is_named_with_where_it_is_named(
    plain, monkeypatch, closed, scheme, place
):
    master = f"{scheme}://127.0.0.1:{closed}"
    if place == "SPARK_REMOTE":
        monkeypatch.setenv(place, f"{master}/;token=s3cret")
    elif place.startswith("-"):
        monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", f"--name x {place.format(master)} pyspark-shell")
        place = "PYSPARK_SUBMIT_ARGS"
    else:
        (plain / place).write_text(f"# spark.master local\nspark.masters x\nspark.master   {master}\n")
        monkeypatch.setenv("SPARK_CONF_DIR", str(plain))
        place = str(plain / place)
    words = f"no Spark answers at {master}, which {place} names: Connection refused. Start it there, or name another."
    assert why_not() == words
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv(
            "SPARK_REMOTE", f"spark://127.0.0.1:{closed},127.0.0.1:{listener.getsockname()[1]}"
        )
        assert why_not() == ""


def test_a_master_of_this_machine_or_of_another_kind_is_not_asked(monkeypatch):
    for master in ("local[2]", "yarn", "k8s://https://nowhere.invalid:6443"):
        monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", f"--master {master} pyspark-shell")
        assert why_not() == ""


def test_what_java_wrote_is_told_by_its_last_fault_alone():
    written = """Using Spark's default log4j profile: org/apache/spark/log4j2-defaults.properties
26/11/23 08:30:21 WARN Utils: Set SPARK_LOCAL_IP if you need to bind to another address
Exception in thread "main" org.apache.spark.SparkException: Master must either be yarn or start with spark
\tat org.apache.spark.deploy.SparkSubmit.error(SparkSubmit.scala:1045)
"""
    assert what_it_said(written, "x") == "Master must either be yarn or start with spark"
    assert (
        what_it_said(
            "26/11/23 08:30:21 WARN Utils: x\n", "An error occurred.\n: java.lang.Error: no room\n\tat a"
        )
        == "no room"
    )
    assert what_it_said("bash: no such file", "") == "bash: no such file"
    assert what_it_said("", "") == "it says nothing"
    killed = "26/11/23 08:30:10 ERROR X: Application was killed. Reason: All masters are unresponsive! Giving up.\n"
    assert (
        what_it_said(killed, "java.lang.IllegalStateException: stopped")
        == "no master answers as one of Spark"
    )


def test_a_run_without_java_ends_before_any_study(plain, tmp_path):
    if importlib.util.find_spec("pyspark") is None:
        skip_or_fail("no Spark here; pip install -r requirements-spark.lock")
    (plain / "bin" / "java").unlink()
    with pytest.raises(EngineError, match=r"data\.engine: Spark needs Java, and there is none here\."):
        ask_engine("spark")
    house: House = build(tmp_path / "house")
    house.client()
    path = house.root / "params" / "acme.yaml"
    path.write_text("data:\n  engine: spark\n  transactions: {path: acme.csv}\n")
    refused = house.cam("report", "acme", PATH=f"{plain}/bin{os.pathsep}")
    assert refused.returncode == 3 and "01_segmentation" not in refused.stdout + refused.stderr
    (told,) = [line for line in refused.stderr.splitlines() if "data.engine" in line]
    assert told.startswith("data.engine: Spark needs Java, and there is none here. Install Java 17 or 21 ")
