"""What many tests need: a small client on disk, and both engines that reductions must agree on."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from needs import skip_or_fail
from postgres_server import postgres_server


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the session, on a free port of this machine."""
    with postgres_server() as server:
        yield server.url


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What ``data.engine`` says of a Spark on this machine, small enough for two cores; its kernels find it, too."""
    if importlib.util.find_spec("pyspark") is None:
        skip_or_fail("no Spark here; pip install -r requirements-spark.lock")
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        skip_or_fail("no Java here; apt-get install openjdk-17-jre-headless")
    folder = tmp_path_factory.mktemp("spark")
    settings = {
        "spark.master": "local[2]",
        "spark.driver.memory": "1g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        # Small tables are worked out sooner than programs for them are compiled.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.codegen.wholeStage": "false",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    lines = "\n".join(f"{name} {value}" for name, value in settings.items())
    (folder / "spark-defaults.conf").write_text(lines + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        yield "spark"


Place = Callable[[str, pd.DataFrame], Any]


@pytest.fixture(params=["duckdb", "postgres"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Put a frame into an engine as a table and return it as an Ibis table; once per engine.

    Money columns (``revenue``, ``cost``) become DECIMAL(18, 2), as in the canonical tables.
    """
    from cam.data.warehouse import open_engine  # here, because few tests need an engine

    engine = open_engine("duckdb" if request.param == "duckdb" else request.getfixturevalue("postgres_url"))

    def put(name: str, frame: pd.DataFrame) -> Any:
        table = engine.create_table(name, frame, overwrite=True)
        money = {c: table[c].cast("decimal(18, 2)") for c in ("revenue", "cost") if c in table.columns}
        dates = {c: table[c].cast("timestamp") for c in ("order_date",) if c in table.columns}
        return table.mutate(**money, **dates)

    yield put
    engine.disconnect()
