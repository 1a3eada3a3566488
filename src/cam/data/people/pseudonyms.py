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
from cam.data.parse import Parsed
from cam.data.people.identity import rewrite
from cam.errors import DataError, ParamsError
from cam.project import digest
from cam.schema import TABLES

_VARIABLE = "CAM_ID_KEY"
_KEY_BYTES, _BLOCK = 32, 64
#: Digits of a hash that are kept: among ten million ids, two alike have a chance of 3 in a million.
_DIGITS = 16


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


def hash_ids(connection: duckdb.DuckDBPyConnection, parsed: dict[str, Parsed], key: IdKey) -> int:
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
    int
        Different ids.

    Raises
    ------
    DataError
        If two ids have one hash.
    """
    keyed = {name: table for name, table in parsed.items() if "customer_id" in table.columns}
    if not keyed:
        return 0
    every = " UNION ALL ".join(
        f"SELECT customer_id AS id FROM {table.relation} WHERE customer_id IS NOT NULL"
        for table in keyed.values()
    )
    inner, outer = (bytes(byte ^ pad for byte in _block(key.secret)) for pad in (0x36, 0x5C))
    connection.execute(
        "CREATE TABLE _cam_hashes AS SELECT id, "
        f"substr(sha256(?::BLOB || unhex(sha256(?::BLOB || encode(id)))), 1, {_DIGITS}) AS hashed FROM "
        f"(SELECT DISTINCT id FROM ({every}))",
        [outer, inner],
    )
    counted = connection.execute("SELECT count(*), count(DISTINCT hashed) FROM _cam_hashes").fetchone()
    assert counted is not None
    if counted[0] != counted[1]:
        raise DataError(
            "client.customer_ids: two ids have the same hash. Take another key, by the environment variable "
            f"{_VARIABLE}."
        )
    repeated = {name: _repeats(connection, table) for name, table in parsed.items()}
    if "order_id" in repeated.get("transactions", ()) and "refunds" in parsed:
        repeated["refunds"] = list({*repeated["refunds"], "order_id"})  # the two still meet
    for name, table in parsed.items():
        columns = [*(["customer_id"] if name in keyed else []), *repeated[name]]
        if not columns:
            continue
        source, replaced = f"{table.relation} AS given", {}
        for index, column in enumerate(columns):
            text = f"CAST(given.{identifier(column)} AS VARCHAR)"
            source += f" LEFT JOIN _cam_hashes AS h{index} ON h{index}.id = {text}"
            # What is no id of anybody's stays: it says nothing of who somebody is.
            replaced[column] = (
                f"h{index}.hashed" if column == "customer_id" else f"coalesce(h{index}.hashed, {text})"
            )
        rewrite(connection, table, replaced, source=f"{source} ORDER BY given.rowid")
    _write_lookup(connection, key.lookup)
    connection.execute("DROP TABLE _cam_hashes")
    return int(counted[0])


def _block(secret: bytes) -> bytes:
    import hashlib

    return (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")


def _repeats(connection: duckdb.DuckDBPyConnection, table: Parsed) -> list[str]:
    """Other columns that hold ids of customers: the row's own under another name, or that of whoever sent them."""
    schema = TABLES[table.table]
    known = {name: schema.column(name) for name in table.columns if name != "customer_id"}
    others = [name for name, column in known.items() if column is None or column.kind == "text"]
    if not others:
        return []
    tests = []
    for name in others:
        text = f"CAST({identifier(name)} AS VARCHAR)"
        own = f"count(*) FILTER ({text} = customer_id)" if "customer_id" in table.columns else "0"
        both = f"count(*) FILTER ({text} IS NOT NULL{' AND customer_id IS NOT NULL' if own != '0' else ''})"
        tests += [own, both]
    row = connection.execute(f"SELECT {', '.join(tests)} FROM {table.relation}").fetchone()
    assert row is not None
    found = []
    for name, own, both in zip(others, row[::2], row[1::2], strict=True):
        if both and (2 * own >= both or (known[name] is None and _names_others(connection, table, name))):
            found.append(name)
    return found


def _names_others(connection: duckdb.DuckDBPyConnection, table: Parsed, name: str) -> bool:
    """Whether nearly all values of an attribute are ids of customers, and not, as short numbers are, by chance."""
    given = identifier(name)
    row = connection.execute(
        f"SELECT count(*), count(h.id) FROM (SELECT DISTINCT CAST({given} AS VARCHAR) AS value FROM "
        f"(SELECT {given} FROM {table.relation} WHERE {given} IS NOT NULL LIMIT 5000) "
        "WHERE regexp_full_match(value, '.*[^0-9].*|[0-9]{8,}')) LEFT JOIN _cam_hashes AS h ON h.id = value"
    ).fetchone()
    assert row is not None
    return bool(row[0] and row[1] >= 0.9 * row[0])


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
    """Return a table whose faults of ids name rows alone."""
    checks = (
        replace(check, example=None) if check.column == "customer_id" else check for check in table.checks
    )
    return replace(table, checks=tuple(checks))


def forget_plain(home: Path, *, results: Path) -> None:
    """Remove tables that were made with plain ids, and results of studies that rest on them.

    Parameters
    ----------
    home : Path
        Folder of a client's prepared tables.
    results : Path
        Folder of the results of its studies.
    """
    made = [path.parent for path in home.glob("[!.]*/review.json")]
    plain = [path for path in made if "ids" not in json.loads((path / "review.json").read_bytes())]
    for path in plain:
        shutil.rmtree(path, ignore_errors=True)
    if plain:
        shutil.rmtree(results, ignore_errors=True)
