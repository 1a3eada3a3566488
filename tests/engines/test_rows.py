"""The same rows on every engine: each reduction on DuckDB, PostgreSQL and Spark, every cell of every row."""

from __future__ import annotations

import ast
import math
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pytest
from engines.between import Client
from engines.cases import CASES

import cam.reduce

SPARK = pytest.param("spark", marks=[pytest.mark.xdist_group("spark"), pytest.mark.slow])
_EXPECTED: dict[str, Any] = {}


def rows_of(client: Client, name: str) -> Any:
    """All rows of a case in one order: by what is exact in them, then by floats."""
    found = CASES[name](client)
    if not isinstance(found, ir.Table):
        return found
    rows = [tuple(map(plain, row.values())) for row in client.engine.to_pyarrow(found).to_pylist()]
    return list(found.columns), sorted(rows, key=in_order)


def plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return value.date()
    return value


def in_order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    exact = [(value is not None, str(value)) for value in row if not isinstance(value, float)]
    return (exact, [round(value, 6) for value in row if isinstance(value, float)])


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return one == other
    kinds = (bool, int, str, date, datetime, type(None))
    return isinstance(one, kinds) and type(one) is type(other) and one == other


@pytest.mark.parametrize("engine", ["postgres", SPARK])
@pytest.mark.parametrize("name", CASES)
def test_every_row_is_that_of_the_embedded_engine(client_in, name, engine):
    if name not in _EXPECTED:
        _EXPECTED[name] = rows_of(client_in("duckdb"), name)
    found, expected = rows_of(client_in(engine), name), _EXPECTED[name]
    if isinstance(expected, dict):
        assert found == expected
        return
    assert found[0] == expected[0]
    assert len(found[1]) == len(expected[1])
    assert expected[1], "a case without a row shows nothing"
    wrong = [
        (one, other)
        for one, other in zip(found[1], expected[1], strict=True)
        if not all(map(alike, one, other))
    ]
    assert not wrong, f"{len(wrong)} of {len(expected[1])} rows: {expected[0]}: {wrong[:3]}"


def test_every_public_reduction_has_a_case():
    covered = {name.partition(":")[0] for name in CASES}
    public = {
        f"{path.stem}.{node.name}"
        for path in Path(cam.reduce.__file__).parent.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert public - covered == set()
    assert covered - public == set()
