"""Habits of survey tools: lines under the header, answers of a preview, texts that mean no answer."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import duckdb

from cam.data.engine import identifier, literal
from cam.data.files.sources import ASIDE, FILE, Raw, find_column
from cam.data.notes import Note
from cam.data.types.expressions import is_numeric, trimmed
from cam.data.types.likert import NO_ANSWER, is_known, plain, stated_number
from cam.params import Source
from cam.schema import TABLES

#: Why a row is set aside before anything is read from it.
HEADER_LINE, TEST_ANSWER = "line under the header", "test answer"

#: Always no answer, whatever the column.
_SKIPPED = ("(跳过)", "（跳过）", "(空)", "（空）")
_MARKS = {"response", "open-ended response"}
_IMPORT_ID = re.compile(r'\s*\{\s*"ImportId"')
#: What the preview of a survey writes in its column Status; in codes only where Qualtrics wrote the file.
_PREVIEWS = ("survey preview", "survey test", "offline survey preview", "survey preview spam")
_PREVIEW_CODES = ("1", "2")
_FALSE = ("false", "0", "no", "否", "incomplete", "partial")


def set_aside(connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source) -> Raw:
    """Empty what is no answer: lines under the header, texts that mean none; and mark rows that are tests.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    source : Source
        Its entry in the parameter file.

    Returns
    -------
    Raw
        Every row still in it. The column ``_cam_aside`` says why a row does not count; names of columns that only
        a second line of the header gives are added.
    """
    lines = _header_lines(connection, raw, source)
    notes, renamed = list(raw.notes), dict[str, str]()
    if lines.rows:
        renamed = _matrix_names(raw, lines.first)
        if source.options.more_header_rows is None:
            words = (
                "lines under the header that are no answers: {n}, such as {example}; "
                "options.more_header_rows settles it"
            )
            notes.append(Note(words, n=lines.per_file, example=repr(lines.example)))
    in_header = f"rowid IN ({', '.join(map(str, lines.rows))})" if lines.rows else ""
    empty, told = _skipped(connection, raw, source)
    tests, told_tests = _tests(connection, raw)
    notes += [*told, *told_tests, *_doubled(raw)]
    if not (in_header or empty or tests):
        return replace(raw, notes=tuple(notes))
    parts = []
    for name in raw.columns:
        given = identifier(name)
        whens = [in_header] * (bool(in_header) and name != FILE) + ([empty[name]] if name in empty else [])
        value = f"CASE WHEN {' OR '.join(whens)} THEN NULL ELSE {given} END" if whens else given
        parts.append(f"{value} AS {identifier(renamed.get(name, name))}")
    whys = [f"WHEN {in_header} THEN {literal(HEADER_LINE)}"] * bool(in_header)
    whys += [f"WHEN {tests} THEN {literal(TEST_ANSWER)}"] * bool(tests)
    columns = {renamed.get(name, name): kind for name, kind in raw.columns.items()}
    if whys:
        parts.append(f"CASE {' '.join(whys)} END AS {ASIDE}")
        columns[ASIDE] = "VARCHAR"
    view = identifier(f"{raw.table}_answers")
    connection.execute(f"CREATE VIEW {view} AS SELECT {', '.join(parts)} FROM {lines.relation}")
    return replace(raw, relation=view, columns=columns, notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines under the header: their row numbers in the relation, how many per file, the first, one text of it."""

    relation: str
    rows: tuple[int, ...]
    per_file: int
    first: dict[str, str]
    example: str


