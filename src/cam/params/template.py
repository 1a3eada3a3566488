"""``params/template.yaml``, made from the sections, so that it cannot go stale."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticUndefined

from cam.params.sections import Params, Section, Source
from cam.schema import TABLES

_TEMPLATE_HEAD = """\
# Every key that a parameter file may hold, with its default and meaning.
# Made from src/cam/params/sections.py by `python -m cam.params.template`; a test holds the two equal.
# Copy what you need to params/<client>.yaml: a file needs no more than `data` and one table.
"""


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
    lines = [_TEMPLATE_HEAD]
    for name, field in Params.model_fields.items():
        model = field.annotation
        assert isinstance(model, type) and issubclass(model, Section)
        lines.append(f"{name}:  # {(model.__doc__ or '').splitlines()[0]}")
        lines.extend(_template_lines(model, "  "))
        lines.append("")
    return "\n".join(lines)


def _template_lines(model: type[Section], indent: str) -> list[str]:
    lines: list[str] = []
    for name, field in model.model_fields.items():
        if name in TABLES:
            lines.extend(_template_table(name, indent))
            continue
        inner = next(
            (
                part
                for part in (field.annotation, *getattr(field.annotation, "__args__", ()))
                if isinstance(part, type) and issubclass(part, Section)
            ),
            None,
        )
        if inner:
            lines.append(f"{indent}# {name}:  # {field.description}")
            lines.extend(_template_lines(inner, indent + "  "))
        else:
            empty = field.default is None or field.default is PydanticUndefined
            default = "" if empty else f" {_yaml_value(field.default)}"
            lines.append(f"{indent}# {name}:{default}  # {field.description}")
    return lines


def _template_table(name: str, indent: str) -> list[str]:
    table = TABLES[name]
    lines = [f"{indent}# {name}:  # one row per: {table.row}"]
    source = (
        _template_lines(Source, indent + "  ")
        if name == "transactions"
        else [f"{indent}  # path:", f"{indent}  # columns:"]
    )
    for line in source:
        lines.append(line)
        if line.strip().startswith("# columns:"):
            lines.extend(
                f"{indent}    # {column.name}: {column.name}  # "
                f"{'needed' if column.required else 'optional'}; {column.meaning}"
                for column in table.columns
            )
    return lines


def _yaml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) and not value.isalnum() else str(value)


if __name__ == "__main__":
    print(template(), end="")
