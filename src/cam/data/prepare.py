"""Read, clean and check a client's tables once, and keep them by the content of what they were made from."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from cam.data.cache import forget_old, is_made, key_of
from cam.data.engine import identifier, literal, workspace
from cam.data.faults import find_faults, refuse_doubled_keys
from cam.data.files.guards import refuse_changed, stamps
from cam.data.files.paths import find_files
from cam.data.files.sources import (
    COPY,
    Raw,
    copy_database_table,
    needs_one_thread,
    read_source,
    refuse_lacking,
    refuse_lines,
)
from cam.data.notes import Note, parts
from cam.data.one_pass import PARQUET
from cam.data.orders.amounts import unsaid_units
from cam.data.orders.grouping import amount, write_orders
from cam.data.orders.refund_table import SETTLED, Settled, settle_refunds
from cam.data.orders.shape import shape
from cam.data.parse import Parsed, parse
from cam.data.people.identity import settle_ids
from cam.data.people.pseudonyms import IdKey, find_key, forget_plain, hash_ids, without_examples
from cam.data.presets.apply import after_reading, before_reading, preset_notes
from cam.data.types.expressions import is_total
from cam.errors import DataError
from cam.params import Params, Source
from cam.project import is_sealed, seal
from cam.schema import TABLES, Table

#: What is said of refunds that came after the last order.
_LATE = "{n} refunds came after {day}, the last day seen, and are netted to their orders; client.as_of leaves them out"

Review = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A client's checked tables on disk.

    Attributes
    ----------
    folder : Path
        Holds ``<table>.parquet`` for every table and ``review.json``.
    key : str
        Digest of the inputs, the parameters that shaped them and the code.
    tables : tuple of str
        Canonical names that are there.
    review : dict
        What was read, kept and dropped, per table; the period; the match rates.
    """

    folder: Path
    key: str
    tables: tuple[str, ...]
    review: Review

    @property
    def as_of(self) -> date:
        """The last day seen."""
        return date.fromisoformat(self.review["as_of"])

    def path(self, table: str) -> Path:
        """Return the Parquet file of a table."""
        return self.folder / f"{table}.parquet"