def _header_lines(connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source) -> _Lines:
    """The lines that the parameters name, or those that the evidence does: for answers only."""
    asked = source.options.more_header_rows
    none = _Lines(raw.relation, (), 0, {}, "")
    texts = raw.own_columns
    if asked == 0 or (
        asked is None and (raw.table != "responses" or set(raw.columns.values()) != {"VARCHAR"})
    ):
        return none
    raw = replace(raw, relation=_with_rowid(connection, raw))
    if FILE in raw.columns:
        starts = connection.execute(
            f"SELECT min(rowid), count(*) FROM {raw.relation} GROUP BY {FILE} ORDER BY 1"
        ).fetchall()
    else:
        starts = [(0, 1 << 60)]
    rows: list[int] = []
    most, first, example = 0, dict[str, str](), ""
    for start, n in starts:
        head = connection.execute(
            f"SELECT {', '.join(map(identifier, texts))} FROM {raw.relation} LIMIT {asked or 4} OFFSET {start}"
        ).fetchall()[:n]
        cells = [
            {name: str(value).strip() for name, value in zip(texts, line, strict=True) if _filled(value)}
            for line in head
        ]
        found = len(cells) if asked else _found(connection, raw, source, cells)
        rows += range(start, start + found)
        if found > most:
            most, first = found, cells[0]
            example = next(iter(cells[0].values()), "")[:60]
    return _Lines(raw.relation, tuple(rows), most, first, example)


def _filled(value: object) -> bool:
    return value is not None and str(value).strip() != ""


def _found(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, cells: list[dict[str, str]]
) -> int:
    """How many lines at the top are none of the answers, by what stands in the columns of dates and scores."""
    for index, line in enumerate(cells[:3]):
        if any(_IMPORT_ID.match(text) for text in line.values()):
            return index + 1
    dates, scores = _known_columns(raw, source)
    found = 0
    for line in cells[:3]:
        days = [line[name] for name in dates if name in line]
        asked = {name: line[name] for name in scores if name in line}
        if any(re.search(r"\d", text) for text in days) or any(map(_is_answer, asked.values())):
            break
        # Words stand where dates do, and in a column of scores a text that no answer repeats; or the tool says it.
        marked = any(plain(text) in _MARKS for text in line.values())
        unnamed = not days and len(line) > 1 and next(iter(raw.columns)) not in line
        if not (marked or (asked and (days or unnamed) and not _repeated(connection, raw, asked))):
            break
        found += 1
    return found


def _known_columns(raw: Raw, source: Source) -> tuple[list[str], list[str]]:
    """The source's columns of dates and of scores, as far as they are there yet."""
    schema = TABLES[raw.table]
    names = {column.name: column.kind for column in schema.columns}
    names |= {name: "integer" for name in (*source.named, *raw.columns) if name.startswith("item_")}
    placed = {
        name: column
        for name in names
        if (column := find_column(source.named.get(name, name), list(raw.columns))) is not None
    }
    dates = [column for name, column in placed.items() if names[name] in {"date", "datetime"}]
    return dates, [column for name, column in placed.items() if names[name] == "integer"]


def _is_answer(text: str) -> bool:
    words = plain(text)
    return (
        bool(re.fullmatch(r"-?\d+([.,]\d+)?", words))
        or words in NO_ANSWER
        or is_known(words)
        or (len(words) < 40 and stated_number(words) is not None)
    )


def _repeated(connection: duckdb.DuckDBPyConnection, raw: Raw, asked: dict[str, str]) -> bool:
    tests = [
        f"count(*) FILTER ({trimmed(identifier(name))} = {literal(text)})" for name, text in asked.items()
    ]
    counted = connection.execute(f"SELECT {', '.join(tests)} FROM {raw.relation}").fetchone()
    # Each file has its own header, so a text may stand as often as there are files.
    return any(n > len(raw.files) for n in counted or ())


def _with_rowid(connection: duckdb.DuckDBPyConnection, raw: Raw) -> str:
    """A relation that numbers its rows: files of Parquet are only looked at, so they are copied."""
    try:
        connection.execute(f"SELECT rowid FROM {raw.relation} LIMIT 0")
    except duckdb.BinderException:
        copied = identifier(f"{raw.table}_lines")
        connection.execute(f"CREATE TABLE {copied} AS SELECT * FROM {raw.relation}")
        return copied
    return raw.relation


