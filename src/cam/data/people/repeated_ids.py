"""Columns that repeat customers' ids, by themselves or inside other text: hashing one column alone would hide nobody.

What is by chance an id is none: where the ids are numbers without a gap, any count or year is one of them. So numbers
count by how much of the numbers of their length are ids; what has fewer than 5 signs, only where most values are ids.
All is decided on a sample of rows; what is decided then holds for all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb

from cam.data.engine import identifier
from cam.data.parse import Parsed
from cam.data.people.identity import one_form
from cam.schema import TABLES

#: Tables of the workspace, while ids are hashed: id, hashed; form, hashed; an id in lower case; digits, share.
HASHES, FORMS, _LOWER, _DENSE = "_cam_hashes", "_cam_forms", "_cam_lower_ids", "_cam_dense"
_SAMPLE, _TEXTS, _LONGEST = 50_000, 1_000, 150
#: An id of fewer signs is no more than a word or a count; so many different ones are more than chance.
_SIGNS, _MANY = 5, 10
#: Shares of the filled values: from which on ids are no accident, an attribute tells who somebody is, most do.
_FEW, _SOME, _MOST = 0.02, 0.1, 0.5
#: Text columns that sort customers, and seldom name one.
_SORTS = {
    *("channel", "acquisition_channel", "product", "category", "currency", "stage", "status", "cost_type"),
    *("wave", "touchpoint", "arm"),
}
_SOMEBODY = re.compile(
    "ref$|refer|parent|customer|client|member|account|user|buyer|household|partner|sponsor|invit|introduc"
    "|推荐|邀请|上级|客户|会员|买家|用户",
    re.IGNORECASE,
)
_COUNTS = re.compile(
    r"(^|[^a-z])(n|num|count|age|score|days|months|years?|since|value|amount|share|rate|total)([^a-z]|$)"
    "|数|次|龄|分|年|额",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Repeated:
    """Columns of a table that repeat ids.

    Attributes
    ----------
    by_value : tuple of str
        Those whose values are ids: each that is one becomes its hash.
    whole : tuple of str
        Ids of something else, such as an order, with the customer's in them: all their values become hashes.
    inside : tuple of str
        Those in whose text ids stand: they cannot stay.
    """

    by_value: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()


def gather_forms(connection: duckdb.DuckDBPyConnection, *, keyed_hash: str) -> None:
    """Make the tables by which ids are recognised, from that of the ids and their hashes.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    keyed_hash : str
        SQL that hashes a text, with a place for it: of a form that two ids share, nobody can say whose it is.
    """
    connection.execute(
        f"CREATE TABLE {FORMS} AS SELECT form, CASE WHEN min(hashed) = max(hashed) THEN min(hashed) "
        f"ELSE {keyed_hash.format('form')} END AS hashed FROM ("
        f"SELECT {one_form('id')} AS form, hashed FROM {HASHES} UNION ALL "
        # An export that knows no capitals: of 18 signs it still is one id, of 15 perhaps.
        f"SELECT unnest([lower(id), lower({one_form('id')})]), hashed FROM {HASHES} WHERE strlen(id) IN (15, 18)"
        ") GROUP BY form"
    )
    connection.execute(
        f"CREATE TABLE {_LOWER} AS SELECT DISTINCT lower(id) AS low FROM {HASHES} WHERE length(id) >= {_SIGNS}"
    )
    connection.execute(
        f"CREATE TABLE {_DENSE} AS SELECT length(form) AS digits, count(*) / (9 * pow(10, digits - 1)) AS share "
        f"FROM {FORMS} WHERE regexp_full_match(form, '[0-9]+') GROUP BY 1"
    )


def forget_forms(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop the tables of :func:`gather_forms`.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    """
    for relation in (FORMS, _LOWER, _DENSE):
        connection.execute(f"DROP TABLE {relation}")


def find_repeated(connection: duckdb.DuckDBPyConnection, table: Parsed) -> Repeated:
    """Find the columns of a table that repeat ids of customers: the row's own, or anybody's.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace, after :func:`gather_forms`.
    table : Parsed
        Its ids not hashed yet.

    Returns
    -------
    Repeated
    """
    schema = TABLES[table.table]
    known = {name: schema.column(name) for name in table.columns if name != "customer_id"}
    others = [name for name, column in known.items() if column is None or column.kind == "text"]
    if not others:
        return Repeated()
    _take_sample(connection, table, others)
    by_value: list[str] = []
    whole: list[str] = []
    inside: list[str] = []
    for index, name in enumerate(others):
        is_key = known[name] is not None and name.endswith("_id")
        enough = _FEW if is_key else _SOME if known[name] is None else _MOST
        if _share_inside(connection, index) >= enough:
            (whole if is_key else inside).append(name)
        elif _are_ids(connection, index, name, is_attribute=known[name] is None):
            (whole if is_key else by_value).append(name)
    connection.execute("DROP TABLE _cam_sample")
    return Repeated(tuple(by_value), tuple(whole), tuple(inside))


