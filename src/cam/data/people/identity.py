"""Ids of customers that mean the same, written the same in every table.

The rules, in this order; what was done is told as a note, with its numbers:

1. Blanks around an id, and what a spreadsheet wraps it in, are taken off (already when it is read).
2. Full-width letters, digits and signs become half-width: Ａ１ is A1.
3. An e-mail address is written in lower case.
4. A Salesforce id of 15 characters becomes its form of 18 where ids of 18 with a valid checksum are there too. These
   ids are told apart by the case of their letters: that is never changed.
5. Case is kept, unless ``data.ignore_case`` is true. Where it does not say, case is ignored only if more ids then meet
   those of the first table, and no two different ids of one table become one.
6. Leading zeros are kept. Where ids would meet if zeros were filled up, a note says how to ask for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from cam.data.engine import identifier, literal, whole_numbers
from cam.data.notes import Note
from cam.data.one_pass import CUSTOMERS, drop
from cam.data.parse import Parsed
from cam.params import Params

#: The note of rule 6: ``other`` and ``key`` name the two tables, as ``data.<table>…``.
FILL_UP = (
    "{n} ids would be known in {other} if leading zeros, which a spreadsheet takes off, were filled up: "
    "{key}: {width}"
)
_FULL = (
    "".join(map(chr, [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]))
    + "＠．＿－＋／　"
)
_HALF = "".join(chr(ord(sign) - 0xFEE0) for sign in _FULL[:-1]) + " "
_EMAIL = "[^@\\s]+@[^@\\s]+[.][^@\\s]+"
_SUFFIX_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
#: Prefixes of Salesforce's accounts, contacts, leads, opportunities and cases.
_SALESFORCE_15 = "(001|003|00Q|006|500)[0-9A-Za-z]{12}"
#: From this share of a table's ids on, lost zeros are worth a note; and of a sample, ids are said to be personal.
_MANY, _MOST = 0.05, 0.8
_SAMPLE = 1_000


@dataclass(frozen=True, slots=True)
class _Look:
    """What one pass over a table's ids has found: whether any may need a rule."""

    wide: int
    mail: int
    of_15: int
    of_18: int


def settle_ids(
    connection: duckdb.DuckDBPyConnection, parsed: dict[str, Parsed], params: Params, *, place: str
) -> dict[str, list[Note]]:
    """Rewrite the customers' ids of all tables by the rules that hold for all; say what was done.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace. Only tables whose ids change are written anew, their rows in the same order.
    parsed : dict of str to Parsed
        All tables of a client.
    params : Params
        The client's parameters.
    place : str
        The parameter file, for messages.

    Returns
    -------
    dict of str to list of Note
        By table.
    """
    keyed = {name: table for name, table in parsed.items() if "customer_id" in table.columns}
    told: dict[str, list[Note]] = {name: [] for name in keyed}
    looks = {name: _look(connection, table) for name, table in keyed.items()}
    to_18 = _mixes_lengths(connection, keyed, looks)
    for name, table in keyed.items():
        steps = _written_alike(looks[name], to_18=to_18)
        if not steps:
            continue
        for note in _change(connection, table, steps):
            told[name].append(note)
    ignore_case = params.data.ignore_case
    if len(keyed) > 1 or (keyed and ignore_case):
        ids = {name: _distinct(connection, table) for name, table in keyed.items()}
        if ignore_case is not False:
            for name, note in _ignore_case(connection, keyed, ids, asked=bool(ignore_case), place=place):
                told[name].append(note)
        for name, note in _lost_zeros(connection, ids, params):
            told[name].append(note)
        for relation in ids.values():
            connection.execute(f"DROP TABLE {relation}")
    if keyed and params.client.customer_ids == "plain":
        first = next(iter(keyed))
        told[first] += _personal_ids(connection, keyed[first], place)
    return {name: notes for name, notes in told.items() if notes}


