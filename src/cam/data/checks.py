"""What failed in a typed table: how many rows, which, and what may be meant by them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import duckdb

from cam.data.engine import identifier
from cam.data.files.sources import FILE, Raw
from cam.data.one_pass import Fault, Reading, Typed, why_aside
from cam.data.types.expressions import boolean, called_sum, trimmed
from cam.data.types.scores import Score
from cam.params import Source
from cam.schema import MAY_BE_EMPTY, TABLES

_DAY_AND_MONTH = re.compile(r"\s*[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}\b")
#: So many words may say that there is no amount.
_FEW_WORDS = 3


@dataclass(frozen=True, slots=True)
class Check:
    """How many rows fail one check of one column.

    Attributes
    ----------
    column : str
        Canonical name.
    fault : str
        ``missing``, ``nobody`` (masked, or a guest), ``unreadable`` or ``outside`` (its range).
    flag : str
        Boolean column of the parsed table that marks the rows.
    n : int
        Rows that fail.
    rows : tuple of str
        The first of them, counted from 1 below the header, with their file where there are several.
    example : str or None
        The first value that fails, as the source has it.
    asked : str or None
        The lowest and highest answer that the source could have, where the parameters say so.
    hint : str or None
        What may be meant by values outside, and the cure.
    must_settle : bool
        Whether that is to be settled before such rows may be left out.
    for_none : tuple of str
        Words in most cells of an amount or a date that cannot be read: they may say that there is none.
    called : str or None
        What the first of the rows are called, where that is a name of sums.
    """

    column: str
    fault: Fault
    flag: str
    n: int
    rows: tuple[str, ...]
    example: str | None
    asked: str | None = None
    hint: str | None = None
    must_settle: bool = False
    for_none: tuple[str, ...] = ()
    called: str | None = None


def failed_checks(
    connection: duckdb.DuckDBPyConnection,
    raw: Raw,
    source: Source,
    readings: dict[str, Reading],
    typed: Typed,
    scores: dict[str, Score],
) -> tuple[Check, ...]:
    """Return what failed; the rows are looked up only then.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    source : Source
        Its entry in the parameter file.
    readings : dict of str to Reading
        How each column is read.
    typed : Typed
        The table, with the faults that were found.
    scores : dict of str to Score
        Of the columns that are scores.

    Returns
    -------
    tuple of Check
    """
    failed = []
    for (name, fault), (flag, n) in typed.faults.items():
        if fault == "rounded" or fault == "dressed":
            continue
        ids = [
            int(row[0])
            for row in connection.execute(
                f"SELECT rowid FROM {typed.relation} WHERE {flag} ORDER BY rowid LIMIT 3"
            ).fetchall()
        ]
        rows = tuple(_row_name(connection, raw, typed.relation, row) for row in ids)
        example = _example(connection, raw, readings[name].origin, ids[0])
        check = Check(name, fault, flag, n, rows, example, called=_called(connection, raw, ids))
        if fault == "outside" and name in scores:
            told = scores[name]
            check = replace(check, asked=told.asked, hint=told.hint, must_settle=told.must_settle)
        check = _settle_truth(connection, raw, source, readings[name].origin, check)
        check = _two_forms(connection, raw, readings[name].column.kind, typed, check)
        failed.append(_words_for_none(connection, raw, readings[name], check))
    return tuple(failed)


def _settle_truth(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, origin: str, check: Check
) -> Check:
    """Say how to tell which word is true; where one side would have no row left, dropping is no cure."""
    column = TABLES[raw.table].column(check.column)
    if column is None or column.kind != "boolean":
        return check
    given = identifier(origin)
    value = boolean(given, raw.columns[origin], source.options.words.get(check.column))
    found = connection.execute(
        f"SELECT DISTINCT coalesce(trim(CAST({given} AS VARCHAR)), '') AS word, {value} FROM {raw.relation} "
        "ORDER BY word"
    ).fetchall()
    sides = {read for _, read in found if read is not None}
    unread = [word for word, read in found if read is None]
    must_settle = len(sides) < 2
    # Beside one known side the others are rather the other one; a client may turn them round.
    told = {word: int(sides == {False} or (not sides and word == unread[0])) for word in unread[:5]}
    if must_settle:
        told |= {word: int(read) for word, read in found[:5] if read is not None}
    words = ", ".join(f'"{word}": {number}' for word, number in sorted(told.items()))
    hint = (
        f"Say which words mean yes (1) and which no (0), such as data.{raw.table}.options.words: "
        f"{{{check.column}: {{{words}}}}}."
    )
    return replace(check, hint=hint, must_settle=must_settle)


def _two_forms(
    connection: duckdb.DuckDBPyConnection, raw: Raw, kind: str, typed: Typed, check: Check
) -> Check:
    """Say that dates are written in two ways, where they are: a table has one, and no option reads both."""
    if (
        check.fault != "unreadable"
        or kind not in {"date", "datetime"}
        or not re.search(r"\d", check.example or "")
    ):
        return check
    alike = "Export them again in one way, or all with the year first, as in 2024-01-31."
    if FILE in raw.columns:
        counted = connection.execute(
            f"SELECT {FILE}, bool_and({check.flag}), bool_or({check.flag}) FROM {typed.relation} "
            "WHERE _cam_why IS NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
        lost = [str(name) for name, every, _ in counted if every]
        read = [str(name) for name, _, some in counted if not some]
        if lost and len(lost) + len(read) == len(counted):
            shown = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
            hint = f"The dates of {shown} are written in another way than those of {read[0]}, and a table has one.\n"
            return replace(check, hint=f"{hint}    {alike}", must_settle=True)
    if check.n < typed.n_rows and _DAY_AND_MONTH.match(check.example or ""):
        return replace(
            check,
            hint="If they are written with day and month the other way round, or beside other forms, then dates that "
            f"were read may be wrong too. {alike}",
        )
    return check


def _words_for_none(connection: duckdb.DuckDBPyConnection, raw: Raw, reading: Reading, check: Check) -> Check:
    """Name the words that most unreadable cells of an amount or a date have, where a row can do without one."""
    column = reading.column
    kinds = {"money", "number", "integer", "date", "datetime"}
    if check.fault != "unreadable" or column.kind not in kinds or check.hint:
        return check
    is_needed = column.required and (raw.table, column.name) not in MAY_BE_EMPTY
    if raw.columns[reading.origin] != "VARCHAR" or is_needed:
        return check
    found = connection.execute(
        f"SELECT {trimmed(identifier(reading.origin))} AS word, count(*) AS n FROM {raw.relation} "
        f"WHERE ({why_aside(raw)}) IS NULL AND ({reading.value}) IS NULL AND NOT ({reading.is_blank}) "
        f"GROUP BY word ORDER BY n DESC, word LIMIT {_FEW_WORDS}"
    ).fetchall()
    # An amount in strange clothes has digits; a word that stands once says nothing of the others.
    words = {word: n for word, n in found if n > 1 and not re.search(r"\d", word)}
    return replace(check, for_none=tuple(words)) if 2 * sum(words.values()) > check.n else check


def _row_name(connection: duckdb.DuckDBPyConnection, raw: Raw, relation: str, row: int) -> str:
    if FILE not in raw.columns:
        return f"{row + 1:,}"
    found = connection.execute(
        f"SELECT {FILE}, ? - min(rowid) + 1 FROM {relation} "
        f"WHERE {FILE} = (SELECT {FILE} FROM {relation} WHERE rowid = ?) GROUP BY 1",
        [row, row],
    ).fetchone()
    assert found is not None
    return f"{found[1]:,} of {found[0]}"


def _called(connection: duckdb.DuckDBPyConnection, raw: Raw, rows: list[int]) -> str | None:
    """The name of sums that each of some rows has in one of its texts, or None."""
    name = called_sum(identifier(text) for text in raw.own_columns if raw.columns[text] == "VARCHAR")
    first: str | None = None
    for row in rows:
        found = connection.execute(f"SELECT {name} FROM {raw.relation} LIMIT 1 OFFSET {row}").fetchone()
        if not found or not found[0]:
            return None
        first = first or str(found[0])
    return first


def _example(connection: duckdb.DuckDBPyConnection, raw: Raw, origin: str, row: int) -> str | None:
    found = connection.execute(
        f"SELECT CAST({identifier(origin)} AS VARCHAR) FROM {raw.relation} LIMIT 1 OFFSET {row}"
    ).fetchone()
    return found[0] if found else None
