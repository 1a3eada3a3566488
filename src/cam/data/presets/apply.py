"""What is known of the exports of one system: which columns, states and refunds they have, as a file per system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cam.data.files.sources import find_column
from cam.data.notes import Note
from cam.data.orders.states import plain_state
from cam.data.presets.files import (
    Export,
    Found,
    Preset,
    load_preset,
    names_of,
    preset_names,
    read_preset,
)
from cam.errors import DataError, ParamsError
from cam.params import Options, Source
from cam.params.hints import did_you_mean
from cam.schema import TABLES

__all__ = [
    "Export",
    "Preset",
    "Recognised",
    "after_reading",
    "before_reading",
    "load_preset",
    "preset_names",
    "preset_notes",
    "read_preset",
    "recognised",
]

#: What must be known before a file is read; the rest waits until its columns are.
_READING = ("encoding", "delimiter", "names", "skip_rows", "skip_last_rows", "sheet")


@dataclass(frozen=True, slots=True)
class Recognised:
    """An export that a header fits.

    Attributes
    ----------
    preset, export, table : str
        Which export of which preset, and the canonical table that it becomes.
    known_by : tuple of str
        The columns that tell it.
    columns : mapping of str to tuple of str
        Canonical name to the columns of the header that it is read from.
    missing : tuple of str
        Canonical columns that the table needs and the header has not.
    offers : mapping of str to tuple of str
        Canonical name to columns of the header that may be it; nobody has verified that.
    """

    preset: str
    export: str
    table: str
    known_by: tuple[str, ...]
    columns: Found
    missing: tuple[str, ...]
    offers: Found


# --- what the parameters say, filled up by the preset ----------------------------------------------


def before_reading(table: str, source: Source) -> Source:
    """Return *source* with what its preset knows of how such files are read.

    Parameters
    ----------
    table : str
        Canonical name.
    source : Source
        Its entry in the parameter file; what it says itself stands.

    Returns
    -------
    Source

    Raises
    ------
    ParamsError
        If there is no such preset, or it has no export that becomes this table.
    """
    if source.preset is None:
        return source
    first, *others = _exports(table, source.preset)[1]
    # Before the columns are known, only what all its exports of this table share is known.
    shared = {
        key: first.options[key]
        for key in _READING
        if key in first.options and all(first.options[key] == other.options.get(key) for other in others)
    }
    return source.model_copy(update={"options": _filled(shared, source.options)})


def after_reading(table: str, source: Source, present: list[str], *, place: str) -> Source:
    """Return *source* with the columns and options of its preset, as far as the file has them.

    Parameters
    ----------
    table : str
        Canonical name.
    source : Source
        Its entry in the parameter file; what it says itself stands.
    present : list of str
        The file's columns.
    place : str
        The parameter file, for messages.

    Returns
    -------
    Source
        Its ``preset`` is now ``NAME/EXPORT``.

    Raises
    ------
    DataError
        If a needed column is neither mapped nor under any name that the preset knows.
    """
    if source.preset is None:
        return source
    preset, exports = _exports(table, source.preset)
    export = max(exports, key=lambda export: _likeness(export, present))
    found = _present(export.columns, present)
    lost = [
        name
        for name in TABLES[table].required
        if name not in {*found, *source.columns} and find_column(name, present) is None
    ]
    if lost:
        raise DataError("\n".join(_lost(preset, export, name, present, place) for name in lost))
    columns = {name: list(names) if len(names) > 1 else names[0] for name, names in found.items()}
    return source.model_copy(
        update={
            "preset": f"{preset.name}/{export.name}",
            "columns": columns | source.columns,
            "options": _filled(_placed(export.options, present), source.options),
        }
    )


def preset_notes(source: Source, present: list[str]) -> list[Note]:
    """Return what a reader must know of a table that was read by a preset.

    Parameters
    ----------
    source : Source
        From :func:`after_reading`.
    present : list of str
        The file's columns.

    Returns
    -------
    list of Note
        Those of the preset itself carry their Chinese as the value ``zh``. Empty without a preset.
    """
    if source.preset is None or "/" not in source.preset:
        return []
    name, _, key = source.preset.partition("/")
    export = load_preset(name).exports[key]
    notes = [Note("read as an export of {preset}", preset=source.preset)]
    notes += [Note(note["en"], zh=note["zh"]) for note in export.notes]
    unmet = [group for group in export.known_by if not _one(group, present)]
    if unmet:
        shown = ", ".join(f"'{group[0]}'" for group in unmet)
        notes.append(Note("columns that such an export has are not in the file: {shown}", shown=shown))
    placed = _placed(export.options, present)
    for option in sorted(export.options.keys() - placed.keys()):
        if getattr(source.options, option) in (None, []):
            words = "the preset's options.{option} is not used, for its column is not in the file"
            notes.append(Note(words, option=option))
    for option, column in _placed(export.unsure_options, present).items():
        if option in ("refund_column", "multiply_by") and getattr(source.options, option) is None:
            words = "options.{option} may be '{column}'; nobody has verified that, so it is not used"
            notes.append(Note(words, option=option, column=column))
    return notes


def recognised(present: list[str]) -> list[Recognised]:
    """Return the exports that a header fits, best first.

    Parameters
    ----------
    present : list of str
        The names of the columns.

    Returns
    -------
    list of Recognised
        Those of which every column of ``known_by`` is there; the one that more columns speak for goes first.

    Examples
    --------
    >>> recognised(["customer_id", "order_date", "revenue"])
    []
    """
    fits = []
    for name in preset_names():
        for export in load_preset(name).exports.values():
            told = [_one(group, present) for group in export.known_by]
            if not all(told):
                continue
            columns = _present(export.columns, present)
            fit = Recognised(
                preset=name,
                export=export.name,
                table=export.table,
                known_by=tuple(column for column in told if column),
                columns=columns,
                missing=tuple(column for column in TABLES[export.table].required if column not in columns),
                offers=_present(export.offers, present),
            )
            fits.append((_likeness(export, present), fit))
    # The sort is stable: exports that fit alike stay in the order of their names and files.
    return [fit for _, fit in sorted(fits, key=lambda pair: pair[0], reverse=True)]


def _exports(table: str, asked: str) -> tuple[Preset, list[Export]]:
    """The preset that a parameter file names, and its exports that can become *table*."""
    name, slash, key = asked.partition("/")
    preset = load_preset(name)
    shown = ", ".join(f"{preset.name}/{export.name} ({export.table})" for export in preset.exports.values())
    if slash and key not in preset.exports:
        raise ParamsError(
            f"data.{table}.preset: {asked}: no such export{did_you_mean(key, preset.exports)}. "
            f"The preset has {shown}."
        )
    exports = [preset.exports[key]] if slash else list(preset.exports.values())
    exports = [export for export in exports if export.table == table]
    if not exports:
        raise ParamsError(f"data.{table}.preset: {asked} does not become {table}. The preset has {shown}.")
    return preset, exports


def _likeness(export: Export, present: list[str]) -> tuple[bool, int, int]:
    told = sum(_one(group, present) is not None for group in export.known_by)
    return told == len(export.known_by), told, len(_present(export.columns, present))


def _one(names: tuple[str, ...], present: list[str]) -> str | None:
    return next((found for name in names if (found := find_column(name, present))), None)


def _present(columns: Found, present: list[str]) -> dict[str, tuple[str, ...]]:
    found = {
        name: tuple(dict.fromkeys(there for origin in names if (there := find_column(origin, present))))
        for name, names in columns.items()
    }
    return {name: names for name, names in found.items() if names}


def _lost(preset: Preset, export: Export, name: str, present: list[str], place: str) -> str:
    looked = " or ".join(f"'{origin}'" for origin in export.columns.get(name, ()))
    shown = ", ".join(present[:20]) + (f" and {len(present) - 20} more" if len(present) > 20 else "")
    where = f"data.{export.table}"
    lines = [
        f"{export.table}: {name} not found. The preset {preset.name}/{export.name} "
        f"{f'looks for {looked}' if looked else 'knows no column for it'}. Columns present: {shown}.",
        *(f"    Of such files: {note['en']}." for note in export.notes if not looked),
    ]
    if maybe := _present(export.offers, present).get(name):
        lines.append(f"    It may be {' or '.join(map(repr, maybe))}; the preset is not sure of that.")
    lines.append(f"    Map it: {where}.columns.{name} in {place}.")
    others = [f"{preset.name}/{other.name}" for other in preset.exports.values() if other.name != export.name]
    if others:
        lines.append(f"    Or it is another export: {where}.preset may be {', '.join(others)}.")
    return "\n".join(lines)


def _placed(options: Mapping[str, Any], present: list[str]) -> dict[str, Any]:
    """The options with the file's own columns in them, without those whose column is not there."""
    placed = dict(options)
    for key in ("refund_column", "multiply_by"):
        if key in placed:
            placed[key] = _one(names_of(placed[key]), present)
    if "line_value" in placed:
        columns = [_one(names_of(names), present) for names in placed["line_value"]]
        placed["line_value"] = columns if all(columns) else None
    if "states" in placed:
        column = _one(names_of(placed["states"]["column"]), present)
        placed["states"] = placed["states"] | {"column": column} if column else None
    return {key: value for key, value in placed.items() if value is not None}


def _filled(known: Mapping[str, Any], own: Options) -> Options:
    """A person's options, filled up with what a preset knows: what the person writes always wins."""
    said = own.model_dump(exclude_unset=True)
    filled = {**known, **said}
    for key in ("scales", "words"):
        if key in known and key in said:
            filled[key] = {**known[key], **said[key]}
    if "states" in known and said.get("states") and said["states"]["column"] == known["states"]["column"]:
        filled["states"] = _states(known["states"], said["states"])
    return Options.model_validate(filled)


def _states(known: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """A state that the person names goes where the person says; the others stay where the preset has them."""
    kinds = ("keep", "drop", "refunded")
    settled = {plain_state(state) for kind in kinds for state in said.get(kind, [])}
    return {"column": said["column"]} | {
        kind: [
            *said.get(kind, []),
            *(state for state in known.get(kind, []) if plain_state(state) not in settled),
        ]
        for kind in kinds
    }