def _look(connection: duckdb.DuckDBPyConnection, table: Parsed) -> _Look:
    rows = CUSTOMERS if table.candidate and table.candidate.is_final else table.relation
    row = connection.execute(
        "SELECT count(*) FILTER (strlen(customer_id) <> length(customer_id)), "
        "count(*) FILTER (contains(customer_id, '@')), "
        "count(*) FILTER (strlen(customer_id) = 15), count(*) FILTER (strlen(customer_id) = 18) "
        f"FROM {rows}"
    ).fetchone()
    assert row is not None
    return _Look(*row)


# --- signs, addresses, Salesforce ---------------------------------------------------------------

_WIDE = f"trim(translate({{0}}, {literal(_FULL)}, {literal(_HALF)}))"
_MAIL = f"CASE WHEN regexp_full_match({{0}}, {literal(_EMAIL)}) THEN lower({{0}}) ELSE {{0}} END"


def _suffix(given: str) -> str:
    """The three signs that say which of the 15 before them are capitals."""
    parts = []
    for chunk in range(3):
        bits = " + ".join(
            f"CASE WHEN substr({given}, {5 * chunk + i + 1}, 1) BETWEEN 'A' AND 'Z' THEN {2**i} ELSE 0 END"
            for i in range(5)
        )
        parts.append(f"substr('{_SUFFIX_SIGNS}', 1 + {bits}, 1)")
    return f"({' || '.join(parts)})"


def _is_salesforce_18(given: str) -> str:
    return f"(regexp_full_match({given}, '[0-9A-Za-z]{{18}}') AND substr({given}, 16) = {_suffix(given)})"


def one_form(given: str) -> str:
    """SQL of the form in which spellings of one id are alike: signs, case, lost zeros, Salesforce's 15 of 18.

    Parameters
    ----------
    given : str
        SQL of the id, as text.

    Returns
    -------
    str

    Examples
    --------
    >>> spelt = ["Ａ１", "a1", "00101", "101", "001A0000006Vm9rIAC"]
    >>> [duckdb.sql(f"SELECT {one_form(literal(one))}").fetchall()[0][0] for one in spelt]
    ['a1', 'a1', '101', '101', '001A0000006Vm9r']
    """
    half = f"CASE WHEN strlen({given}) = length({given}) THEN trim({given}) ELSE {_WIDE.format(given)} END"
    half = f"({half})"
    return (
        f"CASE WHEN regexp_full_match({half}, '[0-9]+') THEN coalesce(nullif(ltrim({half}, '0'), ''), '0') "
        f"WHEN strlen({half}) = 18 AND {_is_salesforce_18(half)} THEN left({half}, 15) "
        f"WHEN regexp_full_match({half}, '{_SALESFORCE_15}') THEN {half} ELSE lower({half}) END"
    )


_LONG = f"CASE WHEN regexp_full_match({{0}}, '[0-9A-Za-z]{{{{15}}}}') THEN {{0}} || {_suffix('{0}')} ELSE {{0}} END"


def _mixes_lengths(
    connection: duckdb.DuckDBPyConnection, keyed: dict[str, Parsed], looks: dict[str, _Look]
) -> bool:
    """Whether ids of 15 characters stand beside ids of 18 whose checksums say that they are Salesforce's."""
    if not (any(look.of_15 for look in looks.values()) and any(look.of_18 for look in looks.values())):
        return False
    parts = [
        f"SELECT customer_id FROM {keyed[name].relation} WHERE strlen(customer_id) = 18"
        for name, look in looks.items()
        if look.of_18
    ]
    row = connection.execute(
        f"SELECT count(*), count(*) FILTER ({_is_salesforce_18('customer_id')}) FROM ({' UNION ALL '.join(parts)})"
    ).fetchone()
    assert row is not None
    return bool(row[1] >= 0.9 * row[0])


def _written_alike(look: _Look, *, to_18: bool) -> list[tuple[str, str]]:
    """The rules that a table may need: expression of an id, and what to say of the rows that it changes."""
    steps = []
    if look.wide:
        steps.append((_WIDE, "ids in full-width signs, now half-width: {n} rows"))
    if look.mail:
        steps.append((_MAIL, "e-mail addresses as ids, now in lower case: {n} rows"))
    if look.of_15 and to_18:
        steps.append((_LONG, "Salesforce ids of 15 characters, now in their form of 18: {n} rows"))
    return steps


