"""Keyed hashes in place of customers' ids, and the key and the look-up that only the consultant has.

An id becomes the first 16 hexadecimal digits of HMAC-SHA-256 (RFC 2104), worked out inside the engine: the same id and
key give the same hash in every table and every month, and nobody without the key can work them out again. The key comes
from the environment variable ``CAM_ID_KEY``, or is made once and kept in ``.keys/``, outside of git, cache and reports.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from cam.data.engine import identifier, literal
from cam.data.files.margins import LEFT_OUT
from cam.data.notes import Note
from cam.data.parse import Parsed
from cam.data.people.identity import one_form, rewrite
from cam.data.people.repeated_ids import (
    FORMS,
    HASHES,
    Repeated,
    find_repeated,
    forget_forms,
    gather_forms,
)
from cam.errors import DataError, ParamsError
from cam.project import digest

_VARIABLE = "CAM_ID_KEY"
_KEY_BYTES, _BLOCK = 32, 64
#: Digits of a hash that are kept: among ten million ids, two alike have a chance of 3 in a million.
_DIGITS = 16
#: HMAC of a text, as the engine works it out.
_KEYED_HASH = (
    "substr(sha256(getvariable('_cam_outer') || unhex(sha256(getvariable('_cam_inner') || encode({})))), "
    f"1, {_DIGITS})"
)


@dataclass(frozen=True, slots=True)
class IdKey:
    """What ids are hashed with.

    Attributes
    ----------
    secret : bytes
        Never shown: not in a text of this object either.
    lookup : Path
        Parquet file of ids and their hashes, made with the tables.
    """

    secret: bytes = field(repr=False)
    lookup: Path

    @property
    def digest(self) -> str:
        """Says whether the key is the same, and nothing more of it."""
        return digest("ids are hashed", self.secret)


def find_key(client: str, *, folder: Path) -> IdKey:
    """Return the key of a client: from the environment, or from a file that is made once.

    Parameters
    ----------
    client : str
        The client's id.
    folder : Path
        Where keys and look-ups are kept; only its owner may look into it.

    Returns
    -------
    IdKey

    Raises
    ------
    ParamsError
        If the environment's key is too short to keep anything secret.
    DataError
        If the key's file cannot be read or is damaged: a new key would name every customer anew.
    """
    lookup = folder / f"{client}_ids.parquet"
    path = folder / f"{client}.key"
    given = os.environ.get(_VARIABLE)
    if given is not None and len(given) < 16:
        raise ParamsError(
            f"client.customer_ids: the environment variable {_VARIABLE} has {len(given)} characters; a key needs 16.\n"
            f"    Make it longer, or unset it: a key is then made once and kept in {folder.name}/{path.name}."
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if given is not None:
            return IdKey(given.encode(), lookup)
        if not path.exists():
            _make_key(path)
        secret = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"client.customer_ids: the key {folder.name}/{path.name} cannot be read or made: {error.strerror}.\n"
            f"    Mend it, or set the environment variable {_VARIABLE}."
        ) from None
    if len(secret) != _KEY_BYTES:
        raise DataError(
            f"client.customer_ids: the key {folder.name}/{path.name} is damaged: {len(secret)} bytes, not {_KEY_BYTES}."
            "\n    Put the saved one back. If there is none, delete it: all customers then get new hashes."
        )
    return IdKey(secret, lookup)


def _make_key(path: Path) -> None:
    """Write a key that nobody else can read; of two runs at once the first wins."""
    handle, made = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(_KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(made, path)
    finally:
        Path(made).unlink()


@dataclass(frozen=True, slots=True)
class Hashed:
    """What has become of a client's tables.

    Attributes
    ----------
    n_ids : int
        Different ids.
    tables : dict of str to Parsed
        Without the columns in whose text ids stand.
    told : dict of str to list of Note
        Which other columns were treated, by table.
    """

    n_ids: int
    tables: dict[str, Parsed]
    told: dict[str, list[Note]]


def hash_ids(connection: duckdb.DuckDBPyConnection, parsed: dict[str, Parsed], key: IdKey) -> Hashed:
    """Replace the customers' ids of all tables, and where other columns repeat them; write the look-up.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    parsed : dict of str to Parsed
        All tables of a client, their ids settled.
    key : IdKey
        From :func:`find_key`.

    Returns
    -------
    Hashed

    Raises
    ------
    DataError
        If two ids have one hash.
    """
    keyed = {name: table for name, table in parsed.items() if "customer_id" in table.columns}
    if not keyed:
        return Hashed(0, parsed, {})
    every = " UNION ALL ".join(
        f"SELECT customer_id AS id FROM {table.relation} WHERE customer_id IS NOT NULL"
        for table in keyed.values()
    )
    for name, pad in (("_cam_inner", 0x36), ("_cam_outer", 0x5C)):
        connection.execute(
            f"SET VARIABLE {name} = ?::BLOB", [bytes(byte ^ pad for byte in _block(key.secret))]
        )
    connection.execute(
        f"CREATE TABLE {HASHES} AS SELECT id, {_KEYED_HASH.format('id')} AS hashed FROM "
        f"(SELECT DISTINCT id FROM ({every}))"
    )
    counted = connection.execute(f"SELECT count(*), count(DISTINCT hashed) FROM {HASHES}").fetchone()
    assert counted is not None
    if counted[0] != counted[1]:
        raise DataError(
            "client.customer_ids: two ids have the same hash. Take another key, by the environment variable "
            f"{_VARIABLE}."
        )
    gather_forms(connection, keyed_hash=_KEYED_HASH)
    found = _orders_alike({name: find_repeated(connection, table) for name, table in parsed.items()}, parsed)
    for name, table in parsed.items():
        _replace(connection, table, found[name], has_id=name in keyed)
    _write_lookup(connection, key.lookup)
    forget_forms(connection)
    connection.execute(f"DROP TABLE {HASHES}")
    for name in ("_cam_inner", "_cam_outer"):
        connection.execute(f"RESET VARIABLE {name}")
    return Hashed(
        int(counted[0]),
        {name: _without(table, found[name].inside) for name, table in parsed.items()},
        {name: notes for name, columns in found.items() if (notes := _told(columns))},
    )


def _orders_alike(found: dict[str, Repeated], parsed: dict[str, Parsed]) -> dict[str, Repeated]:
    """Hash the orders of all tables if those of one are: they still meet."""
    if not any("order_id" in columns.whole for columns in found.values()):
        return found
    alike = {}
    for name, columns in found.items():
        if "order_id" in parsed[name].columns and "order_id" not in columns.inside:
            others = (
                tuple(one for one in names if one != "order_id")
                for names in (columns.by_value, columns.whole)
            )
            by_value, whole = others
            columns = replace(columns, by_value=by_value, whole=(*whole, "order_id"))
        alike[name] = columns
    return alike


def _replace(connection: duckdb.DuckDBPyConnection, table: Parsed, found: Repeated, *, has_id: bool) -> None:
    """Write a table anew with hashes in place of ids; what is no id of anybody's stays."""
    replaced = {
        name: _KEYED_HASH.format(f"CAST(given.{identifier(name)} AS VARCHAR)") for name in found.whole
    }
    source, made = f"{table.relation} AS given", []
    if has_id:
        source += f" LEFT JOIN {HASHES} AS own ON own.id = given.customer_id"
        replaced["customer_id"] = "own.hashed"
    for index, name in enumerate(found.by_value):
        text, values = f"CAST(given.{identifier(name)} AS VARCHAR)", f"_cam_values_{index}"
        connection.execute(
            f"CREATE TABLE {values} AS SELECT value, coalesce(same.hashed, alike.hashed, value) AS hashed FROM "
            f"(SELECT DISTINCT {text} AS value FROM {table.relation} AS given) LEFT JOIN {HASHES} AS same "
            f"ON same.id = value LEFT JOIN {FORMS} AS alike ON alike.form = {one_form('value')}"
        )
        source += f" LEFT JOIN {values} AS v{index} ON v{index}.value = {text}"
        replaced[name] = f"v{index}.hashed"
        made.append(values)
    if replaced:
        rewrite(connection, table, replaced, source=f"{source} ORDER BY given.rowid")
    for values in made:
        connection.execute(f"DROP TABLE {values}")