def _take_sample(connection: duckdb.DuckDBPyConnection, table: Parsed, columns: list[str]) -> None:
    """Some rows, the same every time and from everywhere: each column as text and in its form."""
    own = "customer_id" if "customer_id" in table.columns else "CAST(NULL AS VARCHAR)"
    texts = ", ".join(f"CAST({identifier(name)} AS VARCHAR) AS c{i}" for i, name in enumerate(columns))
    forms = ", ".join(f"{one_form(f'c{i}')} AS f{i}" for i in range(len(columns)))
    row = connection.execute(f"SELECT count(*) FROM {table.relation}").fetchone()
    step = max(1, (row[0] if row else 0) // _SAMPLE)
    some = f" WHERE hash(rowid) % {step} = 0" if step > 1 else ""
    connection.execute(
        f"CREATE TABLE _cam_sample AS SELECT *, {one_form('own')} AS own_form, {forms} FROM "
        f"(SELECT hash(rowid) AS line, {own} AS own, {texts} FROM {table.relation}{some})"
    )


def _are_ids(connection: duckdb.DuckDBPyConnection, index: int, name: str, *, is_attribute: bool) -> bool:
    """Whether the values of a column of the sample are ids, more of them than by chance."""
    says_so = is_attribute and bool(_SOMEBODY.search(name)) and not _COUNTS.search(name)
    row = connection.execute(
        f"""
        WITH given AS (
            SELECT c{index} AS value, f{index} AS form, count(*) AS n, count(own_form) AS n_own,
                   count(*) FILTER (f{index} = own_form) AS own
            FROM _cam_sample WHERE c{index} IS NOT NULL GROUP BY ALL
        ), judged AS (
            SELECT given.*, length(value) < {_SIGNS} AS short, known.form IS NOT NULL AS known,
                   CASE WHEN {says_so} OR (starts_with(value, '0') AND NOT short) THEN 0
                        WHEN regexp_full_match(value, '(19|20)[0-9][0-9]') THEN 1
                        ELSE least(coalesce(dense.share, 0), 1) END AS chance
            FROM given LEFT JOIN {FORMS} AS known ON given.form = known.form
            LEFT JOIN {_DENSE} AS dense ON length(given.form) = digits AND regexp_full_match(given.form, '[0-9]+')
        )
        SELECT coalesce(sum(n), 0), coalesce(sum(n_own), 0), coalesce(sum(own), 0),
               coalesce(sum(n) FILTER (known AND NOT short), 0),
               coalesce(sum(n * chance) FILTER (NOT short), 0),
               coalesce(sum(n) FILTER (known AND (NOT short OR chance < {_SOME})), 0),
               count(*) FILTER (known AND short AND chance < {_SOME})
        FROM judged
        """
    ).fetchone()
    assert row is not None
    filled, with_own, own, long_known, by_chance, sure, different = row
    if with_own and 2 * own >= with_own:
        return True
    if long_known and long_known >= (_MOST if name in _SORTS else _FEW) * filled + 3 * by_chance:
        return True
    return bool(name not in _SORTS and different >= _MANY and sure >= _MOST * filled)


def _share_inside(connection: duckdb.DuckDBPyConnection, index: int) -> float:
    """Share of the filled values of a column of the sample in which an id stands beside other signs."""
    lengths = connection.execute(
        f"SELECT length(low) FROM {_LOWER} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 30"
    ).fetchall()
    if not lengths:
        return 0.0
    row = connection.execute(
        f"""
        WITH filled AS (
            SELECT * FROM (SELECT line, lower(left(c{index}, {_LONGEST})) AS text, f{index} AS form, lower(own) AS own
                           FROM _cam_sample WHERE c{index} IS NOT NULL ORDER BY line LIMIT {_TEXTS})
        ), given AS (SELECT * FROM filled WHERE NOT EXISTS (SELECT 1 FROM {FORMS} AS f WHERE f.form = filled.form)
        ), parts AS (
            SELECT line, text, size, unnest(range(1, length(text) - size + 2)) AS start
            FROM given, (SELECT unnest({[row[0] for row in lengths]}) AS size) WHERE length(text) > size
        ), found AS (
            SELECT line, low, CASE WHEN start > 1 THEN text[start - 1] ELSE '' END || low[1] AS before,
                   low[-1] || text[start + size] AS after
            FROM parts JOIN {_LOWER} AS ids ON ids.low = substr(text, start, size)
        ), others AS (
            SELECT DISTINCT line FROM found LEFT JOIN {_DENSE} AS dense
                ON length(ltrim(low, '0')) = digits AND regexp_full_match(low, '[0-9]+')
            WHERE coalesce(share, 0) < {_SOME}
                AND NOT regexp_full_match(before, '[0-9]{{2}}') AND NOT regexp_full_match(after, '[0-9]{{2}}')
                AND NOT (regexp_full_match(low, '\\pL+')
                         AND (regexp_full_match(before, '\\pL{{2}}') OR regexp_full_match(after, '\\pL{{2}}')))
        )
        SELECT (SELECT count(*) FROM filled), count(*) FROM given
        WHERE (length(own) >= {_SIGNS} AND contains(text, own)) OR line IN (SELECT line FROM others)
        """
    ).fetchone()
    assert row is not None
    return row[1] / row[0] if row[0] else 0.0