def _change(connection: duckdb.DuckDBPyConnection, table: Parsed, steps: list[tuple[str, str]]) -> list[Note]:
    """Apply rules one after the other; nothing is written where no row changes."""
    columns, before, chain = [], "customer_id", []
    for index, (rule, _) in enumerate(steps):
        chain.append((f"id_{index}", rule.format(before)))
        columns.append(f"count(*) FILTER (id_{index} <> {before})")
        before = f"id_{index}"
    inner = f"(SELECT customer_id FROM {table.relation} WHERE customer_id IS NOT NULL)"
    for name, expression in chain:
        inner = f"(SELECT *, {expression} AS {name} FROM {inner})"
    counted = connection.execute(f"SELECT {', '.join(columns)} FROM {inner}").fetchone()
    assert counted is not None
    if not any(counted):
        return []
    expression = "customer_id"
    for (rule, _), n in zip(steps, counted, strict=True):
        expression = rule.format(expression) if n else expression
    rewrite(connection, table, {"customer_id": expression})
    return [Note(words, n=n) for (_, words), n in zip(steps, counted, strict=True) if n]


def rewrite(
    connection: duckdb.DuckDBPyConnection, table: Parsed, columns: dict[str, str], *, source: str = ""
) -> None:
    """Write a parsed table anew under its own name, some columns by other expressions.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    table : Parsed
        The table.
    columns : dict of str to str
        Column: expression.
    source : str
        What the rows come from if not from the table alone, with its order.
    """
    replaced = ", ".join(f"{expression} AS {identifier(name)}" for name, expression in columns.items())
    made = identifier(f"{table.table}_settled")
    connection.execute(
        f"CREATE TABLE {made} AS SELECT given.* REPLACE ({replaced}) FROM {source or f'{table.relation} AS given'}"
    )
    drop(connection, table.relation)
    connection.execute(f"ALTER TABLE {made} RENAME TO {table.relation}")


# --- case ---------------------------------------------------------------------------------------


def _distinct(connection: duckdb.DuckDBPyConnection, table: Parsed) -> str:
    """A table of the different ids of the rows that can count."""
    flags = [f"NOT {check.flag}" for check in table.checks if check.column == "customer_id"]
    relation = identifier(f"_cam_ids_{table.table}")
    connection.execute(
        f"CREATE TABLE {relation} AS SELECT DISTINCT customer_id AS id FROM {table.relation} "
        f"WHERE {' AND '.join(['customer_id IS NOT NULL', '_cam_why IS NULL', *flags])}"
    )
    return relation


def _ignore_case(
    connection: duckdb.DuckDBPyConnection,
    keyed: dict[str, Parsed],
    ids: dict[str, str],
    *,
    asked: bool,
    place: str,
) -> list[tuple[str, Note]]:
    base, *others = ids
    # The case of the first table, where it has one, is everybody's.
    to_upper = whole_numbers(connection, f"SELECT bool_and(id = upper(id))::INT FROM {ids[base]}")[0]
    turned = ("upper" if to_upper else "lower") + "({0})"
    kept = f"contains({{0}}, '@') OR regexp_full_match({{0}}, '{_SALESFORCE_15.replace('{', '{{').replace('}', '}}')}')"
    kept += f" OR (strlen({{0}}) = 18 AND {_is_salesforce_18('{0}').replace('{18}', '{{18}}')})"
    folded = f"CASE WHEN {kept} THEN {{0}} ELSE {turned} END"
    value = folded.format("id")
    if not asked:
        gained = {name: _gain(connection, ids[base], ids[name], value) for name in others}
        gained = {name: n for name, n in gained.items() if n}
        if not gained:
            return []
        merged = sum(
            whole_numbers(connection, f"SELECT count(*) - count(DISTINCT {value}) FROM {relation}")[0]
            for relation in ids.values()
        )
        if merged:
            words = (
                "{n} more ids would be known in {base} if A1 and a1 were one, but {merged} different ids would then "
                "become one too; {key}: true does it"
            )
            said: dict[str, int | str] = {
                "base": f"data.{base}",
                "merged": merged,
                "key": f"data.ignore_case in {place}",
            }
            return [(name, Note(words, n=n, **said)) for name, n in gained.items()]
        words = (
            "A1 and a1 are one customer, because {n} more ids are then known in {base} and no two become one"
        )
        told = [(name, Note(words, n=n, base=f"data.{base}")) for name, n in gained.items()]
    else:
        told = []
    for name, table in keyed.items():
        merged = whole_numbers(connection, f"SELECT count(*) - count(DISTINCT {value}) FROM {ids[name]}")[0]
        if merged:
            told.append((name, Note("{n} ids that differ in case alone are now one with another", n=merged)))
        if whole_numbers(connection, f"SELECT count(*) FROM {ids[name]} WHERE id <> {value}")[0]:
            rewrite(connection, table, {"customer_id": folded.format("customer_id")})
            connection.execute(f"DROP TABLE {ids[name]}")
            _distinct(connection, table)
    return told


