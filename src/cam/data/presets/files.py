"""The file of a preset as types: its keys, what each refuses, and the preset that comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from cam.data.orders.states import plain_state
from cam.errors import ParamsError
from cam.params import Options, States
from cam.params.hints import did_you_mean
from cam.params.values import Names, Section
from cam.schema import TABLES

_FOLDER = Path(__file__).parent

Words = Mapping[str, str]
Found = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Export:
    """One kind of file that a system writes.

    Attributes
    ----------
    name : str
        Its key in the preset's file.
    table : str
        The canonical table that it becomes.
    label : mapping of str to str
        What its system calls it, by language.
    known_by : tuple of tuple of str
        Columns by which it is told from all others; of each group one must be there.
    columns : mapping of str to tuple of str
        Canonical name to the names that the system uses; the first that is filled counts.
    offers : mapping of str to tuple of str
        Likewise, where nobody has seen the name in a file: to be asked, never used.
    options : mapping
        As in a parameter file; where a column is named, there may be a list of names of which one is there.
    unsure_states : mapping of str to list of str
        ``keep``, ``drop`` and ``refunded``: states that nobody has seen in a file, to be asked.
    unsure_options : mapping
        Likewise for options, such as a column of refunds.
    notes : tuple of mapping
        What a reader must know, by language.
    """

    name: str
    table: str
    label: Words
    known_by: tuple[tuple[str, ...], ...]
    columns: Found
    offers: Found
    options: Mapping[str, Any]
    unsure_states: Mapping[str, list[str]]
    unsure_options: Mapping[str, Any]
    notes: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class Preset:
    """What is known of one system.

    Attributes
    ----------
    name : str
        As in ``preset:`` of a parameter file.
    label : mapping of str to str
        Its name, by language.
    source : str
        Where the layout was read, and of which year it is.
    exports : mapping of str to Export
        Its files.
    """

    name: str
    label: Words
    source: str
    exports: Mapping[str, Export]


@cache
def preset_names() -> tuple[str, ...]:
    """Return the names of all presets, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def load_preset(name: str) -> Preset:
    """Return the preset called *name*.

    Parameters
    ----------
    name : str
        One of :func:`preset_names`.

    Returns
    -------
    Preset

    Raises
    ------
    ParamsError
        If there is none of that name, or its file holds what no preset may.
    """
    if name not in preset_names():
        raise ParamsError(
            f"preset: there is no {name}{did_you_mean(name, preset_names()) or '.'} "
            f"There are {', '.join(preset_names())}."
        )
    return read_preset(_FOLDER / f"{name}.yaml")


def read_preset(path: Path) -> Preset:
    """Read and check one file of a preset.

    Parameters
    ----------
    path : Path
        A YAML file; its stem is the preset's name.

    Returns
    -------
    Preset

    Raises
    ------
    ParamsError
        With the file and every key that is wrong.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        read = _PresetFile.model_validate(content)
    except yaml.YAMLError as error:
        raise ParamsError(f"{path.name}: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        lines = [
            f"    {'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}"
            for detail in error.errors()
        ]
        raise ParamsError("\n".join([f"{path.name}: {len(lines)} problems", *lines])) from None
    exports = {key: _export(key, export) for key, export in read.exports.items()}
    return Preset(path.stem, read.label.model_dump(), read.source, exports)


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key that stands twice: the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} twice", key.start_mark)
        return super().construct_mapping(node, deep=deep)


_Name = Annotated[str, Field(min_length=1)]
_OneOrMore = _Name | Annotated[list[_Name], Field(min_length=1, max_length=20)]


class _Words(Section):
    en: _Name
    zh: _Name

    @model_validator(mode="after")
    def _plain(self) -> _Words:
        if set("{}") & {*self.en, *self.zh}:
            raise PydanticCustomError("braces", "must have no braces, for it is no pattern")
        return self


class _States(States):
    column: _OneOrMore  # type: ignore[assignment]

    @model_validator(mode="after")
    def _apart(self) -> _States:
        _refuse_overlap(map(plain_state, (*self.keep, *self.drop, *self.refunded)))
        return self


class _Options(Options):
    states: _States | None = None
    refund_column: _OneOrMore | None = None  # type: ignore[assignment]
    multiply_by: _OneOrMore | None = None  # type: ignore[assignment]
    line_value: Annotated[list[_OneOrMore], Field(min_length=1, max_length=2)] | None = None  # type: ignore[assignment]


class _UnsureStates(Section):
    keep: Names = Field(default_factory=list)
    drop: Names = Field(default_factory=list)
    refunded: Names = Field(default_factory=list)


class _ExportFile(Section):
    table: str
    label: _Words
    known_by: Annotated[list[_OneOrMore], Field(min_length=1)]
    columns: dict[str, _OneOrMore] = Field(default_factory=dict)
    offers: dict[str, _OneOrMore] = Field(default_factory=dict)
    options: _Options = Field(default_factory=lambda: _Options.model_validate({}))
    unsure_states: _UnsureStates = Field(default_factory=lambda: _UnsureStates.model_validate({}))
    unsure_options: _Options = Field(default_factory=lambda: _Options.model_validate({}))
    notes: list[_Words] = Field(default_factory=list)

    @model_validator(mode="after")
    def _known(self) -> _ExportFile:
        if self.table not in TABLES:
            hint = did_you_mean(self.table, TABLES)
            raise PydanticCustomError("table", "no table {table}{hint}", {"table": self.table, "hint": hint})
        table = TABLES[self.table]
        known = [column.name for column in table.columns]
        for name in (*self.columns, *self.offers):
            if name not in known and not table.keeps_others:
                hint = did_you_mean(name, known)
                raise PydanticCustomError(
                    "column",
                    "{table} has no column {name}{hint}",
                    {"table": table.name, "name": name, "hint": hint},
                )
        for name, names in self.columns.items():
            _refuse_overlap((*names_of(names), *names_of(self.offers.get(name, []))))
        _refuse_overlap((*self.options.model_fields_set, *self.unsure_options.model_fields_set))
        states = self.options.states or _UnsureStates.model_validate({})
        unsure = self.unsure_states
        every = [state for part in (states, unsure) for state in (*part.keep, *part.drop, *part.refunded)]
        _refuse_overlap(map(plain_state, every))
        return self


class _PresetFile(Section):
    label: _Words
    source: _Name
    exports: Annotated[dict[str, _ExportFile], Field(min_length=1)]


def names_of(names: str | list[str]) -> tuple[str, ...]:
    """Return what may be one name or several as several."""
    return (names,) if isinstance(names, str) else tuple(names)


def _refuse_overlap(names: Iterable[str]) -> None:
    every = list(names)
    twice = sorted({name for name in every if every.count(name) > 1})
    if twice:
        raise PydanticCustomError("overlap", "names {twice} twice", {"twice": ", ".join(twice)})


def _export(key: str, read: _ExportFile) -> Export:
    return Export(
        name=key,
        table=read.table,
        label=read.label.model_dump(),
        known_by=tuple(map(names_of, read.known_by)),
        columns={name: names_of(names) for name, names in read.columns.items()},
        offers={name: names_of(names) for name, names in read.offers.items()},
        options=read.options.model_dump(exclude_unset=True),
        unsure_states=read.unsure_states.model_dump(exclude_unset=True),
        unsure_options=read.unsure_options.model_dump(exclude_unset=True),
        notes=tuple(note.model_dump() for note in read.notes),
    )