def _without(table: Parsed, columns: tuple[str, ...]) -> Parsed:
    if not columns:
        return table
    return replace(table, columns=tuple(name for name in table.columns if name not in columns))


def _told(found: Repeated) -> list[Note]:
    said = (
        ("columns that repeat customers' ids, hashed alike: {columns}", found.by_value),
        ("ids of other things that hold a customer's id, hashed as a whole: {columns}", found.whole),
        ("columns left out, because customers' ids stand inside their text: {columns}", found.inside),
    )
    return [Note(words, columns=", ".join(names)) for words, names in said if names]


def _block(secret: bytes) -> bytes:
    import hashlib

    return (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")


def _write_lookup(connection: duckdb.DuckDBPyConnection, to: Path) -> None:
    with tempfile.TemporaryDirectory(dir=to.parent) as folder:  # its owner's only
        made = Path(folder) / to.name
        connection.execute(
            "COPY (SELECT id AS customer_id, hashed FROM _cam_hashes ORDER BY 1) "
            f"TO {literal(str(made))} (FORMAT parquet, COMPRESSION zstd)"
        )
        made.chmod(0o600)
        made.replace(to)


def without_examples(table: Parsed) -> Parsed:
    """Return a table whose faults of ids name rows alone, and whose notes quote no row."""
    checks = (
        replace(check, example=None) if check.column == "customer_id" else check for check in table.checks
    )
    found = table.without_zeros
    bare = {"n": found["n"], "width": found["width"]} if found else None
    notes = (
        Note("{file}: {n} line(s) below the last row left out", file=note.values["file"], n=note.values["n"])
        if isinstance(note, Note) and note.words == LEFT_OUT
        else note
        for note in table.notes
    )
    return replace(table, checks=tuple(checks), without_zeros=bare, notes=tuple(notes))


def forget_plain(home: Path, *, results: Path) -> None:
    """Remove tables that were made with plain ids, results of studies that rest on them, and what killed runs left.

    Parameters
    ----------
    home : Path
        Folder of a client's prepared tables; a run's working folder has the number of its process in its name.
    results : Path
        Folder of the results of its studies.
    """
    made = [path.parent for path in home.glob("[!.]*/review.json")]
    plain = [path for path in made if "ids" not in json.loads((path / "review.json").read_bytes())]
    for path in plain:
        shutil.rmtree(path, ignore_errors=True)
    if plain:
        shutil.rmtree(results, ignore_errors=True)
    for left in home.glob(".work-*-*"):  # ids stand there in clear
        number = left.name.split("-")[1]
        if number.isdigit() and not _is_running(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        return True
    return True
