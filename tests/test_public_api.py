"""Public functions say what they take, give and refuse; and no function changes what it is given."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from importlib.util import find_spec
from types import FunctionType

import pytest

import cam

#: Rooms whose functions people call from notebooks and scripts.
DOCUMENTED = ("cam.measures", "cam.reduce", "cam.estimate", "cam.key_figures", "cam.language", "cam.show")
#: Beside the two tables and seed that a function may take, six arguments are the most that a reader can hold.
MOST_ARGUMENTS = 6


def public_modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(cam.__path__, "cam."):
        needs_spark = found.name == "cam.data.warehouses.spark" and find_spec("pyspark") is None
        if needs_spark or found.name == "cam.params.template" or found.name.rsplit(".", 1)[1].startswith("_"):
            continue
        yield found.name


def public_functions(prefixes: tuple[str, ...]) -> Iterator[tuple[str, FunctionType]]:
    for name in public_modules():
        if not name.startswith(prefixes):
            continue
        module = importlib.import_module(name)
        for attribute, value in vars(module).items():
            if isinstance(value, FunctionType) and value.__module__ == name and not attribute.startswith("_"):
                yield f"{name}.{attribute}", value


FUNCTIONS = dict(public_functions(DOCUMENTED))


def test_something_is_found():
    assert len(FUNCTIONS) > 30


@pytest.mark.parametrize("name", FUNCTIONS)
def test_documented(name):
    function = inspect.unwrap(FUNCTIONS[name])
    text = inspect.getdoc(function) or ""
    assert text, "no docstring"
    named = [p for p in inspect.signature(function).parameters if p != "shell"]
    if named:
        assert "Parameters\n" in text
    missing = [p for p in named if f"{p} :" not in text and f"{p}," not in text and f", {p} :" not in text]
    assert not missing, f"parameters not described: {missing}"
    if "figures" not in name:  # a figure is looked at, in tests/show and in the reports
        assert "Examples\n" in text, "no example"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_few_arguments_and_only_the_first_by_place(name):
    function = inspect.unwrap(FUNCTIONS[name])
    parameters = list(inspect.signature(function).parameters.values())
    assert len(parameters) <= MOST_ARGUMENTS


def test_results_are_frozen():
    for name in public_modules():
        for value in vars(importlib.import_module(name)).values():
            if dataclasses.is_dataclass(value) and isinstance(value, type) and value.__module__ == name:
                assert value.__dataclass_params__.frozen, f"{name}.{value.__name__} can be changed"
                assert "__slots__" in vars(value), f"{name}.{value.__name__} has no slots"
                assert value.__doc__
