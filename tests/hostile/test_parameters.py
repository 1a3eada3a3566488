"""Parameter files that are broken or were made to do harm: exit code 2, the line, and the cure."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hostile.room import GOOD, Room, ends, source

DATA = "data: {transactions: {path: orders.csv}}\n"


def laughs(depth: int = 9) -> str:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(depth)]
    return "\n".join(lines) + "\n" + DATA


def merged(depth: int = 30) -> str:
    lines = ["x0: &x0 {a: 1}"] + [f"x{n + 1}: &x{n + 1} {{<<: [*x{n}, *x{n}]}}" for n in range(depth)]
    return "\n".join(lines) + "\n" + DATA


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(b"", ("empty", "template"), id="empty"),
        pytest.param(b"\xef\xbb\xbf", ("empty", "template"), id="only a mark"),
        pytest.param("# nothing\n", ("empty", "template"), id="only a comment"),
        pytest.param("- a\n- b\n", ("sections",), id="a list"),
        pytest.param("just words", ("sections",), id="a sentence"),
        pytest.param("data:\n", ("line 1", "nothing in it"), id="nothing under data"),
        pytest.param("client: {id: acme}\n", ("data", "missing"), id="no data"),
        pytest.param(DATA + DATA, ("line 2", "stands twice", "line 1"), id="a section twice"),
        pytest.param("data:\n\ttransactions: {path: a}\n", ("line 2", "tab|YAML"), id="tabs"),
        pytest.param("data: {transactions: {path: a", ("YAML",), id="cut off"),
        pytest.param(
            "data: !!python/object/apply:os.system [echo pwned]\n", ("YAML|constructor|!!",), id="a command"
        ),
        pytest.param("data: !!python/name:os.system\n", ("data",), id="a function"),
        pytest.param(DATA + "client: !include /etc/passwd\n", ("YAML|!include",), id="an inclusion"),
        pytest.param(laughs(), ("acme.yaml",), id="aliases that grow"),
        pytest.param(merged(), ("acme.yaml",), id="merges that grow"),
        pytest.param("a: &a [*a]\n" + DATA, ("a",), id="an alias of itself"),
        pytest.param("data: &d {transactions: *d}\n", ("data",), id="a section within itself"),
        pytest.param("a: " + "[" * 20_000, ("deep|YAML",), id="deep lists"),
        pytest.param(
            "\n".join(" " * n + f"a{n}:" for n in range(1200)) + " 1\n" + DATA,
            ("deep|YAML|a0",),
            id="deep sections",
        ),
        pytest.param("- " * 50_000, ("deep|YAML|sections",), id="deep dashes"),
        pytest.param(b"client: {name: \xff\xfe\xfd}\n" + DATA.encode(), ("UTF-8",), id="no UTF-8"),
        pytest.param(DATA.encode("utf-16"), ("UTF-8",), id="utf-16"),
        pytest.param(bytes(range(256)) * 40, ("UTF-8|YAML",), id="binary"),
        pytest.param(b"client: {name: a\x00b}\n" + DATA.encode(), ("YAML",), id="a NUL"),
        pytest.param(
            'client: {name: "a\\0b"}\n' + DATA, ("client.name|NUL|text|control",), id="a NUL in quotes"
        ),
        pytest.param(
            DATA + "client: {as_of: 2024-02-31}\n", ("line 2", "as_of", "calendar"), id="31 February"
        ),
        pytest.param(DATA + "client: {id: ../../x}\n", ("line 2", "client.id"), id="an id that climbs"),
        pytest.param(DATA + "client: {id: beta}\n", ("line 2", "stem"), id="an id of another"),
        pytest.param(
            DATA + "client: {currency: dollars}\n", ("line 2", "currency"), id="a currency of words"
        ),
        pytest.param(
            DATA + "client: {language: tlh}\n", ("line 2", "language", "en"), id="a language of space"
        ),
        pytest.param(
            DATA + "client: {brand: {color: 'red; } body { display: none'}}\n",
            ("line 2", "color"),
            id="a style as a colour",
        ),
        pytest.param(
            DATA + "segmentation: {n_bins: 1" + "0" * 5000 + "}\n",
            ("n_bins|digits|YAML",),
            id="a number of 5,000 digits",
        ),
        pytest.param(
            DATA + "value: {annual_discount_rate: .nan}\n", ("annual_discount_rate",), id="no number"
        ),
        pytest.param(
            DATA + "value: {annual_discount_rate: 10}\n", ("annual_discount_rate", "rate"), id="per cent"
        ),
        pytest.param(
            DATA + "segmentation: {n_bin: 5}\n", ("n_bin", "did you mean n_bins"), id="a key misspelt"
        ),
        pytest.param(
            "data: {transaction: {path: a.csv}}\n",
            ("transaction", "did you mean|unknown"),
            id="a table misspelt",
        ),
        pytest.param(
            "data: {transactions: {path: [a.csv], table: b}}\n", ("one of path, table",), id="two places"
        ),
        pytest.param("data: {transactions: {path: []}}\n", ("path", "empty"), id="no path"),
        pytest.param(
            "data: {transactions: {path: a.csv, options: {delimiter: abc}}}\n",
            ("delimiter", "one character"),
            id="a long delimiter",
        ),
        pytest.param(
            "data: {transactions: {path: a.csv, options: {delimiter: '\"'}}}\n",
            ("delimiter", "one character"),
            id="a quote as delimiter",
        ),
        pytest.param(
            "data: {transactions: {path: a.csv, options: {skip_rows: -1}}}\n",
            ("skip_rows", "at least 0"),
            id="fewer than no rows",
        ),
        pytest.param(
            "data: {transactions: {path: a.csv, options: {skip_rows: 1e99}}}\n",
            ("skip_rows", "whole number"),
            id="endless rows to skip",
        ),
        pytest.param(
            "data: {transactions: {path: a.csv, options: {time_zone: ../../etc/passwd}}}\n",
            ("time_zone", "Asia/Shanghai"),
            id="a zone that climbs",
        ),
        pytest.param(
            "data: {transactions: {path: a.csv, options: {decimal: ';'}}}\n",
            ("decimal",),
            id="a decimal sign that is none",
        ),
        pytest.param(
            "data: {transactions: {path: a.csv, options: {revenue_per: week}}}\n",
            ("revenue_per", "order"),
            id="revenue per week",
        ),
        pytest.param(
            "data: {transactions: {path: a.csv, options: {names: []}}}\n", ("names", "empty"), id="no names"
        ),
        pytest.param(
            "data: {transactions: {path: a.csv, columns: {customer_id: 5}}}\n",
            ("customer_id", "text"),
            id="a number as a column",
        ),
        pytest.param(
            "data: {engine: 'postgres://me:secret@host/db', transactions: {table: a}}\n",
            ("password", "NAME"),
            id="a password",
        ),
    ],
)
def test_parameter_files(room: Room, text: str | bytes, words: tuple[str, ...]) -> None:
    outcome = ends(room, text, 2, *words)
    assert "pwned" not in outcome.told.replace("echo pwned", "")
    assert "secret" not in outcome.told


@pytest.mark.parametrize("size", [10_000_000, 3_000_000_000])
def test_a_parameter_file_that_is_too_long(room: Room, size: int) -> None:
    path = room.sparse(size, "acme.yaml", DATA.encode() + b"# " + b"x" * 100)
    outcome = room.cam("check", path)
    assert outcome.code == 2
    assert re.search("acme.yaml.*1 MB", outcome.err), outcome.told


def test_ten_megabytes_of_sound_parameters(room: Room) -> None:
    text = DATA + "".join(f"key_{n}: [1, 2, 3, 4, 5, 6, 7, 8]\n" for n in range(250_000))
    ends(room, text, 2, "acme.yaml", "1 MB")


def test_a_parameter_file_that_is_none(room: Room) -> None:
    import os

    os.mkfifo(room.folder / "pipe.yaml")
    (room.folder / "zero.yaml").symlink_to("/dev/zero")
    (room.folder / "round.yaml").symlink_to(room.folder / "round.yaml")
    (room.folder / "folder.yaml").mkdir()
    (room.folder / "null.yaml").symlink_to("/dev/null")
    for name in ("pipe", "zero", "null", "round", "folder"):
        outcome = room.cam("check", room.folder / f"{name}.yaml")
        assert outcome.code == 2
        assert f"{name}.yaml" in outcome.err, outcome.told


@pytest.mark.parametrize(
    "name", ["../x.yaml", "A.yaml", "a b.yaml", "a;ls.yaml", "-x.yaml", "CON.yaml", "客户.yaml", "..yaml"]
)
def test_names_that_are_no_ids(room: Room, name: str) -> None:
    (room.folder / "inner").mkdir()
    path = room.folder / "inner" / name
    path.write_text(DATA)
    outcome = room.cam("check", path)
    assert outcome.code in {2, 3}, outcome.told
    assert outcome.code == 2 or name == "../x.yaml", outcome.told


def check(room: Room, code: int, *words: str, **table: Any) -> None:
    sections: dict[str, Any] = {"data": {"transactions": {"path": room.write(GOOD), **table}}}
    ends(room, sections, code, *words)


def test_mappings(room: Room) -> None:
    check(room, 3, "'revenue' is read twice", "customer_id", "columns", columns={"customer_id": "revenue"})
    check(room, 3, "client_no", "not found", "columns", columns={"customer_id": "client_no"})
    check(room, 3, "nothing", "not found", "columns", columns={"customer_id": ["nothing", "nowhere"]})
    check(room, 2, "profit_of_the_year", "unknown column", columns={"profit_of_the_year": "no_such"})
    check(room, 2, "customer_id", "control character", columns={"customer_id": "x\x1b[2J"})


def test_options_that_do_not_fit(room: Room) -> None:
    check(room, 3, "orders.csv", "skip_rows|skipped|empty", "Export|skip_rows", options={"skip_rows": 1000})
    check(room, 3, "date_format", "%Q", options={"date_format": "%Q"})
    check(room, 3, "state", "not found", "states", options={"states": {"column": "state", "keep": ["paid"]}})
    check(room, 3, "refunded", "not found", "refund_column", options={"refund_column": "refunded"})
    check(room, 3, "price", "multiply_by", options={"multiply_by": "price"})
    check(room, 3, "line_value", "revenue_per|qty", options={"line_value": ["qty"]})


def test_a_query_that_is_none(room: Room) -> None:
    sections: dict[str, Any] = source("x")
    sections["data"] = {
        "engine": f"duckdb:///{room.folder}/none.db",
        "transactions": {"query": "DROP TABLE x"},
    }
    outcome = room.cam("check", room.params(sections))
    assert outcome.code in {2, 3} and re.search("query|database|engine", outcome.err), outcome.told


def test_a_preset_that_is_none(room: Room) -> None:
    check(room, 2, "preset", "shopfy", "shopify", preset="shopfy")
    check(room, 2, "preset", preset="../../secret")


def test_an_engine_that_is_none(room: Room) -> None:
    sections = {"data": {"engine": "file:///etc", "transactions": {"table": "a"}}}
    ends(room, sections, 3, "data.engine", "postgres://")


def test_a_last_day_before_all_others(room: Room) -> None:
    ends(room, source(room.write(GOOD), client={"as_of": "0202-01-01"}), 3, "all 3 rows", "client.as_of")
