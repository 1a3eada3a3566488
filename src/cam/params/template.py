"""``params/template.yaml``, made from the sections, so that it cannot go stale."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticUndefined

from cam.params.sections import Params
from cam.params.sources import Source
from cam.params.values import Section
from cam.schema import TABLES

_HEAD = """\
# Every key that a parameter file may hold, with its default and its meaning.
# Copy what you need to params/<client>.yaml and take the "# " off: `data` with one table is enough.
# Made from src/cam/params/ by `python -m cam.params.template`; a test holds the two equal.
"""
#: Where meanings begin, so that the eye can run down them.
_MARGIN = 41


def template() -> str:
    """Return ``params/template.yaml``: every key with its default and meaning, commented out.

    Returns
    -------
    str

    Examples
    --------
    >>> "margin_rate" in template()
    True
    """
    lines = [_HEAD]
    for name, field in Params.model_fields.items():
        model = field.annotation
        assert isinstance(model, type) and issubclass(model, Section)
        lines.append(_line(0, name, "", (model.__doc__ or "").splitlines()[0].rstrip(".")))
        lines.extend(_section(model, 1))
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _line(depth: int, key: str, value: str, meaning: str = "") -> str:
    entry = f"# {'  ' * depth}{key}:{f' {value}' if value else ''}"
    return f"{entry:<{_MARGIN}} # {meaning}" if meaning else entry


def _section(model: type[Section], depth: int) -> list[str]:
    lines: list[str] = []
    for name, field in model.model_fields.items():
        if name in TABLES:
            lines.extend(_table(name, depth))
            continue
        meaning = field.description or ""
        inner = next(
            (
                part
                for part in (field.annotation, *getattr(field.annotation, "__args__", ()))
                if isinstance(part, type) and issubclass(part, Section)
            ),
            None,
        )
        if inner:
            lines.append(_line(depth, name, "", meaning))
            lines.extend(_section(inner, depth + 1))
        else:
            empty = field.default is None or field.default is PydanticUndefined
            lines.append(_line(depth, name, "" if empty else _yaml_value(field.default), meaning))
    return lines


def _table(name: str, depth: int) -> list[str]:
    """A table's entry; what every source may hold is shown once, at the first table."""
    table = TABLES[name]
    lines = [_line(depth, name, "", f"one row per: {table.row}")]
    if name == next(iter(TABLES)):
        source = _section(Source, depth + 1)
    else:
        source = [_line(depth + 1, "path", ""), _line(depth + 1, "columns", "")]
    for line in source:
        lines.append(line)
        if line.removeprefix("#").strip().startswith("columns:"):
            lines.extend(
                _line(
                    depth + 2,
                    column.name,
                    column.name,
                    f"{'needed' if column.required else 'optional'}: {column.meaning}",
                )
                for column in table.columns
            )
    return lines


def _yaml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) and not value.isalnum() else str(value)


if __name__ == "__main__":
    print(template(), end="")