def _gain(connection: duckdb.DuckDBPyConnection, base: str, other: str, value: str) -> int:
    """Ids of *other* that meet *base* only if case is ignored."""
    return whole_numbers(
        connection,
        f"SELECT count(*) FROM (SELECT {value} AS turned FROM {other} AS o "
        f"WHERE NOT EXISTS (SELECT 1 FROM {base} AS b WHERE b.id = o.id)) "
        f"WHERE turned IN (SELECT {value} FROM {base})",
    )[0]


# --- zeros, and ids that name a person ----------------------------------------------------------


def _lost_zeros(
    connection: duckdb.DuckDBPyConnection, ids: dict[str, str], params: Params
) -> list[tuple[str, Note]]:
    base, *others = ids
    digits = "regexp_full_match(id, '[0-9]+')"
    told = []
    for name in others:
        row = connection.execute(
            f"""
            WITH loose AS (SELECT id, ltrim(id, '0') AS bare FROM {ids[name]} AS o
                           WHERE {digits} AND NOT EXISTS (SELECT 1 FROM {ids[base]} AS b WHERE b.id = o.id)),
            known AS (SELECT id, ltrim(id, '0') AS bare FROM {ids[base]} WHERE {digits})
            SELECT count(DISTINCT loose.id), coalesce(sum(sign(length(known.id) - length(loose.id))), 0),
                   coalesce(mode(greatest(length(known.id), length(loose.id))), 0),
                   (SELECT count(*) FROM {ids[name]})
            FROM loose JOIN known USING (bare) WHERE bare <> ''
            """
        ).fetchone()
        assert row is not None
        n, lean, width, total = map(int, row)
        short = name if lean > 0 else base
        if n < 2 or n < _MANY * total or params.data.sources[short].options.id_width:
            continue
        other = base if short == name else name
        said = {"other": f"data.{other}", "key": f"data.{short}.options.id_width"}
        told.append((short, Note(FILL_UP, n=n, width=width, **said)))
    return told


def _personal_ids(connection: duckdb.DuckDBPyConnection, table: Parsed, place: str) -> list[Note]:
    row = connection.execute(
        f"SELECT count(*), count(*) FILTER (regexp_full_match(customer_id, {literal(_EMAIL)})), "
        "count(*) FILTER (regexp_full_match(customer_id, '([+]?86[- ]?)?1[3-9][0-9]{9}|[+][0-9][0-9 -]{7,16}')), "
        "count(*) FILTER (regexp_full_match(customer_id, "
        "'[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]')) "
        f"FROM (SELECT customer_id FROM {table.relation} WHERE customer_id IS NOT NULL LIMIT {_SAMPLE})"
    ).fetchone()
    assert row is not None
    n, *found = row
    words = (
        "the ids are e-mail addresses, and the report shows them; client.customer_ids: hashed in {place} replaces them",
        "the ids are phone numbers, and the report shows them; client.customer_ids: hashed in {place} replaces them",
        "the ids are identity numbers, and the report shows them; client.customer_ids: hashed in {place} replaces them",
    )
    return [Note(text, place=place) for text, m in zip(words, found, strict=True) if n and m >= _MOST * n]
