"""What is wrong with a parameter file, in words: the line, the key, the fault, the cure."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from cam.errors import ParamsError
from cam.params.hints import did_you_mean
from cam.params.sections import Params

#: Key path -> (its line, the value as written if it is a plain word).
Notes = dict[tuple[str, ...], tuple[int, str]]


def problem_error(origin: str, problems: list[tuple[int, str, str]]) -> ParamsError:
    """Return one error that lists all *problems*: (line, or 0; key; what is wrong)."""
    problems = sorted(set(problems))
    count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
    width = max(len(where) for _, where, _ in problems)
    lines = [
        f"    {f'line {line}: ' if line else ''}{where.ljust(width)}  {what}"
        for line, where, what in problems
    ]
    return ParamsError(f"{origin}: {count}\n" + "\n".join(lines))


def problem(detail: ErrorDetails, notes: Notes) -> tuple[int, str, str]:
    """Return the line, the key and the fault that a pydantic *detail* stands for."""
    # Alternatives of a union add their own name to the place; only keys of the file are kept.
    keys = tuple(str(part) for part in detail["loc"] if part not in {"str", "list[str]"})
    line, written = next(
        (notes[keys[:length]] for length in range(len(keys), 0, -1) if keys[:length] in notes), (0, "")
    )
    where, value = ".".join(keys), detail["input"]
    if detail["type"] in {"rate", "greater_than_equal", "less_than_equal"}:
        where += f"={value}"
    return line, where, _what(detail, keys, value, written)


def _what(detail: ErrorDetails, keys: tuple[str, ...], value: Any, written: str) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if (
        isinstance(value, bool)
        and kind not in {"extra_forbidden", "bool_type"}
        and written not in {"true", "false"}
    ):
        word = written or str(value).lower()
        return f'YAML reads {word} as {str(value).lower()}, not as text; write "{word}" in quotes'
    if kind == "extra_forbidden":
        return "unknown key" + did_you_mean(keys[-1], _siblings(keys))
    if kind == "missing":
        return "missing"
    if kind in {"float_type", "int_type"}:
        noun = "a whole number" if kind == "int_type" else "a number"
        if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
            return f"must be {noun}; YAML reads {value} as text, write {float(value):g} or {float(value):.1e}"
        return f"must be {noun}, not {_shown(value)}"
    if kind == "literal_error":
        return f"must be {context['expected']}, not {_shown(value)}"
    if kind == "finite_number":
        return "must be a finite number"
    if kind == "bool_type":
        return f"must be true or false, not {_shown(value)}"
    if kind == "string_type":
        return f"must be text, not {_shown(value)}" + (
            "; put it in quotes" if isinstance(value, int | float) else ""
        )
    if kind in {"dict_type", "model_type", "model_attributes_type"}:
        return f"must hold keys, not {_shown(value)}"
    if kind == "list_type":
        return f"must be a list, not {_shown(value)}"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    if kind in {"too_short", "string_too_short"}:
        return "must not be empty"
    if kind == "string_too_long":
        return f"must be at most {context['max_length']} characters long"
    return detail["msg"]


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "keys"
    return f"{value!r}"


def _siblings(keys: tuple[str, ...]) -> list[str]:
    """Names that may stand where the last of *keys* stands."""
    model: Any = Params
    for key in keys[:-1]:
        inner = model.model_fields.get(key) if hasattr(model, "model_fields") else None
        if inner is None:
            return []
        model = next(
            (
                part
                for part in (inner.annotation, *getattr(inner.annotation, "__args__", ()))
                if isinstance(part, type) and issubclass(part, BaseModel)
            ),
            None,
        )
        if model is None:
            return []
    return list(model.model_fields)
