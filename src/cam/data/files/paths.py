"""The paths and patterns of a parameter file -> files, each of them once."""

from __future__ import annotations

import difflib
import re
from importlib.util import find_spec
from pathlib import Path

from cam.data.files.guards import refuse_special, refuse_unreadable, refuse_wide_pattern
from cam.errors import DataError
from cam.params import Source


def find_files(table: str, source: Source, root: Path) -> list[Path]:
    """Return the files that a source names, in a fixed order.

    Parameters
    ----------
    table : str
        Canonical name, for the message.
    source : Source
        With ``path``.
    root : Path
        Where relative paths start.

    Returns
    -------
    list of Path
        At least one.

    Raises
    ------
    DataError
        If a path or pattern finds nothing.
    """
    found: list[Path] = []
    for pattern in source.paths:
        if pattern.startswith("package:"):
            found.append(_package_file(table, pattern))
            continue
        try:
            place = root / Path(pattern).expanduser()
            # A file may have brackets in its own name.
            if place.is_file():
                files = [place]
            elif _is_glob(pattern):
                refuse_wide_pattern(table, pattern, place)
                files = _matches(place)
            else:
                refuse_special(table, place)
                files = []
        except PermissionError as error:
            raise DataError(
                f"{table}: {pattern} cannot be looked at: {error.strerror}. Ask for the right to read its folder."
            ) from None
        except (OSError, ValueError, RuntimeError) as error:  # a name that no file can have
            said = error.strerror if isinstance(error, OSError) else error
            raise DataError(
                f"{table}: {pattern[:200]!r} is no path: {said}. Mend data.{table}.path."
            ) from None
        for file in files:
            refuse_unreadable(table, file)
        if not files:
            raise DataError(_missing(table, pattern, place))
        found += files
    known: dict[Path, Path] = {}
    for path in found:
        first = known.setdefault(path.resolve(), path)
        if first is not path:
            other = "" if first.name == path.name else f" (as {first.name} too, which is the same file)"
            raise DataError(
                f"{table}: {path.name} is named twice by data.{table}.path{other}, so its rows would count twice.\n"
                "    Leave one of the patterns out."
            )
    return found


def _matches(place: Path) -> list[Path]:
    fixed = next(parent for parent in place.parents if not _is_glob(str(parent)) or parent.is_dir())
    # Hidden files and the locks that Excel lays beside an open workbook are no data.
    return sorted(
        path
        for path in fixed.glob(str(place.relative_to(fixed)))
        if path.is_file() and not path.name.startswith((".", "~$"))
    )


def _is_glob(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")


def _package_file(table: str, pattern: str) -> Path:
    package, _, inner = pattern.removeprefix("package:").partition("/")
    try:
        spec = find_spec(package) if re.fullmatch(r"\w+", package) else None
    except ValueError:  # a module that runs, such as __main__, may have none
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"{table}: the package {package} is not installed ({pattern}). Install it, or run `make setup`."
        )
    base = Path(next(iter(spec.submodule_search_locations))).resolve()
    path = (base / inner).resolve()
    if base not in path.parents or not path.is_file():
        raise DataError(f"{table}: the package {package} ships no file {inner}.")
    return path


def _missing(table: str, pattern: str, place: Path) -> str:
    what = (
        "no file matches"
        if _is_glob(pattern)
        else "a folder, not a file, stands at"
        if place.is_dir()
        else "no file at"
    )
    folder = place.parent
    near = ""
    if place.is_dir():
        near = " Name its files, as in *.csv."
    elif folder.is_dir() and not _is_glob(pattern):
        names = difflib.get_close_matches(
            place.name, [path.name for path in folder.iterdir()], n=1, cutoff=0.6
        )
        near = f" Did you mean {names[0]}?" if names else ""
    elif not folder.is_dir():
        near = f" The folder {folder} does not exist."
    return (
        f"{table}: {what} {pattern}.{near}\n"
        f"    Looked for {place}. Relative paths start at data.root, by default the project's folder."
    )
