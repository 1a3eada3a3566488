"""The floors of the house: a room uses only the floors under it, and never a neighbour outside its folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import cam

PACKAGE = Path(cam.__file__).parent

#: Floor of every room; ``cam/__init__.py`` draws the same map for readers.
FLOORS = {
    "cli": 8,
    "progress": 7,
    "report": 6,
    "studies": 5,
    "show": 4,
    "reduce": 3,
    "measures": 3,
    "data": 2,
    "samples": 2,
    "language": 2,
    "errors": 1,
    "schema": 1,
    "estimate": 1,
    "stratified": 1,
    "key_figures": 1,
    "changes": 1,
    "params": 1,
    "project": 1,
}
#: The only modules that may know the clock, and why: a run's record says when it was made and how long it took.
CLOCK = {"cli.py", "progress.py", "report/run.py", "report/execute.py", "report/processes.py"}


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "relative"


def room(parts: tuple[str, ...]) -> str:
    return parts[0].removesuffix(".py")


def test_every_module_stands_on_a_floor():
    rooms = {room(path.parts) for path, _ in modules()} - {"__init__"}
    assert rooms == set(FLOORS)


def test_the_map_in_the_package_names_every_room():
    assert all(f"``{name}``" in (cam.__doc__ or "") for name in FLOORS)


def test_a_room_uses_only_the_floors_under_it():
    wrong = []
    for path, tree in modules():
        here = room(path.parts)
        for name in imported(tree):
            if name == "relative":
                wrong.append(f"{path}: a relative import")
            if not name.startswith("cam.") or here == "__init__":
                continue
            there = name.split(".")[1]
            # The version, and the root of the package, belong to everybody.
            if there in FLOORS and there != here and FLOORS[there] >= FLOORS[here] and FLOORS[here] > 1:
                wrong.append(f"{path} uses {name}")
    assert not wrong


def test_measures_of_different_studies_do_not_know_each_other():
    wrong = [
        f"{path} uses {name}"
        for path, tree in modules()
        if path.parts[0] == "measures" and len(path.parts) > 2
        for name in imported(tree)
        if name.startswith("cam.measures.") and name.split(".")[2] != path.parts[1]
    ]
    assert not wrong


def test_a_measure_reads_no_file_opens_no_connection_and_draws_nothing():
    forbidden = {"duckdb", "ibis", "matplotlib", "pathlib", "os", "io", "seaborn", "random", "time"}
    wrong = [
        f"{path} imports {name}"
        for path, tree in modules()
        if path.parts[0] == "measures"
        for name in imported(tree)
        if name.split(".")[0] in forbidden
    ]
    assert not wrong


def test_reductions_are_ibis_and_nothing_else():
    allowed = {"ibis", "cam", "datetime", "collections", "__future__", "typing"}
    wrong = [
        f"{path} imports {name}"
        for path, tree in modules()
        if path.parts[0] == "reduce"
        for name in imported(tree)
        if name.split(".")[0] not in allowed
    ]
    assert not wrong


def test_events_never_enter_pandas():
    wrong = [
        f"{path} imports {name}"
        for path, tree in modules()
        if path.parts[0] in {"data", "reduce", "report"}
        for name in imported(tree)
        if name.split(".")[0] == "pandas"
    ]
    assert not wrong


def test_nobody_asks_what_day_it_is():
    wrong = []
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in {"today", "now", "utcnow"}:
                wrong.append(f"{path}:{node.lineno} {node.attr}")
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "time"
                and path.as_posix() not in CLOCK
            ):
                wrong.append(f"{path}:{node.lineno} time.{node.attr}")
    assert not wrong


def test_no_room_for_odds_and_ends_and_no_module_of_two_rooms():
    for path, _ in modules():
        assert path.stem not in {"utils", "helpers", "core", "misc", "common"}
        lines = (PACKAGE / path).read_text(encoding="utf-8").count("\n")
        assert lines <= 500, f"{path} has {lines} lines: it is two modules"


def test_nothing_prints_but_the_command_line_and_what_it_shows():
    for path, tree in modules():
        calls = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        ]
        assert not calls or path.as_posix() in {"cli.py", "progress.py", "params/template.py"}, path