def _matrix_names(raw: Raw, line: dict[str, str]) -> dict[str, str]:
    """Names for columns that only the line under the header names: the question, a hyphen and the row asked about."""
    renamed: dict[str, str] = {}
    question = ""
    for index, name in enumerate(raw.columns, 1):
        if name != f"column{index}":
            question = name
        elif question and name in line and question in line:
            renamed.setdefault(question, f"{question} - {line[question]}")
            renamed[name] = f"{question} - {line[name]}"
    taken = Counter(renamed.get(name, name).lower() for name in raw.columns)
    return {name: new for name, new in renamed.items() if taken[new.lower()] == 1}


def _skipped(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source
) -> tuple[dict[str, str], list[Note]]:
    """Conditions under which a value means no answer, for the columns that have such values, and what to tell."""
    words = [
        *(_SKIPPED if raw.table == "responses" else ()),
        *(word.strip() for word in source.options.blanks),
    ]
    if not words:
        return {}, []
    listed = ", ".join(literal(word.lower()) for word in words)
    numbers = ", ".join(word for word in words if re.fullmatch(r"-?\d+([.]\d+)?", word))
    tests = {}
    for name, kind in raw.columns.items():
        if kind == "VARCHAR" and not name.startswith("_cam_"):
            # What the tool itself writes has no blanks around it; it is looked for in every column of every survey.
            text = f"lower({trimmed(identifier(name))})" if source.options.blanks else identifier(name)
            tests[name] = f"{text} IN ({listed})"
        elif is_numeric(kind) and numbers:
            tests[name] = f"{identifier(name)} IN ({numbers})"
    if not tests:
        return {}, []
    parts = ", ".join(f"count(*) FILTER ({test})" for test in tests.values())
    counted = connection.execute(f"SELECT {parts} FROM {raw.relation}").fetchone()
    assert counted is not None
    found = {name: n for name, n in zip(tests, counted, strict=True) if n}
    if not found:
        return {}, []
    shown = ", ".join(f"{name} {n:,}" for name, n in list(found.items())[:10]) + ", …" * (len(found) > 10)
    said = "texts that say the question was skipped are read as blank: {shown}"
    if source.options.blanks:
        said = "texts said to be no answer are read as blank: {shown}"
    return {name: tests[name] for name in found}, [Note(said, shown=shown)]


def _tests(connection: duckdb.DuckDBPyConnection, raw: Raw) -> tuple[str, list[Note]]:
    """The condition of rows from the survey's own preview, and a word on unfinished answers."""
    if raw.table != "responses":
        return "", []
    columns = {plain(name): name for name in raw.columns}
    tests, notes = "", list[Note]()
    if status := columns.get("status"):
        codes = _PREVIEW_CODES if {"responseid", "recordeddate"} <= columns.keys() else ()
        listed = ", ".join(map(literal, (*_PREVIEWS, *codes)))
        test = f"lower({trimmed(f'CAST({identifier(status)} AS VARCHAR)')}) IN ({listed})"
        tests = test if _n(connection, raw, test) else ""
    unfinished = ""
    if finished := columns.get("finished"):
        listed = ", ".join(map(literal, _FALSE))
        unfinished = f"lower({trimmed(f'CAST({identifier(finished)} AS VARCHAR)')}) IN ({listed})"
    elif progress := columns.get("progress"):
        unfinished = f"TRY_CAST({identifier(progress)} AS DOUBLE) < 100"
    if unfinished:
        n = _n(connection, raw, f"{unfinished} AND ({tests}) IS NOT TRUE" if tests else unfinished)
        notes += [Note("unfinished answers: {n}; what they hold counts", n=n)] if n else []
    return tests, notes


def _n(connection: duckdb.DuckDBPyConnection, raw: Raw, condition: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {raw.relation} WHERE {condition}").fetchone()
    return int(found[0]) if found else 0


def _doubled(raw: Raw) -> list[Note]:
    twice = [name for name in raw.columns if name.endswith(" (2)") and name[:-4] in raw.columns]
    if not twice or raw.table != "responses":
        return []
    shown = ", ".join(repr(name[:-4]) for name in twice[:3])
    return [Note("several columns are called {shown}; the second is (2)", shown=shown)]