def prepare(
    params: Params, *, root: Path, cache: Path, place: str, resolve: Callable[[str], Path] | None = None
) -> Prepared:
    """Make a client's checked tables, or find them made.

    Parameters
    ----------
    params : Params
        The client's parameters.
    root : Path
        The project's root, where ``data.root`` starts.
    cache : Path
        Folder for prepared tables.
    place : str
        The parameter file, for messages.
    resolve : callable, optional
        Turns a ``sample:`` reference into a file.

    Returns
    -------
    Prepared

    Raises
    ------
    DataError
        With every fault of every table, each with its rows and cure.
    """
    home = cache / "clients" / params.client.id
    home.mkdir(parents=True, exist_ok=True)
    hashed = params.client.customer_ids == "hashed"
    ids = find_key(params.client.id, folder=root / ".keys") if hashed else None
    if ids:
        forget_plain(home, results=cache / "studies" / params.client.id)
    work = Path(tempfile.mkdtemp(prefix=f".work-{os.getpid()}-", dir=home))
    try:
        files = _files(params, root=root / Path(params.data.root).expanduser(), work=work, resolve=resolve)
        seen = {name: stamps(paths) for name, paths in files.items()}
        with ThreadPoolExecutor(1) as beside:
            # To digest a large file takes a while; where nothing is made yet, there is nothing to be found by it.
            key = beside.submit(key_of, params, files, ids)
            made = None
            if not any(home.glob("[!.]*")) or not is_made(home / key.result()[:32], ids):
                made = work / "tables"
                try:
                    review = _made(params, files, made, place, ids)
                except duckdb.NotImplementedException as error:
                    if not needs_one_thread(error):
                        raise
                    # Texts of many lines that look like rows are rare, and known only once the reader is lost in them.
                    review = _made(params, files, made, place, ids, one_thread=True)
                review["key"] = key.result()
        final = home / key.result()[:32]
        if made:
            for name, stamp in seen.items():
                refuse_changed(name, stamp)
            text = json.dumps(review, ensure_ascii=False, indent=1, default=str)
            (made / "review.json").write_text(text, encoding="utf-8")
            seal(made)
            if not is_sealed(final):
                shutil.rmtree(final, ignore_errors=True)  # damaged, or not there
            try:
                made.replace(final)
            except OSError:
                # Another process made the same tables first; theirs are as good.
                if not is_sealed(final):
                    raise
        forget_old(home, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    os.utime(final)
    return read_prepared(final)


def read_prepared(folder: Path) -> Prepared:
    """Find tables that :func:`prepare` has made.

    Parameters
    ----------
    folder : Path
        As in :class:`Prepared`.

    Returns
    -------
    Prepared
    """
    review = json.loads((folder / "review.json").read_text(encoding="utf-8"))
    return Prepared(folder, review["key"], tuple(review["tables"]), review)


def _files(
    params: Params, *, root: Path, work: Path, resolve: Callable[[str], Path] | None
) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    faults = []
    for name, source in params.data.sources.items():
        try:
            if source.table or source.query:
                files[name] = [
                    copy_database_table(name, source, engine=params.data.engine, folder=work, root=root)
                ]
            elif resolve and all(path.startswith("sample:") for path in source.paths):
                files[name] = [resolve(path) for path in source.paths]
            else:
                files[name] = find_files(name, source, root)
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError("\n".join(faults))
    return files


# --- building -----------------------------------------------------------------------------------


def _made(
    params: Params,
    files: dict[str, list[Path]],
    to: Path,
    place: str,
    ids: IdKey | None,
    *,
    one_thread: bool = False,
) -> Review:
    """Make the tables in an empty folder, by an engine that knows nothing of an attempt before."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    with workspace(to.parent) as connection:
        return _build(connection, params, files, to, place, ids, one_thread=one_thread)


def _build(
    connection: duckdb.DuckDBPyConnection,
    params: Params,
    files: dict[str, list[Path]],
    to: Path,
    place: str,
    ids: IdKey | None,
    *,
    one_thread: bool,
) -> Review:
    parsed: dict[str, Parsed] = {}
    shown: dict[str, list[str]] = {}
    faults: list[str] = []
    resolved: dict[str, Source] = {}
    units: dict[str, list[dict[str, Any]]] = {}
    for name, source in params.data.sources.items():
        whole: Raw | None = None
        try:
            source = before_reading(name, source)
            # The one table that may be large is read from its file, row by row, and never stands in memory.
            in_place = name == "transactions"
            whole = raw = read_source(
                connection,
                name,
                source,
                files=files[name],
                folder=to.parent,
                in_place=in_place,
                one_thread=one_thread,
            )
            present = raw.own_columns
            source = after_reading(name, source, present, place=place)
            raw = replace(raw, notes=(*raw.notes, *preset_notes(source, present)))
            refuse_lacking(raw, source, place=place)
            units[name] = list(unsaid_units(connection, raw, source))
            raw, source = shape(connection, raw, source, place=place)
            resolved[name] = source
            rows = to.parent / f"{name}.parquet.part"
            parsed[name] = parse(connection, raw, source, place=place, to=rows)
            parsed[name] = without_examples(parsed[name]) if ids else parsed[name]
            in_base = bool(source.table or source.query)
            shown[name] = [source.table or "query"] if in_base else list(raw.files)
            faults += find_faults(connection, parsed[name], source, params, place)
        except (DataError, duckdb.Error) as error:
            first = _in_its_lines(connection, whole, one_thread=one_thread) or error
            faults.append(_told(name, first, files[name]))
    if faults:
        raise DataError("\n".join(faults))
    params = params.model_copy(update={"data": params.data.model_copy(update=resolved)})
    told = settle_ids(connection, parsed, params, place=place)
    as_of = params.client.as_of or _last_day(connection, parsed, place)
    review: Review = {"as_of": as_of.isoformat(), "tables": {}}
    if ids:
        hashed = hash_ids(connection, parsed, ids)
        parsed = hashed.tables
        told |= {name: [*told.get(name, []), *notes] for name, notes in hashed.told.items()}
        review["ids"] = {"hashed": hashed.n_ids, "lookup": f"{ids.lookup.parent.name}/{ids.lookup.name}"}
    judged = {name: _judge(connection, params, table, as_of) for name, table in parsed.items()}
    settled: Settled | None = None
    if "refunds" in parsed:
        settled = settle_refunds(
            connection,
            judged["transactions"],
            judged["refunds"],
            columns=parsed["transactions"].columns,
            refund_columns=parsed["refunds"].columns,
            options=resolved["transactions"].options,
            as_of=as_of,
        )
        if settled.n_late:
            late = Note(_LATE, n=settled.n_late, day=as_of.isoformat())
            told["refunds"] = [*told.get("refunds", []), late]
    for name, table in parsed.items():
        try:
            cleaned = _clean(connection, params, table, as_of, to / f"{name}.parquet", place, settled)
            for note in told.get(name, []):
                cleaned["notes"].append(str(note))
                cleaned["notes_in_parts"].append(parts(note))
            review["tables"][name] = cleaned | {"files": shown[name], "units": units[name]}
        except (DataError, duckdb.Error) as error:
            if needs_one_thread(error) and not one_thread:
                raise
            faults.append(_told(name, error, files[name]))
    if faults:
        raise DataError("\n".join(faults))
    review["match"] = _match(connection, parsed, to)
    return review


def _in_its_lines(
    connection: duckdb.DuckDBPyConnection, raw: Raw | None, *, one_thread: bool
) -> DataError | None:
    """The line that cannot be read, where there is one: what else seems to be wrong follows from it."""
    try:
        if raw:
            refuse_lines(connection, raw, one_thread=one_thread)
    except DataError as error:
        return error
    return None


def _told(table: str, error: Exception, files: list[Path]) -> str:
    if isinstance(error, DataError):
        return str(error)
    names = ", ".join(path.name for path in files[:3])
    return (
        f"{table}: the engine cannot work with {names}: {' '.join(str(error).split())[:300]}\n"
        "    Export it again, or as CSV."
    )


def _last_day(connection: duckdb.DuckDBPyConnection, parsed: dict[str, Parsed], place: str) -> date:
    for name in ("transactions", "contracts", "responses"):
        if name in parsed:
            times = [column for column in TABLES[name].time if column in parsed[name].columns]
            latest = ", ".join(f"max({column})" for column in times)
            # A row that is left out for a fault does not say how far the data reach.
            sound = " AND ".join(
                ["_cam_why IS NULL", *(f"NOT {check.flag}" for check in parsed[name].checks)]
            )
            last = connection.execute(
                f"SELECT CAST(greatest({latest}) AS DATE) FROM {parsed[name].relation} WHERE {sound}"
            ).fetchone()
            if last and last[0]:
                return last[0]
    raise DataError(f"client.as_of: these tables have no date to take it from. Set client.as_of in {place}.")


def _clean(
    connection: duckdb.DuckDBPyConnection,
    params: Params,
    parsed: Parsed,
    as_of: date,
    to: Path,
    place: str,
    settled: Settled | None,
) -> Review:
    """Name the reason for which each row is dropped, write the rest, and account for both."""
    schema = TABLES[parsed.table]
    has_revenue = parsed.table == "transactions"
    judged = identifier(f"{parsed.table}_judged")
    if parsed.table == "refunds":
        judged = _with_orders(connection, judged)
    money = {"transactions": "sum(_cam_exact)", "refunds": "-sum(abs(refund))"}.get(parsed.table, "NULL")
    counted = connection.execute(
        f"SELECT _cam_reason, count(*), {money} FROM {judged} GROUP BY 1 ORDER BY 1 NULLS FIRST"
    ).fetchall()
    dropped = [
        {"reason": why, "rows": rows, "revenue": amount(revenue)} for why, rows, revenue in counted if why
    ]
    rows_kept = sum(rows for why, rows, _ in counted if not why)
    if rows_kept == 0:
        why = "; ".join(f"{row['reason']}: {row['rows']:,}" for row in dropped)
        raise DataError(
            f"{parsed.table}: all {parsed.n_rows:,} rows were dropped ({why}).\n"
            f"    Check client.as_of and data.{parsed.table}.options in {place}."
        )
    kept = identifier(f"{parsed.table}_kept")
    connection.execute(f"CREATE VIEW {kept} AS SELECT * FROM {judged} WHERE _cam_reason IS NULL")
    by_row = params.client.customer_ids == "hashed" and schema.key == "customer_id"
    refuse_doubled_keys(connection, parsed, schema.key, kept, place, by_row=by_row)
    review: Review = {
        "rows_in": parsed.n_rows,
        "rows_kept": rows_kept,
        "dropped": dropped,
        "exact_copies": 0,
        "columns": list(parsed.columns),
        "columns_unused": list(parsed.unused),
        "columns_personal": dict(parsed.personal),
        "without_zeros": parsed.without_zeros,
        "notes": [str(note) for note in parsed.notes],
        "notes_in_parts": [parts(note) for note in parsed.notes],
    }
    if has_revenue:
        options = params.data.sources[parsed.table].options
        orders = write_orders(
            connection, parsed, options, n_kept=rows_kept, settled=settled, to=to, place=place
        )
        review |= orders.review
        review["notes"] += [str(note) for note in orders.notes]
        review["notes_in_parts"] += [parts(note) for note in orders.notes]
        review["revenue_in"] = amount(sum((row[2] or Decimal(0) for row in counted), Decimal(0)))
        exact = next((row[2] for row in counted if not row[0]), None) or Decimal(0)
        review["rounding"] = amount(
            Decimal(review["revenue_kept"])
            + Decimal(review["refunded_in_column"])
            - (settled.revenue if settled else 0)
            - exact
        )
    else:
        if settled and parsed.table == "refunds":
            review |= {
                "revenue_in": amount(sum((row[2] or Decimal(0) for row in counted), Decimal(0))),
                "revenue_kept": amount(settled.revenue),
                "of_orders": settled.n_netted,
            }
        is_open = parsed.table == "contracts" and params.client.as_of is None
        later = f"count(*) FILTER (end_date::DATE > DATE '{as_of}')" if is_open else "0"
        seen = connection.execute(f"SELECT count(*) - count(DISTINCT {COPY}), {later} FROM {kept}").fetchone()
        review["exact_copies"], review["ends_later"] = seen or (0, 0)
        listed = ", ".join(identifier(name) for name in parsed.columns)
        # Joins and windows hand rows over in any order: the same rows must be the same bytes.
        is_mixed = parsed.table == "refunds" or params.data.sources[parsed.table].options.drop_duplicates
        order = " ORDER BY _cam_line" if is_mixed else ""
        connection.execute(f"COPY (SELECT {listed} FROM {kept}{order}) TO {literal(str(to))} {PARQUET}")
    return review


def _judge(connection: duckdb.DuckDBPyConnection, params: Params, parsed: Parsed, as_of: date) -> str:
    """Name beside each row the reason for which it is dropped, as a view."""
    reason = _reason(params, parsed, TABLES[parsed.table], as_of)
    judged = identifier(f"{parsed.table}_judged")
    connection.execute(
        f"CREATE VIEW {judged} AS SELECT *, rowid AS _cam_line, {reason} AS _cam_reason FROM {parsed.relation}"
    )
    return judged


def _with_orders(connection: duckdb.DuckDBPyConnection, judged: str) -> str:
    """The refunds, judged by their orders too."""
    connection.execute(
        f"CREATE VIEW refunds_by_order AS SELECT refunds.* REPLACE (coalesce(_cam_reason, reason) AS _cam_reason) "
        f"FROM {judged} AS refunds LEFT JOIN {SETTLED} AS settled ON refunds._cam_line = settled.line"
    )
    return "refunds_by_order"


def _reason(params: Params, parsed: Parsed, schema: Table, as_of: date) -> str:
    options = params.data.sources[parsed.table].options
    words = {
        "missing": "no {}",
        "nobody": "shared {}",
        "unreadable": "unreadable {}",
        "outside": "{} out of range",
    }
    whens = ["WHEN _cam_why IS NOT NULL THEN _cam_why"]
    of_items = {"unreadable": "unreadable item", "outside": "item out of range"}
    for check in parsed.checks:
        name = check.column.removeprefix("_cam_")
        said = (words if schema.column(name) or name == "refund" else of_items)[check.fault].format(name)
        why = literal(said)
        if check.fault == "nobody":  # asked of these rows alone; a hash in place of the id tells nothing
            why = f"CASE WHEN {is_total(check.column)} THEN 'row of sums' ELSE {why} END"
        whens.append(f"WHEN {check.flag} THEN {why}")
    times = [name for name in schema.time if name in parsed.columns]
    # A refund after the last order takes off its revenue all the same, unless the parameters end the data there.
    if times and not (parsed.table == "refunds" and params.client.as_of is None):
        moment = f"coalesce({', '.join(times)})"
        whens.append(f"WHEN CAST({moment} AS DATE) > DATE '{as_of}' THEN 'after as_of'")
    if options.drop_duplicates:
        whens.append("WHEN row_number() OVER (PARTITION BY _cam_copy ORDER BY rowid) > 1 THEN 'exact copy'")
    return f"CASE {' '.join(whens)} END"


def _match(connection: duckdb.DuckDBPyConnection, parsed: dict[str, Parsed], folder: Path) -> list[Review]:
    """How many customer ids of each other table are known in the first table that has them."""
    keyed = [name for name in parsed if "customer_id" in parsed[name].columns]
    base = next(iter(keyed), "")
    ids = {
        name: f"(SELECT DISTINCT customer_id FROM read_parquet({literal(str(folder / f'{name}.parquet'))}) "
        "WHERE customer_id IS NOT NULL)"
        for name in keyed
    }
    matches = []
    for name in keyed[1:]:
        found = connection.execute(
            f"SELECT count(*), count(base.customer_id) FROM {ids[name]} AS other "
            f"LEFT JOIN {ids[base]} AS base USING (customer_id)"
        ).fetchone()
        assert found is not None
        matches.append({"table": name, "base": base, "ids": found[0], "matched": found[1]})
    return matches
