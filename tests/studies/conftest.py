"""A study of a small client, made from frames by the way that files take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ibis
import pandas as pd
import pytest

from cam.data import prepare
from cam.params import params_from_sections
from cam.studies.study import Study


@pytest.fixture
def client(tmp_path: Path) -> Callable[..., Study]:
    def make(frames: dict[str, pd.DataFrame], **sections: dict) -> Study:
        data = {name: {"path": f"{name}.csv"} for name in frames}
        for name, frame in frames.items():
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        given = {"client": {"id": "small", "currency": "EUR", "as_of": "2026-06-30"}, "data": data}
        params = params_from_sections(given | sections)
        prepared = prepare(params, root=tmp_path, cache=tmp_path / "cache", place="params/small.yaml")
        engine = ibis.duckdb.connect()
        tables = {name: engine.read_parquet(prepared.path(name), table_name=name) for name in prepared.tables}
        return Study("a_study", params, prepared, tables, engine, tmp_path, False)

    return make
