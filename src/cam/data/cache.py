"""Prepared tables that are kept: under which name, whether they can be used, and which are old."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import duckdb

from cam.data.engine import literal
from cam.data.people.pseudonyms import IdKey
from cam.params import Params
from cam.project import code_digest, digest, is_sealed

#: Prepared tables that stay in the cache, per client.
KEPT = 3
_CODE = ("data", "schema.py", "project.py")


def key_of(params: Params, files: dict[str, list[Path]], ids: IdKey | None) -> str:
    """Return the digest of all that prepared tables hang on: files, parameters and code.

    Parameters
    ----------
    params : Params
        The client's parameters.
    files : dict of str to list of Path
        The files of each table; for one of a database, the one that it was copied to.
    ids : IdKey or None
        What hashes the customers' ids.

    Returns
    -------
    str
    """
    parts: list[str | Path] = [code_digest(_CODE), str(params.client.as_of), params.client.currency]
    parts += [str(params.data.ignore_case), ids.digest if ids else "plain"]
    for name, source in params.data.sources.items():
        parts += [name, source.model_dump_json()]
        if source.table or source.query:
            # A database hands rows over in any order; the same rows are the same content.
            parts.append(_content(files[name][0]))
        else:
            for path in files[name]:
                parts += [path.name, path]
    return digest(*parts)


def is_made(folder: Path, ids: IdKey | None) -> bool:
    """Whether a folder holds prepared tables, whole, and the ids behind their hashes."""
    return is_sealed(folder) and (ids is None or ids.lookup.exists())


def forget_old(home: Path, work: Path) -> None:
    """Keep the latest tables; what a killed process left is swept once it is a day older than *work*.

    Parameters
    ----------
    home : Path
        A client's folder in the cache.
    work : Path
        The folder that this process has just made in it.
    """
    now = work.stat().st_mtime
    for left, made_at in _ages(home.glob(".work-*")).items():
        if now - made_at > 86_400:
            shutil.rmtree(left, ignore_errors=True)
    ages = _ages(path for path in home.iterdir() if not path.name.startswith("."))
    for path in sorted(ages, key=lambda path: ages[path], reverse=True)[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def _ages(paths: Iterable[Path]) -> dict[Path, float]:
    """When each was last used; what another process has removed meanwhile is not there."""
    found = {}
    for path in paths:
        with suppress(FileNotFoundError):
            found[path] = path.stat().st_mtime
    return found


def _content(path: Path) -> str:
    source = f"read_parquet({literal(str(path))})"
    names = duckdb.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()
    found = duckdb.sql(f"SELECT count(*), sum(CAST(hash(t) AS HUGEINT)) FROM {source} AS t").fetchone()
    return f"{names} {found}"
