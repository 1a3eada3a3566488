"""Read, clean and check a client's tables once, and keep them by the content of what they were made from."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from cam.data.engine import identifier, literal, workspace
from cam.data.faults import find_faults
from cam.data.notes import parts
from cam.data.parse import Parsed, parse
from cam.data.refunds import LOOSE_REFUND, NETTED_REFUND, net_refunds
from cam.data.sources import copy_database_table, find_files, read_source
from cam.errors import DataError
from cam.params import Params
from cam.project import code_digest, digest, is_sealed, seal
from cam.schema import TABLES, Table

#: Prepared tables that stay in the cache, per client.
_KEPT = 3
_CODE = ("data", "schema.py", "project.py")

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
    work = Path(tempfile.mkdtemp(prefix=".work-", dir=home))
    try:
        files = _files(params, root=root / Path(params.data.root).expanduser(), work=work, resolve=resolve)
        key = _key(params, files)
        final = home / key[:32]
        if not is_sealed(final):
            shutil.rmtree(final, ignore_errors=True)  # damaged, or not there
            made = work / "tables"
            made.mkdir()
            with workspace(work) as connection:
                review = _build(connection, params, files, made, place) | {"key": key}
            text = json.dumps(review, ensure_ascii=False, indent=1, default=str)
            (made / "review.json").write_text(text, encoding="utf-8")
            seal(made)
            try:
                made.replace(final)
            except OSError:
                # Another process made the same tables first; theirs are as good.
                if not is_sealed(final):
                    raise
        _forget_old(home, work)
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
            if source.table:
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


def _key(params: Params, files: dict[str, list[Path]]) -> str:
    parts: list[str | Path] = [code_digest(_CODE), str(params.client.as_of), params.client.currency]
    for name, source in params.data.sources.items():
        parts += [name, source.model_dump_json()]
        if source.table:
            # A database hands rows over in any order; the same rows are the same content.
            parts.append(_content(files[name][0]))
        else:
            for path in files[name]:
                parts += [path.name, path]
    return digest(*parts)


def _content(path: Path) -> str:
    source = f"read_parquet({literal(str(path))})"
    names = duckdb.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()
    found = duckdb.sql(f"SELECT count(*), sum(CAST(hash(t) AS HUGEINT)) FROM {source} AS t").fetchone()
    return f"{names} {found}"


def _forget_old(home: Path, work: Path) -> None:
    """Keep the latest tables; what a killed process left is swept once it is a day older than *work*."""
    now = work.stat().st_mtime
    for left in home.glob(".work-*"):
        if now - left.stat().st_mtime > 86_400:
            shutil.rmtree(left, ignore_errors=True)
    made = sorted(
        (path for path in home.iterdir() if not path.name.startswith(".")),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for path in made[_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


# --- building -----------------------------------------------------------------------------------


def _build(
    connection: duckdb.DuckDBPyConnection, params: Params, files: dict[str, list[Path]], to: Path, place: str
) -> Review:
    parsed: dict[str, Parsed] = {}
    shown: dict[str, list[str]] = {}
    faults: list[str] = []
    for name, source in params.data.sources.items():
        try:
            raw = read_source(connection, name, source, files=files[name], folder=to.parent)
            parsed[name] = parse(connection, raw, source, place=place)
            shown[name] = [source.table] if source.table else list(raw.files)
            faults += find_faults(connection, parsed[name], params, place)
        except (DataError, duckdb.Error) as error:
            faults.append(_told(name, error))
    if faults:
        raise DataError("\n".join(faults))
    as_of = params.client.as_of or _last_day(connection, parsed, place)
    review: Review = {"as_of": as_of.isoformat(), "tables": {}}
    for name, table in parsed.items():
        try:
            cleaned = _clean(connection, params, table, as_of, to / f"{name}.parquet", place)
            review["tables"][name] = cleaned | {"files": shown[name]}
        except (DataError, duckdb.Error) as error:
            faults.append(_told(name, error))
    if faults:
        raise DataError("\n".join(faults))
    review["match"] = _match(connection, parsed, to)
    return review


def _told(table: str, error: Exception) -> str:
    if isinstance(error, DataError):
        return str(error)
    return f"{table}: the engine cannot work with it: {' '.join(str(error).split())[:300]}"


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
    connection: duckdb.DuckDBPyConnection, params: Params, parsed: Parsed, as_of: date, to: Path, place: str
) -> Review:
    """Name the reason for which each row is dropped, write the rest, and account for both."""
    schema = TABLES[parsed.table]
    has_revenue = parsed.table == "transactions"
    reason = _reason(params, parsed, schema, as_of)
    judged = identifier(f"{parsed.table}_judged")
    connection.execute(f"CREATE VIEW {judged} AS SELECT *, {reason} AS _cam_reason FROM {parsed.relation}")
    money = "sum(_cam_exact)" if has_revenue else "NULL"
    counted = connection.execute(
        f"SELECT _cam_reason, count(*), {money} FROM {judged} GROUP BY 1 ORDER BY 1 NULLS FIRST"
    ).fetchall()
    dropped = [
        {"reason": why, "rows": rows, "revenue": _amount(revenue)} for why, rows, revenue in counted if why
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
    _refuse_doubled_keys(connection, parsed, schema, kept, place)
    review: Review = {
        "rows_in": parsed.n_rows,
        "rows_kept": rows_kept,
        "dropped": dropped,
        "exact_copies": _copies(connection, kept),
        "columns": list(parsed.columns),
        "columns_unused": list(parsed.unused),
        "notes": [str(note) for note in parsed.notes],
        "notes_in_parts": [parts(note) for note in parsed.notes],
    }
    if has_revenue:
        written, shared = _write_transactions(connection, params, parsed, kept, to)
        review |= written
        if shared:
            review["notes"].append(
                f"{shared:,} orders carry an id that another customer uses too; each counts as an order of its own"
            )
        review["revenue_in"] = _amount(sum((row[2] or Decimal(0) for row in counted), Decimal(0)))
        exact = next((row[2] for row in counted if not row[0]), None) or Decimal(0)
        review["rounding"] = _amount(
            Decimal(review["revenue_kept"]) + Decimal(review["refunded_in_column"]) - exact
        )
    else:
        listed = ", ".join(identifier(name) for name in parsed.columns)
        _copy(connection, f"SELECT {listed} FROM {kept}", to)
    return review


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
    whens += [
        f"WHEN {check.flag} THEN "
        + literal((words if schema.column(check.column) else of_items)[check.fault].format(check.column))
        for check in parsed.checks
    ]
    times = [name for name in schema.time if name in parsed.columns]
    if times:
        moment = f"coalesce({', '.join(times)})"
        whens.append(f"WHEN CAST({moment} AS DATE) > DATE '{as_of}' THEN 'after as_of'")
    if options.drop_duplicates:
        whens.append("WHEN row_number() OVER (PARTITION BY _cam_copy ORDER BY rowid) > 1 THEN 'exact copy'")
    return f"CASE {' '.join(whens)} END"


def _copies(connection: duckdb.DuckDBPyConnection, kept: str) -> int:
    found = connection.execute(f"SELECT count(*) - count(DISTINCT _cam_copy) FROM {kept}").fetchone()
    return int(found[0]) if found else 0


def _refuse_doubled_keys(
    connection: duckdb.DuckDBPyConnection, parsed: Parsed, schema: Table, kept: str, place: str
) -> None:
    if not schema.key:
        return
    key = identifier(schema.key)
    doubled = connection.execute(
        f"SELECT {key}, count(*) OVER () FROM {kept} GROUP BY {key} HAVING count(*) > 1 ORDER BY 1 LIMIT 3"
    ).fetchall()
    if doubled:
        first = ", ".join(str(row[0]) for row in doubled)
        raise DataError(
            f"{parsed.table}: {doubled[0][1]:,} values of {schema.key} stand in more than one row (first: {first}).\n"
            f"    Keep one row for each at the source; exact copies go with "
            f"data.{parsed.table}.options.drop_duplicates: true in {place}."
        )


def _write_transactions(
    connection: duckdb.DuckDBPyConnection, params: Params, parsed: Parsed, kept: str, to: Path
) -> tuple[Review, int]:
    column = params.data.sources["transactions"].options.refund_column
    netting = net_refunds(connection, kept, parsed.columns, refund_column=column)
    _copy(connection, netting.query, to)
    totals = connection.execute(
        f"""
        SELECT sum(revenue), (SELECT count(*) FROM {kept} WHERE revenue = 0), count(DISTINCT customer_id),
               CAST(min(order_date) AS DATE), CAST(max(order_date) AS DATE),
               count(*) FILTER (kind = '{NETTED_REFUND}'), sum(revenue) FILTER (kind = '{NETTED_REFUND}'),
               count(*) FILTER (kind = '{LOOSE_REFUND}'), sum(revenue) FILTER (kind = '{LOOSE_REFUND}')
        FROM read_parquet({literal(str(to))})
        """
    ).fetchone()
    assert totals is not None
    review = {
        "revenue_kept": _amount(totals[0]),
        "zero_value_rows": totals[1],
        "n_customers": totals[2],
        "n_orders": netting.n_orders,
        "first_date": totals[3].isoformat(),
        "last_date": totals[4].isoformat(),
        "day_before_last": _day_before_last(connection, to),
        "refunds_netted": {"rows": totals[5], "revenue": _amount(totals[6])},
        "refunds_loose": {"rows": totals[7], "revenue": _amount(totals[8])},
        "refunded_in_column": _amount(netting.netted_in_column),
        "orders_on_several_days": netting.n_moved,
        "orders_below_zero": netting.n_below_zero,
    }
    return review, netting.n_shared


def _day_before_last(connection: duckdb.DuckDBPyConnection, path: Path) -> str | None:
    """The last day but one with a row: far from the last, it shows a mistyped date."""
    found = connection.execute(
        f"SELECT DISTINCT CAST(order_date AS DATE) AS day FROM read_parquet({literal(str(path))}) "
        "ORDER BY day DESC LIMIT 2"
    ).fetchall()
    return found[1][0].isoformat() if len(found) > 1 else None


def _copy(connection: duckdb.DuckDBPyConnection, query: str, to: Path) -> None:
    connection.execute(f"COPY ({query}) TO {literal(str(to))} (FORMAT parquet, COMPRESSION zstd)")


def _amount(value: Decimal | None) -> str:
    return str(Decimal(value or 0).normalize() + 0) if value else "0"


def _match(connection: duckdb.DuckDBPyConnection, parsed: dict[str, Parsed], folder: Path) -> list[Review]:
    """How many customer ids of each other table are known in the first table that has them."""
    keyed = [name for name in parsed if "customer_id" in parsed[name].columns]
    if len(keyed) < 2:
        return []
    base = keyed[0]
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
